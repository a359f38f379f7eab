"""Advantage actor-critic: a policy learned from many plays side by side, within a budget of decisions.

In each round the actor plays some episodes, drawing its moves; the critic says what each decision was worth on average; what came
out better than that is made likelier and what came out worse less likely (`network`, `advantages`). A bonus for undecided policies
falls to 0 as the budget is used up, and what is kept in the end is the likeliest legal move everywhere.

A learned policy comes without a bound: nothing says how much more another would earn. It is the same for the same seed.

Source: Mnih et al., Asynchronous Methods for Deep Reinforcement Learning (2016); Schulman et al. (2016).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from opengames.diagnostics import refuse
from opengames.solvers.learning.advantages import advantages
from opengames.solvers.learning.environment import Decision, Environment, Plays
from opengames.solvers.learning.features import Scale, features, scale
from opengames.solvers.learning.network import Weights, forward, learner, scores, weights

#: Decisions that the budget buys, units of each hidden layer, and the first step length, if nothing else is said.
STEPS, HIDDEN, RATE = 100_000, 64, 5e-3
#: Episodes side by side; fewer where the budget would not last for so many rounds.
EPISODES, ROUNDS = 64, 150
#: Plays beforehand, by chance, from which scales are taken.
LOOK = 128
#: Numbers seen that are kept for each place, to say where things lie.
KEPT = 10_000_000
#: How far the advantages trust what was earned rather than the critic.
TRUST = 0.95
#: The bonus on entropy in the first round, advantages having unit spread.
BONUS = 0.1


@dataclass(frozen=True, slots=True)
class Learned:
    """What a run of learning gave. met: for each place, the numbers seen, (decisions, leaves). steps: decisions made in all.

    curve: what an episode of each round earned on average, moves being drawn. stopped: whether it was interrupted.
    """

    environment: Environment
    scales: dict[str, tuple[Scale, ...]]
    weights: dict[str, Weights]
    met: dict[str, Any]
    steps: int
    curve: tuple[float, ...]
    stopped: bool = False

    def scores(self, place: str, seen: Any, legal: Any) -> Any:
        """(states, moves): logarithms of the actor's chances up to a constant. seen: (states, leaves)."""
        site = self.environment.sites[place]
        return scores(site, forward(self.weights[place]["actor"], features(self.scales[place], seen)), legal)

    def likeliest(self, decision: Decision) -> Any:
        """The numbers of the likeliest moves."""
        return self.scores(decision.site.place, decision.seen, decision.legal).argmax(axis=1)


def learn(
    environment: Environment,
    steps: int = STEPS,
    seed: int = 0,
    hidden: int = HIDDEN,
    rate: float = RATE,
    progress: Callable[[int, int], None] | None = None,
) -> Learned:
    """A policy from `steps` decisions. progress: called with (decisions made, steps). Ctrl-C ends it with what was learned so far.

    Raises `Refusal`: `over-budget` where the budget buys not even one play, and what `Environment.play` refuses.
    """
    from opengames.sampled.backend import jax

    horizon = environment.horizon
    if steps < horizon:
        raise refuse("over-budget", f"{steps:,} steps are less than one play, which has {horizon:,} decisions", help=f"ask for at least `steps = {100 * horizon:_}`")
    luck, draws, first = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
    look = _look(environment, min(LOOK, max(1, steps // (4 * horizon))), luck)
    used = horizon * look.earned.shape[1]
    scales = {name: _scales(environment, name, look) for name in environment.sites}
    net: Any = {
        name: weights(site, 1 + sum(_columns(s) for s in scales[name]), hidden, first)
        for name, site in environment.sites.items()
        if site.codes
    }
    togo = look.earned[::-1].cumsum(axis=0)[::-1]
    middle, spread = float(togo.mean()), float(togo.std()) or 1.0
    episodes = max(1, min(EPISODES, (steps - used) // (horizon * ROUNDS)))
    rounds = (steps - used) // (horizon * episodes)
    begin, step = learner(environment.sites, max(rounds, 1), rate)
    state = begin(net)
    curve: list[float] = []
    met = {name: [_met(look, name)] for name in environment.sites}
    stopped = False
    try:
        for done in range(rounds if net else 0):
            told: list[Any] = []
            plays = environment.play(_drawing(net, scales, told, draws), episodes, luck)
            batch = _batch(plays, told, net, middle, spread)
            net, state = step(net, state, batch, np.float32(BONUS * (1 - done / rounds)))
            net = jax.tree.map(np.asarray, net)
            used += horizon * episodes
            for name, seen in met.items():
                if sum(x.size for x in seen) < KEPT:
                    seen.append(_met(plays, name))
            curve.append(float(plays.totals.mean()))
            if progress is not None:
                progress(used, steps)
    except KeyboardInterrupt:
        stopped = True
    seen_in_all = {name: np.concatenate(seen) for name, seen in met.items()}
    return Learned(environment, scales, net, seen_in_all, used, tuple(curve), stopped)


def _look(environment: Environment, episodes: int, random: np.random.Generator) -> Plays:
    """Plays by chance: half of the episodes draw each move anew, the others keep to one wherever it is legal."""
    kept: dict[str, Any] = {}

    def acts(decision: Decision) -> Any:
        free = np.where(decision.legal, random.random(decision.legal.shape), -1.0)
        own = kept.setdefault(decision.site.place, random.random(decision.legal.shape))
        same = np.where(decision.legal, own, -1.0)
        half = (np.arange(len(free)) % 2 == 0)[:, None]
        return np.where(half, free, same).argmax(axis=1)

    return environment.play(acts, episodes, random)


def _met(plays: Plays, place: str) -> Any:
    return np.concatenate([d.seen for d in plays.decisions if d.site.place == place])


def _scales(environment: Environment, place: str, plays: Plays) -> tuple[Scale, ...]:
    met = _met(plays, place)
    return tuple(scale(leaf, met[:, i]) for i, leaf in enumerate(environment.sites[place].leaves))


def _columns(one: Scale) -> int:
    return int(one.columns(np.zeros(1)).shape[1])


def _drawing(
    net: dict[str, Weights], scales: dict[str, tuple[Scale, ...]], told: list[Any], random: np.random.Generator
) -> Callable[[Decision], Any]:
    """The actor drawing its moves, by the largest of scores with Gumbel noise; what it was told is added to `told`."""

    def acts(decision: Decision) -> Any:
        place = decision.site.place
        told.append(features(scales[place], decision.seen))
        if place not in net:
            return np.zeros(len(decision.seen), dtype=int)
        found = scores(decision.site, forward(net[place]["actor"], told[-1]), decision.legal)
        return (found + random.gumbel(size=found.shape)).argmax(axis=1)

    return acts


def _batch(plays: Plays, told: list[Any], net: dict[str, Weights], middle: float, spread: float) -> dict[str, Any]:
    """What one step of learning takes, advantages with mean 0 and unit spread."""
    none = np.zeros(plays.earned.shape[1])
    worth = np.stack(
        [
            forward(net[d.site.place]["critic"], x)[:, 0].astype(float) * spread + middle if d.site.place in net else none + middle
            for d, x in zip(plays.decisions, told, strict=True)
        ]
    )
    better = advantages(plays.earned, worth, TRUST)
    targets = ((better + worth - middle) / spread).astype(np.float32)
    even = ((better - better.mean()) / (better.std() + 1e-9)).astype(np.float32)
    found = {}
    for place in net:
        at = [i for i, d in enumerate(plays.decisions) if d.site.place == place]
        found[place] = tuple(
            np.concatenate(part)
            for part in (
                [told[i] for i in at], [plays.decisions[i].moves for i in at], [plays.decisions[i].legal for i in at],
                [even[i] for i in at], [targets[i] for i in at],
            )
        )  # fmt: skip
    return found


__all__ = ["HIDDEN", "RATE", "STEPS", "Learned", "learn"]
