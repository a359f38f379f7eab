"""Values of payoffs: discount times the expectation under the market's distribution, and what follows from quotes alone.

A payoff is any number that the worlds decide: a `fun` of a text applied to wires, `max(price - 50, 0)`, `ind(wet)`.

* Where there is a distribution (a channel), `value` asks the exact reading, which contracts the network or merges equal
  histories: worlds are not listed.
* Where there are only prices of tickets, `hedge` gives the portfolio of tickets and cash that pays exactly the same, if
  there is one; else the cheapest that never pays less and the dearest that never pays more, each with the proof that no
  other is better: a distribution that agrees with all prices and gives the payoff that value.

Source: Arrow, The role of securities in the optimal allocation of risk-bearing (1953), for state prices; Harrison and
Kreps, Martingales and arbitrage in multiperiod securities markets (1979), for the bounds.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from opengames.diagnostics import refuse
from opengames.show import digits, in_full
from opengames.solvers.coherence.answers import Stake
from opengames.solvers.coherence.certificates import Layer
from opengames.solvers.coherence.extension import Bound, Bounds, bounds
from opengames.solvers.coherence.printed import Printed
from opengames.solvers.coherence.quotes import Event, Number, Quote, number
from opengames.solvers.coherence.words import money
from opengames.solvers.coherence.worlds import Worlds
from opengames.spaces import Bool
from opengames.terms import Prim, Term, Var


@dataclass(frozen=True, repr=False)
class Value:
    """What a payoff is worth. amount: exact, or a float where the exact reading had to round; per_unit: `discount`."""

    name: str
    amount: Fraction | float
    discount: Fraction

    @property
    def exact(self) -> bool:
        return isinstance(self.amount, Fraction)

    def __float__(self) -> float:
        return float(self.amount)

    def lines(self) -> list[str]:
        shown = money(self.amount) if isinstance(self.amount, Fraction) else f"about {digits(self.amount)} $"
        less = f", discounted by {digits(self.discount)}" if self.discount != 1 else ""
        return [f"{self.name} is worth {shown}{less}"]

    def to_dict(self) -> dict[str, Any]:
        amount = in_full(self.amount) if isinstance(self.amount, Fraction) else self.amount
        return {"kind": "value", "payoff": self.name, "value": amount, "exact": self.exact, "discount": in_full(self.discount)}

    def __str__(self) -> str:
        return self.lines()[0]

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<div>{html.escape(str(self))}</div>"


def value(
    worlds: Worlds, payoff: Event, given: Event | None = None, *, discount: Number = 1, name: str = "",
    params: dict[str, Any] | None = None,
) -> Value:  # fmt: skip
    """discount * E(payoff | given) under the channel of the worlds.

    params: values that replace those of the text's params. Raises `Refusal`: `impossible-evidence` for a condition
    without a chance, `outside-type` for a discount that is not positive, and what the exact reading refuses;
    `ValueError` if the worlds have no channel.
    """
    return values(worlds, [payoff], given, discount=discount, names=[name] if name else None, params=params)[0]


def values(
    worlds: Worlds, payoffs: Sequence[Event], given: Event | None = None, *, discount: Number = 1,
    names: Sequence[str] | None = None, params: dict[str, Any] | None = None,
) -> list[Value]:  # fmt: skip
    """Several payoffs at once, in one pass of the exact reading."""
    from opengames.exact import expectations

    if worlds.diagram is None:
        raise ValueError("these worlds have no chances: give a channel (`Worlds.of`), or tickets to `hedge`")
    factor = discounted(discount)
    called = list(names or [p if isinstance(p, str) else f"payoff {i + 1}" for i, p in enumerate(payoffs)])
    terms = read_payoffs(worlds, payoffs, called)
    evidence = () if given is None else (worlds.event(given),)
    found = expectations(worlds.program, worlds.diagram, terms, evidence, {**worlds.params, **(params or {})})
    return [Value(n, v * (factor if isinstance(v, Fraction) else float(factor)), factor) for n, v in zip(called, found, strict=True)]


def read_payoffs(worlds: Worlds, payoffs: Sequence[Event], names: Sequence[str]) -> list[Term]:
    """Payoffs as terms; they may be about wires with infinitely many values."""
    asked = [Quote(n, p, None, None, None, True) for n, p in zip(names, numeric(worlds, payoffs), strict=True)]
    return [q.event for q in worlds.read(asked, finite=False)]  # type: ignore[misc]


def numeric(worlds: Worlds, payoffs: Sequence[Event]) -> list[Event]:
    """The payoffs as numbers: an event given as a term pays 1 where it holds (in a text, write `ind(...)`)."""
    found: list[Event] = []
    for p in payoffs:
        if (isinstance(p, Prim) and p.op in _EVENTS) or (isinstance(p, Var) and isinstance(worlds.spaces.get(p.name), Bool)):
            p = Prim("ind", (p,))
        found.append(p)
    return found


_EVENTS = ("and", "or", "not", "implies", "==", "!=", "<", "<=", ">", ">=")


def discounted(given: Number) -> Fraction:
    """A discount as a number. Raises `Refusal` if it is not positive."""
    found = number(given, "the discount")
    if found <= 0:
        raise refuse("outside-type", f"the discount is {digits(found)}, and 1 $ later is worth more than 0 $ now")
    return found


@dataclass(frozen=True, repr=False)
class Portfolio:
    """Tickets and cash. tickets: bought (positive) and sold. cash: put aside now, paid out 1 / discount times later [$].

    cost: what the whole costs now [$]. layers: a distribution that agrees with all prices, under which the payoff is
    worth just that, so that none is better.
    """

    tickets: tuple[Stake, ...]
    cash: Fraction
    cost: Fraction
    layers: tuple[Layer, ...]

    def words(self) -> str:
        parts = []
        for s in self.tickets:
            parts.append(f"{'+' if s.tickets > 0 else '-'} {digits(abs(s.tickets))} {_held(s.quote.name)}")
        if self.cash or not parts:
            parts.append(f"{'+' if self.cash >= 0 else '-'} {money(abs(self.cash))} in cash")
        return " ".join(parts).removeprefix("+ ")

    def to_dict(self) -> dict[str, Any]:
        return {
            "tickets": [{"quote": s.quote.name, "tickets": in_full(s.tickets)} for s in self.tickets],
            "cash": in_full(self.cash), "cost": in_full(self.cost),
        }  # fmt: skip


@dataclass(frozen=True, repr=False)
class Hedge(Printed):
    """Portfolios around a payoff: `below` never pays more, `above` never less; both the same where it is replicated."""

    name: str
    below: Portfolio
    above: Portfolio
    discount: Fraction

    @property
    def exact(self) -> bool:
        """Whether one price is forced."""
        return self.below.cost == self.above.cost

    def lines(self) -> list[str]:
        if self.exact:
            return [f"{self.name} is worth {money(self.above.cost)}", f"   it pays what {self.above.words()} pays"]
        return [
            f"{self.name} is worth from {money(self.below.cost)} to {money(self.above.cost)}",
            f"   it never pays less than {self.below.words()}",
            f"   it never pays more than {self.above.words()}",
        ]

    def to_dict(self) -> dict[str, Any]:
        return {"kind": "hedge", "payoff": self.name, "exact": self.exact, "below": self.below.to_dict(),
                "above": self.above.to_dict(), "discount": in_full(self.discount)}  # fmt: skip


def hedge(worlds: Worlds, tickets: Sequence[Quote], payoff: Event, *, discount: Number = 1, name: str = "") -> Hedge:
    """The portfolios of tickets and cash between which a payoff lies most closely, with exact certificates.

    tickets: what may be traded at its prices, none of them called off. discount: what 1 $ for certain later costs now.
    Raises `Refusal` if the tickets are incoherent, and what `bounds` refuses.
    """
    factor = discounted(discount)
    for each in tickets:
        if each.given is not None or (isinstance(each.event, str) and "|" in each.event):
            raise refuse("not-yet", f"`{each.name}` may be called off, and hedges are made of tickets that are not",
                         help="ask `bounds`, whose hedges may")  # fmt: skip
    called = name or (payoff if isinstance(payoff, str) else "the payoff")
    forward = [replace(q, bid=_over(q.bid, factor), ask=_over(q.ask, factor)) for q in tickets]
    (pays,) = numeric(worlds, [payoff])
    found: Bounds = bounds(worlds, forward, pays, number=True, name=called)
    original = {q.name: q for q in tickets}
    return Hedge(called, _portfolio(found.low, -1, original, factor), _portfolio(found.high, 1, original, factor), factor)


def _portfolio(end: Bound, side: int, original: dict[str, Quote], factor: Fraction) -> Portfolio:
    held = tuple(Stake(original[s.quote.name], side * s.tickets) for s in end.hedge)
    spent = sum((side * s.tickets * s.price for s in end.hedge), Fraction(0))
    return Portfolio(held, (end.value - spent) * factor, end.value * factor, end.layers)


def _over(price: Fraction | None, factor: Fraction) -> Fraction | None:
    return None if price is None else price / factor


def _held(name: str) -> str:
    return name if name.replace("_", "").isalnum() else f"({name})"


__all__ = ["Hedge", "Portfolio", "Value", "discounted", "hedge", "value", "values"]
