"""Ties of clearings: one answer, whatever was solved before or beside it; at a kink, prices of a hair more load."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clearing_texts import cleared_at, clearing_of, data_of, exactly_at, named

from opengames.clearings import SOLVED
from opengames.session import load
from opengames.solvers.clearing.highs import solve
from opengames.solvers.clearing.kinks import intervals
from opengames.solvers.clearing.recognise import clear_for

ERCOT = Path(__file__).parents[1] / "specs" / "examples" / "06_ercot.game"

STACK = """
type Unit = 1..3
player op
param cap: real[Unit] = [1: 50, 2: 30, 3: 20]
param cost: real[Unit] = [1: 10, 2: 20, 3: 35]
game Market(demand: real, reserve: real) {
    decide p: real[Unit], r: real[Unit], short: real
        by op seeing demand, reserve
        earning -sum(cost[i] * p[i] for i in Unit) - 1000 * short
        subject to {
            balance: demand == sum(p[i] for i in Unit)
            need:    reserve - short <= sum(r[i] for i in Unit)
            top[i in Unit]: p[i] + r[i] <= cap[i]
            low[i in Unit]: 0 <= p[i]
            least[i in Unit]: 0 <= r[i]
            some:    0 <= short
        }
    energy = dual(balance)
    spare  = dual(need)
}
"""


@pytest.mark.parametrize(("demand", "price"), [(25, 10), (50, 20), (60, 20), (80, 35), (90, 35)])
def test_at_the_end_of_a_unit_the_price_is_that_of_the_next(demand, price):
    """50 and 80 are kinks: one more costs the next unit, one less saves this one. ERCOT prints the upper end."""
    for answer in (_float(demand, 0), exactly_at(STACK, {"demand": demand, "reserve": 0})):
        assert answer["dual balance"] == pytest.approx(price)


def _float(demand, reserve):
    program, _, cleared = clearing_of(STACK)
    data = np.array([[float(v) for v in data_of(program, cleared, {"demand": demand, "reserve": reserve})]])
    answers, status = cleared.solve(data)
    assert status[0] == SOLVED
    return named(cleared, answers[0])


def test_when_all_is_used_up_one_more_is_a_megawatt_of_shortage():
    """At 95 with 5 in reserve nothing is left: one more of load takes one from the reserve, at 1,000, less what it costs."""
    for answer in (_float(95, 5), exactly_at(STACK, {"demand": 95, "reserve": 5})):
        assert answer["dual balance"] == pytest.approx(1035)
        assert answer["dual need"] == pytest.approx(1000)


@pytest.mark.parametrize("demand", [25, 50, 79, 80, 95])
@pytest.mark.parametrize("reserve", [0, 5, 20])
def test_rationals_and_floats_choose_alike_at_ties(demand, reserve):
    floats, exact = _float(demand, reserve), exactly_at(STACK, {"demand": demand, "reserve": reserve})
    for wire, values in exact.items():
        assert floats[wire] == pytest.approx([float(v) for v in np.atleast_1d(values)] if isinstance(values, list) else float(values), abs=1e-7)


def test_the_price_printed_lies_in_its_interval_at_the_upper_end_where_one_rule_is_asked_for():
    """One dual asked: what is printed is the end that `kinks` works out by its own programs."""
    text = STACK.replace("    spare  = dual(need)\n", "")
    program, _, cleared = clearing_of(text)
    for demand in (50, 80):
        values = np.array([float(v) for v in data_of(program, cleared, {"demand": demand, "reserve": 0})])
        here = cleared.moving.at(values)
        (row,) = np.flatnonzero(cleared.read.pieces.rule == 0)
        ends = intervals(here, solve(here), [int(row)])
        answers, _ = cleared.solve(values[None])
        assert answers[0, -1] == pytest.approx(-ends.least[0])
        assert ends.most[0] - ends.least[0] > 5


def test_every_price_lies_between_its_ends():
    """Differences of the least cost on both sides of each asked rule are the ends."""
    program, _, cleared = clearing_of(STACK)
    for demand, reserve in ((50, 0), (80, 5), (95, 5), (60, 10)):
        values = [float(v) for v in data_of(program, cleared, {"demand": demand, "reserve": reserve})]
        answers, _ = cleared.solve(np.array([values]))
        ends = cleared.ends(values)
        assert (ends[:, 0] - 1e-7 <= answers[0, -2:]).all() and (answers[0, -2:] <= ends[:, 1] + 1e-7).all()

        def cost(d, r):
            data = [float(v) for v in data_of(program, cleared, {"demand": d, "reserve": r})]
            return solve(cleared.moving.at(np.array(data))).objective

        here, h = cost(demand, reserve), 0.01
        assert ends[0, 0] == pytest.approx((here - cost(demand - h, reserve)) / h, abs=1e-5)
        if demand + reserve < 100:
            assert ends[0, 1] == pytest.approx((cost(demand + h, reserve) - here) / h, abs=1e-5)


def _many():
    program = load(ERCOT).program
    diagram = program.diagrams["Sced"]
    cleared = clear_for(program)(diagram, diagram.boxes[0], {})
    rng = np.random.default_rng(3)
    names = {"load": rng.integers(40, 100, 120) * 10.0, "soc": rng.integers(0, 5, 120) * 100.0}
    probe = data_of(program, cleared, {"load": 1, "soc": 2, "quote": (3, 4)})
    columns = {1: names["load"], 2: names["soc"], 3: np.full(120, 10.0), 4: np.full(120, 30.0)}
    return program, cleared, np.column_stack([columns[int(v)] for v in probe])


def test_what_was_solved_before_or_beside_changes_nothing():
    """Round loads, prices and charges on purpose: most members are ties of some kind."""
    _, cleared, data = _many()
    first, status = cleared.solve(data)
    assert (status == SOLVED).all()
    order = np.random.default_rng(4).permutation(len(data))
    again, _ = cleared.solve(data[order])
    assert again == pytest.approx(first[order], abs=1e-6)
    _, fresh, _ = _many()
    for k in (0, 17, 60):
        alone, _ = fresh.solve(data[k : k + 1])
        assert alone[0] == pytest.approx(first[k], abs=1e-6)


def test_the_five_bus_market_is_the_same_in_rationals_at_round_numbers():
    _, cleared, data = _many()
    floats, _ = cleared.solve(data[:25])
    for row, found in zip(data[:25], floats, strict=True):
        exact = cleared.exactly([Fraction(int(v)) for v in row])
        assert found == pytest.approx([float(v) for v in exact], abs=1e-6)


def test_units_that_cost_the_same_are_told_apart_once_and_for_all():
    text = STACK.replace("2: 20, 3: 35", "2: 10, 3: 10")
    found = [tuple(cleared_at(text, {"demand": 60, "reserve": 0})["p"]) for _ in range(2)]
    program, _, cleared = clearing_of(text)
    answers, _ = cleared.solve(np.array([[float(v) for v in data_of(program, cleared, {"demand": 60, "reserve": 0})]]))
    exact = exactly_at(text, {"demand": 60, "reserve": 0})["p"]
    assert named(cleared, answers[0])["p"] == pytest.approx([float(v) for v in exact])
    assert sum(exact) == 60 and found[0] == pytest.approx(found[1])


BENT = """
player op
game Market(load: real) {
    decide x: real, y: real, on: bool by op seeing load
        earning -(3 * x + 10 * y)
        subject to {
            need: x + y >= load
            top:  x <= 5
            low:  x >= 0 and y >= 0
            run:  y <= 4 * ind(on)
        }
    price = -dual(need)
    rent  = dual(top)
}
"""


@pytest.mark.parametrize(("demand", "price"), [(4, 7), (5, 10), (6, 10)])
def test_a_quadratic_cost_has_the_price_of_a_hair_more_load_too(demand, price):
    """One more costs 3 + x of the first, up to 5 of it, and then 10: at 5 every price from 8 to 10 clears."""
    text = BENT.replace("3 * x", "3 * x + x^2 / 2").replace(", on: bool", "").replace("4 * ind(on)", "4")
    exact = exactly_at(text, {"load": demand})
    program, _, cleared = clearing_of(text)
    data = np.array([[float(v) for v in data_of(program, cleared, {"load": demand})]] * 3)
    answers, status = cleared.solve(data)
    assert (status == SOLVED).all() and np.allclose(answers, answers[0])
    for answer in (exact, named(cleared, answers[0])):
        assert float(answer["dual need"]) == pytest.approx(-price)
        assert float(answer["dual top"]) == pytest.approx(max(price - 8, 0))


def test_whole_numbers_held_leave_a_price_that_is_chosen_by_the_same_rule():
    """With the dear unit off one more costs 3, with it on 10; what another whole number would change is no part of the price."""
    program, _, cleared = clearing_of(BENT)
    found = {}
    for demand in (4, 6):
        data = np.array([[float(v) for v in data_of(program, cleared, {"load": demand})]])
        answers, status = cleared.solve(data)
        assert status[0] == SOLVED
        found[demand] = named(cleared, answers[0])["dual need"]
    assert found == pytest.approx({4: -3, 6: -10})


def test_members_with_the_same_data_are_solved_once():
    program, _, cleared = clearing_of(BENT)
    data = np.repeat(np.array([[float(v) for v in data_of(program, cleared, {"load": demand})] for demand in (4, 6, 7)]), 100, axis=0)
    answers, status = cleared.solve(data)
    assert (status == SOLVED).all()
    assert cleared.tally.engines["repetition"] == 297 and sum(cleared.tally.engines.values()) == 300
    assert np.array_equal(answers[:100], np.repeat(answers[:1], 100, axis=0)) and len(np.unique(answers, axis=0)) == 3


@pytest.mark.parametrize("used", [1, 60, 150])
@pytest.mark.parametrize("balance", ["load == sum(p)", "load <= sum(p)"])
def test_the_price_of_a_kink_is_the_upper_end_however_many_units_there_are(used, balance):
    """With as many units used up as the load says, one more megawatt costs the next unit: the bounds of all the others change nothing."""
    text = f"""
    player op
    type Unit = 1..200
    game Market(load: real) {{
        decide p: real[Unit] by op seeing load earning -sum(u * p[u] for u in Unit)
            subject to {{ balance: {balance}
                range[u in Unit]: 0 <= p[u] <= 1 }}
        price = dual(balance)
    }}
    """
    program, _, cleared = clearing_of(text)
    data = np.array([[float(v) for v in data_of(program, cleared, {"load": used})]])
    answers, status = cleared.solve(data)
    assert status[0] == SOLVED
    assert named(cleared, answers[0])["dual balance"] == pytest.approx(used + 1)
    assert exactly_at(text, {"load": used})["dual balance"] == used + 1
