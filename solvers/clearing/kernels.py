"""Dual simplex steps for many members at once: one matrix, each member its own basis, costs and bounds.

Rows and columns are treated alike. Every member has values `w = (x, r)` with `r = matrix x`, bounds of both, and costs of the
columns; the equations are `H w = 0` with `H = [matrix, -I]`. A basis is one entry of `w` for each row; the others stand at a bound. Each
step takes for every member the basic value that misses its bounds most, drives it to the bound it misses, and lets in the entry
whose reduced cost reaches 0 while that still helps: entries with two bounds that are passed on the way change to the other one
(the long step of the bounded dual simplex). The prices of a step stay dual feasible, so a member ends when nothing is missed.

All products with the matrix are one dense product for all members. The functions are written once over an array namespace: NumPy,
which works in place, or jax.numpy, where `solve_jitted` runs the same step in a compiled loop.

Source: Koberstein, The dual simplex method, techniques for a fast and stable implementation (2005), section 3.3, for the long step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

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


def values(xp: Any, across: Any, inverse: Any, basic: Any, w: Any) -> Any:
    """Of the basic entries, (members, m), where the others have the values `w`."""
    rest = _put(xp, w, (xp.arange(len(w))[:, None], basic), 0.0, copy=True)
    return xp.einsum("kij,kj->ki", inverse, rest @ across.T)


def step(xp: Any, across: Any, lower: Any, upper: Any, width: Any, state: State) -> State:
    """One pivot of every running member. across: (m, N), `-H`. lower, upper, width: (members, N), bounds and how far apart they
    are. With NumPy, `state` is used up."""
    basic, inverse, value, low, high, side, w, d, status = state
    here = xp.arange(len(basic))
    missed = xp.maximum(low - value, value - high)
    p = xp.argmax(missed / (1.0 + abs(value)), axis=1)
    worst, stood = missed[here, p], value[here, p]
    running = status == RUNNING
    done = worst <= _MISSED * (1.0 + abs(stood))
    rises = stood < low[here, p]
    sign = xp.where(rises, 1.0, -1.0)
    row = inverse[here, p]
    slope = row @ across
    gain = slope * (sign[:, None] * side)
    helps = gain > _PIVOT
    ratio = xp.where(helps, abs(d) / xp.where(helps, gain, 1.0), xp.inf)
    q, found, flips = _entering(xp, ratio, gain, width, worst)
    moves = found & ~done & running
    status = xp.where(running & done, DONE, xp.where(running & ~found, NO_POINT, status))
    if flips is not None:
        # those passed on the way change sides
        flips = flips & moves[:, None]
        turned = xp.where(flips, side * width, 0.0)
        w = w + turned
        side = xp.where(flips, -side, side)
        value = value + xp.einsum("kij,kj->ki", inverse, turned @ across.T)

    leaves, pivot = basic[here, p], xp.where(moves, slope[here, q], 1.0)
    theta = xp.where(moves, d[here, q] / pivot, 0.0)
    taken = -xp.einsum("kij,kj->ki", inverse, across.T[q])
    bound = xp.where(rises, low[here, p], high[here, p])
    far = xp.where(moves, (bound - value[here, p]) / pivot, 0.0)
    enters = w[here, q] + far
    value = value - taken * far[:, None]
    value = _put(xp, value, (here, p), xp.where(moves, enters, value[here, p]))
    d = d - theta[:, None] * slope
    d = _put(xp, d, (here, q), xp.where(moves, 0.0, d[here, q]))
    d = _put(xp, d, (here, leaves), xp.where(moves, theta, d[here, leaves]))
    w = _put(xp, w, (here, leaves), xp.where(moves, bound, w[here, leaves]))
    fixed = low[here, p] == high[here, p]
    side = _put(xp, side, (here, leaves), xp.where(moves, xp.where(fixed, 0.0, sign), side[here, leaves]))
    side = _put(xp, side, (here, q), xp.where(moves, 0.0, side[here, q]))
    low = _put(xp, low, (here, p), xp.where(moves, lower[here, q], low[here, p]))
    high = _put(xp, high, (here, p), xp.where(moves, upper[here, q], high[here, p]))
    basic = _put(xp, basic, (here, p), xp.where(moves, q, leaves))

    # the new inverse: the entering column becomes the unit vector of its row
    over = xp.where(moves, taken[here, p], 1.0)
    scaled = row * xp.where(moves, 1.0 / over, 0.0)[:, None]
    less = _put(xp, taken, (here, p), taken[here, p] - 1.0)
    change = less[:, :, None] * scaled[:, None, :]
    if hasattr(inverse, "at"):
        inverse = inverse - change
    else:
        inverse -= change
    return State(basic, inverse, value, low, high, side, w, d, status)


def _entering(xp: Any, ratio: Any, gain: Any, width: Any, worst: Any) -> tuple[Any, Any, Any]:
    """Which entry comes in (members,), whether there is one, and which are passed before it, (members, N) of bool or none."""
    if hasattr(ratio, "at"):
        return _passing(xp, ratio, gain, width, worst)
    # most steps pass nothing: only the members that do are sorted
    here = xp.arange(len(ratio))
    q = xp.argmin(ratio, axis=1)
    found = xp.isfinite(ratio[here, q])
    on = xp.flatnonzero(found & (gain[here, q] * width[here, q] < worst * (1.0 - 1e-12)))
    if not len(on):
        return q, found, None
    flips = xp.zeros(ratio.shape, bool)
    q[on], found[on], flips[on] = _passing(xp, ratio[on], gain[on], width[on], worst[on])
    return q, found, flips


def _passing(xp: Any, ratio: Any, gain: Any, width: Any, worst: Any) -> tuple[Any, Any, Any]:
    here = xp.arange(len(ratio))
    order = xp.argsort(ratio, axis=1)
    helps = xp.isfinite(xp.take_along_axis(ratio, order, 1))
    room = xp.take_along_axis(gain, order, 1) * xp.take_along_axis(width, order, 1)
    passed = xp.cumsum(xp.where(helps, room, 0.0), axis=1)
    enough = helps & (passed >= worst[:, None] * (1.0 - 1e-12))
    place = xp.argmax(enough, axis=1)
    found = enough[here, place]
    before = (xp.arange(ratio.shape[1])[None, :] < place[:, None]) & found[:, None]
    return order[here, place], found, _put(xp, xp.zeros(ratio.shape, bool), (here[:, None], order), before)


def _put(xp: Any, array: Any, where: Any, what: Any, copy: bool = False) -> Any:
    if hasattr(array, "at"):
        return array.at[where].set(what)
    if copy:
        array = array.copy()
    array[where] = what
    return array


__all__ = ["DONE", "NO_POINT", "RUNNING", "STUCK", "State", "step", "values"]
