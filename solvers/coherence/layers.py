"""Coherence by linear programming: a distribution that the quotes agree with, or stakes that win.

Quotes on events alone are one linear program: find chances of the worlds under which nobody who trades at these prices
expects to win. It is asked as: which chances miss the prices by least in sum? A least miss above 0 has as its dual the
stakes, none above 1, that win most in the worst world.

Conditions may have chance 0, and then say nothing in that program; so what was called off for certain is asked again by
itself, among the worlds in which at least one of these bets is on, until every condition had a chance in some layer.
The quotes are coherent if every layer has its distribution. Otherwise there are stakes which win in every world in
which at least one of the bets placed is on.

Source: Coletti and Scozzafava, Characterization of coherent conditional probabilities (1996), for the layers; Walley,
Pelessoni and Vicig, Direct algorithms for checking consistency and making inferences from conditional probability
assessments (2004), for bids and asks ("avoiding uniform loss").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Any

from opengames.solvers.coherence.book import Book, Row, distinct
from opengames.solvers.coherence.pivoting import Optimum, minimise

if TYPE_CHECKING:
    import numpy as np

_USED = 1e-9
_WIDE = 3_000
_AT_ONCE = 60

Weights = dict[int, Fraction]
"""A distribution on columns."""

Stakes = dict[tuple[int, int], Fraction]
"""(quote, side) -> tickets; side 1 bought at the ask, -1 sold at the bid."""


@dataclass(frozen=True)
class Found:
    """Either layers of distributions, or stakes."""

    layers: tuple[Weights, ...] = ()
    stakes: Stakes | None = None

    @property
    def coherent(self) -> bool:
        return self.stakes is None


def find(book: Book, some: Sequence[int] | None = None) -> Found:
    """Whether the quotes (all, or those numbered) are coherent, with what shows it."""
    left = list(range(len(book.quotes)) if some is None else some)
    layers: list[Weights] = []
    while left:
        found = layer(book, left)
        if isinstance(found, Winning):
            return Found((), found.tickets)
        layers.append(found)
        columns = list(found)
        lively: Any = book.on[:, columns].any(axis=1)
        left = [i for i in left if not lively[i]]
    return Found(tuple(layers))


@dataclass(frozen=True)
class Winning:
    """Stakes that win in every column looked at."""

    tickets: Stakes


def layer(
    book: Book, some: Sequence[int], strict: Sequence[int] | None = None, columns: np.ndarray[Any, Any] | None = None
) -> Weights | Winning:
    """Chances of the columns in which one of the quotes is on, under which nobody expects to win; or stakes.

    strict: where given, these quotes are met if that can be, the others as far as it goes; the answer is then chances.
    columns: where given, only these may have chances, and stakes win in every one of them; else, stakes win wherever one
    of the bets placed is on.
    """
    rows, everywhere = book.sides(some), columns is not None
    columns = book.live(some) if columns is None else columns
    if len(set(some)) < len(book.quotes):
        columns = columns[distinct(book.codes[list(some)][:, columns])[1]]
    costs = _costs(rows, set(strict or ()))
    chosen = columns
    if len(columns) > _WIDE:
        chosen = _generate(book, rows, columns, costs)
    matrix = book.matrix(rows, chosen)
    solved = roughly(matrix, rows, costs)
    if solved is not None and strict is None:
        quick = _rounded(book, rows, solved.y, columns, solved.value, everywhere)
        if quick is not None:
            return quick
    return _exactly(book, rows, columns, chosen, costs, solved, strict)


@dataclass(frozen=True)
class Rough:
    """A floating-point optimum: chances by column, amounts of slack, a stake for each row, and the guaranteed win."""

    x: np.ndarray[Any, Any]
    y: np.ndarray[Any, Any]
    value: float


def roughly(matrix: np.ndarray[Any, Any], rows: Sequence[Row], costs: Sequence[float]) -> Rough | None:
    """The least miss in floating point, by HiGHS; `None` where it gives up."""
    import numpy as np
    from scipy.optimize import linprog

    k, n = matrix.shape
    scale = np.array([float(row.scale) for row in rows])
    left = np.array([0.0 if row.sense == "=" else 1.0 for row in rows])
    whole = np.zeros((k + 1, n + 2 * k))
    whole[:k, :n] = matrix / scale[:, None]
    whole[k, :n] = 1
    whole[np.arange(k), n + np.arange(k)] = 1
    whole[np.arange(k), n + k + np.arange(k)] = -1
    cost = np.concatenate([np.zeros(n), np.where(left == 1, 0.0, costs), costs])
    right = np.zeros(k + 1)
    right[k] = 1
    done = linprog(cost, A_eq=whole, b_eq=right, method="highs-ds", options={"presolve": False})
    if done.status != 0:
        return None
    return Rough(done.x, -done.eqlin.marginals[:k], float(done.fun))


def _generate(book: Book, rows: Sequence[Row], columns: Any, costs: Sequence[float]) -> Any:
    """Enough of the columns that the others cannot lower the miss (in floating point)."""
    import numpy as np

    scale = np.array([float(row.scale) for row in rows])
    gains = book.matrix(rows, columns) / scale[:, None]
    inside = np.zeros(len(columns), bool)
    inside[np.linspace(0, len(columns) - 1, 4 * len(rows) + 20).astype(int)] = True
    while True:
        chosen = np.flatnonzero(inside)
        solved = roughly(gains[:, chosen] * scale[:, None], rows, costs)
        if solved is None:
            return columns[chosen]
        wins = solved.y @ gains
        wins[inside] = np.inf
        worst = np.argsort(wins)[:_AT_ONCE]
        worst = worst[wins[worst] < solved.value - 1e-9]
        if not len(worst):
            return columns[chosen]
        inside[worst] = True


def _costs(rows: Sequence[Row], strict: set[int]) -> list[float]:
    if not strict:
        return [1.0] * len(rows)
    return [1000.0 if row.quote in strict else 1.0 for row in rows]


_ROUND = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 200, 500, 1000, 10_000, 1_000_000)


def _rounded(
    book: Book, rows: Sequence[Row], y: Any, columns: Any, value: float, everywhere: bool
) -> Winning | None:
    """Small whole stakes near y that win nearly as much for their size in every column that matters, if there are any."""
    import numpy as np

    if value < _USED:
        return None
    largest = float(np.abs(y).max())
    best: Winning | None = None
    for most in _ROUND:
        tickets = np.rint(y / largest * most).astype(np.int64)
        won = guaranteed(book, rows, tickets.tolist(), columns, everywhere)
        if won is None:
            continue
        found = Winning(_named(rows, [Fraction(int(t)) for t in tickets]))
        if won >= Fraction(9, 10) * most * Fraction(value / largest):
            return found
        best = best or found
    return best


def guaranteed(
    book: Book, rows: Sequence[Row], tickets: Sequence[int], columns: Any, everywhere: bool = False
) -> Fraction | None:
    """What whole stakes win at least, in the columns in which a bet placed is on or in all; `None` if that is not above 0."""
    import numpy as np

    placed = [(row, t) for row, t in zip(rows, tickets, strict=True) if t]
    if not placed:
        return None
    common = lcm(*(row.scale for row, _ in placed))
    factors = [t * (common // row.scale) for row, t in placed]
    reach = sum(abs(f) * max(map(abs, row.gains)) for f, (row, _) in zip(factors, placed, strict=True))
    kind: Any = np.int64 if reach < 1 << 62 else object
    total = np.zeros(len(columns), kind)
    on = np.full(len(columns), everywhere)
    for f, (row, _) in zip(factors, placed, strict=True):
        codes = book.codes[row.quote, columns]
        total += np.array([f * g for g in row.gains], kind)[codes]
        on |= codes > 0
    least = Fraction(int(total[on].min()), common)
    return least if least > 0 else None


def _named(rows: Sequence[Row], tickets: Sequence[Fraction]) -> Stakes:
    """Stakes by quote and side from one number for each row."""
    found: Stakes = {}
    for row, t in zip(rows, tickets, strict=True):
        if t:
            side = -1 if row.sense == "bid" or (row.sense == "=" and t < 0) else 1
            found[row.quote, side] = found.get((row.quote, side), Fraction(0)) + abs(t)
    return found


def _exactly(
    book: Book, rows: Sequence[Row], columns: Any, chosen: Any, costs: Sequence[float], solved: Rough | None,
    strict: Sequence[int] | None,
) -> Weights | Winning:  # fmt: skip
    """The same program in integers, begun where the floating-point solver ended; more columns come in as they are needed."""
    import numpy as np

    while True:
        program = _integers(book, rows, chosen, costs)
        k, n = len(rows), len(chosen)
        warm = _support(solved.x) if solved is not None and len(solved.x) == n + 2 * k else []
        warm += [n + r for r in range(k)]
        found = minimise(program.matrix, program.right, program.cost, warm, False, strict is not None)
        assert isinstance(found, Optimum), "missing by some amount is always possible"
        if found.value == 0 or strict is not None:
            return {int(chosen[j]): v / program.weight for j, v in found.x if j < n}
        tickets = [-y * f for y, f in zip(found.y, program.factors, strict=False)]
        if len(chosen) == len(columns):
            return Winning(_named(rows, tickets))
        least = found.value * program.unit
        wins = _wins(book, rows, tickets, columns)
        below = [int(columns[j]) for j, w in enumerate(wins) if w < least]
        if not below:
            return Winning(_named(rows, tickets))
        chosen, solved = np.union1d(chosen, below[:_AT_ONCE]), None


@dataclass(frozen=True)
class _Program:
    """The least miss as a program in integers: chances times `weight`; y times a factor is tickets, a value times `unit` money."""

    matrix: np.ndarray[Any, Any]
    right: list[int]
    cost: list[int]
    factors: list[Fraction]
    weight: int
    unit: Fraction


def _integers(book: Book, rows: Sequence[Row], chosen: Any, costs: Sequence[float]) -> _Program:
    """A row of a quote that is always on says what its ticket pays, with the price on the right: its numbers are small,
    mostly 0 and 1, and so are those of every basis. Any other row says what it gains, with 0 on the right."""
    import numpy as np

    tables, scales, prices = [], [], []
    for row in rows:
        q = book.quotes[row.quote]
        if book.on[row.quote, chosen].all():
            pays, side = book.pays[row.quote], -1 if row.sense == "bid" else 1
            scale = lcm(*(v.denominator for v in pays))
            tables.append((0, *(side * int(v * scale) for v in pays)))
            prices.append(side * scale * ((q.bid if side < 0 else q.ask) or Fraction(0)))
        else:
            scale = row.scale
            tables.append(row.gains)
            prices.append(Fraction(0))
        scales.append(scale)
    k, n = len(rows), len(chosen)
    largest = max(abs(v) for table in tables for v in table)
    kind: Any = np.int64 if largest < 1 << 62 else object
    whole = np.zeros((k + 1, n + 2 * k), kind)
    for r, (row, table) in enumerate(zip(rows, tables, strict=True)):
        whole[r, :n] = np.array(table, kind)[book.codes[row.quote, chosen]]
    whole[k, :n] = 1
    whole[np.arange(k), n + np.arange(k)] = 1
    whole[np.arange(k), n + k + np.arange(k)] = -1
    weight = lcm(*(p.denominator for p in prices))
    common = lcm(*scales)
    cost = [int(c) * (common // s) for c, s in zip(costs, scales, strict=True)]
    free = [0 if row.sense != "=" else c for row, c in zip(rows, cost, strict=True)]
    right = [*(int(p * weight) for p in prices), weight]
    return _Program(whole, right, [0] * n + free + cost, [Fraction(s, common) for s in scales], weight, Fraction(1, common * weight))


def _wins(book: Book, rows: Sequence[Row], tickets: Sequence[Fraction], columns: Any) -> list[Fraction]:
    parts = [[Fraction(g, row.scale) * t for g in row.gains] for row, t in zip(rows, tickets, strict=True)]
    return [
        sum((part[c] for part, c in zip(parts, codes, strict=True)), Fraction(0))
        for codes in book.codes[[row.quote for row in rows]][:, columns].T.tolist()
    ]


def _support(x: Any) -> list[int]:
    """The columns in use, the most used first."""
    import numpy as np

    order = np.argsort(-x)
    return [int(j) for j in order if x[j] > _USED]


__all__ = ["Found", "Stakes", "Weights", "Winning", "find", "guaranteed", "layer", "roughly"]
