"""Decisions before the luck that they do not see: the steps of each iteration in another order, which changes nothing.

A draw commutes with whatever does not depend on it. Where draws come as late as they can, a decision that does not see a draw
stands before it, and planning can take the best move of an expectation rather than the expectation of best moves.

Law: every step still follows the steps whose slots it reads, so that the play is the same.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import pairwise

from opengames.solvers import liveness
from opengames.solvers.code import Code, Draw, Join, Split, Step, reads, writes


def hoist(code: Code) -> None:
    """Put draws as late as possible within each iteration; stretches with branches are left as they are."""
    cuts = sorted({0, *code.cuts, len(code.steps)})
    for start, end in pairwise(cuts):
        part = code.steps[start:end]
        if not any(isinstance(step, Split | Join) for step in part):
            code.steps[start:end] = _late_draws(part)
    liveness.prune(code, True)


def _late_draws(steps: list[Step]) -> list[Step]:
    made = {slot: i for i, step in enumerate(steps) for slot in writes(step)}
    waiting = [{made[s] for s in reads(step) if s in made and made[s] != i} for i, step in enumerate(steps)]
    behind: dict[int, list[int]] = {}
    for i, before in enumerate(waiting):
        for j in before:
            behind.setdefault(j, []).append(i)
    ready = [(isinstance(steps[i], Draw), i) for i, before in enumerate(waiting) if not before]
    heapify(ready)
    done: list[Step] = []
    while ready:
        _, i = heappop(ready)
        done.append(steps[i])
        for j in behind.get(i, ()):
            waiting[j].discard(i)
            if not waiting[j]:
                heappush(ready, (isinstance(steps[j], Draw), j))
    assert len(done) == len(steps), "steps wait for each other"
    return done


__all__ = ["hoist"]
