"""The page behind each code: `explain("unit-mismatch")`.

A page is Markdown in `explain/CODE.md`: a heading that is the code, a paragraph that says what the
message means, a wrong program and the mended one (the first and second block fenced as `game`), and what
else helps. A wrong block whose first line is `# $ opengames ...` shows a mistake of a run, not of the text.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from opengames.diagnostics import refuse

PAGES = Path(__file__).with_name("explain")

_FENCE = re.compile(r"^```game\n(.*?)^```", re.M | re.S)


@cache
def codes() -> tuple[str, ...]:
    """Every code that has a page, sorted."""
    return tuple(sorted(p.stem for p in PAGES.glob("*.md")))


def explain(code: str) -> str:
    """The page of `code`, as Markdown. Raises `Refusal` (`unknown-code`), naming the nearest code, if there is none."""
    if code not in codes():
        near = get_close_matches(code, codes(), 1, 0.5)
        raise refuse(
            "unknown-code",
            f"there is no diagnostic `{code}`",
            help=f"did you mean `{near[0]}`?" if near else "`opengames explain` lists all of them",
        )
    return (PAGES / f"{code}.md").read_text(encoding="utf-8")


def opening(code: str) -> str:
    """The first sentence of the page, for lists."""
    lines = [line for line in explain(code).splitlines()[1:] if line.strip()]
    first = " ".join(lines[: next((i for i, x in enumerate(lines) if x.startswith("`" * 3)), len(lines))])
    return re.split(r"(?<=[.:])\s", first, maxsplit=1)[0].rstrip(":.")


def programs(page: str) -> tuple[str, ...]:
    """The blocks fenced as `game`: the wrong program first, the mended one second."""
    return tuple(m.group(1) for m in _FENCE.finditer(page))
