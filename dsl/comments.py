"""Comments: where they are, and which `##` lines document which declaration.

No literal of the language contains `#`, so a comment runs from any `#` to the end of its line.

- A block of `##` lines that ends on the line above a declaration, or has only blank lines between,
  documents that declaration.
- The first block of a file, when a blank line parts it from what follows, documents the file.
- A `##` comment behind a declaration, on the line where it ends, documents that declaration if
  nothing above does.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence

from opengames.dsl import syntax as s
from opengames.plain import dataclass, replace

_COMMENT = re.compile(r"#[^\n]*")


@dataclass(frozen=True, slots=True)
class Comment:
    """`text` from `#` to the end of the line, at `start` of the file; `alone` on its line or behind code."""

    text: str
    start: int
    alone: bool

    @property
    def is_doc(self) -> bool:
        return self.text.startswith("##") and not self.text.startswith("###")


def comments(text: str) -> tuple[Comment, ...]:
    """Every comment of `text`, in order."""
    found = []
    for m in _COMMENT.finditer(text):
        before = text[text.rfind("\n", 0, m.start()) + 1 : m.start()]
        found.append(Comment(m.group().rstrip(), m.start(), not before.strip()))
    return tuple(found)


def attach(text: str, declarations: Sequence[s.Decl]) -> tuple[str, tuple[s.Decl, ...]]:
    """The file's own documentation, and the declarations with theirs."""
    docs = [c for c in comments(text) if c.is_doc]
    starts = [c.start for c in docs]
    head, taken = _file_doc(text, docs, declarations)
    documented = []
    before = 0
    for decl in declarations:
        low, high = bisect_left(starts, before), bisect_left(starts, decl.at.start)
        block = _block_above(text, [c for c in docs[low:high] if c.alone and c.start >= taken], decl.at.start)
        if not block and high <= len(docs):
            block = _behind(text, docs, starts, decl)
        documented.append(replace(decl, doc=block) if block else decl)
        before = decl.at.end
    return head, tuple(documented)


def _file_doc(text: str, docs: Sequence[Comment], declarations: Sequence[s.Decl]) -> tuple[str, int]:
    """The head's documentation and the place where it ends (0 if there is none)."""
    if not docs or text[: docs[0].start].strip("\ufeff \t\r\n"):
        return "", 0
    block = [docs[0]]
    for c in docs[1:]:
        if text[_end(block[-1]) : c.start].strip(" \t\r") != "\n":
            break
        block.append(c)
    after = text[_end(block[-1]) :]
    blank = re.match(r"[ \t\r]*\n[ \t\r]*(?:\n|\Z)|\s*\Z", after)
    if declarations and not blank:
        return "", 0
    return _plain(block), _end(block[-1])


def _block_above(text: str, docs: Sequence[Comment], start: int) -> str:
    block: list[Comment] = []
    below = start
    for c in reversed(docs):
        gap = text[_end(c) : below]
        if gap.strip() or (block and gap.count("\n") > 1):
            break
        block.append(c)
        below = c.start
    return _plain(block[::-1])


def _behind(text: str, docs: Sequence[Comment], starts: Sequence[int], decl: s.Decl) -> str:
    i = bisect_left(starts, decl.at.end)
    if i < len(docs) and not docs[i].alone and not text[decl.at.end : docs[i].start].strip(" \t"):
        return _plain([docs[i]])
    return ""


def _end(comment: Comment) -> int:
    return comment.start + len(comment.text)


def _plain(block: Sequence[Comment]) -> str:
    """The lines without their marks and without the one blank after it."""
    return "\n".join(c.text[2:].removeprefix(" ") for c in block)
