"""How values change: with state prices, with quotes, and with the params of a channel.

* A value is linear in state prices: its sensitivity to the price of a world is what the payoff pays there.
* Where a payoff is replicated, its sensitivity to a quote is how many tickets the replica holds.
* With a param, the value of a payoff is usually a polynomial, since chances are multiplied and added. Where the terms show
  that it is one (`polynomial`: nothing is compared with the param, or divided by it), it is found by
  evaluating at exact points: Newton's differences that vanish for several points beyond the degree. Then derivatives are
  exact. Given a condition, the value is a quotient of two such, what is paid where it holds over its chance: exact too. Elsewhere (`exp` or `max` of the param, say), they are differences at several scales with an estimate
  of their error, and say so. Where slopes from both sides stay apart, or grow, as the scale shrinks, there is no derivative.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from opengames.diagnostics import refuse
from opengames.show import digits, in_full
from opengames.solvers.coherence.polynomial import is_polynomial
from opengames.solvers.coherence.quotes import Event, Number
from opengames.solvers.coherence.state_prices import read_payoffs, value
from opengames.solvers.coherence.worlds import Worlds
from opengames.spaces import Reals
from opengames.terms import Prim, Term

_DEGREE = 8
_EXTRA = 3
_EXACT = (3, 6, 9, 12)
"""Scales at which exact values are compared, as powers of a tenth of how far the param may move."""
_ROUNDED = (3, 4, 5)
"""Of rounded values: below, rounding is all that is seen."""


@dataclass(frozen=True, repr=False)
class Sensitivity:
    """The value of a payoff and its first two derivatives by a param.

    degree: of the polynomial in the param that the value is by its terms, confirmed at `_EXTRA` further points; `None` if the
    derivatives are numerical, `error` then being an estimate of what the first may be off; of the second nothing is claimed.
    over: where the value is a quotient of polynomials, the degree of the lower one.
    """

    payoff: str
    param: str
    value: Fraction | float
    delta: Fraction | float
    gamma: Fraction | float
    degree: int | None
    error: float = 0.0
    over: int | None = None

    def lines(self) -> list[str]:
        how = f"exact, a polynomial of degree {self.degree}" if self.degree is not None else f"numerical, the first off by about {self.error:.2g}"
        how += f" over one of degree {self.over}" if self.over is not None else ""
        return [f"{self.payoff} by {self.param}: {digits(self.delta)}, and {digits(self.gamma)} for the second derivative  ({how})"]

    def to_dict(self) -> dict[str, Any]:
        shown = {k: in_full(v) if isinstance(v, Fraction) else v for k, v in
                 (("value", self.value), ("delta", self.delta), ("gamma", self.gamma))}  # fmt: skip
        return {"kind": "sensitivity", "payoff": self.payoff, "param": self.param, **shown, "degree": self.degree, "over": self.over,
                "error": self.error}  # fmt: skip

    def __str__(self) -> str:
        return self.lines()[0]

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<div>{html.escape(str(self))}</div>"


def by_param(
    worlds: Worlds, payoff: Event, param: str, given: Event | None = None, *, discount: Number = 1, name: str = ""
) -> Sensitivity:
    """How the value of a payoff changes with a param of the channel, at the param's present value.

    The param is a number that is not built into a type. Raises `Refusal`: `unknown-param`, `type-mismatch`, `outside-domain`
    where the value has a kink or a jump, and what `value` refuses.
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

    if condition is None and is_polynomial(worlds, term, param):
        exact = _polynomial(at, here, step, signs)
        if exact is not None:
            slope, curve, degree = exact
            return Sensitivity(called, param, at(here), slope, curve, degree)
    if condition is not None:
        quotient = _given(worlds, term, condition, param, discount, (here, step, signs))
        if quotient is not None:
            return Sensitivity(called, param, at(here), *quotient[:3], over=quotient[3])
    scales = _EXACT if all(isinstance(at(here + s * reach / 10**6), Fraction) for s in (0, *signs)) else _ROUNDED
    steps = [reach / 10**n for n in scales]
    kind = _broken(at, here, steps, signs)
    if kind:
        raise refuse(
            "outside-domain", f"{called} has no derivative by `{param}` at {digits(here)}: it has a {kind} there",
            help="ask at a value of the param on one side of it",
        )  # fmt: skip
    first, second, error = _best(at, here, steps, signs)
    return Sensitivity(called, param, at(here), first, second, None, error)


def _given(
    worlds: Worlds, payoff: Term, condition: Term, param: str, discount: Number, around: tuple[Fraction, Fraction, list[int]]
) -> tuple[Fraction, Fraction, int, int] | None:  # fmt: skip
    """Derivatives of what is paid where the condition holds, over its chance, and both degrees; `None` if they are no polynomials."""
    here = around[0]
    holds: Term = Prim("ind", (condition,))
    paid: Term = Prim("*", (payoff, holds))
    if not (is_polynomial(worlds, paid, param) and is_polynomial(worlds, holds, param)):
        return None

    def above(x: Fraction) -> Fraction | float:
        return value(worlds, paid, None, discount=discount, params={param: x}).amount

    def below(x: Fraction) -> Fraction | float:
        return value(worlds, holds, None, params={param: x}).amount

    upper, lower = _polynomial(above, *around), _polynomial(below, *around)
    n, d = above(here), below(here)
    if upper is None or lower is None or not isinstance(n, Fraction) or not isinstance(d, Fraction) or not d:
        return None
    ratio = n / d
    slope = (upper[0] - ratio * lower[0]) / d
    curve = (upper[1] - 2 * slope * lower[0] - ratio * lower[1]) / d
    return slope, curve, upper[2], lower[2]


def _broken(at: Callable[[Fraction], Fraction | float], here: Fraction, steps: list[Fraction], signs: list[int]) -> str:
    """What keeps the value from having a derivative: slopes that grow as the scale shrinks, or differ from side to side."""
    middle = at(here)

    def slope(sign: int, h: Fraction) -> float:
        return float((at(here + sign * h) - middle) / (sign * (h if isinstance(middle, Fraction) else float(h))))

    noise = 0.0 if len(steps) == len(_EXACT) else 1e-14 * (1 + abs(float(middle))) / float(steps[-1])
    small, before = ([slope(s, h) for s in signs] for h in (steps[-1], steps[-2]))
    size = 1e-9 * (1 + max(map(abs, small))) + noise
    if any(abs(a) > 2 * abs(b) + size and abs(a) > 1 for a, b in zip(small, before, strict=True)):
        return "jump, or a slope without bound,"
    gaps = [abs(each[0] - each[-1]) for each in (small, before)]
    return "kink" if gaps[0] > gaps[1] / 2 + size else ""


def _best(
    at: Callable[[Fraction], Fraction | float], here: Fraction, steps: list[Fraction], signs: list[int]
) -> tuple[float, float, float]:
    """Differences at the widest scale that agrees with the narrowest; of exact values at the narrowest."""
    narrow = _differences(at, here, steps[-1], signs)
    if len(steps) == len(_EXACT):
        return narrow
    for h in steps[:-1]:
        wide = _differences(at, here, h, signs)
        apart = abs(wide[0] - narrow[0])
        if wide[2] <= 1e-4 * (1 + abs(wide[0])) and apart <= 10 * (wide[2] + narrow[2]):
            return wide[0], wide[1], max(wide[2], apart)
    return narrow


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
    at: Callable[[Fraction], Fraction | float], here: Fraction, step: Fraction, signs: list[int]
) -> tuple[float, float, float]:
    """Differences at two steps, extrapolated; the first derivative's error is how far the two are apart, and rounding."""
    rounded = not isinstance(at(here), Fraction)

    def rough(x: Fraction) -> tuple[float, float]:
        h: Any = float(x) if rounded else x
        if len(signs) == 2:
            up, mid, down = at(here + x), at(here), at(here - x)
            return float((up - down) / (2 * h)), float((up - 2 * mid + down) / h**2)
        s = signs[0]
        a, b, c = (at(here + s * k * x) for k in (0, 1, 2))
        return float(s * (-3 * a + 4 * b - c) / (2 * h)), float((a - 2 * b + c) / h**2)

    wide, narrow = rough(step), rough(step / 2)
    first = (4 * narrow[0] - wide[0]) / 3
    rounding = 1e-14 * (1 + abs(float(at(here)))) / float(step) if rounded else 1e-15 * abs(first)
    return first, narrow[1], abs(first - narrow[0]) + rounding


__all__ = ["Sensitivity", "by_param"]
