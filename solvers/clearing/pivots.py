"""From a basis nearby to the optimum, many members side by side: `kernels` with rows added as they are missed.

Only rows that bind somewhere take part: the equations, the rows of the bases known, and then those that the members' points
miss, until none is missed. Networks have thousands of limits of which a handful bind.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from opengames.solvers.clearing import kernels
from opengames.solvers.clearing.kernels import DONE, NO_POINT, RUNNING, STUCK, State
from opengames.solvers.clearing.shared import Corner, Members
from opengames.solvers.clearing.solution import AT_LOWER, AT_UPPER, BASIC

_ROUNDS = 12
_STEPS = 80
_MISSED = 1e-9
_MOST_ROWS = 160
_CHUNK = 512
_APART = 1e-7


@dataclass(frozen=True)
class Ended:
    """x, y as in `Tried`; codes: (members, n + m) int8 the bases; status: of `kernels`; inside: prices are unique."""

    x: np.ndarray
    y: np.ndarray
    codes: np.ndarray
    status: np.ndarray
    inside: np.ndarray


def pivot(members: Members, corners: list[Corner], start: np.ndarray, hot: np.ndarray) -> Ended:
    """Optima of members, each from the corner `start` (members,) names. Those not found have a status other than DONE; NO_POINT is
    certain. hot: rows that may well bind."""
    matrix = members.matrix
    m, n = matrix.shape
    k = len(members.lower)
    rows = _first_rows(members, [corners[i] for i in np.unique(start)], hot)
    if not len(rows) and m:
        # a step needs a row to stand on
        rows = np.zeros(1, int)
    ended = Ended(
        np.full((k, n), np.nan), np.zeros((k, m)), np.zeros((k, n + m), np.int8), np.full(k, STUCK), np.zeros(k, bool)
    )
    which = np.arange(k)
    state = _begin(members, rows, corners, start)
    for _ in range(_ROUNDS):
        here = members.some(which)
        lower, upper = _narrow(here.lower, rows, n), _narrow(here.upper, rows, n)
        across = np.concatenate([-matrix[rows], np.eye(len(rows))], axis=1)
        state = _run(across, lower, upper, state)
        done = state.status == DONE
        lost = np.flatnonzero(state.status == NO_POINT)
        sure = _no_point(across, lower[lost], upper[lost], _some(state, lost))
        ended.status[which[lost[sure]]] = NO_POINT
        point = _points(across, state, n)
        all_rows = point @ matrix.T
        outside = np.maximum(here.lower[:, n:] - all_rows, all_rows - here.upper[:, n:]) / (1.0 + abs(all_rows))
        outside[:, rows] = -np.inf
        again = done & (outside.max(axis=1, initial=-np.inf) > _MISSED)
        over = done & ~again
        _store(ended, which[over], here.some(over), rows, _some(state, over), point[over], outside[over])
        if not again.any():
            break
        fresh = _worst_rows(outside[again])
        if len(rows) + len(fresh) > _MOST_ROWS:
            break
        state = _extend(matrix, rows, fresh, here.some(again), _some(state, again), point[again])
        which, rows = which[again], np.concatenate([rows, fresh])
    return ended


def _worst_rows(outside: np.ndarray) -> np.ndarray:
    """Rows that some member misses most."""
    return np.unique(outside.argmax(axis=1))


def _first_rows(members: Members, corners: list[Corner], hot: np.ndarray) -> np.ndarray:
    n = members.matrix.shape[1]
    equal = np.flatnonzero((members.lower[0, n:] == members.upper[0, n:]) & np.isfinite(members.lower[0, n:]))
    return np.unique(np.concatenate([equal, hot, *(c.rows for c in corners)])).astype(int)


def _narrow(bound: np.ndarray, rows: np.ndarray, n: int) -> np.ndarray:
    return np.concatenate([bound[:, :n], bound[:, n + rows]], axis=1)


def _begin(members: Members, rows: np.ndarray, corners: list[Corner], start: np.ndarray) -> State:
    """Every member at its corner; entries whose price has the wrong sign there go to their other bound, if there is one."""
    matrix = members.matrix[rows]
    m, n = matrix.shape
    k = len(start)
    cost = np.broadcast_to(members.cost, (k, n))
    basic = np.empty((k, m), int)
    inverse = np.empty((k, m, m))
    codes = np.empty((k, n + m), np.int8)
    full = np.concatenate([matrix, -np.eye(m)], axis=1)
    for i in np.unique(start):
        mine = start == i
        code = np.concatenate([corners[i].codes[:n], corners[i].codes[n + rows]])
        entries = np.flatnonzero(code == BASIC)
        basic[mine], codes[mine] = entries, code
        inverse[mine] = np.linalg.inv(full[:, entries])
    costs = np.concatenate([cost, np.zeros((k, m))], axis=1)
    y = np.einsum("ki,kij->kj", np.take_along_axis(costs, basic, 1), inverse)
    d = costs - y @ full
    lower, upper = _narrow(members.lower, rows, n), _narrow(members.upper, rows, n)
    size = 1e-10 * (1.0 + abs(d))
    side = np.select([(codes == BASIC) | (lower == upper), codes == AT_UPPER], [0.0, -1.0], 1.0)
    side = np.where((side > 0) & (d < -size), -1.0, np.where((side < 0) & (d > size), 1.0, side))
    w = np.where(side < 0, upper, lower)
    lost = (np.isinf(w) & (codes != BASIC)).any(1)
    w = np.where(codes == BASIC, 0.0, w)
    # offers at one price tie, and ties go round in circles: reduced costs part a little, and count as they are at the end
    apart = np.random.default_rng(0).uniform(0.5, 1.0, n + m) * _APART * (1.0 + abs(members.cost).max(initial=0.0))
    d += side * apart
    np.put_along_axis(d, basic, 0.0, 1)
    w[lost] = 0.0
    value = kernels.values(-full, inverse, basic, w)
    low, high = (np.take_along_axis(bound, basic, 1) for bound in (lower, upper))
    return State(basic, inverse, value, low, high, side, w, d, np.where(lost, STUCK, RUNNING))


def _run(across: np.ndarray, lower: np.ndarray, upper: np.ndarray, state: State) -> State:
    """Steps until no member runs; those that are done step aside."""
    whole = State(*(part.copy() for part in state))
    running = np.flatnonzero(state.status == RUNNING)
    with np.errstate(invalid="ignore"):
        for first in range(0, len(running), _CHUNK):
            mine = running[first : first + _CHUNK]
            _run_chunk(across, mine, lower[mine], upper[mine], _some(state, mine), whole)
    return whole


def _run_chunk(across: np.ndarray, running: np.ndarray, lower: np.ndarray, upper: np.ndarray, state: State, whole: State) -> None:
    width = upper - lower
    for _ in range(_STEPS):
        state = kernels.step(across, lower, upper, width, state)
        on = state.status == RUNNING
        if on.sum() <= 0.6 * len(on):
            _lay(whole, running[~on], _some(state, ~on))
            state, lower, upper, width, running = _some(state, on), lower[on], upper[on], width[on], running[on]
        if not len(running):
            return
    state.status[state.status == RUNNING] = STUCK
    _lay(whole, running, state)


def _lay(whole: State, where: np.ndarray, part: State) -> None:
    for mine, theirs in zip(whole, part, strict=True):
        mine[where] = theirs


def _some(state: State, which: np.ndarray) -> State:
    return State(*(part[which] for part in state))


def _points(across: np.ndarray, state: State, n: int) -> np.ndarray:
    """Columns of the members' points, the basic ones worked out from the others, and once more from what is then left."""
    w = state.w.copy()
    np.put_along_axis(w, state.basic, 0.0, 1)
    basic = np.einsum("kij,kj->ki", state.inverse, w @ across.T)
    np.put_along_axis(w, state.basic, basic, 1)
    basic += np.einsum("kij,kj->ki", state.inverse, w @ across.T)
    np.put_along_axis(w, state.basic, basic, 1)
    return w[:, :n]


def _store(
    ended: Ended, which: np.ndarray, members: Members, rows: np.ndarray, state: State, x: np.ndarray, outside: np.ndarray
) -> None:
    if not len(which):
        return
    m, n = members.matrix.shape
    some = members.matrix[rows]
    k = len(which)
    costs = np.concatenate([np.broadcast_to(members.cost, (k, n)), np.zeros((k, len(rows)))], axis=1)
    y = np.einsum("ki,kij->kj", np.take_along_axis(costs, state.basic, 1), state.inverse)
    # what the basic entries still owe, paid once more
    owed = costs - np.concatenate([y @ some, -y], axis=1)
    y += np.einsum("ki,kij->kj", np.take_along_axis(owed, state.basic, 1), state.inverse)
    ended.x[which] = x
    prices = np.zeros((k, m))
    prices[:, rows] = y
    ended.y[which] = prices
    short = np.where(state.side < 0, AT_UPPER, AT_LOWER).astype(np.int8)
    np.put_along_axis(short, state.basic, BASIC, 1)
    codes = np.full((k, n + m), BASIC, np.int8)
    codes[:, :n] = short[:, :n]
    codes[:, n + rows] = short[:, n:]
    ended.codes[which] = codes
    ended.status[which] = DONE
    value = np.take_along_axis(np.concatenate([x, x @ some.T], axis=1), state.basic, 1)
    room = np.minimum(value - state.low, state.high - value) / (1.0 + abs(value))
    ended.inside[which] = (room.min(axis=1) > _MISSED) & (outside.max(axis=1, initial=-np.inf) < -_MISSED)


def _no_point(across: np.ndarray, lower: np.ndarray, upper: np.ndarray, state: State) -> np.ndarray:
    """Which members have no point for certain: some combination of the equations that no values within the bounds meet. (members,)."""
    here = np.arange(len(state.basic))
    missed = np.maximum(state.low - state.value, state.value - state.high)
    weights = state.inverse[here, np.argmax(missed / (1.0 + abs(state.value)), axis=1)] @ across
    weights = np.where(abs(weights) <= 1e-12 * abs(weights).max(axis=1, keepdims=True), 0.0, weights)
    with np.errstate(invalid="ignore"):
        ends = np.where(weights == 0.0, 0.0, weights * lower), np.where(weights == 0.0, 0.0, weights * upper)
    least, most = np.minimum(*ends).sum(1), np.maximum(*ends).sum(1)
    size = 1e-9 * (1.0 + np.where(np.isfinite(ends[0]), abs(ends[0]), 0.0).sum(1))
    return (least > size) | (most < -size)


def _extend(matrix: np.ndarray, rows: np.ndarray, fresh: np.ndarray, members: Members, state: State, x: np.ndarray) -> State:
    """The same bases with rows added, which are basic. x: (members, n) the points."""
    n = matrix.shape[1]
    k, m = state.basic.shape
    more = len(fresh)
    new = matrix[fresh]
    # the part of the new rows in the basic columns
    inside = np.where((state.basic < n)[:, None, :], new.T[np.minimum(state.basic, n - 1)].transpose(0, 2, 1), 0.0)
    inverse = np.zeros((k, m + more, m + more))
    inverse[:, :m, :m] = state.inverse
    inverse[:, m:, :m] = inside @ state.inverse
    inverse[:, m:, m:] = -np.eye(more)
    blank = np.zeros((k, more))

    def wider(part: np.ndarray, what: np.ndarray) -> np.ndarray:
        return np.concatenate([part, what], axis=1)

    return State(
        wider(state.basic, np.broadcast_to(n + m + np.arange(more), (k, more))), inverse, wider(state.value, x @ new.T),
        wider(state.low, members.lower[:, n + fresh]), wider(state.high, members.upper[:, n + fresh]),
        wider(state.side, blank), wider(state.w, blank), wider(state.d, blank), np.full(k, RUNNING),
    )  # fmt: skip


__all__ = ["Ended", "pivot"]
