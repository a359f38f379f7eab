"""Payoffs on a bucketed price, and the distribution that prices of calls imply.

The price is a variable with finitely many values (a `Grid`). A call with strike k pays max(price - k, 0); between
neighbouring values its price is a straight line in k, whose slope falls by the chance of each value it passes. So the
prices of calls at all values give all chances, and butterflies are tickets on single values.

Source: Breeden and Litzenberger, Prices of state-contingent claims implicit in option prices (1978).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise

from opengames.diagnostics import refuse
from opengames.solvers.coherence.quotes import Number, Quote, number, ticket
from opengames.solvers.coherence.state_prices import discounted
from opengames.solvers.coherence.worlds import Worlds
from opengames.spaces import Grid
from opengames.terms import ZERO, Const, Prim, Term, Var


def call(wire: str, strike: Number) -> Term:
    """max(price - strike, 0)."""
    return Prim("max", (Prim("-", (Var(wire), _const(strike))), ZERO))


def put(wire: str, strike: Number) -> Term:
    """max(strike - price, 0)."""
    return Prim("max", (Prim("-", (_const(strike), Var(wire))), ZERO))


def digital(wire: str, strike: Number) -> Term:
    """1 where the price is at least the strike."""
    return Prim("ind", (Prim(">=", (Var(wire), _const(strike))),))


def spread(wire: str, low: Number, high: Number) -> Term:
    """A call bought at `low` and one sold at `high`: never less than 0, never more than high - low."""
    return Prim("-", (call(wire, low), call(wire, high)))


def butterfly(wire: str, low: Number, middle: Number, high: Number) -> Term:
    """What calls pay that are 1 at `middle` and fall to 0 at `low` and `high` in straight lines.

    Raises `ValueError` unless low < middle < high.
    """
    a, b, c = (number(k, "a strike") for k in (low, middle, high))
    if not a < b < c:
        raise ValueError(f"strikes of a butterfly rise: {a}, {b}, {c}")
    left, right = Const(1 / (b - a)), Const(1 / (c - b))
    rise = Prim("*", (left, Prim("-", (call(wire, a), call(wire, b)))))
    fall = Prim("*", (right, Prim("-", (call(wire, b), call(wire, c)))))
    return Prim("-", (rise, fall))


def call_quotes(wire: str, prices: Mapping[Number, Number]) -> list[Quote]:
    """Calls by strike at their prices, as tickets that may be bought and sold there."""
    return [ticket(call(wire, k), p, name=f"call {k}") for k, p in prices.items()]


def implied_chances(
    worlds: Worlds, wire: str, calls: Mapping[Number, Number], discount: Number = 1
) -> dict[Fraction, Fraction]:
    """The chance of each value of a price, from the prices of calls struck at all of its values but the highest.

    Exact: differences of slopes. Raises `Refusal`: `missing-rows` if a strike is missing, `not-a-distribution` if a
    chance comes out negative, which `check_quotes` on `call_quotes` turns into a butterfly that is a sure win.
    """
    space = worlds.spaces.get(wire)
    if not isinstance(space, Grid):
        raise refuse("type-mismatch", f"`{wire}` is not a price on a grid")
    points = sorted(space.points)
    factor = discounted(discount)
    prices = {number(k, "a strike"): number(p, f"the call at {k}") / factor for k, p in calls.items()}
    prices.setdefault(points[-1], Fraction(0))
    for k in points:
        if k not in prices:
            raise refuse("missing-rows", f"there is no price of the call on `{wire}` struck at {k}")
    slopes = [Fraction(-1)]
    slopes += [(prices[b] - prices[a]) / (b - a) for a, b in pairwise(points)]
    slopes.append(Fraction(0))
    chances = {k: after - before for k, (before, after) in zip(points, pairwise(slopes), strict=True)}
    for k, chance in chances.items():
        if chance < 0:
            raise refuse("not-a-distribution", f"the calls on `{wire}` give its value {k} the chance {chance}",
                         help="ask `check_quotes` about these calls: it names the butterfly that wins")  # fmt: skip
    return chances


def _const(value: Number) -> Const:
    return Const(number(value, "a strike"))


__all__ = ["butterfly", "call", "call_quotes", "digital", "implied_chances", "put", "spread"]
