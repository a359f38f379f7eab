"""Habits from other languages: `return`, `let`, `&&`, `:=`, and signs that are not ASCII."""

from __future__ import annotations

from opengames.diagnostics import Diagnostic, Edit
from opengames.dsl.mistakes import Mistake

_WORDS = {
    "return": ("a block gives its wires by their names", "name the output: `{rest} = …`"),
    "let": ("a definition needs no word before it", "delete `let`"),
    "var": ("a definition needs no word before it", "delete `var`"),
    "const": ("a definition needs no word before it", "delete `const`"),
    "def": ("a function is declared with `fun`", "write `fun name(x: real) -> real = …`"),
    "lambda": ("functions have names", "declare a `fun`"),
    "while": ("every loop is bounded", "write `for t in 1..24 { … }`"),
    "elif": ("another case is written `else if`", "write `else if`"),
    "elsif": ("another case is written `else if`", "write `else if`"),
    "switch": ("cases are told apart by `match`", "write `match x { A => …, B => … }`"),
    "case": ("cases are told apart by `match`", "write `match x { A => …, B => … }`"),
    "import": ("other texts are taken in with `use`", "write `use std.energy: MW`"),
    "observe": ("evidence belongs into a question", "write `query q = P(event | evidence) of grid`"),
    "maximize": ("an aim belongs to a decision", "write `decide x: T by p earning …`"),
    "minimize": ("an aim belongs to a decision", "write `decide x: T by p earning -(…)`"),
}
_DROPPED = ("return", "let", "var", "const")

_SIGNS = {
    ":=": ("`=` defines a wire", "="),
    "&&": ("both at once is written `and`", "and"),
    "||": ("one or the other is written `or`", "or"),
    "!": ("the opposite is written `not`", "not "),
    "**": ("a power is written `^`", "^"),
    "//": ("a comment begins with `#`", "#"),
    "%": ("`%` means one hundredth and follows a number", ""),
    "?": ("a choice is written `if c then a else b`", ""),
    "&": ("both at once is written `and`", "and"),
    "<-": ("`~` draws and `=` defines", "~"),
    "\\": ("`\\` stands only in the corner of a table", ""),
}
_UPDATES = ("+", "-", "*", "/", "^")

_LETTERS = {
    "≤": "<=", "≥": ">=", "≠": "!=", "×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "→": "->", "⇒": "=>",
    "∈": "in", "∀": "forall ", "∃": "exists ", "∧": "and", "∨": "or", "¬": "not ", "…": "..", "\u00a0": " ",
    "⊗": "@", "≫": ">>", "∼": "~",
}  # fmt: skip


def foreign_word(m: Mistake) -> Diagnostic | None:
    """The mistake is, or follows directly on, a word of another language."""
    before = m.previous
    candidates = [(m.token, m.start, m.end)]
    if before and not m.on_new_line and before.kind == "word" and m.token not in ("=", "~", ":", ",", ".", "["):
        candidates.insert(0, (before.text, before.start, before.end))
    for word, start, end in candidates:
        if word not in _WORDS or (word == m.token and m.after and m.after[0].text in ("=", "~", ":", ",")):
            continue
        if word in ("def", "import", "let", "var", "const") and m.wants_declaration:
            continue
        why, instead = _WORDS[word]
        edit = None
        if word in _DROPPED:
            stop = m.start if start < m.start else m.after[0].start if m.after else end
            edit = Edit(m.span(start, stop), "")
        elif word in ("elif", "elsif"):
            edit = Edit(m.span(start, end), "else if")
        rest = m.token if start < m.start else (m.after[0].text if m.after else "x")
        return Diagnostic(
            "foreign-word",
            f"`{word}` is not a word of the language",
            span=m.span(start, end),
            label=why,
            help=instead.replace("{rest}", rest if rest.isidentifier() else "x"),
            edit=edit if word != "return" else None,
        )
    return None


def foreign_sign(m: Mistake) -> Diagnostic | None:
    """The mistake is an operator of another language, or no ASCII sign at all."""
    before = m.previous
    joined = before is not None and not m.gap
    if m.token in _UPDATES and m.text.startswith("=", m.end) and not m.text.startswith("==", m.end):
        return Diagnostic(
            "foreign-operator",
            f"`{m.token}=` would change a wire, and a wire is defined once",
            span=m.span(m.start, m.end + 1),
            label="no wire changes",
            help="give the new value a new name, or carry it: `for t in T carrying x = …`",
        )
    for sign, (why, instead) in _SIGNS.items():
        start = m.start
        if sign in (":=", "<-", "**", "//") and before and joined and before.text + m.token[:1] == sign:
            start = before.start
        elif not m.text.startswith(sign, m.start) or (sign == "%" and "%" in m.accepted):
            continue
        if sign == "||" and "||" in m.accepted:
            continue
        end = start + len(sign)
        return Diagnostic(
            "foreign-operator",
            f"`{sign}` is not a sign of the language here",
            span=m.span(start, end),
            label=why,
            help=f"write `{instead.strip()}`" if instead else "",
            edit=Edit(m.span(start, end), instead) if instead else None,
        )
    return _bad_character(m)


def _bad_character(m: Mistake) -> Diagnostic | None:
    letter = m.token[:1]
    known = letter.isascii() and (letter.isalnum() or letter in "_+-*/^@()[]{}<>=!~|.,:;$%#\\\"'&?")
    if not letter or known:
        return None
    instead = _LETTERS.get(letter, "")
    shown = f"`{letter}`" if letter.isprintable() and not letter.isspace() else "this character"
    return Diagnostic(
        "bad-character",
        f"{shown} (U+{ord(letter):04X}) means nothing here",
        span=m.span(m.start, m.start + 1),
        label="names are made of `a` to `z`, digits and `_`" if letter.isalpha() else "no sign of the language",
        help=f"write `{instead.strip()}`" if instead.strip() else "",
        edit=Edit(m.span(m.start, m.start + 1), instead) if instead else None,
    )
