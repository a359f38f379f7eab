"""`check_quotes`: whether quotes are coherent, with a certificate either way."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from time import perf_counter

from opengames.solvers.coherence.answers import Answer, Coherent, Incoherent, Stake, round_stakes
from opengames.solvers.coherence.book import Book, open_book
from opengames.solvers.coherence.cases import TooMany
from opengames.solvers.coherence.certificates import check_layers, check_stakes
from opengames.solvers.coherence.layers import Found, Stakes, find
from opengames.solvers.coherence.quotes import Quote, named_apart
from opengames.solvers.coherence.smallest import smallest_incoherent
from opengames.solvers.coherence.worlds import Worlds

_METHOD = "HiGHS, exact certificate"


def check_quotes(worlds: Worlds, quotes: Sequence[Quote], *, smallest: bool = True, limit: int = 300) -> Answer:
    """Whether the quotes are coherent: `Coherent` with a distribution, or `Incoherent` with stakes that win.

    Probabilities and prices of conditional tickets are coherent in the sense of de Finetti, with conditions that have
    chance 0 judged among themselves (Coletti and Scozzafava); bids and asks if some coherent prices lie between them.
    smallest: of incoherent quotes, look for the fewest that are incoherent together. limit: how many sets of quotes
    may be tried for that; beyond it a set is given from which none can be left out.

    Raises `Refusal`: what the language refuses about an event, `unknown-wire`, `duplicate-name`,
    `impossible-evidence` for a condition that never holds, `over-budget`.
    """
    began = perf_counter()
    if not quotes:
        raise ValueError("there are no quotes to check")
    read = named_apart(worlds.read(tuple(quotes)))
    try:
        book = open_book(worlds, read)
    except TooMany:
        from opengames.solvers.coherence.many import check_many

        return check_many(worlds, read, smallest, limit)
    found = find(book)
    if found.stakes is None:
        layers = distributions(book, found)
        check_layers(worlds, read, layers)
        return Coherent(read, layers, _METHOD, perf_counter() - began)
    said = ""
    if smallest:
        chosen, said = smallest_incoherent(book, found, limit)
        if len(chosen) < len({i for i, _ in found.stakes}):
            found = find(book, chosen)
    assert found.stakes is not None
    stakes = placed(book.quotes, found.stakes)
    wins = check_stakes(worlds, [(s.quote, s.tickets) for s in stakes])
    return Incoherent(read, stakes, wins, _METHOD, said, perf_counter() - began)


def distributions(book: Book, found: Found) -> tuple[tuple[tuple[tuple[tuple[str, object], ...], Fraction], ...], ...]:
    """The layers as (world, chance) pairs, the likely ones first."""
    return tuple(
        tuple((book.world(c), chance) for c, chance in sorted(layer.items(), key=lambda each: (-each[1], each[0])))
        for layer in found.layers
    )


def placed(quotes: Sequence[Quote], stakes: Stakes) -> tuple[Stake, ...]:
    """Stakes on quotes, in whole tickets, in the order of the quotes."""
    return round_stakes([Stake(quotes[i], side * t) for (i, side), t in sorted(stakes.items())])


__all__ = ["check_quotes", "distributions", "placed"]
