"""Whether a state space is linear with normal noise: what a Kalman filter takes.

Every wire that depends on a draw must be a sum of multiples of such wires, with factors that are known beforehand, and every
draw normal with a known deviation. What is not is refused (`unsuited-filter`) with the term that bends it.
"""

from __future__ import annotations

from collections.abc import Iterable

from opengames.diagnostics import Refusal, refuse
from opengames.diagram import Branch, Compute, Diagram, Draw, Loop, binds, needs
from opengames.program import Program
from opengames.show import show_space
from opengames.solvers.recognition.shape import StateSpace
from opengames.spaces import Family, Reals, Record, Space
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
    Pack,
    Param,
    Prim,
    Select,
    Tabulate,
    Term,
    Uniform,
    Var,
    Weighted,
    children,
)

HELP = "recognise `by enkf` or `by particle`, which take any channel that can be run"


def check_linear(program: Program, space: StateSpace) -> None:
    """Refuse a state space that is not linear with normal noise, naming the first term that is not."""
    kept = {p.name for p in space.kept}
    inits = [c.init for c in space.loop.carry]
    drawn = _Linear(program).diagram(space.before, frozenset(), [*inits, *kept])
    carried = {c.name for c in space.loop.carry if c.init in drawn or c.next in space.latent}
    wanted = [*(c.next for c in space.loop.carry), *(s.wire for s in space.sought if s.every), *(s.wire for s in space.seen)]
    _Linear(program).diagram(space.loop.body, frozenset(kept | carried), wanted)


class _Linear:
    """Which wires are linear in the state; raises for one that is neither linear nor known."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.said = ""

    def diagram(self, diagram: Diagram, state: frozenset[str], wanted: Iterable[str]) -> frozenset[str]:
        """The wires that depend on the state or a draw, of those that the wanted ones need."""
        used = set(wanted)
        for box in reversed(diagram.boxes):
            if used & {p.name for p in binds(box)}:
                used |= needs(box)
        found = set(state)
        for box in diagram.boxes:
            names = {p.name for p in binds(box)}
            if names & used and self._box(box, frozenset(found), used):
                found |= names
        return frozenset(found)

    def _box(self, box: object, state: frozenset[str], used: set[str]) -> bool:
        match box:
            case Compute(out=out, term=term):
                self.said = out.name
                return self.term(term, state)
            case Draw(out=out, kernel=kernel, at=at):
                self.said = out.name
                self._draw(kernel, state, at)
                if bounded := _bounded(out.space):
                    raise self._bent(f"is drawn within {show_space(bounded)}, and a normal distribution has no bounds", at)
                return True
            case Loop(body=body, carry=carry, captured=captured):
                inner = {n for n in captured if n in state} | {c.name for c in carry if c.init in state}
                while True:
                    found = self.diagram(body, frozenset(inner), [p.name for p in body.outputs])
                    grown = inner | {c.name for c in carry if c.next in found}
                    if grown == inner:
                        return bool(found & {p.name for p in body.outputs})
                    inner = grown
            case Branch(subject=subject, arms=arms, captured=captured, outs=outs, at=at):
                if subject in state:
                    self.said = outs[0].name if outs else subject
                    raise self._bent("is chosen by what depends on the state", at)
                inside = frozenset(n for n in captured if n in state)
                parts = [self.diagram(arm.body, inside, [p.name for p in arm.body.outputs]) for arm in arms]
                return any(part & {p.name for p in arm.body.outputs} for part, arm in zip(parts, arms, strict=True))
        raise TypeError(f"not a box of a channel: {box!r}")

    def _draw(self, kernel: Term, state: frozenset[str], at: Span | None) -> None:
        match kernel:
            case Normal(mean=mean, deviation=deviation):
                self.term(mean, state)
                if self.term(deviation, state):
                    raise self._bent("has noise whose deviation depends on the state", deviation.at or at)
            case If(test=test, then=a, other=b):
                if self.term(test, state):
                    raise self._bent("has noise that is chosen by the state", test.at or at)
                self._draw(a, state, at)
                self._draw(b, state, at)
            case Select(keys=keys, cells=cells):
                if self._any(keys, state):
                    raise self._bent("has noise that is chosen by the state", kernel.at or at)
                for cell in cells:
                    self._draw(cell, state, at)
            case Weighted() | Uniform():
                raise self._bent("is not drawn from a normal distribution", kernel.at or at)

    def term(self, term: Term, state: frozenset[str]) -> bool:
        """Whether the term depends on the state, and then linearly; raises if otherwise."""
        match term:
            case Const() | Param():
                return False
            case Var(name=name):
                return name in state
            case Prim(op=op, args=args):
                return self._prim(term, op, [self.term(a, state) for a in args])
            case Apply(fun=name, args=args):
                flags = [self.term(a, state) for a in args]
                fun = self.program.funs[name]
                return self.term(fun.body, frozenset(p.name for p, f in zip(fun.inputs, flags, strict=True) if f))
            case If(test=test, then=then, other=other):
                if self.term(test, state):
                    raise self._bent("is chosen by what depends on the state", test.at or term.at)
                return self.term(then, state) | self.term(other, state)
            case Select(keys=keys) | At(keys=keys):
                if self._any(keys, state):
                    raise self._bent("is looked up by what depends on the state", term.at)
                rest = term.cells if isinstance(term, Select) else (term.family,)
                return self._any(rest, state)
            case Pack() | Get() | Tabulate():
                return self._any(children(term), state)
            case Fold(op=op, body=body, where=where):
                if where is not None and self.term(where, state):
                    raise self._bent("adds up what is chosen by the state", where.at or term.at)
                linear = self.term(body, state)
                if linear and op != "sum":
                    raise self._bent(f"takes the `{op}` of what depends on the state", term.at)
                return linear
            case Member(value=value):
                if self.term(value, state):
                    raise self._bent("asks where the state lies", term.at)
                return False
            case Check(value=value, space=space):
                linear = self.term(value, state)
                if linear and (bounded := _bounded(space)):
                    raise self._bent(f"must lie in {show_space(bounded)}, and a normal distribution has no bounds", term.at)
                return linear
        raise TypeError(f"not a value: {term!r}")

    def _any(self, terms: Iterable[Term], state: frozenset[str]) -> bool:
        """Whether one of the terms depends on the state; all are looked at."""
        found = [self.term(t, state) for t in terms]
        return any(found)

    def _prim(self, term: Prim, op: str, flags: list[bool]) -> bool:
        if not any(flags):
            return False
        if op in ("+", "-", "neg") or (op == "*" and not all(flags)) or (op == "/" and not flags[1]):
            return True
        what = {"*": "multiplies the state by the state", "/": "divides by what depends on the state"}.get(op)
        raise self._bent(what or f"takes `{op}` of what depends on the state", term.at)

    def _bent(self, how: str, at: Span | None) -> Refusal:
        name = next((part for part in self.said.replace("'", " ").split(" ") if part), self.said)
        return refuse("unsuited-filter", f"`{name}` {how}: a Kalman filter takes linear channels with normal noise", span=at, help=HELP)


def _bounded(space: Space) -> Space | None:
    """The first part of a space in which a number cannot be anything; `None` if all of them can."""
    match space:
        case Record(fields=fields):
            return next((b for _, s in fields if (b := _bounded(s))), None)
        case Family(item=item):
            return _bounded(item)
        case Reals(lower=None, upper=None, whole=False):
            return None
    return space
