"""One seat's problem on a layered graph: where it moves, what it cannot tell apart, and what follows is worth.

The others follow the strategy. Values of a layer are whole numbers over one denominator (see `layers.Scaled`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

from opengames.diagnostics import Refusal, refuse
from opengames.show import show
from opengames.solvers.layers import Edge, Graph, Scaled
from opengames.tree import Player

#: (step, node)
Place = tuple[int, int]
#: (step, values seen): an information set.
Set = tuple[int, tuple[Any, ...]]


@dataclass(slots=True)
class Response:
    """value: what the player expects from `start` on. moves: by (step, values seen). worse: the strategy's
    own moves that earn less there than the best one, given best play afterwards. method: how it was found.

    open: where it is not known that nothing earns more, the refusal that says so; `value` is a lower bound then.
    """

    value: Fraction
    moves: dict[Set, Any]
    worse: dict[Set, tuple[Any, ...]]
    method: str
    open: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """region: nodes by step that come into question from `first` on. sets: of the player, the nodes of each, by step.

    closed: nodes not looked beyond, other than `first`; what the player expects there is in `given`.
    """

    graph: Graph
    player: Player
    region: dict[int, list[int]]
    sets: dict[int, dict[tuple[Any, ...], list[int]]]
    first: Place
    closed: Collection[Place]
    given: Mapping[int, Scaled]

    def stops(self, place: Place) -> bool:
        return place in self.closed and place != self.first

    def layer(self, pc: int, values: Mapping[int, Scaled], chosen: Mapping[int, Edge]) -> Scaled:
        """What each node of the region is worth at step `pc`, given later layers and the edges chosen here."""
        halted = [n for n in self.region[pc] if self.stops((pc, n))]
        out = set(halted)
        found = back(self.graph, pc, self.player, values, [n for n in self.region[pc] if n not in out], chosen)
        for n in halted:
            put(found, n, self.given[pc], n)
        return found

    def worth(self, values: Mapping[int, Scaled]) -> Fraction:
        here = values[self.first[0]]
        return Fraction(here.nums[self.first[1]], here.den)


def back(
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
    gains = graph.gains.get(pc)
    if gains is None and not chosen and not graph.branches(pc):
        # Nothing is drawn, decided or earned: the numbers are those of what follows.
        goals = {edges[n][0][2] for n in nodes}
        if len(goals) == 1:
            after = values[goals.pop()]
            for n in nodes:
                nums[n] = after.nums[edges[n][0][3]]
            return Scaled(nums, after.den)
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
    common = multiple({values[t].den for t in targets})
    factor = {t: 1 if values[t].den == common else common // values[t].den for t in targets}
    earned = {n: gains[n][player] for n in nodes if player in gains[n]} if gains else {}
    base = common if scale == 1 else common * scale
    den = multiple({base, *(gain.denominator for gain in earned.values())})
    lift = 1 if den == base else den // base
    lifts = {d: den // d for d in {gain.denominator for gain in earned.values()}}
    plain = scale == 1 and lift == 1
    for n, one in used:
        if one is not None:
            _, _, target, node = chosen[n]
            num = values[target].nums[node] * factor[target] * scale
        else:
            num = 0
            for _, chance, target, node in edges[n]:
                if chance:
                    share = 1 if plain else chance.numerator * (scale // chance.denominator)
                    num += share * values[target].nums[node] * factor[target]
        if lift != 1:
            num *= lift
        if n in earned:
            gain = earned[n]
            num += gain.numerator * lifts[gain.denominator]
        nums[n] = num
    return Scaled(nums, den)


def multiple(numbers: Collection[int]) -> int:
    """The least common multiple. Where the largest number is one, as it mostly is, no gcd of long numbers is taken."""
    largest = max(numbers, default=1)
    return largest if all(largest % n == 0 for n in numbers if n != largest) else lcm(*numbers)


def put(into: Scaled, node: int, source: Scaled, at: int) -> None:
    den = lcm(into.den, source.den)
    into.over(den)
    into.nums[node] = source.nums[at] * (den // source.den)


def player_name(player: Player) -> str:
    """The seat as it is written: `row`, `prosumer[1, 3, 2]`."""
    name, index = player
    return f"{name}[{', '.join(show(v) for v in index)}]" if index else name


__all__ = ["Place", "Problem", "Response", "Set", "back", "multiple", "player_name", "put"]
