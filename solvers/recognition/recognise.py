"""Running a recognition: a channel backward, from evidence to what is believed of the wires that it infers.

`by exact` gives chances, `by kalman` normal distributions, `by enkf` and `by particle` members. The filters know the
evidence up to the round of each entry, or `lag` rounds more; the exact posterior knows all of it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from opengames.diagnostics import Refusal, refuse
from opengames.methods import METHODS, wrong_option
from opengames.program import Program, Recognition
from opengames.show import show
from opengames.solvers.recognition.beliefs import Belief, Chances, Members
from opengames.solvers.recognition.shape import StateSpace, state_space
from opengames.spaces import points

#: Bytes of members that are computed side by side, runs beyond coming in turn; and those that one run may take.
BUDGET, MOST = 1 << 30, 1 << 33


@dataclass(frozen=True)
class Found:
    """What a recognition found, of one run or (with a first axis of runs) of many.

    beliefs: by scalar wire (`price`, or `quote.bid` of a record). log_evidence, surprise, size: by round, the log chance or
    density of the evidence given what came before, how far it was from what was predicted ($\\nu^T S^{-1} \\nu$, of mean `degrees`,
    the numbers observed, for a filter that is right), and the effective sample size; `None` where a method has none.
    impossible: which round, as they happen, is the first that no particle explains, -1 for none.
    """

    beliefs: Mapping[str, Belief]
    degrees: np.ndarray | None = None
    log_evidence: np.ndarray | None = None
    surprise: np.ndarray | None = None
    size: np.ndarray | None = None
    impossible: np.ndarray | None = None
    notes: tuple[str, ...] = ()


Arrays = dict[str, list[np.ndarray]]


@dataclass
class Filter:
    """A recognition made ready, for one program.

    run: (seed, run numbers, inputs, evidence, where evidence is there), all with runs first; the last may be left out where
    nothing is missing.
    """

    declared: Recognition
    program: Program
    run: Callable[..., Found]
    said: str


def prepared(program: Program, declared: Recognition) -> Filter:
    """The recognition as a function of evidence. Raises `Refusal` where its method cannot run its channel backward."""
    key = (id(program), declared.name)
    found = _prepared.get(key)
    if found is None or found.program is not program or found.declared is not declared:
        found = _prepared[key] = _made(program, declared)
    _prepared.move_to_end(key)
    while len(_prepared) > 16:
        _prepared.popitem(last=False)
    return found


_prepared: OrderedDict[tuple[int, str], Filter] = OrderedDict()


def options_of(declared: Recognition) -> dict[str, Any]:
    """The options of the method, defaults filled in."""
    assert declared.method is not None
    given = dict(declared.method.options)
    return {o.name: given.get(o.name, o.default) for o in METHODS[declared.method.name].options}


def _made(program: Program, declared: Recognition) -> Filter:
    if declared.diagram is not None:
        from opengames.solvers.recognition.written import DRAWS, written_out

        return Filter(declared, program, written_out(program, declared), f"as written, {DRAWS} draws")
    assert declared.method is not None
    _check_options(declared)
    name, options = declared.method.name, options_of(declared)
    if name == "exact":
        from opengames.solvers.recognition.exactly import posterior_of

        return Filter(declared, program, posterior_of(program, declared), "exact")
    space = state_space(program, declared)
    lag = min(int(options["lag"]), space.rounds - 1)
    told = _told(space, lag)
    if name == "kalman":
        from opengames.solvers.recognition.kalman import kalman

        return Filter(declared, program, kalman(program, space, declared, lag), f"kalman, {told}")
    made = _Ensemble(program, declared, space, lag)
    local = ", localised" if options.get("radius") is not None else ""
    word = ("member" if name == "enkf" else "particle") + "s" * (made.members != 1)
    return Filter(declared, program, made, f"{name}, {made.members:,} {word}{local}, {told}")


def _check_options(declared: Recognition) -> None:
    """Refuse (`method-option`) an option that the method does not have, or that has no effect on a recognition."""
    method = declared.method
    assert method is not None
    for name, given in method.options:
        wrong = wrong_option(method.name, name, given)
        if wrong is None and method.name == "exact" and name != "nodes":
            wrong = f"the option `{name}` of `exact` has no effect on a recognition"
        if wrong is None and name == "ring" and "radius" not in dict(method.options):
            wrong = "`ring` has no effect without `radius`"
        if wrong is not None:
            raise refuse("method-option", wrong, span=method.at)


def _told(space: StateSpace, lag: int) -> str:
    if not space.loop.iters:
        return "in one round"
    if lag >= space.rounds - 1:
        return "smoothed"
    return f"{lag:,} round{'s' * (lag != 1)} behind" if lag else "filtered"


@dataclass
class _Ensemble:
    """A filter by members, compiled once for each number of runs."""

    program: Program
    declared: Recognition
    space: StateSpace
    lag: int
    compiled: dict[tuple[int, bool, bool], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert self.declared.method is not None
        self.method, self.options = self.declared.method.name, options_of(self.declared)
        self.members = int(self.options["members" if self.method == "enkf" else "particles"])
        if self.method == "enkf":
            from opengames.solvers.recognition import enkf

            self.body, self.known = enkf.opened(self.space)
            if self.options["radius"] is not None:
                enkf.check_distances(self.space)
            self.further = tuple(dict.fromkeys([s.wire for s in self.space.seen] + [w for pair in self.known.values() for w in pair]))
        else:
            from opengames.solvers.recognition import particle

            particle.opened(self.space, False)

    def __call__(self, seed: int, runs: np.ndarray, inputs: Arrays, evidence: Arrays, there: Arrays | None = None) -> Found:
        if there is None and any(s.at is not None for s in self.space.seen):
            there = {n: [np.ones(a.shape, bool) for a in arrays] for n, arrays in evidence.items()}
        step = max(1, min(len(runs), BUDGET // self._bytes()))
        parts = [
            self._some(seed, runs[i : i + step], _cut(inputs, i, step), _cut(evidence, i, step), _cut(there, i, step))
            for i in range(0, len(runs), step)
        ]
        return parts[0] if len(parts) == 1 else joined(parts)

    def _bytes(self) -> int:
        """About how many one run takes. Raises `Refusal` (`over-budget`)."""
        from opengames.solvers.recognition import dense

        def count(spaces: Any) -> int:
            return sum(int(np.prod(leaf.sizes, dtype=int)) for s in spaces for leaf in dense.leaves_of(s))

        kept = count(s.space for s in self.space.sought if s.every) * (self.space.rounds + 2 * self.lag + 2)
        state = count([*(c.space for c in self.space.loop.carry), *(p.space for p in self.space.kept), *(s.space for s in self.space.seen)])
        found = 8 * self.members * (kept + 4 * state + 4)
        if found > MOST:
            word = "members" if self.method == "enkf" else "particles"
            raise refuse(
                "over-budget", f"{self.members:,} {word} of `{self.declared.name}` take about {found / (1 << 30):,.0f} GiB, and {MOST >> 30} are the most",
                span=self.declared.at, help=f"take fewer {word}, or infer fewer wires",
            )  # fmt: skip
        return found

    def _some(self, seed: int, runs: np.ndarray, inputs: Arrays, evidence: Arrays, there: Arrays | None) -> Found:
        out, up = self._call(seed, runs, inputs, evidence, there, False)
        if any(np.asarray(a).any() for a in up):
            self._tell(seed, runs, inputs, evidence, there, up)
        return self._found(out, len(runs))

    def _call(
        self, seed: int, runs: np.ndarray, inputs: Arrays, evidence: Arrays, there: Arrays | None, diagnose: bool
    ) -> tuple[dict[str, Any], Any]:
        from opengames.sampled import keys
        from opengames.solvers.recognition.rounds import params_of

        key = (len(runs), there is not None, diagnose)
        if key not in self.compiled:
            self.compiled[key] = self._build(*key)
        function, cloud = self.compiled[key]
        wires, where = by_wire(self.space, evidence, there)
        if self.method == "particle":
            from opengames.solvers.recognition import particle

            wires, where = particle.supplied(self.space, cloud.evidence, wires, where, there is not None), {}
        words = np.array(keys.seed_words(seed), np.uint32)
        out = function(words, runs.astype(np.uint32), inputs, wires, where, params_of(self.program))
        up = out.pop("up")
        return out, up

    def _build(self, runs: int, gaps: bool, diagnose: bool) -> Any:
        from opengames.sampled.backend import jax
        from opengames.solvers.recognition import enkf, particle
        from opengames.solvers.recognition.members import Cloud
        from opengames.solvers.recognition.taper import Taper

        label = f"{self.declared.name} by {self.method}"
        opened = (self.body, (), self.further) if self.method == "enkf" else particle.opened(self.space, gaps)
        cloud = Cloud(self.program, self.space, self.members, label, *opened, self.members * runs, diagnose)

        def one(seed: Any, run: Any, inputs: Any, evidence: Any, there: Any, params: Any) -> Any:
            if self.method == "enkf":
                inflation, radius = float(self.options["inflation"]), self.options["radius"]
                taper = None if radius is None else Taper(float(radius), bool(self.options["ring"]))
                return enkf.filtered(cloud, self.known, inflation, taper, self.lag, seed, run, inputs, evidence, there, params)
            return particle.filtered(cloud, self.lag, seed, run, inputs, evidence, params)

        return jax.jit(jax.vmap(one, in_axes=(None, 0, 0, 0, 0, None))), cloud

    def _tell(self, seed: int, runs: np.ndarray, inputs: Arrays, evidence: Arrays, there: Arrays | None, up: Any) -> None:
        """Raise the first fault of the first run that has one, with its round."""
        start, rounds = (np.asarray(a) for a in up)
        bad = start.reshape(len(runs), -1).any(1) | rounds.reshape(len(runs), -1).any(1)
        k = int(np.argmax(bad))
        of_one = (_cut(inputs, k, 1), _cut(evidence, k, 1), _cut(there, k, 1))
        _, (at_start, at_rounds) = self._call(seed, runs[k : k + 1], *of_one, True)
        flags = self.compiled[(1, there is not None, True)][1].flags
        for flag, each in zip(flags.get("start", ()), at_start, strict=False):
            if np.asarray(each).any():
                raise self._refused(flag, None)
        first: tuple[int, Any] | None = None
        for flag, each in zip(flags.get("round", ()), at_rounds, strict=False):
            hit = np.asarray(each)[0]
            hit = hit.reshape(hit.shape[0], -1).any(1)
            if hit.any() and (first is None or int(hit.argmax()) < first[0]):
                first = (int(hit.argmax()), flag)
        assert first is not None
        raise self._refused(first[1], first[0])

    def _refused(self, flag: Any, step: int | None) -> Refusal:
        site = flag.site
        where = "before the loop" if step is None else f"at {round_name(self.space, step)}" if self.space.loop.iters else "in the round"
        notes = (f"computing `{site.place}` for a member of `{self.declared.name}`, {where}",)
        return refuse(site.code, site.headline, span=site.span, notes=notes, help=site.help)

    def _found(self, out: dict[str, Any], runs: int) -> Found:
        beliefs = self._beliefs(out)
        news = {n: np.asarray(a) for n, a in out["news"].items()}
        log = by_index(news["log"], self.space)
        if self.method == "enkf":
            return Found(beliefs, by_index(news["degrees"], self.space), log, by_index(news["surprise"], self.space))
        alive = news["alive"]
        impossible = np.where(alive.all(1), -1, (~alive).argmax(1))
        return Found(beliefs, None, log, None, by_index(news["size"], self.space), impossible)

    def _beliefs(self, out: dict[str, Any]) -> dict[str, Belief]:
        """Members by scalar wire: `[runs, members, *rounds, *sizes]`."""
        from opengames.solvers.recognition import dense
        from opengames.solvers.recognition.members import unlagged

        backward = self.space.loop.reversed
        shares = np.asarray(out["shares"]) if "shares" in out else None
        last = np.asarray(out["last shares"]) if "last shares" in out else None
        found: dict[str, Belief] = {}
        k = 0
        lefts, buffers, seen = out["left"], out["buffer"], {}
        for sought in self.space.sought:
            leaves = dense.leaves_of(sought.space)
            if sought.every and sought.wire not in seen:
                seen[sought.wire] = k
                k += len(leaves)
            for i, leaf in enumerate(leaves):
                name = sought.name + leaf.path
                if sought.every:
                    j = seen[sought.wire] + i
                    x = unlagged(np.asarray(lefts[j]), np.asarray(buffers[j]), self.lag, 1, backward)
                    w = None
                    if shares is not None and last is not None:
                        late = np.repeat(last[:, None], self.lag + 1, 1)
                        w = unlagged(shares, late, self.lag, 1, backward)
                        w = np.broadcast_to(w.reshape(*w.shape, *([1] * len(leaf.sizes))), x.shape)
                        w = _rounds_out(w, self.space)
                    x = _rounds_out(x, self.space)
                    found[name] = Members(leaf.space, x, w, len(self.space.index) + len(leaf.sizes))
                else:
                    wire = sought.wire if sought.last else f"kept: {sought.wire}"
                    x = np.asarray(out["state"][wire][i])
                    w = None if last is None else np.broadcast_to(last.reshape(*last.shape, *([1] * len(leaf.sizes))), x.shape)
                    found[name] = Members(leaf.space, x, w, len(leaf.sizes))
        return found


def _rounds_out(a: np.ndarray, space: StateSpace) -> np.ndarray:
    """`[runs, rounds, members, ...]` as `[runs, members, *index, ...]`."""
    from opengames.spaces import size

    sizes = tuple(size(s) or 0 for s in space.index)
    moved = np.moveaxis(a, 1, 2)
    return moved.reshape(*moved.shape[:2], *sizes, *moved.shape[3:])


def by_index(a: np.ndarray, space: StateSpace) -> np.ndarray:
    """What was found round after round, `[runs, rounds]`, in the order of the index."""
    return a[:, ::-1] if space.loop.reversed else a


def by_wire(space: StateSpace, evidence: Arrays, there: Arrays | None) -> tuple[Arrays, Arrays]:
    """Evidence, and where it is there, by the wire of the round that it goes to; runs and rounds on the first axes."""
    found, where = {}, {}
    for each in space.seen:
        here = there[each.name] if there is not None else [np.ones(a.shape, bool) for a in evidence[each.name]]
        if each.at is None:
            found[each.wire], where[each.wire] = ([by_round(a, space, 1) for a in arrays] for arrays in (evidence[each.name], here))
            continue
        found[each.wire] = [np.repeat(np.asarray(a)[:, None], space.rounds, 1) for a in evidence[each.name]]
        where[each.wire] = [np.zeros(a.shape, bool) for a in found[each.wire]]
        for whole, a in zip(where[each.wire], here, strict=True):
            whole[:, each.at] = a
    return found, where


def by_round(a: Any, space: StateSpace, axis: int) -> np.ndarray:
    """An array of evidence with its axes of the loop's index (from `axis` on) made one axis of rounds."""
    a = np.asarray(a)
    depth = len(space.index)
    return a.reshape(*a.shape[:axis], space.rounds, *a.shape[axis + depth :])


def round_name(space: StateSpace, step: int) -> str:
    """The round that happens as number `step`, in the text's words: `t = 7`."""
    i = space.rounds - 1 - step if space.loop.reversed else step
    names = []
    for name, each in reversed(space.loop.iters):
        values = list(points(each))
        names.append(f"{name} = {show(values[i % len(values)], each)}")
        i //= len(values)
    return ", ".join(reversed(names))


def _cut(arrays: Any, i: int, n: int) -> Any:
    return None if arrays is None else {k: [a[i : i + n] for a in each] for k, each in arrays.items()}


def joined(parts: list[Found]) -> Found:
    """Runs one after another."""

    def put(name: str) -> Any:
        each = [getattr(p, name) for p in parts]
        return None if each[0] is None else np.concatenate(each)

    beliefs: dict[str, Belief] = {}
    for name, first in parts[0].beliefs.items():
        every: list[Any] = [p.beliefs[name] for p in parts]
        if isinstance(first, Members):
            weights = None if first.weights is None else np.concatenate([e.weights for e in every])
            beliefs[name] = Members(first.space, np.concatenate([e.members for e in every]), weights, first.sizes)
        elif isinstance(first, Chances):
            beliefs[name] = Chances(first.space, first.values, np.concatenate([e.shares for e in every], 1), first.sizes)
        else:
            beliefs[name] = type(first)(
                first.space, np.concatenate([e.middle for e in every]), np.concatenate([e.spread for e in every]), first.sizes
            )
    names = ("degrees", "log_evidence", "surprise", "size", "impossible")
    return Found(beliefs, **{n: put(n) for n in names})


__all__ = [
    "Arrays", "Filter", "Found", "by_index", "by_round", "by_wire", "joined", "options_of", "prepared", "round_name",
]  # fmt: skip
