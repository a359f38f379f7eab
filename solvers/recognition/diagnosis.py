r"""Whether a filter has lost its state: the alarm.

The surprise of a round, $\nu^\top S^{-1} \nu$ with $\nu$ the evidence less what was predicted, has for a filter that is right a
mean of `degrees`, the numbers that are evidence; so have sums over a window, with the chi-squared distribution where the
noise is normal. Unlocalised ensembles diverge now and then: they believe themselves sure and ignore what they see.
The alarm goes off where the sum over some window of `WINDOW` rounds is larger than a right filter's would be once
in a million windows, an ensemble's own error allowed for. A particle filter's alarm is that no particle explains
the evidence, or that fewer than `FEWEST` carry it.

Source: Bar-Shalom, Li, Kirubarajan, Estimation with applications to tracking and navigation (2001), section 5.4.
"""

from __future__ import annotations

import numpy as np

from opengames.solvers.recognition.recognise import Found

#: Rounds that are looked at together, how rare an alarm of a right filter is, and the fewest particles that may count.
WINDOW, RARE, FEWEST = 16, 1e-6, 3.0
#: The spread that an ensemble of a few dozen members estimates is off by this much.
_SLACK = 1.25


def diverged(found: Found) -> np.ndarray:
    """Whether the alarm went off, `bool[runs]`."""
    runs = next(iter(found.beliefs.values())).mean().shape[0]
    if found.surprise is not None:
        assert found.degrees is not None
        return np.asarray(~(windows(found.surprise) <= limit(windows(found.degrees))).all(1))
    if found.size is not None and found.impossible is not None:
        return (found.impossible >= 0) | (found.size < FEWEST).any(1)
    return np.zeros(runs, bool)


def windows(surprise: np.ndarray) -> np.ndarray:
    """Sums over every window of rounds, of surprise or degrees: `[runs, rounds - window + 1]`."""
    width = min(WINDOW, surprise.shape[1])
    return np.lib.stride_tricks.sliding_window_view(surprise, width, axis=1).sum(-1)


def limit(degrees: np.ndarray) -> np.ndarray:
    """What the surprise of so many numbers, together, exceeds once in a million for a right filter."""
    from scipy.special import chdtri

    return np.where(degrees > 0, chdtri(np.maximum(degrees, 1), RARE) * _SLACK, np.inf)
