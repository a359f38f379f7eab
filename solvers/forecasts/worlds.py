"""What happened: worlds drawn from a channel, and what a channel says of its outputs given its inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from opengames.diagnostics import refuse
from opengames.diagram import Diagram
from opengames.program import Program
from opengames.spaces import points, size

World = dict[str, Any]

#: The most points of the inputs of a forecaster's channel, and of its outputs.
POINTS = 4_096


def draw(program: Program, channel: str, count: int, seed: int) -> list[World]:
    """`count` worlds of a closed channel: the values of its wires, drawn wire by wire in the order of the network.

    Raises `Refusal` as `opengames.solvers.market.opening.channel_of`.
    """
    from opengames.solvers.market.opening import channel_of

    found = channel_of(program, channel)
    rng = np.random.default_rng(seed)
    worlds: list[World] = [{} for _ in range(count)]
    for names, table in found.factors:
        *given, new = names
        values = found.values[new]
        places = [{v: i for i, v in enumerate(found.values[g])} for g in given]
        uniforms = rng.random(count)
        sums = np.cumsum(table, axis=-1)
        for world, u in zip(worlds, uniforms, strict=True):
            row = sums[tuple(place[world[g]] for g, place in zip(given, places, strict=True))]
            world[new] = values[min(int(np.searchsorted(row, u * row[-1], side="right")), len(values) - 1)]
    return [{wire: world[variable] for wire, variable in found.names.items()} for world in worlds]


def conditional(program: Program, diagram: Diagram) -> dict[tuple[Any, ...], dict[tuple[Any, ...], float]]:
    """The distribution of a channel's outputs (as tuples), for every point of its inputs.

    Raises `Refusal`: `over-budget` for more than `POINTS` points of the inputs or the outputs, `not-a-network` for infinite ones.
    """
    from opengames.exact import distribution
    from opengames.terms import Pack, Var

    for ports, what in ((diagram.inputs, "inputs"), (diagram.outputs, "outputs")):
        total = 1
        for port in ports:
            n = size(port.space)
            if n is None:
                raise refuse("not-a-network", f"`{port.name}` of `{diagram.name}` has infinitely many values", span=port.at)
            total *= n
        if total > POINTS:
            raise refuse(
                "over-budget", f"the {what} of `{diagram.name}` have {total:,} points together; a forecaster may have {POINTS:,}",
                span=diagram.at,
            )  # fmt: skip
    term = Pack(tuple(Var(p.name) for p in diagram.outputs))
    found = {}
    for point in product(*(tuple(points(p.space)) for p in diagram.inputs)):
        inputs = {p.name: v for p, v in zip(diagram.inputs, point, strict=True)}
        found[point] = {value: float(chance) for value, chance in distribution(program, diagram, term, inputs=inputs)}
    return found


def chained(
    joint: Mapping[tuple[Any, ...], float], spaces: Sequence[Sequence[Any]]
) -> list[tuple[tuple[Any, ...], dict[Any, float]]]:
    """A joint distribution as conditional ones: (values of the first outputs, distribution of the next), one by one."""
    found = []
    for i, values in enumerate(spaces):
        for before in product(*spaces[:i]):
            row = {v: sum(c for w, c in joint.items() if w[: i + 1] == (*before, v)) for v in values}
            total = sum(row.values())
            if total > 0:
                found.append((before, {v: c / total for v, c in row.items()}))
    return found


__all__ = ["POINTS", "World", "chained", "conditional", "draw"]
