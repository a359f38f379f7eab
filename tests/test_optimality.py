"""Claims about prices: a clearing at its optimum, in proofs, against linear programs solved by HiGHS."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import opengames as og
from opengames.diagnostics import Refusal

MARKET = """
use std.energy: MW, MWh, h
type Unit = Cheap | Dear
type Load = [0 MW, 250 MW]
param cap: real MW[Unit] = [Cheap: 100 MW, else: 200 MW]
param cost: real $/MWh[Unit] = [Cheap: 10 $/MWh, else: 30 $/MWh]
player operator
game Clear(load: Load) -> (price: real $/MWh, p: real MW[Unit]) {
    decide p: real MW[Unit] by operator seeing load
        earning -sum(cost[u] * p[u] for u in Unit)
        subject to {
            balance: load == sum(p[u] for u in Unit)
            range[u in Unit]: 0 MW <= p[u] <= cap[u]
        }
    price = dual(balance)
}
verify claim: CLAIM of Clear by z3
"""


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        ("price <= 30 $/MWh", "proved"),
        ("price >= 10 $/MWh", "unknown"),  # without load it may be anything below, of which a clearing tells one
        ("price >= 31 $/MWh", "refuted"),  # whatever is told at a kink, some other load has one price
        ("load > 0 MW implies price >= 10 $/MWh", "proved"),
        ("load > 100 MW implies price == 30 $/MWh", "proved"),
        ("load >= 100 MW implies price == 30 $/MWh", "unknown"),  # at the kink: anything from 10 to 30
        ("load >= 50 MW implies price == 30 $/MWh", "refuted"),
        ("load == 100 MW implies price in [10 $/MWh, 30 $/MWh]", "proved"),
        ("p[Dear] > 0 MW implies p[Cheap] == 100 MW", "proved"),
        ("p[Dear] == 0 MW", "refuted"),
    ],
)
def test_a_price_is_known_by_what_makes_the_dispatch_best(claim, verdict):
    (found,) = og.loads(MARKET.replace("CLAIM", claim)).verify()
    assert found.verdict == verdict, found


def test_a_claim_without_prices_is_about_every_legal_move():
    text = MARKET.replace("    price = dual(balance)\n", "").replace("price: real $/MWh, ", "")
    (found,) = og.loads(text.replace("CLAIM", "p[Dear] > 0 MW implies p[Cheap] == 100 MW")).verify()
    assert found.verdict == "refuted"


RULES = """
player operator
game G {
    decide x: real, y: real by operator
        earning 3 * x + 2 * y
        subject to {
            capped: x + y <= 4
            least:  y >= 1
            near:   abs(x - y) <= 1
            low:    0 <= x
        }
    top = dual(capped)
    need = dual(least)
}
verify top_is: top == 5/2 of G by z3
verify need_is: need == 0 of G by z3
verify where: x == 5/2 and y == 3/2 of G by z3
verify not_so: x <= 2 of G by z3
"""


def test_rules_of_every_form():
    found = {a.name: a.verdict for a in og.loads(RULES).verify()}
    assert found == {"top_is": "proved", "need_is": "proved", "where": "proved", "not_so": "refuted"}
    forced = RULES.replace("y >= 1", "y >= 2").replace("need == 0", "need == -1").replace("top == 5/2", "top == 3")
    found = {a.name: a.verdict for a in og.loads(forced).verify(["top_is", "need_is"])}
    assert found == {"top_is": "proved", "need_is": "proved"}  # x = y = 2: one more unit that y must have costs 3 - 2


def test_what_is_no_linear_program_stays_open():
    text = RULES.replace("3 * x + 2 * y", "3 * x - x * y")
    (found,) = og.loads(text).verify("not_so")
    assert found.verdict == "unknown"
    assert "multiplied" in str(found)


numbers = st.integers(-4, 4)


@given(
    cost=st.lists(numbers, min_size=3, max_size=3),
    rows=st.lists(st.tuples(st.lists(numbers, min_size=3, max_size=3), st.integers(1, 8)), min_size=1, max_size=3),
)
@settings(max_examples=15, deadline=None)
def test_duals_are_those_of_the_linear_program(cost, rows):
    a, b = np.array([r for r, _ in rows], float), np.array([x for _, x in rows], float)
    solved = linprog(-np.array(cost, float), A_ub=a, b_ub=b, bounds=[(0, 5)] * 3, method="highs")
    duals = [-float(y) for y in solved.ineqlin.marginals]
    # unique prices only: as many tight rows and bounds as quantities
    tight = sum(abs(b - a @ solved.x) < 1e-9) + sum(abs(solved.x) < 1e-9) + sum(abs(solved.x - 5) < 1e-9)
    assume(tight == 3)
    price = [Fraction(y).limit_denominator(10_000) for y in duals]
    lines = "\n".join(
        f"            r{i}: " + " + ".join(f"({c}) * x[{j}]" for j, c in enumerate(r, 1)) + f" <= {x}" for i, (r, x) in enumerate(rows)
    )
    text = (
        "type J = 1..3\nplayer o\ngame G {\n    decide x: [0, 5][J] by o\n        earning "
        + " + ".join(f"({c}) * x[{j}]" for j, c in enumerate(cost, 1))
        + f"\n        subject to {{\n{lines}\n        }}\n"
        + "\n".join(f"    d{i} = dual(r{i})" for i in range(len(rows)))
        + "\n}\n"
        + "".join(f"verify same{i}: d{i} == {p} of G by z3\n" for i, p in enumerate(price))
        + f"verify wrong: d0 == {price[0] + 1} of G by z3\n"
    )
    for each in og.loads(text).verify():
        assert each.verdict == ("refuted" if each.name == "wrong" else "proved"), (text, each)


FORMS = {
    "least": "{sum} >= -{limit}", "most": "{sum} <= {limit}", "near": "abs({sum}) <= {limit}", "between": "-{limit} <= {sum} <= {limit}",
    "capped[j in J]": "x[j] <= {limit}", "late[j in J]": "j >= 2 implies x[j] <= {limit}", "apart[i in J, j in J]": "x[i] - x[j] <= {limit}",
    "greatest": "max({sum}, x[1]) <= {limit}", "met": "{sum} == 1",
}  # fmt: skip


@pytest.mark.slow
@given(
    cost=st.lists(st.integers(-8, 8), min_size=2, max_size=3),
    rules=st.lists(st.tuples(st.sampled_from(sorted(FORMS)), st.lists(st.integers(-2, 2), min_size=3, max_size=3), st.integers(1, 6)),
                   min_size=1, max_size=3, unique_by=lambda r: r[0]),
)  # fmt: skip
@settings(max_examples=10, deadline=None)
def test_claims_about_prices_agree_with_the_clearing_in_rationals(cost, rules):
    """What the exact reading prints is never refuted, and proved unless there are several prices; what it does not print is never proved."""
    n = len(cost)
    gain = " + ".join(f"({c}) / 2 * x[{j}]" for j, c in enumerate(cost, 1))
    said, asked = [], []
    for name, parts, limit in rules:
        total = " + ".join(f"({c}) * x[{j}]" for j, c in enumerate(parts[:n], 1))
        said.append(f"            {name}: " + FORMS[name].format(sum=total, limit=limit))
        plain = name.partition("[")[0]
        asked.append((plain, f"d_{plain}" + {0: "", 1: "[2]", 2: "[2, 1]"}[name.count(" in ")]))
    text = (
        f"type J = 1..{n}\nplayer o\ngame G {{\n    decide x: [-3, 5][J] by o\n        earning {gain}\n        subject to {{\n"
        + "\n".join(said) + "\n        }\n" + "".join(f"    d_{p} = dual({p})\n" for p, _ in asked) + f"    gain = {gain}\n}}\n"
    )  # fmt: skip
    wanted = [what for _, what in asked] + ["gain"]
    model = og.loads(text + "".join(f"query q{i} = E({what}) of G by exact\n" for i, what in enumerate(wanted)))
    try:
        known = [Fraction(model.query(f"q{i}").value) for i in range(len(wanted))]
    except Refusal as refused:
        assume(refused.diagnostics[0].code != "infeasible")
        raise
    claims = "".join(
        f"verify same{i}: {what} == {value} of G by z3\nverify wrong{i}: {what} == {value + 1} of G by z3\n"
        for i, (what, value) in enumerate(zip(wanted, known, strict=True))
    )
    found = {a.name: a.verdict for a in og.loads(text + claims).verify()}
    last = len(wanted) - 1
    assert found[f"same{last}"] == "proved" and found[f"wrong{last}"] == "refuted"
    for i in range(last):
        assert found[f"same{i}"] != "refuted" and found[f"wrong{i}"] != "proved", (text, i, found)
        assert (found[f"same{i}"] == "proved") <= (found[f"wrong{i}"] == "refuted"), (text, i, found)
