"""From a point near an optimum to the optimum: guess which bounds bind, solve for that exactly, correct the guess, again.

With the binding rows and bounds known, an optimum of a quadratic program solves one linear system: the rows of the active set at
their bounds, and costs made up of their prices. A guess is corrected by what the solution says: a price of the wrong sign leaves
the set, a bound that is missed enters it. This is Newton's method on the optimality conditions (a primal-dual active set
strategy), and from a nearby point it ends in a few steps; it may cycle, so whoever asks looks at the residuals.

Source: Hintermüller, Ito and Kunisch, The primal-dual active set strategy as a semismooth Newton method (2002).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from opengames.solvers.clearing.program import Program

_STEPS = 12
_DENSE = 700


def polish(program: Program, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The optimum near `x` (n,) with prices `y` (m,) and `z` (n,), or the best guess after some steps.

    Where prices are not unique, the ones nearest to those given.
    """
    m, _ = program.matrix.shape
    lower = np.concatenate([program.row_lower, program.lower])
    upper = np.concatenate([program.row_upper, program.upper])
    equal = lower == upper
    values = np.concatenate([program.matrix @ x, x])
    prices = np.concatenate([y, z])
    for _ in range(_STEPS):
        # what binds: where the point moved along its price leaves the bounds
        moved = values - prices
        low = (moved < lower) & ~equal
        high = (moved > upper) & ~equal
        at = np.where(low | equal, lower, np.where(high, upper, 0.0))
        active = low | high | equal
        values, prices = _system(program, active, at, values, prices)
        missed = np.maximum(lower - values, values - upper).max(initial=0.0)
        wrong = np.where(active & ~equal, np.where(low, -prices, prices), 0.0).max(initial=0.0)
        scale = 1.0 + abs(values).max(initial=0.0)
        if missed <= 1e-12 * scale and wrong <= 1e-12 * (1.0 + abs(prices).max(initial=0.0)):
            break
    return values[m:], prices[:m], prices[m:]


def _system(
    program: Program, active: np.ndarray, at: np.ndarray, values: np.ndarray, prices: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Solve the optimality conditions with `active` held at `at`; the solution nearest to the present one."""
    m, n = program.matrix.shape
    rows, held = np.flatnonzero(active[:m]), active[m:]
    free = np.flatnonzero(~held)
    x = np.where(held, at[m:], values[m:])
    y = np.where(active[:m], prices[:m], 0.0)
    quadratic = sparse.csr_array((n, n)) if program.quadratic is None else sparse.csr_array(program.quadratic)
    matrix = sparse.csr_array(program.matrix)
    curved = quadratic[free][:, free]
    some = matrix[rows][:, free]
    kkt = sparse.block_array([[curved, some.T], [some, None]], format="csc") if len(free) + len(rows) else None
    for _ in range(3):
        left = program.cost + quadratic @ x - matrix.T @ y
        missing = at[rows] - matrix[rows] @ x
        if kkt is None:
            break
        step = _least(kkt, np.concatenate([-left[free], missing]))
        x[free] += step[: len(free)]
        y[rows] -= step[len(free) :]
        if abs(step).max(initial=0.0) <= 1e-14 * (1.0 + abs(x).max(initial=0.0)):
            break
    z = np.where(held, program.cost + quadratic @ x - matrix.T @ y, 0.0)
    return np.concatenate([matrix @ x, x]), np.concatenate([y, z])


def _least(kkt: sparse.csc_array, right: np.ndarray) -> np.ndarray:
    """The smallest solution of a symmetric system that may be singular; large ones with a little on the diagonal, corrected."""
    size = kkt.shape[0]
    if size <= _DENSE:
        dense = kkt.toarray()
        try:
            with np.errstate(all="ignore"):
                found = np.linalg.solve(dense, right)
            if np.isfinite(found).all() and abs(dense @ found - right).max() <= 1e-9 * (1.0 + abs(right).max()):
                return found
        except np.linalg.LinAlgError:
            found = np.zeros(size)
        return np.linalg.lstsq(dense, right, rcond=1e-13)[0]
    from scipy.sparse.linalg import splu

    n_free = size
    tiny = 1e-10 * (1.0 + abs(kkt).max())
    factor = splu(sparse.csc_array(kkt + tiny * sparse.eye_array(n_free)))
    found = factor.solve(right)
    for _ in range(4):
        found = found + factor.solve(right - kkt @ found)
    return found


__all__ = ["polish"]
