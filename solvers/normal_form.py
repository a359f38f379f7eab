"""The normal form of a finite game: every seat's pure strategies, and what each profile earns, in rationals.

A pure strategy of a seat fixes a move for each of its information sets.

Source: Osborne and Rubinstein (1994), section 6.4 and definition 93.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import prod
from typing import Any

from opengames.diagnostics import refuse
from opengames.diagram import Diagram
from opengames.program import Program
from opengames.show import Shown, show
from opengames.solvers.answers import unit
from opengames.solvers.claims import diagram_of
from opengames.solvers.code import Choose
from opengames.solvers.completion import declared
from opengames.solvers.layers import NODES, Graph, build, nobody
from opengames.solvers.policies import Mix
from opengames.solvers.respond import Set, player_name
from opengames.solvers.text import Doing, Spare, strategy_text
from opengames.solvers.ties import joined
from opengames.solvers.unroll import unroll
from opengames.tree import Player

#: Profiles beyond which a normal form is refused.
PROFILES = 60_000


@dataclass(frozen=True, slots=True)
class NormalForm:
    """sets: each seat's information sets (decision, values seen); strategies: moves, one per information set.

    payoffs: by profile (one strategy number per seat), one number per seat. before: for each information set
    of each seat, the own moves that lead there, as (set, move) pairs, one entry per way. exact: `False` where a
    payoff was computed in floats; a seat's payoffs that are equal but for rounding are then the same number.
    choices: every decision, also those that no play comes to. taken: names that are declared already.
    """

    game: str
    players: tuple[Player, ...]
    sets: tuple[tuple[tuple[Choose, tuple[Any, ...]], ...], ...]
    strategies: tuple[tuple[tuple[Any, ...], ...], ...]
    payoffs: Mapping[tuple[int, ...], tuple[Fraction, ...]]
    before: tuple[tuple[frozenset[tuple[tuple[int, Any], ...]], ...], ...]
    exact: bool = True
    choices: tuple[Choose, ...] = ()
    taken: frozenset[str] = frozenset()

    def rows(self, seat: int, weights: Mapping[int, Fraction]) -> tuple[tuple[Choose, tuple[Any, ...], Mix], ...]:
        """A mixture of pure strategies as behaviour at each information set (Kuhn's theorem).

        Raises `Refusal` (`not-expressible`) for a seat that does not recall its own moves, unless it does not
        mix.
        """
        found = []
        for number, (step, seen) in enumerate(self.sets[seat]):
            ways = self.before[seat][number]
            if len(weights) > 1 and len(ways) > 1:
                raise refuse(
                    "not-expressible",
                    f"{player_name(self.players[seat])} does not recall its own moves: no behaviour equals this mixture",
                )
            way = next(iter(ways), ())
            there = {s: w for s, w in weights.items() if all(self.strategies[seat][s][i] == m for i, m in way)}
            chances: dict[Any, Fraction] = {}
            for s, w in (there or weights).items():
                move = self.strategies[seat][s][number]
                chances[move] = chances.get(move, Fraction(0)) + w
            total = sum(chances.values())
            ordered = sorted(chances.items(), key=lambda pair: step.moves.index(pair[0]))
            found.append((step, seen, tuple((m, c / total) for m, c in ordered)))
        return tuple(found)

    def text(self, name: str, rows: Sequence[Doing], why: str = "never reached") -> str:
        """Rows of some seats as a whole strategy: any move wherever they say nothing, and `why` in a comment."""
        options = [
            [tuple(dict.fromkeys(moves[number] for moves in strategies)) for number in range(len(sets))]
            for sets, strategies in zip(self.sets, self.strategies, strict=True)
        ]
        return whole_text(name, self.game, rows, self.sets, options, self.choices, self.taken, why)

    def unit(self, seat: int) -> Shown | None:
        """The unit that the seat's first earning was declared with."""
        return unit(self.sets[seat][0][0]) if self.sets[seat] else None

    def name(self, seat: int, strategy: int) -> str:
        """A pure strategy as its moves: `Enter`, or `Bet if card = King, ...`."""
        moves = self.strategies[seat][strategy]
        if len(moves) == 1:
            return _move(self.sets[seat][0][0], moves[0])
        parts = []
        for (step, seen), m in zip(self.sets[seat], moves, strict=True):
            knew = ", ".join(f"{n} = {show(v, step.types.get(n))}" for n, v in step.seen_values(seen))
            at = "".join(f"[{show(v)}]" for v in step.index)
            parts.append(f"{step.place}{at}: {_move(step, m)}" + (f" if {knew}" if knew else ""))
        return "(" + "; ".join(parts) + ")"


def _move(step: Choose, move: Any) -> str:
    outs = step.box.outs
    if len(outs) == 1:
        return show(move, outs[0].space)
    return "(" + ", ".join(show(m, p.space) for m, p in zip(move, outs, strict=True)) + ")"


def whole_text(
    name: str,
    game: str,
    rows: Sequence[Doing],
    sets: Sequence[Sequence[tuple[Choose, tuple[Any, ...]]]],
    options: Sequence[Sequence[tuple[Any, ...]]],
    choices: Sequence[Choose],
    taken: frozenset[str],
    why: str,
) -> str:
    """Rows of some seats as a whole strategy of `game`, with any of the options of each set where they say nothing."""
    said = {id(step) for step, _, _ in rows}
    spares = [
        Spare(step, seen, moves, why)
        for mine, legal in zip(sets, options, strict=True)
        for (step, seen), moves in zip(mine, legal, strict=True)
        if id(step) not in said
    ]
    said.update(id(spare.step) for spare in spares)
    spares += [Spare(step, None, step.moves, why) for step in choices if id(step) not in said]
    return strategy_text(name, game, rows, spares, taken)


@dataclass(frozen=True, slots=True)
class Seats:
    """The game tree of a game, with each seat's information sets and the moves that are legal there.

    places: by seat, the number of each information set, by (step, values seen).
    """

    game: str
    graph: Graph
    players: tuple[Player, ...]
    places: tuple[dict[Set, int], ...]
    sets: tuple[tuple[tuple[Choose, tuple[Any, ...]], ...], ...]
    options: tuple[tuple[tuple[Any, ...], ...], ...]
    taken: frozenset[str]

    @property
    def counts(self) -> tuple[int, ...]:
        """How many pure strategies each seat has."""
        return tuple(prod(len(o) for o in options) for options in self.options)

    @property
    def profiles(self) -> int:
        return prod(self.counts)

    def number(self, player: Player | str) -> int:
        """The number of the seat called `player`; a bare name stands for the only seat of that name."""
        named = [i for i, p in enumerate(self.players) if p == player or (isinstance(player, str) and p[0] == player)]
        if len(named) != 1:
            reason = f"there is not exactly one seat `{player}`" if named else f"nobody called `{player}` decides here"
            raise refuse("unknown-name", reason)
        return named[0]


def seats(
    program: Program, game: str | Diagram, params: Mapping[str, Any] | None = None, limit: int = NODES
) -> Seats:
    """Raises `Refusal`: `over-budget` beyond `limit` histories, `hidden-rule` for a decider who cannot know its moves."""
    diagram = diagram_of(program, game, params)
    code = unroll(program, diagram, params)
    graph = build(code, nobody, None, merge=False, limit=limit)
    places: list[dict[Set, int]] = []
    sets: list[tuple[tuple[Choose, tuple[Any, ...]], ...]] = []
    options_of: list[tuple[tuple[Any, ...], ...]] = []
    for player in code.players:
        mine = [(pc, seen, step, nodes) for pc, step in graph.choices(player) for seen, nodes in graph.sets(pc).items()]
        options = tuple(tuple(e[0] for e in graph.edges[pc][nodes[0]]) for pc, _, _, nodes in mine)
        for (pc, _, step, nodes), moves in zip(mine, options, strict=True):
            if any(tuple(e[0] for e in graph.edges[pc][n]) != moves for n in nodes):
                raise refuse(
                    "hidden-rule",
                    f"which moves `{step.place}` allows depends on what {player[0]} does not see",
                    span=step.box.at,
                )
        places.append({(pc, seen): i for i, (pc, seen, _, _) in enumerate(mine)})
        sets.append(tuple((step, seen) for _, seen, step, _ in mine))
        options_of.append(options)
    return Seats(
        diagram.name, graph, code.players, tuple(places), tuple(sets), tuple(options_of), declared(program)
    )


def normal_form(
    program: Program,
    game: str | Diagram,
    params: Mapping[str, Any] | None = None,
    limit: int = NODES,
    profiles: int = PROFILES,
) -> NormalForm:
    """Raises `Refusal` (`over-budget`) beyond `limit` histories or `profiles` profiles."""
    return tabulated(seats(program, game, params, limit), profiles)


def tabulated(known: Seats, profiles: int = PROFILES) -> NormalForm:
    """The normal form of a game whose tree is known. Raises `Refusal` (`over-budget`) beyond `profiles` profiles."""
    graph, code, counts = known.graph, known.graph.code, known.counts
    if known.profiles > profiles:
        each = ", ".join(f"{player_name(p)} {show(Fraction(n))}" for p, n in zip(code.players, counts, strict=True))
        raise refuse(
            "over-budget",
            f"the normal form has {show(Fraction(known.profiles))} profiles of pure strategies",
            notes=(f"pure strategies: {each}", f"the limit is {profiles:,} profiles"),
            help="ask for `equilibrium` of a strategy or a `best_response`, choose a smaller size, "
            "or allow more: `by enumeration[profiles = ...]`",
        )
    strategies = [tuple(product(*options)) for options in known.options]
    payoffs: dict[tuple[int, ...], list[Fraction]] = {
        key: [code.base[p] for p in code.players] for key in product(*(range(n) for n in counts))
    }
    before: list[list[set[tuple[tuple[int, Any], ...]]]] = [[set() for _ in s] for s in known.sets]
    for done, chance, earned in leaves(graph, code.players, known.places, before):
        fits = [
            [s for s, moves in enumerate(all_) if all(moves[i] == m for i, m in own)]
            for all_, own in zip(strategies, done, strict=True)
        ]
        shares = [chance * e for e in earned]
        for key in product(*fits):
            cell = payoffs[key]
            for i, share in enumerate(shares):
                cell[i] += share
    frozen = tuple(tuple(frozenset(ways) for ways in each) for each in before)
    if not graph.exact:
        for seat in range(len(code.players)):
            counts_as = joined(cell[seat] for cell in payoffs.values())
            for cell in payoffs.values():
                cell[seat] = counts_as[cell[seat]]
    table = {key: tuple(cell) for key, cell in payoffs.items()}
    return NormalForm(
        known.game,
        code.players,
        known.sets,
        tuple(strategies),
        table,
        frozen,
        graph.exact,
        tuple(code.choices()),
        known.taken,
    )


def leaves(
    graph: Graph, players: tuple[Player, ...], places: Sequence[Mapping[Set, int]], before: list[list[set[Any]]]
) -> Iterator[tuple[tuple[tuple[tuple[int, Any], ...], ...], Fraction, tuple[Fraction, ...]]]:
    """Every history: each seat's own moves on it, the chance of nature's, and what each seat earned.

    before: gets, for each information set of each seat, the own moves that lead there.
    """
    seat = {p: i for i, p in enumerate(players)}
    nothing: tuple[tuple[tuple[int, Any], ...], ...] = tuple(() for _ in players)
    here: dict[tuple[int, int], Any] = {(graph.start, 0): (nothing, Fraction(1), (Fraction(0),) * len(players))}
    for pc in graph.order:
        step = graph.code.steps[pc] if pc < len(graph.code.steps) else None
        gains = graph.gains.get(pc)
        for node in range(len(graph.states[pc])):
            done, chance, earned = here.pop((pc, node))
            if pc not in graph.edges:
                yield done, chance, earned
                continue
            if gains and gains[node]:
                earned = tuple(e + gains[node].get(p, 0) for p, e in zip(players, earned, strict=True))
            if isinstance(step, Choose):
                i = seat[step.player]
                number = places[i][pc, graph.seen[pc][node]]
                before[i][number].add(done[i])
            for label, weight, target, n in graph.edges[pc][node]:
                if isinstance(step, Choose):
                    own = (*done[:i], (*done[i], (number, label)), *done[i + 1 :])
                    here[target, n] = (own, chance, earned)
                else:
                    here[target, n] = (done, chance * (weight or 0), earned)
