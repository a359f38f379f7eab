"""Claims in a form that is easy to decide: negations pushed inward, quantifiers that come first, where they alternate.

`normal` preserves the meaning of a claim (tested against evaluation); the others only look.
"""

from __future__ import annotations

from collections.abc import Mapping

from opengames.cases import Iters, parts
from opengames.program import Fun
from opengames.spaces import BOOL, is_finite
from opengames.terms import FALSE, TRUE, Apply, Const, Fold, If, Prim, Term, substitute


def is_open(term: Term, funs: Mapping[str, Fun], seen: frozenset[str] = frozenset()) -> bool:
    """Whether a quantifier over infinitely many values stands in the term, or in a fun that it applies."""
    for each in parts(term):
        if isinstance(each, Fold) and not all(is_finite(s) for _, s in each.iters):
            return True
        if not isinstance(each, Apply) or each.fun in seen or each.fun not in funs:
            continue
        if is_open(funs[each.fun].body, funs, seen | {each.fun}):
            return True
    return False


def normal(term: Term, funs: Mapping[str, Fun], negated: bool = False) -> Term:
    """The claim, or its negation, with negations inside its quantifiers and connectives.

    Funs that quantify over infinitely many values are written out.
    """
    match term:
        case Const(value=bool() as value):
            return TRUE if value is not negated else FALSE
        case Prim(op="not", args=(a,)):
            return normal(a, funs, not negated)
        case Prim(op="and" | "or" as op, args=(a, b)):
            other = {"and": "or", "or": "and"}[op] if negated else op
            return Prim(other, (normal(a, funs, negated), normal(b, funs, negated)), at=term.at)
        case Prim(op="implies", args=(a, b)):
            if negated:
                return Prim("and", (normal(a, funs), normal(b, funs, True)), at=term.at)
            return Prim("implies", (normal(a, funs), normal(b, funs)), at=term.at)
        case Fold(op="and" | "or" as op, iters=iters, body=body, where=where):
            other = {"and": "or", "or": "and"}[op] if negated else op
            return Fold(other, iters, normal(body, funs, negated), where, at=term.at)
        case If(test=test, then=then, other=other_branch) if negated:
            return If(test, normal(then, funs, True), normal(other_branch, funs, True), at=term.at)
        case Apply(fun=name, args=args) if name in funs and funs[name].output == BOOL and is_open(term, funs):
            names = dict(zip((p.name for p in funs[name].inputs), args, strict=True))
            return normal(substitute(funs[name].body, names), funs, negated)
    return Prim("not", (term,), at=term.at) if negated else term


def prefix(term: Term) -> tuple[Iters, Term]:
    """The variables of the `forall`s that a normal claim begins with, and the rest of it."""
    iters: Iters = ()
    while isinstance(term, Fold) and term.op == "and":
        iters += term.iters
        term = term.body if term.where is None else Prim("implies", (term.where, term.body), at=term.at)
    return iters, term


__all__ = ["is_open", "normal", "prefix"]
