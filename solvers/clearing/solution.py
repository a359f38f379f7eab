"""What an engine hands back about a program: a point, its prices, and how far both are from optimal.

Every optimum carries the residuals of its optimality conditions, worked out apart from the engine that found it, and is called
solved only where they are within `BAR`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from opengames.clearings import INFEASIBLE, SOLVED, UNBOUNDED, UNCERTAIN

#: The largest relative residual of an optimum that is called solved.
BAR = 1e-9

#: How each column or row stands in a basis.
AT_LOWER, BASIC, AT_UPPER, FREE = 0, 1, 2, 3

WORDS = {SOLVED: "solved", INFEASIBLE: "infeasible", UNBOUNDED: "unbounded", UNCERTAIN: "uncertain"}


@dataclass(frozen=True)
class Residuals:
    """How far a point and its prices are from the conditions of an optimum: relative numbers, and as measured.

    primal: how much a row or bound is missed. dual: how much a cost is not made up of prices, or a price has the wrong sign.
    complementarity: the smaller of the price and the slack of each row and bound, the largest of them. gap: between the cost
    and what the prices prove about the least cost.

    Relative: primal over 1 + the sizes of the terms of the row, dual over 1 + those of the column, gap over 1 + those of both costs.
    """

    primal: float
    dual: float
    complementarity: float
    gap: float
    absolute: tuple[float, float, float, float] = field(default_factory=lambda: (0.0, 0.0, 0.0, 0.0))

    @classmethod
    def later(cls, measure: Callable[[], Residuals]) -> Residuals:
        """Those that `measure` gives, once one of them is asked for."""
        self = object.__new__(cls)
        object.__setattr__(self, "_measure", measure)
        return self

    def __getattr__(self, name: str) -> Any:
        if name not in self.__dataclass_fields__:
            raise AttributeError(name)
        self.__dict__.update(self.__dict__.pop("_measure")().__dict__)
        return self.__dict__[name]

    @property
    def largest(self) -> float:
        """The largest relative one: what is compared to `BAR`."""
        return max(self.primal, self.dual, self.complementarity, self.gap)


#: Where there is no point to speak of.
NOTHING = Residuals(np.inf, np.inf, np.inf, np.inf, (np.inf,) * 4)


@dataclass(frozen=True)
class Basis:
    """Which columns and rows are basic, and at which of its bounds each of the others is: codes above. columns: (n,). rows: (m,)."""

    columns: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True)
class Solution:
    """status: of `opengames.clearings`. x: (n,). y: (m,) prices of rows, z: (n,) prices of bounds, signed as in `program`.

    objective: the least cost. engine: what found it, in words for a report. held: gives the basis, which costs a little to read.
    whole: whether whole numbers were decided first and then held: x is the best, and the prices are those of the program in
    which they stay as they are. gap: by how much the best whole numbers may cost less, by the engine's bound, relative to 1 + the
    sizes of the terms of the cost; 0 without whole numbers. Where there is no optimum x, y and z are NaN.
    """

    status: int
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    objective: float
    residuals: Residuals
    engine: str
    whole: bool = False
    gap: float = 0.0
    held: Callable[[], Basis | None] | None = field(default=None, repr=False, compare=False)

    @cached_property
    def basis(self) -> Basis | None:
        """Of a linear program at a vertex, else none."""
        return None if self.held is None else self.held()

    @property
    def solved(self) -> bool:
        return self.status == SOLVED

    @property
    def word(self) -> str:
        """The status as one says it."""
        return WORDS[self.status]


def without(status: int, rows: int, columns: int, engine: str) -> Solution:
    """The solution of a program that has none."""
    return Solution(
        status, np.full(columns, np.nan), np.full(rows, np.nan), np.full(columns, np.nan), np.nan, NOTHING, engine
    )


__all__ = ["AT_LOWER", "AT_UPPER", "BAR", "BASIC", "FREE", "NOTHING", "WORDS", "Basis", "Residuals", "Solution", "without"]
