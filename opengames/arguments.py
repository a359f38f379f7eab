"""Arguments of the Python interface, looked at before they are used: a wrong one is refused with what was expected."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from operator import index
from typing import Any

from opengames.diagnostics import Refusal, refuse


def misused(what: str, value: Any, expected: str, advice: str = "") -> Refusal:
    """The refusal (`bad-argument`) of `value` for the argument called `what`."""
    said = repr(value)
    said = said if len(said) <= 60 else f"{said[:57]}..."
    return refuse("bad-argument", f"`{what}` is `{said}`, and must be {expected}", help=advice)


def whole(value: Any, what: str, least: int | None = None) -> int:
    """A whole number, of NumPy too; at least `least`."""
    expected = "a whole number" if least is None else f"a whole number of at least {least}"
    try:
        found = index(value)
    except TypeError:
        raise misused(what, value, expected) from None
    if isinstance(value, bool) or (least is not None and found < least):
        raise misused(what, value, expected)
    return found


def positive(value: Any, what: str) -> float:
    """A finite number above zero."""
    if isinstance(value, bool) or not isinstance(value, int | float | Fraction) or not 0 < value < math.inf:
        raise misused(what, value, "a number above zero")
    return float(value)


def name(value: Any, what: str) -> str:
    """A name, as text."""
    if not isinstance(value, str):
        raise misused(what, value, "a name, as text")
    return value


def names(value: Any, what: str) -> tuple[str, ...]:
    """Several names, or one."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, Iterable):
        raise misused(what, value, "a name or several names")
    return tuple(name(each, what) for each in value)


def mapping(value: Any, what: str, of: str) -> Mapping[str, Any]:
    """A mapping from names; of: what its values are, for the message."""
    if not isinstance(value, Mapping):
        raise misused(what, value, f"a mapping from names to {of}")
    for key in value:
        name(key, f"a name in {what}")
    return value


__all__ = ["mapping", "misused", "name", "names", "positive", "whole"]
