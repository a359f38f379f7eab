"""`if` and `match` as statements: exactly one arm happens, and wires bound on every arm merge."""

from __future__ import annotations

from typing import Any

from opengames.diagnostics import Window
from opengames.diagram import Branch, Port
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.bindings import wire_of
from opengames.dsl.context import Typed, source
from opengames.dsl.infer import value
from opengames.dsl.levels import BranchInside, Level, LevelScope
from opengames.dsl.matching import all_finite, cover_values, subject_parts
from opengames.dsl.names_used import merged, partly
from opengames.terms import Pack


def if_branch(scope: LevelScope, node: s.IfStmt) -> None:
    test = value(scope, node.test)
    if not t.is_wrong(test.type) and not isinstance(test.type, t.Bool):
        scope.context.report(
            "type-mismatch", f"the condition of `if` must be `bool`, and this is {t.describe(test.type)}", node.test.at,
            t.describe(test.type),
        )  # fmt: skip
        test = Typed(test.term, t.WRONG)
    other = node.other if node.other is not None else s.Block((), node.then.at)
    arms: list[tuple[tuple[Any, ...], str, s.Block]] = [((True,), "true", node.then), ((False,), "false", other)]
    _branch(scope, node.test, test, t.BOOL, arms, node.at)


def match_branch(scope: LevelScope, node: s.MatchStmt) -> None:
    subjects = subject_parts(scope, node.subject)
    bodies = [body for _, body in node.arms]
    if subjects is None:
        _bind_wrong(scope, bodies)
        return
    kinds = tuple(x.type for x in subjects)
    if not all_finite(kinds):
        scope.context.report(
            "infinite-range",
            f"a branch needs a finite subject, and this is {t.describe(kinds[0])}",
            node.subject.at,
            "not finite",
            help="compare it instead: `if x > 0 { ... } else { ... }`",
        )
        _bind_wrong(scope, bodies)
        return
    chosen = cover_values(scope, kinds, [(p, i) for i, (p, _) in enumerate(node.arms)], node.at)
    if chosen is None:
        _bind_wrong(scope, bodies)
        return
    arms: list[tuple[tuple[Any, ...], str, s.Block]] = []
    for number, (pattern, body) in enumerate(node.arms):
        taken = tuple(p if len(p) > 1 else p[0] for p, a in chosen.items() if a == number)
        arms.append((taken, _words(scope, pattern), body))
    if len(subjects) == 1:
        subject, kind = subjects[0], kinds[0]
    else:
        kind = t.Record(tuple((str(i + 1), k) for i, k in enumerate(kinds)))
        subject = Typed(Pack(tuple(x.term for x in subjects)), kind)
    _branch(scope, node.subject, subject, kind, arms, node.at)


def _words(scope: LevelScope, pattern: s.Pattern) -> str:
    return " ".join(scope.context.text[pattern.at.start : pattern.at.end].split())


def _bind_wrong(scope: LevelScope, bodies: list[s.Block]) -> None:
    for name in merged(bodies):
        scope.level.bind(name.text, t.WRONG, name.at)


def _branch(
    scope: LevelScope,
    written: s.Expr,
    subject: Typed,
    kind: t.Type,
    arms: list[tuple[tuple[Any, ...], str, s.Block]],
    at: s.Span,
) -> None:
    outer, context = scope.level, scope.context
    words = source(scope, written, 24)
    # so that a path such as `(t == 1 or cold)=true.bid` can be read
    segment = outer.segment(f"({words})" if " " in words and not isinstance(written, s.TupleExpr) else words)
    wire = None if t.is_wrong(subject.type) else wire_of(scope, subject.term, kind, f"{segment}?")
    blocks = [block for _, _, block in arms]
    names = list(merged(blocks))
    own = frozenset(n.text for n in names) or frozenset({f"'{segment}"})
    levels: list[tuple[str, tuple[object, ...], Level]] = []
    from opengames.dsl.blocks import build

    for values, label, block in arms:
        inside = Level(context, outer, inside_of=own, path=(*outer.path, f"{segment}={label}"))
        build(inside, LevelScope(inside, scope), block, {})
        levels.append((f"{segment}={label}", values, inside))
    for text, name in partly(blocks).items():
        outer.partial.setdefault(
            text, f"bound on one branch only (line {name.at.line}); bind it on every branch to use it here"
        )
    outs: list[Port] = []
    for name in names:
        joined = _merge(scope, name, [lv for _, _, lv in levels])
        outer.bind(name.text, joined, name.at)
        if not t.is_wrong(joined):
            outs.append(Port(name.text, t.space(joined), name.at))
    if wire is not None:
        outer.boxes.append(BranchInside(Branch(segment, wire, (), (), tuple(outs), at=at), levels))


def _merge(scope: LevelScope, name: s.Name, levels: list[Level]) -> t.Type:
    found = [lv.wires[name.text] for lv in levels if name.text in lv.wires]
    kind: t.Type = t.WRONG
    first = found[0][1] if found else None
    for each, place in found:
        joined = t.join(kind, each)
        if joined is None and isinstance(kind, t.Num) and isinstance(each, t.Num):
            _units_differ(scope, name.text, (kind, first), (each, place))
            return t.WRONG
        if joined is None:
            scope.context.report(
                "branches-differ",
                f"`{name.text}` is {t.describe(kind)} on one branch and {t.describe(each)} on another",
                place,
                t.describe(each),
                windows=(Window(first, t.describe(kind)),) if first is not None else (),
                help="give the two wires different names, or one type",
            )
            return t.WRONG
        kind = joined
    return kind


def _units_differ(
    scope: LevelScope, name: str, one: tuple[t.Num, s.Span | None], other: tuple[t.Num, s.Span | None]
) -> None:
    """Report the two units of a wire, and how a bare number may be given the other's."""
    (kind, first), (each, place) = one, other
    bare, unit = (kind, each.unit) if not kind.dimension else (each, kind.unit)
    help_text = "give both the same unit"
    if not bare.dimension and unit is not None and unit.symbol and bare.lower is not None and bare.lower == bare.upper:
        help_text = f"say the unit: `{t.number(bare.lower, None)} {unit.symbol}`"
    scope.context.report(
        "branches-differ",
        f"`{name}` is {_in_unit(kind)} on one branch and {_in_unit(each)} on another",
        place,
        _in_unit(each),
        windows=(Window(first, _in_unit(kind)),) if first is not None else (),
        help=help_text,
    )


def _in_unit(kind: t.Num) -> str:
    return f"in `{t.unit_words(kind)}`" if kind.dimension else t.unit_words(kind)
