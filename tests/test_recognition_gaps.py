"""Evidence with gaps: every method does without what was not observed, against slow and obvious computations."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_recognition_filters import LINEAR, ROUNDS, WIRES, Joint

import opengames as og
from opengames.cli import main
from opengames.solvers.recognition.diagnosis import diverged
from opengames.solvers.recognition.recognise import Found, prepared

MASKS = st.lists(st.booleans(), min_size=2 * ROUNDS, max_size=2 * ROUNDS).map(np.array)


class Gappy(Joint):
    """The joint normal distribution, given what is there of the first rounds."""

    def known(self, there: np.ndarray, upto: int) -> np.ndarray:
        return np.flatnonzero(there & np.tile(np.arange(ROUNDS) < upto, 2))

    def posterior(self, rows: np.ndarray, y: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        h, r = self.seen[at][:, :-1], rows[:, :-1]
        gain = r @ h.T @ np.linalg.inv(h @ h.T + np.diag(self.noise[at]))
        return rows[:, -1] + gain @ (y[at] - self.seen[at][:, -1]), np.sqrt(np.diag(r @ r.T - gain @ h @ r.T))

    def filtered(self, rows: np.ndarray, y: np.ndarray, there: np.ndarray, lag: int) -> tuple[np.ndarray, np.ndarray]:
        pairs = [self.posterior(rows[t : t + 1], y, self.known(there, t + 1 + lag)) for t in range(ROUNDS)]
        return np.array([m[0] for m, _ in pairs]), np.array([s[0] for _, s in pairs])

    def log_density(self, y: np.ndarray, there: np.ndarray) -> float:
        at = np.flatnonzero(there)
        h = self.seen[at][:, :-1]
        spread, gap = h @ h.T + np.diag(self.noise[at]), y[at] - self.seen[at][:, -1]
        return float(-(gap @ np.linalg.solve(spread, gap) + np.linalg.slogdet(spread)[1] + len(at) * np.log(2 * np.pi)) / 2)


@pytest.fixture(scope="module")
def case() -> tuple[np.ndarray, Gappy, np.ndarray]:
    rng = np.random.default_rng(11)
    push = rng.normal(size=ROUNDS)
    joint = Gappy(push)
    return push, joint, joint.draw(rng)[1]


@pytest.fixture(scope="module")
def linear() -> og.Model:
    named = {"now": "kalman", "later": "kalman[lag = 3]", "crowd": "enkf[members = 600]"}
    return og.loads(LINEAR + "".join(f"recognition {n}{WIRES} {by}\n" for n, by in named.items()), "linear.game")


@settings(max_examples=25, deadline=None)
@given(there=MASKS, lag=st.sampled_from([0, 3]))
def test_the_kalman_filter_conditions_the_joint_distribution_on_what_is_there(case, linear: og.Model, there, lag: int) -> None:
    push, joint, y = case
    holes = np.where(there, y, np.nan)
    found = linear.recognise("later" if lag else "now", push=push, y=holes[:ROUNDS], z=holes[ROUNDS:])
    for wire, rows in (("x", joint.x), ("v", joint.v)):
        mean, deviation = joint.filtered(rows, y, there, lag)
        assert found.mean(wire) == pytest.approx(mean, abs=1e-9)
        assert found.deviation(wire) == pytest.approx(deviation, abs=1e-9)
    (mean,), (deviation,) = joint.posterior(joint.bias[None], y, np.flatnonzero(there))
    assert float(found.mean("bias")) == pytest.approx(mean, abs=1e-9)
    assert found.log_evidence == pytest.approx(joint.log_density(y, there), abs=1e-9)
    assert sum(map(len, found.missing.values())) == (~there).sum()


@pytest.mark.slow
def test_an_ensemble_agrees_with_it_up_to_its_own_noise(case, linear: og.Model) -> None:
    push, joint, y = case
    there = np.arange(2 * ROUNDS) % 3 != 1
    there[3:7] = there[ROUNDS + 3 : ROUNDS + 7] = False
    program = linear.program
    arrays = {"y": [np.tile(y[:ROUNDS], (16, 1))], "z": [np.tile(y[ROUNDS:], (16, 1))]}
    here = {"y": [np.tile(there[:ROUNDS], (16, 1))], "z": [np.tile(there[ROUNDS:], (16, 1))]}
    found = prepared(program, program.recognitions["crowd"]).run(1, np.arange(16), {"push": [np.tile(push, (16, 1))]}, arrays, here)
    for wire, rows in (("x", joint.x), ("v", joint.v)):
        mean, deviation = joint.filtered(rows, y, there, 0)
        for got, exact in ((found.beliefs[wire].mean(), mean), (found.beliefs[wire].deviation(), deviation)):
            error = got.std(0, ddof=1) / 4
            assert (error < 0.05 * deviation).all()  # so that the test can fail
            assert (np.abs(got.mean(0) - exact) < 5 * error + 0.01 * deviation).all()
    total = found.log_evidence.sum(1)
    assert abs(total.mean() - joint.log_density(y, there)) < 5 * total.std(ddof=1) / 4 + 0.1


#: The next level depends on what the meter said, seen or not.
ECHO = """
type T = 1..5
type Level = Low | Middle | High

param move: prob[Level] = [Low: 30%, Middle: 50%, High: 20%]
param yes:  prob[Level] = [Low: 10%, Middle: 50%, High: 80%]

channel process() -> (level: Level[T], reading: bool[T], sure: bool[T]) {
    for t in T carrying now = Middle, said = false {
        moves ~ bernoulli(if said then 9/10 else move[now])
        level = if not moves then now else match now { Low => Middle, Middle => High, High => Low }
        reading ~ bernoulli(yes[level])
        sure ~ bernoulli(if level == Low then 3/4 else 1/2)
        next now = level
        next said = reading
    }
}
recognition all(reading: bool[T], sure: bool[T]) -> (level: Level[T]) of process by exact
recognition some(reading: bool[T], sure: bool[T]) -> (level: Level[T]) of process by particle[particles = 20_000]
"""


def enumerated(reading: list[bool | None], sure: list[bool | None], upto: bool) -> tuple[np.ndarray, float]:
    """The chances of each level in each round given all evidence (or that so far), and of all evidence, by trying everything."""
    move, yes = np.array([0.3, 0.5, 0.2]), np.array([0.1, 0.5, 0.8])
    likely: dict[tuple, float] = {}
    for moves, said in product(product((0, 1), repeat=5), product((False, True), repeat=5)):
        now, before, chance, levels, by_round = 1, False, 1.0, [], []
        for t in range(5):
            p = 0.9 if before else move[now]
            chance *= p if moves[t] else 1 - p
            now = (now + moves[t]) % 3
            chance *= yes[now] if said[t] else 1 - yes[now]
            if reading[t] is not None and reading[t] != said[t]:
                chance = 0.0
            if sure[t] is not None:
                p = 0.75 if now == 0 else 0.5
                chance *= p if sure[t] else 1 - p
            before = said[t]
            levels.append(now)
            by_round.append(chance)
        for t in range(5):
            if not upto or (moves[t + 1 :] == (0,) * (4 - t) and said[t + 1 :] == (False,) * (4 - t)):
                key = (t, levels[t])
                likely[key] = likely.get(key, 0.0) + (by_round[t] if upto else chance)
        likely["all"] = likely.get("all", 0.0) + chance
    table = np.array([[likely.get((t, k), 0.0) for k in range(3)] for t in range(5)])
    return table / table.sum(1, keepdims=True), math.log(likely["all"])


HOLES = st.lists(st.sampled_from([None, None, True, False]), min_size=5, max_size=5)


@pytest.fixture(scope="module")
def echo() -> og.Model:
    return og.loads(ECHO, "echo.game")


def table(found) -> np.ndarray:
    shares = found.chances("level")
    return np.stack([shares.get(label, np.zeros(5)) for label in ("Low", "Middle", "High")], 1)


@settings(max_examples=20, deadline=None)
@given(reading=HOLES, sure=HOLES)
def test_the_exact_posterior_is_that_of_everything_tried(echo: og.Model, reading, sure) -> None:
    found = echo.recognise("all", reading=reading, sure=sure)
    chances, log = enumerated(reading, sure, upto=False)
    assert table(found) == pytest.approx(chances, abs=1e-12)
    assert found.log_evidence == pytest.approx(log, abs=1e-12)


def test_particles_draw_what_was_not_observed(echo: og.Model) -> None:
    for reading, sure in (([None, True, None, None, True], [None] * 5), ([True, None, None, False, None], [True, None, None, None, False])):
        found = echo.recognise("some", reading=reading, sure=sure)
        chances, log = enumerated(reading, sure, upto=True)
        assert np.abs(table(found) - chances).max() < 6 * 0.5 / math.sqrt(10_000)
        assert found.log_evidence == pytest.approx(log, abs=0.05)


def test_a_channel_without_rounds_is_conditioned_on_what_is_there() -> None:
    text = """
        channel c() -> (x: bool, a: bool, b: bool[1..2]) {
            x ~ bernoulli(1/4)
            a ~ bernoulli(if x then 4/5 else 1/5)
            for k in 1..2 { b ~ bernoulli(if x then 1/3 else 2/3) }
        }
        recognition r(a: bool, b: bool[1..2]) -> (x: bool) of c by exact
        recognition p(a: bool, b: bool[1..2]) -> (x: bool) of c by particle[particles = 40_000]
    """
    model = og.loads(text)
    for a, b in ((True, [None, True]), (None, [True, False]), (None, [None, None])):
        yes, no = 1 / 4, 3 / 4
        yes *= (4 / 5 if a else 1) * math.prod(1 if y is None else 1 / 3 if y else 2 / 3 for y in b)
        no *= (1 / 5 if a else 1) * math.prod(1 if y is None else 2 / 3 if y else 1 / 3 for y in b)
        assert float(model.recognise("r", a=a, b=b).mean("x")) == pytest.approx(yes / (yes + no), abs=1e-14)
        assert float(model.recognise("p", a=a, b=b).mean("x")) == pytest.approx(yes / (yes + no), abs=6 * 0.5 / math.sqrt(20_000))


def test_with_nothing_observed_the_prior_is_believed_and_said_to_be(linear: og.Model) -> None:
    found = linear.recognise("now", push=[0] * ROUNDS, y=[None] * ROUNDS, z=[None] * ROUNDS)
    assert found.log_evidence == 0 and not found.diverged
    assert float(found.mean("bias")) == 1 and float(found.deviation("bias")) == 2
    assert found.warnings() == ["nothing was observed of `y`", "nothing was observed of `z`"]
    assert found.notes()[0] == "not observed: `y` at 1 to 12 (12 of 12)"


def test_the_alarm_counts_what_was_observed_only() -> None:
    right = np.array([[1.0, 0, 0, 0, 30, 0]])
    counted = np.array([[1, 0, 0, 0, 1, 0]])
    assert not diverged(Found({"x": _one()}, np.full((1, 6), 6), None, right)).any()
    assert diverged(Found({"x": _one()}, counted, None, 2 * right)).all()


def _one():
    from opengames.solvers.recognition.beliefs import Normals
    from opengames.spaces import REAL

    return Normals(REAL, np.zeros((1, 6)), np.ones((1, 6)), 1)


TANK = """
use std.energy: MWh, kWh

type Hour = 1..6

channel store() -> (soc: real MWh[Hour], reading: real MWh[Hour], alert: bool[Hour]) {
    for t in Hour carrying before = 10 MWh {
        e ~ normal(0 MWh, 1 MWh)
        soc = before + e
        reading ~ normal(soc, 0.5 MWh)
        alert ~ bernoulli(if soc > 11 MWh then 3/4 else 1/4)
        next before = soc
    }
}
recognition meter(reading: real MWh[Hour], alert: bool[Hour]) -> (soc: real MWh[Hour]) of store by particle[particles = 400]
"""


def test_a_file_has_units_empty_cells_and_rows_that_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tank.game").write_text(TANK)
    Path("seen.csv").write_text("Hour,reading [kWh],alert\n6,12000,true\n1,10500,\n2,,false\n4,11 MWh,n/a\n")
    assert main(["recognise", "tank.game", "--data", "reading=seen.csv:reading", "--data", "alert=seen.csv:alert"]) == 0
    out = capsys.readouterr().out
    assert "not observed: `reading` at 2, 3, 5 (3 of 6)" in out and "not observed: `alert` at 1, 3 to 5 (4 of 6)" in out
    model = og.load("tank.game")
    found = model.recognise("meter", reading="seen.csv:reading", alert="seen.csv:alert")
    plain = model.recognise("meter", reading={1: 10.5, 4: 11, 6: 12}, alert=[None, False, None, None, None, True])
    assert (found.members("soc") == plain.members("soc")).all() and found.missing == plain.missing
    assert found.to_dict()["missing"] == {"reading": ["2", "3", "5"], "alert": ["1", "3", "4", "5"]}
    Path("seen.csv").write_text("Hour,reading [MW]\n1,10500\n")
    assert main(["recognise", "tank.game", "--data", "reading=seen.csv:reading", "--set", "alert=true"]) == 2
    assert "is in `MW`: `MW` is no unit of real MWh" in capsys.readouterr().err


def test_what_cannot_do_without_is_refused() -> None:
    written = """
        channel c() -> (x: bool, y: bool[1..2]) { x ~ bernoulli(1/2)  for k in 1..2 { y ~ bernoulli(if x then 3/4 else 1/4) } }
        recognition r(y: bool[1..2]) -> (x: bool) { x = y[1] }
    """
    with pytest.raises(og.Refusal, match="is written out, and takes a value for every entry"):
        og.loads(written).recognise("r", y=[True, None])
    pairs = """
        type R = (a: bool, b: bool)
        channel c() -> (x: bool, y: R) { x ~ bernoulli(1/2)  y ~ {(a: x, b: true): 1/2, (a: x, b: false): 1/2} }
        recognition r(y: R) -> (x: bool) of c by particle[particles = 500]
        recognition e(y: R) -> (x: bool) of c by exact
    """
    model = og.loads(pairs)
    assert float(model.recognise("e", y={"a": None, "b": True}).mean("x")) == 0.5
    assert 0.4 < float(model.recognise("r", y=None).mean("x")) < 0.6
    with pytest.raises(og.Refusal, match="drawn as a whole, and was observed in part") as refused:
        model.recognise("r", y={"a": None, "b": True})
    assert refused.value.diagnostics[0].code == "data-gap"
    with pytest.raises(og.Refusal) as refused:  # what is given is no evidence
        og.loads(LINEAR + f"recognition r{WIRES} kalman").recognise("r", push=[None] * ROUNDS, y=[0] * ROUNDS, z=[0] * ROUNDS)
    assert refused.value.diagnostics[0].code == "data-gap"
