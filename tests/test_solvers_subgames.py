"""Subgames, found and checked in one backward pass, against looking at each of them on its own."""

from __future__ import annotations

from fractions import Fraction as F

import builders_solving as b
import pytest
from builders_solving import Var, num
from hypothesis import given, settings
from hypothesis import strategies as st
from stopwatch import seconds
from test_solvers_play import as_behaviour, games

from opengames.diagnostics import Refusal
from opengames.diagram import Diagram
from opengames.solvers import subgames as passes
from opengames.solvers.code import Choose, Draw
from opengames.solvers.layers import build
from opengames.solvers.respond import respond, worths
from opengames.solvers.subgames import subgame_perfect, subgames
from opengames.solvers.unroll import unroll
from opengames.terms import Select

GAMES = st.one_of(games(), games().map(lambda game: informed(game)))


def informed(diagram):
    """The game in which every decision of the top level sees everything before it."""
    boxes, known = [], []
    for box in diagram.boxes:
        if isinstance(box, b.Decide):
            box = b.decide(box.outs[0].name, b.BOOL, box.seat.name, tuple(known), box.earning)
        boxes.append(box)
        known += [p.name for p in b.binds(box)]
    return Diagram("Informed", boxes=tuple(boxes))


def step_at(graph, pc):
    return graph.code.steps[pc] if pc < len(graph.code.steps) else None


def onward(graph, start, closed=frozenset()):
    """The nodes that `start` leads to, itself included; nodes in `closed` are left out, and not looked beyond."""
    todo, found = [start], {start}
    while todo:
        pc, node = todo.pop()
        for _, _, t, n in graph.edges[pc][node] if pc in graph.edges else ():
            if (t, n) not in found and (t, n) not in closed:
                found.add((t, n))
                todo.append((t, n))
    return found


def slow_subgames(graph):
    sets = [
        {(pc, n) for n in nodes}
        for pc in graph.order
        if isinstance(step_at(graph, pc), Choose)
        for nodes in graph.sets(pc).values()
    ]
    found = [(graph.start, 0)]
    for pc in graph.order:
        for n in range(len(graph.states[pc])) if isinstance(step_at(graph, pc), Choose | Draw) else ():
            inside = onward(graph, (pc, n))
            if (pc, n) not in found and all(not (s & inside) or s <= inside for s in sets):
                found.append((pc, n))
    return found


def slow_gains(graph, starts):
    """Each player's largest gain in any subgame, every subgame solved as a game of its own."""
    closed = frozenset(starts)
    owned = [
        {p for p in onward(graph, start, closed) if isinstance(step_at(graph, p[0]), Choose)} for start in starts
    ]
    if sum(map(len, owned)) > len(set().union(*owned)):
        closed = frozenset()
    gains = dict.fromkeys(graph.code.players, F(0))
    for player in gains:
        given = worths(graph, player)
        for start in starts:
            inside = onward(graph, start, closed)
            if any(isinstance(s := step_at(graph, p[0]), Choose) and s.player == player for p in inside):
                response = respond(graph, player, start, closed, given)
                here = given[start[0]]
                gains[player] = max(gains[player], response.value - F(here.nums[start[1]], here.den))
    return gains


@settings(max_examples=60, deadline=None)
@given(GAMES, st.sampled_from((1, 512)))
def test_one_pass_finds_the_subgames_and_gains_that_looking_at_each_finds(game, bits):
    program = b.program(game)
    graph = build(unroll(program, game), as_behaviour, None)
    whole = passes.BITS
    passes.BITS = bits
    try:
        starts = subgames(graph)
        assert sorted(starts) == sorted(slow_subgames(graph))
        claim = subgame_perfect(program, game, as_behaviour)
    except Refusal:
        return
    finally:
        passes.BITS = whole
    expected = slow_gains(graph, starts)
    assert dict(claim.gains) == expected
    assert claim.holds == (max(expected.values(), default=F(0)) <= 0)
    assert (claim.deviation is None) == claim.holds


def offers(count):
    """One move of the first player out of `count`, and the second's answer to each."""
    many = b.grid(1, count)
    cells = tuple(num(n % 7 if answer else 3) for n in range(count) for answer in (False, True))
    boxes = (
        b.decide("offer", many, "row", (), "u"),
        b.decide("answer", b.BOOL, "column", ("offer",), "v"),
        b.compute("u", num(0)),
        b.compute("v", Select((Var("offer"), Var("answer")), (many, b.BOOL), cells)),
    )
    return Diagram("Offers", boxes=boxes)


@pytest.mark.parametrize("wrong", [None, 1_234])
def test_two_thousand_subgames_take_less_than_a_second(wrong):
    game = offers(2_000)

    def plan(step, seen):
        if step.player[0] == "row":
            return ((F(1), F(1)),)
        right = (int(seen[0]) - 1) % 7 > 3
        return ((right != (seen[0] == wrong), F(1)),)

    spent, claim = seconds(lambda: subgame_perfect(b.program(game), game, plan), enough=1.0)
    assert spent < 1.0, f"{spent:.2f} s"
    assert claim.notes[0] == "2,001 subgames were checked"
    assert claim.holds == (wrong is None)
    if wrong is not None:
        assert claim.deviation.seen[0][1] == wrong and claim.certificate == abs((wrong - 1) % 7 - 3)
