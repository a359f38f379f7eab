"""How answers and runs are printed: in the author's units, without a float or a decimal passing for exact."""

from fractions import Fraction as F

import pytest

import opengames as og
from opengames.diagnostics import Refusal

UNITS = """
unit MUSD = 1_000_000 $
unit MW
unit kW = 1/1000 MW
type Cash = {1, 2 MUSD}
type Load = 0..2 kW
type Side = Left | Right
channel c() -> (x: Cash, y: Cash[1..2], l: Load[1..2], s: Side, r: (a: Cash, b: bool)) {
    x ~ uniform(Cash)
    for i in 1..2 {
        y ~ uniform(Cash)
        l ~ uniform(Load)
    }
    s ~ uniform(Side)
    r = (a: x, b: s == Left)
}
channel wide() -> (z: real MUSD, big: bool) {
    z ~ normal(5 MUSD, 1 MUSD)
    big = z > 5 MUSD
}
"""


def asked(words, text=UNITS):
    return og.loads(f"{text}\nquery it = {words}\n").query("it")


def claimed(words, text):
    return og.loads(f"{text}\nverify it: {words}\n").verify()["it"]


@pytest.mark.parametrize(
    "term, values",
    [
        ("x", ["1 MUSD", "2 MUSD"]),
        ("y[1]", ["1 MUSD", "2 MUSD"]),
        ("x + 1 MUSD", ["2 MUSD", "3 MUSD"]),
        ("r.a", ["1 MUSD", "2 MUSD"]),
        ("y[1] | x == 1 MUSD", ["1 MUSD", "2 MUSD"]),
        ("l[1]", ["0 kW", "1 kW", "2 kW"]),
        ("r", ["(a: 1 MUSD, b: false)", "(a: 1 MUSD, b: true)", "(a: 2 MUSD, b: false)", "(a: 2 MUSD, b: true)"]),
    ],
)
def test_a_distribution_is_in_the_authors_unit_whatever_term_is_asked(term, values):
    found = asked(f"distribution({term}) of c")
    assert sorted(line.rsplit("  ", 1)[0].rstrip() for line in found.because) == values


def test_a_distribution_as_data_is_in_the_unit_that_it_names():
    found = asked("distribution(l[1]) of c")
    assert found.value[1] == (F(1, 1000), F(1, 3))
    assert (found.unit, found.to_dict()["value"]) == ("kW", [["0", "1/3"], ["1", "1/3"], ["2", "1/3"]])


def test_a_distribution_from_runs_has_the_same_units_and_takes_evidence():
    found = asked("distribution(y[1] + 1 MUSD | x == 1 MUSD) of c by simulate[runs = 400]")
    assert "MUSD" in found.because[1] and found.because[0].startswith(f"from the {found.runs} runs")
    assert 100 < found.runs < 300 and sum(chance for _, chance in found.value) == pytest.approx(1)


def test_a_distribution_over_many_numbers_is_told_by_its_quantiles():
    found = asked("distribution(z) of wide by simulate")
    half = next(line for line in found.because if "50 %" in line)
    assert len(found.because) == 7 and half.endswith("MUSD")
    assert float(half.split()[-2]) == pytest.approx(5, abs=0.15)


def test_a_distribution_of_records_from_runs_is_refused_with_a_reason():
    with pytest.raises(Refusal, match="a number, a label or a truth value"):
        asked("distribution(r) of c by simulate")


POOLED = """
type T = 1..3
type Place = North | South | West
channel c() -> (share: real[T], one: real[1..1], q: real[Place, T]) {
    for t in T { share = t * 10 }
    for t in 1..1 { one = 7 }
    for p in Place, t in T { q = t }
}
"""


def test_the_summary_of_runs_names_all_keys_of_a_family_that_it_puts_together():
    said = [line.split("  ")[0] for line in og.loads(POOLED).run("c", runs=2).lines()[1:]]
    assert said == ["share[1..3]", "one[1]", "q[North..West, 1..3]"]


FLOATS = """
type Side = Left | Right
player ann, bob
param bonus: real = 0
game G {
    decide x: Side by ann earning if x == Left then sqrt(2) * sqrt(2) else 2 + bonus
    decide y: Side by bob earning if y == Left then exp(-1) else 0
}
strategy good of G {
    ann.x = Right
    bob.y = Left
}
strategy bad of G {
    ann.x = Left
    bob.y = Right
}
game Exact {
    decide x: Side by ann earning if x == Left then 2 + 1/2251799813685248 else 2
}
strategy right of Exact { ann.x = Right }
"""


@pytest.mark.parametrize(
    "words",
    ["exploitability(bad)", "equilibria(G)", "best_response(G, ann) under good", "dominant(G, bob)", "exp(1)"],
)
def test_what_rests_on_floats_is_never_called_exact(words):
    found = asked(words, FLOATS)
    assert found.method.startswith("floating point") and "exact" not in found.method


def test_an_event_that_turns_on_floats_is_not_answered_as_exact():
    found = og.loads("""
    type Gas = 1..3
    channel day() -> (gas: Gas, root: real, sure: bool) { gas ~ uniform(Gas)  root = sqrt(gas)  sure = root ^ 2 == gas }
    query direct = P(sqrt(gas) ^ 2 == gas) of day
    query computed = P(sure) of day
    query plain = P(gas > 1) of day
    """)
    assert "floating point" in found.query("direct").method and "floating point" in found.query("computed").method
    assert found.query("plain").method == "exact" and found.query("plain").value == F(2, 3)


@pytest.mark.parametrize("word", ["equilibrium", "subgame_perfect"])
def test_a_tie_of_floats_is_no_reason_to_deviate_and_a_gain_is(word):
    good, bad = claimed(f"{word}(good)", FLOATS), claimed(f"{word}(bad)", FLOATS)
    assert (good.verdict, bad.verdict) == ("supported", "not supported")
    assert any("count as ties" in line for line in good.because)
    assert good.runs is None and "simulate" not in good.method


def test_the_same_gain_between_rationals_is_a_refutation():
    assert claimed("equilibrium(right)", FLOATS).verdict == "refuted"
    assert asked("exploitability(right)", FLOATS).value == F(1, 2251799813685248)


def test_floats_that_tie_are_both_equilibria_and_nothing_is_to_be_gained():
    found = asked("equilibria(G)", FLOATS)
    assert len(found.value.found) == 2 and any("count as ties" in line for line in found.because)
    assert asked("exploitability(good)", FLOATS).value == 0
    assert asked("exploitability(bad)", FLOATS).shown == "about 0.367879"


@pytest.mark.parametrize(
    "words, verdict",
    [
        ("sqrt(2)^2 > 2", "refuted"),
        ("not sqrt(2)^2 > 2", "proved"),
        ("forall k in 1..9: sqrt(k)^2 == k", "proved"),
        ("forall k in 1..9: sqrt(k) < k + 1", "proved"),
        ("sqrt(2) > 1 and exp(1) > 3", "refuted"),
        ("sqrt(4) == 2", "proved"),
        ("exp(40) + 1 - exp(40) > 1/2", "proved"),
        ("ind(sqrt(2)^2 == 2) == 0", "refuted"),
        ("log(8) / log(2) == 3", "unknown"),
        ("exp(1/3)^3 == exp(1)", "unknown"),
    ],
)
def test_a_claim_that_turns_on_rounding_is_decided_by_laws_or_stays_open(words, verdict):
    assert claimed(words, FLOATS).verdict == verdict


@pytest.mark.parametrize(
    "words, shown, method",
    [
        ("1234567890123 / 7", "1234567890123/7", "exact"),
        ("123456789012345678901234567890 / 7", "about 1.76367e+28", "exact, shown rounded"),
        ("sqrt(2)", "about 1.41421", "floating point"),
        ("123456789012345678 / 1000007 * 1 MUSD", "about 1.23456e+11 MUSD", "exact, shown rounded"),
    ],
)
def test_a_number_is_printed_exactly_or_says_about(words, shown, method):
    found = asked(words)
    assert (found.shown, found.method) == (shown, method)
