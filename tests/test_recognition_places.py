"""Evidence from several loops, and from outside of them: brought into one loop, it says what it said where it was."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import opengames as og
from opengames.diagram import Loop
from opengames.solvers.recognition import exactly, shape
from opengames.solvers.recognition.shape import state_space

CELLS = """
type T = 1..3
type Two = 1..2

channel process(turn: bool[T]) -> (kind: bool, level: bool[T], a: bool[T], b: bool[T, Two], early: bool, late: bool, middle: bool) {
    kind ~ bernoulli(1/4)
    early ~ bernoulli(if kind then 2/3 else 1/5)
    for t in T carrying now = kind {
        flip ~ bernoulli(if turn[t] then 1/2 else 1/8)
        level = (now != flip)
        next now = level
    }
    for s in T { a ~ bernoulli(if level[s] and not flip[s] then 3/4 else 1/4) }
    for r in T carrying tired = false {
        for k in Two { b ~ bernoulli(if level[r] then 2/3 else if tired then 1/2 else 1/9) }
        next tired ~ bernoulli(if a[r] then 1/2 else 0)
    }
    middle ~ bernoulli(if level[2] then 5/6 else 1/6)
    late ~ bernoulli(if level[3] == kind then 9/10 else 3/10)
}
"""
INPUTS = "(turn: bool[T], a: bool[T], b: bool[T, Two], early: bool, late: bool, middle: bool) -> (kind: bool, level: bool[T]) of process by"


@pytest.fixture(scope="module")
def cells() -> og.Model:
    return og.loads(f"{CELLS}\nrecognition all{INPUTS} exact\nrecognition some{INPUTS} particle[particles = 20_000]", "cells.game")


def test_loops_and_draws_are_one_loop(cells: og.Model) -> None:
    space = state_space(cells.program, cells.program.recognitions["all"])
    assert isinstance(space.loop, Loop) and space.rounds == 3 and len(space.loop.carry) == 2
    assert {s.name: s.at for s in space.seen} == {"a": None, "b": None, "early": 0, "late": 2, "middle": 1}


SOME = st.sampled_from([None, False, True])


@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_the_posterior_is_that_of_the_channel_as_it_was(cells: og.Model, data) -> None:
    """The other way is the exact reading of the whole channel, its evidence being conditions."""
    draw = data.draw
    turn = draw(st.lists(st.booleans(), min_size=3, max_size=3))
    seen = {"a": draw(st.lists(SOME, min_size=3, max_size=3)), "b": draw(st.lists(SOME, min_size=6, max_size=6))}
    seen |= {n: draw(SOME) for n in ("early", "late", "middle")}
    found = cells.recognise("all", turn=turn, **{**seen, "b": [seen["b"][i : i + 2] for i in (0, 2, 4)]})
    at = {n: tuple(v) if isinstance(v, list) else v for n, v in seen.items()} | {"turn": tuple(turn)}
    whole = exactly.of(cells.program, cells.program.recognitions["all"]).chances(at)
    for wire in ("kind", "level"):
        assert found.mean(wire) == pytest.approx(whole[wire].mean(), abs=1e-12)


@pytest.mark.slow
def test_particles_agree_with_it_in_the_last_round(cells: og.Model) -> None:
    seen = {"turn": [False, True, False], "a": [True, None, True], "b": [[True, True], [None, False], [True, None]]}
    seen |= {"early": True, "late": True, "middle": False}
    all_, some = (cells.recognise(n, **seen) for n in ("all", "some"))
    assert float(some.mean("level")[2]) == pytest.approx(float(all_.mean("level")[2]), abs=6 * 0.5 / math.sqrt(10_000))
    assert some.log_evidence == pytest.approx(all_.log_evidence, abs=0.05)
    assert "filtered" in some.method


NORMAL = """
type T = 1..6

channel day() -> (x: real[T], y: real[T], z: real[T], first: real, final: real) {
    bias ~ normal(1, 1)
    first ~ normal(2 * bias, 1)
    for t in T carrying before = bias {
        e ~ normal(0, 1)
        x = 0.8 * before + e
        next before = x
    }
    for t in T { y ~ normal(x[t] + bias, 0.5) }
    for t in T { z ~ normal(x[t] - 2 * e[t], 2) }
    final ~ normal(x[6] + x[6] / 2, 0.3)
}
"""
WIRES = "(y: real[T], z: real[T], first: real, final: real) -> (x: real[T]) of day by"


CALLS = """
type T = 1..6
channel meter(v: real, s: real) -> (out: real) { out ~ normal(v, s) }

channel day() -> (x: real[T], y: real[T], z: real[T], first: real, final: real) {
    start ~ normal(0, 1)
    first ~ meter(start / 2, 3)
    told = 2 * first
    for t in T reversed carrying p = start { x ~ normal(p, 1)  next p = x }
    for k in T { y ~ meter(x[k], k / 2) }
    for k in T { twice = 2 * x[k]  z ~ meter(twice, 1) }
    middle = x[3] - x[3] / 4
    final ~ meter(middle, 1)
}
"""


@pytest.mark.parametrize("channel", [pytest.param(NORMAL, marks=pytest.mark.slow, id="draws"), pytest.param(CALLS, id="calls")])
def test_a_kalman_filter_says_what_conditioning_the_whole_channel_does(channel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"{channel}\nrecognition r{WIRES} kalman[lag = 6]"
    rng = np.random.default_rng(4)
    y, z = rng.normal(size=(2, 6)) * 2
    y[2] = z[4] = np.nan
    seen = {"y": y, "z": z, "first": 3, "final": -1}
    by_rounds = og.loads(text, "day.game").recognise("r", **seen)
    monkeypatch.setattr(shape, "joined_loops", lambda flat, wanted: flat)
    at_once = og.loads(text, "day.game").recognise("r", **seen)
    assert (by_rounds.method, at_once.method) == ("kalman, smoothed", "kalman, in one round")
    assert by_rounds.mean("x") == pytest.approx(at_once.mean("x"), abs=1e-9)
    assert by_rounds.deviation("x") == pytest.approx(at_once.deviation("x"), abs=1e-9)
    assert by_rounds.log_evidence == pytest.approx(at_once.log_evidence, abs=1e-9)


@pytest.mark.parametrize(
    "body",
    [
        "for t in T carrying p = 0 { x ~ normal(p, 1)  next p = x }  for t in T { y ~ normal(x[max(t - 1, 1)], 1) }  for t in T { z ~ normal(x[t], 1) }",
        "for t in T carrying p = 0 { x ~ normal(p, 1)  y ~ normal(x, 1)  next p = x }  for t in T reversed carrying q = x[3] { z ~ normal(q, 1)  next q = q / 2 }",
        "for t in T carrying p = 0 { x ~ normal(p, 1)  y ~ normal(x, 1)  next p = x }  whole = sum(x[t] for t in T)  for t in T { z ~ normal(whole, 1) }",
    ],
    ids=["a look behind", "back again", "a sum"],
)
def test_what_cannot_be_one_loop_is_one_round(body: str) -> None:
    """The answers are those of a lagged filter of nothing but the joint normal distribution, worked out here."""
    text = f"type T = 1..3  channel c() -> (x: real[T], y: real[T], z: real[T]) {{ {body} }} recognition r(y: real[T], z: real[T]) -> (x: real[T]) of c by kalman"
    y, z = np.array([1.0, -2, 0.5]), np.array([0.0, 3, 1])
    found = og.loads(text, "apart.game").recognise("r", y=y, z=z)
    assert found.method == "kalman, in one round"
    walk = np.tril(np.ones((3, 3)))
    of_y, of_z = (walk[[0, 0, 1]], walk) if "max" in body else (walk, np.outer([1 / 4, 1 / 2, 1], walk[2])) if "reversed" in body else (walk, np.ones((3, 1)) * walk.sum(0))
    h = np.concatenate([of_y, of_z])
    gain = walk @ h.T @ np.linalg.inv(h @ h.T + np.eye(6))
    assert found.mean("x") == pytest.approx(gain @ np.concatenate([y, z]), abs=1e-9)
    assert found.deviation("x") == pytest.approx(np.sqrt(np.diag(walk @ walk.T - gain @ h @ walk.T)), abs=1e-9)


BESIDE = """
type T = 1..4
channel c(push: real[T]) -> (x: real[T], y: real[T], mood: bool[T], tall: bool) {{
    {before}
    for t in T carrying p = 0{carried} {{
        x ~ normal(p + push[t], 1)
        {inside}
        y ~ normal(x, 2)
        next p = x
    }}
    {after}
}}
recognition r(push: real[T], y: real[T]) -> (x: real[T]) of c by {method}
"""
PLAIN = {"before": "", "carried": "", "inside": "mood = false", "after": "tall = false"}
MORE = {
    "before": "size ~ {1: 1/2, 2: 1/2}",
    "carried": ", worse = 1, told = 0",
    "inside": """
        mood ~ bernoulli(if x > 0 then 1/4 else 3/4)
        for k in T carrying q = 1 { deep ~ uniform(T)  next q = deep / size }
        if mood { luck ~ normal(x * x, 1) } else { luck = worse }
        next worse = exp(luck) * worse
        next told = told + deep[1]
    """,
    "after": "tall ~ bernoulli(if x[4] > 1 then 1 else 1/2)",
}


@pytest.mark.parametrize("method", ["kalman", pytest.param("enkf", marks=pytest.mark.slow), pytest.param("particle[particles = 50]", marks=pytest.mark.slow)])
def test_what_bears_on_nothing_is_neither_run_nor_in_the_way(method: str) -> None:
    """Draws have names, so what stands beside changes no member."""
    seen = {"push": [0, 1, 0, 0], "y": [1, None, 3, -1]}
    plain, more = (og.loads(BESIDE.format(method=method, **parts), "beside.game").recognise("r", **seen) for parts in (PLAIN, MORE))
    assert more.mean("x") == pytest.approx(plain.mean("x"), abs=1e-12)
    assert more.deviation("x") == pytest.approx(plain.deviation("x"), abs=1e-12)
    assert more.log_evidence == pytest.approx(plain.log_evidence, abs=1e-9)
