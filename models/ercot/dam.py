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
from opengames.models.ercot.clear import clear
from opengames.models.ercot.demand_curves import DemandCurve
from opengames.models.ercot.horizon import Horizon, check_horizon, read_all
from opengames.models.ercot.interval import Before, Spots, lay_interval
from opengames.models.ercot.limits import Limits
from opengames.models.ercot.offers import DAY_AHEAD_CAP
from opengames.models.ercot.penalties import OFFER_FLOOR, Penalties
from opengames.models.ercot.products import AS_ONLY, KINDS, NUMBER
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
    are then those of the program in which they are held, and such an offer may lose at them. shortfall of the day as a whole is in `market`."""

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
    """Clears a day. Raises `Refusal`: `bad-offer` naming the offer, `data-shape`, `infeasible`."""
    _check(day)
    terms = check_horizon(day.fleets, day.load, _shifted(day), day.hours, day.regulation_share, day.reference)
    many = len(terms.load)
    for each in (*day.energy, *day.obligations, *day.as_only):
        if not each.hours or not all(0 <= t < many for t in each.hours):
            raise _bad(each.name, f"is for the hours {list(each.hours)}", f"hours are positions from 0 to {many - 1}")
    sold = {t: {KINDS[NUMBER[o.kind]].product for o in day.as_only if t in o.hours} for t in range(many)}
    to = Assembly()
    spots: list[Spots] = []
    for t, f in enumerate(terms.fleets):
        before = Before(spots[-1].p if spots else None)
        spots.append(lay_interval(
            to, (t + 1,), f, float(terms.load[t].sum()), terms.curves[t], day.penalties, float(terms.hours[t]),
            day.regulation_share, before, storage=False, ramps=day.ramps, sold=sold[t],
        ))  # fmt: skip
    injections = _Injections(terms.fleets[0].buses, many)
    integer: list[int] = []
    energy = {o.name: _lay_energy(to, o, spots, injections, integer) for o in day.energy}
    obligations = {o.name: _lay_obligation(to, o, spots, injections) for o in day.obligations}
    as_only = {o.name: _lay_service(to, o, spots) for o in day.as_only}
    injections.into(spots)
    found = clear(to, spots, day.limits, terms.load, terms.weights, np.array(integer, int) if integer else None)
    x = found.solution.x
    return DayAheadCleared(
        read_all(found, spots, terms, day.limits, day.penalties, kinks),
        *({name: np.array([sum(float(x[c]) * mw for c, mw in at) for at in each]) for name, each in some.items()}
          for some in (energy, obligations, as_only)),
        bool(integer),
    )  # fmt: skip


#: For each hour, the columns of an offer and what one unit of each is, MW.
_Columns = list[list[tuple[int, float]]]


class _Injections:
    """What columns beside resources put into the grid, hour by hour."""

    def __init__(self, buses: Sequence[str], many: int) -> None:
        self.buses = buses
        self._columns: list[list[int]] = [[] for _ in range(many)]
        self._parts: list[list[np.ndarray]] = [[] for _ in range(many)]

    def add(self, t: int, column: int, shares: np.ndarray) -> None:
        self._columns[t].append(column)
        self._parts[t].append(shares)

    def into(self, spots: Sequence[Spots]) -> None:
        for s, columns, parts in zip(spots, self._columns, self._parts, strict=True):
            if columns:
                s.injecting = np.r_[s.injecting, columns]
                s.injection = sparse.csr_array(sparse.hstack([s.injection, sparse.csr_array(np.array(parts).T)]))


def _lay_energy(to: Assembly, o: EnergyOffer, spots: Sequence[Spots], grid: _Injections, integer: list[int]) -> _Columns:
    sign = 1.0 if o.side == "sell" else -1.0
    shares = sign * _shares(o.node, grid.buses, o.name)
    mw, price = (np.array(v, float) for v in zip(*o.points, strict=True))
    width = np.diff(np.r_[0.0, mw])
    found: _Columns = [[] for _ in spots]
    for group in [o.hours] if o.block else [(t,) for t in o.hours]:
        hours = sum(spots[t].hours for t in group)
        label = [("block" if o.block else group[0] + 1, j + 1) for j in range(len(mw))]
        unit = width if o.whole else np.ones(len(mw))
        columns = to.columns(o.name, label, 0.0, 1.0 if o.whole else width, sign * hours * price * unit)
        if o.whole:
            integer += columns.tolist()
        for t in group:
            to.add(spots[t].balance, columns, sign * unit)
            for c, u in zip(columns.tolist(), unit.tolist(), strict=True):
                grid.add(t, c, shares * u)
                found[t].append((c, u))
    return found


def _lay_obligation(to: Assembly, o: Obligation, spots: Sequence[Spots], grid: _Injections) -> _Columns:
    shares = _shares(o.source, grid.buses, o.name) - _shares(o.sink, grid.buses, o.name)
    found: _Columns = [[] for _ in spots]
    for t in o.hours:
        column = int(to.columns(o.name, [(t + 1,)], 0.0, o.mw, -spots[t].hours * o.price)[0])
        grid.add(t, column, shares)
        found[t].append((column, 1.0))
    return found


def _lay_service(to: Assembly, o: AsOnlyOffer, spots: Sequence[Spots]) -> _Columns:
    product = KINDS[NUMBER[o.kind]].product
    width, price = (np.array(v, float) for v in zip(*o.blocks, strict=True))
    found: _Columns = [[] for _ in spots]
    for t in o.hours:
        columns = to.columns(o.name, [(t + 1, j + 1) for j in range(len(width))], 0.0, width, spots[t].hours * price)
        found[t] = [(c, 1.0) for c in columns.tolist()]
        if product in spots[t].service:
            to.add(spots[t].service[product], columns)
    return found


def _shifted(day: DayAhead) -> Mapping[str, DemandCurve] | Sequence[Mapping[str, DemandCurve]]:
    if not day.self_arranged:
        return day.curves
    many = len(np.atleast_2d(day.load))
    every = (day.curves,) * many if isinstance(day.curves, Mapping) else tuple(day.curves)
    arranged = {k: np.broadcast_to(np.asarray(v, float), (many,)) for k, v in day.self_arranged.items()}
    return [{k: c.shifted(float(arranged[k][t])) if k in arranged else c for k, c in each.items()} for t, each in enumerate(every)]


def _shares(node: Node, buses: Sequence[str], owner: str) -> np.ndarray:
    shares = np.zeros(len(buses))
    for bus, share in ({node: 1.0} if isinstance(node, str) else node).items():
        if bus not in buses:
            raise _bad(owner, f"is at the bus `{bus}`, which the grid does not have", "name a bus, or give shares of buses")
        shares[list(buses).index(bus)] += share
    if abs(shares.sum() - 1) > 1e-9:
        raise _bad(owner, f"is at a node whose shares add up to {shares.sum():g}", "shares of a hub or zone add up to 1")
    return shares


def _check(day: DayAhead) -> None:
    seen: set[str] = set()
    for each in (*day.energy, *day.obligations, *day.as_only):
        if each.name in seen:
            raise _bad(each.name, "is there twice", "give every offer a name of its own")
        seen.add(each.name)
    for o in day.energy:
        if o.whole and (not o.block or len(o.points) != 1):
            raise _bad(o.name, f"is whole, with {len(o.points)} points and block = {o.block}", "all or nothing is for blocks of one point")
        rise = 1.0 if o.side == "sell" else -1.0
        before = (0.0, -np.inf)
        if not o.points:
            raise _bad(o.name, "has no point", "give at least one `(MW, $/MWh)`")
        for i, (mw, price) in enumerate(o.points, 1):
            if not mw > before[0]:
                raise _bad(o.name, f"goes from {before[0]:g} to {mw:g} MW at point {i}", "order the points by rising MW, from above 0")
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
