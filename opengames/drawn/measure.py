"""How wide a text is, without a font at hand.

The advance widths of DejaVu Sans (and Verdana, which shares most of them), in hundredths of the font
size, rounded up. Every other face named in the pictures is narrower, so a text that fits by this table
fits on the page.
"""

from __future__ import annotations

from unicodedata import combining, east_asian_width

_PLAIN = (
    "32 41 46 84 64 96 78 28 40 40 50 84 32 37 32 34 64 64 64 64 64 64 64 64 64 64 34 34 84 84 84 54 100 69 69 70 "
    "78 64 58 78 76 30 30 66 56 87 75 79 61 79 70 64 62 74 69 99 69 62 69 40 34 40 84 50 50 62 64 55 64 62 36 64 "
    "64 28 28 58 28 98 64 62 64 64 42 53 40 64 60 82 60 60 53 64 34 64 84"
)
_BOLD = (
    "35 46 53 84 70 101 88 31 46 46 53 84 38 42 38 37 70 70 70 70 70 70 70 70 70 70 40 40 84 84 84 59 100 78 77 74 "
    "84 69 69 83 84 38 38 78 64 100 84 86 74 86 78 73 69 82 78 111 78 73 73 46 37 46 84 50 50 68 72 60 72 68 44 72 "
    "72 35 35 67 35 105 72 69 72 72 50 60 48 72 66 93 65 66 59 72 37 72 84"
)
_TABLES = {
    bold: {chr(32 + i): int(w) for i, w in enumerate(table.split())} for bold, table in ((False, _PLAIN), (True, _BOLD))
}
_WIDE, _OTHER = 106, 100


def width(text: str, size: float, bold: bool = False) -> float:
    """How far `text` reaches at a font size, in the same unit as `size`; never an underestimate.

    >>> width("ii", 10) < width("WW", 10)
    True
    """
    table = _TABLES[bold]
    return size * sum(table[c] if c in table else _unlisted(c) for c in text) / 100


def fit(text: str, room: float, size: float, bold: bool = False) -> str:
    """`text`, cut with an ellipsis where it is wider than `room`."""
    if width(text, size, bold) <= room:
        return text
    left = room - width("…", size, bold)
    kept = 0
    for c in text:
        left -= width(c, size, bold)
        if left < 0:
            break
        kept += 1
    return text[:kept].rstrip() + "…"


def wrap(text: str, room: float, size: float, lines: int) -> tuple[str, ...]:
    """`text` broken at spaces into at most `lines` lines; what is left over is cut with an ellipsis."""
    rows: list[str] = []
    rest = text.strip()
    while rest:
        if len(rows) == lines - 1:
            rows.append(fit(rest, room, size))
            break
        row, rest = _first_row(rest, room, size)
        rows.append(row)
    return tuple(rows)


def _first_row(text: str, room: float, size: float) -> tuple[str, str]:
    words = text.split(" ")
    for n in range(len(words), 0, -1):
        row = " ".join(words[:n])
        if width(row, size) <= room:
            return row, " ".join(words[n:])
    return fit(words[0], room, size), " ".join(words[1:])


def _unlisted(c: str) -> int:
    if combining(c):
        return 0
    return _WIDE if east_asian_width(c) in "WF" else _OTHER
