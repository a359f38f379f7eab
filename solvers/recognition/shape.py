"""A channel as a state space: what is drawn once, the round that a loop repeats, and where evidence comes in.

A recognition observes some outputs of a channel and infers others. Where the evidence is handed out by a loop that carries
a state, the channel is a hidden Markov model in the wide sense: `before` draws the first state and what stays the
same, `loop.body` moves the state by one round and emits. Evidence that comes from several places is brought into one loop as
far as it can be (`gathered`). Any other channel is one round without a state.

Nothing here looks at more than the diagram, so every state-space channel is read the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from opengames.diagnostics import Refusal, refuse
from opengames.diagram import Branch, Compute, Decide, Diagram, Draw, Loop, Port, binds, needs, walk, wires
from opengames.flatten import flatten
from opengames.plain import replace
from opengames.program import Program, Recognition
from opengames.solvers.recognition.gathered import Pinned, joined_loops, pinned
from opengames.solvers.recognition.relevant import relevant, relevant_loop
from opengames.spaces import Space, size
from opengames.spans import Span
from opengames.terms import Check, Var


@dataclass(frozen=True)
class Seen:
    """Evidence. name: as the recognition calls it. wire: of the round, of `space` there.

    at: the position of the only round in which it is observed; `None` for a family with an entry for every round.
    """

    name: str
    wire: str
    space: Space
    at: int | None = None


@dataclass(frozen=True)
class Sought:
    """What is inferred. wire: of the round if `every` round has one of its own, else drawn before it or carried out of it.

    space: of one round. last: the carried wire whose value after the last round is meant.
    """

    name: str
    wire: str
    space: Space
    every: bool = True
    last: bool = False


@dataclass(frozen=True)
class StateSpace:
    """A channel taken apart. See the module.

    before: puts out what the first round takes in, `loop.captured` and the first carried values, as far as it is no input.
    loop: its body is a round; without `iters` there is one. latent: wires of the round that depend on a draw.
    kept: captured wires that depend on a draw made before the loop; evidence tells about them too.
    """

    channel: str
    before: Diagram
    loop: Loop
    seen: tuple[Seen, ...]
    sought: tuple[Sought, ...]
    latent: frozenset[str]
    kept: tuple[Port, ...]
    at: Span | None = None

    @property
    def rounds(self) -> int:
        return prod(size(s) or 0 for _, s in self.loop.iters)

    @property
    def index(self) -> tuple[Space, ...]:
        """Of the families that the loop hands out; nothing for a single round."""
        return tuple(s for _, s in self.loop.iters)


def state_space(program: Program, declared: Recognition) -> StateSpace:
    """The channel that `declared` inverts, taken apart. Raises `Refusal` (`unsuited-filter`) where no filter can run it."""
    channel = generative(program, declared)
    whole = flatten(channel)
    wanted = {_source(whole, n)[0] for n in declared.observed}
    flat = joined_loops(whole, wanted)
    sources = {name: _source(flat, name) for name in declared.observed}
    loops = {id(box): box for _, box in sources.values() if isinstance(box, Loop)}
    if len(loops) != 1:
        return _single(whole, declared)
    (loop,) = loops.values()
    pins: dict[str, Pinned] = {}
    inferred = frozenset(p.name for p in declared.outputs)
    for name, (wire, box) in sources.items():
        if isinstance(box, Loop):
            continue
        found = pinned(flat, loop, wire, inferred)
        if found is None:
            return _single(whole, declared)
        flat, loop, pins[name] = found
    return _around(flat, loop, {n: w for n, (w, _) in sources.items()}, pins, declared)


def generative(program: Program, declared: Recognition) -> Diagram:
    """The channel that a recognition inverts. Raises `Refusal` for one that is written out, or has open decisions."""
    if declared.generative is None:
        raise refuse(
            "not-yet", f"`{declared.name}` is written out, and does not say of which channel it is the inverse", span=declared.at,
            help="declare it `of` a channel `by` a method",
        )  # fmt: skip
    channel = program.diagrams[declared.generative]
    for path, box in walk(channel):
        if isinstance(box, Decide):
            name = ".".join((*path, box.outs[0].name))
            raise refuse("needs-strategy", f"`{name}` is decided by {box.seat.name}: only a channel has an inverse", span=box.at)
    inputs = {p.name for p in channel.inputs}
    for port in declared.outputs:
        if port.name in inputs:
            raise unsuited(
                f"`{port.name}` is an input of `{channel.name}`: nothing says how likely its values are", declared.at,
                help="draw it inside the channel, which is its prior",
            )  # fmt: skip
    for name in inputs - set(declared.given):
        raise unsuited(
            f"`{name}` is an input of `{channel.name}` and not one of `{declared.name}`", declared.at,
            "what the channel takes in must be given", f"add it: `{declared.name}({name}: ..., ...)`",
        )  # fmt: skip
    return channel


def unsuited(headline: str, at: Span | None, note: str = "", help: str = "") -> Refusal:
    """A filter cannot run this channel backward."""
    return refuse("unsuited-filter", headline, span=at, notes=(note,) if note else (), help=help)


def binder(diagram: Diagram, wire: str) -> Compute | Draw | Loop | Branch | None:
    """The box that binds a wire; `None` for an input."""
    for box in diagram.boxes:
        if any(p.name == wire for p in binds(box)):
            return box  # type: ignore[return-value]
    return None


def alias(box: object) -> str | None:
    """The wire that a computed one repeats, checked or not."""
    if not isinstance(box, Compute):
        return None
    term = box.term
    while isinstance(term, Check):
        term = term.value
    return term.name if isinstance(term, Var) else None


def _source(diagram: Diagram, wire: str) -> tuple[str, Compute | Draw | Loop | Branch | None]:
    """The wire that `wire` repeats, and the box that binds it."""
    box = binder(diagram, wire)
    under = alias(box)
    return (wire, box) if under is None else _source(diagram, under)


def _single(flat: Diagram, declared: Recognition) -> StateSpace:
    """Any channel as one round that carries nothing."""
    spaces = wires(flat)
    outs = tuple(dict.fromkeys((*declared.observed, *(p.name for p in declared.outputs))))
    body = relevant(replace(flat, outputs=tuple(Port(n, spaces[n]) for n in outs)), outs)
    loop = Loop("", (), body, tuple(p.name for p in flat.inputs))
    before = replace(flat, outputs=(), boxes=())
    seen = tuple(Seen(n, n, spaces[n]) for n in declared.observed)
    sought = tuple(Sought(p.name, p.name, spaces[p.name]) for p in declared.outputs)
    return StateSpace(flat.name, before, loop, seen, sought, _latent(body, frozenset()), (), declared.at)


def _around(flat: Diagram, loop: Loop, evidence: dict[str, str], pins: dict[str, Pinned], declared: Recognition) -> StateSpace:
    handed = dict(loop.outs)
    inside = wires(loop.body)
    seen = tuple(
        Seen(n, pins[n].wire, inside[pins[n].wire], pins[n].round) if n in pins else Seen(n, handed[w], inside[handed[w]])
        for n, w in evidence.items()
    )
    first = next(i for i, box in enumerate(flat.boxes) if box is loop)
    boxes = flat.boxes[:first]
    spaces = wires(replace(flat, boxes=boxes))
    drawn = _latent(replace(flat, boxes=boxes), frozenset())
    lasts = dict(loop.lasts)
    sought: list[Sought] = []
    once: list[str] = []
    for port in declared.outputs:
        wire, box = _source(flat, port.name)
        if box is loop and wire in handed:
            sought.append(Sought(port.name, handed[wire], inside[handed[wire]]))
        elif box is loop:
            carried = next(c for c in loop.carry if c.name == lasts[wire])
            sought.append(Sought(port.name, carried.name, carried.space, every=False, last=True))
        elif wire in spaces:
            sought.append(Sought(port.name, wire, spaces[wire], every=False))
            once.append(wire)
        else:
            raise unsuited(
                f"`{port.name}` comes about after the loop that draws `{seen[0].name}`", declared.at,
                "a filter infers what that loop hands out or carries, and what was drawn before it",
                "compute it inside the loop",
            )  # fmt: skip
    loop = relevant_loop(
        loop, [*(s.wire for s in seen), *(s.wire for s in sought if s.every)], [s.wire for s in sought if s.last]
    )
    given = {p.name for p in flat.inputs}
    wanted = dict.fromkeys([*loop.captured, *(c.init for c in loop.carry), *once])
    ports = tuple(Port(n, spaces[n]) for n in wanted if n not in given)
    before = relevant(replace(flat, boxes=boxes, outputs=ports), [p.name for p in ports])
    kept = tuple(Port(n, spaces[n]) for n in dict.fromkeys([*loop.captured, *once]) if n in drawn)
    start = frozenset(n for n in loop.captured if n in drawn)
    carried_latent: frozenset[str] = frozenset(c.name for c in loop.carry if c.init in drawn)
    while True:
        latent = _latent(loop.body, start | carried_latent)
        grown = carried_latent | {c.name for c in loop.carry if c.next in latent}
        if grown == carried_latent:
            break
        carried_latent = grown
    return StateSpace(flat.name, before, loop, seen, tuple(sought), latent, kept, declared.at)


def _latent(diagram: Diagram, given: frozenset[str]) -> frozenset[str]:
    """The wires that depend on a draw, where those of `given` do."""
    found = set(given)
    for box in diagram.boxes:
        random = isinstance(box, Draw) or (isinstance(box, Loop | Branch) and _draws(box))
        if random or needs(box) & found:
            found.update(p.name for p in binds(box))
    return frozenset(found)


def _draws(box: Loop | Branch) -> bool:
    inner = (box.body,) if isinstance(box, Loop) else tuple(arm.body for arm in box.arms)
    return any(isinstance(b, Draw) for body in inner for _, b in walk(body))


def reached(diagram: Diagram) -> frozenset[str]:
    """The wires of a flat diagram that depend on a draw in it."""
    return _latent(diagram, frozenset())


def depends(diagram: Diagram, wire: str, on: frozenset[str]) -> bool:
    """Whether a wire of a flat diagram depends on any of the wires `on`."""
    reached = set(on)
    for box in diagram.boxes:
        if needs(box) & reached:
            reached.update(p.name for p in binds(box))
    return wire in reached
