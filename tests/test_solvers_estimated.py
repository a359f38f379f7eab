"""Gains estimated from drawn plays: evidence that agrees with the exact gains, and says what it is."""

from __future__ import annotations

from fractions import Fraction as F
from functools import partial

import builders_solving as b
import pytest
from hypothesis import given, settings
from test_solvers_play import as_behaviour, games

import opengames as og
from opengames.diagnostics import Refusal
from opengames.solvers import claims, estimated
from opengames.solvers.claims import equilibrium, value
from opengames.solvers.layers import build
from opengames.solvers.sampling import Luck, begin, play
from opengames.solvers.unroll import unroll

TEXT = """
type Act = C | D
player row, column
fun pay(mine: Act, theirs: Act) -> real $ =
    match mine { C => if theirs == C then 3 $ else 0 $, D => if theirs == C then 5 $ else 1 $ }
game G {
    for t in 1..3 carrying la = C, lb = C {
        decide a: Act by row    seeing la, lb earning pay(a, b)
        decide b: Act by column seeing la, lb earning pay(b, a)
        next la = a
        next lb = b
    }
}
strategy defect of G { row.a = D   column.b = D }
strategy kind of G   { row.a = C   column.b = C }
strategy coin of G   { row.a ~ {C: 1/2, D: 1/2}   column.b ~ {C: 1/2, D: 1/2} }
verify nash:     equilibrium(defect)       by simulate[runs = 100]
verify naive:    equilibrium(kind)         by simulate[runs = 100]
verify no_nash:  not equilibrium(coin)     by simulate[runs = 100, seed = 1]
verify little:   exploitability(coin) <= 5 $ by simulate[runs = 100]
verify much:     exploitability(coin) >= 1 $ by simulate[runs = 400]
query  least   = exploitability(coin)      by simulate[runs = 400]
"""

# Every history of the coins matters, so nothing merges: no exact method fits.
LARGE = """
player p
game Long {
    for t in 1..12 { coin ~ {1: 1/2, 0: 1/2} }
    decide x: bool by p seeing nothing_yet earning if x then worth else STAKE
    nothing_yet = false
    worth = if sum(coin[t] * coin[u] for t in 1..12, u in 1..12 if t < u) > 14 then 1 else 0
}
strategy go of Long { p.x = true }
verify sure: equilibrium(go)
"""


@pytest.fixture(scope="module")
def model():
    return og.loads(TEXT)


def claim(model, name):
    (found,) = model.verify(name)
    return found


def test_an_equilibrium_is_supported_and_never_proved(model):
    found = claim(model, "nash")
    assert found.verdict == "supported" and found.shown == "supported (100 runs)"
    assert found.because[0] == "none of them gains more than 0 (95 %, all together)"
    assert any(line.startswith("not covered: changes of several decisions at once") for line in found.because)


def test_a_better_move_is_reported_with_its_interval(model):
    found = claim(model, "naive")
    assert found.verdict == "not supported"
    assert found.because[1:4] == (
        "it sees la = C, lb = C",
        "it plays C, and should play D",
        "it gains 2 $ in expectation, between 2 $ and 2 $ (95 %, all changes together)",
    )
    assert claim(model, "no_nash").verdict == "supported"


def test_exploitability_is_bounded_from_below_only(model):
    assert claim(model, "little").verdict == "unknown"
    assert claim(model, "much").verdict == "supported"
    floor = model.query("least")
    # Each seat's best change of one decision, a move in place of a coin, gains 3/4 $.
    assert floor.interval[0] <= 1.5 <= floor.interval[1] and floor.runs == 400
    assert "a lower bound: what changes of one decision gain" in floor.because


@pytest.mark.parametrize(("stake", "verdict"), [("0.1", "supported"), ("0.9", "not supported")])
def test_a_game_beyond_every_budget_is_estimated_and_says_why(monkeypatch, stake, verdict):
    monkeypatch.setattr(claims, "equilibrium", partial(claims.equilibrium, limit=1_000))
    text = LARGE.replace("nothing_yet earning", "early earning").replace("    nothing_yet = false\n", "")
    text = text.replace("    for t", "    early = false\n    for t").replace("STAKE", stake)
    (found,) = og.loads(text).verify()
    assert found.verdict == verdict and found.runs == 1_000
    assert found.because[0].startswith("estimated from runs, because the exact reading could not answer")


def test_a_draw_hangs_on_the_run_and_the_step_alone_and_is_uniform():
    numbers = [Luck(7, run).at(pc) for run in range(60) for pc in range(60)]
    assert len(set(numbers)) == 3_600 and all(0 <= u < 1 for u in numbers)
    assert abs(float(sum(numbers)) / 3_600 - 0.5) < 0.02
    for cell in range(10):
        assert abs(sum(cell <= 10 * u < cell + 1 for u in numbers) - 360) < 90
    assert Luck(7, 3).at(5) == Luck(7, 3).at(5) != Luck(8, 3).at(5)


@settings(max_examples=15, deadline=None)
@given(games())
def test_drawn_plays_earn_the_expected_payoffs_on_average(game):
    program, runs = b.program(game), 300
    expected = dict(value(program, game, as_behaviour).payoffs)
    code = unroll(program, game, live=False)
    totals, squares = dict.fromkeys(expected, F(0)), dict.fromkeys(expected, F(0))
    for run in range(runs):
        state = begin(code)
        for _ in estimated._rest(code, as_behaviour, state, Luck(0, run)):
            pass
        for player, earned in state.earned.items():
            totals[player] += earned
            squares[player] += earned**2
    for player, total in totals.items():
        mean = total / runs
        spread = float(squares[player] / runs - mean**2) ** 0.5
        assert abs(float(mean - expected[player])) <= 5 * spread / runs**0.5 + 0.05


@settings(max_examples=15, deadline=None)
@given(games())
def test_a_change_of_one_decision_never_gains_more_than_the_best_deviation(game):
    program = b.program(game)
    try:
        exact = dict(equilibrium(program, game, as_behaviour).gains)
    except Refusal:
        return
    found = estimated.trial(program, game, as_behaviour, None, 200, 0)
    judged = found.judged()
    for change, tally in judged.items():
        # Six standard errors or so: a miss would be a defect, not bad luck.
        assert found.gain(tally, 10**6).lower <= float(exact[found.player(change)]) + 1e-9


def test_the_plays_of_a_strategy_are_those_of_its_graph():
    program, game = b.entry()
    code = unroll(program, game, live=False)
    plan = lambda step, seen: ((step.moves[0], F(1)),)  # noqa: E731
    graph = build(unroll(program, game), plan, ())
    places = [step.place for _, step in graph.choices()]
    assert [v.step.place for v in play(code, plan, Luck(0, 0))] == places
