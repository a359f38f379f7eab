"""Whole numbers with a convex quadratic cost: linear programs in whole numbers below it, convex ones with the whole numbers held.

The quadratic cost is split into parts that share no column, each at least 0. A program in whole numbers, the *master*, has a column
for each part and bounds it from below by tangents, so what it costs is never more than the true cost and its optimum is a lower bound.
The whole numbers of that optimum are held, the rest is a convex program, and what that costs is an upper bound. Tangents where both
stand are added, and so on until the bounds meet: whole numbers whose convex program has been solved cost the master as much as it, so
none is met twice but for rounding. A part in one whole number alone is bounded by secants between neighbours instead, which are exact
wherever it is whole; of a truth value one is enough.

Rows are linear, so whatever the master finds leaves its convex program a point; where rounding says otherwise, or has the same truth
values come again, these are excluded. Other whole numbers that come again are only cut off further.

Source: Duran and Grossmann, An outer-approximation algorithm for a class of mixed-integer nonlinear programs (1986), section 3;
Fletcher and Leyffer, Solving mixed integer nonlinear programs by outer approximation (1994), for why it ends.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from opengames.clearings import INFEASIBLE, SOLVED, UNBOUNDED, UNCERTAIN
from opengames.solvers.clearing.highs import Highs
from opengames.solvers.clearing.infeasible import growing
from opengames.solvers.clearing.mixed import Best, Whole, held_at, relative_gap
from opengames.solvers.clearing.program import Program
from opengames.solvers.clearing.solution import BAR, Solution, without
from opengames.solvers.clearing.threads import on_one_thread

#: Programs in whole numbers that one optimum may take.
_ROUNDS = 200
#: Nodes of one of them.
_NODES = 20_000
#: The gap at which nothing more is tried; one that is within the bar when the same whole numbers come again is enough.
_AIM = 1e-13
#: Tangents along a bounded column to begin with.
_FIRST = 5
#: By how much a tangent is divided at most: engines leave out coefficients that are tiny.
_DIVIDED = 1e3
ENGINE = "outer approximation"


@on_one_thread
def solve_curved(program: Program, rounds: int = _ROUNDS) -> Solution:
    """The optimum of a program with whole numbers and a quadratic cost, prices with the whole numbers held; `gap` says how far the cost
    may be from the least, and a gap that is not closed in so many rounds leaves the best point found uncertain."""
    assert program.integer is not None
    master = _Master(program, np.zeros(len(program.cost)))
    found = master.solve() if master.covered else None
    if found is None or found.status == UNBOUNDED:
        if growing(replace(program, integer=None)):
            m, n = program.matrix.shape
            return without(_along_a_ray(program), m, n, ENGINE)
        near = _near(program)
        master = _Master(program, near)
        master.touch(near)
        found = master.solve()
    search = _Search(program, master)
    while not search.take(found) and search.rounds < rounds:
        found = master.solve()
    return search.ended()


def _near(program: Program) -> np.ndarray:
    """A point near the optimum without whole numbers, where the first tangents stand: at an optimum they bound the master wherever the
    program is bounded. Nothing else depends on it, so it is taken as the engine gives it."""
    engine = Highs(program).engine
    engine.run()
    point = engine.getSolution()
    near = np.array(point.col_value)
    if point.value_valid and np.isfinite(near).all():
        return near
    return np.clip(np.zeros(len(program.cost)), program.lower, program.upper)


def _along_a_ray(program: Program) -> int:
    """The status of a program that is unbounded without its whole numbers: with rational numbers it is so with them as well, if they
    leave it a point."""
    blank = replace(program, cost=np.zeros_like(program.cost), quadratic=None)
    status = Whole(blank).solve().status
    return UNBOUNDED if status == SOLVED else status


class _Search:
    """The bounds so far. best: the cheapest point with its whole numbers held; lower: what no point costs less than."""

    def __init__(self, program: Program, master: _Master) -> None:
        assert program.integer is not None
        self.program, self.master = program, master
        self.which = np.flatnonzero(program.integer)
        self.truths = bool((program.lower[self.which] >= 0).all() and (program.upper[self.which] <= 1).all())
        self.best: Solution | None = None
        self.lower = -np.inf
        self.seen: set[bytes] = set()
        self.excluded = False
        self.rounds = 0
        self.status: int | None = None

    def take(self, found: Best) -> bool:
        """What follows from an optimum of the master; whether the search is at its end."""
        self.rounds += 1
        stopped = found.status == UNCERTAIN and bool(np.isfinite(found.x).all())
        if found.status != SOLVED and not stopped:
            if found.status == INFEASIBLE and self.best is not None:
                # all truth values that are left out have been solved
                self.lower = self.best.objective
            self.status = UNCERTAIN if self.excluded or found.status != INFEASIBLE else INFEASIBLE
            return True
        self.lower = max(self.lower, found.bound)
        held = np.round(found.x[self.which]) + 0.0
        again = held.tobytes() in self.seen
        if self.gap <= (BAR if again else _AIM):
            return True
        self.seen.add(held.tobytes())
        if not again:
            rest = Highs(held_at(self.program, held)).solve()
            if rest.solved:
                self.master.touch(rest.x)
                if self.best is None or rest.objective < self.best.objective:
                    self.best = rest
            elif rest.status != INFEASIBLE:
                self.status = UNCERTAIN
                return True
            else:
                again = True
        self.master.touch(found.x)
        if again and self.truths:
            self.master.exclude(self.which, held)
            self.excluded = True
        return stopped or self.gap <= _AIM

    @property
    def gap(self) -> float:
        """How far the best point may be from the least cost, relative to the sizes of the terms of its cost."""
        if self.best is None:
            return np.inf
        # what has been excluded costs no less than the best
        return relative_gap(self.program, self.best, min(self.lower, self.best.objective) if self.excluded else self.lower)

    def ended(self) -> Solution:
        """The answer."""
        if self.best is None:
            m, n = self.program.matrix.shape
            return without(UNCERTAIN if self.status is None else self.status, m, n, ENGINE)
        status = SOLVED if self.gap <= BAR else UNCERTAIN
        return replace(self.best, status=status, engine=ENGINE, whole=True, gap=self.gap)


class _Master:
    """The linear program in whole numbers below the cost: columns of the program, as far as they are from a whole point near `at` (n,),
    then one for each part of its quadratic cost there. So its numbers are of the size of what differs, however far away that is."""

    def __init__(self, program: Program, at: np.ndarray) -> None:
        self.at = np.round(np.clip(at, program.lower, program.upper))
        self.program = program = _seen_from(program, self.at)
        assert program.quadratic is not None and program.integer is not None
        quadratic = sparse.csr_array(program.quadratic)
        count, which = sparse.csgraph.connected_components(quadratic, directed=False)
        bent = np.zeros(count, bool)
        bent[which[abs(quadratic).sum(axis=1) > 0]] = True
        self.part = np.where(bent[which], (np.cumsum(bent) - 1)[which], -1)
        self.parts = int(bent.sum())
        alone = np.bincount(self.part[self.part >= 0], minlength=self.parts) == 1
        self.alone = np.flatnonzero((self.part >= 0) & alone[self.part])
        self.stepped = self.alone[program.integer[self.alone]]
        smooth = np.ones(self.parts, bool)
        smooth[self.part[self.stepped]] = False
        self.smooth = np.flatnonzero(smooth)
        wider = sparse.hstack([program.matrix, sparse.csr_array((len(program.row_lower), self.parts))]).tocsr()
        self.curve = program.quadratic.diagonal()
        blank = np.zeros(self.parts)
        below = Program(
            np.concatenate((program.cost, np.ones(self.parts))), wider, program.row_lower, program.row_upper,
            np.concatenate((program.lower, blank)), np.concatenate((program.upper, blank + np.inf)),
            integer=np.concatenate((program.integer, np.zeros(self.parts, bool))),
        )  # fmt: skip
        self.engine = Whole(below, _NODES)
        self.waiting: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
        self.owners: list[np.ndarray] = []
        self._between_bounds()

    def solve(self) -> Best:
        """The optimum of the master as it stands."""
        self._add_cuts()
        found = self.engine.solve()
        return replace(found, x=self.at + found.x[: len(self.at)], bound=found.bound + self.program.offset)

    def _between_bounds(self) -> None:
        """Tangents of parts in one bounded column, at even distances. covered: that is all parts."""
        low, high = self.program.lower[self.alone], self.program.upper[self.alone]
        some = np.isfinite(low) & np.isfinite(high)
        self.covered = int(some.sum()) == self.parts
        for share in np.linspace(0.0, 1.0, _FIRST):
            self._under(self.alone[some], low[some] + share * (high - low)[some])

    def touch(self, x: np.ndarray) -> None:
        """Bounds of every part that are exact, or nearly so, around a point (n,)."""
        assert self.program.quadratic is not None
        x = x - self.at
        self._under(self.stepped, x[self.stepped])
        slope = self.program.quadratic @ x
        on = np.flatnonzero((self.part >= 0) & np.isin(self.part, self.smooth))
        level = np.bincount(self.part[on], slope[on] * x[on], minlength=self.parts) / 2.0
        place = np.cumsum(np.isin(np.arange(self.parts), self.smooth)) - 1
        self.waiting.append((place[self.part[on]], on, slope[on], level[self.smooth]))
        self.owners.append(self.smooth)

    def _under(self, columns: np.ndarray, at: np.ndarray) -> None:
        """Parts in one column each, bounded around a value of it: by a tangent, or by secants to the whole numbers next to it."""
        assert self.program.integer is not None
        whole, curve = self.program.integer[columns], self.curve[columns]
        base = np.floor(at + 1e-6)
        for step in (-1.0, 0.0, 1.0):
            left = base + step
            # the line through `left` and `left + 1`; the tangent of what is not whole
            slope = curve * np.where(whole, left + 0.5, at)
            level = 0.5 * curve * np.where(whole, left * (left + 1.0), at**2)
            inside = (left + 1.0 >= self.program.lower[columns]) & (left <= self.program.upper[columns])
            on = np.flatnonzero(np.where(whole, inside, step == 0.0))
            self.waiting.append((np.arange(len(on)), columns[on], slope[on], level[on]))
            self.owners.append(self.part[columns[on]])

    def _add_cuts(self) -> None:
        """What has been collected, as rows `slope x - part <= level`; large ones divided: what an engine misses is counted as it is."""
        owners = np.concatenate(self.owners) if self.owners else np.zeros(0, int)
        if not len(owners):
            return
        first = np.cumsum([0, *(len(o) for o in self.owners)])
        rows, columns, slopes = (
            np.concatenate([cut[k] + (first[i] if k == 0 else 0) for i, cut in enumerate(self.waiting)]) for k in range(3)
        )  # fmt: skip
        level = np.concatenate([cut[3] for cut in self.waiting])
        self.waiting, self.owners = [], []
        size = np.clip(abs(level), 1.0, _DIVIDED)
        values = np.concatenate((slopes / size[rows], -1.0 / size))
        where = np.concatenate((rows, np.arange(len(owners)))), np.concatenate((columns, len(self.at) + owners))
        matrix = sparse.csr_array((values, where), shape=(len(owners), len(self.at) + self.parts))
        self.engine.add_rows(matrix, np.full(len(owners), -np.inf), level / size)

    def exclude(self, which: np.ndarray, held: np.ndarray) -> None:
        """These truth values no more: at least one of them is another."""
        row = np.zeros((1, len(self.program.cost) + self.parts))
        row[0, which] = np.where(held > 0.5, -1.0, 1.0)
        least = 1.0 - float((held > 0.5).sum()) - float(row[0, which] @ self.at[which])
        self.engine.add_rows(sparse.csr_array(row), np.array([least]), np.array([np.inf]))


def _seen_from(program: Program, at: np.ndarray) -> Program:
    """The program in how far its columns are from `at`."""
    assert program.quadratic is not None
    slope, level = program.quadratic @ at, program.matrix @ at
    return replace(
        program, cost=program.cost + slope, row_lower=program.row_lower - level, row_upper=program.row_upper - level,
        lower=program.lower - at, upper=program.upper - at, offset=program.offset + float((program.cost + 0.5 * slope) @ at),
    )  # fmt: skip


__all__ = ["ENGINE", "solve_curved"]
