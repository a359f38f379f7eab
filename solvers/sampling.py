"""Single plays drawn at random from unrolled code: nothing is merged and nothing is kept but what happened.

What is drawn where hangs on the seed, the run and the step only (common random numbers): a play in which one
move is changed draws the same as the play it is compared with, wherever both go on alike.

Source: Glasserman, Monte Carlo Methods in Financial Engineering (2003), section 4.2, for common random numbers;
the mixing function is the finaliser of Steele, Lea and Flood, Fast splittable pseudorandom number generators (2014).
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from opengames.diagnostics import refuse
from opengames.solvers.code import Assign, Choose, Code, Draw, Formula, Gather, Join, Reward, Split
from opengames.solvers.layers import Behaviour, obeys
from opengames.tree import Player

_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Visit:
    """A decision that the play came to: what was seen, what was done, and what else was allowed.

    state: the play up to here, to go on from.
    """

    step: Choose
    seen: tuple[Any, ...]
    move: Any
    state: State


@dataclass(slots=True)
class State:
    """A play under way: the next step, the values so far, what has been earned."""

    pc: int
    values: ChainMap[int, Any]
    earned: dict[Player, Fraction] = field(default_factory=dict)

    def copy(self) -> State:
        return State(self.pc, self.values.copy(), dict(self.earned))


@dataclass(frozen=True, slots=True)
class Luck:
    """The random numbers of one run: one for each step, whatever happens before it."""

    seed: int
    run: int

    def at(self, pc: int) -> Fraction:
        """A number in [0, 1)."""
        z = (self.seed * 0x9E3779B97F4A7C15 + self.run * 0xD1342543DE82EF95 + (pc + 1) * 0xDA942042E4DD58B5) & _MASK
        for _ in range(2):
            z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
            z ^= z >> 31
        return Fraction(z >> 11, 1 << 53)


def play(code: Code, behaviour: Behaviour, luck: Luck) -> Iterator[Visit]:
    """The decisions of one play, in order. Every draw must have finitely many outcomes."""
    state = begin(code)
    while (step := advance(code, state, luck)) is not None:
        seen = tuple(state.values[s] for _, s in step.seen)
        move = pick(planned(behaviour, step, seen), luck, state.pc)
        yield Visit(step, seen, move, state)
        choose(state, step, move)


def begin(code: Code) -> State:
    return State(0, ChainMap({}, code.fixed), dict(code.base))


def advance(code: Code, state: State, luck: Luck) -> Choose | None:
    """Go on to the next decision, which stays to be made; `None` at the end of the play."""
    values = state.values
    while state.pc < len(code.steps):
        pc, step = state.pc, code.steps[state.pc]
        if isinstance(step, Choose):
            return step
        state.pc = pc + 1
        if code.dead[pc]:
            continue
        match step:
            case Assign(out=out, formula=formula):
                values[out] = formula.run(_env(formula, values))
            case Gather(out=out, items=items, flat=flat):
                parts = tuple(values[s] for s in items)
                values[out] = tuple(v for part in parts for v in part) if flat else parts
            case Draw(out=out, formula=formula):
                code.refill()
                values[out] = pick(formula.run(_env(formula, values)), luck, pc)
            case Split(subject=subject, targets=targets):
                state.pc = targets[values[subject]]
            case Join(moved=moved, target=target):
                values.update([(out, values[source]) for out, source in moved])
                state.pc = target
            case Reward(entries=entries):
                code.refill()
                for formula, paid in entries:
                    amount = Fraction(formula.run(_env(formula, values)))
                    for player, scale in paid:
                        state.earned[player] += scale * amount
    return None


def choose(state: State, step: Choose, move: Any) -> None:
    """Make a move at the decision that the play has come to."""
    state.values.update(zip(step.outs, move if len(step.outs) > 1 else (move,), strict=True))
    state.pc += 1


def planned(behaviour: Behaviour, step: Choose, seen: tuple[Any, ...]) -> tuple[tuple[Any, Fraction], ...]:
    """What the strategy does at a decision; raises `Refusal` (`incomplete-strategy`) if it says nothing."""
    mix = behaviour(step, seen)
    if mix is None:
        name = f"{step.player[0]}.{step.box.outs[0].name}"
        raise refuse("incomplete-strategy", f"the strategy says nothing about `{name}`", span=step.box.at)
    return mix


def legal(step: Choose, state: State) -> list[Any]:
    """The moves that obey the rules of a decision that the play has come to."""
    envs = [_env(rule, state.values) for rule in step.rules]
    return [m for m in step.moves if obeys(step, m, envs)] if envs else list(step.moves)


def pick(pairs: Any, luck: Luck, pc: int) -> Any:
    """The value drawn from a distribution at a step."""
    if len(pairs) == 1:
        return pairs[0][0]
    left = luck.at(pc)
    for value, chance in pairs:
        left -= Fraction(chance)
        if left < 0:
            return value
    return pairs[-1][0]


def _env(formula: Formula, values: ChainMap[int, Any]) -> dict[str, Any]:
    return {**formula.fixed, **{name: values[slot] for name, slot in formula.wires}}
