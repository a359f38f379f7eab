"""Dual simplex steps for many members at once: one matrix, each member its own basis, costs and bounds.

Rows and columns are treated alike. Every member has values `w = (x, r)` with `r = matrix x`, bounds of both, and costs of the
columns; the equations are `H w = 0` with `H = [matrix, -I]`. A basis is one entry of `w` for each row; the others stand at a bound. Each
step takes for every member the basic value that misses its bounds most, drives it to the bound it misses, and lets in the entry
whose reduced cost reaches 0 while that still helps: entries with two bounds that are passed on the way change to the other one
(the long step of the bounded dual simplex). The prices of a step stay dual feasible, so a member ends when nothing is missed.

All products with the matrix are one dense product for all members.

Source: Koberstein, The dual simplex method, techniques for a fast and stable implementation (2005), section 3.3, for the long step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

#: What became of a member.
RUNNING, DONE, NO_POINT, STUCK = 0, 1, 2, 3

_PIVOT = 1e-7
_MISSED = 1e-9


class State(NamedTuple):
    """Of members side by side; N = n + m entries, columns before rows.

    basic: (members, m) which entry each row of the basis stands for. inverse: (members, m, m) of the columns of H they take.
    value, low, high: (members, m) of the basic entries and their bounds. side: (members, N) float, 1 at the lower bound, -1 at the
    upper, 0 where basic or fixed. w: (members, N) values of the others. d: (members, N) reduced costs. status: (members,).
    """

    basic: Any
    inverse: Any
    value: Any
    low: Any
    high: Any
    side: Any
    w: Any
    d: Any
    status: Any


def values(across: Any, inverse: Any, basic: Any, w: Any) -> Any:
    """Of the basic entries, (members, m), where the others have the values `w`."""
    rest = _put(w, (np.arange(len(w))[:, None], basic), 0.0, copy=True)
    return np.einsum("kij,kj->ki", inverse, rest @ across.T)


def step(across: Any, lower: Any, upper: Any, width: Any, state: State) -> State:
    """One pivot of every running member. across: (m, N), `-H`. lower, upper, width: (members, N), bounds and how far apart they
    are. `state` is used up."""
    basic, inverse, value, low, high, side, w, d, status = state
    here = np.arange(len(basic))
    missed = np.maximum(low - value, value - high)
    p = np.argmax(missed / (1.0 + abs(value)), axis=1)
    worst, stood = missed[here, p], value[here, p]
    running = status == RUNNING
    done = worst <= _MISSED * (1.0 + abs(stood))
    rises = stood < low[here, p]
    sign = np.where(rises, 1.0, -1.0)
    row = inverse[here, p]
    slope = row @ across
    gain = slope * (sign[:, None] * side)
    helps = gain > _PIVOT
    ratio = np.where(helps, abs(d) / np.where(helps, gain, 1.0), np.inf)
    q, found, flips = _entering(ratio, gain, width, worst)
    moves = found & ~done & running
    status = np.where(running & done, DONE, np.where(running & ~found, NO_POINT, status))
    if flips is not None:
        # those passed on the way change sides
        flips = flips & moves[:, None]
        turned = np.where(flips, side * width, 0.0)
        w = w + turned
        side = np.where(flips, -side, side)
        value = value + np.einsum("kij,kj->ki", inverse, turned @ across.T)

    leaves, pivot = basic[here, p], np.where(moves, slope[here, q], 1.0)
    theta = np.where(moves, d[here, q] / pivot, 0.0)
    taken = -np.einsum("kij,kj->ki", inverse, across.T[q])
    bound = np.where(rises, low[here, p], high[here, p])
    far = np.where(moves, (bound - value[here, p]) / pivot, 0.0)
    enters = w[here, q] + far
    value = value - taken * far[:, None]
    value = _put(value, (here, p), np.where(moves, enters, value[here, p]))
    d = d - theta[:, None] * slope
    d = _put(d, (here, q), np.where(moves, 0.0, d[here, q]))
    d = _put(d, (here, leaves), np.where(moves, theta, d[here, leaves]))
    w = _put(w, (here, leaves), np.where(moves, bound, w[here, leaves]))
    fixed = low[here, p] == high[here, p]
    side = _put(side, (here, leaves), np.where(moves, np.where(fixed, 0.0, sign), side[here, leaves]))
    side = _put(side, (here, q), np.where(moves, 0.0, side[here, q]))
    low = _put(low, (here, p), np.where(moves, lower[here, q], low[here, p]))
    high = _put(high, (here, p), np.where(moves, upper[here, q], high[here, p]))
    basic = _put(basic, (here, p), np.where(moves, q, leaves))

    # the new inverse: the entering column becomes the unit vector of its row
    over = np.where(moves, taken[here, p], 1.0)
    scaled = row * np.where(moves, 1.0 / over, 0.0)[:, None]
    less = _put(taken, (here, p), taken[here, p] - 1.0)
    change = less[:, :, None] * scaled[:, None, :]
    inverse -= change
    return State(basic, inverse, value, low, high, side, w, d, status)


def _entering(ratio: Any, gain: Any, width: Any, worst: Any) -> tuple[Any, Any, Any]:
    """Which entry comes in (members,), whether there is one, and which are passed before it, (members, N) of bool or none."""
    # most steps pass nothing: only the members that do are sorted
    here = np.arange(len(ratio))
    q = np.argmin(ratio, axis=1)
    found = np.isfinite(ratio[here, q])
    on = np.flatnonzero(found & (gain[here, q] * width[here, q] < worst * (1.0 - 1e-12)))
    if not len(on):
        return q, found, None
    flips = np.zeros(ratio.shape, bool)
    q[on], found[on], flips[on] = _passing(ratio[on], gain[on], width[on], worst[on])
    return q, found, flips


def _passing(ratio: Any, gain: Any, width: Any, worst: Any) -> tuple[Any, Any, Any]:
    here = np.arange(len(ratio))
    order = np.argsort(ratio, axis=1)
    helps = np.isfinite(np.take_along_axis(ratio, order, 1))
    room = np.take_along_axis(gain, order, 1) * np.take_along_axis(width, order, 1)
    passed = np.cumsum(np.where(helps, room, 0.0), axis=1)
    enough = helps & (passed >= worst[:, None] * (1.0 - 1e-12))
    place = np.argmax(enough, axis=1)
    found = enough[here, place]
    before = (np.arange(ratio.shape[1])[None, :] < place[:, None]) & found[:, None]
    return order[here, place], found, _put(np.zeros(ratio.shape, bool), (here[:, None], order), before)


def _put(array: Any, where: Any, what: Any, copy: bool = False) -> Any:
    if copy:
        array = array.copy()
    array[where] = what
    return array


__all__ = ["DONE", "NO_POINT", "RUNNING", "STUCK", "State", "step", "values"]
