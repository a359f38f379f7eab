"""Prices: the chances of a claim's cases given its condition.

Where a claim's variables share a clique they are read off there. Where they do not, a few of them are set to each of their
values in turn, which needs no new tree; only for wide events is one made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import exp, inf, isinf, log, prod

import numpy as np

from opengames.diagnostics import Refusal, refuse
from opengames.solvers.market.assets import entered, home_of
from opengames.solvers.market.events import holds, value_words
from opengames.solvers.market.layout import Numbers, Scope
from opengames.solvers.market.placing import (
    Claim,
    Placed,
    coded,
    home,
    mentioned,
    moved_to,
    place,
    unknown_event,
)
from opengames.solvers.market.state import Frame, State

#: A price is asked by setting variables to at most so many combinations.
_SET = 64


@dataclass(frozen=True)
class Quote:
    """Chances of a claim's cases given its condition. logs: their logarithms. condition: the chance of the condition."""

    logs: tuple[float, ...]
    condition: float

    @property
    def chances(self) -> tuple[float, ...]:
        return tuple(exp(x) for x in self.logs)


def quote(state: State, placed: Placed) -> Quote:
    """The chances of a claim. Raises `Refusal` (`impossible-condition`). The state must be on the claim's tree."""
    return _quoted(state, placed.claim, placed.logs(state.beliefs))


def asked(state: State, claim: Claim) -> Quote:
    """The chances of a claim, wherever its variables stand: without a new tree, if setting a few of them will do.

    Raises `Refusal` (`impossible-condition`, `over-budget`).
    """
    if claim not in state.frame.layout.claims:
        found = coded(state, claim)
        away = [] if found.counters else away_from(state.frame, found.scope)
        if away and prod(len(state.frame.values[n]) for n in away) <= _SET:
            joint = joint_logs(state, found.scope, away).ravel()
            codes = found.codes.ravel()
            count = len(claim.cases) + 1
            logs = [float(np.logaddexp.reduce(joint[codes == k], initial=-inf)) for k in range(count)]
            return _quoted(state, claim, logs)
    placed = place(state, claim)
    return quote(moved_to(state, placed), placed)


def away_from(frame: Frame, scope: Scope) -> list[str]:
    """The variables of a scope that are not in the clique that holds most of it; none if they stand together."""
    if home(frame, scope) is not None:
        return []
    holding = [set(c) & set(scope) for c in frame.tree.cliques]
    best = max(holding, key=len)
    return [n for n in scope if n not in best]


def joint_logs(state: State, scope: Scope, away: Sequence[str]) -> Numbers:
    """The logarithms of the chances of a scope's entries, up to a constant: some of its variables are set to each of
    their values in turn, the others read off where they stand together."""
    near = tuple(n for n in scope if n not in away)
    rows = []
    for values in product(*(range(len(state.frame.values[n])) for n in away)):
        beliefs = state.beliefs
        for name, position in zip(away, values, strict=True):
            clique = home_of(state.frame.layout, (name,))
            chosen = np.arange(len(state.frame.values[name])) == position
            beliefs = entered(beliefs, clique, state.frame.layout.expanded((name,), chosen, clique))
        rows.append(beliefs.product.marginal(near))
    stacked = np.array(rows).reshape(*(len(state.frame.values[n]) for n in (*away, *near)))
    return stacked.transpose([(*away, *near).index(n) for n in scope])


def _quoted(state: State, claim: Claim, codes: Sequence[float]) -> Quote:
    outside, *logs = codes
    if max(logs) == -inf:
        raise _impossible(state, claim)
    inside = log_sum(logs)
    return Quote(tuple(x - inside for x in logs), exp(inside - log_sum((inside, outside))))


def log_sum(logs: Sequence[float]) -> float:
    """$\\log \\sum e^{x}$ of a few numbers."""
    top = max(logs)
    return top if isinf(top) else top + log(sum(exp(x - top) for x in logs))


def chance(state: State, claim: Claim) -> float:
    """The price of an event given a condition."""
    return asked(state, claim).chances[0]


def settled_price(state: State, claim: Claim) -> float:
    """The price of an event given a condition where every variable has been resolved: 0 or 1.   [$]

    Raises `Refusal` (`impossible-condition`, `unknown-event`).
    """
    settled = state.frame.settled
    for name in mentioned(claim):
        if name not in settled:
            raise unknown_event(state, name)
    if claim.given is not None and not holds(claim.given, settled):
        raise _impossible(state, claim)
    return float(holds(claim.event, settled))


def _impossible(state: State, claim: Claim) -> Refusal:
    given = claim.given.shown if claim.given is not None else claim.shown
    return refuse(
        "impossible-condition", f"`{given}` cannot happen: nothing has a price given it", notes=resolved_words(state, claim),
        help="leave the condition out, or ask for one that is possible",
    )  # fmt: skip


def resolved_words(state: State, claim: Claim) -> tuple[str, ...]:
    settled = state.frame.settled
    return tuple(f"`{n}` has been resolved: it is {value_words(settled[n])}" for n in mentioned(claim) if n in settled)


__all__ = ["Quote", "asked", "away_from", "chance", "joint_logs", "log_sum", "quote", "resolved_words", "settled_price"]
