"""Whole numbers in rationals: the best of all of them, tried one by one in fractions, and bounds that hold whatever an engine says."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from clearing_texts import clearing_of, data_of, exactly_at, named
from hypothesis import given, settings
from hypothesis import strategies as st

from opengames.clearings import SOLVED, Ready
from opengames.diagnostics import Refusal
from opengames.session import loads
from opengames.solvers.clearing import branching
from opengames.solvers.clearing.exactly import at, exactly
from opengames.solvers.clearing.highs import solve
from opengames.solvers.clearing.program import Program

amounts = st.builds(Fraction, st.integers(1, 60), st.integers(1, 3))
units = st.lists(st.tuples(amounts, amounts, st.sampled_from((0, 1, 3)), st.integers(4, 20)), min_size=1, max_size=4)
loads_of = st.builds(Fraction, st.integers(0, 60), st.integers(1, 2))


def market(fleet, bent=False):
    """(fixed cost, cost, least, most) of each unit; what they do not make costs 100."""
    costs = "".join(
        f" - (if on[{u}] then {fixed} else 0) - {each}*p[{u}]" + (f" - p[{u}]^2/{u + 2}" if bent else "")
        for u, (fixed, each, _, _) in enumerate(fleet, 1)
    )
    rules = "".join(
        f"\n low{u}: (if on[{u}] then {low} else 0) <= p[{u}]\n top{u}: p[{u}] <= (if on[{u}] then {high} else 0)"
        for u, (_, _, low, high) in enumerate(fleet, 1)
    )
    return f"""
    player op
    type Unit = 1..{len(fleet)}
    game Market(load: real) {{
        decide on: bool[Unit], p: real[Unit], shed: real by op seeing load earning -100*shed{costs}
            subject to {{ balance: load == sum(p) + shed
                short: 0 <= shed {rules} }}
        price = dual(balance)
    }}
    """


def least_cost(fleet, load):
    """Every commitment, the cheap units first."""
    found = []
    for on in product((0, 1), repeat=len(fleet)):
        run = sorted((unit for unit, here in zip(fleet, on, strict=True) if here), key=lambda unit: unit[1])
        left = load - sum(unit[2] for unit in run)
        cost = sum((fixed + each * low for fixed, each, low, _ in run), Fraction(0))
        if left < 0:
            continue
        for _, each, low, high in run:
            more = min(left, high - low)
            cost, left = cost + each * more, left - more
        found.append(cost + 100 * left)
    return min(found)


@settings(max_examples=12, deadline=None)
@given(units, loads_of)
def test_commitment_in_rationals_is_the_best_of_trying_all(fleet, load):
    found = exactly_at(market(fleet), {"load": load})
    assert all(isinstance(v, Fraction) for v in found["p"])
    cost = 100 * found["shed"] + sum(o * u[0] + u[1] * p for o, p, u in zip(found["on"], found["p"], fleet, strict=True))
    assert cost == least_cost(fleet, load)


@settings(max_examples=8, deadline=None)
@given(units, loads_of, st.booleans())
def test_prices_of_commitment_are_the_same_in_rationals_and_in_floats(fleet, load, bent):
    program, _, cleared = clearing_of(market(fleet, bent))
    data = data_of(program, cleared, {"load": load})
    answers, status = cleared.solve(np.array([[float(v) for v in data]]))
    assert status[0] == SOLVED
    exact = exactly(cleared, data)
    columns = cleared.moves
    earned = [_earned(cleared, data, point[:columns]) for point in (exact, answers[0].tolist())]
    assert float(earned[0]) == pytest.approx(float(earned[1]), abs=1e-7)
    if named(cleared, exact)["on"] == [round(v) for v in named(cleared, answers[0])["on"]]:
        assert [float(v) for v in exact[columns:]] == pytest.approx(answers[0][columns:].tolist(), abs=1e-6)


def _earned(cleared, data, moves):
    program = at(cleared.fractions.pieces, data)
    read = cleared.fractions.columns
    return branching.cost(program, [(m - s) / k for m, s, k in zip(moves, read.shift, read.step, strict=True)])


def simple(text, given_):
    """(the clearing, its program in fractions and in floats) at some data."""
    program, _, cleared = clearing_of(text)
    data = data_of(program, cleared, given_)
    return cleared, at(cleared.fractions.pieces, data), replace(cleared.rough.at(np.array([float(v) for v in data])), integer=None)


@settings(max_examples=20, deadline=None)
@given(units, st.booleans(), st.integers(0, 2**32 - 1))
def test_a_bound_holds_whatever_prices_it_is_made_of(fleet, bent, seed):
    _, exact, rough = simple(market(fleet, bent), {"load": 17})
    found = solve(rough)
    point = branching.proved_by(exact, found)
    assert point is not None
    least = branching.cost(exact, point[0])
    made = branching.bound(exact, found)
    assert made == -float("inf") or least - made <= Fraction(1, 10**6)
    assert made > -float("inf") or bent
    rng = np.random.default_rng(seed)
    wrong = replace(found, y=found.y + rng.normal(size=len(found.y)), x=found.x + rng.normal(size=len(found.x)))
    assert made <= least and branching.bound(exact, wrong) <= least


def least_bent_cost(fleet, load):
    """Every commitment, each at the price at which its units make the load."""
    found = []
    for on in product((0, 1), repeat=len(fleet)):
        run = [(u, *unit) for (u, unit), here in zip(enumerate(fleet, 1), on, strict=True) if here]
        if sum(unit[3] for unit in run) > load:
            continue
        low, high = 0.0, 100.0
        for _ in range(100):
            price = (low + high) / 2
            made = [min(max((price - float(each)) * (u + 2) / 2, least), most) for u, _, each, least, most in run]
            low, high = (price, high) if sum(made) < load else (low, price)
        costs = sum(float(fixed) + float(each) * p + p * p / (u + 2) for (u, fixed, each, _, _), p in zip(run, made, strict=True))
        found.append(costs + 100 * (float(load) - sum(made)))
    return min(found)


@pytest.mark.parametrize("load", [20 - Fraction(13, 10**7), 10 - Fraction(1, 10**8)])
def test_where_a_unit_is_on_but_for_a_hair_the_commitment_is_proved_too(load):
    # without whole numbers a unit is on by 1 - 1e-7: whole in floats, and not in fractions
    fleet = [(Fraction(10), Fraction(1), 2, 10), (Fraction(5), Fraction(2), 3, 10), (Fraction(1), Fraction(3), 1, 10)]
    program, _, cleared = clearing_of(market(fleet, bent=True))
    data = data_of(program, cleared, {"load": load})
    exact = exactly(cleared, data)
    found = named(cleared, exact)
    assert sum(found["p"]) + found["shed"] == load
    assert float(_earned(cleared, data, exact[: cleared.moves])) == pytest.approx(least_bent_cost(fleet, load), abs=1e-9)


def test_no_point_is_proved_and_a_point_is_never_denied():
    text = market([(Fraction(1), Fraction(2), 3, 10)])
    _, exact, rough = simple(text, {"load": 8})
    assert not branching.misses(exact, rough)
    # shed at most 1, off: 8 cannot be served
    upper = [Fraction(0), Fraction(10), Fraction(1)]
    tight = replace(exact, upper=upper), replace(rough, upper=np.array([0.0, 10.0, 1.0]))
    assert solve(tight[1]).status != SOLVED and branching.misses(*tight)
    crossed = replace(exact, lower=[Fraction(1), *exact.lower[1:]], upper=upper)
    assert branching.misses(crossed, replace(tight[1], lower=np.array([1.0, *rough.lower[1:]])))


def test_an_engine_that_stops_too_early_is_put_right(monkeypatch):
    """Branching starts at what the engine says is best, and ends at what is."""
    text = market([(Fraction(5), Fraction(2), 0, 10), (Fraction(50), Fraction(1), 0, 10)])
    best = exactly_at(text, {"load": 8})
    assert best["on"] == [1, 0]
    real = branching.solve

    def worse(program: Program):
        if program.integer is None:
            return real(program)
        found = real(replace(program, lower=np.where(program.integer, [0, 1, 0, 0, 0], program.lower), upper=np.where(program.integer, [0, 1, 0, 0, 0], program.upper)))
        assert round(found.x[1]) == 1
        return found

    monkeypatch.setattr(branching, "solve", worse)
    assert exactly_at(text, {"load": 8}) == best


def test_what_many_bounds_do_not_settle_is_answered_in_floats_and_says_so(monkeypatch):
    monkeypatch.setattr(branching, "_NODES", 1)
    fleet = [(Fraction(11), Fraction(2), 3, 10), (Fraction(7), Fraction(3), 3, 10), (Fraction(5), Fraction(4), 3, 10)]
    program, _, cleared = clearing_of(market(fleet))
    data = data_of(program, cleared, {"load": 14})
    with pytest.raises(Refusal) as refused:
        exactly(cleared, data)
    assert refused.value.diagnostics[0].code == "not-yet"
    found = Ready(cleared, "p", cleared.box).one(tuple(data), True)
    assert isinstance(found[0], float)


def test_a_claim_about_commitment_is_proved():
    text = market([(Fraction(40), Fraction(5), 0, 20), (Fraction(15), Fraction(10), 0, 40)])
    text = text.replace("game Market(load: real) {", "game Market(load: real) -> (price: real) {") + """
    game Day {
        load ~ {4: 1/2, 30: 1/2}
        price ~ Market(load)
    }
    verify cheap: E(price) <= 10 of Day
    verify dear: E(price) >= 10 of Day
    """
    model = loads(text, "market.game")
    # at 4 the second unit runs, 15 + 40 against 40 + 20; at 30 both do, and the second is the dear one
    claims = {claim.name: claim for claim in model.verify()}
    assert claims["cheap"].verdict == "proved" and claims["dear"].verdict == "proved"
    assert any("bounds in rationals" in line for claim in claims.values() for line in claim.because)
