"""Random clearings in every dress of the language against the same rows, written apart, in scipy's HiGHS; and what they found."""

from __future__ import annotations

import pytest

import opengames as og
from benchmarks import clearing_writer, random_clearings


@pytest.mark.parametrize("seed", range(12))
def test_a_random_clearing_earns_and_prices_what_its_rows_do(seed):
    assert not list(random_clearings.disagreements(seed))


@pytest.mark.parametrize("seed", [661, 782, 804, 4036, 1000, 1001])  # once wrong: rules about data that hold up to rounding, sums of nothing
def test_a_random_clearing_in_floating_point_does_too(seed):
    assert not list(random_clearings.disagreements(seed, "lp"))


def test_a_clearing_that_is_wrong_is_found(monkeypatch):
    made = random_clearings.written(0)
    wrong = clearing_writer.Clearing(made.scenarios, made.text.replace("earning earned", "earning 0"), made.rows, made.box, made.earned)
    monkeypatch.setattr(random_clearings, "written", lambda seed: wrong)
    assert list(random_clearings.disagreements(0))


ORDER = """
player op
game Market {{
    {first}
    decide p: [0, 20] by op
        earning earned
        subject to {{ top: made <= 3 }}
    {last}
}}
query worth = E(price) of Market
"""


@pytest.mark.parametrize("first", ["price = dual(top)", "for i in 1..1 { each = dual(top) } price = each[1]"])
def test_a_price_may_stand_before_what_its_rule_and_earning_are_made_of(first):
    # the unit of a price is the earning's over the rule's, both made of wires further down
    rest = "earned = 2 * p\n    made = p + 1"
    assert float(og.loads(ORDER.format(first=first, last=rest)).query("worth")) == 2
    assert float(og.loads(ORDER.format(first=rest, last=first)).query("worth")) == 2


def test_choices_between_data_of_one_value_and_of_several():
    # one branch is the same datum in every place of the rule, the other differs from place to place
    text = """
    type I = A | B | C
    player op
    game Market(y: real, z: real[I]) -> (p: real) {
        decide x: [0, 20][I] by op
            seeing y, z
            earning sum(x[i] for i in I)
            subject to { top[i in I]: x[i] <= (if i == B then z[i] else y) }
        p = x[A] + 10 * x[B] + 100 * x[C]
    }
    game Play {
        on ~ {true: 50%, false: 50%}
        m ~ Market(if on then 2 else 3, [i: if on then 4 else 5 for i in I])
    }
    query said = E(m) of Play
    """.replace("[i: if on then 4 else 5 for i in I]", "[if on then 4 else 5 for i in I]")
    assert float(og.loads(text).query("said")) == (242 + 353) / 2


def test_what_is_held_down_may_be_held_only_where_data_say_so():
    text = """
    player op
    game Market(on: bool, limit: real) -> (p: real) {
        decide x: [0, 9], y: [0, 9] by op
            seeing on, limit
            earning x + 3 * y
            subject to { top: on implies max(x, 2 * y) <= limit }
        p = x + 10 * y
    }
    game Play {
        on ~ {true: 50%, false: 50%}
        m ~ Market(on, if on then 4 else 1)
    }
    query said = E(m) of Play
    """
    assert float(og.loads(text).query("said")) == ((4 + 20) + 99) / 2


CHOSEN = """
type I = A | B | C
player op
game Market(k: I, on: bool) -> (p: real) {{
    decide x: (a: real, b: real)[I], y: real[I, 1..2] by op
        seeing k, on
        earning {earning}
        subject to {{
            some[i in I]: 0 <= x[i].a <= 3
            more[i in I]: 0 <= x[i].b <= 4
            rest[i in I, j in 1..2]: 0 <= y[i, j] <= 2
        }}
    {wires}
    p = sum(x[i].a + 10 * x[i].b for i in I) + 100 * sum(y[i, 1] + y[i, 2] for i in I)
}}
game Play {{
    c ~ {{true: 50%, false: 50%}}
    m ~ Market(if c then A else C, c)
}}
query said = E(m) of Play
"""
ARMS = """match k {
        A => { r = (a: x[A].a, b: x[B].b)  f = [y[A, j] for j in 1..2] }
        B => { r = (a: x[B].a, b: 0)  f = [y[B, j] for j in 1..2] }
        C => { r = x[C]  f = [0 for j in 1..2] }
    }"""
FINE = " - 0.01 * sum(x[i].a + x[i].b + y[i, 1] + y[i, 2] for i in I)"


@pytest.mark.parametrize(
    ("earning", "wires", "said"),
    [
        # of a family of records, an element; of two indices, one known and one chosen: 3 and 40 and 200 in both
        ("x[k].a + 2 * x[k].b + y[k, 1]", "", 3 + 40 + 200),
        # one record or the other, whole
        ("(if on then x[k] else x[A]).a + y[B, 2]", "", 3 + 200),
        # a family, whole
        ("sum((if on then y[A] else y[B])[j] for j in 1..2) + sum(y[k][j] for j in 1..2)", "", (400 + 800) / 2),
        # arms of a block that give records and families, the second without the family
        ("r.a + r.b + sum(f[j] for j in 1..2)", ARMS, 3 + 40 + 400 / 2),
        # rows of a table
        ("match k { A => x[A].a, B => 0, C => x[C].b }", "", (3 + 40) / 2),
    ],
)
def test_data_choose_numbers_records_and_families(earning, wires, said):
    text = CHOSEN.format(earning=earning + FINE, wires=wires)
    assert float(og.loads(text).query("said")) == said
    assert float(og.loads(text.replace("of Play", "of Play by lp")).query("said")) == pytest.approx(said)


def test_a_decided_truth_value_chooses_between_records():
    text = """
    type I = A | B | C
    player op
    param r: (a: real, b: real)[I] = table {
        | I || a | b |
        | A || 1 | 2 |
        | B || 3 | 4 |
        | C || 5 | 6 |
    }
    game Market(d: (a: real, b: real)) -> (p: real) {
        decide on: bool, off: bool, z: [0, 1] by op
            seeing d
            earning q.a - 2 * q.b + (if off then d else r[A]).b - 3 * ind(off)
            subject to { some: z <= 1 }
        q = if on then r[C] else r[B]
        p = q.a + 10 * q.b + 100 * ind(off)
    }
    game Play {
        c ~ {true: 50%, false: 50%}
        m ~ Market(if c then r[B] else r[C])
    }
    query said = E(m) of Play by lp
    """
    # B earns 3 - 8, C 5 - 12; d is worth 4 - 3 against 2 at B, and 6 - 3 at C
    assert float(og.loads(text).query("said")) == pytest.approx((43 + 143) / 2)


MIXED = """
type I = A | B | C
player op
game Market(load: real[I], start: (u: real, v: real), k: I) -> (p: real) {{
    decide x: real[I] by op
        seeing load, start, k
        earning sum(x[i] for i in I)
        subject to {{
            {rule}
        }}
    {wires}
    p = sum(x[i] for i in I)
}}
game Play {{
    c ~ {{true: 50%, false: 50%}}
    m ~ Market([if c then 5 else 6 for i in I], (u: 0, v: if c then 5 else 6), if c then A else B)
}}
query said = E(m) of Play
"""
EACH = "cap[i in I]: f[i].u <= f[i].v"
UP_TO = "cap[i in I]: f[i].u <= f[i].v\n            last: x[C] <= 1"
CARRIED = "for i in I carrying acc = start { f = acc  next acc = (u: acc.u + x[i], v: acc.v + load[i]) }"


@pytest.mark.parametrize(
    ("rule", "wires", "said"),
    [
        (EACH, "f = [(u: x[i], v: load[i]) for i in I]", (15 + 18) / 2),
        (EACH, "for i in I { f = (u: x[i], v: load[i]) }", (15 + 18) / 2),
        # the first round carries data alone: x[A] + x[B] is at most three loads, x[C] at most 1
        (UP_TO, CARRIED, (16 + 19) / 2),
    ],
)
def test_records_may_hold_data_beside_what_is_decided(rule, wires, said):
    assert float(og.loads(MIXED.format(rule=rule, wires=wires)).query("said")) == said


def test_a_label_that_data_decide_is_named_where_it_stands_beside_what_is_decided():
    text = MIXED.format(rule="cap[i in I]: f[i].u <= 2", wires="f = [(u: x[i], w: k) for i in I]")
    with pytest.raises(og.Refusal, match="a label that data decide stands beside what is decided"):
        og.loads(text).query("said")
