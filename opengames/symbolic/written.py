"""Expressions as text of the language, so that a derivative can be pasted back as a `fun`.

Raises `Refusal` (`not-expressible`) for what the language has no words for.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import sympy

from opengames.diagnostics import Refusal, refuse
from opengames.spaces import Shown

_OR, _AND, _NOT, _RELATION, _SUM, _PRODUCT, _UNARY, _POWER, _ATOM = range(9)
_RELATIONS = {
    sympy.Eq: "==", sympy.Ne: "!=", sympy.StrictLessThan: "<", sympy.LessThan: "<=", sympy.StrictGreaterThan: ">",
    sympy.GreaterThan: ">=",
}  # fmt: skip
_CALLS = {"exp": "exp", "log": "log", "Abs": "abs", "floor": "floor", "Max": "max", "Min": "min"}


def amounts(found: Any, how: Shown | None) -> str:
    """As `written`, where a case that is nothing but a number gets the unit that `how` names."""
    if how is None or not how.unit:
        return written(found)
    if isinstance(found, sympy.Piecewise):
        text = "".join(f"if {written(c)} then {amounts(v, how)} else " for v, c in found.args[:-1])
        return text + amounts(found.args[-1][0], how)
    if isinstance(found, Fraction | sympy.Rational):
        scaled = Fraction(int(found.p), int(found.q)) if isinstance(found, sympy.Rational) else found
        scaled /= how.scale
        sign = "-" if scaled < 0 else ""
        top = f"{sign}{abs(scaled.numerator)} {how.unit}"
        return top if scaled.denominator == 1 else f"{top} / {scaled.denominator}"
    return written(found)


def written(found: Any) -> str:
    """An expression, condition, label or tuple of them as the language writes it."""
    if isinstance(found, tuple):
        return f"({', '.join(map(written, found))})"
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, str):
        return found
    if isinstance(found, Fraction):
        found = sympy.Rational(found.numerator, found.denominator)
    return _write(found)[0]


def _write(e: Any) -> tuple[str, int]:
    """The text, and how tightly it binds."""
    if isinstance(e, sympy.Symbol):
        return e.name, _ATOM
    if e is sympy.true or e is sympy.false:
        return ("true" if e is sympy.true else "false"), _ATOM
    if isinstance(e, sympy.Rational):
        return _rational(e)
    if e is sympy.E:
        return "exp(1)", _ATOM
    if isinstance(e, sympy.Piecewise):
        return _pieces(e), _OR
    if isinstance(e, sympy.Add):
        return _sum(e), _SUM
    if isinstance(e, sympy.Mul):
        return _product(e)
    if isinstance(e, sympy.Pow):
        return _power(e)
    if isinstance(e, sympy.And | sympy.Or):
        level, word = (_AND, "and") if isinstance(e, sympy.And) else (_OR, "or")
        return f" {word} ".join(_within(a, level) for a in ordered(e)), level
    if isinstance(e, sympy.Not):
        return f"not {_within(e.args[0], _NOT)}", _NOT
    if e.is_Relational:
        left, right = _sides(e)
        return f"{_within(left, _SUM)} {_RELATIONS[e.func]} {_within(right, _SUM)}", _RELATION
    name = type(e).__name__
    if name in _CALLS:
        return f"{_CALLS[name]}({', '.join(written(a) for a in sorted(e.args, key=sympy.default_sort_key))})", _ATOM
    raise _wordless(e)


def _sides(e: Any) -> tuple[Any, Any]:
    """The sides of a relation; `a - b > 0` as `a > b`, which needs no unit for the 0."""
    if e.rhs != 0 or not isinstance(e.lhs, sympy.Add):
        return e.lhs, e.rhs
    left = [t for t in e.lhs.args if not t.could_extract_minus_sign()]
    right = [-t for t in e.lhs.args if t.could_extract_minus_sign()]
    return (sympy.Add(*left), sympy.Add(*right)) if left and right else (e.lhs, e.rhs)


def ordered(e: Any) -> list[Any]:
    """The parts of a conjunction or disjunction in an order that does not depend on the run."""
    return sorted(e.args, key=lambda a: (str(a.lhs) if a.is_Relational else str(a), str(a)))


def _wordless(e: Any) -> Refusal:
    return refuse("not-expressible", f"the language has no words for `{e}`", help="`.latex()` prints it")


def _within(e: Any, level: int) -> str:
    text, own = _write(e)
    return text if own >= level else f"({text})"


def _rational(e: sympy.Rational) -> tuple[str, int]:
    if e.q == 1:
        return str(e.p), _ATOM if e.p >= 0 else _UNARY
    return f"{e.p} / {e.q}", _PRODUCT


def _sum(e: sympy.Add) -> str:
    text = ""
    for i, term in enumerate(_terms(e)):
        negative = term.could_extract_minus_sign()
        part = _within(-term if negative else term, _PRODUCT)
        if i == 0:
            text = f"-{_within(-term, _UNARY)}" if negative else part
        else:
            text += f" - {part}" if negative else f" + {part}"
    return text


def _terms(e: sympy.Add) -> list[Any]:
    """The addends as sympy prints them, a positive one first where there is one."""
    terms = list(e.as_ordered_terms())
    first = next((i for i, t in enumerate(terms) if not t.could_extract_minus_sign()), 0)
    return [terms[first], *terms[:first], *terms[first + 1 :]]


def _product(e: sympy.Mul) -> tuple[str, int]:
    top, bottom = sympy.fraction(e)
    if e.could_extract_minus_sign():
        return f"-{_within(-e, _UNARY)}", _UNARY
    if bottom != 1:
        return f"{_within(top, _PRODUCT)} / {_within(bottom, _UNARY)}", _PRODUCT
    return " * ".join(_within(f, _UNARY) for f in e.as_ordered_factors()), _PRODUCT


def _power(e: sympy.Pow) -> tuple[str, int]:
    if e.exp == sympy.Rational(1, 2):
        return f"sqrt({written(e.base)})", _ATOM
    if e.exp.could_extract_minus_sign():
        return f"1 / {_within(e.base**-e.exp, _UNARY)}", _PRODUCT
    return f"{_within(e.base, _ATOM)} ^ {_within(e.exp, _ATOM)}", _POWER


def _pieces(e: sympy.Piecewise) -> str:
    text = ""
    for value, condition in e.args[:-1]:
        text += f"if {written(condition)} then {_within(value, _SUM)} else "
    value, condition = e.args[-1]
    if condition is not sympy.true and condition != True:  # noqa: E712  # sympy's and Python's truth
        raise _wordless(e)
    return text + _write(value)[0]


__all__ = ["amounts", "ordered", "written"]
