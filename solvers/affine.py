"""Terms as piecewise affine functions of one real variable, exactly.

A term is evaluated on a whole open interval at once, its numbers being `slope * x + level`. Where a
comparison, `min`, `max`, `clamp`, `abs`, or a membership is not the same on all of the interval, the
evaluation stops with the point where it changes, and the interval is cut there. So a finite list of points
and open pieces covers everything.

Law: on each piece the result equals the term's value at every point of it. Declines (`Declined`) what is not
piecewise affine: products and quotients of two varying numbers, `exp`, a table indexed by a varying number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

from opengames import spaces
from opengames.evaluate import evaluate
from opengames.program import Fun
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
    Pack,
    Param,
    Prim,
    Select,
    Tabulate,
    Term,
    Var,
    Weighted,
)


@dataclass(frozen=True, slots=True)
class Affine:
    """The number `slope * x + level`, with `slope` not 0 (a number that does not vary is a `Fraction`)."""

    slope: Fraction
    level: Fraction

    def at(self, x: Fraction) -> Fraction:
        return self.slope * x + self.level


@dataclass(frozen=True, slots=True)
class Piece:
    """A point (`lower == upper`) or the open interval between; `None` is an end at infinity."""

    lower: Fraction | None
    upper: Fraction | None

    @property
    def is_point(self) -> bool:
        return self.lower is not None and self.lower == self.upper

    def inside(self) -> Fraction:
        """Some point of the piece."""
        if self.lower is None:
            return Fraction(0) if self.upper is None else self.upper - 1
        return self.lower + 1 if self.upper is None else (self.lower + self.upper) / 2


class Declined(Exception):
    """The term is not piecewise affine; the message says where."""


class _Cut(Exception):
    def __init__(self, point: Fraction) -> None:
        self.point = point


class Abstract:
    """Evaluates terms on pieces. `x` is the name of the real variable."""

    def __init__(self, funs: Mapping[str, Fun], params: Mapping[str, Any], x: str | None) -> None:
        self.funs, self.params, self.x = funs, params, x

    def pieces(
        self, whole: Piece, look: Callable[[Callable[[Term, Mapping[str, Any]], Any]], Any], limit: int = 10_000
    ) -> Iterator[tuple[Piece, Any]]:
        """Cut `whole` until `look`, given an evaluator, goes through on every piece; yields what it returned.
        """
        todo = [whole]
        if not whole.is_point:
            todo += [Piece(end, end) for end in (whole.lower, whole.upper) if end is not None]
        count = 0
        while todo:
            piece = todo.pop()
            count += 1
            if count > limit:
                raise Declined(f"more than {limit:,} pieces")
            try:
                yield piece, look(lambda term, env, piece=piece: self.value(term, env, piece))  # type: ignore[misc]
            except _Cut as cut:
                at = cut.point
                todo += [Piece(piece.lower, at), Piece(at, at), Piece(at, piece.upper)]

    def value(self, term: Term, env: Mapping[str, Any], piece: Piece) -> Any:
        """The value on the piece: as in `evaluate`, save that a varying number is an `Affine`."""
        match term:
            case Const(value=value):
                return value
            case Var(name=name):
                if name == self.x and name not in env:
                    return piece.lower if piece.is_point else Affine(Fraction(1), Fraction(0))
                return env[name]
            case Param(name=name) if name in self.params:
                return self.params[name]
            case Prim(op=op, args=args):
                return self._prim(term, op, args, env, piece)
            case Apply(fun=fun, args=args):
                declared = self.funs[fun]
                inner = {p.name: self.value(a, env, piece) for p, a in zip(declared.inputs, args, strict=True)}
                return self.value(declared.body, inner, piece)
            case If(test=test, then=then, other=other):
                return self.value(then if self.value(test, env, piece) else other, env, piece)
            case Select(keys=keys, spaces=rows, cells=cells):
                return self.value(cells[self._place(keys, rows, env, piece)], env, piece)
            case Pack(items=items):
                return tuple(self.value(t, env, piece) for t in items)
            case Get(record=record, position=position):
                return self.value(record, env, piece)[position]
            case At(family=of, keys=keys, index=index) if len(keys) == len(index):
                return self.value(of, env, piece)[self._place(keys, index, env, piece)]
            case Tabulate(iters=iters, body=body):
                return tuple(self.value(body, inner, piece) for inner in _each(iters, env))
            case Fold():
                return self._fold(term, env, piece)
            case Member(value=value, space=space):
                return self._member(self.value(value, env, piece), space, piece)
            case Check(value=value, space=space):
                found = self.value(value, env, piece)
                if not self._member(found, space, piece):
                    raise Declined("a value leaves its type")
                return found
            case Weighted(pairs=pairs):
                return tuple((self.value(v, env, piece), self.value(c, env, piece)) for v, c in pairs)
        if not (self.x and _varies(env)):
            return evaluate(term, env, self.funs, self.params)
        raise Declined(f"{type(term).__name__} of a varying number")

    def _prim(self, term: Prim, op: str, args: tuple[Term, ...], env: Mapping[str, Any], piece: Piece) -> Any:
        if op in ("and", "or", "implies"):
            first = self.value(args[0], env, piece)
            if op == "and":
                return first and self.value(args[1], env, piece)
            if op == "or":
                return first or self.value(args[1], env, piece)
            return not first or self.value(args[1], env, piece)
        values = [self.value(a, env, piece) for a in args]
        if not any(isinstance(v, Affine) for v in values):
            names = [f"a{i}" for i in range(len(values))]
            return evaluate(
                Prim(op, tuple(Var(n) for n in names)), dict(zip(names, values, strict=True)), self.funs, self.params
            )
        match op:
            case "+":
                return plus(values[0], values[1])
            case "-":
                return plus(values[0], times(Fraction(-1), values[1]))
            case "neg":
                return times(Fraction(-1), values[0])
            case "*":
                return times(values[0], values[1])
            case "/" if not isinstance(values[1], Affine) and values[1] != 0:
                return times(values[0], 1 / Fraction(values[1]))
            case "<" | "<=" | ">" | ">=" | "==" | "!=":
                sign = self.sign(plus(values[0], times(Fraction(-1), values[1])), piece)
                holds = {"<": sign < 0, "<=": sign <= 0, ">": sign > 0, ">=": sign >= 0, "==": sign == 0}
                return holds.get(op, sign != 0)
            case "abs":
                return times(Fraction(self.sign(values[0], piece)), values[0])
            case "min" | "max":
                return self._extreme(op, values, piece)
            case "clamp":
                return self._extreme("min", [self._extreme("max", values[:2], piece), values[2]], piece)
        raise Declined(f"`{op}` of a varying number")

    def _extreme(self, op: str, values: list[Any], piece: Piece) -> Any:
        best = values[0]
        for other in values[1:]:
            sign = self.sign(plus(other, times(Fraction(-1), best)), piece)
            if (sign < 0) if op == "min" else (sign > 0):
                best = other
        return best

    def sign(self, value: Any, piece: Piece) -> int:
        """The sign of a number, the same on all of the piece; cuts the piece where it changes."""
        if isinstance(value, Affine):
            root = -value.level / value.slope
            if (piece.lower is None or root > piece.lower) and (piece.upper is None or root < piece.upper):
                raise _Cut(root)
            value = value.at(piece.inside())
        return (value > 0) - (value < 0)

    def _member(self, value: Any, space: spaces.Space, piece: Piece) -> bool:
        if not isinstance(value, Affine):
            return spaces.contains(space, value)
        match space:
            case Reals(lower=lower, upper=upper, whole=False):
                above = lower is None or self.sign(plus(value, -lower), piece) >= 0
                return above and (upper is None or self.sign(plus(value, -upper), piece) <= 0)
            case Grid(points=points):
                return any(self.sign(plus(value, -p), piece) == 0 for p in points)
        raise Declined("membership of a varying value")

    def _place(
        self, keys: tuple[Term, ...], index: tuple[spaces.Space, ...], env: Mapping[str, Any], piece: Piece
    ) -> int:
        found = tuple(self.value(k, env, piece) for k in keys)
        if any(isinstance(k, Affine) for k in found):
            raise Declined("a table indexed by a varying number")
        for place, key in enumerate(spaces.index_points(index)):
            if key == found:
                return place
        raise Declined("a key outside its table")

    def _fold(self, term: Fold, env: Mapping[str, Any], piece: Piece) -> Any:
        parts = (
            self.value(term.body, inner, piece)
            for inner in _each(term.iters, env)
            if term.where is None or self.value(term.where, inner, piece)
        )
        if term.op == "and":
            return all(parts)
        if term.op == "or":
            return any(parts)
        values = list(parts)
        if term.op in ("min", "max") and values:
            return self._extreme(term.op, values, piece)
        total: Any = Fraction(0) if term.op == "sum" else Fraction(1)
        for v in values:
            total = plus(total, v) if term.op == "sum" else times(total, v)
        return total


def plus(a: Any, b: Any) -> Any:
    return _sum(*_parts(a), *_parts(b))


def times(a: Any, b: Any) -> Any:
    if isinstance(a, Affine) and isinstance(b, Affine):
        raise Declined("a product of two varying numbers")
    if isinstance(b, Affine):
        a, b = b, a
    slope, level = _parts(a)
    return _sum(slope * b, level * b, Fraction(0), Fraction(0))


def _sum(p: Fraction, q: Fraction, r: Fraction, s: Fraction) -> Affine | Fraction:
    return Affine(p + r, q + s) if p + r else q + s


def _parts(a: Any) -> tuple[Fraction, Fraction]:
    if isinstance(a, float):
        raise Declined("a number that is not rational")
    return (a.slope, a.level) if isinstance(a, Affine) else (Fraction(0), a)


def _each(iters: tuple[tuple[str, spaces.Space], ...], env: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if not all(spaces.is_finite(s) for _, s in iters):
        raise Declined("a quantifier over the reals")
    names = [n for n, _ in iters]
    for key in product(*(tuple(spaces.points(s)) for _, s in iters)):
        yield {**env, **dict(zip(names, key, strict=True))}


def _varies(env: Mapping[str, Any]) -> bool:
    return any(isinstance(v, Affine) for v in env.values())
