"""Engines of clearing: every optimum against a peer and against the conditions of an optimum, alone and many at once."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import linprog

from opengames.clearings import INFEASIBLE, SOLVED, UNBOUNDED
from opengames.solvers.clearing import batch as batch_module
from opengames.solvers.clearing.batch import Batch, solve_many
from opengames.solvers.clearing.certificate import Certificate, residuals
from opengames.solvers.clearing.highs import Highs, solve
from opengames.solvers.clearing.infeasible import conflict, growing
from opengames.solvers.clearing.kinks import are_unique, intervals
from opengames.solvers.clearing.lazy_rows import Lazily
from opengames.solvers.clearing.program import Block, Moving, Program, still
from opengames.solvers.clearing.reduce import reduce

INF = np.inf


@st.composite
def programs(draw, quadratic=False, free=False, size=6):
    """Small programs in whole numbers with a point, and so with ties, redundant rows and equations."""
    m, n = draw(st.integers(1, size)), draw(st.integers(1, size))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    matrix = rng.integers(-2, 3, (m, n)).astype(float)
    point = rng.integers(-2, 3, n).astype(float)
    value = matrix @ point
    kind = rng.integers(0, 4, m)
    row_lower = np.where(kind == 1, -INF, value - np.where(kind == 0, 0, rng.integers(0, 3, m)))
    row_upper = np.where(kind == 2, INF, value + np.where(kind == 0, 0, rng.integers(0, 3, m)))
    lower, upper = point - rng.integers(0, 3, n), point + rng.integers(0, 3, n)
    if free:
        loose = rng.random(n) < 0.4
        lower, upper = np.where(loose, -INF, lower), np.where(loose, INF, upper)
    curved = None
    if quadratic:
        root = rng.integers(-1, 2, (n, rng.integers(1, n + 1))).astype(float)
        curved = sparse.csc_array(root @ root.T)
    cost = rng.integers(-4, 5, n).astype(float)
    return Program(cost, sparse.csr_array(matrix), row_lower, row_upper, lower, upper, curved, None, float(rng.integers(-3, 4)))


def by_scipy(program):
    """The peer: linprog with rows written as inequalities both ways."""
    matrix = program.matrix.toarray()
    low, high = np.isfinite(program.row_lower), np.isfinite(program.row_upper)
    return linprog(
        program.cost, A_ub=np.vstack([matrix[high], -matrix[low]]), b_ub=np.concatenate([program.row_upper[high], -program.row_lower[low]]),
        bounds=list(zip(program.lower, program.upper, strict=True)),
    )  # fmt: skip


@settings(max_examples=40)
@given(programs())
def test_a_linear_program_costs_what_scipy_says_and_its_prices_prove_it(program):
    found, peer = solve(program), by_scipy(program)
    assert found.solved and peer.status == 0
    assert found.objective == pytest.approx(peer.fun + program.offset, abs=1e-8)
    assert residuals(program, found.x, found.y, found.z).largest <= 1e-9


@settings(max_examples=40)
@given(programs(quadratic=True))
def test_a_quadratic_program_meets_its_conditions_and_no_point_near_it_is_cheaper(program):
    found = solve(program)
    assert found.solved, found.residuals
    # any other point of the program: optima of other costs
    for seed in range(3):
        other = solve(replace(program, cost=np.random.default_rng(seed).normal(size=len(program.cost)), quadratic=None))
        worth = program.cost @ other.x + 0.5 * other.x @ (program.quadratic @ other.x) + program.offset
        assert worth >= found.objective - 1e-8


@settings(max_examples=40)
@given(programs(), st.integers(0, 100))
def test_a_changed_program_is_solved_as_if_it_were_new(program, seed):
    rng = np.random.default_rng(seed)
    engine = Highs(program)
    engine.solve()
    shift = rng.integers(-1, 2, len(program.row_lower)).astype(float)
    changed = {
        "cost": rng.integers(-4, 5, len(program.cost)).astype(float), "row_lower": program.row_lower + shift,
        "row_upper": program.row_upper + shift, "offset": 2.0,
    }  # fmt: skip
    engine.change(**changed)
    warm, cold = engine.solve(), solve(replace(program, **changed))
    assert warm.status == cold.status
    if warm.solved:
        assert warm.objective == pytest.approx(cold.objective, abs=1e-8)


def test_rows_added_later_count_like_the_others():
    program = Program(np.array([1.0, 2.0]), sparse.csr_array([[1.0, 1.0]]), np.array([5.0]), np.array([5.0]), np.zeros(2), np.full(2, 9.0))
    engine = Highs(program)
    assert engine.solve().objective == 5.0
    engine.add_rows(sparse.csr_array([[1.0, 0.0]]), np.array([-INF]), np.array([3.0]))
    found = engine.solve()
    assert found.objective == 7.0
    np.testing.assert_allclose(found.y, [2.0, -1.0])


@pytest.mark.parametrize("wrong", ["point", "price", "sign", "slack"])
def test_the_certificate_sees_every_kind_of_mistake(wrong):
    program = Program(np.array([1.0, 3.0]), sparse.csr_array([[1.0, 1.0]]), np.array([5.0]), np.array([INF]), np.zeros(2), np.full(2, 4.0))
    found = solve(program)
    x, y, z = found.x.copy(), found.y.copy(), found.z.copy()
    assert residuals(program, x, y, z).largest <= 1e-12
    if wrong == "point":
        x = x - 1e-6
    elif wrong == "price":
        z = z + 1e-6
    elif wrong == "sign":
        y, z = np.array([-1.0]), program.cost + 1.0
    else:
        x = np.array([4.0, 1.5])
    assert residuals(program, x, y, z).largest > 1e-8


@settings(max_examples=40)
@given(programs(), st.integers(0, 50))
def test_the_quick_certificate_is_never_kinder_than_the_full_one(program, seed):
    found = solve(program)
    rng = np.random.default_rng(seed)
    x, y = found.x + 1e-8 * rng.normal(size=len(found.x)), found.y + 1e-8 * rng.normal(size=len(found.y))
    judge = Certificate(program)
    lower = np.concatenate([program.lower, program.row_lower])[None]
    upper = np.concatenate([program.upper, program.row_upper])[None]
    quick = float(judge.largest(program.cost[None], program.cost[None], lower, upper, x[None], y[None])[0][0])
    full = judge.one(program, x, y)[0].largest
    assert quick >= full * (1 - 1e-6) - 1e-15
    z = program.cost - program.matrix.T @ y
    for bar in (1e-9, 1e-7, 1e-5):
        assert not judge.quickly(program, x, y, z, bar)[0] or full <= bar * (1 + 1e-6)


def test_no_point_and_no_end_are_said():
    nothing = Program(np.zeros(1), sparse.csr_array([[1.0]]), np.array([5.0]), np.array([INF]), np.zeros(1), np.ones(1))
    assert solve(nothing).status == INFEASIBLE
    endless = Program(np.array([-1.0, 0.0]), sparse.csr_array([[1.0, -1.0]]), np.array([-INF]), np.array([1.0]), np.zeros(2), np.full(2, INF))
    assert solve(endless).status == UNBOUNDED
    assert growing(endless) == ((0, 1.0), (1, 1.0))
    crossed = replace(nothing, lower=np.array([2.0]))
    assert solve(crossed).status == INFEASIBLE
    # 0.1 + 0.2 is above 0.3 by rounding alone
    rounded = replace(nothing, row_lower=np.zeros(1), lower=np.array([0.1 + 0.2]), upper=np.array([0.3]))
    assert rounded.lower > rounded.upper and solve(rounded).x == pytest.approx(0.3)
    assert solve_many(still(rounded), np.zeros((2, 0))).solved.all()


# whole numbers


def test_whole_numbers_are_decided_first_and_prices_are_those_of_the_rest():
    # a unit that costs 100 to commit and 10 a MW, and one of 30 a MW: at 8 MW it pays to commit
    program = Program(
        np.array([100.0, 10.0, 30.0]), sparse.csr_array([[0.0, 1.0, 1.0], [-10.0, 1.0, 0.0]]), np.array([8.0, -INF]), np.array([8.0, 0.0]),
        np.zeros(3), np.array([1.0, 10.0, 10.0]), integer=np.array([True, False, False]),
    )  # fmt: skip
    found = solve(program)
    assert found.solved and found.whole and found.gap <= 1e-9
    np.testing.assert_allclose(found.x, [1.0, 8.0, 0.0])
    assert found.y[0] == pytest.approx(10.0)
    assert not solve(replace(program, integer=None)).whole


def test_the_best_whole_numbers_are_those_of_trying_all():
    rng = np.random.default_rng(5)
    for _ in range(5):
        weight, worth = rng.integers(1, 20, 8).astype(float), rng.integers(1, 20, 8).astype(float)
        program = Program(-worth, sparse.csr_array(weight[None]), np.array([-INF]), np.array([40.0]), np.zeros(8), np.ones(8), integer=np.ones(8, bool))
        best = max(worth @ pick for pick in np.ndindex(*(2,) * 8) if weight @ pick <= 40)
        assert solve(program).objective == pytest.approx(-best)


# kinks


def ends_by_vertices(program, found):
    """Ends of prices by brute force: every basic solution of the face of prices of the optimum, in numbers small enough to try all."""
    matrix, x = program.matrix.toarray(), found.x
    m, n = matrix.shape
    values = matrix @ x
    gradient = program.cost if program.quadratic is None else program.cost + program.quadratic @ x
    # columns of the face: positive and negative parts of each price that its bound allows
    columns, owner = [], []
    for i in range(m):
        for sign, bound in ((1.0, program.row_lower[i]), (-1.0, program.row_upper[i])):
            if abs(values[i] - bound) < 1e-7:
                columns.append(sign * matrix[i])
                owner.append((i, sign))
    for j in range(n):
        for sign, bound in ((1.0, program.lower[j]), (-1.0, program.upper[j])):
            if abs(x[j] - bound) < 1e-7:
                columns.append(sign * np.eye(n)[j])
                owner.append((-1, sign))
    face = np.array(columns).T.reshape(n, len(columns))
    least, most = np.full(m, INF), np.full(m, -INF)
    for some in combinations(range(len(columns)), min(n, len(columns))):
        weights, *_ = np.linalg.lstsq(face[:, some], gradient, rcond=None)
        if weights.min(initial=0.0) < -1e-8 or abs(face[:, some] @ weights - gradient).max(initial=0.0) > 1e-8:
            continue
        y = np.zeros(m)
        for k, w in zip(some, weights, strict=True):
            if owner[k][0] >= 0:
                y[owner[k][0]] += owner[k][1] * w
        least, most = np.minimum(least, y), np.maximum(most, y)
    return least, most


@settings(max_examples=25)
@given(programs(size=3))
def test_ends_of_prices_are_those_of_all_vertices_of_the_prices(program):
    found = solve(program)
    ends = intervals(program, found)
    least, most = ends_by_vertices(program, found)
    inside = np.isfinite(ends.least) & np.isfinite(ends.most)
    np.testing.assert_allclose(ends.least[inside], least[inside], atol=1e-6)
    np.testing.assert_allclose(ends.most[inside], most[inside], atol=1e-6)
    assert are_unique(program, found) == bool(ends.unique.all())


@settings(max_examples=25)
@given(programs(size=4))
def test_ends_of_prices_are_what_one_more_and_one_less_costs(program):
    found = solve(program)
    ends = intervals(program, found)
    step = 1e-5
    for i in range(len(found.y)):
        if program.row_lower[i] != program.row_upper[i]:
            continue
        for sign, end in ((1.0, ends.most[i]), (-1.0, ends.least[i])):
            bound = program.row_lower.copy()
            bound[i] += sign * step
            moved = solve(replace(program, row_lower=bound, row_upper=np.where(program.row_lower == program.row_upper, bound, program.row_upper)))
            if moved.solved and np.isfinite(end):
                assert (moved.objective - found.objective) / (sign * step) == pytest.approx(end, abs=1e-3)
            elif not moved.solved:
                assert np.isinf(end)


def test_a_price_between_two_offers_is_an_interval():
    # ten MW at 20 and ten at 30 for a load of ten
    program = Program(np.array([20.0, 30.0]), sparse.csr_array([[1.0, 1.0]]), np.array([10.0]), np.array([10.0]), np.zeros(2), np.full(2, 10.0))
    ends = intervals(program, solve(program))
    assert (ends.least[0], ends.most[0], bool(ends.unique[0])) == (20.0, 30.0, False)
    clear = replace(program, row_lower=np.array([12.0]), row_upper=np.array([12.0]))
    assert intervals(clear, solve(clear)).unique.all()


def test_intervals_of_what_is_not_solved_are_an_error():
    program = Program(np.zeros(1), sparse.csr_array([[1.0]]), np.array([5.0]), np.array([INF]), np.zeros(1), np.ones(1))
    with pytest.raises(ValueError, match="infeasible"):
        intervals(program, solve(program))


# rules that cannot hold together


@st.composite
def contradictions(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    m, n = int(rng.integers(2, 9)), int(rng.integers(1, 5))
    matrix = rng.integers(-2, 3, (m, n)).astype(float)
    low = rng.integers(-6, 7, m).astype(float)
    blocks = (Block("first", tuple((i,) for i in range(m // 2)), 0), Block("second", tuple((i,) for i in range(m - m // 2)), m // 2))
    columns = (Block("x", tuple((j,) for j in range(n))),)
    return Program(
        np.zeros(n), sparse.csr_array(matrix), low, low + rng.integers(0, 4, m), np.full(n, -2.0), np.full(n, 2.0), rows=blocks, columns=columns,
    )  # fmt: skip


def only(program, rows, columns):
    """The program with these rows and bounds alone."""
    m, n = program.matrix.shape
    i, j = np.isin(np.arange(m), rows), np.isin(np.arange(n), columns)
    return replace(
        program, row_lower=np.where(i, program.row_lower, -INF), row_upper=np.where(i, program.row_upper, INF),
        lower=np.where(j, program.lower, -INF), upper=np.where(j, program.upper, INF),
    )  # fmt: skip


@settings(max_examples=30)
@given(contradictions())
def test_what_cannot_hold_together_can_without_any_one_of_it(program):
    found = conflict(program)
    assert (found is None) == (by_scipy(program).status == 0)
    if found is None:
        return
    assert by_scipy(only(program, found.rows, found.columns)).status == 2
    for row in found.rows:
        assert by_scipy(only(program, [i for i in found.rows if i != row], found.columns)).status != 2
    for column in found.columns:
        assert by_scipy(only(program, found.rows, [j for j in found.columns if j != column])).status != 2
    m, n = program.matrix.shape
    cured = {c.row for c in found.cures if c.row >= 0}
    assert cured == {i for i in range(m) if by_scipy(only(program, [k for k in range(m) if k != i], range(n))).status != 2}


@settings(max_examples=30)
@given(contradictions())
def test_a_cure_says_by_how_much_a_rule_is_short(program):
    found = conflict(program)
    for cure in found.cures if found else ():
        if cure.row >= 0 and cure.short > 0:
            for slack, status in ((cure.short + 1e-6, 0), (cure.short - 1e-6, 2)):
                low, high = program.row_lower.copy(), program.row_upper.copy()
                low[cure.row] -= slack
                high[cure.row] += slack
                assert by_scipy(replace(program, row_lower=low, row_upper=high)).status == status


def test_rules_to_blame_are_named_as_their_author_names_them():
    # 250 MW of load behind a line of 240
    program = Program(
        np.array([10.0, 20.0]), sparse.csr_array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), np.array([250.0, 0.0, 0.0, -240.0]),
        np.array([250.0, 400.0, 0.0, 240.0]), np.full(2, -INF), np.full(2, INF),
        rows=(Block("balance", ((),)), Block("range", (("Alta",), ("Brighton",)), 1), Block("thermal", (("DE",),), 3)),
        columns=(Block("p", (("Alta",), ("Brighton",))),),
    )  # fmt: skip
    found = conflict(program)
    assert found.labels == ("balance", "range[Brighton]", "thermal[DE]")
    assert {(c.label, round(c.short, 9)) for c in found.cures} == {("balance", 10.0), ("range[Brighton]", 10.0), ("thermal[DE]", 10.0)}


# fewer columns


@settings(max_examples=40)
@given(programs(free=True))
def test_free_columns_leave_and_every_price_comes_back(program):
    found = solve(program)
    if not found.solved:
        return
    reduction = reduce(program)
    small = solve(reduction.small())
    assert small.solved and small.objective == pytest.approx(found.objective, abs=1e-7)
    lower, upper = np.concatenate([program.lower, program.row_lower])[None], np.concatenate([program.upper, program.row_upper])[None]
    data = reduction.lowered(program.cost[None], lower, upper)
    x, y, _ = reduction.raised(program.cost[None], data.given, small.x[None], small.y[None])
    assert residuals(program, x[0], y[0]).largest <= 1e-8


@settings(max_examples=40)
@given(programs(free=True, quadratic=True, size=4))
def test_free_columns_of_quadratic_programs_leave_too(program):
    found = solve(program)
    if not found.solved:
        return
    small = solve(reduce(program).small())
    assert small.objective == pytest.approx(found.objective, abs=1e-7)


@settings(max_examples=40)
@given(programs(size=6), st.integers(0, 50))
def test_rows_that_come_in_late_change_nothing(program, seed):
    lazy = Lazily(program)
    found, peer = lazy.solve(), solve(program)
    assert found.status == peer.status and found.objective == pytest.approx(peer.objective, abs=1e-8)
    assert residuals(program, found.x, found.y, found.z).largest <= 1e-9 >= found.residuals.largest
    assert len(lazy.rows) <= len(program.row_lower)
    cost = np.random.default_rng(seed).integers(-4, 5, len(program.cost)).astype(float)
    lazy.change(cost=cost)
    assert lazy.solve().objective == pytest.approx(solve(replace(program, cost=cost)).objective, abs=1e-8)


def test_rows_may_be_what_stops_a_program_or_what_it_cannot_meet():
    endless = Program(np.array([-1.0]), sparse.csr_array([[1.0]]), np.array([-INF]), np.array([7.0]), np.zeros(1), np.full(1, INF))
    assert Lazily(endless).solve().objective == -7.0
    nothing = replace(endless, row_lower=np.array([3.0]), upper=np.ones(1))
    assert Lazily(nothing).solve().status == INFEASIBLE


# many at once


@st.composite
def movings(draw, quadratic=False, free=False):
    program = draw(programs(quadratic=quadratic, free=free))
    m, n = program.matrix.shape
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    d = int(rng.integers(1, 4))

    def by(size, chance):
        return sparse.csr_array(rng.integers(-1, 2, (size, d)) * (rng.random((size, d)) < chance).astype(float))

    bounds = by(n, 0.3)
    moving = Moving(program, by(n, 0.5 if draw(st.booleans()) else 0.0), by(m, 0.6), bounds, bounds, rng.normal(size=d))
    data = rng.choice([-1.0, -0.25, 0.0, 0.5, 1.0], (int(rng.integers(1, 7)), d)) + 0.1 * rng.normal(size=(1, d))
    return moving, data


@settings(max_examples=25)
@given(movings())
def test_many_at_once_are_what_they_are_one_by_one(case):
    agrees(*case)


@settings(max_examples=20)
@given(movings(free=True))
def test_many_with_free_columns_are_what_they_are_one_by_one(case):
    agrees(*case)


@settings(max_examples=20)
@given(movings(quadratic=True))
def test_many_quadratic_programs_are_what_they_are_one_by_one(case):
    agrees(*case)


def agrees(moving, data):
    batch = Batch(moving)
    for _ in range(2):  # the second time with what was learned
        many = batch.solve(data)
        for i, numbers in enumerate(data):
            here = moving.at(numbers)
            alone = solve(here)
            assert many.status[i] == alone.status
            if not alone.solved:
                continue
            assert many.objective[i] == pytest.approx(alone.objective, abs=1e-7)
            assert residuals(here, many.x[i], many.y[i], many.z[i]).largest <= 1e-9
            if many.unique[i]:
                np.testing.assert_allclose(many.y[i], alone.y, atol=1e-6)
                assert are_unique(here, alone)


def test_a_matrix_that_moves_and_whole_numbers_go_one_by_one():
    program = Program(np.array([20.0, 30.0]), sparse.csr_array([[1.0, 1.0]]), np.array([10.0]), np.array([10.0]), np.zeros(2), np.full(2, 12.0))
    plain = still(program)
    empty = sparse.csr_array((2, 1))
    moving = Moving(program, empty, sparse.csr_array((1, 1)), empty, empty, np.zeros(1), (np.array([0]), np.array([0]), np.array([0]), np.array([-0.5])))
    many = solve_many(moving, np.array([[0.0], [0.5], [1.0]]))
    np.testing.assert_allclose(many.objective, [200.0, 12 * 20 + 1 * 30, 10 * 30])
    assert many.engines() == {"HiGHS": 3}
    whole = solve_many(replace(plain, program=replace(program, integer=np.ones(2, bool))), np.zeros((2, 0)))
    assert whole.whole and (whole.status == SOLVED).all()


def test_a_network_of_118_buses_is_cleared_by_pivots_and_its_prices_are_those_of_highs():
    pytest.importorskip("pypower", reason="the case comes with PYPOWER")
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from benchmarks.clearing import case118

    moving, factors, load = case118(4)
    data = load * (1 + 0.1 * np.random.default_rng(7).uniform(-1, 1, (40, len(load))))
    many, engine = Batch(moving).solve(data), Highs(moving.at(load))
    assert many.engines().get("pivots", 0) > 30 and many.solved.all()
    for i, numbers in enumerate(data):
        here = moving.at(numbers)
        engine.change(row_lower=here.row_lower, row_upper=here.row_upper)
        alone = engine.solve()
        assert many.objective[i] == pytest.approx(alone.objective, rel=1e-11)
        if many.unique[i]:
            mine, theirs = (y[0] + y[1:] @ factors for y in (many.y[i], alone.y))
            np.testing.assert_allclose(mine, theirs, atol=1e-6)


def test_a_large_batch_is_taken_in_parts_and_comes_back_in_order(monkeypatch):
    monkeypatch.setattr(batch_module, "_TOGETHER", 3)
    program = Program(np.array([20.0, 30.0]), sparse.csr_array([[1.0, 1.0]]), np.zeros(1), np.zeros(1), np.zeros(2), np.full(2, 10.0))
    none = sparse.csr_array((2, 1))
    moving = Moving(program, none, sparse.csr_array([[1.0]]), none, none, np.zeros(1))
    loads = np.array([[4.0], [25.0], [13.0], [8.0], [-1.0], [19.0], [2.0]])
    many = Batch(moving).solve(loads)
    np.testing.assert_allclose(many.objective[many.solved], [80.0, 290.0, 160.0, 470.0, 40.0])
    assert many.status.tolist() == [SOLVED, INFEASIBLE, SOLVED, SOLVED, INFEASIBLE, SOLVED, SOLVED]


def test_no_members_and_data_of_the_wrong_width():
    program = Program(np.array([20.0]), sparse.csr_array([[1.0]]), np.array([1.0]), np.array([1.0]), np.zeros(1), np.full(1, 12.0))
    assert len(solve_many(still(program), np.zeros((0, 0))).x) == 0
    with pytest.raises(ValueError, match="0 numbers"):
        solve_many(still(program), np.zeros((3, 2)))
