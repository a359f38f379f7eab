"""A program: what a text elaborates to. Params, funs, diagrams, strategies and questions, by name; plain data.

Params that fix a size or a bound of a type are *static*: their value is already built into the
spaces of this program, and changing one means elaborating again (the session does). The others stay
symbolic as `terms.Param` and are supplied with a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opengames.diagram import Diagram, Port
from opengames.plain import dataclass, field
from opengames.spaces import Space
from opengames.spans import Span
from opengames.terms import Term

At_ = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ParamDecl:
    """value: the default or supplied value (see `spaces` for its form), `None` if it still has to be supplied.

    index_names: of a family, the names of its index types, `""` for one without; data files name keys by them.
    """

    name: str
    space: Space
    value: Any = None
    static: bool = False
    at: Span | None = At_
    index_names: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Fun:
    """A total function. body: over `Var`s named as the inputs."""

    name: str
    inputs: tuple[Port, ...]
    output: Space
    body: Term
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Plan:
    """What one seat does at one decision.

    seat: the seat's name; seat_vars: names for its indices, free in `term`.
    decision: the wire decided, or a dotted path that ends in it where the wire alone is ambiguous.
    term: over what the decision sees (and `seat_vars`); of distribution kind if `mixed`.
    """

    seat: str
    seat_vars: tuple[str, ...]
    decision: str
    term: Term
    mixed: bool = False
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Strategy:
    """A choice for every decision of `game` (the name of a diagram in `Program.diagrams`)."""

    name: str
    game: str
    plans: tuple[Plan, ...]
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Recognition:
    """A declared Bayesian inverse. generative: name of the channel inverted, `None` if `diagram` is given by a block.

    observed, given, inferred: wire names, matched between `diagram`'s ports and the channel's.
    index_names: of each input, as of a param.
    """

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    generative: str | None
    method: Method | None
    observed: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    diagram: Diagram | None = None
    at: Span | None = At_
    index_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Method:
    """What follows `by` in a question: `simulate[runs = 1000]` is `Method("simulate", (("runs", Fraction(1000)),))`."""

    name: str
    options: tuple[tuple[str, Any], ...] = ()
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade in the market that a question asks. verb: `buy`, `sell` or `move`.

    player, index: the seat that trades. event, given: over wires. amount: shares, or the price to move to.
    """

    verb: str
    player: str
    index: tuple[Term, ...]
    event: Term
    given: Term | None
    amount: Term
    at: Span | None = At_

    @property
    def terms(self) -> tuple[Term, ...]:
        """Every term of it."""
        return (*self.index, self.event, *(() if self.given is None else (self.given,)), self.amount)


@dataclass(frozen=True, slots=True)
class Question:
    """A `verify` (kind "verify", boolean) or `query` (kind "query").

    term: over the wires of `of`'s top level, with `Ask` nodes for what needs a reading or a solver.
    of: name of a diagram in `Program.diagrams`. under: name of a strategy.
    space: of the answer, where it is a value (`None` for answers such as a set of equilibria); where it is a
    distribution, of the values that it distributes.
    text: as the author wrote it, for reports. after: trades in the market on `of`, before it is asked.
    """

    kind: str
    name: str
    term: Term
    of: str | None = None
    under: str | None = None
    by: Method | None = None
    space: Space | None = None
    text: str = ""
    at: Span | None = At_
    after: tuple[Trade, ...] = ()


@dataclass(frozen=True, slots=False)
class Program:
    """Everything a text declares, elaborated. Mappings keep the order of the text."""

    name: str = ""
    doc: str = ""
    types: Mapping[str, Space] = field(default_factory=dict)
    params: Mapping[str, ParamDecl] = field(default_factory=dict)
    players: Mapping[str, tuple[Space, ...]] = field(default_factory=dict)
    funs: Mapping[str, Fun] = field(default_factory=dict)
    diagrams: Mapping[str, Diagram] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    strategies: Mapping[str, Strategy] = field(default_factory=dict)
    recognitions: Mapping[str, Recognition] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()
    docs: Mapping[str, str] = field(default_factory=dict)

    def param_values(self) -> dict[str, Any]:
        """The params that have a value."""
        return {name: p.value for name, p in self.params.items() if p.value is not None}
