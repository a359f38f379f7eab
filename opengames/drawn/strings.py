"""String diagrams as pictures: the drawn reading of a `Diagram`.

Play flows from left to right in solid wires; what flows backward (earnings, payments, expectations, reports) is
dashed and bends back; a carried wire is a feedback loop. Calls, loops and branches show their contents while
the picture has room for them (`open_boxes`), outer ones first, and say what they hide where it has not.

Source: Selinger, A survey of graphical languages for monoidal categories (2011), for the conventions;
Ghani, Hedges, Winschel, Zahn, Compositional game theory (2018), for wires bent backward.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from opengames.diagram import Box, Branch, Call, Compute, Decide, Diagram, Draw, Loop, wires
from opengames.drawn import ink
from opengames.drawn.boxes import (
    SMALL,
    STYLES,
    TITLE,
    Live,
    Node,
    compute,
    decide,
    folded,
    gate,
    pill,
    shadow,
    zone_marks,
    zone_width,
)
from opengames.drawn.census import Census, count, summary
from opengames.drawn.ink import Dot, Line, Mark, Rect, Shape, Text, ease, segment, shift
from opengames.drawn.layers import Cell, End, Link, Piece, Placement, place
from opengames.drawn.measure import fit, width
from opengames.drawn.plugs import MANY, MOST, Level, Plug, bound, level, used_inside
from opengames.drawn.words import Context, short_space, words

_HEADER = 28.0
_PAD = 14.0
#: How far inside a branch's edge the wires of its lanes have become one.
_JOINT = 16.0


@dataclass(frozen=True, slots=True)
class Gate:
    """A port of a frame: its name outside, what the picture calls it, and its wire inside."""

    port: str
    label: str
    wire: str


@dataclass(frozen=True, slots=True)
class Carried:
    """A wire carried around a loop: its name, what it starts from, the gate for that if any, its next value."""

    name: str
    origin: str
    gate: str | None
    next: str


@dataclass(frozen=True, slots=True)
class Frame:
    """The boundary that a diagram is drawn in."""

    ins: tuple[Gate, ...] = ()
    outs: tuple[Gate, ...] = ()
    expects: tuple[Gate, ...] = ()
    reports: tuple[Gate, ...] = ()
    carries: tuple[Carried, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """A drawn diagram: its size, marks, the heights of its ports by (side, port), and which are backward."""

    w: float
    h: float
    marks: tuple[Mark, ...]
    ports: Mapping[tuple[str, str], float]
    backward: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class Pen:
    """What stays the same through one picture."""

    context: Context
    opened: frozenset[tuple[str, ...]]
    most: int = MOST
    memo: dict[int, Census] = field(default_factory=dict)


def whole(diagram: Diagram, shown: frozenset[tuple[str, ...]], context: Context, most: int = MOST) -> Block:
    """The diagram drawn in its own four ports, without frame or title.

    shown: the paths of the boxes that are drawn open. most: boxes drawn on one level; the others make one box.
    """
    pen = Pen(context, shown, most)
    sides = (diagram.inputs, diagram.outputs, diagram.expects, diagram.reports)
    ins, outs, expects, reports = (
        tuple(Gate(p.name, f"{p.name}: {short_space(p.space)}", p.name) for p in ports[:MANY]) for ports in sides
    )
    return arrange(diagram, Frame(ins, outs, expects, reports), ("root",), frozenset(), pen)


def arrange(diagram: Diagram, frame: Frame, path: tuple[str, ...], quiet: frozenset[str], pen: Pen) -> Block:
    """Lay a diagram out inside `frame`, and everything opened inside it."""
    here = level(diagram, quiet, pen.most)
    context = replace(pen.context, wires={**pen.context.wires, **wires(diagram)})
    plugs: dict[str, list[Plug]] = {}
    nodes: dict[str, Node] = {}
    source: dict[str, End] = {}

    for side, face, gates in (("left", "right", frame.ins), ("right", "left", frame.expects)):
        for g in gates:
            key = f"from-{side} {g.port}"
            nodes[key] = gate(key, g.label, side, True, (*path, key))
            source[g.wire] = (key, face, key)
    for c in frame.carries:
        key = f"carry {c.name}"
        nodes[key] = pill(key, c.name, c.origin, c.gate is not None, True, (*path, key))
        source[c.name] = (key, "right", c.name)
    for i, box in here.boxes:
        key = f"box{i}"
        plugs[key] = here.plugs(box)
        if isinstance(box, Branch) and (*path, key) not in pen.opened:
            plugs[key] = _merged(plugs[key])
        nodes[key] = _node(box, plugs[key], here, context, (*path, key), pen)
        _sources(box, key, source)
    for wire, other in here.same.items():
        if other in source:
            source[wire] = source[other]
    for name in sorted(quiet & {w for _, b in here.boxes if isinstance(b, Decide) for w in b.seeing}):
        key = f"index {name}"
        nodes[key] = pill(key, name, "", False, False, (*path, key))
        source[name] = (key, "right", name)
    if here.rest:
        plugs["rest"] = _rest_plugs(here, source)
        wanted = {w for ps in plugs.values() for p in ps for w in p.wires}
        wanted |= {g.wire for g in frame.outs + frame.reports} | {c.next for c in frame.carries}
        made = [w for b in here.rest for w in bound(b) if w in wanted][:MANY]
        nodes["rest"] = _rest(here, plugs["rest"], made, (*path, "rest"), pen)
        source.update({w: ("rest", "right", w) for w in made})

    links = [
        Link(source[w], (key, p.side, p.port), p.kind, p.side == "left")
        for key, ps in plugs.items()
        for p in ps
        for w in p.wires
        if w in source and source[w][0] != key
    ]
    for c in frame.carries:
        if c.gate is not None:
            links.append(Link(source[c.gate], (f"carry {c.name}", "left", "init"), "forward"))
        if c.next in source:
            links.append(Link(source[c.next], (f"carry {c.name}", "left", "feed"), "feedback", False))
    for side, face, gates in (("right", "left", frame.outs), ("left", "right", frame.reports)):
        for g in gates:
            key = f"to-{side} {g.port}"
            nodes[key] = gate(key, g.label, side, False, (*path, key))
            if g.wire in source:
                ahead = side == "right"
                links.append(Link(source[g.wire], (key, face, key), "forward" if ahead else "backward", ahead))
    back = {("right", g.port) for g in frame.expects} | {("left", g.port) for g in frame.reports}
    return _ink(nodes, links, frozenset(back))


def _ink(nodes: Mapping[str, Node], links: list[Link], backward: frozenset[tuple[str, str]]) -> Block:
    """Place the nodes and draw them over their wires."""
    if not nodes:
        text = "nothing happens here"
        w = width(text, SMALL) + 2 * _PAD
        note = Text(w / 2, 17, text, SMALL, "middle", italic=True, fill=ink.QUIET)
        return Block(w, 26, (note,), {})
    placed = place([n.cell for n in nodes.values()], links)
    kinds: dict[str, dict[tuple[str, str], str]] = {key: {} for key in nodes}
    for k in links:
        for cell, side, port in (k.source, k.target):
            if kinds[cell].get((side, port)) != "forward":
                kinds[cell][side, port] = k.kind
    cells = [n.cell for n in nodes.values()]
    left = 0.0 if any(c.rank == "first" for c in cells) else _PAD
    right = 0.0 if any(c.rank == "last" for c in cells) else _PAD
    marks = _wires(placed)
    for key, node in nodes.items():
        marks += _leads(node.cell, placed, kinds[key])
    for x, y, kind in placed.forks:
        marks.append(Dot(x, y, 3.2, STYLES[kind][0]))
    ports: dict[tuple[str, str], float] = {}
    for key, node in nodes.items():
        x, y = placed.corners[key]
        heights = {(s, p): h for (cell, s, p), h in placed.ports.items() if cell == key}
        marks += shift(node.paint(heights, kinds[key]), x, y)
        if node.cell.rank in ("first", "last"):
            face = "right" if node.cell.rank == "first" else "left"
            outer = "left" if node.cell.rank == "first" else "right"
            ports[outer, key.split(" ", 1)[1]] = y + heights[face, key]
    return Block(placed.w + left + right, placed.h, tuple(shift(marks, left, 0)), ports, backward)


def _wires(placed: Placement) -> list[Mark]:
    marks: list[Mark] = []
    order = {"rule": 0, "backward": 1, "feedback": 2, "forward": 3}
    for p in sorted(placed.pieces + placed.passes, key=lambda p: order[p.kind]):
        marks.append(_bend(p))
    return marks


def _bend(p: Piece) -> Line:
    style = STYLES[p.kind]
    if not p.turn:
        return ease(p.start, p.end, *style)
    (x, y), (_, z) = p.start, p.end
    reach = p.turn * (12 + 40 * abs(y - z) / (abs(y - z) + 90))
    return Line(p.start, (((x + reach, y), (x + reach, z), p.end),), *style)


def _leads(cell: Cell, placed: Placement, kinds: Live) -> list[Mark]:
    """Level strokes from a cell's edge to the edge of its column."""
    x, y = placed.corners[cell.key]
    left, right = placed.columns[cell.key]
    marks: list[Mark] = []
    for (side, port), kind in kinds.items():
        h = y + placed.ports[cell.key, side, port]
        a, b = (left, x) if side == "left" else (x + cell.w, right)
        if b - a > 0.05:
            marks.append(segment((a, h), (b, h), *STYLES[kind]))
    return marks


def _merged(plugs: list[Plug]) -> list[Plug]:
    """One place for each wire: a folded branch does not say which of its arms use it."""
    return list({(p.side, p.wires): p for p in reversed(plugs)}.values())[::-1]


def _sources(box: Box, key: str, source: dict[str, End]) -> None:
    for wire in bound(box):
        source[wire] = (key, "right", wire)
    if isinstance(box, Call):
        for wire in box.reports:
            source[wire] = (key, "left", wire)


# ------------------------------------------------------------------------- boxes


def _node(box: Box, plugs: list[Plug], here: Level, context: Context, path: tuple[str, ...], pen: Pen) -> Node:
    match box:
        case Compute() | Draw():
            return compute(box, plugs, here.inline, context, path)
        case Decide():
            return decide(box, plugs, here.inline, context, path)
        case Call():
            return _call(box, plugs, here, context, path, pen)
        case Loop():
            return _loop(box, plugs, here, context, path, pen)
        case Branch():
            return _branch(box, plugs, here, context, path, pen)
    raise TypeError(f"not a box: {box!r}")


def _call(box: Call, plugs: list[Plug], here: Level, context: Context, path: tuple[str, ...], pen: Pen) -> Node:
    inner = box.diagram
    labels = {w: fit(w, 150, SMALL) for w in box.outs}
    paired = enumerate(zip(inner.inputs, box.args, strict=True))
    ins = [(f"#in{i}", _named(p.name, w, here, context)) for i, (p, w) in paired]
    pays = [(f"#pay{i}", p.name) for i, p in enumerate(inner.expects)]
    if path in pen.opened:
        frame = Frame(
            tuple(Gate(port, text, p.name) for (port, text), p in zip(ins, inner.inputs, strict=True))[:MANY],
            tuple(Gate(w, p.name, p.name) for w, p in zip(box.outs, inner.outputs, strict=True))[:MANY],
            tuple(Gate(port, text, text) for port, text in pays)[:MANY],
            tuple(Gate(w, p.name, p.name) for w, p in zip(box.reports, inner.reports, strict=True))[:MANY],
        )
        block = arrange(inner, frame, path, frozenset(), pen)
        labels = {w: text for (w, text), p in zip(labels.items(), inner.outputs, strict=True) if p.name != text}
        return _around(block, inner.name, ink.CALL, labels, path)
    right = [(w, p.name, "forward") for w, p in zip(box.outs, inner.outputs, strict=True)]
    left = ins + [(w, p.name) for w, p in zip(box.reports, inner.reports, strict=True)]
    right += [(port, text, "backward") for port, text in pays]
    note = summary(count(inner, pen.memo))
    return folded(inner.name, [note], left[:MANY], right[: 2 * MANY], labels, ink.CALL, path)


def _loop(box: Loop, plugs: list[Plug], here: Level, context: Context, path: tuple[str, ...], pen: Pen) -> Node:
    over = ", ".join(f"{name} in {short_space(space)}" for name, space in box.iters)
    title = f"for {over}" + (" reversed" if box.reversed else "")
    nexts = {c.name: c.next for c in box.carry}
    results = [(out, inside) for out, inside in box.outs] + [(out, nexts[c]) for out, c in box.lasts]
    labels = {out: fit(out, 150, SMALL) for out, _ in results}
    present = {p.port for p in plugs}
    wired = {p.port for p in plugs if p.wires}
    caps = [w for w in box.captured if f"#cap {w}" in present]
    if path in pen.opened:
        ins = [Gate(f"#cap {w}", w, w) for w in caps]
        carries = []
        for c in box.carry:
            port = f"#init {c.name}"
            origin = words(here.term(c.init), 30, context)
            if port in wired:
                label = f"first {c.name} = {origin}" if origin != c.name else f"first {c.name}"
                ins.append(Gate(port, label, f"\0{port}"))
                carries.append(Carried(c.name, "", f"\0{port}", c.next))
            else:
                carries.append(Carried(c.name, origin, None, c.next))
        frame = Frame(
            tuple(ins),
            tuple(Gate(out, inside, inside) for out, inside in results),
            tuple(Gate(f"#pay{i}", p.name, p.name) for i, p in enumerate(box.body.expects)),
            (),
            tuple(carries),
        )
        names = frozenset(name for name, _ in box.iters) | (here.quiet & frozenset(box.captured))
        block = arrange(box.body, frame, path, names, pen)
        labels = {out: labels[out] for out, inside in results if out != inside}
        return _around(block, title, ink.LOOP, labels, path, double=True)
    left = [(f"#cap {w}", w) for w in caps]
    left += [(f"#init {c.name}", f"first {c.name}") for c in box.carry if f"#init {c.name}" in wired]
    right = [(out, inside, "forward") for out, inside in results]
    right += [(f"#pay{i}", p.name, "backward") for i, p in enumerate(box.body.expects)]
    note = summary(count(box.body, pen.memo))
    return folded(title, [note], left, right, labels, ink.LOOP, path, [c.name for c in box.carry], double=True)


def _branch(box: Branch, plugs: list[Plug], here: Level, context: Context, path: tuple[str, ...], pen: Pen) -> Node:
    subject = words(here.term(box.subject), 40, context)
    labels = {p.name: fit(p.name, 150, SMALL) for p in box.outs}
    if path in pen.opened:
        return _lanes(box, f"by the value of {subject}", labels, here, path, pen)
    left = [(p.port, subject if p.port == "#subject" else p.wires[0]) for p in plugs if p.side == "left"]
    right = [(p.name, p.name, "forward") for p in box.outs]
    right += [(p.port, p.wires[0], "backward") for p in plugs if p.side == "right"]
    total = Census()
    for arm in box.arms:
        total = total + count(arm.body, pen.memo)
    arms = " | ".join(_tag(arm.label) for arm in box.arms)
    return folded(f"by the value of {subject}", [arms, summary(total)], left, right, labels, ink.BRANCH, path)


def _lanes(box: Branch, title: str, labels: dict[str, str], here: Level, path: tuple[str, ...], pen: Pen) -> Node:
    """A branch with a lane for each arm, one below the other; wires that all arms define merge on the right."""
    blocks: list[Block] = []
    quiet = here.quiet & frozenset(box.captured)
    for a, arm in enumerate(box.arms):
        used = used_inside(arm.body) - quiet
        frame = Frame(
            tuple(Gate(f"#arm{a} {w}", w, w) for w in box.captured if w in used),
            tuple(Gate(f"\0{a} {p.name}", p.name, p.name) for p in box.outs),
            tuple(Gate(f"#pay{a} {i}", p.name, p.name) for i, p in enumerate(arm.body.expects)),
        )
        blocks.append(arrange(arm.body, frame, (*path, f"arm{a}"), quiet, pen))
    tags = [fit(_tag(arm.label), 220, 12, bold=True) for arm in box.arms]
    inner = max([b.w for b in blocks] + [width(t, 12, True) + 28 for t in tags])
    merge = 64.0 if box.outs else 0.0
    title = fit(title, max(inner, 240), TITLE, bold=True)
    inner = max(inner, width(title, TITLE, True) + 34 - merge)
    w = inner + merge
    zone = zone_width(labels, ["backward"] if any(box.paying) else [])
    y = _HEADER + 6
    tops: list[float] = []
    for block in blocks:
        tops.append(y)
        y += 24 + block.h + 14
    h = y - 4
    shape = Shape(Rect(0, 0, w, h), fill=ink.BRANCH[0], stroke=ink.BRANCH[1], thick=1.4, path=path)
    fixed = {("left", "#subject"): _HEADER / 2 + 3}
    kinds = {p.name: "forward" for p in box.outs}
    for top, block in zip(tops, blocks, strict=True):
        for (side, port), at in block.ports.items():
            if not port.startswith("\0"):
                fixed[side, port] = top + 24 + at
                if side == "right":
                    kinds[port] = "backward"
    taken = sorted(v for (side, _), v in fixed.items() if side == "right")
    for p in box.outs:
        lanes = enumerate(zip(tops, blocks, strict=True))
        ends = [top + 24 + b.ports["right", f"\0{a} {p.name}"] for a, (top, b) in lanes]
        spot = sum(ends) / len(ends)
        while any(abs(spot - other) < 20 for other in taken):
            spot += 5
        taken.append(spot)
        fixed["right", p.name] = spot

    def paint(heights: Mapping[tuple[str, str], float], live: Live) -> list[Mark]:
        marks: list[Mark] = [shape, Text(16, 19, title, TITLE, bold=True, room=shape.rect)]
        placed = list(zip(tops, blocks, strict=True))
        for a, (top, block) in enumerate(placed):
            lane = Rect(7, top, w - 14, 24 + block.h + 9)
            marks.append(Shape(lane, fill="#FFFFFF", stroke="#DCC7B8", thick=0.9, radius=5, path=(*path, f"arm{a}")))
            marks.append(Text(16, top + 16, tags[a], 12, bold=True, fill=ink.BRANCH[1], room=lane))
        # all lanes lie below all wires: a wire on its way to where it merges crosses other lanes
        for top, block in placed:
            for (side, port), at in block.ports.items():
                level_y = top + 24 + at
                if side == "right" and port.startswith("\0"):
                    out = fixed["right", port.split(" ", 1)[1]]
                    marks.append(segment((block.w, level_y), (inner, level_y), *STYLES["forward"]))
                    marks.append(ease((inner, level_y), (w - _JOINT, out), *STYLES["forward"]))
                elif side == "right":
                    marks.append(segment((block.w, level_y), (w, level_y), *STYLES["backward"]))
        for p in box.outs:
            out = fixed["right", p.name]
            marks.append(segment((w - _JOINT, out), (w, out), *STYLES["forward"]))
        for top, block in placed:
            marks += shift(block.marks, 0, top + 24)
        return marks + zone_marks(w, zone, labels, kinds, heights, live)

    left = tuple(port for side, port in fixed if side == "left")
    cell = Cell(path[-1], w + zone, h, left, tuple(kinds), (0.0, h), fixed)
    return Node(cell, paint)


def _tag(label: str) -> str:
    """A lane's name: `x=A`, and `(t == 1) = true` where the subject is more than a name."""
    subject, sign, value = label.rpartition("=")
    if " " not in subject:
        return label
    return f"{subject if subject.startswith('(') else f'({subject})'} {sign} {value}"


def _around(
    block: Block,
    title: str,
    look: tuple[str, str],
    labels: dict[str, str],
    path: tuple[str, ...],
    double: bool = False,
) -> Node:
    """A box with `block` drawn inside, its ports on the box's edges."""
    title = fit(title, max(block.w - 20, 260), TITLE, bold=True)
    w = max(block.w, width(title, TITLE, True) + 28)
    h = _HEADER + block.h + 20
    dx, dy = (w - block.w) / 2, _HEADER + 8
    kinds = {p: "backward" if (s, p) in block.backward else "forward" for s, p in block.ports if s == "right"}
    zone = max(zone_width(labels, list(kinds.values())), 10.0 if double else 0.0)
    shape = Shape(Rect(0, 0, w, h), fill=look[0], stroke=look[1], thick=1.4, path=path)
    fixed = {key: y + dy for key, y in block.ports.items()}

    def paint(heights: Mapping[tuple[str, str], float], live: Live) -> list[Mark]:
        marks: list[Mark] = shadow(shape) if double else []
        marks += [shape, Text(w / 2, 19, title, TITLE, "middle", bold=True, room=shape.rect)]
        for (side, port), y in fixed.items():
            if dx > 0.1:
                a, b = (0.0, dx) if side == "left" else (w - dx, w)
                kind = "backward" if (side, port) in block.backward else "forward"
                marks.append(segment((a, y), (b, y), *STYLES[kind]))
        return marks + shift(block.marks, dx, dy) + zone_marks(w, zone, labels, kinds, heights, live)

    left = tuple(port for side, port in fixed if side == "left")
    return Node(Cell(path[-1], w + zone, h + (4 if double else 0), left, tuple(kinds), (0.0, h), fixed), paint)


def _named(name: str, wire: str, here: Level, context: Context) -> str:
    """An input port's label: its name, and the term where one is folded into it."""
    if (wire in here.inline and wire not in here.same) or wire in here.quiet:
        term = words(here.term(wire), 30, context)
        return name if term == name else f"{name} = {term}"
    return name


def _rest_plugs(here: Level, source: Mapping[str, End]) -> list[Plug]:
    made = {w for b in here.rest for w in bound(b)}
    needed: list[str] = []
    for b in here.rest:
        probe = Level((), here.inline, here.quiet)
        needed += [w for p in probe.plugs(b) if p.side == "left" for w in p.wires]
    seen = [w for w in dict.fromkeys(needed) if w in source and w not in made]
    return [Plug("left", w, (w,)) for w in seen[:MANY]]


def _rest(here: Level, plugs: list[Plug], made: list[str], path: tuple[str, ...], pen: Pen) -> Node:
    n = len(here.rest)
    inside = count(Diagram("", boxes=here.rest), pen.memo)
    title = f"… {n:,} more {'box' if n == 1 else 'boxes'} folded"
    left, right = [(p.port, p.port) for p in plugs], [(w, w, "forward") for w in made]
    return folded(title, [summary(inside)], left, right, {}, ink.FOLDED, path)
