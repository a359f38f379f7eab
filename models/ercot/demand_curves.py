"""Demand curves of ancillary services: what one more megawatt of each is worth, as steps of falling price.

ERCOT disaggregates one operating-reserve demand curve into five, from a day's plan quantities (NPRR1268, with the floor of
NPRR1269). A public reconstruction (repository karthikmattu06-hue/ercot-rtcb-bench, decision 0006) matched the posted curves
on 117 of 117 days within $0.03/MW-h; the recipe followed here is the one that it states.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from opengames.diagnostics import refuse
from opengames.models.ercot.given import as_numbers, is_number

VOLL = 5_000.0
CONTINGENCY = 3_000  # MW, minimum contingency level
MEAN, DEVIATION = 675.0, 1_524.0  # MW, regression of 30 Sep 2025
LEAST = 0.01  # $/MW-h: levels worth no more are left out
FLOOR = 15.0  # $/MW-h
ABOVE_VOLL = {"REGUP": 4_052.0, "RRS": 2_051.0, "ECRS": 50.0, "NSPIN": 0.0}


@dataclass(frozen=True)
class DemandCurve:
    """Steps of one product. width: MW (k,), positive. price: $/MW-h (k,), not increasing."""

    width: np.ndarray
    price: np.ndarray

    @property
    def mw(self) -> np.ndarray:
        """Where each step ends (k,)."""
        return np.cumsum(self.width)

    def at(self, mw: float) -> float:
        """The price of the next megawatt above `mw`; 0 beyond the curve."""
        i = int(np.searchsorted(self.mw, mw, side="right"))
        return float(self.price[i]) if i < len(self.price) else 0.0

    def value(self, mw: float) -> float:
        """What `mw` of the product are worth, $/h."""
        taken = np.clip(mw - (self.mw - self.width), 0.0, self.width)
        return float(taken @ self.price)

    def merged(self) -> DemandCurve:
        """The same curve with steps of equal price made one."""
        if not len(self.price):
            return self
        starts = np.flatnonzero(np.r_[True, self.price[1:] != self.price[:-1]])
        return DemandCurve(np.add.reduceat(self.width, starts), self.price[starts])

    def shifted(self, mw: float) -> DemandCurve:
        """What is left when `mw` are provided already: the curve without its first `mw`."""
        left = np.clip(self.mw - mw, 0.0, self.width)
        return DemandCurve(left[left > 0], self.price[left > 0])


@dataclass(frozen=True)
class Plan:
    """A day's plan quantities of an hour, MW. Fractions are rounded where the recipe counts whole megawatts."""

    regup: float
    regdn: float
    rrs: float
    ecrs: float
    nspin: float


def steps(width: object, price: object, product: str = "the product") -> DemandCurve:
    """A demand curve from its steps. Raises `Refusal` (`bad-curve`) for widths that are not positive or prices that rise."""
    w = np.atleast_1d(as_numbers(width, f"the widths of the demand curve of {product}"))
    p = np.atleast_1d(as_numbers(price, f"the prices of the demand curve of {product}"))
    return check_curve(DemandCurve(w, p), product)


def check_curve(curve: DemandCurve, product: str) -> DemandCurve:
    """The curve itself, however it was made. Raises `Refusal`: `bad-curve` as `steps` does, `bad-argument` for what is no curve."""
    if not isinstance(curve, DemandCurve):
        raise refuse("bad-argument", f"the demand curve of {product} is `{curve}`", help="make it with `steps` or `demand_curves`")
    w, p = curve.width, curve.price
    if np.shape(w) != np.shape(p) or np.ndim(w) != 1:
        raise refuse("bad-curve", f"the demand curve of {product} has {np.size(w)} widths and {np.size(p)} prices",
                     help="give one price for each step")  # fmt: skip
    for i in np.flatnonzero(~((w > 0) & np.isfinite(w) & np.isfinite(p))):
        raise refuse("bad-curve", f"step {i + 1} of the demand curve of {product} is {w[i]:g} MW at {p[i]:g} $/MW-h",
                     help="a step has a positive width and a finite price")  # fmt: skip
    for i in np.flatnonzero(np.diff(p) > 0):
        raise refuse("bad-curve", f"the demand curve of {product} rises at step {i + 2}: {p[i]:g}, then {p[i + 1]:g} $/MW-h",
                     help="more of a product is never worth more: order the steps by falling price")  # fmt: skip
    return curve


def aggregate(voll: float = VOLL, mean: float = MEAN, deviation: float = DEVIATION, least: float = LEAST) -> tuple[np.ndarray, np.ndarray]:
    """The aggregate curve: reserve levels in MW, and `(1 - Phi((R - 3000 - mean) / deviation)) * voll` at each, $/MW-h.

    Every whole level from 3,000 MW on whose value is above `least`: 7,703 of them with the published numbers.
    """
    from scipy.special import ndtr

    level = np.arange(CONTINGENCY, CONTINGENCY + int(np.ceil(mean + 40 * deviation)))
    value = ndtr(-(level - CONTINGENCY - mean) / deviation) * voll
    kept = value > least
    return level[kept], value[kept]


def contingency_split(plan: Plan) -> dict[str, int]:
    """How the 3,000 MW of the minimum contingency level are divided, in whole MW."""
    up, rr, ec = 0.9 * plan.regup, 0.9 * plan.rrs, 0.3 * plan.ecrs
    if up + rr + ec + 10 <= CONTINGENCY:
        parts = {"REGUP": up, "RRS": rr, "ECRS": ec}
        whole = {k: round(v) for k, v in parts.items()}
        return {**whole, "NSPIN": CONTINGENCY - sum(whole.values())}
    if up + rr + 50 > CONTINGENCY:
        return {"REGUP": round(up), "RRS": CONTINGENCY - 50 - round(up), "ECRS": 40, "NSPIN": 10}
    over = up + rr + ec - (CONTINGENCY - 10)
    whole = {"REGUP": round(up), "RRS": round(rr - over / 2)}
    return {**whole, "ECRS": CONTINGENCY - 10 - sum(whole.values()), "NSPIN": 10}


def demand_curves(plan: Plan, voll: float = VOLL, floor: float = FLOOR) -> dict[str, DemandCurve]:
    """The five curves of an hour with this plan, by product, steps of equal price merged.

    The flat part of each goes up to its share of the contingency level. Then every level of the aggregate curve becomes a step
    of 1 MW of exactly one product: regulation takes its levels evenly from those worth $250 or more, responsive reserve from
    the rest of those worth $100 or more, ECRS every other of what remains, non-spin the others and all that is left, so that
    its curve reaches beyond its plan. The floor holds up to the plan of each.

    Raises `Refusal` (`bad-curve`) for a plan that is negative, not finite, or leaves too few levels for regulation or
    responsive reserve.
    """
    _check(plan)
    for what, given in (("VOLL", voll), ("floor", floor)):
        if not (is_number(given) and given >= 0):
            raise refuse("bad-curve", f"the {what} of the demand curves is {given} $/MW-h", help="give a number of 0 or more")
    split = contingency_split(plan)
    for product, mw in split.items():
        if mw < 0:
            raise refuse("bad-curve", f"the plan leaves {mw:,} MW of the contingency level of {CONTINGENCY:,} MW to {product}",
                         help="the plan of REGUP or ECRS is larger than the recipe foresees")  # fmt: skip
    level, value = aggregate(voll)
    wanted = {"REGUP": round(plan.regup), "RRS": round(plan.rrs), "ECRS": round(plan.ecrs), "NSPIN": round(plan.nspin)}
    free = np.ones(len(level), bool)
    points = {}
    for product, lowest in (("REGUP", 250.0), ("RRS", 100.0)):
        pool = np.flatnonzero(free & (value >= lowest))
        many = max(0, wanted[product] - split[product])
        if many > len(pool):
            raise refuse("bad-curve", f"the plan of {product}, {wanted[product]:,} MW, needs {many:,} levels of the aggregate curve "
                         f"worth {lowest:g} $/MW-h or more; {len(pool):,} are left")  # fmt: skip
        taken = pool[np.round(np.linspace(0, len(pool) - 1, many)).astype(int)] if many else pool[:0]
        points[product] = taken
        free[taken] = False
    rest = np.flatnonzero(free)
    ecrs = rest[::2][: max(0, wanted["ECRS"] - split["ECRS"])]
    points["ECRS"] = ecrs
    points["NSPIN"] = np.setdiff1d(rest, ecrs)
    curves = {}
    for product, taken in points.items():
        width = np.r_[float(split[product]), np.ones(len(taken))]
        price = np.r_[voll + ABOVE_VOLL[product], value[taken]]
        within = np.cumsum(width) <= wanted[product]
        price = np.where(within, np.maximum(price, floor), price)
        curves[product] = DemandCurve(width[width > 0], price[width > 0]).merged()
    down = np.array([float(plan.regdn)])
    curves["REGDN"] = DemandCurve(down[down > 0], np.full(int(plan.regdn > 0), voll))
    return curves


def _check(plan: Plan) -> None:
    for product, mw in vars(plan).items():
        if not (is_number(mw) and mw >= 0):
            raise refuse("bad-curve", f"the plan of {product.upper()} is {mw} MW", help="a plan quantity is 0 MW or more")


__all__ = ["DemandCurve", "Plan", "aggregate", "check_curve", "contingency_split", "demand_curves", "steps"]
