"""How good probabilities were: the logarithmic score, the Brier score and its parts, calibration with counts.

For forecasts $p_i$ of events that happened ($o_i = 1$) or not ($o_i = 0$):

* logarithmic: the mean of $-\\ln p_i$ where it happened and $-\\ln(1 - p_i)$ where it did not   [nats]
* Brier: the mean of $(p_i - o_i)^2$. Over groups of equal forecasts it is *reliability - resolution + uncertainty*
  exactly; over bins, a remainder within the bins is left, and told.

Less is better for both. Sources: Good (1952); Brier (1950); Murphy, A new vector partition of the probability score (1973);
Stephenson, Coelho and Jolliffe, Two extra components in the Brier score decomposition (2008), for the remainder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Two-sided normal quantile of a 95 % interval.
_Z = 1.959963984540054


@dataclass(frozen=True)
class Bin:
    """Forecasts between `low` and `high`. forecast: their mean; happened: how many of `count` events did; interval: 95 %."""

    low: float
    high: float
    count: int
    forecast: float
    happened: int
    interval: tuple[float, float]

    @property
    def frequency(self) -> float:
        return self.happened / self.count


@dataclass(frozen=True)
class Score:
    """See the module. count: forecasts scored. log: infinite where something happened that was held impossible."""

    count: int
    log: float
    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    remainder: float
    calibration: tuple[Bin, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "count": self.count, "log": self.log, "brier": self.brier, "reliability": self.reliability,
            "resolution": self.resolution, "uncertainty": self.uncertainty, "remainder": self.remainder,
            "calibration": [
                {"low": b.low, "high": b.high, "count": b.count, "forecast": b.forecast, "happened": b.happened,
                 "interval": list(b.interval)}
                for b in self.calibration
            ],
        }  # fmt: skip


def log_scores(forecasts: ArrayLike, happened: ArrayLike) -> NDArray[np.float64]:
    """The logarithmic score of each forecast.   [nats]"""
    p, o = _pair(forecasts, happened)
    with np.errstate(divide="ignore"):
        return -np.log(np.where(o, p, 1 - p))


def brier_scores(forecasts: ArrayLike, happened: ArrayLike) -> NDArray[np.float64]:
    """The Brier score of each forecast."""
    p, o = _pair(forecasts, happened)
    return (p - o) ** 2


def score(forecasts: ArrayLike, happened: ArrayLike, bins: int = 10) -> Score:
    """All scores of some forecasts. bins: of equal width, for calibration and the parts of the Brier score.

    Raises `ValueError` for forecasts outside [0, 1], none at all, or as many as there are not outcomes.
    """
    p, o = _pair(forecasts, happened)
    if not len(p):
        raise ValueError("there are no forecasts to score")
    brier = float(np.mean((p - o) ** 2))
    base = float(np.mean(o))
    number = np.minimum((p * bins).astype(int), bins - 1)
    found, reliability, resolution = [], 0.0, 0.0
    for i in range(bins):
        inside = number == i
        count = int(inside.sum())
        if not count:
            continue
        mean, happens = float(p[inside].mean()), int(o[inside].sum())
        reliability += count * (mean - happens / count) ** 2
        resolution += count * (happens / count - base) ** 2
        found.append(Bin(i / bins, (i + 1) / bins, count, mean, happens, wilson(happens, count)))
    reliability, resolution, uncertainty = reliability / len(p), resolution / len(p), base * (1 - base)
    return Score(
        len(p), float(np.mean(log_scores(p, o))), brier, reliability, resolution, uncertainty,
        brier - (reliability - resolution + uncertainty), tuple(found),
    )  # fmt: skip


def wilson(happened: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a frequency. Source: Wilson (1927)."""
    share, squared = happened / count, _Z * _Z
    middle = (share + squared / (2 * count)) / (1 + squared / count)
    half = _Z / (1 + squared / count) * sqrt(share * (1 - share) / count + squared / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def paired(differences: Sequence[float] | NDArray[np.float64]) -> tuple[float, tuple[float, float]]:
    """The mean of paired differences and its 95 % interval, by Student's t.

    Raises `ValueError` for fewer than two.
    """
    from scipy.special import stdtrit

    values = np.asarray(differences, dtype=float)
    if len(values) < 2:
        raise ValueError("an interval needs two differences")
    mean = float(values.mean())
    half = float(stdtrit(len(values) - 1, 0.975) * values.std(ddof=1) / sqrt(len(values)))
    return mean, (mean - half, mean + half)


def _pair(forecasts: ArrayLike, happened: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    p, o = np.asarray(forecasts, dtype=float), np.asarray(happened, dtype=bool)
    if p.shape != o.shape or p.ndim != 1:
        raise ValueError(f"{p.shape} forecasts and {o.shape} outcomes do not go together")
    if not (np.isfinite(p).all() and (p >= 0).all() and (p <= 1).all()):
        raise ValueError("a forecast is a chance between 0 and 1")
    return p, o


__all__ = ["Bin", "Score", "brier_scores", "log_scores", "paired", "score", "wilson"]
