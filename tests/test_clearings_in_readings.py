"""Clearings in the exact and the sampled reading: the protocol with a clearing in closed form, and texts with the real solver.

The oracle is merit order (`merit_order.py`): dispatch and price of one market by a rule that shares nothing with the solver.
"""

from fractions import Fraction
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from merit_order import CAP, COST, MARKET, MeritOrder, price

import opengames as og
from opengames import exact
from opengames.clearings import cleared, clearings
from opengames.sampled import simulate
from opengames.terms import Ask, Const, Prim, Var

DAY = """
type Hour = 1..12
game Day {
    for t in Hour carrying kept = 0 {
        noise ~ normal(0, 5)
        load = 50 + 3 * t + kept + noise
        price, p ~ Cleared(load)
        next kept = kept + price / 100
    }
}
"""

LOADS = """
type Load = 55..95 step 5
game Drawn {
    load ~ uniform(Load)
    price, p ~ Cleared(load)
}
query mean    = E(price) of Drawn
query given   = E(price | load > 80) of Drawn
query prices  = distribution(price) of Drawn
query floats  = E(price) of Drawn by lp
query runs    = E(price) of Drawn by simulate[runs = 500]
verify bounded: price <= 70 of Drawn
verify cheap:   price <= 25 of Drawn
verify nearly:  price <= 70 of Drawn by lp
"""


def stand_in(text, game, **shape):
    """The diagram of a game with merit order in place of the solver, and that clearing."""
    model, clearing = og.loads(MARKET + text), MeritOrder(**shape)
    return model.program, cleared(model.program.diagrams[game], lambda diagram, box, params: clearing, {}), clearing


# ------------------------------------------------------------------------ the protocol


def test_all_runs_side_by_side_reach_the_solver_in_one_call_each_round():
    program, day, clearing = stand_in(DAY, "Day")
    simulate(program, day, runs=1000)
    assert clearing.calls == [1024] * 12


def test_a_run_follows_the_prices_that_it_is_given():
    program, day, _ = stand_in(DAY, "Day")
    found = simulate(program, day, runs=50)
    for run in range(50):
        kept = 0.0
        for t in range(12):
            load = 50 + 3 * (t + 1) + kept + found["noise"][run, t]
            assert found["load"][run, t] == pytest.approx(load, abs=1e-9)
            expected = float(price(Fraction(load)))
            assert found["price"][run, t] == expected
            kept += expected / 100


def test_a_population_around_a_clearing_is_one_batch():
    program, crowd, clearing = stand_in(
        """
        type Person = 1..30
        game Crowd {
            for i in Person {
                noise ~ normal(0, 5)
                price, p ~ Cleared(60 + i + noise)
            }
        }
        """,
        "Crowd",
    )
    found = simulate(program, crowd, runs=16)
    assert clearing.calls == [16 * 30]
    loads = 60 + np.arange(1, 31) + found["noise"]
    assert (found["price"] == np.vectorize(lambda x: float(price(Fraction(x))))(loads)).all()
    assert found["p"].shape == (16, 30, 3)
    assert np.allclose(found["p"].sum(axis=2), loads)


BRANCHING = """
game Maybe {
    short ~ bernoulli(1/2)
    load = if short then 100 else 500
    if short { price, p ~ Cleared(load) } else { price = 0 }
}
"""


def test_only_the_members_of_the_arm_that_is_taken_are_solved():
    program, maybe, clearing = stand_in(BRANCHING, "Maybe")
    found = simulate(program, maybe, runs=64, keep=["price", "short"])
    assert sum(clearing.calls) == found["short"].sum() < 64
    assert (found["price"] == np.where(found["short"], 70, 0)).all()


def test_the_first_run_that_cannot_be_cleared_is_told_with_its_place():
    program, day, _ = stand_in(DAY, "Day", cap=(60, 30, 0))
    with pytest.raises(og.Refusal) as refused:
        simulate(program, day, runs=100)
    (told,) = refused.value.diagnostics
    assert told.code == "infeasible"
    run, hour = next((int(n.split()[2].strip(",")), int(n.split()[-1])) for n in told.notes if n.startswith("in run"))
    noise = simulate(program, day, runs=100, keep=["noise"])["noise"]
    first, when, load = _first_over(noise, limit=90)
    assert (run, hour) == (first, when)
    assert any(n == f"with load = {load:g}" for n in told.notes)


def _first_over(noise, limit):
    """The first run and its first hour in which the load of `DAY` is over a limit, by playing along."""
    for run, row in enumerate(noise):
        kept = 0.0
        for t, each in enumerate(row, 1):
            load = 50 + 3 * t + kept + each
            if load > limit:
                return run, t, load
            kept += float(price(Fraction(load))) / 100
    raise AssertionError("no run is over the limit")


def test_what_nobody_looks_at_is_not_solved():
    program, day, clearing = stand_in(DAY, "Day", cap=(1, 0, 0))
    assert simulate(program, day, runs=3, keep=["noise"])["noise"].shape == (3, 12)
    assert clearing.calls == []


def test_a_new_param_does_not_compile_or_recognise_again():
    text = "param level: real = 40\ngame Simple { price, p ~ Cleared(level) }"
    program, simple, _ = stand_in(text, "Simple")
    for level in (40, 70, 95):
        found = simulate(program, simple, runs=1, params={"level": Fraction(level)})
        assert found["price"][0] == price(level)
    assert len(clearings(simple)) == 1


# --------------------------------------------------------------------------- exactness


@settings(max_examples=30)
@given(st.lists(st.integers(0, 190), min_size=1, max_size=6, unique=True))
def test_expectations_are_the_averages_of_situations(loads):
    text = f"type Load = {{{', '.join(map(str, sorted(loads)))}}}\ngame Drawn {{ load ~ uniform(Load)\n price, p ~ Cleared(load) }}"
    program, drawn, clearing = stand_in(text, "Drawn")
    found = exact.answer(program, drawn, Ask("E", (Var("price"),)), program.param_values())
    assert found == sum(price(x) for x in loads) / Fraction(len(loads))
    assert isinstance(found, Fraction)
    assert clearing.exact_calls == len(loads)
    assert clearing.calls == []


def test_what_was_solved_is_not_solved_again():
    program, drawn, clearing = stand_in("type Load = 55..95\ngame Drawn { load ~ uniform(Load)\n price, p ~ Cleared(load) }", "Drawn")
    for wire in ("price", "load"):
        exact.answer(program, drawn, Ask("E", (Prim("*", (Var("price"), Var(wire))),)), program.param_values())
    assert clearing.exact_calls == 41


def test_in_floating_point_the_exact_reading_asks_for_floats():
    program, drawn, clearing = stand_in("type Load = 55..60\ngame Drawn { load ~ uniform(Load)\n price, p ~ Cleared(load) }", "Drawn")
    found = exact.answer(program, drawn, Ask("E", (Var("price"),)), program.param_values(), number=float)
    assert found == 12.5  # at 60 the next unit serves a hair more
    assert isinstance(found, float)
    assert (clearing.exact_calls, len(clearing.calls)) == (0, 6)


def test_evidence_may_exclude_what_cannot_be_cleared():
    program, drawn, _ = stand_in("type Load = {50, 500}\ngame Drawn { load ~ uniform(Load)\n price, p ~ Cleared(load) }", "Drawn")
    ask = Ask("E", (Var("price"), Prim("<", (Var("load"), Const(Fraction(100))))))
    assert exact.answer(program, drawn, ask, program.param_values()) == 10
    with pytest.raises(og.Refusal, match="cannot hold together"):
        exact.answer(program, drawn, Ask("E", (Var("price"),)), program.param_values())


# ---------------------------------------------------------------------- the real solver


@pytest.fixture(scope="module")
def loads():
    return og.loads(MARKET + LOADS)


DRAWN = [Fraction(x) for x in range(55, 100, 5)]


def test_questions_about_a_cleared_game_are_answered_in_rationals(loads):
    found = loads.query("mean")
    assert found.value == sum(map(price, DRAWN)) / len(DRAWN)
    assert found.method.startswith("exact")
    assert loads.query("given").value == sum(price(x) for x in DRAWN if x > 80) / sum(x > 80 for x in DRAWN)
    assert dict(loads.query("prices").value) == {Fraction(10): Fraction(1, 9), Fraction(25): Fraction(6, 9), Fraction(70): Fraction(2, 9)}


def test_floats_by_lp_and_runs_agree_with_rationals(loads):
    exactly = float(loads.query("mean").value)
    floats = loads.query("floats")
    assert float(floats.value) == pytest.approx(exactly, abs=1e-9)
    assert floats.method == "floating point, linear programming"
    low, high = loads.query("runs").interval
    assert low <= exactly <= high


def test_a_claim_is_proved_in_rationals_and_only_supported_in_floats(loads):
    assert loads.verify("nearly")[0].verdict == "supported"
    assert [loads.verify(n)[0].verdict for n in ("bounded", "cheap")] == ["proved", "refuted"]


def test_a_claim_about_plays_that_cannot_be_cleared_stays_open_and_names_the_rules():
    text = """
    type Load = {50, 500}
    game Drawn { load ~ uniform(Load)
        price, p ~ Cleared(load) }
    verify low:  price <= 70 of Drawn
    query  mean = E(price) of Drawn
    query  fine = E(price | load < 100) of Drawn
    """
    model = og.loads(MARKET + text)
    claim = model.verify("low")[0]
    assert claim.verdict == "unknown"
    assert claim.because[0].startswith("these rules cannot hold together: balance")
    with pytest.raises(og.Refusal) as refused:
        model.query("mean")
    assert [d.code for d in refused.value.diagnostics] == ["infeasible"]
    assert model.query("fine").value == 10


def test_what_was_solved_is_printed_with_the_answer():
    model = og.loads(MARKET + LOADS)
    (line,) = model.query("mean").because
    assert line == "`price.p` cleared: 9 in rationals"
    line = model.query("floats").because[-1]
    assert line.startswith("`price.p` cleared: 9 in floating point")
    assert float(line.split("largest KKT residual ")[1].split(";")[0]) < 1e-9
    assert "9 in" not in " ".join(model.query("mean").because)


@settings(max_examples=40)
@given(st.fractions(0, 190, max_denominator=50) | st.sampled_from([Fraction(0), Fraction(60), Fraction(90)]))
def test_both_readings_clear_as_merit_order_does(load):
    model = _cleared()
    run = model["Cleared"].run(runs=1, inputs={"load": load})
    moves = MeritOrder().exactly((load,))[:-1]
    assert np.allclose(run["p"][0], [float(x) for x in moves], atol=1e-9)
    if load < 190:  # where nothing is left, one more cannot be served at any price
        assert run["price"][0] == pytest.approx(float(price(load)), abs=1e-9)


@cache
def _cleared():
    return og.loads(MARKET)


@settings(max_examples=15)
@given(st.lists(st.sampled_from(DRAWN), min_size=2, max_size=2), st.integers(0, 2))
def test_games_with_clearings_compose(two, unit):
    """Two markets side by side mean what each means alone."""
    text = f"""game Both {{
        price, p  ~ Cleared({two[0]})
        other, q  ~ Cleared({two[1]})
        total = price + other
    }}
    query total = E(total) of Both
    query moved = E(p[{('Cheap', 'Fair', 'Dear')[unit]}] - q[{('Cheap', 'Fair', 'Dear')[unit]}]) of Both"""
    model = og.loads(MARKET + text)
    a, b = (MeritOrder().exactly((x,)) for x in two)
    assert model.query("total").value == a[-1] + b[-1]
    assert model.query("moved").value == a[unit] - b[unit]


def test_a_quadratic_earning_is_for_qp():
    text = """
    player operator
    game Bent(most: real) -> (q: real, worth: real) {
        decide q: real by operator seeing most earning 60 * q - q * q
            subject to { low: 0 <= q  enough: q <= most }
        worth = dual(enough)
    }
    game Twenty { q, worth ~ Bent(20) }
    query made  = E(q) of Twenty by qp
    query worth = E(worth) of Twenty by qp
    query line  = E(q) of Twenty by lp
    """
    model = og.loads(text)
    assert float(model.query("made")) == pytest.approx(20, abs=1e-8)
    assert float(model.query("worth")) == pytest.approx(60 - 2 * 20, abs=1e-7)
    with pytest.raises(og.Refusal, match="quadratic") as refused:
        model.query("line")
    assert refused.value.diagnostics[0].code == "unsuited-method"


def test_lp_is_refused_where_nothing_is_cleared():
    model = og.loads("game Coin { toss ~ bernoulli(1/2) }\nquery heads = P(toss) of Coin by lp")
    with pytest.raises(og.Refusal, match="has none") as refused:
        model.query("heads")
    assert refused.value.diagnostics[0].code == "unsuited-method"


def test_a_single_run_prints_families_key_by_key():
    lines = _cleared()["Cleared"].run(runs=1, inputs={"load": 75}).lines()
    assert [line.split() for line in lines] == [["price", "25"], ["p[Cheap]", "60"], ["p[Fair]", "15"], ["p[Dear]", "0"]]


def test_merit_order_is_the_cheapest_dispatch():
    """The oracle itself, by brute force over all dispatches in steps of 5."""
    for load in (5, 60, 65, 130):
        splits = (s for s in product(*(range(0, cap + 1, 5) for cap in CAP)) if sum(s) == load)
        least = min(sum(c * x for c, x in zip(COST, split, strict=True)) for split in splits)
        moves = MeritOrder().exactly((Fraction(load),))[:-1]
        assert sum(c * x for c, x in zip(COST, moves, strict=True)) == least


KINK = """
player operator
game Kink(load: real) -> (price: real, need: real) {
    decide p: real, q: real, r: real by operator
        seeing load
        earning -(10 * p + 30 * q + r)
        subject to {
            balance: load == p + q
            first:   0 <= p <= 100
            second:  0 <= q <= 50
            reserve: r >= 0
            none:    r <= 0
        }
    price = dual(balance)
    need  = dual(none)
}
type Load = {20, 90, 100}
game One { price, need ~ Kink(100) }
game Three { load ~ uniform(Load)
    price, need ~ Kink(load) }
game Many { load ~ uniform(0, 150)
    price, need ~ Kink(load) }
query one   = E(price) of One
query again = E(price) of One
query lp    = E(price) of One by lp
query runs  = E(price) of One by simulate[runs = 20]
query three = E(price) of Three
query many  = E(price) of Many by simulate[runs = 50]
"""


def test_a_price_that_is_not_unique_is_told_with_its_interval():
    model = og.loads(KINK)
    names = ("one", "again", "lp", "runs", "three", "many")
    said = {name: [line for line in model.query(name).because if "unique" in line] for name in names}
    interval = "`dual(balance)` of `price.p` is not unique: 10 to 30; the upper end is told"
    assert all(said[name] == [interval] for name in ("one", "again", "lp", "runs"))
    assert said["three"] == [interval.replace("unique:", "unique in 1 of 3 plays, at first:")]
    # of loads drawn from an interval none is a kink, and no engine's doubt is told
    assert said["many"] == []
    assert interval in model["One"].run(runs=5).certificate
