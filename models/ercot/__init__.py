"""ERCOT's markets since December 2025: real-time co-optimisation plus batteries, the day-ahead market, and their settlement.

    from opengames.models.ercot import Esr, Generator, Interval, demand_curves, fleet, sced

Resources and offers make a `Fleet`; `sced` clears five minutes, `look_ahead` several intervals, `day_ahead` a day. See `docs/ercot.md`.
"""

from opengames.models.ercot.demand_curves import DemandCurve, Plan, aggregate, demand_curves, steps
from opengames.models.ercot.limits import Factors, GridLimits
from opengames.models.ercot.offers import OfferCurve, offer_curve
from opengames.models.ercot.penalties import Penalties, shadow_price_cap
from opengames.models.ercot.products import KINDS, PRODUCTS, Kind
from opengames.models.ercot.resources import AsOffer, Esr, Fleet, Generator, LoadResource, fleet
from opengames.models.ercot.results import Cleared, Decomposition
from opengames.models.ercot.sced import Interval, sced

__all__ = [
    "KINDS", "PRODUCTS", "AsOffer", "Cleared", "Decomposition", "DemandCurve", "Esr", "Factors", "Fleet", "Generator", "GridLimits",
    "Interval", "Kind", "LoadResource", "OfferCurve", "Penalties", "Plan", "aggregate", "demand_curves", "fleet", "offer_curve", "sced",
    "shadow_price_cap", "steps",
]  # fmt: skip
