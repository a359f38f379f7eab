"""What the filters by members share: a cloud of states that is started, moved through the rounds of a loop and kept.

The state of a member is the carried wires and what was drawn before the loop and is still used (`kept`), each as plain
arrays with the members first. A filter adds the one step that lets the evidence in.

`lag`: what is inferred in a round is kept for so many rounds more, and what the evidence says of the state it says of
that too. With 0 the entry of round t knows the evidence up to t (it is *filtered*); with as many as there are rounds
it knows all of it (it is *smoothed*).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from opengames.diagram import Diagram, Port, wires
from opengames.program import Program
from opengames.sampled import faults
from opengames.sampled.backend import jax, jnp
from opengames.solvers.recognition.rounds import Runner, member_keys, positions
from opengames.solvers.recognition.shape import Sought, StateSpace

#: Arrays by wire: the leaves of its space, members first.
Leaves = dict[str, list[Any]]
Bounds = dict[str, list[tuple[float, float]]]


@dataclass
class Moved:
    """What a round gave, before the evidence. results: of the wires asked for. up: faults, see `Cloud.flags`."""

    results: Leaves
    bounds: Bounds
    up: Any


@dataclass
class Cloud:
    """The members of one run inside a compiled program. body: of the loop, rewritten as the filter needs it.

    evidence: inputs of `body` that the evidence of the round goes into. further: wires of the body that are wanted
    besides what is carried and inferred. flags: of the last trace, where faults are told apart: "start" and "round".
    """

    program: Program
    space: StateSpace
    members: int
    label: str
    body: Diagram
    evidence: tuple[Port, ...] = ()
    further: tuple[str, ...] = ()
    lanes: int = 1
    diagnose: bool = False
    flags: dict[str, list[faults.Flag]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        spaces = wires(self.body)
        loop = self.space.loop
        carried = [c.next for c in loop.carry]
        every = [s.wire for s in self.sought]
        self.wanted = tuple(Port(n, spaces[n]) for n in dict.fromkeys([*carried, *every, *self.further]))
        self.start_with = Runner(self.program, self.space.before, self.label, self.lanes)
        self.move_with = Runner(self.program, self.body, self.label, self.lanes, self.space.rounds)

    @property
    def sought(self) -> tuple[Sought, ...]:
        """What is inferred in every round."""
        return tuple(s for s in self.space.sought if s.every)

    def keys(self, seed: Any, run: Any, further: tuple[str, ...] = ()) -> tuple[Any, Any, Any]:
        """Keys of the members' draws before the loop, in its rounds, and of further ones by name: `uint32[members, draws, 2]`."""
        ids = run * np.uint32(self.members) + jnp.arange(self.members, dtype=jnp.uint32)
        before, rounds = self.start_with.paths(), self.move_with.paths()
        found = member_keys(seed, (*before, *rounds, *(f"{self.label}: {n}" for n in further)), ids)
        a, b = len(before), len(before) + len(rounds)
        return found[:, :a], found[:, a:b], found[:, b:]

    def start(self, pairs: Any, inputs: Leaves, params: Any) -> tuple[Leaves, Leaves, Any]:
        """The first state, what stays the same in every member, and the faults on the way.

        The state is by carried wire and by kept one; what stays the same has no axis of members.
        """
        outs = self.space.before.outputs

        def one(own: Any) -> tuple[Leaves, Any]:
            raised = faults.Faults(self.diagnose)
            found, _ = self.start_with(own, inputs, params, outs, raised)
            if self.diagnose:
                self.flags["start"] = raised.flags
            return found, raised.arrays() if self.diagnose else raised.any()

        found, up = jax.vmap(one)(pairs) if outs else ({}, () if self.diagnose else jnp.asarray([False]))
        kept = {p.name for p in self.space.kept}
        same = dict(inputs) | {n: [a[0] for a in arrays] for n, arrays in found.items() if n not in kept}
        state = {f"kept: {n}": found[n] for n in found if n in kept}
        for c in self.space.loop.carry:
            init = found[c.init] if c.init in found else [_repeated(a, self.members) for a in inputs[c.init]]
            state[c.name] = init
        return state, same, up

    def move(self, pairs: Any, state: Leaves, same: Leaves, seen: Leaves, params: Any, position: Any) -> Moved:
        """One round of every member. seen: the evidence that goes into the body, without an axis of members."""
        loop = self.space.loop
        variables = [n for n, _ in loop.iters]
        points = dict(zip(variables, positions(position, self.space.index), strict=True))
        noted: list[Bounds] = []

        def one(own: Any, mine: Leaves) -> tuple[Leaves, Any]:
            raised = faults.Faults(self.diagnose)
            inputs = {n: a for n, a in same.items() if n in loop.captured} | seen
            inputs |= {n.removeprefix("kept: "): a for n, a in mine.items()}
            found, bounds = self.move_with(own, inputs, params, self.wanted, raised, points, position)
            noted.append(bounds)
            if self.diagnose:
                self.flags["round"] = raised.flags
            return found, raised.arrays() if self.diagnose else raised.any()

        found, up = jax.vmap(one)(pairs, state)
        return Moved(found, noted[-1], up)

    def carried(self, state: Leaves, results: Leaves) -> Leaves:
        """The state of the next round."""
        return {**state, **{c.name: results[c.next] for c in self.space.loop.carry}}

    def seen_at(self, evidence: Leaves, position: Any) -> Leaves:
        """The evidence of one round. evidence: by name, rounds first."""
        return {n: [jax.lax.dynamic_index_in_dim(a, position, 0, keepdims=False) for a in arrays] for n, arrays in evidence.items()}

    def order(self) -> Any:
        """The positions of the rounds as they happen."""
        t = jnp.arange(self.space.rounds)
        return t[::-1] if self.space.loop.reversed else t


def _repeated(a: Any, n: int) -> Any:
    a = jnp.asarray(a)
    return jnp.broadcast_to(a, (n, *a.shape))


def shifted(buffer: list[Any], new: list[Any]) -> list[Any]:
    """What was inferred in the last rounds, with that of the present one in front. buffer: `[lag + 1, members, ...]`."""
    return [jnp.concatenate([n[None], b[:-1]]) for b, n in zip(buffer, new, strict=True)]


def empty(lag: int, like: list[Any]) -> list[Any]:
    return [jnp.zeros((lag + 1, *a.shape), a.dtype) for a in like]


def unlagged(left: np.ndarray, buffer: np.ndarray, lag: int, axis: int, backward: bool) -> np.ndarray:
    """Every round's entry from what left the buffer after each round, and what is in it at the end.

    left: rounds on `axis`; buffer: `lag + 1` entries there, the newest first. Result: in the order of the index.
    """
    rounds = left.shape[axis]
    lag = min(lag, rounds - 1)
    early = np.take(left, range(lag, rounds), axis)
    late = np.take(buffer, range(lag - 1, -1, -1), axis)
    found = np.concatenate([early, late], axis)
    return np.flip(found, axis) if backward else found
