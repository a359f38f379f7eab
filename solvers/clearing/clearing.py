"""A recognised decision that is solved: moves and prices of many members, of one in rationals, and why there are none.

The sign of a price: `dual(rule)` is what one more unit on the right-hand side of the rule is worth to the decider, `-y` of its row.
Of a chain, or of `abs`, it is the sum over the comparisons that it is made of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from opengames.clearings import SOLVED, Tally
from opengames.diagram import Decide, Diagram
from opengames.program import Program
from opengames.solvers.clearing.assemble import in_reach, moving, rounded
from opengames.solvers.clearing.program import Moving
from opengames.solvers.clearing.recognise import Recognised, recognise
from opengames.solvers.clearing.ties import Ties
from opengames.terms import Term


class Cleared:
    """A `opengames.clearings.Clearing`. moving: its program, for engines and reports; read: how it was recognised."""

    def __init__(self, program: Program, diagram: Diagram, box: Decide, params: Mapping[str, Any]) -> None:
        self.made_of = (program, diagram, box, params)
        self.box = box
        self.read: Recognised = recognise(program, diagram, box, params)
        in_reach(self.read.pieces, box)
        self.moving: Moving = moving(self.read.pieces)
        self.data: tuple[Term, ...] = self.read.pieces.data
        self.moves: int = self.read.columns.moves
        self.prices: int = self.read.prices
        self._row, self._price = prices_of(self.read)
        self.tally = Tally()
        self.quadratic = self.moving.program.quadratic is not None

    def solve(self, data: Any) -> tuple[Any, Any]:
        """See `Clearing`."""
        settled = self.ties.solve(np.asarray(data, float))
        good = settled.status == SOLVED
        found = np.full((len(good), self.moves + self.prices), np.nan)
        found[good] = self.answers(settled.x[good], settled.y[good])
        largest = float(settled.residual[good].max(initial=0.0))
        self.tally.add(len(good), settled.engines, largest, int((~settled.unique[good]).sum()))
        return found, settled.status

    def answers(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Moves and prices from columns (members, n) and duals of rows (members, m)."""
        columns = self.read.columns
        moves = columns.shift + columns.step * x[:, : self.moves]
        two = self.read.pieces.two_sided[self._row]
        mine = y[:, self._row]
        prices = np.zeros((len(x), self.prices))
        # a place may have several rows; unbuffered, so that all of them count
        np.add.at(prices.T, self._price, np.where(two != 0, two * np.abs(mine), -mine).T)
        return np.concatenate((moves, prices), axis=1)

    def exactly(self, data: Sequence[Fraction]) -> tuple[Fraction, ...]:
        """See `Clearing`."""
        from opengames.solvers.clearing.exactly import exactly

        return exactly(self, data)

    def explain(self, data: Sequence[float]) -> Exception:
        """See `Clearing`."""
        from opengames.solvers.clearing.explain import explain

        # a simulation without data hands over one number all the same
        return explain(self, np.asarray(data, float)[: len(self.data)])

    @cached_property
    def ties(self) -> Ties:
        """Solves members so that ties are decided by a rule."""
        return Ties(self.moving, self.asked(self.read))

    @staticmethod
    def asked(read: Recognised) -> np.ndarray:
        """(m,) whether the dual of a row's rule is asked for."""
        return np.isin(read.pieces.rule, [k for k, _, _ in read.priced])

    @cached_property
    def fractions(self) -> Recognised:
        """The same program in rationals."""
        return recognise(*self.made_of, number=Fraction)

    @cached_property
    def rough(self) -> Moving:
        """The program in rationals, rounded: row for row the same."""
        return moving(rounded(self.fractions.pieces))

    @cached_property
    def in_rows(self) -> Recognised:
        """The program with every rule a row, for explanations by name."""
        return recognise(*self.made_of, bounds=False)


def prices_of(read: Recognised) -> tuple[np.ndarray, np.ndarray]:
    """(rows, prices): each row of a rule whose dual is asked for, and the number that it adds to."""
    rows, prices = [], []
    for rule, start, _ in read.priced:
        mine = np.flatnonzero(read.pieces.rule == rule)
        rows.append(mine)
        prices.append(start + read.pieces.place[mine])
    if not rows:
        return np.zeros(0, int), np.zeros(0, int)
    return np.concatenate(rows), np.concatenate(prices)


__all__ = ["Cleared", "prices_of"]
