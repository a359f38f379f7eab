"""Values that need not be known: what a term becomes when some of its variables are left open.

A value is one of `spaces` (exact: `Fraction`, `bool`, a label, a tuple of values) or, where it depends on something open,

* `Num`: a real number as a z3 expression, with an interval that contains it;
* a z3 truth value;
* `Label`: one of several labels, by a whole number that stands for it.

Records and families stay tuples, so only their leaves are open. What is known is computed at once, in rationals; z3 sees
the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import ceil, floor
from typing import Any

import z3

from opengames.cases import Undecided
from opengames.proved.intervals import ALL, Interval, point
from opengames.spaces import Bool, Enum, Family, Grid, Reals, Record, Space, index_size, is_whole, leaves

Value = Any
Truth = Any  # bool or z3.BoolRef

LEAVES = 50_000
"""Leaves of a value that is left open."""
_LISTED = 12  # points of a grid that are told one by one


@dataclass(frozen=True, slots=True, eq=False)
class Num:
    """A number that depends on something open.

    weights: where it is a sum of exponentials with constant weights, those weights by the exponentials' names (`""`: of 1);
    of shares in one sum of exponentials, likewise, with that sum as `whole`.
    """

    expr: Any
    interval: Interval = ALL
    weights: dict[str, Fraction] | None = field(default=None, repr=False)
    whole: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Label:
    """One of `options`; `code` is the number of its label (see `Labels`)."""

    code: Any
    options: tuple[str, ...]


class Labels:
    """The whole numbers that stand for labels, the same wherever a label occurs."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []

    def number(self, label: str) -> int:
        if label not in self._numbers:
            self._numbers[label] = len(self._names)
            self._names.append(label)
        return self._numbers[label]

    def name(self, number: int) -> str:
        return self._names[number]

    # ------------------------------------------------------------------ laws of values

    def same(self, a: Value, b: Value) -> Truth:
        """Whether two values are equal."""
        if isinstance(a, tuple) and isinstance(b, tuple):
            if len(a) != len(b):
                return False
            return conj(self.same(x, y) for x, y in zip(a, b, strict=True))
        if isinstance(a, Label) or isinstance(b, Label):
            return self._same_label(a, b)
        if isinstance(a, str) or isinstance(b, str):
            return bool(a == b)
        if is_truth(a) and is_truth(b):
            return iff(a, b)
        return equal(a, b)

    def _same_label(self, a: Value, b: Value) -> Truth:
        if not set(self.options(a)) & set(self.options(b)):
            return False
        return self._code(a) == self._code(b)

    def options(self, value: Value) -> tuple[str, ...]:
        return value.options if isinstance(value, Label) else (value,)

    def _code(self, value: Value) -> Any:
        return value.code if isinstance(value, Label) else z3.IntVal(self.number(value))

    def choose(self, test: Truth, then: Value, other: Value) -> Value:
        """`then` where `test` holds, else `other`."""
        if isinstance(test, bool):
            return then if test else other
        if then is other:
            return then
        if isinstance(then, tuple) and isinstance(other, tuple) and len(then) == len(other):
            return tuple([self.choose(test, x, y) for x, y in zip(then, other, strict=True)])
        if isinstance(then, str | Label) and isinstance(other, str | Label):
            if isinstance(then, str) and then == other:
                return then
            options = tuple(dict.fromkeys(self.options(then) + self.options(other)))
            return Label(z3.If(test, self._code(then), self._code(other)), options)
        if is_truth(then) and is_truth(other):
            if isinstance(then, bool) and isinstance(other, bool):
                return then if then == other else (test if then else negation(test))
            return z3.If(test, truth(then), truth(other))
        if then == other:
            return then
        a, b = expr(then), expr(other)
        if a.eq(b):
            return then
        return Num(z3.If(test, a, b), interval(then).hull(interval(other)))

    def member(self, value: Value, space: Space) -> Truth:
        """Whether the value lies in the space."""
        match space:
            case Enum(labels=labels):
                out = [o for o in self.options(value) if o not in labels]
                return conj(negation(self.same(value, o)) for o in out)
            case Bool():
                return True
            case Grid(points=points):
                return _on_grid(value, points)
            case Reals(lower=lower, upper=upper, whole=whole):
                return conj([_between(value, lower, upper), _is_whole(value) if whole else True])
            case Record(fields=fields):
                return conj(self.member(v, s) for (_, s), v in zip(fields, value, strict=True))
            case Family(item=item):
                return conj(self.member(v, item) for v in value)
        raise TypeError(f"not a space: {space!r}")

    def opened(self, space: Space, name: str, facts: list[Any]) -> Value:
        """A value of the space that nothing else is known of; what makes it one is added to `facts`.

        Raises `Undecided` where it has too many leaves, `ValueError` for a space without points.
        """
        if leaves(space) > LEAVES:
            raise Undecided(f"`{name.split('!')[0]}` has {leaves(space):,} parts, and {LEAVES:,} is the most that is left open")
        return self._opened(space, name, facts)

    def _opened(self, space: Space, name: str, facts: list[Any]) -> Value:
        match space:
            case Enum(labels=()) | Grid(points=()):
                raise ValueError("a space without points")
            case Enum(labels=(only,)):
                return only
            case Enum(labels=labels):
                code = z3.Int(name)
                facts.append(z3.Or([code == self.number(label) for label in labels]))
                return Label(code, labels)
            case Bool():
                return z3.Bool(name)
            case Grid(points=points):
                return _grid(points, name, facts)
            case Reals(whole=True):
                return _opened_whole(space, name, facts)
            case Reals(lower=lower, upper=upper):
                if lower is not None and upper is not None and lower >= upper:
                    if lower > upper:
                        raise ValueError("a space without points")
                    return lower
                x = z3.Real(name)
                facts += [x >= number(lower)] if lower is not None else []
                facts += [x <= number(upper)] if upper is not None else []
                return Num(x, Interval(lower, upper))
            case Record(fields=fields):
                return tuple([self._opened(s, f"{name}.{field_}", facts) for field_, s in fields])
            case Family(index=index, item=item):
                return tuple([self._opened(item, f"{name}.{i}", facts) for i in range(index_size(index))])
        raise TypeError(f"not a space: {space!r}")


def constants(value: Value) -> list[Any]:
    """The z3 constants that a fresh value is made of."""
    if isinstance(value, tuple):
        return [c for each in value for c in constants(each)]
    if isinstance(value, Num | Label):
        return uninterpreted(value.expr if isinstance(value, Num) else value.code)
    return [value] if isinstance(value, z3.BoolRef) else []


def uninterpreted(term: Any) -> list[Any]:
    """The constants in a z3 term that have no meaning of their own."""
    if z3.is_const(term):
        return [term] if term.decl().kind() == z3.Z3_OP_UNINTERPRETED else []
    return [c for each in term.children() for c in uninterpreted(each)]


# --------------------------------------------------------------------------- numbers


@lru_cache(maxsize=4096)
def number(value: Fraction | int) -> Any:
    """A rational as a z3 constant."""
    return z3.RealVal(str(value))


def expr(value: Value) -> Any:
    """A number as a z3 expression."""
    return value.expr if isinstance(value, Num) else number(value)


def interval(value: Value) -> Interval:
    """An interval that contains the number."""
    return value.interval if isinstance(value, Num) else point(Fraction(value))


def equal(a: Value, b: Value) -> Truth:
    """Whether two numbers are equal."""
    if not isinstance(a, Num) and not isinstance(b, Num):
        return bool(a == b)
    apart = interval(a) - interval(b)
    if apart.is_positive or (-apart).is_positive:
        return False
    x, y = expr(a), expr(b)
    return True if x.eq(y) else x == y


def less(a: Value, b: Value) -> Truth:
    """Whether a < b."""
    if not isinstance(a, Num) and not isinstance(b, Num):
        return bool(a < b)
    apart = interval(b) - interval(a)
    if apart.is_positive:
        return True
    x, y = expr(a), expr(b)
    return False if (-apart).is_nonnegative or x.eq(y) else x < y


def at_most(a: Value, b: Value) -> Truth:
    """Whether a <= b."""
    more = less(b, a)
    return not more if isinstance(more, bool) else expr(a) <= expr(b)


def _between(value: Value, lower: Fraction | None, upper: Fraction | None) -> Truth:
    if not isinstance(value, Num):
        return (lower is None or value >= lower) and (upper is None or value <= upper)
    parts = [] if lower is None else [at_most(lower, value)]
    return conj(parts + ([] if upper is None else [at_most(value, upper)]))


def _is_whole(value: Value) -> Truth:
    return z3.IsInt(value.expr) if isinstance(value, Num) else is_whole(value)


def _opened_whole(space: Reals, name: str, facts: list[Any]) -> Value:
    lower = None if space.lower is None else Fraction(ceil(space.lower))
    upper = None if space.upper is None else Fraction(floor(space.upper))
    if lower is not None and upper is not None and lower >= upper:
        if lower > upper:
            raise ValueError("a space without points")
        return lower
    k = z3.Int(name)
    facts += [k >= int(lower)] if lower is not None else []
    facts += [k <= int(upper)] if upper is not None else []
    return Num(z3.ToReal(k), Interval(lower, upper))


def _stride(points: tuple[Fraction, ...]) -> Fraction | None:
    """The step of a grid with equal steps upward."""
    if len(points) < 2:
        return None
    step = points[1] - points[0]
    return step if step > 0 and all(b - a == step for a, b in pairwise(points)) else None


def _on_grid(value: Value, points: tuple[Fraction, ...]) -> Truth:
    if not isinstance(value, Num):
        return bool(value in points)
    if not points or value.interval.beyond(min(points), max(points)):
        return False
    step = _stride(points)
    if len(points) <= _LISTED or step is None:
        return z3.Or([value.expr == number(p) for p in points])
    steps = (value.expr - number(points[0])) / number(step)
    return conj([z3.IsInt(steps), _between(value, points[0], points[-1])])


def _grid(points: tuple[Fraction, ...], name: str, facts: list[Any]) -> Value:
    if len(points) == 1:
        return points[0]
    within = Interval(min(points), max(points))
    step = _stride(points)
    if step is None or len(points) <= _LISTED:
        x = z3.Real(name)
        facts.append(z3.Or([x == number(p) for p in points]))
        return Num(x, within)
    k = z3.Int(name)
    facts += [k >= 0, k < len(points)]
    return Num(number(points[0]) + number(step) * z3.ToReal(k), within)


# --------------------------------------------------------------------- truth values


def is_truth(value: Value) -> bool:
    return isinstance(value, bool | z3.BoolRef)


def truth(value: Truth) -> Any:
    """A truth value as a z3 expression."""
    return z3.BoolVal(value) if isinstance(value, bool) else value


def negation(value: Truth) -> Truth:
    if isinstance(value, bool):
        return not value
    return value.arg(0) if z3.is_not(value) else z3.Not(value)


def conj(parts: Iterable[Truth]) -> Truth:
    return _join(parts, True, z3.And)


def disj(parts: Iterable[Truth]) -> Truth:
    return _join(parts, False, z3.Or)


def _join(parts: Iterable[Truth], unit: bool, join: Callable[[list[Any]], Any]) -> Truth:
    kept: list[Any] = []
    for each in parts:
        if isinstance(each, bool):
            if each is not unit:
                return each
        else:
            kept.append(each)
    if not kept:
        return unit
    return kept[0] if len(kept) == 1 else join(kept)


def implies(a: Truth, b: Truth) -> Truth:
    if isinstance(a, bool):
        return b if a else True
    if isinstance(b, bool):
        return True if b else negation(a)
    return z3.Implies(a, b)


def iff(a: Truth, b: Truth) -> Truth:
    if isinstance(a, bool):
        return b if a else negation(b)
    if isinstance(b, bool):
        return a if b else negation(a)
    return a == b


# --------------------------------------------------------------------------- models


def read(model: Any, value: Value, labels: Labels) -> Value:
    """The value in a model, exact. Irrational numbers are replaced by rationals within 1e-12."""
    if isinstance(value, tuple):
        return tuple([read(model, v, labels) for v in value])
    if isinstance(value, Num):
        return _rational(model.eval(value.expr, model_completion=True))
    if isinstance(value, Label):
        found = model.eval(value.code, model_completion=True).as_long()
        label = labels.name(found)
        return label if label in value.options else value.options[0]
    if isinstance(value, z3.BoolRef):
        return bool(z3.is_true(model.eval(value, model_completion=True)))
    return value


def _rational(found: Any) -> Fraction:
    if z3.is_algebraic_value(found):
        found = found.approx(12)
    if z3.is_int_value(found):
        return Fraction(found.as_long())
    if z3.is_rational_value(found):
        return Fraction(found.numerator_as_long(), found.denominator_as_long())
    simpler = z3.simplify(found)
    if z3.is_rational_value(simpler) or z3.is_algebraic_value(simpler) or z3.is_int_value(simpler):
        return _rational(simpler)
    return Fraction(0)


__all__ = [
    "Label", "Labels", "Num", "Truth", "Value", "at_most", "conj", "disj", "equal", "expr", "iff", "implies", "interval",
    "is_truth", "less", "negation", "number", "read", "truth",
]  # fmt: skip
