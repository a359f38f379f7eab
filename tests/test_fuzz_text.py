"""Random and broken texts: the parser never fails, never hangs, always says where; the formatter keeps its laws."""

import random
import time
from pathlib import Path

import pytest
from game_texts import programs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opengames.dsl.comments import comments
from opengames.dsl.formatter import format_text, pieces
from opengames.dsl.layout import Layout
from opengames.dsl.parser import ParseResult, parse
from opengames.dsl.syntax import File

HERE = Path(__file__).parent
TEXTS = [p.read_text(encoding="utf-8") for p in sorted((HERE.parent / "specs" / "examples").glob("*.game"))]
SHIPPED = sorted((HERE.parent / "specs").rglob("*.game"))
BREAKS = ["\n", "\n\n", "\n  \n\t", "\n        ", "\r\n", "\n\n\n"]
PAGES = {p.stem for p in (HERE.parent / "dsl" / "explain").glob("*.md")}
ALIEN = [*"{}()[]|=~:;,.!&?%$#\"'\\^@<>\x00\t\r\n\ufeffé≤0_", "||", "=>", "->", "1e99", "in", "if", "for", "decide", "table",
         "game", "\ntype ", "\nverify x: ", "return", "..", "match"]  # fmt: skip

slow = settings(deadline=None, suppress_health_check=list(HealthCheck))


def check(text: str) -> ParseResult:
    """Parse, and hold the result to what every result must keep."""
    begin = time.process_time()
    result = parse(text, "fuzz.game")
    assert time.process_time() - begin < 5
    assert result.file is not None or result.diagnostics
    for d in result.diagnostics:
        assert d.code in PAGES
        assert d.headline and not d.headline.endswith(".") and "\n" not in d.help
        if d.span is not None:
            assert 0 <= d.span.start <= d.span.end <= len(text)
            assert d.span.line == text.count("\n", 0, d.span.start) + 1
        if d.edit is not None:
            assert 0 <= d.edit.span.start <= d.edit.span.end <= len(text)
        for w in d.windows:
            assert 0 <= w.span.start <= w.span.end <= len(text)
    return result


def mutate(rng: random.Random, text: str) -> str:
    """A few tokens deleted, doubled, swapped or put in; sometimes the end cut off."""
    for _ in range(rng.randint(1, 4)):
        words = text.split(" ")
        i, j = rng.randrange(len(words)), rng.randrange(len(words))
        match rng.randrange(6):
            case 0:
                del words[i]
            case 1:
                words.insert(j, words[i])
            case 2:
                words[i], words[j] = words[j], words[i]
            case 3:
                at = rng.randrange(len(text) + 1)
                words = [text[:at] + rng.choice(ALIEN) + text[at:]]
            case 4:
                at = rng.randrange(len(text) + 1)
                words = [text[:at] + text[at + rng.randint(1, 3) :]]
            case _:
                if rng.random() < 0.2:
                    words = words[: max(1, i)]
        text = " ".join(words) or " "
    return text


@pytest.mark.parametrize("number", range(len(TEXTS)))
@settings(slow, max_examples=10)
@given(seed=st.integers(0, 2**32))
def test_a_mutilated_example_gives_diagnostics_and_never_an_exception(number: int, seed: int) -> None:
    result = check(mutate(random.Random(seed), TEXTS[number]))
    if result.ok:
        hold_formatter_to_its_laws(result)


@settings(slow, max_examples=100)
@given(st.lists(st.sampled_from([*ALIEN, *"abAB12 \n"]), max_size=60).map("".join))
def test_no_text_at_all_makes_the_parser_fail(text: str) -> None:
    check(text)


@settings(slow, max_examples=15)
@given(programs())
def test_a_program_from_the_grammar_parses_and_formats(text: str) -> None:
    result = check(text)
    assert result.diagnostics == ()
    hold_formatter_to_its_laws(result)


@settings(slow, max_examples=10)
@given(programs(), st.integers(0, 2**32))
def test_a_mutilated_program_gives_diagnostics_and_never_an_exception(text: str, seed: int) -> None:
    check(mutate(random.Random(seed), text))


def hold_formatter_to_its_laws(result: ParseResult) -> None:
    file = result.file
    assert isinstance(file, File)
    # the layout itself, without the safety net of `format_text`
    out = Layout(file, pieces(file.text)).write()
    again = parse(out, file.name)
    assert again.file is not None and again.ok
    assert again.file.declarations == file.declarations
    assert again.file.doc == file.doc
    assert [d.doc for d in again.file.declarations] == [d.doc for d in file.declarations]
    assert [c.text for c in comments(file.text)] == [c.text for c in comments(out)]
    assert format_text(file.text, file.name).text == out
    assert format_text(out, file.name).text == out


def spaced_anew(rng: random.Random, text: str, rate: float) -> str:
    """The same tokens and comments with other blanks, line breaks and empty lines between, and more comments."""
    out: list[str] = []
    place = 0
    notes = [(c.start, c.start + len(c.text)) for c in comments(text)]
    tokens = [(p.start, p.end) for p in pieces(text)]
    for start, end in sorted(notes + tokens):
        before = out[-1] if out else ""
        old = text[place:start]
        # a comment ends with its line; a number must not meet the name on the next line: it would be a unit
        must = before.startswith("#") or ("\n" in old and before[-1:].isalnum())
        out += [_gap(rng, old, rate, must), text[start:end]]
        place = end
    return "".join(out)


def _gap(rng: random.Random, old: str, rate: float, must_break: bool) -> str:
    new = old
    if rng.random() < rate:
        new = rng.choice(["" if not old else " ", " ", "   ", "\t", *BREAKS])
        if must_break and "\n" not in new:
            new = rng.choice(BREAKS)
    if "\n" in new and rng.random() < rate:
        before = rng.choice(["", " ", "  ", " " * rng.randint(3, 30), "\n    "])
        new = f"{before}# n{'o' * rng.randint(0, 9)}{new}"
    return new


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
@settings(slow, max_examples=4)
@given(seed=st.integers(0, 2**32), rate=st.sampled_from([0.02, 0.1, 0.3, 0.6]))
def test_a_shipped_text_spaced_and_commented_anew_formats_once_and_for_all(
    path: Path, seed: int, rate: float
) -> None:
    text = path.read_text(encoding="utf-8")
    shipped = parse(text, "fuzz.game").file
    result = parse(spaced_anew(random.Random(seed), text, rate), "fuzz.game")
    assert shipped is not None and result.file is not None and result.diagnostics == ()
    assert result.file.declarations == shipped.declarations
    hold_formatter_to_its_laws(result)
