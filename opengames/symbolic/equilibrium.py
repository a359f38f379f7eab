"""When a strategy is an equilibrium, as inequalities in what is left free.

A seat deviates at one information set first, and does there what it likes and thereafter what suits it; before, it follows
the strategy. The strategy is an equilibrium exactly if no such plan gains, whichever the information set that the strategy
reaches. Plans whose continuations are never better than others' are not listed.

Weights are those of chance and of the other seats, unnormalised, so that no formula divides by a chance that may be 0.

Source: Osborne and Rubinstein, A Course in Game Theory (1994), sections 6.2 and 11.3 (perfect recall, one-deviation property).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

import sympy

from opengames.diagnostics import refuse
from opengames.program import Strategy
from opengames.show import show
from opengames.spaces import Space
from opengames.symbolic.answers import opened
from opengames.symbolic.cases import Known, leaves
from opengames.symbolic.feasible import explored
from opengames.symbolic.formulas import Scene, free_symbols, said
from opengames.symbolic.inequalities import System, at_most_zero, follows, system
from opengames.symbolic.machine import Machine, key_of, plus, settled, times
from opengames.symbolic.names import escaped
from opengames.symbolic.printing import latex
from opengames.symbolic.tidy import tidy
from opengames.symbolic.unrolled import Seat, Step
from opengames.symbolic.values import bounds, expr, holds, number

PLANS = 3_000
"""Plans of one seat that may be compared."""

_ON_A_LINE = 2
ZERO, ONE = Fraction(0), Fraction(1)
Env = dict[str, Any]
Nodes = list[tuple[Env, Any]]


@dataclass(frozen=True)
class Deviation:
    """What a seat gains by another move, following its best plan after it. gain: times the chance of getting there.

    place: the wire decided. index: of the loops around it. seen: (wire, value) pairs. move: what it does instead.
    """

    seat: Seat
    place: str
    index: tuple[Any, ...]
    seen: tuple[tuple[str, Any], ...]
    move: tuple[Any, ...]
    spaces: tuple[Space, ...]
    gain: Any

    def __str__(self) -> str:
        return f"{self.words()}: {said(self.gain)}"

    def words(self) -> str:
        """Who does what instead, and when."""
        name, index = self.seat
        who = f"{name}[{', '.join(map(show, index))}]" if index else name
        what = ", ".join(show(m, s) for m, s in zip(self.move, self.spaces, strict=True))
        at = f"[{', '.join(map(show, self.index))}]" if self.index else ""
        seen = ", ".join(f"{n} = {show(v) if _plain(v) else said(v)}" for n, v in self.seen)
        return f"{who} at {self.place}{at}" + (f" seeing {seen}" if seen else "") + f" does {what}"


@dataclass(frozen=True)
class Conditions:
    """When a strategy is an equilibrium. cases: (what holds, the system there); in between nothing is said.

    where: what the spaces say of the symbols. deviations: every plan that was compared, with its gain.
    """

    strategy: str
    cases: tuple[tuple[tuple[Any, ...], System], ...]
    where: tuple[Any, ...]
    deviations: tuple[Deviation, ...]

    @property
    def expr(self) -> Any:
        """The condition as one sympy expression."""
        return sympy.Or(*(sympy.And(*way, *s.conditions) for way, s in self.cases))

    @property
    def assuming(self) -> tuple[Any, ...]:
        """What was taken for granted: chances and factors that are not 0."""
        return tuple(dict.fromkeys(a for _, s in self.cases for a in s.assuming))

    @property
    def always(self) -> bool:
        return all(not s.conditions for _, s in self.cases)

    @property
    def never(self) -> bool:
        return all(s.never for _, s in self.cases)

    def lines(self) -> list[str]:
        """The conditions, one a line."""
        found: list[str] = []
        for way, each in self.cases:
            if way:
                found.append(f"where {' and '.join(said(w) for w in way)}:")
            pad = "  " if way else ""
            if each.never:
                found.append(f"{pad}never")
            elif not each.conditions:
                found.append(f"{pad}always")
            found += [f"{pad}{said(c)}" for c in each.conditions if not each.never]
        if self.assuming:
            found.append(f"assuming {' and '.join(said(a) for a in self.assuming)}")
        return found

    def __str__(self) -> str:
        head = f"`{self.strategy}` is an equilibrium if and only if"
        system = self.cases[0][1]
        if len(self.cases) == 1 and len(system.conditions) <= _ON_A_LINE:
            if self.always or self.never:
                return f"`{self.strategy}` is {'always' if self.always else 'never'} an equilibrium"
            assuming = f", assuming {' and '.join(map(said, system.assuming))}" if system.assuming else ""
            return f"{head} {' and '.join(map(said, system.conditions))}{assuming}"
        return "\n".join([head, *(f"   {line}" for line in self.lines())])

    __repr__ = __str__

    def latex(self) -> str:
        """The conditions as LaTeX (amsmath), without dollars."""
        head = rf"\text{{{escaped(self.strategy)} is an equilibrium}} \iff "
        if len(self.cases) == 1 and len(self.cases[0][1].conditions) == 1:
            return head + latex(self.cases[0][1].conditions[0])
        if self.expr is sympy.true or self.expr is sympy.false:
            return head + latex(self.expr is sympy.true)
        return head + latex(self.expr)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def at(self, **values: Any) -> bool:
        """Whether it is an equilibrium at these values of the symbols. Where an assumption fails, nothing is said: `ValueError`."""
        from opengames.symbolic.formulas import at

        for each in self.assuming:
            if at(each, values) is not True:
                raise ValueError(f"the condition was derived assuming {said(each)}")
        return bool(at(self.expr, values))

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": "conditions", "strategy": self.strategy, "conditions": self.lines(), "latex": self.latex(),
            "where": [said(w) for w in self.where], "assuming": [said(a) for a in self.assuming],
            "deviations": [{"does": d.words(), "gain": said(d.gain)} for d in self.deviations],
        }  # fmt: skip


def conditions(scene: Scene, strategy: str) -> Conditions:
    """When the strategy is a Nash equilibrium. Raises `Refusal`.

    `over-budget` for too many plans; `not-yet` for infinitely many moves, and for a seat that forgets what it did or saw.
    """
    program = scene.program
    plan = program.strategies[strategy]

    def compute(known: Known) -> tuple[Deviation, ...]:
        return tuple(_deviations(scene, plan, known))

    cases, symbols, every = [], set(), {}
    for way, found in leaves(explored(scene.symbols, compute, 200)):
        stated = tuple(holds(question, answers) for question, answers in way)
        gains = [expr(d.gain) for d in found]
        symbols |= set().union(*map(free_symbols, (*gains, *stated))) if gains or stated else set()
        given = [b for s in sorted(symbols, key=str) if s in scene.symbols.spaces for b in bounds(s, scene.symbols.spaces[s])]
        cases.append((stated, system(gains, [*given, *stated])))
        every.update(dict.fromkeys(found))
    if len({each for _, each in cases}) == 1:
        cases = [((), cases[0][1])]
    where = tuple(b for s in sorted(symbols, key=str) if s in scene.symbols.spaces for b in bounds(s, scene.symbols.spaces[s]))
    return Conditions(strategy, tuple(cases), where, tuple(every))


def _deviations(scene: Scene, strategy: Strategy, known: Known) -> Iterable[Deviation]:
    diagram = scene.program.diagrams[strategy.game]
    found, _, env = opened(scene, diagram, {}, known, strategy)
    translator = scene.translator(known)
    for seat in found.seats:
        machine = Machine(found, translator, paid=tuple(found.owed.get(seat, ())), own=seat)
        yield from _Decider(machine, seat, scene).run(env)


@dataclass(frozen=True)
class _Set:
    """An information set: the nodes that the seat cannot tell apart, with their weights."""

    pc: int
    seen: tuple[Any, ...]
    nodes: tuple[tuple[Env, Any], ...]


class _Decider:
    """One seat, the others following the strategy."""

    def __init__(self, machine: Machine, seat: Seat, scene: Scene) -> None:
        self.machine, self.seat, self.scene = machine, seat, scene
        self.plans = 0
        self._follow: dict[Any, Any] = {}
        self._best: dict[Any, list[Any]] = {}
        self._met: dict[Any, Any] = {}

    def run(self, env: Env) -> Iterable[Deviation]:
        _, sets = self.advance(0, [(self.machine.kept(0, env), ONE)])
        for each in sets:
            yield from self.first_here(each)

    def advance(self, pc: int, nodes: Nodes) -> tuple[Any, list[_Set]]:
        """What is earned on average until the seat decides, and the information sets in which it then is."""
        steps = self.machine.found.steps
        gain: Any = ZERO
        sets: list[_Set] = []
        for here in range(pc, len(steps) + 1):
            if here in self.machine.pays and (here > pc or pc == 0):
                for env, weight in nodes:
                    gain = plus(gain, times(weight, self.machine.paid_at(here, env)))
            if here == len(steps) or not nodes:
                break
            step = steps[here]
            if step.kind == "choose" and step.seat == self.seat:
                nodes, stopped = self.stop(here, step, nodes)
                sets += stopped
            following = ((e, times(w, c)) for env, w in nodes for e, c in self.machine.after(here, env))
            nodes = list(self.machine.merged(following).values())
        return gain, sets

    def stop(self, pc: int, step: Step, nodes: Nodes) -> tuple[Nodes, list[_Set]]:
        going: Nodes = []
        groups: dict[tuple[Any, ...], Nodes] = {}
        for env, weight in nodes:
            if self.machine.is_reached(step, env):
                groups.setdefault(tuple(env.get(slot) for _, slot in step.seen), []).append((env, weight))
            else:
                going.append((env, weight))
        found = [_Set(pc, seen, tuple(group)) for seen, group in groups.items()]
        for each in found:
            self.remember(each, step)
        return going, found

    def remember(self, each: _Set, step: Step) -> None:
        """Refuse a seat that cannot tell histories apart that differ in what it did or saw."""
        first = each.nodes[0][1]
        shares = frozenset((key_of(env), settled(expr(w) / expr(first)) if len(each.nodes) > 1 else ONE)
                           for env, w in each.nodes)  # fmt: skip
        before = self._met.setdefault((each.pc, each.seen), shares)
        if before != shares:
            raise refuse(
                "not-yet", f"{self.seat[0]} forgets at `{step.place}` what it did or saw: its plans are not independent",
                span=step.box.at if step.box else None, help="ask `by exact`, which tries all its pure strategies",
            )  # fmt: skip

    # ------------------------------------------------------------- what follows

    def after(self, here: _Set, move: tuple[Any, ...]) -> tuple[Any, list[_Set]]:
        """What is earned after a move until the seat decides again, and where it then is."""
        step = self.machine.found.steps[here.pc]
        moved = [(self.machine.kept(here.pc + 1, self.machine.moved(step, env, move)), w) for env, w in here.nodes]
        nodes = list(self.machine.merged(moved).values())
        gain: Any = ZERO
        for env, weight in nodes:
            gain = plus(gain, times(weight, self.machine.paid_at(here.pc + 1, env)))
        more, sets = self.advance(here.pc + 1, nodes)
        return plus(gain, more), sets

    def planned(self, here: _Set) -> list[tuple[tuple[Any, ...], Any]]:
        return self.machine.planned(self.machine.found.steps[here.pc], here.nodes[0][0])

    def legal(self, here: _Set) -> list[tuple[Any, ...]]:
        return self.machine.legal(self.machine.found.steps[here.pc], here.nodes[0][0])

    def followed(self, here: _Set) -> Any:
        """What the strategy earns from an information set on."""
        key, weight, unit = _unit(here)
        if key is None or key not in self._follow:
            total: Any = ZERO
            for move, chance in self.planned(unit):
                total = plus(total, times(chance, self.follow_after(unit, move)))
            if key is None:
                return total
            self._follow[key] = total
        return times(weight, self._follow[key])

    def follow_after(self, here: _Set, move: tuple[Any, ...]) -> Any:
        gain, sets = self.after(here, move)
        for each in sets:
            gain = plus(gain, self.followed(each))
        return gain

    def best(self, here: _Set) -> list[Any]:
        """What the plans from an information set on earn, those left out that are never better than another."""
        key, weight, unit = _unit(here)
        if key is None or key not in self._best:
            found: list[Any] = []
            for move in self.legal(unit):
                found += self.best_after(unit, move)
            found = self.undominated(found)
            if key is None:
                return found
            self._best[key] = found
        return [times(weight, f) for f in self._best[key]]

    def best_after(self, here: _Set, move: tuple[Any, ...]) -> list[Any]:
        gain, sets = self.after(here, move)
        total = [gain]
        for each in sets:
            total = self.undominated([plus(a, b) for a, b in product(total, self.best(each))])
        return total

    def undominated(self, found: list[Any]) -> list[Any]:
        """Without repetitions and without what another is sure to reach."""
        self.plans += len(found)
        if self.plans > PLANS:
            raise refuse(
                "over-budget", f"{self.seat[0]} has more than {PLANS:,} plans to compare",
                help="leave fewer params free, or ask `by exact` with every param given a value",
            )  # fmt: skip
        kept: list[Any] = []
        for each in dict.fromkeys(found):
            if any(self.is_least(each, other) for other in kept):
                continue
            kept = [other for other in kept if not self.is_least(other, each)]
            kept.append(each)
        return kept

    def is_least(self, a: Any, b: Any) -> bool:
        """Whether `a <= b` is known."""
        if isinstance(a, Fraction) and isinstance(b, Fraction):
            return a <= b
        gap = expr(settled(expr(a) - expr(b)))
        given = [w for s in sorted(gap.free_symbols, key=str) if s in self.scene.symbols.spaces
                 for w in bounds(s, self.scene.symbols.spaces[s])]  # fmt: skip
        return follows(at_most_zero(gap, given, {}), given)

    # --------------------------------------------------------------- deviations

    def first_here(self, here: _Set) -> Iterable[Deviation]:
        """The plans that deviate here or later, where the strategy leads."""
        step = self.machine.found.steps[here.pc]
        planned = {m: c for m, c in self.planned(here) if not (isinstance(c, Fraction) and c == 0)}
        own = self.followed(here)
        for move in self.legal(here):
            if move in planned:
                if len(planned) > 1:
                    yield self.deviation(here, step, move, plus(self.follow_after(here, move), times(-ONE, own)))
                for each in self.after(here, move)[1]:
                    yield from self.first_here(each)
            else:
                for worth in self.best_after(here, move):
                    yield self.deviation(here, step, move, plus(worth, times(-ONE, own)))

    def deviation(self, here: _Set, step: Step, move: tuple[Any, ...], gain: Any) -> Deviation:
        assert step.box is not None
        seen = tuple((name, value) for (name, _), value in zip(step.seen, here.seen, strict=True))
        outs = tuple(p.space for p in step.box.outs)
        return Deviation(self.seat, step.place, step.index, seen, move, outs, number(tidy(expr(gain))))


def _unit(here: _Set) -> tuple[Any, Any, _Set]:
    """A set of one node with weight 1, what knows it by, and the weight; any other set as it is."""
    if len(here.nodes) != 1:
        return None, ONE, here
    env, weight = here.nodes[0]
    return (here.pc, key_of(env)), weight, _Set(here.pc, here.seen, ((env, ONE),))


def _plain(value: Any) -> bool:
    return all(map(_plain, value)) if isinstance(value, tuple) else isinstance(value, bool | str | Fraction)


__all__ = ["Conditions", "Deviation", "conditions"]
