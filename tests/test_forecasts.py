"""Scores of forecasts, and a market of models."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import opengames as og
from opengames.diagnostics import Refusal
from opengames.solvers.forecasts import Forecaster, contest, paired, score, wilson
from opengames.solvers.forecasts.worlds import chained, conditional, draw

forecasts = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40)


@pytest.fixture(scope="module")
def model():
    return og.load("specs/grid_day.game")


# ------------------------------------------------------------------------------------------- scores


@given(forecasts)
def test_the_parts_of_the_brier_score_add_up(pairs):
    found = score(*zip(*pairs, strict=True))
    assert found.reliability - found.resolution + found.uncertainty + found.remainder == pytest.approx(found.brier, abs=1e-12)
    assert sum(b.count for b in found.calibration) == len(pairs)


@given(st.lists(st.tuples(st.sampled_from([0.05, 0.35, 0.75]), st.booleans()), min_size=1, max_size=40))
def test_nothing_remains_where_all_forecasts_of_a_bin_are_equal(pairs):
    assert score(*zip(*pairs, strict=True)).remainder == pytest.approx(0, abs=1e-12)


def test_scores_by_hand():
    found = score([0.8, 0.3], [True, False])
    assert found.brier == pytest.approx((0.2**2 + 0.3**2) / 2)
    assert found.log == pytest.approx(-(math.log(0.8) + math.log(0.7)) / 2)


def test_what_was_held_impossible_and_happened_scores_infinity():
    assert score([0.0, 0.5], [True, True]).log == math.inf


@pytest.mark.parametrize(("p", "o"), [([1.2], [True]), ([0.5, 0.5], [True]), ([], []), ([math.nan], [False])])
def test_what_is_no_forecast_is_refused(p, o):
    with pytest.raises(ValueError):
        score(p, o)


def test_wilsons_interval_as_published():
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263 is 0.2553 to 0.3662, 0 of 20 is 0 to 0.1611
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_a_paired_interval_is_that_of_scipy():
    from scipy.stats import ttest_1samp

    values = np.random.default_rng(1).normal(0.3, 1, 25)
    mean, (low, high) = paired(values)
    theirs = ttest_1samp(values, 0).confidence_interval(0.95)
    assert (mean, low, high) == pytest.approx((values.mean(), theirs.low, theirs.high), abs=1e-9)


# ------------------------------------------------------------------------------------------- worlds


def test_worlds_are_drawn_by_their_chances(model):
    worlds = draw(model.program, "day", 20_000, 3)
    both = np.mean([w["scarce"] and w["late"] for w in worlds])
    exact = float(model.query("both_scarce").value)
    assert abs(both - exact) < 5 * math.sqrt(exact * (1 - exact) / 20_000)  # false alarm: 6e-7
    assert draw(model.program, "day", 50, 3) == draw(model.program, "day", 50, 3)


def test_a_chain_of_conditional_distributions_gives_the_joint_one(model):
    joint = conditional(model.program, model.program.diagrams["desk"])[("Calm", "High")]
    rows = dict(chained(joint, [(False, True), (False, True)]))
    for (scarce, late), chance in joint.items():
        assert rows[()][scarce] * rows[(scarce,)][late] == pytest.approx(chance, abs=1e-12)


# ------------------------------------------------------------------------------------------ contests


def test_what_traders_gain_is_what_their_trades_improved_the_price_by(model):
    """One trader, one event, one period: the profit is b ln(p after / p before) of what happened."""
    world = {"report": "Fair", "reading": "Usual", "wind": "Calm", "load": "Low", "outage": False, "scarce": False, "late": False, "binds": False}
    found = contest(
        model, "day", "opening", [Forecaster("sky", "sky", cash=10_000, trust=1, stake=1)], worlds=[world, world], depth=7,
        events=["wind == Calm"],
    )  # fmt: skip
    assert found.prices[0] == pytest.approx(0.6)
    assert found.profit[0, 0] == pytest.approx(7 * math.log(0.6 / 0.4), abs=1e-6)
    told = sum(q * math.log(q / p) for p, q in zip((0.4, 0.35, 0.25), (0.6, 0.32, 0.08), strict=True))
    assert found.influence[0, 0] == pytest.approx(told, abs=1e-6)


def test_a_forecaster_with_inputs_trades_given_each_of_their_values(model):
    world = {"report": "Fair", "reading": "Usual", "wind": "Windy", "load": "Low", "outage": True, "scarce": False, "late": False, "binds": True}
    found = contest(
        model, "day", "opening", [Forecaster("line", "line", cash=10_000, trust=1, stake=1)], worlds=[world, world], depth=7,
        events=["binds", "binds and wind == Windy and outage"],
    )  # fmt: skip
    chances = {("Calm", False): 0.03, ("Calm", True): 0.25, ("Breezy", False): 0.1, ("Breezy", True): 0.5, ("Windy", False): 0.4, ("Windy", True): 0.9}
    wind, outage = {"Calm": 0.4, "Breezy": 0.35, "Windy": 0.25}, {False: 0.94, True: 0.06}
    assert found.prices[0, 0] == pytest.approx(sum(p * wind[w] * outage[o] for (w, o), p in chances.items()), abs=1e-6)
    assert found.prices[0, 1] == pytest.approx(0.25 * 0.06 * 0.9, abs=1e-6)
    assert found.profit[0, 0] == pytest.approx(7 * math.log(0.9 / 0.15), abs=1e-6)


def test_independent_bets_have_the_same_single_prices_and_the_product_of_them(model):
    found = contest(
        model, "day", "opening", [Forecaster("desk", "desk"), Forecaster("sky", "sky")], periods=3, seed=2,
        events=["scarce", "late", "scarce and late"],
    )  # fmt: skip
    assert found.alone[:, :2] == pytest.approx(found.prices[:, :2], abs=1e-9)
    assert found.alone[:, 2] == pytest.approx(found.prices[:, 0] * found.prices[:, 1], abs=1e-9)
    assert (found.prices[:, 2] > found.alone[:, 2]).all()


def test_nobody_loses_more_in_a_period_than_was_staked_and_money_is_kept_count_of(model):
    players = [Forecaster("sky", "sky", 50, 1.0, 0.2), Forecaster("desk", "desk", 50, 1.0, 0.2)]
    found = contest(model, "day", "opening", players, periods=15, depth=200, seed=5)
    before = np.vstack([[50.0, 50.0], found.cash[:-1]])
    assert (found.profit >= -0.2 * before - 1e-6).all()
    assert found.cash == pytest.approx(before + found.profit, abs=1e-9)
    assert found.trades > 0


def test_the_market_is_sharper_in_the_joint_tail_than_independent_bets(model):
    """The claim on the generated day, with the events and the size that the documents report, in short."""
    players = [Forecaster(n, n) for n in ("sky", "demand", "desk", "line")]
    found = contest(model, "day", "opening", players, periods=120, events=["scarce and late"], depth=50, seed=11)
    _, (low, _) = found.sharper["scarce and late"]
    assert low > 0


@pytest.mark.parametrize(
    ("players", "said"),
    [
        ([Forecaster("a", "nowhere")], "which is no channel"),
        ([Forecaster("a", "sky"), Forecaster("a", "desk")], "two forecasters are called `a`"),
        ([Forecaster("a", "day")], "does not trade"),
    ],
)
def test_forecasters_that_do_not_fit_are_refused(model, players, said):
    with pytest.raises(Refusal, match=said):
        contest(model, "day", "opening", players, periods=2)


def test_a_world_that_lacks_an_event_is_refused(model):
    with pytest.raises(Refusal, match="period 1 does not say what became of"):
        contest(model, "day", "opening", [Forecaster("sky", "sky")], worlds=[{"report": "Fair", "wind": "Calm"}])


def test_the_command_prints_draws_and_speaks_json(tmp_path, capsys):
    import json

    from opengames.cli import main

    picture = tmp_path / "day.svg"
    words = ["contest", "specs/grid_day.game", "--truth", "day", "--market", "opening", "sky", "desk", "--periods", "4"]
    assert main([*words, "--plot", str(picture)]) == 0
    assert "4 periods" in capsys.readouterr().out and picture.read_text().lstrip().startswith("<?xml")
    assert main([*words, "--json", "--event", "scarce and late"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [t["name"] for t in said["traders"]] == ["sky", "desk"] and said["events"][0]["event"] == "scarce and late"
    assert main(["contest", "specs/grid_day.game", "--truth", "day", "--market", "opening", "sky:much"]) == 2
    assert "does not say an amount of cash" in capsys.readouterr().err
