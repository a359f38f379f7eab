"""Congestion as events: which of the constraints that bind most bind in an hour, as a Bayesian network of Booleans.

The roots are the time of day and the load, in buckets. Each event `X binds` takes the parents, among the buckets and the events before
it, that lower the Bayesian information criterion most (all sets up to a size are tried, so the choice is the best there
is in this order). Chances are counts with half a count added for each state (Jeffreys), as exact rationals, so no event that has
merely not been seen is impossible, and the network is sold on a market as any other: `to_game` writes its text.

Sources: Schwarz, Estimating the Dimension of a Model (1978); Jeffreys, An Invariant Form for the Prior Probability (1946).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, product
from math import log

import numpy as np

from opengames.diagnostics import refuse
from opengames.models.networks.bayes import BayesNet, Variable, bayes_net
from opengames.models.shift_factors.observations import Observed

BOOL = ("true", "false")
#: Parents of an event.
PARENTS = 3
#: Added to each count.
SMOOTHING = Fraction(1, 2)
#: Hours of a bucket of the day, and their names.
_DAY = (("night", 0), ("morning", 6), ("midday", 11), ("evening", 17), ("late", 22))
_LOAD = {2: ("low", "high"), 3: ("low", "middle", "high"), 4: ("low", "fair", "high", "peak")}


@dataclass(frozen=True)
class Table:
    """Discrete data: names of columns, states of each, and rows (n, columns) of positions among the states."""

    states: Mapping[str, tuple[str, ...]]
    rows: np.ndarray

    def column(self, name: str) -> np.ndarray:
        return np.asarray(self.rows[:, list(self.states).index(name)])


def congestion(
    seen: Observed, top: int = 5, *, hour: np.ndarray | None = None, load: np.ndarray | None = None, buckets: int = 3
) -> Table:
    """Intervals as events of the `top` constraints that bind most often (ties to the dearer).

    hour: of the day, (T,), from 0 to under 24; dates give their own if it is left out, which plain numbers cannot. load: MW, (T,), cut
    into `buckets` (2 to 4) of equal size. Raises `Refusal` (`bad-argument`, `data-shape`).
    """
    if not 1 <= top <= len(seen.constraints):
        raise refuse("bad-argument", f"the {top} constraints that bind most, of {len(seen.constraints)}")
    if buckets not in _LOAD:
        raise refuse("bad-argument", f"{buckets} buckets of load", help="2, 3 or 4")
    if hour is None and np.issubdtype(seen.times.dtype, np.datetime64):
        hour = (seen.times - seen.times.astype("datetime64[D]")) / np.timedelta64(1, "h")
    states: dict[str, tuple[str, ...]] = {}
    columns: list[np.ndarray] = []
    for what, values in (("hour", hour), ("load", load)):
        if values is not None and (np.shape(values) != (len(seen),) or not np.isfinite(values).all()):
            raise refuse("data-shape", f"one {what} for each of {len(seen):,} intervals is needed, and none missing")
    if hour is not None:
        if np.min(hour) < 0 or np.max(hour) >= 24:
            raise refuse("bad-argument", f"hours of the day lie in [0, 24), and {np.max(hour):g} does not", help="hour ending 24 is hour 23")
        states["hour"] = tuple(name for name, _ in _DAY)
        columns.append(np.searchsorted([start for _, start in _DAY], hour, side="right") - 1)
    if load is not None:
        states["load"] = _LOAD[buckets]
        edges = np.quantile(load, np.arange(1, buckets) / buckets)
        columns.append(np.searchsorted(edges, load, side="right"))
    rent = np.abs(seen.shadow).sum(axis=0)
    order = np.lexsort((-rent, -seen.bound))[:top]
    taken = set(states)
    for c in order:
        name = _event(seen.constraints[c], taken)
        taken.add(name)
        states[name] = BOOL
        columns.append(np.where(seen.shadow[:, c] != 0, 0, 1))
    return Table(states, np.stack(columns, axis=1))


def learn(
    table: Table, name: str = "congestion", *, parents: int = PARENTS, smoothing: Fraction = SMOOTHING
) -> BayesNet:
    """The network of the table: columns in order, each with its best parents among those before it.

    Raises `Refusal` (`bad-argument`) for a smoothing below zero, or of zero where a row was never seen.
    """
    if smoothing < 0:
        raise refuse("bad-argument", f"counts are smoothed by {float(smoothing):g}, which is below zero")
    names = list(table.states)
    found = []
    for i, each in enumerate(names):
        best = best_parents(table, each, names[:i], parents) if table.states[each] == BOOL or i else ()
        found.append(Variable(each, table.states[each], best, _rows(table, each, best, smoothing)))
    return bayes_net(name, found)


def best_parents(table: Table, name: str, candidates: Sequence[str], most: int = PARENTS) -> tuple[str, ...]:
    """The set of at most `most` candidates with the best criterion; among equals the smaller, then the earlier."""
    sets = (s for n in range(min(most, len(candidates)) + 1) for s in combinations(candidates, n))
    return max(sets, key=lambda s: bic(table, name, s))


def bic(table: Table, name: str, parents: Sequence[str]) -> float:
    """log-likelihood of a column given its parents less log(n)/2 for each free chance, in nats. Higher is better."""
    counts = _counts(table, name, parents)
    totals = counts.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        told = np.where(counts > 0, counts * np.log(counts / totals), 0.0)
    free = counts.shape[0] * (counts.shape[1] - 1)
    return float(told.sum()) - log(len(table.rows)) / 2 * free


def log_loss(net: BayesNet, table: Table) -> float:
    """-log of the chance of a row, on average, in nats: what to compare networks by on rows that they were not learned from."""
    total = 0.0
    for v in net:
        chances = np.asarray([[float(c) for c in row] for row in v.rows])
        total += float(np.log(chances[_cell(table, v.parents), table.column(v.name)]).sum())
    return -total / len(table.rows)


def _rows(table: Table, name: str, parents: Sequence[str], smoothing: Fraction) -> tuple[tuple[Fraction, ...], ...]:
    counts = _counts(table, name, parents)
    out = []
    for row in counts:
        total = int(row.sum()) + smoothing * len(row)
        if not total:
            raise refuse(
                "bad-argument", f"some row of `{name}` given {', '.join(parents)} was never seen, and counts are not smoothed",
                help="give a smoothing above zero",
            )  # fmt: skip
        out.append(tuple((int(n) + smoothing) / total for n in row))
    return tuple(out)


def _counts(table: Table, name: str, parents: Sequence[str]) -> np.ndarray:
    """(points of the parents, states)."""
    width = len(table.states[name])
    points = len(list(product(*(table.states[p] for p in parents))))
    flat = np.bincount(_cell(table, parents) * width + table.column(name), minlength=points * width)
    return flat.reshape(points, width)


def _cell(table: Table, parents: Sequence[str]) -> np.ndarray:
    """Which point of the parents each row is at, row-major."""
    cell = np.zeros(len(table.rows), dtype=int)
    for p in parents:
        cell = cell * len(table.states[p]) + table.column(p)
    return cell


def _event(constraint: str, taken: set[str]) -> str:
    """A name that the language can have: letters, digits and underscores."""
    name = f"binds_{re.sub(r'[^A-Za-z0-9]+', '_', constraint).strip('_') or 'it'}"
    while name in taken:
        name += "_"
    return name


__all__ = ["BOOL", "PARENTS", "SMOOTHING", "Table", "best_parents", "bic", "congestion", "learn", "log_loss"]
