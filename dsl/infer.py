"""Type inference by shape of the expression: `infer` finds the rule for a node and applies it.

Rules register themselves (`@rule(s.Binary)`); the modules that hold them are listed in `check`.
A rule returns a `Typed` and reports what is wrong to the context; it never raises for a user's mistake.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from opengames.diagnostics import Refusal, Window
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.context import WRONG, Scope, Typed, origin, source
from opengames.spaces import contains
from opengames.terms import Check, Const, Term, free

Rule = Callable[[Scope, Any, t.Type | None], Typed]

_RULES: dict[type, Rule] = {}


def rule(*nodes: type) -> Callable[[Rule], Rule]:
    """Register the inference rule of one or more kinds of node."""

    def register(apply: Rule) -> Rule:
        for node in nodes:
            _RULES[node] = apply
        return apply

    return register


def infer(scope: Scope, expr: s.Expr, expected: t.Type | None = None) -> Typed:
    """The term and type of `expr`. `expected` guides literals and labels; it is not enforced (see `want`)."""
    return _RULES[type(expr)](scope, expr, expected)


def value(scope: Scope, expr: s.Expr, expected: t.Type | None = None) -> Typed:
    """As `infer`, for places where a distribution cannot stand."""
    found = infer(scope, expr, expected)
    if found.kernel:
        return scope.context.wrong(
            "distribution-as-value",
            "a distribution stands where a value is wanted",
            expr.at,
            "this is a distribution",
            help="draw from it first: `x ~ ...`, and use `x`",
        )
    return found


def want(scope: Scope, expr: s.Expr, wanted: t.Type, what: str, declared: s.Span | None = None) -> Term:
    """The term of `expr` as a value of type `wanted`; reports where it cannot be one.

    what: how a message calls the place ("the first argument of `payoff`"). declared: where `wanted` comes from.
    """
    return conform(scope, value(scope, expr, wanted), expr, wanted, what, declared)


def conform(
    scope: Scope, found: Typed, expr: s.Expr, wanted: t.Type, what: str, declared: s.Span | None = None
) -> Term:
    """As `want`, for an expression already inferred."""
    verdict = t.fit(found.type, wanted)
    if not verdict.ok:
        _clash(scope, found, expr, wanted, what, declared, verdict.reason)
        return WRONG.term
    if t.is_wrong(found.type, wanted) or not verdict.checked:
        return found.term
    space = t.space(wanted)
    if isinstance(found.term, Const):
        inside = contains(space, found.term.value) and _whole(found.term.value, wanted)
        if not inside:
            shown = _const_words(found)
            scope.context.report(
                "outside-type",
                f"{what} must be in {t.describe(wanted)}, and {shown} is not",
                expr.at,
                f"{shown}",
                windows=_declared(declared, wanted),
                notes=_members(wanted),
            )
        return found.term
    return Check(found.term, space, what, at=expr.at)


def _whole(number: Any, wanted: t.Type) -> bool:
    return not (isinstance(wanted, t.Num) and wanted.integral) or getattr(number, "denominator", 1) == 1


def _const_words(found: Typed) -> str:
    if isinstance(found.type, t.Num) and isinstance(found.term, Const):
        return f"`{t.number(found.term.value, found.type.unit)}`"
    return "this value"


def _members(wanted: t.Type) -> tuple[str, ...]:
    if isinstance(wanted, t.Num) and wanted.points is not None and len(wanted.points) <= 12:
        return ("its members are " + ", ".join(t.number(v, wanted.unit) for v in wanted.points),)
    return ()


def _declared(declared: s.Span | None, wanted: t.Type) -> tuple[Window, ...]:
    return (Window(declared, f"declared as {t.describe(wanted)} here"),) if declared is not None else ()


def _clash(
    scope: Scope, found: Typed, expr: s.Expr, wanted: t.Type, what: str, declared: s.Span | None, reason: str
) -> None:
    context = scope.context
    windows = _declared(declared, wanted) + origin(scope, expr, f"{t.describe(found.type)}, from here")
    if reason == "unit" and isinstance(found.type, t.Num) and isinstance(wanted, t.Num):
        from opengames.dsl.unit_advice import conversion

        needs, has = t.unit_words(wanted), t.unit_words(found.type)
        advice = conversion(scope, expr, found.type, wanted)
        context.report(
            "unit-mismatch",
            f"{what} must be in {needs}, and this is {has}" if wanted.dimension else f"{what} must be {needs}, and this is in {has}",
            expr.at,
            f"{has}",
            windows=windows,
            notes=advice.notes,
            help=advice.help,
            edit=advice.edit,
        )
        return
    context.report(
        "type-mismatch",
        f"{what} must be {t.describe(wanted)}, and this is {t.describe(found.type)}",
        expr.at,
        f"{t.describe(found.type)}",
        windows=windows,
        help=_way_out(scope, expr, found.type, wanted),
    )


def _way_out(scope: Scope, expr: s.Expr, found: t.Type, wanted: t.Type) -> str:
    words = source(scope, expr, 30)
    match found, wanted:
        case t.Enum(labels=labels), t.Bool():
            return f"compare it: `{words} == {labels[0]}`"
        case t.Num(), t.Bool() if not isinstance(expr, s.Number):
            return f"compare it: `{words} > {t.number(Fraction(0), found.unit)}`"
        case t.Bool(), t.Num(dimension=()):
            return f"`ind({words})` is 1 where it holds and 0 elsewhere"
        case t.Family(index=index, item=item), _ if t.fit(item, wanted).ok:
            return f"choose one element: `{words}[{', '.join('ijk'[n % 3] for n in range(len(index)))}]`"
        case t.Record(fields=fields), _ if any(t.fit(kind, wanted).ok for _, kind in fields):
            return f"choose a field: `{words}.{next(n for n, kind in fields if t.fit(kind, wanted).ok)}`"
    return ""


def constant(scope: Scope, term: Term, at: s.Span) -> Any:
    """The value of a term that is known before play; `None`, after a report, if it has none."""
    if free(term):
        scope.context.report(
            "size-not-constant", "this must be known before play, and it depends on a wire", at, "only known while playing"
        )
        return None
    try:
        return scope.context.constant(term)
    except Refusal as refusal:
        for d in refusal.diagnostics:
            scope.context.report(
                d.code, d.headline, d.span or at, d.label, notes=d.notes, help=d.help, windows=d.windows
            )
        return None
