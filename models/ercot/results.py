"""What a clearing says, in the market's words: dispatch, awards, prices and what they are made of.

Powers in MW, prices of energy in $/MWh, of capacity in $/MW-h, shadow prices in $/MW, stores in MWh, costs in $.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from opengames.diagnostics import refuse
from opengames.models.ercot.clear import Start
from opengames.models.ercot.products import KINDS, NUMBER
from opengames.models.ercot.resources import Esr, Fleet, Generator
from opengames.solvers.clearing.program import Program
from opengames.solvers.clearing.solution import Residuals


@dataclass(frozen=True)
class Decomposition:
    """A bus' price: `lmp = energy - sum of factor * shadow price` over the limits that bind. parts: name, shift factor, shadow
    price, and what the limit adds to the price."""

    bus: str
    lmp: float
    energy: float
    parts: tuple[tuple[str, float, float, float], ...]

    def table(self) -> str:
        """As lines of text."""
        rows = [("lambda", "", "", f"{self.energy:,.2f}")]
        rows += [(n, f"{f:+.4f}", f"{s:,.2f}", f"{a:+,.2f}") for n, f, s, a in self.parts]
        rows.append((f"LMP of {self.bus}", "", "", f"{self.lmp:,.2f}"))
        heads = ("", "shift factor", "$/MW", "$/MWh")
        widths = [max(len(r[i]) for r in (heads, *rows)) for i in range(4)]
        return "\n".join("  ".join(c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(r, widths, strict=True))).rstrip()
                         for r in (heads, *rows))  # fmt: skip


@dataclass(frozen=True)
class Cleared:
    """One interval of a clearing.

    output: (R,) base points. award: (A,) one for each offered service, see `Fleet`. bought: MW that the demand curve of each
    product takes. system_lambda, mcpc: capped; uncapped_lambda, uncapped_mcpc: as the program has them. intervals: of `lambda`
    and of each product, the least and the greatest price that the optimum admits, uncapped; what is printed is the upper end, or
    says otherwise in `notes`; empty where nobody looked. shadow_intervals: the same of limits, where few entered. lmp: (B,), from the
    capped lambda; limits, factors, shadow_price, flow, violated: of each limit that entered; factors (k, B) relative to `reference` (B,). unserved, surplus: MW. stored: (S,) MWh at the end of the interval. burning:
    MW that storage charges and discharges at once, by name. objective: $ of the whole clearing. residuals: of its optimality.
    start: where a clearing like this one may begin. program: what was solved, with the limits that entered (of all intervals, where they were cleared together).
    """

    fleet: Fleet
    hours: float
    load: np.ndarray
    reference: np.ndarray
    output: np.ndarray
    award: np.ndarray
    bought: Mapping[str, float]
    system_lambda: float
    uncapped_lambda: float
    mcpc: Mapping[str, float]
    uncapped_mcpc: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    shadow_intervals: Mapping[str, tuple[float, float]]
    lmp: np.ndarray
    limits: tuple[str, ...]
    factors: np.ndarray
    shadow_price: np.ndarray
    flow: np.ndarray
    violated: np.ndarray
    unserved: float
    surplus: float
    stored: np.ndarray
    burning: Mapping[str, float]
    objective: float
    residuals: Residuals
    program: Program = field(repr=False, compare=False)
    start: Start = field(repr=False, compare=False)
    notes: tuple[str, ...] = ()
    lmp_ends: Callable[[int], tuple[float, float]] = field(repr=False, compare=False, default=lambda _: (-np.inf, np.inf))

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {name: i for i, name in enumerate(self.fleet.names)}

    def _resource(self, name: str) -> int:
        if name not in self._places:
            raise refuse("unknown-name", f"there is no resource `{name}` in this clearing")
        return self._places[name]

    def _bus(self, name: str) -> int:
        if name not in self.fleet.buses:
            raise refuse("unknown-name", f"there is no bus `{name}` in this clearing")
        return self.fleet.buses.index(name)

    def base_point(self, resource: str) -> float:
        """Output of a resource, MW."""
        return float(self.output[self._resource(resource)])

    def awarded(self, resource: str, kind: str) -> float:
        """Award of a resource in a kind, such as `RRS-PFR`, or in a product as a whole, MW."""
        mine = self.fleet.award_of == self._resource(resource)
        wanted = [i for i, k in enumerate(KINDS) if kind in (k.name, k.product)]
        if not wanted:
            raise refuse("unknown-name", f"there is no ancillary service `{kind}`", help="the kinds are " + ", ".join(NUMBER))
        return float(self.award[mine & np.isin(self.fleet.award_kind, wanted)].sum())

    def lmp_at(self, bus: str) -> float:
        return float(self.lmp[self._bus(bus)])

    def summary(self) -> str:
        """The clearing in a few lines: prices, where they are not unique, what binds, what is short, and the certificate."""
        lo, hi = float(self.lmp.min()), float(self.lmp.max())
        lines = [f"lambda {self.system_lambda:,.2f} $/MWh, LMPs from {lo:,.2f} to {hi:,.2f} $/MWh"]
        lines += [f"{k}: {self.bought[k]:,.1f} MW at {price:,.2f} $/MW-h" for k, price in self.mcpc.items() if self.bought[k] or price]
        lines += [
            f"{name}: {flow:,.1f} MW, shadow price {price:,.2f} $/MW" + (f", {over:,.1f} MW beyond its limit" if over > 1e-6 else "")
            for name, flow, price, over in zip(self.limits, self.flow, self.shadow_price, self.violated, strict=True)
            if price > 1e-9
        ]
        if self.unserved > 1e-6:
            lines.append(f"{self.unserved:,.1f} MW of load are not served")
        if self.surplus > 1e-6:
            lines.append(f"{self.surplus:,.1f} MW are too much")
        return "\n".join([*lines, *self.notes, f"largest residual of optimality {self.residuals.largest:.0e}"])

    def lmp_interval(self, bus: str) -> tuple[float, float]:
        """The least and the greatest price of a bus that the optimum admits, uncapped, $/MWh."""
        return self.lmp_ends(self._bus(bus))

    def state_of_charge(self, resource: str) -> float:
        """MWh at the end of the interval."""
        place = np.flatnonzero(self.fleet.esr == self._resource(resource))
        if not len(place):
            raise refuse("unknown-name", f"`{resource}` stores nothing", help="storage is " + ", ".join(f"`{self.fleet.names[r]}`" for r in self.fleet.esr))
        return float(self.stored[place[0]])

    @property
    def unique(self) -> bool | None:
        """Whether lambda, every price of capacity and every shadow price that was looked at is the only one that the optimum admits; none
        where nobody looked (`kinks=False`)."""
        if not self.intervals:
            return None
        return all(hi - lo <= 1e-6 * (1 + abs(hi)) for lo, hi in (*self.intervals.values(), *self.shadow_intervals.values()))

    def decomposition(self, bus: str) -> Decomposition:
        """What the price of a bus is made of; the parts add up to 1e-9."""
        b = self._bus(bus)
        parts = tuple(
            (name, float(f), float(s), float(-f * s))
            for name, f, s in zip(self.limits, self.factors[:, b], self.shadow_price, strict=True)
            if s
        )
        return Decomposition(bus, float(self.lmp[b]), self.system_lambda, parts)

    def opportunity_cost(self, resource: str, kind: str) -> float:
        """What a megawatt of award displaces: the margin on energy that it could earn instead, $/MW-h; 0 where it earns none.

        An award of this resource is worth its own offer plus this: offer + (LMP - energy offer).
        """
        r = self._resource(resource)
        owner = self.fleet.resources[r]
        if kind not in NUMBER:
            raise refuse("unknown-name", f"there is no kind of award `{kind}`", help="the kinds are " + ", ".join(NUMBER))
        if not isinstance(owner, Generator | Esr) or not KINDS[NUMBER[kind]].up or owner.low == owner.high:
            return 0.0
        margin = self.lmp[self.fleet.bus[r]] - owner.offer.at(float(self.output[r]))
        return max(0.0, float(margin))


__all__ = ["Cleared", "Decomposition"]
