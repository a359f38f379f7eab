"""A text that does not parse, declaration by declaration: what is sound, and one message for each that is not."""

from __future__ import annotations

from opengames.diagnostics import Diagnostic
from opengames.dsl.automaton import Stuck
from opengames.dsl.mistakes import Mistake
from opengames.dsl.parser import begin_of, parses, reader
from opengames.dsl.recovery import pieces
from opengames.dsl.source import Lines
from opengames.dsl.syntax import Decl
from opengames.dsl.syntax_errors import explain_mistake
from opengames.dsl.tokens import scan
from opengames.plain import replace

MOST_MISTAKES = 50
"""Pieces of one text whose mistakes are reported."""
LONGEST_TRIAL = 20_000
"""Characters of a declaration on which a suggested edit is still tried out."""


def piecewise(text: str, name: str) -> tuple[tuple[Decl, ...], list[Diagnostic]]:
    """The declarations that parse, and a diagnostic for each piece that does not.

    Leaves what the builder found in the sound pieces in the builder.
    """
    each = reader()
    builder = each.builder
    lines = Lines(text)
    cut = pieces(text)
    sound: list[Decl] = []
    found: list[Diagnostic] = []
    diagnostics: list[Diagnostic] = []
    for begin, end in cut:
        begin = begin or begin_of(text)
        builder.begin(name)
        try:
            sound += each.read(text, begin, end)
            found += builder.found
        except Stuck as stuck:
            if len(diagnostics) < MOST_MISTAKES:
                said = explain_mistake(_mistake(stuck, name, text, lines, begin, end))
                diagnostics.append(_with_sound_edit(said, text, cut))
    builder.begin(name)
    builder.found = found
    return tuple(sound), diagnostics


def _mistake(stuck: Stuck, name: str, text: str, lines: Lines, begin: int, end: int) -> Mistake:
    terminals = stuck.automaton.terminals
    accepted = frozenset(_shown(t, *terminals.get(t, ("", t))) for t in stuck.expected)
    start, found = stuck.place, stuck.token
    if start == end:
        token = ""
    elif found is None:
        token = next((t.text for t in scan(text, start, end)), text[start])
    else:
        # a name in a wrong place may have been taken for a unit, together with what follows
        plain = found.type != "UNIT" or "UNIT" in accepted
        token = str(found) if plain else next(t.text for t in scan(text, start, end))
    return Mistake(name, text, lines, begin, end, token, start, accepted, tuple(stuck.values))


def _shown(name: str, kind: str, written: str) -> str:
    """A terminal as a text writes it: `LPAR` is `(`."""
    return written if kind == "str" and name != "DRAW" else name


def _with_sound_edit(d: Diagnostic, text: str, cut: list[tuple[int, int]]) -> Diagnostic:
    """The diagnostic, without its edit if that would not make its declaration parse."""
    if d.edit is None:
        return d
    at = d.edit.span
    begin, end = next(((b, e) for b, e in cut if b <= at.start <= e and at.end <= e), (0, 0))
    if end - begin <= LONGEST_TRIAL and parses(text[begin : at.start] + d.edit.text + text[at.end : end]):
        return d
    return replace(d, edit=None)
