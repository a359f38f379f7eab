"""Seats that forget: bounds with and without recall, against trying every plan and against remembering players."""

from __future__ import annotations

from contextlib import contextmanager
from fractions import Fraction as F

import builders_solving as b
import pytest
from builders_solving import Var, num, op
from hypothesis import given, settings
from hypothesis import strategies as st

import opengames as og
from opengames.diagnostics import Refusal
from opengames.diagram import Diagram, Draw, Port
from opengames.dsl.check import check
from opengames.solvers import layers, recall
from opengames.solvers.claims import best_response, equilibrium, exploitability, value
from opengames.solvers.respond import problem
from opengames.solvers.subgames import subgame_perfect
from opengames.solvers.unroll import unroll
from opengames.spaces import BOOL
from opengames.terms import Select

#: Alternating rounds of a price and an answer. The seller sees no price of an earlier round, and never what the
#: article is worth to the buyer: it forgets its own moves, and they tell about the buyer.
BARGAIN = """
type Offer = 0..5
type Round = 1..6
type Kind = Tough | Soft
player seller, buyer
fun worth(k: Kind) -> real = match k { Tough => 2, Soft => 5 }
game Bargain {
    kind ~ {Tough: 1/2, Soft: 1/2}
    for t in Round carrying open = true {
        w = (9/10) ^ (t - 1)
        decide price: Offer by seller seeing open, t earning w * ind(done) * price
        decide yes: bool by buyer seeing open, t, price, kind earning w * ind(done) * (worth(kind) - price)
        done = open and yes
        next open = open and not yes
    }
}
strategy firm of Bargain {
    seller.price = 2
    buyer.yes    = price <= worth(kind)
}
strategy skims of Bargain {
    seller.price = if t == 1 then 5 else 2
    buyer.yes    = price <= worth(kind)
}
strategy screens of Bargain {
    seller.price = if t == 1 then 3 else 2
    buyer.yes    = price <= (if kind == Tough then 2 else if t == 6 then 5 else 3)
}
"""


@pytest.fixture(scope="module")
def bargain():
    return check(BARGAIN, "bargain.game").program


def test_an_offer_to_skim_the_soft_buyer_first_is_found_among_362_million_plans(bargain):
    claim = equilibrium(bargain, "Bargain", "firm")
    # By hand: 5 in round 1 is taken by the soft half, 2 in round 2 by the tough: 5/2 + 9/10 = 3.4 instead of 2.
    assert claim.verdict == "fails" and claim.certificate == F(7, 5) == F(5, 2) + F(9, 10) - 2
    assert recall.BOUNDS in claim.method and (claim.deviation.made, claim.deviation.better) == (2, 5)
    assert subgame_perfect(bargain, "Bargain", "firm").verdict == "fails"
    assert exploitability(bargain, "Bargain", "firm").total == F(7, 5)
    plan = best_response(bargain, "Bargain", "seller", "firm")
    assert plan.value == F(17, 5)


def test_the_buyer_gains_by_waiting_when_the_price_will_fall(bargain):
    claim = equilibrium(bargain, "Bargain", "skims")
    assert claim.verdict == "fails" and dict(claim.gains)["seller", ()] == 0
    assert dict(claim.gains)["buyer", ()] == F(1, 2) * F(9, 10) * 3


def test_screening_the_buyer_by_waiting_is_perfect_if_both_are_impatient_enough():
    # At a discount of 3/5 the soft buyer takes 3 now (5 - 3 >= 3/5 * 3), and the seller earns 3/2 + 3/5 > 2 by
    # asking for it. At 9/10 it waits.
    impatient = check(BARGAIN.replace("9/10", "3/5"), "bargain.game").program
    claim = equilibrium(impatient, "Bargain", "screens")
    assert claim.holds and claim.certificate == 0 and recall.BOUNDS in claim.method
    assert subgame_perfect(impatient, "Bargain", "screens").holds
    assert value(impatient, "Bargain", "screens").of("seller") == F(21, 10)
    patient = check(BARGAIN, "bargain.game").program
    assert equilibrium(patient, "Bargain", "screens").deviation.player == ("buyer", ())


def test_perfection_of_bargaining_has_a_verdict_on_the_face():
    model = og.loads(BARGAIN + "verify p: subgame_perfect(firm)\nverify q: equilibrium(firm)\n")
    assert [c.verdict for c in model.verify()] == ["refuted", "refuted"]


def lottery(*others):
    """Both guesses of a coin, the first seeing it; 1 for the first and 2 for the second, which `others` may tell."""
    return Diagram(
        "Guess",
        boxes=(
            Draw(Port("c", BOOL), b.chance(F(1, 2))),
            b.decide("x", BOOL, "solo", ("c",), "u"),
            b.decide("y", BOOL, "solo", others, "u"),
            b.compute("u", op("+", op("ind", op("==", Var("x"), Var("c"))), op("*", num(2), op("ind", op("==", Var("y"), Var("c")))))),
        ),
    )


@contextmanager
def few(number):
    before, recall.FEW = recall.FEW, number
    try:
        yield
    finally:
        recall.FEW = before


def test_where_the_bounds_do_not_meet_the_answer_is_open_and_says_by_how_much():
    game = lottery()
    program = b.program(game)
    honest = lambda step, seen: ((seen[0] if seen else True, F(1)),)  # noqa: E731
    with few(1):
        with pytest.raises(Refusal) as refused:
            equilibrium(program, game, honest, pure=7)
        (said,) = refused.value.diagnostics
        assert said.code == "over-budget" and "8 pure strategies" in said.headline and "up to 1 short" in said.notes[0]
        with pytest.raises(Refusal, match="8 pure strategies"):
            subgame_perfect(program, game, honest, pure=7)
        with pytest.raises(Refusal, match="8 pure strategies"):
            best_response(program, game, "solo", honest, pure=7)
        assert equilibrium(program, game, honest, pure=8).holds
        lying = lambda step, seen: ((not seen[0] if seen else True, F(1)),)  # noqa: E731
        claim = equilibrium(program, game, lying, pure=7)
        assert claim.verdict == "fails" and claim.certificate == 1 and "may gain more" in claim.notes[-1]
        with pytest.raises(Refusal, match="8 pure strategies"):
            exploitability(program, game, lying, pure=7)


def test_a_false_move_is_kept_when_it_is_as_good():
    game = Diagram(
        "Tie",
        boxes=(
            b.decide("x", BOOL, "solo", (), "u"),
            b.decide("y", BOOL, "solo", (), "u"),
            b.compute("u", op("ind", op("==", Var("x"), Var("y")))),
        ),
    )
    with few(1):
        plan = best_response(b.program(game), game, "solo", lambda step, seen: ((False, F(1)),), pure=1)
    assert plan.value == 1 and all(mix == ((False, F(1)),) for _, _, mix in plan.rows)


@st.composite
def games(draw):
    """p decides three times and sees some of what there is; q answers once. `full`: p sees all that it saw or did."""
    names = ("c", "x", "m", "y", "z")
    cells = draw(st.lists(st.integers(-4, 5), min_size=32, max_size=32))
    sees = {
        "x": draw(st.sampled_from(((), ("c",)))),
        "y": draw(st.sampled_from(((), ("c",), ("m",), ("x",)))),
        "z": draw(st.sampled_from(((), ("m",), ("y",), ("x", "m")))),
    }
    told = draw(st.sampled_from(((), ("c",), ("x",), ("c", "x"))))
    chance = F(1, draw(st.integers(2, 4)))
    mixture = {k: F(draw(st.integers(0, 3)), 3) for k in range(4)}
    known: tuple[str, ...] = ()
    full = {}
    for wire in ("x", "y", "z"):
        known = tuple(dict.fromkeys((*known, *sees[wire])))
        full[wire], known = known, (*known, wire)

    def build(seeing):
        return Diagram(
            "Forgets",
            boxes=(
                Draw(Port("c", BOOL), b.chance(chance)),
                b.decide("x", BOOL, "p", seeing["x"], "u"),
                b.decide("m", BOOL, "q", told, "zero"),
                b.decide("y", BOOL, "p", seeing["y"], "u"),
                b.decide("z", BOOL, "p", seeing["z"], "u"),
                b.compute("u", Select(tuple(Var(n) for n in names), (BOOL,) * 5, tuple(num(v) for v in cells))),
                b.compute("zero", num(0)),
            ),
        )

    def behave(step, seen):
        share = mixture[sum(2**i for i, v in enumerate(seen) if v) % 4]
        return tuple((m, p) for m, p in ((True, share), (False, 1 - share)) if p)

    return build(sees), build(full), behave


def best(game, behave, pure, at_once):
    with few(at_once):
        return best_response(b.program(game), game, "p", behave, pure=pure)


@settings(max_examples=80, deadline=None)
@given(games())
def test_bounds_that_meet_are_what_trying_every_plan_finds_and_a_remembering_player_does_no_worse(case):
    game, full, behave = case
    slow = best(game, behave, 10_000, 10_000)
    remembering = best(full, behave, 10_000, 10_000)
    graph = layers.build(unroll(b.program(game), game), behave, (("p", ()),))
    here = problem(graph, ("p", ()))
    relaxed = recall.remembering(here)
    assert relaxed is not None and slow.value <= relaxed.value == remembering.value <= recall.sighted(here)
    assert recall.remembering(here, visits=1) is None
    try:
        quick = best(game, behave, 1, 0)
    except Refusal as refused:
        assert "pure strategies" in refused.diagnostics[0].headline
        return
    assert quick.value == slow.value
    played = value(b.program(game), game, lambda step, seen: quick(step, seen) or behave(step, seen))
    assert played.of("p") == quick.value


@settings(max_examples=40, deadline=None)
@given(games())
def test_a_refutation_by_bounds_is_one_by_trying_every_plan(case):
    game, _, behave = case
    program = b.program(game)
    with few(10_000):
        slow = equilibrium(program, game, behave)
    with few(0):
        try:
            quick = equilibrium(program, game, behave, pure=1)
        except Refusal:
            return
    assert quick.holds == slow.holds and quick.certificate <= slow.certificate
