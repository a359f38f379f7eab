"""What traders, variables and values may be called, so that an event's text can always name them.

A trader is text that is not empty. A variable that is added is a name of the language and none of its keywords. The values
of a variable are labels, truth values, numbers or tuples of them, at least one, and no two are equal: `1` and `True` are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from math import isfinite
from typing import Any

from opengames.diagnostics import refuse
from opengames.solvers.market.events import value_words

_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")


def check_trader(name: Any) -> None:
    """Raises `Refusal` (`bad-argument`) for what is no name of a trader."""
    if not isinstance(name, str) or not name.strip():
        raise refuse(
            "bad-argument", f"a trader's name is text that is not empty, and this is {name!r}", help="call it `ann`, for example"
        )


def check_variable(name: Any) -> None:
    """Raises `Refusal` (`bad-argument`) for a name that no event's text could mention."""
    from opengames.dsl.tokens import KEYWORDS

    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise refuse(
            "bad-argument", f"{name!r} cannot be the name of a variable: no event could mention it",
            help="a name is letters, digits and `_`, and does not begin with a digit",
        )  # fmt: skip
    if name in KEYWORDS or name in ("true", "false", "P"):  # an event is read as the text inside `P( )`
        raise refuse(
            "bad-argument", f"`{name}` is a word of the language, and cannot be the name of a variable",
            help=f"call it `{name}_`, for example",
        )  # fmt: skip


def check_values(name: str, values: Any) -> None:
    """Raises `Refusal`: `bad-argument` for no values, or what is no value; `duplicate-value` for two that are equal."""
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise refuse("bad-argument", f"the values of `{name}` are listed, as in `(True, False)`, and this is {values!r}")
    if not values:
        raise refuse("bad-argument", f"`{name}` has no value", help="give it one at least, such as `(True, False)`")
    seen: dict[Any, Any] = {}
    for value in values:
        if not _is_value(value):
            raise refuse(
                "bad-argument", f"`{name}` cannot have the value {value!r}",
                help="a value is a label, `True` or `False`, or a number",
            )  # fmt: skip
        if value in seen:
            first = seen[value]
            both = value_words(value) if type(first) is type(value) else f"{value_words(first)} and {value_words(value)}"
            raise refuse(
                "duplicate-value", f"the values of `{name}` say {both} twice",
                notes=() if type(first) is type(value) else ("the two are equal",), help="list each value once",
            )  # fmt: skip
        seen[value] = value


def _is_value(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_value, value))
    if isinstance(value, float):
        return isfinite(value)
    return value != "" and isinstance(value, str | bool | int | Fraction)


__all__ = ["check_trader", "check_values", "check_variable"]
