"""Whether the prices of many members are the only ones: one small linear program for all that stand alike.

An engine knows that prices are unique where a point meets no more bounds than it must. Where it meets more, they may be unique all the
same. What decides is which bounds are met and which of these have a price: a change of the prices is possible if it is made up of met
bounds, takes no price of 0 to the wrong side and leaves the cost of every column made up. These are conditions on the direction of a change
alone, with no number of the member in it, so members that stand alike are decided together, and what was decided is remembered.
A price of 0 that could be anything beyond, as that of a rule about what nobody wants, is no kink.

    verdicts = Alike(moving, rows).verdicts(data, x, y)      # (members,) of UNIQUE, SEVERAL, OPEN

Source: Kyparisis, On uniqueness of Kuhn-Tucker multipliers in nonlinear programming (1985), for the condition.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from opengames.clearings import SOLVED, UNBOUNDED
from opengames.solvers.clearing.highs import Highs
from opengames.solvers.clearing.kinks import independent
from opengames.solvers.clearing.program import Moving, Program

UNIQUE, SEVERAL, OPEN = 1, 0, -1

_MET = 1e-9
_PRICED = 1e-9
_CHANGED = 1e-7
#: Entries of a matrix that is handled with its zeros.
_LARGEST = 1_000_000
#: Ways to stand that are decided in one call, those of most members first, and that are remembered; one that takes linear programs
#: counts as many.
_MOST, _REMEMBERED, _AS_MANY = 1_000, 10_000, 20
#: Rows and columns that they may have in sum.
_WORK = 200_000
#: Numbers of members that are kept until somebody asks.
_NUMBERS = 4_000_000
#: Equations with a price of 0 that are looked at for one way to stand.
_EQUATIONS = 8
#: How a row or column stands: no bound met, the lower, the upper, both; 4 is added where it has a price.
_LOW, _HIGH, _BOTH, _WITH_PRICE = 1, 2, 3, 4


class Alike:
    """Members of a program that moves. rows: those whose prices are meant, all unless told."""

    def __init__(self, moving: Moving, rows: Iterable[int] | None = None) -> None:
        self.moving = moving
        m, _ = moving.program.matrix.shape
        self.rows = np.arange(m) if rows is None else np.unique(np.fromiter(rows, int))
        self.known: OrderedDict[bytes, int] = OrderedDict()
        self._dense = _dense(moving.program.matrix) if moving.fixed_matrix else None

    def verdicts(self, data: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Of optima (members, n) with prices (members, m) at their data (members, d), whole numbers held: what is known of their
        uniqueness, (members,)."""
        found = np.full(len(data), OPEN)
        if not len(data):
            return found
        codes = self._codes(data, x, y)
        packed = np.ascontiguousarray(codes).view(f"V{codes.shape[1]}").ravel() if codes.shape[1] else np.zeros(len(codes), "V1")
        if self.moving.fixed_matrix:
            _, first, which, count = np.unique(packed, return_index=True, return_inverse=True, return_counts=True)
        else:
            first = which = np.arange(len(data))
            count = np.ones(len(data), int)
        left = min(_MOST, max(1, _WORK // max(1, codes.shape[1])))
        for place in np.argsort(-count, kind="stable").tolist():
            member = int(first[place])
            key = packed[member].tobytes() if self.moving.fixed_matrix else b""
            verdict = self.known.get(key)
            if verdict is None and left > 0:
                matrix = self._matrix(data[member]) if self._dense is None else self._dense
                verdict, effort = self._decided(codes[member], matrix)
                left -= effort
                if self.moving.fixed_matrix:
                    self.known[key] = verdict
                    while len(self.known) > _REMEMBERED:
                        self.known.popitem(last=False)
            if verdict is not None:
                found[which == place] = verdict
        return found

    def _matrix(self, data: np.ndarray) -> sparse.csr_array:
        return self.moving.program.matrix if self.moving.fixed_matrix else self.moving.at(data).matrix

    def _codes(self, data: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """(members, m + n) int8: how each row and column stands."""
        moving, program = self.moving, self.moving.program
        moved = (moving.row_by @ data.T).T
        lower, upper = program.lower + (moving.lower_by @ data.T).T, program.upper + (moving.upper_by @ data.T).T
        cost = program.cost + (moving.cost_by @ data.T).T
        if moving.fixed_matrix:
            values, sizes, paid, paid_sizes = _products(program.matrix, x, y)
        else:
            each = [_products(self._matrix(d), a[None], b[None]) for d, a, b in zip(data, x, y, strict=True)]
            values, sizes, paid, paid_sizes = (np.concatenate(part) for part in zip(*each, strict=True))
        gradient, gradient_sizes = cost, abs(cost)
        if program.quadratic is not None:
            gradient = cost + (program.quadratic @ x.T).T
            gradient_sizes = abs(cost) + (abs(program.quadratic) @ abs(x).T).T
        rows = _stand(values, program.row_lower + moved, program.row_upper + moved, sizes, abs(y) > _PRICED * (1.0 + abs(y)))
        z, z_sizes = gradient - paid, 1.0 + gradient_sizes + paid_sizes
        columns = _stand(x, lower, upper, abs(x), abs(z) > _PRICED * z_sizes)
        if program.integer is not None:
            # prices are those with the whole numbers held
            columns[:, program.integer] = _BOTH
        codes = np.concatenate((rows, columns), axis=1)
        # on which side a price stands matters only to prices of 0 that may go on without end
        asked = rows[:, self.rows]
        sided = ((asked > 0) & (asked < _WITH_PRICE)).sum(axis=1) > 0
        found: np.ndarray = np.where((codes >= _WITH_PRICE) & ~sided[:, None], np.int8(_BOTH | _WITH_PRICE), codes)
        return found

    def _decided(self, codes: np.ndarray, matrix: np.ndarray | sparse.csr_array) -> tuple[int, int]:
        """The verdict, and as how many it counts."""
        m, _ = matrix.shape
        face = _Directions.of(codes[:m], codes[m:], matrix, self.rows)
        if not len(face.asked):
            return UNIQUE, 1
        known = face.in_a_plane()
        return (face.by_programs(), _AS_MANY) if known is None else (known, 1)


class Doubts:
    """Members whose prices their engines did not know to be unique, in the order in which they were met, to be decided once somebody asks.

    moving, rows: as of `Alike`. Of very many the last ones are kept.
    """

    def __init__(self, moving: Moving, rows: Iterable[int]) -> None:
        self._alike = Alike(moving, rows)
        self._kept: deque[tuple[int, np.ndarray, np.ndarray, np.ndarray]] = deque()
        self._numbers = 0
        self.met = 0

    def keep(self, data: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
        """More members: data (members, d), points (members, n), prices (members, m)."""
        if not len(data):
            return
        self._kept.append((self.met, data, x, y))
        self.met += len(data)
        self._numbers += data.size + x.size + y.size
        while len(self._kept) > 1 and self._numbers > _NUMBERS:
            _, *gone = self._kept.popleft()
            self._numbers -= sum(each.size for each in gone)

    def since(self, first: int) -> tuple[int, int]:
        """Of the members from the `first` on: how many have prices that are not the only ones, and how many are left open."""
        parts = [
            (data[max(first - start, 0) :], x[max(first - start, 0) :], y[max(first - start, 0) :])
            for start, data, x, y in self._kept if start + len(data) > first
        ]  # fmt: skip
        if not parts:
            return 0, self.met - first
        data, x, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        found = self._alike.verdicts(data, x, y)
        return int((found == SEVERAL).sum()), int((found == OPEN).sum()) + self.met - first - len(found)


def _products(matrix: sparse.csr_array, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows of members and what their prices make up of costs, each with the sizes of its terms."""
    sized = abs(matrix)
    return (matrix @ x.T).T, (sized @ abs(x).T).T, (matrix.T @ y.T).T, (sized.T @ abs(y).T).T


def _stand(values: np.ndarray, lower: np.ndarray, upper: np.ndarray, sizes: np.ndarray, priced: np.ndarray) -> np.ndarray:
    near = _MET * (1.0 + sizes)
    codes = _LOW * (values - lower <= near) + _HIGH * (upper - values <= near)
    found: np.ndarray = (codes + _WITH_PRICE * (priced & (codes > 0))).astype(np.int8)
    return found


@dataclass(frozen=True)
class _Directions:
    """The ways in which prices may change. rows: how those that meet a bound stand; columns: how those stand that do not meet both of
    theirs; turned: (columns, rows) of the matrix; asked: which of the rows are meant."""

    rows: np.ndarray
    columns: np.ndarray
    turned: np.ndarray | sparse.csr_array
    asked: np.ndarray

    @staticmethod
    def of(rows: np.ndarray, columns: np.ndarray, matrix: np.ndarray | sparse.csr_array, meant: np.ndarray) -> _Directions:
        met = np.flatnonzero(rows > 0)
        # a column with both its bounds met takes any change
        held = columns & _BOTH != _BOTH
        turned = matrix[met][:, held].T
        return _Directions(rows[met], columns[held], turned, np.flatnonzero(np.isin(met, meant)))

    def in_a_plane(self) -> int | None:
        """The verdict where columns between their bounds leave no change, or those of a line or of a plane; none where they leave more,
        or the program is large."""
        equal = self.turned[self.columns == 0]
        if not isinstance(equal, np.ndarray):
            if equal.shape[0] * equal.shape[1] > _LARGEST:
                return UNIQUE if independent(sparse.csr_array(equal)) else None
            equal = equal.toarray()
        _, sizes, directions = np.linalg.svd(equal)
        free = len(self.rows) - int((sizes > _MET * max(1.0, sizes.max(initial=0.0))).sum())
        if free > 2:
            return None
        if not free:
            return UNIQUE
        near, far = (self._rays(directions[-free:], side) for side in (False, True))
        moved, gone = ((abs(rays[:, self.asked]) > _CHANGED).any(axis=0) for rays in (near, far))
        idle = gone & (self.rows[self.asked] < _WITH_PRICE)
        return SEVERAL if (moved & ~idle).any() else UNIQUE

    def _rays(self, plane: np.ndarray, far: bool) -> np.ndarray:
        """(rays, rows): directions that make up all changes in a line or a plane, given by orthogonal directions (1 or 2, rows)."""
        rows, columns = self._sides(far)
        taken = self.turned @ plane.T
        sides = [-taken[columns == _LOW], taken[columns == _HIGH], plane.T[rows == _LOW], -plane.T[rows == _HIGH]]
        least = np.concatenate(sides)
        size = np.linalg.norm(least, axis=1)
        least = least[size > _MET] / size[size > _MET, None]
        if len(plane) == 1:
            rays = np.array([[1.0], [-1.0]])
        else:
            # the edges of the cone lie across a condition; what it holds besides lines lies along one
            rays = np.concatenate((least @ np.array([[0.0, 1.0], [-1.0, 0.0]]), least, np.eye(2)))
            rays = np.concatenate((rays, -rays))
        found = rays[(rays @ least.T >= -_MET).all(axis=1)] @ plane
        return np.asarray(found)

    def _sides(self, far: bool) -> tuple[np.ndarray, np.ndarray]:
        """How rows and columns stand, where what has a price, for changes that come to an end, may move to both sides."""
        rows, columns = (codes & _BOTH if far else np.where(codes & _WITH_PRICE, _BOTH, codes) for codes in (self.rows, self.columns))
        return rows, columns

    def by_programs(self) -> int:
        """The verdict however many changes there are."""
        here = self.changes(self.asked)
        if not here:
            return OPEN if here is None else UNIQUE
        idle = self.idle()
        if idle is None:
            return OPEN
        meant = np.setdiff1d(self.asked, idle)
        here = self.changes(meant) if len(meant) else False
        return OPEN if here is None else SEVERAL if here else UNIQUE

    def program(self, far: bool) -> Program:
        """Directions as the points of a program without a cost. far: those in which one may go on without end, past what has a price."""
        rows, columns = self._sides(far)
        return Program(
            np.zeros(len(rows)), sparse.csr_array(self.turned),
            np.where((columns == _LOW) | (columns == _BOTH), -np.inf, 0.0), np.where((columns == _HIGH) | (columns == _BOTH), np.inf, 0.0),
            np.where((rows == _HIGH) | (rows == _BOTH), -np.inf, 0.0), np.where((rows == _LOW) | (rows == _BOTH), np.inf, 0.0),
        )  # fmt: skip

    def changes(self, which: np.ndarray) -> bool | None:
        """Whether the price of one of these rows can change; none where the engine does not say. A direction drawn at random sees every
        change, as none is across it but by chance."""
        program = self.program(far=False)
        lower, upper = program.lower.copy(), program.upper.copy()
        lower[which], upper[which] = np.maximum(lower[which], -1.0), np.minimum(upper[which], 1.0)
        draw = np.zeros(len(self.rows))
        draw[which] = np.random.default_rng(0).uniform(0.5, 1.5, len(which)) * np.where(np.arange(len(which)) % 2, 1.0, -1.0)
        engine = Highs(replace(program, lower=lower, upper=upper, cost=-draw), {"presolve": "off"})
        for sign in (-1.0, 1.0):
            engine.change(cost=sign * draw)
            found = engine.solve()
            if found.status not in (SOLVED, UNBOUNDED):
                return None
            if found.status == UNBOUNDED or -found.objective > _CHANGED:
                return True
        return False

    def idle(self) -> np.ndarray | None:
        """Rows with a price of 0 that may as well be anything beyond; none where the engine does not say."""
        one_sided = np.intersect1d(np.flatnonzero((self.rows == _LOW) | (self.rows == _HIGH)), self.asked)
        found = [self._far(one_sided, np.where(self.rows[one_sided] == _LOW, 1.0, -1.0))]
        for row in np.intersect1d(np.flatnonzero(self.rows == _BOTH), self.asked)[:_EQUATIONS]:
            found += [self._far(np.array([row]), np.array([side])) for side in (1.0, -1.0)]
        known = [each for each in found if each is not None]
        return np.unique(np.concatenate(known)) if len(known) == len(found) else None

    def _far(self, some: np.ndarray, side: np.ndarray) -> np.ndarray | None:
        """Those of some rows whose prices go on without end to their side."""
        if not len(some):
            return some
        far, k = self.program(far=True), len(some)
        n, met = far.matrix.shape
        # a column for each that is at most 1 and at most how far the price goes: all can go at once
        pick = sparse.csr_array((side, (np.arange(k), some)), shape=(k, met))
        matrix = sparse.block_array([[far.matrix, sparse.csr_array((n, k))], [pick, -sparse.eye_array(k)]]).tocsr()
        gone = Program(
            np.concatenate((far.cost, -np.ones(k))), matrix, np.concatenate((far.row_lower, np.zeros(k))),
            np.concatenate((far.row_upper, np.full(k, np.inf))), np.concatenate((far.lower, np.zeros(k))),
            np.concatenate((far.upper, np.ones(k))),
        )  # fmt: skip
        found = Highs(gone).solve()
        return some[found.x[met:] > 0.5] if found.solved else None


def _dense(matrix: sparse.csr_array) -> np.ndarray | None:
    """A matrix with its zeros, unless it is large."""
    m, n = matrix.shape
    return np.ascontiguousarray(matrix.toarray()) if m * n <= _LARGEST else None


__all__ = ["OPEN", "SEVERAL", "UNIQUE", "Alike", "Doubts"]
