"""The smallest change of params that turns a claim over: with the params left open, the claim's negation (or the
claim) is made to hold.

Where only values to be found are left, z3 minimises: first how many params change, then the sum of their
changes, each divided by the old value (by a unit where that is 0). A claim for all values of infinitely many is
made to hold against a growing list of values that broke a candidate: what is found is least among all that
withstand the list, so if it withstands everything, it is least.

Source: Bjorner, Phan, Fleckenstein, nuZ (2015), for minimising; Solar-Lezama, Program sketching (2008), for the
list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import z3

from opengames.cases import Iters, Undecided, count
from opengames.diagram import Diagram
from opengames.program import ParamDecl, Program
from opengames.proved import values as v
from opengames.proved.decide import Case, Finding, Prover
from opengames.proved.knowledge import Facts
from opengames.proved.play_claims import PlayCase
from opengames.proved.shape import normal, prefix
from opengames.proved.solve import Clock
from opengames.proved.translate import NeedsQuantifiers, Scope, Translator
from opengames.spaces import Grid, Reals, Space, is_finite
from opengames.terms import Fold, Prim, Term, free

ROUNDS = 24
"""Candidates that are tried against what breaks them."""
EXPANDED = 600
SLACK = Fraction(1, 100)
"""How far beyond a least change that is not reached, the change may lie: of the old value."""


@dataclass(frozen=True)
class Nearest:
    """values: of the params that change. edge: where there is one param and its verdict turns at this value without
    having turned there yet: any change beyond does it.
    """

    values: Mapping[str, Fraction]
    edge: Fraction | None = None


@dataclass
class _Open(Prover):
    """Claims in which some params have any values of their spaces. opened: those of the last translator."""

    spaces: dict[str, Space] = field(default_factory=dict)
    opened: dict[str, Any] = field(default_factory=dict)

    def translator(self) -> Translator:
        made = super().translator()
        self.opened = {name: made.open(name, space) for name, space in self.spaces.items()}
        made.params = {**self.params, **self.opened}
        return made


def nearest(
    program: Program,
    term: Term,
    params: Mapping[str, Any],
    changing: Mapping[str, ParamDecl],
    holds: bool,
    diagram: Diagram | None,
    seconds: float,
) -> Nearest | None:
    """The least change of the params `changing` by which a claim that `holds` (or fails) comes to fail (or hold);
    `None` if no values in their types do it. Raises `Undecided` where that is not found.
    """
    spaces = {name: decl.space for name, decl in changing.items()}
    if not all(isinstance(s, Reals | Grid) for s in spaces.values()):
        raise Undecided("a label or a truth value is no more or less: it is tried value by value")
    prover = _Open(program.funs, params, Clock.start(seconds), None, spaces)
    goal = normal(term, program.funs, holds)
    try:
        if free(term):
            if diagram is None or not holds:
                raise Undecided("a change after which every play obeys is found by trying")
            return _of_play(prover, term, diagram)
        return _of_formula(prover, program, goal)
    except NeedsQuantifiers as needed:
        raise Undecided(str(needed)) from None
    except z3.Z3Exception as fault:
        raise Undecided(f"z3 gave up: {fault}") from None


def _of_play(prover: _Open, term: Term, diagram: Diagram) -> Nearest | None:
    """By some play that breaks the claim."""
    case = PlayCase(prover, normal(term, prover.funs), diagram=diagram)
    started = case.start(False)
    if started is None:
        return None
    tr, scope = started
    return _least(prover, tr, [v.negation(tr.truth(case.body, scope, -1))])


def _of_formula(prover: _Open, program: Program, goal: Term) -> Nearest | None:
    found: Iters = ()
    while isinstance(goal, Fold) and goal.op == "or" and not all(is_finite(s) for _, s in goal.iters):
        found += goal.iters
        goal = goal.body if goal.where is None else Prim("and", (goal.where, goal.body))
    every, body = prefix(goal)
    if all(is_finite(s) for _, s in every) and count(every) <= EXPANDED:
        every, body = (), goal
    if not every:
        case = Case(prover, body, 0, found, found)
        started = case.start(False)
        if started is None:
            return None
        tr, scope = started
        return _least(prover, tr, [tr.truth(body, scope, -1)])
    if found:
        raise Undecided("its quantifiers alternate")
    return _against(prover, program, goal, every, body)


def _against(prover: _Open, program: Program, goal: Term, every: Iters, body: Term) -> Nearest | None:
    """By making the claim hold against a list of values, which grows by what breaks the candidates."""
    against: list[dict[str, Any]] = []
    types = dict(every)

    def withstands(values: Mapping[str, Fraction]) -> bool:
        """Whether the claim holds with a candidate; what breaks it joins the list."""
        finding: Finding = Prover(program.funs, {**prover.params, **values}, prover.clock).decide(goal)
        if finding.verdict == "unknown":
            raise Undecided("; ".join(finding.reasons))
        if finding.verdict == "refuted":
            against.append({n: value for (n, _), (_, value, _) in zip(every, finding.witness, strict=False)})
        return finding.verdict == "proved"

    withstands({})
    for _ in range(ROUNDS):
        tr = prover.translator()
        wanted = [tr.truth(body, Scope(known, types), -1) for known in against]
        found = _least(prover, tr, wanted)
        if found is None or withstands(found.values):
            return found
    raise Undecided(f"{ROUNDS} candidates were each broken by another value")


def _least(prover: _Open, tr: Translator, wanted: list[Any]) -> Nearest | None:
    """The least change with which all that is wanted holds, and everything has a value."""
    whole = v.conj(wanted)
    if whole is False:
        return None
    has_value = Facts([v.truth(v.negation(d.broken())) for d in tr.obligations])
    constraints = [v.truth(c) for c in tr.complete(whole, has_value)]
    olds = {name: Fraction(prover.params[name]) for name in prover.opened}
    exprs = {name: v.expr(value) for name, value in prover.opened.items()}
    apart = {n: z3.Real(f"apart!{n}") for n in exprs}
    scale = {n: v.number(scale_of(olds[n], prover.spaces[n])) for n in exprs}
    for n, x in exprs.items():
        constraints += [apart[n] * scale[n] >= x - v.number(olds[n]), apart[n] * scale[n] >= v.number(olds[n]) - x]
    changed = z3.Sum([z3.If(x == v.number(olds[n]), z3.RealVal(0), z3.RealVal(1)) for n, x in exprs.items()])
    least = z3.Optimize()
    least.set("timeout", max(1, int(1000 * prover.clock.left)))
    least.add(*constraints)
    fewest = least.minimize(changed)
    nearby = least.minimize(z3.Sum(list(apart.values())))
    reply = least.check()
    if reply == z3.unsat:
        return None
    if reply != z3.sat:
        raise Undecided(f"z3 could not minimise ({least.reason_unknown()})")
    _, number, _ = _bound(least, fewest)
    infinite, distance, beyond = _bound(least, nearby)
    if infinite:
        raise Undecided("z3 found no least change")
    model = least.model()
    if not beyond:
        return Nearest(_read(model, prover, tr, olds))
    # the least is not reached: take something within the slack, as round as that allows
    solver = z3.Solver()
    solver.set("timeout", max(1, int(1000 * prover.clock.left)))
    room = max(SLACK, distance * SLACK)
    solver.add(*constraints, changed == v.number(number), z3.Sum(list(apart.values())) <= v.number(distance + room))
    if solver.check() != z3.sat:
        raise Undecided("z3 found no change near the least one")
    values = _read(solver.model(), prover, tr, olds)
    if len(values) != 1:
        return Nearest(values)
    ((name, value),) = values.items()
    edge = olds[name] + (1 if value > olds[name] else -1) * distance * scale_of(olds[name], prover.spaces[name])
    return Nearest({name: _rounder(solver, exprs[name], edge, value)}, edge)


def _rounder(solver: Any, x: Any, edge: Fraction, value: Fraction) -> Fraction:
    """The number of the fewest digits beyond the edge, no farther than `value`, where what is wanted holds; else
    `value`."""
    for digits in range(-12, 13):
        step = Fraction(10) ** -digits
        each = step * (edge // step + 1) if value > edge else -step * (-edge // step + 1)
        if not min(edge, value) <= each <= max(edge, value):
            continue
        solver.push()
        solver.add(x == v.number(each))
        fits = solver.check() == z3.sat
        solver.pop()
        if fits:
            return each
    return value


def _bound(least: Any, handle: Any) -> tuple[bool, Fraction, bool]:
    """Whether an optimum is infinite, its value, and whether it is only come near to."""
    infinite, value, beyond = least.lower_values(handle)
    number = z3.simplify(value)
    finite = z3.is_rational_value(number) or z3.is_int_value(number)
    if not finite:
        return True, Fraction(0), False
    at = Fraction(str(number.as_fraction())) if z3.is_rational_value(number) else Fraction(number.as_long())
    return str(infinite) != "0", at, str(z3.simplify(beyond)) not in ("0", "0.0")


def _read(model: Any, prover: _Open, tr: Translator, olds: Mapping[str, Fraction]) -> dict[str, Fraction]:
    found = {name: Fraction(v.read(model, value, tr.labels)) for name, value in prover.opened.items()}
    return {name: value for name, value in found.items() if value != olds[name]}


def scale_of(old: Fraction, space: Space) -> Fraction:
    """What a change is measured by: the old value, or a unit if that is 0."""
    shown = space.shown if isinstance(space, Reals | Grid) else None
    return abs(old) or (Fraction(shown.scale) if shown else Fraction(1))


__all__ = ["Nearest", "nearest", "scale_of"]
