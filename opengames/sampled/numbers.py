"""Arithmetic on numbers that may be known only at run time, with their bounds.

Each function gives the result and, where something can go wrong, what and when: (result, faults), where
`faults` are (code, headline, flag) triples. Numbers known beforehand are computed exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from opengames.arithmetic import primitive
from opengames.diagnostics import Refusal
from opengames.sampled.backend import jax, jnp
from opengames.sampled.values import INF, Num, number, raw, settle

Fault = tuple[str, str, Any]
Result = tuple[Num, tuple[Fault, ...]]

#: Computed numbers this close, relative to their size, count as equal.
SAME = 1e-12
_ZERO = number(0)
_LARGEST_EXPONENT = 709.0


def arithmetic(op: str, args: list[Num]) -> Result:
    """`op` of numbers, for every arithmetic primitive."""
    if all(a.known for a in args):
        return _exactly(op, args)
    return _OPS[op](*args)


def _exactly(op: str, args: list[Num]) -> Result:
    codes = tuple((lambda env, x=a.x: x) for a in args)
    try:
        return number(primitive(op, codes, Fraction, _PLENTY, None)({})), ()
    except Refusal as refused:
        found = refused.diagnostics[0]
        return _ZERO, ((found.code, found.headline, True),)


class _Plenty:
    """A meter for single operations, which never take long."""

    left = 1 << 62

    def weigh(self, value: Any, at: Any) -> Any:
        return value


_PLENTY: Any = _Plenty()


def _make(x: Any, lo: float, hi: float, grain: int | None = None) -> Num:
    return settle(Num(x, lo, hi, grain))


def _grain(a: Num, b: Num) -> int | None:
    return None if a.grain is None or b.grain is None else max(a.grain, b.grain)


def _add(a: Num, b: Num) -> Result:
    if a.known and a.x == 0:
        return b, ()
    if b.known and b.x == 0:
        return a, ()
    return _make(raw(a) + raw(b), a.lo + b.lo, a.hi + b.hi, _grain(a, b)), ()


def _subtract(a: Num, b: Num) -> Result:
    if b.known and b.x == 0:
        return a, ()
    return _make(raw(a) - raw(b), a.lo - b.hi, a.hi - b.lo, _grain(a, b)), ()


def _multiply(a: Num, b: Num) -> Result:
    for one, other in ((a, b), (b, a)):
        if one.known and one.x == 1:
            return other, ()
        if one.known and one.x == 0 and other.bound < INF:
            return _ZERO, ()
    grain = None if a.grain is None or b.grain is None else a.grain + b.grain
    return _make(raw(a) * raw(b), *_corners(lambda p, q: p * q, a, b), grain), ()


def _corners(f: Callable[[float, float], float], a: Num, b: Num) -> tuple[float, float]:
    found = [f(p, q) for p in (a.lo, a.hi) for q in (b.lo, b.hi)]
    return (-INF, INF) if any(math.isnan(v) for v in found) else (min(found), max(found))


def _divide(a: Num, b: Num) -> Result:
    if b.known:
        if b.x == 0:
            return _ZERO, (("division-by-zero", "this divides by zero", True),)
        if b.x == 1:
            return a, ()
        scale = 1 / b.x
        lo, hi = sorted((a.lo * float(scale), a.hi * float(scale)))
        halving = number(scale).grain
        grain = None if a.grain is None or halving is None else a.grain + halving
        x = a.x * float(scale) if halving is not None else a.x / float(b.x)
        return _make(x, lo, hi, grain), ()
    if b.lo > 0 or b.hi < 0:
        return _make(raw(a) / b.x, *_corners(lambda p, q: p / q, a, b)), ()
    zero = b.x == 0
    x = raw(a) / jnp.where(zero, 1.0, b.x)
    return Num(x), (("division-by-zero", "this divides by zero", zero),)


def _power(a: Num, b: Num) -> Result:
    if b.known and isinstance(b.x, Fraction) and b.x.denominator == 1 and abs(b.x) <= 64:
        return _whole_power(a, int(b.x))
    if a.known and a.x > 0:
        return _exp(_make(raw(b) * math.log(a.x), *_corners(lambda p, q: p * q, b, number(math.log(a.x)))))
    x, y = jnp.asarray(raw(a)), jnp.asarray(raw(b))
    whole = y == jnp.round(y)
    bad = (x < 0) & ~whole
    zero = (x == 0) & (y < 0)
    value = jnp.power(jnp.where(bad | zero, 1.0, x), y)
    faults: list[Fault] = []
    if a.lo < 0:
        faults.append(("outside-domain", "a negative number has no fractional power among the reals", bad))
    if a.lo <= 0 <= a.hi and b.lo < 0:
        faults.append(("division-by-zero", "this divides by zero", zero))
    faults.append(("overflow", "the result is too large for a floating-point number", ~jnp.isfinite(value)))
    return Num(value, 0.0 if a.lo >= 0 else -INF), tuple(faults)


def _whole_power(a: Num, n: int) -> Result:
    if n < 0:
        under, faults = _whole_power(a, -n)
        found, more = _divide(number(1), under)
        return found, faults + more
    if n == 0:
        return number(1), ()
    ends = [_finite_power(a.lo, n), _finite_power(a.hi, n)] + ([0.0] if a.lo < 0 < a.hi else [])
    grain = None if a.grain is None else a.grain * n
    return _make(jax.lax.integer_pow(a.x, n), min(ends), max(ends), grain), ()


def _finite_power(x: float, n: int) -> float:
    try:
        return x**n
    except OverflowError:
        return INF if x > 0 or n % 2 == 0 else -INF


def _negate(a: Num) -> Result:
    return _make(-a.x, -a.hi, -a.lo, a.grain), ()


def _absolute(a: Num) -> Result:
    if a.lo >= 0:
        return a, ()
    return _make(jnp.abs(a.x), 0.0 if a.hi > 0 else -a.hi, a.bound, a.grain), ()


def _exp(a: Num) -> Result:
    hi = math.exp(a.hi) if a.hi <= _LARGEST_EXPONENT else INF
    lo = math.exp(a.lo) if a.lo <= _LARGEST_EXPONENT else 0.0
    faults: tuple[Fault, ...] = ()
    if hi == INF:
        faults = (("overflow", "the result is too large for a floating-point number", ~(a.x <= _LARGEST_EXPONENT)),)
    return Num(jnp.exp(a.x), lo * (1 - 1e-9), hi * (1 + 1e-9)), faults


def _log(a: Num) -> Result:
    lo = math.log(a.lo) if a.lo > 0 else -INF
    hi = math.log(a.hi) if 0 < a.hi < INF else INF
    if a.lo > 0:
        return Num(jnp.log(a.x), lo, hi), ()
    bad = ~(a.x > 0)
    return Num(jnp.log(jnp.where(bad, 1.0, a.x)), lo, hi), (
        ("outside-domain", "a number that is not positive has no logarithm", bad),
    )


def _sqrt(a: Num) -> Result:
    hi = math.sqrt(a.hi) if 0 <= a.hi < INF else INF
    if a.lo >= 0:
        return Num(jnp.sqrt(a.x), 0.0, hi), ()
    bad = ~(a.x >= -SAME)
    return Num(jnp.sqrt(jnp.maximum(a.x, 0.0)), 0.0, hi), (
        ("outside-domain", "a negative number has no square root among the reals", bad),
    )


def _floor(a: Num) -> Result:
    x = a.x if a.grain is not None else a.x + SAME * jnp.maximum(1.0, jnp.abs(a.x))
    lo = math.floor(a.lo) if a.lo > -INF else -INF
    hi = math.floor(a.hi + SAME * max(1.0, abs(a.hi))) if a.hi < INF else INF
    return _make(jnp.floor(x), lo, hi, 0), ()


def _smaller(a: Num, b: Num) -> Num:
    if a.hi <= b.lo:
        return a
    if b.hi <= a.lo:
        return b
    return _make(jnp.minimum(raw(a), raw(b)), min(a.lo, b.lo), min(a.hi, b.hi), _grain(a, b))


def _larger(a: Num, b: Num) -> Num:
    if a.lo >= b.hi:
        return a
    if b.lo >= a.hi:
        return b
    return _make(jnp.maximum(raw(a), raw(b)), max(a.lo, b.lo), max(a.hi, b.hi), _grain(a, b))


def _min(*args: Num) -> Result:
    found = args[0]
    for each in args[1:]:
        found = _smaller(found, each)
    return found, ()


def _max(*args: Num) -> Result:
    found = args[0]
    for each in args[1:]:
        found = _larger(found, each)
    return found, ()


def _clamp(x: Num, lower: Num, upper: Num) -> Result:
    return _larger(lower, _smaller(x, upper)), ()


_OPS: dict[str, Callable[..., Result]] = {
    "+": _add, "-": _subtract, "*": _multiply, "/": _divide, "^": _power, "neg": _negate, "abs": _absolute,
    "exp": _exp, "log": _log, "sqrt": _sqrt, "floor": _floor, "min": _min, "max": _max, "clamp": _clamp,
}  # fmt: skip

ARITHMETIC = frozenset(_OPS)


# ---------------------------------------------------------------- comparisons


def compare(op: str, a: Num, b: Num) -> tuple[Any, tuple[Fault, ...]]:
    """`==`, `<` or `<=` of two numbers; see the module `values` for when two numbers are the same."""
    if a.known and b.known:
        x, y = (float(a.x), float(b.x)) if isinstance(a.x, float) or isinstance(b.x, float) else (a.x, b.x)
        return {"==": x == y, "<": x < y, "<=": x <= y}[op], ()
    if op != "==" and a.hi < b.lo:
        return True, ()
    if op != "==" and a.lo > b.hi:
        return False, ()
    faults: tuple[Fault, ...] = ()
    if a.bound == INF or b.bound == INF:
        nan = [v.x != v.x for v in (a, b) if v.bound == INF and not v.known]
        if nan:
            lost = nan[0] if len(nan) == 1 else nan[0] | nan[1]
            faults = (("overflow", "this compares a number too large for floating point", lost),)
    x, y = raw(a), raw(b)
    slack = _slack(a, b)
    if slack is None:
        return {"==": x == y, "<": x < y, "<=": x <= y}[op], faults
    if op == "==":
        return jnp.abs(x - y) <= slack, faults
    return (x + slack < y, faults) if op == "<" else (x <= y + slack, faults)


def _slack(a: Num, b: Num) -> Any:
    """How far apart two numbers may be and still count as the same; `None` if both are exact."""
    if a.grain is not None and b.grain is not None:
        return None
    scales = [v.bound for v in (a, b) if v.bound > 0]
    scale = min(scales) if scales else 0.0
    if scale == 0.0:
        return None
    if scale < 1e50:
        return SAME * scale
    return SAME * jnp.maximum(jnp.abs(raw(a)), jnp.abs(raw(b)))


def infinite(x: Any) -> Any:
    return ~jnp.isfinite(x)
