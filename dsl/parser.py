"""From text to syntax tree: `parse(text, name)`.

The grammar stands in `game.lark`; lark's LALR tables for it are kept in the user's cache directory
and rebuilt whenever they are missing, stale or damaged. When a text does not parse, it is cut at the
words that begin declarations and each piece is parsed by itself, so that independent mistakes are all
reported and what is sound is kept.
"""

from __future__ import annotations

import hashlib
import os
import sys
from functools import cache
from pathlib import Path
from typing import cast

from lark import Lark, TextSlice
from lark import __version__ as lark_version
from lark.exceptions import UnexpectedInput

from opengames.diagnostics import Diagnostic, errors
from opengames.dsl import syntax
from opengames.dsl.build_tree import TreeBuilder
from opengames.dsl.comments import attach
from opengames.dsl.source import check_depth, check_text, read_text
from opengames.plain import dataclass

__all__ = ["ParseResult", "parse", "parses", "read_text"]

GRAMMAR = Path(__file__).with_name("game.lark")


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
    begin = 1 if text.startswith("\ufeff") else 0
    lark, builder = machine()
    builder.begin(name)
    diagnostics: list[Diagnostic] = []
    declarations: tuple[syntax.Decl, ...]
    try:
        declarations = read(lark, TextSlice(text, begin, len(text)))
    except UnexpectedInput:
        # loaded only now: a sound text pays nothing for the messages about broken ones
        from opengames.dsl.piecewise import piecewise

        declarations, diagnostics = piecewise(text, name)
    diagnostics += builder.found
    deep = check_depth(text, declarations)
    if deep:
        return ParseResult(None, (*deep, *diagnostics))
    head, declarations = attach(text, declarations)
    diagnostics.sort(key=lambda d: d.span.start if d.span else 0)
    return ParseResult(syntax.File(name, text, declarations, head), tuple(diagnostics))


def read(lark: Lark, text: TextSlice[str]) -> tuple[syntax.Decl, ...]:
    """What the tree builder makes of a text; lark types its result as a tree of its own."""
    return cast("tuple[syntax.Decl, ...]", lark.parse(text))


def parses(text: str) -> bool:
    """Whether `text` follows the grammar."""
    lark, builder = machine()
    builder.begin("")
    try:
        lark.parse(text)
    except UnexpectedInput:
        return False
    return not builder.found


@cache
def machine() -> tuple[Lark, TreeBuilder]:
    """The parser and the builder it calls, made once per process."""
    builder = TreeBuilder()
    grammar = GRAMMAR.read_text(encoding="utf-8")
    return _build(grammar, builder), builder


def _build(grammar: str, builder: TreeBuilder) -> Lark:
    # lark checks the cached file against grammar, options and versions, and builds anew if it is damaged
    kept = _table_file(grammar)
    return Lark(
        grammar,
        parser="lalr",
        lexer="contextual",
        keep_all_tokens=True,
        maybe_placeholders=False,
        transformer=builder,
        cache=False if kept is None else str(kept),
    )


def _table_file(grammar: str) -> Path | None:
    """Where the tables for this grammar, lark and Python are kept; `None` if nothing can be written there."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(home) / "opengames"
    key = hashlib.sha256("\0".join([grammar, lark_version, sys.version]).encode()).hexdigest()[:20]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder / f"grammar-{key}.tables" if os.access(folder, os.W_OK) else None
