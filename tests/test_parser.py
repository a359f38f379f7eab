"""The parser: grammar, numbers, spans, documentation, recovery, bounds."""

import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from lark import Lark

from opengames.diagnostics import Refusal
from opengames.dsl import source
from opengames.dsl import syntax as s
from opengames.dsl.parser import GRAMMAR, parse
from opengames.dsl.walk import walk
from opengames.spans import Span

EXAMPLES = sorted((Path(__file__).parent.parent / "specs" / "examples").glob("*.game"))


HERE = Span("", 0, 0, 0, 0)


def n(kind: Any, *parts: object) -> Any:
    """A node at no place in particular: nodes compare by content."""
    return kind(*parts, at=HERE)


def declared(text: str) -> s.Decl:
    result = parse(text, "t.game")
    assert result.diagnostics == ()
    assert result.file is not None
    return result.file.declarations[-1]


def value_of(text: str) -> s.Expr:
    decl = declared(f"param x: real = {text}")
    assert isinstance(decl, s.ParamDecl) and decl.value is not None
    return decl.value


def statements(text: str) -> tuple[s.Stmt, ...]:
    decl = declared(f"game G {{ {text} }}")
    assert isinstance(decl, s.GameDecl) and isinstance(decl.body, s.Block)
    return decl.body.statements


def codes(text: str) -> list[str]:
    return [d.code for d in parse(text, "t.game").diagnostics]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_every_shipped_example_parses(path: Path) -> None:
    result = parse(path.read_text(encoding="utf-8"), path.name)
    assert result.diagnostics == ()
    assert isinstance(result.file, s.File)
    assert len(result.file.declarations) > 5


def test_the_grammar_has_no_conflict_and_no_two_tokens_that_collide() -> None:
    Lark(GRAMMAR.read_text(encoding="utf-8"), parser="lalr", lexer="contextual", strict=True)


# ------------------------------------------------------------------------ literals


@pytest.mark.parametrize(
    ("written", "value", "unit"),
    [
        ("0.1", Fraction(1, 10), None),
        ("1_000_000", Fraction(1000000), None),
        ("3E-2", Fraction(3, 100), None),
        ("1e3", Fraction(1000), None),
        ("1.5e-3 MW", Fraction(3, 2000), "MW"),
        ("90%", Fraction(90), "%"),
        ("5 $/MWh", Fraction(5), "$/MWh"),
        ("0.5 $/(MW*h)", Fraction(1, 2), "$/(MW*h)"),
        ("2 MW^2", Fraction(2), "MW^2"),
    ],
)
def test_numbers_are_exact_and_keep_their_unit(written: str, value: Fraction, unit: str | None) -> None:
    number = value_of(written)
    assert number == n(s.Number, value, unit)
    assert isinstance(number, s.Number) and number.written == written


def test_a_unit_ends_before_a_product_and_a_keyword_is_no_unit() -> None:
    assert value_of("2 MW*x") == n(s.Binary, "*", n(s.Number, Fraction(2), "MW"), n(s.Ident, "x"))
    assert value_of("if b then 1 else 2") == n(s.IfExpr, n(s.Ident, "b"), n(s.Number, Fraction(1)), n(s.Number, Fraction(2)))
    assert value_of("10 MW/x") == n(s.Number, Fraction(10), "MW/x")


# ---------------------------------------------------------------------- expressions


def test_operators_bind_as_in_mathematics() -> None:
    a, b, c = n(s.Ident, "a"), n(s.Ident, "b"), n(s.Ident, "c")
    assert value_of("a + b * c") == n(s.Binary, "+", a, n(s.Binary, "*", b, c))
    assert value_of("a - b - c") == n(s.Binary, "-", n(s.Binary, "-", a, b), c)
    assert value_of("-a ^ b") == n(s.Unary, "-", n(s.Binary, "^", a, b))
    assert value_of("a ^ b ^ c") == n(s.Binary, "^", a, n(s.Binary, "^", b, c))
    assert value_of("not a == b and c") == n(s.Binary, "and", n(s.Unary, "not", n(s.Compare, (a, b), ("==",))), c)
    assert value_of("a implies b implies c") == n(s.Binary, "implies", a, n(s.Binary, "implies", b, c))
    assert value_of("a >> b @ c") == n(s.Binary, ">>", a, n(s.Binary, "@", b, c))
    assert value_of("a < b <= c") == n(s.Compare, (a, b, c), ("<", "<="))


def test_membership_takes_any_type_but_a_bare_real() -> None:
    x = n(s.Ident, "x")
    for text in ("Charge", "1..4", "[0, 400 MWh]", "{5, 10 $}", "prob[Lead]", "(a: bool, b: real MW)"):
        member = value_of(f"x in {text}")
        assert isinstance(member, s.MemberOf) and member.value == x
    first, second = statements("inside = x in Charge\n y = 3")
    assert isinstance(first, s.Let) and isinstance(second, s.Let)


def test_brackets_of_a_call_hold_arguments_a_loop_or_evidence() -> None:
    f, a, b = n(s.Ident, "f"), n(s.Ident, "a"), n(s.Ident, "b")
    assert value_of("f(a, k = b)") == n(s.CallExpr, f, (n(s.Arg, None, a), n(s.Arg, n(s.Name, "k"), b)))
    assert value_of("f(a | b)") == n(s.Given, f, a, (b,))
    loop = n(s.Iter, n(s.Name, "k"), n(s.NamedType, n(s.Name, "K")))
    assert value_of("f(a for k in K if b)") == n(s.Comprehension, f, a, (loop,), b)
    assert value_of("[a for k in K]") == n(s.FamilyOf, a, (loop,), None)


# ----------------------------------------------------------------------- statements


def test_branches_are_statements() -> None:
    (branch,) = statements("if a { x = 1 } else if b { x = 2 } else { x = 3 }")
    assert isinstance(branch, s.IfStmt) and branch.other is not None
    (inner,) = branch.other.statements
    assert isinstance(inner, s.IfStmt) and inner.other is not None


@pytest.mark.parametrize("comma", [",", ""])
def test_arms_of_statements_need_no_comma(comma: str) -> None:
    (choice,) = statements(f"match r {{ Accept => {{ x = 1 }}{comma} _ => {{ x = 2 }}{comma} }}")
    assert isinstance(choice, s.MatchStmt)
    assert [p for p, _ in choice.arms] == [n(s.NamePattern, n(s.Name, "Accept")), n(s.NamePattern, n(s.Name, "_"))]


def test_keywords_are_names_where_no_confusion_is_possible() -> None:
    assert isinstance(declared("param step: real = type + of"), s.ParamDecl)


def test_a_plan_names_seat_indices_and_wires() -> None:
    decl = declared("strategy t of G { ann.bid = 1\n prosumer[u, i].day.reserve ~ {1: 50%, 2: 50%} }")
    assert isinstance(decl, s.StrategyDecl)
    one, two = decl.plans
    assert (one.seat, one.seat_vars, one.wire, one.mixed) == (n(s.Name, "ann"), (), (n(s.Name, "bid"),), False)
    assert (two.seat_vars, two.wire) == ((n(s.Name, "u"), n(s.Name, "i")), (n(s.Name, "day"), n(s.Name, "reserve")))
    assert two.mixed


# ---------------------------------------------------------------- spans and comments


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_every_node_lies_inside_its_parent_and_names_say_what_stands_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    file = parse(text, path.name).file
    assert file is not None
    for node in walk(file.declarations):
        assert node.at.file == path.name
        assert 0 <= node.at.start < node.at.end <= len(text)
        assert node.at.line == text.count("\n", 0, node.at.start) + 1
        assert node.at.column == node.at.start - text.rfind("\n", 0, node.at.start)
        here = text[node.at.start : node.at.end]
        if isinstance(node, s.Name):
            assert here == node.text
        if isinstance(node, s.Number):
            assert here == node.written
        if isinstance(node, s.Binary):
            assert text[node.op_at.start : node.op_at.end] == node.op
        for part in walk(tuple(getattr(node, n) for n in node.__slots__ if n not in ("at", "op_at", "unit_at"))):
            assert node.at.start <= part.at.start and part.at.end <= node.at.end


def test_documentation_belongs_to_what_follows_or_stands_before_it_on_the_line() -> None:
    file = parse(
        "## The file.\n\n## Two\n## lines.\ntype T = A | B\n# no doc\nparam a: real = 1  ## behind\n"
        "## above\n\nparam b: real = 2  ## not this\n",
        "t.game",
    ).file
    assert file is not None
    assert file.doc == "The file."
    assert [d.doc for d in file.declarations] == ["Two\nlines.", "behind", "above"]


# -------------------------------------------------------------------------- recovery


def test_independent_mistakes_are_all_reported_and_the_sound_rest_is_kept() -> None:
    text = (
        "type A = X | Y\n\nparam b = 3\n\ngame G {\n    x = (1 + 2\n    y = 3\n}\n\nparam c: real = 4\n\n"
        "channel k() -> bool {\n    for t in A {\n        z = 1\n}\n\nfun f(x: real) -> real = x +\n\nparam d: real = 5\n"
    )
    result = parse(text, "t.game")
    assert [d.code for d in result.diagnostics] == ["missing-type", "missing-brace", "missing-brace", "unexpected-end"]
    assert result.file is not None
    assert [d.name.text for d in result.file.declarations] == ["A", "c", "d"]  # type: ignore[union-attr]


def test_an_empty_text_and_one_of_comments_are_fine() -> None:
    for text in ("", "\n", "# nothing yet\n", "## only a doc", "\ufeff"):
        assert parse(text, "t.game").diagnostics == ()


# ---------------------------------------------------------------------------- bounds


def test_line_ends_and_byte_order_marks_of_other_systems_are_read(tmp_path: Path) -> None:
    path = tmp_path / "w.game"
    path.write_bytes("\ufefftype A = X | Y\r\n# c\r\nparam b: real = 3\r\n".encode())
    text = source.read_text(path)
    assert text == "type A = X | Y\n# c\nparam b: real = 3\n"
    assert parse(text, "w.game").ok
    assert parse("\ufefftype A = X | Y\r\n# c\r\nparam b: real = 3\r\n", "w.game").ok


def test_bytes_that_are_no_text_are_refused_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "l.game"
    path.write_bytes("# caf\xe9\n".encode("latin-1"))
    with pytest.raises(Refusal) as refused:
        source.read_text(path)
    (said,) = refused.value.diagnostics
    assert said.code == "not-utf8" and said.notes == ("byte 5, on line 1, is 0xe9",)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x" * (source.LONGEST_TEXT + 1), "text-too-large"),
        ("param a: real = " + "(" * 5000 + "1" + ")" * 5000, "too-deep"),
        ("param a: real = " + "^".join(["a"] * 10_000), "too-deep"),
        ("game A = " + ">>".join(["a"] * 10_000), "too-deep"),
        ("param a: real = " + "-" * 10_000 + "1", "too-deep"),
        ("param a: bool = " + "not " * 10_000 + "b", "too-deep"),
        ("param a: real = " + "if b then 1 else " * 10_000 + "1", "too-deep"),
        ("param a: real = " + "2 ^ " * 10_000 + "1", "too-deep"),
        ("param a: real = a" + ".b" * 10_000, "too-deep"),
        ("game G {" + "if b {} else " * 5_000 + "{} }", "too-deep"),
        ("param a: real = 1e999999999", "number-too-large"),
        ("param a: real = " + "9" * 5_000, "number-too-large"),
        ("param " + "a" * 5_000 + ": real = 1", "name-too-long"),
        ("param a: real = 1\x00", "bad-character"),
    ],
)
def test_a_text_out_of_bounds_is_refused_quickly(text: str, code: str) -> None:
    begin = time.process_time()
    assert codes(text) == [code]
    assert time.process_time() - begin < 5


def test_a_tree_at_the_bound_can_be_walked_by_recursion() -> None:
    file = parse("param a: real = " + "+".join(["a"] * 190), "t.game").file
    assert file is not None
    assert repr(file) and hash(file.declarations) and file == parse(file.text, "t.game").file


def test_ten_thousand_lines_parse_in_well_under_two_and_a_half_seconds() -> None:
    text = "".join(p.read_text(encoding="utf-8") for p in EXAMPLES)
    text *= 10_000 // text.count("\n") + 1
    begin = time.process_time()
    assert parse(text, "t.game").ok
    assert time.process_time() - begin < 5  # a busy machine; 1.2 s measured on an idle one
