r"""Forwards and backwards through a finite state space: the exact posterior of every round, given all evidence.

With $p(s', o, y \mid s)$ the chance that a round in state $s$ gives the next state $s'$, what is inferred $o$ and the evidence $y$,
$$\alpha_t(s') = \sum_{s, o} \alpha_{t-1}(s)\, p(s', o, y_t \mid s), \qquad
\beta_{t-1}(s) = \sum_{s', o} p(s', o, y_t \mid s)\, \beta_t(s'),$$
and $o$ in round $t$ has the chance $\sum_{s, s'} \alpha_{t-1}(s)\, p(s', o, y_t \mid s)\, \beta_t(s')$, each divided by its sum. Rounds are read
exactly, once for each state that is reached; sums are in floating point. Linear in the rounds.

Source: Rabiner, A tutorial on hidden Markov models (1989), section III.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from opengames.diagnostics import Refusal, refuse
from opengames.diagram import Diagram, needs
from opengames.program import Program
from opengames.show import show
from opengames.solvers.recognition.beliefs import Chances
from opengames.solvers.recognition.recognise import round_name
from opengames.solvers.recognition.shape import StateSpace
from opengames.spaces import Family, Record, Space, index_points, points, size
from opengames.terms import Pack, Var

#: What a round may lead to: the next carried values, what is inferred, and what is seen, with its chance.
Outcome = tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...], float]


class Hidden:
    """A finite state space, made ready. Rounds that have been read are kept."""

    def __init__(self, program: Program, space: StateSpace, budget: int) -> None:
        self.program, self.space, self.budget = program, space, budget
        loop = space.loop
        self.every = [s for s in space.sought if s.every]
        used = frozenset().union(*(needs(box) for box in loop.body.boxes)) if loop.body.boxes else frozenset()
        self.told_apart = any(n in used for n, _ in loop.iters)
        self.kept = [p.name for p in space.kept]
        self.read: dict[Any, tuple[Outcome, ...]] = {}
        self.started: dict[Any, list[tuple[tuple[Any, ...], tuple[Any, ...], dict[str, Any], float]]] = {}

    def posterior(self, inputs: Mapping[str, Any], evidence: Mapping[str, Any]) -> tuple[dict[str, Chances], np.ndarray]:
        """What is believed of each scalar, and the log chance of each round's evidence. Values of the theory.

        Raises `Refusal` (`impossible-evidence`) naming the round, and what the exact reading refuses.
        """
        space = self.space
        start, same = self._start(inputs)
        keys = list(index_points(space.index))
        order = list(range(len(keys)))[::-1] if space.loop.reversed else list(range(len(keys)))
        seen = {s.name: _by_round(evidence[s.name], len(keys), s.space) for s in space.seen if s.at is None}
        seen |= {s.name: [evidence[s.name] if i == s.at else None for i in range(len(keys))] for s in space.seen if s.at is not None}
        ahead = [start]
        steps: list[dict[Any, list[Outcome]]] = []
        logs = np.zeros(len(keys))
        for k, i in enumerate(order):
            wanted = tuple(seen[s.name][i] for s in space.seen)
            step = {s: [o for o in self._round(s, keys[i], same) if fits(o[2], wanted)] for s in ahead[-1]}
            after: dict[Any, float] = {}
            for (carried, kept), chance in ahead[-1].items():
                for nexts, _, _, p in step[carried, kept]:
                    after[nexts, kept] = after.get((nexts, kept), 0.0) + chance * p
            total = sum(after.values())
            if not total:
                raise self._impossible(k, i, keys, wanted)
            logs[i] = np.log(total)
            ahead.append({s: p / total for s, p in after.items()})
            steps.append(step)
        back = dict.fromkeys(ahead[-1], 1.0)
        found: list[dict[tuple[Any, ...], float]] = [{} for _ in keys]
        for k in reversed(range(len(keys))):
            before: dict[Any, float] = {}
            for (carried, kept), outcomes in steps[k].items():
                chance, total = ahead[k][carried, kept], 0.0
                for nexts, inferred, _, p in outcomes:
                    onward = p * back.get((nexts, kept), 0.0)
                    total += onward
                    place = found[order[k]]
                    place[inferred] = place.get(inferred, 0.0) + chance * onward
                before[carried, kept] = total
            scale = max(before.values())
            back = {s: b / scale for s, b in before.items()}
        return self._beliefs(found, ahead[-1]), logs

    # -------------------------------------------------------------------- reading the channel

    def _start(self, inputs: Mapping[str, Any]) -> tuple[dict[Any, float], dict[str, Any]]:
        """Chances of the first states, by carried and kept values; and the captured values that all of them share."""
        space = self.space
        outs = [p.name for p in space.before.outputs]
        pairs = self._distribution(space.before, outs, inputs) if outs else [((), 1.0)]
        start: dict[Any, float] = {}
        same: dict[str, Any] = dict(inputs)
        for values, chance in pairs:
            here = {**inputs, **dict(zip(outs, values, strict=True))}
            same.update({n: v for n, v in here.items() if n not in self.kept})
            state = (tuple(here[c.init] for c in space.loop.carry), tuple(here[n] for n in self.kept))
            start[state] = start.get(state, 0.0) + chance
        return start, same

    def _round(self, state: Any, key: tuple[Any, ...], same: Mapping[str, Any]) -> tuple[Outcome, ...]:
        loop = self.space.loop
        shared = {n: same[n] for n in loop.captured if n in same}
        known = (state, key if self.told_apart else None, tuple(shared.values()))
        if known not in self.read:
            carried, kept = state
            inputs = shared | dict(zip((n for n, _ in loop.iters), key, strict=True))
            inputs |= dict(zip((c.name for c in loop.carry), carried, strict=True)) | dict(zip(self.kept, kept, strict=True))
            nexts, sought, seen = [c.next for c in loop.carry], [s.wire for s in self.every], [s.wire for s in self.space.seen]
            a, b = len(nexts), len(nexts) + len(sought)
            pairs = self._distribution(loop.body, [*nexts, *sought, *seen], inputs)
            self.read[known] = tuple((v[:a], v[a:b], v[b:], p) for v, p in pairs)
        return self.read[known]

    def _distribution(self, diagram: Diagram, wanted: list[str], inputs: Mapping[str, Any]) -> list[tuple[tuple[Any, ...], float]]:
        from opengames.exact import distribution

        given = {p.name: inputs[p.name] for p in diagram.inputs if p.name in inputs}
        asked = Pack(tuple(map(Var, wanted)))
        return [(v, float(p)) for v, p in distribution(self.program, diagram, asked, budget=self.budget, inputs=given)]

    def _impossible(self, k: int, i: int, keys: list[Any], wanted: tuple[Any, ...]) -> Refusal:
        parts = []
        for seen, value in zip(self.space.seen, wanted, strict=True):
            if value is None:
                continue
            inside = ", ".join(show(x, s) for x, s in zip(keys[i], self.space.index, strict=True))
            parts.append(f"{seen.name}[{inside}] = {show(value, seen.space)}" if inside else f"{seen.name} = {show(value, seen.space)}")
        before = f", given the {'rounds' if k > 1 else 'round'} before {round_name(self.space, k)}" if k else ""
        return refuse(
            "impossible-evidence", f"`{', '.join(parts)}` cannot happen in `{self.space.channel}`{before}", span=self.space.at,
            notes=("evidence of chance 0 says nothing about the rest",),
        )  # fmt: skip

    # ------------------------------------------------------------------------- what comes out

    def _beliefs(self, found: list[dict[tuple[Any, ...], float]], last: Mapping[Any, float]) -> dict[str, Chances]:
        made: dict[str, Chances] = {}
        sizes = tuple(size(s) or 0 for s in self.space.index)
        for at, sought in enumerate(self.every):
            pairs = [[(v[at], p) for v, p in each.items()] for each in found]
            made.update(_chances(sought.name, sought.space, pairs, sizes))
        for sought in self.space.sought:
            if sought.last:
                j = [c.name for c in self.space.loop.carry].index(sought.wire)
                made.update(_chances(sought.name, sought.space, [[(s[0][j], p) for s, p in last.items()]], ()))
            elif not sought.every:
                j = self.kept.index(sought.wire)
                made.update(_chances(sought.name, sought.space, [[(s[1][j], p) for s, p in last.items()]], ()))
        return made


def fits(value: Any, wanted: Any) -> bool:
    """Whether a value is the one wanted, where something is wanted; `None` is anything."""
    if isinstance(wanted, tuple):
        return all(map(fits, value, wanted))
    return wanted is None or bool(value == wanted)


def _by_round(value: Any, rounds: int, space: Space) -> list[Any]:
    """What is seen in each round. value: of a family over the loop's index and the round's own."""
    if not isinstance(space, Family):
        return list(value)
    step = len(value) // rounds
    return [value[i * step : (i + 1) * step] for i in range(rounds)]


def _chances(name: str, space: Space, pairs: list[list[tuple[Any, float]]], sizes: tuple[int, ...]) -> dict[str, Chances]:
    """By scalar of a wire: the chances of its values in each entry, from those of the whole. pairs: for each entry of `sizes`."""
    from opengames.solvers.recognition.exactly import positions

    match space:
        case Record(fields=fields):
            found: dict[str, Chances] = {}
            for i, (field, inner) in enumerate(fields):
                found.update(_chances(f"{name}.{field}", inner, [[(v[i], p) for v, p in each] for each in pairs], sizes))
            return found
        case Family(index=index, item=item):
            n = int(np.prod([size(s) or 0 for s in index], dtype=int))
            apart = [[(v[j], p) for v, p in each] for each in pairs for j in range(n)]
            return _chances(name, item, apart, (*sizes, *(size(s) or 0 for s in index)))
    values = tuple(points(space))
    place = {v: k for k, v in enumerate(values)}
    table = np.zeros((len(values), len(pairs)))
    for i, each in enumerate(pairs):
        for v, p in each:
            table[place[v], i] += p
    table /= table.sum(0)
    return {name: Chances(space, positions(space, values), table.reshape(len(values), *sizes), len(sizes))}
