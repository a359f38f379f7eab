"""Whether a computation stays in the rationals: `exp`, `log`, `sqrt` and fractional powers leave them.

What leaves them is computed in floating point, and a claim that rests on it is supported, not proved. One that turns
on a difference within their rounding stays open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import islice
from typing import Any

from opengames.cases import assignments
from opengames.diagram import Compute, Diagram, Draw, walk
from opengames.program import Fun
from opengames.terms import (
    Apply,
    Const,
    Fold,
    If,
    Optimum,
    Prim,
    Select,
    Tabulate,
    Term,
    children,
    substitute,
)

#: The share of two numbers within which floats that should differ cannot be told from floats that should not.
EDGE = 1e-9
#: Cases of a quantifier that are looked at for such numbers.
CASES = 2_000

_LEAVES = frozenset({"exp", "log", "sqrt"})


def rounds(terms: Iterable[Term], funs: Mapping[str, Fun]) -> bool:
    """Whether evaluating one of the terms, through the funs it applies, may round.

    A power counts if its exponent is written as a fraction; one whose exponent is computed does not. A clearing counts once an
    optimum of it was not found in rationals.
    """
    stack = list(terms)
    seen: set[str] = set()
    while stack:
        term = stack.pop()
        match term:
            case Prim(op=op) if op in _LEAVES:
                return True
            case Prim(op="^", args=(_, Const(value=exponent))) if Fraction(exponent).denominator != 1:
                return True
            case Optimum(clearing=ready) if ready.rounded:
                return True
            case Apply(fun=name) if name in funs and name not in seen:
                seen.add(name)
                stack.append(funs[name].body)
        stack.extend(children(term))
    return False


def within_rounding(term: Term, value_of: Callable[[Term], Any]) -> bool:
    """Whether a comparison that a closed claim is made of has floats on its sides that are equal but for rounding.

    Of a quantifier with more than `CASES` cases, the first ones are looked at.
    """
    match term:
        case Fold(op="and" | "or", iters=iters, body=body, where=where):
            cases = islice(assignments(iters), CASES)
            counted = (c for c in cases if where is None or value_of(substitute(where, c)))
            return any(within_rounding(substitute(body, c), value_of) for c in counted)
        case Prim(op="and" | "or" | "not" | "implies", args=args):
            return any(within_rounding(each, value_of) for each in args)
        case Prim(op="==" | "!=" | "<" | "<=" | ">" | ">=", args=(left, right)):
            sides = [value_of(left), value_of(right)]
            if not any(isinstance(side, float) for side in sides):
                return False
            a, b = map(float, sides)
            return abs(a - b) <= EDGE * max(abs(a), abs(b))
    return False


def at_an_edge(term: Term, value_of: Callable[[Term], Any], funs: Mapping[str, Fun]) -> Term | None:
    """The first `floor` in a closed term of a float that is whole but for rounding: by one last digit it is another number.

    Only what is evaluated is looked at, and of a fold with more than `CASES` cases the first ones.
    """

    def look(*parts: Term) -> Term | None:
        return next((found for each in parts if (found := at_an_edge(each, value_of, funs)) is not None), None)

    match term:
        case If(test=test, then=then, other=other):
            return look(test) or look(then if value_of(test) else other)
        case Prim(op="and" | "or" | "implies" as op, args=(left, right)):
            decided = value_of(left) == (op == "or")
            return look(left) or (None if decided else look(right))
        case Prim(op="floor", args=(x,)):
            value = value_of(x)
            close = isinstance(value, float) and abs(value - round(value)) <= EDGE * max(1.0, abs(value))
            return term if close else look(x)
        case Fold(iters=iters, body=body, where=where):
            for case in islice(assignments(iters), CASES):
                known = () if where is None else (substitute(where, case),)
                found = look(*known)
                if found is None and all(value_of(w) for w in known):
                    found = look(substitute(body, case))
                if found is not None:
                    return found
            return None
        case Apply(fun=name, args=args) if name in funs:
            found = look(*args)
            ports = [p.name for p in funs[name].inputs]
            given = {n: Const(value_of(a)) for n, a in zip(ports, args, strict=True)}
            return found or look(substitute(funs[name].body, dict(given)))
        case Select(keys=keys):
            return look(*keys)
        case Tabulate():
            return None
    return look(*children(term))


def formulas(diagram: Diagram) -> Iterator[Term]:
    """The terms of every box of a diagram, at every depth."""
    for _, box in walk(diagram):
        match box:
            case Compute(term=term) | Draw(kernel=term):
                yield term


__all__ = ["at_an_edge", "formulas", "rounds", "within_rounding"]
