"""Found strategies are written out only where a text can say them."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from pathlib import Path

import pytest

from opengames.diagnostics import Refusal
from opengames.dsl.check import check
from opengames.solvers.answers import Policy
from opengames.solvers.claims import best_response, value
from opengames.solvers.layers import build
from opengames.solvers.policies import behaviour
from opengames.solvers.unroll import unroll

TEXT = """
player p
game G { decide a: bool, b: bool by p earning if a == b then 1 else 0 }
"""


def policy(mix):
    program = check(TEXT, "g.game").program
    assert program is not None
    (step,) = unroll(program, program.diagrams["G"]).choices()
    return program, Policy("G", ("p", ()), None, ((step, (), mix),))


def test_a_joint_mix_that_is_no_product_is_not_written_wire_by_wire():
    half = Fraction(1, 2)
    _, found = policy((((False, False), half), ((True, True), half)))
    with pytest.raises(Refusal, match="jointly"):
        found.to_game("s")


def test_a_product_of_mixes_is_written_and_means_the_same():
    chances = {False: Fraction(1, 3), True: Fraction(2, 3)}
    mix = tuple(((a, b), chances[a] * chances[b]) for a, b in product((False, True), repeat=2))
    _, found = policy(mix)
    again = check(TEXT + found.to_game("s"), "g.game").program
    assert again is not None
    assert value(again, again.diagrams["G"], again.strategies["s"]).payoffs[0][1] == Fraction(5, 9)


TEXTBOOK = Path(__file__).parent.parent / "specs" / "textbook"
ROUND_TRIPS = (
    "chicken", "kuhn_poker", "lemons", "matching_pennies", "public_good", "rock_paper_scissors",
    "second_price", "stackelberg", "storage_commons", "ultimatum",
)  # fmt: skip

AUCTION = """
type Bidder = 1..3
type Value  = 0..2 $
player bidder[Bidder]
game Auction {
    for i in Bidder {
        value ~ uniform(Value)
        decide bid: Value by bidder[i] seeing value earning gain[i]
    }
    top = max(bid[j] for j in Bidder)
    ties = sum(ind(bid[j] == top) for j in Bidder)
    for i in Bidder { gain = if bid[i] == top then (value[i] - bid[i] / 2) / ties else 0 $ }
}
strategy shade of Auction { bidder[i].bid = max(0 $, value - 1 $) }
strategy mixed of Auction { bidder[i].bid ~ if i == 1 then uniform(Value) else {value: 1} }
query br = best_response(Auction, bidder[2]) under shade
"""

SIGNAL = """
type Post = Clerk | Manager
player worker, firm
game Signal {
    able ~ bernoulli(1/3)
    decide study: bool by worker seeing able earning u
    match study {
        false => {
            decide plain: Post by firm earning v0
            v0 = if plain == Clerk then 1 else (if able then 6 else -4)
            pay = if plain == Clerk then 4 else 9
        }
        true => {
            lucky ~ bernoulli(1/3)
            decide learned: Post by firm seeing lucky earning v1
            v1 = if learned == Clerk then 1 else (if able then 6 else -4)
            pay = if learned == Clerk then 4 else 9
        }
    }
    u = pay - ind(study) * (if able then 2 else 6)
}
strategy pool of Signal {
    worker.study = false
    firm.plain   = Clerk
    firm.learned = if lucky then Manager else Clerk
}
"""


def again_means_the_same(text, name):
    """Every seat's best response to `name`, pasted, earns what was promised against the same others."""
    program = check(text, "g.game").program
    assert program is not None
    warned = len(check(text, "g.game").diagnostics)
    under = program.strategies[name]
    for player in unroll(program, program.diagrams[under.game]).players:
        found = best_response(program, under.game, player, name)
        written = found.to_game(name)
        called = written.split()[1]
        assert called == f"{name}_strategy"
        pasted = check(f"{text}\n{written}", "g.game")
        assert pasted.program is not None and len(pasted.diagnostics) == warned, written
        assert value(pasted.program, under.game, called).of(player) == found.value, written
        code = unroll(pasted.program, pasted.program.diagrams[under.game])
        graph = build(code)
        before, after = behaviour(pasted.program, name), behaviour(pasted.program, called)
        for pc, step in graph.choices():
            for seen in graph.sets(pc):
                done = dict(after(step, seen))
                if step.player != player:
                    assert {m: c for m, c in done.items() if c} == dict(before(step, seen)), written
                assert set(done) <= {e[0] for n in graph.sets(pc)[seen] for e in graph.edges[pc][n]}


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_best_responses_of_the_textbook_paste_back_with_the_others_unchanged(name):
    text = (TEXTBOOK / f"{name}.game").read_text()
    program = check(text, name).program
    assert program is not None
    for strategy in program.strategies:
        again_means_the_same(text, strategy)


@pytest.mark.parametrize("strategy", ["shade", "mixed"])
def test_one_seat_of_a_family_answers_alone(strategy):
    again_means_the_same(AUCTION, strategy)


def test_the_answering_seat_is_told_apart_by_its_index_and_the_name_is_free():
    program = check(AUCTION, "g.game").program
    assert program is not None
    written = best_response(program, "Auction", ("bidder", (Fraction(2),)), "shade").to_game("br")
    assert written.startswith("strategy br_strategy of Auction {\n    bidder[i].bid = if i == 2 then ")
    taken = check(AUCTION + written, "g.game").program
    assert taken is not None
    written = best_response(taken, "Auction", ("bidder", (Fraction(2),)), "shade").to_game("br")
    assert written.startswith("strategy br_strategy_2 of ")
    assert best_response(taken, "Auction", ("bidder", (Fraction(2),)), "shade").to_game("new").startswith("strategy new ")


def test_a_decision_that_no_play_comes_to_has_a_plan_too():
    again_means_the_same(SIGNAL, "pool")
    program = check(SIGNAL, "g.game").program
    assert program is not None
    written = best_response(program, "Signal", "firm", "pool").to_game("f")
    assert "firm.learned = if lucky then Manager else Clerk" in written
    free = "by worker seeing able earning u"
    never = SIGNAL.replace(free, f"{free} subject to {{ no: not study }}")
    program = check(never, "g.game").program
    assert program is not None
    written = best_response(program, "Signal", "firm", "pool").to_game("f")
    assert any("learned" in line and line.endswith("# never reached") for line in written.splitlines())
    assert check(never + written, "g.game").program is not None


def test_records_and_families_that_are_seen_are_read_part_by_part():
    text = """
player p
type Three = 0..2
game G {
    for i in 1..2 { x ~ uniform(Three) }
    a ~ bernoulli(1/2)
    r = (hot: a, far: x[2])
    decide d: Three by p seeing x, r earning if r.hot then ind(d == x[1]) else ind(d == 2 - r.far)
}
"""
    program = check(text, "g.game").program
    assert program is not None
    found = best_response(program, "G", "p")
    pasted = check(text + found.to_game("s"), "g.game")
    assert pasted.program is not None, found.to_game("s")
    assert value(pasted.program, "G", "s").of("p") == found.value == 1


def test_others_who_see_too_much_are_not_written_out():
    text = """
player p, q
game G {
    for i in 1..5 { x ~ uniform(Six) }
    decide a: bool by p seeing x earning ind(a == b)
    decide b: bool by q seeing x earning ind(a != b)
}
type Six = 1..6
strategy s of G {
    p.a = x[1] > 3
    q.b = x[2] > 3
}
"""
    program = check(text, "g.game").program
    assert program is not None
    with pytest.raises(Refusal, match="too many values"):
        best_response(program, "G", "p", "s").to_game("t")
