"""A finite channel as a Bayesian network: one variable for every draw and every value computed on the way.

A wire has the states of its type; a wire over the reals has the values that it can take. A row that no play reaches
and that cannot be computed (a division by a wire that is zero there) is uniform, and never matters. Loops are unrolled:
the elements of a family are variables of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from math import prod
from typing import Any

from opengames.diagnostics import Refusal, refuse
from opengames.diagram import Decide, Diagram, Draw, Loop, walk, wires
from opengames.exact.asking import STATES, open_scope
from opengames.exact.order import order
from opengames.exact.scope import Plan
from opengames.exact.steps import Calc, Sample
from opengames.exact.unrolled import unrolled
from opengames.models.networks.bayes import BayesNet, Row, Variable, bayes_net
from opengames.models.networks.to_game import NOTHING
from opengames.program import Program
from opengames.show import show
from opengames.spaces import Enum, Family, Space, index_points, is_finite, points, size
from opengames.straight import straight
from opengames.terms import Pack, Var

_STANDS = re.compile(r"`(\w+)` stands for (.*\S)")
#: The most chances that one table may hold.
CELLS = 1 << 20


def from_game(program: Program, channel: str, params: Mapping[str, Any] | None = None) -> BayesNet:
    """The network of a declared channel (or game without decisions), names as the text says that they stand for.

    Raises `Refusal`: `needs-inputs`, `not-a-network` for a draw from a continuum, decisions or branches,
    `over-budget` for a table of more than `CELLS` chances.
    """
    diagram = program.diagrams[channel]
    _refuse_open(diagram)
    named = {w: w for w in wires(diagram)}
    diagram = straight(diagram)
    if any(isinstance(box, Loop) for _, box in walk(diagram)):
        diagram, named = _without_loops(program, diagram, params)
    plan, scope, region = open_scope(program, diagram, params, STATES, Fraction, {})
    own: dict[str, str] = {}
    for wire, name in named.items():
        own.setdefault(scope.solid(wire), name)
    found: dict[str, Variable] = {}
    values: dict[str, tuple[Any, ...]] = {}
    names = _Names(own, program, channel)
    for step in order(region.steps, frozenset(own), plan.spaces):
        if not isinstance(step, Calc | Sample):
            raise _not_network(diagram, "it has branches, whose draws are not one table each")
        found[step.out] = _variable(plan, step, values, found, names, diagram)
    return bayes_net(names.of_channel, list(found.values()), channel)


def _without_loops(
    program: Program, diagram: Diagram, params: Mapping[str, Any] | None
) -> tuple[Diagram, dict[str, str]]:
    """The diagram with its loops unrolled, and what its wires are called: an element of a family by its key."""
    spaces = wires(diagram)
    told = [w for w, space in spaces.items() if is_finite(space) or isinstance(space, Family)]
    known = program.param_values() if params is None else params
    flat = unrolled(diagram, [Var(w) for w in told], program.funs, known)
    if flat is None:
        raise _not_network(diagram, "its loops are too long to unroll, or have branches or decisions in them")
    named: dict[str, str] = {}
    for wire, term in zip(told, flat[1], strict=True):
        space = spaces[wire]
        if isinstance(term, Var):
            named.setdefault(term.name, wire)
        elif isinstance(term, Pack) and isinstance(space, Family):
            for key, item in zip(index_points(space.index), term.items, strict=True):
                if isinstance(item, Var):
                    said = "_".join(show(k, s) for k, s in zip(key, space.index, strict=True))
                    named.setdefault(item.name, f"{wire}_{said}")
    return flat[0], named


class _Names:
    """What wires and labels are called outside the text."""

    def __init__(self, own: Mapping[str, str], program: Program, channel: str) -> None:
        self.own = own
        self.wires = dict(_STANDS.findall(program.docs.get(channel, "")))
        self.labels = {kind: dict(_STANDS.findall(text)) for kind, text in program.docs.items()}
        self.of_channel = channel
        self.given: dict[str, str] = {}

    def variable(self, slot: str) -> str:
        if slot not in self.given:
            name = self._variable(slot)
            while name in self.given.values():
                name += "_"
            self.given[slot] = name
        return self.given[slot]

    def _variable(self, slot: str) -> str:
        wire = self.own.get(slot, slot)
        return str(self.wires.get(wire, re.sub(r"[^A-Za-z_0-9]+", "_", wire).strip("_") or "wire"))

    def state(self, value: Any, space: Space | None) -> str:
        said = show(value, space)
        return str(self.labels.get(space.name, {}).get(said, said)) if isinstance(space, Enum) else said


def _variable(
    plan: Plan, step: Calc | Sample, values: dict[str, tuple[Any, ...]], found: Mapping[str, Variable],
    names: _Names, diagram: Diagram,
) -> Variable:  # fmt: skip
    slots = tuple(dict.fromkeys(slot for _, slot in step.reads))
    supports = [values[s] for s in slots]
    rows_wanted = prod(len(s) for s in supports)
    if rows_wanted > CELLS:
        raise refuse(
            "over-budget", f"the table of `{names.variable(step.out)}` has {rows_wanted:,} rows; the limit is {CELLS:,} chances",
            span=diagram.at,
        )  # fmt: skip
    rows: list[tuple[tuple[Any, Any], ...] | None] = []
    for point in product(*supports):
        env = dict(zip(slots, point, strict=True))
        try:
            told = step.code({name: env[slot] for name, slot in step.reads})
        except Refusal:
            rows.append(None)
            continue
        pairs = ((told, Fraction(1)),) if isinstance(step, Calc) else tuple(told)
        rows.append(tuple((v if step.snap is None else step.snap(v), chance) for v, chance in pairs))
    if rows and all(row is None for row in rows):
        step.code({name: values[slot][0] for name, slot in step.reads})  # says what is wrong
    space = plan.spaces.get(step.out)
    states = _states(space, rows)
    values[step.out] = states = tuple(v for v in states if names.state(v, space) != NOTHING)
    if len(states) * len(rows) > CELLS:
        raise refuse(
            "over-budget", f"the table of `{names.variable(step.out)}` has {len(states) * len(rows):,} chances; the limit is {CELLS:,}",
            span=diagram.at,
        )  # fmt: skip
    place = {v: i for i, v in enumerate(states)}
    table = tuple(_row(row, place) for row in rows)
    shown = tuple(names.state(v, space) for v in states)
    return Variable(names.variable(step.out), shown, tuple(found[s].name for s in slots), table)


def _states(space: Space | None, rows: list[tuple[tuple[Any, Any], ...] | None]) -> tuple[Any, ...]:
    """All points of a finite type; of the reals, the values that some row gives, in order."""
    if space is not None and (n := size(space)) is not None and n <= CELLS:
        return tuple(points(space))
    return tuple(sorted({value for row in rows if row is not None for value, _ in row}))


def _row(row: tuple[tuple[Any, Any], ...] | None, place: Mapping[Any, int]) -> Row:
    if row is None:
        return (Fraction(1, len(place)),) * len(place)
    chances = [Fraction(0)] * len(place)
    for value, chance in row:
        if chance:
            chances[place[value]] += Fraction(chance)
    return tuple(chances)


def _refuse_open(diagram: Diagram) -> None:
    if diagram.inputs:
        ports = ", ".join(f"`{p.name}`" for p in diagram.inputs)
        raise refuse(
            "needs-inputs", f"`{diagram.name}` has open inputs ({ports}): a network has none", span=diagram.at,
            help="declare a channel that draws them and then this one",
        )  # fmt: skip
    for _, box in walk(diagram):
        if isinstance(box, Decide):
            raise _not_network(diagram, f"`{box.outs[0].name}` is decided, not drawn; plug a strategy in")
        if isinstance(box, Draw) and size(box.out.space) is None:
            raise _not_network(diagram, f"`{box.out.name}` is drawn from infinitely many values")


def _not_network(diagram: Diagram, why: str) -> Refusal:
    return refuse("not-a-network", f"`{diagram.name}` is no finite Bayesian network: {why}", span=diagram.at)


__all__ = ["CELLS", "from_game"]
