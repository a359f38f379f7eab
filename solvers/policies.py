"""What players do: strategies of a text, and strategies found by a solver, as one kind of function."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from typing import Any

from opengames.diagnostics import refuse
from opengames.evaluate import STEPS, Compiler
from opengames.plug import plan_for
from opengames.program import Plan, Program, Strategy
from opengames.show import show, show_space
from opengames.solvers.code import Choose
from opengames.solvers.layers import Behaviour
from opengames.spaces import contains
from opengames.tree import Player

#: (move, chance) pairs, chances positive and adding up to one.
Mix = tuple[tuple[Any, Fraction], ...]
#: Where a player stands: (player, place, loop indices, values seen).
Situation = tuple[Player, str, tuple[Any, ...], tuple[Any, ...]]


def situation(step: Choose, seen: tuple[Any, ...]) -> Situation:
    return (step.player, step.place, step.index, seen)


class Planned:
    """A strategy of a text, as a behaviour.

    `None` where it has no plan. Raises `Refusal` (`outside-type`) for a move outside its type.
    """

    def __init__(self, program: Program, strategy: Strategy, params: Mapping[str, Any] | None = None) -> None:
        self.strategy = strategy
        self.compiler = Compiler(program.funs, {**program.param_values(), **(params or {})})
        self._sites: dict[Any, tuple[Choose, list[tuple[Plan, Any]] | None]] = {}
        self._known: dict[Any, Mix] = {}

    def __call__(self, step: Choose, seen: tuple[Any, ...]) -> Mix | None:
        site = (id(step.box), step.where)
        key = (site, step.player[1], seen)
        found = self._known.get(key)
        if found is not None:
            return found
        if site not in self._sites:
            self._sites[site] = (step, self._plans(step))
        plans = self._sites[site][1]
        if plans is None:
            return None
        self._known[key] = self._mix(step, seen, plans)
        return self._known[key]

    def _plans(self, step: Choose) -> list[tuple[Plan, Any]] | None:
        found = []
        for out in step.box.outs:
            plan = plan_for(self.strategy, step.box, step.where, out.name)
            if plan is None:
                return None
            found.append((plan, self.compiler.compile(plan.term)))
        return found

    def _mix(self, step: Choose, seen: tuple[Any, ...], plans: list[tuple[Plan, Any]]) -> Mix:
        self.compiler.meter.left = STEPS
        env = dict(step.seen_values(seen))
        each: list[list[tuple[Any, Fraction]]] = []
        for out, (plan, run) in zip(step.box.outs, plans, strict=True):
            value = run({**env, **dict(zip(plan.seat_vars, step.player[1], strict=False))})
            pairs = [(v, Fraction(c)) for v, c in value if c] if plan.mixed else [(value, Fraction(1))]
            for v, _ in pairs:
                if not contains(out.space, v):
                    raise refuse(
                        "outside-type",
                        f"`{out.name}`, decided by {step.player[0]}, is {show(v)}, outside {show_space(out.space)}",
                        span=plan.at,
                    )
            each.append(pairs)
        if len(each) == 1:
            return tuple(each[0])
        joint: list[tuple[Any, Fraction]] = []
        for combination in product(*each):
            chance = Fraction(1)
            for _, c in combination:
                chance *= c
            joint.append((tuple(v for v, _ in combination), chance))
        return tuple(joint)


class Found:
    """A strategy found by a solver: what to do in each situation; `otherwise` answers for the rest."""

    def __init__(self, moves: Mapping[Situation, Mix], otherwise: Behaviour | None = None) -> None:
        self.moves, self.otherwise = dict(moves), otherwise

    def __call__(self, step: Choose, seen: tuple[Any, ...]) -> Mix | None:
        mix = self.moves.get(situation(step, seen))
        if mix is None and self.otherwise is not None:
            return self.otherwise(step, seen)
        return mix


def behaviour(program: Program, strategy: Any, params: Mapping[str, Any] | None = None) -> Behaviour:
    """A behaviour from the name of a strategy, a `Strategy`, or a behaviour."""
    if isinstance(strategy, str):
        strategy = program.strategies[strategy]
    if isinstance(strategy, Strategy):
        return Planned(program, strategy, params)
    return strategy
