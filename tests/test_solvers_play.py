"""The play of a diagram: payoffs, merging, branches, and the cost of a long horizon."""

from __future__ import annotations

from fractions import Fraction as F

import builders_solving as b
import pytest
from builders_solving import COLUMN, ROW, Const, Var, num, op
from hypothesis import given, settings
from hypothesis import strategies as st
from stopwatch import seconds

from opengames.diagnostics import Refusal
from opengames.diagram import Arm, Branch, Carry, Decide, Diagram, Draw, Loop, Port, Seat
from opengames.dsl.check import check
from opengames.solvers.claims import reached, value
from opengames.solvers.layers import build, reach, totals
from opengames.solvers.play import game_tree
from opengames.solvers.unroll import unroll
from opengames.spaces import BOOL, REAL
from opengames.terms import If, Select, Weighted
from opengames.tree import Chance, Decision, Leaf


def first_then(move, rest):
    """A behaviour that plays `move` in round 1 and `rest` afterwards."""

    def behave(step, seen):
        if step.player == ROW and step.index == (F(1),):
            return ((move, F(1)),)
        return rest(step, seen)

    return behave


def tit_for_tat(step, seen):
    return ((seen[1] if step.player == ROW else seen[0], F(1)),)


def test_deviating_once_from_tit_for_tat_earns_six_and_a_quarter():
    # traps.md: rewards 3/0/5/1, discount 0.5, three rounds: 5 + 0.5 * 0 + 0.25 * 5.
    game = b.repeated(3)
    program = b.program(game, funs=(b.payoff(),), delta="0.5")
    found = value(program, game, first_then("Defect", tit_for_tat))
    assert found.of(ROW) == F("6.25")
    assert found.of(COLUMN) == 0 + F(5, 2) + 0


def test_a_thousand_rounds_with_mixing_cost_well_under_a_second():
    game = b.repeated(1000)
    program = b.program(game, funs=(b.payoff(),), delta="0.9")

    def mixing(step, seen):
        p = F(2, 3) if seen[0] == seen[1] else F(1, 3)
        return (("Cooperate", p), ("Defect", 1 - p))

    def solved():
        graph = build(unroll(program, game), mixing, ())
        return graph, totals(graph, reach(graph))

    spent, (graph, found) = seconds(solved, enough=2.0)
    assert spent < 2.0, f"{spent:.2f} s"
    assert graph.size <= 20 * 1000
    # The stage values follow a two-state chain (moves equal or not), whose law is known in closed form.
    assert abs(found[ROW] - _two_state_chain(1000, F(9, 10))) < F(1, 10**30)


def _two_state_chain(rounds: int, delta: F) -> F:
    same, total, weight = F(1), F(0), F(1)
    for _ in range(rounds):
        # P(cooperate) is p in "same" and q in "different", for both players independently.
        stage = F(0)
        after = F(0)
        for mass, p in ((same, F(2, 3)), (1 - same, F(1, 3))):
            stage += mass * (3 * p * p + 5 * (1 - p) * p + (1 - p) * (1 - p))
            after += mass * (p * p + (1 - p) * (1 - p))
        total += weight * stage
        weight *= delta
        same = after
    return total


def test_the_graph_grows_linearly_with_the_horizon():
    sizes = []
    for rounds in (50, 100, 200):
        game = b.repeated(rounds)
        program = b.program(game, funs=(b.payoff(),), delta="0.9")
        sizes.append(build(unroll(program, game)).size)
    assert sizes[2] - sizes[1] == 2 * (sizes[1] - sizes[0])


def test_an_accumulated_total_is_not_part_of_the_state():
    body = Diagram(
        "body",
        inputs=(Port("t", b.grid(1, 60)), Port("money", REAL), Port("weight", REAL)),
        outputs=(Port("more", REAL), Port("lighter", REAL)),
        expects=(Port("end", REAL),),
        boxes=(
            b.decide("x", b.grid(0, 3), "solo", ("t",), "end"),
            b.compute("more", op("+", Var("money"), op("*", Var("weight"), Var("x")))),
            b.compute("lighter", op("/", Var("weight"), num(2))),
        ),
    )
    game = Diagram(
        "Saving",
        boxes=(
            b.compute("zero", num(0)),
            b.compute("one", num(1)),
            Loop(
                "l",
                (("t", b.grid(1, 60)),),
                body,
                (),
                (Carry("money", REAL, "zero", "more"), Carry("weight", REAL, "one", "lighter")),
                (),
                (("end", "money"),),
                ("end",),
            ),
        ),
    )
    program = b.program(game)
    graph = build(unroll(program, game))
    assert max(len(s) for s in graph.states.values()) == 4
    found = value(program, game, lambda step, seen: ((F(3), F(1)),))
    assert found.of("solo") == sum(F(3) / 2**t for t in range(60))


def test_an_earning_shared_by_all_rounds_counts_once():
    game = b.repeated(4)
    program = b.program(game, funs=(b.payoff(),), delta=1)
    found = value(program, game, lambda step, seen: (("Cooperate", F(1)),))
    assert found.of(ROW) == 12


def test_an_earning_of_each_round_is_summed():
    t = b.grid(1, 4)
    body = Diagram(
        "body",
        inputs=(Port("t", t),),
        boxes=(b.decide("x", BOOL, "solo", (), "gain"), b.compute("gain", op("*", Var("t"), op("ind", Var("x"))))),
    )
    game = Diagram("Sum", boxes=(Loop("l", (("t", t),), body, ()),))
    found = value(b.program(game), game, lambda step, seen: ((True, F(1)),))
    assert found.of("solo") == 1 + 2 + 3 + 4


def test_seats_with_one_name_and_different_indices_are_different_players():
    t = b.grid(1, 2)
    body = Diagram(
        "body",
        inputs=(Port("u", t),),
        boxes=(
            Decide((Port("x", BOOL),), Seat("prosumer", (Var("u"),)), (), "gain"),
            b.compute("gain", op("*", Var("u"), op("ind", Var("x")))),
        ),
    )
    game = Diagram("Two", boxes=(Loop("l", (("u", t),), body, ()),))
    found = value(b.program(game), game, lambda step, seen: ((True, F(1)),))
    assert dict(found.payoffs) == {("prosumer", (F(1),)): 1, ("prosumer", (F(2),)): 2}


def test_a_decision_in_an_arm_not_taken_earns_nothing_there():
    arm = Diagram(
        "arm",
        inputs=(Port("c", BOOL),),
        boxes=(b.decide("x", BOOL, "solo", (), "gain"), b.compute("gain", num(10))),
    )
    idle = Diagram("idle", inputs=(Port("c", BOOL),))
    branch = Branch("if_c", "c", (Arm("c=true", (True,), arm), Arm("c=false", (False,), idle)), ("c",), (), ((), ()))
    game = Diagram("Maybe", boxes=(Draw(Port("c", BOOL), b.chance(F(1, 4))), branch))
    program = b.program(game)
    found = value(program, game, lambda step, seen: ((True, F(1)),))
    assert found.of("solo") == F(10, 4)
    chances = reached(program, game, lambda step, seen: ((True, F(1)),))
    assert chances.of("c=true.x") == F(1, 4)
    assert chances.of("c=false") == F(3, 4)


def test_a_decision_in_an_arm_not_taken_still_earns_what_is_outside():
    # The incumbent replies only to an entry, and keeps its monopoly profit where there is none.
    arm = Diagram("arm", (), (), (b.decide("reply", BOOL, "incumbent", (), "profit"),), (Port("profit", REAL),))
    for subject in (Draw(Port("entry", BOOL), b.chance(F(0))), b.compute("entry", Const(False), BOOL)):
        branch = Branch(
            "if_entry",
            "entry",
            (Arm("entry=true", (True,), arm), Arm("entry=false", (False,), Diagram("stay"))),
            (),
            (),
            (("profit",), ()),
        )
        game = Diagram("Entry", boxes=(subject, branch, b.compute("profit", num(100))))
        found = value(b.program(game), game, lambda step, seen: ((True, F(1)),))
        assert dict(found.payoffs) == {("incumbent", ()): 100}


def test_reach_probabilities_of_kuhn_poker():
    game = b.kuhn()
    found = reached(b.program(game), game, b.kuhn_strategy(F(1, 3)))
    # Ann bets with 1/3 on the lowest card and always on the highest.
    assert found.of("bet") == 1
    assert found.of("bet=true.bob_calls") == F(1, 3) * (F(1, 3) + 0 + 1) == found.of("bet=true")
    assert found.of("bet=false.raise_") == 1 - found.of("bet=true")


def test_the_tree_of_the_entry_game():
    program, game = b.entry()
    tree = game_tree(program, game)
    assert isinstance(tree, Decision) and tree.player == ("entrant", ())
    replies = [branch for _, branch in tree.moves]
    assert [r.seen for r in replies] == [(("entry", "Enter"),), (("entry", "Stay"),)]
    leaf = dict(replies[0].moves)["Accommodate"]
    assert leaf == Leaf(((("entrant", ()), F(40)), (("incumbent", ()), F(50))))


def test_an_open_game_is_refused():
    game = Diagram("Open", inputs=(Port("x", BOOL),))
    with pytest.raises(Refusal, match="open-game"):
        unroll(b.program(game), game)


def test_a_real_move_is_refused_by_name():
    game = Diagram("Real", boxes=(b.decide("x", REAL, "solo", (), "x"),))
    with pytest.raises(Refusal, match="`x` is a real quantity"):
        unroll(b.program(game), game)


def test_a_graph_beyond_its_budget_is_refused():
    game = b.repeated(30)
    program = b.program(game, funs=(b.payoff(),), delta="0.9")
    with pytest.raises(Refusal, match="over-budget"):
        build(unroll(program, game), limit=100)


# ------------------------------------------------------------------ laws on random games

WIRES = st.integers(2, 4)


@st.composite
def games(draw):
    """A random small game: draws, decisions of two players who see some of the past, a loop or a branch, and
    payoffs that depend on everything."""
    boxes: list = []
    known: list[str] = []
    for i in range(draw(WIRES)):
        wire = f"w{i}"
        if draw(st.integers(0, 2)) == 0:
            boxes.append(Draw(Port(wire, BOOL), _kernel(draw, known)))
        else:
            seeing = tuple(w for w in known if draw(st.booleans()))
            seat = draw(st.sampled_from(("row", "column")))
            boxes.append(b.decide(wire, BOOL, seat, seeing, f"u_{seat}"))
        known.append(wire)
    shape = draw(st.sampled_from(("flat", "branch", "loop")))
    extra: dict[str, object] = {"row": num(0), "column": num(0)}
    if shape == "branch":
        boxes.append(_branch(draw, known))
        known.append("merged")
    if shape == "loop":
        boxes += _loop(draw, known)
        extra = {
            seat: b.Fold(
                "sum", (("t", b.grid(1, 2)),), b.At(Var(f"stage_{seat}"), (Var("t"),), (b.grid(1, 2),))
            )
            for seat in extra
        }
    for seat in ("row", "column"):
        cells = tuple(num(draw(st.integers(-3, 3))) for _ in range(2 ** len(known)))
        table = Select(tuple(Var(w) for w in known), (BOOL,) * len(known), cells)
        boxes.append(b.compute(f"u_{seat}", op("+", table, extra[seat])))
    return Diagram("Random", boxes=tuple(boxes))


def _kernel(draw, known):
    def some():
        return b.chance(F(draw(st.integers(0, 4)), 4))

    return If(Var(draw(st.sampled_from(known))), some(), some()) if known and draw(st.booleans()) else some()


def _branch(draw, known):
    ports = tuple(Port(w, BOOL) for w in known)
    arms = []
    for value_ in (True, False):
        seat = draw(st.sampled_from(("row", "column")))
        seeing = tuple(w for w in known if draw(st.booleans()))
        body = Diagram(
            "arm",
            inputs=ports,
            outputs=(Port("merged", BOOL),),
            expects=(Port("gain", REAL),),
            boxes=(
                b.decide("merged", BOOL, seat, seeing, "own"),
                b.compute("own", If(Var("merged"), num(draw(st.integers(-2, 2))), num(0))),
            )
            if draw(st.booleans())
            else (b.decide("merged", BOOL, seat, seeing, "gain"),),
        )
        arms.append((Arm(f"w0={str(value_).lower()}", (value_,), body), f"u_{seat}"))
    return Branch(
        "split",
        "w0",
        tuple(a for a, _ in arms),
        tuple(known),
        (Port("merged", BOOL),),
        tuple((pays,) for _, pays in arms),
    )


def _loop(draw, known):
    t = b.grid(1, 2)
    seen = tuple(w for w in ("last", *known[:1]) if draw(st.booleans()))
    stages = tuple(
        b.compute(
            f"stage_{seat}",
            Select((Var("x"), Var("last")), (BOOL, BOOL), tuple(num(draw(st.integers(-2, 2))) for _ in range(4))),
        )
        for seat in ("row", "column")
    )
    seat = draw(st.sampled_from(("row", "column")))
    body = Diagram(
        "body",
        inputs=(Port("t", t), Port("last", BOOL), *(Port(w, BOOL) for w in known[:1])),
        outputs=(Port("x", BOOL), Port("stage_row", REAL), Port("stage_column", REAL)),
        expects=(Port("gain", REAL),),
        boxes=(b.decide("x", BOOL, seat, seen, "gain"), *stages),
    )
    outs = (("stage_row", "stage_row"), ("stage_column", "stage_column"))
    return [
        Loop("rounds", (("t", t),), body, tuple(known[:1]), (Carry("last", BOOL, "w0", "x"),), outs, (), (f"u_{seat}",))
    ]


def mixture(player, place, index, seen):
    """Some mixed behaviour that depends on everything a decision may depend on."""
    number = sum(map(ord, place)) + 2 * sum(1 for s in seen if s) + len(index) + (3 if player == ROW else 0)
    p = F(number % 5, 4)
    if p > 1:
        p = F(1, 3)
    return [(True, p), (False, 1 - p)] if 0 < p < 1 else [(p == 1, F(1))]


def as_behaviour(step, seen):
    return tuple(mixture(step.player, step.place, step.index, seen))


@settings(max_examples=40, deadline=None)
@given(games())
def test_values_agree_with_adding_up_every_play(game):
    program = b.program(game)
    found = value(program, game, as_behaviour)
    slow = b.expected(program, game, mixture)
    # A player whose only decisions are never come to earns nothing, and the slow play does not know it.
    assert dict(found.payoffs) == {p: slow.get(p, F(0)) for p, _ in found.payoffs} and slow.keys() <= {
        p for p, _ in found.payoffs
    }


@settings(max_examples=40, deadline=None)
@given(games())
def test_merging_histories_changes_no_value(game):
    program = b.program(game)
    code = unroll(program, game)
    merged, apart = build(code, as_behaviour, ()), build(code, as_behaviour, (), merge=False)
    assert totals(merged, reach(merged)) == totals(apart, reach(apart))
    assert merged.size <= apart.size


@settings(max_examples=30, deadline=None)
@given(games())
def test_the_tree_has_the_same_value(game):
    program = b.program(game)

    def worth(tree):
        match tree:
            case Leaf(payoffs=payoffs):
                return dict(payoffs)
            case Chance(outcomes=outcomes):
                return _mean([(c, worth(t)) for _, c, t in outcomes])
            case Decision(player=player, place=place, index=index, seen=seen, moves=moves):
                chances = dict(mixture(player, place, index, tuple(v for _, v in seen)))
                return _mean([(chances.get(m, F(0)), worth(t)) for m, t in moves])

    found = worth(game_tree(program, game))
    assert found == dict(value(program, game, as_behaviour).payoffs)


def _mean(parts):
    return {p: sum(c * w[p] for c, w in parts) for p in parts[0][1]}


def test_a_constant_wire_and_a_weighted_draw_are_known_early():
    game = Diagram(
        "Known",
        boxes=(
            b.compute("k", num(2)),
            Draw(Port("d", BOOL), Weighted(((Const(True), op("/", num(1), Var("k"))), (Const(False), num(F(1, 2)))))),
            b.decide("x", BOOL, "solo", ("d",), "gain"),
            b.compute("gain", op("*", Var("k"), op("ind", op("==", Var("x"), Var("d"))))),
        ),
    )
    found = value(b.program(game), game, lambda step, seen: ((True, F(1)),))
    assert found.of("solo") == 1


LONG = """
type Act = C | D
player row, column
fun pay(mine: Act, theirs: Act) -> real =
    match mine { C => if theirs == C then 3 else 0, D => if theirs == C then 5 else 1 }
game G {
    for t in 1..1000 carrying la = C, lb = C {
        decide a: Act by row    seeing la, lb earning 0.99 ^ t * pay(a, b)
        decide b: Act by column seeing la, lb earning 0.99 ^ t * pay(b, a)
        next la = a
        next lb = b
    }
}
strategy noisy of G {
    row.a    ~ {C: if lb == C then 3/4 else 1/4, D: if lb == C then 1/4 else 3/4}
    column.b = la
}
"""


def test_a_thousand_rounds_of_a_text_are_valued_exactly_in_about_a_second():
    program = check(LONG, "g.game").program
    assert program is not None
    spent, earned = seconds(lambda: value(program, "G", "noisy"), enough=2.0)
    assert spent < 2.0, f"{spent:.2f} s"
    # Row by row of the chain over (row's last, column's last) in floats.
    share, total = {("C", "C"): 1.0}, 0.0
    pay = {("C", "C"): 3, ("C", "D"): 0, ("D", "C"): 5, ("D", "D"): 1}
    for t in range(1, 1001):
        after: dict = {}
        for (la, lb), weight in share.items():
            kind = 0.75 if lb == "C" else 0.25
            for a, chance in (("C", kind), ("D", 1 - kind)):
                after[a, la] = after.get((a, la), 0.0) + weight * chance
        share = after
        total += 0.99**t * sum(w * pay[key] for key, w in share.items())
    assert float(earned.of("row")) == pytest.approx(total, rel=1e-9)
