"""Draws: the outcome as a function of one uniform, the inverse of the distribution function.

A finite distribution gives the first value whose cumulative chance exceeds the uniform, in the order written:
an event of chance $a$ happens iff $u < a$. A normal draw is $\\mu + \\sigma \\Phi^{-1}(u + 2^{-53})$: the middle of the
cell that $u$ stands for, so that it is finite.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from opengames.diagnostics import refuse
from opengames.sampled import numbers
from opengames.sampled.backend import jax, jnp
from opengames.sampled.expressions import Scope, branch, checked, evaluate, note_outside, row_position, select
from opengames.sampled.places import point
from opengames.sampled.values import INF, Num, Value, choose, constant, known, number, raw, settle
from opengames.show import show_space
from opengames.spaces import Bool, Reals, Space, contains, size
from opengames.spans import Span
from opengames.terms import Const, If, Normal, Prim, Select, Term, Uniform, Weighted


def sample(kernel: Term, u: Any, space: Space, scope: Scope) -> Value:
    """The outcome of a draw whose uniform is `u`: the inverse of the distribution function, at `u`."""
    match kernel:
        case If(test=test, then=then, other=other):
            where = evaluate(test, scope)
            return branch(
                where, lambda: sample(then, u, space, scope), lambda: sample(other, u, space, scope), scope
            )
        case Select(keys=keys, spaces=spaces, cells=cells, at=at):
            found = tuple(evaluate(k, scope) for k in keys)
            table = _constant_table(cells, space)
            if table is not None and not all(known(k) for k in found) and len(cells) > 4:
                place, bad = row_position(found, spaces)
                note_outside(scope, spaces, at, bad)
                return _from_table(table, place, u, space)
            return select(found, spaces, cells, lambda cell: sample(cell, u, space, scope), scope, at)
        case Weighted():
            return _weighted(kernel, u, space, scope)
        case Uniform():
            return _uniform(kernel, u, scope)
        case Normal():
            return _normal(kernel, u, scope)
    raise TypeError(f"not a distribution: {kernel!r}")


def _weighted(kernel: Weighted, u: Any, space: Space, scope: Scope) -> Value:
    chances = [evaluate(c, scope) for _, c in kernel.pairs]
    if all(c.known for c in chances):
        total = sum((Fraction(c.x) for c in chances), Fraction(0))
        wrong = any(c.x < 0 for c in chances) or abs(total - 1) > Fraction(1, 10**9)
        scope.note("not-a-distribution", "the chances are not those of a distribution", kernel.at, wrong)
    else:
        _check_chances(kernel, chances, scope)
    kept = [(v, c) for (v, _), c in zip(kernel.pairs, chances, strict=True) if not (c.known and c.x == 0)]
    if not kept:
        kept = [(kernel.pairs[0][0], chances[0])]
    values = [_outcome(v, space, scope, kernel.at) for v, _ in kept]
    found = values[-1]
    upto = _running([c for _, c in kept])
    for k in range(len(kept) - 2, -1, -1):
        found = choose(u < raw(upto[k]), values[k], found)
    return found


def _running(chances: list[Num]) -> list[Num]:
    total, found = number(0), []
    for c in chances:
        total = numbers.arithmetic("+", [total, c])[0]
        found.append(total)
    return found


def _outcome(value: Term, space: Space, scope: Scope, at: Span | None) -> Value:
    headline = f"the outcome is not in {show_space(space)}"
    return checked(evaluate(value, scope), space, "outside-type", headline, at, scope)


def _check_chances(kernel: Weighted, chances: list[Num], scope: Scope) -> None:
    for c in chances:
        if not c.known and not (c.lo >= -1e-12 and c.bound < INF):
            scope.note("not-a-distribution", "a chance is below 0", kernel.at, ~(c.x >= -1e-12))
        elif c.known:
            scope.note("not-a-distribution", "a chance is below 0", kernel.at, bool(c.x < 0))
    if _is_complementary(kernel):
        return
    total = raw(_running(chances)[-1])
    scope.note("not-a-distribution", "the chances do not add up to 1", kernel.at, ~(jnp.abs(total - 1.0) <= 1e-9))


def _is_complementary(kernel: Weighted) -> bool:
    """Two chances, one written as 1 less the other."""
    if len(kernel.pairs) != 2:
        return False
    (_, p), (_, q) = kernel.pairs
    one = Const(Fraction(1))
    return q == Prim("-", (one, p)) or p == Prim("-", (one, q))


def _constant_table(cells: tuple[Term, ...], space: Space) -> tuple[tuple[Any, ...], list[list[float]]] | None:
    """The rows of a table of plain chances over one list of values, as sums from the left."""
    support: dict[Any, int] = {}
    for cell in cells:
        if not isinstance(cell, Weighted):
            return None
        for value, chance in cell.pairs:
            if not isinstance(value, Const) or not isinstance(chance, Const) or chance.value < 0:
                return None
            if not contains(space, value.value):
                return None
            support.setdefault(value.value, len(support))
    rows = []
    for cell in cells:
        assert isinstance(cell, Weighted)
        order = [support[v.value] for v, _ in cell.pairs if isinstance(v, Const)]
        chances = [Fraction(0)] * len(support)
        for value, chance in cell.pairs:
            assert isinstance(value, Const) and isinstance(chance, Const)
            chances[support[value.value]] += chance.value
        if sum(chances) != 1 or order != sorted(order):
            return None
        rows.append([float(sum(chances[: k + 1])) for k in range(len(chances))])
    return tuple(support), rows


def _from_table(table: tuple[tuple[Any, ...], list[list[float]]], place: Any, u: Any, space: Space) -> Value:
    values, rows = table
    found = constant(values[-1], space)
    sums = np.array(rows)
    for k in range(len(values) - 2, -1, -1):
        found = choose(u < jnp.asarray(sums[:, k])[place], constant(values[k], space), found)
    return found


def _uniform(kernel: Uniform, u: Any, scope: Scope) -> Value:
    space = kernel.space
    if isinstance(space, Reals):
        assert space.lower is not None and space.upper is not None
        lo, hi = float(space.lower), float(space.upper)
        return Num(jnp.minimum(lo + (hi - lo) * u, hi), lo, hi)
    n = size(space)
    if not n:
        raise refuse("not-a-distribution", "`uniform` needs a finite set or an interval, and not an empty one", span=kernel.at)
    if n > 1 << 31:
        raise refuse(
            "over-budget",
            "`uniform` over more than 2^31 outcomes needs more than one random number",
            span=kernel.at,
            help="draw each part on its own",
        )
    if isinstance(space, Bool):
        return u >= 0.5
    return point(space, jnp.minimum((u * n).astype(jnp.int32), n - 1))


def _normal(kernel: Normal, u: Any, scope: Scope) -> Num:
    mean, deviation = evaluate(kernel.mean, scope), evaluate(kernel.deviation, scope)
    if deviation.known:
        scope.note("not-a-distribution", "a standard deviation is below 0", kernel.at, bool(deviation.x < 0))
    elif deviation.lo < 0:
        scope.note("not-a-distribution", "a standard deviation is below 0", kernel.at, ~(deviation.x >= 0))
    middle = jnp.minimum(u + 2.0**-53, 1.0 - 2.0**-53)
    standard = math.sqrt(2.0) * jax.scipy.special.erfinv(2.0 * middle - 1.0)
    spread = deviation.bound * 9.0
    return settle(Num(raw(mean) + raw(deviation) * standard, mean.lo - spread, mean.hi + spread))
