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
from opengames.terms import Apply, Const, Fold, Optimum, Prim, Term, children, substitute

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


def formulas(diagram: Diagram) -> Iterator[Term]:
    """The terms of every box of a diagram, at every depth."""
    for _, box in walk(diagram):
        match box:
            case Compute(term=term) | Draw(kernel=term):
                yield term


__all__ = ["formulas", "rounds", "within_rounding"]
