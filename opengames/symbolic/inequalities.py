"""Systems of inequalities made readable: sure signs stripped, repetitions and consequences dropped.

Whether something follows is asked of z3 (over the reals, so that it also holds for whole numbers); what z3 does not decide in
time stays in the system. Nothing is dropped that is not known to follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy

from opengames.symbolic.tidy import tidy

STEPS = 1_000_000
"""Steps of z3 that one question may take: counted, not timed, so that a formula is the same on a busy machine."""


@dataclass(frozen=True)
class System:
    """Inequalities that must all hold. assuming: what was taken for granted to write them so, strict inequalities.

    never: whether no values of the symbols satisfy them.
    """

    conditions: tuple[Any, ...]
    assuming: tuple[Any, ...] = ()
    never: bool = False


def system(gains: Iterable[sympy.Expr], given: Sequence[Any]) -> System:
    """`gain <= 0` for every gain, under the inequalities `given`."""
    assuming: dict[Any, None] = {}
    found: dict[Any, None] = {}
    for gain in gains:
        condition = at_most_zero(gain, given, assuming)
        if condition is sympy.false:
            return System((sympy.false,), tuple(assuming), True)
        if condition is not sympy.true:
            found[condition] = None
    assuming = dict.fromkeys(_least(list(assuming), given))
    known = [*given, *assuming]
    kept = sorted(found, key=lambda c: (c.count_ops(), str(c)))
    kept = _equations(_least(kept, known))
    if kept and impossible([*known, *kept]):
        return System((sympy.false,), tuple(assuming), True)
    return System(tuple(kept), tuple(assuming))


def _least(conditions: list[Any], given: Sequence[Any]) -> list[Any]:
    """The conditions without those that follow from the others; the shortest first stay."""
    kept = [c for c in conditions if not follows(c, given)]
    for each in reversed(list(kept)):
        rest = [c for c in kept if c is not each]
        if follows(each, [*given, *rest]):
            kept = rest
    return kept


def _equations(conditions: list[Any]) -> list[Any]:
    """Two inequalities that hold both ways are one equation."""
    found: list[Any] = []
    gaps: dict[Any, int] = {}
    for each in conditions:
        gap = sympy.expand(each.gts - each.lts) if isinstance(each, sympy.Le | sympy.Ge) else None
        if gap is not None and -gap in gaps:
            at = gaps[-gap]
            found[at] = sympy.Eq(found[at].lhs, found[at].rhs, evaluate=False)
            continue
        if gap is not None:
            gaps[gap] = len(found)
        found.append(each)
    return found


def at_most_zero(gain: sympy.Expr, given: Sequence[Any], assuming: dict[Any, None]) -> Any:
    """`gain <= 0` without the factors whose sign is known; those that may be 0 are assumed not to be."""
    if gain.has(sympy.Piecewise, sympy.Max, sympy.Min, sympy.Abs):
        return sympy.Le(tidy(gain), 0)
    gain = sympy.factor(sympy.cancel(gain)) if gain.is_rational_function() else tidy(gain)
    if gain.is_Number:
        return sympy.true if gain <= 0 else sympy.false
    sign, rest, taken = 1, sympy.Integer(1), list[Any]()
    for factor in sympy.Mul.make_args(gain):
        base, power = factor.as_base_exp()
        if factor.is_Number:
            sign = sign if factor > 0 else -sign
        elif power.is_Integer and power % 2 == 0:
            if not _is_sure(base, given):
                known = _sign(base, given)
                taken.append(sympy.Ne(base, 0) if known is None else _strict(base, known))
        elif (known := _sign(base, given)) is not None:
            sign *= known
            if not _is_sure(base, given):
                taken.append(_strict(base, known))
        else:
            rest = rest * (base if power > 0 else 1 / base)
    if rest == 1 and sign < 0:
        return sympy.true
    assuming.update(dict.fromkeys(taken))
    if rest == 1:
        return sympy.false
    if sympy.fraction(sympy.together(rest))[1] == 1:
        rest = sympy.expand(rest)
        rest = rest.primitive()[1] if rest.is_Add else rest
    return solved(sympy.Le(sign * rest, 0))


def _strict(base: sympy.Expr, sign: int) -> Any:
    return solved(sympy.Gt(base, 0) if sign > 0 else sympy.Lt(base, 0))


def solved(relation: Any) -> Any:
    """The relation with its negative addends on the other side; solved for its symbol if there is only one."""
    if not relation.is_Relational:
        return relation
    gap = sympy.expand(relation.lhs - relation.rhs)
    symbols = sorted(gap.free_symbols, key=str)
    if len(symbols) == 1 and gap.is_polynomial(symbols[0]) and sympy.degree(gap, symbols[0]) == 1:
        slope, start = gap.coeff(symbols[0], 1), gap.coeff(symbols[0], 0)
        bound = -start / slope
        return _turn(relation, slope < 0)(symbols[0], bound, evaluate=False)
    left, right = sympy.Integer(0), sympy.Integer(0)
    for term in sympy.Add.make_args(gap):
        if term.could_extract_minus_sign():
            right -= term
        else:
            left += term
    if left == 0:
        return _turn(relation, True)(right, 0, evaluate=False)
    forms = [relation.func(left, right, evaluate=False)]
    for symbol in symbols:
        slope = gap.coeff(symbol, 1)
        if abs(slope) == 1 and not (rest := gap - slope * symbol).has(symbol):
            forms.append(_turn(relation, slope < 0)(symbol, tidy(-slope * rest), evaluate=False))
    return min(forms, key=lambda form: (form.count_ops(), form.has(-1), forms.index(form)))


_TURNED = {
    sympy.LessThan: sympy.Ge, sympy.GreaterThan: sympy.Le, sympy.StrictLessThan: sympy.Gt, sympy.StrictGreaterThan: sympy.Lt,
}  # fmt: skip


def _turn(relation: Any, turned: bool) -> Any:
    return _TURNED.get(relation.func, relation.func) if turned else relation.func


def _sign(base: sympy.Expr, given: Sequence[Any]) -> int | None:
    """1 if it is never negative, -1 if it is never positive, `None` if neither is known."""
    if base.is_nonnegative or follows(sympy.Ge(base, 0), given):
        return 1
    if base.is_nonpositive or follows(sympy.Le(base, 0), given):
        return -1
    return None


def _is_sure(base: sympy.Expr, given: Sequence[Any]) -> bool:
    return bool(base.is_nonzero) or follows(sympy.Gt(base, 0), given) or follows(sympy.Lt(base, 0), given)


# ------------------------------------------------------------------------- z3


def follows(condition: Any, given: Sequence[Any]) -> bool:
    """Whether the condition is known to hold wherever the given ones do."""
    if condition is sympy.true:
        return True
    return impossible([*given, sympy.Not(condition)])


def impossible(conditions: Sequence[Any]) -> bool:
    """Whether the conditions are known not to hold together."""
    return _impossible(tuple(conditions))


@lru_cache(maxsize=20_000)
def _impossible(conditions: tuple[Any, ...]) -> bool:
    import z3

    solver = z3.Solver()
    solver.set("rlimit", STEPS)
    for each in conditions:
        if each is sympy.true:
            continue
        if each is sympy.false:
            return True
        try:
            solver.add(_formula(each))
        except _Unsaid:
            continue  # what cannot be said in z3 is left out: fewer conditions are harder to contradict
    return bool(solver.check() == z3.unsat)


class _Unsaid(Exception):
    """An expression that z3 has no word for."""


def _formula(e: Any) -> Any:
    import z3

    if e is sympy.true or e is sympy.false:
        return z3.BoolVal(e is sympy.true)
    if isinstance(e, sympy.And | sympy.Or):
        return (z3.And if isinstance(e, sympy.And) else z3.Or)(*map(_formula, e.args))
    if isinstance(e, sympy.Not):
        return z3.Not(_formula(e.args[0]))
    if not e.is_Relational:
        raise _Unsaid
    a, b = _number(e.lhs), _number(e.rhs)
    match e.func.__name__:
        case "Equality":
            return a == b
        case "Unequality":
            return a != b
        case "StrictLessThan":
            return a < b
        case "LessThan":
            return a <= b
        case "StrictGreaterThan":
            return a > b
    return a >= b


def _number(e: Any) -> Any:
    import z3

    if isinstance(e, sympy.Rational):
        return z3.RealVal(f"{e.p}/{e.q}")
    if isinstance(e, sympy.Symbol) and e.is_real:
        return z3.Real(e.name)
    if isinstance(e, sympy.Add):
        return z3.Sum(*map(_number, e.args))
    if isinstance(e, sympy.Mul):
        top, bottom = sympy.fraction(e)
        if bottom != 1:
            return _number(top) / _number(bottom)
        return z3.Product(*map(_number, e.args))
    if isinstance(e, sympy.Pow) and e.exp.is_Integer and abs(e.exp) <= 12:
        power = z3.Product(*[_number(e.base)] * abs(int(e.exp)))
        return power if e.exp > 0 else z3.RealVal(1) / power
    if isinstance(e, sympy.Max | sympy.Min):
        first, *rest = map(_number, e.args)
        for each in rest:
            first = z3.If(first >= each if isinstance(e, sympy.Max) else first <= each, first, each)
        return first
    if isinstance(e, sympy.Abs):
        inner = _number(e.args[0])
        return z3.If(inner >= 0, inner, -inner)
    if isinstance(e, sympy.Piecewise) and e.args[-1][1] == True:  # noqa: E712  # sympy's truth
        found = _number(e.args[-1][0])
        for value, condition in reversed(e.args[:-1]):
            found = z3.If(_formula(condition), _number(value), found)
        return found
    raise _Unsaid


__all__ = ["System", "at_most_zero", "follows", "impossible", "solved", "system"]
