"""Arithmetic on numbers that may be open. What is known is computed in rationals, intervals go along, the rest becomes z3.

Functions that leave the rationals are under contract (`contracts`), quotients of sums of exponentials are shares (`shares`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import z3

from opengames.cases import Undecided
from opengames.proved.contracts import DEGREE, Contracts
from opengames.proved.intervals import Interval, total
from opengames.proved.laws import Laws
from opengames.proved.shares import Shares
from opengames.proved.values import Labels, Num, Truth, Value, expr, interval, less, number

_MOST_BITS = 1 << 18


class Arithmetic:
    """Operations on numbers; `laws` collects what is known of the fresh numbers that they make."""

    def __init__(self, labels: Labels, laws: Laws) -> None:
        self.labels, self.laws = labels, laws
        self.contracts = Contracts(laws)
        self.shares = Shares(laws, self.contracts.argument)

    # ----------------------------------------------------------------------- rational

    def add(self, values: Sequence[Value]) -> Value:
        """The sum."""
        constant = sum((Fraction(v) for v in values if not isinstance(v, Num)), Fraction(0))
        opened = [v for v in values if isinstance(v, Num)]
        if not opened:
            return constant
        if len(opened) == 1 and constant == 0:
            return opened[0]
        weights, whole = _weights(opened, constant)
        if weights is not None and whole is not None:
            return self.shares.part(whole, weights)
        parts = [v.expr for v in opened] + ([number(constant)] if constant else [])
        within = total([v.interval for v in opened] + [interval(constant)])
        return Num(z3.Sum(parts), within, weights)

    def neg(self, a: Value) -> Value:
        return self.mul(Fraction(-1), a)

    def sub(self, a: Value, b: Value) -> Value:
        if isinstance(a, Num) and isinstance(b, Num) and a.expr.eq(b.expr):
            return Fraction(0)
        return self.add((a, self.neg(b)))

    def mul(self, a: Value, b: Value) -> Value:
        """The product."""
        if not isinstance(a, Num) and not isinstance(b, Num):
            return Fraction(a) * Fraction(b)
        if isinstance(a, Num) and isinstance(b, Num):
            if a.expr.eq(b.expr):
                return Num(a.expr * b.expr, (a.interval * b.interval).meet(Fraction(0), None))
            return Num(a.expr * b.expr, a.interval * b.interval)
        scale, of = (b, a) if isinstance(a, Num) else (a, b)
        scale = Fraction(scale)
        if scale == 0:
            return Fraction(0)
        if scale == 1:
            return of
        weights = None if of.weights is None else {k: w * scale for k, w in of.weights.items()}
        return Num(number(scale) * of.expr, of.interval * interval(scale), weights, of.whole)

    def div(self, a: Value, b: Value) -> Value:
        """The quotient, where b is not 0 (that is the caller's obligation; of 0 anything is returned)."""
        if not isinstance(b, Num):
            return self.mul(a, 1 / Fraction(b)) if b else Fraction(0)
        part = a.weights if isinstance(a, Num) and a.whole is None else None if isinstance(a, Num) else {"": Fraction(a)}
        shared = self.shares.quotient(part, b.weights) if b.whole is None else None
        if shared is not None:
            return shared
        if isinstance(a, Num) and a.expr.eq(b.expr):
            return Fraction(1)
        if not isinstance(a, Num) and a == 0:
            return Fraction(0)
        return Num(expr(a) / b.expr, interval(a) * b.interval.inverse())

    def power(self, base: Value, exponent: Value, need: Callable[[Truth, str], None]) -> Value:
        """base ^ exponent for a known rational exponent. need: called with what must hold, and words for when it does not."""
        if isinstance(exponent, Num):
            raise Undecided("the exponent of a `^` is not known: the proved reading takes whole exponents that are")
        exponent = Fraction(exponent)
        n, d = exponent.numerator, exponent.denominator
        if abs(n) > DEGREE and isinstance(base, Num):
            raise Undecided(f"`^ {n}` is of a higher degree than the proved reading takes ({DEGREE})")
        if not isinstance(base, Num) and base != 0 and abs(n) * max(
            Fraction(base).numerator.bit_length(), Fraction(base).denominator.bit_length()
        ) > _MOST_BITS:
            raise Undecided("a power is too long a number")
        if d != 1:
            need(at_least_zero(base), "a power with a broken exponent is taken of a number below 0")
            base = self.contracts.root(base, d)
        if n < 0:
            need(not_zero(base), "this divides by zero")
            return self.div(Fraction(1), self._whole_power(base, -n))
        return self._whole_power(base, n)

    def _whole_power(self, base: Value, n: int) -> Value:
        if not isinstance(base, Num):
            return Fraction(base) ** n
        if n == 0:
            return Fraction(1)
        found: Value = base
        for _ in range(n - 1):
            found = self.mul(found, base)
        if n % 2 == 0 and isinstance(found, Num):
            return Num(found.expr, found.interval.meet(Fraction(0), None))
        return found

    # --------------------------------------------------------------------- piecewise

    def least(self, values: Sequence[Value]) -> Value:
        return self._extreme(values, lambda a, b: less(b, a), min)

    def greatest(self, values: Sequence[Value]) -> Value:
        return self._extreme(values, less, max)

    def _extreme(self, values: Sequence[Value], worse: Callable[[Value, Value], Truth], of_known: Any) -> Value:
        known = [v for v in values if not isinstance(v, Num)]
        rest = [v for v in values if isinstance(v, Num)]
        todo = ([of_known(known)] if known else []) + rest
        found = todo[0]
        for each in todo[1:]:
            found = self._better(worse(found, each), each, found, of_known)
        return found

    def _better(self, swap: Truth, each: Value, found: Value, of_known: Any) -> Value:
        chosen = self.labels.choose(swap, each, found)
        if not isinstance(chosen, Num) or isinstance(swap, bool):
            return chosen
        a, b = interval(each), interval(found)
        if of_known is min:
            ends = (chosen.interval.lower, _least_of(a.upper, b.upper))
        else:
            ends = (_greatest_of(a.lower, b.lower), chosen.interval.upper)
        return Num(chosen.expr, chosen.interval.meet(*ends))

    def absolute(self, a: Value) -> Value:
        if not isinstance(a, Num):
            return abs(Fraction(a))
        if a.interval.is_nonnegative:
            return a
        found = self.greatest((a, self.neg(a)))
        return Num(found.expr, found.interval.meet(Fraction(0), None)) if isinstance(found, Num) else found

    def floor(self, a: Value) -> Value:
        if not isinstance(a, Num):
            return Fraction(a.numerator // a.denominator)
        low, high = a.interval.lower, a.interval.upper
        within = Interval(
            None if low is None else Fraction(low.numerator // low.denominator),
            None if high is None else Fraction(high.numerator // high.denominator),
        )
        return Num(z3.ToReal(z3.ToInt(a.expr)), within)

def _weights(opened: list[Num], constant: Fraction) -> tuple[dict[str, Fraction] | None, Any]:
    """The weights of a sum and what they are shares in; (None, None) where it is not a sum of exponentials or shares."""
    wholes = {each.whole for each in opened}
    if len(wholes) > 1 or any(each.weights is None for each in opened):
        return None, None
    whole = wholes.pop()
    if whole is not None and constant:
        return None, None
    found: dict[str, Fraction] = {}
    for each in opened:
        for name, weight in (each.weights or {}).items():
            found[name] = found.get(name, Fraction(0)) + weight
    if constant:
        found[""] = found.get("", Fraction(0)) + constant
    return found, whole


def at_least_zero(a: Value) -> Truth:
    if not isinstance(a, Num):
        return bool(a >= 0)
    return True if a.interval.is_nonnegative else a.expr >= 0


def not_zero(a: Value) -> Truth:
    if not isinstance(a, Num):
        return bool(a != 0)
    return True if a.interval.is_positive or (-a.interval).is_positive else a.expr != 0


def _least_of(a: Fraction | None, b: Fraction | None) -> Fraction | None:
    return b if a is None else a if b is None else min(a, b)


def _greatest_of(a: Fraction | None, b: Fraction | None) -> Fraction | None:
    return b if a is None else a if b is None else max(a, b)


__all__ = ["Arithmetic", "at_least_zero", "not_zero"]
