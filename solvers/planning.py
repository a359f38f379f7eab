"""Dynamic programming for one decider in a carrying loop.

Exactly, on the layered graph of reachable states, in rationals; or, where there are many states, on arrays:
from the last iteration to the first, the value of every point of the carried spaces is the best over the
moves of what is earned until the next iteration and the value there.

The decider must see everything that still matters when it decides (else the problem is not a Markov decision
problem, and is declined). A carried real quantity is laid on a grid of `points` and the value interpolated
linearly between: where the true value is concave in it, the result is a lower bound, with an error that falls
with the square of the spacing.

Source: Bellman, Dynamic Programming (1957), chapter III; Puterman, Markov Decision Processes (1994), section
4.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np

from opengames.clearings import clearings
from opengames.diagnostics import Refusal, refuse
from opengames.diagram import Branch, Decide, Diagram, Draw, Loop, walk
from opengames.program import Program
from opengames.show import Shown
from opengames.solvers import claims
from opengames.solvers.answers import Policy, brief
from opengames.solvers.arrays import OUTCOMES
from opengames.solvers.claims import best_response, diagram_of, is_over_budget, seat_of, units, value
from opengames.solvers.code import Choose
from opengames.solvers.completion import declared
from opengames.solvers.hoisting import hoist
from opengames.solvers.policies import Mix
from opengames.solvers.rehearsal import Rehearsed, rehearse
from opengames.solvers.respond import player_name
from opengames.solvers.sweep import ELEMENTS, Axis, Sweep, Table
from opengames.solvers.unroll import STEPS_LIMIT, unroll
from opengames.spaces import is_finite
from opengames.terms import Normal, Term, Uniform, children
from opengames.tree import Player

#: Nodes up to which the exact method is tried first.
EXACT = 20_000
#: Points that a carried real quantity is laid on, if nothing else is said.
POINTS = 101


@dataclass(frozen=True, slots=True)
class Plan:
    """An optimal plan on a grid. It is also a behaviour, and can be asked about like a strategy.

    value: what the decider expects, as a float. tables: by place and loop indices. replayed: what the plan
    earns in an exact play, where one is feasible; rehearsed: else what it earns in many plays. certificate: how far value and play
    are apart. spacing: of the grid of a real quantity, `None` without one. outcomes: values that stand for each drawn real
    quantity; 0 without one.
    """

    game: str
    player: Player
    value: float
    tables: Mapping[tuple[str, tuple[Any, ...]], Table] = field(repr=False)
    replayed: Fraction | None
    states: int
    spacing: tuple[tuple[str, float], ...] = ()
    shown: Shown | None = None
    verdict: str = "optimal on the grid"
    method: str = "dynamic programming"
    exact: bool = False
    outcomes: int = 0
    taken: frozenset[str] = field(default=frozenset(), repr=False, compare=False)
    rehearsed: Rehearsed | None = None

    @property
    def certificate(self) -> float | None:
        if self.replayed is not None:
            return abs(float(self.replayed) - self.value)
        return None if self.rehearsed is None else abs(self.rehearsed.mean - self.value)

    def __call__(self, step: Choose, seen: tuple[Any, ...]) -> Mix | None:
        table = self.tables.get((step.place, step.index))
        if table is None or step.player != self.player:
            return None
        values = dict(zip((slot for _, slot in step.seen), seen, strict=True))
        place = tuple(_point(axis, values[axis.slot]) for axis in table.axes)
        return ((step.moves[int(table.best[place])], Fraction(1)),)

    def move(self, place: str, index: tuple[Any, ...], state: tuple[Any, ...]) -> Any:
        """The best move at a decision, in a state (one value for each axis of its table)."""
        table = self.tables[place, index]
        where = tuple(_point(axis, v) for axis, v in zip(table.axes, state, strict=True))
        return table.step.moves[int(table.best[where])]

    def lines(self) -> list[str]:
        unit = f" {self.shown.unit}" if self.shown and self.shown.unit else ""
        scale = float(self.shown.scale) if self.shown else 1.0
        lines = [
            f"{player_name(self.player)} can expect {self.value / scale:.10g}{unit} "
            f"(dynamic programming, {len(self.tables):,} decisions, up to {self.states:,} states each)"
        ]
        if self.replayed is not None:
            lines.append(f"played exactly, the plan earns {brief(self.replayed, self.shown)}")
        if self.rehearsed is not None:
            lines.append(_played(self.rehearsed, scale, unit))
        for name, spacing in self.spacing:
            lines.append(f"`{name}` was laid on a grid with spacing {spacing:.6g}; values between were interpolated")
        if self.outcomes:
            lines.append(f"each drawn real quantity was taken as {self.outcomes} equally likely values")
        return lines

    def rows(self, limit: int = 400, certain: bool = True) -> tuple[tuple[Choose, tuple[Any, ...], Mix], ...]:
        """Every decision and state with its move; refuses `over-budget` beyond `limit`.

        certain: leave out the decisions that see something which does not matter; else its value there is `None`.
        """
        if sum(t.best.size for t in self.tables.values()) > limit:
            raise refuse(
                "over-budget",
                f"the plan has more than {limit:,} rows",
                help="use the plan as it is, or a smaller size",
            )
        found = []
        for table in self.tables.values():
            around = {name: value for name, _, value in table.step.around}
            index = {slot: around[name] for name, slot in table.step.seen if name in around}
            for place in np.ndindex(table.best.shape):
                known = index | {a.slot: a.values[i] for a, i in zip(table.axes, place, strict=True)}
                if not certain or all(slot in known for _, slot in table.step.seen):
                    seen = tuple(known.get(slot) for _, slot in table.step.seen)
                    found.append((table.step, seen, ((table.step.moves[int(table.best[place])], Fraction(1)),)))
        return tuple(found)

    def to_game(self, name: str) -> str:
        """The plan as text; between the points of a grid, what is done at the nearest one."""
        rows = self.rows(certain=False)
        return Policy(self.game, self.player, None, rows, taken=self.taken, nearest=bool(self.spacing)).to_game(name)


def accepts(diagram: Diagram) -> str | None:
    """Why dynamic programming cannot treat a game; `None` if it may (what is seen is checked when solving).
    """
    reason = claims.accepts(diagram)
    if reason is not None:
        return reason
    boxes = [box for _, box in walk(diagram)]
    if not any(isinstance(b, Loop) and b.carry for b in boxes):
        return "there is no carrying loop"
    if len({b.seat.name for b in boxes if isinstance(b, Decide)}) != 1:
        return "more than one player decides"
    if any(isinstance(b, Branch) for b in boxes):
        return "branches are treated exactly only: ask for `best_response`"
    return None


def dynamic_programming(
    program: Program,
    game: str | Diagram,
    player: Player | str | None = None,
    params: Mapping[str, Any] | None = None,
    points: int = POINTS,
    exact: bool | None = None,
    limit: int = ELEMENTS,
    replay: bool = True,
    outcomes: int = OUTCOMES,
) -> Policy | Plan:
    """The best that a single decider can do, and how.

    exact: `True` for rationals on the reachable states, `False` for float64 on the whole grid, `None` to
    choose by size. points: for each carried real quantity. replay: play the plan once found, exactly or many times, as its
    certificate. outcomes: equally likely values that stand for a drawn real quantity (see `quantiles`).
    """
    diagram = diagram_of(program, game, params)
    endless = any(isinstance(box, Draw) and _is_endless(box.kernel) for _, box in walk(diagram))
    if exact or (exact is None and not endless and not (clearings(diagram) and _carries_reals(diagram))):
        try:
            budget = EXACT if exact is None else 25 * EXACT
            return best_response(program, diagram, _seat(program, diagram, player, params), None, params, limit=budget)
        except Refusal as refusal:
            if exact or not is_over_budget(refusal):
                raise
    code = unroll(program, diagram, params, limit=10 * STEPS_LIMIT)
    if len(code.players) != 1 and player is None:
        raise refuse("not-yet", "more than one seat decides: dynamic programming is for a single decider")
    seat = seat_of(code, player) if player is not None else code.players[0]
    if len(code.players) != 1:
        raise refuse(
            "not-yet", f"others than {player_name(seat)} decide: dynamic programming is for a single decider",
            help="ask for `best_response` without a method: the others follow the strategy that stands after `under`",
        )  # fmt: skip
    hoist(code)
    sweep = Sweep(code, seat, points, limit, outcomes)
    worth = sweep.run()
    spacing = tuple(
        (a.name, float(a.values[1] - a.values[0])) for a in sweep.widest if a.real and len(a.values) > 1
    )
    tables = {(t.step.place, t.step.index): t for t in reversed(sweep.tables)}
    used = outcomes if endless else 0
    plan = Plan(diagram.name, seat, worth, tables, None, sweep.states, spacing, units(code)[seat], outcomes=used)
    replayed = _replay(program, diagram, plan, params) if replay and not endless else None
    rehearsed = rehearse(code, seat, tables) if replay and replayed is None else None
    return replace(plan, replayed=replayed, rehearsed=rehearsed, taken=declared(program))


def _played(found: Rehearsed, scale: float, unit: str) -> str:
    said = f"played {found.runs:,} times, the plan earns {found.mean / scale:.6g}{unit} \u00b1 {found.half / scale:.3g}{unit}"
    if found.broken:
        said += f" in all but {found.broken:,}, where the nearest point's move breaks a rule or leads outside a type"
    return said


def _is_endless(kernel: Term) -> bool:
    """Whether a distribution may have infinitely many outcomes."""
    match kernel:
        case Normal():
            return True
        case Uniform(space=space):
            return not is_finite(space)
    return any(map(_is_endless, children(kernel)))


def _carries_reals(diagram: Diagram) -> bool:
    return any(isinstance(box, Loop) and not all(is_finite(c.space) for c in box.carry) for _, box in walk(diagram))


def _seat(
    program: Program, diagram: Diagram, player: Player | str | None, params: Mapping[str, Any] | None
) -> Player | str:
    if player is not None:
        return player
    names = {box.seat.name for _, box in walk(diagram) if isinstance(box, Decide)}
    if len(names) != 1:
        raise refuse("not-yet", "more than one player decides: dynamic programming is for a single decider")
    return names.pop()


def _replay(program: Program, diagram: Diagram, plan: Plan, params: Mapping[str, Any] | None) -> Fraction | None:
    """What the plan earns exactly; `None` where too much can happen to follow it all."""
    try:
        return value(program, diagram, plan, params, limit=20 * EXACT).of(plan.player)
    except Refusal as refusal:
        if is_over_budget(refusal):
            return None
        raise


def _point(axis: Axis, value: Any) -> int:
    """The number of the axis's value nearest to `value`."""
    if isinstance(value, Fraction | float) and len(axis.values) > 1 and isinstance(axis.values[0], Fraction):
        return min(range(len(axis.values)), key=lambda i: abs(axis.values[i] - value))
    return axis.values.index(value)


__all__ = ["Axis", "Plan", "Table", "accepts", "dynamic_programming"]
