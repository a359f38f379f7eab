"""Localisation: the taper, and ensembles that are far smaller than their state against the Kalman filter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import opengames as og
from opengames.sampled import simulate
from opengames.solvers.recognition.dense import Leaf, leaves_of
from opengames.solvers.recognition.diagnosis import diverged
from opengames.solvers.recognition.recognise import prepared
from opengames.solvers.recognition.taper import Taper, gaspari_cohn
from opengames.spaces import REAL, Enum, Family


def line(n: int, name: str = "Cell") -> Leaf:
    (leaf,) = leaves_of(Family((Enum(name, tuple(f"c{i}" for i in range(n))),), REAL))
    return leaf


def test_the_taper_is_a_smooth_bell_with_an_end() -> None:
    z = np.linspace(0, 3, 3001)
    rho = gaspari_cohn(z)
    assert rho[0] == 1 and (rho[z >= 2] == 0).all() and (np.diff(rho) <= 1e-12).all()
    # twice differentiable, at 1 and 2 too: second differences change by no more than their length allows
    second = np.diff(rho, 2) / 1e-6
    assert np.abs(np.diff(second)).max() < 0.02
    # the self-convolution of a triangle of half-width 1 on the sphere's radius, to fourth order: 1 - 5/3 z^2 + 5/8 z^3
    small = z[z < 0.1]
    assert np.abs(rho[z < 0.1] - (1 - 5 / 3 * small**2 + 5 / 8 * small**3)).max() < 1e-4


@given(n=st.integers(2, 30), radius=st.floats(0.1, 60), ring=st.booleans(), alone=st.integers(0, 2))
def test_the_factors_of_evidence_are_those_of_a_correlation(n: int, radius: float, ring: bool, alone: int) -> None:
    leaves = [line(n), *(line(3, f"Other{k}") for k in range(alone))]
    found = Taper(radius, ring).within(leaves)
    assert np.linalg.eigvalsh(found)[0] > -1e-8 and np.allclose(np.diag(found), 1) and np.allclose(found, found.T)
    if not alone and (not ring or radius <= n / 2):
        i = np.arange(n)
        apart = np.abs(i[:, None] - i)
        apart = np.minimum(apart, n - apart) if ring else apart
        assert np.allclose(found, gaspari_cohn(2 * apart / radius))


def test_numbers_are_as_far_as_their_common_indices_say() -> None:
    (grid,) = leaves_of(Family((line(5).index[0], line(4, "Row").index[0]), REAL))
    (scalar,) = leaves_of(REAL)
    factors = Taper(4.0)
    assert (factors.between([scalar], [grid]) == 1).all()
    whole = factors.between([grid], [grid]).reshape(5, 4, 5, 4)
    assert whole[0, 0, 1, 2] == pytest.approx(gaspari_cohn(np.array(2 * np.sqrt(5) / 4)))
    along = factors.between([line(4, "Row")], [grid]).reshape(4, 5, 4)
    assert along[0, 3, 2] == pytest.approx(gaspari_cohn(np.array(1.0)))


RING = """
type Cell = 1..20
type T = 1..30

channel belt() -> (x: real[T, Cell], y: real[T, Cell]) {
    for c in Cell { begin ~ normal(0, 2) }
    for t in T carrying s = begin {
        for c in Cell { e ~ normal(0, 0.2) }
        x = [0.98 * s[if c == 1 then 20 else c - 1] + e[c] for c in Cell]
        for c in Cell { y ~ normal(x[c], 1) }
        next s = x
    }
}
"""
INPUTS = "(y: real[T, Cell]) -> (x: real[T, Cell]) of belt by"


@pytest.mark.slow
def test_a_few_members_carry_many_numbers_when_localised() -> None:
    """What flows around a ring: six members, twenty numbers, every fifth of them seen."""
    methods = {"exact": "kalman", "plain": "enkf[members = 6]", "local": "enkf[members = 6, radius = 5, ring = true, inflation = 1.02]"}
    program = og.loads(RING + "".join(f"recognition {n}{INPUTS} {by}\n" for n, by in methods.items()), "belt.game").program
    runs = 10
    plays = simulate(program, program.diagrams["belt"], runs=runs, seed=2, keep=("x", "y"))
    truth, seen = plays.columns["x"].data, plays.columns["y"].data
    there = np.zeros(seen.shape, bool)
    there[:, :, ::5] = True
    error, alarms = {}, {}
    for name in methods:
        found = prepared(program, program.recognitions[name]).run(1, np.arange(runs), {}, {"y": [seen]}, {"y": [there]})
        late = (found.beliefs["x"].mean() - truth)[:, 15:]
        error[name], alarms[name] = np.sqrt((late**2).mean((1, 2))), diverged(found)
    assert np.median(error["exact"]) < np.median(error["local"]) < 1.6 * np.median(error["exact"])
    known_beforehand = 0.2 / np.sqrt(1 - 0.98**2)
    assert np.median(error["local"]) < 0.8 * known_beforehand < known_beforehand < np.median(error["plain"])
    assert not alarms["exact"].any() and alarms["local"].mean() < 0.2 and alarms["plain"].mean() > 0.8


SHARED = """
type T = 1..6
type Cell = 1..10
channel c() -> (x: real[T, Cell], y: real[T, Cell], mean: real[T], bias: real) {
    bias ~ normal(0, 1)
    for t in T carrying s = [0 for k in Cell] {
        for k in Cell { e ~ normal(0, 1)  x = 0.9 * s[k] + e  y ~ normal(x + bias, 1) }
        mean ~ normal(sum(x[k] for k in Cell) / 10, 0.1)
        next s = x
    }
}
"""


def test_what_has_no_index_is_moved_by_all_evidence_and_not_more_than_it_should() -> None:
    """A bias of all sensors: tapering the evidence and not the bias would count the same surprise ten times."""
    rng = np.random.default_rng(0)
    y, mean = rng.normal(size=(6, 10)) + 1, rng.normal(size=6) / 4
    inputs = "(y: real[T, Cell], mean: real[T]) -> (x: real[T, Cell], bias: real) of c by"
    text = f"{SHARED} recognition exact{inputs} kalman recognition local{inputs} enkf[members = 400, radius = 6]"
    exact, local = (og.loads(text, "shared.game").recognise(n, y=y, mean=mean) for n in ("exact", "local"))
    assert abs(float(local.mean("bias") - exact.mean("bias"))) < 0.5 * float(exact.deviation("bias"))
    assert 0.7 < float(local.deviation("bias") / exact.deviation("bias")) < 1.3
    assert np.sqrt(((local.mean("x") - exact.mean("x")) ** 2).mean()) < 0.6 * exact.deviation("x").mean()


@pytest.mark.slow
def test_twenty_members_keep_the_chaotic_ring_of_lorenz_only_when_localised() -> None:
    from benchmarks.lorenz import tried

    error, lost, alarm = tried("members = 20, inflation = 1.04, radius = 12, ring = true", rounds=120, twins=10)
    assert error < 0.35 and lost == 0 and alarm <= 0.2
    error, lost, alarm = tried("members = 20, inflation = 1.04", rounds=120, twins=10)
    assert error > 1 and lost > 0.8 and alarm > 0.8


@pytest.mark.parametrize(
    ("wires", "method", "said"),
    [
        ("(z: real[T]) -> (x: real[T, Cell]) of c by", "enkf[radius = 3]", "no evidence of a round has an index"),
        ("(y: real[T, Eye]) -> (x: real[T, Cell]) of c by", "enkf[radius = 3]", "`y` shares no index with the state"),
        ("(y: real[T, Eye]) -> (x: real[T, Cell]) of c by", "enkf[ring = true]", "`ring` has no effect without `radius`"),
        ("(y: real[T, Eye]) -> (x: real[T, Cell]) of c by", "enkf[radius = 0]", "`radius` is above 0"),
        ("(y: real[T, Eye]) -> (x: real[T, Cell]) of c by", "kalman[radius = 2]", "`kalman` has no option `radius`"),
    ],
)
def test_a_radius_without_a_distance_is_refused(wires: str, method: str, said: str) -> None:
    text = """
        type T = 1..2  type Cell = 1..3  type Eye = A | B
        channel c() -> (x: real[T, Cell], y: real[T, Eye], z: real[T]) {
            for t in T carrying s = [0 for c in Cell] {
                for c in Cell { x ~ normal(s[c], 1) }
                for k in Eye { y ~ normal(x[if k == A then 1 else 3], 1) }
                z ~ normal(x[2], 1)
                next s = x
            }
        }
    """
    values = {"z": [1, 2]} if "z:" in wires else {"y": [[1, 2], [3, 4]]}
    with pytest.raises(og.Refusal) as refused:
        og.loads(f"{text} recognition r{wires} {method}", "far.game").recognise("r", **values)
    assert said in refused.value.diagnostics[0].headline
