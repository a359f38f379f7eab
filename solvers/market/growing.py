"""Trees that change: variables added, sets of variables brought together, variables settled.

Nothing here moves a price. The tables are kept as factors over what they are about, so that a new tree is made from
those and not from the cliques of the old one: it can become narrower as well as wider.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from opengames.solvers.junction.tree import junction_tree
from opengames.solvers.market.beliefs import Beliefs, believed
from opengames.solvers.market.fitting import Chains, Counter, is_counter
from opengames.solvers.market.layout import Layout, Numbers, Scope, laid_out
from opengames.solvers.market.layout import keep as remember
from opengames.solvers.market.state import Frame, State, frame_marks, wrapped

Factors = Mapping[Scope, Numbers]
_GROWN = 32


def frame_for(
    values: Mapping[str, tuple[Any, ...]], settled: Mapping[str, Any], prior: Factors, scopes: Iterable[Scope],
    links: Sequence[Scope], hidden: frozenset[str], cells: int, chains: Chains | None = None,
) -> Frame:  # fmt: skip
    """A frame whose tree holds all scopes. Raises `TooWide` if its tables take more than `cells` entries."""
    sizes = {n: len(v) for n, v in values.items()}
    wanted = [s for s in dict.fromkeys((*prior, *scopes, *links)) if s]
    tree = junction_tree(sizes, wanted, cells=cells)
    return Frame(values, settled, laid_out(tree, prior), tuple(links), hidden, chains or {})


def rooted(state: State, frame: Frame, prior: Factors, traded: Factors) -> State:
    """The state on another frame."""
    made = replace(state, frame=frame, prior=prior, traded=traded, beliefs=beliefs_on(frame.layout, prior, traded))
    return replace(made, digest=wrapped(state.digest - frame_marks(state) + frame_marks(made)))


def beliefs_on(layout: Layout, prior: Factors, traded: Factors) -> Beliefs:
    both = dict(prior)
    for scope, factor in traded.items():
        both[scope] = both[scope] + factor if scope in both else factor
    return believed(layout, both)


def grown(
    state: State, scope: Scope, counters: Sequence[Counter] = (), chains: Chains | None = None, keep: bool = False
) -> tuple[Frame, Factors]:
    """A frame with one more set of variables in a clique, and with new counters; and the prior with their tables.

    Counters that nothing depends on any more are left out. keep: the set stays together for good. Raises `TooWide`.
    """
    frame = state.frame
    key = (scope, tuple(c.name for c in counters), keep, len(state.traded))
    known = frame.layout.grown.get(key)
    if known is not None:
        return known
    prior = dict(state.prior)
    values = dict(frame.values)
    for c in counters:
        if c.name not in values:
            values[c.name] = c.values
            with np.errstate(divide="ignore"):
                prior[c.scope] = np.log(c.table.astype(float))
    held = held_by(state)
    values, prior = trimmed(values, prior, (scope, *held, *frame.links))
    links = (*frame.links, scope) if keep else frame.links
    orders = {**frame.chains, **(chains or {})}
    made = frame_for(values, frame.settled, prior, (*held, scope), links, frame.hidden, state.cells, orders)
    remember(frame.layout.grown, key, (made, prior), _GROWN)
    return made, prior


def held_by(state: State) -> tuple[Scope, ...]:
    """The sets of variables that trades and accounts have tables over: each must lie in a clique."""
    scopes = (s for a in (state.maker, *state.accounts.values()) for s in a.blocks)
    return tuple(dict.fromkeys((*state.traded, *scopes)))


def trimmed(
    values: Mapping[str, tuple[Any, ...]], prior: Factors, scopes: Iterable[Scope]
) -> tuple[dict[str, tuple[Any, ...]], dict[Scope, Numbers]]:
    """The variables and opening factors without counters that nothing depends on."""
    needed = _needed(prior, scopes)
    kept = {n: v for n, v in values.items() if n in needed or not is_counter(n)}
    return kept, {s: f for s, f in prior.items() if all(n in kept for n in s)}


def _needed(prior: Factors, scopes: Iterable[Scope]) -> set[str]:
    """The counters that scopes mention, and those that these count on."""
    defined = {s[-1]: s for s in prior if s and is_counter(s[-1])}
    found: set[str] = set()
    stack = [n for s in scopes for n in s if is_counter(n)]
    while stack:
        name = stack.pop()
        if name not in found:
            found.add(name)
            stack.extend(n for n in defined.get(name, ()) if is_counter(n))
    return found


def sliced(factors: Mapping[Scope, Numbers], name: str, position: int) -> dict[Scope, Numbers]:
    """Tables with one variable set to a value; those that then have the same scope are added."""
    found: dict[Scope, Numbers] = {}
    for scope, table in factors.items():
        if name in scope:
            table = np.array(table.take(position, axis=scope.index(name)), order="C")
            scope = tuple(n for n in scope if n != name)
        found[scope] = found[scope] + table if scope in found else table
    return found


def narrowed(tables: Mapping[Scope, Numbers]) -> dict[Scope, Numbers]:
    """Tables without the variables that make no difference to them."""
    found: dict[Scope, Numbers] = {}
    for scope, table in tables.items():
        for name in scope:
            axis = scope.index(name)
            first = table.take([0], axis=axis)
            if (table == first).all():
                table = np.array(first.take(0, axis=axis), order="C")
                scope = tuple(n for n in scope if n != name)
        found[scope] = found[scope] + table if scope in found else table
    return found


__all__ = ["beliefs_on", "frame_for", "grown", "held_by", "narrowed", "rooted", "sliced", "trimmed"]
