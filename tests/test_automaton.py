"""The parser that runs on tables does what lark does with the same grammar, on whole and on broken texts."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lark import Lark, TextSlice, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput

from opengames.dsl.automaton import Stuck
from opengames.dsl.grammar_tables import written
from opengames.dsl.parser import GRAMMAR, TABLES, reader
from opengames.dsl.tokens import KEYWORDS

TEXTS = sorted((Path(__file__).parent.parent / "specs").rglob("*.game"))


def test_the_tables_are_those_of_the_grammar() -> None:
    made = written(GRAMMAR.read_text(encoding="utf-8"))
    # not `==` in the assertion: the report would compare two hundred thousand characters
    same = TABLES.read_text(encoding="utf-8") == made
    assert same, "renew them: python -m opengames.dsl.grammar_tables"


@cache
def lark() -> Lark:
    grammar = GRAMMAR.read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", keep_all_tokens=True, maybe_placeholders=False)


def token(t: Any) -> tuple[Any, ...]:
    return t.type, str(t), t.start_pos, t.end_pos, t.line, t.column


def plain(node: Any) -> Any:
    return (node.data, tuple(plain(c) for c in node.children)) if isinstance(node, Tree) else token(node)


def kind_of(value: Any) -> Any:
    """What stands on a stack; the lists that the grammar's `*` and `+` make have no name of their own here."""
    if isinstance(value, Tree):
        return "list" if value.data.startswith("_") else value.data
    return value[0] if isinstance(value, tuple) else "list" if isinstance(value, list) else token(value)


def with_lark(text: str, begin: int, end: int) -> tuple[Any, ...]:
    try:
        return "whole", plain(lark().parse(TextSlice(text, begin, end)))
    except UnexpectedInput as error:
        state: Any = error.interactive_parser  # type: ignore[attr-defined]
        if isinstance(error, UnexpectedCharacters):
            at: Any = error.pos_in_stream
        else:
            last = error.token.type == "$END"  # type: ignore[attr-defined]
            at = "end" if last else token(error.token)  # type: ignore[attr-defined]
        return "stuck", at, state.accepts(), [kind_of(v) for v in state.parser_state.value_stack]


def with_tables(text: str, begin: int, end: int) -> tuple[Any, ...]:
    automaton = reader().automaton

    def named(method: str) -> Any:
        return lambda parts: (method, tuple(parts))

    calls = [None if rule[2] is None else named(rule[2]) for rule in automaton.rules]
    try:
        return "whole", through_tokens(automaton.parse(text, begin, end, calls))
    except Stuck as stuck:
        at: Any = "end" if stuck.place == end else stuck.place if stuck.token is None else token(stuck.token)
        return "stuck", at, stuck.expected, [kind_of(v) for v in stuck.values]


def through_tokens(made: Any) -> Any:
    return (made[0], tuple(through_tokens(x) for x in made[1])) if isinstance(made, tuple) else token(made)


def agree(text: str, begin: int = 0, end: int | None = None) -> str:
    end = len(text) if end is None else end
    ours = with_tables(text, begin, end)
    assert ours == with_lark(text, begin, end)
    return str(ours[0])


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: p.stem)
def test_whole_texts_give_the_same_trees(path: Path) -> None:
    assert agree(path.read_text(encoding="utf-8")) == "whole"


BROKEN = sorted((Path(__file__).parent / "golden").glob("*.game"))


def test_the_texts_behind_the_diagnostics_give_the_same_trees_or_stop_at_the_same_place() -> None:
    said = [agree(path.read_text(encoding="utf-8", errors="replace")) for path in BROKEN]
    assert said.count("stuck") > 20 and said.count("whole") > 20


SOUND = [p.read_text(encoding="utf-8") for p in TEXTS if p.stat().st_size < 6000]
PIECES = [
    *sorted(KEYWORDS), "a", "b2", "MW", "$", "€", "$/MWh", "2 MW", "3", "1.5e3", "1e", "90%", "1 e3", "2 if", "(", ")", "[", "]",
    "{", "}", "<", ">", ">>", ">=", "==", "=", "=>", "->", "..", "||", "|", "~", "@", "^", "-", "\\", ",", ":", ".", ";", "é", "#",
    "# note\n", "\n", "\r\n", "\t", "real", "offer", "inside", "tomorrow", "MW^2", "(MW*h)", "&", "\x00",
]  # fmt: skip
HEADS = ["", "game G { ", "param x: real ", "fun f(x: real) -> ", "query q = ", "verify v: a "]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_text_with_something_cut_out_and_put_in_stops_at_the_same_place(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(SOUND))
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, len(text)))
        gone = data.draw(st.integers(0, 12))
        text = text[:at] + data.draw(st.sampled_from(["", " "])) + "".join(
            data.draw(st.lists(st.sampled_from(PIECES), max_size=3))
        ) + text[at + gone :]  # fmt: skip
    begin = data.draw(st.sampled_from([0, 0, 0, len(text) // 3]))
    agree(text, begin, len(text) - data.draw(st.sampled_from([0, 0, 7])))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(HEADS), st.lists(st.sampled_from(PIECES), max_size=12), st.sampled_from([" ", "", "\n"]))
def test_words_in_any_order_stop_at_the_same_place(head: str, words: list[str], between: str) -> None:
    agree(head + between.join(words))
