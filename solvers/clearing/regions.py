"""Where in the data a basis is the optimum: what was worked out for one member answers all others in its region.

With a fixed matrix, a basis gives the point as an affine function of the data in the bounds, and the prices as one of the data in
the costs. It is the optimum wherever the point keeps its bounds and the prices have their signs: affine conditions on the data,
the first on those in the bounds alone, the second on those in the costs alone. The region is a product of two polyhedra. So the
conditions are looked at once for each distinct load and once for each distinct bid, however many pairs of them there are, and a
member costs the look-up of its region and one small product.

A region is found at *tilted* numbers, where every member lies inside exactly one (see `ties`), and answers with the true ones. Its
equations are solved once, and what rounding left of them bounds what it can leave at any member. A member whose point or prices miss
a condition, or whose region takes too many tries to find, is left to the other engines. In every call one member of each region
that answers is judged by the full certificate, and a region that misses the bar is dropped.

Source: Gal and Nedoma, Multiparametric linear programming (1972), sections 3 and 4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from opengames.solvers.clearing.certificate import Certificate
from opengames.solvers.clearing.program import Moving, Program
from opengames.solvers.clearing.solution import AT_LOWER, AT_UPPER, BAR, BASIC

#: Numbers that a region may take, and data that may move.
_LARGEST, _MOST_DATA = 100_000, 32
_PROBES = 32
_REMEMBERED = 512
_IDLE = 2
#: From so many regions on, a program whose regions answer fewer than so many members each learns no more.
_TRIAL, _WORTH = 128, 3
_ROUNDING = 1e-10
_MET = 1e-9


def fits(moving: Moving) -> bool:
    """Whether a program is small enough, and its matrix stays."""
    m, n = moving.program.matrix.shape
    small = moving.size <= _MOST_DATA and (m + n) * (moving.size + 2) <= _LARGEST
    return moving.fixed_matrix and small and moving.program.quadratic is None and n > 0


@dataclass(frozen=True)
class Found:
    """Members that regions answer. members: (k,) which; x: (k, n); y: (k, m); residual, unique: (k,), as in `ties`."""

    members: np.ndarray
    x: np.ndarray
    y: np.ndarray
    residual: np.ndarray
    unique: np.ndarray


class Regions:
    """The regions of a program known so far. tilted: the program a hair off, whose numbers decide between regions; near: how far
    below 0 a distance or a price may be there, for rounding; codes: for data (members, d), the basis codes of those of them that
    have an optimum, (members, n + m). Not shared between threads."""

    def __init__(self, moving: Moving, tilted: Program, near: tuple[float, float], codes: Callable[[np.ndarray], np.ndarray]) -> None:
        self.moving, self.codes = moving, codes
        bounds, costs = (_moving_columns(by) for by in ((moving.row_by, moving.lower_by, moving.upper_by), (moving.cost_by,)))
        self.in_bounds, self.in_costs = np.flatnonzero(bounds), np.flatnonzero(costs)
        self.true = _Affine.of(moving, moving.program, self.in_bounds, self.in_costs)
        self.tilted = _Affine.of(moving, tilted, self.in_bounds, self.in_costs)
        self.near = near
        self.known: list[_Region] = []
        self.learned = self.answered = 0
        self._certificate = Certificate(moving.program)

    def answers(self, data: np.ndarray) -> Found:
        """Of the members (members, d) that lie in regions, also in those that are found on the way."""
        m, n = self.moving.program.matrix.shape
        k = len(data)
        bounds, costs = _Distinct(data[:, self.in_bounds]), _Distinct(data[:, self.in_costs])
        x, y = np.full((k, n), np.nan), np.full((k, m), np.nan)
        out = Found(np.arange(k), x, y, np.full(k, np.inf), np.zeros(k, bool))
        left = np.arange(k)
        self.known.sort(key=lambda r: -r.hits)
        taken: list[tuple[_Region, np.ndarray]] = []
        for region in self.known:
            left = self._take(region, bounds, costs, left, out, taken)
            if not len(left):
                break
        left = self._explored(data, bounds, costs, left, out, taken)
        self._judge(data, out, taken)
        some = np.flatnonzero(np.isfinite(out.residual))
        self.answered += len(some)
        if len(some) == k:
            return out
        return Found(some, x[some], y[some], out.residual[some], out.unique[some])

    def _explored(
        self, data: np.ndarray, bounds: _Distinct, costs: _Distinct, left: np.ndarray, out: Found, taken: list[tuple[_Region, np.ndarray]]
    ) -> np.ndarray:
        """New regions around some of those that are left, as long as they answer more than those."""
        draw, idle = np.random.default_rng(0), 0
        while len(left) and idle < _IDLE and not (self.learned >= _TRIAL and self.answered < _WORTH * self.learned):
            some = left if len(left) <= _PROBES else np.sort(draw.choice(left, _PROBES, replace=False))
            before = len(left)
            for region in self._learn(data[some]):
                left = self._take(region, bounds, costs, left, out, taken)
            idle = idle + 1 if before - len(left) <= len(some) else 0
        return left

    def _learn(self, data: np.ndarray) -> list[_Region]:
        known = {r.codes.tobytes() for r in self.known}
        fresh = []
        for codes in np.unique(self.codes(data), axis=0):
            if codes.tobytes() in known:
                continue
            region = _Region.of(self.moving.program.matrix, codes, self.true, self.tilted)
            if region is not None:
                fresh.append(region)
        self.learned += len(fresh)
        self.known += fresh
        if len(self.known) > _REMEMBERED:
            self.known.sort(key=lambda r: -r.hits)
            del self.known[_REMEMBERED // 2 : -len(fresh) or None]
        return fresh

    def _take(
        self, region: _Region, bounds: _Distinct, costs: _Distinct, left: np.ndarray, out: Found, taken: list[tuple[_Region, np.ndarray]]
    ) -> np.ndarray:
        """Answer those of `left` that lie in a region; gives the rest."""
        here = left
        for rows, conditions, near in ((costs, region.prices, self.near[1]), (bounds, region.room, self.near[0])):
            (inside,) = rows.of(here, partial(conditions.inside, near))
            here = here[inside]
            if not len(here):
                return left
        missed, kept = bounds.of(here, region.room.judged)
        wrong, _ = costs.of(here, region.prices.judged)
        residual = np.maximum(np.maximum(missed, wrong), 0.0)
        good = residual <= _ROUNDING
        here = here[good]
        if not len(here):
            return left
        out.x[here] = bounds.rows(here) @ region.point.T
        out.y[here] = costs.rows(here) @ region.duals.T
        out.residual[here], out.unique[here] = residual[good], kept[good]
        region.hits += len(here)
        taken.append((region, here))
        gone = np.zeros(len(out.x), bool)
        gone[here] = True
        return left[~gone[left]]

    def _judge(self, data: np.ndarray, out: Found, taken: list[tuple[_Region, np.ndarray]]) -> None:
        """One member of each region that answered, by the certificate; what does not pass is taken back."""
        if not taken:
            return
        one = np.array([members[0] for _, members in taken])
        some = data[one]
        n = out.x.shape[1]
        cost = self.moving.program.cost + (self.moving.cost_by @ some.T).T
        lower, upper = self.true.bounds(some[:, self.in_bounds])
        low, high = (np.concatenate((b[:, n:], b[:, :n]), axis=1) for b in (lower, upper))
        found = self._certificate.measure(cost, low, high, 0.0, out.x[one], out.y[one])
        worst = np.max([found[name] for name in ("primal", "dual", "complementarity", "gap")], axis=0)
        out.residual[one] = np.maximum(out.residual[one], worst)
        for (region, members), size in zip(taken, worst, strict=True):
            if size > BAR:
                out.residual[members] = np.inf
                self.known = [r for r in self.known if r is not region]


@dataclass(frozen=True)
class _Affine:
    """Numbers as affine functions of the data, the constant first. lower, upper: (n + m, 1 + p) of the p data in the bounds,
    columns before rows; cost: (n, 1 + c) of the c data in the costs."""

    lower: np.ndarray
    upper: np.ndarray
    cost: np.ndarray

    @staticmethod
    def of(moving: Moving, program: Program, in_bounds: np.ndarray, in_costs: np.ndarray) -> _Affine:
        rows = moving.row_by[:, in_bounds].toarray()

        def bound(column: np.ndarray, by: sparse.csr_array, row: np.ndarray) -> np.ndarray:
            first = np.concatenate((column, row))[:, None]
            return np.concatenate((first, np.concatenate((by[:, in_bounds].toarray(), rows))), axis=1)

        cost = np.concatenate((program.cost[:, None], moving.cost_by[:, in_costs].toarray()), axis=1)
        return _Affine(
            bound(program.lower, moving.lower_by, program.row_lower), bound(program.upper, moving.upper_by, program.row_upper), cost
        )  # fmt: skip

    def bounds(self, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(members, n + m) each."""
        return self.lower[:, 0] + data @ self.lower[:, 1:].T, self.upper[:, 0] + data @ self.upper[:, 1:].T


@dataclass(frozen=True)
class _Conditions:
    """What has to be at least 0 in a region. tilted, true: (conditions, 1 + data), affine in data; size: likewise, the quantity whose
    size they are relative to, after 1 is added; strict: (conditions,) where 0 means that a basic entry is at its bound; left:
    (1 + data,) what rounding left of the equations."""

    tilted: np.ndarray
    true: np.ndarray
    size: np.ndarray
    strict: np.ndarray
    left: np.ndarray

    def inside(self, near: float, rows: np.ndarray) -> tuple[np.ndarray]:
        """(members,) whether all hold at the tilted numbers."""
        return ((rows @ self.tilted.T).min(axis=1, initial=np.inf) >= -near,)

    def judged(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(members,) by how much one is missed at the true numbers, relative; and whether the strict ones are all well above 0."""
        above = (rows @ self.true.T) / (1.0 + abs(rows @ self.size.T))
        missed = np.maximum(-above.min(axis=1, initial=0.0), abs(rows) @ self.left)
        return missed, above[:, self.strict].min(axis=1, initial=np.inf) > _MET


@dataclass
class _Region:
    """codes: (n + m,) the basis; point: (n, 1 + p), duals: (m, 1 + c), affine in the data; hits: members answered."""

    codes: np.ndarray
    point: np.ndarray
    duals: np.ndarray
    room: _Conditions
    prices: _Conditions
    hits: int = 0

    @staticmethod
    def of(matrix: sparse.csr_array, codes: np.ndarray, true: _Affine, tilted: _Affine) -> _Region | None:
        """None where the codes are not those of a basis."""
        n = matrix.shape[1]
        basic, tight = np.flatnonzero(codes[:n] == BASIC), np.flatnonzero(codes[n:] != BASIC)
        if len(basic) != len(tight):
            return None
        factor = None
        if len(basic):
            try:
                factor = splu(sparse.csc_array(matrix[tight][:, basic]))
            except RuntimeError:
                return None
        # the true numbers and the tilted ones share all but the constant
        met = np.where((codes == AT_UPPER)[:, None], true.upper, true.lower)
        off = np.where(codes == AT_UPPER, tilted.upper[:, 0], tilted.lower[:, 0])
        met = np.concatenate((met, off[:, None]), axis=1)
        cost = np.concatenate((true.cost, tilted.cost[:, :1]), axis=1)
        away = np.flatnonzero(codes[:n] != BASIC)
        if not (np.isfinite(met[away]).all() and np.isfinite(met[n + tight]).all()):
            return None
        point, duals = np.zeros((n, met.shape[1])), np.zeros((matrix.shape[0], cost.shape[1]))
        point[away] = met[away]
        if factor is not None:
            _solve(factor, matrix, basic, tight, met, cost, point, duals)
        whole = np.concatenate((point, matrix @ point))
        reduced = np.concatenate((cost - matrix.T @ duals, duals))
        room = _room(codes, n, whole, true, tilted, tight, met)
        prices = _prices(codes, n, reduced, duals, cost, true, basic)
        return _Region(codes, np.ascontiguousarray(point[:, :-1]), np.ascontiguousarray(duals[:, :-1]), room, prices)


def _solve(
    factor: Any, matrix: sparse.csr_array, basic: np.ndarray, tight: np.ndarray, met: np.ndarray, cost: np.ndarray,
    point: np.ndarray, duals: np.ndarray,
) -> None:  # fmt: skip
    """The basic columns and the prices of tight rows, twice: the second time what the first left over."""
    n = matrix.shape[1]
    for _ in range(2):
        point[basic] += factor.solve(np.ascontiguousarray(met[n + tight] - matrix[tight] @ point))
        duals[tight] += factor.solve(np.ascontiguousarray((cost - matrix.T @ duals)[basic]), "T")


def _room(
    codes: np.ndarray, n: int, whole: np.ndarray, true: _Affine, tilted: _Affine, tight: np.ndarray, met: np.ndarray
) -> _Conditions:
    """Every bound that is not met by definition keeps its distance. whole: (n + m, 1 + p + 1) of columns and rows, tilted last."""
    tilts, trues, sizes, strict = [], [], [], []
    same = np.isclose(true.lower, true.upper, rtol=0, atol=0).all(axis=1)
    for sign, bound, tilt, code in ((1.0, true.lower, tilted.lower, AT_LOWER), (-1.0, true.upper, tilted.upper, AT_UPPER)):
        on = np.flatnonzero(np.isfinite(bound[:, 0]) & (codes != code) & ~(same & (codes != BASIC)))
        trues.append(sign * (whole[on, :-1] - bound[on]))
        tilts.append(_with_constant(sign * (whole[on] - np.concatenate((bound[on], tilt[on, :1]), axis=1))))
        sizes.append(whole[on, :-1])
        strict.append(codes[on] == BASIC)
    owed = whole[n + tight] - met[n + tight]
    size = 1.0 + abs(whole[n + tight, 0])
    return _Conditions(
        np.concatenate(tilts), np.concatenate(trues), np.concatenate(sizes), np.concatenate(strict), _most(owed / size[:, None])
    )  # fmt: skip


def _prices(
    codes: np.ndarray, n: int, reduced: np.ndarray, duals: np.ndarray, cost: np.ndarray, true: _Affine, basic: np.ndarray
) -> _Conditions:
    """Prices have the sign of the bound that is met. reduced: (n + m, 1 + c + 1), of bounds and of rows, tilted last."""
    same = (true.lower == true.upper).all(axis=1)
    on = np.flatnonzero((codes != BASIC) & ~same)
    sign = np.where(codes[on] == AT_UPPER, -1.0, 1.0)[:, None]
    size = np.concatenate((cost, duals))[on, :-1]
    owed = reduced[:n][basic] / (1.0 + abs(cost[basic, :1]))
    return _Conditions(_with_constant(sign * reduced[on]), sign * reduced[on, :-1], size, np.zeros(len(on), bool), _most(owed))


def _with_constant(rows: np.ndarray) -> np.ndarray:
    """The tilted constant, which comes last, in place of the true one."""
    return np.concatenate((rows[:, -1:], rows[:, 1:-1]), axis=1)


def _most(rows: np.ndarray) -> np.ndarray:
    return abs(rows[:, :-1]).max(axis=0, initial=0.0)


class _Distinct:
    """Rows of data, and which of the distinct ones each is."""

    def __init__(self, data: np.ndarray) -> None:
        number, count = np.zeros(len(data), np.int64), 1
        for column in data.T:
            values, place = np.unique(column, return_inverse=True)
            number = number * len(values) + place
            if count * len(values) > len(data):
                number = np.unique(number, return_inverse=True)[1]
            count = int(number.max(initial=0)) + 1
        _, first, self.place = np.unique(number, return_index=True, return_inverse=True)
        self.distinct = np.concatenate((np.ones((len(first), 1)), data[first]), axis=1)

    def rows(self, members: np.ndarray) -> np.ndarray:
        """1 and the data of members."""
        return self.distinct[self.place[members]]

    def of(
        self, members: np.ndarray, function: Callable[[np.ndarray], tuple[np.ndarray, ...]]
    ) -> tuple[np.ndarray, ...]:
        """What a function of rows gives for members: each distinct row once, where that is less."""
        if len(self.distinct) <= len(members):
            where = self.place[members]
            return tuple(found[where] for found in function(self.distinct))
        return function(self.rows(members))


def _moving_columns(by: tuple[sparse.csr_array, ...]) -> np.ndarray:
    """(d,) which data do anything."""
    return np.sum([np.asarray(abs(b).sum(axis=0)).ravel() for b in by], axis=0) > 0


__all__ = ["Found", "Regions", "fits"]
