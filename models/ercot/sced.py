"""Security-constrained economic dispatch with real-time co-optimisation: one interval of five minutes.

    found = sced(Interval(fleet, load, curves, limits))
    found.lmp_at("D"), found.mcpc["RRS"], found.awarded("battery", "ECRS")

The linear program is that of `interval`, with network limits; state of charge is enforced. Prices are its row duals by the hour.
After the solve lambda and the prices of capacity are capped at VOLL, and the prices of buses follow from the capped lambda.

Sources: ERCOT, "RTC+B Education" (2024), "RTC+B: Overview of the + Batteries Portion" (July 2025), "Real-Time Simulation
Examples Training" (22 Apr 2025).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from opengames.diagnostics import refuse
from opengames.models.ercot.assembly import Assembly
from opengames.models.ercot.clear import Optimum, clear
from opengames.models.ercot.demand_curves import DemandCurve, check_curve
from opengames.models.ercot.given import as_numbers, is_number
from opengames.models.ercot.interval import Before, Spots, lay_interval
from opengames.models.ercot.limits import Limits, check_buses, reference_weights
from opengames.models.ercot.penalties import Penalties
from opengames.models.ercot.products import PRODUCTS
from opengames.models.ercot.resources import Fleet
from opengames.models.ercot.results import Cleared

#: MW of charge and discharge at once that is more than rounding.
_BOTH = 1e-6
#: The most limits whose shadow prices are looked at for other values.
_SHADOWS = 24


@dataclass(frozen=True)
class Interval:
    """What one clearing sees. load: (B,) MW. curves: by product; a product without one is not bought. limits: none for a grid without.

    hours: length of the interval. regulation_share: of a regulation award that the ramp must still have room for, from 0 to 1.
    reference: what lambda is the price of: `"load"` (ERCOT's, load-weighted), a bus, or weights.
    """

    fleet: Fleet
    load: np.ndarray
    curves: Mapping[str, DemandCurve]
    limits: Limits | None = None
    penalties: Penalties = field(default_factory=Penalties)
    hours: float = 1 / 12
    regulation_share: float = 1.0
    reference: str | np.ndarray = "load"


def sced(interval: Interval, kinks: bool = True, near: Cleared | None = None) -> Cleared:
    """Clears one interval. kinks: work out between which numbers each price lies. near: a clearing of much the same interval (the one
    before), from whose optimum the engine begins; the answer is the same, sooner.

    Raises `Refusal`: `data-shape` for load that is not one number per bus, `infeasible` where ramps or storage limits contradict each other.
    """
    load = check_load(interval.load, interval.fleet)
    check_terms(interval.hours, interval.regulation_share, interval.curves)
    check_reach(interval.fleet, interval.hours)
    check_buses(interval.limits, interval.fleet.buses)
    to = Assembly()
    spots = lay_interval(
        to, (), interval.fleet, float(load.sum()), interval.curves, interval.penalties, interval.hours, interval.regulation_share, Before()
    )
    weights = reference_weights(interval.reference, load, interval.fleet.buses)
    found = clear(to, [spots], interval.limits, load[None], weights[None], start=near.start if near else None)
    ends = price_intervals(found, [spots], kinks)[0]
    return read(found, 0, spots, interval.fleet, load, weights, interval.limits, interval.curves, interval.penalties, ends)


def check_load(load: np.ndarray, fleet: Fleet) -> np.ndarray:
    """Load as (B,) floats, or a refusal."""
    found = as_numbers(load, "load", "give MW for every bus")
    if found.shape != (len(fleet.buses),):
        raise refuse("data-shape", f"load has the shape {found.shape}; there are {len(fleet.buses):,} buses", help="give MW for every bus")
    if not len(found):
        raise refuse("data-shape", "there is no bus", help="a grid has one bus or more")
    wrong = np.flatnonzero(~np.isfinite(found))
    if len(wrong):
        raise refuse("data-gap", f"the load of bus `{fleet.buses[wrong[0]]}` is {found[wrong[0]]:g}", help="give MW for every bus")
    return found


def check_terms(hours: float, share: float, curves: Mapping[str, DemandCurve]) -> None:
    """Refuses lengths, shares, products and demand curves that mean nothing."""
    if not (is_number(hours) and hours > 0):
        raise refuse("bad-option", f"an interval of {hours} hours", help="its length is a number above 0")
    if not (is_number(share) and 0 <= share <= 1):
        raise refuse("bad-option", f"a regulation share of {share}", help="it lies between 0 and 1")
    for product, curve in curves.items():
        if product not in PRODUCTS:
            raise refuse("bad-option", f"there is no product `{product}`", help="the products are " + ", ".join(PRODUCTS))
        check_curve(curve, product)


def check_reach(fleet: Fleet, hours: float) -> None:
    """Refuses (`bad-resource`) what cannot come between its limits within the interval, however it ramps."""
    on = (fleet.high > fleet.low) | (fleet.low != 0)
    up, down = fleet.before + 60 * hours * fleet.ramp_up, fleet.before - 60 * hours * fleet.ramp_down
    for r in np.flatnonzero(on & ((up < fleet.low) | (down > fleet.high)))[:1]:
        reach = f"from {down[r]:g} to {up[r]:g} MW"
        raise refuse("bad-resource", f"the resource `{fleet.names[r]}` is at {fleet.before[r]:g} MW and reaches {reach} in the interval, "
                     f"outside its limits of {fleet.low[r]:g} to {fleet.high[r]:g} MW", help="mend its telemetry, or its ramps")  # fmt: skip


def price_intervals(found: Optimum, spots: Sequence[Spots], wanted: bool) -> list[dict[Any, tuple[float, float]]]:
    """For each interval the least and the greatest lambda and price of each product, uncapped, and of the limits that entered, by position,
    where they are few; nothing unless wanted."""
    if not wanted:
        return [{} for _ in spots]
    from opengames.solvers.clearing.kinks import intervals

    rows = [r for s in spots for r in (s.balance, *s.service.values())]
    entered = found.limits if len(found.limits) <= _SHADOWS else found.limits[:0]
    ends = intervals(found.program, found.solution, [*rows, *found.rows[: len(entered)]])
    pairs = iter(zip(ends.least.tolist(), ends.most.tolist(), strict=True))
    made: list[dict[Any, tuple[float, float]]] = []
    for s in spots:
        each = [(name, next(pairs)) for name in ("lambda", *s.service)]
        made.append({name: (lo / s.hours + 0.0, hi / s.hours + 0.0) for name, (lo, hi) in each})
    for (t, c), (lo, hi) in zip(entered.tolist(), pairs, strict=True):
        # shadow prices are the prices of rows with the sign turned
        made[t][c] = (-hi / spots[t].hours + 0.0, -lo / spots[t].hours + 0.0)
    return made


def read(
    found: Optimum, t: int, s: Spots, fleet: Fleet, load: np.ndarray, weights: np.ndarray, limits: Limits | None,
    curves: Mapping[str, DemandCurve], penalties: Penalties, ends: Mapping[Any, tuple[float, float]],
) -> Cleared:  # fmt: skip
    """Interval `t` of an optimum in the market's words. ends: of its prices."""
    x, y = found.solution.x + 0.0, found.solution.y
    energy = float(y[s.balance]) / s.hours + 0.0
    uncapped = {k: float(y[s.service[k]]) / s.hours + 0.0 if k in s.service else unsold(curves.get(k)) for k in PRODUCTS}
    mine = found.limits[:, 0] == t
    which = found.limits[mine, 1]
    shadow = np.maximum(-y[found.rows[mine]] / s.hours, 0.0)
    factors = found.factors[mine]
    capped = min(energy, penalties.voll)
    both = np.minimum(x[s.outward], x[s.inward])
    names = fleet.names
    burning = {names[fleet.esr[e]]: float(b) for e, b in zip(s.lossy, both, strict=True) if b > _BOTH}
    notes = [f"`{n}` charges and discharges {b:,.2f} MW at once: the price pays for losses" for n, b in burning.items()]
    short = [k for k in PRODUCTS if k not in s.service and uncapped[k]]
    notes += [f"nobody offers {k}: its price is the top of its demand curve" for k in short]
    named = {k: ends[k] for k in ("lambda", *s.service) if k in ends}
    shadows = {limits.names[c]: ends[c] for c in which.tolist() if c in ends} if limits is not None else {}
    values = {"lambda": energy, **uncapped, **dict(zip(shadows, shadow.tolist(), strict=False))}
    for name, (lo, hi) in {**named, **shadows}.items():
        printed = values[name]
        if hi - lo > 1e-6 * (1 + abs(hi)):
            at = "the upper end" if abs(printed - hi) <= 1e-6 * (1 + abs(hi)) else "a price within, that goes with the others"
            notes.append(f"{name} is not unique: every price in [{lo:,.2f}, {hi:,.2f}] belongs to this optimum; {printed:,.2f} is {at}")
    return Cleared(
        fleet=fleet, hours=s.hours, load=load, reference=weights, output=x[s.p], award=x[s.award],
        bought={k: float(x[s.curve[k]].sum()) if k in s.curve else 0.0 for k in PRODUCTS},
        system_lambda=capped, uncapped_lambda=energy,
        mcpc={k: min(v, penalties.voll) for k, v in uncapped.items()}, uncapped_mcpc=uncapped, intervals=named, shadow_intervals=shadows,
        lmp=capped - factors.T @ shadow, limits=tuple(limits.names[c] for c in which) if limits is not None else (),
        factors=factors, shadow_price=shadow, flow=found.flows[t, which] if len(which) else np.zeros(0),
        violated=x[found.violations[mine]], unserved=float(x[s.under].sum()), surplus=float(x[s.over].sum()),
        stored=x[s.stored] if len(s.stored) else fleet.stored, burning=burning, objective=found.solution.objective,
        residuals=found.solution.residuals, program=found.program, start=found.start, notes=tuple(notes), lmp_ends=lambda b: found.lmp_ends(t, s, b),
    )  # fmt: skip


def unsold(curve: DemandCurve | None) -> float:
    """The price of a product that nobody offers: the top of its demand curve, 0 where it is not bought either."""
    return float(curve.price[0]) if curve is not None and len(curve.price) else 0.0


__all__ = ["Interval", "check_load", "check_reach", "check_terms", "price_intervals", "read", "sced", "unsold"]
