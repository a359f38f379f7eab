"""Dutch books: found, told in words, and checked by brute force; channels with open chances."""

from __future__ import annotations

import re
from fractions import Fraction as F
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import opengames as og

BOOK = """
type World  = ({fields})
type Ticket = {tickets}
fun pays(t: Ticket, w: World) -> bool = match t {{ {rows} }}
param posted: prob[Ticket] = [{prices}]
verify coherent:
    not (exists stake in real $[Ticket]:
        forall w in World: sum(stake[t] * (ind(pays(t, w)) - posted[t]) for t in Ticket) > 0 $) {by}
"""


def book(events, formulas, prices, by=""):
    """A claim that prices of formulas over Boolean events are coherent. formulas: by name, as text over `w.e0`, ..."""
    return og.loads(
        BOOK.format(
            fields=", ".join(f"e{i}: bool" for i in range(events)),
            tickets=" | ".join(formulas),
            rows=", ".join(f"{n} => {f}" for n, f in formulas.items()),
            prices=", ".join(f"{n}: {p.numerator}/{p.denominator}" for n, p in zip(formulas, prices, strict=True)),
            by=by,
        )
    ).verify("coherent")[0]


ATOMS = ["w.e0", "w.e1", "w.e2", "w.e0 and w.e1", "w.e0 or w.e2", "not w.e1", "w.e0 != w.e2", "w.e0 or not w.e0"]


def payoffs(formulas, events=3):
    worlds = list(product((False, True), repeat=events))
    rows = []
    for world in worlds:
        names = {f"e{i}": x for i, x in enumerate(world)}
        rows.append([bool(eval(re.sub(r"w\.(e\d)", r"\1", f).replace("not ", " not "), {}, names)) for f in formulas])
    return np.array(rows, float)


@given(
    st.lists(st.sampled_from(ATOMS), min_size=2, max_size=4, unique=True),
    st.lists(st.builds(F, st.integers(0, 10), st.just(10)), min_size=4, max_size=4),
)
@settings(max_examples=25)
def test_prices_are_coherent_where_a_distribution_gives_them_and_else_the_stakes_win_everywhere(formulas, prices):
    named = {f"T{i}": f for i, f in enumerate(formulas)}
    prices = prices[: len(formulas)]
    claim = book(3, named, prices)
    a = payoffs(formulas)
    n = len(a)
    there = linprog(
        np.zeros(n), A_eq=np.vstack([a.T, np.ones(n)]), b_eq=[*map(float, prices), 1.0], bounds=[(0, None)] * n
    )
    assert claim.verdict == ("proved" if there.status == 0 else "refuted"), claim
    if claim.verdict == "refuted":
        stakes = {n: F(x) for n, x in re.findall(r"(T\d): (-?[\d./]+) \$", claim.counterexample)}
        gains = a @ np.array([float(stakes[n]) for n in named])
        cost = sum(stakes[n] * p for n, p in zip(named, prices, strict=True))
        assert min(gains) - float(cost) > 0.09
        now = re.match(r"(collects|costs) (-?[\d./]+) \$ now", claim.because[1])
        assert F(now[2]) * (-1 if now[1] == "collects" else 1) == cost


@pytest.mark.parametrize(("both", "verdict"), [(F(1, 4), "proved"), (F(3, 5), "refuted")])
def test_many_worlds_are_brought_in_one_by_one(both, verdict):
    # 2^10 worlds, 11 tickets: the events one by one, and the first two together.
    formulas = {f"T{i}": f"w.e{i}" for i in range(10)} | {"Pair": "w.e0 and w.e1"}
    claim = book(10, formulas, [F(1, 2)] * 10 + [both], by="by z3[seconds = 40]")
    assert claim.verdict == verdict, claim
    if verdict == "refuted":
        assert "every one of the 1,024 worlds" in claim.because[1]


def test_the_words_say_what_is_bought_what_it_brings_and_what_would_have_to_hold():
    claim = book(1, {"Yes": "w.e0", "No": "not w.e0"}, [F(3, 5), F(1, 2)])
    assert claim.because == (
        "sell 1 Yes at 60%, sell 1 No at 50%",
        "collects 1.10 $ now and pays 1 $ in every one of the 2 worlds",
        "Yes + No must equal 1: 110 % is not 100 %",
    )
    cheap = book(1, {"Yes": "w.e0", "No": "not w.e0"}, [F(2, 5), F(1, 2)])
    assert cheap.because[:2] == (
        "buy 1 Yes at 40%, buy 1 No at 50%",
        "costs 0.90 $ now and brings 1 $ in every one of the 2 worlds",
    )


# ------------------------------------------------------------------------- channels

CHANNELS = """
channel flip[y: prob](home: bool) -> (later: bool) {
    switched ~ bernoulli(y)
    later    = home != switched
}
channel mix[y: prob](x: bool) -> (z: bool) {
    z ~ if x then {true: y, false: 1 - y} else {true: 0, false: 1}
}
channel both[y: prob](x: bool) -> (a: bool, b: bool) {
    a ~ flip[y](x)
    b ~ flip[y](x)
}
channel noisy[y: [-1, 2]](x: bool) -> (z: bool) {
    z ~ {true: y, false: 1 - y}
}
"""


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        ("forall y in prob, z in prob: flip[y] >> flip[z] == flip[y + z - 2 * y * z]", "proved"),
        ("forall y in prob, z in prob: flip[y] >> flip[z] == flip[z] >> flip[y]", "proved"),
        ("forall y in prob: flip[y] >> flip[y] >> flip[y] == flip[3*y - 6*y^2 + 4*y^3]", "proved"),
        ("forall y in prob, z in prob: mix[y] >> mix[z] == mix[y * z]", "proved"),
        ("forall y in prob: flip[y] >> mix[y] == mix[y] >> flip[y]", "refuted"),
        ("exists y in prob: flip[y] == mix[y]", "refuted"),
        ("exists y in prob: flip[y] == flip[1 - y]", "proved"),
        ("forall y in prob, z in prob: (flip[y] @ mix[z]) >> (flip[z] @ mix[y]) == "
         "(flip[y] >> flip[z]) @ (mix[z] >> mix[y])", "proved"),
        ("forall y in [0, 1/2], z in [0, 1/2]: flip[y] >> flip[z] == flip[y + z]", "refuted"),
        ("forall y in [-1, 2]: noisy[y] == noisy[y]", "unknown"),
    ],
)  # fmt: skip
def test_channels_with_open_chances_are_compared_as_polynomials(claim, verdict):
    found = og.loads(f"{CHANNELS}\nverify it: {claim}").verify("it")[0]
    assert found.verdict == verdict, found


@given(st.builds(F, st.integers(0, 6), st.just(6)), st.builds(F, st.integers(0, 6), st.just(6)))
@settings(max_examples=10)
def test_open_chances_agree_with_known_ones(y, z):
    left = f"flip[{y}] >> mix[{z}]"
    for right in (f"mix[{z}] >> flip[{y}]", f"flip[{y}] >> mix[{z}]", f"mix[{y}] >> mix[{z}]"):
        exact, proved = og.loads(f"{CHANNELS}\nverify a: {left} == {right}\nverify b: {left} == {right} by z3").verify()
        assert exact.verdict == proved.verdict and exact.method != proved.method
