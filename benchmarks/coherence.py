"""Whether quotes are coherent, with an exact certificate that has been checked, against HiGHS on the same linear program.

The peer gets the matrix of the worlds ready made and answers yes or no in floating point. What is measured begins with
terms: it lists the worlds, works out the events, solves, makes the answer exact, and checks it by the definition. Books
are planted: some agree with a distribution, some have one price moved; both contestants must say which.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from benchmarks.measure import Figure, Outcome, in_turns
from opengames.solvers.coherence.asking import check_quotes
from opengames.solvers.coherence.cases import Values, cases
from opengames.solvers.coherence.quotes import Quote
from opengames.solvers.coherence.worlds import Worlds
from opengames.spaces import BOOL
from opengames.terms import Prim, Term, Var

TITLE = "Coherence of quotes"


def measure(repeats: int = 7, events: int = 10, books: int = 6, many: int = 40) -> Outcome:
    """events: n, with 2 n quotes. books: coherent ones, and as many incoherent ones. many: events of the last figure."""
    made = [_book(seed, events, broken) for broken in (False, True) for seed in range(books)]
    contestants: dict[str, Any] = {}
    for i, (worlds, quotes, coherent) in enumerate(made):
        matrix, prices = _matrix(worlds, quotes)
        assert check_quotes(worlds, quotes).coherent == _highs(matrix, prices) == coherent, "the contestants disagree"
        contestants[f"ours {i}"] = lambda w=worlds, q=quotes: check_quotes(w, q)
        contestants[f"ours, stakes only {i}"] = lambda w=worlds, q=quotes: check_quotes(w, q, smallest=False)
        contestants[f"highs {i}"] = lambda m=matrix, p=prices: _highs(m, p)
    times = in_turns(contestants, repeats)
    fine, broken = range(books), range(books, 2 * books)
    figures = [
        _slower("coherent, with a checked distribution, against HiGHS", times, "ours", fine, 2.0),
        _slower("incoherent, with checked stakes, against HiGHS", times, "ours, stakes only", broken, 2.0),
        _slower("incoherent, with the smallest such subset too, against HiGHS", times, "ours", broken, None),
    ]
    if many:
        wide = _book(1, many, False, many)
        figures.append(Figure(f"{many} events under constraints, {2 * many} quotes, worlds generated",
                              min(in_turns({"wide": lambda: _agreed(wide)}, 1)["wide"]), "s of CPU"))  # fmt: skip
    details = {"milliseconds": {name: [round(1e3 * t, 2) for t in each] for name, each in times.items()}}
    settings = {"events": events, "quotes": 2 * events, "worlds": 1 << events, "books": 2 * books, "repeats": repeats}
    return Outcome("coherence", TITLE, tuple(figures), settings, details)


def _slower(what: str, times: dict[str, list[float]], ours: str, some: Sequence[int], wanted: float | None) -> Figure:
    """The median over books and turns of our time by theirs."""
    pairs = [(a, b) for i in some for a, b in zip(times[f"{ours} {i}"], times[f"highs {i}"], strict=True)]
    ratio = statistics.median(a / b for a, b in pairs)
    mine, theirs = (statistics.median(p[side] for p in pairs) for side in (0, 1))
    return Figure(what, ratio, "times its time", wanted, "at most", mine, theirs, "s of CPU")


def _agreed(book: tuple[Worlds, list[Quote], bool]) -> None:
    worlds, quotes, coherent = book
    assert check_quotes(worlds, quotes).coherent == coherent


def _book(seed: int, events: int, broken: bool, rules: int = 0) -> tuple[Worlds, list[Quote], bool]:
    """Prices of events and of pairs of them, in thousandths; where broken, that of a pair is above that of its part.

    rules: how many constraints e_i -> e_j or e_k there are.
    """
    rng = random.Random(seed)
    wires = [Var(f"e{i}") for i in range(events)]
    such_that = []
    for i in range(rules // 4):
        j, k = rng.sample([n for n in range(events) if n != i], 2)
        such_that.append((i, j, k))
    rows = []
    while len(rows) < 30:
        world = [rng.random() < 0.4 for _ in wires]
        if all(not world[i] or world[j] or world[k] for i, j, k in such_that):
            rows.append(world)
    cuts = sorted(rng.randrange(1001) for _ in range(len(rows) - 1))
    weights = [b - a for a, b in zip([0, *cuts], [*cuts, 1000], strict=True)]
    terms: list[tuple[Term, Any]] = [(w, lambda r, i=i: r[i]) for i, w in enumerate(wires)]
    for n in range(events):
        i, j = rng.sample(range(events), 2)
        if n % 2 == 0:
            terms.append((Prim("and", (wires[i], wires[j])), lambda r, i=i, j=j: r[i] and r[j]))
        else:
            terms.append((Prim("or", (wires[i], Prim("not", (wires[j],)))), lambda r, i=i, j=j: r[i] or not r[j]))
    quotes = []
    for k, (term, holds) in enumerate(terms):
        price = Fraction(sum(w for w, r in zip(weights, rows, strict=True) if holds(r)), 1000)
        quotes.append(Quote(f"q{k}", term, None, price, price))
    if broken:
        pair = quotes[events]
        part = next(q for q in quotes if q.event == pair.event.args[0])  # type: ignore[union-attr]
        wrong = (part.ask or 0) + Fraction(rng.randint(20, 80), 1000)
        quotes[events] = Quote(pair.name, pair.event, None, wrong, wrong)
    constraints = tuple(Prim("implies", (wires[i], Prim("or", (wires[j], wires[k])))) for i, j, k in such_that)
    return Worlds(tuple((w.name, BOOL) for w in wires), constraints), quotes, not broken


def _matrix(worlds: Worlds, quotes: Sequence[Quote]) -> tuple[Any, Any]:
    """What the peer gets: in which worlds each ticket pays, and the prices; the last row is that chances add up to 1."""
    import numpy as np

    among = cases(worlds, worlds.spaces)
    values = Values(worlds, among)
    rows = [values.event(q.event) for q in quotes]  # type: ignore[arg-type]
    return np.array([*rows, np.ones(len(among))], float), np.array([*(float(q.ask or 0) for q in quotes), 1.0])


def _highs(matrix: Any, prices: Any) -> bool:
    """Whether chances exist, by HiGHS as scipy calls it."""
    import numpy as np
    from scipy.optimize import linprog

    return bool(linprog(np.zeros(matrix.shape[1]), A_eq=matrix, b_eq=prices, method="highs").status == 0)


__all__ = ["measure"]
