"""Contracts: fresh numbers that obey the laws of `exp`, `log` and roots, which leave the rationals.

What is proved of every number that obeys the laws is true of the true value; a case found against a claim is only a suspicion.

* `e = exp(a)`: e > 0; e >= 1 + a; e (1 - a) <= 1; e > 1 as a > 0; increasing in a; exp(a) exp(b) = exp(c) where c is plainly a + b;
  rational bounds from those on a.
* `y = log(x)`, where x > 0: y <= x - 1; x y >= x - 1; y > 0 as x > 1; increasing in x; exp and log undo each other.
* the root r of x >= 0 of degree n: r >= 0 and r^n = x, which is all there is to know.

Each distinct argument has one number.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import z3

from opengames.cases import Undecided
from opengames.proved import bounds
from opengames.proved.intervals import Interval
from opengames.proved.laws import Laws, name_of
from opengames.proved.values import Num, Value, expr, interval

PAIRS = 10
"""Exponentials or logarithms whose order and products are told."""
DEGREE = 16
"""The highest power and root."""

EXP = "`exp` by its laws"
LOG = "`log` by its laws"


class Contracts:
    """See the module."""

    def __init__(self, laws: Laws) -> None:
        self.laws = laws
        self._known: dict[tuple[str, Any], tuple[Value, Num]] = {}  # (function, argument) -> argument, value
        self.exps: dict[str, tuple[Value, Num]] = {}  # by name: argument, value
        self._logs: list[tuple[Value, Num]] = []

    def argument(self, name: str) -> Value:
        """The argument of an exponential, by its name; 0 for the name of 1."""
        return self.exps[name][0] if name else Fraction(0)

    def exp(self, a: Value) -> Value:
        """e^a."""
        if not isinstance(a, Num) and a == 0:
            return Fraction(1)
        undone = self._undone(a, self._logs)
        found = undone if undone is not None else self._find("exp", a)
        if found is not None:
            return found
        ends = interval(a)
        low = Fraction(0) if ends.lower is None else bounds.exp(ends.lower)[0]
        high = None if ends.upper is None else bounds.exp(ends.upper)[1]
        within = Interval(low, high, open_below=low == 0)
        made = self.laws.new("exp", within, EXP)
        e, x = made.expr, expr(a)
        laws = [e > 0, e >= 1 + x, (x > 0) == (e > 1), (x == 0) == (e == 1)]
        self.laws.law(z3.And(laws), EXP, made)
        if isinstance(a, Num):
            self.laws.law(e * (1 - x) <= 1, EXP, made)
        for other, f in list(self.exps.values())[-PAIRS:]:
            y = expr(other)
            self.laws.law(z3.And((x < y) == (e < f.expr), (x == y) == (e == f.expr)), EXP, made, f)
        self._products(a, made)
        value = Num(e, within, {name_of(made): Fraction(1)})
        self.exps[name_of(made)] = (a, value)
        return self._keep("exp", a, value)

    def log(self, x: Value) -> Value:
        """The logarithm of a number that is positive (the caller's obligation)."""
        if not isinstance(x, Num) and x == 1:
            return Fraction(0)
        undone = self._undone(x, list(self.exps.values()))
        found = undone if undone is not None else self._find("log", x)
        if found is not None:
            return found
        ends = interval(x)
        positive = ends.lower is not None and ends.lower > 0
        low = bounds.log(ends.lower)[0] if positive and ends.lower is not None else None
        high = bounds.log(ends.upper)[1] if positive and ends.upper is not None else None
        within = Interval(low, high)
        value = self.laws.new("log", within, LOG)
        e, y = expr(x), value.expr
        laws = z3.And(y <= e - 1, e * y >= e - 1, (e > 1) == (y > 0), (e == 1) == (y == 0))
        self.laws.law(z3.Implies(e > 0, laws), LOG, value)
        for other, made in self._logs[-PAIRS:]:
            a = expr(other)
            ordered = z3.And((a < e) == (made.expr < y), (a == e) == (made.expr == y))
            self.laws.law(z3.Implies(z3.And(e > 0, a > 0), ordered), LOG, made, value)
        self._logs.append((x, value))
        return self._keep("log", x, value)

    def root(self, a: Value, degree: int) -> Value:
        """The root of a number that is not below 0 (the caller's obligation)."""
        exact = _exact_root(Fraction(a), degree) if not isinstance(a, Num) else None
        if exact is not None:
            return exact
        if degree > DEGREE:
            raise Undecided(f"a root of degree {degree} is beyond the proved reading ({DEGREE})")
        found = self._find(f"root {degree}", a)
        if found is not None:
            return found
        value = self.laws.new("root", Interval(Fraction(0)))
        power = value.expr
        for _ in range(degree - 1):
            power = power * value.expr
        self.laws.law(z3.Implies(expr(a) >= 0, power == expr(a)), "", value)
        return self._keep(f"root {degree}", a, value)

    def _products(self, a: Value, e: Num) -> None:
        """exp(a) exp(b) = exp(c) where c is plainly a + b, for the few exponentials that there are."""
        if len(self.exps) >= PAIRS:
            return
        trio = [*self.exps.values(), (a, e)]
        for i, (x, ex) in enumerate(trio):
            for y, ey in trio[i:]:
                together = expr(x) + expr(y)
                if e in (ex, ey) and _is_zero(together):
                    self.laws.law(ex.expr * ey.expr == 1, EXP, ex, ey)
                for z, ez in trio:
                    if e in (ex, ey, ez) and _is_zero(together - expr(z)):
                        self.laws.law(ex.expr * ey.expr == ez.expr, EXP, ex, ey, ez)

    def _undone(self, a: Value, inverses: list[tuple[Value, Num]]) -> Value | None:
        if not isinstance(a, Num):
            return None
        return next((x for x, made in inverses if made.expr.eq(a.expr)), None)

    def _find(self, function: str, a: Value) -> Num | None:
        found = self._known.get((function, _identity(a)))
        return None if found is None else found[1]

    def _keep(self, function: str, a: Value, value: Num) -> Num:
        self._known[function, _identity(a)] = (a, value)  # the argument stays alive, and with it its identity
        return value


def _identity(a: Value) -> Any:
    return a.expr.get_id() if isinstance(a, Num) else ("known", Fraction(a))


def _is_zero(term: Any) -> bool:
    found = z3.simplify(term, som=True)
    return bool(z3.is_rational_value(found) and found.numerator_as_long() == 0)


def _exact_root(a: Fraction, degree: int) -> Fraction | None:
    if a < 0:
        return None
    ends = []
    for k in (a.numerator, a.denominator):
        root = round(k ** (1.0 / degree)) if k.bit_length() < 500 else 0
        if root**degree != k:
            return None
        ends.append(root)
    return Fraction(ends[0], ends[1])


__all__ = ["DEGREE", "EXP", "LOG", "Contracts"]
