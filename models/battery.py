"""What a battery trader computes outside the game: the bands of the percentile rule, and yesterday's plan.

Both look back only: a band at hour t uses hours before t, a plan for a day the prices of the day before.

Source of the rules: the battery benchmark described in `docs/battery.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np


def percentile_bands(
    prices: Sequence[Fraction], window: int = 24, low: float = 30, high: float = 70
) -> tuple[tuple[Fraction, ...], tuple[Fraction, ...]]:
    """The `low` and `high` percentile of the last `window` prices, the present one included, for every hour.

    The first hours use what there is. Percentiles are interpolated linearly and rounded to a millionth.
    """
    found = np.asarray([float(p) for p in prices])
    cheap, dear = [], []
    for hour in range(len(found)):
        recent = found[max(0, hour + 1 - window) : hour + 1]
        a, b = np.percentile(recent, [low, high])
        cheap.append(Fraction(round(a * 10**6), 10**6))
        dear.append(Fraction(round(b * 10**6), 10**6))
    return tuple(cheap), tuple(dear)


def shifted(plan: Sequence[Fraction], hours: int = 24) -> tuple[Fraction, ...]:
    """Yesterday's plan for today: `plan`, `hours` later, with nothing planned at first."""
    return (Fraction(0),) * min(hours, len(plan)) + tuple(plan[: max(0, len(plan) - hours)])
