"""A channel's wires as a network: what depends on what, without the boxes in between.

For a finite channel this is the graph of a Bayesian network: an ellipse for what is drawn, a double one for
what is computed from its parents, a plain box for what comes in.

Source: Koller and Friedman, Probabilistic Graphical Models (2009), section 3.2, for the conventions.
"""

from __future__ import annotations

from dataclasses import dataclass

from opengames.diagram import Box, Call, Compute, Decide, Diagram, Draw, bodies, wires
from opengames.drawn import ink
from opengames.drawn.boxes import SMALL, TITLE
from opengames.drawn.ink import Mark, Picture, Rect, Shape, Text, ease, segment
from opengames.drawn.layers import Cell, Link, place
from opengames.drawn.measure import fit, width
from opengames.drawn.plugs import MOST, Level, bound, level
from opengames.drawn.sheet import Entry, box_entry, sheet
from opengames.drawn.svg import svg
from opengames.drawn.words import short_space

#: Room for an arrow's head on the left of a node.
_STUB = 12.0
_LOOKS = {
    "drawn": ink.DRAW,
    "computed": ink.COMPUTE,
    "decided": ink.DECIDE,
    "given": ("#FFFFFF", ink.QUIET),
}


@dataclass(frozen=True, slots=True)
class _Wire:
    name: str
    sort: str
    space: str
    parents: tuple[str, ...]


def draw_network(channel: Diagram, *, title: str | None = None) -> str:
    """SVG of the dependencies among the wires of `channel`'s own level, parents to the left of their children."""
    return svg(picture_network(channel, title=title))


def picture_network(channel: Diagram, *, title: str | None = None) -> Picture:
    """The picture that `draw_network` writes down, as marks."""
    nodes = _nodes(channel)
    shown = nodes[:MOST]
    names = {n.name for n in shown}
    links = [
        Link((parent, "right", "out"), (n.name, "left", "in"), "forward")
        for n in shown
        for parent in n.parents
        if parent in names
    ]
    cells = [_cell(n) for n in shown]
    placed = place(cells, links, 70.0)
    fed = {k.target[0] for k in links}
    used = {k.source[0] for k in links}
    marks: list[Mark] = [ease(p.start, p.end, ink.FORWARD) for p in placed.pieces + placed.passes]
    for n, cell in zip(shown, cells, strict=True):
        x, y = placed.corners[n.name]
        left, right = placed.columns[n.name]
        middle = y + cell.h / 2
        if n.name in used:
            marks.append(segment((x + cell.w, middle), (right, middle), ink.FORWARD))
        if n.name in fed:
            marks.append(segment((left, middle), (x + _STUB - 1, middle), ink.FORWARD, head=True))
        marks += _paint(n, Rect(x + _STUB, y, cell.w - _STUB, cell.h))
    more = len(nodes) - len(shown)
    note = f"{len(nodes):,} wires, {sum(len(n.parents) for n in nodes):,} dependencies"
    note += f"; the first {len(shown)} are drawn, {more:,} are folded" if more else ""
    name = title if title is not None else channel.name or "network"
    says = "; ".join(f"{n.name} depends on {', '.join(n.parents)}" for n in shown if n.parents)
    desc = f"Network of {name}, read from left to right. {note}. {says}."
    return sheet(name, note, desc, (placed.w, placed.h, marks), _legend(shown), side=18.0)


def _nodes(channel: Diagram) -> list[_Wire]:
    """One node for each wire; hidden boxes that only pass wires on are left out."""
    here = level(channel, frozenset(), len(channel.boxes))
    spaces = wires(channel)
    found = [_Wire(p.name, "given", short_space(p.space), ()) for p in channel.inputs]
    for _, box in here.boxes:
        parents = _parents(here, box)
        sort = _sort(box)
        found += [_Wire(w, sort, short_space(spaces[w]), parents) for w in bound(box)]
    return found


def _parents(here: Level, box: Box) -> tuple[str, ...]:
    plugs = here.plugs(box)
    parents = (here.same.get(w, w) for p in plugs if p.side == "left" for w in p.wires)
    return tuple(dict.fromkeys(parents))


def _sort(box: Box) -> str:
    match box:
        case Draw():
            return "drawn"
        case Decide():
            return "decided"
        case Compute():
            return "computed"
        case Call(diagram=inner):
            return "drawn" if _random(inner) else "computed"
    inside = [d for _, d in bodies(box)]
    return "drawn" if any(_random(d) for d in inside) else "computed"


def _random(diagram: Diagram) -> bool:
    """Whether anything inside is drawn; every distinct diagram is looked at once."""
    seen: set[int] = set()
    stack = [diagram]
    while stack:
        here = stack.pop()
        if id(here) in seen:
            continue
        seen.add(id(here))
        if any(isinstance(b, Draw) for b in here.boxes):
            return True
        stack += [d for b in here.boxes for _, d in bodies(b)]
    return False


def _cell(n: _Wire) -> Cell:
    text = max(width(fit(n.name, 180, TITLE, bold=True), TITLE, True), width(fit(n.space, 180, SMALL), SMALL))
    w = max(84.0, text + 44)
    return Cell(n.name, w + _STUB, 46.0, ("in",), ("out",), (0.0, 46.0))


def _paint(n: _Wire, r: Rect) -> list[Mark]:
    fill, stroke = _LOOKS[n.sort]
    form = "box" if n.sort == "given" else "pill"
    marks: list[Mark] = [Shape(r, form, fill, stroke, 1.5, path=("network", n.name))]
    if n.sort == "computed":
        marks.append(Shape(Rect(r.x + 3, r.y + 3, r.w - 6, r.h - 6), form, "none", stroke, 1.0))
    middle = r.x + r.w / 2
    marks.append(Text(middle, r.y + 21, fit(n.name, 180, TITLE, bold=True), TITLE, "middle", bold=True, room=r))
    marks.append(Text(middle, r.y + 36, fit(n.space, 180, SMALL), SMALL, "middle", fill=ink.QUIET, room=r))
    return marks


def _legend(shown: list[_Wire]) -> list[Entry]:
    sorts = {n.sort for n in shown}
    texts = {"given": "comes in", "drawn": "drawn by chance", "computed": "computed", "decided": "decided"}
    return [
        box_entry(_LOOKS[sort], text, "box" if sort == "given" else "pill")
        for sort, text in texts.items()
        if sort in sorts
    ]
