"""The battery of `specs/battery_day.game`: closed-form days, a linear program as oracle, and a year of real prices."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opengames.demo.battery import best_plan, model, play, table, year
from opengames.demo.pictures import year_picture
from opengames.diagnostics import Refusal
from opengames.models.battery import percentile_bands, shifted
from opengames.models.day_ahead import Series, day_ahead
from opengames.models.risk import by_day, drawdown, risk


def linear_programme(prices: list[float], sold: float = 100) -> float:
    """The true optimum by HiGHS: stored energy is free within its band, not on a grid. sold: the most in an hour, MWh."""
    from scipy.optimize import linprog
    from scipy.sparse import eye, hstack

    n, p = len(prices), np.asarray(prices)
    cost = np.concatenate([p + 5 * 0.95, -p + 5 / 0.95, np.zeros(n)])
    flows = hstack([-0.95 * eye(n), eye(n) / 0.95, eye(n) - eye(n, k=-1)]).tocsr()
    before = np.zeros(n)
    before[0] = 200
    bounds = [(0, 100)] * n + [(0, sold)] * n + [(40, 360)] * (n - 1) + [(200, 200)]
    return -linprog(cost, A_eq=flows, b_eq=before, bounds=bounds, method="highs").fun


@pytest.mark.parametrize(
    ("prices", "worth"),
    [
        ([20] * 12 + [60] * 12, 4151.58),
        ([60] * 12 + [20] * 12, 4151.58),
        ([30] * 24, 0),
        ([-50] + [30] * 23, 6757.50),
        ([30] * 12 + [45] * 12, 187.37),
        ([30] * 12 + [Fraction(437, 10)] * 12, 0),
    ],
)
def test_days_with_a_closed_form_are_met_to_the_cent(prices, worth):
    """By hand: charge 160 MWh of cells at 0.95, sell it at 0.95, 5 $ of wear each way; 13.7 $ is below break-even."""
    found, plan = best_plan(model(price=tuple(map(Fraction, prices))))
    assert round(found, 2) == worth
    assert sum(plan) == 0


@settings(max_examples=10)
@given(st.lists(st.integers(-40, 200), min_size=24, max_size=24))
def test_the_grid_loses_nothing_but_the_last_quarter_of_a_megawatt_sold(prices):
    """Within 105 MWh of cells an hour every bound lies on the grid of 5 MWh, and money is concave in what is stored
    for prices above -97 $, where buying and selling at once would pay. So this is a network flow whose programme has
    an optimum on the grid: 105 MWh of cells are 99.75 MWh sold. Mixing the optimum of 100 with idling, 0.9975 to
    0.0025, keeps within 99.75: no more than that share is lost.
    """
    found, _ = best_plan(model(price=tuple(map(Fraction, prices))))
    best = linear_programme([float(p) for p in prices])
    assert float(found) == pytest.approx(linear_programme([float(p) for p in prices], 99.75), abs=1e-5)
    assert 0.9975 * best - 1e-5 <= found <= best + 1e-5


def test_no_strategy_beats_the_optimum_and_all_keep_the_cells_in_band():
    series = day_ahead("hb_west", 2022)
    month = Series(series.point, series.days[:744], series.prices[:744])
    found = year(month)
    for outcome in found.outcomes:
        assert outcome.profit <= found.best + 1e-6, outcome.name
        assert outcome.stored.min() >= 40, outcome.name
        assert outcome.stored.max() <= 360, outcome.name
    assert found.outcomes[0].profit == 0
    assert len(table(found)) == 8


def test_the_year_2022_at_houston_comes_out_as_published():
    """Profit as a share of the optimum: clock 0.411, percentile 0.543, yesterday's prices 0.821, today's 0.951."""
    found = year(day_ahead("hb_houston", 2022))
    shares = {o.name: o.profit / found.best for o in found.outcomes}
    assert found.best == pytest.approx(11.74e6, rel=2e-3)
    assert shares["clock"] == pytest.approx(0.411, abs=0.002)
    assert shares["percentile rule 30/70"] == pytest.approx(0.543, abs=0.002)
    assert shares["plan on yesterday's prices"] == pytest.approx(0.821, abs=0.002)
    assert shares["plan on today's prices"] == pytest.approx(0.951, abs=0.002)


def test_exact_and_sampled_readings_of_a_strategy_agree():
    prices = day_ahead("hb_houston", 2021).prices[:48]
    found = model(H=Fraction(48), price=prices)
    played = play(found, "clock", "clock", [date(2021, 1, 1)] * 24 + [date(2021, 1, 2)] * 24)
    assert float(found.query("by_clock")) == pytest.approx(played.profit, abs=1e-6)


def test_risk_of_one_to_a_hundred():
    """With quantiles by linear interpolation, VaR 95 is -5.95 and CVaR 95 is -3."""
    found = risk(range(1, 101))
    assert found.value_at_risk == pytest.approx(-5.95)
    assert found.expected_shortfall == pytest.approx(-3)


GAINS = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60)


@given(GAINS, st.floats(-1e5, 1e5), st.floats(0.1, 10))
def test_risk_moves_and_scales_as_it_should(gains, shift, scale):
    plain, moved = risk(gains), risk([scale * g + shift for g in gains])
    assert plain.expected_shortfall >= plain.value_at_risk - 1e-6
    assert moved.value_at_risk == pytest.approx(scale * plain.value_at_risk - shift, abs=1e-3)
    assert drawdown(gains) >= max(0.0, -min(gains)) - 1e-6


def test_days_are_added_up_and_plans_come_a_day_later():
    assert by_day([1, 2, 3, 4], ["a", "a", "b", "a"]) == [3, 3, 4]
    assert shifted((Fraction(1), Fraction(2), Fraction(3)), 2) == (0, 0, 1)
    cheap, dear = percentile_bands([Fraction(p) for p in range(24)])
    assert float(cheap[-1]) == pytest.approx(6.9)
    assert float(dear[-1]) == pytest.approx(16.1)


def test_the_series_is_whole_and_asks_for_what_it_has():
    assert len(day_ahead("hb_houston")) == 17_520
    assert max(day_ahead("HB_HOUSTON", 2021).prices) == Fraction("8995.11")
    with pytest.raises(Refusal, match="no settlement point `hb_boston`"):
        day_ahead("hb_boston")
    with pytest.raises(Refusal, match="no hour in 2019"):
        day_ahead("hb_houston", 2019)


def test_the_picture_is_drawn(tmp_path):
    series = day_ahead("hb_houston", 2022)
    found = year(Series(series.point, series.days[:240], series.prices[:240]))
    assert year_picture(found, tmp_path / "b.png", first_day=2).stat().st_size > 20_000
