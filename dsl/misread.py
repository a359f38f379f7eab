"""Rules for signs that are read as something else than was meant: `1 b` as a quantity, `1..3` as a value.

Each looks at a `Mistake` and gives a diagnostic, or `None` where it has nothing to say.
"""

from __future__ import annotations

import re

from opengames.diagnostics import Diagnostic, Edit
from opengames.dsl.mistakes import Mistake
from opengames.dsl.tokens import CLOSES, Tok


def quantity(m: Mistake, tail: list[Tok]) -> Diagnostic | None:
    """`x = 1 b.y = 2` on one line, where `tail` begins with the number and the word after it."""
    if len(tail) < 2 or tail[0].kind != "number" or tail[1].kind != "word":
        return None
    number, word = tail[:2]
    if "\n" in m.text[number.start : word.end]:
        return None
    return Diagnostic(
        "unexpected-token",
        f"`{m.text[number.start : word.end]}` is read as a quantity, so `{word.text}` begins no statement",
        span=m.span(number.start, word.end),
        label="a number and a word after it on one line are one quantity",
        help=f"begin a new line before `{word.text}`",
        edit=Edit(m.span(number.end, word.start), "\n"),
    )


_UNIT_BEFORE = re.compile(r"([^\s/,;:|=()\[\]{}]+)/([^\s/,;:|=()\[\]{}*]+)$")
_UNIT_AFTER = re.compile(r"/([^\s/,;:|=()\[\]{}*]+)")


def two_slashes(m: Mistake) -> Diagnostic | None:
    """`real $/MWh/MW`: a unit with a second slash."""
    before = _UNIT_BEFORE.search(m.text, m.begin, m.start)
    after = _UNIT_AFTER.match(m.text, m.start, m.limit)
    if m.token != "/" or m.gap or before is None or after is None:
        return None
    unit = f"{before[1]}/({before[2]}*{after[1]})"
    return Diagnostic(
        "unexpected-token",
        "a unit has at most one `/`",
        span=m.here,
        label="the second one",
        help=f"put what it divides by in brackets: `{unit}`",
        edit=Edit(m.span(before.start(), after.end()), unit),
    )


def unnamed_rule(m: Mistake) -> Diagnostic | None:
    """`subject to { p[u] <= cap }`: a rule without its name, read as one that is called `p`."""
    if not m.open_brackets:
        return None
    sign, at = next(((c, k) for c, k in reversed(m.open_brackets) if c == "{"), ("", 0))
    outside = [tok.text for tok in m.before if tok.start < at]
    inside = [tok for tok in m.before if tok.start > at]
    if sign != "{" or outside[-2:] != ["subject", "to"]:
        return None
    if m.token in (":", "["):
        return quantity(m, m.before[-2:])
    index, head = m.accepted <= {"in"}, ":" in m.accepted and len(m.accepted) <= 2
    number = m.accepted <= {"NAME", "}"} and m.token[:1].isdigit()
    if not number and (not inside or not (index or head) or m.token in ("=", "=>", "")):
        return None
    begin = m.start if number else inside[-3 if index and len(inside) > 2 and inside[-2].text == "[" else -1].start
    return Diagnostic(
        "unexpected-token",
        "a rule begins with its name",
        span=m.here,
        label="expected the name of a rule and `:` before the condition",
        help="name it: `limit: ...`; a price is asked for by this name",
        edit=Edit(m.span(begin, begin), "limit: "),
    )


def event(m: Mistake) -> Diagnostic | None:
    """`P(x = 3 | e)`: the `=` made an argument with its name of what was to be an event."""
    if m.token != "|" or not m.open_brackets or m.open_brackets[-1][0] != "(":
        return None
    inside = [tok for tok in m.before if tok.start > m.open_brackets[-1][1]]
    if len(inside) < 3 or inside[0].kind != "word" or inside[1].text != "=":
        return None
    sign = inside[1]
    return Diagnostic(
        "assignment-in-expression",
        "`=` names an argument, and `==` compares",
        span=m.span(sign.start, sign.end),
        label=f"`{inside[0].text}` is read as the name of an argument",
        help="to compare, write `==`",
        edit=Edit(m.span(sign.start, sign.end), "=="),
    )


def carried_type(m: Mistake) -> Diagnostic | None:
    if m.token != ":" or m.accepted != {"="} or not m.previous:
        return None
    if not any(tok.text == "carrying" for tok in m.before):
        return None
    equals = m.text.find("=", m.end, m.limit)
    line_end = m.text.find("\n", m.end, m.limit)
    written = equals >= 0 and (line_end < 0 or equals < line_end)
    return Diagnostic(
        "unexpected-token",
        "a carried wire takes no type: it has the type of what is carried",
        span=m.here,
        label="expected `=` and the first value",
        help=f"write `{m.previous.text} = …`",
        edit=Edit(m.span(m.previous.end, equals), " ") if written else None,
    )


def seen(m: Mistake) -> Diagnostic | None:
    """`seeing taste[i]`: what is seen is a wire, by its name."""
    words = [tok.text for tok in m.before]
    if m.token not in ("[", ".", "(") or "earning" not in m.accepted or "seeing" not in words:
        return None
    name = words[-1]
    close = m.text.find(CLOSES[m.token], m.end, m.limit) if m.token in CLOSES else m.after[0].end - 1 if m.after else -1
    end = close + 1 if close >= 0 else m.end
    written = m.text[m.before[-1].start : end]
    return Diagnostic(
        "unexpected-token",
        "`seeing` takes wires by their names",
        span=m.span(m.before[-1].start, end),
        label="not a name",
        help=f"bind it on a line before, `my_{name} = {short(written)}`, and write `seeing my_{name}`",
    )


def type_as_value(m: Mistake) -> Diagnostic | None:
    """`uniform(1..3)` and `x ~ {1, 2, 3}`: a type where a value or a type's name stands."""
    if not m.open_brackets:
        return None
    sign, at = m.open_brackets[-1]
    inside = m.text[at + 1 : m.text.find(CLOSES[sign], at, m.limit)].strip()
    if m.token == ".." and sign == "(" and "COMPARE" in m.accepted:
        caller = next((tok.text for tok in reversed(m.before) if tok.end <= at), "")
        if caller != "uniform":
            return None
        return Diagnostic(
            "unexpected-token",
            "`uniform` takes a type by its name",
            span=m.span(at + 1, m.text.find(CLOSES[sign], at, m.limit)) if inside else m.here,
            label="a type written out",
            help=f"give the type a name, `type T = {short(inside)}`, and write `uniform(T)`",
        )
    drawn = [tok.text for tok in m.before if tok.end <= at][-1:] == ["~"]
    if m.token == "," and sign == "{" and m.accepted == {":"} and drawn:
        return Diagnostic(
            "unexpected-token",
            "a distribution in braces says the chance of each value",
            span=m.span(at, m.end),
            label="expected `:` and a chance before this `,`",
            help=_drawn_alike(inside),
        )
    return None


def _drawn_alike(inside: str) -> str:
    """How to draw one of the values listed in `inside`, all with one chance."""
    values = [v.strip() for v in inside.split(",")]
    if set(values) == {"true", "false"}:
        return "write `bernoulli(50%)`"
    named = all(v.isidentifier() for v in values)
    kind = " | ".join(values) if named else f"{{{', '.join(values)}}}"
    return f"for equal chances declare `type T = {short(kind)}`, and draw from `uniform(T)`"


def plan(m: Mistake) -> Diagnostic | None:
    if m.before[:1] and m.before[0].text == "strategy" and m.token in ("=", "~"):
        found = quantity(m, m.before[-4:])
        if found is not None:
            return found
    if m.before[:1] and m.before[0].text == "strategy" and m.token in ("=", "~") and "." in m.accepted:
        who = m.previous.text if m.previous else "ann"
        return Diagnostic(
            "unexpected-token",
            "a plan names a player and one of its decisions",
            span=m.span(m.previous.start, m.previous.end) if m.previous else m.here,
            label="expected `.` and the decision after this",
            help=f"write `{who}.decision {m.token} …`",
        )
    return None


def short(text: str) -> str:
    """The text, cut where a message would get too long."""
    return text if len(text) <= 30 else text[:27] + "..."
