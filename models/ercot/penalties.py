"""What it costs to break the power balance or a network limit: the curves that keep a dispatch feasible, and bound its prices.

The numbers of the balance curve differ between sources (see `docs/ercot.md`), so it is a parameter. Limits of lines have a
greatest shadow price, by voltage and by whether a contingency is behind them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from opengames.diagnostics import refuse
from opengames.models.ercot.demand_curves import VOLL
from opengames.models.ercot.given import as_numbers, is_number

#: $/MW. OBDRR037 (2022); 5,251, 3,500 and 2,800 are seen in the published constraints of 2025-26.
BASE_CASE, KV_345, KV_138, KV_69 = 5_251.0, 4_500.0, 3_500.0, 2_800.0

#: $/MWh: the price of ERCOT's simulator for unserved energy ("Real-Time Simulation Examples", 22 Apr 2025).
SIMULATOR_BALANCE = 7_000.01

OFFER_FLOOR = -250.0


@dataclass(frozen=True)
class Penalties:
    """Of one clearing. under_mw, under_price: steps of unserved energy, MW and $/MWh, prices not falling; the last may be
    `inf` MW wide. over_price: what a megawatt too much costs, $/MWh: 250, the offer floor, where nothing else is said (that the
    floor is the penalty is our choice). Mind the order: at 250 a surplus is cheaper than a shortage of REGDN at 5,000.
    voll: system lambda and prices of capacity are capped at it after the solve."""

    under_mw: np.ndarray = field(default_factory=lambda: np.array([np.inf]))
    under_price: np.ndarray = field(default_factory=lambda: np.array([SIMULATOR_BALANCE]))
    over_price: float = -OFFER_FLOOR
    voll: float = VOLL

    def __post_init__(self) -> None:
        for name in ("under_mw", "under_price"):
            object.__setattr__(self, name, np.atleast_1d(as_numbers(getattr(self, name), f"`{name}` of the balance penalty")))
        if len(self.under_mw) != len(self.under_price) or not len(self.under_mw):
            raise refuse("bad-curve", f"the balance penalty has {len(self.under_mw)} widths and {len(self.under_price)} prices")
        for i in np.flatnonzero(~((self.under_mw >= 0) & np.isfinite(self.under_price))):
            raise refuse("bad-curve", f"step {i + 1} of the balance penalty is {self.under_mw[i]:g} MW at {self.under_price[i]:g} $/MWh",
                         help="a step has 0 MW or more, and a finite price")  # fmt: skip
        for name in ("over_price", "voll"):
            if not is_number(getattr(self, name)):
                raise refuse("bad-curve", f"`{name}` of the penalties is {getattr(self, name)} $/MWh", help="give a finite number")
        for i in np.flatnonzero(np.diff(self.under_price) < 0):
            raise refuse("bad-curve", f"the balance penalty falls at step {i + 2}: {self.under_price[i]:g}, then "
                         f"{self.under_price[i + 1]:g} $/MWh", help="order the steps by rising price")  # fmt: skip
        if self.under_price[0] + self.over_price < 0:
            raise refuse("bad-curve", f"a megawatt too much earns {-self.over_price:g} $/MWh and one too little costs {self.under_price[0]:g}",
                         help="the two together cost 0 or more, or a market of nothing earns without bound")  # fmt: skip


def shadow_price_cap(kv: float, contingency: bool) -> float:
    """The greatest shadow price of a limit, $/MW. kv: the lower voltage of the element; contingency: not the base case.

    A voltage that is not one of the three takes the cap of the next one below, the lowest that of 69 kV.
    """
    if not contingency:
        return BASE_CASE
    return KV_345 if kv >= 345 else KV_138 if kv >= 138 else KV_69


__all__ = ["BASE_CASE", "OFFER_FLOOR", "SIMULATOR_BALANCE", "Penalties", "shadow_price_cap"]
