"""Types as written, to the checker's types."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from opengames.diagnostics import Edit, Window
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.context import Scope, nearest, rational
from opengames.dsl.infer import constant, value
from opengames.dsl.quantities import LIBRARY_UNITS, cover, covered, find_unit
from opengames.spaces import size
from opengames.terms import Prim, Term, free

#: Limits on what a type may hold. They bound memory before anything is built.
MAX_POINTS = 200_000
MAX_ELEMENTS = 1_000_000

BUILTIN: dict[str, t.Type] = {
    "bool": t.BOOL,
    "real": t.REAL,
    "prob": t.PROB,
    "nat": t.NAT,
    "player": t.Player(),
}

#: A condition that a range with a moving end puts on its variable.
Filter = Callable[[Term], Term]


def resolve(scope: Scope, node: s.TypeExpr) -> t.Type:
    """The type that `node` names; `WRONG` after a report."""
    match node:
        case s.NamedType(name=name):
            return _named(scope, name)
        case s.RealType(unit=unit):
            if unit is None:
                return t.REAL
            found = find_unit(scope, unit, node.unit_at or node.at)
            return t.WRONG if found is None else t.Num(found.dimension, unit=found)
        case s.IntervalType():
            return _interval(scope, node)
        case s.RangeType():
            found_range, moving = resolve_range(scope, node)
            if moving is not None:
                scope.context.report(
                    "size-not-constant",
                    "the end of this range is only known while playing",
                    node.last.at,
                    "depends on a wire",
                    notes=("a type's size must be known before anything flows",),
                    help="use a param or a number here",
                )
                return t.WRONG
            return found_range
        case s.SetType():
            return _set(scope, node)
        case s.RecordType(fields=fields):
            return _record(scope, fields)
        case s.FamilyType():
            return _family(scope, node)
    raise TypeError(f"not a type: {node!r}")


def values_of(scope: Scope, node: s.TypeExpr) -> t.Type:
    """As `resolve`, for a set of values: `player` is none."""
    found = resolve(scope, node)
    if isinstance(found, t.Player):
        scope.context.report("type-mismatch", "a player is not a value", node.at, "players are no set of values")
        return t.WRONG
    return found


def _named(scope: Scope, name: s.Name) -> t.Type:
    context = scope.context
    static = scope.type(name.text)
    if static is not None:
        return static
    context.demand(name.text)
    if name.text in context.types:
        return context.types[name.text]
    if name.text in BUILTIN:
        return BUILTIN[name.text]
    if name.text in context.declared and context.declared[name.text][0] == "type":
        return t.WRONG
    close = nearest(name.text, [*context.types, *BUILTIN])
    kind = context.declared.get(name.text, ("", None))[0]
    if name.text in context.units or (name.text in LIBRARY_UNITS and not close):
        context.report(
            "unknown-type",
            f"`{name.text}` is a unit, not a type",
            name.at,
            "a unit",
            help=f"numbers in this unit are `real {name.text}`",
            edit=Edit(name.at, f"real {name.text}"),
        )
        return t.WRONG
    context.report(
        "unknown-type",
        f"there is no type `{name.text}`",
        name.at,
        f"`{name.text}` is a {kind}, not a type" if kind else "not declared",
        help=f"did you mean `{close}`?" if close else f"declare it: `type {name.text} = ...`",
        edit=Edit(name.at, close) if close else None,
    )
    return t.WRONG


def _interval(scope: Scope, node: s.IntervalType) -> t.Type:
    unit = covered((node.lower, node.upper))
    lower = value(scope, cover(node.lower, unit))
    upper = value(scope, node.upper)
    if t.is_wrong(lower.type, upper.type):
        return t.WRONG
    if not isinstance(lower.type, t.Num) or not isinstance(upper.type, t.Num):
        bad = node.lower if not isinstance(lower.type, t.Num) else node.upper
        scope.context.report("type-mismatch", "an interval runs between two numbers", bad.at, "not a number")
        return t.WRONG
    if lower.type.dimension != upper.type.dimension:
        scope.context.report(
            "unit-mismatch",
            f"the ends of this interval are {t.unit_words(lower.type)} and {t.unit_words(upper.type)}",
            node.at,
            "one interval, two units",
            help="give both ends the same unit",
        )
        return t.WRONG
    ends = [_constant_end(scope, e.term, n) for e, n in ((lower, node.lower), (upper, node.upper))]
    if ends[0] is None or ends[1] is None:
        return t.WRONG
    if ends[0] > ends[1]:
        scope.context.report(
            "empty-type",
            "this interval is empty: its lower end is above its upper end",
            node.at,
            f"from {t.number(ends[0], lower.type.unit)} to {t.number(ends[1], upper.type.unit)}",
            help="swap the ends",
        )
        return t.WRONG
    return t.Num(upper.type.dimension, ends[0], ends[1], unit=upper.type.unit or lower.type.unit)


def _constant_end(scope: Scope, term: Term, node: s.Expr) -> Fraction | None:
    if free(term):
        scope.context.report(
            "size-not-constant",
            "this bound is only known while playing",
            node.at,
            "depends on a wire",
            help="compare instead: `lower <= x and x <= upper`",
        )
        return None
    found = constant(scope, term, node.at)
    return None if found is None else rational(found) if not isinstance(found, float) else Fraction(found)


def resolve_range(scope: Scope, node: s.RangeType) -> tuple[t.Type, Filter | None]:
    """The set that a range denotes. If its end moves (`1..k`), the largest it can be, and the condition that cuts it."""
    unit = covered(tuple(e for e in (node.first, node.last, node.step) if e is not None))
    first = value(scope, cover(node.first, unit))
    last = value(scope, cover(node.last, unit))
    step = value(scope, node.step) if node.step is not None else None
    kinds = [e.type for e in (first, last, step) if e is not None]
    if t.is_wrong(*kinds):
        return t.WRONG, None
    if not all(isinstance(k, t.Num) for k in kinds):
        scope.context.report("type-mismatch", "a range runs between two numbers", node.at, "not numbers")
        return t.WRONG, None
    if len({k.dimension for k in kinds if isinstance(k, t.Num)}) > 1:
        words = " and ".join(dict.fromkeys(t.unit_words(k) for k in kinds if isinstance(k, t.Num)))
        scope.context.report("unit-mismatch", f"this range mixes {words}", node.at, "one range, two units")
        return t.WRONG, None
    assert isinstance(last.type, t.Num) and isinstance(first.type, t.Num)
    moving: Filter | None = None
    if free(last.term):
        if last.type.upper is None:
            scope.context.report(
                "size-not-constant",
                "the end of this range is only known while playing, and it has no bound",
                node.last.at,
                f"can be any {t.describe(last.type)}",
                help="end at a number or a param, or give the wire a finite type such as `1..24`",
            )
            return t.WRONG, None
        end: Fraction | None = last.type.upper
        limit = last.term
        moving = lambda var: Prim("<=", (var, limit), at=node.at)  # noqa: E731
    else:
        end = _constant_end(scope, last.term, node.last)
    start = _constant_end(scope, first.term, node.first)
    stride = Fraction(1)
    if step is not None:
        given = _constant_end(scope, step.term, node.step or node.first)
        if given is None:
            return t.WRONG, None
        stride = given
    elif unit is not None and isinstance(first.type, t.Num) and first.type.unit is not None:
        stride = first.type.unit.scale
    if start is None or end is None:
        return t.WRONG, None
    if stride <= 0:
        scope.context.report("empty-type", "the step of a range must be above zero", node.at, "never arrives")
        return t.WRONG, None
    count = int((end - start) / stride) + 1 if end >= start else 0
    if count <= 0 and moving is None:
        scope.context.report(
            "empty-type",
            "this range is empty: it ends before it starts",
            node.at,
            f"from {t.number(start, first.type.unit)} to {t.number(end, last.type.unit)}",
            help="ranges go up; a loop runs backwards with `reversed`",
        )
        return t.WRONG, None
    if count > MAX_POINTS:
        scope.context.report(
            "over-budget",
            f"this range has {count:,} points, and the limit is {MAX_POINTS:,}",
            node.at,
            "too many points",
            help="use a larger step, or an interval `[a, b]` if no enumeration is needed",
        )
        return t.WRONG, None
    values = tuple(start + i * stride for i in range(max(count, 1)))
    shown = last.type.unit or first.type.unit
    whole = start.denominator == 1 and stride.denominator == 1
    return t.Num(first.type.dimension, values[0], values[-1], values, whole, shown), moving


def _set(scope: Scope, node: s.SetType) -> t.Type:
    unit = covered(node.items)
    if _names_in_braces(scope, node):
        return t.WRONG
    found: dict[Fraction, s.Expr] = {}
    like: t.Num | None = None
    for item in node.items:
        each = value(scope, cover(item, unit))
        if t.is_wrong(each.type):
            return t.WRONG
        if not isinstance(each.type, t.Num):
            scope.context.report(
                "type-mismatch",
                "a set in braces holds numbers",
                item.at,
                "not a number",
                help="for names, declare an enumeration: `type T = A | B`",
            )
            return t.WRONG
        if like is not None and like.dimension != each.type.dimension:
            scope.context.report(
                "unit-mismatch",
                f"this set mixes {t.unit_words(like)} and {t.unit_words(each.type)}",
                item.at,
                t.unit_words(each.type),
            )
            return t.WRONG
        like = like or each.type
        number = _constant_end(scope, each.term, item)
        if number is None:
            return t.WRONG
        if number in found:
            scope.context.report(
                "duplicate-value",
                f"this set lists {t.number(number, like.unit)} twice",
                item.at,
                "again here",
                windows=(Window(found[number].at, "first here"),),
            )
            return t.WRONG
        found[number] = item
    assert like is not None
    return t.Num(like.dimension, min(found), max(found), tuple(found), unit=like.unit)


def _names_in_braces(scope: Scope, node: s.SetType) -> bool:
    """Whether the set lists new names, after a report: it was meant as an enumeration."""
    names = [i.name for i in node.items if isinstance(i, s.Ident)]
    context = scope.context
    if len(names) < len(node.items) or any(scope.lookup(n) or n in context.declared for n in names):
        return False
    listed = " | ".join(names)
    declares = re.search(r"\btype\s+(\w+)\s*=\s*$", context.text[: node.at.start])
    context.report(
        "type-mismatch",
        "a set in braces holds numbers, and these are names",
        node.at,
        "read as numbers that are declared elsewhere",
        help=f"names make an enumeration: `type {declares.group(1) if declares else 'T'} = {listed}`",
        edit=Edit(node.at, listed) if declares and len(names) > 1 else None,
    )
    return True


def _record(scope: Scope, fields: tuple[s.Field, ...]) -> t.Type:
    seen: dict[str, s.Span] = {}
    for each in fields:
        if each.name.text in seen:
            scope.context.report(
                "duplicate-name", f"two fields are called `{each.name.text}`", each.name.at, "again here"
            )
        seen[each.name.text] = each.name.at
    found = tuple((f.name.text, values_of(scope, f.type)) for f in fields)
    return t.WRONG if t.is_wrong(*(x for _, x in found)) else t.Record(found)


def _family(scope: Scope, node: s.FamilyType) -> t.Type:
    item = values_of(scope, node.item)
    index = tuple(resolve(scope, i) for i in node.index)
    if t.is_wrong(item, *index):
        return t.WRONG
    for each, written in zip(index, node.index, strict=True):
        if isinstance(each, t.Player) or size(t.space(each)) is None:
            scope.context.report(
                "infinite-index",
                f"a family is indexed by a finite type, and {t.describe(each)} is not finite",
                written.at,
                "not finite",
                help="use an enumeration or a range such as `1..24`",
            )
            return t.WRONG
    made = t.family(index, item)
    elements = 1
    for each in index:
        elements *= size(t.space(each)) or 1
    if elements > MAX_ELEMENTS:
        scope.context.report(
            "over-budget",
            f"this family has {elements:,} elements, and the limit is {MAX_ELEMENTS:,}",
            node.at,
            "too many elements",
            help="use smaller index types",
        )
        return t.WRONG
    return made


def resolve_iter(scope: Scope, node: s.Iter) -> tuple[t.Type, Filter | None]:
    """The type that an iteration variable runs over, and the condition if its range moves."""
    if isinstance(node.type, s.RangeType):
        return resolve_range(scope, node.type)
    return resolve(scope, node.type), None
