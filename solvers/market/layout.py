"""Where things stand in a junction tree: axes, messages' shapes, and which worlds can happen at all.

A `Layout` belongs to one tree and never changes; a market makes a new one only when its tree changes. Messages are
vectors over a separator. Structural zeros are kept apart from small numbers: `support` says which entries of a clique
occur in a possible world, decided once by a Boolean pass. It is idempotent, so that passes over part of the tree may use
it in every clique: what is consistent along a subtree extends to a possible world.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opengames.solvers.junction.tree import JunctionTree

Numbers = NDArray[np.float64]
Scope = tuple[str, ...]


@dataclass(frozen=True)
class Edge:
    """A clique and its parent. inner: the shape (separator, rest) of the child's table. shown: the separator's shape among
    the parent's axes. order: the parent's axes, those of the separator first. outer: (separator, rest) of the parent."""

    inner: tuple[int, int]
    shown: tuple[int, ...]
    order: tuple[int, ...]
    outer: tuple[int, int]
    cells: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Layout:
    """A tree, its edges and its support. memo: what has been looked up in it, kept by whoever looked."""

    tree: JunctionTree
    support: tuple[NDArray[np.bool_] | None, ...]
    memo: dict[Any, Any] = field(default_factory=dict)

    @cached_property
    def edges(self) -> tuple[Edge | None, ...]:
        return edges_of(self.tree)

    @cached_property
    def around(self) -> tuple[tuple[int, ...], ...]:
        """The neighbours of each clique: its parent first, then its children."""
        parents = self.tree.parent
        return tuple((*((parents[i],) if parents[i] >= 0 else ()), *c) for i, c in enumerate(self.tree.children))

    @cached_property
    def outside(self) -> tuple[Numbers | None, ...]:
        """0 where a clique's entry is possible, infinity where not; `None` where all are."""
        return tuple(None if s is None else np.where(s, 0.0, np.inf) for s in self.support)

    def expanded(self, scope: Scope, table: NDArray[Any], clique: int) -> NDArray[Any]:
        """A table over `scope`, with the axes of a clique that holds it (of length one where it lacks a variable)."""
        return aligned(scope, table, self.tree.cliques[clique])


def edges_of(tree: JunctionTree) -> tuple[Edge | None, ...]:
    found: list[Edge | None] = []
    for i, p in enumerate(tree.parent):
        if p < 0:
            found.append(None)
            continue
        shared, axes = tree.separators[i], tree.cliques[p]
        size = tree.size
        k = prod(size[n] for n in shared)
        first = [axes.index(n) for n in shared]
        found.append(
            Edge(
                (k, prod(tree.shapes[i]) // k),
                tuple(size[n] if n in shared else 1 for n in axes),
                (*first, *(a for a in range(len(axes)) if a not in first)),
                (k, prod(tree.shapes[p]) // k),
                tuple(size[n] for n in shared),
            )
        )
    return tuple(found)


def aligned(scope: Scope, table: NDArray[Any], names: Sequence[str]) -> NDArray[Any]:
    """The table with its axes in the order of `names`, of length one where `scope` lacks a name."""
    place = {n: i for i, n in enumerate(names)}
    order = sorted(range(len(scope)), key=lambda i: place[scope[i]])
    shape = [1] * len(names)
    for n, length in zip(scope, table.shape, strict=True):
        shape[place[n]] = length
    return table.transpose(order).reshape(shape)


def laid_out(tree: JunctionTree, factors: Mapping[Scope, Numbers]) -> Layout:
    """The layout of a tree whose worlds are possible where every factor (a logarithm) is above minus infinity."""
    zeros = {s: f for s, f in factors.items() if s and np.isneginf(f).any()}
    plain = Layout(tree, (None,) * len(tree.cliques))
    if not zeros:
        return plain
    tables = [np.ones(shape, dtype=bool) for shape in tree.shapes]
    for scope, factor in zeros.items():
        home = tree.home(scope)
        assert home is not None
        tables[home] &= ~np.isneginf(plain.expanded(scope, factor, home))
    edges = plain.edges
    for i in range(len(tables) - 1, -1, -1):
        edge, p = edges[i], tree.parent[i]
        if edge is not None:
            tables[p] &= tables[i].reshape(edge.inner).any(axis=1).reshape(edge.shown)
    for i, edge in enumerate(edges):
        if edge is not None:
            seen = tables[tree.parent[i]].transpose(edge.order).reshape(edge.outer).any(axis=1)
            tables[i] &= seen.reshape(edge.cells + (1,) * (tables[i].ndim - len(edge.cells)))
    return Layout(tree, tuple(None if t.all() else t for t in tables))


__all__ = ["Edge", "Layout", "Numbers", "Scope", "aligned", "edges_of", "laid_out"]
