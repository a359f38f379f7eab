"""Which params a question depends on: those in its term, in its game's boxes, in its strategy and in the funs they call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from opengames.diagram import Compute, Decide, Diagram, Draw, walk
from opengames.program import Program, Question
from opengames.terms import Apply, Ask, Param, Ref, Term, children


def params_of(program: Program, question: Question) -> set[str]:
    """The params whose values the answer to `question` may depend on."""
    games, strategies = _named(program, question)
    if isinstance(question.term, Ask) and question.term.op == "why":
        claims = {ref.name for ref in question.term.args if isinstance(ref, Ref) and ref.kind == "claim"}
        return set().union(*(params_of(program, q) for q in program.questions if q.kind == "verify" and q.name in claims))
    traded = [term for trade in question.after for term in trade.terms]
    return params_in(program, [question.term, *traded], games, strategies)


def params_in(program: Program, terms: Iterable[Term], games: Iterable[str], strategies: Iterable[str]) -> set[str]:
    """The params that terms, games and strategies use, also through funs."""
    stack = list(terms)
    for name in games:
        stack += _terms(program.diagrams[name])
    for name in strategies:
        stack += [plan.term for plan in program.strategies[name].plans]
    found: set[str] = set()
    called: set[str] = set()
    while stack:
        term = stack.pop()
        if isinstance(term, Param):
            found.add(term.name)
        elif isinstance(term, Apply) and term.fun not in called:
            called.add(term.fun)
            stack.append(program.funs[term.fun].body)
        stack.extend(children(term))
    return found


def _named(program: Program, question: Question) -> tuple[set[str], set[str]]:
    """The games and strategies that a question is about."""
    games = {question.of} if question.of is not None else set()
    strategies = {question.under} if question.under is not None else set()
    stack = [question.term]
    while stack:
        term = stack.pop()
        if isinstance(term, Ref):
            games |= {term.name} & set(program.diagrams)
            if term.kind == "recognition" and (inverted := program.recognitions[term.name].generative) is not None:
                games.add(inverted)
            strategies |= {term.name} & set(program.strategies)
        stack.extend(children(term))
    return games | {program.strategies[s].game for s in strategies}, strategies


def _terms(diagram: Diagram) -> Iterator[Term]:
    for _, box in walk(diagram):
        match box:
            case Compute(term=term) | Draw(kernel=term):
                yield term
            case Decide(rules=rules, seat=seat):
                yield from (rule.term for rule in rules)
                yield from seat.index
