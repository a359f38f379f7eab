"""Whether a value lies in a space, and the point of the space that it is up to rounding."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

from opengames.sampled.backend import jax, jnp
from opengames.sampled.places import position, snapped
from opengames.sampled.values import (
    INF,
    Cells,
    Num,
    Pick,
    Rec,
    Stack,
    Value,
    as_family,
    both,
    either,
    negated,
    settle,
    solid,
)
from opengames.spaces import Bool, Enum, Family, Grid, Reals, Record, Space, size

NEAR = 1e-7
"""How far a number may be from a whole number that it stands for, relative to it."""


def outside(v: Value, space: Space) -> tuple[Value, Any]:
    """The point of `space` that the value is up to rounding, and whether it is none."""
    match space:
        case Grid():
            return snapped(v, space)
        case Reals(lower=lower, upper=upper, whole=whole):
            found, bad = _within(v, lower, upper)
            if not whole:
                return found, bad
            found, broken = _to_whole(found)
            return found, either(bad, broken)
        case Enum(labels=labels):
            i, bad = position(v, space)
            return Pick(i, labels), bad
        case Bool():
            return v, False
        case Record(fields=fields):
            parts = [outside(x, s) for x, (_, s) in zip(v.items, fields, strict=True)]
            return Rec(tuple(p for p, _ in parts)), _any(b for _, b in parts)
        case Family(index=index, item=item):
            sizes = tuple(size(s) or 0 for s in index)
            return _family_outside(as_family(v, sizes), len(sizes), item)
    raise TypeError(f"not a space: {space!r}")


def _any(flags: Any) -> Any:
    found: Any = False
    for f in flags:
        found = either(found, f)
    return found


def _family_outside(v: Value, depth: int, item: Space) -> tuple[Value, Any]:
    if depth == 0:
        return outside(v, item)
    if isinstance(v, Cells):
        parts = [_family_outside(x, depth - 1, item) for x in v.items]
        return Cells(tuple(p for p, _ in parts)), _any(b for _, b in parts)

    def one(x: Value) -> tuple[Value, Any]:
        found, bad = _family_outside(x, depth - 1, item)
        return solid(found), None if bad is False else jnp.asarray(bad)

    found, bad = jax.vmap(one)(v.item)
    return Stack(v.n, found), False if bad is None else jnp.any(bad)


def _within(v: Num, lower: Fraction | None, upper: Fraction | None) -> tuple[Num, Any]:
    low = -INF if lower is None else float(lower) - 1e-9 * max(1.0, abs(float(lower)))
    high = INF if upper is None else float(upper) + 1e-9 * max(1.0, abs(float(upper)))
    if v.known or (v.lo >= low and v.hi <= high and v.bound < INF):
        return v, not low <= float(v.x) <= high if v.known else False
    inside: Any = True
    if v.lo < low or (v.lo == -INF):
        inside = both(inside, v.x >= low if low > -INF else v.x > -INF)
    if v.hi > high or (v.hi == INF):
        inside = both(inside, v.x <= high if high < INF else v.x < INF)
    return settle(replace(v, lo=max(v.lo, low), hi=min(v.hi, high), place=None)), negated(inside)


def _to_whole(v: Num) -> tuple[Num, Any]:
    """The nearest whole number, and whether the number is too far from it. A `grain` of 0 says that it is whole."""
    if v.known:
        whole = round(v.x) if math.isfinite(v.x) else 0
        return v, not abs(v.x - whole) <= NEAR * max(1, abs(whole))
    if v.grain is not None and v.grain <= 0:
        return v, False
    whole = jnp.round(v.x)
    near = jnp.abs(v.x - whole) <= NEAR * jnp.maximum(1.0, jnp.abs(whole))
    return settle(replace(v, x=jnp.where(near, whole, v.x), place=None)), negated(near)
