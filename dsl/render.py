"""Diagnostics as text for a terminal or as an HTML fragment.

Plain text is what golden files keep; colour adds escape codes to the same text and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from opengames.diagnostics import Diagnostic

if TYPE_CHECKING:
    from opengames.dsl.excerpt import Line

_ANSI = {
    "error": "1;31", "warning": "1;33", "place": "2", "gutter": "36", "primary": "1;31", "secondary": "34",
    "note": "36", "help": "1;32", "removed": "31", "added": "32",
}  # fmt: skip

_CSS = {
    "error": "color:#b3261e;font-weight:bold", "warning": "color:#8a5a00;font-weight:bold", "place": "color:#666",
    "gutter": "color:#2a7a7a", "primary": "color:#b3261e;font-weight:bold", "secondary": "color:#2455a4",
    "note": "color:#2a7a7a", "help": "color:#1d7a34;font-weight:bold", "removed": "color:#b3261e",
    "added": "color:#1d7a34",
}  # fmt: skip


def render(
    diagnostics: Sequence[Diagnostic], sources: Mapping[str, str], *, colour: bool = False, width: int = 100
) -> str:
    """The reports, one blank line between two, ending in a newline (empty if there are none).

    sources: the texts by the names that spans use, usually `{name: text}`.
    """
    if not diagnostics:
        return ""
    # loaded only now: a sound text pays nothing for the reports on broken ones
    from opengames.dsl.excerpt import lay_out

    paint = _painted if colour else _plain
    return "\n".join(
        "".join(paint(line).rstrip(" ") + "\n" for line in lay_out(d, sources, width)) for d in diagnostics
    )


def render_html(diagnostics: Iterable[Diagnostic], sources: Mapping[str, str], *, width: int = 100) -> str:
    """The reports as one fragment that stands alone: no style sheet, no script, everything escaped."""
    from html import escape

    from opengames.dsl.excerpt import lay_out

    blocks = "\n".join(
        f'<div class="opengames-{d.severity}" data-code="{escape(d.code)}" style="margin:0 0 1em 0">'
        + "\n".join(_html(line) for line in lay_out(d, sources, width))
        + "</div>"
        for d in diagnostics
    )
    style = "white-space:pre;font-family:monospace;line-height:1.3;overflow-x:auto"
    return f'<div class="opengames-report" style="{style}">{blocks}</div>\n'


def wants_colour(stream: TextIO, choice: str = "auto") -> bool:
    """Whether to write colour to `stream`. choice: "always", "never" or "auto" (a terminal, and no `NO_COLOR`)."""
    if choice != "auto":
        return choice == "always"
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """How many errors and warnings: `2 errors, 1 warning`; empty if there are none."""
    found = list(diagnostics)
    counts = [(sum(d.severity == kind for d in found), kind) for kind in ("error", "warning")]
    return ", ".join(f"{n} {kind}{'s' if n > 1 else ''}" for n, kind in counts if n)


def _plain(line: Line) -> str:
    return "".join(text for _, text in line)


def _painted(line: Line) -> str:
    return "".join(
        f"\x1b[{_ANSI[style]}m{text}\x1b[0m" if style in _ANSI and text.strip() else text for style, text in line
    )


def _html(line: Line) -> str:
    from html import escape

    return "".join(
        f'<span style="{_CSS[style]}">{escape(text)}</span>'
        if style in _CSS and text.strip()
        else escape(text)
        for style, text in line
    )
