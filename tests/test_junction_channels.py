"""`by junction_tree`: the same answers as the exact reading, in floating point, and what it does not take on."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import opengames as og
from opengames.diagnostics import Refusal

GRID = """
type Load = Low | High
type Price = {1, 2.5, 40 $}
type Line = 1..30
player ann
channel shifted(p: Price) -> (q: Price) { q ~ if p == 1 $ then {2.5 $: 50%, 1 $: 50%} else {40 $: 10%, 1 $: 90%} }
channel grid() -> (load: Load, outage: bool, binds: bool, price: Price, later: Price) {
    load   ~ {Low: 60%, High: 40%}
    outage ~ bernoulli(5%)
    binds  ~ bernoulli(if outage then 80% else if load == High then 30% else 5%)
    price  ~ if binds then {1 $: 20%, 2.5 $: 30%, 40 $: 50%} else {1 $: 90%, 2.5 $: 10%, 40 $: 0%}
    later  ~ shifted(price)
}
channel net() -> (windy: bool, out: bool[Line], many: real) {
    windy ~ bernoulli(30%)
    for l in Line { out ~ bernoulli(if windy then 10% else 1%) }
    many = sum(ind(out[l]) for l in Line)
}
channel walk() -> (last: real) {
    for t in 1..40 carrying at = 0 {
        up ~ bernoulli(1/2)
        next at = if up then min(at + 1, 5) else max(at - 1, -5)
    }
    last = at[40]
}
channel free() -> (x: real) { x ~ normal(0, 1) }
game choice { decide go: bool by ann earning ind(go) }
"""

QUESTIONS = [
    "P(binds | outage) of grid", "E(price | binds) of grid", "E(price * ind(outage)) of grid", "variance(later) of grid",
    "distribution(later | binds) of grid", "distribution(load | price == 40 $) of grid", "P(later > price) of grid",
    "P(many >= 3) of net", "P(sum(ind(out[l]) for l in Line) >= 3 | windy) of net", "E(many | out[3] and out[7]) of net",
    "distribution(many) of net", "P(windy | many == 4) of net", "E(last) of walk", "variance(last) of walk",
    "E(price) - E(later) of grid", "P(exists l in Line: out[l]) of net",
]  # fmt: skip


def asked(question, by=""):
    return og.loads(f"{GRID}\nquery q = {question}{by}").query("q")


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_junction_tree_answers_as_the_exact_reading_does(question):
    exact, found = asked(question), asked(question, " by junction_tree")
    assert "floating point" in found.method and "junction tree" in found.method and "floating" not in exact.method
    if question.startswith("distribution"):
        assert {v: pytest.approx(float(c), rel=1e-12) for v, c in exact.value if c} == dict(found.value)
    else:
        assert found.value == pytest.approx(float(exact.value), rel=1e-12, abs=1e-15) and isinstance(found.value, float)


chances = st.fractions(0, 1, max_denominator=20)


@given(st.lists(chances, min_size=9, max_size=9), st.sampled_from(["a", "b", "c", "a and c", "a == b", "a or not c"]))
@settings(max_examples=25)
def test_random_networks_agree_given_evidence(p, event):
    text = f"""channel net() -> (a: bool, b: bool, c: bool, d: bool) {{
        a ~ bernoulli({p[0]})
        b ~ bernoulli(if a then {p[1]} else {p[2]})
        c ~ bernoulli(if a then {p[3]} else {p[4]})
        d ~ bernoulli(if b and c then {p[5]} else if b then {p[6]} else if c then {p[7]} else {p[8]})
    }}
    query e = P({event} | d) of net
    query t = P({event} | d) of net by junction_tree"""
    model = og.loads(text)
    try:
        exact = float(model.query("e").value)
    except Refusal as refused:
        assert refused.diagnostics[0].code == "impossible-evidence"
        with pytest.raises(Refusal, match="probability 0"):
            model.query("t")
        return
    assert model.query("t").value == pytest.approx(exact, rel=1e-12, abs=1e-15)


def test_chances_too_small_for_products_are_added_up_as_logarithms():
    text = """type I = 1..200
    channel many() -> (a: bool, x: bool[I]) {
        a ~ bernoulli(1/2)
        for i in I { x ~ bernoulli(if a then 1/1000 else 1/500) }
    }
    query q = P(a | forall i in I: x[i]) of many by junction_tree"""
    # the odds are those of a likelihood ratio of 1/2, two hundred times
    assert og.loads(text).query("q").value == pytest.approx(2.0**-200, rel=1e-10)


def test_a_chain_of_two_hundred_wires_with_many_states_is_answered():
    text = """type S = 1..12
    channel chain() -> (last: real) {
        for t in 1..200 carrying at = 1 {
            step ~ uniform(S)
            next at = if step > 6 then min(at + 1, 12) else max(at - 1, 1)
        }
        last = at[200]
    }
    query q = E(last) of chain by junction_tree"""
    move = np.zeros((12, 12))
    for at in range(12):
        move[at, min(at + 1, 11)] += 0.5
        move[at, max(at - 1, 0)] += 0.5
    mean = np.linalg.matrix_power(move, 199)[0] @ np.arange(1, 13)
    assert og.loads(text).query("q").value == pytest.approx(mean, rel=1e-12)


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("P(binds | outage and not outage) of grid by junction_tree", "impossible-evidence"),
        ("E(price) of grid by junction_tree[cells = 3]", "over-budget"),
        ("E(x) of free by junction_tree", "over-budget"),
        ("E(ind(go)) of choice by junction_tree", "needs-strategy"),
    ],
)
def test_what_a_tree_cannot_answer_is_refused(question, code):
    with pytest.raises(Refusal) as refused:
        asked(question)
    assert [d.code for d in refused.value.diagnostics] == [code]


def test_other_questions_are_for_other_methods():
    for question in ("cvar(price, 5%) of grid", "E(price) of grid"):
        options = "[cells = 1/2]" if question.startswith("E") else ""
        with pytest.raises(Refusal) as refused:
            asked(question, f" by junction_tree{options}")
        assert refused.value.diagnostics[0].code in ("unsuited-method", "method-option")


def test_floating_point_never_proves_and_equal_but_for_rounding_stays_open():
    model = og.loads(f"""{GRID}
        verify sure: P(binds) > 10% of grid by junction_tree
        verify wrong: P(binds) > 50% of grid by junction_tree
        verify even: P(outage) == 5% of grid by junction_tree""")
    assert [c.verdict for c in model.verify()] == ["supported", "not supported", "unknown"]
    assert Fraction(1, 20) == og.loads(f"{GRID}\nquery q = P(outage) of grid").query("q").value
