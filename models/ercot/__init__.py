"""ERCOT's markets since December 2025: real-time co-optimisation plus batteries, the day-ahead market, and their settlement.

    from opengames.models.ercot import Esr, Generator, Interval, demand_curves, fleet, sced

Resources and offers make a `Fleet`; `sced` clears five minutes, `look_ahead` several intervals, `day_ahead` a day. See `docs/ercot.md`.
"""

from opengames.models.ercot.dam import (
    AsOnlyOffer,
    DayAhead,
    DayAheadCleared,
    EnergyOffer,
    Obligation,
    day_ahead,
)
from opengames.models.ercot.demand_curves import DemandCurve, Plan, aggregate, demand_curves, steps
from opengames.models.ercot.horizon import Horizon
from opengames.models.ercot.limits import AfterOutages, Factors, GridLimits
from opengames.models.ercot.lookahead import LookAhead, look_ahead
from opengames.models.ercot.offers import OfferCurve, offer_curve
from opengames.models.ercot.penalties import Penalties, shadow_price_cap
from opengames.models.ercot.products import KINDS, PRODUCTS, Kind
from opengames.models.ercot.resources import AsOffer, Esr, Fleet, Generator, LoadResource, fleet
from opengames.models.ercot.results import Cleared, Decomposition
from opengames.models.ercot.rolling import roll
from opengames.models.ercot.sced import Interval, sced
from opengames.models.ercot.scenarios import Scenarios, sced_many
from opengames.models.ercot.settlement import (
    AsPosition,
    DeviationRules,
    as_imbalance,
    as_only,
    run_mean,
    set_point_deviation,
)
from opengames.models.ercot.wedge import Wedge, sustainable, wedge

__all__ = [
    "KINDS", "PRODUCTS", "AfterOutages", "AsOffer", "AsOnlyOffer", "AsPosition", "Cleared", "DayAhead", "DayAheadCleared", "Decomposition",
    "DemandCurve", "DeviationRules", "EnergyOffer", "Esr", "Factors", "Fleet", "Generator", "GridLimits", "Horizon", "Interval",
    "Kind", "LoadResource", "LookAhead", "Obligation", "OfferCurve", "Penalties", "Plan", "Scenarios", "Wedge", "aggregate", "as_imbalance",
    "as_only", "day_ahead", "demand_curves", "fleet", "look_ahead", "offer_curve", "roll", "run_mean", "sced", "sced_many", "set_point_deviation",
    "shadow_price_cap", "steps", "sustainable", "wedge",
]  # fmt: skip
