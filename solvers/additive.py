"""An earning as a sum of addends, each as early as it can be known.

`total = sum(discount^t * stage[t] for t in Round)`, or a total carried along a loop, becomes one addend for
each round. So a sum over a thousand rounds leaves no trace in the state, and equal histories merge.

Law: the sum of `scale * formula` over the addends is the earning.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING, Any

from opengames import spaces
from opengames.solvers.code import Formula
from opengames.solvers.scopes import Scope
from opengames.terms import Apply, At, Fold, If, Prim, Term, Var, free

if TYPE_CHECKING:
    from opengames.solvers.unroll import Unroller

#: Points of a sum beyond which it is kept whole.
WIDEST = 100_000


@dataclass(frozen=True, slots=True)
class Addend:
    """`scale` times `formula`; addends with equal `key` have equal formulas."""

    scale: Fraction
    formula: Formula
    key: Any


def addends(wires: Unroller, slot: int) -> Iterator[Addend]:
    """The addends of the wire `slot`. Each wire is opened once, latest first, with its scale collected."""
    scales: dict[int, Fraction] = {slot: Fraction(1)}
    queue = [-slot]
    while queue:
        wire = -heapq.heappop(queue)
        scale = scales.pop(wire)
        if scale == 0:
            continue
        made = wires.made.get(wire)
        if made is None or wire in wires.fixed or not _opens(made[0]):
            if wire in wires.unassigned and made is not None:
                formula = wires.formula(*made)
                yield Addend(scale, formula, (id(formula),))
            else:
                yield _leaf(wires, wire, scale)
            continue
        for part, factor, scope in _split(wires, *made):
            found = _wire(wires, part, scope)
            if found is not None:
                if found not in scales:
                    heapq.heappush(queue, -found)
                    scales[found] = Fraction(0)
                scales[found] += scale * factor
            else:
                formula = wires.formula(part, scope)
                yield Addend(scale * factor, formula, (id(formula),))


def _wire(wires: Unroller, part: Term, scope: Scope) -> int | None:
    """The slot that a part is the bare value of, as in `total` or `stage[t]`."""
    match part:
        case Var(name=name):
            return wires.resolve(scope, name)
        case At(family=Var(name=name), keys=keys, index=index):
            return wires.element(scope, name, keys, index)
    return None


def _leaf(wires: Unroller, wire: int, scale: Fraction) -> Addend:
    if wire in wires.fixed:
        return Addend(scale, Formula(_itself, (), {"": wires.fixed[wire]}, Var("")), ("wire", wire))
    return Addend(scale, Formula(_itself, (("", wire),), {}, Var("")), ("wire", wire))


def _itself(values: dict[str, Any]) -> Any:
    return values[""]


def _opens(term: Term) -> bool:
    """Whether splitting the term can help."""
    match term:
        case Var():
            return True
        case Prim(op=op):
            return op in ("+", "-", "neg", "*", "/")
        case Fold(op=op):
            return op == "sum"
        case If() | Apply() | At():
            return True
    return False


def _split(wires: Unroller, term: Term, scope: Scope) -> Iterator[tuple[Term, Fraction, Scope]]:
    """The parts of a sum with their factors; a part is a wire or a term that is not split further."""
    todo: list[tuple[Term, Fraction, Scope]] = [(term, Fraction(1), scope)]
    while todo:
        part, factor, where = todo.pop()
        match part:
            case Prim(op="+", args=(a, b)):
                todo += [(b, factor, where), (a, factor, where)]
            case Prim(op="-", args=(a, b)):
                todo += [(b, -factor, where), (a, factor, where)]
            case Prim(op="neg", args=(a,)):
                todo.append((a, -factor, where))
            case Prim(op="*", args=(a, b)) if (known := _exact(wires, a, where)) is not None:
                todo.append((b, factor * known, where))
            case Prim(op="*", args=(a, b)) if (known := _exact(wires, b, where)) is not None:
                todo.append((a, factor * known, where))
            case Prim(op="/", args=(a, b)) if _exact(wires, b, where):
                todo.append((a, factor / wires.static(b, where), where))
            case If(test=test, then=then, other=other) if wires.is_fixed(where, free(test)):
                todo.append((then if wires.static(test, where) else other, factor, where))
            case Fold(op="sum", iters=iters, body=body, where=only) if _narrow(iters):
                names = tuple(n for n, _ in iters)
                opened = _points(wires, part, names, iters, body, only, factor, where)
                if opened is None:
                    yield part, factor, where
                else:
                    todo += reversed(opened)
            case Apply(fun=fun, args=args):
                inner = _inside(wires, fun, args, where)
                if inner is None:
                    yield part, factor, where
                else:
                    todo.append((wires.funs[fun].body, factor, inner))
            case _:
                yield part, factor, where


def _exact(wires: Unroller, term: Term, where: Scope) -> Fraction | None:
    """The value of a known factor; `None` if it is not known, or only as a float."""
    if not wires.is_fixed(where, free(term)):
        return None
    value = wires.static(term, where)
    return value if isinstance(value, Fraction) else None


def _narrow(iters: tuple[tuple[str, spaces.Space], ...]) -> bool:
    count = 1
    for _, space in iters:
        count *= spaces.size(space) or WIDEST + 1
    return bool(iters) and count <= WIDEST


def _points(
    wires: Unroller,
    fold: Fold,
    names: tuple[str, ...],
    iters: tuple[tuple[str, spaces.Space], ...],
    body: Term,
    only: Term | None,
    factor: Fraction,
    where: Scope,
) -> list[tuple[Term, Fraction, Scope]] | None:
    """One part for each point of a sum; `None` where which points count depends on the play."""
    if only is not None and not wires.is_fixed(where, free(only) - frozenset(names)):
        return None
    parts: list[tuple[Term, Fraction, Scope]] = []
    for key in product(*(tuple(spaces.points(space)) for _, space in iters)):
        inner = Scope(where)
        for name, value in zip(names, key, strict=True):
            inner[name] = wires.constant(value)
        if only is None or wires.static(only, inner):
            parts.append((body, factor, inner))
    return parts


def _inside(wires: Unroller, fun: str, args: tuple[Term, ...], where: Scope) -> Scope | None:
    """The scope of a fun's body, where its arguments are wires or known; `None` otherwise or if that gains
    nothing.
    """
    declared = wires.funs[fun]
    if not _opens(declared.body) or isinstance(declared.body, Apply | If):
        return None
    inner = Scope()
    for port, arg in zip(declared.inputs, args, strict=True):
        if isinstance(arg, Var):
            inner[port.name] = wires.resolve(where, arg.name)
        elif wires.is_fixed(where, free(arg)):
            inner[port.name] = wires.constant(wires.static(arg, where))
        else:
            return None
    return inner
