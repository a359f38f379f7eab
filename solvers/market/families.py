"""Families of variables: `exists l in Line: out[l]` said of the variables `out[1]`, `out[2]`, ...

A market on a channel with loops has a variable for each element of a family. A term over families is rewritten so that it
is about those: an element at a known index is its variable, folds and funs are written out. What needs a family whole is
left as it is, and is then listed over the values of all of its elements, if those are few.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opengames.evaluate import evaluate
from opengames.program import Fun
from opengames.spaces import index_points, is_finite
from opengames.terms import (
    FALSE,
    TRUE,
    ZERO,
    Apply,
    At,
    Const,
    Fold,
    If,
    Pack,
    Prim,
    Term,
    Var,
    free,
    rebuild,
    substitute,
)

#: Folds over more cases than this are not written out.
CASES = 4096

_PAIRS = {"or": "or", "and": "and", "sum": "+"}
_NEUTRAL: Mapping[str, Term] = {"or": FALSE, "and": TRUE, "sum": ZERO}

Families = Mapping[str, Mapping[tuple[Any, ...], str]]


def by_element(term: Term, families: Families, funs: Mapping[str, Fun], params: Mapping[str, Any]) -> Term:
    """The term with families given by their elements."""
    if families.keys().isdisjoint(free(term)):
        return term

    def inner(each: Term) -> Term:
        return by_element(each, families, funs, params)

    match term:
        case Var(name=name):
            return Pack(tuple(Var(v) for v in families[name].values()))
        case At(family=Var(name=name), keys=keys) if name in families:
            found = [inner(k) for k in keys]
            if not any(free(k) for k in found):
                variable = families[name].get(tuple(evaluate(k, {}, funs, params) for k in found))
                if variable is not None:
                    return Var(variable, term.at)
        case Fold(op=op, iters=iters, where=where) if op in _PAIRS and all(is_finite(s) for _, s in iters):
            total: Term | None = None
            for count, key in enumerate(index_points(tuple(s for _, s in iters))):
                if count >= CASES:
                    return term
                here: dict[str, Term] = {n: Const(v) for (n, _), v in zip(iters, key, strict=True)}
                part = inner(substitute(term.body, here))
                if where is not None:
                    test = inner(substitute(where, here))
                    if free(test):
                        part = If(test, part, _NEUTRAL[op])
                    elif not evaluate(test, {}, funs, params):
                        continue
                total = part if total is None else Prim(_PAIRS[op], (total, part), term.at)
            return _NEUTRAL[op] if total is None else total
        case Apply(fun=fun, args=args):
            names = [p.name for p in funs[fun].inputs]
            return inner(substitute(funs[fun].body, dict(zip(names, args, strict=True))))
    return rebuild(term, inner)


__all__ = ["CASES", "by_element"]
