"""Terms as array programs.

`evaluate(term, scope)` gives the value of a term where `scope` holds the values of its wires. Both branches of
a choice are computed and one is selected; faults in the other do not count. Short quantifiers and comprehensions
are written out, long ones become `vmap`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from opengames.diagnostics import refuse
from opengames.program import Fun
from opengames.sampled import numbers, optima
from opengames.sampled.backend import jax, jnp
from opengames.sampled.faults import Faults, Site
from opengames.sampled.membership import outside
from opengames.sampled.places import pick, point, position
from opengames.sampled.values import (
    INF,
    SHORT,
    Cells,
    Num,
    Pick,
    Rec,
    Stack,
    Value,
    as_family,
    both,
    choose,
    conform,
    constant,
    either,
    element,
    elements,
    is_true_or_false,
    known,
    negated,
    number,
    relabel,
    settle,
    solid,
    stack,
)
from opengames.show import show_space
from opengames.spaces import Space, index_size, size
from opengames.spans import Span
from opengames.terms import (
    Apply,
    At,
    Check,
    Const,
    Fold,
    Get,
    If,
    Member,
    Normal,
    Optimum,
    Pack,
    Param,
    Prim,
    Select,
    Tabulate,
    Term,
    Uniform,
    Var,
    Weighted,
)

#: How many copies of a body nested short loops may write out.
COPIES = 64


@dataclass
class Scope:
    """What a term can use.

    env: the wires. slices: a family's element at a loop's variable, where the loop provides it: (family, variable).
    place: the path of the wire being computed, for messages. copies: how often the enclosing code is written out.
    """

    env: dict[str, Value]
    funs: Mapping[str, Fun]
    params: Mapping[str, Value]
    faults: Faults
    slices: dict[tuple[str, str], Value] = field(default_factory=dict)
    place: str = ""
    copies: int = 1

    def note(self, code: str, headline: str, span: Span | None, up: Any, help: str = "") -> None:
        if not (is_true_or_false(up) and not up):
            self.faults.note(Site(code, headline, span, self.place, help), up)

    @contextmanager
    def when(self, test: Any) -> Any:
        """Faults inside count only where `test` holds."""
        self.faults.guards.append(test)
        try:
            yield
        finally:
            self.faults.guards.pop()

    def within(self, more: dict[str, Value], copies: int = 1) -> Scope:
        return replace(self, env={**self.env, **more}, copies=self.copies * copies)


def evaluate(term: Term, scope: Scope) -> Value:
    """The value of a term; raises `Refusal` for what this reading cannot do."""
    handler = _HANDLERS.get(type(term))
    if handler is None:
        if isinstance(term, (Weighted, Uniform, Normal)):
            raise TypeError("a distribution stands only in a draw")
        raise TypeError(f"{type(term).__name__} has no value of its own")
    return handler(term, scope)


def _var(term: Var, scope: Scope) -> Value:
    return scope.env[term.name]


def _param(term: Param, scope: Scope) -> Value:
    if term.name not in scope.params:
        raise refuse(
            "unknown-param-value",
            f"param `{term.name}` has no value",
            span=term.at,
            help=f"supply `{term.name}` with the run",
        )
    return scope.params[term.name]


# ----------------------------------------------------------------- primitives


def _prim(term: Prim, scope: Scope) -> Value:
    op = term.op
    if op in ("and", "or", "implies"):
        return _lazy(op, term.args, scope)
    args = [evaluate(a, scope) for a in term.args]
    if op in numbers.ARITHMETIC:
        found, faults = numbers.arithmetic(op, args)
        for code, headline, up in faults:
            scope.note(code, headline, term.at, up)
        return found
    if op == "not":
        return negated(args[0])
    if op == "ind":
        return indicator(args[0])
    if op in ("==", "!="):
        same = equal(args[0], args[1], scope, term.at)
        return same if op == "==" else negated(same)
    if op in ("<", "<=", ">", ">="):
        a, b = args if op in ("<", "<=") else args[::-1]
        return _compare("<" if op in ("<", ">") else "<=", a, b, scope, term.at)
    raise ValueError(f"no primitive is called {op!r}")


def _lazy(op: str, args: tuple[Term, ...], scope: Scope) -> Any:
    left = evaluate(args[0], scope)
    needed = negated(left) if op == "or" else left
    if is_true_or_false(needed) and not needed:
        return op != "and"
    with scope.when(needed):
        right = evaluate(args[1], scope)
    if op == "and":
        return both(left, right)
    return either(left if op == "or" else negated(left), right)


def indicator(v: Any) -> Num:
    if is_true_or_false(v):
        return number(int(v))
    return Num(v.astype(jnp.float64), 0.0, 1.0, 0)


def _compare(op: str, a: Num, b: Num, scope: Scope, at: Span | None) -> Any:
    found, faults = numbers.compare(op, a, b)
    for code, headline, up in faults:
        scope.note(code, headline, at, up)
    return found


def equal(a: Value, b: Value, scope: Scope, at: Span | None) -> Any:
    """Whether two values of one space are the same."""
    if isinstance(a, Num):
        return _compare("==", a, b, scope, at)
    if isinstance(a, (Pick, str)):
        return _same_label(a, b)
    if isinstance(a, (Rec, Cells)) or isinstance(b, Cells):
        return _all_equal(_parts(a), _parts(b), scope, at)
    if isinstance(a, Stack):
        if isinstance(b, Rec):
            return _all_equal(elements(a), b.items, scope, at)

        def one(x: Value, y: Value, inner: Scope) -> Value:
            return equal(x, y, inner, at)

        same = _mapped(lambda pair, inner: one(pair[0], pair[1], inner), (a.item, b.item), scope)
        return jnp.all(same)
    if is_true_or_false(a):
        return b if a else negated(b)
    if is_true_or_false(b):
        return a if b else negated(a)
    return a == b


def _parts(v: Value) -> tuple[Value, ...]:
    return v.items if isinstance(v, (Rec, Cells)) else elements(v)


def _all_equal(a: tuple[Value, ...], b: tuple[Value, ...], scope: Scope, at: Span | None) -> Any:
    found: Any = True
    for x, y in zip(a, b, strict=True):
        found = both(found, equal(x, y, scope, at))
    return found


def _same_label(a: Pick | str, b: Pick | str) -> Any:
    if isinstance(a, str) and isinstance(b, str):
        return a == b
    if isinstance(a, str):
        a, b = b, a
    assert isinstance(a, Pick)
    if isinstance(b, str):
        if b not in a.labels:
            return False
        return a.x == a.labels.index(b)
    if a.labels == b.labels:
        return a.x == b.x
    labels = a.labels + tuple(x for x in b.labels if x not in a.labels)
    return relabel(a, labels).x == relabel(b, labels).x


# --------------------------------------------------------------------- choice


def _apply(term: Apply, scope: Scope) -> Value:
    fun = scope.funs[term.fun]
    args = [conform(evaluate(a, scope), p.space) for a, p in zip(term.args, fun.inputs, strict=True)]
    env = {p.name: v for p, v in zip(fun.inputs, args, strict=True)}
    return conform(evaluate(fun.body, replace(scope, env=env, slices={})), fun.output)


def branch(test: Any, then: Callable[[], Any], other: Callable[[], Any], scope: Scope) -> Any:
    """One of two computations; both are made unless `test` is known."""
    if is_true_or_false(test):
        return then() if test else other()
    with scope.when(test):
        a = then()
    with scope.when(~test):
        b = other()
    return choose(test, a, b)


def _if(term: If, scope: Scope) -> Value:
    test = evaluate(term.test, scope)
    return branch(test, lambda: evaluate(term.then, scope), lambda: evaluate(term.other, scope), scope)


def _select(term: Select, scope: Scope) -> Value:
    keys = tuple(evaluate(k, scope) for k in term.keys)
    return select(keys, term.spaces, term.cells, lambda cell: evaluate(cell, scope), scope, term.at)


def select(
    keys: tuple[Value, ...],
    spaces: tuple[Space, ...],
    cells: tuple[Term, ...],
    make: Callable[[Term], Value],
    scope: Scope,
    at: Span | None,
) -> Value:
    """The cell that the keys point at."""
    if all(known(k) for k in keys):
        place, outside = 0, False
        for k, s in zip(keys, spaces, strict=True):
            i, bad = position(k, s)
            place, outside = place * (size(s) or 1) + i, outside or bad
        note_outside(scope, spaces, at, outside)
        return make(cells[place])
    if len(cells) > SHORT:
        place, outside = row_position(keys, spaces)
        note_outside(scope, spaces, at, outside)
        made = []
        for k, cell in enumerate(cells):
            with scope.when(place == k):
                made.append(make(cell))
        return element(stack(tuple(made)), place)
    made = []
    flags = _keys_at(keys, spaces, len(cells))
    for cell, flag in zip(cells, flags, strict=True):
        with scope.when(flag):
            made.append(make(cell))
    found, outside = pick(tuple(made), keys, spaces)
    note_outside(scope, spaces, at, outside)
    return found


def row_position(keys: tuple[Value, ...], spaces: tuple[Space, ...]) -> tuple[Any, Any]:
    total: Any = 0
    outside: Any = False
    for k, s in zip(keys, spaces, strict=True):
        i, bad = position(k, s)
        total = total * (size(s) or 1) + i
        outside = either(outside, bad)
    return total, outside


def _keys_at(keys: tuple[Value, ...], spaces: tuple[Space, ...], count: int) -> list[Any]:
    place, _ = row_position(keys, spaces)
    return [place == k for k in range(count)]


def note_outside(scope: Scope, spaces: tuple[Space, ...], at: Span | None, outside: Any) -> None:
    if outside is not False:
        kind = ", ".join(show_space(s) for s in spaces)
        scope.note("outside-type", f"the index is not in {kind}", at, outside)


# ----------------------------------------------------------------- structures


def _get(term: Get, scope: Scope) -> Value:
    return evaluate(term.record, scope).items[term.position]


def _at(term: At, scope: Scope) -> Value:
    keys = term.keys
    found: Value
    if isinstance(term.family, Var) and isinstance(keys[0], Var):
        sliced = scope.slices.get((term.family.name, keys[0].name))
        if sliced is not None:
            found, keys = sliced, keys[1:]
        else:
            found = evaluate(term.family, scope)
    else:
        found = evaluate(term.family, scope)
    done = len(term.keys) - len(keys)
    sizes = tuple(size(s) or 0 for s in term.index)
    found = as_family(found, sizes) if not done else found
    for key, space in zip(keys, term.index[done:], strict=False):
        i, outside = position(evaluate(key, scope), space)
        note_outside(scope, (space,), term.at, outside)
        found = element(found, i)
    return found


def _tabulate(term: Tabulate, scope: Scope) -> Value:
    return _table(term.iters, term.body, scope)


def _table(iters: tuple[tuple[str, Space], ...], body: Term, scope: Scope) -> Value:
    if not iters:
        return evaluate(body, scope)
    (name, space), rest = iters[0], iters[1:]
    n = size(space) or 0
    if n <= SHORT and scope.copies * n <= COPIES:
        return Cells(
            tuple(_table(rest, body, scope.within({name: point(space, i)}, max(1, n))) for i in range(n))
        )
    return Stack(
        n,
        _mapped(lambda i, inner: _table(rest, body, inner.within({name: point(space, i)})), jnp.arange(n), scope),
    )


def _mapped(f: Callable[[Any, Scope], Value], xs: Any, scope: Scope) -> Any:
    """`f` over the leading axis of `xs`; faults inside count if they happen anywhere."""
    holder: list[Faults] = []

    def one(x: Any) -> tuple[Any, tuple[Any, ...]]:
        faults = scope.faults.fresh()
        inner = replace(scope, faults=faults)
        found = solid(f(x, inner))
        holder.append(faults)
        return found, faults.arrays()

    found, ups = jax.vmap(one)(xs)
    for flag, up in zip(holder[-1].flags, ups, strict=False):
        scope.faults.flags.append(replace(flag, trail=(len(scope.faults.flags),), up=jnp.any(up)))
    return found


def _fold(term: Fold, scope: Scope) -> Value:
    for name, space in term.iters:
        if size(space) is None:
            raise refuse(
                "not-yet",
                f"`{name}` ranges over {show_space(space)}, which has infinitely many points",
                span=term.at,
                help="a claim about them is for the proved reading: `by z3`",
            )
    n = index_size(tuple(s for _, s in term.iters))
    if n <= 2 * SHORT and scope.copies * n <= COPIES:
        return _short_fold(term, scope, n)
    return _long_fold(term, scope, n)


def _bind(iters: tuple[tuple[str, Space], ...], i: Any) -> dict[str, Value]:
    """The iteration variables at row-major position `i`."""
    found: dict[str, Value] = {}
    for name, space in reversed(iters):
        n = size(space) or 1
        found[name] = point(space, i % n if len(iters) > 1 else i)
        i = i // n if len(iters) > 1 else i
    return found


def _short_fold(term: Fold, scope: Scope, n: int) -> Value:
    op, total, any_yet = term.op, None, False
    for i in range(n):
        inner = scope.within(_bind(term.iters, i), max(1, n))
        where: Any = True if term.where is None else evaluate(term.where, inner)
        if is_true_or_false(where) and not where:
            continue
        with scope.when(where):
            value = evaluate(term.body, inner)
        total = _accumulate(op, total, any_yet, where, value, scope, term.at)
        any_yet = either(any_yet, where)
    if op in ("min", "max"):
        scope.note("empty-fold", f"`{op}` of nothing: no value satisfies the condition", term.at, negated(any_yet))
    return _EMPTY[op] if total is None else total


def _accumulate(op: str, total: Any, any_yet: Any, where: Any, value: Any, scope: Scope, at: Span | None) -> Any:
    if op in ("and", "or"):
        value = either(negated(where), value) if op == "and" else both(where, value)
        return value if total is None else (both(total, value) if op == "and" else either(total, value))
    if op in ("sum", "product"):
        value = choose(where, value, _EMPTY[op])
        if total is None:
            return value
        return numbers.arithmetic("+" if op == "sum" else "*", [total, value])[0]
    if total is None:
        return value
    better = numbers.arithmetic(op, [total, value])[0]
    return choose(where, choose(any_yet, better, value), total)


_EMPTY: dict[str, Any] = {
    "sum": number(0), "product": number(1), "and": True, "or": False, "min": number(0), "max": number(0)
}  # fmt: skip


def _long_fold(term: Fold, scope: Scope, n: int) -> Value:
    def one(i: Any, inner: Scope) -> Value:
        here = inner.within(_bind(term.iters, i))
        where: Any = True if term.where is None else evaluate(term.where, here)
        with here.when(where):
            value = evaluate(term.body, here)
        return Rec((where, value))

    where, value = _mapped(one, jnp.arange(n), scope).items
    op = term.op
    if op == "and":
        return jnp.all(value | ~where)
    if op == "or":
        return jnp.any(value & where)
    found, empty = reduce(op, value, None if term.where is None else where, n)
    if empty is not False:
        scope.note("empty-fold", f"`{op}` of nothing: no value satisfies the condition", term.at, empty)
    return found


def reduce(op: str, v: Num, where: Any, n: int) -> tuple[Num, Any]:
    """A fold of the leading axis of numbers, and whether it was over nothing."""
    if op == "sum":
        x = jnp.sum(v.x if where is None else jnp.where(where, v.x, 0.0), axis=0)
        return settle(Num(x, min(0.0, v.lo * n), max(0.0, v.hi * n), v.grain)), False
    if op == "product":
        x = jnp.prod(v.x if where is None else jnp.where(where, v.x, 1.0), axis=0)
        inside = v.bound <= 1.0
        lo = (0.0 if v.lo >= 0 else -1.0) if inside else (0.0 if v.lo >= 0 else -INF)
        return Num(x, lo, 1.0 if inside else INF), False
    identity = math.inf if op == "min" else -math.inf
    masked = v.x if where is None else jnp.where(where, v.x, identity)
    x = (jnp.min if op == "min" else jnp.max)(masked, axis=0, initial=identity)
    if n and where is None:
        return Num(x, v.lo, v.hi, v.grain, v.member), False
    empty = jnp.asarray(n == 0) if where is None else ~jnp.any(where, axis=0)
    return Num(jnp.where(empty, 0.0, x), min(0.0, v.lo), max(0.0, v.hi), v.grain), empty


# ------------------------------------------------------------------ membership


def _member(term: Member, scope: Scope) -> Any:
    return negated(outside(evaluate(term.value, scope), term.space)[1])


def _check(term: Check, scope: Scope) -> Value:
    value = evaluate(term.value, scope)
    is_rule = isinstance(term.value, Prim) and term.value.op == "ind"
    what = term.what or "the value"
    if is_rule:
        return checked(value, term.space, "broken-rule", f"{what} does not hold", term.at, scope)
    headline = f"{what} is not in {show_space(term.space)}"
    return checked(value, term.space, "outside-type", headline, term.at, scope)


def checked(v: Value, space: Space, code: str, headline: str, at: Span | None, scope: Scope) -> Value:
    """The value as a point of `space`; a fault where it is none."""
    found, bad = outside(v, space)
    scope.note(code, headline, at, bad)
    return conform(found, space)


_HANDLERS: dict[type, Callable[[Any, Scope], Value]] = {
    Const: lambda term, scope: constant(term.value),
    Var: _var,
    Param: _param,
    Prim: _prim,
    Apply: _apply,
    If: _if,
    Select: _select,
    Pack: lambda term, scope: Rec(tuple(evaluate(t, scope) for t in term.items)),
    Get: _get,
    At: _at,
    Tabulate: _tabulate,
    Fold: _fold,
    Member: _member,
    Check: _check,
    Optimum: lambda term, scope: optima.solved(term, evaluate(term.data, scope), scope.faults, scope.place),
}
