"""When shift factors changed: outages and returns to service move them, and a new reference adds a constant to each constraint's.

The design starts with one column for each constraint. At every candidate time it is asked what splitting columns there would
explain: all columns at once (a change of topology moves many), and each constraint's alone. The best split is kept if it is
significant, and the search goes on with what is left; at the end, splits of single constraints that the data do not need are
taken back, so that a constraint whose factors stayed keeps all of its intervals.

The test adds over buses, whose errors may move together (an error of lambda is the same at every bus). The gain is therefore
averaged over buses and compared with the F distribution of a single bus, at a level divided by the number of times and
constraints tried and by e: whatever the dependence, a mean is below its terms in convex order, which for tails like an
exponential's costs a factor e at most. That gives away power, of which prices rounded to cents have plenty. Among significant
splits the one of the best information criterion (BIC, of a single bus) is taken.

Source of the search: Bai and Perron, Computation and Analysis of Multiple Structural Change Models (2003), with the sup-F test
of Andrews (1993) bounded by Bonferroni.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import e, log

import numpy as np

#: Candidate times examined in one pass; a second pass refines around the best.
_TIMES = 96
#: Changes after which the search stops.
MOST = 24


@dataclass(frozen=True)
class Design:
    """Columns of constraints, each cut at some of the rows. cuts: for each constraint, the rows (increasing, inside 1..T-1) at
    which a new column begins."""

    cuts: tuple[tuple[int, ...], ...]

    def columns(self, rows: int) -> list[tuple[int, int, int]]:
        """(constraint, first row, row after the last) of every column."""
        return [
            (c, start, stop)
            for c, own in enumerate(self.cuts)
            for start, stop in zip((0, *own), (*own, rows), strict=True)
        ]

    def matrix(self, shadow: np.ndarray) -> np.ndarray:
        """(T, C) shadow prices as (T, K) columns."""
        columns = self.columns(len(shadow))
        x = np.zeros((len(shadow), len(columns)))
        for k, (c, start, stop) in enumerate(columns):
            x[start:stop, k] = shadow[start:stop, c]
        return x

    def split(self, constraints: tuple[int, ...], row: int) -> Design:
        return Design(tuple(
            tuple(sorted({*own, row})) if c in constraints else own for c, own in enumerate(self.cuts)
        ))  # fmt: skip

    def pooled(self, constraint: int, row: int) -> Design:
        """Without that cut."""
        return Design(tuple(
            tuple(r for r in own if r != row) if c == constraint else own for c, own in enumerate(self.cuts)
        ))  # fmt: skip

    def snapped(self, shadow: np.ndarray) -> Design:
        """The same columns with as few different rows as possible: a cut may lie anywhere between two intervals in which its
        constraint binds."""
        open_: list[tuple[int, int, int]] = []  # last row it may begin at, first such row, constraint
        for c, own in enumerate(self.cuts):
            binds = np.flatnonzero(shadow[:, c])
            for row in own:
                after = binds[binds >= row]
                before = binds[binds < row]
                open_.append((int(after[0]) if after.size else len(shadow) - 1, int(before[-1]) + 1 if before.size else 1, c))
        cuts: list[list[int]] = [[] for _ in self.cuts]
        at = 0
        for last, first, c in sorted(open_):
            if first > at:
                at = last
            cuts[c].append(at)
        return Design(tuple(tuple(sorted(set(own))) for own in cuts))

    @property
    def rows(self) -> tuple[int, ...]:
        """Every row at which something changes."""
        return tuple(sorted({row for own in self.cuts for row in own}))


def find_changes(shadow: np.ndarray, y: np.ndarray, floor: float, alpha: float, given: Design | None = None) -> Design:
    """The design that the data ask for.

    shadow: (T, C) in $/MW, rows of zeros where an interval is left out. y: congestion (T, B) in $/MWh. floor: the least standard
    deviation of an error, in $/MWh. alpha: the chance of one false change or more where there is none. given: changes known already,
    which are kept.
    """
    shadow = shadow / np.where((norm := np.linalg.norm(shadow, axis=0)) > 0, norm, 1.0)
    narrow = _narrow(y)
    given = given or Design(((),) * shadow.shape[1])
    design = given
    while len(design.rows) < MOST:
        best = _best(design, shadow, narrow, floor, alpha)
        if best is None:
            break
        design = design.split(*best)
    return _pooled(design, given, shadow, narrow, floor, alpha)


@dataclass(frozen=True)
class _Left:
    """What a design leaves: basis (T, rank), residuals (T, B), their sum of squares, degrees of freedom."""

    basis: np.ndarray
    rest: np.ndarray
    square: float
    free: int


def _left(design: Design, shadow: np.ndarray, y: _Narrow) -> _Left:
    x = design.matrix(shadow)
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    basis = u[:, s > 1e-9 * max(s[0], 1e-300)]
    rest = y.table - basis @ (basis.T @ y.table)
    rows = int((shadow != 0).any(axis=1).sum())
    return _Left(basis, rest, float((rest**2).sum()), rows - basis.shape[1])


@dataclass(frozen=True)
class _Narrow:
    """y with as few columns as keep all of its products, and how many buses it speaks for."""

    table: np.ndarray
    buses: int


def _narrow(y: np.ndarray) -> _Narrow:
    if y.shape[1] <= len(y):
        return _Narrow(y, y.shape[1])
    u, s, _ = np.linalg.svd(y, full_matrices=False)
    return _Narrow(u * s, y.shape[1])


def _best(
    design: Design, shadow: np.ndarray, y: _Narrow, floor: float, alpha: float
) -> tuple[tuple[int, ...], int] | None:
    """The most significant split: which constraints, at which row."""
    left = _left(design, shadow, y)
    if left.free < 2:
        return None
    everyone = tuple(range(shadow.shape[1]))
    active = np.flatnonzero((shadow != 0).any(axis=1))
    times = active[1:]
    if len(times) > _TIMES:
        times = times[np.linspace(0, len(times) - 1, _TIMES).astype(int)]
    tests = max(1, (len(active) - 1) * (1 + len(everyone)))
    found = max(_gains(design, left, shadow, y.buses, floor, alpha / tests / e, times), default=None)
    if found is None:
        return None
    around = active[(active > _before(times, found[2])) & (active < _after(times, found[2], len(shadow)))]
    if len(around) > len(times[(times >= around[0]) & (times <= around[-1])]):
        found = max(_gains(design, left, shadow, y.buses, floor, alpha / tests / e, around))
    return found[1], found[2]


def _before(times: np.ndarray, row: int) -> int:
    return int(max((t for t in times if t < row), default=0))


def _after(times: np.ndarray, row: int, rows: int) -> int:
    return int(min((t for t in times if t > row), default=rows))


def _gains(
    design: Design, left: _Left, shadow: np.ndarray, buses: int, floor: float, level: float, times: np.ndarray
) -> Iterator[tuple[float, tuple[int, ...], int]]:
    """(fall of the criterion, constraints, row) of every significant split.

    A new column holds its constraint from the time on, to the end of the column that is cut. Products of what it holds are
    differences of sums over all rows after an edge, which are made once.
    """
    everyone = tuple(range(shadow.shape[1]))
    last = len(shadow)
    edges = np.unique([*times, *design.rows, last])
    place = {int(edge): i for i, edge in enumerate(edges)}
    squares, inside_, told_ = (_after_edges(shadow, other, edges) for other in (shadow, left.basis, left.rest))
    for row in times:
        i = place[int(row)]
        ends = np.asarray([place[min((r for r in own if r > row), default=last)] for own in design.cuts])
        each = np.arange(len(everyone))
        both = np.minimum(ends[:, None], ends[None, :])
        inside = inside_[i] - inside_[ends, each]
        gram = squares[i] - squares[both, each[:, None], each[None, :]]
        size = np.diag(gram)
        gram = gram - inside @ inside.T
        told = told_[i] - told_[ends, each]
        own = np.diag(gram)
        fit = own > 1e-8 * np.maximum(size, 1e-300)
        gain = np.where(fit, (told**2).sum(axis=1) / np.where(fit, own, 1.0), 0.0)
        tries: list[tuple[float, int, tuple[int, ...]]] = [(float(gain[c]), 1, (int(c),)) for c in np.flatnonzero(fit)]
        keep = np.flatnonzero(fit)
        if len(keep) > 1:
            values, vectors = np.linalg.eigh(gram[np.ix_(keep, keep)])
            large = values > 1e-8 * values[-1]
            joint = float((((vectors[:, large].T @ told[keep]) ** 2).sum(axis=1) / values[large]).sum())
            tries.append((joint, int(large.sum()), everyone))
        for gained, columns, who in tries:
            worth = _worth(gained, columns, left, buses, floor, level)
            if worth > 0:
                yield worth, who, int(row)


def _after_edges(shadow: np.ndarray, other: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Sums of shadow' other over the rows from each edge on, (edges, C, Y); nothing after the last."""
    out = np.zeros((len(edges), shadow.shape[1], other.shape[1]))
    for i in range(len(edges) - 2, -1, -1):
        part = slice(edges[i], edges[i + 1])
        out[i] = out[i + 1] + shadow[part].T @ other[part]
    return out


def _worth(gain: float, columns: int, left: _Left, buses: int, floor: float, level: float) -> float:
    """By how much a split lowers the criterion of a single bus, 0 where it is not significant."""
    free = left.free - columns
    if free < 1:
        return 0.0
    before = max(left.square / buses, left.free * floor**2)
    after = max((left.square - gain) / buses, free * floor**2)
    if gain / buses / columns < _critical(columns, free, level) * after / free:
        return 0.0
    return left.free * log(before / after) - columns * log(left.free)


_KNOWN: dict[tuple[int, int, float], float] = {}


def _critical(columns: int, free: int, level: float) -> float:
    from scipy.stats import f

    key = (columns, free, level)
    if key not in _KNOWN:
        _KNOWN[key] = float(f.isf(level, columns, free))
    return _KNOWN[key]


def _pooled(design: Design, given: Design, shadow: np.ndarray, y: _Narrow, floor: float, alpha: float) -> Design:
    """Without the splits of single constraints, but those given, that explain too little; the least needed is taken back first.

    What a split explains is the gain of the contrast of its two columns, (v'b)^2 / (v' (X'X)^-1 v), and nothing where the contrast
    is not determined, as where the constraint binds on one side only.
    """
    while True:
        columns = design.columns(len(shadow))
        x = design.matrix(shadow)
        u, s, vt = np.linalg.svd(x, full_matrices=False)
        keep = s > 1e-9 * max(s[0], 1e-300)
        u, root = u[:, keep], vt[keep].T / s[keep]
        told = u.T @ y.table
        rest = float((y.table**2).sum() - (told**2).sum())
        free = max(int((shadow != 0).any(axis=1).sum()) - int(keep.sum()), 1)
        noise = max(rest / (free * y.buses), floor**2)
        pairs = [(k, k + 1) for k in range(len(columns) - 1) if columns[k][0] == columns[k + 1][0] and columns[k + 1][1] not in given.cuts[columns[k][0]]]
        if not pairs:
            return _snapped(design, given, shadow)
        needed = []
        for first, second in pairs:
            v = np.zeros(len(columns))
            v[first], v[second] = 1.0, -1.0
            seen = np.linalg.norm(vt[keep] @ v) ** 2 > 2 - 1e-6
            spread = root.T @ v
            gain = float(((spread @ told) ** 2).sum() / (spread @ spread)) / y.buses / noise if seen else 0.0
            needed.append(gain / _critical(1, free, alpha / len(pairs) / e))
        least = int(np.argmin(needed))
        if needed[least] > 1:
            return _snapped(design, given, shadow)
        c, row, _ = columns[pairs[least][1]]
        design = design.pooled(c, row)


def _snapped(design: Design, given: Design, shadow: np.ndarray) -> Design:
    """Snapped, where none were given."""
    return design if given.rows else design.snapped(shadow)


def aligned(design: Design, to: tuple[int, ...], shadow: np.ndarray, y: np.ndarray, floor: float, alpha: float) -> Design:
    """The design with cuts moved to rows of `to` wherever the data fit about as well: small changes are placed only roughly, and
    what changes at once should be said to change at once. Arguments as of `find_changes`."""
    shadow = shadow / np.where((norm := np.linalg.norm(shadow, axis=0)) > 0, norm, 1.0)
    narrow = _narrow(y)
    left = _left(design, shadow, narrow)
    free = max(left.free, 1)
    noise = max(left.square / (free * narrow.buses), floor**2)
    bar = _critical(1, free, alpha / max(1, sum(map(len, design.cuts))) / e)
    for c, own in enumerate(design.cuts):
        for row in own:
            if row in to:
                continue
            for _, other in sorted((abs(r - row), r) for r in to)[:3]:
                moved = design.pooled(c, row).split((c,), other)
                if len(moved.cuts[c]) == len(design.cuts[c]) and (_left(moved, shadow, narrow).square - left.square) / narrow.buses / noise <= bar:
                    design = moved
                    break
    return design


__all__ = ["MOST", "Design", "aligned", "find_changes"]
