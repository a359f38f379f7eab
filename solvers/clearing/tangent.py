"""A clearing that answers near known optima by its derivatives: what carries a change through a whole model.

Derivatives of a question by a param are found by asking it at the param, and a hair to each side. Would each clearing be solved in floats
a hair away, rounding would drown the difference. Instead the first time remembers every optimum, and at the sides each clearing
answers what its linear system of bounds that are met says (`gradients`): exact but for rounding of the slope itself. Clearings after
clearings, loads that depend on prices before, and draws need nothing else.

Where that system does not decide what happens beside the optimum (a bound that is met by chance, several points or prices, whole numbers,
data that jump) the clearing is solved there anew, in rationals, where nothing is lost either. Whoever asks both sides sees whether they agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from opengames.clearings import SOLVED, Tally
from opengames.diagnostics import Refusal, refuse
from opengames.solvers.clearing.clearing import Cleared
from opengames.solvers.clearing.gradients import Sensitivity
from opengames.terms import Term

#: Data further away than this, relative, are no little change of what is known.
_NEAR = 1e-4
#: By how much an optimum in floats may differ from the one in rationals, relative, and still be the same.
_SAME = 1e-6


class InRationals:
    """A `opengames.clearings.Clearing` that never answers in floats. Raises `Refusal` (`no-certificate`) where there is no exact optimum."""

    def __init__(self, of: Cleared) -> None:
        self.of = of
        self.data: tuple[Term, ...] = of.data
        self.moves, self.prices = of.moves, of.prices
        self.tally = Tally()

    def exactly(self, data: Sequence[Any]) -> tuple[Fraction, ...]:
        """See `Clearing`: moves, then prices."""
        try:
            return self.of.exactly([Fraction(v) for v in data])
        except Refusal as refused:
            if not any(d.code == "not-yet" for d in refused.diagnostics):
                raise
            raise self._inexact() from refused

    def solve(self, data: Any) -> tuple[Any, Any]:
        """See `Clearing`."""
        rows = [[float(v) for v in self.exactly(tuple(row[: len(self.data)].tolist()))] for row in np.asarray(data, float)]
        return np.array(rows).reshape(len(rows), self.moves + self.prices), np.full(len(rows), SOLVED)

    def explain(self, data: Sequence[float]) -> Exception:
        """See `Clearing`."""
        return self.of.explain(data)

    def _inexact(self, *notes: str) -> Refusal:
        return refuse(
            "no-certificate", f"`{self.of.box.outs[0].name}` has no exact optimum here, and rounding would drown a derivative",
            span=self.of.box.at, notes=notes, help="change the param a little, or difference two answers further apart",
        )  # fmt: skip


@dataclass(frozen=True)
class _Known:
    """An optimum. here: its derivatives, or none where they do not decide what happens beside it, and why. numbers: moves and prices.
    slopes: of these, by the bytes of the direction in which the data moved."""

    here: Sensitivity | None
    why: tuple[str, ...]
    numbers: tuple[Fraction, ...]
    slopes: dict[bytes, np.ndarray]


class Tangent(InRationals):
    """One that learns optima, and after `learning` is set to False answers beside them.

    Raises `Refusal`: `kink` where an optimum has no derivative and no exact one beside it, and what `Cleared` refuses.
    """

    def __init__(self, of: Cleared) -> None:
        super().__init__(of)
        self.learning = True
        self._known: dict[tuple[Any, ...], _Known] = {}

    def exactly(self, data: Sequence[Any]) -> tuple[Fraction, ...]:
        """See `Clearing`: moves, then prices."""
        data = tuple(data)
        if self.learning and data not in self._known:
            self._known[data] = self._optimum(data)
        if data in self._known:
            return self._known[data].numbers
        near = min(self._known, key=lambda known: _far(known, data), default=None)
        if near is None or _far(near, data) > _NEAR:
            return super().exactly(data)
        base = self._known[near]
        if base.here is not None:
            return self._beside(base, [a - b for a, b in zip(data, near, strict=True)])
        try:
            return super().exactly(data)
        except Refusal as refused:
            if not any(d.code == "no-certificate" for d in refused.diagnostics):
                raise
            raise self._kink(base.why) from refused

    def kinks(self) -> list[str]:
        """What does not decide the derivatives of the optima known, in words."""
        return [f"`{self.of.box.outs[0].name}` is cleared at a kink: {_some(known.why)}" for known in self._known.values() if known.why]

    def _optimum(self, data: tuple[Any, ...]) -> _Known:
        floats = np.array([float(v) for v in data])
        try:
            here = Sensitivity(self.of.moving, floats)
        except ValueError as none:
            raise self.of.explain(floats.tolist()) from none
        own = self.of.answers(here.solution.x[None], here.solution.y[None])[0]
        try:
            numbers = super().exactly(data)
        except Refusal as refused:
            if any(d.code != "no-certificate" for d in refused.diagnostics):
                raise
            # in floats, as the question itself is answered
            found, status = self.of.solve(floats[None])
            if status[0] != SOLVED:
                raise self.of.explain(floats.tolist()) from refused
            numbers = tuple(map(Fraction, found[0].tolist()))
        else:
            if here.program.integer is not None:
                return _Known(None, ("whole numbers",), numbers, {})
        theirs = np.array([float(v) for v in numbers])
        other = () if (abs(theirs - own) <= _SAME * (1.0 + abs(own))).all() else ("several optima",)
        why = here.kinks + other
        return _Known(None if why else here, why, numbers, {})

    def _beside(self, base: _Known, off: list[Any]) -> tuple[Fraction, ...]:
        assert base.here is not None
        size = max(map(abs, off))
        direction = np.array([float(each / size) for each in off])
        slopes = base.slopes.get(direction.tobytes())
        if slopes is None:
            moved = base.here.along(direction)
            slopes = base.slopes[direction.tobytes()] = self.of.slopes(base.here.solution.y, moved.x, moved.y)
        return tuple(a + Fraction(b) * Fraction(size) for a, b in zip(base.numbers, slopes.tolist(), strict=True))

    def _kink(self, why: tuple[str, ...]) -> Refusal:
        return refuse(
            "kink", f"`{self.of.box.outs[0].name}` is cleared at a kink here, so derivatives to one side and to the other may differ",
            span=self.of.box.at, notes=(_some(why),), help="change the param a little",
        )  # fmt: skip


def _some(why: tuple[str, ...]) -> str:
    return f"met by chance, or not unique: {', '.join(why[:6])}{' ...' if len(why) > 6 else ''}"


def _far(one: tuple[Any, ...], other: tuple[Any, ...]) -> float:
    return max((abs(float(a - b)) / (1.0 + abs(float(a))) for a, b in zip(one, other, strict=True) if a != b), default=0.0)


__all__ = ["InRationals", "Tangent"]
