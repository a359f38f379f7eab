"""The exact value of a term: terms compiled to Python closures.

Numbers are `Fraction`s. `exp`, `log`, `sqrt` and a fractional `^` are exact where their value is
rational and plainly so (`exp(0)`, `log(1)`, `sqrt(9/4)`, `8^(1/3)`); elsewhere they give a `float`, and every number
computed from a float is a float: the result's type says whether it is exact. With `number=float`
constants and params are floats from the start, and a number that must lie on a `Grid` is snapped to it.

A term of distribution kind evaluates to a tuple of (value, chance) pairs with distinct values and
positive chances.

Faults are refusals with the span of the term: `division-by-zero`, `outside-type`, `outside-domain`,
`overflow`, `not-a-distribution`, `empty-fold`, `broken-rule`, `unknown-param-value`, `needs-sampling`, `not-yet`, `over-budget`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from opengames import arithmetic as ar
from opengames.arithmetic import Meter
from opengames.clearings import shaped
from opengames.diagnostics import refuse
from opengames.program import Fun
from opengames.show import digits, show, show_space
from opengames.spaces import (
    Family,
    Grid,
    Reals,
    Record,
    Space,
    contains,
    index_points,
    index_size,
    is_finite,
    points,
    size,
)
from opengames.spans import Span
from opengames.terms import (
    Apply,
    Ask,
    At,
    Check,
    Compose,
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
    Ref,
    Select,
    Tabulate,
    Term,
    Uniform,
    Var,
    Weighted,
    bound,
    children,
    free,
)

Env = dict[str, Any]
Code = Callable[[Env], Any]
Number = type[Fraction] | type[float]

#: How many loop iterations and calls of funs one evaluation may take.
STEPS = 2_000_000
#: Steps that one number of a clearing counts for where it is solved in rationals.
EXACT_NUMBER = 40
_MEMO = 100_000
_UNCHECKED = "'"
_SMALL = 16


def evaluate(
    term: Term,
    env: Mapping[str, Any],
    funs: Mapping[str, Fun],
    params: Mapping[str, Any],
    number: Number = Fraction,
    budget: int = STEPS,
) -> Any:
    """The value of `term` where its free variables have the values in `env`."""
    return compile_term(term, funs, params, number, budget=budget)(env)


def compile_term(
    term: Term,
    funs: Mapping[str, Fun],
    params: Mapping[str, Any],
    number: Number = Fraction,
    types: Mapping[str, Space] | None = None,
    budget: int = STEPS,
) -> Callable[[Mapping[str, Any]], Any]:
    """`term` as a function of the values of its free variables.

    types: the spaces of free variables, where known; only a `Tabulate` whose body is a family needs them.
    budget: steps that each call may take.
    """
    compiler = Compiler(funs, params, number, budget)
    code = compiler.compile(term, types)

    def run(env: Mapping[str, Any]) -> Any:
        compiler.meter.left = budget
        return code(env)  # type: ignore[arg-type]

    return run


class Compiler:
    """Compiles many terms that share funs, their memory of earlier calls, and one budget of steps.

    The functions that `compile` gives draw on `meter` until it is empty; `meter.left` may be set anew.
    """

    def __init__(
        self, funs: Mapping[str, Fun], params: Mapping[str, Any], number: Number = Fraction, budget: int = STEPS
    ) -> None:
        self.funs, self.number, self.exact = funs, number, number is Fraction
        self.params = params
        self.meter = Meter(budget)
        self._bodies: dict[str, Code] = {}
        self._points: dict[Space, tuple[Any, ...]] = {}
        self.one, self.zero = number(1), number(0)

    def compile(self, term: Term, types: Mapping[str, Space] | None = None) -> Code:
        """`term` as a function of a dictionary of values, which it leaves as it was."""
        try:
            inner = self._term(term, dict(types or {}))
        except RecursionError:
            raise _too_deep(term.at) from None
        binds = _has_binder(term)

        def run(env: Env) -> Any:
            try:
                return inner(env.copy() if binds else env)
            except RecursionError:
                raise _too_deep(term.at) from None

        return run

    def into(self, space: Space) -> Callable[[Any], Any] | None:
        """Rounding of float values onto the grids inside `space`; `None` where there is nothing to do."""
        if self.exact:
            return None
        return _snapper(space)

    # ------------------------------------------------------------------ terms

    def _term(self, term: Term, types: dict[str, Space]) -> Code:
        match term:
            case Const(value=value):
                constant = ar.as_number(value, self.number)
                return lambda env: constant
            case Var(name=name):
                return lambda env: env[name]
            case Param(name=name, at=at):
                return self._param(name, at)
            case Prim():
                return self._prim(term, types)
            case Apply():
                return self._apply(term, types)
            case If(test=test, then=then, other=other):
                t, a, b = (self._term(x, types) for x in (test, then, other))
                return lambda env: a(env) if t(env) else b(env)
            case Select():
                return self._select(term, types)
            case Pack(items=items):
                parts = tuple(self._term(x, types) for x in items)
                return lambda env: tuple([p(env) for p in parts])
            case Get(record=record, position=position):
                of = self._term(record, types)
                return lambda env: of(env)[position]
            case At():
                return self._at(term, types)
            case Tabulate():
                return self._tabulate(term, types)
            case Fold():
                return self._fold(term, types)
            case Member(value=value, space=space):
                of, holds = self._term(value, types), member(space, self.exact)
                return lambda env: holds(of(env))
            case Check():
                return self._check(term, types)
            case Optimum():
                return self._optimum(term, types)
            case Weighted():
                return self._weighted(term, types)
            case Uniform(space=space, at=at):
                return self._uniform(space, at)
            case Normal(at=at):
                return _raising("needs-sampling", "`normal` has infinitely many outcomes", at, "ask `by simulate`")
            case Ref() | Compose() | Ask():
                raise TypeError(f"{type(term).__name__} is answered by a reading, it has no value of its own")
        raise TypeError(f"not a term: {term!r}")

    def _param(self, name: str, at: Span | None) -> Code:
        if self.params.get(name) is None:
            return _raising("unknown-param-value", f"param `{name}` has no value", at, f"supply `{name}` with the run")
        value = ar.as_number(self.params[name], self.number)
        return lambda env: value

    def _prim(self, term: Prim, types: dict[str, Space]) -> Code:
        args = tuple(self._term(x, types) for x in term.args)
        return ar.primitive(term.op, args, self.number, self.meter, term.at)

    def _apply(self, term: Apply, types: dict[str, Space]) -> Code:
        fun = self.funs[term.fun]
        args = tuple(self._term(x, types) for x in term.args)
        names = tuple(p.name for p in fun.inputs)
        meter, bodies, name = self.meter, self._bodies, term.fun

        def call(env: Env) -> Any:
            body = bodies.get(name)
            if body is None:
                body = bodies[name] = self._fun(fun)
            meter.left -= 1
            if meter.left < 0:
                raise meter.empty(term.at)
            return body({n: a(env) for n, a in zip(names, args, strict=True)})

        return call

    def _fun(self, fun: Fun) -> Code:
        """The body of a fun; one that calls others or loops remembers its results."""
        body = self._term(fun.body, {p.name: p.space for p in fun.inputs})
        if not _is_costly(fun.body):
            return body
        memo: dict[tuple[Any, ...], tuple[Any, tuple[Any, ...]]] = {}

        def remembered(env: Env) -> Any:
            values = tuple(env.values())
            key = tuple([_key(v) for v in values])
            found = memo.get(key)
            if found is not None:
                return found[0]
            result = body(env)
            if len(memo) >= _MEMO:
                memo.clear()
            memo[key] = (result, values)  # the values stay alive, so that no identity in a key is used again
            return result

        return remembered

    def _select(self, term: Select, types: dict[str, Space]) -> Code:
        cells = tuple(self._term(c, types) for c in term.cells)
        place = self._position(term.keys, term.spaces, types, term.at)
        return lambda env: cells[place(env)](env)

    def _at(self, term: At, types: dict[str, Space]) -> Code:
        of = self._term(term.family, types)
        place = self._position(term.keys, term.index[: len(term.keys)], types, term.at)
        if len(term.keys) == len(term.index):
            return lambda env: of(env)[place(env)]
        width = index_size(term.index[len(term.keys) :])

        def cut(env: Env) -> Any:
            start = place(env) * width
            return of(env)[start : start + width]

        return cut

    def _position(
        self, keys: tuple[Term, ...], spaces: tuple[Space, ...], types: dict[str, Space], at: Span | None
    ) -> Code:
        codes = tuple(self._term(k, types) for k in keys)
        finders = tuple(_finder(s, self.exact, self.meter, at) for s in spaces)
        if len(codes) == 1:
            code, find = codes[0], finders[0]
            return lambda env: find(code(env))
        steps = tuple((c, f, size(s) or 0) for c, f, s in zip(codes, finders, spaces, strict=True))

        def place(env: Env) -> int:
            total = 0
            for code, find, count in steps:
                total = total * count + find(code(env))
            return total

        return place

    def _rounds(self, iters: tuple[tuple[str, Space], ...], at: Span | None) -> Callable[[], Iterator[tuple[Any, ...]]]:
        """The values of the bound variables, after a look at whether there are too many to visit."""
        spaces = tuple(s for _, s in iters)
        for name, space in iters:
            if not is_finite(space):
                head = f"`{name}` ranges over {show_space(space)}, which has infinitely many points"
                return _raising("not-yet", head, at, "a claim about them is for the proved reading: `by z3`")
        count, meter = index_size(spaces), self.meter

        def rounds() -> Iterator[tuple[Any, ...]]:
            if count > meter.left:
                raise meter.empty(at, count)
            meter.left -= count
            return index_points(spaces) if count > 4096 else iter(self._listed(spaces))

        return rounds

    def _listed(self, spaces: tuple[Space, ...]) -> tuple[tuple[Any, ...], ...]:
        key = Record(tuple(("", s) for s in spaces))
        found = self._points.get(key)
        if found is None:
            found = self._points[key] = tuple(index_points(spaces))
        return found

    def _tabulate(self, term: Tabulate, types: dict[str, Space]) -> Code:
        inside = {**types, **dict(term.iters)}
        body = self._term(term.body, inside)
        rounds = self._rounds(term.iters, term.at)
        names = tuple(n for n, _ in term.iters)
        flatten = isinstance(space_of(term.body, inside, self.funs), Family)

        def table(env: Env) -> tuple[Any, ...]:
            found: list[Any] = []
            for values in rounds():
                env.update(zip(names, values, strict=True))
                if flatten:
                    found.extend(body(env))
                else:
                    found.append(body(env))
            return tuple(found)

        return table

    def _fold(self, term: Fold, types: dict[str, Space]) -> Code:
        inside = {**types, **dict(term.iters)}
        body = self._term(term.body, inside)
        where = None if term.where is None else self._term(term.where, inside)
        rounds = self._rounds(term.iters, term.at)
        names = tuple(n for n, _ in term.iters)
        single = names[0] if len(names) == 1 else None

        def values(env: Env) -> Iterator[Any]:
            for point in rounds():
                if single is None:
                    env.update(zip(names, point, strict=True))
                else:
                    env[single] = point[0]
                if where is None or where(env):
                    yield body(env)

        return ar.folder(term.op, values, self.number, self.meter, term.at)

    def _check(self, term: Check, types: dict[str, Space]) -> Code:
        of, space, what, at = self._term(term.value, types), term.space, term.what, term.at
        holds, snap = member(space, self.exact), self.into(space)
        is_rule = isinstance(term.value, Prim) and term.value.op == "ind"
        spaces = dict(types) if is_rule else {}

        def check(env: Env) -> Any:
            value = of(env)
            if not holds(value):
                if is_rule:
                    known = [(n, env[n], spaces.get(n)) for n in sorted(free(term.value)) if n in env]
                    raise refuse("broken-rule", f"{what} does not hold", span=at, notes=met(known))
                name = what or "the value"
                headline = f"{name} is {show(value, space)}, which is not in {show_space(space)}"
                raise refuse("outside-type", headline, span=at, label="computed here")
            return value if snap is None else snap(value)

        return check

    def _optimum(self, term: Optimum, types: dict[str, Space]) -> Code:
        """A clearing solved: in rationals where this is exact and its optimum is rational, else in floats."""
        of, ready, meter, exact = self._term(term.data, types), term.clearing, self.meter, self.exact
        price = (EXACT_NUMBER if exact else 1) * ready.numbers

        def solve(env: Env) -> Any:
            data = of(env)
            if not ready.knows(data, exact):
                meter.left -= price
                if meter.left < 0:
                    raise meter.empty(term.at)
            return shaped(ready.one(data, exact), term.space)

        return solve

    # ----------------------------------------------------------- distributions

    def _weighted(self, term: Weighted, types: dict[str, Space]) -> Code:
        pairs = tuple((self._term(v, types), self._term(c, types)) for v, c in term.pairs)
        at = term.at

        def weigh(env: Env) -> tuple[tuple[Any, Any], ...]:
            found: dict[Any, Any] = {}
            for value_code, chance_code in pairs:
                chance = chance_code(env)
                if not chance >= 0:
                    raise refuse("not-a-distribution", f"a chance is {digits(chance)}, below 0", span=at)
                if chance:
                    value = value_code(env)
                    found[value] = found[value] + chance if value in found else chance
            total = sum(found.values())
            if total != 1 and (isinstance(total, (Fraction, int)) or abs(total - 1) > 1e-9):
                raise refuse("not-a-distribution", f"the chances add up to {digits(total)}, not to 1", span=at)
            return tuple(found.items())

        return weigh

    def _uniform(self, space: Space, at: Span | None) -> Code:
        count = size(space)
        if count is None:
            return _raising(
                "needs-sampling", f"`uniform({show_space(space)})` has infinitely many outcomes", at, "ask `by simulate`"
            )
        if count == 0:
            return _raising("not-a-distribution", "`uniform` of an empty set", at)
        if count > self.meter.left:
            return _raising("over-budget", f"`uniform` over {digits(Fraction(count))} outcomes", at, "ask `by simulate`")
        chance = self.number(1) / count
        pairs = tuple((p, chance) for p in points(space))
        return lambda env: pairs


# ---------------------------------------------------------------------- spaces


def space_of(term: Term, types: Mapping[str, Space], funs: Mapping[str, Fun]) -> Space | None:
    """The space of a term as far as telling families from records needs it. types: of its free variables."""
    match term:
        case Var(name=name):
            return types.get(name)
        case Apply(fun=name):
            return funs[name].output
        case If(then=then, other=other):
            return space_of(then, types, funs) or space_of(other, types, funs)
        case Select(cells=cells) if cells:
            return space_of(cells[0], types, funs)
        case Check(space=space) | Optimum(space=space):
            return space
        case Tabulate(iters=iters):
            return Family(tuple(s for _, s in iters), Record(()))
        case At(family=of, keys=keys, index=index):
            if len(keys) < len(index):
                return Family(index[len(keys) :], Record(()))
            whole = space_of(of, types, funs)
            return whole.item if isinstance(whole, Family) else None
        case Get(record=record, position=position):
            of_record = space_of(record, types, funs)
            return of_record.fields[position][1] if isinstance(of_record, Record) and of_record.fields else None
    return None


def member(space: Space, exact: bool = True) -> Callable[[Any], bool]:
    """Whether a value lies in `space`, as a function; with `exact=False` a number near a grid's point does."""
    match space:
        case Grid(points=values):
            known = frozenset(values)
            if exact:
                return lambda v: not isinstance(v, bool) and isinstance(v, (Fraction, int)) and v in known
            return lambda v: not isinstance(v, (bool, str, tuple)) and (v in known or _nearest(values, v) is not None)
        case Record(fields=fields) if not exact:
            parts = tuple(member(s, exact) for _, s in fields)
            return lambda v: isinstance(v, tuple) and len(v) == len(parts) and all(
                p(x) for p, x in zip(parts, v, strict=True)
            )
        case Family(index=index, item=item) if not exact:
            one, count = member(item, exact), index_size(index)
            return lambda v: isinstance(v, tuple) and len(v) == count and all(map(one, v))
        case Reals(lower=lower, upper=upper) if not exact:
            low = -math.inf if lower is None else float(lower) - 1e-9 * max(1.0, abs(float(lower)))
            high = math.inf if upper is None else float(upper) + 1e-9 * max(1.0, abs(float(upper)))
            if space.whole:
                return lambda v: not isinstance(v, (bool, str, tuple)) and low <= v <= high and _whole(v) is not None
            return lambda v: not isinstance(v, (bool, str, tuple)) and low <= v <= high
    return lambda v: contains(space, v)


def _nearest(values: tuple[Fraction, ...], value: float | Fraction) -> Fraction | None:
    """The grid point that `value` is up to rounding, if there is one."""
    best = min(values, key=lambda p: abs(float(p) - float(value)), default=None)
    if best is None or abs(float(best) - float(value)) > 1e-7 * max(1.0, abs(float(best))):
        return None
    return best


def _whole(value: float | Fraction) -> Fraction | None:
    """The whole number that `value` is up to rounding, if there is one."""
    if not math.isfinite(value):
        return None
    best = round(value)
    return Fraction(best) if abs(best - value) <= 1e-7 * max(1, abs(best)) else None


def _snapper(space: Space) -> Callable[[Any], Any] | None:
    match space:
        case Grid(points=values):
            table: dict[Any, Fraction] = {p: p for p in values}
            table.update((float(p), p) for p in values)

            def snap(value: Any) -> Any:
                found = table.get(value)
                if found is None:
                    found = _nearest(values, value)
                return value if found is None else found

            return snap
        case Reals(whole=True):

            def to_whole(value: Any) -> Any:
                found = _whole(value)
                return value if found is None else found

            return to_whole
        case Record(fields=fields):
            parts = tuple(_snapper(s) for _, s in fields)
            if all(p is None for p in parts):
                return None
            return lambda v: tuple([x if p is None else p(x) for p, x in zip(parts, v, strict=True)])
        case Family(item=item):
            one = _snapper(item)
            return None if one is None else lambda v: tuple([one(x) for x in v])
    return None


def met(values: Iterable[tuple[str, Any, Space | None]]) -> tuple[str, ...]:
    """What a move that breaks a rule is, and what it was seen with, as notes. values: (wire, value, its space).

    The wires of moves end in `'` until their rules are checked, see `plug`.
    """
    said = [(name, f"{name.rstrip(_UNCHECKED)} = {show(value, space)}") for name, value, space in values]
    moves = [words for name, words in said if name.endswith(_UNCHECKED)]
    others = [words for name, words in said if not name.endswith(_UNCHECKED)]
    played = f"the move is {', '.join(moves)}" if moves else ""
    seen = f"where {', '.join(others)}" if others else ""
    return (", ".join(filter(None, (played, seen))),) if said else ()


def _finder(space: Space, exact: bool, meter: Meter, at: Span | None) -> Callable[[Any], int]:
    """The place of a value among the points of a finite space, as a function."""
    whole = isinstance(space, Grid) and all(p.denominator == 1 for p in space.points)
    table: dict[Any, int] = {}
    snap = None if exact else _snapper(space)

    def find(value: Any) -> int:
        if not table:
            count = size(space)
            if count is None or count > meter.left:
                raise meter.empty(at, count or 0)
            for i, point in enumerate(points(space)):
                table[point.numerator if whole and isinstance(point, Fraction) else point] = i
        if snap is not None:
            value = snap(value)
        if whole and isinstance(value, Fraction) and value.denominator == 1:
            value = value.numerator  # hashing an int is several times cheaper than hashing a fraction
        found = table.get(value)
        if found is None:
            raise refuse("outside-type", f"the index {show(value, space)} is not in {show_space(space)}", span=at)
        return found

    return find


# --------------------------------------------------------------------- helpers


def _raising(code: str, headline: str, at: Span | None, help: str = "") -> Callable[..., Any]:
    def fail(*_: Any) -> Any:
        raise refuse(code, headline, span=at, help=help)

    return fail


def _too_deep(at: Span | None) -> Exception:
    return refuse("over-budget", "an expression is nested too deeply to evaluate", span=at, help="name its parts")


def _key(value: Any) -> Any:
    """What a memory of calls knows a value by: itself, or where it lives if it is large."""
    return ("at", id(value)) if isinstance(value, tuple) and len(value) > _SMALL else value


def _has_binder(term: Term) -> bool:
    stack = [term]
    while stack:
        each = stack.pop()
        if bound(each):
            return True
        stack.extend(children(each))
    return False


def _is_costly(term: Term) -> bool:
    stack = [term]
    while stack:
        each = stack.pop()
        if isinstance(each, (Apply, Fold, Tabulate)):
            return True
        stack.extend(children(each))
    return False


__all__ = ["STEPS", "Compiler", "compile_term", "evaluate", "member", "show", "show_space", "space_of"]
