"""Static types: what the checker knows about a wire before units are erased.

A type is a set. `Num` covers every set of numbers: the real line, intervals, grids, each with a
dimension. `WRONG` is the type of what has already been reported; it fits everywhere, so that one
mistake is reported once.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise
from typing import Any

from opengames import spaces
from opengames.dsl.units import NONE, Dimension, Unit
from opengames.plain import dataclass, field
from opengames.spaces import Shown, Space


@dataclass(frozen=True, slots=True)
class Enum:
    name: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bool:
    pass


@dataclass(frozen=True, slots=True)
class Num:
    """Numbers of one dimension, in base magnitudes.

    points: the members, for a finite set. lower, upper: bounds known (for a set: its least and greatest).
    integral: whole numbers only (`nat`). unit: how the author wrote it. alias: the declared type's name.
    """

    dimension: Dimension = NONE
    lower: Fraction | None = None
    upper: Fraction | None = None
    points: tuple[Fraction, ...] | None = None
    integral: bool = False
    unit: Unit | None = field(default=None, compare=False)
    alias: str = field(default="", compare=False)

    @property
    def plain(self) -> Num:
        """The whole line with this dimension."""
        return Num(self.dimension, unit=self.unit)


@dataclass(frozen=True, slots=True)
class Record:
    fields: tuple[tuple[str, Type], ...]
    alias: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Family:
    index: tuple[Type, ...]
    item: Type


@dataclass(frozen=True, slots=True)
class Player:
    """The type `player`, of statics only."""


@dataclass(frozen=True, slots=True)
class Wrong:
    pass


Type = Enum | Bool | Num | Record | Family | Player | Wrong

BOOL = Bool()
REAL = Num()
PROB = Num(lower=Fraction(0), upper=Fraction(1), alias="prob")
NAT = Num(lower=Fraction(0), integral=True, alias="nat")
WRONG = Wrong()
UNIT = Record(())


def family(index: tuple[Type, ...], item: Type) -> Type:
    """`item[index]`, flattened as `spaces.family` does."""
    if isinstance(item, Wrong) or not index:
        return item
    if isinstance(item, Family):
        return Family(index + item.index, item.item)
    return Family(index, item)


def grid(points: Iterable[Fraction], like: Num) -> Num:
    """The finite set of `points` with the dimension and unit of `like`."""
    values = tuple(dict.fromkeys(points))
    return Num(like.dimension, min(values), max(values), values, unit=like.unit)


def space(t: Type) -> Space:
    """The type with its units erased."""
    match t:
        case Enum(name=name, labels=labels):
            return spaces.Enum(name, labels)
        case Bool() | Wrong():
            return spaces.BOOL
        case Num(points=None, lower=lower, upper=upper, integral=integral, unit=unit):
            return spaces.Reals(lower, upper, _shown(unit), integral)
        case Num(points=points, unit=unit):
            return spaces.Grid(points or (), _shown(unit))
        case Record(fields=fields):
            return spaces.Record(tuple((name, space(each)) for name, each in fields))
        case Family(index=index, item=item):
            return spaces.Family(tuple(space(i) for i in index), space(item))
    raise TypeError(f"{t!r} has no space")


def _shown(unit: Unit | None) -> Shown | None:
    return unit.shown() if unit is not None and unit.symbol else None


def describe(t: Type) -> str:
    """The type in the author's words."""
    match t:
        case Enum(name=name):
            return f"`{name}`"
        case Bool():
            return "`bool`"
        case Num(alias=alias) if alias:
            return f"`{alias}`"
        case Num(points=points, unit=unit) if points is not None:
            return _set_words(points, unit)
        case Num(lower=lower, upper=upper, unit=unit) if lower is not None and lower == upper:
            return f"`{number(lower, unit)}`"
        case Num(lower=lower, upper=upper, unit=unit) if lower is not None and upper is not None:
            return f"`[{number(lower, unit)}, {number(upper, unit)}]`"
        case Num(unit=unit):
            return f"`real {unit.symbol}`" if unit is not None and unit.symbol else "`real`"
        case Record(alias=alias, fields=fields):
            return f"`{alias}`" if alias else "(" + ", ".join(f"{n}: {describe(x).strip('`')}" for n, x in fields) + ")"
        case Family(index=index, item=item):
            return f"{describe(item)} for each {' and '.join(describe(i) for i in index)}"
        case Player():
            return "`player`"
    return "something already reported"


def _set_words(points: tuple[Fraction, ...], unit: Unit | None) -> str:
    """`3 $`, `1..24`, `0..4 step 0.5 $` or `{1, 2, 5}`, and a count where that would be long."""
    last = number(points[-1], unit)
    if len(points) == 1:
        return f"`{last}`"
    bare = Unit("", NONE, unit.scale) if unit is not None else None
    steps = {b - a for a, b in pairwise(points)}
    if len(points) > 2 and len(steps) == 1 and (step := steps.pop()) > 0:
        first = number(points[0], bare)
        natural = step == (unit.scale if unit is not None else 1)
        return f"`{first}..{last}`" if natural else f"`{first}..{number(points[-1], bare)} step {number(step, unit)}`"
    if len(points) > 6:
        return f"a set of {len(points)} numbers{_in(unit)}"
    return "`{" + ", ".join([*(number(p, bare) for p in points[:-1]), last]) + "}`"


def unit_words(t: Num) -> str:
    """`MWh`, or `a bare number`."""
    if not t.dimension:
        return "a bare number"
    return t.unit.symbol if t.unit is not None and t.unit.symbol else "*".join(f"{b}^{e}" for b, e in t.dimension)


def _in(unit: Unit | None) -> str:
    return f" in {unit.symbol}" if unit is not None and unit.symbol else ""


def number(value: Fraction, unit: Unit | None = None) -> str:
    """A magnitude as an author writes it: `0.5 MWh`, `95%`, `1/3`."""
    scaled = value / unit.scale if unit is not None else value
    text = decimal(scaled)
    if unit is None or not unit.symbol:
        return text
    return f"{text}%" if unit.symbol == "%" else f"{text} {unit.symbol}"


def decimal(value: Fraction) -> str:
    """`value` as a decimal if that is exact in six places, else as a fraction."""
    if value.denominator == 1:
        return str(value.numerator)
    if (value * 10**6).denominator == 1:
        return f"{value.numerator / value.denominator:.6f}".rstrip("0")
    return f"{value.numerator}/{value.denominator}"


def is_wrong(*types: Type) -> bool:
    return any(isinstance(t, Wrong) for t in types)


def join(a: Type, b: Type) -> Type | None:
    """The smallest type here that holds both; `None` if they have nothing in common."""
    if isinstance(a, Wrong):
        return b
    if isinstance(b, Wrong):
        return a
    if a == b:
        return a
    match a, b:
        case Num(), Num():
            return join_numbers(a, b)
        case Record(fields=fa), Record(fields=fb) if [n for n, _ in fa] == [n for n, _ in fb]:
            both = [(n, join(x, y)) for (n, x), (_, y) in zip(fa, fb, strict=True)]
            found = tuple((n, t) for n, t in both if t is not None)
            return Record(found) if len(found) == len(both) else None
        case Family(index=ia, item=xa), Family(index=ib, item=xb) if ia == ib:
            item = join(xa, xb)
            return None if item is None else Family(ia, item)
    return None


def join_points(kinds: list[Type]) -> Num | None:
    """The join of many finite sets of numbers of one dimension, in one go; `None` for any others."""
    sets = [k for k in kinds if isinstance(k, Num) and k.points is not None]
    if len(sets) != len(kinds) or any(k.dimension != sets[0].dimension for k in sets):
        return None
    points = tuple(sorted({p for k in sets for p in k.points or ()}))
    unit = next((k.unit for k in sets if k.unit is not None), None)
    whole = all(k.integral for k in sets)
    return Num(sets[0].dimension, points[0], points[-1], points, whole, unit)


def join_numbers(a: Num, b: Num) -> Num | None:
    if a.dimension != b.dimension:
        return None
    unit = a.unit if a.unit is not None else b.unit
    lower = None if a.lower is None or b.lower is None else min(a.lower, b.lower)
    upper = None if a.upper is None or b.upper is None else max(a.upper, b.upper)
    points = None
    if a.points is not None and b.points is not None:
        points = tuple(sorted({*a.points, *b.points}))
    return Num(a.dimension, lower, upper, points, a.integral and b.integral, unit)


@dataclass(frozen=True, slots=True)
class Fit:
    """How a value of one type goes where another is wanted.

    ok: it can. checked: its value has to be looked at (a narrowing). reason: why it cannot.
    """

    ok: bool
    checked: bool = False
    reason: str = ""


def fit(value: Type, wanted: Type) -> Fit:
    """Whether a value of type `value` may stand where `wanted` is declared."""
    if is_wrong(value, wanted) or value == wanted:
        return Fit(True)
    match value, wanted:
        case Num(), Num():
            return _fit_number(value, wanted)
        case Record(fields=fa), Record(fields=fb):
            if [n for n, _ in fa] != [n for n, _ in fb]:
                return Fit(False, reason="fields")
            return _all(fit(x, y) for (_, x), (_, y) in zip(fa, fb, strict=True))
        case Family(index=ia, item=xa), Family(index=ib, item=xb):
            return fit(xa, xb) if ia == ib else Fit(False, reason="index")
    return Fit(False, reason="type")


def _all(fits: Iterable[Fit]) -> Fit:
    found = list(fits)
    for each in found:
        if not each.ok:
            return each
    return Fit(True, any(each.checked for each in found))


def _fit_number(value: Num, wanted: Num) -> Fit:
    if value.dimension != wanted.dimension:
        return Fit(False, reason="unit")
    if wanted.points is not None:
        inside = value.points is not None and set(value.points) <= set(wanted.points)
        return Fit(True, not inside)
    low = wanted.lower is None or (value.lower is not None and value.lower >= wanted.lower)
    high = wanted.upper is None or (value.upper is not None and value.upper <= wanted.upper)
    known = value.points is not None and all(p.denominator == 1 for p in value.points)
    whole = not wanted.integral or value.integral or known
    return Fit(True, not (low and high and whole))


def narrowed(value: Type, wanted: Type) -> Type:
    """The type of a wire declared as `wanted` whose value is known to lie in the finite set `value`."""
    match value, wanted:
        case Num(points=points), Num() if points is not None and len(points) > 1 and fit(value, wanted) == Fit(True):
            return Num(value.dimension, value.lower, value.upper, points, value.integral, wanted.unit, wanted.alias)
        case Family(index=index, item=item), Family(item=each) if index == wanted.index:
            return Family(index, narrowed(item, each))
    return wanted


def members(t: Type) -> list[Any] | None:
    """The values of a finite type, as constants; `None` if it is not finite."""
    erased = space(t)
    return list(spaces.points(erased)) if spaces.is_finite(erased) else None
