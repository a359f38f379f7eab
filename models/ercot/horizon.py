"""Several intervals at once: what look-ahead studies and the day-ahead market have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from opengames.diagnostics import refuse
from opengames.models.ercot.clear import Optimum
from opengames.models.ercot.demand_curves import DemandCurve
from opengames.models.ercot.given import as_numbers, as_rows
from opengames.models.ercot.interval import Spots
from opengames.models.ercot.limits import Limits, check_buses, reference_weights
from opengames.models.ercot.penalties import Penalties
from opengames.models.ercot.resources import Fleet
from opengames.models.ercot.results import Cleared
from opengames.models.ercot.sced import check_load, check_terms, price_intervals, read
from opengames.solvers.clearing.solution import Residuals


@dataclass(frozen=True)
class Horizon:
    """Intervals cleared together. stored_value: (T, S) what one more MWh in store at the start of each is worth, $/MWh; none where state of
    charge did not count. objective: $, of all. residuals: of its optimality."""

    intervals: tuple[Cleared, ...]
    stored_value: np.ndarray
    objective: float
    residuals: Residuals

    def __len__(self) -> int:
        return len(self.intervals)

    def __getitem__(self, t: int) -> Cleared:
        return self.intervals[t]

    def lmp(self, bus: str) -> np.ndarray:
        """(T,) $/MWh."""
        return np.array([each.lmp_at(bus) for each in self.intervals])

    def mcpc(self, product: str) -> np.ndarray:
        """(T,) $/MW-h."""
        return np.array([each.mcpc[product] for each in self.intervals])

    def base_points(self, resource: str) -> np.ndarray:
        """(T,) MW."""
        return np.array([each.base_point(resource) for each in self.intervals])

    def awards(self, resource: str, kind: str) -> np.ndarray:
        """(T,) MW."""
        return np.array([each.awarded(resource, kind) for each in self.intervals])

    @property
    def burning(self) -> Mapping[tuple[int, str], float]:
        """MW that storage charges and discharges at once, by interval (from 1) and name. Empty in a sound plan."""
        return {(t, n): mw for t, each in enumerate(self.intervals, 1) for n, mw in each.burning.items()}


@dataclass(frozen=True)
class Terms:
    """What came in, checked and one for each interval."""

    fleets: tuple[Fleet, ...]
    load: np.ndarray
    curves: tuple[Mapping[str, DemandCurve], ...]
    hours: np.ndarray
    weights: np.ndarray


def check_horizon(
    fleets: Fleet | Sequence[Fleet], load: np.ndarray, curves: Mapping[str, DemandCurve] | Sequence[Mapping[str, DemandCurve]],
    hours: float | np.ndarray, share: float, reference: str | np.ndarray,
    limits: Limits | None = None,
) -> Terms:  # fmt: skip
    """Spreads what holds in all intervals over them. Raises `Refusal` (`data-shape`) where lengths differ, or resources do."""
    load = as_rows(load)
    many = len(load)
    every = (fleets,) * many if isinstance(fleets, Fleet) else tuple(fleets)
    demand = (curves,) * many if isinstance(curves, Mapping) else tuple(curves)
    lengths = np.atleast_1d(as_numbers(hours, "the lengths of intervals"))
    lengths = np.broadcast_to(lengths, (many,)) if lengths.size in (1, many) else lengths
    for what, found in (("fleets", len(every)), ("sets of demand curves", len(demand)), ("lengths of intervals", len(lengths))):
        if found != many:
            raise refuse("data-shape", f"{found} {what} came with load of {many} intervals", help="give one, or one for each interval")
    for t, each in enumerate(every[1:], 2):
        if each.names != every[0].names or each.buses != every[0].buses:
            raise refuse("data-shape", f"interval {t} has other resources or buses than the first one",
                         help="a resource that is out has limits of 0 MW")  # fmt: skip
    for f, here in zip(every, load, strict=True):
        check_load(here, f)
    for h, c in zip(lengths, demand, strict=True):
        check_terms(float(h), share, c)
    check_buses(limits, every[0].buses)
    weights = np.array([reference_weights(reference, here, every[0].buses) for here in load])
    return Terms(every, load, demand, lengths, weights)


def read_all(found: Optimum, spots: Sequence[Spots], terms: Terms, limits: Limits | None, penalties: Penalties, kinks: bool) -> Horizon:
    """An optimum of several intervals in the market's words."""
    ends = price_intervals(found, spots, kinks)
    intervals = tuple(
        read(found, t, s, terms.fleets[t], terms.load[t], terms.weights[t], limits, terms.curves[t], penalties, ends[t])
        for t, s in enumerate(spots)
    )
    value = np.array([-found.solution.y[s.energy] for s in spots])
    return Horizon(intervals, value + 0.0, found.solution.objective, found.solution.residuals)


__all__ = ["Horizon", "Terms", "check_horizon", "read_all"]
