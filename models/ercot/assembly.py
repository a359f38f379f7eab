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
        block = Block(name, tuple(index), self.width, unit)
        self._columns.append((block, *(np.broadcast_to(np.asarray(each, float), (many,)) for each in (lower, upper, cost))))
        self.width += many
        return np.arange(block.start, self.width)

    def rows(self, name: str, index: Sequence[tuple[Any, ...]], lower: Any, upper: Any, unit: str = "MW") -> np.ndarray:
        """New rows; gives their positions."""
        many = len(index)
        block = Block(name, tuple(index), self.height, unit)
        self._rows.append((block, *(np.broadcast_to(np.asarray(each, float), (many,)) for each in (lower, upper))))
        self.height += many
        return np.arange(block.start, self.height)

    def add(self, row: Any, column: Any, value: Any = 1.0) -> None:
        """Entries of the matrix; those at one place add up."""
        row, column, value = np.broadcast_arrays(np.asarray(row), np.asarray(column), np.asarray(value, float))
        self._entries.append((row.ravel(), column.ravel(), value.ravel()))

    def program(self) -> Program:
        column = [np.concatenate([each[i] for each in self._columns] or [np.zeros(0)]) for i in (1, 2, 3)]  # type: ignore[misc]
        row = [np.concatenate([each[i] for each in self._rows] or [np.zeros(0)]) for i in (1, 2)]  # type: ignore[misc]
        i, j, value = (np.concatenate([each[k] for each in self._entries] or [np.zeros(0)]) for k in range(3))
        matrix = sparse.coo_array((value, (i.astype(np.int32), j.astype(np.int32))), shape=(self.height, self.width)).tocsr()
        return Program(
            cost=column[2], matrix=matrix, row_lower=row[0], row_upper=row[1], lower=column[0], upper=column[1],
            rows=tuple(each[0] for each in self._rows), columns=tuple(each[0] for each in self._columns),
        )  # fmt: skip


__all__ = ["Assembly"]
