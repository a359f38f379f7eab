"""One question about a network, prepared once and asked for many sets of evidence.

Preparing eliminates, with the evidence still open, whatever stays small that way; often that is everything and a
question is then a look into a table. What remains is done for each set of evidence, on the slices that the evidence
picks, for many sets at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opengames.diagnostics import refuse
from opengames.diagram import Diagram
from opengames.exact.asking import STATES, open_scope
from opengames.exact.elimination import Factor, best_order, eliminate, multiply
from opengames.exact.network import build
from opengames.program import Program

#: The most entries of a table kept open in the evidence.
OPEN = 1 << 16
_CHUNK = 1 << 19


@dataclass(frozen=True, eq=False)
class _Slice:
    """A table whose rows are sets of evidence: places and strides say which row, `names` what the other axes are."""

    places: NDArray[np.intp]
    strides: NDArray[np.intp]
    names: tuple[str, ...]
    table: NDArray[np.float64]


class CompiledQuery:
    """$P(target \\mid evidence)$ for any values of the evidence wires. values: of the target, in the order of answers."""

    def __init__(
        self, values: tuple[Any, ...], evidence: tuple[str, ...], supports: Sequence[tuple[Any, ...]],
        slices: list[_Slice], plan: list[tuple[str, tuple[int, ...]]], target: str, widest: int,
    ) -> None:  # fmt: skip
        self.values, self.evidence = values, evidence
        self._codes = [{v: i for i, v in enumerate(s)} for s in supports]
        self._slices, self._plan, self._target, self._widest = slices, plan, target, widest
        self._steps, self._last = _steps(slices, plan, target)

    def one(self, evidence: Mapping[str, Any]) -> tuple[tuple[Any, float], ...]:
        """(value, chance) pairs of the target. Raises `Refusal` (`impossible-evidence`, `outside-type`)."""
        chances = self.batch_indices(self.indices([evidence]))[0]
        return tuple(zip(self.values, chances.tolist(), strict=True))

    def batch(self, evidence: Iterable[Mapping[str, Any]]) -> NDArray[np.float64]:
        """Chances, one row for each set of evidence and one column for each of `values`."""
        return self.batch_indices(self.indices(evidence))

    def indices(self, evidence: Iterable[Mapping[str, Any]]) -> NDArray[np.intp]:
        """Sets of evidence as rows of value numbers, for `batch_indices`."""
        try:
            rows = [[code[e[n]] for code, n in zip(self._codes, self.evidence, strict=True)] for e in evidence]
        except KeyError as fault:
            raise refuse("outside-type", f"the evidence lacks, or cannot have, {fault.args[0]!r}") from None
        return np.array(rows, dtype=np.intp).reshape(len(rows), len(self.evidence))

    def batch_indices(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """As `batch`, from rows of value numbers."""
        size = max(1, _CHUNK // self._widest)
        joint = self._joint(rows) if len(rows) <= size else np.concatenate(
            [self._joint(rows[i : i + size]) for i in range(0, len(rows), size)]
        )
        total = joint.sum(axis=1, keepdims=True)
        if not total.all():
            bad = int(np.flatnonzero(total[:, 0] == 0)[0])
            raise refuse("impossible-evidence", f"evidence number {bad + 1} has probability 0")
        return np.asarray(joint / total)

    def _joint(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        tables = [s.table[rows[:, s.places] @ s.strides] if len(s.places) else s.table for s in self._slices]
        for parts, axis in self._steps:
            total = tables[parts[0][0]].reshape((-1, *parts[0][1]))
            for i, shape in parts[1:]:
                total = total * tables[i].reshape((-1, *shape))
            tables.append(total.sum(axis=axis))
        total = np.ones((len(rows), len(self.values)))
        for i, shape in self._last:
            total = total * tables[i].reshape((-1, *shape))
        return total


Part = tuple[int, tuple[int, ...]]  # the number of a table, and its shape without the axis of evidence sets


def _steps(
    slices: list[_Slice], plan: list[tuple[str, tuple[int, ...]]], target: str
) -> tuple[list[tuple[list[Part], int]], list[Part]]:
    """Which tables to multiply, how each is to be shaped first, and the axis to sum."""
    names = [s.names for s in slices]
    shapes = [dict(zip(s.names, s.table.shape[-len(s.names) :] if s.names else (), strict=True)) for s in slices]
    order = {n: i for i, (n, _) in enumerate(plan)}
    steps: list[tuple[list[Part], int]] = []
    used: set[int] = set()
    for name, touching in plan:
        union = sorted({n for i in touching for n in names[i]}, key=lambda n: order.get(n, len(order)))
        sizes = {n: k for i in touching for n, k in shapes[i].items()}
        parts = [(i, tuple(shapes[i].get(n, 1) for n in union)) for i in touching]
        parts.sort(key=lambda part: prod(part[1]))
        used.update(touching)
        steps.append((parts, 1 + union.index(name)))
        names.append(tuple(n for n in union if n != name))
        shapes.append({n: sizes[n] for n in union if n != name})
    last: list[Part] = [(i, (shapes[i].get(target, 1),)) for i in range(len(names)) if i not in used]
    return steps, last


def compile_query(
    program: Program,
    diagram: Diagram,
    target: str,
    evidence: Sequence[str],
    params: Mapping[str, Any] | None = None,
    budget: int = STATES,
) -> CompiledQuery:
    """Prepare $P(target \\mid evidence)$, both wires of the diagram's top level; float64.

    Raises `Refusal` (`over-budget`) where the diagram is no network of small tables: it has loops or branches, or
    wires with too many values.
    """
    plan, scope, _ = open_scope(program, diagram, params, budget, float, {})
    slot, observed = scope.solid(target), tuple(scope.solid(e) for e in evidence)
    if len({slot, *observed}) != len(observed) + 1:
        raise ValueError("the target and the evidence wires must be different wires")
    network = build(plan, scope.region, (slot, *observed), exact=False)
    if network is None:
        raise refuse(
            "over-budget",
            f"`{diagram.name}` is not a network of small tables, so no query about it can be prepared",
            span=diagram.at,
            help="ask the question itself: histories are merged then",
        )
    factors = [_sorted(Factor(f.names, f.table), observed) for f in network.factors]
    return _prepare(factors, network.supports, network.sizes, slot, tuple(evidence), observed)


def _prepare(
    factors: list[Factor], supports: Mapping[str, tuple[Any, ...]], sizes: Mapping[str, int],
    target: str, evidence: tuple[str, ...], observed: tuple[str, ...],
) -> CompiledQuery:  # fmt: skip
    hidden_scopes = [[n for n in f.names if n not in observed] for f in factors]
    order, cost = best_order(hidden_scopes, sizes, (target,))
    if cost > 1 << 26:
        raise refuse("over-budget", f"eliminating takes tables of {cost} entries; the limit is {1 << 26}")
    left = list(factors)
    dynamic: list[str] = []
    for name in order:
        touching = [f for f in left if name in f.names]
        union = {n for f in touching for n in f.names}
        blocked = any(n in dynamic for n in union)
        if not blocked and prod(sizes[n] for n in union) <= OPEN:
            left = [f for f in left if name not in f.names]
            left.append(_sorted(eliminate(touching, name), observed))
        else:
            dynamic.append(name)
    left = _gather(left, sizes, observed, target, dynamic)
    slices = [_slice(_arranged(f, observed, dynamic), sizes, observed) for f in left]
    plan: list[tuple[str, tuple[int, ...]]] = []
    names = [set(s.names) for s in slices]
    alive = set(range(len(names)))
    widest = max((s.table.shape[-1] if s.names else 1 for s in slices), default=1)
    for name in dynamic:
        touching_now = tuple(i for i in sorted(alive) if name in names[i])
        union_now = set().union(*(names[i] for i in touching_now))
        widest = max(widest, prod(sizes[n] for n in union_now))
        alive -= set(touching_now)
        alive.add(len(names))
        names.append(union_now - {name})
        plan.append((name, touching_now))
    shown = [supports[o] for o in observed]
    return CompiledQuery(tuple(supports[target]), evidence, shown, slices, plan, target, widest)


def _gather(
    factors: list[Factor], sizes: Mapping[str, int], observed: tuple[str, ...], target: str, dynamic: list[str]
) -> list[Factor]:
    """Fewer, larger tables: factors over the same hidden variables are multiplied while the product stays small."""
    groups: list[Factor] = []
    for factor in sorted(factors, key=lambda f: f.table.size):
        for i, other in enumerate(groups):
            union = (*other.names, *(n for n in factor.names if n not in other.names))
            hidden = {n for n in union if n not in observed}
            same = hidden in ({n for n in f.names if n not in observed} for f in (factor, other))
            if same and prod(sizes[n] for n in union) <= OPEN:
                product = _product(other, factor, union, sizes)
                groups[i] = _sorted(product, observed)
                break
        else:
            groups.append(factor)
    return groups


def _product(a: Factor, b: Factor, names: tuple[str, ...], sizes: Mapping[str, int]) -> Factor:
    return Factor(names, multiply([a, b], names, sizes))


def _sorted(factor: Factor, observed: tuple[str, ...]) -> Factor:
    """The factor with its observed axes first, in the order of the evidence."""
    first = [n for n in observed if n in factor.names]
    names = (*first, *(n for n in factor.names if n not in first))
    return Factor(names, np.ascontiguousarray(factor.table.transpose([factor.names.index(n) for n in names])))


def _arranged(factor: Factor, observed: tuple[str, ...], dynamic: list[str]) -> Factor:
    """Observed axes first, then the others in the order of elimination, so that tables align without transposing."""
    rest = sorted((n for n in factor.names if n not in observed), key=lambda n: (n not in dynamic, dynamic.index(n) if n in dynamic else 0))
    names = (*(n for n in observed if n in factor.names), *rest)
    return Factor(names, np.ascontiguousarray(factor.table.transpose([factor.names.index(n) for n in names])))


def _slice(factor: Factor, sizes: Mapping[str, int], observed: tuple[str, ...]) -> _Slice:
    first = [n for n in observed if n in factor.names]
    rest = factor.names[len(first) :]
    strides, step = [], 1
    for n in reversed(first):
        strides.append(step)
        step *= sizes[n]
    shape = tuple(sizes[n] for n in rest)
    table = factor.table.astype(float).reshape((step, *shape)) if first else factor.table.astype(float).reshape((1, *shape))
    places = np.array([observed.index(n) for n in first], dtype=np.intp)
    return _Slice(places, np.array(strides[::-1], dtype=np.intp), rest, table)


__all__ = ["OPEN", "CompiledQuery", "compile_query"]
