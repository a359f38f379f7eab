"""Comprehensions read for many lanes at once: sums as sums of consecutive items, conditions as joins.

`sum(p[g] for g in Gen if gen[g].bus == b)` in 2,000 lanes `b` does not look at 2,000 times 500 pairs: where a condition is an
equality between something that only the comprehension's variables decide and something that they do not touch, the pairs that
meet it are found by sorting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from opengames.diagnostics import refuse
from opengames.solvers.clearing import affine_values as av
from opengames.solvers.clearing.frames import (
    Code,
    Frame,
    Num,
    Sym,
    Value,
    coded,
    digits,
    lift,
    relabelled,
    times,
    too_many,
)  # fmt: skip
from opengames.solvers.clearing.scopes import DATA, DECIDED, KNOWN, Binding, Scope
from opengames.spaces import REAL, Space, index_size, is_finite, points
from opengames.terms import Fold, Prim, Tabulate, Term, Var, free

if TYPE_CHECKING:
    from opengames.solvers.clearing.affine_terms import Reader

Iters = tuple[tuple[str, Space], ...]


def variable(reader: Reader, name: str, code: Code) -> Binding:
    """A variable that runs over lanes."""
    lane = f"{name} lane {len(reader.lanes)}"
    reader.lanes[lane] = code
    return Binding(lambda: KNOWN, lambda: code, lambda: Var(lane))


def spread(reader: Reader, iters: Iters, scope: Scope, frame: Frame) -> tuple[Frame, Scope]:
    """Every point of `iters` in every lane."""
    new, codes, every = times(frame, tuple(s for _, s in iters))
    pairs = zip(iters, codes, every, strict=True)
    names = {name: variable(reader, name, Code(c, p, new)) for (name, _), c, p in pairs}
    return new, Scope(names, scope)


def tabulate(reader: Reader, term: Tabulate, scope: Scope, frame: Frame) -> Value:
    """`[body for i in I]`."""
    new, inside = spread(reader, term.iters, scope, frame)
    value = reader.read(term.body, inside, new)
    if isinstance(value, Sym):
        if reader.depends(term, scope) < DECIDED:
            return reader.opaque(term, scope, frame, None)
        value = reader.number(value, term.at)
    value = lift(reader.settled(value, term.at), new)
    return relabelled(value, frame, index_size(tuple(s for _, s in term.iters)) * value.width)


def fold(reader: Reader, term: Fold, scope: Scope, frame: Frame) -> Value:
    """`sum`, `min`, `max`, `product`, `forall`, `exists` over a comprehension."""
    much = reader.depends(term, scope)
    if any(not is_finite(s) for _, s in term.iters):
        raise refuse("not-yet", "a comprehension over an infinite set in a clearing", span=term.at)
    if much == DATA and (term.op != "sum" or not _lanewise(reader, term, scope)):
        return reader.opaque(term, scope, frame, None if term.op in ("and", "or") else REAL)
    if much == DECIDED and term.op in ("product", "and", "or"):
        words = {"product": "a product", "and": "`forall`", "or": "`exists`"}[term.op]
        raise refuse(
            "not-convex", f"{words} over what is decided, inside another term", span=term.at,
            label="this makes the decision no clearing",
        )  # fmt: skip
    new, inside, moving = _lanes(reader, term, scope, frame)
    begins = np.searchsorted(new.up, np.arange(frame.lanes + 1))
    if term.op in ("and", "or"):
        holds = reader.test(term.body, inside, new)
        totals = np.concatenate(([0], np.cumsum(holds)))
        count = totals[begins[1:]] - totals[begins[:-1]]
        made = count == np.diff(begins) if term.op == "and" else count > 0
        return Code(made.astype(np.int64), (False, True), frame)
    body = lift(reader.number(reader.read(term.body, inside, new), term.at), new)
    assert isinstance(body, Num)
    form = body.form
    if moving is not None:
        if term.op != "sum":
            raise refuse("not-yet", f"`{term.op}` over what data choose", span=term.at)
        form = reader.unknowns.guarded(form, reader.data_term(moving, inside), True, new, reader.lanes, term.at)
    if term.op == "sum":
        return Num(av.merged(av.summed(form, begins)), frame)
    if (np.diff(begins) == 0).any():
        raise refuse("empty-fold", f"`{term.op}` of nothing", span=term.at)
    if form.is_constant:
        return Num(av.constant(_extreme(term.op, form.constant, begins)), frame)
    return Num(reader.unknowns.extreme(term.op, frame.lanes, [(form, new.up)], term.at, term.op), frame)


def _extreme(op: str, values: np.ndarray, begins: np.ndarray) -> np.ndarray:
    if op == "product":
        return np.multiply.reduceat(values, begins[:-1]) if len(begins) > 1 else values[:0]
    better = np.minimum if op == "min" else np.maximum
    return better.reduceat(values, begins[:-1]) if len(begins) > 1 else values[:0]


def _lanewise(reader: Reader, term: Fold, scope: Scope) -> bool:
    """Whether a sum of data is worth taking apart: few enough elements that each is looked at."""
    return index_size(tuple(s for _, s in term.iters)) <= 4096


def _lanes(reader: Reader, term: Fold, scope: Scope, frame: Frame) -> tuple[Frame, Scope, Term | None]:
    """The lanes of a comprehension, in order of the lanes outside; and the part of its condition that data decide."""
    if term.where is None:
        new, inside = spread(reader, term.iters, scope, frame)
        return new, inside, None
    inner_names = {n for n, _ in term.iters}
    known: list[Term] = []
    moving: list[Term] = []
    hidden = frozenset(inner_names)
    for each in _conjuncts(term.where):
        much = reader.depends(each, scope, hidden)
        if much == DECIDED:
            raise refuse(
                "not-convex", "what is decided chooses what is added up", span=each.at,
                label="this makes the decision no clearing",
            )  # fmt: skip
        (known if much == KNOWN else moving).append(each)
    join = next((j for j in (_join(c, inner_names) for c in known) if j is not None), None)
    if join is not None and frame.lanes > 1:
        new, inside = _met(reader, term.iters, join[1], join[2], scope, frame)
        known.remove(join[0])
    else:
        new, inside = spread(reader, term.iters, scope, frame)
    for each in known:
        keep = np.flatnonzero(reader.test(each, inside, new))
        new, inside = _narrowed(reader, term.iters, inside, new, keep, scope, frame)
    rest: Term | None = None
    for each in moving:
        rest = each if rest is None else Prim("and", (rest, each), at=each.at)
    return new, inside, rest


def _narrowed(
    reader: Reader, iters: Iters, inside: Scope, new: Frame, keep: np.ndarray, scope: Scope, frame: Frame
) -> tuple[Frame, Scope]:
    fewer = Frame(len(keep), frame, new.up[keep])
    names = {}
    for name, _ in iters:
        code = inside.find(name).value
        assert isinstance(code, Code)
        names[name] = variable(reader, name, Code(code.codes[keep], code.points, fewer))
    return fewer, Scope(names, scope)


def _conjuncts(term: Term) -> list[Term]:
    if isinstance(term, Prim) and term.op == "and":
        return [c for a in term.args for c in _conjuncts(a)]
    return [term]


def _join(term: Term, names: set[str]) -> tuple[Term, Term, Term] | None:
    """(condition, side of the comprehension, side outside) where the condition is an equality of the two."""
    if not isinstance(term, Prim) or term.op != "==":
        return None
    a, b = term.args
    fa, fb = free(a), free(b)
    if fa and fa <= names and not fb & names:
        return term, a, b
    if fb and fb <= names and not fa & names:
        return term, b, a
    return None


def _met(reader: Reader, iters: Iters, mine: Term, outside: Term, scope: Scope, frame: Frame) -> tuple[Frame, Scope]:
    """The lanes where `mine`, a function of the comprehension's variables, equals `outside`."""
    alone, names = spread(reader, iters, Scope({}), reader.root)
    left: Any = lift(reader.read(mine, names, alone), alone)
    right: Any = lift(reader.read(outside, scope, frame), frame)
    a: Any = None
    b: Any = None
    if isinstance(left, Code) and isinstance(right, Code):
        a, b = left.codes, coded(right, left.points)
    elif isinstance(left, Code | Num) and isinstance(right, Code | Num):
        a, b = reader.number(left).form.constant, reader.number(right).form.constant
    if a is None or a.dtype == object:
        new, inside = spread(reader, iters, scope, frame)
        keep = np.flatnonzero(reader.test(Prim("==", (mine, outside)), inside, new))
        return _narrowed(reader, iters, inside, new, keep, scope, frame)
    order = np.argsort(a, kind="stable")
    first, last = np.searchsorted(a[order], b, "left"), np.searchsorted(a[order], b, "right")
    counts = last - first
    total = int(counts.sum())
    too_many(total)
    up = np.repeat(np.arange(frame.lanes), counts)
    begin = np.cumsum(counts) - counts
    flat = order[np.arange(total) - np.repeat(begin - first, counts)]
    new = Frame(total, frame, up)
    every = [tuple(points(s)) for _, s in iters]
    codes = digits(flat, [len(p) for p in every])
    bound = zip(iters, codes, every, strict=True)
    return new, Scope({n: variable(reader, n, Code(c, p, new)) for (n, _), c, p in bound}, scope)


__all__ = ["Iters", "fold", "spread", "tabulate", "variable"]
