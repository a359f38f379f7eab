"""Spaces: the objects of the category, and the values that live in them.

A space is a set with copy and discard. Units of measurement are erased before a space is
built: magnitudes are in coherent base units. `Numbers` remembers how its author wrote them
(`shown`), for reports only: it takes no part in equality or hashing.

Values, in every exact computation:

==============  =====================================================
space           value
==============  =====================================================
`Enum`          `str`, one of the labels
`Bool`          `bool`
`Grid`          `fractions.Fraction`, one of the points
`Reals`         `fractions.Fraction` (or `float`, in a float reading)
`Record`        `tuple` of the field values, in field order
`Family`        `tuple` of the item values, row-major over the index
==============  =====================================================

Source: Fritz, A synthetic approach to Markov kernels (2020), for the category; the
representation is ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from math import prod

from opengames.plain import dataclass, field


@dataclass(frozen=True, slots=True)
class Shown:
    """How a number is printed: `value / scale` followed by `unit` (`Shown("MWh", Fraction(1))`)."""

    unit: str
    scale: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True)
class Enum:
    """A finite set of labels; two enumerations with different names are different spaces."""

    name: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bool:
    """The two truth values, `False` first."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Finitely many numbers, strictly increasing or in the author's order, without repeats."""

    points: tuple[Fraction, ...]
    shown: Shown | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Reals:
    """The real line, or the closed interval `[lower, upper]` where a bound is given; with `whole`, its whole numbers only."""

    lower: Fraction | None = None
    upper: Fraction | None = None
    shown: Shown | None = field(default=None, compare=False)
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A tensor product with named factors. `Record(())` is the monoidal unit."""

    fields: tuple[tuple[str, Space], ...]

    def position(self, name: str) -> int:
        """The place of field `name`; raises `KeyError` if there is none."""
        for i, (each, _) in enumerate(self.fields):
            if each == name:
                return i
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Family:
    """The tensor power `item[index...]`: one `item` for each point of the finite `index` spaces."""

    index: tuple[Space, ...]
    item: Space


Space = Enum | Bool | Grid | Reals | Record | Family

def family(index: tuple[Space, ...], item: Space) -> Family:
    """`item[index...]` with nested families flattened: `family((I,), Family((J,), X))` is `X[I, J]`."""
    if isinstance(item, Family):
        return Family(index + item.index, item.item)
    return Family(index, item)


#: Sizes at or above this are reported as this: large enough to be over every budget.
HUGE = 1 << 4096

BOOL = Bool()
REAL = Reals()
UNIT = Record(())
PROB = Reals(Fraction(0), Fraction(1))


def size(space: Space) -> int | None:
    """How many points the space has; `None` if infinitely many."""
    match space:
        case Enum(labels=labels):
            return len(labels)
        case Bool():
            return 2
        case Grid(points=points):
            return len(points)
        case Reals():
            return None
        case Record(fields=fields):
            sizes = [size(s) for _, s in fields]
            return None if None in sizes else min(HUGE, prod(n for n in sizes if n is not None))
        case Family(index=index, item=item):
            n, k = size(item), index_size(index)
            if n is None:
                return 1 if k == 0 else None
            return HUGE if n > 1 and k * n.bit_length() > 4096 else n**k
    raise TypeError(f"not a space: {space!r}")


def index_size(index: tuple[Space, ...]) -> int:
    """How many points a family's index has; raises `ValueError` if an index is not finite."""
    total = 1
    for space in index:
        n = size(space)
        if n is None:
            raise ValueError(f"a family is indexed by finite spaces, not by {space!r}")
        total *= n
    return total


def leaves(space: Space) -> int:
    """How many numbers, labels and truth values a value of the space holds."""
    match space:
        case Record(fields=fields):
            return sum(leaves(s) for _, s in fields)
        case Family(index=index, item=item):
            return index_size(index) * leaves(item)
    return 1


def is_finite(space: Space) -> bool:
    return size(space) is not None


def points(space: Space) -> Iterator[object]:
    """Every value of a finite space, in its own order (row-major for products)."""
    match space:
        case Enum(labels=labels):
            yield from labels
        case Bool():
            yield from (False, True)
        case Grid(points=values):
            yield from values
        case Record(fields=fields):
            yield from product(*(tuple(points(s)) for _, s in fields))
        case Family(index=index, item=item):
            yield from product(tuple(points(item)), repeat=index_size(index))
        case _:
            raise ValueError(f"{space!r} has infinitely many points")


def index_points(index: tuple[Space, ...]) -> Iterator[tuple[object, ...]]:
    """The keys of a family in storage order."""
    return product(*(tuple(points(s)) for s in index))


def is_whole(value: Fraction | float) -> bool:
    """Whether a number is a whole number; infinity is none."""
    return value.is_integer() if isinstance(value, float) else value.denominator == 1


def contains(space: Space, value: object) -> bool:
    """Whether `value` is a point of `space`. Floats are accepted as elements of `Reals` only."""
    match space:
        case Enum(labels=labels):
            return isinstance(value, str) and value in labels
        case Bool():
            return isinstance(value, bool)
        case Grid(points=values):
            return isinstance(value, (Fraction, int)) and not isinstance(value, bool) and value in values
        case Reals(lower=lower, upper=upper, whole=whole):
            if isinstance(value, bool) or not isinstance(value, (Fraction, int, float)) or value != value:
                return False
            if whole and not is_whole(value):
                return False
            return (lower is None or value >= lower) and (upper is None or value <= upper)
        case Record(fields=fields):
            return (
                isinstance(value, tuple)
                and len(value) == len(fields)
                and all(contains(s, v) for (_, s), v in zip(fields, value, strict=True))
            )
        case Family(index=index, item=item):
            return (
                isinstance(value, tuple)
                and len(value) == index_size(index)
                and all(contains(item, v) for v in value)
            )
    raise TypeError(f"not a space: {space!r}")
