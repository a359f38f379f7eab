"""Channels and games, made: a declaration with its statics filled in becomes a diagram, once.

Statics are chosen before anything flows. A static player or type, and a static that a type depends on, is built in:
each choice is an instance of its own (`Bidder[ann]`). Any other static is an input port that comes first
(`flip[y]` with a real `y`), so that a claim may quantify over it.
"""

from __future__ import annotations

from typing import Any

from opengames.diagnostics import Edit, Window
from opengames.diagram import Compute, Diagram, Draw, Port, Seat, weight, wires
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.context import Context, Scope, Typed, nearest
from opengames.dsl.generic import is_type, type_given, type_words
from opengames.dsl.infer import constant, infer, want
from opengames.dsl.levels import Level, LevelScope
from opengames.dsl.names_used import type_mentions
from opengames.dsl.type_expressions import resolve, values_of
from opengames.plain import dataclass, replace
from opengames.spaces import is_finite
from opengames.terms import Check, Const, Get, Term, Var, free, substitute

Wires = tuple[tuple[str, t.Type], ...]

#: Boxes of one channel or game with every call in it opened; twice as many for each time a chain doubles.
MAX_BOXES = 200_000


@dataclass(frozen=True, slots=True)
class Decision:
    """What a strategy needs to know about a decision. path: of the diagram it stands in, below the instance."""

    path: tuple[str, ...]
    seat: str
    wires: Wires
    seen: Wires
    clearing: bool
    at: s.Span


@dataclass(frozen=True, slots=True)
class Instance:
    """See the module. extra: the ports of statics, with the terms this reference puts there.

    record: the declared record type of the output, if it has a name. broken: its text has mistakes.
    late: the reports that depend on what comes back, and so are known only when play is over.
    """

    name: str
    kind: str
    diagram: Diagram
    inputs: Wires
    outputs: Wires
    expects: Wires = ()
    reports: Wires = ()
    record: t.Type | None = None
    wires: tuple[tuple[str, t.Type], ...] = ()
    decisions: tuple[Decision, ...] = ()
    every_wire: tuple[tuple[str, s.Span | None], ...] = ()
    earning: t.Type | None = None
    extra: tuple[tuple[str, Term, t.Type], ...] = ()
    at: s.Span | None = None
    broken: bool = False
    late: tuple[str, ...] = ()


def called_box(scope: Scope, node: s.Expr) -> Instance | None:
    """The channel or game that `node` calls, `None` if it calls something else."""
    return box_of(scope, node.callee) if isinstance(node, s.CallExpr) else None


def box_of(scope: Scope, node: s.Expr) -> Instance | None:
    """The channel or game that `node` refers to: a name, a name with statics, or a composition."""
    if isinstance(node, s.Binary) and node.op in (">>", "@"):
        from opengames.dsl.compositions import composed

        return composed(scope, node)
    base = node.base if isinstance(node, s.IndexExpr) else node
    if not isinstance(base, s.Ident) or scope.lookup(base.name) is not None:
        return None
    decl = scope.context.boxes.get(base.name)
    if decl is None:
        return None
    given = node.args if isinstance(node, s.IndexExpr) else ()
    return _reference(scope, decl, given, node.at)


def _reference(
    scope: Scope, decl: s.ChannelDecl | s.GameDecl, given: tuple[s.Arg, ...], at: s.Span
) -> Instance | None:
    context = scope.context
    filled = _fill(scope, decl, given, at)
    if filled is None:
        return broken(decl)
    built_in: dict[str, Any] = {}
    extra: list[tuple[str, Term, t.Type]] = []
    needed = type_mentions(decl)
    for static, expr in filled:
        if is_type(static):
            chosen = type_given(scope, expr)
            if t.is_wrong(chosen):
                return broken(decl)
            built_in[static.name.text] = chosen
            continue
        kind = resolve(scope, static.type)
        if isinstance(kind, t.Player):
            seat = seat_of(scope, expr)
            if seat is None:
                return broken(decl)
            ports = tuple(f"{static.name.text} {i + 1}" for i in range(len(seat.index)))
            built_in[static.name.text] = Seat(seat.name, tuple(Var(p) for p in ports))
            kinds = context.players.get(seat.name, ())
            extra += [(p, term, k) for p, term, k in zip(ports, seat.index, kinds, strict=False)]
            continue
        if t.is_wrong(kind):
            return broken(decl)
        term = want(scope, expr, kind, f"`{static.name.text}` of `{decl.name.text}`", static.at)
        if static.name.text in needed:
            if free(term):
                context.report(
                    "size-not-constant",
                    f"a type in `{decl.name.text}` depends on `{static.name.text}`, so it must be known before play",
                    expr.at,
                    "only known while playing",
                    windows=(Window(static.at, "declared here"),),
                )
                return broken(decl)
            known = constant(scope, term, expr.at)
            if known is None:
                return broken(decl)
            built_in[static.name.text] = Typed(Const(known), kind)
        else:
            extra.append((static.name.text, term, kind))
    made = instance(context, decl, built_in, tuple((n, k) for n, _, k in extra))
    return replace(made, extra=tuple(extra))


def _fill(
    scope: Scope, decl: s.ChannelDecl | s.GameDecl, given: tuple[s.Arg, ...], at: s.Span
) -> list[tuple[s.Static, s.Expr]] | None:
    """Every static with its argument or default; `None` after a report."""
    context, names = scope.context, [x.name.text for x in decl.statics]
    found: dict[str, s.Expr] = {x.name.text: x.default for x in decl.statics if x.default is not None}
    positional = [a for a in given if a.name is None]
    if len(given) > len(names):
        context.report(
            "wrong-count",
            f"`{decl.name.text}` has {len(names) or 'no'} static{'s' if len(names) != 1 else ''}, and {len(given)} are given",
            at,
            f"{len(given)} given",
            windows=(Window(decl.name.at, "declared here"),),
        )
        return None
    for name, arg in zip(names, positional, strict=False):
        found[name] = arg.value
    for arg in given:
        if arg.name is not None:
            if arg.name.text not in names:
                close = nearest(arg.name.text, names)
                context.report(
                    "unknown-argument",
                    f"`{decl.name.text}` has no static called `{arg.name.text}`",
                    arg.name.at,
                    "its statics are " + ", ".join(f"`{n}`" for n in names) if names else "it has none",
                    help=f"did you mean `{close}`?" if close else "",
                )
                return None
            found[arg.name.text] = arg.value
    missing = [n for n in names if n not in found]
    if missing:
        context.report(
            "missing-static",
            f"`{decl.name.text}` needs " + ", ".join(f"`{m}`" for m in missing) + " in square brackets",
            at,
            "not given",
            windows=(Window(decl.name.at, "declared here"),),
            help=f"choose: `{decl.name.text}[{', '.join(_example(context, x) for x in decl.statics)}]`",
        )
        return None
    return [(x, found[x.name.text]) for x in decl.statics]


def _example(context: Context, static: s.Static) -> str:
    """What might stand for a static: a player's name, or a gap."""
    if isinstance(static.type, s.NamedType) and static.type.name.text == "player":
        return next((name for name, index in context.players.items() if not index), "...")
    return "..."


def broken(decl: s.ChannelDecl | s.GameDecl) -> Instance:
    """Stands for a box that cannot be made; it fits everywhere and reports nothing more."""
    kind = "game" if isinstance(decl, s.GameDecl) else "channel"
    return Instance(decl.name.text, kind, Diagram(decl.name.text), (), (), at=decl.name.at, broken=True)


def seat_of(scope: Scope, node: s.Expr) -> Seat | None:
    """The player that `node` names, with its index terms; `None` after a report."""
    context = scope.context
    base = node.base if isinstance(node, s.IndexExpr) else node
    if not isinstance(base, s.Ident):
        context.report("unknown-player", "a player is a name", node.at, "not a player")
        return None
    built_in = scope.seat(base.name)
    if built_in is not None and not isinstance(node, s.IndexExpr):
        return built_in if isinstance(built_in, Seat) else None
    if base.name not in context.players:
        close = nearest(base.name, context.players)
        kind = context.declared.get(base.name, ("", None))[0]
        context.report(
            "unknown-player",
            f"there is no player `{base.name}`",
            base.at,
            f"a {kind}, not a player" if kind else "not declared",
            help=f"did you mean `{close}`?" if close else f"declare it: `player {base.name}`",
            edit=Edit(base.at, close) if close else None,
        )
        return None
    kinds = context.players[base.name]
    given = node.args if isinstance(node, s.IndexExpr) else ()
    if len(given) != len(kinds):
        place = context.declared.get(base.name)
        context.report(
            "wrong-count",
            f"`{base.name}` has {len(kinds) or 'no'} ind{'ex' if len(kinds) == 1 else 'ices'}, and {'none is' if not given else f'{len(given)} are'} given",
            node.at,
            "which one?" if not given else f"{len(given)} given",
            windows=(Window(place[1], "declared here"),) if place else (),
        )
        return None
    terms = tuple(
        want(scope, a.value, k, f"an index of `{base.name}`") for a, k in zip(given, kinds, strict=True)
    )
    return Seat(base.name, terms)


# ---------------------------------------------------------------------- elaboration


def instance(
    context: Context, decl: s.ChannelDecl | s.GameDecl, built_in: dict[str, Any], extra: Wires
) -> Instance:
    """The instance with these statics built in, made on first use."""
    key = (decl.name.text, tuple(sorted((n, _key(v)) for n, v in built_in.items())))
    if key in context.instances:
        return context.instances[key]
    name = _instance_name(decl, built_in)
    if name in context.making:
        loop = context.making[context.making.index(name) :]
        context.report(
            "recursive",
            f"`{decl.name.text}` contains itself",
            decl.name.at,
            " -> ".join([*loop, name]),
            notes=("the language has no recursion, so that everything in it ends",),
            help="repeat with a loop: `for t in 1..10 carrying ... { ... }`",
        )
        return broken(decl)
    context.making.append(name)
    before = len(context.diagnostics)
    made = _make(context, decl, name, built_in, extra)
    context.making.pop()
    boxes = weight(made.diagram, context.weights)
    if boxes > MAX_BOXES and not made.broken:
        context.report(
            "over-budget",
            f"`{decl.name.text}` has {boxes:,} boxes once everything in it is opened, and the limit is {MAX_BOXES:,}",
            decl.name.at,
            "too large",
            help="repeat with a loop: `for t in 1..10 carrying ... { ... }`",
        )
    wrong = any(d.severity == "error" for d in context.diagnostics[before:])
    made = replace(made, broken=made.broken or wrong)
    context.instances[key] = made
    return made


def _key(value: Any) -> Any:
    return (value.name, len(value.index)) if isinstance(value, Seat) else value.term if isinstance(value, Typed) else value


def _instance_name(decl: s.ChannelDecl | s.GameDecl, built_in: dict[str, Any]) -> str:
    parts = []
    for static in decl.statics:
        value = built_in.get(static.name.text)
        if isinstance(value, Seat):
            parts.append(value.name)
        elif isinstance(value, Typed) and isinstance(value.term, Const):
            from opengames.dsl.literals import value_words

            parts.append(value_words(value.term.value, value.type))
        elif value is not None:
            parts.append(type_words(value))
    return decl.name.text + (f"[{', '.join(parts)}]" if parts else "")


def _make(
    context: Context, decl: s.ChannelDecl | s.GameDecl, name: str, built_in: dict[str, Any], extra: Wires
) -> Instance:
    is_game = isinstance(decl, s.GameDecl)
    base = Scope(context)
    for static in decl.statics:
        value = built_in.get(static.name.text)
        if isinstance(value, Seat):
            base.seats[static.name.text] = value
        elif isinstance(value, Typed):
            base.bind(static.name, value)
        elif value is not None:
            base.types[static.name.text] = value
    level = Level(context, plays=is_game)
    scope = LevelScope(level, base)
    for port, kind in extra:
        level.inputs.append(Port(port, t.space(kind), decl.name.at))
        level.bind(port, kind, decl.name.at)
    inputs = _ports(scope, decl.inputs, level)
    expects: Wires = ()
    reported: Wires = ()
    if isinstance(decl, s.GameDecl):
        expects = tuple((f.name.text, values_of(scope, f.type)) for f in decl.expects)
        reported = tuple((f.name.text, values_of(scope, f.type)) for f in decl.reports)
        for each, (n, kind) in zip(decl.expects, expects, strict=True):
            level.returning[n] = (kind, each.name.at)
            if not t.is_wrong(kind):
                level.expects[n] = Port(n, t.space(kind), each.name.at)
    outputs, record = _outputs(scope, decl)
    if not isinstance(decl.body, s.Block):
        return _equation(scope, decl, name, inputs, outputs, record, extra)
    declared = {n: (kind, _output_place(decl, n)) for n, kind in outputs}
    from opengames.dsl.blocks import build

    build(level, scope, decl.body, declared)
    level.backward = True
    while level.later:
        level.later.pop(0)()
    _known_in_time(level, decl, outputs)
    outs = _leave(level, decl, outputs)
    back = _leave(level, decl, reported)
    late = tuple(n for n, _ in reported if n in level.returning)
    diagram = replace(level.finish(name, outs, decl.name.at), reports=back)
    if isinstance(decl, s.GameDecl):
        order = [n for n, _ in expects]
        diagram = replace(diagram, expects=tuple(sorted(diagram.expects, key=lambda p: order.index(p.name))))
    seen_wires = tuple((n, kind) for n, (kind, _) in level.wires.items() if n not in level.hidden)
    return Instance(
        name, "game" if is_game else "channel", diagram, inputs, outputs, expects, reported, record, seen_wires,
        tuple(level.decisions), tuple(level.every_wire.items()), level.earning, (), decl.name.at, level.incomplete, late,
    )  # fmt: skip


def _ports(scope: Scope, fields: tuple[s.Field, ...], level: Level) -> Wires:
    found = []
    for each in fields:
        kind = values_of(scope, each.type)
        if each.name.text in level.wires:
            level.context.report(
                "duplicate-name", f"two inputs are called `{each.name.text}`", each.name.at, "again here"
            )
            continue
        level.bind(each.name.text, kind, each.name.at)
        if not t.is_wrong(kind) and not isinstance(kind, t.Player):
            level.inputs.append(Port(each.name.text, t.space(kind), each.name.at))
        found.append((each.name.text, kind))
    return tuple(found)


def _outputs(scope: Scope, decl: s.ChannelDecl | s.GameDecl) -> tuple[Wires, t.Type | None]:
    """The output wires, and the record type they make up together if that was declared by name."""
    if decl.output is None:
        return (), None
    kind = values_of(scope, decl.output)
    if isinstance(kind, t.Record):
        return kind.fields, kind
    if t.is_wrong(kind) and isinstance(decl.output, s.RecordType):
        return tuple((f.name.text, t.WRONG) for f in decl.output.fields), None
    return (("out", kind),), None


def _output_place(decl: s.ChannelDecl | s.GameDecl, name: str) -> s.Span:
    if isinstance(decl.output, s.RecordType):
        for each in decl.output.fields:
            if each.name.text == name:
                return each.name.at
    return decl.output.at if decl.output is not None else decl.name.at


def _known_in_time(level: Level, decl: s.ChannelDecl | s.GameDecl, outputs: Wires) -> None:
    """What leaves on the right must not wait for what comes back from there."""
    for name, _ in outputs:
        if name in level.returning and name in level.wires:
            level.context.report(
                "comes-back-later",
                f"`{name}` leaves `{decl.name.text}`, and depends on what comes back from outside",
                level.wires[name][1] or decl.name.at,
                "known only when play is over",
                windows=(Window(_output_place(decl, name), "leaves with the move"),),
                help="report it backward: `reports (...)`",
            )


def _leave(level: Level, decl: s.ChannelDecl | s.GameDecl, wires: Wires) -> tuple[Port, ...]:
    """The ports that leave on the right (or report to the left), each bound by a wire of the block."""
    ports = []
    for name, kind in wires:
        if name not in level.wires:
            place = _output_place(decl, name)
            close = nearest(name, [w for w in level.wires if w not in level.hidden])
            level.context.report(
                "missing-output",
                f"`{decl.name.text}` promises `{name}`, and nothing in its block is called that",
                place,
                "promised here",
                help=f"did you mean to bind `{close}` as `{name}`?" if close else f"add `{name} = ...` to the block",
            )
            continue
        found, at = level.wires[name]
        if t.is_wrong(found, kind):
            continue
        verdict = t.fit(found, kind)
        if not verdict.ok:
            unit = verdict.reason == "unit"
            level.context.report(
                "unit-mismatch" if unit else "type-mismatch",
                f"`{name}` leaves as {t.describe(kind)}, and is {t.describe(found)}",
                at or decl.name.at,
                t.describe(found),
                windows=(Window(_output_place(decl, name), f"declared as {t.describe(kind)}"),),
            )
            continue
        if verdict.checked:
            checked = f"{name}'"
            if checked in level.wires:
                checked = level.fresh_wire(checked)
            level.add(checked, kind, Check(Var(name), t.space(kind), f"`{name}`", at=at), at, hidden=True)
            ports.append(Port(checked, t.space(kind), at))
        else:
            ports.append(Port(name, t.space(kind), at))
    return tuple(ports)


def _equation(
    scope: LevelScope,
    decl: s.ChannelDecl | s.GameDecl,
    name: str,
    inputs: Wires,
    outputs: Wires,
    record: t.Type | None,
    extra: Wires,
) -> Instance:
    """A body that is an expression: a table, a distribution, or a composition."""
    level = scope.level
    kind = "game" if isinstance(decl, s.GameDecl) else "channel"
    body = decl.body
    assert not isinstance(body, s.Block)
    stub = Instance(name, kind, Diagram(name), inputs, outputs, record=record, at=decl.name.at, broken=True)
    if t.is_wrong(*(k for _, k in (*inputs, *outputs))):
        return stub
    if isinstance(body, s.TableExpr):
        from opengames.dsl.tables import Shape, select

        whole = record if record is not None else outputs[0][1]
        term = select(scope, body, Shape((*extra, *inputs), whole, True, decl.name.at))
        found = None if term is None else Typed(term, whole if len(outputs) != 1 else outputs[0][1], kernel=True)
    else:
        composite = box_of(scope, body)
        if composite is not None:
            made = replace(_supplied(composite, extra, name), name=name, kind=kind, at=decl.name.at)
            return made if composite.broken else _as_declared(scope, decl, made, inputs, outputs, record)
        wanted = outputs[0][1] if len(outputs) == 1 else record
        found = infer(scope, body, wanted)
        if t.is_wrong(found.type) or wanted is None:
            return stub
        from opengames.dsl.infer import conform

        if not found.kernel:
            term = conform(scope, found, body, wanted, f"the result of `{name}`", _output_place(decl, ""))
            found = Typed(term, wanted)
        elif not t.fit(found.type, wanted).ok:
            conform(scope, replace(found, kernel=False), body, wanted, f"the result of `{name}`", decl.name.at)
            return stub
    if found is None:
        return stub
    ports = tuple(Port(n, t.space(k), decl.name.at) for n, k in outputs)
    if len(outputs) == 1:
        _bind_result(level, outputs[0][0], found, outputs[0][1], decl)
    else:
        whole_wire = "out'"
        _bind_result(level, whole_wire, found, record or t.UNIT, decl)
        for i, (n, k) in enumerate(outputs):
            level.add(n, k, Get(Var(whole_wire), i), decl.name.at)
    diagram = level.finish(name, ports, decl.name.at)
    return Instance(
        name, kind, diagram, inputs, outputs, record=record, wires=tuple(outputs), at=decl.name.at,
        every_wire=tuple(level.every_wire.items()),
    )  # fmt: skip


def _as_declared(
    scope: LevelScope,
    decl: s.ChannelDecl | s.GameDecl,
    made: Instance,
    inputs: Wires,
    outputs: Wires,
    record: t.Type | None,
) -> Instance:
    """A composite under the port names of its declaration, whose types it must have."""
    expects: Wires = ()
    reports: Wires = ()
    if isinstance(decl, s.GameDecl):
        expects = tuple((f.name.text, resolve(scope, f.type)) for f in decl.expects)
        reports = tuple((f.name.text, resolve(scope, f.type)) for f in decl.reports)
    groups = (
        ("takes in", inputs, made.inputs, True),
        ("puts out", outputs, made.outputs, False),
        ("expects back", expects, made.expects, True),
        ("reports", reports, made.reports, False),
    )
    names: dict[str, str] = {}
    for words, declared, found, entering in groups:
        if len(declared) != len(found):
            scope.context.report(
                "ports-differ",
                f"`{made.name}` is declared with {len(declared)} wire{'s' * (len(declared) != 1)} that it {words}, and its composite has {len(found)}",
                decl.body.at,
                "the composite " + words + " " + (", ".join(f"`{n}`" for n, _ in found) or "nothing"),
                windows=(Window(decl.name.at, "declared here"),),
            )
            return replace(made, broken=True)
        for (name, kind), (inner, theirs) in zip(declared, found, strict=True):
            verdict = t.fit(kind, theirs) if entering else t.fit(theirs, kind)
            if not verdict.ok or verdict.checked:
                scope.context.report(
                    "unit-mismatch" if verdict.reason == "unit" else "type-mismatch",
                    f"`{name}` is declared as {t.describe(kind)}, and the composite has {t.describe(theirs)}",
                    decl.body.at,
                    t.describe(theirs),
                    windows=(Window(decl.name.at, "declared here"),),
                )
                return replace(made, broken=True)
            names[inner] = name
    from opengames.flatten import rename_wires

    late = tuple(names[n] for n in made.late if n in names)
    return replace(
        made, diagram=rename_wires(made.diagram, names), inputs=inputs, outputs=outputs, expects=expects,
        reports=reports, record=record, wires=tuple((names.get(n, n), k) for n, k in made.wires), late=late,
    )  # fmt: skip


def _supplied(composite: Instance, extra: Wires, name: str) -> Instance:
    """The composite with its statics computed inside it, from the statics `extra` of the declaration."""
    diagram = composite.diagram
    ports, inputs = diagram.inputs[: len(composite.extra)], diagram.inputs[len(composite.extra) :]
    taken = wires(diagram)
    own = {n: f"{n}'" if n in taken else n for n, _ in extra}
    terms = [substitute(term, {n: Var(w) for n, w in own.items()}) for _, term, _ in composite.extra]
    given = tuple(Compute(port, term) for port, term in zip(ports, terms, strict=True))
    statics = tuple(Port(own[n], t.space(k)) for n, k in extra)
    inside = replace(diagram, name=name, inputs=statics + inputs, boxes=given + diagram.boxes)
    return replace(composite, diagram=inside, extra=())


def _bind_result(
    level: Level, wire: str, found: Typed, kind: t.Type, decl: s.ChannelDecl | s.GameDecl
) -> None:
    if not found.kernel:
        level.add(wire, kind, found.term, decl.name.at)
        return
    checked = t.fit(found.type, kind).checked
    raw = f"{wire}'" if checked else wire
    drawn = found.type if checked else kind
    level.boxes.append(Draw(Port(raw, t.space(drawn), decl.name.at), found.term, at=decl.name.at))
    level.bind(raw, drawn, decl.name.at, hidden=checked)
    if checked:
        level.add(wire, kind, Check(Var(raw), t.space(kind), f"`{wire}`", at=decl.name.at), decl.name.at)


# ------------------------------------------------------------- what strategies need


def note_decision(scope: LevelScope, node: s.DecideStmt, seat: Seat | None, seeing: tuple[str, ...]) -> None:
    """Remember a decision, for the strategies that will plan it."""
    level = scope.level
    if seat is None:
        return
    wires = tuple((f.name.text, level.wires[f.name.text][0]) for f in node.fields)
    seen = tuple((n, level.use(n) or t.WRONG) for n in seeing)
    real = any(not t.is_wrong(k) and not is_finite(t.space(k)) for _, k in wires)
    level.root.decisions.append(Decision(level.path, seat.name, wires, seen, bool(node.rules) and real, node.at))


def note_call(level: Level, segment: str, called: Instance) -> None:
    """The decisions inside a called game are decisions of the caller, one segment further down."""
    for each in called.decisions:
        level.root.decisions.append(replace(each, path=(*level.path, segment, *each.path)))
    for name, at in called.every_wire:
        level.root.every_wire.setdefault(name, at)
    level.root.earning = level.root.earning or called.earning

