"""What a network is told of what a decision sees: numbers of about unit size.

A label, a truth value or a point of a small grid is a column of its own, 1 where it is seen. A real quantity is told by where it
lies between two ends, and by hats over evenly spaced knots between them, so that a threshold is easily learned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from opengames import spaces
from opengames.solvers.learning.environment import Leaf
from opengames.spaces import Grid, Reals

#: Values of a finite space up to which each has a column of its own.
APART = 64
#: Knots of a real quantity.
KNOTS = 9


@dataclass(frozen=True, slots=True)
class Scale:
    """One thing seen: between which ends it lies, and how many hats or columns of its own stand for it."""

    lower: float
    upper: float
    knots: int
    points: tuple[float, ...] = ()

    def columns(self, numbers: Any) -> Any:
        """(states, columns) of one leaf."""
        width = self.upper - self.lower
        at = np.clip((numbers - self.lower) / width, 0.0, 1.0) if width > 0 else np.zeros(len(numbers))
        line = (2 * at - 1)[:, None]
        if self.points:
            own = (np.abs(numbers[:, None] - np.asarray(self.points)) <= 1e-9).astype(float)
            return np.concatenate([line, own], axis=1)
        if self.knots < 2:
            return line
        hats = np.maximum(0.0, 1 - np.abs(at[:, None] * (self.knots - 1) - np.arange(self.knots)))
        return np.concatenate([line, hats], axis=1)


def scale(leaf: Leaf, met: Any) -> Scale:
    """The scale of a leaf. met: its numbers in some plays, which say where a quantity without ends can lie."""
    match leaf.space:
        case Reals(lower=lower, upper=upper):
            low = float(lower) if lower is not None else float(met.min())
            high = float(upper) if upper is not None else float(met.max())
            return Scale(low, high, KNOTS)
        case Grid(points=points):
            numbers = tuple(float(p) for p in points)
            few = numbers if len(numbers) <= APART else ()
            return Scale(min(numbers), max(numbers), KNOTS, few)
    count = spaces.size(leaf.space) or 1
    return Scale(0.0, float(count - 1), KNOTS, tuple(float(i) for i in range(count)) if count <= APART else ())


def features(scales: tuple[Scale, ...], seen: Any) -> Any:
    """(states, features) of what is seen, (states, leaves); a constant comes first."""
    found = [np.ones((len(seen), 1)), *(s.columns(seen[:, i]) for i, s in enumerate(scales))]
    return np.concatenate(found, axis=1).astype(np.float32)


__all__ = ["Scale", "features", "scale"]
