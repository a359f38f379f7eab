"""How well a fit does on intervals that it did not see, and intervals calibrated by that.

Time is cut into contiguous blocks. Each is predicted from the others, or (`forward`) only from those before it; changes and wrong
prices are looked for in the training intervals alone. Intervals outside of what the training saw are refused and counted,
not scored. Errors are in $/MWh, or relative to the sum of absolute values (WAPE): a mean of percentages means nothing where
prices pass through zero.

Calibration is conformal: for every bus the half-width is the ceil((n + 1) level)-th smallest of the n scaled errors on blocks
not seen, so that a new interval is covered with at least the stated chance as far as it is exchangeable with those scored.
Source: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World (2005), chapter 4, with blocks as in cross-conformal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from opengames.diagnostics import refuse
from opengames.models.shift_factors.fitting import Fit, Options, fit
from opengames.models.shift_factors.observations import Observed
from opengames.models.shift_factors.predicting import REACH, outside, predicted, row_of


@dataclass(frozen=True)
class Score:
    """intervals: asked for. answered: not refused. refused: how many, by reason. mae, worst: $/MWh. wape: sum |error| / sum |LMP|.
    wape_congestion: sum |error| / sum |lambda - LMP|. coverage: the share of prices inside their interval, whose level was `level`.
    mae_uncongested: of predicting lambda for every bus."""

    intervals: int
    answered: int
    refused: Mapping[str, int]
    mae: float
    worst: float
    wape: float
    wape_congestion: float
    coverage: float
    level: float
    mae_uncongested: float

    def lines(self) -> list[str]:
        """For people."""
        refused = "".join(f"; {count:,} refused: {why}" for why, count in self.refused.items())
        return [
            f"{self.answered:,} of {self.intervals:,} intervals not fitted were predicted{refused}",
            f"mean absolute error {self.mae:.3g} $/MWh (lambda alone: {self.mae_uncongested:.3g}), largest {self.worst:.3g}",
            f"WAPE {self.wape:.3%} of prices, {self.wape_congestion:.3%} of congestion; {self.coverage:.1%} of prices inside intervals of {self.level:.0%}",
        ]


def score(
    seen: Observed, options: Options | None = None, *, folds: int = 5, forward: bool = False, reach: float = REACH
) -> Score:
    """The score over all blocks. Raises `Refusal` (`bad-argument`) for fewer than two folds or more than intervals."""
    tried = _tried(seen, options or Options(), folds, forward, reach)
    rows = tried.answered
    error = np.abs(tried.prices - seen.prices)[rows]
    actual, base = np.abs(seen.prices[rows]), np.abs(seen.congestion[rows])
    inside = (error <= tried.half[rows])
    some = rows.any()
    return Score(
        int(tried.asked.sum()), int(rows.sum()), tried.refused,
        float(error.mean()) if some else float("nan"), float(error.max()) if some else float("nan"),
        _share(error, actual), _share(error, base), float(inside.mean()) if some else float("nan"),
        (options or Options()).level, float(base.mean()) if some else float("nan"),
    )  # fmt: skip


def calibrated(found: Fit, *, folds: int = 5, reach: float = REACH) -> np.ndarray:
    """What to multiply a predicted price's spread by, (B,), for intervals at the fit's level; infinite where too few were scored."""
    options = found.options
    tried = _tried(found.seen, options, folds, False, reach)
    spread = tried.half / tried.quantile[:, None]
    scaled = np.sort((np.abs(tried.prices - found.seen.prices) / spread)[tried.answered], axis=0)
    place = rank(len(scaled), options.level)
    return scaled[place - 1] if place <= len(scaled) else np.full(len(found.seen.buses), np.inf)


def rank(count: int, level: float) -> int:
    """ceil((count + 1) level), of the level as it is written: 0.9 is nine tenths, not the float above it.

    >>> rank(9, 0.9), rank(10, 0.9), rank(19, 0.95)
    (9, 10, 19)
    """
    exact = (count + 1) * Fraction(str(level))
    return -(-exact.numerator // exact.denominator)


@dataclass(frozen=True)
class _Tried:
    """asked, answered: masks (T,). prices, half: (T, B), nan where not answered. quantile: that `half` was made with, (T,)."""

    asked: np.ndarray
    answered: np.ndarray
    refused: Mapping[str, int]
    prices: np.ndarray
    half: np.ndarray
    quantile: np.ndarray


def _tried(seen: Observed, options: Options, folds: int, forward: bool, reach: float) -> _Tried:
    if not 2 <= folds <= len(seen) // 2:
        raise refuse("bad-argument", f"{folds} folds of {len(seen):,} intervals", help="from 2 to half as many as there are intervals")
    blocks = np.array_split(np.arange(len(seen)), folds)
    asked, answered = np.zeros((2, len(seen)), dtype=bool)
    prices, half = np.full((2, *seen.prices.shape), np.nan)
    quantile = np.full(len(seen), np.nan)
    refused: Counter[str] = Counter()
    for n, block in enumerate(blocks):
        if forward and not n:
            continue
        asked[block] = True
        known = np.arange(block[0]) if forward else np.setdiff1d(np.arange(len(seen)), block)
        if not (seen.shadow[known] != 0).any():
            refused["no congestion before it"] += len(block)
            continue
        train = fit(seen.at(known), options)
        for row, rows in _by_segment(train, seen.times[block], block):
            reasons = outside(train, seen.shadow[rows], row, reach)
            refused.update(r for r in reasons if r)
            fine = rows[[r is None for r in reasons]]
            found = predicted(train, seen.shadow[fine], seen.energy[fine], row)
            prices[fine], half[fine] = found.prices, (found.upper - found.lower) / 2
            quantile[fine], answered[fine] = train.quantile(), True
    return _Tried(asked, answered, dict(refused), prices, half, quantile)


def _by_segment(train: Fit, times: np.ndarray, block: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Rows of a block together with the row of the training whose factors are in force then."""
    at = np.asarray([row_of(train, t) for t in times])
    segment = np.searchsorted(train.segments, at, side="right")
    return [(int(at[segment == s][0]), block[segment == s]) for s in np.unique(segment)]


def _share(error: np.ndarray, of: np.ndarray) -> float:
    total = float(of.sum())
    return float(error.sum()) / total if total else float("nan")


__all__ = ["Score", "calibrated", "rank", "score"]
