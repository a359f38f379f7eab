"""Thousands of members of one program at once: shared bases, then pivots side by side, then HiGHS for what is left.

    many = solve_many(moving, loads)         # loads: (members, numbers that move)
    many.x, many.y, many.status              # (members, columns), (members, rows), (members,)

What the members have in common is done once. Free columns leave through equations (`reduce`); bases that were optimal before are
tried on all members by a few products (`shared`); the members that none of them covers are pivoted from the one that comes nearest,
all in the same step (`pivots`); quadratic programs guess and correct their active sets together (`newton`). Bases are remembered between calls.
Nothing is believed: every member's point and prices are judged by `certificate`, and one that misses the bar goes to HiGHS.

Members whose matrix moves, whole numbers, and programs too large for a dense matrix go through HiGHS one by one, warm.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from opengames.clearings import INFEASIBLE, SOLVED
from opengames.solvers.clearing.certificate import Certificate
from opengames.solvers.clearing.highs import Highs, solve
from opengames.solvers.clearing.kernels import DONE, NO_POINT
from opengames.solvers.clearing.pivots import pivot
from opengames.solvers.clearing.program import Moving, Program
from opengames.solvers.clearing.reduce import Reduction, reduce
from opengames.solvers.clearing.shared import Corner, Members
from opengames.solvers.clearing.solution import BAR, Solution

#: What found a member: an index into these words.
ENGINES = ("shared basis", "pivots", "HiGHS", "active set")
SHARED, PIVOTS, HIGHS, ACTIVE = range(4)

_LARGEST = 4_000_000
_TOGETHER = 2_000
_REMEMBERED = 64
_TRIED = 12
_IDLE = 3
_HOT = 24
_PROGRAMS = 32
_MISSED = 1e-9


@dataclass(frozen=True)
class Many:
    """Members side by side. x: (members, n), y: (members, m), z: (members, n), objective, status, residual (members,): as in
    `Solution`, residual the largest relative one. engine: (members,) into `ENGINES`. unique: (members,) bool, prices are known to be
    unique; False where they may not be, which `kinks` decides. whole: whole numbers were decided first and held."""

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    objective: np.ndarray
    status: np.ndarray
    residual: np.ndarray
    engine: np.ndarray
    unique: np.ndarray
    whole: bool = False

    @property
    def solved(self) -> np.ndarray:
        return self.status == SOLVED

    def engines(self) -> dict[str, int]:
        """How many members each engine found."""
        return {word: int((self.engine == i).sum()) for i, word in enumerate(ENGINES) if (self.engine == i).any()}


def solve_many(moving: Moving, data: np.ndarray) -> Many:
    """The optima of members whose data are the rows of `data` (members, numbers). What was learned of the program is kept for the
    next call. Raises `ValueError` for data of another width."""
    return _batch(moving).solve(data)


def _batch(moving: Moving) -> Batch:
    known = _KNOWN.get(id(moving))
    if known is None:
        known = _KNOWN[id(moving)] = Batch(moving)
        while len(_KNOWN) > _PROGRAMS:
            _KNOWN.popitem(last=False)
    _KNOWN.move_to_end(id(moving))
    return known


class Batch:
    """A program whose data moves, and the bases that were optimal for some data. Not shared between threads."""

    def __init__(self, moving: Moving) -> None:
        self.moving = moving
        program = moving.program
        self.whole = program.integer is not None and bool(program.integer.any())
        self.together = moving.fixed_matrix and not self.whole and program.matrix.shape[1] > 0
        self.corners: list[Corner] = []
        self._engine: Highs | None = None
        self._small: Highs | None = None
        if self.together:
            self._prepare(program)

    def _prepare(self, program: Program) -> None:
        # a row stays an equation whatever the data, since both its bounds move together; `inf` stays, so a free column stays free
        self.reduction: Reduction = reduce(program)
        m, n = self.reduction.matrix.shape
        if m * n > _LARGEST:
            self.together = False
            return
        self.matrix = np.ascontiguousarray(self.reduction.matrix.toarray())
        self.certificate = Certificate(program)

    def solve(self, data: np.ndarray) -> Many:
        """See `solve_many`."""
        data = np.asarray(data, float)
        if data.ndim != 2 or data.shape[1] != self.moving.size:
            raise ValueError(f"data of shape {data.shape} for a program of {self.moving.size} numbers")
        if len(data) > _TOGETHER:
            parts = [self.solve(data[i : i + _TOGETHER]) for i in range(0, len(data), _TOGETHER)]
            joined = [np.concatenate([getattr(p, f) for p in parts]) for f in list(Many.__dataclass_fields__)[:-1]]
            return Many(*joined, whole=self.whole)
        m, n = self.moving.program.matrix.shape
        k = len(data)
        out = Many(
            np.full((k, n), np.nan), np.full((k, m), np.nan), np.full((k, n), np.nan), np.full(k, np.nan), np.full(k, -1),
            np.full(k, np.inf), np.full(k, HIGHS), np.zeros(k, bool), self.whole,
        )  # fmt: skip
        if self.together and k:
            self._solve_together(data, out)
        for i in np.flatnonzero((out.status != SOLVED) & (out.status != INFEASIBLE)):
            self._alone(data[i], i, out)
        return out

    def _solve_together(self, data: np.ndarray, out: Many) -> None:
        moving, k = self.moving, len(data)
        program = moving.program
        cost = _moved(program.cost, moving.cost_by, data)
        rows = _moved(np.zeros(len(program.row_lower)), moving.row_by, data)
        lower = np.concatenate([program.row_lower + rows, _wide(_moved(program.lower, moving.lower_by, data), k)], axis=1)
        upper = np.concatenate([program.row_upper + rows, _wide(_moved(program.upper, moving.upper_by, data), k)], axis=1)
        offset = program.offset + data @ moving.offset_by
        less, low, high, _, given = self.reduction.lowered(_wide(cost, k) if len(self.reduction.left) else cost, lower, upper)
        m = len(self.matrix)
        turned = [np.concatenate([bound[:, m:], bound[:, :m]], axis=1) for bound in (low, high)]
        if not moving.cost_by.nnz and program.quadratic is None:
            less = less[:1]
        members = Members(self.matrix, less, *turned)
        if program.quadratic is None:
            x, y, engine, unique = self._linear(members, out)
        else:
            return
        found = np.flatnonzero(~np.isnan(x).any(axis=1))
        if not len(found):
            return
        costs = cost if len(cost) == 1 else cost[found]
        x, y, z = self.reduction.raised(costs, given[found], x[found], y[found])
        judged = self.certificate.measure(costs, lower[found], upper[found], offset[found], x, y, z)
        largest = np.max([judged[name] for name in ("primal", "dual", "complementarity", "gap")], axis=0)
        good = largest <= BAR
        at = found[good]
        out.x[at], out.y[at], out.z[at] = x[good], y[good], z[good]
        out.objective[at], out.residual[at] = judged["objective"][good], largest[good]
        out.status[at], out.engine[at], out.unique[at] = SOLVED, engine[at], unique[at]

    def _linear(self, members: Members, out: Many) -> tuple[np.ndarray, ...]:
        k, (m, n) = len(members.lower), self.matrix.shape
        x, y = np.full((k, n), np.nan), np.zeros((k, m))
        engine, unique = np.full(k, SHARED), np.zeros(k, bool)
        if not self.corners and not self._first(members):
            return x, y, engine, unique
        left, idle = np.arange(k), 0
        nearest, start = np.full(k, np.inf), np.zeros(k, int)
        self.corners.sort(key=lambda c: -c.hits)
        for i, corner in enumerate(self.corners[:_TRIED]):
            tried = corner.at(members.some(left))
            good = tried.missed <= _MISSED
            x[left[good]], y[left[good]], unique[left[good]] = tried.x[good], tried.y[good], tried.inside[good]
            corner.hits += int(good.sum())
            closer = tried.missed < nearest[left]
            nearest[left[closer]], start[left[closer]] = tried.missed[closer], i
            left = left[~good]
            if not len(left):
                return x, y, engine, unique
            idle = idle + 1 if good.sum() < 0.02 * k else 0
            if idle == _IDLE:
                break
        ended = pivot(members.some(left), self.corners, start[left], self._hot())
        good = ended.status == DONE
        at = left[good]
        x[at], y[at], unique[at], engine[at] = ended.x[good], ended.y[good], ended.inside[good], PIVOTS
        out.status[left[ended.status == NO_POINT]] = INFEASIBLE
        self._remember(ended.codes[good])
        return x, y, engine, unique

    def _hot(self) -> np.ndarray:
        """Rows that bind in the bases remembered, the most frequent first."""
        counts = np.zeros(len(self.matrix))
        for corner in self.corners:
            counts[corner.rows] += 1 + corner.hits
        return np.flatnonzero(counts >= max(1.0, np.sort(counts)[-_HOT:][0]))

    def _first(self, members: Members) -> bool:
        """A basis to begin with: of the member in the middle, in the reduced program."""
        n = self.matrix.shape[1]
        lower, upper = members.lower, members.upper
        spread = np.where(np.isfinite(lower), lower, 0.0) + np.where(np.isfinite(upper), upper, 0.0)
        order = np.argsort(abs(spread - spread.mean(0)).sum(1))
        for i in order[:3]:
            cost = members.cost[min(i, len(members.cost) - 1)]
            small = Program(
                cost, sparse.csr_array(self.matrix), lower[i, n:], upper[i, n:], lower[i, :n], upper[i, :n]
            )
            found = Highs(small).solve()
            if found.solved and found.basis is not None:
                self._remember(np.concatenate([found.basis.columns, found.basis.rows])[None])
                if self.corners:
                    return True
        return False

    def _remember(self, codes: np.ndarray) -> None:
        """Keep the bases that most members ended in."""
        if not len(codes):
            return
        known = {c.codes.tobytes() for c in self.corners}
        packed = np.ascontiguousarray(codes).view(np.dtype((np.void, codes.shape[1]))).ravel()
        _, first, counts = np.unique(packed, return_index=True, return_counts=True)
        for place in np.argsort(-counts)[:_TRIED]:
            code = codes[first[place]]
            if code.tobytes() in known:
                continue
            try:
                corner = Corner(self.matrix, code)
            except np.linalg.LinAlgError:
                continue
            corner.hits = int(counts[place])
            self.corners.append(corner)
        if len(self.corners) > _REMEMBERED:
            self.corners.sort(key=lambda c: -c.hits)
            del self.corners[_REMEMBERED:]
            for corner in self.corners:
                corner.hits //= 2

    def _alone(self, numbers: np.ndarray, i: int, out: Many) -> None:
        """One member by HiGHS, from where the last one stood."""
        here = self.moving.at(numbers)
        found: Solution
        if self.whole:
            found = solve(here)
        elif self._engine is None:
            self._engine = Highs(here)
            found = self._engine.solve()
        else:
            parts: dict[str, Any] = {f: getattr(here, f) for f in ("cost", "row_lower", "row_upper", "lower", "upper", "offset")}
            if not self.moving.fixed_matrix:
                parts["matrix"] = here.matrix
            self._engine.change(**parts)
            found = self._engine.solve()
        out.status[i], out.x[i], out.y[i], out.z[i] = found.status, found.x, found.y, found.z
        out.objective[i], out.residual[i], out.engine[i] = found.objective, found.residuals.largest, HIGHS




def _moved(base: np.ndarray, by: sparse.csr_array, data: np.ndarray) -> np.ndarray:
    """Base values (1, size), or (members, size) where the data moves them."""
    if not by.nnz:
        return base[None]
    return base + (by @ data.T).T


def _wide(values: np.ndarray, members: int) -> np.ndarray:
    return np.broadcast_to(values, (members, values.shape[1]))


_KNOWN: OrderedDict[int, Batch] = OrderedDict()

__all__ = ["ENGINES", "Batch", "Many", "solve_many"]
