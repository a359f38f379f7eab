"""Messages on a junction tree, in NumPy, for any element type, kept as long as they hold.

`Beliefs` is a product of tables, one on each clique. Each component has a *focus*: every message toward it is up to
date. Asking for a clique moves the focus there, edge by edge; replacing a table moves the focus there and leaves the
messages toward it alone. So a change in one clique and a question in another cost the messages on the path between
them, and a message is made again only if something changed behind it. Tables may have leading axes (traders,
scenarios), the same or none on each clique: all operations run along them.

Laws: a clique's belief is the product of all tables of its component, summed over everything else; a `Beliefs` never
changes what it answers: `replaced` and `multiplied` give a new one, which shares what was computed.

Source: Shafer and Shenoy, Probability propagation (1990): no division, so zeros stay exact. The focus: Jensen, Jensen
and Dittmer, From influence diagrams to junction trees (1994), section on lazy collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import prod

import numpy as np
from numpy.typing import NDArray

from opengames.diagnostics import Refusal, refuse
from opengames.exact.elimination import Factor
from opengames.solvers.junction.semirings import EXACT, LOG, MASS, Semiring, Table
from opengames.solvers.junction.tree import JunctionTree


@dataclass(frozen=True, eq=False)
class _Frame:
    """What messages need to know of a tree. outer, inner: axes of a clique, of its parent, outside the separator.

    in_child, in_parent: the separator's shape among the axes of a clique, of its parent. Axes count from the end.
    """

    component: tuple[int, ...]
    outer: tuple[tuple[int, ...], ...]
    inner: tuple[tuple[int, ...], ...]
    in_child: tuple[tuple[int, ...], ...]
    in_parent: tuple[tuple[int, ...], ...]


@lru_cache(maxsize=64)
def _frame(tree: JunctionTree) -> _Frame:
    number = {root: c for c, root in enumerate(tree.roots)}
    component: list[int] = []
    rows = []
    for i, p in enumerate(tree.parent):
        component.append(number[i] if p < 0 else component[p])
        clique, shared = tree.cliques[i], tree.separators[i]
        above = tree.cliques[p] if p >= 0 else ()
        outer = tuple(range(len(shared) - len(clique), 0))
        inner = tuple(k - len(above) for k, n in enumerate(above) if n not in shared)
        sizes = tuple(tree.size[n] for n in shared)
        rows.append((outer, inner, sizes + (1,) * len(outer), tuple(tree.size[n] if n in shared else 1 for n in above)))
    outers, inners, in_child, in_parent = zip(*rows, strict=True) if rows else ((), (), (), ())
    return _Frame(tuple(component), outers, inners, in_child, in_parent)


class Beliefs:
    """A product of tables over a tree's cliques, with the messages between them.

    tables: for each clique, with its axes last, of the semiring's element type. made: messages computed so far, by this
    value and those that it came from. Raises `ValueError` if a table does not fit.
    """

    def __init__(self, tree: JunctionTree, semiring: Semiring, tables: Sequence[Table]) -> None:
        if len(tables) != len(tree.cliques):
            raise ValueError(f"there are {len(tree.cliques)} cliques and {len(tables)} tables")
        self.tree, self.semiring = tree, semiring
        self.tables = [self._fitting(i, t) for i, t in enumerate(tables)]
        self.made = 0
        self._frame = _frame(tree)
        n = len(tables)
        self._up: list[Table | None] = [None] * n  # to the parent
        self._down: list[Table | None] = [None] * n  # from the parent
        self._up_at, self._down_at = [-1] * n, [-1] * n  # the clock when a message was last known to hold
        self._clock = [0] * len(tree.roots)  # changes of each component
        self._focus = [-1] * len(tree.roots)  # -1: no message made yet
        self._totals: list[Table | None] = [None] * len(tree.roots)

    @classmethod
    def of(cls, tree: JunctionTree, semiring: Semiring, factors: Iterable[Factor]) -> Beliefs:
        """The product of some factors, each put where it fits best. Raises `ValueError` for one that fits nowhere."""
        tables: list[Table] = [np.full(shape, semiring.one, dtype=semiring.dtype) for shape in tree.shapes]
        constant: Table = np.asarray(semiring.one, dtype=semiring.dtype)
        for factor in factors:
            if factor.names:
                i = _home(tree, factor.names)
                tables[i] = semiring.times(tables[i], _aligned(factor, tree.cliques[i]))
            else:
                constant = semiring.times(constant, factor.table)
        if tables:
            tables[0] = semiring.times(tables[0], constant)
        return cls(tree, semiring, tables)

    def replaced(self, clique: int, table: Table) -> Beliefs:
        """With another table on one clique."""
        c = self._frame.component[clique]
        if self._focus[c] >= 0:
            self._to(clique)
        new = Beliefs.__new__(Beliefs)
        new.tree, new.semiring, new.made, new._frame = self.tree, self.semiring, self.made, self._frame
        new.tables, new._up, new._down = self.tables.copy(), self._up.copy(), self._down.copy()
        new._up_at, new._down_at = self._up_at.copy(), self._down_at.copy()
        new._clock, new._focus, new._totals = self._clock.copy(), self._focus.copy(), self._totals.copy()
        new.tables[clique] = self._fitting(clique, table)
        new._clock[c] += 1
        new._totals[c] = None
        return new

    def multiplied(self, names: Sequence[str], table: Table) -> Beliefs:
        """With one more factor, on the smallest clique that holds its names."""
        i = _home(self.tree, names)
        factor = _aligned(Factor(tuple(names), self.semiring.table(table)), self.tree.cliques[i])
        return self.replaced(i, self.semiring.times(self.tables[i], factor))

    def belief(self, clique: int) -> Table:
        """The product of all tables of the clique's component, summed over all variables outside the clique."""
        self._to(clique)
        return self._product(clique, None)

    def marginal(self, names: Sequence[str]) -> Table:
        """The product of all tables of all components, summed over all variables but `names`; axes in this order.

        Raises `ValueError` if no clique holds all the names.
        """
        i = _home(self.tree, names)
        c = self._frame.component[i]
        others = self.semiring.product([self._total(k) for k in range(len(self._clock)) if k != c])
        summed = self._summed(i, names)
        return self.semiring.times(summed, others.reshape(others.shape + (1,) * len(names)))

    def distribution(self, names: Sequence[str]) -> Table:
        """Chances of the values of `names`: float64, or `Fraction`s for exact numbers.

        Raises `Refusal` (`impossible-evidence`) if all masses are zero, `ValueError` for a semiring without masses.
        """
        i = _home(self.tree, names)
        summed = self._summed(i, names)
        total = self._total(self._frame.component[i])
        if np.any(total == self.semiring.zero):
            raise impossible()
        total = total.reshape(total.shape + (1,) * len(names))
        if self.semiring is LOG:
            return np.asarray(np.exp(summed - total))
        if self.semiring is EXACT:
            return np.asarray(summed * _inverse(total), dtype=object)
        if self.semiring is MASS:
            return np.asarray(summed / total)
        raise ValueError(f"{self.semiring.name} have no chances")

    def total(self) -> Table:
        """The sum over all worlds of the product of all tables; one entry for each of the leading axes."""
        return self.semiring.product([self._total(c) for c in range(len(self._clock))])

    def calibrated(self) -> list[Table]:
        """The beliefs of all cliques, by one pass up and one down."""
        tree = self.tree
        for root in tree.roots:
            self._to(root)
        for i, p in enumerate(tree.parent):
            if p >= 0 and self._down_at[i] < self._clock[self._frame.component[i]]:
                self._send_down(i)
        return [self._product(i, None) for i in range(len(tree.cliques))]

    def best(self) -> Mapping[str, NDArray[np.intp]]:
        """A world where the product of all tables is best: the number of each variable's value, along the leading axes.

        Raises `Refusal` (`impossible-evidence`) if no world is possible, `ValueError` for a semiring that does not choose.
        """
        picks = self.semiring.picks
        if picks is None:
            raise ValueError(f"{self.semiring.name} are added up, not chosen from")
        lead = np.broadcast_shapes(*(t.shape[: t.ndim - len(c)] for t, c in zip(self.tables, self.tree.cliques, strict=True)))
        row = np.arange(prod(lead))
        world: dict[str, NDArray[np.intp]] = {}
        for i, p in enumerate(self.tree.parent):
            if p < 0:
                self._to(i)
            shape, shared = self.tree.shapes[i], self.tree.separators[i]
            table = np.broadcast_to(self._product(i, p), lead + shape).reshape(len(row), *shape)
            table = table[(row, *(world[n] for n in shared))].reshape(len(row), -1)
            found = picks(table)
            if (table[row, found] == self.semiring.zero).any():
                raise impossible()
            states = np.unravel_index(found, shape[len(shared) :])
            world.update(zip(self.tree.cliques[i][len(shared) :], states, strict=True))
        return {n: world[n].reshape(lead) for n, _ in self.tree.sizes}

    def _fitting(self, clique: int, table: Table) -> Table:
        found = self.semiring.table(table)
        shape = self.tree.shapes[clique]
        if found.shape[found.ndim - len(shape) :] != shape:
            raise ValueError(f"the table of clique {clique} has the shape {found.shape}, not {shape}")
        return found

    def _summed(self, clique: int, names: Sequence[str]) -> Table:
        axes = self.tree.cliques[clique]
        summed = self.semiring.plus(
            self.belief(clique), tuple(k - len(axes) for k, n in enumerate(axes) if n not in names)
        )
        left = [n for n in axes if n in names]
        lead = summed.ndim - len(left)
        return summed.transpose((*range(lead), *(lead + left.index(n) for n in names)))

    def _total(self, component: int) -> Table:
        found = self._totals[component]
        if found is None:
            if self._focus[component] < 0:
                self._to(self.tree.roots[component])
            i = self._focus[component]
            found = self.semiring.plus(self._product(i, None), tuple(range(-len(self.tree.cliques[i]), 0)))
            self._totals[component] = found
        return found

    def _to(self, clique: int) -> None:
        """Make every message toward a clique that does not hold."""
        c = self._frame.component[clique]
        if self._focus[c] < 0:
            self._collect(c)
        parent, clock = self.tree.parent, self._clock[c]
        path = self.tree.path(self._focus[c], clique)
        for u, v in pairwise(path):
            if parent[u] == v:
                if self._up_at[u] < clock:
                    self._send_up(u)
                self._down_at[u] = clock
            else:
                if self._down_at[v] < clock:
                    self._send_down(v)
                self._up_at[v] = clock
        self._focus[c] = clique

    def _collect(self, component: int) -> None:
        """All messages of a component toward its root, for the first time."""
        root = self.tree.roots[component]
        found = [root]
        for i in found:
            found.extend(self.tree.children[i])
        for i in reversed(found[1:]):
            self._send_up(i)
        self._focus[component] = root

    def _send_up(self, i: int) -> None:
        frame = self._frame
        message = self.semiring.plus(self._product(i, self.tree.parent[i]), frame.outer[i])
        self._up[i] = message.reshape(message.shape[: message.ndim - len(self.tree.separators[i])] + frame.in_parent[i])
        self._up_at[i] = self._clock[frame.component[i]]
        self.made += 1

    def _send_down(self, i: int) -> None:
        frame = self._frame
        message = self.semiring.plus(self._product(self.tree.parent[i], i), frame.inner[i])
        self._down[i] = message.reshape(message.shape[: message.ndim - len(self.tree.separators[i])] + frame.in_child[i])
        self._down_at[i] = self._clock[frame.component[i]]
        self.made += 1

    def _product(self, i: int, without: int | None) -> Table:
        """A clique's table and the messages to it, but for one neighbour's."""
        found, p = self.tables[i], self.tree.parent[i]
        times = self.semiring.times
        if p >= 0 and p != without:
            found = times(found, self._down[i])  # type: ignore[arg-type]
        for child in self.tree.children[i]:
            if child != without:
                found = times(found, self._up[child])  # type: ignore[arg-type]
        return found


def impossible() -> Refusal:
    """The refusal of a product that is zero in every world."""
    return refuse("impossible-evidence", "no world is possible: every product of the tables is zero")


def _home(tree: JunctionTree, names: Sequence[str]) -> int:
    found = tree.home(names)
    if found is None:
        raise ValueError(f"no clique holds {', '.join(names) or 'anything'}")
    return found


def _aligned(factor: Factor, axes: tuple[str, ...]) -> Table:
    """The factor's last axes in the order of a clique's, of length one where it lacks a name; leading axes as they are."""
    lead = factor.table.ndim - len(factor.names)
    order = sorted(range(len(factor.names)), key=lambda k: axes.index(factor.names[k]))
    length = dict(zip(factor.names, factor.table.shape[lead:], strict=True))
    turned = factor.table.transpose((*range(lead), *(lead + k for k in order)))
    return turned.reshape(factor.table.shape[:lead] + tuple(length.get(n, 1) for n in axes))


def _inverse(total: Table) -> Table:
    return np.array([Fraction(1) / t for t in total.ravel()], dtype=object).reshape(total.shape)


__all__ = ["Beliefs", "impossible"]
