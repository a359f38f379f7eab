"""Terms read as affine functions of data and of what is decided, for many lanes at once.

`Reader.read(term, scope, frame)` gives the value of a term in every lane of a frame. What only params decide is computed; what data
decide is affine in data or becomes a datum of its own (an *atom*: a term that a reading evaluates before the decision); what is
decided stays affine, quadratic where two decided numbers meet, or gets a number of its own where it is `max`, `min` or `abs`:
a new column that is at least (or at most) each of the pieces, which is the same wherever the sense of the program pushes it back.
Everything else is refused with `not-convex`, naming the place.

Source: Boyd and Vandenberghe, Convex Optimization (2004), section 4.1.3 (epigraph form); Grant, Boyd and Ye, Disciplined convex
programming (2006), for the signs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from opengames.diagnostics import Refusal, refuse
from opengames.program import Fun, ParamDecl
from opengames.solvers.clearing import affine_values as av
from opengames.solvers.clearing.affine_values import Affine
from opengames.solvers.clearing.constants import ladder, of_const, of_space
from opengames.solvers.clearing.folds import fold, tabulate
from opengames.solvers.clearing.frames import (
    Code,
    Frame,
    Num,
    Rec,
    Sym,
    Value,
    coded,
    inner,
    joined,
    lift,
    numbers,
    picked,
    relabelled,
)  # fmt: skip
from opengames.solvers.clearing.scopes import DATA, DECIDED, KNOWN, Binding, Scope
from opengames.solvers.clearing.unknowns import Unknowns
from opengames.spaces import (
    BOOL,
    REAL,
    Bool,
    Enum,
    Family,
    Record,
    Space,
    contains,
    index_points,
    index_size,
    points,
)
from opengames.spans import Span
from opengames.terms import (
    ONE,
    Apply,
    At,
    Check,
    Const,
    Fold,
    Get,
    If,
    Member,
    Pack,
    Param,
    Prim,
    Select,
    Tabulate,
    Term,
    Var,
    bound,
    children,
    free,
    substitute,
)  # fmt: skip

COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_LOGIC = ("and", "or", "implies", "not")


def not_convex(why: str, at: Span | None, help: str = "", label: str = "") -> Refusal:
    """Why a decision is no clearing, at the term to blame."""
    return refuse("not-convex", why, span=at, label=label or "this makes the decision no clearing", help=help)


class Reader:
    """Reads the terms of one decision. dtype: `float` or `Fraction`. moving: params that are data, not built into the program."""

    def __init__(
        self, funs: Mapping[str, Fun], decls: Mapping[str, ParamDecl], params: Mapping[str, Any], dtype: Any,
        moving: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        self.funs, self.decls, self.params, self.dtype, self.moving = funs, decls, params, dtype, moving
        self.kind: Any = float if dtype is float else object
        self.root = Frame(1)
        self.unknowns = Unknowns(self.kind)
        self.lanes: dict[str, Code] = {}
        self._params: dict[str, Value] = {}
        self._keep: list[Any] = []

    # ----------------------------------------------------------------- what a term depends on

    def depends(self, term: Term, scope: Scope, hidden: frozenset[str] = frozenset()) -> int:
        """The most that any wire in the term depends on."""
        match term:
            case Const():
                return KNOWN
            case Param(name=name):
                return DATA if name in self.moving else KNOWN
            case Var(name=name):
                return KNOWN if name in hidden else scope.find(name).depends
        found = scope.seen.get(id(term))
        if found is None:
            inside = hidden | bound(term)
            found = KNOWN
            for each in children(term):
                found = max(found, self.depends(each, scope, inside))
            scope.seen[id(term)] = found
            self._keep.append(term)
        return found

    def data_term(self, term: Term, scope: Scope) -> Term:
        """The term over wires known before the decision, and variables of lanes."""
        return substitute(term, {name: scope.find(name).term for name in free(term)})

    # ------------------------------------------------------------------------------- reading

    def read(self, term: Term, scope: Scope, frame: Frame) -> Value:
        """The value in every lane of `frame`; raises `Refusal` (`not-convex`)."""
        match term:
            case Const(value=value):
                return of_const(value, self.root, self.kind)
            case Var(name=name):
                return scope.find(name).value
            case Param(name=name):
                return Sym(term, self.decls[name].space, self.root) if name in self.moving else self._param(name, term.at)
            case Prim():
                return self._prim(term, scope, frame)
            case Apply(fun=fun, args=args):
                return self.read(self.funs[fun].body, self.called(fun, args, scope, frame), frame)
            case If():
                return self._if(term, scope, frame)
            case Select():
                return self._select(term, scope, frame)
            case Pack(items=items):
                values = [self.read(t, scope, frame) for t in items]
                if any(isinstance(v, Sym) for v in values) and self.depends(term, scope) < DECIDED:
                    return self.opaque(term, scope, frame, None)
                return self._record(values)
            case Get(record=record, position=position):
                of = self.read(record, scope, frame)
                if isinstance(of, Sym):
                    space = of.space.fields[position][1] if isinstance(of.space, Record) else None
                    return Sym(Get(of.term, position), space, of.frame)
                assert isinstance(of, Rec)
                return of.items[position]
            case At():
                return self._at(term, scope, frame)
            case Tabulate():
                return tabulate(self, term, scope, frame)
            case Fold():
                return fold(self, term, scope, frame)
            case Member(value=value, space=space):
                return self._member(term, value, space, scope, frame)
            case Check(value=value):
                return self.read(value, scope, frame)
        raise TypeError(f"not a value: {term!r}")

    def number(self, value: Value, at: Span | None = None) -> Num:
        """The value as numbers: truth values are 0 and 1, data become atoms."""
        match value:
            case Num():
                return value
            case Code(codes=codes, points=points, frame=frame, width=width):
                if points and isinstance(points[0], str):
                    raise not_convex("a label is no number", at)
                table = numbers(points, self.kind)
                return Num(av.constant(table[codes]), frame, width)
            case Sym(term=term, space=space, frame=frame):
                if isinstance(space, Bool):
                    term = Prim("ind", (term,), at=at)
                if isinstance(space, Family | Record | Enum):
                    raise not_convex("what is decided chooses something that is no number", at)
                return self.unknowns.atoms_in_lanes(term, frame, self.lanes, self.root)
        raise not_convex("a record that is chosen, of which one side is not taken apart", at)

    def settled(self, value: Value, at: Span | None = None) -> Value:
        """A value that is decided in part, with its data as numbers, so that it can be laid side by side with others."""
        value = _apart(value)
        if isinstance(value, Rec):
            return Rec(tuple(lift(self.settled(f, at), value.frame) for f in value.items), value.frame, value.width)
        if isinstance(value, Sym) and isinstance(value.space, Enum):
            raise not_convex("a label that data decide stands beside what is decided", at, "give it a wire of its own")
        return self.number(value, at) if isinstance(value, Sym) else value

    def test(self, term: Term, scope: Scope, frame: Frame) -> np.ndarray:
        """A condition that only params decide, in every lane."""
        value = lift(self.read(term, scope, frame), frame)
        if isinstance(value, Code):
            return np.array([bool(p) for p in value.points])[value.codes]
        raise not_convex("this condition must be known before the decision", term.at)

    def opaque(self, term: Term, scope: Scope, frame: Frame, space: Space | None) -> Sym:
        """A datum: the term itself, to be evaluated before the decision."""
        return Sym(self.data_term(term, scope), space, frame)

    def called(self, fun: str, args: tuple[Term, ...], scope: Scope, frame: Frame) -> Scope:
        """The scope of a fun's body."""
        declared = self.funs[fun]
        names = {p.name: self.later(a, scope, frame, p.space) for p, a in zip(declared.inputs, args, strict=True)}
        return Scope(names)

    def later(self, term: Term, scope: Scope, frame: Frame, space: Space | None = None) -> Binding:
        """A term, read when it is first used."""

        def value() -> Value:
            if isinstance(term, Const) and space is not None:
                return of_space(term.value, space, self.root, self.kind)
            found = self.read(term, scope, frame)
            if isinstance(found, Sym) and found.space is None and space is not None:
                return Sym(found.term, space, found.frame, found.width)
            return found

        return Binding(
            lambda: self.depends(term, scope), value, lambda: self.data_term(term, scope), lambda: (term, scope)
        )

    # ------------------------------------------------------------------------------- pieces

    def _param(self, name: str, at: Span | None) -> Value:
        if name not in self._params:
            value = self.params.get(name)
            if value is None:
                head = f"param `{name}` has no value"
                raise refuse("unknown-param-value", head, span=at, help=f"supply `{name}` with the run")
            self._params[name] = of_space(value, self.decls[name].space, self.root, self.kind)
        return self._params[name]

    def _record(self, values: list[Value]) -> Rec:
        frame = self.root
        for v in values:
            frame = inner(frame, v.frame)
        return Rec(tuple(lift(v, frame) for v in values), frame)

    def both(self, a: Value, b: Value, at: Span | None = None) -> tuple[Affine, Affine, Frame]:
        """Two numbers in the inner one of their frames."""
        x, y = self.number(a, at), self.number(b, at)
        frame = inner(x.frame, y.frame)
        x, y = lift(x, frame), lift(y, frame)  # type: ignore[assignment]
        return x.form, y.form, frame

    def _prim(self, term: Prim, scope: Scope, frame: Frame) -> Value:
        op, args = term.op, term.args
        if op in _LOGIC or op in COMPARISONS:
            return self._truth(term, scope, frame)
        if op == "ind":
            return self.number(self.read(args[0], scope, frame), term.at)
        values = [self.read(a, scope, frame) for a in args]
        if op in ("+", "-", "*", "/"):
            a, b, where = self.both(values[0], values[1], term.at)
            match op:
                case "+":
                    return Num(av.plus(a, b), where)
                case "-":
                    return Num(av.minus(a, b), where)
                case "*":
                    return Num(self.unknowns.product(a, b, term.at), where)
            return self._quotient(term, a, b, where, scope, frame)
        if op == "neg":
            x = self.number(values[0], term.at)
            return Num(av.negative(x.form), x.frame)
        if op == "^":
            return self._power(term, values, scope, frame)
        forms = [self.number(v, term.at) for v in values]
        where = self.root
        for f in forms:
            where = inner(where, f.frame)
        lifted = [lift(f, where).form for f in forms]  # type: ignore[union-attr]
        if all(f.is_constant for f in lifted):
            return Num(av.constant(ladder(op, [f.constant for f in lifted], self.dtype, term.at)), where)
        if self.depends(term, scope) < DECIDED:
            return self.opaque(term, scope, frame, REAL)
        if op not in ("abs", "min", "max", "clamp"):
            raise not_convex(f"`{op}` of what is decided", term.at, _LINEAR)
        return Num(self.unknowns.pieces(op, lifted, term.at), where)

    def _quotient(self, term: Prim, a: Affine, b: Affine, where: Frame, scope: Scope, frame: Frame) -> Value:
        if b.is_constant:
            return Num(av.scaled(a, ladder("/", [av.constant_of(1, b.items, self.kind), b.constant], self.dtype, term.at)), where)
        if self.depends(term, scope) < DECIDED:
            return self.opaque(term, scope, frame, REAL)
        divisor = term.args[1]
        if self.depends(divisor, scope) == DECIDED:
            raise not_convex("a quotient by what is decided", divisor.at or term.at, "multiply both sides by the divisor")
        share = self.number(self.opaque(Prim("/", (ONE, divisor), at=divisor.at), scope, frame, REAL))
        share = lift(share, frame)  # type: ignore[assignment]
        return Num(self.unknowns.product(lift(Num(a, where), frame).form, share.form, term.at), frame)  # type: ignore[union-attr]

    def _power(self, term: Prim, values: list[Value], scope: Scope, frame: Frame) -> Value:
        a, b, where = self.both(values[0], values[1], term.at)
        if a.is_constant and b.is_constant:
            return Num(av.constant(ladder("^", [a.constant, b.constant], self.dtype, term.at)), where)
        if self.depends(term, scope) < DECIDED:
            return self.opaque(term, scope, frame, REAL)
        if b.is_constant and b.items and all(e == 2 for e in b.constant):
            return Num(self.unknowns.product(a, a, term.at), where)
        if b.is_constant and b.items and all(e == 1 for e in b.constant):
            return Num(a, where)
        raise not_convex("a power of what is decided, other than a square", term.at, _LINEAR)

    def _truth(self, term: Prim, scope: Scope, frame: Frame) -> Value:
        """Comparisons and logic."""
        much = self.depends(term, scope)
        if much == DATA:
            return self.opaque(term, scope, frame, BOOL)
        if much == DECIDED:
            if term.op == "not":
                x = self.number(self.read(term.args[0], scope, frame), term.at)
                one = av.constant(av.constant_of(1, x.form.items, self.kind))
                return Num(av.minus(one, x.form), x.frame)
            raise not_convex(
                "a condition on what is decided, inside another term", term.at,
                "write it as a rule of its own, or split the decision",
            )  # fmt: skip
        if term.op in COMPARISONS:
            return self._compared(term, [self.read(a, scope, frame) for a in term.args])
        first = self.test(term.args[0], scope, frame)
        if term.op == "not":
            return _bools(~first, frame)
        # the right side is read only where it matters, as it may not have a value elsewhere
        open_ = ~first if term.op == "or" else first
        result = first.copy() if term.op != "implies" else ~first
        lanes = np.flatnonzero(open_)
        if len(lanes):
            sub = frame if len(lanes) == frame.lanes else Frame(len(lanes), frame, lanes)
            result[lanes] = self.test(term.args[1], scope, sub)
        return _bools(result, frame)

    def _compared(self, term: Prim, values: list[Value]) -> Value:
        a, b = values
        frame = inner(a.frame, b.frame)
        a, b = lift(a, frame), lift(b, frame)
        if isinstance(a, Code) and isinstance(b, Code) and term.op in ("==", "!="):
            same = a.codes == coded(b, a.points)
            if a.width > 1:
                same = same.reshape(-1, a.width).all(axis=1)
            return _bools(same if term.op == "==" else ~same, frame)
        if isinstance(a, Rec) or isinstance(b, Rec):
            a, b = _apart(a), _apart(b)
        if isinstance(a, Rec) and isinstance(b, Rec):
            pairs = zip(a.items, b.items, strict=True)
            each = [self._compared(Prim("==", term.args), [x, y]) for x, y in pairs]
            same = np.logical_and.reduce([np.array([bool(p) for p in e.points])[e.codes] for e in each])  # type: ignore[union-attr]
            return _bools(same if term.op == "==" else ~same, frame)
        x, y = self.number(a, term.at).form.constant, self.number(b, term.at).form.constant
        made = {"==": x == y, "!=": x != y, "<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y}[term.op]
        return _bools(np.asarray(made, bool), frame)

    def _if(self, term: If, scope: Scope, frame: Frame) -> Value:
        much = self.depends(term.test, scope)
        if much == KNOWN:
            holds = self.test(term.test, scope, frame)
            parts = [(np.flatnonzero(holds), term.then), (np.flatnonzero(~holds), term.other)]
            return self._split(term, parts, scope, frame)
        if much == DATA:
            if self.depends(term, scope) == DATA:
                return self.opaque(term, scope, frame, self._kind_of(term, scope))
            test = self.data_term(term.test, scope)
            then, other = self.read(term.then, scope, frame), self.read(term.other, scope, frame)
            return self.mixed([(test, True, then), (test, False, other)], frame, term.at)
        if isinstance(term.test, Prim) and term.test.op in COMPARISONS:
            raise not_convex(
                "`if` on what is decided", term.test.at or term.at, "split the decision, or decide a truth value for the choice"
            )
        test_value = self.read(term.test, scope, frame)
        on = lift(self.number(test_value, term.at), frame).form  # type: ignore[union-attr]
        return self._between(on, self.read(term.then, scope, frame), self.read(term.other, scope, frame), frame, term.at)

    def _between(self, on: Affine, a: Value, b: Value, frame: Frame, at: Span | None) -> Value:
        """`a` where the decided truth value `on` is 1, else `b`: `b + on (a - b)`; field by field of records."""
        if isinstance(a, Rec) or isinstance(b, Rec):
            a, b = _apart(a), _apart(b)
        if isinstance(a, Rec) and isinstance(b, Rec):
            pairs = zip(lift(a, frame).items, lift(b, frame).items, strict=True)  # type: ignore[union-attr]
            return Rec(tuple(self._between(on, x, y, frame, at) for x, y in pairs), frame)
        if a.width > 1 or b.width > 1:
            raise not_convex("a whole family that is decided by a truth value", at, "choose its elements one by one, in a comprehension")
        x, y = (lift(self.number(v, at), frame).form for v in (a, b))  # type: ignore[union-attr]
        return Num(av.plus(y, self.unknowns.product(on, av.minus(x, y), at)), frame)

    def mixed(self, choices: list[tuple[Term, bool, Value]], frame: Frame, at: Span | None) -> Value:
        """The value whose test, a datum, is as wanted: the sum over all, each where it is chosen; field by field of records."""
        values = [v for _, _, v in choices]
        if any(isinstance(v, Rec) for v in values):
            choices = [(t, w, _apart(v)) for t, w, v in choices]
            values = [v for _, _, v in choices]
            if not all(isinstance(v, Rec) for v in values):
                raise not_convex("a record that data choose, of which one is not taken apart", at)
            fields = zip(*(lift(v, frame).items for v in values if isinstance(v, Rec)), strict=True)  # type: ignore[union-attr]
            each = [[(t, w, f) for (t, w, _), f in zip(choices, field, strict=True)] for field in fields]
            return Rec(tuple(self.mixed(c, frame, at) for c in each), frame)
        width = values[0].width
        if any(v.width != width or (width > 1 and isinstance(v, Sym)) for v in values):
            raise not_convex("a whole family that data choose", at, "choose its elements one by one, in a comprehension")
        # the elements of a family lie side by side, as lanes of their own
        wide = frame if width == 1 else Frame(frame.lanes * width, frame, np.repeat(np.arange(frame.lanes), width))
        total = av.constant(av.zeros(wide.lanes, self.kind))
        for test, wanted, value in choices:
            here = lift(self.number(value, at), frame).form  # type: ignore[union-attr]
            total = av.plus(total, self.unknowns.guarded(here, test, wanted, wide, self.lanes, at))
        return relabelled(Num(total, wide), frame, width)

    def _split(self, term: Term, parts: list[tuple[np.ndarray, Term]], scope: Scope, frame: Frame) -> Value:
        """Each set of lanes by its own term."""
        found: list[tuple[np.ndarray, Value]] = []
        # where there is no lane at all, any of the terms tells the kind
        live = [(lanes, t) for lanes, t in parts if len(lanes)] or parts[:1]
        if len(live) == 1:
            return self.read(live[0][1], scope, frame)
        for lanes, each in live:
            sub = Frame(len(lanes), frame, lanes)
            found.append((lanes, lift(self.read(each, scope, sub), sub)))
        numeric = any(isinstance(v, Num) for _, v in found)
        found = [
            (lanes, lift(self.number(v, term.at), v.frame) if isinstance(v, Sym) or (numeric and isinstance(v, Code)) else v)
            for lanes, v in found
        ]
        whole = joined(found, frame)
        if whole is not None:
            return whole
        if self.depends(term, scope) < DECIDED:
            return self.opaque(term, scope, frame, None)
        raise not_convex("these choices differ in kind", term.at)

    def _kind_of(self, term: If, scope: Scope) -> Space | None:
        for branch in (term.then, term.other):
            if isinstance(branch, Prim):
                return BOOL if branch.op in _LOGIC or branch.op in COMPARISONS else REAL
            if isinstance(branch, If):
                return self._kind_of(branch, scope)
        return None

    def _select(self, term: Select, scope: Scope, frame: Frame) -> Value:
        if any(self.depends(k, scope) for k in term.keys):
            if self.depends(term, scope) == DATA:
                return self.opaque(term, scope, frame, None)
            if len(term.cells) > _CHOICES or any(self.depends(k, scope) == DECIDED for k in term.keys):
                raise not_convex("which row of this table holds is not known beforehand", term.at)
            rows = zip(index_points(term.spaces), term.cells, strict=True)
            choices = [(self._meant(term.keys, row, scope), True, self.read(cell, scope, frame)) for row, cell in rows]
            return self.mixed(choices, frame, term.at)
        place = self.position(term.keys, term.spaces, scope, frame, term.at)
        used = np.unique(place)
        if len(used) > 8 and all(isinstance(c, Const) for c in term.cells):
            table = of_const(tuple(c.value for c in term.cells), self.root, self.kind, family=True)  # type: ignore[union-attr]
            return picked(table, place, frame)
        cells = used.tolist() or [0]
        return self._split(term, [(np.flatnonzero(place == k), term.cells[k]) for k in cells], scope, frame)

    def position(
        self, keys: tuple[Term, ...], spaces: tuple[Space, ...], scope: Scope, frame: Frame, at: Span | None
    ) -> np.ndarray:
        """Row-major position of known keys, in every lane. Refuses (`outside-domain`) a key that is none."""
        total = np.zeros(frame.lanes, np.int64)
        for key, space in zip(keys, spaces, strict=True):
            every = tuple(points(space))
            value = lift(self.read(key, scope, frame), frame)
            if isinstance(value, Rec):
                codes = self._record_codes(value, every)
            elif isinstance(value, Code):
                codes = coded(value, every)
            else:
                codes = _nearest(self.number(value, at).form.constant, numbers(every, self.kind))
            if len(codes) and codes.min() < 0:
                raise refuse("outside-domain", "an index is outside the set that it runs over", span=key.at or at)
            total = total * len(every) + codes
        return total

    def _record_codes(self, value: Rec, every: tuple[Any, ...]) -> np.ndarray:
        columns = []
        for item in value.items:
            if isinstance(item, Code):
                columns.append([item.points[c] for c in item.codes])
            else:
                columns.append(list(self.number(item).form.constant))
        places = {p: i for i, p in enumerate(every)}
        return np.array([places.get(p, -1) for p in zip(*columns, strict=True)], np.int64)

    def _at(self, term: At, scope: Scope, frame: Frame) -> Value:
        of = self._family(term.family, scope, frame)
        known = not any(self.depends(k, scope) for k in term.keys)
        if isinstance(of, Sym):
            if self.depends(term, scope) == DECIDED:
                raise not_convex("which element is meant is decided", term.at)
            space: Space | None = None
            if isinstance(of.space, Family):
                rest = of.space.index[len(term.keys) :]
                space = Family(rest, of.space.item) if rest else of.space.item
            keys = tuple(self.data_term(k, scope) for k in term.keys)
            return Sym(At(of.term, keys, term.index, at=term.at), space, frame)
        if not known:
            if self.depends(term, scope) == DATA:
                return self.opaque(term, scope, frame, None)
            return self._one_of(term, of, scope, frame)
        place = self.position(term.keys, term.index[: len(term.keys)], scope, frame, term.at)
        return self._elements(of, place, frame, term)

    def _family(self, term: Term, scope: Scope, frame: Frame) -> Value:
        """The value of what is indexed: of a constant it is not seen whether it is a family or a record."""
        if isinstance(term, Const):
            return of_const(term.value, self.root, self.kind, family=True)
        return self.read(term, scope, frame)

    def _elements(self, of: Value, place: np.ndarray, frame: Frame, term: At) -> Value:
        rest = index_size(term.index[len(term.keys) :])
        lanes = frame.within(of.frame)
        items = lanes * of.width + place * rest
        if rest > 1:
            items = (items[:, None] + np.arange(rest)).ravel()
        return picked(of, items, frame, rest)

    def _one_of(self, term: At, of: Value, scope: Scope, frame: Frame) -> Value:
        """The element of a decided family at keys that are data: the sum over elements, each times whether it is meant."""
        index = term.index[: len(term.keys)]
        if index_size(index) > _CHOICES or any(self.depends(k, scope) == DECIDED for k in term.keys):
            raise not_convex("which element is meant is not known before the decision", term.at)
        choices: list[tuple[Term, bool, Value]] = []
        for k, row in enumerate(index_points(index)):
            here = self._elements(of, np.full(frame.lanes, k), frame, term)
            choices.append((self._meant(term.keys, row, scope), True, here))
        return self.mixed(choices, frame, term.at)

    def _meant(self, keys: tuple[Term, ...], row: tuple[Any, ...], scope: Scope) -> Term:
        """Whether keys, some of them data, are the point `row`: a datum."""
        tests = [Prim("==", (key, Const(point)), at=key.at) for key, point in zip(keys, row, strict=True)]
        whole = tests[0]
        for each in tests[1:]:
            whole = Prim("and", (whole, each), at=each.at)
        return self.data_term(whole, scope)

    def _member(self, term: Member, value: Term, space: Space, scope: Scope, frame: Frame) -> Value:
        much = self.depends(value, scope)
        if much == DATA:
            return self.opaque(term, scope, frame, BOOL)
        if much == DECIDED:
            raise not_convex("a condition on what is decided, inside another term", term.at, "write it as a rule of its own")
        found = lift(self.read(value, scope, frame), frame)
        if isinstance(found, Code):
            return _bools(np.array([contains(space, p) for p in found.points])[found.codes], frame)
        items = self.number(found, term.at).form.constant
        return _bools(np.array([contains(space, x) for x in items], bool), frame)


#: Elements or rows of which data may choose one that is decided.
_CHOICES = 4_096
_LINEAR = "a clearing is affine in what is decided, or concave and quadratic in what it earns"


def _apart(value: Value) -> Value:
    """A datum that is a record, field by field."""
    if not (isinstance(value, Sym) and isinstance(value.space, Record)):
        return value
    fields = tuple(Sym(Get(value.term, k), space, value.frame) for k, (_, space) in enumerate(value.space.fields))
    return Rec(fields, value.frame)


def _bools(values: np.ndarray, frame: Frame) -> Code:
    return Code(values.astype(np.int64), (False, True), frame)


def _nearest(values: np.ndarray, every: np.ndarray) -> np.ndarray:
    """Positions in `every` of values that came out of arithmetic; -1 for none."""
    order = np.argsort(every, kind="stable")
    known = every[order].astype(float)
    wanted = values.astype(float)
    place = np.clip(np.searchsorted(known, wanted), 0, len(known) - 1)
    before = np.clip(place - 1, 0, len(known) - 1)
    place = np.where(np.abs(known[before] - wanted) < np.abs(known[place] - wanted), before, place)
    near = np.abs(known[place] - wanted) <= 1e-7 * np.maximum(1.0, np.abs(known[place]))
    return np.where(near, order[place], -1)


__all__ = ["COMPARISONS", "Reader", "not_convex"]
