"""Elimination orders of a graph of variables, chosen for small tables.

First go all variables whose neighbours are already joined: that never makes a table larger than it must be, and finishes
chains, trees and every chordal graph in near linear time. What remains, the core, is tried by three greedy scores
(least fill, least weight, least weighted fill), in the order of a sweep from one end, and, while a fixed amount of work
lasts, again by the scores disturbed at random from a fixed seed: the same graph always gets the same order. The best
order has the fewest cells.

Sources: Kjaerulff, Triangulation of graphs (1990), for the scores; Bodlaender, Koster and van den Eijkhof,
Preprocessing for triangulation of probabilistic networks (2001), for the first step.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Collection, Iterable
from math import prod

Near = dict[int, set[int]]
Score = Callable[[int, Near, list[int]], int]

#: How many looks at a neighbour the search for better orders may cost.
WORK = 2_000_000
#: How often the core is tried again with disturbed scores.
RESTARTS = 40
_CROWD = 60  # a variable with more neighbours than this is put off without counting its fill


class Tried:
    """An order under way. cliques: each variable with those left of its neighbours when it goes, in that order.

    cells: the entries of the tables of these cliques, or more than the limit.
    """

    def __init__(self, near: Near, sizes: list[int], limit: int) -> None:
        self.near, self.sizes, self.limit = near, sizes, limit
        self.cliques: list[tuple[int, set[int]]] = []
        self.cells = 0
        self.work = 0

    def go(self, score: Score, noise: random.Random | None = None, only_free: bool = False) -> bool:
        """Eliminate by least score; `False` as soon as the cells exceed the limit. only_free: stop at the first fill."""
        near, sizes = self.near, self.sizes
        heap = [self._entry(v, score, noise) for v in near]
        heapq.heapify(heap)
        current = {entry[-1]: entry for entry in heap}
        while heap:
            entry = heapq.heappop(heap)
            v = entry[-1]
            if current.get(v) is not entry:
                continue
            if only_free and entry[0] > 0:
                return True
            del current[v]
            around = near.pop(v)
            self.cells += sizes[v] * prod(sizes[n] for n in around) if len(around) < _CROWD else self.limit + 1
            self.cliques.append((v, around))
            if self.cells > self.limit:
                return False
            for n in self.join(v, around):
                current[n] = entry = self._entry(n, score, noise)
                heapq.heappush(heap, entry)
        return True

    def _entry(self, v: int, score: Score, noise: random.Random | None) -> tuple[int, int, float, int]:
        around = self.near[v]
        self.work += 2 + len(around)
        if len(around) >= _CROWD:
            return 1 << 62, len(around), 0.0, v
        self.work += len(around) ** 2
        found = score(v, self.near, self.sizes)
        if noise:
            return int(found * (100 + 60 * noise.random())), len(around), noise.random(), v
        return 100 * found, len(around), 0.0, v

    def join(self, v: int, around: set[int]) -> set[int]:
        """Join the neighbours of a variable that goes; whose score may have changed."""
        near, changed = self.near, set(around)
        for n in around:
            near[n].discard(v)
        for n in around:
            new = around - near[n]
            new.discard(n)
            for m in new:
                if m < n:
                    changed |= near[n] & near[m]
        for n in around:
            near[n] |= around
            near[n].discard(n)
        return changed


def eliminate(near: Near, sizes: list[int], limit: int) -> Tried:
    """The best elimination found; its `cells` exceed `limit` if none within the limit was. `near` is used up."""
    free = Tried(near, sizes, limit)
    if not free.go(fill, only_free=True) or not free.near:
        return free
    tries: list[Tried] = []
    work = 0

    def one(score: Score, noise: random.Random | None) -> int:
        allowed = min((t.cells for t in tries), default=limit)
        tried = Tried({v: set(ns) for v, ns in free.near.items()}, sizes, allowed)
        tried.cells = free.cells
        if (tried.go(score, noise) and tried.cells < allowed) or not tries:
            tries.append(tried)
        return tried.work

    for score in SCORES:
        work += one(score, None)
    rank = {v: k for k, v in enumerate(_swept(free.near))}
    work += one(lambda v, near, sizes: rank[v], None)
    noise = random.Random(20)
    for i in range(RESTARTS):
        if work > WORK:
            break
        work += one(SCORES[i % len(SCORES)], noise)
    best = min(tries, key=lambda t: t.cells)
    best.cliques = [*free.cliques, *best.cliques]
    return best


def _swept(near: Near) -> list[int]:
    """The variables by distance from an end of each component: long strips and grids are best eliminated so."""
    found: list[int] = []
    seen: set[int] = set()
    for v in near:
        if v not in seen:
            end = _from(_from(v, near)[-1], near)
            seen.update(end)
            found.extend(end)
    return found


def _from(start: int, near: Near) -> list[int]:
    found, seen = [start], {start}
    for v in found:
        new = sorted(near[v] - seen)
        seen.update(new)
        found.extend(new)
    return found


def in_rounds(near: Near, sizes: list[int], limit: int, wide: int) -> Tried:
    """An elimination in rounds of variables that are no neighbours of each other: the tree is about as deep as rounds.

    In a round goes whoever makes a table of at most `wide` entries, smallest first; if nobody does, the smallest alone.
    Chains and trees take a number of rounds that grows as the logarithm of their length, at three variables a table.
    It gives up, with `cells` above the limit, when that takes too many rounds. `near` is used up.

    Source: Miller and Reif, Parallel tree contraction (1985): leaves are raked, chains compressed.
    """
    tried = Tried(near, sizes, limit)
    weights = {v: _light(v, near, sizes) for v in near}
    ready = {v for v, w in weights.items() if w <= wide}
    for _ in range(30 + 2 * len(near).bit_length()):
        waiting: set[int] = set()
        for v in sorted(ready, key=lambda v: (weights[v], v)) or sorted(near, key=lambda v: (weights[v], v))[:1]:
            if v in waiting:
                continue
            around = near.pop(v)
            waiting |= around
            ready.discard(v)
            tried.cells += weights[v]
            tried.cliques.append((v, around))
            if tried.cells > limit:
                return tried
            for n in tried.join(v, around):
                weights[n] = _light(n, near, sizes)
                (ready.add if weights[n] <= wide else ready.discard)(n)
        if not near:
            return tried
    tried.cells = limit + 1  # not shallow
    return tried


def _light(v: int, near: Near, sizes: list[int]) -> int:
    return weight(v, near, sizes) if len(near[v]) < _CROWD else 1 << _CROWD


def neighbours(count: int, scopes: Iterable[Collection[int]]) -> Near:
    """Who stands together with whom in a scope."""
    near: Near = {v: set() for v in range(count)}
    for scope in scopes:
        for v in scope:
            near[v].update(scope)
    for v, around in near.items():
        around.discard(v)
    return near


def fill(v: int, near: Near, sizes: list[int]) -> int:
    """How many pairs of neighbours are not joined yet, twice."""
    around = near[v]
    return sum(len(around) - 1 - len(near[n] & around) for n in around)


def weight(v: int, near: Near, sizes: list[int]) -> int:
    """The entries of the table that is made."""
    return sizes[v] * prod(sizes[n] for n in near[v])


def weighted_fill(v: int, near: Near, sizes: list[int]) -> int:
    """The pairs of neighbours not joined yet, each counted with the entries of its own table."""
    around = near[v]
    return sum(sizes[n] * sizes[m] for n in around for m in around - near[n] if m != n)


SCORES: tuple[Score, ...] = (fill, weight, weighted_fill)

__all__ = ["RESTARTS", "WORK", "Tried", "eliminate", "in_rounds", "neighbours"]
