"""The wires of a diagram as bindings: each box is read when a rule or the earning first needs what it binds.

Loops are lanes (with a carry, rounds one after the other), calls are opened, arms of branches are read for the lanes that take
them, or weighted by whether they happen where that is a datum. What is drawn, and what others decide, is refused: a clearing knows
its data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from opengames.diagnostics import Refusal
from opengames.diagram import Arm, Box, Branch, Call, Compute, Decide, Diagram, Draw, Loop, binds
from opengames.solvers.clearing.affine_terms import Reader, not_convex
from opengames.solvers.clearing.folds import spread
from opengames.solvers.clearing.frames import Code, Frame, Num, Rec, Sym, Value, joined, lift, relabelled
from opengames.solvers.clearing.scopes import DECIDED, KNOWN, Binding, Scope, refused
from opengames.spaces import Family, Grid, Reals, Space, index_points, index_size
from opengames.spans import Span
from opengames.terms import Const, If, Prim, Select, Tabulate, Term, Var


def level(reader: Reader, diagram: Diagram, frame: Frame, given: Mapping[str, Binding]) -> dict[str, Binding]:
    """Every wire of a diagram inside the one of the decision. given: its inputs and `expects` ports."""
    names = dict(given)
    scope = Scope(names)
    for box in diagram.boxes:
        names.update(bindings(reader, box, scope, frame))
    return names


def bindings(reader: Reader, box: Box, scope: Scope, frame: Frame) -> dict[str, Binding]:
    """What a box binds."""
    match box:
        case Compute(out=out, term=term):
            return {out.name: reader.later(term, scope, frame, out.space)}
        case Draw(out=out, at=at):
            return {out.name: refused(lambda place, name=out.name: _drawn(name, place), out.at or at)}  # type: ignore[misc]
        case Decide(seat=seat, at=at):
            return {
                p.name: refused(lambda place, name=p.name: _other(name, seat.name, place), p.at or at)  # type: ignore[misc]
                for p in binds(box)
            }
        case Call():
            return _call(reader, box, scope, frame)
        case Loop(carry=()):
            return _loop(reader, box, scope, frame)
        case Loop():
            return _carried(reader, box, scope, frame)
        case Branch():
            return _branch(reader, box, scope, frame)
    raise TypeError(f"not a box: {box!r}")


def _drawn(name: str, at: Span | None) -> Refusal:
    return not_convex(
        f"`{name}` is drawn after the decision, or not seen by it", at,
        f"let the decision see it: `seeing {name}`; an expectation is no clearing", "drawn here",
    )  # fmt: skip


def _other(name: str, seat: str, at: Span | None) -> Refusal:
    what = f"the price `{name}`" if name.startswith("dual ") or ".dual " in name else f"`{name}`, which {seat} decides later"
    return not_convex(f"the clearing depends on {what}", at, label="decided here")


def _call(reader: Reader, box: Call, scope: Scope, frame: Frame) -> dict[str, Binding]:
    inner = box.diagram
    given = {p.name: scope_of(scope, a) for p, a in zip(inner.inputs, box.args, strict=True)}
    given.update((p.name, scope_of(scope, a)) for p, a in zip(inner.expects, box.paying, strict=True))
    found: list[dict[str, Binding]] = []

    def inside() -> dict[str, Binding]:
        if not found:
            found.append(level(reader, inner, frame, given))
        return found[0]

    ports = zip(box.outs + box.reports, inner.outputs + inner.reports, strict=True)
    return {wire: _through(inside, port.name) for wire, port in ports}


def scope_of(scope: Scope, name: str) -> Binding:
    """A wire by name, looked up only when it is used: backward wires may be bound later."""
    return _through(lambda: {name: scope.find(name)}, name)


def _through(inside: Callable[[], Mapping[str, Binding]], name: str) -> Binding:
    return Binding(
        lambda: inside()[name].depends, lambda: inside()[name].value, lambda: inside()[name].term,
        lambda: inside()[name].written,
    )  # fmt: skip


def _captured(box: Loop | Branch, body: Diagram, scope: Scope, paying: tuple[str, ...]) -> dict[str, Binding]:
    given = {name: scope_of(scope, name) for name in box.captured}
    given.update((p.name, scope_of(scope, w)) for p, w in zip(body.expects, paying, strict=True))
    return given


def _loop(reader: Reader, box: Loop, scope: Scope, frame: Frame) -> dict[str, Binding]:
    """All rounds side by side."""
    spaces = tuple(s for _, s in box.iters)
    made: list[tuple[Frame, dict[str, Binding], tuple[str, ...]]] = []

    def inside() -> tuple[Frame, dict[str, Binding], tuple[str, ...]]:
        if not made:
            new, names = spread(reader, box.iters, Scope({}), frame)
            lanes = tuple(names.find(n).term.name for n, _ in box.iters)  # type: ignore[union-attr]
            given = {**_captured(box, box.body, scope, box.paying), **{n: names.find(n) for n, _ in box.iters}}
            made.append((new, level(reader, box.body, new, given), lanes))
        return made[0]

    def bind(wire: str) -> Binding:
        def value() -> Value:
            new, names, _ = inside()
            found = names[wire].value
            if isinstance(found, Sym):
                if not _numeric(found.space):
                    space = None if found.space is None else Family(spaces, found.space)
                    return Sym(term(), space, frame)
                found = reader.number(found)
            found = lift(reader.settled(found), new)
            return relabelled(found, frame, index_size(spaces) * found.width)

        def term() -> Term:
            _, names, lanes = inside()
            return Tabulate(tuple(zip(lanes, spaces, strict=True)), names[wire].term)

        return Binding(lambda: inside()[1][wire].depends, value, term)

    return {wire: bind(name) for wire, name in box.outs}


def _numeric(space: Space | None) -> bool:
    return isinstance(space, Reals | Grid)


def _carried(reader: Reader, box: Loop, scope: Scope, frame: Frame) -> dict[str, Binding]:
    """Rounds one after the other, each with what the one before carries to it."""
    spaces = tuple(s for _, s in box.iters)
    rounds: list[dict[str, Binding]] = []
    lasts: dict[str, Binding] = {}
    every = list(index_points(spaces))
    order = list(range(len(every)))[:: -1 if box.reversed else 1]

    def run() -> list[dict[str, Binding]]:
        if not rounds:
            carried = {c.name: scope_of(scope, c.init) for c in box.carry}
            done: dict[int, dict[str, Binding]] = {}
            for k in order:
                here = {n: _fixed(reader, p) for (n, _), p in zip(box.iters, every[k], strict=True)}
                given = {**_captured(box, box.body, scope, box.paying), **here, **carried}
                done[k] = level(reader, box.body, frame, given)
                carried = {c.name: scope_of(Scope(done[k]), c.next) for c in box.carry}
            rounds.extend(done[k] for k in range(len(every)))
            lasts.update(carried)
        return rounds

    def bind(wire: str) -> Binding:
        def value() -> Value:
            found = [names[wire].value for names in run()]
            if any(isinstance(v, Sym) and not _numeric(v.space) for v in found):
                if max(names[wire].depends for names in run()) < DECIDED:
                    return Sym(term(), None, frame)
                found = [reader.settled(v) for v in found]
            elif any(isinstance(v, Rec) for v in found):
                found = [reader.settled(v) for v in found]
            numeric = any(isinstance(v, Num | Sym) for v in found)
            each = [lift(reader.number(v) if numeric else v, frame) for v in found]
            wide = Frame(frame.lanes * len(each), frame, np.repeat(np.arange(frame.lanes), len(each)))
            lanes = np.arange(frame.lanes) * len(each)
            whole = joined([(lanes + k, v) for k, v in enumerate(each)], wide)
            if whole is None:
                raise not_convex(f"`{wire}` differs in kind between the rounds", box.at)
            return relabelled(whole, frame, len(each) * whole.width)

        def term() -> Term:
            cells = tuple(names[wire].term for names in run())
            variables = tuple((f"{n} of {box.name}", s) for n, s in box.iters)
            return Tabulate(variables, Select(tuple(Var(n) for n, _ in variables), spaces, cells))

        return Binding(lambda: max((names[wire].depends for names in run()), default=KNOWN), value, term)

    def last(name: str) -> Binding:
        return _through(lambda: (run(), lasts)[1], name)

    return {**{wire: bind(name) for wire, name in box.outs}, **{wire: last(name) for wire, name in box.lasts}}


def _fixed(reader: Reader, point: object) -> Binding:
    """A loop's variable in one round."""
    code = Code(np.zeros(1, np.int64), (point,), reader.root)
    return Binding(lambda: KNOWN, lambda: code, lambda: Const(point))


def _branch(reader: Reader, box: Branch, scope: Scope, frame: Frame) -> dict[str, Binding]:
    subject = scope_of(scope, box.subject)

    def arm_in(k: int, where: Frame) -> dict[str, Binding]:
        body = box.arms[k].body
        paying = box.paying[k] if box.paying else ()
        return level(reader, body, where, _captured(box, body, scope, paying))

    def depends(wire: str) -> int:
        return max(subject.depends, *(arm_in(k, frame)[wire].depends for k in range(len(box.arms))))

    def happens(arm: Arm) -> Term:
        tests: list[Term] = [Prim("==", (subject.term, Const(v)), at=box.at) for v in arm.values]
        whole = tests[0]
        for each in tests[1:]:
            whole = Prim("or", (whole, each), at=box.at)
        return whole

    def value(wire: str) -> Value:
        if subject.depends == KNOWN:
            code = lift(subject.value, frame)
            assert isinstance(code, Code)
            parts = []
            for k, arm in enumerate(box.arms):
                taken = np.array([p in arm.values for p in code.points])[code.codes]
                lanes = np.flatnonzero(taken)
                if len(lanes) == frame.lanes:
                    return arm_in(k, frame)[wire].value
                if len(lanes):
                    sub = Frame(len(lanes), frame, lanes)
                    found = arm_in(k, sub)[wire].value
                    parts.append((lanes, lift(reader.number(found) if isinstance(found, Sym) else found, sub)))
            whole = joined(parts, frame)
            if whole is None:
                raise not_convex(f"`{wire}` differs in kind between the branches", box.at)
            return whole
        if subject.depends == DECIDED:
            raise not_convex("a branch on what is decided", box.at, "split the decision, or write rules")
        if depends(wire) < DECIDED:
            return Sym(term(wire), next(p.space for p in box.outs if p.name == wire), frame)
        return reader.mixed([(happens(arm), True, arm_in(k, frame)[wire].value) for k, arm in enumerate(box.arms)], frame, box.at)

    def term(wire: str) -> Term:
        made = arm_in(len(box.arms) - 1, frame)[wire].term
        for k in reversed(range(len(box.arms) - 1)):
            made = If(happens(box.arms[k]), arm_in(k, frame)[wire].term, made, at=box.at)
        return made

    def bind(wire: str) -> Binding:
        return Binding(lambda: depends(wire), lambda: value(wire), lambda: term(wire))

    return {p.name: bind(p.name) for p in box.outs}


__all__ = ["bindings", "level", "scope_of"]
