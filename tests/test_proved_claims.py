"""Verdicts of the proved reading against brute force, sampling, and known theorems; every refutation fails where it says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from fractions import Fraction as F
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies_proved import claims, rationals

import opengames as og
from opengames.cases import Undecided, parts, search
from opengames.diagnostics import Refusal
from opengames.evaluate import evaluate
from opengames.proved import decide as deciding
from opengames.proved.decide import Finding, Prover
from opengames.proved.shape import normal
from opengames.proved.solve import Clock
from opengames.spaces import Reals
from opengames.terms import Const, Fold, Prim, Term, Var, substitute

ROOT = Path(__file__).parents[1]


def decided(term: Term, seconds: float = 5) -> Finding:
    try:
        return Prover({}, {}, Clock.start(seconds)).decide(term)
    except Undecided as open_:
        return Finding("unknown", [], (str(open_),))


# ------------------------------------------------------------------------- brute force


@given(claims())
@settings(max_examples=30)
def test_normal_claims_mean_what_the_claims_mean(term):
    def value(each):
        try:
            return search(each, {}, {})[0]
        except Refusal:
            return None

    said = value(term)
    assert value(normal(term, {})) == said
    assert value(normal(term, {}, negated=True)) == (None if said is None else not said)


@pytest.mark.parametrize(("cases", "expanded"), [(1, 600), (256, 600), (1, 2)], ids=["open", "split", "one by one"])
@given(claims())
@settings(max_examples=25)
def test_claims_over_finite_sets_get_the_verdict_of_trying_every_case(cases, expanded, term):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deciding, "GROUND", 1)
        patch.setattr(deciding, "CASES", cases)
        patch.setattr(deciding, "EXPANDED", expanded)
        found = decided(term)
    try:
        expected = search(term, {}, {})[0]
    except Refusal:
        assert found.verdict != "proved" or _has_exists(term)  # a value at which it holds is enough
        return
    assert found.verdict == ("proved" if expected else "refuted") or (
        found.verdict == "unknown" and "no value" in " ".join(found.reasons)
    ), found


def _has_exists(term: Term) -> bool:
    return any(isinstance(t, Fold) and t.op == "or" for t in parts(normal(term, {})))


# --------------------------------------------------------------------------- sampling

X, Y = Reals(F(-2), F(2)), Reals(F(0), F(3))


@st.composite
def polynomials(draw, degree=2, terms=4):
    parts = [Const(draw(rationals))]
    for _ in range(draw(st.integers(1, terms))):
        part: Term = Const(draw(rationals))
        for name, n in (("x", draw(st.integers(0, degree))), ("y", draw(st.integers(0, degree)))):
            for _ in range(n):
                part = Prim("*", (part, Var(name)))
        parts.append(part)
    found = parts[0]
    for part in parts[1:]:
        found = Prim("+", (found, part))
    return found


@given(polynomials(), polynomials(), st.sampled_from(("<", "<=", ">=")), st.none() | polynomials(degree=1))
@settings(max_examples=50)
def test_claims_over_intervals_hold_wherever_they_are_proved_and_fail_where_they_are_refuted(a, b, op, given_):
    body = Prim(op, (a, b))
    if given_ is not None:
        body = Prim("implies", (Prim("<=", (given_, Const(F(0)))), body))
    found = decided(Fold("and", (("x", X), ("y", Y)), body), seconds=2)
    if found.verdict == "proved":
        for i in range(13):
            for j in range(13):
                assert evaluate(body, {"x": F(i - 6, 3), "y": F(j, 4)}, {}, {})
    elif found.verdict == "refuted":
        point = {name: value for name, value, _ in found.witness}
        assert -2 <= point["x"] <= 2 and 0 <= point["y"] <= 3
        assert not evaluate(body, point, {}, {})
    else:
        assert "irrational" in found.reasons[0] or "did not come to an end" in found.reasons[0], found


@given(st.lists(st.tuples(rationals, rationals, rationals), min_size=1, max_size=4))
@settings(max_examples=30)
def test_for_every_x_there_is_a_y_is_decided_by_the_corners_where_it_is_linear(rows):
    # forall x in [-2, 2]: exists y in [0, 3]: a x + b y <= c for every row. The x with such a y are an interval (a shadow).
    body: Term = Const(True)
    for a, b, c in rows:
        row = Prim("<=", (Prim("+", (Prim("*", (Const(a), Var("x"))), Prim("*", (Const(b), Var("y"))))), Const(c)))
        body = Prim("and", (body, row))
    found = decided(Fold("and", (("x", X),), Fold("or", (("y", Y),), body)))

    def answered(x):
        low, high = F(0), F(3)
        for a, b, c in rows:
            rest = c - a * x
            if b == 0 and rest < 0:
                return False
            if b > 0:
                high = min(high, rest / b)
            if b < 0:
                low = max(low, rest / b)
        return low <= high

    assert found.verdict == ("proved" if answered(F(-2)) and answered(F(2)) else "refuted")
    if found.verdict == "refuted":
        assert not answered(found.witness[0][1])
    other = decided(Fold("or", (("x", X),), Fold("and", (("y", Y),), Prim("not", (body,)))))
    assert other.verdict == ("refuted" if found.verdict == "proved" else "proved")


# ------------------------------------------------------------------------ known claims

FUNS = """
fun square(x: real) -> real = x * x
fun root(x: [0, 100]) -> real = sqrt(x)
fun half(x: [0, 1]) -> [0, 1] = x / 2
fun sign(x: real) -> {-1, 0, 1} = if x > 0 then 1 else if x < 0 then -1 else 0
fun chance(a: real, b: real) -> prob = exp(a) / (exp(a) + exp(b))
type Item = Apple | Pear | Plum
fun price(i: Item) -> real = table { | i || price | | Apple || 1 | | Pear || 2 | | Plum || 3 | }
"""

KNOWN = {
    "proved": [
        "forall x in real: square(x) >= 0",
        "forall x in real, y in real: square(x) + square(y) >= 2 * x * y",
        "forall a in real[Item]: square(sum(a[i] for i in Item)) <= 3 * sum(square(a[i]) for i in Item)",
        "forall x in real: abs(x) == max(x, -x)",
        "forall x in [0, 100]: root(x) * root(x) == x",
        "forall x in [0, 100], y in [0, 100]: x < y implies root(x) < root(y)",
        "forall x in real: floor(x) <= x and x < floor(x) + 1",
        "forall x in [0, 1]: half(half(x)) <= 1/4",
        "forall x in real: sign(x) * x == abs(x)",
        "exists x in real: x * x + x == 6 and x > 0",
        "exists x in [0, 1]: x == 1/3",
        "exists x in real: 1 / x > 0",
        "not (exists x in real: x * x == -1)",
        "forall x in real: exists y in real: y > x",
        "exists x in [0, 1]: forall y in [0, 1]: x <= y",
        "forall x in [0, 1]: exists y in [0, 1]: x + y == 1",
        "forall q in [0, 10]: exists i in Item: price(i) >= min(q, 3)",
        "forall x in real, i in Item: price(i) * x * x >= 0",
        "forall x in real: x > 0 implies 1 / x > 0",
        "forall x in real: (exp(x) > 0) and exp(x) >= 1 + x",
        "forall x in real: exp(x) * exp(-x) == 1",
        "forall x in real, y in real: x < y implies exp(x) < exp(y)",
        "forall x in real where x > 0: log(x) <= x - 1",
        "forall x in real: log(exp(x)) == x",
        "forall a in real, b in real: chance(a, b) + chance(b, a) == 1",
        "forall a in real, b in real: a > b implies chance(a, b) > 1/2",
        "exp(1) > 2.718281 and exp(1) < 2.718282 by z3",
        "log(2) < 0.6931472 by z3",
        "forall x in [0, 1]: exp(x) <= 2.7182819",
        "forall f in [0, 1][Item]: product(f[i] for i in Item) <= min(f[i] for i in Item)",
        "forall n in 0..10, x in [0, 1]: x ^ 2 <= x or n > 10",
        "forall p in prob, q in prob: p + q - p * q in prob",
        "forall x in real: (forall y in [0, 1]: x + y >= 0) implies x >= 0",
        "forall x in [0, 1]: (if (exists y in [0, 1]: y >= x) then 1 else 0) == 1",
        "forall f in real[Item]: exists n in Item: forall m in Item: f[n] >= f[m]",
        "forall x in real where x > 0: sqrt(x) <= (1 + x) / 2",
    ],
    "refuted": [
        "forall x in real: square(x) > 0",
        "forall x in [0, 1], y in [0, 1]: x + y <= 1.999",
        "forall x in real: x ^ 3 >= 0",
        "exists x in real: square(x) < 0",
        "exists x in real: forall y in real: x <= y",
        "forall x in [0, 10]: root(x) <= 3",
        "forall x in [0, 1]: exists y in [0, 1]: x + y == 3/2",
        "forall x in real: exp(x) < 1000",
        "exp(1) == 2.7182818284 by z3",
        "forall i in Item: price(i) * price(i) <= 8",
        "forall f in [0, 1][Item]: sum(f[i] for i in Item) < 3",
        "forall x in [0, 1]: (if (exists y in [0, 1]: y > x) then 1 else 0) == 1",
        "forall x in real: (exists y in [0, 1]: x + y >= 0) implies x >= 0",
    ],
    "unknown": [
        "forall x in real: 1 / x != 0",
        "forall x in [0, 4]: x * x != 2",
        "forall x in [0, 3]: half(x) <= 3/2",
        "forall x in real: log(x) <= x",
        "forall x in real: half(x) > 1 implies half(x) > 7",
    ],
}


@pytest.mark.parametrize(("verdict", "claim"), [(v, c) for v, many in KNOWN.items() for c in many])
def test_known_claims_get_their_verdicts(verdict, claim):
    found = og.loads(f"{FUNS}\nverify it: {claim}").verify("it")[0]
    assert found.verdict == verdict, found
    assert found.seconds < 5
    assert verdict != "unknown" or found.because


def test_what_is_owed_is_told_where_it_is_not_paid():
    def because(claim):
        return og.loads(f"{FUNS}\nverify it: {claim}").verify("it")[0].because[0]

    assert because("forall x in real: 1 / x != 0") == "the claim has no value where x = 0: this divides by zero"
    assert "is not in [0, 1]" in because("forall x in [0, 3]: half(x) <= 3/2")
    assert because("forall x in real: log(x) <= x").endswith("it is not positive")
    assert "irrational" in because("forall x in [0, 4]: x * x != 2")


def test_a_proof_does_not_rest_on_what_it_owes():
    # Were the result of `lies` taken to lie in [0, 1], as it says, the claim would follow.
    text = "fun lies(x: real) -> [0, 1] = x\nverify it: forall x in [0, 2]: lies(x) <= 1"
    assert og.loads(text).verify("it")[0].verdict == "unknown"
    text = "fun lies(x: real) -> [0, 1] = x\nverify it: forall x in [0, 2]: log(1 + lies(x)) >= 0 and lies(x) < 1.5"
    found = og.loads(text).verify("it")[0]
    assert found.verdict == "unknown" and "is not in [0, 1]" in found.because[0]


def test_counterexamples_are_round_and_print_in_units_that_paste_back():
    text = """use std.energy: MW, MWh, h
    param cap: real MWh = 400 MWh
    verify it: forall soc in [0 MWh, cap], p in [-100 MW, 100 MW]: soc - p * 1 h in [0 MWh, cap]
    verify family: forall w in [0 MWh, cap][bool]: w[true] + w[false] <= 700 MWh
    verify label: forall s in bool, x in [0, 1]: s implies x > 0
    """
    model = og.loads(text)
    claim = model.verify("it")[0]
    assert claim.counterexample in ("soc = 0 MWh\np = 1 MW", "soc = 400 MWh\np = -1 MW")
    assert model.verify("family")[0].counterexample.startswith("w = [false: ")
    assert model.verify("label")[0].counterexample == "s = true\nx = 0"
    first, second = claim.counterexample.split("\n")
    again = og.loads(
        text.replace("verify it: forall soc in [0 MWh, cap], p in [-100 MW, 100 MW]:", "verify it: ")
        .replace("param cap", f"param {first.replace(' =', ': real MWh =')}\nparam {second.replace(' =', ': real MW =')}\nparam cap")
    )  # fmt: skip
    assert again.verify("it")[0].verdict == "refuted"


# ----------------------------------------------------------------------------- budgets

HARD = """
type I = 1..7
verify hard: forall a in real[I], b in real[I]:
    sum(a[i] ^ 4 for i in I) + sum(b[i] ^ 4 for i in I) + 1 > sum(a[i] ^ 3 * b[8 - i] for i in I) {by}
"""


def test_a_proof_that_takes_too_long_is_unknown_and_says_so():
    start = time.perf_counter()
    found = og.loads(HARD.replace("{by}", "by z3[seconds = 1]")).verify("hard")[0]
    assert time.perf_counter() - start < 4
    if found.verdict == "unknown":
        assert "within" in found.because[0] or "could not" in found.because[0]
    else:
        assert found.verdict == "proved"  # a^3 b <= 3/4 a^4 + 1/4 b^4


def test_a_claim_that_becomes_too_large_is_unknown_and_says_so():
    text = """type I = 1..400
    fun f(a: real[I]) -> real = sum(a[i] * sum(a[j] * sum(a[k] for k in I if k > i + j) for j in I) for i in I)
    verify it: forall a in real[I]: f(a) * 0 == 0 by z3[seconds = 5]"""
    start = time.process_time()
    found = og.loads(text).verify("it")[0]
    assert found.verdict == "unknown" and time.process_time() - start < 9
    assert "expressions" in found.because[0] or "time was over" in found.because[0]


def test_options_of_z3_are_checked():
    with pytest.raises(og.Refusal, match="seconds"):
        og.loads("verify it: 1 == 1 by z3[second = 2]").verify()
    with pytest.raises(og.Refusal, match="does not answer"):
        og.loads("channel c() -> (x: bool) { x ~ bernoulli(1/2) }\nverify it: P(x) == 1/2 of c by z3")


def test_an_interrupt_ends_a_proof(tmp_path):
    text = HARD.replace("1..7", "1..9").replace("8 - i", "10 - i").replace("+ 1 >", "+ 1/1000 >")
    (tmp_path / "hard.game").write_text(text.replace("{by}", "by z3[seconds = 60]"), encoding="utf-8")
    script = "import sys; from opengames.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", script, "verify", str(tmp_path / "hard.game")]
    made = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    time.sleep(3.0)
    if made.poll() is not None:
        pytest.skip("z3 decided it before it could be interrupted")
    os.kill(made.pid, signal.SIGINT)
    _, err = made.communicate(timeout=20)
    assert made.returncode == 130 and "interrupted" in err and "Traceback" not in err, (made.returncode, err)


@given(claims(depth=1))
@settings(max_examples=20)
def test_a_witness_makes_the_claim_fail_by_itself(term):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deciding, "GROUND", 1)
        found = decided(term)
    if found.verdict != "refuted" or not found.witness or not isinstance(term, Fold) or term.op != "and":
        return
    name, value, _ = found.witness[0]
    inner = substitute(term.body, {name: Const(value)})
    assert term.iters[0][0] == name
    assert not search(inner, {}, {})[0]
