"""Results of a simulation: named arrays, with the spaces and units of their wires."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from opengames.diagnostics import refuse
from opengames.sampled.encode import Column
from opengames.show import show
from opengames.spaces import Enum, Grid, Reals


@dataclass(frozen=True)
class Runs:
    """columns: by wire, all scalar: a record wire `quote` gives `quote.bid` and `quote.offer`.

    seed, first: the runs are numbers `first` to `first + runs - 1` of this seed.
    """

    columns: Mapping[str, Column]
    runs: int
    seed: int
    first: int = 0

    def __getitem__(self, wire: str) -> np.ndarray:
        """`[runs, *index]`: numbers in the author's unit, bools, or positions in an enumeration."""
        column = self._column(wire)
        shown = _shown(column)
        scale = shown.scale if shown else Fraction(1)
        return column.data if scale == 1 else column.data / float(scale)

    def __contains__(self, wire: object) -> bool:
        return wire in self.columns

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def unit(self, wire: str) -> str:
        """The unit of a column, empty for pure numbers and for what is no number."""
        shown = _shown(self._column(wire))
        return shown.unit if shown else ""

    def labels(self, wire: str) -> np.ndarray:
        """The values as the author writes them: `High`, `true`, `10 $`; empty where a branch was not taken."""
        column = self._column(wire)
        found = np.empty(column.data.shape, object)
        for at in np.ndindex(column.data.shape):
            happened = column.taken is None or bool(column.taken[at])
            found[at] = _written(column, column.data[at]) if happened else ""
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain data: for each column its unit, its index, and its values (labels for enumerations)."""
        wires = {}
        for name, column in self.columns.items():
            values = self.labels(name) if isinstance(column.space, Enum) else self[name]
            index = [n for n, _ in column.index]
            wires[name] = {"unit": self.unit(name), "index": index, "values": values.tolist()}
        return {"runs": self.runs, "seed": self.seed, "first": self.first, "wires": wires}

    def _column(self, wire: str) -> Column:
        if wire not in self.columns:
            raise refuse("unknown-wire", f"no wire `{wire}` was kept", notes=(f"kept: {', '.join(self.columns)}",))
        return self.columns[wire]


def _shown(column: Column) -> Any:
    return column.space.shown if isinstance(column.space, (Grid, Reals)) else None


def _written(column: Column, value: Any) -> str:
    space = column.space
    match space:
        case Enum(labels=labels):
            return labels[int(value)]
        case Grid(points=points):
            return show(min(points, key=lambda p: abs(float(p) - float(value))), space)
        case Reals():
            return show(float(value), space)
    return show(bool(value), space)
