"""Facts by the names that occur in them, so that those near a goal are found without looking at all.

Of a long play most facts are about other hours. Leaving facts out is sound: what contradicts some of them contradicts all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import z3
from z3 import z3core

from opengames.proved.values import Truth


class Facts:
    """A growing list of facts, indexed by name as far as it has been looked at."""

    def __init__(self, facts: list[Any] | None = None) -> None:
        self.every: list[Any] = [] if facts is None else facts
        self._names: list[frozenset[str]] = []
        self._by: dict[str, list[int]] = {}

    def add(self, fact: Truth) -> None:
        """Add a fact; one that is plainly true is not."""
        if fact is not True:
            self.every.append(z3.BoolVal(False) if fact is False else fact)

    def names(self) -> frozenset[str]:
        """Every name that occurs."""
        self._read()
        return frozenset(self._by)

    def about(self, wanted: set[str], taken: set[int]) -> list[int]:
        """The facts in which one of the names occurs and that are not taken yet, in order."""
        self._read()
        return sorted({i for name in wanted for i in self._by.get(name, ())} - taken)

    def names_of(self, i: int) -> frozenset[str]:
        """The names in a fact."""
        return self._names[i]

    def _read(self) -> None:
        for i in range(len(self._names), len(self.every)):
            found = names_in(self.every[i])
            self._names.append(found)
            for name in found:
                self._by.setdefault(name, []).append(i)


def near(goal: Truth, books: Sequence[Facts], radius: int) -> tuple[list[Any], set[str]]:
    """The facts linked to the goal by at most `radius` steps, and the names that occur in them and in the goal."""
    reached = set(names_in(goal))
    edge = reached
    taken: list[set[int]] = [set() for _ in books]
    found: list[Any] = []
    for _ in range(radius):
        beyond: set[str] = set()
        for book, known in zip(books, taken, strict=True):
            for i in book.about(edge, known):
                known.add(i)
                found.append(book.every[i])
                beyond |= book.names_of(i)
        edge = beyond - reached
        reached |= edge
    return found, reached


def names_in(term: Truth) -> frozenset[str]:
    """The names of the constants in a z3 expression. By z3's own handles: wrapping each part takes several times as long."""
    if isinstance(term, bool):
        return frozenset()
    found: set[str] = set()
    seen: set[int] = set()
    context, stack = term.ctx.ref(), [term.as_ast()]
    while stack:
        each = stack.pop()
        kind = z3core.Z3_get_ast_kind(context, each)
        if kind == z3.Z3_QUANTIFIER_AST:
            stack.append(z3core.Z3_get_quantifier_body(context, each))
        elif kind == z3.Z3_APP_AST:
            arity = z3core.Z3_get_app_num_args(context, each)
            key = z3core.Z3_get_ast_id(context, each)
            if key in seen:
                continue
            seen.add(key)
            if arity:
                stack.extend(z3core.Z3_get_app_arg(context, each, i) for i in range(arity))
                continue
            head = z3core.Z3_get_app_decl(context, each)
            if z3core.Z3_get_decl_kind(context, head) == z3.Z3_OP_UNINTERPRETED:
                found.add(z3core.Z3_get_symbol_string(context, z3core.Z3_get_decl_name(context, head)))
    return frozenset(found)


__all__ = ["Facts", "names_in", "near"]
