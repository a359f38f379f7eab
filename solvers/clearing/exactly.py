"""A clearing in rationals: an engine says which bounds hold, the equations of these are solved exactly, and the optimum is proved.

For a linear program the engine's basis is solved in fractions; for a quadratic one the conditions on its active set are. What comes
out is returned only if it meets every condition of an optimum without tolerance: all bounds hold, every price has its sign, no price
stands on a rule with slack, and costs are made up of prices. Whole numbers are proved the best by `branching`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from opengames.clearings import SOLVED
from opengames.diagnostics import Refusal, refuse
from opengames.solvers.clearing.assemble import Entries, Pieces
from opengames.solvers.clearing.rational import Row, solve
from opengames.solvers.clearing.solution import AT_UPPER, BASIC, Basis

if TYPE_CHECKING:
    from opengames.solvers.clearing.clearing import Cleared
    from opengames.solvers.clearing.solution import Solution

_ON = 1e-7
"""How near to a bound, relatively, an engine's point counts as on it; only a guess, which is proved or refused."""


@dataclass(frozen=True)
class Exact:
    """A program at fixed data, in fractions, row by row and column by column. Bounds are fractions or infinite floats."""

    cost: list[Fraction]
    rows: list[Row]
    lower: list[Any]
    upper: list[Any]
    row_lower: list[Any]
    row_upper: list[Any]
    quadratic: list[Row]


def exactly(clearing: Cleared, data: Sequence[Fraction]) -> tuple[Fraction, ...]:
    """Moves and prices in rationals. Raises `Refusal` (`infeasible`, `unbounded`, `not-yet`)."""
    from opengames.solvers.clearing.highs import solve as solve_floats

    read = clearing.fractions
    pieces = read.pieces
    program = at(pieces, [Fraction(v) for v in data])
    near = np.array([float(v) for v in data])
    if pieces.integer.any():
        from opengames.solvers.clearing.branching import best_whole

        best, bounds = best_whole(clearing, program, near)
        clearing.tally.bounds += bounds
        return _answers(clearing, *best)
    # where ties had to be decided, by the same rule as in floats
    decided = clearing.rough_ties.basis(near)
    point = None if decided is None else basic(program, decided)
    if point is not None and proved(program, *point):
        return _answers(clearing, *point)
    found = solve_floats(clearing.rough.at(near))
    if found.status != SOLVED:
        raise clearing.explain([float(v) for v in data])
    point = basic(program, found.basis) if not program.quadratic and found.basis is not None else None
    if point is None:
        ties = clearing.rough_ties
        prices, _ = ties.prices(clearing.rough.at(near), found.x, found.y)
        point = active(program, found, prices)
        if point is None or not proved(program, *point):
            point = active(program, found)
    if point is None or not proved(program, *point):
        raise not_yet(clearing, "the engine's optimum is one in floats only: in rationals another set of rules binds")
    return _answers(clearing, *point)


def not_yet(clearing: Cleared, why: str) -> Refusal:
    return refuse(
        "not-yet", f"no exact optimum of the clearing of {clearing.box.seat.name}", span=clearing.box.at, label=why,
        help="ask `by simulate`, which answers in floats",
    )  # fmt: skip


def at(pieces: Pieces, data: list[Fraction]) -> Exact:
    """The program at its data."""
    cost = list(pieces.cost)
    lower, upper = list(pieces.lower), list(pieces.upper)
    row_lower, row_upper = list(pieces.lower_row), list(pieces.upper_row)
    rows: list[Row] = [{} for _ in row_lower]
    for i, j, v in _each(pieces.matrix):
        rows[i][j] = rows[i].get(j, Fraction(0)) + v
    for i, j, k, v in zip(*(a.tolist() for a in pieces.matrix_by), strict=True):
        rows[i][j] = rows[i].get(j, Fraction(0)) + v * data[k]
    rows = [{j: v for j, v in row.items() if v} for row in rows]
    for j, k, v in _each(pieces.cost_by):
        cost[j] += v * data[k]
    for ends, by in (((lower,), pieces.lower_by), ((upper,), pieces.upper_by), ((row_lower, row_upper), pieces.row_by)):
        for i, k, v in _each(by):
            for end in ends:
                end[i] = end[i] + v * data[k] if isinstance(end[i], Fraction) else end[i]
    quadratic: list[Row] = [{} for _ in cost] if len(pieces.quadratic.row) else []
    for i, j, v in _each(pieces.quadratic):
        quadratic[i][j] = quadratic[i].get(j, Fraction(0)) + v
    return Exact(cost, rows, lower, upper, row_lower, row_upper, quadratic)


def _each(entries: Entries) -> Any:
    return zip(entries.row.tolist(), entries.column.tolist(), entries.value.tolist(), strict=True)


Point = tuple[list[Fraction], list[Fraction], list[Fraction]]


def basic(program: Exact, basis: Basis) -> Point | None:
    """The point and prices of a basis: (x, y, z)."""
    free = [j for j, s in enumerate(basis.columns.tolist()) if s == BASIC]
    tight = [i for i, s in enumerate(basis.rows.tolist()) if s != BASIC]
    if len(free) != len(tight):
        return None
    x = [Fraction(0)] * len(program.cost)
    for j, s in enumerate(basis.columns.tolist()):
        if s != BASIC:
            x[j] = _end(program.lower[j], program.upper[j], s == AT_UPPER)
    place = {j: k for k, j in enumerate(free)}
    equations: list[Row] = []
    right: list[Fraction] = []
    for i in tight:
        level = _end(program.row_lower[i], program.row_upper[i], basis.rows[i] == AT_UPPER)
        equations.append({place[j]: v for j, v in program.rows[i].items() if j in place})
        right.append(level - sum((v * x[j] for j, v in program.rows[i].items() if j not in place), Fraction(0)))
    inside = solve(equations, right, len(free))
    if inside is None:
        return None
    for j, k in place.items():
        x[j] = inside[k]
    transposed: list[Row] = [{} for _ in free]
    for t, equation in enumerate(equations):
        for k, v in equation.items():
            transposed[k][t] = v
    prices = solve(transposed, [program.cost[j] for j in free], len(tight))
    if prices is None:
        return None
    y = [Fraction(0)] * len(program.rows)
    for t, i in enumerate(tight):
        y[i] = prices[t]
    return x, y, _reduced(program, x, y)


def _end(lower: Any, upper: Any, at_upper: bool) -> Fraction:
    for end in (upper, lower) if at_upper else (lower, upper):
        if isinstance(end, Fraction):
            return end
    return Fraction(0)


def _reduced(program: Exact, x: list[Fraction], y: list[Fraction]) -> list[Fraction]:
    """What is left of each column's marginal cost after the prices of the rows."""
    z = list(program.cost)
    for j, row in enumerate(program.quadratic):
        z[j] += sum((v * x[k] for k, v in row.items()), Fraction(0))
    for i, row in enumerate(program.rows):
        if y[i]:
            for j, v in row.items():
                z[j] -= y[i] * v
    return z


def active(program: Exact, found: Solution, prices: np.ndarray | None = None) -> Point | None:
    """The conditions of an optimum with the bounds that the engine's point stands on, solved at once for point and prices.

    prices: which of the prices that belong to the point are meant (rows,): what is 0 there is 0.
    """
    n, m = len(program.cost), len(program.rows)
    x: list[Any] = [None] * n
    for j in range(n):
        x[j] = _on(float(found.x[j]), program.lower[j], program.upper[j])
    free = [j for j in range(n) if x[j] is None]
    value = [sum(float(v) * found.x[j] for j, v in row.items()) for row in program.rows]
    ends: list[Any] = [_on(value[i], program.row_lower[i], program.row_upper[i]) for i in range(m)]
    tight = [i for i in range(m) if ends[i] is not None]
    paid = [i for i in tight if prices is None or abs(prices[i]) > _ON]
    column, dual = {j: k for k, j in enumerate(free)}, {i: len(free) + k for k, i in enumerate(paid)}
    equations: list[Row] = []
    right: list[Fraction] = []
    for i in tight:
        equations.append({column[j]: v for j, v in program.rows[i].items() if j in column})
        right.append(ends[i] - sum((v * x[j] for j, v in program.rows[i].items() if j not in column), Fraction(0)))
    by_column: list[Row] = [{} for _ in range(n)]
    for i in paid:
        for j, v in program.rows[i].items():
            by_column[j][i] = v
    even = [] if prices is None else _even(program, found, prices, free)
    for j in [*free, *even]:
        bent = program.quadratic[j] if program.quadratic else {}
        equation = {column[k]: v for k, v in bent.items() if k in column}
        equation.update((dual[i], -v) for i, v in by_column[j].items())
        equations.append(equation)
        right.append(-program.cost[j] - sum((v * x[k] for k, v in bent.items() if k not in column), Fraction(0)))
    solved = solve(equations, right, len(free) + len(paid))
    if solved is None:
        return None
    for j, k in column.items():
        x[j] = solved[k]
    y = [Fraction(0)] * m
    for i, k in dual.items():
        y[i] = solved[k]
    return x, y, _reduced(program, x, y)


def _even(program: Exact, found: Solution, prices: np.ndarray, free: list[int]) -> list[int]:
    """Columns on a bound whose cost the prices make up all the same."""
    x, inside = [float(v) for v in found.x], set(free)
    left = [float(c) for c in program.cost]
    for j, bent in enumerate(program.quadratic):
        left[j] += sum(float(v) * x[k] for k, v in bent.items())
    for i, row in enumerate(program.rows):
        for j, v in row.items():
            left[j] -= float(v) * float(prices[i])
    return [j for j, z in enumerate(left) if j not in inside and abs(z) <= _ON * (1 + abs(float(program.cost[j])))]


def _on(value: float, lower: Any, upper: Any) -> Fraction | None:
    for end in (lower, upper):
        if isinstance(end, Fraction) and abs(value - float(end)) <= _ON * (1 + abs(float(end))):
            return end
    return None


def proved(program: Exact, x: list[Fraction], y: list[Fraction], z: list[Fraction]) -> bool:
    """Whether the point and its prices are an optimum, without tolerance."""
    value = [sum((v * x[j] for j, v in row.items()), Fraction(0)) for row in program.rows]
    held = [*zip(x, program.lower, program.upper, z, strict=True), *zip(value, program.row_lower, program.row_upper, y, strict=True)]
    return all(
        low <= v <= high and (price <= 0 or v == low) and (price >= 0 or v == high) for v, low, high, price in held
    )


def _answers(clearing: Cleared, x: list[Fraction], y: list[Fraction], z: list[Fraction]) -> tuple[Fraction, ...]:
    from opengames.solvers.clearing.clearing import prices_of

    read = clearing.fractions
    columns = read.columns
    moves = [columns.shift[j] + columns.step[j] * x[j] for j in range(columns.moves)]
    prices = [Fraction(0)] * read.prices
    for row, place in zip(*(a.tolist() for a in prices_of(read)), strict=True):
        two = int(read.pieces.two_sided[row])
        prices[place] += two * abs(y[row]) if two else -y[row]
    return (*moves, *prices)


__all__ = ["Exact", "Point", "active", "at", "basic", "exactly", "not_yet", "proved"]
