"""What the engines of clearing refuse, each under its code."""

from __future__ import annotations


def _kink():
    import numpy as np
    from scipy import sparse

    from opengames.solvers.clearing.gradients import Sensitivity
    from opengames.solvers.clearing.program import Block, Moving, Program

    # a load of exactly what the cheaper of two offers can serve
    program = Program(
        np.array([20.0, 30.0]), sparse.csr_array([[1.0, 1.0]]), np.zeros(1), np.zeros(1), np.zeros(2), np.full(2, 10.0),
        rows=(Block("balance", ((),)),), columns=(Block("p", (("coal",), ("gas",))),),
    )  # fmt: skip
    none = sparse.csr_array((2, 1))
    moving = Moving(program, none, sparse.csr_array([[1.0]]), none, none, np.zeros(1))
    Sensitivity(moving, np.array([10.0])).along(np.ones(1))


ENGINES = {"kink": _kink}
