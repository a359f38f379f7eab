"""Large programs with squares of single columns by an interior point method: what `quadratic` does not finish, for hours together.

Every bound has a price, and the point moves so that price times distance shrinks for all bounds alike. The step is solved in terms of
the prices of rows, a dense system as large as the rows are many; columns may be tens of thousands. It ends near the middle of all
optima; from there `exact` finds which bounds bind, and the optimum on them.

Of one large sparse program; many small ones side by side are the business of `opengames.solvers.clearing.barrier`.

Source: Mehrotra, On the implementation of a primal-dual interior point method (1992), predictor and corrector; Wright, Primal-Dual
Interior-Point Methods (1997), ch. 11, for the normal equations; Hintermüller, Ito and Kunisch, The primal-dual active set strategy as a
semismooth Newton method (2002), for `exact`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.sparse.linalg import splu

from opengames.clearings import INFEASIBLE, SOLVED
from opengames.solvers.clearing.certificate import Certificate
from opengames.solvers.clearing.highs import Highs
from opengames.solvers.clearing.polish import polish
from opengames.solvers.clearing.program import Program, with_rows
from opengames.solvers.clearing.solution import BAR, Solution, without
from opengames.solvers.clearing.threads import on_one_thread

_STEPS = 100
#: Where it ends: what is left of costs and rows, and price times distance, relative.
_LEFT, _PRODUCT = 1e-10, 1e-20
#: The product that is near enough to see which rows are missing.
_ROUGH = 1e-10

#: How often what binds is corrected, how far the systems of it are from singular ones, and how often their solutions are refined.
_TURNS, _APART, _REFINED = 12, 1e-8, 30


@dataclass
class _Sides:
    """Some numbers between bounds, and the prices of these. below, above: distances from the bounds, 1 where there is none, kept beside the
    numbers, whose differences would lose them in rounding."""

    value: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    below: np.ndarray
    above: np.ndarray
    under: np.ndarray
    over: np.ndarray

    @classmethod
    def inside(cls, near: np.ndarray, lower: np.ndarray, upper: np.ndarray, price: float) -> _Sides:
        """At `near`, moved off the bounds."""
        wide = np.where(np.isfinite(upper - lower), upper - lower, 1.0 + np.abs(near))
        off = np.minimum(0.1 * wide, 10.0 + 0.01 * wide)
        value = np.clip(near, lower + off, upper - off)
        below, above = np.where(np.isfinite(lower), value - lower, 1.0), np.where(np.isfinite(upper), upper - value, 1.0)
        return cls(value, lower, upper, below, above, np.where(np.isfinite(lower), price, 0.0), np.where(np.isfinite(upper), price, 0.0))

    def advance(self, point: float, price: float, move: np.ndarray, under: np.ndarray, over: np.ndarray) -> None:
        """Go a part of the way of a step."""
        self.value = self.value + point * move
        self.below = np.where(np.isfinite(self.lower), self.below + point * move, 1.0)
        self.above = np.where(np.isfinite(self.upper), self.above - point * move, 1.0)
        self.under, self.over = self.under + price * under, self.over + price * over

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
        self.program = with_rows(self.program, matrix, lower, upper)

    def roughly(self) -> np.ndarray | None:
        """A point near the optimum, none where the method does not come near one."""
        near = barrier(self.program, self._near, _ROUGH)
        if near is None:
            return None
        self._near = near[0]
        return near[0]

    def solve(self) -> Solution:
        """The optimum, certified; or that there is none. Where the method does not end at one, `Separable` does the work."""
        here = self.program
        m, n = here.matrix.shape
        near = barrier(here, self._near)
        if near is not None:
            certificate = Certificate(here)
            for finish, engine in ((exact, "interior point, then what binds"), (_itself, "interior point"), (polish, "interior point, polished")):
                x, y, z = finish(here, *near)
                residuals, objective = certificate.one(here, x, y, z)
                if residuals.largest <= BAR:
                    self._near = x
                    return Solution(SOLVED, x, y, z, objective, residuals, engine)
        from opengames.models.grid.quadratic import Separable

        # whether there is one at all is a linear question
        some = Highs(replace(here, cost=np.zeros(n), quadratic=None)).solve()
        if some.status == INFEASIBLE:
            return without(INFEASIBLE, m, n, "HiGHS")
        return Separable(here).solve() if here.quadratic is not None else Highs(here).solve()


@on_one_thread
def barrier(program: Program, near: np.ndarray | None = None, product: float = _PRODUCT) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """A point (n,) and prices (m,), (n,) near the optimum, or none if it does not come near one. near: where to begin. product: of price and
    distance, relative, at which it ends.

    The quadratic term has to be a sum of squares of single columns.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return _followed(program, near, product)


def _followed(program: Program, near: np.ndarray | None, product: float) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
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
        if left < _LEFT and mu * count / worth < product:
            break
        d, e = square + x.bend() + 1e-14, s.bend() + 1e-14
        core = (sparse.csr_array(matrix * (1 / d)) @ turned).toarray()
        core[ranged, ranged] += 1 / e
        factor = _factor(core)
        if factor is None:
            break

        def step(aims: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
            r = -owed + x.pull(aims[0], aims[1])  # noqa: B023
            q = -owed_s + s.pull(aims[2], aims[3])  # noqa: B023
            right = missing - matrix @ (r / d)  # noqa: B023
            right[ranged] += q / e  # noqa: B023
            dy = cho_solve(factor, right, check_finite=False)  # noqa: B023
            for _ in range(3):
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
        y = y + price * found[2]
        x.advance(point, price, found[0], found[3], found[4])
        s.advance(point, price, found[1], found[5], found[6])
    if best is None or least > 1e-5:
        return None
    point_, prices, z = whole.copy(), best[1], np.zeros(len(whole))
    point_[moves] = best[0]
    gradient = program.cost if program.quadratic is None else program.cost + program.quadratic @ point_
    z = gradient - program.matrix.T @ prices
    z[moves] = best[2]
    return point_, prices, z


def _factor(core: np.ndarray) -> Any:
    """The factor of the system of a step, its diagonal lifted as little as that takes: rows of twin circuits are nearly alike."""
    diagonal = core.diagonal().copy()
    for lift in (1e-14, 1e-12, 1e-10, 1e-8):
        lifted = core.copy()
        lifted[np.diag_indices_from(core)] += lift * (diagonal + 1.0)
        try:
            return cho_factor(lifted, lower=True, overwrite_a=True, check_finite=False)
        except LinAlgError:
            continue
    return None


def exact(program: Program, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The optimum near a point and prices, or the best guess after some turns: what binds is held, and the conditions solved for the rest;
    a price of the wrong sign leaves what binds, a bound that is missed enters it."""
    m, n = program.matrix.shape
    lower, upper = np.concatenate((program.row_lower, program.lower)), np.concatenate((program.row_upper, program.upper))
    equal = lower == upper
    square = np.zeros(n) if program.quadratic is None else program.quadratic.diagonal()
    x, y, prices = x.copy(), y.copy(), np.concatenate((y, z))
    matrix = sparse.csr_array(program.matrix)
    for _ in range(_TURNS):
        values = np.concatenate((matrix @ x, x))
        low, high = (values - prices < lower) & ~equal, (values - prices > upper) & ~equal
        held = low | high | equal
        at = np.where(low | equal, lower, np.where(high, upper, 0.0))
        rows, free = np.flatnonzero(held[:m]), np.flatnonzero(~held[m:])
        x, y = np.where(held[m:], at[m:], x), np.where(held[:m], y, 0.0)
        some = matrix[rows][:, free]
        step = _settled(square[free], some, -(program.cost + square * x - matrix.T @ y)[free], at[rows] - matrix[rows] @ x)
        x[free] += step[: len(free)]
        y[rows] -= step[len(free) :]
        left = program.cost + square * x - matrix.T @ y
        prices = np.concatenate((y, np.where(held[m:], left, 0.0)))
        values = np.concatenate((matrix @ x, x))
        missed = np.maximum(lower - values, values - upper).max(initial=0.0)
        wrong = np.where(held & ~equal, np.where(low, -prices, prices), 0.0).max(initial=0.0)
        if missed <= 1e-12 * (1 + np.abs(values).max(initial=0.0)) and wrong <= 1e-12 * (1 + np.abs(prices).max(initial=0.0)):
            break
    return x, y, prices[m:]


def _settled(square: np.ndarray, rows: sparse.csr_array, owed: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """The smallest change of columns and of prices of rows that settles both; nearly so where none does.

    The system may be singular: one a little apart from it is solved, and its solution refined.
    """
    n, m = len(owed), len(missing)
    right = np.concatenate((owed, missing))
    if not n + m:
        return right
    whole = sparse.csc_array(sparse.block_array([[sparse.diags_array(square), rows.T], [rows, None]])) if n and m else sparse.csc_array(
        sparse.diags_array(np.concatenate((square, np.zeros(m))))
    )  # fmt: skip
    apart = _APART * (1 + np.abs(rows).max() if rows.nnz else 1.0)
    factor = splu(sparse.csc_array(whole + sparse.diags_array(np.concatenate((np.full(n, apart), np.full(m, -apart))))))
    found = np.zeros(n + m)
    for _ in range(_REFINED):
        left = right - whole @ found
        if np.abs(left).max() <= 1e-13 * (1 + np.abs(right).max()):
            break
        found += factor.solve(left)
    return found


def _itself(program: Program, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return x, y, z


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


__all__ = ["Barrier", "barrier", "exact"]
