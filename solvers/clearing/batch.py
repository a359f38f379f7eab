"""Thousands of members of one program at once: shared bases, then pivots side by side, then HiGHS for what is left.

    many = solve_many(moving, loads)         # loads: (members, numbers that move)
    many.x, many.y, many.status              # (members, columns), (members, rows), (members,)

What the members have in common is done once. Free columns leave through equations (`reduce`); bases that were optimal before are
tried on all members by a few products (`shared`); the members that none of them covers are pivoted from the one that comes nearest,
all in the same step (`pivots`); quadratic programs guess and correct their active sets together (`newton`), and what does not settle follows
an interior point (`interior`), as everything does that is compiled for an accelerator. Bases are remembered between calls.
Nothing is believed: every member's point and prices are judged by `certificate`, and one that misses the bar goes to HiGHS.

Members whose matrix moves go by the interior point where that is compiled, else through HiGHS one by one, warm; so do whole numbers and
programs too large for a dense matrix.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from opengames.clearings import INFEASIBLE, SOLVED
from opengames.solvers.clearing.certificate import Certificate, largest_of_each
from opengames.solvers.clearing.highs import Highs, solve
from opengames.solvers.clearing.interior import InteriorPoint, moving_matrices
from opengames.solvers.clearing.kernels import DONE, NO_POINT
from opengames.solvers.clearing.newton import Newton
from opengames.solvers.clearing.pivots import pivot
from opengames.solvers.clearing.program import Moving, Program
from opengames.solvers.clearing.reduce import Reduction, reduce
from opengames.solvers.clearing.shared import Corner, Members, middle
from opengames.solvers.clearing.solution import BAR, Solution
from opengames.solvers.clearing.threads import on_one_thread

#: What found a member: an index into these words.
ENGINES = ("shared basis", "pivots", "HiGHS", "active set", "interior point")
SHARED, PIVOTS, HIGHS, ACTIVE, INTERIOR = range(5)

_LARGEST = 4_000_000
_EACH = 40_000
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


def solve_many(moving: Moving, data: np.ndarray, compiled: bool = False) -> Many:
    """The optima of members whose data are the rows of `data` (members, numbers). What was learned of the program is kept for the
    next call. Raises `ValueError` for data of another width.

    compiled: an interior point in one program of JAX, on its device: for accelerators, for quadratic programs and for matrices that
    move; the first call compiles, and none may come from inside a JAX program.
    """
    return _batch(moving).solve(data, compiled)


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
        size = program.matrix.shape[0] * program.matrix.shape[1]
        self.apart = not moving.fixed_matrix and not self.whole and 0 < size <= _EACH
        self.corners: list[Corner] = []
        self._engine: Highs | None = None
        self._small: Highs | None = None
        self._cost = _Affine(program.cost, moving.cost_by)
        self._rows = _Affine(np.zeros(len(program.row_lower)), moving.row_by)
        self._lower = _Affine(program.lower, moving.lower_by)
        self._upper = _Affine(program.upper, moving.upper_by)
        if self.together:
            self._prepare(program)

    def _prepare(self, program: Program) -> None:
        # a row stays an equation whatever the data, since both its bounds move together; `inf` stays, so a free column stays free
        self.reduction: Reduction = reduce(program)
        m, n = self.reduction.matrix.shape
        if m * n > _LARGEST or (m == 0 and program.quadratic is None):
            # a basis is a choice of rows, and there may be none
            self.together = False
            return
        self.matrix = np.ascontiguousarray(self.reduction.matrix.toarray())
        self.certificate = Certificate(program)
        self.newton = None if program.quadratic is None else Newton(self.matrix, self.reduction.quadratic)

    @on_one_thread
    def solve(self, data: np.ndarray, compiled: bool = False) -> Many:
        """See `solve_many`."""
        data = np.asarray(data, float)
        if data.ndim != 2 or data.shape[1] != self.moving.size:
            raise ValueError(f"data of shape {data.shape} for a program of {self.moving.size} numbers")
        if len(data) > _TOGETHER:
            parts = [self.solve(data[i : i + _TOGETHER], compiled) for i in range(0, len(data), _TOGETHER)]
            names = [f for f in Many.__dataclass_fields__ if f != "whole"]
            return Many(**{f: np.concatenate([getattr(p, f) for p in parts]) for f in names}, whole=self.whole)
        m, n = self.moving.program.matrix.shape
        k = len(data)
        out = Many(
            np.full((k, n), np.nan), np.full((k, m), np.nan), np.full((k, n), np.nan), np.full(k, np.nan), np.full(k, -1),
            np.full(k, np.inf), np.full(k, HIGHS), np.zeros(k, bool), self.whole,
        )  # fmt: skip
        if self.together and k:
            self._solve_together(data, out, compiled)
        elif compiled and self.apart and k:
            self._solve_apart(data, out)
        for i in np.flatnonzero((out.status != SOLVED) & (out.status != INFEASIBLE)):
            self._alone(data[i], int(i), out)
        return out

    def _solve_together(self, data: np.ndarray, out: Many, compiled: bool) -> None:
        moving, k = self.moving, len(data)
        program = moving.program
        m, n = program.matrix.shape
        cost = self._cost(data)
        rows = self._rows(data)
        lower, upper = np.empty((k, n + m)), np.empty((k, n + m))
        lower[:, :n], upper[:, :n] = self._lower(data), self._upper(data)
        np.add(program.row_lower, rows, out=lower[:, n:])
        np.add(program.row_upper, rows, out=upper[:, n:])
        lowered = self.reduction.lowered(cost, lower, upper)
        members = Members(self.matrix, lowered.cost, lowered.lower, lowered.upper)
        if compiled:
            x, y, unique = self.interior.solve(members, compiled=True)
            engine = np.full(k, INTERIOR)
        elif self.newton is None:
            x, y, engine, unique = self._linear(members, out)
        else:
            x, y, engine, unique = self._quadratic(members)
        found = np.flatnonzero(~np.isnan(x).any(axis=1))
        if not len(found):
            return
        if len(found) < k:
            cost = cost if len(cost) == 1 else cost[found]
            lower, upper, x, y = lower[found], upper[found], x[found], y[found]
        x, y, gradient = self.reduction.raised(cost, lowered.given[found], x, y)
        largest, z = self.certificate.largest(cost, gradient, lower, upper, x, y)
        good = largest <= BAR
        for i in np.flatnonzero(~good):
            # sizes that are worked out in full may say that it is good after all
            largest[i] = self.certificate.one(moving.at(data[found[i]]), x[i], y[i])[0].largest
        good = largest <= BAR
        at = found[good]
        out.x[at], out.y[at], out.z[at] = x[good], y[good], z[good]
        bent = 0.0 if program.quadratic is None else 0.5 * ((gradient - cost) * x).sum(1)[good]
        out.objective[at] = (cost * x).sum(1)[good] + bent + program.offset + data[at] @ moving.offset_by
        out.status[at], out.residual[at] = SOLVED, largest[good]
        out.engine[at], out.unique[at] = engine[at], unique[at]

    def _solve_apart(self, data: np.ndarray, out: Many) -> None:
        """Members with a matrix each, by the interior point compiled."""
        moving = self.moving
        program = moving.program
        row, column, which, factor = moving.matrix_by
        quadratic = None if program.quadratic is None else program.quadratic.toarray()
        at_once = max(1, _TOGETHER * _EACH // (8 * program.matrix.shape[0] * program.matrix.shape[1]))
        for first in range(0, len(data), at_once):
            here = data[first : first + at_once]
            matrices = np.broadcast_to(program.matrix.toarray(), (len(here), *program.matrix.shape)).copy()
            # unbuffered, so that numbers that add to one entry all count
            np.add.at(matrices.transpose(1, 2, 0), (row, column), (factor * here[:, which]).T)
            cost, rows = np.broadcast_to(self._cost(here), (len(here), len(program.cost))), self._rows(here)
            lower = np.concatenate([np.broadcast_to(self._lower(here), cost.shape), program.row_lower + rows], axis=1)
            upper = np.concatenate([np.broadcast_to(self._upper(here), cost.shape), program.row_upper + rows], axis=1)
            x, y = moving_matrices(matrices, quadratic, Members(matrices[0], cost, lower, upper), compiled=True)
            largest, z = largest_of_each(cost, quadratic, matrices, lower, upper, x, y)
            good = np.flatnonzero(largest <= BAR)
            at = first + good
            out.x[at], out.y[at], out.z[at] = x[good], y[good], z[good]
            bent = 0.0 if quadratic is None else 0.5 * np.einsum("ki,ij,kj->k", x[good], quadratic, x[good])
            out.objective[at] = (cost * x).sum(1)[good] + bent + program.offset + here[good] @ moving.offset_by
            out.status[at], out.residual[at], out.engine[at] = SOLVED, largest[good], INTERIOR

    @cached_property
    def interior(self) -> InteriorPoint:
        return InteriorPoint(self.matrix, self.reduction.quadratic)

    def _quadratic(self, members: Members) -> tuple[np.ndarray, ...]:
        """Active sets that members share, then the interior point for those that do not settle."""
        assert self.newton is not None
        x, y, unique = self.newton.solve(members)
        engine = np.full(len(x), ACTIVE)
        left = np.flatnonzero(np.isnan(x).any(axis=1))
        if len(left):
            x[left], y[left], unique[left] = self.interior.solve(members.some(left))
            engine[left] = INTERIOR
        return x, y, engine, unique

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
        stuck = left[(ended.status != DONE) & (ended.status != NO_POINT)]
        self._from_others(members, stuck, x, y, engine, unique)
        return x, y, engine, unique

    def _from_others(
        self, members: Members, stuck: np.ndarray, x: np.ndarray, y: np.ndarray, engine: np.ndarray, unique: np.ndarray
    ) -> None:
        """Members that no basis known so far leads to, as where costs moved so far that a price would need a bound that is not
        there: the basis of one of them is often that of many, or one from which they are some steps away."""
        idle = 0
        while len(stuck) > 1 and idle < _IDLE:
            found = middle(members.some(stuck[[len(stuck) // 2]]))
            known = len(self.corners)
            if found is not None and found.basis is not None:
                self._remember(np.concatenate([found.basis.columns, found.basis.rows])[None])
            if len(self.corners) <= known:
                return
            corner = self.corners[-1]
            tried = corner.at(members.some(stuck))
            good, near = tried.missed <= _MISSED, np.isfinite(tried.missed)
            at = stuck[good]
            x[at], y[at], unique[at], engine[at] = tried.x[good], tried.y[good], tried.inside[good], SHARED
            corner.hits += int(good.sum())
            at = stuck[near & ~good]
            if len(at):
                ended = pivot(members.some(at), [corner], np.zeros(len(at), int), self._hot())
                done = ended.status == DONE
                at = at[done]
                x[at], y[at], unique[at], engine[at] = ended.x[done], ended.y[done], ended.inside[done], PIVOTS
                self._remember(ended.codes[done])
            left = stuck[np.isnan(x[stuck]).any(axis=1)]
            idle = idle + 1 if len(stuck) - len(left) < 2 else 0
            stuck = left

    def _hot(self) -> np.ndarray:
        """Rows that bind in the bases remembered, the most frequent first."""
        counts = np.zeros(len(self.matrix))
        for corner in self.corners:
            counts[corner.rows] += 1 + corner.hits
        return np.flatnonzero(counts >= max(1.0, np.sort(counts)[-_HOT:][0]))

    def _first(self, members: Members) -> bool:
        """A basis to begin with: of the member in the middle, in the reduced program."""
        found = middle(members)
        if found is None or found.basis is None:
            return False
        self._remember(np.concatenate([found.basis.columns, found.basis.rows])[None])
        return bool(self.corners)

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




class _Affine:
    """`base + by data` for members, dense where `by` is."""

    def __init__(self, base: np.ndarray, by: sparse.csr_array) -> None:
        dense = by.nnz > 0.05 * by.shape[0] * by.shape[1] and by.shape[0] * by.shape[1] <= _LARGEST
        self.base, self.by = base, by
        self.dense = np.ascontiguousarray(by.toarray().T) if dense else None

    def __call__(self, data: np.ndarray) -> np.ndarray:
        """(members, size), or (1, size) where no data moves it."""
        if not self.by.nnz:
            return self.base[None]
        if self.dense is not None:
            return self.base + data @ self.dense
        return self.base + (self.by @ data.T).T


_KNOWN: OrderedDict[int, Batch] = OrderedDict()

__all__ = ["ENGINES", "Batch", "Many", "solve_many"]
