"""A text at the door: how it is read from disk, and the bounds it must keep before anything else looks at it.

A text may come from a stranger. Its size, its nesting and its characters are bounded here, so that no
later step meets something it cannot finish.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any

from opengames.diagnostics import Diagnostic, Refusal, Window
from opengames.dsl.tokens import CLOSES, brackets
from opengames.plain import fields, is_dataclass
from opengames.spans import Span

LONGEST_TEXT = 1_000_000
"""Characters of a text, some 20,000 lines, unless more are allowed (`up_to`)."""
DEEPEST_BRACKETS = 100
DEEPEST_TREE = 200
"""Nodes of the syntax tree above one another. Every later pass may recurse this deep."""

_longest: ContextVar[int] = ContextVar("longest", default=LONGEST_TEXT)

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@contextmanager
def up_to(characters: int) -> Iterator[None]:
    """Inside, texts of so many characters are read: for those that one trusts, such as networks turned into text.

    Checking takes time and memory in proportion: about a minute and a gigabyte for ten million characters of tables.
    """
    before = _longest.set(characters)
    try:
        yield
    finally:
        _longest.reset(before)


class Lines:
    """Line and column of any place in a text."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(m.end() for m in re.finditer("\n", text))]

    def span(self, file: str, start: int, end: int) -> Span:
        line = bisect_right(self._starts, start)
        return Span(file, start, end, line, start - self._starts[line - 1] + 1)


def read_text(path: Path | str) -> str:
    """The text of a file: UTF-8 with or without a byte-order mark, any line ends.

    Raises `Refusal` with `not-utf8` or `text-too-large`. A file that is not there is the caller's `OSError`.
    """
    with Path(path).open("rb") as file:
        most = 4 * _longest.get()
        raw = file.read(most + 4)
    if len(raw) > most:
        raise Refusal(_too_large(f"more than {most} bytes"))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Refusal(
            Diagnostic(
                "not-utf8",
                f"`{Path(path).name}` is not UTF-8 text",
                notes=(f"byte {error.start}, on line {line}, is 0x{raw[error.start]:02x}",),
                help="save the file as UTF-8",
            )
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def check_text(text: str, file: str) -> tuple[Diagnostic, ...]:
    """What forbids even trying to parse `text`."""
    if len(text) > _longest.get():
        return (_too_large(f"{len(text)} characters"),)
    control = _CONTROL.search(text)
    if control:
        at = Lines(text).span(file, control.start(), control.end())
        return (
            Diagnostic(
                "bad-character",
                f"a control character (code {ord(control.group())}) stands in this text",
                span=at,
                label="cannot be seen, and means nothing here",
            ),
        )
    return _deep_brackets(text, file)


def _too_large(size: str) -> Diagnostic:
    return Diagnostic(
        "text-too-large",
        f"this text has {size}, and {_longest.get()} is the most that is read",
        help="put tables of numbers into a data file and supply them to a `param`; or allow more with `--longest-text`",
    )


def _deep_brackets(text: str, file: str) -> tuple[Diagnostic, ...]:
    open_at: list[int] = []
    for sign, at in brackets(text):
        if sign in CLOSES:
            open_at.append(at)
            if len(open_at) > DEEPEST_BRACKETS:
                lines = Lines(text)
                return (
                    Diagnostic(
                        "too-deep",
                        f"brackets are nested more than {DEEPEST_BRACKETS} deep",
                        span=lines.span(file, at, at + 1),
                        label="one too many",
                        windows=(Window(lines.span(file, open_at[0], open_at[0] + 1), "the outermost"),),
                        help="give the inner parts names",
                    ),
                )
        elif open_at:
            open_at.pop()
    return ()


_STEP = re.compile(r"[-+*/^@(\[{.]|>>|\b(?:if|not|and|or|implies|forall|exists|match)\b")


def check_depth(text: str, trees: Iterable[Any]) -> tuple[Diagnostic, ...]:
    """A diagnostic for each declaration whose tree is deeper than `DEEPEST_TREE`, chains balanced. Without recursion.

    Each operator or bracket adds at most three levels, so a text with few of them is not walked.
    """
    found = []
    for tree in trees:
        at = tree.at
        if 3 * sum(1 for _ in _STEP.finditer(text, at.start, at.end)) + 10 <= DEEPEST_TREE:
            continue
        place = _too_deep_at([tree])
        if place is not None:
            from opengames.dsl.balance import balance

            balance(tree)
            place = _too_deep_at([tree])
        if place is not None:
            found.append(
                Diagnostic(
                    "too-deep",
                    f"this is nested more than {DEEPEST_TREE} steps deep",
                    span=place,
                    label="the innermost step that is still read",
                    notes=("brackets, conditions and chains such as `f >> g >> h` go one step deeper each time",),
                    help="give parts of it names",
                )
            )
    return tuple(found)


def _too_deep_at(level: list[Any]) -> Span | None:
    for _ in range(DEEPEST_TREE):
        below: list[Any] = []
        for node in level:
            kind: Any = type(node)
            for part in _parts(kind)(node):
                if type(part) is tuple:
                    for x in part:
                        below.extend(x) if type(x) is tuple else below.append(x)
                elif part is not None:
                    below.append(part)
        level = [x for x in below if is_dataclass(x)]
        if not level:
            return None
    return level[0].at


@cache
def _parts(kind: Any) -> Any:
    """A getter of the fields of a node that may hold nodes."""
    leaves = {"at", "op_at", "unit_at", "doc", "written", "unit"}
    names = [f.name for f in fields(kind) if f.name not in leaves]
    if len(names) == 1:
        only = attrgetter(names[0])
        return lambda node: (only(node),)
    return attrgetter(*names) if names else lambda node: ()
