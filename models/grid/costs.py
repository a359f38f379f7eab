"""Cost curves of units: from points or polynomials, at an output, in pieces.

A cost is convex: the price of the next megawatt does not fall with output, or a linear program would use the dear pieces first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from opengames.diagnostics import Refusal, refuse
from opengames.models.grid.network import Curve

#: How much a price may fall from one piece to the next, in $/MWh, before it is called falling: printed costs are rounded.
ROUNDED = 1e-3

_NONE = np.zeros(0)


def polynomial(coefficients: Sequence[float], unit: str, where: str = "") -> Curve:
    """The curve of `coefficients`, those of the highest power first. Raises `Refusal` (`bad-case`) beyond squares, or where
    costs bend down."""
    powers = [float(c) for c in coefficients][::-1]
    if any(powers[3:]):
        raise refuse(
            "bad-case", f"the cost of unit `{unit}` has a power beyond the square",
            notes=_in(where), help="give it as points, or as a square",
        )  # fmt: skip
    fixed, linear, square = (*powers[:3], 0.0, 0.0, 0.0)[:3]
    if not np.isfinite([fixed, linear, square]).all():
        raise refuse("bad-case", f"the cost of unit `{unit}` is not a number", notes=_in(where))
    if square < 0:
        raise falling(unit, f"by {-2 * square:g} $/MWh with each megawatt", where)
    return Curve(_NONE, _NONE, linear, square, fixed)


def points(mw: Sequence[float], cost: Sequence[float], least: float, most: float, unit: str, where: str = "") -> Curve:
    """The curve through points (MW, $/h), its ends drawn on to `least` and `most` where it does not reach them.

    Raises `Refusal` (`bad-case`): outputs that do not rise, prices that fall.
    """
    p, f = np.asarray(mw, float), np.asarray(cost, float)
    if len(p) < 2 or not np.isfinite(np.concatenate((p, f))).all():
        raise refuse("bad-case", f"the cost of unit `{unit}` needs two points or more, all of them numbers", notes=_in(where))
    steps = np.diff(p)
    if (steps <= 0).any():
        at = int(np.flatnonzero(steps <= 0)[0])
        raise refuse(
            "bad-case", f"the cost of unit `{unit}` has points whose outputs do not rise: {p[at]:g} MW, then {p[at + 1]:g} MW",
            notes=_in(where),
        )  # fmt: skip
    return pieces(p, np.diff(f) / steps, float(f[0]), least, most, unit, where)


def pieces(mw: np.ndarray, price: np.ndarray, fixed: float, least: float, most: float, unit: str, where: str = "") -> Curve:
    """The curve of prices between break points, `fixed` $/h at the first, cut or drawn on to `least` and `most`."""
    falls = np.flatnonzero(np.diff(price) < -ROUNDED)
    if len(falls):
        k = int(falls[0])
        raise falling(unit, f"from {price[k]:.6g} to {price[k + 1]:.6g} $/MWh at {mw[k + 1]:g} MW", where)
    price = np.maximum.accumulate(price)
    inner = mw[1:-1]
    kept = (inner > least) & (inner < most)
    ends = np.concatenate(([least], inner[kept], [most]))
    middle = (ends[:-1] + ends[1:]) / 2
    own = price[np.clip(np.searchsorted(inner, middle), 0, len(price) - 1)]
    at_least = fixed + _along(mw, price, least)
    return Curve(ends, own, fixed=at_least)


def hull(mw: np.ndarray, cost: np.ndarray, least: float, most: float) -> tuple[Curve, bool]:
    """The curve through points, or through the lowest of them that bend up, and whether some were left out."""
    kept = [0]
    for k in range(1, len(mw)):
        while len(kept) > 1 and (cost[kept[-1]] - cost[kept[-2]]) * (mw[k] - mw[kept[-1]]) > (
            (cost[k] - cost[kept[-1]]) * (mw[kept[-1]] - mw[kept[-2]])
        ) * (1 + 1e-12) + 1e-9:
            kept.pop()
        kept.append(k)
    p, f = np.asarray(mw, float)[kept], np.asarray(cost, float)[kept]
    return pieces(p, np.diff(f) / np.diff(p), float(f[0]), least, most, ""), len(kept) < len(mw)


def falling(unit: str, how: str, where: str = "") -> Refusal:
    """The refusal of a cost that bends down."""
    return refuse(
        "bad-case", f"the price of unit `{unit}` falls {how}",
        notes=("a clearing needs prices that do not fall with output", *_in(where)),
        help="use the curve's convex hull, if that is what is meant",
    )  # fmt: skip


def cost_at(curve: Curve, p: float) -> float:
    """What running at `p` MW costs.   [$/h]"""
    if not len(curve.mw):
        return curve.fixed + curve.linear * p + curve.square * p * p
    return curve.fixed + _along(curve.mw, curve.price, p)


def in_pieces(curve: Curve, least: float, most: float, count: int) -> Curve:
    """A quadratic curve as `count` pieces that meet it at their ends; one in pieces, or without a square, stays as it is."""
    if len(curve.mw) or not curve.square or most <= least:
        return curve
    mw = np.linspace(least, most, count + 1)
    price = curve.linear + curve.square * (mw[:-1] + mw[1:])
    return Curve(mw, price, fixed=cost_at(curve, least))


def _along(mw: np.ndarray, price: np.ndarray, p: float) -> float:
    """The cost from the first break point to `p`, end pieces drawn on.   [$/h]"""
    ends = np.concatenate(([-np.inf], mw[1:-1], [np.inf]))
    low, high = min(p, float(mw[0])), max(p, float(mw[0]))
    inside = np.clip(ends[1:], low, high) - np.clip(ends[:-1], low, high)
    return float(np.sign(p - mw[0]) * (inside @ price))


def _in(where: str) -> tuple[str, ...]:
    return (f"in {where}",) if where else ()


__all__ = ["cost_at", "falling", "hull", "in_pieces", "pieces", "points", "polynomial"]
