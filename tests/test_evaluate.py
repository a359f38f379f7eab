"""Exact evaluation of terms: numbers stay exact, faults are refusals, hostile texts stop."""

from fractions import Fraction as F

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengames.diagnostics import Refusal
from opengames.diagram import Port
from opengames.evaluate import Compiler, compile_term, evaluate
from opengames.program import Fun
from opengames.show import ratio, show, show_space
from opengames.spaces import BOOL, REAL, Enum, Family, Grid, Reals, Record, Shown
from opengames.spans import Span
from opengames.terms import (
    Apply,
    At,
    Check,
    Const,
    Fold,
    Get,
    If,
    Member,
    Normal,
    Pack,
    Param,
    Prim,
    Select,
    Tabulate,
    Term,
    Uniform,
    Var,
    Weighted,
)

HERE = Span("x.game", 3, 7, 1, 4)
SUIT = Enum("Suit", ("Red", "Black"))
DICE = Grid(tuple(F(i) for i in range(1, 7)))
HALVES = Grid(tuple(F(i, 2) for i in range(5)))


def num(x: object) -> Const:
    return Const(F(x))  # type: ignore[arg-type]


def op(name: str, *args: Term) -> Prim:
    return Prim(name, args, HERE)


def value(term: Term, **env: object) -> object:
    return evaluate(term, env, {}, {})


def code_of(term: Term, funs: dict | None = None, params: dict | None = None, **env: object) -> str:
    with pytest.raises(Refusal) as caught:
        evaluate(term, env, funs or {}, params or {})
    return caught.value.diagnostics[0].code


rationals = st.fractions(min_value=-9, max_value=9, max_denominator=12)


@given(rationals, rationals, rationals)
def test_arithmetic_is_that_of_the_rationals(x, y, z):
    term = op("+", op("*", Var("x"), Var("y")), op("-", Var("z"), op("abs", op("neg", Var("x")))))
    found = value(term, x=x, y=y, z=z)
    assert found == x * y + z - abs(x)
    assert isinstance(found, F)


@given(rationals, st.integers(-5, 5))
def test_integer_powers_are_exact(x, n):
    if x == 0 and n < 0:
        assert code_of(op("^", Var("x"), num(n)), x=x) == "division-by-zero"
    else:
        assert value(op("^", Var("x"), num(n)), x=x) == x**n


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        (op("sqrt", num(F(9, 4))), F(3, 2)),
        (op("^", num(8), num(F(-1, 3))), F(1, 2)),
        (op("exp", num(0)), F(1)),
        (op("log", num(1)), F(0)),
        (op("floor", num(F(-3, 2))), F(-2)),
        (op("clamp", num(7), num(0), num(1)), F(1)),
        (op("ind", op("<", num(1), num(2))), F(1)),
        (op("min", num(3), num(2), num(5)), F(2)),
    ],
)
def test_functions_are_exact_where_their_value_is_plainly_rational(term, expected):
    found = value(term)
    assert found == expected
    assert isinstance(found, F)


def test_exp_gives_a_float_which_says_that_the_answer_is_not_exact():
    found = value(op("+", op("exp", num(1)), num(1)))
    assert isinstance(found, float)
    assert found == pytest.approx(3.718281828)


def test_integers_given_from_outside_come_out_as_fractions():
    assert isinstance(evaluate(Param("n"), {}, {}, {"n": 3}), F)
    assert isinstance(value(Const(3)), F)


def test_connectives_do_not_look_right_when_left_decides():
    broken = op("==", op("/", num(1), num(0)), num(1))
    assert value(op("and", Const(False), broken)) is False
    assert value(op("or", Const(True), broken)) is True
    assert value(op("implies", Const(False), broken)) is True
    assert value(If(Const(True), num(1), broken)) == 1


def test_a_table_is_read_row_major():
    cells = tuple(num(10 * i + j) for i in range(2) for j in range(6))
    table = Select((Var("s"), Var("d")), (SUIT, DICE), cells)
    assert value(table, s="Black", d=F(3)) == 12


def test_a_family_with_fewer_keys_gives_the_slice():
    table = Tabulate((("i", SUIT), ("j", DICE)), op("*", Var("j"), op("ind", op("==", Var("i"), Const("Red")))))
    whole = value(table)
    assert whole == tuple(F(k) for k in range(1, 7)) + (F(0),) * 6
    cut = At(Var("t"), (Const("Red"),), (SUIT, DICE))
    assert value(cut, t=whole) == whole[:6]
    assert value(At(Var("t"), (Const("Red"), num(4)), (SUIT, DICE)), t=whole) == 4


def test_a_family_of_families_is_flat():
    inner = Tabulate((("j", DICE),), Var("j"))
    assert len(value(Tabulate((("i", SUIT),), inner))) == 12  # type: ignore[arg-type]
    named = compile_term(Tabulate((("i", SUIT),), Var("row")), {}, {}, types={"row": Family((DICE,), REAL)})
    assert named({"row": (F(1),) * 6}) == (F(1),) * 12


def test_records_keep_their_order():
    record = Pack((num(1), Const(True)))
    assert value(record) == (F(1), True)
    assert value(Get(record, 1)) is True


def test_folds():
    die = (("d", DICE),)
    assert value(Fold("sum", die, Var("d"))) == 21
    assert value(Fold("product", die, Var("d"), op(">", Var("d"), num(4)))) == 30
    assert value(Fold("max", die, op("neg", Var("d")))) == -1
    assert value(Fold("and", die, op("<", Var("d"), num(6)))) is False
    assert value(Fold("or", (("d", DICE), ("s", SUIT)), op("==", Var("s"), Const("Black")))) is True
    assert code_of(Fold("min", die, Var("d"), Const(False))) == "empty-fold"


@pytest.mark.parametrize(
    ("term", "code"),
    [
        (op("/", num(1), num(0)), "division-by-zero"),
        (op("log", num(0)), "outside-domain"),
        (op("sqrt", num(-1)), "outside-domain"),
        (op("exp", num(10**6)), "overflow"),
        (op("^", num(3), num(10**12)), "over-budget"),
        (Param("load", HERE), "unknown-param-value"),
        (At(Const((F(1), F(2))), (num(9),), (Grid((F(1), F(2))),), HERE), "outside-type"),
        (Check(num(7), DICE, "`roll`", HERE), "outside-type"),
        (Check(op("ind", Const(False)), Grid((F(1),)), "rule `cap` of ann", HERE), "broken-rule"),
        (Weighted(((Const(True), num(F(1, 3))), (Const(False), num(F(1, 3)))), HERE), "not-a-distribution"),
        (Weighted(((Const(True), num(2)), (Const(False), num(-1))), HERE), "not-a-distribution"),
        (Normal(num(0), num(1), HERE), "needs-sampling"),
        (Uniform(Reals(F(0), F(1)), HERE), "needs-sampling"),
        (Fold("and", (("x", REAL),), Const(True), at=HERE), "not-yet"),
    ],
)
def test_a_fault_is_refused_at_its_place(term, code):
    with pytest.raises(Refusal) as caught:
        value(term)
    assert [d.code for d in caught.value.diagnostics] == [code]
    assert caught.value.diagnostics[0].span == HERE


def test_a_value_outside_its_type_is_named_as_the_author_writes_it():
    price = Grid((F(5), F(10)), Shown("$"))
    with pytest.raises(Refusal, match=r"`bid`, decided by ann is 7\.5 \$, which is not in \{5 \$, 10 \$\}"):
        value(Check(num(F(15, 2)), price, "`bid`, decided by ann"))


def test_equal_outcomes_add_up_and_impossible_ones_vanish():
    half = num(F(1, 2))
    drawn = Weighted(((num(1), half), (op("-", num(2), num(1)), half), (num(5), num(0))))
    assert value(drawn) == ((F(1), F(1)),)
    assert value(Uniform(SUIT)) == (("Red", F(1, 2)), ("Black", F(1, 2)))


def test_a_chain_of_funs_costs_its_length_and_not_two_to_it():
    funs = {"f0": Fun("f0", (Port("x", REAL),), REAL, op("+", Var("x"), num(1)))}
    for i in range(1, 101):
        before = Apply(f"f{i - 1}", (Var("x"),))
        funs[f"f{i}"] = Fun(f"f{i}", (Port("x", REAL),), REAL, op("+", before, before))
    assert evaluate(Apply("f100", (num(0),)), {}, funs, {}, budget=300) == 2**100


def test_a_chain_of_funs_on_a_large_family_is_remembered_too():
    big = Grid(tuple(F(i) for i in range(50)))
    port = Port("x", Family((big,), REAL))
    funs = {"f0": Fun("f0", (port,), REAL, At(Var("x"), (num(3),), (big,)))}
    for i in range(1, 61):
        before = Apply(f"f{i - 1}", (Var("x"),))
        funs[f"f{i}"] = Fun(f"f{i}", (port,), REAL, op("+", before, before))
    assert evaluate(Apply("f60", (Var("x"),)), {"x": tuple(F(i) for i in range(50))}, funs, {}, budget=300) == 3 * 2**60


def test_a_hostile_text_is_refused():
    big = Grid(tuple(F(i) for i in range(1000)))
    nested: Term = Var("a")
    for name in "abcdef":
        nested = Fold("sum", ((name, big),), nested)
    assert code_of(nested) == "over-budget"
    tower = {"g0": Fun("g0", (), REAL, num(F(3, 2)))}
    for i in range(1, 60):
        tower[f"g{i}"] = Fun(f"g{i}", (), REAL, op("*", Apply(f"g{i - 1}", ()), Apply(f"g{i - 1}", ())))
    assert code_of(Apply("g59", ()), tower) == "over-budget"
    huge = Family((big,), BOOL)
    assert code_of(Fold("or", (("w", huge),), Const(False))) == "over-budget"
    assert code_of(Uniform(huge)) == "over-budget"
    deep: Term = num(1)
    for _ in range(20_000):
        deep = op("+", deep, num(1))
    assert code_of(deep) == "over-budget"


def test_a_float_reading_snaps_to_the_grid_and_compares_across_it():
    tenths = Grid(tuple(F(i, 10) for i in range(11)))
    compiler = Compiler({}, {}, float)
    total = op("+", op("+", num(F(1, 10)), num(F(1, 10))), num(F(1, 10)))
    assert compiler.compile(Check(total, tenths))({}) == F(3, 10)
    assert isinstance(compiler.compile(total)({}), float)
    assert compiler.compile(op("==", Var("x"), num(F(1, 10))))({"x": F(1, 10)}) is True
    assert compiler.compile(At(Const(tuple(F(i) for i in range(11))), (total,), (tenths,)))({}) == 3
    with pytest.raises(Refusal):
        compiler.compile(Check(num(F(3, 20)), tenths))({})


def test_membership():
    assert value(Member(num(F(1, 2)), Reals(F(0), F(1)))) is True
    assert value(Member(num(F(1, 3)), HALVES)) is False


def test_the_environment_is_left_alone():
    env = {"x": F(1)}
    evaluate(Fold("sum", (("d", DICE),), Var("d")), env, {}, {})
    assert env == {"x": F(1)}


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (show(F(7, 5), Reals(shown=Shown("$"))), "1.4 $"),
        (show(F(1, 3)), "1/3"),
        (show(F(-1, 8)), "-0.125"),
        (show(F(1, 12), Reals(shown=Shown("min", F(1, 60)))), "5 min"),
        (show(F(2, 5), Reals(shown=Shown("%", F(1, 100)))), "40 %"),
        (show(True), "true"),
        (show((F(1), "Red"), Record((("n", REAL), ("suit", SUIT)))), "(n: 1, suit: Red)"),
        (show((F(1), F(2)), Family((SUIT,), Reals(shown=Shown("MW")))), "[Red: 1 MW, Black: 2 MW]"),
        (ratio(F(7, 5), Shown("$")), "7/5 $"),
        (show_space(HALVES), "0..2 step 0.5"),
        (show_space(Family((SUIT,), Reals(F(0), None))), "[0, inf][Suit]"),
    ],
)
def test_values_print_as_the_author_writes_them(shown, expected):
    assert shown == expected


def test_long_families_are_abbreviated():
    shown = show(tuple(F(0) for _ in range(36)), Family((DICE, DICE), REAL))
    assert shown.startswith("[(1, 1): 0, (1, 2): 0, ")
    assert shown.endswith("... 36 in all]")
