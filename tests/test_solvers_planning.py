"""Dynamic programming: the battery's published values, agreement of exact and arrays, storage regimes."""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction as F

import builders_solving as b
import pytest
from builders_solving import Const, Var, num, op
from hypothesis import given, settings
from hypothesis import strategies as st

from opengames.diagnostics import Refusal
from opengames.diagram import Carry, Diagram, Draw, Loop, Port, Rule
from opengames.program import ParamDecl
from opengames.session import loads
from opengames.solvers import planning
from opengames.solvers.claims import equilibrium, value
from opengames.solvers.planning import dynamic_programming
from opengames.spaces import REAL, Enum, Grid, Reals
from opengames.terms import At, Fold, If, Param, Select, Uniform

EFFICIENCY = F(95, 100)


def battery(hours: int, keep: bool, soc=None, moves=None) -> Diagram:
    """100 MW, 40 to 360 MWh from 200 MWh, 95 % each way, 5 $ per MWh through the cell; the decision is the
    hour's change of the state of charge. keep: it must end no lower than it began.
    """
    t = b.grid(1, hours)
    soc = soc or Grid(tuple(F(40 + 20 * i) for i in range(17)))
    moves = moves or STEPS
    change, after = Var("change"), op("+", Var("soc"), Var("change"))
    rules = (
        Rule("low", (), op(">=", after, num(40))),
        Rule("high", (), op("<=", after, num(360))),
        Rule("charger", (), op("<=", change, num(95))),
        Rule("inverter", (), op("<=", op("*", op("neg", change), num(EFFICIENCY)), num(100))),
    )
    bought = If(op(">", change, num(0)), op("/", change, num(EFFICIENCY)), op("*", change, num(EFFICIENCY)))
    money = op("-", op("neg", op("*", Var("bought"), At(Param("price"), (Var("t"),), (t,)))), op("*", num(5), op("abs", change)))
    body = Diagram(
        "hour",
        inputs=(Port("t", t), Port("soc", soc)),
        outputs=(Port("margin", REAL), Port("after", soc)),
        expects=(Port("profit", REAL),),
        boxes=(
            b.decide("change", moves, "owner", ("t", "soc"), "profit", rules=rules),
            b.compute("bought", bought),
            b.compute("margin", money),
            b.compute("after", after, soc),
        ),
    )
    total = Fold("sum", (("t", t),), At(Var("margin"), (Var("t"),), (t,)))
    penalty = op("*", num(10**6), op("ind", op("<", Var("end"), num(200))))
    return Diagram(
        "Battery",
        boxes=(
            b.compute("start", num(200), soc),
            Loop(
                "day", (("t", t),), body, (), (Carry("soc", soc, "start", "after"),), (("margin", "margin"),),
                (("end", "soc"),), ("profit",),
            ),
            b.compute("profit", op("-", total, penalty) if keep else total),
        ),
    )  # fmt: skip


def with_prices(game: Diagram, prices: list) -> b.Program:
    return replace(b.program(game), params={"price": ParamDecl("price", REAL, tuple(F(p) for p in prices))})


STEPS = Grid(tuple(F(20 * i) for i in range(-5, 5)))
PUBLISHED = [
    ([20] * 12 + [60] * 12, False, F("12471.58")),
    ([20] * 12 + [60] * 12, True, F("4151.58")),
    ([60] * 12 + [20] * 12, False, F(8320)),
    ([60] * 12 + [20] * 12, True, F("4151.58")),
    ([30] * 24, False, F(3760)),
    ([30] * 24, True, F(0)),
    ([-50] + [30] * 23, False, F("10517.50")),
    ([-50] + [30] * 23, True, F("6757.50")),
    ([30] * 12 + [45] * 12, True, F("187.37")),
    ([30] * 12 + [F("43.7")] * 12, True, F(0)),
]


@pytest.mark.parametrize(("prices", "keep", "known"), PUBLISHED)
def test_the_published_days_are_approached_from_below_on_a_five_megawatt_hour_grid(prices, keep, known):
    # Every multiple of 5 MWh: the published optima are reached to the cent, as all limits (40, 360, 95) are on it.
    soc = Grid(tuple(F(40 + 5 * i) for i in range(65)))
    moves = Grid(tuple(F(5 * i) for i in range(-21, 20)))
    game = battery(24, keep, soc, moves)
    found = dynamic_programming(with_prices(game, prices), game, exact=False)
    assert found.value <= float(known) + 0.01
    assert found.value >= float(known) - 0.01
    assert found.certificate < 1e-6


@pytest.mark.parametrize("keep", [True, False])
def test_rationals_and_arrays_agree(keep):
    prices = [20] * 12 + [60] * 12
    game = battery(24, keep, moves=STEPS)
    program = with_prices(game, prices)
    exact = dynamic_programming(program, game, exact=True)
    fast = dynamic_programming(program, game, exact=False)
    assert abs(float(exact.value) - fast.value) < 1e-8
    assert fast.replayed == exact.value
    assert equilibrium(program, game, fast).holds


def test_a_real_state_of_charge_is_laid_on_a_grid_and_bounded_from_below():
    prices = [20] * 12 + [60] * 12
    truth = F("4151.578947")
    found = []
    for points in (9, 17, 65):
        game = battery(24, True, Reals(F(40), F(360)), Grid(tuple(F(5 * i) for i in range(-21, 20))))
        plan = dynamic_programming(with_prices(game, prices), game, exact=False, points=points)
        assert plan.spacing[0] == ("soc", 320 / (points - 1))
        found.append(plan.value)
    assert found[-1] <= truth + F(1, 100) and abs(found[-1] - float(truth)) < 0.01


def test_five_hundred_hours_and_three_hundred_states_take_seconds():
    hours = 500
    soc = Grid(tuple(F(40 + i) for i in range(321)))
    moves = Grid(tuple(F(5 * i) for i in range(-20, 20)))
    game = battery(hours, True, soc, moves)
    prices = [(37 * i * i + 11 * i) % 101 for i in range(hours)]
    start = time.process_time()
    plan = dynamic_programming(with_prices(game, prices), game, exact=False)
    assert time.process_time() - start < 8
    assert plan.states == 321 and plan.certificate < 1e-6


def test_a_gambler_with_a_fair_coin_cannot_beat_the_odds():
    # Betting any stake on a fair coin leaves the chance of reaching 8 from 3 at 3/8, however it is done.
    t, wealth, stake = b.grid(1, 6), b.grid(0, 8), b.grid(0, 4)
    w, s = Var("w"), Var("s")
    body = Diagram(
        "toss",
        inputs=(Port("t", t), Port("w", wealth)),
        outputs=(Port("after", wealth),),
        expects=(Port("won", REAL),),
        boxes=(
            b.decide(
                "s", stake, "gambler", ("t", "w"), "won",
                rules=(Rule("has", (), op("<=", s, w)), Rule("useful", (), op("<=", s, op("-", num(8), w)))),
            ),
            Draw(Port("heads", b.BOOL), b.chance(F(1, 2))),
            b.compute("after", If(Var("heads"), op("+", w, s), op("-", w, s)), wealth),
        ),
    )  # fmt: skip
    game = Diagram(
        "Gambler",
        boxes=(
            b.compute("start", num(3), wealth),
            Loop("tosses", (("t", t),), body, (), (Carry("w", wealth, "start", "after"),), (), (("end", "w"),), ("won",)),
            b.compute("won", op("ind", op("==", Var("end"), num(8)))),
        ),
    )
    program = b.program(game)
    exact = dynamic_programming(program, game)
    assert exact.value == F(3, 8)
    fast = dynamic_programming(program, game, exact=False)
    assert abs(fast.value - 3 / 8) < 1e-12 and fast.replayed == F(3, 8)


def test_commons_are_used_up_at_once_when_the_future_counts_little_and_last_when_it_counts_much():
    # A stock of 4 doubles (up to 4) after every harvest: with discount d it pays to wait iff 2 d > 1.
    t, stock = b.grid(1, 4), b.grid(0, 4)
    x, take = Var("x"), Var("take")
    left = op("-", x, take)
    body = Diagram(
        "season",
        inputs=(Port("t", t), Port("x", stock)),
        outputs=(Port("take", stock), Port("after", stock)),
        expects=(Port("catch", REAL),),
        boxes=(
            b.decide("take", stock, "village", ("t", "x"), "catch", rules=(Rule("there", (), op("<=", take, x)),)),
            b.compute("after", op("min", num(4), op("*", num(2), left)), stock),
        ),
    )
    loop = Loop("seasons", (("t", t),), body, (), (Carry("x", stock, "start", "after"),), (("take", "take"),), (), ("catch",))
    game = Diagram("Commons", boxes=(b.compute("start", num(4), stock), loop, b.total("catch", "take", t)))
    for delta, first in ((F(1, 4), 4), (F(9, 10), 2)):
        found = dynamic_programming(b.program(game, delta=delta), game)
        assert found.mix("take", (F(1),), (F(1), F(4)))[0][0] == first
        d = float(delta)
        regime = 4.0 if first == 4 else 2 * (1 + d + d**2) + 4 * d**3
        assert abs(float(found.value) - regime) < 1e-12


def test_a_plan_becomes_text_that_can_be_pasted():
    mode = Enum("Mode", ("Hold", "Sell", "Buy"))
    t, level = b.grid(1, 2), b.grid(0, 2)
    step = Select((Var("m"),), (mode,), (num(0), num(-1), num(1)))
    body = Diagram(
        "body",
        inputs=(Port("t", t), Port("x", level)),
        outputs=(Port("after", level), Port("gain", REAL)),
        expects=(Port("money", REAL),),
        boxes=(
            b.decide("m", mode, "solo", ("t", "x"), "money", rules=(
                Rule("low", (), op(">=", op("+", Var("x"), step), num(0))),
                Rule("high", (), op("<=", op("+", Var("x"), step), num(2))),
            )),
            b.compute("after", op("+", Var("x"), step), level),
            b.compute("gain", op("*", op("neg", step), If(op("==", Var("t"), num(1)), num(1), num(3)))),
        ),
    )
    total = Fold("sum", (("t", t),), At(Var("gain"), (Var("t"),), (t,)))
    game = Diagram(
        "Trade",
        boxes=(
            b.compute("start", num(1), level),
            Loop("l", (("t", t),), body, (), (Carry("x", level, "start", "after"),), (("gain", "gain"),), (), ("money",)),
            b.compute("money", total),
        ),
    )
    found = dynamic_programming(b.program(game), game)
    assert found.value == 3
    text = found.to_game("best")
    assert text.startswith("strategy best of Trade {\n    solo.m = if t <= 1 then ")
    assert text.endswith("}\n")


def test_a_decider_that_does_not_see_the_state_is_declined_by_name():
    game = battery(3, False, moves=STEPS)
    loop = game.boxes[1]
    blind = replace(loop.body.boxes[0], seeing=("t",))
    body = replace(loop.body, boxes=(blind, *loop.body.boxes[1:]))
    game = replace(game, boxes=(game.boxes[0], replace(loop, body=body), game.boxes[2]))
    with pytest.raises(Refusal, match="does not see `soc`"):
        dynamic_programming(with_prices(game, [1, 2, 3]), game, exact=False)


def test_what_is_no_loop_or_has_two_deciders_is_declined():
    assert "no carrying loop" in planning.accepts(b.dilemma())
    assert "more than one player" in planning.accepts(b.repeated(3))


def test_moves_that_are_as_good_but_for_rounding_make_one_plan():
    # from the second hour on the price is 95 $/MWh, so any ask below sells, and energy that is kept is worth as much later
    model = loads("""
    use std.energy: MW, MWh, h
    player operator, owner
    type Ask = {10, 30, 45, 60, 94, 120 $/MWh}
    game Clear(load: real MW) -> (price: real $/MWh) {
        decide low: real MW, high: real MW by operator
            seeing  load
            earning -(20 $/MWh * low + 95 $/MWh * high)
            subject to { balance: load == low + high
                         cheap_one: 0 MW <= low <= 100 MW
                         dear_one: 0 MW <= high }
        price = dual(balance)
    }
    game Believed {
        for t in 1..4 carrying soc = 80 MWh {
            decide ask: Ask by owner seeing t, soc earning profit
            price ~ Clear(if t <= 1 then 80 MW else 110 MW)
            out = if ask <= price then min(40 MW, soc / 1 h) else 0 MW
            margin = price * out * 1 h
            next soc = soc - out * 1 h
        }
        profit = sum(margin[t] for t in 1..4)
    }
    query plan = best_response(Believed, owner) by dynamic_programming
    """)
    assert "owner.ask = if t <= 1 then 30 $/MWh else 10 $/MWh\n" in model.query("plan").to_game()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(-3, 3), min_size=9, max_size=9),
    st.lists(st.integers(0, 2), min_size=9, max_size=9),
    st.lists(st.integers(0, 2), min_size=9, max_size=9),
)
def test_arrays_agree_with_rationals_on_random_decision_problems(gains, heads, tails):
    t, state, move = b.grid(1, 3), b.grid(0, 2), b.grid(0, 2)
    keys, types = (Var("x"), Var("m")), (state, move)
    table = lambda cells: Select(keys, types, tuple(num(c) for c in cells))  # noqa: E731
    body = Diagram(
        "body",
        inputs=(Port("t", t), Port("x", state)),
        outputs=(Port("gain", REAL), Port("after", state)),
        expects=(Port("sum", REAL),),
        boxes=(
            b.decide("m", move, "solo", ("t", "x"), "sum"),
            Draw(Port("c", b.BOOL), Uniform(b.BOOL)),
            b.compute("gain", table(gains)),
            b.compute("after", If(Var("c"), table(heads), table(tails)), state),
        ),
    )
    loop = Loop("l", (("t", t),), body, (), (Carry("x", state, "start", "after"),), (("gain", "gain"),), (), ("sum",))
    game = Diagram("Problem", boxes=(b.compute("start", num(0), state), loop, b.total("sum", "gain", t)))
    program = b.program(game, delta=F(1, 2))
    exact = dynamic_programming(program, game, exact=True)
    fast = dynamic_programming(program, game, exact=False)
    assert abs(float(exact.value) - fast.value) < 1e-9
    assert value(program, game, fast).of("solo") == exact.value
    assert Const(True).value
