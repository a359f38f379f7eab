"""A learned response and what is known of it: its value in plays of the game, beside that of strategies that are there already.

The policy is learned in an environment made for learning, and judged outside of it: its table is plugged into the game like a
strategy of the text and simulated with luck of its own. The strategies of the text are played with the same luck. Where dynamic
programming on a coarse grid is cheap, its plan is played too; the value that it promises is an interpolation, and is said beside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from opengames.diagnostics import Refusal, refuse
from opengames.plug import plug_others
from opengames.program import Program, Strategy
from opengames.show import Shown, number
from opengames.solvers import claims
from opengames.solvers.answers import Policy
from opengames.solvers.code import Choose
from opengames.solvers.completion import declared
from opengames.solvers.learning.actor_critic import HIDDEN, RATE, STEPS, learn
from opengames.solvers.learning.cells import POINTS, Table, strategy, tables
from opengames.solvers.learning.checking import RUNS, Mean, mean, payoffs
from opengames.solvers.learning.environment import Decision, Environment
from opengames.solvers.planning import Plan, dynamic_programming
from opengames.solvers.problem import player_name
from opengames.spaces import is_finite
from opengames.tree import Player

#: Rows of a table beyond which it is not written as text.
ROWS = 10_000
#: Strategies of the text that a learned one is compared with.
COMPARED = 3
#: Combinations of one iteration, and decisions, up to which dynamic programming is asked as well; its grid and its draws.
CHEAP, SHORT, COARSE, OUTCOMES = 200_000, 100, 21, 5
#: What is added to the seed for the plays of the check, so that they share no luck with those learned from.
_APART = 0x5EED
_MET = "met in a play of what was learned; more `steps` or `points` may keep out of it"


@dataclass(frozen=True, slots=True)
class Planned:
    """What dynamic programming says of the same question: what its plan promises, and what it earns in plays."""

    promised: float
    earned: Mean


@dataclass(frozen=True, slots=True)
class LearnedPolicy:
    """A learned strategy and what it earns. It is not known to be best.

    value: what the player earns on average in `runs` plays of the game, in base units, with its 95 % `interval`. beside: for
    strategies of the text what they earn in the same plays, and how much more the learned one does. planned: what dynamic
    programming says, where it is cheap. steps: decisions learned from. curve: what an episode of each round earned.
    """

    game: str
    player: Player
    value: float
    interval: tuple[float, float]
    runs: int
    seed: int
    tables: Mapping[str, Table] = field(repr=False)
    steps: int
    episodes: int
    curve: tuple[float, ...] = field(repr=False)
    beside: tuple[tuple[str, Mean, Mean], ...] = ()
    planned: Planned | None = None
    stopped: bool = False
    shown: Shown | None = None
    verdict: str = "learned"
    method: str = "learned, actor-critic"
    exact: bool = False
    taken: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    @property
    def certificate(self) -> float | None:
        """How much more the plan of dynamic programming earns in plays, where that was asked; `None`: nothing bounds it."""
        return None if self.planned is None else self.planned.earned.value - self.value

    def strategy(self, name: str) -> Strategy:
        """The policy as a strategy, to be plugged into the game."""
        return strategy(name, self.game, dict(self.tables))

    def lines(self) -> list[str]:
        who = player_name(self.player)
        found = [
            f"{who} earns {self._mean(Mean(self.value, *self.interval, self.runs))} with what was learned "
            f"({self.runs:,} runs, seed {self.seed}); nothing says that it is best",
            f"learned from {self.steps:,} decisions in {self.episodes:,} plays, seed {self.seed}",
        ]
        if self.stopped:
            found.append("learning was interrupted: this is what was learned until then")
        for name, own, more in self.beside:
            found.append(f"`{name}` earns {self._mean(own)} in the same runs; learned less `{name}`: {self._mean(more)}")
        if self.planned is not None:
            found.append(
                f"a plan by dynamic programming on {COARSE} points promises {number(self.planned.promised, self.shown)} "
                f"and earns {self._mean(self.planned.earned)} in plays"
            )
        for table in self.tables.values():
            for axis in table.axes:
                if axis.real:
                    wide = f", {number(axis.step, getattr(axis.leaf.space, 'shown', None))} wide" if axis.step else ", one for each value met"
                    found.append(f"`{axis.leaf.name}` is told apart in {len(axis.values)} cells{wide}")
        return found

    def _mean(self, of: Mean) -> str:
        return f"{number(of.value, self.shown)} ± {number(float(f'{of.upper - of.value:.3g}'), self.shown)}"

    def to_game(self, name: str) -> str:
        """The policy as text; `over-budget` where it has more rows than anybody reads."""
        rows = sum(t.best.size for t in self.tables.values())
        if rows > ROWS:
            raise refuse("over-budget", f"the policy has {rows:,} rows, more than {ROWS:,}", help="ask with fewer `points`")
        doing = tuple(row for table in self.tables.values() for row in table.rows())
        nearest = any(axis.real for table in self.tables.values() for axis in table.axes)
        return Policy(self.game, self.player, None, doing, taken=self.taken, nearest=nearest).to_game(name)


def best_response(
    program: Program,
    game: str,
    player: Player | str | None = None,
    params: Mapping[str, Any] | None = None,
    steps: int = STEPS,
    seed: int = 0,
    runs: int = RUNS,
    hidden: int = HIDDEN,
    rate: float = RATE,
    points: int = POINTS,
    under: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> LearnedPolicy:
    """A response of the single decider of a game, learned from `steps` decisions and judged in `runs` plays.

    under: what the others do, and the strategy of the text to compare with instead of the first few. Raises `Refusal` (`not-yet`) for what cannot be
    learned: several deciders, real moves, a decider that does not see what still matters, branches.
    """
    rest = program.strategies[under] if under is not None else None
    diagram = program.diagrams[game]
    if rest is not None and player is not None:
        diagram = plug_others(diagram, rest, player if isinstance(player, str) else player[0])
    environment = Environment(program, diagram, player, params)
    learned = learn(environment, steps, seed, hidden, rate, progress)
    made = tables(learned, points)
    plans = strategy("learned", game, made)
    if rest is not None:
        plans = replace(plans, plans=(*plans.plans, *(p for p in rest.plans if p.seat != environment.player[0])))
    try:
        own = payoffs(program, game, plans, environment.player, runs, seed + _APART, params)
    except Refusal as refused:
        raise Refusal(*(replace(d, notes=(*d.notes, _MET)) for d in refused.diagnostics)) from refused
    value = mean(own)
    beside = []
    for other in _others(program, game, under):
        theirs = payoffs(program, game, other, environment.player, runs, seed + _APART, params)
        beside.append((other.name, mean(theirs), mean(own - theirs)))
    return LearnedPolicy(
        game, environment.player, value.value, (value.lower, value.upper), runs, seed, made, learned.steps,
        learned.steps // environment.horizon, learned.curve, tuple(beside), _planned(program, environment, game, params, runs, seed),
        learned.stopped, claims.units(environment.code)[environment.player], taken=declared(program),
    )  # fmt: skip


def _others(program: Program, game: str, under: str | None) -> list[Strategy]:
    if under is not None:
        return [program.strategies[under]]
    return [s for s in program.strategies.values() if s.game == game][:COMPARED]


def _planned(
    program: Program, environment: Environment, game: str, params: Mapping[str, Any] | None, runs: int, seed: int
) -> Planned | None:
    """The plan of dynamic programming on a coarse grid and what it earns, where that is cheap and it applies."""
    if environment.horizon > SHORT or not _is_small(environment):
        return None
    try:
        plan = dynamic_programming(
            program, environment.diagram, environment.player, params, COARSE, False, CHEAP, False, OUTCOMES
        )
        assert isinstance(plan, Plan)
        plays = environment.play(_following(environment, plan), runs, np.random.default_rng([seed, _APART]))
    except Refusal:
        return None  # a question that it does not take, too large, or a plan that does not hold between its points
    return Planned(float(plan.value), mean(plays.totals))


def _following(environment: Environment, plan: Plan) -> Callable[[Decision], Any]:
    """What a plan on a grid does: its move at the nearest point, any legal one where that is not."""

    def acts(decision: Decision) -> Any:
        step = environment.code.steps[decision.pc]
        assert isinstance(step, Choose)
        table = plan.tables[step.place, step.index]
        names = [n for n, _ in step.seen]
        place = []
        for axis in table.axes:
            column = names.index(next(n for n, slot in step.seen if slot == axis.slot))
            leaf = decision.site.leaves[column]
            points = [environment.number(leaf, {names[column]: environment.arrays.encode(v)}) for v in axis.values]
            values = np.asarray(points, dtype=float)
            place.append(np.abs(decision.seen[:, column : column + 1] - values).argmin(axis=1))
        chosen = np.broadcast_to(table.best[tuple(place)], len(decision.seen))
        numbers = {move: i for i, move in enumerate(decision.site.moves)}
        wanted = np.asarray([numbers.get(m, 0) for m in table.step.moves])[chosen]
        legal = decision.legal[np.arange(len(wanted)), wanted]
        return np.where(legal, wanted, decision.legal.argmax(axis=1))

    return acts


def _is_small(environment: Environment) -> bool:
    """Whether a coarse pass of dynamic programming is cheap: points of what is seen, times moves; scalars only."""
    for site in environment.sites.values():
        if len(site.leaves) != len(site.step.seen):
            return False
        around = {n for n, _, _ in site.step.around}
        size = len(site.moves)
        for leaf in site.leaves:
            if leaf.name not in around:
                size *= COARSE if not is_finite(leaf.space) else _count(leaf)
        if size * OUTCOMES > CHEAP:
            return False
    return True


def _count(leaf: Any) -> int:
    from opengames.spaces import size

    return size(leaf.space) or CHEAP


__all__ = ["LearnedPolicy", "Planned", "best_response"]
