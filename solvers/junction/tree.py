"""Junction trees: the cliques of a triangulated graph of variables, joined so that each variable's cliques hang together.

Laws: every scope lies in a clique; no clique lies in another; the cliques that hold a variable are connected (running
intersection); a separator is what a clique shares with its parent. A clique's axes begin with its separator, in the
order of the parent's axes, so that a message to the parent sums over the last axes. Each component hangs from a centre,
and each clique as near to the root as its separator allows, so that the tree is shallow; but not from a large clique
where a much smaller one next to it would do; and of many cliques that hang from one by the same separator, most hang
from each other, so that no clique waits for thousands of messages.

Source: Lauritzen and Spiegelhalter, Local computations with probabilities on graphical structures (1988); Blair and
Peyton, An introduction to chordal graphs and clique trees (1993).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod

from opengames.diagnostics import Diagnostic, Refusal
from opengames.solvers.junction.triangulate import Near, Tried, eliminate, in_rounds, neighbours

#: The most entries of all tables together, if nothing else is said.
BUDGET = 1 << 24
#: The most children with one and the same separator.
FAN = 8
#: The entries from which on a clique's children go to smaller ones where they can.
LARGE = 1000
#: How many entries a level counts for in a shallow tree.
STEP = 2000
#: How many times larger than in the narrow tree a table may be in the shallow one.
WIDER = (1, 2, 4, 16, 64)


class TooWide(Refusal):
    """The tables of the best tree found exceed the budget. counted: entries met until the search gave up; limit: allowed."""

    def __init__(self, counted: int, limit: int) -> None:
        self.counted, self.limit = counted, limit
        super().__init__(
            Diagnostic(
                "over-budget",
                f"the tables of the junction tree have more than {limit} entries",
                notes=(f"counted until then: {counted} entries", f"the limit is {limit}"),
                help="join fewer variables at once, or allow more entries",
            )
        )


@dataclass(frozen=True)
class JunctionTree:
    """sizes: variables with their numbers of values. cliques: the axes of each clique's table, in this order.

    parent: -1 for a root; children come after their parents. separators: shared with the parent, `()` for a root.
    """

    sizes: tuple[tuple[str, int], ...]
    cliques: tuple[tuple[str, ...], ...]
    parent: tuple[int, ...]
    separators: tuple[tuple[str, ...], ...]

    @cached_property
    def size(self) -> Mapping[str, int]:
        """The number of values of each variable."""
        return dict(self.sizes)

    @cached_property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of each clique's table."""
        return tuple(tuple(self.size[n] for n in clique) for clique in self.cliques)

    @cached_property
    def width(self) -> int:
        """The variables of the largest clique, less one."""
        return max((len(c) for c in self.cliques), default=0) - 1

    @cached_property
    def cells(self) -> int:
        """The entries of all tables together."""
        return sum(prod(s) for s in self.shapes)

    @cached_property
    def max_cells(self) -> int:
        """The entries of the largest table."""
        return max((prod(s) for s in self.shapes), default=0)

    @cached_property
    def depth(self) -> tuple[int, ...]:
        """How many steps each clique is away from its root."""
        found: list[int] = []
        for p in self.parent:
            found.append(0 if p < 0 else found[p] + 1)
        return tuple(found)

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """The children of each clique."""
        found: list[list[int]] = [[] for _ in self.cliques]
        for i, p in enumerate(self.parent):
            if p >= 0:
                found[p].append(i)
        return tuple(map(tuple, found))

    @cached_property
    def roots(self) -> tuple[int, ...]:
        """One clique for each component."""
        return tuple(i for i, p in enumerate(self.parent) if p < 0)

    @cached_property
    def _holding(self) -> Mapping[str, list[int]]:
        found: dict[str, list[int]] = {n: [] for n, _ in self.sizes}
        for i in sorted(range(len(self.cliques)), key=lambda i: (prod(self.shapes[i]), i)):
            for n in self.cliques[i]:
                found[n].append(i)
        return found

    def home(self, names: Collection[str]) -> int | None:
        """The smallest clique that holds all `names`; `None` if none does. Raises `KeyError` for an unknown name."""
        if not names:
            return min(range(len(self.cliques)), key=lambda i: prod(self.shapes[i]), default=None)
        rarest = min((self._holding[n] for n in names), key=len)
        wanted = set(names)
        return next((i for i in rarest if wanted.issubset(self.cliques[i])), None)

    def path(self, i: int, j: int) -> tuple[int, ...]:
        """The cliques from `i` to `j`, both included; `()` if they are in different components."""
        up, down = [i], [j]
        while up[-1] != down[-1]:
            side = up if self.depth[up[-1]] >= self.depth[down[-1]] else down
            if self.parent[side[-1]] < 0:
                return ()
            side.append(self.parent[side[-1]])
        return (*up, *reversed(down[:-1]))


def junction_tree(
    sizes: Mapping[str, int], scopes: Iterable[Collection[str]], *, cells: int = BUDGET
) -> JunctionTree:
    """A junction tree over all variables in `sizes` in which each scope lies in a clique.

    Raises `TooWide`, a `Refusal` (`over-budget`), if the tables of the best tree found have more than `cells` entries;
    `KeyError` for a scope with a variable that has no size.
    """
    names, counts, near = _graph(sizes, scopes)
    return _tree(names, counts, eliminate(near, counts, 2 * cells), cells)


def shallow_tree(
    sizes: Mapping[str, int], scopes: Iterable[Collection[str]], *, cells: int = BUDGET, step: int = STEP
) -> JunctionTree:
    """As `junction_tree`, but a level more counts as much as `step` entries more: a long chain becomes a shallow tree.

    The depth of chains and trees grows as the logarithm of their length; a message between any two cliques passes few
    others, and a pass over the tree takes few steps, each for many cliques at once.
    """
    names, counts, near = _graph(sizes, scopes)
    best = _tree(names, counts, eliminate({v: set(a) for v, a in near.items()}, counts, 2 * cells), cells)
    for factor in WIDER:
        wide, price = best.max_cells * factor, _price(best, step)
        if max(best.depth, default=0) <= 2 or wide > cells:
            break
        tried = in_rounds({v: set(a) for v, a in near.items()}, counts, min(2 * cells, 2 * price), wide)
        if tried.cells <= min(2 * cells, 2 * price):
            other = _built(names, counts, tried)
            if other.cells <= cells and _price(other, step) < price:
                best = other
    return best


def _price(tree: JunctionTree, step: int) -> int:
    return tree.cells + step * max(tree.depth, default=0)


def _graph(sizes: Mapping[str, int], scopes: Iterable[Collection[str]]) -> tuple[tuple[str, ...], list[int], Near]:
    names = tuple(sizes)
    number = {n: i for i, n in enumerate(names)}
    return names, [sizes[n] for n in names], neighbours(len(names), ({number[n] for n in s} for s in scopes))


def _tree(names: tuple[str, ...], counts: list[int], best: Tried, cells: int) -> JunctionTree:
    if best.cells > 2 * cells:
        raise TooWide(best.cells, cells)
    found = _built(names, counts, best)
    if found.cells > cells:
        raise TooWide(found.cells, cells)
    return found


def _built(names: tuple[str, ...], counts: list[int], best: Tried) -> JunctionTree:
    members, parent = _cliques(best.cliques)
    order, parent = _hung(members, parent, [prod(counts[v] for v in m) for m in members])
    members = [members[i] for i in order]
    axes: list[tuple[int, ...]] = []
    separators: list[tuple[int, ...]] = []
    for i, p in enumerate(parent):
        shared = tuple(v for v in axes[p] if v in members[i]) if p >= 0 else ()
        axes.append((*shared, *sorted(members[i].difference(shared))))
        separators.append(shared)
    return JunctionTree(
        tuple(zip(names, counts, strict=True)),
        tuple(tuple(names[v] for v in a) for a in axes),
        tuple(parent),
        tuple(tuple(names[v] for v in s) for s in separators),
    )


def _cliques(eliminated: list[tuple[int, set[int]]]) -> tuple[list[set[int]], list[int]]:
    """The maximal cliques of an elimination, and the parent of each, -1 for roots.

    A variable's clique hangs from that of the first of its neighbours to go; it is not maximal exactly if a clique hung
    from it is as large as itself and one more, and then that one takes its place.
    """
    when = {v: t for t, (v, _) in enumerate(eliminated)}
    above = [min((when[n] for n in around), default=-1) for _, around in eliminated]
    inside = [-1] * len(eliminated)  # the clique that a clique lies in
    for t, (_, around) in enumerate(eliminated):
        p = above[t]
        if p >= 0 and inside[p] < 0 and len(around) == len(eliminated[p][1]) + 1:
            inside[p] = t
    stands = list(range(len(eliminated)))
    for t, t2 in enumerate(inside):  # what a clique lies in comes earlier
        if t2 >= 0:
            stands[t] = stands[t2]
    kept = [t for t in range(len(eliminated)) if inside[t] < 0]
    number = {t: i for i, t in enumerate(kept)}
    parent = []
    for t in kept:
        p = above[t]
        while p >= 0 and stands[p] == t:
            p = above[p]
        parent.append(number[stands[p]] if p >= 0 else -1)
    return [{eliminated[t][0], *eliminated[t][1]} for t in kept], parent


def _hung(members: list[set[int]], parent: list[int], cells: list[int]) -> tuple[list[int], list[int]]:
    """The cliques in order from a centre of each component, each as high as it can hang, and the parents in that order."""
    near: list[list[int]] = [[] for _ in members]
    for i, p in enumerate(parent):
        if p >= 0:
            near[i].append(p)
            near[p].append(i)
    above = [-1] * len(members)
    deep = [0] * len(members)
    seen: set[int] = set()
    for start in range(len(members)):
        if start in seen:
            continue
        root = _centre(start, near)
        for i, p in _reach(root, near):
            seen.add(i)
            if p < 0:
                continue
            shared = members[i] & members[p]
            top = above[p]
            while top >= 0 and shared <= members[top]:
                p, top = top, above[top]
            above[i], deep[i] = p, deep[p] + 1
    _relieve(members, above, cells)
    _fan(members, above)
    _measure(above, deep)
    order = sorted(range(len(members)), key=lambda i: (deep[i], above[i], i))
    place = {i: k for k, i in enumerate(order)}
    return order, [place[above[i]] if above[i] >= 0 else -1 for i in order]


def _relieve(members: list[set[int]], above: list[int], cells: list[int]) -> None:
    """Children of a large clique hang from a much smaller sibling whose separator holds theirs."""
    below: dict[int, list[int]] = {}
    for i, p in enumerate(above):
        if p >= 0 and cells[p] >= LARGE:
            below.setdefault(p, []).append(i)
    for p, children in below.items():
        shared = {i: members[i] & members[p] for i in children}
        taken: list[int] = []
        for i in sorted(children, key=lambda i: (-len(shared[i]), cells[i], i)):
            small = [j for j in taken if 4 * cells[j] <= cells[p] and shared[i] <= shared[j]]
            above[i] = min(small, key=lambda j: cells[j], default=p)
            taken.append(i)


def _fan(members: list[set[int]], above: list[int]) -> None:
    """Where more than `FAN` cliques hang from one by the same separator, all but the first hang from each other."""
    groups: dict[tuple[int, frozenset[int]], list[int]] = {}
    for i, p in enumerate(above):
        if p >= 0:
            groups.setdefault((p, frozenset(members[i] & members[p])), []).append(i)
    for group in groups.values():
        for k in range(FAN, len(group)):
            above[group[k]] = group[k // FAN - 1]


def _measure(above: list[int], deep: list[int]) -> None:
    """How deep each clique hangs."""
    below: list[list[int]] = [[] for _ in above]
    for i, p in enumerate(above):
        if p >= 0:
            below[p].append(i)
    walk = [i for i, p in enumerate(above) if p < 0]
    for i in walk:
        for j in below[i]:
            deep[j] = deep[i] + 1
        walk.extend(below[i])


def _reach(start: int, near: list[list[int]]) -> list[tuple[int, int]]:
    """All cliques of a component with where each was reached from, nearest first."""
    found = [(start, -1)]
    for i, p in found:
        found.extend((j, i) for j in near[i] if j != p)
    return found


def _centre(start: int, near: list[list[int]]) -> int:
    """The middle of a longest path."""
    end = _reach(start, near)[-1][0]
    walk = _reach(end, near)
    back = dict(walk)
    path = [walk[-1][0]]
    while back[path[-1]] >= 0:
        path.append(back[path[-1]])
    return path[len(path) // 2]


__all__ = ["BUDGET", "JunctionTree", "TooWide", "junction_tree", "shallow_tree"]
