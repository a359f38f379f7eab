"""Exact inverses: the laws of disintegration, agreement with the inverse of matrices, and a hidden Markov model."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies_diagrams import channels, spaces, weighted

import opengames as og
from opengames import kernels
from opengames.compose import copy, discard, identity
from opengames.diagram import Diagram, Draw, Port
from opengames.program import Program
from opengames.solvers.recognition.exactly import Inverse, at_prior, inverse
from opengames.spaces import BOOL, Space, points

FEW = settings(max_examples=15)
NOTHING = Program()


def prior(space: Space, kernel) -> Diagram:
    return Diagram("prior", (), (Port("x", space),), (Draw(Port("x", space), kernel),))


@st.composite
def priors_and_channels(draw, length: int = 1):
    """A prior and channels that follow each other."""
    along = [draw(spaces()) for _ in range(length + 1)]
    start = prior(along[0], draw(weighted(along[0])))
    return start, [draw(channels(a, b, f"f{i}")) for i, (a, b) in enumerate(pairwise(along))]


def rows(made: Inverse) -> dict:
    """The rows of an inverse for the evidence that can occur."""
    found = {}
    for values in product(*(tuple(points(p.space)) for p in made.observed)):
        evidence = {p.name: v for p, v in zip(made.observed, values, strict=True)}
        try:
            found[values] = dict(made.at(evidence))
        except og.Refusal as refused:
            assert [d.code for d in refused.diagnostics] == ["impossible-evidence"]
    return found


@FEW
@given(priors_and_channels())
def test_it_is_the_inverse_of_the_matrix(case) -> None:
    start, (f,) = case
    as_matrix = kernels.inverse(kernels.of(f), dict(kernels.of(start).rows)[()])
    assert rows(at_prior(NOTHING, start, f)) == {y: dict(row) for y, row in as_matrix.rows}


@FEW
@given(priors_and_channels())
def test_evidence_and_then_the_inverse_is_the_joint_distribution(case) -> None:
    start, (f,) = case
    x, y = identity(start.outputs[0].space), identity(f.outputs[0].space)
    joint = kernels.of(start >> copy(start.outputs[0].space) >> (x @ f))
    back = at_prior(NOTHING, start, f).diagram()
    again = kernels.of(start >> f >> copy(f.outputs[0].space) >> (back @ y))
    assert joint == again


@FEW
@given(priors_and_channels())
def test_the_inverse_of_the_inverse_is_the_channel(case) -> None:
    start, (f,) = case
    back = at_prior(NOTHING, start, f).diagram()
    twice = at_prior(NOTHING, start >> f, back)
    channel = {x: dict(row) for x, row in kernels.of(f).rows}
    for x, row in rows(twice).items():
        assert row == channel[x]


@FEW
@given(priors_and_channels(2))
def test_the_inverse_of_a_composite_is_the_composite_of_inverses(case) -> None:
    start, (f, g) = case
    whole = kernels.of(at_prior(NOTHING, start, f >> g).diagram())
    parts = kernels.of(at_prior(NOTHING, start >> f, g).diagram() >> at_prior(NOTHING, start, f).diagram())
    can_occur = [z for z, _ in dict(kernels.of(start >> f >> g).rows)[()]]
    assert all(dict(whole.rows)[z] == dict(parts.rows)[z] for z in can_occur)


@FEW
@given(priors_and_channels())
def test_what_is_not_looked_at_tells_nothing(case) -> None:
    start, (f,) = case
    blind = at_prior(NOTHING, start, f >> discard(f.outputs[0].space))
    assert rows(blind)[()] == dict(dict(kernels.of(start).rows)[()])


CELLS = """
type Interval = 1..8
type Level    = 0..3

channel cell(seen: Level) -> (next_level: Level) = table {
    | seen ||   0 |   1 |   2 |   3 |
    |    0 || 90% | 10% |  0% |  0% |
    |    1 || 20% | 60% | 20% |  0% |
    |    2 ||  0% | 20% | 60% | 20% |
    |    3 ||  0% |  0% | 10% | 90% |
}

channel process(start: 0..3) -> (level: Level[Interval], reading: bool[Interval]) {
    for t in Interval carrying now = start {
        level   ~ cell(now)
        reading ~ bernoulli(level / 3)
        next now = level
    }
}

recognition track(start: 0..3, reading: bool[Interval]) -> (level: Level[Interval]) of process by exact
"""

MOVES = np.array([[0.9, 0.1, 0, 0], [0.2, 0.6, 0.2, 0], [0, 0.2, 0.6, 0.2], [0, 0, 0.1, 0.9]])


def forward_backward(start: int, readings: list[bool]) -> np.ndarray:
    """The chances of every level in every interval given all readings, the textbook way."""
    likely = [np.arange(4) / 3 if y else 1 - np.arange(4) / 3 for y in readings]
    ahead, state = [], np.eye(4)[start]
    for each in likely:
        state = state @ MOVES * each
        ahead.append(state)
    found, back = [], np.ones(4)
    for t in reversed(range(len(readings))):
        joint = ahead[t] * back
        found.append(joint / joint.sum())
        back = MOVES @ (back * likely[t])
    return np.array(found[::-1])


def evidence(start: int, readings: list[bool]) -> float:
    """The chance of the readings: every path of levels, one by one."""
    total = 0.0
    for path in product(range(4), repeat=len(readings)):
        chance, now = 1.0, start
        for level, y in zip(path, readings, strict=True):
            chance *= MOVES[now, level] * (level / 3 if y else 1 - level / 3)
            if not chance:
                break
            now = level
        total += chance
    return total


@pytest.fixture(scope="module")
def cells() -> og.Model:
    return og.loads(CELLS, "cells.game")


def test_a_hidden_markov_model_is_smoothed(cells: og.Model) -> None:
    readings = [True, False, False, True, True, True, False, False]
    found = cells.recognise("track", start=1, reading=readings)
    chances = found.chances("level")
    assert np.abs(np.stack([chances[float(v)] for v in range(4)], 1) - forward_backward(1, readings)).max() < 1e-14
    assert found.mean("level") == pytest.approx(forward_backward(1, readings) @ np.arange(4))
    lower, upper = found.interval("level", 0.5)
    assert found.log_evidence == pytest.approx(np.log(evidence(1, readings)), abs=1e-12)
    assert (lower <= upper).all() and set(lower) | set(upper) <= {0.0, 1.0, 2.0, 3.0}


def test_evidence_that_cannot_happen_is_refused_where_it_becomes_impossible(cells: og.Model) -> None:
    with pytest.raises(og.Refusal, match=r"`reading\[1\] = true` cannot happen in `process`"):
        og.loads(CELLS.replace("|    0 || 90% | 10% |", "|    0 || 100% | 0% |"), "stuck.game").recognise(
            "track", start=0, reading=[True] * 8
        )
    with pytest.raises(og.Refusal, match=r"`reading\[5\] = true` cannot happen in `process`, given the rounds before t = 5"):
        text = CELLS.replace("bernoulli(level / 3)", "bernoulli(if t <= 4 then level / 3 else 0)")
        og.loads(text, "late.game").recognise("track", start=2, reading=[True, True, False, True, True, False, False, False])


def test_rationals_and_rounds_agree_where_both_apply() -> None:
    text = CELLS.replace("1..8", "1..3")
    model = og.loads(text, "short.game")
    made = inverse(model.program, model.program.diagrams["process"], ("reading",), ("level",))
    readings = (True, False, True)
    joint = made.at({"start": Fraction(2), "reading": readings})
    assert sum(p for _, p in joint) == 1 and all(isinstance(p, Fraction) for _, p in joint)
    chances = model.recognise("track", start=2, reading=readings).chances("level")
    for t, v in product(range(3), range(4)):
        assert float(sum(p for (levels,), p in joint if levels[t] == v)) == pytest.approx(chances[float(v)][t], abs=1e-14)


def test_a_long_horizon_costs_no_more_than_its_rounds() -> None:
    found = og.loads(CELLS.replace("1..8", "1..400"), "long.game").recognise("track", start=0, reading=[False, True] * 200)
    assert np.abs(np.stack([found.chances("level")[float(v)] for v in range(4)], 1) - forward_backward(0, [False, True] * 200)).max() < 1e-12


def test_evidence_of_several_kinds_by_round_and_what_was_drawn_before() -> None:
    text = """
        channel c() -> (kind: bool, twice: bool[1..2, 1..2], tint: 0..1[1..2]) {
            kind ~ bernoulli(1/4)
            for t in 1..2 carrying now = kind {
                tint ~ {0: if now then 1/3 else 1/2, 1: if now then 2/3 else 1/2}
                for k in 1..2 { twice ~ bernoulli(if kind then 3/4 else 1/4) }
                flip ~ bernoulli(1/8)
                next now = (now or flip)
            }
        }
        recognition r(twice: bool[1..2, 1..2], tint: 0..1[1..2]) -> (kind: bool) of c by exact
    """
    twice, tint = (True, False, True, True), (1, 0)
    found = og.loads(text, "two.game").recognise("r", twice=twice, tint=tint)

    def likely(kind: bool) -> float:
        draws = np.prod([(0.75 if kind else 0.25) if y else (0.25 if kind else 0.75) for y in twice])
        later = 1.0 if kind else 1 / 8  # now in the second round
        return float(draws * (2 / 3 if kind else 1 / 2) * (later / 3 + (1 - later) / 2))

    yes, no = likely(True) / 4, likely(False) * 3 / 4
    assert float(found.mean("kind")) == pytest.approx(yes / (yes + no), abs=1e-14)


def test_infinite_channels_are_sent_to_the_filters() -> None:
    text = "channel c() -> (x: real, y: real) { x ~ normal(0, 1)  y ~ normal(x, 1) } recognition r(y: real) -> (x: real) of c by exact"
    with pytest.raises(og.Refusal, match="infinitely many values") as refused:
        og.loads(text).recognise("r", y=1)
    assert refused.value.diagnostics[0].code == "needs-sampling"


def test_the_table_of_an_inverse_is_a_channel_of_the_theory() -> None:
    text = "channel c() -> (x: bool, y: bool) { x ~ bernoulli(1/4)  y ~ bernoulli(if x then 1 else 0) }"
    program = og.loads(text).program
    made = inverse(program, program.diagrams["c"], ("y",), ("x",)).diagram()
    assert made.inputs == (Port("y", BOOL),)
    assert dict(dict(kernels.of(made).rows)[(True,)]) == {(True,): 1}
