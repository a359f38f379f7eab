"""Whether prices are unique, and between which numbers they lie where they are not.

At a kink of the least cost one more unit costs more than one less saves, and every number between is a price. All prices of a program
belong to the same optimum: with one optimum known, they are those that make up the cost of every column, positive only where a
lower bound is met, negative only at an upper one. So each end of an interval is one linear program over changes of the prices,
started where nothing changes.

Most clearings have no kink, and are told apart without one: at a vertex with as many bounds met as there are columns, prices are
unique. A number that must be printed is the upper end, as ERCOT prints it; the ends of several prices need not be attained
together, and the prices of a `Solution` are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from opengames.clearings import INFEASIBLE, SOLVED, UNBOUNDED
from opengames.solvers.clearing.program import Program
from opengames.solvers.clearing.solution import Solution

_MET = 1e-9
_SAME = 1e-8


@dataclass(frozen=True)
class Intervals:
    """Ends of the prices of some rows, as `y` counts them: least, most (k,), infinite where nothing stops them; rows: (k,).

    What the language calls `dual(rule)` is `-y`, so its upper end is `-least`.
    """

    rows: np.ndarray
    least: np.ndarray
    most: np.ndarray

    @property
    def unique(self) -> np.ndarray:
        """Whether there is one price (k,) bool: ends within 1e-8 of its size."""
        wide = abs(np.where(np.isfinite(self.most), self.most, 0.0)) + 1.0
        with np.errstate(invalid="ignore"):
            return self.most - self.least <= _SAME * wide


def intervals(program: Program, solution: Solution, rows: Iterable[int] | None = None) -> Intervals:
    """Between which numbers the prices of `rows` lie (all, unless told). The solution must be an optimum of the program; with
    whole numbers, hold them in the program first. Raises `ValueError` where it is none."""
    if not solution.solved:
        raise ValueError(f"prices of a program that is {solution.word}")
    m, _ = program.matrix.shape
    asked = np.arange(m) if rows is None else np.fromiter(rows, int)
    least, most = solution.y[asked].copy(), solution.y[asked].copy()
    face = _Face(program, solution)
    if face.single:
        return Intervals(asked, least, most)
    for k, row in enumerate(asked):
        if face.moves(row):
            least[k] += face.furthest(row, -1.0)
            most[k] += face.furthest(row, 1.0)
    return Intervals(asked, least, most)


def are_unique(program: Program, solution: Solution) -> bool:
    """Whether all prices of rows are unique."""
    return _Face(program, solution).single


def furthest(program: Program, solution: Solution, *directions: np.ndarray) -> tuple[np.ndarray, bool]:
    """(y, unique): the prices of the solution that go furthest in the first direction (m,) in which they end, those of the solution
    where there is none; and whether they are the only ones."""
    face = _Face(program, solution)
    if face.single:
        return solution.y, True
    for direction in directions:
        change = face.change(direction)
        if change is not None:
            return solution.y + change, False
    return solution.y, False


class _Face:
    """All changes of the prices `y` of a solution that leave them prices."""

    def __init__(self, program: Program, solution: Solution) -> None:
        x, y = solution.x, solution.y
        matrix = sparse.csr_array(program.matrix)
        values = matrix @ x
        gradient = program.cost if program.quadratic is None else program.cost + program.quadratic @ x
        sizes = abs(matrix) @ abs(x) + 1.0
        low, high = values - program.row_lower <= _MET * sizes, program.row_upper - values <= _MET * sizes
        left = x - program.lower <= _MET * (1.0 + abs(x))
        right = program.upper - x <= _MET * (1.0 + abs(x))
        self.met = np.flatnonzero(low | high)
        self.where = np.full(len(y), -1)
        self.where[self.met] = np.arange(len(self.met))
        turned = sparse.csr_array(matrix[self.met].T)
        z = gradient - matrix.T @ y
        inside = ~(left | right)
        self.single = len(self.met) == 0 or bool(len(self.met) <= inside.sum() and independent(turned[inside]))
        if self.single:
            return
        # a change d of y keeps y's signs, and takes matrix' d from z, whose signs stay too
        present = y[self.met]
        down = np.where(high[self.met], -np.inf, np.minimum(-present, 0.0))
        up = np.where(low[self.met], np.inf, np.maximum(-present, 0.0))
        at_most = np.where(right, np.inf, np.where(left, np.maximum(z, 0.0), 0.0))
        at_least = np.where(left, -np.inf, np.where(right, np.minimum(z, 0.0), 0.0))
        at_most = np.where(left & right, np.inf, at_most)
        at_least = np.where(left & right, -np.inf, at_least)
        self._program = Program(np.zeros(len(self.met)), turned, at_least, at_most, down, up)
        self._start()
        # prices that have one number each stop the search here: a change in some direction drawn at random has none
        direction = np.random.default_rng(0).uniform(0.5, 1.5, len(self.met)) * np.where(np.arange(len(self.met)) % 2, 1, -1)
        ends = (self._along(direction), self._along(-direction))
        self.single = max(ends) <= _SAME

    def _start(self) -> None:
        from opengames.solvers.clearing.highs import Highs

        self._engine = Highs(self._program, {"presolve": "off"})

    def change(self, direction: np.ndarray) -> np.ndarray | None:
        """The change (m,) of the prices that goes furthest in a direction (m,); none if they go on without end."""
        found = self._ended(direction[self.met])
        if found.status == UNBOUNDED:
            return None
        change = np.zeros(len(self.where))
        change[self.met] = found.x
        return change

    def _along(self, direction: np.ndarray) -> float:
        """How far the prices move along a direction."""
        found = self._ended(direction)
        return np.inf if found.status == UNBOUNDED else -found.objective

    def _ended(self, direction: np.ndarray) -> Solution:
        self._engine.change(cost=-direction)
        found: Solution = self._engine.solve()
        if found.status == UNBOUNDED:
            return found
        if found.status == INFEASIBLE:
            raise ArithmeticError("no change at all is a change, yet the engine finds none")
        if found.status != SOLVED:
            self._start()
            self._engine.change(cost=-direction)
            found = self._engine.solve()
            if found.status != SOLVED:
                raise ArithmeticError("an end of a price was not found to the precision that is asked of prices")
        return found

    def moves(self, row: int) -> bool:
        """Only rows that are met have a price other than 0."""
        return bool(self.where[row] >= 0)

    def furthest(self, row: int, sign: float) -> float:
        direction = np.zeros(len(self.met))
        direction[self.where[row]] = sign
        return sign * self._along(direction)


def independent(matrix: sparse.csr_array) -> bool:
    """Whether the columns are independent; for large matrices only a sure yes counts."""
    rows, columns = matrix.shape
    if columns <= 600:
        return int(np.linalg.matrix_rank(matrix.toarray(), tol=1e-9 * max(1.0, abs(matrix).max() if matrix.nnz else 1.0))) == columns
    if rows != columns:
        return False
    from scipy.sparse.linalg import splu

    try:
        factor = splu(sparse.csc_array(matrix))
    except RuntimeError:
        return False
    pivots = abs(factor.U.diagonal())
    return bool(pivots.min() > 1e-9 * pivots.max())


__all__ = ["Intervals", "are_unique", "furthest", "independent", "intervals"]
