"""The translation to z3 says of every term what evaluation says of it, at any values of its variables."""

from __future__ import annotations

import math
from fractions import Fraction as F

import mpmath
import pytest
import z3
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies_proved import COLOUR, SHORT, numbers, rationals, truths

from opengames.diagnostics import Refusal
from opengames.evaluate import evaluate
from opengames.proved import bounds
from opengames.proved import values as v
from opengames.proved.convex import AFFINE, CONCAVE, CONVEX, curvature
from opengames.proved.intervals import Interval
from opengames.proved.translate import Scope, Translator
from opengames.spaces import BOOL, Family, Reals
from opengames.terms import Const, If, Prim, Var

TYPES = {"x": Reals(), "y": Reals(), "b": BOOL, "c": COLOUR, "f": Family((SHORT,), Reals())}
POINTS = st.fixed_dictionaries(
    {
        "x": rationals, "y": rationals, "b": st.booleans(), "c": st.sampled_from(COLOUR.labels),
        "f": st.tuples(rationals, rationals, rationals),
    }
)  # fmt: skip


def opened(known=frozenset()):
    """A translator and a scope in which all variables are open but those in `known`."""
    tr = Translator({}, {})
    return tr, Scope({n: known[n] if n in known else tr.open(n, s) for n, s in TYPES.items()}, TYPES)


def holds_at(tr, scope, point, *claims):
    """Whether the claims can hold, and whether they can fail, at the point."""
    fixed = [v.truth(tr.labels.same(scope.values[n], value)) for n, value in point.items()]
    together = v.conj(claims)
    answers = []
    for wanted in (together, v.negation(together)):
        solver = z3.Solver()
        solver.add(*[v.truth(x) for x in tr.complete(wanted)], *fixed)
        answers.append(solver.check() == z3.sat)
    return tuple(answers)


def agrees(term, point, is_truth, known=frozenset()):
    tr, scope = opened({n: point[n] for n in known})
    value = tr.truth(term, scope) if is_truth else tr.value(term, scope)
    fine = v.conj(v.negation(d.broken()) for d in tr.obligations)
    try:
        expected = evaluate(term, point, {}, {})
    except Refusal:
        assert holds_at(tr, scope, point, fine) == (False, True)
        return
    same = v.iff(value, expected) if is_truth else v.equal(value, expected)
    assert holds_at(tr, scope, point, same) == (True, False)
    if not is_truth:
        within = v.interval(value)
        assert within.meet(expected, expected) != within or within.lower == within.upper == expected
        assert not within.beyond(expected, expected)


@settings(max_examples=40)
@given(numbers(), POINTS)
def test_numbers_have_the_value_that_evaluation_gives_or_an_obligation_is_broken(term, point):
    agrees(term, point, is_truth=False)


@settings(max_examples=40)
@given(truths(depth=2), POINTS, st.sets(st.sampled_from(sorted(TYPES))))
def test_truth_values_too_whichever_variables_are_known(term, point, known):
    agrees(term, point, is_truth=True, known=known)


@settings(max_examples=25)
@given(numbers(depth=2, divide=False), POINTS)
def test_where_nothing_divides_nothing_is_owed(term, point):
    tr, scope = opened()
    tr.value(term, scope)
    assert tr.obligations == []


@pytest.mark.parametrize("op", ["+", "-", "*", "/", "min", "max", "==", "!=", "<", "<=", ">", ">="])
@given(a=rationals, b=rationals)
@settings(max_examples=6)
def test_each_operator_of_two_numbers(op, a, b):
    point = {"x": a, "y": b, "b": True, "c": "red", "f": (a, b, a)}
    agrees(Prim(op, (Var("x"), Var("y"))), point, op in ("==", "!=", "<", "<=", ">", ">="))


def test_a_square_root_is_exact():
    tr, scope = opened()
    root = tr.value(Prim("sqrt", (Var("x"),)), scope)
    assert [d.what for d in tr.obligations] == ["a square root is taken of a number below 0"]
    assert holds_at(tr, scope, {"x": F(9, 4)}, v.equal(root, F(3, 2))) == (True, False)
    assert holds_at(tr, scope, {"x": F(2)}, v.less(root, F(14143, 10000)), v.less(F(14142, 10000), root)) == (True, False)


# --------------------------------------------------------------------------- contracts


@given(st.builds(F, st.integers(-900, 900), st.integers(15, 60)))
@settings(max_examples=60)
def test_bounds_on_exponentials_and_logarithms_hold_and_are_close(x):
    with mpmath.workdps(60):
        true = mpmath.exp(mpmath.mpf(x.numerator) / x.denominator)
        low, high = bounds.exp(x)
        assert _mp(low) <= true <= _mp(high)
        assert high - low <= F(1, 10**12) * high
        if x > 0:
            low, high = bounds.log(x)
            assert _mp(low) <= mpmath.log(_mp(x)) <= _mp(high) and high - low < F(1, 10**11)


def _mp(x):
    return mpmath.mpf(x.numerator) / x.denominator


def _near(function, x):
    with mpmath.workdps(80):
        return F(int(mpmath.nint(function(_mp(x)) * 10**60)), 10**60)


def _true_at(fact, names):
    """A law at numbers, up to what rounding may do to an equation."""
    found = z3.simplify(z3.substitute(fact, *((z3.Real(n), v.number(x)) for n, x in names.items())))
    assert z3.is_true(found) or z3.is_false(found), found
    return z3.is_true(found)


@given(st.lists(st.builds(F, st.integers(-20, 20), st.integers(1, 5)), min_size=1, max_size=3, unique=True))
@settings(max_examples=40)
def test_the_laws_of_exp_and_log_hold_of_the_true_functions(points):
    tr = Translator({}, {})
    arguments = [tr.open("a", Reals()) for _ in points]
    found = [tr.numbers.contracts.exp(a) for a in arguments]
    logs = [tr.numbers.contracts.log(v.Num(e.expr + 1)) for e in found]
    names = {str(a.expr): x for a, x in zip(arguments, points, strict=True)}
    for e, y, x in zip(found, logs, points, strict=True):
        names[str(e.expr)] = _near(mpmath.exp, x) if x else F(1)
        names[str(y.expr)] = _near(mpmath.log, names[str(e.expr)] + 1)
    for law in tr.laws.every:
        assert _true_at(law.fact, names), law


def test_products_of_exponentials_are_told():
    tr = Translator({}, {})
    x, y = tr.open("x", Reals()), tr.open("y", Reals())
    exp = tr.numbers.contracts.exp
    a, b, both, minus = exp(x), exp(y), exp(tr.numbers.add((x, y))), exp(tr.numbers.neg(x))
    for wrong in (a.expr * b.expr != both.expr, a.expr * minus.expr != 1, z3.And(x.expr < y.expr, a.expr >= b.expr)):
        solver = z3.Solver()
        solver.add(*[v.truth(f) for f in tr.complete(wrong)])
        assert solver.check() == z3.unsat


@given(st.lists(st.builds(F, st.integers(-6, 6), st.integers(1, 3)), min_size=2, max_size=9))
@settings(max_examples=30)
def test_the_laws_of_shares_hold_of_a_true_softmax(arguments):
    tr = Translator({}, {})
    ar = tr.numbers
    opened_ = [tr.open("a", Reals()) for _ in arguments]
    exps = [ar.contracts.exp(a) for a in opened_]
    whole = ar.add(exps)
    shares = [ar.div(e, whole) for e in exps]
    halves = [ar.div(ar.add(exps[: len(exps) // 2]), whole), ar.div(ar.mul(F(3), exps[0]), whole)]
    weights = [F(math.exp(float(x))) for x in arguments]
    total = sum(weights)
    true = [w / total for w in weights]
    expected = [*true, sum(true[: len(true) // 2]), 3 * true[0]]
    facts = [
        v.expr(s) == v.number(x) for s, x in zip([*shares, *halves], expected, strict=True) if isinstance(s, v.Num)
    ] + [a.expr == v.number(x) for a, x in zip(opened_, arguments, strict=True)]
    solver = z3.Solver()
    solver.add(*[v.truth(f) for f in tr.complete(z3.And(facts))])
    assert solver.check() == z3.sat
    for share, x in zip([*shares, *halves], expected, strict=True):
        assert not v.interval(share).beyond(x, x)
    solver.add(z3.Sum([v.expr(s) for s in shares]) != 1)
    assert solver.check() == z3.unsat
    assert ar.add(shares) == 1


# ---------------------------------------------------------------- intervals, convexity


ENDS = st.none() | st.builds(F, st.integers(-3, 3))


@st.composite
def intervals(draw):
    low, high = draw(ENDS), draw(ENDS)
    if low is not None and high is not None and low > high:
        low, high = high, low
    wide = low is None or high is None or low < high
    return Interval(low, high, low is not None and wide and draw(st.booleans()), high is not None and wide and draw(st.booleans()))


def inside(within, x):
    above = within.lower is None or x > within.lower or (x == within.lower and not within.open_below)
    return above and (within.upper is None or x < within.upper or (x == within.upper and not within.open_above))


@given(intervals(), intervals(), st.builds(F, st.integers(-16, 16), st.just(4)), st.builds(F, st.integers(-16, 16), st.just(4)))
@settings(max_examples=150)
def test_intervals_contain_the_results_of_what_they_contain(a, b, x, y):
    assume(inside(a, x) and inside(b, y))
    assert inside(a + b, x + y) and inside(a - b, x - y) and inside(a * b, x * y) and inside(a.hull(b), x)
    assert y == 0 or inside(b.inverse(), 1 / y)
    assert inside(a.meet(x - 1, x), x) and not a.beyond(x, x)
    assert not a.is_positive or x > 0


BENT = st.recursive(
    st.builds(Const, rationals) | st.sampled_from((Var("x"), Var("y"))),
    lambda part: st.one_of(
        st.builds(lambda op, a, b: Prim(op, (a, b)), st.sampled_from(("+", "-", "min", "max")), part, part),
        st.builds(lambda op, a: Prim(op, (a,)), st.sampled_from(("abs", "neg")), part),
        st.builds(lambda k, a: Prim("*", (Const(k), a)), rationals, part),
        st.builds(lambda a: Prim("/", (a, Const(F(-3, 2)))), part),
    ),
    max_leaves=5,
)


@given(BENT, POINTS, POINTS)
@settings(max_examples=100)
def test_what_is_seen_to_be_convex_lies_below_its_chords(term, one, other):
    tr, scope = opened({"b": one["b"], "c": one["c"], "f": one["f"]})
    value = tr.value(term, scope)
    assume(isinstance(value, v.Num))
    seen = curvature(value.expr)
    assume(seen is not None)
    other = {**one, "x": other["x"], "y": other["y"]}
    middle = {**one, "x": (one["x"] + other["x"]) / 2, "y": (one["y"] + other["y"]) / 2}
    a, b, m = (evaluate(term, p, {}, {}) for p in (one, other, middle))
    assert {AFFINE: 2 * m == a + b, CONVEX: 2 * m <= a + b, CONCAVE: 2 * m >= a + b}[seen]


def test_convexity_is_seen_where_programs_need_it():
    tr, scope = opened()
    for term, seen in (
        (Prim("abs", (Var("x"),)), CONVEX),
        (Prim("min", (Var("x"), Prim("*", (Const(F(2)), Var("y"))))), CONCAVE),
        (Prim("-", (Prim("max", (Var("x"), Var("y"))), Prim("min", (Var("x"), Var("y"))))), CONVEX),
        (Prim("*", (Var("x"), Var("y"))), None),
        (If(Var("b"), Var("x"), Var("y")), None),
    ):
        assert curvature(tr.value(term, scope).expr) == seen
