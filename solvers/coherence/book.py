"""Quotes as a matrix: one row for each side that may be taken, one column for each way the tickets can turn out.

Worlds in which every ticket does the same are one column. A row holds what one ticket gains, in whole numbers over a
denominator of its own: for a ticket bought at its ask, what it pays less the ask where its condition holds, and 0
where it is called off; for a ticket sold at its bid, the opposite.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import lcm
from typing import TYPE_CHECKING, Any

from opengames.diagnostics import refuse
from opengames.solvers.coherence.cases import Cases, Values, cases, used
from opengames.solvers.coherence.quotes import Quote
from opengames.solvers.coherence.worlds import Worlds
from opengames.terms import Term

if TYPE_CHECKING:
    import numpy as np

_SAFE = 1 << 62


@dataclass(frozen=True)
class Row:
    """One side of a quote. sense: "=" either side at one price, "ask" for buying, "bid" for selling.

    gains: what one ticket gains by the code of the column, times `scale`, in whole numbers. They are those of the
    buyer for "=" and "ask", of the seller for "bid".
    """

    quote: int
    sense: str
    scale: int
    gains: tuple[int, ...]


@dataclass(frozen=True)
class Book:
    """Quotes over the ways they can turn out.

    codes: [quote, column]: 0 where the quote is called off, else 1 + the place of what it pays among `pays[quote]`.
    first: for each column, a case (of `among`) in which the quotes turn out so.
    """

    worlds: Worlds
    quotes: tuple[Quote, ...]
    among: Cases
    pays: tuple[tuple[Fraction, ...], ...]
    codes: np.ndarray[Any, Any]
    first: np.ndarray[Any, Any]

    @property
    def columns(self) -> int:
        return int(self.codes.shape[1])

    @cached_property
    def on(self) -> np.ndarray[Any, Any]:
        """[quote, column]: where the ticket is not called off."""
        return self.codes > 0

    @cached_property
    def rows(self) -> tuple[tuple[Row, ...], ...]:
        """The sides of each quote."""
        return tuple(tuple(_rows(i, q, self.pays[i])) for i, q in enumerate(self.quotes))

    def sides(self, some: Iterable[int]) -> list[Row]:
        return [row for i in some for row in self.rows[i]]

    def matrix(self, rows: Sequence[Row], columns: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The gains of the rows, in whole numbers: int64 where they fit, else Python's."""
        import numpy as np

        largest = max((abs(g) for row in rows for g in row.gains), default=0)
        kind: Any = np.int64 if largest < _SAFE else object
        found = np.zeros((len(rows), len(columns)), kind)
        for r, row in enumerate(rows):
            found[r] = np.array(row.gains, kind)[self.codes[row.quote, columns]]
        return found

    def live(self, some: Sequence[int]) -> np.ndarray[Any, Any]:
        """The columns in which one of these quotes is not called off."""
        import numpy as np

        return np.flatnonzero(self.on[list(some)].any(axis=0))

    def world(self, column: int) -> tuple[tuple[str, Any], ...]:
        return self.among.world(int(self.first[column]))


def open_book(worlds: Worlds, quotes: Sequence[Quote], more: Sequence[Term | None] = ()) -> Book:
    """The matrix of the quotes. more: further terms whose variables the cases must tell apart.

    Raises `TooMany`; `Refusal`: `impossible-evidence` for a condition that never holds.
    """
    among = cases(worlds, used([t for q in quotes for t in (q.event, q.given)] + list(more)))  # type: ignore[arg-type]
    book = book_of(worlds, quotes, among)
    for i, q in enumerate(quotes):
        if q.given is not None and not book.on[i].any():
            raise impossible(q)
    return book


def book_of(worlds: Worlds, quotes: Sequence[Quote], among: Cases) -> Book:
    """The matrix of the quotes over some cases."""
    import numpy as np

    values = Values(worlds, among)
    pays, codes = [], np.empty((len(quotes), len(among)), np.int64)
    for i, q in enumerate(quotes):
        codes[i], paid = turns_out(values, q)
        pays.append(paid)
    codes, first = distinct(codes)
    return Book(worlds, tuple(quotes), among, tuple(pays), codes, first)


def impossible(q: Quote) -> Exception:
    """The refusal of a quote whose condition never holds."""
    return refuse(
        "impossible-evidence", f"the condition of `{q.name}` cannot happen: every such bet would be called off",
        help="leave the quote out, or look at the constraints",
    )  # fmt: skip


def turns_out(values: Values, q: Quote) -> tuple[Any, tuple[Fraction, ...]]:
    """How a ticket turns out in each case, as codes (see `Book`), and what it pays by code."""
    import numpy as np

    given = values.event(q.given)  # type: ignore[arg-type]
    if not q.number:
        return np.where(given, values.event(q.event).astype(np.int64) + 1, 0), _EVENT  # type: ignore[arg-type]
    found, codes = values.numbers(q.event)  # type: ignore[arg-type]
    return np.where(given, codes + 1, 0), tuple(found)


_EVENT = (Fraction(0), Fraction(1))


def distinct(codes: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The columns that differ, and where each is first found."""
    import numpy as np

    key = np.zeros(codes.shape[1], np.int64)
    reach = 1
    for row in codes:
        many = int(row.max(initial=0)) + 1
        if reach * many >= _SAFE:
            _, key = np.unique(key, return_inverse=True)
            reach = int(key.max(initial=0)) + 1
        key = key * many + row
        reach *= many
    _, first = np.unique(key, return_index=True)
    return np.ascontiguousarray(codes[:, first]), first


def _rows(i: int, q: Quote, pays: tuple[Fraction, ...]) -> Iterable[Row]:
    if q.exact:
        yield _row(i, "=", [v - q.ask for v in pays])  # type: ignore[operator]
        return
    if q.ask is not None:
        yield _row(i, "ask", [v - q.ask for v in pays])
    if q.bid is not None:
        yield _row(i, "bid", [q.bid - v for v in pays])


def _row(i: int, sense: str, gains: list[Fraction]) -> Row:
    scale = lcm(*(g.denominator for g in gains))
    return Row(i, sense, scale, (0, *(g.numerator * (scale // g.denominator) for g in gains)))


__all__ = ["Book", "Row", "book_of", "distinct", "impossible", "open_book", "turns_out"]
