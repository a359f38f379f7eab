"""Branches dissolved: what leaves a channel is distributed as before, and markets and networks can stand on it."""

from __future__ import annotations

from fractions import Fraction

import pytest

import opengames as og
from opengames.diagram import Branch, walk
from opengames.exact import distribution
from opengames.straight import straight
from opengames.terms import Pack, Var

PLAIN = """
channel day() -> (rain: bool, late: bool, wet: bool) {
    rain ~ bernoulli(30%)
    if rain {
        jam ~ bernoulli(60%)
        late ~ bernoulli(if jam then 80% else 20%)
        wet = true
    } else {
        late ~ bernoulli(10%)
        wet = false
    }
}
"""
NESTED = """
type Sky = Clear | Cloud | Storm
type Some = 1..3
channel day() -> (sky: Sky, n: 0..3) {
    sky ~ {Clear: 50%, Cloud: 30%, Storm: 20%}
    match sky {
        Clear => { n = 0 }
        Cloud => {
            more ~ bernoulli(25%)
            if more { n ~ uniform(Some) } else { n = 1 }
        }
        Storm => { n ~ {2: 1/3, 3: 2/3} }
    }
}
"""
LOOPED = """
type T = 1..3
channel day() -> (on: bool, total: 0..3) {
    on ~ bernoulli(40%)
    if on {
        for t in T { up ~ bernoulli(if on then 1/2 else 1/3) }
        total = sum(ind(up[t]) for t in T)
    } else {
        total = 0
    }
}
"""
REPEATED = """
type T = 1..3
channel day() -> (last: bool, count: 0..3) {
    for t in T carrying was = false {
        if was { now ~ bernoulli(90%) } else { now ~ bernoulli(20%) }
        next was = now
    }
    last = now[3]
    count = sum(ind(now[t]) for t in T)
}
"""


@pytest.mark.parametrize("text", [PLAIN, NESTED, LOOPED, REPEATED], ids=["plain", "nested", "looped", "repeated"])
def test_the_joint_distribution_stays(text):
    program = og.loads(text).program
    diagram = program.diagrams["day"]
    made = straight(diagram)
    assert not any(isinstance(box, Branch) for _, box in walk(made))
    whole = Pack(tuple(Var(p.name) for p in diagram.outputs))
    assert dict(distribution(program, made, whole)) == dict(distribution(program, diagram, whole))


def test_without_branches_it_is_the_same_diagram():
    program = og.loads("channel c() -> (x: bool) { x ~ bernoulli(1/2) }").program
    assert straight(program.diagrams["c"]) is program.diagrams["c"]


def test_a_market_stands_on_branches():
    from opengames.models.networks import from_game

    program = og.loads(PLAIN).program
    answers = og.loads(PLAIN + "query p = price(rain | late) of day by lmsr\nquery q = P(rain | late) of day").queries()
    assert [a.value for a in answers] == [Fraction(12, 17)] * 2
    network = from_game(program, "day")
    assert {"rain", "late", "wet"} <= {v.name for v in network.variables}


def test_what_a_branch_in_a_loop_hands_on_is_what_it_gives():
    # the same draw is carried on and asked about: 0.2, then 0.9, then 0.9
    answers = og.loads(REPEATED + "query all = P(count == 3) of day\nquery two = P(now[1] and now[2]) of day").queries()
    assert [a.value for a in answers] == [Fraction(81, 500), Fraction(9, 50)]


TWO_OUT = """
type T    = 1..3
type Some = 0..2
channel day() -> (o: bool) {
    for t in T carrying was = false {
        match t {
            1 => {
                n: Some = 1
                now ~ bernoulli(1/3)
            }
            2 => {
                n: Some = if was then 2 else 1
                now = was
            }
            3 => {
                n: Some = ind(was)
                now = not was
            }
        }
        next was = now
    }
    o = now[3]
}
"""


def test_results_of_a_branch_that_hands_on_keep_apart():
    # `n` in the second arm asks for what is carried, which is `now` of the same branch: the two were swapped there
    text = TWO_OUT + "query n = E(n[2]) of day\nquery both = P(n[2] == 2 and now[3]) of day\nquery one = P(n[3] == 1 and now[1]) of day"
    assert [a.value for a in og.loads(text).queries()] == [Fraction(4, 3), 0, Fraction(1, 3)]
