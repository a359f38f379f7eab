"""Gains from changing one decision, estimated from drawn plays: for games too large to decide.

In each run, at each decision the play comes to, every other legal move is tried and the play goes on from there
with the same luck; the difference in what the seat earns is the move's gain in that run. A change is a move at one
information set, or a move at one decision whatever it sees; its gain is averaged over all runs.

This is evidence, never a proof: changes of several decisions at once are not tried, nor what was met too rarely.
Each gain's interval is widened for the number of changes tried, so that all of them hold together in about 95 of
100 cases (Bonferroni).

Source: Wellman, Methods for empirical game-theoretic analysis (2006), for regret from sampled payoffs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import sqrt
from statistics import NormalDist
from typing import Any

from opengames.diagram import Diagram
from opengames.program import Program
from opengames.solvers.answers import Claim, Deviation, deviation
from opengames.solvers.code import Choose, Code
from opengames.solvers.layers import Behaviour
from opengames.solvers.policies import behaviour
from opengames.solvers.sampling import Luck, State, advance, begin, choose, legal, pick, planned, play
from opengames.solvers.unroll import unroll
from opengames.tree import Player

RUNS = 1_000
SEED = 0
#: Steps played in all; beyond it, only some of the decisions of each run are tried.
WORK = 1_000_000
#: Times that an information set must be met for its changes to be judged.
MET = 20
#: The step number of the random numbers that say which decisions are tried.
_TRIED = 1 << 40

#: (step, values seen or `None` for whatever is seen, move).
Change = tuple[int, tuple[Any, ...] | None, Any]


@dataclass(slots=True)
class Tally:
    """What one change gained, added up over the runs of each half, with squares; how often it was tried."""

    met: int = 0
    total: list[float] = field(default_factory=lambda: [0.0, 0.0])
    square: list[float] = field(default_factory=lambda: [0.0, 0.0])
    made: Any = None
    seen: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Gain:
    """The mean gain of a change and its interval."""

    mean: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Trial:
    """All changes tried. tried: the chance with which each decision of a run was."""

    code: Code
    runs: int
    seed: int
    tried: float
    changes: dict[Change, Tally]

    def judged(self) -> dict[Change, Tally]:
        """The changes that were met often enough to be judged, or in every run."""
        return {c: t for c, t in self.changes.items() if t.met >= min(MET, self.runs)}

    def gain(self, tally: Tally, together: int, half: int | None = None) -> Gain:
        """A change's gain, the interval for so many changes `together`; from one half of the runs, or from all."""
        n = self.runs if half is None else (self.runs + 1 - half) // 2
        total = sum(tally.total) if half is None else tally.total[half]
        square = sum(tally.square) if half is None else tally.square[half]
        mean = total / n
        spread = max(0.0, square / n - mean * mean) * n / (n - 1) if n > 1 else float("inf")
        width = NormalDist().inv_cdf(1 - 0.025 / max(together, 1)) * sqrt(spread / n)
        return Gain(mean, mean - width, mean + width)

    def player(self, change: Change) -> Player:
        step = self.code.steps[change[0]]
        assert isinstance(step, Choose)
        return step.player

    def notes(self, judged: int) -> tuple[str, ...]:
        found = [
            f"estimated from {self.runs:,} runs, seed {self.seed}: {judged:,} changes of one decision were judged",
            "not covered: changes of several decisions at once, and what is seen too rarely",
        ]
        if self.tried < 1:
            found.append(f"each decision of a run was tried with chance {self.tried:.3g}")
        return tuple(found)


def trial(
    program: Program, diagram: Diagram, strategy: Any, params: Mapping[str, Any] | None, runs: int, seed: int
) -> Trial:
    """Draw the plays and try the changes. Raises `Refusal` as `unroll` does, and for draws without finitely many outcomes."""
    code = unroll(program, diagram, params, live=False)
    plan = behaviour(program, strategy, params)
    cost = sum(_cost(code, v.step, v.state) for v in play(code, plan, Luck(seed, 0)))
    tried = min(1.0, WORK / (runs * max(cost, 1)))
    changes: dict[Change, Tally] = {}
    for run in range(runs):
        luck = Luck(seed, run)
        for change, made, gain, seen in _changes(code, plan, luck, tried):
            for key in (change, (change[0], None, change[2])):
                tally = changes.setdefault(key, Tally(made=made, seen=seen))
                tally.met += 1
                tally.total[run % 2] += gain / tried
                tally.square[run % 2] += (gain / tried) ** 2
    return Trial(code, runs, seed, tried, changes)


def _cost(code: Code, step: Choose, state: State) -> int:
    return (len(step.moves) - 1) * (len(code.steps) - state.pc)


def _changes(
    code: Code, plan: Behaviour, luck: Luck, tried: float
) -> Iterator[tuple[Change, Any, float, tuple[Any, ...]]]:
    """The other moves of one run with what each gains: (change, move made, gain, values seen)."""
    base = begin(code)
    for visit in list(_pauses(code, plan, base, luck)):
        step, seen, move, paused = visit
        if tried < 1 and luck.at(_TRIED + paused.pc) >= tried:
            continue
        for other in legal(step, paused):
            if other != move:
                earned = _finish(code, plan, paused.copy(), step, other, luck)
                gain = float(earned[step.player] - base.earned[step.player])
                yield (paused.pc, seen, other), move, gain, seen


def _pauses(
    code: Code, plan: Behaviour, state: State, luck: Luck
) -> Iterator[tuple[Choose, tuple[Any, ...], Any, State]]:
    """The decisions of one play, each with the play as it was then; `state` is played to its end."""
    while (step := advance(code, state, luck)) is not None:
        seen = tuple(state.values[s] for _, s in step.seen)
        move = pick(planned(plan, step, seen), luck, state.pc)
        yield step, seen, move, state.copy()
        choose(state, step, move)


def _finish(
    code: Code, plan: Behaviour, state: State, step: Choose, move: Any, luck: Luck
) -> dict[Player, Fraction]:
    """What everybody has earned at the end of the play in which `move` is made now."""
    choose(state, step, move)
    for _ in _rest(code, plan, state, luck):
        pass
    return state.earned


def _rest(code: Code, plan: Behaviour, state: State, luck: Luck) -> Iterator[Choose]:
    while (step := advance(code, state, luck)) is not None:
        seen = tuple(state.values[s] for _, s in step.seen)
        choose(state, step, pick(planned(plan, step, seen), luck, state.pc))
        yield step


def equilibrium(
    program: Program,
    diagram: Diagram,
    strategy: Any,
    name: str,
    params: Mapping[str, Any] | None = None,
    runs: int = RUNS,
    seed: int = SEED,
) -> Claim:
    """Whether some change of one decision gains, as far as runs can tell; the verdict is `estimated`.

    `holds` says that no change was found whose gain is positive in all of its interval.
    """
    found = trial(program, diagram, strategy, params, runs, seed)
    judged = found.judged()
    gains = dict.fromkeys(found.code.players, Fraction(0))
    worst: tuple[Gain, Change] | None = None
    most = 0.0
    for change, tally in judged.items():
        gain = found.gain(tally, len(judged))
        player = found.player(change)
        gains[player] = max(gains[player], Fraction(gain.mean))
        most = max(most, gain.upper)
        if gain.lower > 0 and (worst is None or gain.lower > worst[0].lower):
            worst = (gain, change)
    notes = found.notes(len(judged))
    better: Deviation | None = None
    if worst is not None:
        better = _deviation(found, *worst)
    elif judged:
        notes = (f"none of them gains more than {most:.4g} (95 %, all together)", *notes)
    return Claim(
        "equilibrium", name, "estimated", tuple(gains.items()), better, f"simulate, {runs:,} runs, seed {seed}", notes, runs
    )


def _deviation(found: Trial, gain: Gain, change: Change) -> Deviation:
    pc, seen, move = change
    step = found.code.steps[pc]
    assert isinstance(step, Choose)
    tally = found.changes[change]
    return deviation(step, seen, tally.made, move, Fraction(gain.mean), (gain.lower, gain.upper))


@dataclass(frozen=True, slots=True)
class Floor:
    """What exploitability is at least, as far as runs can tell. gains: by seat, of its best change of one decision."""

    gains: tuple[tuple[Player, Gain], ...]
    notes: tuple[str, ...]
    runs: int
    verdict: str = "estimated"

    @property
    def value(self) -> float:
        return sum(max(g.mean, 0.0) for _, g in self.gains)

    @property
    def lower(self) -> float:
        return sum(max(g.lower, 0.0) for _, g in self.gains)

    @property
    def upper(self) -> float:
        """The upper end of the estimate; exploitability itself may be larger."""
        return sum(max(g.upper, 0.0) for _, g in self.gains)

    @property
    def certificate(self) -> float:
        return self.value

    def lines(self) -> list[str]:
        return ["a lower bound: what changes of one decision gain", *self.notes]


def exploitability(
    program: Program,
    diagram: Diagram,
    strategy: Any,
    params: Mapping[str, Any] | None = None,
    runs: int = RUNS,
    seed: int = SEED,
) -> Floor:
    """The gains of each seat's best change: chosen in one half of the runs and measured in the other, so not flattered."""
    found = trial(program, diagram, strategy, params, runs, seed)
    judged = found.judged()
    best: dict[Player, Tally] = {}
    for change, tally in judged.items():
        player = found.player(change)
        if player not in best or tally.total[0] > best[player].total[0]:
            best[player] = tally
    seats = len(found.code.players)
    none = Gain(0.0, 0.0, 0.0)
    gains = tuple((p, found.gain(best[p], seats, 1) if p in best else none) for p in found.code.players)
    return Floor(gains, found.notes(len(judged)), runs)


__all__ = ["RUNS", "SEED", "Floor", "Trial", "equilibrium", "exploitability", "trial"]
