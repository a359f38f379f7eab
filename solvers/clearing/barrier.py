"""Linear and quadratic programs, many members at once, by an interior point method: every member takes the same steps.

Rows and columns are treated alike: each member has entries `w = (x, r)` with `r = matrix x` and bounds of both. Every bound has a price,
and the point moves so that price times distance shrinks for all bounds alike (Mehrotra's predictor and corrector). A step solves
one symmetric system as large as there are rows,

    (matrix G matrix' + S) dy = ...      G, S: how far columns and rows give way, from curvature, prices and distances

so the work does not depend on which bounds are met: what accelerators like, and quadratic programs with many limits. It ends near the middle
of all optima. From there `finish` guesses which bounds are met, solves for the point and prices that meet them, and corrects the guess.

The functions are written once over an array namespace: NumPy, where members that have ended step aside, or jax.numpy, where the
same steps run in one compiled loop.

Sources: Mehrotra, On the implementation of a primal-dual interior point method (1992); Nocedal and Wright, Numerical Optimization (2006), sections
14.2 and 16.6; Hintermüller, Ito and Kunisch, The primal-dual active set strategy as a semismooth Newton method (2002), for the finish.
"""

from __future__ import annotations

from typing import Any, NamedTuple

STEPS = 60
_CLOSE = 1e-9
_CENTRED = 1e-17
_GIVES = 1e-11
_FIRM = 1e-8
_LIFTED = 1e-10
TURNS = 6
_REFINED = 5
_MET = 1e-10


class Problem(NamedTuple):
    """Members side by side, in their own scale (costs and bounds near 1).

    matrix: (m, n), or (members, m, n) where it differs. pairs: (n, m * m) products of its rows, or none where it differs.
    quadratic: none, (n,) where it is diagonal, else (n, n). cost: (members, n). lower, upper: (members, n + m), columns before rows.
    """

    matrix: Any
    pairs: Any
    quadratic: Any
    cost: Any
    lower: Any
    upper: Any


class State(NamedTuple):
    """w: (members, n + m) entries; below, above: (members, n + m) their distances from lower and upper bounds, 1 where there is none,
    kept apart since differences of `w` lose them in rounding; y: (members, m) prices of `matrix x = r`; under, over: (members, n + m)
    prices of the bounds, 0 where there is none. stopped: (members,) near an optimum, or as near as steps lead."""

    w: Any
    below: Any
    above: Any
    y: Any
    under: Any
    over: Any
    stopped: Any


def times(xp: Any, p: Problem, x: Any) -> Any:
    """`matrix x` of every member, (members, m)."""
    return x @ p.matrix.T if p.matrix.ndim == 2 else xp.einsum("kij,kj->ki", p.matrix, x)


def turned(xp: Any, p: Problem, y: Any) -> Any:
    """`matrix' y` of every member, (members, n)."""
    return y @ p.matrix if p.matrix.ndim == 2 else xp.einsum("kij,ki->kj", p.matrix, y)


def bent(p: Problem, x: Any) -> Any:
    """`quadratic x` of every member, (members, n)."""
    if p.quadratic is None:
        return 0.0
    return x * p.quadratic if p.quadratic.ndim == 1 else x @ p.quadratic


class _Factor:
    """Of symmetric positive matrices side by side (members, size, size); their diagonals are brought to 1 first, and `lifted` a little, so
    that what they leave open stays small."""

    def __init__(self, xp: Any, square: Any, lifted: float) -> None:
        self.xp = xp
        diagonal = xp.einsum("kii->ki", square)[:, :, None]
        # what nothing depends on stays as it is
        self.size = xp.where(diagonal > 1e-250, 1.0 / xp.sqrt(xp.maximum(diagonal, 1e-250)), 0.0)
        # a member that has gone astray must not stop the others; it is not called right later
        if hasattr(square, "at"):
            eye = xp.eye(square.shape[-1])
            scaled = square * self.size * xp.swapaxes(self.size, 1, 2)
            scaled = xp.where(xp.isfinite(scaled).all((1, 2))[:, None, None], scaled, eye) + lifted * eye
            self.lower = xp.linalg.cholesky(scaled)
        else:
            scaled = square * self.size
            scaled *= xp.swapaxes(self.size, 1, 2)
            scaled[~xp.isfinite(scaled.sum((1, 2)))] = xp.eye(square.shape[-1])
            xp.einsum("kii->ki", scaled)[...] += lifted
            self.lower = _inverse_factor(scaled)

    def solve(self, right: Any) -> Any:
        """right: (members, size, columns)."""
        xp = self.xp
        if hasattr(right, "at"):
            from jax.scipy.linalg import cho_solve

            return self.size * cho_solve((self.lower, True), self.size * right)
        return self.size * xp.matmul(xp.swapaxes(self.lower, 1, 2), xp.matmul(self.lower, self.size * right))


def _inverse_factor(square: Any) -> Any:
    """Inverses of the Cholesky factors, with NumPy, which has no triangular solve of many."""
    import numpy as np
    from scipy.linalg.lapack import dtrtri

    if not square.size:
        return square
    more = 0.0
    while True:
        try:
            found = np.linalg.cholesky(square)
        except np.linalg.LinAlgError:
            # not positive to rounding, for one member at least
            more = max(10.0 * more, 1e-14)
            square = square + more * np.eye(square.shape[-1])
            continue
        # half of each is 0, which an inverse of any matrices would not know
        for each in found:
            each.T[...] = dtrtri(each.T, overwrite_c=1)[0]
        return found


class _System:
    """`(quadratic + stiff) dx - matrix' dy = a`, `matrix dx + soft dy = b`, factored. stiff: (members, n); held: (members, n) bool,
    columns that do not move; soft: (members, m)."""

    def __init__(self, xp: Any, p: Problem, stiff: Any, held: Any, soft: Any, lifted: float = 1e-15) -> None:
        self.xp, self.p, self.free = xp, p, ~held
        m = p.matrix.shape[-2]
        if p.quadratic is None or p.quadratic.ndim == 1:
            self.curved = None
            self.gives = xp.where(held, 0.0, 1.0 / xp.where(held, 1.0, stiff if p.quadratic is None else p.quadratic + stiff))
            if p.pairs is not None:
                normal = (self.gives @ p.pairs).reshape((len(self.gives), m, m))
            else:
                normal = xp.matmul(p.matrix * self.gives[:, None, :], xp.swapaxes(p.matrix, -1, -2))
        else:
            both = self.free[:, :, None] & self.free[:, None, :]
            block = xp.where(both, p.quadratic, 0.0) + xp.eye(len(p.quadratic)) * xp.where(held, 1.0, stiff)[:, None, :]
            self.curved = _Factor(xp, block, 1e-15)
            across = xp.swapaxes(p.matrix, -1, -2) * xp.where(held, 0.0, 1.0)[:, :, None]
            normal = xp.matmul(xp.swapaxes(across, 1, 2), self.curved.solve(across))
        if hasattr(normal, "at"):
            self.normal = normal + xp.eye(m) * soft[:, None, :]
        else:
            xp.einsum("kii->ki", normal)[...] += soft
            self.normal = normal
        self.factor = _Factor(xp, self.normal, lifted)

    def columns(self, a: Any) -> Any:
        """What costs `a` move the columns by."""
        if self.curved is None:
            return self.gives * a
        return self.xp.where(self.free, self.curved.solve(self.xp.where(self.free, a, 0.0)[:, :, None])[:, :, 0], 0.0)

    def solve(self, a: Any, b: Any) -> tuple[Any, Any]:
        """dx (members, n) and dy (members, m)."""
        xp = self.xp
        right = (b - times(xp, self.p, self.columns(a)))[:, :, None]
        dy = self.factor.solve(right)
        dy = (dy + self.factor.solve(right - xp.matmul(self.normal, dy)))[:, :, 0]
        return self.columns(a + turned(xp, self.p, dy)), dy


def begin(xp: Any, p: Problem) -> State:
    """Where every member starts: in the middle of its bounds."""
    low, high, equal = _kinds(xp, p)
    lower, upper = xp.where(low, p.lower, 0.0), xp.where(high, p.upper, 0.0)
    w = xp.where(low & high, 0.5 * (lower + upper), xp.where(low, lower + 1.0, xp.where(high, upper - 1.0, 0.0)))
    w = xp.where(equal, p.lower, w)
    below, above = xp.where(low, w - lower, 1.0), xp.where(high, upper - w, 1.0)
    y, none = xp.zeros((len(w), p.matrix.shape[-2])), xp.zeros(len(w), bool)
    return State(w, below, above, y, xp.where(low, 1.0, 0.0) + 0.0 * w, xp.where(high, 1.0, 0.0) + 0.0 * w, none)


def _kinds(xp: Any, p: Problem) -> tuple[Any, Any, Any]:
    equal = p.lower == p.upper
    return xp.isfinite(p.lower) & ~equal, xp.isfinite(p.upper) & ~equal, equal


def step(xp: Any, p: Problem, state: State) -> State:
    """One predictor and corrector of every member that has not stopped."""
    n = p.cost.shape[1]
    w, below, above, y, under, over, stopped = state
    low, high, equal = _kinds(xp, p)
    count = xp.maximum(low.sum(1) + high.sum(1), 1)
    mu = ((under * below * low).sum(1) + (over * above * high).sum(1)) / count
    x, r = w[:, :n], w[:, n:]
    gradient = p.cost + bent(p, x)
    owed = xp.concatenate([gradient - turned(xp, p, y), y], axis=1) - under + over
    owed = xp.where(equal, 0.0, owed)
    short = times(xp, p, x) - r
    worst = xp.maximum(_most(xp, owed), _most(xp, short) / (1.0 + _most(xp, r)))
    size = 1.0 + abs((p.cost * x).sum(1))
    done = (worst < _CLOSE) & (mu < _CENTRED * size)
    stopped = stopped | done | ~xp.isfinite(worst)

    bend = under / below + over / above
    # a row that nothing binds gives way without end
    soft = xp.where(equal[:, n:], 0.0, 1.0 / (bend[:, n:] + _GIVES)) + 1e-13
    system = _System(xp, p, bend[:, :n] + _GIVES, equal[:, :n], soft)

    def direction(to_low: Any, to_high: Any) -> tuple[Any, ...]:
        push = -owed + to_low / below - to_high / above
        # rows: r moves by (push + dr's pull) / bend, so it is eliminated through `soft`
        give = xp.where(equal[:, n:], 0.0, push[:, n:] / (bend[:, n:] + _GIVES))
        dx, dy = system.solve(push[:, :n], -short + give)
        dr = xp.where(equal[:, n:], 0.0, (push[:, n:] - dy) / (bend[:, n:] + _GIVES))
        dw = xp.concatenate([dx, dr], axis=1)
        return dw, dy, xp.where(low, (to_low - under * dw) / below, 0.0), xp.where(high, (to_high + over * dw) / above, 0.0)

    dw, dy, du, do = direction(-under * below, -over * above)
    a, b = _room(xp, dw, below, above, low, high), _room_of_prices(xp, under, over, du, do)
    aimed = (
        ((under + b[:, None] * du) * (below + a[:, None] * dw) * low).sum(1)
        + ((over + b[:, None] * do) * (above - a[:, None] * dw) * high).sum(1)
    ) / count
    centre = mu * xp.minimum(xp.maximum(aimed, 0.0) / xp.maximum(mu, 1e-300), 1.0) ** 3
    dw, dy, du, do = direction(
        xp.where(low, centre[:, None] - under * below - dw * du, 0.0), xp.where(high, centre[:, None] - over * above + dw * do, 0.0)
    )
    far = 0.995
    a, b = far * _room(xp, dw, below, above, low, high), far * _room_of_prices(xp, under, over, du, do)
    if p.quadratic is not None:
        # the gradient moves with the point: prices and point keep step
        a = b = xp.minimum(a, b)
    a, b = a[:, None], b[:, None]
    fresh = State(
        w + a * dw, xp.where(low, below + a * dw, 1.0), xp.where(high, above - a * dw, 1.0), y + b * dy, under + b * du, over + b * do, stopped
    )  # fmt: skip
    stopped = stopped | ~xp.isfinite(fresh.w).all(1) | (xp.maximum(a, b)[:, 0] < 1e-9)
    keep = stopped[:, None]
    state, fresh = (part._replace(stopped=stopped[:, None]) for part in (state, fresh))
    return State(*(xp.where(keep, old, new) for old, new in zip(state, fresh, strict=True)))._replace(stopped=stopped)


def _most(xp: Any, values: Any) -> Any:
    return abs(values).max(axis=1) if values.shape[1] else xp.zeros(len(values))


def _room(xp: Any, dw: Any, below: Any, above: Any, low: Any, high: Any) -> Any:
    """How far entries may go, (members,): at most all the way."""
    falls = xp.where(low & (dw < 0), -dw / below, 0.0)
    rises = xp.where(high & (dw > 0), dw / above, 0.0)
    return 1.0 / xp.maximum(1.0, xp.maximum(falls, rises).max(axis=1))


def _room_of_prices(xp: Any, under: Any, over: Any, du: Any, do: Any) -> Any:
    falls = xp.where((under > 0) & (du < 0), -du / xp.where(under > 0, under, 1.0), 0.0)
    rises = xp.where((over > 0) & (do < 0), -do / xp.where(over > 0, over, 1.0), 0.0)
    return 1.0 / xp.maximum(1.0, xp.maximum(falls, rises).max(axis=1))


class Finished(NamedTuple):
    """x: (members, n), y: (members, m) at the bounds that are taken to be met. low, high: (members, n + m) bool, which they are.
    right: (members,) nothing is missed, and every price has its sign."""

    x: Any
    y: Any
    low: Any
    high: Any
    right: Any


def guessed(xp: Any, p: Problem, state: State) -> Finished:
    """Bounds whose price has outgrown the distance are taken to be met."""
    n = p.cost.shape[1]
    low, high, equal = _kinds(xp, p)
    below, above = state.below, state.above
    met_low = low & (state.under > below) & ~(high & (state.over > above) & (above < below))
    met_high = high & (state.over > above) & ~met_low
    return Finished(state.w[:, :n], state.y, met_low | equal, met_high, xp.zeros(len(state.w), bool))


def finish(xp: Any, p: Problem, at: Finished) -> Finished:
    """Solve for the point and prices at the bounds that are taken to be met, and correct which they are; nothing changes where that is
    right already."""
    n = p.cost.shape[1]
    _, _, equal = _kinds(xp, p)
    met = at.low | at.high
    bound = xp.where(at.high, p.upper, xp.where(at.low, p.lower, 0.0))
    held, tight = met[:, :n], met[:, n:]
    x = xp.where(held, bound[:, :n], at.x)
    y = xp.where(tight, at.y, 0.0)
    # rows that are not met take no part: what they give is without end
    system = _System(xp, p, xp.full(held.shape, _FIRM), held, xp.where(tight, 0.0, 1e12), _LIFTED)
    for _ in range(_REFINED):
        owed = p.cost + bent(p, x) - turned(xp, p, y)
        short = xp.where(tight, bound[:, n:] - times(xp, p, x), 0.0)
        dx, dy = system.solve(xp.where(held, 0.0, -owed), short)
        x, y = x + dx, y + xp.where(tight, dy, 0.0)
    z = p.cost + bent(p, x) - turned(xp, p, y)
    values, prices = xp.concatenate([x, times(xp, p, x)], axis=1), xp.concatenate([z, y], axis=1)
    size, scale = _MET * (1.0 + abs(values)), _MET * (1.0 + abs(prices))
    below, above = values < p.lower - size, values > p.upper + size
    wrong = ~equal & ((at.low & (prices < -scale)) | (at.high & (prices > scale)))
    low = xp.where(equal, True, (at.low & ~wrong) | (~met & below))
    high = xp.where(equal, False, (at.high & ~wrong) | (~met & above))
    kept = ((low == at.low) & (high == at.high)).all(1)
    # what is met must be reached, and free columns must cost what they pay: otherwise there is no such point
    short = xp.where(met, abs(values - bound) - 10.0 * size, 0.0)
    owed = xp.where(held, 0.0, abs(z) - 10.0 * scale[:, :n])
    right = at.right | (kept & (short <= 0.0).all(1) & (owed <= 0.0).all(1))
    keep = at.right[:, None]
    return Finished(
        xp.where(keep, at.x, x), xp.where(keep, at.y, y), xp.where(keep, at.low, low), xp.where(keep, at.high, high), right
    )


def solve(xp: Any, p: Problem) -> Finished:
    """Optima of all members, as far as they are reached; `right` says which. With NumPy, those that have ended step aside."""
    if hasattr(p.cost, "at"):
        from jax import lax

        state = lax.while_loop(
            lambda c: (c[0] < STEPS) & ~c[1].stopped.all(), lambda c: (c[0] + 1, step(xp, p, c[1])), (0, begin(xp, p))
        )[1]
        return lax.while_loop(
            lambda c: (c[0] < TURNS) & ~c[1].right.all(), lambda c: (c[0] + 1, finish(xp, p, c[1])), (0, guessed(xp, p, state))
        )[1]
    state = _until(p, begin(xp, p), STEPS, step, "stopped")
    return _until(p, guessed(xp, p, state), TURNS, finish, "right")


def _until(p: Problem, state: Any, turns: int, turn: Any, ended: str) -> Any:
    """`turn` again and again for the members that have not ended, with NumPy."""
    import numpy as np

    whole, on = type(state)(*(np.array(part) for part in state)), np.arange(len(p.cost))
    for _ in range(turns):
        state = turn(np, p, state)
        left = ~getattr(state, ended)
        if left.sum() <= 0.7 * len(on):
            for mine, theirs in zip(whole, state, strict=True):
                mine[on] = theirs
            on, state, p = on[left], type(state)(*(part[left] for part in state)), some(p, left)
            if not len(on):
                break
    for mine, theirs in zip(whole, state, strict=True):
        mine[on] = theirs
    return whole


def some(p: Problem, which: Any) -> Problem:
    """Of some members."""
    matrix = p.matrix if p.matrix.ndim == 2 else p.matrix[which]
    return p._replace(matrix=matrix, cost=p.cost[which], lower=p.lower[which], upper=p.upper[which])


__all__ = ["Finished", "Problem", "solve", "some"]
