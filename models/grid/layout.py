"""Where to draw the buses of a network: their coordinates where known, else a layout that keeps neighbours near.

Up to 150 buses: Kamada and Kawai, An Algorithm for Drawing General Undirected Graphs (1989), by networkx. Beyond: classical
scaling of distances to some pivots (Brandes and Pich, Eigensolver Methods for Progressive Multidimensional Scaling of Large Data,
2007), then rounds in which near buses push each other apart and branches pull.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from opengames.models.grid.network import Network

#: Buses up to which every pair is considered.
SMALL = 150
_PIVOTS = 60
_ROUNDS = 120


def layout(network: Network) -> np.ndarray:
    """(buses, 2) in the unit square, y pointing down, keeping proportions where coordinates are known."""
    xy = np.stack([network.buses.x, network.buses.y], axis=1)
    if len(xy) > 1 and np.isfinite(xy).all() and len(np.unique(xy, axis=0)) > len(xy) / 2:
        return _apart(_unit(xy * (1, -1), keep=True))
    ends = [(a, b) for each in (network.branches, network.direct) for a, b in zip(each.tail.tolist(), each.head.tolist(), strict=True)]
    pairs = sorted({(min(a, b), max(a, b)) for a, b in ends if a != b})
    if len(xy) <= SMALL:
        return _unit(_small(len(xy), pairs))
    return _unit(_spread(_scaled(len(xy), pairs), pairs))


def _small(count: int, pairs: list[tuple[int, int]]) -> np.ndarray:
    import networkx as nx

    graph = nx.Graph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from(pairs)
    placed = nx.kamada_kawai_layout(graph) if count > 1 else {0: (0.5, 0.5)}
    return np.asarray([placed[i] for i in range(count)], dtype=float)


def _scaled(count: int, pairs: list[tuple[int, int]]) -> np.ndarray:
    """Classical scaling to pivots, each the bus furthest from those before."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    a, b = np.asarray(pairs).T
    graph = csr_array((np.ones(len(a)), (a, b)), shape=(count, count))
    far = np.full(count, np.inf)
    pivot, columns = int(np.argmax(np.bincount(np.r_[a, b], minlength=count))), []
    for _ in range(min(_PIVOTS, count)):
        hops = dijkstra(graph, directed=False, indices=pivot, unweighted=True)
        hops = np.where(np.isfinite(hops), hops, hops[np.isfinite(hops)].max() + 3)
        columns.append(hops)
        far = np.minimum(far, hops)
        pivot = int(np.argmax(far))
    d = np.stack(columns, axis=1) ** 2
    centred = -(d - d.mean(axis=0) - d.mean(axis=1, keepdims=True) + d.mean()) / 2
    _, _, vt = np.linalg.svd(centred, full_matrices=False)
    return centred @ vt[:2].T


def _spread(xy: np.ndarray, pairs: list[tuple[int, int]]) -> np.ndarray:
    """Near buses push each other apart, branches pull, a little less each round."""
    from scipy.spatial import cKDTree

    xy = _unit(xy) + np.random.default_rng(0).normal(0, 1e-3, xy.shape)
    ends = np.asarray(pairs)
    ideal = 0.75 / np.sqrt(len(xy))
    for i in range(_ROUNDS):
        step = 0.35 * (1 - i / _ROUNDS) + 0.02
        move = np.zeros_like(xy)
        near = cKDTree(xy).query_pairs(2.2 * ideal, output_type="ndarray")
        if len(near):
            gap = xy[near[:, 0]] - xy[near[:, 1]]
            length = np.maximum(np.linalg.norm(gap, axis=1, keepdims=True), 1e-6)
            push = gap / length * np.maximum(0, 2.2 * ideal - length) * 0.5
            np.add.at(move, near[:, 0], push)
            np.add.at(move, near[:, 1], -push)
        gap = xy[ends[:, 0]] - xy[ends[:, 1]]
        length = np.maximum(np.linalg.norm(gap, axis=1, keepdims=True), 1e-6)
        pull = gap / length * np.maximum(0, length - ideal) * 0.25
        np.add.at(move, ends[:, 0], -pull)
        np.add.at(move, ends[:, 1], pull)
        size = np.maximum(np.linalg.norm(move, axis=1, keepdims=True), 1e-12)
        xy = xy + move / size * np.minimum(size * step, 1.5 * ideal)
    return xy


def _apart(xy: np.ndarray) -> np.ndarray:
    """Buses of one place (a substation) around it, so that none hides another."""
    _, group = np.unique(np.round(xy, 4), axis=0, return_inverse=True)
    out = xy.copy()
    radius = 0.25 / np.sqrt(len(xy))
    order = np.argsort(group.ravel(), kind="stable")
    bounds = np.flatnonzero(np.r_[True, np.diff(group.ravel()[order]) != 0, True])
    for first, last in pairwise(bounds):
        own = order[first:last]
        if len(own) > 1:
            turn = 2 * np.pi * np.arange(len(own)) / len(own)
            out[own] += radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return out


def _unit(xy: np.ndarray, keep: bool = False) -> np.ndarray:
    """Into the unit square. keep: both directions by the same number."""
    low, size = xy.min(axis=0), np.ptp(xy, axis=0)
    size = np.where(size > 1e-12, size, 1.0)
    if keep:
        return (xy - low + (size.max() - size) / 2) / size.max()
    return (xy - low) / size


__all__ = ["SMALL", "layout"]
