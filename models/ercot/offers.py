"""Energy offers as steps, and what makes one acceptable.

An offer has up to ten points `(MW, $/MWh)`: a price holds from the point before up to its MW. Prices do not fall and lie
between -250 $/MWh and the cap. A storage resource has one curve from its least output (negative: charging) to its greatest:
because the curve rises, what it would pay to charge is never more than what it asks to discharge.

Source: ERCOT training "Real-Time 101", July 2025 (range, ten points, order); "RTC+B: Overview of the + Batteries Portion".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from opengames.diagnostics import Refusal, refuse
from opengames.models.ercot.given import is_number
from opengames.models.ercot.penalties import OFFER_FLOOR

REAL_TIME_CAP, DAY_AHEAD_CAP = 2_000.0, 5_000.0
POINTS = 10


@dataclass(frozen=True)
class OfferCurve:
    """start: MW where the curve begins. mw: where each step ends (k,), rising. price: $/MWh (k,), not falling."""

    start: float
    mw: np.ndarray
    price: np.ndarray

    @property
    def width(self) -> np.ndarray:
        return np.diff(np.r_[self.start, self.mw])

    def at(self, mw: float) -> float:
        """The price of the next megawatt above `mw`; the last price at the end of the curve."""
        return float(self.price[min(int(np.searchsorted(self.mw, mw, side="right")), len(self.price) - 1)])

    def cost(self, mw: float) -> float:
        """What producing `mw` instead of `start` costs, $/h."""
        return float(np.clip(mw - (self.mw - self.width), 0.0, self.width) @ self.price)


def offer_curve(
    resource: str, start: float, points: Sequence[tuple[float, float]], cap: float = REAL_TIME_CAP, most: float | None = None
) -> OfferCurve:
    """The curve through these points. most: the MW that it must reach, if it must.

    Raises `Refusal` (`bad-offer`) naming the resource and the point.
    """
    table = _pairs(resource, points)
    if len(table) > POINTS:
        raise _bad(resource, f"has {len(table)} points", f"ten points are the most that ERCOT takes: leave out {len(table) - POINTS}")
    if not is_number(start):
        raise _bad(resource, f"begins at {start} MW", "it begins at a finite number of MW")
    before_mw, before_price = start, -np.inf
    for i, (mw, price) in enumerate(table.tolist(), 1):
        if not (np.isfinite(mw) and np.isfinite(price)):
            raise _bad(resource, f"has {mw:g} MW at {price:g} $/MWh as point {i}", "both are finite numbers")
        if mw <= before_mw:
            raise _bad(resource, f"goes from {before_mw:g} MW to {mw:g} MW at point {i}", "order the points by rising MW")
        if not OFFER_FLOOR <= price <= cap:
            raise _bad(resource, f"asks {price:g} $/MWh at point {i}", f"prices lie between {OFFER_FLOOR:g} and {cap:g} $/MWh")
        if price < before_price:
            raise _bad(resource, f"falls from {before_price:g} to {price:g} $/MWh at point {i}", "prices of an offer never fall")
        before_mw, before_price = mw, price
    if most is not None and before_mw < most:
        raise _bad(resource, f"ends at {before_mw:g} MW", f"it must reach {most:g} MW, the high sustained limit")
    return OfferCurve(float(start), table[:, 0], table[:, 1])


def check_span(resource: str, curve: OfferCurve, least: float, most: float) -> None:
    """Refuses (`bad-offer`) what is no curve, however it was made, and one that does not cover from the low to the high sustained limit."""
    if not isinstance(curve, OfferCurve):
        raise _bad(resource, f"is `{curve}`", "make it with `offer_curve`")
    mw, price = np.asarray(curve.mw, float), np.asarray(curve.price, float)
    if mw.ndim != 1 or mw.shape != price.shape or not len(mw):
        raise _bad(resource, f"has {mw.size} ends of steps and {price.size} prices", "there is one price for each step")
    if not (np.isfinite(curve.start) and np.isfinite(mw).all() and np.isfinite(price).all()):
        raise _bad(resource, "has a number that is not finite", "make it with `offer_curve`, which names the point")
    for i in np.flatnonzero(np.diff(np.r_[curve.start, mw]) <= 0)[:1]:
        raise _bad(resource, f"goes from {np.r_[curve.start, mw][i]:g} MW to {mw[i]:g} MW at point {i + 1}", "order the points by rising MW")
    for i in np.flatnonzero(np.diff(price) < 0)[:1]:
        raise _bad(resource, f"falls from {price[i]:g} to {price[i + 1]:g} $/MWh at point {i + 2}", "prices of an offer never fall")
    if curve.start > least or curve.mw[-1] < most:
        raise _bad(resource, f"covers {curve.start:g} to {curve.mw[-1]:g} MW", f"it must cover {least:g} to {most:g} MW, the sustained limits")


def _pairs(resource: str, points: Sequence[tuple[float, float]]) -> np.ndarray:
    """Points as (k, 2) floats."""
    try:
        table = np.array([] if points is None else list(points), float)
    except (TypeError, ValueError) as error:
        raise _bad(resource, f"has `{points}` for points", "give pairs of numbers, `(MW, $/MWh)`") from error
    if not table.size:
        raise _bad(resource, "has no point", "give at least one `(MW, $/MWh)`")
    if table.ndim != 2 or table.shape[1] != 2:
        raise _bad(resource, f"has `{points}` for points", "give pairs of numbers, `(MW, $/MWh)`")
    return table


def _bad(resource: str, found: str, said: str) -> Refusal:
    return refuse("bad-offer", f"the offer of `{resource}` {found}", help=said)


__all__ = ["DAY_AHEAD_CAP", "POINTS", "REAL_TIME_CAP", "OfferCurve", "check_span", "offer_curve"]
