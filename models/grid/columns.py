"""What a clearing decides, as columns: outputs of units and flows of direct-current lines, each cut into the pieces of its cost.

A *mover* is a unit or a direct-current line, units first: one number of megawatts that puts power in at a bus, or takes it out at one
and puts most of it in at another.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from opengames.diagnostics import refuse
from opengames.models.grid.network import Network


class Columns:
    """One column for each piece of a mover's cost, or for a mover without pieces.

    cost, square, lower, upper: (columns,). owner: (columns,) movers. fixed: $/h whatever is decided. base: (movers,) MW where no
    column counts. moves: (buses, movers), what a megawatt of each puts in. still: (buses,) MW put in whatever is decided.
    Raises `Refusal` (`data-out-of-range`): a unit, or a line with more than one price, without an end.
    """

    def __init__(self, network: Network) -> None:
        units, direct = network.units, network.direct
        self.units, self.movers = len(units), len(units) + len(direct)
        least, most = np.concatenate((units.least, direct.least)), np.concatenate((units.most, direct.most))
        names, curves = (*units.names, *direct.names), (*units.curves, *direct.curves)
        self.most = most
        endless = ~(np.isfinite(least) & np.isfinite(most))
        endless &= np.array([k < self.units or bool(len(c.mw) or c.square) for k, c in enumerate(curves)], bool)
        if endless.any():
            g = int(np.flatnonzero(endless)[0])
            raise refuse(
                "data-out-of-range", f"{'unit' if g < self.units else 'direct-current line'} `{names[g]}` of `{network.name}` makes from {least[g]:g} to {most[g]:g} MW",
                notes=("expected finite numbers",),
            )  # fmt: skip
        cost, square, lower, upper, owner, begin, labels = [], [], [], [], [], [], []
        self.base = np.zeros(self.movers)
        self.fixed = 0.0
        for g, curve in enumerate(curves):
            self.fixed += curve.fixed
            if len(curve.mw):
                self.base[g] = curve.mw[0]
                widths = np.diff(curve.mw)
                cost += curve.price.tolist()
                lower += [0.0] * len(widths)
                upper += widths.tolist()
                square += [0.0] * len(widths)
                owner += [g] * len(widths)
                begin += curve.mw[:-1].tolist()
                labels += [f"{names[g]} {k + 1}" for k in range(len(widths))]
            else:
                cost.append(curve.linear)
                square.append(curve.square)
                lower.append(float(least[g]))
                upper.append(float(most[g]))
                owner.append(g)
                begin.append(0.0)
                labels.append(names[g])
        self.cost, self.square = np.array(cost, float), np.array(square, float)
        self.lower, self.upper = np.array(lower, float), np.array(upper, float)
        self.owner, self.labels = np.array(owner, int), labels
        #: The megawatts at which each column counts 0, and whether it is its mover's first.
        self._from = np.array(begin, float)
        self._first = np.append(True, self.owner[1:] != self.owner[:-1]) if len(owner) else np.zeros(0, bool)
        n, lines = len(network.buses), np.arange(self.units, self.movers)
        self.moves = sparse.csr_array(
            (
                np.concatenate((np.ones(self.units), -np.ones(len(direct)), 1 - direct.share)),
                (np.concatenate((units.bus, direct.tail, direct.head)), np.concatenate((np.arange(self.units), lines, lines))),
            ),
            shape=(n, self.movers),
        )  # fmt: skip
        self.still = -np.bincount(direct.head, direct.lost, n) if len(direct) else np.zeros(n)

    def __len__(self) -> int:
        return len(self.cost)

    @property
    def at(self) -> sparse.csr_array:
        """What a megawatt of each column puts in (buses, columns)."""
        return sparse.csr_array(self.moves[:, self.owner])

    def bounds(self, most: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of the columns where units can make `most` (units,)."""
        if most is None:
            return self.lower, self.upper
        # what is left of each piece below `most`; the first goes below 0 where a unit cannot make its least
        whole = np.concatenate((most, self.most[self.units :]))
        room = whole[self.owner] - self._from
        upper = np.minimum(self.upper, np.where(self._first, room, np.maximum(room, 0.0)))
        return np.minimum(self.lower, upper), upper

    def of(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Outputs (units,) and flows (lines,) of the columns of a solution."""
        moved = self.base + np.bincount(self.owner, x[: len(self)], self.movers)
        return moved[: self.units], moved[self.units :]

    def columns(self, output: np.ndarray, flow: np.ndarray, most: np.ndarray | None = None) -> np.ndarray:
        """Columns that make outputs (units,) and flows (lines,), cheap pieces first."""
        return np.clip(np.concatenate((output, flow))[self.owner] - self._from, *self.bounds(most))

    def at_buses(self, output: np.ndarray, flow: np.ndarray) -> np.ndarray:
        """What units and direct-current lines put in at each bus (buses,)."""
        return np.asarray(self.moves @ np.concatenate((output, flow)) + self.still)

    @property
    def at_base(self) -> np.ndarray:
        """What is put in where no column counts (buses,)."""
        return np.asarray(self.moves @ self.base + self.still)


__all__ = ["Columns"]
