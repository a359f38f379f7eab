r"""Localisation: how much of a covariance that an ensemble estimates is believed, by distance in the index.

With a few dozen members the covariance of two numbers that have nothing to do with each other is off by about one over the
root of the members, and thousands of such numbers drown what is there. Covariances are multiplied by the function of Gaspari
and Cohn, a fifth-order piecewise rational one that looks like a bell and is 0 from the distance `radius` on:
$$\rho(z) = 1 - \tfrac53 z^2 + \tfrac58 z^3 + \tfrac12 z^4 - \tfrac14 z^5 \ (z \le 1), \qquad
4 - 5 z + \tfrac53 z^2 + \tfrac58 z^3 - \tfrac12 z^4 + \tfrac1{12} z^5 - \tfrac2{3 z} \ (1 \le z \le 2)$$
with $z$ the distance over half the radius. As a correlation function it leaves covariances positive semidefinite; on a ring
shorter than twice the radius, where it is none, its negative eigenvalues are set to 0.

The distance of two numbers is counted in steps of the indices that both have, several being the legs of a right triangle;
numbers without a common index are not told apart. On a `ring` the ends of an index are neighbours.

Source: Gaspari, Cohn, Construction of correlation functions in two and three dimensions (1999), equation 4.10; Houtekamer,
Mitchell, A sequential ensemble Kalman filter for atmospheric data assimilation (2001), for its use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from opengames.solvers.recognition.dense import Leaf


@dataclass(frozen=True)
class Taper:
    """radius: the distance from which nothing is believed, above 0. ring: whether the ends of an index are neighbours."""

    radius: float
    ring: bool = False

    def between(self, rows: Sequence[Leaf], columns: Sequence[Leaf]) -> np.ndarray:
        """Factors for the covariances of the numbers in some leaves with those in others: `[numbers, numbers]`."""
        blocks = [[self._block(a, b) for b in columns] for a in rows]
        return np.block(blocks) if rows and columns else np.zeros((_count(rows), _count(columns)))

    def within(self, leaves: Sequence[Leaf]) -> np.ndarray:
        """Factors for the covariances of some numbers with each other, positive semidefinite."""
        found = self.between(leaves, leaves)
        values, vectors = np.linalg.eigh(found) if len(found) else (np.zeros(0), found)
        if len(found) == 0 or values[0] > -1e-9:
            return found
        clipped = (vectors * np.maximum(values, 0.0)) @ vectors.T
        root = np.sqrt(np.diag(clipped))
        return np.asarray(clipped / root / root[:, None])

    def _block(self, a: Leaf, b: Leaf) -> np.ndarray:
        square = np.zeros((_count([a]), _count([b])))
        for i, j in common(a, b):
            apart = np.abs(_places(a)[i][:, None] - _places(b)[j])
            if self.ring:
                apart = np.minimum(apart, a.sizes[i] - apart)
            square += apart**2
        return gaspari_cohn(2 * np.sqrt(square) / self.radius)


def common(a: Leaf, b: Leaf) -> list[tuple[int, int]]:
    """The places of the indices that two leaves share: the first of a kind with the first, and so on."""
    found: list[tuple[int, int]] = []
    for i, space in enumerate(a.index):
        free = [j for j, other in enumerate(b.index) if other == space and j not in {k for _, k in found}]
        if free:
            found.append((i, free[0]))
    return found


def gaspari_cohn(z: np.ndarray) -> np.ndarray:
    """The function of the module, of distances over half the radius.

    >>> gaspari_cohn(np.array([0.0, 1.0, 2.0, 3.0])).round(4).tolist()
    [1.0, 0.2083, 0.0, 0.0]
    """
    near = 1 - 5 / 3 * z**2 + 5 / 8 * z**3 + z**4 / 2 - z**5 / 4
    far = np.maximum(z, 1)
    rest = 4 - 5 * far + 5 / 3 * far**2 + 5 / 8 * far**3 - far**4 / 2 + far**5 / 12 - 2 / (3 * far)
    return np.where(z <= 1, near, np.where(z < 2, np.maximum(rest, 0.0), 0.0))


def _places(leaf: Leaf) -> np.ndarray:
    """Where each number of a leaf stands: `[indices, numbers]`."""
    return np.indices(leaf.sizes).reshape(len(leaf.sizes), -1)


def _count(group: Sequence[Leaf]) -> int:
    return sum(int(np.prod(leaf.sizes, dtype=int)) for leaf in group)


__all__ = ["Taper", "common", "gaspari_cohn"]
