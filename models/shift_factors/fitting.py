"""Shift factors fitted to prices: robust least squares in segments between changes, with an interval for every factor.

The congestion of all buses is split in two. Its *level* is the mean over buses, whose factors carry the reference of lambda; the
*shape* is each bus against the mean, which no choice of reference touches. Both are fitted by least squares on the shadow prices, each with
changes of its own: where the shape changes, the topology did; where only the level does, the reference did, and the shape keeps
all of its data. Factors are sums of the two.

Every constraint that ever bound stays in the fit. Leaving rarely binding ones out puts their congestion on the others.

Errors. Published prices are rounded, and no fit is better than that: the standard deviation of an error is never taken below
that of the rounding, of prices in the shape, of lambda and of the mean of the prices in the level. Cells far outside (corrected or capped prices, a bus that islanded) are found by
`clean` and left out, bus by bus; an interval in which many buses are outside is left out whole. Cleaning comes before
the search for changes, which a single wrong price would mislead, and again after it.

Intervals of factors: `classical`, from the variance of each bus and Student's distribution; `sandwich`, which stays valid where
errors are of unequal size or correlated inside blocks of time (the exact variance of a wild bootstrap with one random
sign for each block), never narrower than rounding allows. Sources: Cameron and Miller, A Practitioner's Guide to Cluster-Robust
Inference (2015), section VI.B (residuals inflated by leverage); Huber, Robust Statistics (1981), chapter 7.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import hypot, sqrt
from typing import Literal

import numpy as np

from opengames.diagnostics import refuse
from opengames.models.shift_factors.changes import Design, aligned, find_changes
from opengames.models.shift_factors.observations import Observed
from opengames.models.shift_factors.span import Span, span_of

#: Standard deviations beyond which a price counts as wrong.
FAR = 8.0
#: The share of buses outside from which a whole interval is left out.
MANY = 0.05
#: Intervals of a constraint, one after another, that are too many for a mistake.
RUN = 3
#: Rounds of finding changes and cleaning.
_ROUNDS = 4


@dataclass(frozen=True)
class Options:
    """How to fit. changes: look for them. robust: find and leave out wrong prices. alpha: the chance of one false change or more.
    ridge: $/MWh-free spread of factors around `prior`: the standard deviation of a normal prior, none if 0. prior: (C, B), 0 if none.
    level: of intervals. intervals: which kind. block: intervals of time in a block of the sandwich, about a day."""

    changes: bool = True
    robust: bool = True
    alpha: float = 0.01
    ridge: float = 0.0
    prior: np.ndarray | None = None
    level: float = 0.95
    intervals: Literal["classical", "sandwich"] = "classical"
    block: int = 24

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1 or not 0 < self.level < 1:
            raise refuse("bad-argument", f"`alpha` {self.alpha:g} and `level` {self.level:g} must lie between 0 and 1")
        if self.ridge < 0 or self.block < 1:
            raise refuse("bad-argument", f"`ridge` {self.ridge:g} must not be negative and `block` {self.block} at least 1")
        if self.prior is not None and not self.ridge:
            raise refuse("bad-argument", "a prior without a spread says nothing", help="give `ridge`, how far factors may be from it")
        if self.intervals not in ("classical", "sandwich"):
            raise refuse("bad-argument", f"no such intervals: `{self.intervals}`", help="`classical` or `sandwich`")


@dataclass(frozen=True)
class Part:
    """A least squares fit. columns: (constraint, first row, row after the last). factors: (K, Y). span: of the columns.
    inverse: (K, K), what the variance of factors is made of. sigma: of an error, (Y,), $/MWh. se: (K, Y). free: degrees of freedom.
    leverage: of each row, (T,)."""

    design: Design
    columns: list[tuple[int, int, int]]
    factors: np.ndarray
    span: Span
    inverse: np.ndarray
    sigma: np.ndarray
    se: np.ndarray
    free: int
    leverage: np.ndarray

    def in_segment(self, row: int) -> np.ndarray:
        """For each constraint, the column in force at a row, (C,)."""
        return np.asarray([k for k, (_, start, stop) in enumerate(self.columns) if start <= row < stop])


@dataclass(frozen=True)
class Change:
    """row, time: the first interval after it (the change lies between the interval before in which a constraint bound, and it).
    kind: `topology`, or `reference` where every bus moved alike. constraints: whose factors changed."""

    row: int
    time: object
    kind: Literal["topology", "reference"]
    constraints: tuple[str, ...]


@dataclass(frozen=True)
class Fit:
    """seen: what was fitted. shape, level: the two parts. wrong: (T, B), prices left out. left_out: (T,), intervals left out whole.
    residuals: lambda - LMP less its fit, (T, B) in $/MWh, wrong prices included."""

    seen: Observed
    options: Options
    shape: Part
    level: Part
    wrong: np.ndarray
    left_out: np.ndarray
    residuals: np.ndarray
    changes: tuple[Change, ...] = field(default=())

    @property
    def segments(self) -> tuple[int, ...]:
        """First rows of the stretches between changes, 0 first."""
        return (0, *sorted({c.row for c in self.changes}))

    def factors(self, row: int = -1) -> np.ndarray:
        """Shift factors in force at a row (the last if left out), (C, B); NaN where they are not identified by themselves."""
        row = row % len(self.seen)
        a, b = self.shape.in_segment(row), self.level.in_segment(row)
        found = self.shape.factors[a] + self.level.factors[b]
        return np.where(self.identified(row)[:, None], found, np.nan)

    def identified(self, row: int = -1) -> np.ndarray:
        """Which constraints' factors in force at a row are determined by the prices, (C,). With a ridge, all that are current."""
        row = row % len(self.seen)
        told = self.current(row)
        if self.options.ridge:
            return told | (self.options.prior is not None)
        for part in (self.shape, self.level):
            told = told & part.span.identified[part.in_segment(row)]
        return told

    def current(self, row: int = -1) -> np.ndarray:
        """Which constraints bound in the stretch between changes around a row, or on both sides of it without having changed, (C,).

        Others carry factors across a change at which nothing could be seen of them.
        """
        row = row % len(self.seen)
        binds = (self.seen.shadow != 0) & ~self.left_out[:, None]
        out = np.ones(len(self.seen.constraints), dtype=bool)
        for part in (self.shape, self.level):
            rows = part.design.rows
            first = max((r for r in rows if r <= row), default=0)
            last = min((r for r in rows if r > row), default=len(self.seen))
            for k in part.in_segment(row):
                c, start, stop = part.columns[k]
                within = binds[first:last, c].any()
                out[c] &= within or (binds[start:first, c].any() and binds[last:stop, c].any())
        return out

    def standard_errors(self, row: int = -1) -> np.ndarray:
        """(C, B); infinite where not identified."""
        row = row % len(self.seen)
        a, b = self.shape.in_segment(row), self.level.in_segment(row)
        both = np.hypot(self.shape.se[a], self.level.se[b])
        return np.where(self.identified(row)[:, None], both, np.inf)

    def intervals(self, row: int = -1) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends, (C, B), at the level of the options."""
        half = self.quantile() * self.standard_errors(row)
        centre = np.nan_to_num(self.factors(row))
        return centre - half, centre + half

    def quantile(self) -> float:
        """Of Student's distribution, for the two ends of an interval."""
        from scipy.stats import t

        free = max(min(self.shape.free, self.level.free), 1)
        if self.options.intervals == "sandwich":
            free = max(min(free, -(-len(self.seen) // self.options.block) - 1), 1)
        return float(t.isf((1 - self.options.level) / 2, free))


def fit(seen: Observed, options: Options | None = None) -> Fit:
    """Estimate every shift factor. Raises `Refusal` (`data-too-short`) where no interval has congestion."""
    options = options or Options()
    if not (seen.shadow != 0).any():
        raise refuse(
            "data-too-short", "no constraint binds in any interval, so prices say nothing about shift factors",
            help="take a period with congestion",
        )  # fmt: skip
    if options.prior is not None and np.shape(options.prior) != (len(seen.constraints), len(seen.buses)):
        wanted = (len(seen.constraints), len(seen.buses))
        raise refuse("data-shape", f"the prior has shape {np.shape(options.prior)}, and constraints by buses is {wanted}")
    shape_floor, level_floor = floors = _floors(seen)
    y = seen.congestion
    left_out = np.zeros(len(seen), dtype=bool)
    wrong = np.zeros(y.shape, dtype=bool)
    shapes = levels = both = Design(((),) * len(seen.constraints))
    used: tuple[np.ndarray, np.ndarray] | None = None
    for _ in range(_ROUNDS):
        if options.robust:
            wrong, left_out = clean(seen.shadow, both, y, hypot(*floors))
        if not options.changes:
            break
        # What is outside right beside a change may be inside once the change lies where it should.
        near = _beside(both.rows, wrong.any(axis=1) | left_out, seen.shadow)
        asked = wrong & ~near[:, None], left_out & ~near
        if used is not None and (used[0] == asked[0]).all() and (used[1] == asked[1]).all():
            break
        used = asked
        shadow = np.where(asked[1][:, None], 0.0, seen.shadow)
        filled = _filled(shadow, both, y, asked[0])
        level = filled.mean(axis=1)
        each = np.where(asked[1][:, None], 0.0, filled - level[:, None])
        mean = np.where(asked[1], 0.0, level)[:, None]
        shapes = find_changes(shadow, each, shape_floor, options.alpha / 2)
        for most in _by_size(shapes):
            shapes = aligned(shapes, most, shadow, each, shape_floor, options.alpha / 2)
        # What changes the shape changes the level too: only what it does not explain is a change of reference.
        levels = find_changes(shadow, mean, level_floor, options.alpha / 2, shapes)
        levels = aligned(levels, shapes.rows, shadow, mean, level_floor, options.alpha / 2)
        both = Design(tuple(tuple(sorted({*a, *b})) for a, b in zip(shapes.cuts, levels.cuts, strict=True)))
        if not options.robust or not both.rows:
            break
    shadow = np.where(left_out[:, None], 0.0, seen.shadow)
    filled = _filled(shadow, both, y, wrong)
    level = filled.mean(axis=1)
    shape = _part(shapes, shadow, filled - level[:, None], shape_floor, seen.shadow_grid, options, left_out, options.prior)
    prior_mean = None if options.prior is None else options.prior.mean(axis=1, keepdims=True)
    middle = _part(levels, shadow, level[:, None], level_floor, seen.shadow_grid, options, left_out, prior_mean)
    fitted = shapes.matrix(seen.shadow) @ shape.factors + levels.matrix(seen.shadow) @ middle.factors
    return Fit(seen, options, shape, middle, wrong, left_out, y - fitted, _changes(seen, shapes, levels))


def clean(shadow: np.ndarray, design: Design, y: np.ndarray, floor: float) -> tuple[np.ndarray, np.ndarray]:
    """Prices that no fit explains: (T, B) cells, and (T,) intervals in which more than `MANY` of the buses are outside.

    A cell is judged by what a fit without the cells found so far predicts for it, so that a wrong price cannot hide by pulling
    the fit, and a right one beside it is let back in. An interval by which alone a column is known cannot be judged. Where `RUN`
    intervals of a constraint one after another are outside, that is a change and no mistake, and they stay in.
    """
    whole = np.zeros(len(y), dtype=bool)
    wrong = np.zeros(y.shape, dtype=bool)
    for _ in range(10):
        x = design.matrix(np.where(whole[:, None], 0.0, shadow))
        outside = _outside(x, design.matrix(shadow), y, wrong | whole[:, None], floor)
        now = outside.mean(axis=1) > MANY if y.shape[1] >= 1 / MANY else outside.sum(axis=1) > max(1, y.shape[1] / 2)
        if now.sum() > 0.1 * len(y):  # this is no handful of bad intervals: the model does not fit, and hiding that helps nobody
            now = np.zeros(len(y), dtype=bool)
        outside &= ~now[:, None]
        if (outside == wrong).all() and (now == whole).all():
            break
        wrong, whole = outside, now
    return wrong & ~_runs(wrong, shadow), whole & ~_runs(whole[:, None], shadow)[:, 0]


def _beside(changes: tuple[int, ...], outside: np.ndarray, shadow: np.ndarray) -> np.ndarray:
    """Intervals outside with none inside between them and a change, (T,)."""
    near = np.zeros(len(outside), dtype=bool)
    active = np.flatnonzero((shadow != 0).any(axis=1))
    for row in changes:
        for side in (active[active >= row], active[active < row][::-1]):
            inside = np.flatnonzero(~outside[side])
            near[side[: inside[0] if inside.size else None]] = True
    return near


def _runs(outside: np.ndarray, shadow: np.ndarray) -> np.ndarray:
    """Which of the cells (T, Y) outside lie in a run of `RUN` or more, among the intervals in which some constraint binds."""
    out = np.zeros(outside.shape, dtype=bool)
    for c in range(shadow.shape[1]):
        rows = np.flatnonzero(shadow[:, c])
        if len(rows) < RUN:
            continue
        windows = np.lib.stride_tricks.sliding_window_view(outside[rows], RUN, axis=0).all(axis=-1)
        for shift in range(RUN):
            out[rows[shift : len(rows) - RUN + 1 + shift]] |= windows
    return out


def _outside(x: np.ndarray, every: np.ndarray, y: np.ndarray, skip: np.ndarray, floor: float) -> np.ndarray:
    """Cells further than `FAR` standard deviations from a fit that leaves `skip` out; x has rows of zeros where all is skipped."""
    basis, root = _hat(x)
    inside = basis.T @ np.where(skip, 0.0, y)
    mixed = np.flatnonzero((skip & (x != 0).any(axis=1)[:, None]).any(axis=0))
    beta = root @ inside
    for b in mixed:
        own = basis[skip[:, b]]
        kept = np.eye(basis.shape[1]) - own.T @ own  # products of the basis over the rows that are not skipped
        beta[:, b] = root @ np.linalg.lstsq(kept, inside[:, b], rcond=1e-10)[0]
    pull = root @ basis.T
    rest = y - every @ beta
    leverage = np.minimum((basis**2).sum(axis=1), 1.0)
    new = ((every @ pull) ** 2).sum(axis=1)  # where an interval was left out, its prediction has a variance of its own
    used = (x != 0).any(axis=1)
    spread = np.where(used, 1 - leverage, 1 + new)[:, None] * np.ones(y.shape[1])
    spread = np.where(skip & used[:, None], 1 / np.maximum(1 - leverage, 1e-6)[:, None], spread)
    judged = (every != 0).any(axis=1)[:, None] & (spread > 1e-6)
    fine = judged & ~skip
    usual = 1.4826 * float(np.median(np.abs(rest[fine] / np.sqrt(spread[fine])))) if fine.any() else 0.0
    sigma = max(usual, floor)
    return np.asarray(judged & (np.abs(rest) > FAR * sigma * np.sqrt(np.where(judged, spread, 1.0))))


def _floors(seen: Observed) -> tuple[float, float]:
    """The standard deviations that rounding gives the shape and the level, in $/MWh; a hair of the prices where none shows."""
    hair = 1e-9 * max(1.0, float(np.abs(seen.prices).max()))
    count = len(seen.buses)
    price, energy = seen.price_grid**2 / 12, seen.energy_grid**2 / 12
    return max(hair, sqrt(price * (1 - 1 / count))), max(hair, sqrt(energy + price / count))


def _filled(shadow: np.ndarray, design: Design, y: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Congestion with wrong cells replaced by what their own bus, without them, says."""
    if not wrong.any():
        return y
    x, out = design.matrix(shadow), y.copy()
    for b in np.flatnonzero(wrong.any(axis=0)):
        right = ~wrong[:, b]
        out[~right, b] = x[~right] @ np.linalg.lstsq(x[right], y[right, b], rcond=1e-10)[0]
    return out


def _hat(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An orthonormal basis of the columns (T, rank), and what makes factors of its coefficients (K, rank)."""
    norm = np.linalg.norm(x, axis=0)
    norm = np.where(norm > 0, norm, 1.0)
    u, s, vt = np.linalg.svd(x / norm, full_matrices=False)
    keep = s > 1e-10 * max(float(s[0]), 1e-300)
    return u[:, keep], (vt[keep].T / s[keep]) / norm[:, None]


def _by_size(design: Design) -> list[tuple[int, ...]]:
    """The rows at which most constraints change, then those and the next, so that small changes are moved to large ones."""
    rows = sorted(design.rows, key=lambda r: (-sum(r in own for own in design.cuts), r))
    return [tuple(rows[:n]) for n in range(1, len(rows))]


def _part(
    design: Design, shadow: np.ndarray, y: np.ndarray, floor: float, grid: float, options: Options,
    left_out: np.ndarray, prior: np.ndarray | None,
) -> Part:  # fmt: skip
    """Least squares on the directions that were seen, or with a ridge on all."""
    x = design.matrix(shadow)
    y = np.where(left_out[:, None], 0.0, y)
    columns = design.columns(len(shadow))
    span = span_of(x, grid)
    inverse, start = span.inverse, np.zeros((x.shape[1], y.shape[1]))
    free = int(((x != 0).any(axis=1)).sum()) - span.rank
    if options.ridge:
        if prior is not None:
            start = prior[[c for c, _, _ in columns]]
            if y.shape[1] > 1:
                start = start - prior.mean(axis=1)[[c for c, _, _ in columns], None]
        noise = _sigma(y - x @ (inverse @ (x.T @ y)), max(free, 1), floor).mean()
        inverse = np.linalg.inv(x.T @ x + np.eye(x.shape[1]) * (noise / options.ridge) ** 2)
    pull = inverse @ x.T
    beta = start + pull @ (y - x @ start)
    if not options.ridge:
        beta += pull @ (y - x @ beta)  # once more, against the rounding of normal equations
    rest = y - x @ beta
    sigma = _sigma(rest, max(free, 1), floor)
    leverage = np.einsum("tk,kl,tl->t", x, inverse, x)
    se = np.sqrt(np.maximum(np.diag(inverse), 0))[:, None] * sigma
    if options.intervals == "sandwich":
        inflated = rest / np.maximum(1 - leverage, 0.05)[:, None]
        blocks = [pull[:, i : i + options.block] @ inflated[i : i + options.block] for i in range(0, len(x), options.block)]
        count = len(blocks)
        robust = np.sqrt(sum(b**2 for b in blocks) * (count / max(count - 1, 1)))
        se = np.maximum(robust, np.sqrt(np.maximum(np.diag(inverse), 0))[:, None] * floor)
    return Part(design, columns, beta, span, inverse, sigma, se, max(free, 1), leverage)


def _sigma(rest: np.ndarray, free: int, floor: float) -> np.ndarray:
    """The standard deviation of an error for each bus, no less than rounding gives."""
    return np.maximum(np.sqrt((rest**2).sum(axis=0) / free), floor)


def _changes(seen: Observed, shapes: Design, levels: Design) -> tuple[Change, ...]:
    out = []
    for row in sorted({*shapes.rows, *levels.rows}):
        kind: Literal["topology", "reference"] = "topology" if row in shapes.rows else "reference"
        who = tuple(
            name for name, a, b in zip(seen.constraints, shapes.cuts, levels.cuts, strict=True) if row in a or row in b
        )
        out.append(Change(row, seen.times[row].item() if hasattr(seen.times[row], "item") else seen.times[row], kind, who))
    return tuple(out)


__all__ = ["FAR", "MANY", "RUN", "Change", "Fit", "Options", "Part", "clean", "fit"]
