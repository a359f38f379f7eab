"""What is decided, as columns: one for every number in the decided wires, in the order in which readings keep them.

A truth value is a whole number from 0 to 1; a number of a grid with even steps is a whole number of steps; one of another grid is
a choice of exactly one point. Labels are no numbers and are refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from opengames.diagram import Port
from opengames.solvers.clearing import affine_values as av
from opengames.solvers.clearing.affine_terms import Reader, not_convex
from opengames.solvers.clearing.frames import Num, Rec, Value, numbers
from opengames.solvers.clearing.program import Block
from opengames.solvers.clearing.rules_rows import Part
from opengames.solvers.clearing.scopes import DECIDED, Binding
from opengames.spaces import Bool, Family, Grid, Reals, Record, Space, index_points, index_size, leaves
from opengames.spans import Span
from opengames.terms import Term


@dataclass
class Columns:
    """count: columns of decided wires and of the choices of points. lower, upper, integer: of each. step, shift: (moves,), a move is
    `shift + step * column`. ties: rows that belong to choices of points."""

    kind: Any
    count: int = 0
    moves: int = 0
    lower: np.ndarray = field(default_factory=lambda: np.zeros(0))
    upper: np.ndarray = field(default_factory=lambda: np.zeros(0))
    integer: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    step: np.ndarray = field(default_factory=lambda: np.zeros(0))
    shift: np.ndarray = field(default_factory=lambda: np.zeros(0))
    blocks: tuple[Block, ...] = ()
    ties: list[Part] = field(default_factory=list)
    _places: list[tuple[Space, np.ndarray, Span | None]] = field(default_factory=list)


def columns_of(reader: Reader, outs: tuple[Port, ...]) -> tuple[Columns, dict[str, Binding]]:
    """The columns of the decided wires, and each wire as a value."""
    made = Columns(reader.kind)
    made.moves = sum(leaves(p.space) for p in outs)
    reader.unknowns.new_columns(made.moves)
    made.lower, made.upper = np.full(made.moves, -np.inf, reader.kind), np.full(made.moves, np.inf, reader.kind)
    made.integer = np.zeros(made.moves, bool)
    made.step, made.shift = av.constant_of(1, made.moves, reader.kind), av.zeros(made.moves, reader.kind)
    values: dict[str, Value] = {}
    start, blocks = 0, []
    for port in outs:
        values[port.name] = _value(reader, made, port.space, np.array([start]), port)
        keys = tuple(_keys(port.space))
        unit = _unit(port.space)
        blocks.append(Block(port.name, keys, start, unit))
        start += len(keys)
    _choices(reader, made, blocks)
    made.blocks = tuple(blocks)
    made.count = len(made.lower)
    return made, {name: _decided(value) for name, value in values.items()}


def _decided(value: Value) -> Binding:
    def term() -> Term:
        raise TypeError("what is decided is not known before")

    return Binding(lambda: DECIDED, lambda: value, term)


def _value(reader: Reader, made: Columns, space: Space, at: np.ndarray, port: Port) -> Value:
    """A decided value whose leaves begin at the columns `at`, one for each item."""
    match space:
        case Family(index=index, item=item):
            size, step = index_size(index), leaves(item)
            inner = (at[:, None] + np.arange(size) * step).ravel()
            return _value(reader, made, item, inner, port)
        case Record(fields=fields):
            parts, offset = [], 0
            for _, each in fields:
                parts.append(_value(reader, made, each, at + offset, port))
                offset += leaves(each)
            return Rec(tuple(parts), reader.root, len(at))
        case Reals(lower=lower, upper=upper, whole=whole):
            for end, bound in ((made.lower, lower), (made.upper, upper)):
                if bound is not None:
                    end[at] = bound if reader.kind is object else float(bound)
            made.integer[at] = whole
        case Bool():
            made.lower[at], made.upper[at], made.integer[at] = _number(0, reader), _number(1, reader), True
        case Grid(points=points):
            return _grid(reader, made, points, at, space, port)
        case _:
            raise not_convex(f"`{port.name}` is a label, not a number", port.at, "decide a truth value for each label")
    return Num(av.decided(at + 1, reader.kind), reader.root, len(at))


def _number(value: Any, reader: Reader) -> Any:
    return Fraction(value) if reader.kind is object else float(value)


def _grid(reader: Reader, made: Columns, points: tuple[Fraction, ...], at: np.ndarray, space: Space, port: Port) -> Value:
    form = av.decided(at + 1, reader.kind)
    ordered = sorted(points)
    gaps = {b - a for a, b in pairwise(ordered)}
    if len(gaps) <= 1:
        step = gaps.pop() if gaps else Fraction(1)
        made.lower[at], made.upper[at] = _number(0, reader), _number(len(points) - 1, reader)
        made.integer[at] = True
        made.step[at], made.shift[at] = _number(step, reader), _number(ordered[0], reader)
        form = av.plus(av.scaled(form, made.step[at]), av.constant(made.shift[at]))
    else:
        made._places.append((space, at, port.at))
    return Num(form, reader.root, len(at))


def _choices(reader: Reader, made: Columns, blocks: list[Block]) -> None:
    """For grids with uneven steps: a truth value for each point, exactly one of them true, and the number tied to it."""
    for space, at, place in made._places:
        assert isinstance(space, Grid)
        k = len(space.points)
        fresh = reader.unknowns.new_columns(len(at) * k)
        blocks.append(Block("point", tuple((i,) for i in range(len(fresh))), int(fresh[0]) - 1))
        zero, one = av.constant_of(0, len(fresh), reader.kind), av.constant_of(1, len(fresh), reader.kind)
        made.lower, made.upper = np.concatenate((made.lower, zero)), np.concatenate((made.upper, one))
        made.integer = np.concatenate((made.integer, np.ones(len(fresh), bool)))
        begins = np.arange(len(at) + 1) * k
        chosen = av.decided(fresh, reader.kind)
        worth = av.scaled(chosen, np.tile(numbers(space.points, reader.kind), len(at)))
        ones = av.constant(av.constant_of(1, len(at), reader.kind))
        nowhere = np.zeros(len(at), np.int64)
        value = av.minus(av.summed(worth, begins), av.decided(at + 1, reader.kind))
        made.ties.append(Part(-1, av.merged(value), 0, nowhere, place))
        made.ties.append(Part(-1, av.merged(av.minus(av.summed(chosen, begins), ones)), 0, nowhere, place))


def _keys(space: Space) -> list[tuple[Any, ...]]:
    """How each number in a value is called: keys of families, names of fields."""
    match space:
        case Family(index=index, item=item):
            return [(*key, *rest) for key in index_points(index) for rest in _keys(item)]
        case Record(fields=fields):
            return [(name, *rest) for name, each in fields for rest in _keys(each)]
    return [()]


def _unit(space: Space) -> str:
    match space:
        case Family(item=item):
            return _unit(item)
        case Reals(shown=shown) | Grid(shown=shown) if shown is not None:
            return shown.unit
    return ""


__all__ = ["Columns", "columns_of"]
