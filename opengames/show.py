"""Values and spaces printed as the author of a text writes them.

A number is divided by the scale of the unit that it was declared with and followed by that unit.
A rational whose decimal expansion ends within six digits is printed in full, any other as `a/b`:
what is printed is always the exact value (a float is printed to six significant digits).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from fractions import Fraction
from itertools import islice, pairwise
from typing import Any

from opengames.spaces import Bool, Enum, Family, Grid, Reals, Record, Shown, Space, index_points, index_size

_LONG = 12
_DIGITS = 6


def show(value: Any, space: Space | None = None) -> str:
    """`value` of `space` as the author would write it; without a space, as its form suggests.

    >>> show(Fraction(3, 2), Reals(shown=Shown("MWh")))
    '1.5 MWh'
    >>> show((True, Fraction(1, 3)), Record((("home", Bool()), ("chance", Reals()))))
    '(home: true, chance: 1/3)'
    """
    match space, value:
        case (Record(fields=fields), tuple()) if len(fields) == len(value):
            inside = (f"{name}: {show(v, s)}" for (name, s), v in zip(fields, value, strict=True))
            return f"({', '.join(inside)})"
        case (Family(index=index, item=item), tuple()) if index_size(index) == len(value):
            entries = (f"{_key(k, index)}: {show(v, item)}" for k, v in zip(index_points(index), value, strict=True))
            return f"[{_few(entries, len(value))}]"
        case (Grid(shown=how) | Reals(shown=how), int() | float() | Fraction()) if not isinstance(value, bool):
            return number(value, how)
        case (_, bool()):
            return "true" if value else "false"
        case (_, int() | float() | Fraction()):
            return number(value)
        case (_, tuple()):
            return f"({_few((show(v) for v in value), len(value))})"
    return str(value)


def number(value: Fraction | float, how: Shown | None = None) -> str:
    """`value` in the unit that `how` names, bare without one."""
    if how is None:
        return digits(value)
    scaled = value / how.scale if isinstance(value, (Fraction, int)) else value / float(how.scale)
    return f"{digits(scaled)} {how.unit}" if how.unit else digits(scaled)


def ratio(value: Fraction, how: Shown | None = None) -> str:
    """The exact value in lowest terms, never as a decimal: `7/5 $`, `3 $`."""
    scaled = Fraction(value) / (how.scale if how else 1)
    return f"{in_full(scaled)} {how.unit}" if how and how.unit else in_full(scaled)


def digits(value: Fraction | float) -> str:
    """A bare number: the decimal where it ends within six digits, else `a/b`; floats to six significant digits."""
    if isinstance(value, float):
        return f"{value:.6g}"
    value = Fraction(value)
    if value.denominator == 1:
        return _whole(value.numerator)
    scaled = value * 10**_DIGITS
    if scaled.denominator != 1:
        return f"{_whole(value.numerator)}/{_whole(value.denominator)}"
    sign, rest = ("-" if value < 0 else ""), abs(scaled.numerator)
    whole, part = divmod(rest, 10**_DIGITS)
    return f"{sign}{whole}.{part:0{_DIGITS}d}".rstrip("0")


def show_space(space: Space) -> str:
    """The space as a type of the language: `Move`, `0..4 step 0.5 $`, `[0, 400 MWh]`, `real $[Hour]`."""
    match space:
        case Enum(name=name, labels=labels):
            return name or " | ".join(labels)
        case Bool():
            return "bool"
        case Grid(points=points, shown=how):
            return _grid(points, how)
        case Reals(lower=lower, upper=upper, whole=True, shown=how):
            if lower == 0 and upper is None:
                return "nat"
            return f"whole numbers in [{_bound(lower, '-inf', how)}, {_bound(upper, 'inf', how)}]"
        case Reals(lower=lower, upper=upper, shown=how):
            if lower is None and upper is None:
                return f"real {how.unit}" if how and how.unit else "real"
            return f"[{_bound(lower, '-inf', how)}, {_bound(upper, 'inf', how)}]"
        case Record(fields=fields):
            return f"({', '.join(f'{name}: {show_space(s)}' for name, s in fields)})"
        case Family(index=index, item=item):
            return f"{show_space(item)}[{', '.join(show_space(s) for s in index)}]"
    raise TypeError(f"not a space: {space!r}")


def in_full(value: Fraction) -> str:
    """Every digit of an exact number, `7/5`, however many there are; evaluation bounds how long numbers become."""
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        return str(value)
    finally:
        sys.set_int_max_str_digits(limit)


def _whole(value: int) -> str:
    """An integer; one with more digits than anybody reads is rounded to six of them."""
    if value.bit_length() <= 4000:
        return str(value)
    power = int(value.bit_length() * 0.30103) - _DIGITS
    lead = str(abs(value) // 10**power)
    return f"{'-' if value < 0 else ''}{lead[0]}.{lead[1:_DIGITS]}e{power + len(lead) - 1}"


def _bound(value: Fraction | None, none: str, how: Shown | None) -> str:
    return none if value is None else number(value, how)


def _grid(points: tuple[Fraction, ...], how: Shown | None) -> str:
    if len(points) > 2:
        step = points[1] - points[0]
        if step > 0 and all(b - a == step for a, b in pairwise(points)):
            scale = how.scale if how else Fraction(1)
            stride = "" if step == scale else f" step {digits(step / scale)}"
            tail = f" {how.unit}" if how and how.unit else ""
            return f"{digits(points[0] / scale)}..{digits(points[-1] / scale)}{stride}{tail}"
    return "{" + _few((number(p, how) for p in points), len(points)) + "}"


def _key(key: tuple[Any, ...], index: tuple[Space, ...]) -> str:
    shown = [show(k, s) for k, s in zip(key, index, strict=True)]
    return shown[0] if len(shown) == 1 else f"({', '.join(shown)})"


def _few(entries: Iterable[str], count: int) -> str:
    if count <= _LONG:
        return ", ".join(entries)
    return ", ".join(islice(entries, _LONG - 4)) + f", ... {count} in all"
