"""Programs with whole numbers: the best whole numbers first, then the prices of the program in which they stay.

A program with whole numbers has no duals of its own. As in the markets that decide commitment, the whole numbers are found, held
at what was found, and the prices are those of what is left; so they do not count what another whole number would change. The
solution says so (`whole`), and how far from the best they may be by the engine's bound (`gap`). With a quadratic cost they are found
by linear programs below it (`tangents`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from opengames.clearings import INFEASIBLE, SOLVED, UNBOUNDED, UNCERTAIN
from opengames.solvers.clearing.highs import Highs, crossed
from opengames.solvers.clearing.program import Program
from opengames.solvers.clearing.solution import BAR, Solution, without

_EXACT: dict[str, Any] = {
    "mip_rel_gap": 1e-9, "mip_abs_gap": 1e-9, "mip_feasibility_tolerance": 1e-9, "small_matrix_value": 1e-12,
    # looks for a first point where one is easily had, and takes five times as long as all else in small programs
    "mip_heuristic_run_feasibility_jump": False,
}  # fmt: skip
_LOOSER = 1e-7
ENGINE = "HiGHS"


def solve_mixed(program: Program) -> Solution:
    """The optimum over whole numbers; prices with them held."""
    assert program.integer is not None
    m, n = program.matrix.shape
    if crossed(program.lower, program.upper) or crossed(program.row_lower, program.row_upper):
        return without(INFEASIBLE, m, n, "bounds")
    # bounds that meet, worked out in two ways
    program = replace(
        program, upper=np.maximum(program.lower, program.upper), row_upper=np.maximum(program.row_lower, program.row_upper)
    )  # fmt: skip
    if program.quadratic is not None and program.quadratic.nnz:
        from opengames.solvers.clearing.tangents import solve_curved

        return solve_curved(program)
    found = Whole(program).solve()
    if found.status != SOLVED:
        return without(found.status, m, n, ENGINE)
    held = Highs(held_at(program, np.round(found.x[program.integer]))).solve()
    if not held.solved:
        # whole numbers that leave no point are whole only up to rounding
        return replace(held, status=UNCERTAIN, engine=ENGINE, whole=True)
    gap = relative_gap(program, held, found.bound + program.offset)
    return replace(held, status=SOLVED if gap <= BAR else UNCERTAIN, engine=ENGINE, whole=True, gap=gap)


def held_at(program: Program, held: np.ndarray) -> Program:
    """The program with its whole numbers at `held`, in the order of its columns."""
    assert program.integer is not None
    lower, upper = program.lower.copy(), program.upper.copy()
    lower[program.integer] = upper[program.integer] = held
    return replace(program, lower=lower, upper=upper, integer=None)


def relative_gap(program: Program, found: Solution, lower: float) -> float:
    """How far a point is from `lower`, which nothing costs less than, relative to 1 + the sizes of the terms of its cost: a bound
    that is above the cost is as wrong as one that is below."""
    bent = 0.0 if program.quadratic is None else 0.5 * float(found.x @ (program.quadratic @ found.x))
    size = 1.0 + float(abs(program.cost) @ abs(found.x)) + abs(bent)
    return abs(found.objective - lower) / size


@dataclass(frozen=True)
class Best:
    """status: of `opengames.clearings`. x: (n,) a point whose whole numbers are the best, as near to whole as the engine keeps them;
    bound: what no point costs less than, by the engine, without the program's offset."""

    status: int
    x: np.ndarray
    bound: float


class Whole:
    """A linear program with whole numbers in HiGHS; rows may be added between solves. nodes: how many it may look at, none for all."""

    def __init__(self, program: Program, nodes: int | None = None) -> None:
        import highspy

        assert program.integer is not None
        self._known = highspy.HighsModelStatus
        self._size = len(program.cost)
        self._highs = Highs(program, _EXACT if nodes is None else {**_EXACT, "mip_max_nodes": nodes})
        which = np.flatnonzero(program.integer).astype(np.int32)
        kinds = np.full(len(which), int(highspy.HighsVarType.kInteger), np.uint8)
        self._highs.engine.changeColsIntegrality(len(which), which, kinds)

    def add_rows(self, matrix: sparse.csr_array, lower: np.ndarray, upper: np.ndarray) -> None:
        """Rows below the others."""
        self._highs.add_rows(matrix, lower, upper)

    def solve(self) -> Best:
        """The optimum as the engine finds it; with a limit of nodes, the best point and bound so far, which are uncertain."""
        engine, known = self._highs.engine, self._known
        engine.run()
        status = engine.getModelStatus()
        if status == known.kUnboundedOrInfeasible:
            engine.setOptionValue("presolve", "off")
            engine.run()
            status = engine.getModelStatus()
            engine.setOptionValue("presolve", "choose")
        if status == known.kSolveError:
            # rows of large numbers are missed by more than what is asked; the point is judged once its whole numbers are held
            engine.setOptionValue("primal_feasibility_tolerance", _LOOSER)
            engine.run()
            status = engine.getModelStatus()
        point = engine.getSolution()
        if status == known.kOptimal and point.value_valid:
            info = engine.getInfo()
            return Best(SOLVED, np.array(point.col_value), float(info.mip_dual_bound))
        if status == known.kSolutionLimit and point.value_valid:
            return Best(UNCERTAIN, np.array(point.col_value), float(engine.getInfo().mip_dual_bound))
        words = {known.kInfeasible: INFEASIBLE, known.kUnbounded: UNBOUNDED}
        return Best(words.get(status, UNCERTAIN), np.full(self._size, np.nan), -np.inf)


__all__ = ["ENGINE", "Best", "Whole", "held_at", "relative_gap", "solve_mixed"]
