"""Random terms and claims over a few variables, for the proved reading."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import strategies as st

from opengames.spaces import BOOL, Enum, Family, Grid, Reals, Space, points
from opengames.terms import At, Check, Const, Fold, If, Member, Prim, Select, Tabulate, Term, Var

COLOUR = Enum("Colour", ("red", "green", "blue"))
STEPS = Grid((Fraction(-1), Fraction(0), Fraction(1, 2), Fraction(2)))
SHORT = Grid((Fraction(0), Fraction(1), Fraction(2)))

#: The variables that stand in random terms, by kind.
NUMBERS: dict[str, Space] = {"x": Reals(), "y": Reals(Fraction(-2), Fraction(2))}
TRUTHS: dict[str, Space] = {"b": BOOL}
LABELS: dict[str, Space] = {"c": COLOUR}
FAMILIES: dict[str, Space] = {"f": Family((SHORT,), Reals())}

rationals = st.builds(Fraction, st.integers(-8, 8), st.integers(1, 4))
constants = st.builds(Const, rationals)


def _binary(part: st.SearchStrategy[Term], ops: tuple[str, ...]) -> st.SearchStrategy[Term]:
    return st.builds(lambda op, a, b: Prim(op, (a, b)), st.sampled_from(ops), part, part)


def _fold(op: str, body: Term, test: Term | None) -> Term:
    return Fold(op, (("i", SHORT),), body, test)


@st.composite
def numbers(draw: st.DrawFn, names: tuple[str, ...] = ("x", "y"), depth: int = 3, divide: bool = True) -> Term:
    """A number over the variables `names`, `b`, `c`, `f` as far as those are wanted."""
    leaves = [constants, st.builds(Var, st.sampled_from(names))]
    if depth == 0:
        return draw(st.one_of(leaves))
    part = numbers(names, depth - 1, divide)
    truth = truths(names, depth - 1, divide)
    ops = ("+", "-", "*", "/") if divide else ("+", "-", "*")
    inner = tuple(dict.fromkeys((*names, "i")))
    return draw(
        st.one_of(
            *leaves,
            _binary(part, ops),
            st.builds(lambda op, a: Prim(op, (a,)), st.sampled_from(("neg", "abs", "floor")), part),
            st.builds(lambda op, a, b: Prim(op, (a, b)), st.sampled_from(("min", "max")), part, part),
            st.builds(lambda a, b, c: Prim("clamp", (a, b, c)), part, part, part),
            st.builds(lambda a, n: Prim("^", (a, Const(Fraction(n)))), part, st.integers(0 if not divide else -2, 3)),
            st.builds(lambda t: Prim("ind", (t,)), truth),
            st.builds(If, truth, part, part),
            st.builds(lambda a, b, c: Select((Var("c"),), (COLOUR,), (a, b, c)), part, part, part),
            st.builds(lambda k: At(Var("f"), (Const(k),), (SHORT,)), st.sampled_from(SHORT.points)),
            st.builds(
                _fold,
                st.sampled_from(("sum", "product")),
                numbers(inner, depth - 1, divide),
                st.none() | truths(inner, depth - 1, divide),
            ),
            st.builds(lambda op, t: _fold(op, t, None), st.sampled_from(("min", "max")), numbers(inner, depth - 1, divide)),
            st.builds(
                lambda t, k: At(Tabulate((("i", SHORT),), t), (Const(k),), (SHORT,)),
                numbers(inner, depth - 1, divide),
                st.sampled_from(SHORT.points),
            ),
            *([st.builds(lambda t: Check(t, Reals(Fraction(-20), Fraction(20)), "t"), part)] if divide else []),
        )
    )


@st.composite
def truths(draw: st.DrawFn, names: tuple[str, ...] = ("x", "y"), depth: int = 2, divide: bool = True) -> Term:
    """A truth value over the same variables."""
    part = numbers(names, max(0, depth - 1), divide)
    compared = _binary(part, ("==", "!=", "<", "<=", ">", ">="))
    leaves = [
        compared,
        st.just(Var("b")),
        st.builds(lambda k: Prim("==", (Var("c"), Const(k))), st.sampled_from(COLOUR.labels)),
        st.builds(lambda t: Member(t, Reals(Fraction(0), None)), part),
        st.builds(lambda t: Member(t, STEPS), part),
    ]
    if depth == 0:
        return draw(st.one_of(leaves))
    inner = truths(names, depth - 1, divide)
    return draw(
        st.one_of(
            *leaves,
            st.builds(lambda a: Prim("not", (a,)), inner),
            _binary(inner, ("and", "or", "implies", "==")),
            st.builds(If, inner, inner, inner),
        )
    )


#: Spaces for quantified variables, finite so that every claim can be decided by trying.
FINITE: tuple[tuple[str, Space], ...] = (
    ("x", STEPS), ("y", SHORT), ("b", BOOL), ("c", COLOUR), ("f", Family((SHORT,), Grid((Fraction(0), Fraction(1))))),
)  # fmt: skip


@st.composite
def claims(draw: st.DrawFn, depth: int = 2) -> Term:
    """A closed claim: quantifiers over finite spaces in any order, then a truth value."""
    term = draw(truths(depth=depth, divide=draw(st.booleans())))
    for name, space in draw(st.permutations(FINITE)):
        op = draw(st.sampled_from(("and", "or")))
        where = draw(st.none() | st.just(Prim("<=", (Const(Fraction(0)), Var(name)))) if name in "xy" else st.none())
        term = Fold(op, ((name, space),), term, where)
        if draw(st.integers(0, 5)) == 0:
            term = Prim("not", (term,))
    return term


def grid_of(space: Space) -> list[object]:
    return list(points(space))
