"""`for k in K`, `forall`, `exists`: variables that run over a type."""

from __future__ import annotations

from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.context import WRONG, Scope, Typed
from opengames.dsl.infer import rule, value, want
from opengames.dsl.type_expressions import resolve_iter
from opengames.spaces import Space, is_finite
from opengames.terms import Fold, Prim, Tabulate, Term, Var


def bind_iters(scope: Scope, iters: tuple[s.Iter, ...], infinite: bool = False) -> tuple[Scope, list[tuple[str, t.Type]], list[Term]] | None:
    """A scope with the iteration variables, their (fresh name, type) pairs, and the conditions of moving ranges."""
    inner = scope.inner()
    found: list[tuple[str, t.Type]] = []
    conditions: list[Term] = []
    for each in iters:
        kind, moving = resolve_iter(inner, each)
        if t.is_wrong(kind):
            return None
        if isinstance(kind, t.Player):
            scope.context.report("type-mismatch", "nothing runs over all players", each.type.at, "not a set of values")
            return None
        if not infinite and not is_finite(t.space(kind)):
            scope.context.report(
                "infinite-range",
                f"`{each.name.text}` would run over {t.describe(kind)}, which is not finite",
                each.type.at,
                "not finite",
                help="use an enumeration, a set or a range such as `1..24`",
            )
            return None
        fresh = scope.context.fresh(each.name.text)
        inner.bind(each.name, Typed(Var(fresh), kind))
        if moving is not None:
            conditions.append(moving(Var(fresh)))
        found.append((fresh, kind))
    return inner, found, conditions


def comprehended(
    scope: Scope, node: s.Comprehension
) -> tuple[Scope, tuple[tuple[str, Space], ...], Term | None] | None:
    """Where the body of `... for i in T if c` stands, the indices with their spaces, and the condition; `None` after a report."""
    bound = bind_iters(scope, node.iters)
    if bound is None:
        return None
    inner, iters, conditions = bound
    if node.test is not None:
        conditions.append(want(inner, node.test, t.BOOL, "what follows `if`"))
    return inner, tuple((n, t.space(kind)) for n, kind in iters), both(conditions)


def both(conditions: list[Term]) -> Term | None:
    """The conjunction of some conditions, `None` if there are none."""
    whole: Term | None = None
    for each in conditions:
        whole = each if whole is None else Prim("and", (whole, each))
    return whole


@rule(s.Quantified)
def quantified(scope: Scope, node: s.Quantified, expected: t.Type | None) -> Typed:
    bound = bind_iters(scope, node.iters, infinite=True)
    if bound is None:
        return WRONG
    inner, iters, conditions = bound
    if node.where is not None:
        conditions.append(want(inner, node.where, t.BOOL, "what follows `where`"))
    body = want(inner, node.body, t.BOOL, f"what `{node.kind}` claims")
    op = "and" if node.kind == "forall" else "or"
    spaces = tuple((name, t.space(kind)) for name, kind in iters)
    return Typed(Fold(op, spaces, body, both(conditions), at=node.at), t.BOOL)


@rule(s.FamilyOf)
def family_of(scope: Scope, node: s.FamilyOf, expected: t.Type | None) -> Typed:
    bound = bind_iters(scope, node.iters)
    if bound is None:
        return WRONG
    inner, iters, conditions = bound
    if node.test is not None or conditions:
        return scope.context.wrong(
            "partial-family",
            "a family has an element for every index, and this one leaves some out",
            (node.test.at if node.test is not None else node.at),
            "leaves elements out",
            help="choose a value for the others: `if ... then ... else ...` before `for`",
        )
    item_hint = expected.item if isinstance(expected, t.Family) else None
    body = value(inner, node.body, item_hint)
    if t.is_wrong(body.type):
        return WRONG
    kind = t.family(tuple(k for _, k in iters), body.type)
    return Typed(Tabulate(tuple((n, t.space(k)) for n, k in iters), body.term, at=node.at), kind)
