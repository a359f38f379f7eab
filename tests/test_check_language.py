"""Every construct of the language, checked, elaborated, and answered exactly."""

from fractions import Fraction
from pathlib import Path

import pytest

from opengames import spaces
from opengames.diagram import Branch, Call, Compute, Decide, Draw, Loop, walk
from opengames.dsl.check import check
from opengames.evaluate import evaluate

ENERGY = "use std.energy: MW, MWh, h, min\n"


def program(text):
    checked = check(text, "text.game")
    assert [d.headline for d in checked.diagnostics] == []
    return checked.program


def codes(text):
    return [d.code for d in check(text, "text.game").diagnostics]


def claim(expression, before=""):
    """The value of a closed claim or number."""
    made = program(f"{before}\nquery it = {expression}\n")
    return evaluate(made.questions[-1].term, {}, made.funs, made.param_values())


def unit_of(expression, before=""):
    shown = program(f"{before}\nquery it = {expression}\n").questions[-1].space.shown
    return shown.unit if shown is not None else ""


# ------------------------------------------------------------------------- numbers and units


@pytest.mark.parametrize(
    ("claimed", "holds"),
    [
        ("0.1 + 0.2 == 0.3", True),
        ("1/3 + 1/3 + 1/3 == 1", True),
        ("50% == 0.5", True),
        ("5 min == 1/12 * 1 h", True),
        ("2 MW * 3 h == 6 MWh", True),
        ("10 $/MWh * 2 MWh == 20 $", True),
        ("2 ^ 10 == 1024 and 2 ^ (0 - 1) == 0.5", True),
        ("1 < 2 <= 2 < 3", True),
        ("not (1 > 2) implies 2 > 3", False),
        ("min(3, 1, 2) == 1 and max(3, 1) == 3 and abs(-2) == 2 and clamp(7, 0, 5) == 5", True),
        ("sum(k for k in 1..10 if k > 5) == 40", True),
        ("product(k for k in 1..5) == 120", True),
        ("exists k in 1..10: k ^ 2 == 49", True),
        ("forall k in 1..10 where k > 3: k >= 4", True),
        ("2 in 0..4 step 0.5 and not (0.3 in 0..4 step 0.5)", True),
        ("ind(2 > 1) + ind(2 < 1) == 1", True),
        ("-(2) ^ 2 == -4", True),
    ],
)
def test_numbers_are_exact_and_units_convert(claimed, holds):
    assert claim(claimed, ENERGY) is holds


@pytest.mark.parametrize(
    ("written", "unit"),
    [
        ("3 $/h * 2 h", "$"),
        ("3 MW * 2 h", "MWh"),
        ("3 MWh / 2 h", "MW"),
        ("30 $ / 2 MWh", "$/MWh"),
        ("3 MW / 1 MW", ""),
        ("max(30 min, 1 h)", "min"),
    ],
)
def test_a_number_is_shown_in_the_most_natural_unit(written, unit):
    assert unit_of(written, ENERGY) == unit


def test_the_unit_on_the_last_number_covers_those_before_it():
    made = program(ENERGY + "type A = 0..4 step 0.5 $\ntype B = {5, 10 $}\ntype C = [0, 400 MWh]\ntype D = 10..30 min")
    assert spaces.size(made.types["A"]) == 9
    assert made.types["B"] == spaces.Grid((Fraction(5), Fraction(10)))
    assert made.types["C"] == spaces.Reals(Fraction(0), Fraction(400))
    assert made.types["D"].points[:2] == (Fraction(1, 6), Fraction(11, 60))


# ------------------------------------------------------------------------------------ tables

TABLES = """
type Move = Up | Down
type Pay  = (mine: real, theirs: real)
fun cross(mine: Move, theirs: Move) -> real = table {
    | mine \\ theirs || Down | Up |
    | Down           ||    1 |  2 |
    | Up             ||    3 |  4 |
}
fun record(theirs: Move, mine: Move) -> Pay = table {
    | mine | theirs || theirs | mine |
    | Up   | Up     ||      1 |    2 |
    | Up   | Down   ||      3 |    4 |
    | Down | Up     ||      5 |    6 |
    | Down | Down   ||      7 |    8 |
}
param weight: real[Move, bool] = table {
    | bool  | Move || value |
    | true  | Up   ||     1 |
    | false | Up   ||     2 |
    | true  | Down ||     3 |
    | false | Down ||     4 |
}
param plant: (cap: real, cost: real)[Move] = table {
    | Move || cost | cap |
    | Down ||    1 |   2 |
    | Up   ||    3 |   4 |
}
"""


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("cross(Up, Down)", 3),
        ("cross(theirs = Down, mine = Up)", 3),
        ("record(Down, Up).theirs", 3),
        ("record(mine = Down, theirs = Up).mine", 6),
        ("weight[Down, true]", 3),
        ("sum(weight[Up])", 3),
        ("plant[Up].cap", 4),
        ("sum(plant[m].cost for m in Move)", 4),
    ],
)
def test_tables_mean_what_their_heads_say(written, value):
    assert claim(written, TABLES) == value


def test_the_rows_of_a_channel_are_distributions():
    made = program(
        "type W = High | Low\nchannel sky(last: W) -> W = table { | last || Low | High | | High || 40% | 60% |"
        " | Low || 1/3 | 2/3 | }"
    )
    (box,) = made.diagrams["sky"].boxes
    assert isinstance(box, Draw)
    assert sorted(evaluate(box.kernel, {"last": "Low"}, {}, {})) == [("High", Fraction(2, 3)), ("Low", Fraction(1, 3))]


# ---------------------------------------------------------------------- statics, seats, blocks


def test_statics_are_players_ports_or_sizes():
    made = program(
        """
        player ann, owner[bool]
        game One[who: player, k: real](x: bool) -> (y: bool) { decide y: bool by who seeing x earning k * ind(y) }
        channel sized[n: nat](x: bool) -> (z: bool[1..n]) { for i in 1..n { z = x } }
        game All(x: bool) {
            a ~ One[ann, 2](x)
            for i in bool { b ~ One[owner[i], k = 3](x) }
            c ~ sized[4](x)
        }
        """
    )
    assert {"One[ann]", "One[owner]", "sized[4]", "All"} <= set(made.diagrams)
    assert [p.name for p in made.diagrams["One[ann]"].inputs] == ["k", "x"]
    assert spaces.index_size(made.diagrams["sized[4]"].outputs[0].space.index) == 4
    calls = [box for _, box in walk(made.diagrams["All"]) if isinstance(box, Call)]
    assert [c.name for c in calls] == ["a", "b", "c"]


def test_a_block_may_be_written_in_any_order():
    forward = program("channel c(x: real) -> (z: real) { y = x + 1\n z = 2 * y }").diagrams["c"]
    backward = program("channel c(x: real) -> (z: real) { z = 2 * y\n y = x + 1 }").diagrams["c"]
    assert [b.out.name for b in forward.boxes] == [b.out.name for b in backward.boxes] == ["y", "z"]


def test_a_carried_wire_is_outside_the_family_of_its_values_at_the_start_of_each_round():
    made = program(
        """
        channel day(first: 0..9) -> (seen: real[1..3], last: real) {
            for t in 1..3 carrying n = first { next n = n + t }
            seen = n
            last = n[3]
        }
        """
    )
    loop = next(b for b in made.diagrams["day"].boxes if isinstance(b, Loop))
    assert [c.name for c in loop.carry] == ["n"]
    assert ("n", "n") in loop.outs


def test_branches_merge_the_wires_that_every_arm_binds():
    made = program(
        """
        channel c(a: bool, b: bool) -> (z: real) {
            match (a, b) {
                (true, _) => { x = 1 },
                (false, true) => { x = 2.5
 y = 3 },
                _ => { x = 3 }
            }
            z = x
        }
        """
    )
    branch = next(b for b in made.diagrams["c"].boxes if isinstance(b, Branch))
    assert [p.name for p in branch.outs] == ["x"]
    assert [len(arm.values) for arm in branch.arms] == [2, 1, 1]


def test_composed_games_keep_their_decisions_and_ports():
    made = program(
        """
        player ann, bob
        game First(x: bool) -> (y: bool) { decide y: bool by ann seeing x earning ind(y) }
        game Second(y: bool) -> (z: bool) expects (gain: real) { decide z: bool by bob seeing y earning gain }
        game Both(x: bool) -> (z: bool) expects (gain: real) = First >> Second
        game Side(x: bool, y: bool) -> (a: bool, b: bool) expects (gain: real) = First @ Second
        """
    )
    decided = [box.outs[0].name for _, box in walk(made.diagrams["Both"]) if isinstance(box, Decide)]
    assert decided == ["y", "z"]
    assert [p.name for p in made.diagrams["Both"].expects] == ["gain"]
    assert len(made.diagrams["Side"].outputs) == 2


def test_what_a_game_reports_is_read_behind_a_dot():
    made = program(
        """
        player ann
        game Inner(x: bool) -> (y: bool) reports (lucky: bool) {
            decide y: bool by ann seeing x earning ind(y)
            lucky = x == y
        }
        game Outer(x: bool) -> (won: bool) { y ~ Inner(x)  won = y.lucky }
        """
    )
    call = next(b for b in made.diagrams["Outer"].boxes if isinstance(b, Call))
    assert call.reports == ("y.lucky",)
    assert any(isinstance(b, Compute) and b.out.name == "won" for b in made.diagrams["Outer"].boxes)


def test_a_param_may_be_computed_with_funs_declared_anywhere():
    made = program("param size: nat = twice(2)\ntype Slot = 1..size\nfun twice(n: nat) -> nat = 2 * n")
    assert spaces.size(made.types["Slot"]) == 4
    assert made.params["size"].static


def test_a_fun_may_share_its_name_with_a_column_or_an_iteration():
    made = program("fun price(w: bool) -> real = table { | w || price | | true || 1 | | false || 2 | }")
    assert set(made.funs) == {"price"}
    assert codes("channel c(x: real) -> (t: real) { t = sum(t * x for t in 1..3) }") == []


# -------------------------------------------------------------------- one mistake, one report


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("unit MW\nchannel c(x: real MW) -> (y: real MW) { y = x + 1 }", "unit-mismatch"),
        ("channel c(x: real Q) -> (y: real Q) { y = x + 1 Q }", "no-such-unit"),
        ("fun f(x: Nope) -> Nope = x\nfun g(x: Nope) -> Nope = f(x)", "unknown-type"),
        ("channel c(x: real) -> (y: real) { z = w + 1\n y = z * z }", "unknown-name"),
        ("param n: nat = m\nparam m: nat = n\ntype T = 1..n\nfun f(t: T) -> T = t", "cycle"),
        ("type T = 1..n\nparam n: nat = 1/0\nparam x: T = 1", "division-by-zero"),
        ("player p\ngame G { G() }\nstrategy s of G { }\nverify v: equilibrium(s)", "recursive"),
    ],
)
def test_one_mistake_is_reported_once(text, code):
    assert codes(text) == [code]


# ------------------------------------------------------------------------ answers, exactly


def answers(text):
    """The exact answers of a text's queries, by name."""
    from opengames.session import loads

    model = loads(text)
    return {q.name: model.query(q.name).value for q in program(text).questions if q.kind == "query"}


def test_what_is_elaborated_is_what_is_meant():
    found = answers(
        """
        type Wind = High | Low
        player ann
        channel sky(last: Wind) -> Wind = table { | last || High | Low | | High || 75% | 25% | | Low || 1/3 | 2/3 | }
        channel days(first: Wind) -> (last: Wind, count: 0..3) {
            for t in 1..3 carrying wind = first {
                next wind ~ sky(wind)
            }
            last ~ sky(wind[3])
            count = sum(ind(wind[t] == High) for t in 1..3)
        }
        game Bet {
            start ~ uniform(Wind)
            last, count ~ days(start)
            decide high: bool by ann seeing start earning ind(high == (last == High))
            won = high == (last == High)
        }
        strategy stay of Bet { ann.high = start == High }
        query up    = P(last == High | start == High)
        of Bet under stay
        query mean  = E(count) of Bet under stay
        query again = P(won) of Bet under stay
        """
    )
    p, up = Fraction(3, 4), Fraction(1)
    chances = [up]
    for _ in range(3):
        up = up * p + (1 - up) * Fraction(1, 3)
        chances.append(up)
    low = [Fraction(0)]
    for _ in range(3):
        low.append(low[-1] * p + (1 - low[-1]) * Fraction(1, 3))
    assert found["up"] == chances[3]
    assert found["mean"] == (sum(chances[:3]) + sum(low[:3])) / 2
    assert found["again"] == (chances[3] + 1 - low[3]) / 2


def test_a_reversed_loop_carries_from_the_end():
    found = answers(
        """
        channel back() -> (x: real) {
            for t in 1..3 reversed carrying worth = 0 { next worth = t + worth / 2 }
            x = worth[1]
        }
        query first = E(x) of back
        """
    )
    assert found["first"] == 2 + Fraction(3, 2)


ACROSS = """
type A = X | Y
channel meet(a: A, b: A) -> {output} = table {{
    | a \\\\ b || X     | Y     |
    | X      || {cell} | false |
    | Y      || true  | true  |
}}
channel both() -> (c: bool) {{
    a ~ uniform(A)
    b ~ {{X: 1/4, Y: 3/4}}
    c ~ meet(a, b)
}}
query chance = P(c) of both
"""


@pytest.mark.parametrize("output", ["bool", "(c: bool)"])
def test_a_table_of_a_channel_with_an_input_across_holds_results(output):
    text = ACROSS.replace("\\\\", "\\").format(output=output, cell="true")
    assert answers(text)["chance"] == Fraction(1, 2) * Fraction(1, 4) + Fraction(1, 2)


@pytest.mark.parametrize("output", ["bool", "(c: bool)"])
def test_chances_in_such_a_table_are_told_where_they_go(output):
    found = check(ACROSS.replace("\\\\", "\\").format(output=output, cell="0.1"), "t.game").diagnostics
    assert [d.code for d in found] == ["type-mismatch"]
    assert "for chances, head the table `| a | b || false | true |`" in found[0].help


@pytest.mark.parametrize(("wire", "help"), [("kind", "ask `distribution(kind)`"), ("c", "`P(c)` is the chance of an event")])
def test_what_is_no_number_is_asked_for_by_its_own_name(wire, help):
    text = f"type A = X | Y\nchannel q() -> (c: bool, kind: A) {{ c ~ bernoulli(1/2)\nkind ~ uniform(A) }}\nquery e = E({wire}) of q\n"
    (found,) = check(text, "t.game").diagnostics
    assert found.help == help


def test_the_reference_states_the_limits_that_the_checker_keeps():
    from opengames.cases import CASES
    from opengames.dsl import source, tables, type_expressions
    from opengames.exact.asking import STATES
    from opengames.solvers.layers import NODES

    page = (Path(__file__).parents[1] / "docs" / "language.md").read_text(encoding="utf-8")
    limits = {
        "characters of a text": source.LONGEST_TEXT,
        "brackets inside each other": source.DEEPEST_BRACKETS,
        "points of a range or set": type_expressions.MAX_POINTS,
        "elements of a family": type_expressions.MAX_ELEMENTS,
        "rows of a table": tables.MAX_ROWS,
        "cases of a quantifier that are tried": CASES,
        "states of the exact reading": STATES,
        "situations of a game that are kept apart": NODES,
    }
    for words, limit in limits.items():
        assert f"| {words} | {limit:,} |" in page
