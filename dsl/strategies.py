"""Strategies and recognitions: a choice for every decision of a game, and the declared inverse of a channel."""

from __future__ import annotations

from opengames import program as p
from opengames.diagnostics import Edit, Window
from opengames.diagram import Port
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.context import Context, Scope, Typed, nearest
from opengames.dsl.declarations import index_names
from opengames.dsl.infer import conform, infer
from opengames.dsl.instances import Decision, Instance, box_of
from opengames.dsl.questions import method_of, suits
from opengames.dsl.type_expressions import values_of
from opengames.terms import Term, Var


class PlanScope(Scope):
    """What a plan may use: what the decision sees, the seat's indices, params and funs."""

    def __init__(self, context: Context, seen: tuple[tuple[str, t.Type], ...], seat: str, game: Instance) -> None:
        super().__init__(context)
        self.seat_name = seat
        self.seen = [n for n, _ in seen]
        self.hidden = {n: at for n, at in game.every_wire if n not in self.seen}
        for name, kind in seen:
            self.locals[name] = Typed(Var(name), kind)

    def unknown(self, name: str) -> str:
        return "not seen" if name in self.hidden else ""


def strategy(context: Context, node: s.StrategyDecl) -> p.Strategy | None:
    """The strategy declared by `node`; `None` after a report."""
    scope = Scope(context)
    game = box_of(scope, node.of)
    if game is None:
        name = node.of.name if isinstance(node.of, s.Ident) else "this"
        close = nearest(name, context.boxes)
        context.report(
            "unknown-game",
            f"there is no game `{name}`",
            node.of.at,
            "not declared",
            help=f"did you mean `{close}`?" if close else "",
            edit=Edit(node.of.at, close) if close and isinstance(node.of, s.Ident) else None,
        )
        return None
    if game.broken:
        return None
    plans: list[p.Plan] = []
    planned: dict[tuple[str, str], s.PlanDecl] = {}
    for each in node.plans:
        key = (each.seat.text, ".".join(w.text for w in each.wire))
        if key in planned:
            context.report(
                "duplicate-plan",
                f"`{key[0]}.{key[1]}` is planned twice",
                each.at,
                "again here",
                windows=(Window(planned[key].at, "first here"),),
            )
            continue
        planned[key] = each
        made = _plan(context, game, each)
        if made is not None:
            plans.append(made)
    if len(plans) == len(node.plans):
        _complete(context, node, game, plans)
    return p.Strategy(node.name.text, game.name, tuple(plans), at=node.name.at)


def _plan(context: Context, game: Instance, node: s.PlanDecl) -> p.Plan | None:
    seat = node.seat.text
    if seat not in context.players:
        close = nearest(seat, context.players)
        context.report(
            "unknown-player",
            f"there is no player `{seat}`",
            node.seat.at,
            "not declared",
            help=f"did you mean `{close}`?" if close else "",
            edit=Edit(node.seat.at, close) if close else None,
        )
        return None
    kinds = context.players[seat]
    if len(node.seat_vars) != len(kinds):
        names = ", ".join("ijkluvw"[i] for i in range(len(kinds)))
        context.report(
            "wrong-count",
            f"`{seat}` has {len(kinds) or 'no'} ind{'ex' if len(kinds) == 1 else 'ices'}, and the plan names {len(node.seat_vars)}",
            node.seat.at,
            "the indices are names here",
            help=f"`{seat}[{names}].{node.wire[-1].text}`" if kinds else f"`{seat}.{node.wire[-1].text}`",
        )
        return None
    tail = tuple(w.text for w in node.wire)
    matching = [d for d in game.decisions if d.seat == seat and _fits(d, tail)]
    if not matching:
        _no_decision(context, game, node, seat, tail)
        return None
    first = matching[0]
    scope = PlanScope(context, first.seen, seat, game)
    for name, kind in zip(node.seat_vars, kinds, strict=True):
        scope.bind(name, Typed(Var(name.text), kind))
    wanted = dict(first.wires)[tail[-1]]
    before = len(context.diagnostics)
    found = infer(scope, node.value, wanted)
    _say_unseen(context, scope, before)
    if t.is_wrong(found.type, wanted):
        return None
    if node.mixed and not found.kernel:
        context.report("not-random", "`~` draws, and nothing here is random", node.value.at, "not random", help="use `=`")
        return None
    if not node.mixed and found.kernel:
        context.report(
            "distribution-as-value", "`=` defines, and this is a distribution", node.value.at, "random", help="use `~` to mix"
        )
        return None
    what = f"`{tail[-1]}`, decided by {seat}"
    term: Term
    if found.kernel:
        if not t.fit(found.type, wanted).ok:
            conform(scope, Typed(found.term, found.type), node.value, wanted, what, first.at)
            return None
        term = found.term
    else:
        term = conform(scope, found, node.value, wanted, what, first.at)
    return p.Plan(seat, tuple(v.text for v in node.seat_vars), ".".join(tail), term, node.mixed, at=node.at)


def _fits(decision: Decision, tail: tuple[str, ...]) -> bool:
    if tail[-1] not in dict(decision.wires):
        return False
    place = (*decision.path, tail[-1])
    return place[-len(tail) :] == tail


def _no_decision(
    context: Context, game: Instance, node: s.PlanDecl, seat: str, tail: tuple[str, ...]
) -> None:
    own = [w for d in game.decisions if d.seat == seat for w, _ in d.wires]
    other = [d.seat for d in game.decisions if tail[-1] in dict(d.wires)]
    close = nearest(tail[-1], own)
    label = "decides " + ", ".join(f"`{w}`" for w in dict.fromkeys(own)) if own else f"decides nothing in `{game.name}`"
    context.report(
        "unknown-decision",
        f"{seat} does not decide `{'.'.join(tail)}` in `{game.name}`",
        node.wire[-1].at,
        f"{seat} {label}",
        help=f"did you mean `{seat}.{close}`?" if close else f"`{tail[-1]}` is decided by {other[0]}" if other else "",
        edit=Edit(node.wire[-1].at, close) if close and len(tail) == 1 else None,
    )


def _say_unseen(context: Context, scope: PlanScope, before: int) -> None:
    """A wire that exists and is not seen is a mistake of its own, not an unknown name."""
    for i in range(before, len(context.diagnostics)):
        d = context.diagnostics[i]
        if d.code == "unknown-name" and d.label == "not seen" and d.span is not None:
            name = d.headline.split("`")[1]
            seat = scope.seat_name
            place = scope.hidden.get(name)
            sees = ", ".join(f"`{n}`" for n in scope.seen) or "nothing"
            from opengames.diagnostics import Diagnostic

            context.diagnostics[i] = Diagnostic(
                "unseen",
                f"this plan uses `{name}`, which {seat} does not see",
                d.span,
                f"{seat} sees {sees}",
                windows=(Window(place, f"`{name}` is here"),) if place is not None else (),
                help=f"if {seat} may know it, add `seeing {name}` to the decision",
            )


def _complete(context: Context, node: s.StrategyDecl, game: Instance, plans: list[p.Plan]) -> None:
    tails: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for plan in plans:
        tail = tuple(plan.decision.split("."))
        tails.setdefault((plan.seat, tail[-1]), []).append(tail)
    for each in game.decisions:
        if each.clearing:
            continue
        for wire, _ in each.wires:
            place = (*each.path, wire)
            if not any(place[-len(tail) :] == tail for tail in tails.get((each.seat, wire), ())):
                context.report(
                    "incomplete-strategy",
                    f"`{node.name.text}` says nothing about `{each.seat}.{wire}`",
                    node.name.at,
                    "a strategy has a plan for every decision",
                    windows=(Window(each.at, f"{each.seat} decides `{wire}` here"),),
                    help=f"add `{each.seat}.{wire} = ...`",
                )


def recognition(context: Context, node: s.RecognitionDecl) -> p.Recognition | None:
    """The recognition declared by `node`, its wires matched by name with the channel it inverts."""
    scope = Scope(context)
    inputs = tuple((f.name.text, values_of(scope, f.type)) for f in node.inputs)
    output = values_of(scope, node.output)
    outputs = output.fields if isinstance(output, t.Record) else (("out", output),)
    if t.is_wrong(*(k for _, k in (*inputs, *outputs))):
        return None
    ports = tuple(Port(n, t.space(k), node.name.at) for n, k in inputs)
    names = {n: index_names(k) for n, k in inputs}
    outs = tuple(Port(n, t.space(k), node.name.at) for n, k in outputs)
    if node.of is None or node.by is None:
        return _written_out(context, node, ports, outs, names)
    inverted = box_of(scope, node.of)
    if inverted is None:
        context.report("not-a-channel", "a recognition inverts a channel", node.of.at, "not a channel")
        return None
    if inverted.broken:
        return None
    method = method_of(Scope(context, questions=True), node.by)
    puts_out, takes_in = dict(inverted.outputs), dict(inverted.inputs)
    observed = tuple(n for n, _ in inputs if n in puts_out)
    given = tuple(n for n, _ in inputs if n in takes_in)
    for name, kind in inputs:
        theirs = puts_out.get(name, takes_in.get(name))
        _match(context, node, name, kind, theirs, inverted)
    everything = {**dict(inverted.wires), **takes_in, **puts_out}
    for name, kind in outputs:
        _match(context, node, name, kind, everything.get(name), inverted)
    if not observed and all(n in puts_out or n in takes_in for n, _ in inputs):
        context.report(
            "nothing-observed",
            f"`{node.name.text}` takes in nothing that `{inverted.name}` puts out",
            node.name.at,
            "no wire is observed",
            notes=("wires are matched by name",),
        )
    if method is None or not suits(context, method):
        return None
    return p.Recognition(node.name.text, ports, outs, inverted.name, method, observed, given, at=node.name.at, index_names=names)


def _match(
    context: Context, node: s.RecognitionDecl, name: str, kind: t.Type, theirs: t.Type | None, channel: Instance
) -> None:
    at = next((f.name.at for f in node.inputs if f.name.text == name), node.output.at)
    if theirs is None:
        close = nearest(name, [n for n, _ in (*channel.inputs, *channel.outputs)])
        context.report(
            "unknown-name",
            f"`{channel.name}` has no wire `{name}`",
            at,
            "wires are matched by name",
            help=f"did you mean `{close}`?" if close else "",
        )
    elif not t.fit(theirs, kind).ok:
        context.report(
            "type-mismatch",
            f"`{name}` is {t.describe(theirs)} in `{channel.name}`, and {t.describe(kind)} here",
            at,
            t.describe(kind),
        )


def _written_out(
    context: Context, node: s.RecognitionDecl, ports: tuple[Port, ...], outs: tuple[Port, ...], names: dict[str, tuple[str, ...]]
) -> p.Recognition | None:
    """A recognition given by a block is a channel like any other."""
    from opengames.dsl.instances import instance

    assert node.body is not None
    decl = s.ChannelDecl(node.name, node.statics, node.inputs, node.output, node.body, node.at)
    made = instance(context, decl, {}, ())
    if made.broken:
        return None
    return p.Recognition(node.name.text, ports, outs, None, None, diagram=made.diagram, at=node.name.at, index_names=names)
