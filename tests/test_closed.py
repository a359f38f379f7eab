"""Constants pushed into the bodies of calls, loops and branches: the meaning stays."""

from __future__ import annotations

from fractions import Fraction

import opengames as og
from opengames.closed import push_constants
from opengames.diagram import Call, Compute, Loop, walk
from opengames.exact import distribution
from opengames.terms import Param, Var

TEXT = """
type I = 1..3
param a: real[I] = [1: 2, 2: 3, else: 5]
param steep: real = 2
channel inner(w: real[I], x: real) -> (y: real) {
    for i in I { z = w[i] * x }
    noise ~ {1: 50%, 2: 50%}
    y = sum(z[i] for i in I) + noise
}
channel outer(up: bool) -> (y: real, total: real, branched: real) {
    y ~ inner(a, 3)
    for i in I carrying s = 0 {
        u ~ inner(a, s + a[i])
        next s = u
    }
    total = sum(u[i] for i in I)
    match up {
        true => { branched ~ inner(a, steep) }
        false => { branched = steep }
    }
}
"""


def test_a_param_reaches_the_bodies():
    pushed = push_constants(og.loads(TEXT).program.diagrams["outer"])
    calls = [box for _, box in walk(pushed) if isinstance(box, Call)]
    assert len(calls) == 3
    for call in calls:
        assert "w" not in [p.name for p in call.diagram.inputs]
        assert len(call.args) == len(call.diagram.inputs)
        first = call.diagram.boxes[0]
        assert isinstance(first, Compute) and first.out.name == "w" and first.term == Param("a")
    (loop,) = [box for box in pushed.boxes if isinstance(box, Loop)]
    assert len(loop.captured) == len(loop.body.inputs) - len(loop.iters) - len(loop.carry)


def test_the_meaning_stays():
    program = og.loads(TEXT).program
    diagram = program.diagrams["outer"]
    pushed = push_constants(diagram)
    assert pushed != diagram
    for up in (True, False):
        for wire in ("y", "total", "branched"):
            old = distribution(program, diagram, Var(wire), inputs={"up": up})
            new = distribution(program, pushed, Var(wire), inputs={"up": up})
            assert old == new
    found = distribution(program, pushed, Var("y"), inputs={"up": True})
    assert dict(found) == {Fraction(31): Fraction(1, 2), Fraction(32): Fraction(1, 2)}  # (2 + 3 + 5) * 3 and the noise


def test_nothing_to_push_is_the_same_diagram():
    program = og.loads("channel c(x: real) -> (y: real) { y = x + 1 }\nchannel d(x: real) -> (y: real) { y ~ c(x) }").program
    assert push_constants(program.diagrams["d"]) is program.diagrams["d"]
