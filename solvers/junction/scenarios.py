"""All marginals of a network of masses in many scenarios that tell of the same variables, in NumPy.

What no scenario changes is worked out once. Neighbouring cliques are joined to *parts* and summed down to their
*interface*: the variables that scenarios tell of, and those shared with other parts. A scenario then costs two passes
over the interfaces alone. The marginals of all else are a matrix product: given its interface, nothing in a part depends
on the scenario, so the chances of its values are a matrix of conditional chances times those of the interface.

Parts are joined while that makes the interfaces smaller. Where scenarios tell of few variables, little is left; where
they tell of all, every clique stays about what it was, and compiled passes are quicker unless the tables are small
(`worthwhile`). Structural zeros stay exactly zero.

Source: Shachter, D'Ambrosio and Del Favero, Symbolic probabilistic inference in belief networks (1990), for sums made
ready before evidence comes; Lauritzen and Spiegelhalter (1988), for the passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opengames.solvers.junction.tree import JunctionTree

Table = NDArray[np.floating[Any]]
Scope = tuple[int, ...]  # numbers of variables, ascending: the axes of a table

#: The most entries, scenarios included, of the largest interface in one go: what a processor's cache holds.
CHUNK = 1 << 17
#: The most entries, scenarios included, of all interfaces in one go.
TOGETHER = 1 << 23
#: Joining may take tables so many times larger than the interfaces joined, or of so many entries.
SPARE, ROOM = 16, 1 << 18
#: Tables of fewer entries are gone through quickly enough as they are.
SMALL = 64
#: So many entries of a matrix product cost as much as one entry of a table that is gone through.
PRODUCT = 8


@dataclass(frozen=True, eq=False)
class _Sum:
    """A product of tables summed down to a scope and divided by `scale`. sources: two sums, or none for a clique.

    values: how many values are asked for below it.
    """

    scope: Scope
    table: Table
    scale: float
    sources: tuple[_Sum, ...]
    clique: int
    values: int


@dataclass(frozen=True, eq=False)
class _Part:
    """A node of the tree of interfaces. shared: with the parent. informed: the variables told of here."""

    sum: _Sum
    parent: int
    shared: Scope
    informed: Scope


@dataclass(frozen=True, eq=False)
class _Context:
    """Variables whose chances are known in each scenario, and what follows from them.

    source: a part, or (-1 - its number) a context, whose chances over `given` these are made from, by `chances` over both scopes where the
    scope is not within the given one. rows, matrix: the chances of values given each entry.
    """

    source: int
    given: Scope
    scope: Scope
    chances: Table | None
    rows: NDArray[np.intp]
    matrix: Table


class Scenarios:
    """The work made ready for scenarios that tell of some variables (their numbers) in a network with these tables."""

    def __init__(self, tree: JunctionTree, tables: Sequence[Table], informed: frozenset[int]) -> None:
        self._sizes = [k for _, k in tree.sizes]
        self._starts = [int(s) for s in np.cumsum([0, *self._sizes])]
        number = {n: v for v, (n, _) in enumerate(tree.sizes)}
        self._owned: list[list[int]] = [[] for _ in tree.cliques]
        for n, v in number.items():
            home = tree.home((n,))
            assert home is not None
            self._owned[home].append(v)
        self._cliques = [tuple(sorted(number[n] for n in c)) for c in tree.cliques]
        self._tables = [
            np.ascontiguousarray(t.transpose(np.argsort([number[n] for n in c])))
            for c, t in zip(tree.cliques, tables, strict=True)
        ]
        shared = [tuple(sorted(number[n] for n in s)) for s in tree.separators]
        self._parts, scales = self._joined(tree.parent, shared, informed)
        self._constant = float(sum(scales))
        largest = max((p.sum.table.size for p in self._parts), default=1)
        cells = sum(p.sum.table.size for p in self._parts)
        self._width = max(32, min(CHUNK // largest, TOGETHER // max(cells, 1)))
        #: Whether this is less work than passes over all tables, or each table so small that compiling is not worth while.
        self.worthwhile = 2 * cells <= tree.cells or tree.cells <= SMALL * len(tree.cliques)

    def ask(self, likelihoods: Table) -> Table:
        """Marginals of all values, and after them the logarithm of the total: of shape (values + 1, scenarios)."""
        count = likelihoods.shape[1]
        found = np.empty((self._starts[-1] + 1, count), likelihoods.dtype)
        for k in range(0, count, self._width):
            self._pass(likelihoods[:, k : k + self._width], found[:, k : k + self._width])
        return found

    @cached_property
    def _contexts(self) -> list[_Context]:
        found: list[_Context] = []
        for k, part in enumerate(self._parts):
            self._prepare(k, part.sum, found)
        return found

    def _cells(self, scope: Scope | set[int]) -> int:
        return prod(self._sizes[v] for v in scope)

    def _joined(
        self, parent: Sequence[int], shared: Sequence[Scope], informed: frozenset[int]
    ) -> tuple[list[_Part], list[float]]:
        """The parts, parents first, and the logarithms of what their sums were divided by."""
        uses: list[Counter[int]] = []  # for each variable of an interface, how many separators and scenarios need it
        scales: list[float] = []
        told = [[v for v in owned if v in informed] for owned in self._owned]
        for i in range(len(parent)):
            uses.append(Counter([*shared[i], *told[i]]))
        for i, p in enumerate(parent):
            if p >= 0:
                uses[p].update(shared[i])
        sums: list[_Sum] = []
        for i, scope in enumerate(self._cliques):
            values = sum(self._sizes[v] for v in self._owned[i])
            sums.append(self._scaled(self._tables[i], scope, tuple(sorted(uses[i])), (), i, values, scales))
        into = list(range(len(parent)))

        def part(i: int) -> int:
            while into[i] != i:
                into[i] = into[into[i]]
                i = into[i]
            return i

        waiting = [i for i in reversed(range(len(parent))) if parent[i] >= 0]
        before = -1
        while before != len(waiting):
            before, left = len(waiting), []
            for i in waiting:
                a, b = part(parent[i]), part(i)
                gone = {v for v in shared[i] if uses[a][v] == 1 and uses[b][v] == 1}
                union = {*sums[a].scope, *sums[b].scope}
                cells, both = self._cells(union), sums[a].table.size + sums[b].table.size
                if self._cells(union - gone) > both or cells > max(SPARE * both, ROOM):
                    left.append(i)
                    continue
                over = tuple(sorted(union))
                product = self._wide(sums[a], over) * self._wide(sums[b], over)
                values = sums[a].values + sums[b].values
                keep = tuple(v for v in over if v not in gone)
                made = self._scaled(product, over, keep, (sums[a], sums[b]), -1, values, scales)
                into[b] = a
                sums[a] = made
                told[a] += told[b]
                uses[a].update(uses[b])
                uses[a].subtract(Counter(dict.fromkeys(shared[i], 2)))
            waiting = left
        tops = [i for i in range(len(parent)) if part(i) == i]
        number = {i: k for k, i in enumerate(tops)}
        parts = [
            _Part(sums[i], number[part(parent[i])] if parent[i] >= 0 else -1, shared[i], tuple(told[i])) for i in tops
        ]
        return parts, scales

    def _scaled(
        self, table: Table, over: Scope, scope: Scope, sources: tuple[_Sum, ...], clique: int, values: int,
        scales: list[float],
    ) -> _Sum:  # fmt: skip
        summed = _onto(table, over, scope)
        top = float(summed.max(initial=0.0)) or 1.0
        scales.append(log(top))
        return _Sum(scope, summed / top, top, sources, clique, values)

    def _wide(self, each: _Sum, over: Scope) -> Table:
        return _along(each.table, each.scope, over)

    def _prepare(self, k: int, whole: _Sum, contexts: list[_Context]) -> None:
        """The contexts of a part. A context is left for the scope of a sum below where that makes less to multiply."""
        waiting: list[tuple[int, Scope, Scope, Table | None, _Sum]] = [(k, whole.scope, whole.scope, None, whole)]
        while waiting:
            source, given, scope, chances, each = waiting.pop()
            at = -1 - len(contexts)  # contexts are told from parts by their sign
            rows: list[NDArray[np.intp]] = []
            matrix: list[Table] = []
            below: list[tuple[_Sum, Table | None]] = [(each, None)]
            while below:
                node, known = below.pop()
                if not node.values:
                    continue
                if known is not None and self._leaves(node, scope):
                    waiting.append((at, scope, node.scope, None if set(node.scope) <= set(scope) else known, node))
                    continue
                owned = self._owned[node.clique] if node.clique >= 0 else []
                mine = sorted(owned, key=lambda v: v not in scope)
                rows.extend(np.arange(self._starts[v], self._starts[v + 1]) for v in mine)
                matrix.extend(self._is(v, scope).astype(each.table.dtype) for v in mine if v in scope)
                if node.clique >= 0 and set(mine) <= set(scope):
                    continue
                over, table = self._given(node, scope, known)
                matrix.extend(self._chances(v, scope, table, over) for v in mine if v not in scope)
                for one in node.sources:
                    both = tuple(sorted({*one.scope, *scope}))
                    below.append((one, _onto(table, over, both)))
            empty = np.zeros((0, self._cells(scope)), each.table.dtype)
            places = np.concatenate([*rows, np.zeros(0, np.intp)])
            contexts.append(_Context(source, given, scope, chances, places, np.concatenate([*matrix, empty])))

    def _leaves(self, node: _Sum, scope: Scope) -> bool:
        """Whether what lies below a sum is rather answered from its own scope."""
        inner = self._inner(node)
        stay = node.values * self._cells(scope)
        go = PRODUCT * self._cells({*node.scope, *scope}) + node.values * self._cells(node.scope)
        return go < stay or self._cells({*inner, *scope}) > max(SPARE * self._cells(inner), ROOM)

    def _inner(self, node: _Sum) -> Scope:
        """The variables of what a sum was made from."""
        if node.sources:
            return tuple(sorted({v for s in node.sources for v in s.scope}))
        return self._cliques[node.clique]

    def _given(self, node: _Sum, scope: Scope, known: Table | None) -> tuple[Scope, Table]:
        """The chances of what a sum was made from, given a scope; known: those of its own scope, or certain."""
        inner = self._inner(node)
        product: Table = self._tables[node.clique] if node.clique >= 0 else np.asarray(1.0)
        for each in node.sources:
            product = product * self._wide(each, inner)
        total = _along(node.table, node.scope, inner) * node.scale
        share: Table = np.divide(product, total, out=np.zeros_like(product), where=total > 0)
        if known is None:
            return inner, share
        over = tuple(sorted({*inner, *scope}))
        both = tuple(sorted({*node.scope, *scope}))
        return over, _along(share, inner, over) * _along(known, both, over)

    def _is(self, v: int, scope: Scope) -> NDArray[np.bool_]:
        """Whether a variable of a scope has its first, second, ... value (rows), for each entry (columns)."""
        later = self._cells(scope[scope.index(v) + 1 :])
        value = np.arange(self._cells(scope)) // later % self._sizes[v]
        return np.asarray(value == np.arange(self._sizes[v])[:, None])

    def _chances(self, v: int, scope: Scope, table: Table, over: Scope) -> Table:
        """The chances of another variable's values (rows) given each entry of a scope (columns)."""
        both = tuple(sorted({v, *scope}))
        summed = _onto(table, over, both)
        return np.moveaxis(summed, both.index(v), 0).reshape(self._sizes[v], -1)

    def _pass(self, likelihoods: Table, found: Table) -> None:
        """Up and down the tree of interfaces, and all marginals."""
        parts, n = self._parts, likelihoods.shape[1]
        beliefs: list[Table] = []
        for part in parts:
            belief = np.empty((*part.sum.table.shape, n), likelihoods.dtype)
            belief[...] = part.sum.table[..., None]
            for v in part.informed:
                told = likelihoods[self._starts[v] : self._starts[v + 1]]
                belief *= _along(told, (v,), part.sum.scope)
            beliefs.append(belief)
        messages: list[Table] = [np.zeros(0)] * len(parts)
        total = np.full(n, self._constant, likelihoods.dtype)
        for k in reversed(range(len(parts))):
            part, p = parts[k], parts[k].parent
            heard = messages[k] = _onto(beliefs[k], part.sum.scope, part.shared)
            top = heard.reshape(-1, heard.shape[-1]).max(axis=0, initial=0.0)
            with np.errstate(divide="ignore"):
                total += np.log(top)
            if p >= 0:
                told = heard / np.where(top > 0, top, 1)
                beliefs[p] *= _along(told, part.shared, parts[p].sum.scope)
        for k, part in enumerate(parts):
            knows = 1.0 if part.parent < 0 else _onto(beliefs[part.parent], parts[part.parent].sum.scope, part.shared)
            heard = messages[k]
            ratio = np.divide(knows, heard, out=np.zeros_like(heard * knows), where=heard > 0)
            beliefs[k] *= _along(ratio, part.shared, part.sum.scope)
        made: list[Table] = []
        for context in self._contexts:
            source = context.source
            belief = beliefs[source] if source >= 0 else made[-1 - source]
            belief = _moved(belief, context)
            made.append(belief)
            found[context.rows] = context.matrix @ belief.reshape(-1, belief.shape[-1])
        found[-1] = total


def _moved(belief: Table, context: _Context) -> Table:
    """The chances over a context's scope from those over the scope it is given."""
    given, scope = context.given, context.scope
    if context.chances is None:
        return belief if given == scope else _onto(belief, given, scope)
    both = tuple(sorted({*given, *scope}))
    kept, new, gone = (
        [v for v in both if v in given and v in scope], [v for v in both if v not in given], [v for v in both if v not in scope]
    )  # fmt: skip
    size = dict(zip(both, context.chances.shape, strict=True))
    k, m, g = (prod(size[v] for v in vs) for vs in (kept, new, gone))
    matrix = context.chances.transpose([both.index(v) for v in (*kept, *new, *gone)]).reshape(k, m, g)
    known = belief.transpose([*(given.index(v) for v in (*kept, *gone)), len(given)]).reshape(k, g, -1)
    order = (*kept, *new)
    found = (matrix @ known).reshape(*(size[v] for v in order), -1)
    return found.transpose([*(order.index(v) for v in scope), len(scope)])


def _along(table: Table, scope: Scope, over: Scope) -> Table:
    """A table over a scope, with axes of length one for what a wider scope has more; other axes come last."""
    if scope == over:
        return table
    length = dict(zip(scope, table.shape, strict=False))
    return table.reshape(tuple(length.get(v, 1) for v in over) + table.shape[len(scope) :])


def _onto(table: Table, over: Scope, scope: Scope) -> Table:
    """Summed over the axes that a narrower scope lacks; other axes stay last."""
    gone = tuple(k for k, v in enumerate(over) if v not in scope)
    return np.asarray(table.sum(axis=gone)) if gone else table


__all__ = ["Scenarios"]
