"""Witnesses: what is looked for, what is made round, and how it is told."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from math import ceil, floor
from random import Random
from typing import Any

from opengames.cases import Assignment
from opengames.proved.values import Num, Value
from opengames.show import show
from opengames.spaces import Family, Grid, Reals, Record, Space, index_size, is_finite, points
from opengames.terms import Fold

_SAID = 8  # values that are told one by one


def at(witness: Assignment) -> str:
    """Where, in words: `soc = 0 MWh, wish = 10 MW`."""
    said = [f"{name} = {show(value, space)}" for name, value, space in witness[:_SAID]]
    return ", ".join([*said, *([f"and {len(witness) - _SAID} more"] if len(witness) > _SAID else [])])


def probe(space: Space, random: Random, size: int) -> Any:
    """A plain value of a space, by chance; larger ones later."""
    match space:
        case Reals(lower=lower, upper=upper, whole=whole):
            near = [x for x in (lower, upper) if x is not None]
            middle = (near[0] + near[1]) / 2 if len(near) == 2 else near[0] if near else Fraction(0)
            reach = Fraction(2 ** (size // 4), 2)
            found = random.choice([*near, middle, middle + reach, middle - reach, middle + reach / 3])
            found = found if lower is None else max(lower, found)
            found = found if upper is None else min(upper, found)
            return _nearest_whole(found, lower, upper) if whole else found
        case Record(fields=fields):
            return tuple(probe(s, random, size) for _, s in fields)
        case Family(index=index, item=item):
            return tuple(probe(item, random, size) for _ in range(index_size(index)))
    return random.choice(list(islice(points(space), 1000)))


def _nearest_whole(found: Fraction, lower: Fraction | None, upper: Fraction | None) -> Fraction:
    """A whole number near `found`, between the bounds."""
    whole = round(found)
    whole = whole if lower is None else max(ceil(lower), whole)
    return Fraction(whole if upper is None else min(floor(upper), whole))


def leaves(value: Value, space: Space) -> list[tuple[Any, Any]]:
    """The open numbers inside a value, each with the size of the unit it is written in."""
    match space, value:
        case Reals(shown=shown) | Grid(shown=shown), Num():
            return [(value.expr, shown.scale if shown else 1)]
        case Record(fields=fields), tuple():
            return [leaf for x, (_, s) in zip(value, fields, strict=True) for leaf in leaves(x, s)]
        case Family(item=item), tuple():
            return [leaf for x in value for leaf in leaves(x, item)]
    return []


def has_finitely_many(term: Fold) -> bool:
    """Whether all variables of a quantifier range over finite sets."""
    return all(is_finite(s) for _, s in term.iters)


__all__ = ["at", "has_finitely_many", "leaves", "probe"]
