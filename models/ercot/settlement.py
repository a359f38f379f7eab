"""What is charged and paid afterwards, in settlement intervals of a quarter of an hour.

Amounts are charges in $: positive is owed to the market, negative is paid by it. Prices and awards of real time are means over the
runs of dispatch, weighted by how long each held.

Source: ERCOT, "RTC+B Settlement Overview", 14 Aug 2024. The prices PR3 and PR4 and the factor KP2 were not seen: they have no default.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from opengames.diagnostics import refuse
from opengames.models.ercot.given import as_numbers, demand_number

QUARTER = 0.25  # h


@dataclass(frozen=True)
class AsPosition:
    """Of one product in a quarter of an hour, MW. real_time: awarded by dispatch. day_ahead: awarded the day before.
    bought, sold: trades with others."""

    real_time: float
    day_ahead: float
    self_arranged: float = 0.0
    bought: float = 0.0
    sold: float = 0.0


@dataclass(frozen=True)
class DeviationRules:
    """Of storage that does not follow its set point. pr3, pr4: $/MWh; kp2: a factor. k: share of the set point, q: MW that are
    tolerated, above (3) and below (4)."""

    pr3: float
    pr4: float
    kp2: float
    k3: float = 0.03
    k4: float = 0.03
    q3: float = 3.0
    q4: float = 3.0


@dataclass(frozen=True)
class Deviation:
    """over, under: MWh outside the tolerance. charge: $."""

    over: float
    under: float
    over_charge: float
    under_charge: float

    @property
    def charge(self) -> float:
        return self.over_charge + self.under_charge


def run_mean(values: object, seconds: object) -> float:
    """The mean of a price or an award over the runs of a settlement interval, by their length."""
    v, s = as_numbers(values, "values of runs"), as_numbers(seconds, "lengths of runs")
    demand_number(v, "a value of a run")
    if v.shape != s.shape or not ((s >= 0) & np.isfinite(s)).all() or not s.sum() > 0:
        raise refuse("data-shape", f"{v.size} values of runs came with {s.size} lengths that add up to {s.sum():g} s",
                     help="give each run its length in seconds")  # fmt: skip
    return float(v @ s / s.sum())


def as_imbalance(position: AsPosition, mcpc: float) -> float:
    """The charge for a product, $: what real time awards beyond what was sold before is paid, what is missing is bought back.

    `-1 * [1/4 RT - 1/4 DAM - 1/4 self-arranged + 1/4 (bought - sold)] * MCPC`

    >>> as_imbalance(AsPosition(real_time=60, day_ahead=100), 20)
    200.0
    """
    p = position
    for name, value in {**asdict(p), "mcpc": mcpc}.items():
        demand_number(value, f"`{name}` of a settlement of services")
    return -QUARTER * (p.real_time - p.day_ahead - p.self_arranged + (p.bought - p.sold)) * mcpc


def as_only(award: float, mcpc: float) -> float:
    """The charge for an award of the day before without a resource: all of it is bought back, $.

    >>> as_only(40, 12)
    120.0
    """
    for name, value in (("award", award), ("mcpc", mcpc)):
        demand_number(value, f"`{name}` of a settlement of services")
    return QUARTER * award * mcpc


def set_point_deviation(metered: float, set_point: float, price: float, rules: DeviationRules) -> Deviation:
    """The charge of storage for a quarter of an hour. metered: mean MW; set_point: the average aggregated set point, MW; price: real-time
    settlement point price, $/MWh.

    `over  = max(0, T - 1/4 max(S + |K3 S|, S + Q3))`, charged `max(PR3, price)` each;
    `under = max(0, 1/4 min(S - |K4 S|, S - Q4) - T)`, charged `-min(PR4, price) * min(1, KP2)` each, with `T` the metered MWh.
    """
    for name, value in {"metered": metered, "set_point": set_point, "price": price, **asdict(rules)}.items():
        demand_number(value, f"`{name}` of a set-point deviation")
    produced = QUARTER * metered
    over = max(0.0, produced - QUARTER * max(set_point + abs(rules.k3 * set_point), set_point + rules.q3))
    under = max(0.0, QUARTER * min(set_point - abs(rules.k4 * set_point), set_point - rules.q4) - produced)
    return Deviation(over, under, max(rules.pr3, price) * over, -min(rules.pr4, price) * min(1.0, rules.kp2) * under + 0.0)


__all__ = ["QUARTER", "AsPosition", "Deviation", "DeviationRules", "as_imbalance", "as_only", "run_mean", "set_point_deviation"]
