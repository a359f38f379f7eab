"""The rest of a strategy: what the other players do, and what may be done where it does not matter.

A best response is one seat's part only. To be pasted back it needs a plan for every decision of its game: the other
players' from the strategy that it answers, and any legal move where no play comes.

Law: the completed strategy does what the strategy answered does in every situation that some play comes to, the
best response's own situations apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

from opengames.diagnostics import Refusal, refuse
from opengames.program import Program
from opengames.solvers.code import Choose, Code
from opengames.solvers.layers import Behaviour, Graph, build
from opengames.solvers.policies import Mix
from opengames.solvers.text import Doing, Spare
from opengames.spaces import Enum, is_finite, points, size

#: Nodes of the graph of all plays that is built to find every situation; beyond it, all values are written out.
EVERY_PLAY = 20_000
#: Values seen at one decision beyond which they are not written out.
TABLE = 2_000


def declared(program: Program) -> frozenset[str]:
    """Every name that a new declaration must not bear."""
    spaces = program.types.values()
    names = {label for space in spaces if isinstance(space, Enum) for label in space.labels}
    for group in (
        program.types, program.params, program.players, program.funs, program.diagrams, program.strategies,
        program.recognitions,
    ):  # fmt: skip
        names |= set(group)
    return frozenset(names | {question.name for question in program.questions})


def completed(
    code: Code, graph: Graph, rows: Sequence[Doing], plan: Behaviour
) -> tuple[tuple[Doing, ...], tuple[Spare, ...]]:
    """`rows` with the plan of everybody else, and where it does not matter what is done.

    graph: the plays that `rows` is about. Raises `Refusal` (`not-expressible`) where a player sees too many values
    for its plan to be written out.
    """
    own: dict[int, set[tuple[Any, ...]]] = {}
    for step, seen, _ in rows:
        own.setdefault(id(step), set()).add(seen)
    mine = {step.player for step, _, _ in rows}
    everything = _every_play(code, graph, mine)
    found, spares = list(rows), []
    for step in code.choices():
        legal = _legal(everything or graph, step)
        known = own.get(id(step), set())
        if everything is None:
            legal = {**_table(step, mine, plan), **legal}
        if not legal:
            spares.append(Spare(step, None, step.moves))
        for seen, moves in legal.items():
            if seen in known:
                continue
            mix = _planned(step, seen, plan)
            if mix is not None and all(m in moves for m, _ in mix):
                found.append((step, seen, mix))
            else:
                spares.append(Spare(step, seen, moves))
    return tuple(found), tuple(spares)


def _every_play(code: Code, graph: Graph, mine: set[Any]) -> Graph | None:
    """All plays, whatever anybody does; `None` if there are too many."""
    if set(code.players) <= mine:
        return graph
    try:
        return build(code, limit=EVERY_PLAY)
    except Refusal as refusal:
        if all(d.code == "over-budget" for d in refusal.diagnostics):
            return None
        raise


def _legal(graph: Graph, step: Choose) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Every situation of a decision that the plays of the graph come to, with the moves that are legal there."""
    for pc, other in graph.choices():
        if other is step:
            return {
                seen: tuple(e[0] for e in graph.edges[pc][nodes[0]]) for seen, nodes in graph.sets(pc).items()
            }
    return {}


def _table(step: Choose, mine: set[Any], plan: Behaviour) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Every combination of values that a decision of another player can see."""
    if step.player in mine:
        return {}
    spaces = [step.types.get(name) for name, _ in step.seen]
    if any(s is None or not is_finite(s) for s in spaces) or prod(size(s) or 1 for s in spaces if s) > TABLE:
        raise refuse(
            "not-expressible",
            f"what `{step.place}` sees has too many values for the plan of {step.player[0]} to be written out",
            span=step.box.at,
        )
    return dict.fromkeys(product(*(tuple(points(s)) for s in spaces if s)), step.moves)


def _planned(step: Choose, seen: tuple[Any, ...], plan: Behaviour) -> Mix | None:
    """What the strategy answered does; `None` where it says nothing, or nothing that can be done.

    A strategy may fail where no play under it comes: there is nothing to keep then.
    """
    try:
        return plan(step, seen)
    except Refusal:
        return None
