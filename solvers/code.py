"""A diagram unrolled: straight-line code over numbered slots, with forward jumps for branches.

One slot is one wire of one scope instance: wires that calls and loops merely pass on share the slot of
their origin, so a slot is also the identity of an earning. Everything is plain data; `unroll` makes it,
`layers` plays it.

Laws: a slot is written before it is read; jumps go forward only; every `Reward` stands as early as
what it is made of allows, so that equal histories can be merged soon.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from opengames.diagram import Decide
from opengames.program import Fun
from opengames.spaces import Space
from opengames.terms import Term
from opengames.tree import Player

#: Values of the free variables of a term.
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Formula:
    """A compiled term. wires: (variable, slot) pairs to fetch; fixed: variables whose value is known already.
    """

    run: Callable[[Values], Any]
    wires: tuple[tuple[str, int], ...]
    fixed: Values
    term: Term

    @property
    def slots(self) -> tuple[int, ...]:
        return tuple(slot for _, slot in self.wires)


@dataclass(slots=True)
class Assign:
    """`out` gets the value of `formula`."""

    out: int
    formula: Formula


@dataclass(slots=True)
class Gather:
    """`out` gets the family of the `items`; families among the items are joined (`flat`)."""

    out: int
    items: tuple[int, ...]
    flat: bool


@dataclass(slots=True)
class Draw:
    """`out` is drawn from the distribution that `formula` gives."""

    out: int
    formula: Formula
    place: str
    index: tuple[Any, ...]


@dataclass(slots=True)
class Choose:
    """A decision. seen: (wire, slot) pairs in the decision's order.

    moves: every joint move (a bare value for one wire, else a tuple); rules: conditions on a move, over the
    wires of `outs` by name and what the formula fetches. where: the path of the diagram around the decision;
    around: its loops (variable, space, value); types: the spaces of the wires it sees, earns and decides.
    """

    outs: tuple[int, ...]
    box: Decide
    where: tuple[str, ...]
    place: str
    index: tuple[Any, ...]
    player: Player
    seen: tuple[tuple[str, int], ...]
    moves: tuple[Any, ...]
    rules: tuple[Formula, ...]
    around: tuple[tuple[str, Space, Any], ...] = ()
    types: dict[str, Space] = field(default_factory=dict)

    def seen_values(self, values: tuple[Any, ...]) -> tuple[tuple[str, Any], ...]:
        """What is seen, with the wires' names."""
        return tuple((name, v) for (name, _), v in zip(self.seen, values, strict=True))


@dataclass(slots=True)
class Split:
    """External choice: go on at the target of the arm that the subject's value belongs to."""

    subject: int
    targets: dict[Any, int]
    arms: tuple[tuple[str, tuple[Any, ...], int], ...]
    place: str
    index: tuple[Any, ...]


@dataclass(slots=True)
class Join:
    """The end of an arm: `moved` (merged wire, arm's wire) pairs, then go on at `target`."""

    moved: tuple[tuple[int, int], ...]
    target: int


@dataclass(slots=True)
class Mark:
    """An arm that is certainly taken here; kept so that its reach is reported."""

    place: str
    index: tuple[Any, ...]


@dataclass(slots=True)
class Reward:
    """Each of `receivers` earns `scale` times the value of `formula`: (formula, ((player, scale), ...))
    entries.
    """

    entries: tuple[tuple[Formula, tuple[tuple[Player, Fraction], ...]], ...]


Step = Assign | Gather | Draw | Choose | Split | Join | Mark | Reward


@dataclass(slots=True)
class Code:
    """The whole play.

    fixed: slots whose value never changes. base: what players earn whatever happens. refill: renews the
    budget of the formulas. cuts: where an iteration of an outermost carrying loop starts, with what it
    carries (slot: wire and space). spaces: of slots, where known. scope: the funs and params that terms use.
    live: before each step, the slots whose values still matter; dead: steps that do not.
    """

    steps: list[Step]
    fixed: dict[int, Any]
    players: tuple[Player, ...]
    base: dict[Player, Fraction]
    earnings: dict[Player, tuple[int, ...]]
    refill: Callable[[], None]
    cuts: dict[int, dict[int, tuple[str, Space]]]
    spaces: dict[int, Space]
    scope: tuple[Mapping[str, Fun], Mapping[str, Any]]
    live: list[tuple[int, ...]] = field(default_factory=list)
    dead: list[bool] = field(default_factory=list)

    def choices(self) -> list[Choose]:
        return [s for s in self.steps if isinstance(s, Choose)]


def reads(step: Step) -> tuple[int, ...]:
    """The slots that a step needs."""
    match step:
        case Assign(formula=formula) | Draw(formula=formula):
            return formula.slots
        case Gather(items=items):
            return items
        case Choose(seen=seen, rules=rules):
            return tuple(s for _, s in seen) + tuple(s for rule in rules for s in rule.slots)
        case Split(subject=subject):
            return (subject,)
        case Join(moved=moved):
            return tuple(source for _, source in moved)
        case Reward(entries=entries):
            return tuple(s for formula, _ in entries for s in formula.slots)
    return ()


def writes(step: Step) -> tuple[int, ...]:
    """The slots that a step binds."""
    match step:
        case Assign(out=out) | Gather(out=out) | Draw(out=out):
            return (out,)
        case Choose(outs=outs):
            return outs
        case Join(moved=moved):
            return tuple(out for out, _ in moved)
    return ()
