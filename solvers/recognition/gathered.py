"""Evidence from several places of a channel brought into the rounds of one loop, which is where filters take it.

* Two loops over the same index are one, where the later takes of the earlier only what the same round made. So a text
  may let a state move in one loop, and draw each series of evidence in one of its own.
* A draw outside the loop that looks at one round of it, or at what was there before it, is a draw of that round (of the
  first): it is drawn in every one, and observed in that one only.

Law: the joint distribution of the wires that stay is that of the channel as it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from opengames.diagram import (
    Arm,
    Box,
    Branch,
    Compute,
    Diagram,
    Draw,
    Loop,
    Port,
    binds,
    in_order,
    needs,
    wires,
)
from opengames.flatten import rename_wires
from opengames.plain import replace
from opengames.spaces import Family, Space, family, index_points, index_size
from opengames.terms import At, Const, Term, Var, free, rebuild, substitute


class _Apart(Exception):
    """A use of a family that looks at more than the one element."""


@dataclass(frozen=True)
class Pinned:
    """A draw brought into a loop. wire: of the body. round: the position in the loop's index at which it is observed."""

    wire: str
    round: int


def joined_loops(flat: Diagram, evident: Iterable[str]) -> Diagram:
    """The diagram whose loops are one, as far as they can be and evidence is drawn in the later. evident: wires with evidence."""
    wanted = frozenset(evident)
    while True:
        made = next((d for d in _joined_pairs(flat, wanted)), None)
        if made is None:
            return flat
        flat = made


def _joined_pairs(flat: Diagram, wanted: frozenset[str]) -> Iterable[Diagram]:
    loops = [b for b in flat.boxes if isinstance(b, Loop) and b.iters]
    for j, later in enumerate(loops):
        if not wanted & {n for n, _ in later.outs}:
            continue
        for earlier in loops[:j]:
            if not wanted & {n for n, _ in earlier.outs} and not {n for n, _ in earlier.outs} & set(later.captured):
                continue
            try:
                made = _joined(flat, earlier, later)
            except _Apart:
                continue
            if made is not None:
                yield made


def _joined(flat: Diagram, a: Loop, b: Loop) -> Diagram | None:
    """The diagram with the loops `a` and then `b` as one; `None`, or `_Apart` is raised, where they are not."""
    if tuple(s for _, s in a.iters) != tuple(s for _, s in b.iters):
        return None
    if a.carry and b.carry and a.reversed != b.reversed:
        return None
    handed = dict(a.outs)
    if needs(b) & _reached(flat, a) - set(handed) or {c.init for c in b.carry} & set(handed):
        return None
    taken = [n for n in b.captured if n in handed]
    inside, own = wires(a.body), wires(b.body)
    if any(n in inside and n not in a.captured for n in b.captured if n not in handed):
        return None
    names = {old: new for (old, _), (new, _) in zip(b.iters, a.iters, strict=True)}
    names |= {n: f"{n}: of all rounds" for n in taken}
    kept = {n for n in b.captured if n not in handed}
    names |= {n: _fresh(n, {*inside, *own}) for n in own if n in inside and n not in names and n not in kept}
    body = rename_wires(b.body, names)
    variables = tuple(n for n, _ in a.iters)
    for name in taken:
        body = _cut(body, names[name], f"{name}: of this round", variables)
    now = tuple(Compute(Port(f"{n}: of this round", inside[handed[n]]), Var(handed[n]), hidden=True) for n in taken)
    carry = a.carry + tuple(replace(c, name=names.get(c.name, c.name), next=names.get(c.next, c.next)) for c in b.carry)
    captured = tuple(dict.fromkeys((*a.captured, *(n for n in b.captured if n not in handed))))
    ports = {p.name: p for p in (*body.inputs, *a.body.inputs)}  # what a round hands to itself is bound by `now`
    outputs = {p.name: p for p in (*a.body.outputs, *body.outputs)}
    whole = replace(
        a.body, inputs=tuple(ports[n] for n in (*variables, *(c.name for c in carry), *captured)),
        outputs=tuple(outputs.values()), boxes=(*a.body.boxes, *now, *body.boxes),
    )  # fmt: skip
    outs = a.outs + tuple((n, names.get(w, w)) for n, w in b.outs)
    lasts = a.lasts + tuple((n, names.get(w, w)) for n, w in b.lasts)
    loop = replace(a, body=whole, captured=captured, carry=carry, outs=outs, lasts=lasts, reversed=a.reversed if a.carry else b.reversed)
    boxes = [loop if box is a else box for box in flat.boxes if box is not b]
    return replace(flat, boxes=in_order(boxes, [p.name for p in flat.inputs]))


def pinned(flat: Diagram, loop: Loop, wire: str, inferred: frozenset[str]) -> tuple[Diagram, Loop, Pinned] | None:
    """The diagram, and its loop, with the draw of `wire` outside the loop as a draw of one of its rounds; `None` if it is none.

    inferred: wires that are asked for, and must not depend on it.
    """
    box = next((b for b in flat.boxes if isinstance(b, Draw) and b.out.name == wire), None)
    if box is None:
        return None
    behind = _reached(flat, box)
    if behind & (needs(loop) | inferred) or any(isinstance(b, Draw) and needs(b) & behind for b in flat.boxes):
        return None
    handed = dict(loop.outs)
    whole = _inlined(box.kernel, flat, _reached(flat, loop) - set(handed))
    used = free(whole)
    if used & (_reached(flat, loop) - set(handed)):
        return None
    inside = wires(loop.body)
    seen: set[tuple[object, ...]] = set()
    try:
        kernel = _at_one(whole, handed, len(loop.iters), seen)
    except _Apart:
        return None
    index = tuple(s for _, s in loop.iters)
    if len(seen) > 1:
        return None
    if seen:
        (key,) = seen
        position = next((i for i, k in enumerate(index_points(index)) if k == key), None)
        if position is None:
            return None
    else:
        position = index_size(index) - 1 if loop.reversed and loop.carry else 0
    outside = wires(flat)
    more = [n for n in used if n not in handed and n not in loop.captured]
    if any(n in inside for n in more):
        return None
    name = _fresh(wire, set(inside)) if wire in inside else wire
    body = replace(
        loop.body, inputs=(*loop.body.inputs, *(Port(n, outside[n]) for n in more)),
        boxes=(*loop.body.boxes, replace(box, out=replace(box.out, name=name), kernel=kernel)),
    )  # fmt: skip
    made = replace(loop, body=body, captured=(*loop.captured, *more))
    boxes = [made if b is loop else b for b in flat.boxes if not {p.name for p in binds(b)} & behind]
    return replace(flat, boxes=in_order(boxes, [p.name for p in flat.inputs])), made, Pinned(name, position)


# ------------------------------------------------------------------------------- uses


def _cut(diagram: Diagram, whole: str, now: str, variables: tuple[str, ...]) -> Diagram:
    """The diagram that takes the element `now` where it took the family `whole` at the round's own point.

    Raises `_Apart` where it takes any other.
    """
    item = next(p.space for p in diagram.inputs if p.name == whole)

    def term(each: Term) -> Term:
        match each:
            case At(family=Var(name=name), keys=keys, index=index) if name == whole:
                n = len(variables)
                if keys[:n] != tuple(map(Var, variables)):
                    raise _Apart
                return At(Var(now), tuple(map(term, keys[n:])), index[n:]) if len(keys) > n else Var(now)
            case Var(name=name) if name == whole:
                raise _Apart
        changed: Term = rebuild(each, term)
        return changed

    def names(group: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(now if n == whole else n for n in group)

    def inner(body: Diagram) -> Diagram:
        return _cut(body, whole, now, variables) if any(p.name == whole for p in body.inputs) else body

    boxes: list[Box] = []
    for box in diagram.boxes:
        match box:
            case Compute():
                boxes.append(replace(box, term=term(box.term)))
            case Draw():
                boxes.append(replace(box, kernel=term(box.kernel)))
            case Loop() if whole in {c.init for c in box.carry}:
                raise _Apart
            case Loop():
                boxes.append(replace(box, body=inner(box.body), captured=names(box.captured)))
            case Branch() if box.subject == whole:
                raise _Apart
            case Branch():
                arms = tuple(Arm(a.label, a.values, inner(a.body)) for a in box.arms)
                boxes.append(replace(box, arms=arms, captured=names(box.captured)))
            case _:
                raise _Apart
    element = Port(now, _element(item, len(variables)))
    return replace(diagram, inputs=tuple(element if p.name == whole else p for p in diagram.inputs), boxes=tuple(boxes))


def _element(space: Space, n: int) -> Space:
    """What a family holds at points of its first `n` indices."""
    assert isinstance(space, Family)
    rest = space.index[n:]
    return family(rest, space.item) if rest else space.item


def _at_one(term: Term, handed: dict[str, str], n: int, seen: set[tuple[object, ...]]) -> Term:
    """A term of the body for one that takes families of the loop at one known point; the point is added to `seen`."""
    match term:
        case At(family=Var(name=name), keys=keys, index=index) if name in handed:
            if not all(isinstance(k, Const) for k in keys[:n]) or len(keys) < n:
                raise _Apart
            seen.add(tuple(k.value for k in keys[:n] if isinstance(k, Const)))
            rest = tuple(_at_one(k, handed, n, seen) for k in keys[n:])
            return At(Var(handed[name]), rest, index[n:]) if rest else Var(handed[name])
        case Var(name=name) if name in handed:
            raise _Apart
    changed: Term = rebuild(term, lambda t: _at_one(t, handed, n, seen))
    return changed


def _inlined(term: Term, flat: Diagram, behind: frozenset[str]) -> Term:
    """The term with wires of `behind` that are computed replaced by what computes them."""
    terms = {b.out.name: b.term for b in flat.boxes if isinstance(b, Compute) and b.out.name in behind}
    while found := {n: terms[n] for n in free(term) if n in terms}:
        term = substitute(term, found)
    return term


def _reached(flat: Diagram, start: Box) -> frozenset[str]:
    """The wires that depend on what a box puts out, its own included."""
    found = {p.name for p in binds(start)}
    for box in flat.boxes:
        if box is not start and needs(box) & found:
            found.update(p.name for p in binds(box))
    return frozenset(found)


def _fresh(name: str, taken: set[str]) -> str:
    found = f"{name}'"
    while found in taken:
        found += "'"
    return found


__all__ = ["Pinned", "joined_loops", "pinned"]
