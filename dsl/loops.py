"""`for ... carrying ...` and `next`: the body once for each point of a range."""

from __future__ import annotations

from opengames.diagram import Carry, Diagram, Loop, Port
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.bindings import Expected, wire_of
from opengames.dsl.context import Typed, nearest
from opengames.dsl.draws import draw, let
from opengames.dsl.infer import conform, value
from opengames.dsl.levels import Level, LevelScope, LoopInside
from opengames.dsl.names_used import bound, carried
from opengames.dsl.ranges import bind_iters
from opengames.spaces import size
from opengames.terms import Var


def for_each(scope: LevelScope, node: s.ForStmt, expected: Expected) -> None:
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
        for lost in bound(node):
            outer.bind(lost.text, t.WRONG, lost.at)
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
    firsts = {init: outer.use(init) or t.WRONG for _, init, _ in carries}
    carry = _close_carries(inner, body, node, carries, ports, firsts)
    nexts = {f"next {c.name.text}" for c in node.carries}
    leaving = [n.text for n in bound(node)] + [n.text for n in carried(node) if outer.carry_owner.get(n.text) is node]
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
        init = wire_of(scope, first.term, first.type, f"{each.name.text} at first")
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
    inner: LevelScope,
    body: Level,
    node: s.ForStmt,
    carries: list[tuple[s.CarryInit, str, t.Type]],
    ports: list[Port],
    firsts: dict[str, t.Type],
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
        known = _finite_carry(firsts.get(init), following, kind)
        if known != kind:
            body.wires[each.name.text] = (known, each.name.at)
            place = next(i for i, p in enumerate(ports) if p.name == each.name.text)
            ports[place] = Port(each.name.text, t.space(known), each.name.at)
        done.append(Carry(each.name.text, t.space(known), init, wire))
    return tuple(done)


def _finite_carry(first: t.Type | None, following: t.Type, kind: t.Type) -> t.Type:
    """A carried number that starts in a finite set and stays in one is of a finite type, whatever it was read as."""
    whole = t.join(first, following) if first is not None else None
    if whole is None:
        return kind
    return whole if size(t.space(whole)) is not None else kind


def set_next(scope: LevelScope, node: s.NextStmt) -> None:
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
        draw(scope, s.DrawStmt((name,), None, node.value, None, node.at), declared)
    else:
        let(scope, s.Let((name,), None, node.value, node.at), declared)


def _levels(level: Level | None) -> list[Level]:
    found = []
    while level is not None:
        found.append(level)
        level = level.parent
    return found
