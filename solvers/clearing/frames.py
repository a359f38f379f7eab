"""Where values live while a clearing is read: lanes side by side, and families laid flat in each lane.

A frame is a list of lanes: one for each round of the loops, comprehensions and rules that a term stands in. Each lane comes from
a lane of the frame outside. A value belongs to the frame in which it was worked out, and is brought into an inner one only as
far as it is used there, so that 2,000 lanes that each look at one element of a family never copy the family.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from opengames.diagnostics import refuse
from opengames.solvers.clearing import affine_values as av
from opengames.solvers.clearing.affine_values import Affine
from opengames.spaces import Space, index_points
from opengames.terms import Term

#: Most lanes of one comprehension after its conditions.
MOST_LANES = 20_000_000


@dataclass(frozen=True, eq=False)
class Frame:
    """lanes: how many. parent: the frame outside. up: (lanes,), the lane of the parent that each comes from; not decreasing in
    frames that a sum adds up."""

    lanes: int
    parent: Frame | None = None
    up: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    def within(self, outer: Frame) -> np.ndarray:
        """For every lane, the lane of `outer` that it stands in."""
        index, here = np.arange(self.lanes), self
        while here is not outer:
            assert here.parent is not None
            index = here.up[index]
            here = here.parent
        return index


def inner(a: Frame, b: Frame) -> Frame:
    """The inner one of two frames, one of which stands in the other."""
    here: Frame | None = a
    while here is not None:
        if here is b:
            return a
        here = here.parent
    return b


@dataclass(frozen=True, eq=False)
class Num:
    """Numbers: `width` of them in each lane."""

    form: Affine
    frame: Frame
    width: int = 1


@dataclass(frozen=True, eq=False)
class Code:
    """Known elements of a finite set: positions in `points`."""

    codes: np.ndarray
    points: tuple[Any, ...]
    frame: Frame
    width: int = 1


@dataclass(frozen=True, eq=False)
class Rec:
    """Records, field by field."""

    items: tuple[Value, ...]
    frame: Frame
    width: int = 1


@dataclass(frozen=True, eq=False)
class Sym:
    """A datum that is no number, or not looked at as one yet. term: over wires known before the decision and lane variables."""

    term: Term
    space: Space | None
    frame: Frame
    width: int = 1


Value = Num | Code | Rec | Sym


def picked(value: Value, items: np.ndarray, frame: Frame, width: int = 1) -> Value:
    """The elements of `value` at flat positions `items`, now of `frame`."""
    match value:
        case Num(form=form):
            return Num(av.gather(form, items), frame, width)
        case Code(codes=codes, points=points):
            return Code(codes[items], points, frame, width)
        case Rec(items=fields):
            return Rec(tuple(picked(f, items, frame, width) for f in fields), frame, width)
    raise TypeError("data are not picked by position")


def lift(value: Value, frame: Frame) -> Value:
    """The same value in an inner frame."""
    if value.frame is frame:
        return value
    if isinstance(value, Sym):
        return Sym(value.term, value.space, frame, value.width)
    lanes = frame.within(value.frame)
    if value.width == 1:
        return picked(value, lanes, frame)
    items = (lanes[:, None] * value.width + np.arange(value.width)).ravel()
    return picked(value, items, frame, value.width)


def relabelled(value: Value, frame: Frame, width: int) -> Value:
    """The same items in the same order, told to be families of another frame."""
    match value:
        case Num(form=form):
            return Num(form, frame, width)
        case Code(codes=codes, points=points):
            return Code(codes, points, frame, width)
        case Rec(items=fields):
            return Rec(tuple(relabelled(f, frame, width) for f in fields), frame, width)
    raise TypeError("data have no layout")


def joined(parts: list[tuple[np.ndarray, Value]], frame: Frame) -> Value | None:
    """One value from values on disjoint sets of lanes, each given by its lanes; `None` where their kinds differ."""
    first, width = parts[0][1], parts[0][1].width
    if len(parts) == 1 and len(parts[0][0]) == frame.lanes:
        return relabelled(first, frame, width) if not isinstance(first, Sym) else Sym(first.term, first.space, frame, width)
    values = [v for _, v in parts]
    if any(v.width != width for v in values):
        return None
    order = np.argsort(np.concatenate([lanes for lanes, _ in parts]), kind="stable")
    items = order if width == 1 else (order[:, None] * width + np.arange(width)).ravel()
    if all(isinstance(v, Num) for v in values):
        return Num(av.gather(av.stacked([v.form for v in values]), items), frame, width)  # type: ignore[union-attr]
    if all(isinstance(v, Code) for v in values):
        points = tuple(dict.fromkeys(p for v in values for p in v.points))  # type: ignore[union-attr]
        codes = np.concatenate([coded(v, points) for v in values])  # type: ignore[arg-type]
        return Code(codes[items], points, frame, width)
    if all(isinstance(v, Rec) for v in values):
        fields = [
            joined([(lanes, v.items[k]) for lanes, v in parts], frame)  # type: ignore[union-attr]
            for k in range(len(first.items))  # type: ignore[union-attr]
        ]
        return None if any(f is None for f in fields) else Rec(tuple(fields), frame, width)  # type: ignore[arg-type]
    return None


def coded(value: Code, points: tuple[Any, ...]) -> np.ndarray:
    """The codes as positions in `points`; -1 where a value is not among them."""
    if value.points is points or value.points == points:
        return value.codes
    places = {p: i for i, p in enumerate(points)}
    table = np.array([places.get(p, -1) for p in value.points] or [-1], np.int64)
    return table[value.codes]


def numbers(points: tuple[Any, ...], dtype: Any) -> np.ndarray:
    """Numbers or truth values as an array."""
    if dtype is float:
        return np.array([float(p) for p in points])
    out = np.empty(len(points), object)
    out[:] = [Fraction(p) for p in points]
    return out


def times(frame: Frame, index: tuple[Space, ...]) -> tuple[Frame, list[np.ndarray], list[tuple[Any, ...]]]:
    """The frame with one lane for every lane of `frame` and point of `index` (row-major), the codes of each index variable
    there, and their points."""
    spaces = [tuple(p for (p,) in index_points((s,))) for s in index]
    sizes = [len(s) for s in spaces]
    total = int(np.prod(sizes, dtype=np.int64)) if sizes else 1
    too_many(frame.lanes * total)
    new = Frame(frame.lanes * total, frame, np.repeat(np.arange(frame.lanes), total))
    flat = np.tile(np.arange(total), frame.lanes)
    return new, digits(flat, sizes), spaces


def digits(flat: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    """The position in each index of flat row-major positions."""
    codes: list[np.ndarray] = []
    for size in reversed(sizes):
        codes.append(flat % size)
        flat = flat // size
    return codes[::-1]


def too_many(lanes: int) -> None:
    """Refuse (`over-budget`) what would not fit into memory."""
    if lanes > MOST_LANES:
        raise refuse(
            "over-budget", f"a clearing has {lanes:,} elements side by side in one place; the limit is {MOST_LANES:,}"
        )


__all__ = [
    "MOST_LANES", "Code", "Frame", "Num", "Rec", "Sym", "Value", "coded", "digits", "inner", "joined", "lift",
    "numbers", "picked", "relabelled", "times", "too_many",
]  # fmt: skip
