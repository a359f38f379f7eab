"""Units that data say of themselves: in the head of a column, `soc [kWh]` or `soc (kWh)`, or behind a number, `51.5 kWh`.

The units are those of the text that takes the data, and convert exactly. What says no unit is in the one that was declared.
In square brackets stands a unit, and one that the text does not know is refused; in round ones may stand anything, and
counts as a unit only if it is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction

from opengames.diagnostics import Refusal, refuse
from opengames.dsl.units import NONE, Unit, UnknownUnit, read_unit
from opengames.models.data_cells import rational
from opengames.program import ParamDecl
from opengames.show import show_space
from opengames.spaces import Grid, Reals, Space

#: The units of a text, by symbol.
Units = Mapping[str, Unit]

_HEAD = re.compile(r"(.*\S)\s*(?:\[([^\[\]]+)\]|\(([^()]+)\))$")
_CELL = re.compile(r"([+-]?[\d._]+(?:[eE][+-]?\d+)?)\s*([A-Za-z$€%(].*)$")


def in_head(column: str, units: Units) -> tuple[str, str | None]:
    """The name of a column and the unit that its head says, if any: `("soc", "kWh")`."""
    found = _HEAD.match(column.strip())
    if found is None:
        return column, None
    name, square, round_ = found.groups()
    if square is not None:
        return name, square.strip()
    return (name, round_.strip()) if _is_unit(round_.strip(), units) else (column, None)


def column_called(name: str, columns: Iterable[str], units: Units) -> str | None:
    """The column called `name`, with or without a unit in its head; `None` if there is none, or more than one."""
    every = list(columns)
    if name in every:
        return name
    alike = [c for c in every if in_head(c, units)[0] == name]
    return alike[0] if len(alike) == 1 else None


def in_cell(cell: object) -> tuple[Fraction, str] | None:
    """The number and the unit of a cell that says both."""
    found = _CELL.match(cell.strip()) if isinstance(cell, str) and len(cell) <= 120 else None
    number = rational(found.group(1)) if found is not None else None
    return (number, found.group(2).strip()) if found is not None and number is not None else None


def scale(space: Space, written: str, units: Units) -> Fraction | str:
    """What a number in the unit `written` is multiplied by to be one of the space's base; why it cannot be, where it cannot."""
    try:
        said = read_unit(written, units)
    except UnknownUnit as missing:
        return f"this text has no unit `{missing.symbol}`"
    try:
        due = read_unit(wanted, units).dimension if (wanted := _declared(space)) else NONE
    except UnknownUnit as missing:
        return f"this text has no unit `{missing.symbol}`"
    if said.dimension != due:
        return f"`{written}` is no unit of {show_space(space)}"
    return said.scale


def refused(decl: ParamDecl, what: str, written: str, why: str) -> Refusal:
    """The head of a column says a unit that does not fit."""
    return refuse(
        "data-unit", f"{what} is in `{written}`: {why}", span=decl.at, label=f"takes {show_space(decl.space)}",
        help=f"declare it: `unit {written} = ...`" if why.startswith("this text") else "choose another column, or mend its head",
    )  # fmt: skip


def _declared(space: Space) -> str:
    shown = space.shown if isinstance(space, Grid | Reals) else None
    return shown.unit if shown is not None else ""


def _is_unit(written: str, units: Units) -> bool:
    from opengames.dsl.quantities import LIBRARY_UNITS

    try:
        read_unit(written, {**{u: Unit(u, NONE) for u in LIBRARY_UNITS}, **units})
    except UnknownUnit:
        return False
    return True


__all__ = ["Units", "column_called", "in_cell", "in_head", "refused", "scale"]
