"""What every answer here can do once it has `lines`: be printed, and be shown in a notebook."""

from __future__ import annotations

import html
from collections.abc import Callable


class Printed:
    """An answer told by its `lines`, which each kind of answer has."""

    lines: Callable[[], list[str]]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


__all__ = ["Printed"]
