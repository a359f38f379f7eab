"""Evidence and noise as wires: a diagram rewritten so that what a filter needs of its draws comes in or goes out.

* `conditioned`: an observed draw takes its outcome from an input, and puts out how likely that outcome was. What is
  left is a channel that draws the rest as before, so a bootstrap filter only has to run it. Evidence with gaps comes with a
  flag for whether it is there, and is drawn where it is not.
* `described`: an observed normal draw puts out its mean and its deviation, which saves an ensemble from estimating them.
* `noiseless`: every normal draw takes a standard normal from an input: a function, affine where the model is linear.

All three look through copies, loops and branches. Densities are terms of the language, in logarithms, with a flag for
what is possible at all, so that nothing underflows and nothing is divided by zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from opengames.diagram import Arm, Box, Branch, Compute, Diagram, Draw, Loop, Port
from opengames.plain import replace
from opengames.solvers.recognition.shape import alias, binder, unsuited
from opengames.spaces import BOOL, REAL, Reals, Record, Space, family, size
from opengames.terms import (
    FALSE,
    TRUE,
    ZERO,
    At,
    Const,
    Get,
    If,
    Member,
    Normal,
    Prim,
    Select,
    Term,
    Uniform,
    Var,
    Weighted,
)

LOG, POSSIBLE, MEAN, DEVIATION, SEEN, NOISE = "log chance", "possible", "mean", "deviation", "seen", "noise"
DRAWN = "if not seen"

#: What becomes of an observed draw: its boxes, and the ports that they put out besides.
AtDraw = Callable[[Draw], tuple[tuple[Box, ...], tuple[Port, ...]]]
#: The space of what is supplied for a draw, from the draw's own; `None` where nothing is.
Supplied = Callable[[Space], Space] | None


def named(wire: str, what: str) -> str:
    """The wire that says `what` of a wire: `reading: log chance`, which no text and no elaboration names."""
    return f"{wire}: {what}"


def conditioned(body: Diagram, wire: str, gaps: bool = False) -> Diagram:
    """The diagram with `wire` supplied as the input `named(wire, SEEN)`, its last; it puts out its log chance and whether it is possible.

    gaps: what is supplied are records of a value and of whether it is there. Raises `Refusal` (`unsuited-filter`) if the
    wire is not drawn, or its outcomes have no density.
    """
    return _opened(body, wire, _weighed_or_drawn if gaps else _weighed, _or_nothing if gaps else _itself, wire)


def described(body: Diagram, wire: str) -> Diagram:
    """The diagram that also puts out the mean and deviation of an observed wire.

    Raises `Refusal` where the wire is not a normal draw.
    """
    return _opened(body, wire, _described, None, wire)


def _itself(space: Space) -> Space:
    return space


def _or_nothing(space: Space) -> Space:
    return Record((("value", space), ("there", BOOL)))


# ----------------------------------------------------------------- at the draw


def _weighed(box: Draw) -> tuple[tuple[Box, ...], tuple[Port, ...]]:
    _check_kind(box)
    wire, value = box.out.name, Var(named(box.out.name, SEEN))
    log, possible = log_chance(box.kernel, value)
    extra = (Port(named(wire, LOG), REAL), Port(named(wire, POSSIBLE), BOOL))
    boxes: tuple[Box, ...] = (
        Compute(box.out, value, at=box.at),
        Compute(extra[0], log, hidden=True, at=box.at),
        Compute(extra[1], possible, hidden=True, at=box.at),
    )
    return boxes, extra


def _weighed_or_drawn(box: Draw) -> tuple[tuple[Box, ...], tuple[Port, ...]]:
    """What is not there is drawn, and weighs nothing."""
    _check_kind(box)
    wire, supplied = box.out.name, Var(named(box.out.name, SEEN))
    value, there = Get(supplied, 0), Get(supplied, 1)
    drawn = Port(named(wire, DRAWN), box.out.space)
    log, possible = log_chance(box.kernel, value)
    extra = (Port(named(wire, LOG), REAL), Port(named(wire, POSSIBLE), BOOL))
    boxes: tuple[Box, ...] = (
        Draw(drawn, box.kernel, at=box.at),
        Compute(box.out, If(there, value, Var(drawn.name)), at=box.at),
        Compute(extra[0], If(there, log, ZERO), hidden=True, at=box.at),
        Compute(extra[1], If(there, possible, TRUE), hidden=True, at=box.at),
    )
    return boxes, extra


def _check_kind(box: Draw) -> None:
    wire, kinds = box.out.name, _kinds(box.kernel)
    if len(kinds) > 1:
        raise unsuited(
            f"`{wire}` is drawn from a density in one case and from single values in another", box.at,
            "the two cannot be weighed against each other", "draw it from one kind of distribution, or recognise `by enkf`",
        )  # fmt: skip


def _described(box: Draw) -> tuple[tuple[Box, ...], tuple[Port, ...]]:
    wire = box.out.name
    extra = (Port(named(wire, MEAN), REAL), Port(named(wire, DEVIATION), REAL))
    return (
        box,
        Compute(extra[0], _of_normals(box, box.kernel, "mean"), hidden=True, at=box.at),
        Compute(extra[1], _of_normals(box, box.kernel, "deviation"), hidden=True, at=box.at),
    ), extra


def _of_normals(box: Draw, kernel: Term, part: str) -> Term:
    match kernel:
        case Normal(mean=mean, deviation=deviation):
            return mean if part == "mean" else deviation
        case If(test=test, then=a, other=b, at=at):
            return If(test, _of_normals(box, a, part), _of_normals(box, b, part), at=at)
        case Select(keys=keys, spaces=spaces, cells=cells, at=at):
            return Select(keys, spaces, tuple(_of_normals(box, c, part) for c in cells), at=at)
    raise unsuited(f"`{box.out.name}` is not drawn from a normal distribution", box.at)


def _kinds(kernel: Term) -> frozenset[str]:
    match kernel:
        case If(then=a, other=b):
            return _kinds(a) | _kinds(b)
        case Select(cells=cells):
            return frozenset().union(*map(_kinds, cells))
        case Normal():
            return frozenset(("density",))
        case Uniform(space=space) if isinstance(space, Reals):
            return frozenset(("density",))
    return frozenset(("chances",))


def log_chance(kernel: Term, value: Term) -> tuple[Term, Term]:
    """The logarithm of the chance or density of `value`, and whether it is possible; the first is 0 where it is not."""
    match kernel:
        case If(test=test, then=then, other=other, at=at):
            a, b = log_chance(then, value), log_chance(other, value)
            return If(test, a[0], b[0], at=at), If(test, a[1], b[1], at=at)
        case Select(keys=keys, spaces=spaces, cells=cells, at=at):
            found = [log_chance(c, value) for c in cells]
            return (
                Select(keys, spaces, tuple(log for log, _ in found), at=at),
                Select(keys, spaces, tuple(p for _, p in found), at=at),
            )
        case Weighted(pairs=pairs):
            total: Term = ZERO
            for each, chance in pairs:
                part = If(Prim("==", (value, each)), chance, ZERO)
                total = part if total == ZERO else Prim("+", (total, part))
            possible = Prim(">", (total, ZERO))
            return If(possible, Prim("log", (total,)), ZERO), possible
        case Uniform(space=space):
            width = (space.upper or 0) - (space.lower or 0) if isinstance(space, Reals) else Fraction(size(space) or 1)
            if not width:
                return ZERO, FALSE
            return Const(Fraction(-math.log(width))), Member(value, space)
        case Normal(mean=mean, deviation=deviation):
            possible = Prim(">", (deviation, ZERO))
            z = Prim("/", (Prim("-", (value, mean)), deviation))
            square = Prim("/", (Prim("*", (z, z)), Const(Fraction(2))))
            scale = Prim("+", (Prim("log", (deviation,)), Const(Fraction(math.log(2 * math.pi) / 2))))
            log = Prim("neg", (Prim("+", (square, scale)),))
            return If(possible, log, ZERO), possible
    raise TypeError(f"not a distribution: {kernel!r}")


# ------------------------------------------------------------- down to the draw


def _opened(diagram: Diagram, wire: str, at_draw: AtDraw, given: Supplied, said: str) -> Diagram:
    """The diagram with the draw behind `wire` rewritten; what its boxes put out besides is put out under the wire's name."""
    box = binder(diagram, wire)
    under = alias(box)
    if under is not None:
        return _renamed(_opened(diagram, under, at_draw, given, said), under, wire, given is not None)
    match box:
        case Draw():
            boxes, extra = at_draw(box)
            port = Port(named(wire, SEEN), given(box.out.space) if given is not None else box.out.space)
        case Loop():
            boxes, extra, port = _in_loop(box, wire, at_draw, given, said)
        case Branch():
            boxes, extra, port = _in_branch(box, wire, at_draw, given, said)
        case _:
            raise unsuited(
                f"`{said}` is computed, not drawn: a value that is observed has no density", box.at if box is not None else None,
                help=f"draw it, as in `{said} ~ normal(..., ...)`, or recognise `by enkf`",
            )  # fmt: skip
    at = next(i for i, each in enumerate(diagram.boxes) if each is box)
    return replace(
        diagram,
        inputs=diagram.inputs + ((port,) if given is not None else ()),
        outputs=diagram.outputs + extra,
        boxes=diagram.boxes[:at] + boxes + diagram.boxes[at + 1 :],
    )


def _renamed(diagram: Diagram, old: str, new: str, given: bool) -> Diagram:
    """What is said of `old`, said of `new`."""
    extra = [p for p in diagram.outputs if p.name.startswith(f"{old}: ") and p.name[len(old) + 2 :] in (LOG, POSSIBLE, MEAN, DEVIATION)]
    names = {p.name: f"{new}{p.name[len(old) :]}" for p in extra}
    boxes: tuple[Box, ...] = tuple(Compute(Port(names[p.name], p.space), Var(p.name), hidden=True) for p in extra)
    inputs = diagram.inputs
    before: tuple[Box, ...] = ()
    if given:
        port = inputs[-1]
        renamed = Port(named(new, SEEN), port.space)
        inputs = (*inputs[:-1], renamed)
        before = (Compute(port, Var(renamed.name), hidden=True),)
    outputs = tuple(Port(names.get(p.name, p.name), p.space) for p in diagram.outputs)
    return replace(diagram, inputs=inputs, outputs=outputs, boxes=(*before, *diagram.boxes, *boxes))


def _in_loop(
    loop: Loop, wire: str, at_draw: AtDraw, given: Supplied, said: str
) -> tuple[tuple[Box, ...], tuple[Port, ...], Port]:
    """The loop whose body is rewritten: evidence is cut along its variables, what is put out is gathered into families."""
    inner = dict(loop.outs)[wire]
    index = tuple(s for _, s in loop.iters)
    before = {p.name for p in loop.body.outputs}
    body = _opened(loop.body, inner, at_draw, given, said)
    extra = tuple(p for p in body.outputs if p.name not in before)
    spaces = {p.name: p.space for p in loop.body.outputs}
    port = Port(named(wire, SEEN), family(index, body.inputs[-1].space if given is not None else spaces[inner]))
    outs = tuple((f"{wire}{p.name[len(inner) :]}", p.name) for p in extra)
    gathered = tuple(Port(name, family(index, p.space)) for (name, _), p in zip(outs, extra, strict=True))
    captured = loop.captured
    if given is not None:
        element = body.inputs[-1]
        whole = f"{port.name} of all"
        cut = Compute(element, At(Var(whole), tuple(Var(v) for v, _ in loop.iters), _index(port.space)), hidden=True)
        body = replace(body, inputs=(*body.inputs[:-1], Port(whole, port.space)), boxes=(cut, *body.boxes))
        captured = (*captured, whole)
    made = replace(loop, body=body, captured=captured, outs=loop.outs + outs)
    if given is None:
        return (made,), gathered, port
    return (Compute(Port(whole, port.space), Var(port.name), hidden=True), made), gathered, port


def _index(space: Space) -> tuple[Space, ...]:
    return getattr(space, "index", ())


def _in_branch(
    branch: Branch, wire: str, at_draw: AtDraw, given: Supplied, said: str
) -> tuple[tuple[Box, ...], tuple[Port, ...], Port]:
    """The branch each of whose arms is rewritten."""
    arms: list[Arm] = []
    extra: tuple[Port, ...] = ()
    for arm in branch.arms:
        before = {p.name for p in arm.body.outputs}
        body = _opened(arm.body, wire, at_draw, given, said)
        extra = tuple(p for p in body.outputs if p.name not in before)
        arms.append(replace(arm, body=body))
    merged = next(p.space for p in branch.outs if p.name == wire)
    port = Port(named(wire, SEEN), given(merged) if given is not None else merged)
    captured = branch.captured + ((port.name,) if given is not None else ())
    return (replace(branch, arms=tuple(arms), outs=branch.outs + extra, captured=captured),), extra, port


# ----------------------------------------------------------------------- noise


def noiseless(diagram: Diagram) -> tuple[Diagram, tuple[Port, ...]]:
    """The diagram as a function of standard normals, one further input for each draw; and those inputs.

    Raises `Refusal` (`unsuited-filter`) for a draw that is not normal.
    """
    boxes: list[Box] = []
    noise: list[Port] = []
    for box in diagram.boxes:
        match box:
            case Draw(out=out, kernel=kernel):
                port = Port(named(out.name, NOISE), REAL)
                mean, deviation = _of_normals(box, kernel, "mean"), _of_normals(box, kernel, "deviation")
                # the root is never used: it is there to fail where the deviation is negative
                least = Prim(">=", (deviation, ZERO))
                sure = If(least, deviation, Prim("sqrt", (deviation,), at=box.at))
                moved = Prim("+", (mean, Prim("*", (sure, Var(port.name)))))
                boxes.append(Compute(out, moved, at=box.at))
                noise.append(port)
            case Loop(iters=iters):
                body, inner = noiseless(box.body)
                index = tuple(s for _, s in iters)
                ports = tuple(Port(f"{p.name} in {box.name}", family(index, p.space)) for p in inner)
                cuts = tuple(
                    Compute(p, At(Var(q.name), tuple(Var(v) for v, _ in iters), _index(q.space)), hidden=True)
                    for p, q in zip(inner, ports, strict=True)
                )
                kept = body.inputs[: len(body.inputs) - len(inner)] + ports
                body = replace(body, inputs=kept, boxes=cuts + body.boxes)
                boxes.append(replace(box, body=body, captured=box.captured + tuple(p.name for p in ports)))
                noise.extend(ports)
            case Branch():
                arms = []
                every: list[Port] = []
                for arm in box.arms:
                    body, inner = noiseless(arm.body)
                    names = {p.name: f"{p.name} if {arm.label}" for p in inner}
                    ports = tuple(Port(names[p.name], p.space) for p in inner)
                    same = tuple(Compute(p, Var(names[p.name]), hidden=True) for p in inner)
                    kept = body.inputs[: len(body.inputs) - len(inner)] + ports
                    arms.append((arm, replace(body, inputs=kept, boxes=same + body.boxes)))
                    every.extend(ports)
                whole = tuple(every)
                done = tuple(
                    replace(arm, body=replace(body, inputs=arm.body.inputs + whole)) for arm, body in arms
                )
                boxes.append(replace(box, arms=done, captured=box.captured + tuple(p.name for p in whole)))
                noise.extend(whole)
            case _:
                boxes.append(box)
    return replace(diagram, inputs=diagram.inputs + tuple(noise), boxes=tuple(boxes)), tuple(noise)


def draws(diagram: Diagram) -> tuple[Draw, ...]:
    """The draws of a diagram, those in its loops and branches too."""
    found: list[Draw] = []
    for box in diagram.boxes:
        match box:
            case Draw():
                found.append(box)
            case Loop():
                found.extend(draws(box.body))
            case Branch():
                found.extend(d for arm in box.arms for d in draws(arm.body))
    return tuple(found)


__all__ = [
    "DEVIATION", "LOG", "MEAN", "POSSIBLE", "SEEN", "conditioned", "described", "draws", "log_chance", "named", "noiseless",
]  # fmt: skip
