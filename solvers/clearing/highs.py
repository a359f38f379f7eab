"""Clearing by HiGHS: one program kept in the engine, changed in place and solved again from where it stood.

    engine = Highs(program)
    engine.solve().y
    engine.change(row_lower=load, row_upper=load)
    engine.solve().y                                  # a few pivots from the last optimum

Options for prices that are exact to rounding: feasibility to 1e-10, no regularisation of quadratic programs (the default moves
prices by 1e-5 and more), one thread. What HiGHS says is believed only where the residuals of `certificate` are within the bar;
where they are not, the point is polished on its active set (`polish`), then solved from scratch, then called uncertain.

Source: Huangfu and Hall, Parallelizing the dual revised simplex method (2018), for the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from opengames.clearings import INFEASIBLE, SOLVED, UNBOUNDED, UNCERTAIN
from opengames.solvers.clearing.certificate import Certificate
from opengames.solvers.clearing.program import Program, with_rows
from opengames.solvers.clearing.solution import (
    AT_LOWER,
    AT_UPPER,
    BAR,
    BASIC,
    FREE,
    Basis,
    Residuals,
    Solution,
    without,
)  # fmt: skip

_OPTIONS: dict[str, Any] = {
    "output_flag": False, "threads": 1, "parallel": "off", "primal_feasibility_tolerance": 1e-10,
    "dual_feasibility_tolerance": 1e-10, "qp_regularization_value": 0.0,
}  # fmt: skip


class Highs:
    """A program in HiGHS, without whole numbers (those: `mixed`). Not shared between threads.

    options: of HiGHS by its own names, over the ones here.
    """

    def __init__(self, program: Program, options: dict[str, Any] | None = None) -> None:
        import highspy

        self._highspy = highspy
        self.program = replace(program, integer=None)
        self.engine: Any = highspy.Highs()
        for name, value in {**_OPTIONS, **(options or {})}.items():
            self.engine.setOptionValue(name, value)
        self._certificate: Certificate | None = None
        self._last: Solution | None = None
        self._pass_model()

    def change(self, **parts: Any) -> None:
        """New `cost`, `row_lower`, `row_upper`, `lower`, `upper` (arrays as in `Program`), `offset`, or `quadratic` (of the same
        size). Only what differs is handed on, and the last optimum stays the start of the next solve."""
        old, new = self.program, replace(self.program, **parts)
        self.program = new
        engine = self.engine
        if "cost" in parts:
            moved = np.flatnonzero(old.cost != new.cost).astype(np.int32)
            if len(moved):
                engine.changeColsCost(len(moved), moved, new.cost[moved])
        if "lower" in parts or "upper" in parts:
            moved = np.flatnonzero((old.lower != new.lower) | (old.upper != new.upper)).astype(np.int32)
            if len(moved):
                engine.changeColsBounds(len(moved), moved, new.lower[moved], new.upper[moved])
        if "row_lower" in parts or "row_upper" in parts:
            moved = np.flatnonzero((old.row_lower != new.row_lower) | (old.row_upper != new.row_upper)).astype(np.int32)
            if len(moved):
                engine.changeRowsBounds(len(moved), moved, new.row_lower[moved], new.row_upper[moved])
        if "matrix" in parts:
            self._certificate = None
            self._change_matrix(old.matrix, new.matrix)
        if "quadratic" in parts:
            self._certificate = None
            self._pass_quadratic()

    def add_rows(self, matrix: sparse.csr_array, lower: np.ndarray, upper: np.ndarray) -> None:
        """Rows below the others; the last basis stays, the new rows basic in it. They have no label."""
        matrix = sparse.csr_array(matrix)
        self.program = with_rows(self.program, matrix, lower, upper)
        self._certificate, self._last = None, None
        self.engine.addRows(
            matrix.shape[0], np.asarray(lower, float), np.asarray(upper, float), matrix.nnz,
            matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32), matrix.data,
        )  # fmt: skip

    def start(self, basis: Basis) -> None:
        """Begin the next solve at `basis`."""
        known = self._highspy.HighsBasisStatus
        codes = {AT_LOWER: known.kLower, BASIC: known.kBasic, AT_UPPER: known.kUpper, FREE: known.kZero}
        start = self._highspy.HighsBasis()
        start.col_status = [codes[int(c)] for c in basis.columns]
        start.row_status = [codes[int(c)] for c in basis.rows]
        start.valid = True
        self.engine.setBasis(start)

    def solve(self) -> Solution:
        """The optimum of the program as it stands, certified; or that there is none."""
        program = self.program
        m, n = program.matrix.shape
        if (program.lower > program.upper).any() or (program.row_lower > program.row_upper).any():
            if crossed(program.lower, program.upper) or crossed(program.row_lower, program.row_upper):
                return without(INFEASIBLE, m, n, "bounds")
            # bounds that meet, worked out in two ways
            self.change(upper=np.maximum(program.lower, program.upper), row_upper=np.maximum(program.row_lower, program.row_upper))
            program = self.program
        if program.quadratic is not None and self._last is not None:
            near = self._polished(self._last, "active set")
            if near.solved:
                self._last = near
                return near
        found = self._run()
        if found.status == UNCERTAIN:
            # from scratch: a basis carried through many changes may have been followed into a corner
            self.engine.clearSolver()
            again = self._run()
            found = again if again.status != UNCERTAIN or again.residuals.largest < found.residuals.largest else found
        # beside flat curvature HiGHS may call without end what has an optimum; a certified point says otherwise
        if found.status == UNCERTAIN or (found.status == UNBOUNDED and program.quadratic is not None):
            from opengames.solvers.clearing.interior import interior

            inside = interior(program)
            if inside is not None:
                better = self._judged(*inside, "interior point")
                if not better.solved:
                    better = self._polished(better, "interior point, polished")
                found = better if better.solved else found
        if found.solved:
            self._last = found
        return found

    def _run(self) -> Solution:
        known = self._highspy.HighsModelStatus
        m, n = self.program.matrix.shape
        self.engine.run()
        status = self.engine.getModelStatus()
        if status == known.kUnboundedOrInfeasible:
            self.engine.setOptionValue("presolve", "off")
            self.engine.run()
            status = self.engine.getModelStatus()
            self.engine.setOptionValue("presolve", "choose")
        if status == known.kInfeasible:
            return without(INFEASIBLE, m, n, "HiGHS")
        if status == known.kUnbounded:
            return without(UNBOUNDED, m, n, "HiGHS")
        point = self.engine.getSolution()
        if not point.value_valid or not point.dual_valid:
            return without(UNCERTAIN, m, n, "HiGHS")
        found = self._judged(np.array(point.col_value), np.array(point.row_dual), np.array(point.col_dual), "HiGHS")
        if found.status == UNCERTAIN:
            better = self._polished(found, "HiGHS, polished on its active set")
            if better.solved:
                return better
        return found

    def _judged(self, x: np.ndarray, y: np.ndarray, z: np.ndarray, engine: str) -> Solution:
        if self._certificate is None:
            self._certificate = Certificate(self.program)
        program, judge = self.program, self._certificate
        good, objective = judge.quickly(program, x, y, z, BAR)
        if good:
            residuals = Residuals.later(lambda: judge.one(program, x, y, z)[0])
        else:
            residuals, objective = judge.one(program, x, y, z)
            good = residuals.largest <= BAR
        return Solution(SOLVED if good else UNCERTAIN, x, y, z, objective, residuals, engine, held=self._held())

    def _polished(self, near: Solution, engine: str) -> Solution:
        from opengames.solvers.clearing.polish import polish

        if not (np.isfinite(near.x).all() and np.isfinite(near.y).all()):
            return near
        x, y, z = polish(self.program, near.x, near.y, near.z)
        return self._judged(x, y, z, engine)

    def _held(self) -> Callable[[], Basis | None] | None:
        """What reads the basis that HiGHS holds now."""
        held = self.engine.getBasis()
        if not held.valid or self.program.quadratic is not None:
            return None
        return lambda: Basis(np.array([int(s) for s in held.col_status], np.int8), np.array([int(s) for s in held.row_status], np.int8))

    def _pass_model(self) -> None:
        p, known = self.program, self._highspy
        m, n = p.matrix.shape
        matrix = p.matrix.tocsr()
        lp = known.HighsLp()
        lp.num_col_, lp.num_row_, lp.offset_ = n, m, 0.0
        lp.col_cost_, lp.col_lower_, lp.col_upper_ = (np.asarray(v, float) for v in (p.cost, p.lower, p.upper))
        lp.row_lower_, lp.row_upper_ = np.asarray(p.row_lower, float), np.asarray(p.row_upper, float)
        lp.a_matrix_.format_ = known.MatrixFormat.kRowwise
        lp.a_matrix_.num_col_, lp.a_matrix_.num_row_ = n, m
        lp.a_matrix_.start_ = matrix.indptr.astype(np.int32)
        lp.a_matrix_.index_ = matrix.indices.astype(np.int32)
        lp.a_matrix_.value_ = matrix.data.astype(float)
        if self.engine.passModel(lp) == known.HighsStatus.kError:
            raise ValueError("HiGHS does not take the program: a number in it is not finite, or too large")
        self._pass_quadratic()

    def _pass_quadratic(self) -> None:
        if self.program.quadratic is None:
            return
        # HiGHS takes the lower triangle, column by column, the diagonal first
        half = sparse.csc_array(sparse.tril(self.program.quadratic))
        half.sort_indices()
        known = self._highspy
        hessian = known.HighsHessian()
        hessian.dim_ = half.shape[0]
        hessian.format_ = known.HessianFormat.kTriangular
        hessian.start_ = half.indptr.astype(np.int32)
        hessian.index_ = half.indices.astype(np.int32)
        hessian.value_ = half.data
        if self.engine.passHessian(hessian) == known.HighsStatus.kError:
            raise ValueError("HiGHS does not take the quadratic term: it is not positive semidefinite")

    def _change_matrix(self, old: sparse.csr_array, new: sparse.csr_array) -> None:
        moved = sparse.coo_array(new - old)
        both = sparse.csr_array(new)
        for i, j, d in zip(moved.row, moved.col, moved.data, strict=True):
            if d:
                self.engine.changeCoeff(int(i), int(j), float(both[int(i), int(j)]))


def crossed(lower: np.ndarray, upper: np.ndarray) -> bool:
    """Whether a lower bound is above its upper one by more than rounding."""
    with np.errstate(invalid="ignore"):
        return bool((lower - upper > 1e-12 * (1.0 + abs(lower))).any())


def solve(program: Program) -> Solution:
    """The optimum of one program with its prices: `mixed` where there are whole numbers, else HiGHS."""
    if program.integer is not None and program.integer.any():
        from opengames.solvers.clearing.mixed import solve_mixed

        return solve_mixed(program)
    return Highs(program).solve()


__all__ = ["Highs", "crossed", "solve"]
