"""A power network as arrays: what importers make, and what shift factors, clearing and pictures read.

Powers in MW, energies in MWh, prices in $/MWh, reactances per unit on `base` MVA, angles in degrees. Every table is a frozen
dataclass of equally long arrays; buses are referred to by position. Parts out of service are left out by the importers, which
say so.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


def _untold() -> np.ndarray:
    return np.zeros(0)


def _no_buses() -> np.ndarray:
    return np.zeros(0, int)


@dataclass(frozen=True)
class Buses:
    """names: as the source calls them, or its numbers where it has both. load: MW. kv, area, zone: NaN or "" where the source
    has none. x, y: place on a map or drawing (longitude and latitude where known), NaN where there is none. titles: longer
    names for people, one for each bus or none at all."""

    names: tuple[str, ...]
    load: np.ndarray
    kv: np.ndarray
    area: tuple[str, ...]
    zone: tuple[str, ...]
    x: np.ndarray
    y: np.ndarray
    titles: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Branches:
    """Lines and transformers. tail, head: positions of buses; flow is positive from tail to head. reactance: per unit.
    tap: ratio, 1 for a line. shift: degrees. limit: MW in both directions, `inf` for none."""

    names: tuple[str, ...]
    tail: np.ndarray
    head: np.ndarray
    reactance: np.ndarray
    tap: np.ndarray
    shift: np.ndarray
    limit: np.ndarray

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Curve:
    """What running a unit costs: `fixed` $/h, plus price by MW. mw: break points (k + 1,) from least to most output, at the first
    of which the cost is `fixed`; price: $/MWh of each piece (k,), not decreasing; or a quadratic
    `fixed + linear * p + square * p^2` $/h where `mw` is empty."""

    mw: np.ndarray
    price: np.ndarray
    linear: float = 0.0
    square: float = 0.0
    fixed: float = 0.0


@dataclass(frozen=True)
class Units:
    """Generators. bus: positions. least, most: MW. ramp: MW/min, `inf` for none. fuel: "" where unknown.
    curves: one for each unit."""

    names: tuple[str, ...]
    bus: np.ndarray
    least: np.ndarray
    most: np.ndarray
    ramp: np.ndarray
    fuel: tuple[str, ...]
    curves: tuple[Curve, ...]

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Storages:
    """Batteries, and whatever else holds energy. bus: positions. power: MW out at most. energy: MWh held at most. charge, discharge:
    efficiencies in (0, 1].

    What is left out is told by what is there: charging (MW in at most) is `power`; least (MWh that always stay) 0; initial (MWh
    held at first) NaN, which is half; final (MWh held at the end, at least) NaN, which is as much as at first; leak (the share
    lost in an hour) 0; inflow (MW that come in by themselves) 0; cost ($/MWh of what goes out) 0.
    """

    names: tuple[str, ...]
    bus: np.ndarray
    power: np.ndarray
    energy: np.ndarray
    charge: np.ndarray
    discharge: np.ndarray
    charging: np.ndarray = field(default_factory=_untold)
    least: np.ndarray = field(default_factory=_untold)
    initial: np.ndarray = field(default_factory=_untold)
    final: np.ndarray = field(default_factory=_untold)
    leak: np.ndarray = field(default_factory=_untold)
    inflow: np.ndarray = field(default_factory=_untold)
    cost: np.ndarray = field(default_factory=_untold)

    def __post_init__(self) -> None:
        n, nan = len(self.names), np.full(len(self.names), np.nan)
        usual = {"charging": self.power, "least": np.zeros(n), "initial": nan, "final": nan, "leak": np.zeros(n), "inflow": np.zeros(n), "cost": np.zeros(n)}
        for name, numbers in usual.items():
            if len(getattr(self, name)) != n:
                object.__setattr__(self, name, numbers)

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class DirectLines:
    """Direct-current lines: flows that are decided, not driven by angles. tail, head: positions of buses. least, most: MW that
    leave the tail, negative where power may go back; of which `(1 - share) * flow - lost` arrive at the head. share: of the flow,
    lost: MW. curves: what a flow costs, one for each line, as of units.
    """

    names: tuple[str, ...] = ()
    tail: np.ndarray = field(default_factory=_no_buses)
    head: np.ndarray = field(default_factory=_no_buses)
    least: np.ndarray = field(default_factory=_untold)
    most: np.ndarray = field(default_factory=_untold)
    share: np.ndarray = field(default_factory=_untold)
    lost: np.ndarray = field(default_factory=_untold)
    curves: tuple[Curve, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    def arriving(self, flow: np.ndarray) -> np.ndarray:
        """MW at the head for MW that leave the tail (..., lines)."""
        return np.asarray((1 - self.share) * flow - self.lost)


@dataclass(frozen=True)
class Network:
    """A grid. base: MVA. notes: what the importer left out or assumed, a sentence each, for the user to read."""

    name: str
    base: float
    buses: Buses
    branches: Branches
    units: Units
    storages: Storages
    notes: tuple[str, ...] = ()
    direct: DirectLines = DirectLines()


__all__ = ["Branches", "Buses", "Curve", "DirectLines", "Network", "Storages", "Units"]
