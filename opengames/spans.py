"""Places in a text. A span is kept beside what was read there, so that any later message can point at it."""

from __future__ import annotations

from opengames.plain import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` (exclusive, 0-based) of the text called `file`.

    `line` and `column` are 1-based and belong to `start`.
    """

    file: str
    start: int
    end: int
    line: int
    column: int

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of `other`."""
        return Span(self.file, self.start, max(self.end, other.end), self.line, self.column)
