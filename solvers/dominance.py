"""Dominance among one seat's strategies, decided part by part where the normal form is too large.

Two information sets of a seat belong to one *part* of its strategies if some play passes both. Every play passes
sets of one part at most, so what a strategy earns is a sum over the parts:

    u(s, others) = c(others) + sum over parts P of f_P(s on P, others).

Laws. A strategy is as good as every other one whatever the others do exactly if in each part its plan is: the two
may differ in one part only, and sums keep inequalities. It is better than every other one exactly if in each
part it is. So both answers are those of the normal form. A plan that is dominated in its part makes every
strategy with it dominated; a strategy may besides be dominated only as a whole, which is not looked for here.

With one decision on every play the parts are the information sets, and single moves are compared, as in an auction.
The others' pure strategies are not listed either: `least` finds the worst that they can do to a comparison.

Source: Osborne and Rubinstein (1994), definitions 60.2 and 62.1; for the sum over a seat's information sets,
Koller, Megiddo and von Stengel, Efficient computation of equilibria for extensive two-person games (1996).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from itertools import product
from math import prod
from typing import Any

from opengames.diagnostics import refuse
from opengames.show import show
from opengames.solvers.answers import ROUNDED, point, row_line
from opengames.solvers.least import Scope, Tables, least, samples, total
from opengames.solvers.normal_form import Seats, leaves, whole_text
from opengames.solvers.respond import player_name
from opengames.solvers.ties import TIE, largest
from opengames.tree import Player

#: Plans of one part of a seat's strategies beyond which they are not compared.
PLANS = 1_000
#: Dominated plans beyond which the rest is only counted in a report.
SHOWN = 20

#: A move for each information set of a part.
Plan = tuple[Any, ...]


class Comparison(Enum):
    """How one plan compares with another, whatever the others do; `OPEN` where that is too large to know."""

    BETTER = "better against everything"
    NO_WORSE = "never worse, sometimes better"
    SAME = "the same against everything"
    AT_LEAST = "never worse; whether better is not known"
    WORSE_SOMEWHERE = "worse against something"
    OPEN = "not known"


@dataclass(frozen=True, slots=True)
class Part:
    """sets: numbers of the information sets. strictly, weakly: (dominated plan, by which). best: the first plan that
    is as good as every other, `None` without one; strict if better than every other. open: pairs not compared.
    """

    sets: tuple[int, ...]
    best: Plan | None
    is_strict: bool
    strictly: tuple[tuple[Plan, Plan], ...]
    weakly: tuple[tuple[Plan, Plan], ...]
    open: int = 0


@dataclass(frozen=True, slots=True)
class DominanceByParts:
    """What a seat should never do, part by part. The seat's dominant strategy is that of the normal form."""

    seats: Seats = field(repr=False)
    player: Player
    parts: tuple[Part, ...]
    verdict: str = "computed"
    certificate: Fraction = Fraction(0)

    @property
    def exact(self) -> bool:
        """Whether no payoff was computed in floats."""
        return self.seats.graph.exact

    @property
    def is_strict(self) -> bool:
        return all(part.is_strict for part in self.parts)

    @property
    def moves(self) -> tuple[Any, ...] | None:
        """The dominant strategy's moves, one for each information set; `None` if no strategy is dominant."""
        found: dict[int, Any] = {}
        for part in self.parts:
            if part.best is None:
                return None
            found.update(zip(part.sets, part.best, strict=True))
        return tuple(found[i] for i in range(len(found)))

    @property
    def method(self) -> str:
        """Which definition was used, and why it is the same."""
        who = player_name(self.player)
        if all(len(part.sets) == 1 for part in self.parts):
            how = f"{self._count('information set')} apart: no play passes two of {who}'s"
        else:
            how = f"{self._count('part')} of the strategies apart: no play passes two of them"
        return f"decided in {how}, so that dominance is that of the normal form ({self.seats.profiles:,} profiles)"

    def _count(self, what: str) -> str:
        return f"the one {what}" if len(self.parts) == 1 else f"each of {len(self.parts):,} {what}s"

    def lines(self) -> list[str]:
        who = player_name(self.player)
        moves = self.moves
        lines = []
        if moves is None:
            lines.append(f"{who} has no dominant strategy")
            missing = next(part for part in self.parts if part.best is None)
            lines.append(f"none is best at {self._points(missing)}")
        else:
            how = "strictly" if self.is_strict else "weakly"
            lines.append(f"this is {how} dominant for {who}:")
            lines += [
                row_line(step, seen, ((move, Fraction(1)),))
                for (step, seen), move in zip(self.seats.sets[self._seat], moves, strict=True)
            ]
        for word in ("strictly", "weakly"):
            pairs = [(part, *pair) for part in self.parts for pair in getattr(part, word)]
            for part, bad, good in pairs[:SHOWN]:
                lines.append(
                    f"at {self._points(part)}: {self._plan(part, bad)} is {word} dominated by {self._plan(part, good)}"
                )
            if len(pairs) > SHOWN:
                lines.append(f"... {len(pairs):,} moves or plans in all are {word} dominated")
        open_ = sum(part.open for part in self.parts)
        if open_:
            lines.append(f"{open_:,} comparisons of plans were too large to be decided: more may be dominated, or strictly so")
        lines += [self.method, "iterated elimination was not done: the normal form is too large"]
        return lines if self.exact else [*lines, ROUNDED]

    @property
    def _seat(self) -> int:
        return self.seats.players.index(self.player)

    def _points(self, part: Part) -> str:
        named = [point(*self.seats.sets[self._seat][i]) for i in part.sets[:3]]
        return "; ".join(named) + (f" and {len(part.sets) - 3:,} more" if len(part.sets) > 3 else "")

    def _plan(self, part: Part, plan: Plan) -> str:
        shown = []
        for i, move in zip(part.sets, plan, strict=True):
            outs = self.seats.sets[self._seat][i][0].box.outs
            values = move if len(outs) > 1 else (move,)
            each = ", ".join(show(v, p.space) for v, p in zip(values, outs, strict=True))
            shown.append(each if len(outs) == 1 else f"({each})")
        return shown[0] if len(shown) == 1 else f"({'; '.join(shown)})"

    def to_game(self, name: str) -> str:
        """The dominant strategy as text; raises `Refusal` (`no-dominant-strategy`) if there is none."""
        moves = self.moves
        if moves is None:
            raise refuse("no-dominant-strategy", f"{player_name(self.player)} has no dominant strategy")
        rows = [
            (step, seen, ((move, Fraction(1)),))
            for (step, seen), move in zip(self.seats.sets[self._seat], moves, strict=True)
        ]
        known = self.seats
        why = "any move: what is dominant is so whatever is done here"
        return whole_text(
            name, known.game, rows, known.sets, known.options, tuple(known.graph.code.choices()), known.taken, why
        )


def by_parts(known: Seats, seat: int) -> DominanceByParts:
    """Dominance among the plans of each part of a seat's strategies.

    Raises `Refusal` (`over-budget`) where a part has more than `PLANS` plans, or where it is too large to know whether
    a plan is best.
    """
    sizes, weighed = _weighed(known, seat)
    tie = Fraction(0)
    if not known.graph.exact:
        tie = TIE * largest(known.graph, known.players[seat])
    return DominanceByParts(
        known, known.players[seat], tuple(_part(known, seat, sets, ways, sizes, tie) for sets, ways in weighed)
    )


#: By the own moves on a play, then by what the others' information sets on it do: the chance times what is earned.
_Ways = dict[tuple[tuple[int, Any], ...], dict[Scope, dict[tuple[int, ...], Fraction]]]


def _weighed(known: Seats, seat: int) -> tuple[list[int], list[tuple[tuple[int, ...], _Ways]]]:
    """The sizes of the others' information sets, and for each part of the seat's what is earned on its plays."""
    numbers: dict[tuple[int, int], int] = {}
    sizes: list[int] = []
    for other, options in enumerate(known.options):
        for i, moves in enumerate(options if other != seat else ()):
            numbers[other, i] = len(sizes)
            sizes.append(len(moves))
    places = [[{m: k for k, m in enumerate(moves)} for moves in options] for options in known.options]
    joined = list(range(len(known.sets[seat])))

    def root(i: int) -> int:
        while joined[i] != i:
            i = joined[i]
        return i

    ways: _Ways = {}
    before: list[list[set[Any]]] = [[set() for _ in sets] for sets in known.sets]
    for done, chance, earned in leaves(known.graph, known.players, known.places, before):
        mine = done[seat]
        if not mine:
            continue
        for i, _ in mine[1:]:
            joined[root(i)] = root(mine[0][0])
        theirs = sorted(
            (numbers[other, i], places[other][i][move])
            for other, moves in enumerate(done)
            if other != seat
            for i, move in moves
        )
        scope, values = tuple(v for v, _ in theirs), tuple(k for _, k in theirs)
        cells = ways.setdefault(mine, {}).setdefault(scope, {})
        cells[values] = cells.get(values, Fraction(0)) + chance * earned[seat]
    parts: dict[int, tuple[list[int], _Ways]] = {}
    for i in range(len(joined)):
        parts.setdefault(root(i), ([], {}))[0].append(i)
    for mine, tables in ways.items():
        parts[root(mine[0][0])][1][mine] = tables
    return sizes, [(tuple(sets), found) for sets, found in parts.values()]


def _part(
    known: Seats, seat: int, sets: tuple[int, ...], ways: _Ways, sizes: Sequence[int], tie: Fraction
) -> Part:
    options = [known.options[seat][i] for i in sets]
    count = prod(len(o) for o in options)
    who = player_name(known.players[seat])
    if count > PLANS:
        raise refuse(
            "over-budget",
            f"{who} has {show(Fraction(count))} plans for {len(sets):,} information sets that belong together",
            notes=(f"the normal form has {show(Fraction(known.profiles))} profiles", f"the limit is {PLANS:,} plans"),
            help="choose a smaller size, or ask for a `best_response` to what the others do",
        )
    plans = list(product(*options))
    earned = {plan: _earned(ways, dict(zip(sets, plan, strict=True))) for plan in plans}
    tried = list(samples(sizes))
    seen = {plan: [total(earned[plan], values) for values in tried] for plan in plans}

    def compare(good: Plan, bad: Plan) -> Comparison:
        if any(a < b - tie for a, b in zip(seen[good], seen[bad], strict=True)):
            return Comparison.WORSE_SOMEWHERE
        return _compared(_less(earned[good], earned[bad]), sizes, tie)

    found = {(good, bad): compare(good, bad) for good in plans for bad in plans if good != bad}
    best, is_strict = None, False
    for plan in plans:
        results = {found[plan, other] for other in plans if other != plan}
        if Comparison.WORSE_SOMEWHERE in results:
            continue
        if Comparison.OPEN in results:
            raise refuse(
                "over-budget",
                f"whether a plan of {who} is best against everything is too large to know",
                notes=(f"{len(sizes):,} information sets of the others matter together",),
                help="choose a smaller size, or ask for a `best_response` to what the others do",
            )
        best, is_strict = plan, results <= {Comparison.BETTER}
        break
    strictly = _dominated(plans, found, Comparison.BETTER)
    beaten = {bad for bad, _ in strictly}
    weakly = [pair for pair in _dominated(plans, found, Comparison.NO_WORSE) if pair[0] not in beaten]
    unknown = sum(result in (Comparison.OPEN, Comparison.AT_LEAST) for result in found.values())
    return Part(sets, best, is_strict, tuple(strictly), tuple(weakly), unknown)


def _dominated(
    plans: list[Plan], found: dict[tuple[Plan, Plan], Comparison], how: Comparison
) -> list[tuple[Plan, Plan]]:
    """For each dominated plan one that dominates it, the best of all where it does."""
    first = sorted(plans, key=lambda g: -sum(found[g, b] is how for b in plans if b != g))
    pairs = []
    for bad in plans:
        good = next((g for g in first if g != bad and found[g, bad] is how), None)
        if good is not None:
            pairs.append((bad, good))
    return pairs


def _earned(ways: _Ways, plan: dict[int, Any]) -> Tables:
    """What the part's plays bring under a plan, by what the others do."""
    found: dict[Scope, dict[tuple[int, ...], Fraction]] = {}
    for mine, tables in ways.items():
        if all(plan[i] == move for i, move in mine):
            _add(found, tables, 1)
    return found


def _less(one: Tables, other: Tables) -> Tables:
    found: dict[Scope, dict[tuple[int, ...], Fraction]] = {}
    _add(found, one, 1)
    _add(found, other, -1)
    return {scope: {k: v for k, v in cells.items() if v} for scope, cells in found.items()}


def _add(into: dict[Scope, dict[tuple[int, ...], Fraction]], tables: Tables, sign: int) -> None:
    for scope, cells in tables.items():
        here = into.setdefault(scope, {})
        for key, value in cells.items():
            here[key] = here.get(key, Fraction(0)) + sign * value


def _compared(more: Tables, sizes: Sequence[int], tie: Fraction) -> Comparison:
    """more: what a plan earns more than another, by what the others do."""
    worst = least(more, sizes, tie)
    if worst.low > tie:
        return Comparison.BETTER
    if worst.high < -tie:
        return Comparison.WORSE_SOMEWHERE
    if worst.low < -tie:
        return Comparison.OPEN
    if worst.low < worst.high and worst.high > tie:
        return Comparison.AT_LEAST
    less = {scope: {key: -v for key, v in cells.items()} for scope, cells in more.items()}
    gains = least(less, sizes, tie)
    if gains.high < -tie:
        return Comparison.NO_WORSE
    return Comparison.SAME if gains.low >= -tie else Comparison.AT_LEAST


__all__ = ["Comparison", "DominanceByParts", "Part", "by_parts"]
