"""Found strategies are written out only where a text can say them."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest

from opengames.diagnostics import Refusal
from opengames.dsl.check import check
from opengames.solvers.answers import Policy
from opengames.solvers.claims import value
from opengames.solvers.unroll import unroll

TEXT = """
player p
game G { decide a: bool, b: bool by p earning if a == b then 1 else 0 }
"""


def policy(mix):
    program = check(TEXT, "g.game").program
    assert program is not None
    (step,) = unroll(program, program.diagrams["G"]).choices()
    return program, Policy("G", ("p", ()), None, ((step, (), mix),))


def test_a_joint_mix_that_is_no_product_is_not_written_wire_by_wire():
    half = Fraction(1, 2)
    _, found = policy((((False, False), half), ((True, True), half)))
    with pytest.raises(Refusal, match="jointly"):
        found.to_game("s")


def test_a_product_of_mixes_is_written_and_means_the_same():
    chances = {False: Fraction(1, 3), True: Fraction(2, 3)}
    mix = tuple(((a, b), chances[a] * chances[b]) for a, b in product((False, True), repeat=2))
    _, found = policy(mix)
    again = check(TEXT + found.to_game("s"), "g.game").program
    assert again is not None
    assert value(again, again.diagrams["G"], again.strategies["s"]).payoffs[0][1] == Fraction(5, 9)
