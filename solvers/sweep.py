"""One pass of dynamic programming on arrays, from the last iteration of a loop to the first.

Every draw and every decision of an iteration is an axis of its own, before those of the carried wires; a batch of clearings is
solved for all of their combinations at once. A carried real quantity lies on a grid: over its interval, or where its type has
none over what can be reached, looked for beforehand with a few points.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, product
from math import prod
from typing import Any

import numpy as np

from opengames import spaces
from opengames.diagnostics import refuse
from opengames.solvers.arrays import OUTCOMES, Arrays
from opengames.solvers.code import Assign, Choose, Code, Draw, Formula, Gather, Join, Mark, Reward, Split
from opengames.spaces import Grid, Reals, Space
from opengames.tree import Player

#: Array elements of one iteration beyond which it is refused.
ELEMENTS = 50_000_000
#: Points of each real quantity with which what can be reached is looked for.
COARSE = 5
#: Moves worth no less than the best one but for rounding are as good, and the first of them is planned.
_ALIKE = 1e-12


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


class Sweep:
    """One pass from the last iteration to the first."""

    def __init__(self, code: Code, player: Player, points: int, limit: int, outcomes: int = OUTCOMES) -> None:
        self.code, self.player, self.points, self.limit = code, player, points, limit
        self.arrays = Arrays(*code.scope, outcomes)
        #: Where a quantity without an interval can be, by cut and slot.
        self.bounds: dict[tuple[int, int], tuple[Fraction, Fraction]] = {}
        self.fixed: dict[int, Any] = {}
        self.tables: list[Table] = []
        self.states = 1
        self.widest: tuple[Axis, ...] = ()
        # By identity, each kept beside what it was made from: spaces are large and hash slowly.
        self._laid: dict[tuple[int, int], tuple[Any, ...]] = {}
        self._columns: dict[Any, tuple[Any, Any]] = {}
        self._last: dict[int, tuple[Any, ...]] = {}
        self._moves: dict[Any, tuple[Any, Any]] = {}
        self._masks: dict[Any, tuple[Any, Any]] = {}
        self._ends: dict[int, tuple[Any, Any]] = {}

    def run(self) -> float:
        cuts = sorted({0, *self.code.cuts, len(self.code.steps)})
        kept: dict[Any, tuple[Any, ...]] = {}
        for step in self.code.choices():
            key = _asked(step)
            if key not in kept:  # rounds share their moves and rules, and go on sharing what is left of them
                kept[key] = (_never_illegal(step), step.moves, step.rules)  # what the key names stays alive with it
            step.moves = kept[key][0]
        self._explore(cuts)
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
                help="state the limits as rules of the decision (`subject to`), or give what is carried an interval as its type",
            )
        return total

    def _explore(self, cuts: list[int]) -> None:
        """Find between what a quantity without an interval can lie at each cut, going forward with a few points of each."""
        if not any(self._open(pc, slot) for pc in cuts for slot in self.code.live[pc]):
            return
        for start, end in pairwise(cuts):
            values, _, fronts, whole = self._played(start, end, self._axes(start, COARSE))
            legal: Any = np.ones(whole, dtype=bool)
            for step, mask in fronts:
                legal = legal & (mask if step is not None else mask > 0)
            for slot in self.code.live[end]:
                if not self._open(end, slot):
                    continue
                ends = np.broadcast_to(self._wire(slot, values), whole)[legal]
                ends = ends[np.isfinite(ends)]
                if not len(ends):
                    raise refuse("not-yet", f"nothing that `{self._name(end, slot)}` can be next was found")
                low, high = (Fraction(float(x)).limit_denominator(10**9) for x in (ends.min(), ends.max()))
                self.bounds[end, slot] = low, high

    def _name(self, pc: int, slot: int) -> str:
        return self._carried(pc, slot)[0]

    def _carried(self, pc: int, slot: int) -> tuple[str, Space]:
        """What a slot that is live at a cut is called, and its space."""
        return self.code.cuts.get(pc, {}).get(slot, (f"wire {slot}", self.code.spaces.get(slot, Reals())))

    def _open(self, pc: int, slot: int) -> bool:
        """Whether a slot holds a real quantity whose type does not say between what it lies."""
        space = self._carried(pc, slot)[1]
        return isinstance(space, Reals) and not space.whole and (space.lower is None or space.upper is None)

    def _axes(self, pc: int, points: int | None = None) -> tuple[Axis, ...]:
        """The axes of what is live at a cut. points: of each real quantity; a look beforehand, that no table is made of."""
        found = []
        for slot in self.code.live[pc]:
            name, space = self._carried(pc, slot)
            if self._open(pc, slot):
                low, high = self.bounds[pc, slot]
                values = _spread(low, high, points or self.points)
            else:
                values = self._values(name, space, points or self.points)
            found.append(Axis(slot, name, space, values, not spaces.is_finite(space)))
        if points is not None:
            return tuple(found)
        count = prod(len(a.values) for a in found)
        if count > self.limit:
            limit = f"the limit is {self.limit:,}"
            raise refuse("over-budget", f"the carried state has {count:,} points", notes=(limit,))
        if count > self.states:
            self.states, self.widest = count, tuple(found)
        return tuple(found)

    def _values(self, name: str, space: Space, points: int) -> tuple[Any, ...]:
        known = self._laid.get((id(space), points))
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
            values = _spread(space.lower, space.upper, points)
        else:
            raise refuse("not-yet", f"`{name}` is carried and has no points; dynamic programming needs some")
        self._laid[id(space), points] = (space, values)
        return values

    def _segment(self, start: int, end: int, before: tuple[Axis, ...], after: tuple[Axis, ...], worth: Any) -> Any:
        """The values before a stretch of code, given those after it (an array over the points of `after`)."""
        values, earned, fronts, whole = self._played(start, end, before)
        total = np.broadcast_to(earned + self._later(after, worth, values), whole)
        for kind, weights in reversed(fronts):
            if kind is None:
                # An impossible outcome contributes nothing, whatever it would be worth.
                total = np.where(weights > 0, weights * np.where(weights > 0, total, 0.0), 0.0).sum(axis=0)
            else:
                total = np.where(weights, total, -np.inf)
                most = np.max(total, axis=0)
                best = np.argmax(total >= most - _ALIKE * (1.0 + np.abs(most)), axis=0)
                total = most
                self.tables.append(Table(kind, self._seen_axes(kind, before), self._own(best, kind, before)))
        return total

    def _played(
        self, start: int, end: int, before: tuple[Axis, ...]
    ) -> tuple[dict[int, Any], Any, list[tuple[Any, Any]], tuple[int, ...]]:
        """The slots after a stretch of code, what was earned, the draws and decisions with their weights, and the whole shape."""
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
        return values, earned, fronts, whole

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


def _asked(step: Choose) -> tuple[Any, ...]:
    """What the moves left over by `_never_illegal` depend on."""
    own = [(id(rule.term), tuple(sorted((n, id(v)) for n, v in rule.fixed.items()))) for rule in step.rules if not rule.wires]
    return id(step.moves), *own


def _never_illegal(step: Choose) -> tuple[Any, ...]:
    """The moves of a decision without those that a rule about nothing but the move forbids; all, where none would be left."""
    own = [rule for rule in step.rules if not rule.wires]
    if not own:
        return step.moves
    names = [p.name for p in step.box.outs]
    legal = []
    for move in step.moves:
        values = dict(zip(names, move, strict=True)) if len(names) > 1 else {names[0]: move}
        if all(rule.run({**rule.fixed, **values}) for rule in own):
            legal.append(move)
    return tuple(legal) or step.moves


def _spread(low: Any, high: Any, points: int) -> tuple[Any, ...]:
    """Points at equal distances; one where there is no room between."""
    if low == high:
        return (low,)
    step = (high - low) / max(points - 1, 1)
    return tuple(low + i * step for i in range(points))


def _stack(parts: list[Any], rank: int) -> Any:
    """Values side by side along a new first axis, in arrays of `rank` dimensions."""
    if isinstance(parts[0], tuple):
        return tuple(_stack([p[i] for p in parts], rank) for i in range(len(parts[0])))
    arrays = np.broadcast_arrays(*(np.asarray(p) for p in parts))
    stacked = np.stack(arrays)
    return stacked.reshape((len(parts), *(1,) * (rank - stacked.ndim), *stacked.shape[1:]))


__all__ = ["ELEMENTS", "Axis", "Sweep", "Table"]
