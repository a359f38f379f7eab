"""Primitive functions and folds on exact numbers, with a meter that stops work that would never end.

A rational may grow: forty squarings of 3/2 need more memory than there is. Numbers beyond a few
thousand bits are charged by their length, and refused beyond a quarter of a million bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from opengames.diagnostics import Refusal, refuse
from opengames.show import digits
from opengames.spans import Span

Env = dict[str, Any]
Code = Callable[[Env], Any]

_FREE_BITS = 4_096
_MOST_BITS = 1 << 18


class Meter:
    """The steps that are left. Work that would exceed them is refused with `over-budget`."""

    __slots__ = ("left", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = self.left = limit

    def empty(self, at: Span | None, wanted: int = 0) -> Refusal:
        """The refusal to raise once the steps are used up."""
        found = f"this would take {digits(Fraction(wanted))} more steps" if wanted else "this takes too many steps"
        return refuse(
            "over-budget",
            f"{found}; the limit is {self.limit}",
            span=at,
            help="use a smaller size, or ask `by simulate`",
        )

    def weigh(self, value: Any, at: Span | None) -> Any:
        """`value` itself, charged for its length if it is a long rational."""
        if isinstance(value, Fraction):
            bits = value.numerator.bit_length() + value.denominator.bit_length()
            if bits > _FREE_BITS:
                self._charge(bits, at)
        return value

    def _charge(self, bits: int, at: Span | None) -> None:
        if bits > _MOST_BITS:
            raise refuse(
                "over-budget",
                f"an exact number here needs {bits} bits; the limit is {_MOST_BITS}",
                span=at,
                help="ask `by simulate`, which computes with floats",
            )
        self.left -= (bits >> 10) ** 2
        if self.left < 0:
            raise self.empty(at)


def as_number(value: Any, number: type) -> Any:
    """A constant with every number in it a `Fraction` (or `float`), so that no `int` leaks into results."""
    if isinstance(value, tuple):
        return tuple([as_number(v, number) for v in value])
    if isinstance(value, bool) or not isinstance(value, (int, Fraction, float)):
        return value
    if number is Fraction:
        return value if isinstance(value, float) else Fraction(value)
    return float(value)


def primitive(op: str, args: tuple[Code, ...], number: type, meter: Meter, at: Span | None) -> Code:
    """The function that applies primitive `op` to what `args` evaluate to."""
    if op in _LAZY:
        return _LAZY[op](*args)
    if op in _EXACT:
        one, zero = number(1), number(0)
        return _EXACT[op](args, one, zero, number is Fraction)
    if op in _BINARY:
        return _guarded(_BINARY[op], args, meter, at)
    if op in _UNARY:
        return _guarded(_UNARY[op], args, meter, at)
    raise ValueError(f"no primitive is called {op!r}")


def folder(
    op: str, values: Callable[[Env], Iterator[Any]], number: type, meter: Meter, at: Span | None
) -> Callable[[Env], Any]:
    """`sum`, `product`, `min`, `max`, `and` or `or` of what `values` yields."""
    one, zero = number(1), number(0)

    def total(env: Env) -> Any:
        found = zero
        try:
            for v in values(env):
                found = meter.weigh(found + v, at)
        except OverflowError:
            raise _overflow("sum", at) from None
        return found

    def product(env: Env) -> Any:
        found = one
        try:
            for v in values(env):
                found = meter.weigh(found * v, at)
        except OverflowError:
            raise _overflow("product", at) from None
        return found

    def extreme(env: Env) -> Any:
        found = list(values(env))
        if not found:
            raise refuse("empty-fold", f"`{op}` of nothing: no value satisfies the condition", span=at)
        return min(found) if op == "min" else max(found)

    known: dict[str, Callable[[Env], Any]] = {
        "sum": total,
        "product": product,
        "min": extreme,
        "max": extreme,
        "and": lambda env: all(values(env)),
        "or": lambda env: any(values(env)),
    }
    return known[op]


# ------------------------------------------------------------------ primitives


def _guarded(function: Callable[..., Any], args: tuple[Code, ...], meter: Meter, at: Span | None) -> Code:
    """Arithmetic, with its faults turned into refusals and long numbers charged for."""

    def two(env: Env) -> Any:
        x, y = left(env), right(env)
        try:
            found = function(x, y)
        except (ZeroDivisionError, OverflowError, ValueError) as fault:
            raise _fault(fault, at) from None
        if isinstance(found, Fraction) and (
            found.denominator.bit_length() > _FREE_BITS or found.numerator.bit_length() > _FREE_BITS
        ):
            meter.weigh(found, at)
        return found

    def one(env: Env) -> Any:
        x = left(env)
        try:
            return function(x)
        except (ZeroDivisionError, OverflowError, ValueError) as fault:
            raise _fault(fault, at) from None

    left = args[0]
    if len(args) == 1:
        return one
    right = args[1]
    return two


class _TooLong(ValueError):
    """An exact power too long to write down."""


def _fault(fault: Exception, at: Span | None) -> Refusal:
    if isinstance(fault, ZeroDivisionError):
        return refuse("division-by-zero", "this divides by zero", span=at)
    if isinstance(fault, OverflowError):
        return _overflow("result", at)
    if isinstance(fault, _TooLong):
        return refuse("over-budget", str(fault), span=at, help="ask `by simulate`, which computes with floats")
    return refuse("outside-domain", str(fault), span=at)


def _overflow(what: str, at: Span | None) -> Refusal:
    return refuse("overflow", f"the {what} is too large for a floating-point number", span=at)


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(exponent, float) and exponent.is_integer():
        exponent = Fraction(int(exponent))
    if isinstance(exponent, Fraction) and exponent.denominator == 1:
        power = exponent.numerator
        if isinstance(base, Fraction):
            bits = max(base.numerator.bit_length(), base.denominator.bit_length())
            if base not in (0, 1, -1) and (bits - 1) * abs(power) + 1 > _MOST_BITS:
                raise _TooLong(f"`^` with the exponent {digits(exponent)} gives too long a number to compute exactly")
        return base**power
    if base < 0:
        raise ValueError(f"{digits(base)} has no power {digits(exponent)} among the reals")
    if base == 0 and exponent < 0:
        raise ZeroDivisionError
    exact = _root(base, exponent)
    return math.pow(base, exponent) if exact is None else exact


def _root(base: Any, exponent: Any) -> Fraction | None:
    """The rational power where it is rational, tried for small roots of short numbers."""
    if not isinstance(base, Fraction) or not isinstance(exponent, Fraction) or exponent.denominator > 64:
        return None
    if max(base.numerator.bit_length(), base.denominator.bit_length()) > 512:
        return None
    n = exponent.denominator
    top, bottom = (round(_float_root(k, n)) for k in (base.numerator, base.denominator))
    if top**n == base.numerator and bottom**n == base.denominator:
        found = _power(Fraction(top, bottom), Fraction(exponent.numerator))
        return found if isinstance(found, Fraction) else None
    return None


def _float_root(k: int, n: int) -> float | int:
    return math.isqrt(k) if n == 2 else k ** (1.0 / n)


def _sqrt(x: Any) -> Any:
    if x < 0:
        raise ValueError(f"{digits(x)} has no square root among the reals")
    if isinstance(x, Fraction):
        top, bottom = math.isqrt(x.numerator), math.isqrt(x.denominator)
        if top * top == x.numerator and bottom * bottom == x.denominator:
            return Fraction(top, bottom)
    return math.sqrt(x)


def _log(x: Any) -> Any:
    if x <= 0:
        raise ValueError(f"{digits(x)} has no logarithm: it is not positive")
    if isinstance(x, Fraction):
        if x == 1:
            return Fraction(0)
        return math.log(x.numerator) - math.log(x.denominator)
    return math.log(x)


def _exp(x: Any) -> Any:
    if isinstance(x, Fraction) and x == 0:
        return Fraction(1)
    return math.exp(x)


def _floor(x: Any) -> Any:
    return Fraction(math.floor(x)) if isinstance(x, Fraction) else float(math.floor(x))


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "^": _power,
}
_UNARY: dict[str, Callable[[Any], Any]] = {
    "neg": lambda x: -x,
    "abs": abs,
    "exp": _exp,
    "log": _log,
    "sqrt": _sqrt,
    "floor": _floor,
}


def _floats(value: Any) -> Any:
    """Numbers as floats: a float reading compares a point of a grid with a computed number."""
    if isinstance(value, tuple):
        return tuple([_floats(v) for v in value])
    return float(value) if isinstance(value, Fraction) else value


def _compare(function: Callable[[Any, Any], bool]) -> Callable[..., Code]:
    def make(args: tuple[Code, ...], one: Any, zero: Any, exact: bool) -> Code:
        left, right = args
        if exact:
            return lambda env: function(left(env), right(env))
        return lambda env: function(_floats(left(env)), _floats(right(env)))

    return make


def _several(function: Callable[[list[Any]], Any]) -> Callable[..., Code]:
    def make(args: tuple[Code, ...], one: Any, zero: Any, exact: bool) -> Code:
        return lambda env: function([a(env) for a in args])

    return make


def _indicator(args: tuple[Code, ...], one: Any, zero: Any, exact: bool) -> Code:
    of = args[0]
    return lambda env: one if of(env) else zero


def _not(args: tuple[Code, ...], one: Any, zero: Any, exact: bool) -> Code:
    of = args[0]
    return lambda env: not of(env)


_EXACT: dict[str, Callable[..., Code]] = {
    "==": _compare(lambda x, y: x == y),
    "!=": _compare(lambda x, y: x != y),
    "<": _compare(lambda x, y: x < y),
    "<=": _compare(lambda x, y: x <= y),
    ">": _compare(lambda x, y: x > y),
    ">=": _compare(lambda x, y: x >= y),
    "min": _several(min),
    "max": _several(max),
    "clamp": _several(lambda v: max(v[1], min(v[0], v[2]))),
    "ind": _indicator,
    "not": _not,
}
_LAZY: dict[str, Callable[..., Code]] = {
    "and": lambda a, b: lambda env: a(env) and b(env),
    "or": lambda a, b: lambda env: a(env) or b(env),
    "implies": lambda a, b: lambda env: not a(env) or b(env),
}
