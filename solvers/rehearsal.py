"""A plan found on a grid, played many times: what it earns between the points, under luck that was not cut into slices.

The value of dynamic programming is that of the game on the grid: real quantities interpolated, normal luck in slices. The plan
itself acts as at the nearest point. Playing it says how far the two are apart; a finer grid brings them together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from opengames.solvers.arrays import Arrays, choose
from opengames.solvers.code import Assign, Choose, Code, Draw, Formula, Gather, Reward
from opengames.solvers.sweep import Axis, Table
from opengames.spaces import Grid, Reals
from opengames.terms import Normal, Uniform
from opengames.tree import Player

#: Plays, if nothing else is said.
RUNS = 2_000
_WIDE = 1.959963984540054


@dataclass(frozen=True)
class Rehearsed:
    """What a plan earned in `runs` plays on average, and half the width of the interval that holds the expectation with 95 %.

    broken: plays in which some move at the nearest point was against the rules; the mean is over the others.
    """

    mean: float
    half: float
    runs: int
    broken: int


def rehearse(code: Code, player: Player, tables: Mapping[tuple[str, tuple[Any, ...]], Table], runs: int = RUNS, seed: int = 0) -> Rehearsed | None:
    """Plays of unrolled code without branches in which one player alone decides, by its tables; none where no play could be ended."""
    return _Stage(code, player, tables, runs, seed).play()


class _Stage:
    def __init__(self, code: Code, player: Player, tables: Mapping[tuple[str, tuple[Any, ...]], Table], runs: int, seed: int) -> None:
        self.code, self.player, self.tables, self.runs, self.seed = code, player, tables, runs, seed
        self.arrays = Arrays(*code.scope)
        self.values: dict[int, Any] = {}
        self.legal = np.ones(runs, bool)

    def play(self) -> Rehearsed | None:
        earned = np.full(self.runs, float(self.code.base[self.player]))
        for pc, step in enumerate(self.code.steps):
            if self.code.dead[pc]:
                continue
            match step:
                case Assign(out=out, formula=formula):
                    self.values[out] = self.value(formula)
                case Gather(out=out, items=items, flat=flat):
                    parts = tuple(self.wire(s) for s in items)
                    self.values[out] = tuple(v for p in parts for v in p) if flat else parts
                case Draw(out=out, formula=formula):
                    self.values[out] = self.drawn(formula, np.random.default_rng((self.seed, pc)))
                case Choose():
                    self.choose(step)
                case Reward(entries=entries):
                    for formula, paid in entries:
                        scale = dict(paid).get(self.player)
                        if scale is not None:
                            earned = earned + float(scale) * self.value(formula)
        good = earned[self.legal & np.isfinite(earned)]
        if len(good) < 2:
            return None
        half = _WIDE * float(good.std(ddof=1)) / len(good) ** 0.5
        return Rehearsed(float(good.mean()), half, self.runs, self.runs - len(good))

    def drawn(self, formula: Formula, rng: np.random.Generator) -> Any:
        """One outcome for each run; what is drawn at one remove is in slices, as in planning."""
        env = self.env(formula)
        match formula.term:
            case Normal(mean=mean, deviation=deviation):
                return self.arrays.value(mean, env) + self.arrays.value(deviation, env) * rng.standard_normal(self.runs)
            case Uniform(space=Reals(lower=lower, upper=upper, whole=False)) if lower is not None and upper is not None:
                return rng.uniform(float(lower), float(upper), self.runs)
        pairs = self.arrays.pairs(formula.term, env)
        chances = np.stack([np.broadcast_to(np.asarray(c, float), (self.runs,)) for _, c in pairs])
        below = np.cumsum(chances, axis=0)
        place = (rng.random(self.runs) * below[-1] >= below).sum(axis=0)
        return choose(np.minimum(place, len(pairs) - 1), [v for v, _ in pairs])

    def choose(self, step: Choose) -> None:
        table = self.tables[step.place, step.index]
        where = tuple(np.broadcast_to(self.place(a, self.wire(a.slot)), (self.runs,)) for a in table.axes)
        moves = np.broadcast_to(table.best[where] if where else table.best, (self.runs,))
        joint = len(step.outs) > 1
        own = {}
        for i, (out, port) in enumerate(zip(step.outs, step.box.outs, strict=True)):
            options = [self.arrays.encode(m[i] if joint else m) for m in table.step.moves]
            self.values[out] = own[port.name] = choose(moves, options)
        for rule in step.rules:
            self.legal = self.legal & self.arrays.value(rule.term, {**self.env(rule), **own})

    def place(self, axis: Axis, value: Any) -> Any:
        """The number of the point of an axis that is nearest to each value."""
        if axis.real:
            low, high = float(axis.values[0]), float(axis.values[-1])
            top = len(axis.values) - 1
            # halves go down, as they do where the plan is asked point by point
            part = (value - low) / (high - low) * top if high > low else np.zeros(np.shape(value))
            return np.clip(np.ceil(np.nan_to_num(part) - 0.5 - 1e-9), 0, top).astype(int)
        if isinstance(axis.space, Grid):
            return self.arrays.nearest(value, axis.space)[0]
        return self.arrays.place([value], (axis.space,))

    def value(self, formula: Formula) -> Any:
        return self.arrays.value(formula.term, self.env(formula))

    def env(self, formula: Formula) -> dict[str, Any]:
        env = {name: self.arrays.encode(v) for name, v in formula.fixed.items()}
        env.update((name, self.wire(slot)) for name, slot in formula.wires)
        return env

    def wire(self, slot: int) -> Any:
        if slot in self.code.fixed:
            return self.arrays.encode(self.code.fixed[slot])
        return self.values[slot]


__all__ = ["RUNS", "Rehearsed", "rehearse"]
