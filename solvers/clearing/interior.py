"""A quadratic (or linear) program by an interior point method: slow and sure, for what HiGHS does not finish.

Every bound has a price, and the point moves so that price times distance shrinks for all bounds alike (Mehrotra's predictor and
corrector). It ends near the middle of all optima, close enough for `polish` to end at an exact one.

Source: Mehrotra, On the implementation of a primal-dual interior point method (1992); Nocedal and Wright, Numerical Optimization,
algorithm 16.4, for quadratic programs.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from opengames.solvers.clearing.program import Program

_STEPS = 80
_LARGEST = 1_500


def interior(program: Program) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """A point (n,) and prices (m,), (n,) near an optimum, or none if it does not come near one (there may be none)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return _followed(program)


def _followed(program: Program) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    m, n = program.matrix.shape
    if m + n > _LARGEST:
        return None
    matrix = program.matrix.toarray()
    quadratic = np.zeros((n, n)) if program.quadratic is None else sparse.csc_array(program.quadratic).toarray()
    # entries are columns and rows; what has one value keeps it, the others have distances to their bounds
    lower = np.concatenate([program.lower, program.row_lower])
    upper = np.concatenate([program.upper, program.row_upper])
    equal = lower == upper
    low, high = np.isfinite(lower) & ~equal, np.isfinite(upper) & ~equal
    w = np.where(equal, lower, np.where(low & high, 0.5 * (lower + upper), np.where(low, lower + 1.0, np.where(high, upper - 1.0, 0.0))))
    scale = 1.0 + abs(program.cost).max(initial=0.0)
    under, over = np.where(low, scale, 0.0), np.where(high, scale, 0.0)
    y = np.zeros(m)
    # rows: matrix x = w_rows; costs: gradient = matrix' y + z, and a row's price is what its bounds pay
    moves, count = np.flatnonzero(~equal), max(1, int(low.sum() + high.sum()))
    h = np.hstack([matrix, -np.eye(m)])
    full = np.zeros((n + m, n + m))
    full[:n, :n] = quadratic
    cost = np.concatenate([program.cost, np.zeros(m)])
    best: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
    for _ in range(_STEPS):
        below, above = np.where(low, w - lower, 1.0), np.where(high, upper - w, 1.0)
        mu = (under[low] @ below[low] + over[high] @ above[high]) / count
        owed = cost + full @ w - h.T @ y - under + over
        short = h @ w
        worst = max(abs(owed[moves]).max(initial=0.0) / scale, abs(short).max(initial=0.0) / (1.0 + abs(w).max(initial=0.0)))
        if worst < 1e-8:
            # products of price and distance go on shrinking until rounding stops them: polishing needs to tell which of the two is 0
            best = w[:n], y, program.cost + quadratic @ w[:n] - matrix.T @ y
            if mu < 1e-20 * (1.0 + abs(cost @ w)):
                return best
        bend = np.where(low, under / below, 0.0) + np.where(high, over / above, 0.0)
        kkt = np.block([[(full + np.diag(bend + 1e-12))[np.ix_(moves, moves)], -h[:, moves].T], [h[:, moves], 1e-13 * np.eye(m)]])
        try:
            inverse = np.linalg.inv(kkt)
        except np.linalg.LinAlgError:
            return best
        step = _direction(inverse, moves, owed, short, below, above, under, over, low, high, -under * below, -over * above)
        far = _room(step, below, above, under, over, low, high)
        aimed = (
            ((under + far * step[2]) * (below + far * step[0]))[low].sum() + ((over + far * step[3]) * (above - far * step[0]))[high].sum()
        ) / count
        centre = mu * (max(aimed, 0.0) / mu) ** 3 if mu > 0 else 0.0
        step = _direction(
            inverse, moves, owed, short, below, above, under, over, low, high,
            centre - under * below - step[0] * step[2], centre - over * above + step[0] * step[3],
        )  # fmt: skip
        far = min(1.0, 0.995 * _room(step, below, above, under, over, low, high))
        w, y = w + far * step[0], y + far * step[1]
        under, over = np.where(low, under + far * step[2], 0.0), np.where(high, over + far * step[3], 0.0)
        if not np.isfinite(w).all() or far < 1e-10:
            return best
    return best


def _direction(
    inverse: np.ndarray, moves: np.ndarray, owed: np.ndarray, short: np.ndarray, below: np.ndarray, above: np.ndarray,
    under: np.ndarray, over: np.ndarray, low: np.ndarray, high: np.ndarray, to_low: np.ndarray, to_high: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Newton's step for entries, equations, and prices of lower and upper bounds; to_low, to_high: how far the products of price
    and distance are to move."""
    to_low, to_high = np.where(low, to_low, 0.0), np.where(high, to_high, 0.0)
    right = np.concatenate([(-owed + to_low / below - to_high / above)[moves], -short])
    found = inverse @ right
    dw = np.zeros(len(owed))
    dw[moves] = found[: len(moves)]
    return dw, found[len(moves) :], (to_low - under * dw) / below, (to_high + over * dw) / above


def _room(
    step: tuple[np.ndarray, ...], below: np.ndarray, above: np.ndarray, under: np.ndarray, over: np.ndarray, low: np.ndarray, high: np.ndarray
) -> float:
    """How far a step goes, at most all the way, before a price or a distance is 0."""
    far = 1.0
    for now, change, counts in ((below, step[0], low), (above, -step[0], high), (under, step[2], low), (over, step[3], high)):
        shrinks = counts & (change < 0)
        if shrinks.any():
            far = min(far, float((-now[shrinks] / change[shrinks]).min()))
    return far


__all__ = ["interior"]
