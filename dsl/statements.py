"""Statements one by one: lets, draws, calls, decisions, loops and branches, each to its box."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opengames.diagnostics import Edit, Window
from opengames.diagram import Branch, Call, Carry, Decide, Diagram, Draw, Loop, Port, Rule, Seat
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.calls import arrange
from opengames.dsl.context import Typed, nearest
from opengames.dsl.expressions import bind_iters, both, source
from opengames.dsl.infer import conform, infer, value, want
from opengames.dsl.instances import Instance, called_box, note_call, note_decision, seat_of
from opengames.dsl.levels import BranchInside, Level, LevelScope, LoopInside
from opengames.dsl.matching import all_finite, cover_values, subject_parts
from opengames.dsl.names_used import bound, merged, partly
from opengames.dsl.type_expressions import resolve
from opengames.terms import Check, Const, Get, Pack, Prim, Term, Var, free

Expected = dict[str, tuple[t.Type, s.Span]]


def elaborate(scope: LevelScope, statement: s.Stmt, expected: Expected) -> None:
    """Put the boxes of one statement into its level."""
    match statement:
        case s.Let():
            _let(scope, statement, expected)
        case s.DrawStmt():
            _draw(scope, statement, expected)
        case s.ActStmt():
            _act(scope, statement)
        case s.NextStmt():
            _next(scope, statement)
        case s.DecideStmt():
            _decide(scope, statement)
        case s.ForStmt():
            _for(scope, statement, expected)
        case s.IfStmt():
            _if(scope, statement)
        case s.MatchStmt():
            _match(scope, statement)


# ------------------------------------------------------------------ lets and draws


def _let(scope: LevelScope, node: s.Let, expected: Expected) -> None:
    level = scope.level
    declared = _declared(scope, node.names, node.type, expected)
    if len(node.names) == 1:
        name = node.names[0]
        found = _computed(scope, node, infer(scope, node.value, declared[0] if declared else None))
        if declared is not None:
            term = conform(scope, found, node.value, declared[0], f"`{name.text}`", declared[1])
            level.add(name.text, declared[0], term, name.at)
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
    gap = _between(scope, node.names[-1].at.end, node.value.at.start, "=")
    return scope.context.wrong(
        "distribution-as-value",
        "`=` defines, and this is a distribution",
        node.value.at,
        "random",
        help="draw from it with `~`",
        edit=Edit(gap, "~") if gap is not None else None,
    )


def _between(scope: LevelScope, start: int, end: int, sign: str) -> s.Span | None:
    """The place of `sign` between two offsets of the text."""
    text = scope.context.text
    found = text.find(sign, start, end)
    if found < 0:
        return None
    line = text.count("\n", 0, found) + 1
    column = found - (text.rfind("\n", 0, found) + 1) + 1
    return s.Span(_file(scope), found, found + len(sign), line, column)


def _file(scope: LevelScope) -> str:
    places = [p[1] for p in scope.context.declared.values() if p[1] is not None]
    return places[-1].file if places else ""


def _unpack(level: Level, node: s.Let, found: Typed) -> None:
    kind = found.type
    if t.is_wrong(kind) or not isinstance(kind, t.Record) or len(kind.fields) != len(node.names):
        if not t.is_wrong(kind):
            count = len(kind.fields) if isinstance(kind, t.Record) else 1
            _count_clash(level, node.names, count, node.value.at)
        for name in node.names:
            level.bind(name.text, t.WRONG, name.at)
        return
    whole = level.fresh_wire("'".join(n.text for n in node.names) + "'")
    level.add(whole, kind, found.term, node.at, hidden=True)
    for i, (name, (_, each)) in enumerate(zip(node.names, kind.fields, strict=True)):
        level.add(name.text, each, Get(Var(whole), i), name.at)


def _count_clash(level: Level, names: tuple[s.Name, ...], count: int, at: s.Span) -> None:
    level.context.report(
        "wrong-count",
        f"{len(names)} names are bound, and there {'is' if count == 1 else 'are'} {count or 'no'} wire{'s' if count != 1 else ''} to bind",
        names[0].at.to(names[-1].at),
        f"{len(names)} name{'s' if len(names) != 1 else ''}",
        windows=(Window(at, f"puts out {count or 'nothing'}"),),
    )


def _declared(
    scope: LevelScope, names: tuple[s.Name, ...], written: s.TypeExpr | None, expected: Expected
) -> tuple[t.Type, s.Span] | None:
    """The type that a binding must have: its own annotation, else that of the output of the same name."""
    if written is not None:
        return resolve(scope, written), written.at
    return expected.get(names[0].text) if len(names) == 1 else None


def _draw(scope: LevelScope, node: s.DrawStmt, expected: Expected) -> None:
    level = scope.level
    declared = _declared(scope, node.names, node.type, expected)
    box = called_box(scope, node.source)
    if box is not None:
        _call(scope, node.names, node.source, box, node.paying, declared, node.at)
        return
    if node.paying is not None:
        scope.context.report(
            "nobody-to-pay", "only a game can be paid", node.paying.at, "nature earns nothing", help="drop `paying ...`"
        )
    found = infer(scope, node.source, declared[0] if declared else None)
    if not t.is_wrong(found.type) and not found.kernel:
        gap = _between(scope, node.names[-1].at.end, node.source.at.start, "~")
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
            _count_clash(level, node.names, 1, node.source.at)
        found = Typed(found.term, t.WRONG)
    if t.is_wrong(found.type):
        for name in node.names:
            level.bind(name.text, declared[0] if declared else t.WRONG, name.at)
        return
    name = node.names[0]
    wire, kind, finish = _publish(scope, name, found.type, declared, node.source)
    level.boxes.append(Draw(Port(wire, t.space(found.type), name.at), found.term, at=node.at))
    level.bind(wire, kind if finish is None else found.type, name.at, hidden=finish is not None)
    if finish is not None:
        finish()


def _publish(
    scope: LevelScope, name: s.Name, found: t.Type, declared: tuple[t.Type, s.Span] | None, node: s.Expr
) -> tuple[str, t.Type, Callable[[], None] | None]:
    """Where a box should put its result so that wire `name` has its declared type.

    The wire itself if the types fit, else a hidden wire and a check to run afterwards.
    """
    if declared is None:
        return name.text, found, None
    verdict = t.fit(found, declared[0])
    if not verdict.ok:
        conform(scope, Typed(Const(False), found), node, declared[0], f"`{name.text}`", declared[1])
        return name.text, declared[0], None
    if not verdict.checked:
        return name.text, declared[0] if not isinstance(found, t.Num) or found.points is None else found, None
    raw = f"{name.text}'"

    def check() -> None:
        term = Check(Var(raw), t.space(declared[0]), f"`{name.text}`", at=name.at)
        scope.level.add(name.text, declared[0], term, name.at)

    return raw, found, check


# --------------------------------------------------------------------------- calls


def _act(scope: LevelScope, node: s.ActStmt) -> None:
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
    _call(scope, (), node.source, box, node.paying, None, node.at)


def _call(
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
    ordered = arrange(scope, written.at, instance.name, [n for n, _ in wanted], given)
    if ordered is None or instance.broken:
        for name, kind in _bound_types(names, instance):
            level.bind(name.text, kind, name.at)
        return
    segment = level.segment(names[0].text if names else instance.name.split("[")[0])
    args = [_wire_of(scope, term, kind, f"{segment} {n}") for n, term, kind in extra]
    for expr, (n, kind) in zip(ordered, wanted, strict=True):
        term = want(scope, expr, kind, f"`{n}` of `{instance.name}`", instance.at)
        args.append(_wire_of(scope, term, kind, f"{segment} {n}"))
    outs, after = _call_outs(scope, names, instance, declared, written, segment)
    reports = tuple(f"{segment}.{n}" for n, _ in instance.reports)
    box = Call(segment, instance.diagram, tuple(args), outs, (), reports, at=at)
    note_call(level, segment, instance)
    place = len(level.boxes)
    level.boxes.append(box)
    for wire, (_, kind) in zip(reports, instance.reports, strict=True):
        level.bind(wire, kind, at)
    after()
    _pay(scope, place, instance, paying, at, segment)


def _bound_types(names: tuple[s.Name, ...], instance: Instance) -> list[tuple[s.Name, t.Type]]:
    if len(names) == len(instance.outputs):
        return [(n, kind) for n, (_, kind) in zip(names, instance.outputs, strict=True)]
    return [(n, t.WRONG) for n in names]


def _wire_of(scope: LevelScope, term: Term, kind: t.Type, hint: str) -> str:
    """A wire that carries `term`: the one it names, or a hidden one made for it."""
    if isinstance(term, Var) and scope.level.use(term.name) is not None:
        return term.name
    wire = scope.level.fresh_wire(hint)
    scope.level.add(wire, kind, term, getattr(term, "at", None), hidden=True)
    return wire


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
        wire, kind, finish = _publish(scope, names[0], outputs[0][1], declared, written)

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
            _count_clash(level, names, len(outputs), written.at)
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
                help=f"declare what it expects: `game {instance.name}(...) expects (gain: real $)`",
            )
        return
    level = scope.level

    def later() -> None:
        wires = _paid_wires(scope, paying, expects, instance, segment)
        box = level.boxes[place]
        if wires is not None and isinstance(box, Call):
            from dataclasses import replace

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
        term = want(scope, expr, kind, f"`{n}`, which `{instance.name}` expects", instance.at)
        wires.append(_wire_of(scope, term, kind, f"{segment} {n}"))
    return tuple(wires)


# ----------------------------------------------------------------------- decisions


def _decide(scope: LevelScope, node: s.DecideStmt) -> None:
    level, context = scope.level, scope.context
    if not level.root.plays:
        context.report(
            "decision-in-channel",
            "a channel has no players, and this is a decision",
            node.at,
            "decided here",
            help="make it a `game`, or draw: `x ~ ...`",
        )
    outs: list[Port] = []
    for each in node.fields:
        kind = resolve(scope, each.type)
        if isinstance(kind, t.Player):
            context.report("type-mismatch", "nobody can decide a player", each.type.at, "`player` is not a set of moves")
            kind = t.WRONG
        level.bind(each.name.text, kind, each.name.at)
        if not t.is_wrong(kind):
            outs.append(Port(each.name.text, t.space(kind), each.name.at))
    seat = seat_of(scope, node.player)
    seeing = tuple(n.text for n in node.seeing or () if _seen(scope, n, node))
    _name_rules(scope, node)
    note_decision(scope, node, seat, seeing)
    place = len(level.boxes)
    box = Decide(tuple(outs), seat or Seat("?"), tuple(dict.fromkeys(seeing)), "", at=node.at)
    level.boxes.append(box)
    if seat is None or len(outs) != len(node.fields):
        level.root.later.append(lambda: _drop_quietly(scope, node))
        return
    level.root.later.append(lambda: _earn(scope, node, place))


def _drop_quietly(scope: LevelScope, node: s.DecideStmt) -> None:
    """The earning of a decision that is already wrong is still read, for its own mistakes."""
    infer(scope, node.earning)


def _seen(scope: LevelScope, name: s.Name, node: s.DecideStmt) -> bool:
    if any(name.text == f.name.text for f in node.fields):
        scope.context.report(
            "sees-own-move", f"this decision would see its own move `{name.text}`", name.at, "decided only here"
        )
        return False
    found = infer(scope, s.Ident(name.text, name.at))
    if t.is_wrong(found.type):
        return False
    if not isinstance(found.term, Var):
        scope.context.report(
            "always-seen",
            f"`{name.text}` is not a wire: everybody knows it",
            name.at,
            "the same in every play",
            help="leave it out of `seeing`; a strategy may use it all the same",
        )
        return False
    return True


def _earn(scope: LevelScope, node: s.DecideStmt, place: int) -> None:
    from dataclasses import replace

    level = scope.level
    box = level.boxes[place]
    assert isinstance(box, Decide)
    found = value(scope, node.earning)
    if t.is_wrong(found.type):
        return
    if not isinstance(found.type, t.Num):
        scope.context.report(
            "type-mismatch",
            f"a decision earns a number, and this is {t.describe(found.type)}",
            node.earning.at,
            t.describe(found.type),
            help="choose a field of it" if isinstance(found.type, t.Record) else "",
        )
        return
    wire = _earning_wire(level, found, node)
    rules = tuple(r for r in (_rule(scope, r) for r in node.rules) if r is not None)
    outs = {p.name for p in box.outs}
    used: set[str] = set()
    for rule in rules:
        used |= free(rule.term) - {v for v, _ in rule.iters}
    needs = tuple(
        sorted(w for w in used - outs - set(box.seeing) if not _depends(level, w, outs) and not w.startswith("dual "))
    )
    index = tuple(box.seat.index)
    level.boxes[place] = replace(box, earning=wire, rules=rules, needs=needs, seat=Seat(box.seat.name, index))
    level.root.earning = level.root.earning or found.type


def _depends(level: Level, wire: str, outs: set[str]) -> bool:
    return level.comes_after(wire, frozenset(outs)) or wire in level.expects


def _earning_wire(level: Level, found: Typed, node: s.DecideStmt) -> str:
    if isinstance(found.term, Var) and level.use(found.term.name) is not None:
        return found.term.name
    if found.term in level.earned:
        return level.earned[found.term]
    wire = level.fresh_wire(f"{node.fields[0].name.text} earning")
    level.add(wire, found.type, found.term, node.earning.at, hidden=True)
    level.earned[found.term] = wire
    return wire


def _rule(scope: LevelScope, node: s.RuleStmt) -> Rule | None:
    found = bind_iters(scope, node.iters)
    if found is None:
        return None
    inner, iters, conditions = found
    term = want(inner, node.condition, t.BOOL, f"rule `{node.name.text}`")
    restriction = both(conditions)
    if restriction is not None:
        term = Prim("implies", (restriction, term), at=node.at)
    return Rule(node.name.text, tuple((n, t.space(k)) for n, k in iters), term, at=node.at)


def _name_rules(scope: LevelScope, node: s.DecideStmt) -> None:
    """Make the rules known by name, so that `dual(rule)` finds them."""
    level = scope.level
    seen: dict[str, s.Span] = {}
    for rule in node.rules:
        if rule.name.text in seen or rule.name.text in level.duals:
            scope.context.report(
                "duplicate-name", f"two rules are called `{rule.name.text}`", rule.name.at, "again here"
            )
            continue
        seen[rule.name.text] = rule.name.at
        level.duals[rule.name.text] = (node, rule)


# --------------------------------------------------------------------------- loops


def _for(scope: LevelScope, node: s.ForStmt, expected: Expected) -> None:
    outer, context = scope.level, scope.context
    iters = bind_iters(scope, node.iters)
    own = frozenset(n.text for n in bound(node))
    if iters is None or iters[2]:
        if iters is not None:
            context.report(
                "size-not-constant",
                "the range of a loop is known before anything flows",
                node.iters[0].type.at,
                "its end moves",
                help="run over the whole type, and choose inside: `if k <= n then ... else ...`",
            )
        for name in bound(node):
            outer.bind(name.text, t.WRONG, name.at)
        return
    if node.reversed and len(node.iters) != 1:
        context.report("reversed-one", "`reversed` goes with a single range", node.at, "several ranges here")
    body = Level(context, outer, inside_of=own or frozenset({"'none"}), path=outer.path)
    inner = LevelScope(body, scope)
    ports: list[Port] = []
    variables = []
    for written, (_, kind) in zip(node.iters, iters[1], strict=True):
        body.bind(written.name.text, kind, written.name.at)
        ports.append(Port(written.name.text, t.space(kind), written.name.at))
        variables.append((written.name.text, t.space(kind)))
    carries = _carries(scope, body, node, ports)
    body.inputs = ports
    declared = {n: d for n, (d, at) in expected.items()}
    inner_expected: Expected = {}
    index = tuple(kind for _, kind in iters[1])
    for name, kind in declared.items():
        if isinstance(kind, t.Family) and kind.index[: len(index)] == index:
            rest = kind.index[len(index) :]
            inner_expected[name] = (t.Family(rest, kind.item) if rest else kind.item, expected[name][1])
    from opengames.dsl.blocks import build

    build(body, inner, node.body, inner_expected)
    carry = _close_carries(inner, body, node, carries)
    nexts = {f"next {c.name.text}" for c in node.carries}
    leaving = [n.text for n in bound(node)] + [c.name.text for c in node.carries if outer.carry_owner.get(c.name.text) is node]
    outs = tuple((n, n) for n in leaving if n in body.wires and n not in nexts)
    good = tuple((o, w) for o, w in outs if not t.is_wrong(body.wires[w][0]))
    for out, wire in outs:
        kind = body.wires[wire][0]
        outer.bind(out, t.family(index, kind) if not t.is_wrong(kind) else t.WRONG, body.wires[wire][1])
    name = outer.segment("for " + ", ".join(i.name.text for i in node.iters))
    placeholder = Diagram(name)
    loop = Loop(name, tuple(variables), placeholder, (), carry, good, (), (), node.reversed, at=node.at)
    outer.boxes.append(LoopInside(loop, body, tuple(ports)))


def _carries(
    scope: LevelScope, body: Level, node: s.ForStmt, ports: list[Port]
) -> list[tuple[s.CarryInit, str, t.Type]]:
    outer = scope.level
    found = []
    for each in node.carries:
        first = value(scope, each.value)
        kind = _carried_type(first.type)
        if each.name.text in body.wires:
            scope.context.report("duplicate-name", f"`{each.name.text}` is already here", each.name.at, "again here")
            continue
        body.bind(each.name.text, kind, each.name.at)
        body.carried[each.name.text] = kind
        if t.is_wrong(kind):
            continue
        init = _wire_of(scope, first.term, first.type, f"{each.name.text} at first")
        ports.append(Port(each.name.text, t.space(kind), each.name.at))
        found.append((each, init, kind))
        outer.use(init)
    return found


def _carried_type(kind: t.Type) -> t.Type:
    """What a carried wire may hold in later rounds: numbers of the same unit, anything else as it starts."""
    match kind:
        case t.Num():
            return kind.plain
        case t.Family(index=index, item=item):
            return t.Family(index, _carried_type(item))
        case t.Record(fields=fields):
            return t.Record(tuple((n, _carried_type(k)) for n, k in fields))
    return kind


def _close_carries(
    inner: LevelScope, body: Level, node: s.ForStmt, carries: list[tuple[s.CarryInit, str, t.Type]]
) -> tuple[Carry, ...]:
    done = []
    for each, init, kind in carries:
        wire = f"next {each.name.text}"
        if wire not in body.wires:
            inner.context.report(
                "missing-next",
                f"`{each.name.text}` is carried, and nothing says what it is next",
                each.name.at,
                "carried from here",
                help=f"add `next {each.name.text} = ...` to the loop",
            )
            continue
        following = body.wires[wire][0]
        if t.is_wrong(following):
            continue
        at = body.wires[wire][1] or node.at
        verdict = t.fit(following, kind)
        if not verdict.ok:
            conform(inner, Typed(Var(wire), following), s.Ident(wire, at), kind, f"`{wire}`", each.name.at)
            continue
        done.append(Carry(each.name.text, t.space(kind), init, wire))
    return tuple(done)


def _next(scope: LevelScope, node: s.NextStmt) -> None:
    level, context = scope.level, scope.context
    wire = f"next {node.name.text}"
    carrier: Level | None = level
    between: list[str] = []
    while carrier is not None and node.name.text not in carrier.carried:
        between = [p.name for p in carrier.inputs] + between if carrier.inputs else between
        carrier = carrier.parent
    if carrier is None:
        carried = [n for lv in _levels(level) for n in lv.carried]
        close = nearest(node.name.text, carried)
        context.report(
            "next-without-carrying",
            f"no loop here carries `{node.name.text}`",
            node.name.at,
            "not carried",
            help=f"did you mean `{close}`?" if close else f"declare it: `for ... carrying {node.name.text} = ...`",
        )
        level.bind(wire, t.WRONG, node.name.at)
        return
    kind = carrier.carried[node.name.text]
    if node.index or between:
        written = [e.name if isinstance(e, s.Ident) else "" for e in node.index]
        inside = [b for b in between if b in written]
        if written != inside or len(written) != len(between):
            context.report(
                "next-index",
                f"`next {node.name.text}` inside an inner loop says which element it sets",
                node.name.at,
                "needs the inner loop's variables, in order",
                help=f"`next {node.name.text}[{', '.join(between)}] = ...`" if between else "drop the index",
            )
            level.bind(wire, t.WRONG, node.name.at)
            return
        if isinstance(kind, t.Family) and len(kind.index) >= len(written):
            rest = kind.index[len(written) :]
            kind = t.Family(rest, kind.item) if rest else kind.item
    name = s.Name(wire, node.name.at)
    declared = {wire: (kind, carrier.place(node.name.text) or node.at)}
    if node.draw:
        _draw(scope, s.DrawStmt((name,), None, node.value, None, node.at), declared)
    else:
        _let(scope, s.Let((name,), None, node.value, node.at), declared)


def _levels(level: Level | None) -> list[Level]:
    found = []
    while level is not None:
        found.append(level)
        level = level.parent
    return found


# ------------------------------------------------------------------------ branches


def _if(scope: LevelScope, node: s.IfStmt) -> None:
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


def _match(scope: LevelScope, node: s.MatchStmt) -> None:
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
        arms.append((taken, source_pattern(scope, pattern), body))
    if len(subjects) == 1:
        subject, kind = subjects[0], kinds[0]
    else:
        kind = t.Record(tuple((str(i + 1), k) for i, k in enumerate(kinds)))
        subject = Typed(Pack(tuple(x.term for x in subjects)), kind)
    _branch(scope, node.subject, subject, kind, arms, node.at)


def source_pattern(scope: LevelScope, pattern: s.Pattern) -> str:
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
    segment = outer.segment(words)
    wire = None if t.is_wrong(subject.type) else _wire_of(scope, subject.term, kind, f"{segment}?")
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


