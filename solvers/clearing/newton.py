"""Quadratic programs, many members at once: active sets that members share, guessed, tried on all, and corrected.

With the bounds that are met known, the optimum solves one linear system, the same for all members that meet the same bounds. So an
active set is factored once, and its members' points and prices follow by a product. Where they say that the guess was wrong (a price of
the wrong sign, a bound missed), the guess is corrected, and members with the same new guess go on together: a primal-dual active set
method, which is Newton's on the optimality conditions. What does not settle is left to HiGHS.

Source: Hintermüller, Ito and Kunisch, The primal-dual active set strategy as a semismooth Newton method (2002).
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from opengames.solvers.clearing.shared import Members, middle
from opengames.solvers.clearing.solution import AT_LOWER, AT_UPPER, BASIC

_STEPS = 6
_BOLD = 3
_SETS = 1_024
_TRIED = 8
_MISSED = 1e-10


class Newton:
    """A quadratic program with dense matrices, matrix (m, n) and quadratic (n, n), and the active sets that were optimal in it."""

    def __init__(self, matrix: np.ndarray, quadratic: np.ndarray | None) -> None:
        assert quadratic is not None
        self.matrix, self.quadratic = matrix, quadratic
        self.sets: OrderedDict[bytes, ActiveSet | None] = OrderedDict()

    # a set that is all but dependent leads far out, and is corrected
    @np.errstate(all="ignore")
    def solve(self, members: Members) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x (members, n) and y (members, m), NaN where nothing was found, and whether prices are unique (members,)."""
        (m, n), k = self.matrix.shape, len(members.lower)
        x, y, unique = np.full((k, n), np.nan), np.full((k, m), np.nan), np.zeros(k, bool)
        codes = self._start(members)
        if codes is None:
            return x, y, unique
        on = np.arange(k)
        for turn in range(_STEPS):
            packed = codes.view(np.dtype((np.void, n + m))).ravel()
            _, first, group = np.unique(packed, return_index=True, return_inverse=True)
            after = codes.copy()
            alive = np.ones(len(on), bool)
            for g, place in enumerate(first):
                mine = np.flatnonzero(group.ravel() == g)
                active = self._set(codes[place])
                if active is None:
                    alive[mine] = False
                    continue
                some = members.some(on[mine])
                point, prices, left = active.at(some)
                after[mine], good, inside = corrected(active.codes, some, point, prices, left, self.matrix, turn >= _BOLD)
                at = on[mine[good]]
                x[at], y[at], unique[at] = point[good], prices[good], inside[good]
                active.hits += len(at)
                alive[mine[good]] = False
            codes, on = np.ascontiguousarray(after[alive]), on[alive]
            if not len(on):
                break
        return x, y, unique

    def _start(self, members: Members) -> np.ndarray | None:
        """The first guess of every member: the known set that misses it least."""
        k, (m, n) = len(members.lower), self.matrix.shape
        known = sorted((s for s in self.sets.values() if s is not None and s.hits), key=lambda s: -s.hits)[:_TRIED]
        if not known:
            found = middle(members, self.quadratic)
            if found is None:
                return None
            lower = np.where(np.concatenate([found.z, found.y]) > 1e-9, AT_LOWER, BASIC)
            guess = np.where(np.concatenate([found.z, found.y]) < -1e-9, AT_UPPER, lower).astype(np.int8)
            guess[members.fixed] = AT_LOWER
            return np.ascontiguousarray(np.broadcast_to(guess, (k, n + m)))
        codes, nearest = np.empty((k, n + m), np.int8), np.full(k, np.inf)
        codes[:] = known[0].codes
        for active in known:
            point, prices, left = active.at(members)
            far = _missed(active.codes, members, point, prices, left, self.matrix)
            closer = far < nearest
            codes[closer], nearest[closer] = active.codes, far[closer]
        return codes

    def _set(self, codes: np.ndarray) -> ActiveSet | None:
        key = codes.tobytes()
        if key not in self.sets:
            try:
                self.sets[key] = ActiveSet(self.matrix, self.quadratic, codes.copy())
            except np.linalg.LinAlgError:
                self.sets[key] = None
            while len(self.sets) > _SETS:
                self.sets.popitem(last=False)
        self.sets.move_to_end(key)
        return self.sets[key]


class ActiveSet:
    """Bounds that are met. codes: (n + m,) int8 as in `solution`, columns before rows; BASIC where no bound is met."""

    def __init__(self, matrix: np.ndarray, quadratic: np.ndarray, codes: np.ndarray) -> None:
        n = matrix.shape[1]
        self.codes, self.hits = codes, 0
        self.matrix, self.quadratic = matrix, quadratic
        self.free, self.held = np.flatnonzero(codes[:n] == BASIC), np.flatnonzero(codes[:n] != BASIC)
        self.rows = np.flatnonzero(codes[n:] != BASIC)
        kkt = self._kkt()
        if not _sound(kkt):
            # rows that others imply (two lines side by side) have no price of their own: they go, as if not met
            kept = _independent(matrix[np.ix_(self.rows, self.free)])
            self.codes = codes.copy()
            self.codes[n + np.delete(self.rows, kept)] = BASIC
            self.rows = self.rows[kept]
            kkt = self._kkt()
            if not _sound(kkt):
                raise np.linalg.LinAlgError("the active set does not decide the point and its prices")
        self.inverse = np.linalg.inv(kkt)

    def _kkt(self) -> np.ndarray:
        some = self.matrix[np.ix_(self.rows, self.free)]
        curved = self.quadratic[np.ix_(self.free, self.free)]
        return np.block([[curved, -some.T], [some, np.zeros((len(self.rows), len(self.rows)))]])

    def at(self, members: Members) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points (members, n), prices (members, m), and what is left of the costs at them (members, n)."""
        k, (m, n) = len(members.lower), self.matrix.shape
        stands = np.where(self.codes == AT_UPPER, members.upper, members.lower)
        x, y = np.zeros((k, n)), np.zeros((k, m))
        x[:, self.held] = stands[:, self.held]
        right = np.concatenate(
            [
                -(members.cost[:, self.free] + x @ self.quadratic[:, self.free]),
                stands[:, n + self.rows] - x @ self.matrix[self.rows].T,
            ],
            axis=1,
        )
        found = right @ self.inverse.T
        x[:, self.free], y[:, self.rows] = found[:, : len(self.free)], found[:, len(self.free) :]
        # once more, for what is left
        short = stands[:, n + self.rows] - x @ self.matrix[self.rows].T
        owed = members.cost + x @ self.quadratic - y @ self.matrix
        more = np.concatenate([-owed[:, self.free], short], axis=1) @ self.inverse.T
        x[:, self.free] += more[:, : len(self.free)]
        y[:, self.rows] += more[:, len(self.free) :]
        return x, y, members.cost + x @ self.quadratic - y @ self.matrix


def _sound(kkt: np.ndarray) -> bool:
    """Whether a system can be solved to the precision that prices need."""
    if not len(kkt):
        return True
    try:
        return bool(np.linalg.cond(kkt, 1) < 1e13)
    except np.linalg.LinAlgError:
        return False


def _independent(some: np.ndarray) -> np.ndarray:
    """Places of rows that are independent, as many as there are."""
    from scipy.linalg import qr

    if not some.size:
        return np.zeros(0, int)
    triangle, order = qr(some.T, mode="r", pivoting=True)
    sizes = abs(np.diagonal(triangle))
    return np.sort(order[: int((sizes > 1e-9 * max(sizes[0], 1e-300)).sum())])


def corrected(
    codes: np.ndarray, members: Members, x: np.ndarray, y: np.ndarray, z: np.ndarray, matrix: np.ndarray, careful: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The next guess (members, n + m), whether this one was right (members,), and whether it was with room (members,)."""
    values, prices = np.concatenate([x, x @ matrix.T], axis=1), np.concatenate([z, y], axis=1)
    size, scale = _MISSED * (1.0 + abs(values)), _MISSED * (1.0 + abs(prices))
    equal = members.lower == members.upper
    below, above = values < members.lower - size, values > members.upper + size
    met = codes != BASIC
    wrong = ~equal & np.where(codes == AT_LOWER, prices < -scale, np.where(codes == AT_UPPER, prices > scale, False))
    after = np.broadcast_to(codes, values.shape).copy()
    after[wrong] = BASIC
    after[~met & below] = AT_LOWER
    after[~met & above] = AT_UPPER
    after[equal & ~met] = AT_LOWER
    good = (after == codes).all(axis=1)
    if careful:
        # one row at a time, the one that is missed (or whose price is wrong) most: many at once may be more than can be met together
        n = x.shape[1]
        change = (after != codes)[:, n:]
        far = np.maximum(np.maximum(members.lower - values, values - members.upper), np.where(wrong, abs(prices), 0.0))[:, n:]
        far = np.where(change, far, -np.inf)
        if far.shape[1]:
            only = np.arange(far.shape[1])[None] == far.argmax(axis=1)[:, None]
            after[:, n:] = np.where(change & ~only, codes[n:], after[:, n:])
    room = np.where(met, np.where(equal, np.inf, abs(prices) / scale), np.minimum(values - members.lower, members.upper - values) / size)
    return after, good, room.min(axis=1, initial=np.inf) > 10.0


def _missed(codes: np.ndarray, members: Members, x: np.ndarray, y: np.ndarray, z: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """How far a guess is from right, (members,)."""
    values, prices = np.concatenate([x, x @ matrix.T], axis=1), np.concatenate([z, y], axis=1)
    missed = np.maximum(np.maximum(members.lower - values, values - members.upper), 0.0) / (1.0 + abs(values))
    sign = np.select([codes == AT_LOWER, codes == AT_UPPER], [-1.0, 1.0], 0.0)
    wrong = np.where(members.lower == members.upper, 0.0, np.maximum(sign * prices, 0.0) / (1.0 + abs(prices)))
    return (missed + wrong).sum(1)


__all__ = ["ActiveSet", "Newton"]
