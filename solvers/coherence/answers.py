"""Answers about quotes, as values that print themselves.

Every number in them is exact, and every certificate in them was checked by `certificates` before it was handed out.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from opengames.show import digits, in_full, show
from opengames.solvers.coherence.certificates import Wins, World
from opengames.solvers.coherence.printed import Printed
from opengames.solvers.coherence.quotes import Quote, price
from opengames.solvers.coherence.words import because, outcome_words, stakes_words, world_words, wrapped

_SHOWN = 12
_TAIL = {"smallest": "no fewer are incoherent", "minimal": "none of them can be left out, though there may be fewer others"}


@dataclass(frozen=True)
class Stake:
    """A bet: tickets bought at the ask (positive) or sold at the bid (negative)."""

    quote: Quote
    tickets: Fraction

    @property
    def price(self) -> Fraction:
        found = self.quote.ask if self.tickets > 0 else self.quote.bid
        assert found is not None, f"nobody takes the other side of {self.quote.name}"
        return found

    def to_dict(self) -> dict[str, Any]:
        return {
            "quote": self.quote.name, "side": "buy" if self.tickets > 0 else "sell",
            "tickets": in_full(abs(self.tickets)), "price": in_full(self.price),
        }  # fmt: skip


class _Listed(Printed):
    """In a notebook, the first line as a head and the others as a list."""

    def _repr_html_(self) -> str:
        head, *rest = self.lines()
        items = "".join(f"<li>{html.escape(line.strip())}</li>" for line in rest)
        return f"<div><b>{html.escape(head)}</b>{f'<ul>{items}</ul>' if items else ''}</div>"


@dataclass(frozen=True, repr=False)
class Coherent(_Listed):
    """Nobody can win for certain, and here is why: a distribution under which no trade at these prices expects to win.

    layers: distributions as (world, chance) pairs, sparse; the first is about all quotes, a further one about those
    whose conditions have chance 0 in all before. quotes: as read. method: what found it. seconds: what that took.
    """

    quotes: tuple[Quote, ...]
    layers: tuple[tuple[tuple[World, Fraction], ...], ...]
    method: str
    seconds: float = field(default=0.0, compare=False)

    coherent = True

    @property
    def distribution(self) -> tuple[tuple[World, Fraction], ...]:
        """The chances of worlds; those that are not named have none."""
        return self.layers[0]

    def lines(self) -> list[str]:
        count = len(self.quotes)
        shown = self.distribution
        lines = [f"coherent  {count} quote{'' if count == 1 else 's'}, by a distribution on {_worlds(len(shown))}  ({self.method})"]
        for number, layer in enumerate(self.layers):
            if number:
                lines.append("   and among the bets that were called off for certain:")
            words = [exact(chance) for _, chance in layer[:_SHOWN]]
            width = max(map(len, words), default=0)
            lines += [f"   {w:>{width}}  {world_words(world)}" for w, (world, _) in zip(words, layer, strict=False)]
            if len(layer) > _SHOWN:
                lines.append(f"   ... {_worlds(len(layer))} in all")
        return lines

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": "coherence", "coherent": True, "method": self.method, "seconds": round(self.seconds, 6),
            "quotes": [quote_dict(q) for q in self.quotes],
            "layers": [[{"world": _plain(w), "chance": in_full(c)} for w, c in layer] for layer in self.layers],
        }  # fmt: skip


@dataclass(frozen=True, repr=False)
class Incoherent(_Listed):
    """Stakes that win in every world in which one of them is on.

    stakes: tickets, in whole numbers. win: the least gain [$]. wins: what was counted when the stakes were checked.
    smallest: "smallest" if no fewer quotes are incoherent together, "minimal" if none of these can be left out, ""
    if that was not asked for.
    """

    quotes: tuple[Quote, ...]
    stakes: tuple[Stake, ...]
    wins: Wins
    method: str
    smallest: str = ""
    seconds: float = field(default=0.0, compare=False)

    coherent = False

    @property
    def win(self) -> Fraction:
        """What is won in the worst of the worlds in which a bet is on."""
        return self.wins.least

    @property
    def names(self) -> tuple[str, ...]:
        """The quotes that are bet on."""
        return tuple(dict.fromkeys(s.quote.name for s in self.stakes))

    def lines(self) -> list[str]:
        count = len(self.quotes)
        lines = [f"incoherent  {count} quote{'' if count == 1 else 's'}  ({self.method})"]
        lines += wrapped(stakes_words(self.stakes))
        lines += ["   " + line for line in outcome_words(self.stakes, self.wins)]
        why = because(self.stakes, self.wins)
        if why:
            lines.append(f"   = {why}")
        if self.smallest and len(self.names) < count:
            tail = _TAIL["smallest" if len(self.names) == 1 else self.smallest]
            blame = "is" if len(self.names) == 1 else "are"
            lines.append(f"   {len(self.names)} of the {count} quotes {blame} to blame; {tail}")
        return lines

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": "coherence", "coherent": False, "method": self.method, "seconds": round(self.seconds, 6),
            "quotes": [quote_dict(q) for q in self.quotes], "stakes": [s.to_dict() for s in self.stakes],
            "win": in_full(self.win), "smallest": self.smallest, "worlds": self.wins.worlds, "on": self.wins.on,
        }  # fmt: skip


def exact(value: Fraction) -> str:
    """A chance: a percentage where it ends soon, else a fraction, rounded if it is too long to read."""
    if (value * 10**6).denominator == 1:
        return f"{digits(value * 100)}%"
    text = in_full(value)
    return text if len(text) <= 24 else f"about {float(value):.6g}"


def quote_dict(q: Quote) -> dict[str, Any]:
    return {
        "name": q.name, "bid": None if q.bid is None else in_full(q.bid), "ask": None if q.ask is None else in_full(q.ask),
        "called_off": q.given is not None, "shown": price(q.ask, q.number) if q.exact else q.shown,
    }  # fmt: skip


def _plain(world: World) -> dict[str, Any]:
    return {n: v if isinstance(v, bool | str) else in_full(v) if isinstance(v, Fraction) else show(v) for n, v in world}


def _worlds(n: int) -> str:
    return f"{n:,} world{'' if n == 1 else 's'}"


Answer = Coherent | Incoherent


def round_stakes(stakes: Sequence[Stake]) -> tuple[Stake, ...]:
    """The same stakes in whole tickets, about ten of them where that is possible."""
    from math import gcd, lcm

    common = lcm(*(s.tickets.denominator for s in stakes))
    whole = [int(s.tickets * common) for s in stakes]
    shared = gcd(*whole)
    whole = [t // shared for t in whole]
    most = max(map(abs, whole))
    factor = 1 if most >= 10 else 10 // most if 10 % most == 0 else 10
    return tuple(Stake(s.quote, Fraction(t * factor)) for s, t in zip(stakes, whole, strict=True))


__all__ = ["Answer", "Coherent", "Incoherent", "Stake", "exact", "quote_dict", "round_stakes"]
