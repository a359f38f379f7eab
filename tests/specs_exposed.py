"""Wires anywhere in a diagram handed out to its top level, where the exact reading can be asked about them.

A place is one number or label: a wire in calls, loops and branches, with the field of a record and the last
element of a family taken. In a loop it is the wire of the last iteration. A wire in a branch is handed out with whether
its arm was taken; where it was not, some point of its space stands for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from opengames.diagram import Arm, Branch, Call, Compute, Diagram, Loop, Port, binds, bodies
from opengames.spaces import BOOL, Bool, Enum, Family, Grid, Reals, Record, Space, index_points, points
from opengames.terms import At, Const, Get, Term, Var

VALUE, TAKEN = "exposed value", "exposed taken"


@dataclass(frozen=True)
class Place:
    """path: of the wire. column: its name among the columns of runs. axes: how many loops and indices are around it.

    steps: the boxes that lead to it, as (position, body). term: over the wires of the innermost diagram.
    """

    path: str
    column: str
    axes: int
    steps: tuple[tuple[int, int], ...]
    term: Term
    space: Space
    in_branch: bool


def places(diagram: Diagram) -> Iterator[Place]:
    """Every place in which an author's wire can be read; of wires with one path, the outermost and first."""
    seen = {p.name for p in diagram.inputs}
    yield from _places(diagram, (), (), 0, False, seen)


def _places(
    diagram: Diagram, path: tuple[str, ...], steps: tuple[tuple[int, int], ...], loops: int, in_branch: bool, seen: set[str]
) -> Iterator[Place]:
    for box in diagram.boxes:
        for port in binds(box):
            name = ".".join((*path, port.name))
            if name not in seen and not (isinstance(box, Compute) and box.hidden) and "'" not in port.name:
                for column, axes, term, space in _scalars(name, Var(port.name), port.space, loops):
                    yield Place(name, column, axes, steps, term, space, in_branch)
            seen.add(name)
    for i, box in enumerate(diagram.boxes):
        around = loops + (len(box.iters) if isinstance(box, Loop) else 0)
        for k, (segment, inner) in enumerate(bodies(box)):
            branch = in_branch or isinstance(box, Branch)
            yield from _places(inner, path + ((segment,) if segment else ()), (*steps, (i, k)), around, branch, seen)


def _scalars(name: str, term: Term, space: Space, axes: int) -> Iterator[tuple[str, int, Term, Space]]:
    match space:
        case Record(fields=fields):
            for i, (field, inner) in enumerate(fields):
                yield from _scalars(f"{name}.{field}", Get(term, i), inner, axes)
        case Family(index=index, item=item):
            yield from _scalars(name, At(term, _last(index), index), item, axes + len(index))
        case Bool() | Enum() | Grid() | Reals():
            yield name, axes, term, space


def _last(index: tuple[Space, ...]) -> tuple[Const, ...]:
    return tuple(Const(k) for k in list(index_points(index))[-1])


def exposed(diagram: Diagram, place: Place) -> Diagram:
    """The diagram with the place as its wire `VALUE`, and whether it happened as `TAKEN`."""
    return _handed_out(diagram, place.steps, place)


def _handed_out(diagram: Diagram, steps: tuple[tuple[int, int], ...], place: Place) -> Diagram:
    value, taken = Port(VALUE, place.space), Port(TAKEN, BOOL)
    if not steps:
        here = (Compute(value, place.term), Compute(taken, Const(True)))
        return replace(diagram, boxes=(*diagram.boxes, *here), outputs=(*diagram.outputs, value, taken))
    (i, k), box = steps[0], diagram.boxes[steps[0][0]]
    more: tuple[Any, ...] = ()
    match box:
        case Call():
            box = replace(box, diagram=_handed_out(box.diagram, steps[1:], place), outs=(*box.outs, VALUE, TAKEN))
        case Branch():
            arms = tuple(_arm(a, j == k, steps[1:], place) for j, a in enumerate(box.arms))
            box = replace(box, arms=arms, outs=(*box.outs, value, taken))
        case Loop():
            index = tuple(space for _, space in box.iters)
            pairs = tuple((f"{wire} of all", wire) for wire in (VALUE, TAKEN))
            box = replace(box, body=_handed_out(box.body, steps[1:], place), outs=(*box.outs, *pairs))
            more = tuple(Compute(p, At(Var(f"{p.name} of all"), _last(index), index)) for p in (value, taken))
        case _:
            raise TypeError(f"{box!r} has no body")
    boxes = (*diagram.boxes[:i], box, *more, *diagram.boxes[i + 1 :])
    return replace(diagram, boxes=boxes, outputs=(*diagram.outputs, value, taken))


def _arm(arm: Arm, has_it: bool, steps: tuple[tuple[int, int], ...], place: Place) -> Arm:
    if has_it:
        return replace(arm, body=_handed_out(arm.body, steps, place))
    value, taken = Port(VALUE, place.space), Port(TAKEN, BOOL)
    instead = (Compute(value, Const(_some(place.space))), Compute(taken, Const(False)))
    return replace(arm, body=replace(arm.body, boxes=(*arm.body.boxes, *instead), outputs=(*arm.body.outputs, value, taken)))


def _some(space: Space) -> Any:
    if isinstance(space, Reals):
        return max(space.lower or Fraction(0), min(space.upper or Fraction(0), Fraction(0)))
    return next(iter(points(space)))
