"""What solvers answer: values with a verdict, a certificate, and sentences in the model's words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from opengames.show import Shown, digits, number, show
from opengames.solvers.code import Choose
from opengames.solvers.policies import Mix, Situation, situation
from opengames.solvers.problem import player_name
from opengames.solvers.text import Doing, Spare, strategy_text
from opengames.spaces import Grid, Reals, Space
from opengames.tree import Player

#: Digits beyond which a rational is printed rounded.
LONG = 24
#: What is said of every answer for which a number on the way was a float.
ROUNDED = "payoffs are computed in floating point: differences below a billionth of the largest count as ties"
#: What is said of a refutation by a seat that forgets, whose best plan is not known.
AT_LEAST = "somebody does not recall its own moves, and may gain more than was found"


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

    seen: `None` where it is better whatever is seen. made and better: moves (tuples where several wires are decided
    together). gain: what the player gains in the whole game by its best change of plan, of which this is the first
    point (for a subgame: in that subgame). interval: of an estimated gain. parts: where the change of plan has
    several points, the gain of changing each of the first few alone: (the point in words, gain). more: the other points.
    """

    player: Player
    place: str
    around: tuple[tuple[str, Any], ...]
    seen: tuple[tuple[str, Any, Space | None], ...] | None
    made: Any
    better: Any
    gain: Fraction
    shown: Shown | None = None
    spaces: tuple[Space, ...] = ()
    interval: tuple[float, float] | None = None
    parts: tuple[tuple[str, Fraction], ...] = ()
    more: int = 0

    def lines(self) -> list[str]:
        head = f"{player_name(self.player)} can do better at `{self.place}`{self._around()}"
        plays = f"it plays {self._move(self.made)}, and should play {self._move(self.better)}"
        if self.seen is None:
            return [head, f"it should play {self._move(self.better)}, whatever it sees", self._gains()]
        knew = ", ".join(f"{n} = {show(v, s)}" for n, v, s in self.seen)
        return [head, f"it sees {knew}" if knew else "it sees nothing", plays, self._gains(), *self._shares()]

    def _around(self) -> str:
        return "".join(f", {n} = {show(v)}" for n, v in self.around)

    def _gains(self) -> str:
        if self.interval is not None:
            low, high = (brief(Fraction(f"{end:.4g}"), self.shown) for end in self.interval)
            middle = brief(Fraction(f"{float(self.gain):.4g}"), self.shown)
            return f"it gains {middle} in expectation, between {low} and {high} (95 %, all changes together)"
        whole = " by its whole change of plan" if self.parts else ""
        return f"it gains {brief(self.gain, self.shown)} in expectation{whole}"

    def _shares(self) -> list[str]:
        """What each point of the change of plan is worth alone."""
        found = [f"changed alone, its move at {place} gains {brief(gain, self.shown)}" for place, gain in self.parts]
        return [*found, f"and {self.more:,} more"] if self.more else found

    def _move(self, move: Any) -> str:
        if len(self.spaces) == 1:
            return show(move, self.spaces[0])
        if isinstance(move, tuple) and len(self.spaces) == len(move):
            return ", ".join(show(m, s) for m, s in zip(move, self.spaces, strict=True))
        return show(move)


def deviation(
    step: Choose,
    seen: tuple[Any, ...] | None,
    made: Any,
    better: Any,
    gain: Fraction,
    interval: tuple[float, float] | None = None,
    parts: tuple[tuple[str, Fraction], ...] = (),
    more: int = 0,
) -> Deviation:
    """The deviation from `made` to `better` at a decision that sees `seen` (`None`: whatever it sees)."""
    return Deviation(
        step.player,
        step.place,
        tuple((n, v) for n, _, v in step.around),
        None if seen is None else tuple((n, v, step.types.get(n)) for n, v in step.seen_values(seen)),
        made,
        better,
        gain,
        unit(step),
        tuple(p.space for p in step.box.outs),
        interval,
        parts,
        more,
    )


def point(step: Choose, seen: tuple[Any, ...]) -> str:
    """An information set in words: "`buy`, t = 2, seeing rain = true"."""
    around = "".join(f", {n} = {show(v)}" for n, _, v in step.around)
    knew = ", ".join(f"{n} = {show(v, step.types.get(n))}" for n, v in step.seen_values(seen))
    return f"`{step.place}`{around}" + (f", seeing {knew}" if knew else "")


def unit(step: Choose) -> Shown | None:
    """The unit that the decision's earning was declared with."""
    space = step.types.get(step.box.earning)
    return space.shown if isinstance(space, Grid | Reals) else None


@dataclass(frozen=True, slots=True)
class Claim:
    """The answer to a claim about a strategy.

    verdict: `holds`, `fails`, `undecided` with the reason in `notes`, or `estimated` from `runs` plays: then it is
    supported or not, and nothing is proved. gains: what each player would gain by its best deviation, where known.
    method: how it was decided. exact: `False` where a number on the way was a float.
    """

    word: str
    strategy: str
    verdict: str
    gains: tuple[tuple[Player, Fraction], ...]
    deviation: Deviation | None
    method: str
    notes: tuple[str, ...] = ()
    runs: int | None = None
    exact: bool = True

    @property
    def certificate(self) -> Fraction | None:
        """The largest gain from a deviation; 0 where the claim holds."""
        return max((g for _, g in self.gains), default=None)

    @property
    def holds(self) -> bool:
        """Whether it is decided, or at least supported, that the claim holds."""
        return self.verdict == "holds" or (self.verdict == "estimated" and self.deviation is None)

    def lines(self) -> list[str]:
        said = self.verdict
        if self.runs is not None:
            said = f"{'supported' if self.holds else 'not supported'} ({self.runs:,} runs)"
        found = [f"{self.word}({self.strategy}): {said} ({self.method})"]
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
    one was. rest: gives the rows and what else a text of the whole strategy needs: the other players' plans, and
    where it does not matter what is done. taken: names that are declared already. nearest: the rows are points of a
    grid.
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
    exact: bool = True  # no number on the way was a float
    rest: Callable[[], tuple[tuple[Doing, ...], tuple[Spare, ...]]] | None = field(
        default=None, repr=False, compare=False
    )
    taken: frozenset[str] = field(default=frozenset(), repr=False, compare=False)
    nearest: bool = False
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
        if not self.exact:
            found.append(ROUNDED)
        return found + [row_line(*row) for row in self.rows[:50]]

    def to_game(self, name: str) -> str:
        """The whole strategy as text, under `name` or a name like it that is still free.

        Raises `Refusal` (`not-expressible`) where a text cannot say it.
        """
        rows, spares = (self.rows, ()) if self.rest is None else self.rest()
        return strategy_text(name, self.game, rows, spares, self.taken, self.nearest)


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
