"""What the checker knows: declarations by name, and the scope in which an expression stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from itertools import count
from typing import Any

from opengames import program as p
from opengames.diagnostics import Diagnostic, Edit, Refusal, Window
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.units import BUILTIN, Unit
from opengames.plain import dataclass, field
from opengames.spans import Span
from opengames.terms import Apply, Const, Param, Term, children

#: A text may hold this many diagnostics before the checker stops looking.
MAX_DIAGNOSTICS = 200


@dataclass(frozen=True, slots=True)
class Typed:
    """A term and its type. kernel: the term is of distribution kind, over values of `type`.

    over: of a question whose answer is a distribution, the type of the values that it distributes.
    """

    term: Term
    type: t.Type
    kernel: bool = False
    over: t.Type | None = None


#: Told by identity: its term equals `false` and zero, and is neither.
WRONG = Typed(Const(False), t.WRONG)


@dataclass(frozen=True, slots=True)
class Signature:
    """inputs of a fun, its statics first, and where each is declared."""

    inputs: tuple[tuple[str, t.Type], ...]
    output: t.Type
    statics: int = 0
    places: tuple[Span, ...] = ()


@dataclass(slots=True)
class Context:
    """One elaboration of one text (and of the library texts it uses)."""

    text: str
    supplied: Mapping[str, Any] = field(default_factory=dict)
    units: dict[str, Unit] = field(default_factory=lambda: dict(BUILTIN))
    types: dict[str, t.Type] = field(default_factory=dict)
    labels: dict[str, list[t.Enum]] = field(default_factory=dict)
    params: dict[str, p.ParamDecl] = field(default_factory=dict)
    param_types: dict[str, t.Type] = field(default_factory=dict)
    static_params: set[str] = field(default_factory=set)
    failed_params: set[str] = field(default_factory=set)
    players: dict[str, tuple[t.Type, ...]] = field(default_factory=dict)
    signatures: dict[str, Signature] = field(default_factory=dict)
    generic: dict[str, s.FunDecl] = field(default_factory=dict)
    generic_made: dict[tuple[Any, ...], str] = field(default_factory=dict)
    funs: dict[str, p.Fun] = field(default_factory=dict)
    boxes: dict[str, s.ChannelDecl | s.GameDecl] = field(default_factory=dict)
    recognitions: dict[str, s.RecognitionDecl] = field(default_factory=dict)
    strategies: dict[str, s.StrategyDecl] = field(default_factory=dict)
    declared: dict[str, tuple[str, Span]] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    instances: dict[Any, Any] = field(default_factory=dict)
    making: list[str] = field(default_factory=list)
    #: boxes of the diagrams of `instances`, which stay, by identity: a chain of calls is weighed once
    weights: dict[int, int] = field(default_factory=dict)
    compared: dict[Span, t.Num] = field(default_factory=dict)  # the kind of number that a comparison in a claim compares
    told: set[Any] = field(default_factory=set)
    demand: Callable[[str], None] = lambda name: None
    demand_body: Callable[[str], None] = lambda name: None
    _fresh: count[int] = field(default_factory=count)

    def report(self, code: str, headline: str, at: Span | None, label: str = "", **more: Any) -> None:
        """Note a mistake and go on. The same mistake at the same place is noted once."""
        found = Diagnostic(code, headline, at, label, **more)
        key = (code, at, headline)
        if len(self.diagnostics) < MAX_DIAGNOSTICS and key not in self.told:
            self.told.add(key)
            self.diagnostics.append(found)

    def wrong(self, code: str, headline: str, at: Span | None, label: str = "", **more: Any) -> Typed:
        """`report`, as the value of an expression."""
        self.report(code, headline, at, label, **more)
        return WRONG

    def fresh(self, name: str) -> str:
        """A name for a bound variable that no other has; `#` cannot occur in a text's names."""
        return f"{name}#{next(self._fresh)}"

    def constant(self, term: Term) -> Any:
        """The value of a closed term with the params' present values, which become static; raises `Refusal`."""
        from opengames.evaluate import evaluate

        values = {}
        for name in self._params_of(term):
            decl = self.params.get(name)
            if name in self.failed_params:
                raise Refusal()  # its own mistake is reported where it is declared
            if decl is None or decl.value is None:
                raise Refusal(
                    Diagnostic(
                        "param-needs-value",
                        f"`{name}` has no value, and a size or bound depends on it",
                        getattr(term, "at", None),
                        help=f"give it one: `param {name}: ... = 4`, or supply it with the run",
                    )
                )
            self.static_params.add(name)
            values[name] = decl.value
        return evaluate(term, {}, self.funs, values)

    def _params_of(self, term: Term) -> set[str]:
        """The params that a value depends on, through the funs it calls; raises `Refusal` if one of those is wrong."""
        found: set[str] = set()
        done: set[str] = set()
        stack = [term]
        while stack:
            each = stack.pop()
            if isinstance(each, Param):
                found.add(each.name)
            if isinstance(each, Apply) and each.fun not in done:
                done.add(each.fun)
                self.demand_body(each.fun)
                if each.fun not in self.funs:
                    raise Refusal()  # its own mistakes are reported where it is declared
                stack.append(self.funs[each.fun].body)
            stack.extend(children(each))
        return found


class Scope:
    """Where an expression stands: which names it may use.

    questions: `E`, `P`, `equilibrium` and the like may be asked here.
    """

    def __init__(self, context: Context, parent: Scope | None = None, *, questions: bool = False) -> None:
        self.context = context
        self.parent = parent
        self.questions: bool = questions or (parent is not None and parent.questions)
        self.locals: dict[str, Typed] = {}
        self.places: dict[str, Span] = {}
        self.seats: dict[str, Any] = {}
        self.types: dict[str, t.Type] = {}

    def bind(self, name: s.Name, value: Typed) -> None:
        self.locals[name.text] = value
        self.places[name.text] = name.at

    def lookup(self, name: str) -> Typed | None:
        """The local called `name`, here or further out."""
        found = self.locals.get(name)
        if found is not None:
            return found
        return None if self.parent is None else self.parent.lookup(name)

    def seat(self, name: str) -> Any:
        """The seat that the static player `name` stands for here, if it is one."""
        if name in self.seats:
            return self.seats[name]
        return None if self.parent is None else self.parent.seat(name)

    def type(self, name: str) -> t.Type | None:
        """The type that a static stands for here, if it is one."""
        found = self.types.get(name)
        return found if found is not None or self.parent is None else self.parent.type(name)

    def place(self, name: str) -> Span | None:
        """Where `name` was introduced."""
        if name in self.places:
            return self.places[name]
        if self.parent is not None:
            return self.parent.place(name)
        known = self.context.declared.get(name)
        return known[1] if known is not None else None

    def names(self) -> list[str]:
        """The local names visible here, inner first."""
        return list(self.locals) + ([] if self.parent is None else self.parent.names())

    def inner(self) -> Scope:
        return Scope(self.context, self)

    def dual(self, rule: str) -> Typed | None:
        """The wire of the multiplier of a rule called `rule`, where one is in scope."""
        return None if self.parent is None else self.parent.dual(rule)

    def rules(self) -> list[str]:
        """The rules in scope whose multipliers may be asked for."""
        return [] if self.parent is None else self.parent.rules()

    def unknown(self, name: str) -> str:
        """Why `name` may be missing here, in words, if the scope knows more than its absence."""
        return "" if self.parent is None else self.parent.unknown(name)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`: a few letters off, or the same letters in another order or case."""
    from difflib import get_close_matches

    names = [k for k in known if not k.startswith("_")]
    close = get_close_matches(name, names, 3, 0.7)
    if close:
        return next((k for k in close if k[0] == name[0]), close[0])
    letters = sorted(name.lower())
    jumbled = next((k for k in names if sorted(k.lower()) == letters), None)
    if jumbled is not None or len(name) < 3:
        return jumbled
    alike = [k for k in names if k[:1].lower() == name[0].lower() and len(k) > 2 and abs(len(k) - len(name)) <= 2]
    return next(iter(get_close_matches(name, alike, 1, 0.6)), None)


def rename(at: Span, to: str) -> Edit:
    return Edit(at, to)


def origin(scope: Scope, expr: Any, words: str) -> tuple[Window, ...]:
    """A window on the declaration of a name used as an expression."""
    if isinstance(expr, s.Ident):
        place = scope.place(expr.name)
        if place is not None and place != expr.at:
            return (Window(place, words),)
    return ()


def rational(value: Any) -> Fraction | None:
    """An exact number, if that is what a constant is."""
    if isinstance(value, bool) or not isinstance(value, (int, Fraction)):
        return None
    return Fraction(value)


def as_constant(typed: Typed) -> Any:
    """The value of a literal constant term, else `None`."""
    return typed.term.value if isinstance(typed.term, Const) else None


def source(scope: Scope, node: s.Expr, limit: int = 48) -> str:
    """The author's own words for an expression, cut to one short line."""
    text = " ".join(scope.context.text[node.at.start : node.at.end].split()) if node.at is not None else ""
    return text if len(text) <= limit else text[: limit - 1] + "…"
