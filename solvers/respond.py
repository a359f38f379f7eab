"""Best responses on a layered graph, exactly.

The player's information sets are taken from the last to the first. In each, the move is chosen that earns
most on average over its nodes, weighted by how likely the others and chance make them. That is right whenever
these relative weights do not depend on the player's own earlier moves: with perfect recall always (then an
information set is entered from one own move only), and wherever a set is a single node. The weights are
computed for every own move that leads into the set and compared; where they differ, the player forgets, and
`recall` finds what it can.

Source: Kuhn, Extensive games and the problem of information (1953).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction
from math import gcd, lcm
from typing import Any

from opengames.diagnostics import refuse
from opengames.solvers.code import Choose
from opengames.solvers.layers import ZERO, Edge, Graph, Scaled
from opengames.solvers.problem import Place, Problem, Response, Set, back, player_name
from opengames.solvers.recall import forgetful
from opengames.tree import Player

#: Pure strategies of a player without perfect recall that are tried where bounds do not decide.
PURE = 4_096

def worths(graph: Graph, player: Player) -> dict[int, Scaled]:
    """What the player expects from each node on when everybody follows the strategy."""
    found: dict[int, Scaled] = {}
    for pc in reversed(graph.order):
        found[pc] = back(graph, pc, player, found, range(len(graph.states[pc])), {})
    return found


def respond(
    graph: Graph,
    player: Player,
    start: Place | None = None,
    closed: Collection[Place] = (),
    given: Mapping[int, Scaled] | None = None,
    pure: int = PURE,
) -> Response:
    """The best that `player` can do from `start` on, the others following the strategy.

    pure: pure strategies that may be tried where induction does not decide; none at 0.
    closed: nodes not looked beyond; what the player expects there is in `given`.
    """
    here = problem(graph, player, start, closed, given)
    region, sets = here.region, here.sets
    weights = _weights(graph, player, region, sets, here.first, closed)
    if weights is None:
        return forgetful(here, pure)
    values: dict[int, Scaled] = {}
    moves: dict[Set, Any] = {}
    worse: dict[Set, tuple[Any, ...]] = {}
    for pc in sorted(region, reverse=True):
        chosen: dict[int, Edge] = {}
        for seen, group in sets.get(pc, {}).items():
            best, bad = _best(graph, pc, group, weights.get((pc, seen)), values)
            moves[pc, seen], worse[pc, seen] = best, bad
            chosen.update((n, next(e for e in graph.edges[pc][n] if e[0] == best)) for n in group)
        values[pc] = here.layer(pc, values, chosen)
    return Response(here.worth(values), moves, worse, "backward induction")


def problem(
    graph: Graph,
    player: Player,
    start: Place | None = None,
    closed: Collection[Place] = (),
    given: Mapping[int, Scaled] | None = None,
) -> Problem:
    """What `respond` solves. Raises `Refusal` (`hidden-rule`) for a decider who cannot know its moves."""
    first = start or (graph.start, 0)
    region = _region(graph, player, first, closed)
    return Problem(graph, player, region, _sets(graph, player, region, closed, first), first, closed, given or {})


def _region(graph: Graph, player: Player, first: Place, closed: Collection[Place]) -> dict[int, list[int]]:
    """The nodes that come into question: reached from `first`, the others following the strategy."""
    if first == (graph.start, 0) and not closed and not _has_idle(graph):
        return {pc: list(range(len(graph.states[pc]))) for pc in graph.order}
    found: dict[int, set[int]] = {first[0]: {first[1]}}
    region: dict[int, list[int]] = {}
    while found:
        pc = min(found)
        nodes = found.pop(pc)
        region[pc] = sorted(nodes)
        own = _own(graph, pc, player)
        for n in nodes:
            if pc not in graph.edges or ((pc, n) in closed and (pc, n) != first):
                continue
            for _, chance, target, node in graph.edges[pc][n]:
                if own or chance:
                    found.setdefault(target, set()).add(node)
    return region


def _has_idle(graph: Graph) -> bool:
    """Whether some player other than those exploring has moves that the strategy never makes."""
    return any(
        chance is None or not chance for edges in graph.edges.values() for es in edges for _, chance, _, _ in es
    )


def _own(graph: Graph, pc: int, player: Player) -> bool:
    step = graph.code.steps[pc] if pc < len(graph.code.steps) else None
    return isinstance(step, Choose) and step.player == player


def _sets(
    graph: Graph, player: Player, region: dict[int, list[int]], closed: Collection[Place], first: Place
) -> dict[int, dict[tuple[Any, ...], list[int]]]:
    found: dict[int, dict[tuple[Any, ...], list[int]]] = {}
    for pc, nodes in region.items():
        if _own(graph, pc, player):
            groups: dict[tuple[Any, ...], list[int]] = {}
            for n in nodes:
                if (pc, n) not in closed or (pc, n) == first:
                    groups.setdefault(graph.seen[pc][n], []).append(n)
            for group in groups.values():
                legal = [tuple(e[0] for e in graph.edges[pc][n]) for n in group]
                if any(moves != legal[0] for moves in legal):
                    step = graph.code.steps[pc]
                    assert isinstance(step, Choose)
                    raise refuse(
                        "hidden-rule",
                        f"which moves `{step.place}` allows depends on what {step.player[0]} does not see",
                        span=step.box.at,
                        help="add what the rules use to `seeing`",
                    )
            found[pc] = groups
    return found


def _weights(
    graph: Graph,
    player: Player,
    region: dict[int, list[int]],
    sets: dict[int, dict[tuple[Any, ...], list[int]]],
    first: Place,
    closed: Collection[Place],
) -> dict[Set, tuple[int, ...]] | None:
    """The relative weights of the nodes of each set that has several; `None` if they depend on own moves."""
    if all(len(group) == 1 for groups in sets.values() for group in groups.values()):
        return {}
    # flows[pc][node][source]: how likely the node is after the own move `source`, given the set it was made in.
    flows: dict[int, dict[int, dict[Any, Fraction]]] = {pc: {} for pc in region}
    flows[first[0]][first[1]] = {None: Fraction(1)}
    found: dict[Set, tuple[int, ...]] = {}
    last = max(sets)
    for pc in sorted(region):
        if pc > last or pc not in graph.edges:
            break
        here = flows.pop(pc)
        if pc in sets:
            for seen, group in sets[pc].items():
                shares = _agree([here.get(n, {}) for n in group])
                if shares is None:
                    return None
                found[pc, seen] = _whole(shares)
                for n, share in zip(group, shares, strict=True):
                    for move, _, target, node in graph.edges[pc][n]:
                        into = flows[target].setdefault(node, {})
                        into[pc, seen, move] = into.get((pc, seen, move), ZERO) + share
            continue
        for n, flow in here.items():
            if (pc, n) in closed and (pc, n) != first:
                continue
            for _, chance, target, node in graph.edges[pc][n]:
                if chance:
                    into = flows[target].setdefault(node, {})
                    for source, weight in flow.items():
                        into[source] = into.get(source, ZERO) + weight * chance
    return found


def _agree(flows: list[dict[Any, Fraction]]) -> tuple[Fraction, ...] | None:
    """The normalised weights of a set's nodes, if every source gives the same."""
    if len(flows) == 1:
        return (Fraction(1),)
    known: tuple[Fraction, ...] | None = None
    for source in {s for flow in flows for s in flow}:
        each = [flow.get(source, ZERO) for flow in flows]
        total = sum(each)
        shares = tuple(w / total for w in each)
        if known is not None and shares != known:
            return None
        known = shares
    return known


def _whole(shares: tuple[Fraction, ...]) -> tuple[int, ...]:
    den = lcm(*(s.denominator for s in shares))
    nums = [s.numerator * (den // s.denominator) for s in shares]
    common = gcd(*nums)
    return tuple(n // common for n in nums)


def _best(
    graph: Graph, pc: int, group: list[int], weights: tuple[int, ...] | None, values: dict[int, Scaled]
) -> tuple[Any, tuple[Any, ...]]:
    """The best move of an information set, the strategy's own where it is as good; and its moves that are
    not.
    """
    shares = weights or (1,)
    edges = [graph.edges[pc][n] for n in group]
    earned: list[int] = []
    for option in zip(*edges, strict=True):
        earned.append(
            sum(w * values[t].nums[n] for w, (_, _, t, n) in zip(shares, option, strict=True))
        )
    best = max(earned)
    planned = [i for i, (_, chance, _, _) in enumerate(edges[0]) if chance]
    good = [i for i in planned if earned[i] == best]
    pick = good[0] if good else earned.index(best)
    return edges[0][pick][0], tuple(edges[0][i][0] for i in planned if earned[i] < best)


__all__ = ["PURE", "Place", "Response", "Set", "player_name", "problem", "respond", "worths"]
