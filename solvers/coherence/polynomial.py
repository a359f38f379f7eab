"""Whether the expected value of a payoff is a polynomial in a param: read off the terms, so that it holds at every value of it.

The param may stand in sums, products, whole powers and chances, and in values that are added or multiplied. Nothing
may be decided by a value that depends on it, nor divided by one. `False` means: not seen to be, which is always a safe answer.
"""

from __future__ import annotations

from fractions import Fraction

from opengames.diagram import Compute, Draw
from opengames.solvers.coherence.worlds import Worlds
from opengames.terms import (
    Apply,
    Check,
    Const,
    Fold,
    If,
    Pack,
    Param,
    Prim,
    Select,
    Term,
    Var,
    Weighted,
    children,
)

_SUMS = ("+", "-", "*", "neg")


def is_polynomial(worlds: Worlds, payoff: Term, param: str) -> bool:
    """Whether discount * E(payoff) is seen to be a polynomial in the param."""
    if worlds.diagram is None:
        return False
    look = _Look(worlds, param)
    moved: set[str] = set()
    for box in worlds.diagram.boxes:
        if not isinstance(box, Compute | Draw):
            return False
        term = box.term if isinstance(box, Compute) else box.kernel
        if not look.smooth(term, frozenset(moved)):
            return False
        if look.values_move(term, frozenset(moved)):
            moved.add(box.out.name)
    return look.smooth(payoff, frozenset(moved))


class _Look:
    """Terms seen with the wires whose values move with the param."""

    def __init__(self, worlds: Worlds, param: str) -> None:
        assert worlds.program is not None
        self.funs, self.param = worlds.program.funs, param

    def moves(self, term: Term, moved: frozenset[str]) -> bool:
        """Whether the param, or a value that moves with it, stands in the term."""
        match term:
            case Param(name=name):
                return name == self.param
            case Var(name=name):
                return name in moved
            case Apply(fun=fun) if fun in self.funs and self.moves(self.funs[fun].body, frozenset()):
                return True
        return any(self.moves(each, moved) for each in children(term))

    def values_move(self, term: Term, moved: frozenset[str]) -> bool:
        """Whether what is drawn moves, and not only its chances."""
        match term:
            case Weighted(pairs=pairs):
                return any(self.moves(value, moved) for value, _ in pairs)
            case If(test=test, then=then, other=other):
                return self.moves(test, moved) or self.values_move(then, moved) or self.values_move(other, moved)
            case Select(keys=keys, cells=cells):
                return any(self.moves(k, moved) for k in keys) or any(self.values_move(c, moved) for c in cells)
        return self.moves(term, moved)

    def smooth(self, term: Term, moved: frozenset[str]) -> bool:
        """Whether the term is a polynomial in the param and what moves with it, in every case of what does not."""
        if not self.moves(term, moved):
            return True
        match term:
            case Param() | Var():
                return True
            case Prim(op=op, args=args) if op in _SUMS:
                return all(self.smooth(a, moved) for a in args)
            case Prim(op="/", args=(a, b)):
                return self.smooth(a, moved) and not self.moves(b, moved)
            case Prim(op="^", args=(a, Const(value=Fraction() as n))):
                return n.denominator == 1 and n >= 0 and self.smooth(a, moved)
            case If(test=test, then=then, other=other):
                return not self.moves(test, moved) and self.smooth(then, moved) and self.smooth(other, moved)
            case Select(keys=keys, cells=cells):
                return not any(self.moves(k, moved) for k in keys) and all(self.smooth(c, moved) for c in cells)
            case Weighted(pairs=pairs):
                return all(self.smooth(each, moved) for pair in pairs for each in pair)
            case Pack(items=items):
                return all(self.smooth(each, moved) for each in items)
            case Check(value=value):
                return self.smooth(value, moved)
            case Fold(op="sum", body=body, where=where):
                return (where is None or not self.moves(where, moved)) and self.smooth(body, moved)
            case Apply(fun=fun, args=args) if fun in self.funs:
                names = [p.name for p in self.funs[fun].inputs]
                inner = frozenset(n for n, a in zip(names, args, strict=True) if self.moves(a, moved))
                return all(self.smooth(a, moved) for a in args) and self.smooth(self.funs[fun].body, inner)
        return False


__all__ = ["is_polynomial"]
