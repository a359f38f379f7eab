"""Risk of a series of gains: value at risk, expected shortfall, Sharpe ratio, drawdown.

Gains are positive when money is made; the two risk figures are positive when money is lost.

Source: Rockafellar and Uryasev, Optimization of conditional value-at-risk (2000); Sharpe, The Sharpe ratio (1994).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Risk:
    """Of a series of daily gains, in its unit. sharpe: of daily gains, annualised by sqrt(365); NaN if they never vary."""

    total: float
    value_at_risk: float
    expected_shortfall: float
    sharpe: float
    drawdown: float
    days: int


def risk(gains: Sequence[float], level: float = 0.05) -> Risk:
    """The figures for `gains`, one for each day. level: the share of worst days. Raises `ValueError` without gains.

    >>> r = risk(range(1, 101))
    >>> round(r.value_at_risk, 6), round(r.expected_shortfall, 6)
    (-5.95, -3.0)
    """
    found = np.asarray(gains, dtype=float)
    if found.size == 0 or not np.isfinite(found).all():
        raise ValueError("risk needs at least one gain, and every gain a finite number")
    edge = np.quantile(found, level)
    deviation = found.std(ddof=1) if found.size > 1 else 0.0
    return Risk(
        total=float(found.sum()),
        value_at_risk=float(-edge),
        expected_shortfall=float(-found[found <= edge].mean()),
        sharpe=float(found.mean() / deviation * np.sqrt(365)) if deviation > 0 else float("nan"),
        drawdown=drawdown(found),
        days=int(found.size),
    )


def drawdown(gains: Sequence[float] | np.ndarray) -> float:
    """The largest fall of cumulative gains from an earlier peak (or from zero), at least 0."""
    wealth = np.concatenate(([0.0], np.cumsum(np.asarray(gains, dtype=float))))
    return float((np.maximum.accumulate(wealth) - wealth).max())


def by_day(values: Sequence[float], days: Sequence[object]) -> list[float]:
    """Sums of hourly values over the runs of equal days, in order."""
    totals: list[float] = []
    last: object = None
    for value, day in zip(values, days, strict=True):
        if not totals or day != last:
            totals.append(0.0)
            last = day
        totals[-1] += value
    return totals
