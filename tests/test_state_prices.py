"""Values, hedges, options, sensitivities and arbitrage, against closed forms, sums over worlds and linear programs."""

from __future__ import annotations

from fractions import Fraction as F
from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opengames.diagnostics import Refusal
from opengames.evaluate import evaluate
from opengames.solvers.coherence import Quote, Worlds, bounds, check_quotes, quote, ticket
from opengames.solvers.coherence.arbitrage import against_maker, size_arbitrage
from opengames.solvers.coherence.implied import implied
from opengames.solvers.coherence.options import (
    butterfly,
    call,
    call_quotes,
    digital,
    implied_chances,
    put,
    spread,
)
from opengames.solvers.coherence.sensitivity import by_param
from opengames.solvers.coherence.state_prices import hedge, value, values
from opengames.spaces import BOOL, Grid
from opengames.terms import Prim, Var

GRID = """
type Load = Low | High
param outages: prob = 5%
fun cost(load: Load, binds: bool) -> real = match load { Low => 1, High => if binds then 10 else 4 }
channel grid() -> (load: Load, outage: bool, binds: bool) {
    load   ~ {Low: 60%, High: 40%}
    outage ~ bernoulli(outages)
    binds  ~ bernoulli(if load == High then (if outage then 90% else 30%) else (if outage then 20% else 5%))
}
"""
MARKET = Worlds.of(GRID, "grid")
POINTS = tuple(F(p) for p in (0, 20, 30, 50, 80))
BUCKETS = Worlds((("price", Grid(POINTS)),))

chances = st.lists(st.integers(0, 9), min_size=5, max_size=5).filter(any).map(lambda w: [F(k, sum(w)) for k in w])


def expected(term, q):
    return sum((c * evaluate(term, {"price": x}, {}, {}) for x, c in zip(POINTS, q, strict=True)), F(0))


# ------------------------------------------------------------------------------ values


def test_a_value_is_the_discounted_sum_over_worlds():
    binds = {("Low", False): F(5, 100), ("Low", True): F(20, 100), ("High", False): F(30, 100), ("High", True): F(90, 100)}
    load, outage = {"Low": F(6, 10), "High": F(4, 10)}, {True: F(5, 100), False: F(95, 100)}
    total = F(0)
    for (at, out), p in binds.items():
        for hit, chance in ((True, p), (False, 1 - p)):
            total += load[at] * outage[out] * chance * (1 if at == "Low" else 10 if hit else 4)
    assert value(MARKET, "cost(load, binds)", discount=".95").amount == F(95, 100) * total
    one, other = values(MARKET, ["ind(outage)", "ind(outage and binds)"], "binds")
    assert other.amount == one.amount == value(MARKET, "ind(outage)", "binds").amount


def test_what_cannot_be_valued_is_refused():
    with pytest.raises(Refusal, match="probability 0"):
        value(MARKET, "ind(binds)", "outage and not outage")
    with pytest.raises(Refusal, match="discount"):
        value(MARKET, "ind(binds)", discount=0)
    with pytest.raises(ValueError, match="no chances"):
        value(BUCKETS, "price")


# ------------------------------------------------------------------------------ hedges


@settings(max_examples=15)
@given(chances, st.sampled_from(POINTS[1:4]), st.integers(80, 100))
def test_put_call_parity_holds_in_every_hedge(q, strike, cents):
    """call - put = spot - strike, so a put is replicated by a call, the spot sold short, and cash."""
    factor = F(cents, 100)
    spot = ticket(Var("price"), factor * expected(Var("price"), q), name="spot")
    option = ticket(call("price", strike), factor * expected(call("price", strike), q), name="call")
    found = hedge(BUCKETS, [spot, option], put("price", strike), discount=factor, name="put")
    assert found.exact and found.above.cost == factor * expected(put("price", strike), q)
    assert found.above.cost == option.ask - spot.ask + factor * strike


@settings(max_examples=15)
@given(chances, st.sampled_from(POINTS), st.sampled_from(POINTS))
def test_a_portfolio_never_pays_less_above_nor_more_below_and_both_are_tight(q, strike, other):
    from scipy.optimize import linprog

    tickets = [ticket(Var("price"), expected(Var("price"), q), name="spot"),
               ticket(call("price", strike), bid=expected(call("price", strike), q) - F(1, 2),
                      ask=expected(call("price", strike), q) + F(1, 2), name="call")]  # fmt: skip
    payoff = digital("price", other)
    found = hedge(BUCKETS, tickets, payoff, name="digital")
    for x in POINTS:
        pays = evaluate(payoff, {"price": x}, {}, {})
        for side, portfolio in ((1, found.above), (-1, found.below)):
            held = portfolio.cash + sum(s.tickets * evaluate(s.quote.event, {"price": x}, {}, {}) for s in portfolio.tickets)
            assert side * (held - pays) >= 0
    rows = np.array([[float(evaluate(t.event, {"price": x}, {}, {})) for x in POINTS] for t in tickets])
    cost = np.array([float(evaluate(payoff, {"price": x}, {}, {})) for x in POINTS])
    for sign, portfolio in ((1, found.below), (-1, found.above)):
        done = linprog(sign * cost, A_ub=[rows[1], -rows[1]], b_ub=[float(tickets[1].ask), -float(tickets[1].bid)],
                       A_eq=[rows[0], np.ones(5)], b_eq=[float(tickets[0].ask), 1.0], method="highs")  # fmt: skip
        assert float(portfolio.cost) == pytest.approx(sign * done.fun, abs=1e-8)


def test_a_hedge_is_told_in_tickets_and_cash():
    spot = ticket(Var("price"), 40, name="spot")
    assert hedge(BUCKETS, [spot], Prim("+", (Var("price"), Var("price"))), name="two").lines() == [
        "two is worth 80 $", "   it pays what 2 spot pays",
    ]  # fmt: skip
    told = hedge(BUCKETS, [spot], call("price", 50), name="call").lines()
    assert told == ["call is worth from 0 $ to 15 $", "   it never pays less than 0 $ in cash",
                    "   it never pays more than 0.375 spot"]  # fmt: skip


def test_a_hedge_in_bets_that_may_be_called_off_is_refused():
    two = Worlds.over(a=bool, b=bool)
    with pytest.raises(Refusal, match="called off"):
        hedge(two, [quote("a", ".5", given="b")], "ind(a)")
    with pytest.raises(Refusal, match="nothing follows"):
        hedge(two, [quote("a", ".5"), quote("not a", ".6")], "ind(a)")


# ------------------------------------------------------------------------------ options


@settings(max_examples=40)
@given(chances, st.integers(50, 100))
def test_prices_of_calls_give_back_the_distribution_that_made_them(q, cents):
    factor = F(cents, 100)
    prices = {k: factor * expected(call("price", k), q) for k in POINTS[:-1]}
    assert implied_chances(BUCKETS, "price", prices, factor) == dict(zip(POINTS, q, strict=True))


@settings(max_examples=30)
@given(chances)
def test_a_butterfly_around_neighbouring_values_is_a_ticket_on_the_middle_one(q):
    fly = butterfly("price", 20, 30, 50)
    assert [evaluate(fly, {"price": x}, {}, {}) for x in POINTS] == [0, 0, 1, 0, 0]
    assert expected(fly, q) == q[2]
    assert expected(spread("price", 20, 50), q) == expected(call("price", 20), q) - expected(call("price", 50), q)
    assert expected(digital("price", 50), q) == q[3] + q[4]


def test_calls_that_are_not_convex_are_a_butterfly_that_wins():
    prices = {0: 40, 20: 24, 30: 23, 50: 8}
    with pytest.raises(Refusal, match="the chance"):
        implied_chances(BUCKETS, "price", prices)
    answer = check_quotes(BUCKETS, call_quotes("price", prices))
    assert not answer.coherent and "sell" in str(answer) and answer.win > 0
    with pytest.raises(Refusal, match="no price of the call"):
        implied_chances(BUCKETS, "price", {0: 40, 20: 24})
    with pytest.raises(ValueError, match="rise"):
        butterfly("price", 20, 20, 30)


# ------------------------------------------------------------------------------ implied distributions


def test_the_dice_of_jaynes():
    """Jaynes, Where do we stand on maximum entropy? (1978): a die of mean 4.5 has these chances."""
    die = Worlds((("die", Grid(tuple(map(F, range(1, 7))))),))
    found = implied(die, [ticket(Var("die"), "4.5", name="mean")])
    by_face = {world[0][1]: chance for world, chance in found.chances}
    wanted = (0.05435, 0.07877, 0.11416, 0.16545, 0.23977, 0.34749)
    assert [by_face[F(k)] for k in range(1, 7)] == pytest.approx(wanted, abs=5e-6)
    assert found.miss < 1e-9 and found.gap < 1e-9


@settings(max_examples=20)
@given(st.integers(1, 9), st.integers(1, 9))
def test_nothing_said_of_two_events_together_leaves_them_independent(i, j):
    two = Worlds((("a", BOOL), ("b", BOOL)))
    found = implied(two, [quote(Var("a"), F(i, 10), name="a"), quote(Var("b"), F(j, 10), name="b")])
    assert found.value(Prim("and", (Var("a"), Var("b")))) == pytest.approx(i * j / 100, abs=1e-9)


def test_a_prior_that_agrees_already_is_left_alone():
    found = implied(MARKET, [quote("outage", bid="1%", ask="10%")])
    assert found.divergence == pytest.approx(0, abs=1e-12)
    moved = implied(MARKET, [quote("outage", "50%")], ["ind(binds)"])
    given_outage, given_none = (float(value(MARKET, "ind(binds)", c)) for c in ("outage", "not outage"))
    assert moved.value("ind(binds)") == pytest.approx((given_outage + given_none) / 2)
    assert moved.divergence == pytest.approx(0.5 * log(0.5 / 0.05) + 0.5 * log(0.5 / 0.95))
    inside = bounds(MARKET, [quote("outage", "50%")], "binds")
    assert inside.low.value <= moved.value("ind(binds)") <= inside.high.value


# ------------------------------------------------------------------------------ sensitivities


def test_derivatives_by_a_chance_are_exact():
    found = by_param(MARKET, "ind(binds)", "outages")
    slope = F(60, 100) * (F(20, 100) - F(5, 100)) + F(40, 100) * (F(90, 100) - F(30, 100))
    assert (found.delta, found.gamma, found.degree) == (slope, 0, 1)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 10), st.integers(1, 5))
@settings(max_examples=8, deadline=None)
def test_derivatives_given_a_condition_are_those_of_the_quotient(wet, other, at, paid):
    """Bayes' rule, differentiated by hand: f = u / d with u = paid p a and d = p a + (1 - p) b."""
    text = f"""
    param p: prob = {at * 10}%
    channel day() -> (wet: bool, seen: bool) {{
        wet ~ bernoulli(p)   seen ~ bernoulli(if wet then {wet * 10}% else {other * 10}%)
    }}"""
    a, b, p = F(wet, 10), F(other, 10), F(at, 10)
    d, slope = p * a + (1 - p) * b, a - b
    found = by_param(Worlds.of(text, "day"), f"if wet then {paid} else 0", "p", "seen", discount="0.5")
    first = F(paid, 2) * a * b / d**2
    assert (found.value, found.delta, found.gamma) == (F(paid, 2) * p * a / d, first, -2 * first * slope / d)
    assert found.degree == 1 and found.over == (1 if slope else 0) and "exact" in str(found)


def test_derivatives_of_a_polynomial_and_of_what_is_none():
    text = """
    param p: prob = 30%
    param k: real = 2
    channel day() -> (wet: bool, cold: bool, x: real) {
        wet ~ bernoulli(p)   cold ~ bernoulli(if wet then p else p * p)   x = exp(k)
    }"""
    day = Worlds.of(text, "day")
    p = F(3, 10)
    found = by_param(day, "ind(cold)", "p")
    assert (found.value, found.delta, found.gamma, found.degree) == (2 * p**2 - p**3, 4 * p - 3 * p**2, 4 - 6 * p, 3)
    rough = by_param(day, "x", "k")
    assert rough.degree is None and rough.delta == pytest.approx(exp(2), abs=10 * rough.error + 1e-9)
    assert rough.gamma == pytest.approx(exp(2), rel=1e-4) and "numerical" in str(rough)
    edge = by_param(Worlds.of(text, "day", params={"p": F(0)}), "ind(cold)", "p")
    assert (edge.delta, edge.gamma) == (0, 4)
    with pytest.raises(Refusal, match="no param"):
        by_param(day, "x", "q")


KINKED = """
    param k: real = 3
    param p: prob = 50%
    channel day() -> (out: bool, fair: bool) { out ~ bernoulli(p)   fair ~ bernoulli(if p > 1/2 then p else 1 - p) }"""


@pytest.mark.parametrize(
    ("payoff", "param"),
    [("max(k, 3)", "k"), ("abs(k - 3)", "k"), ("ind(out) * max(k - 3, 0)", "k"), ("floor(k)", "k"),
     ("if k == 3 then 5 else 0", "k"), ("abs(k - 3) * exp(k)", "k"), ("ind(fair)", "p")],
)  # fmt: skip
def test_where_the_value_has_a_kink_or_a_jump_there_is_no_derivative(payoff, param):
    with pytest.raises(Refusal, match="has no derivative"):
        by_param(Worlds.of(KINKED, "day"), payoff, param)


@pytest.mark.parametrize(
    ("payoff", "slope"),
    [("if abs(k - 3) < 1/1000 then (k - 3) * 100 else 0", 100), ("abs(k - 3.0001)", -1), ("max(k, 2) ^ 2", 6),
     ("1 / k", -1 / 9), ("abs(k - 3.0001) * exp(k)", exp(3) * (0.0001 - 1))],
)  # fmt: skip
def test_slopes_near_a_kink_are_those_of_its_own_side_and_never_called_exact(payoff, slope):
    found = by_param(Worlds.of(KINKED, "day"), payoff, "k")
    assert found.degree is None and "exact" not in str(found)
    assert float(found.delta) == pytest.approx(slope, abs=found.error + 1e-9 * abs(slope))
    assert found.error < 1e-3


def test_a_replica_holds_as_many_tickets_as_the_value_moves_with_their_price():
    payoff = put("price", 30)
    option = ticket(call("price", 30), 20, name="call")
    held = hedge(BUCKETS, [ticket(Var("price"), 40, name="spot"), option], payoff, name="put").above
    moved = hedge(BUCKETS, [ticket(Var("price"), 41, name="spot"), option], payoff, name="put").above
    assert {s.quote.name: s.tickets for s in held.tickets} == {"spot": -1, "call": 1}
    assert moved.cost - held.cost == -1


# ------------------------------------------------------------------------------ arbitrage


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10), st.integers(0, 5)), min_size=4, max_size=4))
def test_sized_arbitrage_is_that_of_a_linear_program_over_all_worlds(drawn):
    from scipy.optimize import linprog

    two = Worlds((("a", BOOL), ("b", BOOL)))
    a, b = Var("a"), Var("b")
    events = [a, b, Prim("and", (a, b)), Prim("or", (a, b))]
    quotes = [Quote(f"q{i}", e, None, F(min(x, y), 10), F(max(x, y), 10)) for i, (e, (x, y, _)) in enumerate(zip(events, drawn, strict=True))]
    sizes = {f"q{i}": s for i, (_, _, s) in enumerate(drawn)}
    found = size_arbitrage(two, quotes, sizes)
    worlds = [{"a": x, "b": y} for x in (False, True) for y in (False, True)]
    rows = [[-1.0 * (int(evaluate(q.event, w, {}, {})) - float(q.ask)) for q in quotes]
            + [-1.0 * (float(q.bid) - int(evaluate(q.event, w, {}, {}))) for q in quotes] + [1.0] for w in worlds]  # fmt: skip
    done = linprog([0.0] * 8 + [-1.0], A_ub=rows, b_ub=[0.0] * 4, method="highs",
                   bounds=[(0, sizes[q.name]) for q in quotes] * 2 + [(None, None)])  # fmt: skip
    assert float(found.win) == pytest.approx(-done.fun, abs=1e-9)


def test_sizes_are_checked_and_the_report_names_the_worst_worlds():
    spot, option = ticket(Var("price"), 45, name="spot"), ticket(call("price", 50), 30, name="call")
    found = size_arbitrage(BUCKETS, [spot, option], {"spot": 2, "call": 20})
    assert found.win > 0 and "because of" in str(found)
    assert size_arbitrage(BUCKETS, [spot], 3).lines() == ["no stakes win in every world"]
    with pytest.raises(Refusal, match="not quoted"):
        size_arbitrage(BUCKETS, [spot], {"sport": 2})
    with pytest.raises(Refusal, match="less than nothing"):
        size_arbitrage(BUCKETS, [spot], -1)


@settings(max_examples=50)
@given(st.floats(0.02, 0.98), st.floats(0.02, 0.98), st.floats(1, 500))
def test_the_trade_against_a_maker_is_the_best_of_all_sizes(price, outside, depth):
    side = 1 if outside > price else -1
    found = against_maker(quote(Var("a"), outside, name="a"), price, depth)

    def profit(tickets):
        """The maker's cost is the difference of b log(p e^(x/b) + 1 - p)."""
        return outside * tickets - depth * log(1 - price + price * exp(tickets / depth))

    assert found.moved_to == pytest.approx(outside) and found.profit == pytest.approx(profit(found.tickets), abs=1e-9 * depth)
    for factor in (0.5, 0.9, 1.1, 2):
        assert profit(found.tickets * factor) <= found.profit + 1e-9 * depth
    assert found.tickets * side >= 0 and found.profit >= -1e-12 * depth
    half = against_maker(quote(Var("a"), outside, name="a"), price, depth, size=abs(found.tickets) / 2)
    assert half.tickets == pytest.approx(found.tickets / 2)


def test_a_maker_within_the_spread_is_left_alone_and_impossible_makers_are_refused():
    outside = quote(Var("a"), bid=".4", ask=".6", name="a")
    assert against_maker(outside, ".5", 100).tickets == 0
    for price, depth in ((0, 100), (1, 100), (".5", 0), (".5", -1)):
        with pytest.raises(Refusal):
            against_maker(outside, price, depth)
    sure = quote(Var("a"), 1, name="a")
    with pytest.raises(Refusal, match="size"):
        against_maker(sure, ".5", 100)
    assert against_maker(sure, ".5", 100, size=10).profit > 0
