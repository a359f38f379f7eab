"""What the words of `opengames market` are given as text: amounts, prices, values of variables, tables of chances."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING, Any

from opengames.diagnostics import refuse

if TYPE_CHECKING:
    from opengames.solvers.market import Market


def amount(text: str, what: str) -> float:
    """A number as it is typed: `100`, `1_000`, `2.5 $`, `30%`, `1/3`. Raises `Refusal` (`bad-option`)."""
    found = _fraction(text.strip().removesuffix("$"))
    if found is None:
        raise refuse("bad-option", f"`{text}` is not a {what}", help="write a number, such as `100` or `2.50`")
    return float(found)


def price(text: str) -> float:
    """A price as it is typed: `30%`, `0.3`, `3/10`. Whether it may be moved to is the market's to say."""
    return amount(text, "price")


def target(market: Market, event: str, text: str) -> tuple[str, str | None, Any]:
    """What a move is about and where to: an event, `None` and a price, or a variable, its condition and all its prices."""
    if ":" not in text:
        return event, None, price(text)
    variable, bar, given = (part.strip() for part in event.partition("|"))
    to: dict[Any, float] = {}
    for part in text.split(","):
        name, colon, value = part.partition(":")
        if not colon:
            raise refuse("bad-option", f"`{part.strip()}` is not a value and its price", help="write `Low: 70%, High: 30%`")
        to[value_of(market, variable, name.strip())] = price(value)
    return variable, given if bar else None, to


def value_of(market: Market, variable: str, text: str) -> Any:
    """A value of a variable from its text. Raises `Refusal` (`unknown-event`, `resolved-event`, `outside-type`)."""
    from opengames.solvers.market.events import value_words
    from opengames.solvers.market.lifetime import must_be_open

    must_be_open(market.state, variable)
    values = market.state.frame.values[variable]
    for value in values:
        if value_words(value) == text.strip():
            return value
    number = _fraction(text)
    if number is not None and number in [v for v in values if not isinstance(v, bool)]:
        return number
    raise refuse(
        "outside-type", f"`{variable}` cannot be {text.strip() or 'nothing'}",
        notes=("its values are " + ", ".join(value_words(v) for v in values),),
    )  # fmt: skip


def values_of(text: str | None) -> tuple[Any, ...]:
    """The values of a new variable: labels, numbers or truth values parted by commas; true and false if left out."""
    if text is None:
        return (True, False)
    words = [w.strip() for w in text.split(",") if w.strip()]
    if len(words) < 2 or len(set(words)) < len(words):
        raise refuse("bad-option", f"`{text}` does not name two values or more, each once", help="write `--values Low,High`")
    if set(words) == {"true", "false"}:
        return tuple(w == "true" for w in words)
    numbers = [_fraction(w) for w in words]
    if all(n is not None for n in numbers):
        return tuple(numbers)
    odd = next((w for w in words if not w.isidentifier()), None)
    if odd is not None:
        raise refuse("bad-option", f"`{odd}` is no label", help="labels are letters, digits and `_`; or give numbers only")
    return tuple(words)


def table_of(market: Market, text: str | None, parents: list[str], count: int) -> Any:
    """The chances of a new variable, an axis for each parent; `None` if none are given."""
    from opengames.solvers.market.lifetime import must_be_open

    if text is None:
        return None
    for name in parents:
        must_be_open(market.state, name)
    shape = [len(market.state.frame.values[n]) for n in parents]
    rows = [[price(cell) for cell in row.replace(",", " ").split()] for row in text.split(";")]
    if len(rows) != prod(shape) or any(len(row) != count for row in rows):
        raise refuse(
            "bad-option", f"the table has {len(rows)} rows, of {', '.join(str(len(r)) for r in rows)} chances",
            help=f"give {prod(shape)} rows of {count} chances each, rows parted by `;`, the last parent running fastest",
        )  # fmt: skip
    import numpy as np

    return np.array(rows).reshape([*shape, count])


def _fraction(text: str) -> Fraction | None:
    words = text.strip().replace("_", "")
    part = 100 if words.endswith("%") else 1
    try:
        return Fraction(words.removesuffix("%").strip()) / part
    except (ValueError, ZeroDivisionError):
        return None


__all__ = ["amount", "price", "table_of", "target", "value_of", "values_of"]
