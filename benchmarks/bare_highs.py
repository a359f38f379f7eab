"""HiGHS alone on a program of ours: the peer of whatever clears."""

from __future__ import annotations

from typing import Any

from opengames.solvers.clearing.program import Program


def engine(program: Program, presolve: str) -> Any:
    """HiGHS with a program in it, nothing solved."""
    import highspy

    made = highspy.Highs()
    for name, value in (("output_flag", False), ("threads", 1), ("presolve", presolve)):
        made.setOptionValue(name, value)
    lp = highspy.HighsLp()
    lp.num_row_, lp.num_col_ = program.matrix.shape
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = program.cost, program.lower, program.upper
    lp.row_lower_, lp.row_upper_ = program.row_lower, program.row_upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = program.matrix.indptr, program.matrix.indices, program.matrix.data
    made.passModel(lp)
    return made


def bare(program: Program, presolve: str) -> float:
    """HiGHS alone: hand the program over, solve, read the objective."""
    made = engine(program, presolve)
    made.run()
    return float(made.getInfo().objective_function_value) + program.offset
