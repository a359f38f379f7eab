"""One round of a state space as a compiled function of (state, position, noise): what every filter repeats.

Draws take their randomness from (seed, recognition and path of the draw, member, run, position), so that no filter
shares noise with the plays it is tried on, and results do not depend on how runs are batched.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from opengames.diagram import Diagram, Port
from opengames.program import Program
from opengames.sampled import draws, faults, keys
from opengames.sampled.backend import jnp
from opengames.sampled.expressions import Scope
from opengames.sampled.frame import Frame
from opengames.sampled.places import point
from opengames.sampled.simulation import encoded_params
from opengames.sampled.translate import run
from opengames.sampled.uniforms import uniforms_ahead
from opengames.sampled.values import constant
from opengames.solvers.recognition import dense
from opengames.spaces import Space, size


@dataclass(frozen=True)
class Runner:
    """A diagram ready to be run inside a compiled program.

    label: in front of the paths of its draws. lanes: how many copies run side by side.
    """

    program: Program
    diagram: Diagram
    label: str
    lanes: int = 1

    @property
    def sites(self) -> tuple[draws.Site, ...]:
        return draws.sites(self.diagram)

    def table(self) -> Any:
        """What stands for the draws' paths: `uint32[draws, 2]`."""
        return keys.path_table(tuple(f"{self.label}: {s.path}" for s in self.sites))

    def __call__(
        self, pairs: Any, inputs: dict[str, list[Any]], params: Any, wanted: tuple[Port, ...], raised: faults.Faults,
        points: dict[str, Any] | None = None,
    ) -> tuple[dict[str, list[Any]], dict[str, list[tuple[float, float]]]]:  # fmt: skip
        """The leaves of the wanted wires, and the bounds of each. pairs: the draws' keys, `uint32[draws, 2]`. points: iteration variables' positions."""
        spaces = {p.name: p.space for p in self.diagram.inputs}
        env = {n: dense.value(a, spaces[n]) for n, a in inputs.items() if n in spaces}
        env.update({n: point(spaces[n], i) for n, i in (points or {}).items()})
        statics = {p.name: constant(p.value, p.space) for p in self.program.params.values() if p.static}
        scope = Scope(env, self.program.funs, {**statics, **params}, raised)
        sites = {s.trail: s for s in self.sites}
        at = {s.trail: (pairs[k, 0], pairs[k, 1]) for k, s in enumerate(self.sites)}
        frame = Frame(scope, at, {}, sites, run, lanes=self.lanes)
        found = run(self.diagram, uniforms_ahead(frame, self.sites), tuple(p.name for p in wanted))
        return (
            {p.name: dense.leaves(found[(p.name,)], p.space) for p in wanted},
            {p.name: dense.bounds(found[(p.name,)], p.space) for p in wanted},
        )


def member_keys(seed: Any, table: Any, ids: Any) -> Any:
    """The keys of a diagram's draws for every member, `uint32[*ids, draws, 2]`. ids: the members' numbers, `uint32`."""
    if not table.shape[0]:
        return jnp.zeros((*ids.shape, 0, 2), jnp.uint32)
    found = keys.run_keys(seed, table, ids.ravel())  # [draws, 2, members]
    return jnp.moveaxis(found, -1, 0).reshape(*ids.shape, *found.shape[:2])


def at_position(pairs: Any, position: Any) -> Any:
    """Keys of a round from those of its draws: `uint32[..., draws, 2]`."""
    a, b = keys.fold((pairs[..., 0], pairs[..., 1]), position)
    return jnp.stack([a, b], -1)


def positions(i: Any, index: tuple[Space, ...]) -> list[Any]:
    """The positions of a round's iteration variables, the last one fastest."""
    found: list[Any] = []
    for space in reversed(index):
        n = size(space) or 1
        found.append(i % n)
        i = i // n
    return found[::-1]


def params_of(program: Program) -> dict[str, Any]:
    """The params that are not built in, as arrays."""
    return encoded_params(program, {})


def count(index: tuple[Space, ...]) -> int:
    return prod(size(s) or 0 for s in index)
