"""A wire that every arm of a branch binds is one wire, inside the arms and outside: it is earned once."""

from __future__ import annotations

from fractions import Fraction

from opengames.dsl.check import check
from opengames.exact import answer
from opengames.plug import plug
from opengames.solvers.claims import value
from opengames.terms import Ask, Var

TEXT = """
type Act = L | R
player p, q
game G {
    decide first: Act by p earning won
    decide mid: Act by q seeing first earning -won
    if first == L {
        decide second: Act by p seeing mid earning EARNED
        decide late: Act by q seeing second earning -won
        won = if second == late then 3 else 0
    } else {
        won = 2
    }
}
strategy s of G {
    p.first  ~ {L: 2/3, R: 1/3}
    q.mid    = L
    p.second = mid
    q.late   ~ {L: 1/4, R: 3/4}
}
"""


def test_what_is_won_is_counted_once_however_deep_it_is_named():
    program = check(TEXT.replace("EARNED", "won"), "g.game").program
    assert program is not None
    game, strategy = program.diagrams["G"], program.strategies["s"]
    won = answer(program, plug(game, strategy), Ask("E", (Var("won"),)), {})
    assert won == Fraction(2, 3) * Fraction(3, 4) + Fraction(2, 3)
    payoffs = dict(value(program, game, strategy).payoffs)
    assert payoffs["p", ()] == won
    assert payoffs["q", ()] == -won


def test_an_earning_that_stays_in_its_arm_is_paid_there_only():
    text = TEXT.replace("won = if second == late then 3 else 0", "won = 1\n        bonus = 5").replace("EARNED", "bonus")
    program = check(text, "g.game").program
    assert program is not None
    payoffs = dict(value(program, program.diagrams["G"], program.strategies["s"]).payoffs)
    won = Fraction(2, 3) + 2 * Fraction(1, 3)
    assert payoffs["p", ()] == won + Fraction(2, 3) * 5
    assert payoffs["q", ()] == -won
