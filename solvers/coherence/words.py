"""Stakes in words: what is bought and sold, what that collects now, and what it pays in the worst world."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import gcd, lcm
from typing import TYPE_CHECKING

from opengames.show import digits, show
from opengames.solvers.coherence.quotes import Quote, price

if TYPE_CHECKING:
    from opengames.solvers.coherence.answers import Stake
    from opengames.solvers.coherence.certificates import Wins, World

_LINE = 96


def money(value: Fraction) -> str:
    """An amount: `0.50 $`, `3 $`, `1/3 $`."""
    if value.denominator == 1:
        return f"{digits(value)} $"
    cents = value * 100
    return f"{'-' if value < 0 else ''}{abs(cents.numerator) // 100}.{abs(cents.numerator) % 100:02} $" if (
        cents.denominator == 1
    ) else f"{digits(value)} $"  # fmt: skip


def stakes_words(stakes: Sequence[Stake]) -> str:
    """`buy 10 Congested at 20%, sell 10 Both at 10%`, purchases first."""
    ordered = sorted(stakes, key=lambda s: s.tickets < 0)
    return ", ".join(
        f"{'buy' if s.tickets > 0 else 'sell'} {digits(abs(s.tickets))} {s.quote.name} at {price(s.price, s.quote.number)}"
        for s in ordered
    )


def outcome_words(stakes: Sequence[Stake], wins: Wins) -> list[str]:
    """What the stakes collect now and pay at most later."""
    now = -sum((s.tickets * s.price for s in stakes), Fraction(0))
    least = wins.least - now
    same = wins.most == wins.least
    where = _where(wins)
    if now > 0:
        first = f"collects {money(now)} now and "
        if least <= 0 and same:
            first += f"pays {money(-least)} {where}"
        elif least <= 0:
            first += f"never pays more than {money(-least)} {where.replace('in every one', 'in any', 1).replace('in every world', 'in any world', 1)}"
        else:
            first += f"gets {'' if same else 'at least '}{money(least)} more {where}"
    else:
        first = f"costs {money(-now) if now else 'nothing'} now and returns {'' if same else 'at least '}{money(least)} {where}"
    lines = [first]
    if any(s.quote.given is not None for s in stakes):
        if wins.on is not None and wins.worlds is not None and wins.on < wins.worlds:
            off = wins.worlds - wins.on
            lines.append(f"in the other {'world' if off == 1 else f'{off:,} worlds'} every bet is called off and its stake returned")
        else:
            lines.append("a bet whose condition fails is called off and its stake returned")
    return lines


def _where(wins: Wins) -> str:
    if wins.on is None or wins.worlds is None:
        return "in every world (there are too many to list)"
    if wins.on < wins.worlds:
        return "in the one world in which a bet is on" if wins.on == 1 else f"in every one of the {wins.on:,} worlds in which a bet is on"
    return "in the only world" if wins.worlds == 1 else f"in every one of the {wins.worlds:,} worlds"


def because(stakes: Sequence[Stake], wins: Wins) -> str:
    """Why it wins, for bets that are never called off: `Either + Both must equal Congested + Short: 40% is not 35%`."""
    if any(s.quote.given is not None for s in stakes) or wins.most is None:
        return ""
    unit = _unit([s.tickets for s in stakes])
    bought = [(s.tickets / unit, s.quote, s.price) for s in stakes if s.tickets > 0]
    sold = [(-s.tickets / unit, s.quote, s.price) for s in stakes if s.tickets < 0]
    rest = (wins.least + sum((s.tickets * s.price for s in stakes), Fraction(0))) / unit
    left, right = _sum(sold, max(rest, Fraction(0))), _sum(bought, max(-rest, Fraction(0)))
    number = any(s.quote.number for s in stakes)
    cost = [price(sum((t * p for t, _, p in side), Fraction(0)) + more, number)
            for side, more in ((sold, max(rest, Fraction(0))), (bought, max(-rest, Fraction(0))))]  # fmt: skip
    if wins.most == wins.least:
        return f"{left} must equal {right}: {cost[0]} is not {cost[1]}"
    return f"{left} is never worth more than {right}: {cost[0]} is more than {cost[1]}"


def _unit(amounts: Sequence[Fraction]) -> Fraction:
    common = lcm(*(a.denominator for a in amounts))
    return Fraction(gcd(*(int(abs(a) * common) for a in amounts)), common)


def _sum(parts: Sequence[tuple[Fraction, Quote, Fraction]], rest: Fraction) -> str:
    words = [q.name if t == 1 else f"{digits(t)} {_held(q.name)}" for t, q, _ in parts]
    if rest:
        words.append(digits(rest))
    return " + ".join(words) or "0"


def _held(name: str) -> str:
    return name if name.replace("_", "").isalnum() else f"({name})"


def world_words(world: World) -> str:
    """`load = High, wind = Calm`; a variable that is true is its name, one that is false `not` its name."""
    words = []
    for name, value in world:
        if isinstance(value, bool):
            words.append(name if value else f"not {name}")
        else:
            words.append(f"{name} = {show(value)}")
    return ", ".join(words) or "the only world"


def wrapped(text: str, indent: str = "   ") -> list[str]:
    """The text in lines, broken at commas."""
    lines, line = [], ""
    for part in text.split(", "):
        if line and len(line) + len(part) + 2 > _LINE:
            lines.append(line + ",")
            line = part
        else:
            line = f"{line}, {part}" if line else part
    return [indent + each for each in (*lines, line)]


__all__ = ["because", "money", "outcome_words", "stakes_words", "world_words", "wrapped"]
