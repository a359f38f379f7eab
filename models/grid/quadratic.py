"""Programs whose quadratic cost is a sum of squares of single columns, by way of linear ones.

Units' costs are such: `linear p + square p^2`. Each square is first cut into pieces, which makes a linear program that HiGHS
starts warm; its optimum says nearly which rows and bounds bind. With those held, the conditions of the optimum are a linear system
in the prices of the rows that bind and the few columns without a square that lie between their bounds; Newton's steps on them end
at the optimum itself. Where they do not, the pieces are cut finer around where the optimum lies, and again. Only a point whose
residuals are within the bar is called solved; what does not get there goes to an interior point method (`barrier`), and in the end to
HiGHS' own for squares.

Source: for the steps, Hintermüller, Ito and Kunisch, The primal-dual active set strategy as a semismooth Newton method (2002).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from opengames.clearings import SOLVED, UNCERTAIN
from opengames.solvers.clearing.certificate import Certificate
from opengames.solvers.clearing.highs import Highs
from opengames.solvers.clearing.program import Program, with_rows
from opengames.solvers.clearing.solution import BAR, Solution
from opengames.solvers.clearing.threads import on_one_thread

#: Pieces of a square: at first of one width, then finer towards the optimum.
_PIECES = 8
_FINER = np.array([0.0, 1 / 64, 1 / 8, 1.0])

#: How often pieces are cut finer, and how many Newton steps are made on each.
_CUTS, _STEPS = 6, 12

#: How far a price may have the wrong sign, or a bound be missed, before Newton's step changes what binds; relative.
_TINY = 1e-11


#: How near to a bound an interior point stands that is taken to be at it; relative.
_CLOSE = 1e-5


class Separable:
    """A program with squares of single columns, kept to be solved again; used as `Highs` is.

    Raises `ValueError` for a quadratic term between columns, or a column with a square and a bound that is not finite.
    """

    def __init__(self, program: Program) -> None:
        assert program.quadratic is not None
        self.square = program.quadratic.diagonal() / 2
        off = sparse.csc_array(program.quadratic - sparse.diags_array(2 * self.square))
        off.eliminate_zeros()
        self._which = np.flatnonzero(self.square > 0)
        bounds = np.concatenate((program.lower[self._which], program.upper[self._which]))
        if off.nnz or not np.isfinite(bounds).all():
            raise ValueError("squares of single columns between finite bounds were expected")
        self.program = program
        self._certificate = Certificate(program)
        self._owner = np.concatenate((np.flatnonzero(self.square == 0), np.repeat(self._which, _PIECES)))
        self._plain = len(program.cost) - len(self._which)
        self._breaks = self._even()
        self._linear: Highs | None = None
        self._last: Solution | None = None

    def change(self, **parts: Any) -> None:
        """New bounds and costs, as `Highs.change` takes them."""
        old, self.program = self.program, replace(self.program, **parts)
        if not (np.array_equal(old.lower, self.program.lower) and np.array_equal(old.upper, self.program.upper)):
            self._breaks = self._even()

    def add_rows(self, matrix: sparse.csr_array, lower: np.ndarray, upper: np.ndarray) -> None:
        """Rows below the others."""
        self.program = with_rows(self.program, matrix, lower, upper)
        self._certificate = Certificate(self.program)
        if self._last is not None:
            none = np.zeros(matrix.shape[0])
            self._last = replace(self._last, y=np.concatenate((self._last.y, none)))
        if self._linear is not None:
            moved = self._lifted(matrix)
            self._linear.add_rows(matrix[:, self._owner], lower - moved, upper - moved)

    def solve(self) -> Solution:
        """The optimum, certified; or that there is none."""
        if self._last is not None:
            near = self._newton(self._last.x, self._last.y)
            if near.status == SOLVED:
                self._last = near
                return near
        for _ in range(_CUTS):
            found = self._pieces()
            if not found.solved:
                return found
            x = self._whole(found.x)
            for rough in (True, False):
                near = self._newton(x, found.y, rough)
                if near.status == SOLVED:
                    self._last = near
                    return near
            inner = self._inside(x)
            if inner is not None and inner.status == SOLVED:
                self._last = inner
                return inner
            self._finer(x)
        self._breaks = self._even()
        last = self._crowded()
        if last is None or not last.solved:
            last = Highs(self.program).solve()
        self._last = last if last.solved else None
        # the pieces have an optimum, so this has one
        return last if last.solved else replace(last, status=UNCERTAIN)

    # ------------------------------------------------------------------ in pieces

    def _even(self) -> np.ndarray:
        """Break points (columns with a square, pieces + 1), evenly spread."""
        return np.linspace(self.program.lower[self._which], self.program.upper[self._which], _PIECES + 1, axis=1)

    def _finer(self, x: np.ndarray) -> None:
        """Break points closer to `x`: the widths beside it shrink."""
        low, high, at = self.program.lower[self._which], self.program.upper[self._which], x[self._which]
        width = np.max(np.diff(self._breaks, axis=1).min(axis=1)) / 4
        steps = np.concatenate((-_FINER[:0:-1], _FINER)) * 64 * width
        inner = np.clip(at[:, None] + steps[None], low[:, None], high[:, None])
        self._breaks = np.concatenate((low[:, None], inner, high[:, None]), axis=1)

    def _lifted(self, matrix: sparse.csr_array) -> np.ndarray:
        """What rows are when every column with a square is at its lower bound, and the others are 0."""
        base = np.zeros(matrix.shape[1])
        base[self._which] = self.program.lower[self._which]
        return np.asarray(matrix @ base)

    def _pieces(self) -> Solution:
        here = self.program
        plain = self._owner[: self._plain]
        widths = np.diff(self._breaks, axis=1)
        slopes = here.cost[self._which, None] + self.square[self._which, None] * (self._breaks[:, 1:] + self._breaks[:, :-1])
        cost = np.concatenate((here.cost[plain], slopes.ravel()))
        lower = np.concatenate((here.lower[plain], np.zeros(widths.size)))
        upper = np.concatenate((here.upper[plain], widths.ravel()))
        moved = self._lifted(here.matrix)
        rows = {"row_lower": here.row_lower - moved, "row_upper": here.row_upper - moved}
        if self._linear is None:
            matrix = sparse.csr_array(here.matrix[:, self._owner])
            self._linear = Highs(Program(cost, matrix, rows["row_lower"], rows["row_upper"], lower, upper))
        else:
            self._linear.change(cost=cost, lower=lower, upper=upper, **rows)
        return self._linear.solve()

    def _whole(self, pieces: np.ndarray) -> np.ndarray:
        x = np.bincount(self._owner, pieces, len(self.program.cost))
        x[self._which] += self.program.lower[self._which]
        return x

    # ------------------------------------------------------------------ Newton's steps

    @on_one_thread
    def _newton(self, x: np.ndarray, y: np.ndarray, rough: bool = False) -> Solution:
        """From a point near the optimum to it: what binds is guessed, solved for, and corrected by the solution.

        rough: the prices are worse than the point.
        """
        here, matrix = self.program, self.program.matrix
        x, y = np.clip(x, here.lower, here.upper), y.copy()
        equal = here.row_lower == here.row_upper
        for step_number in range(_STEPS):
            values, z = matrix @ x, here.cost + 2 * self.square * x - matrix.T @ y
            # A column with a square goes where its price says; one without, where it moves along its price to a bound. At first
            # prices are those of pieces, good to a slope: there a column between its bounds stays between them.
            wanted = np.where(self.square > 0, x - z / np.where(self.square > 0, 2 * self.square, 1.0), x - z)
            size = _TINY * (1 + np.abs(x))
            if step_number == 0 and rough:
                wanted = np.where((x > here.lower + size) & (x < here.upper - size), x, wanted)
            low, high = wanted <= here.lower + size, wanted >= here.upper - size
            flat = self.square == 0
            tiny = _TINY * (1 + np.abs(here.cost))
            low = np.where(flat, (x <= here.lower + size) & (z > -tiny), low)
            high = np.where(flat, (x >= here.upper - size) & (z < tiny), high & ~low)
            bound = equal | (values - y < here.row_lower) | (values - y > here.row_upper)
            at = np.where(equal | (values - y < here.row_lower), here.row_lower, here.row_upper)
            active = np.flatnonzero(bound)
            free = np.flatnonzero(~low & ~high)
            held = np.where(low, here.lower, np.where(high, here.upper, 0.0))
            step = self._system(active, at[active], free, held)
            if step is None:
                break
            x_new, y_new = step
            done = np.abs(x_new - x).max(initial=0.0) <= 1e-13 * (1 + np.abs(x).max(initial=0.0)) and np.abs(y_new - y).max(initial=0.0) <= 1e-13 * (1 + np.abs(y).max(initial=0.0))
            x, y = x_new, y_new
            if done:
                break
        return self._judged(x, y, "Newton's steps from pieces")

    def _judged(self, x: np.ndarray, y: np.ndarray, engine: str) -> Solution:
        here = self.program
        z = here.cost + 2 * self.square * x - here.matrix.T @ y
        # what rounding leaves of the price of a column between its bounds is not one
        inside = (x > here.lower) & (x < here.upper)
        z[inside & (np.abs(z) <= BAR * (1 + np.abs(here.cost)))] = 0.0
        residuals, objective = self._certificate.one(here, x, y, z)
        status = SOLVED if residuals.largest <= BAR else UNCERTAIN
        return Solution(status, x, y, z, objective, residuals, engine)

    def _inside(self, x: np.ndarray) -> Solution | None:
        """The optimum by an interior point method, from a point near it."""
        from opengames.models.grid.barrier import barrier, exact

        near = barrier(self.program, x)
        if near is None:
            return None
        x, y, _ = exact(self.program, *near)
        return self._judged(x, y, "interior point, then what binds")

    @on_one_thread
    def _crowded(self) -> Solution | None:
        """The optimum where more binds than there is to decide, so that prices are many: an interior point tells what binds.

        The point is where all of that holds; the prices are those of the right signs that come closest to the costs.
        """
        from scipy.optimize import nnls

        from opengames.solvers.clearing.interior import interior

        here = self.program
        near = interior(here)
        if near is None:
            return None
        x, m, n = near[0], here.matrix.shape[0], len(here.cost)
        # everything as one list of rows, bounds of columns after the rows; +1 for a lower bound that binds, -1 for an upper one
        whole = sparse.vstack([here.matrix, sparse.eye_array(n)]).tocsr()
        lower, upper = np.concatenate((here.row_lower, here.lower)), np.concatenate((here.row_upper, here.upper))
        values = whole @ x
        close = _CLOSE * (1 + np.abs(values))
        low, high = np.flatnonzero(values - lower <= close), np.flatnonzero(upper - values <= close)
        which = np.unique(np.concatenate((low, high)))
        at = np.where(np.isin(which, low), lower[which], upper[which])
        rows = whole[which].toarray()
        size = n + len(which)
        left, right = np.zeros((size, size)), np.concatenate((-here.cost, at))
        left[:n, :n], left[:n, n:], left[n:, :n] = np.diag(2 * self.square), -rows.T, rows
        x = np.clip(np.linalg.lstsq(left, right, rcond=1e-12)[0][:n], here.lower, here.upper)
        sides = np.concatenate((low, high))
        signs = np.concatenate((np.ones(len(low)), -np.ones(len(high))))
        gradient = here.cost + 2 * self.square * x
        paid = nnls((whole[sides].toarray() * signs[:, None]).T, gradient)[0]
        prices = np.bincount(sides, paid * signs, m + n)
        return self._judged(x, prices[:m], "interior point, then what binds")

    def _system(self, active: np.ndarray, at: np.ndarray, free: np.ndarray, held: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """x and y with the rows `active` at `at`, the columns not `free` at `held`, and no price left on free columns.

        Free columns with a square are put in terms of the prices; what is left is symmetric, a few dozen numbers wide.
        """
        here = self.program
        rows = here.matrix[active]
        curved, flat = free[self.square[free] > 0], free[self.square[free] == 0]
        bent = rows[:, curved].toarray()
        inverse = 1 / (2 * self.square[curved])
        k = len(active)
        left = np.zeros((k + len(flat), k + len(flat)))
        left[:k, :k] = (bent * inverse) @ bent.T
        side = rows[:, flat].toarray()
        left[:k, k:], left[k:, :k] = side, side.T
        right = np.concatenate((at - rows @ held + bent @ (inverse * here.cost[curved]), here.cost[flat]))
        found = _solved(left, right)
        if found is None:
            return None
        y = np.zeros(here.matrix.shape[0])
        y[active] = found[:k]
        x = held.copy()
        x[curved] = inverse * (bent.T @ found[:k] - here.cost[curved])
        x[flat] = found[k:]
        return x, y


def _solved(left: np.ndarray, right: np.ndarray) -> np.ndarray | None:
    """The solution of a square system, refined once; the smallest one where there are many; none where it makes no sense."""
    if not len(right):
        return right
    scale = np.sqrt(np.abs(left).max(axis=1))
    scale[scale == 0] = 1
    scaled = left / scale[:, None] / scale[None]
    try:
        found = np.linalg.solve(scaled, right / scale)
        found += np.linalg.solve(scaled, right / scale - scaled @ found)
    except np.linalg.LinAlgError:
        found = np.linalg.lstsq(scaled, right / scale, rcond=1e-13)[0]
    if not np.isfinite(found).all():
        return None
    return np.asarray(found / scale)


__all__ = ["Separable"]
