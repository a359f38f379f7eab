"""Whole numbers in rationals: an engine finds the best ones, and branching proves in fractions that none are better.

The program is solved without its whole numbers; where a bound on its optimum is no better than what was found, nothing below it is, and
where a column is not whole, one program has it at most the whole number below, another at least the one above. Bounds are made in fractions, of
the engine's prices, and hold whatever these are; where they do not settle it, the optimum is proved in fractions as any other.
That a program has no point is proved by one that may miss its rows at a price: the least that it has to miss is above 0.

So what comes out is the best for certain, prices are those with the whole numbers held, and where as much as `_NODES` programs do
not settle it, or one of them is an optimum in floats only, it is refused instead.

Source: Land and Doig, An automatic method of solving discrete programming problems (1960); Applegate, Cook, Dash and Espinoza, Exact
solutions to linear programming problems (2007), for bases of an engine proved in fractions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor, inf
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from opengames.clearings import INFEASIBLE, SOLVED
from opengames.diagnostics import Refusal
from opengames.solvers.clearing.exactly import Exact, Point, active, basic, not_yet, proved
from opengames.solvers.clearing.highs import solve
from opengames.solvers.clearing.program import Program
from opengames.solvers.clearing.solution import Solution

if TYPE_CHECKING:
    from opengames.solvers.clearing.clearing import Cleared

#: Programs that the proof for one member may take.
_NODES = 1_000
#: How near to a whole number, in floats, counts as one; only a guess, on which nothing rests.
_WHOLE = 1e-6
#: The largest denominator of prices that a bound is made of.
_SIMPLE = 10**7
#: Their rows and columns in sum, for large ones.
_WORK = 200_000


def best_whole(clearing: Cleared, program: Exact, near: np.ndarray) -> tuple[Point, int]:
    """The optimum over whole numbers with the prices that hold when they are held, and by how many bounds it is proved. near: the data
    in floats. Raises `Refusal` (`infeasible`, `unbounded`, `no-certificate`, `not-yet`)."""
    rough = clearing.rough.at(near)
    found = solve(rough)
    if found.status != SOLVED:
        raise clearing.explain(near.tolist())
    which = np.flatnonzero(clearing.fractions.pieces.integer).tolist()
    search = _Search(clearing, program, replace(rough, integer=None), which)
    search.hold([Fraction(round(v)) for v in found.x[which].tolist()])
    search.run()
    assert search.best is not None
    return search.best, search.bounds


@dataclass(frozen=True)
class _Node:
    """Bounds of the whole numbers of a program, in their order."""

    lower: tuple[Any, ...]
    upper: tuple[Any, ...]


class _Search:
    """The best whole numbers so far, and how many programs were proved. rough: the program in floats; which: its whole columns."""

    def __init__(self, clearing: Cleared, program: Exact, rough: Program, which: list[int]) -> None:
        self.clearing, self.program, self.rough, self.which = clearing, program, rough, which
        self.best: Point | None = None
        self.value = Fraction(0)
        self.held: tuple[Fraction, ...] = ()
        self.bounds = 0
        self._most = max(1, min(_NODES, _WORK // max(1, sum(rough.matrix.shape))))

    def run(self) -> None:
        """Bounds for all whole numbers."""
        waiting = [_Node(tuple(self.program.lower[j] for j in self.which), tuple(self.program.upper[j] for j in self.which))]
        while waiting:
            node = waiting.pop()
            if self.bounds == self._most:
                raise not_yet(self.clearing, f"{self._most:,} bounds in rationals do not settle which whole numbers are best")
            self.bounds += 1
            exact, rough = self._at(node)
            found = solve(rough)
            if found.status == INFEASIBLE and misses(exact, rough):
                continue
            if not found.solved:
                raise self._open()
            least = bound(exact, found)
            if least == -inf:
                relaxed = proved_by(exact, found)
                least = -inf if relaxed is None else cost(self.program, relaxed[0])
            if least >= self.value:
                continue
            x: Sequence[Any] = found.x.tolist()
            k = max(range(len(self.which)), key=lambda i: abs(x[self.which[i]] - round(x[self.which[i]])))
            if abs(x[self.which[k]] - round(x[self.which[k]])) <= _WHOLE:
                if node.lower == node.upper == self.held:
                    continue
                point = proved_by(exact, found)
                if point is None:
                    waiting += self._around(node, x)
                    continue
                if cost(self.program, point[0]) >= self.value:
                    continue
                x = point[0]
                if all(x[j] == round(x[j]) for j in self.which):
                    self.hold([x[j] for j in self.which])
                    continue
                k = next(i for i, j in enumerate(self.which) if x[j] != round(x[j]))
            waiting += _split(node, k, x[self.which[k]])

    def _around(self, node: _Node, x: Sequence[Any]) -> list[_Node]:
        """The programs with and without the whole value next to the point, of the free column that is the least whole: what is whole in
        floats may be a hair off in fractions, and is not where it is held. Raises `Refusal` (`not-yet`) where none is free."""
        free = [i for i, (low, high) in enumerate(zip(node.lower, node.upper, strict=True)) if low != high]
        if not free:
            raise self._open()
        k = max(free, key=lambda i: abs(x[self.which[i]] - round(x[self.which[i]])))
        value = round(x[self.which[k]])
        return _split(node, k, value + Fraction(1, 2) if value <= node.lower[k] else value - Fraction(1, 2))

    def _open(self) -> Refusal:
        return not_yet(self.clearing, "a bound on what other whole numbers earn holds in floats only")

    def hold(self, values: Sequence[Fraction]) -> None:
        """These whole numbers are the best so far."""
        exact, rough = self._at(_Node(tuple(values), tuple(values)))
        found = solve(rough)
        ties = self.clearing.rough_ties
        prices = ties.prices(rough, found.x, found.y)[0] if found.solved else None
        point = proved_by(exact, found, prices)
        if point is None:
            raise not_yet(self.clearing, "what is left when the best whole numbers are held is an optimum in floats only")
        self.best, self.value, self.held = point, cost(self.program, point[0]), tuple(values)

    def _at(self, node: _Node) -> tuple[Exact, Program]:
        lower, upper = list(self.program.lower), list(self.program.upper)
        for j, low, high in zip(self.which, node.lower, node.upper, strict=True):
            lower[j], upper[j] = low, high
        as_floats = np.array([float(v) for v in lower]), np.array([float(v) for v in upper])
        return replace(self.program, lower=lower, upper=upper), replace(self.rough, lower=as_floats[0], upper=as_floats[1])


def _split(node: _Node, k: int, value: Any) -> list[_Node]:
    """The programs on both sides of a value that is not whole, the nearer one last."""
    below = replace(node, upper=(*node.upper[:k], Fraction(floor(value)), *node.upper[k + 1 :]))
    above = replace(node, lower=(*node.lower[:k], Fraction(ceil(value)), *node.lower[k + 1 :]))
    return [above, below] if value - floor(value) < Fraction(1, 2) else [below, above]


def proved_by(exact: Exact, found: Solution, prices: np.ndarray | None = None) -> Point | None:
    """The optimum of a program without whole numbers on the bounds that an engine found; none where it is not proved.

    prices: which of those of the engine's point are meant, if it has several.
    """
    ways = [] if prices is None else [lambda: active(exact, found, prices)]
    if not exact.quadratic and found.basis is not None:
        basis = found.basis
        ways.append(lambda: basic(exact, basis))
    ways += [lambda: active(exact, found, found.y), lambda: active(exact, found)]
    for way in ways:
        point = way()
        if point is not None and proved(exact, *point):
            return point
    return None


def bound(exact: Exact, found: Solution) -> Any:
    """What no point costs less than, by the prices of an engine's point as fractions: true whatever they are, and the least cost where
    they are right. With a quadratic cost that of the tangent at the point. Minus infinity where a price has no bound to stand on.

    Source: Neumaier and Shcherbina, Safe bounds in linear and mixed-integer linear programming (2004), section 2.
    """
    left, total = list(exact.cost), Fraction(0)
    if exact.quadratic:
        at = [_near(v) for v in found.x.tolist()]
        for j, row in enumerate(exact.quadratic):
            slope = sum((v * at[k] for k, v in row.items()), Fraction(0))
            left[j] += slope
            total -= slope * at[j] / 2
    for i, y in enumerate(_near(v) for v in found.y.tolist()):
        if y:
            total = _paid(total, y, exact.row_lower[i], exact.row_upper[i])
            for j, v in exact.rows[i].items():
                left[j] -= y * v
    for j, z in enumerate(left):
        total = _paid(total, z, exact.lower[j], exact.upper[j])
    return total


def _paid(total: Any, price: Fraction, lower: Any, upper: Any) -> Any:
    """The least that a quantity between two bounds adds at a price."""
    if not price:
        return total
    end = lower if price > 0 else upper
    return total + price * end if isinstance(end, Fraction) else -inf


def _near(value: float) -> Fraction:
    """A simple fraction next to a float."""
    return Fraction(value).limit_denominator(_SIMPLE)


def misses(exact: Exact, rough: Program) -> bool:
    """Whether it is proved that no point keeps all rows: the least by which they are missed in sum is above 0."""
    if any(low > high for low, high in zip(exact.lower, exact.upper, strict=True)):
        return True
    m, n = rough.matrix.shape
    one, none = Fraction(1), Fraction(0)
    rows = [{**row, n + i: one, n + m + i: -one} for i, row in enumerate(exact.rows)]
    elastic = replace(
        exact, cost=[none] * n + [one] * (2 * m), rows=rows, lower=[*exact.lower, *[none] * (2 * m)],
        upper=[*exact.upper, *[inf] * (2 * m)], quadratic=[],
    )  # fmt: skip
    wide = sparse.hstack([rough.matrix, sparse.eye_array(m), -sparse.eye_array(m)]).tocsr()
    blank = np.zeros(2 * m)
    softened = Program(
        np.concatenate((np.zeros(n), blank + 1.0)), wide, rough.row_lower, rough.row_upper, np.concatenate((rough.lower, blank)),
        np.concatenate((rough.upper, blank + np.inf)),
    )  # fmt: skip
    found = solve(softened)
    if not found.solved:
        return False
    if bound(elastic, found) > 0:
        return True
    point = proved_by(elastic, found)
    return point is not None and cost(elastic, point[0]) > 0


def cost(program: Exact, x: Sequence[Fraction]) -> Fraction:
    """What a point costs."""
    total = sum((c * v for c, v in zip(program.cost, x, strict=True)), Fraction(0))
    for j, row in enumerate(program.quadratic):
        if x[j]:
            total += x[j] * sum((v * x[k] for k, v in row.items()), Fraction(0)) / 2
    return total


__all__ = ["best_whole", "bound", "cost", "misses", "proved_by"]
