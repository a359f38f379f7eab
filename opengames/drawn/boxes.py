"""The boxes of a string diagram, each as a cell to place and a way to paint it once it is placed.

A node's cell is its outline plus, on the right, a zone in which the names of its wires stand above them:
cells never overlap, so neither do names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from opengames.diagram import Compute, Decide, Draw
from opengames.drawn.ink import (
    BACKWARD,
    COMPUTE,
    DASH,
    DECIDE,
    DRAW,
    FEEDBACK,
    FORWARD,
    HIDDEN,
    INK,
    QUIET,
    Line,
    Mark,
    Rect,
    Shape,
    Text,
    segment,
)
from opengames.drawn.layers import Cell
from opengames.drawn.measure import fit, width, wrap
from opengames.drawn.plugs import Plug
from opengames.drawn.words import Context, short_space, words, written
from opengames.terms import Term, substitute

#: Height of a port below its cell's top, by (side, port).
Heights = Mapping[tuple[str, str], float]
#: How the wire at a port is drawn, for the ports that have one.
Live = Mapping[tuple[str, str], str]
Paint = Callable[[Heights, Live], list[Mark]]

TITLE, BODY, SMALL = 13.0, 11.0, 10.5
RULES_SHOWN = 4
_ROOM = 216.0
_STEP = 20.0

STYLES = {
    "forward": (FORWARD, 1.6, ""),
    "backward": (BACKWARD, 1.6, DASH),
    "rule": (BACKWARD, 1.1, "1.5 3.5"),
    "feedback": (FEEDBACK, 1.8, ""),
}


@dataclass(frozen=True, slots=True)
class Node:
    """A box of the picture: what is placed, and its marks relative to its upper left corner."""

    cell: Cell
    paint: Paint


def ports_of(plugs: Sequence[Plug], side: str) -> tuple[str, ...]:
    return tuple(p.port for p in plugs if p.side == side)


def compute(
    box: Compute | Draw, plugs: Sequence[Plug], inline: Mapping[str, Term], context: Context, path: tuple[str, ...]
) -> Node:
    """A rounded rectangle with the wire's name and its term; a pill-like one marked `~` for a draw."""
    chance = isinstance(box, Draw)
    term = box.kernel if isinstance(box, Draw) else box.term
    hidden = isinstance(box, Compute) and box.hidden
    name = written(box.out.name)
    title = "" if hidden else fit(f"{name} ~" if chance else name, _ROOM, TITLE, bold=True)
    lines = wrap(words(substitute(term, dict(inline)), 150, context), _ROOM, BODY, 3)
    left = ports_of(plugs, "left")
    w = max([width(title, TITLE, True), *(width(t, BODY) for t in lines)]) + (30 if chance else 22)
    full = w + 16
    h = max(14 + (17 if title else 0) + 14.5 * len(lines), 12.0 * len(left) + 10)
    fill, stroke = DRAW if chance else HIDDEN if hidden else COMPUTE
    shape = Shape(Rect(0, 0, w, h), fill=fill, stroke=stroke, radius=min(16.0, h / 2) if chance else 7, path=path)

    def paint(heights: Heights, live: Live) -> list[Mark]:
        y = heights["right", box.out.name]
        kind = live.get(("right", box.out.name))
        marks: list[Mark] = [segment((w, y), (full, y), *STYLES[kind])] if kind else ending(w, y, full - w - 3)
        marks.append(shape)
        top = (h - (17 if title else 0) - 14.5 * len(lines)) / 2
        if title:
            marks.append(Text(w / 2, top + 13, title, TITLE, "middle", bold=True, room=shape.rect))
        for i, line in enumerate(lines):
            y = top + (17 if title else 0) + 14.5 * i + 11
            marks.append(Text(w / 2, y, line, BODY, "middle", room=shape.rect))
        return marks

    fixed = {("right", box.out.name): h / 2}
    cell = Cell(path[-1], full, h, left, (box.out.name,), (5.0, h - 5.0), fixed)
    return Node(cell, paint)


def decide(
    box: Decide, plugs: Sequence[Plug], inline: Mapping[str, Term], context: Context, path: tuple[str, ...]
) -> Node:
    """A diamond with the player's name; its moves on the wires to the right, its rules beneath."""
    index = ", ".join(words(t, 24, context) for t in box.seat.index)
    who = fit(f"{box.seat.name}[{index}]" if index else box.seat.name, _ROOM, TITLE, bold=True)
    labels = {p.name: fit(f"{p.name}: {short_space(p.space)}", 190, SMALL) for p in box.outs}
    labels |= {p.name: fit(p.name, 190, SMALL) for p in box.duals}
    kinds = {p.port: p.kind for p in plugs if p.side == "right"}
    labels |= {port: "earns" if port == "#earning" else "rule" for port in kinds}
    left, right = ports_of(plugs, "left"), (*labels,)
    tall = max(64.0, _STEP * len(right) / 0.72, 18.0 * len(left) / 0.72)
    wide = max(92.0, width(who, TITLE, True) / (1 - 18 / tall) + 16)
    rules = _rules(box, inline, context)
    note = max((width(t, 10) for t in rules), default=0.0) + (18 if rules else 0)
    body = max(wide, note)
    zone = max(width(t, SMALL) for t in labels.values()) + 16
    h = tall + (14.5 * len(rules) + 16 if rules else 0)
    diamond = Shape(Rect((body - wide) / 2, 0, wide, tall), "diamond", DECIDE[0], DECIDE[1], 1.6, path=path)

    def slant(y: float) -> float:
        return wide / 2 * abs(y - tall / 2) / (tall / 2)

    def paint(heights: Heights, live: Live) -> list[Mark]:
        marks: list[Mark] = []
        for port in left:
            y = heights["left", port]
            marks.append(segment((0, y), (diamond.rect.x + slant(y), y), *STYLES["forward"]))
        for port in right:
            y = heights["right", port]
            edge = diamond.rect.x + wide - slant(y)
            if port in kinds:
                marks.append(segment((body + zone, y), (edge + 1, y), *STYLES[kinds[port]], True))
            elif ("right", port) in live:
                marks.append(segment((edge, y), (body + zone, y), *STYLES[live["right", port]]))
            else:
                marks += ending(edge, y, body + zone - 4 - edge)
            colour = STYLES[kinds[port]][0] if port in kinds else INK
            marks.append(Text(body + 7, y - 4, labels[port], SMALL, fill=colour))
        marks += [diamond, Text(body / 2, tall / 2 + 4.5, who, TITLE, "middle", bold=True, room=diamond.rect)]
        if rules:
            sheet = Rect((body - note) / 2, tall + 4, note, 14.5 * len(rules) + 10)
            marks.append(Shape(sheet, fill="#F3FAF7", stroke="#9CCDBD", thick=0.8, radius=4))
            for i, rule in enumerate(rules):
                y = sheet.y + 14.5 * i + 14
                marks.append(Text(sheet.x + 9, y, rule, 10, fill=INK if i else QUIET, italic=i == 0, room=sheet))
        return marks

    span = (tall * 0.14, tall * 0.86) if max(len(left), len(right)) > 1 else (0.0, tall)
    fixed: dict[tuple[str, str], float] = {}
    return Node(Cell(path[-1], body + zone, h, left, right, span, fixed), paint)


def folded(
    title: str,
    notes: Sequence[str],
    left: Sequence[tuple[str, str]],
    right: Sequence[tuple[str, str, str]],
    zone_labels: Mapping[str, str],
    look: tuple[str, str],
    path: tuple[str, ...],
    carried: Sequence[str] = (),
    double: bool = False,
) -> Node:
    """A box whose contents are not drawn: its ports named inside, what it hides said beneath the title.

    left: (port, label). right: (port, label, kind). carried: names on a feedback arrow.
    """
    title = fit(title, 240, TITLE, bold=True)
    notes = [fit(n, 240, SMALL) for n in notes]
    ins = [(p, fit(t, 110, SMALL)) for p, t in left]
    outs = [(p, fit(t, 110, SMALL), kind) for p, t, kind in right]
    loop = fit("carries " + ", ".join(carried), 220, SMALL) if carried else ""
    head = max([width(title, TITLE, True), width(loop, SMALL) + 34, *(width(n, SMALL) for n in notes)])
    widest_in = max((width(t, SMALL) for _, t in ins), default=0.0)
    widest_out = max((width(t, SMALL) for _, t, _ in outs), default=0.0)
    w = max(head + 28, widest_in + widest_out + 44)
    top = 26.0 + 15 * len(notes) + (22 if loop else 0)
    h = top + 17.0 * max(len(ins), len(outs)) + 8
    zone = zone_width(zone_labels, [k for _, _, k in outs])
    shape = Shape(Rect(0, 0, w, h), fill=look[0], stroke=look[1], thick=1.4, path=path)

    def paint(heights: Heights, live: Live) -> list[Mark]:
        marks: list[Mark] = shadow(shape) if double else []
        marks += [shape, Text(w / 2, 19, title, TITLE, "middle", bold=True, room=shape.rect)]
        for i, note in enumerate(notes):
            marks.append(Text(w / 2, 35 + 15 * i, note, SMALL, "middle", fill=QUIET, italic=True, room=shape.rect))
        if loop:
            marks += _carried(w, 26.0 + 15 * len(notes) + 5, loop, shape.rect)
        for port, text in ins:
            marks.append(Text(8, heights["left", port] + 3.7, text, SMALL, fill=QUIET, room=shape.rect))
        for port, text, _ in outs:
            marks.append(Text(w - 8, heights["right", port] + 3.7, text, SMALL, "end", fill=QUIET, room=shape.rect))
        return marks + zone_marks(w, zone, zone_labels, {p: k for p, _, k in outs}, heights, live)

    ports = tuple(p for p, _ in ins), tuple(p for p, _, _ in outs)
    return Node(Cell(path[-1], w + zone, h, *ports, (top, h - 8)), paint)


def gate(key: str, label: str, side: str, inward: bool, path: tuple[str, ...]) -> Node:
    """A port of the frame: a level wire with its label above. side: of the frame; inward: whether it comes in."""
    text = fit(label, 240, SMALL)
    w = max(34.0, width(text, SMALL) + 20)
    kind = "forward" if (side == "left") == inward else "backward"
    face = "right" if side == "left" else "left"

    def paint(heights: Heights, live: Live) -> list[Mark]:
        y = heights[face, key]
        ends = ((0.0, y), (w, y))
        a, b = ends if (side == "left") == inward else ends[::-1]
        marks: list[Mark] = []
        if inward and (face, key) not in live:
            marks += ending(0 if side == "left" else w, y, (w - 4) * (1 if side == "left" else -1), kind)
        else:
            marks.append(segment(a, b, *STYLES[kind], not inward and kind == "backward"))
        marks.append(Text(w / 2, y - 5, text, SMALL, "middle", fill=STYLES[kind][0]))
        return marks

    left, right = ((), (key,)) if side == "left" else ((key,), ())
    rank = "first" if side == "left" else "last"
    return Node(Cell(key, w, 22, left, right, fixed={(face, key): 17.0}, rank=rank), paint)


def pill(key: str, name: str, origin: str, has_init: bool, feeds: bool, path: tuple[str, ...]) -> Node:
    """Where a carried wire starts each iteration (or, without feedback, an iteration variable)."""
    title, below = fit(name, 120, 12, bold=True), fit(f"first {origin}", 150, 10) if origin else ""
    inner = max(width(title, 12, True), width(below, 10)) + 24
    start = 12.0 if feeds else 0.0
    h = 40.0 if below else 26.0
    shape = Shape(Rect(start, 0, inner, h), "pill", "#F3EAF7" if feeds else "#FFFFFF", FEEDBACK, 1.3, path=path)

    def paint(heights: Heights, live: Live) -> list[Mark]:
        marks: list[Mark] = []
        if has_init:
            y = heights["left", "init"]
            marks.append(segment((0, y), (start + 3, y), *STYLES["forward"]))
        if feeds:
            y = heights["left", "feed"]
            marks.append(segment((0, y), (start + 2, y), *STYLES["feedback"], True))
        marks.append(shape)
        middle = start + inner / 2
        marks.append(Text(middle, 17, title, 12, "middle", bold=True, fill=INK, room=shape.rect))
        if below:
            marks.append(Text(middle, 31, below, 10, "middle", fill=QUIET, italic=True, room=shape.rect))
        if ("right", name) not in live:
            marks += ending(start + inner, heights["right", name], 10)
        else:
            marks.append(segment((start + inner, h / 2), (start + inner + 14, h / 2), *STYLES[live["right", name]]))
        return marks

    left = ("init",) * has_init + ("feed",) * feeds
    rank = "early" if feeds else ""
    span = (h * 0.15, h * 0.85)
    return Node(Cell(key, start + inner + 14, h, left, (name,), span, {("right", name): h / 2}, rank), paint)


# ------------------------------------------------------------------- shared parts


def ending(x: float, y: float, length: float, kind: str = "forward") -> list[Mark]:
    """A discarded wire: a short stroke that stops at a black bar."""
    end = x + length
    return [segment((x, y), (end, y), *STYLES[kind]), segment((end, y - 5), (end, y + 5), INK, 2.6)]


def shadow(shape: Shape) -> list[Mark]:
    """A second outline behind a shape: more than one of these."""
    r = shape.rect
    behind = Rect(r.x + 4, r.y + 4, r.w, r.h)
    return [Shape(behind, shape.form, "#FFFFFF", shape.stroke, shape.thick, radius=shape.radius)]


def zone_marks(
    x: float,
    zone: float,
    labels: Mapping[str, str],
    kinds: Mapping[str, str],
    heights: Heights,
    live: Live,
) -> list[Mark]:
    """The wires of a box's right side, from its edge at `x` through the zone, each under its name."""
    marks: list[Mark] = []
    for port, kind in kinds.items():
        y = heights["right", port]
        if kind != "forward":
            marks.append(segment((x + zone, y), (x + 1, y), *STYLES[kind], True))
        elif ("right", port) in live:
            marks.append(segment((x, y), (x + zone, y), *STYLES[live["right", port]]))
        else:
            marks += ending(x, y, zone - 5)
        if port in labels:
            marks.append(Text(x + 7, y - 4, labels[port], SMALL))
    return marks


def zone_width(labels: Mapping[str, str], kinds: Sequence[str]) -> float:
    names = max((width(t, SMALL) for t in labels.values()), default=0.0)
    return names + 16 if names else 18.0 if kinds else 0.0


def _rules(box: Decide, inline: Mapping[str, Term], context: Context) -> list[str]:
    if not box.rules:
        return []
    shown = []
    for rule in box.rules[:RULES_SHOWN]:
        index = f"[{', '.join(written(name) for name, _ in rule.iters)}]" if rule.iters else ""
        term = words(substitute(rule.term, dict(inline)), 90, context)
        shown.append(fit(f"{rule.name}{index}: {term}", 300, 10))
    more = len(box.rules) - RULES_SHOWN
    if more > 0:
        shown.append(f"… and {more} more {'rule' if more == 1 else 'rules'}")
    return ["subject to", *shown]


def _carried(w: float, y: float, text: str, room: Rect) -> list[Mark]:
    """A small feedback arrow with the names of what is carried."""
    start = (w - width(text, SMALL) - 24) / 2
    curve = ((start - 4, y - 3), (start - 4, y + 17), (start + 14, y + 11))
    arc = Line((start + 14, y + 2), (curve,), FEEDBACK, 1.6, head=True)
    return [arc, Text(start + 22, y + 11, text, SMALL, fill=FEEDBACK, room=room)]
