"""Values while a program is being traced: what is known before it runs, and arrays for what is not.

=========  =========================================================================================
`Num`      a number: an exact `Fraction` (or `float`) if known, else a float64 array; with bounds
`Pick`     an element of an enumeration: its position, int32
bool       `bool` if known, else a boolean array
`str`      a label whose enumeration is not known yet
`Rec`      a record: one value per field
`Cells`    a short family: one value per element
`Stack`    a long family: one value whose arrays have a further leading axis
=========  =========================================================================================

A family with several indices is a family of families. Short ones stay apart, so that the arrays of a program are long
and thin: `asp[Lead]` for 1,000 prosumers is four arrays of 1,000.

Bounds decide which checks are needed, and how a comparison is made. Floats cannot represent most rationals, so
two computed numbers that are equal in exact arithmetic may differ in the last digits: comparisons treat numbers
within a relative 1e-12 as equal, except where `grain` shows that both are represented exactly (a `grain` of
$s$ means: a multiple of $2^{-s}$, and below $2^{53-s}$).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from opengames.sampled.backend import jax, jnp
from opengames.spaces import Bool, Enum, Family, Grid, Reals, Record, Space, size

INF = math.inf
#: A family is kept apart if it has at most this many elements, and at most `SHORT_LEAVES` arrays in all.
SHORT = 8
SHORT_LEAVES = 32


@dataclass(frozen=True)
class Num:
    """lo, hi: every possible value lies between them. member: a grid whose points alone are taken.

    place: (space, position) where the number is known to be that point.
    """

    x: Any
    lo: float = -INF
    hi: float = INF
    grain: int | None = None
    member: Grid | None = None
    place: tuple[Space, Any] | None = None

    @property
    def known(self) -> bool:
        return isinstance(self.x, (Fraction, float))

    @property
    def bound(self) -> float:
        return max(abs(self.lo), abs(self.hi))


@dataclass(frozen=True)
class Pick:
    x: Any
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Rec:
    items: tuple[Any, ...]


@dataclass(frozen=True)
class Cells:
    items: tuple[Any, ...]


@dataclass(frozen=True)
class Stack:
    n: int
    item: Any


#: One of the table above. Arrays under a trace have no type of their own, so neither has this union.
Value = Any


def _node(cls: type, parts: Callable[[Any], tuple[tuple, Any]], build: Callable[[Any, tuple], Any]) -> None:
    jax.tree_util.register_pytree_node(cls, parts, build)


_node(
    Num,
    lambda v: ((v.x,), (v.lo, v.hi, v.grain, v.member)),
    lambda aux, parts: Num(parts[0], *aux),
)
_node(Pick, lambda v: ((v.x,), v.labels), lambda aux, parts: Pick(parts[0], aux))
_node(Rec, lambda v: (v.items, None), lambda aux, parts: Rec(tuple(parts)))
_node(Cells, lambda v: (v.items, None), lambda aux, parts: Cells(tuple(parts)))
_node(Stack, lambda v: ((v.item,), v.n), lambda aux, parts: Stack(aux, parts[0]))


# ------------------------------------------------------------------- numbers


def number(value: Fraction | float | int) -> Num:
    """A number known before the program runs."""
    x = value if isinstance(value, float) else Fraction(value)
    as_float = float(x)
    grain = None
    if isinstance(x, Fraction) and x.denominator & (x.denominator - 1) == 0:
        grain = x.denominator.bit_length() - 1
    return settle(Num(x, as_float, as_float, grain))


def settle(v: Num) -> Num:
    """The number without a `grain` it is too large for, and without bounds that are no numbers."""
    lo = -INF if math.isnan(v.lo) else v.lo
    hi = INF if math.isnan(v.hi) else v.hi
    grain = v.grain
    if grain is not None and not max(abs(lo), abs(hi)) * 2.0**grain < 2.0**53:
        grain = None
    return v if (lo, hi, grain) == (v.lo, v.hi, v.grain) else replace(v, lo=lo, hi=hi, grain=grain)


def raw(v: Num) -> Any:
    """The number as an operand of array arithmetic."""
    return float(v.x) if v.known else v.x


def joined(a: Num, b: Num, x: Any) -> Num:
    """`x`, which is one of `a` and `b`."""
    grain = None if a.grain is None or b.grain is None else max(a.grain, b.grain)
    member = a.member if a.member is b.member or a.member == b.member else None
    return settle(Num(x, min(a.lo, b.lo), max(a.hi, b.hi), grain, member))


def grid_grain(space: Grid) -> int | None:
    grains = [number(p).grain for p in space.points]
    return None if not grains or None in grains else max(g for g in grains if g is not None)


# ------------------------------------------------------------------ structure


def is_true_or_false(v: Any) -> bool:
    return isinstance(v, (bool, np.bool_))


def width(space: Space) -> int:
    """How many arrays a value of `space` is made of."""
    match space:
        case Record(fields=fields):
            return sum(width(s) for _, s in fields)
        case Family(index=index, item=item):
            return _width(tuple(size(s) or 0 for s in index), item)
    return 1


def _width(sizes: tuple[int, ...], item: Space) -> int:
    if not sizes:
        return width(item)
    inner = _width(sizes[1:], item)
    return inner * sizes[0] if is_short(sizes[0], inner) else inner


def is_short(n: int, leaves: int) -> bool:
    return n <= SHORT and n * leaves <= SHORT_LEAVES


def map_leaves(f: Callable[[Any], Any], v: Value) -> Value:
    """`v` with `f` applied to every `Num`, `Pick`, bool and label in it."""
    match v:
        case Rec(items=items):
            return Rec(tuple(map_leaves(f, x) for x in items))
        case Cells(items=items):
            return Cells(tuple(map_leaves(f, x) for x in items))
        case Stack(n=n, item=item):
            return Stack(n, map_leaves(f, item))
    return f(v)


def solid(v: Value) -> Value:
    """The value with arrays for everything, even for what is known."""

    def one(x: Any) -> Any:
        match x:
            case Num():
                return replace(x, x=jnp.asarray(raw(x), jnp.float64), place=None)
            case Pick():
                return Pick(jnp.asarray(x.x, jnp.int32), x.labels)
            case str():
                return Pick(jnp.int32(0), (x,))
        return jnp.asarray(x, bool)

    return map_leaves(one, v)


def element(v: Value, i: Any) -> Value:
    """Element `i` of a family (a position: `int`, or an int array)."""
    if isinstance(v, Cells):
        if isinstance(i, int):
            return v.items[i]
        found = v.items[-1]
        for k in range(len(v.items) - 2, -1, -1):
            found = choose(i == k, v.items[k], found)
        return found
    if isinstance(i, int):
        return jax.tree.map(lambda a: a[i], v.item)
    return jax.tree.map(lambda a: jax.lax.dynamic_index_in_dim(a, i, 0, keepdims=False), v.item)


def elements(v: Value) -> tuple[Value, ...]:
    if isinstance(v, Cells):
        return v.items
    return tuple(element(v, i) for i in range(v.n))


def stack(items: tuple[Value, ...]) -> Stack:
    """A long family from its elements, which become alike."""
    likes = [solid(x) for x in items]
    first = likes[0]
    for x in likes[1:]:
        first = _common(first, x)
    likes = [_as(x, first) for x in likes]
    return Stack(len(items), jax.tree.map(lambda *a: jnp.stack(a), *likes))


def _common(a: Value, b: Value) -> Value:
    """A value with the structure of both, and bounds that hold for both."""
    if isinstance(a, Num):
        return joined(a, b, a.x)
    if isinstance(a, Pick):
        return a if a.labels == b.labels else Pick(a.x, a.labels + tuple(x for x in b.labels if x not in a.labels))
    if isinstance(a, (Rec, Cells)):
        return type(a)(tuple(_common(x, y) for x, y in zip(a.items, elements_or_fields(b), strict=True)))
    if isinstance(a, Stack):
        other = b if isinstance(b, Stack) else stack(b.items)
        return Stack(a.n, _common(a.item, other.item))
    return a


def elements_or_fields(v: Value) -> tuple[Value, ...]:
    return v.items if isinstance(v, (Rec, Cells)) else elements(v)


def _as(v: Value, like: Value) -> Value:
    """`v` in the structure of `like`, with its bounds."""
    match like:
        case Num():
            return replace(like, x=v.x, place=None)
        case Pick():
            return relabel(v, like.labels)
        case Rec() | Cells():
            return type(like)(tuple(_as(x, y) for x, y in zip(elements_or_fields(v), like.items, strict=True)))
        case Stack():
            other = v if isinstance(v, Stack) else stack(v.items)
            return Stack(like.n, _as(other.item, like.item))
    return v


def relabel(v: Pick | str, labels: tuple[str, ...]) -> Pick:
    """The same label, with its position in another list."""
    if isinstance(v, str):
        return Pick(labels.index(v), labels)
    if v.labels == labels:
        return v
    places = [labels.index(x) if x in labels else 0 for x in v.labels]
    if isinstance(v.x, int):
        return Pick(places[v.x], labels)
    if places == list(range(len(places))):
        return Pick(v.x, labels)
    x: Any = jnp.asarray(v.x, jnp.int32)
    if len(places) == 1:
        return Pick(jnp.full_like(x, places[0]), labels)
    return Pick(jnp.asarray(np.array(places, np.int32))[x], labels)


# --------------------------------------------------------------------- choice


def choose(test: Any, a: Value, b: Value) -> Value:
    """`a` where `test` holds and `b` elsewhere; a `test` that is known costs nothing."""
    if is_true_or_false(test):
        return a if test else b
    if a is b:
        return a
    if isinstance(a, Num):
        if a.known and b.known and a.x == b.x:
            return a
        return joined(a, b, jnp.where(test, raw(a), raw(b)))
    if isinstance(a, (Pick, str)):
        return _choose_label(test, a, b)
    if isinstance(a, Rec):
        return Rec(tuple(choose(test, x, y) for x, y in zip(a.items, b.items, strict=True)))
    if isinstance(a, Stack) and isinstance(b, Stack):
        x, y = solid(a), solid(b)
        like = _common(x, y)
        return jax.tree.map(lambda p, q: jnp.where(test, p, q), _as(x, like), _as(y, like))
    if isinstance(a, (Cells, Stack)):
        return Cells(tuple(choose(test, x, y) for x, y in zip(elements(a), elements(b), strict=True)))
    return _choose_bool(test, a, b)


def _choose_label(test: Any, a: Pick | str, b: Pick | str) -> Pick | str:
    if isinstance(a, str) and a == b:
        return a
    own = a.labels if isinstance(a, Pick) else (a,)
    other = b.labels if isinstance(b, Pick) else (b,)
    big, small = (own, other) if len(own) >= len(other) else (other, own)
    labels = big + tuple(x for x in small if x not in big)
    p, q = relabel(a, labels), relabel(b, labels)
    return Pick(jnp.where(test, jnp.int32(p.x), jnp.int32(q.x)), labels)


def _choose_bool(test: Any, a: Any, b: Any) -> Any:
    if is_true_or_false(a) and is_true_or_false(b):
        if a == b:
            return bool(a)
        return test if a else jnp.logical_not(test)
    if is_true_or_false(a):
        return either(test, b) if a else both(negated(test), b)
    if is_true_or_false(b):
        return either(negated(test), a) if b else both(test, a)
    return jnp.where(test, a, b)


def both(a: Any, b: Any) -> Any:
    if is_true_or_false(a):
        return b if a else False
    if is_true_or_false(b):
        return a if b else False
    return a & b


def either(a: Any, b: Any) -> Any:
    if is_true_or_false(a):
        return True if a else b
    if is_true_or_false(b):
        return True if b else a
    return a | b


def negated(a: Any) -> Any:
    return (not a) if is_true_or_false(a) else ~a


# --------------------------------------------------------------------- spaces


def conform(v: Value, space: Space) -> Value:
    """The value in the one form that values of `space` have on a wire."""
    match space:
        case Enum(labels=labels):
            return relabel(v, labels)
        case Record(fields=fields):
            return Rec(tuple(conform(x, s) for x, (_, s) in zip(v.items, fields, strict=True)))
        case Family(index=index, item=item):
            sizes = tuple(size(s) or 0 for s in index)
            return _conform(as_family(v, sizes), sizes, item)
    return v


def as_family(v: Value, sizes: tuple[int, ...]) -> Value:
    """A family that was written as a plain tuple, row-major, as a family of families."""
    if not isinstance(v, Rec):
        return v
    if len(sizes) <= 1:
        return Cells(v.items)
    step = len(v.items) // sizes[0] if sizes[0] else 0
    return Cells(tuple(as_family(Rec(v.items[k * step : (k + 1) * step]), sizes[1:]) for k in range(sizes[0])))


def _conform(v: Value, sizes: tuple[int, ...], item: Space) -> Value:
    if not sizes:
        return conform(v, item)
    if is_short(sizes[0], _width(sizes[1:], item)):
        return Cells(tuple(_conform(x, sizes[1:], item) for x in elements(v)))
    if isinstance(v, Cells):
        return stack(tuple(_conform(x, sizes[1:], item) for x in v.items))
    inner = jax.vmap(lambda x: solid(_conform(x, sizes[1:], item)))(v.item)
    return Stack(v.n, inner)


def constant(value: Any, space: Space | None = None) -> Value:
    """A value of the theory (see `spaces`). Without its space, a tuple is taken for a record."""
    match space:
        case Enum(labels=labels):
            return Pick(labels.index(value), labels)
        case Record(fields=fields):
            return Rec(tuple(constant(x, s) for x, (_, s) in zip(value, fields, strict=True)))
        case Family(index=index, item=item):
            return conform(_nest(tuple(value), tuple(size(s) or 0 for s in index), item), space)
        case Grid() if not isinstance(value, float):
            return replace(number(value), member=space)
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, tuple):
        return Rec(tuple(constant(x) for x in value))
    return number(value)


def _nest(values: tuple[Any, ...], sizes: tuple[int, ...], item: Space) -> Value:
    if not sizes:
        return constant(values[0], item)
    step = len(values) // sizes[0] if sizes[0] else 0
    return Cells(tuple(_nest(values[k * step : (k + 1) * step], sizes[1:], item) for k in range(sizes[0])))


def known(v: Value) -> bool:
    """Whether the value is known before the program runs."""
    match v:
        case Num():
            return v.known
        case Pick():
            return isinstance(v.x, int)
        case Rec(items=items) | Cells(items=items):
            return all(known(x) for x in items)
        case Stack():
            return False
    return isinstance(v, str) or is_true_or_false(v)


def declared(space: Space, x: Any) -> Value:
    """A scalar array as a value of `space`, with the bounds that the space promises."""
    match space:
        case Enum(labels=labels):
            return Pick(x, labels)
        case Bool():
            return x
        case Grid(points=points):
            return settle(Num(x, float(min(points)), float(max(points)), grid_grain(space), space))
        case Reals(lower=lower, upper=upper):
            lo = -INF if lower is None else float(lower)
            hi = INF if upper is None else float(upper)
            return Num(x, lo, hi)
    raise TypeError(f"not a scalar space: {space!r}")
