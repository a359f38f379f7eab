"""Game trees: a small finite game, unfolded. Plain data, made by a solver, drawn by the drawn reading.

Source: Osborne and Rubinstein, A Course in Game Theory (1994), section 11.1 (extensive games with
imperfect information).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

#: A seat with its index values, such as `("prosumer", (Fraction(1), Fraction(3)))`.
Player = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Leaf:
    """The end of a play, with what each player earned."""

    payoffs: tuple[tuple[Player, Fraction], ...]


@dataclass(frozen=True, slots=True)
class Chance:
    """Nature draws. place: the box's path, index: the loop indices around it. outcomes: (value, chance, rest)."""

    place: str
    index: tuple[Any, ...]
    outcomes: tuple[tuple[Any, Fraction, Tree], ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """A player moves. Two decisions with equal `information` cannot be told apart by the player.

    seen: (wire, value) pairs, what the decision sees. moves: (value, rest); a value is the joint move
    (a tuple when the decision has several wires).
    """

    place: str
    index: tuple[Any, ...]
    player: Player
    seen: tuple[tuple[str, Any], ...]
    moves: tuple[tuple[Any, Tree], ...]

    @property
    def information(self) -> tuple[Any, ...]:
        return (self.player, self.place, self.index, self.seen)


Tree = Leaf | Chance | Decision
