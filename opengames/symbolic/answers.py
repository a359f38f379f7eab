"""Exact answers with params left free: means, chances, variances and distributions over the plays of a channel or game.

The numbers are rational functions of what is free; where an answer depends on a condition, it is told case by case.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import sympy

from opengames.diagnostics import refuse
from opengames.diagram import Decide, Diagram, walk
from opengames.symbolic.cases import Known, Split, leaves
from opengames.symbolic.expressions import Translator
from opengames.symbolic.feasible import explored, is_numeric
from opengames.symbolic.formulas import Scene, closed
from opengames.symbolic.machine import Machine, plus, times
from opengames.symbolic.tidy import tidy
from opengames.symbolic.unrolled import Steps, Unroller
from opengames.symbolic.values import condition_in, expr, holds, number
from opengames.terms import ZERO, Ask, Const, If, Prim, Term

CONDITIONS = 8
"""Conditions on numbers that an answer is told apart by; with more of them the cases stay inside the sum."""


def answer(scene: Scene, diagram: Diagram, ask: Ask, inputs: Mapping[str, Any] | None = None) -> Any:
    """The closed form of `E`, `P` or `variance`; for `distribution` the (value, chance) pairs.

    inputs: values of the diagram's inputs; those left out are symbols. Raises `Refusal`.
    """
    given = inputs or {}
    if ask.op == "distribution":
        return distribution(scene, diagram, ask, given)
    if ask.op not in ("E", "P", "variance"):
        raise refuse("not-yet", f"`{ask.op}` has no closed form: it needs its numbers in order", span=ask.at,
                     help="ask `by exact` with every param given a value")  # fmt: skip
    x, *evidence = ask.args
    wanted = Prim("ind", (x,)) if ask.op == "P" else x

    def compute(known: Known) -> Any:
        plays = Plays(scene, diagram, given, known)
        sure = _all(evidence)
        mean = plays.mean(wanted if sure is None else If(sure, wanted, ZERO))
        if ask.op == "variance":
            return plus(plays.mean(Prim("*", (wanted, wanted))), -times(mean, mean))
        if sure is None:
            return plays.split(mean, known)
        chance = plays.mean(Prim("ind", (sure,)))
        if chance == 0:
            raise refuse("impossible-evidence", "the evidence has chance 0", span=ask.at)
        return plays.split(number(sympy.cancel(expr(mean) / expr(chance))), known)

    return closed(explored(scene.symbols, compute), None)


def distribution(scene: Scene, diagram: Diagram, ask: Ask, inputs: Mapping[str, Any]) -> tuple[tuple[Any, Any], ...]:
    """The values of `x` and their chances, in the order in which they are met."""
    x, *evidence = ask.args

    def compute(known: Known) -> Any:
        plays = Plays(scene, diagram, inputs, known)
        sure = _all(evidence)
        found = plays.outcomes(x, sure)
        total: Any = Fraction(0)
        for chance in found.values():
            total = plus(total, chance)
        if total == 0:
            raise refuse("impossible-evidence", "the evidence has chance 0", span=ask.at)
        return tuple((v, number(tidy(sympy.cancel(expr(c) / expr(total))))) for v, c in found.items())

    tree = explored(scene.symbols, compute)
    every = list(leaves(tree))
    if len(every) == 1:
        return tuple(every[0][1])
    merged: dict[Any, Any] = {}
    for way, pairs in every:
        condition = sympy.And(*(holds(q, a) for q, a in way))
        for value, chance in pairs:
            merged.setdefault(value, []).append((expr(chance), condition))
    return tuple((v, tidy(sympy.Piecewise(*cases, (0, True)))) for v, cases in merged.items())


class Plays:
    """The plays of one diagram in one case."""

    def __init__(self, scene: Scene, diagram: Diagram, inputs: Mapping[str, Any], known: Known) -> None:
        for path, box in walk(diagram):
            if isinstance(box, Decide):
                place = ".".join((*path, box.outs[0].name))
                raise refuse("needs-strategy", f"nothing says what `{place}` will be", span=box.at,
                             help="name a strategy: `under NAME`")  # fmt: skip
        self.scene = scene
        self.translator: Translator = scene.translator(known)
        self.found, self.unroller, self.env = opened(scene, diagram, inputs, known)
        self.scope = self.unroller[1]

    def mean(self, term: Term) -> Any:
        """The expectation of a term over the diagram's wires."""
        grounded = self.unroller[0].ground(term, self.scope)
        total, _ = Machine(self.found, self.translator, paid=(grounded,)).run(self.env)
        return total

    def outcomes(self, term: Term, sure: Term | None) -> dict[Any, Any]:
        """The values of a term with their chances, where `sure` holds."""
        from opengames.symbolic.values import needed

        both = (term,) if sure is None else (term, sure)
        grounded = tuple(self.unroller[0].ground(t, self.scope) for t in both)
        machine = Machine(self.found, self.translator, wanted=grounded)
        found: dict[Any, Any] = {}
        for env, chance in machine.run(self.env)[1]:
            if sure is not None and not needed(machine.value(grounded[1], env), self.scene.symbols):
                continue
            value = machine.value(grounded[0], env)
            if not isinstance(value, Fraction | sympy.Expr):
                value = needed(value, self.scene.symbols)
            found[value] = plus(found[value], chance) if value in found else chance
        return found

    def split(self, value: Any, known: Known) -> Any:
        """The answer; asks for cases where conditions stand inside it, unless there are many."""
        if isinstance(value, sympy.Expr) and value.has(sympy.Piecewise):
            conditions = {condition_in(p[1], self.scene.symbols) for w in value.atoms(sympy.Piecewise) for p in w.args[:-1]}
            asked = sum(is_numeric(q) for q in known.answers)
            if len(conditions) + asked <= CONDITIONS:
                raise Split(min(conditions, key=lambda c: (c.count_ops(), str(c))), (True, False))
        return value


def opened(
    scene: Scene, diagram: Diagram, inputs: Mapping[str, Any], known: Known, strategy: Any = None
) -> tuple[Steps, tuple[Unroller, Any], dict[str, Any]]:
    """The steps of a diagram, and the state in which its plays begin."""
    values = {n: p.value for n, p in scene.program.params.items() if p.value is not None and n not in scene.free}
    unroller = Unroller(scene.program.funs, values, strategy)
    ports: dict[str, Any] = {}
    env: dict[str, Any] = {}
    for port in diagram.inputs:
        if port.name in inputs and _is_plain(inputs[port.name]):
            ports[port.name] = Const(inputs[port.name])
        elif port.name in inputs:
            ports[port.name] = f"{port.name}'0"
            env[f"{port.name}'0"] = inputs[port.name]
        else:
            ports[port.name] = f"{port.name}'0"
            env[f"{port.name}'0"] = scene.stand_in("input", port.name, port.space, known)
    found, scope = unroller.run(diagram, ports)
    return found, (unroller, scope), env


def _is_plain(value: Any) -> bool:
    return all(map(_is_plain, value)) if isinstance(value, tuple) else isinstance(value, bool | str | Fraction)


def _all(evidence: list[Term]) -> Term | None:
    if not evidence:
        return None
    whole = evidence[0]
    for each in evidence[1:]:
        whole = Prim("and", (whole, each))
    return whole


__all__ = ["CONDITIONS", "Plays", "answer", "distribution", "opened"]
