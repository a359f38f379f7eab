"""A diagram as a list of steps over numbered wires: calls opened, loops written out, arms guarded by what selects them.

A term is *grounded* on the way: iteration variables are constants, an element of a family that a loop makes is that
iteration's own wire, and a sum over such a family is a sum of wires. So a play keeps no family that it does not need.

Backward wires are followed outward; what depends on them (earnings) is computed after everything else, and what is earned is
taken apart into addends, each paid as soon as what it depends on has happened.

Raises `Refusal`: `over-budget` for too many steps, `open-game` for expectations that nobody supplies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from typing import Any

from opengames.diagnostics import refuse
from opengames.diagram import Branch, Call, Compute, Decide, Diagram, Draw, Loop
from opengames.evaluate import evaluate
from opengames.plug import plan_for
from opengames.program import Fun, Plan, Strategy
from opengames.spaces import Family, Space, index_size, is_finite, points
from opengames.terms import (
    FALSE,
    ZERO,
    At,
    Check,
    Const,
    Fold,
    Get,
    If,
    Pack,
    Param,
    Prim,
    Select,
    Tabulate,
    Term,
    Var,
    free,
    rebuild,
    substitute,
)  # fmt: skip

STEPS = 8_000
"""Steps that a diagram may unroll to."""

_WRITTEN_OUT = 4_000
_PARTS = 400
_DEPTH = 250

#: A wire is in force only where each of these wires has one of these values.
Guard = tuple[str, tuple[Any, ...]]
Guards = tuple[Guard, ...]
Seat = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Step:
    """kind: `compute`, `draw` or `choose`. outs: the wires bound. term: grounded; of a decision, none.

    box, seat, plans, seen, rules: of a decision. place: how a message calls it. path, index: where it stands.
    """

    kind: str
    outs: tuple[str, ...]
    term: Term | None
    guards: Guards
    place: str = ""
    index: tuple[Any, ...] = ()
    box: Decide | None = None
    seat: Seat = ("", ())
    plans: tuple[Plan | None, ...] = ()
    plan_terms: tuple[Term | None, ...] = ()
    seen: tuple[tuple[str, str], ...] = ()
    rules: tuple[Term, ...] = ()

    def reads(self) -> frozenset[str]:
        found = frozenset(name for name, _ in self.guards)
        if self.term is not None:
            found |= free(self.term)
        for each in (*self.plan_terms, *self.rules):
            if each is not None:
                found |= free(each)
        return (found | {slot for _, slot in self.seen}) - frozenset(self.outs)


@dataclass
class Late:
    """A wire that is bound in another scope, perhaps later."""

    scope: Scope
    name: str


class Scope(dict[str, Any]):
    """The wires of one diagram in one place: a wire's slot, a `Const`, or a `Late`."""


@dataclass
class _Rows:
    """A family made by a loop: the slots or constants of its elements, by key. nested: elements are families."""

    iters: tuple[tuple[str, Space], ...]
    items: dict[tuple[Any, ...], Any]
    nested: bool


@dataclass
class Steps:
    """What a diagram unrolls to. owed: what each seat earns, grounded; each distinct earning once."""

    steps: list[Step] = field(default_factory=list)
    made: dict[str, Term] = field(default_factory=dict)
    seats: list[Seat] = field(default_factory=list)
    owed: dict[Seat, list[Term]] = field(default_factory=dict)
    at: dict[str, int] = field(default_factory=dict)

    def place(self, term: Term) -> int:
        """How many steps must have happened before the term is known."""
        return max((self.at[name] for name in free(term) if name in self.at), default=0)


class Unroller:
    """See the module. params: their values where known, for indices and bounds; `None` otherwise."""

    def __init__(self, funs: Mapping[str, Fun], params: Mapping[str, Any], strategy: Strategy | None = None) -> None:
        self.funs, self.params, self.strategy = funs, params, strategy
        self.found = Steps()
        self.rows: dict[str, _Rows] = {}
        self.lifted: dict[str, str] = {}
        self.hidden: set[str] = set()
        self.waiting: list[tuple[str, Term, Scope, Guards]] = []
        self.debts: list[tuple[Seat, Scope, str, Guards]] = []
        self.fresh = 0

    def run(self, diagram: Diagram, inputs: Mapping[str, Any]) -> tuple[Steps, Scope]:
        """The steps, and the scope of the diagram's own wires. inputs: slots for its input ports, bound by the caller."""
        if diagram.expects:
            names = ", ".join(f"`{p.name}`" for p in diagram.expects)
            raise refuse("open-game", f"`{diagram.name}` is open: nobody supplies {names}", span=diagram.at,
                         help="ask about a game that plugs it into something")  # fmt: skip
        scope = Scope(inputs)
        self._diagram(diagram, scope, (), (), ())
        self._settle()
        self._collect()
        return self.found, scope

    # ------------------------------------------------------------------ wires

    def _slot(self, name: str) -> str:
        self.fresh += 1
        return f"{name}'{self.fresh}"

    def _emit(self, step: Step) -> None:
        if len(self.found.steps) >= STEPS:
            raise refuse("over-budget", f"the play has more than {STEPS:,} steps when its loops are written out",
                         help="choose smaller sizes, or ask `by exact` with every param given a value")  # fmt: skip
        self.found.steps.append(step)
        for out in step.outs:
            self.found.at[out] = len(self.found.steps)

    def resolve(self, scope: Scope, name: str) -> Any:
        """The slot or constant of a wire; `None` if it is not bound yet."""
        found = scope.get(name)
        while isinstance(found, Late):
            found = found.scope.get(found.name)
        return found

    def _is_late(self, found: Any) -> bool:
        """Whether a wire is not bound yet."""
        return found is None or (isinstance(found, str) and self.found.at.get(found, 0) < 0)

    def _put_together(self, slot: str, guards: Guards) -> None:
        """Bind the family that a loop makes. Where nobody needs it whole, the step is dead."""
        rows = self.rows[slot]
        self.found.made[slot] = whole = _whole([_term(i) for i in rows.items.values()], rows.nested)
        self._emit(Step("compute", (slot,), whole, guards))

    # ------------------------------------------------------------------ terms

    def ground(self, term: Term, scope: Scope, bound: Mapping[str, Term] | None = None) -> Term:
        """The term over slots."""
        return self._ground(term, scope, dict(bound or {}))

    def _ground(self, term: Term, scope: Scope, known: dict[str, Term]) -> Term:
        match term:
            case Const() | Param():
                return term
            case Var(name=name):
                if name in known:
                    return known[name]
                found = self.resolve(scope, name)
                return found if isinstance(found, Const) else Var(name if found is None else found)
            case At(family=family, keys=keys, index=index):
                return self._element(self._ground(family, scope, known), [self._ground(k, scope, known) for k in keys], index, term)
            case Fold():
                return self._fold(term, scope, known)
            case Tabulate(iters=iters, body=body):
                if self._touches_rows(body, scope) and self._count(iters) <= _WRITTEN_OUT and not isinstance(body, Tabulate):
                    return Pack(tuple(self._ground(body, scope, {**known, **k}) for k in _keys(iters)))
                inner = {n: Var(n) for n, _ in iters}
                return Tabulate(iters, self._ground(body, scope, {**known, **inner}), term.at)
            case If(test=test, then=then, other=other):
                first = self._ground(test, scope, known)
                if isinstance(first, Const):
                    return self._ground(then if first.value else other, scope, known)
                return If(first, self._ground(then, scope, known), self._ground(other, scope, known), term.at)
            case Prim(op="and" | "or" as op, args=(a, b)):
                first = self._ground(a, scope, known)
                if isinstance(first, Const):
                    return first if first.value == (op == "or") else self._ground(b, scope, known)
        whole = rebuild(term, lambda t: self._ground(t, scope, known))
        return self._folded(whole)

    def _folded(self, term: Term) -> Term:
        match term:
            case Prim(args=args) if all(isinstance(a, Const) for a in args):
                return Const(evaluate(term, {}, self.funs, {}))
            case Get(record=Pack(items=items), position=i):
                return items[i]
            case Get(record=Const(value=value), position=i):
                return Const(value[i])
            case Select(keys=keys, spaces=spaces, cells=cells) if all(isinstance(k, Const) for k in keys):
                return cells[_place([k.value for k in keys], spaces)]  # type: ignore[union-attr]
        return term

    def _element(self, family: Term, keys: list[Term], index: tuple[Space, ...], term: At) -> Term:
        while isinstance(family, Var) and family.name in self.rows:
            rows = self.rows[family.name]
            n = len(rows.iters)
            if len(keys) < n or not all(isinstance(k, Const) for k in keys[:n]):
                break
            item = rows.items.get(tuple(k.value for k in keys[:n]))  # type: ignore[union-attr]
            if item is None:
                break
            family = item if isinstance(item, Const) else Var(item)
            keys, index = keys[n:], index[n:]
            if not keys:
                return family
        if isinstance(family, Param) and self.params.get(family.name) is not None:
            family = Const(self.params[family.name])
        whole = At(family, tuple(keys), index, term.at)
        if isinstance(family, Const) and all(isinstance(k, Const) for k in keys):
            return Const(evaluate(whole, {}, self.funs, {}))
        if isinstance(family, Pack) and len(index) == 1 and isinstance(keys[0], Const):
            return family.items[_place([keys[0].value], index)]
        return whole

    def _fold(self, term: Fold, scope: Scope, known: dict[str, Term]) -> Term:
        unknown = term.op in ("min", "max") and term.where is not None
        if not unknown and self._touches_rows(term.body, scope) and self._count(term.iters) <= _WRITTEN_OUT:
            neutral = Const(_NEUTRAL[term.op]) if term.op in _NEUTRAL else None
            parts: list[Term] = []
            for key in _keys(term.iters):
                inside = {**known, **key}
                counts = Const(True) if term.where is None else self._ground(term.where, scope, inside)
                if counts == FALSE:
                    continue
                body = self._ground(term.body, scope, inside)
                parts.append(body if isinstance(counts, Const) or neutral is None else If(counts, body, neutral))
            if parts or neutral is not None:
                return _together(term.op, parts or [neutral or ZERO])
        inner = {**known, **{n: Var(n) for n, _ in term.iters}}
        where = None if term.where is None else self._ground(term.where, scope, inner)
        return Fold(term.op, term.iters, self._ground(term.body, scope, inner), where, term.at)

    def _touches_rows(self, term: Term, scope: Scope) -> bool:
        return any(self.resolve(scope, n) in self.rows for n in free(term) if isinstance(self.resolve(scope, n), str))

    def _count(self, iters: tuple[tuple[str, Space], ...]) -> int:
        spaces = tuple(s for _, s in iters)
        return index_size(spaces) if all(map(is_finite, spaces)) else _WRITTEN_OUT + 1

    # ------------------------------------------------------------------ boxes

    def _diagram(self, diagram: Diagram, scope: Scope, path: tuple[str, ...], index: tuple[Any, ...], guards: Guards) -> None:
        for box in diagram.boxes:
            match box:
                case Compute(out=out, term=term, hidden=hidden):
                    self._compute(out.name, term, scope, guards, hidden)
                case Draw(out=out, kernel=kernel):
                    slot = self._slot(out.name)
                    place = ".".join((*path, out.name))
                    self._emit(Step("draw", (slot,), self.ground(kernel, scope), guards, place, index))
                    scope[out.name] = slot
                case Decide():
                    self._decide(box, scope, path, index, guards)
                case Call(name=name, diagram=inner, args=args, paying=paying):
                    within = Scope({p.name: Late(scope, a) for p, a in zip(inner.inputs, args, strict=True)})
                    within.update({p.name: Late(scope, w) for p, w in zip(inner.expects, paying, strict=True)})
                    self._diagram(inner, within, (*path, name), index, guards)
                    for wire, port in zip(box.outs + box.reports, inner.outputs + inner.reports, strict=True):
                        scope[wire] = Late(within, port.name)
                case Loop():
                    self._loop(box, scope, path, index, guards)
                case Branch():
                    self._branch(box, scope, path, index, guards)

    def _compute(self, name: str, term: Term, scope: Scope, guards: Guards, hidden: bool) -> None:
        if any(self._is_late(self.resolve(scope, n)) for n in free(term)):
            slot = self._slot(name)
            self.waiting.append((slot, term, scope, guards))
            self.found.at[slot] = -1
            scope[name] = slot
        else:
            scope[name] = self._bind(self._slot(name), self.ground(term, scope), guards)
        if hidden and isinstance(scope[name], str):
            self.hidden.add(scope[name])

    def _bind(self, slot: str, grounded: Term, guards: Guards) -> Any:
        if isinstance(grounded, Const):
            return grounded
        if isinstance(grounded, Var):
            return grounded.name
        if isinstance(grounded, Check) and isinstance(grounded.value, Const):
            evaluate(grounded, {}, self.funs, {})
            return grounded.value
        self.found.made[slot] = grounded
        self._emit(Step("compute", (slot,), grounded, guards))
        return slot

    def _loop(self, box: Loop, scope: Scope, path: tuple[str, ...], index: tuple[Any, ...], guards: Guards) -> None:
        keys = list(product(*(tuple(points(space)) for _, space in box.iters)))
        carried: dict[str, Any] = {c.name: Late(scope, c.init) for c in box.carry}
        within: dict[tuple[Any, ...], Scope] = {}
        for key in reversed(keys) if box.reversed else keys:
            inner = within[key] = Scope({name: Late(scope, name) for name in box.captured})
            inner.update({p.name: Late(scope, w) for p, w in zip(box.body.expects, box.paying, strict=True)})
            inner.update({name: Const(value) for (name, _), value in zip(box.iters, key, strict=True)})
            inner.update(carried)
            self._diagram(box.body, inner, path, (*index, *key), guards)
            carried = {c.name: Late(inner, c.next) for c in box.carry}
        spaces = {p.name: p.space for p in box.body.outputs}
        for out, wire in box.outs:
            slot = self._slot(out)
            items = {key: self.resolve(inner, wire) for key, inner in within.items()}
            nested = isinstance(spaces.get(wire), Family)
            self.rows[slot] = _Rows(box.iters, {k: items[k] for k in keys}, nested)
            if any(self._is_late(items[k]) for k in keys):
                self.waiting.append((slot, Var(wire), Scope(), guards))
                self.found.at[slot] = -1
            else:
                self._put_together(slot, guards)
            scope[out] = slot
        for out, name in box.lasts:
            scope[out] = carried[name]

    def _branch(self, box: Branch, scope: Scope, path: tuple[str, ...], index: tuple[Any, ...], guards: Guards) -> None:
        subject = self.resolve(scope, box.subject)
        inner: list[tuple[tuple[Any, ...], Scope]] = []
        for arm, paying in zip(box.arms, box.paying or ((),) * len(box.arms), strict=True):
            within = Scope({name: Late(scope, name) for name in box.captured})
            within.update({p.name: Late(scope, w) for p, w in zip(arm.body.expects, paying, strict=True)})
            if isinstance(subject, Const):
                if subject.value in arm.values:
                    self._diagram(arm.body, within, (*path, arm.label), index, guards)
                    scope.update({out.name: Late(within, out.name) for out in box.outs})
                continue
            self._diagram(arm.body, within, (*path, arm.label), index, (*guards, (subject, arm.values)))
            inner.append((arm.values, within))
        if isinstance(subject, Const):
            return
        for out in box.outs:
            slot = self._slot(out.name)
            values = [(vs, self.resolve(w, out.name)) for vs, w in inner]
            for _, each in values:
                if isinstance(each, str):
                    self.lifted[each] = slot
            term: Term = _term(values[-1][1])
            for vs, each in reversed(values[:-1]):
                test = _together("or", [Prim("==", (Var(subject), Const(v))) for v in vs])
                term = If(test, _term(each), term)
            self.found.made[slot] = term
            self._emit(Step("compute", (slot,), term, guards))
            scope[out.name] = slot

    def _decide(self, box: Decide, scope: Scope, path: tuple[str, ...], index: tuple[Any, ...], guards: Guards) -> None:
        place = ".".join((*path, box.outs[0].name))
        seats = tuple(self.ground(t, scope) for t in box.seat.index)
        if not all(isinstance(s, Const) for s in seats):
            raise refuse("not-yet", f"who decides `{place}` depends on what happened", span=box.at)
        seat: Seat = (box.seat.name, tuple(s.value for s in seats))  # type: ignore[union-attr]
        outs = tuple(self._slot(p.name) for p in box.outs)
        plans = tuple(None if self.strategy is None else plan_for(self.strategy, box, path, p.name) for p in box.outs)
        terms = tuple(
            None if p is None else self.ground(substitute(p.term, dict(zip(p.seat_vars, box.seat.index, strict=False))), scope)
            for p in plans
        )
        seen = []
        for name in box.seeing:
            found = self.resolve(scope, name)
            if isinstance(found, str):
                seen.append((name, found))
        inside = Scope(scope)
        inside.update({p.name: slot for p, slot in zip(box.outs, outs, strict=True)})
        rules = tuple(self._rule(r.iters, r.term, inside) for r in box.rules)
        self._emit(Step("choose", outs, None, guards, place, index, box, seat, plans, terms, tuple(seen), rules))
        scope.update({p.name: slot for p, slot in zip(box.outs, outs, strict=True)})
        if seat not in self.found.seats:
            self.found.seats.append(seat)
        self.debts.append((seat, scope, box.earning, guards))

    def _rule(self, iters: tuple[tuple[str, Space], ...], term: Term, scope: Scope) -> Term:
        return self.ground(Fold("and", iters, term) if iters else term, scope)

    # --------------------------------------------------------------- earnings

    def _settle(self) -> None:
        """Bind what waited for backward wires; a family of a loop is put together where somebody needs it whole."""
        wait = self.waiting
        while wait:
            later: list[tuple[str, Term, Scope, Guards]] = []
            for slot, term, scope, guards in wait:
                names = self.rows[slot].items.values() if slot in self.rows else [self.resolve(scope, n) for n in free(term)]
                if any(map(self._is_late, names)):
                    later.append((slot, term, scope, guards))
                elif slot in self.rows:
                    self._put_together(slot, guards)
                else:
                    self.found.made[slot] = grounded = self.ground(term, scope)
                    self._emit(Step("compute", (slot,), grounded, guards))
            if len(later) == len(wait):
                raise refuse("not-yet", "the symbolic reading cannot order what is earned in this game",
                             help="ask `by exact`")  # fmt: skip
            wait = later
        self.waiting = []

    def _collect(self) -> None:
        for seat, scope, earning, guards in self.debts:
            found = self.resolve(scope, earning)
            term, around = _term(found), guards
            while isinstance(term, Var) and (term.name in self.lifted or isinstance(self.found.made.get(term.name), Var)):
                if term.name in self.lifted:
                    term, around = Var(self.lifted[term.name]), around[:-1]
                else:
                    term = self.found.made[term.name]
            if isinstance(term, Var) and term.name in self.hidden:
                term = self.found.made[term.name]
            if isinstance(scope.get(earning), Late):
                around = ()
            for slot, values in reversed(around):
                test = _together("or", [Prim("==", (Var(slot), Const(v))) for v in values])
                term = If(test, term, ZERO)
            owed = self.found.owed.setdefault(seat, [])
            if term not in owed:
                owed.append(term)


# -------------------------------------------------------------------- addends


def addends(term: Term, made: Mapping[str, Term]) -> list[Term]:
    """The term as parts that add up to it, seen through the wires that are computed. Few parts, or the term itself."""
    try:
        return _addends(term, made, _DEPTH)
    except _Many:
        return [term]


class _Many(Exception):
    """A term has too many addends to be worth taking apart."""


def _addends(term: Term, made: Mapping[str, Term], depth: int) -> list[Term]:
    if not depth:
        return [term]
    found = _taken_apart(term, made, depth - 1)
    if len(found) > _PARTS:
        raise _Many
    return found


def _taken_apart(term: Term, made: Mapping[str, Term], depth: int) -> list[Term]:
    match term:
        case Prim(op="+", args=(a, b)):
            return _addends(a, made, depth) + _addends(b, made, depth)
        case Prim(op="-", args=(a, b)):
            return _addends(a, made, depth) + [Prim("neg", (x,)) for x in _addends(b, made, depth)]
        case Prim(op="neg", args=(a,)):
            return [Prim("neg", (x,)) for x in _addends(a, made, depth)]
        case Prim(op="*", args=(a, b)):
            left, right = _addends(a, made, depth), _addends(b, made, depth)
            if len(left) * len(right) > _PARTS:
                raise _Many
            if len(left) * len(right) > 1:
                return [Prim("*", (x, y)) for x in left for y in right]
        case Prim(op="/", args=(a, b)):
            return [Prim("/", (x, b)) for x in _addends(a, made, depth)]
        case If(test=test, then=then, other=Const(value=0)):
            inner = _addends(then, made, depth)
            if len(inner) > 1:
                return [If(test, x, ZERO) for x in inner]
        case If(test=test, then=then, other=other):  # a wire in both branches may be a long history: it is left alone
            first, second = _addends(then, {}, depth), _addends(other, {}, depth)
            if len(first) + len(second) > 2:
                return [*(If(test, x, ZERO) for x in first), *(If(test, ZERO, x) for x in second if x != ZERO)]
        case Var(name=name) if name in made:
            inner = _addends(made[name], made, depth)
            return inner if len(inner) > 1 or isinstance(inner[0], Var) else [term]
        case Check(value=value):
            inner = _addends(value, made, depth)
            return inner if len(inner) > 1 else [term]
    return [term]


def _together(op: str, parts: list[Term]) -> Term:
    """The parts joined by `op`, evenly, so that nothing nests deeply."""
    name = {"sum": "+", "product": "*"}.get(op, op)
    if name in ("min", "max"):
        return Prim(name, tuple(parts))
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return Prim(name, (_together(op, parts[:half]), _together(op, parts[half:])))


def _whole(items: list[Term], nested: bool) -> Term:
    """A family from its elements; of families, their elements one after the other."""
    if not nested:
        return Pack(tuple(items))
    return Prim("join", tuple(items))


def _term(found: Any) -> Term:
    return found if isinstance(found, Const) else Var(found)


def _keys(iters: tuple[tuple[str, Space], ...]) -> list[dict[str, Term]]:
    names = [n for n, _ in iters]
    return [
        {n: Const(v) for n, v in zip(names, values, strict=True)}
        for values in product(*(tuple(points(s)) for _, s in iters))
    ]


def _place(keys: list[Any], spaces: tuple[Space, ...]) -> int:
    place = 0
    for key, space in zip(keys, spaces, strict=True):
        listed = tuple(points(space))
        place = place * len(listed) + listed.index(key)
    return place


_NEUTRAL: dict[str, Any] = {"sum": Fraction(0), "product": Fraction(1), "and": True, "or": False}

__all__ = ["STEPS", "Scope", "Seat", "Step", "Steps", "Unroller", "addends"]
