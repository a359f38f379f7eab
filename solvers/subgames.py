"""Subgame perfection, exactly.

A subgame starts at a chance or decision node whose continuation no information set leaves or enters; a
decision that starts one is alone in its information set. Nodes are those of the layered graph: histories with
equal live values have the same continuation, up to what was already earned, and count as one start. (So a
strategy that remembers only the last round is tested after every last round, whether or not somebody went
there.)

A profile is perfect if it is an equilibrium of every subgame, with the subgames inside it replaced by what
the profile earns there; that is checked from the last one to the first. Where a subgame then has one decision
left, its best move is the one after which the profile earns most.

Source: Selten, Spieltheoretische Behandlung eines Oligopolmodells mit Nachfragetraegheit (1965); Osborne and
Rubinstein (1994), section 6.2, for the one-deviation property.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from opengames.diagnostics import Refusal, refuse
from opengames.diagram import Diagram
from opengames.program import Program
from opengames.solvers.answers import AT_LEAST, ROUNDED, Claim, deviation
from opengames.solvers.claims import diagram_of, strategy_name
from opengames.solvers.code import Choose, Draw, Step
from opengames.solvers.layers import NODES, Graph, Scaled, build
from opengames.solvers.policies import behaviour
from opengames.solvers.respond import PURE, Place, Response, respond, worths
from opengames.solvers.ties import settled
from opengames.solvers.unroll import unroll
from opengames.tree import Player

#: Node visits beyond which overlapping subgames are refused.
VISITS = 5_000_000
#: Information sets met before those that settle nothing any more are forgotten.
BITS = 512


def subgame_perfect(
    program: Program,
    game: str | Diagram,
    strategy: Any,
    params: Mapping[str, Any] | None = None,
    limit: int = NODES,
    pure: int = PURE,
) -> Claim:
    """Whether the strategy is an equilibrium of every subgame, also of those it never comes to."""
    code = unroll(program, diagram_of(program, game, params, strategy), params, limit=20 * limit)
    graph = build(code, behaviour(program, strategy, params), None, limit=limit)
    starts = subgames(graph)
    given = {player: worths(graph, player) for player in code.players}
    lone = _lone(graph, frozenset(starts))
    closed = frozenset(starts) if _apart(graph, starts, lone) else frozenset()
    if not closed and len(starts) * graph.size > VISITS:
        raise refuse(
            "over-budget",
            f"{len(starts):,} subgames overlap in a graph of {graph.size:,} nodes",
            notes=(f"the limit is {VISITS:,} visits",),
            help="ask for `equilibrium`, or choose a smaller size",
        )
    gains: dict[Player, Fraction] = dict.fromkeys(code.players, Fraction(0))
    found = None
    unknown: Refusal | None = None
    for start in reversed(starts):
        alone = bool(closed) and start in lone
        for player in _deciders(graph, start, closed, alone):
            here = given[player][start[0]]
            if alone:
                response = _one_decision(graph, start, given[player])
            else:
                response = respond(graph, player, start, closed, given[player], pure)
            if response.open is not None:
                unknown = unknown or response.open
            gain = settled(response.value - Fraction(here.nums[start[1]], here.den), graph, player)
            gains[player] = max(gains[player], gain)
            if gain > 0 and found is None:
                found = _first(graph, response, start, gain)
    verdict = "fails" if any(g > 0 for g in gains.values()) else "holds"
    notes: tuple[str, ...] = (f"{len(starts):,} subgames were checked",)
    if not graph.exact:
        notes += (ROUNDED,)
    if unknown is not None:
        if verdict == "holds":
            raise unknown
        notes += (AT_LEAST,)
    return Claim(
        "subgame_perfect", strategy_name(strategy), verdict, tuple(gains.items()), found, "exact, every subgame", notes,
        exact=graph.exact,
    )  # fmt: skip


def subgames(graph: Graph) -> list[Place]:
    """The nodes that a subgame starts at, in order; the first is the whole game."""
    found: list[Place] = []
    for pc, here in _enclosed(graph):
        if isinstance(_step(graph, pc), Choose | Draw):
            found += [(pc, n) for n in reversed(range(len(here))) if here[n]]
    if (graph.start, 0) not in found:
        found.append((graph.start, 0))
    return found[::-1]


def _step(graph: Graph, pc: int) -> Step | None:
    return graph.code.steps[pc] if pc < len(graph.code.steps) else None


def _enclosed(graph: Graph) -> Iterator[tuple[int, list[bool]]]:
    """For each step, from the last to the first: whether no information set leaves or enters what a node leads to.

    Each node knows which of the information sets with several nodes it leads to wholly (bits of a whole number),
    and for those that it leads to in part, which of their nodes.
    """
    earliest: dict[int, int] = {}
    for pc in graph.order:
        for target in {t for es in graph.edges.get(pc, ()) for _, _, t, _ in es}:
            earliest.setdefault(target, pc)
    nothing = _Met(0, {})
    met: dict[int, list[_Met]] = {}
    sizes: list[int] = []
    kept = 0
    for pc in reversed(graph.order):
        numbers: dict[int, int] = {}
        if isinstance(_step(graph, pc), Choose):
            for nodes in graph.sets(pc).values():
                if len(nodes) > 1:
                    numbers.update(dict.fromkeys(nodes, len(sizes)))
                    sizes.append(len(nodes))
        here: list[_Met] = []
        for n in range(len(graph.states[pc])):
            edges = graph.edges[pc][n] if pc in graph.edges else ()
            after = {id(m): m for m in (met[t][k] for _, _, t, k in edges)}
            joined = next(iter(after.values())) if len(after) == 1 else _join(list(after.values()), sizes) if after else nothing
            if n in numbers:
                joined = _join([joined, _Met(0, {numbers[n]: frozenset((n,))})], sizes)
            here.append(joined)
        met[pc] = here
        yield pc, [not m.part for m in here]
        for target in [t for t in met if earliest.get(t, -1) == pc]:
            del met[target]
        if len(sizes) >= kept + BITS:
            _forget(met)
            kept = len(sizes)


@dataclass(frozen=True, slots=True)
class _Met:
    """Information sets that a node leads to. whole: bits of their numbers; part: their nodes, where some are missing."""

    whole: int
    part: dict[int, frozenset[int]]


def _join(each: list[_Met], sizes: list[int]) -> _Met:
    whole = 0
    for one in each:
        whole |= one.whole
    part: dict[int, frozenset[int]] = {}
    for one in each:
        for number, nodes in one.part.items():
            part[number] = part.get(number, frozenset()) | nodes
    for number in list(part):
        if len(part[number]) == sizes[number]:
            whole |= 1 << number
        if whole >> number & 1:
            del part[number]
    return _Met(whole, part)


def _forget(met: dict[int, list[_Met]]) -> None:
    """Drop the bits of information sets that nothing still to be looked at leads to only in part.

    Where everything that leads to a set leads to all of it, it cannot lie across anything any more.
    """
    alive = {id(m): m for layer in met.values() for m in layer}
    needed = 0
    for m in alive.values():
        for number in m.part:
            needed |= 1 << number
    short = {key: _Met(m.whole & needed, m.part) for key, m in alive.items()}
    for layer in met.values():
        layer[:] = [short[id(m)] for m in layer]


def _lone(graph: Graph, starts: frozenset[Place]) -> frozenset[Place]:
    """The subgames with no decision but the one they start with, smaller subgames left out."""
    more: dict[int, list[bool]] = {}
    found: list[Place] = []
    for pc in reversed(graph.order):
        choice = isinstance(_step(graph, pc), Choose)
        more[pc] = []
        for n in range(len(graph.states[pc])):
            edges = graph.edges[pc][n] if pc in graph.edges else ()
            below = any(more[t][k] for _, _, t, k in edges)
            if (pc, n) in starts:
                if not below:
                    found.append((pc, n))
                below = False
            else:
                below = below or choice
            more[pc].append(below)
    return frozenset(found)


def _one_decision(graph: Graph, start: Place, given: Mapping[int, Scaled]) -> Response:
    """The best move at a decision after which everything goes by the strategy."""
    pc, n = start
    edges = graph.edges[pc][n]
    there = given[edges[0][2]]
    earned = [there.nums[k] for _, _, _, k in edges]
    best = max(earned)
    planned = [i for i, (_, chance, _, _) in enumerate(edges) if chance]
    pick = next((i for i in planned if earned[i] == best), earned.index(best))
    seen = graph.seen[pc][n]
    worse = tuple(edges[i][0] for i in planned if earned[i] < best)
    return Response(Fraction(best, there.den), {(pc, seen): edges[pick][0]}, {(pc, seen): worse}, "one decision")


def _apart(graph: Graph, starts: list[Place], lone: frozenset[Place]) -> bool:
    """Whether no decision belongs to two subgames without being in a smaller one of both."""
    owner: dict[Place, Place] = {}
    closed = frozenset(starts)
    for start in starts:
        for place in _inside(graph, start, closed) if start not in lone else ():
            if isinstance(_step(graph, place[0]), Choose) and owner.setdefault(place, start) != start:
                return False
    return True


def _inside(graph: Graph, start: Place, closed: frozenset[Place]) -> list[Place]:
    """The nodes from `start` on, not looking into smaller subgames; those are left out."""
    todo, seen = [start], {start}
    while todo:
        pc, node = todo.pop()
        for _, _, t, n in graph.edges[pc][node] if pc in graph.edges else ():
            if (t, n) not in seen and (t, n) not in closed:
                seen.add((t, n))
                todo.append((t, n))
    return list(seen)


def _deciders(graph: Graph, start: Place, closed: frozenset[Place], alone: bool) -> list[Player]:
    found: dict[Player, None] = {}
    for pc, _ in [start] if alone else _inside(graph, start, closed):
        step = _step(graph, pc)
        if isinstance(step, Choose):
            found[step.player] = None
    return list(found)


def _first(graph: Graph, response: Response, start: Place, gain: Fraction) -> Any:
    """The first information set that the strategy comes to in the subgame, where its move is not the best."""
    likely: set[Place] = {start}
    for pc in (p for p in graph.order if p >= start[0]):
        here = [n for n in range(len(graph.states[pc])) if (pc, n) in likely]
        step = _step(graph, pc)
        for n in here:
            if isinstance(step, Choose):
                worse = response.worse.get((pc, graph.seen[pc][n]))
                if worse:
                    seen = graph.seen[pc][n]
                    return deviation(step, seen, worse[0], response.moves[pc, seen], gain)
            likely.update((t, m) for _, c, t, m in (graph.edges[pc][n] if pc in graph.edges else ()) if c)
    return None


__all__ = ["subgame_perfect", "subgames"]
