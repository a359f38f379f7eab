"""Resources that offer: generators, storage, loads; and a fleet of them as arrays.

Limits, states and ramps are telemetered values of the interval. An award of ancillary service is limited by what is offered and
qualified, and by what the ramp allows in the response time of its kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any, Literal

import numpy as np

from opengames.diagnostics import Refusal, refuse
from opengames.models.ercot.given import is_number
from opengames.models.ercot.offers import OfferCurve, check_span
from opengames.models.ercot.products import KINDS, NUMBER


@dataclass(frozen=True, slots=True)
class AsOffer:
    """Of one kind. price: $/MW-h. mw: offered and qualified. ramp: MW/min that counts for the response time, `inf` for none."""

    price: float
    mw: float
    ramp: float = np.inf


@dataclass(frozen=True, slots=True)
class Generator:
    """low, high: sustained limits, MW. before: output at the start of the interval, MW; ramp_up, ramp_down: MW/min.
    status: an off-line unit produces nothing and may only give non-spin, up to `high`."""

    name: str
    bus: str
    low: float
    high: float
    offer: OfferCurve
    services: Mapping[str, AsOffer] = field(default_factory=dict)
    status: Literal["on", "off"] = "on"
    before: float = 0.0
    ramp_up: float = np.inf
    ramp_down: float = np.inf


@dataclass(frozen=True, slots=True)
class Esr:
    """Storage as one resource. low < 0 charges, high > 0 discharges, MW; one offer from `low` to `high`.
    stored: MWh at the start; least, most: MWh that it must stay between; charging, discharging: efficiencies in (0, 1], which are 1
    where telemetry has the losses already (as in SCED)."""

    name: str
    bus: str
    low: float
    high: float
    offer: OfferCurve
    stored: float
    least: float
    most: float
    services: Mapping[str, AsOffer] = field(default_factory=dict)
    charging: float = 1.0
    discharging: float = 1.0
    before: float = 0.0
    ramp_up: float = np.inf
    ramp_down: float = np.inf


@dataclass(frozen=True, slots=True)
class LoadResource:
    """A load that gives upward services by shedding. high: MW that it consumes and can shed (counted in the load of its bus)."""

    name: str
    bus: str
    high: float
    services: Mapping[str, AsOffer]


Resource = Generator | Esr | LoadResource


@dataclass(frozen=True)
class Fleet:
    """Resources as arrays. R resources, J steps of offers, A offers of services.

    buses: every bus of the grid. bus, low, high, before, ramp_up, ramp_down: (R,), MW and MW/min; low = high = 0 for what
    produces nothing; room: (R,) MW that output and upward awards share. start: (R,) MW where the offer begins.
    step_of, step_mw, step_price: (J,). award_of, award_kind, award_price, award_mw: (A,), kinds by position in `KINDS`;
    award_mw is what the response time allows. esr: positions of storage (S,); stored, least, most: MWh; charging, discharging.
    """

    resources: tuple[Resource, ...]
    buses: tuple[str, ...]
    bus: np.ndarray
    low: np.ndarray
    high: np.ndarray
    room: np.ndarray
    before: np.ndarray
    ramp_up: np.ndarray
    ramp_down: np.ndarray
    start: np.ndarray
    step_of: np.ndarray
    step_mw: np.ndarray
    step_price: np.ndarray
    award_of: np.ndarray
    award_kind: np.ndarray
    award_price: np.ndarray
    award_mw: np.ndarray
    esr: np.ndarray
    stored: np.ndarray
    least: np.ndarray
    most: np.ndarray
    charging: np.ndarray
    discharging: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(r.name for r in self.resources)

    def __len__(self) -> int:
        return len(self.resources)

    def after(self, output: np.ndarray, stored: np.ndarray) -> Fleet:
        """The fleet at the start of the next interval: output (R,) MW, stored (S,) MWh, which rounding may not take out of its limits."""
        return replace(self, before=output, stored=np.clip(stored, self.least, self.most))


def fleet(resources: Sequence[Resource], buses: Sequence[str]) -> Fleet:
    """The fleet on a grid with these buses. Raises `Refusal` (`bad-resource`, `bad-offer`) naming the resource and what is wrong."""
    at = {bus: i for i, bus in enumerate(buses)}
    if len(at) != len(buses):
        twice = next(b for i, b in enumerate(buses) if at[b] != i)
        raise refuse("bad-resource", f"the bus `{twice}` is there twice")
    seen: set[str] = set()
    for r in resources:
        if r.name in seen:
            raise refuse("bad-resource", f"the resource `{r.name}` is there twice", help="give every resource a name of its own")
        seen.add(r.name)
        if r.bus not in at:
            raise _bad(r, f"is at the bus `{r.bus}`, which the grid does not have", f"the grid has {len(at):,} buses: " + _some(buses))
        _check(r)
    producing = [isinstance(r, Esr) or (isinstance(r, Generator) and r.status == "on") for r in resources]
    low = [r.low if on else 0.0 for r, on in zip(resources, producing, strict=True)]  # type: ignore[union-attr]
    steps = [
        (i, w, p)
        for i, (r, on) in enumerate(zip(resources, producing, strict=True))
        if on
        for w, p in _steps(r)  # type: ignore[arg-type]
    ]
    awards = [(i, NUMBER[k], o.price, _reach(k, o)) for i, r in enumerate(resources) for k, o in r.services.items()]
    esr = [i for i, r in enumerate(resources) if isinstance(r, Esr)]
    storage = [resources[i] for i in esr]

    def numbers(name: str, default: float = 0.0) -> np.ndarray:
        return np.array([getattr(r, name, default) for r in resources], float)

    step_of, step_mw, step_price = _table(steps, 3)
    award_of, award_kind, award_price, award_mw = _table(awards, 4)
    on = np.array(producing, bool)
    return Fleet(
        tuple(resources), tuple(buses), np.array([at[r.bus] for r in resources], int),
        np.array(low, float), np.where(on, numbers("high"), 0.0), numbers("high"),
        numbers("before"), numbers("ramp_up", np.inf), numbers("ramp_down", np.inf), np.array(low, float),
        step_of.astype(int), step_mw, step_price, award_of.astype(int), award_kind.astype(int), award_price, award_mw,
        np.array(esr, int),
        *(np.array([getattr(r, name) for r in storage], float) for name in ("stored", "least", "most", "charging", "discharging")),
    )  # fmt: skip


def _steps(r: Generator | Esr) -> list[tuple[float, float]]:
    """Widths and prices of the offer between the sustained limits."""
    begins = np.r_[r.offer.start, r.offer.mw[:-1]]
    width = np.minimum(r.offer.mw, r.high) - np.maximum(begins, r.low)
    return [(float(w), float(p)) for w, p in zip(width, r.offer.price, strict=True) if w > 0]


def _reach(kind: str, offer: AsOffer) -> float:
    minutes = KINDS[NUMBER[kind]].minutes
    return min(offer.mw, minutes * offer.ramp) if minutes else offer.mw


def _table(rows: Sequence[tuple[float, ...]], width: int) -> np.ndarray:
    return np.array(rows, float).reshape(-1, width).T


def _check(r: Resource) -> None:
    numbers = {n: getattr(r, n) for n in ("low", "high", "before", "stored", "least", "most") if hasattr(r, n)}
    for name, value in numbers.items():
        if not is_number(value):
            raise _bad(r, f"has {value} for `{name}`", "give a finite number")
    for kind, offer in r.services.items():
        if kind not in NUMBER:
            raise _bad(r, f"offers `{kind}`", "the kinds of ancillary service are " + ", ".join(NUMBER))
        if not isinstance(offer, AsOffer):
            raise _bad(r, f"offers `{offer}` of {kind}", "give an `AsOffer(price, mw)`")
        if not (is_number(offer.price) and is_number(offer.mw) and offer.mw >= 0):
            raise _bad(r, f"offers {offer.mw} MW of {kind} at {offer.price} $/MW-h", "an award has 0 MW or more and a finite price")
        if not _is_ramp(offer.ramp):
            raise _bad(r, f"offers {kind} with a ramp of {offer.ramp} MW/min", "give a number that is not negative, `inf` where no ramp counts")
        if isinstance(r, LoadResource) and not KINDS[NUMBER[kind]].up:
            raise _bad(r, f"offers {kind}", "a load gives upward services only")
        if isinstance(r, Generator) and r.status == "off" and kind != "NSPIN":
            raise _bad(r, f"is off-line and offers {kind}", "an off-line unit gives non-spin only")
    if isinstance(r, LoadResource):
        if r.high < 0:
            raise _bad(r, f"sheds {r.high:g} MW", "what a load can shed is 0 MW or more")
        return
    if isinstance(r, Generator) and r.status not in ("on", "off"):
        raise _bad(r, f"has the status `{r.status}`", "it is `on` or `off`")
    if r.low > r.high:
        raise _bad(r, f"has its low limit {r.low:g} MW above its high limit {r.high:g} MW", "exchange them")
    if not (_is_ramp(r.ramp_up) and _is_ramp(r.ramp_down)):
        raise _bad(r, f"ramps by {r.ramp_up} and {r.ramp_down} MW/min", "give both as numbers that are not negative, `inf` where none counts")
    check_span(r.name, r.offer, r.low, r.high)
    if isinstance(r, Esr):
        if not 0 <= r.least <= r.most:
            raise _bad(r, f"must keep between {r.least:g} and {r.most:g} MWh", "the least is 0 MWh or more, and not above the most")
        if not r.least <= r.stored <= r.most:
            raise _bad(r, f"has {r.stored:g} MWh in store and must keep between {r.least:g} and {r.most:g} MWh",
                       "telemetry and limits contradict each other: mend one of them")  # fmt: skip
        if not (is_number(r.charging) and is_number(r.discharging) and 0 < r.charging <= 1 and 0 < r.discharging <= 1):
            raise _bad(r, f"has efficiencies {r.charging} and {r.discharging}", "each is above 0 and at most 1")


def _is_ramp(value: Any) -> bool:
    return isinstance(value, Real) and float(value) >= 0


def _bad(r: Resource, found: str, said: str) -> Refusal:
    return refuse("bad-resource", f"the resource `{r.name}` {found}", help=said)


def _some(buses: Sequence[str]) -> str:
    return ", ".join(f"`{b}`" for b in buses[:5]) + (" ..." if len(buses) > 5 else "")


__all__ = ["AsOffer", "Esr", "Fleet", "Generator", "LoadResource", "Resource", "fleet"]
