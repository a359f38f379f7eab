"""Whether prices are the only ones, for members side by side: against both ends of every price, by linear programs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from test_clearing_engines import programs

import opengames as og
from opengames.clearings import Ready
from opengames.solvers.clearing import uniqueness
from opengames.solvers.clearing.highs import solve
from opengames.solvers.clearing.kinks import intervals
from opengames.solvers.clearing.program import Moving, Program, still
from opengames.solvers.clearing.uniqueness import OPEN, SEVERAL, UNIQUE, Alike, Doubts

INF = np.inf


def by_ends(program, found, rows=None):
    """The same question, each price by itself: whether all but those that are 0 or anything beyond have one number."""
    between = intervals(program, found, rows)
    told = found.y[between.rows]
    idle = (abs(told) <= 1e-8) & (np.isinf(between.least) | np.isinf(between.most))
    return UNIQUE if (between.unique | idle).all() else SEVERAL


def verdict(program, found, rows=None):
    return Alike(still(program), rows).verdicts(np.zeros((1, 0)), found.x[None], found.y[None])[0]


@pytest.mark.parametrize("quadratic", [False, True])
@settings(max_examples=60, deadline=None)
@given(programs(), programs(quadratic=True), st.randoms(use_true_random=False))
def test_prices_are_the_only_ones_where_their_ends_meet(quadratic, straight, bent, draw):
    program = bent if quadratic else straight
    found = solve(program)
    if found.solved:
        assert verdict(program, found) == by_ends(program, found)
        some = sorted(draw.sample(range(len(found.y)), (len(found.y) + 1) // 2))
        assert verdict(program, found, some) == by_ends(program, found, some)


@settings(max_examples=30, deadline=None)
@given(programs(size=5))
def test_lines_and_planes_are_decided_as_by_linear_programs(program):
    found = solve(program)
    if not found.solved:
        return
    alike = Alike(still(program))
    codes = alike._codes(np.zeros((1, 0)), found.x[None], found.y[None])[0]
    m = len(program.row_lower)
    face = uniqueness._Directions.of(codes[:m], codes[m:], program.matrix.toarray(), alike.rows)
    known = face.in_a_plane() if len(face.asked) else None
    if known is not None:
        assert known == face.by_programs()


def fleet(units=5, seed=0):
    """Units of 10 at costs of which some tie, and loads that move: a kink wherever a load uses up what is as cheap."""
    cost = np.random.default_rng(seed).integers(1, 4, units).astype(float)
    program = Program(
        cost, sparse.csr_array(np.ones((1, units))), np.zeros(1), np.zeros(1), np.zeros(units), np.full(units, 10.0)
    )
    none = sparse.csr_array((units, 1))
    return Moving(program, none, sparse.csr_array(np.ones((1, 1))), none, none, np.zeros(1)), np.sort(cost)


def test_members_that_stand_alike_are_decided_once_and_rightly(monkeypatch):
    moving, cost = fleet()
    load = np.repeat([5.0, 10.0, 20.0, 25.0, 30.0, 40.0, 50.0], 40)[:, None]
    found = [solve(moving.at(row)) for row in np.unique(load)[:, None]]
    x, y = (np.repeat([getattr(f, part) for f in found], 40, axis=0) for part in ("x", "y"))
    asked = []
    real = Alike._decided
    monkeypatch.setattr(Alike, "_decided", lambda self, *a: asked.append(1) or real(self, *a))
    alike = Alike(moving)
    verdicts = alike.verdicts(load, x, y)
    for k, each in enumerate(np.unique(load)):
        used = each % 10 == 0
        kink = used and (each == 50 or cost[int(each / 10) - 1] < cost[int(each / 10)])
        assert (verdicts[40 * k : 40 * k + 40] == (SEVERAL if kink else UNIQUE)).all()
    assert len(asked) <= 7
    assert (alike.verdicts(load, x, y) == verdicts).all() and len(asked) <= 7


def test_whole_numbers_are_held_where_prices_are_looked_at():
    """A unit of 10 at 1 each once it is on, one of 10 at 3: at 10 one more costs 3 and one less saves 1, at 7 both are 1."""
    program = Program(
        np.array([4.0, 1.0, 3.0]), sparse.csr_array([[0.0, 1.0, 1.0], [-10.0, 1.0, 0.0]]), np.array([0.0, -INF]), np.zeros(2),
        np.zeros(3), np.array([1.0, 10.0, 10.0]), integer=np.array([True, False, False]),
    )  # fmt: skip
    none = sparse.csr_array((3, 1))
    moving = Moving(program, none, sparse.csr_array([[1.0], [0.0]]), none, none, np.zeros(1))
    load = np.array([[7.0], [10.0], [12.0]])
    found = [solve(moving.at(row)) for row in load]
    assert all(f.whole for f in found)
    x, y = np.stack([f.x for f in found]), np.stack([f.y for f in found])
    assert Alike(moving, [0]).verdicts(load, x, y).tolist() == [UNIQUE, SEVERAL, UNIQUE]


def test_what_is_too_much_to_look_at_is_left_open(monkeypatch):
    moving, _ = fleet()
    load = np.array([[5.0], [10.0], [10.0]])
    found = [solve(moving.at(row)) for row in load]
    x, y = np.stack([f.x for f in found]), np.stack([f.y for f in found])
    monkeypatch.setattr(uniqueness, "_MOST", 1)
    alike = Alike(moving)
    # those of most members first, and the rest in the next call
    assert alike.verdicts(load, x, y).tolist() == [OPEN, *alike.verdicts(load, x, y)[1:].tolist()]
    assert OPEN not in alike.verdicts(load, x, y)


def test_members_left_to_be_decided_are_counted_from_any_of_them_on(monkeypatch):
    moving, cost = fleet()
    kinks = [k for k in range(1, 5) if cost[k - 1] < cost[k]]
    doubts = Doubts(moving, [0])
    sizes = (5.0, 10.0 * kinks[0], 10.0 * kinks[0], 50.0)
    for size in sizes:
        found = solve(moving.at(np.array([size])))
        doubts.keep(np.array([[size]]), found.x[None], found.y[None])
    assert [doubts.since(first) for first in range(5)] == [(3, 0), (3, 0), (2, 0), (1, 0), (0, 0)]
    monkeypatch.setattr(uniqueness, "_NUMBERS", 8)
    doubts.keep(np.array([[50.0]]), found.x[None], found.y[None])
    assert doubts.since(0) == (1, 4)


KINKS = """
player operator
type Unit = 1..6
type Load = 0..60 step 10
game Clear(load: real) -> (price: real) {
    decide p: real[Unit] by operator seeing load earning -sum((if u <= 2 then 0 else if u <= 4 then 1 else 2) * p[u] for u in Unit)
        subject to { balance: load == sum(p)
            range[u in Unit]: 0 <= p[u] <= 10 }
    price = dual(balance)
}
game Drawn { load ~ uniform(Load)
    price ~ Clear(load) }
query price = E(price) of Drawn by lp
"""


def test_an_answer_counts_the_members_at_a_kink_and_no_others():
    """Costs 0, 0, 1, 1, 2, 2: of the loads from 0 to 60, those at 20, 40 and 60 are kinks. At 10, 30 and 50 a vertex meets more bounds than
    it must, and at 0 the price is 0 or anything below."""
    said = " ".join(og.loads(KINKS).query("price").because)
    assert "7 in floating point" in said and "prices not unique in 3 of them" in said and "not known" not in said


def test_a_clearing_without_a_way_to_decide_leaves_all_open():
    class Plain:
        data, moves, prices = (), 0, 0

    assert Ready(Plain(), "p", None).kinked(3, 5) == (0, 5)
