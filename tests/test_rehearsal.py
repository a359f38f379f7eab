"""Plans found on a grid, played: against the exact play, against the sampled reading of their text, and against brute force."""

from __future__ import annotations

from functools import cache
from itertools import product
from pathlib import Path

import pytest
from merit_order import MARKET

import opengames as og
from opengames.solvers.cleared import cleared
from opengames.solvers.hoisting import hoist
from opengames.solvers.planning import dynamic_programming
from opengames.solvers.rehearsal import rehearse
from opengames.solvers.unroll import unroll

ERCOT = Path(__file__).parents[1] / "specs" / "examples" / "06_ercot.game"

# With 13 points every state that can be reached is one of the grid, whatever the hour.
STORED = """
type Offer = 0..40 step 20
type Hour = 1..3
type Store = [0, 80]
type Wind = [-9, 14]
param start: Store = 40
game Stored {
    for t in Hour carrying soc = start {
        %s
        decide sell: Offer by buyer seeing t, soc earning profit
            subject to { there: sell <= soc  room: soc + 20 - sell <= 80 }
        load = 80 + 11 * t - sell + wind
        price, p ~ Cleared(load)
        gain = price * sell
        next soc = soc + 20 - sell
    }
    profit = sum(gain[t] for t in Hour)
}
query plan = best_response(Stored, buyer) by dynamic_programming[points = 13, outcomes = 40]
"""


@cache
def stored(wind):
    return og.loads(MARKET + STORED % wind)


def _rehearsed(program, plan, runs=200):
    code = unroll(program, cleared(program, "Stored"))
    hoist(code)
    return rehearse(code, plan.player, plan.tables, runs)


def test_without_luck_every_play_earns_what_the_exact_play_does():
    program = stored("wind = 0").program
    plan = dynamic_programming(program, "Stored", exact=False, points=13)
    found = _rehearsed(program, plan)
    assert plan.rehearsed is None
    assert found.mean == pytest.approx(float(plan.replayed), abs=1e-9)
    assert (found.half, found.broken) == (0, 0)


def test_with_finite_luck_plays_are_around_the_exact_play():
    program = stored("wind ~ {0: 1/2, 30: 1/2}").program
    plan = dynamic_programming(program, "Stored", exact=False, points=13)
    found = _rehearsed(program, plan, 4_000)
    assert 0 < abs(found.mean - float(plan.replayed)) <= 2 * found.half < 0.1 * found.mean


@pytest.mark.parametrize("wind", ["wind ~ normal(0, 8)", pytest.param("wind ~ uniform(Wind)", marks=pytest.mark.slow)])
def test_the_play_of_a_plan_agrees_with_the_sampled_reading_of_its_text(wind):
    """States that can be reached are points of the grid, so that the value differs by the slices of the luck alone."""
    found = stored(wind).query("plan")
    plan = found.value
    text = MARKET + STORED % wind + found.game + "query played = E(profit) of Stored under plan_strategy by simulate[runs = 4_000]"
    played = og.loads(text).query("played")
    mine = plan.rehearsed
    assert abs(mine.mean - float(played.value)) <= 2 * mine.half
    assert abs(mine.mean - plan.value) <= 2 * mine.half
    assert any("played 2,000 times, the plan earns" in line for line in found.because)


def test_no_plan_that_looks_at_the_hour_alone_earns_more():
    """Brute force over all sequences of sales, each averaged over the same slices of luck."""
    program = stored("wind ~ normal(0, 8)").program
    plan = dynamic_programming(program, "Stored", exact=False, points=13, outcomes=40)
    best = max(_of_sales(sales) for sales in product((0, 20, 40), repeat=3))
    assert best == pytest.approx(plan.value, rel=1e-9)


def _of_sales(sales):
    """Luck is that of one hour alone, so that waiting for it teaches nothing: sequences are as good as plans."""
    from statistics import NormalDist

    from merit_order import price

    luck = [8 * NormalDist().inv_cdf((i + 0.5) / 40) for i in range(40)]
    soc, total = 40, 0.0
    for t, sell in enumerate(sales, 1):
        if sell > soc or soc + 20 - sell > 80:
            return float("-inf")
        total += sum(float(price(80 + 11 * t - sell + w)) * sell for w in luck) / 40
        soc += 20 - sell
    return total


@pytest.mark.slow
def test_a_day_of_ercot_is_planned_and_played():
    """On points so coarse that the plan misses what the grid promises, the report says what it earns instead."""
    text = ERCOT.read_text().replace("1..24", "1..6") + "\nquery plan = best_response(Day, owner) by dynamic_programming[points = 5]\n"
    demand = [600, 650, 900, 950, 700, 900]
    found = og.loads(text, demand=demand).query("plan")
    mine = found.value.rehearsed
    more = "query played = E(profit) of Day under plan_strategy by simulate[runs = 1_000]"
    played = og.loads(text + found.game + more, demand=demand).query("played")
    assert float(played.value) == pytest.approx(mine.mean, abs=3 * mine.half)
    assert mine.broken == 0
