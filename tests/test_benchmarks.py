"""The measurements run, at sizes too small to measure anything; their peers agree with what is measured."""

from __future__ import annotations

import json
import random
import sys
from fractions import Fraction
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import bif, check_speed, exact, fuzz, repeated, reservation
from benchmarks.fuzz_inputs import mutate, specs
from benchmarks.fuzz_worker import Watch
from benchmarks.generated import BLOCK, text_of
from benchmarks.measure import Figure, Outcome, growth
from benchmarks.report import BEGIN, END, number, renew
from opengames.dsl.check import check

SMALL = """
network unknown { }
variable RAIN { type discrete [ 2 ] { yes, no }; }
variable WET { type discrete [ 3 ] { dry, damp, soaked }; }
probability ( RAIN ) { table 0.25, 0.75; }
probability ( WET | RAIN ) {
  (yes) 0.0, 0.5, 0.5;
  (no) 0.3333333, 0.3333333, 0.3333333;
}
"""


def test_a_figure_is_held_to_its_target_in_the_right_direction() -> None:
    assert Figure("ratio", 4.0, wanted=4.0).met is True
    assert Figure("ratio", 3.9, wanted=4.0).met is False
    assert Figure("time", 3.9, "s", 4.0, "at most").met is True
    assert Figure("time", 4.1, "s", 4.0, "at most").met is False
    assert Figure("time", 4.1, "s").met is None


@pytest.mark.parametrize("power", [0.5, 1, 2])
def test_growth_finds_the_power_of_a_power_law(power: float) -> None:
    sizes = [10, 30, 100, 1000]
    assert growth(sizes, [7 * n**power for n in sizes]) == pytest.approx(power)


def test_numbers_keep_three_digits_that_matter() -> None:
    assert [number(x) for x in (0.01234, 1.0, 162.6, 5950.0, 3.3e-16)] == ["0.0123", "1", "163", "5,950", "3.3e-16"]


def test_the_table_is_put_between_the_marks_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    outcome = Outcome("x", "A measurement", (Figure("ratio", 3.0, wanted=4.0),))
    (tmp_path / "x.json").write_text(json.dumps(outcome.to_dict()))
    renew(tmp_path, page)
    once = page.read_text()
    assert once.startswith("before\n") and once.endswith("\nafter\n") and "old" not in once
    assert "| ratio | 3 times | at least 4 | **missed** |" in once
    renew(tmp_path, page)
    assert page.read_text() == once


def test_the_documents_and_the_results_name_no_host_and_no_folder() -> None:
    facts = json.dumps(Outcome("x", "y", ()).to_dict())
    assert str(Path.home()) not in facts and str(Path(__file__).parents[1]) not in facts


@pytest.mark.parametrize("lines", [1, 60, 150, 157])
def test_a_generated_text_has_the_length_asked_for_and_is_sound(lines: int) -> None:
    text = text_of(lines)
    assert text.count("\n") == lines
    assert check(text, "long.game").diagnostics == ()
    assert text.count("game Meeting") == lines // BLOCK.count("\n")


def test_a_network_becomes_a_text_with_the_same_chances() -> None:
    from opengames.session import loads

    network = bif.read(SMALL)
    assert network["WET"].rows["no",] == (Fraction(1, 3),) * 3  # what the file rounds is made whole
    text = bif.to_game(network, "small") + "query p = P(rain == yes | wet == damp) of small\n"
    # by hand: 1/4 * 1/2 / (1/4 * 1/2 + 3/4 * 1/3)
    assert str(loads(text).query("p").value) == "1/3"


def test_rows_that_are_no_chances_are_refused() -> None:
    with pytest.raises(ValueError, match="sums to"):
        bif.read(SMALL.replace("0.25, 0.75", "0.25, 0.65"))


def test_worlds_drawn_from_a_network_are_possible() -> None:
    network, rng = bif.read(SMALL), random.Random(1)
    assert all(w["WET"] != "dry" for w in (bif.sample(network, rng) for _ in range(300)) if w["RAIN"] == "yes")


def test_the_alarm_network_has_its_37_variables_and_checks() -> None:
    pytest.importorskip("pgmpy")
    network = bif.read(bif.shipped("alarm"))
    assert len(network) == 37
    assert check(bif.to_game(network, "alarm"), "alarm.game").diagnostics == ()


def test_the_exact_reading_agrees_with_its_peer_on_alarm() -> None:
    pytest.importorskip("pyagrum")
    found = {f.what: f for f in exact.measure(repeats=1, single=2, batch=5).figures}
    assert found["largest difference from pyAgrum's chances"].value < 1e-12


def test_repeated_play_is_measured_and_agrees_with_the_recursion() -> None:
    assert repeated.by_hand(1) == Fraction(3, 4) * (Fraction(7, 8) * 3) + Fraction(1, 4) * (Fraction(7, 8) * 5 + Fraction(1, 8))
    outcome = repeated.measure(rounds=(2, 4), repeats=1)
    assert set(outcome.details["cpu_seconds"]) == {"2", "4"}


def test_the_exchange_is_measured_against_its_peers() -> None:
    outcome = reservation.measure(n=20, t=5, repeats=1, inner=1, big=0)
    assert {"text", "diagram", "jax", "numpy"} <= set(outcome.details["cpu_ns_per_agent_step"])


def test_the_text_and_the_program_by_hand_agree_on_average() -> None:
    """Twice 60 independent runs: the difference of two means, two-sided at 1e-6."""
    import numpy as np

    from benchmarks.reservation_peers import Fresh, numpy_mean

    text = reservation.from_text(40, 30)
    ours = np.array([text(seed) for seed in range(60)])
    theirs = np.array([numpy_mean(40, 30, 4, Fresh(seed, 40, 4)) for seed in range(60)])
    assert abs(ours.mean() - theirs.mean()) < 4.9 * np.sqrt((ours.var(ddof=1) + theirs.var(ddof=1)) / 60)


def test_checking_is_measured_as_whole_processes() -> None:
    outcome = check_speed.measure(repeats=1, sizes=(60, 120), turns=1)
    assert outcome.figures[0].value > 0
    assert set(outcome.details["cpu_microseconds_per_line"]) == {"60", "120"}


def test_mutations_are_decided_by_the_seed() -> None:
    texts = specs()
    assert mutate(random.Random(3), texts[0], texts) == mutate(random.Random(3), texts[0], texts) != texts[0]


def test_the_watch_keeps_one_text_for_each_place_that_fails(tmp_path: Path) -> None:
    def fails(text: str) -> None:
        if "bad" in text:
            raise KeyError(text)

    watch = Watch(tmp_path, fails)
    for text in ("good", "bad one", "bad two"):
        watch.text(text)
    (story,) = tmp_path.glob("*.json")
    assert json.loads(story.read_text())["kind"] == "KeyError"
    assert story.with_suffix(".game").read_text() == "bad one"
    assert watch.texts == 3


def test_the_watch_ends_a_check_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.fuzz_worker.SECONDS", 0.05)

    def hangs(text: str) -> None:
        while True:
            pass

    Watch(tmp_path, hangs).text("x")
    (story,) = tmp_path.glob("*.json")
    assert json.loads(story.read_text())["kind"] == "Hang"


def test_the_fuzzer_counts_what_it_checked(tmp_path: Path) -> None:
    outcome = fuzz.measure(seconds=2.5, seed=5, engine="own", folder=tmp_path)
    assert outcome.figures[0].value > 0
    assert outcome.settings["processes"] == 1
