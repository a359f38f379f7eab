"""Diagnostics as plain data, for editors and scripts.

The schema is stable; fields may be added, none is removed or changes its meaning:

    {"severity": "error", "code": "unit-mismatch", "headline": "...", "at": PLACE | null, "label": "...",
     "windows": [{"at": PLACE, "label": "..."}], "notes": ["..."], "help": "...",
     "edit": {"at": PLACE, "text": "..."} | null}

    PLACE = {"file": "a.game", "start": 310, "end": 313, "line": 19, "column": 29, "end_line": 19, "end_column": 32}

`start` and `end` count characters of the text from 0, `end` exclusive. Lines and columns count from 1;
`end_line` and `end_column` are those of `end`, and are `null` if the text is not at hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from opengames.diagnostics import Diagnostic
from opengames.spans import Span


def to_data(diagnostics: Iterable[Diagnostic], sources: Mapping[str, str]) -> list[dict[str, Any]]:
    """One dictionary per diagnostic, ready for `json.dumps`."""
    return [
        {
            "severity": d.severity,
            "code": d.code,
            "headline": d.headline,
            "at": None if d.span is None else place(d.span, sources),
            "label": d.label,
            "windows": [{"at": place(w.span, sources), "label": w.label} for w in d.windows],
            "notes": list(d.notes),
            "help": d.help,
            "edit": None if d.edit is None else {"at": place(d.edit.span, sources), "text": d.edit.text},
        }
        for d in diagnostics
    ]


def place(span: Span, sources: Mapping[str, str]) -> dict[str, Any]:
    """A span with the line and column of its end as well."""
    text = sources.get(span.file)
    end_line: int | None = None
    end_column: int | None = None
    if text is not None:
        end = min(span.end, len(text))
        end_line = text.count("\n", 0, end) + 1
        end_column = end - text.rfind("\n", 0, end)
    return {
        "file": span.file,
        "start": span.start,
        "end": span.end,
        "line": span.line,
        "column": span.column,
        "end_line": end_line,
        "end_column": end_column,
    }
