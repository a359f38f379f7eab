"""Expressions in the form a reader would choose: short, rational functions over one denominator, cases last.

Nothing here changes a value wherever the expression has one.
"""

from __future__ import annotations

from functools import lru_cache

import sympy

_SHORT = 60
"""Operations up to which general simplification is tried."""


@lru_cache(maxsize=20_000)
def tidy(found: sympy.Expr) -> sympy.Expr:
    """An equal expression, as short as a few well-known forms allow."""
    if isinstance(found, sympy.Piecewise):
        return _pieces(found)
    if found.is_Atom:
        return found
    if found.has(sympy.Piecewise):
        return found.func(*(tidy(a) if isinstance(a, sympy.Expr) else a for a in found.args))
    forms = [found]
    if found.is_rational_function():
        whole = sympy.cancel(found)
        forms += [whole, sympy.factor(whole)]
        if whole.is_polynomial():
            forms.append(sympy.expand(whole))
    elif found.count_ops() <= _SHORT:
        forms.append(sympy.simplify(found))
    forms = list(dict.fromkeys([*forms, *map(_turned, forms)]))
    if len(forms) == 1:
        return found
    return min(forms, key=lambda f: (f.count_ops(), f.could_extract_minus_sign(), len(str(f)), str(f)))


def _turned(found: sympy.Expr) -> sympy.Expr:
    """`-(a - b) / 2` as `(b - a) / 2`."""
    if not isinstance(found, sympy.Mul) or not found.could_extract_minus_sign():
        return found
    for i, factor in enumerate(found.args):
        if isinstance(factor, sympy.Add):
            rest = sympy.Mul(*found.args[:i], *found.args[i + 1 :])
            return sympy.Mul(-rest, -factor, evaluate=not (-rest).is_Number)
    return found


def _pieces(found: sympy.Piecewise) -> sympy.Expr:
    """The pieces tidied; neighbours that became equal are one."""
    pairs: list[tuple[sympy.Expr, sympy.Basic]] = []
    for value, condition in found.args:
        short = tidy(value)
        if pairs and pairs[-1][0] == short:
            pairs[-1] = (short, sympy.Or(pairs[-1][1], condition))
        else:
            pairs.append((short, condition))
    if len(pairs) == 1:
        return pairs[0][0]
    return sympy.Piecewise(*pairs, evaluate=False)


@lru_cache(maxsize=50_000)
def canonical(found: sympy.Expr) -> sympy.Expr:
    """One form for equal rational functions, so that they can be compared; other expressions expanded."""
    if found.is_Atom:
        return found
    if found.is_rational_function():
        return sympy.cancel(found)
    return sympy.expand(found)


def difference(a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    """`a - b`, zero where they are equal as rational functions."""
    return canonical(a - b)


__all__ = ["canonical", "difference", "tidy"]
