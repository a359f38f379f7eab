"""Declarations by name: units, types, params, players and funs, each elaborated when first needed.

Order in the text does not matter. What waits for itself is reported as a cycle of names.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from opengames import program as p
from opengames.diagnostics import Window
from opengames.diagram import Port
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.context import WRONG, Context, Scope, Signature, Typed
from opengames.dsl.generic import is_generic, is_type
from opengames.dsl.infer import constant, want
from opengames.dsl.names_used import mentions
from opengames.dsl.prelude import DISTRIBUTIONS, FUNCTIONS, QUESTIONS
from opengames.dsl.tables import Shape, family, select
from opengames.dsl.type_expressions import BUILTIN, resolve, values_of
from opengames.dsl.units import BUILTIN as BUILTIN_UNITS
from opengames.dsl.units import Unit, UnknownUnit, read_unit
from opengames.spaces import contains, size
from opengames.terms import Var

#: Names that a text may not declare, because they already mean something everywhere.
TAKEN = {*BUILTIN, *FUNCTIONS, *DISTRIBUTIONS, "true", "false", "dual"}

_KINDS: dict[type, str] = {
    s.TypeDecl: "type",
    s.ParamDecl: "param",
    s.FunDecl: "fun",
    s.ChannelDecl: "channel",
    s.GameDecl: "game",
    s.RecognitionDecl: "recognition",
    s.StrategyDecl: "strategy",
    s.QuestionDecl: "question",
}


def collect(context: Context, declarations: tuple[s.Decl, ...]) -> dict[str, s.Decl]:
    """Every declaration under its name; reports names declared twice and names that are taken."""
    found: dict[str, s.Decl] = {}
    for decl in declarations:
        if isinstance(decl, s.PlayerDecl):
            for seat in decl.seats:
                if _note(context, seat.name, "player"):
                    found[seat.name.text] = decl
        elif type(decl) in _KINDS:
            assert not isinstance(decl, (s.UseDecl, s.UnitDecl, s.PlayerDecl))
            kind = decl.kind if isinstance(decl, s.QuestionDecl) else _KINDS[type(decl)]
            if _note(context, decl.name, kind):
                found[decl.name.text] = decl
    return found


def _note(context: Context, name: s.Name, kind: str) -> bool:
    if name.text in TAKEN or (kind == "fun" and name.text in QUESTIONS):
        context.report(
            "taken-name",
            f"`{name.text}` already means something",
            name.at,
            "a word that every text has",
            help="choose another name",
        )
        return False
    if name.text in context.declared:
        before = context.declared[name.text]
        context.report(
            "duplicate-name",
            f"`{name.text}` is declared twice",
            name.at,
            f"a {kind} here",
            windows=(Window(before[1], f"a {before[0]} here"),),
            help="give one of them another name",
        )
        return False
    context.declared[name.text] = (kind, name.at)
    return True


# --------------------------------------------------------------------------- units


def declare_units(context: Context, declarations: tuple[s.Decl, ...]) -> None:
    """Units in any order: those that can be read are, until no more can be."""
    waiting = [d for d in declarations if isinstance(d, s.UnitDecl)]
    names: dict[str, s.UnitDecl] = {}
    for decl in waiting:
        other = names.get(decl.name.text)
        if other is not None or decl.name.text in BUILTIN_UNITS:
            context.report(
                "duplicate-name",
                f"the unit `{decl.name.text}` is declared twice",
                decl.name.at,
                "again here",
                windows=(Window(other.name.at, "first here"),) if other is not None else (),
            )
        names.setdefault(decl.name.text, decl)
    behind: dict[str, list[s.UnitDecl]] = {}
    ready = [d for n, d in names.items() if n not in BUILTIN_UNITS]
    while ready:
        decl = ready.pop()
        missing = _try_unit(context, decl)
        if missing is not None:
            behind.setdefault(missing, []).append(decl)
        else:
            ready += behind.pop(decl.name.text, [])
    for stuck in [d for waiting_for in behind.values() for d in waiting_for]:
        _unit_stuck(context, stuck, names)


def _try_unit(context: Context, decl: s.UnitDecl) -> str | None:
    """Read the unit; the symbol it still waits for, if there is one."""
    name = decl.name.text
    if decl.definition is None:
        context.units[name] = Unit(name, ((name, 1),))
        return None
    try:
        of = read_unit(decl.definition.unit or "", context.units)
    except UnknownUnit as missing:
        return missing.symbol
    if decl.definition.value <= 0:
        context.report("empty-type", f"a unit is a positive amount, and `{name}` is not", decl.definition.at, "not positive")
    context.units[name] = Unit(name, of.dimension, of.scale * abs(decl.definition.value or Fraction(1)))
    return None


def _unit_stuck(context: Context, decl: s.UnitDecl, names: dict[str, s.UnitDecl]) -> None:
    assert decl.definition is not None
    try:
        read_unit(decl.definition.unit or "", context.units)
    except UnknownUnit as missing:
        if missing.symbol in names:
            context.report("cycle", f"the unit `{decl.name.text}` waits for itself", decl.definition.at, f"waits for `{missing.symbol}`")
        else:
            context.report(
                "no-such-unit", f"there is no unit `{missing.symbol}`", decl.definition.at, "not declared",
                help=f"declare it: `unit {missing.symbol}`",
            )  # fmt: skip
    context.units[decl.name.text] = Unit(decl.name.text, ((decl.name.text, 1),))


# ------------------------------------------------------------------ types and params


class Declarer:
    """Elaborates types, params, players and fun signatures on demand; `context.demand` is its `need`."""

    def __init__(self, context: Context, declarations: dict[str, s.Decl]) -> None:
        self.context = context
        self.pending = declarations
        self.open: list[str] = []
        self.done: set[str] = set()
        self.bodies: set[str] = set()
        self.guilty: set[str] = set()
        context.demand, context.demand_body = self.need, self.need_body

    def need(self, name: str) -> None:
        """Make sure that `name`, if declared, is known to the context."""
        if name in self.done:
            return
        decl = self.pending.get(name)
        if not isinstance(decl, (s.TypeDecl, s.ParamDecl, s.PlayerDecl, s.FunDecl)):
            return
        if name in self.open:
            self._cycle(name)
            return
        self.open.append(name)
        self._declare(name, decl)
        self.open.pop()
        self.done.add(name)

    def need_body(self, name: str) -> None:
        """Make sure that the body of the fun `name`, if it has a sound one, is elaborated."""
        decl = self.pending.get(name)
        if isinstance(decl, s.FunDecl) and name not in self.bodies and name not in self.guilty:
            self.bodies.add(name)
            self.need(name)
            if name in self.context.signatures:
                define(self.context, decl)

    def _cycle(self, name: str) -> None:
        path = self.open[self.open.index(name) :]
        turn = path.index(min(path, key=lambda n: self.context.declared[n][1].start))
        path = path[turn:] + path[:turn]
        name = path[0]
        trail = " -> ".join([*path, name])
        place = self.context.declared[name][1]
        self.context.report(
            "cycle",
            "these declarations wait for each other" if len(path) > 1 else f"`{name}` waits for itself",
            place,
            trail,
            windows=tuple(Window(self.context.declared[n][1], "waits for the next") for n in path[1:]),
        )
        for each in path:
            kind = self.context.declared[each][0]
            if kind == "type":
                self.context.types[each] = t.WRONG
            elif kind == "param":
                self.context.param_types[each] = t.WRONG
                self.context.failed_params.add(each)

    def _declare(self, name: str, decl: s.Decl) -> None:
        context = self.context
        match decl:
            case s.TypeDecl():
                found = self._type(decl)
                context.types.setdefault(name, found)
            case s.ParamDecl():
                self._param(decl)
            case s.PlayerDecl(seats=seats):
                for seat in seats:
                    if seat.name.text == name:
                        context.players[name] = self._seat_index(seat)
            case s.FunDecl():
                if is_generic(decl):
                    context.generic[name] = decl
                else:
                    context.signatures[name] = signature(Scope(context), decl)

    def labels(self) -> None:
        """Enumerations first of all: their labels may be used before their types are named."""
        for decl in self.pending.values():
            if isinstance(decl, s.TypeDecl) and isinstance(decl.body, tuple):
                self.need(decl.name.text)

    def _type(self, decl: s.TypeDecl) -> t.Type:
        context, name = self.context, decl.name.text
        if isinstance(decl.body, tuple):
            return self._enumeration(decl, decl.body)
        found = resolve(Scope(context), decl.body)
        match found:
            case t.Num(alias=""):
                return t.Num(
                    found.dimension, found.lower, found.upper, found.points, found.integral, found.unit, alias=name
                )
            case t.Record(alias=""):
                return t.Record(found.fields, alias=name)
        return found

    def _enumeration(self, decl: s.TypeDecl, variants: tuple[s.Name, ...]) -> t.Type:
        context = self.context
        seen: dict[str, s.Name] = {}
        for each in variants:
            if each.text in TAKEN:
                context.report(
                    "taken-name",
                    f"`{each.text}` already means something",
                    each.at,
                    "a word that every text has",
                    help="choose another label",
                )
            elif each.text in seen:
                context.report(
                    "duplicate-name",
                    f"`{decl.name.text}` has the label `{each.text}` twice",
                    each.at,
                    "again here",
                    windows=(Window(seen[each.text].at, "first here"),),
                )
            elif each.text in context.declared:
                kind, place = context.declared[each.text]
                context.report(
                    "duplicate-name",
                    f"`{each.text}` is a label here and a {kind} elsewhere",
                    each.at,
                    "a label",
                    windows=(Window(place, f"a {kind}"),),
                    help="give one of them another name",
                )
            seen.setdefault(each.text, each)
        found = t.Enum(decl.name.text, tuple(seen))
        for label in seen:
            context.labels.setdefault(label, []).append(found)
        return found

    def _seat_index(self, seat: s.SeatDecl) -> tuple[t.Type, ...]:
        found = []
        for each in seat.index:
            kind = resolve(Scope(self.context), each)
            if not t.is_wrong(kind) and (isinstance(kind, t.Player) or size(t.space(kind)) is None):
                self.context.report(
                    "infinite-index", f"a player is indexed by finite types, not by {t.describe(kind)}", each.at, "not finite"
                )
                kind = t.WRONG
            found.append(kind)
        return tuple(found)

    def _param(self, decl: s.ParamDecl) -> None:
        context, name = self.context, decl.name.text
        scope = Scope(context)
        kind = resolve(scope, decl.type)
        if isinstance(kind, t.Player):
            context.report("type-mismatch", "a player cannot be a param", decl.type.at, "not a set of values")
            kind = t.WRONG
        if name in context.param_types:  # part of a cycle already reported
            return
        context.param_types[name] = kind
        if t.is_wrong(kind):
            return
        space = t.space(kind)
        value: Any = None
        if decl.value is not None:
            value = self._default(scope, decl, kind)
            if value is None:
                context.failed_params.add(name)
        if name in context.supplied:
            value = context.supplied[name]
            if not contains(space, value) or not _whole(value, kind):
                context.report(
                    "bad-param-value",
                    f"the value supplied for `{name}` is not {t.describe(kind)}",
                    decl.name.at,
                    f"declared as {t.describe(kind)}",
                )
                value = None
                context.failed_params.add(name)
            else:
                context.failed_params.discard(name)
        context.params[name] = p.ParamDecl(name, space, value, at=decl.name.at, index_names=index_names(kind))

    def _default(self, scope: Scope, decl: s.ParamDecl, kind: t.Type) -> Any:
        assert decl.value is not None
        if isinstance(decl.value, s.TableExpr):
            if not isinstance(kind, t.Family):
                self.context.report(
                    "table-head", f"a table fills a family, and `{decl.name.text}` is {t.describe(kind)}", decl.value.at, "a table"
                )
                return None
            names = tuple(_index_name(k, i) for i, k in enumerate(kind.index))
            term = family(scope, decl.value, kind, names)
        else:
            term = want(scope, decl.value, kind, f"`{decl.name.text}`", decl.type.at)
        if term is None or term is WRONG.term:
            return None
        return constant(scope, term, decl.value.at)



def _whole(value: Any, kind: t.Type) -> bool:
    return not (isinstance(kind, t.Num) and kind.integral) or Fraction(value).denominator == 1


def _index_name(kind: t.Type, position: int) -> str:
    return _type_name(kind) or f"index{position + 1}"


def index_names(kind: t.Type) -> tuple[str, ...]:
    """What the types of a family's indices are called, `""` for one without a name."""
    return tuple(_type_name(k) for k in kind.index) if isinstance(kind, t.Family) else ()


def _type_name(kind: t.Type) -> str:
    """What a type is called, `""` if it has no name."""
    match kind:
        case t.Enum(name=name) | t.Num(alias=name) | t.Record(alias=name) if name:
            return name
        case t.Bool():
            return "bool"
    return ""


# ---------------------------------------------------------------------------- funs


def called(decl: s.FunDecl) -> set[str]:
    """The names that the body of a fun may call: all it mentions but its own inputs."""
    return mentions(decl.body) - {f.name.text for f in decl.inputs} - {x.name.text for x in decl.statics}


def check_recursion(context: Context, funs: dict[str, s.FunDecl]) -> set[str]:
    """The funs that call themselves, directly or in a circle; each circle is reported once."""
    calls = {name: [n for n in sorted(called(decl)) if n in funs] for name, decl in funs.items()}
    state: dict[str, int] = {}
    guilty: set[str] = set()
    for start in funs:
        if start in state:
            continue
        stack: list[tuple[str, int]] = [(start, 0)]
        path: list[str] = []
        while stack:
            name, turn = stack.pop()
            if turn == 0:
                state[name] = 1
                path.append(name)
            following = calls[name][turn:] if turn < len(calls[name]) else []
            if not following:
                state[name] = 2
                path.pop()
                continue
            stack.append((name, turn + 1))
            nxt = following[0]
            if state.get(nxt) == 1:
                circle = path[path.index(nxt) :]
                if not guilty & set(circle):
                    trail = " -> ".join([*circle, nxt])
                    context.report(
                        "recursive",
                        f"`{nxt}` calls itself",
                        funs[nxt].name.at,
                        trail,
                        notes=("the language has no recursion, so that everything in it ends",),
                        help="aggregate over a range: `sum(... for k in 1..n)`, or carry a wire through a loop",
                    )
                guilty |= set(circle)
            elif nxt not in state:
                stack.append((nxt, 0))
    return guilty


def signature(scope: Scope, decl: s.FunDecl) -> Signature:
    """The inputs and the output of a fun. scope: knows the types that its statics stand for."""
    inputs: list[tuple[str, t.Type]] = []
    places: list[s.Span] = []
    statics = [x for x in decl.statics if not is_type(x)]
    for name, kind in [(x.name, x.type) for x in statics] + [(f.name, f.type) for f in decl.inputs]:
        if any(n == name.text for n, _ in inputs):
            scope.context.report("duplicate-name", f"two inputs are called `{name.text}`", name.at, "again here")
            continue
        found = resolve(scope, kind)
        if isinstance(found, t.Player):
            scope.context.report("type-mismatch", "a fun knows no players", kind.at, "not a set of values")
            found = t.WRONG
        inputs.append((name.text, found))
        places.append(name.at.to(kind.at))
    return Signature(tuple(inputs), values_of(scope, decl.output), len(statics), tuple(places))


def define(context: Context, decl: s.FunDecl, called: str = "", around: Scope | None = None) -> None:
    """Elaborate the body of a fun into the context. called, around: the name and the types of one over types."""
    fun = called or decl.name.text
    signature = context.signatures[fun]
    if t.is_wrong(signature.output, *(k for _, k in signature.inputs)):
        return
    scope = Scope(context, around)
    places = [x.name for x in decl.statics if not is_type(x)] + [f.name for f in decl.inputs]
    for name, (_, kind) in zip(places, signature.inputs, strict=False):
        scope.bind(name, Typed(Var(name.text), kind))
    if isinstance(decl.body, s.TableExpr):
        body = select(scope, decl.body, Shape(signature.inputs, signature.output, False, decl.name.at))
        if body is None:
            return
    else:
        body = want(scope, decl.body, signature.output, f"the result of `{decl.name.text}`", decl.output.at)
    ports = tuple(Port(n, t.space(k)) for n, k in signature.inputs)
    context.funs[fun] = p.Fun(fun, ports, t.space(signature.output), body, at=decl.name.at)
