"""An LALR(1) parser with a scanner that asks it what may come: `Automaton.parse`.

The tables are plain data that `grammar_tables` made from the grammar. The parser keeps a stack of states and one
of values and calls a method of the builder for each rule. The scanner tries only the terminals that the state on
top accepts, so that a word is a keyword only where one may stand; where none of them fits it tries them all, to
say what stands there. Both follow lark to the letter: a test compares them on whole and on broken texts.

A rule with one part that stands for itself (most of the ladder of operators) only changes the state on top; runs
of such steps are remembered by (state below, state on top, terminal), which decide them alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

END = "$END"

Call = Callable[[list[Any]], Any]

Match = Callable[[str, int, int], "re.Match[str] | None"]

Try = tuple[str, Match | None, str, Mapping[str, str]]
"""A terminal, how to match its pattern (`None` for a sign), the sign itself, and the words that are keywords here."""

Scanner = dict[str, tuple[Try, ...]]
"""What to try, by the first character; filled as characters are met."""


class Token(str):
    """A terminal as it stands in the text. start_pos, end_pos: characters; line, column: of its begin, from 1."""

    __slots__ = ("column", "end_pos", "line", "start_pos", "type")

    type: str
    start_pos: int
    end_pos: int
    line: int
    column: int


class Stuck(Exception):
    """The text cannot go on as it does. token: what stands there, `None` at the end and if it is no terminal at all.

    place: where that begins; states, values: the parser's stacks.
    """

    def __init__(
        self, automaton: Automaton, token: Token | None, place: int, states: list[int], values: list[Any]
    ) -> None:
        super().__init__(f"nothing fits at character {place}")
        self.automaton, self.token, self.place, self.states, self.values = automaton, token, place, states, values

    @property
    def expected(self) -> set[str]:
        """The terminals with which the text could go on."""
        return {t for t in self.automaton.accepted(self.states[-1]) if self.automaton.goes_on(self.states, t)}


class Automaton:
    """The parser of the grammar whose `tables` these are; `grammar_tables` makes them and says what they hold."""

    def __init__(self, tables: Mapping[str, Any]) -> None:
        self.states: list[dict[str, int]] = tables["states"]
        self.rules: list[tuple[str, int, str | None, bool, list[int]]] = tables["rules"]
        self.terminals: dict[str, tuple[str, str]] = tables["terminals"]
        self.begin: int = tables["begin"]
        self.end: int = tables["end"]
        self._words: dict[str, dict[str, str]] = tables["words"]
        self._first: dict[str, str] = tables["first"]
        self._blank = re.compile(tables["blank"]).match
        self._blanks = frozenset(tables["blanks"])
        self._match: dict[str, Match] = {n: re.compile(p).match for n, (kind, p) in self.terminals.items() if kind == "re"}
        self._scanners: list[Scanner | None] = [None] * len(self.states)
        self._alike: dict[frozenset[str], Scanner] = {}
        self._climbs: dict[tuple[int, int, str], tuple[int, int | None]] = {}

    def calls_of(self, builder: object) -> list[Call | None]:
        """The builder's method for each rule; `None` for the rules whose parts go into the rule around them."""
        return [None if method is None else getattr(builder, method) for _, _, method, _, _ in self.rules]

    def parse(
        self, text: str, begin: int, end: int, calls: Sequence[Call | None], seen: list[Token] | None = None
    ) -> Any:
        """What the calls make of `text[begin:end]`. Raises `Stuck` where that does not follow the grammar.

        calls: from `calls_of`, or `None` for each rule if nothing is to be made. seen: gets every token.
        """
        states, rules, scanners, climbs = self.states, self.rules, self._scanners, self._climbs
        blanks, blank, final, new = self._blanks, self._blank, self.end, str.__new__
        line, line_start = text.count("\n", 0, begin) + 1, text.rfind("\n", 0, begin) + 1
        place, top = begin, self.begin
        stack: list[int] = [top]
        values: list[Any] = []
        while True:
            if place < end and text[place] in blanks:
                stop = blank(text, place, end).end()  # type: ignore[union-attr]
                lines = text.count("\n", place, stop)
                if lines:
                    line += lines
                    line_start = text.rindex("\n", place, stop) + 1
                place = stop
            if place < end:
                scanner = scanners[top]
                if scanner is None:
                    scanner = self._scanner(top)
                char = text[place]
                tries = scanner.get(char)
                if tries is None:
                    tries = scanner[char] = self._tries(self.accepted(top), char)
                for kind, match, sign, words in tries:
                    if match is None:
                        if text.startswith(sign, place, end):
                            break
                    else:
                        found = match(text, place, end)
                        if found is not None:
                            sign = found.group()
                            if sign in words:
                                kind = words[sign]
                            break
                else:
                    raise Stuck(self, self._whatever(text, place, end), place, stack, values)
                token = new(Token, sign)
                token.type = kind
                token.start_pos = start = place
                token.end_pos = place = start + len(sign)
                token.line = line
                token.column = start - line_start + 1
                if seen is not None:
                    seen.append(token)
            else:
                kind = END
            todo = states[top].get(kind)
            while todo is None or todo < 0:
                if todo is None:
                    if kind == END:
                        raise Stuck(self, None, end, stack, values)
                    raise Stuck(self, token, start, stack, values)
                origin, size, _, alone, inlined = rules[~todo]
                if alone and size == 1:
                    climb = climbs.get((stack[-2], top, kind))
                    if climb is None:
                        climb = climbs[stack[-2], top, kind] = self._climb(stack[-2], top, kind)
                    top, todo = climb
                    stack[-1] = top
                    continue
                parts = values[len(values) - size :]
                if size:
                    del stack[-size:], values[-size:]
                if inlined:
                    parts = _flat(parts, inlined)
                call = calls[~todo]
                if alone and len(parts) == 1:
                    values.append(parts[0])
                else:
                    values.append(parts if call is None else call(parts))
                top = states[stack[-1]][origin]
                stack.append(top)
                if top == final and kind == END:
                    return values[-1]
                todo = states[top].get(kind)
            stack.append(todo)
            values.append(token)
            top = todo

    def accepted(self, state: int) -> list[str]:
        """The terminals that have an entry in this state."""
        return [s for s in self.states[state] if s in self.terminals or s == END]

    def goes_on(self, stack: Sequence[int], terminal: str) -> bool:
        """Whether the terminal can follow: some states have an entry for it, reduce, and find that it cannot."""
        states = list(stack)
        while True:
            todo = self.states[states[-1]].get(terminal)
            if todo is None:
                return False
            if todo >= 0:
                return True
            origin, size, *_ = self.rules[~todo]
            del states[len(states) - size :]
            states.append(self.states[states[-1]][origin])
            if terminal == END and states[-1] == self.end:
                return True

    def _climb(self, below: int, top: int, terminal: str) -> tuple[int, int | None]:
        """The state on top, and what is to be done there, after the steps that change nothing else."""
        while True:
            todo = self.states[top].get(terminal)
            if todo is None or todo >= 0:
                return top, todo
            origin, size, _, alone, _ = self.rules[~todo]
            if not (alone and size == 1):
                return top, todo
            top = self.states[below][origin]

    def _scanner(self, state: int) -> Scanner:
        """The states that accept the same terminals share one."""
        found = self._alike.setdefault(frozenset(self.accepted(state)), {})
        self._scanners[state] = found
        return found

    def _tries(self, accepted: Sequence[str], char: str) -> tuple[Try, ...]:
        """What a token may be that begins with `char`, where these terminals are accepted, the first to be tried first.

        A sign that is also a word of an accepted pattern is found by the pattern, which takes the whole word.
        """
        here = frozenset(accepted)
        found: list[Try] = []
        taken = {word for name in here if name in self._words for word in self._words[name]}
        for name, (kind, written) in self.terminals.items():
            if name not in here:
                continue
            if kind == "str":
                if written[0] == char and written not in taken:
                    found.append((name, None, written, {}))
            elif char in self._first[name]:
                words = {word: t for word, t in self._words[name].items() if t in here}
                found.append((name, self._match[name], "", words))
        return tuple(found)

    def _whatever(self, text: str, place: int, end: int) -> Token | None:
        """What would stand there if everything were accepted."""
        for kind, match, sign, words in self._tries(list(self.terminals), text[place]):
            if match is not None:
                found = match(text, place, end)
                sign = found.group() if found is not None else ""
            if sign and text.startswith(sign, place, end):
                token = Token(sign)
                token.type = words.get(sign, kind)
                token.start_pos, token.end_pos = place, place + len(sign)
                token.line, token.column = text.count("\n", 0, place) + 1, place - text.rfind("\n", 0, place)
                return token
        return None


def _flat(parts: list[Any], inlined: list[int]) -> list[Any]:
    """The parts with the inlined ones opened. The first list is extended in place, or a long list would cost its square."""
    flat: list[Any] = []
    for i, part in enumerate(parts):
        if i not in inlined:
            flat.append(part)
        elif flat:
            flat += part
        else:
            flat = part
    return flat


__all__ = ["END", "Automaton", "Stuck", "Token"]
