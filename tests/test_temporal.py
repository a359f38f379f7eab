"""`always`, `eventually`, `until` and `margin`, against what they mean written out by hand."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import opengames as og
from opengames.dsl.check import check
from opengames.evaluate import evaluate

ROUNDS = 5
TEXT = """
type Round = 1..5
type Phase = Dawn | Noon | Dusk
type Order = {3, 1, 2}

param x: real[Round] = [else: 0]
param y: real[Round] = [else: 0]
param z: real[Phase] = [else: 0]
param w: real[Order] = [else: 0]

fun calm(v: real) -> bool = v <= 2 and v >= -2

query always_it     = always(x[t] <= y[t] for t in Round)
query always_margin = margin(always(x[t] <= y[t] for t in Round))
query even_it       = eventually(x[t] > y[t] for t in Round if t <= 3)
query even_margin   = margin(eventually(x[t] > y[t] for t in Round if t <= 3))
query until_it      = until((x[t] < 1, y[t] >= 0) for t in Round)
query until_margin  = margin(until((x[t] < 1, y[t] >= 0) for t in Round))
query later_it      = until((x[t] < 1, y[t] >= 0) for t in Round if t > 2)
query later_margin  = margin(until((x[t] < 1, y[t] >= 0) for t in Round if t > 2))
query reply_it      = always(x[t] > 0 implies eventually(y[u] > 0 for u in Round if t <= u <= t + 2) for t in Round)
query reply_margin  = margin(always(x[t] > 0 implies eventually(y[u] > 0 for u in Round if t <= u <= t + 2) for t in Round))
query calm_it       = always(calm(x[t]) or not (y[t] in [0, 3]) for t in Round)
query calm_margin   = margin(always(calm(x[t]) or not (y[t] in [0, 3]) for t in Round))
query equal_it      = eventually(x[t] == y[t] or x[t] != 1 for t in Round)
query equal_margin  = margin(eventually(x[t] == y[t] or x[t] != 1 for t in Round))
query phase_it      = until((z[p] <= 0, z[p] > 0) for p in Phase)
query phase_margin  = margin(until((z[p] <= 0, z[p] > 1) for p in Phase))
query order_it      = until((w[k] <= 0, w[k] > 1) for k in Order)
"""

PROGRAM = check(TEXT, "rounds.game").program
QUESTIONS = {q.name: q for q in PROGRAM.questions}

numbers = st.integers(-3, 3).map(Fraction)
families = st.lists(numbers, min_size=ROUNDS, max_size=ROUNDS).map(tuple)


def found(name, x, y=(Fraction(0),) * ROUNDS, z=(Fraction(0),) * 3, w=(Fraction(0),) * 3):
    return evaluate(QUESTIONS[name].term, {}, PROGRAM.funs, {"x": x, "y": y, "z": z, "w": w})


def until(p, q):
    """By going through the rounds, one after the other."""
    for before, reached in zip(p, q, strict=True):
        if reached:
            return True
        if not before:
            return False
    return False


def until_margin(p, q):
    """The best over the rounds of reaching it there and having held on till then."""
    return max(min([q[i], *p[:i]]) for i in range(len(q)))


@given(families, families)
def test_the_words_mean_what_they_say(x, y):
    assert found("always_it", x, y) == all(a <= b for a, b in zip(x, y, strict=True))
    assert found("even_it", x, y) == any(a > b for a, b in zip(x[:3], y[:3], strict=True))
    assert found("until_it", x, y) == until([a < 1 for a in x], [b >= 0 for b in y])
    assert found("later_it", x, y) == until([a < 1 for a in x[2:]], [b >= 0 for b in y[2:]])
    assert found("reply_it", x, y) == all(x[i] <= 0 or any(b > 0 for b in y[i : i + 3]) for i in range(ROUNDS))


@given(families, families)
def test_margins_are_those_of_signal_temporal_logic(x, y):
    assert found("always_margin", x, y) == min(b - a for a, b in zip(x, y, strict=True))
    assert found("even_margin", x, y) == max(a - b for a, b in zip(x[:3], y[:3], strict=True))
    assert found("until_margin", x, y) == until_margin([1 - a for a in x], list(y))
    assert found("later_margin", x, y) == until_margin([1 - a for a in x[2:]], list(y[2:]))
    assert found("reply_margin", x, y) == min(max(-x[i], *y[i : i + 3]) for i in range(ROUNDS))


@given(families, families)
def test_the_sign_of_a_margin_agrees_with_the_truth(x, y):
    for name in ("always", "even", "until", "later", "reply", "calm", "equal"):
        margin, holds = found(f"{name}_margin", x, y), found(f"{name}_it", x, y)
        assert margin <= 0 or holds, f"{name} has the margin {margin} and fails"
        assert margin >= 0 or not holds, f"{name} has the margin {margin} and holds"


@given(families, families, st.lists(numbers, min_size=ROUNDS, max_size=ROUNDS))
def test_a_shift_smaller_than_the_margin_changes_nothing(x, y, shifts):
    margin = found("until_margin", x, y)
    holds = found("until_it", x, y)
    largest = max(map(abs, shifts))
    scale = Fraction(9, 10) * abs(margin) / largest if largest else Fraction(0)
    moved = tuple(a + scale * s for a, s in zip(x, shifts, strict=True))
    assert margin == 0 or found("until_it", moved, y) == holds


@given(st.lists(numbers, min_size=3, max_size=3).map(tuple))
def test_rounds_that_are_labels_come_in_their_order(z):
    zero = (Fraction(0),) * ROUNDS
    assert found("phase_it", zero, z=z) == until([a <= 0 for a in z], [a > 0 for a in z])
    assert found("phase_margin", zero, z=z) == until_margin([-a for a in z], [a - 1 for a in z])


def test_rounds_out_of_order_come_as_the_index_has_them():
    zero = (Fraction(0),) * ROUNDS
    index = QUESTIONS["order_it"].term.iters[0][1].points
    for w in ((2, 1, 0), (0, 1, 2), (1, 0, 2), (1, 2, 0)):
        values = tuple(map(Fraction, w))
        assert len(index) == 3
        assert found("order_it", zero, w=values) == until([a <= 0 for a in values], [a > 1 for a in values])


TANK = """
use std.energy: MWh
type Hour = 1..4
param cap: real MWh = 8 MWh
channel Tank() -> (level: real MWh[Hour], rain: real MWh[Hour]) {
    for t in Hour carrying level = 5 MWh {
        rain ~ {0 MWh: 1/2, 2 MWh: 1/2}
        next level = level + rain - 1 MWh
    }
}
verify stays:   always(level[t] <= cap for t in Hour) of Tank
verify proved:  always(level[t] <= cap for t in Hour) of Tank by z3
verify slack:   margin(always(level[t] <= cap for t in Hour)) >= 0 MWh of Tank by z3
verify chance:  P(eventually(rain[t] == 2 MWh for t in Hour if t <= 2)) == 3/4 of Tank
verify runs:    P(until((rain[t] == 0 MWh, rain[t] > 0 MWh) for t in Hour)) >= 0.9 of Tank by simulate
query mean      = E(margin(always(level[t] <= cap for t in Hour))) of Tank
query reached   = P(until((rain[t] == 0 MWh, rain[t] > 0 MWh) for t in Hour)) of Tank
query sampled   = E(margin(always(level[t] <= cap for t in Hour))) of Tank by simulate[runs = 2_000]
"""


def test_every_reading_takes_them():
    m = og.loads(TANK)
    verdicts = {c.name: c.verdict for c in m.verify()}
    assert verdicts == {
        "stays": "proved", "proved": "proved", "slack": "proved", "chance": "proved", "runs": "supported",
    }  # fmt: skip
    highest = [max(5, *(5 + sum(steps[:i]) for i in range(1, 4))) for steps in SIGNS]
    assert m.query("mean").value == Fraction(sum(8 - h for h in highest), len(highest))
    assert m.query("mean").unit == "MWh"
    assert m.query("reached").value == Fraction(15, 16)
    sampled = m.query("sampled")
    assert sampled.interval[0] <= m.query("mean").value <= sampled.interval[1]


SIGNS = [(a, b, c) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)]


def test_a_family_of_truth_values_needs_no_index():
    m = og.loads("type R = 1..3   param ok: bool[R] = [else: true]   query a = always(ok)   query e = eventually(ok)")
    assert m.query("a").value is True and m.query("e").value is True
    assert m.with_params(ok="[1: false, else: true]").query("a").value is False


def test_a_name_of_the_authors_own_comes_first():
    assert og.loads("fun margin(x: real) -> real = 2 * x   query m = margin(3)").query("m").value == 6


@pytest.mark.parametrize(
    ("claim", "code"),
    [
        ("margin(1 <= 2 MWh)", "unit-mismatch"),
        ("margin(x <= 2 MWh and y <= 3)", "unit-mismatch"),
        ("margin(x <= 2 MWh and b)", "no-margin"),
        ("margin(b == true)", "no-margin"),
        ("margin(y in {1, 2})", "no-margin"),
        ("margin(forall v in real: v <= y)", "no-margin"),
        ("margin(y)", "type-mismatch"),
        ("margin(y <= 1, y <= 2)", "wrong-count"),
        ("until(y <= 1 for t in 1..3)", "aggregate-form"),
        ("until((y <= t, y > t) for t in 1..3, u in 1..3)", "aggregate-form"),
        ("always(y <= 3)", "aggregate-form"),
        ("always(y for t in 1..3)", "type-mismatch"),
        ("eventually(y <= t for t in real)", "infinite-range"),
    ],
)
def test_what_makes_no_sense_is_refused(claim, code):
    before = "use std.energy: MWh\nparam x: real MWh = 1 MWh\nparam y: real = 1\nparam b: bool = true\n"
    assert [d.code for d in check(f"{before}query q = {claim}", "text.game").diagnostics] == [code]
