"""What a question may be made of: asking words around wires, and values around asking words.

A wire has a value only within a play; `E`, `P` and their kin look at all plays. So a wire stands inside an asking
word (or alone in a claim, which then must hold in every play), and asking words do not stand inside each other.
"""

from __future__ import annotations

from opengames.dsl.context import Context
from opengames.spans import Span
from opengames.terms import Ask, Term, Var, bound, children


def well_formed(context: Context, term: Term, kind: str, at: Span) -> bool:
    """Whether an elaborated question makes sense; reports where it does not. kind: `verify` or `query`."""
    asks = list(_asks(term))
    for ask in asks:
        for inner in (a for arg in ask.args for a in _asks(arg)):
            context.report(
                "nested-question",
                f"`{inner.op}` stands inside `{ask.op}`",
                inner.at or at,
                "a question inside a question",
                notes=("the outer question looks at one play at a time, the inner one at all of them",),
                help="ask `variance(x)` for a spread, or ask the two one after the other",
            )
            return False
    outside = _outside(term, frozenset())
    if outside is None or (kind == "verify" and not asks):
        return True
    name = outside.name
    context.report(
        "unasked-wire",
        f"`{name}` has a value only within a play, and this {kind} looks at all of them",
        outside.at or at,
        "in which play?",
        help=f"ask about it: `E({name})`, `P(...)` or `distribution({name})`",
    )
    return False


def _asks(term: Term) -> list[Ask]:
    """The asking words of a term, none of those inside another."""
    if isinstance(term, Ask):
        return [term]
    return [ask for part in children(term) for ask in _asks(part)]


def _outside(term: Term, inside: frozenset[str]) -> Var | None:
    """A wire that stands outside every asking word."""
    if isinstance(term, Ask):
        return None
    if isinstance(term, Var):
        return None if term.name in inside else term
    inner = inside | bound(term)
    return next((v for part in children(term) if (v := _outside(part, inner)) is not None), None)
