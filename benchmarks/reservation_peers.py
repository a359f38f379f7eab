"""The reservation exchange written by hand, three times: NumPy, a JAX scan, agentpy. Each gives the mean utility."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

LOSS, CALM, PULL, HIGH, HOP = 24.0, 0.1, 0.01, 0.1, 0.1


class Fresh:
    """Uniforms made when they are wanted."""

    def __init__(self, seed: int, n: int, k: int) -> None:
        self.make, self.n, self.k = np.random.default_rng(seed), n, k

    def opening(self) -> float:
        return self.make.random()

    def start(self) -> np.ndarray:
        return self.make.random(self.n)

    def unit(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """For one unit: K uniforms for the prices, and (switched, fresh) for everybody."""
        return self.make.random(self.k), self.make.random((2, self.n))


class Supplied(Fresh):
    """Uniforms from elsewhere: `opening []`, `start [N]`, `price [T, K]`, `switched [N, T]`, `fresh [N, T]`."""

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.arrays = arrays

    def opening(self) -> float:
        return float(self.arrays["opening"])

    def start(self) -> np.ndarray:
        return self.arrays["start"]

    def unit(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        both = np.stack((self.arrays["switched"][:, i], self.arrays["fresh"][:, i]))
        return self.arrays["price"][i], both


def numpy_mean(n: int, t: int, k: int, uniforms: Fresh) -> float:
    """All prosumers and leads at once, one unit after another: arrays `[K, N]`, no allocation that can be spared."""
    curve = np.full(k, 5.0 if uniforms.opening() < 0.5 else 10.0)
    home = uniforms.start() < 0.5
    asp, view = np.full((k, n), CALM), np.empty((k, n))
    held, owned = np.zeros((k, n), bool), np.zeros((k, n), bool)
    odd, earned = np.empty((k, n)), np.zeros(n)
    follows = np.minimum(np.arange(1, k + 1), k - 1)
    for i in range(t):
        u_price, (u_switched, u_fresh) = uniforms.unit(i)
        before = curve[follows]
        curve = np.where(u_price < np.where(before == 5.0, 1 - HOP, HOP), 5.0, 10.0)
        switched = u_switched < np.clip(asp[0] + np.where(home, -PULL, PULL), 0.0, 1.0)
        home = home != switched
        view[k - 1] = np.where(u_fresh < HIGH, 0.9, 0.1)
        for lead in range(k - 2, -1, -1):
            np.add(view[lead + 1], asp[lead + 1], out=view[lead])
            view[lead] *= 0.5
            view[lead][switched] = CALM
        np.multiply(view, -2.0, out=odd)
        odd += 1.0
        for lead in range(1, k):
            odd[lead] *= odd[lead - 1]
        odd *= np.where(home, 0.5, -0.5)
        odd += 0.5
        odd *= LOSS
        owned[:-1] = held[1:]
        reserve = curve[:, None] < odd
        spent = curve @ np.subtract(reserve, owned, dtype=np.float64)
        earned -= spent + LOSS * (home & ~held[0])
        asp, view, held = view, asp, reserve
    return float(earned.mean())


def jax_mean(n: int, t: int, k: int) -> Callable[[int], float]:
    """One `scan` over units in 64 bits, leads apart so that every operation is over prosumers.

    All uniforms are made by two calls before the scan, which takes a quarter less time than making them in each unit.
    """
    from opengames.sampled.backend import jax, jnp

    def program(seed: Any) -> Any:
        opening, start, prices, people = jax.random.split(jax.random.key(seed), 4)
        first = jnp.where(jax.random.uniform(opening) < 0.5, 5.0, 10.0)
        home = jax.random.uniform(start, (n,)) < 0.5

        uniforms = (jax.random.uniform(prices, (t, k)), jax.random.uniform(people, (t, 2, n)))

        def unit(state: Any, drawn: Any) -> Any:
            curve, home, asp, held, earned = state
            u_price, u = drawn
            before = jnp.concatenate([curve[1:], curve[-1:]])
            stays = u_price < jnp.where(before == 5.0, 1 - HOP, HOP)
            curve = jnp.where(stays, 5.0, 10.0)
            switched = u[0] < jnp.clip(asp[0] + jnp.where(home, -PULL, PULL), 0.0, 1.0)
            home = home != switched
            view = [jnp.where(u[1] < HIGH, 0.9, 0.1)]
            for lead in range(k - 2, -1, -1):
                view.insert(0, jnp.where(switched, CALM, (view[0] + asp[lead + 1]) * 0.5))
            odd, spent, reserve = jnp.ones(()), jnp.zeros(()), []
            for lead in range(k):
                odd = odd * (1 - 2 * view[lead])
                chance = jnp.where(home, (1 + odd) * 0.5, (1 - odd) * 0.5)
                reserve.append(curve[lead] < LOSS * chance)
                owned = held[lead + 1].astype(float) if lead < k - 1 else 0.0
                spent = spent + curve[lead] * (reserve[lead].astype(float) - owned)
            earned = earned - spent - LOSS * (home & ~held[0])
            return (curve, home, view, reserve, earned), None

        state = (jnp.full(k, first), home, [jnp.full(n, CALM)] * k, [jnp.zeros(n, bool)] * k, jnp.zeros(n))
        return jax.lax.scan(unit, state, uniforms)[0][-1].mean()

    compiled = jax.jit(program)
    return lambda seed: float(compiled(seed))


def agentpy_mean(n: int, t: int, k: int, seed: int) -> float:
    """One object for each prosumer, as that library's tutorials write models. Raises `ImportError` without agentpy."""
    import agentpy

    class Prosumer(agentpy.Agent):
        def setup(self) -> None:
            self.home = random.random() < 0.5
            self.asp, self.held, self.earned = [CALM] * k, [False] * k, 0.0

        def live(self) -> None:
            curve = self.model.curve
            chance = min(1.0, max(0.0, self.asp[0] + (-PULL if self.home else PULL)))
            switched = random.random() < chance
            self.home = self.home != switched
            view = [0.9 if random.random() < HIGH else 0.1] * k
            for lead in range(k - 2, -1, -1):
                view[lead] = CALM if switched else (view[lead + 1] + self.asp[lead + 1]) / 2
            odd, spent, reserve = 1.0, 0.0, []
            for lead in range(k):
                odd *= 1 - 2 * view[lead]
                present = (1 + odd) / 2 if self.home else (1 - odd) / 2
                reserve.append(curve[lead] < LOSS * present)
                owned = lead < k - 1 and self.held[lead + 1]
                spent += curve[lead] * (reserve[lead] - owned)
            self.earned -= spent + (LOSS if self.home and not self.held[0] else 0.0)
            self.asp, self.held = view, reserve

    class Exchange(agentpy.Model):
        def setup(self) -> None:
            self.curve = [5.0 if random.random() < 0.5 else 10.0] * k
            self.prosumers = agentpy.AgentList(self, n, Prosumer)

        def step(self) -> None:
            before = [*self.curve[1:], self.curve[-1]]
            self.curve = [5.0 if random.random() < (1 - HOP if p == 5.0 else HOP) else 10.0 for p in before]
            self.prosumers.live()

        def end(self) -> None:
            self.report("mean", sum(p.earned for p in self.prosumers) / n)

    random.seed(seed)
    found = Exchange({"steps": t, "seed": seed}).run(display=False)
    return float(found.reporters["mean"][0])
