r"""The stochastic ensemble Kalman filter.

Members are moved by the channel itself. When evidence $y$ comes in, each moves by the regression of the state on the
predicted evidence over the ensemble, towards evidence perturbed by noise of its own:
$$x_i \leftarrow x_i + C_{xh} (C_{hh} + R)^{-1} (y - y_i), \qquad y_i \sim p(\cdot \mid x_i).$$
Where evidence is drawn from a normal distribution, $h_i$ is its mean and $R$ its mean variance; elsewhere $h_i = y_i$ and
$R = 0$, and the ensemble estimates both. Numbers that the channel keeps within bounds are put back into them.
Exact for linear channels with normal noise and infinitely many members. Deviations from the ensemble's mean are
multiplied by `inflation` before the evidence comes in, against an ensemble that is too sure of itself. With a `Taper` both
covariances are multiplied by it, so that evidence moves what is near in the index only; what has no index in common with the
evidence (a bias of all sensors) is moved by the regression as it is.

Source: Burgers, van Leeuwen, Evensen, Analysis scheme in the ensemble Kalman filter (1998), section 3;
Evensen, The ensemble Kalman smoother (2000), for the lag.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from opengames.diagnostics import Refusal
from opengames.diagram import Diagram, Port
from opengames.sampled.backend import jax, jnp
from opengames.solvers.recognition import dense
from opengames.solvers.recognition.densities import DEVIATION, MEAN, described, named
from opengames.solvers.recognition.members import Cloud, Leaves, empty, shifted
from opengames.solvers.recognition.shape import StateSpace, depends, unsuited
from opengames.solvers.recognition.taper import Taper, common
from opengames.spaces import Bool, Enum, Space


def opened(space: StateSpace) -> tuple[Diagram, dict[str, tuple[str, str]]]:
    """The body of the loop with the mean and deviation of normal evidence put out, and what these wires are called.

    Raises `Refusal` (`unsuited-filter`) for a state or evidence that is no number.
    """
    loop = space.loop
    for name, wire, kind in _regressed(space):
        for leaf in dense.leaves_of(kind):
            if not leaf.is_real and wire in space.latent | {p.name for p in space.kept}:
                raise unsuited(
                    f"`{name}{leaf.path}` is {_kind(leaf.space)}, and an ensemble Kalman filter moves real numbers", space.at,
                    help="recognise `by particle`, or `by exact` where everything is finite",
                )  # fmt: skip
    for each in space.seen:
        for leaf in dense.leaves_of(each.space):
            if isinstance(leaf.space, Enum | Bool):
                raise unsuited(
                    f"the evidence `{each.name}{leaf.path}` is {_kind(leaf.space)}, and an ensemble Kalman filter regresses on numbers",
                    space.at, help="recognise `by particle`, or `by exact` where everything is finite",
                )  # fmt: skip
    body, known = loop.body, {}
    moved = [w for _, w, _ in _regressed(space)]
    if any(depends(body, w, frozenset(s.wire for s in space.seen)) for w in moved):
        return body, {}  # noise of the evidence is in the state too: both are regressed on what was drawn
    for each in space.seen:
        try:
            body = described(body, each.wire)
        except Refusal:
            continue
        known[each.wire] = (named(each.wire, MEAN), named(each.wire, DEVIATION))
    return body, known


def _regressed(space: StateSpace) -> list[tuple[str, str, Space]]:
    """(name, wire of the body, space) of what the evidence moves."""
    carried = [(c.name, c.next, c.space) for c in space.loop.carry]
    kept = [(p.name, p.name, p.space) for p in space.kept]
    return [*carried, *kept, *((s.name, s.wire, s.space) for s in space.sought if s.every)]


def _kind(space: Space) -> str:
    from opengames.show import show_space

    return "a truth value" if isinstance(space, Bool) else f"of {show_space(space)}"


def filtered(
    cloud: Cloud, known: dict[str, tuple[str, str]], inflation: float, taper: Taper | None, lag: int, seed: Any, run: Any,
    inputs: Leaves, evidence: Leaves, there: Leaves, params: Any,
) -> dict[str, Any]:  # fmt: skip
    """One run of the filter. evidence, there: by wire of the body, rounds first. See `recognise.Found` for what comes out."""
    space = cloud.space
    before, pairs, _ = cloud.keys(seed, run)
    state, same, up = cloud.start(before, inputs, params)
    fixed = [c.name for c in space.loop.carry if c.next not in space.latent]
    shapes: dict[str, Port] = {s.wire: Port(s.wire, s.space) for s in space.sought if s.every}
    sought = list(shapes)
    seen = [leaf for s in space.seen for leaf in dense.leaves_of(s.space)]

    def step(carry: Any, position: Any) -> tuple[Any, Any]:
        state, buffer = carry
        moved = cloud.move(pairs, state, same, {}, params, position)
        found = moved.results
        y, here = (dense.stacked([a for s in space.seen for a in cloud.seen_at(of, position)[s.wire]]) for of in (evidence, there))
        drawn = _columns([a for s in space.seen for a in found[s.wire]])
        middle, noise = drawn, jnp.zeros_like(drawn)
        if known:
            middle = _columns([a for s in space.seen for a in (found[known[s.wire][0]] if s.wire in known else found[s.wire])])
            noise = _columns(
                [a for s in space.seen for a in (found[known[s.wire][1]] if s.wire in known else [0.0 * b for b in found[s.wire]])]
            )
        after = cloud.carried(state, found)
        buffer = shifted(buffer, [a for w in sought for a in found[w]])
        limits = {c.name: moved.bounds[c.next] for c in space.loop.carry}
        moving = {n: a for n, a in after.items() if n not in fixed}
        batches = _batches(taper, seen, _moved_leaves(space, list(moving), [shapes[w].space for w in sought], lag))
        moving, buffer, news = _analysed(moving, buffer, middle, drawn, noise, y, here, inflation, batches)
        for name, bounds in limits.items():
            if name in moving:
                moving[name] = _inside(moving[name], bounds)
        state = {**after, **moving}
        bounds = [b for w in sought for b in moved.bounds[w]]
        latent = [w in space.latent for w in sought for _ in moved.bounds[w]]
        plain = [a for w in sought for a in found[w]]
        buffer = [
            jnp.clip(b, lo, hi) if random else b.at[0].set(a)
            for b, (lo, hi), a, random in zip(buffer, bounds, plain, latent, strict=True)
        ]
        left = [b[-1] for b in buffer]
        return (state, buffer), (left, news, moved.up)

    blank = jax.eval_shape(lambda: cloud.move(pairs, state, same, {}, params, jnp.int32(0)).results)
    buffer = empty(lag, [a for w in sought for a in blank[w]])
    (state, buffer), (left, news, ups) = jax.lax.scan(step, (state, buffer), cloud.order())
    return {"left": left, "buffer": buffer, "state": state, "news": news, "up": (up, ups)}


def check_distances(space: StateSpace) -> None:
    """Refuse (`unsuited-filter`) to localise where no evidence shares an index with the state."""
    state = [leaf for _, _, kind in _regressed(space) for leaf in dense.leaves_of(kind)]
    for each in space.seen:
        for leaf in dense.leaves_of(each.space):
            if leaf.index and not any(common(leaf, other) for other in state):
                raise unsuited(
                    f"`{each.name}{leaf.path}` shares no index with the state, so nothing is near it or far", space.at,
                    "`radius` counts steps in an index that both have", "leave out `radius`, or let the evidence have the index of the state",
                )  # fmt: skip
    if not any(leaf.index for each in space.seen for leaf in dense.leaves_of(each.space)):
        raise unsuited(
            "no evidence of a round has an index, so nothing is near it or far", space.at,
            "`radius` counts steps in an index that evidence and state have within a round", "leave out `radius`",
        )  # fmt: skip


def _moved_leaves(space: StateSpace, names: list[str], sought: list[Space], lag: int) -> list[dense.Leaf]:
    """The scalars that evidence moves, in the order of their columns: the state called `names`, then the buffer."""
    spaces = {c.name: c.space for c in space.loop.carry} | {f"kept: {p.name}": p.space for p in space.kept}
    state = [leaf for n in names for leaf in dense.leaves_of(spaces[n])]
    late = [leaf for s in sought for leaf in dense.leaves_of(s) if not isinstance(leaf.space, Enum | Bool)]
    return [*state, *(leaf for leaf in late for _ in range(lag + 1))]


@dataclass(frozen=True)
class _Batch:
    """Evidence that comes in together. at: its places among all evidence.

    within: factors on its covariances with itself, `None` where nothing is localised. toward, near: factors on its covariances
    with what is moved, and which of that they are for; the rest has no index in common with it. The same of all evidence.
    """

    at: Any
    within: Any = None
    toward: Any = None
    near: Any = None
    toward_seen: Any = None
    near_seen: Any = None


def _batches(taper: Taper | None, seen: list[dense.Leaf], moved: list[dense.Leaf]) -> list[_Batch]:
    """All evidence at once; where it is localised, first what has no index, then what has one after the other.

    Within a batch distances are those of one space, so that tapered covariances stay positive semidefinite.
    """
    sizes = [int(np.prod(leaf.sizes, dtype=int)) for leaf in seen]
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(int)
    if taper is None:
        return [_Batch(np.arange(starts[-1]))]
    found = []
    for index in sorted({leaf.index for leaf in seen}, key=len):
        mine = [k for k, leaf in enumerate(seen) if leaf.index == index]
        group = [seen[k] for k in mine]
        at = np.concatenate([np.arange(starts[k], starts[k + 1]) for k in mine])
        near, near_seen = (_together(group[0], leaves) for leaves in (moved, seen))
        found.append(_Batch(at, taper.within(group), taper.between(group, moved), near, taper.between(group, seen), near_seen))
    return found


def _together(leaf: dense.Leaf, others: list[dense.Leaf]) -> np.ndarray:
    """For each number of the others, whether it shares an index with the leaf."""
    return np.array([bool(common(leaf, o)) for o in others for _ in range(int(np.prod(o.sizes, dtype=int)))], bool)


def _columns(arrays: list[Any]) -> Any:
    """Members by numbers: `[members, n]`."""
    return jnp.concatenate([jnp.reshape(a.astype(jnp.float64), (a.shape[0], -1)) for a in arrays], 1)


def _apart(flat: Any, shapes: list[tuple[int, ...]]) -> list[Any]:
    """The arrays whose columns these are."""
    found, at = [], 0
    for shape in shapes:
        width = int(np.prod(shape[1:], dtype=int))
        found.append(flat[:, at : at + width].reshape(shape))
        at += width
    return found


def _inside(arrays: list[Any], bounds: list[tuple[float, float]]) -> list[Any]:
    return [jnp.clip(a, lo, hi) for a, (lo, hi) in zip(arrays, bounds, strict=True)]


def _analysed(
    state: Leaves, buffer: list[Any], middle: Any, drawn: Any, noise: Any, y: Any, here: Any, inflation: float,
    batches: list[_Batch],
) -> tuple[Leaves, list[Any], dict[str, Any]]:
    """State and buffer after the evidence `y`, as far as it is `here`, and how it compared with what was predicted.

    middle, drawn, noise: `[members, evidence]`, the predicted mean, the draw and the deviation of its noise. batches come in one
    after the other, each moving what the next is predicted to be.
    """
    n, count = middle.shape[0], here.sum()
    grown = jnp.where(count > 0, inflation, 1.0)
    moving = [a for arrays in state.values() for a in arrays]
    late = [jnp.moveaxis(b, 1, 0) for b in buffer if jnp.issubdtype(b.dtype, jnp.floating)]
    flat = _inflated(_columns([*moving, *late]), grown)
    wider = _inflated(middle, grown)
    middle, drawn = wider, drawn + (wider - middle)
    surprise = log_size = 0.0
    for batch in batches:
        at = batch.at
        there = here[at]
        mean = middle[:, at].mean(0)
        off = jnp.where(there, middle[:, at] - mean, 0.0)
        gaps = jnp.where(there, jnp.concatenate([(y[at] - mean)[None], y[at] - drawn[:, at]]), 0.0)
        own = jnp.diag(jnp.where(there, (noise[:, at] ** 2).mean(0), 0.0))
        spread = off.T @ off / (n - 1)
        pulls, more, size = _solved(spread + own, gaps, there)
        local = None
        if batch.within is not None:
            local, more, size = _solved(spread * batch.within + own, gaps, there)
        surprise, log_size = surprise + more, log_size + size
        if len(batches) > 1:
            shift = _moved(middle, off, pulls, local, batch.toward_seen, batch.near_seen)
            middle, drawn = middle + shift, drawn + shift
        flat = flat + _moved(flat, off, pulls, local, batch.toward, batch.near)
    parts = iter(_apart(flat, [a.shape for a in (*moving, *late)]))
    state = {k: [next(parts) for _ in arrays] for k, arrays in state.items()}
    buffer = [jnp.moveaxis(next(parts), 0, 1) if jnp.issubdtype(b.dtype, jnp.floating) else b for b in buffer]
    log = -(surprise + log_size + count * np.log(2 * np.pi)) / 2
    return state, buffer, {"surprise": surprise, "degrees": count, "log": log}


def _inflated(x: Any, factor: Any) -> Any:
    mean = x.mean(0)
    return mean + (x - mean) * factor


def _moved(x: Any, off: Any, pulls: Any, local: Any, toward: Any, near: Any) -> Any:
    """By how much the columns of `x` move: by the tapered regression what is near or far, by the plain one what is neither."""
    cross = off.T @ (x - x.mean(0)) / (x.shape[0] - 1)
    plain = pulls @ cross
    return plain if local is None else jnp.where(near, local @ (cross * toward), plain)


def _solved(spread: Any, gaps: Any, here: Any) -> tuple[Any, Any, Any]:
    """$(y - y_i) S^{-1}$ by member, and of the mean its squared length and $\\log |S|$. gaps: the mean's first.

    Evidence about which the members agree exactly and without noise moves nothing, nor does what is not `here`, where
    `spread` and `gaps` are 0.
    """
    d = spread.shape[0]
    if d == 1:
        s = spread[0, 0]
        safe = jnp.where(s > 0, s, 1.0)
        pulls = jnp.where(s > 0, gaps / safe, 0.0)
        return pulls[1:], (pulls[0] * gaps[0]).sum(), jnp.log(safe)
    scale = jnp.maximum(jnp.trace(spread) / jnp.maximum(here.sum(), 1), 1e-300)
    root = jnp.linalg.cholesky(spread + scale * (1e-13 * jnp.eye(d) + jnp.diag(jnp.where(here, 0.0, 1.0))))
    half = jax.scipy.linalg.solve_triangular(root, gaps.T, lower=True)
    pulls = jax.scipy.linalg.solve_triangular(root.T, half, lower=False).T
    return pulls[1:], (half[:, 0] ** 2).sum(), 2 * jnp.where(here, jnp.log(jnp.diag(root)), 0.0).sum()
