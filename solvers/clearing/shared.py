"""Bases that many members share: where one member's optimum stands, others often stand too.

With a fixed matrix, a basis says everything: which bounds are met, hence the point and the prices as linear functions of the data. It
is the optimum of every member for which the point keeps its bounds and the prices have the right signs, so a basis found once is
tried on all other members by a few products. What is not covered starts from the basis that comes nearest (`pivots`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from opengames.solvers.clearing.highs import Highs
from opengames.solvers.clearing.program import Program
from opengames.solvers.clearing.solution import AT_LOWER, AT_UPPER, BASIC, Solution

_MISSED = 1e-9


@dataclass(frozen=True)
class Members:
    """Data of members in a program with a dense matrix (m, n): cost (members, n) or (1, n) where it is the same for all; lower and
    upper (members, n + m), columns before rows."""

    matrix: np.ndarray
    cost: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    def some(self, which: np.ndarray) -> Members:
        cost = self.cost if len(self.cost) == 1 else self.cost[which]
        return Members(self.matrix, cost, self.lower[which], self.upper[which])

    @cached_property
    def moving(self) -> np.ndarray:
        """Columns whose bounds differ between members, (n,) bool."""
        n = self.matrix.shape[1]
        first = (self.lower[:1, :n], self.upper[:1, :n])
        return (self.lower[:, :n] != first[0]).any(0) | (self.upper[:, :n] != first[1]).any(0)

    @cached_property
    def fixed(self) -> np.ndarray:
        """Entries with one value in every member, (n + m,) bool."""
        return (self.lower == self.upper).all(0)


@dataclass(frozen=True)
class Tried:
    """x: (members, n), y: (members, m) at a basis. missed: (members,) how much bounds are missed in sum, relative to their size; inf
    where a price has the wrong sign. inside: whether every basic entry keeps its distance from its bounds, so that prices are
    unique."""

    x: np.ndarray
    y: np.ndarray
    missed: np.ndarray
    inside: np.ndarray


class Corner:
    """A basis of a program with a dense matrix. codes: (n + m,) int8 as in `solution`, columns before rows."""

    def __init__(self, matrix: np.ndarray, codes: np.ndarray) -> None:
        n = matrix.shape[1]
        self.codes = codes
        self.columns = np.flatnonzero(codes[:n] == BASIC)
        self.rows = np.flatnonzero(codes[n:] != BASIC)
        self.high = codes == AT_UPPER
        self.stands = (codes == AT_LOWER) | self.high
        self.some = matrix[self.rows]
        self.kernel = np.linalg.inv(self.some[:, self.columns])
        # the rest of the rows and the columns, in terms of the basic columns
        self.across = matrix[:, self.columns]
        self.hits = 0

    def at(self, members: Members) -> Tried:
        """The point and the prices that the basis gives every member."""
        matrix = members.matrix
        m, n = matrix.shape
        k = len(members.lower)
        high, low = members.upper, members.lower
        rows = n + self.rows
        right = np.where(self.high[rows], high[:, rows], low[:, rows])
        still = np.where(self.stands[:n], np.where(self.high[:n], high[0, :n], low[0, :n]), 0.0)
        still[self.columns] = 0.0
        x = np.empty((k, n))
        x[:] = still
        values = np.empty((k, m))
        values[:] = matrix @ still
        moving = np.flatnonzero(members.moving & self.stands[:n])
        if len(moving):
            x[:, moving] = np.where(self.high[moving], high[:, moving], low[:, moving])
            values += (x[:, moving] - still[moving]) @ matrix[:, moving].T
        x[:, self.columns] = (right - values[:, self.rows]) @ self.kernel.T
        values += x[:, self.columns] @ self.across.T
        y = np.zeros((len(members.cost), m))
        y[:, self.rows] = members.cost[:, self.columns] @ self.kernel
        priced = members.cost - y[:, self.rows] @ self.some
        wrong = self._wrong(members, np.concatenate([priced, y], axis=1))
        whole = np.concatenate([x[:, self.columns], values], axis=1)
        index = np.concatenate([self.columns, np.arange(n, n + m)])
        size = 1.0 + abs(whole)
        # rows that stand are at their bounds but for rounding
        missed = np.maximum(low[:, index] - whole, whole - high[:, index]) / size
        tight = missed.copy()
        tight[:, len(self.columns) + self.rows] = -np.inf
        total = np.maximum(missed, 0.0).sum(1) + np.where(wrong, np.inf, 0.0)
        return Tried(x, np.broadcast_to(y, (k, m)), total, tight.max(axis=1, initial=-np.inf) < -_MISSED)

    def _wrong(self, members: Members, d: np.ndarray) -> np.ndarray:
        """Whether some price has a sign that its bound cannot have, (members,) or (1,)."""
        size = 1e-10 * (1.0 + abs(d))
        bad = np.where(self.high, d > size, np.where(self.stands, d < -size, abs(d) > size))
        bad[:, members.fixed & self.stands] = False
        basic = self.codes == BASIC
        bad[:, basic] = False
        return np.asarray(bad.any(1))


def middle(members: Members, quadratic: np.ndarray | None = None) -> Solution | None:
    """The optimum of a member in the middle of all: one near the mean of the bounds, none if the three nearest have none."""
    n = members.matrix.shape[1]
    lower, upper = members.lower, members.upper
    spread = np.where(np.isfinite(lower), lower, 0.0) + np.where(np.isfinite(upper), upper, 0.0)
    for i in np.argsort(abs(spread - spread.mean(0)).sum(1))[:3]:
        cost = members.cost[min(i, len(members.cost) - 1)]
        curved = None if quadratic is None else sparse.csc_array(quadratic)
        matrix = sparse.csr_array(members.matrix)
        found = Highs(Program(cost, matrix, lower[i, n:], upper[i, n:], lower[i, :n], upper[i, :n], curved)).solve()
        if found.solved:
            return found
    return None


__all__ = ["Corner", "Members", "Tried", "middle"]
