"""A day of real time: one clearing after the other, each from where the last one left outputs and stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from opengames.diagnostics import refuse
from opengames.models.ercot.demand_curves import DemandCurve
from opengames.models.ercot.given import as_rows
from opengames.models.ercot.results import Cleared
from opengames.models.ercot.sced import Interval, sced


def roll(
    first: Interval, load: np.ndarray, curves: Sequence[Mapping[str, DemandCurve]] | None = None, kinks: bool = True,
    telemetry: Callable[[int, Interval], Interval] | None = None,
) -> Iterator[Cleared]:  # fmt: skip
    """Clears interval after interval, and gives each as it is done.

    first: what holds in all of them, with telemetry at the start. load: (T, B) MW. curves: for each interval, else those of `first`.
    telemetry: changes what the next interval sees (its number from 0, and it), for offers that change or units that trip.
    Raises `Refusal` as `sced` does, and `data-shape` for curves of another number of intervals.
    """
    load = as_rows(load)
    if curves is not None and len(curves) != len(load):
        raise refuse("data-shape", f"{len(curves)} sets of demand curves came with load of {len(load)} intervals", help="give one for each")
    fleet, found = first.fleet, None
    for t, mw in enumerate(load):
        here = replace(first, fleet=fleet, load=mw, curves=first.curves if curves is None else curves[t])
        if telemetry is not None:
            here = telemetry(t, here)
        found = sced(here, kinks, found)
        yield found
        fleet = here.fleet.after(found.output, found.stored)


__all__ = ["roll"]
