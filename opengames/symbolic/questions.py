"""A question's term in closed form: what it asks is answered, what it quantifies over becomes a symbol.

A claim holds for all values of the params that are left free, and of the variables that it quantifies over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy

from opengames.compose import beside, then
from opengames.diagnostics import refuse
from opengames.diagram import Compute, Diagram, Port
from opengames.plain import replace
from opengames.plug import plug
from opengames.program import Question
from opengames.spaces import BOOL, Space, is_finite
from opengames.symbolic import equilibrium
from opengames.symbolic.answers import Plays, answer
from opengames.symbolic.cases import Known
from opengames.symbolic.feasible import explored
from opengames.symbolic.formulas import Scene, closed
from opengames.symbolic.machine import plus
from opengames.symbolic.values import Unknown, expr, needed
from opengames.terms import (
    Ask,
    Compose,
    Const,
    Fold,
    Pack,
    Param,
    Ref,
    Term,
    Var,
    children,
    free,
    rebuild,
    substitute,
)

UNFOLDED = 2_000
"""Cases of a quantifier with a question about plays inside."""


@dataclass(frozen=True)
class Bound:
    """A variable that a claim quantifies over."""

    variable: str
    space: Space


def quantified(term: Term) -> tuple[str | None, tuple[Bound, ...], Term]:
    """The outer quantifiers of one kind, `and` or `or`, and what stands below them; those with `where` stay below."""
    op, found = None, []
    while isinstance(term, Fold) and term.op in ("and", "or") and term.where is None and op in (None, term.op):
        op = term.op
        found += [Bound(n, s) for n, s in term.iters]
        term = term.body
    return op, tuple(found), term


def value(scene: Scene, question: Question, term: Term | None = None, known: Known | None = None) -> Any:
    """The closed form of a question's term: a number, a condition, `Conditions` or a distribution. Raises `Refusal`."""
    asked = question.term if term is None else term
    if isinstance(asked, Ask) and asked.op == "equilibrium":
        return equilibrium.conditions(scene, _name(asked))
    diagram = diagram_of(scene, question)
    if isinstance(asked, Ask) and asked.op == "distribution":
        return answer(scene, _asked_of(diagram, asked), asked)

    def compute(case: Known) -> Any:
        return in_case(scene, diagram, asked, case, {})

    return closed(explored(scene.symbols, compute), question.space if term is None else BOOL)


def in_case(scene: Scene, diagram: Diagram | None, term: Term, known: Known, env: Mapping[str, Any]) -> Any:
    """The value of a term in one case, its questions answered."""
    found: dict[str, Any] = dict(env)
    if free(term) - set(found) and not any(isinstance(t, Ask) for t in _parts(term)):
        whole = _asked_of(diagram, Ask("P", (term,)))
        return _on(Plays(scene, whole, {}, known).mean(_indicator(term)))
    closed_term = _answered(scene, diagram, term, known, found)
    value = scene.translator(known).value(closed_term, found)
    return needed(value, scene.symbols) if isinstance(value, Unknown) else value


def _indicator(term: Term) -> Term:
    from opengames.terms import Prim

    return Prim("ind", (term,))


def _on(chance: Any) -> Any:
    """Whether something happens in every play, given its chance."""
    if isinstance(chance, Fraction):
        return chance == 1
    return sympy.Eq(chance, 1)


def _answered(scene: Scene, diagram: Diagram | None, term: Term, known: Known, env: dict[str, Any]) -> Term:
    """The term with every question in it replaced by a variable, whose value is put into `env`."""
    if isinstance(term, Ask):
        name = f"answer#{len(env)}"
        env[name] = _ask(scene, diagram, term, known, env)
        return Var(name)
    if isinstance(term, Fold) and any(isinstance(t, Ask) for t in _parts(term)):
        return _unfolded(scene, diagram, term, known, env)
    if not any(isinstance(t, Ask) for t in _parts(term)):
        return term
    done: Term = rebuild(term, lambda part: _answered(scene, diagram, part, known, env))
    return done


def _unfolded(scene: Scene, diagram: Diagram | None, term: Fold, known: Known, env: dict[str, Any]) -> Term:
    from opengames.cases import assignments, count
    from opengames.terms import If, Prim

    if not all(is_finite(s) for _, s in term.iters) or count(term.iters) > UNFOLDED:
        raise refuse("not-yet", "it quantifies over too much with a question about plays inside",
                     help="put the quantifier outermost, or ask `by exact`")  # fmt: skip
    neutral = {"and": Const(True), "or": Const(False), "sum": Const(Fraction(0)), "product": Const(Fraction(1))}
    op = {"sum": "+", "product": "*"}.get(term.op, term.op)
    found: list[Term] = []
    for each in assignments(term.iters):
        body = _answered(scene, diagram, substitute(term.body, each), known, env)
        if term.where is not None and term.op in neutral:
            body = If(_answered(scene, diagram, substitute(term.where, each), known, env), body, neutral[term.op])
        found.append(body)
    if op in ("min", "max"):
        return Prim(op, tuple(found))
    whole = found[0] if found else neutral[term.op]
    for part in found[1:]:
        whole = Prim(op, (whole, part))
    return whole


def _ask(scene: Scene, diagram: Diagram | None, ask: Ask, known: Known, env: Mapping[str, Any]) -> Any:
    if ask.op == "same":
        return same(scene, ask, known, env)
    if ask.op == "equilibrium":
        return equilibrium.conditions(scene, _name(ask)).expr
    if ask.op not in ("E", "P", "variance"):
        raise refuse("not-yet", f"`{ask.op}` has no closed form here", span=ask.at, help="ask `by exact`")
    whole = _asked_of(diagram, ask)
    outside = {n: v for n, v in env.items() if n in free(ask)}
    if any(not isinstance(v, bool | str | Fraction) for v in outside.values()):
        extra = tuple(Port(n, BOOL) for n in outside)
        return answer(_Fixed(scene, known), replace(whole, inputs=whole.inputs + extra), ask, outside)
    return answer(_Fixed(scene, known), whole, Ask(ask.op, tuple(substitute(a, {n: Const(v) for n, v in outside.items()})
                                                          for a in ask.args), ask.at))  # fmt: skip


class _Fixed(Scene):
    """A scene in which a case is known from the start."""

    def __init__(self, scene: Scene, known: Known) -> None:
        self.program, self.symbols, self.free, self.needs = scene.program, scene.symbols, scene.free, scene.needs
        self.known = known

    def translator(self, known: Known) -> Any:
        return super().translator(Known({**self.known.answers, **known.answers}))


def same(scene: Scene, ask: Ask, known: Known, env: Mapping[str, Any]) -> Any:
    """Whether two channels give the same distribution for every input; statics may be symbols."""
    pair = []
    inputs: dict[str, Any] = {}
    for side in ask.args:
        fixed: dict[str, Any] = {}
        diagram = composed(scene, side, known, env, fixed)
        if not inputs:
            inputs = {p.name: needed_all(scene.stand_in("input", p.name, p.space, known), scene) for p in diagram.inputs}
        given = dict(zip((p.name for p in diagram.inputs), inputs.values(), strict=True))
        plays = Plays(_With(scene, fixed), diagram, given, known)
        pair.append(plays.outcomes(Pack(tuple(Var(p.name) for p in diagram.outputs)), None))
    first, second = pair
    parts = []
    for outcome in {**first, **second}:
        gap = plus(first.get(outcome, Fraction(0)), -expr(second.get(outcome, Fraction(0))))
        if gap != 0:
            parts.append(sympy.Eq(expr(gap), 0))
    return sympy.And(*parts) if parts else True


def needed_all(value: Any, scene: Scene) -> Any:
    """An input of which labels and truth values are known, numbers not."""
    if isinstance(value, tuple):
        return tuple(needed_all(v, scene) for v in value)
    return needed(value, scene.symbols) if isinstance(value, Unknown) else value


class _With(Scene):
    """A scene with more params: the statics of instances."""

    def __init__(self, scene: Scene, more: Mapping[str, Any]) -> None:
        self.program, self.symbols, self.free, self.needs = scene.program, scene.symbols, scene.free, scene.needs
        self.more = dict(more)

    def translator(self, known: Known) -> Any:
        made = super().translator(known)
        made.params.update(self.more)  # type: ignore[attr-defined]
        return made


def composed(scene: Scene, term: Term, known: Known, env: Mapping[str, Any], fixed: dict[str, Any]) -> Diagram:
    """The diagram that a composition describes; statics become params, whose values are put into `fixed`."""
    match term:
        case Ref(name=name):
            return scene.program.diagrams[name]
        case Compose(op="then" | "beside" as op, args=(a, b)):
            join = then if op == "then" else beside
            return join(composed(scene, a, known, env, fixed), composed(scene, b, known, env, fixed))
        case Compose(op="instance", args=(Ref(name=name), *statics)):
            diagram = scene.program.diagrams[name]
            boxes = []
            for port, static in zip(diagram.inputs, statics, strict=False):
                key = f"{port.name}#{len(fixed)}"
                fixed[key] = scene.translator(known).value(static, env)
                boxes.append(Compute(Port(port.name, port.space), Param(key)))
            return replace(diagram, inputs=diagram.inputs[len(statics) :], boxes=(*boxes, *diagram.boxes))
    raise refuse("not-yet", "this composition is not one of channels by name")


def diagram_of(scene: Scene, question: Question) -> Diagram | None:
    """What a question is asked of, its strategy plugged in."""
    if question.of is None:
        return None
    found = scene.program.diagrams[question.of]
    return plug(found, scene.program.strategies[question.under]) if question.under is not None else found


def _asked_of(diagram: Diagram | None, ask: Ask) -> Diagram:
    if diagram is None:
        raise refuse("not-yet", "it asks about wires, and no game or channel is named", span=ask.at, help="add `of NAME`")
    return diagram


def _name(ask: Ask) -> str:
    ref = ask.args[0]
    assert isinstance(ref, Ref)
    return ref.name


def _parts(term: Term) -> list[Term]:
    found, stack = [], [term]
    while stack:
        found.append(stack.pop())
        stack.extend(children(found[-1]))
    return found


__all__ = ["UNFOLDED", "Bound", "diagram_of", "in_case", "quantified", "value"]
