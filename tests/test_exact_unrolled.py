"""Loops unrolled for the exact reading: families read element by element are not kept whole."""

from __future__ import annotations

from fractions import Fraction as F
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from test_exact import NOTHING, diagrams, enumerable, num, op

import opengames as og
from opengames.exact.asking import _Asker
from opengames.exact.unrolled import unrolled
from opengames.terms import Ask, If, Var

TWO_LOOPS = """
type T = 1..{n}
type Side = Low | Mid | High
channel pair() -> (total: real) {{
    for t in T {{ x ~ {{Low: 1/2, Mid: 1/4, High: 1/4}} }}
    for t in T carrying n = 0 {{
        y ~ bernoulli(if x[t] == High then 1/2 else if x[t] == Mid then 1/4 else 1/8)
        next n = (if y and x[t] != Low then min(n + 1, 5) else n)
    }}
    total = n[{n}]
}}
query q = {asked} of pair by exact
"""

LOOPED_SLICE = """
type T = 1..{n}
type Lead = 1..4
channel hop(b: bool) -> (after: bool) {{
    flips ~ bernoulli(1/10)
    after = b != flips
}}
channel curve() -> (s: real) {{
    for t in T carrying c = [false for k in Lead] {{
        for k in Lead {{ view ~ hop(c[min(k + 1, 4)]) }}
        next c = view
    }}
    for k in Lead {{ asp = view[{n}, k] }}
    s = sum(ind(asp[k]) for k in Lead)
}}
query q = {asked} of curve by exact
"""

DRAWN_INDEX = """
type T = 1..3
channel c() -> (z: real) {
    at ~ uniform(T)
    for t in T carrying n = 0 {
        x ~ bernoulli(t / 4)
        next n = (if x then n + t else n)
    }
    for t in T reversed carrying m = 0 {
        y = ind(x[t]) + (if t > 1 then ind(x[max(t - 1, 1)]) else 0)
        next m = y - m
    }
    high = max(y[t] for t in T)
    odd = sum(t * ind(x[t]) for t in T if t != 2)
    z = odd + 10 * ind(x[at]) + 100 * high + 1_000 * m[1] + 10_000 * n[3]
}
"""


def counted(n):
    """The chances of 0, ..., 5 counted, round by round: a round counts with chance (1/4)(1/2) + (1/4)(1/4)."""
    law = [F(1), *[F(0)] * 5]
    p = F(1, 8) + F(1, 16)
    for _ in range(n):
        law = [law[k] * (1 if k == 5 else 1 - p) + (law[k - 1] * p if k else 0) for k in range(6)]
    return law


@pytest.mark.parametrize("n", [3, 40])
def test_a_family_made_by_one_loop_and_read_in_another_is_not_kept(n):
    mean = og.loads(TWO_LOOPS.format(n=n, asked="E(total)")).query("q")
    law = counted(n - 1)  # `n[t]` is what round t begins with
    assert mean.value == sum(k * c for k, c in enumerate(law)) and mean.runs is None
    shown = og.loads(TWO_LOOPS.format(n=n, asked="distribution(total)")).query("q")
    assert dict(shown.value) == {k: c for k, c in enumerate(law) if c}


def curve(n):
    """The mean number of true leads after `n` rounds: each is the last lead of earlier rounds, moved on and flipped."""
    chances = [F(0)] * 4
    for _ in range(n):
        before = [chances[min(k + 1, 3)] for k in range(4)]
        chances = [b * F(9, 10) + (1 - b) * F(1, 10) for b in before]
    return sum(chances)


@pytest.mark.parametrize("n", [2, 30])
def test_a_looped_slice_needs_only_its_elements(n):
    found = og.loads(LOOPED_SLICE.format(n=n, asked="E(s)")).query("q")
    assert found.value == curve(n) and found.runs is None
    everything = og.loads(LOOPED_SLICE.format(n=n, asked="distribution(s)")).query("q")
    assert sum(c for _, c in everything.value) == 1
    assert sum(v * c for v, c in everything.value) == curve(n)


def test_evidence_about_an_element_is_kept_in_the_unrolled_diagram():
    given = og.loads(TWO_LOOPS.format(n=40, asked="E(total | x[39] == High)")).query("q")
    law = counted(38)
    stays = sum(k * c for k, c in enumerate(law))
    assert given.value == stays + F(1, 2) * (1 - law[5])


def by_hand():
    law = {}
    for at, *x in product((1, 2, 3), (0, 1), (0, 1), (0, 1)):
        chance = F(1, 3)
        for t, seen in enumerate(x, 1):
            chance *= F(t, 4) if seen else 1 - F(t, 4)
        n = x[0] + 2 * x[1]  # carried wires are what a round begins with
        y = [x[0], x[1] + x[0], x[2] + x[1]]
        m = y[1] - y[2]
        z = x[0] + 3 * x[2] + 10 * x[at - 1] + 100 * max(y) + 1_000 * m + 10_000 * n
        if chance:
            law[z] = law.get(z, 0) + chance
    return law


def test_drawn_indices_folds_and_reversed_loops_mean_what_they_did():
    model = og.loads(DRAWN_INDEX)
    program = model.program
    diagram = program.diagrams["c"]
    question = og.loads(DRAWN_INDEX + "query q = distribution(z) of c\n").program.questions[0].term
    assert isinstance(question, Ask)
    made = unrolled(diagram, question.args, program.funs, {})
    assert made is not None
    flat, (asked,) = made
    plain = dict(_Asker(program, diagram, {}, 100_000, F, {}).distribution(question.args[0], ()))
    assert dict(_Asker(program, flat, {}, 100_000, F, {}).distribution(asked, ())) == plain == by_hand()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(diagrams())
def test_an_unrolled_diagram_has_the_same_law(diagram):
    both = If(Var("wB"), op("+", Var("wR"), num(100)), Var("wR"))
    made = unrolled(diagram, (both,), {}, {})
    if made is None or enumerable(diagram) > 14:
        return
    plain = dict(_Asker(NOTHING, diagram, {}, 10**6, F, {}).distribution(both, ()))
    assert dict(_Asker(NOTHING, made[0], {}, 10**6, F, {}).distribution(made[1][0], ())) == plain


def test_a_diagram_that_would_be_too_long_is_not_unrolled():
    program = og.loads(TWO_LOOPS.format(n=40, asked="E(total)")).program
    diagram, asked = program.diagrams["pair"], program.questions[0].term.args
    assert unrolled(diagram, asked, program.funs, {}, most=100) is None
    assert unrolled(diagram, asked, program.funs, {}, most=200) is not None
