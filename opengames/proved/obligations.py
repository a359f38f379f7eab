"""What a text promises of its values, and how each promise is discharged: by interval arithmetic, by z3, or only
while playing.

An *obligation* is a place where a value must lie in a declared type, or a term must have a value at all. Of a
fun it is owed for all inputs in their types, of a channel or game in every play. The bounds of what is computed
may show it at once (interval arithmetic); else z3 looks for a case that breaks it; where there is one, or none
is found nor ruled out in time, the value is looked at whenever one is played, and a play that breaks the
promise is refused there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import z3

from opengames.cases import Undecided, parts, written
from opengames.diagnostics import Refusal
from opengames.diagram import Compute, Diagram, Draw, walk
from opengames.program import Fun, Program
from opengames.proved import values as v
from opengames.proved.plays import play
from opengames.proved.solve import Clock, satisfy
from opengames.proved.translate import Obligation, Scope, Translator
from opengames.show import show, show_space
from opengames.spaces import Family, Reals, Space
from opengames.spans import Span
from opengames.terms import Check, Term

INTERVALS, PROVED, PLAYING = "interval arithmetic", "z3", "while playing"
SECONDS = 2
"""That z3 takes over one obligation."""
_SHOWN = 4


@dataclass(frozen=True)
class Duty:
    """One obligation. where: `fun guard`. what: a sentence's subject, such as "the result of `guard` in [0, 1]". by:
    one of `INTERVALS`, `PROVED`, `PLAYING`. why: of the last, in words.
    """

    where: str
    what: str
    by: str
    at: Span | None
    why: str = ""

    def to_dict(self) -> dict[str, Any]:
        place = None if self.at is None else {"file": self.at.file, "line": self.at.line, "column": self.at.column}
        return {"where": self.where, "what": self.what, "by": self.by, "why": self.why, "at": place}


def obligations(program: Program, seconds: float = SECONDS) -> tuple[Duty, ...]:
    """Every obligation of a program, in the order of the text's funs, then of its channels and games."""
    params = program.param_values()
    found: list[Duty] = []
    for fun in program.funs.values():
        found += _Owed(program, params, f"fun {fun.name}", seconds).of_fun(fun)
    for name, diagram in program.diagrams.items():
        kind = program.kinds.get(name, "game")
        found += _Owed(program, params, f"{kind} {name}", seconds).of_diagram(diagram)
    return tuple(dict.fromkeys(found))


@dataclass
class _Owed:
    """The obligations of one fun, channel or game."""

    program: Program
    params: Mapping[str, Any]
    where: str
    seconds: float

    def of_fun(self, fun: Fun) -> Iterator[Duty]:
        checks = [t for t in parts(fun.body) if isinstance(t, Check)]
        own = f"the result of `{fun.name}`"
        if _is_bounded(fun.output) and not any(c.what == own for c in checks):
            yield Duty(self.where, f"{own} in {show_space(fun.output)}", INTERVALS, fun.at)
        tr = self._translator()
        opened: dict[str, Any] = {}

        def translate() -> None:
            opened.update({p.name: tr.open(p.name, p.space) for p in fun.inputs})
            tr.value(fun.body, Scope(dict(opened), {p.name: p.space for p in fun.inputs}))

        spaces = {p.name: p.space for p in fun.inputs}
        yield from self._settled(tr, checks, translate, lambda: [(n, x, spaces[n]) for n, x in opened.items()])

    def of_diagram(self, diagram: Diagram) -> Iterator[Duty]:
        checks: list[Check] = []
        for _, box in walk(diagram):
            if isinstance(box, Compute | Draw):
                term: Term = box.term if isinstance(box, Compute) else box.kernel
                checks += [t for t in parts(term) if isinstance(t, Check)]
        said = {c.what for c in checks}
        for port in diagram.outputs:
            what = f"`{written(port.name).rstrip(chr(39))}`"
            if _is_bounded(port.space) and what not in said:
                yield Duty(self.where, f"{what} in {_item(port.space)}", INTERVALS, port.at or diagram.at)
        tr = self._translator()
        made: list[Any] = []
        yield from self._settled(
            tr, checks, lambda: made.append(play(tr, diagram)),
            lambda: [(c.name, c.value, c.space) for c in made[0].choices] if made else [],
        )  # fmt: skip

    def _translator(self) -> Translator:
        return Translator(self.program.funs, self.params, Clock.start(2 * self.seconds).deadline)

    def _settled(self, tr: Translator, checks: list[Check], translate: Any, choices: Any) -> Iterator[Duty]:
        """What is known of the checks written here, and of what else is owed and could not be shown."""
        try:
            translate()
        except (Undecided, Refusal, ValueError, z3.Z3Exception, RecursionError) as lacking:
            said = "its values could not be followed" if isinstance(lacking, RecursionError) else str(lacking).split("\n")[0]
            for each in checks:
                yield Duty(self.where, _words(each), PLAYING, each.at, said)
            return
        owed: dict[tuple[Span | None, str], list[Obligation]] = {}
        for duty in tr.obligations:
            owed.setdefault((duty.at, duty.what), []).append(duty)
        for each in checks:
            mine = [d for (at, _), ds in owed.items() if at == each.at for d in ds]
            yield self._decided(tr, _words(each), each.at, mine, choices()) if mine else Duty(
                self.where, _words(each), INTERVALS, each.at
            )
        here = {each.at for each in checks} | self._elsewhere()
        for (at, what), duties in owed.items():
            if at not in here:
                yield self._decided(tr, f"never: {what}", at, duties, choices())

    def _elsewhere(self) -> set[Span | None]:
        """Places inside funs, which are told with the funs, unless this is one."""
        if self.where.startswith("fun "):
            name = self.where.removeprefix("fun ")
            others = [f for f in self.program.funs.values() if f.name != name]
        else:
            others = list(self.program.funs.values())
        return {getattr(t, "at", None) for f in others for t in parts(f.body)}

    def _decided(self, tr: Translator, what: str, at: Span | None, duties: list[Obligation], choices: Any) -> Duty:
        broken = v.disj(d.broken() for d in duties)
        if broken is False:
            return Duty(self.where, what, INTERVALS, at)
        reply = satisfy(tr.complete(broken), Clock.start(self.seconds))
        if reply.status == "unsat":
            return Duty(self.where, what, PROVED, at)
        if reply.status == "unknown":
            return Duty(self.where, what, PLAYING, at, reply.why)
        values = [(n, v.read(reply.model, x, tr.labels), s) for n, x, s in choices]
        shown = ", ".join(f"{n} = {show(x, s)}" for n, x, s in values[:_SHOWN])
        more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
        may = "may be" if tr.contracts else "is"
        return Duty(self.where, what, PLAYING, at, f"it {may} broken where {shown}{more}" if shown else f"it {may} broken")


def _words(check: Check) -> str:
    return f"{check.what or 'a value'} in {show_space(check.space)}"


def _is_bounded(space: Space) -> bool:
    item = space.item if isinstance(space, Family) else space
    return isinstance(item, Reals) and not (item.lower is None and item.upper is None and not item.whole)


def _item(space: Space) -> str:
    return show_space(space.item if isinstance(space, Family) else space)


__all__ = ["INTERVALS", "PLAYING", "PROVED", "SECONDS", "Duty", "obligations"]
