"""Values of the theory as arrays, and back: what goes into a compiled program and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from opengames.diagnostics import refuse
from opengames.sampled.backend import jax
from opengames.sampled.values import Cells, Num, Pick, Rec, Stack, Value, grid_grain, is_short, settle, width
from opengames.show import show, show_space
from opengames.spaces import Bool, Enum, Family, Grid, Reals, Record, Space, family, size

#: No number that is supplied may be larger than this, so that products of a few cannot overflow unseen.
LARGEST = 1e100
_NEAR = 1e-6


def encode(value: Any, space: Space, name: str) -> Value:
    """A value as arrays, in the form it has on a wire. Raises `Refusal` where it is not in `space`.

    value: as in `spaces`; families also as nested lists or numpy arrays, records also as mappings.
    """
    match space:
        case Enum(labels=labels):
            if value not in labels:
                raise _wrong(value, space, name)
            return Pick(np.int32(labels.index(value)), labels)
        case Bool():
            if not isinstance(value, (bool, np.bool_)):
                raise _wrong(value, space, name)
            return np.bool_(value)
        case Grid():
            return _grid(np.asarray(_float(value, space, name)), space, name)
        case Reals():
            return _real(np.asarray(_float(value, space, name)), space, name)
        case Record(fields=fields):
            if isinstance(value, Mapping):
                value = tuple(value[n] for n, _ in fields)
            parts = zip(value, fields, strict=True)
            return Rec(tuple(encode(v, s, f"{name}.{n}") for v, (n, s) in parts))
        case Family(index=index, item=item):
            sizes = tuple(size(s) or 0 for s in index)
            return _family(value, sizes, item, name)
    raise TypeError(f"not a space: {space!r}")


def _float(value: Any, space: Space, name: str) -> float:
    if isinstance(value, (bool, str, tuple, list)):
        raise _wrong(value, space, name)
    return float(value)


def _real(x: np.ndarray, space: Reals, name: str) -> Num:
    lo = -LARGEST if space.lower is None else float(space.lower)
    hi = LARGEST if space.upper is None else float(space.upper)
    slack = 1e-9 * np.maximum(1.0, np.abs(x))
    good = (x >= lo - slack) & (x <= hi + slack)
    if space.whole:
        good &= np.abs(x - np.round(x)) <= _NEAR * np.maximum(1.0, np.abs(x))
    if not good.all():
        raise _wrong(float(x[~good].flat[0]) if x.ndim else float(x), space, name)
    x = np.round(x) if space.whole else x
    return Num(np.clip(x, lo, hi), lo, hi)


def _grid(x: np.ndarray, space: Grid, name: str) -> Num:
    levels = np.array([float(p) for p in space.points])
    near = np.abs(x[..., None] - levels).argmin(axis=-1)
    found = levels[near]
    bad = ~(np.abs(found - x) <= _NEAR * np.maximum(1.0, np.abs(x)))
    if bad.any():
        raise _wrong(float(x[bad].flat[0]) if x.ndim else float(x), space, name)
    return settle(Num(found, float(levels.min()), float(levels.max()), grid_grain(space), space))


def _family(value: Any, sizes: tuple[int, ...], item: Space, name: str) -> Value:
    if isinstance(item, (Reals, Grid)):
        flat = _flat_numbers(value, sizes, item, name)
        whole = _real(flat, item, name) if isinstance(item, Reals) else _grid(flat, item, name)
        return _layers(whole, sizes, item)
    entries = _entries(value, sizes, name)
    return _nest([encode(v, item, name) for v in entries], sizes, item)


def _flat_numbers(value: Any, sizes: tuple[int, ...], item: Space, name: str) -> np.ndarray:
    if isinstance(value, np.ndarray) and value.dtype != object:
        flat = value.astype(np.float64)
    else:
        flat = np.array([_float(v, item, name) for v in _entries(value, sizes, name)])
    if flat.size != int(np.prod(sizes)):
        raise refuse("outside-type", f"`{name}` needs {int(np.prod(sizes))} values, and {flat.size} came")
    return flat.reshape(sizes)


def _entries(value: Any, sizes: tuple[int, ...], name: str) -> list[Any]:
    """The items in row-major order, from a flat tuple or nested lists."""
    total = int(np.prod(sizes))
    entries = list(value)
    if len(entries) != total and len(sizes) > 1 and len(entries) == sizes[0]:
        entries = [x for part in entries for x in _entries(part, sizes[1:], name)]
    if len(entries) != total:
        raise refuse("outside-type", f"`{name}` needs {total} values, and {len(entries)} came")
    return entries


def _layers(v: Num, sizes: tuple[int, ...], item: Space) -> Value:
    """A numeric array of a family as the layers it has on a wire."""
    if not sizes:
        return v
    if is_short(sizes[0], _leaves(sizes[1:], item)):
        parts = (Num(v.x[i], v.lo, v.hi, v.grain, v.member) for i in range(sizes[0]))
        return Cells(tuple(_layers(p, sizes[1:], item) for p in parts))
    return Stack(sizes[0], _layers_below(v, sizes[1:], item, 1))


def _layers_below(v: Num, sizes: tuple[int, ...], item: Space, axis: int) -> Value:
    if not sizes:
        return v
    if is_short(sizes[0], _leaves(sizes[1:], item)):
        parts = (Num(np.take(v.x, i, axis), v.lo, v.hi, v.grain, v.member) for i in range(sizes[0]))
        return Cells(tuple(_layers_below(p, sizes[1:], item, axis) for p in parts))
    return Stack(sizes[0], _layers_below(v, sizes[1:], item, axis + 1))


def _leaves(sizes: tuple[int, ...], item: Space) -> int:
    index = tuple(Grid(tuple(Fraction(i) for i in range(n))) for n in sizes)
    return width(family(index, item)) if sizes else width(item)


def _nest(items: list[Value], sizes: tuple[int, ...], item: Space) -> Value:
    if not sizes:
        return items[0]
    step = len(items) // sizes[0] if sizes[0] else 0
    parts = [_nest(items[k * step : (k + 1) * step], sizes[1:], item) for k in range(sizes[0])]
    if is_short(sizes[0], _leaves(sizes[1:], item)):
        return Cells(tuple(parts))
    return Stack(sizes[0], jax.tree.map(lambda *a: np.stack(a), *parts))


def _wrong(value: Any, space: Space, name: str) -> Exception:
    return refuse("outside-type", f"`{name}` is {show(value, space)}, which is not in {show_space(space)}")


# ------------------------------------------------------------------------ back


@dataclass(frozen=True)
class Column:
    """One scalar wire, or one field of a record wire, over all runs.

    data: `[runs, *index]`: float64 in base units, bool, or int32 positions in the enumeration.
    index: (name, space) of the loops around the wire and of its family, in the order of the axes.
    taken: where the branch around the wire was taken, if it is in one; of the shape of `data`.
    """

    data: np.ndarray
    space: Space
    index: tuple[tuple[str, Space], ...]
    taken: np.ndarray | None = None


def decode(v: Value, space: Space, name: str, index: tuple[tuple[str, Space], ...]) -> dict[str, Column]:
    """The columns of a wire. v: arrays with the axis of runs first, then one axis for each layer."""
    match space:
        case Record(fields=fields):
            found: dict[str, Column] = {}
            for x, (field, s) in zip(v.items, fields, strict=True):
                found.update(decode(x, s, f"{name}.{field}", index))
            return found
        case Family(index=inner, item=item):
            axes = tuple((_axis_name(s, k), s) for k, s in enumerate(inner))
            return decode(_dense(v, len(inner), 1 + len(index)), item, name, index + axes)
    x = v.x if isinstance(v, (Num, Pick)) else v
    return {name: Column(np.asarray(x), space, index)}


def _axis_name(space: Space, k: int) -> str:
    return space.name if isinstance(space, Enum) and space.name else f"index{k + 1}"


def _dense(v: Value, depth: int, at: int) -> Value:
    """The layers of a family as array axes, from axis `at` on."""
    if depth == 0:
        return v
    if isinstance(v, Stack):
        return _dense(v.item, depth - 1, at + 1)
    parts = [_dense(x, depth - 1, at) for x in v.items]
    leaves = [jax.tree.leaves(p) for p in parts]
    joined = [np.stack([np.asarray(a) for a in column], axis=at) for column in zip(*leaves, strict=True)]
    return jax.tree.unflatten(jax.tree.structure(parts[0]), joined)
