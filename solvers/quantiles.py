"""A drawn real quantity as finitely many values with equal chances: the middles of equally likely slices.

For an outcome that varies by `V` in all as the luck goes from worst to best, the mean over `n` values is off by at most `V / 2n`:
prices jump from unit to unit, and rules made for smooth functions have no such bound.

Source: Niederreiter, Random Number Generation and Quasi-Monte Carlo Methods (1992), theorems 2.6 and 2.9 (Koksma).
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np


def normal(mean: Any, deviation: Any, outcomes: int) -> list[tuple[Any, Any]]:
    """(value, chance) pairs; mean and deviation are arrays."""
    standard = NormalDist()
    return [(mean + deviation * standard.inv_cdf((i + 0.5) / outcomes), np.float64(1 / outcomes)) for i in range(outcomes)]


def uniform(lower: float, upper: float, outcomes: int) -> list[tuple[Any, Any]]:
    """(value, chance) pairs of a quantity that is equally likely everywhere between two numbers."""
    width = (upper - lower) / outcomes
    return [(np.float64(lower + (i + 0.5) * width), np.float64(1 / outcomes)) for i in range(outcomes)]


__all__ = ["normal", "uniform"]
