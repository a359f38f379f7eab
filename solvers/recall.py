"""Best responses of a seat that forgets what it did or saw: bounds from both sides, then trial of every plan.

Backward induction does not decide for such a seat, and the question is hard in general. Two games around it are easy:

    best plan, changed one information set at a time  <=  best plan  <=  best plan of a seat that forgets nothing

The left side is a plan of the seat itself, so a gain that it makes refutes. The right side allows more plans, so a
strategy that earns as much is best. Where the two meet the answer is exact; where they do not, all pure strategies
are tried within a budget (exact, since the payoff is linear in what is done at each set), and beyond it the
answer is open and says how far the bounds are apart.

A seat that forgets nothing knows its *belief*: how likely each node of its information set is. Histories that
give the same belief are one state, and the beliefs come to are finitely many.

Source: Piccione and Rubinstein, On the interpretation of decision problems with imperfect recall (1997); Koller and
Megiddo, The complexity of two-person zero-sum games in extensive form (1992), for why it is hard; Kaelbling, Littman
and Cassandra, Planning and acting in partially observable stochastic domains (1998), for beliefs as states.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from math import prod
from typing import Any

from opengames.diagnostics import refuse
from opengames.show import show
from opengames.solvers.answers import brief
from opengames.solvers.layers import ONE, ZERO, Edge, Scaled
from opengames.solvers.problem import Problem, Response, Set, multiple, player_name

#: Pure strategies that are tried at once, without looking for bounds.
FEW = 64
#: Nodes looked at while beliefs are followed, beyond which the seat is taken to see every node instead.
VISITS = 1_000_000

BOUNDS = "bounds with and without recall meet"


def forgetful(problem: Problem, pure: int) -> Response:
    """The best that a seat without perfect recall can do; `open` says where that is not known.

    pure: pure strategies that may be tried where the bounds do not meet; none of this at 0 (`not-yet`).
    """
    who = player_name(problem.player)
    if not pure:
        raise refuse(
            "not-yet",
            f"{who} does not recall its own moves: backward induction does not decide what is best",
            help="ask `by exact`, which compares with what it could do if it did, and tries its pure strategies",
        )
    count = prod(len(moves) for _, moves in options(problem))
    if count <= min(pure, FEW):
        return every_plan(problem)
    tried = [] if _is_silent(problem) else [_ascended(problem, {})]
    high = sighted(problem)
    if not any(r.value == high for r in tried):
        relaxed = remembering(problem)
        if relaxed is not None:
            high = relaxed.value
            if not any(r.value == high for r in tried):
                tried.append(_ascended(problem, relaxed.plan))
        elif not tried:
            tried.append(_ascended(problem, {key: moves[0] for key, moves in options(problem)}))
    best = max(tried, key=lambda r: r.value)
    if best.value == high:
        return best
    if count <= pure:
        return every_plan(problem)
    best.method = "bounds with and without recall"
    best.open = refuse(
        "over-budget",
        f"{who} does not recall its own moves, and has {show(Fraction(count))} pure strategies",
        notes=(
            f"the best plan found by changing one decision after the other may be up to {brief(high - best.value)} short: "
            "if it forgot nothing it could expect that much more",
            f"the limit is {pure:,} pure strategies",
        ),
        help="let its decisions see what it did and saw before, or allow more: `by exact[strategies = ...]`",
    )
    return best


def options(problem: Problem) -> list[tuple[Set, list[Any]]]:
    """The seat's information sets with their moves, the strategy's own first, so that ties keep them."""
    found = []
    for pc in sorted(problem.sets):
        for seen, nodes in problem.sets[pc].items():
            edges = problem.graph.edges[pc][nodes[0]]
            found.append(((pc, seen), [e[0] for e in sorted(edges, key=lambda e: not e[1])]))
    return found


def every_plan(problem: Problem) -> Response:
    """Every pure strategy of the seat, one after the other."""
    keys, each = [k for k, _ in options(problem)], [moves for _, moves in options(problem)]
    best: tuple[Fraction, tuple[Any, ...]] | None = None
    for moves in product(*each):
        worth = problem.worth(_valued(problem, dict(zip(keys, moves, strict=True))))
        if best is None or worth > best[0]:
            best = (worth, moves)
    assert best is not None
    plan = dict(zip(keys, best[1], strict=True))
    return Response(best[0], plan, _worse(problem, plan), f"{prod(map(len, each)):,} pure strategies")


def sighted(problem: Problem) -> Fraction:
    """What the seat could expect if it saw everything: no plan of its own earns more."""
    values: dict[int, Scaled] = {}
    for pc in sorted(problem.region, reverse=True):
        chosen: dict[int, Edge] = {}
        for group in problem.sets.get(pc, {}).values():
            for n in group:
                edges = problem.graph.edges[pc][n]
                common = multiple({values[t].den for _, _, t, _ in edges})
                chosen[n] = max(edges, key=lambda e: _over(values[e[2]], e[3], common))
        values[pc] = problem.layer(pc, values, chosen)
    return problem.worth(values)


def _is_silent(problem: Problem) -> bool:
    """Whether the strategy says nothing about some decision of the seat."""
    return any(
        chance is None
        for pc, groups in problem.sets.items()
        for group in groups.values()
        for n in group
        for _, chance, _, _ in problem.graph.edges[pc][n]
    )


def _worse(problem: Problem, plan: Mapping[Set, Any]) -> dict[Set, tuple[Any, ...]]:
    found: dict[Set, tuple[Any, ...]] = {}
    for (pc, seen), move in plan.items():
        edges = problem.graph.edges[pc][problem.sets[pc][seen][0]]
        found[pc, seen] = tuple(e[0] for e in edges if e[1] and e[0] != move)
    return found


def _edge(problem: Problem, pc: int, node: int, move: Any) -> Edge:
    return next(e for e in problem.graph.edges[pc][node] if e[0] == move)


def _valued(problem: Problem, plan: Mapping[Set, Any]) -> dict[int, Scaled]:
    values: dict[int, Scaled] = {}
    for pc in sorted(problem.region, reverse=True):
        chosen = {
            n: _edge(problem, pc, n, plan[pc, seen])
            for seen, group in problem.sets.get(pc, {}).items()
            if (pc, seen) in plan
            for n in group
        }
        values[pc] = problem.layer(pc, values, chosen)
    return values


# ------------------------------------------------------------------ one decision after the other


def _ascended(problem: Problem, plan: Mapping[Set, Any]) -> Response:
    """The plan improved at one information set after the other, from the last to the first, until none helps.

    plan: where it says nothing, what the strategy does.
    """
    plan = dict(plan)
    worth: Fraction | None = None
    while True:
        plan, found = _swept(problem, plan)
        if worth is not None and found <= worth:
            return Response(found, plan, _worse(problem, plan), BOUNDS)
        worth = found


def _swept(problem: Problem, plan: Mapping[Set, Any]) -> tuple[dict[Set, Any], Fraction]:
    """One pass. What comes before a set does not change while it is looked at, so that each change is a gain."""
    weights = _reached(problem, plan)
    values: dict[int, Scaled] = {}
    better: dict[Set, Any] = {}
    for pc in sorted(problem.region, reverse=True):
        chosen: dict[int, Edge] = {}
        for seen, group in problem.sets.get(pc, {}).items():
            better[pc, seen] = move = _best(problem, (pc, seen), group, weights, values, plan)
            chosen.update((n, _edge(problem, pc, n, move)) for n in group)
        values[pc] = problem.layer(pc, values, chosen)
    return better, problem.worth(values)


def _best(
    problem: Problem,
    key: Set,
    group: list[int],
    weights: Mapping[int, Mapping[int, int]],
    values: Mapping[int, Scaled],
    plan: Mapping[Set, Any],
) -> Any:
    pc, _ = key
    edges = problem.graph.edges[pc]
    likely = weights.get(pc, {})
    here = [(n, likely[n]) for n in group if n in likely]
    common = multiple({values[t].den for n, _ in here for _, _, t, _ in edges[n]})
    earned: dict[Any, int] = {}
    for i, (move, *_) in enumerate(edges[group[0]]):
        earned[move] = sum(w * _over(values[edges[n][i][2]], edges[n][i][3], common) for n, w in here)
    known = [plan[key]] if key in plan else [m for m, chance, _, _ in edges[group[0]] if chance]
    most = max(earned.values())
    return next(m for m in (*known, *earned) if earned[m] == most)


def _over(values: Scaled, node: int, den: int) -> int:
    """A node's value over `den`, a multiple of the layer's denominator."""
    return values.nums[node] if values.den == den else values.nums[node] * (den // values.den)


def _reached(problem: Problem, plan: Mapping[Set, Any]) -> dict[int, dict[int, int]]:
    """How likely the nodes of each step are from `first` on, relative to one another, under the plan and else the
    strategy.
    """
    found: dict[int, dict[int, int]] = {problem.first[0]: {problem.first[1]: 1}}
    dens = {problem.first[0]: 1}
    for pc in sorted(problem.region):
        here, edges = found.get(pc), problem.graph.edges.get(pc)
        if here is None or edges is None:
            continue
        moves = {
            n: plan[pc, seen] for seen, group in problem.sets.get(pc, {}).items() if (pc, seen) in plan for n in group
        }
        flows: list[tuple[int, Fraction, int, int]] = []
        for n in problem.region[pc]:
            weight = here.get(n, 0)
            if weight and not problem.stops((pc, n)):
                for move, chance, target, node in edges[n]:
                    share = (ONE if move == moves[n] else ZERO) if n in moves else chance
                    if share:
                        flows.append((weight, share, target, node))
        scale = multiple({share.denominator for _, share, _, _ in flows})
        den = dens[pc] * scale
        for target in {target for _, _, target, _ in flows}:
            common = multiple({dens.get(target, 1), den})
            lift = common // dens.get(target, 1)
            found[target] = {node: num * lift for node, num in found.get(target, {}).items()}
            dens[target] = common
        for weight, share, target, node in flows:
            part = weight * share.numerator * (scale // share.denominator) * (dens[target] // den)
            found[target][node] = found[target].get(node, 0) + part
    return found


# ------------------------------------------------------------------ with perfect recall


@dataclass(frozen=True, slots=True)
class Remembering:
    """value: what the seat could expect if it forgot nothing. plan: what it would then mostly do at each set."""

    value: Fraction
    plan: Mapping[Set, Any]


#: Chances of places that the seat cannot tell apart, adding up to one.
_Belief = tuple[int, Any, tuple[tuple[int, Fraction], ...]]


@dataclass(slots=True)
class _After:
    """What follows until the seat decides again: what is earned on the way, and the beliefs with their chances."""

    earned: Fraction = ZERO
    beliefs: dict[_Belief, Fraction] = field(default_factory=dict)


def remembering(problem: Problem, visits: int = VISITS) -> Remembering | None:
    """The best plan over beliefs; `None` where more than `visits` nodes would have to be looked at."""
    left = [visits]
    start = _onward(problem, {problem.first[0]: {problem.first[1]: Fraction(1)}}, left)
    after: dict[_Belief, list[tuple[Any, Any, _After]]] = {}
    todo = list(start.beliefs)
    while todo:
        belief = todo.pop()
        if belief in after:
            continue
        pc, _, nodes = belief
        after[belief] = []
        for i, (move, chance, _, _) in enumerate(problem.graph.edges[pc][nodes[0][0]]):
            flow: dict[int, dict[int, Fraction]] = {}
            for n, weight in nodes:
                _, _, target, node = problem.graph.edges[pc][n][i]
                there = flow.setdefault(target, {})
                there[node] = there.get(node, ZERO) + weight
            following = _onward(problem, flow, left)
            if left[0] < 0:
                return None
            after[belief].append((move, chance, following))
            todo += following.beliefs
    worth: dict[_Belief, Fraction] = {}
    chosen: dict[_Belief, tuple[Any, _After]] = {}
    for belief in sorted(after, key=lambda b: -b[0]):
        earned = [_total(following, worth) for _, _, following in after[belief]]
        most = max(earned)
        ways = [(not chance, i) for i, (_, chance, _) in enumerate(after[belief]) if earned[i] == most]
        move, _, following = after[belief][min(ways)[1]]
        worth[belief], chosen[belief] = most, (move, following)
    return Remembering(_total(start, worth), _projected(problem, start.beliefs, chosen))


def _total(after: _After, worth: Mapping[_Belief, Fraction]) -> Fraction:
    return after.earned + sum((chance * worth[b] for b, chance in after.beliefs.items()), ZERO)


def _onward(problem: Problem, flow: dict[int, dict[int, Fraction]], left: list[int]) -> _After:
    """Follows the others and chance from some places on, until the seat decides or nothing follows.

    left: the nodes that may still be looked at; less than 0 when there were too many, and then what is found is void.
    """
    graph, found = problem.graph, _After()
    sets: dict[tuple[int, Any], dict[int, Fraction]] = {}
    while flow and left[0] >= 0:
        pc = min(flow)
        here = flow.pop(pc)
        left[0] -= len(here)
        gains = graph.gains.get(pc)
        own = pc in problem.sets
        for n, weight in here.items():
            if problem.stops((pc, n)):
                known = problem.given[pc]
                found.earned += weight * Fraction(known.nums[n], known.den)
            elif own:
                sets.setdefault((pc, graph.seen[pc][n]), {})[n] = weight
            else:
                if gains:
                    found.earned += weight * gains[n].get(problem.player, ZERO)
                _spread(graph.edges[pc][n] if pc in graph.edges else (), weight, flow)
    for (pc, seen), nodes in sets.items():
        total = sum(nodes.values(), ZERO)
        belief = (pc, seen, tuple(sorted((n, w / total) for n, w in nodes.items())))
        found.beliefs[belief] = total
    return found


def _spread(edges: Iterable[Edge], weight: Fraction, flow: dict[int, dict[int, Fraction]]) -> None:
    for _, chance, target, node in edges:
        if chance is None:
            raise refuse("incomplete-strategy", "the strategy does not cover every decision")
        if chance:
            there = flow.setdefault(target, {})
            there[node] = there.get(node, ZERO) + weight * chance


def _projected(
    problem: Problem, start: Mapping[_Belief, Fraction], chosen: Mapping[_Belief, tuple[Any, _After]]
) -> dict[Set, Any]:
    """For each information set the move that a seat that forgets nothing makes most often there."""
    weights = dict(start)
    often: dict[Set, dict[Any, Fraction]] = {}
    todo = sorted({b[0] for b in chosen})
    by_step: dict[int, list[_Belief]] = {pc: [] for pc in todo}
    for belief in chosen:
        by_step[belief[0]].append(belief)
    for pc in todo:
        for belief in by_step[pc]:
            weight = weights.get(belief, ZERO)
            move, following = chosen[belief]
            counts = often.setdefault((pc, belief[1]), {})
            counts[move] = counts.get(move, ZERO) + weight
            for later, chance in following.beliefs.items() if weight else ():
                weights[later] = weights.get(later, ZERO) + weight * chance
    plan = {key: moves[0] for key, moves in options(problem)}
    plan.update((key, max(counts, key=lambda m: counts[m])) for key, counts in often.items())
    return plan


__all__ = ["FEW", "Remembering", "every_plan", "forgetful", "options", "remembering", "sighted"]
