"""Random clearings built twice: as a text that is read, and by hand as a program."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from clearing_texts import clearing_of, data_of, named, solved
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from opengames.clearings import SOLVED
from opengames.solvers.clearing.highs import solve
from opengames.solvers.clearing.kinks import are_unique

tenths = st.integers(-40, 40).map(lambda k: Fraction(k, 10))
positive = st.integers(1, 60).map(lambda k: Fraction(k, 10))


@st.composite
def markets(draw):
    """Numbers of a small market: units in groups, a matrix, and slack at a price, so that it always clears."""
    units, lines = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    return {
        "group": [draw(st.sampled_from(["X", "Y"])) for _ in range(units)],
        "cost": [draw(tenths) for _ in range(units)],
        "cap": [draw(positive) for _ in range(units)],
        "factor": [[draw(tenths) for _ in range(lines)] for _ in range(units)],
        "limit": [draw(positive) for _ in range(lines)],
        "offset": [draw(tenths) for _ in range(lines)],
        "share": [draw(tenths), draw(tenths)],
        "price": draw(tenths),
        "load": draw(tenths),
    }


def number(v):
    return f"({v.numerator}/{v.denominator})" if v.denominator > 1 else (f"({v.numerator})" if v < 0 else str(v.numerator))


def text_of(m):
    units, lines = len(m["cost"]), len(m["limit"])
    rows = "\n".join(
        f"    | U{i} || {m['group'][i]} | {number(m['cost'][i])} | {number(m['cap'][i])} |" for i in range(units)
    )
    factors = " + ".join(
        f"(if i == U{i} and j == {j + 1} then {number(m['factor'][i][j])} else 0)" for i in range(units) for j in range(lines)
    )
    limit = ", ".join(f"{j + 1}: {number(m['limit'][j])}" for j in range(lines))
    offset = ", ".join(f"{j + 1}: {number(m['offset'][j])}" for j in range(lines))
    return f"""
type Unit = {" | ".join(f"U{i}" for i in range(units)) if units > 1 else "U0 | Unused"}
type Group = X | Y
type Line = 1..{lines}
player op
param unit: (group: Group, cost: real, cap: real)[Unit] = table {{
    | Unit || group | cost | cap |
{rows}{"" if units > 1 else chr(10) + "    | Unused || X | 0 | 0 |"}
}}
param limit: real[Line] = [{limit}]
param offset: real[Line] = [{offset}]
param share: real[Group] = [X: {number(m["share"][0])}, Y: {number(m["share"][1])}]
fun factor(i: Unit, j: Line) -> real = {factors}
game Market(load: real, price: real) {{
    for g in Group {{ made = sum(p[i] for i in Unit if unit[i].group == g) }}
    for j in Line {{ flow = sum(factor(i, j) * p[i] for i in Unit) + price * offset[j] / 2 }}
    decide p: real[Unit], more: real[Group], less: real[Group], over: real[Line], x: [-3, 5]
        by op
        seeing load, price
        earning price * x - sum(unit[i].cost * p[i] for i in Unit)
            - 30 * sum(more[g] + less[g] for g in Group) - 20 * sum(over[j] for j in Line)
        subject to {{
            balance[g in Group]: load * share[g] + x / 2 == made[g] + more[g] - less[g]
            thermal[j in Line]:  abs(flow[j]) <= limit[j] + over[j]
            range[i in Unit]:    0 <= p[i] <= unit[i].cap
            top:                 x + p[U0] <= load + 4
            floor:               sum(made[g] for g in Group) >= price - sum(more[g] for g in Group)
            slack[g in Group]:   0 <= more[g]
            loss[g in Group]:    less[g] >= 0
            above[j in Line]:    over[j] >= 0
        }}
    b = [dual(balance[g]) for g in Group]
    t = [dual(thermal[j]) for j in Line]
    r = [dual(range[i]) for i in Unit]
    o = dual(top)
    f = dual(floor)
}}
"""


def by_hand(m, bump=None):
    """The least cost of the same market, its program written out loop by loop. bump: (rule, index, amount) on its right side."""
    units = len(m["cost"]) if len(m["cost"]) > 1 else 2
    group = [*m["group"], "X"][:units] if len(m["cost"]) == 1 else m["group"]
    cost = [float(c) for c in m["cost"]] + [0.0] * (units - len(m["cost"]))
    cap = [float(c) for c in m["cap"]] + [0.0] * (units - len(m["cap"]))
    lines, load, price = len(m["limit"]), float(m["load"]), float(m["price"])
    p, more, less, over, x = 0, units, units + 2, units + 4, units + 4 + lines
    n = x + 1
    c = np.zeros(n)
    c[:units] = cost
    c[more : more + 4] = 30
    c[over : over + lines] = 20
    c[x] = -price
    rule, where, amount = bump or ("", 0, 0.0)

    def extra(name, index=0):
        return amount if (name, index) == (rule, where) else 0.0

    upper, right, equal, level = [], [], [], []
    for k, g in enumerate("XY"):
        row = np.zeros(n)
        row[x] = 0.5
        for i in range(units):
            if group[i] == g:
                row[p + i] = -1
        row[more + k], row[less + k] = -1, 1
        equal.append(row)
        level.append(-load * float(m["share"][k]) + extra("balance", k))
    for j in range(lines):
        row = np.zeros(n)
        for i in range(len(m["cost"])):
            row[p + i] = float(m["factor"][i][j])
        shift = price * float(m["offset"][j]) / 2
        for sign in (1, -1):
            each = sign * row
            each[over + j] = -1
            upper.append(each)
            right.append(float(m["limit"][j]) + extra("thermal", j) - sign * shift)
    row = np.zeros(n)
    row[x], row[p] = 1, 1
    upper.append(row)
    right.append(load + 4 + extra("top"))
    row = np.zeros(n)
    row[:units] = -1
    row[more : more + 2] = -1
    upper.append(row)
    right.append(-(price + extra("floor")))
    bounds = [(0.0 - extra("range", i), cap[i] + extra("range", i)) for i in range(units)]
    bounds += [(0, None)] * (4 + lines) + [(-3, 5)]
    found = linprog(c, np.array(upper), np.array(right), np.array(equal), np.array(level), bounds, method="highs")
    return found.fun if found.status == 0 else None


@given(markets())
@settings(max_examples=9, deadline=None)
def test_a_text_and_a_program_built_by_hand_have_the_same_optimum_and_prices(m):
    """Each price lies between the one-sided differences of the optimum of the hand-built program."""
    program, _, cleared = clearing_of(text_of(m))
    values = data_of(program, cleared, {"load": m["load"], "price": m["price"]})
    answers, status = solved(cleared, values)
    least = by_hand(m)
    assert (status == SOLVED) == (least is not None)
    if least is None:
        return
    assert solve(cleared.moving.at(np.array([float(v) for v in values]))).objective == pytest.approx(least, abs=1e-7)
    found = named(cleared, answers)
    h = 1e-4
    rules = {"dual balance": "balance", "dual thermal": "thermal", "dual range": "range", "dual top": "top", "dual floor": "floor"}
    for wire, rule in rules.items():
        for k, price in enumerate(np.atleast_1d(found[wire])):
            ends = [by_hand(m, (rule, k, d)) for d in (h, -h)]
            if ends[0] is not None:
                assert price >= (least - ends[0]) / h - 1e-5, (wire, k)
            if ends[1] is not None:
                assert price <= (ends[1] - least) / h + 1e-5, (wire, k)


@given(markets())
@settings(max_examples=12, deadline=None)
def test_rationals_and_floats_agree(m):
    """Moves and prices where they are unique; the value always."""
    program, _, cleared = clearing_of(text_of(m))
    values = data_of(program, cleared, {"load": m["load"], "price": m["price"]})
    answers, status = solved(cleared, values)
    if status != SOLVED:
        return
    exact = cleared.exactly(values)
    pieces = cleared.fractions.pieces
    cost = list(pieces.cost)
    for j, k, v in zip(pieces.cost_by.row, pieces.cost_by.column, pieces.cost_by.value, strict=True):
        cost[j] += v * values[k]
    least = sum(c * x for c, x in zip(cost, exact[: cleared.moves], strict=True))
    assert float(least) == pytest.approx(by_hand(m), abs=1e-7)
    program_at = cleared.moving.at(np.array([float(v) for v in values]))
    if are_unique(program_at, solve(program_at)):
        assert [float(v) for v in exact[cleared.moves :]] == pytest.approx(answers[cleared.moves :].tolist(), abs=1e-6)
