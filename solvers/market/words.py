"""Events as text: the language's own expressions over the wires of a channel, `binds and not (load == High)`.

The text is parsed and checked by the language itself, so that names, labels, units, funs and params mean what they mean
in the model, and mistakes are reported as everywhere else. A term becomes an `Event`: `and`, `or`, `not`, comparisons and
`ind(a) + ind(b) + ... >= k` keep their shape (and so may be wide); anything else is listed over its few variables.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

from opengames.diagnostics import Diagnostic, Refusal, errors, refuse
from opengames.evaluate import compile_term
from opengames.program import Fun
from opengames.solvers.market.events import (
    ALWAYS,
    NEVER,
    Compares,
    Event,
    Is,
    Not,
    Truth,
    all_of,
    any_of,
    at_least,
)
from opengames.solvers.market.families import by_element
from opengames.spaces import contains
from opengames.spans import Span
from opengames.terms import Ask, Const, Member, Prim, Term, Var, children, free

if TYPE_CHECKING:
    from opengames.dsl.context import Context, Typed
    from opengames.dsl.types import Type

#: The most combinations of values over which a term without a known shape is listed.
LISTED = 4096
_BEFORE = "query event = P("
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


class EventRefusal(Refusal):
    """An event's text is wrong; `sources` has the text that the places point into."""

    def __init__(self, diagnostics: Sequence[Diagnostic], sources: Mapping[str, str]) -> None:
        super().__init__(*diagnostics)
        self.sources = dict(sources)


@dataclass(frozen=True, eq=False)
class Words:
    """What an event's text may mention.

    values: of each variable. wires: the types of the names that stand for variables. names: the variable that a wire is,
    where it is called differently. context: of the model's text, with its types, funs, params and units. families: for a
    wire that is a family, the variable that each element is. left_out: wires of the channel that no event can mention.
    """

    values: Mapping[str, tuple[Any, ...]]
    wires: Mapping[str, Type]
    names: Mapping[str, str] = field(default_factory=dict)
    funs: Mapping[str, Fun] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    context: Context | None = None
    families: Mapping[str, Mapping[tuple[Any, ...], str]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    @cached_property
    def locals(self) -> dict[str, Typed]:
        """The wires as a scope of the language holds them."""
        from opengames.dsl.context import Typed

        return {name: Typed(Var(name), kind) for name, kind in self.wires.items()}

    @cached_property
    def labels(self) -> dict[str, list[Any]]:
        """The labels of the model's types, and those of variables that no type of it has."""
        from opengames.dsl import types as t

        labels: dict[str, list[Any]] = {}
        if self.context is not None:
            labels = {label: list(kinds) for label, kinds in self.context.labels.items()}
        for kind in self.wires.values():
            if isinstance(kind, t.Enum):
                for label in kind.labels:
                    kinds = labels.setdefault(label, [])
                    if kind not in kinds:
                        kinds.append(kind)
        return labels

    def parse(self, text: str) -> tuple[Event, Event | None]:
        """The event and, of `event | condition`, the condition. Raises `EventRefusal` with the language's diagnostics."""
        return _parse(self, " ".join(text.split()))

    def of_term(self, term: Term, text: str = "") -> Event:
        """The event that a Boolean term over wires describes. Raises `Refusal` (`over-budget`, `unknown-name`)."""
        inner = next(iter(_asks(term)), None)
        if inner is not None:
            raise Refusal(_nested(inner))
        return _Reader(self, text).event(term)

    def adding(self, variable: str, values: tuple[Any, ...]) -> Words:
        """The words when there is one more variable."""
        return replace(
            self, values={**self.values, variable: values}, wires={**self.wires, variable: type_of(variable, values)}
        )


def words_for(
    values: Mapping[str, tuple[Any, ...]], families: Mapping[str, Mapping[tuple[Any, ...], str]] | None = None
) -> Words:
    """Words for variables that have no text behind them: their values are labels, Booleans or numbers."""
    from opengames.dsl import types as t

    wires = {name: type_of(name, found) for name, found in values.items()}
    for wire, found in (families or {}).items():
        index = tuple(type_of(wire, tuple(dict.fromkeys(column))) for column in zip(*found, strict=True))
        wires[wire] = t.family(index, wires[next(iter(found.values()))])
    return Words(values, wires, families=families or {})


def type_of(name: str, values: tuple[Any, ...]) -> Type:
    """The type whose members are `values`."""
    from opengames.dsl import types as t

    if all(isinstance(v, bool) for v in values):
        return t.BOOL
    if all(isinstance(v, str) for v in values):
        return t.Enum(f"the values of {name}", tuple(values))
    if all(isinstance(v, Fraction | int) for v in values):
        return t.grid([Fraction(v) for v in values], t.REAL)
    return t.WRONG


@lru_cache(maxsize=4096)
def _parse(words: Words, text: str) -> tuple[Event, Event | None]:
    from opengames.dsl import types as t
    from opengames.dsl.check import check  # noqa: F401  it registers the rules of inference
    from opengames.dsl.context import Context, Scope
    from opengames.dsl.infer import infer
    from opengames.dsl.parser import parse
    from opengames.dsl.syntax import QuestionDecl

    whole = f"{_BEFORE}{text}\n)"
    parsed = parse(whole, "event")
    wrong = errors(parsed.diagnostics)
    decl = parsed.file.declarations[0] if parsed.file and len(parsed.file.declarations) == 1 else None
    if wrong or not isinstance(decl, QuestionDecl):
        raise EventRefusal([_moved(d, len(text)) for d in wrong] or [_odd(text)], {"event": text})
    context = copy.copy(words.context) if words.context is not None else Context(whole)
    context.text, context.diagnostics, context.told = whole, [], set()
    context.labels = words.labels
    scope = Scope(context, questions=True)
    scope.locals = words.locals
    found = infer(scope, decl.value)
    wrong = errors(context.diagnostics)
    if wrong or t.is_wrong(found.type) or not isinstance(found.term, Ask):
        raise EventRefusal([_moved(d, len(text)) for d in wrong] or [_odd(text)], {"event": text})
    inner = next((ask for part in found.term.args for ask in _asks(part)), None)
    if inner is not None:
        raise EventRefusal([_moved(_nested(inner), len(text))], {"event": text})
    event, *given = found.term.args
    reader = _Reader(words, text)
    return reader.event(event), all_of(*(reader.event(g) for g in given)) if given else None


def _odd(text: str) -> Diagnostic:
    return Diagnostic(
        "not-an-event", f"`{text}` is not an event", help="write a condition, such as `binds and not (load == High)`"
    )


def _asks(term: Term) -> list[Ask]:
    """The asking words of a term, none of those inside another."""
    return [term] if isinstance(term, Ask) else [ask for part in children(term) for ask in _asks(part)]


def _nested(ask: Ask) -> Diagnostic:
    return Diagnostic(
        "not-an-event", f"`{ask.op}` looks at all worlds, and an event happens in some of them", span=ask.at,
        help="say it of the values themselves, such as `gas > 1`",
    )  # fmt: skip


def _moved(found: Diagnostic, length: int) -> Diagnostic:
    """The diagnostic with its places in the event's own text."""

    def move(span: Span) -> Span:
        if span.file != "event":
            return span
        start = min(max(span.start - len(_BEFORE), 0), length)
        end = min(max(span.end - len(_BEFORE), start), length)
        return Span("event", start, end, 1, start + 1)

    return replace(
        found,
        span=None if found.span is None else move(found.span),
        windows=tuple(w for w in found.windows if w.span.file != "event"),
        edit=None,
    )


class _Reader:
    """Terms read as events."""

    def __init__(self, words: Words, text: str) -> None:
        self.words, self.text = words, text

    def event(self, term: Term) -> Event:
        if self.words.families and not self.words.families.keys().isdisjoint(free(term)):
            term = by_element(term, self.words.families, self.words.funs, self.words.params)
        match term:
            case Const(value=bool(value)):
                return ALWAYS if value else NEVER
            case Var(name=name):
                return Is(self._name(name), (True,))
            case Prim(op="not", args=(part,)):
                inner = self.event(part)
                return inner.part if isinstance(inner, Not) else Not(inner)
            case Prim(op="and", args=args):
                return all_of(*map(self.event, args))
            case Prim(op="or", args=args):
                return any_of(*map(self.event, args))
            case Prim(op="implies", args=(first, second)):
                return any_of(Not(self.event(first)), self.event(second))
            case Prim(op="==", args=(Var(name=name), Const(value=value)) | (Const(value=value), Var(name=name))):
                return Is(self._name(name), (value,))
            case Prim(op="!=", args=(Var(name=name), Const(value=value)) | (Const(value=value), Var(name=name))):
                return Not(Is(self._name(name), (value,)))
            case Prim(op="<" | "<=" | ">" | ">=" as op, args=(Var(name=name), Const(value=Fraction() as bound))):
                return Compares(self._name(name), op, bound)
            case Prim(op="<" | "<=" | ">" | ">=" as op, args=(Const(value=Fraction() as bound), Var(name=name))):
                return Compares(self._name(name), _FLIPPED[op], bound)
            case Prim(op="<" | "<=" | ">" | ">=" | "==" as op, args=(total, Const(value=Fraction() as bound))):
                return self._count(total, op, bound) or self._listed(term)
            case Member(value=Var(name=name), space=space):
                variable = self._name(name)
                return Is(variable, tuple(v for v in self.words.values[variable] if contains(space, v)))
        return self._listed(term)

    def _name(self, wire: str) -> str:
        name = self.words.names.get(wire, wire)
        if name not in self.words.values:
            from opengames.dsl.context import nearest

            close = nearest(wire, self.words.values)
            raise refuse(
                "unknown-name", f"there is no variable `{wire}` in this market",
                help=f"did you mean `{close}`?" if close else "",
            )  # fmt: skip
        return name

    def _count(self, total: Term, op: str, bound: Fraction) -> Event | None:
        """`ind(a) + ind(b) + ...` compared with a number, as a count of events."""
        parts = _indicated(total)
        if parts is None or len(parts) < 2:
            return None
        events = [self.event(p) for p in parts]
        floor, whole = bound.__floor__(), bound.denominator == 1
        more = at_least(floor + 1, *events)
        enough = at_least(floor if whole else floor + 1, *events)
        if op == "==":
            return all_of(enough, Not(more)) if whole else NEVER
        return {">": more, ">=": enough, "<=": Not(more), "<": Not(enough)}[op]

    def _listed(self, term: Term) -> Event:
        wires = sorted(free(term))
        names = [self._name(w) for w in wires]
        supports = [self.words.values[n] for n in names]
        if prod(map(len, supports)) > LISTED:
            count = prod(map(len, supports))
            raise refuse(
                "over-budget", f"the event takes {len(names)} variables together: {count} combinations",
                span=getattr(term, "at", None) if not self.text else None, notes=(f"the limit is {LISTED}",),
                help="say it with `and`, `or`, `not` and `ind(a) + ind(b) + ... >= k`, which need no such table",
            )  # fmt: skip
        code = compile_term(term, self.words.funs, self.words.params)
        rows = [row for row in product(*supports) if code(dict(zip(wires, row, strict=True)))]
        if len(names) == 1:
            return Is(names[0], tuple(r[0] for r in rows))
        return Truth(tuple(names), tuple(rows), self.text) if names else (ALWAYS if rows else NEVER)


def _indicated(term: Term) -> list[Term] | None:
    """The events of a sum of `ind`s."""
    match term:
        case Prim(op="ind", args=(event,)):
            return [event]
        case Prim(op="+", args=(first, second)):
            left, right = _indicated(first), _indicated(second)
            return None if left is None or right is None else left + right
    return None


__all__ = ["LISTED", "EventRefusal", "Words", "type_of", "words_for"]
