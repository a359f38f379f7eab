"""Whether a condition holds for all values of its symbols: decided only where sympy is certain.

Certain are: what simplifies to a truth value, identities of rational functions, signs that follow from what is known of
the symbols, polynomials of degree 1 in each symbol on a box (least at a corner), and polynomials in one symbol on an interval
(by counting roots). A counterexample is looked for at corners and at rational points, and checked exactly. Anything
else stays open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice, product
from math import ceil, floor
from random import Random
from typing import Any

import sympy

from opengames.spaces import Grid, Reals, Space
from opengames.symbolic.formulas import at
from opengames.symbolic.values import expr, truth

POINTS = 60
"""Points at which a counterexample is looked for."""
_CORNERS = 4_096


def certain(condition: Any, spaces: dict[sympy.Symbol, Space]) -> bool | None:
    """True if it surely holds for all values of the symbols, `None` if that is not sure. Never False: see `point`."""
    if isinstance(condition, bool):
        return True if condition else None
    condition = truth(condition)
    if isinstance(condition, bool):
        return True if condition else None
    if isinstance(condition, sympy.And):
        return True if all(certain(c, spaces) for c in condition.args) else None
    if isinstance(condition, sympy.Or):
        return True if any(certain(c, spaces) for c in condition.args) else _simplified(condition)
    if not condition.is_Relational:
        return None
    gap = sympy.together(condition.lhs - condition.rhs)
    if isinstance(condition, sympy.Eq):
        return True if _is_zero(gap) else None
    if isinstance(condition, sympy.Ne):
        return True if _has_sign(gap, True, spaces) or _has_sign(-gap, True, spaces) else None
    strict = isinstance(condition, sympy.StrictLessThan | sympy.StrictGreaterThan)
    if isinstance(condition, sympy.LessThan | sympy.StrictLessThan):
        gap = -gap
    return True if _has_sign(gap, strict, spaces) else None


def _simplified(condition: Any) -> bool | None:
    """Only what `simplify` makes of relations between the same two sides."""
    return True if sympy.simplify(condition) is sympy.true else None


def _is_zero(gap: sympy.Expr) -> bool:
    if gap.has(sympy.Piecewise):
        pieces = sympy.piecewise_fold(gap)
        return isinstance(pieces, sympy.Piecewise) and all(_is_zero(v) for v, _ in pieces.args)
    if gap.is_rational_function():
        return bool(sympy.cancel(gap) == 0)
    return bool(sympy.simplify(gap) == 0)


def _has_sign(gap: sympy.Expr, strict: bool, spaces: dict[sympy.Symbol, Space]) -> bool:
    """Whether `gap` is surely positive everywhere, or not negative if not `strict`."""
    if gap.has(sympy.Piecewise):
        pieces = sympy.piecewise_fold(gap)
        return isinstance(pieces, sympy.Piecewise) and all(_has_sign(v, strict, spaces) for v, _ in pieces.args)
    if (gap.is_positive if strict else gap.is_nonnegative):
        return True
    if not gap.is_rational_function():
        short = sympy.simplify(gap)
        return bool(short.is_positive if strict else short.is_nonnegative)
    top, bottom = sympy.fraction(sympy.cancel(gap))
    if bottom != 1:
        return any(
            _has_sign(s * bottom, True, spaces) and _has_sign(s * top, strict, spaces) for s in (1, -1)
        )
    return _polynomial_has_sign(sympy.expand(top), strict, spaces)


def _polynomial_has_sign(gap: sympy.Expr, strict: bool, spaces: dict[sympy.Symbol, Space]) -> bool:
    symbols = sorted(gap.free_symbols, key=str)
    factored = sympy.factor(gap)
    if factored.is_positive if strict else factored.is_nonnegative:
        return True
    if not symbols:
        return bool(gap > 0 if strict else gap >= 0)
    ends = [_ends(spaces.get(s)) for s in symbols]
    whole = sympy.Poly(gap, *symbols)
    if not all(c.is_Rational for c in whole.coeffs()):
        return False
    boxed = all(a is not None and b is not None for a, b in ends)
    if boxed and all(whole.degree(s) <= 1 for s in symbols) and 2 ** len(symbols) <= _CORNERS:
        corners = product(*ends)
        return all((v > 0 if strict else v >= 0) for v in (whole(*map(expr, corner)) for corner in corners))
    if len(symbols) == 1:
        return _on_interval(whole, *ends[0], strict)
    return False


def _on_interval(whole: sympy.Poly, low: Fraction | None, high: Fraction | None, strict: bool) -> bool:
    """A polynomial in one symbol on an interval, by counting the roots of its factors (Sturm)."""
    a = None if low is None else expr(low)
    b = None if high is None else expr(high)
    if strict and whole.count_roots(a, b):
        return False
    for factor, power in whole.sqf_list()[1]:
        inner = factor.count_roots(a, b) - sum(1 for end in {a, b} - {None} if factor(end) == 0)
        if power % 2 and inner:
            return False
    # between its roots of even order the polynomial has one sign: that of any point that is no root
    inside = a if a is not None else (b if b is not None else sympy.Integer(0))
    span = (b - a) if a is not None and b is not None else sympy.Integer(1)
    toward = -1 if a is None and b is not None else 1
    if span == 0:
        return bool(whole(inside) > 0 if strict else whole(inside) >= 0)
    for k in range(1, whole.degree() + 3):
        value = whole(inside + toward * span / (k + 1))
        if value != 0:
            return bool(value > 0)
    return False


def _ends(space: Space | None) -> tuple[Fraction | None, Fraction | None]:
    match space:
        case Reals(lower=lower, upper=upper, whole=True):
            return None if lower is None else Fraction(ceil(lower)), None if upper is None else Fraction(floor(upper))
        case Reals(lower=lower, upper=upper):
            return lower, upper
        case Grid(points=points) if points:
            return min(points), max(points)
    return None, None


def point(condition: Any, spaces: dict[sympy.Symbol, Space], wanted: bool = False) -> dict[str, Any] | None:
    """Values of the symbols at which the condition is false (or true, if that is wanted), checked exactly; `None` if none was met."""
    if isinstance(condition, bool):
        return {} if condition == wanted else None
    symbols = sorted((s for s in condition.free_symbols if s in spaces), key=str)
    for values in islice(points_of([spaces[s] for s in symbols]), POINTS):
        named = {s.name: v for s, v in zip(symbols, values, strict=True)}
        try:
            found = at(condition, {n: expr(v) if isinstance(v, Fraction) else v for n, v in named.items()})
        except TypeError:  # sympy does not compare with infinity: the condition has no meaning at a pole
            continue
        if isinstance(found, bool) and found == wanted:
            return named
    return None


def points_of(spaces: Sequence[Space]) -> Iterator[tuple[Any, ...]]:
    """Points of a product of spaces of numbers: corners first, then rational points, the same in every run."""
    if not spaces:
        yield ()
        return
    ends = [[e for e in _ends(s) if e is not None] or [Fraction(0), Fraction(1)] for s in spaces]
    yield from islice(product(*ends), POINTS // 2)
    drawn = Random(0)
    while True:
        yield tuple(_drawn(s, drawn) for s in spaces)


def _drawn(space: Space, drawn: Random) -> Any:
    if isinstance(space, Grid):
        return drawn.choice(space.points)
    low, high = _ends(space)
    if isinstance(space, Reals) and space.whole:
        return _drawn_whole(low, high, drawn)
    share = Fraction(drawn.randint(0, 24), 24)
    if low is not None and high is not None:
        return low + (high - low) * share
    reach = Fraction(drawn.randint(0, 60), drawn.choice((1, 2, 3, 7)))
    if low is not None:
        return low + reach
    if high is not None:
        return high - reach
    return reach * drawn.choice((1, -1))


def _drawn_whole(low: Fraction | None, high: Fraction | None, drawn: Random) -> Fraction:
    if low is not None and high is not None:
        return Fraction(drawn.randint(int(low), int(high)))
    reach = Fraction(drawn.randint(0, 60))
    if low is not None:
        return low + reach
    return high - reach if high is not None else reach * drawn.choice((1, -1))


__all__ = ["POINTS", "certain", "point", "points_of"]
