"""New intervals watched, one after another: which constraint's shift factors no longer hold.

When a constraint binds, its interval is scored by the root mean square of the standardised errors of all buses. The score's rank
among the constraint's own past scores is a p-value, whatever the distribution of errors and however buses move together; it is
bet against by `e(p) = (1 - p + p log p) / (p log(p)^2)`, the mixture of all powers, whose mean is one while nothing changes. The
evidence adds up by Shiryaev and Roberts, `R <- (R + 1) e(p)`, and an alarm is raised at `every`: under exchangeable scores
false alarms are at least that many binding intervals apart on average.

Sources: Vovk, Nouretdinov and Gammerman, Testing Exchangeability On-Line (2003), for the bets; Shin, Ramdas and Rinaldo,
E-detectors (2024), for the sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np

from opengames.diagnostics import refuse
from opengames.models.shift_factors.fitting import Fit
from opengames.models.shift_factors.observations import Observed
from opengames.models.shift_factors.predicting import NEVER, outside, predicted

#: Leverage beyond which a fitted interval says nothing about errors: it was fitted to itself.
_OWN = 0.95


@dataclass(frozen=True)
class Alarm:
    """constraint: whose factors no longer hold, or hold no more beside it. time: of the interval that raised it. evidence: R there."""

    constraint: str
    time: object
    evidence: float


@dataclass(frozen=True)
class Watch:
    """alarms: at most one for each constraint, in order of time. evidence: R after each new interval, (n, C). unseen: constraints that
    bound and cannot be watched, having never bound in the fit."""

    alarms: tuple[Alarm, ...]
    evidence: np.ndarray
    unseen: tuple[str, ...]


def watch(fit: Fit, new: Observed, every: float = 10_000.0) -> Watch:
    """What new intervals say about a fit. Raises `Refusal` (`data-shape`) where buses or constraints are not the fit's."""
    if new.buses != fit.seen.buses or new.constraints != fit.seen.constraints:
        raise refuse("data-shape", "the new intervals are not about the same buses and constraints in the same order")
    names = fit.seen.constraints
    past = {c: list(s) for c, s in enumerate(_past(fit))}
    last = len(fit.seen) - 1
    why = outside(fit, new.shadow, last, reach=float("inf"))
    found = predicted(fit, new.shadow, new.energy, last)
    spread = (found.upper - found.lower) / 2 / fit.quantile()
    scores = np.sqrt((((new.prices - found.prices) / spread) ** 2).mean(axis=1))
    evidence = np.zeros((len(new), len(names)))
    now = np.zeros(len(names))
    alarms: dict[str, Alarm] = {}
    for i, score in enumerate(scores):
        for c in np.flatnonzero(new.shadow[i]).tolist():
            if why[i] == NEVER or not past[c]:
                continue
            p = (1 + sum(s >= score for s in past[c])) / (len(past[c]) + 1)
            now[c] = (now[c] + 1) * bet(p)
            past[c].append(float(score))
            if now[c] >= every and names[c] not in alarms:
                alarms[names[c]] = Alarm(names[c], new.times[i], float(now[c]))
        evidence[i] = now
    never = [r == NEVER for r in why]
    unknown = (new.shadow[never] != 0).any(axis=0) & ~(fit.seen.shadow != 0).any(axis=0)
    return Watch(tuple(alarms.values()), evidence, tuple(names[c] for c in np.flatnonzero(unknown)))


def bet(p: float) -> float:
    """The e-value of a p-value; its mean over uniform p is one.

    >>> bet(1.0), round(bet(0.01), 2)
    (0.5, 4.45)
    """
    if p > 0.999:  # the series around one, where the formula is nought over nought
        return 0.5 + (1 - p) / 3
    return (1 - p + p * log(p)) / (p * log(p) ** 2)


def _past(fit: Fit) -> list[np.ndarray]:
    """For each constraint, the scores of the fitted intervals in which it binds, as if each had been left out."""
    leverage = np.maximum(fit.shape.leverage, fit.level.leverage)
    sigma = np.hypot(fit.shape.sigma, fit.level.sigma)
    scores = np.sqrt(((fit.residuals / sigma) ** 2).mean(axis=1) / np.maximum(1 - leverage, 1e-9))
    usable = (leverage < _OWN) & ~fit.left_out & ~fit.wrong.any(axis=1)
    return [scores[usable & (fit.seen.shadow[:, c] != 0)] for c in range(len(fit.seen.constraints))]


__all__ = ["Alarm", "Watch", "bet", "watch"]
