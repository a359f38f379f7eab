"""What of a diagram bears on some of its wires: the rest need not be run, nor suit a filter.

Law: the joint distribution of the wanted wires is that of the diagram as it was.
"""

from __future__ import annotations

from collections.abc import Iterable

from opengames.diagram import Arm, Box, Branch, Diagram, Loop, binds, needs
from opengames.plain import replace


def relevant(diagram: Diagram, wanted: Iterable[str]) -> Diagram:
    """The boxes of a flat diagram that the wanted wires need, which are its outputs then. Inputs stay as they are."""
    aim = frozenset(wanted)
    used, kept = set(aim), []
    for box in reversed(diagram.boxes):
        asked = used & {p.name for p in binds(box)}
        if asked:
            box = _trimmed(box, asked)
            kept.append(box)
            used |= needs(box)
    outputs = tuple(p for p in diagram.outputs if p.name in aim)
    return replace(diagram, boxes=tuple(reversed(kept)), outputs=outputs)


def relevant_loop(loop: Loop, inside: Iterable[str], carried: Iterable[str] = ()) -> Loop:
    """The loop with what bears on some wires of its body, and on the last values of some that are carried."""
    wires, last = frozenset(inside), frozenset(carried)
    names = set(last)
    while True:
        aim = wires | {c.next for c in loop.carry if c.name in names}
        body = relevant(loop.body, aim)
        used = aim.union(*map(needs, body.boxes))
        more = {c.name for c in loop.carry if c.name in used}
        if more <= names:
            break
        names |= more
    carry = tuple(c for c in loop.carry if c.name in names)
    captured = tuple(n for n in loop.captured if n in used)
    open_ = {*(n for n, _ in loop.iters), *names, *captured}
    body = replace(body, inputs=tuple(p for p in body.inputs if p.name in open_))
    outs = tuple((n, w) for n, w in loop.outs if w in wires)
    return replace(loop, body=body, carry=carry, captured=captured, outs=outs, lasts=tuple(p for p in loop.lasts if p[1] in last))


def _trimmed(box: Box, asked: set[str]) -> Box:
    match box:
        case Loop():
            outs = tuple((n, w) for n, w in box.outs if n in asked)
            lasts = tuple((n, c) for n, c in box.lasts if n in asked)
            made = relevant_loop(box, [w for _, w in outs], [c for _, c in lasts])
            return replace(made, outs=outs, lasts=lasts)
        case Branch():
            ports = tuple(p for p in box.outs if p.name in asked)
            bodies = [relevant(arm.body, asked) for arm in box.arms]
            used = frozenset().union(*(needs(b) for body in bodies for b in body.boxes), asked)
            captured = tuple(n for n in box.captured if n in used)
            arms = tuple(
                Arm(arm.label, arm.values, replace(body, inputs=tuple(p for p in body.inputs if p.name in captured)))
                for arm, body in zip(box.arms, bodies, strict=True)
            )
            return replace(box, outs=ports, arms=arms, captured=captured)
    return box


__all__ = ["relevant", "relevant_loop"]
