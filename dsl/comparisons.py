"""`a <= b < c`, `x == y` and `x in X`."""

from __future__ import annotations

from opengames.diagnostics import Window
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.context import WRONG, Scope, Typed, origin, source
from opengames.dsl.infer import rule, value
from opengames.dsl.operators import unit_clash
from opengames.dsl.quantities import cover, covered
from opengames.dsl.type_expressions import values_of
from opengames.terms import Member, Prim, Term, free


@rule(s.Compare)
def compare(scope: Scope, node: s.Compare, expected: t.Type | None) -> Typed:
    compared = _compare_channels(scope, node)
    if compared is not None:
        return compared
    operands = _operands(scope, node)
    parts: list[Term] = []
    for i, op in enumerate(node.ops):
        pair = s.Compare((node.operands[i], node.operands[i + 1]), (op,), node.at)
        part = _compare_two(scope, pair, op, operands[i], operands[i + 1])
        if part is None:
            return WRONG
        parts.append(part)
    whole = parts[0]
    for part in parts[1:]:
        whole = Prim("and", (whole, part), at=node.at)
    return Typed(whole, t.BOOL)


def _operands(scope: Scope, node: s.Compare) -> list[Typed]:
    """Operands, with labels read in the type of their neighbour."""
    found: list[Typed | None] = [None] * len(node.operands)
    late = [i for i, e in enumerate(node.operands) if isinstance(e, s.Ident) and scope.lookup(e.name) is None]
    for i, e in enumerate(node.operands):
        if i not in late:
            found[i] = value(scope, e)
    known = next((f.type for f in found if f is not None and not t.is_wrong(f.type)), None)
    for i in late:
        found[i] = late_one = value(scope, node.operands[i], known)
        if t.is_wrong(late_one.type):
            return [WRONG] * len(found)
    return [f for f in found if f is not None]


def _compare_two(scope: Scope, node: s.Compare, op: str, left: Typed, right: Typed) -> Term | None:
    a, b = left.type, right.type
    if t.is_wrong(a, b):
        return None
    if isinstance(a, t.Num) and isinstance(b, t.Num):
        if a.dimension != b.dimension:
            unit_clash(scope, node, a, b, f"`{source(scope, node.operands[0])} {op} {source(scope, node.operands[1])}` compares {t.unit_words(a)} with {t.unit_words(b)}")
            return None
        scope.context.compared[node.at] = a if a.unit is not None else b
        return Prim(op, (left.term, right.term), at=node.at)
    if t.join(a, b) is None:
        scope.context.report(
            "type-mismatch",
            f"`{op}` compares two values of one type, not {t.describe(a)} with {t.describe(b)}",
            node.operands[0].at,
            t.describe(a),
            windows=(
                Window(node.operands[1].at, t.describe(b)),
                *origin(scope, node.operands[0], f"{t.describe(a)}, declared here"),
                *origin(scope, node.operands[1], f"{t.describe(b)}, declared here"),
            ),
        )
        return None
    if op not in ("==", "!="):
        scope.context.report(
            "type-mismatch",
            f"`{op}` orders numbers, and these are {t.describe(a)}",
            node.operands[0].at,
            t.describe(a),
            help="only `==` and `!=` compare labels, truth values, records and families",
        )
        return None
    return Prim(op, (left.term, right.term), at=node.at)


def _compare_channels(scope: Scope, node: s.Compare) -> Typed | None:
    """`f >> g == h`, a claim about channels."""
    if not scope.questions or len(node.ops) != 1 or node.ops[0] != "==":
        return None
    from opengames.dsl.compositions import channel_claim

    return channel_claim(scope, node)


@rule(s.MemberOf)
def member(scope: Scope, node: s.MemberOf, expected: t.Type | None) -> Typed:
    inner = value(scope, node.value)
    if isinstance(node.type, s.IntervalType):
        bounds = _moving_interval(scope, node, inner)
        if bounds is not None:
            return bounds
    within = values_of(scope, node.type)
    if t.is_wrong(inner.type, within):
        return WRONG
    item = inner.type.item if isinstance(inner.type, t.Family) and not isinstance(within, t.Family) else inner.type
    verdict = t.fit(item, within)
    if not verdict.ok:
        unit = verdict.reason == "unit" and isinstance(item, t.Num) and isinstance(within, t.Num)
        words = (
            f"{t.unit_words(item)}, and the set is in {t.unit_words(within)}"  # type: ignore[arg-type]
            if unit
            else f"{t.describe(inner.type)}, and the set holds {t.describe(within)}"
        )
        return scope.context.wrong(
            "unit-mismatch" if unit else "type-mismatch", f"what stands before `in` is {words}", node.value.at, t.describe(inner.type)
        )
    if item is not inner.type:
        return scope.context.wrong(
            "type-mismatch",
            "a whole family stands before `in`",
            node.value.at,
            t.describe(inner.type),
            help="ask it for every element: `forall i in I: x[i] in ...`",
        )
    if isinstance(item, t.Num):
        scope.context.compared[node.at] = item
    return Typed(Member(inner.term, t.space(within), at=node.at), t.BOOL)


def _moving_interval(scope: Scope, node: s.MemberOf, inner: Typed) -> Typed | None:
    """`x in [a, b]` where a bound is only known while playing: two comparisons."""
    assert isinstance(node.type, s.IntervalType)
    unit = covered((node.type.lower, node.type.upper))
    lower, upper = value(scope, cover(node.type.lower, unit)), value(scope, node.type.upper)
    if t.is_wrong(lower.type, upper.type) or not (free(lower.term) or free(upper.term)):
        return None
    parts = []
    for low, high, a, b in (
        (node.type.lower, node.value, lower, inner),
        (node.value, node.type.upper, inner, upper),
    ):
        part = _compare_two(scope, s.Compare((low, high), ("<=",), node.at), "<=", a, b)
        if part is None:
            return WRONG
        parts.append(part)
    return Typed(Prim("and", tuple(parts), at=node.at), t.BOOL)
