"""Diagrams as array programs: boxes in order, calls inlined, branches computed side by side and selected."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from opengames.diagnostics import Refusal, refuse
from opengames.diagram import Branch, Call, Compute, Decide, Diagram, Draw, Loop, binds, walk, wires
from opengames.sampled import keys
from opengames.sampled.backend import jnp
from opengames.sampled.expressions import Scope, checked, evaluate
from opengames.sampled.frame import TAKEN, Frame, Results
from opengames.sampled.kernels import sample
from opengames.sampled.live import call_outputs, inner_taps, live
from opengames.sampled.loops import loop
from opengames.sampled.places import is_at, position
from opengames.sampled.values import Value, choose, conform, either, is_true_or_false, map_leaves
from opengames.show import show_space
from opengames.spaces import Family, Grid, Reals, Record, Space, points, size


def refuse_open(diagram: Diagram) -> None:
    """Raises `Refusal` for decisions without a strategy and for clearings, all of them at once."""
    found = []
    for path, box in walk(diagram):
        if not isinstance(box, Decide):
            continue
        name = ".".join((*path, box.outs[0].name))
        if box.duals or any(size(p.space) is None for p in box.outs):
            found.append(
                refuse(
                    "not-yet",
                    f"`{name}` is decided by solving its rules, and no solver was handed over",
                    span=box.at,
                    help="plug one in with `opengames.clearings.cleared`, or give it a strategy",
                )
            )
        else:
            found.append(
                refuse(
                    "needs-strategy",
                    f"`{name}` is decided by {box.seat.name}, and no strategy says how",
                    span=box.at,
                    help="ask `under` a strategy",
                )
            )
    if found:
        raise Refusal(*(d for r in found for d in r.diagnostics))


def run(diagram: Diagram, frame: Frame, wanted: Iterable[str]) -> Results:
    """The wanted wires and the taps of a diagram whose inputs are in the frame."""
    goals = tuple(wanted)
    order, used = live(diagram, goals, frame.taps)
    backward = [p for p in diagram.expects if p.name in used]
    if backward:
        raise refuse(
            "not-yet",
            f"`{backward[0].name}` comes back from outside `{diagram.name}`, which a simulation does not follow",
            span=backward[0].at,
            help="ask for a wire of the game around it",
        )
    found: Results = {}
    for i in order:
        box = diagram.boxes[i]
        env = frame.scope.env
        match box:
            case Compute():
                env[box.out.name] = _compute(box, frame)
            case Draw():
                env[box.out.name] = _draw(box, frame, i)
            case Call():
                _call(box, frame, i, used, found)
            case Loop():
                loop(box, frame, i, used, found)
            case Branch():
                _branch(diagram, box, frame, i, used, found)
            case _:
                refuse_open(diagram)
    for name in goals:
        found[(name,)] = frame.scope.env[name]
    bound = {p.name for i in order for p in binds(diagram.boxes[i])}
    for tap in frame.taps:
        if len(tap) == 1 and tap[0] in bound:
            found[tap] = frame.scope.env[tap[0]]
    return found


def _at(frame: Frame, name: str) -> Scope:
    return replace(frame.scope, place=".".join((*frame.path, name)))


def _compute(box: Compute, frame: Frame) -> Value:
    scope, space = _at(frame, box.out.name), box.out.space
    value = evaluate(box.term, scope)
    if not _has_grid(space):
        return conform(value, space)
    headline = f"`{box.out.name}` is not in {show_space(space)}"
    return checked(value, _grids_only(space), "outside-type", headline, box.at, scope)


def _has_grid(space: Space) -> bool:
    match space:
        case Grid():
            return True
        case Record(fields=fields):
            return any(_has_grid(s) for _, s in fields)
        case Family(item=item):
            return _has_grid(item)
    return False


def _grids_only(space: Space) -> Space:
    """The space without the bounds of its intervals: those are claims, checked where the text says so."""
    match space:
        case Reals():
            return Reals()
        case Record(fields=fields):
            return Record(tuple((n, _grids_only(s)) for n, s in fields))
        case Family(index=index, item=item):
            return Family(index, _grids_only(item))
    return space


def _draw(box: Draw, frame: Frame, i: int) -> Value:
    scope, space, trail = _at(frame, box.out.name), box.out.space, (*frame.trail, i)
    kind, supplied = frame.given.get(trail, ("", None))
    if kind == "outcomes":
        return supplied
    u = supplied if kind == "uniforms" else keys.uniform(frame.keys[trail], frame.loops)
    headline = f"`{box.out.name}`, drawn here, is not in {show_space(space)}"
    return checked(sample(box.kernel, u, space, scope), space, "outside-type", headline, box.at, scope)


def _call(box: Call, frame: Frame, i: int, used: frozenset[str], found: Results) -> None:
    inner = box.diagram
    wanted = frozenset(w for w in box.outs + box.reports if w in used)
    env = {p.name: frame.scope.env[w] for p, w in zip(inner.inputs, box.args, strict=True) if w in frame.scope.env}
    inside = replace(
        frame,
        scope=replace(frame.scope, env=env, slices={}),
        path=(*frame.path, box.name),
        trail=(*frame.trail, i, 0),
        taps=inner_taps(frame.taps, box.name),
    )
    results = run(inner, inside, call_outputs(box, wanted))
    ports = inner.outputs + inner.reports
    for wire, port in zip(box.outs + box.reports, ports, strict=True):
        if wire in wanted:
            frame.scope.env[wire] = conform(results[(port.name,)], port.space)
    for tap in inside.taps:
        _take_tap(results, tap, (box.name, *tap), found)


def _take_tap(results: Results, tap: tuple[str, ...], name: tuple[str, ...], found: Results) -> None:
    if tap in results:
        found[name] = results[tap]
    if (*tap, TAKEN) in results:
        found[(*name, TAKEN)] = results[(*tap, TAKEN)]


def _branch(diagram: Diagram, box: Branch, frame: Frame, i: int, used: frozenset[str], found: Results) -> None:
    space = wires(diagram)[box.subject]
    here, _ = position(frame.scope.env[box.subject], space)
    order = {value: k for k, value in enumerate(points(space))}
    wanted = [p for p in box.outs if p.name in used]
    merged: dict[str, Value] = {}
    for k in range(len(box.arms) - 1, -1, -1):
        arm = box.arms[k]
        taken: Any = False
        for value in arm.values:
            taken = either(taken, _is(frame.scope.env[box.subject], space, here, order[value]))
        if is_true_or_false(taken) and not taken and (merged or not wanted) and not inner_taps(frame.taps, arm.label):
            continue
        inside = replace(
            frame,
            scope=replace(frame.scope, env=dict(frame.scope.env)),
            path=(*frame.path, arm.label),
            trail=(*frame.trail, i, k),
            taps=inner_taps(frame.taps, arm.label),
        )
        with frame.scope.when(taken):
            results = run(arm.body, inside, [p.name for p in wanted])
        for port in wanted:
            value = conform(results[(port.name,)], port.space)
            merged[port.name] = choose(taken, value, merged[port.name]) if port.name in merged else value
        for tap in inside.taps:
            if tap in results:
                name = (arm.label, *tap)
                found[name] = results[tap]
                within = results.get((*tap, TAKEN), True)
                found[(*name, TAKEN)] = _and(taken, within)
    for port in wanted:
        frame.scope.env[port.name] = conform(merged[port.name], port.space)


def _and(taken: Any, within: Any) -> Any:
    if is_true_or_false(within) and within:
        return taken
    return map_leaves(lambda leaf: jnp.asarray(leaf, bool) & taken, within)


def _is(subject: Value, space: Space, here: Any, k: int) -> Any:
    return here == k if isinstance(here, int) else is_at(subject, space, here, k)
