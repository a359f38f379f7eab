"""The play of a diagram: as a full game tree, to be drawn or solved by hand.

A player's payoff at a leaf is the sum of its distinct earnings: each origin wire (the scope instance where
it is computed, and its name) counts once, however many decisions earn it.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from opengames.diagram import Diagram
from opengames.program import Program
from opengames.solvers.cleared import cleared
from opengames.solvers.code import Choose, Draw
from opengames.solvers.layers import Graph, build, nobody
from opengames.solvers.policies import behaviour
from opengames.solvers.unroll import unroll
from opengames.tree import Chance, Decision, Leaf, Player, Tree

#: Nodes of a tree, steps that decide nothing included, beyond which it is refused.
TREE = 200_000


def game_tree(
    program: Program,
    game: str | Diagram,
    strategy: Any = None,
    params: Mapping[str, Any] | None = None,
    limit: int = TREE,
) -> Tree:
    """The extensive form: every history apart. Raises `Refusal` (`over-budget`) beyond `limit` nodes.

    strategy: if given, decisions are played by it and appear as chance nodes.
    """
    code = unroll(program, cleared(program, game, params), params, prune=False)
    plan = nobody if strategy is None else behaviour(program, strategy, params)
    graph = build(code, plan, None if strategy is None else (), merge=False, limit=limit)
    return _tree(graph, strategy is not None)


def _tree(graph: Graph, played: bool) -> Tree:
    payoffs = _accumulate(graph)
    found: dict[tuple[int, int], Tree] = {}
    for pc in reversed(graph.order):
        step = graph.code.steps[pc] if pc < len(graph.code.steps) else None
        for node in range(len(graph.states[pc])):
            edges = graph.edges[pc][node] if pc in graph.edges else ()
            if isinstance(step, Choose) and not played:
                moves = tuple((label, found[t, n]) for label, _, t, n in edges)
                seen = step.seen_values(graph.seen[pc][node])
                found[pc, node] = Decision(step.place, step.index, step.player, seen, moves)
            elif isinstance(step, Choose | Draw):
                outcomes = tuple((label, c or Fraction(0), found[t, n]) for label, c, t, n in edges)
                found[pc, node] = Chance(step.place, step.index, outcomes)
            elif edges:
                found[pc, node] = found[edges[0][2], edges[0][3]]
            else:
                found[pc, node] = Leaf(tuple(payoffs[pc, node].items()))
    return found[graph.start, 0]


def _accumulate(graph: Graph) -> dict[tuple[int, int], dict[Player, Fraction]]:
    """What has been earned before each node. The graph must not be merged."""
    found: dict[tuple[int, int], dict[Player, Fraction]] = {(graph.start, 0): dict(graph.code.base)}
    for pc in graph.order:
        gains = graph.gains.get(pc)
        for node, edges in enumerate(graph.edges.get(pc, ())):
            so_far = found[pc, node]
            if gains and gains[node]:
                so_far = dict(so_far)
                for player, gain in gains[node].items():
                    so_far[player] += gain
            for _, _, target, n in edges:
                found[target, n] = so_far
    return found
