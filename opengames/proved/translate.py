"""Terms with open variables: what is known is computed exactly, the rest becomes z3 expressions over exact rationals.

`Translator.value` gives the value of a term (see `values`), `Translator.truth` that of a claim. Four lists grow on the way:

* `facts`: what is true of every fresh number, whatever happens;
* `obligations`: what must hold for the term to have a value at all, under the conditions on the path to it: denominators
  are not 0, values lie in the spaces they are checked against, indices in their range. A proof of a claim rests on them;
* `contracts`: what stood for functions that leave the rationals, once `complete` has been asked for it;
* `chosen`: the variables of quantifiers that became fresh constants, for a witness.

Quantifiers over finite sets are expanded. One over the reals becomes fresh constants where the claim is wanted true and some value
is enough, or wanted false and some value spoils it (`want`); elsewhere it becomes a quantifier of z3, if `quantifiers` allows.

Law: where a term has a value, the translation of the term with constants for its variables is that value (tested on every primitive).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from time import process_time
from typing import Any

import z3

from opengames.cases import Undecided, written
from opengames.evaluate import space_of
from opengames.program import Fun
from opengames.proved import values as v
from opengames.proved.arithmetic import Arithmetic, at_least_zero, not_zero
from opengames.proved.knowledge import Facts, names_in, near
from opengames.proved.laws import Laws
from opengames.proved.values import Label, Labels, Num, Truth, Value
from opengames.show import show_space
from opengames.spaces import Family, Space, index_points, index_size, is_finite, points, size
from opengames.spans import Span
from opengames.terms import (
    Apply,
    Ask,
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
    free,
)

STEPS = 400_000
"""Terms that one claim may make, expanded."""


class NeedsQuantifiers(Undecided):
    """Quantifiers over the reals alternate in the claim."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What the free variables of a term are, and the spaces that they lie in."""

    values: Mapping[str, Value] = field(default_factory=dict)
    types: Mapping[str, Space] = field(default_factory=dict)

    def bind(self, names: Mapping[str, Value], types: Mapping[str, Space]) -> Scope:
        return Scope({**self.values, **names}, {**self.types, **types})


@dataclass(frozen=True, slots=True)
class Obligation:
    """`holds` wherever all of `path` does. what: a sentence for when it does not."""

    path: tuple[Any, ...]
    holds: Truth
    what: str
    at: Span | None = None

    def broken(self) -> Truth:
        return v.conj([*self.path, v.negation(self.holds)])


class Translator:
    """See the module. deadline: a `process_time` after which translation gives up."""

    def __init__(
        self, funs: Mapping[str, Fun], params: Mapping[str, Any], deadline: float | None = None, steps: int = STEPS
    ) -> None:
        self.funs, self.params = funs, params
        self.labels = Labels()
        self.facts: list[Any] = []
        self.definitions: dict[str, Any] = {}
        self.obligations: list[Obligation] = []
        self.chosen: list[tuple[str, Value, Space]] = []
        self.contracts: dict[str, None] = {}
        self.path: tuple[Any, ...] = ()
        self.quantifiers = False
        self.ask: Callable[[Ask, Scope, int], Truth] | None = None
        self.steps, self.left, self.deadline = steps, steps, deadline
        self._count = 0
        self.laws = Laws(self.fresh)
        self.numbers = Arithmetic(self.labels, self.laws)
        self._calls: dict[Any, tuple[Any, Value, list[Obligation]]] = {}
        self._known = Facts(self.facts)
        self._free: dict[int, tuple[Term, tuple[str, ...]]] = {}

    # ------------------------------------------------------------------------- service

    def fresh(self, name: str) -> str:
        """A name that nothing has."""
        self._count += 1
        return f"{name}!{self._count}"

    @property
    def count(self) -> int:
        """How many names were given: those to come end in a greater number."""
        return self._count

    def open(self, name: str, space: Space) -> Value:
        """A fresh value of the space."""
        return self.labels.opened(space, self.fresh(name), self.facts)

    def assume(self, fact: Truth) -> None:
        """Something that holds wherever the path leads here."""
        for part in goals(fact):
            found = v.implies(v.conj(self.path), part)
            if found is not True:
                self.facts.append(v.truth(found))

    def need(self, holds: Truth, what: str, at: Span | None = None) -> None:
        """Something that must hold here, or the term has no value."""
        if holds is not True:
            self.obligations.append(Obligation(self.path, holds, what, at))

    def complete(self, goal: Truth, extra: Facts | None = None, radius: int | None = None) -> list[Truth]:
        """The goal with all that is known of the numbers in it: facts, laws and `extra`.

        radius: keep only what is linked to the goal by at most so many steps. Less is known then: a contradiction stays one, a
        model may be none.
        """
        books = (self._known, extra or Facts())
        if radius is None:
            kept = [goal, *self._known.every, *books[1].every]
            occurring = set(names_in(goal)).union(*(b.names() for b in books)) if self.laws.every else set()
        else:
            facts, occurring = near(goal, books, radius)
            kept = [goal, *facts]
        laws = self.laws.about(occurring)
        self.contracts.update(dict.fromkeys(law.contract for law in laws if law.contract))
        return [*kept, *(law.fact for law in laws)]

    def named(self, value: Value, name: str) -> Value:
        """The value with its numbers under names of their own, so that what follows is told about them by name."""
        if isinstance(value, tuple):
            return tuple([self.named(x, name) for x in value])
        if not isinstance(value, Num) or z3.is_const(value.expr):
            return value
        found = z3.Real(self.fresh(name))
        self.facts.append(found == value.expr)
        self.definitions[str(found)] = value.expr
        low, high = value.interval.lower, value.interval.upper
        self.facts += [found >= v.number(low)] if low is not None else []
        self.facts += [found <= v.number(high)] if high is not None else []
        return Num(found, value.interval)

    @contextmanager
    def under(self, *conditions: Truth) -> Iterator[bool]:
        """Go on where the conditions hold; gives whether they can."""
        before = self.path
        self.path = (*before, *(c for c in conditions if not isinstance(c, bool)))
        try:
            yield all(c is not False for c in conditions)
        finally:
            self.path = before

    def _step(self, many: int = 1) -> None:
        self.left -= many
        if self.left < 0:
            raise Undecided(f"the claim becomes more than {self.steps:,} expressions once its sums and quantifiers are expanded")
        if self.deadline is not None and self.left & 255 == 0 and process_time() > self.deadline:
            raise Undecided("the time was over before the claim was written out for the solver")

    # ------------------------------------------------------------------------- values

    def value(self, term: Term, scope: Scope) -> Value:
        """The value of a term. Raises `Undecided` for what the proved reading does not have."""
        self._step()
        match term:
            case Const(value=value):
                return value
            case Var(name=name):
                return scope.values[name]
            case Param(name=name):
                if self.params.get(name) is None:
                    raise Undecided(f"param `{name}` has no value")
                return self.params[name]
            case Prim(op=op):
                return self.truth(term, scope) if op in _TRUTHS else self._number(term, scope)
            case Apply():
                return self._apply(term, scope)
            case If(test=test, then=then, other=other):
                return self._if(self.truth(test, scope), then, other, scope)
            case Select():
                return self._select(term, scope)
            case Pack(items=items):
                return tuple([self.value(x, scope) for x in items])
            case Get(record=record, position=position):
                return self.value(record, scope)[position]
            case At():
                return self._at(term, scope)
            case Tabulate():
                return self._tabulate(term, scope)
            case Fold(op="and" | "or") | Member() | Ask():
                return self.truth(term, scope)
            case Fold():
                return self._once(term, scope)
            case Check():
                return self._check(term, scope)
        raise Undecided(f"the proved reading does not have `{type(term).__name__.lower()}` in a formula")

    def _if(self, test: Truth, then: Term, other: Term, scope: Scope) -> Value:
        with self.under(test) as possible:
            a = self.value(then, scope) if possible else None
        with self.under(v.negation(test)) as possible:
            b = self.value(other, scope) if possible else None
        if isinstance(test, bool):
            return a if test else b
        return self.labels.choose(test, a, b)

    def _number(self, term: Prim, scope: Scope) -> Value:
        ar = self.numbers
        if term.op == "ind":
            return self.labels.choose(self.truth(term.args[0], scope), Fraction(1), Fraction(0))
        args = [self.value(x, scope) for x in term.args]
        match term.op:
            case "+":
                return ar.add(args)
            case "-":
                return ar.sub(*args)
            case "*":
                return ar.mul(*args)
            case "/":
                self.need(not_zero(args[1]), "this divides by zero", term.at)
                return ar.div(*args)
            case "^":
                return ar.power(args[0], args[1], lambda holds, what: self.need(holds, what, term.at))
            case "neg":
                return ar.neg(args[0])
            case "abs":
                return ar.absolute(args[0])
            case "floor":
                return ar.floor(args[0])
            case "exp":
                return ar.contracts.exp(args[0])
            case "log":
                self.need(v.less(Fraction(0), args[0]), "a logarithm is taken of a number that is not positive", term.at)
                return ar.contracts.log(args[0])
            case "sqrt":
                self.need(at_least_zero(args[0]), "a square root is taken of a number below 0", term.at)
                return ar.contracts.root(args[0], 2)
            case "min":
                return ar.least(args)
            case "max":
                return ar.greatest(args)
            case "clamp":
                return ar.greatest((args[1], ar.least((args[0], args[2]))))
        raise Undecided(f"the proved reading does not have `{term.op}`")

    def _check(self, term: Check, scope: Scope) -> Value:
        value = self.value(term.value, scope)
        holds = self.labels.member(value, term.space)
        if holds is True:
            return value
        said = f"{term.what or 'a value'} leaves {show_space(term.space)}"
        if isinstance(term.value, Prim) and term.value.op == "ind":
            said = f"{term.what} does not hold"
        self.need(holds, said, term.at)
        return value  # not narrowed to the space: what is known of a value must not rest on what is to be shown

    # -------------------------------------------------------------------- funs, tables

    def _apply(self, term: Apply, scope: Scope) -> Value:
        fun = self.funs[term.fun]
        args = [self.value(x, scope) for x in term.args]

        def body() -> Value:
            names = {p.name: a for p, a in zip(fun.inputs, args, strict=True)}
            return self.value(fun.body, Scope(names, {p.name: p.space for p in fun.inputs}))

        return self._remembered(fun.name, args, body)

    def _once(self, term: Fold, scope: Scope) -> Value:
        """A sum or the like, computed once for the same values of what it mentions."""
        known = self._free.get(id(term))
        if known is None:
            known = self._free[id(term)] = (term, tuple(sorted(free(term))))
        args = [scope.values[name] for name in known[1]]
        return self._remembered(id(term), args, lambda: self._fold(term, scope))

    def _remembered(self, what: Any, args: list[Value], compute: Callable[[], Value]) -> Value:
        """What was computed before from the same values; its obligations are due on this path too."""
        key = (what, tuple(map(_identity, args)))
        found = self._calls.get(key)
        if found is None:
            outer, self.obligations = self.obligations, []
            path, self.path = self.path, ()
            try:
                value = compute()
                found = self._calls[key] = (args, value, self.obligations)
            finally:
                self.obligations, self.path = outer, path
        _, value, duties = found
        self.obligations += [Obligation(self.path + d.path, d.holds, d.what, d.at) for d in duties]
        return value

    def _select(self, term: Select, scope: Scope) -> Value:
        places = self.places(term.keys, term.spaces, scope, term.at)
        found: Value = None
        for n, (test, place) in enumerate(reversed(places)):
            with self.under(test) as possible:
                cell = self.value(term.cells[place], scope) if possible else None
            found = cell if n == 0 else self.labels.choose(test, cell, found)
        return found

    def _at(self, term: At, scope: Scope) -> Value:
        of = self.value(term.family, scope)
        places = self.places(term.keys, term.index[: len(term.keys)], scope, term.at)
        width = index_size(term.index[len(term.keys) :]) if len(term.keys) < len(term.index) else 0
        found: Value = None
        for n, (test, place) in enumerate(reversed(places)):
            part = of[place * width : (place + 1) * width] if width else of[place]
            found = part if n == 0 else self.labels.choose(test, part, found)
        return found

    def places(
        self, keys: tuple[Term, ...], spaces: tuple[Space, ...], scope: Scope, at: Span | None
    ) -> list[tuple[Truth, int]]:
        """The places in a table that the keys can point at, each with the condition that they do."""
        found: list[tuple[Truth, int]] = [(True, 0)]
        for key, space in zip(keys, spaces, strict=True):
            value, count = self.value(key, scope), size(space) or 0
            self._step(count)
            inside = self.labels.member(value, space)
            self.need(inside, f"an index leaves {show_space(space)}", at)
            tests = [(self.labels.same(value, p), i) for i, p in enumerate(points(space))]
            certain = [(t, i) for t, i in tests if t is True]
            tests = certain or [(t, i) for t, i in tests if t is not False] or [(True, 0)]
            found = [(v.conj((t, u)), n * count + i) for t, n in found for u, i in tests]
            self._step(len(found))
        return found

    # --------------------------------------------------------------------- comprehensions

    def rounds(self, iters: tuple[tuple[str, Space], ...]) -> Iterator[dict[str, Value]]:
        """The values of the variables, case by case."""
        for name, space in iters:
            if not is_finite(space):
                raise Undecided(f"`{written(name)}` ranges over {show_space(space)}, which has infinitely many points")
        spaces = tuple(s for _, s in iters)
        self._step(index_size(spaces))
        names = [n for n, _ in iters]
        return (dict(zip(names, point, strict=True)) for point in index_points(spaces))

    def _tabulate(self, term: Tabulate, scope: Scope) -> Value:
        types = dict(term.iters)
        inner = scope.bind({}, types)
        flatten = isinstance(space_of(term.body, inner.types, self.funs), Family)
        found: list[Value] = []
        for known in self.rounds(term.iters):
            value = self.value(term.body, scope.bind(known, types))
            if flatten:
                found.extend(value)
            else:
                found.append(value)
        return tuple(found)

    def _counted(self, term: Fold, scope: Scope) -> Iterator[tuple[Truth, Scope]]:
        """The cases that count, each with the condition that it does; the path holds that condition meanwhile."""
        types = dict(term.iters)
        for known in self.rounds(term.iters):
            inner = scope.bind(known, types)
            counts = True if term.where is None else self.truth(term.where, inner)
            with self.under(counts) as possible:
                if possible:
                    yield counts, inner

    def _fold(self, term: Fold, scope: Scope) -> Value:
        parts = [(counts, self.value(term.body, inner)) for counts, inner in self._counted(term, scope)]
        match term.op:
            case "sum":
                return self.numbers.add([self.labels.choose(c, x, Fraction(0)) for c, x in parts])
            case "product":
                found: Value = Fraction(1)
                for c, x in parts:
                    found = self.numbers.mul(found, self.labels.choose(c, x, Fraction(1)))
                return found
        return self._extreme(term, parts)

    def _extreme(self, term: Fold, parts: list[tuple[Truth, Value]]) -> Value:
        self.need(v.disj(c for c, _ in parts), f"`{term.op}` of nothing", term.at)
        if not parts:
            return Fraction(0)
        if all(c is True for c, _ in parts):
            of = self.numbers.least if term.op == "min" else self.numbers.greatest
            return of([x for _, x in parts])
        some, best = parts[0]
        for c, x in parts[1:]:
            better = v.less(x, best) if term.op == "min" else v.less(best, x)
            best = self.labels.choose(v.conj((c, v.disj((v.negation(some), better)))), x, best)
            some = v.disj((some, c))
        return best

    # ------------------------------------------------------------------------ claims

    def truth(self, term: Term, scope: Scope, want: int = 0) -> Truth:
        """Whether a claim holds. want: 1 if only its being satisfiable matters, -1 if only its being refutable does, else 0."""
        self._step()
        match term:
            case Prim(op="not", args=(a,)):
                return v.negation(self.truth(a, scope, -want))
            case Prim(op="and" | "or" as op, args=(a, b)):
                left = self.truth(a, scope, want)
                with self.under(left if op == "and" else v.negation(left)) as possible:
                    right = self.truth(b, scope, want) if possible else op == "or"
                return v.conj((left, right)) if op == "and" else v.disj((left, right))
            case Prim(op="implies", args=(a, b)):
                left = self.truth(a, scope, -want)
                with self.under(left) as possible:
                    right = self.truth(b, scope, want) if possible else True
                return v.implies(left, right)
            case Prim(op="==" | "!=" as op, args=(a, b)):
                same = self.labels.same(self.value(a, scope), self.value(b, scope))
                return same if op == "==" else v.negation(same)
            case Prim(op="<" | "<=" | ">" | ">=" as op, args=(a, b)):
                x, y = self.value(a, scope), self.value(b, scope)
                if op in (">", ">="):
                    x, y = y, x
                return v.less(x, y) if op in ("<", ">") else v.at_most(x, y)
            case If(test=test, then=then, other=other):
                return self._branches(test, then, other, scope, want)
            case Member(value=of, space=space):
                return self.labels.member(self.value(of, scope), space)
            case Fold(op="and" | "or"):
                return self._quantified(term, scope, want)
            case Ask():
                if self.ask is None:
                    raise Undecided(f"`{term.op}` cannot stand in a claim that is proved")
                return self.ask(term, scope, want)
        return self.value(term, scope)

    def _branches(self, test: Term, then: Term, other: Term, scope: Scope, want: int) -> Truth:
        holds = self.truth(test, scope)
        with self.under(holds) as possible:
            a = self.truth(then, scope, want) if possible else None
        with self.under(v.negation(holds)) as possible:
            b = self.truth(other, scope, want) if possible else None
        if isinstance(holds, bool):
            return a if holds else b
        return v.conj((v.implies(holds, a), v.disj((holds, b))))

    def _quantified(self, term: Fold, scope: Scope, want: int) -> Truth:
        every = term.op == "and"
        if all(is_finite(s) for _, s in term.iters):
            found: list[Truth] = []
            for counts, inner in self._counted(term, scope):
                holds = self.truth(term.body, inner, want)
                found.append(v.implies(counts, holds) if every else v.conj((counts, holds)))
                if found[-1] is not every and isinstance(found[-1], bool):
                    return found[-1]
            return v.conj(found) if every else v.disj(found)
        if want == (-1 if every else 1):
            return self._some_values(term, scope, want)
        if not self.quantifiers:
            raise NeedsQuantifiers(f"for every value of some wires it asks for a value of `{written(term.iters[0][0])}`")
        return self._quantifier(term, scope)

    def _some_values(self, term: Fold, scope: Scope, want: int) -> Truth:
        """The quantifier's variables as fresh constants."""
        every = term.op == "and"
        try:
            names = {n: self.open(written(n), s) for n, s in term.iters}
        except ValueError:
            return every
        self.chosen += [(written(n), names[n], s) for n, s in term.iters]
        inner = scope.bind(names, dict(term.iters))
        counts = True if term.where is None else self.truth(term.where, inner)
        with self.under(counts):
            holds = self.truth(term.body, inner, want)
        return v.implies(counts, holds) if every else v.conj((counts, holds))

    def _quantifier(self, term: Fold, scope: Scope) -> Truth:
        """The quantifier as one of z3's. Fresh numbers that depend on its variables would be misread, and are refused."""
        every = term.op == "and"
        within: list[Any] = []
        try:
            names = {n: self.labels.opened(s, self.fresh(written(n)), within) for n, s in term.iters}
        except ValueError:
            return every
        before = len(self.facts) + len(self.laws.every)
        with self.under(*within):
            inner = scope.bind(names, dict(term.iters))
            counts = True if term.where is None else self.truth(term.where, inner)
            with self.under(counts):
                holds = self.truth(term.body, inner)
        if len(self.facts) + len(self.laws.every) > before:
            raise NeedsQuantifiers("`exp`, `log` or a root stands under quantifiers that alternate")
        bound = [c for n, _ in term.iters for c in v.constants(names[n])]
        if every:
            return z3.ForAll(bound, v.truth(v.implies(v.conj([*within, counts]), holds)))
        return z3.Exists(bound, v.truth(v.conj([*within, counts, holds])))


def goals(holds: Truth) -> list[Truth]:
    """The parts of a conjunction."""
    found: list[Truth] = []
    stack = [holds]
    while stack:
        each = stack.pop()
        if not isinstance(each, bool) and z3.is_and(each):
            stack.extend(reversed(each.children()))
        elif each is not True:
            found.append(each)
    return found


def _identity(value: Value) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_identity, value))
    if isinstance(value, Num):
        return ("open", value.expr.get_id(), value.interval)
    if isinstance(value, Label):
        return ("label", value.code.get_id(), value.options)
    if isinstance(value, z3.BoolRef):
        return ("truth", value.get_id())
    return (type(value).__name__, value)


_TRUTHS = frozenset({"==", "!=", "<", "<=", ">", ">=", "and", "or", "implies", "not"})

__all__ = ["NeedsQuantifiers", "Obligation", "Scope", "Translator", "goals"]
