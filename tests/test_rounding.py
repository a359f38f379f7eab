"""What leaves the rationals is never called exact, and a claim that rests on it is never called proved."""

import pytest

import opengames as og

TEXT = """
type Side = Head | Tail
player p

fun growth(x: real) -> real = exp(x)
fun twice(x: real) -> real = 2 * growth(x)

game Coin {
    c ~ {Head: exp(-1), Tail: 1 - exp(-1)}
    decide a: Side by p seeing c earning ind(a == c)
}
strategy s of Coin { p.a = c }

channel fair() -> (x: real) { x ~ {1: 1/2, 3: 1/2} }
"""


def claim(words):
    return og.loads(f"{TEXT}\nverify it: {words}\n").verify()["it"]


@pytest.mark.parametrize(
    "words", ["exp(1) > 2.7", "twice(1) > 5", "forall k in 1..2: log(k + 1) > 0", "sqrt(2) > 1", "2 ^ 0.5 > 1"]
)
def test_what_laws_and_bounds_decide_is_proved_and_not_left_to_floats(words):
    found = claim(words)
    assert found.verdict == "proved" and found.method.startswith("z3")


@pytest.mark.parametrize("words", ["P(c == Head) < 1/2 of Coin under s", "equilibrium(s)"])
def test_a_claim_that_rests_on_a_float_is_supported(words):
    found = claim(words)
    assert (found.verdict, found.runs) == ("supported", None)
    assert found.method.startswith("floating point")


def test_a_claim_that_fails_in_floats_is_refuted_only_by_a_proof():
    assert claim("exp(1) > 3").verdict == "refuted"
    assert claim("P(c == Head) > 1/2 of Coin under s").verdict == "not supported"


@pytest.mark.parametrize("words", ["2 ^ 3 == 8", "forall k in 1..3: 2 ^ k > 1", "E(x) == 2 of fair", "1/3 + 2/3 == 1"])
def test_a_claim_in_rationals_is_proved(words):
    found = claim(words)
    assert found.verdict == "proved" and found.method.startswith("exact")


def test_an_answer_says_whether_it_is_rounded():
    m = og.loads(f"{TEXT}\nquery e = exp(1)\nquery two = sqrt(4)\nquery c = distribution(c) of Coin under s\n")
    assert [m.query(q).method for q in ("e", "two", "c")] == ["floating point", "exact", "floating point"]


@pytest.mark.parametrize(
    "words",
    [
        "floor(log(1000) / log(10)) == 3",  # 2.9999999999999996 in floats
        "floor(log(8) / log(2)) == 3",
        "digits(1000) == 3",
        "forall k in 1..4: floor(log(10 ^ k) / log(10)) == k",
        "1 < floor(log(1000) / log(10)) and 2 > 1",
        "sum(floor(log(10 ^ k) / log(10)) for k in 1..3) == 6",
    ],
)
def test_a_floor_at_a_rounding_edge_is_left_open(words):
    model = og.loads(f"fun digits(x: real) -> real = floor(log(x) / log(10))\nverify it: {words}\n")
    found = model.verify()["it"]
    if found.verdict != "proved":  # a proof does not round
        assert found.verdict == "unknown" and "but for the rounding of floats" in found.because[-1]


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        ("floor(log(999) / log(10)) == 2", "supported"),
        ("floor(log(999) / log(10)) == 3", "not supported"),
        ("if 1 > 2 then floor(log(1000) / log(10)) == 3 else floor(exp(1)) == 2", "supported"),
        ("2 < 1 or floor(exp(1)) == 2", "supported"),
    ],
)
def test_a_floor_away_from_an_edge_is_decided(words, verdict):
    found = claim(words)
    assert found.verdict in (verdict, {"supported": "proved", "not supported": "refuted"}[verdict])
