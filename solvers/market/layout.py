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
    """A way for messages, from one clique to a neighbour.

    order: the axes of `source`, those of the separator first, or `None` if they stand so. rows: the shape (separator,
    rest). shown: the separator's shape among the axes of `target`.
    """

    source: int
    target: int
    order: tuple[int, ...] | None
    rows: tuple[int, int]
    shown: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Layout:
    """A tree, its edges and its support. homes, claims, grown: what has been looked up, kept by whoever looked (see
    `keep`): cliques of scopes, places of claims, and the frames that this one was grown to."""

    tree: JunctionTree
    support: tuple[NDArray[np.bool_] | None, ...]
    homes: dict[Scope, int] = field(default_factory=dict)
    claims: dict[Any, Any] = field(default_factory=dict)
    grown: dict[Any, Any] = field(default_factory=dict)

    @cached_property
    def edges(self) -> tuple[Edge | None, ...]:
        """Edge `i` goes from clique `i` to its parent, and edge `n + i` back, with `n` cliques; roots have none."""
        return edges_of(self.tree)

    @cached_property
    def root_of(self) -> tuple[int, ...]:
        """The root of each clique's component."""
        found: list[int] = []
        for i, p in enumerate(self.tree.parent):
            found.append(i if p < 0 else found[p])
        return tuple(found)

    @cached_property
    def outside(self) -> tuple[Numbers | None, ...]:
        """0 where a clique's entry is possible, infinity where not; `None` where all are."""
        return tuple(None if s is None else np.where(s, 0.0, np.inf) for s in self.support)

    def expanded(self, scope: Scope, table: NDArray[Any], clique: int) -> NDArray[Any]:
        """A table over `scope`, with the axes of a clique that holds it (of length one where it lacks a variable)."""
        return aligned(scope, table, self.tree.cliques[clique])


def keep(known: dict[Any, Any], key: Any, value: Any, most: int) -> None:
    """Remember a value; beyond `most`, the one kept longest is forgotten."""
    if len(known) >= most:
        del known[next(iter(known))]
    known[key] = value


def edges_of(tree: JunctionTree) -> tuple[Edge | None, ...]:
    up: list[Edge | None] = []
    down: list[Edge | None] = []
    size = tree.size
    for i, p in enumerate(tree.parent):
        if p < 0:
            up.append(None)
            down.append(None)
            continue
        shared, axes = tree.separators[i], tree.cliques[p]
        cells = tuple(size[n] for n in shared)
        k = prod(cells)
        first = [axes.index(n) for n in shared]
        order = (*first, *(a for a in range(len(axes)) if a not in first))
        shown = tuple(size[n] if n in shared else 1 for n in axes)
        up.append(Edge(i, p, None, (k, prod(tree.shapes[i]) // k), shown))
        down.append(
            Edge(
                p, i, None if order == tuple(range(len(axes))) else order, (k, prod(tree.shapes[p]) // k),
                cells + (1,) * (len(tree.cliques[i]) - len(shared)),
            )
        )  # fmt: skip
    return (*up, *down)


def rows_of(table: NDArray[Any], edge: Edge) -> NDArray[Any]:
    """A table of the edge's source with one row for each entry of the separator."""
    return (table if edge.order is None else table.transpose(edge.order)).reshape(edge.rows)


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
    n = len(tables)
    for edge in (*reversed(plain.edges[:n]), *plain.edges[n:]):
        if edge is not None:
            tables[edge.target] &= rows_of(tables[edge.source], edge).any(axis=1).reshape(edge.shown)
    return Layout(tree, tuple(None if t.all() else t for t in tables))


__all__ = ["Edge", "Layout", "Numbers", "Scope", "aligned", "edges_of", "keep", "laid_out", "rows_of"]
