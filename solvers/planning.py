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

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise, product
from math import prod
from typing import Any

import numpy as np

from opengames import spaces
from opengames.diagnostics import Refusal, refuse
from opengames.diagram import Branch, Decide, Diagram, Loop, walk
from opengames.program import Program
from opengames.show import Shown
from opengames.solvers import claims
from opengames.solvers.answers import Policy, brief
from opengames.solvers.arrays import Arrays
from opengames.solvers.claims import best_response, diagram_of, is_over_budget, seat_of, units, value
from opengames.solvers.code import Assign, Choose, Code, Draw, Formula, Gather, Join, Mark, Reward, Split
from opengames.solvers.completion import declared
from opengames.solvers.policies import Mix
from opengames.solvers.respond import player_name
from opengames.solvers.unroll import STEPS_LIMIT, unroll
from opengames.spaces import Grid, Reals, Space
from opengames.tree import Player

#: Nodes up to which the exact method is tried first.
EXACT = 20_000
#: Array elements of one iteration beyond which it is refused.
ELEMENTS = 50_000_000
#: Points that a carried real quantity is laid on, if nothing else is said.
POINTS = 101


@dataclass(frozen=True, slots=True)
class Axis:
    """One carried wire: its slot, name, space, and the values that it is laid on."""

    slot: int
    name: str
    space: Space
    values: tuple[Any, ...]
    real: bool


@dataclass(frozen=True, slots=True)
class Table:
    """What to do at one decision: `best` numbers the moves, one for each point of `axes` (seen values, in
    order).
    """

    step: Choose
    axes: tuple[Axis, ...]
    best: Any


@dataclass(frozen=True, slots=True)
class Plan:
    """An optimal plan on a grid. It is also a behaviour, and can be asked about like a strategy.

    value: what the decider expects, as a float. tables: by place and loop indices. replayed: what the plan
    earns in an exact play, where one is feasible. certificate: how far the two are apart. spacing: of the
    grid of a real quantity, `None` without one.
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
    taken: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    @property
    def certificate(self) -> float | None:
        return None if self.replayed is None else abs(float(self.replayed) - self.value)

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
        for name, spacing in self.spacing:
            lines.append(f"`{name}` was laid on a grid with spacing {spacing:.6g}; values between were interpolated")
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
            for place in np.ndindex(table.best.shape):
                known = {a.slot: a.values[i] for a, i in zip(table.axes, place, strict=True)}
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
) -> Policy | Plan:
    """The best that a single decider can do, and how.

    exact: `True` for rationals on the reachable states, `False` for float64 on the whole grid, `None` to
    choose by size. points: for each carried real quantity. replay: play the plan exactly once found, as its
    certificate.
    """
    diagram = diagram_of(program, game)
    if exact is not False:
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
        raise refuse("not-yet", f"others than {player_name(seat)} decide: plug in their strategy first")
    sweep = _Sweep(code, seat, points, limit)
    worth = sweep.run()
    spacing = tuple(
        (a.name, float(a.values[1] - a.values[0])) for a in sweep.widest if a.real and len(a.values) > 1
    )
    tables = {(t.step.place, t.step.index): t for t in reversed(sweep.tables)}
    plan = Plan(diagram.name, seat, worth, tables, None, sweep.states, spacing, units(code)[seat])
    replayed = _replay(program, diagram, plan, params) if replay else None
    return Plan(diagram.name, seat, worth, tables, replayed, sweep.states, spacing, plan.shown, taken=declared(program))


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


class _Sweep:
    """One pass from the last iteration to the first."""

    def __init__(self, code: Code, player: Player, points: int, limit: int) -> None:
        self.code, self.player, self.points, self.limit = code, player, points, limit
        self.arrays = Arrays(*code.scope)
        self.fixed: dict[int, Any] = {}
        self.tables: list[Table] = []
        self.states = 1
        self.widest: tuple[Axis, ...] = ()
        # By identity, each kept beside what it was made from: spaces are large and hash slowly.
        self._laid: dict[int, tuple[Any, ...]] = {}
        self._columns: dict[Any, tuple[Any, Any]] = {}
        self._last: dict[int, tuple[Any, ...]] = {}
        self._moves: dict[Any, tuple[Any, Any]] = {}
        self._masks: dict[Any, tuple[Any, Any]] = {}
        self._ends: dict[int, tuple[Any, Any]] = {}

    def run(self) -> float:
        steps = self.code.steps
        cuts = sorted({0, *self.code.cuts, len(steps)})
        axes: tuple[Axis, ...] = ()
        worth: Any = np.zeros(())
        for start, end in reversed(list(pairwise(cuts))):
            before = self._axes(start)
            worth = self._segment(start, end, before, axes, worth)
            axes = before
        total = float(worth) + float(self.code.base[self.player])
        if not np.isfinite(total):
            raise refuse(
                "outside-type",
                "some legal move leads to a value outside its type, or some state has no legal move",
                help="state the limits as rules of the decision (`subject to`)",
            )
        return total

    def _axes(self, pc: int) -> tuple[Axis, ...]:
        carried = self.code.cuts.get(pc, {})
        found = []
        for slot in self.code.live[pc]:
            name, space = carried.get(slot, (f"wire {slot}", self.code.spaces.get(slot, Reals())))
            found.append(Axis(slot, name, space, self._values(name, space), not spaces.is_finite(space)))
        count = prod(len(a.values) for a in found)
        if count > self.limit:
            limit = f"the limit is {self.limit:,}"
            raise refuse("over-budget", f"the carried state has {count:,} points", notes=(limit,))
        if count > self.states:
            self.states, self.widest = count, tuple(found)
        return tuple(found)

    def _values(self, name: str, space: Space) -> tuple[Any, ...]:
        known = self._laid.get(id(space))
        if known is not None:
            return known[1]
        if spaces.is_finite(space):
            values = tuple(spaces.points(space))
        elif isinstance(space, Reals) and space.whole:
            raise refuse(
                "not-yet", f"`{name}` is carried and any whole number; dynamic programming needs a finite space",
                help=f"give it a range as its type: `{name}: 0..24`",
            )  # fmt: skip
        elif isinstance(space, Reals) and space.lower is not None and space.upper is not None:
            step = (space.upper - space.lower) / max(self.points - 1, 1)
            values = tuple(space.lower + i * step for i in range(self.points))
        else:
            raise refuse(
                "not-yet",
                f"`{name}` is carried and unbounded; dynamic programming needs a finite or bounded space",
                help="give it an interval as its type, or carry something smaller",
            )
        self._laid[id(space)] = (space, values)
        return values

    def _segment(self, start: int, end: int, before: tuple[Axis, ...], after: tuple[Axis, ...], worth: Any) -> Any:
        """The values before a stretch of code, given those after it (an array over the points of `after`)."""
        rank = len(before)
        values: dict[int, Any] = {}
        for i, axis in enumerate(before):
            shape = [1] * rank
            shape[i] = len(axis.values)
            values[axis.slot] = self._column(axis, tuple(shape))
        earned: Any = np.zeros(())
        # Every draw and every decision adds an axis in front; they are folded away in the opposite order.
        fronts: list[tuple[Any, Any]] = []
        whole = tuple(len(a.values) for a in before)
        for pc in range(start, end):
            step = self.code.steps[pc]
            if self.code.dead[pc]:
                continue
            match step:
                case Assign(out=out, formula=formula):
                    values[out] = self._value(formula, values)
                case Gather(out=out, items=items, flat=flat):
                    parts = tuple(self._wire(s, values) for s in items)
                    values[out] = tuple(v for p in parts for v in p) if flat else parts
                case Draw(out=out, formula=formula):
                    pairs = self.arrays.pairs(formula.term, self._env(formula, values))
                    rank += 1
                    values[out] = _stack([v for v, _ in pairs], rank)
                    fronts.append((None, _stack([c for _, c in pairs], rank)))
                    whole = (len(pairs), *whole)
                case Choose():
                    rank += 1
                    whole = (len(step.moves), *whole)
                    mask = self._choose(pc, step, before, values, rank)
                    fronts.append((step, mask))
                case Reward(entries=entries):
                    for formula, paid in entries:
                        scale = dict(paid).get(self.player)
                        if scale is not None:
                            earned = earned + float(scale) * self._value(formula, values)
                case Split() | Join():
                    raise refuse("not-yet", "branches are treated exactly only: ask for `best_response`")
                case Mark():
                    pass
            if prod(whole) > self.limit:
                raise refuse(
                    "over-budget",
                    f"one iteration has {prod(whole):,} combinations of states, moves and outcomes",
                    notes=(f"the limit is {self.limit:,}",),
                )
        total = np.broadcast_to(earned + self._later(after, worth, values), whole)
        for kind, weights in reversed(fronts):
            if kind is None:
                # An impossible outcome contributes nothing, whatever it would be worth.
                total = np.where(weights > 0, weights * np.where(weights > 0, total, 0.0), 0.0).sum(axis=0)
            else:
                total = np.where(weights, total, -np.inf)
                best = np.argmax(total, axis=0)
                total = np.max(total, axis=0)
                self.tables.append(Table(kind, self._seen_axes(kind, before), self._own(best, kind, before)))
        return total

    def _column(self, axis: Axis, shape: tuple[int, ...]) -> Any:
        """The axis's values as an array of that shape (records: a tuple of arrays)."""
        known = self._columns.get((id(axis.values), shape))
        if known is None:
            encoded = [self.arrays.encode(v) for v in axis.values]
            column: Any = np.asarray(encoded).reshape(shape)
            if isinstance(encoded[0], tuple):
                column = tuple(np.asarray(part).reshape(shape) for part in zip(*encoded, strict=True))
            known = self._columns[id(axis.values), shape] = (axis.values, column)
        return known[1]

    def _value(self, formula: Formula, values: dict[int, Any]) -> Any:
        """The value of a formula; most do not change from one iteration to the next, and are then kept."""
        wires = [values[slot] for _, slot in formula.wires]
        known = self._last.get(id(formula.term))
        if known is not None:
            _, fixed, before, result = known
            if fixed == formula.fixed and all(a is b for a, b in zip(before, wires, strict=True)):
                return result
        result = self.arrays.value(formula.term, self._env(formula, values))
        self._last[id(formula.term)] = (formula.term, formula.fixed, wires, result)
        return result

    def _later(self, after: tuple[Axis, ...], worth: Any, values: dict[int, Any]) -> Any:
        """The value of where the iteration ends up: looked up, or interpolated along real quantities."""
        if not after:
            return worth
        corners: list[list[tuple[Any, Any]]] = []
        bad: Any = np.bool_(False)
        for axis in after:
            around, wrong = self._corners(axis, self._wire(axis.slot, values))
            corners.append(around)
            bad = bad | wrong
        total: Any = 0.0
        finite = bool(np.all(np.isfinite(worth)))
        for corner in product(*corners):
            weight: Any = 1.0
            for _, share in corner:
                weight = weight * share
            places = tuple(np.broadcast_arrays(*(i for i, _ in corner))) if len(corner) > 1 else corner[0][0]
            share_of = weight * worth[places]
            # An end without any legal move counts only where its share is positive.
            total = total + (share_of if finite else np.where(weight == 0, 0.0, share_of))
        return np.where(bad, np.nan, total) if np.any(bad) else total

    def _corners(self, axis: Axis, ends: Any) -> tuple[list[tuple[Any, Any]], Any]:
        """The numbers of the points around each end with their shares, and which ends lie nowhere."""
        known = self._ends.get(id(axis.values))
        if known is not None and known[0] is ends:
            return known[1]
        if axis.real:
            top = len(axis.values) - 1
            low, high = float(axis.values[0]), float(axis.values[-1])
            place = (ends - low) / (high - low) * top if high > low else np.zeros_like(ends)
            bad = (place < -1e-6) | (place > top + 1e-6) | np.isnan(place)
            place = np.clip(np.nan_to_num(place), 0, top)
            below = np.minimum(np.floor(place + 1e-9).astype(np.int64), max(top - 1, 0))
            part = np.clip(place - below, 0.0, 1.0)
            found: Any = ([(below, 1 - part), (np.minimum(below + 1, top), part)], bad)
        elif isinstance(axis.space, Grid):
            number, near = self.arrays.nearest(ends, axis.space)
            found = ([(number, 1.0)], ~near)
        else:
            found = ([(self.arrays.place([ends], (axis.space,)), 1.0)], np.bool_(False))
        self._ends[id(axis.values)] = (ends, found)
        return found

    def _choose(self, pc: int, step: Choose, before: tuple[Axis, ...], values: dict[int, Any], rank: int) -> Any:
        """Adds the moves as a new axis; gives the mask of legal ones."""
        seen = {slot for _, slot in step.seen}
        matter = set(self.code.live[pc]) - seen
        if matter:
            carried = {a.slot: a.name for a in before}
            what = ", ".join(f"`{carried[s]}`" for s in sorted(matter) if s in carried) or "a draw that still matters"
            raise refuse(
                "not-yet",
                f"`{step.place}` does not see {what}: the problem is not a Markov decision problem",
                span=step.box.at,
                help="let the decision see it, or ask for `best_response`",
            )
        joint = len(step.outs) > 1
        for i, out in enumerate(step.outs):
            key = (id(step.moves), i, rank)
            if key not in self._moves:
                encoded = [self.arrays.encode(m[i] if joint else m) for m in step.moves]
                self._moves[key] = (step.moves, _stack(encoded, rank))
            values[out] = self._moves[key][1]
        own = dict(zip((p.name for p in step.box.outs), (values[o] for o in step.outs), strict=True))
        made = [self._allowed(rule, values, own) for rule in step.rules]
        known = self._masks.get((id(step.moves), rank))
        if known is not None and len(known[0]) == len(made) and all(map(operator.is_, known[0], made)):
            return known[1]
        mask: Any = np.ones((1,) * rank, dtype=bool)
        for each in made:
            mask = mask & each
        self._masks[id(step.moves), rank] = (made, mask)
        return mask

    def _allowed(self, rule: Formula, values: dict[int, Any], own: dict[str, Any]) -> Any:
        """Where a rule holds; kept as in `_value`."""
        wires = [values[slot] for _, slot in rule.wires] + list(own.values())
        known = self._last.get(id(rule.term))
        if known is not None and known[1] == rule.fixed and all(map(operator.is_, known[2], wires)):
            return known[3]
        result = self.arrays.value(rule.term, {**self._env(rule, values), **own})
        self._last[id(rule.term)] = (rule.term, rule.fixed, wires, result)
        return result

    def _seen_axes(self, step: Choose, before: tuple[Axis, ...]) -> tuple[Axis, ...]:
        seen = {slot for _, slot in step.seen}
        return tuple(a for a in before if a.slot in seen)

    def _own(self, best: Any, step: Choose, before: tuple[Axis, ...]) -> Any:
        """The table of moves over the axes that the decision sees."""
        seen = {slot for _, slot in step.seen}
        if best.ndim > len(before):
            raise refuse(
                "not-yet",
                f"`{step.place}` is decided after a draw of the same iteration",
                span=step.box.at,
                help="carry the draw into the next iteration, or ask for `best_response`",
            )
        return best[tuple(slice(None) if a.slot in seen else 0 for a in before)].astype(np.int32)

    def _env(self, formula: Formula, values: dict[int, Any]) -> dict[str, Any]:
        env = {name: self.arrays.encode(v) for name, v in formula.fixed.items()}
        env.update((name, values[slot]) for name, slot in formula.wires)
        return env

    def _wire(self, slot: int, values: dict[int, Any]) -> Any:
        if slot in self.code.fixed:
            return self.arrays.encode(self.code.fixed[slot])
        return values[slot]


def _stack(parts: list[Any], rank: int) -> Any:
    """Values side by side along a new first axis, in arrays of `rank` dimensions."""
    if isinstance(parts[0], tuple):
        return tuple(_stack([p[i] for p in parts], rank) for i in range(len(parts[0])))
    arrays = np.broadcast_arrays(*(np.asarray(p) for p in parts))
    stacked = np.stack(arrays)
    return stacked.reshape((len(parts), *(1,) * (rank - stacked.ndim), *stacked.shape[1:]))


def _point(axis: Axis, value: Any) -> int:
    """The number of the axis's value nearest to `value`."""
    if isinstance(value, Fraction | float) and len(axis.values) > 1 and isinstance(axis.values[0], Fraction):
        return min(range(len(axis.values)), key=lambda i: abs(axis.values[i] - value))
    return axis.values.index(value)


__all__ = ["Axis", "Plan", "Table", "accepts", "dynamic_programming"]
