"""Equilibrium, subgame perfection, best responses: published facts, and trying every pure strategy."""

from __future__ import annotations

import time
from fractions import Fraction as F
from itertools import product

import builders_solving as b
import pytest
from builders_solving import COLUMN, ROW, Const, Var, num, op
from hypothesis import given, settings
from test_solvers_play import as_behaviour, games, mixture

from opengames.diagnostics import Refusal
from opengames.diagram import Decide, Diagram, Draw, Port, Rule, Seat
from opengames.solvers.claims import best_response, equilibrium, exploitability, value
from opengames.solvers.subgames import subgame_perfect
from opengames.spaces import BOOL, REAL, Enum, Grid, Shown
from opengames.terms import If, Select, Uniform, Weighted


def test_mutual_defection_is_the_equilibrium_of_the_dilemma():
    game = b.dilemma()
    both = b.strategy("grim", "Dilemma", ("row", "a", Const("Defect")), ("column", "b", Const("Defect")))
    naive = b.strategy("naive", "Dilemma", ("row", "a", Const("Cooperate")), ("column", "b", Const("Defect")))
    program = b.program(game, funs=(b.payoff(),), strategies=(both, naive))
    assert equilibrium(program, "Dilemma", "grim").holds
    failed = equilibrium(program, "Dilemma", "naive")
    assert failed.verdict == "fails" and failed.certificate == 1
    found = failed.deviation
    assert (found.player, found.place, found.made, found.better, found.gain) == (ROW, "a", "Cooperate", "Defect", 1)
    assert failed.lines()[1:] == [
        "row can do better at `a`",
        "it sees nothing",
        "it plays Cooperate, and should play Defect",
        "it gains 1 in expectation",
    ]


def test_threat_is_nash_but_not_subgame_perfect():
    program, _ = b.entry()
    assert equilibrium(program, "MarketEntry", "threaten").holds
    failed = subgame_perfect(program, "MarketEntry", "threaten")
    assert failed.verdict == "fails"
    found = failed.deviation
    assert (found.player, found.seen[0][1], found.made, found.better) == (
        ("incumbent", ()),
        "Enter",
        "Fight",
        "Accommodate",
    )
    assert found.gain == 50
    assert subgame_perfect(program, "MarketEntry", "accept").holds


def test_simultaneous_moves_start_no_subgame_of_their_own():
    # In the one-shot dilemma the column player's node is no subgame: only the whole game is one.
    game = b.dilemma()
    both = b.strategy("grim", "Dilemma", ("row", "a", Const("Defect")), ("column", "b", Const("Defect")))
    program = b.program(game, funs=(b.payoff(),), strategies=(both,))
    claim = subgame_perfect(program, "Dilemma", "grim")
    assert claim.holds and "1 subgames were checked" in claim.notes[0]


@pytest.mark.parametrize("alpha", [F(0), F(1, 7), F(1, 3)])
def test_the_known_family_of_kuhn_poker_is_in_equilibrium_with_value_minus_an_eighteenth(alpha):
    game = b.kuhn()
    program = b.program(game, strategies=(b.kuhn_strategy(alpha),))
    claim = equilibrium(program, game, f"alpha{alpha}")
    assert claim.holds and claim.certificate == 0
    assert value(program, game, f"alpha{alpha}").of("ann") == F(-1, 18)


def test_kuhn_poker_outside_the_family_can_be_exploited():
    game = b.kuhn()
    program = b.program(game, strategies=(b.kuhn_strategy(F(1, 4)),))
    odd = b.strategy(
        "odd",
        "Kuhn",
        *((p.seat, p.decision, p.term, True) for p in program.strategies["alpha1/4"].plans[:3]),
        ("bob", "raise_", b.by_card("theirs", F(1, 2), F(0), F(1)), True),
    )
    found = exploitability(program, game, odd)
    assert found.total > 0 and found.largest == dict(found.gains)["ann", ()]
    response = best_response(program, game, "ann", odd)
    assert response.value == value(program, game, odd).of("ann") + found.largest
    # Her best response is at least as good as its text says when played.
    replay = value(program, game, lambda step, seen: response(step, seen) or _planned(program, odd)(step, seen))
    assert replay.of("ann") == response.value


def _planned(program, strategy):
    from opengames.solvers.policies import behaviour

    return behaviour(program, strategy)


@pytest.mark.parametrize("rounds", [1, 3, 6])
@pytest.mark.parametrize("delta", ["0.1", "0.25", "0.9"])
def test_grim_trigger_fails_in_every_finite_dilemma_at_the_last_round(rounds, delta):
    game = b.repeated(rounds, "trigger")
    program = b.program(game, funs=(b.payoff(),), strategies=(b.strategy("trigger", "Repeated", *b.GRIM),), delta=delta)
    claim = equilibrium(program, game, "trigger")
    # Best is to defect in the first round where 5 + delta / (1 - delta) ... beats waiting; in the last one it always is.
    d = F(delta)
    stream = [d**t for t in range(rounds)]
    cooperate = 3 * sum(stream)
    defect_at = [3 * sum(stream[:k]) + 5 * stream[k] + sum(stream[k + 1 :]) for k in range(rounds)]
    assert claim.verdict == "fails"
    assert claim.certificate == max(defect_at) - cooperate
    best = defect_at.index(max(defect_at))
    assert claim.deviation.around == (("t", F(best + 1)),)


@pytest.mark.parametrize("delta", [F(1, 3), F(2, 5), F(1, 2), F(3, 5)])
def test_grim_trigger_with_a_continuation_payment_holds_exactly_from_half_on(delta):
    # With rewards 3/0/5/1 an infinite game needs delta >= (5 - 3) / (5 - 1) = 1/2. A finite game that pays, after
    # its last round, what both would have got for ever (3 or 1 per round) is an equilibrium exactly then.
    rounds = 5
    game = b.repeated(rounds, "trigger")
    tail = delta**rounds / (1 - delta)
    boxes = []
    for box in game.boxes:
        if getattr(box, "lasts", None) == ():
            box = b.Loop(
                box.name, box.iters, box.body, box.captured, box.carry, box.outs, (("end", "spoilt"),), box.paying
            )
        if isinstance(box, b.Compute) and box.out.name in ("ua", "ub"):
            forever = If(Var("end"), num(tail), num(3 * tail))
            box = b.compute(box.out.name, op("+", box.term, forever))
        boxes.append(box)
    whole = Diagram("Repeated", boxes=tuple(boxes))
    program = b.program(
        whole, funs=(b.payoff(),), strategies=(b.strategy("trigger", "Repeated", *b.GRIM),), delta=delta
    )
    assert equilibrium(program, whole, "trigger").holds == (delta >= F(1, 2))
    assert subgame_perfect(program, whole, "trigger").holds == (delta >= F(1, 2))


def test_a_claim_about_three_hundred_rounds_takes_about_a_second():
    game = b.repeated(300)
    program = b.program(
        game, funs=(b.payoff(),), strategies=(b.strategy("tft", "Repeated", *b.TIT_FOR_TAT),), delta="0.9"
    )
    start = time.process_time()
    claim = equilibrium(program, game, "tft")
    assert claim.verdict == "fails" and claim.deviation.around == (("t", F(300)),)
    assert claim.certificate == 2 * F(9, 10) ** 299
    assert not subgame_perfect(program, game, "tft").holds
    assert time.process_time() - start < 6


def test_two_seats_that_share_a_name_do_not_share_their_earnings():
    # Each prosumer wants its own switch on; a solver that told seats apart by name alone would add both earnings up.
    t = b.grid(1, 2)
    body = Diagram(
        "body",
        inputs=(Port("u", t),),
        boxes=(
            Decide((Port("x", BOOL),), Seat("prosumer", (Var("u"),)), (), "gain"),
            b.compute("gain", op("*", op("-", Var("u"), num(F(3, 2))), op("ind", Var("x")))),
        ),
    )
    game = Diagram("Two", boxes=(b.Loop("l", (("u", t),), body, ()),))
    program = b.program(game)
    always = lambda step, seen: ((True, F(1)),)  # noqa: E731
    claim = equilibrium(program, game, always)
    assert dict(claim.gains) == {("prosumer", (F(1),)): F(1, 2), ("prosumer", (F(2),)): 0}


def test_an_auction_on_a_grid_has_half_of_the_value_as_its_equilibrium():
    value_, bid = b.grid(0, 4), Grid(tuple(F(i, 2) for i in range(9)), Shown("$"))
    mine, theirs = Var("bid_ann"), Var("bid_bob")

    def won(worth, own, other):
        tie = op("/", op("-", Var(worth), own), num(2))
        return If(op(">", own, other), op("-", Var(worth), own), If(op("==", own, other), tie, num(0)))

    game = Diagram(
        "Auction",
        boxes=(
            Draw(Port("worth_ann", value_), Uniform(value_)),
            Draw(Port("worth_bob", value_), Uniform(value_)),
            b.decide("bid_ann", bid, "ann", ("worth_ann",), "ua"),
            b.decide("bid_bob", bid, "bob", ("worth_bob",), "ub"),
            b.compute("ua", won("worth_ann", mine, theirs)),
            b.compute("ub", won("worth_bob", theirs, mine)),
        ),
    )
    half = lambda w: op("/", Var(w), num(2))  # noqa: E731
    shade = b.strategy("shade", "Auction", ("ann", "bid_ann", half("worth_ann")), ("bob", "bid_bob", half("worth_bob")))
    truthful = b.strategy("truthful", "Auction", ("ann", "bid_ann", Var("worth_ann")), ("bob", "bid_bob", Var("worth_bob")))
    program = b.program(game, strategies=(shade, truthful))
    assert equilibrium(program, game, "shade").holds
    failed = equilibrium(program, game, "truthful")
    assert failed.verdict == "fails" and failed.deviation.seen[0][0] == "worth_ann"
    text = best_response(program, game, "ann", "shade").to_game("reply")
    assert text.startswith("strategy reply of Auction {\n    ann.bid_ann = ")


def test_rules_take_moves_away_and_a_plan_against_them_is_refused():
    game = Diagram(
        "Ruled",
        boxes=(
            Draw(Port("cap", b.grid(1, 3)), Uniform(b.grid(1, 3))),
            b.decide("x", b.grid(0, 5), "solo", ("cap",), "x", rules=(Rule("limit", (), op("<=", Var("x"), Var("cap"))),)),
        ),
    )
    program = b.program(game)
    assert best_response(program, game, "solo").value == 2
    with pytest.raises(Refusal, match="broken-rule"):
        value(program, game, lambda step, seen: ((F(5), F(1)),))
    hidden = Diagram("Hidden", boxes=(game.boxes[0], b.decide("x", b.grid(0, 5), "solo", (), "x", rules=game.boxes[1].rules)))
    with pytest.raises(Refusal, match="hidden-rule"):
        best_response(program, hidden, "solo")


def test_a_strategy_that_says_nothing_is_refused():
    program, _ = b.entry()
    silent = b.strategy("silent", "MarketEntry", ("entrant", "entry", Const("Stay")))
    with pytest.raises(Refusal, match=r"incumbent\.reply"):
        equilibrium(program, "MarketEntry", silent)


def test_a_player_that_forgets_its_own_move_is_solved_by_trying_everything():
    # It must repeat its first move without seeing it, and earns more for True: only the joint plan is best.
    game = Diagram(
        "Forgetful",
        boxes=(
            b.decide("x", BOOL, "solo", (), "gain"),
            b.decide("y", BOOL, "solo", (), "gain"),
            b.compute("gain", Select((Var("x"), Var("y")), (BOOL, BOOL), (num(1), num(-5), num(-5), num(2)))),
        ),
    )
    program = b.program(game)
    low = lambda step, seen: ((False, F(1)),)  # noqa: E731
    claim = equilibrium(program, game, low)
    assert claim.verdict == "fails" and claim.certificate == 1 and "pure strategies" in claim.method


def test_a_mixed_plan_over_an_enumeration_is_printed_as_text():
    coin = Enum("Coin", ("Heads", "Tails"))
    game = Diagram("Solo", boxes=(b.decide("x", coin, "solo", (), "u"), b.compute("u", num(0))))
    fair = b.strategy("fair", "Solo", ("solo", "x", Weighted(((Const("Heads"), num(F(1, 2))), (Const("Tails"), num(F(1, 2))))), True))
    assert equilibrium(b.program(game, strategies=(fair,)), game, "fair").holds


# ------------------------------------------------------------------ against trying every pure strategy


def brute_force(program, game, player):
    """The best of all pure strategies of a player against `mixture`, by playing each of them."""
    sets = set()

    def record(who, place, index, seen):
        if who == player:
            sets.add((place, index, seen))
            return [(True, F(1, 2)), (False, F(1, 2))]
        return mixture(who, place, index, seen)

    for _ in b.plays(program, game, record):
        pass
    sets = sorted(sets, key=str)
    if len(sets) > 6:
        return None
    best = None
    for moves in product((False, True), repeat=len(sets)):
        plan = dict(zip(sets, moves, strict=True))

        def behave(who, place, index, seen, plan=plan):
            return [(plan[place, index, seen], F(1))] if who == player else mixture(who, place, index, seen)

        earned = b.expected(program, game, behave).get(player, F(0))
        best = earned if best is None else max(best, earned)
    return best


@settings(max_examples=20, deadline=None)
@given(games())
def test_best_responses_agree_with_trying_every_pure_strategy(game):
    program = b.program(game)
    for player in (ROW, COLUMN):
        try:
            found = best_response(program, game, player, as_behaviour)
        except Refusal:
            continue
        slow = brute_force(program, game, player)
        assert slow is None or found.value == slow
        assert found.value >= value(program, game, as_behaviour).of(player)


@settings(max_examples=20, deadline=None)
@given(games())
def test_playing_the_best_response_earns_its_value(game):
    program = b.program(game)
    for player in (ROW, COLUMN):
        try:
            found = best_response(program, game, player, as_behaviour)
        except Refusal:
            continue
        played = value(program, game, lambda step, seen, found=found: found(step, seen) or as_behaviour(step, seen))
        assert played.of(player) == found.value
        assert found.gain == found.value - value(program, game, as_behaviour).of(player)


@settings(max_examples=20, deadline=None)
@given(games())
def test_a_perfect_profile_is_an_equilibrium(game):
    program = b.program(game)
    try:
        perfect = subgame_perfect(program, game, as_behaviour)
    except Refusal:
        return
    assert not perfect.holds or equilibrium(program, game, as_behaviour).holds


def test_units_of_the_earning_appear_in_the_report():
    dollars = b.REAL.__class__(shown=Shown("$"))
    game = Diagram("Unit", boxes=(b.decide("x", BOOL, "solo", (), "u"), b.compute("u", op("ind", Var("x")), dollars)))
    claim = equilibrium(b.program(game), game, lambda step, seen: ((False, F(1)),))
    assert claim.lines()[-1] == "it gains 1 $ in expectation"
    assert dollars == REAL
