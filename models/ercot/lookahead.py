"""Several intervals cleared together, with ramps and state of charge from one to the next: for studies and for planning a battery.

ERCOT's own dispatch looks at one interval at a time (`sced`). A linear program may charge and discharge a lossy battery at once
where prices are negative and its store is full; that is reported, in `Horizon.burning` and in the notes of the interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from opengames.diagnostics import refuse
from opengames.models.ercot.assembly import Assembly
from opengames.models.ercot.clear import clear
from opengames.models.ercot.demand_curves import DemandCurve
from opengames.models.ercot.given import demand_number
from opengames.models.ercot.horizon import Horizon, check_horizon, read_all
from opengames.models.ercot.interval import Before, Spots, lay_interval
from opengames.models.ercot.limits import Limits
from opengames.models.ercot.penalties import Penalties
from opengames.models.ercot.resources import Fleet


@dataclass(frozen=True)
class LookAhead:
    """fleets: one for all intervals or one for each, of the same resources; output and store before the first count. load: (T, B) MW.
    hours: length of each. least_at_end: MWh that storage must end with, by name. The rest as in `Interval`."""

    fleets: Fleet | Sequence[Fleet]
    load: np.ndarray
    curves: Mapping[str, DemandCurve] | Sequence[Mapping[str, DemandCurve]]
    limits: Limits | None = None
    penalties: Penalties = field(default_factory=Penalties)
    hours: float | np.ndarray = 1 / 12
    regulation_share: float = 1.0
    reference: str | np.ndarray = "load"
    least_at_end: Mapping[str, float] = field(default_factory=dict)


def look_ahead(study: LookAhead, kinks: bool = True) -> Horizon:
    """Clears all intervals. kinks: work out between which numbers each price lies.

    Raises `Refusal`: `data-shape` for lengths that differ, `unknown-name` for storage that is not there, `infeasible`.
    """
    terms = check_horizon(study.fleets, study.load, study.curves, study.hours, study.regulation_share, study.reference, study.limits)
    to = Assembly()
    spots: list[Spots] = []
    before = Before()
    for t, f in enumerate(terms.fleets):
        s = lay_interval(
            to, (t + 1,), f, float(terms.load[t].sum()), terms.curves[t], study.penalties, float(terms.hours[t]), study.regulation_share, before
        )
        spots.append(s)
        before = Before(s.p, s.stored if len(s.stored) else None)
    _end(to, terms.fleets[-1], spots[-1], study.least_at_end)
    found = clear(to, spots, study.limits, terms.load, terms.weights)
    return read_all(found, spots, terms, study.limits, study.penalties, kinks)


def _end(to: Assembly, f: Fleet, last: Spots, wanted: Mapping[str, float]) -> None:
    names = [f.names[r] for r in f.esr]
    for name, mwh in wanted.items():
        demand_number(mwh, f"what `{name}` must end with, in MWh,")
        if name not in names:
            raise refuse("unknown-name", f"there is no storage `{name}` to end with {mwh:g} MWh",
                         help=("storage is " + ", ".join(f"`{n}`" for n in names)) if names else "there is no storage")  # fmt: skip
    if wanted:
        rows = to.rows("end", [(n,) for n in wanted], list(wanted.values()), np.inf, unit="MWh")
        to.add(rows, last.stored[[names.index(n) for n in wanted]])


__all__ = ["LookAhead", "look_ahead"]
