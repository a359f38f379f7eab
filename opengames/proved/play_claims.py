"""Claims about the wires of a channel or game, in every play: `forall t in Hour: soc[t] <= capacity of Day`.

The play is symbolic (`plays`); a claim proved holds whatever is drawn and whatever legal moves are made. A counterexample is a
whole play, and must pass when it is run again exactly (`replay`). Without a strategy every legal move is one that somebody may make. With
one, a decision left over is a clearing. Its best move, and the duals of its rules, are first known by the rules only, and a play
found with another is no counterexample; where that does not decide the claim, the conditions that make a move best are added.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import z3

from opengames.cases import Assignment, Undecided
from opengames.diagnostics import Refusal
from opengames.diagram import Diagram
from opengames.evaluate import evaluate
from opengames.proved import values as v
from opengames.proved.decide import Case, Finding, Prover
from opengames.proved.knowledge import names_in
from opengames.proved.legal import legal
from opengames.proved.optimality import NotLinear, optimality
from opengames.proved.plays import Play, play
from opengames.proved.replay import Impossible, replay
from opengames.proved.shape import is_open, normal
from opengames.proved.solve import satisfy
from opengames.proved.translate import NeedsQuantifiers, Scope, Translator
from opengames.proved.values import Label, Num, Truth, Value
from opengames.rounding import formulas, rounds
from opengames.spaces import Space
from opengames.terms import Const, Term, free, substitute

#: What a verdict rests on where a clearing's move and prices are those of its optimality conditions.
CLEARED = "clearings at their optimum, by the optimality conditions of linear programs"


def decide_play(prover: Prover, diagram: Diagram, term: Term, planned: bool = False) -> Finding:
    """The finding about a claim over the diagram's own wires, in every play.

    planned: a strategy is plugged in, so that what is left to decide is cleared, not chosen.
    """
    try:
        return PlayCase(prover, normal(term, prover.funs), diagram=diagram, planned=planned).finding()
    except RecursionError:
        raise Undecided("an expression is nested too deeply for the proved reading; name its parts") from None


#: Why a claim about a clearing with several best moves or prices stays open.
SEVERAL = "there the clearing has several best moves or prices, for some of which the claim holds: ask `by exact` which is told"

_ELSEWHERE = 3  # plays at kinks after which no other is looked for


@dataclass
class PlayCase(Case):
    """`body` in every play of `diagram`. starts: whether the diagram starts where plays do, not somewhere on the way.

    best: whether clearings are known by their optimality conditions, and not by their rules only.
    """

    diagram: Diagram = field(default_factory=lambda: Diagram(""))
    planned: bool = False
    starts: bool = True
    best: bool = False
    made: Play = field(default_factory=lambda: Play({}, {}))
    chosen: dict[Any, Any] = field(default_factory=dict)
    avoided: list[dict[Any, Any]] = field(default_factory=list)
    translated: Translator | None = None

    def finding(self) -> Finding:
        """Decide it: by the rules of clearings alone, and where that leaves it open, by what makes their moves best."""
        clock = self.prover.clock
        found = self._found()
        cleared = self.made.duals or (self.planned and self.made.clearings)
        if found.verdict != "unknown" or not cleared or self.best or clock.left < 0:
            return found
        case, tried = replace(self, best=True), 0
        try:
            again = case._found()
            while again.verdict == "refuted" and case._may_hold():
                tried += 1
                if tried > _ELSEWHERE:
                    break
                # where the clearing has one answer, it may be refuted all the same
                case.avoided.append({key: case.chosen[key] for key in case._given()})
                elsewhere = case._found()
                if elsewhere.verdict != "refuted":
                    tried = _ELSEWHERE + 1
                    break
                again = elsewhere
        except NotLinear as why:
            return replace(found, reasons=(*found.reasons, f"the best move of a clearing is known by its rules only: {why}"))
        if tried > _ELSEWHERE:
            return replace(again, verdict="unknown", reasons=(*again.reasons, SEVERAL))
        return replace(again, contracts=(*again.contracts, CLEARED)) if again.verdict != "unknown" else again

    def _may_hold(self) -> bool:
        """Whether the claim could hold too with the draws and inputs at which it was refuted: by other moves that are as good, or
        other prices at a kink. A clearing has one answer, of which the conditions say no more."""
        if self.translated is None:
            return True
        there = v.conj([v.negation(self.wrong), self._like(self.chosen)])
        return satisfy(self.translated.complete(there), self.prover.clock.part(0.5)).status != "unsat"

    def _given(self) -> dict[Any, Value]:
        """The draws and inputs of the play."""
        return {(c.place, c.wire): c.value for c in self.made.choices if c.kind in ("input", "draw")}

    def _like(self, known: dict[Any, Any]) -> Truth:
        """That draws and inputs are those of a play that is known."""
        assert self.translated is not None
        return v.conj([self.translated.labels.same(value, known[key]) for key, value in self._given().items() if key in known])

    def _found(self) -> Finding:
        try:
            found = self.at_once(quantifiers=False, clock=self.prover.clock)
        except NeedsQuantifiers:
            found = self.at_once(quantifiers=True, clock=self.prover.clock)
        if found.verdict == "proved" and self.made.rules and self._is_empty():
            return Finding("unknown", [], ("no play obeys all the rules, so that nothing is said about any",))
        if found.verdict == "proved" and self.made.reached:
            assert self.translated is not None
            moves = legal(self.translated, self.made, self.prover.clock, self.starts)
            if moves.stuck:
                return Finding("unknown", [], (moves.stuck,), found.contracts, found.cases)
            return replace(found, contracts=found.contracts + moves.assumed)
        return found

    def _is_empty(self) -> bool:
        """Whether there is plainly no play that the claim could be about."""
        assert self.translated is not None
        return satisfy(self.translated.complete(True), self.prover.clock.part(0.3)).status == "unsat"

    def start(self, quantifiers: bool) -> tuple[Translator, Scope] | None:
        """A translator and the wires of the play."""
        tr = self.prover.translator()
        tr.quantifiers = quantifiers
        self.made = play(tr, self.diagram)
        if self.best:
            optimality(tr, self.made)
        self.translated = tr
        for known in self.avoided:
            tr.assume(v.negation(self._like(known)))
        return tr, self.made.scope

    def left_open(self) -> list[tuple[Value, Space]]:
        """The draws and moves."""
        return [(c.value, c.space) for c in self.made.choices]

    def witness(self, model: Any, tr: Translator) -> Assignment:
        """The draws and moves in a model, of which those are told that what went wrong was computed from."""
        self.chosen = {(c.place, c.wire): v.read(model, c.value, tr.labels) for c in self.made.choices}
        told = _behind(self.wrong, tr.facts)
        given = ("input", "draw") if self.best else ()  # what a best move depends on is not in the claim
        relevant = [c for c in self.made.choices if c.kind in given or not told.isdisjoint(_names_of(c.value))] or self.made.choices
        return [(c.name, self.chosen[c.place, c.wire], c.space) for c in relevant]

    def replayed(self, witness: Assignment) -> Finding:
        """The claim in the play found, run again exactly."""
        if not self.best and (self.made.duals or (self.planned and self.made.clearings)):
            return Finding("unknown", [], ("a clearing's best move was not worked out, only that it obeys the rules",))
        funs, params = self.prover.funs, self.prover.params
        try:
            known = replay(self.diagram, self.chosen, funs, params)
            if rounds([self.body, *formulas(self.diagram)], funs):
                return Finding("unknown", [], ("the play was computed in floating point",))
            if not is_open(self.body, funs):
                return Finding("proved" if evaluate(self.body, known, funs, params) else "refuted")
            values: dict[str, Term] = {n: Const(known[n]) for n in free(self.body)}
            return self.prover.decide(substitute(self.body, values), self.depth + 1)
        except Impossible as why:
            return Finding("unknown", [], (str(why),))
        except Undecided as open_:
            return Finding("unknown", [], (str(open_),))
        except Refusal as refused:
            return Finding("unknown", [], (refused.diagnostics[0].headline,))

    def fault(self, witness: Assignment) -> str | None:
        """What running the play says, where the claim has no value in it."""
        try:
            known = replay(self.diagram, self.chosen, self.prover.funs, self.prover.params)
            evaluate(self.body, known, self.prover.funs, self.prover.params)
        except Refusal as refused:
            return refused.diagnostics[0].headline
        except Impossible:
            return None
        return None


def _behind(goal: Truth, facts: list[Any]) -> set[str]:
    """The names in a goal, and in what the named values among them are defined by."""
    defined = {str(f.arg(0).decl().name()): f.arg(1) for f in facts if z3.is_eq(f) and z3.is_const(f.arg(0))}
    reached: set[str] = set()
    todo = list(names_in(goal))
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += names_in(defined[name]) if name in defined else ()
    return reached


def _names_of(value: Value) -> frozenset[str]:
    if isinstance(value, tuple):
        return frozenset().union(*map(_names_of, value))
    if isinstance(value, Num | Label):
        return names_in(value.expr if isinstance(value, Num) else value.code)
    return names_in(value) if isinstance(value, z3.BoolRef) else frozenset()


__all__ = ["PlayCase", "decide_play"]
