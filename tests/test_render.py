"""Reports as a reader sees them: the layout of the language reference, whatever the text contains."""

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from opengames.diagnostics import Diagnostic, Edit, Window
from opengames.dsl.excerpt import clean, columns
from opengames.dsl.render import render, render_html, summary, wants_colour
from opengames.dsl.render_json import to_data
from opengames.dsl.source import Lines

ANSI = re.compile(r"\x1b\[[0-9;]*m")

BATTERY = "\n" * 16 + (
    "# the battery\n"
    "fun after(soc: real MWh, command: Command) -> real MWh =\n"
    "    if command >= 0 MW then soc - command\n"
)


def at(text, part, start=0, file="a.game"):
    i = text.index(part, start)
    return Lines(text).span(file, i, i + len(part))


def say(text, span, label="here", width=100, **more):
    return render([Diagnostic("some-code", "headline", span, label, **more)], {"a.game": text}, width=width)


def test_the_layout_is_that_of_the_language_reference():
    file = "battery.game"
    d = Diagnostic(
        "unit-mismatch",
        "`soc - command` subtracts MW from MWh",
        at(BATTERY, "soc", BATTERY.index("then"), file),
        "MWh, from `soc: real MWh` (line 18)",
        (Window(at(BATTERY, "command", BATTERY.index("soc -"), file), "MW, from `Command` (line 16)"),),
        ("energy is power times time",),
        "multiply by a duration: `soc - command * dt`",
    )
    assert render([d], {file: BATTERY}) == (
        "error[unit-mismatch]: `soc - command` subtracts MW from MWh\n"
        "   battery.game:19:29\n"
        "19 |     if command >= 0 MW then soc - command\n"
        "   |                             ^^^   ------- MW, from `Command` (line 16)\n"
        "   |                             MWh, from `soc: real MWh` (line 18)\n"
        "   = energy is power times time\n"
        "   help: multiply by a duration: `soc - command * dt`\n"
    )


def test_an_edit_is_shown_as_a_changed_line():
    text = "a = 1;\nb = 2\n"
    span = at(text, ";")
    said = say(text, span, help="delete it", edit=Edit(span, ""))
    assert said.endswith("   help: delete it\n 1 - a = 1;\n 1 + a = 1\n")


def test_an_inserted_line_is_shown_alone():
    text = "game G {\n    x = 1\n"
    end = Lines(text).span("a.game", len(text), len(text))
    assert say(text, end, help="close it", edit=Edit(end, "}\n")).endswith("   help: close it\n 3 + }\n")


def test_far_places_of_one_file_share_an_excerpt_and_near_ones_show_the_line_between():
    text = "alpha\nbeta\ngamma\n" + "\n" * 9 + "omega\n"
    windows = (Window(at(text, "gamma"), "near"), Window(at(text, "omega"), "far"))
    assert say(text, at(text, "alpha"), windows=windows).splitlines()[2:] == [
        " 1 | alpha", "   | ^^^^^ here", " 2 | beta", " 3 | gamma", "   | ----- near", "   ...", "13 | omega",
        "   | ----- far",
    ]  # fmt: skip


def test_a_window_in_another_file_has_its_own_excerpt():
    other = "one two\n"
    window = Window(at(other, "two", file="std/b.game"), "declared")
    d = Diagnostic("c", "h", at("x = y\n", "y"), "here", (window,))
    said = render([d], {"a.game": "x = y\n", "std/b.game": other})
    assert said.splitlines()[4:] == ["   std/b.game:1:5", " 1 | one two", "   |     --- declared"]


def test_a_place_over_several_lines_is_marked_on_its_first_and_last():
    text = "    decide a: Move by row\n        seeing x\n        earning y\n"
    span = Lines(text).span("a.game", 4, len(text))
    assert say(text, span).splitlines()[2:] == [
        " 1 |     decide a: Move by row",
        "   |     ^^^^^^^^^^^^^^^^^^^^^",
        " 2 |         seeing x",
        " 3 |         earning y",
        "   |         ^^^^^^^^^ here",
    ]


def test_the_end_of_a_text_is_marked_behind_its_last_sign():
    text = "x = (1 +\n\n\n"
    assert say(text, Lines(text).span("a.game", len(text), len(text))).splitlines()[2:] == [
        " 1 | x = (1 +", "   |         ^ here",
    ]  # fmt: skip


def test_an_empty_text_can_be_pointed_at():
    assert "here" in say("", Lines("").span("a.game", 0, 0))


def test_three_labels_hang_below_one_another():
    text = "aa bb cc"
    windows = (Window(at(text, "aa"), "first"), Window(at(text, "cc"), "third"))
    assert say(text, at(text, "bb"), "second", windows=windows).splitlines()[3:] == [
        "   | -- ^^ -- third", "   | |  second", "   | first",
    ]  # fmt: skip


def test_overlapping_marks_take_rows_of_their_own():
    text = "aa bb"
    windows = (Window(at(text, "aa bb"), "all of it"),)
    assert say(text, at(text, "bb"), windows=windows).splitlines()[3:] == ["   |    ^^ here", "   | ----- all of it"]


def test_marks_stand_under_wide_combining_and_tabbed_signs():
    text = "\té漢字 + z"
    line, mark = say(text, at(text, "z")).splitlines()[2:]
    assert columns(line[5:].split("z")[0])[1][-1] == len(mark[5:].split("^")[0])


def test_a_long_line_is_cut_around_its_mark():
    text = "x = " + "y + " * 500 + "z + " + "w + " * 500
    line, mark = say(text, at(text, "z"), width=80).splitlines()[2:4]
    assert line[5:].startswith("…") and line.endswith("…")
    assert len(line) <= 5 + 81
    assert line[mark.index("^")] == "z"


def test_a_text_that_is_not_at_hand_still_gives_its_place():
    d = Diagnostic("c", "h", at("x = y\n", "y"), "here")
    assert render([d], {}) == "error[c]: h\n   a.game:1:5\n   | here\n"


def test_what_acts_on_a_terminal_is_never_passed_on():
    evil = "x \x1b[2J \u202e y \x07"
    said = say(evil, at(evil, "y"), label="\x1b[31m", notes=("a\x00b",), help="c\rd")
    assert not set(said) & {"\x1b", "\u202e", "\x07", "\x00", "\r"}
    assert clean("漢 é ok") == "漢 é ok"


def test_colour_adds_escape_codes_and_nothing_else():
    text = "x = y\n"
    d = Diagnostic("c", "h", at(text, "y"), "here", notes=("n",), help="do", edit=Edit(at(text, "y"), "z"))
    assert ANSI.sub("", render([d], {"a.game": text}, colour=True)) == render([d], {"a.game": text})


def test_colour_is_for_terminals_and_can_be_forced(monkeypatch):
    class Terminal:
        def isatty(self):
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert wants_colour(Terminal()) and not wants_colour(Terminal(), "never")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colour(Terminal()) and wants_colour(Terminal(), "always")


def test_html_escapes_everything_and_needs_no_script():
    text = "x = <script>alert(1)</script>\n"
    said = render_html([Diagnostic("c", "`<b>`", at(text, "<script>"), "<i>&")], {"a.game": text})
    assert "<script" not in said and "<b>" not in said and "<i>" not in said
    assert "&lt;script&gt;" in said


def test_json_gives_places_with_both_ends():
    text = "one\ntwo three\n"
    span = at(text, "one\ntwo")
    d = Diagnostic("c", "h", span, "l", (Window(span, "w"),), ("n",), "do", Edit(span, "z"))
    (data,) = json.loads(json.dumps(to_data([d], {"a.game": text})))
    assert data["at"] == {
        "file": "a.game", "start": 0, "end": 7, "line": 1, "column": 1, "end_line": 2, "end_column": 4,
    }  # fmt: skip
    assert (data["edit"]["text"], data["notes"], data["windows"][0]["label"]) == ("z", ["n"], "w")


def test_the_summary_counts_errors_and_warnings():
    d, w = Diagnostic("c", "h"), Diagnostic("c", "h", severity="warning")
    assert summary([d, d, w]) == "2 errors, 1 warning"
    assert summary([]) == ""


@given(st.text(max_size=200), st.integers(0, 220), st.integers(0, 220), st.integers(10, 120))
def test_any_place_of_any_text_can_be_reported(text, a, b, width):
    span = Lines(text).span("a.game", min(a, len(text)), max(a, b))
    window = Window(Lines(text).span("a.game", 0, 1), "elsewhere")
    said = say(text, span, width=width, edit=Edit(span, "x\n"), windows=(window,))
    assert "here" in said and "elsewhere" in said
    assert all(columns(line)[1][-1] < 2 * width + 60 for line in said.splitlines())
