"""A learned policy as a table: what it sees, told apart in cells, and one move for each.

The points of a finite space are cells of their own. A real quantity that took few round values while learning has a cell for
each. Any other is cut into cells of equal width between the ends of its type or of what was met. A cell stands for the values nearest
to its point; what lies outside belongs to the last one. In a cell the policy does what its actor finds likeliest at the point; in
cells of equal width among the moves that are legal in all corners, so that rules linear in what is seen are obeyed everywhere.

The table is a strategy of the text: printed, plugged into the game, and simulated like one that a person wrote.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, product
from math import ceil, floor, log10, prod
from typing import Any

import numpy as np

from opengames import spaces
from opengames.diagnostics import refuse
from opengames.program import Plan, Strategy
from opengames.solvers.code import Choose
from opengames.solvers.learning.actor_critic import Learned
from opengames.solvers.learning.environment import Leaf, Site
from opengames.solvers.text import Doing
from opengames.spaces import Family, Grid, Reals, Record, Space
from opengames.terms import At, Const, Fold, Prim, Term, Var

#: Cells of a real quantity, if nothing else is said.
POINTS = 21
#: Values up to which a real quantity has a cell for each that was met, and how often each must have been met on average.
LISTED, OFTEN = 64, 4
#: The largest denominator of such a value.
ROUND = 1_000
#: Cells of one decision of the text, over all iterations, beyond which no table is made.
CELLS = 200_000


@dataclass(frozen=True, slots=True)
class Axis:
    """The cells of one thing seen: their values, and the numbers that stand for them. step: their width, where all have one."""

    leaf: Leaf
    values: tuple[Any, ...]
    numbers: Any
    step: Fraction = Fraction(0)

    @property
    def real(self) -> bool:
        """Whether the cells are of a real quantity."""
        return isinstance(self.leaf.space, Reals)


@dataclass(frozen=True, slots=True)
class Table:
    """What to do at one decision of the text: `best` numbers the moves of its site, one for each cell of `axes`.

    steps: the iteration that each value of the loops around it belongs to, by the cells of the axes that tell them apart.
    """

    site: Site
    axes: tuple[Axis, ...]
    best: Any
    steps: tuple[tuple[Choose, tuple[int | None, ...]], ...]

    def rows(self) -> Iterator[Doing]:
        """Every cell with its move, as a solver's plan is told."""
        for step, fixed in self.steps:
            ranges = [range(len(a.values)) if f is None else (f,) for a, f in zip(self.axes, fixed, strict=True)]
            for cell in product(*ranges):
                parts = iter([a.values[i] for a, i in zip(self.axes, cell, strict=True)])
                seen = tuple(_nested(step.types[name], parts) for name, _ in step.seen)
                yield step, seen, ((self.site.moves[int(self.best[cell])], Fraction(1)),)

    def terms(self) -> tuple[Term, ...]:
        """For each wire decided, what it is, over what the decision sees."""
        keys = tuple(_key(a) for a in self.axes)
        index = tuple(_numbered(a) if a.real else a.leaf.space for a in self.axes)
        made = [self.site.moves[int(i)] for i in self.best.ravel()]
        wires = len(self.site.step.box.outs)
        columns = [tuple(made)] if wires == 1 else [tuple(m[i] for m in made) for i in range(wires)]
        return tuple(At(Const(c), keys, index) if keys else Const(c[0]) for c in columns)


def tables(learned: Learned, points: int = POINTS) -> dict[str, Table]:
    """The learned policy by place. Raises `Refusal`: `over-budget` beyond `CELLS`, `infeasible` where cells are too wide for the rules."""
    return {name: _table(learned, name, points) for name in learned.environment.sites}


def _table(learned: Learned, place: str, points: int) -> Table:
    site = learned.environment.sites[place]
    axes = tuple(_axis(leaf, learned.met[place][:, i], points) for i, leaf in enumerate(site.leaves))
    shape = tuple(len(a.values) for a in axes)
    if prod(shape) > CELLS:
        raise refuse(
            "over-budget", f"what `{place}` sees makes {prod(shape):,} cells", notes=(f"the limit is {CELLS:,}",),
            help="let the decision see less, or give `points` a smaller number",
        )  # fmt: skip
    best = np.zeros(shape, dtype=np.int32)
    steps = []
    for pc in site.possible:
        step = learned.environment.code.steps[pc]
        assert isinstance(step, Choose)
        around = {name: value for name, _, value in step.around}
        fixed = tuple(a.values.index(around[a.leaf.name]) if a.leaf.name in around and not a.real else None for a in axes)
        where = tuple(slice(None) if f is None else slice(f, f + 1) for f in fixed)
        grids = [a.numbers[w] for a, w in zip(axes, where, strict=True)]
        seen = np.stack([g.ravel() for g in np.meshgrid(*grids, indexing="ij")], axis=1) if axes else np.zeros((1, 0))
        legal = _legal(learned, pc, axes, seen)
        stuck = np.flatnonzero(~legal.any(axis=1))
        if len(stuck):
            # Cells that no play met may hold no legal move; what is written there is never done.
            legal[stuck] = True
        chosen = learned.scores(place, seen, legal).argmax(axis=1) if site.codes else np.zeros(len(seen), dtype=int)
        best[where] = chosen.reshape(best[where].shape)
        steps.append((step, fixed))
    return Table(site, axes, best, tuple(steps))


def _legal(learned: Learned, pc: int, axes: tuple[Axis, ...], seen: Any) -> Any:
    """(cells, moves): legal at the point of a cell and at all of its corners, as far as they lie within the axes.

    Where no move is legal in all corners, the corners are left out.
    """
    middle = learned.environment.legal(pc, seen)
    step = learned.environment.code.steps[pc]
    assert isinstance(step, Choose)
    if not any(rule.wires for rule in step.rules):
        return np.array(middle)
    every = np.array(middle)
    for side in product(*((-1, 1) if a.step else (0,) for a in axes)):
        corner = np.array(seen)
        for i, (a, s) in enumerate(zip(axes, side, strict=True)):
            if s:
                corner[:, i] = np.clip(seen[:, i] + s * float(a.step) / 2, a.numbers[0], a.numbers[-1])
        every &= learned.environment.legal(pc, corner)
    return np.where(every.any(axis=1, keepdims=True), every, middle)


def _axis(leaf: Leaf, met: Any, points: int) -> Axis:
    space = leaf.space
    values: tuple[Any, ...]
    if not isinstance(space, Reals):
        values = tuple(spaces.points(space))
        own = [float(v) for v in values] if isinstance(space, Grid) else range(len(values))
        return Axis(leaf, values, np.asarray(own, dtype=float))
    some = np.unique(np.round(met, 9))[: LISTED + 1]
    if len(some) <= LISTED and len(met) >= OFTEN * len(some):
        values = tuple(sorted({Fraction(float(x)).limit_denominator(ROUND) for x in some}))
        numbers = np.asarray([float(v) for v in values])
        if all(np.abs(numbers - x).min() < 1e-7 for x in some):
            return Axis(leaf, values, numbers)
    low = float(space.lower) if space.lower is not None else float(met.min())
    high = float(space.upper) if space.upper is not None else float(met.max())
    step = _round_step((high - low) / max(points - 1, 1))
    start = floor(Fraction(low) / step + Fraction(1, 10**6))
    count = max(ceil(Fraction(high) / step - Fraction(1, 10**6)) - start + 1, 1)
    values = tuple((start + i) * step for i in range(count))
    return Axis(leaf, values, np.asarray([float(v) for v in values]), step)


def _round_step(width: float) -> Fraction:
    """The least of 1, 2 and 5 times a power of ten that is at least `width`; 1 for none."""
    if width <= 0:
        return Fraction(1)
    power = Fraction(10) ** floor(log10(width))
    return next(m * power for m in (1, 2, 5, 10) if float(m * power) >= width * (1 - 1e-9))


def _numbered(axis: Axis) -> Grid:
    return Grid(tuple(Fraction(i) for i in range(len(axis.values))))


def _key(axis: Axis) -> Term:
    """The cell of what is seen: itself, or for a real quantity the number of its cell."""
    if not axis.real:
        return axis.leaf.term
    if not axis.step:
        middles = tuple((a + b) / 2 for a, b in pairwise(axis.values))
        if not middles:
            return Const(Fraction(0))
        cells = Grid(tuple(Fraction(i) for i in range(len(middles))))
        above = Prim(">", (axis.leaf.term, At(Const(middles), (Var("cell'"),), (cells,))))
        return Fold("sum", (("cell'", cells),), Prim("ind", (above,)))
    at = Prim("/", (Prim("-", (axis.leaf.term, Const(axis.values[0]))), Const(axis.step)))
    half = Prim("floor", (Prim("+", (at, Const(Fraction(1, 2)))),))
    return Prim("clamp", (half, Const(Fraction(0)), Const(Fraction(len(axis.values) - 1))))


def _nested(space: Space, parts: Iterator[Any]) -> Any:
    """A value of a space from its numbers and labels, in order."""
    match space:
        case Record(fields=fields):
            return tuple(_nested(s, parts) for _, s in fields)
        case Family(index=index, item=item):
            return tuple(_nested(item, parts) for _ in range(spaces.index_size(index)))
    return next(parts)


def strategy(name: str, game: str, made: dict[str, Table]) -> Strategy:
    """The tables as a strategy of a game, to be plugged into it."""
    plans = []
    for table in made.values():
        step = table.site.step
        seats = tuple(t.name if isinstance(t, Var) else f"i{i}" for i, t in enumerate(step.box.seat.index))
        for out, term in zip(step.box.outs, table.terms(), strict=True):
            plans.append(Plan(step.player[0], seats, ".".join((*step.where, out.name)), term))
    return Strategy(name, game, tuple(plans))


__all__ = ["POINTS", "Axis", "Table", "strategy", "tables"]
