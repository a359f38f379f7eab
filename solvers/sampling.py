"""Single plays drawn at random from unrolled code: nothing is merged and nothing is kept but what happened.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from opengames.diagnostics import refuse
from opengames.solvers.code import Assign, Choose, Code, Draw, Formula, Gather, Join, Split
from opengames.solvers.layers import Behaviour


@dataclass(frozen=True, slots=True)
class Visit:
    """A decision that the play came to: what was seen, and what was done."""

    step: Choose
    seen: tuple[Any, ...]
    move: Any


def play(code: Code, behaviour: Behaviour, source: random.Random) -> Iterator[Visit]:
    """The decisions of one play, in order. Every draw must have finitely many outcomes."""
    values: dict[int, Any] = dict(code.fixed)
    pc = 0
    while pc < len(code.steps):
        step = code.steps[pc]
        pc += 1
        if code.dead[pc - 1]:
            continue
        code.refill()
        match step:
            case Assign(out=out, formula=formula):
                values[out] = formula.run(_env(formula, values))
            case Gather(out=out, items=items, flat=flat):
                parts = tuple(values[s] for s in items)
                values[out] = tuple(v for part in parts for v in part) if flat else parts
            case Draw(out=out, formula=formula):
                values[out] = _pick(formula.run(_env(formula, values)), source)
            case Choose():
                seen = tuple(values[s] for _, s in step.seen)
                mix = behaviour(step, seen)
                if mix is None:
                    name = f"{step.player[0]}.{step.box.outs[0].name}"
                    raise refuse("incomplete-strategy", f"the strategy says nothing about `{name}`", span=step.box.at)
                move = _pick(mix, source)
                values.update(zip(step.outs, move if len(step.outs) > 1 else (move,), strict=True))
                yield Visit(step, seen, move)
            case Split(subject=subject, targets=targets):
                pc = targets[values[subject]]
            case Join(moved=moved, target=target):
                values.update({out: values[source_slot] for out, source_slot in moved})
                pc = target


def _env(formula: Formula, values: dict[int, Any]) -> dict[str, Any]:
    return {**formula.fixed, **{name: values[slot] for name, slot in formula.wires}}


def _pick(pairs: Any, source: random.Random) -> Any:
    left = Fraction(source.random())
    for value, chance in pairs:
        left -= Fraction(chance)
        if left < 0:
            return value
    return pairs[-1][0]
