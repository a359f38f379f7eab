"""The formatter: one canonical layout that changes nothing but the layout."""

from pathlib import Path

import pytest

from opengames.dsl.comments import comments
from opengames.dsl.formatter import format_text
from opengames.dsl.parser import parse
from opengames.dsl.syntax import Number
from opengames.dsl.walk import walk

EXAMPLES = sorted((Path(__file__).parent.parent / "specs" / "examples").glob("*.game"))


def formatted(text: str) -> str:
    result = format_text(text, "t.game")
    assert result.diagnostics == ()
    return result.text


def body(*lines: str) -> str:
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_an_example_keeps_meaning_numbers_and_comments_and_twice_is_once(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    out = formatted(text)
    assert formatted(out) == out
    before, after = parse(text, "t.game").file, parse(out, "t.game").file
    assert before is not None and after is not None
    assert before.declarations == after.declarations and before.doc == after.doc
    assert [d.doc for d in before.declarations] == [d.doc for d in after.declarations]
    assert [c.text for c in comments(text)] == [c.text for c in comments(out)]
    written = [[x.written for x in walk(f.declarations) if isinstance(x, Number)] for f in (before, after)]
    assert written[0] == written[1]
    assert all(len(line) <= 110 for line in out.splitlines())


@pytest.mark.parametrize("stem", ["01_dilemma", "03_events", "05_battery"])
def test_an_example_in_canonical_layout_stays_as_it_is(stem: str) -> None:
    (path,) = [p for p in EXAMPLES if p.stem == stem]
    text = path.read_text(encoding="utf-8")
    assert formatted(text) == text


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_indentation_and_spacing_do_not_depend_on_the_author(path: Path) -> None:
    tidy = formatted(path.read_text(encoding="utf-8"))
    untidy = "\n".join(line.strip().replace(" = ", "   =  ") if "#" not in line else line.strip() for line in tidy.split("\n"))
    without = [line.split("#")[0].rstrip() for line in tidy.splitlines()]
    assert [line.split("#")[0].rstrip() for line in formatted(untidy).splitlines()] == without


def test_definitions_stand_under_one_another() -> None:
    text = "game G {\n a = 1\n  long ~ f(a)\n b: real MW = 2 MW\n\n c = 3\n}\n"
    assert formatted(text) == body(
        "game G {", "    a          = 1", "    long       ~ f(a)", "    b: real MW = 2 MW", "", "    c = 3", "}"
    )


def test_parameters_align_their_types_and_values() -> None:
    text = "param a: real = 1 ## one\nparam capacity: real MWh = 400MWh ## two\n"
    assert formatted(text) == body(
        "param a:        real     = 1        ## one", "param capacity: real MWh = 400 MWh  ## two"
    )


def test_tables_align_numbers_right_and_names_left() -> None:
    text = "fun f(m: Move) -> real = table { | m || x | y |\n| Left || -10 | High | | Middle||3|Low| }\n"
    assert formatted(text) == body(
        "fun f(m: Move) -> real = table {",
        "    | m      ||   x | y    |",
        "    | Left   || -10 | High |",
        "    | Middle ||   3 | Low  |",
        "}",
    )


def test_comments_keep_their_places() -> None:
    text = (
        "# head\n\ngame G { # why\n# before\nx = 1 # behind\n\n# between\n\ny = f(a, # first\n b)\n# last\n}\n# end\n"
    )
    assert formatted(text) == body(
        "# head", "", "game G {  # why", "    # before", "    x = 1  # behind", "", "    # between", "",
        "    y = f(a,  # first", "          b)", "    # last", "}", "# end",
    )  # fmt: skip


def test_a_chain_of_choices_stands_under_its_if() -> None:
    text = "fun f(x: real) -> real = if x > 1 then 1\nelse if x > 0 then 2\nelse 3\n"
    assert formatted(text) == body(
        "fun f(x: real) -> real = if x > 1 then 1",
        "                         else if x > 0 then 2",
        "                         else 3",
    )


def test_statements_and_branches_begin_lines_of_their_own() -> None:
    text = "game G { if a { x = 1 } else { x = a y = b } match r { A => { z = 1 }, _ => {} } }"
    assert formatted(text) == body(
        "game G {",
        "    if a { x = 1 } else {",
        "        x = a",
        "        y = b",
        "    }",
        "    match r {",
        "        A => { z = 1 },",
        "        _ => {}",
        "    }",
        "}",
    )


def test_a_long_line_is_broken_at_its_outermost_place() -> None:
    terms = " + ".join(f"some_quantity_{i} * price_{i}" for i in range(6))
    out = formatted(f"game G {{\n    total = {terms}\n}}\n")
    assert max(len(line) for line in out.splitlines()) <= 100
    assert out.splitlines()[2].startswith("          + ")
    assert formatted(out) == out


def test_a_sign_keeps_its_distance_where_a_unit_could_swallow_it() -> None:
    text = "param a: real = 10 MW  /x+2 MW * h-(- 3)^2\n"
    assert formatted(text) == "param a: real = 10 MW / x + 2 MW * h - (-3) ^ 2\n"


def test_blank_lines_come_one_at_a_time() -> None:
    assert formatted("\n\nparam a: real = 1\n\n\n\nparam b: real = 2\n\n\n") == "param a: real = 1\n\nparam b: real = 2\n"
    assert formatted("") == ""


def test_an_empty_line_that_is_dropped_parts_no_columns() -> None:
    decide = ["decide b: bool by a", "  seeing x", "", "  earning 1", "}"]
    assert formatted("\n".join(["game G {", *decide])) == body(
        "game G {", "    decide b: bool by a", "        seeing  x", "        earning 1", "}"
    )
    rules = ["game G { # one", "", "decide b: bool by a", "earning 1 # two", "", "subject to { # three",
             "up: b } # four", "", "} # five"]  # fmt: skip
    assert formatted("\n".join(rules)) == body(
        "game G {  # one",
        "    decide b: bool by a",
        "        earning 1     # two",
        "        subject to {  # three",
        "            up: b",
        "        }  # four",
        "}  # five",
    )
    assert formatted("fun f(x: real) -> real =\nif x > 1 then 2 # a\n\n\nelse 1 # b\n") == body(
        "fun f(x: real) -> real =", "    if x > 1 then 2  # a", "    else 1           # b"
    )


def test_a_text_with_mistakes_is_left_alone() -> None:
    text = "game G {   x = \n}"
    result = format_text(text, "t.game")
    assert result.text == text
    assert [d.code for d in result.diagnostics] == ["unexpected-token"]


def test_time_grows_with_the_length_of_a_line_and_of_a_text() -> None:
    """Breaking a line again and again, each time through the whole text, took 12 times as long for 4 times as much."""
    from time import process_time

    def seconds(count: int) -> float:
        family = "param t: real[I] = [" + ", ".join(f"{i}: {i * 7 % 13}" for i in range(1, count)) + "]"
        labels = "type L = " + " | ".join(f"Line{i}" for i in range(count))
        text = f"type I = 1..{count}\n{family}\n{labels}\n"
        start = process_time()
        formatted(text)
        return process_time() - start

    seconds(50)
    assert seconds(1_600) < 7 * min(seconds(400), seconds(400))
