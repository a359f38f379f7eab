"""What a market believes: logarithms of chances, kept as one table for each clique, with messages that stay valid.

A message is computed from the tables behind it and is good until one of those changes. After a change in one clique the
messages towards it stay; asking about another clique then costs the path between the two. A message depends on nothing
but those tables, so that asking in between never changes a later number, not even in its last bit.

Source: Lauritzen and Spiegelhalter (1988) for the tree; Jensen, Lauritzen and Olesen (1990) for messages on demand.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from opengames.solvers.market.layout import Layout, Numbers, Scope

_SMALL = 256


class Beliefs:
    """$\\log P$ up to a constant: `tables`, one for each clique of the layout."""

    __slots__ = ("_down", "_up", "layout", "tables")

    def __init__(
        self, layout: Layout, tables: list[Numbers], up: list[Numbers | None], down: list[Numbers | None]
    ) -> None:
        self.layout, self.tables = layout, tables
        self._up, self._down = up, down  # to the parent, and from it

    def with_table(self, clique: int, table: Numbers) -> Beliefs:
        """The beliefs where one clique's table is another."""
        tables = self.tables.copy()
        tables[clique] = table
        up = self._up.copy()
        down: list[Numbers | None] = [None] * len(tables)
        i, parent = clique, self.layout.tree.parent
        while i >= 0:
            up[i] = None
            down[i] = self._down[i]
            i = parent[i]
        return Beliefs(self.layout, tables, up, down)

    def at(self, clique: int) -> Numbers:
        """The logarithms of the chances of a clique's entries, up to a constant."""
        return self._gathered(clique, -1)

    def _gathered(self, i: int, to: int) -> Numbers:
        """A clique's table with all messages to it but one."""
        self._need(i, to)
        parent = self.layout.tree.parent[i]
        total = self.tables[i]
        edges = self.layout.edges
        for j in self.layout.around[i]:
            if j == to:
                continue
            if j == parent:
                message, edge = self._down[i], edges[i]
                assert message is not None and edge is not None
                total = total + message.reshape(edge.cells + (1,) * (total.ndim - len(edge.cells)))
            else:
                message, edge = self._up[j], edges[j]
                assert message is not None and edge is not None
                total = total + message.reshape(edge.shown)
        return total

    def _need(self, i: int, to: int) -> None:
        """Compute the messages that point to a clique, but for one, and are not there."""
        parent = self.layout.tree.parent
        wanted = self._missing(i, to)
        if not wanted:
            return
        stack = wanted
        while stack:
            a, b = stack[-1]
            upward = parent[a] == b
            if (self._up[a] if upward else self._down[b]) is not None:
                stack.pop()
                continue
            more = self._missing(a, b)
            if more:
                stack.extend(more)
                continue
            stack.pop()
            self._send(a, b, upward)

    def _missing(self, i: int, to: int) -> list[tuple[int, int]]:
        parent = self.layout.tree.parent[i]
        up = self._up
        found = [(j, i) for j in self.layout.tree.children[i] if up[j] is None and j != to]
        if parent >= 0 and parent != to and self._down[i] is None:
            found.append((parent, i))
        return found

    def _send(self, a: int, b: int, upward: bool) -> None:
        table = self._gathered(a, b)
        if upward:
            edge = self.layout.edges[a]
            assert edge is not None
            self._up[a] = summed(table.reshape(edge.inner))
        else:
            edge = self.layout.edges[b]
            assert edge is not None
            self._down[b] = summed(table.transpose(edge.order).reshape(edge.outer))


def summed(table: Numbers) -> Numbers:
    """$\\log \\sum_j e^{t_{ij}}$ for each row; minus infinity where all of a row is."""
    if table.shape[1] == 1:
        return table[:, 0]
    if table.size <= _SMALL:
        return np.asarray(np.logaddexp.reduce(table, axis=1))
    top = np.maximum(table.max(axis=1), -1e300)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(table - top[:, None]).sum(axis=1)) + top)


def believed(layout: Layout, factors: Mapping[Scope, Numbers]) -> Beliefs:
    """The beliefs whose density is the product of factors, given as logarithms."""
    tables = [np.zeros(shape) for shape in layout.tree.shapes]
    for scope, factor in factors.items():
        if scope:
            home = layout.tree.home(scope)
            assert home is not None
            tables[home] = tables[home] + layout.expanded(scope, factor, home)
    n = len(tables)
    return Beliefs(layout, tables, [None] * n, [None] * n)


__all__ = ["Beliefs", "believed", "summed"]
