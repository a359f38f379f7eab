"""Programs with whole numbers: the best whole numbers first, then the prices of the program in which they stay.

A program with whole numbers has no duals of its own. As in the markets that decide commitment, the whole numbers are found, held
at what was found, and the prices are those of what is left; so they do not count what another whole number would change. The
solution says so (`whole`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from opengames.clearings import INFEASIBLE, UNBOUNDED, UNCERTAIN
from opengames.diagnostics import refuse
from opengames.solvers.clearing.highs import Highs
from opengames.solvers.clearing.program import Program
from opengames.solvers.clearing.solution import Solution, without

_EXACT: dict[str, Any] = {"mip_rel_gap": 1e-9, "mip_abs_gap": 1e-9, "mip_feasibility_tolerance": 1e-9}


def solve_mixed(program: Program) -> Solution:
    """The optimum over whole numbers; prices with them held. Raises `Refusal` (`not-yet`) for a quadratic cost: HiGHS decides whole
    numbers of linear programs only."""
    assert program.integer is not None
    m, n = program.matrix.shape
    if program.quadratic is not None and program.quadratic.nnz:
        raise refuse(
            "not-yet", "whole numbers and a quadratic earning are not decided together",
            help="make the earning piecewise linear, or the decided numbers real",
        )  # fmt: skip
    engine = Highs(program, _EXACT)
    import highspy

    which = np.flatnonzero(program.integer).astype(np.int32)
    engine.engine.changeColsIntegrality(len(which), which, np.full(len(which), int(highspy.HighsVarType.kInteger), np.uint8))
    engine.engine.run()
    status, known = engine.engine.getModelStatus(), highspy.HighsModelStatus
    if status == known.kUnboundedOrInfeasible:
        engine.engine.setOptionValue("presolve", "off")
        engine.engine.run()
        status = engine.engine.getModelStatus()
    if status in (known.kInfeasible, known.kUnbounded):
        return without(INFEASIBLE if status == known.kInfeasible else UNBOUNDED, m, n, "HiGHS, whole numbers")
    point = engine.engine.getSolution()
    if status != known.kOptimal or not point.value_valid:
        return without(UNCERTAIN, m, n, "HiGHS, whole numbers")
    found = np.array(point.col_value)
    held = np.round(found[which])
    lower, upper = program.lower.copy(), program.upper.copy()
    lower[which] = upper[which] = held
    fixed = Highs(replace(program, lower=lower, upper=upper)).solve()
    return replace(fixed, engine="HiGHS, whole numbers first, then held", whole=True)


__all__ = ["solve_mixed"]
