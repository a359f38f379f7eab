"""A whole page around a drawing: title, frame, legend."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from opengames.drawn import ink
from opengames.drawn.ink import Dot, Mark, Picture, Rect, Shape, Text, segment, shift
from opengames.drawn.measure import fit, width

_MARGIN = 24.0
_LEGEND = 11.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a legend: a sample, at most 30 by 14, drawn around its own origin, and what it means."""

    marks: tuple[Mark, ...]
    text: str


def sheet(
    title: str,
    subtitle: str,
    desc: str,
    body: tuple[float, float, Iterable[Mark]],
    legend: Sequence[Entry] = (),
    side: float = 0.0,
) -> Picture:
    """`body` (width, height, marks) under its title and above its legend, in a frame; side: white space beside it."""
    w, h, marks = body
    inner = max(w + 2 * side, 320.0)
    title, subtitle = fit(title, inner, 19, bold=True), fit(subtitle, inner, 12)
    top = _MARGIN + 24 + (18 if subtitle else 0) + 10
    pad = 20.0
    out: list[Mark] = [Text(_MARGIN, _MARGIN + 16, title, 19, bold=True)]
    if subtitle:
        out.append(Text(_MARGIN, _MARGIN + 36, subtitle, 12, fill=ink.QUIET))
    box = Rect(_MARGIN, top, inner, h + 2 * pad)
    out.append(Shape(box, fill="#FDFEFE", stroke=ink.RULE, thick=1.4, radius=12))
    out += shift(marks, _MARGIN + (inner - w) / 2, top + pad)
    y = top + box.h + 22
    x = _MARGIN
    for entry in legend:
        room = 38 + width(entry.text, _LEGEND) + 22
        if x > _MARGIN and x + room - 22 > _MARGIN + inner:
            x, y = _MARGIN, y + 22
        out += shift(entry.marks, x, y)
        out.append(Text(x + 38, y + 4, entry.text, _LEGEND, fill=ink.QUIET))
        x += room
    bottom = y + 14 if legend else y - 8
    return Picture(inner + 2 * _MARGIN, bottom + _MARGIN - 10, title, desc, tuple(out))


def box_entry(look: tuple[str, str], text: str, form: str = "box", radius: float = 4, double: bool = False) -> Entry:
    """A legend's line for a kind of box."""
    shape = Shape(Rect(2, -8, 26, 16), form, look[0], look[1], 1.3, radius=radius)
    behind = Shape(Rect(5, -5, 26, 16), form, "#FFFFFF", look[1], 1.3, radius=radius)
    return Entry((behind, shape) if double else (shape,), text)


def wire_entry(style: tuple[str, float, str], text: str, head: bool = False) -> Entry:
    """A legend's line for a kind of wire; backward ones point left."""
    line = segment((30, 0), (2, 0), *style, True) if head else segment((2, 0), (30, 0), *style)
    return Entry((line,), text)


def dot_entry(colour: str) -> Entry:
    return Entry((segment((2, 0), (30, 0), colour, 1.6), Dot(16, 0, 3.2, colour)), "copied")


def bar_entry(colour: str) -> Entry:
    return Entry((segment((6, 0), (22, 0), colour, 1.6), segment((22, -5), (22, 5), ink.INK, 2.6)), "discarded")
