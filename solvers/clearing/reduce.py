"""A program with fewer columns: those without bounds of their own leave through the equations that fix them.

A network written with voltage angles has a free column for each bus and an equation for each bus and line. Solving the equations for
the free columns, `x_F = S b - D x_K`, leaves the columns that decide (generation, loads) and rows in terms of shift factors: the
same optimum in a form that is smaller, dense, and quick where there are many scenarios.

Every point and price of the original follows: prices of the equations that were used up are those that make up the costs of the
columns that left.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from opengames.solvers.clearing.program import Program

_SURE = 1e-7
_SMALL = 400


@dataclass(frozen=True)
class Lowered:
    """Members in a reduced program. cost: (members, kept) or (1, kept). lower, upper: (members, kept + rows), columns first. added:
    (members,) to the cost. given: (members, left), what the equations alone give to the columns that left."""

    cost: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    added: np.ndarray
    given: np.ndarray


@dataclass(frozen=True)
class Reduction:
    """How the rest of a program follows from its kept columns.

    kept, left: columns that stay and that leave; used: the equations that left with them, as many as `left`. rows: the original
    rows that stay: those without bounds say nothing, and go. solve: factor of the used equations in the left columns. by_kept: (left, kept), what a kept column takes from
    each that left. matrix: rows of the reduced program, CSR (rows, kept).
    """

    program: Program
    kept: np.ndarray
    left: np.ndarray
    used: np.ndarray
    rows: np.ndarray
    by_kept: np.ndarray
    matrix: sparse.csr_array
    solve: Any

    @cached_property
    def _rows_left(self) -> sparse.csr_array:
        """Coefficients of the columns that left in the rows that stay."""
        return sparse.csr_array(self.program.matrix[self.rows][:, self.left])

    def fixed(self, right: np.ndarray) -> np.ndarray:
        """What the equations alone give to the columns that left: right (members, used) to (members, left)."""
        return self.solve.solve(np.ascontiguousarray(right.T)).T if len(self.used) else np.zeros((len(right), 0))

    def lowered(self, cost: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> Lowered:
        """The data of members in the reduced program.

        cost: (members, n), or (1, n) where it is the same for all, without the quadratic term. lower, upper: (members, n + m),
        columns first.
        """
        n = len(self.program.cost)
        index = np.concatenate([self.kept, n + self.rows])
        low, high = lower[:, index], upper[:, index]
        if not len(self.left):
            return Lowered(cost[:, self.kept], low, high, np.zeros(len(lower)), np.zeros((len(lower), 0)))
        given = self.fixed(lower[:, n + self.used])
        if self.program.quadratic is not None:
            quadratic = sparse.csr_array(self.program.quadratic)
            bent = (quadratic[:, self.left] @ given.T).T
            added = ((cost[:, self.left] + 0.5 * bent[:, self.left]) * given).sum(1)
            cost = cost + bent
        else:
            added = (cost[:, self.left] * given).sum(1)
        shift = (self._rows_left @ given.T).T
        low[:, len(self.kept) :] -= shift
        high[:, len(self.kept) :] -= shift
        return Lowered(cost[:, self.kept] - cost[:, self.left] @ self.by_kept, low, high, added, given)

    def raised(
        self, cost: np.ndarray, given: np.ndarray, x: np.ndarray, y: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points, prices and costs at the margin of the original: x (members, kept), y (members, rows), cost and given as in
        `lowered`; gives (members, n), (members, m), and (members, n) or (1, n)."""
        members = len(x)
        m, n = self.program.matrix.shape
        whole, prices = np.empty((members, n)), np.zeros((members, m))
        whole[:, self.kept] = x
        if len(self.left):
            whole[:, self.left] = given - x @ self.by_kept.T
        gradient = cost if self.program.quadratic is None else cost + (self.program.quadratic @ whole.T).T
        prices[:, self.rows] = y
        if len(self.left):
            owed = gradient[:, self.left] - (self._rows_left.T @ y.T).T
            prices[:, self.used] = self.solve.solve(np.ascontiguousarray(owed.T), "T").T
        return whole, prices, gradient

    @cached_property
    def quadratic(self) -> np.ndarray | None:
        """The quadratic term in the kept columns, dense (kept, kept)."""
        if self.program.quadratic is None:
            return None
        quadratic = sparse.csr_array(self.program.quadratic)
        inner = quadratic[self.kept][:, self.kept].toarray()
        if len(self.left):
            cross = quadratic[self.kept][:, self.left] @ self.by_kept
            inner = inner - cross - cross.T + self.by_kept.T @ (quadratic[self.left][:, self.left] @ self.by_kept)
        return inner

    def small(self) -> Program:
        """The reduced program at the data of the original."""
        here = self.program
        lower = np.concatenate([here.lower, here.row_lower])[None]
        upper = np.concatenate([here.upper, here.row_upper])[None]
        data = self.lowered(here.cost[None], lower, upper)
        k = len(self.kept)
        quadratic = None if self.quadratic is None else sparse.csc_array(self.quadratic)
        low, high = data.lower[0], data.upper[0]
        return Program(
            data.cost[0], self.matrix, low[k:], high[k:], low[:k], high[:k], quadratic, None, here.offset + float(data.added[0])
        )


def reduce(program: Program) -> Reduction:
    """Lets free columns leave through equations, as many as can."""
    n = len(program.cost)
    matrix = sparse.csr_array(program.matrix)
    equal = np.flatnonzero(program.row_lower == program.row_upper)
    free = np.flatnonzero(np.isinf(program.lower) & np.isinf(program.upper))
    used, left = _square(matrix[equal][:, free])
    used, left = equal[used], free[left]
    solve = None
    if len(used):
        from scipy.sparse.linalg import splu

        solve = splu(sparse.csc_array(matrix[used][:, left]))
    says = np.isfinite(program.row_lower) | np.isfinite(program.row_upper)
    kept, rows = np.setdiff1d(np.arange(n), left), np.setdiff1d(np.flatnonzero(says), used)
    by_kept = np.zeros((0, len(kept)))
    reduced = matrix[rows][:, kept]
    if solve is not None:
        by_kept = solve.solve(matrix[used][:, kept].toarray())
        by_kept[abs(by_kept) < 1e-13] = 0.0
        dense = reduced.toarray() - matrix[rows][:, left] @ by_kept
        dense[abs(dense) < 1e-12 * max(1.0, abs(dense).max(initial=0.0))] = 0.0
        reduced = sparse.csr_array(dense)
    return Reduction(program, kept, left, used, rows, by_kept, reduced, solve)


def _square(matrix: sparse.csr_array) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns, equally many, in which the matrix is safely invertible."""
    if not min(matrix.shape) or not matrix.nnz:
        return np.zeros(0, int), np.zeros(0, int)
    return _by_pivots(matrix.toarray()) if max(matrix.shape) <= _SMALL else _by_matching(matrix)


def _by_pivots(dense: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Independent columns, then independent rows of them, by a factorisation that pivots."""
    from scipy.linalg import qr

    triangle, order = qr(dense, mode="r", pivoting=True)
    sizes = abs(np.diagonal(triangle))
    columns = np.sort(order[: int((sizes > _SURE * sizes[0]).sum())])
    triangle, order = qr(dense[:, columns].T, mode="r", pivoting=True)
    sizes = abs(np.diagonal(triangle))
    rows = order[: int((sizes > _SURE * sizes[0]).sum())]
    return (np.sort(rows), columns) if len(rows) == len(columns) else (np.zeros(0, int), np.zeros(0, int))


def _by_matching(matrix: sparse.csr_array) -> tuple[np.ndarray, np.ndarray]:
    """For large ones: a matching of columns to rows, less those that the pivots of its factors call singular."""
    from scipy.sparse.csgraph import maximum_bipartite_matching
    from scipy.sparse.linalg import splu

    partner = maximum_bipartite_matching(matrix, perm_type="column")
    rows = np.flatnonzero(partner >= 0)
    columns = partner[rows]
    for _ in range(8):
        square = sparse.csc_array(matrix[rows][:, columns])
        # what is singular shows as a pivot of this size, and not as an error
        nudge = 1e-12 * abs(square).max()
        factor = splu(sparse.csc_array(square + nudge * sparse.eye_array(len(rows))))
        pivots = abs(factor.U.diagonal())
        weak = np.flatnonzero(pivots < _SURE * abs(square).max())
        if not len(weak):
            return rows, columns
        bad_rows, bad_columns = np.isin(factor.perm_r, weak), np.isin(factor.perm_c, weak)
        rows, columns = rows[~bad_rows], columns[~bad_columns]
        if not len(rows):
            break
    return np.zeros(0, int), np.zeros(0, int)


__all__ = ["Lowered", "Reduction", "reduce"]
