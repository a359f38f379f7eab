"""Many affine (or quadratic) expressions side by side: what a term is worth as a function of data and of what is decided.

An `Affine` holds `items` expressions. Each is a constant plus a sum of `value * atom * x_i * x_j`, where an atom is a number that
is known only when the program is solved (a datum), and `x` are the decided numbers; atom 0, and number 0 among the `x`, stand
for 1. The three are packed into one integer, a *monomial*, with the larger of `i` and `j` first; 0 is the constant.

Coefficients are float64, or `Fraction` in object arrays: every operation here does both, and the same text gives the program
of an engine and the exact one. A monomial may occur several times in one item until `merged` adds them up.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

_BITS = 21
_MASK = (1 << _BITS) - 1
#: Most data, and most decided numbers, that a monomial has room for.
MOST = _MASK


@dataclass(frozen=True)
class Affine:
    """constant: (items,). starts: (items + 1,), where each item's monomials begin. monomial, value: (entries,)."""

    constant: np.ndarray
    starts: np.ndarray
    monomial: np.ndarray
    value: np.ndarray

    @property
    def items(self) -> int:
        return len(self.constant)

    @property
    def is_constant(self) -> bool:
        return not len(self.monomial)

    @property
    def counts(self) -> np.ndarray:
        return self.starts[1:] - self.starts[:-1]

    @property
    def item(self) -> np.ndarray:
        """Which item each entry belongs to."""
        return np.arange(self.items).repeat(self.counts)


def zeros(items: int, dtype: Any) -> np.ndarray:
    """Zeros of the kind of number that is computed with."""
    return np.zeros(items) if dtype is float else np.full(items, Fraction(0), object)


def constant_of(value: int, items: int, dtype: Any) -> np.ndarray:
    """The same whole number in each item."""
    return np.full(items, float(value)) if dtype is float else np.full(items, Fraction(value), object)


def constant(values: np.ndarray) -> Affine:
    """Numbers that do not move."""
    return Affine(values, np.zeros(len(values) + 1, np.int64), np.zeros(0, np.int64), values[:0])


def single(monomials: np.ndarray, dtype: Any) -> Affine:
    """One monomial in each item, with coefficient 1."""
    count = len(monomials)
    ones = np.ones(count) if dtype is float else np.full(count, Fraction(1), object)
    return Affine(zeros(count, dtype), np.arange(count + 1), monomials, ones)


def decided(numbers: np.ndarray, dtype: Any) -> Affine:
    """The decided numbers themselves; they count from 1."""
    return single(np.asarray(numbers, np.int64) << _BITS, dtype)


def data(atoms: np.ndarray, dtype: Any) -> Affine:
    """The data themselves; atoms count from 1."""
    return single(np.asarray(atoms, np.int64) << (2 * _BITS), dtype)


def atoms_of(monomial: np.ndarray) -> np.ndarray:
    return monomial >> (2 * _BITS)


def first_of(monomial: np.ndarray) -> np.ndarray:
    """The number of the decided factor, the larger one of two; 0 for none."""
    return (monomial >> _BITS) & _MASK


def second_of(monomial: np.ndarray) -> np.ndarray:
    return monomial & _MASK


def without_atom(monomial: np.ndarray) -> np.ndarray:
    """The decided factors alone."""
    return monomial & ((1 << (2 * _BITS)) - 1)


def packed(atom: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (atom << (2 * _BITS)) | (np.maximum(first, second) << _BITS) | np.minimum(first, second)


def gather(a: Affine, index: np.ndarray) -> Affine:
    """The items at `index`, in that order."""
    picked = a.constant[index]
    if a.is_constant:
        return constant(picked)
    begins = a.starts[index]
    counts = a.starts[index + 1] - begins
    starts = _running(counts)
    entry = (begins - starts[:-1]).repeat(counts) + np.arange(starts[-1])
    return Affine(picked, starts, a.monomial[entry], a.value[entry])


def _running(counts: np.ndarray) -> np.ndarray:
    """Where each of consecutive groups begins, and where the last ends."""
    starts = np.zeros(len(counts) + 1, np.int64)
    counts.cumsum(out=starts[1:])
    return starts


def plus(a: Affine, b: Affine) -> Affine:
    total = a.constant + b.constant
    if b.is_constant:
        return Affine(total, a.starts, a.monomial, a.value)
    if a.is_constant:
        return Affine(total, b.starts, b.monomial, b.value)
    starts = a.starts + b.starts
    monomial = np.empty(starts[-1], np.int64)
    value = np.empty(starts[-1], a.value.dtype)
    for each, before in ((a, 0), (b, a.counts)):
        place = (starts[:-1] + before - each.starts[:-1]).repeat(each.counts) + np.arange(len(each.monomial))
        monomial[place], value[place] = each.monomial, each.value
    return Affine(total, starts, monomial, value)


def scaled(a: Affine, by: np.ndarray) -> Affine:
    """Every item times its own number."""
    return Affine(a.constant * by, a.starts, a.monomial, a.value if a.is_constant else a.value * by.repeat(a.counts))


def negative(a: Affine) -> Affine:
    return Affine(-a.constant, a.starts, a.monomial, -a.value)


def minus(a: Affine, b: Affine) -> Affine:
    return plus(a, negative(b))


def summed(a: Affine, begins: np.ndarray) -> Affine:
    """Sums of consecutive items: the `k`-th is over the items from `begins[k]` up to `begins[k + 1]`."""
    if a.constant.dtype != object:
        total = _segments(a.constant, begins)
    else:
        before = np.concatenate((zeros(1, object), np.cumsum(a.constant)))
        total = before[begins[1:]] - before[begins[:-1]]
    return Affine(total, a.starts[begins], a.monomial, a.value)


def _segments(values: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """Sums of consecutive numbers, without the cancellation of a running total."""
    count = len(begins) - 1
    out = np.zeros(count)
    filled = np.flatnonzero(begins[:-1] < begins[1:])
    if len(filled):
        out[filled] = np.add.reduceat(values, begins[:-1][filled])
    return out


def merged(a: Affine) -> Affine:
    """Each monomial once in an item, and none with coefficient 0; sorted."""
    if a.is_constant:
        return a
    if (a.counts <= 1).all() and (a.value != 0).all():
        return a
    item = a.item
    order = np.lexsort((a.monomial, item))
    item, monomial, value = item[order], a.monomial[order], a.value[order]
    new = np.ones(len(item), bool)
    new[1:] = (item[1:] != item[:-1]) | (monomial[1:] != monomial[:-1])
    begin = np.flatnonzero(new)
    value = np.add.reduceat(value, begin)
    kept = (value != 0).astype(bool)
    item, monomial, value = item[begin][kept], monomial[begin][kept], value[kept]
    starts = _running(np.bincount(item, minlength=a.items))
    return Affine(a.constant, starts, monomial, value)


def stacked(parts: list[Affine]) -> Affine:
    """The items of all parts, one after the other."""
    offsets = np.cumsum([0] + [len(p.monomial) for p in parts])
    starts = [p.starts[:-1] + o for p, o in zip(parts, offsets, strict=False)]
    return Affine(
        np.concatenate([p.constant for p in parts]),
        np.concatenate([*starts, offsets[-1:]]),
        np.concatenate([p.monomial for p in parts]),
        np.concatenate([p.value for p in parts]),
    )


def pairs(a: Affine, b: Affine) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every pair of an entry of `a` and an entry of `b` in the same item: (item, entry of a, entry of b)."""
    counts = a.counts * b.counts
    item = np.repeat(np.arange(a.items), counts)
    begin = _running(counts)
    within = np.arange(begin[-1]) - begin[item]
    width = b.counts[item]
    return item, a.starts[item] + within // np.maximum(width, 1), b.starts[item] + within % np.maximum(width, 1)


def of_entries(items: int, item: np.ndarray, monomial: np.ndarray, value: np.ndarray, dtype: Any) -> Affine:
    """From entries in any order."""
    order = np.argsort(item, kind="stable")
    starts = _running(np.bincount(item, minlength=items))
    return Affine(zeros(items, dtype), starts, monomial[order], value[order])


__all__ = [
    "MOST", "Affine", "atoms_of", "constant", "constant_of", "data", "decided", "first_of", "gather", "merged", "minus", "negative",
    "of_entries", "packed", "pairs", "plus", "scaled", "second_of", "single", "stacked", "summed", "without_atom", "zeros",
]  # fmt: skip
