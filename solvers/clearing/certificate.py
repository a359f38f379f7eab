"""Whether a point and its prices are an optimum, by the conditions alone: no engine is asked.

Karush, Kuhn and Tucker: the point keeps every row and bound; the cost of each column is made up of the prices of rows and bounds,
`cost + quadratic x = matrix' y + z`; a price is positive only at a lower bound, negative only at an upper one. For a convex
program they are enough: what meets them is a least cost, and its prices are derivatives of it.

`measure` takes one point or many side by side, so that the same words judge every engine. A point that is not finite meets nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from opengames.solvers.clearing.program import Program
from opengames.solvers.clearing.solution import Residuals

_DENSE = 4_000_000


class Certificate:
    """The conditions of programs with one matrix (and one quadratic term), ready to judge many points."""

    def __init__(self, program: Program) -> None:
        self.matrix = program.matrix
        self.turned = program.matrix.T.tocsr()
        self.sizes = abs(program.matrix)
        self.turned_sizes = abs(self.turned)
        m, n = program.matrix.shape
        dense = m * n <= _DENSE and program.matrix.nnz > 0.05 * m * n
        self.dense = np.ascontiguousarray(program.matrix.toarray()) if dense else None
        self.quadratic = program.quadratic
        self.quadratic_sizes = None if program.quadratic is None else abs(program.quadratic)

    @np.errstate(all="ignore")
    def measure(self, cost: Any, lower: Any, upper: Any, offset: Any, x: Any, y: Any, z: Any | None = None) -> dict[str, Any]:
        """Residuals of members side by side.

        lower, upper: (members, m + n), bounds of rows, then of columns. cost, x, z: (members, n); y: (members, m). Without z, it
        is what the columns leave over, so that the dual residual is about signs alone. Gives arrays (members,) under the names of
        `Residuals`, `absolute` (4, members) and `objective`.
        """
        # bounds first: everything is in terms of the values of rows and columns together
        values = np.concatenate([_times(self.matrix, x), x], axis=1)
        curved = None if self.quadratic is None else _times(self.quadratic, x)
        gradient = cost if curved is None else cost + curved
        paid = _times(self.turned, y)
        left = gradient - paid
        sizes = np.concatenate([_times(self.sizes, abs(x)), abs(x)], axis=1) + 1.0
        prices_sizes = abs(cost) + _times(self.turned_sizes, abs(y)) + 1.0
        if self.quadratic_sizes is not None:
            prices_sizes = prices_sizes + _times(self.quadratic_sizes, abs(x))
        if z is None:
            z = left
            missing = np.zeros_like(left)
        else:
            missing = abs(left - z)
        prices = np.concatenate([y, z], axis=1)
        scale = np.concatenate([abs(y) + 1.0, prices_sizes], axis=1)
        below, above = values - lower, upper - values
        missed = np.maximum(-np.minimum(below, above), 0.0)
        bound = np.where(prices > 0, lower, upper)
        slack = abs(values - bound)
        # a price at a bound that is not there has the wrong sign; at one that is, price and slack may not both be above 0
        wrong = np.where(np.isinf(slack), abs(prices), 0.0)
        tight = np.minimum(abs(prices), np.where(np.isinf(slack), 0.0, slack))
        tight_relative = np.minimum(abs(prices) / scale, np.where(np.isinf(slack), 0.0, slack / sizes))
        bent = 0.0 if curved is None else 0.5 * (curved * x).sum(1)
        objective = (cost * x).sum(1) + bent + offset
        worth = prices * np.where(np.isinf(bound), 0.0, bound)
        gap = abs(objective - (worth.sum(1) - bent + offset))
        dual = np.maximum(_largest(wrong), _largest(missing))
        dual_relative = np.maximum(_largest(wrong / scale), _largest(missing / prices_sizes))
        weight = 1.0 + abs(cost * x).sum(1) + abs(bent) + abs(worth).sum(1)
        found = {
            "primal": _largest(missed / sizes), "dual": dual_relative, "complementarity": _largest(tight_relative),
            "gap": gap / weight, "absolute": np.stack([_largest(missed), dual, _largest(tight), gap]), "objective": objective,
        }  # fmt: skip
        for name in ("primal", "dual", "complementarity", "gap"):
            found[name] = np.where(np.isnan(found[name]), np.inf, found[name])
        return found

    @np.errstate(all="ignore")
    def largest(self, cost: Any, gradient: Any, lower: Any, upper: Any, x: Any, y: Any) -> tuple[Any, Any]:
        """The largest relative residual of members, or more than that, and what is left of the costs for z, (members,) and
        (members, n). Quick: sizes are those of values and costs alone, smaller than those of `measure`.

        cost, gradient: (members, n) or (1, n), the latter with the quadratic term. lower, upper: (members, n + m), columns first.
        """
        z = gradient - y @ self.dense if self.dense is not None else gradient - _times(self.turned, y)
        rows = x @ self.dense.T if self.dense is not None else _times(self.matrix, x)
        return _worst(cost, lower, upper, x, rows, y, z), z

    @np.errstate(all="ignore")
    def quickly(self, program: Program, x: np.ndarray, y: np.ndarray, z: np.ndarray, bar: float) -> tuple[bool, float]:
        """Whether one point certainly meets the conditions within the bar, and its cost. No only means: not certainly.

        The conditions of `measure` with sizes that are never larger, in as few passes as they take.
        """
        value = program.matrix @ x if self.dense is None else self.dense @ x
        paid = self.turned @ y if self.dense is None else y @ self.dense
        cost = float(program.cost @ x)
        gradient = program.cost
        bent = 0.0
        if program.quadratic is not None:
            curved = program.quadratic @ x
            gradient, bent = gradient + curved, 0.5 * float(curved @ x)
        w, prices = np.concatenate((x, value)), np.concatenate((z, y))
        lower, upper = np.concatenate((program.lower, program.row_lower)), np.concatenate((program.upper, program.row_upper))
        below, above = w - lower, upper - w
        pulls = prices > 0
        slack = np.where(pulls, below, above)
        size = 1.0 + abs(w)
        worst = max(
            -(np.minimum(below, above) / size).min(initial=0.0),
            np.minimum(abs(prices), slack / size).max(initial=0.0),
            abs(gradient - paid - z).max(initial=0.0),
        )
        bound = np.where(pulls, lower, upper)
        bound[np.isinf(bound)] = 0.0
        gap = abs(cost + 2.0 * bent - float(prices @ bound))
        return bool(worst <= bar and gap <= bar * (1.0 + abs(cost))), cost + bent + program.offset

    def one(self, program: Program, x: np.ndarray, y: np.ndarray, z: np.ndarray | None = None) -> tuple[Residuals, float]:
        """Residuals of one point of a program with this matrix, and its cost."""
        lower = np.concatenate([program.row_lower, program.lower])[None]
        upper = np.concatenate([program.row_upper, program.upper])[None]
        found = self.measure(program.cost[None], lower, upper, program.offset, x[None], y[None], None if z is None else z[None])
        named = {k: float(found[k][0]) for k in ("primal", "dual", "complementarity", "gap")}
        a, b, c, d = (float(v) for v in found["absolute"][:, 0])
        return Residuals(**named, absolute=(a, b, c, d)), float(found["objective"][0])


@np.errstate(all="ignore")
def largest_of_each(cost: Any, quadratic: Any, matrices: Any, lower: Any, upper: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """As `Certificate.largest`, for members with a dense matrix each, (members, m, n). quadratic: (n, n) or none."""
    gradient = cost if quadratic is None else cost + x @ quadratic
    z = gradient - np.einsum("kij,ki->kj", matrices, y)
    return _worst(cost, lower, upper, x, np.einsum("kij,kj->ki", matrices, x), y, z), z


def _worst(cost: Any, lower: Any, upper: Any, x: Any, rows: Any, y: Any, z: Any) -> Any:
    """The largest relative residual of members, or more. rows: (members, m) values of the rows; z: (members, n)."""
    values, prices = np.concatenate([x, rows], axis=1), np.concatenate([z, y], axis=1)
    below, above = values - lower, upper - values
    size = 1.0 + abs(values)
    largest = _largest(-np.minimum(below, above) / size)
    slack = abs(np.where(prices > 0, below, above))
    prices = abs(prices)
    scale = 1.0 + np.concatenate([np.broadcast_to(abs(cost), z.shape), abs(y)], axis=1)
    largest = np.maximum(largest, _largest(np.minimum(prices / scale, slack / size)))
    slack = np.where(np.isinf(slack), abs(values), slack)
    gap = np.einsum("ki,ki->k", prices, slack) / (1.0 + abs(np.einsum("ki,ki->k", np.broadcast_to(cost, x.shape), x)))
    largest = np.maximum(largest, gap)
    return np.where(np.isnan(largest), np.inf, largest)


def residuals(program: Program, x: np.ndarray, y: np.ndarray, z: np.ndarray | None = None) -> Residuals:
    """How far `x` (n,) with prices `y` (m,) and `z` (n,) is from an optimum; without z, the one that costs and `y` leave."""
    return Certificate(program).one(program, np.asarray(x, float), np.asarray(y, float), None if z is None else np.asarray(z, float))[0]


def _times(matrix: Any, rows: Any) -> Any:
    """`matrix` times every row of `rows`."""
    if len(rows) == 1:
        return (matrix @ rows[0])[None]
    return (matrix @ rows.T).T


def _largest(values: Any) -> Any:
    return values.max(axis=1, initial=0.0)


__all__ = ["Certificate", "largest_of_each", "residuals"]
