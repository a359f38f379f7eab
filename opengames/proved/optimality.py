"""The best move of a clearing, said to z3: the optimality conditions of a linear program, and its duals.

Where the earning and the rules are linear in what is decided, a move is best exactly where multipliers of the rules exist that
are of the right sign, are 0 where a rule has room, and balance the earning's derivative by every decided number. A dual that the
text asks for is such a multiplier. Where prices are not unique, any that the conditions allow may be meant.

Source: Boyd and Vandenberghe, Convex Optimization (2004), section 5.5.3. The linear parts are read off the expressions of the
play, so what a quote or a load multiplies may stay open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import z3

from opengames.proved import values as v
from opengames.proved.knowledge import names_in
from opengames.proved.plays import Play, Reached, Side
from opengames.proved.translate import Translator
from opengames.proved.values import Num, Value
from opengames.spaces import Family, Reals, Record, Space

_PIECES = 8  # linear rows that one comparison may fall into


class NotLinear(Exception):
    """The clearing is no linear program as far as this can be seen; the text says why."""


@dataclass
class _Row:
    """`left <= 0` (or `== 0`), where `guard` holds. parts: the factor of every decided number in `left`.

    sign: how its multiplier counts in the dual of its rule.
    """

    left: Any
    parts: dict[str, Any]
    equal: bool
    guard: Any = True
    multiplier: Any = None
    sign: int = 1


def optimality(tr: Translator, made: Play) -> None:
    """Assume of every clearing reached that its move is best and that its duals are its multipliers. Raises `NotLinear`."""
    for each in made.reached:
        if each.clearing:
            _Conditions(tr, each).assume()


@dataclass
class _Conditions:
    tr: Translator
    each: Reached
    own: dict[str, Any] = field(default_factory=dict)
    defined: dict[str, Any] = field(default_factory=dict)
    known: dict[int, tuple[Any, dict[str, Any], Any]] = field(default_factory=dict)
    touched: dict[int, tuple[Any, bool]] = field(default_factory=dict)

    def assume(self) -> None:
        """See `optimality`."""
        each, tr = self.each, self.tr
        if each.earned is None:
            raise NotLinear("what a clearing earns is not known where it is decided")
        bounds = list(self._bounds())
        self.defined = tr.definitions
        of_rule: dict[tuple[str, int], list[_Row]] = {}
        without: set[str] = set()
        seen: dict[str, int] = {}
        for rule, holds, sides in zip(each.rules, each.holds, each.sides, strict=True):
            place = seen.get(rule, 0)
            seen[rule] = place + 1
            of_rule[rule, place] = list(self._rows(v.truth(holds), True) if sides is None else self._sides(sides))
            if sides is None:
                without.add(rule)
        rows = [*bounds, *(r for found in of_rule.values() for r in found)]
        facts: list[Any] = []
        for row in rows:
            row.multiplier = z3.Real(tr.fresh("multiplier"))
            if not row.equal:
                facts += [row.multiplier >= 0, z3.Or(row.multiplier == 0, row.left == 0)]
            if row.guard is not True:
                facts.append(z3.Or(row.guard, row.multiplier == 0))
        gain, _ = self._linear(v.expr(each.earned))
        for name in self.own:
            terms = [r.parts[name] * r.multiplier for r in rows if name in r.parts]
            facts.append(gain.get(name, _ZERO) == (z3.Sum(terms) if terms else _ZERO))
        facts += self._duals(of_rule, without)
        path = v.truth(v.conj(each.path))
        tr.facts += [f if z3.is_true(path) else z3.Implies(path, f) for f in facts]

    def _bounds(self) -> Iterator[_Row]:
        """Rows for the types of the decided numbers."""
        for choice in self.each.choices:
            for leaf, space in _numbers(choice.value, choice.space):
                if not isinstance(space, Reals) or space.whole or not isinstance(leaf, Num):
                    raise NotLinear(f"`{choice.wire}` is not a real quantity")
                name = str(leaf.expr)
                self.own[name] = leaf.expr
                if space.upper is not None:
                    yield _Row(leaf.expr - v.number(space.upper), {name: _ONE}, False)
                if space.lower is not None:
                    yield _Row(v.number(space.lower) - leaf.expr, {name: -_ONE}, False)

    def _duals(self, of_rule: dict[tuple[str, int], list[_Row]], without: set[str]) -> Iterable[Any]:
        """That a dual is the sum of the multipliers of the comparisons that its rule is made of, each with its sign."""
        for port, value in self.each.prices:
            name = port.name.removeprefix("dual ")
            if name in without:
                raise NotLinear(f"the price of `{name}` is not told by comparisons")
            for place, price in enumerate(_flat(value)):
                found = [r.sign * r.multiplier for r in of_rule[name, place]]
                yield v.expr(price) == (z3.Sum(found) if found else _ZERO)

    def _sides(self, sides: list[Side]) -> Iterator[_Row]:
        """The rows of the comparisons of a rule."""
        for side in sides:
            left, right, test = v.expr(side.left), v.expr(side.right), z3.simplify(v.truth(side.test))
            if z3.is_false(test) or not (self._touches(left) or self._touches(right)):
                continue
            if self._touches(test):
                raise NotLinear("whether a rule holds depends on what is decided")
            less, more = (right, left) if side.op == ">=" else (left, right)
            for row in self._compared(less, more, side.op == "==", True if z3.is_true(test) else test):
                row.sign = -1 if side.op == ">=" else 1
                yield row

    # ---------------------------------------------------------------------- rows

    def _rows(self, holds: Any, guard: Any) -> Iterator[_Row]:
        """The rows that a rule comes to, where `guard` holds."""
        if z3.is_true(holds) or not self._touches(holds):
            return  # what does not depend on the move is no limit of it
        if z3.is_and(holds):
            for each in holds.children():
                yield from self._rows(each, guard)
        elif z3.is_or(holds) or z3.is_implies(holds):
            yield from self._guarded(holds, guard)
        elif z3.is_not(holds) and z3.is_or(holds.arg(0)):
            for each in holds.arg(0).children():
                yield from self._rows(z3.Not(each), guard)
        elif z3.is_not(holds) and (z3.is_gt(holds.arg(0)) or z3.is_lt(holds.arg(0))):
            inner = holds.arg(0)
            less, more = (inner.arg(0), inner.arg(1)) if z3.is_gt(inner) else (inner.arg(1), inner.arg(0))
            yield from self._compared(less, more, False, guard)
        elif z3.is_le(holds):
            yield from self._compared(holds.arg(0), holds.arg(1), False, guard)
        elif z3.is_ge(holds):
            yield from self._compared(holds.arg(1), holds.arg(0), False, guard)
        elif z3.is_eq(holds) and z3.is_arith(holds.arg(0)):
            yield from self._compared(holds.arg(0), holds.arg(1), True, guard)
        else:
            raise NotLinear("a rule is not made of comparisons")

    def _guarded(self, holds: Any, guard: Any) -> Iterator[_Row]:
        """Rows of `condition implies rule`, where the condition does not depend on the move."""
        parts = [z3.Not(holds.arg(0)), holds.arg(1)] if z3.is_implies(holds) else holds.children()
        mine = [p for p in parts if self._touches(p)]
        if len(mine) != 1:
            raise NotLinear("a rule holds in one of several ways, which depend on what is decided")
        here = z3.Not(z3.Or(*(p for p in parts if not self._touches(p))))
        yield from self._rows(mine[0], here if guard is True else z3.And(guard, here))

    def _compared(self, less: Any, more: Any, equal: bool, guard: Any) -> Iterator[_Row]:
        pieces = [less - more] if equal else list(self._pieces(less - more))
        for piece in pieces:
            parts, _ = self._linear(piece)
            yield _Row(piece, parts, equal, guard)

    def _pieces(self, left: Any) -> Iterator[Any]:
        """Expressions without cases whose greatest is `left`."""
        waiting, made = [left], 0
        while waiting:
            here = waiting.pop()
            found = self._case(here)
            if found is None:
                made += 1
                if made > _PIECES:
                    raise NotLinear("a rule falls into too many linear pieces")
                yield here
                continue
            whole, test, then, other = found
            high, low = (z3.substitute(self._open(here), (whole, part)) for part in (then, other))
            solver = z3.Solver()
            solver.set("timeout", 1_000)
            solver.add(z3.Not(z3.And(z3.Implies(test, high >= low), z3.Implies(z3.Not(test), low >= high))))
            if solver.check() != z3.unsat:
                raise NotLinear("a rule is not a greatest of linear parts")
            waiting += [low, high]

    def _open(self, term: Any) -> Any:
        """The term with the names written out that stand for what depends on the move."""
        while True:
            used = names_in(term) & self.defined.keys()
            names = [(z3.Real(n), self.defined[n]) for n in sorted(used) if self._touches(self.defined[n])]
            if not names:
                return term
            term = z3.substitute(term, *names)

    def _case(self, term: Any) -> tuple[Any, Any, Any, Any] | None:
        """An `if` in the term whose test depends on the move."""
        waiting = [self._open(term)]
        while waiting:
            here = waiting.pop()
            if not self._touches(here):
                continue
            if z3.is_app_of(here, z3.Z3_OP_ITE) and self._touches(here.arg(0)):
                return here, here.arg(0), here.arg(1), here.arg(2)
            waiting += here.children()
        return None

    # -------------------------------------------------------------------- linear parts

    def _touches(self, term: Any) -> bool:
        """Whether a term depends on what is decided."""
        key = term.get_id()
        if key not in self.touched:
            if z3.is_const(term):
                name = str(term)
                found = name in self.own or (name in self.defined and self._touches(self.defined[name]))
            else:
                found = any(self._touches(c) for c in term.children())
            self.touched[key] = (term, found)
        return self.touched[key][1]

    def _linear(self, term: Any) -> tuple[dict[str, Any], Any]:
        """The factors of the decided numbers in a term, and the rest."""
        key = term.get_id()
        if key not in self.known:
            self.known[key] = (term, *self._taken_apart(term))
        return self.known[key][1:]

    def _taken_apart(self, term: Any) -> tuple[dict[str, Any], Any]:
        if not self._touches(term):
            return {}, term
        if z3.is_const(term):
            name = str(term)
            return ({name: _ONE}, _ZERO) if name in self.own else self._linear(self.defined[name])
        if z3.is_add(term):
            return _sum([self._linear(c) for c in term.children()])
        if z3.is_sub(term):
            first, *rest = [self._linear(c) for c in term.children()]
            return _sum([first, *(_scaled(each, -_ONE) for each in rest)])
        if z3.is_app_of(term, z3.Z3_OP_UMINUS):
            return _scaled(self._linear(term.arg(0)), -_ONE)
        if z3.is_mul(term):
            mine = [c for c in term.children() if self._touches(c)]
            if len(mine) > 1:
                raise NotLinear("two decided quantities are multiplied")
            factor = _ONE
            for c in term.children():
                factor = factor if c is mine[0] or self._touches(c) else _times(factor, c)
            return _scaled(self._linear(mine[0]), factor)
        if z3.is_div(term) and not self._touches(term.arg(1)):
            return _scaled(self._linear(term.arg(0)), 1 / term.arg(1))
        if z3.is_app_of(term, z3.Z3_OP_ITE) and not self._touches(term.arg(0)):
            (a, x), (b, y) = self._linear(term.arg(1)), self._linear(term.arg(2))
            test = term.arg(0)
            names = dict.fromkeys([*a, *b])
            return {n: z3.If(test, a.get(n, _ZERO), b.get(n, _ZERO)) for n in names}, z3.If(test, x, y)
        raise NotLinear("what is decided is used by more than sums and fixed factors")


_ZERO, _ONE = z3.RealVal(0), z3.RealVal(1)

_Linear = tuple[dict[str, Any], Any]


def _sum(found: list[_Linear]) -> _Linear:
    parts: dict[str, Any] = {}
    for each, _ in found:
        for name, factor in each.items():
            parts[name] = _plus(parts[name], factor) if name in parts else factor
    return parts, z3.Sum([rest for _, rest in found])


def _scaled(found: _Linear, factor: Any) -> _Linear:
    return {n: _times(factor, x) for n, x in found[0].items()}, _times(factor, found[1])


def _plus(a: Any, b: Any) -> Any:
    return z3.simplify(a + b)


def _times(a: Any, b: Any) -> Any:
    return z3.simplify(a * b)


def _numbers(value: Value, space: Space) -> Iterator[tuple[Value, Space]]:
    """The parts of a decided value, each with its space."""
    match space:
        case Record(fields=fields):
            for part, (_, inner) in zip(value, fields, strict=True):
                yield from _numbers(part, inner)
        case Family(item=item):
            for part in value:
                yield from _numbers(part, item)
        case _:
            yield value, space


def _flat(value: Value) -> list[Any]:
    return [x for each in value for x in _flat(each)] if isinstance(value, tuple) else [value]


__all__ = ["NotLinear", "optimality"]
