"""A clearing that answers near known optima by its derivatives: what carries a change through a whole model.

Derivatives of a question by a param are found by asking it three times: at the param, and a hair to each side. Would each clearing be solved anew a hair
away, rounding would drown the difference. Instead the first time remembers every optimum, and at the sides each clearing
answers what its linear system of bounds that are met says (`gradients`): exact but for rounding of the slope itself. Clearings after
clearings, loads that depend on prices before, and draws need nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from opengames.clearings import SOLVED, Tally
from opengames.diagnostics import refuse
from opengames.solvers.clearing.clearing import Cleared
from opengames.solvers.clearing.gradients import Sensitivity
from opengames.terms import Term


class Tangent:
    """A `opengames.clearings.Clearing` that learns optima, and after `learning` is set to False answers beside them.

    Raises `Refusal`: `kink` where an optimum has no derivative in the direction asked for, and what `Cleared` refuses.
    """

    def __init__(self, of: Cleared) -> None:
        self.of = of
        self.data: tuple[Term, ...] = of.data
        self.moves, self.prices = of.moves, of.prices
        self.tally = Tally()
        self.learning = True
        self._known: dict[tuple[Any, ...], tuple[Sensitivity, np.ndarray]] = {}

    def exactly(self, data: Sequence[Any]) -> tuple[Fraction, ...]:
        """See `Clearing`: moves, then prices."""
        data = tuple(data)
        if self.learning and data not in self._known:
            self._known[data] = self._optimum(data)
        base = data if data in self._known else min(self._known, key=lambda known: _far(known, data))
        here, numbers = self._known[base]
        off = np.array([float(a - b) for a, b in zip(data, base, strict=True)])
        return tuple(map(Fraction, numbers.tolist())) if not off.any() else self._beside(here, numbers, off)

    def solve(self, data: Any) -> tuple[Any, Any]:
        """See `Clearing`."""
        rows = [[float(v) for v in self.exactly(tuple(row[: len(self.data)].tolist()))] for row in np.asarray(data, float)]
        return np.array(rows).reshape(len(rows), self.moves + self.prices), np.full(len(rows), SOLVED)

    def explain(self, data: Sequence[float]) -> Exception:
        """See `Clearing`."""
        return self.of.explain(data)

    def _optimum(self, data: tuple[Any, ...]) -> tuple[Sensitivity, np.ndarray]:
        numbers = np.array([float(v) for v in data])
        try:
            here = Sensitivity(self.of.moving, numbers)
        except ValueError as none:
            raise self.of.explain(numbers.tolist()) from none
        return here, self.of.answers(here.solution.x[None], here.solution.y[None])[0]

    def _beside(self, here: Sensitivity, numbers: np.ndarray, off: np.ndarray) -> tuple[Fraction, ...]:
        if here.kinks:
            some = ", ".join(here.kinks[:6]) + (" ..." if len(here.kinks) > 6 else "")
            raise refuse(
                "kink", f"`{self.of.box.outs[0].name}` is cleared at a kink here, so derivatives to one side and to the other differ",
                span=self.of.box.at, notes=(f"met by chance, or not unique: {some}",), help="change the param a little",
            )  # fmt: skip
        size = float(abs(off).max())
        moved = here.along(off / size)
        slopes = self.of.slopes(here.solution.y, moved.x, moved.y)
        return tuple(Fraction(a) + Fraction(b) * Fraction(size) for a, b in zip(numbers.tolist(), slopes.tolist(), strict=True))


def _far(one: tuple[Any, ...], other: tuple[Any, ...]) -> float:
    return sum(abs(float(a - b)) / (1.0 + abs(float(a))) for a, b in zip(one, other, strict=True))


__all__ = ["Tangent"]
