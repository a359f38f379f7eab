"""Derivatives through an optimum against differences, forward against backward, and refused where there is a kink."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import sparse

from opengames.diagnostics import Refusal
from opengames.solvers.clearing.gradients import Sensitivity, optimum
from opengames.solvers.clearing.highs import solve
from opengames.solvers.clearing.program import Block, Moving, Program


@st.composite
def smooth(draw, quadratic=False):
    """Programs in drawn reals, whose optima are almost surely away from kinks, with data that moves everything."""
    m, n, d = draw(st.integers(1, 4)), draw(st.integers(1, 5)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    matrix = rng.normal(size=(m, n))
    point = rng.normal(size=n)
    value = matrix @ point
    equal = rng.random(m) < 0.3
    equal[n:] = False
    gap = np.where(equal, 0.0, rng.uniform(0.5, 2.0, m))
    curved = None
    if quadratic:
        root = rng.normal(size=(n, n))
        curved = sparse.csc_array(root @ root.T)
    program = Program(
        rng.normal(size=n), sparse.csr_array(matrix), value - gap, value + gap, point - rng.uniform(0.5, 2, n), point + rng.uniform(0.5, 2, n),
        curved,
    )  # fmt: skip
    by = [sparse.csr_array(rng.normal(size=(k, d)) * 0.3) for k in (n, m, n, n)]
    moving = (np.array([0]), np.array([n - 1]), np.array([d - 1]), np.array([0.2])) if draw(st.booleans()) else (
        np.zeros(0, int), np.zeros(0, int), np.zeros(0, int), np.zeros(0)
    )  # fmt: skip
    return Moving(program, *by, rng.normal(size=d), moving), 0.1 * rng.normal(size=d)


def differences(moving, data, direction, step=1e-6):
    """Central differences, or none where the two sides differ."""
    more, less, here = (solve(moving.at(data + s * step * direction)) for s in (1, -1, 0))
    if not (more.solved and less.solved and here.solved):
        return None
    found = []
    for part in ("objective", "x", "y", "z"):
        up, mid, down = (np.asarray(getattr(s, part)) for s in (more, here, less))
        if abs((up - mid) - (mid - down)).max(initial=0.0) > 1e-3 * step * (1 + abs(up - mid).max(initial=0.0) / step):
            return None
        found.append((up - down) / (2 * step))
    return found


def agrees(moving, data):
    assume(solve(moving.at(data)).solved)
    here = Sensitivity(moving, data)
    assume(not here.kinks)
    rng = np.random.default_rng(0)
    direction = rng.normal(size=moving.size)
    peer = differences(moving, data, direction)
    assume(peer is not None)
    moved = here.along(direction)
    for mine, theirs in zip((moved.objective, moved.x, moved.y, moved.z), peer, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=2e-4, atol=2e-5)
    # backward is the transpose of forward
    to_x, to_y = rng.normal(size=len(moved.x)), rng.normal(size=len(moved.y))
    back = here.back(to_x, to_y, 0.7)
    assert back @ direction == pytest.approx(to_x @ moved.x + to_y @ moved.y + 0.7 * moved.objective, rel=1e-8, abs=1e-8)
    np.testing.assert_allclose(here.jacobian().x @ direction, moved.x, atol=1e-9)


@settings(max_examples=40)
@given(smooth())
def test_derivatives_of_linear_programs_are_what_differences_say(case):
    agrees(*case)


@settings(max_examples=40)
@given(smooth(quadratic=True))
def test_derivatives_of_quadratic_programs_are_what_differences_say(case):
    agrees(*case)


def two_offers(load):
    """Ten MW at 20 and ten at 30 for a load that is the data."""
    program = Program(
        np.array([20.0, 30.0]), sparse.csr_array([[1.0, 1.0]]), np.array([0.0]), np.array([0.0]), np.zeros(2), np.full(2, 10.0),
        rows=(Block("balance", ((),)),), columns=(Block("p", (("coal",), ("gas",))),),
    )  # fmt: skip
    none = sparse.csr_array((2, 1))
    return Moving(program, none, sparse.csr_array([[1.0]]), none, none, np.zeros(1)), np.array([float(load)])


def test_at_a_kink_a_derivative_is_refused_naming_what_meets():
    moving, data = two_offers(10)
    with pytest.raises(Refusal) as raised:
        Sensitivity(moving, data).along(np.ones(1))
    assert raised.value.diagnostics[0].code == "kink"
    beside = Sensitivity(*two_offers(12)).along(np.ones(1))
    assert (beside.objective, *beside.x) == (30.0, 0.0, 1.0)


def test_the_least_cost_has_the_price_as_its_derivative_in_jax_too():
    import jax

    moving, _ = two_offers(0)
    function = optimum(moving)
    loads = np.array([[4.0], [8.0], [13.0], [10.0], [25.0]])

    def cost(load):
        x, y, least = function(load)
        return least + 0.5 * x[1] + 2.0 * y[0]

    slopes = jax.jit(jax.vmap(jax.grad(cost)))(loads)[:, 0]
    np.testing.assert_allclose(slopes[:3], [20.0, 20.0, 30.5])
    assert np.isnan(slopes[3]) and np.isnan(slopes[4]), "a kink, and a load that nobody can serve"
    np.testing.assert_allclose(jax.vmap(function)(loads)[2][:3], [80.0, 160.0, 290.0])
