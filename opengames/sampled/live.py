"""What has to be computed for what is asked: discarding a box's outputs discards the box.

In a Markov category `f >> discard == discard`, so a box whose wires nobody uses is left out, with its draws and
its faults. The forward wires of a plugged game never need its backward ports.
"""

from __future__ import annotations

from collections.abc import Iterable

from opengames.diagram import Box, Branch, Call, Diagram, Loop, binds, bodies, needs

#: Nested wires that are asked for: paths relative to a diagram, as tuples of segments.
Taps = frozenset[tuple[str, ...]]


def inner_taps(taps: Taps, segment: str) -> Taps:
    """The taps that lie inside the body with this path segment (`""` for a loop's)."""
    if not segment:
        return taps
    return frozenset(t[1:] for t in taps if len(t) > 1 and t[0] == segment)


def live(diagram: Diagram, wanted: Iterable[str], taps: Taps = frozenset()) -> tuple[list[int], frozenset[str]]:
    """The positions of the boxes that are needed, in order, and the wires of the diagram that are used."""
    used = set(wanted) | {t[0] for t in taps if len(t) == 1}
    kept: list[int] = []
    for i in range(len(diagram.boxes) - 1, -1, -1):
        box = diagram.boxes[i]
        own = {p.name for p in binds(box)}
        if not (own & used) and not _is_tapped(box, taps):
            continue
        kept.append(i)
        used |= box_needs(box, frozenset(own & used), taps)
    return kept[::-1], frozenset(used)


def _is_tapped(box: Box, taps: Taps) -> bool:
    return any(_binds_inside(inner, inner_taps(taps, segment)) for segment, inner in bodies(box))


def _binds_inside(diagram: Diagram, taps: Taps) -> bool:
    single = {t[0] for t in taps if len(t) == 1}
    for box in diagram.boxes:
        if single & {p.name for p in binds(box)} or (taps and _is_tapped(box, taps)):
            return True
    return False


def box_needs(box: Box, wanted: frozenset[str], taps: Taps) -> frozenset[str]:
    """The wires around `box` that it uses to give the `wanted` ones."""
    match box:
        case Call(name=name, diagram=inner):
            used = live(inner, call_outputs(box, wanted), inner_taps(taps, name))[1]
            return frozenset(w for w, p in zip(box.args, inner.inputs, strict=True) if p.name in used)
        case Loop():
            used = loop_needs(box, wanted, taps)[1]
            inits = {c.init for c in box.carry if c.name in used}
            return frozenset(w for w in box.captured if w in used) | inits
        case Branch():
            found: set[str] = {box.subject}
            for arm in box.arms:
                found |= live(arm.body, wanted, inner_taps(taps, arm.label))[1] & set(box.captured)
            return frozenset(found)
    return needs(box)


def call_outputs(box: Call, wanted: frozenset[str]) -> frozenset[str]:
    """The wires inside a call that the wanted ones outside are."""
    ports = box.diagram.outputs + box.diagram.reports
    return frozenset(p.name for w, p in zip(box.outs + box.reports, ports, strict=True) if w in wanted)


def loop_needs(box: Loop, wanted: frozenset[str], taps: Taps) -> tuple[frozenset[str], frozenset[str]]:
    """The wires of a loop's body that are asked for, and those that are used there; carried wires included."""
    results = {inside for outer, inside in box.outs if outer in wanted}
    carried = {name for outer, name in box.lasts if outer in wanted}
    while True:
        goals = frozenset(results | {c.next for c in box.carry if c.name in carried})
        used = live(box.body, goals, taps)[1]
        more = {c.name for c in box.carry if c.name in used} | carried
        if more == carried:
            return goals, used | frozenset(carried)
        carried = more
