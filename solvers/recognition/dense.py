"""Values of wires as plain arrays, one for each scalar of the space with an axis for every index, and back.

A filter moves, weighs and resamples arrays; only the sampled reading knows about bounds, labels and layers. `leaves`
takes a value apart in the order of the theory (fields, then items), `value` puts it together again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from opengames.sampled.backend import jnp
from opengames.sampled.values import (
    Cells,
    Num,
    Pick,
    Rec,
    Stack,
    Value,
    conform,
    declared,
    is_short,
    solid,
    width,
)
from opengames.spaces import Enum, Family, Grid, Reals, Record, Space, family, size


@dataclass(frozen=True)
class Leaf:
    """A scalar of a space. path: the fields that lead to it, each behind a dot. sizes: of the families around it."""

    path: str
    space: Space
    sizes: tuple[int, ...]
    index: tuple[Space, ...] = ()

    @property
    def is_real(self) -> bool:
        return isinstance(self.space, Reals) and not self.space.whole

    @property
    def bounds(self) -> tuple[float, float]:
        if not isinstance(self.space, Reals):
            return -np.inf, np.inf
        lower, upper = self.space.lower, self.space.upper
        return -np.inf if lower is None else float(lower), np.inf if upper is None else float(upper)


def leaves_of(space: Space, path: str = "", index: tuple[Space, ...] = ()) -> tuple[Leaf, ...]:
    """The scalars of a space."""
    match space:
        case Record(fields=fields):
            return tuple(leaf for n, s in fields for leaf in leaves_of(s, f"{path}.{n}", index))
        case Family(index=inner, item=item):
            return leaves_of(item, path, index + inner)
    return (Leaf(path, space, tuple(size(s) or 0 for s in index), index),)


def leaves(v: Value, space: Space) -> list[Any]:
    """The arrays of a value, `[*sizes]` each; numbers float64, labels int32, truth values bool."""
    return _leaves(solid(conform(v, space)), space, 0)


def _leaves(v: Value, space: Space, axis: int) -> list[Any]:
    match space:
        case Record(fields=fields):
            return [a for x, (_, s) in zip(v.items, fields, strict=True) for a in _leaves(x, s, axis)]
        case Family(index=index, item=item):
            rest = family(index[1:], item) if len(index) > 1 else item
            if not index:
                return _leaves(v, item, axis)
            if isinstance(v, Stack):
                return _leaves(v.item, rest, axis + 1)
            parts = [_leaves(x, rest, axis) for x in v.items]
            return [jnp.stack(column, axis) for column in zip(*parts, strict=True)]
    return [v.x if isinstance(v, Num | Pick) else v]


def bounds(v: Value, space: Space) -> list[tuple[float, float]]:
    """Between what the numbers of each leaf lie, as far as arithmetic and declarations promise; infinite where nothing does."""
    found = [leaf.bounds for leaf in leaves_of(space)]
    promised = _bounds(conform(v, space), space)
    return [(max(a, lo), min(b, hi)) for (a, b), (lo, hi) in zip(found, promised, strict=True)]


def _bounds(v: Value, space: Space) -> list[tuple[float, float]]:
    match space:
        case Record(fields=fields):
            return [b for x, (_, s) in zip(v.items, fields, strict=True) for b in _bounds(x, s)]
        case Family(index=index, item=item) if index:
            rest = family(index[1:], item) if len(index) > 1 else item
            if isinstance(v, Stack):
                return _bounds(v.item, rest)
            parts = [_bounds(x, rest) for x in v.items]
            return [(min(lo for lo, _ in each), max(hi for _, hi in each)) for each in zip(*parts, strict=True)]
        case Family(item=item):
            return _bounds(v, item)
    return [(v.lo, v.hi) if isinstance(v, Num) else (-np.inf, np.inf)]


def value(arrays: list[Any], space: Space) -> Value:
    """The value with these arrays, in the form it has on a wire, within the bounds that its space promises."""
    left = list(arrays)
    found = _value(left, space, 0)
    assert not left
    return found


def _value(left: list[Any], space: Space, axis: int) -> Value:
    match space:
        case Record(fields=fields):
            return Rec(tuple(_value(left, s, axis) for _, s in fields))
        case Family(index=index, item=item):
            rest = family(index[1:], item) if len(index) > 1 else item
            if not index:
                return _value(left, item, axis)
            n = size(index[0]) or 0
            if not is_short(n, width(rest)):
                return Stack(n, _value(left, rest, axis + 1))
            count = len(leaves_of(space))
            mine, left[:] = left[:count], left[count:]
            return Cells(tuple(_value([jnp.take(a, i, axis) for a in mine], rest, axis) for i in range(n)))
    x = left.pop(0)
    return Pick(x, space.labels) if isinstance(space, Enum) else declared(space, x)


def plain_value(supplied: Any, space: Space) -> list[np.ndarray]:
    """The arrays of a value of the theory (see `spaces`), which lies in its space."""
    found: list[np.ndarray] = []
    for leaf, cells in zip(leaves_of(space), _plain([supplied], space), strict=True):
        kind: Any = np.int32 if isinstance(leaf.space, Enum) else np.float64 if isinstance(leaf.space, Reals | Grid) else bool
        entries = [leaf.space.labels.index(c) for c in cells] if isinstance(leaf.space, Enum) else cells
        found.append(np.array([kind(c) for c in entries], kind).reshape(leaf.sizes))
    return found


def observed_value(supplied: Any, space: Space) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The arrays of a value of which scalars may be missing (`None`), and where they are there.

    A value of the space stands where nothing is, so that whatever is computed with it exists.
    """
    found, here = [], []
    for leaf, cells in zip(leaves_of(space), _plain([supplied], space), strict=True):
        spare = _any_of(leaf.space)
        found += plain_value(_shaped([spare if c is None else c for c in cells], leaf.sizes), _around(leaf))
        here.append(np.array([c is not None for c in cells], bool).reshape(leaf.sizes))
    return found, here


def _around(leaf: Leaf) -> Space:
    return family(leaf.index, leaf.space) if leaf.index else leaf.space


def _shaped(cells: list[Any], sizes: tuple[int, ...]) -> Any:
    return tuple(cells) if sizes else cells[0]


def _any_of(space: Space) -> Any:
    """A value of a scalar space: nothing, as far as it lies inside."""
    match space:
        case Enum(labels=labels):
            return labels[0]
        case Grid(points=values):
            return values[0]
        case Reals(lower=lower, upper=upper):
            return max(lower or 0, 0) if upper is None else min(upper, max(lower or 0, 0)) if lower is not None else min(upper, 0)
    return False


def _plain(items: list[Any], space: Space) -> list[list[Any]]:
    match space:
        case Record(fields=fields):
            return [column for i, (_, s) in enumerate(fields) for column in _plain([x[i] for x in items], s)]
        case Family(item=item):
            return _plain([x for each in items for x in each], item)
    return [items]


def stacked(arrays: list[Any]) -> Any:
    """Real leaves as one vector."""
    return jnp.concatenate([jnp.ravel(a) for a in arrays]) if arrays else jnp.zeros(0)


def split(vector: Any, sizes: list[tuple[int, ...]]) -> list[Any]:
    """The leaves in a vector, by their shapes."""
    found, at = [], 0
    for shape in sizes:
        n = int(np.prod(shape, dtype=int))
        found.append(vector[at : at + n].reshape(shape))
        at += n
    return found


__all__ = ["Leaf", "bounds", "leaves", "leaves_of", "observed_value", "plain_value", "split", "stacked", "value"]
