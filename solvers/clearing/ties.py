"""Ties decided by a rule, so that a clearing has one answer: the same whatever was solved before it or beside it.

Several moves may be equally good, and at a kink every number of an interval is a price. An engine then returns whichever it met
first. Here the program is *tilted* first: every bound and cost is moved by its own tiny amount, a rule whose dual is asked for a
hair tighter, an equation towards a hair more on its left. A tilted program has one optimal vertex; which bounds are met there is
kept, and point and prices are solved from the true numbers. So the prices are those of a market with a hair more load and a hair
less slack: at a kink the upper end, as ERCOT prints it, of prices that hold together.

What comes out is judged against the true program like any optimum. Where the tilted program has none, it is loosened
instead; where that fails too the engine's own answer stands. For quadratic earnings, and for whole numbers once they are held,
the engine's point stands and its prices are the same choice: of all that belong to the point, those that gain most from the tilt.

Source: Charnes, Optimality and degeneracy in linear programming (1952), for the perturbation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from opengames.clearings import SOLVED
from opengames.solvers.clearing.certificate import Certificate
from opengames.solvers.clearing.kinks import furthest
from opengames.solvers.clearing.program import Moving, Program
from opengames.solvers.clearing.solution import AT_LOWER, AT_UPPER, BAR, BASIC, NOTHING, Basis, Solution
from opengames.solvers.clearing.threads import on_one_thread

if TYPE_CHECKING:
    from opengames.solvers.clearing.regions import Regions

_TINY = 1e-6
_NEAR = 1e-3
_LESS = 0.05
_MOST = 1e3
_MET = 1e-9
_PRICED = 1e-7
_DENSE = 40
"""Up to how many equations dense ones are solved: beyond, threads of dense algebra cost more than they save on busy machines."""
_FEW = 8
_LARGE = 5_000
"""Programs with more entries than this, zeros counted, are not prepared for a few members."""


@dataclass(frozen=True)
class Tilted:
    """moving: the program a hair off. near: how close to a bound counts as on it."""

    moving: Moving
    near: float


@dataclass(frozen=True)
class Lean:
    """How the bounds of a program are moved by a tilt, in units of it. down, up: (m,) of rows; low, high: (n,) of columns.

    equal, fixed: which rows and columns have both bounds in one whatever the data. strict: whether some bounds come nearer to each other.
    """

    down: np.ndarray
    up: np.ndarray
    low: np.ndarray
    high: np.ndarray
    equal: np.ndarray
    fixed: np.ndarray
    strict: bool

    def direction(self, here: Program, x: np.ndarray) -> np.ndarray | None:
        """What each price gains from the tilt at a point; none if the tilt leaves no room between two bounds."""
        rows = here.matrix @ x
        size = _MET * (1.0 + abs(here.matrix) @ abs(x))
        low, high = rows - here.row_lower <= size, here.row_upper - rows <= size
        both = low & high & ~self.equal
        if self.strict and bool((both & (self.down > self.up)).any()):
            return None
        of_rows = np.where(both, 0.0, np.where(low, self.down, np.where(high, self.up, 0.0)))
        at_low, at_high = x - here.lower <= _MET * (1.0 + abs(x)), here.upper - x <= _MET * (1.0 + abs(x))
        single = (at_low ^ at_high) & ~self.fixed
        of_columns = np.where(single, np.where(at_low, self.low, self.high), 0.0)
        direction: np.ndarray = of_rows - here.matrix @ of_columns
        return direction


@dataclass
class Settled:
    """Members with ties decided. x: (members, n), y: (members, m), status: (members,), residual: (members,) the largest relative one,
    unique: (members,) whether prices are known to be the only ones, engines: how many members each engine found. gap: of programs with
    whole numbers, the largest of `Solution.gap`."""

    x: np.ndarray
    y: np.ndarray
    status: np.ndarray
    residual: np.ndarray
    unique: np.ndarray
    engines: dict[str, int]
    gap: float = 0.0

    def count(self, engines: dict[str, int]) -> None:
        for name, k in engines.items():
            self.engines[name] = self.engines.get(name, 0) + k


class Ties:
    """Solves the members of a moving program so that ties are decided. priced: (m,) bool, rows whose dual is asked for."""

    def __init__(self, moving: Moving, priced: np.ndarray) -> None:
        self.moving = moving
        program = moving.program
        whole = program.integer is not None and bool(program.integer.any())
        bent = program.quadratic is not None and program.quadratic.nnz > 0
        self.straight = not whole and not bent and program.matrix.shape[1] > 0
        self.whole = whole
        self.tilts: tuple[Tilted, ...] = (_tilted(moving, priced, 1), _tilted(moving, priced, -1)) if self.straight else ()
        self._leans: tuple[Lean, ...] = () if self.straight else (_lean(moving, priced, 1), _lean(moving, priced, -1))
        self._certificate: Certificate | None = None
        self._engine: Any = None

    @on_one_thread
    def solve(self, data: np.ndarray) -> Settled:
        """The members (members, d). Where each is solved alone, those that repeat another's data are not solved again."""
        if len(data) < 2 or (self.straight and self.moving.fixed_matrix):
            return self._solve(data)
        _, first, like = np.unique(data, axis=0, return_index=True, return_inverse=True)
        if len(first) == len(data):
            return self._solve(data)
        found, like = self._solve(data[first]), like.ravel()
        engines = {**found.engines, "repetition": len(data) - len(first)}
        return Settled(found.x[like], found.y[like], found.status[like], found.residual[like], found.unique[like], engines, found.gap)

    def _solve(self, data: np.ndarray) -> Settled:
        from opengames.solvers.clearing.batch import ENGINES, SHARED, solve_many

        m, n = self.moving.program.matrix.shape
        k = len(data)
        out = Settled(
            np.full((k, n), np.nan), np.full((k, m), np.nan), np.full(k, -1), np.full(k, np.inf), np.zeros(k, bool), {}
        )
        left = np.arange(k)
        if self._regions is not None and (k > _FEW or m * n <= _LARGE):
            known = self._regions.answers(data)
            there = known.members
            out.x[there], out.y[there], out.status[there] = known.x, known.y, SOLVED
            out.residual[there], out.unique[there] = known.residual, known.unique
            out.count({ENGINES[SHARED]: len(there)} if len(there) else {})
            left = np.flatnonzero(out.status != SOLVED)
        if self.straight and self.moving.fixed_matrix and len(left) <= _FEW and m * n > _LARGE:
            left = np.array([i for i in left if not self._alone(data[i : i + 1], int(i), out)], int)
        for tilt in self.tilts:
            if not len(left):
                break
            found = solve_many(tilt.moving, data[left])
            solved = found.status == SOLVED
            there = left[solved]
            codes = self.codes(tilt, data[there], found.x[solved])
            good, out.x[there], out.y[there], out.residual[there], out.unique[there] = self.at_vertices(data[there], codes)
            out.status[there[good]] = SOLVED
            by = np.bincount(found.engine[solved][good], minlength=len(ENGINES)).tolist()
            out.count({word: count for word, count in zip(ENGINES, by, strict=True) if count})
            left = left[out.status[left] != SOLVED]
        if self.whole:
            self._with_whole_numbers(data, out)
        elif len(left):
            plain = solve_many(self.moving, data[left])
            out.x[left], out.y[left], out.status[left] = plain.x, plain.y, plain.status
            out.residual[left], out.unique[left] = plain.residual, plain.unique
            out.count(plain.engines())
        if self._leans:
            for i in np.flatnonzero((out.status == SOLVED) & ~out.unique):
                here = self.held(self.moving.at(data[i]), out.x[i])
                y, out.unique[i] = self.prices(here, out.x[i], out.y[i])
                residual = Certificate(here).one(here, out.x[i], y)[0].largest
                if residual <= BAR:
                    out.y[i], out.residual[i] = y, max(residual, out.residual[i])
        return out

    def _with_whole_numbers(self, data: np.ndarray, out: Settled) -> None:
        """Members one by one, written into `out`."""
        from opengames.solvers.clearing.mixed import solve_mixed

        for i, numbers in enumerate(data):
            found = solve_mixed(self.moving.at(numbers))
            out.x[i], out.y[i], out.status[i], out.residual[i] = found.x, found.y, found.status, found.residuals.largest
            out.count({found.engine: 1})
            if found.solved:
                out.gap = max(out.gap, found.gap)

    def held(self, here: Program, x: np.ndarray) -> Program:
        """A program at its data, its whole numbers as they are in a point."""
        if not self.whole:
            return here
        assert here.integer is not None
        lower, upper = here.lower.copy(), here.upper.copy()
        lower[here.integer] = upper[here.integer] = np.round(x[here.integer])
        return replace(here, lower=lower, upper=upper, integer=None)

    def prices(self, here: Program, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, bool]:
        """Of the prices that belong to a point, those of a market a hair tighter, or looser where they have no end; and whether they
        are the only ones."""
        point = Solution(SOLVED, x, y, np.zeros(len(x)), 0.0, NOTHING, "")
        return furthest(here, point, *(d for lean in self._leans if (d := lean.direction(here, x)) is not None))

    @cached_property
    def _regions(self) -> Regions | None:
        """What answers most members at once; none where the program is none of that kind."""
        from opengames.solvers.clearing.regions import Regions, fits

        if not self.straight or not fits(self.moving):
            return None
        tilt = self.tilts[0]
        near = tilt.near, _NEAR * _TINY * _typical(self.moving.program.cost)
        return Regions(self.moving, tilt.moving.program, near, self._codes_of)

    def _codes_of(self, data: np.ndarray) -> np.ndarray:
        """The tilted bases of those of the members that have an optimum."""
        from opengames.solvers.clearing.batch import solve_many

        tilt = self.tilts[0]
        found = solve_many(tilt.moving, data)
        solved = found.status == SOLVED
        return self.codes(tilt, data[solved], found.x[solved])

    def _alone(self, data: np.ndarray, i: int, out: Settled) -> bool:
        """One member of a large program by a warm engine, written into `out`; whether it has an optimum there.

        Most have no ties, and the true program's own answer is then the one. Where there are some, its basis is near the tilted one.
        """
        from opengames.solvers.clearing.highs import Highs

        here = self.moving.at(data[0])
        if self._engine is None:
            self._engine = Highs(here)
        found = self._solved(here)
        if not found.solved:
            return False
        if _sole(here, found):
            out.x[i], out.y[i], out.residual[i], out.unique[i] = found.x, found.y, found.residuals.largest, True
        else:
            tilt = self.tilts[0]
            near = self._solved(tilt.moving.at(data[0]))
            if not near.solved:
                return False
            good, x, y, residual, unique = self.at_vertices(data, self.codes(tilt, data, near.x[None]))
            if not good[0]:
                return False
            out.x[i], out.y[i], out.residual[i], out.unique[i] = x[0], y[0], residual[0], unique[0]
        out.status[i] = SOLVED
        out.count({"HiGHS": 1})
        return True

    def _solved(self, here: Program) -> Solution:
        """By the engine, from where it stands."""
        self._engine.change(
            cost=here.cost, row_lower=here.row_lower, row_upper=here.row_upper, lower=here.lower, upper=here.upper
        )
        found: Solution = self._engine.solve()
        return found

    def basis(self, data: np.ndarray) -> Basis | None:
        """Which bounds are met at the answer for one member (d,), where ties had to be decided by tilting."""
        from opengames.solvers.clearing.highs import Highs

        n = self.moving.program.matrix.shape[1]
        for tilt in self.tilts:
            found = Highs(tilt.moving.at(data)).solve()
            if found.solved:
                codes = self.codes(tilt, data[None], found.x[None])[0]
                if (codes[n:] != BASIC).sum() == (codes[:n] == BASIC).sum():
                    return Basis(codes[:n], codes[n:])
        return None

    # ------------------------------------------------------------------------------ vertices

    def codes(self, tilt: Tilted, data: np.ndarray, x: np.ndarray) -> np.ndarray:
        """How each column and row stands at points of a tilted program: (members, n + m) of the codes of a basis."""
        values = np.concatenate((x, self._rows(data, x)), axis=1)
        lower, upper = _bounds(tilt.moving, data)
        at_lower, at_upper = values - lower <= tilt.near, upper - values <= tilt.near
        return np.where(at_lower, AT_LOWER, np.where(at_upper, AT_UPPER, BASIC)).astype(np.int8)

    def at_vertices(
        self, data: np.ndarray, codes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(good, x, y, residual, unique): the point and prices at each member's vertex, with the true numbers; whether they are an
        optimum; and whether the vertex meets no more bounds than it has to, so that its prices are the only ones."""
        m, n = self.moving.program.matrix.shape
        x, y = np.zeros((len(data), n)), np.zeros((len(data), m))
        good, residual, unique = np.zeros(len(data), bool), np.full(len(data), np.inf), np.zeros(len(data), bool)
        if not len(data):
            return good, x, y, residual, unique
        cost = self.moving.program.cost + _by(self.moving.cost_by, data)
        lower, upper = _bounds(self.moving, data)
        square = (codes[:, n:] != BASIC).sum(axis=1) == (codes[:, :n] == BASIC).sum(axis=1)
        for members in self._alike(codes, np.flatnonzero(square)):
            matrix = self._matrix(data[members[0]])
            good[members] = _vertex(matrix, codes[members[0]], cost, lower, upper, members, x, y)
        some = np.flatnonzero(good)
        if len(some):
            residual[some] = self._residual(data[some], cost[some], lower[some], upper[some], x[some], y[some])
            good[some] = residual[some] <= BAR
            values = np.concatenate((x[some], self._rows(data[some], x[some])), axis=1)
            room = np.minimum(values - lower[some], upper[some] - values) - _MET * (1.0 + abs(values))
            unique[some] = ((room > 0) | (codes[some] != BASIC)).all(axis=1)
        return good, x, y, residual, unique

    def _alike(self, codes: np.ndarray, members: np.ndarray) -> list[np.ndarray]:
        """Members with the same vertex (and the same matrix)."""
        if not self.moving.fixed_matrix:
            return [np.array([k]) for k in members.tolist()]
        if not len(members):
            return []
        packed = np.ascontiguousarray(codes[members]).view(f"V{codes.shape[1]}").ravel()
        _, which = np.unique(packed, return_inverse=True)
        order = np.argsort(which, kind="stable")
        return np.split(members[order], np.flatnonzero(np.diff(which[order])) + 1)

    def _matrix(self, data: np.ndarray) -> sparse.csr_array:
        return self.moving.program.matrix if self.moving.fixed_matrix else self.moving.at(data).matrix

    def _rows(self, data: np.ndarray, x: np.ndarray) -> np.ndarray:
        if self.moving.fixed_matrix:
            return (self.moving.program.matrix @ x.T).T
        return np.stack([self._matrix(d) @ v for d, v in zip(data, x, strict=True)]) if len(x) else np.zeros((0, len(self.moving.program.row_lower)))

    def _residual(self, data: np.ndarray, cost: Any, lower: Any, upper: Any, x: Any, y: Any) -> np.ndarray:
        n = x.shape[1]
        if not self.moving.fixed_matrix:
            programs = [self.moving.at(d) for d in data]
            return np.array([Certificate(p).one(p, a, b)[0].largest for p, a, b in zip(programs, x, y, strict=True)])
        if self._certificate is None:
            self._certificate = Certificate(self.moving.program)
        # rows come first here
        low, high = (np.concatenate((b[:, n:], b[:, :n]), axis=1) for b in (lower, upper))
        found = self._certificate.measure(cost, low, high, 0.0, x, y)
        return np.max([found[k] for k in ("primal", "dual", "complementarity", "gap")], axis=0)


def _sole(program: Program, found: Solution) -> bool:
    """Whether the point is the only best one, and its prices the only ones: as many bounds are met as there are columns, and
    each that is no equation has a price."""
    values = np.concatenate((found.x, program.matrix @ found.x))
    lower, upper = np.concatenate((program.lower, program.row_lower)), np.concatenate((program.upper, program.row_upper))
    met = np.minimum(values - lower, upper - values) <= _MET * (1.0 + abs(values))
    if met.sum() != len(found.x):
        return False
    prices = abs(np.concatenate((found.z, found.y)))
    return bool(((prices > _PRICED * _typical(program.cost)) | (lower == upper))[met].all())


def _vertex(
    matrix: sparse.csr_array, codes: np.ndarray, cost: np.ndarray, lower: np.ndarray, upper: np.ndarray, members: np.ndarray,
    x: np.ndarray, y: np.ndarray,
) -> bool:  # fmt: skip
    """Point and prices of members at one vertex, written into `x` and `y`; whether the vertex is one."""
    n = matrix.shape[1]
    basic, tight = np.flatnonzero(codes[:n] == BASIC), np.flatnonzero(codes[n:] != BASIC)
    met = np.where(codes == AT_UPPER, upper[members], lower[members])
    away = np.flatnonzero(codes[:n] != BASIC)
    if not np.isfinite(met[:, away]).all():
        return False
    point = np.zeros((len(members), n))
    point[:, away] = met[:, away]
    if len(tight):
        rows = matrix[tight]
        right = met[:, n + tight] - (rows @ point.T).T
        solved = _solved(rows[:, basic], right, cost[np.ix_(members, basic)])
        if solved is None:
            return False
        point[:, basic] = solved[0]
        y[np.ix_(members, tight)] = solved[1]
    x[members] = point
    return True


def _solved(basis: sparse.csr_array, right: np.ndarray, cost: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Solutions with the basis and with its transpose, one row for each member; none if it is singular."""
    if basis.shape[0] <= _DENSE:
        dense = basis.toarray()
        try:
            return np.linalg.solve(dense, right.T).T, np.linalg.solve(dense.T, cost.T).T
        except np.linalg.LinAlgError:
            return None
    from scipy.sparse.linalg import splu

    try:
        factor = splu(sparse.csc_array(basis))
    except RuntimeError:
        return None
    return factor.solve(np.ascontiguousarray(right.T)).T, factor.solve(np.ascontiguousarray(cost.T), "T").T


def _bounds(moving: Moving, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(lower, upper) of columns, then rows, of each member."""
    program, rows = moving.program, _by(moving.row_by, data)
    lower = np.concatenate((program.lower + _by(moving.lower_by, data), program.row_lower + rows), axis=1)
    upper = np.concatenate((program.upper + _by(moving.upper_by, data), program.row_upper + rows), axis=1)
    return lower, upper


def _by(matrix: sparse.csr_array, data: np.ndarray) -> np.ndarray:
    return (matrix @ data.T).T


# ------------------------------------------------------------------------------------ tilting


def _tilted(moving: Moving, priced: np.ndarray, tighter: int) -> Tilted:
    """The program with every bound and cost moved. tighter: 1 where asked rules are to be tighter, -1 where all are looser."""
    program = moving.program
    m, n = program.matrix.shape
    draw = np.random.default_rng(0)
    row, low, high, costs = (draw.uniform(1.0, 2.0, k) for k in (m, n, n, n))
    size = _TINY * _typical(program.row_lower, program.row_upper, program.lower, program.upper)
    equal = program.row_lower == program.row_upper
    most = _outweighing(program, priced)
    inward = np.where(priced, most * tighter, -_LESS) * size * row
    fixed = program.lower == program.upper
    out = np.where(fixed, 0.0, _LESS * size)
    free = np.isinf(program.lower) & np.isinf(program.upper)
    step = _TINY * _typical(program.cost) * costs
    if tighter < 0:
        step = np.where(free, 0.0, step)
    # an equation moves as one: less on its right is more on its left
    down, up = np.where(equal, -most * size * row, inward), np.where(equal, -most * size * row, -inward)
    tilted = replace(
        program, cost=program.cost + step, row_lower=program.row_lower + down, row_upper=program.row_upper + up,
        lower=program.lower - out * low, upper=program.upper + out * high,
    )  # fmt: skip
    return Tilted(replace(moving, program=tilted), _NEAR * _LESS * size)


def _outweighing(program: Program, priced: np.ndarray) -> float:
    """How much further equations and rules whose duals are asked for are moved, so that the bounds of many units, each a hair looser,
    do not give together what one balance takes."""
    equal = program.row_lower == program.row_upper
    others = ~(equal | priced)
    loosened = int(np.isfinite(program.row_lower[others]).sum() + np.isfinite(program.row_upper[others]).sum())
    loosened += int(np.isfinite(program.lower).sum() + np.isfinite(program.upper).sum())
    moved = max(int((equal | priced).sum()), 1)
    return min(max(2.0 * _LESS * loosened / moved, 1.0), _MOST)


def _lean(moving: Moving, priced: np.ndarray, tighter: int) -> Lean:
    """The same moves of bounds as `_tilted` makes, for programs that are solved as they are."""
    program = moving.program
    m, n = program.matrix.shape
    draw = np.random.default_rng(0)
    row, low, high = (draw.uniform(1.0, 2.0, k) for k in (m, n, n))
    equal, fixed = program.row_lower == program.row_upper, program.lower == program.upper
    most = _outweighing(program, priced)
    inward = np.where(priced, most * tighter, -_LESS) * row
    return Lean(
        np.where(equal, -most * row, inward), np.where(equal, -most * row, -inward), -_LESS * low, _LESS * high, equal, fixed,
        tighter > 0,
    )  # fmt: skip


def _typical(*numbers: np.ndarray) -> float:
    """The middle of the sizes that are neither 0 nor infinite."""
    sizes = abs(np.concatenate(numbers))
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    return float(np.median(sizes)) if len(sizes) else 1.0


__all__ = ["Settled", "Ties", "Tilted"]
