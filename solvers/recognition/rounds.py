"""One round of a state space as a compiled function of (state, position, noise): what every filter repeats.

Draws take their randomness from (seed, recognition and path of the draw, member, run, position), so that no filter
shares noise with the plays it is tried on, and results do not depend on how runs are batched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
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
from opengames.spaces import Grid, Space, size


@dataclass(frozen=True)
class Runner:
    """A diagram ready to be run inside a compiled program.

    label: in front of the paths of its draws. lanes: how many copies run side by side. rounds: of the loop whose body it is,
    if it is one; the position among them is then the first of the draws' loop indices.
    """

    program: Program
    diagram: Diagram
    label: str
    lanes: int = 1
    rounds: int = 0

    @property
    def sites(self) -> tuple[draws.Site, ...]:
        found = draws.sites(self.diagram)
        if not self.rounds:
            return found
        around = ("round", Grid(tuple(Fraction(i) for i in range(self.rounds))))
        return tuple(replace(s, loops=(around, *s.loops)) for s in found)

    def paths(self) -> tuple[str, ...]:
        """What its draws are called."""
        return tuple(f"{self.label}: {s.path}" for s in self.sites)

    def __call__(
        self, pairs: Any, inputs: dict[str, list[Any]], params: Any, wanted: tuple[Port, ...], raised: faults.Faults,
        points: dict[str, Any] | None = None, position: Any = 0,
    ) -> tuple[dict[str, list[Any]], dict[str, list[tuple[float, float]]]]:  # fmt: skip
        """The leaves of the wanted wires, and the bounds of each. pairs: the draws' keys, `uint32[draws, 2]`. points: iteration variables' positions.
        position: of the round.
        """
        spaces = {p.name: p.space for p in self.diagram.inputs}
        env = {n: dense.value(a, spaces[n]) for n, a in inputs.items() if n in spaces}
        env.update({n: point(spaces[n], i) for n, i in (points or {}).items()})
        statics = {p.name: constant(p.value, p.space) for p in self.program.params.values() if p.static}
        scope = Scope(env, self.program.funs, {**statics, **params}, raised)
        every = self.sites
        sites = {s.trail: s for s in every}
        at = {s.trail: (pairs[k, 0], pairs[k, 1]) for k, s in enumerate(every)}
        around = (position,) if self.rounds else ()
        frame = Frame(scope, at, {}, sites, run, loops=around, lanes=self.lanes)
        found = run(self.diagram, uniforms_ahead(frame, every), tuple(p.name for p in wanted))
        return (
            {p.name: dense.leaves(found[(p.name,)], p.space) for p in wanted},
            {p.name: dense.bounds(found[(p.name,)], p.space) for p in wanted},
        )


def member_keys(seed: Any, paths: tuple[str, ...], ids: Any) -> Any:
    """The keys of draws for every member, `uint32[members, draws, 2]`. ids: the members' numbers, `uint32`."""
    if not paths:
        return jnp.zeros((*ids.shape, 0, 2), jnp.uint32)
    return jnp.moveaxis(keys.run_keys(seed, keys.path_table(paths), ids), -1, 0)


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
