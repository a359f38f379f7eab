"""A finite Bayesian network as plain data: what every format of networks says, and nothing else.

Chances are exact rationals. A file gives decimals; a row that adds up to one but for its last printed digits
(`0.3333333` three times) is divided by its sum, so that every row adds up to one exactly, and the network remembers
how far off the worst row was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import product
from math import prod

from opengames.diagnostics import Refusal, refuse

#: How far from one a row of printed decimals may add up.
HAIR = Fraction(1, 10**3)

Row = tuple[Fraction, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable. rows: a distribution on `states` for each point of the parents' states, row-major."""

    name: str
    states: tuple[str, ...]
    parents: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class BayesNet:
    """variables: parents before children. off: the most by which a row of the source missed one."""

    name: str
    variables: tuple[Variable, ...]
    off: Fraction = Fraction(0)

    def __getitem__(self, name: str) -> Variable:
        return self._named[name]

    @cached_property
    def _named(self) -> dict[str, Variable]:
        return {v.name: v for v in self.variables}

    def __iter__(self) -> Iterator[Variable]:
        return iter(self.variables)

    def __len__(self) -> int:
        return len(self.variables)

    @cached_property
    def states(self) -> Mapping[str, tuple[str, ...]]:
        return {v.name: v.states for v in self.variables}

    def keys(self, variable: Variable) -> list[tuple[str, ...]]:
        """The parents' states of every row, in the order of the rows."""
        states = self.states
        return list(product(*(states[p] for p in variable.parents)))

    @property
    def numbers(self) -> int:
        """How many chances the tables hold."""
        return sum(len(v.rows) * len(v.states) for v in self.variables)


def same(first: BayesNet, second: BayesNet) -> bool:
    """Whether two networks say the same: variables, states, parents and chances, in whatever order they are listed."""
    if first.states.keys() != second.states.keys():
        return False
    return all(
        set(v.states) == set(second[v.name].states)
        and set(v.parents) == set(second[v.name].parents)
        and _by_name(first, v) == _by_name(second, second[v.name])
        for v in first
    )


def _by_name(net: BayesNet, variable: Variable) -> dict[frozenset[tuple[str, str]], dict[str, Fraction]]:
    return {
        frozenset(zip(variable.parents, key, strict=True)): dict(zip(variable.states, row, strict=True))
        for key, row in zip(net.keys(variable), variable.rows, strict=True)
    }


def bayes_net(name: str, variables: list[Variable], where: str = "") -> BayesNet:
    """The network of these variables, in a good order, every row adding up to one exactly.

    Raises `Refusal` (`bad-network`) for a variable that is named twice or not at all, repeated states, a cycle, a table
    of the wrong size, a chance below zero, or a row that misses one by more than `HAIR`.
    """
    by_name: dict[str, Variable] = {}
    for each in variables:
        if each.name in by_name:
            raise _bad(where, f"the variable `{each.name}` is there twice")
        if len(set(each.states)) != len(each.states):
            raise _bad(where, f"the variable `{each.name}` has a state twice: {', '.join(each.states)}")
        if not each.states:
            raise _bad(where, f"the variable `{each.name}` has no states")
        by_name[each.name] = each
    for each in variables:
        for parent in each.parents:
            if parent not in by_name:
                raise _bad(where, f"`{each.name}` depends on `{parent}`, which is no variable of the network")
    try:
        order = list(TopologicalSorter({v.name: v.parents for v in variables}).static_order())
    except CycleError as cycle:
        raise _bad(where, f"these variables depend on each other in a circle: {' -> '.join(cycle.args[1])}") from None
    off = Fraction(0)
    done = []
    for each in (by_name[n] for n in order):
        wanted = prod(len(by_name[p].states) for p in each.parents)
        if len(each.rows) != wanted:
            raise _bad(where, f"the table of `{each.name}` has {len(each.rows)} rows, and its parents make {wanted}")
        rows = []
        for i, row in enumerate(each.rows):
            if len(row) != len(each.states):
                raise _bad(where, f"row {i + 1} of `{each.name}` has {len(row)} chances for {len(each.states)} states")
            if min(row) < 0:
                raise _bad(where, f"row {i + 1} of `{each.name}` has a chance below zero: {float(min(row)):g}")
            total = sum(row, Fraction(0))
            if abs(total - 1) > HAIR:
                raise _bad(where, f"row {i + 1} of `{each.name}` adds up to {float(total):g}, not to 1")
            off = max(off, abs(total - 1))
            rows.append(row if total == 1 else tuple(c / total for c in row))
        done.append(Variable(each.name, each.states, each.parents, tuple(rows)))
    return BayesNet(name, tuple(done), off)


def _bad(where: str, what: str) -> Refusal:
    return refuse("bad-network", what, notes=(f"in {where}",) if where else ())


__all__ = ["HAIR", "BayesNet", "Row", "Variable", "bayes_net", "same"]
