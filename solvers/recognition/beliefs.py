"""What is believed of a wire, given the evidence: members with weights, normal distributions, or chances.

Arrays have the axes of the wire's families last. All beliefs answer the same three things: a mean, the central interval
of a level, and whether such an interval holds a value. Of what is no number the interval is the smallest set of values
that has the level's chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from opengames.spaces import Bool, Enum, Space

Interval = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Members:
    """members: `[..., members, *sizes]` in base units. weights: of the same shape, `None` if all count the same."""

    space: Space
    members: np.ndarray
    weights: np.ndarray | None = None
    sizes: int = 0

    @property
    def _axis(self) -> int:
        return self.members.ndim - self.sizes - 1

    def mean(self) -> np.ndarray:
        x = self.members.astype(float)
        if self.weights is None:
            return x.mean(self._axis)
        return (x * self.weights).sum(self._axis) / self.weights.sum(self._axis)

    def deviation(self) -> np.ndarray:
        """The square root of the variance, with the ensemble's own correction for its size."""
        x = self.members.astype(float)
        n, middle = x.shape[self._axis], np.expand_dims(self.mean(), self._axis)
        if self.weights is None:
            return np.sqrt(((x - middle) ** 2).sum(self._axis) / max(1, n - 1))
        return np.sqrt(((x - middle) ** 2 * self.weights).sum(self._axis) / self.weights.sum(self._axis))

    def quantile(self, share: float) -> np.ndarray:
        """The value with a share of the members below: at place `share * (n + 1)`, so that one more is above it as often.

        With weights, the first value that reaches the share.
        """
        axis = self._axis
        if self.weights is None:
            return np.quantile(self.members.astype(float), share, axis, method="weibull")
        order = np.argsort(self.members, axis)
        x = np.take_along_axis(self.members, order, axis).astype(float)
        sums = np.cumsum(np.take_along_axis(self.weights, order, axis), axis)
        first = np.expand_dims((sums < share * np.take(sums, [-1], axis) - 1e-12).sum(axis), axis)
        return np.take_along_axis(x, np.minimum(first, x.shape[axis] - 1), axis).squeeze(axis)

    def interval(self, level: float) -> Interval:
        return self.quantile((1 - level) / 2), self.quantile((1 + level) / 2)

    def chances(self) -> tuple[tuple[Any, ...], np.ndarray]:
        """The values that occur and their chances, `[values, ...]`."""
        values = np.unique(self.members)
        weights = np.ones(self.members.shape) if self.weights is None else self.weights
        total = weights.sum(self._axis)
        return tuple(values.tolist()), np.stack([((self.members == v) * weights).sum(self._axis) / total for v in values])

    def covers(self, level: float, truth: np.ndarray) -> np.ndarray:
        if isinstance(self.space, Enum | Bool):
            values, chances = self.chances()
            return _in_smallest(np.array(values), chances, level, truth)
        lower, upper = self.interval(level)
        return _between(lower, truth, upper)


@dataclass(frozen=True)
class Normals:
    """A normal distribution for every number. mean, spread: `[..., *sizes]`, in base units."""

    space: Space
    middle: np.ndarray
    spread: np.ndarray
    sizes: int = 0

    def mean(self) -> np.ndarray:
        return self.middle

    def deviation(self) -> np.ndarray:
        return self.spread

    def quantile(self, share: float) -> np.ndarray:
        from statistics import NormalDist

        if not 0 < share < 1:
            return self.middle + np.where(self.spread > 0, np.inf * (1 if share else -1), 0.0)
        return self.middle + NormalDist().inv_cdf(share) * self.spread

    def interval(self, level: float) -> Interval:
        return self.quantile((1 - level) / 2), self.quantile((1 + level) / 2)

    def covers(self, level: float, truth: np.ndarray) -> np.ndarray:
        lower, upper = self.interval(level)
        return _between(lower, truth, upper)


@dataclass(frozen=True)
class Chances:
    """Finitely many values with their chances. values: numbers, or positions of labels. shares: `[values, ..., *sizes]`."""

    space: Space
    values: np.ndarray
    shares: np.ndarray
    sizes: int = 0

    def mean(self) -> np.ndarray:
        return np.tensordot(self.values.astype(float), self.shares, 1)

    def deviation(self) -> np.ndarray:
        square = np.tensordot(self.values.astype(float) ** 2, self.shares, 1)
        return np.sqrt(np.maximum(square - self.mean() ** 2, 0.0))

    def quantile(self, share: float) -> np.ndarray:
        order = np.argsort(self.values)
        sums = np.cumsum(self.shares[order], 0)
        first = np.minimum((sums < share - 1e-12).sum(0), len(order) - 1)
        return self.values[order].astype(float)[first]

    def interval(self, level: float) -> Interval:
        return self.quantile((1 - level) / 2), self.quantile((1 + level) / 2)

    def chances(self) -> tuple[tuple[Any, ...], np.ndarray]:
        return tuple(self.values.tolist()), self.shares

    def covers(self, level: float, truth: np.ndarray) -> np.ndarray:
        if isinstance(self.space, Enum | Bool):
            return _in_smallest(self.values, self.shares, level, truth)
        lower, upper = self.interval(level)
        return _between(lower, truth, upper)


Belief = Members | Normals | Chances


def _between(lower: np.ndarray, truth: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Ends belong to an interval, and computed numbers that are equal but for rounding are."""
    slack = 1e-9 * np.maximum(1.0, np.abs(truth))
    return (lower - slack <= truth) & (truth <= upper + slack)


def _in_smallest(values: np.ndarray, shares: np.ndarray, level: float, truth: np.ndarray) -> np.ndarray:
    """Whether the truth is in the smallest set of values whose chances reach the level; of equal ones, the first."""
    order = np.argsort(-shares, 0, kind="stable")
    sums = np.cumsum(np.take_along_axis(shares, order, 0), 0)
    before = np.concatenate([np.zeros_like(sums[:1]), sums[:-1]])
    taken = np.zeros(shares.shape, bool)
    np.put_along_axis(taken, order, before < level - 1e-12, 0)
    hit = values.reshape(-1, *([1] * (shares.ndim - 1))) == truth
    return (taken & hit).any(0)
