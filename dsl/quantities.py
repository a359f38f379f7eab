"""Numbers and their units, as written."""

from __future__ import annotations

from fractions import Fraction

from opengames.diagnostics import Edit
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.context import WRONG, Scope, Typed, nearest
from opengames.dsl.infer import rule
from opengames.dsl.units import NONE, Unit, UnknownUnit, read_unit
from opengames.terms import Const

#: The units of `std.energy`.
LIBRARY_UNITS = frozenset({"MW", "MWh", "h", "min", "kW", "kWh", "GW", "GWh", "s", "day"})


@rule(s.Number)
def number(scope: Scope, node: s.Number, expected: t.Type | None) -> Typed:
    return literal(scope, node, None)


def literal(scope: Scope, node: s.Number, covering: str | None) -> Typed:
    """A number's magnitude and type. covering: the unit that a later number of the same list says for this one too."""
    written = node.unit if node.unit is not None else covering
    if written is None:
        return Typed(Const(node.value, at=node.at), point(node.value, NONE, None))
    unit = find_unit(scope, written, node.at, node)
    if unit is None:
        return WRONG
    magnitude = node.value * unit.scale
    return Typed(Const(magnitude, at=node.at), point(magnitude, unit.dimension, unit))


def point(value: Fraction, dimension: tuple[tuple[str, int], ...], unit: Unit | None) -> t.Num:
    """The type of one known number."""
    return t.Num(dimension, value, value, (value,), value.denominator == 1, unit)


def find_unit(scope: Scope, written: str, at: s.Span, node: s.Number | None = None) -> Unit | None:
    """The unit called `written`, or `None` after a report."""
    try:
        return read_unit(written, scope.context.units)
    except UnknownUnit as missing:
        _no_such_unit(scope, written, missing.symbol, at, node)
        return None


def _no_such_unit(scope: Scope, written: str, symbol: str, at: s.Span, node: s.Number | None) -> None:
    context = scope.context
    _, slash, bottom = written.partition("/")
    divides = bool(slash) and bottom == symbol and node is not None
    known_name = scope.lookup(symbol) is not None or symbol in context.params
    if divides and known_name and node is not None:
        digits = node.written.split("/")[0].rstrip()
        context.report(
            "no-such-unit",
            f"there is no unit `{symbol}`",
            at,
            f"read as one quantity in `{written}`",
            help=f"to divide by `{symbol}`, write `{digits} / {symbol}`",
            edit=Edit(at, f"{digits} / {symbol}"),
        )
        return
    close = nearest(symbol, context.units)
    notes: tuple[str, ...] = ()
    edit: Edit | None = None
    if symbol in LIBRARY_UNITS:
        hint = f"say where it comes from: `use std.energy: {symbol}`"
        clash = sorted(LIBRARY_UNITS & set(context.units))
        if clash:
            owned = ", ".join(f"`{u}`" for u in clash)
            hint += f", in place of your own declaration of {owned}"
        elif not at.file.startswith("std.") and not context.text.startswith("\ufeff"):
            edit = Edit(s.Span(at.file, 0, 0, 1, 1), f"use std.energy: {symbol}\n")
    elif close:
        hint = f"did you mean `{close}`?"
    else:
        hint = f"declare it: `unit {symbol}`"
        if node is not None:
            notes = ("a number and a word after it on one line are one quantity",)
            hint += f", or begin a new line before `{symbol}`"
    context.report(
        "no-such-unit",
        f"there is no unit `{symbol}`",
        at,
        f"read as the unit `{written}`",
        help=hint,
        notes=notes,
        edit=edit,
    )


def covered(items: tuple[s.Expr, ...]) -> str | None:
    """The unit on the last number of a list, which covers the bare numbers before it."""
    last = items[-1] if items else None
    if isinstance(last, s.Unary) and last.op == "-":
        last = last.operand
    return last.unit if isinstance(last, s.Number) else None


def cover(expr: s.Expr, unit: str | None) -> s.Expr:
    """`expr` with the covering unit put on it, where it is a bare number."""
    if unit is None:
        return expr
    if isinstance(expr, s.Number) and expr.unit is None:
        return s.Number(expr.value, unit, expr.written, expr.at)
    if isinstance(expr, s.Unary) and expr.op == "-":
        return s.Unary(expr.op, cover(expr.operand, unit), expr.at)
    return expr
