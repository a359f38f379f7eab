"""Best responses on a layered graph, exactly.

The player's information sets are taken from the last to the first. In each, the move is chosen that earns
most on average over its nodes, weighted by how likely the others and chance make them. That is right whenever
these relative weights do not depend on the player's own earlier moves: with perfect recall always (then an
information set is entered from one own move only), and wherever a set is a single node. The weights are
computed for every own move that leads into the set and compared; where they differ, pure strategies are
enumerated within a budget, which is exact too, since the payoff is linear in what is done at each set.

Source: Kuhn, Extensive games and the problem of information (1953); Piccione and Rubinstein, On the
interpretation of decision problems with imperfect recall (1997), for why recall matters.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import gcd, lcm, prod
from typing import Any

from opengames.diagnostics import refuse
from opengames.show import show
from opengames.solvers.code import Choose
from opengames.solvers.layers import ZERO, Edge, Graph, Scaled
from opengames.tree import Player

#: Pure strategies of a player without perfect recall beyond which the question is refused.
PURE = 4_096

Place = tuple[int, int]
Set = tuple[int, tuple[Any, ...]]


@dataclass(slots=True)
class Response:
    """value: what the player expects from `start` on. moves: by (step, values seen). worse: the strategy's
    own moves that earn less there than the best one, given best play afterwards. method: how it was found.
    """

    value: Fraction
    moves: dict[Set, Any]
    worse: dict[Set, tuple[Any, ...]]
    method: str


def worths(graph: Graph, player: Player) -> dict[int, Scaled]:
    """What the player expects from each node on when everybody follows the strategy."""
    found: dict[int, Scaled] = {}
    for pc in reversed(graph.order):
        found[pc] = _back(graph, pc, player, found, range(len(graph.states[pc])), {})
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
    first = start or (graph.start, 0)
    region = _region(graph, player, first, closed)
    sets = _sets(graph, player, region, closed, first)
    weights = _weights(graph, player, region, sets, first, closed)
    if weights is None:
        return _enumerate(graph, player, region, sets, first, closed, given or {}, pure)
    values: dict[int, Scaled] = {}
    moves: dict[Set, Any] = {}
    worse: dict[Set, tuple[Any, ...]] = {}
    for pc in sorted(region, reverse=True):
        nodes = region[pc]
        stop = [n for n in nodes if (pc, n) in closed and (pc, n) != first]
        chosen: dict[int, Edge] = {}
        for seen, group in sets.get(pc, {}).items():
            best, bad = _best(graph, pc, group, weights.get((pc, seen)), values)
            moves[pc, seen], worse[pc, seen] = best, bad
            chosen.update((n, next(e for e in graph.edges[pc][n] if e[0] == best)) for n in group)
        halted = set(stop)
        values[pc] = _back(graph, pc, player, values, [n for n in nodes if n not in halted], chosen)
        for n in stop:
            _put(values[pc], n, (given or {})[pc], n)
    here = values[first[0]]
    return Response(Fraction(here.nums[first[1]], here.den), moves, worse, "backward induction")


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


def _back(
    graph: Graph,
    pc: int,
    player: Player,
    values: Mapping[int, Scaled],
    nodes: Collection[int],
    chosen: Mapping[int, Edge],
) -> Scaled:
    """The values of a layer from those of later layers: the chosen edge, else the average over edges."""
    size = len(graph.states[pc])
    edges = graph.edges.get(pc)
    # A few nodes of a large layer take no more room than they need: a subgame costs what it holds.
    nums: list[int] | dict[int, int] = [0] * size if 2 * len(nodes) > size else {}
    if edges is None:
        return Scaled(nums if nums else dict.fromkeys(nodes, 0))
    used = [(n, ((1, chosen[n]),)) if n in chosen else (n, None) for n in nodes]
    scale = 1
    targets: set[int] = set()
    for n, one in used:
        if one is None:
            for _, chance, target, _ in edges[n]:
                if chance is None:
                    raise refuse("incomplete-strategy", "the strategy does not cover every decision")
                if chance:
                    scale = lcm(scale, chance.denominator)
                    targets.add(target)
        else:
            targets.add(chosen[n][2])
    common = lcm(*(values[t].den for t in targets)) if targets else 1
    factor = {t: common // values[t].den for t in targets}
    gains = graph.gains.get(pc)
    gain_den = lcm(*(gains[n].get(player, ZERO).denominator for n in nodes)) if gains else 1
    den = lcm(common * scale, gain_den)
    lift = den // (common * scale)
    for n, one in used:
        if one is not None:
            _, _, target, node = chosen[n]
            num = values[target].nums[node] * factor[target] * scale
        else:
            num = 0
            for _, chance, target, node in edges[n]:
                if chance:
                    share = chance.numerator * (scale // chance.denominator)
                    num += share * values[target].nums[node] * factor[target]
        num *= lift
        if gains:
            gain = gains[n].get(player)
            if gain:
                num += gain.numerator * (den // gain.denominator)
        nums[n] = num
    return Scaled(nums, den)


def _put(into: Scaled, node: int, source: Scaled, at: int) -> None:
    den = lcm(into.den, source.den)
    into.over(den)
    into.nums[node] = source.nums[at] * (den // source.den)


def _enumerate(
    graph: Graph,
    player: Player,
    region: dict[int, list[int]],
    sets: dict[int, dict[tuple[Any, ...], list[int]]],
    first: Place,
    closed: Collection[Place],
    given: Mapping[int, Scaled],
    pure: int,
) -> Response:
    """Every pure strategy of the player, one after the other."""
    keys = [(pc, seen) for pc in sorted(sets) for seen in sets[pc]]
    options = [[e[0] for e in graph.edges[pc][sets[pc][seen][0]]] for pc, seen in keys]
    planned = [
        [e[0] for e in graph.edges[pc][sets[pc][seen][0]] if e[1]] for pc, seen in keys
    ]
    # The strategy's own moves first, so that ties keep them.
    options = [sorted(o, key=lambda m, p=p: m not in p) for o, p in zip(options, planned, strict=True)]  # type: ignore[misc]
    count = prod(len(o) for o in options)
    if not pure:
        raise refuse(
            "not-yet",
            f"{player_name(player)} does not recall its own moves: backward induction does not decide what is best",
            help="ask `by exact`, which tries all its pure strategies",
        )
    if count > pure:
        raise refuse(
            "over-budget",
            f"{player_name(player)} does not recall its own moves, and has {show(Fraction(count))} pure strategies",
            notes=(f"the limit is {pure:,}",),
            help="let its decisions see what it did and saw before, or allow more: `by exact[strategies = ...]`",
        )
    best: tuple[Fraction, tuple[Any, ...]] | None = None
    for moves in product(*options):
        worth = _worth(graph, player, region, sets, first, closed, given, dict(zip(keys, moves, strict=True)))
        if best is None or worth > best[0]:
            best = (worth, moves)
    assert best is not None
    found = dict(zip(keys, best[1], strict=True))
    worse = {k: tuple(m for m in p if m != found[k]) for k, p in zip(keys, planned, strict=True)}
    return Response(best[0], found, worse, f"{count:,} pure strategies")


def _worth(
    graph: Graph,
    player: Player,
    region: dict[int, list[int]],
    sets: dict[int, dict[tuple[Any, ...], list[int]]],
    first: Place,
    closed: Collection[Place],
    given: Mapping[int, Scaled],
    moves: dict[Set, Any],
) -> Fraction:
    values: dict[int, Scaled] = {}
    for pc in sorted(region, reverse=True):
        stop = {n for n in region[pc] if (pc, n) in closed and (pc, n) != first}
        chosen = {
            n: next(e for e in graph.edges[pc][n] if e[0] == moves[pc, seen])
            for seen, group in sets.get(pc, {}).items()
            for n in group
        }
        values[pc] = _back(graph, pc, player, values, [n for n in region[pc] if n not in stop], chosen)
        for n in stop:
            _put(values[pc], n, given[pc], n)
    here = values[first[0]]
    return Fraction(here.nums[first[1]], here.den)


def player_name(player: Player) -> str:
    """The seat as it is written: `row`, `prosumer[1, 3, 2]`."""
    name, index = player
    return f"{name}[{', '.join(show(v) for v in index)}]" if index else name
