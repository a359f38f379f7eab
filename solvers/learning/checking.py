"""What a policy earns, from plays of the game itself: the sampled reading, which shares nothing with the plays it was learned from.

Strategies that are compared are played with the same luck, so that their difference has the smaller interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from opengames.diagnostics import refuse
from opengames.diagram import Branch, Call, Decide, Diagram, Loop, binds
from opengames.plug import plug
from opengames.program import Program, Strategy
from opengames.solvers.cleared import cleared
from opengames.tree import Player

#: Plays from which a value is estimated, if nothing else is said.
RUNS = 1_000
_Z = 1.959964


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over plays with its 95 % interval."""

    value: float
    lower: float
    upper: float
    runs: int


def mean(values: Any) -> Mean:
    """The mean of one number for each play, with a normal interval."""
    middle = float(np.mean(values))
    half = _Z * float(np.std(values, ddof=1)) / sqrt(len(values)) if len(values) > 1 else float("inf")
    return Mean(middle, middle - half, middle + half, len(values))


def payoffs(
    program: Program, game: str, strategy: Strategy, player: Player, runs: int, seed: int, params: Mapping[str, Any] | None = None
) -> Any:
    """What the player earns in each of `runs` plays under a strategy: the sum of its distinct earnings, in base units.

    Raises `Refusal` as the sampled reading does: for a move outside its type or against a rule, for a clearing without an optimum.
    """
    from opengames.sampled import simulate

    wires = tuple(dict.fromkeys(earnings(program.diagrams[game], player)))
    diagram = cleared(program, plug(program.diagrams[game], strategy), params)
    own = {n: v for n, v in (params or {}).items() if not program.params[n].static}
    found = simulate(program, diagram, runs=runs, seed=seed, keep=wires, params=own)
    return sum(np.asarray(found.columns[w].data, dtype=float).reshape(runs, -1).sum(axis=1) for w in wires)


def earnings(diagram: Diagram, player: Player) -> Iterator[str]:
    """The wires that a seat earns, by path. Raises `Refusal` (`not-yet`) for one that only the game around the diagram knows."""
    return _earnings(diagram, player, (), {p.name: p.name for p in diagram.inputs})


def _earnings(diagram: Diagram, player: Player, path: tuple[str, ...], above: Mapping[str, str]) -> Iterator[str]:
    own = {p.name for box in diagram.boxes for p in binds(box)}
    where = {**above, **{name: ".".join((*path, name)) for name in own}}
    for box in diagram.boxes:
        match box:
            case Decide(seat=seat, earning=earning) if seat.name == player[0]:
                if earning not in where:
                    raise refuse("not-yet", f"`{earning}` is earned outside `{diagram.name}`", span=box.at)
                yield where[earning]
            case Loop(body=body, captured=captured, paying=paying):
                inside = {n: where[n] for n in captured if n in where}
                inside |= {p.name: where[w] for p, w in zip(body.expects, paying, strict=True) if w in where}
                yield from _earnings(body, player, path, inside)
            case Call(name=name, diagram=inner, args=args, paying=paying):
                inside = {p.name: where[a] for p, a in zip(inner.inputs, args, strict=True) if a in where}
                inside |= {p.name: where[w] for p, w in zip(inner.expects, paying, strict=True) if w in where}
                yield from _earnings(inner, player, (*path, name), inside)
            case Branch():
                raise refuse("not-yet", "what is earned in branches is not looked up", span=box.at)


__all__ = ["RUNS", "Mean", "earnings", "mean", "payoffs"]
