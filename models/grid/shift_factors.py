"""Shift factors of a network: how much of a megawatt put in at a bus, and taken out at the reference, flows through a branch.

The direct-current picture: the flow from tail to head is `(angle_tail - angle_head - shift) / (tap reactance)`, losses are none
and voltages one. With `A` the branches by buses incidence, `b` the susceptances and `B = A' diag(b) A`, flows are
`diag(b) A angle`, and the angles solve `B angle = injection`. `B` is factorised once, sparsely; rows and columns of the shift
factors are worked out when they are asked for, since all of them for some thousand buses fill a hundred megabytes.

The reference is a distribution over buses: where the other end of each megawatt is. It moves every factor of a branch by the
same number, changes no flow of balanced injections, and decides what the energy price `lambda` is the price of. Parts of a network
that only direct-current lines join have a reference each: no megawatt goes from one to the other through a branch.

Source: Wood, Wollenberg, Sheble, Power Generation, Operation and Control, 3rd ed. (2014), ch. 3 and 7.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse.linalg import splu

from opengames.diagnostics import Refusal, refuse
from opengames.models.grid.network import Network

#: A branch whose own outage factor is this close to one carries all that passes between two parts of the network.
BRIDGE = 1e-7

#: Names printed of a long list.
_FEW = 8

Reference = int | str | np.ndarray | None


def load_weights(network: Network) -> np.ndarray:
    """Each bus' share of the load (buses,): ERCOT's reference. Buses that feed in (negative load) count as they are.

    Raises `Refusal` (`bad-option`) for a network without load.
    """
    total = network.buses.load.sum()
    if not total > 0:
        raise refuse(
            "bad-option", f"`{network.name}` has no load to weigh its buses by",
            help="name a bus as the reference",
        )  # fmt: skip
    return np.asarray(network.buses.load / total)


def islands(network: Network, direct: bool = False) -> np.ndarray:
    """Which part joined by branches each bus is in (buses,): 0 is the largest. direct: direct-current lines join too."""
    n = len(network.buses)
    joining = (network.branches, network.direct) if direct else (network.branches,)
    tail, head = (np.concatenate([getattr(each, end) for each in joining]) for end in ("tail", "head"))
    joined = sparse.coo_array((np.ones(len(tail)), (tail, head)), shape=(n, n))
    _, part = csgraph.connected_components(joined, directed=False)
    by_size = np.argsort(-np.bincount(part), kind="stable")
    rank = np.empty_like(by_size)
    rank[by_size] = np.arange(len(by_size))
    return np.asarray(rank[part])


class ShiftFactors:
    """The shift factors of a connected network relative to a reference.

    reference: a bus (its position or name), weights over buses that add up to one, or none for load weights (the first bus
    where there is no load). In a part that it does not reach, the load weights of that part. Direct-current lines drive no
    flow here; what they join counts as connected.
    Raises `Refusal`: `disconnected-bus` where parts of the network hang together with nothing, `bad-case` for a branch without
    reactance, `bad-option` for weights that add up to something else.
    """

    def __init__(self, network: Network, reference: Reference = None) -> None:
        _refuse_parts(network)
        self.network = network
        self.weights = _weights(network, reference)
        #: Which part each bus is in (buses,), 0 the largest, and how many there are.
        self.part = islands(network)
        self.parts = int(self.part.max()) + 1
        self._own = _within(network, self.weights, self.part)
        b = susceptances(network)
        n, m = len(network.buses), len(network.branches)
        ends = np.concatenate((network.branches.tail, network.branches.head))
        signs = np.repeat((1.0, -1.0), m)
        incidence = sparse.csr_array((signs, (np.tile(np.arange(m), 2), ends)), shape=(m, n))
        incidence.sum_duplicates()
        #: Branches by buses: the flow of each for a radian at a bus.   [MW]
        self.through = sparse.csr_array(sparse.diags_array(b) @ incidence)
        self._susceptance = sparse.csc_array(incidence.T @ self.through)
        self._incidence = incidence
        # the angle of the first bus of each part is 0
        self._free = np.setdiff1d(np.arange(n), np.unique(self.part, return_index=True)[1])
        #: What phase shifters add to each branch at equal angles.   [MW]
        self.shifted = -b * np.deg2rad(network.branches.shift)
        self._pushed = incidence.T @ self.shifted

    @cached_property
    def _solve(self):
        core = self._susceptance[self._free, :][:, self._free]
        if not core.shape[0]:
            return np.asarray
        try:
            factors = splu(sparse.csc_matrix(core))
        except RuntimeError as fault:  # exactly singular: capacitors in series that cancel the lines they lie beside
            raise _singular(self.network) from fault
        return factors.solve

    def angles(self, injection: np.ndarray) -> np.ndarray:
        """Angles of the buses in radians, that of the first of a part 0, for injections (buses,) or (buses, k) in MW that balance."""
        right = np.asarray(injection, float)
        pushed = self._pushed if right.ndim == 1 else self._pushed[:, None]
        out = np.zeros_like(right)
        out[self._free] = self._solve((right - pushed)[self._free])
        return out

    def of_parts(self, values: np.ndarray) -> np.ndarray:
        """Sums (parts,) or (parts, k) of what buses have (buses,) or (buses, k)."""
        return np.asarray(self._belongs @ values)

    @cached_property
    def _belongs(self) -> sparse.csr_array:
        n = len(self.part)
        return sparse.csr_array((np.ones(n), (self.part, np.arange(n))), shape=(self.parts, n))

    def flows(self, injection: np.ndarray) -> np.ndarray:
        """Flows (branches,) or (branches, k) in MW, phase shifters included. What does not balance is taken at the reference."""
        right = np.asarray(injection, float)
        own = self._own if right.ndim == 1 else self._own[:, None]
        right = right - own * self.of_parts(right)[self.part]
        shifted = self.shifted if right.ndim == 1 else self.shifted[:, None]
        return np.asarray(self.through @ self.angles(right) + shifted)

    def rows(self, branches: np.ndarray) -> np.ndarray:
        """Shift factors of some branches at every bus (k, buses)."""
        which = np.asarray(branches, int)
        n = len(self.network.buses)
        found = np.zeros((len(which), n))
        if len(which) and n > 1:
            found[:, self._free] = self._solve(self.through[which].toarray()[:, self._free].T).T
        return np.asarray(found - self.of_parts((found * self._own).T).T[:, self.part])

    def columns(self, buses: np.ndarray) -> np.ndarray:
        """Shift factors of every branch at some buses (branches, k)."""
        which = np.asarray(buses, int)
        put_in = np.where(self.part[:, None] == self.part[which], -self._own[:, None], 0.0)
        put_in[which, np.arange(len(which))] += 1
        angles = np.zeros_like(put_in)
        angles[self._free] = self._solve(put_in[self._free])
        return np.asarray(self.through @ angles)

    def full(self) -> np.ndarray:
        """All shift factors (branches, buses)."""
        n, m = len(self.network.buses), len(self.network.branches)
        return self.columns(np.arange(n)) if n <= m else self.rows(np.arange(m))

    def outage(self, branches: np.ndarray) -> np.ndarray:
        """Outage factors (branches, k): what share of the flow of each of `branches` goes to every branch once it is out.

        -1 on the branch itself. A column is NaN where the branch is a bridge: without it the network falls apart, and no
        factor says what happens.
        """
        which = np.asarray(branches, int)
        if not len(which):
            return np.zeros((len(self.network.branches), 0))
        passed = self.through @ self._between(which)
        own = passed[which, np.arange(len(which))]
        stays = 1 - own
        apart = np.abs(stays) < BRIDGE
        factors = passed / np.where(apart, 1.0, stays)
        factors[which, np.arange(len(which))] = -1.0
        factors[:, apart] = np.nan
        return np.asarray(factors)

    def bridges(self) -> np.ndarray:
        """Positions of the branches that hold the network together: the outage of any one parts it."""
        m = len(self.network.branches)
        own = np.concatenate([
            (self.through[part] @ self._between(part)).diagonal() for part in np.array_split(np.arange(m), max(1, m // 500))
        ])  # fmt: skip
        return np.flatnonzero(np.abs(1 - own) < BRIDGE)

    def _between(self, which: np.ndarray) -> np.ndarray:
        """Angles for a megawatt in at the tail and out at the head of each of some branches (buses, k)."""
        found = np.zeros((len(self.network.buses), len(which)))
        found[self._free] = self._solve(self._incidence[which].toarray().T[self._free])
        return found


def ptdf(network: Network, reference: Reference = None, branches: np.ndarray | None = None) -> np.ndarray:
    """Shift factors (branches, buses), of some branches or all. See `ShiftFactors`."""
    factors = ShiftFactors(network, reference)
    return factors.full() if branches is None else factors.rows(branches)


def lodf(network: Network, branches: np.ndarray | None = None) -> np.ndarray:
    """Outage factors (branches, k) of some branches or all; NaN in the columns of bridges. See `ShiftFactors.outage`."""
    return ShiftFactors(network, 0).outage(np.arange(len(network.branches)) if branches is None else branches)


def susceptances(network: Network) -> np.ndarray:
    """Megawatts through each branch for a radian between its ends (branches,). Raises `Refusal` (`bad-case`) for reactance 0."""
    branches = network.branches
    none = np.flatnonzero(~(np.abs(branches.reactance) > 0) | ~np.isfinite(branches.reactance))
    if len(none):
        raise refuse(
            "bad-case", f"{_these('branch', 'branches', [branches.names[i] for i in none])} of `{network.name}` {'has' if len(none) == 1 else 'have'} "
            "no reactance, so nothing says how flow divides",
            notes=(f"found {branches.reactance[none[0]]:g}; expected a number other than 0",),
            help="give it a small one, or make its two buses one",
        )  # fmt: skip
    return np.asarray(network.base / (branches.reactance * branches.tap))


def _weights(network: Network, reference: Reference) -> np.ndarray:
    n = len(network.buses)
    if reference is None:
        if network.buses.load.sum() > 0:
            return load_weights(network)
        reference = 0
    if isinstance(reference, str):
        if reference not in network.buses.names:
            raise unknown_bus(network, reference)
        reference = network.buses.names.index(reference)
    if isinstance(reference, (int, np.integer)):
        weights = np.zeros(n)
        weights[reference] = 1
        return weights
    weights = np.asarray(reference, float)
    if weights.shape != (n,) or abs(weights.sum() - 1) > 1e-9:
        raise refuse(
            "bad-option", "the reference weights are not a distribution over the buses",
            notes=(f"expected {n:,} numbers that add up to 1", f"found {weights.size:,} that add up to {weights.sum():g}"),
        )  # fmt: skip
    return weights


def _within(network: Network, weights: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Weights (buses,) that add up to one in each part: those given, else those of load, else its first bus."""
    own = np.zeros(len(part))
    for k in range(int(part.max()) + 1):
        here = np.flatnonzero(part == k)
        for wanted in (weights, network.buses.load):
            total = wanted[here].sum()
            if abs(total) > 1e-12 and (wanted is weights or total > 0):
                own[here] = wanted[here] / total
                break
        else:
            own[here[0]] = 1.0
    return own


def unknown_bus(network: Network, name: str) -> Refusal:
    """The refusal of a bus that is not there."""
    from difflib import get_close_matches

    near = get_close_matches(name, network.buses.names, 1)
    return refuse(
        "data-unknown-label", f"`{network.name}` has no bus `{name}`",
        help=f"did you mean `{near[0]}`?" if near else "",
    )  # fmt: skip


def _refuse_parts(network: Network) -> None:
    if not len(network.buses):
        raise refuse("bad-case", f"`{network.name}` has no bus", help="look at the file it was read from")
    part = islands(network, direct=True)
    if not part.any():
        return
    names = network.buses.names
    apart = [[names[i] for i in np.flatnonzero(part == k)] for k in range(1, part.max() + 1)]
    lone = [each[0] for each in apart if len(each) == 1]
    said = []
    if lone:
        said.append(f"no branch in service ends at {_these('bus', 'buses', lone)}")
    said += [f"{_these('bus', 'buses', each)} hang together, apart from the others" for each in apart if len(each) > 1]
    raise refuse(
        "disconnected-bus", f"`{network.name}` falls into {part.max() + 1} parts that no {'branch or direct-current line' if len(network.direct) else 'branch'} joins",
        notes=(*said[:_FEW], *([f"and {len(said) - _FEW} more parts"] if len(said) > _FEW else [])),
        help="put a branch back in service, or leave these buses out",
    )  # fmt: skip


def _singular(network: Network) -> Refusal:
    negative = [network.branches.names[i] for i in np.flatnonzero(network.branches.reactance < 0)]
    return refuse(
        "bad-case", f"the susceptances of `{network.name}` cannot be solved: they are singular",
        notes=(f"negative reactances: {_these('branch', 'branches', negative)}",) if negative else (),
        help="look for branches whose susceptances cancel",
    )  # fmt: skip


def _these(one: str, many: str, names: list[str]) -> str:
    listed = ", ".join(f"`{n}`" for n in names[:_FEW])
    more = f" and {len(names) - _FEW:,} more" if len(names) > _FEW else ""
    return f"{one if len(names) == 1 else many} {listed}{more}"


__all__ = ["Reference", "ShiftFactors", "islands", "load_weights", "lodf", "ptdf", "susceptances", "unknown_bus"]
