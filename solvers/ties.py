"""Ties between numbers that were computed in floating point.

Where a number on the way was no rational, payoffs that should be equal may differ in their last digits. In such a game
differences up to a billionth of the largest payoff count as none; in a game of rationals every difference counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from opengames.solvers.layers import Graph
from opengames.tree import Player

#: The share of the largest payoff up to which a difference counts as rounding.
TIE = Fraction(1, 10**9)


def settled(gain: Fraction, graph: Graph, player: Player) -> Fraction:
    """The gain, 0 where it is within the rounding of the game's floats."""
    if graph.exact or abs(gain) > TIE * largest(graph, player):
        return gain
    return Fraction(0)


def largest(graph: Graph, player: Player) -> Fraction:
    """The largest amount that a player earns or loses at one place of the game, at least its fixed earnings."""
    fixed = abs(graph.code.base.get(player, Fraction(0)))
    paid = [Fraction(gain[player]) for gains in graph.gains.values() for gain in gains if player in gain]
    return max([fixed, *map(abs, paid)])


def joined(values: Iterable[Fraction]) -> dict[Fraction, Fraction]:
    """What each number counts as: numbers that are equal but for rounding count as the simplest of them."""
    known = sorted(set(values))
    near = TIE * max((abs(v) for v in known), default=Fraction(0))
    found: dict[Fraction, Fraction] = {}
    while known:
        together = [v for v in known if v - known[0] <= near]
        simplest = min(together, key=lambda v: v.denominator)
        found |= dict.fromkeys(together, simplest)
        known = known[len(together) :]
    return found


__all__ = ["TIE", "joined", "largest", "settled"]
