"""A decision with rules read as a program: the five-bus market, shapes of rules and terms, and what is refused."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clearing_texts import cleared_at, clearing_of, data_of, exactly_at, named, solved

from opengames.clearings import INFEASIBLE, SOLVED, UNBOUNDED
from opengames.diagnostics import Refusal
from opengames.diagram import Decide
from opengames.flatten import flatten
from opengames.session import load, loads
from opengames.solvers.clearing.highs import solve
from opengames.solvers.clearing.kinks import are_unique
from opengames.solvers.clearing.recognise import clear_for

ERCOT = Path(__file__).parents[1] / "specs" / "examples" / "06_ercot.game"


# ------------------------------------------------------------------------- the five-bus market


def sced():
    program = load(ERCOT).program
    diagram = program.diagrams["Sced"]
    cleared = clear_for(program)(diagram, diagram.boxes[0], {})
    return program, cleared


def at_900(program, cleared, load_mw=900):
    return data_of(program, cleared, {"load": load_mw, "quote": (10, 35), "soc": 200})


def test_the_five_bus_market_clears_at_its_published_prices():
    """language.md, section 9: 900 MW, bid 10, offer 35 $/MWh, 200 MWh, checked there with HiGHS on a hand-built program."""
    program, cleared = sced()
    answers, status = solved(cleared, at_900(program, cleared))
    found = named(cleared, answers)
    assert status == SOLVED
    assert found["dual balance"] == pytest.approx([16.98, 26.38, 30.00, 39.94, 10.00], abs=0.005)
    assert found["dual reserve"] == pytest.approx(1.98, abs=0.005)
    assert found["out"] == pytest.approx(100)


def test_the_line_de_is_full_at_240_mw():
    _, cleared = sced()
    program = cleared.read.box
    thermal = next(k for k, r in enumerate(program.rules) if r.name == "thermal")
    rows = np.flatnonzero(cleared.read.pieces.rule == thermal)
    moving = cleared.moving
    data = np.array([900.0, 200.0, 35.0, 10.0])
    solution = solve(moving.at(data))
    flows = (moving.at(data).matrix @ solution.x)[rows]
    assert abs(flows[5]) == pytest.approx(240)
    assert (abs(flows) < np.array([400, 999, 999, 999, 999, 240]) + 1e-6).all()


def test_the_five_bus_market_in_rationals_has_the_same_prices_with_every_digit():
    program, cleared = sced()
    found = named(cleared, cleared.exactly(at_900(program, cleared)))
    lmp = found["dual balance"]
    assert all(isinstance(v, Fraction) for v in lmp)
    assert [float(v) for v in lmp] == pytest.approx([16.98, 26.38, 30.00, 39.94, 10.00], abs=0.005)
    # around the ring the price differences are in the ratio of the reactances of the lines that are not full
    assert (lmp[1] - lmp[0]) / (lmp[2] - lmp[1]) == Fraction(281, 108)
    assert lmp[2] == 30 and lmp[4] == 10  # units in the middle of their range at C and E


def test_prices_reported_by_a_call_inside_a_day_are_those_of_the_market_alone():
    """The day's diagram with calls dissolved has other names for the same wires."""
    program = load(ERCOT).program
    (loop,) = [b for b in program.diagrams["Day"].boxes if hasattr(b, "body")]
    body = flatten(loop.body)
    box = next(b for b in body.boxes if isinstance(b, Decide) and b.duals)
    cleared = clear_for(program)(body, box, {})
    values = {"load": 900, "soc": 200, "quote": (Fraction(10), Fraction(35))}
    data = [Fraction(v) for v in data_of(program, cleared, values)]
    _, alone = sced()
    assert cleared.exactly(data) == alone.exactly(at_900(program, alone))


def test_1600_mw_cannot_be_served_and_the_line_is_named():
    """language.md, section 8: of the six line limits only DE's removal cures it."""
    program, cleared = sced()
    data = at_900(program, cleared, 1600)
    assert solved(cleared, data)[1] == INFEASIBLE
    with pytest.raises(Refusal) as refused:
        cleared.exactly(data)
    (found,) = refused.value.diagnostics
    assert found.code == "infeasible"
    assert found.headline.startswith("these rules cannot hold together: ")
    assert "balance" in found.headline and "thermal[DE]" in found.headline
    assert "witness: load = 1600 MW" in found.notes
    assert any("without `thermal[DE]` (240 MW)" in note for note in found.notes)
    assert not any(f"thermal[{other}]" in str(found) for other in ("AB", "AD", "AE", "BC", "CD"))


def test_data_are_the_wires_known_before_and_nothing_else():
    program, cleared = sced()
    env = {"load": Fraction(1), "soc": Fraction(2), "quote": (Fraction(3), Fraction(4))}
    assert sorted(data_of(program, cleared, env)) == [1, 2, 3, 4]
    assert cleared.moves == 5 + 5 + 3 + 5 + 3 and cleared.prices == 6


def test_a_clearing_is_made_once_for_its_params():
    program = load(ERCOT).program
    clear = clear_for(program)
    diagram = program.diagrams["Sced"]
    assert clear(diagram, diagram.boxes[0], {}) is clear(diagram, diagram.boxes[0], {})
    assert clear(diagram, diagram.boxes[0], {"capacity": Fraction(1)}) is not clear(diagram, diagram.boxes[0], {})


def test_params_that_are_handed_in_are_used():
    program = load(ERCOT).program
    diagram = program.diagrams["Sced"]
    cleared = clear_for(program)(diagram, diagram.boxes[0], {"power": Fraction(40)})
    found = named(cleared, cleared.exactly(at_900(program, cleared)))
    assert found["out"] + found["spin"] <= 40
    assert found["out"] > 0


def test_members_side_by_side_are_the_members_one_by_one():
    program, cleared = sced()
    base = np.array([float(v) for v in at_900(program, cleared)])
    loads = np.linspace(300, 1700, 29)
    data = np.tile(base, (len(loads), 1))
    data[:, [v == 900 for v in base].index(True)] = loads
    answers, status = cleared.solve(data)
    unique = 0
    for k in range(len(loads)):
        one, alone = solved(cleared, data[k])
        assert alone == status[k]
        if alone != SOLVED:
            assert np.isnan(answers[k]).all()
            continue
        here = cleared.moving.at(data[k])
        assert here.cost @ answers[k, : cleared.moves] == pytest.approx(here.cost @ one[: cleared.moves])
        if are_unique(here, solve(here)):
            unique += 1
            assert answers[k, cleared.moves :] == pytest.approx(one[cleared.moves :], abs=1e-7)
    assert unique > 5 and (status == INFEASIBLE).any()


# ----------------------------------------------------------------------- shapes of rules and terms


def small(rules, decided="x: real", earning="x", inputs="a: real", after="", before="type I = 1..3"):
    return f"""
{before}
player op
game Market({inputs}) {{
    decide {decided} by op seeing {", ".join(w.split(":")[0].strip() for w in inputs.split(","))}
        earning {earning}
        subject to {{ {rules} }}
    {after}
}}
"""


def test_the_price_of_an_upper_limit_is_what_one_more_unit_earns():
    found = exactly_at(small("top: x <= a", earning="3*x", after="v = dual(top)"), {"a": 7})
    assert found == {"x": 7, "dual top": 3}


def test_the_price_of_a_lower_limit_is_what_one_more_unit_costs():
    """One more unit on the right of `>=` is a tighter rule: its worth is not above 0."""
    found = exactly_at(small("need: x >= a", earning="-3*x", after="v = dual(need)"), {"a": 7})
    assert found == {"x": 7, "dual need": -3}


def test_the_price_of_an_equation_is_what_one_more_unit_on_the_left_costs():
    found = exactly_at(small("balance: a == x", earning="-3*x", after="v = dual(balance)"), {"a": 7})
    assert found == {"x": 7, "dual balance": 3}
    turned = exactly_at(small("balance: x == a", earning="-3*x", after="v = dual(balance)"), {"a": 7})
    assert turned["dual balance"] == -3


@pytest.mark.parametrize("rule", ["abs(x - 1) <= a", "x - 1 in [-4, 4]", "-a <= x - 1 <= a", "max(x - 1, 1 - x) <= a"])
def test_a_distance_is_held_from_both_sides(rule):
    for earning, best in (("x", 5), ("-x", -3)):
        assert exactly_at(small(f"near: {rule}", earning=earning), {"a": 4})["x"] == best


@pytest.mark.parametrize("rule", ["abs(2*x - 1) <= a", "max(2*x - 1, 1 - 2*x) <= a", "-a <= 2*x - 1 <= a", "abs(2*x - 1) <= 4"])
def test_the_price_of_a_distance_is_that_of_its_limit(rule):
    for earning in ("x", "-x"):
        found = exactly_at(small(f"near: {rule}", earning=earning, after="v = dual(near)"), {"a": 4})
        assert found["dual near"] == Fraction(1, 2)


def test_a_limit_written_first_has_the_price_of_a_lower_limit():
    for limit in ("4", "a"):
        found = exactly_at(small(f"near: {limit} >= abs(2*x)", after="v = dual(near)"), {"a": 4})
        assert found == {"x": 2, "dual near": Fraction(-1, 2)}


def test_the_least_of_several_lines_is_earned():
    """max of min(2 x, 4 + x/2) - x is where the lines meet."""
    assert exactly_at(small("top: x <= 50", earning="min(2*x, a + x/2) - x"), {"a": 4})["x"] == Fraction(8, 3)


def test_the_largest_of_several_losses_is_paid():
    text = small("low: x >= -10", earning="-max(x for i in I) - max(i*x - 2 for i in I)")
    assert exactly_at(text, {"a": 4})["x"] == -10
    spread = small("fix[i in I]: y[i] >= i", decided="y: real[I]", earning="-max(abs(y[i]) for i in I) - y[1]/10")
    assert exactly_at(spread, {"a": 0})["y"][2] == 3


def test_a_square_is_earned_where_its_slope_is_gone():
    """max 4x - x^2 - (x - y)^2 - 2y^2 with x + y <= 1: by hand x = 6/7, y = 1/7, price 6/7."""
    text = small("cap: x + y <= 1", decided="x: real, y: real", earning="a*x - x^2 - (x - y)^2 - 2*y*y", after="v = dual(cap)")
    assert exactly_at(text, {"a": 4}) == {"x": Fraction(6, 7), "y": Fraction(1, 7), "dual cap": Fraction(6, 7)}
    found = cleared_at(text, {"a": 4})
    assert [found["x"], found["y"], found["dual cap"]] == pytest.approx([6 / 7, 1 / 7, 6 / 7], abs=1e-9)


def test_a_state_is_carried_through_a_decision():
    """15 units in store, at most 10 an hour, sold at 1, 3 and 2: nothing, ten, five; one more in store is worth 2."""
    text = """
type T = 1..3
player op
game Market(s0: real, price: real[T]) {
    decide c: [0, 10][T] by op seeing s0, price earning sum(price[t] * c[t] for t in T)
        subject to { floor[t in T]: 0 <= after[t] }
    for t in T carrying now = s0 {
        after = now - c[t]
        next now = after
    }
    v = [dual(floor[t]) for t in T]
}
"""
    assert exactly_at(text, {"s0": 15, "price": (1, 3, 2)}) == {"c": [0, 10, 5], "dual floor": [0, 0, 2]}


def test_truth_values_are_decided_as_whole_numbers():
    """A unit that costs 30 to start and runs at 10 to 50: at 2 a piece it runs, at 1/2 it does not."""
    text = small(
        "low: 10*ind(on) <= p\n high: p <= (if on then 50 else 0)", decided="on: bool, p: real", earning="a*p - 30*ind(on)",
        after="v = dual(high)",
    )  # fmt: skip
    assert exactly_at(text, {"a": 2}) == {"on": 1, "p": 50, "dual high": 2}
    on = cleared_at(text, {"a": 2})
    assert (on["on"], on["p"], on["dual high"]) == pytest.approx((1, 50, 2))
    off = cleared_at(text, {"a": Fraction(1, 2)})
    assert (off["on"], off["p"]) == pytest.approx((0, 0))


def test_rules_of_logic_on_decided_truth_values():
    text = small(
        "both: not (c and d)\n with: c implies e\n one: d or e", decided="c: bool, d: bool, e: bool",
        earning="4*ind(c) + 2*ind(d) - ind(e)",
    )  # fmt: skip
    found = cleared_at(text, {"a": 0})
    assert [round(found[k]) for k in "cde"] == [1, 0, 1]


@pytest.mark.parametrize("top", range(5, 15))
def test_grids_are_decided_point_by_point(top):
    """Even steps and uneven ones, against every pair of points."""
    text = small("lim: q + w <= a", decided="q: 0..10 step 2.5, w: {1, 4, 9}", earning="3*q + 4*w")
    found = cleared_at(text, {"a": top})
    best = max(3 * q + 4 * w for q in (0, 2.5, 5, 7.5, 10) for w in (1, 4, 9) if q + w <= top)
    exact = exactly_at(text, {"a": top})
    assert 3 * exact["q"] + 4 * exact["w"] == best
    assert 3 * found["q"] + 4 * found["w"] == pytest.approx(best)


def test_what_data_decide_is_weighed_by_it():
    text = small(
        "one: x[k] <= a\n two: (if a >= 3 then x[1] else x[2]) <= 4\n three: a >= 3 implies x[2] <= 6\n four[i in I]: x[i] <= 9",
        decided="x: [0, 20][I]", earning="sum(x[i] for i in I) + x[k]", inputs="a: real, k: I",
    )  # fmt: skip
    assert exactly_at(text, {"a": 3, "k": 1})["x"] == [3, 6, 9]
    assert exactly_at(text, {"a": 2, "k": 1})["x"] == [2, 4, 9]
    assert exactly_at(text, {"a": 5, "k": 3})["x"] == [4, 6, 5]


def test_only_what_data_choose_is_added_up():
    text = small(
        "lim: sum(x[i] for i in I if on[i]) <= a", decided="x: [0, 2][I]", earning="sum(x[i]/i for i in I)",
        inputs="a: real, on: bool[I]",
    )  # fmt: skip
    assert exactly_at(text, {"a": 1, "on": (False, True, False)})["x"] == [2, 1, 2]
    assert exactly_at(text, {"a": 1, "on": (True, True, False)})["x"] == [1, 0, 2]


def test_quotients_and_products_with_data_move_the_matrix():
    text = small("lim: x / a + k * x <= 1", earning="x", inputs="a: real, k: real")
    for a, k in ((2, 1), (4, 3)):
        assert exactly_at(text, {"a": a, "k": k})["x"] == 1 / (Fraction(1, a) + k)


def test_funs_calls_and_branches_are_read_through():
    text = """
type Mode = Low | High
type I = 1..2
player op
param mode: Mode = High
fun twice(v: real, by: real) -> real = by * v + v
channel scale(v: real, w: real) -> (out: real) {
    half = w / 2
    out = twice(v, half)
}
game Market(a: real, m: Mode) {
    decide x: [0, 100][I] by op seeing a, m earning sum(x[i] for i in I)
        subject to { first: grown <= a
                     second: x[2] <= cap
                     third: x[2] <= limit }
    grown ~ scale(x[1], a)
    if mode == High { cap = 10 } else { cap = x[1] }
    match m { Low => { limit = x[1] + 1 }  High => { limit = 50 } }
}
"""
    found = exactly_at(text, {"a": 6, "m": "Low"})
    assert found["x"] == [Fraction(3, 2), Fraction(5, 2)]
    assert exactly_at(text, {"a": 6, "m": "High"})["x"] == [Fraction(3, 2), 10]


def test_records_of_families_and_families_of_records():
    text = small(
        "one: q.up + f[A].up <= a\n two: f[B].dn + q.dn >= 1", decided="q: Q, f: Q[J]",
        earning="q.up - q.dn + f[A].up + f[B].up/2 - f[B].dn/4", before="type Q = (up: [0, 5], dn: [0, 3])\ntype J = A | B",
    )  # fmt: skip
    found = exactly_at(text, {"a": 3})
    assert found["q"][0] + found["f"][0] == 3
    assert found["f"][2:] == [5, 1] and found["q"][1] == 0


def test_every_place_of_a_rule_about_all_points():
    text = small("lim: forall i in I: x[i] <= a + i", decided="x: real[I]", earning="sum(i*x[i] for i in I)")
    assert exactly_at(text, {"a": 3})["x"] == [4, 5, 6]


def test_a_rule_that_can_never_hold_is_named():
    _, _, cleared = clearing_of(small("odd: 1 >= 2\n fine: x <= 3"))
    assert solved(cleared, [0] * len(cleared.data))[1] == INFEASIBLE
    assert "odd" in str(cleared.explain([0] * len(cleared.data)))


def test_what_grows_is_named():
    _, _, cleared = clearing_of(small("lim: x - 2*y <= 3", decided="x: real, y: real", earning="x - y", inputs="a: real"))
    assert solved(cleared, [0] * len(cleared.data))[1] == UNBOUNDED
    (found,) = cleared.explain(np.zeros(len(cleared.data))).diagnostics
    assert found.code == "unbounded"
    assert any("`x` and `y` grow without end" in n for n in found.notes)


# ------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("text", "word", "marked"),
    [
        (small("cap: x*y <= 1", decided="x: real, y: real"), "multiplies two decided wires", "x*y"),
        (small("cap: x <= 1", earning="-exp(x)"), "`exp` of what is decided", "exp(x)"),
        (small("cap: x <= 1", earning="if x >= 1 then 2 else 1"), "`if` on what is decided", "x >= 1"),
        (small("cap: x < 1"), "a strict comparison", "x < 1"),
        (small("cap: x != 1"), "`!=`", "x != 1"),
        (small("cap: abs(x) >= a"), "`abs` of what is decided can only be held down", "abs(x)"),
        (small("cap: min(x, 2) <= a"), "`min` of what is decided can only be held up", "min(x, 2)"),
        (small("cap: max(x, 2) == a"), "`max`", "max(x, 2)"),
        (small("cap: x <= 9", earning="max(x, 2)"), "and the earning does the other", "max(x, 2)"),
        (small("cap: x <= 9", earning="a * min(x, 2)"), "not known before the run", "min(x, 2)"),
        (small("cap: x <= 9", earning="a*x + x^2"), "not concave", "a*x + x^2"),
        (small("cap: x <= 9", earning="x*y", decided="x: real, y: [0, 1]"), "not concave", "x*y"),
        (small("cap: x <= 9", earning="x^3"), "a power of what is decided", "x^3"),
        (small("cap: a / x <= 9"), "a quotient by what is decided", "x"),
        (small("cap: x <= 1 or x >= 3"), "a choice between conditions", "x <= 1 or x >= 3"),
        (small("cap: x <= 9", earning="x*w", after="w ~ normal(1, 1)"), "`w` is drawn after the decision", "w"),
        (small("cap: x <= 9\n two: x <= v", after="v = dual(cap)"), "the price `dual cap`", None),
        (small("cap: k == High", decided="k: Mode, x: real", before="type Mode = Low | High"), "is a label, not a number", "k"),
    ],
)  # fmt: skip
def test_what_is_no_clearing_is_refused_at_the_term_to_blame(text, word, marked):
    with pytest.raises(Refusal) as refused:
        clearing_of(text)
    (found,) = refused.value.diagnostics
    assert found.code == "not-convex"
    assert word in found.headline
    if marked is not None:
        assert text[found.span.start : found.span.end] == marked


def test_an_earning_from_outside_is_refused():
    text = small("cap: x <= 1", earning="g").replace("game Market(a: real)", "game Market(a: real) expects (g: real)")
    with pytest.raises(Refusal, match="comes back from what happens after"):
        clearing_of(text)


def test_an_earning_on_what_is_not_seen_is_refused():
    text = small("cap: x <= 1", earning="x*b").replace("(a: real)", "(a: real, b: real)")
    with pytest.raises(Refusal, match="depends on `b`, which it does not see"):
        clearing_of(text)
    # a clearing sees the data of its rules
    clearing_of(text.replace("cap: x <= 1", "cap: x <= b"))


def test_a_quadratic_earning_that_moves_is_refused_as_not_yet():
    with pytest.raises(Refusal) as refused:
        clearing_of(small("cap: x <= 1", earning="-a*x^2"))
    assert refused.value.diagnostics[0].code == "not-yet"


def test_a_param_without_a_value_is_asked_for():
    model = loads(small("cap: x <= k").replace("player op", "player op\nparam k: real"), "market.game")
    diagram = model.program.diagrams["Market"]
    with pytest.raises(Refusal, match="`k` has no value"):
        clear_for(model.program)(diagram, diagram.boxes[0], {})
    clear_for(model.program)(diagram, diagram.boxes[0], {"k": Fraction(2)})


def test_at_least_one_of_several_decided_truth_values():
    text = """
    type U = A | B | C
    player op
    game Market(least: real) -> (n: real) {
        decide on: bool[U] by op
            seeing least
            earning -sum(if u == B then 1 else 3 for u in U if on[u])
            subject to { some: exists u in U where u != B: on[u] }
        n = sum(if on[u] then 1 else 0 for u in U)
    }
    """.replace("sum(if u == B then 1 else 3 for u in U if on[u])", "sum((if u == B then 1 else 3) * ind(on[u]) for u in U)")
    found = cleared_at(text, {"least": 1})
    assert found["on"][1] == 0 and found["on"][0] + found["on"][2] == 1


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("lim: -3 >= -p\nlow: p <= -5", "`lim` (-3) or `low` (-5)"),
        ("lim: p >= 3\nlow: -5 >= p", "`lim` (3) or `low` (-5)"),
        ("lim: 3 <= p\nlow: abs(p) <= 2", "`lim` (3) or `low` (2)"),
    ],
)
def test_what_a_rule_allows_has_its_sign(rules, said):
    with pytest.raises(Refusal) as refused:
        loads(f"player op\ngame Market {{ decide p: real by op earning p subject to {{ {rules} }} }}\nquery q = E(p) of Market").query("q")
    (found,) = refused.value.diagnostics
    assert f"without {said} the others can" in found.notes


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("exists i in 1..2: p[i] >= 3", "a rule that offers a choice between conditions"),
        ("p[1] <= 2 or p[2] <= 2", "a rule that offers a choice between conditions"),
    ],
)
def test_a_choice_between_conditions_says_how_to_write_it(rule, said):
    with pytest.raises(Refusal) as refused:
        loads(f"player op\ngame Market {{ decide p: real[1..2] by op earning -p[1] subject to {{ r: {rule} }} }}\nquery q = E(p[1]) of Market").query("q")
    (found,) = refused.value.diagnostics
    assert found.headline == said and "if on then" in found.help


def test_a_bent_number_times_a_decided_one_is_said_to_be_that():
    with pytest.raises(Refusal, match="`abs` of what is decided, multiplied by what is decided"):
        loads("player op\ngame Market { decide p: [0, 3] by op earning -p * abs(p) subject to { r: p <= 2 } }\nquery q = E(p) of Market").query("q")


def test_a_param_at_the_round_of_a_loop_is_named_as_a_witness():
    text = """
    type Hour = 1..3
    player op
    param load: real[Hour] = [5, 50, 1]
    game Market {
        for t in Hour {
            decide p: [0, 20] by op
                earning -p
                subject to { balance: load[t] == p }
            price = dual(balance)
        }
    }
    query q = E(price[2]) of Market
    """.replace("[5, 50, 1]", "[1: 5, 2: 50, 3: 1]")
    with pytest.raises(Refusal) as refused:
        loads(text).query("q")
    assert "witness: load[t] = 50" in refused.value.diagnostics[0].notes


def test_a_rule_with_two_sides_is_one_way_out():
    model = loads("""
    player op
    param width: real = -1
    game Market {
        decide x: real by op earning x
            subject to { within: 0 <= x <= width }
        price = dual(within)
    }
    query q = E(x) of Market
    """)
    with pytest.raises(Refusal) as raised:
        model.query("q")
    (found,) = raised.value.diagnostics
    assert found.notes == ("without `within` (-1) the others can",)
