"""Questions put to the readings and solvers: a `verify` gives a `Claim`, a `query` an `Answer`.

The question's term is reduced: every `Ask` in it goes to the method that `by` names (without one: exact first, and an
estimate where the exact reading cannot answer, which then says so), quantifiers over questions are unfolded,
and what is left is evaluated exactly. A failing `forall` is searched for the assignment that fails.

An estimate never proves: a claim is supported if it holds for every value inside the intervals. Neither does a
computation that rounds: a claim that rests on `exp`, say, is supported "in floating point".
"""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from time import perf_counter
from typing import Any

from opengames import (
    game_questions,
    method_options,
    priced_questions,
    proof_questions,
    recognition_questions,
    symbolic_questions,
    wire_questions,
)
from opengames.cases import Undecided, assignments, bounded, count, parts, search
from opengames.desk import Desk, Work, cannot, estimate_name, uncleared
from opengames.diagnostics import Diagnostic, Refusal
from opengames.diagram import Decide, walk
from opengames.program import Question
from opengames.results import Answer, Claim, is_long
from opengames.rounding import at_an_edge, formulas, rounds, within_rounding
from opengames.show import show
from opengames.spaces import Space
from opengames.terms import Ask, Const, Fold, Prim, Ref, Term, free, rebuild, substitute

UNFOLDED = 10_000
"""Cases of a quantifier with a question inside."""
CORNERS = 4
"""Estimates in one claim whose intervals are tried at all their ends."""

_ABOUT_WIRES = frozenset({"E", "P", "cvar", "variance", "distribution"})
_WHOLE = frozenset({"equilibria", "best_response", "dominant", "distribution"})


def claim(desk: Desk, question: Question) -> Claim:
    """The verdict on a `verify`. Raises `Refusal` where the text or the data is wrong."""
    start = perf_counter()
    work = Work(desk, question)
    try:
        said = verdict(work)
    except Undecided as open_:
        said, work.because = "unknown", [*work.because, str(open_)]
    except Refusal as refused:
        if not cannot(refused) and not uncleared(refused):
            raise
        advised = method_options.advised(question, refused)
        said, work.because = "unknown", [*work.because, *_sentences(advised)]
    work.because += work.certificates()
    return Claim(
        question.name, said, work.method(), question.text, tuple(work.because), work.counterexample,
        work.runs if said in ("supported", "not supported") else None, perf_counter() - start, work.failed,
        tuple(work.contracts),
    )  # fmt: skip


def answer(desk: Desk, question: Question) -> Answer:
    """The answer to a `query`. Raises `Refusal` where there is none, also for want of a reading."""
    start = perf_counter()
    work = Work(desk, question)
    try:
        found, space = value(work)
    except Undecided as open_:
        raise Refusal(
            Diagnostic("not-yet", f"`{question.name}` cannot be answered yet", question.at, notes=(str(open_),))
        ) from open_
    except Refusal as refused:
        raise method_options.advised(question, refused) from refused
    work.because += work.certificates()
    return Answer(
        question.name, found, space, work.method(), question.text, tuple(work.because), work.interval,
        work.runs, work.certificate, work.game, perf_counter() - start, work.over,
    )  # fmt: skip


def _sentences(refused: Refusal) -> list[str]:
    found: list[str] = []
    for d in refused.diagnostics:
        found += [d.headline, *d.notes, *([d.help] if d.help else [])]
    return found


def verdict(work: Work) -> str:
    """The verdict on the claim that is being answered. Raises `Undecided` where it stays open."""
    term = work.question.term
    work.check_method()
    if symbolic_questions.wanted(work):
        return symbolic_questions.verdict(work)
    if proof_questions.wanted(work):
        return proof_questions.verdict(work)
    asks = any(isinstance(t, Ask) for t in parts(term))
    if asks:
        closed = _resolve(work, term)
        if work.estimates:
            return _supported(work, closed)
        if work.tried is not None:
            work.runs = work.tried
            return "supported" if work.evaluate(closed) else "not supported"
        return _found(work, work.evaluate(closed), closed)
    if free(term):
        return _of_plays(work, term)
    if rounds([term], work.program.funs) and (shown := _shown(work)) is not None:
        return shown
    holds, assignment = search(term, work.program.funs, work.desk.params)
    _cases(work, term)
    if assignment:
        work.counterexample = "\n".join(f"{name} = {show(v, space)}" for name, v, space in assignment)
        word = "holds for" if holds else "fails for"
        work.because.append(f"{word} {', '.join(work.counterexample.splitlines())}")
        if holds:
            work.counterexample = None
    return _found(work, holds)


def _shown(work: Work) -> str | None:
    """The verdict of the proved reading on a claim whose numbers leave the rationals, before floats are asked; `None` without one."""
    methods, because, contracts = dict(work.methods), list(work.because), list(work.contracts)
    try:
        return proof_questions.verdict(work, proof_questions.BEFORE)
    except Undecided:
        work.methods, work.because, work.contracts = methods, because, contracts
        return None


def _found(work: Work, holds: Any, closed: Term | None = None) -> str:
    """The verdict of a computation that leaves nothing out; if it rounds, it is no proof. closed: the claim, answers put in."""
    term = work.question.term
    asked = [work.diagram()] if work.question.of is not None else []
    for each in parts(term):
        if isinstance(each, Ref) and each.kind == "strategy":
            asked.append(work.desk.played(work.program.strategies[each.name].game, each.name))
    work.rounded |= rounds([term, *(t for d in asked for t in formulas(d))], work.program.funs)
    if work.rounded:
        numbers = work.question.of is None and not any(isinstance(t, Ask) for t in parts(term))
        if numbers and within_rounding(term, work.evaluate):
            work.counterexample = None
            raise Undecided("two numbers that it compares are equal but for the rounding of floats")
        if closed is not None and within_rounding(closed, work.evaluate):
            raise Undecided("two numbers that it compares are equal but for the rounding of floats")
        if numbers and at_an_edge(term, work.evaluate, work.program.funs) is not None:
            work.counterexample = None
            raise Undecided("it takes the `floor` of a number that is whole but for the rounding of floats")
        return "supported" if holds else "not supported"
    return "proved" if holds else "refuted"


def _supported(work: Work, closed: Term) -> str:
    """The verdict where estimates stand in the claim: it must hold at all ends of their intervals."""
    if len(work.estimates) > CORNERS:
        raise Undecided(f"the claim rests on {len(work.estimates)} estimates, and {CORNERS} can be judged together")
    ends = product(*((e.lower, e.value, e.upper) for e in work.estimates))
    said = {bool(work.evaluate(substitute(closed, _ends(corner)))) for corner in ends}
    for each in work.estimates:
        work.because.append(f"estimated {each.value:.6g}, between {each.lower:.6g} and {each.upper:.6g} (95 %)")
    work.runs = min(e.runs for e in work.estimates)
    if len(said) == 1:
        return "supported" if said.pop() else "not supported"
    raise Undecided(f"{work.runs:,} runs do not settle it: the claim holds at one end of the interval, not at the other")


def _of_plays(work: Work, term: Term) -> str:
    """A claim about the wires of one play: it must hold in every play."""
    diagram = work.diagram()
    if work.sampling():
        return wire_questions.of_runs(work, diagram, term)
    if any(isinstance(box, Decide) for _, box in walk(diagram)):
        raise Undecided(
            f"`{work.question.of}` has decisions and no strategy is named: a claim about all strategies is for the proved "
            "reading; ask `by z3`, leave `by` out, or name a strategy with `under`"
        )
    proof = proof_questions.before(work, diagram)
    if proof is not None:
        return proof
    try:
        chance = wire_questions.exactly(work, Ask("P", (term,), at=work.question.at), diagram)
    except Refusal as refused:
        if uncleared(refused):
            raise
        proof = proof_questions.instead(work, refused)
        if proof is not None:
            return proof
        work.fell_back(refused)
        return wire_questions.of_runs(work, diagram, term)
    if chance != 1:
        work.because.append(f"it holds with chance {show(chance)}")
        if play := [f"{name} = {show(v, space)}" for name, v, space in wire_questions.failing(work, diagram, term)]:
            work.counterexample = "\n".join(play)
            work.because.append(f"it fails where {', '.join(play)}")
    return _found(work, chance == 1)


def _cases(work: Work, term: Term) -> None:
    while isinstance(term, Prim) and term.op == "not":
        term = term.args[0]
    n = count(term.iters) if isinstance(term, Fold) else 0
    work.methods[f"exact, {n:,} case{'s' if n > 1 else ''}" if n else "exact"] = None


def value(work: Work) -> tuple[Any, Space | None]:
    """The value of the query that is being answered and its space, `None` for what is no value of a space."""
    term = work.question.term
    work.check_method()
    if symbolic_questions.wanted(work):
        return symbolic_questions.value(work)
    if isinstance(term, Ask) and term.op == "why":
        from opengames import why

        return why.answer(work, term), None
    if isinstance(term, Ask) and term.op in _WHOLE:
        whole = wire_questions.distribution if term.op == "distribution" else game_questions.whole
        return whole(work, term), None
    if not any(isinstance(t, Ask) for t in parts(term)):
        work.methods["exact"] = None
        if free(term):
            raise Undecided("it asks for a wire of a play; ask for `E(...)`, `P(...)` or `distribution(...)` of it")
        return _number(work, term), work.question.space
    closed = _resolve(work, term)
    if not work.estimates:
        return _number(work, closed), work.question.space
    if len(work.estimates) > CORNERS:
        raise Undecided(f"it rests on {len(work.estimates)} estimates, and {CORNERS} can be put together")
    middle = work.evaluate(substitute(closed, _ends([e.value for e in work.estimates])))
    ends = [
        work.evaluate(substitute(closed, _ends(c))) for c in product(*((e.lower, e.upper) for e in work.estimates))
    ]
    work.runs = min(e.runs for e in work.estimates)
    if isinstance(middle, bool):
        return middle, work.question.space
    work.interval = (float(min(ends)), float(max(ends)))
    return float(middle), work.question.space


def _number(work: Work, term: Term) -> Any:
    found = work.evaluate(term)
    work.rounded |= isinstance(found, float)
    if work.rounded and isinstance(found, Fraction) and found:  # a rational in form only: a solver's sum of floats
        found = float(found)
    work.shortened = is_long(found, work.question.space)
    return found


def _resolve(work: Work, term: Term) -> Term:
    """The term with every question in it answered."""
    if isinstance(term, Ask):
        return _ask(work, term)
    if isinstance(term, Fold) and any(isinstance(t, Ask) for t in parts(term.body)):
        return _unfold(work, term)
    if not any(isinstance(t, Ask) for t in parts(term)):
        return term
    done: Term = rebuild(term, lambda part: _resolve(work, part))
    return done


def _unfold(work: Work, term: Fold) -> Term:
    bounded(term.iters, UNFOLDED)
    found: list[Term] = []
    for known in assignments(term.iters):
        if term.where is None or work.evaluate(_resolve(work, substitute(term.where, known))):
            found.append(_resolve(work, substitute(term.body, known)))
    empty = {"and": True, "or": False, "sum": Fraction(0), "product": Fraction(1)}
    if not found:
        return Const(empty.get(term.op))
    op = {"sum": "+", "product": "*"}.get(term.op, term.op)
    if op in ("min", "max"):
        return Prim(op, tuple(found))
    whole = found[0]
    for part in found[1:]:
        whole = Prim(op, (whole, part))
    return whole


def _ask(work: Work, ask: Ask) -> Term:
    if ask.op in _ABOUT_WIRES:
        return wire_questions.about_wires(work, ask)
    match ask.op:
        case "equilibrium" | "subgame_perfect":
            return Const(game_questions.equilibrium(work, ask))
        case "exploitability":
            return game_questions.exploitability(work, ask)
        case "reach":
            return Const(game_questions.reach(work, ask))
        case "coverage":
            return recognition_questions.coverage(work, ask)
        case "same":
            return Const(wire_questions.same(work, ask))
        case "price" | "worst" | "expected" | "best":
            return Const(priced_questions.answer(work, ask))
    raise Undecided(
        {
            "feasible": "`feasible` is a claim for the proved reading and stands alone in a `verify`",
        }.get(ask.op, f"`{ask.op}` is an answer of its own and cannot stand inside an expression")
    )


def _ends(values: Any) -> dict[str, Term]:
    return {estimate_name(i): Const(v) for i, v in enumerate(values)}


__all__ = ["answer", "claim"]
