"""What still matters where: the live slots before each step of a code, and the steps that do nothing that matters.

Law: a slot that is not live before a step changes nothing from there on, so histories that differ only in it are one.
"""

from __future__ import annotations

from opengames.diagnostics import refuse
from opengames.solvers.code import Assign, Code, Draw, Gather, Join, Split, reads, writes

#: Live values, added up over all steps, beyond which a game is refused.
LIVE_LIMIT = 4_000_000


def prune(code: Code, drop_draws: bool) -> None:
    """Fill in `code.live` and `code.dead`. Raises `Refusal` (`over-budget`) beyond `LIVE_LIMIT`."""
    steps, fixed = code.steps, code.fixed
    live: list[frozenset[int]] = [frozenset()] * (len(steps) + 1)
    dead = [False] * len(steps)
    count = 0
    for pc in range(len(steps) - 1, -1, -1):
        step = steps[pc]
        match step:
            case Split(targets=targets):
                after = frozenset().union(*(live[t] for t in set(targets.values())))
            case Join(target=target):
                after = live[target]
                step.moved = tuple((o, s) for o, s in step.moved if o in after)
            case _:
                after = live[pc + 1]
        outs = writes(step)
        if isinstance(step, Assign | Gather) or (drop_draws and isinstance(step, Draw)):
            dead[pc] = not any(o in after for o in outs)
        if dead[pc]:
            live[pc] = after
        else:
            more = frozenset(s for s in reads(step) if s not in fixed)
            gone = after.difference(outs) if outs else after
            live[pc] = gone if more <= gone else gone | more
        count += len(live[pc])
        if count > LIVE_LIMIT:
            raise refuse(
                "over-budget",
                "too much of what happens matters until the end: histories cannot be merged",
                notes=(f"{len(after):,} values are live at once, in {len(steps):,} steps",),
                help="choose smaller sizes, or ask `by simulate`",
            )
    code.live = [tuple(sorted(s)) for s in live]
    code.dead = dead


__all__ = ["LIVE_LIMIT", "prune"]
