"""What solvers answer: values with a verdict, a certificate, and sentences in the model's words."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from opengames.show import Shown, digits, number, show
from opengames.solvers.code import Choose
from opengames.solvers.policies import Mix, Situation, situation
from opengames.solvers.respond import player_name
from opengames.solvers.text import strategy_text
from opengames.spaces import Grid, Reals, Space
from opengames.tree import Player

#: Digits beyond which a rational is printed rounded.
LONG = 24


def brief(value: Fraction, shown: Shown | None = None) -> str:
    """A number for a sentence: exact where that can be read, else rounded, and then saying so."""
    exact = number(value, shown)
    if len(exact) <= LONG:
        return exact
    scaled = value / shown.scale if shown else value
    return f"about {float(scaled):.6g}" + (f" {shown.unit}" if shown and shown.unit else "")


@dataclass(frozen=True, slots=True)
class Deviation:
    """A better move. around: the loops (variable, value); seen: (wire, value, space).

    made and better: moves (tuples where several wires are decided together). gain: what the player gains in
    the whole game by its best change of plan, of which this is the first point (for a subgame: in that
    subgame).
    """

    player: Player
    place: str
    around: tuple[tuple[str, Any], ...]
    seen: tuple[tuple[str, Any, Space | None], ...]
    made: Any
    better: Any
    gain: Fraction
    shown: Shown | None = None
    spaces: tuple[Space, ...] = ()

    def lines(self) -> list[str]:
        where = "".join(f", {n} = {show(v)}" for n, v in self.around)
        knew = ", ".join(f"{n} = {show(v, s)}" for n, v, s in self.seen)
        return [
            f"{player_name(self.player)} can do better at `{self.place}`{where}",
            f"it sees {knew}" if knew else "it sees nothing",
            f"it plays {self._move(self.made)}, and should play {self._move(self.better)}",
            f"it gains {brief(self.gain, self.shown)} in expectation",
        ]

    def _move(self, move: Any) -> str:
        if len(self.spaces) == 1:
            return show(move, self.spaces[0])
        if isinstance(move, tuple) and len(self.spaces) == len(move):
            return ", ".join(show(m, s) for m, s in zip(move, self.spaces, strict=True))
        return show(move)


def deviation(step: Choose, seen: tuple[Any, ...], made: Any, better: Any, gain: Fraction) -> Deviation:
    """The deviation from `made` to `better` at a decision that sees `seen`."""
    return Deviation(
        step.player,
        step.place,
        tuple((n, v) for n, _, v in step.around),
        tuple((n, v, step.types.get(n)) for n, v in step.seen_values(seen)),
        made,
        better,
        gain,
        unit(step),
        tuple(p.space for p in step.box.outs),
    )


def unit(step: Choose) -> Shown | None:
    """The unit that the decision's earning was declared with."""
    space = step.types.get(step.box.earning)
    return space.shown if isinstance(space, Grid | Reals) else None


@dataclass(frozen=True, slots=True)
class Claim:
    """The answer to a claim about a strategy.

    verdict: `holds`, `fails`, or `undecided` with the reason in `notes`. gains: what each player would gain
    by its best deviation, where known. method: how it was decided.
    """

    word: str
    strategy: str
    verdict: str
    gains: tuple[tuple[Player, Fraction], ...]
    deviation: Deviation | None
    method: str
    notes: tuple[str, ...] = ()

    @property
    def certificate(self) -> Fraction | None:
        """The largest gain from a deviation; 0 where the claim holds."""
        return max((g for _, g in self.gains), default=None)

    @property
    def holds(self) -> bool:
        return self.verdict == "holds"

    def lines(self) -> list[str]:
        found = [f"{self.word}({self.strategy}): {self.verdict} ({self.method})"]
        if self.deviation is not None:
            found += self.deviation.lines()
        return found + list(self.notes)


@dataclass(frozen=True, slots=True)
class Values:
    """Each player's expected payoff. exact: `False` where a number on the way was a float."""

    payoffs: tuple[tuple[Player, Fraction], ...]
    units: tuple[Shown | None, ...] = ()
    exact: bool = True
    verdict: str = "computed"
    certificate: Fraction = Fraction(0)

    def of(self, player: Player | str) -> Fraction:
        """One player's payoff; a bare name stands for the seat without indices."""
        wanted = (player, ()) if isinstance(player, str) else player
        return dict(self.payoffs)[wanted]

    def lines(self) -> list[str]:
        units = self.units or (None,) * len(self.payoffs)
        return [f"{player_name(p)} expects {brief(v, u)}" for (p, v), u in zip(self.payoffs, units, strict=True)]


@dataclass(frozen=True, slots=True)
class Policy:
    """A strategy that a solver found for some players.

    rows: (decision, values seen, what is done). value: what the player expects with it. certificate: the gain
    that is still possible, 0 for an exact method. gain: the gain over the strategy that was asked about, if
    one was.
    """

    game: str
    player: Player | None
    value: Fraction | None
    rows: tuple[tuple[Choose, tuple[Any, ...], Mix], ...] = field(repr=False)
    gain: Fraction | None = None
    certificate: Fraction = Fraction(0)
    verdict: str = "optimal"
    method: str = "backward induction"
    shown: Shown | None = None
    # The rows by situation, filled when first asked.
    known: dict[Situation, Mix] = field(default_factory=dict, repr=False, compare=False)

    def mix(self, place: str, index: tuple[Any, ...] = (), seen: tuple[Any, ...] = ()) -> Mix:
        """What is done at a decision; raises `KeyError` for a situation the policy never comes to."""
        for step, values, mix in self.rows:
            if (step.place, step.index, values) == (place, index, seen):
                return mix
        raise KeyError((place, index, seen))

    def __call__(self, step: Choose, seen: tuple[Any, ...]) -> Mix | None:
        if not self.known:
            self.known.update((situation(other, values), mix) for other, values, mix in self.rows)
        return self.known.get(situation(step, seen))

    def lines(self) -> list[str]:
        found = []
        if self.player is not None and self.value is not None:
            found.append(f"{player_name(self.player)} can expect {brief(self.value, self.shown)} ({self.method})")
        if self.gain is not None:
            found.append(f"that is {brief(self.gain, self.shown)} more than with the strategy given")
        return found + [row_line(*row) for row in self.rows[:50]]

    def to_game(self, name: str) -> str:
        return strategy_text(name, self.game, self.rows)


def row_line(step: Choose, seen: tuple[Any, ...], mix: Mix) -> str:
    """One situation of a strategy as a sentence."""
    where = "".join(f", {n} = {show(v, s)}" for n, s, v in step.around)
    knew = ", ".join(f"{n} = {show(v, step.types.get(n))}" for n, v in step.seen_values(seen))
    spaces = tuple(p.space for p in step.box.outs)

    def move(m: Any) -> str:
        if len(spaces) == 1:
            return show(m, spaces[0])
        return "(" + ", ".join(show(v, s) for v, s in zip(m, spaces, strict=True)) + ")"

    does = move(mix[0][0]) if len(mix) == 1 else ", ".join(f"{move(m)} with chance {digits(c)}" for m, c in mix)
    seeing = f", seeing {knew}" if knew else ""
    return f"{player_name(step.player)} at `{step.place}`{where}{seeing}: {does}"
