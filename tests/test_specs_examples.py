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


@pytest.fixture(scope="module")
def trading_day():
    return og.load(EXAMPLES / "06_ercot.game", demand=[600 + 15 * i for i in range(24)])


def test_every_hour_of_the_trading_day_is_cleared_at_the_least_cost(trading_day) -> None:
    """Oracle: the interval written out by hand, solved by scipy at the loads and charges of the runs."""
    keep = ["load", "soc", "lmp.p", "lmp.kept", "lmp.out", "lmp.into"]
    runs = trading_day.run("Day", "lazy", runs=3, keep=keep)
    earned = runs["lmp.kept"] @ [500, 50, 5] - runs["lmp.p"] @ [14, 15, 30, 40, 10] - 35 * runs["lmp.out"] + 10 * runs["lmp.into"]
    for run, hour in np.ndindex(3, 24):
        best = _interval(runs["load"][run, hour], runs["soc"][run, hour], bid=10, offer=35)
        assert earned[run, hour] == pytest.approx(best, abs=1e-5)


def _interval(load, soc, bid, offer):
    """What the operator can earn at most: columns p, r (5 each), kept (3), angles (5), out, into, spin."""
    from scipy.optimize import linprog

    bus, cap, ramp = [0, 0, 2, 3, 4], [40, 170, 520, 200, 600], [40, 40, 60, 80, 30]
    lines = [(0, 1, 0.0281, 400), (0, 3, 0.0304, 999), (0, 4, 0.0064, 999), (1, 2, 0.0108, 999), (2, 3, 0.0297, 999), (3, 4, 0.0297, 240)]
    out, into, spin = 18, 19, 20
    cost = np.zeros(21)
    cost[:5], cost[10:13], cost[out], cost[into] = [14, 15, 30, 40, 10], [-500, -50, -5], offer, -bid
    flows = np.zeros((6, 21))
    for row, (tail, head, x, _) in zip(flows, lines, strict=True):
        row[13 + tail], row[13 + head] = 100 / x, -100 / x
    balance = np.zeros((6, 21))
    for unit, at in enumerate(bus):
        balance[at, unit] = 1
    for row, (tail, head, *_) in zip(flows, lines, strict=True):
        balance[tail] -= row
        balance[head] += row
    balance[3, out], balance[3, into] = 1, -1
    balance[5, 13] = 1
    limits = np.array([each[3] for each in lines])
    shared = np.zeros((9, 21))
    for unit in range(5):
        shared[unit, unit] = shared[unit, 5 + unit] = 1
    shared[5, 10:13], shared[5, 5:10], shared[5, spin] = 1, -1, -1
    shared[6, out] = shared[6, spin] = 1
    shared[7, out] = shared[7, spin] = 1
    shared[8, into] = 0.9
    found = linprog(
        cost, A_ub=np.vstack([flows, -flows, shared]), b_ub=np.concatenate([limits, limits, cap, [0, 100, soc, 400 - soc]]),
        A_eq=balance, b_eq=[*(load * np.array([0, 0.3, 0.3, 0.4, 0])), 0],
        bounds=[(0, None)] * 5 + [(0, r) for r in ramp] + [(0, 60), (0, 60), (0, 80)] + [(None, None)] * 5 + [(0, None), (0, 100), (0, None)],
    )  # fmt: skip
    assert found.status == 0
    return -found.fun


def test_the_trading_day_answers_its_questions(trading_day) -> None:
    spread = trading_day.query("spread")
    assert spread.because[0].startswith("estimated from runs")
    low, high = spread.interval
    assert 0 < low < float(spread.value) < high < 40
    tail = trading_day.query("tail")
    assert tail.runs == 2_000
    assert tail.interval[0] <= tail.value <= tail.interval[1]
    assert "largest KKT residual" in tail.because[-1]
