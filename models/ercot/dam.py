"""The day-ahead market: a day's hours cleared together, financially, without a look at state of charge.

Beside resources there are offers and bids of energy at a bus, hub or zone (virtual ones and demand), hourly or as blocks of hours,
point-to-point obligations, and ancillary services offered without a resource. Quantities that somebody arranged for himself shift
the demand curves. A battery's curve may clear on both sides, and its awards may need more than it holds: `wedge` says what that is worth.

Source: ERCOT, "RTC+B Day-Ahead Market", 25 Mar 2025; ERCOT training "Day-Ahead Market Operations", Aug 2025.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy import sparse

from opengames.diagnostics import Refusal, refuse
from opengames.models.ercot.assembly import Assembly
from opengames.models.ercot.clear import Start, clear
from opengames.models.ercot.demand_curves import DemandCurve, check_curve
from opengames.models.ercot.given import as_numbers, as_rows, is_number
from opengames.models.ercot.horizon import Horizon, Terms, check_horizon, read_all
from opengames.models.ercot.interval import Before, Spots, lay_interval
from opengames.models.ercot.limits import Limits
from opengames.models.ercot.offers import DAY_AHEAD_CAP
from opengames.models.ercot.penalties import OFFER_FLOOR, Penalties
from opengames.models.ercot.products import AS_ONLY, KINDS, NUMBER, PRODUCTS
from opengames.models.ercot.resources import Fleet

#: A bus, or a hub or zone as shares of buses that add up to one.
Node = str | Mapping[str, float]

_BLOCKS = 5
_LEAST = 0.1  # MW


@dataclass(frozen=True)
class EnergyOffer:
    """Energy sold or bought at a node without a resource: a virtual offer, a virtual bid, or demand.

    points: steps `(MW, $/MWh)`, MW counted from 0: prices rise when selling and fall when buying. hours: positions from 0.
    block: the same MW in all its hours, judged by their prices together. whole: all of it or nothing (a block of one point).
    """

    name: str
    node: Node
    side: Literal["sell", "buy"]
    points: tuple[tuple[float, float], ...]
    hours: tuple[int, ...]
    block: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Obligation:
    """A point-to-point obligation: up to `mw` from source to sink in each hour, for at most `price` $/MWh of difference."""

    name: str
    source: Node
    sink: Node
    mw: float
    price: float
    hours: tuple[int, ...]


@dataclass(frozen=True)
class AsOnlyOffer:
    """Ancillary service without a resource: up to five blocks `(MW, $/MW-h)` in each hour."""

    name: str
    kind: str
    blocks: tuple[tuple[float, float], ...]
    hours: tuple[int, ...]


@dataclass(frozen=True)
class DayAhead:
    """A day. load: (T, B) MW of fixed demand, often 0: demand bids for itself. reference: as in `Interval`; where there is no fixed load to
    weigh by, give weights. self_arranged: by product, (T,) MW. ramps: whether output follows from the hour before. hours: of one interval."""

    fleets: Fleet | Sequence[Fleet]
    load: np.ndarray
    curves: Mapping[str, DemandCurve] | Sequence[Mapping[str, DemandCurve]]
    limits: Limits | None = None
    energy: tuple[EnergyOffer, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    as_only: tuple[AsOnlyOffer, ...] = ()
    self_arranged: Mapping[str, np.ndarray] = field(default_factory=dict)
    penalties: Penalties = field(default_factory=Penalties)
    hours: float = 1.0
    regulation_share: float = 1.0
    reference: str | np.ndarray = "load"
    ramps: bool = False


@dataclass(frozen=True)
class DayAheadCleared:
    """market: the hours. energy, obligations, as_only: MW by name in every hour (T,). whole: whether there were all-or-nothing offers; prices
    are then those of the program in which they are held, and such an offer may lose at them."""

    market: Horizon
    energy: Mapping[str, np.ndarray]
    obligations: Mapping[str, np.ndarray]
    as_only: Mapping[str, np.ndarray]
    whole: bool

    def price(self, node: Node) -> np.ndarray:
        """The price at a node, (T,) $/MWh: of a hub or zone the mean of its buses by their shares."""
        buses = self.market[0].fleet.buses
        return np.array([_shares(node, buses, "the node") @ each.lmp for each in self.market.intervals])

    def obligation_price(self, obligation: Obligation) -> np.ndarray:
        """What a megawatt of it costs, and in real time pays at real-time prices: sink less source, (T,) $/MWh."""
        return self.price(obligation.sink) - self.price(obligation.source)


def day_ahead(day: DayAhead, kinks: bool = True) -> DayAheadCleared:
    """Clears a day. Where nothing joins its hours (no ramps, no blocks) each is a program of its own, and all of them together the day.

    Raises `Refusal`: `bad-offer` naming the offer, `data-shape`, `infeasible`.
    """
    _check(day)
    terms = check_horizon(day.fleets, day.load, _shifted(day), day.hours, day.regulation_share, day.reference, day.limits)
    many = len(terms.load)
    offered: tuple[EnergyOffer | Obligation | AsOnlyOffer, ...] = (*day.energy, *day.obligations, *day.as_only)
    for each in offered:
        hours = list(each.hours) if isinstance(each.hours, Sequence | np.ndarray) else []
        if not hours or not all(isinstance(t, int | np.integer) and 0 <= t < many for t in hours) or len(set(hours)) < len(hours):
            raise _bad(each.name, f"is for the hours {hours or each.hours}", f"hours are positions from 0 to {many - 1}, each of them once")
    joined = day.ramps or any(o.block for o in day.energy)
    if joined or many == 1:
        return _clear(day, terms, range(many), kinks)
    parts: list[DayAheadCleared] = []
    for t in range(many):
        parts.append(_clear(day, terms, [t], kinks, parts[-1].market[0].start if parts else None))
    return _together(parts)


def _together(parts: Sequence[DayAheadCleared]) -> DayAheadCleared:
    """Hours cleared apart as one day; the residuals are those of the worst."""
    worst = max((p.market.residuals for p in parts), key=lambda r: r.largest)
    market = Horizon(
        tuple(each for p in parts for each in p.market.intervals), np.vstack([p.market.stored_value for p in parts]),
        sum(p.market.objective for p in parts), worst,
    )  # fmt: skip

    def joined(name: str) -> dict[str, np.ndarray]:
        return {o: np.concatenate([getattr(p, name)[o] for p in parts]) for o in getattr(parts[0], name)}

    return DayAheadCleared(market, joined("energy"), joined("obligations"), joined("as_only"), any(p.whole for p in parts))


#: Of an offer, for each hour: its columns and what one unit of each is, MW.
_Columns = dict[int, list[tuple[int, float]]]


def _clear(day: DayAhead, terms: Terms, which: Sequence[int], kinks: bool, start: Start | None = None) -> DayAheadCleared:
    """Some hours of a day in one program. start: of an hour like this one."""
    to = Assembly()
    spots: dict[int, Spots] = {}
    for t in which:
        sold = {KINDS[NUMBER[o.kind]].product for o in day.as_only if t in o.hours}
        before = Before(spots[t - 1].p if t - 1 in spots else None)
        spots[t] = lay_interval(
            to, (t + 1,), terms.fleets[t], float(terms.load[t].sum()), terms.curves[t], day.penalties, float(terms.hours[t]),
            day.regulation_share, before, storage=False, ramps=day.ramps, sold=sold,
        )  # fmt: skip
    grid = _Injections(terms.fleets[0].buses)
    integer: list[int] = []
    energy = {o.name: _lay_energy(to, o, spots, grid, integer) for o in day.energy}
    obligations = {o.name: _lay_obligation(to, o, spots, grid) for o in day.obligations}
    as_only = {o.name: _lay_service(to, o, spots) for o in day.as_only}
    grid.into(spots)
    here = Terms(
        tuple(terms.fleets[t] for t in which), terms.load[list(which)], tuple(terms.curves[t] for t in which), terms.hours[list(which)],
        terms.weights[list(which)],
    )  # fmt: skip
    laid = list(spots.values())
    found = clear(to, laid, day.limits, here.load, here.weights, np.array(integer, int) if integer else None, start)
    x = found.solution.x

    def traded(some: Mapping[str, _Columns]) -> dict[str, np.ndarray]:
        return {name: np.array([sum(float(x[c]) * mw for c, mw in at.get(t, ())) for t in which], float) for name, at in some.items()}

    market = read_all(found, laid, here, day.limits, day.penalties, kinks)
    return DayAheadCleared(market, traded(energy), traded(obligations), traded(as_only), bool(integer))


class _Injections:
    """What columns beside resources put into the grid, hour by hour."""

    def __init__(self, buses: Sequence[str]) -> None:
        self.buses = buses
        self._parts: dict[int, list[tuple[int, np.ndarray]]] = {}

    def add(self, t: int, column: int, shares: np.ndarray) -> None:
        self._parts.setdefault(t, []).append((column, shares))

    def into(self, spots: Mapping[int, Spots]) -> None:
        for t, parts in self._parts.items():
            s = spots[t]
            s.injecting = np.r_[s.injecting, [c for c, _ in parts]]
            s.injection = sparse.csr_array(sparse.hstack([s.injection, sparse.csr_array(np.array([v for _, v in parts]).T)]))


def _lay_energy(to: Assembly, o: EnergyOffer, spots: Mapping[int, Spots], grid: _Injections, integer: list[int]) -> _Columns:
    sign = 1.0 if o.side == "sell" else -1.0
    shares = sign * _shares(o.node, grid.buses, o.name)
    table = np.array(o.points, float)
    width, price = np.diff(np.r_[0.0, table[:, 0]]), table[:, 1]
    unit = width if o.whole else np.ones(len(width))
    found: _Columns = {}
    for group in [o.hours] if o.block else [(t,) for t in o.hours if t in spots]:
        hours = sum(spots[t].hours for t in group)
        label = [("block" if o.block else group[0] + 1, j + 1) for j in range(len(width))]
        columns = to.columns(o.name, label, 0.0, 1.0 if o.whole else width, sign * hours * price * unit)
        if o.whole:
            integer += columns.tolist()
        for t in group:
            to.add(spots[t].balance, columns, sign * unit)
            found[t] = list(zip(columns.tolist(), unit.tolist(), strict=True))
            for c, u in found[t]:
                grid.add(t, c, shares * u)
    return found


def _lay_obligation(to: Assembly, o: Obligation, spots: Mapping[int, Spots], grid: _Injections) -> _Columns:
    shares = _shares(o.source, grid.buses, o.name) - _shares(o.sink, grid.buses, o.name)
    found: _Columns = {}
    for t in (t for t in o.hours if t in spots):
        column = int(to.columns(o.name, [(t + 1,)], 0.0, o.mw, -spots[t].hours * o.price)[0])
        grid.add(t, column, shares)
        found[t] = [(column, 1.0)]
    return found


def _lay_service(to: Assembly, o: AsOnlyOffer, spots: Mapping[int, Spots]) -> _Columns:
    product = KINDS[NUMBER[o.kind]].product
    table = np.array(o.blocks, float)
    found: _Columns = {}
    for t in (t for t in o.hours if t in spots):
        columns = to.columns(o.name, [(t + 1, j + 1) for j in range(len(table))], 0.0, table[:, 0], spots[t].hours * table[:, 1])
        found[t] = [(c, 1.0) for c in columns.tolist()]
        if product in spots[t].service:
            to.add(spots[t].service[product], columns)
    return found


def _shifted(day: DayAhead) -> Mapping[str, DemandCurve] | Sequence[Mapping[str, DemandCurve]]:
    if not day.self_arranged:
        return day.curves
    many = len(as_rows(day.load))
    every = (day.curves,) * many if isinstance(day.curves, Mapping) else tuple(day.curves)
    arranged = {}
    for k, v in day.self_arranged.items():
        if k not in PRODUCTS:
            raise refuse("bad-option", f"`{k}` is arranged, and there is no such product", help="the products are " + ", ".join(PRODUCTS))
        mw = as_numbers(v, f"what is arranged of {k}", "give MW, one number or one for each hour")
        if mw.shape not in ((), (1,), (many,)):
            raise refuse("data-shape", f"{mw.size} quantities of {k} are arranged in {many} hours", help="give one, or one for each hour")
        for wrong in mw[~((mw >= 0) & np.isfinite(mw))] if mw.ndim else [float(mw)] * (not (np.isfinite(mw) and mw >= 0)):
            raise refuse("bad-option", f"{wrong:g} MW of {k} are arranged", help="what somebody arranges is 0 MW or more")
        arranged[k] = np.broadcast_to(mw, (many,))
    for each in every:
        for k, c in each.items():
            check_curve(c, k)
    return [{k: c.shifted(float(arranged[k][t])) if k in arranged else c for k, c in each.items()} for t, each in enumerate(every)]


def _shares(node: Node, buses: Sequence[str], owner: str) -> np.ndarray:
    shares = np.zeros(len(buses))
    for bus, share in ({node: 1.0} if isinstance(node, str) else node).items():
        if bus not in buses:
            raise _bad(owner, f"is at the bus `{bus}`, which the grid does not have", "name a bus, or give shares of buses")
        if not (is_number(share) and share >= 0):
            raise _bad(owner, f"is at a node with the share {share} of `{bus}`", "a share is 0 or more")
        shares[list(buses).index(bus)] += share
    if not abs(shares.sum() - 1) <= 1e-9:
        raise _bad(owner, f"is at a node whose shares add up to {shares.sum():g}", "shares of a hub or zone add up to 1")
    return shares


def _check(day: DayAhead) -> None:
    seen: set[str] = set()
    for name in (*(o.name for o in day.energy), *(p.name for p in day.obligations), *(a.name for a in day.as_only)):
        if name in seen:
            raise _bad(name, "is there twice", "give every offer a name of its own")
        seen.add(name)
    for o in day.energy:
        if o.whole and (not o.block or len(o.points) != 1):
            raise _bad(o.name, f"is whole, with {len(o.points)} points and block = {o.block}", "all or nothing is for blocks of one point")
        if o.side not in ("sell", "buy"):
            raise _bad(o.name, f"is to `{o.side}`", "the side is `sell` or `buy`")
        rise = 1.0 if o.side == "sell" else -1.0
        before = (0.0, -np.inf)
        if not o.points:
            raise _bad(o.name, "has no point", "give at least one `(MW, $/MWh)`")
        for i, (mw, price) in enumerate(o.points, 1):
            if not (mw > before[0] and np.isfinite(mw)):
                raise _bad(o.name, f"goes from {before[0]:g} to {mw:g} MW at point {i}", "order the points by rising, finite MW, from above 0")
            if not OFFER_FLOOR <= price <= DAY_AHEAD_CAP:
                raise _bad(o.name, f"says {price:g} $/MWh at point {i}", f"prices lie between {OFFER_FLOOR:g} and {DAY_AHEAD_CAP:g} $/MWh")
            if rise * price < before[1]:
                raise _bad(o.name, f"goes from {rise * before[1]:g} to {price:g} $/MWh at point {i}",
                           "prices never fall when selling, and never rise when buying")  # fmt: skip
            before = (mw, rise * price)
    for p in day.obligations:
        if not (p.mw > 0 and np.isfinite(p.mw) and np.isfinite(p.price)):
            raise _bad(p.name, f"is for {p.mw:g} MW at {p.price:g} $/MWh", "an obligation has a positive quantity and a finite price")
    for a in day.as_only:
        if a.kind not in AS_ONLY:
            raise _bad(a.name, f"is for {a.kind}", "without a resource there are " + ", ".join(AS_ONLY))
        if not 1 <= len(a.blocks) <= _BLOCKS:
            raise _bad(a.name, f"has {len(a.blocks)} blocks", f"there are one to {_BLOCKS}")
        for i, (mw, price) in enumerate(a.blocks, 1):
            if not (mw >= _LEAST and np.isfinite(mw) and 0 <= price <= DAY_AHEAD_CAP):
                raise _bad(a.name, f"has {mw:g} MW at {price:g} $/MW-h in block {i}",
                           f"a block has {_LEAST:g} MW or more, at 0 to {DAY_AHEAD_CAP:g} $/MW-h")  # fmt: skip


def _bad(name: str, found: str, said: str) -> Refusal:
    return refuse("bad-offer", f"the offer `{name}` {found}", help=said)


__all__ = ["AsOnlyOffer", "DayAhead", "DayAheadCleared", "EnergyOffer", "Node", "Obligation", "day_ahead"]
