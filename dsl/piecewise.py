"""A text that does not parse, declaration by declaration: what is sound, and one message for each that is not."""

from __future__ import annotations

from dataclasses import replace

from lark import TextSlice
from lark.exceptions import UnexpectedInput, UnexpectedToken

from opengames.diagnostics import Diagnostic
from opengames.dsl.mistakes import Mistake
from opengames.dsl.parser import machine, parses, read
from opengames.dsl.recovery import pieces
from opengames.dsl.source import Lines
from opengames.dsl.syntax import Decl
from opengames.dsl.syntax_errors import explain_mistake
from opengames.dsl.tokens import scan

MOST_MISTAKES = 50
"""Pieces of one text whose mistakes are reported."""
LONGEST_TRIAL = 20_000
"""Characters of a declaration on which a suggested edit is still tried out."""


def piecewise(text: str, name: str) -> tuple[tuple[Decl, ...], list[Diagnostic]]:
    """The declarations that parse, and a diagnostic for each piece that does not.

    Leaves what the builder found in the sound pieces in the builder.
    """
    lark, builder = machine()
    lines = Lines(text)
    cut = pieces(text)
    sound: list[Decl] = []
    found: list[Diagnostic] = []
    diagnostics: list[Diagnostic] = []
    for begin, end in cut:
        begin += begin == 0 and text.startswith("\ufeff")
        builder.begin(name)
        try:
            sound += read(lark, TextSlice(text, begin, end))
            found += builder.found
        except UnexpectedInput as error:
            if len(diagnostics) < MOST_MISTAKES:
                said = explain_mistake(_mistake(error, name, text, lines, begin, end))
                diagnostics.append(_with_sound_edit(said, text, cut))
    builder.begin(name)
    builder.found = found
    return tuple(sound), diagnostics


def _mistake(error: UnexpectedInput, name: str, text: str, lines: Lines, begin: int, end: int) -> Mistake:
    state = error.interactive_parser
    shown = _shown()
    accepted = frozenset(shown.get(t, t) for t in state.accepts())
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        token, start = "", end
    elif isinstance(error, UnexpectedToken):
        start = error.token.start_pos or 0
        # a name in a wrong place may have been taken for a unit, together with what follows
        plain = error.token.type != "UNIT" or "UNIT" in accepted
        token = str(error.token) if plain else next(t.text for t in scan(text, start, end))
    else:
        start = error.pos_in_stream or 0
        token = next((t.text for t in scan(text, start, end)), text[start]) if start < end else ""
    stack = tuple(state.parser_state.value_stack)
    return Mistake(name, text, lines, begin, end, token, start, accepted, stack)


def _shown() -> dict[str, str]:
    """Terminals as a text writes them: `LPAR` is `(`."""
    lark, _ = machine()
    return {t.name: t.pattern.value for t in lark.terminals if t.pattern.type == "str" and t.name != "DRAW"}


def _with_sound_edit(d: Diagnostic, text: str, cut: list[tuple[int, int]]) -> Diagnostic:
    """The diagnostic, without its edit if that would not make its declaration parse."""
    if d.edit is None:
        return d
    at = d.edit.span
    begin, end = next(((b, e) for b, e in cut if b <= at.start <= e and at.end <= e), (0, 0))
    if end - begin <= LONGEST_TRIAL and parses(text[begin : at.start] + d.edit.text + text[at.end : end]):
        return d
    return replace(d, edit=None)
