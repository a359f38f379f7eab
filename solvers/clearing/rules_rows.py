"""Rules as rows: what a rule says of each of its lanes, taken apart into comparisons of affine expressions.

Chains and conjunctions are several rows, `abs(e) <= k` is two (one with two bounds where `k` is known), `forall` is a row for each
of its points, a condition that params decide drops the lanes where it does not hold, one that data decide weighs the row
by whether it holds. Truth values that are decided are numbers from 0 to 1: `a or b` is `a + b >= 1`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from opengames.diagram import Rule
from opengames.solvers.clearing import affine_values as av
from opengames.solvers.clearing.affine_terms import COMPARISONS, Reader, not_convex
from opengames.solvers.clearing.affine_values import Affine
from opengames.solvers.clearing.folds import spread
from opengames.solvers.clearing.frames import Code, Frame, Num, Sym, lift
from opengames.solvers.clearing.scopes import DATA, DECIDED, KNOWN, Scope
from opengames.spaces import Bool, Grid, Reals, index_points, is_finite
from opengames.spans import Span
from opengames.terms import Apply, Const, Fold, If, Member, Prim, Term, Var

_FLIPPED = {"<=": ">=", ">=": "<=", "<": ">", ">": "<", "==": "==", "!=": "!="}
_ROUNDED = ("<=", ">=", "==")
_HAIR = 1e-9


@dataclass(frozen=True)
class Part:
    """Rows of one comparison: `form <= 0` (sense -1), `== 0` (0) or `>= 0` (1), or `-half <= form <= half` where `half` is given.

    rule: its position among the rules, -1 for rows that tie a piece to its parts. place: (rows,), where in the rule's index
    each stands. sign: of the price of a row with two bounds. sides: of a comparison that has nothing decided in it, what stands
    to the left and to the right, for reports. turned: whether all that is decided stands to the right.
    """

    rule: int
    form: Affine
    sense: int
    place: np.ndarray
    at: Span | None
    half: np.ndarray | None = None
    sign: int = 1
    sides: tuple[Affine, str, Affine] | None = None
    turned: bool = False


class Rules:
    """Reads rules one by one into `parts`."""

    def __init__(self, reader: Reader, scope: Scope) -> None:
        self.reader, self.scope = reader, scope
        self.parts: list[Part] = []
        self._rule = 0
        self._at: Span | None = None
        self._base = reader.root

    def add(self, number: int, rule: Rule) -> None:
        """The rule's rows; raises `Refusal` (`not-convex`) naming the term that is not affine."""
        self._rule, self._at = number, rule.at
        self._base, scope = spread(self.reader, rule.iters, self.scope, self.reader.root)
        self._say(rule.term, scope, self._base)

    def _part(
        self, form: Affine, sense: int, frame: Frame, at: Span | None, half: np.ndarray | None = None, sign: int = 1,
        sides: tuple[Affine, str, Affine] | None = None, turned: bool = False,
    ) -> None:  # fmt: skip
        place = frame.within(self._base)
        self.parts.append(Part(self._rule, av.merged(form), sense, place, at or self._at, half, sign, sides, turned))

    def _say(self, term: Term, scope: Scope, frame: Frame) -> None:
        reader = self.reader
        if not frame.lanes:
            return
        much = reader.depends(term, scope)
        if much == KNOWN:
            broken = np.flatnonzero(~reader.test(term, scope, frame))
            if len(broken):
                self._broken(term, scope, Frame(len(broken), frame, broken))
            return
        match term:
            case Prim(op="and", args=args):
                for each in args:
                    self._say(each, scope, frame)
            case Prim(op="implies", args=(test, then)) if reader.depends(test, scope) < DECIDED:
                self._when(test, then, True, scope, frame)
            case Prim(op="or", args=(test, then)) if reader.depends(test, scope) < DECIDED:
                self._when(test, then, False, scope, frame)
            case Prim(op="or", args=(then, test)) if reader.depends(test, scope) < DECIDED:
                self._when(test, then, False, scope, frame)
            case If(test=test, then=then, other=other) if reader.depends(test, scope) < DECIDED:
                self._when(test, then, True, scope, frame)
                self._when(test, other, False, scope, frame)
            case Fold(op="and"):
                self._every(term, scope, frame)
            case Fold(op="or", iters=iters, body=body, where=where) if much == DECIDED:
                if isinstance(body, Member) or (isinstance(body, Prim) and body.op in (*COMPARISONS, "and", "or", "implies")):
                    raise _choice(term)
                total, _ = self._number(Fold("sum", iters, Prim("ind", (body,), at=body.at), where, at=term.at), scope, frame)
                self._part(av.minus(total, av.constant(self._fill(1, total.items))), 1, frame, term.at)
            case Apply(fun=fun, args=args):
                self._say(reader.funs[fun].body, reader.called(fun, args, scope, frame), frame)
            case Prim(op=op) if op in COMPARISONS and self._is_number(term, scope, frame):
                self._compare(term, scope, frame)
            case Member(value=value, space=Reals(lower=lower, upper=upper, whole=False)):
                form, here = self._number(value, scope, frame)
                for bound, sense in ((lower, 1), (upper, -1)):
                    if bound is not None:
                        level = av.constant(self._fill(bound, form.items))
                        self._part(av.minus(form, level), sense, here, term.at)
            case Var(name=name) if scope.find(name).written is not None and much == DECIDED:
                written = scope.find(name).written
                assert written is not None
                self._say(written[0], written[1], frame)
            case _ if much == DATA:
                self._holds(term, scope, frame)
            case _:
                self._clause(term, scope, frame)

    def _broken(self, term: Term, scope: Scope, frame: Frame) -> None:
        """A condition that params decide and that holds nowhere in the frame: rows that cannot hold, one for what breaks it."""
        reader = self.reader
        match term:
            case Prim(op="and", args=(first, second)):
                self._say(first, scope, frame)
                self._when(first, second, True, scope, frame)
            case Prim(op="implies", args=(test, then)):
                self._when(test, then, True, scope, frame)
            case Prim(op="or", args=(first, second)):
                self._when(first, second, False, scope, frame)
            case Fold(op="and"):
                self._every(term, scope, frame)
            case Apply(fun=fun, args=args):
                self._say(reader.funs[fun].body, reader.called(fun, args, scope, frame), frame)
            case Prim(op=op, args=(left, right)) if op in COMPARISONS:
                self._never(term.at, op, left, right, scope, frame)
            case Member(value=value, space=Reals(lower=lower, upper=upper, whole=False)):
                for bound, op in ((lower, ">="), (upper, "<=")):
                    if bound is not None:
                        self._never(term.at, op, value, Const(bound), scope, frame)
            case _:
                self._never(term.at, "", term, term, scope, frame)

    def _never(self, at: Span | None, op: str, left: Term, right: Term, scope: Scope, frame: Frame) -> None:
        """Rows that cannot hold, with what stands on both sides of the comparison that does not, if it is one of numbers.

        In floats both sides of `<=`, `>=` and `==` are equal when they are so up to rounding.
        """
        sides = self._sides(op, left, right, scope, frame) if op else None
        if sides is not None and op in _ROUNDED:
            a, b = sides[0].constant, sides[2].constant
            gap = {"<=": a - b, ">=": b - a, "==": abs(a - b)}[op]
            lanes = np.flatnonzero(gap > (0 if self.reader.kind is object else rounding(a, b)))
            sides = (av.gather(sides[0], lanes), op, av.gather(sides[2], lanes))
            frame = Frame(len(lanes), frame, lanes)
        if frame.lanes:
            never = av.constant(av.constant_of(1, frame.lanes, self.reader.kind))
            self._part(never, -1, frame, at, sides=sides)

    def _sides(self, op: str, left: Term, right: Term, scope: Scope, frame: Frame) -> tuple[Affine, str, Affine] | None:
        """Both sides of a comparison of numbers that params decide."""
        values = [lift(self.reader.read(a, scope, frame), frame) for a in (left, right)]
        if not all(isinstance(v, Num) or (isinstance(v, Code) and _are_numbers(v.points)) for v in values):
            return None
        a, b = (self.reader.number(v).form for v in values)
        return a, op, b

    def _fill(self, value: object, items: int) -> np.ndarray:
        out = av.constant_of(0, items, self.reader.kind)
        out[:] = value if self.reader.kind is object else float(value)  # type: ignore[arg-type]
        return out

    def _number(self, term: Term, scope: Scope, frame: Frame) -> tuple[Affine, Frame]:
        found = lift(self.reader.number(self.reader.read(term, scope, frame), term.at), frame)
        assert isinstance(found, Num)
        return found.form, frame

    def _is_number(self, term: Prim, scope: Scope, frame: Frame) -> bool:
        """Whether a comparison is one of numbers (or of truth values that are decided)."""
        if self.reader.depends(term, scope) == DECIDED:
            return True
        if term.op not in ("<=", ">=", "=="):
            return False
        values = [self.reader.read(a, scope, frame) for a in term.args]
        return all(isinstance(v, Num) or (isinstance(v, Sym) and isinstance(v.space, Reals | Grid)) for v in values)

    def _holds(self, term: Term, scope: Scope, frame: Frame) -> None:
        """A condition on data alone: it is 1, or the rules cannot hold."""
        value = self.reader.read(term, scope, frame)
        if isinstance(value, Sym):
            value = Sym(value.term, Bool(), value.frame, value.width)
        form = lift(self.reader.number(value, term.at), frame).form  # type: ignore[union-attr]
        one = av.constant(av.constant_of(1, form.items, self.reader.kind))
        self._part(av.minus(form, one), 1, frame, term.at)

    def _when(self, test: Term, then: Term, wanted: bool, scope: Scope, frame: Frame) -> None:
        reader = self.reader
        if reader.depends(test, scope) == KNOWN:
            holds = reader.test(test, scope, frame)
            lanes = np.flatnonzero(holds if wanted else ~holds)
            self._say(then, scope, frame if len(lanes) == frame.lanes else Frame(len(lanes), frame, lanes))
            return
        inner = Rules(reader, self.scope)
        inner._rule, inner._at, inner._base = self._rule, self._at, frame
        inner._say(then, scope, frame)
        data = reader.data_term(test, scope)
        for part in inner.parts:
            forms = [(part.form, part.sense)]
            if part.half is not None:
                half = av.constant(part.half)
                forms = [(av.minus(part.form, half), -1), (av.plus(part.form, half), 1)]
            for form, sense in forms:
                where = Frame(form.items, frame, part.place)
                made = reader.unknowns.guarded(form, data, wanted, where, reader.lanes, part.at)
                self._part(made, sense, where, part.at, sides=part.sides, turned=part.turned)

    def _every(self, term: Fold, scope: Scope, frame: Frame) -> None:
        if any(not is_finite(s) for _, s in term.iters):
            raise not_convex("a rule about every point of an infinite set", term.at)
        new, inside = spread(self.reader, term.iters, scope, frame)
        body = term.body if term.where is None else Prim("implies", (term.where, term.body), at=term.at)
        self._say(body, inside, new)

    def _compare(self, term: Prim, scope: Scope, frame: Frame) -> None:
        op, (left, right) = term.op, term.args
        if op in ("<", ">"):
            raise not_convex(
                "a strict comparison of what is decided has no best move at its edge", term.at, f"write `{op}=`",
                "an open set",
            )  # fmt: skip
        if op == "!=":
            raise not_convex("`!=` on what is decided leaves two sides", term.at)
        if _is_abs(right) and not _is_abs(left) and op in ("<=", ">="):
            self._within(right.args[0], left, _FLIPPED[op], -1, term, scope, frame)  # type: ignore[union-attr]
            return
        if _is_abs(left) and op == "<=":
            self._within(left.args[0], right, op, 1, term, scope, frame)  # type: ignore[union-attr]
            return
        a, _ = self._number(left, scope, frame)
        b, _ = self._number(right, scope, frame)
        sides = (a, op, b) if self.reader.depends(term, scope) < DECIDED else None
        turned = self.reader.depends(left, scope) < DECIDED
        self._part(av.minus(a, b), {"<=": -1, "==": 0, ">=": 1}[op], frame, term.at, sides=sides, turned=turned)

    def _within(self, inside: Term, limit: Term, op: str, sign: int, term: Prim, scope: Scope, frame: Frame) -> None:
        """`abs(inside) <= limit`, or with sign -1 `limit >= abs(inside)`, whose price has the other sign."""
        if op != "<=":
            raise not_convex("`abs` that must not be small", term.at, "an absolute value can only be held down")
        e, _ = self._number(inside, scope, frame)
        k, _ = self._number(limit, scope, frame)
        if k.is_constant and (k.constant >= 0).all():
            self._part(e, 0, frame, term.at, half=k.constant, sign=sign)
            return
        if sign > 0:
            self._part(av.minus(e, k), -1, frame, term.at)
            self._part(av.minus(av.negative(e), k), -1, frame, term.at)
        else:
            self._part(av.minus(k, e), 1, frame, term.at)
            self._part(av.plus(k, e), 1, frame, term.at)

    def _clause(self, term: Term, scope: Scope, frame: Frame) -> None:
        """At least one of several decided truth values: their sum is at least 1."""
        total: Affine | None = None
        for each, positive in _literals(term, True):
            if isinstance(each, Prim) and (each.op in COMPARISONS or each.op in ("and", "or", "implies")):
                raise _choice(term)
            form, _ = self._number(each, scope, frame)
            if not positive:
                form = av.minus(av.constant(av.constant_of(1, form.items, self.reader.kind)), form)
            total = form if total is None else av.plus(total, form)
        assert total is not None
        one = av.constant(av.constant_of(1, total.items, self.reader.kind))
        self._part(av.minus(total, one), 1, frame, term.at)


def _choice(term: Term) -> Exception:
    return not_convex(
        "a rule that offers a choice between conditions", term.at,
        "decide a truth value for the choice, and let it move the bound: `a <= (if on then b else most)`, where `a` is never above `most`",
    )  # fmt: skip


def _literals(term: Term, positive: bool) -> list[tuple[Term, bool]]:
    """The truth values of which one has to be as told."""
    match term:
        case Prim(op="not", args=(inner,)):
            return _literals(inner, not positive)
        case Prim(op="or", args=args) if positive:
            return [x for a in args for x in _literals(a, True)]
        case Prim(op="and", args=args) if not positive:
            return [x for a in args for x in _literals(a, False)]
        case Prim(op="implies", args=(a, b)) if positive:
            return _literals(a, False) + _literals(b, True)
    return [(term, positive)]


def rounding(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """By how much numbers of these sizes may miss each other and still be one number."""
    return _HAIR * np.maximum(1.0, np.maximum(abs(a), abs(b)))


def _are_numbers(points: tuple[object, ...]) -> bool:
    return not any(isinstance(p, str | bool) for p in points)


def _is_abs(term: Term) -> bool:
    return isinstance(term, Prim) and term.op == "abs"


def labels(rule: Rule) -> list[tuple[object, ...]]:
    """The keys of each place of the rule's index."""
    return list(index_points(tuple(s for _, s in rule.iters)))


__all__ = ["Part", "Rules", "labels", "rounding"]
