"""The clearing of a network with an angle at every bus, as other programs write it: `opf` without shift factors.

Slower than shift factors, and independent of them, so that one can be held against the other; and it has a row for each bus, whose
price is the LMP, so that intervals of prices are read from it.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from opengames.diagnostics import refuse
from opengames.models.grid.columns import Columns
from opengames.models.grid.network import Network
from opengames.models.grid.shift_factors import islands, susceptances
from opengames.solvers.clearing.program import Block, Program


def angle_program(
    network: Network, load: np.ndarray | None = None, most: np.ndarray | None = None, *, shedding: float | None = None,
    overloading: float | None = None,
) -> Program:  # fmt: skip
    """The program with columns outputs (then flows of direct-current lines) and angles, rows balances, then limits.

    Angles are in radians times `base`, that of the first bus of each part 0. The price of `balance[b]` is the LMP of bus `b`. load,
    most: as `OptimalFlow.solve` takes them. shedding, overloading: $/MWh of columns more, (buses,) unserved, then (limited branches,)
    there and back.
    """
    load, own = load_of(network, load), Columns(network)
    n, m, k = len(network.buses), len(network.branches), len(own)
    b = susceptances(network) / network.base
    pushed = -network.base * b * np.deg2rad(network.branches.shift)
    tail, head = network.branches.tail, network.branches.head
    each = np.arange(m)
    through = sparse.csr_array(
        (np.concatenate((b, -b)), (np.tile(each, 2), np.concatenate((tail, head)))), shape=(m, n)
    )
    signs = sparse.csr_array((np.repeat((1.0, -1.0), m), (np.concatenate((tail, head)), np.tile(each, 2))), shape=(n, m))
    limited = np.flatnonzero(np.isfinite(network.branches.limit))
    limit = network.branches.limit[limited]
    met = load - own.at_base + signs @ pushed
    low, high = own.bounds(most)
    free = np.full(n, np.inf)
    free[np.unique(islands(network), return_index=True)[1]] = 0
    columns = [(own.cost, low, high), (np.zeros(n), -free, free)]
    above, below = [own.at, -(signs @ through)], [sparse.csr_array((len(limited), k)), through[limited]]
    names = network.branches.names
    blocks = [Block("output", tuple((u,) for u in own.labels), 0, "MW"), Block("angle", tuple((b,) for b in network.buses.names), k, "")]
    if shedding is not None:
        columns.append((np.full(n, float(shedding)), np.zeros(n), np.maximum(load, 0.0)))
        above.append(sparse.eye_array(n, format="csr"))
        below.append(sparse.csr_array((len(limited), n)))
        blocks.append(Block("shed", tuple((b,) for b in network.buses.names), blocks[-1].stop, "MW"))
    if overloading is not None:
        there = sparse.eye_array(len(limited), format="csr")
        columns.append((np.full(2 * len(limited), float(overloading)), np.zeros(2 * len(limited)), np.full(2 * len(limited), np.inf)))
        above.append(sparse.csr_array((n, 2 * len(limited))))
        below.append(sparse.hstack((-there, there), format="csr"))
        blocks.append(Block("overload", tuple((names[i], way) for way in ("there", "back") for i in limited), blocks[-1].stop, "MW"))
    matrix = sparse.vstack((sparse.hstack(above), sparse.hstack(below)), format="csr")
    cost, lower, upper = (np.concatenate([c[i] for c in columns]) for i in range(3))
    quadratic = None
    if own.square.any():
        quadratic = sparse.csc_array(sparse.diags_array(np.concatenate((2 * own.square, np.zeros(len(cost) - k)))))
        quadratic.eliminate_zeros()
    return Program(
        cost, sparse.csr_array(matrix), np.concatenate((met, -limit - pushed[limited])), np.concatenate((met, limit - pushed[limited])),
        lower, upper, quadratic, None, own.fixed,
        (Block("balance", tuple((b,) for b in network.buses.names), 0, "MW"), Block("limit", tuple((names[i],) for i in limited), n, "MW")),
        tuple(blocks),
    )  # fmt: skip


def load_of(network: Network, load: np.ndarray | None) -> np.ndarray:
    """The load of every bus (buses,), the network's own where none is told. Raises `Refusal` (`data-shape`)."""
    load = np.asarray(network.buses.load if load is None else load, float)
    if load.shape != (len(network.buses),) or not np.isfinite(load).all():
        raise refuse(
            "data-shape", f"the load of `{network.name}` has to be {len(network.buses):,} numbers, one for each bus",
            notes=(f"found an array of shape {load.shape}" + ("" if np.isfinite(load).all() else ", not all of them finite"),),
        )  # fmt: skip
    return load


__all__ = ["angle_program", "load_of"]
