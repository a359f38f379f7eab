"""Whether every decision that a play reaches has a legal move, so that assuming its rules drops no play.

A claim about every play is decided with the rules assumed. That is sound only where, for all that came before and obeyed the
rules so far, some move obeys the rules of the decision; else the plays that get stuck there would be left out silently. Each
decision of a symbolic play owes this. It is shown by a move that is always legal, by trying finitely many moves, or by
a quantifier for z3. What came before is all that `plays` knew when the decision was opened; less of it is sound too.

Law: `shown` only if no assignment of what came before leaves the decision without a move. A rule that looks at what is
drawn or decided after its decision is never shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

import z3

from opengames.cases import Assignment, Undecided
from opengames.proved import values as v
from opengames.proved.corners import Corners, always_met
from opengames.proved.knowledge import Facts, names_in, near
from opengames.proved.plays import Choice, Play, Reached
from opengames.proved.solve import Clock, Reply, satisfy
from opengames.proved.translate import Translator
from opengames.proved.values import Label, Num, Value
from opengames.proved.witness import at
from opengames.spaces import is_finite, points, size

MOVES = 256
"""Moves of a decision that are tried one by one."""
_CLEARING, _LEAST = 0.5, 2.0  # seconds for a decision that is cleared: its rules are many, and what is not shown is said instead; for all of them
_CORNERS = 1.0  # seconds for the corners of one such decision
_SHOWN = 4


@dataclass(frozen=True)
class Legal:
    """stuck: why a decision may have no move, in words. assumed: what a claim rests on where that stayed open."""

    stuck: str = ""
    assumed: tuple[str, ...] = ()


def legal(tr: Translator, made: Play, clock: Clock, starts: bool = True) -> Legal:
    """Whether all decisions reached have a legal move. For a clearing that is too hard to settle, the claim says what it assumes.

    starts: whether the play starts where plays start, so that a case without a move is one; else it may never come about.
    """
    assumed: dict[str, None] = {}
    hard: set[int] = set()
    shown: dict[tuple[int, int, int], Corners] = {}
    later = tr.facts[made.end :]
    book = _Book(tr.facts, later)
    if clock.left < _LEAST:  # what is proved already is not said with less because the time is nearly over
        clock = clock.least(_LEAST)
    for each in made.reached:
        if each.clearing and id(each.box) in hard:
            continue
        asked = _Asked.of(tr, each, book)
        if each.clearing and asked is not None and asked.at_corners(shown, clock.least(min(_CORNERS, clock.left / 2))):
            continue
        if asked is None:
            verdict = Reply("unknown", why="its rules look at what comes after it, or at numbers known by laws only")
        else:
            verdict = asked.reply(clock.least(min(_CLEARING, clock.left / 2)) if each.clearing else clock.part(0.5))
        if verdict.status == "unsat":
            continue
        if each.clearing and (verdict.status == "unknown" or not starts):
            hard.add(id(each.box))
            assumed[f"where the rules of {_names(each.choices)} can be met"] = None
            continue
        return Legal(_stuck(tr, made, each, verdict, starts))
    return Legal(assumed=tuple(assumed))


def _names(choices: Iterable[Choice]) -> str:
    return ", ".join(dict.fromkeys(f"`{c.wire}`" for c in choices))


def _stuck(tr: Translator, made: Play, each: Reached, reply: Reply, starts: bool) -> str:
    names = ", ".join(f"`{c.name}`" for c in each.choices)
    ruled = ", ".join(dict.fromkeys(f"`{r}`" for r in each.rules))
    if reply.status == "unknown":
        return f"it was not shown that the decision {names} always has a legal move (rules {ruled}): {reply.why}"
    before: Assignment = [
        (c.name, v.read(reply.model, c.value, tr.labels), c.space) for c in made.choices[: each.before][-_SHOWN:]
    ]
    where = f" where {at(before)}" if before else ""
    if not starts:
        return f"it was not shown that the decision {names} always has a legal move: it has none{where} (rules {ruled})"
    return f"the decision {names} has no legal move{where} (rules {ruled}): such plays come to no end, and nothing is said of them"


class _Book:
    """What is known before each decision; those reached one after another add to one index."""

    def __init__(self, facts: list[Any], later: list[Any]) -> None:
        self.facts, self.later = facts, later
        self.end, self.known = 0, Facts(list(later))

    def until(self, end: int) -> Facts:
        """The facts before `end`, and the later ones."""
        if end < self.end:
            self.end, self.known = 0, Facts(list(self.later))
        for fact in self.facts[self.end : end]:
            self.known.add(fact)
        self.end = end
        return self.known


@dataclass
class _Asked:
    """met: that the move obeys the rules, over the constants of the move and of what came before. known: what is known then."""

    tr: Translator
    reached: Reached
    met: Any
    known: Facts

    @classmethod
    def of(cls, tr: Translator, each: Reached, book: _Book) -> _Asked | None:
        """`None` where the rules depend on what is fixed after the decision by other than a formula."""
        own = {n for c in each.choices for n in names_in(v.truth(tr.labels.same(c.value, c.value)))}
        own |= {str(x) for c in each.choices for x, _ in _leaves(c.value)}
        first, last = each.facts
        met = v.truth(v.conj([*tr.facts[first : each.opened], *each.holds]))
        defined = [
            (f.arg(0), f.arg(1)) for f in tr.facts[first:last]
            if z3.is_eq(f) and z3.is_const(f.arg(0)) and _number(str(f.arg(0))) > each.count and str(f.arg(0)) not in own
        ]  # fmt: skip
        for name, value in reversed(defined):
            met = z3.substitute(met, (name, value))
        if any(_number(n) > each.count and n not in own for n in names_in(met)):
            return None
        return cls(tr, each, met, book.until(first))

    def at_corners(self, shown: dict[tuple[int, int, int], Corners], clock: Clock) -> bool:
        """Whether there is always a move, by convexity."""
        moves = [x for c in self.reached.choices for x, _ in _leaves(c.value)]
        path = v.truth(v.conj(self.reached.path))
        return always_met(self.met, moves, self.known, path, shown, id(self.reached.box), clock)

    def reply(self, clock: Clock) -> Reply:
        """`unsat` where there is always a move, `sat` with a play that has none."""
        path = v.conj(self.reached.path)
        pairs = [pair for c in self.reached.choices for pair in _leaves(c.value)]
        if self._one_move(clock):
            return Reply("unsat")
        none = self._none([x for x, _ in pairs])
        return self._always(path, none, clock)

    def _one_move(self, clock: Clock) -> bool:
        """Whether some move, found where the rules can be met, is legal whatever came before: seen from what is near it."""
        found = satisfy([self.met], clock.part(0.2))
        if found.status != "sat":
            return False
        move = [v.read(found.model, c.value, self.tr.labels) for c in self.reached.choices]
        illegal = z3.Not(self._with([move]))
        if satisfy([illegal], clock.part(0.2)).status == "unsat":
            return True
        close, _ = near(illegal, (self.known,), 1)
        return satisfy([illegal, *close], clock.part(0.2)).status == "unsat"

    def _always(self, path: Any, none: Any, clock: Clock) -> Reply:
        """Whether `none` can hold: with what is near it first, then with all that is known."""
        close, _ = near(v.conj((path, none)), (self.known,), 1)
        if satisfy([path, none, *close], clock.part(0.4)).status == "unsat":
            return Reply("unsat")
        return satisfy([path, none, *self.known.every], clock)

    def _none(self, constants: list[Any]) -> Any:
        """That no move obeys the rules."""
        choices = self.reached.choices
        count = 1
        for c in choices:
            count *= (size(c.space) or MOVES + 1) if is_finite(c.space) else MOVES + 1
        if count <= MOVES:
            return z3.Not(self._with(product(*(list(points(c.space)) for c in choices))))
        return z3.ForAll(constants, z3.Not(self.met)) if constants else z3.Not(self.met)

    def _with(self, moves: Iterable[Sequence[Any]]) -> Any:
        """That one of the moves obeys the rules."""
        found = []
        for move in moves:
            pairs = [p for c, x in zip(self.reached.choices, move, strict=True) for p in _leaves(c.value, x, self.tr)]
            found.append(z3.substitute(self.met, *pairs) if pairs else self.met)
        return z3.Or(found)


def _leaves(value: Value, at_: Any = None, tr: Translator | None = None) -> list[tuple[Any, Any]]:
    """The constants of an open value, each with what it is at a known one."""
    if isinstance(value, tuple):
        known = at_ if isinstance(at_, tuple) else (None,) * len(value)
        return [pair for x, y in zip(value, known, strict=True) for pair in _leaves(x, y, tr)]
    if isinstance(value, Num):
        return _number_leaf(value.expr, at_)
    if isinstance(value, Label):
        return [(value.code, None if tr is None or at_ is None else z3.IntVal(tr.labels.number(at_)))]
    return [(value, None if at_ is None else z3.BoolVal(at_))] if isinstance(value, z3.BoolRef) else []


def _number_leaf(expr: Any, at_: Any) -> list[tuple[Any, Any]]:
    """The constant of an open number: itself, or of a whole number and a grid the whole number it is counted by."""
    if z3.is_const(expr):
        return [(expr, None if at_ is None else v.number(at_))]
    counted = _counted(expr)
    if counted is None:
        raise Undecided("a move is no number that was left open")
    zero = _rational(z3.simplify(z3.substitute(expr, (counted, z3.IntVal(0)))))
    one = _rational(z3.simplify(z3.substitute(expr, (counted, z3.IntVal(1)))))
    return [(counted, None if at_ is None else z3.IntVal(int((at_ - zero) / (one - zero))))]


def _rational(value: Any) -> Fraction:
    return Fraction(value.numerator_as_long(), value.denominator_as_long())


def _counted(expr: Any) -> Any:
    """The whole number that stands in `a + b * k`."""
    if z3.is_const(expr):
        return expr if z3.is_int(expr) and not z3.is_int_value(expr) else None
    return next((found for each in expr.children() if (found := _counted(each)) is not None), None)


def _number(name: str) -> int:
    """When a constant was made: the number at the end of its name."""
    tail = name.rpartition("!")[2].partition(".")[0]
    return int(tail) if tail.isdigit() else 0


__all__ = ["MOVES", "Legal", "legal"]
