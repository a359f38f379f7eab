"""Bounds of a ticket where the worlds are too many to list: only those are made that matter.

The bounds over some worlds are attained by distributions on these, which are possible whatever other worlds there are; so they can
only be too narrow. Each comes with a hedge that cannot lose in the worlds known. Then z3 looks for a world in which it does lose.
If there is none the bounds are those over all worlds; else that world becomes known too.

Source: Jaumard, Hansen and Poggi de Aragao, Column generation methods for probabilistic logic (1991).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from opengames.diagnostics import refuse
from opengames.solvers.coherence.extension import Bound, both_ends, incoherent
from opengames.solvers.coherence.many import ROUNDS, SECONDS, Known
from opengames.solvers.coherence.quotes import Quote, at
from opengames.solvers.coherence.search import Search
from opengames.solvers.coherence.worlds import Worlds
from opengames.terms import Term


def bounded(worlds: Worlds, quotes: Sequence[Quote], target: Quote, seconds: float = SECONDS) -> tuple[Bound, Bound]:
    """The least and the largest price of `target` that agree with the quotes, which are read already.

    Raises `Refusal`: `not-a-distribution` if the quotes are incoherent, and what `check_many` refuses.
    """
    every = (*quotes, target)
    terms: list[Term] = [t for q in every for t in (q.event, q.given) if t is not None]  # type: ignore[misc]
    known = Known(worlds, every, Search(worlds, terms, seconds))
    stakes, _ = known.decide(range(len(quotes)))
    if stakes is not None:
        raise incoherent(worlds, quotes)
    for _ in range(ROUNDS):
        ends = both_ends(known.book())
        missed = [_missed(known, target, end, side) for end, side in zip(ends, (1, -1), strict=True)]
        if not any(missed):
            return ends
    raise refuse("over-budget", f"{ROUNDS:,} worlds were looked at, and the bounds of `{target.name}` are not settled",
                 help="quote fewer tickets at a time")  # fmt: skip


def _missed(known: Known, target: Quote, end: Bound, side: int) -> bool:
    """Whether a world was missing in which the hedge loses; it is known now."""
    import z3

    search = known.search
    hedge = [*((s.quote, s.tickets) for s in end.hedge), (at(target, end.value), Fraction(side))]
    found = search.below(hedge)
    for world in found:
        known.add(world)
    if found:
        known.around(found[0], hedge)
        return True
    if target.given is None:
        return False
    guard = [(s.quote, s.tickets) for s in end.guard]
    on: list[Any] = [search.event(s.quote.given) for s in (*end.hedge, *end.guard)]  # type: ignore[arg-type]
    off = [z3.Or(z3.BoolVal(False), *on), z3.Not(search.event(target.given))]  # type: ignore[arg-type]
    found = search.below(guard, strictly=False, where=off)
    for world in found:
        known.add(world)
    return bool(found)


__all__ = ["bounded"]
