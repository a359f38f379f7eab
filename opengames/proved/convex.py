"""Whether a constraint describes a convex set: read off a z3 expression, in all its constants jointly.

Sums of convex functions are convex, so are their maxima; what is convex lies below what is concave (Boyd and Vandenberghe,
Convex Optimization, 2004, section 3.2). `None` means: not seen to be, which is always a safe answer.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import z3

AFFINE, CONVEX, CONCAVE = 0, 1, -1


def is_convex(constraint: Any) -> bool:
    """Whether the numbers that satisfy the constraint are seen to be a convex set."""
    if isinstance(constraint, bool) or z3.is_true(constraint) or z3.is_false(constraint):
        return True
    if z3.is_and(constraint):
        return all(is_convex(each) for each in constraint.children())
    if z3.is_not(constraint):
        (inner,) = constraint.children()
        if z3.is_lt(inner) or z3.is_le(inner):
            return _below(inner.arg(1), inner.arg(0))
        return bool(z3.is_gt(inner) or z3.is_ge(inner)) and _below(inner.arg(0), inner.arg(1))
    if z3.is_le(constraint) or z3.is_lt(constraint):
        return _below(constraint.arg(0), constraint.arg(1))
    if z3.is_ge(constraint) or z3.is_gt(constraint):
        return _below(constraint.arg(1), constraint.arg(0))
    if z3.is_eq(constraint) and z3.is_arith(constraint.arg(0)):
        return curvature(constraint.arg(0)) == AFFINE and curvature(constraint.arg(1)) == AFFINE
    return False


def _below(a: Any, b: Any) -> bool:
    return curvature(a) in (AFFINE, CONVEX) and curvature(b) in (AFFINE, CONCAVE)


def curvature(term: Any, seen: dict[int, int | None] | None = None) -> int | None:
    """`AFFINE`, `CONVEX`, `CONCAVE`, or `None` where nothing is seen. seen: of parts already looked at, by z3's number."""
    known = {} if seen is None else seen
    if term.get_id() not in known:
        known[term.get_id()] = _looked_at(term, known)
    return known[term.get_id()]


def _looked_at(term: Any, seen: dict[int, int | None]) -> int | None:
    if z3.is_rational_value(term) or z3.is_int_value(term):
        return AFFINE
    if z3.is_const(term):
        return AFFINE if z3.is_real(term) else None
    if z3.is_add(term):
        return _together([curvature(each, seen) for each in term.children()])
    if z3.is_sub(term):
        first, *rest = [curvature(each, seen) for each in term.children()]
        return _together([first, *(_flipped(each) for each in rest)])
    if z3.is_app_of(term, z3.Z3_OP_UMINUS):
        return _flipped(curvature(term.arg(0), seen))
    if z3.is_mul(term):
        return _scaled(term, seen)
    if z3.is_app_of(term, z3.Z3_OP_ITE):
        test, then, other = term.children()
        return _choice(test, then, other, seen)
    return None


def _scaled(term: Any, seen: dict[int, int | None]) -> int | None:
    factor, open_ = Fraction(1), []
    for each in term.children():
        if z3.is_rational_value(each):
            factor *= Fraction(each.numerator_as_long(), each.denominator_as_long())
        else:
            open_.append(each)
    if len(open_) > 1:
        return None
    if not open_ or factor == 0:
        return AFFINE
    found = curvature(open_[0], seen)
    return found if factor > 0 else _flipped(found)


def _choice(test: Any, then: Any, other: Any, seen: dict[int, int | None]) -> int | None:
    """`if a < b then b else a` is the larger one, `if a < b then a else b` the smaller one."""
    if not (z3.is_lt(test) or z3.is_le(test)):
        return None
    a, b = test.children()
    if then.eq(b) and other.eq(a):
        wanted = CONVEX
    elif then.eq(a) and other.eq(b):
        wanted = CONCAVE
    else:
        return None
    return wanted if all(curvature(each, seen) in (AFFINE, wanted) for each in (a, b)) else None


def _together(parts: list[int | None]) -> int | None:
    bent = {each for each in parts if each != AFFINE}
    if not bent:
        return AFFINE
    return bent.pop() if len(bent) == 1 else None


def _flipped(found: int | None) -> int | None:
    return None if found is None else -found


__all__ = ["AFFINE", "CONCAVE", "CONVEX", "curvature", "is_convex"]
