"""Variable elimination: sums of products of tables, in a good order.

The order is the better of two greedy ones: least fill (fewest new edges between neighbours) and least weight
(smallest table made); cost counts the entries of all tables made. Tables are float64, or objects holding `Fraction`s.

Sources: Dechter, Bucket elimination (1999); Kjaerulff, Triangulation of graphs (1990), for the two orders.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class Factor:
    """A table with one axis for each variable."""

    names: tuple[str, ...]
    table: Table


def best_order(
    scopes: Sequence[Collection[str]], sizes: Mapping[str, int], keep: Collection[str] = ()
) -> tuple[list[str], int]:
    """An order in which to eliminate all variables except `keep`, and the entries of the tables it makes."""
    found = [_greedy(scopes, sizes, keep, score) for score in (_fill, _weight)]
    return min(found, key=lambda each: each[1])


def contract(factors: Sequence[Factor], sizes: Mapping[str, int], keep: Sequence[str] = ()) -> Table:
    """The product of all factors, summed over every variable not in `keep`; axes in the order of `keep`."""
    left = [_without_sure(f, keep) for f in factors]
    order, _ = best_order([f.names for f in left], sizes, keep)
    for name in order:
        touching = [f for f in left if name in f.names]
        left = [f for f in left if name not in f.names]
        left.append(eliminate(touching, name))
    return multiply(left, tuple(keep), sizes)


def _without_sure(factor: Factor, keep: Collection[str]) -> Factor:
    """The factor without the variables that have one value: they cost no entries, but an array has 64 axes at most."""
    if 1 not in factor.table.shape:
        return factor
    stay = [(n, k) for n, k in zip(factor.names, factor.table.shape, strict=True) if k > 1 or n in keep]
    return Factor(tuple(n for n, _ in stay), factor.table.reshape([k for _, k in stay]))


def eliminate(factors: Sequence[Factor], name: str) -> Factor:
    """The product of the factors, summed over one variable."""
    names = (name, *dict.fromkeys(n for f in factors for n in f.names if n != name))
    tables = [align(f, names) for f in sorted(factors, key=lambda f: f.table.size)]
    total = tables[0]
    for table in tables[1:]:
        total = total * table  # type: ignore[operator]
    return Factor(names[1:], np.asarray(total.sum(axis=0), dtype=total.dtype))


def multiply(factors: Sequence[Factor], names: tuple[str, ...], sizes: Mapping[str, int]) -> Table:
    """The product of factors over (some of) `names`, with all of them as axes."""
    exact = any(f.table.dtype == object for f in factors)
    total: Table = np.ones([sizes[n] for n in names], dtype=object if exact else float)
    for factor in factors:
        total = np.asarray(total * align(factor, names), dtype=total.dtype)  # type: ignore[operator]
    return total


def align(factor: Factor, names: tuple[str, ...]) -> Table:
    """The factor's table with its axes in the order of `names`, of length one where it lacks a name."""
    places = {n: i for i, n in enumerate(names)}
    order = sorted(range(len(factor.names)), key=lambda i: places[factor.names[i]])
    shape = [1] * len(names)
    for n, length in zip(factor.names, factor.table.shape, strict=True):
        shape[places[n]] = length
    return factor.table.transpose(order).reshape(shape)


Score = Callable[[str, dict[str, set[str]], Mapping[str, int]], int]


def _greedy(
    scopes: Sequence[Collection[str]], sizes: Mapping[str, int], keep: Collection[str], score: Score
) -> tuple[list[str], int]:
    near: dict[str, set[str]] = {}
    for scope in scopes:
        for name in scope:
            near.setdefault(name, set()).update(n for n in scope if n != name)
    left = [n for n in near if n not in keep]
    scores = {n: score(n, near, sizes) for n in left}
    order: list[str] = []
    cost = 0
    while scores:
        name = min(scores, key=scores.__getitem__)
        around = near.pop(name)
        cost += sizes[name] * prod(sizes[n] for n in around)
        order.append(name)
        del scores[name]
        changed = set(around)
        for n in around:
            near[n].discard(name)
            near[n] |= around - {n}
        for n in around:
            changed |= near[n]
        for n in changed & scores.keys():
            scores[n] = score(n, near, sizes)
    return order, cost


def _fill(name: str, near: dict[str, set[str]], sizes: Mapping[str, int]) -> int:
    around = near[name]
    return sum(len(around) - 1 - len(near[n] & around) for n in around)


def _weight(name: str, near: dict[str, set[str]], sizes: Mapping[str, int]) -> int:
    return prod(sizes[n] for n in near[name])
