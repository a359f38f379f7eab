"""What shadow prices can tell apart: which shift factors are identified alone, and which only in combination.

A shift factor of constraint c is a number that the prices determine only if no combination of other constraints moves like c:
its unit vector must lie in the row space of the shadow prices. Where constraints always bind together in one proportion, only
sums of their factors are determined; `Span.combinations` lists them, one row for each dimension of the row space.

Shadow prices rounded to a grid make exact multiples look independent, at the size of the rounding. Columns are therefore
measured in units of their own rounding noise, and a direction counts only if its singular value exceeds `NOISE` of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

#: Singular values, in units of rounding noise, that a direction must exceed to count as seen.
NOISE = 4.0
#: How far rounding may tilt an unseen direction into a column that still counts as identified.
LEAK = 0.05
#: What a singular value must exceed relative to the largest one, where the data show no rounding.
EXACT = 1e-10


@dataclass(frozen=True)
class Span:
    """columns: K. singular: of the columns scaled to length one, (K,), largest first. rank: directions seen.
    inverse: pseudo-inverse of X'X on the seen directions (K, K). unseen: orthonormal rows that X cannot see (K - rank, K),
    in the scale of `scale`, (K,). identified: whether each column is determined by itself, (K,). alone: the share of each column's
    length that no other column explains, (K,): 1 where it moves by itself, 0 where others move just like it."""

    singular: np.ndarray
    rank: int
    inverse: np.ndarray
    unseen: np.ndarray
    scale: np.ndarray
    identified: np.ndarray
    alone: np.ndarray

    @property
    def condition(self) -> float:
        """Largest over smallest seen singular value of the scaled columns; 1 is best."""
        return float(self.singular[0] / self.singular[self.rank - 1]) if self.rank else float("inf")

    def outside(self, x: np.ndarray) -> np.ndarray:
        """How much of each row of x (n, K) lies in directions never seen, as a share of its length: 0 inside, 1 outside."""
        scaled = x / self.scale
        length = np.linalg.norm(scaled, axis=1)
        return np.linalg.norm(scaled @ self.unseen.T, axis=1) / np.where(length > 0, length, 1.0)

    def combinations(self) -> np.ndarray:
        """A readable basis of what is determined: rows (rank, K) in reduced echelon form, so that an identified column has a row
        of its own with a single 1. Each row times the factors is determined."""
        columns = len(self.scale)
        mixed = np.flatnonzero(~self.identified)
        rows = np.eye(columns)[self.identified]
        if not len(mixed):
            return rows
        # What is determined is orthogonal, in the factors' own scale, to what is not seen; rounding tilts that a little into
        # columns that are identified all the same, which are left aside.
        both = np.zeros((0, columns))
        determined = _echelon(_complement(self.unseen[:, mixed] / self.scale[mixed]))
        if len(determined):
            both = np.zeros((len(determined), columns))
            both[:, mixed] = determined
        return np.vstack([rows, both])


def span_of(x: np.ndarray, grid: float = 0.0) -> Span:
    """The span of shadow prices x (T, K) in $/MW rounded to `grid` $."""
    columns = x.shape[1]
    norm = np.linalg.norm(x, axis=0)
    noise = grid / sqrt(12) * np.sqrt((x != 0).sum(axis=0))
    unit = norm.copy() if not grid else noise
    unit = np.where(norm > 0, unit, 1.0)
    _, s, vt = np.linalg.svd(x / unit, full_matrices=True)
    s = np.concatenate([s, np.zeros(columns - len(s))]) if len(s) < columns else s[:columns]
    cut = NOISE if grid else EXACT * max(1.0, s[0] if len(s) else 1.0)
    rank = int((s > cut).sum())
    seen = vt[:rank]
    inverse = (seen.T / s[:rank] ** 2) @ seen / np.outer(unit, unit)
    unseen = vt[rank:]
    # A unit vector is in the row space where what is unseen has no part in it; rounding tilts what is unseen a little.
    identified = (norm > 0) & (np.linalg.norm(unseen, axis=0) < (LEAK if grid else 1e-6))
    length = np.where(norm > 0, norm, 1.0)
    diagonal = np.diag(inverse) * length**2
    alone = np.where(identified & (diagonal > 0), 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0)), 0.0)
    plain = np.linalg.svd(x / length, compute_uv=False)
    plain = np.concatenate([plain, np.zeros(columns)])[:columns]
    return Span(plain, rank, inverse, unseen, unit, np.asarray(identified), np.minimum(alone, 1.0))


def _complement(rows: np.ndarray) -> np.ndarray:
    """Orthonormal rows that complete `rows`."""
    _, s, vt = np.linalg.svd(rows, full_matrices=True)
    return vt[int((s > 1e-12 * s[0]).sum()) :]


def _echelon(rows: np.ndarray) -> np.ndarray:
    """Reduced row echelon form by Gauss and Jordan, the largest pivot of a column each time."""
    a = rows.copy()
    top = 0
    for j in range(a.shape[1]):
        if top == len(a):
            break
        pivot = top + int(np.argmax(np.abs(a[top:, j])))
        if abs(a[pivot, j]) < 1e-9:
            continue
        a[[top, pivot]] = a[[pivot, top]]
        a[top] /= a[top, j]
        others = np.arange(len(a)) != top
        a[others] -= np.outer(a[others, j], a[top])
        top += 1
    a[np.abs(a) < 1e-9] = 0.0
    return a


__all__ = ["EXACT", "LEAK", "NOISE", "Span", "span_of"]
