"""Games around a clearing: the operator follows its optimum, the others respond to the prices that they move.

Oracles: merit order in closed form (`merit_order.py`) and plain enumeration of what the seller can do.
"""

from fractions import Fraction
from functools import cache
from itertools import product
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from merit_order import MARKET, price

import opengames as og
from opengames.solvers.cleared import cleared
from opengames.solvers.code import Choose, Draw, reads, writes
from opengames.solvers.hoisting import hoist
from opengames.solvers.planning import Plan, dynamic_programming
from opengames.solvers.quantiles import normal, uniform
from opengames.solvers.unroll import unroll

SELLER = """
type Offer = 0..30 step 15
game Sold {
    wind ~ {0: 1/2, 25: 1/2}
    decide sell: Offer by buyer earning gain
    load = 107 - sell - wind
    price, p ~ Cleared(load)
    gain = price * sell
}
strategy greedy of Sold { buyer.sell = 30 }
strategy wise of Sold   { buyer.sell = 15 }
query best  = best_response(Sold, buyer)
query worth = E(gain) of Sold under wise
verify greedy_is_best: equilibrium(greedy)
verify wise_is_best:   equilibrium(wise)
query exploited = exploitability(greedy)
"""

DUEL = """
type Offer = 0..30 step 10
player other
game Duel {
    decide a: Offer by buyer earning mine
    decide b: Offer by other earning theirs
    load = 107 - a - b
    price, p ~ Cleared(load)
    mine   = price * a - 12 * a
    theirs = price * b - 12 * b
}
query all = equilibria(Duel)
"""

STORED = """
type Offer = 0..40 step 20
type Store = 0..80 step 20
type Hour = 1..3
game Stored {
    for t in Hour carrying soc = 40 {
        decide sell: Offer by buyer seeing t, soc earning profit
            subject to { there: sell <= soc  room: soc + 20 - sell <= 80 }
        load = 80 + 11 * t - sell
        price, p ~ Cleared(load)
        gain = price * sell
        next soc = soc + 20 - sell
    }
    profit = sum(gain[t] for t in Hour)
}
"""


def gain(sell, wind=0):
    return price(107 - sell - wind) * sell


def expected(sell):
    return Fraction(gain(sell) + gain(sell, 25)) / 2


@cache
def loaded(text):
    return og.loads(MARKET + text)


# ------------------------------------------------------------------------ finite games


def test_a_price_maker_responds_best_by_enumeration():
    offers = (0, 15, 30)
    found = loaded(SELLER).query("best")
    best = max(offers, key=expected)
    assert best == 15  # without wind the dear unit is still needed at a load of 92, and not at 77
    assert found.method == "exact, backward induction"
    assert f"sell = {best}" in found.game
    assert loaded(SELLER).query("worth").value == expected(best)


def test_equilibrium_is_about_those_who_choose():
    model = loaded(SELLER)
    claims = {c.name: c for c in model.verify()}
    assert claims["wise_is_best"].verdict == "proved"
    assert claims["greedy_is_best"].verdict == "refuted"
    assert f"it gains {float(expected(15) - expected(30))} in expectation" in " ".join(claims["greedy_is_best"].because)
    assert model.query("exploited").value == expected(15) - expected(30)


def test_all_equilibria_of_two_price_makers_are_those_of_the_table():
    found = loaded(DUEL).query("all").value
    offers = [Fraction(x) for x in (0, 10, 20, 30)]

    def worth(mine, theirs):
        return price(107 - mine - theirs) * mine - 12 * mine

    table = {
        (a, b)
        for a, b in product(offers, offers)
        if worth(a, b) == max(worth(x, b) for x in offers) and worth(b, a) == max(worth(x, a) for x in offers)
    }
    pure = {tuple(offers[mix[0][0]] for mix in each.profile) for each in found.found if each.is_pure}
    assert pure == table != set()
    assert all(each.certificate == 0 for each in found.found)


def test_a_plan_for_a_clearing_is_refused_where_best_responses_are_asked():
    text = SELLER + """
    strategy bossy of Sold {
        buyer.sell = 0
        operator.p = [else: 20]
    }
    verify b: equilibrium(bossy)
    """
    claim = og.loads(MARKET + text).verify("b")[0]
    assert claim.verdict == "unknown"
    assert "which is cleared by operator" in " ".join(claim.because)


# --------------------------------------------------------------------- planning on arrays


def best_of(hours, soc):
    """What can be earned from some hour on, by trying everything."""
    if not hours:
        return Fraction(0)
    t, *rest = hours
    moves = [x for x in (0, 20, 40) if x <= soc and soc + 20 - x <= 80]
    return max(price(80 + 11 * t - x) * x + best_of(rest, soc + 20 - x) for x in moves)


def test_planning_on_a_grid_finds_what_trying_everything_finds():
    program = loaded(STORED).program
    found = dynamic_programming(program, "Stored", exact=False)
    assert isinstance(found, Plan)
    assert found.value == pytest.approx(float(best_of([1, 2, 3], Fraction(40))), abs=1e-6)
    assert found.replayed == best_of([1, 2, 3], Fraction(40))


def test_planning_exactly_agrees():
    found = dynamic_programming(loaded(STORED).program, "Stored", exact=True)
    assert found.value == best_of([1, 2, 3], Fraction(40))


def test_a_real_quantity_without_an_interval_is_laid_where_it_can_be():
    """The states that can be reached lie on the grid here, so that nothing is interpolated."""
    found = dynamic_programming(loaded(STORED).program, "Stored", exact=False, points=5)
    axis = found.tables["sell", (Fraction(3),)].axes[0]
    reached = {40 + 20 * 2 - a - b for a, b in product((0, 20, 40), repeat=2) if a <= 40 and b <= 60 - a}
    assert (axis.values[0], axis.values[-1]) == (min(reached), max(reached))


def test_normal_luck_is_averaged_over_equally_likely_values():
    text = """
    type Hour = 1..2
    type Offer = 0..20 step 20
    game Windy {
        for t in Hour carrying left = 20 {
            wind ~ normal(0, 8)
            decide sell: Offer by buyer seeing t, left earning profit
                subject to { there: sell <= left }
            load = 80 + 12 * t - sell + wind
            price, p ~ Cleared(load)
            gain = price * sell
            next left = left - sell
        }
        profit = sum(gain[t] for t in Hour)
    }
    query plan = best_response(Windy, buyer) by dynamic_programming[points = 3, outcomes = 40]
    """
    found = loaded(text).query("plan")
    luck = [8 * NormalDist().inv_cdf((i + 0.5) / 40) for i in range(40)]

    def worth(t):
        return sum(float(price(Fraction(80 + 12 * t - 20 + w))) * 20 for w in luck) / 40

    assert found.value.value == pytest.approx(max(worth(1), worth(2)), rel=1e-9)
    assert "each drawn real quantity was taken as 40 equally likely values" in found.because


# ---------------------------------------------------------------- luck later, and in slices


def test_decisions_come_before_the_luck_that_they_do_not_see():
    program = loaded(SELLER).program
    code = unroll(program, cleared(program, "Sold"))
    before = len(code.steps)
    hoist(code)
    kinds = [type(step) for step in code.steps if isinstance(step, Choose | Draw)]
    assert kinds == [Choose, Draw]
    assert len(code.steps) == before
    seen: set[int] = set(code.fixed)
    for step in code.steps:
        assert set(reads(step)) <= seen
        seen |= set(writes(step))


@settings(max_examples=60)
@given(st.integers(1, 60), st.floats(-3, 3))
def test_slices_are_right_to_half_a_slice_for_every_step(n, edge):
    """The chance of being below an edge, which is what prices that jump need, is off by at most half a slice."""
    pairs = normal(np.float64(1), np.float64(2), n)
    below = sum(float(c) for v, c in pairs if v <= 1 + 2 * edge)
    assert abs(below - NormalDist().cdf(edge)) <= 1 / (2 * n) + 1e-12
    assert sum(float(v) * float(c) for v, c in pairs) == pytest.approx(1, abs=1e-9)
    share = (edge + 3) / 6
    below = sum(float(c) for v, c in uniform(-3, 3, n) if v <= edge)
    assert abs(below - share) <= 1 / (2 * n) + 1e-12
