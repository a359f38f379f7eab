"""The worlds that tickets are about: named variables over finite spaces, less what cannot happen.

What cannot happen is told in two ways: by logical constraints (`such_that`), or by a channel, of which only the
support counts and not the chances: coherence is about what is possible, whoever thinks it how likely.

Events are terms over the variables, or text in the language, which its own checker reads: types, units and unknown
names are refused in its words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import prod
from typing import Any

from opengames.diagnostics import Refusal, errors, refuse
from opengames.diagram import Diagram, wires
from opengames.flatten import flatten
from opengames.program import Program
from opengames.show import show_space
from opengames.solvers.coherence.quotes import Quote
from opengames.spaces import BOOL, Bool, Enum, Grid, Space, is_finite, size
from opengames.terms import Ask, Term, free

Kind = type | Space | Sequence[Any]


@dataclass(frozen=True)
class Worlds:
    """Variables, and what is possible of them.

    wires: names with their spaces. such_that: terms that hold in every world. program: its funs and params are
    known to terms. channel: the diagram in `program` whose support the worlds are; `None` for all combinations.
    text: declares what events written as text may use.
    """

    wires: tuple[tuple[str, Space], ...]
    such_that: tuple[Term, ...] = ()
    program: Program = field(default_factory=Program)
    channel: str | None = None
    text: str = ""

    @property
    def spaces(self) -> dict[str, Space]:
        return dict(self.wires)

    @property
    def params(self) -> dict[str, Any]:
        return self.program.param_values()

    @property
    def diagram(self) -> Diagram | None:
        return None if self.channel is None else self.program.diagrams[self.channel]

    @property
    def free(self) -> bool:
        """Whether every combination of values is a world."""
        return not self.such_that and self.channel is None

    def count(self, names: Iterable[str] | None = None) -> int:
        """How many combinations of values there are, possible or not, of these variables or of all."""
        spaces = self.spaces
        return prod(size(spaces[n]) or 0 for n in (spaces if names is None else names))

    def read(self, quotes: Sequence[Quote], finite: bool = True) -> tuple[Quote, ...]:
        """The quotes with terms for their texts. finite: whether they may only be about wires with finitely many values.

        Raises `Refusal`: what the language refuses, `unknown-wire`, `infinite-range`.
        """
        asked = [
            f"{'E' if q.number else 'P'}({q.event}{'' if q.given is None else f' | {q.given}'})"
            if isinstance(q.event, str)
            else ""
            for q in quotes
        ]
        if any(isinstance(q.event, str) != isinstance(q.given, str) for q in quotes if q.given is not None):
            raise ValueError("an event and its condition are both text, or both terms")
        found = iter(self._asks([(q.name, a) for q, a in zip(quotes, asked, strict=True) if a]))
        read = [replace(q, **_parts(next(found))) if a else q for q, a in zip(quotes, asked, strict=True)]
        for each in read:
            self._known(each.name, finite, *(t for t in (each.event, each.given) if t is not None))
        return tuple(read)

    def event(self, event: Term | str) -> Term:
        """One event as a term."""
        return event if not isinstance(event, str) else self.read([Quote(event, event, None, None, None)])[0].event  # type: ignore[return-value]

    def _known(self, name: str, finite: bool, *terms: Any) -> None:
        spaces = self.spaces
        for term in terms:
            for wire in sorted(free(term)):
                if wire not in spaces:
                    listed = ", ".join(f"`{w}`" for w in list(spaces)[:12])
                    raise refuse("unknown-wire", f"`{name}` is about `{wire}`, which no world has",
                                 notes=(f"worlds have {listed}",))  # fmt: skip
                if finite and not is_finite(spaces[wire]):
                    raise refuse(
                        "infinite-range", f"`{name}` is about `{wire}`, which has infinitely many values",
                        notes=(f"`{wire}` is {show_space(spaces[wire])}",),
                        help="quote events of a finite wire, such as a bucket of it",
                    )  # fmt: skip

    def _asks(self, named: list[tuple[str, str]]) -> list[Ask]:
        """The questions that texts such as `P(rain | wind == Calm)` ask."""
        if not named:
            return []
        if not self.text:
            raise ValueError("these worlds know no text: build them by `Worlds.over` or `Worlds.of`, or give terms")
        from opengames.dsl.check import check

        lines = [f"query quoted_{i}_ = {' '.join(ask.split())} of {self.channel or _ALL}" for i, (_, ask) in enumerate(named)]
        checked = check("\n".join([self.text, *lines]), "quotes", self.params)
        first = self.text.count("\n") + 2
        wrong = [d for d in errors(checked.diagnostics) if d.span is not None and d.span.line >= first]
        if wrong:
            raise Refusal(*(replace(d, span=None, windows=(), edit=None,
                                    headline=f"in the quote on `{named[min(d.span.line - first, len(named) - 1)][0]}`: "
                                    f"{d.headline}") for d in wrong if d.span is not None))  # fmt: skip
        if checked.program is None:
            raise Refusal(*errors(checked.diagnostics))
        found = {q.name: q.term for q in checked.program.questions}
        asks = [found[f"quoted_{i}_"] for i in range(len(named))]
        for (name, _), ask in zip(named, asks, strict=True):
            if not isinstance(ask, Ask) or ask.op not in ("P", "E"):
                raise refuse("not-expressible", f"`{name}` is not a plain event")
        return asks  # type: ignore[return-value]

    @staticmethod
    def over(such_that: Iterable[str | Term] = (), **kinds: Kind) -> Worlds:
        """All combinations of some variables: `Worlds.over(rain=bool, wind=("Calm", "Windy"), price=range(5))`.

        A kind is `bool`, a sequence of labels or of numbers, or a space. such_that: what holds in every world.
        Raises `Refusal` for constraints that nothing satisfies, once the worlds are used.
        """
        spaces = {name: _space(name, kind) for name, kind in kinds.items()}
        text = _declared(spaces)
        program = Program()
        if text:
            program = _program(text, {})
            spaces = dict(wires(program.diagrams[_ALL]))
        found = Worlds(tuple(spaces.items()), (), program, None, text)
        terms = [found.event(c) for c in such_that]
        return replace(found, such_that=tuple(terms))

    @staticmethod
    def of(text: str, channel: str, such_that: Iterable[str] = (), params: Mapping[str, Any] | None = None) -> Worlds:
        """The support of a channel without inputs that a text declares.

        params: values for its params, in the form of `spaces`. Raises `Refusal` if the text is wrong.
        """
        program = _program(text, dict(params or {}))
        if channel not in program.diagrams:
            known = ", ".join(f"`{n}`" for n in program.diagrams)
            raise refuse("unknown-game", f"there is no channel `{channel}`", notes=(f"there are {known}",) if known else ())
        diagram = program.diagrams[channel]
        if diagram.inputs:
            raise refuse("needs-inputs", f"`{channel}` needs a value for its input `{diagram.inputs[0].name}`",
                         help="quote events of a channel without inputs")  # fmt: skip
        flat = flatten(diagram)
        program = replace(program, diagrams={**program.diagrams, channel: flat})
        found = Worlds(tuple(wires(flat).items()), (), program, channel, text)
        return replace(found, such_that=tuple(found.event(c) for c in such_that))


_ALL = "world"


def _program(text: str, params: Mapping[str, Any]) -> Program:
    from opengames.dsl.check import check

    checked = check(text, "worlds", params)
    if checked.program is None:
        raise Refusal(*errors(checked.diagnostics))
    return checked.program


def _parts(ask: Ask) -> dict[str, Any]:
    from opengames.terms import Prim

    event, *evidence = ask.args
    if not evidence:
        return {"event": event, "given": None}
    given = evidence[0]
    for each in evidence[1:]:
        given = Prim("and", (given, each))
    return {"event": event, "given": given}


def _space(name: str, kind: Kind) -> Space:
    if kind is bool:
        return BOOL
    if isinstance(kind, Bool | Enum | Grid):
        return kind
    if isinstance(kind, str | type) or not hasattr(kind, "__iter__"):
        raise TypeError(f"`{name}` needs `bool`, labels, numbers or a finite space, not {kind!r}")
    values = list(kind)
    if values and all(isinstance(v, str) for v in values):
        return Enum(f"{name[:1].upper()}{name[1:]}Kind", tuple(values))
    return Grid(tuple(Fraction(repr(v)) if isinstance(v, float) else Fraction(v) for v in values))


def _declared(spaces: Mapping[str, Space]) -> str:
    """A text with a channel that can make any of the variables anything."""
    types: dict[Space, str] = {BOOL: "bool"}
    lines = []
    for name, space in spaces.items():
        if space in types:
            continue
        types[space] = f"{name[:1].upper()}{name[1:]}Kind" if not isinstance(space, Enum) else space.name
        body = " | ".join(space.labels) if isinstance(space, Enum) else _set(space)
        lines.append(f"type {types[space]} = {body}")
    ports = ", ".join(f"{name}: {types[space]}" for name, space in spaces.items())
    draws = [f"    {name} ~ uniform({types[space]})" for name, space in spaces.items()]
    return "\n".join([*lines, f"channel {_ALL}() -> ({ports}) {{", *draws, "}"])


def _set(space: Space) -> str:
    values = sorted(space.points) if isinstance(space, Grid) else []
    return "{" + ", ".join(f"{v.numerator}/{v.denominator}" if v.denominator != 1 else str(v) for v in values) + "}"


__all__ = ["Kind", "Worlds"]
