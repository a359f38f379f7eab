"""A part of a family that is looked up at known keys is fetched alone: the rest is not kept."""

from __future__ import annotations

from fractions import Fraction

import pytest

from opengames.dsl.check import check
from opengames.exact import answer
from opengames.plug import plug
from opengames.solvers.claims import equilibrium, value
from opengames.solvers.layers import build
from opengames.solvers.policies import behaviour
from opengames.solvers.unroll import unroll
from opengames.terms import Ask, Var

WALK = """
type Lead = A | B
player p
game G {
    start: prob[Lead] = [A: 0.5, else: 0]
    for i in 1..N carrying view = start {
        up   ~ {true: 1/3, false: 2/3}
        also: prob[Lead] = [if up then view[l] / 2 else view[B] for l in Lead]
        next view = [if up and l == B then 1/2 else 0 for l in Lead]
    }
    last = also[N]
    decide x: bool by p seeing last earning if x then last[A] + last[B] else 0.1
}
strategy s of G { p.x = last[A] > 0 }
"""

GRID = """
type Row = 1..2
type Col = 1..3
player p
game G {
    for r in Row, c in Col { coin ~ {1: 1/2, 0: 1/2} }
    for r in Row { line: 0..1[Col] = [coin[r, c] for c in Col]  top = max(line[c] for c in Col) }
    second = coin[2]
    same   = line[2]
    decide x: bool by p seeing top earning
        if x then sum(second[c] + same[c] + line[1, c] for c in Col) else 1
}
strategy s of G { p.x = top[2] == 1 }
"""


def checked(text):
    found = check(text, "g.game")
    assert found.program is not None, found.diagnostics
    return found.program


@pytest.fixture(scope="module")
def walks():
    return {n: checked(WALK.replace("N", str(n))) for n in (3, 4, 60)}


def test_the_last_row_of_a_long_loop_keeps_no_history(walks):
    program = walks[60]
    code = unroll(program, program.diagrams["G"])
    graph = build(code, behaviour(program, "s"), ())
    assert max(map(len, graph.states.values())) < 20
    assert equilibrium(program, "G", "s").verdict in ("holds", "fails")


@pytest.mark.parametrize("n", [3, 4])
def test_its_value_is_that_of_the_exact_reading(walks, n):
    program = walks[n]
    game = plug(program.diagrams["G"], program.strategies["s"])
    paid = Ask("E", (Var(program.diagrams["G"].boxes[-1].out.name),))
    assert dict(value(program, "G", "s").payoffs)["p", ()] == answer(program, game, paid, {})


def test_rows_of_a_loop_over_two_ranges_and_of_rows_computed_whole_are_the_elements_they_name():
    program = checked(GRID)
    # With chance 7/8 a head is in the second row: then its three coins count twice and the first row's once.
    expected = 2 * Fraction(3, 2) + Fraction(3, 2) * Fraction(7, 8) + Fraction(1, 8)
    assert value(program, "G", "s").of("p") == expected
