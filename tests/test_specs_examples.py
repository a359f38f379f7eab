"""The seven examples: the claims and queries that this version answers, and what it says about the others."""

from __future__ import annotations

from fractions import Fraction as F
from pathlib import Path

import numpy as np
import pytest

import opengames as og
from opengames.dsl.check import check

EXAMPLES = Path(__file__).parent.parent / "specs" / "examples"

#: By example: the verdict on each claim; of the battery, one by simulation.
VERDICTS = {
    "01_dilemma": {"grim_is_stable": "proved", "defecting_dominates": "proved", "both_regret_it": "proved"},
    "01_entry": {"acceptance_is_perfect": "proved", "threat_is_nash": "proved", "threat_is_empty": "proved"},
    "02_auction": {"shading_is_best": "proved", "truth_is_not": "proved", "nobody_overpays": "proved"},
    "03_events": {"no_dutch_book": "proved", "tickets_add_up": "proved", "posted_is_coherent": "refuted"},
    "04_reservation": dict.fromkeys(("threshold_is_best", "anticipation_composes", "presence_is_a_chance"), "proved"),
    "05_battery": {
        "charge_stays_inside": "proved", "guard_is_lazy": "proved", "no_free_energy": "proved", "calibrated": "supported",
    },
}  # fmt: skip


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.game")), ids=lambda p: p.stem)
def test_every_example_checks_without_a_word(path: Path) -> None:
    assert check(path.read_text(), path.stem).diagnostics == ()


def test_there_are_seven() -> None:
    assert {p.stem for p in EXAMPLES.glob("*.game")} == {*VERDICTS, "06_ercot"}


@pytest.mark.parametrize("name", VERDICTS)
def test_claims_have_the_verdicts_listed(name: str) -> None:
    found = og.load(EXAMPLES / f"{name}.game").verify()
    assert {c.name: c.verdict for c in found} == VERDICTS[name]
    for claim in found:
        assert claim.verdict != "unknown" or claim.because, f"{claim.name} does not say why"


def test_the_day_of_trading_keeps_its_charge_whatever_is_quoted_and_cleared() -> None:
    found = og.load(EXAMPLES / "06_ercot.game", demand=[900] * 24).verify()
    assert {c.name: c.verdict for c in found} == dict.fromkeys(
        ("soc_never_violated", "always_feasible", "scarcity_is_priced"), "proved"
    )
    assert all("z3" in c.method for c in found)  # how long it takes is measured: `python -m benchmarks claims`


def test_the_posted_prices_are_beaten_by_the_stakes_that_the_language_shows() -> None:
    claim = og.load(EXAMPLES / "03_events.game").verify("posted_is_coherent")[0]
    assert claim.because == (
        "buy 10 Congested at 20%, buy 10 Short at 15%, sell 10 Both at 10%, sell 10 Either at 30%",
        "collects 0.50 $ now and pays 0 $ in every one of the 32 worlds",
        "Both + Either must equal Congested + Short: 40 % is not 35 %",
    )
    assert claim.counterexample == "stake = [Congested: 10 $, Short: 10 $, Both: -10 $, Either: -10 $]"
    coherent = og.load(EXAMPLES / "03_events.game", posted="[Congested: 20%, Short: 15%, Both: 5%, Either: 30%]")
    assert coherent.verify("posted_is_coherent")[0].verdict == "proved"


def test_the_dilemma_has_one_equilibrium() -> None:
    found = og.load(EXAMPLES / "01_dilemma.game").query("nash").value.found
    assert [tuple(v for _, v in e.payoffs) for e in found] == [(1, 1)]


def test_the_auction_earns_seven_fifths_under_shading_and_is_efficient() -> None:
    model = og.load(EXAMPLES / "02_auction.game")
    assert model.query("revenue").shown == "7/5 $"
    assert model.query("efficient").value == 1


def test_beliefs_about_the_grid() -> None:
    # P(binds) = 0.6 (0.95 * 0.05 + 0.05 * 0.2) + 0.4 (0.95 * 0.3 + 0.05 * 0.9); then Bayes.
    model = og.load(EXAMPLES / "03_events.game")
    outage = F(1, 20) * (F(6, 10) * F(1, 5) + F(4, 10) * F(9, 10))
    binds = outage + F(19, 20) * (F(6, 10) * F(1, 20) + F(4, 10) * F(3, 10))
    assert model.query("belief").value == binds == F(333, 2000)
    assert model.query("diagnose").value == outage / binds == F(16, 111)


def test_the_average_bill_of_the_exchange_is_that_of_another_program() -> None:
    # Two estimates of one mean, by programs that share nothing, differ by more than 4.5 of their joint standard
    # errors with chance 7e-6.
    answer = og.load(EXAMPLES / "04_reservation.game").query("average")
    assert answer.interval is not None
    error = (answer.interval[1] - answer.interval[0]) / 2 / 1.96
    other = _bills(40_000, np.random.default_rng(5))
    joint = np.hypot(error, other.std(ddof=1) / np.sqrt(len(other)))
    assert abs(float(answer.value) - other.mean()) < 4.5 * joint


def _bills(people: int, random: np.random.Generator, units: int = 96, leads: int = 4) -> np.ndarray:
    """What each of `people` prosumers pays, each with prices of its own: the example's rules, written out again."""
    price = np.full((people, leads), 5.0)
    home = np.zeros(people, bool)
    asp = np.full((people, leads), 0.1)
    held = np.zeros((people, leads), bool)
    paid = np.zeros(people)
    for _ in range(units):
        before = price[:, [min(k + 1, leads - 1) for k in range(leads)]]
        price = np.where(random.random((people, leads)) < 0.1, 15 - before, before)
        switched = random.random(people) < np.clip(asp[:, 0] + np.where(home, -0.05, 0.05), 0, 1)
        home = home != switched
        view = np.empty_like(asp)
        view[:, -1] = np.where(random.random(people) < 0.1, 0.9, 0.1)
        for k in range(leads - 2, -1, -1):
            view[:, k] = np.where(switched, 0.1, (view[:, k + 1] + asp[:, k]) / 2)
        chance = (1 + np.where(home, 1, -1)[:, None] * np.cumprod(1 - 2 * view, axis=1)) / 2
        owned = np.column_stack([held[:, 1:], np.zeros(people, bool)])
        reserve = price < 12 * chance
        paid += (price * (reserve * 1.0 - owned)).sum(axis=1) + 12 * (home & ~held[:, 0])
        asp, held = view, reserve
    return paid


def test_what_the_clearing_needs_is_said() -> None:
    model = og.load(EXAMPLES / "06_ercot.game", demand=[900] * 24)
    with pytest.raises(og.Refusal) as refused:
        model.query("tail")
    assert {d.code for d in refused.value.diagnostics} == {"not-yet"}
