"""`nat` is the whole numbers from 0: in every reading, and for the checker too."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import opengames as og
from opengames.diagnostics import Refusal
from opengames.dsl.check import check
from opengames.evaluate import member
from opengames.serial import decode, encode
from opengames.show import show_space
from opengames.spaces import REAL, Reals, contains

NAT = Reals(Fraction(0), whole=True)


def verdict(text: str, name: str = "a") -> str:
    return str(og.loads(text).verify(name)[0].verdict)


@given(st.fractions(-5, 50, max_denominator=6))
def test_a_number_lies_in_nat_if_and_only_if_it_is_whole_and_not_negative(x: Fraction) -> None:
    wanted = x >= 0 and x.denominator == 1
    assert contains(NAT, x) == wanted
    assert member(NAT, exact=False)(float(x)) == wanted
    assert not contains(NAT, math.inf) and not contains(NAT, math.nan) and not contains(NAT, True)


def test_nat_differs_from_its_interval_and_is_printed_as_nat() -> None:
    assert Reals(Fraction(0)) != NAT and hash(NAT) == hash(Reals(Fraction(0), None, None, True))
    assert show_space(NAT) == "nat" and show_space(REAL) == "real"
    program = check("param n: nat = 3", "n").program
    assert program is not None and program.params["n"].space == NAT


@pytest.mark.parametrize(
    ("claim", "wanted"),
    [
        ("exists n in nat: n > 0 and n < 1", "refuted"),
        ("forall n in nat: n * (n - 1) >= 0", "proved"),
        ("exists n in nat: 2 * n == 3", "refuted"),
        ("exists n in nat: 2 * n == 4", "proved"),
        ("forall n in nat: n >= 0", "proved"),
        ("forall n in nat: n < 7", "refuted"),
        ("forall n in nat: n in nat", "proved"),
        ("forall n in nat: n + 1 in nat", "proved"),
        ("forall n in nat: n - 1 in nat", "refuted"),
        ("forall n in nat: n / 2 in nat", "refuted"),
        ("forall x in [0, 1]: x in nat", "refuted"),
        ("exists x in [1/3, 5/3]: x in nat", "proved"),
        ("exists x in [1/3, 2/3]: x in nat", "refuted"),
        ("1.5 in nat", "refuted"),
        ("-1 in nat", "refuted"),
        ("2 in nat", "proved"),
        ("4 / 2 in nat", "proved"),
    ],
)
def test_claims_about_whole_numbers(claim: str, wanted: str) -> None:
    assert verdict(f"verify a: {claim}") == wanted


def test_a_witness_is_a_whole_number() -> None:
    said = str(og.loads("verify a: forall n in nat: n < 7/2").verify("a")[0])
    assert "n = 4" in said


HALF = "channel c() -> (m: nat) { m ~ {1: 1/2, 1/2: 1/2} }\nquery e = E(m) of c"
WHOLE = "channel c() -> (m: nat) { m ~ {1: 1/2, 2: 1/2} }\nquery e = E(m) of c"


@pytest.mark.parametrize("how", ["", " by simulate[runs = 400, seed = 1]"])
def test_a_half_is_no_outcome_of_a_nat(how: str) -> None:
    with pytest.raises(Refusal) as refused:
        og.loads(HALF + how).query("e")
    assert refused.value.diagnostics[0].code == "outside-type"


@pytest.mark.parametrize("how", ["", " by simulate[runs = 400, seed = 1]"])
def test_whole_outcomes_are(how: str) -> None:
    assert abs(float(og.loads(WHOLE + how).query("e").value) - 1.5) < 0.15


def test_the_mean_of_whole_numbers_need_not_be_whole() -> None:
    assert verdict(WHOLE.split("\n")[0] + "\nverify a: E(m) in nat of c") == "refuted"


def test_a_nat_fits_a_real_and_a_real_is_looked_at_where_a_nat_is_wanted() -> None:
    funs = "fun up(x: real) -> real = x\nfun one(n: nat) -> nat = n\n"
    og.loads(funs + "param k: nat = 2\nquery q = up(k) + one(k)").query("q")
    text = funs + "param r: real = 2\nquery q = one(r / 2)"
    assert og.loads(text).query("q").value == 1
    with pytest.raises(Refusal) as refused:
        og.loads(text.replace("r / 2", "r / 4")).query("q")
    assert refused.value.diagnostics[0].code == "outside-type"


def test_a_text_with_nat_is_the_same_after_its_round_trip() -> None:
    assert decode(encode(NAT)) == NAT and decode(encode(REAL)) == REAL
    program = check(WHOLE, "w").program
    assert program is not None and decode(encode(program)).diagrams == program.diagrams
