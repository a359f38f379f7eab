"""A `verify` of a program to the proved reading: which of its parts decides it.

Formulas and quantifiers go to `decide`, claims about wires to `play_claims` or `induction`, equalities of channels to `channels`, legal moves to
`feasible`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import z3

from opengames.cases import Undecided
from opengames.diagram import Diagram, Loop
from opengames.program import Program
from opengames.proved import channels, feasible
from opengames.proved.decide import SECONDS, Finding, Prover
from opengames.proved.induction import by_rounds
from opengames.proved.play_claims import decide_play
from opengames.proved.shape import normal, prefix
from opengames.proved.solve import Clock
from opengames.proved.translate import Scope, Translator
from opengames.proved.values import Truth
from opengames.spaces import index_size
from opengames.terms import Ask, Term, free

LONG = 40
"""Rounds of a loop beyond which induction is tried before unrolling."""


def decide(
    program: Program,
    term: Term,
    params: Mapping[str, Any],
    diagram: Diagram | None = None,
    planned: bool = False,
    seconds: float = SECONDS,
    invariant: bool = False,
) -> Finding:
    """The finding about a claim; over the wires of `diagram`, in every play, where it mentions some.

    planned: a strategy is plugged into the diagram. invariant: only by induction over the rounds of a loop, which is otherwise
    tried where unrolling a loop is too much.

    Raises `Undecided` for what the proved reading cannot take, `Refusal` where evaluating a param's value does.
    """

    def ask(tr: Translator, term: Ask, scope: Scope, want: int) -> Truth:
        match term.op:
            case "same":
                return channels.same(tr, program.diagrams, term, scope)
            case "feasible":
                return feasible.formula(tr, program.diagrams, term, scope, want)
        raise Undecided(f"`{term.op}` cannot stand in a claim that is proved over the reals")

    prover = Prover(program.funs, params, Clock.start(seconds), ask)
    try:
        return _decide(prover, program, term, diagram, planned, invariant)
    except z3.Z3Exception as fault:
        raise Undecided(f"z3 gave up: {fault}") from None


def _decide(
    prover: Prover, program: Program, term: Term, diagram: Diagram | None, planned: bool, invariant: bool
) -> Finding:
    if free(term):
        if diagram is None:
            raise Undecided("it asks about wires, and no game or channel is named: add `of NAME`")
        return by_rounds(prover, diagram, term, planned) if invariant else _of_plays(prover, diagram, term, planned)
    if invariant:
        raise Undecided("induction is about the rounds of a loop: ask it `of` a game or channel")
    iters, body = prefix(normal(term, program.funs))
    if isinstance(body, Ask) and body.op == "feasible":
        found = feasible.corners(prover, program.diagrams, iters, body)
        if found is not None:
            return found
    return prover.decide(term)


def _of_plays(prover: Prover, diagram: Diagram, term: Term, planned: bool) -> Finding:
    """By induction first where a loop is long; else, and where that decides nothing, by unrolling."""
    rounds = max((index_size(tuple(s for _, s in box.iters)) for box in diagram.boxes if isinstance(box, Loop)), default=0)
    found = _inductively(prover, diagram, term, planned) if rounds > LONG else None
    return found or decide_play(prover, diagram, term, planned)


def _inductively(prover: Prover, diagram: Diagram, term: Term, planned: bool) -> Finding | None:
    try:
        found = by_rounds(replace(prover, clock=prover.clock.part(0.5)), diagram, term, planned)
    except Undecided:  # the claim has no such form
        return None
    return None if found.verdict == "unknown" else found


__all__ = ["LONG", "decide"]
