"""The wedge between day ahead and real time: what an award of a battery is worth when only real time looks at its charge.

Day ahead, a battery may be awarded more than it can sustain. In real time it is awarded what its charge allows, and the difference
is bought back at the real-time price: `DAM award * DAM MCPC + (RT award - DAM award) * RT MCPC`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from opengames.diagnostics import refuse
from opengames.models.ercot.given import demand_number
from opengames.models.ercot.horizon import Horizon
from opengames.models.ercot.products import KINDS, NUMBER
from opengames.models.ercot.results import Cleared


@dataclass(frozen=True)
class Wedge:
    """Of one kind of award over T hours. day_ahead, real_time: MW; day_ahead_price, real_time_price: $/MW-h; hours: length of each."""

    kind: str
    day_ahead: np.ndarray
    real_time: np.ndarray
    day_ahead_price: np.ndarray
    real_time_price: np.ndarray
    hours: float = 1.0

    def __post_init__(self) -> None:
        shapes = {np.shape(v) for v in (self.day_ahead, self.real_time, self.day_ahead_price, self.real_time_price)}
        if len(shapes) != 1:
            raise refuse("data-shape", f"awards and prices of {self.kind} have the shapes {', '.join(map(str, sorted(shapes)))}")

    @property
    def sold(self) -> np.ndarray:
        """Day-ahead revenue, (T,) $."""
        return self.hours * self.day_ahead * self.day_ahead_price

    @property
    def bought_back(self) -> np.ndarray:
        """What the difference to real time costs, (T,) $; negative where real time awards more."""
        return self.hours * (self.day_ahead - self.real_time) * self.real_time_price

    @property
    def worth(self) -> np.ndarray:
        """Revenue less what is bought back, (T,) $."""
        return self.sold - self.bought_back

    @property
    def missing(self) -> np.ndarray:
        """MW awarded the day before that real time does not award, (T,)."""
        return np.maximum(self.day_ahead - self.real_time, 0.0)


def wedge(resource: str, kind: str, day: Horizon, real: Horizon | Iterable[Cleared]) -> Wedge:
    """The wedge of a resource's awards in a kind. day: the day-ahead market; real: as many real-time intervals as it has hours."""
    after = real.intervals if isinstance(real, Horizon) else tuple(real)
    if len(after) != len(day):
        raise refuse("data-shape", f"{len(after)} real-time intervals came with {len(day)} of the day before", help="give one for each hour")
    if kind not in NUMBER:
        raise refuse("unknown-name", f"there is no kind of award `{kind}`", help="the kinds are " + ", ".join(NUMBER))
    product = KINDS[NUMBER[kind]].product
    return Wedge(
        kind, day.awards(resource, kind), np.array([each.awarded(resource, kind) for each in after]), day.mcpc(product),
        np.array([each.mcpc[product] for each in after]), day[0].hours,
    )  # fmt: skip


def sustainable(award: float, kind: str, stored: float, least: float = 0.0, discharging: float = 1.0) -> float:
    """What of an upward award a store of `stored` MWh can sustain for the duration of its kind, MW.

    >>> sustainable(100, "NSPIN", 50)
    12.5
    """
    if kind not in NUMBER or not KINDS[NUMBER[kind]].up:
        raise refuse("unknown-name", f"`{kind}` is no upward kind of award", help=", ".join(k.name for k in KINDS if k.up))
    for name, value in {"award": award, "stored": stored, "least": least, "discharging": discharging}.items():
        demand_number(value, f"`{name}` of what a store sustains")
    hours = KINDS[NUMBER[kind]].hours
    return award if not hours else max(0.0, min(award, (stored - least) * discharging / hours))


__all__ = ["Wedge", "sustainable", "wedge"]
