"""The possible combinations of the variables that some terms use, listed, and what terms are worth in each.

For the solvers only: what they find is checked elsewhere, by code that shares nothing with this.

A term is worked out where it is small, as a table over its own few variables, and put together from such tables by
`and`, `or` and `not`; so a thousand worlds cost a few vector operations for an event, not a thousand evaluations.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import lcm, prod
from typing import TYPE_CHECKING, Any

from opengames.diagnostics import refuse
from opengames.evaluate import compile_term
from opengames.solvers.coherence.worlds import Worlds
from opengames.spaces import points
from opengames.terms import Apply, Const, Pack, Prim, Term, Var, free, substitute

if TYPE_CHECKING:
    import numpy as np

LISTED = 1 << 20
"""Combinations that are listed; beyond them worlds are looked for one by one (see `many`)."""

_TABLE = 1 << 16
_COUNTED = 64  # combinations beyond which a sum of indicators is added up, event by event
_SAFE = 1 << 62
_ONE = Fraction(1)


class TooMany(Exception):
    """There are more combinations than are listed."""


@dataclass(frozen=True)
class Cases:
    """names: the variables, with their `values`. codes: [variable, case], the place of each case's value."""

    names: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]
    codes: np.ndarray[Any, Any]

    def __len__(self) -> int:
        return int(self.codes.shape[1])

    def world(self, case: int) -> tuple[tuple[str, Any], ...]:
        """One case as (variable, value) pairs."""
        column = self.codes[:, case].tolist()
        return tuple((n, v[c]) for n, v, c in zip(self.names, self.values, column, strict=True))


def used(terms: Iterable[Term | None]) -> frozenset[str]:
    """The variables of several terms."""
    return frozenset().union(*(free(t) for t in terms if t is not None))


def cases(worlds: Worlds, names: Iterable[str], limit: int = LISTED) -> Cases:
    """The possible combinations of variables (and of those that `such_that` speaks of).

    Raises `TooMany`; `Refusal` with `impossible-evidence` if nothing is possible.
    """
    wanted = set(names) | used(worlds.such_that)
    kept = tuple(n for n, _ in worlds.wires if n in wanted)
    spaces = worlds.spaces
    if worlds.count(kept) > limit and worlds.channel is None:
        raise TooMany
    values = tuple(tuple(points(spaces[n])) for n in kept)
    if worlds.channel is None:
        found = _grid(kept, values)
    else:
        found = _support(worlds, kept, values, limit)
    if worlds.such_that:
        import numpy as np

        inside = Values(worlds, found)
        alive = np.logical_and.reduce([inside.event(t) for t in worlds.such_that])
        found = Cases(kept, values, found.codes[:, alive])
    if not len(found):
        raise refuse("impossible-evidence", "no world is possible: the constraints exclude each other")
    return found


def _grid(names: tuple[str, ...], values: tuple[tuple[Any, ...], ...]) -> Cases:
    import numpy as np

    sizes = tuple(map(len, values))
    total = prod(sizes)
    codes = np.empty((len(names), total), np.intp)
    left = total
    every = np.arange(total)
    for i, n in enumerate(sizes):
        left //= max(n, 1)
        codes[i] = every // left % n
    return Cases(names, values, codes)


def _support(worlds: Worlds, names: tuple[str, ...], values: tuple[tuple[Any, ...], ...], limit: int) -> Cases:
    """The combinations to which the channel gives a chance."""
    import numpy as np

    from opengames.diagnostics import Refusal
    from opengames.exact import distribution

    assert worlds.diagram is not None
    if worlds.count(names) > limit:
        raise TooMany
    together = Pack(tuple(Var(n) for n in names))
    try:
        pairs = distribution(worlds.program, worlds.diagram, together, (), worlds.params)
    except Refusal as refusal:
        if any(d.code == "over-budget" for d in refusal.diagnostics):
            raise TooMany from refusal
        raise
    places = [{v: i for i, v in enumerate(each)} for each in values]
    rows = sorted([place[v] for place, v in zip(places, world, strict=True)] for world, chance in pairs if chance)
    return Cases(names, values, np.array(rows, np.intp).reshape(len(rows), len(names)).T)


class Values:
    """What terms are worth in each case."""

    def __init__(self, worlds: Worlds, among: Cases) -> None:
        self.worlds, self.cases = worlds, among
        self._rows = {n: i for i, n in enumerate(among.names)}
        self._known: dict[Term, Any] = {}

    @cached_property
    def everywhere(self) -> np.ndarray[Any, Any]:
        import numpy as np

        return np.ones(len(self.cases), bool)

    def event(self, term: Term | None) -> np.ndarray[Any, Any]:
        """Where a boolean term holds; everywhere for `None`."""
        if term is None:
            return self.everywhere
        if term not in self._known:
            self._known[term] = self._event(term)
        return self._known[term]

    def numbers(self, term: Term) -> tuple[list[Fraction], np.ndarray[Any, Any]]:
        """The values of a numeric term, each once, and the place of each case's value among them."""
        import numpy as np

        counted = self._counted(term) if self._size(term) > _COUNTED else None
        if counted is not None:
            several, at = np.unique(counted[0], return_inverse=True)
            return [Fraction(int(v), counted[1]) for v in several], at.reshape(-1)
        table, flat = self._table(term)
        found = [Fraction(v) for v in table if v is not None]
        values = sorted(set(found))
        place = {v: i for i, v in enumerate(values)}
        codes = np.array([0 if v is None else place[Fraction(v)] for v in table], np.intp)
        return values, codes[flat]

    def _event(self, term: Term) -> np.ndarray[Any, Any]:
        import numpy as np

        match term:
            case Const(value=value):
                return self.everywhere if value else ~self.everywhere
            case Var(name=name) if self.cases.values[self._rows[name]] == (False, True):
                return self.cases.codes[self._rows[name]] == 1
            case Prim(op="and", args=(a, b)):
                return self.event(a) & self.event(b)
            case Prim(op="or", args=(a, b)):
                return self.event(a) | self.event(b)
            case Prim(op="implies", args=(a, b)):
                return ~self.event(a) | self.event(b)
            case Prim(op="not", args=(a,)):
                return ~self.event(a)
            case Apply(fun=name, args=args) if self._size(term) > _TABLE:
                fun = self.worlds.program.funs[name]
                return self.event(substitute(fun.body, {p.name: a for p, a in zip(fun.inputs, args, strict=True)}))
            case Prim(op="<" | "<=" | ">" | ">=" as op, args=(a, b)) if self._size(term) > _COUNTED:
                counted = self._counted(Prim("-", (a, b)))
                if counted is not None:
                    total = counted[0]
                    return {"<": total < 0, "<=": total <= 0, ">": total > 0, ">=": total >= 0}[op]
        table, flat = self._table(term)
        return np.array([bool(v) for v in table])[flat]

    def _counted(self, term: Term) -> tuple[np.ndarray[Any, Any], int] | None:
        """A sum of indicators in each case, in whole numbers over a denominator; `None` for what is no such sum."""
        import numpy as np

        parts = _indicated(term)
        if parts is None:
            return None
        scale = lcm(*(v.denominator for _, v in parts))
        if sum(abs(v) for _, v in parts) * scale >= _SAFE:
            return None
        total = np.zeros(len(self.cases), np.int64)
        for event, v in parts:
            total += int(v * scale) * self.event(event).astype(np.int64)
        return total, scale

    def _size(self, term: Term) -> int:
        return prod(len(self.cases.values[self._rows[n]]) for n in free(term))

    def _table(self, term: Term) -> tuple[list[Any], np.ndarray[Any, Any]]:
        """The values of a term over its own variables (`None` where no case needs one), and each case's place there."""
        import numpy as np

        names = sorted(free(term))
        rows = [self._rows[n] for n in names]
        sizes = [len(self.cases.values[r]) for r in rows]
        flat = np.zeros(len(self.cases), np.intp)
        total = prod(sizes)
        run = compile_term(term, self.worlds.program.funs, self.worlds.params)
        if total <= _TABLE:
            for r, n in zip(rows, sizes, strict=True):
                flat = flat * n + self.cases.codes[r]
            needed = np.zeros(total, bool)
            needed[flat] = True
            table: list[Any] = [None] * total
            for place in np.flatnonzero(needed).tolist():
                table[place] = run(self._env(names, rows, sizes, place))
            return table, flat
        chosen = self.cases.codes[rows]
        distinct, flat = np.unique(chosen, axis=1, return_inverse=True)
        if distinct.shape[1] > _TABLE:
            raise refuse("over-budget", f"a payoff here has {distinct.shape[1]:,} cases of its own; the limit is {_TABLE:,}",
                         help="write it with `and`, `or` and `not` of smaller events")  # fmt: skip
        values = [self.cases.values[r] for r in rows]
        envs = ({n: v[c] for n, v, c in zip(names, values, column, strict=True)} for column in distinct.T.tolist())
        return [run(env) for env in envs], flat.reshape(-1)

    def _env(self, names: list[str], rows: list[int], sizes: list[int], place: int) -> dict[str, Any]:
        env = {}
        for name, row, n in zip(reversed(names), reversed(rows), reversed(sizes), strict=True):
            place, code = divmod(place, n)
            env[name] = self.cases.values[row][code]
        return env


def _indicated(term: Term, times: Fraction = _ONE) -> list[tuple[Term | None, Fraction]] | None:
    """A number as amounts, each counted where an event holds, or always for `None`."""
    match term:
        case Const(value=value):
            return [(None, times * Fraction(value))]
        case Prim(op="ind", args=(event,)):
            return [(event, times)]
        case Prim(op="+" | "-" as op, args=(a, b)):
            first, second = _indicated(a, times), _indicated(b, times if op == "+" else -times)
            return None if first is None or second is None else first + second
        case Prim(op="neg", args=(a,)):
            return _indicated(a, -times)
        case Prim(op="*", args=(Const(value=k), a)) | Prim(op="*", args=(a, Const(value=k))):
            return _indicated(a, times * Fraction(k))
    return None


__all__ = ["LISTED", "Cases", "TooMany", "Values", "cases", "used"]
