"""From a question to steps: only what it depends on, in the scopes of a hierarchical diagram.

A `Scope` is one diagram in one place. Asking it for the slot of a wire makes the steps that bind the wire, and
theirs in turn. Terms are rewritten on the way: a fold over the family that a loop makes becomes a running value
inside the loop, and an element `f[3]` of it is picked when it comes by, so that families are not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from fractions import Fraction
from itertools import count
from typing import Any

from opengames.diagnostics import refuse
from opengames.diagram import Box, Branch, Call, Compute, Decide, Diagram, Draw, Loop, binds, needs
from opengames.evaluate import Compiler
from opengames.exact.steps import (
    Calc,
    Fault,
    Gain,
    Keep,
    Region,
    Repeat,
    Running,
    Sample,
    Switch,
    is_fixed,
    late,
)
from opengames.program import Fun
from opengames.spaces import Family, Space, index_points, index_size, points
from opengames.terms import (
    Apply,
    At,
    Const,
    Fold,
    If,
    Member,
    Tabulate,
    Term,
    Var,
    bound,
    children,
    free,
    rebuild,
    substitute,
)  # fmt: skip

_MOST_STEPS = 200_000
_NEUTRAL: dict[str, Any] = {"sum": Fraction(0), "product": Fraction(1), "and": True, "or": False}
_ADD: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda a, b: a + b,
    "product": lambda a, b: a * b,
    "min": lambda a, b: b if a is None else a if b is None else min(a, b),
    "max": lambda a, b: b if a is None else a if b is None else max(a, b),
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
}


class Plan:
    """What all scopes of one question share. component: of each demand. last: see `order.order`."""

    def __init__(self, funs: Mapping[str, Fun], params: Mapping[str, Any], number: type, budget: int) -> None:
        self.compiler = Compiler(funs, params, number, budget)
        self.funs = funs
        self.fresh = count()
        self.spaces: dict[str, Space] = {}
        self.component: dict[int, int] = {}
        self.last: frozenset[str] | None = None
        self.made = 0
        self.later: list[Callable[[], None]] = []
        self.asking = False

    def demand(self, component: int) -> int:
        """A new demand: something whose expectation goes to `component`."""
        new = len(self.component)
        self.component[new] = component
        return new

    def finish(self) -> None:
        """Do what had to wait until no box is half made."""
        while self.later:
            self.later.pop()()

    def count(self) -> None:
        self.made += 1
        if self.made > _MOST_STEPS:
            raise refuse("over-budget", f"the exact reading of this has more than {_MOST_STEPS} boxes")


class Scope:
    """One diagram in one place. source: gives the slot of an input; parent: the scope around it, if it is a call."""

    def __init__(
        self, plan: Plan, diagram: Diagram, region: Region, prefix: str, source: Callable[[str], str],
        around: Scope | None = None, entry: Mapping[str, str] | None = None, builder: LoopBuilder | None = None,
    ) -> None:  # fmt: skip
        self.plan, self.diagram, self.region, self.prefix, self.source = plan, diagram, region, prefix, source
        self.around, self.entry, self.builder = around, dict(entry or {}), builder
        self.binder: dict[str, Box] = {p.name: box for box in diagram.boxes for p in binds(box)}
        self.place = {name: i for i, name in enumerate(self.binder)}
        self.types: dict[str, Space] = {p.name: p.space for p in diagram.inputs + diagram.expects}
        self.types.update((p.name, p.space) for box in diagram.boxes for p in binds(box))
        self.slots: dict[str, str] = {}
        self.inner: dict[str, Any] = {}
        self._depends: dict[str, frozenset[LoopBuilder]] = {}

    # ----------------------------------------------------------------- wires

    def slot(self, wire: str) -> str:
        """Where the value of `wire` stands; makes the steps that put it there."""
        found = self.slots.get(wire)
        if found is None and not self.plan.asking:
            self.plan.asking = True
            try:
                found = self.slot(wire)
                self.plan.finish()
            finally:
                self.plan.asking = False
        elif found is None:
            for before in self.ahead(wire, self.slots):
                if not self.depends(before) and before not in self.slots:
                    self.slot(before)  # one by one, so that a long chain of wires is no deep recursion
            found = self.slots[wire] = self._bind(wire)
            if wire in self.types:
                self.plan.spaces[found] = self.types[wire]
        return found

    def ahead(self, wire: str, known: Container[str]) -> list[str]:
        """The wires that `wire` is computed or drawn from here, directly or not, in their order; `known` ones are not followed."""
        found: set[str] = set()
        open_ = [wire]
        while open_:
            box = self.binder.get(open_.pop())
            if isinstance(box, (Compute, Draw)):
                new = {n for n in needs(box) if n not in found and n not in known and n in self.binder}
                found |= new
                open_.extend(new)
        return sorted(found - {wire}, key=self.place.__getitem__)

    def _bind(self, wire: str) -> str:
        box = self.binder.get(wire)
        match box:
            case None:
                return self.source(wire)
            case Compute(out=out, term=term, at=at):
                return self.calc(term, self.prefix + wire, self.plan.compiler.into(out.space), at)
            case Draw(out=out, kernel=kernel, at=at):
                self.plan.count()
                term = self.fuse(kernel)
                code = self.plan.compiler.compile(term, self.types)
                step = Sample(self.prefix + wire, code, self.reads(term), self.plan.compiler.into(out.space), at)
                self.region.steps.append(step)
                return step.out
            case Call():
                scope, inner = self.call(box, wire)
                return scope.slot(inner)
            case Loop():
                return self.loop(box).out(wire)
            case Branch():
                return self.branch(box).out(wire)
            case Decide(seat=seat, at=at):
                raise refuse(
                    "needs-strategy",
                    f"what {seat.name} decides about `{wire}` is not known",
                    span=at,
                    help="ask `under` a strategy",
                )
        raise TypeError(f"not a box: {box!r}")

    def calc(
        self, term: Term, out: str, snap: Callable[[Any], Any] | None = None, at: Any = None, ahead: bool = False
    ) -> str:
        """A deterministic step for `term`; a bare wire is its own slot. ahead: it may turn out not to be needed."""
        if isinstance(term, Var) and snap is None and term.name in self.types:
            return self.slot(term.name)
        self.plan.count()
        term = self.fuse(term)
        code = self.plan.compiler.compile(term, self.types)
        self.region.steps.append(Calc(out, late(code) if ahead else code, self.reads(term), snap, at))
        return out

    def reads(self, term: Term) -> tuple[tuple[str, str], ...]:
        return tuple((name, self.slot(name)) for name in sorted(free(term)))

    def keep(self, term: Term) -> None:
        """Evidence: only states where `term` holds remain."""
        term = self.fuse(term)
        self.region.steps.append(Keep(self.plan.compiler.compile(term, self.types), self.reads(term)))

    def gain(self, term: Term, demand: int) -> None:
        """The expectation of `term`, as it stands, goes to `demand`."""
        self.plan.count()
        term = self.fuse(term)
        self.region.steps.append(Gain(demand, self.plan.compiler.compile(term, self.types), self.reads(term)))

    # ------------------------------------------------------------ inner scopes

    def call(self, box: Call, wire: str) -> tuple[Scope, str]:
        """The scope inside a call, and the name there of the output that `wire` is here."""
        scope = self.inner.get(box.name)
        if scope is None:
            self.plan.count()
            entry = dict(zip((p.name for p in box.diagram.inputs), box.args, strict=True))
            prefix = f"{self.prefix}{box.name}."
            scope = Scope(
                self.plan, box.diagram, self.region, prefix, lambda name: self.slot(entry[name]), self, entry
            )
            self.inner[box.name] = scope
        ports = box.diagram.outputs + box.diagram.reports
        return scope, dict(zip(box.outs + box.reports, (p.name for p in ports), strict=True))[wire]

    def loop(self, box: Loop) -> LoopBuilder:
        if box.name not in self.inner:
            self.inner[box.name] = LoopBuilder(self, box)
        found: LoopBuilder = self.inner[box.name]
        return found

    def branch(self, box: Branch) -> BranchBuilder:
        if box.name not in self.inner:
            self.inner[box.name] = BranchBuilder(self, box)
        found: BranchBuilder = self.inner[box.name]
        return found

    def alias(self, other: Scope, wire: str) -> str:
        """A name in this scope for a wire of a scope around it."""
        if other is self:
            return wire
        name = f"{wire}^{other.prefix}"
        self.slots.setdefault(name, other.slot(wire))
        if wire in other.types:
            self.types.setdefault(name, other.types[wire])
        return name

    def solid(self, wire: str) -> str:
        """The slot of `wire`, one of its own if the wire is an iteration variable."""
        slot = self.slot(wire)
        if not is_fixed(slot):
            return slot
        copy = f"{self.prefix}{wire}="
        if copy not in self.slots:
            self.slots[copy] = copy
            self.region.steps.append(Calc(copy, lambda env: env["it"], (("it", slot),)))
        return copy

    def family(self, wire: str) -> tuple[LoopBuilder, str] | None:
        """The loop of this region that makes `wire`, seen through calls and renamings, and its name in the body."""
        box = self.binder.get(wire)
        match box:
            case Loop(outs=outs) if wire in dict(outs):
                return self.loop(box), dict(outs)[wire]
            case Call():
                scope, inner = self.call(box, wire)
                return scope.family(inner)
            case Compute(term=Var(name=name)):
                return self.family(name)
            case None if self.around is not None and wire in self.entry:
                return self.around.family(self.entry[wire])
        return None

    def depends(self, wire: str) -> frozenset[LoopBuilder]:
        """The loops of this region that `wire` comes out of, directly or not."""
        found = self._depends.get(wire)
        if found is None:
            for before in self.ahead(wire, self._depends):
                self._depends[before] = self._derive(before)
            self._depends[wire] = frozenset()
            found = self._depends[wire] = self._derive(wire)
        return found

    def _derive(self, wire: str) -> frozenset[LoopBuilder]:
        box = self.binder.get(wire)
        match box:
            case None:
                if self.around is not None and wire in self.entry:
                    return self.around.depends(self.entry[wire])
                return frozenset()
            case Call():
                scope, inner = self.call(box, wire)
                return scope.depends(inner)
        found: frozenset[LoopBuilder] = frozenset().union(*(self.depends(n) for n in needs(box)))
        return found | {self.loop(box)} if isinstance(box, Loop) else found

    # ----------------------------------------------------------------- fusion

    def fuse(self, term: Term) -> Term:
        """`term` with folds over loops, and single elements of their families, replaced by wires of their own."""
        if not any(self.depends(n) for n in free(term) if n in self.types):
            return term
        match term:
            case Fold():
                found = self.inside(term)
                if found is not None:
                    loop, inner = found
                    return Var(self._known(loop.running(term.op, inner)))
            case At(family=Var(name=name), keys=keys):
                made = self.family(name)
                if made is not None and not any(free(k) for k in keys) and len(keys) >= len(made[0].loop.iters):
                    return self._pick(made[0], made[1], term)
            case Apply(fun=fun, args=args, at=at):
                args = tuple(self.fuse(a) for a in args)
                term = Apply(fun, args, at)
                has_family = any(self.family(n) is not None for a in args for n in free(a))
                return self.fuse(self.expand(term)) if has_family else term
        return rebuild(term, self.fuse)

    def expand(self, term: Apply) -> Term:
        """The body of a fun on its arguments, with bound variables renamed."""
        fun = self.plan.funs[term.fun]
        self.plan.count()
        body = freshen(fun.body, self.plan.fresh)
        return substitute(body, {p.name: a for p, a in zip(fun.inputs, term.args, strict=True)})

    def constant(self, term: Term) -> Any:
        """The value of a term without free variables."""
        return self.plan.compiler.compile(term)({})

    def _pick(self, loop: LoopBuilder, inner: str, term: At) -> Term:
        n = len(loop.loop.iters)
        keys = tuple(self.constant(k) for k in term.keys)
        name = self._known(loop.pick(inner, keys[:n]), loop.body.types.get(inner))
        rest = tuple(Const(k) for k in keys[n:])
        return At(Var(name), rest, term.index[n:], term.at) if rest else Var(name)

    def _known(self, slot: str, space: Space | None = None) -> str:
        self.slots[slot] = slot
        if space is not None:
            self.types.setdefault(slot, space)
        return slot

    def inside(self, term: Fold) -> tuple[LoopBuilder, Term] | None:
        """The loop that a fold runs along, and its body said inside the loop; `None` if it does not run along one."""
        iters = dict(term.iters)
        uses: list[At] = []
        partial = term.where is not None
        whole = If(term.where, term.body, Const(_NEUTRAL.get(term.op))) if term.where is not None else term.body
        if not self._uses(whole, frozenset(iters), uses) or not uses:
            return None
        made = self.family(uses[0].family.name)  # type: ignore[union-attr]
        if made is None or self.region is not made[0].parent.region:
            return None
        loop, n = made[0], len(made[0].loop.iters)
        keys = uses[0].keys[:n]
        names = [k.name for k in keys if isinstance(k, Var) and k.name in iters]
        if len(names) != n or len(set(names)) != n or any(u.keys[:n] != keys for u in uses):
            return None
        if any((self.family(u.family.name) or (None,))[0] is not loop for u in uses):  # type: ignore[union-attr]
            return None
        used = {u.family.name for u in uses}  # type: ignore[union-attr]
        others = free(whole) - iters.keys() - used
        if others - self.types.keys() - self.slots.keys():
            return None  # variables of a fold around this one, which the loop does not know
        before = _closure(frozenset().union(*(self.depends(o) for o in others)))
        if loop in before:
            return None
        names_in: dict[str, Term] = {}
        inner = self._element(whole, used, n)
        condition: list[Term] = []
        for name, (var, space) in zip(names, loop.loop.iters, strict=True):
            names_in[name] = Var(var)
            if iters[name] != space:
                if not set(points(iters[name])) <= set(points(space)):
                    return None
                condition.append(Member(Var(var), iters[name]))
        if term.op in ("min", "max") and (partial or condition or not loop.keys):
            return None  # there may be nothing to take the least of
        loop.after |= before
        names_in.update((o, Var(loop.body.alias(self, o))) for o in others)
        rest = tuple((v, s) for v, s in term.iters if v not in names)
        if rest:
            inner = Fold(term.op, rest, inner, at=term.at)
        inner = substitute(inner, names_in)
        for test in condition:
            inner = If(test, inner, Const(_NEUTRAL.get(term.op)))
        return loop, inner

    def _uses(self, term: Term, names: frozenset[str], found: list[At]) -> bool:
        """Collects the elements of loops' families in `term`; false if such a family is used in another way."""
        match term:
            case At(family=Var(name=name), keys=keys) if (made := self.family(name)) is not None:
                found.append(term)
                return len(keys) >= len(made[0].loop.iters) and all(self._uses(k, names, found) for k in keys)
            case Var(name=name):
                return name in names or self.family(name) is None
        return all(self._uses(t, names, found) for t in children(term))

    def _element(self, term: Term, used: set[str], n: int) -> Term:
        match term:
            case At(family=Var(name=name), keys=keys, index=index) if name in used:
                made = self.family(name)
                assert made is not None
                inner = Var(made[1], term.at)
                rest = tuple(self._element(k, used, n) for k in keys[n:])
                return At(inner, rest, index[n:], term.at) if rest else inner
        return rebuild(term, lambda t: self._element(t, used, n))


class LoopBuilder:
    """A loop in the making: what the question needs of it is added as it is asked for."""

    def __init__(self, parent: Scope, box: Loop) -> None:
        self.parent, self.loop = parent, box
        plan = parent.plan
        plan.count()
        self.prefix = f"{parent.prefix}{box.name}#{next(plan.fresh)}:"
        spaces = tuple(s for _, s in box.iters)
        self.total = index_size(spaces)
        if self.total > _MOST_STEPS:
            raise refuse("over-budget", f"a loop of {self.total} iterations", span=box.at, help="ask `by simulate`")
        self.keys = tuple(index_points(spaces))
        order = self.keys[::-1] if box.reversed else self.keys
        self.place = {key: i for i, key in enumerate(order)}
        self.step = Repeat(tuple(f"@{self.prefix}{v}" for v, _ in box.iters), order, at=box.at)
        parent.region.steps.append(self.step)
        self.carry = {c.name: c for c in box.carry}
        self.body = Scope(plan, box.body, self.step.region, self.prefix, self._input, builder=self)
        self._outs: dict[Any, str] = {}
        self.after: frozenset[LoopBuilder] = frozenset()

    def _input(self, name: str) -> str:
        for slot, (var, _) in zip(self.step.fixed, self.loop.iters, strict=True):
            if name == var:
                return slot
        carry = self.carry.get(name)
        if carry is None:
            return self.parent.slot(name)
        before = f"{self.prefix}{name}"
        first = self.parent.solid(carry.init)
        # what is handed on may need the very box that is being made, which would be made twice
        self.parent.plan.later.append(lambda: self.step.carries.append((before, first, self.body.solid(carry.next))))
        return before

    def out(self, wire: str) -> str:
        """The slot outside of a whole family, or of a carried wire's last value."""
        inner = dict(self.loop.outs).get(wire)
        if inner is None:
            before = self.body.slot(dict(self.loop.lasts)[wire])
            out = f"{self.prefix}{wire}'"
            self.step.lasts.append((out, before))
            return out
        nested = isinstance(self.body.types[inner], Family)
        out = f"{self.prefix}{wire}[]"
        add = _collect(nested, self.loop.reversed)
        self.step.running.append(Running(out, self.body.solid(inner), (), add))
        return out

    def running(self, op: str, inner: Term) -> str:
        """The slot outside of a fold over all iterations."""
        out = self._outs.get((op, inner))
        if out is None:
            out = self._outs[op, inner] = f"{self.prefix}{op}#{next(self.parent.plan.fresh)}"
            start = _NEUTRAL.get(op)
            part = self.body.calc(inner, f"{out}.part", ahead=True)
            if is_fixed(part):
                part = self.body.solid(inner.name)  # type: ignore[union-attr]
            self.step.running.append(Running(out, part, start, _faultless(_ADD[op], op)))
        return out

    def pick(self, inner: str, key: tuple[Any, ...]) -> str:
        """The slot outside of the element that iteration `key` makes."""
        out = self._outs.get((inner, key))
        if out is None:
            place = self.place.get(key)
            if place is None:
                raise refuse("outside-type", f"no iteration of `{self.loop.name}` has the index used here", span=self.loop.at)
            out = self._outs[inner, key] = f"{self.prefix}{inner}@{place}"
            self.step.picks.append((out, self.body.solid(inner), place))
        return out


class BranchBuilder:
    """A branch in the making."""

    def __init__(self, parent: Scope, box: Branch) -> None:
        self.parent, self.box = parent, box
        plan = parent.plan
        plan.count()
        prefix = f"{parent.prefix}{box.name}?{next(plan.fresh)}:"
        self.prefix = prefix
        self.step = Switch(parent.solid(box.subject), [], at=box.at)
        self.scopes: list[Scope] = []
        for arm in box.arms:
            region = Region()
            self.step.arms.append((arm.values, region, []))
            self.scopes.append(Scope(plan, arm.body, region, f"{prefix}{arm.label}.", parent.slot))
        parent.region.steps.append(self.step)

    def out(self, wire: str) -> str:
        slot = f"{self.prefix}{wire}"
        inner = [scope.solid(wire) for scope in self.scopes]
        self.step.outs.append(slot)
        for each, (_, _, outs) in zip(inner, self.step.arms, strict=True):
            outs.append(each)
        return slot


def _closure(loops: frozenset[LoopBuilder]) -> frozenset[LoopBuilder]:
    """The loops that must have happened before, counting what fusion has added to them."""
    found, open_ = set(loops), list(loops)
    while open_:
        for each in open_.pop().after - found:
            found.add(each)
            open_.append(each)
    return frozenset(found)


def _faultless(add: Callable[[Any, Any], Any], op: str) -> Callable[[Any, Any], Any]:
    """`add`, where a fault makes the result one, unless a connective has been decided before."""

    def careful(a: Any, b: Any) -> Any:
        if isinstance(a, Fault) or (op == "and" and a is False) or (op == "or" and a is True):
            return a
        return b if isinstance(b, Fault) else add(a, b)

    return careful


def _collect(nested: bool, backwards: bool) -> Callable[[Any, Any], Any]:
    if nested:
        return (lambda a, b: (*b, *a)) if backwards else (lambda a, b: (*a, *b))
    return (lambda a, b: (b, *a)) if backwards else (lambda a, b: (*a, b))


def freshen(term: Term, fresh: Any) -> Term:
    """The same term with every bound variable renamed to one that occurs nowhere else."""
    names = bound(term)
    if names:
        new = {n: f"{n}~{next(fresh)}" for n in names}
        renamed = tuple((new[n], s) for n, s in term.iters)  # type: ignore[union-attr]
        inside: dict[str, Term] = {old: Var(name) for old, name in new.items()}
        if isinstance(term, Fold):
            where = None if term.where is None else substitute(term.where, inside)
            term = Fold(term.op, renamed, substitute(term.body, inside), where, term.at)
        elif isinstance(term, Tabulate):
            term = Tabulate(renamed, substitute(term.body, inside), term.at)
    return rebuild(term, lambda t: freshen(t, fresh))


__all__ = ["BranchBuilder", "LoopBuilder", "Plan", "Scope", "freshen"]
