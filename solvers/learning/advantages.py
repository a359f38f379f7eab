"""Generalised advantage estimation: how much better a move did than the critic expected, in plays of a fixed length.

With `d_t = r_t + V_{t+1} - V_t`, the advantage is `A_t = sum_k trust^k d_{t+k}`; nothing is discounted and nothing is worth
anything after the end. `trust` 1 believes what was earned until the end, 0 the critic's value one decision on.

Source: Schulman, Moritz, Levine, Jordan, Abbeel, High-Dimensional Continuous Control Using Generalized Advantage Estimation (2016),
equation 16.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def advantages(earned: Any, values: Any, trust: float) -> Any:
    """(decisions, episodes), from what was earned after each decision and what the critic thought each to be worth."""
    found = np.zeros_like(values)
    later = np.zeros(values.shape[1])
    after = np.zeros(values.shape[1])
    for i in reversed(range(len(values))):
        later = earned[i] + after - values[i] + trust * later
        found[i], after = later, values[i]
    return found


__all__ = ["advantages"]
