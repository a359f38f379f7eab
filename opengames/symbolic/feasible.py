"""Cases without contradictions: those that no values of the symbols fit are left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import sympy

from opengames.symbolic.cases import LEAVES, Cases, Fork, Known, explore, joined
from opengames.symbolic.inequalities import impossible
from opengames.symbolic.values import Symbols, bounds, holds

T = TypeVar("T")


def explored(symbols: Symbols, compute: Callable[[Known], T], most: int = LEAVES) -> Cases[T]:
    """The results of `compute` in all cases that can happen. Raises `Refusal` (`over-budget`) for more than `most`."""

    def absurd(known: Known) -> bool:
        way = tuple(holds(question, (answer,)) for question, answer in known.answers.items())
        return any(map(is_numeric, known.answers)) and impossible([*_domain(way, symbols), *way])

    return _possible(explore(compute, most, absurd), symbols)


def is_numeric(question: Any) -> bool:
    """Whether it is a condition on numbers, rather than a symbol that has a few values."""
    return not isinstance(question, sympy.Symbol)


def _possible(tree: Cases[T], symbols: Symbols) -> Cases[T]:
    def go(each: Cases[T], way: tuple[Any, ...]) -> Cases[T] | None:
        if not isinstance(each, Fork):
            return each
        arms = []
        for answers, inner in each.arms:
            here = (*way, holds(each.question, answers))
            if is_numeric(each.question) and impossible([*_domain(here, symbols), *here]):
                continue
            kept = go(inner, here)
            if kept is not None:
                arms.append((answers, kept))
        return joined(each.question, arms) if arms else None

    found = go(tree, ())
    return tree if found is None else found


def _domain(way: tuple[Any, ...], symbols: Symbols) -> list[Any]:
    """What the spaces say of the symbols in some conditions."""
    met = set().union(*(w.free_symbols for w in way)) if way else set()
    return [b for s in sorted(met, key=str) if s in symbols.spaces for b in bounds(s, symbols.spaces[s])]


__all__ = ["explored", "is_numeric"]
