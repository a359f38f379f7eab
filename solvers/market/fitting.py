"""From an event to a small table: which variables it needs to stand together, and the truth over them.

A narrow event is its own table. A wide one, `any_of`, `all_of` or `at_least` over many parts, is counted along a chain:
$c_i = \\min(c_{i-1} + [e_i], k)$, one auxiliary variable a step, each determined by its neighbours. The chain follows the
tree, so that the tree grows by about one variable in width however many parts there are.
"""

from __future__ import annotations

import hashlib
from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from opengames.diagnostics import refuse
from opengames.solvers.junction.tree import JunctionTree
from opengames.solvers.market.events import AtLeast, Event, Mask, Not, mask, variables_of
from opengames.solvers.market.layout import Scope, aligned

if TYPE_CHECKING:
    from opengames.solvers.market.state import Frame

#: An event whose table has at most this many entries is not counted by a chain.
DIRECT = 64
#: The most entries of one event's own table.
LARGEST = 1 << 16

#: How many of which parts.
Parts = tuple[int, tuple[Event, ...]]
#: The order in which the parts of a wide event are counted.
Chains = Mapping[Parts, tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class Counter:
    """An auxiliary variable: it counts to `top`, and `table` over `scope` (its own name last) is 1 for its value, else 0."""

    name: str
    top: int
    scope: Scope
    table: Mask

    @property
    def values(self) -> tuple[int, ...]:
        return tuple(range(self.top + 1))


@dataclass(frozen=True, eq=False)
class Fitted:
    """An event as the truth over a scope. counters: the auxiliary variables that it needs. chains: the orders chosen."""

    scope: Scope
    truth: Mask
    counters: tuple[Counter, ...] = ()
    chains: tuple[tuple[Parts, tuple[int, ...]], ...] = ()


def fit(event: Event, frame: Frame) -> Fitted:
    """The event over variables of a frame and new counters. Parts that are counted already are counted in the same order,
    so that an event finds its counters again. Raises `Refusal` (`over-budget`) for a table that no chain can replace."""
    return _Fitting(frame).fit(event)


def is_counter(name: str) -> bool:
    return name.startswith("@")


class _Fitting:
    def __init__(self, frame: Frame) -> None:
        self.tree, self.known, self.order = frame.tree, frame.chains, frame.order
        self.values: ChainMap[str, tuple[Any, ...]] = ChainMap({}, frame.values)  # type: ignore[arg-type]

    def fit(self, event: Event) -> Fitted:
        names = tuple(sorted(variables_of(event), key=self.order.__getitem__))
        cells = prod(len(self.values[n]) for n in names)
        if cells <= DIRECT or (cells <= LARGEST and self._home(names) is not None):
            return Fitted(names, mask(event, names, self.values))
        match event:
            case Not(part=part):
                inner = self.fit(part)
                return Fitted(inner.scope, ~inner.truth, inner.counters, inner.chains)
            case AtLeast(count=count, parts=parts):
                if count > 1 and count == len(parts):  # all hold exactly if none fails: then one flag is enough
                    return self.fit(Not(AtLeast(1, tuple(Not(p) for p in parts))))
                return self._chain(count, parts)
        if cells > LARGEST:
            raise refuse(
                "over-budget", f"the event `{event.shown}` takes a table of {cells} entries",
                notes=(f"the limit for one event is {LARGEST}",),
            )  # fmt: skip
        return Fitted(names, mask(event, names, self.values))

    def _chain(self, count: int, parts: Sequence[Event]) -> Fitted:
        inside = [self.fit(p) for p in parts]
        order = self.known.get((count, tuple(parts)))
        if order is None:
            order = tuple(sorted(range(len(parts)), key=lambda i: self._along(inside[i].scope)))
        fitted = [inside[i] for i in order]
        chains = (*(c for f in fitted for c in f.chains), ((count, tuple(parts)), order))
        counters = [c for f in fitted for c in f.counters]
        for c in counters:
            self.values[c.name] = c.values
        before, total = fitted[0].scope, fitted[0].truth.astype(np.int64)
        for i, each in enumerate(fitted[1:], 1):
            scope = (*before, *(n for n in each.scope if n not in before))
            summed = np.minimum(aligned(before, total, scope) + aligned(each.scope, each.truth, scope), count)
            total = np.broadcast_to(summed, [len(self.values[n]) for n in scope])
            if i == len(fitted) - 1:
                return Fitted(scope, total >= count, tuple(counters), chains)
            if total.size * (min(i + 1, count) + 1) <= DIRECT:
                before = scope
                continue
            made = _counter(scope, total, min(i + 1, count))
            counters.append(made)
            self.values[made.name] = made.values
            before, total = (made.name,), np.arange(made.top + 1)
        return Fitted(before, total >= count, tuple(counters), chains)

    def _home(self, names: Scope) -> int | None:
        size = self.tree.size
        return self.tree.home(names) if all(n in size for n in names) else None

    def _along(self, scope: Scope) -> int:
        """Where on a walk through the tree a scope stands."""
        known = tuple(n for n in scope if n in self.tree.size)
        home = self.tree.home(known[:1]) if known else None
        return self.walk[home] if home is not None else len(self.tree.cliques)

    @cached_property
    def walk(self) -> dict[int, int]:
        return walk(self.tree)


def walk(tree: JunctionTree) -> dict[int, int]:
    """The place of each clique on a walk that finishes a branch before it begins another."""
    found: dict[int, int] = {}
    stack = list(reversed(tree.roots))
    while stack:
        i = stack.pop()
        found[i] = len(found)
        stack.extend(reversed(tree.children[i]))
    return found


def _counter(scope: Scope, counts: np.ndarray[Any, Any], top: int) -> Counter:
    content = repr((scope, top, counts.shape)).encode() + np.ascontiguousarray(counts).tobytes()
    name = "@" + hashlib.sha256(content).hexdigest()[:12]
    return Counter(name, top, (*scope, name), counts[..., None] == np.arange(top + 1))


__all__ = ["DIRECT", "LARGEST", "Chains", "Counter", "Fitted", "fit", "is_counter", "walk"]
