"""Terms to symbolic values: the exact reading's arithmetic, with symbols where something is not known.

Funs are inlined, sums and products over finite ranges written out, tables and `if` become cases: on numbers and truth values as
`Piecewise`, elsewhere by asking for cases (see `cases`). A `Check` passes what cannot be decided: a closed form speaks of
the values for which the text has a meaning.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import sympy

from opengames.diagnostics import refuse
from opengames.program import Fun
from opengames.show import show, show_space
from opengames.spaces import (
    Bool,
    Enum,
    Family,
    Grid,
    Reals,
    Record,
    Space,
    contains,
    index_points,
    index_size,
    is_finite,
    points,
)
from opengames.spaces import size as size_of
from opengames.symbolic.cases import Known
from opengames.symbolic.tidy import difference
from opengames.symbolic.values import Env, Symbols, Unknown, expr, holds, is_condition, needed, number, truth
from opengames.terms import (
    Apply,
    At,
    Check,
    Const,
    Fold,
    Get,
    If,
    Member,
    Normal,
    Pack,
    Param,
    Prim,
    Select,
    Tabulate,
    Term,
    Uniform,
    Var,
    Weighted,
)  # fmt: skip

TERMS = 20_000
"""Addends, factors or elements that one sum, product or family may have."""

ONE, ZERO = Fraction(1), Fraction(0)
Outcomes = tuple[tuple[Any, Any], ...]


class Translator:
    """Values of terms in one case. params: of the program, known or symbolic. known: what this case takes for granted.

    needs: conditions under which what was translated has a value: divisors that are not 0, and the like.
    """

    def __init__(self, funs: Mapping[str, Fun], params: Mapping[str, Any], symbols: Symbols, known: Known) -> None:
        self.funs, self.params, self.symbols = funs, params, symbols
        self.known: dict[Any, Any] = dict(known.answers)
        self.needs: dict[Any, None] = {}

    # ------------------------------------------------------------------ terms

    def value(self, term: Term, env: Env) -> Any:
        """The value of a term that is no distribution."""
        match term:
            case Const(value=value):
                return _exact(value)
            case Var(name=name):
                return env[name]
            case Param(name=name):
                return self.params[name]
            case Prim(op=op, args=args):
                return self._prim(op, args, env, term)
            case Apply(fun=name, args=args):
                fun = self.funs[name]
                given = {p.name: self.value(a, env) for p, a in zip(fun.inputs, args, strict=True)}
                return self.value(fun.body, given)
            case If(test=test, then=then, other=other):
                return self._if(test, then, other, env)
            case Select(keys=keys, spaces=spaces, cells=cells):
                return self.value(cells[self._place(keys, spaces, env, term)], env)
            case Pack(items=items):
                return tuple(self.value(i, env) for i in items)
            case Get(record=record, position=position):
                return self.value(record, env)[position]
            case At():
                return self._at(term, env)
            case Tabulate(iters=iters, body=body):
                return self._tabulate(iters, body, env, term)
            case Fold():
                return self._fold(term, env)
            case Member(value=value, space=space):
                return self.member(self.value(value, env), space)
            case Check(value=value, space=space, what=what):
                return self._checked(self.value(value, env), space, what, term)
            case Weighted() | Uniform() | Normal():
                raise TypeError("a distribution has outcomes, not a value")
        raise refuse("not-yet", f"`{type(term).__name__}` has no closed form", span=getattr(term, "at", None))

    def outcomes(self, kernel: Term, env: Env) -> Outcomes:
        """The outcomes of a kernel: (value, chance) pairs. Chances that are 0 for certain are left out."""
        match kernel:
            case Weighted(pairs=pairs):
                found = [(self.value(v, env), self.value(c, env)) for v, c in pairs]
                total = difference(sum((expr(c) for _, c in found), sympy.Integer(0)), sympy.Integer(1))
                if total != 0:
                    raise refuse(
                        "not-a-distribution", f"the chances add up to {total + 1}, not to 1 for all values of the params",
                        span=kernel.at, help="give the chances as shares of one whole: the last as 1 less the others",
                    )  # fmt: skip
                return tuple((v, c) for v, c in found if not (isinstance(c, Fraction) and c == 0))
            case Uniform(space=space) if is_finite(space):
                count = size_of(space) or 0
                if count > TERMS:
                    raise _too_many(count, kernel)
                return tuple((_exact(p), Fraction(1, count)) for p in points(space))
            case If(test=test, then=then, other=other):
                branch = then if needed(self.value(test, env), self.symbols) else other
                return self.outcomes(branch, env)
            case Select(keys=keys, spaces=spaces, cells=cells):
                return self.outcomes(cells[self._place(keys, spaces, env, kernel)], env)
            case Normal() | Uniform():
                raise refuse(
                    "needs-sampling", "a draw with infinitely many outcomes has no closed form here", span=kernel.at,
                    help="ask `by simulate`",
                )  # fmt: skip
        raise TypeError(f"not a distribution: {kernel!r}")

    # ------------------------------------------------------------- primitives

    def _prim(self, op: str, args: tuple[Term, ...], env: Env, term: Prim) -> Any:
        if op in ("and", "or", "implies"):
            return self._logic(op, args, env)
        values = tuple(self.value(a, env) for a in args)
        if op == "join":
            return tuple(v for whole in values for v in whole)
        if op in ("==", "!="):
            same = self.same(values[0], values[1])
            return same if op == "==" else self._not(same)
        if op == "not":
            return self._not(self._truth(values[0]))
        if op == "ind":
            return self._pieces(self._truth(values[0]), ONE, ZERO)
        if op in _ORDER:
            return self.compare(op, values[0], values[1])
        if all(isinstance(v, Fraction) for v in values) and op in _EXACT:
            return _EXACT[op](values, term)
        self._need(op, tuple(expr(v) for v in values))
        found = _SYMBOLIC[op](tuple(expr(v) for v in values))
        if found.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo):
            raise refuse("division-by-zero", "this divides by zero, whatever the params are", span=term.at)
        if found.is_real is False:
            raise refuse("outside-domain", f"`{op}` has no real value here", span=term.at)
        return number(found)

    def _need(self, op: str, values: tuple[sympy.Expr, ...]) -> None:
        """Remember under what condition an operation has a value, in this case and in the branch that is being taken."""
        need: Any = True
        if op == "/":
            need = sympy.Ne(values[1], 0)
        elif op == "^" and not (values[1].is_integer and values[1].is_nonnegative):
            need = sympy.Ne(values[0], 0) if values[1].is_integer else sympy.Gt(values[0], 0)
        elif op in ("log", "sqrt"):
            need = sympy.Gt(values[0], 0) if op == "log" else sympy.Ge(values[0], 0)
        if truth(need) is not True:
            taken = [holds(question, (answer,)) for question, answer in self.known.items()]
            self.needs[sympy.Or(*map(sympy.Not, taken), need)] = None

    def _truth(self, value: Any) -> Any:
        return needed(value, self.symbols) if isinstance(value, Unknown) else value

    def _not(self, value: Any) -> Any:
        return (not value) if isinstance(value, bool) else truth(sympy.Not(value))

    def _logic(self, op: str, args: tuple[Term, ...], env: Env) -> Any:
        first = self._truth(self.value(args[0], env))
        stops = op == "or"
        if op == "implies":
            first, stops = self._not(first), True
        if isinstance(first, bool) and first == stops:
            return stops
        second = self._assuming(first, not stops, lambda: self._truth(self.value(args[1], env)))
        if isinstance(first, bool):
            return second
        return truth((sympy.And if op == "and" else sympy.Or)(first, second))

    def _assuming(self, condition: Any, holds: bool, compute: Callable[[], Any]) -> Any:
        """What is computed while a condition is taken for granted."""
        if isinstance(condition, bool):
            return compute()
        before = self.known
        self.known = {**before, condition: holds}
        try:
            return compute()
        finally:
            self.known = before

    def same(self, a: Any, b: Any) -> Any:
        """Whether two values of one space are equal."""
        if isinstance(a, tuple):
            return self._all(self.same(x, y) for x, y in zip(a, b, strict=True))
        a, b = self._truth(a), self._truth(b)
        if isinstance(a, bool | str) and isinstance(b, bool | str):
            return a == b
        if is_condition(a) or is_condition(b):
            return truth(sympy.Equivalent(a, b).to_nnf(simplify=False))
        return self.compare("==", a, b)

    def _all(self, parts: Iterator[Any]) -> Any:
        found = []
        for part in parts:
            if part is False:
                return False
            if part is not True:
                found.append(part)
        return truth(sympy.And(*found)) if found else True

    def compare(self, op: str, a: Any, b: Any) -> Any:
        """A relation between two numbers; decided where the difference, or what is known, decides it."""
        if isinstance(a, Fraction) and isinstance(b, Fraction):
            return _ORDER[op](a, b)
        gap = difference(expr(a), expr(b))
        if gap.is_Rational:
            return _ORDER[op](number(gap), ZERO)
        found = truth(_RELATIONS[op](expr(a), expr(b)))
        if isinstance(found, bool):
            return found
        signed = truth(_RELATIONS[op](gap, 0))
        if isinstance(signed, bool):
            return signed
        return self.decided(found)

    def decided(self, condition: Any) -> Any:
        """A condition, or its truth value where this case knows it."""
        for question, answer in self.known.items():
            if question == condition:
                return answer
            if isinstance(answer, bool) and sympy.Not(question) == condition:
                return not answer
        return condition

    # ------------------------------------------------------------------ cases

    def _if(self, test: Term, then: Term, other: Term, env: Env) -> Any:
        condition = self._truth(self.value(test, env))
        if isinstance(condition, bool):
            return self.value(then if condition else other, env)
        a = self._assuming(condition, True, lambda: self.value(then, env))
        b = self._assuming(condition, False, lambda: self.value(other, env))
        return self._pieces(condition, a, b)

    def _pieces(self, condition: Any, a: Any, b: Any) -> Any:
        """`a` where the condition holds, else `b`."""
        if isinstance(condition, bool):
            return a if condition else b
        if isinstance(a, tuple):
            return tuple(self._pieces(condition, x, y) for x, y in zip(a, b, strict=True))
        if isinstance(a, bool | str | Unknown) and type(a) is type(b) and a == b:
            return a
        if isinstance(a, str | Unknown) or isinstance(b, str | Unknown):
            return a if needed(condition, self.symbols) else b
        if isinstance(a, bool) or isinstance(b, bool) or is_condition(a) or is_condition(b):
            return truth(sympy.Or(sympy.And(condition, a), sympy.And(sympy.Not(condition), b)))
        if difference(expr(a), expr(b)) == 0:
            return a
        return number(_branches(condition, expr(a), expr(b)))

    def _place(self, keys: tuple[Term, ...], spaces: tuple[Space, ...], env: Env, term: Any) -> int:
        place = 0
        for key, space in zip(keys, spaces, strict=True):
            value = needed(self.value(key, env), self.symbols)
            listed = tuple(points(space))
            if value not in listed:
                raise refuse("outside-type", f"the index {show(value, space)} is not in {show_space(space)}", span=term.at)
            place = place * len(listed) + listed.index(value)
        return place

    def _at(self, term: At, env: Env) -> Any:
        whole = self.value(term.family, env)
        place = self._place(term.keys, term.index[: len(term.keys)], env, term)
        if len(term.keys) == len(term.index):
            return whole[place]
        width = index_size(term.index[len(term.keys) :])
        return whole[place * width : (place + 1) * width]

    def _tabulate(self, iters: tuple[tuple[str, Space], ...], body: Term, env: Env, term: Any) -> Any:
        found: list[Any] = []
        nested = isinstance(body, Tabulate) or (isinstance(body, Apply) and isinstance(self.funs[body.fun].output, Family))
        for point in self._rounds(iters, term):
            value = self.value(body, {**env, **point})
            found.extend(value) if nested else found.append(value)
        return tuple(found)

    def _rounds(self, iters: tuple[tuple[str, Space], ...], term: Any) -> Iterator[dict[str, Any]]:
        for name, space in iters:
            if not is_finite(space):
                head = f"`{name.split('#')[0]}` ranges over {show_space(space)}, which has infinitely many points"
                raise refuse("not-yet", head, span=term.at, help="a claim about them is for the proved reading: `by z3`")
        count = index_size(tuple(s for _, s in iters))
        if count > TERMS:
            raise _too_many(count, term)
        names = tuple(n for n, _ in iters)
        for values in index_points(tuple(s for _, s in iters)):
            yield dict(zip(names, map(_exact, values), strict=True))

    def _fold(self, term: Fold, env: Env) -> Any:
        parts: list[Any] = []
        for point in self._rounds(term.iters, term):
            inside = {**env, **point}
            counts = True if term.where is None else self._truth(self.value(term.where, inside))
            if is_condition(counts) and self._is_finite(counts):
                needed(_finite_symbol(counts), self.symbols)
            if is_condition(counts) and term.op in ("min", "max"):
                counts = needed(counts, self.symbols)
            if counts is False:
                continue
            value = self.value(term.body, inside)
            if term.op in ("and", "or"):
                value = self._truth(value)
            if counts is not True:
                value = self._pieces(counts, value, {"sum": ZERO, "product": ONE, "and": True, "or": False}[term.op])
            if value is (term.op == "or") and term.op in ("and", "or"):
                return value
            parts.append(value)
        return _folded(term, parts)

    def _is_finite(self, condition: Any) -> bool:
        return all(self.symbols.is_finite(s) for s in condition.free_symbols)

    # ----------------------------------------------------------------- spaces

    def member(self, value: Any, space: Space) -> Any:
        """Whether a value lies in a space."""
        match space:
            case Record(fields=fields):
                return self._all(self.member(v, s) for v, (_, s) in zip(value, fields, strict=True))
            case Family(item=item):
                return self._all(self.member(v, item) for v in value)
            case Bool() | Enum() if isinstance(value, Unknown) or is_condition(value):
                return True
            case Reals(lower=lower, upper=upper, whole=whole) if not isinstance(value, Fraction):
                if whole and value.is_integer is False:
                    return False
                if whole and not value.is_integer:
                    raise refuse(
                        "not-yet", f"whether `{value}` is a whole number has no closed form here",
                        help="supply the values it is made of",
                    )  # fmt: skip
                low = True if lower is None else self.compare("<=", lower, value)
                high = True if upper is None else self.compare("<=", value, upper)
                return self._all(iter((low, high)))
            case Grid(points=values) if not isinstance(value, Fraction):
                own = self.symbols.spaces.get(value)
                if isinstance(own, Grid) and set(own.points) <= set(values):
                    return True
                found = [self.compare("==", value, p) for p in values]
                return True if True in found else truth(sympy.Or(*found))
        return contains(space, value)

    def _checked(self, value: Any, space: Space, what: str, term: Check) -> Any:
        if _is_known(value) and not contains(space, value):
            headline = f"{what or 'the value'} is {show(value, space)}, which is not in {show_space(space)}"
            raise refuse("outside-type", headline, span=term.at, label="computed here")
        return value


# --------------------------------------------------------------------- helpers


def _is_known(value: Any) -> bool:
    return all(map(_is_known, value)) if isinstance(value, tuple) else isinstance(value, bool | str | Fraction)


def _exact(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_exact(v) for v in value)
    if isinstance(value, float):
        return sympy.nsimplify(value, rational=True)
    return Fraction(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _finite_symbol(condition: Any) -> Any:
    """The first symbol of a condition over finite numbers; knowing it decides more than the condition alone."""
    return min(condition.free_symbols, key=str)


def _branches(condition: Any, a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    """A `Piecewise`; an `else` that is one itself continues it."""
    first = ((a, condition),)
    if isinstance(b, sympy.Piecewise):
        return sympy.Piecewise(*first, *b.args, evaluate=False)
    return sympy.Piecewise(*first, (b, True), evaluate=False)


def _folded(term: Fold, parts: list[Any]) -> Any:
    if term.op in ("and", "or"):
        undecided = [p for p in parts if not isinstance(p, bool)]
        if not undecided:
            return term.op == "and"
        return truth((sympy.And if term.op == "and" else sympy.Or)(*undecided))
    if term.op in ("min", "max") and not parts:
        raise refuse("empty-fold", f"`{term.op}` of nothing: no value satisfies the condition", span=term.at)
    if all(isinstance(p, Fraction) for p in parts):
        known: dict[str, Callable[[list[Fraction]], Fraction]] = {
            "sum": lambda v: sum(v, ZERO), "product": lambda v: math.prod(v, start=ONE), "min": min, "max": max,
        }  # fmt: skip
        return known[term.op](parts)
    make = {"sum": sympy.Add, "product": sympy.Mul, "min": sympy.Min, "max": sympy.Max}[term.op]
    return number(make(*map(expr, parts)))


def _too_many(count: int, term: Any) -> Exception:
    return refuse(
        "over-budget", f"this would write out {count:,} parts; the limit is {TERMS:,}", span=term.at,
        help="choose smaller sizes",
    )  # fmt: skip


def _quotient(values: tuple[Fraction, ...], term: Prim) -> Fraction:
    if values[1] == 0:
        raise refuse("division-by-zero", "this divides by zero", span=term.at)
    return values[0] / values[1]


def _power(values: tuple[Fraction, ...], term: Prim) -> Any:
    base, exponent = values
    if base == 0 and exponent < 0:
        raise refuse("division-by-zero", "this divides by zero", span=term.at)
    if base < 0 and exponent.denominator != 1:
        raise refuse("outside-domain", f"{show(base)} has no power {show(exponent)} among the reals", span=term.at)
    if abs(exponent) > TERMS:
        raise refuse("over-budget", f"`^` with the exponent {show(exponent)} gives too long a number", span=term.at)
    return number(sympy.Pow(expr(base), expr(exponent)))


_EXACT: dict[str, Callable[[tuple[Fraction, ...], Prim], Any]] = {
    "+": lambda v, _: v[0] + v[1],
    "-": lambda v, _: v[0] - v[1],
    "*": lambda v, _: v[0] * v[1],
    "/": _quotient,
    "^": _power,
    "neg": lambda v, _: -v[0],
    "abs": lambda v, _: abs(v[0]),
    "floor": lambda v, _: Fraction(math.floor(v[0])),
    "min": lambda v, _: min(v),
    "max": lambda v, _: max(v),
    "clamp": lambda v, _: max(v[1], min(v[0], v[2])),
}
_SYMBOLIC: dict[str, Callable[[tuple[sympy.Expr, ...]], sympy.Expr]] = {
    "+": lambda v: v[0] + v[1],
    "-": lambda v: v[0] - v[1],
    "*": lambda v: v[0] * v[1],
    "/": lambda v: v[0] / v[1],
    "^": lambda v: v[0] ** v[1],
    "neg": lambda v: -v[0],
    "abs": lambda v: sympy.Abs(v[0]),
    "floor": lambda v: sympy.floor(v[0]),
    "exp": lambda v: sympy.exp(v[0]),
    "log": lambda v: sympy.log(v[0]),
    "sqrt": lambda v: sympy.sqrt(v[0]),
    "min": lambda v: sympy.Min(*v),
    "max": lambda v: sympy.Max(*v),
    "clamp": lambda v: sympy.Max(v[1], sympy.Min(v[0], v[2])),
}
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda x, y: x == y,
    "!=": lambda x, y: x != y,
    "<": lambda x, y: x < y,
    "<=": lambda x, y: x <= y,
    ">": lambda x, y: x > y,
    ">=": lambda x, y: x >= y,
}
_RELATIONS = {"==": sympy.Eq, "!=": sympy.Ne, "<": sympy.Lt, "<=": sympy.Le, ">": sympy.Gt, ">=": sympy.Ge}

__all__ = ["ONE", "TERMS", "ZERO", "Outcomes", "Translator"]
