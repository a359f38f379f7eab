"""What a fit knows of each constraint: how often it bound, how far its factors are identified, and combinations that are."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np

from opengames.models.shift_factors.fitting import Fit


@dataclass(frozen=True)
class Known:
    """A constraint in force at a row. bound: intervals. current: it bound since the last change, or its factors did
    not change. identified: by itself. alone: the share of its shadow prices that no
    other constraint's move like, 1 where it binds by itself. widest: the widest half of an interval over buses. since: the row from
    which its factors hold."""

    constraint: str
    bound: int
    current: bool
    identified: bool
    alone: float
    widest: float
    since: int


@dataclass(frozen=True)
class Combination:
    """weights: of constraints' factors; the weighted sum is identified. factors: the sum for each bus, (B,)."""

    weights: dict[str, float]
    factors: np.ndarray

    def __str__(self) -> str:
        return " ".join(_term(i, w, name) for i, (name, w) in enumerate(self.weights.items()))


def known(fit: Fit, row: int = -1) -> list[Known]:
    """One for each constraint."""
    row = row % len(fit.seen)
    columns = fit.shape.in_segment(row)
    binds = (fit.seen.shadow != 0) & ~fit.left_out[:, None]
    widest = fit.quantile() * fit.standard_errors(row).max(axis=1)
    sure, current = fit.identified(row), fit.current(row)
    out = []
    for c, name in enumerate(fit.seen.constraints):
        _, start, stop = fit.shape.columns[columns[c]]
        alone = float(fit.shape.span.alone[columns[c]])
        out.append(Known(name, int(binds[start:stop, c].sum()), bool(current[c]), bool(sure[c]), alone, float(widest[c]), start))
    return out


def combinations(fit: Fit, row: int = -1) -> list[Combination]:
    """Sums of several constraints' factors that the prices determine although the factors by themselves they do not.

    Those of constraints in force at a row; empty where every constraint that bound is identified.
    """
    row = row % len(fit.seen)
    a, b = fit.shape.in_segment(row), fit.level.in_segment(row)
    total = fit.shape.factors[a] + fit.level.factors[b]
    out = []
    for weights in fit.shape.span.combinations():
        own = weights[a]
        several = np.flatnonzero(own)
        # A combination with a column of another stretch of time is none of the factors in force.
        if len(several) > 1 and np.count_nonzero(weights) == len(several):
            named = {fit.seen.constraints[c]: float(own[c]) for c in several}
            out.append(Combination(named, own[several] @ total[several]))
    return out


def lines(fit: Fit, row: int = -1) -> list[str]:
    """A table for people: one line for each constraint, then combinations."""
    found = known(fit, row)
    width = max(len(k.constraint) for k in found)
    out = [f"{'constraint':<{max(width, 10)}}  bound  alone  +- at most"]
    for k in found:
        sure = f"{k.widest:.2g}" if k.identified and isfinite(k.widest) else (_unsure(k))
        out.append(f"{k.constraint:<{max(width, 10)}}  {k.bound:5,}  {k.alone:5.2f}  {sure}")
    both = combinations(fit, row)
    if both:
        out.append("identified in combination: " + "; ".join(map(str, both)))
    return out


def _unsure(k: Known) -> str:
    return "only in combination" if k.current else ("not since the last change" if k.bound else "never bound")


def _term(i: int, weight: float, name: str) -> str:
    sign = "-" if weight < 0 else "+"
    size = "" if abs(abs(weight) - 1) < 5e-4 else f"{abs(weight):.3g} "
    return f"{'' if not i and weight > 0 else sign + ' '}{size}{name}"


__all__ = ["Combination", "Known", "combinations", "known", "lines"]
