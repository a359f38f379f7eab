"""Sums over what a loop gives, taken inside the loop.

`for i in I carrying ... { bill = ... }` and then `sum(bill[i] for i in I)` would keep one bill for every `i` only to
add them up. The loop carries the sum instead: the same numbers in the same order. The family stays in the diagram,
and is not computed unless somebody else asks for it. No wire is renamed, and no draw is added or moved out of its loop.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from opengames.diagram import Arm, Box, Branch, Call, Carry, Compute, Diagram, Loop, Port
from opengames.spaces import REAL, Space
from opengames.terms import (
    Apply,
    At,
    Check,
    Const,
    Fold,
    Get,
    Pack,
    Prim,
    Term,
    Var,
    free,
    rebuild,
    substitute,
)

_START = {"sum": Const(Fraction(0)), "product": Const(Fraction(1))}
_STEP = {"sum": "+", "product": "*"}
_LAZY = frozenset(("and", "or", "implies"))


def fuse(diagram: Diagram) -> Diagram:
    """The diagram with every sum (or product) that can be taken inside a loop taken there, at every depth."""
    boxes = [_inside(b) for b in diagram.boxes]
    i = 0
    while i < len(boxes):
        box = boxes[i]
        if isinstance(box, Loop) and box.carry and len(box.iters) == 1 and not box.reversed:
            i = _fuse_loop(boxes, i)
        i += 1
    return replace(diagram, boxes=tuple(boxes))


def _inside(box: Box) -> Box:
    match box:
        case Call(diagram=inner):
            return replace(box, diagram=fuse(inner))
        case Loop(body=body):
            return replace(box, body=fuse(body))
        case Branch(arms=arms):
            return replace(box, arms=tuple(Arm(a.label, a.values, fuse(a.body)) for a in arms))
    return box


def _fuse_loop(boxes: list[Box], i: int) -> int:
    """Move the folds of later boxes into the loop at `i`; returns where the loop is then."""
    for j in range(i + 1, len(boxes)):
        box = boxes[j]
        if not isinstance(box, Compute):
            continue
        for fold in _folds(box.term):
            loop = boxes[i]
            assert isinstance(loop, Loop)
            body = _as_round(fold, loop)
            if body is None:
                continue
            name = f"{box.out.name} {loop.name} {len(loop.carry)}"
            boxes[i] = _carrying(loop, fold.op, body, name)
            boxes.insert(i, Compute(Port(f"{name} start", REAL), _START[fold.op], hidden=True))
            i, j = i + 1, j + 1
            term = _replaced(boxes[j].term, fold, Var(f"{name} all"))  # type: ignore[union-attr]
            boxes[j] = replace(boxes[j], term=term)  # type: ignore[arg-type]
    return i


def _folds(term: Term) -> list[Fold]:
    """The folds in a term that are evaluated whenever the term is, and outside every binder."""
    match term:
        case Fold(op=op, iters=iters, where=None) if op in _START and len(iters) == 1:
            return [term]
        case Prim(op=op, args=args):
            return [f for a in (args[:1] if op in _LAZY else args) for f in _folds(a)]
        case Apply(args=args) | Pack(items=args):
            return [f for a in args for f in _folds(a)]
        case Get(record=inner) | Check(value=inner):
            return _folds(inner)
    return []


def _as_round(fold: Fold, loop: Loop) -> Term | None:
    """The body of the fold over the wires of one round of the loop; `None` where it needs others."""
    (variable, space), (mine, own) = fold.iters[0], loop.iters[0]
    if space != own:
        return None
    given = dict(loop.outs)
    body = _at_round(fold.body, variable, given, space)
    outside = free(body) - frozenset(given.values()) - {variable}
    if not outside <= frozenset(loop.captured) or not free(body) & frozenset(given.values()):
        return None
    if (free(fold.body) & frozenset(given)) & free(body) - frozenset(given.values()):
        return None
    return substitute(body, {variable: Var(mine)})


def _at_round(term: Term, variable: str, given: dict[str, str], space: Space) -> Term:
    """`family[variable]` as the wire that it is in one round."""
    match term:
        case At(family=Var(name=name), keys=(Var(name=key), *rest), index=index) if name in given and key == variable:
            if index[0] != space:
                return term
            more = tuple(_at_round(k, variable, given, space) for k in rest)
            return At(Var(given[name]), more, index[1:], term.at) if more else Var(given[name], term.at)
    return rebuild(term, lambda t: _at_round(t, variable, given, space))


def _carrying(loop: Loop, op: str, body: Term, name: str) -> Loop:
    """The loop with the fold carried along; its last value is the wire `NAME all`."""
    now, later = Port(name, REAL), Port(f"{name} next", REAL)
    inputs = loop.body.inputs
    at = len(loop.iters) + len(loop.carry)
    total = Compute(later, Prim(_STEP[op], (Var(name), body)), hidden=True)
    inside = replace(
        loop.body,
        inputs=(*inputs[:at], now, *inputs[at:]),
        outputs=(*loop.body.outputs, later),
        boxes=(*loop.body.boxes, total),
    )
    return replace(
        loop,
        body=inside,
        carry=(*loop.carry, Carry(name, REAL, f"{name} start", later.name)),
        lasts=(*loop.lasts, (f"{name} all", name)),
    )


def _replaced(term: Term, old: Term, new: Term) -> Term:
    return new if term == old else rebuild(term, lambda t: _replaced(t, old, new))
