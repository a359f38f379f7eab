"""Slicing: claims about games too large to unfold, and the piecewise affine functions behind them."""

from __future__ import annotations

from fractions import Fraction as F

import builders_solving as b
import pytest
from builders_solving import Const, Var, num, op
from hypothesis import given, settings
from hypothesis import strategies as st

from opengames.diagram import Carry, Decide, Diagram, Draw, Loop, Port, Rule, Seat
from opengames.evaluate import evaluate
from opengames.program import Plan, Strategy
from opengames.solvers import slicing
from opengames.solvers.affine import Abstract, Affine, Declined, Piece
from opengames.solvers.claims import equilibrium
from opengames.spaces import BOOL, PROB, REAL, Family, Grid
from opengames.terms import At, If, Param, Tabulate, Uniform, Weighted

PRICE = Grid((F(5), F(10)))


def reservation(prosumers: int, units: int, leads: int) -> Diagram:
    """The reservation exchange's decision: reserve or not, seeing the offer, the chance to be home, and what
    is owned.

    Every (prosumer, unit, lead) is a seat of its own; beliefs move by a random walk, so that no two histories
    merge.
    """
    unit, lead, who = b.grid(1, units), b.grid(1, leads), b.grid(1, prosumers)
    beliefs, bools = Family((lead,), PROB), Family((lead,), BOOL)
    k = (Var("k"),)
    inner = Diagram(
        "lead",
        inputs=tuple(Port(n, s) for n, s in (("k", lead), ("u", who), ("i", unit), ("held", bools), ("view", beliefs))),
        outputs=(Port("reserve", BOOL), Port("spent", REAL)),
        boxes=(
            Draw(Port("offer", PRICE), Uniform(PRICE)),
            b.compute("owned", At(Var("held"), k, (lead,)), BOOL),
            b.compute("chance", At(Var("view"), k, (lead,)), PROB),
            Decide(
                (Port("reserve", BOOL),),
                Seat("prosumer", (Var("u"), Var("i"), Var("k"))),
                ("offer", "chance", "owned"),
                "gain",
            ),
            b.compute("gain", earning()),
            b.compute("spent", op("*", Var("offer"), op("ind", Var("reserve")))),
        ),
    )
    fresh = Draw(Port("fresh", PROB), Weighted(((num(F(1, 10)), num(F(9, 10))), (num(F(9, 10)), num(F(1, 10))))))
    moved = Tabulate((("s", lead),), op("/", op("+", At(Var("asp"), (Var("s"),), (lead,)), Var("fresh")), num(2)))
    body = Diagram(
        "unit",
        inputs=(Port("i", unit), Port("asp", beliefs), Port("held", bools), Port("u", who)),
        outputs=(Port("view", beliefs), Port("reserve", bools)),
        boxes=(
            fresh,
            b.compute("view", moved, beliefs),
            Loop("leads", (("k", lead),), inner, ("u", "i", "held", "view"), (), (("reserve", "reserve"),)),
        ),
    )
    house = Diagram(
        "house",
        inputs=(Port("u", who),),
        boxes=(
            b.compute("calm", Tabulate((("s", lead),), num(F(1, 10))), beliefs),
            b.compute("none", Tabulate((("s", lead),), Const(False)), bools),
            Loop(
                "units",
                (("i", unit),),
                body,
                ("u",),
                (Carry("asp", beliefs, "calm", "view"), Carry("held", bools, "none", "reserve")),
            ),
        ),
    )
    return Diagram("Exchange", boxes=(Loop("people", (("u", who),), house, ()),))


def earning():
    bought = op("*", Var("offer"), op("-", op("ind", Var("owned")), op("ind", Var("reserve"))))
    hurt = op("*", op("*", Param("loss"), Var("chance")), op("ind", op("not", Var("reserve"))))
    return op("-", bought, hurt)


def threshold(factor=1):
    rule = op("<", op("*", num(factor), Var("offer")), op("*", Param("loss"), Var("chance")))
    return Strategy("threshold", "Exchange", (Plan("prosumer", ("u", "i", "k"), "reserve", rule),))


def test_the_threshold_of_the_reservation_exchange_is_best_at_any_size():
    game = reservation(20, 96, 4)
    program = b.program(game, loss=12)
    assert slicing.accepts(game) is None
    claim = slicing.equilibrium(program, game, threshold())
    assert claim.holds and "everything that may be seen" in claim.method


def test_the_claim_falls_back_on_slicing_when_the_game_is_too_large():
    game = reservation(2, 30, 2)
    program = b.program(game, loss=12)
    claim = equilibrium(program, game, threshold(), limit=5_000)
    assert claim.holds and claim.method.startswith("slicing")


def test_a_wrong_threshold_is_refuted_by_a_play():
    game = reservation(1, 4, 2)
    program = b.program(game, loss=12)
    claim = slicing.equilibrium(program, game, threshold(5))
    assert claim.verdict == "fails"
    found = claim.deviation
    offer, chance, owned = (v for _, v, _ in found.seen)
    # It should have reserved, and the gain is what the term says.
    assert (found.made, found.better) == (False, True)
    assert found.gain == 12 * chance - offer > 0 and owned in (True, False)


def test_small_cases_agree_with_the_exact_solver():
    game = reservation(1, 2, 1)
    program = b.program(game, loss=12)
    for factor in (1, 5):
        exact = equilibrium(program, game, threshold(factor))
        sliced = slicing.equilibrium(program, game, threshold(factor))
        assert exact.method.startswith("exact") and exact.verdict == sliced.verdict


def test_a_better_move_for_what_never_happens_decides_nothing():
    # The strategy is wrong only above one half, and the wire seen is never above one half.
    game = Diagram(
        "Half",
        boxes=(
            Draw(Port("d", BOOL), b.chance(F(1, 2))),
            b.compute("x", If(Var("d"), num(F(1, 4)), num(F(1, 2))), PROB),
            b.decide("m", BOOL, "solo", ("x",), "gain"),
            b.compute("gain", op("*", op("ind", Var("m")), op("-", Var("x"), num(F(3, 4))))),
        ),
    )
    never = Strategy("never", "Half", (Plan("solo", (), "m", Const(False)),))
    claim = slicing.equilibrium(b.program(game), game, never)
    assert claim.verdict == "undecided" and "nothing is decided" in claim.notes[-1]
    assert equilibrium(b.program(game), game, never).holds


def test_slicing_declines_what_it_cannot_decide():
    game = b.dilemma()
    assert "which it does not see" in slicing.accepts(game)
    t = b.grid(1, 3)
    body = Diagram(
        "body",
        inputs=(Port("t", t),),
        boxes=(b.decide("x", BOOL, "solo", ("t",), "gain"), b.compute("gain", op("ind", Var("x")))),
    )
    assert "more than once" in slicing.accepts(Diagram("Often", boxes=(Loop("l", (("t", t),), body, ()),)))


def test_rules_limit_what_the_strategy_is_compared_with():
    move = b.grid(0, 3)
    game = Diagram(
        "Capped",
        boxes=(
            b.compute("cap", num(2), b.grid(1, 3)),
            b.decide("x", move, "solo", ("cap",), "gain", rules=(Rule("limit", (), op("<=", Var("x"), Var("cap"))),)),
            b.compute("gain", op("*", num(2), Var("x"))),
        ),
    )
    program = b.program(game)
    most = Strategy("most", "Capped", (Plan("solo", (), "x", Var("cap")),))
    assert slicing.equilibrium(program, game, most).holds


# ------------------------------------------------------------------ the law of pieces

NUMBERS = st.integers(-3, 3).map(num)


def terms(depth: int):
    """Random piecewise affine terms over x."""
    if depth == 0:
        return st.one_of(st.just(Var("x")), NUMBERS)
    less = terms(depth - 1)
    return st.one_of(
        st.builds(lambda a, c: op("+", a, c), less, less),
        st.builds(lambda a, c: op("-", a, c), less, less),
        st.builds(lambda a, c: op("*", c, a), less, NUMBERS),
        st.builds(lambda a, c: op("min", a, c), less, less),
        st.builds(lambda a, c: op("max", a, c), less, less),
        st.builds(lambda a: op("abs", a), less),
        st.builds(lambda a, lo: op("clamp", a, lo, op("+", lo, num(1))), less, NUMBERS),
        st.builds(lambda p, q, a, c: If(op("<", p, q), a, c), less, less, less, less),
        st.builds(lambda p, q, a, c: If(op("==", p, q), a, c), less, less, less, less),
    )


@settings(max_examples=60, deadline=None)
@given(terms(3), st.lists(st.fractions(-4, 4, max_denominator=12), min_size=3, max_size=10))
def test_on_every_piece_the_affine_function_is_the_term(term, points):
    abstract = Abstract({}, {}, "x")
    whole = Piece(F(-4), F(4))
    pieces = list(abstract.pieces(whole, lambda value: value(term, {})))
    for x in points:
        holding = [
            (p, v) for p, v in pieces if (p.is_point and p.lower == x) or (not p.is_point and p.lower < x < p.upper)
        ]
        assert len(holding) == 1, "every point lies on exactly one piece"
        found = holding[0][1]
        assert evaluate(term, {"x": x}, {}, {}) == (found.at(x) if isinstance(found, Affine) else found)


def test_a_product_of_two_varying_numbers_is_declined():
    abstract = Abstract({}, {}, "x")
    with pytest.raises(Declined, match="product"):
        list(abstract.pieces(Piece(F(0), F(1)), lambda value: value(op("*", Var("x"), Var("x")), {})))
