"""`why`: the least change of params that turns a verdict over; found exactly, or by a search that says so; and always one that does it."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import opengames as og
from opengames.dsl.check import check

STORE = """
use std.energy: MW, MWh, h
param cap:   real MWh = 400 MWh
param power: real MW  = 100 MW
param start: [0 MWh, 380 MWh] = 350 MWh
param hours: 1..10 = 2

verify fits:   start + power * 1 h <= cap
verify every:  forall w in [0, 1]: start + w * power * 1 h <= cap
verify roomy:  start <= cap
verify sure:   forall x in [0, 1]: x * x <= 1 + x
verify always_: start <= start + 1 MWh

query one    = why(fits, power)
query small  = why(fits)
query forall_ = why(every, cap)
query strict = why(roomy, cap)
query stuck  = why(fits, start, hours)
query never  = why(always_)
"""


@pytest.fixture(scope="module")
def store():
    return og.loads(STORE.replace("query stuck  = why(fits, start, hours)\n", "query stuck = why(fits, start)\n"))


def turned(model, answer):
    """The verdicts before and after, the change made in a fresh model."""
    claim = answer.value.claim
    after = model.with_params(**answer.value.settings)
    return model.verify(claim)[0].holds, after.verify(claim)[0].holds


def test_the_least_change_is_exact_and_turns_the_claim(store):
    one = store.query("one")
    assert one.value.settings == {"power": "50 MW"} and one.value.least
    assert one.because[0] == "power: 100 MW -> 50 MW"
    assert "--set 'power=50 MW'" in one.because[-1]
    assert one.game == "param power: real MW = 50 MW"
    assert turned(store, one) == (False, True)


def test_of_several_params_the_least_relative_change_of_as_few_as_possible_is_told(store):
    small = store.query("small")
    assert small.value.settings == {"cap": "450 MWh"}  # an eighth; half of power, a seventh of start
    assert turned(store, small) == (False, True)


def test_a_claim_for_all_values_of_an_interval_is_made_to_hold(store):
    found = store.query("forall_")
    assert found.value.settings == {"cap": "450 MWh"} and found.value.least
    assert turned(store, found) == (False, True)


def test_where_the_least_is_only_come_near_to_the_edge_is_told(store):
    found = store.query("strict")
    (change,) = found.value.changes
    edge = change.edge
    assert edge == store.program.params["start"].value
    assert edge * Fraction(98, 100) < change.values["cap"] < edge
    assert turned(store, found) == (True, False)
    assert "it turns as soon as `cap` is beyond 350 MWh" in found.because


def test_nothing_within_the_types_is_said_so(store):
    found = store.query("never")
    assert found.value.changes == () and found.value.least
    assert "no value of `start` within the type turns it over" in found.because[0]
    assert found.value.settings == {}
    assert turned(store, store.query("stuck")) == (False, True)


def test_the_new_value_can_be_pasted_back(store):
    found = store.query("one")
    assert check(f"use std.energy: MW\n{found.game}", "text.game").diagnostics == ()


GAME = """
type Day = Wet | Dry
param loss:   real = 3
param chance: prob = 1/4
param label:  Day  = Dry
player ann
game Umbrella {
    rain ~ bernoulli(chance)
    decide take: bool by ann earning -(if take then 1 else if rain then loss else 0)
}
strategy leave of Umbrella { ann.take = false }
verify best:  equilibrium(leave)
verify rare:  P(rain) <= 1/3 of Umbrella under leave
verify drawn: P(rain) <= 1/2 of Umbrella under leave by simulate[runs = 400]
verify named: label == Dry
query why_best  = why(best)
query why_rare  = why(rare)
query why_drawn = why(drawn, chance)
query why_named = why(named, label)
"""


def test_where_no_solver_minimises_a_search_finds_what_turns_it_and_says_so():
    m = og.loads(GAME)
    best = m.query("why_best")  # leaving it pays while chance * loss <= 1
    assert not best.value.least
    assert any("found by a search" in note for note in best.value.notes)
    by_name = {n: x for c in best.value.changes for n, x in c.values.items()}
    assert 4 < by_name["loss"] < Fraction(407, 100)
    assert Fraction(1, 3) < by_name["chance"] < Fraction(34, 100)
    assert turned(m, best) == (True, False)
    rare = m.query("why_rare").value.changes
    assert Fraction(1, 3) < rare[0].values["chance"] < Fraction(34, 100)
    assert turned(m, m.query("why_drawn")) == (True, False)
    named = m.query("why_named")
    assert named.value.settings == {"label": "Wet"}


PLAY = """
type Hour = 1..5
param cap:  real = 12
param most: [0, 10] = 1
channel Tank() -> (level: real[Hour]) {
    for t in Hour carrying level = 5 {
        rain ~ {0: 1/2, 1: 1/2}
        next level = level + rain * most
    }
}
verify holds: always(level[t] <= cap for t in Hour) of Tank by z3
query both = why(holds)
query step = why(holds, most)
"""


def test_a_claim_about_plays_is_broken_by_the_least_change():
    m = og.loads(PLAY)
    both = m.query("both")  # cap below 9 is a quarter of 12 away; most above 7/4 three quarters
    assert both.value.least and both.value.changes[0].edge == 9
    assert turned(m, both) == (True, False)
    most = m.query("step")
    assert most.value.changes[0].edge == Fraction(7, 4)
    assert turned(m, most) == (True, False)
    broken = m.with_params(most="3").query("step")
    assert not broken.value.least, "what every play must obey is found by trying"
    assert Fraction(17, 10) <= broken.value.changes[0].values["most"] <= Fraction(7, 4)


@settings(max_examples=25)
@given(st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 5), st.integers(1, 5))
def test_nothing_smaller_turns_a_linear_claim(a, b, p, q):
    text = f"param a: real = {a}\nparam b: real = {b}\nverify it: {p} * a + {q} * b <= 7\nquery fix = why(it)"
    m = og.loads(text)
    (change,) = m.query("fix").value.changes
    gap = abs(p * a + q * b - 7)
    least = min(Fraction(gap, p) / (abs(a) or 1), Fraction(gap, q) / (abs(b) or 1))
    size = sum(abs(v - {"a": a, "b": b}[n]) / Fraction(abs({"a": a, "b": b}[n]) or 1) for n, v in change.values.items())
    assert least <= size <= least + max(least, 1) * Fraction(1, 100)
    assert len(change.values) == 1
    assert m.with_params(**m.query("fix").value.settings).verify("it")[0].holds != m.verify("it")[0].holds


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("why(nothing)", "unknown-question"),
        ("why(it, c)", "unknown-param"),
        ("why(it, it)", "unknown-param"),
        ("why(a)", "unknown-question"),
        ("why()", "wrong-count"),
        ("why(it, f)", "type-mismatch"),
    ],
)
def test_what_cannot_be_asked_is_refused(question, code):
    text = f"param a: real = 1\nparam f: real[1..2] = [else: 1]\nverify it: a <= 2 and f[1] <= 2\nquery q = {question}"
    assert [d.code for d in check(text, "text.game").diagnostics] == [code]


@pytest.mark.parametrize(("question", "said"), [("why(it, b)", "does not depend"), ("why(it, n)", "sets a size"), ("why(none)", "no param")])
def test_params_that_do_not_matter_or_set_sizes_are_refused(question, said):
    text = (
        "param a: real = 1\nparam b: real = 1\nparam n: nat = 3\ntype T = 1..n\n"
        f"verify it: forall t in T: a <= n + t\nverify none: 1 < 2\nquery q = {question}"
    )
    with pytest.raises(og.Refusal, match=said):
        og.loads(text).query("q")


def test_an_open_claim_has_no_verdict_to_turn():
    m = og.loads("param a: real = 1\nverify it: forall x in real: 1 / x != 0 and a <= 2\nquery q = why(it)")
    with pytest.raises(og.Refusal, match="cannot be answered") as raised:
        m.query("q")
    assert "no verdict to turn over" in str(raised.value)
