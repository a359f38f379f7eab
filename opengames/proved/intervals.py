"""Interval arithmetic with exact ends: what a number can be, known without a solver.

Many obligations (a chance lies in [0, 1], a denominator is positive) follow from the ends alone. Ends may be open, so that
positive and nonnegative are told apart. Every operation gives an interval that contains every result (inclusion); it need not be the least.

Source: Moore, Kearfott, Cloud, Introduction to Interval Analysis (2009), chapter 2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

_ZERO = Fraction(0)


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers between `lower` and `upper` (`None`: no bound), without an end that is open."""

    lower: Fraction | None = None
    upper: Fraction | None = None
    open_below: bool = False
    open_above: bool = False

    def __add__(self, other: Interval) -> Interval:
        return Interval(
            None if self.lower is None or other.lower is None else self.lower + other.lower,
            None if self.upper is None or other.upper is None else self.upper + other.upper,
            self.open_below or other.open_below,
            self.open_above or other.open_above,
        )

    def __neg__(self) -> Interval:
        return Interval(
            None if self.upper is None else -self.upper,
            None if self.lower is None else -self.lower,
            self.open_above,
            self.open_below,
        )

    def __sub__(self, other: Interval) -> Interval:
        return self + -other

    def __mul__(self, other: Interval) -> Interval:
        corners = [_times(a, b) for a in self._ends() for b in other._ends()]
        lower, open_below = _extreme(corners, -1)
        upper, open_above = _extreme(corners, 1)
        return Interval(lower, upper, open_below, open_above)

    def inverse(self) -> Interval:
        """The interval of 1 / x. All numbers where 0 cannot be told apart."""
        if self.is_positive:
            return Interval(
                _ZERO if self.upper is None else 1 / self.upper,
                None if not self.lower else 1 / self.lower,
                self.upper is None or self.open_above,
                self.open_below,
            )
        if (-self).is_positive:
            return -((-self).inverse())
        return ALL

    def hull(self, other: Interval) -> Interval:
        """The least interval that contains both."""
        lower, open_below = _wider(self.lower, self.open_below, other.lower, other.open_below, -1)
        upper, open_above = _wider(self.upper, self.open_above, other.upper, other.open_above, 1)
        return Interval(lower, upper, open_below, open_above)

    def meet(self, lower: Fraction | None, upper: Fraction | None) -> Interval:
        """The part within the closed interval from `lower` to `upper`; the interval itself where that part is empty."""
        low, open_below = (self.lower, self.open_below)
        if lower is not None and (low is None or lower > low):
            low, open_below = lower, False
        high, open_above = (self.upper, self.open_above)
        if upper is not None and (high is None or upper < high):
            high, open_above = upper, False
        if low is not None and high is not None and low > high:
            return self
        return Interval(low, high, open_below, open_above)

    @property
    def is_positive(self) -> bool:
        return self.lower is not None and (self.lower > 0 or (self.lower == 0 and self.open_below))

    @property
    def is_nonnegative(self) -> bool:
        return self.lower is not None and self.lower >= 0

    def within(self, lower: Fraction | None, upper: Fraction | None) -> bool:
        """Whether every number lies in the closed interval from `lower` to `upper`."""
        return (lower is None or (self.lower is not None and self.lower >= lower)) and (
            upper is None or (self.upper is not None and self.upper <= upper)
        )

    def beyond(self, lower: Fraction | None, upper: Fraction | None) -> bool:
        """Whether no number lies in the closed interval from `lower` to `upper`."""
        below = lower is not None and (-(self - point(lower))).is_positive
        return below or (upper is not None and (self - point(upper)).is_positive)

    def _ends(self) -> tuple[_End, _End]:
        return _End(self.lower, -1, not self.open_below), _End(self.upper, 1, not self.open_above)


@dataclass(frozen=True, slots=True)
class _End:
    """value: `None` at infinity, on the side `sign`. reached: whether the end itself belongs to the interval."""

    value: Fraction | None
    sign: int
    reached: bool


def _times(a: _End, b: _End) -> _End:
    if a.value == 0 or b.value == 0:
        reached = (a.value == 0 and a.reached) or (b.value == 0 and b.reached)
        return _End(_ZERO, 0, reached)
    if a.value is None or b.value is None:
        sign = (a.sign if a.value is None else _sign(a.value)) * (b.sign if b.value is None else _sign(b.value))
        return _End(None, sign, False)
    return _End(a.value * b.value, 0, a.reached and b.reached)


def _extreme(corners: list[_End], side: int) -> tuple[Fraction | None, bool]:
    if any(c.value is None and c.sign == side for c in corners):
        return None, False
    values = [c.value for c in corners if c.value is not None]
    if not values:  # only infinities, all on the other side
        return None, False
    best = max(values) if side > 0 else min(values)
    return best, not any(c.value == best and c.reached for c in corners)


def _wider(a: Fraction | None, a_open: bool, b: Fraction | None, b_open: bool, side: int) -> tuple[Fraction | None, bool]:
    if a is None or b is None:
        return None, False
    if a == b:
        return a, a_open and b_open
    return (a, a_open) if (a > b) == (side > 0) else (b, b_open)


def _sign(value: Fraction) -> int:
    return (value > 0) - (value < 0)


def point(value: Fraction) -> Interval:
    """The interval of one number."""
    return Interval(value, value)


def total(intervals: Iterable[Interval]) -> Interval:
    """The interval of a sum."""
    found = point(_ZERO)
    for each in intervals:
        found += each
    return found


ALL = Interval()
POSITIVE = Interval(_ZERO, None, open_below=True)
"""What `exp` can be."""

__all__ = ["ALL", "POSITIVE", "Interval", "point", "total"]
