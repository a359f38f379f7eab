"""Branches dissolved: the same channel with every box of every arm in place, at one level.

What stands in an arm happens always, but says something only where the arm is taken; elsewhere it is the first value of its
type, for sure. What the arms hand out is chosen by the subject. So a network or a market can stand on a channel with branches.

Law: the joint distribution of the wires of the diagram's own level is that of the original.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from opengames.diagram import (
    Box,
    Branch,
    Compute,
    Decide,
    Diagram,
    Draw,
    Loop,
    Port,
    binds,
    in_order,
    walk,
    wires,
)
from opengames.flatten import flatten
from opengames.plain import replace
from opengames.spaces import Family, Reals, Record, Space, index_size, points, size
from opengames.terms import ONE, Const, Pack, Select, Tabulate, Term, Var, Weighted, substitute


def straight(diagram: Diagram) -> Diagram:
    """`diagram` without branches, as far as nothing is decided in their arms; calls are
    dissolved where there is a branch. The same object if it has none."""
    if not _has_branch(diagram):
        return diagram
    return _straight(flatten(diagram))


def _has_branch(diagram: Diagram) -> bool:
    return any(isinstance(box, Branch) for _, box in walk(diagram))


def _straight(diagram: Diagram) -> Diagram:
    boxes: list[Box] = []
    spaces = wires(diagram)
    used = set(spaces)
    for box in diagram.boxes:
        match box:
            case Loop(body=body):
                boxes.append(replace(box, body=_straight(body)))
            case Branch() if _can_go(box, spaces[box.subject]):
                boxes += _dissolved(box, spaces[box.subject], used)
            case _:
                boxes.append(box)
    given = [p.name for p in diagram.inputs + diagram.expects]
    return replace(diagram, boxes=in_order(boxes, given))


def _can_go(box: Branch, subject: Space) -> bool:
    """Whether nothing in the arms is decided, paid from outside, or of a type without values."""
    inside = [inner for arm in box.arms for inner in _every(arm.body)]
    return (
        size(subject) is not None
        and not any(isinstance(b, Decide) for b in inside)
        and not any(arm.body.expects for arm in box.arms)
        and all(_first(p.space) is not None for b in inside for p in binds(b))
    )


def _every(diagram: Diagram) -> Iterable[Box]:
    for box in diagram.boxes:
        yield box
        if isinstance(box, Loop):
            yield from _every(box.body)
        elif isinstance(box, Branch):
            for arm in box.arms:
                yield from _every(arm.body)


def _dissolved(box: Branch, space: Space, used: set[str]) -> list[Box]:
    found: list[Box] = []
    given: dict[str, dict[object, str]] = {p.name: {} for p in box.outs}
    for arm in box.arms:
        body = _straight(arm.body)
        given_to = {p.name for p in body.inputs}
        names: dict[str, str] = {}
        for port in (p for inner in body.boxes for p in binds(inner) if p.name not in given_to):
            name = f"{arm.label}.{port.name}"
            while name in used:
                name += "'"
            used.add(name)
            names[port.name] = name
        for inner in body.boxes:
            found.append(_guarded(_renamed(inner, names), box.subject, space, arm.values))
        for port in box.outs:
            for value in arm.values:
                given[port.name][value] = names.get(port.name, port.name)
    for port in box.outs:
        cells = tuple(Var(given[port.name][v]) for v in points(space))
        found.append(Compute(port, Select((Var(box.subject),), (space,), cells), at=port.at))
    return found


def _renamed(box: Box, names: dict[str, str]) -> Box:
    terms: dict[str, Term] = {old: Var(new) for old, new in names.items()}

    def port(p: Port) -> Port:
        return replace(p, name=names.get(p.name, p.name))

    match box:
        case Compute(out=out, term=term):
            return replace(box, out=port(out), term=substitute(term, terms))
        case Draw(out=out, kernel=kernel):
            return replace(box, out=port(out), kernel=substitute(kernel, terms))
        case Loop(outs=outs, lasts=lasts, captured=captured, carry=carry, body=body):
            # what the body takes from outside comes in under its old name, by a box of its own
            moved = {w: names[w] for w in captured if w in names}
            inputs = tuple(replace(p, name=moved.get(p.name, p.name)) for p in body.inputs)
            alias = tuple(Compute(p, Var(moved[p.name]), hidden=True) for p in body.inputs if p.name in moved)
            return replace(
                box,
                outs=tuple((names.get(o, o), inner) for o, inner in outs),
                lasts=tuple((names.get(o, o), c) for o, c in lasts),
                captured=tuple(names.get(w, w) for w in captured),
                carry=tuple(replace(c, init=names.get(c.init, c.init)) for c in carry),
                body=replace(body, inputs=inputs, boxes=(*alias, *body.boxes)),
            )
    raise TypeError(f"{type(box).__name__} in an arm")


def _guarded(box: Box, subject: str, space: Space, values: tuple[object, ...]) -> Box:
    """The box where the subject is one of `values`; elsewhere it gives the first value of its type."""

    def only(term: Term, elsewhere: Term) -> Term:
        return Select((Var(subject),), (space,), tuple(term if v in values else elsewhere for v in points(space)))

    match box:
        case Compute(out=out, term=term):
            return replace(box, term=only(term, _known(out.space)))
        case Draw(out=out, kernel=kernel):
            return replace(box, kernel=only(kernel, Weighted(((_known(out.space), ONE),))))
        case Loop(body=body, captured=captured):
            inputs = body.inputs if subject in captured else (*body.inputs, Port(subject, space))
            inner = tuple(_guarded(b, subject, space, values) for b in body.boxes)
            return replace(
                box, body=replace(body, inputs=inputs, boxes=inner),
                captured=captured if subject in captured else (*captured, subject),
            )  # fmt: skip
    raise TypeError(f"{type(box).__name__} in an arm")


def _known(space: Space) -> Term:
    found = _first(space)
    assert found is not None
    return found


def _first(space: Space) -> Term | None:
    """A value of a type, the first where they are listed, as a term; `None` where there is none."""
    match space:
        case Record(fields=fields):
            parts = [_first(s) for _, s in fields]
            return None if any(p is None for p in parts) else Pack(tuple(p for p in parts if p is not None))
        case Family(index=index, item=item):
            part = _first(item)
            iters = tuple((f"place {i}", s) for i, s in enumerate(index))
            return None if part is None or not index_size(index) else Tabulate(iters, part)
        case Reals(lower=lower, upper=upper):
            return Const(lower if lower is not None else upper if upper is not None else Fraction(0))
    return Const(next(iter(points(space)))) if size(space) else None


__all__ = ["straight"]
