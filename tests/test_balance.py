"""Long flat chains are read, laid out, checked and answered; their value is that of the chain, exactly."""

import random
from fractions import Fraction as F

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import opengames as og
from opengames.dsl.balance import chain
from opengames.dsl.check import check
from opengames.dsl.formatter import format_text
from opengames.dsl.parser import parse
from opengames.dsl.source import DEEPEST_TREE

LONG = 1_200


def chained(signs, operands):
    return operands[0] + "".join(f" {sign} {operand}" for sign, operand in zip(signs, operands[1:], strict=True))


def folded(signs, numbers):
    value = numbers[0]
    for sign, n in zip(signs, numbers[1:], strict=True):
        value = {"+": value + n, "-": value - n, "*": value * n, "/": value / n if n else None}[sign]
    return value


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["+-", "*/"]))
def test_a_balanced_chain_has_the_value_of_the_chain(seed, signs):
    choose = random.Random(seed)
    count = choose.randrange(DEEPEST_TREE, 2 * DEEPEST_TREE)
    used = [choose.choice(signs) for _ in range(count - 1)]
    numbers = [F(choose.randrange(-3, 4)) for _ in range(count)]
    if "*" in signs:  # nothing is divided by but what stands after a `/`
        numbers = [n if sign == "*" or n else F(2) for sign, n in zip(["*", *used], numbers, strict=True)]
    words = [f"(0 - {-n})" if n < 0 else f"{n}" for n in numbers]
    m = og.loads(f"query q = {chained(used, words)}\n")
    assert m.query("q").value == folded(used, numbers)


@pytest.mark.parametrize(("op", "ends"), [("and", False), ("or", True)])
def test_a_long_chain_of_conditions_is_decided_by_one_of_them(op, ends):
    neutral = "b < 2" if op == "and" else "b > 2"
    for place in (0, LONG - 1):
        parts = [neutral] * LONG
        parts[place] = "b > 2" if op == "and" else "b < 2"
        m = og.loads(f"param b: nat = 1\nquery q = {f' {op} '.join(parts)}\nquery r = {f' {op} '.join([neutral] * LONG)}\n")
        assert (m.query("q").value, m.query("r").value) == (ends, not ends)


def test_a_sum_of_thousands_of_wires_is_answered_exactly_and_from_runs():
    terms = chained(["+-"[i % 3 == 0] for i in range(LONG - 1)], ["x" if i % 2 else "2 * y" for i in range(LONG)])
    m = og.loads(
        f"type N = 0..3\nchannel c() -> (z: real) {{\n    x ~ uniform(N)\n    y ~ uniform(N)\n    z = {terms}\n}}\n"
        "query exact = E(z) of c\nquery runs = E(z) of c by simulate[runs = 50]\n"
    )
    one = F(3, 2)
    signs = [1] + [-1 if i % 3 == 0 else 1 for i in range(LONG - 1)]
    wanted = sum(sign * (one if i % 2 else 2 * one) for i, sign in enumerate(signs))
    assert m.query("exact").value == wanted
    found = m.query("runs")
    drawn = m.run("c", runs=50, keep=["x", "y", "z"])
    counts = [sum(s for i, s in enumerate(signs) if i % 2 == odd) for odd in (1, 0)]
    assert list(drawn["z"]) == list(counts[0] * drawn["x"] + 2 * counts[1] * drawn["y"])
    assert found.interval[0] <= float(wanted) <= found.interval[1]


def test_units_of_a_long_chain_agree_or_are_reported_once():
    good = " + ".join(["1 $"] * LONG)
    assert str(og.loads(f"query q = {good}\n").query("q")) == f"{LONG} $"
    found = check(f"query q = {good} + 1\n", "t.game").diagnostics
    assert [d.code for d in found] == ["unit-mismatch"]


def test_a_long_chain_is_laid_out_once_and_for_all():
    text = "query q = " + " +\n  ".join(["1"] * LONG) + "\n"
    once = format_text(text, "t.game").text
    assert format_text(once, "t.game").text == once
    assert "".join(once.split()) == "".join(text.split())
    assert og.loads(once).query("q").value == LONG


def test_a_short_chain_keeps_its_tree_and_what_is_deep_in_brackets_stays_too_deep():
    short = parse("query q = " + " + ".join(["1"] * 60) + "\n", "t.game").file
    assert short is not None and len(chain(short.declarations[0].value)) == 60
    deep = "query q = " + "(1 + " * 99 + "1" + ")" * 99 + " + 1" * 500 + "\n"
    assert not check(deep, "t.game").diagnostics
    nots = "query q = " + "not " * 500 + "true" + " and true" * 500 + "\n"
    assert [d.code for d in check(nots, "t.game").diagnostics] == ["too-deep"]
