"""What a loop carries is a family outside it, of as many indices as there are loops around: the same in every reading."""

from __future__ import annotations

import math
from fractions import Fraction as F

import pytest

import opengames as og
from opengames.diagram import Loop, wires

#: A walk that goes on through weeks, days and hours: `at` is where an hour begins, `dawn` where a day does.
WALK = """
type Week = 1..2
type Day  = 1..2
type Hour = 1..2

channel walk() -> (at: real[Week, Day, Hour], dawn: real[Week, Day], here: real[Week, Day, Hour]) {
    for w in Week carrying monday = 0 {
        for d in Day carrying dawn = monday {
            for h in Hour carrying at = dawn {
                up ~ bernoulli(3/4)
                here = at + (if up then 1 else -1)
                next at = here
            }
            next dawn = here[2]
        }
        next monday = here[2, 2]
    }
}

query mean   = E(at[2, 2, 1]) of walk
query joint  = P(at[1, 2, 1] == 2 and at[2, 1, 1] == 0) of walk
query told   = P(dawn[2, 2] == 2 | monday[2] == 0) of walk
query spread = distribution(at[2, 1, 2]) of walk
query drawn  = E(at[2, 2, 1] * monday[2]) of walk by simulate[runs = 20_000]
query beside = E(at[2, 2, 1] * monday[2]) of walk

verify begins: always(at[w, d, 1] == dawn[w, d] for w in Week, d in Day) of walk by z3
verify hands:  always(at[2, d, 2] == here[2, d, 1] and dawn[2, 1] == monday[2] for d in Day) of walk by z3
verify wrong:  always(at[2, d, 2] <= 6 for d in Day) of walk by z3
"""


@pytest.fixture(scope="module")
def walk() -> og.Model:
    return og.loads(WALK, "walk.game")


def after(steps: int) -> dict[int, F]:
    """Where a walk is after so many steps up with chance 3/4, else down."""
    return {2 * k - steps: math.comb(steps, k) * F(3, 4) ** k * F(1, 4) ** (steps - k) for k in range(steps + 1)}


def test_the_exact_reading_gives_the_binomial_chances_at_any_depth(walk: og.Model) -> None:
    assert walk.query("mean").value == 6 * F(1, 2)
    first, later = after(2), after(2)
    assert walk.query("joint").value == first[2] * later[-2]
    assert walk.query("told").value == after(2)[2]
    assert dict(walk.query("spread").value) == after(5)


def test_the_sampled_reading_agrees_with_it(walk: og.Model) -> None:
    drawn, exact = walk.query("drawn"), walk.query("beside").value
    four, two = after(4), after(2)
    assert exact == sum(p * q * a * (a + b) for a, p in four.items() for b, q in two.items())
    half = (drawn.interval[1] - drawn.interval[0]) / 2
    assert abs(float(drawn.value) - float(exact)) < 2.5 * half < 1


def test_plays_hand_it_out_as_arrays(walk: og.Model) -> None:
    runs = walk["walk"].run(runs=50, seed=3)
    at, here, dawn = runs["at"], runs["here"], runs["dawn"]
    assert at.shape == (50, 2, 2, 2) and dawn.shape == (50, 2, 2)
    along, steps = at.reshape(50, 8), here.reshape(50, 8)
    assert (along[:, 0] == 0).all() and (along[:, 1:] == steps[:, :-1]).all()
    assert (at[..., 0] == dawn).all() and abs(steps[:, -1]).max() > 2


def test_claims_about_it_are_proved_and_a_wrong_one_is_not(walk: og.Model) -> None:
    found = {c.name: c.verdict for c in walk.verify()}
    assert found == {"begins": "proved", "hands": "proved", "wrong": "refuted"}


def test_it_is_drawn_as_a_wire_that_leaves_every_loop(walk: og.Model) -> None:
    diagram = walk.program.diagrams["walk"]
    assert wires(diagram)["at"] == diagram.outputs[0].space and len(diagram.outputs[0].space.index) == 3
    (outer,) = [b for b in diagram.boxes if isinstance(b, Loop)]
    assert ("at", "at") in outer.outs and ("dawn", "dawn") in outer.outs
    assert ">at<" in str(walk["walk"].draw().svg)


def test_names_bound_further_in_stay_there() -> None:
    text = """
        type T = 1..2
        channel c() -> (k: real[T], j: real[T, T], n: real[T, T], other: real[T]) {
            for t in T carrying k = 1 {
                for s in T carrying j = k { next j = j + 1 }
                next k = 2 * k
            }
            for t in T {
                for j in T carrying n = 0 { next n = n + t }
                other = n[2]
            }
        }
    """
    with pytest.raises(og.Refusal) as refused:  # the outer `k` is a family of one index, whatever is carried inside
        og.loads(text.replace("k: real[T]", "k: real[T, T]"), "taken.game")
    assert refused.value.diagnostics[0].code == "type-mismatch"
    runs = og.loads(text)["c"].run(runs=1)
    assert runs["k"].tolist() == [[1, 2]] and runs["j"].tolist() == [[[1, 2], [2, 3]]]
    assert runs["other"].tolist() == [[1, 2]] and runs["n"].tolist() == [[[0, 1], [0, 2]]]


def test_who_does_not_ask_pays_nothing() -> None:
    """A table of nine hundred entries of ten values each would be no answer at all."""
    text = """
        type D = 1..30
        channel c() -> (last: 0..9[D]) {
            for d in D carrying begin = 0 {
                for h in D carrying at = begin {
                    up ~ bernoulli(1/2)
                    here: 0..9 = clamp(at + (if up then 1 else -1), 0, 9)
                    next at = here
                }
                last = here[30]
                next begin = last
            }
        }
        query end = E(last[30]) of c
    """
    assert float(og.loads(text).query("end").value) == pytest.approx(4.5, abs=1e-2)
