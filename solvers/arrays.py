"""Terms evaluated on numpy arrays: one value for each state, move and outcome at once, in float64.

Values: numbers are float arrays, truth values bool arrays, labels integer arrays (numbered by `Labels`),
records and families tuples of arrays. All arrays broadcast against each other.

A normal or uniform quantity is drawn as `outcomes` equally likely values (see `quantiles`). Raises `Refusal` (`not-yet`) for what it cannot
do: quantifiers over the reals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np

from opengames import spaces
from opengames.diagnostics import refuse
from opengames.program import Fun
from opengames.solvers.optima import optimum
from opengames.solvers.quantiles import normal, uniform
from opengames.spaces import Grid, Reals
from opengames.terms import (
    Apply,
    At,
    Check,
    Const,
    Fold,
    Get,
    If,
    Member,
    Normal,
    Optimum,
    Pack,
    Param,
    Prim,
    Select,
    Tabulate,
    Term,
    Uniform,
    Var,
    Weighted,
)

#: Values that stand for a normal quantity, if nothing else is said.
OUTCOMES = 15
#: How far from a grid's point a number may lie and still be that point.
NEAR = 1e-9

Array = Any
Pairs = list[tuple[Any, Array]]


class Arrays:
    """Evaluates terms; `labels` numbers the labels that it meets. outcomes: values that stand for a drawn real quantity."""

    def __init__(self, funs: Mapping[str, Fun], params: Mapping[str, Any], outcomes: int = OUTCOMES) -> None:
        self.funs, self.outcomes = funs, outcomes
        self.labels: dict[str, int] = {}
        self._grids: dict[int, tuple[Grid, Array, Array]] = {}
        self._params = {name: self.encode(v) for name, v in params.items()}

    def encode(self, value: Any) -> Any:
        """An exact value as an array of no dimensions (tuples: of these)."""
        if isinstance(value, tuple):
            return tuple(self.encode(v) for v in value)
        if isinstance(value, str):
            return np.int64(self.labels.setdefault(value, len(self.labels)))
        if isinstance(value, bool):
            return np.bool_(value)
        return np.float64(value)

    def value(self, term: Term, env: Mapping[str, Any]) -> Any:
        match term:
            case Const(value=value):
                return self.encode(value)
            case Var(name=name):
                return env[name]
            case Param(name=name):
                if name not in self._params:
                    raise refuse("unknown-param-value", f"`{name}` has no value", span=term.at)
                return self._params[name]
            case Prim(op=op, args=args):
                return self._prim(term, op, [self.value(a, env) for a in args])
            case Apply(fun=fun, args=args):
                declared = self.funs[fun]
                pairs = zip(declared.inputs, args, strict=True)
                return self.value(declared.body, {p.name: self.value(a, env) for p, a in pairs})
            case If(test=test, then=then, other=other):
                return self._if(self.value(test, env), then, other, env)
            case Select(keys=keys, spaces=rows, cells=cells):
                place = self.place([self.value(k, env) for k in keys], rows)
                return choose(place, [self.value(c, env) for c in cells])
            case Pack(items=items):
                return tuple(self.value(t, env) for t in items)
            case Get(record=record, position=position):
                return self.value(record, env)[position]
            case At(family=of, keys=keys, index=index):
                return self._at(self.value(of, env), [self.value(k, env) for k in keys], index)
            case Tabulate(iters=iters, body=body):
                return tuple(self.value(body, inner) for inner in self._each(iters, env))
            case Fold():
                return self._fold(term, env)
            case Member(value=value, space=space):
                return self.member(self.value(value, env), space)
            case Check(value=value, space=space):
                found = self.value(value, env)
                fits = self.member(found, space)
                # A value outside its type poisons whatever depends on it, and nothing else.
                return np.where(fits, found, np.nan) if isinstance(space, Grid | Reals) else found
            case Optimum(clearing=ready, data=data, space=space):
                return optimum(ready, self.value(data, env), space)
        raise refuse("not-yet", f"{type(term).__name__} is not done on arrays", span=term.at)

    def pairs(self, term: Term, env: Mapping[str, Any]) -> Pairs:
        """The outcomes of a distribution with their chances; outcomes may repeat."""
        match term:
            case Weighted(pairs=pairs):
                return [(self.value(v, env), self.value(c, env)) for v, c in pairs]
            case Uniform(space=space) if spaces.is_finite(space):
                values = list(spaces.points(space))
                return [(self.encode(v), np.float64(1 / len(values))) for v in values]
            case If(test=test, then=then, other=other):
                holds = np.asarray(self.value(test, env), dtype=float)
                yes, no = self.pairs(then, env), self.pairs(other, env)
                return [(v, c * holds) for v, c in yes] + [(v, c * (1 - holds)) for v, c in no]
            case Select(keys=keys, spaces=rows, cells=cells):
                place = self.place([self.value(k, env) for k in keys], rows)
                parts = [(self.pairs(c, env), np.asarray(place == i, dtype=float)) for i, c in enumerate(cells)]
                return [(v, c * here) for cell, here in parts if np.any(here) for v, c in cell]
            case Uniform(space=Reals(lower=lower, upper=upper, whole=False)) if lower is not None and upper is not None:
                return uniform(float(lower), float(upper), self.outcomes)
            case Normal(mean=mean, deviation=deviation):
                return normal(self.value(mean, env), self.value(deviation, env), self.outcomes)
        raise refuse("not-yet", "only draws with finitely many outcomes, or normal or uniform ones, are done on arrays", span=term.at)

    def member(self, value: Any, space: spaces.Space) -> Array:
        match space:
            case Reals(lower=lower, upper=upper, whole=whole):
                low = True if lower is None else value >= float(lower) - NEAR * max(1.0, abs(float(lower)))
                if whole:
                    low = low & (np.abs(value - np.round(value)) <= NEAR * np.maximum(1.0, np.abs(value)))
                return low & (True if upper is None else value <= float(upper) + NEAR * max(1.0, abs(float(upper))))
            case Grid():
                return self.nearest(value, space)[1]
        return np.bool_(True)

    def nearest(self, value: Array, space: Grid) -> tuple[Array, Array]:
        """The number of the grid's point nearest to each value, and whether the value is that point."""
        known = self._grids.get(id(space))
        if known is None:
            points = np.asarray([float(p) for p in space.points])
            order = np.argsort(points)
            # The grid is kept with its arrays: a name for it must not outlive it.
            known = self._grids[id(space)] = (space, order, points[order])
        _, order, ordered = known
        low = np.clip(np.searchsorted(ordered, value), 1, max(len(ordered) - 1, 1)) - 1
        high = np.minimum(low + 1, len(ordered) - 1)
        pick = np.where(np.abs(ordered[high] - value) < np.abs(ordered[low] - value), high, low)
        near = np.abs(ordered[pick] - value) <= NEAR * np.maximum(1.0, np.abs(ordered[pick]))
        return order[pick], near

    def _if(self, test: Array, then: Term, other: Term, env: Mapping[str, Any]) -> Any:
        if np.all(test):
            return self.value(then, env)
        if not np.any(test):
            return self.value(other, env)
        with np.errstate(all="ignore"):
            return where(test, self.value(then, env), self.value(other, env))

    def _prim(self, term: Prim, op: str, args: list[Any]) -> Any:
        a = args[0]
        match op:
            case "+":
                return a + args[1]
            case "-":
                return a - args[1]
            case "*":
                return a * args[1]
            case "/":
                with np.errstate(all="ignore"):
                    return a / args[1]
            case "^":
                return np.power(a, args[1])
            case "neg":
                return -a
            case "abs":
                return np.abs(a)
            case "exp" | "log" | "floor" | "sqrt":
                with np.errstate(all="ignore"):
                    return getattr(np, op)(a)
            case "min" | "max":
                best = a
                for other in args[1:]:
                    best = np.minimum(best, other) if op == "min" else np.maximum(best, other)
                return best
            case "clamp":
                return np.minimum(np.maximum(a, args[1]), args[2])
            case "==" | "!=":
                same = equal(a, args[1])
                return same if op == "==" else ~same
            case "<" | "<=" | ">" | ">=":
                return compare(op, a, args[1])
            case "and":
                return np.logical_and(a, args[1])
            case "or":
                return np.logical_or(a, args[1])
            case "implies":
                return np.logical_or(~np.asarray(a), args[1])
            case "not":
                return np.logical_not(a)
            case "ind":
                return np.asarray(a, dtype=float)
        raise refuse("not-yet", f"`{op}` is not done on arrays", span=term.at)

    def place(self, keys: list[Any], index: tuple[spaces.Space, ...]) -> Array:
        """The row that keys point at, row-major."""
        place: Array = np.int64(0)
        for key, space in zip(keys, index, strict=True):
            if isinstance(space, Grid):
                count, here = len(space.points), self.nearest(key, space)[0]
            else:
                values = list(spaces.points(space))
                count, here = len(values), np.int64(0)
                for i, v in enumerate(values):
                    here = np.where(equal(key, self.encode(v)), i, here)
            place = place * count + here
        return place

    def _at(self, family: tuple[Any, ...], keys: list[Any], index: tuple[spaces.Space, ...]) -> Any:
        place = self.place(keys, index[: len(keys)])
        rest = index[len(keys) :]
        width = spaces.index_size(rest) if rest else 1
        rows = [family[i : i + width] if rest else family[i] for i in range(0, len(family), width)]
        if np.ndim(place) == 0:
            return rows[int(place)]
        return choose(place, rows)

    def _each(self, iters: tuple[tuple[str, spaces.Space], ...], env: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        if not all(spaces.is_finite(s) for _, s in iters):
            raise refuse("not-yet", "quantifiers over the reals are not done on arrays")
        for key in product(*(tuple(spaces.points(s)) for _, s in iters)):
            yield {**env, **{n: self.encode(v) for (n, _), v in zip(iters, key, strict=True)}}

    def _fold(self, term: Fold, env: Mapping[str, Any]) -> Array:
        neutral = {"sum": 0.0, "product": 1.0, "min": np.inf, "max": -np.inf, "and": True, "or": False}[term.op]
        combine = {
            "sum": np.add, "product": np.multiply, "min": np.minimum, "max": np.maximum,
            "and": np.logical_and, "or": np.logical_or,
        }[term.op]  # fmt: skip
        total: Array = neutral
        for inner in self._each(term.iters, env):
            part = self.value(term.body, inner)
            if term.where is not None:
                part = np.where(self.value(term.where, inner), part, neutral)
            total = combine(total, part)
        return total


def compare(op: str, a: Array, b: Array) -> Array:
    """A comparison in which numbers that differ by rounding only count as equal."""
    slack = NEAR * np.maximum(1.0, np.maximum(np.abs(a), np.abs(b)))
    match op:
        case "<":
            return a < b - slack
        case "<=":
            return a <= b + slack
        case ">":
            return a > b + slack
    return a >= b - slack


def equal(a: Any, b: Any) -> Array:
    if isinstance(a, tuple):
        same: Array = np.bool_(True)
        for x, y in zip(a, b, strict=True):
            same = same & equal(x, y)
        return same
    if np.asarray(a).dtype.kind == "f":
        return np.abs(a - b) <= NEAR * np.maximum(1.0, np.abs(b))
    return np.asarray(a == b)


def where(test: Array, a: Any, b: Any) -> Any:
    if isinstance(a, tuple):
        return tuple(where(test, x, y) for x, y in zip(a, b, strict=True))
    return np.where(test, a, b)


def choose(place: Array, options: list[Any]) -> Any:
    """The option that `place` numbers, element by element."""
    if isinstance(options[0], tuple):
        return tuple(choose(place, [o[i] for o in options]) for i in range(len(options[0])))
    if np.ndim(place) == 0:
        return options[int(place)]
    if all(np.ndim(o) == 0 for o in options):
        return np.asarray(options)[place]
    found = options[0]
    for i, option in enumerate(options[1:], 1):
        found = np.where(place == i, option, found)
    return found


__all__ = ["NEAR", "OUTCOMES", "Arrays", "choose", "compare", "equal", "where"]
