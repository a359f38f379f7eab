"""Plays, pushed forward: states with symbolic weights and values, equal ones merged, wires dropped when nothing needs them.

What is paid is added up as soon as it is known, so that a total over many rounds keeps no history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from typing import Any

import sympy

from opengames.diagnostics import refuse
from opengames.spaces import is_finite, points
from opengames.symbolic.expressions import Translator
from opengames.symbolic.tidy import canonical
from opengames.symbolic.unrolled import Step, Steps, addends
from opengames.symbolic.values import expr, needed, number
from opengames.terms import Term, free

STATES = 60_000
"""States that one answer may visit."""
MOVES = 2_000
"""Moves that one decision may have."""

ONE, ZERO = Fraction(1), Fraction(0)
Env = dict[str, Any]


@dataclass
class Machine:
    """The live steps of one question. wanted: terms needed when play is over. pays: addends of what is counted, by place.

    own: whether a decision is looked at in every play, although nothing may depend on it.
    """

    found: Steps
    translator: Translator
    wanted: tuple[Term, ...] = ()
    paid: tuple[Term, ...] = ()
    own: Any = None
    visits: int = 0
    pays: dict[int, list[Term]] = field(default_factory=dict)
    live: list[frozenset[str]] = field(default_factory=list)
    dead: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        for term in self.paid:
            for part in addends(term, self.found.made):
                self.pays.setdefault(self.found.place(part), []).append(part)
        self._find_live()

    def _find_live(self) -> None:
        steps = self.found.steps
        needed_now: frozenset[str] = frozenset().union(*(free(t) for t in self.wanted))
        self.live = [frozenset()] * (len(steps) + 1)
        for pc in range(len(steps), -1, -1):
            for term in self.pays.get(pc, ()):
                needed_now |= free(term)
            self.live[pc] = needed_now
            if pc:
                step = steps[pc - 1]
                kept = step.kind == "choose" and self.own is not None and step.seat == self.own
                if kept or needed_now & frozenset(step.outs):
                    needed_now = (needed_now - frozenset(step.outs)) | step.reads()
                else:
                    self.dead.add(pc - 1)

    # ---------------------------------------------------------------- values

    def value(self, term: Term, env: Env) -> Any:
        return settled(self.translator.value(term, env))

    def paid_at(self, pc: int, env: Env) -> Any:
        """What is counted at a place."""
        total: Any = ZERO
        for term in self.pays.get(pc, ()):
            total = plus(total, self.value(term, env))
        return total

    def is_reached(self, step: Step, env: Env) -> bool:
        for name, values in step.guards:
            if name not in env:
                return False
            if needed(env[name], self.translator.symbols) not in values:
                return False
        return True

    def after(self, pc: int, env: Env) -> list[tuple[Env, Any]]:
        """The states after one step, with their chances. A decision follows its plan."""
        step = self.found.steps[pc]
        if pc in self.dead or not self.is_reached(step, env):
            return [(self.kept(pc + 1, env), ONE)]
        if step.kind == "choose":
            return [(self.kept(pc + 1, self.moved(step, env, move)), chance) for move, chance in self.planned(step, env)]
        assert step.term is not None
        if step.kind == "compute":
            return [(self.kept(pc + 1, {**env, step.outs[0]: self.value(step.term, env)}), ONE)]
        found = self.translator.outcomes(step.term, env)
        return [(self.kept(pc + 1, {**env, step.outs[0]: settled(v)}), settled(c)) for v, c in found]

    def kept(self, pc: int, env: Env) -> Env:
        live = self.live[pc]
        return {name: value for name, value in env.items() if name in live}

    def moved(self, step: Step, env: Env, move: tuple[Any, ...]) -> Env:
        return {**env, **dict(zip(step.outs, move, strict=True))}

    def planned(self, step: Step, env: Env) -> list[tuple[tuple[Any, ...], Any]]:
        """The moves that the strategy makes, with their chances."""
        each: list[list[tuple[Any, Any]]] = []
        for plan, term in zip(step.plans, step.plan_terms, strict=True):
            if plan is None or term is None:
                raise refuse("needs-strategy", f"nothing says what `{step.place}` will be",
                             help="name a strategy that covers it: `under NAME`")  # fmt: skip
            if plan.mixed:
                each.append([(settled(v), settled(c)) for v, c in self.translator.outcomes(term, env)])
            else:
                each.append([(needed(self.value(term, env), self.translator.symbols), ONE)])
        return [
            (tuple(v for v, _ in joint), times(*(c for _, c in joint))) for joint in product(*each)
        ]

    def legal(self, step: Step, env: Env) -> list[tuple[Any, ...]]:
        """The moves that a decision's rules allow. Raises `Refusal` (`not-yet`) for infinitely many."""
        assert step.box is not None
        spaces = [p.space for p in step.box.outs]
        if not all(map(is_finite, spaces)):
            raise refuse(
                "not-yet", f"`{step.place}` has infinitely many moves: the symbolic reading tries each", span=step.box.at,
                help="give the move a finite type, such as a range with a step",
            )  # fmt: skip
        every = list(product(*(tuple(points(s)) for s in spaces)))
        if len(every) > MOVES:
            raise refuse("over-budget", f"`{step.place}` has {len(every):,} moves; the limit is {MOVES:,}", span=step.box.at,
                         help="choose a coarser type")  # fmt: skip
        return [m for m in every if all(self._allows(r, self.moved(step, env, m)) for r in step.rules)]

    def _allows(self, rule: Term, env: Env) -> bool:
        return bool(needed(self.translator.value(rule, env), self.translator.symbols))

    # ---------------------------------------------------------------- forward

    def merged(self, states: Iterable[tuple[Env, Any]]) -> dict[Any, tuple[Env, Any]]:
        """Equal states as one, their weights added."""
        found: dict[Any, tuple[Env, Any]] = {}
        for env, weight in states:
            self.visits += 1
            key = key_of(env)
            before = found.get(key)
            found[key] = (env, weight if before is None else plus(before[1], weight))
        if self.visits > STATES:
            raise refuse(
                "over-budget", f"the symbolic reading has visited {self.visits:,} states; the limit is {STATES:,}",
                help="choose smaller sizes, or give every param a value and ask `by exact`",
            )  # fmt: skip
        return found

    def run(self, env: Env) -> tuple[Any, list[tuple[Env, Any]]]:
        """All plays: what they are paid on average, and the states at the end with their chances."""
        states = [(self.kept(0, env), ONE)]
        total: Any = ZERO
        for pc in range(len(self.found.steps) + 1):
            if pc in self.pays:
                for here, weight in states:
                    total = plus(total, times(weight, self.paid_at(pc, here)))
            if pc < len(self.found.steps) and not (pc in self.dead and self.live[pc] == self.live[pc + 1]):
                following = ((e, times(w, c)) for here, w in states for e, c in self.after(pc, here))
                states = list(self.merged(following).values())
        return total, states


def key_of(env: Mapping[str, Any]) -> Any:
    return tuple(sorted(env.items(), key=lambda item: item[0]))


def settled(value: Any) -> Any:
    """A value in the one form that equal values share."""
    if isinstance(value, tuple):
        return tuple(map(settled, value))
    if isinstance(value, sympy.Expr) and not value.is_Atom:
        return number(canonical(value))
    return number(value)


def plus(a: Any, b: Any) -> Any:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a + b
    return settled(expr(a) + expr(b))


def times(*factors: Any) -> Any:
    total: Any = ONE
    for each in factors:
        if isinstance(total, Fraction) and isinstance(each, Fraction):
            total = total * each
        elif (isinstance(each, Fraction) and each == 0) or (isinstance(total, Fraction) and total == 0):
            return ZERO
        else:
            total = settled(expr(total) * expr(each))
    return total


__all__ = ["Machine", "key_of", "plus", "settled", "times"]
