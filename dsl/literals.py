"""Tuples, records, distributions and families, written out."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from typing import Any

from opengames import spaces
from opengames.diagnostics import Edit, Window
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.choices import unify
from opengames.dsl.context import WRONG, Scope, Typed, as_constant, nearest, source
from opengames.dsl.infer import constant, rule, value, want
from opengames.dsl.quantities import cover, covered
from opengames.terms import Const, Pack, Tabulate, Term, Weighted, free


@rule(s.TupleExpr)
def tuple_(scope: Scope, node: s.TupleExpr, expected: t.Type | None) -> Typed:
    if not isinstance(expected, t.Record) or len(expected.fields) != len(node.items):
        kinds = [value(scope, e) for e in node.items]
        if t.is_wrong(*(k.type for k in kinds)):
            return WRONG
        if isinstance(expected, t.Record):
            return scope.context.wrong(
                "wrong-count",
                f"{t.describe(expected)} has {len(expected.fields)} fields, and {len(node.items)} values are given",
                node.at,
                f"{len(node.items)} values",
            )
        names = tuple((str(i + 1), k.type) for i, k in enumerate(kinds))
        return Typed(Pack(tuple(k.term for k in kinds), at=node.at), t.Record(names))
    items = tuple(
        want(scope, e, kind, f"`{name}`") for e, (name, kind) in zip(node.items, expected.fields, strict=True)
    )
    return _pack(items, node.at, expected)


def _pack(items: tuple[Term, ...], at: s.Span, kind: t.Type) -> Typed:
    if all(isinstance(i, Const) for i in items):
        return Typed(Const(tuple(i.value for i in items if isinstance(i, Const)), at=at), kind)
    return Typed(Pack(items, at=at), kind)


@rule(s.RecordExpr)
def record(scope: Scope, node: s.RecordExpr, expected: t.Type | None) -> Typed:
    given: dict[str, tuple[s.Name, s.Expr]] = {}
    for name, expr in node.entries:
        if name.text in given:
            return scope.context.wrong("duplicate-name", f"`{name.text}` is given twice", name.at, "again here")
        given[name.text] = (name, expr)
    if not isinstance(expected, t.Record):
        found = [(n, value(scope, e)) for n, (_, e) in given.items()]
        if t.is_wrong(*(k.type for _, k in found)):
            return WRONG
        return _pack(tuple(k.term for _, k in found), node.at, t.Record(tuple((n, k.type) for n, k in found)))
    names = [n for n, _ in expected.fields]
    for extra, (name, _) in given.items():
        if extra not in names:
            close = nearest(extra, names)
            return scope.context.wrong(
                "no-such-field",
                f"there is no field `{extra}` in {t.describe(expected)}",
                name.at,
                "its fields are " + ", ".join(f"`{n}`" for n in names),
                help=f"did you mean `{close}`?" if close else "",
            )
    missing = [n for n in names if n not in given]
    if missing:
        return scope.context.wrong(
            "missing-fields",
            f"{t.describe(expected)} also needs " + ", ".join(f"`{n}`" for n in missing),
            node.at,
            "incomplete record",
        )
    items = tuple(want(scope, given[n][1], kind, f"`{n}`") for n, kind in expected.fields)
    return _pack(items, node.at, expected)


# ------------------------------------------------------------------- distributions


@rule(s.DistExpr)
def distribution(scope: Scope, node: s.DistExpr, expected: t.Type | None) -> Typed:
    unit = covered(tuple(v for v, _ in node.pairs))
    found = [(value(scope, cover(v, unit), expected), v) for v, _ in node.pairs]
    chances = [
        want(scope, cover(c, covered(tuple(c for _, c in node.pairs))), t.Num(), "a chance") for _, c in node.pairs
    ]
    if t.is_wrong(*(f.type for f, _ in found)):
        return WRONG
    kind = unify(scope, [(v, f) for f, v in found])
    if kind is None:
        return WRONG
    if not _no_repeats(scope, found):
        return WRONG
    pairs_of = [(c, e) for c, (_, e) in zip(chances, node.pairs, strict=True)]
    check_chances(scope, node, pairs_of, [v for _, v in found], "this distribution", "distribution-sum")
    pairs = tuple((f.term, c) for (f, _), c in zip(found, chances, strict=True))
    return Typed(Weighted(pairs, at=node.at), _finite(kind, found), kernel=True)


def _finite(kind: t.Type, found: list[tuple[Typed, s.Expr]]) -> t.Type:
    """Numbers written out are the whole support: the type is that set."""
    values = [as_constant(f) for f, _ in found]
    if isinstance(kind, t.Num) and all(isinstance(v, Fraction) for v in values):
        return t.grid([v for v in values if isinstance(v, Fraction)], kind)
    return kind


def _no_repeats(scope: Scope, found: list[tuple[Typed, s.Expr]]) -> bool:
    seen: dict[Any, s.Expr] = {}
    for each, node in found:
        known = as_constant(each)
        if known is None:
            continue
        if known in seen:
            scope.context.report(
                "duplicate-value",
                f"this distribution gives `{source(scope, node)}` two chances",
                node.at,
                "again here",
                windows=(Window(seen[known].at, "first here"),),
                help="add the two chances up",
            )
            return False
        seen[known] = node
    return True


def check_chances(
    scope: Scope, node: s.Expr, chances: list[tuple[Term, s.Expr]], values: list[s.Expr], what: str, code: str
) -> None:
    """Report chances that are known now and are negative, or do not add up to one."""
    if any(free(c) for c, _ in chances) or not all(isinstance(c, Const) for c, _ in chances):
        return
    numbers = [c.value for c, _ in chances if isinstance(c, Const)]
    for number, (_, written) in zip(numbers, chances, strict=True):
        if number < 0 or number > 1:
            scope.context.report(
                "not-a-distribution", f"a chance lies between 0 and 1, and {t.decimal(number)} does not", written.at,
                "not a chance",
            )  # fmt: skip
            return
    total = sum(numbers, Fraction(0))
    if total == 1:
        return
    last = 1 - sum(numbers[:-1], Fraction(0))
    percent = any(isinstance(e, s.Number) and e.unit == "%" for _, e in chances)
    words = _chance_words(total, percent)
    parts = " + ".join(_chance_words(n, percent) for n in numbers)
    help_text, edit = "", None
    if 0 <= last <= 1:
        help_text = f"did you mean {_chance_words(last, percent)} for `{source(scope, values[-1])}`?"
        edit = Edit(chances[-1][1].at, _chance_words(last, percent).replace(" ", ""))
    first_at, last_at = chances[0][1].at, chances[-1][1].at
    scope.context.report(
        code, f"{what} adds up to {words}", first_at.to(last_at) if code == "row-sum" else node.at, parts,
        help=help_text, edit=edit,
    )  # fmt: skip


def _chance_words(number: Fraction, percent: bool) -> str:
    if percent and (number * 100 * 10**6).denominator == 1:
        return f"{t.decimal(number * 100)}%"
    return t.decimal(number)


# ------------------------------------------------------------------------ families


@rule(s.FamilyExpr)
def family(scope: Scope, node: s.FamilyExpr, expected: t.Type | None) -> Typed:
    context = scope.context
    if not isinstance(expected, t.Family):
        keys = [value(scope, k) for k, _ in node.pairs]
        kinds = {k.type for k in keys}
        if len(kinds) != 1 or not isinstance(next(iter(kinds)), (t.Enum, t.Bool)):
            return context.wrong(
                "family-needs-type",
                "nothing here says what this family is indexed by",
                node.at,
                "over which index?",
                help="declare its type: `x: real[Bus] = [...]`",
            )
        items = [value(scope, e) for _, e in node.pairs] + ([value(scope, node.other)] if node.other else [])
        if t.is_wrong(*(i.type for i in items)):
            return WRONG
        exprs = [e for _, e in node.pairs] + ([node.other] if node.other else [])
        item = unify(scope, list(zip(exprs, items, strict=True)))
        if item is None:
            return WRONG
        expected = t.Family((next(iter(kinds)),), item.plain if isinstance(item, t.Num) else item)
    index = expected.index
    erased = tuple(t.space(i) for i in index)
    count = spaces.index_size(erased)
    cells: dict[Any, tuple[Term, s.Expr]] = {}
    unit = covered(tuple(e for _, e in node.pairs)) if node.other is None else None
    for key, expr in node.pairs:
        where = _key(scope, key, index)
        if where is None:
            return WRONG
        if where in cells:
            return context.wrong(
                "duplicate-value",
                f"this family gives `{source(scope, key)}` two values",
                key.at,
                "again here",
                windows=(Window(cells[where][1].at, "its first value"),),
            )
        cells[where] = (want(scope, cover(expr, unit), expected.item, "an element of this family"), expr)
    other = want(scope, node.other, expected.item, "the `else` of this family") if node.other is not None else None
    missing = count - len(cells)
    if missing and other is None:
        gaps = list(islice((p for p in spaces.index_points(erased) if p not in cells), 3))
        shown = ", ".join(_point_words(p, index) for p in gaps) + (f" and {missing - 3} more" if missing > 3 else "")
        return context.wrong(
            "missing-elements",
            f"this family says nothing about {shown}",
            node.at,
            f"{missing} of {count} missing",
            help="add them, or `else: ...` for the rest",
        )
    terms: list[Term | None] = [other] * count
    places = [{point: i for i, point in enumerate(spaces.points(each))} for each in erased] if cells else []
    for key_values, (term, _) in cells.items():
        place = 0
        for value_there, known in zip(key_values, places, strict=True):
            place = place * len(known) + known[value_there]
        terms[place] = term
    return _table_of(scope, [x for x in terms if x is not None], expected, node.at)


def _table_of(scope: Scope, terms: list[Term], kind: t.Family, at: s.Span) -> Typed:
    """A family from its elements in storage order."""
    if all(isinstance(x, Const) for x in terms):
        return Typed(Const(tuple(x.value for x in terms if isinstance(x, Const)), at=at), kind)
    from opengames.terms import Select, Var

    names = [scope.context.fresh("i") for _ in kind.index]
    iters = tuple((n, t.space(k)) for n, k in zip(names, kind.index, strict=True))
    cells = Select(tuple(Var(n) for n in names), tuple(sp for _, sp in iters), tuple(terms), at=at)
    return Typed(Tabulate(iters, cells, at=at), kind)


def _key(scope: Scope, node: s.Expr, index: tuple[t.Type, ...]) -> tuple[Any, ...] | None:
    parts = node.items if isinstance(node, s.TupleExpr) and len(index) > 1 else (node,)
    if len(parts) != len(index):
        scope.context.report(
            "wrong-count", f"this family has {len(index)} indices", node.at, f"{len(parts)} given",
            help="write them in brackets: `(a, b): ...`",
        )  # fmt: skip
        return None
    found = []
    for part, kind in zip(parts, index, strict=True):
        like = kind.unit.symbol if isinstance(kind, t.Num) and kind.unit is not None and kind.unit.symbol else None
        covering = like if isinstance(part, s.Number) and isinstance(kind, t.Num) and kind.dimension else None
        term = want(scope, cover(part, covering), kind, "an index of this family")
        known = term.value if isinstance(term, Const) else constant(scope, term, part.at)
        if known is None or not spaces.contains(t.space(kind), known):
            return None
        found.append(known)
    return tuple(found)


def _point_words(point: tuple[Any, ...], index: tuple[t.Type, ...]) -> str:
    return "`" + ", ".join(value_words(v, k) for v, k in zip(point, index, strict=True)) + "`"


def value_words(known: Any, kind: t.Type) -> str:
    """A constant as the author writes it."""
    if isinstance(known, bool):
        return "true" if known else "false"
    if isinstance(known, Fraction):
        return t.number(known, kind.unit if isinstance(kind, t.Num) else None)
    if isinstance(known, tuple) and isinstance(kind, t.Record):
        return "(" + ", ".join(f"{n}: {value_words(v, k)}" for v, (n, k) in zip(known, kind.fields, strict=True)) + ")"
    return str(known)


__all__ = ["check_chances", "value_words"]
