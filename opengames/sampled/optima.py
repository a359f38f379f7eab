"""Clearings inside a compiled program: solved on the host, all runs and all rounds that are side by side in one call.

The program hands the data of every member to `Clearing.solve` and gets its wires, its duals and a status back. Members whose
wires nobody looks at, such as those of the arm of a branch that is not taken, are not solved. What has no optimum raises a
fault; its reason is worked out afterwards, for the first faulty run alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from opengames.clearings import INFEASIBLE, SOLVED, UNBOUNDED, UNCERTAIN, Ready
from opengames.sampled.backend import jax, jnp
from opengames.sampled.faults import Faults, Site
from opengames.sampled.values import Cells, Rec, Stack, Value, both, conform, declared, is_true_or_false, raw
from opengames.spaces import Bool, Family, Reals, Record, Space, leaves, size
from opengames.terms import Optimum

#: The code of the fault and its headline, by status.
FAULTS = {
    INFEASIBLE: ("infeasible", "the rules of `{place}` cannot hold together"),
    UNBOUNDED: ("unbounded", "what `{place}` earns has no limit"),
    UNCERTAIN: ("no-certificate", "no optimum of `{place}` could be certified"),
}


def solved(term: Optimum, data: Value, faults: Faults, place: str) -> Value:
    """The record that a clearing gives for `data`, a family on a wire. place: the path of the wire being computed."""
    ready: Ready = term.clearing
    numbers = ready.numbers
    needed: Any = True
    for guard in faults.guards:
        needed = both(needed, guard)
    if is_true_or_false(needed) and not needed:
        found, status = jnp.zeros(numbers), jnp.int32(SOLVED)
    else:
        shapes = (jax.ShapeDtypeStruct((numbers,), jnp.float64), jax.ShapeDtypeStruct((), jnp.int32))
        row = _row(data)[: len(ready.clearing.data)]
        host = _Host(ready)
        found, status = jax.pure_callback(host, shapes, row, jnp.asarray(needed, bool), vmap_method="broadcast_all")
    for code, (name, headline) in FAULTS.items():
        faults.note(Site(name, headline.format(place=ready.place), term.at, place, optimum=term), status == code)
    return conform(_laid(found, term.space), term.space)


class _Host:
    """What runs outside of the program, on arrays whose leading axes are runs and populations. It must not call jax."""

    def __init__(self, ready: Ready) -> None:
        self.ready = ready

    def __call__(self, data: Any, needed: Any) -> tuple[np.ndarray, np.ndarray]:
        data, needed = np.asarray(data), np.asarray(needed)
        sides, numbers = needed.shape, self.ready.numbers
        flat, asked = data.reshape((needed.size, data.shape[-1])), np.flatnonzero(needed)
        values = np.zeros((len(flat), numbers))
        statuses = np.full(len(flat), SOLVED, np.int32)
        if len(asked):
            found, how = self.ready.many(flat[asked])
            how = np.asarray(how, np.int32)
            values[asked] = np.where((how == SOLVED)[:, None], found, 0.0)
            statuses[asked] = how
        return values.reshape((*sides, numbers)), statuses.reshape(sides)


def _row(v: Value) -> Any:
    """A family of numbers as one array."""
    if isinstance(v, (Cells, Rec)):
        return jnp.stack([jnp.asarray(raw(x), jnp.float64) for x in v.items])
    assert isinstance(v, Stack)
    return v.item.x


def _laid(row: Any, space: Space) -> Value:
    """Numbers in a row as the value of a space: see `opengames.clearings.shaped`."""
    match space:
        case Record(fields=fields):
            items, start = [], 0
            for _, inner in fields:
                items.append(_laid(row[start : start + leaves(inner)], inner))
                start += leaves(inner)
            return Rec(tuple(items))
        case Family(index=index, item=item):
            return _family(row, tuple(size(s) or 0 for s in index), item)
        case Bool():
            return row[0] > 0.5
    x = row[0]
    if isinstance(space, Reals) and not (space.lower is None and space.upper is None):
        x = jnp.clip(x, None if space.lower is None else float(space.lower), None if space.upper is None else float(space.upper))
    return declared(space, x)


def _family(row: Any, sizes: tuple[int, ...], item: Space) -> Value:
    if not sizes:
        return _laid(row, item)
    rows = row.reshape((sizes[0], -1))
    return Stack(sizes[0], jax.vmap(lambda each: _family(each, sizes[1:], item))(rows))


__all__ = ["FAULTS", "solved"]
