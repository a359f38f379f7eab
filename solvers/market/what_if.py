"""What all prices would be after one event is moved to any of many prices, without a trade.

A move of $P(T \\mid A)$ to $p$ leaves everything given $\\neg A$, $(T, A)$ and $(\\neg T, A)$ where it was, so that

$P'(x) = P(\\neg A) P(x \\mid \\neg A) + P(A) [p P(x \\mid T, A) + (1 - p) P(x \\mid \\neg T, A)]$.

Three questions to the tree for each variable watched are all that is needed, however many prices are tried.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from opengames.diagnostics import refuse
from opengames.solvers.market.events import Event, Not, all_of
from opengames.solvers.market.placing import Claim, on_event, on_variable
from opengames.solvers.market.quoting import asked
from opengames.solvers.market.state import State
from opengames.solvers.market.trading import check_price


def what_if(state: State, claim: Claim, targets: Sequence[float], watch: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """[target, value]: the prices of each variable watched after the claim's event is moved to each target.

    Raises `Refusal`: `bad-price` for a target that is not above 0 and below 1, `certain-event`, `impossible-condition`.
    """
    now = asked(state, claim).chances[0]
    if not 0 < now < 1:
        raise refuse("certain-event", f"`{claim.shown}` is certain in this market: its price stays at {now:g}")
    given = 1.0 if claim.given is None else asked(state, on_event(claim.given)).chances[0]
    both = [claim.event, Not(claim.event)]
    cases = both if claim.given is None else [all_of(each, claim.given) for each in both]
    moved = np.array([check_price(p) for p in targets])
    weights = [given * moved, given * (1 - moved)]
    if claim.given is not None and given < 1:
        cases.append(Not(claim.given))
        weights.append(np.full(len(moved), 1 - given))
    return {name: _mixed(state, name, cases, weights) for name in watch}


def _mixed(state: State, name: str, cases: Sequence[Event], weights: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    values = state.frame.values[name]
    found = np.zeros((len(weights[0]), len(values)))
    for case, weight in zip(cases, weights, strict=True):
        found += np.outer(weight, asked(state, on_variable(name, values, case)).chances)
    return found


__all__ = ["what_if"]
