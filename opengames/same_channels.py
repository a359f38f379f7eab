"""Whether two finite channels are the same: `tomorrow >> tomorrow == day_after`.

Channels are equal if they give the same distribution for every input. That is computed exactly, input by input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from opengames.cases import Undecided, bounded
from opengames.compose import beside, then
from opengames.diagram import Compute, Decide, Diagram, Port, walk
from opengames.evaluate import evaluate
from opengames.program import Program
from opengames.show import show
from opengames.spaces import index_points
from opengames.terms import Compose, Const, Pack, Ref, Term, Var

INPUTS = 10_000
"""Inputs that are tried one by one."""


def difference(program: Program, first: Term, second: Term, params: Mapping[str, Any]) -> tuple[int, str | None]:
    """How many inputs were compared, and the first at which the channels differ, as text; `None` if at none.

    Raises `Undecided` for infinitely many inputs, for games with decisions, and for what cannot be put together.
    """
    from opengames.exact import distribution

    left, right = (diagram_of(program, t, params) for t in (first, second))
    for each in (left, right):
        if any(isinstance(box, Decide) for _, box in walk(each)):
            raise Undecided(f"`{each.name}` has decisions: what it does depends on a strategy")
    bounded(tuple((p.name, p.space) for p in left.inputs), INPUTS)
    tried = 0
    for values in index_points(tuple(p.space for p in left.inputs)):
        tried += 1
        pair = []
        for each in (left, right):
            given = {p.name: v for p, v in zip(each.inputs, values, strict=True)}
            outs = Pack(tuple(Var(p.name) for p in each.outputs))
            pair.append(dict(distribution(program, each, outs, params=params, inputs=given)))
        if pair[0] != pair[1]:
            where = ", ".join(f"{p.name} = {show(v, p.space)}" for p, v in zip(left.inputs, values, strict=True))
            return tried, where or "their only outcome"
    return tried, None


def diagram_of(program: Program, term: Term, params: Mapping[str, Any]) -> Diagram:
    """The diagram that a composition describes, with constant statics built in."""
    match term:
        case Ref(name=name):
            return program.diagrams[name]
        case Compose(op="then" | "beside" as op, args=(a, b)):
            join = then if op == "then" else beside
            return join(diagram_of(program, a, params), diagram_of(program, b, params))
        case Compose(op="instance", args=(Ref(name=name), *statics)):
            return _fixed(program.diagrams[name], tuple(evaluate(s, {}, program.funs, params) for s in statics))
    raise Undecided("this composition is not one of channels by name")


def _fixed(diagram: Diagram, values: tuple[Any, ...]) -> Diagram:
    """The diagram with its leading inputs, the statics, replaced by constants."""
    fixed = tuple(Compute(Port(p.name, p.space), Const(v)) for p, v in zip(diagram.inputs, values, strict=False))
    return replace(diagram, inputs=diagram.inputs[len(values) :], boxes=fixed + diagram.boxes)
