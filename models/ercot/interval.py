"""The rows and columns of one interval: energy, services, curves, penalties, ramps and state of charge.

The linear program is

    min  hours * [ sum c x + sum o a - sum P d + sum pi g + rho h ]
    offers:          p = low + sum x
    balance:         sum p + g - h = load                                   lambda
    service_REGUP:   sum a - sum d >= 0, and so for each product            MCPC
    headroom:        p + sum of upward a <= high         floor: p - a(REGDN) >= low
    ramp_up:         p + kappa a(REGUP) <= before + ramp * minutes          ramp_down: p - kappa a(REGDN) >= before - ramp * minutes
    energy:          e = e before - hours * p  (with efficiencies: p = q+ - q-, e = e before - hours q+ / eta_d + hours eta_c q-)
    sustain_up:      e - sum of tau a / eta_d >= least   sustain_down:  e + sum of tau eta_c a <= most,    least <= e <= most

The market's rules fix that awards are limited by store, limits and durations, and that limits of storage are never violated;
that the store at the end of the interval counts and one budget serves all upward awards is our choice, as is kappa, the share
of a regulation award that must be kept in the ramp.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from opengames.models.ercot.assembly import Assembly
from opengames.models.ercot.demand_curves import DemandCurve
from opengames.models.ercot.penalties import Penalties
from opengames.models.ercot.products import KINDS, NUMBER, PRODUCTS
from opengames.models.ercot.resources import Fleet

_UP = np.array([k.up for k in KINDS])
_HOURS = np.array([k.hours for k in KINDS])
_PRODUCT = np.array([PRODUCTS.index(k.product) for k in KINDS])


@dataclass
class Spots:
    """Where an interval's columns and rows are.

    p: (R,), step: (J,), award: (A,), curve: by product, under, over, stored: (S,), outward, inward: (S',) of storage with
    losses, lossy: their positions among storage. balance: a row; energy: rows (S,); service: by product. injecting: columns that inject into the
    grid, and injection (B, k): how much of each goes to which bus.
    """

    hours: float
    p: np.ndarray
    step: np.ndarray
    award: np.ndarray
    curve: dict[str, np.ndarray]
    under: np.ndarray
    over: np.ndarray
    stored: np.ndarray
    outward: np.ndarray
    inward: np.ndarray
    lossy: np.ndarray
    energy: np.ndarray
    balance: int
    service: dict[str, int]
    injecting: np.ndarray
    injection: sparse.csr_array


@dataclass(frozen=True)
class Before:
    """What an interval follows: another interval's columns, or telemetry where those are none."""

    p: np.ndarray | None = None
    stored: np.ndarray | None = None


def lay_interval(
    to: Assembly, at: tuple[Any, ...], fleet: Fleet, load: float, curves: Mapping[str, DemandCurve], penalties: Penalties,
    hours: float, regulation_share: float, before: Before, storage: bool = True, ramps: bool = True, sold: Collection[str] = (),
) -> Spots:  # fmt: skip
    """Adds an interval. at: put before every label, `()` for a single one. load: MW in all. storage: whether state of charge
    counts (the day-ahead market looks away). ramps: whether output follows from the interval before. sold: products that somebody
    without a resource sells."""
    names = fleet.names
    label = [(*at, n) for n in names]
    # output needs no bounds of its own: the steps of an offer go from the low limit to the high one
    p = to.columns("p", label, -np.inf, np.inf)
    step = to.columns("step", [(*at, names[r], j) for j, r in enumerate(fleet.step_of.tolist())], 0.0, fleet.step_mw,
                      hours * fleet.step_price)  # fmt: skip
    offers = to.rows("offers", label, fleet.start, fleet.start)
    to.add(offers, p)
    to.add(offers[fleet.step_of], step, -1.0)

    award_label = [(*at, names[r], KINDS[k].name) for r, k in zip(fleet.award_of.tolist(), fleet.award_kind.tolist(), strict=True)]
    award = to.columns("award", award_label, 0.0, fleet.award_mw, hours * fleet.award_price)

    under_label = [(*at, u) for u in range(len(penalties.under_mw))]
    under = to.columns("under", under_label, 0.0, penalties.under_mw, hours * penalties.under_price)
    over = to.columns("over", [at], 0.0, np.inf, hours * penalties.over_price)
    balance = to.rows("balance", [at], load, load)
    to.add(balance[0], p)
    to.add(balance[0], under)
    to.add(balance[0], over, -1.0)

    curve, service = _services(to, at, fleet, curves, hours, award, sold)
    _capability(to, label, fleet, p, award)
    if ramps:
        _ramps(to, label, fleet, p, award, hours, regulation_share, before.p)
    stored = outward = inward = lossy = energy = np.zeros(0, int)
    if storage and len(fleet.esr):
        stored, outward, inward, lossy, energy = _storage(to, label, fleet, p, award, hours, before.stored)
    bus = sparse.csr_array((np.ones(len(fleet)), (fleet.bus, np.arange(len(fleet)))), shape=(len(fleet.buses), len(fleet)))
    return Spots(hours, p, step, award, curve, under, over, stored, outward, inward, lossy, energy, int(balance[0]), service, p, bus)


def _services(
    to: Assembly, at: tuple[Any, ...], fleet: Fleet, curves: Mapping[str, DemandCurve], hours: float, award: np.ndarray,
    sold: Collection[str],
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    product = _PRODUCT[fleet.award_kind]
    supplied = np.bincount(product, fleet.award_mw, len(PRODUCTS)) > 0
    some = [i for i, k in enumerate(PRODUCTS) if k in curves and len(curves[k].width)]
    rows, columns = {}, {}
    for i in some:
        k, curve = PRODUCTS[i], curves[PRODUCTS[i]].merged()
        if not supplied[i] and k not in sold:
            # nobody sells: a price between the top of the curve and infinity belongs to that, so no row says it
            continue
        rows[k] = int(to.rows(f"service_{k}", [at], 0.0, np.inf)[0])
        columns[k] = to.columns(f"curve_{k}", [(*at, s) for s in range(len(curve.width))], 0.0, curve.width, -hours * curve.price)
        to.add(rows[k], columns[k], -1.0)
        to.add(rows[k], award[product == i])
    return columns, rows


def _capability(to: Assembly, label: list[tuple[Any, ...]], fleet: Fleet, p: np.ndarray, award: np.ndarray) -> None:
    up = _UP[fleet.award_kind]
    for name, some, sign, bound in (("headroom", up, 1.0, (-np.inf, fleet.room)), ("floor", ~up, -1.0, (fleet.low, np.inf))):
        of = fleet.award_of[some]
        which = np.unique(of)
        lower, upper = (np.broadcast_to(each, (len(fleet),))[which] for each in bound)
        rows = to.rows(name, [label[r] for r in which], lower, upper)
        to.add(rows, p[which])
        to.add(rows[np.searchsorted(which, of)], award[some], sign)


def _ramps(
    to: Assembly, label: list[tuple[Any, ...]], fleet: Fleet, p: np.ndarray, award: np.ndarray, hours: float, share: float,
    earlier: np.ndarray | None,
) -> None:  # fmt: skip
    for name, ramp, kind, sign in (("ramp_up", fleet.ramp_up, "REGUP", 1.0), ("ramp_down", fleet.ramp_down, "REGDN", -1.0)):
        which = np.flatnonzero(np.isfinite(ramp) & (fleet.high > fleet.low))
        reach = sign * ramp[which] * 60 * hours + (fleet.before[which] if earlier is None else 0.0)
        rows = to.rows(name, [label[r] for r in which], -np.inf if sign > 0 else reach, reach if sign > 0 else np.inf)
        to.add(rows, p[which])
        if earlier is not None:
            to.add(rows, earlier[which], -1.0)
        some = np.flatnonzero((fleet.award_kind == NUMBER[kind]) & np.isin(fleet.award_of, which))
        to.add(rows[np.searchsorted(which, fleet.award_of[some])], award[some], sign * share)


def _storage(
    to: Assembly, label: list[tuple[Any, ...]], fleet: Fleet, p: np.ndarray, award: np.ndarray, hours: float,
    earlier: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    esr = fleet.esr
    mine = [label[r] for r in esr]
    stored = to.columns("stored", mine, fleet.least, fleet.most, unit="MWh")
    begin = fleet.stored if earlier is None else 0.0
    energy = to.rows("energy", mine, begin, begin, unit="MWh")
    to.add(energy, stored)
    if earlier is not None:
        to.add(energy, earlier, -1.0)
    losing = (fleet.charging < 1) | (fleet.discharging < 1)
    whole, lossy = np.flatnonzero(~losing), np.flatnonzero(losing)
    to.add(energy[whole], p[esr[whole]], hours)
    some = [mine[s] for s in lossy]
    outward = to.columns("outward", some, 0.0, np.maximum(fleet.high[esr[lossy]], 0.0))
    inward = to.columns("inward", some, 0.0, np.maximum(-fleet.low[esr[lossy]], 0.0))
    two = to.rows("both_ways", some, 0.0, 0.0)
    to.add(two, p[esr[lossy]])
    to.add(two, outward, -1.0)
    to.add(two, inward, 1.0)
    to.add(energy[lossy], outward, hours / fleet.discharging[lossy])
    to.add(energy[lossy], inward, -hours * fleet.charging[lossy])

    place = {int(r): s for s, r in enumerate(esr)}
    ours = np.flatnonzero(np.isin(fleet.award_of, esr))
    owner = np.array([place[int(r)] for r in fleet.award_of[ours]], int)
    kind = fleet.award_kind[ours]
    for name, pick, factor, bound in (
        ("sustain_up", _UP[kind], -_HOURS[kind] / fleet.discharging[owner], (fleet.least, np.inf)),
        ("sustain_down", ~_UP[kind], _HOURS[kind] * fleet.charging[owner], (-np.inf, fleet.most)),
    ):
        which = np.unique(owner[pick])
        lower, upper = (np.broadcast_to(each, (len(esr),))[which] for each in bound)
        rows = to.rows(name, [mine[s] for s in which], lower, upper, unit="MWh")
        to.add(rows, stored[which])
        to.add(rows[np.searchsorted(which, owner[pick])], award[ours[pick]], factor[pick])
    return stored, outward, inward, lossy, energy


__all__ = ["Before", "Spots", "lay_interval"]
