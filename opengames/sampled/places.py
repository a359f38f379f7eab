"""Points of finite spaces and their positions, both ways, for values that may only be known at run time."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from opengames.sampled.backend import jnp
from opengames.sampled.values import (
    Num,
    Pick,
    Rec,
    Value,
    as_family,
    choose,
    elements,
    grid_grain,
    is_true_or_false,
    number,
    relabel,
    settle,
)
from opengames.spaces import Bool, Enum, Family, Grid, Record, Space, size

#: How far from a point of a grid a number may be, relative to the point, and still be taken for it.
NEAR = 1e-6


def point(space: Space, i: Any) -> Value:
    """Point number `i` of a finite space (`int` or int array)."""
    fixed = isinstance(i, int)
    match space:
        case Enum(labels=labels):
            return Pick(i if fixed else i.astype(jnp.int32), labels)
        case Bool():
            return i == 1
        case Grid(points=points):
            if fixed:
                at = number(points[i])
                return Num(at.x, at.lo, at.hi, at.grain, space, (space, i))
            found = Num(_grid_value(points, i), float(min(points)), float(max(points)), grid_grain(space), space)
            return Num(found.x, found.lo, found.hi, settle(found).grain, space, (space, i))
        case Record(fields=fields):
            return Rec(tuple(_digits(tuple(s for _, s in fields), i)))
        case Family(index=index, item=item):
            sizes = tuple(size(s) or 0 for s in index)
            return as_family(Rec(tuple(_digits((item,) * int(np.prod(sizes)), i))), sizes)
    raise TypeError(f"{space!r} is not finite")


def _digits(spaces: tuple[Space, ...], i: Any) -> list[Value]:
    """The mixed-radix digits of `i`, last space fastest, as points."""
    found: list[Value] = []
    for space in reversed(spaces):
        n = size(space) or 1
        found.append(point(space, i % n))
        i = i // n
    return found[::-1]


def _grid_value(points: tuple[Fraction, ...], i: Any) -> Any:
    if len(points) == 2:
        return jnp.where(i == 1, float(points[1]), float(points[0]))
    step = progression(points)
    if step is not None and step.denominator == 1 and points[0].denominator == 1:
        return float(points[0]) + i.astype(jnp.float64) * float(step)
    return jnp.asarray(np.array([float(p) for p in points]))[i]


def progression(points: tuple[Fraction, ...]) -> Fraction | None:
    """The common difference of the points, if there is one."""
    if len(points) < 2:
        return None
    step = points[1] - points[0]
    ends_right = points[0] + step * (len(points) - 1) == points[-1]
    return step if ends_right and all(b - a == step for a, b in pairwise(points)) else None


def position(v: Value, space: Space) -> tuple[Any, Any]:
    """Where a value stands among the points of a finite space, and whether it is none of them.

    The second is `False` where that is known not to happen.
    """
    match space:
        case Enum(labels=labels):
            return _label_position(v, labels)
        case Bool():
            return (int(v), False) if is_true_or_false(v) else (v.astype(jnp.int32), False)
        case Grid():
            return _grid_position(v, space)
        case Record(fields=fields):
            return _combine(tuple(v.items), tuple(s for _, s in fields))
        case Family(index=index, item=item):
            sizes = tuple(size(s) or 0 for s in index)
            cells = _flat(as_family(v, sizes), len(sizes))
            return _combine(cells, (item,) * len(cells))
    raise TypeError(f"{space!r} is not finite")


def _flat(v: Value, depth: int) -> tuple[Value, ...]:
    if depth == 0:
        return (v,)
    return tuple(x for part in elements(v) for x in _flat(part, depth - 1))


def _label_position(v: Pick | str, labels: tuple[str, ...]) -> tuple[Any, Any]:
    if isinstance(v, str):
        return (labels.index(v), False) if v in labels else (0, True)
    outside: Any = False
    if any(x not in labels for x in v.labels):
        legal = [x in labels for x in v.labels]
        outside = not legal[v.x] if isinstance(v.x, int) else ~jnp.asarray(np.array(legal))[v.x]
    return relabel(v, labels).x, outside


def _combine(values: tuple[Value, ...], spaces: tuple[Space, ...]) -> tuple[Any, Any]:
    total: Any = 0
    outside: Any = False
    for v, space in zip(values, spaces, strict=True):
        i, bad = position(v, space)
        total = total * (size(space) or 1) + i
        outside = bad if outside is False else (outside if bad is False else outside | bad)
    return total, outside


def _grid_position(v: Num, space: Grid) -> tuple[Any, Any]:
    if v.place is not None and v.place[0] == space:
        return v.place[1], False
    points = space.points
    if v.known:
        near = min(range(len(points)), key=lambda k: abs(float(points[k]) - float(v.x)), default=0)
        exact = isinstance(v.x, Fraction) and v.x == points[near]
        return near, not exact and not abs(float(points[near]) - float(v.x)) <= NEAR * max(1.0, abs(float(v.x)))
    step = progression(points)
    if len(points) > 2 and step is not None:
        i = jnp.round((v.x - float(points[0])) * (1.0 / float(step)))
        i = jnp.nan_to_num(jnp.clip(i, 0, len(points) - 1)).astype(jnp.int32)
    else:
        i = _nearest(v.x, points)
    if v.member == space or _is_inside(v, space, step):
        return i, False
    gap = jnp.abs(v.x - _grid_value(points, i))
    return i, ~(gap <= NEAR * jnp.maximum(1.0, jnp.abs(v.x)))


def _is_inside(v: Num, space: Grid, step: Fraction | None) -> bool:
    """Whether whole numbers within bounds must be points, as with `i + 1` in `1..T`."""
    whole = step == 1 and v.grain == 0 and space.points[0].denominator == 1
    return whole and v.lo >= float(space.points[0]) and v.hi <= float(space.points[-1])


def _nearest(x: Any, points: tuple[Fraction, ...]) -> Any:
    order = sorted(range(len(points)), key=lambda k: points[k])
    levels = [float(points[k]) for k in order]
    cuts = [(a + b) / 2 for a, b in pairwise(levels)]
    if len(cuts) <= 8:
        rank: Any = jnp.zeros(jnp.shape(x), jnp.int32)
        for cut in cuts:
            rank = rank + (x > cut).astype(jnp.int32)
    else:
        rank = jnp.searchsorted(jnp.asarray(np.array(cuts)), x).astype(jnp.int32)
    if order == list(range(len(points))):
        return rank
    return jnp.asarray(np.array(order, np.int32))[rank]


def snapped(v: Num, space: Grid) -> tuple[Num, Any]:
    """The nearest point of the grid, and whether the number is too far from it."""
    if v.member == space:
        return v, False
    i, outside = position(v, space)
    return point(space, i), outside


def pick(cells: tuple[Any, ...], keys: tuple[Value, ...], spaces: tuple[Space, ...]) -> tuple[Any, Any]:
    """The cell that the keys point at (row-major), by choice between already evaluated cells."""
    if not keys:
        return cells[0], False
    i, outside = position(keys[0], spaces[0])
    n = size(spaces[0]) or 1
    step = len(cells) // n
    if isinstance(i, int):
        found, bad = pick(cells[i * step : (i + 1) * step], keys[1:], spaces[1:])
        return found, _or(outside, bad)
    parts = [pick(cells[k * step : (k + 1) * step], keys[1:], spaces[1:]) for k in range(n)]
    found = parts[-1][0]
    for k in range(n - 2, -1, -1):
        found = choose(is_at(keys[0], spaces[0], i, k), parts[k][0], found)
    return found, _or(outside, parts[0][1])


def is_at(v: Value, space: Space, i: Any, k: int) -> Any:
    """Whether position `i` (of `v`) is `k`; for a bool without detour through numbers."""
    if isinstance(space, Bool):
        return v if k == 1 else ~v
    return i == k


def _or(a: Any, b: Any) -> Any:
    if a is False:
        return b
    return a if b is False else a | b
