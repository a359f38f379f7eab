"""Loops as array programs: `vmap` without a carried wire, `scan` with one; very short ones are written out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from opengames.diagram import Branch, Call, Compute, Diagram, Draw, Loop, bodies
from opengames.sampled import keys
from opengames.sampled.backend import jax, jnp
from opengames.sampled.expressions import COPIES
from opengames.sampled.frame import TAKEN, Frame, Results
from opengames.sampled.live import Taps, loop_needs
from opengames.sampled.places import point
from opengames.sampled.uniforms import uniforms_in_round, uniforms_in_sequence
from opengames.sampled.values import (
    INF,
    SHORT,
    Cells,
    Num,
    Stack,
    Value,
    conform,
    grid_grain,
    joined,
    map_leaves,
    solid,
)
from opengames.spaces import Family, Grid, Reals, Record, Space, family, size
from opengames.terms import At, Term, Var, children

Iters = tuple[tuple[str, Space], ...]

#: How many boxes writing out a loop may make.
WRITTEN_OUT = 600


def loop(box: Loop, frame: Frame, i: int, used: frozenset[str], found: Results) -> None:
    """Run a loop: bind its wires in the frame, and add its taps to `found`."""
    wanted = frozenset(w for w, _ in box.outs + box.lasts if w in used)
    goals, inside_used = loop_needs(box, wanted, frame.taps)
    carried = tuple(c for c in box.carry if c.name in inside_used)
    inner = _inside(box, frame, i)
    if carried:
        rounds = math.prod(size(s) or 0 for _, s in box.iters)
        inner = uniforms_in_sequence(inner, 0 if _is_written_out(rounds, inner, box.body) else len(box.iters))
    outputs = {p.name: p.space for p in box.body.outputs}
    lasts: dict[str, Value] = {}
    if carried:
        init = {c.name: conform(frame.scope.env[c.init], c.space) for c in carried}
        lasts, results = _sequence(box, carried, init, inner, goals, wanted)
    else:
        results = _parallel(box.iters, inner, box, goals)
    index = tuple(s for _, s in box.iters)
    for outer, wire in box.outs:
        if outer in wanted:
            frame.scope.env[outer] = conform(results[(wire,)], family(index, outputs[wire]))
    for outer, name in box.lasts:
        if outer in wanted:
            frame.scope.env[outer] = lasts[name]
    for tap in frame.taps:
        for key in (tap, (*tap, TAKEN)):
            if key in results and not (len(tap) == 1 and tap[0] in frame.scope.env):
                found[key] = results[key]


def _inside(box: Loop, frame: Frame, i: int) -> Frame:
    env = {w: frame.scope.env[w] for w in box.captured if w in frame.scope.env}
    slices = {k: v for k, v in frame.scope.slices.items() if k[0] in env and k[1] in env}
    scope = replace(frame.scope, env=env, slices=slices)
    return replace(frame, scope=scope, trail=(*frame.trail, i, 0))


# ------------------------------------------------------------------- one round


def _enter(frame: Frame, name: str, space: Space, i: Any, more: dict[str, Any], copies: int = 1) -> Frame:
    """The frame at position `i` of one loop variable. more: what the loop cut for this position."""
    depth = len(frame.loops)
    found = {}
    for trail in frame.keys:
        key = frame.keys[trail]
        inside = trail[: len(frame.trail)] == frame.trail
        found[trail] = keys.fold(key, i) if inside and depth < len(frame.sites[trail].loops) - 2 else key
    scope = frame.scope
    slices = {**scope.slices, **{(w, name): v for w, v in more["slices"].items()}}
    env = {**scope.env, name: point(space, i)}
    scope = replace(scope, env=env, slices=slices, copies=scope.copies * copies)
    return replace(
        frame, scope=scope, keys=found, given={**frame.given, **more["given"]}, loops=(*frame.loops, i)
    )


def _cuts(frame: Frame, name: str, space: Space, body: Diagram) -> dict[str, Any]:
    """What a loop cuts along its axis: families used at its variable, and what is supplied for its draws."""
    slices = {}
    for wire in _used_at(body, name, space):
        value = frame.scope.env.get(wire)
        if isinstance(value, Stack):
            slices[wire] = value.item
    inside = {t: g for t, g in frame.given.items() if t[: len(frame.trail)] == frame.trail}
    return {"slices": slices, "given": {t: value for t, (_, value) in inside.items()}}


def _cut_frame(frame: Frame, cut: dict[str, Any]) -> dict[str, Any]:
    kinds = {t: (frame.given[t][0], v) for t, v in cut["given"].items()}
    return {"slices": cut["slices"], "given": kinds}


def _cut_at(cuts: dict[str, Any], i: int) -> dict[str, Any]:
    return jax.tree.map(lambda a: a[i], cuts)


@lru_cache(maxsize=512)
def _uses(term: Term) -> frozenset[tuple[str, str, Space]]:
    """(family, variable, index space) of every `family[variable, ...]` in a term."""
    found: set[tuple[str, str, Space]] = set()
    stack = [term]
    while stack:
        each = stack.pop()
        if isinstance(each, At) and isinstance(each.family, Var) and isinstance(each.keys[0], Var):
            found.add((each.family.name, each.keys[0].name, each.index[0]))
        stack.extend(children(each))
    return frozenset(found)


def _used_at(body: Diagram, name: str, space: Space) -> set[str]:
    found: set[str] = set()
    for box in body.boxes:
        if isinstance(box, (Compute, Draw)):
            term = box.term if isinstance(box, Compute) else box.kernel
            found |= {w for w, v, s in _uses(term) if v == name and s == space}
        elif not isinstance(box, Call):
            for _, inner in bodies(box):
                found |= _used_at(inner, name, space)
    return found


def weight(body: Diagram) -> int:
    """About how many operations a body is, inner short loops written out."""
    total = 0
    for box in body.boxes:
        match box:
            case Draw():
                total += 8
            case Loop(iters=iters, body=inner):
                times = 1
                for _, space in iters:
                    times *= min(size(space) or 1, SHORT)
                total += times * weight(inner)
            case Call() | Branch():
                total += sum(weight(inner) for _, inner in bodies(box))
            case _:
                total += 1
    return total


def _is_written_out(n: int, frame: Frame, body: Diagram) -> bool:
    copies = frame.scope.copies * n
    return n <= SHORT and copies <= COPIES and copies * weight(body) <= WRITTEN_OUT


# -------------------------------------------------------------------- parallel


def _parallel(iters: Iters, frame: Frame, box: Loop, goals: frozenset[str]) -> Results:
    """Every round side by side: results with one more axis for each variable."""
    if not iters:
        return frame.run(box.body, replace(frame, scope=replace(frame.scope, env=dict(frame.scope.env))), goals)
    (name, space), rest = iters[0], iters[1:]
    n = size(space) or 0
    cuts = _cuts(frame, name, space, box.body)
    if n and _is_written_out(n, frame, box.body):
        rounds = []
        for i in range(n):
            outer = frame.scope.faults
            scope = replace(frame.scope, faults=outer.fresh())
            at = _enter(replace(frame, scope=scope), name, space, i, _cut_frame(frame, _cut_at(cuts, i)), n)
            rounds.append(_parallel(rest, at, box, goals))
            outer.adopt(scope.faults, scope.faults.arrays(), ((name, space, i),))
        return {key: Cells(tuple(r[key] for r in rounds)) for key in rounds[0]}
    inner_faults: list[Any] = []

    def one(i: Any, cut: dict[str, Any]) -> tuple[Results, tuple[Any, ...]]:
        faults = frame.scope.faults.fresh()
        scope = replace(frame.scope, faults=faults)
        wide = replace(frame, scope=scope, lanes=frame.lanes * n)
        at = _enter(wide, name, space, i, _cut_frame(frame, cut))
        found = {key: solid(v) for key, v in _parallel(rest, at, box, goals).items()}
        inner_faults.append(faults)
        return found, faults.arrays()

    found, ups = jax.vmap(one)(jnp.arange(n), cuts)
    frame.scope.faults.adopt(inner_faults[-1], ups, ((name, space, None),))
    return {key: Stack(n, v) for key, v in found.items()}


# ---------------------------------------------------------------- in sequence


def _sequence(
    box: Loop,
    carried: tuple[Any, ...],
    init: dict[str, Value],
    frame: Frame,
    goals: frozenset[str],
    wanted: frozenset[str],
) -> tuple[dict[str, Value], Results]:
    """One round after another: the carried values after the last, and results with an axis for each variable."""
    sizes = tuple(size(s) or 0 for _, s in box.iters)
    n = math.prod(sizes)
    nexts = {c.name: c for c in carried}

    def round_(at: Frame, carry: dict[str, Value]) -> tuple[dict[str, Value], Results]:
        at.scope.env.update(carry)
        results = at.run(box.body, at, goals)
        return {c.name: conform(results[(c.next,)], c.space) for c in nexts.values()}, results

    if _is_written_out(n, frame, box.body):
        return _written_out(box, init, frame, round_, sizes, n)
    kept = frozenset((inside,) for outer, inside in box.outs if outer in wanted) | frame.taps
    return _scan(box, carried, init, frame, round_, sizes, kept)


def _positions(i: Any, sizes: tuple[int, ...]) -> list[Any]:
    found: list[Any] = []
    for k in reversed(sizes[1:]):
        found.append(i % k)
        i = i // k
    return [i, *found[::-1]]


def _enter_all(frame: Frame, box: Loop, at: list[Any], cut: dict[str, Any], copies: int = 1) -> Frame:
    """The frame inside all the variables of a loop at once."""
    for k, ((name, space), i) in enumerate(zip(box.iters, at, strict=True)):
        more = cut if k == 0 else {"slices": {}, "given": {}}
        frame = _enter(frame, name, space, i, more, copies if k == 0 else 1)
    return frame


def _sequence_cuts(box: Loop, frame: Frame, n: int) -> dict[str, Any]:
    """Families are cut along the variable if there is one; what is supplied for draws, along all of them."""
    name, space = box.iters[0]
    cuts = _cuts(frame, name, space, box.body)
    if len(box.iters) > 1:
        cuts["slices"] = {}
        d = len(box.iters)
        cuts["given"] = jax.tree.map(lambda a: a.reshape((n, *a.shape[d:])), cuts["given"])
    return cuts


Round = Callable[[Frame, dict[str, Value]], tuple[dict[str, Value], Results]]


def _written_out(
    box: Loop, carry: dict[str, Value], frame: Frame, round_: Round, sizes: tuple[int, ...], n: int
) -> tuple[dict[str, Value], Results]:
    cuts = _sequence_cuts(box, frame, n)
    rounds: list[Results] = [{}] * n
    for i in reversed(range(n)) if box.reversed else range(n):
        outer = frame.scope.faults
        scope = replace(frame.scope, faults=outer.fresh())
        at = _positions(i, sizes)
        inside = _enter_all(replace(frame, scope=scope), box, at, _cut_frame(frame, _cut_at(cuts, i)), max(1, n))
        carry, rounds[i] = round_(inside, carry)
        marks = tuple((name, space, k) for (name, space), k in zip(box.iters, at, strict=True))
        outer.adopt(scope.faults, scope.faults.arrays(), marks)
    keys_found = rounds[0] if rounds else {}
    return carry, {key: _shaped([r[key] for r in rounds], sizes) for key in keys_found}


def _shaped(items: list[Value], sizes: tuple[int, ...]) -> Value:
    if len(sizes) == 1:
        return Cells(tuple(items))
    step = len(items) // sizes[0]
    return Cells(tuple(_shaped(items[k * step : (k + 1) * step], sizes[1:]) for k in range(sizes[0])))


def _scan(
    box: Loop,
    carried: tuple[Any, ...],
    init: dict[str, Value],
    frame: Frame,
    round_: Round,
    sizes: tuple[int, ...],
    kept: Taps,
) -> tuple[dict[str, Value], Results]:
    spaces = {c.name: c.space for c in carried}
    start = {name: solid(v) for name, v in init.items()}
    like = {name: _promised(v, spaces[name]) for name, v in start.items()}
    cuts = _sequence_cuts(box, frame, math.prod(sizes))
    while True:
        found, after, faults = _try_scan(box, start, like, frame, round_, sizes, kept, cuts)
        wider = {name: _widened(like[name], after[name]) for name in like}
        if _form(wider) == _form(like):
            break
        like = wider
    (last, bad), (results, ups) = found
    lasts = jax.tree.unflatten(jax.tree.structure(like), last)
    outer = frame.scope.faults
    marks = tuple((name, space, None) for name, space in box.iters)
    if outer.diagnose:
        ups = tuple(u.reshape((*sizes, *u.shape[1:])) for u in ups)
        outer.adopt(faults, ups, marks)
    elif faults.flags:
        outer.adopt(faults, (bad,), marks)
    shaped = {}
    for key, v in results.items():
        for k in sizes[:0:-1]:
            v = Stack(k, v)
        if len(sizes) > 1:
            v = jax.tree.map(lambda a: a.reshape((*sizes, *a.shape[1:])), v)
        shaped[key] = Stack(sizes[0], v)
    return lasts, shaped


def _try_scan(
    box: Loop,
    start: dict[str, Value],
    like: dict[str, Value],
    frame: Frame,
    round_: Round,
    sizes: tuple[int, ...],
    kept: Taps,
    cuts: dict[str, Any],
) -> tuple[Any, dict[str, Value], Any]:
    """The scan as traced with the bounds of `like`, the carried values it gave, and its faults."""
    seen: list[tuple[dict[str, Value], Any]] = []
    structure = jax.tree.structure(like)
    diagnose = frame.scope.faults.diagnose

    def step(state: tuple[Any, Any], x: tuple[Any, Any]) -> tuple[Any, Any]:
        leaves, bad = state
        i, cut = x
        faults = frame.scope.faults.fresh()
        scope = replace(frame.scope, faults=faults)
        at = _positions(i, sizes)
        inside = _enter_all(replace(frame, scope=scope), box, at, _cut_frame(frame, cut))
        inside = uniforms_in_round(inside, at[-1])
        after, results = round_(inside, jax.tree.unflatten(structure, leaves))
        after = {name: solid(v) for name, v in after.items()}
        seen.append((after, faults))
        ys = {key: solid(v) for key, v in results.items() if key in kept or key[-1] == TAKEN}
        ups = faults.arrays()
        if not diagnose and ups:
            bad = bad | ups[0]
        return (jax.tree.leaves(after), bad), (ys, ups if diagnose else ())

    begin = (jax.tree.leaves(start), jnp.asarray(False))
    found = jax.lax.scan(step, begin, (jnp.arange(math.prod(sizes)), cuts), reverse=box.reversed)
    return found, seen[-1][0], seen[-1][1]


def _promised(v: Value, space: Space) -> Value:
    """A carried value with the bounds that its space promises, widened to hold the first one."""
    match space:
        case Record(fields=fields):
            return type(v)(tuple(_promised(x, s) for x, (_, s) in zip(v.items, fields, strict=True)))
        case Family(item=item):
            return _promised_family(v, item)
        case Grid(points=points) if isinstance(v, Num):
            grid = Num(v.x, float(min(points)), float(max(points)), grid_grain(space), space)
            return joined(grid, v, v.x)
        case Reals(lower=lower, upper=upper) if isinstance(v, Num) and lower is not None and upper is not None:
            return joined(Num(v.x, float(lower), float(upper)), v, v.x)
    return v


def _promised_family(v: Value, item: Space) -> Value:
    if isinstance(v, Cells):
        return Cells(tuple(_promised_family(x, item) for x in v.items))
    if isinstance(v, Stack):
        return Stack(v.n, _promised_family(v.item, item))
    return _promised(v, item)


def _widened(like: Value, after: Value) -> Value:
    """`like`, without the bounds that a round did not keep."""
    found = iter(jax.tree.leaves(after, is_leaf=_is_number))

    def one(v: Any) -> Any:
        new = next(found)
        if not isinstance(v, Num):
            return v
        lo = v.lo if new.lo >= v.lo else -INF
        hi = v.hi if new.hi <= v.hi else INF
        grain = v.grain if new.grain is not None and v.grain is not None and new.grain <= v.grain else None
        member = v.member if new.member == v.member else None
        if lo == -INF or hi == INF:
            grain = None
        return Num(v.x, lo, hi, grain, member)

    return map_leaves(one, like)


def _form(v: Any) -> Any:
    """The structure of a value, with the bounds of its numbers."""
    return jax.tree.structure(v)


def _is_number(v: Any) -> bool:
    return isinstance(v, Num)

