"""`reach(...)` names a decision or a branch as the text writes it; a move outside its rules stops a run."""

import re
from fractions import Fraction

import pytest

import opengames as og

TREE = """
type Move = Left | Right
type Act  = Fold | Call

player ann, bob

game Inner {
    decide deep: Act by bob earning 0
}

game Tree {
    decide a: Move by ann earning 0
    if a == Left {
        decide b: Act by bob earning 0
        match b {
            Call => { decide c: Act by ann earning 0 }
            Fold => { Inner() }
        }
    }
}

strategy s of Tree {
    ann.a ~ {Left: 1/4, Right: 3/4}
    bob.b ~ {Call: 1/3, Fold: 2/3}
    ann.c    = Fold
    bob.deep = Call
}
"""


@pytest.mark.parametrize(
    ("place", "chance"),
    [("a", "1"), ("b", "1/4"), ("c", "1/12"), ("deep", "1/6"), ("a == Left", "1/4"), ("b == Call", "1/12")],
)
def test_a_place_is_named_without_the_branches_around_it(place, chance):
    m = og.loads(f"{TREE}\nquery r = reach({place}) of Tree under s\n")
    assert m.query("r").value == Fraction(chance)


def test_a_place_that_is_nowhere_is_refused_with_those_there_are():
    with pytest.raises(og.Refusal, match="there is no decision or branch `z`"):
        og.loads(f"{TREE}\nquery r = reach(z) of Tree under s\n").query("r")


RULES = """
type Tick = 0..5
player ann
game Quote {
    cap ~ uniform(Tick)
    decide ask: Tick by ann seeing cap earning ask subject to { top: ask <= cap }
}
strategy bold of Quote { ann.ask = 5 }
strategy mixed of Quote { ann.ask ~ {0: 1/2, cap: 1/2} }
"""


def test_a_run_stops_at_a_move_that_breaks_a_rule():
    with pytest.raises(og.Refusal) as refused:
        og.loads(RULES).run("Quote", "bold", runs=10)
    assert refused.value.diagnostics[0].code == "broken-rule"


def test_a_run_shows_the_wire_decided_and_not_the_wire_before_its_rules():
    assert list(og.loads(RULES).run("Quote", "mixed", runs=5)) == ["cap", "ask"]


LIMITS = """
type Day = 1..2
type Cash = 0..5 $
player ann
game Days {
    for d in Day {
        cash ~ uniform(Cash)
        decide pay: Cash by ann seeing cash earning pay subject to { affordable: pay <= cash }
    }
}
strategy eager of Days { ann.pay = min(5 $, cash + 1 $) }
"""


def test_a_broken_rule_names_the_move_and_what_it_was_seen_with_in_every_reading():
    m = og.loads(f"{LIMITS}query q = E(sum(pay[d] for d in Day)) of Days under eager\n")
    for ask in (lambda: m.run("Days", "eager", runs=10), lambda: m.query("q")):
        with pytest.raises(og.Refusal) as refused:
            ask()
        (found,) = refused.value.diagnostics
        move, cash = re.fullmatch(r"the move is pay = (\d) \$, where cash = (\d) \$", found.notes[-1]).groups()
        assert (found.code, int(move)) == ("broken-rule", int(cash) + 1)


def test_the_move_that_broke_a_rule_is_the_one_of_the_run_that_is_named():
    m = og.loads(RULES)
    with pytest.raises(og.Refusal) as refused:
        m.run("Quote", "bold", runs=20, seed=3)
    where, move = refused.value.diagnostics[0].notes
    run = int(re.search(r"run (\d+)", where).group(1))
    caps = og.loads(RULES.replace("ask <= cap", "ask <= 5")).run("Quote", "bold", runs=20, seed=3)["cap"]
    assert all(cap == 5 for cap in caps[:run]) and caps[run] < 5
    assert move == f"the move is ask = 5, where cap = {caps[run]:.0f}"


def test_a_branch_on_a_condition_has_it_in_brackets_and_is_reached_by_it():
    text = TREE.split("game Inner")[0] + """
type N = 0..3
game Tall {
    t ~ uniform(N)
    if t == 1 or t == 2 and t != 3 and t > 0 {
        decide x: N by bob earning x
    } else {
        decide x: N by bob earning 3 - x
    }
}
strategy s of Tall { bob.x = 2 }
query whole = reach(t == 1 or t == 2 and t != 3 and t > 0) of Tall under s
query nowhere = reach(t == 5) of Tall under s
"""
    m = og.loads(text)
    assert m.query("whole").value == Fraction(1, 2)
    with pytest.raises(og.Refusal, match=re.escape("`(t == 1 or t == 2 and t …)=true.x`")):
        m.query("nowhere")
