"""A recognised decision that is solved: moves and prices of many members, of one in rationals, and why there are none.

The sign of a price: `dual(rule)` is what one more unit on the right-hand side of the rule is worth to the decider, `-y` of its row.
Of a chain, or of `abs`, it is the sum over the comparisons that it is made of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
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
from opengames.solvers.clearing.uniqueness import Doubts
from opengames.terms import Term


class Cleared:
    """A `opengames.clearings.Clearing`. moving: its program, for engines and reports; read: how it was recognised. free: params that are
    data, not built into the program."""

    def __init__(
        self, program: Program, diagram: Diagram, box: Decide, params: Mapping[str, Any], free: frozenset[str] = frozenset()
    ) -> None:
        self.made_of = (program, diagram, box, params)
        self.free = free
        self.box = box
        self.read: Recognised = recognise(program, diagram, box, params, moving=free)
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
        data = np.asarray(data, float)
        settled = self.ties.solve(data)
        good = settled.status == SOLVED
        found = np.full((len(good), self.moves + self.prices), np.nan)
        found[good] = self.answers(settled.x[good], settled.y[good])
        largest = float(settled.residual[good].max(initial=0.0))
        gap = settled.gap if self.ties.whole else None
        doubtful = good & ~settled.unique
        self.tally.add(len(good), settled.engines, largest, int(doubtful.sum()), gap)
        self._doubts.keep(data[doubtful, : self.moving.size], settled.x[doubtful], settled.y[doubtful])
        return found, settled.status

    def kinked(self, first: int) -> tuple[int, int]:
        """See `Clearing`."""
        return self._doubts.since(first)

    @cached_property
    def _doubts(self) -> Doubts:
        return Doubts(self.moving, self._row.tolist())

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

    def slopes(self, y: np.ndarray, by_x: np.ndarray, by_y: np.ndarray) -> np.ndarray:
        """How moves and prices change (moves + prices,) where columns (n,) and duals of rows (m,) change by as much, at the duals y."""
        two = self.read.pieces.two_sided[self._row]
        prices = np.zeros(self.prices)
        np.add.at(prices, self._price, np.where(two != 0, two * np.sign(y[self._row]), -1.0) * by_y[self._row])
        return np.concatenate((self.read.columns.step * by_x[: self.moves], prices))

    def exactly(self, data: Sequence[Fraction]) -> tuple[Fraction, ...]:
        """See `Clearing`."""
        from opengames.solvers.clearing.exactly import exactly

        return exactly(self, data)

    def ends(self, data: Sequence[float]) -> np.ndarray:
        """Between which numbers each price lies at some data: (prices, 2), least and most, equal where it is unique.

        Where a price adds up several rows, their ends are added, which may reach further than the price does. Raises `Refusal` where
        there is no optimum.
        """
        from opengames.solvers.clearing.highs import solve
        from opengames.solvers.clearing.kinks import intervals

        here = self.moving.at(np.asarray(data, float))
        found = solve(here)
        if not found.solved:
            raise self.explain(data)
        if found.whole:
            assert here.integer is not None
            held = np.round(found.x[here.integer])
            lower, upper = here.lower.copy(), here.upper.copy()
            lower[here.integer] = upper[here.integer] = held
            here = replace(here, lower=lower, upper=upper, integer=None)
        between = intervals(here, found, self._row.tolist())
        two = self.read.pieces.two_sided[self._row]
        sizes = np.sort(np.abs(np.stack((between.least, between.most))), axis=0)
        # a row with two bounds has a price of one sign, unless both meet
        sizes[0] = np.where((between.least < 0) & (between.most > 0), 0.0, sizes[0])
        ends = np.zeros((self.prices, 2))
        np.add.at(ends[:, 0], self._price, np.where(two == 0, -between.most, np.where(two > 0, sizes[0], -sizes[1])))
        np.add.at(ends[:, 1], self._price, np.where(two == 0, -between.least, np.where(two > 0, sizes[1], -sizes[0])))
        return ends

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
        return recognise(*self.made_of, number=Fraction, moving=self.free)

    @cached_property
    def rough(self) -> Moving:
        """The program in rationals, rounded: row for row the same."""
        return moving(rounded(self.fractions.pieces))

    @cached_property
    def rough_ties(self) -> Ties:
        """As `ties`, of the program in rationals."""
        return Ties(self.rough, self.asked(self.fractions))

    @cached_property
    def in_rows(self) -> Recognised:
        """The program with every rule a row, for explanations by name."""
        return recognise(*self.made_of, bounds=False, moving=self.free)


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
