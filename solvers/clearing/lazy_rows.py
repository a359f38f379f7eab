"""Programs with thousands of rows of which a handful bind: rows come in only once a point misses them.

    engine = Lazily(program)
    engine.solve()                                   # a Solution of the whole program
    engine.change(row_lower=..., row_upper=...)      # rows that came in stay for the next solve

The optimum with some of the rows is the optimum with all of them as soon as it misses none, and the prices of those left out are 0.
That is exact: the residuals handed back are those of the whole program. Shift factors of a network are the case in mind, where every
row is dense and thousands of limits cost more to carry than to check.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from opengames.clearings import INFEASIBLE, SOLVED, UNCERTAIN
from opengames.solvers.clearing.certificate import Certificate
from opengames.solvers.clearing.highs import Highs
from opengames.solvers.clearing.program import Program
from opengames.solvers.clearing.solution import BAR, BASIC, Basis, Residuals, Solution

_AT_ONCE = 50
_ROUNDS = 60


class Lazily:
    """A program without whole numbers of which only some rows are kept in HiGHS. always: (m,) bool, rows that are there from the start;
    equations unless told."""

    def __init__(self, program: Program, always: np.ndarray | None = None) -> None:
        first = program.row_lower == program.row_upper if always is None else np.asarray(always, bool)
        self.program = program
        self.rows = np.flatnonzero(first)
        self.rounds = 0
        self._certificate = Certificate(program)
        self._engine = Highs(_only(program, self.rows))

    def change(self, **parts: Any) -> None:
        """New `cost`, `row_lower`, `row_upper`, `lower`, `upper` (of the whole program), or `offset`."""
        self.program = replace(self.program, **parts)
        inner = {name: part[self.rows] if name in ("row_lower", "row_upper") else part for name, part in parts.items()}
        self._engine.change(**inner)

    def solve(self) -> Solution:
        """The optimum of the whole program. `rounds` says afterwards how many programs that took."""
        program = self.program
        for self.rounds in range(1, _ROUNDS + 1):
            found = self._engine.solve()
            if not found.solved:
                # fewer rules cannot hold together, or the cost falls for ever: rows may still stop that
                return self._without(found)
            value = self._values(found.x)
            missed = np.maximum(program.row_lower - value, value - program.row_upper) / (1.0 + abs(value))
            missed[self.rows] = 0.0
            late = np.flatnonzero(missed > 0.1 * BAR)
            if not len(late):
                return self._whole(found)
            self._add(late[np.argsort(-missed[late])[:_AT_ONCE]])
        return replace(self._whole(found), status=UNCERTAIN)

    def _values(self, x: np.ndarray) -> np.ndarray:
        dense = self._certificate.dense
        return self.program.matrix @ x if dense is None else dense @ x

    def _add(self, late: np.ndarray) -> None:
        p = self.program
        self._engine.add_rows(p.matrix[late], p.row_lower[late], p.row_upper[late])
        self.rows = np.concatenate([self.rows, late])

    def _without(self, found: Solution) -> Solution:
        """A status that more rows cannot change, or the whole program to be sure."""
        if found.status == INFEASIBLE:
            return replace(found, y=np.full(len(self.program.row_lower), np.nan), held=None)
        whole = Highs(self.program)
        return whole.solve()

    def _whole(self, found: Solution) -> Solution:
        p = self.program
        y = np.zeros(len(p.row_lower))
        y[self.rows] = found.y
        good, objective = self._certificate.quickly(p, found.x, y, found.z, BAR)
        judge = self._certificate
        residuals = Residuals.later(lambda: judge.one(p, found.x, y, found.z)[0])
        good = good or residuals.largest <= BAR
        rows = self.rows.copy()

        def held() -> Basis | None:
            inner = found.basis
            if inner is None:
                return None
            codes = np.full(len(y), BASIC, np.int8)
            codes[rows] = inner.rows
            return Basis(inner.columns, codes)

        return replace(
            found, status=SOLVED if good else UNCERTAIN, y=y, objective=objective, residuals=residuals, held=held,
            engine=f"{found.engine}, {len(rows)} of {len(y)} rows",
        )  # fmt: skip


def _only(program: Program, rows: np.ndarray) -> Program:
    return replace(
        program, matrix=program.matrix[rows], row_lower=program.row_lower[rows], row_upper=program.row_upper[rows], rows=(), integer=None
    )  # fmt: skip


__all__ = ["Lazily"]
