"""Expectations of sums, pushed to where the summands happen.

$E(\\sum_t c_t f_t)$ needs no history: a linear term is taken apart through the definitions of wires, calls, loops
and branches into summands, each gathered in the body where its wires live. A wire that a loop carries only
to add things up (`next total = total + gain`) is unrolled into weights of its summands, so no sum becomes part of
a state. What is not linear is evaluated as it stands.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from typing import Any

from opengames.diagram import Branch, Call, Compute, Loop
from opengames.exact.scope import BranchBuilder, LoopBuilder, Scope
from opengames.exact.steps import is_fixed
from opengames.spaces import Reals, index_size, is_finite, points
from opengames.terms import (
    Apply,
    At,
    Check,
    Const,
    Fold,
    Get,
    If,
    Pack,
    Prim,
    Tabulate,
    Term,
    Var,
    free,
    substitute,
)

_MOST_POINTS = 100_000
_MOST_INLINED = 2_000


@dataclass
class Sum:
    """A linear term taken apart. Every key is (demand, ...); values are coefficients."""

    pieces: list[tuple[int, Fraction, Scope, Term]] = field(default_factory=list)
    elements: dict[tuple[int, LoopBuilder, Term], dict[int, Fraction]] = field(default_factory=dict)
    lasts: dict[tuple[int, LoopBuilder, str], Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    arms: dict[tuple[int, BranchBuilder, Term], Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    carried: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))

    def structure(self) -> Any:
        """Everything but the pieces."""
        return (self.elements, dict(self.lasts), dict(self.arms), dict(self.carried))


def gather(scope: Scope, term: Term, demand: int, coefficient: Fraction = Fraction(1)) -> None:
    """Arrange that the expectation of `coefficient * term` reaches `demand`."""
    found = Sum()
    Linear(scope, demand, found).add(term, coefficient)
    emit(scope, found)


def emit(scope: Scope, found: Sum) -> None:
    """Turn a sum into steps, of this region and of those inside it."""
    for demand, coefficient, where, term in found.pieces:
        if coefficient:
            where.gain(term if coefficient == 1 else Prim("*", (Const(coefficient), term)), demand)
    for (demand, branch, term), coefficient in found.arms.items():
        for arm in branch.scopes:
            gather(arm, term, demand, coefficient)
    loops: dict[tuple[int, LoopBuilder], tuple[list[tuple[Term, dict[int, Fraction]]], dict[str, Fraction]]]
    loops = defaultdict(lambda: ([], defaultdict(Fraction)))
    for (demand, loop, term), weights in found.elements.items():
        loops[demand, loop][0].append((term, weights))
    for (demand, loop, carry), coefficient in found.lasts.items():
        loops[demand, loop][1][carry] += coefficient
    for (demand, loop), (elements, lasts) in loops.items():
        _emit_loop(loop, demand, elements, lasts)


def _emit_loop(
    loop: LoopBuilder, outer: int, elements: list[tuple[Term, dict[int, Fraction]]], lasts: dict[str, Fraction]
) -> None:
    """A linear functional of a loop: weights of its elements, and of carried wires after the last iteration.

    With `v_t` the weights of the carried wires before iteration `t`, `v_t = A^T v_{t+1} + w_t b`: the weight of what
    iteration `t` adds to a carried wire is `v_{t+1}`, known before anything runs.
    """
    plan, body = loop.parent.plan, loop.body
    component = plan.component[outer]
    parts: list[tuple[int, Sum, dict[int, Fraction]]] = []
    for term, weights in elements:
        inner = plan.demand(component)
        found = Sum()
        Linear(body, inner, found, root=inner).add(term, Fraction(1))
        parts.append((inner, found, weights))
    rows: dict[str, tuple[int, Sum]] = {}
    open_ = [*lasts, *(c for _, found, _ in parts for c in found.carried)]
    while open_:
        carry = open_.pop()
        if carry not in rows:
            inner = plan.demand(component)
            found = Sum()
            Linear(body, inner, found, root=inner).add(Var(loop.carry[carry].next), Fraction(1))
            rows[carry] = (inner, found)
            open_.extend(found.carried)
    gathered: dict[str, dict[int, Fraction]] = {carry: {} for carry in rows}
    if rows:
        value: dict[str, Fraction] = defaultdict(Fraction, lasts)
        for t in reversed(range(loop.total)):
            before: dict[str, Fraction] = defaultdict(Fraction)
            for carry, weight in value.items():
                if weight:
                    gathered[carry][t] = weight
                    for other, factor in rows[carry][1].carried.items():
                        before[other] += weight * factor
            for _, found, weights in parts:
                for other, factor in found.carried.items():
                    before[other] += weights.get(t, Fraction(0)) * factor
            value = before
        for carry, weight in value.items():
            if weight:
                gather(loop.parent, Var(loop.carry[carry].init), outer, weight)
    for inner, found, weights in (*parts, *((i, f, gathered[c]) for c, (i, f) in rows.items())):
        if weights:
            loop.step.demands.append((inner, outer, weights))
            emit(body, found)


class Linear:
    """Takes a term apart. root: the demand under which wires carried by the scope's own loop may stay symbolic."""

    def __init__(self, scope: Scope, demand: int, found: Sum, root: int = -1, depth: int = 0) -> None:
        self.scope, self.demand, self.found, self.root, self.depth = scope, demand, found, root, depth

    def add(self, term: Term, k: Fraction) -> None:
        """Add `k * term` to the sum."""
        if not k:
            return
        if not self.is_deep(term) or not self._apart(term, k):
            self.found.pieces.append((self.demand, k, self.scope, term))

    def is_deep(self, term: Term) -> bool:
        """Whether a part of the term happens in a loop or a branch, or is carried, so that taking apart may help."""
        return any(_deep(self.scope, n) for n in free(term))

    def _apart(self, term: Term, k: Fraction) -> bool:
        match term:
            case Prim(op="+", args=(a, b)):
                self.add(a, k)
                self.add(b, k)
                return True
            case Prim(op="-", args=(a, b)):
                self.add(a, k)
                self.add(b, -k)
                return True
            case Prim(op="neg", args=(a,)):
                self.add(a, -k)
                return True
            case Prim(op="*", args=(a, b)):
                return self._scaled(a, b, k) or self._scaled(b, a, k)
            case Prim(op="/", args=(a, b)):
                return self._scaled(Prim("/", (Const(Fraction(1)), b), term.at), a, k)
            case Fold(op="sum"):
                return self._sum(term, k)
            case If(test=test, then=then, other=other):
                return self._if(test, then, other, k)
            case Check(value=value, space=Reals(lower=None, upper=None, whole=False)):
                self.add(value, k)
                return True
            case Apply():
                return self._inline(term, (), k)
        return self._part(term, k)

    def _scaled(self, factor: Term, rest: Term, k: Fraction) -> bool:
        names = free(factor)
        if not names:
            value = self.scope.constant(factor)
            if not isinstance(value, Fraction):
                return False
            self.add(rest, k * value)
            return True
        builder = self.scope.builder
        if builder is None or not all(is_fixed(self.scope.slot(n)) for n in names if n in dict(builder.loop.iters)):
            return False
        if not names <= set(dict(builder.loop.iters)):
            return False
        plan = self.scope.plan
        inner = plan.demand(plan.component[self.demand])
        code = plan.compiler.compile(factor)
        self.scope.region.scaled.append((inner, self.demand, code, self.scope.reads(factor)))
        Linear(self.scope, inner, self.found, self.root, self.depth).add(rest, k)
        return True

    def _sum(self, term: Fold, k: Fraction) -> bool:
        along = self.scope.inside(term)
        if along is not None:
            loop, inner = along
            self._element(loop, inner, dict.fromkeys(range(loop.total), k))
            return True
        spaces = [s for _, s in term.iters]
        if not all(map(is_finite, spaces)) or index_size(tuple(spaces)) > _MOST_POINTS:
            return False
        if term.where is not None and free(term.where) - {v for v, _ in term.iters}:
            return False
        names = [v for v, _ in term.iters]
        for values in product(*(tuple(points(s)) for s in spaces)):
            env: dict[str, Term] = {n: Const(v) for n, v in zip(names, values, strict=True)}
            if term.where is None or self.scope.constant(substitute(term.where, env)):
                self.add(substitute(term.body, env), k)
        return True

    def _element(self, loop: LoopBuilder, inner: Term, weights: dict[int, Fraction]) -> None:
        old = self.found.elements.setdefault((self.demand, loop, inner), {})
        for t, w in weights.items():
            old[t] = old.get(t, Fraction(0)) + w

    def _if(self, test: Term, then: Term, other: Term, k: Fraction) -> bool:
        """Taken apart where the test is known, or where both sides differ only in what happens here."""
        if not free(test):
            self.add(then if self.scope.constant(test) else other, k)
            return True
        sides: list[Sum] = []
        for side in (then, other):
            found = Sum()
            Linear(self.scope, self.demand, found, self.root, self.depth).add(side, k)
            sides.append(found)
        a, b = sides
        if a.structure() != b.structure() or not any(a.structure()):
            return False
        if any(d != self.demand or s is not self.scope for side in sides for d, _, s, _ in side.pieces):
            return False
        for key, weights in a.elements.items():
            self._element(key[1], key[2], weights)
        for mine, theirs in ((self.found.lasts, a.lasts), (self.found.arms, a.arms), (self.found.carried, a.carried)):
            for each, coefficient in theirs.items():
                mine[each] += coefficient  # type: ignore[index]
        if a.pieces or b.pieces:
            rest = If(test, _total(a), _total(b))
            self.found.pieces.append((self.demand, Fraction(1), self.scope, rest))
        return True

    def _inline(self, term: Apply, path: tuple[Term, ...], k: Fraction) -> bool:
        if self.depth >= _MOST_INLINED:
            return False
        body = self.scope.expand(term)
        inner = Linear(self.scope, self.demand, self.found, self.root, self.depth + 1)
        inner.add(_along(body, path), k)
        return True

    def _part(self, term: Term, k: Fraction) -> bool:
        """A wire, or an element or field of one: followed to where it is made."""
        path: list[Term] = []
        base = term
        while isinstance(base, (Get, At)):
            if isinstance(base, At) and any(free(key) for key in base.keys):
                return False
            path.append(base)
            base = base.record if isinstance(base, Get) else base.family
        path.reverse()
        match base:
            case Var(name=name):
                return self._wire(name, tuple(path), k)
            case Pack(items=items) if path and isinstance(path[0], Get) and not any(isinstance(i, Check) for i in items):
                self.add(_along(items[path[0].position], tuple(path[1:])), k)
                return True
            case Tabulate(iters=iters, body=body) if path and isinstance(path[0], At):
                if len(path[0].keys) != len(iters):
                    return False
                env = {v: key for (v, _), key in zip(iters, path[0].keys, strict=True)}
                self.add(_along(substitute(body, env), tuple(path[1:])), k)
                return True
            case If(test=test, then=then, other=other):
                return self._if(test, _along(then, tuple(path)), _along(other, tuple(path)), k)
            case Apply():
                return self._inline(base, tuple(path), k)
        return False

    def _wire(self, name: str, path: tuple[Term, ...], k: Fraction) -> bool:
        scope = self.scope
        box = scope.binder.get(name)
        match box:
            case Compute(term=Tabulate() | If() | Pack() | Get() | At() | Apply() | Var() as term) if path:
                self.add(_along(term, path), k)
                return True
            case Compute(term=term) if not path:
                self.add(term, k)
                return True
            case Call():
                inner, wire = scope.call(box, name)
                Linear(inner, self.demand, self.found, self.root, self.depth).add(_along(Var(wire), path), k)
                return True
            case Branch():
                self.found.arms[self.demand, scope.branch(box), _along(Var(name), path)] += k
                return True
            case Loop(outs=outs, lasts=lasts):
                loop = scope.loop(box)
                if name in dict(lasts):
                    if path:
                        return False
                    self.found.lasts[self.demand, loop, dict(lasts)[name]] += k
                    return True
                return self._of_loop(loop, dict(outs)[name], path, k)
            case None if scope.around is not None and name in scope.entry:
                Linear(scope.around, self.demand, self.found, self.root, self.depth).add(_along(Var(scope.entry[name]), path), k)
                return True
            case None if scope.builder is not None and name in scope.builder.carry and not path:
                if self.demand == self.root:
                    self.found.carried[name] += k
                    return True
        return False

    def _of_loop(self, loop: LoopBuilder, wire: str, path: tuple[Term, ...], k: Fraction) -> bool:
        n = len(loop.loop.iters)
        keys: list[Term] = []
        while path and isinstance(path[0], At) and len(keys) < n:
            keys.extend(path[0].keys)
            index, path = path[0].index, path[1:]
        if len(keys) < n:
            return False
        place = loop.place.get(tuple(self.scope.constant(key) for key in keys[:n]))
        if place is None:
            return False  # evaluating it as it stands says what is wrong
        inner: Term = Var(wire)
        if keys[n:]:
            inner = At(inner, tuple(keys[n:]), index[len(index) - len(keys[n:]) :])
        self._element(loop, _along(inner, path), {place: k})
        return True


def _along(term: Term, path: tuple[Term, ...]) -> Term:
    """`term` with the fields and elements of `path` taken of it, one after the other."""
    for step in path:
        if isinstance(step, Get):
            term = Get(term, step.position, step.at)
        elif isinstance(step, At):
            term = At(term, step.keys, step.index, step.at)
    return term


def _total(found: Sum) -> Term:
    terms = [Prim("*", (Const(k), t)) for _, k, _, t in found.pieces]
    total: Term = Const(Fraction(0))
    for each in terms:
        total = Prim("+", (total, each))
    return total


def _deep(scope: Scope, name: str) -> bool:
    known: dict[str, bool] = scope.__dict__.setdefault("_deep", {})
    if name not in known:
        for before in scope.ahead(name, known):
            known[before] = _is_deep(scope, before)
        known[name] = False
        known[name] = _is_deep(scope, name)
    return known[name]


def _is_deep(scope: Scope, name: str) -> bool:
    box = scope.binder.get(name)
    match box:
        case Loop() | Branch():
            return True
        case Compute(term=term):
            return any(_deep(scope, n) for n in free(term))
        case Call():
            inner, wire = scope.call(box, name)
            return _deep(inner, wire)
        case None:
            if scope.around is not None and name in scope.entry:
                return _deep(scope.around, scope.entry[name])
            return scope.builder is not None and name in scope.builder.carry
    return False


__all__ = ["Linear", "Sum", "emit", "gather"]
