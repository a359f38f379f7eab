"""Diagrams: the one intermediate form, a typed, acyclic, hierarchical string diagram.

A diagram has four ports, those of an open game `(X, S) -> (Y, R)`:

* `inputs`  X, wires that come in on the left;
* `outputs` Y, wires that leave on the right;
* `expects` R, what comes back from the right (the continuation's answer);
* `reports` S, what this diagram sends back to the left.

A channel is a diagram with `expects` and `reports` empty and no `Decide` inside. Every wire has one
name, unique in its diagram, bound by one box or by an input or an `expects` port. A wire used twice is
copied, an unused one is discarded. `boxes` are in an order in which every forward wire is bound before it
is used. Backward use (`Decide.earning`, `Call.paying`, `Loop.paying`, `Branch.paying`) may name any wire
of the diagram, bound earlier or later: those are drawn bent backwards.

Bodies of loops and arms of branches are diagrams of their own, closed: what they use of the outside is
in their `inputs` (forward) or `expects` (backward), under the same name.

Paths. A box is addressed by the names of the calls around it, the labels of the branch arms
around it, and its own name, joined by `.`: `bid_ann.bid`, `paid.switched`, `raised=true.card`.
Loops add indices, not names.

Source: Ghani, Hedges, Winschel, Zahn, Compositional game theory (2018), for the four ports; the
representation is ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush
from typing import Any

from opengames.plain import dataclass, field
from opengames.spaces import UNIT, Family, Record, Space, family
from opengames.spans import Span
from opengames.terms import Term, free

At_ = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Port:
    """A typed wire end."""

    name: str
    space: Space
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Seat:
    """Who decides: `prosumer[u, i, k]` is `Seat("prosumer", (Var("u"), Var("i"), Var("k")))`."""

    name: str
    index: tuple[Term, ...] = ()


@dataclass(frozen=True, slots=True)
class Compute:
    """A deterministic box: one wire, defined by a term. hidden: made by elaboration, not written by the author."""

    out: Port
    term: Term
    hidden: bool = False
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Draw:
    """A stochastic box: one wire, drawn from the distribution that `kernel` describes."""

    out: Port
    kernel: Term
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Rule:
    """A named rule of a decision: `term` is boolean, over wires of the diagram and the bound `iters`."""

    name: str
    iters: tuple[tuple[str, Space], ...]
    term: Term
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Decide:
    """A decision: the seat chooses the `outs` jointly, knowing the `seeing` wires.

    earning: the wire (or `expects` port) whose expectation the seat wants large.
    needs: further wires that `rules` use and that do not depend on the move. They are available to the
        solver of the rules (a clearing sees the data of its rules), not to a strategy.
    duals: for decisions that are clearings, one wire per rule whose `dual` the text asks for. The port's
        name is `dual NAME`, its space is that of the rule's multiplier (a family over the rule's `iters`).
    """

    outs: tuple[Port, ...]
    seat: Seat
    seeing: tuple[str, ...]
    earning: str
    rules: tuple[Rule, ...] = ()
    needs: tuple[str, ...] = ()
    duals: tuple[Port, ...] = ()
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Call:
    """A diagram used as a box.

    name: the box's path segment (the first wire it binds, for boxes that come from a text).
    args: one wire per input of `diagram`. outs: one new wire per output.
    paying: one wire per `expects` port, from here backward into the box.
    reports: one new wire per `reports` port, from the box backward to here.
    """

    name: str
    diagram: Diagram
    args: tuple[str, ...]
    outs: tuple[str, ...]
    paying: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Carry:
    """A wire carried from one iteration to the next.

    name: the body's input. init: the wire of the enclosing diagram that the first iteration gets.
    next: the body's output that the following iteration gets.
    """

    name: str
    space: Space
    init: str
    next: str


@dataclass(frozen=True, slots=True)
class Loop:
    """The body once for every point of `iters` (row-major); along `carry` in sequence, else in parallel.

    body.inputs: the iteration variables, then the carried wires, then `captured` (same names as outside).
    outs: (family wire bound here, wire of the body) pairs; the family's index is `iters`.
    lasts: (wire bound here, carry name) pairs: the carried value after the last iteration.
    paying: outside wires for `body.expects`, in order (usually under the same name).
    reversed: iterate the (single) range from its end; families stay in index order.
    """

    name: str
    iters: tuple[tuple[str, Space], ...]
    body: Diagram
    captured: tuple[str, ...]
    carry: tuple[Carry, ...] = ()
    outs: tuple[tuple[str, str], ...] = ()
    lasts: tuple[tuple[str, str], ...] = ()
    paying: tuple[str, ...] = ()
    reversed: bool = False
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Arm:
    """One branch: taken when the subject is one of `values`. label: its path segment, such as `raised=true`."""

    label: str
    values: tuple[Any, ...]
    body: Diagram


@dataclass(frozen=True, slots=True)
class Branch:
    """External choice: exactly one arm happens, by the value of the wire `subject`.

    Every arm's body has `inputs` = `captured`, and outputs named as `outs`: wires defined on every
    branch merge. Decisions inside an arm are reached only there. Every value of the subject's (finite)
    space belongs to exactly one arm; an arm without statements has no boxes.
    paying: for each arm, the outside wires for its body's `expects`.
    """

    name: str
    subject: str
    arms: tuple[Arm, ...]
    captured: tuple[str, ...]
    outs: tuple[Port, ...] = ()
    paying: tuple[tuple[str, ...], ...] = ()
    at: Span | None = At_


Box = Compute | Draw | Decide | Call | Loop | Branch


@dataclass(frozen=True, slots=True)
class Diagram:
    """See the module. name: as declared, for example `Bidder[ann]`."""

    name: str
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    boxes: tuple[Box, ...] = ()
    expects: tuple[Port, ...] = ()
    reports: tuple[Port, ...] = ()
    at: Span | None = At_

    @property
    def domain(self) -> Space:
        return bundle(self.inputs)

    @property
    def codomain(self) -> Space:
        return bundle(self.outputs)

    def __rshift__(self, other: Diagram) -> Diagram:
        from opengames.compose import then

        return then(self, other)

    def __matmul__(self, other: Diagram) -> Diagram:
        from opengames.compose import beside

        return beside(self, other)


def bundle(ports: tuple[Port, ...]) -> Space:
    """The space of several ports: the unit, the one space, or the record of them."""
    if not ports:
        return UNIT
    if len(ports) == 1:
        return ports[0].space
    return Record(tuple((p.name, p.space) for p in ports))


def binds(box: Box) -> tuple[Port, ...]:
    """The wires that a box binds in its diagram, with their spaces."""
    match box:
        case Compute(out=out) | Draw(out=out):
            return (out,)
        case Decide(outs=outs, duals=duals):
            return outs + duals
        case Call(diagram=inner, outs=outs, reports=reports):
            named = zip(outs + reports, inner.outputs + inner.reports, strict=True)
            return tuple(Port(name, port.space, port.at) for name, port in named)
        case Loop(body=body, iters=iters, outs=outs, lasts=lasts, carry=carry):
            inside = {p.name: p.space for p in body.outputs}
            index = tuple(space for _, space in iters)
            carried = {c.name: c.space for c in carry}
            return tuple(Port(name, family(index, inside[wire])) for name, wire in outs) + tuple(
                Port(name, carried[c]) for name, c in lasts
            )
        case Branch(outs=outs):
            return outs
    raise TypeError(f"not a box: {box!r}")


def needs(box: Box) -> frozenset[str]:
    """The wires that must be bound before the box can happen (forward use only)."""
    match box:
        case Compute(term=term) | Draw(kernel=term):
            return free(term)
        case Decide(seat=seat, seeing=seeing, needs=more):
            index: frozenset[str] = frozenset().union(*(free(t) for t in seat.index))
            return frozenset(seeing) | frozenset(more) | index
        case Call(args=args):
            return frozenset(args)
        case Loop(captured=captured, carry=carry):
            return frozenset(captured) | {c.init for c in carry}
        case Branch(subject=subject, captured=captured):
            return frozenset(captured) | {subject}
    raise TypeError(f"not a box: {box!r}")


def in_order(boxes: Iterable[Box], given: Iterable[str]) -> tuple[Box, ...]:
    """The boxes so that every wire is bound before it is used; as they came, where that leaves a choice.

    given: the wires that are there from the start. Raises `ValueError` naming the wires that wait for each other.
    """
    known = set(given)
    every = list(boxes)
    waiting: list[set[str]] = [set(needs(box)) - known for box in every]
    behind: dict[str, list[int]] = {}
    for i, names in enumerate(waiting):
        for name in names:
            behind.setdefault(name, []).append(i)
    ready = [i for i, names in enumerate(waiting) if not names]
    heapify(ready)
    order: list[Box] = []
    while ready:
        box = every[heappop(ready)]
        order.append(box)
        for port in binds(box):
            for i in behind.pop(port.name, ()):
                waiting[i].discard(port.name)
                if not waiting[i]:
                    heappush(ready, i)
    if len(order) < len(every):
        stuck = ", ".join(sorted(set().union(*waiting)))
        raise ValueError(f"these wires wait for each other: {stuck}")
    return tuple(order)


def wires(diagram: Diagram) -> dict[str, Space]:
    """Every wire of the diagram's own level, with its space, in binding order."""
    found = {p.name: p.space for p in diagram.inputs + diagram.expects}
    for box in diagram.boxes:
        found.update((p.name, p.space) for p in binds(box))
    return found


def bodies(box: Box) -> tuple[tuple[str, Diagram], ...]:
    """The diagrams inside a box, each with the path segment it adds (`""` for none)."""
    match box:
        case Call(name=name, diagram=inner):
            return ((name, inner),)
        case Loop(body=body):
            return (("", body),)
        case Branch(arms=arms):
            return tuple((arm.label, arm.body) for arm in arms)
    return ()


def weight(diagram: Diagram, known: dict[int, int] | None = None) -> int:
    """How many boxes there are once every call is opened (a loop's body counts once).

    A diagram used twice is one piece of data, so this can be exponential in what was written; it is computed once for each piece.
    """
    seen = {} if known is None else known
    if id(diagram) not in seen:
        inner = sum(weight(body, seen) for box in diagram.boxes for _, body in bodies(box))
        seen[id(diagram)] = len(diagram.boxes) + inner
    return seen[id(diagram)]


def walk(diagram: Diagram, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Box]]:
    """Every box at every depth, with the path of the diagram it stands in."""
    for box in diagram.boxes:
        yield path, box
        for segment, inner in bodies(box):
            yield from walk(inner, path + ((segment,) if segment else ()))


__all__ = [
    "Arm", "Box", "Branch", "Call", "Carry", "Compute", "Decide", "Diagram", "Draw", "Family", "Loop", "Port",
    "Rule", "Seat", "binds", "bodies", "bundle", "in_order", "needs", "walk", "weight", "wires",
]  # fmt: skip
