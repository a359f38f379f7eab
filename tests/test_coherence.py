"""Coherence: certificates always check, and agree with linear programs over all worlds, with z3, and with brute force."""

from __future__ import annotations

from fractions import Fraction as F
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opengames.diagnostics import Refusal
from opengames.dsl.check import check
from opengames.evaluate import evaluate
from opengames.solvers.coherence import (
    Coherent,
    Incoherent,
    Quote,
    Worlds,
    bounds,
    check_quotes,
    posted,
    quote,
    ticket,
)
from opengames.solvers.coherence.book import open_book
from opengames.solvers.coherence.certificates import NotACertificate, check_layers, check_stakes
from opengames.solvers.coherence.layers import find
from opengames.solvers.coherence.smallest import hitting
from opengames.spaces import BOOL
from opengames.terms import Const, Prim, Var

NAMES = ("a", "b", "c")
FREE = Worlds(tuple((n, BOOL) for n in NAMES))
ALL = [dict(zip(NAMES, values, strict=True)) for values in product((False, True), repeat=3)]

atoms = st.sampled_from([Var(n) for n in NAMES])
events = st.recursive(
    atoms,
    lambda e: st.one_of(
        st.tuples(e, e).map(lambda p: Prim("and", p)),
        st.tuples(e, e).map(lambda p: Prim("or", p)),
        e.map(lambda p: Prim("not", (p,))),
    ),
    max_leaves=4,
)
tenths = st.integers(0, 10).map(lambda k: F(k, 10))


def holds(term, world):
    return evaluate(term, world, {}, {})


def happens(term):
    return any(holds(term, w) for w in ALL)


@st.composite
def quote_sets(draw, conditional=True, most=5):
    found = []
    for i in range(draw(st.integers(1, most))):
        event = draw(events)
        condition = draw(st.none() | events.filter(happens)) if conditional else None
        low, high = sorted((draw(tenths), draw(tenths)))
        sides = draw(st.sampled_from(["both", "one", "bid", "ask"]))
        bid, ask = {"both": (low, high), "one": (low, low), "bid": (low, None), "ask": (None, high)}[sides]
        found.append(Quote(f"q{i}", event, condition, bid, ask))
    return found


def verified(worlds, answer):
    """The answer, once its certificate has been checked by hand: every world, the definition, nothing shared."""
    every = [w for w in ALL if all(holds(t, w) for t in worlds.such_that)]
    if isinstance(answer, Coherent):
        check_layers(worlds, answer.quotes, answer.layers)
        first = {tuple(w): c for w, c in answer.distribution}
        assert sum(first.values()) == 1 and min(first.values()) > 0
        return True
    on, gains = 0, []
    for w in every:
        gain, live = F(0), False
        for s in answer.stakes:
            if s.quote.given is None or holds(s.quote.given, w):
                live = True
                gain += s.tickets * (int(holds(s.quote.event, w)) - s.price)
        on += live
        gains += [gain] if live else []
    assert min(gains) == answer.win > 0 and on == answer.wins.on
    return False


# ------------------------------------------------------------------------------ independent oracles


def linear_program(quotes):
    """Coherence of unconditional quotes by one feasibility program over all eight worlds."""
    from scipy.optimize import linprog

    upper, right = [], []
    for q in quotes:
        row = [float(holds(q.event, w)) for w in ALL]
        if q.ask is not None:
            upper.append(row)
            right.append(float(q.ask))
        if q.bid is not None:
            upper.append([-v for v in row])
            right.append(-float(q.bid))
    done = linprog([0.0] * 8, A_ub=upper, b_ub=[r + 1e-12 for r in right], A_eq=[[1.0] * 8], b_eq=[1.0], method="highs")
    return done.status == 0


def by_z3(quotes):
    """Coherence with conditions, as a search for stakes: some subset is bet on, and wins wherever one of it is on."""
    import z3

    for count in range(1, len(quotes) + 1):
        for some in combinations(quotes, count):
            solver = z3.Solver()
            amounts = [z3.Real(f"s{i}") for i in range(count)]
            gains = {i: z3.RealVal(0) for i in range(len(ALL))}
            live = set()
            for q, s in zip(some, amounts, strict=True):
                if q.ask is None:
                    solver.add(s <= 0)
                if q.bid is None:
                    solver.add(s >= 0)
                for i, w in enumerate(ALL):
                    if q.given is None or holds(q.given, w):
                        live.add(i)
                        pays = int(holds(q.event, w))
                        buy = F(pays) - (q.ask or 0)
                        sell = F(pays) - (q.bid or 0)
                        gains[i] = gains[i] + z3.If(s > 0, s * z3.Q(buy.numerator, buy.denominator),
                                                    s * z3.Q(sell.numerator, sell.denominator))  # fmt: skip
            solver.add([gains[i] > 0 for i in live])
            if solver.check() == z3.sat:
                return False
    return True


@settings(max_examples=60)
@given(quote_sets(conditional=False))
def test_quotes_on_events_are_judged_as_a_linear_program_over_all_worlds_judges_them(quotes):
    assert verified(FREE, check_quotes(FREE, quotes)) == linear_program(quotes)


@settings(max_examples=40)
@given(quote_sets(most=3))
def test_quotes_with_conditions_are_judged_as_z3_judges_them_by_the_definition(quotes):
    assert verified(FREE, check_quotes(FREE, quotes)) == by_z3(quotes)


@settings(max_examples=30)
@given(quote_sets(most=4))
def test_the_smallest_incoherent_subset_is_that_of_trying_every_subset(quotes):
    answer = check_quotes(FREE, quotes)
    if isinstance(answer, Incoherent):
        sizes = [
            len(some)
            for count in range(1, len(quotes) + 1)
            for some in combinations(quotes, count)
            if isinstance(check_quotes(FREE, some, smallest=False), Incoherent)
        ]
        assert answer.smallest == "smallest" and len(answer.names) == min(sizes)


@settings(max_examples=30)
@given(st.lists(events, min_size=1, max_size=6), st.lists(st.integers(0, 20), min_size=8, max_size=8).filter(any),
       st.lists(events.filter(happens), min_size=6, max_size=6))  # fmt: skip
def test_prices_taken_from_a_distribution_are_coherent(some, weights, conditions):
    total = sum(weights)
    quotes = []
    for i, (event, condition) in enumerate(zip(some, conditions, strict=False)):
        quotes.append(Quote(f"p{i}", event, None, *[F(sum(k for k, w in zip(weights, ALL, strict=True) if holds(event, w)), total)] * 2))
        mass = sum(k for k, w in zip(weights, ALL, strict=True) if holds(condition, w))
        if mass:
            both = sum(k for k, w in zip(weights, ALL, strict=True) if holds(condition, w) and holds(event, w))
            quotes.append(Quote(f"c{i}", event, condition, *[F(both, mass)] * 2))
    assert verified(FREE, check_quotes(FREE, quotes))


@settings(max_examples=30)
@given(events, events, tenths, tenths, st.integers(1, 9))
def test_a_planted_dutch_book_is_found(a, b, p, q, extra):
    """Prices of `a and b` and `a or b` must add up to those of `a` and `b`; these miss by a tenth or more."""
    both = F(extra, 10)
    either = p + q - both + (F(1, 10) if p + q - both < F(9, 10) else -F(1, 10))
    if not 0 <= either <= 1:
        return
    quotes = [quote(a, p, name="a"), quote(b, q, name="b"), quote(Prim("and", (a, b)), both, name="and"),
              quote(Prim("or", (a, b)), either, name="or")]  # fmt: skip
    assert not verified(FREE, check_quotes(FREE, quotes))


# ------------------------------------------------------------------------------ bounds


@settings(max_examples=25)
@given(tenths, tenths)
def test_bounds_of_two_events_are_those_of_frechet(p, q):
    quotes = [quote(Var("a"), p, name="a"), quote(Var("b"), q, name="b")]
    both = bounds(FREE, quotes, Prim("and", (Var("a"), Var("b"))), name="both")
    either = bounds(FREE, quotes, Prim("or", (Var("a"), Var("b"))), name="either")
    assert (both.low.value, both.high.value) == (max(F(0), p + q - 1), min(p, q))
    assert (either.low.value, either.high.value) == (max(p, q), min(F(1), p + q))


@settings(max_examples=30)
@given(quote_sets(conditional=False, most=4), events)
def test_bounds_are_those_of_a_linear_program_over_all_worlds(quotes, event):
    from scipy.optimize import linprog

    if not linear_program(quotes):
        with pytest.raises(Refusal, match="nothing follows"):
            bounds(FREE, quotes, event, name="it")
        return
    upper, right = [], []
    for q in quotes:
        row = [float(holds(q.event, w)) for w in ALL]
        for side, sign in ((q.ask, 1), (q.bid, -1)):
            if side is not None:
                upper.append([sign * v for v in row])
                right.append(sign * float(side))
    cost = [float(holds(event, w)) for w in ALL]
    found = bounds(FREE, quotes, event, name="it")
    for sign, end in ((1, found.low), (-1, found.high)):
        done = linprog([sign * c for c in cost], A_ub=upper, b_ub=right, A_eq=[[1.0] * 8], b_eq=[1.0], method="highs")
        assert float(end.value) == pytest.approx(sign * done.fun, abs=1e-9)


@settings(max_examples=25)
@given(quote_sets(most=3), events, events.filter(happens), tenths)
def test_a_price_is_coherent_with_the_quotes_exactly_if_it_lies_within_the_bounds(quotes, event, condition, value):
    if isinstance(check_quotes(FREE, quotes, smallest=False), Incoherent):
        return
    found = bounds(FREE, quotes, event, condition, name="it")
    for each in (value, found.low.value, found.high.value):
        more = [*quotes, Quote("it", event, condition, each, each)]
        assert check_quotes(FREE, more, smallest=False).coherent == (each in found)


def test_what_boole_asked_of_five_quotes():
    """Boole, Laws of Thought (1854): the challenge problem; the bounds are Hailperin's (1986).

    P(x) = c1, P(y) = c2, P(z | x) = p1, P(z | y) = p2 and z never without x or y: the chance of z lies between
    max(c1 p1, c2 p2) and min(1 - c1 (1 - p1), 1 - c2 (1 - p2), c1 p1 + c2 p2).
    """
    worlds = Worlds.over(["not z or x or y"], x=bool, y=bool, z=bool)
    c1, c2, p1, p2 = F(1, 10), F(2, 10), F(6, 10), F(9, 10)
    quotes = [quote("x", c1), quote("y", c2), quote("z", p1, given="x"), quote("z", p2, given="y")]
    found = bounds(worlds, quotes, "z")
    assert found.low.value == max(c1 * p1, c2 * p2)
    assert found.high.value == min(1 - c1 * (1 - p1), 1 - c2 * (1 - p2), c1 * p1 + c2 * p2)


def test_suppes_chain_of_conditionals():
    """Suppes, Probabilistic inference and the concept of total evidence (1966): from P(a) >= r and P(b | a) >= s, P(b) >= r s."""
    quotes = [quote("a", bid=".8"), quote("b", bid=".9", given="a")]
    assert bounds(WORDS, quotes, "b").low.value == F(72, 100)


def test_modus_ponens_without_a_price_of_the_premise_says_nothing():
    assert bounds(WORDS, [quote("b", ".9", given="a")], "b") .low.value == 0


WORDS = Worlds.over(a=bool, b=bool, c=bool)


# ------------------------------------------------------------------------------ bets that are called off


def test_a_condition_without_a_chance_is_judged_by_itself():
    """De Finetti: a conditional price binds even where its condition has chance 0."""
    fine = [quote("a", 0), quote("b", ".7", given="a"), quote("not b", ".3", given="a")]
    answer = check_quotes(WORDS, fine)
    assert isinstance(answer, Coherent) and len(answer.layers) == 2
    wrong = [quote("a", 0), quote("b", ".7", given="a"), quote("not b", ".4", given="a")]
    answer = check_quotes(WORDS, wrong)
    assert isinstance(answer, Incoherent) and answer.names == ("b | a", "not b | a")
    assert "every bet is called off and its stake returned" in str(answer)


def test_the_product_rule_is_forced_by_bets_that_are_called_off():
    """De Finetti (1937): P(a and b) = P(a) P(b | a), or else there are stakes."""
    prices = [quote("a", ".5"), quote("b", ".4", given="a")]
    assert check_quotes(WORDS, [*prices, quote("a and b", ".2")]).coherent
    answer = check_quotes(WORDS, [*prices, quote("a and b", ".25")])
    assert isinstance(answer, Incoherent) and len(answer.names) == 3
    both = bounds(WORDS, prices, "a and b")
    assert both.low.value == both.high.value == F(1, 5)


def test_a_conditional_that_may_be_settled_later_is_bound_by_nothing():
    """If P(a) may be 0, then P(a and c) = 0 says nothing about c given a; if it may not, everything."""
    may = [quote("a", bid=0, ask=".5"), quote("a and c", 0)]
    must = [quote("a", bid=".1", ask=".5"), quote("a and c", 0)]
    assert (bounds(WORDS, may, "c", "a").low.value, bounds(WORDS, may, "c", "a").high.value) == (0, 1)
    assert bounds(WORDS, must, "c", "a").high.value == 0


def test_a_hedge_wins_also_where_its_own_bets_are_on_and_the_ticket_is_called_off():
    """The proof of such a bound has a second part, which must cover every bet of the first."""
    quotes = [quote("not b", bid=0), quote("a and b", bid="1/2"), quote("a and b and c", bid="1/7", given="a and c"),
              quote("c", bid="1/3", ask="4/7", given="a")]  # fmt: skip
    found = bounds(WORDS, quotes, "c", "not (b and c)")
    for value, inside in ((found.low.value, True), (found.high.value, True), (F(1, 2), F(1, 2) in found)):
        more = [*quotes, quote("c", value, given="not (b and c)", name="it")]
        assert check_quotes(WORDS, more, smallest=False).coherent == inside


# ------------------------------------------------------------------------------ reports


def test_the_report_of_quotes_typed_in_by_hand():
    text = """
    type Ticket = Congested | Short | Both | Either
    type World = (binds: bool, scarce: bool, outage: bool)
    fun pays(ticket: Ticket, w: World) -> bool = match ticket {
        Congested => w.binds, Short => w.scarce, Both => w.binds and w.scarce, Either => w.binds or w.scarce,
    }
    param posted: prob[Ticket] = [Congested: 20%, Short: 15%, Both: 10%, Either: 30%]
    """
    program = check(text, "posted.game").program
    answer = check_quotes(*posted(program, "posted", "pays"))
    assert answer.lines()[1:] == [
        "   buy 10 Congested at 20%, buy 10 Short at 15%, sell 10 Both at 10%, sell 10 Either at 30%",
        "   collects 0.50 $ now and pays 0 $ in every one of the 8 worlds",
        "   = Both + Either must equal Congested + Short: 40% is not 35%",
    ]
    assert answer.to_dict()["win"] == "1/2" and "Congested" in answer._repr_html_()


def test_a_price_of_both_above_that_of_one_is_told_as_such():
    answer = check_quotes(WORDS, [quote("a", ".2"), quote("a and b", ".3"), quote("c", ".5")])
    assert answer.lines()[1:] == [
        "   buy 10 a at 20%, sell 10 a and b at 30%",
        "   collects 1 $ now and never pays more than 0 $ in any of the 8 worlds",
        "   = a and b is never worth more than a: 30% is more than 20%",
        "   2 of the 3 quotes are to blame; no fewer are incoherent",
    ]


def test_a_bookmaker_with_odds_too_long_pays_for_certain():
    """Odds to back are asks: three of them that add up to less than 1 are a sure win."""
    worlds = Worlds.over(winner=("Home", "Draw", "Away"))
    odds = [("Home", "2:1"), ("Draw", 4), ("Away", "3:1")]
    answer = check_quotes(worlds, [quote(f"winner == {w}", back=o) for w, o in odds])
    assert isinstance(answer, Incoherent) and answer.win == F(10) - 10 * (F(1, 3) + F(1, 4) + F(1, 4))
    assert check_quotes(worlds, [quote(f"winner == {w}", back=o) for w, o in [("Home", "1:1"), *odds[1:]]]).coherent


def test_tickets_on_numbers_are_judged_too():
    worlds = Worlds.over(price=(0, 50, 100))
    spot, call = ticket("price", 40, name="spot"), ticket("max(price - 50, 0)", 25, name="call")
    answer = check_quotes(worlds, [spot, call])
    assert isinstance(answer, Incoherent)
    assert "call is never worth more than" in str(answer) and "25 $" in str(answer)
    assert bounds(worlds, [spot], "max(price - 50, 0)", number=True).high.value == 20


def test_worlds_of_a_channel_are_those_it_can_reach():
    text = "channel day() -> (wet: bool, cold: bool) { wet ~ bernoulli(30%)  cold = wet }"
    worlds = Worlds.of(text, "day")
    answer = check_quotes(worlds, [quote("wet", ".3"), quote("cold", ".4")])
    assert isinstance(answer, Incoherent) and answer.wins.worlds == 2
    assert check_quotes(Worlds.over(wet=bool, cold=bool), [quote("wet", ".3"), quote("cold", ".4")]).coherent
    with pytest.raises(Refusal, match="cannot happen"):
        check_quotes(worlds, [quote("wet", ".3", given="cold and not wet")])


# ------------------------------------------------------------------------------ certificates that are none


def test_a_tampered_certificate_is_refused():
    read = WORDS.read([quote("a", ".3"), quote("b", ".4", given="a")])
    answer = check_quotes(WORDS, read)
    check_layers(WORDS, read, answer.layers)
    (world, chance), *rest = answer.layers[0]
    for wrong in ([[(world, chance / 2), *rest]], [rest], [[(world, chance + F(1, 10)), *rest]], []):
        with pytest.raises(NotACertificate):
            check_layers(WORDS, read, wrong)
    both = WORDS.read([quote("a", ".3"), quote("not a", ".6")])
    check_stakes(WORDS, [(q, F(1)) for q in both])
    for stakes in ([(both[0], F(1))], [(both[0], F(1)), (both[1], F(-1))], []):
        with pytest.raises(NotACertificate):
            check_stakes(WORDS, stakes)
    with pytest.raises(NotACertificate, match="nobody"):
        check_stakes(WORDS, [(Quote("a", Var("a"), None, None, F(1, 3)), F(-1))])


def test_a_world_that_the_constraints_exclude_is_no_certificate():
    worlds = Worlds.over(["a or b"], a=bool, b=bool)
    q = worlds.read([quote("a", 0)])
    nowhere = ((("a", False), ("b", False)), F(1))
    with pytest.raises(NotACertificate, match="cannot happen"):
        check_layers(worlds, q, [[nowhere]])


def test_smallest_hitting_sets_are_smallest():
    sets = [frozenset(s) for s in ({1, 2}, {2, 3}, {3, 4}, {4, 1}, {5})]
    assert len(hitting(sets, 5)) == 3 and hitting(sets, 2) is None and hitting([], 4) == frozenset()


# ------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: quote("a", 20), "outside-type"),
        (lambda: quote("a", "120%"), "outside-type"),
        (lambda: quote("a", -0.1), "outside-type"),
        (lambda: quote("a", bid=".4", ask=".3"), "outside-type"),
        (lambda: quote("a", odds="0:0"), "outside-type"),
        (lambda: quote("a", odds=0), "outside-type"),
        (lambda: quote("a", odds=0.5), "outside-type"),
        (lambda: quote("a", "often"), "bad-param-value"),
        (lambda: quote("a", float("nan")), "bad-param-value"),
        (lambda: quote("a"), "bad-param-value"),
        (lambda: quote("a", ".2", bid=".1"), "bad-param-value"),
        (lambda: check_quotes(WORDS, [quote("a", ".2"), quote("a", ".3")]), "duplicate-name"),
        (lambda: check_quotes(WORDS, [quote("d", ".2")]), "unknown-name"),
        (lambda: check_quotes(FREE, [quote(Var("d"), ".2", name="d")]), "unknown-wire"),
        (lambda: check_quotes(WORDS, [quote("a +", ".2")]), "unexpected-token"),
        (lambda: check_quotes(WORDS, [quote("b", ".2", given="a and not a")]), "impossible-evidence"),
        (lambda: check_quotes(Worlds.over(["a", "not a"], a=bool), [quote("a", ".2")]), "impossible-evidence"),
        (lambda: Worlds.of("channel f(x: bool) -> (y: bool) { y = x }", "f"), "needs-inputs"),
        (lambda: Worlds.of("channel f() -> (y: bool) { y ~ bernoulli(1/2) }", "g"), "unknown-game"),
    ],
)
def test_what_is_wrong_is_refused_by_name(make, code):
    with pytest.raises(Refusal) as refused:
        make()
    assert code in [d.code for d in refused.value.diagnostics]


def test_odds_and_prices_are_read_exactly():
    assert quote("a", odds="3:1").ask == F(1, 4) and quote("a", odds=4).ask == F(1, 4)
    assert quote("a", odds="1:3").ask == F(3, 4) and quote("a", 0.1).ask == F(1, 10)
    assert quote("a", "33.3%").ask == F(333, 1000) and quote("a", "1/3").shown == "1/3"
    laid = quote("a", back=4, lay="5:1")
    assert (laid.bid, laid.ask) == (F(1, 6), F(1, 4))


# ------------------------------------------------------------------------------ many columns


def test_the_exact_program_is_reached_when_the_rough_one_is_no_help(monkeypatch):
    """The floating-point solver only helps: without it the answers are the same."""
    from opengames.solvers.coherence import layers

    sets = [
        [quote("a", ".3"), quote("b", ".5"), quote("a or b", ".6")],
        [quote("a", ".3"), quote("b", ".5"), quote("a or b", ".9")],
        [quote("a", "1/3"), quote("b", "1/7", given="a"), quote("a and b", "1/21")],
    ]
    usual = [check_quotes(WORDS, s) for s in sets]
    monkeypatch.setattr(layers, "roughly", lambda *_: None)
    alone = [check_quotes(WORDS, s) for s in sets]
    assert [a.coherent for a in usual] == [a.coherent for a in alone] == [True, False, True]
    assert alone[1].win > 0


def test_a_book_merges_worlds_in_which_every_ticket_does_the_same():
    worlds = Worlds(tuple((f"e{i}", BOOL) for i in range(12)))
    some = [quote(Var("e0"), ".5", name="x"), quote(Prim("or", (Var("e0"), Var("e11"))), ".6", name="y")]
    everything = [quote(Prim("and", (Var(f"e{i}"), Const(False))), 0, name=f"z{i}") for i in range(12)]
    book = open_book(worlds, [*some, *everything])
    assert len(book.among) == 4096 and book.columns == 3
    assert find(book).coherent
