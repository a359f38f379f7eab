"""Derivatives of answers by params: against closed forms, against the answers themselves a little to each side, and where there are none."""

from __future__ import annotations

import json
import math
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from opengames.cli import main
from opengames.diagnostics import Refusal
from opengames.session import loads
from opengames.solvers.clearing.gradients import Sensitivity as Near
from opengames.solvers.clearing.program import Moving, Program

STACK = """
use std.energy: MW, MWh, GW

type Unit = Hydro | Coal | Gas
type Node = North | South
player operator

param unit: (at: Node, cap: real MW, cost: real $/MWh)[Unit] = table {
    | Unit  ||    at |    cap |     cost |
    | Hydro || North |  60 MW | 10 $/MWh |
    | Coal  || North |  80 MW | 20 $/MWh |
    | Gas   || South | 100 MW | 45 $/MWh |
}
param limit: real GW = 0.05 GW
param load: real MW[Node] = [North: 40 MW, South: 75 MW]
param growth: [0, 2] = 1
param spike: real $/MWh = 20 $/MWh

game Clear(load: real MW[Node]) -> (price: real $/MWh[Node], p: real MW[Unit], rent: real $/MWh) {
    for n in Node { made = sum(p[u] for u in Unit if unit[u].at == n) }
    decide p: real MW[Unit], south: real MW by operator
        seeing  load
        earning -sum(unit[u].cost * p[u] for u in Unit)
        subject to {
            balance[n in Node]: load[n] + (if n == North then south else -south) == made[n]
            line:               abs(south) <= limit
            range[u in Unit]:   0 MW <= p[u] <= unit[u].cap
        }
    for n in Node { price = dual(balance[n]) }
    rent = dual(line)
}

game Evening {
    grown = [growth * load[n] for n in Node]
    price, p, rent ~ Clear(grown)
    paid = sum(price[n] * grown[n] for n in Node)
    above = max(0 $/MWh, price[North] - spike)
}

query prices   = distribution(price) of Evening
query cost     = E(sum(unit[u].cost * p[u] for u in Unit)) of Evening
query paid     = E(paid) of Evening
query dispatch = distribution(p) of Evening
query rent     = E(rent) of Evening
query above    = E(above) of Evening
query dear     = P(price[South] > 30 $/MWh) of Evening
"""


@pytest.fixture(scope="module")
def stack():
    return loads(STACK)


def test_the_cost_of_a_megawatt_more_is_the_price_where_it_is_taken(stack):
    cost = stack.sensitivity("cost", by="load")
    assert cost["load[North]"] == pytest.approx(20.0) and cost["South"] == pytest.approx(45.0)
    assert cost.units == ("$/h",) and cost.per == ("MW", "MW")


def test_a_limit_is_worth_the_difference_of_prices_in_the_unit_of_the_param(stack):
    cost = stack.sensitivity("cost", by="limit")
    assert cost["limit"] == pytest.approx(-25_000.0) and cost.per == ("GW",)
    assert "cost by limit: -25000 $/h per GW" in str(cost)


def test_prices_and_moves_follow_the_units_that_set_them(stack):
    prices = stack.sensitivity("prices", by="unit")
    assert prices["unit[Coal].cost"] == pytest.approx({"[North]": 1.0, "[South]": 0.0})
    assert prices["unit[Gas].cost"] == pytest.approx({"[North]": 0.0, "[South]": 1.0})
    moves = stack.sensitivity("dispatch", by="unit[Hydro].cap")
    assert moves["unit[Hydro].cap"] == pytest.approx({"[Hydro]": 1.0, "[Coal]": -1.0, "[Gas]": 0.0})


def test_what_is_computed_before_and_behind_a_clearing_counts(stack):
    # 20 for each of 40 MW in the north, 45 for each of 75 in the south
    assert stack.sensitivity("paid", by="growth")["growth"] == pytest.approx(20 * 40 + 45 * 75)
    assert stack.sensitivity("paid", by="unit")["unit[Coal].cost"] == pytest.approx(40.0)
    assert stack.sensitivity("rent", by="unit")["unit[Gas].cost"] == pytest.approx(1.0)


def test_a_bend_behind_a_clearing_is_refused_and_one_beside_it_is_not(stack):
    with pytest.raises(Refusal) as refused:
        stack.sensitivity("above", by="spike")
    (said,) = refused.value.diagnostics
    assert said.code == "kink" and "differ: 0 $/MWh per $/MWh above, -1 $/MWh per $/MWh below" in said.notes[0]
    assert stack.with_params(spike=15).sensitivity("above", by="spike")["spike"] == pytest.approx(-1.0)


def test_a_kink_of_the_clearing_names_its_rules(stack):
    tight = stack.with_params(load="[North: 60 MW, South: 50 MW]")
    with pytest.raises(Refusal) as refused:
        tight.sensitivity("cost", by="load[South]")
    (said,) = refused.value.diagnostics
    assert said.code == "kink" and "45 $/h per MW above, 20 $/h per MW below" in said.notes[0] and "line" in said.notes[1] and said.span is not None


def test_a_kink_at_one_number_leaves_the_others(stack):
    # the south takes exactly what the line brings: a megawatt more costs 45 there, and one less saves 20
    edge = stack.with_params(load="[North: 40 MW, South: 50 MW]")
    found = edge.sensitivity("cost", by="load")
    assert found["North"] == pytest.approx(20.0)
    assert [name for name, _ in found.kinks] == ["load[South]"] and math.isnan(found.slopes[0][1])
    assert "no derivative by load[South]: " in str(found) and found.to_dict()["slopes"][0][1] is None
    with pytest.raises(Refusal) as refused:
        found["South"]
    assert refused.value.diagnostics[0].code == "kink"


def test_a_chance_that_does_not_change_has_slope_zero(stack):
    assert stack.sensitivity("dear", by="load")["North"] == 0.0
    assert "nothing changes with load" in str(stack.sensitivity("dear", by="load"))


@settings(max_examples=4)
@given(st.integers(0, 10_000))
def test_slopes_are_what_the_answers_themselves_say_a_little_to_each_side(seed):
    import random

    draw = random.Random(seed)
    model = loads(STACK).with_params(
        load=f"[North: {draw.uniform(10, 90):.3f} MW, South: {draw.uniform(10, 90):.3f} MW]", limit=f"{draw.uniform(0.01, 0.06):.4f} GW",
    )  # fmt: skip
    aside = Fraction(1, 1_000)
    for query in ("cost", "paid", "rent"):
        slopes = model.sensitivity(query, by="load")
        for i, node in enumerate(("North", "South")):
            value = list(model.params["load"])
            ends = []
            for side in (1, -1):
                value[i] = model.params["load"][i] + side * aside
                ends.append(model.with_params(load=dict(zip(("North", "South"), value, strict=True))).query(query).value)
            middle = model.query(query).value
            right, left = (ends[0] - middle) / aside, (middle - ends[1]) / aside
            assert right == left, "the seed stands at a kink"
            assert slopes[node] == pytest.approx(float(right), rel=1e-9, abs=1e-9)


CURVED = """
use std.energy: MW, MWh

player operator
param load: real MW = 100 MW
param slope: real = 0.2
game Clear {
    decide p: real MW, q: real MW by operator
        earning -(10 $/MWh * p + 0.05 $/(MW^2*h) * p * p + 12 $/MWh * q + 0.1 $/(MW^2*h) * q * q)
        subject to { balance: load == p + q }
    price = dual(balance)
    squared = exp(price / (20 $/MWh))
}
query price   = E(price) of Clear
query curved  = E(price * price) of Clear
query squared = E(squared) of Clear
"""


def test_quadratic_costs_have_prices_that_rise():
    # 10 + 0.1 p = 12 + 0.2 q with p + q = load: the price rises by 1 / (1/0.1 + 1/0.2) for each MW
    model = loads(CURVED)
    price = float(model.query("price").value)
    assert model.sensitivity("price", by="load")["load"] == pytest.approx(1 / 15)
    assert model.sensitivity("curved", by="load")["load"] == pytest.approx(2 * price / 15)
    assert model.sensitivity("squared", by="load")["load"] == pytest.approx(math.exp(price / 20) / 20 / 15, rel=1e-6)


DAYS = """
use std.energy: MW, MWh

type Hour = 1..3
type Weather = Calm | Windy
player operator
param load: real MW[Hour] = [1: 50 MW, 2: 90 MW, 3: 70 MW]
param calm: [0, 1] = 0.4
param wind: real MW = 35 MW

game Hours {
    weather ~ bernoulli(calm)
    for h in Hour carrying kept = 0 MW {
        got ~ Clear(load[h] + 0.1 * kept, if weather then 0 MW else wind)
        price = got.price
        next kept = got.wheeled
    }
    bill = sum(price[h] * load[h] for h in Hour)
}
game Clear(load: real MW, wind: real MW) -> (price: real $/MWh, wheeled: real MW) {
    decide w: real MW, p: real MW, q: real MW by operator
        seeing load, wind
        earning -(1 $/MWh * w + 10 $/MWh * p + 0.05 $/(MW^2*h) * p * p + 60 $/MWh * q)
        subject to {
            balance: load == w + p + q
            windy:   0 MW <= w <= wind
            first:   0 MW <= p <= 60 MW
            more:    0 MW <= q
        }
    price = dual(balance)
    wheeled = p
}
query bill = E(bill) of Hours
query last = E(price[3]) of Hours
"""


def test_clearings_after_clearings_and_draws_pass_changes_on():
    model = loads(DAYS)
    aside = Fraction(1, 10**4)
    for by in ("calm", "wind"):
        here = model.params[by]
        for query in ("bill", "last"):
            ends = [model.with_params(**{by: here + side * aside}).query(query).value for side in (1, -1)]
            wanted = float((ends[0] - ends[1]) / (2 * aside))
            assert wanted != 0.0
            assert model.sensitivity(query, by=by)[by] == pytest.approx(wanted, rel=1e-6)


def test_answers_without_clearings_have_derivatives_too():
    model = loads("param p: [0, 1] = 0.3\nchannel Twice() -> (a: bool, b: bool) { a ~ bernoulli(p)\n b ~ bernoulli(p) }\nquery both = P(a and b) of Twice\n")
    assert model.sensitivity("both", by="p")["p"] == pytest.approx(0.6)
    # at the end of what a param may be, the slope is the one inside
    assert model.with_params(p=1).sensitivity("both", by="p")["p"] == pytest.approx(2.0, rel=1e-6)


BUILT_IN = """
player op
param a: real = 3
param b: real = 2 * a
param cap: real = 4
param gen: (cost: real, square: real)[1..2] = [1: (cost: 10, square: 0.05), 2: (cost: 12, square: 0.1)]
param load: real = 100
type N = 1..2
game Room {
    decide x: [0, cap] by op
        earning b * x
        subject to { most: x <= 10 }
    d = dual(most)
}
game Clear {
    decide p: real[N] by op
        earning -sum(gen[n].cost * p[n] + gen[n].square * p[n] ^ 2 for n in N)
        subject to { balance: load == sum(p) }
    price = dual(balance)
}
query times = b * a
query worth   = E(b * x) of Room
query price   = E(price) of Clear
"""


def test_params_in_types_in_other_params_and_in_squares_have_derivatives():
    model = loads(BUILT_IN)
    assert model.sensitivity("times", by="a")["a"] == pytest.approx(12.0)
    assert model.sensitivity("worth", by="cap")["cap"] == pytest.approx(6.0)
    assert model.sensitivity("worth", by="a")["a"] == pytest.approx(8.0)
    # price = (load + 10 / 0.1 + 12 / 0.2) / (1 / 0.1 + 1 / 0.2); p of the first is 10 (price - 10)
    by = model.sensitivity("price", by="gen")
    first = 10 * (52 / 3 - 10)
    assert by["gen[1].cost"] == pytest.approx(2 / 3) and by["gen[1].square"] == pytest.approx(2 * first * 2 / 3)
    assert model.sensitivity("price", by="gen[2].cost")["gen[2].cost"] == pytest.approx(1 / 3)


TIES = """
player op
param load: real = 50
param cap: real = 50
param deep: (a: real, b: (c: prob, d: real[1..2])) = (a: 1, b: (c: 50%, d: [1: 3, 2: 4]))
param end: [0, 5] = 5
param tiny: real = 0.000000000001
param two: [2, 2] = 2
param share: prob[1..2] = [1: 40%, 2: 60%]
game Tied {
    decide p: real, q: real, r: real by op
        earning -(10 * p + 10 * q + 30 * r)
        subject to {
            balance: load == p + q + r
            first:   0 <= p <= 20
            second:  0 <= q <= cap - 20
            third:   0 <= r
        }
    paid = 10 * p + 10 * q + 30 * r
    price = dual(balance)
    leaps = if end >= 5 then 1 else 0
    drawn ~ {1: share[1], 2: share[2]}
}
game Whole {
    decide on: bool, p: real, q: real by op
        earning -(10 * ind(on) + 2 * p + 4 * q)
        subject to {
            balance: load / 10 == p + q
            first:   0 <= p <= (if on then 100 else 0)
            second:  0 <= q
        }
    paid = 10 * ind(on) + 2 * p + 4 * q
    price = dual(balance)
}
query paid  = E(paid) of Tied
query price = E(price) of Tied
query whole = E(paid) of Whole
query fields = deep.a * deep.b.c * deep.b.d[2]
query leaps = E(leaps) of Tied
query logs  = log(tiny)
query twice = two * 2
query mean  = E(drawn) of Tied
"""


def test_a_degenerate_optimum_has_a_derivative_where_both_sides_agree():
    # 50 of 50 are used: a kink, where the price is the upper end; at 30 the two that cost the same tie, and the cost is smooth
    model = loads(TIES)
    assert model.with_params(load=30).sensitivity("paid", by="load")["load"] == pytest.approx(10.0)
    assert model.with_params(load=20).sensitivity("price", by="load")["load"] == 0.0
    with pytest.raises(Refusal, match="30 above, 10 below"):
        model.sensitivity("paid", by="load")
    with pytest.raises(Refusal, match="it jumps there"):
        model.sensitivity("price", by="load")


def test_whole_numbers_are_decided_anew_to_each_side():
    model = loads(TIES)
    assert model.with_params(load=40).sensitivity("whole", by="load")["load"] == pytest.approx(0.4)
    assert model.with_params(load=60).sensitivity("whole", by="load")["load"] == pytest.approx(0.2)
    with pytest.raises(Refusal, match=r"0\.2 above, 0\.4 below"):
        model.sensitivity("whole", by="load")


def test_numbers_in_records_in_records_at_ends_and_tiny_ones():
    model = loads(TIES)
    assert model.sensitivity("fields", by="deep.b.d[2]")["deep.b.d[2]"] == pytest.approx(0.5)
    assert model.sensitivity("fields", by="deep").slopes == ((2.0, 4.0, 0.0, 0.5),)
    assert model.sensitivity("logs", by="tiny")["tiny"] == pytest.approx(1e12, rel=1e-5)
    for query, by, code, word in (
        ("leaps", "end", "kink", "jumps"), ("twice", "two", "type-mismatch", "can only be 2"), ("mean", "share", "kink", "add up"),
    ):  # fmt: skip
        with pytest.raises(Refusal, match=word) as refused:
            model.sensitivity(query, by=by)
        assert refused.value.diagnostics[0].code == code


@pytest.mark.parametrize(
    ("query", "by", "code", "word"),
    [
        ("cost", "lode", "unknown-param", "lode"), ("cost", "load[West]", "unknown-name", "load[North]"), ("none", "load", "unknown-question", "none"),
    ],
)  # fmt: skip
def test_what_cannot_be_differentiated_is_said(stack, query, by, code, word):
    with pytest.raises(Refusal) as refused:
        stack.sensitivity(query, by=by)
    assert refused.value.diagnostics[0].code == code and word in str(refused.value)


def test_sizes_of_types_distributions_and_estimates_have_no_derivative():
    text = (
        "param n: 1..5 = 3\nparam p: [0, 1] = 0.5\ntype Day = 1..n\nchannel Days() -> (wet: bool[Day], x: real) { for d in Day { wet ~ bernoulli(p) }\n"
        " x ~ normal(p, 1) }\nquery all = P(forall d in Day: wet[d]) of Days\nquery which = distribution(wet) of Days\n"
        "query drawn = E(x) of Days by simulate[runs = 100]\n"
    )
    model = loads(text)
    for query, by, code in (("all", "n", "type-mismatch"), ("which", "p", "type-mismatch"), ("drawn", "p", "bad-option")):
        with pytest.raises(Refusal) as refused:
            model.sensitivity(query, by=by)
        assert refused.value.diagnostics[0].code == code, query


def test_the_command_prints_units_and_json(tmp_path, capsys):
    path = tmp_path / "stack.game"
    path.write_text(STACK)
    assert main(["sensitivity", str(path), "cost", "--by", "load"]) == 0
    assert capsys.readouterr().out.splitlines() == ["cost = 2325 $/h", "   cost by load[North]: 20 $/h per MW", "   cost by load[South]: 45 $/h per MW"]
    assert main(["sensitivity", str(path), "cost", "above", "--by", "spike", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False and found["sensitivities"][0]["slopes"] == [[0.0]]
    assert found["sensitivities"][1]["diagnostics"][0]["code"] == "kink"
    assert main(["sensitivity", str(path), "--by", "lode"]) == 2
    assert re.search("unknown-param", capsys.readouterr().err)


def test_of_bounds_that_all_but_meet_the_one_that_binds_moves_the_point():
    # least -x within [1, 1 + 1e-9 + d]
    program = Program(
        np.array([-1.0]), sparse.csr_array((0, 1)), np.zeros(0), np.zeros(0), np.array([1.0]), np.array([1.0 + 1e-9]),
    )  # fmt: skip
    none, one = sparse.csr_array((1, 1)), sparse.csr_array(np.ones((1, 1)))
    here = Near(Moving(program, none, sparse.csr_array((0, 1)), none, one, np.zeros(1)), np.zeros(1))
    assert here.along(np.ones(1)).x[0] == 1.0 and here.objective[0] == -1.0 and here.back(x=np.ones(1))[0] == 1.0
