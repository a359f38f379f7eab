"""Merged histories: a distribution over the slots that are still needed, pushed through the steps.

A slot is dropped as soon as nothing later reads it, and equal states are merged, so a loop costs its horizon times
the states that differ in what the future needs. Every step remembers its results by what it reads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from opengames.diagnostics import refuse
from opengames.exact.mass import Key, Mass, Outcomes, Values
from opengames.exact.order import order
from opengames.exact.scope import Plan
from opengames.exact.steps import (
    Calc,
    Fault,
    Faulty,
    Gain,
    Keep,
    Reads,
    Region,
    Repeat,
    Sample,
    Step,
    Switch,
    captured,
    is_fixed,
    reads,
    writes,
)  # fmt: skip
from opengames.spans import Span

Layout = tuple[str, ...]
Op = Callable[["Run", Mass], Mass]


@dataclass
class Run:
    """What changes while steps run. work: states visited so far, over all steps."""

    budget: int
    values: Values = field(default_factory=Values)
    fixed: dict[str, Any] = field(default_factory=dict)
    weight: dict[int, Any] = field(default_factory=dict)
    component: dict[int, int] = field(default_factory=dict)
    work: int = 0
    peak: int = 0

    def visit(self, mass: Mass, at: Span | None) -> None:
        """Count the states; refuse when there have been too many."""
        self.add(len(mass.states), at)

    def add(self, n: int, at: Span | None) -> None:
        """Count `n` states that are there at once."""
        self.work += n
        self.peak = max(self.peak, n)
        if self.work > self.budget:
            raise refuse(
                "over-budget",
                f"the exact reading has visited {self.work} states, {self.peak} at once; the limit is {self.budget}",
                span=at,
                help="ask `by simulate`, use a smaller size, or allow more: `by exact[nodes = ...]`",
            )


def run(plan: Plan, region: Region, wanted: tuple[str, ...], components: int, exact: bool, budget: int) -> tuple[Mass, Run]:
    """The measure on the `wanted` slots after all steps, in that order, with `components` expectations."""
    machine = Run(budget, component=plan.component)
    machine.weight = dict.fromkeys(plan.component, 1)
    slots = tuple(dict.fromkeys(wanted))
    op, layout = compile_region(plan, region, (), frozenset(slots))
    mass = op(machine, Mass.unit(components, exact))
    return mass.move(picker(layout, wanted)), machine


def compile_region(plan: Plan, region: Region, layout: Layout, wanted: frozenset[str]) -> tuple[Op, Layout]:
    """The region as one operation on measures, and the layout of the states it leaves."""
    steps = order(region.steps, wanted, plan.spaces, plan.last)
    alive: list[frozenset[str]] = [wanted]
    for step in reversed(steps):
        alive.append((alive[-1] - set(writes(step))) | reads(step))
    alive.reverse()
    ops: list[Op] = []
    for i, step in enumerate(steps):
        op, layout = compile_step(plan, step, layout, alive[i + 1])
        ops.append(op)

    def through(machine: Run, mass: Mass) -> Mass:
        for new, old, code, names in region.scaled:
            machine.weight[new] = machine.weight[old] * code({n: machine.fixed[s] for n, s in names})
        for op in ops:
            mass = op(machine, mass)
        return mass

    return through, layout


def compile_step(plan: Plan, step: Step, layout: Layout, alive: frozenset[str]) -> tuple[Op, Layout]:
    """One step as an operation; afterwards states hold what is in `alive`."""
    match step:
        case Calc():
            return _calc(step, layout, alive)
        case Sample():
            return _sample(step, layout, alive)
        case Gain():
            return _gain(step, layout, alive)
        case Keep():
            return _keep(step, layout, alive)
        case Repeat():
            return _repeat(plan, step, layout, alive)
        case Switch():
            return _switch(plan, step, layout, alive)
    raise TypeError(f"not a step: {step!r}")


def picker(layout: Layout, wanted: tuple[str, ...]) -> Callable[[Key], Key]:
    """The function that takes `wanted` slots out of a state, in order."""
    places = [layout.index(s) for s in wanted]
    if not places:
        return lambda key: ()
    if len(places) == 1:
        (only,) = places
        return lambda key: (key[only],)
    return itemgetter(*places)


class _Reader:
    """A step's code on states, remembered by the numbers of the values that it reads."""

    def __init__(self, code: Callable[[dict[str, Any]], Any], names: Reads, layout: Layout) -> None:
        self.code = code
        self.own = tuple((n, s) for n, s in names if not is_fixed(s))
        self.fixed = tuple((n, s) for n, s in names if is_fixed(s))
        self.pick = picker(layout, tuple(s for _, s in self.own))
        self.memo: dict[Key, Any] = {}

    def on(self, machine: Run, finish: Callable[[Any], Any]) -> Callable[[Key], Any]:
        """The function from states to `finish` of the code's value."""
        values, pick, memo, code = machine.values, self.pick, self.memo, self.code
        known = {n: machine.fixed[s] for n, s in self.fixed}
        start = tuple(values.number(v) for v in known.values())
        names = tuple(n for n, _ in self.own)

        def value(key: Key) -> Any:
            mine = start + pick(key)
            found = memo.get(mine)
            if found is None:
                env = dict(known)
                for n, number in zip(names, pick(key), strict=True):
                    env[n] = values.values[number]
                faults = {n: v for n, v in env.items() if isinstance(v, Fault)}
                if faults:
                    env = Faulty({n: v for n, v in env.items() if n not in faults}, faults)
                found = memo[mine] = (finish(code(env)),)
            return found[0]

        return value


def _after(layout: Layout, alive: frozenset[str]) -> Layout:
    return tuple(s for s in layout if s in alive)


def _calc(step: Calc, layout: Layout, alive: frozenset[str]) -> tuple[Op, Layout]:
    reader, snap = _Reader(step.code, step.reads, layout), step.snap
    kept = _after(layout, alive)
    keep = picker(layout, kept)

    def op(machine: Run, mass: Mass) -> Mass:
        number = machine.values.number
        value = reader.on(machine, number if snap is None else lambda v: number(snap(v)))
        machine.visit(mass, step.at)
        return mass.move(lambda key: (*keep(key), value(key)))

    return op, (*kept, step.out)


def _sample(step: Sample, layout: Layout, alive: frozenset[str]) -> tuple[Op, Layout]:
    reader, snap = _Reader(step.code, step.reads, layout), step.snap
    kept = _after(layout, alive)
    keep = picker(layout, kept)

    def op(machine: Run, mass: Mass) -> Mass:
        number = machine.values.number

        def outcomes(pairs: Any) -> Outcomes:
            return Outcomes([(number(v if snap is None else snap(v)), c) for v, c in pairs])

        kernel = reader.on(machine, outcomes)
        machine.add(sum(len(kernel(key).pairs) for key in mass.states), step.at)
        return mass.branch(kernel, lambda key, v: (*keep(key), v))

    return op, (*kept, step.out)


def _gain(step: Gain, layout: Layout, alive: frozenset[str]) -> tuple[Op, Layout]:
    reader = _Reader(step.code, step.reads, layout)
    kept = _after(layout, alive)
    keep = None if kept == layout else picker(layout, kept)

    def op(machine: Run, mass: Mass) -> Mass:
        weight = machine.weight[step.demand]
        if weight:
            machine.visit(mass, None)
            mass.gain(machine.component[step.demand] + 1, reader.on(machine, _same), weight)
        return mass if keep is None else mass.move(keep)

    return op, kept


def _keep(step: Keep, layout: Layout, alive: frozenset[str]) -> tuple[Op, Layout]:
    reader = _Reader(step.code, step.reads, layout)
    kept = _after(layout, alive)
    keep = picker(layout, kept)

    def op(machine: Run, mass: Mass) -> Mass:
        machine.visit(mass, None)
        return mass.keep(reader.on(machine, _same)).move(keep)

    return op, kept


def _same(value: Any) -> Any:
    return value


def _repeat(plan: Plan, step: Repeat, layout: Layout, alive: frozenset[str]) -> tuple[Op, Layout]:
    own = [before for before, _, _ in step.carries] + [r.out for r in step.running] + [out for out, _, _ in step.picks]
    around = captured(step)
    outer = tuple(s for s in layout if s in alive or s in around)
    start = (*outer, *own)
    ends = {n for _, _, n in step.carries} | {r.part for r in step.running} | {p for _, p, _ in step.picks}
    body, last = compile_region(plan, step.region, start, frozenset(start) - {b for b, _, _ in step.carries} | ends)
    enter = picker(layout, outer)
    firsts = picker(layout, tuple(first for _, first, _ in step.carries))
    onward = picker(last, outer)
    nexts = picker(last, tuple(n for _, _, n in step.carries))
    folds: list[tuple[int, int, Callable[[Any, Any], Any], dict[tuple[int, int], int]]]
    folds = [(last.index(r.out), last.index(r.part), r.add, {}) for r in step.running]
    picks = [(last.index(out), last.index(part), place) for out, part, place in step.picks]
    lasts = tuple(out for out, _ in step.lasts)
    results = tuple(s for s in (*outer, *(r.out for r in step.running), *(o for o, _, _ in step.picks)) if s in alive)
    leave, carried = picker(start, results), picker(start, tuple(before for _, before in step.lasts))

    def op(machine: Run, mass: Mass) -> Mass:
        values = machine.values
        number, known = values.number, values.values
        fresh = (*(number(r.start) for r in step.running), *(number(None) for _ in step.picks))
        mass = mass.move(lambda key: (*enter(key), *firsts(key), *fresh))
        for i, index in enumerate(step.indices):
            machine.fixed.update(zip(step.fixed, index, strict=True))
            for new, old, weights in step.demands:
                machine.weight[new] = machine.weight[old] * (1 if weights is None else weights.get(i, 0))
            mass = body(machine, mass)

            def turn(key: Key, i: int = i) -> Key:
                folded = []
                for out, part, add, memo in folds:
                    both = key[out], key[part]
                    new = memo.get(both)
                    if new is None:
                        new = memo[both] = number(add(known[both[0]], known[both[1]]))
                    folded.append(new)
                taken = [key[part] if place == i else key[out] for out, part, place in picks]
                return (*onward(key), *nexts(key), *folded, *taken)

            mass = mass.move(turn)
            machine.visit(mass, step.at)
        return mass.move(lambda key: (*leave(key), *carried(key)))

    return op, (*results, *lasts)


def _switch(plan: Plan, step: Switch, layout: Layout, alive: frozenset[str]) -> tuple[Op, Layout]:
    subject = layout.index(step.subject)
    kept = _after(layout, alive)
    ways: list[tuple[frozenset[Any], Op]] = []
    for values, region, outs in step.arms:
        wanted = frozenset(kept) | set(outs)
        inner, last = compile_region(plan, region, layout, wanted)
        finish = picker(last, (*kept, *outs))
        ways.append((frozenset(values), _then(inner, finish)))

    def op(machine: Run, mass: Mass) -> Mass:
        machine.visit(mass, step.at)
        known = machine.values.values
        total: Mass | None = None
        for values, way in ways:
            part = mass.keep(lambda key, values=values: known[key[subject]] in values)  # type: ignore[misc]
            if part.states:
                done = way(machine, part)
                total = done if total is None else total.join(done)
        return mass.move(lambda key: key[:0]) if total is None else total

    return op, (*kept, *step.outs)


def _then(inner: Op, finish: Callable[[Key], Key]) -> Op:
    return lambda machine, mass: inner(machine, mass).move(finish)
