"""The least value of a sum of small tables over many variables, without listing the variables' joint values.

What one plan earns more than another is such a sum: each table is about what the others do on the plays that
come through the same information sets of theirs. Bounds come first: the sum of the tables' least values from
below, single assignments from above. Where they leave it open, variables are eliminated one by one, which is
exact; every elimination can only raise the lower bound.

Source: Bertele and Brioschi, Nonserial Dynamic Programming (1972); Dechter, Bucket elimination (1999).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from math import lcm, prod

#: Cells of one table beyond which no further variable is eliminated.
CELLS = 100_000

#: The variables that a table is about, in order.
Scope = tuple[int, ...]
#: By scope, then by the values of its variables; what is not there is 0.
Tables = Mapping[Scope, Mapping[tuple[int, ...], Fraction]]


@dataclass(frozen=True, slots=True)
class Least:
    """low <= the least value <= high; the two are equal where it is known exactly."""

    low: Fraction
    high: Fraction


@dataclass(slots=True)
class _Table:
    """cells over `scope`, whole numbers; what is not there is 0."""

    scope: Scope
    cells: dict[tuple[int, ...], int]
    least: int = field(init=False)

    def bound(self, sizes: Sequence[int]) -> None:
        full = len(self.cells) == prod(sizes[v] for v in self.scope)
        found = min(self.cells.values(), default=0)
        self.least = found if full else min(found, 0)

    def at(self, values: Sequence[int]) -> int:
        return self.cells.get(tuple(values[v] for v in self.scope), 0)


def least(tables: Tables, sizes: Sequence[int], tie: Fraction = Fraction(0), limit: int = CELLS) -> Least:
    """Bounds on the least value of the sum, as close as it takes to know its sign.

    sizes: how many values each variable has. tie: numbers up to this far from 0 count as 0. The work stops as soon
    as the least value is known to be above `tie`, below `-tie`, or exactly, and where a table would have
    more than `limit` cells.
    """
    den = lcm(*(v.denominator for cells in tables.values() for v in cells.values()))
    left = _joined(tables, sizes, den)
    high = Fraction(min(_value(left, values) for values in samples(sizes)), den)
    low = Fraction(sum(t.least for t in left), den)
    while low <= tie and high >= -tie and low < high:
        variables = {v for t in left for v in t.scope}
        if not variables:
            return Least(low, low)
        cost = {v: prod(sizes[u] for u in _around(left, v)) for v in variables}
        cheapest = min(variables, key=lambda v: (cost[v], v))
        if cost[cheapest] > limit:
            break
        left = _eliminated(left, cheapest, sizes)
        low = Fraction(sum(t.least for t in left), den)
    return Least(low, high)


def samples(sizes: Sequence[int]) -> Iterable[tuple[int, ...]]:
    """A few assignments: all variables alike, and some in which they differ."""
    for k in range(max(sizes, default=1)):
        yield tuple(k % size for size in sizes)
        yield tuple((k + v + 1) * (v + 2) // 2 % size for v, size in enumerate(sizes))


def total(tables: Tables, values: Sequence[int]) -> Fraction:
    """The sum at one assignment."""
    return sum(
        (cells.get(tuple(values[v] for v in scope), Fraction(0)) for scope, cells in tables.items()), Fraction(0)
    )


def _value(tables: list[_Table], values: Sequence[int]) -> int:
    return sum(t.at(values) for t in tables)


def _joined(tables: Tables, sizes: Sequence[int], den: int) -> list[_Table]:
    """The tables over one denominator; a table about part of what another is about is added to it."""
    found: list[_Table] = []
    for scope in sorted(tables, key=len, reverse=True):
        whole = {key: v.numerator * (den // v.denominator) for key, v in tables[scope].items()}
        around = next((t for t in found if set(scope) <= set(t.scope)), None)
        if around is None or (len(around.scope) > len(scope) and prod(sizes[v] for v in around.scope) > CELLS):
            found.append(_Table(scope, whole))
            continue
        for key in product(*(range(sizes[v]) for v in around.scope)):
            values = dict(zip(around.scope, key, strict=True))
            more = whole.get(tuple(values[v] for v in scope), 0)
            if more:
                around.cells[key] = around.cells.get(key, 0) + more
    for t in found:
        t.bound(sizes)
    return found


def _around(tables: list[_Table], variable: int) -> set[int]:
    return {v for t in tables if variable in t.scope for v in t.scope} | {variable}


def _eliminated(tables: list[_Table], variable: int, sizes: Sequence[int]) -> list[_Table]:
    """The tables about `variable` replaced by one: the least of their sum over its values."""
    here = [t for t in tables if variable in t.scope]
    rest = tuple(sorted(_around(here, variable) - {variable}))
    values = [0] * len(sizes)
    cells: dict[tuple[int, ...], int] = {}
    for key in product(*(range(sizes[v]) for v in rest)):
        for v, value in zip(rest, key, strict=True):
            values[v] = value
        found = None
        for value in range(sizes[variable]):
            values[variable] = value
            here_now = _value(here, values)
            found = here_now if found is None or here_now < found else found
        cells[key] = found or 0
    made = _Table(rest, cells)
    made.bound(sizes)
    return [t for t in tables if variable not in t.scope] + [made]


__all__ = ["CELLS", "Least", "Scope", "Tables", "least", "samples", "total"]
