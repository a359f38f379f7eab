"""Rational bounds on `exp` and `log` of a rational, rigorous: the true value lies between them.

`exp` by its Taylor series after halving the argument until it is at most 1/2, with the remainder bounded by twice the first term
left out; `log` by bisection on those bounds. Both are within about 1e-15 of the value, relatively.
"""

from __future__ import annotations

import math
from fractions import Fraction

LARGEST = 64
"""Arguments of `exp` beyond this are bounded by nothing but 0."""

_TERMS = 24
_DIGITS = 10**24


def exp(x: Fraction) -> tuple[Fraction, Fraction | None]:
    """Lower and upper bound on e^x; (0, None) far from 0."""
    if x == 0:
        return Fraction(1), Fraction(1)
    if abs(x) > LARGEST:
        return (Fraction(0), Fraction(1)) if x < 0 else (1 + x, None)
    halvings = max(0, math.ceil(math.log2(float(abs(x)) + 1)) + 1)
    small = x / 2**halvings
    term = total = Fraction(1)
    for n in range(1, _TERMS):
        term = term * small / n
        total += term
    rest = 2 * abs(term)
    low, high = total - rest, total + rest
    for _ in range(halvings):
        low, high = _down(low * low), _up(high * high)
    return low, high


def log(x: Fraction) -> tuple[Fraction, Fraction]:
    """Lower and upper bound on the natural logarithm of x > 0."""
    if x == 1:
        return Fraction(0), Fraction(0)
    shift = x.numerator.bit_length() - x.denominator.bit_length()
    low2, high2 = _log_near(Fraction(2))
    low, high = _log_near(x / Fraction(2) ** shift)
    ends = sorted((shift * low2, shift * high2))
    return low + ends[0], high + ends[1]


def _log_near(x: Fraction) -> tuple[Fraction, Fraction]:
    """For x between 1/2 and 2, from the floats: shifted until `exp` confirms both ends."""
    guess = Fraction(math.log(x.numerator) - math.log(x.denominator))
    slack = Fraction(1, 10**14)
    while True:
        low, high = guess - slack, guess + slack
        above, below = exp(low)[1], exp(high)[0]
        if above is not None and above <= x <= below:
            return low, high
        slack *= 2


def _down(x: Fraction) -> Fraction:
    return Fraction(math.floor(x * _DIGITS), _DIGITS) if x > 1 else x.limit_denominator(10**40) - Fraction(1, 10**36)


def _up(x: Fraction) -> Fraction:
    return Fraction(math.ceil(x * _DIGITS), _DIGITS) if x > 1 else x.limit_denominator(10**40) + Fraction(1, 10**36)


__all__ = ["LARGEST", "exp", "log"]
