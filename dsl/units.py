"""Units: labels with a dimension and an exact scale. They are checked here and erased before any diagram.

A dimension is a product of powers of base units (`$`, `MW`, `h`, ... whatever a text declares without a
definition). A unit is a scale times a dimension: `min` is 1/60 of `h`. Magnitudes inside a program are in
the coherent base: `5 min` is the number 1/12 once `h` is base. `%` is the number 1/100.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

from opengames.plain import dataclass
from opengames.spaces import Shown

#: Base units and their exponents, sorted by name, none of them zero. `()` is dimensionless.
Dimension = tuple[tuple[str, int], ...]

NONE: Dimension = ()


@dataclass(frozen=True, slots=True)
class Unit:
    """`symbol` is `scale` times the coherent base unit of `dimension`."""

    symbol: str
    dimension: Dimension
    scale: Fraction = Fraction(1)

    def shown(self) -> Shown:
        return Shown(self.symbol, self.scale)


#: What every text has without declaring it.
BUILTIN: dict[str, Unit] = {
    "$": Unit("$", (("$", 1),)),
    "€": Unit("€", (("€", 1),)),
    "%": Unit("%", NONE, Fraction(1, 100)),
}

_FACTOR = re.compile(r"([A-Za-z]+|[$€%])(?:\^(-?\d{1,3}))?$")


class UnknownUnit(Exception):
    """`symbol` (one factor of a written unit) is not declared."""

    def __init__(self, symbol: str) -> None:
        super().__init__(symbol)
        self.symbol = symbol


def read_unit(written: str, table: Mapping[str, Unit]) -> Unit:
    """The unit that `written` (`$/(MW*h)`) denotes; raises `UnknownUnit` naming the first factor it cannot find."""
    if written in table:
        return table[written]
    dimension, scale = NONE, Fraction(1)
    for sign, part in _parts(written):
        for factor in part.strip("()").split("*"):
            found = _FACTOR.match(factor)
            if found is None or found.group(1) not in table:
                raise UnknownUnit(factor if found is None else found.group(1))
            unit = table[found.group(1)]
            exponent = sign * int(found.group(2) or 1)
            dimension = times(dimension, power(unit.dimension, exponent))
            scale *= unit.scale**exponent
    return Unit(written, dimension, scale)


def _parts(written: str) -> list[tuple[int, str]]:
    top, slash, bottom = written.partition("/")
    return [(1, top)] + ([(-1, bottom)] if slash else [])


def times(a: Dimension, b: Dimension) -> Dimension:
    total = dict(a)
    for base, exponent in b:
        total[base] = total.get(base, 0) + exponent
    return tuple(sorted((base, e) for base, e in total.items() if e))


def power(a: Dimension, n: int) -> Dimension:
    return tuple((base, e * n) for base, e in a) if n else NONE


def over(a: Dimension, b: Dimension) -> Dimension:
    return times(a, power(b, -1))


def name_of(dimension: Dimension, table: Mapping[str, Unit]) -> Unit:
    """A unit to print a magnitude of `dimension` in: one that is declared with scale 1, else one composed of bases."""
    if not dimension:
        return Unit("", NONE)
    for unit in table.values():
        if unit.dimension == dimension and unit.scale == 1:
            return unit
    for unit in table.values():  # a ratio of two declared units, such as $/MWh
        for below in table.values():
            if unit.scale == below.scale == 1 and below.dimension and over(unit.dimension, below.dimension) == dimension:
                return Unit(f"{unit.symbol}/{below.symbol}", dimension)
    top = [_written(b, e) for b, e in dimension if e > 0]
    bottom = [_written(b, -e) for b, e in dimension if e < 0]
    symbol = _product(top) if top else "1"
    return Unit(symbol + ("/" + _product(bottom) if bottom else ""), dimension)


def _written(base: str, exponent: int) -> str:
    return base if exponent == 1 else f"{base}^{exponent}"


def _product(factors: list[str]) -> str:
    return factors[0] if len(factors) == 1 else "(" + "*".join(factors) + ")"
