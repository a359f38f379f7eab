"""`x = e` and `x ~ e`: lets and draws, each to its box."""

from __future__ import annotations

from opengames.diagnostics import Edit
from opengames.diagram import Draw, Port
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.bindings import Expected, between, count_clash, declared_type, publish
from opengames.dsl.context import Typed
from opengames.dsl.infer import conform, infer
from opengames.dsl.instances import called_box
from opengames.dsl.levels import Level, LevelScope
from opengames.dsl.plays import play
from opengames.terms import Get, Var


def let(scope: LevelScope, node: s.Let, expected: Expected) -> None:
    level = scope.level
    declared = declared_type(scope, node.names, node.type, expected)
    if len(node.names) == 1:
        name = node.names[0]
        found = _computed(scope, node, infer(scope, node.value, declared[0] if declared else None))
        if declared is not None:
            term = conform(scope, found, node.value, declared[0], f"`{name.text}`", declared[1])
            level.add(name.text, t.narrowed(found.type, declared[0]), term, name.at)
        else:
            _add(level, name, found)
        return
    if isinstance(node.value, s.TupleExpr) and len(node.value.items) == len(node.names):
        for name, item in zip(node.names, node.value.items, strict=True):
            _add(level, name, _computed(scope, node, infer(scope, item)))
        return
    _unpack(level, node, _computed(scope, node, infer(scope, node.value)))


def _add(level: Level, name: s.Name, found: Typed) -> None:
    if t.is_wrong(found.type):
        level.bind(name.text, t.WRONG, name.at)
    else:
        level.add(name.text, _open(found), found.term, name.at)


def _open(found: Typed) -> t.Type:
    """A wire's type: a single known number does not make the wire's type that one point."""
    kind = found.type
    if isinstance(kind, t.Num) and kind.points is not None and len(kind.points) == 1 and not kind.alias:
        return t.Num(kind.dimension, kind.lower, kind.upper, None, kind.integral, kind.unit)
    return kind


def _computed(scope: LevelScope, node: s.Let, found: Typed) -> Typed:
    """A let's value, which must not be random."""
    if not found.kernel:
        return found
    gap = between(scope, node.names[-1].at.end, node.value.at.start, "=")
    return scope.context.wrong(
        "distribution-as-value",
        "`=` defines, and this is a distribution",
        node.value.at,
        "random",
        help="draw from it with `~`",
        edit=Edit(gap, "~") if gap is not None else None,
    )


def _unpack(level: Level, node: s.Let, found: Typed) -> None:
    kind = found.type
    if t.is_wrong(kind) or not isinstance(kind, t.Record) or len(kind.fields) != len(node.names):
        if not t.is_wrong(kind):
            count = len(kind.fields) if isinstance(kind, t.Record) else 1
            count_clash(level, node.names, count, node.value.at)
        for name in node.names:
            level.bind(name.text, t.WRONG, name.at)
        return
    whole = level.fresh_wire("'".join(n.text for n in node.names) + "'")
    level.add(whole, kind, found.term, node.at, hidden=True)
    for i, (name, (_, each)) in enumerate(zip(node.names, kind.fields, strict=True)):
        level.add(name.text, each, Get(Var(whole), i), name.at)


def draw(scope: LevelScope, node: s.DrawStmt, expected: Expected) -> None:
    level = scope.level
    declared = declared_type(scope, node.names, node.type, expected)
    box = called_box(scope, node.source)
    if box is not None:
        play(scope, node.names, node.source, box, node.paying, declared, node.at)
        return
    if node.paying is not None:
        scope.context.report(
            "nobody-to-pay", "only a game can be paid", node.paying.at, "nature earns nothing", help="drop `paying ...`"
        )
    found = infer(scope, node.source, declared[0] if declared else None)
    if not t.is_wrong(found.type) and not found.kernel:
        gap = between(scope, node.names[-1].at.end, node.source.at.start, "~")
        scope.context.report(
            "not-random",
            "`~` draws, and nothing here is random",
            node.source.at,
            f"{t.describe(found.type)}",
            help="define it with `=`",
            edit=Edit(gap, "=") if gap is not None else None,
        )
        found = Typed(found.term, t.WRONG)
    if len(node.names) != 1:
        if not t.is_wrong(found.type):
            count_clash(level, node.names, 1, node.source.at)
        found = Typed(found.term, t.WRONG)
    if t.is_wrong(found.type):
        for name in node.names:
            level.bind(name.text, declared[0] if declared else t.WRONG, name.at)
        return
    name = node.names[0]
    wire, kind, finish = publish(scope, name, found.type, declared, node.source)
    level.boxes.append(Draw(Port(wire, t.space(found.type), name.at), found.term, at=node.at))
    level.bind(wire, kind if finish is None else found.type, name.at, hidden=finish is not None)
    if finish is not None:
        finish()
