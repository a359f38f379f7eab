"""Many members at once by an interior point method: what goes in and out of the steps of `barrier`.

A member that goes astray may overflow on the way; it is not called right.

Columns and rows are brought to one scale, only rows that bind somewhere take part (the equations, those that were missed before, and then those
that the members' points miss, until none is missed), and the finished points and prices come back in their own scale. The steps run
with NumPy, or compiled by JAX on its device, with shapes rounded up so that few programs are compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from scipy import sparse

from opengames.solvers.clearing import barrier
from opengames.solvers.clearing.barrier import Problem
from opengames.solvers.clearing.program import Program
from opengames.solvers.clearing.shared import Members

_ROUNDS = 12
_MISSED = 1e-9
_ALL_ROWS = 48
_MOST_ROWS = 400
_PAIRS = 4_000_000
_ROWS = 8
_PASSES = 4
_LARGEST = 1_500
_HIGHEST = 1e10


class InteriorPoint:
    """A program with a dense matrix (m, n) and quadratic term (n, n) or none, and which of its rows were ever met."""

    def __init__(self, matrix: np.ndarray, quadratic: np.ndarray | None) -> None:
        self.matrix = matrix
        self.quadratic = quadratic if quadratic is not None and quadratic.any() else None
        self.met = np.zeros(len(matrix), bool)
        self.by_row, self.by_column = _scales(abs(matrix))
        self._pairs: dict[bytes, np.ndarray | None] = {}

    @np.errstate(all="ignore")
    def solve(self, members: Members, compiled: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x (members, n) and y (members, m), NaN and 0 where nothing was found, and whether prices are unique (members,)."""
        (m, n), k = self.matrix.shape, len(members.lower)
        x, y, unique = np.full((k, n), np.nan), np.zeros((k, m)), np.zeros(k, bool)
        lower, upper = members.lower[:, n:], members.upper[:, n:]
        equal = ((lower == upper) & np.isfinite(lower)).any(0)
        rows = np.arange(m) if m <= _ALL_ROWS else np.flatnonzero(equal | self.met)
        on = np.arange(k)
        for _ in range(_ROUNDS):
            point, prices, right = self.at(rows, members.some(on), compiled)
            values = point @ self.matrix.T
            size = 1.0 + abs(values)
            missed = np.maximum(lower[on] - values, values - upper[on]) / size
            missed[:, rows] = -np.inf
            good = right & ~(missed.max(axis=1, initial=-np.inf) > _MISSED)
            at = on[good]
            x[at] = point[good]
            y[np.ix_(at, rows)] = prices[good]
            unique[at] = _unique(self.matrix, members.some(at), x[at])
            on = on[right & ~good]
            if not len(on):
                break
            worst = missed[right & ~good]
            fresh = np.unique(np.concatenate([worst.argmax(axis=1), np.flatnonzero((worst > _MISSED).mean(axis=0) > 0.1)]))
            if len(rows) + len(fresh) > _MOST_ROWS:
                break
            rows = np.concatenate([rows, fresh])
        self.met[np.flatnonzero((y != 0.0).any(0))] = True
        return x, y, unique

    def at(self, rows: np.ndarray, members: Members, compiled: bool = False) -> tuple[np.ndarray, ...]:
        """Points (members, n), prices of `rows`, and whether they are right, with no other rows."""
        n, k = self.matrix.shape[1], len(members.lower)
        if not n or not k:
            around = (members.lower[:, n + rows] <= _MISSED) & (members.upper[:, n + rows] >= -_MISSED)
            return np.zeros((k, n)), np.zeros((k, len(rows))), np.asarray(around.all(axis=1))
        by_row, by_column = self.by_row[rows], self.by_column
        matrix = self.matrix[rows] * by_row[:, None] * by_column
        cost = np.broadcast_to(members.cost * by_column, (k, n))
        of_bounds = np.concatenate([1.0 / by_column, by_row])
        lower, upper = (
            np.concatenate([bound[:, :n], bound[:, n + rows]], axis=1) * of_bounds for bound in (members.lower, members.upper)
        )
        price, size = _typical(abs(cost).max(axis=1, initial=0.0)), _typical(np.concatenate([abs(lower), abs(upper)]))
        curved = None
        if self.quadratic is not None:
            curved = self.quadratic * by_column[:, None] * by_column * (size / price)
            curved = np.diagonal(curved).copy() if np.array_equal(curved, np.diag(np.diagonal(curved))) else curved
        problem = Problem(matrix, self._paired(rows, matrix), curved, cost / price, lower / size, upper / size)
        found = _run_compiled(problem) if compiled else _run(problem)
        return found.x * by_column * size, found.y * by_row * price, found.right & _in_reach(found)

    def _paired(self, rows: np.ndarray, matrix: np.ndarray) -> np.ndarray | None:
        m, n = matrix.shape
        if m * m * n > _PAIRS or (self.quadratic is not None and np.count_nonzero(self.quadratic) > n):
            return None
        key = rows.tobytes()
        if key not in self._pairs:
            self._pairs.clear()
            self._pairs[key] = _pairs(matrix)
        return self._pairs[key]


@np.errstate(all="ignore")
def moving_matrices(
    matrices: np.ndarray, quadratic: np.ndarray | None, members: Members, compiled: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """x and y as from `InteriorPoint.solve`, for members with a matrix each, (members, m, n); all rows take part."""
    k, m, n = matrices.shape
    by_row = np.stack([_scales(abs(each))[0] for each in matrices]) if k and m else np.ones((k, m))
    bounds = np.concatenate([np.ones((k, n)), by_row], axis=1)
    lower, upper = members.lower * bounds, members.upper * bounds
    cost = np.broadcast_to(members.cost, (k, n))
    price, size = _typical(abs(cost).max(axis=1, initial=0.0)), _typical(np.concatenate([abs(lower), abs(upper)]))
    curved = None if quadratic is None else quadratic * (size / price)
    problem = Problem(matrices * by_row[:, :, None], None, curved, cost / price, lower / size, upper / size)
    found = _run_compiled(problem) if compiled else _run(problem)
    right = (found.right & _in_reach(found))[:, None]
    return np.where(right, found.x * size, np.nan), np.where(right, found.y * by_row * price, 0.0)


@np.errstate(all="ignore")
def interior(program: Program) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The optimum of one program, a point (n,) and prices (m,), (n,); none where it is not reached (there may be none), or too large."""
    m, n = program.matrix.shape
    if m + n > _LARGEST:
        return None
    matrix = program.matrix.toarray()
    quadratic = None if program.quadratic is None else sparse.csc_array(program.quadratic).toarray()
    lower, upper = np.concatenate([program.lower, program.row_lower]), np.concatenate([program.upper, program.row_upper])
    x, y, right = InteriorPoint(matrix, quadratic).at(np.arange(m), Members(matrix, program.cost[None], lower[None], upper[None]))
    if not right[0]:
        return None
    gradient = program.cost if quadratic is None else program.cost + quadratic @ x[0]
    return x[0], y[0], gradient - matrix.T @ y[0]


def _pairs(matrix: np.ndarray) -> np.ndarray:
    """Products of the rows of a matrix (m, n), (n, m * m): with them its normal matrices are one product for all members."""
    m, n = matrix.shape
    return np.ascontiguousarray((matrix[:, None, :] * matrix[None]).reshape(m * m, n).T)


def _scales(sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Factors of rows (m,) and columns (n,) that bring the largest entries near 1 (Ruiz)."""
    m, n = sizes.shape
    by_row, by_column = np.ones(m), np.ones(n)
    if not sizes.size:
        return by_row, by_column
    for _ in range(_PASSES):
        here = sizes * by_row[:, None] * by_column
        rows, columns = here.max(axis=1), here.max(axis=0)
        by_row /= np.sqrt(np.where(rows > 0, rows, 1.0))
        by_column /= np.sqrt(np.where(columns > 0, columns, 1.0))
    return by_row, by_column


def _typical(values: np.ndarray) -> float:
    some = values[np.isfinite(values) & (values > 0)]
    return float(np.median(some)) if len(some) else 1.0


def _in_reach(found: barrier.Finished) -> np.ndarray:
    """Members whose prices, in their own scale, are not so large that costs vanish beside them, (members,): where bounds that meet
    depend on each other, prices may grow against each other without end, and each looks right for its size."""
    return np.asarray((abs(found.y) <= _HIGHEST).all(axis=1))


def _run(problem: Problem) -> barrier.Finished:
    with np.errstate(all="ignore"):
        return barrier.solve(np, problem)


def _run_compiled(problem: Problem) -> barrier.Finished:
    k, n = problem.cost.shape
    m = problem.matrix.shape[-2]
    more, more_rows = _rounded(k) - k, -m % _ROWS
    matrix = np.pad(problem.matrix, ((0, more_rows), (0, 0)) if problem.matrix.ndim == 2 else ((0, more), (0, more_rows), (0, 0)))
    # members that fill up repeat the last one; rows that fill up bind nothing
    padded = problem._replace(
        matrix=matrix, pairs=None if problem.pairs is None else _pairs(matrix), cost=np.pad(problem.cost, ((0, more), (0, 0)), mode="edge"),
        lower=_filled(problem.lower, more, more_rows, -np.inf), upper=_filled(problem.upper, more, more_rows, np.inf),
    )  # fmt: skip
    found = barrier.Finished(*(np.array(part)[:k] for part in _compiled()(padded)))
    return found._replace(y=found.y[:, :m], low=found.low[:, : n + m], high=found.high[:, : n + m])


def _filled(bounds: np.ndarray, members: int, rows: int, what: float) -> np.ndarray:
    wide = np.pad(bounds, ((0, 0), (0, rows)), constant_values=what)
    return np.pad(wide, ((0, members), (0, 0)), mode="edge")


def _rounded(k: int) -> int:
    """The least of 16, 24, 32, 48, 64, 96, ... that is enough."""
    size = 16
    while size < k:
        size += size // 2 if size & (size - 1) == 0 else size // 3
    return size


@cache
def _compiled() -> Callable[[Problem], Any]:
    from opengames.sampled.backend import jax, jnp

    return jax.jit(lambda problem: barrier.solve(jnp, problem))


def _unique(matrix: np.ndarray, members: Members, x: np.ndarray) -> np.ndarray:
    """Whether what is met at the points has independent gradients, so that prices are the only ones, (members,)."""
    n = matrix.shape[1]
    if not len(x):
        return np.zeros(0, bool)
    values = np.concatenate([x, x @ matrix.T], axis=1)
    met = np.minimum(values - members.lower, members.upper - values) <= 10.0 * _MISSED * (1.0 + abs(values))
    found = np.zeros(len(x), bool)
    _, first, like = np.unique(np.packbits(met, axis=1), axis=0, return_index=True, return_inverse=True)
    for place, one in enumerate(first):
        tight, free = np.flatnonzero(met[one, n:]), np.flatnonzero(~met[one, :n])
        alone = len(tight) <= len(free) and np.linalg.matrix_rank(matrix[np.ix_(tight, free)], tol=1e-9) == len(tight)
        found[like.ravel() == place] = alone
    return found


__all__ = ["InteriorPoint", "interior", "moving_matrices"]
