"""Steps: what a question needs done, and in which slots the values stand.

A diagram and a question make a list of steps (a *region*): calls are entered, what the question does not depend on is
absent. Loops and branches keep regions of their own. A slot is a wire's place, named uniquely in the
plan; slots that begin with `@` are iteration variables, the same in every state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from opengames.diagnostics import Refusal
from opengames.spans import Span

Code = Callable[[dict[str, Any]], Any]
#: (name in the code's environment, slot) pairs.
Reads = tuple[tuple[str, str], ...]


@dataclass(eq=False)
class Calc:
    """A deterministic value."""

    out: str
    code: Code
    reads: Reads
    snap: Callable[[Any], Any] | None = None
    at: Span | None = None


@dataclass(eq=False)
class Sample:
    """A draw; `code` gives (value, chance) pairs."""

    out: str
    code: Code
    reads: Reads
    snap: Callable[[Any], Any] | None = None
    at: Span | None = None


@dataclass(eq=False)
class Gain:
    """Adds the expectation of `code`, times what the demand weighs, to a component."""

    demand: int
    code: Code
    reads: Reads


@dataclass(eq=False)
class Keep:
    """Evidence: states where `code` is false vanish."""

    code: Code
    reads: Reads


@dataclass(eq=False)
class Region:
    """Steps done in one go. scaled: (demand, outer demand, code, reads of iteration variables), done on entry."""

    steps: list[Step] = field(default_factory=list)
    scaled: list[tuple[int, int, Code, Reads]] = field(default_factory=list)


@dataclass(eq=False)
class Running:
    """A fold over a loop's iterations, held as one value. part: a slot of the body."""

    out: str
    part: str
    start: Any
    add: Callable[[Any, Any], Any]


@dataclass(eq=False)
class Repeat:
    """A loop. indices: the values of the iteration variables, in the order of iteration.

    fixed: the slots of the iteration variables. carries: (slot before, first, next) triples of slots.
    lasts: (slot here, slot before) pairs. running: folds, of which a whole family is one.
    picks: (slot here, slot of the body, iteration) triples. demands: (inner, outer, weight of each iteration).
    """

    fixed: tuple[str, ...]
    indices: tuple[tuple[Any, ...], ...]
    region: Region = field(default_factory=Region)
    carries: list[tuple[str, str, str]] = field(default_factory=list)
    lasts: list[tuple[str, str]] = field(default_factory=list)
    running: list[Running] = field(default_factory=list)
    picks: list[tuple[str, str, int]] = field(default_factory=list)
    demands: list[tuple[int, int, dict[int, Fraction] | None]] = field(default_factory=list)
    at: Span | None = None


@dataclass(eq=False)
class Switch:
    """A branch. arms: (values of the subject, region, slots of the outs in that arm)."""

    subject: str
    arms: list[tuple[tuple[Any, ...], Region, list[str]]]
    outs: list[str] = field(default_factory=list)
    at: Span | None = None


class Fault:
    """Stands for a value that could not be computed, until somebody needs it."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal


class Faulty(dict[str, Any]):
    """An environment in which some values could not be computed: reading one raises its refusal."""

    def __init__(self, values: dict[str, Any], faults: dict[str, Fault]) -> None:
        super().__init__(values)
        self.faults = faults

    def __missing__(self, name: str) -> Any:
        raise self.faults[name].refusal

    def copy(self) -> Faulty:
        return Faulty(self, self.faults)


def late(code: Code) -> Code:
    """`code`, with a refusal made into a `Fault`: what runs ahead of its turn may turn out not to be needed."""

    def careful(env: dict[str, Any]) -> Any:
        try:
            return code(env)
        except Refusal as refusal:
            return Fault(refusal)

    return careful


Step = Calc | Sample | Gain | Keep | Repeat | Switch


def is_fixed(slot: str) -> bool:
    return slot.startswith("@")


def reads(step: Step) -> frozenset[str]:
    """The slots that a step needs, iteration variables left out."""
    match step:
        case Repeat(carries=carries):
            return captured(step) | {first for _, first, _ in carries}
        case Switch(subject=subject, arms=arms):
            own = frozenset() if is_fixed(subject) else frozenset((subject,))
            return own.union(*(outside(region, set(outs)) for _, region, outs in arms))
    return frozenset(slot for _, slot in step.reads if not is_fixed(slot))


def captured(step: Repeat) -> frozenset[str]:
    """The slots that every iteration of a loop needs from around it."""
    ends = {nxt for _, _, nxt in step.carries} | {r.part for r in step.running} | {part for _, part, _ in step.picks}
    own = {before for before, _, _ in step.carries}
    return outside(step.region, ends) - own


def writes(step: Step) -> tuple[str, ...]:
    """The slots that a step fills."""
    match step:
        case Calc(out=out) | Sample(out=out):
            return (out,)
        case Repeat(lasts=lasts, running=running, picks=picks):
            return tuple(s for s, _ in lasts) + tuple(r.out for r in running) + tuple(s for s, _, _ in picks)
        case Switch(outs=outs):
            return tuple(outs)
    return ()


def outside(region: Region, wanted: set[str]) -> frozenset[str]:
    """The slots that a region needs from around it, when `wanted` is read at its end."""
    made = {s for step in region.steps for s in writes(step)}
    needed = frozenset(s for s in wanted if not is_fixed(s)).union(*(reads(step) for step in region.steps))
    return needed - made
