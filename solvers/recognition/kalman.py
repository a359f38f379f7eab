r"""The Kalman filter, for channels that are linear with normal noise.

One round is $w = A s + B z + c$ with $z$ standard normal, where $w$ holds the next state, what is inferred and the evidence.
The matrices are read off the channel itself: it is run as a function of state and noise at 0 and at every unit
vector, which for an affine function is exact. With mean $m$ and covariance $P$ of the state, those of $w$ are
$A m + c$ and $A P A^\top + B B^\top$, and conditioning on the evidence is conditioning a normal distribution. What is
known beforehand (inputs, counters) stays a number. `lag` earlier entries are kept in the state. Numbers that were not
observed are left out of the evidence, which is what conditioning on the rest is.

Source: Kalman, A new approach to linear filtering and prediction problems (1960); Anderson and Moore, Optimal
filtering (1979), section 7.3, for the fixed lag.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from opengames.diagnostics import Refusal, refuse
from opengames.diagram import Port, wires
from opengames.program import Program, Recognition
from opengames.sampled import faults
from opengames.sampled.backend import jax, jnp
from opengames.solvers.recognition import dense
from opengames.solvers.recognition.affine import check_linear
from opengames.solvers.recognition.beliefs import Belief, Normals
from opengames.solvers.recognition.densities import draws, noiseless
from opengames.solvers.recognition.members import unlagged
from opengames.solvers.recognition.recognise import Found, by_index, by_wire, round_name
from opengames.solvers.recognition.rounds import Runner, params_of, positions
from opengames.solvers.recognition.shape import Sought, StateSpace, unsuited
from opengames.spaces import Space

Arrays = dict[str, list[Any]]

#: Evidence whose deviation is below the first share of what it was, or of what it is made of, is taken to be certain: that is
#: what rounding leaves of a variance. It may then be off by the second share of its size.
SURE, OFF = 1e-7, 1e-5


def kalman(program: Program, space: StateSpace, declared: Recognition, lag: int) -> Callable[..., Found]:
    """The filter, as `recognise.Filter.run`. Raises `Refusal` (`unsuited-filter`) for a channel that is not linear with normal noise."""
    check_linear(program, space)
    for sought in space.sought:
        for leaf in dense.leaves_of(sought.space):
            if not leaf.is_real:
                raise unsuited(f"`{sought.name}{leaf.path}` is no real number, and a Kalman filter infers those", declared.at)
    return _Kalman(program, space, declared, lag)


class _Kalman:
    """The compiled filter. carried: the latent wires of the state; known: those that no draw reaches."""

    def __init__(self, program: Program, space: StateSpace, declared: Recognition, lag: int) -> None:
        self.program, self.space, self.declared, self.lag = program, space, declared, lag
        before, self.noise_before = noiseless(space.before)
        body, self.noise = noiseless(space.loop.body)
        self.before, self.body = Runner(program, before, declared.name), Runner(program, body, declared.name)
        drawn = {p.name for p in space.kept}
        random = _random(space)
        self.carried = [c for c in space.loop.carry if c.name in random]
        self.known = [c for c in space.loop.carry if c.name not in random]
        self.kept = [p for p in space.kept if p.name in drawn]
        spaces = wires(body)
        every = [s for s in space.sought if s.every]
        self.every = list(dict.fromkeys(s.wire for s in every))
        names = dict.fromkeys([*(c.next for c in space.loop.carry), *self.every, *(s.wire for s in space.seen)])
        self.wanted = tuple(Port(n, spaces[n]) for n in names)
        self.drawn = {d.at for part in (space.before, space.loop.body) for d in draws(part)}
        self.flags: list[faults.Flag] = []
        self.first_flags: list[faults.Flag] = []
        self.compiled = jax.jit(jax.vmap(self._one, in_axes=(0, 0, 0, None)))

    def __call__(self, seed: int, runs: np.ndarray, inputs: Arrays, evidence: Arrays, there: Arrays | None = None) -> Found:
        seen, where = by_wire(self.space, evidence, there)
        out = jax.tree.map(np.asarray, self.compiled(inputs, seen, where, params_of(self.program)))
        self._tell(out["first up"], out["up"])
        if out["impossible"].any():
            when = f" at {round_name(self.space, int(out['impossible'].any(0).argmax()))}" if self.space.loop.iters else ""
            raise refuse(
                "impossible-evidence", f"the evidence{when} differs from what the channel computes without noise", span=self.declared.at,
                notes=("nothing drawn can make up for it: its deviation there is 0, or as good as 0",), help="look at the data there; or draw the evidence with a deviation",
            )  # fmt: skip
        log, surprise, degrees = (by_index(out[n], self.space) for n in ("log", "surprise", "degrees"))
        return Found(self._beliefs(out), degrees, log, surprise)

    # ------------------------------------------------------------------ the channel as a function

    def _start(self, inputs: Arrays, params: Any) -> tuple[Any, Any, Arrays, Arrays, Any]:
        """Mean and covariance of the first state, the known carried values, what stays the same, and what went wrong."""
        outs = self.space.before.outputs
        unit = _basis(sum(_count(p) for p in self.noise_before))

        def at(z: Any) -> tuple[Arrays, Any]:
            given = inputs | _ports(self.noise_before, z)
            raised = faults.Faults(True)
            found, _ = self.before(jnp.zeros((0, 2), jnp.uint32), given, params, outs, raised)
            self.first_flags[:] = raised.flags
            return found, raised.arrays()

        found, up = jax.vmap(at)(unit) if outs else ({}, ())
        base = {n: [a[0] for a in arrays] for n, arrays in found.items()}
        first = {c.name: (found[c.init] if c.init in found else [jnp.broadcast_to(a, (len(unit), *jnp.shape(a))) for a in inputs[c.init]]) for c in self.space.loop.carry}
        rows = [*(first[c.name] for c in self.carried), *(found[p.name] for p in self.kept)]
        table = _flat(rows, len(unit))
        slopes = (table[1:] - table[0]).T
        known = {c.name: [a[0] for a in first[c.name]] for c in self.known}
        return table[0], slopes @ slopes.T, known, inputs | base, tuple(u[0] for u in up)

    def _round(self, s: Any, z: Any, known: Arrays, same: Arrays, params: Any, position: Any) -> tuple[Arrays, Any]:
        loop = self.space.loop
        inputs = {n: a for n, a in same.items() if n in loop.captured} | known | _ports(self.noise, z)
        inputs |= self._state(s)
        points = dict(zip([n for n, _ in loop.iters], positions(position, self.space.index), strict=True))
        raised = faults.Faults(True)
        found, _ = self.body(jnp.zeros((0, 2), jnp.uint32), inputs, params, self.wanted, raised, points)
        self.flags[:] = raised.flags
        return found, raised.arrays()

    def _state(self, s: Any) -> Arrays:
        found: Arrays = {}
        at = 0
        for name, space in [*((c.name, c.space) for c in self.carried), *((p.name, p.space) for p in self.kept)]:
            shapes = [leaf.sizes for leaf in dense.leaves_of(space)]
            n = sum(int(np.prod(shape, dtype=int)) for shape in shapes)
            found[name] = dense.split(s[at : at + n], shapes)
            at += n
        return found

    # ------------------------------------------------------------------------------- the filter

    def _one(self, inputs: Arrays, evidence: Arrays, there: Arrays, params: Any) -> dict[str, Any]:
        mean, spread, known, same, first_up = self._start(inputs, params)
        n, q, k = mean.shape[0], sum(_count(p) for p in self.noise), self._width(self.every)
        unit = _basis(n + q)
        depth = (self.lag + 1) * k
        mean = jnp.concatenate([mean, jnp.zeros(depth)])
        spread = jnp.zeros((n + depth, n + depth)).at[:n, :n].set(spread)

        def step(carry: Any, position: Any) -> tuple[Any, Any]:
            mean, spread, known, widest = carry
            found, up = jax.vmap(lambda e: self._round(e[:n], e[n:], known, same, params, position))(unit)
            y, here = (dense.stacked([_element(a, position) for s in self.space.seen for a in of[s.wire]]) for of in (evidence, there))
            table = _flat([*(found[c.next] for c in self.carried)], len(unit))
            outs = _flat([found[w] for w in self.every], len(unit))
            seen = _flat([found[s.wire] for s in self.space.seen], len(unit))
            a, c, b = _map(n, q, depth, k, table, outs, seen)
            m = n + depth
            own = jnp.sqrt(jnp.maximum(jnp.diag(spread), 0.0))
            widest = jnp.maximum(widest, jnp.abs(a[m:]) @ own + jnp.abs(b[m:]).sum(1))
            middle = a @ mean + c
            joint = a @ spread @ a.T + b @ b.T
            mean, spread, news = _conditioned(middle, joint, m, y, here > 0.5, widest)
            left = (mean[m - k :], jnp.sqrt(jnp.maximum(jnp.diag(spread)[m - k :], 0.0)))
            known = {c.name: [x[0] for x in found[c.next]] for c in self.known}
            return (mean, spread, known, widest), (left, news, tuple(u[0] for u in up))

        order = jnp.arange(self.space.rounds)
        order = order[::-1] if self.space.loop.reversed else order
        begin: Any = (mean, spread, known, jnp.zeros(sum(_numbers(s.space) for s in self.space.seen)))
        (mean, spread, *_), (left, news, up) = jax.lax.scan(step, begin, order)
        deviation = jnp.sqrt(jnp.maximum(jnp.diag(spread), 0.0))
        buffer = tuple(x[n:].reshape(self.lag + 1, k) for x in (mean, deviation))
        return {
            "left": left, "buffer": buffer, "state": (mean[:n], deviation[:n]), "log": news["log"],
            "surprise": news["surprise"], "degrees": news["degrees"], "up": up, "impossible": news["impossible"],
            "first up": first_up,
        }  # fmt: skip

    def _width(self, names: list[str]) -> int:
        spaces = {s.wire: s.space for s in self.space.sought if s.every}
        return sum(int(np.prod(leaf.sizes, dtype=int)) for w in names for leaf in dense.leaves_of(spaces[w]))

    # ------------------------------------------------------------------------------ what comes out

    def _tell(self, first: Any, up: Any) -> None:
        for flag, each in zip(self.first_flags, first, strict=False):
            if np.asarray(each).any():
                raise self._refused(flag.site, "before the loop")
        for flag, each in zip(self.flags, up, strict=False):
            hit = np.asarray(each).reshape(*np.shape(each)[:2], -1).any(-1)
            if hit.any():
                raise self._refused(flag.site, f"at {round_name(self.space, int(hit.any(0).argmax()))}")

    def _refused(self, site: faults.Site, when: str) -> Refusal:
        code, headline = site.code, site.headline
        if code == "outside-domain" and site.span in self.drawn:
            code, headline = "not-a-distribution", "a standard deviation is below 0"
        where = (f"computing `{site.place}`, {when}",) if self.space.loop.iters else ()
        return refuse(code, headline, span=site.span, notes=where, help=site.help)

    def _beliefs(self, out: dict[str, Any]) -> dict[str, Belief]:
        found: dict[str, Belief] = {}
        spaces = {s.wire: s.space for s in self.space.sought if s.every}
        places = _places([(w, spaces[w]) for w in self.every])
        state = _places([*((c.name, c.space) for c in self.carried), *((p.name, p.space) for p in self.kept)])
        whole = [unlagged(a, b, self.lag, 1, self.space.loop.reversed) for a, b in zip(out["left"], out["buffer"], strict=True)]
        index = tuple(_size(s) for s in self.space.index)
        for sought in self.space.sought:
            for leaf in dense.leaves_of(sought.space):
                name = sought.name + leaf.path
                if sought.every:
                    cut = places[sought.wire + leaf.path]
                    parts = [x[..., cut].reshape(x.shape[0], *index, *leaf.sizes) for x in whole]
                    found[name] = Normals(leaf.space, parts[0], parts[1], len(index) + len(leaf.sizes))
                else:
                    found[name] = self._once(sought, leaf, out["state"], state)
        return found

    def _once(self, sought: Sought, leaf: dense.Leaf, state: Any, places: dict[str, slice]) -> Belief:
        if sought.wire + leaf.path not in places:
            raise unsuited(f"`{sought.name}` is known beforehand: there is nothing to infer", self.declared.at)
        cut = places[sought.wire + leaf.path]
        parts = [x[..., cut].reshape(x.shape[0], *leaf.sizes) for x in state]
        return Normals(leaf.space, parts[0], parts[1], len(leaf.sizes))


def _random(space: StateSpace) -> set[str]:
    """The carried wires that a draw reaches, before the loop or in it."""
    from opengames.solvers.recognition.shape import reached

    return {c.name for c in space.loop.carry if c.next in space.latent or c.init in reached(space.before)}


def _basis(n: int) -> Any:
    """0 and the unit vectors: `[n + 1, n]`."""
    return jnp.concatenate([jnp.zeros((1, n)), jnp.eye(n)])


def _count(port: Port) -> int:
    return _numbers(port.space)


def _numbers(space: Space) -> int:
    """How many scalars a value of the space has."""
    return sum(int(np.prod(leaf.sizes, dtype=int)) for leaf in dense.leaves_of(space))


def _ports(ports: tuple[Port, ...], z: Any) -> Arrays:
    found: Arrays = {}
    at = 0
    for port in ports:
        shapes = [leaf.sizes for leaf in dense.leaves_of(port.space)]
        n = _count(port)
        found[port.name] = dense.split(z[at : at + n], shapes)
        at += n
    return found


def _flat(columns: list[list[Any]], rows: int) -> Any:
    """`[rows, numbers]`."""
    parts = [jnp.reshape(jnp.asarray(a, jnp.float64), (rows, -1)) for arrays in columns for a in arrays]
    return jnp.concatenate(parts, 1) if parts else jnp.zeros((rows, 0))


def _element(a: Any, i: Any) -> Any:
    return jax.lax.dynamic_index_in_dim(a, i, 0, keepdims=False).astype(jnp.float64)


def _map(n: int, q: int, depth: int, k: int, nexts: Any, outs: Any, seen: Any) -> tuple[Any, Any, Any]:
    """(state and history, evidence) as an affine function of (state and history, noise): matrix, offset, noise matrix.

    nexts, outs, seen: values at 0 and at the unit vectors of state and noise, `[1 + n + q, ...]`.
    """
    c = nexts.shape[1]  # carried; the kept ones stay as they are
    m, d = n + depth, seen.shape[1]
    a, b, offset = jnp.zeros((m + d, m)), jnp.zeros((m + d, q)), jnp.zeros(m + d)
    for start, table in ((0, nexts), (n, outs), (m, seen)):
        width = table.shape[1]
        slopes = (table[1:] - table[0]).T
        a = a.at[start : start + width, :n].set(slopes[:, :n])
        b = b.at[start : start + width].set(slopes[:, n:])
        offset = offset.at[start : start + width].set(table[0])
    a = a.at[c:n, c:n].set(jnp.eye(n - c))
    a = a.at[n + k : m, n : m - k].set(jnp.eye(depth - k))
    return a, offset, b


def _conditioned(middle: Any, joint: Any, m: int, y: Any, here: Any, widest: Any) -> tuple[Any, Any, dict[str, Any]]:
    """A normal distribution of (state, evidence) given the evidence that is `here`, and how likely that was.

    What is not there stands as noise of its own, which says nothing of the rest and is not counted. widest: the largest
    deviations that the evidence has had, nothing in it cancelling.
    """
    d = joint.shape[0] - m
    spread = jnp.where(here[:, None] & here, joint[m:, m:], 0.0)
    cross = jnp.where(here, joint[:m, m:], 0.0)
    count, trace = here.sum(), jnp.trace(spread)
    certain = trace <= 1e-290
    scale = jnp.where(certain, 1.0, trace / jnp.maximum(count, 1))
    root = jnp.linalg.cholesky(spread + scale * (1e-15 * jnp.eye(d) + jnp.diag(jnp.where(here, 0.0, 1.0))))
    gap = jnp.where(here, y - middle[m:], 0.0)
    size = jnp.maximum(jnp.maximum(jnp.abs(y), jnp.abs(middle[m:])), widest)
    impossible = here & (jnp.sqrt(jnp.maximum(jnp.diag(spread), 0.0)) <= SURE * widest) & (jnp.abs(gap) > OFF * size)
    half = jax.scipy.linalg.solve_triangular(root, jnp.concatenate([gap[:, None], cross.T], 1), lower=True)
    surprise = (half[:, 0] ** 2).sum()
    mean = middle[:m] + half[:, 1:].T @ half[:, 0]
    after = joint[:m, :m] - half[:, 1:].T @ half[:, 1:]
    log = -(surprise + 2 * jnp.where(here, jnp.log(jnp.diag(root)), 0.0).sum() + count * jnp.log(2 * jnp.pi)) / 2
    log = jnp.where(certain & (count > 0), jnp.inf, log)  # the density of what had to happen
    return mean, (after + after.T) / 2, {"surprise": surprise, "log": log, "degrees": count, "impossible": impossible.any()}


def _places(wires: list[tuple[str, Any]]) -> dict[str, slice]:
    """Where each leaf stands in a vector."""
    found: dict[str, slice] = {}
    at = 0
    for name, space in wires:
        for leaf in dense.leaves_of(space):
            n = int(np.prod(leaf.sizes, dtype=int))
            found[name + leaf.path] = slice(at, at + n)
            at += n
    return found


def _size(space: Any) -> int:
    from opengames.spaces import size

    return size(space) or 0
