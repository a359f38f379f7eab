"""Calls dissolved: the same diagram with every called diagram's boxes in place, at one level.

Backward wires become ordinary ones on the way: inside a call, an `expects` port is the wire that is paid.
Loops and branches stay boxes (their bodies are flattened in turn). The result is ordered so that every
wire is bound before it is used, which succeeds because no forward wire may depend on a backward one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from opengames.diagram import (
    Arm,
    Box,
    Branch,
    Call,
    Carry,
    Compute,
    Decide,
    Diagram,
    Draw,
    Loop,
    Port,
    Seat,
    binds,
    in_order,
    wires,
)  # fmt: skip
from opengames.plain import replace
from opengames.terms import Term, Var, substitute


def flatten(diagram: Diagram) -> Diagram:
    """`diagram` without `Call` boxes. The wires inside a call get the call's name in front: `bid_ann.value`."""
    boxes: list[Box] = []
    for box in diagram.boxes:
        _add(box, boxes)
    given = {p.name for p in diagram.inputs + diagram.expects}
    return replace(diagram, boxes=in_order(boxes, given))


def _add(box: Box, boxes: list[Box]) -> None:
    match box:
        case Call():
            _dissolve(box, boxes)
        case Loop(body=body):
            boxes.append(replace(box, body=flatten(body)))
        case Branch(arms=arms):
            boxes.append(replace(box, arms=tuple(Arm(a.label, a.values, flatten(a.body)) for a in arms)))
        case _:
            boxes.append(box)


def _dissolve(call: Call, boxes: list[Box]) -> None:
    inner = flatten(call.diagram)
    names = {p.name: wire for p, wire in zip(inner.inputs, call.args, strict=True)}
    names.update((p.name, wire) for p, wire in zip(inner.expects, call.paying, strict=True))
    bound = [p.name for box in inner.boxes for p in binds(box)]
    leaving = [*zip(inner.outputs, call.outs, strict=True), *zip(inner.reports, call.reports, strict=True)]
    extra: list[Box] = []
    for port, wire in leaving:
        if port.name in names:  # passes straight through, or leaves twice
            extra.append(Compute(Port(wire, port.space), Var(names[port.name]), hidden=True))
        else:
            names[port.name] = wire
    for name in bound:
        names.setdefault(name, f"{call.name}.{name}")
    boxes.extend(rename(box, names) for box in inner.boxes)
    boxes.extend(extra)


def rename(box: Box, names: Mapping[str, str]) -> Box:
    """`box` with its diagram's wires renamed; names not mentioned stay."""

    def wire(name: str) -> str:
        return names.get(name, name)

    def wires(group: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(wire, group))

    def port(p: Port) -> Port:
        return replace(p, name=wire(p.name))

    def term(each: Term) -> Term:
        return substitute(each, {old: Var(new) for old, new in names.items() if old != new})

    match box:
        case Compute(out=out, term=body):
            return replace(box, out=port(out), term=term(body))
        case Draw(out=out, kernel=kernel):
            return replace(box, out=port(out), kernel=term(kernel))
        case Decide(outs=outs, seat=seat, seeing=seeing, rules=rules, needs=more, duals=duals):
            return replace(
                box,
                outs=tuple(map(port, outs)),
                seat=Seat(seat.name, tuple(map(term, seat.index))),
                seeing=wires(seeing),
                earning=wire(box.earning),
                rules=tuple(replace(r, term=term(r.term)) for r in rules),
                needs=wires(more),
                duals=tuple(map(port, duals)),
            )
        case Call(args=args, outs=out_names, paying=paying, reports=reports):
            return replace(
                box, args=wires(args), outs=wires(out_names), paying=wires(paying), reports=wires(reports)
            )
        case Loop():
            return _rename_loop(box, wire)
        case Branch():
            return _rename_branch(box, wire)
    raise TypeError(f"not a box: {box!r}")


def rename_wires(diagram: Diagram, names: Mapping[str, str]) -> Diagram:
    """The same diagram with some wires of its own level renamed, its ports included.

    A wire that is not renamed makes room where another gets its name.
    """
    changed = {old: new for old, new in names.items() if old != new}
    taken = {*wires(diagram), *changed.values()}
    for wire in wires(diagram):
        if wire not in names and wire in changed.values():
            fresh = f"{wire}'"
            while fresh in taken:
                fresh += "'"
            taken.add(fresh)
            changed[wire] = fresh

    def ports(group: tuple[Port, ...]) -> tuple[Port, ...]:
        return tuple(replace(p, name=changed.get(p.name, p.name)) for p in group)

    return replace(
        diagram,
        inputs=ports(diagram.inputs),
        outputs=ports(diagram.outputs),
        boxes=tuple(rename(box, changed) for box in diagram.boxes),
        expects=ports(diagram.expects),
        reports=ports(diagram.reports),
    )


def _rename_loop(box: Loop, wire: Callable[[str], str]) -> Loop:
    """The body keeps its own names; only what it shares with the outside is wired anew."""
    inner = {name: wire(name) for name in box.captured}
    body = _with_inputs(box.body, inner)
    return replace(
        box,
        body=body,
        captured=tuple(wire(c) for c in box.captured),
        carry=tuple(Carry(c.name, c.space, wire(c.init), c.next) for c in box.carry),
        outs=tuple((wire(o), w) for o, w in box.outs),
        lasts=tuple((wire(o), c) for o, c in box.lasts),
        paying=tuple(map(wire, box.paying)),
    )


def _rename_branch(box: Branch, wire: Callable[[str], str]) -> Branch:
    inner = {name: wire(name) for name in box.captured}
    outs = {p.name: wire(p.name) for p in box.outs}
    arms = []
    for arm in box.arms:
        body = _with_inputs(arm.body, {**inner, **outs})
        arms.append(Arm(arm.label, arm.values, body))
    return replace(
        box,
        subject=wire(box.subject),
        arms=tuple(arms),
        captured=tuple(map(wire, box.captured)),
        outs=tuple(replace(p, name=wire(p.name)) for p in box.outs),
        paying=tuple(tuple(map(wire, each)) for each in box.paying),
    )


def _with_inputs(body: Diagram, names: Mapping[str, str]) -> Diagram:
    """The body with some of its wires renamed, its ports included."""
    changed = {old: new for old, new in names.items() if old != new}
    if not changed:
        return body
    return replace(
        body,
        inputs=tuple(replace(p, name=changed.get(p.name, p.name)) for p in body.inputs),
        outputs=tuple(replace(p, name=changed.get(p.name, p.name)) for p in body.outputs),
        boxes=tuple(rename(b, changed) for b in body.boxes),
    )
