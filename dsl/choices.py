"""`if ... then ... else ...`, and the one type that holds several choices."""

from __future__ import annotations

from opengames.diagnostics import Window
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.context import WRONG, Scope, Typed
from opengames.dsl.infer import infer, rule, want
from opengames.terms import ONE, If, Term, Weighted


@rule(s.IfExpr)
def conditional(scope: Scope, node: s.IfExpr, expected: t.Type | None) -> Typed:
    test = want(scope, node.test, t.BOOL, "the condition of `if`")
    then, other = infer(scope, node.then, expected), infer(scope, node.other, expected)
    return choose(scope, test, (node.then, then), (node.other, other), node.at)


def choose(
    scope: Scope, test: Term, first: tuple[s.Expr, Typed], second: tuple[s.Expr, Typed], at: s.Span
) -> Typed:
    """One of two typed expressions, with the type that holds both."""
    (a_node, a), (b_node, b) = first, second
    if t.is_wrong(a.type, b.type):
        return Typed(If(test, a.term, b.term, at=at), t.join(a.type, b.type) or t.WRONG, a.kernel or b.kernel)
    kind = unify(scope, [(a_node, a), (b_node, b)])
    if kind is None:
        return WRONG
    kernel = a.kernel or b.kernel
    return Typed(If(test, as_kernel(a, kernel), as_kernel(b, kernel), at=at), kind, kernel)


def as_kernel(typed: Typed, kernel: bool) -> Term:
    """A value as the distribution that is sure of it, where its neighbours are distributions."""
    return Weighted(((typed.term, ONE),)) if kernel and not typed.kernel else typed.term


def unify(scope: Scope, choices: list[tuple[s.Expr, Typed]]) -> t.Type | None:
    """The type that holds every choice, or `None` after a report."""
    node, first = choices[0]
    kind: t.Type = first.type
    if len(choices) > 2:
        at_once = t.join_points([c.type for _, c in choices])
        if at_once is not None:
            return at_once
    for other_node, other in choices[1:]:
        joined = t.join(kind, other.type)
        if joined is None:
            both = isinstance(kind, t.Num) and isinstance(other.type, t.Num)
            a = t.unit_words(kind) if both else t.describe(kind)  # type: ignore[arg-type]
            b = t.unit_words(other.type) if both else t.describe(other.type)  # type: ignore[arg-type]
            from opengames.dsl.unit_advice import NOTHING, better, conversion

            advice = NOTHING
            if isinstance(kind, t.Num) and isinstance(other.type, t.Num):
                advice = better(
                    conversion(scope, other_node, other.type, kind), conversion(scope, node, kind, other.type)
                )
            scope.context.report(
                "unit-mismatch" if both else "type-mismatch",
                f"the branches differ: one is {a}, the other {b}",
                other_node.at,
                b,
                windows=(Window(node.at, a),),
                notes=advice.notes,
                help=advice.help,
                edit=advice.edit,
            )
            return None
        kind = joined
    return kind
