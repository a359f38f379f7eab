"""What to say when a text does not parse: from a `Mistake` to a `Diagnostic`.

The rules are tried in order, the particular before the general; the last one always answers. A rule
looks at the offending token together with what the parser would have accepted there, so that the same
sign gets a different message in a different place.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

from opengames.diagnostics import Diagnostic, Edit, Window
from opengames.dsl.foreign import foreign_sign, foreign_word
from opengames.dsl.misread import (
    carried_type,
    event,
    plan,
    quantity,
    seen,
    short,
    two_slashes,
    type_as_value,
    unnamed_rule,
)
from opengames.dsl.mistakes import Mistake, expectation
from opengames.dsl.tokens import CLOSES, DECLARATIONS, KEYWORDS, brackets
from opengames.spans import Span

Rule = Callable[[Mistake], Diagnostic | None]

_HABITS = {
    "function": "fun", "func": "fun", "def": "fun", "parameter": "param", "const": "param", "let": "param",
    "var": "param", "enum": "type", "struct": "type", "record": "type", "import": "use", "from": "use",
    "agent": "player", "agents": "player", "kernel": "channel", "assert": "verify", "claim": "verify",
    "prove": "verify", "ask": "query", "print": "query",
}  # fmt: skip


def explain_mistake(mistake: Mistake) -> Diagnostic:
    """The diagnostic for the place where a declaration stopped parsing."""
    for rule in _RULES:
        said = rule(mistake)
        if said is not None:
            return said
    return _unexpected(mistake)


# ------------------------------------------------------------------------ signs


def _text_literal(m: Mistake) -> Diagnostic | None:
    if m.token[:1] not in ('"', "'", "“", "”", "‘", "’") or not m.token:
        return None
    line_end = m.text.find("\n", m.start, m.limit)
    stop = line_end if line_end >= 0 else m.limit
    close = m.text.find({"“": "”", "‘": "’"}.get(m.token[0], m.token[0]), m.start + 1, stop)
    end = close + 1 if close >= 0 else m.end
    inside = m.text[m.start + 1 : end - 1].strip()
    bare = inside.isidentifier() and inside.isascii()
    return Diagnostic(
        "string-literal",
        "texts in quotes mean nothing here",
        span=m.span(m.start, end),
        label="a value is a bare name, a number or a quantity",
        help=f"write the name bare: `{inside}`" if bare else "to say something to the reader, use a `#` comment",
        edit=m.replace_here("") if not bare else _over(m, m.start, end, inside),
    )


def _over(m: Mistake, start: int, end: int, text: str) -> Edit:
    return Edit(m.span(start, end), text)


def _semicolon(m: Mistake) -> Diagnostic | None:
    if m.token != ";":
        return None
    return Diagnostic(
        "semicolon",
        "statements need no `;`",
        span=m.here,
        label="ends nothing: the next name or keyword begins the next statement",
        help="delete it",
        edit=m.replace_here(""),
    )


# -------------------------------------------------------------------- equations


def _equals_in_expression(m: Mistake) -> Diagnostic | None:
    if m.token != "=" or "COMPARE" not in m.accepted:
        return None
    if m.previous and m.previous.text in "+-*/^" and not m.gap:
        return None
    read_as_quantity = quantity(m, m.before[-2:])
    if read_as_quantity is not None:
        return read_as_quantity
    return Diagnostic(
        "assignment-in-expression",
        "`=` defines a wire, and this is a place for a comparison",
        span=m.here,
        label="stands inside an expression",
        help="to compare, write `==`",
        edit=m.replace_here("=="),
    )


def _double_equals(m: Mistake) -> Diagnostic | None:
    before = m.previous
    if m.token != "=" or not before or before.text != "=" or m.gap:
        return None
    return Diagnostic(
        "double-equals",
        "`==` compares, and this is a place for a definition",
        span=m.span(before.start, m.end),
        label="expected `=`",
        help="to define, write `=`",
        edit=m.replace_here(""),
    )


def _arrow(m: Mistake) -> Diagnostic | None:
    if "=>" in m.accepted and len(m.accepted) <= 2 and m.token in ("->", ":", "="):
        return Diagnostic(
            "missing-arrow",
            "a pattern and what it gives are joined by `=>`",
            span=m.here,
            label="expected `=>`",
            help="write `=>`",
            edit=m.replace_here("=>"),
        )
    if "->" not in m.accepted or "=" in m.accepted or "{" in m.accepted or m.wants_expression:
        return None
    words = m.before
    what = f"`{words[0].text} {words[1].text}`" if len(words) > 1 else "this declaration"
    wrong = m.token in (":", "=>")
    return Diagnostic(
        "missing-arrow",
        f"{what} does not say what it gives",
        span=m.here,
        label="expected `->` and a type",
        help="write `->`" if wrong else "say it after the inputs: `-> real`",
        edit=m.replace_here("->") if wrong else m.insert_before(" -> real"),
    )


def _missing_type(m: Mistake) -> Diagnostic | None:
    if m.accepted != {":"} or not m.previous or m.previous.kind != "word":
        return None
    if m.before[0].text == "verify" and len(m.before) == 2:
        if m.token != "=":
            return None
        return Diagnostic(
            "unexpected-token",
            "a claim follows `:`, not `=`",
            span=m.here,
            label="expected `:`",
            help="write `:`",
            edit=m.replace_here(":"),
        )
    name = m.previous.text
    return Diagnostic(
        "missing-type",
        f"`{name}` does not say its type",
        span=m.span(m.previous.start, m.previous.end),
        label="expected `:` and a type after this",
        help=f"write it after the name: `{name}: real`",
        edit=m.insert_before(": real"),
    )


# ------------------------------------------------------------------------ words


def _no_earning(m: Mistake) -> Diagnostic | None:
    if "earning" not in m.accepted or m.token == ",":
        return None
    decide = m.opened("decide")
    if decide is None or not m.previous:
        return None
    if not (m.on_new_line or m.at_end or m.token in ("}", "decide", "for", "next", "subject", "paying")):
        return None
    fields = [x for x in m.stack if type(x).__name__ == "Field"]
    expected = "`seeing …` or `earning …`" if "seeing" in m.accepted else "`earning …`"
    nature = ""
    if len(fields) == 1:
        field = fields[0]
        written = m.text[field.type.at.start : field.type.at.end]
        nature = f": `{field.name.text} ~ uniform({written})`" if written.isidentifier() else ""
    return Diagnostic(
        "no-earning",
        "this decision says who moves but not what for",
        span=m.span(decide.start_pos, m.previous.end),
        label=f"expected {expected} after this",
        help=f"a move that earns nothing is nature's{nature}",
    )


def _reserved_word(m: Mistake) -> Diagnostic | None:
    """A keyword where a name would be right, or a keyword used as a name just before."""
    if m.is_keyword and "NAME" in m.accepted and not m.wants_declaration:
        follows = m.after[0].text if m.after else ""
        named = follows in ("=", "~", ",", ":", ")", "+", "-", "*", "/", ".")
        if named or m.accepted <= {"NAME", "UNIT"}:
            return _reserved(m, m.token, m.start)
    before = m.previous
    if before and before.text in KEYWORDS and m.token in ("=", "~", ",", ".", ")", "==", ":"):
        declares = m.before[0] is before
        if not declares and before.text not in ("else", "earning", "by", "table", "real"):
            return _reserved(m, before.text, before.start)
    return None


def _reserved(m: Mistake, word: str, start: int) -> Diagnostic:
    end = start + len(word)
    return Diagnostic(
        "reserved-word",
        f"`{word}` is a word of the language and cannot be a name here",
        span=m.span(start, end),
        label="read as the keyword",
        help=f"choose another name, such as `{word}_`",
        edit=_over(m, start, end, word + "_"),
    )


def _branches(m: Mistake) -> Diagnostic | None:
    """`if` as a statement and `if` as an expression, confused."""
    if m.token == "{" and "then" in m.accepted:
        return Diagnostic(
            "unexpected-token",
            "an `if` that gives a value is written with `then` and `else`",
            span=m.here,
            label="expected `then`",
            help="`if c then a else b`; braces are for statements, which give no value",
        )
    if m.token == "then" and "{" in m.accepted:
        return Diagnostic(
            "unexpected-token",
            "an `if` among statements has braces, not `then`",
            span=m.here,
            label="expected `{`",
            help="`if c { … } else { … }`, or put the choice into one value: `x = if c then a else b`",
        )
    if "else" in m.accepted and (m.on_new_line or m.at_end or m.token in (")", "]", "}", ",")):
        opened = m.opened("if")
        if opened is not None and m.opened("then") is not None:
            return Diagnostic(
                "missing-else",
                "this `if` does not say what holds otherwise",
                span=m.span(opened.start_pos, m.previous.end if m.previous else m.start),
                label="expected `else …` after this",
                notes=("an expression has a value in every case",),
            )
    return None


# --------------------------------------------------------------------- brackets


def _table(m: Mistake) -> Diagnostic | None:
    if not m.in_table() or not m.open_brackets or m.open_brackets[-1][0] != "{":
        return None
    begin = m.open_brackets[-1][1] + 1
    line_start = max(m.text.rfind("\n", begin, m.start) + 1, begin)
    line_end = m.text.find("\n", m.start, m.limit)
    line = m.text[line_start : line_end if line_end >= 0 else m.limit]
    row = m.span(line_start + len(line) - len(line.lstrip()), line_start + len(line.rstrip()))
    if m.token == "||" and not m.text[line_start : m.start].strip().startswith("|"):
        return _table_shape("a row begins with `|`", m.here, "not at the begin of its row")
    if m.token == "||" and "||" in m.text[line_start : m.start]:
        return _table_shape("a row has one `||`, between inputs and outputs", m.here, "the second in this row")
    if m.token in ("||", "|", "}") or (m.on_new_line and not m.wants_expression):
        above = m.text[begin:line_start].rstrip()
        if above and not above.endswith("|") and m.token != "}":
            end = begin + len(above)
            return _table_shape("a row ends with `|`", m.span(end - 1, end), "the row ends without `|`")
        if m.token == "}" and m.previous and m.previous.text == "{":
            return Diagnostic(
                "single-row-table", "this table is empty", span=m.here, label="expected a head and rows"
            )
        if m.token == "}" and m.previous and m.previous.text != "|":
            at = m.previous
            return _table_shape("a row ends with `|`", m.span(at.start, at.end), "the row ends without `|`")
        if m.token in ("|", "}") and m.wants_expression and m.previous and m.previous.text == "|":
            if m.token == "|" and not m.on_new_line:
                return _table_shape("a cell of this row is empty", m.here, "expected a value before this")
            head = m.text[begin : m.start].rstrip()
            start = begin + head.rfind("\n") + 1
            start += len(m.text[start:]) - len(m.text[start:].lstrip())
            shown = m.span(start, begin + len(head))
            return _table_shape("a row parts inputs from outputs by `||`", shown, "no `||` in this row")
        if "||" in m.accepted:
            before = m.text[begin : m.start].rstrip()
            start = begin + before.rfind("\n") + 1
            start += len(m.text[start:]) - len(m.text[start:].lstrip())
            last = m.span(start, begin + len(before)) if "||" not in line else row
            return _table_shape("a row parts inputs from outputs by `||`", last, "no `||` in this row")
    return None


def _table_shape(headline: str, span: Span, label: str) -> Diagnostic:
    return Diagnostic("table-shape", headline, span=span, label=label, notes=("a row reads `| a | b || x | y |`",))


def _unclosed(m: Mistake) -> Diagnostic | None:
    if not m.open_brackets:
        return None
    sign, at = m.open_brackets[-1]
    close = CLOSES[sign]
    if m.token in CLOSES.values() and m.token != close:
        return Diagnostic(
            "missing-brace",
            f"`{sign}` is not closed before `{m.token}`",
            span=m.span(at, at + 1),
            label=f"expected `{close}` for this",
            windows=(Window(m.here, f"`{m.token}` comes first"),),
            help=f"close it: `{close}`",
            edit=m.insert_before(close),
        )
    if m.at_end:
        return _unclosed_at_end(m)
    if sign in "([" and close in m.accepted and m.on_new_line:
        return Diagnostic(
            "missing-brace",
            f"`{sign}` is not closed",
            span=m.span(at, at + 1),
            label=f"expected `{close}` for this",
            windows=(Window(m.here, "something new begins here"),),
            help=f"close it: `{close}`",
            edit=m.insert_before(close),
        )
    return None


def _unclosed_at_end(m: Mistake) -> Diagnostic:
    sign, at, place = _suspect(m)
    close = CLOSES[sign]
    if place is not None:
        edit = _over(m, place, place, " " * _indent(m.text, at) + close + "\n")
    else:
        over_lines = sign == "{" and m.previous and "\n" in m.text[at : m.previous.end]
        edit = m.insert_before("\n" + close if over_lines else close)
    return Diagnostic(
        "missing-brace",
        f"`{sign}` is never closed",
        span=m.span(at, at + 1),
        label=f"expected `{close}` for this",
        help=f"close it: `{close}`",
        edit=edit,
    )


def _suspect(m: Mistake) -> tuple[str, int, int | None]:
    """The bracket that lacks its partner, and the line begin that its partner should come before.

    Layout tells, where a `}` stands first on its line further left than the line that opened; else it
    is the innermost bracket, at no known place.
    """
    stack: list[tuple[str, int, int]] = []
    for sign, at in brackets(m.text, m.begin, m.limit):
        indent = _indent(m.text, at)
        if sign in CLOSES:
            stack.append((sign, at, indent))
        elif stack:
            first_on_line = not m.text[m.text.rfind("\n", 0, at) + 1 : at].strip()
            top = stack[-1]
            if first_on_line and sign == "}" and indent < top[2] and any(x[2] == indent for x in stack[:-1]):
                return top[0], top[1], m.text.rfind("\n", 0, at) + 1
            stack.pop()
    return (*m.open_brackets[-1], None)


def _indent(text: str, at: int) -> int:
    """How far in the line begins on which `at` stands."""
    start = text.rfind("\n", 0, at) + 1
    line = text[start : text.find("\n", at) if "\n" in text[at:] else None]
    return len(line) - len(line.lstrip())


def _unmatched(m: Mistake) -> Diagnostic | None:
    if m.token not in CLOSES.values() or any(CLOSES[s] == m.token for s, _ in m.open_brackets):
        return None
    return Diagnostic(
        "unmatched-brace",
        f"this `{m.token}` closes nothing",
        span=m.here,
        label="nothing is open here",
        help="delete it",
        edit=m.replace_here(""),
    )


# -------------------------------------------------------------------- constructs


def _family(m: Mistake) -> Diagnostic | None:
    """`[1, 2]` as a value: there are no lists."""
    if m.token not in (",", "]") or not {":", "for"} <= m.accepted or not m.open_brackets:
        return None
    sign, at = m.open_brackets[-1]
    if sign != "[":
        return None
    return Diagnostic(
        "unexpected-token",
        "a family says which value belongs to which index",
        span=m.span(at, m.end),
        label="expected `:` and a value, or `for`",
        help="write `[A: 1, B: 2]`, or `[1 for k in K]` for the same value everywhere",
    )


# ---------------------------------------------------------------------- general


def _stray(m: Mistake) -> Diagnostic | None:
    if not m.wants_declaration or not m.on_new_line or m.at_end or m.token in DECLARATIONS or m.token in ")]}":
        return None
    follows = m.after[0].text if m.after else ""
    close = _HABITS.get(m.token) or next(iter(get_close_matches(m.token, DECLARATIONS, 1, 0.75)), "")
    notes: tuple[str, ...] = ()
    if follows == "~" or (follows == "=" and not close):
        notes = ("a wire belongs into the block of a `channel` or a `game`; a constant is a `param`",)
    return Diagnostic(
        "stray-text",
        f"`{short(m.token)}` begins no declaration",
        span=m.here,
        label="expected `type`, `param`, `fun`, `game` or another declaration",
        notes=notes,
        help=f"did you mean `{close}`?" if close else "",
        edit=m.replace_here(close) if close else None,
    )


def _bare_point(m: Mistake) -> Diagnostic | None:
    if m.token != "." or not m.after or m.after[0].kind != "number" or m.after[0].start != m.end:
        return None
    return Diagnostic(
        "unexpected-token",
        "a number begins with a digit",
        span=m.span(m.start, m.after[0].end),
        label="expected a digit before the point",
        help=f"write `0.{m.after[0].text}`",
        edit=m.replace_here("0."),
    )


def _number_word(m: Mistake) -> Diagnostic | None:
    digits = m.previous
    if not digits or digits.kind != "number" or m.on_new_line or not m.token[:1].isalpha() or m.is_keyword:
        return None
    return Diagnostic(
        "unexpected-token",
        f"`{short(m.text[digits.start : m.end])}` is neither a number nor a quantity",
        span=m.span(digits.start, m.end),
        label="a unit is one word of letters",
    )


def _unexpected(m: Mistake) -> Diagnostic:
    wanted = expectation(m)
    if m.at_end:
        return Diagnostic(
            "unexpected-end",
            f"the text ends where {wanted or 'more'} should come"
            if m.limit >= len(m.text.rstrip())
            else f"this declaration ends where {wanted or 'more'} should come",
            span=m.here,
            label="nothing follows this" if m.limit >= len(m.text.rstrip()) else "the next declaration follows this",
        )
    what = f"the keyword `{m.token}`" if m.is_keyword else f"`{short(m.token)}`"
    repair, edit = _repair(m)
    return Diagnostic(
        "unexpected-token",
        f"expected {wanted}, found {what}" if wanted else f"{what} cannot stand here",
        span=m.here,
        label=f"expected {wanted}" if wanted else "not expected here",
        help=repair,
        edit=edit,
    )


def _repair(m: Mistake) -> tuple[str, Edit | None]:
    """The one sign that is missing or wrong here, if it is plain."""
    single = next(iter(m.accepted)) if len(m.accepted) == 1 else ""
    if single and not single.isupper():
        if m.token in (":", "=", "~", ",", "|", "->", "=>"):
            return f"write `{single}`", m.replace_here(single)
        return f"insert `{single}`", m.insert_before(f" {single}")
    if "," in m.accepted and m.token[:1].isalpha() and not m.on_new_line and not m.is_keyword:
        return "part them by `,`", m.insert_before(",")
    return "", None


_RULES: tuple[Rule, ...] = (
    _text_literal,
    _semicolon,
    _bare_point,
    _number_word,
    foreign_word,
    _stray,
    _table,
    two_slashes,
    foreign_sign,
    _double_equals,
    _arrow,
    type_as_value,
    unnamed_rule,
    _missing_type,
    _no_earning,
    _family,
    carried_type,
    seen,
    event,
    plan,
    _branches,
    _reserved_word,
    _equals_in_expression,
    _unmatched,
    _unclosed,
)
