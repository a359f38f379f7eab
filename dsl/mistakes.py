"""The place where a text stopped parsing, seen from all sides.

`Mistake` gathers what a message may want to know: the offending token, what the parser would have
accepted, the tokens around, the brackets still open. `syntax_errors` turns it into a diagnostic.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from opengames.diagnostics import Edit
from opengames.dsl.source import Lines
from opengames.dsl.tokens import CLOSES, DECLARATIONS, KEYWORDS, Tok, brackets, scan
from opengames.spans import Span

STARTS_EXPRESSION = frozenset({"NAME", "NUMBER", "QUANTITY", "(", "["})
STARTS_STATEMENT = frozenset({"decide", "for", "next"})
OPERATORS = frozenset({"+", "-", "*", "/", "^", "@", ">>", "COMPARE", "and", "or", "implies", "in", ".", "(", "["})
ENDS_EXPRESSION = frozenset({"+", "*", "/", "COMPARE"})


@dataclass
class Mistake:
    """text[begin:limit] is the declaration; `token` is what could not stand where it does (`""` at the end).

    accepted: literal tokens as themselves, others by their grammar name (`NAME`, `UNIT`, `COMPARE`, ...).
    """

    file: str
    text: str
    lines: Lines
    begin: int
    limit: int
    token: str
    start: int
    accepted: frozenset[str]
    stack: tuple[Any, ...]

    @property
    def end(self) -> int:
        return self.start + len(self.token)

    @property
    def at_end(self) -> bool:
        return not self.token

    @cached_property
    def before(self) -> list[Tok]:
        """The declaration's tokens before the mistake."""
        return list(scan(self.text, self.begin, self.start))

    @cached_property
    def after(self) -> list[Tok]:
        """A few tokens behind the mistake."""
        found = []
        for tok in scan(self.text, self.end, self.limit):
            found.append(tok)
            if len(found) == 4:
                break
        return found

    @property
    def previous(self) -> Tok | None:
        return self.before[-1] if self.before else None

    @property
    def gap(self) -> str:
        """The text between the previous token and this one."""
        return self.text[self.previous.end : self.start] if self.previous else self.text[self.begin : self.start]

    @property
    def on_new_line(self) -> bool:
        return "\n" in self.gap or not self.previous

    @cached_property
    def open_brackets(self) -> list[tuple[str, int]]:
        """Brackets opened in this declaration before the mistake and not closed."""
        found: list[tuple[str, int]] = []
        for sign, at in brackets(self.text, self.begin, self.start):
            if sign in CLOSES:
                found.append((sign, at))
            elif found and CLOSES[found[-1][0]] == sign:
                found.pop()
        return found

    @property
    def is_keyword(self) -> bool:
        return self.token in KEYWORDS

    @property
    def wants_expression(self) -> bool:
        return self.accepted >= STARTS_EXPRESSION

    @property
    def wants_declaration(self) -> bool:
        return self.accepted >= {"fun", "game", "param"}

    @property
    def wants_statement(self) -> bool:
        return self.accepted >= STARTS_STATEMENT

    @property
    def after_expression(self) -> bool:
        return self.accepted >= ENDS_EXPRESSION

    def in_table(self) -> bool:
        """Whether a table is open around the mistake."""
        return any(getattr(x, "type", "") == "TABLE" for x in self.stack)

    def opened(self, keyword: str) -> Any:
        """The last token `keyword` whose construct is not finished, if any."""
        return next((x for x in reversed(self.stack) if getattr(x, "end_pos", None) and str(x) == keyword), None)

    def span(self, start: int, end: int) -> Span:
        return self.lines.span(self.file, start, max(start, end))

    @property
    def here(self) -> Span:
        """The offending token; at the end, the last token there is."""
        if self.token or not self.previous:
            return self.span(self.start, self.end)
        return self.span(self.previous.start, self.previous.end)

    def replace_here(self, text: str) -> Edit:
        return Edit(self.span(self.start, self.end), text)

    def insert_before(self, text: str) -> Edit:
        """Insert right behind the previous token."""
        at = self.previous.end if self.previous else self.start
        return Edit(self.span(at, at), text)


_WORDS = {
    "NAME": "a name",
    "UNIT": "a unit",
    "COMPARE": "a comparison",
    "QUANTITY": "a quantity",
    "NUMBER": "a number",
}


def expectation(mistake: Mistake) -> str:
    """What would have been accepted, in a few words; empty when too much would."""
    left = set(mistake.accepted) - {"$END"}
    words = []
    if mistake.wants_declaration:
        left -= set(DECLARATIONS)
        if mistake.after_expression:
            words.append("an operator")
            left -= OPERATORS | {"of", "under", "by"}
        words += sorted(_WORDS.get(x, f"`{x}`") for x in left)
        words.append("the next declaration" if mistake.before else "a declaration")
        return _either(words)
    if mistake.wants_statement:
        words.append("a statement")
        left -= STARTS_STATEMENT | {"if", "match", "NAME"}
        if mistake.after_expression:
            words.insert(0, "an operator")
            left = left & {"paying", "}"}
    elif "real" in left:
        words.append("a type")
        left -= {"real", "NAME", "NUMBER", "QUANTITY", "(", "[", "{", "-"}
    elif mistake.wants_expression:
        words.append("an expression")
        left -= {"NAME", "NUMBER", "QUANTITY", "(", "[", "{", "-", "not", "if", "match", "forall", "exists"}
    elif mistake.after_expression:
        words.append("an operator")
        left -= OPERATORS
    words += sorted(_WORDS.get(x, f"`{x}`") for x in left)
    return _either(words) if len(words) <= 5 else ""


def _either(words: list[str]) -> str:
    if len(words) < 2:
        return "".join(words)
    return ", ".join(words[:-1]) + " or " + words[-1]
