"""Why a program has no point at all: the fewest rules, by name, that cannot hold together, and which of them stands in the way.

A proof that there is no point (a ray of Farkas: weights of rows and bounds that add up to a contradiction) names the rows that
matter. From them one is left out after the other, whole families of rules first, and stays out where the rest still cannot hold.
What remains is irreducible: leave out any one of them and the others can hold together.

Bounds of columns come from the types of what is decided. They are left out first where that is possible, so that an explanation is
made of rules rather than of types.

Source: Chinneck and Dravnieks, Locating minimal infeasible constraint sets in linear programs (1991), deletion filter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from opengames.clearings import INFEASIBLE
from opengames.solvers.clearing.highs import Highs
from opengames.solvers.clearing.program import Block, Program, label


@dataclass(frozen=True)
class Cure:
    """A rule without which all others of the program can hold. label: as the author calls it; row or column: its place (the other
    is -1). short: by how much its bound would have to give way at least."""

    label: str
    short: float
    row: int = -1
    column: int = -1


@dataclass(frozen=True)
class Conflict:
    """rows, columns: which rows and which bounds of columns cannot hold together, while any fewer of them can. labels: of both.
    cures: those whose removal alone is enough for the whole program."""

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    labels: tuple[str, ...]
    cures: tuple[Cure, ...]


def conflict(program: Program) -> Conflict | None:
    """The rules that cannot hold together, or none if the program has a point."""
    tester = _Tester(program)
    if tester.feasible(()):
        return None
    m, n = program.matrix.shape
    free = np.isinf(np.concatenate([program.row_lower, program.lower])) & np.isinf(np.concatenate([program.row_upper, program.upper]))
    out: set[int] = set(np.flatnonzero(free).tolist())
    _leave_out(tester, out, [range(m, m + n)])
    suspects = tester.suspects(out)
    if suspects is not None:
        _leave_out(tester, out, [[i for i in range(m + n) if i not in suspects]])
    _leave_out(tester, out, _halves([i for i in range(m, m + n) if i not in out]))
    _leave_out(tester, out, [[i] for i in range(m, m + n) if i not in out])
    for members in _families(program):
        _leave_out(tester, out, [members])
    # large families by halves first, so that a thousand rules do not cost a thousand programs
    _leave_out(tester, out, _halves([i for i in range(m) if i not in out]))
    _leave_out(tester, out, [[i] for i in range(m) if i not in out])
    kept = [i for i in range(m + n) if i not in out]
    rows, columns = tuple(i for i in kept if i < m), tuple(i - m for i in kept if i >= m)
    labels = tuple(label(program.rows, i) for i in rows) + tuple(label(program.columns, j) for j in columns)
    cures = tuple(cure for i in kept if (cure := _cure(tester, i)) is not None)
    return Conflict(rows, columns, labels, cures)


class _Tester:
    """Asks whether a program has a point when some of its rows (numbers below m) or bounds of columns (from m on) are left out."""

    def __init__(self, program: Program) -> None:
        self.program = replace(program, cost=np.zeros_like(program.cost), quadratic=None, offset=0.0)
        self.lower = np.concatenate([program.row_lower, program.lower])
        self.upper = np.concatenate([program.row_upper, program.upper])
        self._whole = program.integer is not None and bool(program.integer.any())
        self._engine = Highs(self.program)

    def without(self, out: Sequence[int] | set[int]) -> Program:
        m, _ = self.program.matrix.shape
        lower, upper = self.lower.copy(), self.upper.copy()
        index = np.fromiter(out, int)
        lower[index], upper[index] = -np.inf, np.inf
        return replace(self.program, row_lower=lower[:m], row_upper=upper[:m], lower=lower[m:], upper=upper[m:])

    def feasible(self, out: Sequence[int] | set[int]) -> bool:
        here = self.without(out)
        self._engine.change(row_lower=here.row_lower, row_upper=here.row_upper, lower=here.lower, upper=here.upper)
        found = self._engine.solve()
        if found.status != INFEASIBLE and self._whole:
            from opengames.solvers.clearing.mixed import solve_mixed

            found = solve_mixed(here)
        return found.status != INFEASIBLE

    def suspects(self, out: set[int]) -> set[int] | None:
        """Which rows and bounds a proof of the contradiction uses, or none if the engine has no proof at hand."""
        if self._whole or (self.lower > self.upper).any():
            return None
        here = self.without(out)
        engine = Highs(here, {"presolve": "off"})
        if engine.solve().status != INFEASIBLE:
            return None
        _, exists, ray = engine.engine.getDualRay()
        if not exists:
            return None
        m, _ = here.matrix.shape
        weights = np.asarray(ray)[:m]
        used = np.concatenate([weights, here.matrix.T @ weights])
        return set(np.flatnonzero(abs(used) > 1e-9 * max(1e-300, abs(used).max())).tolist())

    def nearest(self, i: int) -> float:
        """By how much the bound of `i` is missed at least when all others hold; `inf` if the others cannot."""
        m, _ = self.program.matrix.shape
        here = self.without((i,))
        value = np.zeros(len(here.cost))
        if i < m:
            value = here.matrix[[i]].toarray()[0]
        else:
            value[i - m] = 1.0
        ends = []
        for sign, bound in ((1.0, self.upper[i]), (-1.0, -self.lower[i])):
            found = Highs(replace(here, cost=sign * value, integer=None)).solve()
            # the least of what is kept below `bound`: how far it stays above
            ends.append(found.objective - bound if found.solved and np.isfinite(bound) else -np.inf)
        return float(max(*ends, 0.0))


def _leave_out(tester: _Tester, out: set[int], groups: Sequence[Sequence[int]]) -> None:
    """Leaves out every group without which the rest still cannot hold, one after the other."""
    for group in groups:
        more = [i for i in group if i not in out]
        if more and not tester.feasible(out | set(more)):
            out |= set(more)


def _families(program: Program) -> list[list[int]]:
    """Rules by family, the large ones first: an explanation with fewer families is easier to read."""
    blocks: tuple[Block, ...] = program.rows
    return [list(range(b.start, b.stop)) for b in sorted(blocks, key=lambda b: -len(b.index))]


def _halves(members: list[int]) -> list[list[int]]:
    """Ever smaller pieces of a long list."""
    pieces: list[list[int]] = []
    size = len(members) // 2
    while size > 1:
        pieces += [members[k : k + size] for k in range(0, len(members), size)]
        size //= 4
    return pieces


def _cure(tester: _Tester, i: int) -> Cure | None:
    if not tester.feasible((i,)):
        return None
    m, _ = tester.program.matrix.shape
    if i < m:
        return Cure(label(tester.program.rows, i), tester.nearest(i), row=i)
    return Cure(label(tester.program.columns, i - m), tester.nearest(i), column=i - m)


def growing(program: Program) -> tuple[tuple[int, float], ...]:
    """Which columns of an unbounded program grow together while the cost falls, and by how much for each unit of the fastest.

    Empty if nothing does. A direction of the program's recession cone, the steepest within a box.
    """

    def zero(bound: np.ndarray) -> np.ndarray:
        return np.where(np.isinf(bound), bound, 0.0)

    n = len(program.cost)
    lower, upper = np.maximum(zero(program.lower), -1.0), np.minimum(zero(program.upper), 1.0)
    cone = Program(program.cost, program.matrix, zero(program.row_lower), zero(program.row_upper), lower, upper)
    if program.quadratic is not None:
        from scipy import sparse

        # a concave gain stops wherever it bends
        cone = replace(
            cone,
            matrix=sparse.vstack([program.matrix, program.quadratic]).tocsr(),
            row_lower=np.concatenate([cone.row_lower, np.zeros(n)]),
            row_upper=np.concatenate([cone.row_upper, np.zeros(n)]),
        )
    found = Highs(cone).solve()
    if not found.solved or found.objective > -1e-9:
        return ()
    return tuple((int(j), float(found.x[j])) for j in np.flatnonzero(abs(found.x) > 1e-9))


__all__ = ["Conflict", "Cure", "conflict", "growing"]
