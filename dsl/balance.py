"""Long flat chains made shallow: `a + b + c + ...` of thousands of terms becomes a tree of logarithmic depth.

The parser reads a chain as one step per operator, and every later pass walks down those steps. Where that gets too
deep, the chain is split in halves: `+ - * /` and `and or` may be regrouped without changing what is meant, exactly.
In floating point the order of a sum changes, and with it the last digits.

Law: the value of a chain is that of its balanced tree, for rational numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from opengames.dsl import syntax as s
from opengames.plain import fields, is_dataclass
from opengames.spans import Span

_FAMILY = {"+": "+", "-": "+", "*": "*", "/": "*", "and": "and", "or": "or"}
_INVERSE = {"+": "-", "*": "/"}
_SHORT = 16
"""Operands of a chain that stays as it is."""

Signed = tuple[bool, s.Expr]
"""Whether an operand is subtracted (divided by), and the operand."""


def balance(tree: Any) -> None:
    """Split the long chains of a tree that nobody else has seen yet, in place."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, s.Binary) and node.op in _FAMILY:
            operands = chain(node)
            if len(operands) > _SHORT:
                _, whole = halved(_FAMILY[node.op], operands)
                assert isinstance(whole, s.Binary)
                for name in ("op", "left", "right", "op_at"):  # frozen from the moment that it is handed out
                    object.__setattr__(node, name, getattr(whole, name))
                waiting.extend(operand for _, operand in operands)
                continue
        waiting.extend(_below(node))


def chain(node: s.Binary) -> list[Signed]:
    """The operands of a chain of operators that bind alike, from left to right."""
    family = _FAMILY[node.op]
    found: list[Signed] = []
    here: s.Expr = node
    while isinstance(here, s.Binary) and _FAMILY.get(here.op) == family:
        found.append((here.op != family, here.right))
        here = here.left
    return [(False, here), *reversed(found)]


def halved(family: str, operands: list[Signed]) -> Signed:
    """A chain as a tree. It is itself subtracted or divided by only if all of it is: so nothing new is divided by."""
    if len(operands) == 1:
        return operands[0]
    middle = len(operands) // 2
    (inverse, left), (other, right) = halved(family, operands[:middle]), halved(family, operands[middle:])
    a, b = left.at, right.at
    first = a if a.start < b.start else b
    at = Span(a.file, first.start, max(a.end, b.end), first.line, first.column)
    if inverse == other:
        return inverse, s.Binary(family, left, right, at)
    if inverse:
        left, right = right, left
    return False, s.Binary(_INVERSE[family], left, right, at)


def _below(node: Any) -> Iterator[Any]:
    for each in fields(type(node)):
        yield from _nodes(getattr(node, each.name))


def _nodes(part: Any) -> Iterable[Any]:
    if isinstance(part, tuple):
        return (inner for x in part for inner in _nodes(x))
    return (part,) if is_dataclass(part) and not isinstance(part, Span) else ()


__all__ = ["balance", "chain", "halved"]
