"""Arbitrage between prices, and its size.

* Against quotes with sizes: the stakes, none above its size, that win most in the worst world. A linear program; its
  dual is a distribution that shows why nothing wins more: under it, the most that the sizes can gain in expectation is
  just that.
* Against a logarithmic maker of depth b, whose price moves as one buys: buy until its price is that of the other side.
  Moving the price of an event from p to r takes b (logit r - logit p) tickets and costs b log((1 - p) / (1 - r)).

Source: Hanson, Logarithmic market scoring rules for modular combinatorial information aggregation (2007), for the maker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm, log
from typing import Any

from opengames.diagnostics import refuse
from opengames.show import digits, in_full
from opengames.solvers.coherence.answers import Stake, exact
from opengames.solvers.coherence.book import open_book
from opengames.solvers.coherence.certificates import World, dominates, possible
from opengames.solvers.coherence.layers import roughly
from opengames.solvers.coherence.pivoting import Optimum, minimise
from opengames.solvers.coherence.printed import Printed
from opengames.solvers.coherence.quotes import Number, Quote, named_apart, number
from opengames.solvers.coherence.words import money, stakes_words, world_words, wrapped
from opengames.solvers.coherence.worlds import Worlds
from opengames.terms import Term


@dataclass(frozen=True, repr=False)
class Sized(Printed):
    """The most that can be won for certain. distribution: under it nobody can expect more within the sizes."""

    stakes: tuple[Stake, ...]
    win: Fraction
    distribution: tuple[tuple[World, Fraction], ...]

    def lines(self) -> list[str]:
        if not self.win:
            return ["no stakes win in every world"]
        lines = [f"wins {money(self.win)} in the worst world, and no stakes of these sizes win more", *wrapped(stakes_words(self.stakes))]
        worst = ", or ".join(world_words(w) for w, _ in self.distribution[:3])
        return [*lines, f"   because of {worst}" + (", ..." if len(self.distribution) > 3 else "")]

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": "arbitrage", "win": in_full(self.win), "stakes": [s.to_dict() for s in self.stakes],
            "distribution": [{"world": world_words(w), "chance": exact(c)} for w, c in self.distribution],
        }  # fmt: skip


def size_arbitrage(worlds: Worlds, quotes: Sequence[Quote], sizes: Mapping[str, Number] | Number) -> Sized:
    """The stakes that win most for certain, when at most so many tickets of each quote can be had.

    sizes: by name, or one for all. A ticket that is called off wins and loses nothing. Exact, and checked.
    Raises `Refusal`: `outside-type` for a negative size, `unknown-name` for a size of nothing quoted, and what
    `check_quotes` refuses.
    """
    import numpy as np

    read = named_apart(worlds.read(tuple(quotes)))
    limit = _sizes(read, sizes)
    book = open_book(worlds, read)
    rows = book.sides(range(len(read)))
    columns = np.arange(book.columns)
    matrix = book.matrix(rows, columns)
    amounts = [limit[row.quote] for row in rows]
    solved = roughly(matrix, rows, [float(a) for a in amounts])
    k, n = matrix.shape
    common = lcm(*((a / row.scale).denominator for a, row in zip(amounts, rows, strict=True)))
    cost = [int(a / row.scale * common) for a, row in zip(amounts, rows, strict=True)]
    whole = np.zeros((k + 1, n + 2 * k), matrix.dtype)
    whole[:k, :n] = matrix
    whole[k, :n] = 1
    whole[np.arange(k), n + np.arange(k)] = 1
    whole[np.arange(k), n + k + np.arange(k)] = -1
    free = [0 if row.sense != "=" else c for row, c in zip(rows, cost, strict=True)]
    warm = [] if solved is None else [int(j) for j in np.argsort(-solved.x) if solved.x[j] > 1e-9]
    found = minimise(whole, [0] * k + [1], [0] * n + free + cost, [*warm, *(n + r for r in range(k))])
    assert isinstance(found, Optimum), "winning nothing is always possible, and sizes bound the rest"
    stakes: dict[tuple[int, int], Fraction] = {}
    for row, y in zip(rows, found.y, strict=False):
        t = -y * row.scale / common
        if t:
            side = -1 if row.sense == "bid" or (row.sense == "=" and t < 0) else 1
            stakes[row.quote, side] = stakes.get((row.quote, side), Fraction(0)) + abs(t)
    placed = tuple(Stake(read[i], side * t) for (i, side), t in sorted(stakes.items()))
    chances = tuple((book.world(j), v) for j, v in found.x if j < n)
    answer = Sized(placed, found.value / common, chances)
    _checked(worlds, read, limit, answer)
    return answer


def _sizes(read: Sequence[Quote], sizes: Mapping[str, Number] | Number) -> list[Fraction]:
    if not isinstance(sizes, Mapping):
        sizes = {q.name: sizes for q in read}
    for name in sizes:
        if name not in {q.name for q in read}:
            raise refuse("unknown-name", f"a size is given for `{name}`, which is not quoted")
    found = [number(sizes.get(q.name, 0), f"the size of {q.name}") for q in read]
    for q, size in zip(read, found, strict=True):
        if size < 0:
            raise refuse("outside-type", f"the size of `{q.name}` is {digits(size)}, and nobody trades less than nothing")
    return found


def _checked(worlds: Worlds, read: Sequence[Quote], limit: Sequence[Fraction], answer: Sized) -> None:
    """Both sides of the optimum, by the definition: the win in every world, and the expectation nobody exceeds."""
    from opengames.evaluate import compile_term

    assert all(abs(s.tickets) <= limit[read.index(s.quote)] for s in answer.stakes)
    terms: list[tuple[Term, Term | None, Fraction, Fraction]] = [
        (s.quote.event, s.quote.given, s.price, s.tickets) for s in answer.stakes  # type: ignore[misc]
    ]
    least = dominates(worlds, terms)[0] if terms else Fraction(0)
    most = Fraction(0)
    for q, size in zip(read, limit, strict=True):
        pays = compile_term(q.event, worlds.program.funs, worlds.params)  # type: ignore[arg-type]
        given = None if q.given is None else compile_term(q.given, worlds.program.funs, worlds.params)  # type: ignore[arg-type]
        on = [(Fraction(pays(dict(w))), c) for w, c in answer.distribution if given is None or given(dict(w))]
        buy = Fraction(0) if q.ask is None else sum((c * (v - q.ask) for v, c in on), Fraction(0))
        sell = Fraction(0) if q.bid is None else sum((c * (q.bid - v) for v, c in on), Fraction(0))
        most += size * (max(buy, Fraction(0)) + max(sell, Fraction(0)))
    assert sum(c for _, c in answer.distribution) == 1
    assert all(c > 0 and possible(worlds, dict(w)) for w, c in answer.distribution)
    assert least >= answer.win >= most, "the two sides of the optimum are apart"


@dataclass(frozen=True, repr=False)
class AgainstMaker(Printed):
    """A trade with a logarithmic maker against an outside price. tickets: bought from the maker, or sold to it if negative.

    price: of the maker before; moved_to: after. profit: for certain, once the outside takes as many [$].
    """

    name: str
    tickets: float
    price: float
    moved_to: float
    outside: float
    paid: float
    profit: float

    def lines(self) -> list[str]:
        if not self.tickets:
            return [f"{self.name}: nothing to win between {digits(self.price)} and {digits(self.outside)}"]
        here, there = ("buy", "sell") if self.tickets > 0 else ("sell", "buy")
        return [
            f"{self.name}: {here} {abs(self.tickets):.6g} from the maker, whose price moves from {self.price:.6g} to {self.moved_to:.6g},",
            f"   {there} as many outside at {self.outside:.6g}: wins {self.profit:.6g} $ in every world",
        ]

    def to_dict(self) -> dict[str, Any]:
        return {"kind": "against maker", **{f: getattr(self, f) for f in self.__dataclass_fields__}}


def against_maker(outside: Quote, price: Number, depth: Number, size: Number | None = None) -> AgainstMaker:
    """The best sure trade between a maker's price of an event and an outside quote on it.

    price: the maker's, strictly between 0 and 1. depth: its b > 0 [$]. size: how many the outside takes at most.
    In floating point: the answer is a logarithm. Raises `Refusal`: `outside-type` for a price or depth out of range.
    """
    p, b = float(number(price, outside.name)), float(number(depth, "the depth"))
    if not 0 < p < 1:
        raise refuse("outside-type", f"the maker's price of `{outside.name}` is {digits(p)}, and its price never reaches 0 or 1")
    if b <= 0:
        raise refuse("outside-type", f"the depth is {digits(b)}, and a maker needs one above 0")
    limit = None if size is None else float(number(size, "the size"))
    if limit is not None and limit < 0:
        raise refuse("outside-type", f"the size is {digits(limit)}, and nobody trades less than nothing")
    bid, ask = (None if v is None else float(v) for v in (outside.bid, outside.ask))
    if bid is not None and bid > p:
        return _moved(outside.name, p, b, bid, limit, 1)
    if ask is not None and ask < p:
        return _moved(outside.name, p, b, ask, limit, -1)
    return AgainstMaker(outside.name, 0.0, p, p, float(bid if bid is not None else ask if ask is not None else p), 0.0, 0.0)


def _moved(name: str, p: float, b: float, r: float, limit: float | None, side: int) -> AgainstMaker:
    """Trade on `side` until the price is r, or the limit is reached."""
    from math import exp, expm1, inf, log1p

    wanted = inf if r in (0.0, 1.0) else side * b * (log(r / (1 - r)) - log(p / (1 - p)))
    if wanted == inf and limit is None:
        raise refuse("outside-type", f"the outside price of `{name}` is {digits(r)}: without a `size` there is no best trade")
    tickets = side * (wanted if limit is None else min(wanted, limit))
    paid = b * log1p(p * expm1(tickets / b)) if tickets / b < 500 else tickets + b * log(p)
    after = 1 / (1 + (1 - p) / p * exp(-tickets / b))
    return AgainstMaker(name, tickets, p, after, r, paid, r * tickets - paid)


__all__ = ["AgainstMaker", "Sized", "against_maker", "size_arbitrage"]
