"""What others post: prices of tickets, as probabilities, odds, or what they bid and ask.

A ticket on an event pays 1 where the event happens. A ticket that is called off (`given`) is one on which the stake
is returned where the condition fails. `bid` is what the one who posts pays for a ticket, `ask` what it is sold for; a
probability is both at once, since it stands for a readiness to take either side.

Odds `"3:1"` are against the event: whoever stakes 1 wins 3, so the probability is 1/4. A number for odds is the
bookmaker's decimal: what comes back for each 1 staked, the stake included, so that `4` are the same odds.

Source: de Finetti, La prévision: ses lois logiques, ses sources subjectives (1937), for prices as probabilities and
for bets that are called off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from math import isfinite

from opengames.diagnostics import Refusal, refuse
from opengames.show import digits
from opengames.terms import Term

Number = Fraction | int | float | Decimal | str
Event = Term | str


@dataclass(frozen=True)
class Quote:
    """The price of one ticket. bid, ask: `None` on a side that is not offered.

    event, given: terms, or text until `Worlds.read` has made terms of it. number: the ticket pays what `event` is
    worth, not 1 where it holds; then prices may be any numbers. name: what reports call it.
    """

    name: str
    event: Event
    given: Event | None
    bid: Fraction | None
    ask: Fraction | None
    number: bool = False

    @property
    def exact(self) -> bool:
        """Whether either side may be taken at one price."""
        return self.bid is not None and self.bid == self.ask

    @property
    def shown(self) -> str:
        """The price as reports tell it: `20%`, `18% to 22%`, `bid 18%`."""
        if self.exact:
            return price(self.bid, self.number)
        if self.bid is None or self.ask is None:
            side, at = ("bid", self.bid) if self.ask is None else ("ask", self.ask)
            return f"{side} {price(at, self.number)}"
        return f"{price(self.bid, self.number)} to {price(self.ask, self.number)}"


def quote(
    event: Event,
    probability: Number | None = None,
    *,
    given: Event | None = None,
    bid: Number | None = None,
    ask: Number | None = None,
    odds: Number | None = None,
    back: Number | None = None,
    lay: Number | None = None,
    name: str = "",
) -> Quote:
    """A quote on an event. Give a probability, or odds, or at least one of two sides.

    probability, odds: either side may be taken. bid, ask: prices of a ticket that pays 1. back: odds at which anybody
    may back the event (so an ask), lay: odds at which anybody may lay it (so a bid).
    Numbers are read exactly as written: `0.2`, `"20%"`, `"1/5"`; odds as `"3:1"` (against) or `4` (decimal).
    Raises `Refusal`: `outside-type` for a price outside [0, 1] or a bid above the ask, `bad-param-value` for what is
    not a number or no quote at all.

    >>> quote("rain", odds="3:1").shown
    '25%'
    """
    called = name or _called(event, given)
    ways = [w for w in (probability, odds) if w is not None]
    sides = [s for s in (bid, ask, back, lay) if s is not None]
    if len(ways) + bool(sides) != 1 or (bid is not None and lay is not None) or (ask is not None and back is not None):
        raise refuse(
            "bad-param-value", f"the quote on `{called}` needs one price: a probability, odds, or a bid and an ask",
            help="give one of `probability`, `odds`, `bid` with `ask`, `lay` with `back`",
        )  # fmt: skip
    if probability is not None:
        both = chance(probability, called, "probability")
        return Quote(called, event, given, both, both)
    if odds is not None:
        both = from_odds(odds, called)
        return Quote(called, event, given, both, both)
    low = chance(bid, called, "bid") if bid is not None else None if lay is None else from_odds(lay, called)
    high = chance(ask, called, "ask") if ask is not None else None if back is None else from_odds(back, called)
    return _sided(Quote(called, event, given, low, high))


def ticket(
    payoff: Event,
    cost: Number | None = None,
    *,
    given: Event | None = None,
    bid: Number | None = None,
    ask: Number | None = None,
    name: str = "",
) -> Quote:
    """A quote on whatever a number of the world turns out to be: a call, a bond, a share of `load`."""
    called = name or _called(payoff, given)
    if (cost is None) == (bid is None and ask is None):
        raise refuse("bad-param-value", f"the quote on `{called}` needs one price, or a bid and an ask")
    if cost is not None:
        both = number(cost, called)
        return Quote(called, payoff, given, both, both, True)
    low, high = (None if side is None else number(side, called) for side in (bid, ask))
    return _sided(Quote(called, payoff, given, low, high, True))


def number(given: Number, what: str) -> Fraction:
    """The exact number that was written: a float means its shortest decimal, `"20%"` is a fifth."""
    if isinstance(given, bool):
        raise _no_number(given, what)
    if isinstance(given, float):
        if not isfinite(given):
            raise _no_number(given, what)
        return Fraction(repr(given))
    if isinstance(given, str):
        text = given.strip().replace("_", "").replace(" ", "")
        part = 100 if text.endswith("%") else 1
        try:
            return Fraction(text.removesuffix("%")) / part
        except (ValueError, ZeroDivisionError):
            raise _no_number(given, what) from None
    try:
        return Fraction(given)
    except (TypeError, ValueError, OverflowError):
        raise _no_number(given, what) from None


def chance(given: Number, what: str, side: str) -> Fraction:
    """A price of a ticket that pays 1: a number from 0 to 1."""
    found = number(given, what)
    if not 0 <= found <= 1:
        raise refuse(
            "outside-type", f"the {side} of `{what}` is {price(found)}, and a ticket that pays 1 costs from 0 to 1",
            help="write `20%` or `0.2`, not `20`" if 1 < found <= 100 else "",
        )  # fmt: skip
    return found


def from_odds(given: Number, what: str) -> Fraction:
    """The probability that odds stand for: `"a:b"` against is b/(a+b), decimal odds d are 1/d."""
    if isinstance(given, str) and ":" in given:
        against, _, on = given.partition(":")
        a, b = number(against, what), number(on, what)
        if a < 0 or b < 0 or a + b == 0:
            raise refuse(
                "outside-type", f"the odds of `{what}` are `{given.strip()}`, and say nothing",
                help="write `3:1` for three to one against",
            )  # fmt: skip
        return b / (a + b)
    decimal = number(given, what)
    if decimal < 1:
        raise refuse(
            "outside-type", f"the decimal odds of `{what}` are {digits(decimal)}, and less than the stake never comes back",
            help=f"decimal odds are at least 1; write `a:b` for a to b against{', or a probability' if decimal > 0 else ''}",
        )  # fmt: skip
    return 1 / decimal


def price(value: Fraction | None, number: bool = False) -> str:
    """A price as it is told: `20%` of an event, `3.5 $` of a number; exact, a fraction where the decimal does not end."""
    if value is None:
        return "nothing"
    if number:
        return f"{digits(value)} $"
    return f"{digits(value * 100)}%" if (value * 10**8).denominator == 1 else digits(value)


def named_apart(quotes: tuple[Quote, ...]) -> tuple[Quote, ...]:
    """The quotes, if their names tell them apart. Raises `Refusal`: `duplicate-name`."""
    seen: set[str] = set()
    for each in quotes:
        if each.name in seen:
            raise refuse(
                "duplicate-name", f"`{each.name}` is quoted twice",
                help="put a bid and an ask into one quote, or give one of them another `name`",
            )  # fmt: skip
        seen.add(each.name)
    return quotes


def at(each: Quote, value: Fraction) -> Quote:
    """The same ticket at one price for either side."""
    return replace(each, bid=value, ask=value)


def _sided(each: Quote) -> Quote:
    if each.bid is not None and each.ask is not None and each.bid > each.ask:
        low, high = price(each.bid, each.number), price(each.ask, each.number)
        raise refuse(
            "outside-type", f"`{each.name}` is bid at {low} and offered at {high}: the bid is above the ask",
            notes=("anybody could buy and sell back at once, without any risk",),
        )  # fmt: skip
    return each


def _called(event: Event, given: Event | None) -> str:
    if not isinstance(event, str) or not (given is None or isinstance(given, str)):
        raise ValueError("a quote on a term needs a `name` for reports")
    return event.strip() if given is None else f"{event.strip()} | {given.strip()}"


def _no_number(given: object, what: str) -> Refusal:
    return refuse("bad-param-value", f"`{given}` is not a number, and the quote on `{what}` needs one")


__all__ = ["Event", "Number", "Quote", "at", "chance", "from_odds", "named_apart", "number", "price", "quote", "ticket"]
