"""From the grammar to the tables that `automaton` runs on: `python -m opengames.dsl.grammar_tables` renews them.

lark reads `game.lark`, checks it and computes the LALR(1) states; what is kept of them in `game.json` is plain
data. States are numbered in the order in which a walk over sorted symbols finds them, so that the same grammar
always gives the same file. A test compares the file with the grammar.
"""

from __future__ import annotations

import json
import re
from re import _parser
from typing import Any

from lark import Lark

from opengames.dsl.parser import GRAMMAR, TABLES


def tables(grammar: str) -> dict[str, Any]:
    """Terminals, rules and states, as `automaton.Automaton` describes them."""
    lark = Lark(
        grammar, parser="lalr", lexer="contextual", keep_all_tokens=True, maybe_placeholders=False, strict=True
    )  # fmt: skip
    rules = sorted(lark.rules, key=_spelled)
    return {**_terminals(lark), "rules": [_rule(r) for r in rules], **_states(lark, rules)}


def written(grammar: str) -> str:
    """The tables as the text of a file: a rule or a state on each line."""
    parts = []
    for name, part in tables(grammar).items():
        if isinstance(part, list):
            lines = ",\n".join(json.dumps(each, separators=(",", ":")) for each in part)
            parts.append(f'"{name}": [\n{lines}\n]')
        else:
            parts.append(f'"{name}": {json.dumps(part)}')
    return "{" + ",\n".join(parts) + "}\n"


def _spelled(rule: Any) -> tuple[Any, ...]:
    return rule.origin.name, [symbol.name for symbol in rule.expansion], rule.alias or ""


def _rule(rule: Any) -> list[Any]:
    """Name of what it makes, number of parts, method that makes it, whether one part stands for itself, inlined parts.

    There is no method where one part always stands for itself, nor for the rules that `*` and `+` in the grammar
    became: their parts are put into the rule around them.
    """
    inlined = [i for i, symbol in enumerate(rule.expansion) if symbol.name.startswith("_") and not symbol.is_term]
    method = rule.alias or rule.origin.name
    alone = bool(rule.options.expand1 and not rule.alias)
    size = len(rule.expansion)
    silent = method.startswith("_") or (alone and size == 1 and not inlined)
    return [rule.origin.name, size, None if silent else method, alone, inlined]


def _terminals(lark: Lark) -> dict[str, Any]:
    """In the order in which lark tries them: by priority, then the longest that they can be, then the longest written."""
    order = sorted(lark.terminals, key=lambda t: (-t.priority, -t.pattern.max_width, -len(t.pattern.value), t.name))
    patterns = [t for t in order if t.pattern.type == "re"]
    signs = [t for t in order if t.pattern.type == "str"]
    blanks = [t for t in patterns if t.name in lark.ignore_tokens]
    first = {t.name: _first(t.pattern.to_regexp()) for t in patterns}
    skipped = "".join(first[t.name] for t in blanks)
    others = "".join([first[t.name] for t in patterns if t not in blanks] + [t.pattern.value[0] for t in signs])
    assert not set(skipped) & set(others), "what is skipped must not begin like anything else"
    return {
        "terminals": {t.name: [t.pattern.type, t.pattern.value] for t in order if t not in blanks},
        "blank": "(?:" + "|".join(t.pattern.to_regexp() for t in blanks) + ")+",
        "blanks": skipped,
        "first": {t.name: first[t.name] for t in patterns if t not in blanks},
        "words": {
            t.name: {w.pattern.value: w.name for w in signs if w.priority == t.priority and _takes(t, w.pattern.value)}
            for t in patterns if t not in blanks
        },
    }  # fmt: skip


def _takes(terminal: Any, sign: str) -> bool:
    found = re.match(terminal.pattern.to_regexp(), sign)
    return found is not None and found.group() == sign


def _first(pattern: str) -> str:
    """The characters that a match may begin with, or more: looking ahead is taken to succeed. They must be named ones."""
    found, empty = _begins(_parser.parse(pattern))
    assert not empty, f"{pattern} may match nothing"
    return "".join(sorted(found))


def _begins(parts: Any) -> tuple[set[str], bool]:
    """The characters that a match of the parsed pattern may begin with, and whether it may be empty."""
    found: set[str] = set()
    for op, given in parts:
        some, empty = _begins_one(str(op), given)
        found |= some
        if not empty:
            return found, False
    return found, True


def _begins_one(op: str, given: Any) -> tuple[set[str], bool]:
    match op:
        case "LITERAL":
            return {chr(given)}, False
        case "IN":
            chars: set[str] = set()
            for kind, value in given:
                low, high = value if str(kind) == "RANGE" else (value, value)
                chars |= {chr(c) for c in range(low, high + 1)}
            return chars, False
        case "SUBPATTERN":
            return _begins(given[-1])
        case "BRANCH":
            ways = [_begins(way) for way in given[1]]
            return set().union(*(way[0] for way in ways)), any(way[1] for way in ways)
        case "MAX_REPEAT":
            some, empty = _begins(given[2])
            return some, empty or given[0] == 0
        case "ASSERT" | "ASSERT_NOT" | "AT":
            return set(), True
    raise AssertionError(f"a pattern with {op} is not foreseen")


def _states(lark: Lark, rules: list[Any]) -> dict[str, Any]:
    """begin, end: the first state, and the one in which a text is whole. A state maps a symbol to what is done:
    a number from 0 is the state to go to, a number below is `~rule`, the rule to reduce by."""
    table: Any = lark.parser.parser._parse_table
    (begin,), (end,) = table.start_states.values(), table.end_states.values()
    number_of_rule = {rule: i for i, rule in enumerate(rules)}
    numbers = {begin: 0}
    queue = [begin]
    for state in queue:
        for symbol in sorted(table.states[state]):
            action, to = table.states[state][symbol]
            if action.name == "Shift" and to not in numbers:
                numbers[to] = len(numbers)
                queue.append(to)
    states = []
    for state in queue:
        row = table.states[state]
        states.append(
            {s: numbers[to] if action.name == "Shift" else ~number_of_rule[to] for s, (action, to) in sorted(row.items())}
        )
    return {"begin": 0, "end": numbers[end], "states": states}


if __name__ == "__main__":
    TABLES.write_text(written(GRAMMAR.read_text(encoding="utf-8")), encoding="utf-8")
