"""Derivatives of a clearing by its data, through the optimum: of the cost, of what is decided, and of prices.

Near an optimum where no bound is met by chance, the bounds that are met stay the same as the data moves a little, and the optimum
solves the linear system of those bounds. Its derivative is one more solution of the same system (the implicit function theorem);
going backward, a solution of its transpose gives the derivatives of one number by all data at once.

At a kink the two one-sided derivatives differ: a bound is met whose price is 0, or prices or points are not unique. There a derivative
is refused (`kink`), and `Sensitivity.kinks` names the rules that meet.

Source: Amos and Kolter, OptNet: differentiable optimization as a layer in neural networks (2017), section 3, for the equations.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from opengames.diagnostics import refuse
from opengames.solvers.clearing.highs import solve
from opengames.solvers.clearing.program import Moving, label
from opengames.solvers.clearing.solution import Solution

_MET = 1e-8


@dataclass(frozen=True)
class Moved:
    """What moves as the data moves in a direction: objective, x (n,), y (m,), z (n,)."""

    objective: float
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray


class Sensitivity:
    """A program at some data (d,), at its optimum. Whole numbers stay as they are. Raises `ValueError` where there is no optimum."""

    def __init__(self, moving: Moving, data: np.ndarray, solution: Solution | None = None) -> None:
        self.moving, self.data = moving, np.asarray(data, float)
        self.program = moving.at(self.data)
        self.solution = solve(self.program) if solution is None else solution
        if not self.solution.solved:
            raise ValueError(f"derivatives of a program that is {self.solution.word}")
        p, s = self.program, self.solution
        n = len(p.cost)
        values = np.concatenate([s.x, p.matrix @ s.x])
        prices = np.concatenate([s.z, s.y])
        lower, upper = np.concatenate([p.lower, p.row_lower]), np.concatenate([p.upper, p.row_upper])
        if p.integer is not None:
            whole = np.flatnonzero(p.integer)
            lower[whole] = upper[whole] = values[whole]
        size, equal = _MET * (1.0 + abs(values)), lower == upper
        self._low, self._high = values - lower <= size, upper - values <= size
        # of bounds that all but meet, the one that the price stands on
        self._low &= ~(self._high & ~equal & (prices < 0))
        met = self._low | self._high
        weak = met & ~equal & (abs(prices) <= _MET * (1.0 + abs(prices).max(initial=0.0)))
        self.free, self.held = np.flatnonzero(~met[:n]), np.flatnonzero(met[:n])
        self.rows = np.flatnonzero(met[n:])
        # bounds of a column that meet here and part as the data moves
        parting = (abs(moving.lower_by - moving.upper_by) @ np.ones(moving.size) > 0) & equal[:n]
        if p.integer is not None:
            parting &= ~p.integer
        self._weak = [*np.flatnonzero(np.concatenate([parting, np.zeros(len(s.y), bool)]) | weak)]
        self._whole = p.integer

    @cached_property
    def kinks(self) -> tuple[str, ...]:
        """Rules and decided wires, as their author calls them, whose bounds are met by chance; `prices` where they are not unique, `point`
        where others cost as little. Empty where there are derivatives."""
        n = len(self.program.cost)
        named = [label(self.program.columns, i) if i < n else label(self.program.rows, i - n) for i in self._weak]
        if self._factor is None:
            named.append("prices" if len(self.rows) > len(self.free) or not self._independent else "point")
        return tuple(named)

    @cached_property
    def _independent(self) -> bool:
        some = self.program.matrix[self.rows][:, self.free].toarray()
        return bool(np.linalg.matrix_rank(some) == len(self.rows))

    @cached_property
    def _factor(self) -> Any:
        """Of the equations of the bounds that are met, or none where they do not decide the optimum."""
        from scipy.sparse.linalg import splu

        size = len(self.free) + len(self.rows)
        if not size:
            return _Nothing()
        some = self.program.matrix[self.rows][:, self.free]
        if self.program.quadratic is None:
            curved = sparse.csr_array((len(self.free), len(self.free)))
        else:
            curved = sparse.csr_array(self.program.quadratic)[self.free][:, self.free]
        kkt = sparse.csc_array(sparse.block_array([[curved, -some.T], [some, sparse.csr_array((len(self.rows), len(self.rows)))]]))
        if size <= 300:
            dense = kkt.toarray()
            if np.linalg.cond(dense) > 1e12:
                return None
        try:
            factor = splu(kkt)
        except RuntimeError:
            return None
        pivots = abs(factor.U.diagonal())
        return None if pivots.min() <= 1e-11 * pivots.max() else factor

    def _smooth(self) -> None:
        if self.kinks:
            raise refuse(
                "kink", "the optimum has a kink here, so its derivatives to one side and to the other differ",
                notes=(f"met by chance, or not unique: {', '.join(self.kinks[:6])}{' ...' if len(self.kinks) > 6 else ''}",),
                help="move the data a little, or ask for intervals of prices",
            )  # fmt: skip

    def along(self, direction: np.ndarray) -> Moved:
        """What moves as the data moves in `direction` (d,). Raises `Refusal` (`kink`)."""
        self._smooth()
        v, p, s, mv = np.asarray(direction, float), self.program, self.solution, self.moving
        m, n = p.matrix.shape
        bent = self._matrix_along(v)
        cost = mv.cost_by @ v - (0.0 if bent is None else bent.T @ s.y)
        level = mv.row_by @ v - (0.0 if bent is None else bent @ s.x)
        x, y = np.zeros(n), np.zeros(m)
        x[self.held] = self._bounds_along(v)[self.held]
        curved = cost if p.quadratic is None else cost + p.quadratic @ x
        found = self._factor.solve(np.concatenate([-curved[self.free], (level - p.matrix @ x)[self.rows]]))
        x[self.free], y[self.rows] = found[: len(self.free)], found[len(self.free) :]
        z = cost - p.matrix.T @ y + (0.0 if p.quadratic is None else p.quadratic @ x)
        z[self.free] = 0.0
        return Moved(float(self.objective @ v), x, y, z)

    @cached_property
    def objective(self) -> np.ndarray:
        """Derivatives of the least cost by the data (d,): its prices times what the data does to bounds and costs."""
        self._smooth()
        s, mv = self.solution, self.moving
        at_low = self._low[: len(s.x)] & ~self._fixed()
        found = mv.cost_by.T @ s.x + mv.row_by.T @ s.y + mv.offset_by
        found = found + mv.lower_by.T @ np.where(at_low, s.z, 0.0) + mv.upper_by.T @ np.where(at_low | self._fixed(), 0.0, s.z)
        if not mv.fixed_matrix:
            row, column, which, factor = mv.matrix_by
            np.add.at(found, which, -factor * s.y[row] * s.x[column])
        return np.asarray(found)

    def back(self, x: np.ndarray | None = None, y: np.ndarray | None = None, objective: float = 0.0) -> np.ndarray:
        """Derivatives by the data (d,) of `x . point + y . prices of rows + objective * least cost`. Raises `Refusal` (`kink`)."""
        self._smooth()
        p, s, mv = self.program, self.solution, self.moving
        m, n = p.matrix.shape
        by_x = np.zeros(n) if x is None else np.asarray(x, float)
        by_y = np.zeros(m) if y is None else np.asarray(y, float)
        found = self._factor.solve(np.concatenate([by_x[self.free], by_y[self.rows]]), "T")
        to_cost, to_level = np.zeros(n), np.zeros(m)
        to_cost[self.free], to_level[self.rows] = -found[: len(self.free)], found[len(self.free) :]
        held = by_x - p.matrix.T @ to_level + (0.0 if p.quadratic is None else p.quadratic @ to_cost)
        bound = np.zeros(n)
        bound[self.held] = held[self.held]
        if self._whole is not None:
            bound[self._whole] = 0.0
        at_low = self._low[:n]
        total = mv.cost_by.T @ to_cost + mv.row_by.T @ to_level
        total = total + mv.lower_by.T @ np.where(at_low, bound, 0.0) + mv.upper_by.T @ np.where(at_low, 0.0, bound)
        if not mv.fixed_matrix:
            row, column, which, factor = mv.matrix_by
            np.add.at(total, which, -factor * (s.y[row] * to_cost[column] + to_level[row] * s.x[column]))
        return np.asarray(total + objective * self.objective if objective else total)

    def jacobian(self) -> Moved:
        """Everything by everything: objective (d,), x (n, d), y (m, d), z (n, d)."""
        columns = [self.along(v) for v in np.eye(self.moving.size)]
        m, n = self.program.matrix.shape
        stack = [np.array([getattr(c, f) for c in columns]).T.reshape(k, len(columns)) for f, k in (("x", n), ("y", m), ("z", n))]
        return Moved(self.objective, *stack)  # type: ignore[arg-type]

    def _fixed(self) -> np.ndarray:
        """Columns that are held whole, whose bounds move nothing."""
        return np.zeros(len(self.program.cost), bool) if self._whole is None else self._whole

    def _bounds_along(self, v: np.ndarray) -> np.ndarray:
        n = len(self.program.cost)
        moved = np.where(self._low[:n], self.moving.lower_by @ v, self.moving.upper_by @ v)
        return np.where(self._fixed(), 0.0, moved)

    def _matrix_along(self, v: np.ndarray) -> sparse.csr_array | None:
        if self.moving.fixed_matrix:
            return None
        row, column, which, factor = self.moving.matrix_by
        return sparse.coo_array((factor * v[which], (row, column)), shape=self.program.matrix.shape).tocsr()


class _Nothing:
    """The factor of no equations."""

    def solve(self, right: np.ndarray, _: str = "N") -> np.ndarray:
        return right


def optimum(moving: Moving) -> Any:
    """A JAX function from data (d,) to (x, y, objective) that can be differentiated backward, batched and compiled.

    Members without an optimum give NaN, and so do their derivatives and those at a kink: a gradient that is not there is not
    made up.
    """
    from opengames.sampled.backend import jax, jnp
    from opengames.solvers.clearing.batch import solve_many

    m, n = moving.program.matrix.shape
    kinds = (jax.ShapeDtypeStruct((n,), float), jax.ShapeDtypeStruct((m,), float), jax.ShapeDtypeStruct((), float))

    def forward(data: Any) -> tuple[Any, Any, Any]:
        numbers = np.asarray(data)
        many = solve_many(moving, numbers.reshape(-1, moving.size))
        shape = numbers.shape[:-1]
        return many.x.reshape(*shape, n), many.y.reshape(*shape, m), many.objective.reshape(shape)

    def backward(data: Any, x: Any, y: Any, objective: Any) -> Any:
        numbers = np.asarray(data)
        flat = numbers.reshape(-1, moving.size)
        x, y = np.broadcast_to(x, (*numbers.shape[:-1], n)).reshape(-1, n), np.broadcast_to(y, (*numbers.shape[:-1], m)).reshape(-1, m)
        worth = np.broadcast_to(objective, numbers.shape[:-1]).reshape(-1)
        return np.array([_back(moving, *each) for each in zip(flat, x, y, worth, strict=True)]).reshape(numbers.shape)

    @jax.custom_vjp
    def solved(data: Any) -> Any:
        return jax.pure_callback(forward, kinds, data, vmap_method="broadcast_all")

    def kept(data: Any) -> Any:
        return solved(data), data

    def returned(data: Any, wanted: Any) -> Any:
        kind = jax.ShapeDtypeStruct((moving.size,), float)
        return (jax.pure_callback(backward, kind, data, *(jnp.asarray(w) for w in wanted), vmap_method="broadcast_all"),)

    solved.defvjp(kept, returned)
    return solved


def _back(moving: Moving, data: np.ndarray, x: np.ndarray, y: np.ndarray, objective: float) -> np.ndarray:
    found = solve(moving.at(data))
    nothing = np.full(moving.size, np.nan)
    if not found.solved:
        return nothing
    here = Sensitivity(moving, data, found)
    return nothing if here.kinks else here.back(x, y, float(objective))


__all__ = ["Moved", "Sensitivity", "optimum"]
