"""Opening a market: from factors, or from a channel of a program; and how deep it is.

The maker's loss is largest if the world that was least likely at the opening is the one that comes, and everybody had
moved it to certainty: $b \\ln(1 / p_{min})$, with $p_{min}$ the least likely *world*, not the least likely value of some
variable. A budget therefore gives the depth $b$ once the opening chances are known.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opengames.diagnostics import refuse
from opengames.diagram import Branch, Call, Decide, Diagram, Loop, binds
from opengames.program import Program
from opengames.solvers.market.assets import account_table
from opengames.solvers.market.beliefs import believed
from opengames.solvers.market.events import value_words
from opengames.solvers.market.growing import beliefs_on, frame_for
from opengames.solvers.market.layout import Layout, Numbers, Scope
from opengames.solvers.market.naming import check_values
from opengames.solvers.market.state import CELLS, TICK, Account, State, digest_of
from opengames.spaces import Space
from opengames.straight import straight

Tables = Sequence[tuple[Sequence[str], Any]]


def opened(
    values: Mapping[str, Sequence[Any]], factors: Tables, *, depth: float | None = None, budget: float | None = None,
    tick: float = TICK, cells: int = CELLS, hidden: frozenset[str] = frozenset(),
) -> State:  # fmt: skip
    """A market whose opening chances are proportional to a product of tables.

    values: of each variable. factors: (names, table) pairs; zeros say what cannot happen. depth: $b$ [$]; or budget: the
    most that the maker may lose [$], of which the depth follows. cells: the most entries of all tables.
    Raises `Refusal` (`bad-amount`, `bad-argument`, `duplicate-value`, `over-budget`, `impossible-evidence`); tables of wrong shape are bad arguments.
    """
    if (depth is None) == (budget is None):
        raise refuse("bad-argument", "say either the `depth` of the market or the `budget` of its maker")
    for amount, what in ((depth, "the depth"), (budget, "the budget"), (tick, "the tick")):
        if amount is not None and not (isfinite(amount) and amount > 0):
            raise refuse("bad-amount", f"{what} of a market is above 0 $, and this is {amount:g}")
    listed = {n: tuple(v) for n, v in values.items()}
    for name, found in listed.items():
        check_values(name, found)
    prior = _logs(listed, factors)
    frame = frame_for(listed, {}, prior, (), (), hidden, cells)
    total = total_of(frame.layout, prior)
    if not isfinite(total):
        raise refuse("impossible-evidence", "the opening chances leave no possible world")
    prior[()] = prior.get((), np.zeros(())) - total
    state = State(
        depth or 1.0, tick, budget, cells, frame, prior, {}, beliefs_on(frame.layout, prior, {}), Account(0.0, 0.0), {}, 0, 0
    )
    if budget is not None:
        state = replace(state, depth=budget / max(-least_log(state), log(2)))
    return replace(state, digest=digest_of(state))


def least_log(state: State) -> float:
    """$\\ln p_{min}$: the logarithm of the opening chance of the least likely world that is still possible."""
    return float(account_table(state.frame.layout, state.prior).min())


def worst_loss(state: State) -> float:
    """$b \\ln(1 / p_{min})$: the most that the maker can lose, whatever is traded.   [$]"""
    return -state.depth * least_log(state)


def total_of(layout: Layout, factors: Mapping[Scope, Numbers]) -> float:
    """The logarithm of the sum over worlds of the product of factors."""
    beliefs = believed(layout, factors)
    found = float(factors[()]) if () in factors else 0.0
    for root in layout.tree.roots:
        found += float(np.logaddexp.reduce(beliefs.at(root), axis=None))
    return found


def _logs(values: Mapping[str, tuple[Any, ...]], factors: Tables) -> dict[Scope, Numbers]:
    order = {n: i for i, n in enumerate(values)}
    found: dict[Scope, Numbers] = {}
    for names, table in factors:
        array = np.asarray(table, dtype=float)
        unknown = next((n for n in names if n not in values), None)
        if unknown is not None:
            raise refuse("bad-argument", f"a table is over `{unknown}`, and there is no such variable")
        shape = tuple(len(values[n]) for n in names)
        if array.shape != shape:
            raise refuse("bad-argument", f"the table over {', '.join(names)} has shape {array.shape}, and its variables {shape}")
        if not np.isfinite(array).all() or (array < 0).any():
            raise refuse("bad-argument", f"the table over {', '.join(names)} has entries that are no chances")
        scope = tuple(sorted(names, key=order.__getitem__))
        with np.errstate(divide="ignore"):
            logs = np.log(np.array(array.transpose([list(names).index(n) for n in scope]), order="C"))
        found[scope] = found[scope] + logs if scope in found else logs
    covered = {n for s in found for n in s}
    for name in values:
        if name not in covered:
            raise refuse("bad-argument", f"no table says how likely the values of `{name}` are")
    return found


# ------------------------------------------------------------------------------------- from a program


@dataclass(frozen=True)
class Channel:
    """A channel as variables and tables. hidden: variables that no name of the text stands for.

    names: the variable that each wire is. families: for a wire that is a family, the variable that each element is, by key.
    left_out: wires that no event can mention, as they have infinitely many values or are worked out inside a branch.
    """

    values: Mapping[str, tuple[Any, ...]]
    factors: Sequence[tuple[Scope, NDArray[np.float64]]]
    hidden: frozenset[str]
    names: Mapping[str, str]
    families: Mapping[str, tuple[tuple[tuple[Any, ...], str], ...]]
    left_out: tuple[str, ...] = ()


def channel_of(program: Program, channel: str, params: Mapping[str, Any] | None = None) -> Channel:
    """A channel of a program as variables and tables; with its loops unrolled, and families kept as elements, if need be.

    Raises `Refusal`: `over-budget`, `unknown-game`, `needs-inputs`, `needs-strategy` for a game with open decisions,
    `not-a-network` where no wire has finitely many values.
    """
    from opengames.exact.unrolled import unrolled
    from opengames.spaces import Family, index_points, is_finite
    from opengames.terms import Pack, Var

    if channel not in program.diagrams:
        from opengames.dsl.context import nearest

        close = nearest(channel, program.diagrams)
        raise refuse(
            "unknown-game", f"there is no game or channel `{channel}`", help=f"did you mean `{close}`?" if close else ""
        )
    diagram = program.diagrams[channel]
    ports = _ports(diagram)
    diagram = straight(diagram)
    open_ = next(_decisions(diagram), None)
    if open_ is not None:
        raise refuse(
            "needs-strategy", f"`{channel}` has an open decision: what {open_.seat.name} decides about `{open_.outs[0].name}` is not known",
            span=open_.at, help="open the market on a channel, in which nobody decides anything",
        )  # fmt: skip
    wires = [w for w, space in ports.items() if is_finite(space)]
    if ports and not wires:
        raise refuse(
            "not-a-network", f"every wire of `{channel}` has infinitely many values, so no market can stand on it", span=diagram.at,
            help="let it say whether something happens, in a wire of type `bool`",
        )  # fmt: skip
    families: dict[str, tuple[tuple[tuple[Any, ...], str], ...]] = {}
    found = None
    if not any(isinstance(box, Loop | Branch) for box in diagram.boxes):
        found = _network(program, diagram, {w: w for w in wires}, params)
    if found is None:
        known = program.param_values() if params is None else params
        flat = unrolled(diagram, [Var(w) for w in wires], program.funs, known)
        if flat is not None:
            named: dict[str, str] = {}
            for wire, term in zip(wires, flat[1], strict=True):
                space = ports[wire]
                if isinstance(term, Var):
                    named[wire] = term.name
                elif isinstance(term, Pack) and isinstance(space, Family):
                    keys = list(index_points(space.index))
                    listed = [(k, f"{wire}[{', '.join(map(value_words, k))}]", i) for k, i in zip(keys, term.items, strict=True)]
                    if all(isinstance(i, Var) for _, _, i in listed):
                        families[wire] = tuple((k, n) for k, n, _ in listed)
                        named |= {n: i.name for _, n, i in listed if isinstance(i, Var)}
            found = _network(program, flat[0], named, params)
    if found is None:
        raise refuse(
            "over-budget", f"`{channel}` is not a network of small tables, so no market can stand on it", span=diagram.at,
            help="let each wire have few values, and depend on few others",
        )  # fmt: skip
    values, factors, hidden, names = found
    kept = {w: f for w, f in families.items() if all(n in names for _, n in f)}
    return Channel(values, factors, hidden, names, kept, left_out_of(diagram, tuple(names.items()), kept))


def left_out_of(diagram: Diagram, names: Iterable[tuple[str, str]], families: Container[str]) -> tuple[str, ...]:
    """The wires of a diagram that are neither a variable nor a family of them."""
    known = {wire for wire, _ in names}
    return tuple(w for w in _ports(diagram) if w not in known and w not in families)


def _ports(diagram: Diagram) -> dict[str, Space]:
    return {p.name: p.space for p in diagram.outputs} | {p.name: p.space for box in diagram.boxes for p in binds(box)}


def _decisions(diagram: Diagram) -> Iterator[Decide]:
    """The decisions of a diagram and of what stands inside it."""
    for box in diagram.boxes:
        match box:
            case Decide():
                yield box
            case Call(diagram=inner) | Loop(body=inner):
                yield from _decisions(inner)
            case Branch(arms=arms):
                for arm in arms:
                    yield from _decisions(arm.body)


def _network(
    program: Program, diagram: Diagram, wires: Mapping[str, str], params: Mapping[str, Any] | None
) -> tuple[dict[str, tuple[Any, ...]], list[tuple[Scope, NDArray[np.float64]]], frozenset[str], dict[str, str]] | None:
    """(values, factors, hidden, the variable of each name) of a diagram; `None` if it is none. wires: by the names wanted."""
    from opengames.exact.asking import STATES, open_scope
    from opengames.exact.network import build

    plan, scope, region = open_scope(program, diagram, params, STATES, float, {})
    slots = {name: scope.solid(wire) for name, wire in wires.items()}
    network = build(plan, region, tuple(dict.fromkeys(slots.values())), exact=False)
    if network is None:
        return None
    name_of: dict[str, str] = {}
    for name, slot in slots.items():
        name_of.setdefault(slot, name)
    named = {slot: name_of.get(slot, slot) for slot in network.supports}
    values = {named[slot]: support for slot, support in network.supports.items()}
    factors = [(tuple(named[n] for n in f.names), np.asarray(f.table, dtype=float)) for f in network.factors]
    hidden = frozenset(named[s] for s in network.supports if s not in name_of)
    return values, factors, hidden, {n: named[s] for n, s in slots.items()}


__all__ = ["Channel", "channel_of", "least_log", "left_out_of", "opened", "total_of", "worst_loss"]
