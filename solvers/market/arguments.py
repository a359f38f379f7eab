"""What a market is given from Python, looked at before anything is done with it.

Each function hands on what it was given in the form that acts have, or raises `Refusal` (`bad-argument`) that names the
argument, what came and what is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opengames.diagnostics import Refusal, refuse
from opengames.solvers.market.events import Formula
from opengames.terms import Term

_SHOWN = 60


def number(given: Any, what: str) -> float:
    """A number as a float. Whether it is a sensible one is for the act to say."""
    if isinstance(given, bool | np.bool_) or not isinstance(given, Real | Decimal):
        raise wrong(given, what, "a number")
    return float(given)


def event(given: Any, what: str) -> Any:
    """An event in one of the forms that `Market.event` takes."""
    if not isinstance(given, str | Formula | Term):
        raise wrong(given, what, "an event: text such as `rain and not wind`, or a formula over variables")
    return given


def name(given: Any, what: str) -> str:
    """A name."""
    if not isinstance(given, str):
        raise wrong(given, what, "a name, as text")
    return given


def names(given: Any, what: str) -> tuple[str, ...]:
    """Names in a list; one text is not a list of its letters."""
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise wrong(given, what, "a list of names")
    return tuple(name(each, f"a name in {what}") for each in given)


def mapping(given: Any, what: str) -> Mapping[Any, Any]:
    """A mapping."""
    if not isinstance(given, Mapping):
        raise wrong(given, what, 'a mapping, as in `{"rain": True}`')
    return given


def chances(given: Any, what: str) -> NDArray[np.float64]:
    """Numbers in an array."""
    try:
        return np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise wrong(given, what, "numbers, as lists in lists or an array") from None


def tables(given: Any) -> list[tuple[tuple[str, ...], NDArray[np.float64]]]:
    """The factors that a market is opened on: pairs of names and a table."""
    form = 'pairs of names and a table, as in `[(["rain"], [0.7, 0.3])]`'
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise wrong(given, "`factors`", form)
    found = []
    for each in given:
        if isinstance(each, str) or not isinstance(each, tuple | list) or len(each) != 2:
            raise wrong(each, "one of the `factors`", "a pair of names and a table")
        scope = names(each[0], "the names of a table")
        found.append((scope, chances(each[1], f"the table over {', '.join(scope)}")))
    return found


def wrong(given: Any, what: str, needed: str) -> Refusal:
    """The refusal of an argument of another kind than is needed."""
    shown = repr(given)
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
    return refuse("bad-argument", f"{what} is {needed}, and this is {shown}")


__all__ = ["chances", "event", "mapping", "name", "names", "number", "tables", "wrong"]
