"""A straight-line region as a network of tables: one factor for each step, over the values its slots can take.

Supports are found by going forward, so wires over the reals take part as long as they have few values. A
region with loops or branches, or one whose tables would be large, is not a network here: histories serve it better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from math import prod
from typing import Any

import numpy as np

from opengames.diagnostics import Refusal
from opengames.exact.elimination import Factor, contract
from opengames.exact.mass import Values
from opengames.exact.order import order
from opengames.exact.scope import Plan
from opengames.exact.steps import Calc, Gain, Keep, Region, Sample

#: The most entries that one table may have, and all of them together.
CELLS = 50_000
_ALL_CELLS = 200_000


@dataclass
class Network:
    """supports: the values of each slot, in the order of its axis. gains: (component, factor) pairs."""

    exact: bool
    supports: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    factors: list[Factor] = field(default_factory=list)
    gains: list[tuple[int, Factor]] = field(default_factory=list)
    cells: int = 0

    @property
    def sizes(self) -> Mapping[str, int]:
        return {slot: len(values) for slot, values in self.supports.items()}

    def joint(self, keep: tuple[str, ...]) -> list[Any]:
        """The (unnormalised, given the evidence) joint distribution of some slots, row-major."""
        return [self._number(c) for c in contract(self.factors, self.sizes, keep).ravel()]

    def gathered(self, components: int) -> list[Any]:
        """The probability of the evidence, then each component's expectation times that."""
        sizes = self.sizes
        totals = [self._number(contract(self.factors, sizes)[()])]
        totals += [self._number(0)] * components
        for component, factor in self.gains:
            totals[component + 1] += self._number(contract([*self.factors, factor], sizes)[()])
        return totals

    def _number(self, value: Any) -> Any:
        return Fraction(value) if self.exact else float(value)


def build(plan: Plan, region: Region, wanted: tuple[str, ...], exact: bool, cells: int = CELLS) -> Network | None:
    """The network of a region; `None` where it has loops or branches, large tables, or cells that cannot be evaluated."""
    network = Network(exact)
    try:
        for step in order(region.steps, frozenset(wanted), plan.spaces):
            if not isinstance(step, (Calc, Sample, Gain, Keep)) or not _add(plan, network, step, exact, cells):
                return None
    except Refusal:
        return None  # a cell that no play reaches may be at fault; going forward never meets it
    return network


def _add(plan: Plan, network: Network, step: Calc | Sample | Gain | Keep, exact: bool, cells: int) -> bool:
    slots = tuple(dict.fromkeys(slot for _, slot in step.reads))
    supports = [network.supports[s] for s in slots]
    shape = tuple(len(s) for s in supports)
    network.cells += prod(shape)
    if prod(shape) > cells or network.cells > _ALL_CELLS:
        return False
    place = {s: i for i, s in enumerate(slots)}
    names = [(name, place[slot]) for name, slot in step.reads]
    rows = [step.code({name: point[i] for name, i in names}) for point in product(*supports)]
    kind: Any = object if exact else float
    match step:
        case Keep():
            table = np.array([1 if row else 0 for row in rows], dtype=kind).reshape(shape)
            network.factors.append(Factor(slots, table))
            return True
        case Gain():
            if exact and any(isinstance(row, float) for row in rows):
                return False
            table = np.empty(len(rows), dtype=kind)
            table[:] = rows
            network.gains.append((plan.component[step.demand], Factor(slots, table.reshape(shape))))
            return True
        case Calc():
            rows = [((row, 1),) for row in rows]
    values, cell = Values(), []
    for row in rows:
        if exact and any(isinstance(chance, float) for _, chance in row):
            return False
        cell.append([(values.number(v if step.snap is None else step.snap(v)), chance) for v, chance in row])
    if len(rows) * len(values.values) > cells:
        return False
    table = np.zeros((len(rows), len(values.values)), dtype=kind)
    for i, row in enumerate(cell):
        for number, chance in row:
            table[i, number] += chance
    network.supports[step.out] = tuple(values.values)
    network.factors.append(Factor((*slots, step.out), table.reshape((*shape, -1))))
    return True
