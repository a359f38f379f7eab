"""An order for steps that keeps few slots alive at once.

Greedy: of the steps whose needs are met, the one that adds least to the (logarithmic) size of what is alive; among
equals, the one that goes on from what was made last.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log2

from opengames.exact.steps import Calc, Gain, Keep, Step, reads, writes
from opengames.spaces import Space, size

_LARGE = 600
_UNKNOWN = 3.0


def order(
    steps: list[Step], wanted: frozenset[str], spaces: Mapping[str, Space], last: frozenset[str] | None = None
) -> list[Step]:
    """The steps in an order in which each follows what it reads; `wanted` slots stay alive to the end.

    last: slots that, like all expectations, are computed only where the evidence holds; `None` for any order.
    """
    needs = [reads(s) for s in steps]
    makes = [writes(s) for s in steps]
    maker = {slot: i for i, out in enumerate(makes) for slot in out}
    waiting = [{maker[r] for r in need if r in maker} - {i} for i, need in enumerate(needs)]
    if last is not None:
        kept = {i for i, step in enumerate(steps) if isinstance(step, Keep)}
        for i, step in enumerate(steps):
            if isinstance(step, Gain) or last & set(makes[i]):
                waiting[i] |= kept
    followers: dict[int, list[int]] = {}
    for i, before in enumerate(waiting):
        for b in before:
            followers.setdefault(b, []).append(i)
    readers: dict[str, int] = {}
    for need in needs:
        for slot in need:
            readers[slot] = readers.get(slot, 0) + 1
    for slot in wanted:
        readers[slot] = readers.get(slot, 0) + 1
    born: dict[str, int] = {}
    ready = [i for i, before in enumerate(waiting) if not before]
    done: list[Step] = []

    def score(i: int) -> tuple[float, float, int]:
        freed = sum(weight(s) for s in needs[i] if readers[s] == 1)
        made = sum(weight(s) for s in makes[i] if readers.get(s))
        step = steps[i]
        if isinstance(step, Calc):
            made = min(made, sum(weight(s) for s in needs[i]))
        elif isinstance(step, (Gain, Keep)):
            made = -1.0
        return made - freed, -max((born.get(s, -1) for s in needs[i]), default=-1), i

    weights: dict[str, float] = {}

    def weight(slot: str) -> float:
        if slot not in weights:
            weights[slot] = _bits(slot, spaces)
        return weights[slot]

    while ready:
        best = min(ready, key=score) if len(ready) <= _LARGE else min(ready)
        ready.remove(best)
        for slot in needs[best]:
            readers[slot] -= 1
        for slot in makes[best]:
            born[slot] = len(done)
        done.append(steps[best])
        for f in followers.get(best, ()):
            waiting[f].discard(best)
            if not waiting[f]:
                ready.append(f)
    if len(done) != len(steps):
        raise ValueError("the steps wait for one another")
    return done


def frontier(steps: list[Step], wanted: frozenset[str], spaces: Mapping[str, Space]) -> float:
    """The binary logarithm of how many states the order may have alive at once, wires over the reals guessed."""
    alive, most = wanted, 0.0
    for step in reversed(steps):
        alive = (alive - set(writes(step))) | reads(step)
        most = max(most, sum(_bits(s, spaces) for s in (*alive, *writes(step))))
    return most


def _bits(slot: str, spaces: Mapping[str, Space]) -> float:
    count = size(spaces[slot]) if slot in spaces else None
    return _UNKNOWN if count is None else log2(min(max(count, 1), 1 << 20))
