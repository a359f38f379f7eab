"""Random small spaces, terms and diagrams for hypothesis."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from opengames.compose import pure, random
from opengames.diagram import Compute, Diagram, Port
from opengames.spaces import BOOL, Enum, Grid, Space, points
from opengames.terms import Const, Select, Term, Var, Weighted

SPACES: tuple[Space, ...] = (
    BOOL,
    Enum("Colour", ("red", "green", "blue")),
    Grid((Fraction(0), Fraction(1, 2), Fraction(3))),
)


def spaces() -> st.SearchStrategy[Space]:
    return st.sampled_from(SPACES)


@st.composite
def weighted(draw: st.DrawFn, space: Space) -> Term:
    """A distribution on a finite space, zeros allowed."""
    values = list(points(space))
    weights = draw(st.lists(st.integers(0, 4), min_size=len(values), max_size=len(values)).filter(any))
    total = sum(weights)
    return Weighted(tuple((Const(v), Const(Fraction(w, total))) for v, w in zip(values, weights, strict=True)))


@st.composite
def channels(draw: st.DrawFn, a: Space, b: Space, name: str = "f") -> Diagram:
    """A channel with one wire on each side."""
    rows = tuple(draw(weighted(b)) for _ in points(a))
    return random(name, (Port("x", a),), Port("y", b), Select((Var("x"),), (a,), rows))


@st.composite
def functions(draw: st.DrawFn, a: Space, b: Space, name: str = "u") -> Diagram:
    cells = tuple(Const(draw(st.sampled_from(list(points(b))))) for _ in points(a))
    return pure(name, (Port("x", a),), Port("y", b), Select((Var("x"),), (a,), cells))


@st.composite
def priors(draw: st.DrawFn, space: Space) -> tuple[tuple[Any, Fraction], ...]:
    values = list(points(space))
    weights = draw(st.lists(st.integers(0, 4), min_size=len(values), max_size=len(values)).filter(any))
    return tuple(((v,), Fraction(w, sum(weights))) for v, w in zip(values, weights, strict=True) if w)


@st.composite
def lenses(draw: st.DrawFn, name: str) -> Diagram:
    """A deterministic lens on truth values: forward a function, backward one of what came in and what comes back."""
    forward = tuple(Const(draw(st.booleans())) for _ in range(2))
    backward = tuple(Const(draw(st.booleans())) for _ in range(4))
    boxes = (
        Compute(Port("y", BOOL), Select((Var("x"),), (BOOL,), forward)),
        Compute(Port("s", BOOL), Select((Var("x"), Var("r")), (BOOL, BOOL), backward)),
    )
    one = Port
    return Diagram(name, (one("x", BOOL),), (one("y", BOOL),), boxes, (one("r", BOOL),), (one("s", BOOL),))


__all__ = ["SPACES", "channels", "functions", "lenses", "priors", "spaces", "weighted"]
