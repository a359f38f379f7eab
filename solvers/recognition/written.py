"""A recognition given by a block: a channel like any other, drawn from for every set of evidence.

Its draws have names of their own, so that it shares no noise with the plays it is tried on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from opengames.diagnostics import refuse
from opengames.diagram import Call
from opengames.plain import replace
from opengames.program import Program, Recognition
from opengames.sampled import faults, keys, simulate
from opengames.sampled.backend import jax, jnp
from opengames.solvers.recognition import dense
from opengames.solvers.recognition.beliefs import Belief, Members
from opengames.solvers.recognition.exactly import theory_value
from opengames.solvers.recognition.recognise import Arrays, Found
from opengames.solvers.recognition.rounds import Runner, member_keys, params_of

#: Draws for each set of evidence, and sets of evidence that are drawn for side by side.
DRAWS, BESIDE = 256, 512


def written_out(program: Program, declared: Recognition) -> Callable[..., Found]:
    """The recognition as the filters are called."""
    block = declared.diagram
    assert block is not None
    ins, outs = (tuple(p.name for p in ports) for ports in (block.inputs, block.outputs))
    diagram = replace(block, boxes=(Call(declared.name, block, ins, outs),))
    runner = Runner(program, block, f"{declared.name} as written")

    def one(seed: Any, run: Any, inputs: Any, params: Any) -> Any:
        ids = run * np.uint32(DRAWS) + jnp.arange(DRAWS, dtype=jnp.uint32)

        def drawn(pairs: Any) -> Any:
            raised = faults.Faults(False)
            found, _ = runner(pairs, inputs, params, block.outputs, raised)
            return found, raised.any()

        return jax.vmap(drawn)(member_keys(seed, runner.paths(), ids))

    compiled = jax.jit(jax.vmap(one, in_axes=(None, 0, 0, None)))

    def run(seed: int, runs: np.ndarray, inputs: Arrays, evidence: Arrays, there: Arrays | None = None) -> Found:
        if there is not None:
            raise refuse(
                "data-gap", f"`{declared.name}` is written out, and takes a value for every entry of its evidence", span=declared.at,
                help="declare it `of` a channel `by` a method, which does without what was not observed",
            )  # fmt: skip
        given = inputs | evidence
        words, params = np.array(keys.seed_words(seed), np.uint32), params_of(program)
        parts = []
        for i in range(0, len(runs), BESIDE):
            some = {n: [a[i : i + BESIDE] for a in arrays] for n, arrays in given.items()}
            found, up = compiled(words, runs[i : i + BESIDE].astype(np.uint32), some, params)
            bad = np.asarray(up).reshape(len(runs[i : i + BESIDE]), -1).any(1)
            if bad.any():
                k = i + int(bad.argmax())
                at = {p.name: theory_value([a[k] for a in given[p.name]], p.space) for p in diagram.inputs}
                simulate(program, diagram, runs=64 * DRAWS, seed=seed, inputs=at)  # raises what went wrong, with its place
                raise refuse("outside-domain", f"`{declared.name}` cannot be computed for the evidence of run {int(runs[k])}", span=declared.at)
            parts.append(jax.tree.map(np.asarray, found))
        beliefs: dict[str, Belief] = {}
        for port in block.outputs:
            for j, leaf in enumerate(dense.leaves_of(port.space)):
                members = np.concatenate([p[port.name][j] for p in parts])
                beliefs[port.name + leaf.path] = Members(leaf.space, members, None, len(leaf.sizes))
        return Found(beliefs)

    return run


__all__ = ["DRAWS", "written_out"]
