"""Convex programs in sparse form, and programs whose data moves: what a clearing is once it has been recognised.

A program is

    minimise    cost' x + 1/2 x' quadratic x + offset
    subject to  row_lower <= matrix x <= row_upper,   lower <= x <= upper,   x_j whole where integer_j

Duals follow from it: `y_i` is the derivative of the least cost by the bound of row `i` that binds, `z_j` the one by the bound of
column `j`, and at an optimum without whole numbers `cost + quadratic x = matrix' y + z`. A clearing maximises its decider's
earning, so its cost is the earning with the sign turned; a rule `a <= b` (or `==`, `>=`) is the row `a - b`, and what the language
calls `dual(rule)` is `-y`: never negative for `<=`, and for a balance `load == supply` the price of load.

Numbers are float64 in the base units of the model; `inf` stands for no bound.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class Block:
    """Consecutive rows, or columns, that the author knows under one name: `thermal[l in Line]`.

    index: the label of each, `()` for the one of a block without index: `(("AB",), ("AD",), ...)`.
    start: where it begins. unit: of the rows (or columns), for reports; "" where there is none.
    """

    name: str
    index: tuple[tuple[Any, ...], ...]
    start: int = 0
    unit: str = ""

    @property
    def stop(self) -> int:
        return self.start + len(self.index)

    def label(self, i: int) -> str:
        """How the author calls the `i`-th of the block: `thermal[AB]`."""
        keys = ", ".join(str(k) for k in self.index[i])
        return f"{self.name}[{keys}]" if keys else self.name


def label(blocks: tuple[Block, ...], i: int) -> str:
    """How the author calls row (or column) `i`."""
    for block in blocks:
        if block.start <= i < block.stop:
            return block.label(i - block.start)
    return f"#{i}"


@dataclass(frozen=True)
class Program:
    """See the module. matrix: CSR (m, n). quadratic: CSC (n, n), symmetric and positive semidefinite, or none.

    cost, lower, upper: (n,). row_lower, row_upper: (m,). integer: (n,) of bool, or none.
    """

    cost: np.ndarray
    matrix: sparse.csr_array
    row_lower: np.ndarray
    row_upper: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    quadratic: sparse.csc_array | None = None
    integer: np.ndarray | None = None
    offset: float = 0.0
    rows: tuple[Block, ...] = ()
    columns: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Moving:
    """A program that depends affinely on `d` numbers, its data: the structure is made once, the data moves.

    program: the program where all data is 0. Each `*_by` is CSR with a column for every number of the data, and says what one
    unit of it adds: cost_by (n, d), row_by (m, d) to both bounds of a row (`inf` stays), lower_by and upper_by (n, d).
    matrix_by: entries of the matrix that move, as (row, column, which number, factor) arrays of equal length; empty where the
    matrix is fixed, which is what makes many scenarios cheap.
    offset_by: (d,).
    names: of the numbers, for messages.
    """

    program: Program
    cost_by: sparse.csr_array
    row_by: sparse.csr_array
    lower_by: sparse.csr_array
    upper_by: sparse.csr_array
    offset_by: np.ndarray
    matrix_by: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] = field(
        default_factory=lambda: (np.zeros(0, int), np.zeros(0, int), np.zeros(0, int), np.zeros(0))
    )
    names: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many numbers move."""
        return self.cost_by.shape[1]

    @property
    def fixed_matrix(self) -> bool:
        return not len(self.matrix_by[0])

    def at(self, data: np.ndarray) -> Program:
        """The program at `data` (d,). Raises `ValueError` for data of another length."""
        data = np.asarray(data, float)
        if data.shape != (self.size,):
            raise ValueError(f"{data.shape} numbers for a program of {self.size}")
        here = self.program
        matrix = here.matrix
        if not self.fixed_matrix:
            row, column, which, factor = self.matrix_by
            matrix = (matrix + sparse.coo_array((factor * data[which], (row, column)), shape=matrix.shape)).tocsr()
        moved = self.row_by @ data
        return replace(
            here,
            cost=here.cost + self.cost_by @ data,
            matrix=matrix,
            row_lower=here.row_lower + moved,
            row_upper=here.row_upper + moved,
            lower=here.lower + self.lower_by @ data,
            upper=here.upper + self.upper_by @ data,
            offset=here.offset + float(self.offset_by @ data),
        )


def with_rows(program: Program, matrix: sparse.csr_array, lower: np.ndarray, upper: np.ndarray) -> Program:
    """The program with rows below the others, which have no label."""
    return replace(
        program, matrix=sparse.vstack([program.matrix, matrix]).tocsr(), row_lower=np.concatenate([program.row_lower, lower]),
        row_upper=np.concatenate([program.row_upper, upper]),
    )  # fmt: skip


def still(program: Program) -> Moving:
    """A program without data that moves."""
    m, n = program.matrix.shape
    return Moving(
        program, sparse.csr_array((n, 0)), sparse.csr_array((m, 0)), sparse.csr_array((n, 0)), sparse.csr_array((n, 0)),
        np.zeros(0),
    )  # fmt: skip


__all__ = ["Block", "Moving", "Program", "label", "still", "with_rows"]
