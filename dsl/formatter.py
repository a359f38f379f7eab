"""Canonical layout: `format_text(text, name)`.

Laws: formatting twice is formatting once; the formatted text has the same tree, the same numbers as
written and the same comments in the same order. The author's line breaks inside an expression are kept
where they make sense, as are single blank lines; indentation, spacing, alignment, tables and overlong
lines are not the author's concern.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from opengames.diagnostics import Diagnostic
from opengames.dsl.comments import Comment, comments
from opengames.dsl.layout import Layout, Piece
from opengames.dsl.parser import begin_of, parse, reader
from opengames.dsl.syntax import File

_QUANTITY = re.compile(r"([0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)[ \t]*(.+)")


@dataclass(frozen=True, slots=True)
class FormatResult:
    """text: the canonical layout, or the text as it came when it does not parse (`diagnostics` says why)."""

    text: str
    diagnostics: tuple[Diagnostic, ...]


def format_text(text: str, name: str) -> FormatResult:
    """`text` in canonical layout; untouched, with diagnostics, if it has mistakes."""
    result = parse(text, name)
    if not result.ok or result.file is None:
        return FormatResult(text, result.diagnostics)
    formatted = Layout(result.file, pieces(text)).write()
    if not _same(result.file, text, formatted):
        return FormatResult(text, result.diagnostics)
    return FormatResult(formatted, result.diagnostics)


def _same(file: File, text: str, formatted: str) -> bool:
    """Whether nothing but the layout changed. A formatter overwrites files: it looks before it leaves."""
    again = parse(formatted, file.name)
    if not again.ok or again.file is None or again.file.declarations != file.declarations:
        return False
    return [c.text for c in comments(text)] == [c.text for c in comments(formatted)]


def pieces(text: str) -> list[Piece]:
    """The tokens the grammar sees, with comments and line breaks on them."""
    found: list[Piece] = []
    notes = list(comments(text))
    place = begin_of(text)
    next_note = 0
    for token in reader().tokens(text):
        start, end = token.start_pos, token.end_pos
        piece = Piece(token.type, _spelling(token.type, str(token)), start, end)
        next_note = _comments_between(text, notes, next_note, place, start, found, piece)
        between = text[place:start]
        piece.broken = "\n" in between
        found.append(piece)
        place = end
    last = Piece("$END", "", len(text), len(text))
    _comments_between(text, notes, next_note, place, len(text), found, last)
    last.broken = True
    found.append(last)
    return found


def _comments_between(
    text: str, notes: list[Comment], first: int, place: int, start: int, found: list[Piece], piece: Piece
) -> int:
    """Hang the comments between two tokens on the one before (same line) or the one after.

    Returns the number of the next comment.
    """
    here = place
    while first < len(notes) and notes[first].start < start:
        note = notes[first]
        blank = text.count("\n", here, note.start) > (1 if found or piece.above else 0)
        if note.alone or not found:
            piece.above.append((note.text, blank and text[:note.start].strip("\ufeff \t\r\n") != ""))
        else:
            found[-1].behind = note.text
            found[-1].behind_column = note.start - (text.rfind("\n", 0, note.start) + 1)
        here = note.start + len(note.text)
        first += 1
    piece.blank = text.count("\n", here, start) > 1
    return first


def _spelling(kind: str, written: str) -> str:
    """One space between number and unit, none before `%`."""
    if kind != "QUANTITY":
        return written
    number, unit = _QUANTITY.fullmatch(written).groups()  # type: ignore[union-attr]
    return f"{number}%" if unit == "%" else f"{number} {unit}"
