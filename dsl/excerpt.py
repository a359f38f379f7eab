"""A report as lines of styled pieces: the one layout that the terminal and the HTML rendering share.

The layout is that of the language reference: headline, place, numbered source lines with marks and
labels under them, notes, help, and the suggested edit as a changed line.

Columns are those of a terminal: tabs take four, wide characters two, combining characters none. What
could disturb a terminal (control and direction characters) is replaced, never passed on.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

from opengames.diagnostics import Diagnostic, Edit
from opengames.plain import dataclass, replace
from opengames.spans import Span

TAB = 4
CONTEXT = 30
"""Columns kept before the mark when a long line is cut."""
MOST_EDIT_LINES = 6

Piece = tuple[str, str]
"""(style, text); styles: `error warning code place gutter source primary secondary note help removed added plain`."""
Line = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of one source line, in terminal columns."""

    line: int
    begin: int
    end: int
    label: str
    primary: bool

    @property
    def style(self) -> str:
        return "primary" if self.primary else "secondary"

    @property
    def sign(self) -> str:
        return "^" if self.primary else "-"


def lay_out(diagnostic: Diagnostic, sources: Mapping[str, str], width: int = 100) -> list[Line]:
    """The report of one diagnostic. sources: the texts by the names that spans use; a missing one shows no lines.

    width: columns of source shown before a line is cut.
    """
    d = diagnostic
    places = [w.span for w in d.windows] + ([d.span] if d.span else []) + ([d.edit.span] if d.edit else [])
    gutter = max([2, *(len(str(_last_line(s, sources))) for s in places)])
    margin = " " * (gutter + 1)
    lines: list[Line] = [((d.severity, f"{d.severity}[{d.code}]"), ("plain", f": {clean(d.headline)}"))]
    for file in dict.fromkeys(([d.span.file] if d.span else []) + [w.span.file for w in d.windows]):
        lines += _of_file(d, file, sources.get(file), gutter, width)
    for note in d.notes:
        first, *rest = clean(note, "\n").split("\n")
        lines.append((("note", f"{margin}= "), ("plain", first)))
        lines += [(("plain", f"{margin}  {more}"),) for more in rest]
    if d.help:
        first, *rest = clean(d.help, "\n").split("\n")
        lines.append((("help", f"{margin}help:"), ("plain", f" {first}")))
        lines += [(("plain", f"{margin}      {more}"),) for more in rest]
    if d.edit is not None:
        lines += _changed(d.edit, sources.get(d.edit.span.file), gutter, width)
    return lines


def clean(text: str, keep: str = "") -> str:
    """The text without characters that act on a terminal instead of being seen there."""
    return "".join(c if c in keep or _harmless(c) else "\ufffd" for c in text)


def _harmless(char: str) -> bool:
    return char.isprintable() or (unicodedata.category(char) == "Zs")


def columns(text: str) -> tuple[str, list[int]]:
    """The text as a terminal shows it, and the column of each of its characters (and of its end)."""
    shown: list[str] = []
    at = [0]
    for char in text:
        if char == "\t":
            shown.append(" " * TAB)
            at.append(at[-1] + TAB)
            continue
        shown.append(char if _harmless(char) else "\ufffd")
        at.append(at[-1] + char_width(char))
    return "".join(shown), at


def char_width(char: str) -> int:
    """Columns that one printed character takes."""
    if char.isascii():
        return 1
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


# ------------------------------------------------------------------------------ source lines


def _of_file(d: Diagnostic, file: str, text: str | None, gutter: int, width: int) -> list[Line]:
    """The place, and the excerpt of one file with every mark that lies in it."""
    mine = d.span is not None and d.span.file == file
    head = d.span if mine and d.span else next(w.span for w in d.windows if w.span.file == file)
    margin = " " * (gutter + 1)
    lines: list[Line] = [(("place", f"{margin}{clean(file)}:{head.line}:{head.column}"),)]
    if text is None:
        said = [d.label] if mine and d.label else []
        said += [f"line {w.span.line}: {w.label}" for w in d.windows if w.span.file == file]
        return lines + [(("note", f"{margin}| "), ("plain", clean(each))) for each in said]
    source = text.split("\n")
    marks = _marks(d.span, d.label, True, text, source) if mine and d.span else []
    for window in d.windows:
        if window.span.file == file:
            marks += _marks(window.span, window.label, False, text, source)
    shown = sorted({m.line for m in marks})
    before = 0
    for number in shown:
        if before and number == before + 2:
            lines.append(_numbered(before + 1, source[before], gutter, "|", "source", 0, width))
        elif before and number > before + 2:
            lines.append((("gutter", f"{'':{gutter}} ..."),))
        lines += _marked_line(number, source[number - 1], [m for m in marks if m.line == number], gutter, width)
        before = number
    return lines


def _marks(span: Span, label: str, primary: bool, text: str, source: Sequence[str]) -> list[Mark]:
    """One mark, or for a place over several lines one on its first and one (with the label) on its last."""
    start, end = min(span.start, len(text)), min(max(span.end, span.start), len(text))
    line_start = text.rfind("\n", 0, start) + 1
    if not text[line_start:].strip() and text.strip():
        start = end = len(text.rstrip())
    while end > start and text[end - 1].isspace():
        end -= 1
    first, last = text.count("\n", 0, start) + 1, text.count("\n", 0, end) + 1
    _, at_first = columns(source[first - 1])
    begin = at_first[start - (text.rfind("\n", 0, start) + 1)]
    _, at_last = columns(source[last - 1])
    stop = at_last[end - (text.rfind("\n", 0, end) + 1)]
    if first == last:
        return [Mark(first, begin, max(stop, begin + 1), clean(label), primary)]
    indent = len(source[last - 1]) - len(source[last - 1].lstrip())
    upper_end = at_first[len(source[first - 1].rstrip())]
    upper = Mark(first, begin, max(upper_end, begin + 1), "", primary)
    lower = Mark(last, at_last[indent], max(stop, at_last[indent] + 1), clean(label), primary)
    return [upper, lower]


def _marked_line(number: int, source: str, marks: list[Mark], gutter: int, width: int) -> list[Line]:
    main = next((m for m in marks if m.primary), marks[0])
    skip = _cut(source, min(m.begin for m in marks), main, width)
    lines = [_numbered(number, source, gutter, "|", "source", skip, width)]
    shift = 1 if skip else 0
    moved = []
    for mark in marks:
        begin = min(max(mark.begin - skip + shift, 0), width)
        end = min(max(mark.end - skip + shift, begin + 1), width + 1)
        moved.append(replace(mark, begin=begin, end=end))
    for row in _rows(moved):
        lines += [(("gutter", f"{'':{gutter}} | "), *pieces) for pieces in _mark_row(row)]
    return lines


def _rows(marks: list[Mark]) -> list[list[Mark]]:
    """The marks in rows without overlap, the primary one in the first."""
    rows: list[list[Mark]] = []
    for mark in sorted(marks, key=lambda m: (not m.primary, m.begin)):
        for row in rows:
            if all(mark.end < other.begin or other.end < mark.begin for other in row):
                row.append(mark)
                break
        else:
            rows.append([mark])
    return [sorted(row, key=lambda m: m.begin) for row in rows]


def _mark_row(row: list[Mark]) -> list[Line]:
    """The signs with the last label behind them; the other labels hang below, from right to left."""
    signs: list[Piece] = []
    at = 0
    for mark in row:
        signs += [("plain", " " * (mark.begin - at)), (mark.style, mark.sign * (mark.end - mark.begin))]
        at = mark.end
    if row[-1].label:
        signs.append((row[-1].style, f" {row[-1].label}"))
    lines = [tuple(signs)]
    waiting = [m for m in row[:-1] if m.label]
    while waiting:
        mark = waiting.pop()
        pieces: list[Piece] = []
        at = 0
        for other in waiting:
            pieces += [("plain", " " * (other.begin - at)), (other.style, "|")]
            at = other.begin + 1
        pieces += [("plain", " " * (mark.begin - at)), (mark.style, mark.label)]
        lines.append(tuple(pieces))
    return lines


def _numbered(number: int, source: str, gutter: int, sign: str, style: str, skip: int, width: int) -> Line:
    return (("gutter", f"{number:>{gutter}} {sign} "), (style, _seen(source, skip, width).rstrip()))


def _cut(source: str, first: int, main: Mark, width: int) -> int:
    """How many columns of a long line to leave out on its left, so that the main mark is seen."""
    _, at = columns(source)
    if at[-1] <= width or max(main.end, first) <= width - 5:
        return 0
    keep_first = main.end - first <= width - CONTEXT
    return max(0, (min(first, main.begin) if keep_first else main.begin) - CONTEXT)


def _seen(source: str, skip: int, width: int) -> str:
    """The columns of a line from `skip` on, at most `width` of them, with `…` where something is left out."""
    shown: list[str] = []
    column = 0
    for char in source:
        text, wide = (" " * TAB, TAB) if char == "\t" else (char if _harmless(char) else "\ufffd", char_width(char))
        if column >= skip:
            if column - skip + wide > width - 1 and len(shown) < len(source):
                rest = columns(source)[1][-1] - skip
                if rest > width:
                    return ("…" if skip else "") + "".join(shown) + "…"
            shown.append(text)
        elif column + wide > skip:
            shown.append(" " * (column + wide - skip))
        column += wide
    return ("…" if skip else "") + "".join(shown)


# ------------------------------------------------------------------------------------ edits


def apply_edit(text: str, edit: Edit) -> str:
    """The text after the edit."""
    return text[: edit.span.start] + edit.text + text[edit.span.end :]


def _changed(edit: Edit, text: str | None, gutter: int, width: int) -> list[Line]:
    """The lines that the edit touches, before and after."""
    if text is None:
        return []
    start, end = min(edit.span.start, len(text)), min(edit.span.end, len(text))
    begin = text.rfind("\n", 0, start) + 1
    stop = text.find("\n", end)
    stop = len(text) if stop < 0 else stop
    number = text.count("\n", 0, begin) + 1
    old = text[begin:stop].split("\n")
    new = (text[begin:start] + edit.text + text[end:stop]).split("\n")
    while len(old) > 1 and len(new) > 1 and old[0] == new[0]:
        old, new, number = old[1:], new[1:], number + 1
    while len(old) > 1 and len(new) > 1 and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    if old == [""] and len(new) > 1:
        old, new = [], new[:-1] if new[-1] == "" else new
    if not any(line.strip() for line in new):
        new = []
    if len(old) + len(new) > MOST_EDIT_LINES:
        return []
    _, at = columns(old[0]) if old else ("", [0])
    common = next((i for i, (a, b) in enumerate(zip(old[0], new[0], strict=False)) if a != b), 0) if old and new else 0
    skip = max(0, at[common] - CONTEXT) if old and at[-1] > width else 0
    removed = [_numbered(number + i, line, gutter, "-", "removed", skip, width) for i, line in enumerate(old)]
    return removed + [_numbered(number + i, line, gutter, "+", "added", skip, width) for i, line in enumerate(new)]


def _last_line(span: Span, sources: Mapping[str, str]) -> int:
    text = sources.get(span.file)
    return span.line if text is None else span.line + text.count("\n", span.start, span.end)
