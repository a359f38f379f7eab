"""All marginals of a junction tree by one compiled program: level by level, whatever the element type.

The same contraction serves four element types:

    mass   nonnegative numbers; messages are scaled by their largest entry, so long products do not vanish
    log    logarithms of masses, for tables whose entries differ by more than 300 orders of magnitude
    min    amounts, the least over worlds; max: the most

Down the tree a clique's table is multiplied by what its parent knows of the separator and divided by what it told the
parent (Hugin's form): where that was zero, the clique's entries are zero and stay so. Structural zeros are exact in all
types and no nan is made. Marginals of `mass` and `log` are chances, those of `min` and `max` the best amounts.

Scenarios are a last axis, so that each gather copies whole rows; those of `mass` that tell of few variables are
answered without compiling, by `scenarios.Scenarios`. Compile time grows with the depth of the tree, not with its
cliques: use `shallow_tree` for long chains.

Source: Lauritzen and Spiegelhalter (1988); Jensen, Lauritzen and Olesen, Bayesian updating in causal probabilistic
networks by local computations (1990).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from opengames.sampled.backend import Array, jax, jnp, lax
from opengames.solvers.junction.layout import OPERATION, Layout, layout
from opengames.solvers.junction.scenarios import Scenarios
from opengames.solvers.junction.semirings import LOG, MASS, MAX_PLUS, MIN_PLUS, Semiring, Table
from opengames.solvers.junction.tree import JunctionTree

Element = Literal["mass", "log", "min", "max"]
Packed = NDArray[np.floating[Any]]  # all tables, in the order of the kernel's layout

#: About how many entries, scenarios included, one call works on: what a processor's cache holds.
CHUNK = 3 << 18
#: Messages are scaled once so many tables have been multiplied.
TABLES = 16
#: Compiling takes half the time with XLA's older loops and without its last optimisations; the programs run as fast.
OPTIONS: dict[str, Any] = {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 1}


@dataclass(frozen=True, eq=False)
class Answers:
    """total: the logarithm of the total mass, or the best amount. values: the marginals of all variables, one after
    another; with scenarios, these are the last axis of both. starts: where each variable's values begin.
    """

    total: np.floating[Any] | NDArray[np.floating[Any]]
    values: NDArray[np.floating[Any]]
    starts: Mapping[str, tuple[int, int]]

    def of(self, name: str) -> NDArray[np.floating[Any]]:
        """The marginal of one variable: of shape (values,) or (values, scenarios)."""
        start, end = self.starts[name]
        return self.values[start:end]


class Kernel:
    """Compiled passes over one tree. Programs are compiled when first called, one for each kind of call.

    dtype: `"float64"`, or `"float32"` where 7 digits are enough.
    """

    def __init__(self, tree: JunctionTree, element: Element = "mass", *, dtype: str = "float64") -> None:
        self.tree, self.element, self.dtype = tree, element, np.dtype(dtype)
        self.semiring = SEMIRINGS[element]
        self._kept: tuple[Packed, frozenset[int], Scenarios] | None = None
        self._least = float(np.finfo(self.dtype).tiny)
        ends = np.cumsum([0, *(k for _, k in tree.sizes)])
        self._starts = {n: (int(a), int(b)) for (n, _), a, b in zip(tree.sizes, ends, ends[1:], strict=False)}

    def pack(self, tables: Sequence[Table]) -> Packed:
        """The tables of all cliques as one array for the calls below. Raises `ValueError` for one that does not fit."""
        flat = np.full(self._one.layout.cells, self.semiring.zero, dtype=self.dtype)
        for i, (place, table) in enumerate(zip(self._one.layout.places, tables, strict=True)):
            flat[place] = self._fitting(i, table)
        return flat

    def replaced(self, tables: Packed, clique: int, table: Table) -> Packed:
        """With another table on one clique."""
        new = tables.copy()
        new[self._one.layout.places[clique]] = self._fitting(clique, table)
        return new

    def likelihoods(self, evidence: Sequence[Mapping[str, int]]) -> NDArray[np.floating[Any]]:
        """For each set of evidence (value numbers by variable) a column of ones and zeros over all values."""
        found = np.full((self._one.layout.values, len(evidence)), self.semiring.one, dtype=self.dtype)
        for k, known in enumerate(evidence):
            for name, value in known.items():
                start, end = self._starts[name]
                found[start:end, k] = self.semiring.zero
                found[start + value, k] = self.semiring.one
        return found

    def marginals(self, tables: Packed, likelihoods: NDArray[Any] | None = None) -> Answers:
        """All marginals; likelihoods: one factor for each value of each variable, of the element type."""
        one = self._one
        found = one.plain(tables, one.index) if likelihoods is None else one.informed(tables, likelihoods, one.index)
        return self._answers(np.asarray(found))

    def total(self, tables: Array, likelihoods: Array) -> Array:
        """The total alone, as a JAX function: its gradient in logarithmic likelihoods is the marginals (`log`)."""
        return self._one.total(tables, likelihoods)

    def scenarios(self, tables: Packed, likelihoods: NDArray[Any]) -> Answers:
        """All marginals in many scenarios. likelihoods: (values, scenarios), as from `likelihoods`.

        For `mass`, what the scenarios do not change is worked out first, where that makes less to do (`Scenarios`), and
        kept for the next call with the same tables and the same variables told of.
        """
        if self.element == "mass":
            ready = self._ready(tables, likelihoods)
            if ready.worthwhile:
                return self._answers(ready.ask(likelihoods))
        many, count = self._many, likelihoods.shape[1]
        shared = self._spread(tables)
        parts = []
        for k in range(0, count, many.width):
            part = likelihoods[:, k : k + many.width]
            if part.shape[1] < many.width:
                part = np.pad(part, ((0, 0), (0, many.width - part.shape[1])), mode="edge")
            parts.append(many.informed(shared, np.ascontiguousarray(part), many.index))
        return self._answers(np.concatenate([np.asarray(p) for p in parts], axis=1)[:, :count])

    def _ready(self, tables: Packed, likelihoods: NDArray[Any]) -> Scenarios:
        """What these tables and the variables told of allow to work out beforehand, kept until either changes."""
        told = (likelihoods != 1).any(axis=1)
        informed = frozenset(v for v, (n, _) in enumerate(self.tree.sizes) if told[slice(*self._starts[n])].any())
        kept = self._kept
        if kept is None or kept[1] != informed or not np.array_equal(kept[0], tables):
            found = Scenarios(self.tree, [tables[place] for place in self._one.layout.places], informed)
            self._kept = kept = (tables.copy(), informed, found)
        return kept[2]

    def _answers(self, found: NDArray[Any]) -> Answers:
        return Answers(found[-1], found[:-1], self._starts)

    def _fitting(self, clique: int, table: Table) -> Table:
        found = self.semiring.table(table)
        if found.shape != self.tree.shapes[clique]:
            raise ValueError(f"the table of clique {clique} has the shape {found.shape}, not {self.tree.shapes[clique]}")
        if self.element == "mass" and np.count_nonzero(found) != np.count_nonzero(found >= self._least):
            raise ValueError(f"a table has masses below {self._least}, which would count as zero: use logarithms (`log`)")
        return found

    def _spread(self, tables: Packed) -> Array:
        """The tables in the layout for scenarios."""
        flat = np.full(self._many.layout.cells, self.semiring.zero, dtype=self.dtype)
        flat[self._crossing[1]] = tables[self._crossing[0]]
        return jnp.asarray(flat)

    @cached_property
    def _crossing(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        both = (self._one.layout.places, self._many.layout.places)
        one, many = (np.concatenate([p.ravel() for p in places]) for places in both)
        return one, many

    @cached_property
    def _one(self) -> _Programs:
        return _Programs(layout(self.tree), ALGEBRAS[self.element], 0)

    @cached_property
    def _many(self) -> _Programs:
        width = int(np.clip(CHUNK // max(self.tree.cells, 1), 8, 128))
        return _Programs(layout(self.tree, max(OPERATION // width, 200)), ALGEBRAS[self.element], width)


@dataclass(frozen=True, eq=False)
class _Algebra:
    """An element type in JAX. scaled: messages are divided by their largest entry. chances: marginals are normalised."""

    zero: float
    one: float
    times: Callable[[Array, Array], Array]
    over: Callable[[Array, Array], Array]
    plus: Callable[[Array, int], Array]
    scaled: bool
    chances: bool


def _log_sum_exp(x: Array, axis: int) -> Array:
    top = lax.stop_gradient(jnp.max(x, axis=axis, keepdims=True))
    top = jnp.where(top == -jnp.inf, 0.0, top)
    summed = jnp.sum(jnp.exp(x - top), axis=axis)
    none = summed == 0.0  # kept away from the logarithm, whose derivative there would be a nan
    return jnp.where(none, -jnp.inf, jnp.log(jnp.where(none, 1.0, summed)) + jnp.squeeze(top, axis))


def _less(zero: float) -> Callable[[Array, Array], Array]:
    return lambda a, b: jnp.where(b == zero, zero, a - jnp.where(b == zero, 0.0, b))


def _divided(a: Array, b: Array) -> Array:
    return jnp.where(b == 0.0, 0.0, a / jnp.where(b == 0.0, 1.0, b))


INF = float("inf")
ALGEBRAS: Mapping[Element, _Algebra] = {
    "mass": _Algebra(0.0, 1.0, jnp.multiply, _divided, jnp.sum, True, True),
    "log": _Algebra(-INF, 0.0, jnp.add, _less(-INF), _log_sum_exp, False, True),
    "min": _Algebra(INF, 0.0, jnp.add, _less(INF), jnp.min, False, False),
    "max": _Algebra(-INF, 0.0, jnp.add, _less(-INF), jnp.max, False, False),
}
SEMIRINGS: Mapping[Element, Semiring] = {"mass": MASS, "log": LOG, "min": MIN_PLUS, "max": MAX_PLUS}


class _Programs:
    """The compiled calls for one layout. width: scenarios in a call, 0 for none.

    All index arrays are one argument: as constants of the program they would slow its compilation.
    """

    def __init__(self, plan: Layout, algebra: _Algebra, width: int) -> None:
        self.layout, self.algebra, self.width = plan, algebra, width
        self._pieces: list[NDArray[np.int32]] = []
        self._at: dict[int, int] = {}
        end = 0
        for array in _indices(plan):
            self._at[id(array)] = end
            self._pieces.append(array.ravel())
            end += array.size
        self.index = jnp.asarray(np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.int32))
        self.plain = _compiled(lambda tables, index: self._run(tables, None, index))
        self.informed = _compiled(self._run)

    def total(self, tables: Array, likelihoods: Array) -> Array:
        return self._collect(tables, likelihoods, self.index)[2]

    def _run(self, tables: Array, likelihoods: Array | None, index: Array) -> Array:
        """All marginals, and after them the total."""
        beliefs, told, total = self._collect(tables, likelihoods, index)
        return lax.concatenate([self._distribute(beliefs, told, index), lax.expand_dims(total, (0,))], 0)

    def _collect(
        self, tables: Array, likelihoods: Array | None, index: Array
    ) -> tuple[list[list[Array]], list[list[Array]], Array]:
        """Up: the product on each clique so far, what it told its parent, and the total."""
        alg, plan = self.algebra, self.layout
        lead = (self.width,) if self.width else ()
        one = jnp.full((1, *lead), alg.one, tables.dtype)
        if likelihoods is not None:
            likelihoods = lax.concatenate([likelihoods, one], 0)
        below = one
        tops: list[Array] = []
        beliefs: list[list[Array]] = []
        told: list[list[Array]] = []
        for depth, scaled in _scalings(plan, tables.dtype, alg):
            row = []
            for block in plan.levels[depth].blocks:
                belief = lax.slice(tables, (block.start,), (block.start + prod(block.shape),))
                belief = lax.reshape(belief, (*block.shape, *(1 for _ in lead)))
                for slot in range(len(block.messages)):
                    belief = alg.times(belief, self._take(below, block.messages, index, slot))
                if likelihoods is not None:
                    for slot in range(len(block.evidence)):
                        belief = alg.times(belief, self._take(likelihoods, block.evidence, index, slot))
                row.append(jnp.broadcast_to(belief, (*block.shape, *lead)))
            heard = [alg.plus(belief, 2) for belief in row]
            messages = heard
            if scaled:
                scales = [jnp.max(m, axis=1, keepdims=True) for m in heard]
                scales = [lax.select(top > 0, top, lax.full_like(top, 1.0)) for top in scales]
                messages = [m / top for m, top in zip(heard, scales, strict=True)]
                tops.extend(lax.reshape(top, (top.shape[0], *lead)) for top in scales)
            below = lax.concatenate([*(lax.reshape(m, (m.shape[0] * m.shape[1], *lead)) for m in messages), one], 0)
            beliefs.append(row)
            told.append(heard)
        ends = [lax.reshape(m, (m.shape[0], *lead)) for m in told[-1]] if told else []
        total = jnp.zeros(lead, tables.dtype)
        if ends:
            every = lax.concatenate([*ends, *tops], 0)
            total = jnp.sum(jnp.log(every) if alg.scaled else every, axis=0)
        return self._rooted(beliefs[::-1], told[::-1], total), told[::-1], total

    def _rooted(self, beliefs: list[list[Array]], told: list[list[Array]], total: Array) -> list[list[Array]]:
        """With the roots normalised, or carrying the best amounts of the other components."""
        alg = self.algebra
        if not beliefs:
            return beliefs
        if alg.chances:
            roots = [alg.over(b, t[:, :, None]) for b, t in zip(beliefs[0], told[0], strict=True)]
        else:
            others = [alg.over(jnp.broadcast_to(total, t.shape), t) for t in told[0]]
            roots = [alg.times(b, o[:, :, None]) for b, o in zip(beliefs[0], others, strict=True)]
        return [roots, *beliefs[1:]]

    def _distribute(self, beliefs: list[list[Array]], told: list[list[Array]], index: Array) -> Array:
        """Down: the marginals of all variables."""
        alg, plan = self.algebra, self.layout
        found: list[Array] = []
        for depth, level in enumerate(plan.levels):
            row = beliefs[depth]
            if depth:
                knows = [self._take(found[-1], block.ratio, index) for block in level.blocks]
                ratios = [alg.over(k, t) for k, t in zip(knows, told[depth], strict=True)]
                row = [alg.times(b, r[:, :, None]) for b, r in zip(row, ratios, strict=True)]
            parts = [lax.reshape(b, (prod(b.shape[:3]), *b.shape[3:])) for b in row]
            if level.open_end:
                parts.append(lax.full((1, *parts[0].shape[1:]), alg.zero, parts[0].dtype))
            flat = lax.concatenate(parts, 0) if len(parts) > 1 else parts[0]
            rows = [alg.plus(self._take(flat, r, index), 1) for r in level.rows]
            found.append(lax.concatenate(rows, 0) if rows else flat[:0])
        if not found:
            return jnp.zeros((0, self.width) if self.width else (0,))
        values = self._take(lax.concatenate(found, 0), plan.reads, index)
        return jnp.exp(values) if alg.chances and not alg.scaled else values

    def _take(self, source: Array, array: NDArray[np.int32], index: Array, slot: int | None = None) -> Array:
        """Entries (with scenarios: rows) of an array at places known to be inside it."""
        shape = array.shape if slot is None else array.shape[1:]
        start = self._at[id(array)] + (slot or 0) * prod(shape)
        at = lax.reshape(lax.slice(index, (start,), (start + prod(shape),)), (*shape, 1))
        offset = tuple(range(len(shape), len(shape) + source.ndim - 1))
        numbers = lax.GatherDimensionNumbers(offset_dims=offset, collapsed_slice_dims=(0,), start_index_map=(0,))
        return lax.gather(source, at, numbers, (1, *source.shape[1:]), mode="promise_in_bounds")


def _compiled(call: Callable[..., Array]) -> Callable[..., Array]:
    """A call compiled with `OPTIONS`, or, by an XLA that does not know them, without."""
    chosen = jax.jit(call, compiler_options=OPTIONS)

    def run(*arguments: Any) -> Array:
        nonlocal chosen
        try:
            return chosen(*arguments)
        except jax.errors.JaxRuntimeError as fault:
            if "compile option" not in str(fault):
                raise
            chosen = jax.jit(call)
            return chosen(*arguments)

    return run


def _scalings(plan: Layout, dtype: Any, algebra: _Algebra) -> list[tuple[int, bool]]:
    """The levels from the deepest up, and whether messages are scaled there.

    They are before a product of more than a few tables could vanish: `TABLES` in float64, with entries down to 1e-19.
    """
    tree = plan.tree
    most = TABLES if dtype == np.float64 else 1
    weight = [1] * len(tree.cliques)
    found = []
    for depth in reversed(range(len(plan.levels))):
        mine = [i for block in plan.levels[depth].blocks for i in block.cliques]
        for i in mine:
            weight[i] += sum(weight[c] for c in tree.children[i])
        scaled = algebra.scaled and depth > 0 and max(weight[i] for i in mine) >= most
        if scaled:
            for i in mine:
                weight[i] = 0
        found.append((depth, scaled))
    return found


def _indices(plan: Layout) -> list[NDArray[np.int32]]:
    found = [plan.reads]
    for level in plan.levels:
        found.extend(level.rows)
        for block in level.blocks:
            found.extend((block.messages, block.evidence, block.ratio))
    return found


__all__ = ["Answers", "Element", "Kernel"]
