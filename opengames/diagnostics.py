"""Diagnostics: what is wrong, where, what was expected, what was found, and what to do.

They are values. Rendering them (terminal, JSON, HTML) and the page behind each code belong to
the language layer; every layer may make them. `Refusal` carries them upward.
"""

from __future__ import annotations

from collections.abc import Iterable

from opengames.plain import dataclass, field
from opengames.spans import Span


@dataclass(frozen=True, slots=True)
class Window:
    """A secondary place: where one side of a disagreement comes from."""

    span: Span
    label: str


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the text under `span` by `text` (an empty span inserts)."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.

    code: a name such as `unit-mismatch`; `opengames explain CODE` has its page.
    headline: lower case, stands alone, no full stop; code in backticks.
    span: the place, or `None` when no text is involved (a data file, a budget).
    label: what *this place* is, printed under the mark.
    windows: other places that matter, such as the origin of what was expected.
    notes: further facts, one line each, printed as `= ...`.
    help: at most one suggestion. If `edit` is given, applying it yields a text that parses.
    severity: `"error"` or `"warning"`.
    """

    code: str
    headline: str
    span: Span | None = None
    label: str = ""
    windows: tuple[Window, ...] = ()
    notes: tuple[str, ...] = ()
    help: str = ""
    edit: Edit | None = None
    severity: str = field(default="error")


class Refusal(Exception):
    """A text, its data or a request was refused; `diagnostics` says why."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        self.diagnostics: tuple[Diagnostic, ...] = diagnostics
        super().__init__("\n".join(f"{d.severity}[{d.code}]: {d.headline}" for d in diagnostics))


def refuse(code: str, headline: str, **more: object) -> Refusal:
    """A `Refusal` with one diagnostic, to be raised."""
    return Refusal(Diagnostic(code, headline, **more))  # type: ignore[arg-type]


def errors(found: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    return tuple(d for d in found if d.severity == "error")
