"""Element types: what "add up" and "multiply" mean when tables are contracted.

A semiring has a zero (what cannot be) and a one (what changes nothing). `times` joins tables, `plus` sums a table over
axes. Zeros are exact: minus infinity in `LOG` and `MAX_PLUS`, infinity in `MIN_PLUS`; an infinity of the other sign
has no meaning there and is refused, so that no operation ever makes a nan.

    LOG       logarithms of masses: sums of exponentials, sums
    MIN_PLUS  amounts: the least over worlds of a sum; MAX_PLUS: the most
    MASS      nonnegative numbers, float64: sums of products
    EXACT     `Fraction`s or whole numbers of any size: sums of products; with tables of 0 and 1 it counts worlds

Source: Aji and McEliece, The generalized distributive law (2000).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Table = NDArray[Any]
Reduce = Callable[[Table, tuple[int, ...]], Table]


@dataclass(frozen=True, eq=False)
class Semiring:
    """plus: sums a table over axes. picks: for semirings that choose, the index of the best entry along the last axis."""

    name: str
    zero: Any
    one: Any
    times: Callable[[Table, Table], Table]
    plus: Reduce
    dtype: type
    picks: Callable[[Table], NDArray[np.intp]] | None = None

    def table(self, values: Any) -> Table:
        """An array of this element type. Raises `ValueError` for a nan or an infinity that is not the zero."""
        found: Table = np.asarray(values, dtype=self.dtype)
        if self.dtype is float and not np.isfinite(found).all():
            bad = ~(np.isfinite(found) | (found == self.zero))
            if bad.any():
                raise ValueError(f"a table of {self.name} has the entry {found[bad].flat[0]}")
        if self is MASS and found.size and found.min() < 0:
            raise ValueError("a table of masses has a negative entry")
        return found

    def mask(self, support: Any) -> Table:
        """One where the support is, zero elsewhere."""
        found: Table = np.empty(np.shape(support), self.dtype)
        found[...] = self.zero
        found[np.asarray(support, dtype=bool)] = self.one
        return found

    def product(self, tables: Sequence[Table]) -> Table:
        """All tables joined, broadcast against each other; the one if there are none."""
        total = np.asarray(self.one, dtype=self.dtype) if not tables else tables[0]
        for table in tables[1:]:
            total = self.times(total, table)
        return np.asarray(total, dtype=self.dtype)  # NumPy makes bare numbers of products of objects without axes


#: Up to this many entries one slow function is quicker than six quick ones.
_FEW = 256


def _log_sum_exp(table: Table, axes: tuple[int, ...]) -> Table:
    if table.size <= _FEW:
        if len(axes) > 1 and axes[0] == -len(axes):  # the last ones
            table, axes = table.reshape(*table.shape[: axes[0]], -1), (-1,)
        for axis in axes:  # counted from the end: what goes before does not move what comes after
            table = np.logaddexp.reduce(table, axis=axis)
        return np.asarray(table)
    top = table.max(axis=axes, keepdims=True)
    top = np.where(top == -np.inf, 0.0, top)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(table - top).sum(axis=axes)) + top.squeeze(axes))


def _sum(table: Table, axes: tuple[int, ...]) -> Table:
    return np.asarray(table.sum(axis=axes), dtype=table.dtype)


LOG = Semiring("logarithms", -np.inf, 0.0, np.add, _log_sum_exp, float)
MIN_PLUS = Semiring(
    "least sums", np.inf, 0.0, np.add, lambda t, axes: np.asarray(t.min(axis=axes)), float, lambda t: t.argmin(axis=-1)
)
MAX_PLUS = Semiring(
    "greatest sums", -np.inf, 0.0, np.add, lambda t, axes: np.asarray(t.max(axis=axes)), float, lambda t: t.argmax(axis=-1)
)
MASS = Semiring("masses", 0.0, 1.0, np.multiply, _sum, float)
EXACT = Semiring("exact numbers", 0, 1, np.multiply, _sum, object)

__all__ = ["EXACT", "LOG", "MASS", "MAX_PLUS", "MIN_PLUS", "Semiring"]
