"""Clearings on arrays: every combination of states, moves and outcomes at once, in one batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from opengames.clearings import SOLVED, Ready
from opengames.spaces import Bool, Family, Record, Space, index_size

#: Members that are solved in one batch, which bounds the memory.
BATCH = 1 << 16


def optimum(ready: Ready, data: tuple[Any, ...], space: Space) -> Any:
    """The record that a clearing gives, a tuple of arrays. NaN where there is no optimum, or where data is NaN."""
    own = data[: len(ready.clearing.data)]
    shape = np.broadcast_shapes(*(np.shape(x) for x in own))
    rows = np.stack([np.broadcast_to(x, shape).ravel() for x in own], axis=1) if own else np.zeros((1, 0))
    found = np.full((ready.numbers, len(rows)), np.nan)
    asked = np.flatnonzero(np.isfinite(rows).all(axis=1))
    for start in range(0, len(asked), BATCH):
        some = asked[start : start + BATCH]
        values, statuses = ready.many(rows[some])
        found[:, some] = np.where((np.asarray(statuses) == SOLVED)[:, None], values, np.nan).T
    return _laid(iter(found.reshape((ready.numbers, *shape))), space)


def _laid(numbers: Any, space: Space) -> Any:
    match space:
        case Record(fields=fields):
            return tuple(_laid(numbers, s) for _, s in fields)
        case Family(index=index, item=item):
            return tuple(_laid(numbers, item) for _ in range(index_size(index)))
        case Bool():
            return next(numbers) > 0.5
    return next(numbers)


__all__ = ["BATCH", "optimum"]
