"""A plain scanner: the words and signs of a text, whether or not it parses.

Messages about broken texts look around a mistake with it, and the bounds on nesting are checked on
it. It needs no grammar; where only the grammar can tell (is `MW` a unit or a wire?) it says `word`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from opengames.plain import dataclass

KEYWORDS = frozenset(
    ["and", "by", "carrying", "channel", "decide", "earning", "else", "exists", "expects", "for", "forall", "fun", "game", "if", "implies", "in", "match", "next", "not", "of", "or", "param", "paying", "player", "query", "real", "recognition", "reports", "reversed", "seeing", "step", "strategy", "subject", "table", "then", "to", "type", "under", "unit", "use", "verify", "where"]
)

DECLARATIONS = (
    "use", "unit", "type", "param", "player", "fun", "channel", "recognition", "game", "strategy", "verify", "query",
)  # fmt: skip

CLOSES = {"(": ")", "[": "]", "{": "}"}

_TOKEN = re.compile(
    r"(?P<comment>#[^\n]*)"
    r"|(?P<word>[A-Za-z_][A-Za-z_0-9]*)"
    r"|(?P<number>[0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<sign>->|=>|==|!=|<=|>=|>>|\|\||\.\.|:=|&&|\*\*|[^\sA-Za-z_0-9#])"
)
_BRACKET = re.compile(r"#[^\n]*|[()\[\]{}]")


@dataclass(frozen=True, slots=True)
class Tok:
    """kind: `word`, `number` or `sign`; characters `start` to `end` of the text."""

    kind: str
    text: str
    start: int
    end: int


def scan(text: str, start: int = 0, end: int | None = None) -> Iterator[Tok]:
    """The words, numbers and signs of `text[start:end]`, without comments."""
    for m in _TOKEN.finditer(text, start, len(text) if end is None else end):
        if m.lastgroup != "comment":
            yield Tok(m.lastgroup or "", m.group(), m.start(), m.end())


def brackets(text: str, start: int = 0, end: int | None = None) -> Iterator[tuple[str, int]]:
    """Every bracket outside comments, with its place."""
    for m in _BRACKET.finditer(text, start, len(text) if end is None else end):
        if m.group()[0] != "#":
            yield m.group(), m.start()
