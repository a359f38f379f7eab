"""Quantifiers over finitely many cases: tried one by one, and searched for the case that decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from opengames.evaluate import compile_term, evaluate
from opengames.program import Fun
from opengames.show import show_space
from opengames.spaces import Space, is_finite, points, size
from opengames.terms import Const, Fold, Prim, Term, children, substitute

CASES = 2_000_000
"""Cases of a quantifier that are tried one by one."""

Iters = tuple[tuple[str, Space], ...]
Assignment = list[tuple[str, Any, Space]]
"""(variable as written, value, its space), outermost first."""


class Undecided(Exception):
    """A question that stays open. Its text is the reason."""


def search(term: Term, funs: Mapping[str, Fun], params: Mapping[str, Any]) -> tuple[bool, Assignment]:
    """Whether a closed term holds, and the assignment that decides it, if one does: the case in which a `forall`
    fails or an `exists` holds. Raises `Undecided` for infinitely or too many cases.
    """
    match term:
        case Fold(op="and" | "or" as op, iters=iters, body=body, where=where):
            bounded(iters)
            decides = op == "or"
            rest = compile_term(body, funs, params)
            counts = None if where is None else compile_term(where, funs, params)
            for values in product(*(tuple(points(s)) for _, s in iters)):
                env = {name: v for (name, _), v in zip(iters, values, strict=True)}
                if (counts is None or counts(env)) and bool(rest(env)) == decides:
                    _, deeper = search(substitute(body, {n: Const(v) for n, v in env.items()}), funs, params)
                    here = [(written(n), v, s) for (n, s), v in zip(iters, values, strict=True)]
                    return decides, [*here, *deeper]
            return not decides, []
        case Prim(op="not", args=(inner,)):
            holds, found = search(inner, funs, params)
            return not holds, found
    for each in parts(term):
        if isinstance(each, Fold):
            bounded(each.iters, count_too=False)
    return bool(evaluate(term, {}, funs, params)), []


def bounded(iters: Iters, most: int = CASES, count_too: bool = True) -> None:
    """Refuse, by `Undecided`, what cannot be tried case by case."""
    for name, space in iters:
        if not is_finite(space):
            raise Undecided(
                f"it quantifies over every `{written(name)}: {show_space(space)}`, infinitely many: that needs the "
                "proved reading; ask `by z3`, or leave `by` out"
            )
    if count_too and count(iters) > most:
        raise Undecided(f"there are {count(iters):,} cases to try, and {most:,} is the most that are tried")


def assignments(iters: Iters) -> Iterator[dict[str, Term]]:
    """Every case, as constants for the variables."""
    for values in product(*(tuple(points(s)) for _, s in iters)):
        yield {n: Const(v) for (n, _), v in zip(iters, values, strict=True)}


def count(iters: Iters) -> int:
    """How many cases there are."""
    total = 1
    for _, space in iters:
        total *= size(space) or 0
    return total


def written(name: str) -> str:
    """A bound variable as the author wrote it."""
    return name.split("#", 1)[0]


def parts(term: Term) -> Iterator[Term]:
    """The term and everything below it."""
    stack = [term]
    while stack:
        each = stack.pop()
        yield each
        stack.extend(children(each))
