"""Known values as columns: params, constants of a text, and primitives of known numbers."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from opengames.evaluate import evaluate
from opengames.solvers.clearing import affine_values as av
from opengames.solvers.clearing.frames import Code, Frame, Num, Rec, Value, numbers
from opengames.spaces import Bool, Enum, Family, Reals, Record, Space, index_size, points
from opengames.spaces import Grid as GridSpace
from opengames.spans import Span
from opengames.terms import Const, Prim


def of_space(value: Any, space: Space, frame: Frame, kind: Any) -> Value:
    """A value of a space, in the one lane of `frame`."""
    width = index_size(space.index) if isinstance(space, Family) else 1
    rows = value if isinstance(space, Family) else (value,)
    return _column(rows, space.item if isinstance(space, Family) else space, frame, width, kind)


def _column(rows: Sequence[Any], space: Space, frame: Frame, width: int, kind: Any) -> Value:
    match space:
        case Record(fields=fields):
            parts = tuple(
                _column([row[k] for row in rows], s, frame, width, kind) for k, (_, s) in enumerate(fields)
            )
            return Rec(parts, frame, width)
        case Enum() | Bool():
            every = tuple(points(space))
            places = {p: i for i, p in enumerate(every)}
            return Code(np.array([places[r] for r in rows], np.int64), every, frame, width)
        case GridSpace() | Reals():
            return Num(av.constant(numbers(tuple(rows), kind)), frame, width)
        case Family(index=index):
            inside = index_size(index)
            flat = [x for row in rows for x in row]
            return _column(flat, space.item, frame, width * inside, kind)
    raise TypeError(f"not a space: {space!r}")


def of_const(value: Any, frame: Frame, kind: Any, family: bool = False) -> Value:
    """A constant of a text, whose space is known by its form only. family: whether a tuple is one, else it is a record."""
    rows: tuple[Any, ...] = tuple(value) if family else (value,)
    first = rows[0] if rows else Fraction(0)
    if isinstance(first, tuple):
        columns = tuple(of_const(tuple(r[k] for r in rows), frame, kind, family=True) for k in range(len(first)))
        return Rec(columns, frame, len(rows))
    if isinstance(first, bool | str):
        every = tuple(dict.fromkeys(rows)) if isinstance(first, str) else (False, True)
        places = {p: i for i, p in enumerate(every)}
        return Code(np.array([places[r] for r in rows], np.int64), every, frame, len(rows))
    return Num(av.constant(numbers(rows, kind)), frame, len(rows))


def ladder(op: str, values: list[np.ndarray], number: Any, at: Span | None) -> np.ndarray:
    """A primitive of known numbers, item by item. number: `float` or `Fraction`.

    Refuses where the primitive has no value, as evaluation does.
    """
    if op == "/" and not (values[1] == 0).any():
        return values[0] / values[1]
    if op == "abs":
        return np.abs(values[0])
    if op in ("min", "max"):
        best = values[0]
        for each in values[1:]:
            best = np.where(each < best, each, best) if op == "min" else np.where(each > best, each, best)
        return best
    if op == "clamp":
        capped = np.where(values[2] < values[0], values[2], values[0])
        return np.where(capped < values[1], values[1], capped)
    found = [
        evaluate(Prim(op, tuple(Const(v) for v in row), at=at), {}, {}, {}, number=number)
        for row in zip(*values, strict=True)
    ]
    return numbers(tuple(found), float if number is float else object)


__all__ = ["ladder", "of_const", "of_space"]
