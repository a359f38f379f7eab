"""Demand curves of ancillary services: the recipe's published numbers and its laws."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from opengames.diagnostics import Refusal
from opengames.models.ercot import DemandCurve, Plan, aggregate, demand_curves, offer_curve, steps
from opengames.models.ercot.demand_curves import contingency_split

PLAN = Plan(regup=600, regdn=500, rrs=2800, ecrs=1500, nspin=2500)
TOPS = {"REGUP": 9052, "RRS": 7051, "ECRS": 5050, "NSPIN": 5000}


def normal_tail(x):
    """1 - Phi(x), by the error function of the standard library."""
    return 0.5 * math.erfc(x / math.sqrt(2))


@st.composite
def plans(draw):
    return Plan(*(draw(st.integers(lo, hi)) for lo, hi in ((100, 1200), (0, 1200), (1500, 3500), (0, 3500), (0, 5000))))


def test_the_aggregate_curve_has_the_published_levels():
    # repository karthikmattu06-hue/ercot-rtcb-bench, decision 0006: 7,703 levels from 3,000 to 10,702 MW above one cent
    level, value = aggregate()
    assert (len(level), level[0], level[-1]) == (7703, 3000, 10702)
    for i in (0, 100, 675, 4000, 7702):
        assert value[i] == pytest.approx(5000 * normal_tail((i - 675) / 1524), rel=1e-9)
    assert value[675] == pytest.approx(2500)


@pytest.mark.parametrize(
    ("plan", "split"),
    [
        # 540 + 1800 + 450 + 10 <= 3000
        (Plan(600, 0, 2000, 1500, 0), {"REGUP": 540, "RRS": 1800, "ECRS": 450, "NSPIN": 210}),
        # 540 + 2520 + 50 > 3000
        (Plan(600, 0, 2800, 1500, 0), {"REGUP": 540, "RRS": 2410, "ECRS": 40, "NSPIN": 10}),
        # 540 + 2160 + 600 = 3300: 310 too much, half from each
        (Plan(600, 0, 2400, 2000, 0), {"REGUP": 540, "RRS": 2005, "ECRS": 445, "NSPIN": 10}),
    ],
)
def test_the_contingency_level_is_divided_as_the_rule_says(plan, split):
    assert contingency_split(plan) == split


@settings(max_examples=25, deadline=None)
@given(plans())
def test_the_parts_of_the_contingency_level_make_it_up(plan):
    split = contingency_split(plan)
    assert sum(split.values()) == 3000
    assert all(v >= 0 for v in split.values())


@settings(max_examples=10, deadline=None)
@given(plans())
def test_every_level_of_the_aggregate_curve_goes_to_one_product(plan):
    _, value = aggregate()
    try:
        curves = demand_curves(plan, floor=0)
    except Refusal as refused:
        assert "levels of the aggregate curve" in str(refused)
        assume(False)
    split = contingency_split(plan)
    beyond = []
    for product, top in TOPS.items():
        c = curves[product]
        if split[product]:
            assert (c.width[0], c.price[0]) == (split[product], top)
        rest = slice(1 if split[product] else 0, None)
        beyond.append(np.repeat(c.price[rest], c.width[rest].astype(int)))
        assert (np.diff(c.price) <= 0).all()
    assert np.sort(np.concatenate(beyond))[::-1] == pytest.approx(value)


def test_curves_reach_their_plans_and_non_spin_goes_beyond():
    curves = demand_curves(PLAN)
    reach = {k: float(c.mw[-1]) for k, c in curves.items()}
    assert reach["REGUP"] == 600 and reach["RRS"] == 2800 and reach["ECRS"] == 1500 and reach["REGDN"] == 500
    # all of 3,000 MW and 7,703 levels are somewhere
    assert sum(reach[k] for k in TOPS) == 3000 + 7703
    assert curves["REGDN"].price.tolist() == [5000]


def test_the_floor_holds_up_to_the_plan():
    curves = demand_curves(Plan(600, 500, 2800, 1500, 5500))
    assert curves["NSPIN"].at(5499) == 15
    assert curves["NSPIN"].at(5501) < 15
    assert all(curves[k].price.min() >= 15 for k in ("REGUP", "RRS", "ECRS"))


def test_regulation_and_responsive_reserve_take_levels_worth_enough():
    curves = demand_curves(PLAN)
    assert curves["REGUP"].price.min() >= 250
    assert curves["RRS"].price.min() >= 100
    # evenly from the first level to the last that is worth it
    _, value = aggregate()
    assert curves["REGUP"].price[1] == pytest.approx(value[0])
    assert curves["REGUP"].price[-1] == pytest.approx(value[value >= 250][-1])


@pytest.mark.parametrize("plan", [Plan(-1, 0, 0, 0, 0), Plan(float("nan"), 0, 0, 0, 0), Plan(20000, 0, 0, 0, 0), Plan(3300, 0, 1000, 0, 0)])
def test_a_plan_without_a_curve_is_refused(plan):
    with pytest.raises(Refusal) as refused:
        demand_curves(plan)
    assert refused.value.diagnostics[0].code == "bad-curve"


widths = st.lists(st.integers(1, 50), min_size=1, max_size=8)


@given(widths, st.randoms(use_true_random=False), st.floats(0, 500))
def test_a_shift_leaves_the_worth_of_the_rest(width, rng, shift):
    curve = steps(width, sorted((rng.randint(0, 9) for _ in width), reverse=True))
    left = curve.shifted(shift)
    for more in (0, 1.5, 40):
        assert left.value(more) == pytest.approx(curve.value(shift + more) - curve.value(shift), abs=1e-6)


@given(widths, st.randoms(use_true_random=False))
def test_merging_steps_changes_nothing(width, rng):
    curve = steps(width, sorted((rng.randint(0, 3) for _ in width), reverse=True))
    merged = curve.merged()
    assert len(set(merged.price.tolist())) == len(merged.price)
    for mw in np.linspace(0, sum(width) + 5, 17):
        assert merged.value(mw) == pytest.approx(curve.value(mw))
    assert DemandCurve(np.zeros(0), np.zeros(0)).merged().value(3) == 0


def test_an_offer_costs_the_area_under_its_steps():
    offer = offer_curve("u", -100, [(0, 10), (50, 30), (100, 40)])
    assert offer.cost(75) == 100 * 10 + 50 * 30 + 25 * 40
    assert [offer.at(mw) for mw in (-50, 0, 50, 100)] == [10, 30, 40, 40]


@pytest.mark.parametrize("bad", [([1, 1], [5, 6]), ([1, 0], [5, 4]), ([1], [5, 4]), ([1], [float("inf")])])
def test_steps_that_are_no_curve_are_refused(bad):
    with pytest.raises(Refusal):
        steps(*bad)
