"""Closed forms of funs, and their derivatives.

A fun's inputs become symbols, its body is written out in them. Params with a value are numbers, those without one, or named as
free, are symbols too. What depends on a label or an index is told case by case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import sympy

from opengames.diagnostics import refuse
from opengames.program import Fun, Program
from opengames.spaces import Bool, Enum, Family, Reals, Record, Space
from opengames.symbolic.cases import Cases, Known, leaves, mapped
from opengames.symbolic.expressions import Translator
from opengames.symbolic.feasible import explored
from opengames.symbolic.names import name
from opengames.symbolic.printing import latex
from opengames.symbolic.tidy import tidy
from opengames.symbolic.values import Label, Symbols, Unknown, bounds, expr, holds, number, truth
from opengames.symbolic.written import written
from opengames.terms import Apply, Param, Term, children


@dataclass(frozen=True)
class Formula:
    """A closed form.

    name: what it is of. value: a sympy expression, a condition, or tuples of these as `space` has them. inputs: the symbols that
    are inputs, params: those that are params. where: conditions on the symbols that the spaces state. told: writes it as a `fun`.
    """

    name: str
    value: Any
    space: Space | None
    inputs: tuple[tuple[str, Space], ...] = ()
    params: tuple[str, ...] = ()
    where: tuple[Any, ...] = ()
    told: Callable[[Any], str] | None = field(default=None, compare=False)

    def to_game(self) -> str:
        """The formula as a `fun` that can be pasted into the text. Raises `Refusal` (`not-expressible`) if it cannot be said."""
        if self.told is None:
            raise refuse("not-expressible", f"`{self.name}` is no fun: its formula has no inputs to be declared",
                         help="`str` and `.latex()` print it")  # fmt: skip
        return self.told(self)

    @property
    def expr(self) -> Any:
        """The sympy expression, or the tuple of them."""
        return self.value

    @property
    def head(self) -> str:
        """What is defined, as the language writes it: `after(soc, command)`."""
        return f"{self.name}({', '.join(n for n, _ in self.inputs)})" if self.inputs else self.name

    def __str__(self) -> str:
        return f"{self.head} = {said(self.value)}"

    def __repr__(self) -> str:
        return str(self)

    def latex(self) -> str:
        """The equation as LaTeX (amsmath), without dollars."""
        given = ", ".join(name(n) for n, _ in self.inputs)
        head = f"{name(self.name)}({given})" if self.inputs else name(self.name)
        return f"{head} = {latex(self.value)}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": "formula", "name": self.name, "inputs": [n for n, _ in self.inputs], "params": list(self.params),
            "formula": said(self.value), "latex": self.latex(), "where": [said(w) for w in self.where],
        }  # fmt: skip

    def at(self, **values: Any) -> Any:
        """The exact value for values of the symbols, by their names; labels as text. Symbols left out stay."""
        return at(self.value, {n: Label(v) if isinstance(v, str) else v for n, v in values.items()})


@dataclass(frozen=True)
class Expression:
    """What a question comes to where something is left free: an expression, and what the spaces say of its symbols."""

    expr: Any
    where: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return said(self.expr)

    __repr__ = __str__

    def latex(self) -> str:
        return latex(self.expr)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def at(self, **values: Any) -> Any:
        """The exact value for values of the symbols, by their names."""
        return at(self.expr, values)


def said(value: Any) -> str:
    """A closed form as text: in the language's words where it has them, else as sympy prints it."""
    from opengames.diagnostics import Refusal

    try:
        return written(value)
    except Refusal:
        return str(value)


def at(value: Any, values: Mapping[str, Any]) -> Any:
    """A closed form with symbols, by name, replaced by values."""
    if isinstance(value, tuple):
        return tuple(at(v, values) for v in value)
    if not isinstance(value, sympy.Basic):
        return value
    change = {s: values[s.name] if isinstance(values[s.name], sympy.Basic) else sympy.sympify(values[s.name])
              for s in value.free_symbols if s.name in values and not isinstance(s, Label)}  # fmt: skip
    found = value.xreplace(change)
    if found.has(sympy.Piecewise):
        found = found.doit()
    return number(found) if isinstance(found, sympy.Expr) else truth(found)


class Scene:
    """What the symbolic questions about one program share: its symbols, the values of its params, and `Translator.needs`."""

    def __init__(self, program: Program, free: Iterable[str] = ()) -> None:
        self.program, self.symbols = program, Symbols()
        self.needs: dict[Any, None] = {}
        self.free = frozenset(free)
        for each in self.free:
            _check_free(program, each)

    def stand_in(self, kind: str, declared: str, space: Space, known: Known) -> Any:
        """Something declared of which nothing is known: see `Symbols.name` and `Symbols.unknown`."""
        return self.symbols.stand_in(self.symbols.name(kind, declared), space, known)

    def translator(self, known: Known) -> Translator:
        made = Translator(self.program.funs, _Lazy(self, known), self.symbols, known)
        made.needs = self.needs
        return made

    def is_open(self, param: str) -> bool:
        return param in self.free or self.program.params[param].value is None

    def where(self, value: Any) -> tuple[Any, ...]:
        """What the spaces say about the symbols of a closed form."""
        symbols = sorted(free_symbols(value), key=str)
        return tuple(w for s in symbols if s in self.symbols.spaces for w in bounds(s, self.symbols.spaces[s]))

    def names(self, value: Any) -> tuple[str, ...]:
        """The params whose symbols occur in a closed form."""
        roots = {s.name.split("[")[0].split(".")[0] for s in free_symbols(value)}
        owned = {declared for root in roots for kind, declared in [self.symbols.owners.get(root, ("", ""))] if kind == "param"}
        return tuple(n for n in self.program.params if n in owned)


class _Lazy(dict[str, Any]):
    """Params, made into values when they are asked for: a large table without a value is no concern of a formula without it."""

    def __init__(self, scene: Scene, known: Known) -> None:
        super().__init__()
        self.scene, self.case = scene, known

    def __missing__(self, param: str) -> Any:
        decl = self.scene.program.params[param]
        found = self.scene.stand_in("param", param, decl.space, self.case) if self.scene.is_open(param) else decl.value
        self[param] = found
        return found


def free_symbols(value: Any) -> set[sympy.Symbol]:
    """The symbols of a closed form, labels left out."""
    if isinstance(value, tuple):
        return set().union(*map(free_symbols, value))
    if not isinstance(value, sympy.Basic):
        return set()
    return {s for s in value.free_symbols if not isinstance(s, Label)}


def _check_free(program: Program, param: str) -> None:
    decl = program.params.get(param)
    if decl is None:
        from difflib import get_close_matches

        near = get_close_matches(param, list(program.params), 1, 0.5)
        listed = ", ".join(f"`{n}`" for n in program.params) or "none"
        raise refuse("unknown-param", f"there is no param `{param}`", notes=(f"the params are {listed}",),
                     help=f"did you mean `{near[0]}`?" if near else "")  # fmt: skip
    if decl.static:
        raise refuse(
            "not-yet", f"`{param}` fixes the size of a type: it cannot be left free", span=decl.at,
            help="leave other params free; this one keeps its value",
        )  # fmt: skip


def formula(program: Program, fun: str, free: Iterable[str] = (), given: Mapping[str, Any] | None = None) -> Formula:
    """The closed form of a fun, in its inputs and the free params.

    free: params that are symbols although they have a value. given: values of inputs. Raises `Refusal`.
    """
    scene = Scene(program, free)
    decl = program.funs[fun]
    fixed = dict(given or {})

    def compute(known: Known) -> Any:
        env = {p.name: fixed[p.name] if p.name in fixed else scene.stand_in("input", p.name, p.space, known) for p in decl.inputs}
        found = scene.translator(known).value(decl.body, env)
        return _decided(found, scene)

    value = closed(explored(scene.symbols, compute), decl.output)
    inputs = tuple((p.name, p.space) for p in decl.inputs if p.name not in fixed)
    return Formula(fun, value, decl.output, inputs, scene.names(value), scene.where(value))


def derivative(
    program: Program, fun: str, wrt: str, order: int = 1, free: Iterable[str] = (), given: Mapping[str, Any] | None = None
) -> Formula:
    """The derivative of a fun by one of its real inputs, an element of one (`asp[1]`), or a free param.

    Where it has a kink (`min`, `max`, `abs`, a case) the derivative is that of the case that holds there.
    Raises `Refusal` for what has no derivative: labels, truth values, inputs that are not there.
    """
    whole = formula(program, fun, free, given)
    symbol = _variable(program, program.funs[fun], whole, wrt)
    if not _is_real(whole.space):
        raise refuse("not-yet", f"`{fun}` gives no number, and only numbers have a derivative", span=program.funs[fun].at)
    value = _differentiated(whole.value, symbol, order)
    suffix = f"d{_identifier(wrt)}" if order == 1 else f"d{_identifier(wrt)}{order}"
    wheres = tuple(w for w in whole.where if w.free_symbols <= free_symbols(value))
    space = _plain(whole.space)
    return Formula(f"{fun}_{suffix}", value, space, whole.inputs, whole.params, wheres)


def _plain(space: Space | None) -> Space:
    """The space of a derivative: no bounds, and no unit that could be right."""
    match space:
        case Record(fields=fields):
            return Record(tuple((n, _plain(s)) for n, s in fields))
        case Family(index=index, item=item):
            return Family(index, _plain(item))
    return Reals()


def _is_real(space: Space | None) -> bool:
    match space:
        case Record(fields=fields):
            return all(_is_real(s) for _, s in fields)
        case Family(item=item):
            return _is_real(item)
    return not isinstance(space, Enum | Bool)


def _differentiated(value: Any, symbol: sympy.Symbol, order: int) -> Any:
    if isinstance(value, tuple):
        return tuple(_differentiated(v, symbol, order) for v in value)
    whole = expr(value)
    for _ in range(order):
        whole = whole.rewrite([sympy.Max, sympy.Min, sympy.Abs], sympy.Piecewise) if whole.has(*_KINKED) else whole
        if whole.has(sympy.floor):
            raise refuse("not-yet", "`floor` jumps: it has no derivative", help="differentiate a formula without it")
        whole = sympy.diff(whole, symbol)
    return tidy(sympy.piecewise_fold(whole) if whole.has(sympy.Piecewise) else whole)


_KINKED = (sympy.Max, sympy.Min, sympy.Abs)


def _identifier(word: str) -> str:
    return "_".join(filter(None, "".join(c if c.isalnum() else " " for c in word).split()))


def _variable(program: Program, fun: Fun, whole: Formula, wrt: str) -> sympy.Symbol:
    scene = Symbols()
    known: dict[str, Space] = dict(whole.inputs)
    used = params_of(program, fun.body)
    known.update({n: program.params[n].space for n in used if n in whole.params})
    for each, space in known.items():
        flat = scene.stand_in(each, space, Known())
        for symbol in _symbols_in(flat):
            if symbol.name == wrt:
                if isinstance(scene.spaces[symbol], Enum | Bool):
                    raise refuse("not-yet", f"`{wrt}` is no number: there is no derivative by it", span=fun.at)
                return symbol
    from difflib import get_close_matches

    listed = list(known)
    near = get_close_matches(wrt, listed, 1, 0.4)
    more = "" if wrt not in used else f": it has a value, and is a number here; leave it free with `free=({wrt!r},)`"
    raise refuse(
        "unknown-name", f"`{fun.name}` does not depend on a symbol `{wrt}`{more}", span=fun.at,
        notes=(f"it depends on {', '.join(f'`{n}`' for n in listed)}",) if listed else (),
        help=f"did you mean `{near[0]}`?" if near else "",
    )  # fmt: skip


def _symbols_in(value: Any) -> Iterable[sympy.Symbol]:
    if isinstance(value, tuple):
        for each in value:
            yield from _symbols_in(each)
    else:
        yield value.symbol if isinstance(value, Unknown) else value


def params_of(program: Program, term: Term) -> set[str]:
    """The params that a term uses, also through funs."""
    found: set[str] = set()
    called: set[str] = set()
    stack = [term]
    while stack:
        each = stack.pop()
        if isinstance(each, Param):
            found.add(each.name)
        elif isinstance(each, Apply) and each.fun not in called:
            called.add(each.fun)
            stack.append(program.funs[each.fun].body)
        stack.extend(children(each))
    return found


def _decided(value: Any, scene: Scene) -> Any:
    """A result in which only numbers and conditions are symbolic."""
    from opengames.symbolic.values import needed

    if isinstance(value, tuple):
        return tuple(_decided(v, scene) for v in value)
    return needed(value, scene.symbols) if isinstance(value, Unknown) else value


def closed(tree: Cases[Any], space: Space | None) -> Any:
    """The cases as one value: `Piecewise` for numbers and labels, a condition for truth values."""
    match space:
        case Record(fields=fields):
            return tuple(closed(mapped(tree, itemgetter(i)), s) for i, (_, s) in enumerate(fields))
        case Family(item=item):
            first = next(leaves(tree))[1]
            return tuple(closed(mapped(tree, itemgetter(i)), item) for i in range(len(first)))
    every = list(leaves(tree))
    if len(every) == 1:
        (_, value), = every
        return _tidied(value)
    if isinstance(space, Bool) or all(isinstance(v, bool) for _, v in every):
        return truth(sympy.Or(*(sympy.And(_condition(way), v) for way, v in every)))
    pairs = [(Label(v) if isinstance(v, str) else tidy(expr(v)), _condition(way)) for way, v in every]
    pairs = _merged(pairs)
    pairs[-1] = (pairs[-1][0], sympy.true)
    return tidy(sympy.Piecewise(*_flat(pairs), evaluate=False)) if len(pairs) > 1 else pairs[0][0]


def _merged(pairs: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    found: dict[Any, list[Any]] = {}
    for value, condition in pairs:
        found.setdefault(value, []).append(condition)
    return [(value, sympy.Or(*conditions)) for value, conditions in found.items()]


def _flat(pairs: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Cases within cases written as one list."""
    found = []
    for value, condition in pairs:
        if isinstance(value, sympy.Piecewise):
            found += [(v, sympy.And(condition, c)) for v, c in value.args]
        else:
            found.append((value, condition))
    if found and pairs[-1][1] == sympy.true:
        found[-1] = (found[-1][0], sympy.true)
    return found


def _condition(way: tuple[tuple[Any, tuple[Any, ...]], ...]) -> Any:
    return sympy.And(*(holds(question, answers) for question, answers in way))


def _tidied(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_tidied(v) for v in value)
    if isinstance(value, sympy.Expr) and not isinstance(value, Label):
        return number(tidy(value))
    return value


__all__ = ["Expression", "Formula", "Scene", "at", "closed", "derivative", "formula", "free_symbols", "params_of", "said"]
