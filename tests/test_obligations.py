"""`check --obligations`: every promise of a text, and what shows it; never one shown that a value breaks."""

import json
import subprocess
import sys
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import opengames as og
from opengames.cli import main
from opengames.dsl.check import check
from opengames.evaluate import evaluate
from opengames.proved.obligations import INTERVALS, PLAYING, PROVED, obligations
from opengames.terms import Apply, Const

STORE = """
use std.energy: MW, MWh, h
param cap:   real MWh = 400 MWh
param power: real MW  = 100 MW
param late:  real MWh
type Charge  = [0 MWh, cap]
type Command = [-power, power]
type Hour    = 1..6
fun half(x: [0, 1]) -> [0, 1] = x / 2
fun double(x: [0, 1]) -> [0, 1] = 2 * x
fun whole(x: [0, 1]) -> [0, 1] = x + (1 - x)
fun ratio(x: [0, 1]) -> real = 1 / x
fun waits(x: [0, 1]) -> [0 MWh, 1 MWh] = x * late
fun guard(soc: Charge, wish: Command) -> Command = clamp(wish, (soc - cap) / 1 h, soc / 1 h)
channel Day() -> (soc: Charge[Hour], bit: [0, 1][Hour]) {
    for t in Hour carrying soc = 200 MWh {
        wish ~ uniform(Command)
        bit  ~ {0: 1/2, 1: 1/2}
        move = guard(soc, wish)
        next soc = soc - move * 1 h
    }
}
"""


@pytest.fixture(scope="module")
def owed():
    found = obligations(check(STORE, "store.game").program)
    return {(d.where, d.what): d for d in found}


def one(owed, where, words):
    (found,) = [d for (w, what), d in owed.items() if w == where and words in what]
    return found


def test_each_promise_says_how_it_is_discharged(owed):
    assert one(owed, "fun half", "result").by == INTERVALS
    assert one(owed, "fun whole", "result").by == PROVED
    assert one(owed, "channel Day", "`bit`").by == INTERVALS
    assert one(owed, "channel Day", "`soc` in").by == PROVED
    assert one(owed, "channel Day", "`soc` of `guard`").by == PROVED


def test_what_is_only_looked_at_while_playing_says_why(owed):
    double = one(owed, "fun double", "result")
    assert double.by == PLAYING and double.why == "it is broken where x = 1"
    ratio = one(owed, "fun ratio", "never: this divides by zero")
    assert ratio.by == PLAYING and ratio.why == "it is broken where x = 0"
    waits = one(owed, "fun waits", "result")
    assert waits.by == PLAYING and "param `late` has no value" in waits.why


def test_every_obligation_has_its_place(owed):
    lines = STORE.split("\n")
    for (where, _), duty in owed.items():
        if where.startswith("fun "):
            assert lines[duty.at.line - 1].startswith(where)


coefficients = st.integers(-3, 3)


@settings(max_examples=30)
@given(coefficients, coefficients, coefficients, st.integers(-4, 0), st.integers(0, 4))
def test_nothing_is_said_to_be_shown_that_a_value_breaks(a, b, c, low, high):
    if low == high:
        return
    text = f"fun f(x: [-1, 1], y: [0, 1]) -> [{low}, {high}] = {a} * x * y + {b} * x + {c} * y"
    program = check(text, "f.game").program
    (duty,) = obligations(program)
    steps = [Fraction(k, 4) for k in range(5)]
    broken = False
    for x in [2 * s - 1 for s in steps]:
        for y in steps:
            try:
                evaluate(Apply("f", (Const(x), Const(y))), {}, program.funs, {})
            except og.Refusal:
                broken = True
    # a bilinear function takes its extremes at corners, so these points decide it
    assert (duty.by == PLAYING) == broken


def test_the_command_line_lists_and_counts(tmp_path, capsys):
    game = tmp_path / "store.game"
    game.write_text(STORE.replace("fun waits", "# fun waits"))
    assert main(["check", str(game), "--obligations"]) == 0
    said = capsys.readouterr().out
    assert "the result of `double` in [0, 1]  while playing" in said
    assert "8 obligations: 3 by interval arithmetic, 2 while playing, 3 by z3" in said
    assert main(["check", str(game), "--obligations", "--json"]) == 0
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert {d["by"] for d in file["obligations"]} == {INTERVALS, PROVED, PLAYING}
    assert main(["check", str(game)]) == 0
    assert "obligation" not in capsys.readouterr().out


def test_a_plain_check_loads_no_solver(tmp_path):
    game = tmp_path / "store.game"
    game.write_text(STORE)
    code = f"import sys; from opengames.cli import main; main(['check', {str(game)!r}]); sys.exit('z3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0
