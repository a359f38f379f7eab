"""`match`: a choice by the value of a finite subject, every value covered."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any, TypeVar

from opengames import spaces
from opengames.diagnostics import Edit, Window
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.choices import as_kernel, choose, unify
from opengames.dsl.context import WRONG, Scope, Typed, nearest
from opengames.dsl.infer import infer, rule, value
from opengames.dsl.literals import value_words
from opengames.spaces import size
from opengames.terms import Const, Prim, Select, Term

#: A subject with more values than this is matched by tests in sequence and needs a `_` arm.
MAX_VALUES = 20_000

Body = TypeVar("Body")


@rule(s.MatchExpr)
def match_(scope: Scope, node: s.MatchExpr, expected: t.Type | None) -> Typed:
    subjects = subject_parts(scope, node.subject)
    if subjects is None:
        return WRONG
    kinds = tuple(x.type for x in subjects)
    bodies = [infer(scope, body, expected) for _, body in node.arms]
    if all_finite(kinds):
        chosen = cover_values(scope, kinds, [(p, i) for i, (p, _) in enumerate(node.arms)], node.at)
        if chosen is None or t.is_wrong(*(b.type for b in bodies)):
            return WRONG
        kind = unify(scope, [(e, b) for (_, e), b in zip(node.arms, bodies, strict=True)])
        if kind is None:
            return WRONG
        kernel = any(b.kernel for b in bodies)
        cells = tuple(as_kernel(bodies[chosen[point]], kernel) for point in product(*map(_points, kinds)))
        keys = tuple(x.term for x in subjects)
        return Typed(Select(keys, tuple(t.space(k) for k in kinds), cells, at=node.at), kind, kernel)
    return _in_sequence(scope, node, subjects, bodies)


def subject_parts(scope: Scope, node: s.Expr) -> list[Typed] | None:
    """What is matched on: one value, or the parts of a tuple written out."""
    parts = node.items if isinstance(node, s.TupleExpr) else (node,)
    found = [value(scope, p) for p in parts]
    return None if t.is_wrong(*(f.type for f in found)) else found


def all_finite(kinds: tuple[t.Type, ...]) -> bool:
    total = 1
    for kind in kinds:
        n = None if isinstance(kind, t.Record) else size(t.space(kind))
        if n is None:
            return False
        total *= n
    return total <= MAX_VALUES


def _points(kind: t.Type) -> list[Any]:
    return list(spaces.points(t.space(kind)))


def cover_values(
    scope: Scope, kinds: tuple[t.Type, ...], arms: list[tuple[s.Pattern, int]], at: s.Span
) -> dict[tuple[Any, ...], int] | None:
    """Which arm each value of the subject takes; reports gaps and arms that are never reached."""
    chosen: dict[tuple[Any, ...], int] = {}
    points = list(product(*map(_points, kinds)))
    left = dict.fromkeys(points)
    for pattern, number in arms:
        wanted = pattern_values(scope, pattern, kinds)
        if wanted is None:
            return None
        if _ANY in wanted:
            taken = [p for p in left if all(w is _ANY or w == v for w, v in zip(wanted, p, strict=True))]
        else:
            taken = [wanted] if wanted in left else []
        for point in taken:
            del left[point]
        if not taken:
            scope.context.report(
                "unreachable-arm",
                "this arm is never reached",
                pattern.at,
                "its values are all taken above",
                help="put `_ => ...` last" if any(_catches_all(p) for p, n in arms if n < number) else "",
            )
            return None
        chosen.update((p, number) for p in taken)
    missing = list(left)
    if missing:
        words = [_words(p, kinds) for p in missing[:3]]
        scope.context.report(
            "missing-arms",
            "this `match` says nothing about " + ", ".join(words) + (f" and {len(missing) - 3} more" if len(missing) > 3 else ""),
            at,
            f"{len(missing)} of {len(points)} values are not covered",
            help="add an arm for each, or `_ => ...` for the rest",
        )
        return None
    return chosen


def _catches_all(pattern: s.Pattern) -> bool:
    return isinstance(pattern, s.NamePattern) and pattern.name.text == "_"


def _words(point: tuple[Any, ...], kinds: tuple[t.Type, ...]) -> str:
    parts = [value_words(v, k) for v, k in zip(point, kinds, strict=True)]
    return f"`{parts[0]}`" if len(parts) == 1 else "`(" + ", ".join(parts) + ")`"


def pattern_values(scope: Scope, pattern: s.Pattern, kinds: tuple[t.Type, ...]) -> tuple[Any, ...] | None:
    """The constant that each part of the subject must be, or `_ANY`; `None` after a report."""
    if isinstance(pattern, s.NamePattern) and pattern.name.text == "_":
        return (_ANY,) * len(kinds)
    parts = pattern.items if isinstance(pattern, s.TuplePattern) else (pattern,)
    if len(parts) != len(kinds):
        scope.context.report(
            "wrong-count", f"the subject has {len(kinds)} parts, and this pattern has {len(parts)}", pattern.at, "here"
        )
        return None
    found = tuple(pattern_value(scope, part, kind) for part, kind in zip(parts, kinds, strict=True))
    return None if any(f is None for f in found) else found


_ANY = object()


def pattern_value(scope: Scope, part: s.Pattern, kind: t.Type) -> Any:
    """The constant a pattern stands for, `_ANY` for `_`, `None` after a report."""
    context = scope.context
    if isinstance(part, s.NamePattern):
        name = part.name.text
        if name == "_":
            return _ANY
        if isinstance(kind, t.Bool) and name in ("true", "false"):
            return name == "true"
        if isinstance(kind, t.Enum):
            if name in kind.labels:
                return name
            close = nearest(name, kind.labels)
            place = context.declared.get(kind.name)
            context.report(
                "unknown-label",
                f"`{name}` is not one of {t.describe(kind)}",
                part.at,
                "its labels are " + ", ".join(f"`{x}`" for x in kind.labels),
                windows=(Window(place[1], "declared here"),) if place else (),
                help=f"did you mean `{close}`?" if close else "",
                edit=Edit(part.at, close) if close else None,
            )
            return None
        if not isinstance(kind, t.Num):
            context.report("type-mismatch", f"the subject is {t.describe(kind)}", part.at, "another kind of pattern")
            return None
    if isinstance(part, s.NumberPattern) and isinstance(kind, t.Num):
        found = value(scope, part.value)
        if t.is_wrong(found.type):
            return None
        if not isinstance(found.type, t.Num) or found.type.dimension != kind.dimension:
            context.report(
                "unit-mismatch", f"the subject is in {t.unit_words(kind)}", part.at, t.describe(found.type).strip("`")
            )
            return None
        number = found.term.value if isinstance(found.term, Const) else None
        if kind.points is not None and number not in kind.points:
            context.report(
                "outside-type", f"{t.describe(kind)} has no such member", part.at, "never the case",
            )  # fmt: skip
            return None
        return Fraction(number) if number is not None else None
    context.report("type-mismatch", f"the subject is {t.describe(kind)}", part.at, "another kind of pattern")
    return None


def _in_sequence(scope: Scope, node: s.MatchExpr, subjects: list[Typed], bodies: list[Typed]) -> Typed:
    """Arms tried in order, for subjects with infinitely many values; the last one must be `_`."""
    last = node.arms[-1][0]
    if not (isinstance(last, s.NamePattern) and last.name.text == "_"):
        return scope.context.wrong(
            "missing-arms",
            f"this `match` cannot name every value of {t.describe(subjects[0].type)}",
            node.at,
            "not every value is covered",
            help="end with `_ => ...`",
        )
    result = bodies[-1]
    result_node = node.arms[-1][1]
    for (pattern, body_node), body in reversed(list(zip(node.arms[:-1], bodies[:-1], strict=True))):
        test = _sequence_test(scope, pattern, subjects)
        if test is None:
            return WRONG
        result = choose(scope, test, (body_node, body), (result_node, result), node.at)
        result_node = body_node
    return result


def _sequence_test(scope: Scope, pattern: s.Pattern, subjects: list[Typed]) -> Term | None:
    parts = pattern.items if isinstance(pattern, s.TuplePattern) else (pattern,)
    if len(parts) != len(subjects):
        scope.context.report("wrong-count", "the pattern and the subject differ in length", pattern.at, "here")
        return None
    whole: Term = Const(True)
    for part, subject in zip(parts, subjects, strict=True):
        known = pattern_value(scope, part, subject.type)
        if known is None:
            return None
        if known is not _ANY:
            test = Prim("==", (subject.term, Const(known)), at=part.at)
            whole = test if whole == Const(True) else Prim("and", (whole, test), at=pattern.at)
    return whole


__all__ = ["all_finite", "cover_values", "subject_parts"]
