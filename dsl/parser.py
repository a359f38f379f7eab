"""From text to syntax tree: `parse(text, name)`.

The grammar stands in `game.lark`; the tables that `grammar_tables` made from it stand in `game.json`, so that
reading a text needs neither the grammar nor lark. When a text does not parse, it is cut at the words that begin
declarations and each piece is parsed by itself, so that independent mistakes are all reported and what is sound
is kept.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from opengames.diagnostics import Diagnostic, errors
from opengames.dsl import syntax
from opengames.dsl.automaton import Automaton, Call, Stuck, Token
from opengames.dsl.build_tree import TreeBuilder
from opengames.dsl.comments import attach
from opengames.dsl.source import check_depth, check_text, read_text
from opengames.plain import dataclass

__all__ = ["ParseResult", "Reader", "parse", "parses", "read_text", "reader"]

GRAMMAR = Path(__file__).with_name("game.lark")
TABLES = Path(__file__).with_name("game.json")


@dataclass(frozen=True, slots=True)
class ParseResult:
    """file: the tree of what could be read, `None` only if the text could not be looked at at all."""

    file: syntax.File | None
    diagnostics: tuple[Diagnostic, ...]

    @property
    def ok(self) -> bool:
        return self.file is not None and not errors(self.diagnostics)


def parse(text: str, name: str) -> ParseResult:
    """The syntax tree of `text`, which is called `name` in every span, and what is wrong with it."""
    refused = check_text(text, name)
    if refused:
        return ParseResult(None, refused)
    each = reader()
    each.builder.begin(name)
    diagnostics: list[Diagnostic] = []
    declarations: tuple[syntax.Decl, ...]
    try:
        declarations = each.read(text, begin_of(text), len(text))
    except Stuck:
        # loaded only now: a sound text pays nothing for the messages about broken ones
        from opengames.dsl.piecewise import piecewise

        declarations, diagnostics = piecewise(text, name)
    diagnostics += each.builder.found
    deep = check_depth(text, declarations)
    if deep:
        return ParseResult(None, (*deep, *diagnostics))
    head, declarations = attach(text, declarations)
    diagnostics.sort(key=lambda d: d.span.start if d.span else 0)
    return ParseResult(syntax.File(name, text, declarations, head), tuple(diagnostics))


def parses(text: str) -> bool:
    """Whether `text` follows the grammar."""
    each = reader()
    each.builder.begin("")
    try:
        each.read(text, 0, len(text))
    except Stuck:
        return False
    return not each.builder.found


def begin_of(text: str) -> int:
    """Where a text begins: behind a byte order mark."""
    return 1 if text.startswith("\ufeff") else 0


@dataclass(frozen=True, slots=True)
class Reader:
    """The parser, the builder that it calls, and the builder's method for each rule. Call `builder.begin` before `read`."""

    automaton: Automaton
    builder: TreeBuilder
    calls: list[Call | None]

    def read(self, text: str, begin: int, end: int) -> tuple[syntax.Decl, ...]:
        """The declarations of `text[begin:end]`. Raises `Stuck`."""
        found: tuple[syntax.Decl, ...] = self.automaton.parse(text, begin, end, self.calls)
        return found

    def tokens(self, text: str) -> list[Token]:
        """The tokens that the grammar sees in a whole text. Raises `Stuck`."""
        found: list[Token] = []
        self.automaton.parse(text, begin_of(text), len(text), [None] * len(self.calls), found)
        return found


@cache
def reader() -> Reader:
    """Made once per process."""
    automaton = Automaton(json.loads(TABLES.read_text(encoding="utf-8")))
    builder = TreeBuilder()
    return Reader(automaton, builder, automaton.calls_of(builder))
