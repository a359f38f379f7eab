"""Large programs with squares of single columns by an interior point method: what `quadratic` does not finish, for hours together.

Every bound has a price, and the point moves so that price times distance shrinks for all bounds alike. The step is solved in terms of
the prices of rows, a dense system as large as the rows are many; columns may be tens of thousands. It ends near the middle of all
optima; from there `polish` finds which bounds bind, and the exact optimum on them.

Of one large sparse program; many small ones side by side are the business of `opengames.solvers.clearing.barrier`.

Source: Mehrotra, On the implementation of a primal-dual interior point method (1992), predictor and corrector; Wright, Primal-Dual
Interior-Point Methods (1997), ch. 11, for the normal equations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from opengames.clearings import INFEASIBLE, SOLVED
from opengames.models.grid.quadratic import Separable
from opengames.solvers.clearing.certificate import Certificate
from opengames.solvers.clearing.highs import Highs
from opengames.solvers.clearing.polish import polish
from opengames.solvers.clearing.program import Program
from opengames.solvers.clearing.solution import BAR, Solution, without
from opengames.solvers.clearing.threads import on_one_thread

_STEPS = 100
#: Where it ends: what is left of costs and rows, and price times distance, relative.
_LEFT, _PRODUCT = 1e-10, 1e-13


@dataclass
class _Sides:
    """Some numbers between bounds, and the prices of these."""

    value: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    under: np.ndarray
    over: np.ndarray

    @classmethod
    def inside(cls, near: np.ndarray, lower: np.ndarray, upper: np.ndarray, price: float) -> _Sides:
        """At `near`, moved off the bounds."""
        wide = np.where(np.isfinite(upper - lower), upper - lower, 1.0 + np.abs(near))
        off = np.minimum(0.1 * wide, 10.0 + 0.01 * wide)
        value = np.clip(near, lower + off, upper - off)
        return cls(value, lower, upper, np.where(np.isfinite(lower), price, 0.0), np.where(np.isfinite(upper), price, 0.0))

    @property
    def below(self) -> np.ndarray:
        return np.where(np.isfinite(self.lower), self.value - self.lower, 1.0)

    @property
    def above(self) -> np.ndarray:
        return np.where(np.isfinite(self.upper), self.upper - self.value, 1.0)

    @property
    def count(self) -> int:
        return int(np.isfinite(self.lower).sum() + np.isfinite(self.upper).sum())

    @property
    def product(self) -> float:
        return float(self.under @ self.below + self.over @ self.above)

    def bend(self) -> np.ndarray:
        return np.asarray(self.under / self.below + self.over / self.above)

    def pull(self, to_low: np.ndarray, to_high: np.ndarray) -> np.ndarray:
        """What aims for the products of price and distance add to the right side. 0 where there is no bound."""
        return np.where(np.isfinite(self.lower), to_low / self.below, 0.0) - np.where(np.isfinite(self.upper), to_high / self.above, 0.0)

    def prices(self, move: np.ndarray, to_low: np.ndarray, to_high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Changes of the prices that go with a move."""
        under = np.where(np.isfinite(self.lower), (to_low - self.under * move) / self.below, 0.0)
        return under, np.where(np.isfinite(self.upper), (to_high + self.over * move) / self.above, 0.0)

    def room(self, move: np.ndarray, under: np.ndarray, over: np.ndarray) -> tuple[float, float]:
        """How far the move goes, and how far the prices, before one is 0."""
        point = min(_far(self.below, np.where(np.isfinite(self.lower), move, 0.0)), _far(self.above, np.where(np.isfinite(self.upper), -move, 0.0)))
        return point, min(_far(self.under, under), _far(self.over, over))


class Barrier:
    """A program with squares of single columns, kept to be solved again with more rows; used as `Highs` is. near: where to begin."""

    def __init__(self, program: Program, near: np.ndarray | None = None) -> None:
        self.program, self._near = program, near

    def add_rows(self, matrix: sparse.csr_array, lower: np.ndarray, upper: np.ndarray) -> None:
        """Rows below the others."""
        here = self.program
        self.program = replace(
            here, matrix=sparse.vstack([here.matrix, matrix]).tocsr(), row_lower=np.concatenate([here.row_lower, lower]),
            row_upper=np.concatenate([here.row_upper, upper]),
        )  # fmt: skip

    def solve(self) -> Solution:
        """The optimum, certified; or that there is none. Where the method does not end at one, `Separable` does the work."""
        here = self.program
        m, n = here.matrix.shape
        near = barrier(here, self._near)
        if near is not None:
            certificate = Certificate(here)
            for point, engine in ((polish(here, *near), "interior point, polished"), (near, "interior point")):
                residuals, objective = certificate.one(here, *point)
                if residuals.largest <= BAR:
                    self._near = point[0]
                    return Solution(SOLVED, *point, objective, residuals, engine)
        # whether there is one at all is a linear question
        some = Highs(replace(here, cost=np.zeros(n), quadratic=None)).solve()
        if some.status == INFEASIBLE:
            return without(INFEASIBLE, m, n, "HiGHS")
        return Separable(here).solve()


@on_one_thread
def barrier(program: Program, near: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """A point (n,) and prices (m,), (n,) near the optimum, or none if it does not come near one. near: where to begin.

    The quadratic term has to be a sum of squares of single columns.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return _followed(program, near)


def _followed(program: Program, near: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    moves = np.flatnonzero(program.lower < program.upper)
    whole = np.where(program.lower == program.upper, program.lower, 0.0)
    square = np.zeros(len(whole)) if program.quadratic is None else program.quadratic.diagonal()
    matrix = sparse.csr_array(program.matrix[:, moves])
    turned = sparse.csr_array(matrix.T)
    still = program.matrix @ whole
    row_lower, row_upper = program.row_lower - still, program.row_upper - still
    equal = row_lower == row_upper
    ranged = np.flatnonzero(~equal)
    cost, square = program.cost[moves], square[moves]
    scale = 1.0 + np.abs(cost).max(initial=0.0)
    lower, upper = program.lower[moves], program.upper[moves]
    middle = np.where(np.isfinite(lower) & np.isfinite(upper), (lower + upper) / 2, np.where(np.isfinite(lower), lower + 1, np.where(np.isfinite(upper), upper - 1, 0.0)))
    x = _Sides.inside(middle if near is None else near[moves], lower, upper, scale / 10)
    s = _Sides.inside((matrix @ x.value)[ranged], row_lower[ranged], row_upper[ranged], scale / 10)
    y = np.zeros(len(equal))
    count, size = max(x.count + s.count, 1), 1.0 + np.abs(np.where(equal, row_lower, 0.0)).max(initial=0.0)
    best, least = None, np.inf
    for _ in range(_STEPS):
        owed = cost + square * x.value - turned @ y - x.under + x.over
        owed_s = y[ranged] - s.under + s.over
        missing = np.where(equal, row_lower, 0.0) - matrix @ x.value
        missing[ranged] += s.value
        mu = (x.product + s.product) / count
        worth = 1.0 + abs(float(cost @ x.value))
        left = max(np.abs(owed).max(initial=0.0) / scale, np.abs(owed_s).max(initial=0.0) / scale, np.abs(missing).max(initial=0.0) / size)
        merit = max(left, mu * count / worth)
        if not np.isfinite(merit):
            break
        if merit < least:
            best, least = (x.value.copy(), y.copy(), x.under - x.over), merit
        if left < _LEFT and mu * count / worth < _PRODUCT:
            break
        d, e = square + x.bend() + 1e-14, s.bend() + 1e-14
        core = (sparse.csr_array(matrix * (1 / d)) @ turned).toarray()
        core[ranged, ranged] += 1 / e
        core[np.diag_indices_from(core)] *= 1 + 1e-13
        core[np.diag_indices_from(core)] += 1e-14
        try:
            factor = cho_factor(core, lower=True, overwrite_a=False, check_finite=False)
        except LinAlgError:
            break

        def step(aims: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
            r = -owed + x.pull(aims[0], aims[1])  # noqa: B023
            q = -owed_s + s.pull(aims[2], aims[3])  # noqa: B023
            right = missing - matrix @ (r / d)  # noqa: B023
            right[ranged] += q / e  # noqa: B023
            dy = cho_solve(factor, right, check_finite=False)  # noqa: B023
            dy += cho_solve(factor, right - core @ dy, check_finite=False)  # noqa: B023
            dx = (r + turned @ dy) / d  # noqa: B023
            ds = (q - dy[ranged]) / e  # noqa: B023
            return dx, ds, dy, *x.prices(dx, aims[0], aims[1]), *s.prices(ds, aims[2], aims[3])

        ahead = step((-x.under * x.below, -x.over * x.above, -s.under * s.below, -s.over * s.above))
        point, price = _both(x, s, ahead)
        aimed = _product(x, ahead[0], ahead[3], ahead[4], point, price) + _product(s, ahead[1], ahead[5], ahead[6], point, price)
        centre = mu * min(1.0, max(aimed / (mu * count), 0.0)) ** 3
        found = step((
            centre - x.under * x.below - ahead[0] * ahead[3], centre - x.over * x.above + ahead[0] * ahead[4],
            centre - s.under * s.below - ahead[1] * ahead[5], centre - s.over * s.above + ahead[1] * ahead[6],
        ))  # fmt: skip
        point, price = _both(x, s, found)
        # squares tie prices to the point: one step for both
        point, price = (0.995 * min(point, price),) * 2 if square.any() else (0.995 * point, 0.995 * price)
        if not point > 1e-12:
            break
        x.value, s.value, y = x.value + point * found[0], s.value + point * found[1], y + price * found[2]
        x.under, x.over, s.under, s.over = x.under + price * found[3], x.over + price * found[4], s.under + price * found[5], s.over + price * found[6]
    if best is None or least > 1e-5:
        return None
    point_, prices, z = whole.copy(), best[1], np.zeros(len(whole))
    point_[moves] = best[0]
    gradient = program.cost if program.quadratic is None else program.cost + program.quadratic @ point_
    z = gradient - program.matrix.T @ prices
    z[moves] = best[2]
    return point_, prices, z


def _both(x: _Sides, s: _Sides, step: tuple[np.ndarray, ...]) -> tuple[float, float]:
    of_x, of_s = x.room(step[0], step[3], step[4]), s.room(step[1], step[5], step[6])
    return min(of_x[0], of_s[0]), min(of_x[1], of_s[1])


def _product(sides: _Sides, move: np.ndarray, under: np.ndarray, over: np.ndarray, point: float, price: float) -> float:
    """Price times distance after a step."""
    low, high = np.isfinite(sides.lower), np.isfinite(sides.upper)
    a = ((sides.under + price * under) * (sides.below + point * move))[low].sum()
    return float(a + ((sides.over + price * over) * (sides.above - point * move))[high].sum())


def _far(now: np.ndarray, change: np.ndarray) -> float:
    shrinks = change < 0
    return min(1.0, float((-now[shrinks] / change[shrinks]).min())) if shrinks.any() else 1.0


__all__ = ["Barrier", "barrier"]
