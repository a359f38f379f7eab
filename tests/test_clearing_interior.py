"""The interior point method of many members: against HiGHS one by one, in both of its array languages, and what it leaves to others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from opengames.clearings import INFEASIBLE, SOLVED, UNBOUNDED
from opengames.solvers.clearing import interior as interiors
from opengames.solvers.clearing.batch import Batch
from opengames.solvers.clearing.certificate import Certificate, largest_of_each, residuals
from opengames.solvers.clearing.highs import solve
from opengames.solvers.clearing.interior import InteriorPoint, interior
from opengames.solvers.clearing.kinks import are_unique
from opengames.solvers.clearing.program import Moving, Program
from opengames.solvers.clearing.shared import Members

CURVES = ("none", "squares", "full")


def members_of(seed, k, m, n, curve, equations=1, scale=1.0):
    """Members with a point inside all of their bounds, so that each has an optimum: Members and the quadratic term."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(m, n)) * (rng.random((m, n)) < 0.6)
    inside = rng.uniform(0.1, 0.9, (k, n)) * scale
    values = inside @ matrix.T
    lower = np.concatenate([np.zeros((k, n)), np.where(rng.random(m) < 0.4, values - rng.uniform(0, 0.5, (k, m)) * scale, -np.inf)], axis=1)
    upper = np.concatenate([np.full((k, n), scale), np.where(rng.random(m) < 0.7, values + rng.uniform(0, 0.3, (k, m)) * scale, np.inf)], axis=1)
    equal = slice(n, n + min(equations, m))
    lower[:, equal] = upper[:, equal] = values[:, : min(equations, m)]
    half = rng.normal(size=(n, max(1, n // 2)))
    quadratic = {"none": None, "squares": np.diag(rng.uniform(0, 2, n)) / scale, "full": half @ half.T / scale}[curve]
    return Members(matrix, rng.normal(size=(k, n)) * 10, lower, upper), quadratic


def program_of(members, quadratic, i, matrix=None):
    n = members.matrix.shape[1]
    curved = None if quadratic is None else sparse.csc_array(quadratic)
    matrix = sparse.csr_array(members.matrix if matrix is None else matrix)
    lower, upper = members.lower[i], members.upper[i]
    return Program(members.cost[min(i, len(members.cost) - 1)], matrix, lower[n:], upper[n:], lower[:n], upper[:n], curved)


def check(members, quadratic, x, y, unique, matrices=None):
    for i in range(len(x)):
        here = program_of(members, quadratic, i, None if matrices is None else matrices[i])
        alone = solve(here)
        assert alone.solved
        judged = residuals(here, x[i], y[i])
        assert judged.largest <= 1e-9
        bent = 0.0 if quadratic is None else 0.5 * x[i] @ quadratic @ x[i]
        assert here.cost @ x[i] + bent == pytest.approx(alone.objective, rel=1e-8, abs=1e-8)
        if unique[i]:
            np.testing.assert_allclose(y[i], alone.y, rtol=1e-6, atol=1e-6)
            if quadratic is None:
                assert are_unique(here, alone)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 12), st.sampled_from(CURVES), st.sampled_from([1.0, 500.0]))
def test_members_end_at_optima_that_highs_finds_too(seed, m, n, curve, scale):
    members, quadratic = members_of(seed, 4, m, n, curve, scale=scale)
    x, y, unique = InteriorPoint(members.matrix, quadratic).solve(members)
    assert not np.isnan(x).any()
    check(members, quadratic, x, y, unique)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(0, 8), st.integers(1, 8), st.sampled_from(CURVES))
def test_one_program_alone_is_certified(seed, m, n, curve):
    members, quadratic = members_of(seed, 1, m, n, curve)
    here = program_of(members, quadratic, 0)
    x, y, z = interior(here)
    assert residuals(here, x, y, z).largest <= 1e-9


@pytest.mark.parametrize("curve", ["none", "squares"])
def test_a_program_too_large_for_products_of_its_rows_is_solved_too(curve):
    members, quadratic = members_of(3, 1, 180, 200, curve, scale=10.0)
    here = program_of(members, quadratic, 0)
    x, y, z = interior(here)
    assert residuals(here, x, y, z).largest <= 1e-9


def test_a_program_without_a_point_has_none():
    nothing = Program(np.ones(1), sparse.csr_array([[1.0]]), np.array([3.0]), np.array([3.0]), np.zeros(1), np.ones(1))
    assert interior(nothing) is None


def test_rows_come_in_as_they_are_missed():
    members, quadratic = members_of(1, 6, 90, 20, "squares")
    engine = InteriorPoint(members.matrix, quadratic)
    x, y, unique = engine.solve(members)
    check(members, quadratic, x, y, unique)
    binding = (y != 0).any(0)
    assert 0 < binding.sum() < 60 and (engine.met >= binding).all()
    again, _, _ = engine.solve(members)
    np.testing.assert_allclose(again, x, atol=1e-8)


def test_two_lines_side_by_side_have_no_price_of_their_own():
    matrix = np.array([[1.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    none = -np.inf
    members = Members(matrix, np.array([[10.0, 30.0]]), np.array([[0.0, 0, 10, none, none]]), np.array([[20.0, 20, 10, 4, 4]]))
    x, y, unique = InteriorPoint(matrix, None).solve(members)
    np.testing.assert_allclose(x, [[4.0, 6.0]])
    assert y[0, 0] == pytest.approx(30.0) and y[0, 1:].sum() == pytest.approx(-20.0) and not unique[0]
    apart = Members(matrix, members.cost, members.lower, members.upper + np.array([[0, 0, 0, 0, 1.0]]))
    x, y, unique = InteriorPoint(matrix, None).solve(apart)
    np.testing.assert_allclose(y, [[30.0, -20.0, 0.0]], atol=1e-9)
    assert unique[0]


def test_a_member_without_a_point_is_left_to_others_and_does_not_stop_the_rest():
    members, quadratic = members_of(5, 6, 5, 4, "squares")
    members.lower[2, 4], members.upper[2, 4] = 1e6, 1e6
    x, y, unique = InteriorPoint(members.matrix, quadratic).solve(members)
    assert np.isnan(x[2]).all() and not unique[2]
    rest = np.delete(np.arange(6), 2)
    check(members.some(rest), quadratic, x[rest], y[rest], unique[rest])


def tight_network(k):
    """A quadratic program in which about half of the rows bind, as with a grid at its limits, and its members' data."""
    rng = np.random.default_rng(11)
    n, lines = 12, 16
    factors = rng.uniform(-0.6, 0.6, (lines, n))
    program = Program(
        rng.uniform(10, 40, n), sparse.csr_array(np.vstack([np.ones(n), factors])), np.r_[0.0, np.full(lines, -1.2)],
        np.r_[0.0, np.full(lines, 1.2)], np.zeros(n), np.full(n, 10.0), sparse.csc_array(np.diag(rng.uniform(0.1, 1.0, n))),
    )  # fmt: skip
    none = sparse.csr_array((n, lines + 1))
    moving = Moving(program, none, sparse.csr_array(np.eye(lines + 1)), none, none, np.zeros(lines + 1))
    feasible = rng.uniform(0, 4, (k, n))
    return moving, np.column_stack([feasible.sum(1), feasible @ factors.T])


def test_quadratic_members_that_do_not_settle_follow_an_interior_point():
    moving, data = tight_network(40)
    many = Batch(moving).solve(data)
    assert many.solved.all() and many.engines().get("interior point", 0) > 0 and not many.engines().get("HiGHS", 0)
    for i in range(0, 40, 5):
        alone = solve(moving.at(data[i]))
        assert many.objective[i] == pytest.approx(alone.objective, rel=1e-9)
        assert residuals(moving.at(data[i]), many.x[i], many.y[i], many.z[i]).largest <= 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("curve", ["none", "squares"])
def test_compiled_by_jax_the_steps_end_where_those_of_numpy_do(curve):
    members, quadratic = members_of(2, 20, 9, 12, curve)
    plain, compiled = (InteriorPoint(members.matrix, quadratic).solve(members, c) for c in (False, True))
    np.testing.assert_allclose(plain[1][plain[2]], compiled[1][plain[2]], atol=1e-7)
    check(members, quadratic, *compiled)


def moving_matrix(k):
    """Two units whose output arrives with losses that are data, and what is asked for."""
    program = Program(
        np.array([20.0, 30.0, 500.0]), sparse.csr_array(np.array([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0]])), np.array([0.0, -6.0]), np.array([0.0, 6.0]),
        np.zeros(3), np.array([12.0, 12.0, np.inf]),
    )  # fmt: skip
    none = sparse.csr_array((3, 3))
    rows = sparse.csr_array(np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]))
    at = np.array([0, 0]), np.array([0, 1]), np.array([0, 1]), np.array([-1.0, -1.0])
    rng = np.random.default_rng(4)
    return Moving(program, none, rows, none, none, np.zeros(3), at), np.column_stack([rng.uniform(0, 0.4, (k, 2)), rng.uniform(1, 18, k)])


@pytest.mark.slow
@pytest.mark.parametrize("curved", [False, True])
def test_members_with_a_matrix_each_are_solved_side_by_side(curved):
    moving, data = moving_matrix(30)
    if curved:
        program = moving.program
        square = sparse.csc_array(np.diag([0.5, 0.25, 0.0]))
        moving = Moving(
            Program(program.cost, program.matrix, program.row_lower, program.row_upper, program.lower, program.upper, square),
            moving.cost_by, moving.row_by, moving.lower_by, moving.upper_by, moving.offset_by, moving.matrix_by,
        )  # fmt: skip
    data[3, 2] = -1.0  # nobody can take energy away
    together, alone = Batch(moving).solve(data, compiled=True), Batch(moving).solve(data)
    assert together.engines() == {"interior point": 29, "HiGHS": 1} and alone.engines() == {"HiGHS": 30}
    assert together.status.tolist() == alone.status.tolist() == [SOLVED] * 3 + [INFEASIBLE] + [SOLVED] * 26
    np.testing.assert_allclose(together.objective, alone.objective, rtol=1e-9)
    np.testing.assert_allclose(together.x, alone.x, atol=1e-6)


@settings(max_examples=20)
@given(st.integers(0, 1_000), st.sampled_from(CURVES), st.floats(1e-6, 1.0))
def test_conditions_of_members_with_a_matrix_each_are_those_of_one_alone(seed, curve, wrong):
    members, quadratic = members_of(seed, 3, 4, 5, curve)
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(3, 5)) * wrong, rng.normal(size=(3, 4))
    found, _ = largest_of_each(members.cost, quadratic, np.broadcast_to(members.matrix, (3, 4, 5)), members.lower, members.upper, x, y)
    for i in range(3):
        here = program_of(members, quadratic, i)
        gradient = here.cost + (0 if quadratic is None else quadratic @ x[i])
        same, _ = Certificate(here).largest(here.cost[None], gradient[None], members.lower[i : i + 1], members.upper[i : i + 1], x[i : i + 1], y[i : i + 1])
        assert found[i] == pytest.approx(same[0])


def awkward(seed):
    """A small program of whole numbers with whatever an engine may not like, as it moves, and data of some members: rows that depend on each other
    or are empty, empty and free columns, bounds that meet, no point, no end, quadratic terms of any rank, entries of the matrix that move."""
    rng = np.random.default_rng(seed)
    m, n, k = int(rng.integers(0, 7)), int(rng.integers(1, 7)), int(rng.choice([1, 2, 6]))
    matrix = rng.integers(-3, 4, (m, n)) * (rng.random((m, n)) < rng.choice([0.3, 1.0])) * 1.0
    if m > 1:
        matrix[-1] = matrix[0] * rng.choice([0, 1, -2])
    matrix[:, rng.integers(n)] *= rng.integers(0, 2)
    scale = rng.choice([1.0, 1e3, 1e6])
    x = rng.integers(0, 5, n) * 1.0
    lower, upper = x - rng.integers(0, 3, n), x + rng.integers(0, 3, n)
    lower[rng.random(n) < 0.2], upper[rng.random(n) < 0.2] = -np.inf, np.inf
    below, above = matrix @ x - rng.integers(0, 2, m), matrix @ x + rng.integers(0, 2, m)
    below[rng.random(m) < 0.4], above[rng.random(m) < 0.4] = -np.inf, np.inf
    half = rng.integers(-1, 2, (n, 2))
    curved = [None, np.diag(rng.integers(0, 2, n)), half @ half.T][rng.integers(3)]
    program = Program(
        rng.integers(-5, 6, n) * 1.0, sparse.csr_array(matrix), below * scale, above * scale, lower * scale, upper * scale,
        None if curved is None else sparse.csc_array(curved / scale),
    )  # fmt: skip
    none = sparse.csr_array((n, m + n + 1))
    costs = sparse.csr_array(np.hstack([np.zeros((n, m)), np.eye(n), np.zeros((n, 1))]))
    rows = sparse.csr_array(np.hstack([np.eye(m), np.zeros((m, n + 1))]))
    moving = Moving(program, costs, rows, none, none, np.zeros(m + n + 1))
    data = np.hstack([rng.integers(-1, 2, (k, m)) * scale, rng.integers(-2, 3, (k, n)), rng.integers(-1, 2, (k, 1))]) * 1.0
    data[0] = 0.0
    if m and rng.random() < 0.4:
        at = np.array([0]), np.array([rng.integers(n)]), np.array([m + n]), np.array([1.0])
        moving = Moving(program, costs, rows, none, none, np.zeros(m + n + 1), at)
    return moving, data


@settings(max_examples=20)
@given(st.integers(0, 100_000), st.booleans())
@pytest.mark.filterwarnings("error")
def test_whatever_comes_is_answered_and_certified_or_left_to_highs(seed, pointwise):
    """pointwise: everything by the interior point, as where it is compiled, with NumPy in its place."""
    moving, data = awkward(seed)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(interiors, "_run_compiled", interiors._run)
        many = Batch(moving).solve(data, compiled=pointwise)
    for i, each in enumerate(data):
        here = moving.at(each)
        alone = solve(here)
        if alone.status == SOLVED:
            assert many.status[i] == SOLVED
            assert many.objective[i] == pytest.approx(alone.objective, rel=1e-7, abs=1e-7 * abs(here.cost).max() * (1 + abs(alone.x).max()))
        elif many.status[i] != SOLVED and alone.status in (INFEASIBLE, UNBOUNDED):
            assert many.status[i] == alone.status
        if many.status[i] == SOLVED:
            # HiGHS is not always right about what has an optimum; the conditions of one are
            assert residuals(here, many.x[i], many.y[i], many.z[i]).largest <= 1e-9
            assert alone.status != UNBOUNDED


def test_an_optimum_that_highs_calls_without_end_is_found():
    # x1 costs x1^2 / 2e6 - x1, least at 1e6; x2 costs 4 and cannot be less than 4e6
    size = 1e6
    here = Program(
        np.array([-1.0, 4.0, -5.0]), sparse.csr_array(np.array([[2.0, 3.0, -1.0], [0.0, -2.0, 0.0]])), np.array([13.0, -9.0]) * size,
        np.array([np.inf, -8.0 * size]), np.array([0.0, -np.inf, 0.0]), np.array([np.inf, 4.0 * size, 0.0]),
        sparse.csc_array(np.diag([1.0, 1.0, 0.0]) / size),
    )  # fmt: skip
    found = solve(here)
    assert found.solved
    np.testing.assert_allclose(found.x, [size, 4.0 * size, 0.0])
    # without the curvature of x1 there is none
    assert solve(replace(here, quadratic=sparse.csc_array(np.diag([0.0, 1.0, 0.0]) / size))).status == UNBOUNDED


def test_prices_that_grow_against_each_other_are_not_believed():
    # 3 x5 <= 6e6 beside x5 >= 2e6: what one costs the other gives back, and costs vanish beside 1e302
    size, none = 1e6, np.inf
    matrix = np.array([[1.0, 0, 3, 3, -3, 0, 0], [0, 0, 0, 0, 3, 0, 0], [-1, 0, -3, -3, 3, 0, 0]])
    here = Members(
        matrix, np.array([[-4.0, 3, -2, -2, 4, 5, 5]]) * size, np.array([[-none, -2, -2, 0, 2, 1, -1, 3, -none, -none]]) * size,
        np.array([[none, 2, 1, 2, 4, 2, -1, 3, 6, none]]) * size,
    )  # fmt: skip
    x, y = interiors.moving_matrices(matrix[None], np.diag([2.0, 2, 0, 1, 0, 2, 1]), here)
    assert np.isnan(x).all() or abs(y).max() <= 1e9
