"""Coverage: claims about recognitions are tried on plays, and a recognition that is too sure of itself is caught."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import opengames as og
from opengames.cli import main
from opengames.diagram import walk
from opengames.solvers.recognition import coverage
from opengames.solvers.recognition.beliefs import Chances, Members, Normals
from opengames.solvers.recognition.calibration import closed, clustered
from opengames.spaces import BOOL, REAL

BATTERY = Path(__file__).parent.parent / "specs" / "examples" / "05_battery.game"

WALK = """
param push: real = 0

channel walk(drive: [-1, 1][1..6]) -> (x: real[1..6], y: real[1..6]) {
    for t in 1..6 carrying at = 0 {
        e ~ normal(0, 1)
        x = at + drive[t] + push + e
        y ~ normal(x, 2)
        next at = x
    }
}
recognition sure(drive: [-1, 1][1..6], y: real[1..6]) -> (x: real[1..6]) of walk by kalman
recognition rash(drive: [-1, 1][1..6], y: real[1..6]) -> (x: real[1..6]) of walk by enkf[members = 32, inflation = 0.3]

verify calibrated: coverage(sure, 80%) in [77%, 83%] by simulate[runs = 4_000]
verify too_wide:   coverage(sure, 80%) > 85% by simulate[runs = 4_000]
verify rash_is_ok: coverage(rash, 90%) >= 85% by simulate[runs = 300]
query  how_often = coverage(sure, 50%) by simulate[runs = 4_000]
"""


@pytest.fixture(scope="module")
def walk_model() -> og.Model:
    return og.loads(WALK, "walk.game")


def test_a_right_filter_is_calibrated_and_a_false_claim_about_it_is_not_supported(walk_model: og.Model) -> None:
    found = {c.name: c for c in walk_model.verify(["calibrated", "too_wide"])}
    assert found["calibrated"].verdict == "supported" and found["calibrated"].runs == 4000
    assert found["too_wide"].verdict == "not supported"
    assert "kalman, filtered" in found["calibrated"].because[0]


def test_a_query_gives_the_share_with_its_interval(walk_model: og.Model) -> None:
    answer = walk_model.query("how_often")
    lower, upper = answer.interval
    assert lower < answer.value < upper and upper - lower < 0.03
    assert abs(answer.value - 0.5) < upper - lower  # two half widths: four standard errors


def test_an_ensemble_that_is_too_sure_of_itself_is_caught(walk_model: og.Model) -> None:
    claim = walk_model.verify("rash_is_ok")[0]
    assert claim.verdict == "not supported" and claim.runs == 300
    assert claim.because[0].startswith("enkf, 32 members, filtered: the 0.9 intervals hold 0.2")
    assert claim.because[0].endswith("in 300 runs of 6 entries each")


@pytest.mark.slow
def test_the_battery_is_calibrated() -> None:
    model = og.load(BATTERY)
    found = coverage(model.program, model.program.recognitions["track"], 0.9, 200)
    assert 0.88 < found.lower < found.share < found.upper < 0.92 and not found.diverged and not found.lost
    assert model.verify("calibrated")[0].verdict == "supported"


def test_a_finite_recognition_covers_at_least_its_level() -> None:
    text = """
        type Eye = 0..4
        channel c() -> (x: Eye, y: bool) { x ~ uniform(Eye)  y ~ bernoulli(x / 4) }
        recognition r(y: bool) -> (x: Eye) of c by exact
        verify v: coverage(r, 60%) >= 60% by simulate[runs = 2_000]
    """
    model = og.loads(text)
    found = coverage(model.program, model.program.recognitions["r"], 0.6, 4000)
    # given true, x is 1..4 with chances 1/10, 2/10, 3/10, 4/10: from the 20 % to the 80 % point it is 2..4, of chance 9/10
    assert abs(found.share - 0.9) < 5 * math.sqrt(0.09 / 4000)
    assert model.verify("v")[0].verdict == "supported"


def test_inputs_are_drawn_evenly_over_their_types_and_what_has_no_bounds_is_refused() -> None:
    text = """
        type Side = Head | Tail
        channel c(a: [2, 4], s: Side[1..3], n: 1..6) -> (y: real) { y ~ normal(a, 1) }
        channel d(a: real) -> (y: real) { y ~ normal(a, 1) }
        recognition r(a: real, y: real) -> (y2: real) of e by kalman
        channel e(a: real) -> (y: real, y2: real) { y2 ~ normal(a, 1)  y ~ normal(y2, 1) }
        verify v: coverage(r, 90%) > 1/2
    """
    from opengames.sampled import simulate

    model = og.loads(text)
    plays = simulate(model.program, closed(model.program.diagrams["c"]), runs=3000, keep=("a", "s", "n"))
    a, s, n = (plays.columns[w].data for w in ("a", "s", "n"))
    assert s.shape == (3000, 3) and abs(s.mean() - 0.5) < 0.03 and abs(n.mean() - 3.5) < 0.2
    assert a.min() >= 2 and a.max() <= 4 and abs(a.mean() - 3) < 0.06 and abs(a.var() - 1 / 3) < 0.03
    with pytest.raises(og.Refusal, match="`a` of `e` has no bounds"):
        coverage(model.program, model.program.recognitions["r"], 0.9, 10)
    claim = model.verify("v")[0]
    assert claim.verdict == "unknown" and "no bounds" in claim.because[0]


def test_closing_a_channel_leaves_its_draws_their_names(walk_model: og.Model) -> None:
    before = [box.out.name for _, box in walk(walk_model.program.diagrams["walk"]) if hasattr(box, "kernel")]
    after = [box.out.name for _, box in walk(closed(walk_model.program.diagrams["walk"])) if hasattr(box, "kernel")]
    assert after[-len(before) :] == before


WRITTEN = """
    channel c() -> (x: real, y: real) { x ~ normal(0, 1)  y ~ normal(x, 1) }
    channel wide(push: [-1, 1]) -> (x: real, y: real) { x ~ normal(push, 3)  y ~ normal(x, 1) }
    recognition right(y: real) -> (x: real) { x ~ normal(y / 2, sqrt(1/2)) }
    recognition rash(y: real) -> (x: real) { x ~ normal(y / 2, 0.3) }
    query a = coverage(right, 90%) of c by simulate[runs = 300]
    query b = coverage(rash, 90%) of c by simulate[runs = 300]
    query d = coverage(right, 90%) of wide by simulate[runs = 300]
    query e = coverage(right, 90%) by simulate[runs = 300]
"""


def test_a_written_out_recognition_is_tried_on_plays_of_the_channel_that_is_named() -> None:
    """Of normal distributions the covered share is known: the interval is as wide as the recognition thinks, the truth as it is."""
    from statistics import NormalDist

    model = og.loads(WRITTEN)
    for name, ratio in (("a", 1.0), ("b", 0.3 / math.sqrt(1 / 2))):
        due = 2 * NormalDist().cdf(ratio * NormalDist().inv_cdf(0.95)) - 1
        assert abs(model.query(name).value - due) < 5 * math.sqrt(due * (1 - due) / 300)
    assert model.query("d").value < 0.7
    with pytest.raises(og.Refusal) as refused:
        model.query("e")
    assert "may be the inverse of `c` or `wide`; say of which channel" in refused.value.diagnostics[0].notes[0]


def test_the_only_channel_that_has_its_wires_need_not_be_named() -> None:
    text = """
        channel c() -> (x: bool, y: bool) { x ~ bernoulli(1/2)  y ~ bernoulli(if x then 3/4 else 1/4) }
        channel less() -> (x: bool) { x ~ bernoulli(1/2) }
        recognition r(y: bool) -> (x: bool) { x = y }
        recognition far(z: bool) -> (x: bool) { x = z }
        verify v: coverage(r, 90%) in [60%, 85%] by simulate[runs = 400]
        verify w: coverage(far, 90%) > 1/2
        verify n: coverage(r, 90%) > 1/2 of less
    """
    model = og.loads(text)
    found = {c.name: c for c in model.verify()}
    assert found["v"].verdict == "supported" and "as written" in found["v"].because[0]
    assert "no channel has all of its wires" in found["w"].because[0]
    assert found["n"].verdict == "unknown" and "that has no wire `y`" in found["n"].because[0]
    assert model.recognise("r", y=True).chances("x") == {True: 1.0}


def test_what_a_written_out_recognition_cannot_compute_is_told_with_its_place() -> None:
    text = """
        channel c() -> (x: real, y: 0..2) { x ~ normal(0, 1)  y = if x > 1 then 2 else if x > 0 then 1 else 0 }
        recognition r(y: 0..2) -> (x: real) { x ~ normal(1 / y, 1) }
        query q = coverage(r, 90%) by simulate[runs = 50]
    """
    model = og.loads(text, "broken.game")
    assert float(model.recognise("r", y=2).mean("x")) == pytest.approx(0.5, abs=6 / 16)
    for ask in (lambda: model.recognise("r", y=0), lambda: model.query("q")):
        with pytest.raises(og.Refusal) as refused:
            ask()
        found = refused.value.diagnostics[0]
        assert found.code == "division-by-zero" and found.span is not None and "r.x" in found.notes[0]


def test_a_written_out_recognition_shares_no_noise_with_the_plays() -> None:
    """Were its draws called like those of the plays, the guess would be the truth itself in the first member of the first run."""
    from opengames.sampled import simulate

    model = og.loads("channel c() -> (x: real, y: bool) { x ~ normal(0, 1)  y = x > 9 } recognition r(y: bool) -> (x: real) { x ~ normal(0, 1) }")
    played = simulate(model.program, model.program.diagrams["c"], runs=256, seed=0, keep=("x",)).columns["x"].data
    guessed = model.recognise("r", y=False, seed=0).members("x")
    assert not np.isclose(played, guessed).any()


# ---------------------------------------------------------------------------- beliefs


@given(st.integers(2, 40), st.integers(0, 1000))
def test_the_interval_of_shares_by_run_is_that_of_their_mean(runs: int, seed: int) -> None:
    hits = np.random.default_rng(seed).random((runs, 7)) < np.random.default_rng(seed + 1).random((runs, 1))
    share, lower, upper = clustered(hits)
    assert 0 <= lower <= share <= upper <= 1 and share == pytest.approx(hits.mean())
    by_run = hits.mean(1)
    if by_run.std() > 0:
        half = 1.959964 * by_run.std(ddof=1) / math.sqrt(runs)
        assert (lower, upper) == pytest.approx((max(0, share - half), min(1, share + half)))


def test_all_runs_agreeing_is_no_certainty() -> None:
    assert clustered(np.ones((20, 5), bool))[1] < 0.9


def test_members_drawn_with_the_truth_cover_their_level() -> None:
    rng = np.random.default_rng(3)
    drawn = rng.normal(size=(20_000, 40))  # the truth is exchangeable with the members
    held = Members(REAL, drawn[:, 1:]).covers(0.9, drawn[:, 0])
    assert abs(held.mean() - 0.9) < 5 * math.sqrt(0.09 / 20_000)


def test_weights_count_as_repeated_members() -> None:
    x = np.array([[3.0, 1.0, 2.0]])
    weighted = Members(REAL, x, np.array([[0.25, 0.5, 0.25]]))
    repeated = Members(REAL, np.array([[3.0, 1.0, 1.0, 2.0]]), np.full((1, 4), 0.25))
    for share in (0.1, 0.5, 0.6, 0.9):
        assert weighted.quantile(share) == repeated.quantile(share)
    assert weighted.mean() == repeated.mean() == 1.75 and weighted.deviation() == pytest.approx(repeated.deviation())


def test_normal_intervals_are_those_of_the_table() -> None:
    lower, upper = Normals(REAL, np.array([10.0]), np.array([2.0])).interval(0.95)
    assert (lower[0], upper[0]) == pytest.approx((10 - 3.919928, 10 + 3.919928))


def test_the_smallest_set_of_labels_reaches_the_level() -> None:
    shares = np.array([[0.2, 0.95], [0.8, 0.05]])
    belief = Chances(BOOL, np.array([False, True]), shares)
    assert belief.covers(0.9, np.array([False, False])).tolist() == [True, True]
    assert belief.covers(0.7, np.array([False, True])).tolist() == [False, False]


# ---------------------------------------------------------------------- from outside


def test_the_command_line_reads_evidence_and_writes_what_it_infers(
    walk_model: og.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("walk.game").write_text(WALK)
    with open("seen.csv", "w", newline="") as file:
        csv.writer(file).writerows([["drive", "y"], *[[0.5, t] for t in range(6)]])
    given_ = ["recognise", "walk.game", "sure", "--data", "drive=seen.csv:drive", "--data", "y=seen.csv:y"]
    assert main([*given_, "--set", "push=0.5", "--out", "x.csv", "--picture", "x.svg"]) == 0
    out = capsys.readouterr().out
    found = walk_model.with_params(push=0.5).recognise("sure", drive=[0.5] * 6, y=range(6))
    assert out.splitlines()[0] == "sure: kalman, filtered, intervals of 0.9" and "log evidence" in out
    with open("x.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(r["x"]) for r in rows] == pytest.approx(found.mean("x").tolist())
    assert Path("x.svg").read_text().startswith("<svg")
    assert main(["recognise", "walk.game", "sure", "--data", "y=seen.csv:y"]) == 2
    assert "`sure` needs a value for `drive`" in capsys.readouterr().err
    assert main(["recognise", "walk.game", "shure"]) == 2
    assert "did you mean `sure`?" in capsys.readouterr().err
    assert main(["recognise", "walk.game"]) == 2
    assert "say which recognition is meant" in capsys.readouterr().err


def test_data_from_another_world_sets_the_alarm_off(walk_model: og.Model) -> None:
    drive = [0.0] * 6
    assert not walk_model.recognise("sure", drive=drive, y=[0, 1, 0, -1, 1, 2]).diverged
    lost = walk_model.recognise("sure", drive=drive, y=[0, 90, 0, -90, 1, 2])
    assert lost.diverged and "may have lost the state" in lost.warnings()[0]
