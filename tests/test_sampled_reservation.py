"""The reservation exchange: the diagram, and the hand-written program it is measured against, are one model."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.reservation import exchange
from benchmarks.reservation_peers import Supplied, jax_mean, numpy_mean
from opengames.sampled import Uniforms, simulate


def test_the_diagram_and_the_numpy_program_agree_on_the_same_uniforms() -> None:
    people, units, leads = 40, 30, 4
    program, diagram = exchange(people, units, leads)
    make = np.random.default_rng(5)
    arrays = {
        "opening": make.random(()),
        "start": make.random(people),
        "price": make.random((units, leads)),
        "switched": make.random((people, units)),
        "fresh": make.random((people, units)),
    }
    inside = {"start", "switched", "fresh"}
    given = {f"earned.{name}" if name in inside else name: Uniforms(array) for name, array in arrays.items()}
    found = simulate(program, diagram, given=given)["mean"][0]
    assert found == pytest.approx(numpy_mean(people, units, leads, Supplied(arrays)), rel=1e-12)


def test_the_contestants_agree_on_average() -> None:
    """Twice 60 independent runs: the difference of two means, two-sided at 1e-6."""
    people, units, leads = 50, 40, 4
    program, diagram = exchange(people, units, leads)
    ours = simulate(program, diagram, runs=60, seed=1)["mean"]
    by_hand = jax_mean(people, units, leads)
    theirs = np.array([by_hand(seed) for seed in range(60)])
    spread = np.sqrt(ours.var(ddof=1) / 60 + theirs.var(ddof=1) / 60)
    assert abs(ours.mean() - theirs.mean()) < 4.9 * spread
