"""Dominance decided part by part, against the normal form and what is known of auctions."""

from __future__ import annotations

from fractions import Fraction as F
from itertools import product

import builders_solving as b
import pytest
from builders_solving import Var, num, op
from hypothesis import given, settings
from hypothesis import strategies as st

from opengames.diagnostics import Refusal
from opengames.diagram import Diagram, Draw, Port
from opengames.dsl.check import check
from opengames.session import loads
from opengames.solvers.dominance import by_parts
from opengames.solvers.equilibria import Dominance, dominant
from opengames.solvers.least import least, samples, total
from opengames.solvers.normal_form import seats
from opengames.spaces import BOOL
from opengames.terms import Select, Uniform

AUCTION = """
type Value = 0..{most} $
type Bid   = 0..{top} $
player ann, bob, cid
fun outcome(value: Value, mine: Bid, x: Bid, y: Bid) -> real $ =
    if mine > max(x, y) then value - {price}
    else if mine < max(x, y) then 0 $
    else if x == y then (value - {price}) / 3
    else (value - {price}) / 2
game Auction {{
    va ~ uniform(Value)
    vb ~ uniform(Value)
    vc ~ uniform(Value)
    decide a: Bid by ann seeing va earning outcome(va, a, b, c)
    decide b: Bid by bob seeing vb earning outcome(vb, b, a, c)
    decide c: Bid by cid seeing vc earning outcome(vc, c, a, b)
}}
query best = dominant(Auction, bob)
"""


def auction(top=3, price="max(x, y)", most=None):
    return AUCTION.format(top=top, price=price, most=top if most is None else most)


def test_bidding_the_value_is_weakly_dominant_among_three_bidders():
    # Vickrey (1961): whatever the others bid, and however many they are.
    found = loads(auction()).query("best").value
    assert found.moves == tuple(F(v) for v in range(4)) and not found.is_strict
    assert found.lines()[0] == "this is weakly dominant for bob:"
    assert found.method == (
        "decided in each of 4 information sets apart: no play passes two of bob's, "
        "so that dominance is that of the normal form (16,777,216 profiles)"
    )
    assert "bob.b = vb" in found.to_game("truth")


def test_paying_the_own_bid_no_bid_is_dominant_and_bids_above_the_value_are_dominated():
    found = loads(auction(3, "mine")).query("best").value
    assert found.moves is None
    dominated = {(part.sets[0], bad[0]) for part in found.parts for bad, _ in (*part.strictly, *part.weakly)}
    seen = [seen for _, seen in found.seats.sets[1]]
    assert {(i, F(bid)) for i, (value,) in enumerate(seen) for bid in range(4) if bid > value} <= dominated
    with pytest.raises(Refusal, match="no dominant strategy"):
        found.to_game("none")


def test_a_budget_that_is_set_is_kept_and_names_the_normal_form():
    program = check(auction(), "a.game").program
    with pytest.raises(Refusal, match=r"16,?777,?216 profiles"):
        dominant(program, "Auction", "bob", profiles=60_000)


def test_both_ways_agree_on_an_auction_small_enough_for_the_normal_form():
    program = check(auction(2, most=1), "a.game").program
    known = seats(program, "Auction")
    parts = by_parts(known, known.number("ann"))
    whole = dominant(program, "Auction", "ann")
    assert isinstance(whole, Dominance)
    assert parts.moves == whole.moves == (F(0), F(1)) and parts.is_strict == whole.is_strict


def test_decisions_on_one_play_are_one_part_and_single_moves_of_them_are_not_compared():
    text = """
player p, q
game G {
    decide x: bool by p earning u
    decide y: bool by q earning 0
    decide z: bool by p seeing x earning u
    u = ind(x == z)
}
"""
    program = check(text, "g.game").program
    known = seats(program, "G")
    found = by_parts(known, known.number("p"))
    assert [part.sets for part in found.parts] == [(0, 1, 2)]
    whole = dominant(program, "G", "p")
    assert found.moves == whole.moves and found.is_strict == whole.is_strict
    assert "part of the strategies" in found.method


def test_too_many_plans_of_one_part_are_refused_with_their_number():
    decisions = tuple(b.decide(f"x{i}", b.grid(1, 4), "p", (), "u") for i in range(6))
    game = Diagram("G", boxes=(*decisions, b.compute("u", Var("x0"))))
    known = seats(b.program(game), game)
    with pytest.raises(Refusal, match=r"4,?096 plans for 6 information sets"):
        by_parts(known, 0)


@st.composite
def games(draw):
    """Three seats; p may be told a draw and what q does, and may decide twice."""
    coin, other = draw(st.booleans()), draw(st.booleans())
    q_sees = ("d",) if other else ()
    p_sees = (("c",) if coin else ()) + (("y",) if draw(st.booleans()) else ())
    twice = draw(st.booleans())
    r_sees = draw(st.sampled_from(((), ("x",), ("y",), ("d",))))
    names = ("c", "d", "x", "y", "z") + (("w",) if twice else ())
    values = draw(st.lists(st.integers(0, draw(st.integers(1, 3))), min_size=2 ** len(names), max_size=2 ** len(names)))
    favour = draw(st.integers(0, 2))  # makes dominance likely enough
    cells = []
    for key, v in zip(product((False, True), repeat=len(names)), values, strict=True):
        at = dict(zip(names, key, strict=True))
        cells.append(num(v + 2 * favour * (at["x"] == at["c"])))
    boxes = [
        Draw(Port("c", BOOL), b.chance(F(1, 3))),
        Draw(Port("d", BOOL), Uniform(BOOL)),
        b.decide("y", BOOL, "q", q_sees, "zero"),
        b.decide("x", BOOL, "p", p_sees, "u"),
        b.decide("z", BOOL, "r", r_sees, "zero"),
    ]
    if twice:
        boxes.append(b.decide("w", BOOL, "p", draw(st.sampled_from(((), ("x",), ("z",)))), "u"))
    boxes.append(b.compute("u", Select(tuple(Var(n) for n in names), (BOOL,) * len(names), tuple(cells))))
    boxes.append(b.compute("zero", num(0)))
    return Diagram("Random", boxes=tuple(boxes))


def row(form, strategy):
    """What seat p's strategy earns against everything."""
    seat = form.players.index(("p", ()))
    others = [range(len(s)) if i != seat else (strategy,) for i, s in enumerate(form.strategies)]
    return [form.payoffs[key][seat] for key in product(*others)]


@settings(max_examples=60, deadline=None)
@given(games())
def test_part_by_part_means_what_the_normal_form_means(game):
    program = b.program(game)
    whole = dominant(program, game, "p")
    known = seats(program, game)
    seat = known.number("p")
    found = by_parts(known, seat)
    assert found.moves == whole.moves
    if whole.moves is not None:
        assert found.is_strict == whole.is_strict
    form = whole.form
    rows = {moves: row(form, s) for s, moves in enumerate(form.strategies[seat])}
    for part in found.parts:
        assert part.open == 0
        strictly, weakly = dict(part.strictly), dict(part.weakly)
        for moves, earned in rows.items():
            plan = tuple(moves[i] for i in part.sets)

            def swapped(good, moves=moves, part=part):
                at = dict(zip(part.sets, good, strict=True))
                return rows[tuple(at.get(i, m) for i, m in enumerate(moves))]

            plans = list(product(*(known.options[seat][i] for i in part.sets)))
            better = [g for g in plans if all(x > y for x, y in zip(swapped(g), earned, strict=True))]
            good = [
                g for g in plans
                if swapped(g) != earned and all(x >= y for x, y in zip(swapped(g), earned, strict=True))
            ]  # fmt: skip
            assert (plan in strictly) == bool(better) and (plan in weakly) == bool(good and not better)
            assert plan not in strictly or strictly[plan] in better
            assert plan not in weakly or weakly[plan] in good


@st.composite
def sums(draw):
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=5))
    tables = {}
    for _ in range(draw(st.integers(1, 5))):
        scope = tuple(sorted(draw(st.sets(st.integers(0, len(sizes) - 1), max_size=3))))
        keys = list(product(*(range(sizes[v]) for v in scope)))
        tables[scope] = {
            key: F(draw(st.integers(-4, 6)), draw(st.integers(1, 3))) for key in keys if draw(st.booleans())
        }
    return tables, sizes


@settings(max_examples=120, deadline=None)
@given(sums())
def test_the_bounds_of_a_sum_tell_the_sign_of_its_least_value(case):
    tables, sizes = case
    slow = min(total(tables, values) for values in product(*(range(s) for s in sizes)))
    found = least(tables, sizes)
    assert found.low <= slow <= found.high
    assert found.low == found.high or found.low > 0 or found.high < 0
    nothing = least(tables, sizes, limit=0)
    assert nothing.low <= slow <= nothing.high
    assert all(0 <= v < size for values in samples(sizes) for v, size in zip(values, sizes, strict=True))


def test_what_cannot_all_be_worst_at_once_is_found_by_elimination_only():
    # Of three truth values two are equal: the sum is at least 5/2 - 2, though each table alone can be at -1.
    differ = {(0, 1): F(-1), (1, 0): F(-1)}
    tables = {(): {(): F(5, 2)}, (0, 1): differ, (1, 2): differ, (0, 2): differ}
    assert least(tables, [2, 2, 2]).low == F(1, 2)
    bounds = least(tables, [2, 2, 2], limit=1)
    assert bounds.low == F(-1, 2) and bounds.high == F(1, 2)


def test_the_worst_case_for_a_move_is_found_among_combinations_of_what_the_others_know():
    # Betting wins 1 unless q and r, who see one coin each, both answer `true` in the right cases: that costs 9.
    boxes = (
        Draw(Port("c", BOOL), Uniform(BOOL)),
        Draw(Port("d", BOOL), Uniform(BOOL)),
        b.decide("x", BOOL, "p", (), "u"),
        b.decide("y", BOOL, "q", ("c",), "zero"),
        b.decide("z", BOOL, "r", ("d",), "zero"),
        b.compute(
            "u",
            b.If(
                Var("x"),
                b.If(op("and", op("==", Var("y"), Var("c")), op("==", Var("z"), op("not", Var("d")))), num(-2), num(1)),
                num(0),
            ),
        ),
        b.compute("zero", num(0)),
    )
    game = Diagram("Trap", boxes=boxes)
    program = b.program(game)
    known = seats(program, game)
    found = by_parts(known, 0)
    assert found.moves is None and dominant(program, game, "p").moves is None
