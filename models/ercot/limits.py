"""Network limits as a clearing needs them: flows of an injection, and the shift factors of those limits that matter.

A limit is one direction of one element, perhaps after a contingency: `factors @ injection + constant <= limit`. Thousands of them are
there and few bind, so rows of factors are made when they are asked for. What does not balance is taken at the reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from opengames.diagnostics import refuse
from opengames.models.ercot.given import as_numbers
from opengames.models.ercot.penalties import BASE_CASE, shadow_price_cap
from opengames.models.grid.network import Network


class Limits(Protocol):
    """names, limit (C,) in MW, cap (C,): greatest shadow price in $/MW; `inf` for a limit that may not be broken.
    constant (C,): flow at no injection, from phase shifters."""

    names: Sequence[str]
    limit: np.ndarray
    cap: np.ndarray
    constant: np.ndarray

    def flows(self, injection: np.ndarray) -> np.ndarray:
        """Flows (C,) in MW of an injection (B,) that balances, or (C, k) of several side by side (B, k)."""

    def rows(self, which: np.ndarray) -> np.ndarray:
        """Shift factors (k, B) of some limits, relative to any one reference."""


@dataclass(frozen=True)
class Factors:
    """Limits with given shift factors. matrix: (C, B). cap: one number for all, or one each."""

    names: tuple[str, ...]
    matrix: np.ndarray
    limit: np.ndarray
    cap: np.ndarray

    def __post_init__(self) -> None:
        many = len(self.names)
        matrix, limit, cap = as_numbers(self.matrix, "shift factors"), as_numbers(self.limit, "limits"), as_numbers(self.cap, "caps")
        if matrix.ndim != 2 or len(matrix) != many or limit.shape != (many,):
            raise refuse("data-shape", f"{many} limits came with factors of shape {matrix.shape} and {limit.size} limits in MW",
                         help="give a row of factors and a limit in MW for each name")  # fmt: skip
        if cap.shape not in ((), (1,), (many,)):
            raise refuse("data-shape", f"{many} limits came with {cap.size} caps", help="give one for all, or one for each")
        cap = np.broadcast_to(cap, (many,))
        seen: set[str] = set()
        for i, name in enumerate(self.names):
            if name in seen:
                raise refuse("bad-option", f"the limit `{name}` is there twice", help="give every limit a name of its own, each direction of a line too")
            seen.add(name)
            if not np.isfinite(matrix[i]).all():
                raise refuse("data-gap", f"the limit `{name}` has a shift factor that is not finite", help="give a number for every bus")
            if np.isnan(limit[i]):
                raise refuse("data-gap", f"the limit `{name}` is nan MW", help="give a number, or `inf` for a limit that never binds")
            if not cap[i] >= 0:
                raise refuse("bad-option", f"the limit `{name}` may be broken at {cap[i]:g} $/MW", help="give 0 or more, or `inf` for never")
        for name, found in (("matrix", matrix), ("limit", limit), ("cap", cap)):
            object.__setattr__(self, name, found)

    @property
    def constant(self) -> np.ndarray:
        return np.zeros(len(self.names))

    def flows(self, injection: np.ndarray) -> np.ndarray:
        return np.asarray(self.matrix @ injection)

    def rows(self, which: np.ndarray) -> np.ndarray:
        return np.asarray(self.matrix[which])


class GridLimits:
    """Both directions of every branch of a network that has a limit, without contingencies.

    The factorised network is made once; give the same object to clearing after clearing. cap: $/MW, for all or each branch.
    """

    def __init__(self, network: Network, cap: np.ndarray | float = BASE_CASE) -> None:
        from opengames.models.grid.shift_factors import ShiftFactors

        self.network = network
        self.buses = network.buses.names
        self._factors = ShiftFactors(network, 0)
        self._branch = np.flatnonzero(np.isfinite(network.branches.limit))
        limit = network.branches.limit[self._branch]
        self.limit = np.r_[limit, limit]
        self.cap = np.tile(np.broadcast_to(np.asarray(cap, float), (len(network.branches),))[self._branch], 2)
        at_rest = self._factors.flows(np.zeros(len(network.buses)))[self._branch]
        self.constant = np.r_[at_rest, -at_rest]

    @cached_property
    def names(self) -> Sequence[str]:
        forward = [self.network.branches.names[i] for i in self._branch]
        return (*forward, *(f"{name} (reverse)" for name in forward))

    def flows(self, injection: np.ndarray) -> np.ndarray:
        found = self._factors.flows(injection)[self._branch]
        return np.r_[found, -found]

    def rows(self, which: np.ndarray) -> np.ndarray:
        many = len(self._branch)
        sign = np.where(which < many, 1.0, -1.0)
        return np.asarray(sign[:, None] * self._factors.rows(self._branch[which % many]))


class AfterOutages:
    """Limits of branches after the outage of another, both directions, besides those of the base case.

    The flow on `m` once `o` is out is `flow of m + outage factor of m for o * flow of o`. pairs: (k, 2) positions of the branch that is watched
    and of the one that is out. limit: MW of each pair after the outage, the base limit of what is watched unless given. Caps follow the voltage
    of the lower end of what is watched, the base cap where the network does not say.

    Raises `Refusal` (`bad-option`) where an outage would part the network, naming it.
    """

    def __init__(self, network: Network, pairs: np.ndarray, limit: np.ndarray | None = None) -> None:
        from opengames.models.grid.shift_factors import ShiftFactors

        self._base = GridLimits(network)
        self.buses = network.buses.names
        self._factors = ShiftFactors(network, 0)
        self._pairs = np.asarray(pairs, int).reshape(-1, 2)
        watched, out = self._pairs.T
        lost, where = np.unique(out, return_inverse=True)
        self._share = self._factors.outage(lost)[watched, where]
        names = network.branches.names
        parted = np.flatnonzero(np.isnan(self._share))
        if len(parted):
            raise refuse("bad-option", f"the outage of `{names[out[parted[0]]]}` parts `{network.name}`", help="leave this contingency out")
        after = network.branches.limit[watched] if limit is None else np.broadcast_to(np.asarray(limit, float), (len(watched),))
        kv = np.fmin(network.buses.kv[network.branches.tail], network.buses.kv[network.branches.head])[watched]
        cap = np.array([shadow_price_cap(v, bool(np.isfinite(v))) for v in kv])
        flows = self._factors.flows(np.zeros(len(network.buses)))
        at_rest = flows[watched] + self._share * flows[out]
        said = [f"{names[m]} after {names[o]}" for m, o in self._pairs.tolist()]
        self.names: Sequence[str] = (*self._base.names, *said, *(f"{n} (reverse)" for n in said))
        self.limit = np.r_[self._base.limit, after, after]
        self.cap = np.r_[self._base.cap, cap, cap]
        self.constant = np.r_[self._base.constant, at_rest, -at_rest]

    def flows(self, injection: np.ndarray) -> np.ndarray:
        every = self._factors.flows(injection)
        watched, out = self._pairs.T
        after = every[watched] + (self._share * every[out].T).T
        return np.r_[self._base.flows(injection), after, -after]

    def rows(self, which: np.ndarray) -> np.ndarray:
        many, pairs = len(self._base.limit), len(self._pairs)
        found = np.zeros((len(which), len(self._factors.network.buses)))
        plain = which < many
        found[plain] = self._base.rows(which[plain])
        later = which[~plain] - many
        watched, out = self._pairs[later % pairs].T if pairs else (later, later)
        sign = np.where(later < pairs, 1.0, -1.0)[:, None]
        found[~plain] = sign * (self._factors.rows(watched) + self._share[later % pairs if pairs else later][:, None] * self._factors.rows(out))
        return found


def check_buses(limits: Limits | None, buses: Sequence[str]) -> None:
    """Refuses (`data-shape`) limits of another grid than that of the load: another many buses, or others, or in another order."""
    if isinstance(limits, Factors) and limits.matrix.shape[1] != len(buses):
        raise refuse("data-shape", f"shift factors of {limits.matrix.shape[1]:,} buses came for {len(buses):,}", help="give a column for every bus")
    theirs = getattr(limits, "buses", None)
    if theirs is None or tuple(theirs) == tuple(buses):
        return
    if len(theirs) != len(buses):
        found = f"the network of the limits has {len(theirs):,} buses, and the fleet {len(buses):,}"
    else:
        i = next(i for i, (a, b) in enumerate(zip(theirs, buses, strict=True)) if a != b)
        found = f"bus {i + 1} is `{theirs[i]}` in the network of the limits and `{buses[i]}` in the fleet"
    raise refuse("data-shape", found, help="make the fleet with the buses of the network, in its order: `fleet(resources, network.buses.names)`")


def reference_weights(reference: str | np.ndarray, load: np.ndarray, buses: Sequence[str]) -> np.ndarray:
    """Where lambda is the price: `"load"` for ERCOT's load weights, the name of a bus, or weights (B,) that add up to one.

    Where there is no load, the first bus. Raises `Refusal` (`bad-option`).
    """
    many = len(buses)
    if isinstance(reference, str) and reference in buses:
        weights = np.zeros(many)
        weights[list(buses).index(reference)] = 1
        return weights
    if isinstance(reference, str):
        if reference != "load":
            raise refuse("bad-option", f"`{reference}` is no reference", help="say `load`, the name of a bus, or a weight for every bus")
        total = load.sum()
        return load / total if total > 0 else np.eye(1, many)[0]
    weights = as_numbers(reference, "the reference", "say `load`, the name of a bus, or a weight for every bus")
    if weights.shape != (many,) or not abs(weights.sum() - 1) <= 1e-9:
        raise refuse("bad-option", f"{weights.size} reference weights that add up to {weights.sum():g} came for {many} buses",
                     help="give a weight for every bus, 1 in all")  # fmt: skip
    return weights


__all__ = ["AfterOutages", "Factors", "GridLimits", "Limits", "check_buses", "reference_weights"]
