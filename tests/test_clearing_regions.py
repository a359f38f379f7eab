"""Regions of the data that one basis answers: against HiGHS one by one, and against the engines that know no regions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from clearing_texts import clearing_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from opengames.clearings import INFEASIBLE, SOLVED
from opengames.session import load
from opengames.solvers.clearing.certificate import Certificate
from opengames.solvers.clearing.highs import solve
from opengames.solvers.clearing.program import Moving, Program
from opengames.solvers.clearing.recognise import clear_for
from opengames.solvers.clearing.regions import fits
from opengames.solvers.clearing.ties import Ties

ERCOT = Path(__file__).parents[1] / "specs" / "examples" / "06_ercot.game"

STORE = """
type Unit = 1..2
player op
param cost: real[Unit] = [1: 20, 2: 95]
game Market(load: real, bid: real, ask: real, soc: real) {
    decide p: real[Unit], out: real, into: real
        by op seeing load, bid, ask, soc
        earning bid * into - ask * out - sum(cost[u] * p[u] for u in Unit)
        subject to {
            balance: load + into == p[1] + p[2] + out
            cheap:   0 <= p[1] <= 100
            dear:    0 <= p[2] <= 60
            give:    0 <= out <= 40
            take:    0 <= into <= 30
            held:    out <= soc
            room:    into <= 80 - soc
        }
    price = dual(balance)
    worth = dual(held)
}
"""


def random_program(seed: int, rows: int = 4, columns: int = 6, d: int = 3) -> Moving:
    """Feasible at every datum from 0 to 1: slack columns take what rows lack, at a cost."""
    draw = np.random.default_rng(seed)
    matrix = np.concatenate([draw.integers(-2, 4, (rows, columns)), np.eye(rows)], axis=1).astype(float)
    n = columns + rows
    cost = np.concatenate([draw.integers(-3, 6, columns), np.full(rows, 40)]).astype(float)
    program = Program(
        cost, sparse.csr_array(matrix), draw.integers(0, 4, rows).astype(float), np.full(rows, np.inf),
        np.zeros(n), np.concatenate([draw.integers(1, 5, columns).astype(float), np.full(rows, np.inf)]),
    )  # fmt: skip

    def by(size: int, width: int) -> sparse.csr_array:
        return sparse.csr_array(draw.integers(-1, 2, (size, width)) * (draw.random((size, width)) < 0.4).astype(float))

    upper = sparse.csr_array((n, d))
    return Moving(program, by(n, d), by(rows, d), sparse.csr_array((n, d)), upper, np.zeros(d))


@given(st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_members_have_the_cost_that_highs_finds_and_pass_the_certificate(seed):
    moving = random_program(seed)
    data = np.random.default_rng(seed + 1).integers(0, 5, (24, moving.size)) / 4.0
    ties = Ties(moving, np.zeros(len(moving.program.row_lower), bool))
    found = ties.solve(data)
    assert ties._regions.answered > 0
    for numbers, x, y, status in zip(data, found.x, found.y, found.status, strict=True):
        here = moving.at(numbers)
        alone = solve(here)
        assert (status == SOLVED) == alone.solved
        if alone.solved:
            assert here.cost @ x == pytest.approx(alone.objective, abs=1e-8)
            assert Certificate(here).one(here, x, y)[0].largest <= 1e-9


def _alike(cleared, data):
    """Answers with regions and without, and how many members the regions had."""
    asked = cleared.asked(cleared.read)
    mine, other = Ties(cleared.moving, asked), Ties(cleared.moving, asked)
    other.__dict__["_regions"] = None
    a, b = mine.solve(data), other.solve(data)
    assert (a.status == b.status).all() and (a.unique == b.unique).all()
    solved = a.status == SOLVED
    np.testing.assert_allclose(a.x[solved], b.x[solved], atol=1e-7)
    np.testing.assert_allclose(a.y[solved], b.y[solved], atol=1e-7)
    return mine, a


def test_round_numbers_are_decided_as_without_regions():
    """A grid of loads, charges and quotes, each of which is a tie of some kind."""
    program = load(ERCOT).program
    diagram = program.diagrams["Sced"]
    cleared = clear_for(program)(diagram, diagram.boxes[0], {})
    assert fits(cleared.moving)
    draw = np.random.default_rng(5)
    by = {"load": draw.choice([400.0, 640.0, 700.0, 810.0, 900.0, 1000.0], 400), "soc": draw.integers(0, 5, 400) * 100.0}
    quotes = np.sort(draw.integers(0, 21, (400, 2)) * 5.0, axis=1)
    columns = [_column(str(term), by, quotes) for term in cleared.data]
    mine, found = _alike(cleared, np.column_stack(columns))
    assert (found.status == SOLVED).all()
    assert mine._regions.answered >= 390
    assert 1 < len(mine._regions.known) < 200


def _column(term, by, quotes):
    """The numbers of a datum, known by the wire that its term reads."""
    for name, values in by.items():
        if f"'{name}'" in term:
            return values
    return quotes[:, 0 if "position=0" in term else 1]


def test_what_cannot_be_cleared_is_left_to_be_proved_so():
    """Beyond 160 and what the battery gives there is nothing to be had."""
    _, _, cleared = clearing_of(STORE)
    load_, soc = np.meshgrid([50.0, 130.0, 160.0, 190.0, 230.0], [0.0, 20.0, 40.0, 80.0])
    by = {"load": load_.ravel(), "soc": soc.ravel()}
    quotes = np.column_stack([np.full(20, 15.0), np.full(20, 50.0)])
    columns = [
        by["load"] if "'load'" in str(t) else by["soc"] if "'soc'" in str(t) else quotes[:, 0 if "'bid'" in str(t) else 1] for t in cleared.data
    ]
    _, found = _alike(cleared, np.column_stack(columns))
    given_out = np.minimum(by["soc"], 40.0)
    assert (found.status == np.where(by["load"] > 160.0 + given_out, INFEASIBLE, SOLVED)).all()


def test_a_basis_with_wrong_numbers_is_dropped_by_the_certificate():
    _, _, cleared = clearing_of(STORE)
    data = np.column_stack([np.linspace(20, 75, 40)] * len(cleared.data))
    ties = Ties(cleared.moving, cleared.asked(cleared.read))
    ties.solve(data)
    spoilt = list(ties._regions.known)
    assert spoilt
    for region in spoilt:
        region.duals += 1.0
    again = ties.solve(data)
    assert not any(region is other for region in spoilt for other in ties._regions.known)
    assert (again.status == SOLVED).all()
    for numbers, x, y in zip(data, again.x, again.y, strict=True):
        here = cleared.moving.at(numbers)
        assert Certificate(here).one(here, x, y)[0].largest <= 1e-9


def test_a_program_with_many_data_has_no_regions():
    moving = random_program(1, d=40)
    assert not fits(moving)
    assert Ties(moving, np.zeros(4, bool))._regions is None
