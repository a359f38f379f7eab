"""The five ancillary services and the kinds in which they are awarded.

Responsive reserve has one price and three kinds of award: primary frequency response of governors (PFR), fast frequency
response (FFR), and loads behind under-frequency relays (UFR). The other products have one kind, named like the product.

Durations say for how long an award must be sustained from what is in store. They are those of "RTC+B: Overview of the
+ Batteries Portion" (ERCOT, July 2025); FFR is not counted there, so its duration is 0 here.
"""

from __future__ import annotations

from dataclasses import dataclass

PRODUCTS = ("REGUP", "REGDN", "RRS", "ECRS", "NSPIN")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of award. up: towards more output. hours: duration in store. minutes: time to respond at the telemetered ramp,
    0 where the qualified quantity says it all."""

    name: str
    product: str
    up: bool
    hours: float
    minutes: float


KINDS = (
    Kind("REGUP", "REGUP", True, 0.5, 5.0),
    Kind("REGDN", "REGDN", False, 0.5, 5.0),
    Kind("RRS-PFR", "RRS", True, 0.5, 0.0),
    Kind("RRS-FFR", "RRS", True, 0.0, 0.0),
    Kind("RRS-UFR", "RRS", True, 0.5, 0.0),
    Kind("ECRS", "ECRS", True, 1.0, 10.0),
    Kind("NSPIN", "NSPIN", True, 4.0, 30.0),
)

#: Position of a kind in `KINDS`, by name.
NUMBER = {kind.name: i for i, kind in enumerate(KINDS)}

#: Kinds that may be offered day ahead without a resource. "RTC+B Day-Ahead Market", ERCOT, 25 Mar 2025.
AS_ONLY = ("REGUP", "REGDN", "RRS-PFR", "ECRS", "NSPIN")

__all__ = ["AS_ONLY", "KINDS", "NUMBER", "PRODUCTS", "Kind"]
