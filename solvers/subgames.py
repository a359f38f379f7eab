"""Subgame perfection, exactly.

A subgame starts at a chance or decision node whose continuation no information set leaves or enters; a
decision that starts one is alone in its information set. Nodes are those of the layered graph: histories with
equal live values have the same continuation, up to what was already earned, and count as one start. (So a
strategy that remembers only the last round is tested after every last round, whether or not somebody went
there.)

A profile is perfect if it is an equilibrium of every subgame, with the subgames inside it replaced by what
the profile earns there; that is checked from the last one to the first.

Source: Selten, Spieltheoretische Behandlung eines Oligopolmodells mit Nachfragetraegheit (1965); Osborne and
Rubinstein (1994), section 6.2, for the one-deviation property.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from opengames.diagnostics import refuse
from opengames.diagram import Diagram
from opengames.program import Program
from opengames.solvers.answers import Claim, deviation
from opengames.solvers.claims import diagram_of, strategy_name
from opengames.solvers.code import Choose, Draw
from opengames.solvers.layers import NODES, Graph, build
from opengames.solvers.policies import behaviour
from opengames.solvers.respond import PURE, Place, Response, respond, worths
from opengames.solvers.unroll import unroll
from opengames.tree import Player

#: Node visits beyond which overlapping subgames are refused.
VISITS = 5_000_000


def subgame_perfect(
    program: Program,
    game: str | Diagram,
    strategy: Any,
    params: Mapping[str, Any] | None = None,
    limit: int = NODES,
    pure: int = PURE,
) -> Claim:
    """Whether the strategy is an equilibrium of every subgame, also of those it never comes to."""
    code = unroll(program, diagram_of(program, game), params, limit=20 * limit)
    graph = build(code, behaviour(program, strategy, params), None, limit=limit)
    starts = subgames(graph)
    given = {player: worths(graph, player) for player in code.players}
    closed = frozenset(starts) if _apart(graph, starts) else frozenset()
    if not closed and len(starts) * graph.size > VISITS:
        raise refuse(
            "over-budget",
            f"{len(starts):,} subgames overlap in a graph of {graph.size:,} nodes",
            notes=(f"the limit is {VISITS:,} visits",),
            help="ask for `equilibrium`, or choose a smaller size",
        )
    gains: dict[Player, Fraction] = dict.fromkeys(code.players, Fraction(0))
    found = None
    for start in reversed(starts):
        for player in _deciders(graph, start, closed):
            response = respond(graph, player, start, closed, given[player], pure)
            here = given[player][start[0]]
            gain = response.value - Fraction(here.nums[start[1]], here.den)
            gains[player] = max(gains[player], gain)
            if gain > 0 and found is None:
                found = _first(graph, response, start, gain)
    verdict = "fails" if any(g > 0 for g in gains.values()) else "holds"
    notes: tuple[str, ...] = (f"{len(starts):,} subgames were checked",)
    if not graph.exact:
        notes += ("numbers that are not rational were computed as floats",)
    return Claim(
        "subgame_perfect", strategy_name(strategy), verdict, tuple(gains.items()), found, "exact, every subgame", notes
    )


def subgames(graph: Graph) -> list[Place]:
    """The nodes that a subgame starts at, in order; the first is the whole game."""
    known: dict[frozenset[Place], bool] = {}
    found: list[Place] = []
    for pc in reversed(graph.order):
        step = graph.code.steps[pc] if pc < len(graph.code.steps) else None
        if isinstance(step, Choose | Draw):
            sized = range(len(graph.states[pc]))
            found += [(pc, n) for n in reversed(sized) if _is_closed(graph, (pc, n), known)]
    if (graph.start, 0) not in found:
        found.append((graph.start, 0))
    return found[::-1]


def _is_closed(graph: Graph, start: Place, known: dict[frozenset[Place], bool]) -> bool:
    """Whether every information set that the continuation meets lies inside it."""
    front = frozenset((start,))
    chain: list[frozenset[Place]] = []
    result = True
    while front:
        if front in known:
            result = known[front]
            break
        chain.append(front)
        pc = min(p for p, _ in front)
        nodes = {n for p, n in front if p == pc}
        step = graph.code.steps[pc] if pc < len(graph.code.steps) else None
        if isinstance(step, Choose) and len(nodes) < len(graph.states[pc]):
            inside = {graph.seen[pc][n] for n in nodes}
            if any(graph.seen[pc][n] in inside for n in range(len(graph.states[pc])) if n not in nodes):
                result = False
                break
        after = {(t, n) for m in nodes for _, _, t, n in (graph.edges[pc][m] if pc in graph.edges else ())}
        front = frozenset(p for p in front if p[0] != pc) | after
    for each in chain:
        known[each] = result
    return result


def _apart(graph: Graph, starts: list[Place]) -> bool:
    """Whether no node belongs to two subgames without being in a smaller one of both."""
    owner: dict[Place, Place] = {}
    closed = set(starts)
    for start in starts:
        for place in _inside(graph, start, closed):
            if owner.setdefault(place, start) != start:
                step = graph.code.steps[place[0]] if place[0] < len(graph.code.steps) else None
                if isinstance(step, Choose):
                    return False
    return True


def _inside(graph: Graph, start: Place, closed: set[Place] | frozenset[Place]) -> list[Place]:
    """The nodes from `start` on, not looking into smaller subgames; those are left out."""
    todo, seen = [start], {start}
    while todo:
        pc, node = todo.pop()
        for _, _, t, n in graph.edges[pc][node] if pc in graph.edges else ():
            if (t, n) not in seen and (t, n) not in closed:
                seen.add((t, n))
                todo.append((t, n))
    return list(seen)


def _deciders(graph: Graph, start: Place, closed: frozenset[Place]) -> list[Player]:
    found: dict[Player, None] = {}
    for pc, _ in _inside(graph, start, closed):
        step = graph.code.steps[pc] if pc < len(graph.code.steps) else None
        if isinstance(step, Choose):
            found[step.player] = None
    return list(found)


def _first(graph: Graph, response: Response, start: Place, gain: Fraction) -> Any:
    """The first information set that the strategy comes to in the subgame, where its move is not the best."""
    likely: set[Place] = {start}
    for pc in (p for p in graph.order if p >= start[0]):
        here = [n for n in range(len(graph.states[pc])) if (pc, n) in likely]
        step = graph.code.steps[pc] if pc < len(graph.code.steps) else None
        for n in here:
            if isinstance(step, Choose):
                worse = response.worse.get((pc, graph.seen[pc][n]))
                if worse:
                    seen = graph.seen[pc][n]
                    return deviation(step, seen, worse[0], response.moves[pc, seen], gain)
            likely.update((t, m) for _, c, t, m in (graph.edges[pc][n] if pc in graph.edges else ()) if c)
    return None


__all__ = ["subgame_perfect", "subgames"]
