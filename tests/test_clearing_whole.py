"""Whole numbers with a quadratic cost: against trying all of them, and against what one works out by hand."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from clearing_texts import cleared_at, clearing_of, data_of, named
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from opengames.clearings import INFEASIBLE, SOLVED, UNBOUNDED, UNCERTAIN
from opengames.diagnostics import Refusal
from opengames.session import loads
from opengames.solvers.clearing import mixed, tangents
from opengames.solvers.clearing.certificate import residuals
from opengames.solvers.clearing.highs import Highs, solve
from opengames.solvers.clearing.program import Program

INF = np.inf


def program_of(cost, quadratic, integer, lower, upper, rows=(), row_lower=(), row_upper=(), offset=0.0):
    n = len(cost)
    matrix = sparse.csr_array(np.array(rows, float).reshape(len(row_lower), n))
    cost, row_lower, row_upper, lower, upper = (np.array(v, float) for v in (cost, row_lower, row_upper, lower, upper))
    curved = sparse.csc_array(np.array(quadratic, float))
    return Program(cost, matrix, row_lower, row_upper, lower, upper, curved, np.array(integer, bool), offset)


@st.composite
def bent_programs(draw):
    """Small programs with parts that are bent together and alone, some columns whole, some rows that whole numbers cannot meet."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    m, n = int(rng.integers(1, 6)), int(rng.integers(1, 6))
    matrix = rng.integers(-2, 3, (m, n)).astype(float)
    point = rng.integers(-2, 3, n).astype(float)
    value = matrix @ point - (0.5 if rng.random() < 0.3 else 0.0)
    kind = rng.integers(0, 4, m)
    row_lower = np.where(kind == 1, -INF, value - np.where(kind == 0, 0, rng.integers(0, 3, m)))
    row_upper = np.where(kind == 2, INF, value + np.where(kind == 0, 0, rng.integers(0, 3, m)))
    root = rng.integers(-1, 2, (n, int(rng.integers(1, n + 1)))) * (rng.random((n, 1)) < 0.7)
    integer = rng.random(n) < 0.6
    integer[0] = True
    return program_of(
        rng.integers(-4, 5, n), root @ root.T, integer, point - rng.integers(0, 3, n), point + rng.integers(0, 3, n),
        matrix, row_lower, row_upper, float(rng.integers(-3, 4)),
    )  # fmt: skip


def least_of_all(program):
    """The least cost by trying all whole numbers; infinite where none leaves a point."""
    least, which = INF, np.flatnonzero(program.integer)
    for held in product(*(np.arange(np.ceil(program.lower[j]), np.floor(program.upper[j]) + 1) for j in which)):
        lower, upper = program.lower.copy(), program.upper.copy()
        lower[which] = upper[which] = held
        found = Highs(replace(program, lower=lower, upper=upper, integer=None)).solve()
        assert found.status in (SOLVED, INFEASIBLE)
        least = min(least, found.objective if found.solved else INF)
    return least


@settings(max_examples=15, deadline=None)
@given(bent_programs())
def test_the_best_whole_numbers_of_a_bent_cost_are_those_of_trying_all(program):
    found, least = solve(program), least_of_all(program)
    if least == INF:
        assert found.status == INFEASIBLE
        return
    assert found.solved and found.whole and found.gap <= 1e-9
    assert found.objective == pytest.approx(least, abs=1e-8)
    held = program.lower.copy(), program.upper.copy()
    for bound in held:
        bound[program.integer] = found.x[program.integer]
    assert residuals(replace(program, lower=held[0], upper=held[1], integer=None), found.x, found.y).largest <= 1e-9
    assert (found.x[program.integer] == np.round(found.x[program.integer])).all()


@settings(max_examples=15, deadline=None)
@given(bent_programs(), st.integers(0, 2**32 - 1))
def test_the_same_program_seen_from_far_away_has_the_same_answer(program, seed):
    """Columns moved by whole numbers: the cost is the same function of what is left."""
    at = np.random.default_rng(seed).integers(-1000, 1000, len(program.cost)).astype(float)
    slope, level = program.quadratic @ at, program.matrix @ at
    moved = replace(
        program, cost=program.cost - slope, row_lower=program.row_lower + level, row_upper=program.row_upper + level,
        lower=program.lower + at, upper=program.upper + at, offset=program.offset + float((0.5 * slope - program.cost) @ at),
    )  # fmt: skip
    here, there = solve(program), solve(moved)
    assert here.status == there.status
    if here.solved:
        size = 1.0 + abs(moved.cost) @ abs(there.x)
        assert there.objective == pytest.approx(here.objective, abs=1e-9 * size)


def test_whole_numbers_far_from_zero_and_without_bounds():
    """The nearest whole number to 1e9 + 0.3, and the nearest point of a lattice to where the cost without it is least."""
    one = solve(program_of([-(1e9 + 0.3)], [[1.0]], [True], [-INF], [INF]))
    assert one.solved and one.x[0] == 1e9
    bent = np.array([[2.0, 1.0], [1.0, 2.0]])
    target = np.array([4.9, -1.45])
    two = solve(program_of(-bent @ target, bent, [True, True], [-INF] * 2, [INF] * 2))
    around = min((np.array(p) - target) @ bent @ (np.array(p) - target) / 2 for p in product(range(2, 8), range(-5, 3)))
    assert two.objective + target @ bent @ target / 2 == pytest.approx(around, abs=1e-9)


def test_without_end_and_without_a_point():
    bent = [[1.0, 0.0], [0.0, 0.0]]
    assert solve(program_of([0, -1], bent, [True, False], [0, 0], [1, INF])).status == UNBOUNDED
    assert solve(program_of([0, -1], bent, [True, True], [0, 0], [1, INF])).status == UNBOUNDED
    # 2 x == 1 has no whole point, whatever would grow beside it
    assert solve(program_of([0, -1], bent, [True, False], [0, 0], [1, INF], [[2, 0]], [1], [1])).status == INFEASIBLE
    assert solve(program_of([0, 0], bent, [True, False], [0, 0], [1, 1], [[2, 0]], [1], [1])).status == INFEASIBLE
    assert solve(program_of([0, 0], bent, [True, False], [2, 0], [1, 1])).status == INFEASIBLE


def portfolio(assets=8, most=3):
    """Shares of correlated assets, at most so many of them above 0: a part that is bent together, beside truth values."""
    rng = np.random.default_rng(3)
    factors = rng.normal(size=(assets, 3)) * 0.2
    bent = np.zeros((2 * assets, 2 * assets))
    bent[:assets, :assets] = factors @ factors.T + np.diag(rng.uniform(0.01, 0.1, assets))
    rows = np.zeros((2 + assets, 2 * assets))
    rows[0, :assets], rows[1, assets:] = 1.0, 1.0
    rows[2:, :assets], rows[2:, assets:] = np.eye(assets), -np.eye(assets)
    cost = np.concatenate([-rng.uniform(0, 0.2, assets), np.zeros(assets)])
    integer = np.arange(2 * assets) >= assets
    low, high = np.full(2 + assets, -INF), np.zeros(2 + assets)
    low[0], high[0], high[1] = 1.0, 1.0, most
    return program_of(cost, bent, integer, np.zeros(2 * assets), np.ones(2 * assets), rows, low, high)


def test_a_few_of_many_assets_that_move_together():
    program = portfolio(assets=6, most=2)
    found = solve(program)
    assert found.solved and found.objective == pytest.approx(least_of_all(program), abs=1e-9)


def test_a_gap_that_is_not_closed_is_told_and_the_point_is_not_called_solved(monkeypatch):
    program = portfolio()
    best = solve(program)
    short = tangents.solve_curved(program, rounds=1)
    assert best.solved and short.status == UNCERTAIN and short.gap > 1e-6
    # the gap covers how far the point really is from the best
    size = 1.0 + abs(program.cost) @ abs(short.x) + abs(0.5 * short.x @ (program.quadratic @ short.x))
    assert short.objective - best.objective <= short.gap * size + 1e-12
    monkeypatch.setattr(tangents, "_NODES", 1)
    stopped = solve(program)
    assert stopped.solved or stopped.gap > 1e-9


def test_a_bound_above_the_cost_is_no_certificate(monkeypatch):
    """An engine that says that nothing costs less than what costs less."""
    program = program_of([1.0], [[0.0]], [True], [0], [5])
    assert solve(program).solved
    monkeypatch.setattr(mixed.Whole, "solve", lambda self: mixed.Best(SOLVED, np.zeros(1), 1.0))
    assert solve(program).status == UNCERTAIN


COMMITMENT = """
player op
type Unit = Steam | Gas
game Market(load: real) -> (price: real, cost: real) {
    decide on: bool[Unit], p: real[Unit], shed: real by op seeing load
        earning -(if on[Steam] then 40 else 0) - (if on[Gas] then 15 else 0) - 5*p[Steam] - p[Steam]^2/2 - 10*p[Gas] - p[Gas]^2/4 - 200*shed
        subject to {
            balance: load == sum(p) + shed
            steam: 0 <= p[Steam] <= (if on[Steam] then 20 else 0)
            gas: 0 <= p[Gas] <= (if on[Gas] then 40 else 0)
            short: 0 <= shed
        }
    price = dual(balance)
    cost = (if on[Steam] then 40 else 0) + (if on[Gas] then 15 else 0) + 5*p[Steam] + p[Steam]^2/2 + 10*p[Gas] + p[Gas]^2/4 + 200*shed
}
game Day {
    load ~ {4: 1/2, 30: 1/2}
    price, cost ~ Market(load)
}
query exactly = E(price) of Day
query by_qp = E(price) of Day by qp
query drawn = E(cost) of Day by simulate
"""


def by_hand(load):
    """(price, cost): every commitment, marginal costs 5 + p and 10 + p/2 made equal where both run."""
    ways = [(200.0, 200.0 * load)] if load else [(0.0, 0.0)]
    if load <= 20:
        ways.append((5.0 + load, 40 + 5 * load + load**2 / 2))
    if load <= 40:
        ways.append((10 + load / 2, 15 + 10 * load + load**2 / 4))
    steam = (5 + load / 2) / 1.5
    if 0 <= steam <= min(20, load):
        gas = load - steam
        ways.append((5 + steam, 55 + 5 * steam + steam**2 / 2 + 10 * gas + gas**2 / 4))
    return min(ways, key=lambda way: way[1])


@pytest.mark.parametrize("load", [1, 4, 12, 18, 30, 38])
def test_commitment_at_bent_costs_by_hand(load):
    program, _, cleared = clearing_of(COMMITMENT)
    data = np.array([[float(v) for v in data_of(program, cleared, {"load": load})]])
    answers, status = cleared.solve(data)
    assert status[0] == SOLVED and cleared.tally.gap <= 1e-9
    found = named(cleared, answers[0])
    assert found["dual balance"] == pytest.approx(by_hand(load)[0], abs=1e-7)


def test_every_way_of_asking_answers_commitment_at_bent_costs():
    model = loads(COMMITMENT, "market.game")
    price = sum(by_hand(load)[0] for load in (4, 30)) / 2
    exactly, by_qp = model.query("exactly"), model.query("by_qp")
    assert [float(exactly.value), float(by_qp.value)] == pytest.approx([price, price], abs=1e-7)
    assert exactly.value == Fraction(12 + Fraction(55, 3)) / 2
    assert any("bounds in rationals, prices with them held" in line for line in exactly.because)
    assert any("by the engine's bound, prices with them held" in line for line in by_qp.because)


def test_runs_of_commitment_at_bent_costs():
    drawn = loads(COMMITMENT, "market.game").query("drawn")
    costs = [by_hand(load)[1] for load in (4, 30)]
    assert min(costs) < float(drawn.value) < max(costs)


def test_a_price_taker_in_front_of_a_market_that_commits_units():
    """The seller's best bid is known by trying all: what clears is inside the game."""
    text = """
    player op
    player seller
    game Sale {
        decide bid: {2, 6, 9} by seller earning (bid - 3) * (6 - p)
        decide on: bool, p: real by op seeing bid earning -(if on then 4 else 0) - p^2/2 - bid*(6 - p)
            subject to { top: 0 <= p <= (if on then 5 else 0) }
    }
    query best = best_response(Sale, seller)
    """
    model = loads(text, "sale.game")

    def sold(bid):
        # running costs 4 + p^2/2 and saves bid * p
        p = min(bid, 5)
        return 6 - p if 4 + p * p / 2 < bid * p else 6

    gain = {bid: (bid - 3) * sold(bid) for bid in (2, 6, 9)}
    assert f"bid = {max(gain, key=gain.get)}" in model.query("best").game


def test_a_clearing_whose_gap_stays_open_is_refused_by_its_gap(monkeypatch):
    program, _, cleared = clearing_of(COMMITMENT)
    data = np.array([float(v) for v in data_of(program, cleared, {"load": 30})])
    real = tangents.solve_curved
    monkeypatch.setattr(tangents, "solve_curved", lambda p: replace(real(p), status=UNCERTAIN, gap=0.01))
    refused = cleared.explain(data)
    assert isinstance(refused, Refusal)
    said = refused.diagnostics[0]
    assert said.code == "no-certificate" and any("1.0e-02" in note for note in said.notes) and "whole numbers" in said.help


def test_prices_of_held_whole_numbers_are_those_of_a_kink_where_there_is_one():
    found = cleared_at(COMMITMENT, {"load": Fraction(20)})
    assert found["dual balance"] == pytest.approx(by_hand(20)[0], abs=1e-7)
