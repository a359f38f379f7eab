"""The fewest quotes that are incoherent together.

What is coherent tells what is needed: if a set S of quotes is coherent, every incoherent set has a quote outside S. So
the sets outside the coherent ones met so far are all to be hit; a smallest set that hits them all is either incoherent,
and then no fewer quotes are, or coherent, and then its complement is one more set to hit. To make those sets small, each
coherent S takes with it every quote that the distribution found for it happens to agree with.

Source: Ignatiev, Previti, Liffiton and Marques-Silva, Smallest MUS extraction with minimal hitting set dualization
(2015).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import lcm

from opengames.solvers.coherence.book import Book
from opengames.solvers.coherence.layers import Found, Weights, find, layer

_NODES = 200_000


def smallest_incoherent(book: Book, found: Found, limit: int) -> tuple[tuple[int, ...], str]:
    """Quotes that are incoherent together, and "smallest" or "minimal".

    found: stakes on the whole book. limit: sets of quotes that may be tried.
    """
    assert found.stakes is not None
    known = minimal(book, sorted({i for i, _ in found.stakes}))
    everything = frozenset(range(len(book.quotes)))
    to_hit: list[frozenset[int]] = []
    for _ in range(limit):
        best = hitting(to_hit, len(known) - 1)
        if best is None:
            return known, "smallest"
        if best is TOO_LONG:
            return known, "minimal"
        inside = extended(book, best)
        if inside is None:
            return tuple(sorted(best)), "smallest"
        to_hit.append(everything - inside)
    return known, "minimal"


def minimal(book: Book, some: Sequence[int]) -> tuple[int, ...]:
    """Incoherent quotes among these, incoherent too, of which none can be left out."""
    kept = list(some)
    for each in some:
        rest = [i for i in kept if i != each]
        if len(rest) > 0:
            found = find(book, rest)
            if found.stakes is not None:
                kept = sorted({i for i, _ in found.stakes} & set(rest))
    return tuple(kept) if len(kept) == len(some) else minimal(book, kept)


def extended(book: Book, some: frozenset[int]) -> frozenset[int] | None:
    """A coherent set of quotes around these; `None` if these are incoherent."""
    weights = layer(book, range(len(book.quotes)), sorted(some))
    assert isinstance(weights, dict)
    around = agreeing(book, weights)
    if some <= around:
        return around
    found = find(book, sorted(some))
    if found.stakes is not None:
        return None
    first = found.layers[0]
    around = agreeing(book, first)
    return some | around if some <= around else some


def agreeing(book: Book, weights: Weights) -> frozenset[int]:
    """The quotes whose conditions have a chance under the distribution and whose prices agree with it."""
    import numpy as np

    columns = list(weights)
    common = lcm(*(w.denominator for w in weights.values()))
    shares = np.array([int(w * common) for w in weights.values()], object)
    found = []
    for i, sides in enumerate(book.rows):
        codes = book.codes[i, columns]
        if not (codes > 0).any():
            continue
        gains = [(row.sense, shares.dot(np.array(row.gains, object)[codes])) for row in sides]
        if all(gain == 0 if sense == "=" else gain <= 0 for sense, gain in gains):
            found.append(i)
    return frozenset(found)


TOO_LONG = frozenset((-1,))


def hitting(sets: Sequence[frozenset[int]], most: int) -> frozenset[int] | None:
    """A smallest set with an element in each of these, if it has at most `most`; `TOO_LONG` if that is not settled soon."""
    nodes = iter(range(_NODES))
    for size in range(most + 1):
        found = _hit(sorted(set(sets), key=len), frozenset(), frozenset(), size, nodes)
        if found is not None:
            return found
    return None


def _hit(
    sets: Sequence[frozenset[int]], chosen: frozenset[int], barred: frozenset[int], left: int, nodes: Iterator[int]
) -> frozenset[int] | None:
    if next(nodes, None) is None:
        return TOO_LONG
    missed = [s - barred for s in sets if not s & chosen]
    if not missed:
        return chosen
    if left == 0 or _apart(missed) > left:
        return None
    fewest = min(missed, key=len)
    for each in sorted(fewest):
        found = _hit(sets, chosen | {each}, barred, left - 1, nodes)
        if found is not None:
            return found
        barred |= {each}
    return None


def _apart(sets: Sequence[frozenset[int]]) -> int:
    """How many sets without common elements are easily found: as many elements are needed at least."""
    count, used = 0, frozenset[int]()
    for s in sorted(sets, key=len):
        if not s & used:
            count += 1
            used |= s
    return count


__all__ = ["agreeing", "extended", "hitting", "minimal", "smallest_incoherent"]
