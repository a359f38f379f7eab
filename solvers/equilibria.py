"""All equilibria of a small game, and dominance, on its normal form.

All pure equilibria for any number of seats; for two seats the mixed ones too (see `bimatrix`).

Source: Osborne and Rubinstein (1994), sections 2.2, 4.2 and 4.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from opengames.diagnostics import Refusal, refuse
from opengames.diagram import Diagram
from opengames.program import Program
from opengames.solvers.answers import ROUNDED, brief
from opengames.solvers.bimatrix import SYSTEMS, extreme_equilibria
from opengames.solvers.claims import is_over_budget
from opengames.solvers.dominance import DominanceByParts, by_parts
from opengames.solvers.layers import NODES
from opengames.solvers.normal_form import PROFILES, NormalForm, normal_form, seats, tabulated
from opengames.solvers.respond import player_name
from opengames.solvers.text import Doing
from opengames.tree import Player

#: Equilibria beyond which the rest is only counted in a report.
SHOWN = 20

#: For each seat, the chances of its pure strategies that are used, by number.
Profile = tuple[tuple[tuple[int, Fraction], ...], ...]


@dataclass(frozen=True, slots=True)
class Equilibrium:
    """One equilibrium. payoffs: by seat. certificate: the largest gain from a pure deviation, 0."""

    form: NormalForm = field(repr=False)
    profile: Profile
    payoffs: tuple[tuple[Player, Fraction], ...]
    certificate: Fraction

    @property
    def is_pure(self) -> bool:
        return all(len(mix) == 1 for mix in self.profile)

    def lines(self) -> list[str]:
        found = []
        for seat, (player, earned) in enumerate(self.payoffs):
            mix = self.profile[seat]
            names = [
                self.form.name(seat, s) + (f" with chance {brief(p)}" if len(mix) > 1 else "") for s, p in mix
            ]
            found.append(f"{player_name(player)}: {', '.join(names)} (expects {brief(earned, self.form.unit(seat))})")
        return found

    def to_game(self, name: str) -> str:
        """The equilibrium as a strategy; mixtures become behaviour at each decision."""
        return self.form.text(name, _behaviour(self.form, self.profile))


@dataclass(frozen=True, slots=True)
class Equilibria:
    """found: pure ones first. complete: whether mixed ones were looked for too. degenerate: see `bimatrix`.
    """

    game: str
    found: tuple[Equilibrium, ...]
    complete: bool
    degenerate: bool
    notes: tuple[str, ...] = ()
    verdict: str = "computed"
    exact: bool = True

    @property
    def certificate(self) -> Fraction:
        return max((e.certificate for e in self.found), default=Fraction(0))

    def lines(self) -> list[str]:
        pure = sum(e.is_pure for e in self.found)
        lines = [f"{self.game} has {pure} pure and {len(self.found) - pure} mixed equilibria"]
        if not self.complete:
            lines = [f"{self.game} has {pure} pure equilibria; mixed ones were not looked for"]
        for number, each in enumerate(self.found[:SHOWN], 1):
            lines += [f"{number}. {line}" if i == 0 else f"   {line}" for i, line in enumerate(each.lines())]
        if len(self.found) > SHOWN:
            lines.append(f"... {len(self.found)} in all")
        return lines + list(self.notes)

    def to_game(self, name: str) -> str:
        """The equilibria that `lines` shows as strategies, numbered from 1; the others are in `found`."""
        return "\n".join(e.to_game(f"{name}_{i}") for i, e in enumerate(self.found[:SHOWN], 1))


def equilibria(
    program: Program,
    game: str | Diagram,
    params: Mapping[str, Any] | None = None,
    limit: int = NODES,
    profiles: int = PROFILES,
    systems: int = SYSTEMS,
) -> Equilibria:
    """Raises `Refusal` (`over-budget`) where the normal form is too large."""
    form = normal_form(program, game, params, limit, profiles)
    found = [_equilibrium(form, tuple(((s, Fraction(1)),) for s in key)) for key in pure_equilibria(form)]
    notes: tuple[str, ...] = ()
    complete, degenerate = len(form.players) == 1, False
    if len(form.players) == 2:
        try:
            mixed, degenerate = _mixed(form, systems)
            found += [_equilibrium(form, p) for p in mixed]
            complete = True
        except Refusal as refusal:
            if not is_over_budget(refusal):
                raise
            notes = (f"mixed equilibria were not looked for: {refusal.diagnostics[0].headline}",)
        if degenerate:
            notes += ("the game is degenerate: the equilibria listed are the corners of sets of equilibria",)
    elif len(form.players) > 2:
        notes = (f"mixed equilibria are looked for with two players; here are {len(form.players)}",)
    if not form.exact:
        notes += (ROUNDED,)
    return Equilibria(form.game, tuple(_different(form, found)), complete, degenerate, notes, exact=form.exact)


def _different(form: NormalForm, found: list[Equilibrium]) -> list[Equilibrium]:
    """The first of each: mixtures of pure strategies that are one behaviour are one equilibrium."""
    known: dict[Any, Equilibrium] = {}
    for each in found:
        try:
            key: Any = tuple((id(step), seen, mix) for step, seen, mix in _behaviour(form, each.profile))
        except Refusal:  # without recall no behaviour says what the mixture does
            key = each.profile
        known.setdefault(key, each)
    return list(known.values())


def _behaviour(form: NormalForm, profile: Profile) -> tuple[Doing, ...]:
    return tuple(row for seat, mix in enumerate(profile) for row in form.rows(seat, dict(mix)))


def pure_equilibria(form: NormalForm) -> list[tuple[int, ...]]:
    """The profiles from which no seat gains by another pure strategy."""
    best: dict[tuple[int, tuple[int, ...]], Fraction] = {}
    for key, earned in form.payoffs.items():
        for seat, value in enumerate(earned):
            others = (seat, key[:seat] + key[seat + 1 :])
            if others not in best or value > best[others]:
                best[others] = value
    return [
        key
        for key, earned in form.payoffs.items()
        if all(v == best[i, key[:i] + key[i + 1 :]] for i, v in enumerate(earned))
    ]


def _equilibrium(form: NormalForm, profile: Profile) -> Equilibrium:
    payoffs = tuple(expected(form, profile, seat) for seat in range(len(form.players)))
    gains = [
        expected(form, (*profile[:seat], ((s, Fraction(1)),), *profile[seat + 1 :]), seat) - payoffs[seat]
        for seat in range(len(form.players))
        for s in range(len(form.strategies[seat]))
    ]
    return Equilibrium(form, profile, tuple(zip(form.players, payoffs, strict=True)), max(gains, default=Fraction(0)))


def expected(form: NormalForm, profile: Profile, seat: int) -> Fraction:
    """What a seat earns under a mixed profile."""
    total = Fraction(0)
    todo: list[tuple[tuple[int, ...], Fraction]] = [((), Fraction(1))]
    for mix in profile:
        todo = [((*key, s), w * p) for key, w in todo for s, p in mix]
    for key, weight in todo:
        total += weight * form.payoffs[key][seat]
    return total


def _mixed(form: NormalForm, systems: int) -> tuple[list[Profile], bool]:
    """The properly mixed extreme equilibria, on strategies that differ in what they earn."""
    kept = undominated(form)
    rows = _distinct([(i, [form.payoffs[i, j] for j in kept[1]]) for i in kept[0]])
    columns = _distinct([(j, [form.payoffs[i, j] for i in kept[0]]) for j in kept[1]])
    first = [[form.payoffs[i, j][0] for j in columns] for i in rows]
    second = [[form.payoffs[i, j][1] for j in columns] for i in rows]
    extreme = extreme_equilibria(first, second, systems)
    found: list[Profile] = []
    for x, y in extreme.pairs:
        mix_rows = tuple((i, p) for i, p in zip(rows, x, strict=True) if p)
        mix_columns = tuple((j, p) for j, p in zip(columns, y, strict=True) if p)
        if len(mix_rows) > 1 or len(mix_columns) > 1:
            found.append((mix_rows, mix_columns))
    doubled = len(rows) < len(kept[0]) or len(columns) < len(kept[1])
    return found, extreme.degenerate or doubled


def _distinct(rows: list[tuple[int, list[Any]]]) -> list[int]:
    known: dict[tuple[Any, ...], int] = {}
    for number, row in rows:
        known.setdefault(tuple(row), number)
    return list(known.values())


# ------------------------------------------------------------------ dominance


@dataclass(frozen=True, slots=True)
class Dominance:
    """What a seat should never do. Pairs are (dominated, by what): pure strategies against pure strategies.

    dominant: a strategy as good as every other whatever the others do; strict if better than every other.
    surviving: what is left for each seat after strictly dominated strategies are removed again and again.
    """

    form: NormalForm = field(repr=False)
    player: Player
    dominant: int | None
    is_strict: bool
    strictly: tuple[tuple[int, int], ...]
    weakly: tuple[tuple[int, int], ...]
    surviving: tuple[tuple[int, ...], ...]
    verdict: str = "computed"
    certificate: Fraction = Fraction(0)

    @property
    def exact(self) -> bool:
        """Whether no payoff was computed in floats."""
        return self.form.exact

    @property
    def moves(self) -> tuple[Any, ...] | None:
        """The dominant strategy's moves, one for each information set."""
        if self.dominant is None:
            return None
        return self.form.strategies[self.form.players.index(self.player)][self.dominant]

    def lines(self) -> list[str]:
        seat = self.form.players.index(self.player)
        who = player_name(self.player)
        lines = []
        if self.dominant is None:
            lines.append(f"{who} has no dominant strategy")
        else:
            how = "strictly" if self.is_strict else "weakly"
            lines.append(f"{self.form.name(seat, self.dominant)} is {how} dominant for {who}")
        for word, pairs in (("strictly", self.strictly), ("weakly", self.weakly)):
            for bad, good in pairs[:20]:
                lines.append(f"{self.form.name(seat, bad)} is {word} dominated by {self.form.name(seat, good)}")
        for other, left in enumerate(self.surviving):
            names = ", ".join(self.form.name(other, s) for s in left[:10])
            lines.append(f"iterated elimination leaves {player_name(self.form.players[other])}: {names}")
        return lines if self.exact else [*lines, ROUNDED]

    def to_game(self, name: str) -> str:
        """The dominant strategy as text; raises `Refusal` (`no-dominant-strategy`) if there is none."""
        if self.dominant is None:
            raise refuse("no-dominant-strategy", f"{player_name(self.player)} has no dominant strategy")
        seat = self.form.players.index(self.player)
        rows = self.form.rows(seat, {self.dominant: Fraction(1)})
        return self.form.text(name, rows, "any move: what is dominant is so whatever is done here")


def dominant(
    program: Program,
    game: str | Diagram,
    player: Player | str,
    params: Mapping[str, Any] | None = None,
    limit: int = NODES,
    profiles: int | None = None,
) -> Dominance | DominanceByParts:
    """Dominance among one seat's pure strategies.

    profiles: how many a normal form may have; beyond that number `over-budget` is raised. If it is left out, a game
    whose normal form has more than `PROFILES` is decided part by part, with the same meaning (see `dominance`).
    """
    known = seats(program, game, params, limit)
    seat = known.number(player)
    if profiles is None and known.profiles > PROFILES:
        return by_parts(known, seat)
    form = tabulated(known, PROFILES if profiles is None else profiles)
    everything = [list(range(len(s))) for s in form.strategies]
    rows = {s: _row(form, everything, seat, s) for s in everything[seat]}
    strictly, weakly = [], []
    for bad, mine in rows.items():
        better = [g for g, row in rows.items() if all(a > b for a, b in zip(row, mine, strict=True))]
        good = [g for g, row in rows.items() if row != mine and _no_worse(row, mine)]
        if better:
            strictly.append((bad, better[0]))
        elif good:
            weakly.append((bad, good[0]))
    best = [s for s, row in rows.items() if all(_no_worse(row, other) for other in rows.values())]
    is_strict = len(best) >= 1 and len(strictly) == len(rows) - 1
    return Dominance(
        form,
        form.players[seat],
        best[0] if best else None,
        is_strict,
        tuple(strictly),
        tuple(weakly),
        tuple(tuple(s) for s in undominated(form)),
    )


def _no_worse(row: list[Fraction], other: list[Fraction]) -> bool:
    return all(a >= b for a, b in zip(row, other, strict=True))


def undominated(form: NormalForm) -> list[list[int]]:
    """What is left for each seat after removing strictly dominated pure strategies again and again."""
    left = [list(range(len(s))) for s in form.strategies]
    changed = True
    while changed:
        changed = False
        for seat in range(len(left)):
            rows = {s: _row(form, left, seat, s) for s in left[seat]}
            keep = [
                s
                for s, mine in rows.items()
                if not any(all(a > b for a, b in zip(row, mine, strict=True)) for row in rows.values())
            ]
            if len(keep) < len(left[seat]):
                left[seat], changed = keep, True
    return left


def _row(form: NormalForm, left: list[list[int]], seat: int, strategy: int) -> list[Fraction]:
    """What a strategy earns against everything the others have left."""
    keys: list[tuple[int, ...]] = [()]
    for other, strategies in enumerate(left):
        keys = [(*k, s) for k in keys for s in ([strategy] if other == seat else strategies)]
    return [form.payoffs[k][seat] for k in keys]
