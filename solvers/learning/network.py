"""The networks of an actor and a critic: two small perceptrons for each decision of the text, and one step of learning.

What the actor gives is one number for each value of each field of a move; those of a move add up, and a softmax over the legal
moves makes them chances. So a record of two fields with 21 values each has 42 outputs rather than 441, and a rule on both fields
together is obeyed in every case: an illegal move has chance 0.

The step goes up the gradient of `advantage * log(chance of the move) + bonus * entropy` and down that of the critic's squared error,
with Adam and a bound on the gradient's length.

Source: Mnih et al., Asynchronous Methods for Deep Reinforcement Learning (2016), section 4 (advantage actor-critic);
Kingma and Ba, Adam (2015).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import optax

from opengames.sampled.backend import jax, jnp
from opengames.solvers.learning.environment import Site

#: Weights of a decision: of the actor and of the critic, (matrix, bias) from layer to layer.
Weights = dict[str, list[tuple[Any, Any]]]

#: The longest gradient that is followed as it is.
LONGEST = 1.0
#: The share of the critic's error in what is made small.
CRITIC = 0.5
_NEVER = -1e9


def weights(site: Site, inputs: int, hidden: int, random: np.random.Generator) -> Weights:
    """Fresh weights: two hidden layers, the actor's last one nearly 0, so that all legal moves begin about equally likely."""
    return {
        "actor": _layers((inputs, hidden, hidden, sum(n for _, n in site.codes)), 0.01, random),
        "critic": _layers((inputs, hidden, hidden, 1), 0.1, random),
    }


def _layers(sizes: tuple[int, ...], last: float, random: np.random.Generator) -> list[tuple[Any, Any]]:
    found = []
    for i, (a, b) in enumerate(pairwise(sizes)):
        spread = (last if i == len(sizes) - 2 else 1.0) / np.sqrt(a)
        found.append(((spread * random.standard_normal((a, b))).astype(np.float32), np.zeros(b, np.float32)))
    return found


def forward(layers: list[tuple[Any, Any]], x: Any, tanh: Callable[[Any], Any] = np.tanh) -> Any:
    """The outputs of a perceptron for rows of features; the same on arrays of either library."""
    for matrix, bias in layers[:-1]:
        x = tanh(x @ matrix + bias)
    matrix, bias = layers[-1]
    return x @ matrix + bias


def scores(site: Site, outputs: Any, legal: Any, take: Any = np) -> Any:
    """(states, moves): logarithms of chances up to a constant, far below all others where a move is not legal."""
    total: Any = 0.0
    start = 0
    for code, count in site.codes:
        total = total + outputs[:, start + code]
        start += count
    return take.where(legal, total, np.float32(_NEVER))


def learner(sites: dict[str, Site], updates: int, rate: float) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """(begin, step): `begin(weights)` gives the optimiser's state; `step(weights, state, batch, bonus)` the weights after one step.

    batch: for each place (features, numbers of the moves, legal moves, advantages, targets of the critic), a row for each decision.
    """
    rates = optax.linear_schedule(rate, 0.05 * rate, updates)
    optimiser = optax.chain(optax.clip_by_global_norm(LONGEST), optax.adam(rates, eps=1e-5))

    def wrong(all_weights: dict[str, Weights], batch: dict[str, Any], bonus: Any) -> Any:
        total: Any = 0.0
        rows = sum(len(x[0]) for x in batch.values())
        for place, (x, moves, legal, advantages, targets) in batch.items():
            own = all_weights[place]
            log = jax.nn.log_softmax(scores(sites[place], forward(own["actor"], x, jnp.tanh), legal, jnp))
            made = jnp.take_along_axis(log, moves[:, None], axis=1)[:, 0]
            entropy = -jnp.where(legal, jnp.exp(log) * log, 0.0).sum(axis=1)
            missed = forward(own["critic"], x, jnp.tanh)[:, 0] - targets
            total = total + (-advantages * made - bonus * entropy + CRITIC * missed**2).sum()
        return total / rows

    @jax.jit
    def step(all_weights: Any, state: Any, batch: Any, bonus: Any) -> Any:
        gradient = jax.grad(wrong)(all_weights, batch, bonus)
        change, state = optimiser.update(gradient, state, all_weights)
        return optax.apply_updates(all_weights, change), state

    return optimiser.init, step


__all__ = ["Weights", "forward", "learner", "scores", "weights"]
