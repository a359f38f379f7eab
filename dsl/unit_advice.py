"""What to say where units differ: the likeliest way from the unit that is there to the one that is wanted."""

from __future__ import annotations

from opengames.diagnostics import Edit
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.context import Scope, source
from opengames.dsl.units import Dimension, over
from opengames.plain import dataclass


@dataclass(frozen=True, slots=True)
class Advice:
    help: str = ""
    edit: Edit | None = None
    notes: tuple[str, ...] = ()

    @property
    def worth(self) -> int:
        return 2 if self.edit is not None else 1 if self.help else 0


NOTHING = Advice()

#: Expressions that a factor may be written behind without brackets.
_TIGHT = (s.Number, s.Ident, s.CallExpr, s.IndexExpr, s.Access, s.Comprehension)

_HOUR: Dimension = (("h", 1),)


def conversion(scope: Scope, expr: s.Expr, have: t.Num, wanted: t.Num) -> Advice:
    """How `expr`, which is in the unit of `have`, might become something in the unit of `wanted`."""
    if have.dimension == wanted.dimension or not wanted.dimension:
        return NOTHING
    unit = wanted.unit.symbol if wanted.unit is not None else ""
    if not have.dimension:
        return _with_unit(scope, expr, unit)
    if _currency(have) and _currency(wanted):
        rate = f"{t.unit_words(wanted)}/{t.unit_words(have)}"
        note = "currencies never convert by themselves"
        return Advice(f"declare a rate, `param rate: real {rate} = ...`, and multiply by it", None, (note,))
    up, down = over(wanted.dimension, have.dimension), over(have.dimension, wanted.dimension)
    notes = ("energy is power times time",) if _HOUR in (up, down) and _power_or_energy(have, wanted) else ()
    for sign, factor, verb in (("*", up, "multiply"), ("/", down, "divide")):
        name = _name_of(scope, factor, expr)
        if name is not None:
            what = "a duration" if factor == _HOUR else f"`{name}`"
            return _behind(scope, expr, f"{sign} {name}", f"{verb} by {what}", notes)
    if _HOUR in (up, down):
        return Advice(("multiply" if up == _HOUR else "divide") + " by a duration", None, notes)
    return Advice(notes=notes)


def better(first: Advice, second: Advice) -> Advice:
    """The one that says more; the first of two that say as much."""
    best = first if first.worth >= second.worth else second
    return Advice(best.help, best.edit, first.notes or second.notes)


def _with_unit(scope: Scope, expr: s.Expr, unit: str) -> Advice:
    if not unit:
        return NOTHING
    number = expr.operand if isinstance(expr, s.Unary) and expr.op == "-" else expr
    if isinstance(number, s.Number) and number.unit is None and number.written:
        words = f"{number.written} {unit}"
        return Advice(f"say the unit: `{'-' * (number is not expr)}{words}`", Edit(number.at, words))
    return _behind(scope, expr, f"* 1 {unit}", "give it the unit", ())


def _behind(scope: Scope, expr: s.Expr, factor: str, words: str, notes: tuple[str, ...]) -> Advice:
    """Advice to write `factor` behind `expr`, as an edit where no brackets are needed."""
    if not isinstance(expr, _TIGHT):
        return Advice(f"{words}: `({source(scope, expr, 30)}) {factor}`", None, notes)
    written = source(scope, expr, 1_000)
    return Advice(f"{words}: `{source(scope, expr, 30)} {factor}`", Edit(expr.at, f"{written} {factor}"), notes)


def _name_of(scope: Scope, dimension: Dimension, apart_from: s.Expr) -> str | None:
    """A param or a wire in scope whose unit has this dimension."""
    context = scope.context
    known = [(n, k) for n, k in context.param_types.items()]
    for name in scope.names():
        found = scope.lookup(name) if name.isidentifier() else None
        if found is not None:
            known.append((name, found.type))
    for name, kind in known:
        same = isinstance(apart_from, s.Ident) and apart_from.name == name
        if isinstance(kind, t.Num) and kind.dimension == dimension and dimension and not same:
            return name
    return None


def _currency(kind: t.Num) -> bool:
    return kind.dimension in ((("$", 1),), (("€", 1),))


def _power_or_energy(a: t.Num, b: t.Num) -> bool:
    bases = {base for base, _ in a.dimension + b.dimension}
    return bases <= {"MW", "kW", "W", "GW", "h"} and len(bases) == 2
