"""What quotes imply about a ticket that was not quoted: the least and the largest price that agrees with them.

For two events quoted alone these are Frechet's bounds, max(0, a + b - 1) and min(a, b) for both; in general each is a
linear program over the worlds, and its dual is a hedge: trades at the quoted prices which, with the ticket bought below
the lower bound or sold above the upper one, cannot lose.

A ticket that is called off where `given` fails has the bounds of its coherent extensions. If `given` may have chance 0
while some of the quotes' conditions have a chance, those quotes say nothing about it, and are left out first.

Source: Hailperin, Best possible inequalities for the probability of a logical function of events (1965); Biazzo and
Gilio, A generalization of the fundamental theorem of de Finetti for imprecise conditional probability assessments
(2000).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Any

from opengames.diagnostics import Refusal, refuse
from opengames.show import in_full
from opengames.solvers.coherence.answers import Stake, exact
from opengames.solvers.coherence.book import Book, Row, open_book
from opengames.solvers.coherence.cases import TooMany
from opengames.solvers.coherence.certificates import Layer, check_bound
from opengames.solvers.coherence.layers import Stakes, Weights, find, layer
from opengames.solvers.coherence.pivoting import Optimum, minimise
from opengames.solvers.coherence.printed import Printed
from opengames.solvers.coherence.quotes import Event, Quote, at, named_apart, price
from opengames.solvers.coherence.words import stakes_words, wrapped
from opengames.solvers.coherence.worlds import Worlds

if TYPE_CHECKING:
    import numpy as np

_TIGHT = 1e-7
_MANY = 3_000
_AT_ONCE = 60
_DEAR = 1e4
"""What missing a price costs while columns are still being found, against the largest payoff."""


@dataclass(frozen=True)
class Bound:
    """One end. hedge: what to trade at the quoted prices against a better price of one ticket. layers: attains it."""

    value: Fraction
    hedge: tuple[Stake, ...]
    guard: tuple[Stake, ...]
    layers: tuple[Layer, ...]

    def to_dict(self) -> dict[str, Any]:
        return {"value": in_full(self.value), "hedge": [s.to_dict() for s in self.hedge],
                "guard": [s.to_dict() for s in self.guard]}  # fmt: skip


@dataclass(frozen=True, repr=False)
class Bounds(Printed):
    """The prices of a ticket that agree with the quotes: all from `low.value` to `high.value`, and no others."""

    target: Quote
    low: Bound
    high: Bound

    def __contains__(self, value: Any) -> bool:
        return bool(self.low.value <= value <= self.high.value)

    def lines(self) -> list[str]:
        name, number = self.target.name, self.target.number
        said = (lambda v: price(v, True)) if number else exact
        if self.low.value == self.high.value:
            lines = [f"{name} is worth {said(self.low.value)} exactly"]
        else:
            lines = [f"{name} is worth from {said(self.low.value)} to {said(self.high.value)}"]
        for side, end, act in (("less", self.low, "buy"), ("more", self.high, "sell")):
            if end.hedge:
                lines.append(f"   at a price {'below' if side == 'less' else 'above'} {said(end.value)}, {act} 1 and")
                lines += wrapped(stakes_words(end.hedge), "      ")
        return lines

    def to_dict(self) -> dict[str, Any]:
        return {"kind": "bounds", "ticket": self.target.name, "low": self.low.to_dict(), "high": self.high.to_dict()}


def bounds(
    worlds: Worlds, quotes: Sequence[Quote], event: Event, given: Event | None = None, *, number: bool = False,
    name: str = "",
) -> Bounds:  # fmt: skip
    """The least and the largest coherent price of a ticket on `event`, with certificates of both.

    number: the ticket pays what `event` is worth. Raises `Refusal`: `not-a-distribution` if the quotes are incoherent,
    and what `check_quotes` refuses.
    """
    called = name or (event if isinstance(event, str) else "the ticket") + (f" | {given}" if isinstance(given, str) else "")
    asked = Quote(called, event, given, Fraction(0), Fraction(0), number)
    *read, target = worlds.read((*named_apart(tuple(quotes)), asked))
    try:
        book = open_book(worlds, [*read, target])
    except TooMany:
        from opengames.solvers.coherence.bounded import bounded

        found = bounded(worlds, read, target)
    else:
        if find(book, list(range(len(read)))).stakes is not None:
            raise incoherent(worlds, read)
        found = both_ends(book)
    for side, end in zip((1, -1), found, strict=True):
        hedge, guard_of = ([(s.quote, s.tickets) for s in stakes] for stakes in (end.hedge, end.guard))
        check_bound(worlds, read, at(target, end.value), side, hedge, guard_of, end.layers)
    return Bounds(target, *found)


def both_ends(book: Book) -> tuple[Bound, Bound]:
    """The least and the largest price of the last quote of a book that agree with the others, which are coherent."""
    before, left, guard = _deferred(book, list(range(len(book.quotes) - 1)))
    return _end(book, left, 1, before, guard), _end(book, left, -1, before, guard)


def incoherent(worlds: Worlds, quotes: Sequence[Quote]) -> Refusal:
    """The refusal to conclude anything from quotes that win for somebody in every world."""
    from opengames.solvers.coherence.asking import check_quotes

    lines = check_quotes(worlds, quotes).lines()
    return refuse("not-a-distribution", "these quotes are incoherent: nothing follows from them",
                  notes=tuple(line.strip() for line in lines[1:]))  # fmt: skip


def _deferred(book: Book, some: Sequence[int]) -> tuple[list[Weights], list[int], Stakes]:
    """Layers that settle quotes without a chance for the ticket's condition, the quotes that stay, and why they do.

    The last is stakes on them that win wherever one of them is on and the ticket is called off.
    """
    import numpy as np

    left, before = list(some), list[Weights]()
    mine = len(book.quotes) - 1
    while left:
        columns = np.flatnonzero(book.on[left].any(axis=0) & ~book.on[mine])
        if not len(columns):
            break
        found = layer(book, left, columns=columns)
        if not isinstance(found, dict):
            return before, left, found.tickets
        before.append(found)
        lively: Any = book.on[:, list(found)].any(axis=1)
        left = [i for i in left if not lively[i]]
    return before, left, {}


def _end(book: Book, left: Sequence[int], side: int, before: Sequence[Weights], guard: Stakes) -> Bound:
    import numpy as np

    mine = len(book.quotes) - 1
    rows = book.sides(left)
    columns = np.flatnonzero(book.on[[*left, mine]].any(axis=0))
    value, weights, hedge = _solve(book, rows, columns, side)
    layers = [*before, weights]
    rest = [i for i in left if not book.on[i, list(weights)].any()]
    layers += find(book, rest).layers if rest else ()
    worlds_of = tuple(tuple((book.world(c), w) for c, w in sorted(each.items(), key=lambda e: -e[1])) for each in layers)
    return Bound(value, _stakes(book, hedge), _stakes(book, guard), worlds_of)


def _stakes(book: Book, stakes: Stakes) -> tuple[Stake, ...]:
    return tuple(Stake(book.quotes[i], s * t) for (i, s), t in sorted(stakes.items()))


def _solve(book: Book, rows: Sequence[Row], columns: Any, side: int) -> tuple[Fraction, Weights, Stakes]:
    """The least of side * payoff over chances with weight 1 where the ticket is on, and the hedge that shows it."""
    import numpy as np

    mine = len(book.quotes) - 1
    pays = book.pays[mine]
    scale = lcm(*(v.denominator for v in pays))
    table = [0, *(side * int(v * scale) for v in pays)]
    k = len(rows)
    slack = [r for r, row in enumerate(rows) if row.sense != "="]

    def program(chosen: Any) -> tuple[Any, list[int]]:
        matrix = book.matrix(rows, chosen)
        n = len(chosen)
        whole = np.zeros((k + 1, n + len(slack)), matrix.dtype)
        whole[:k, :n] = matrix
        whole[k, :n] = book.on[mine, chosen]
        for s, r in enumerate(slack):
            whole[r, n + s] = 1
        return whole, [table[c] for c in book.codes[mine, chosen].tolist()] + [0] * len(slack)

    chosen = columns if len(columns) <= _MANY else _enough(book, rows, columns, table)
    while True:
        whole, cost = program(chosen)
        found = minimise(whole, [0] * k + [1], cost, _rough(whole, cost, [row.scale for row in rows]))
        wrong = columns if not isinstance(found, Optimum) else _violated(book, rows, columns, found, table)
        if isinstance(found, Optimum) and not len(wrong):
            break
        if len(chosen) == len(columns):
            raise AssertionError(f"a bounded program has no optimum: {found}")
        chosen = np.union1d(chosen, wrong)
    total = sum((v for j, v in found.x if j < len(chosen)), Fraction(0))
    weights = {int(chosen[j]): v / total for j, v in found.x if j < len(chosen)}
    stakes: Stakes = {}
    for row, y in zip(rows, found.y, strict=False):
        t = -y * row.scale / scale
        if t:
            way = -1 if row.sense == "bid" or (row.sense == "=" and t < 0) else 1
            stakes[row.quote, way] = stakes.get((row.quote, way), Fraction(0)) + abs(t)
    return side * found.value / scale, weights, stakes


def _violated(book: Book, rows: Sequence[Row], columns: Any, found: Optimum, table: Sequence[int]) -> Any:
    """Columns for which the prices are wrong, some of those that were left out; exact."""
    import numpy as np

    if len(columns) <= _MANY:
        return columns[:0]
    mine = len(book.quotes) - 1
    common = lcm(*(y.denominator for y in found.y))
    prices = [int(y * common) for y in found.y]
    codes = book.codes[:, columns]
    left = np.array([t * common - prices[-1] if c else 0 for c, t in enumerate(table)], object)[codes[mine]]
    for row, y in zip(rows, prices, strict=False):
        if y:
            left = left - np.array([y * g for g in row.gains], object)[codes[row.quote]]
    return columns[np.flatnonzero(left < 0)[:_AT_ONCE]]


def _enough(book: Book, rows: Sequence[Row], columns: Any, table: Sequence[int]) -> Any:
    """Enough of many columns that the others do not matter (in floating point): those that the prices of fewer find cheap."""
    import numpy as np
    from scipy.optimize import linprog

    mine, k = len(book.quotes) - 1, len(rows)
    scale = np.array([float(row.scale) for row in rows])
    gains = book.matrix(rows, columns) / scale[:, None]
    on = book.on[mine, columns].astype(float)
    cost = np.array(table, float)[book.codes[mine, columns]]
    slack = np.diag([0.0 if row.sense == "=" else 1.0 for row in rows])
    loose = np.vstack([np.hstack([slack, np.eye(k), -np.eye(k)]), np.zeros((1, 3 * k))])
    dear = np.concatenate([np.zeros(k), np.full(2 * k, _DEAR * (1 + np.abs(cost).max()))])
    right = np.append(np.zeros(k), 1.0)
    inside = np.zeros(len(columns), bool)
    inside[np.linspace(0, len(columns) - 1, 4 * k + 20).astype(int)] = True
    inside[int(np.argmax(on))] = True
    while True:
        some = np.flatnonzero(inside)
        matrix = np.hstack([np.vstack([gains[:, some], on[some]]), loose])
        done = linprog(np.append(cost[some], dear), A_eq=matrix, b_eq=right, method="highs", options={"presolve": False})
        if done.status != 0:
            return columns
        reduced = cost - done.eqlin.marginals[:k] @ gains - done.eqlin.marginals[k] * on
        reduced[inside] = 0
        worst = np.argsort(reduced)[:_AT_ONCE]
        worst = worst[reduced[worst] < -_TIGHT]
        if not len(worst):
            return columns[some]
        inside[worst] = True


def _rough(whole: np.ndarray[Any, Any], cost: Sequence[int], scales: Sequence[int]) -> list[int]:
    """Columns in use at the optimum in floating point, the most used first; none where there is no optimum."""
    import numpy as np
    from scipy.optimize import linprog

    floats = whole.astype(float)
    floats[:-1] /= np.array(scales, float)[:, None] if len(scales) else 1.0
    right = np.zeros(len(floats))
    right[-1] = 1
    done = linprog(np.array(cost, float), A_eq=floats, b_eq=right, method="highs", options={"presolve": False})
    if done.status != 0:
        return []
    return [int(j) for j in np.argsort(-done.x) if done.x[j] > 1e-9]


__all__ = ["Bound", "Bounds", "both_ends", "bounds", "incoherent"]
