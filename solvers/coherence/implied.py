"""One distribution out of quotes that leave many: the one that departs least from a prior.

minimise sum q log(q / prior)  subject to  nobody expects to win under q by trading at the quotes.

Its form is q = prior * exp(-l g), with one multiplier l for each side of a quote and g what a ticket gains; the
multipliers are found by Newton's method on the dual, which is convex. The answer is in floating point; by how much it
misses the quotes and how far it may be from the least are part of it. What all such distributions have in common is
what `bounds` gives, exactly.

Source: Jaynes, Information theory and statistical mechanics (1957); Stutzer, A simple nonparametric approach to
derivative security valuation (1996), for quotes of tickets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from opengames.evaluate import compile_term
from opengames.show import digits
from opengames.solvers.coherence.answers import quote_dict
from opengames.solvers.coherence.book import Book, Row, open_book
from opengames.solvers.coherence.cases import Cases
from opengames.solvers.coherence.certificates import World
from opengames.solvers.coherence.extension import incoherent
from opengames.solvers.coherence.layers import find
from opengames.solvers.coherence.printed import Printed
from opengames.solvers.coherence.quotes import Event, Quote, named_apart
from opengames.solvers.coherence.state_prices import read_payoffs
from opengames.solvers.coherence.words import world_words
from opengames.solvers.coherence.worlds import Worlds

_STEPS = 200
_ENOUGH = 1e-12
_SHOWN = 12


@dataclass(frozen=True, repr=False)
class Implied(Printed):
    """chances: of worlds, in floating point, the likely ones first. divergence: from the prior [nats].

    miss: the most that somebody expects to win with one ticket, 0 in exact numbers. gap: how far the divergence may be
    above the least one.
    """

    worlds: Worlds
    quotes: tuple[Quote, ...]
    chances: tuple[tuple[World, float], ...]
    divergence: float
    miss: float
    gap: float

    def value(self, payoff: Event) -> float:
        """What a payoff is worth under it; the payoff is about variables of the quotes."""
        (term,) = read_payoffs(self.worlds, [payoff], ["the payoff"])
        run = compile_term(term, self.worlds.program.funs, self.worlds.params)
        return sum(chance * float(run(dict(world))) for world, chance in self.chances)

    def lines(self) -> list[str]:
        lines = [f"{digits(self.divergence)} nats from the prior  (floating point: quotes missed by {self.miss:.1g}, gap {self.gap:.1g})"]
        lines += [f"   {100 * c:7.3f}%  {world_words(w)}" for w, c in self.chances[:_SHOWN]]
        if len(self.chances) > _SHOWN:
            lines.append(f"   ... {len(self.chances):,} worlds in all")
        return lines

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": "implied", "divergence": self.divergence, "miss": self.miss, "gap": self.gap,
            "quotes": [quote_dict(q) for q in self.quotes],
            "chances": [{"world": world_words(w), "chance": c} for w, c in self.chances],
        }  # fmt: skip


def implied(worlds: Worlds, quotes: Sequence[Quote], about: Sequence[Event] = ()) -> Implied:
    """The distribution nearest to the prior: the channel's where the worlds have one, else the uniform one.

    about: further payoffs whose variables are to be told apart. Raises `Refusal` if the quotes are incoherent, and what
    `check_quotes` refuses.
    """
    import numpy as np

    read = named_apart(worlds.read(tuple(quotes)))
    book = open_book(worlds, read, read_payoffs(worlds, about, [f"payoff {i}" for i, _ in enumerate(about)]))
    if find(book).stakes is not None:
        raise incoherent(worlds, read)
    among = book.among
    prior = _prior(worlds, among)
    rows = book.sides(range(len(read)))
    gains = _gains(book, rows, among)
    bounded = np.array([row.sense != "=" for row in rows])
    multipliers, q = _newton(gains, prior, bounded)
    won = gains @ q
    miss = float(max([0.0, *(abs(w) if not b else w for w, b in zip(won, bounded, strict=True))]))
    shares = q > 0
    divergence = float(np.sum(q[shares] * np.log(q[shares] / prior[shares])))
    dual = -_log_sum(gains, prior, multipliers)
    order = np.argsort(-q, kind="stable")
    chances = tuple((among.world(int(i)), float(q[i])) for i in order if q[i] > 0)
    return Implied(worlds, tuple(read), chances, divergence, miss, max(0.0, divergence - dual))


def _prior(worlds: Worlds, among: Cases) -> Any:
    import numpy as np

    if worlds.diagram is None:
        return np.full(len(among), 1 / len(among))
    from opengames.exact import distribution
    from opengames.terms import Pack, Var

    together = Pack(tuple(Var(n) for n in among.names))
    pairs = dict(distribution(worlds.program, worlds.diagram, together, (), worlds.params))
    found = np.array([float(pairs[tuple(v for _, v in among.world(i))]) for i in range(len(among))])
    return found / found.sum()


def _gains(book: Book, rows: Sequence[Row], among: Cases) -> Any:
    """What each ticket gains in each case: the columns of the book spread out again."""
    import numpy as np

    from opengames.solvers.coherence.book import turns_out
    from opengames.solvers.coherence.cases import Values

    values = Values(book.worlds, among)
    found = np.empty((len(rows), len(among)))
    for r, row in enumerate(rows):
        codes, _ = turns_out(values, book.quotes[row.quote])
        found[r] = np.array(row.gains, float)[codes] / row.scale
    return found


def _log_sum(gains: Any, prior: Any, multipliers: Any) -> float:
    import numpy as np

    heights = -multipliers @ gains
    top = heights.max()
    return float(np.log(np.sum(prior * np.exp(heights - top))) + top)


def _newton(gains: Any, prior: Any, bounded: Any) -> tuple[Any, Any]:
    """Multipliers (not below 0 where `bounded`) that minimise log sum prior exp(-l g), and the distribution."""
    import numpy as np

    at = np.zeros(len(gains))

    def under(tilt: Any) -> Any:
        heights = -tilt @ gains
        weights = prior * np.exp(heights - heights.max())
        return weights / weights.sum()

    for _ in range(_STEPS):
        q = under(at)
        won = gains @ q
        slope = -won
        moving = ~(bounded & (at <= 0) & (slope > 0))
        if not moving.any() or np.abs(slope[moving]).max() < _ENOUGH:
            break
        some = gains[moving]
        spread = (some * q) @ some.T - np.outer(won[moving], won[moving])
        step = np.zeros(len(at))
        step[moving] = -np.linalg.lstsq(spread + 1e-15 * np.eye(len(spread)), slope[moving], rcond=1e-14)[0]
        here, size = _log_sum(gains, prior, at), 1.0
        while size > 1e-10:
            tried = at + size * step
            tried = np.where(bounded, np.maximum(tried, 0.0), tried)
            if _log_sum(gains, prior, tried) <= here + 1e-4 * float(slope @ (tried - at)):
                break
            size /= 2
        else:
            break
        at = tried
    return at, under(at)


__all__ = ["Implied", "implied"]
