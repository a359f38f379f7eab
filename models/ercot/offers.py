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
    if not points:
        raise _bad(resource, "has no point", "give at least one `(MW, $/MWh)`")
    if len(points) > POINTS:
        raise _bad(resource, f"has {len(points)} points", f"ten points are the most that ERCOT takes: leave out {len(points) - POINTS}")
    before_mw, before_price = start, -np.inf
    for i, (mw, price) in enumerate(points, 1):
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
    table = np.array(points, float)
    return OfferCurve(float(start), table[:, 0], table[:, 1])


def check_span(resource: str, curve: OfferCurve, least: float, most: float) -> None:
    """Refuses (`bad-offer`) a curve that does not cover from the low to the high sustained limit."""
    if curve.start > least or curve.mw[-1] < most:
        raise _bad(resource, f"covers {curve.start:g} to {curve.mw[-1]:g} MW", f"it must cover {least:g} to {most:g} MW, the sustained limits")


def _bad(resource: str, found: str, said: str) -> Refusal:
    return refuse("bad-offer", f"the offer of `{resource}` {found}", help=said)


__all__ = ["DAY_AHEAD_CAP", "POINTS", "REAL_TIME_CAP", "OfferCurve", "check_span", "offer_curve"]
