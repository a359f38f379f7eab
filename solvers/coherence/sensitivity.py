"""How values change: with state prices, with quotes, and with the params of a channel.

* A value is linear in state prices: its sensitivity to the price of a world is what the payoff pays there.
* Where a payoff is replicated, its sensitivity to a quote is how many tickets the replica holds.
* With a param, the value of a payoff is usually a polynomial, since chances are multiplied and added. It is found by
  evaluating at exact points: Newton's differences that vanish for several points beyond the degree. Then derivatives are
  exact. Where no polynomial of low degree fits (`exp` of the param, say), they are central differences with an estimate
  of their error, and say so.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from opengames.diagnostics import refuse
from opengames.show import digits, in_full
from opengames.solvers.coherence.quotes import Event, Number
from opengames.solvers.coherence.state_prices import read_payoffs, value
from opengames.solvers.coherence.worlds import Worlds
from opengames.spaces import Reals

_DEGREE = 8
_EXTRA = 3


@dataclass(frozen=True, repr=False)
class Sensitivity:
    """The value of a payoff and its first two derivatives by a param.

    degree: of the polynomial in the param that the value is, confirmed at `_EXTRA` further points; `None` if the
    derivatives are numerical, `error` then being an estimate of what the first may be off.
    """

    payoff: str
    param: str
    value: Fraction | float
    delta: Fraction | float
    gamma: Fraction | float
    degree: int | None
    error: float = 0.0

    def lines(self) -> list[str]:
        how = f"exact, a polynomial of degree {self.degree}" if self.degree is not None else f"numerical, off by about {self.error:.2g}"
        return [f"{self.payoff} by {self.param}: {digits(self.delta)}, and {digits(self.gamma)} for the second derivative  ({how})"]

    def to_dict(self) -> dict[str, Any]:
        shown = {k: in_full(v) if isinstance(v, Fraction) else v for k, v in
                 (("value", self.value), ("delta", self.delta), ("gamma", self.gamma))}  # fmt: skip
        return {"kind": "sensitivity", "payoff": self.payoff, "param": self.param, **shown, "degree": self.degree, "error": self.error}

    def __str__(self) -> str:
        return self.lines()[0]

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<div>{html.escape(str(self))}</div>"


def by_param(
    worlds: Worlds, payoff: Event, param: str, given: Event | None = None, *, discount: Number = 1, name: str = ""
) -> Sensitivity:
    """How the value of a payoff changes with a param of the channel, at the param's present value.

    The param is a number that is not built into a type. Raises `Refusal`: `unknown-param`, `type-mismatch`, and what
    `value` refuses.
    """
    decl = worlds.program.params.get(param)
    if decl is None:
        raise refuse("unknown-param", f"there is no param `{param}`")
    if not isinstance(decl.space, Reals) or decl.space.whole or decl.static or decl.value is None:
        raise refuse("type-mismatch", f"`{param}` is not a number by which a value could be differentiated", span=decl.at)
    here = Fraction(decl.value)
    low, high = decl.space.lower, decl.space.upper
    reach = min([abs(here - e) for e in (low, high) if e is not None and e != here], default=Fraction(1))
    step = reach / (2 * (_DEGREE + _EXTRA + 2))
    ends = [e for e in (low, high) if e == here]
    signs = [1] if ends and here == low else [-1] if ends else [1, -1]
    called = name or (payoff if isinstance(payoff, str) else "the payoff")

    (term,) = read_payoffs(worlds, [payoff], [called])
    condition = None if given is None else worlds.event(given)

    def at(x: Fraction) -> Fraction | float:
        return value(worlds, term, condition, discount=discount, params={param: x}).amount

    exact = _polynomial(at, here, step, signs)
    if exact is not None:
        slope, curve, degree = exact
        return Sensitivity(called, param, at(here), slope, curve, degree)
    first, second, error = _differences(at, here, float(reach) / 1000, signs)
    return Sensitivity(called, param, at(here), first, second, None, error)


def _polynomial(
    at: Callable[[Fraction], Fraction | float], here: Fraction, step: Fraction, signs: list[int]
) -> tuple[Fraction, Fraction, int] | None:
    """First and second derivative of a polynomial from exact values, and its degree; `None` if it is none of low degree."""
    places: list[Fraction] = [here]
    corner: list[Fraction] = []
    coefficients: list[Fraction] = []
    for k in range(_DEGREE + _EXTRA + 1):
        if k:
            places.append(here + signs[k % len(signs)] * step * ((k + len(signs) - 1) // len(signs)))
        found = at(places[-1])
        if not isinstance(found, Fraction):
            return None
        fresh = [found]
        for j in range(k):
            fresh.append((fresh[-1] - corner[j]) / (places[k] - places[k - 1 - j]))
        corner = fresh
        coefficients.append(fresh[-1])
        if k >= _EXTRA and not any(coefficients[-_EXTRA:]):
            break
    else:
        return None
    while coefficients and not coefficients[-1]:
        coefficients.pop()
    first = second = total = Fraction(0)
    for c, x in reversed(list(zip(coefficients, places, strict=False))):
        second = second * (here - x) + 2 * first
        first = first * (here - x) + total
        total = total * (here - x) + c
    return first, second, max(len(coefficients) - 1, 0)


def _differences(
    at: Callable[[Fraction], Fraction | float], here: Fraction, step: float, signs: list[int]
) -> tuple[float, float, float]:
    """Differences at two steps, extrapolated; the first derivative's error is how far the two are apart, and rounding."""

    def rough(h: float) -> tuple[float, float]:
        x = Fraction(h)
        if len(signs) == 2:
            up, mid, down = float(at(here + x)), float(at(here)), float(at(here - x))
            return (up - down) / (2 * h), (up - 2 * mid + down) / h**2
        s = signs[0]
        a, b, c = (float(at(here + s * k * x)) for k in (0, 1, 2))
        return s * (-3 * a + 4 * b - c) / (2 * h), (a - 2 * b + c) / h**2

    wide, narrow = rough(step), rough(step / 2)
    first = (4 * narrow[0] - wide[0]) / 3
    return first, narrow[1], abs(first - narrow[0]) + 1e-14 / step


__all__ = ["Sensitivity", "by_param"]
