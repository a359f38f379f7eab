r"""The bootstrap particle filter.

Particles are moved by the channel with the observed draws taken out and weighed by how likely the evidence was
there, in logarithms. Where the effective sample size $1 / \sum w_i^2$ falls below half of the particles they are
drawn anew, systematically: one uniform, and as many equally spaced points. Evidence that no particle can explain
is impossible, as far as the particles can tell, and is refused with its round. Evidence that is not there is drawn like the
rest, and weighs nothing.

Source: Gordon, Salmond, Smith, Novel approach to nonlinear/non-Gaussian Bayesian state estimation (1993);
Kitagawa, Monte Carlo filter and smoother (1996), for systematic resampling and the fixed lag.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from opengames.diagnostics import refuse
from opengames.diagram import Diagram, Port
from opengames.sampled import keys
from opengames.sampled.backend import jax, jnp
from opengames.solvers.recognition.densities import LOG, POSSIBLE, conditioned, named
from opengames.solvers.recognition.members import Cloud, Leaves, empty, shifted
from opengames.solvers.recognition.shape import StateSpace
from opengames.spaces import Family

#: Particles are drawn anew where fewer than this share of them count.
THIN = 0.5


def opened(space: StateSpace, gaps: bool) -> tuple[Diagram, tuple[Port, ...], tuple[str, ...]]:
    """The body of the loop with the evidence as inputs, those inputs, and the wires that weigh.

    gaps: whether evidence may be missing. Raises `Refusal` (`unsuited-filter`) for evidence that has no density.
    """
    body = space.loop.body
    made: list[Port] = []
    for each in space.seen:
        body = conditioned(body, each.wire, gaps)
        made.append(body.inputs[-1])
    return body, tuple(made), tuple(named(s.wire, what) for s in space.seen for what in (LOG, POSSIBLE))


def supplied(space: StateSpace, ports: tuple[Port, ...], evidence: Leaves, there: Leaves, gaps: bool) -> Leaves:
    """Evidence by the inputs of the body. evidence, there: by wire of the round, runs and rounds first.

    Raises `Refusal` (`data-gap`) where a draw was observed in part.
    """
    found: Leaves = {}
    for each, port in zip(space.seen, ports, strict=True):
        found[port.name] = list(evidence[each.wire])
        if not gaps:
            continue
        axes = 2 + len(port.space.index) if isinstance(port.space, Family) else 2
        parts = [a.reshape(*a.shape[:axes], -1) for a in there[each.wire]]
        whole = np.concatenate(parts, -1)
        if (whole.any(-1) != whole.all(-1)).any():
            raise refuse(
                "data-gap", f"`{each.name}` is drawn as a whole, and was observed in part", span=space.at,
                help="leave out all of it; or draw its parts one by one",
            )  # fmt: skip
        found[port.name].append(whole.all(-1))
    return found


def filtered(cloud: Cloud, lag: int, seed: Any, run: Any, inputs: Leaves, evidence: Leaves, params: Any) -> dict[str, Any]:
    """One run of the filter. evidence: by input of the body, rounds first. See `recognise.Found` for what comes out."""
    space, n = cloud.space, cloud.members
    before, pairs, further = cloud.keys(seed, run, ("drawn anew",))
    state, same, up = cloud.start(before, inputs, params)
    sought = [s.wire for s in space.sought if s.every]
    anew = further[0, 0]

    def step(carry: Any, position: Any) -> tuple[Any, Any]:
        state, buffer, weights = carry
        moved = cloud.move(pairs, state, same, cloud.seen_at(evidence, position), params, position)
        found = moved.results
        weights = weights + _log_chances(space, found, n)
        total = jax.scipy.special.logsumexp(weights)
        alive = total > -jnp.inf
        weights = jnp.where(alive, weights - jnp.where(alive, total, 0.0), -jnp.log(1.0 * n))
        shares = jnp.exp(weights)
        size = 1.0 / (shares**2).sum()
        after = cloud.carried(state, found)
        buffer = shifted(buffer, [a for w in sought for a in found[w]])
        left = [b[-1] for b in buffer]
        u = keys.uniform((anew[0], anew[1]), (position,))
        thin = size < THIN * n
        chosen = jnp.where(thin, _systematic(shares, u), jnp.arange(n))
        state = jax.tree.map(lambda a: a[chosen], after)
        buffer = [b[:, chosen] for b in buffer]
        weights = jnp.where(thin, jnp.full(n, -jnp.log(1.0 * n)), weights)
        return (state, buffer, weights), (left, {"size": size, "log": total, "alive": alive}, shares, moved.up)

    first = {n: [a[0] for a in arrays] for n, arrays in evidence.items()}
    blank = jax.eval_shape(lambda: cloud.move(pairs, state, same, first, params, jnp.int32(0)).results)
    buffer = empty(lag, [a for w in sought for a in blank[w]])
    begin = (state, buffer, jnp.full(n, -jnp.log(1.0 * n)))
    (state, buffer, weights), (left, news, shares, ups) = jax.lax.scan(step, begin, cloud.order())
    return {
        "left": left, "buffer": buffer, "state": state, "news": news, "shares": shares, "last shares": jnp.exp(weights),
        "up": (up, ups),
    }  # fmt: skip


def _log_chances(space: StateSpace, found: Leaves, n: int) -> Any:
    """How likely the evidence of a round was for each particle."""
    total = jnp.zeros(n)
    for each in space.seen:
        (log,), (possible,) = found[named(each.wire, LOG)], found[named(each.wire, POSSIBLE)]
        total = total + jnp.where(possible, log, -jnp.inf).reshape(n, -1).sum(1)
    return total


def _systematic(shares: Any, u: Any) -> Any:
    """Which particles go on: particle i as often as points `(k + u) / n` fall into its share."""
    n = shares.shape[0]
    sums = jnp.cumsum(shares)
    points = (jnp.arange(n) + u) / n * sums[-1]
    return jnp.clip(jnp.searchsorted(sums, points, side="right"), 0, n - 1)
