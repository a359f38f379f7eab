"""Linear programs in integers, exactly: the simplex method with a basis that never leaves the integers.

minimise c x  subject to  A x = b,  x >= 0.

The inverse of the basis B is kept as adj(B) and det(B), in machine integers as long as they suffice; each exchange of a column divides without remainder, so the
numbers stay as short as determinants are. `warm` names columns that a floating-point solver used: they are exchanged
in first, which is usually all there is to do. Then phases one and two go on from there, with the steepest reduced cost
first and, once that has stood still for a while, with Bland's rule, which ends always.

Source: Edmonds, Systems of distinct representatives and linear algebra (1967), for the division without remainder;
Bland, New finite pivoting rules for the simplex method (1977).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_PATIENCE = 60
_EDGE = 1e-9
_SAFE = 1 << 62
"""Below this, machine integers cannot overflow."""


@dataclass(frozen=True)
class Optimum:
    """x: the columns used and how much. y: a price for each row, c - y A >= 0 everywhere. value: c x = y b."""

    x: tuple[tuple[int, Fraction], ...]
    y: tuple[Fraction, ...]
    value: Fraction


@dataclass(frozen=True)
class Infeasible:
    """y: prices with y A <= 0 and y b > 0, which no x >= 0 can stand."""

    y: tuple[Fraction, ...]


@dataclass(frozen=True)
class Unbounded:
    """ray: columns and how much of each; along it c x falls for ever."""

    ray: tuple[tuple[int, Fraction], ...]


def minimise(
    A: np.ndarray[Any, Any], b: Sequence[int], c: Sequence[int], warm: Sequence[int] = (), prices: bool = True,
    any_point: bool = False,
) -> Optimum | Infeasible | Unbounded:  # fmt: skip
    """The exact optimum. A: integers, as int64 or Python numbers. prices: whether the `y` of an optimum at 0 matters.

    With `prices=False` and c >= 0, a point that costs nothing is an optimum without a look at other columns; its `y` is 0.
    any_point: the first point found will do, which with `warm` from a good solver is a good one; its `y` is 0.
    """
    return _Simplex(A, b, c).run(warm, prices, any_point)


class _Simplex:
    def __init__(self, A: np.ndarray[Any, Any], b: Sequence[int], c: Sequence[int]) -> None:
        import numpy as np

        self.m, self.n = A.shape
        flip = np.array([-1 if v < 0 else 1 for v in b])
        self.flip = flip
        self.A = A * flip[:, None] if (flip < 0).any() else A
        self.b = np.array([abs(v) for v in b], object)
        self.c = list(c)
        self._floats = self.A.astype(float)
        self._largest = int(np.abs(self.A).max()) if self.A.dtype != object and self.A.size else _SAFE
        self._clear()

    def _clear(self) -> None:
        import numpy as np

        self.T: Any = np.eye(self.m, dtype=np.int64)
        self._reach = 1
        self.det = 1
        self.basis = [self.n + i for i in range(self.m)]

    def column(self, j: int) -> Any:
        """adj(B) times column j."""
        if j >= self.n:
            return self.T[:, j - self.n]
        if self.T.dtype != object and self.m * self._reach * self._largest >= _SAFE:
            self.T = self.T.astype(object)
        return self.T.dot(self.A[:, j] if self.T.dtype != object else self.A[:, j].astype(object))

    def exchange(self, r: int, j: int, w: Any) -> None:
        """Column j enters in row r; w is adj(B) times it."""
        import numpy as np

        if self.T.dtype != object and 2 * self._reach * int(np.abs(w).max()) >= _SAFE:
            self.T, w = self.T.astype(object), w.astype(object)
        pivot, row = int(w[r]), self.T[r].copy()
        self.T = (pivot * self.T - np.outer(w, row)) // self.det
        self.T[r] = row
        self.det = pivot
        if self.det < 0:
            self.T, self.det = -self.T, -self.det
        self.basis[r] = j
        if self.T.dtype != object:
            self._reach = max(int(np.abs(self.T).max()), 1)

    def levels(self) -> Any:
        """det(B) times the values of the basic columns."""
        return self.T.dot(self.b)

    def run(self, warm: Sequence[int], prices: bool, any_point: bool) -> Optimum | Infeasible | Unbounded:
        self._crash(warm)
        if any(v < 0 for v in self.levels()):
            self._clear()
        artificial = [0] * self.n + [1] * self.m
        if any(j >= self.n and v for j, v in zip(self.basis, self.levels(), strict=True)):
            self._improve(artificial)
            if self._value(artificial) > 0:
                y = self._prices(artificial)
                return Infeasible(tuple(Fraction(v, self.det) for v in y * self.flip))
        cost = self.c + [0] * self.m
        if any_point or (not prices and self._value(cost) == 0):
            return Optimum(self._point(), (Fraction(0),) * self.m, Fraction(self._value(cost), self.det))
        ray = self._improve(cost)
        if ray is not None:
            return Unbounded(ray)
        y = self._prices(cost) * self.flip
        return Optimum(self._point(), tuple(Fraction(v, self.det) for v in y), Fraction(self._value(cost), self.det))

    def _crash(self, warm: Sequence[int]) -> None:
        free = set(range(self.m))
        for j in warm:
            w = self.column(j)
            rows = [r for r in free if w[r]]
            if rows:
                r = max(rows, key=lambda i: abs(w[i]))
                self.exchange(r, j, w)
                free.discard(r)

    def _improve(self, cost: list[int]) -> tuple[tuple[int, Fraction], ...] | None:
        """Exchange until no column lowers the cost; a ray if it falls for ever."""
        still = 0
        while True:
            j = self._entering(cost, still > _PATIENCE)
            if j is None:
                return None
            w, levels = self.column(j), self.levels()
            rows = [r for r in range(self.m) if w[r] > 0 or (w[r] and self.basis[r] >= self.n and not levels[r])]
            if not rows:
                return (
                    (j, Fraction(1)),
                    *((k, Fraction(-int(v), self.det)) for k, v in zip(self.basis, w, strict=True) if v),
                )
            r = min(rows, key=lambda i: (Fraction(int(levels[i]), abs(int(w[i]))), self.basis[i] < self.n, self.basis[i]))
            still = still + 1 if not levels[r] else 0
            self.exchange(r, j, w)

    def _entering(self, cost: list[int], careful: bool) -> int | None:
        import numpy as np

        y = self._prices(cost)
        if not careful:
            rough = np.array([float(Fraction(int(v), self.det)) for v in y])
            reduced = np.array(cost[: self.n], float) - rough @ self._floats
            for j in np.argsort(reduced)[:4].tolist():
                if reduced[j] < -_EDGE and cost[j] * self.det < y.dot(self.A[:, j].astype(object)):
                    return j
        exact = np.array(cost[: self.n], object) * self.det - y.dot(self.A.astype(object))
        below = np.flatnonzero(exact < 0)
        if not len(below):
            return None
        return int(below[0]) if careful else int(below[np.argmin(exact[below])])

    def _prices(self, cost: list[int]) -> Any:
        import numpy as np

        return np.array([cost[j] for j in self.basis], object).dot(self.T)

    def _value(self, cost: list[int]) -> int:
        return int(sum(cost[j] * v for j, v in zip(self.basis, self.levels(), strict=True)))

    def _point(self) -> tuple[tuple[int, Fraction], ...]:
        pairs = zip(self.basis, self.levels(), strict=True)
        return tuple(sorted((j, Fraction(int(v), self.det)) for j, v in pairs if v and j < self.n))


__all__ = ["Infeasible", "Optimum", "Unbounded", "minimise"]
