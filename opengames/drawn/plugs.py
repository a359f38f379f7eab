"""What a picture of one level of a diagram shows: which boxes, and which wire ends where.

Boxes that elaboration made and that only rename or combine wires for one forward use are folded into that
use. Iteration variables are not drawn as wires, except into what a decision sees: every box that mentions one
names it in its text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from opengames.diagram import Box, Branch, Call, Compute, Decide, Diagram, Draw, Loop, binds
from opengames.terms import Term, Var, free, substitute

#: More wires than this into one side of a box are not drawn one by one.
MANY = 24
#: More boxes than this on one level are not drawn one by one.
MOST = 60


@dataclass(frozen=True, slots=True)
class Plug:
    """A place on a box where wires arrive. kind: "forward", "backward", "rule" or "feedback"."""

    side: str
    port: str
    wires: tuple[str, ...]
    kind: str = "forward"


@dataclass(frozen=True)
class Level:
    """One level as shown. boxes: (position, box). inline: terms of folded boxes by wire. rest: boxes not drawn.

    same: folded boxes that only give a wire another name.
    """

    boxes: tuple[tuple[int, Box], ...]
    inline: dict[str, Term]
    quiet: frozenset[str]
    rest: tuple[Box, ...] = ()
    same: dict[str, str] = field(default_factory=dict)

    def resolve(self, wire: str) -> tuple[str, ...]:
        """The wires that are drawn where `wire` is used."""
        if wire not in self.inline:
            return (wire,) if wire not in self.quiet else ()
        return tuple(sorted(free(self.inline[wire]) - self.quiet))

    def term(self, wire: str) -> Term:
        """What stands at a use of `wire`: itself, or the folded term."""
        return self.inline.get(wire, Var(wire))

    def plugs(self, box: Box) -> list[Plug]:
        """Where wires arrive at `box`, at most `MANY` places on the left."""
        found = list(_plugs(box, self))
        left = [p for p in found if p.side == "left"]
        return left[:MANY] + [p for p in found if p.side == "right"][:MANY]


def level(diagram: Diagram, quiet: frozenset[str], most: int) -> Level:
    """`diagram`'s own level with at most `most` boxes; the last ones make the rest."""
    same = _renamed(diagram, quiet)
    inline = _inline(diagram, same)
    shown = [(i, b) for i, b in enumerate(diagram.boxes) if not (isinstance(b, Compute) and b.out.name in inline)]
    return Level(tuple(shown[:most]), inline, quiet, tuple(b for _, b in shown[most:]), same)


def backward(box: Box) -> Iterator[str]:
    """The wires that the box uses backward: earnings, payments, and what rules say about what comes later."""
    match box:
        case Decide(earning=earning):
            yield earning
            yield from rule_wires(box)
        case Call(paying=paying) | Loop(paying=paying):
            yield from paying
        case Branch(paying=paying):
            for each in paying:
                yield from each


def rule_wires(box: Decide) -> list[str]:
    """Wires that rules speak of and that are computed from the move."""
    before = {p.name for p in box.outs} | set(box.seeing) | set(box.needs)
    later: set[str] = set()
    for rule in box.rules:
        later |= free(rule.term) - {name for name, _ in rule.iters}
    return sorted(later - before - {box.earning})


def forward(box: Box) -> Iterator[str]:
    """The wires that the box uses forward, once for each use."""
    match box:
        case Compute(term=term) | Draw(kernel=term):
            yield from sorted(free(term))
        case Decide(seat=seat, seeing=seeing, needs=needs):
            yield from dict.fromkeys((*seeing, *needs, *(v for t in seat.index for v in sorted(free(t)))))
        case Call(args=args):
            yield from args
        case Loop(captured=captured, carry=carry):
            yield from captured
            yield from (c.init for c in carry)
        case Branch(subject=subject, captured=captured):
            yield from dict.fromkeys((subject, *captured))


def used_inside(diagram: Diagram) -> frozenset[str]:
    """The wires that anything inside uses, or that leave."""
    found = {p.name for p in diagram.outputs + diagram.reports}
    for box in diagram.boxes:
        found.update(forward(box))
        found.update(backward(box))
    return frozenset(found)


def _foldable(box: Box, wire: str) -> bool:
    """Whether a term may stand in place of `wire` at `box`."""
    match box:
        case Compute() | Draw() | Call():
            return True
        case Loop(captured=captured):
            return wire not in captured
        case Branch(captured=captured):
            return wire not in captured
    return False


def _renamed(diagram: Diagram, quiet: frozenset[str]) -> dict[str, str]:
    """Hidden boxes that only pass a wire on, as the wire that they pass on."""
    same: dict[str, str] = {}
    for box in diagram.boxes:
        if isinstance(box, Compute) and box.hidden and isinstance(box.term, Var) and box.term.name not in quiet:
            same[box.out.name] = same.get(box.term.name, box.term.name)
    return same


def _inline(diagram: Diagram, same: dict[str, str]) -> dict[str, Term]:
    uses = Counter(w for box in diagram.boxes for w in forward(box))
    fixed = {p.name for p in diagram.outputs + diagram.reports}
    for box in diagram.boxes:
        fixed.update(backward(box))
        fixed.update(w for w in forward(box) if not _foldable(box, w))
    inline: dict[str, Term] = {wire: Var(other) for wire, other in same.items()}
    for box in diagram.boxes:
        if not isinstance(box, Compute) or not box.hidden or box.out.name in fixed or box.out.name in same:
            continue
        if 1 <= uses[box.out.name] <= 2:
            inline[box.out.name] = substitute(box.term, inline)
    return inline


def _plugs(box: Box, here: Level) -> Iterator[Plug]:
    match box:
        case Compute(term=term) | Draw(kernel=term):
            for wire in sorted({w for name in free(term) for w in here.resolve(name)}):
                yield Plug("left", wire, (wire,))
        case Decide(earning=earning, seeing=seeing):
            for wire in forward(box):
                if wire in seeing or wire not in here.quiet:
                    yield Plug("left", wire, (wire,))
            yield Plug("right", "#earning", (earning,), "backward")
            for wire in rule_wires(box):
                if wire not in here.quiet:
                    yield Plug("right", f"#rule {wire}", (wire,), "rule")
        case Call(args=args, paying=paying):
            for i, wire in enumerate(args):
                yield Plug("left", f"#in{i}", here.resolve(wire))
            for i, wire in enumerate(paying):
                yield Plug("right", f"#pay{i}", (wire,), "backward")
        case Loop(captured=captured, carry=carry, paying=paying, body=body):
            used = used_inside(body)
            for c in carry:
                yield Plug("left", f"#init {c.name}", here.resolve(c.init))
            for wire in captured:
                if wire in used and wire not in here.quiet:
                    yield Plug("left", f"#cap {wire}", (wire,))
            for i, wire in enumerate(paying):
                yield Plug("right", f"#pay{i}", (wire,), "backward")
        case Branch(subject=subject, arms=arms, captured=captured, paying=paying):
            yield Plug("left", "#subject", here.resolve(subject))
            for a, arm in enumerate(arms):
                used = used_inside(arm.body)
                for wire in captured:
                    if wire in used and wire not in here.quiet:
                        yield Plug("left", f"#arm{a} {wire}", (wire,))
            for a, wires in enumerate(paying):
                for i, wire in enumerate(wires):
                    yield Plug("right", f"#pay{a} {i}", (wire,), "backward")


def bound(box: Box) -> list[str]:
    """The wires that leave the box on the right, in order."""
    reports = set(box.reports) if isinstance(box, Call) else set()
    return [p.name for p in binds(box) if p.name not in reports]
