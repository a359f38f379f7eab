"""The dual simplex steps of `kernels` compiled by JAX: the same function in one loop, for large batches and for accelerators.

Shapes are rounded up (rows to sixteens, members to powers of two) so that few programs are compiled; members and rows that fill up
have nothing to do. Not for use inside a callback of a JAX program.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from opengames.solvers.clearing import kernels
from opengames.solvers.clearing.kernels import DONE, RUNNING, STUCK, State

_ROWS = 16


def run_jitted(across: np.ndarray, lower: np.ndarray, upper: np.ndarray, state: State, steps: int) -> State:
    """Steps until no member runs, or so many; those that still run then are STUCK. Shapes as in `kernels`."""
    k, m = state.basic.shape
    n = across.shape[1] - m
    more_rows, more = -m % _ROWS, (1 << max(6, (k - 1).bit_length())) - k
    whole = _compiled()(
        _wide_across(across, more_rows), *(_filled(b, more, more_rows, e) for b, e in ((lower, -np.inf), (upper, np.inf))),
        _padded(state, n, more, more_rows), steps,
    )  # fmt: skip
    found = State(*(np.array(part)[:k] for part in whole))
    status = np.where(found.status == RUNNING, STUCK, found.status)
    cut = {name: getattr(found, name)[:, :m] for name in ("basic", "value", "low", "high")}
    cut |= {name: getattr(found, name)[:, : n + m] for name in ("side", "w", "d")}
    return found._replace(inverse=found.inverse[:, :m, :m], status=status, **cut)


@cache
def _compiled() -> Any:
    from opengames.sampled.backend import jax, jnp

    def run(across: Any, lower: Any, upper: Any, state: State, steps: Any) -> State:
        width = upper - lower

        def goes_on(carry: Any) -> Any:
            count, here = carry
            return (count < steps) & (here.status == RUNNING).any()

        def body(carry: Any) -> Any:
            count, here = carry
            after = kernels.step(jnp, across, lower, upper, width, here)
            return count + 1, State(*(new.astype(old.dtype) for new, old in zip(after, here, strict=True)))

        return jax.lax.while_loop(goes_on, body, (0, state))[1]

    return jax.jit(run)


def _wide_across(across: np.ndarray, more: int) -> np.ndarray:
    m, entries = across.shape
    wide = np.zeros((m + more, entries + more))
    wide[:m, :entries] = across
    wide[m:, entries:] = np.eye(more)
    return wide


def _filled(part: np.ndarray, members: int, entries: int, what: float) -> np.ndarray:
    return np.pad(part, ((0, members), (0, entries)), constant_values=what)


def _padded(state: State, n: int, members: int, rows: int) -> State:
    k, m = state.basic.shape
    inverse = np.zeros((k + members, m + rows, m + rows))
    inverse[:, np.arange(m + rows), np.arange(m + rows)] = -1.0
    inverse[:k, :m, :m] = state.inverse
    basic = np.broadcast_to(n + np.arange(m + rows), (k + members, m + rows)).copy()
    basic[:k, :m] = state.basic
    return State(
        basic, inverse, _filled(state.value, members, rows, 0.0), _filled(state.low, members, rows, -np.inf),
        _filled(state.high, members, rows, np.inf), _filled(state.side, members, rows, 0.0), _filled(state.w, members, rows, 0.0),
        _filled(state.d, members, rows, 0.0), np.pad(state.status, (0, members), constant_values=DONE),
    )  # fmt: skip


__all__ = ["run_jitted"]
