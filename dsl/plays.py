"""A channel or game used as a box: its arguments, what it binds, and what is paid back into it."""

from __future__ import annotations

from collections.abc import Callable

from opengames.diagnostics import Window
from opengames.diagram import Call
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.bindings import count_clash, publish, wire_of
from opengames.dsl.calls import arrange
from opengames.dsl.infer import infer, want
from opengames.dsl.instances import Instance, called_box, note_call
from opengames.dsl.levels import LevelScope
from opengames.plain import replace
from opengames.terms import Pack, Var


def act(scope: LevelScope, node: s.ActStmt) -> None:
    box = called_box(scope, node.source)
    if box is None:
        infer(scope, node.source)
        scope.context.report(
            "statement-without-effect",
            "this line binds nothing",
            node.at,
            "its value is lost",
            help="bind it: `x = ...`",
        )
        return
    play(scope, (), node.source, box, node.paying, None, node.at)


def play(
    scope: LevelScope,
    names: tuple[s.Name, ...],
    written: s.Expr,
    instance: Instance,
    paying: s.Expr | None,
    declared: tuple[t.Type, s.Span] | None,
    at: s.Span,
) -> None:
    level = scope.level
    given = list(written.args) if isinstance(written, s.CallExpr) else []
    wanted = instance.inputs
    extra = instance.extra
    ordered = None if instance.broken else arrange(scope, written.at, instance.name, [n for n, _ in wanted], given)
    if ordered is None:
        for name, kind in _bound_types(names, instance):
            level.bind(name.text, kind, name.at)
        for report, _ in instance.reports if names else ():
            level.bind(f"{names[0].text}.{report}", t.WRONG, at)
        level.root.incomplete = True
        return
    segment = level.segment(names[0].text if names else instance.name.split("[")[0])
    args = [wire_of(scope, term, kind, f"{segment} {n}") for n, term, kind in extra]
    for expr, (n, kind) in zip(ordered, wanted, strict=True):
        term = want(scope, expr, kind, f"`{n}` of `{instance.name}`", instance.at)
        args.append(wire_of(scope, term, kind, f"{segment} {n}"))
    outs, after = _call_outs(scope, names, instance, declared, written, segment)
    reports = tuple(f"{segment}.{n}" for n, _ in instance.reports)
    box = Call(segment, instance.diagram, tuple(args), outs, (), reports, at=at)
    note_call(level, segment, instance)
    place = len(level.boxes)
    level.boxes.append(box)
    for wire, (report, kind) in zip(reports, instance.reports, strict=True):
        if report in instance.late:
            level.returning[wire] = (kind, at)
        else:
            level.bind(wire, kind, at)
    after()
    _pay(scope, place, instance, paying, at, segment)


def _bound_types(names: tuple[s.Name, ...], instance: Instance) -> list[tuple[s.Name, t.Type]]:
    if len(names) == len(instance.outputs):
        return [(n, kind) for n, (_, kind) in zip(names, instance.outputs, strict=True)]
    return [(n, t.WRONG) for n in names]


def _call_outs(
    scope: LevelScope,
    names: tuple[s.Name, ...],
    instance: Instance,
    declared: tuple[t.Type, s.Span] | None,
    written: s.Expr,
    segment: str,
) -> tuple[tuple[str, ...], Callable[[], None]]:
    """The wires a call binds, and what to do once it stands (bind names, pack a record, check a type)."""
    level = scope.level
    outputs = instance.outputs
    if len(names) == len(outputs) and len(names) != 1:
        def several() -> None:
            for name, (_, kind) in zip(names, outputs, strict=True):
                level.bind(name.text, kind, name.at)

        return tuple(n.text for n in names), several
    if len(names) == 1 and len(outputs) == 1:
        wire, kind, finish = publish(scope, names[0], outputs[0][1], declared, written)

        def one() -> None:
            level.bind(wire, kind if finish is None else outputs[0][1], names[0].at, hidden=finish is not None)
            if finish is not None:
                finish()

        return (wire,), one
    hidden = tuple(level.fresh_wire(f"{segment}.{n}") for n, _ in outputs)

    def spread() -> None:
        for wire, (_, kind) in zip(hidden, outputs, strict=True):
            level.bind(wire, kind, written.at, hidden=True)
        if len(names) == 1 and outputs:
            record = instance.record or t.Record(outputs)
            level.add(names[0].text, record, Pack(tuple(Var(w) for w in hidden)), names[0].at)
        elif names:
            count_clash(level, names, len(outputs), written.at)
            for name in names:
                level.bind(name.text, t.WRONG, name.at)

    return hidden, spread


def _pay(
    scope: LevelScope, place: int, instance: Instance, paying: s.Expr | None, at: s.Span, segment: str
) -> None:
    """Wire up what comes back into the box, once everything else has its type."""
    expects = instance.expects
    if paying is None and not expects:
        return
    if paying is None or not expects:
        words = ", ".join(f"`{n}`" for n, _ in expects)
        if expects:
            scope.context.report(
                "missing-paying",
                f"`{instance.name}` expects {words} back, and nothing is paid",
                at,
                f"expects {words}",
                windows=(Window(instance.at, "declared here"),) if instance.at else (),
                help="add `paying ...`",
            )
        elif paying is not None:
            scope.context.report(
                "nobody-to-pay",
                f"`{instance.name}` expects nothing back",
                paying.at,
                "paid to nobody",
                help=f"declare what it expects: `game {instance.name}(...) expects (gain: real $)`"
                if instance.kind == "game"
                else "drop `paying ...`: a channel is nature, and nature earns nothing",
            )
        return
    level = scope.level

    def later() -> None:
        wires = _paid_wires(scope, paying, expects, instance, segment)
        box = level.boxes[place]
        if wires is not None and isinstance(box, Call):
            level.boxes[place] = replace(box, paying=wires)

    level.root.later.append(later)


def _paid_wires(
    scope: LevelScope, paying: s.Expr, expects: tuple[tuple[str, t.Type], ...], instance: Instance, segment: str
) -> tuple[str, ...] | None:
    if len(expects) == 1:
        items: tuple[s.Expr, ...] = (paying,)
    elif isinstance(paying, s.TupleExpr) and len(paying.items) == len(expects):
        items = paying.items
    else:
        scope.context.report(
            "wrong-count",
            f"`{instance.name}` expects {len(expects)} wires back",
            paying.at,
            "pay them as a tuple, in order",
        )
        return None
    wires = []
    for expr, (n, kind) in zip(items, expects, strict=True):
        what = f"what `{instance.name}` is paid" + (f" as `{n}`" if len(expects) > 1 else "")
        term = want(scope, expr, kind, what, instance.at)
        wires.append(wire_of(scope, term, kind, f"{segment} {n}"))
    return tuple(wires)
