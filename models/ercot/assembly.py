"""Putting a program together block by block: columns, rows, and entries as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from opengames.solvers.clearing.program import Block, Program


class Assembly:
    """Blocks so far. Every method takes whole blocks; scalars are spread over them."""

    def __init__(self) -> None:
        self._columns: list[tuple[Block, np.ndarray, np.ndarray, np.ndarray]] = []
        self._rows: list[tuple[Block, np.ndarray, np.ndarray]] = []
        self._entries: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self.width = self.height = 0

    def columns(
        self, name: str, index: Sequence[tuple[Any, ...]], lower: Any, upper: Any, cost: Any = 0.0, unit: str = "MW"
    ) -> np.ndarray:
        """New columns, one for each entry of `index`; gives their positions."""
        many = len(index)
        if not many:
            return np.zeros(0, int)
        block = Block(name, tuple(index), self.width, unit)
        self._columns.append((block, _spread(lower, many), _spread(upper, many), _spread(cost, many)))
        self.width += many
        return np.arange(block.start, self.width)

    def rows(self, name: str, index: Sequence[tuple[Any, ...]], lower: Any, upper: Any, unit: str = "MW") -> np.ndarray:
        """New rows; gives their positions."""
        many = len(index)
        if not many:
            return np.zeros(0, int)
        block = Block(name, tuple(index), self.height, unit)
        self._rows.append((block, _spread(lower, many), _spread(upper, many)))
        self.height += many
        return np.arange(block.start, self.height)

    def add(self, row: Any, column: Any, value: Any = 1.0) -> None:
        """Entries of the matrix, numbers or arrays (k,) that go together; those at one place add up."""
        many = np.size(row) if np.ndim(row) else np.size(column)
        if many:
            self._entries.append((_spread(row, many), _spread(column, many), _spread(value, many)))

    def program(self) -> Program:
        column = [np.concatenate([each[i] for each in self._columns] or [np.zeros(0)]) for i in (1, 2, 3)]
        row = [np.concatenate([each[i] for each in self._rows] or [np.zeros(0)]) for i in (1, 2)]
        i, j, value = (np.concatenate([each[k] for each in self._entries] or [np.zeros(0)]) for k in range(3))
        matrix = sparse.coo_array((value, (i.astype(np.int32), j.astype(np.int32))), shape=(self.height, self.width)).tocsr()
        return Program(
            cost=column[2], matrix=matrix, row_lower=row[0], row_upper=row[1], lower=column[0], upper=column[1],
            rows=tuple(each[0] for each in self._rows), columns=tuple(each[0] for each in self._columns),
        )  # fmt: skip


def _spread(value: Any, many: int) -> np.ndarray:
    """One number for all, or one each. Raises `ValueError` for another many."""
    if np.ndim(value) == 0:
        return np.full(many, value, float)
    if np.shape(value) != (many,):
        raise ValueError(f"{np.shape(value)} numbers for {many} places")
    return np.asarray(value, float)


__all__ = ["Assembly"]
