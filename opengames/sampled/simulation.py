"""Running a model many times: one compiled program, `vmap` over runs, in chunks that fit the memory.

Numbers depend on (seed, path, loop indices, run) only, see `keys`. What is not asked for is not computed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from opengames.diagnostics import Refusal, refuse
from opengames.diagram import Branch, Call, Compute, Diagram, Draw, Loop, binds, bodies
from opengames.program import Program
from opengames.sampled import broken, draws, faults, keys
from opengames.sampled.backend import jax
from opengames.sampled.encode import Column, decode, encode
from opengames.sampled.expressions import Scope
from opengames.sampled.frame import TAKEN, Frame
from opengames.sampled.fuse import fuse
from opengames.sampled.runs import Runs
from opengames.sampled.translate import refuse_open, run
from opengames.sampled.uniforms import uniforms_ahead
from opengames.sampled.values import SHORT, constant, solid
from opengames.spaces import BOOL, Family, Record, Space, family, leaves, size
from opengames.terms import free

#: Bytes that one chunk of runs, and all results together, may take.
BUDGET = 4 << 30
#: About how many runs (times the largest population) are computed side by side: more do not fit the caches.
LANES = 4096
_REMEMBERED = 64


@dataclass(frozen=True)
class Wire:
    """A wire somewhere in a diagram. path: its segments. loops: around it, outermost first."""

    path: tuple[str, ...]
    space: Space
    loops: tuple[tuple[str, Space], ...]


def simulate(
    program: Program,
    diagram: Diagram,
    *,
    runs: int = 1,
    seed: int = 0,
    params: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
    given: Mapping[str, draws.Uniforms | draws.Outcomes] | None = None,
    keep: Iterable[str] | None = None,
    first: int = 0,
    budget: int = BUDGET,
    progress: Callable[[int, int], None] | None = None,
) -> Runs:
    """Run a channel (or a game with a strategy plugged in) `runs` times.

    params, inputs: values (see `encode`) that replace the program's own; not for params that fix a size.
    given: by the path of a draw, its uniforms or its outcomes.
    keep: wires to return, by name or path; by default the outputs, or every wire of a diagram without outputs.
    first: the number of the first run: runs 10 to 19 are the same on their own as among the first 20.
    budget: bytes. progress: called with (runs done, runs).

    Raises `Refusal`: `needs-strategy`, `not-yet`, `unknown-param-value`, `unknown-wire`, `over-budget`, `outside-type`
    for what is supplied; and the first fault of the first faulty run, with its place.
    """
    if runs < 1:
        raise refuse("outside-type", f"the number of runs is {runs}, and must be at least 1")
    model = _model(program, diagram, None if keep is None else tuple(dict.fromkeys(keep)))
    batch = _Batch(
        encoded_params(program, params) if params else model.own_params(program),
        _encoded_inputs(diagram, inputs or {}),
        _encoded_given(model.sites, given or {}, runs),
    )
    chunk = _chunk(model, runs, budget)
    columns = _run_chunks(model, batch, seed, first, runs, chunk, progress)
    return Runs(columns, runs, seed, first)


# ------------------------------------------------------------------- the parts


def wires_of(diagram: Diagram) -> dict[str, Wire]:
    """Every wire at every depth by its path; the outermost if a loop hands a wire out under its own name."""
    found = {p.name: Wire((p.name,), p.space, ()) for p in diagram.inputs}
    _list_wires(diagram, (), (), found)
    return found


def _list_wires(
    diagram: Diagram, path: tuple[str, ...], loops: tuple[tuple[str, Space], ...], found: dict[str, Wire]
) -> None:
    for box in diagram.boxes:
        for port in binds(box):
            found.setdefault(".".join((*path, port.name)), Wire((*path, port.name), port.space, loops))
    for box in diagram.boxes:
        around = loops + (box.iters if isinstance(box, Loop) else ())
        for segment, inner in bodies(box):
            _list_wires(inner, path + ((segment,) if segment else ()), around, found)


def _coming_back(diagram: Diagram) -> set[str]:
    """What calls report, and what is computed from it: known when play is over, which a simulation does not follow."""
    found: set[str] = set()
    for box in diagram.boxes:
        if isinstance(box, Call):
            found.update(box.reports)
        elif isinstance(box, Compute) and free(box.term) & found:
            found.add(box.out.name)
    return found


def _kept(diagram: Diagram, keep: tuple[str, ...] | None) -> dict[str, Wire]:
    found = wires_of(diagram)
    if keep is None:
        names = [p.name for p in diagram.outputs]
        names = names or [
            p.name
            for box in diagram.boxes
            if not (isinstance(box, Compute) and box.hidden)
            for p in binds(box)
            if "'" not in p.name  # the wire of that name with its type or its rules still to be checked
            and p.name not in _coming_back(diagram)
        ]
    else:
        names = list(keep)
    for name in names:
        if name not in found:
            raise refuse(
                "unknown-wire",
                f"`{diagram.name}` has no wire `{name}`",
                notes=(f"its own wires are {', '.join(n for n, w in found.items() if len(w.path) == 1)}",),
            )
    kept = {name: found[name] for name in names}
    if keep is None:
        fields = {c for name, w in kept.items() if isinstance(w.space, Record) for c in _column_names(name, w.space)}
        kept = {name: w for name, w in kept.items() if name not in fields}  # `now.a` is told as a field of `now`
    owner: dict[str, str] = {}
    for name, wire in kept.items():
        for column in _column_names(name, wire.space):
            if owner.setdefault(column, name) != name:
                raise refuse(
                    "duplicate-name",
                    f"`{column}` would be a field of `{owner[column]}` and a wire inside it",
                    help=f"keep `{owner[column]}` and `{name}` in two runs with the same seed",
                )
    return kept


def _column_names(name: str, space: Space) -> list[str]:
    """What the columns of a wire are called, as `encode.decode` does."""
    match space:
        case Record(fields=fields):
            return [c for field, inner in fields for c in _column_names(f"{name}.{field}", inner)]
        case Family(item=item):
            return _column_names(name, item)
    return [name]


@dataclass(frozen=True)
class _Batch:
    """What a compiled program is called with, besides the runs."""

    params: dict[str, Any]
    inputs: dict[str, Any]
    given: dict[tuple[int, ...], tuple[str, bool, Any]]


class _Model:
    """The compiled programs of one diagram for one choice of wires; kept alive with what they were made of."""

    def __init__(self, program: Program, diagram: Diagram, keep: tuple[str, ...] | None) -> None:
        refuse_open(diagram)
        self.program, self.original = program, diagram
        self.kept = kept = _kept(diagram, keep)
        self.size, self.widest = footprint(diagram)
        self.top = tuple(w.path[0] for w in kept.values() if len(w.path) == 1 and not w.loops)
        self.taps = frozenset(w.path for w in kept.values() if len(w.path) > 1 or w.loops)
        self.diagram = fuse(diagram)
        self.sites = draws.sites(diagram)
        self._sites = _relocated(self.sites, draws.sites(self.diagram))
        self._compiled: dict[Any, Any] = {}
        self._own: tuple[Program, dict[str, Any]] | None = None

    def own_params(self, program: Program) -> dict[str, Any]:
        """The params of a program as it stands, encoded; kept, as every run of it asks for them again."""
        if self._own is None or self._own[0] is not program:
            self._own = (program, jax.device_put(encoded_params(program, {})))
        return self._own[1]

    def call(self, batch: _Batch, seed: int, ids: np.ndarray, diagnose: bool = False) -> tuple[Any, Any]:
        """Results and faults of the runs with these numbers."""
        shapes = tuple(sorted((t, kind, per_run) for t, (kind, per_run, _) in batch.given.items()))
        key = (shapes, diagnose, len(ids))
        if key not in self._compiled:
            self._compiled[key] = self._build({t: (k, p) for t, k, p in shapes}, diagnose, len(ids))
        function, _ = self._compiled[key]
        given = {t: v for t, (_, _, v) in batch.given.items()}
        words = np.array(keys.seed_words(seed), np.uint32)
        return function(words, ids.astype(np.uint32), batch.params, batch.inputs, given)

    def flags(self, batch: _Batch) -> list[faults.Flag]:
        """The flags of the last diagnosing program for this kind of batch."""
        shapes = tuple(sorted((t, kind, per_run) for t, (kind, per_run, _) in batch.given.items()))
        return self._compiled[(shapes, True, 1)][1][-1].flags

    def _build(self, kinds: dict[tuple[int, ...], tuple[str, bool]], diagnose: bool, chunk: int) -> tuple[Any, list[Any]]:
        sites = {s.trail: s for s in self._sites}
        by_path = {s.path: s.trail for s in self._sites}
        original = {s.trail: by_path[s.path] for s in self.sites}
        known = {p.name: constant(p.value, p.space) for p in self.program.params.values() if p.static}
        traced: list[faults.Faults] = []

        table = keys.path_table(tuple(s.path for s in self._sites))

        def one(pairs: Any, params: Any, inputs: Any, given: Any) -> tuple[Any, Any]:
            raised = faults.Faults(diagnose)
            scope = Scope(dict(inputs), self.program.funs, {**known, **params}, raised)
            frame = Frame(
                scope,
                {s.trail: (pairs[k, 0], pairs[k, 1]) for k, s in enumerate(self._sites)},
                {original[t]: (kinds[t][0], v) for t, v in given.items()},
                sites,
                run,
                taps=self.taps,
                lanes=chunk,
            )
            results = run(self.diagram, uniforms_ahead(frame, self._sites), self.top)
            traced.append(raised)
            values = {".".join(k): solid(v) for k, v in results.items()}
            return values, (raised.arrays() if diagnose else raised.any())

        axes = {t: 0 if per_run else None for t, (_, per_run) in kinds.items()}
        side_by_side = jax.vmap(one, in_axes=(2, None, None, axes))

        def all_runs(seed: Any, ids: Any, params: Any, inputs: Any, given: Any) -> tuple[Any, Any]:
            return side_by_side(keys.run_keys(seed, table, ids), params, inputs, given)

        return jax.jit(all_runs), traced


def _relocated(before: tuple[draws.Site, ...], after: tuple[draws.Site, ...]) -> tuple[draws.Site, ...]:
    """The draws of the rewritten diagram; rewriting neither adds nor renames any."""
    assert [s.path for s in before] == [s.path for s in after]
    return after


_models: OrderedDict[tuple[Any, ...], _Model] = OrderedDict()


def _model(program: Program, diagram: Diagram, keep: tuple[str, ...] | None) -> _Model:
    """The compiled program of a diagram, remembered for as long as it is among the last used."""
    statics = tuple((p.name, p.value) for p in program.params.values() if p.static)
    key = (id(diagram), id(program.funs), keep, statics)
    found = _models.get(key)
    if found is None or found.original != diagram or found.program.funs != program.funs:
        found = _models[key] = _equal_model(program, diagram, keep, statics) or _Model(program, diagram, keep)
    _models.move_to_end(key)
    while len(_models) > _REMEMBERED:
        _models.popitem(last=False)
    return found


def _equal_model(program: Program, diagram: Diagram, keep: Any, statics: Any) -> _Model | None:
    """A remembered model of the same diagram built anew, such as one with a question's wires added."""
    for (_, _, other_keep, other_statics), model in _models.items():
        if keep != other_keep or statics != other_statics or model.original.name != diagram.name:
            continue
        same_funs = model.program.funs is program.funs or model.program.funs == program.funs
        if same_funs and model.original == diagram:
            return model
    return None


# ---------------------------------------------------------------------- inputs


def encoded_params(program: Program, supplied: Mapping[str, Any]) -> dict[str, Any]:
    """The params that are not built in, as arrays."""
    for name in supplied:
        if name not in program.params:
            raise refuse("unknown-param-value", f"there is no param `{name}`")
        if program.params[name].static and supplied[name] != program.params[name].value:
            raise refuse(
                "unknown-param-value",
                f"param `{name}` fixes a size or a bound and is built in",
                span=program.params[name].at,
                help="load the text again with the new value",
            )
    found: dict[str, Any] = {}
    for param in program.params.values():
        value = supplied.get(param.name, param.value)
        if value is not None and not param.static:
            found[param.name] = encode(value, param.space, param.name)
    return found


def _encoded_inputs(diagram: Diagram, supplied: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for port in diagram.inputs:
        if port.name not in supplied:
            raise refuse("unknown-param-value", f"input `{port.name}` of `{diagram.name}` has no value", span=port.at)
        found[port.name] = encode(supplied[port.name], port.space, port.name)
    for name in supplied:
        if name not in found:
            raise refuse("unknown-wire", f"`{diagram.name}` has no input `{name}`")
    return found


def _encoded_given(
    sites: tuple[draws.Site, ...], given: Mapping[str, Any], runs: int
) -> dict[tuple[int, ...], tuple[str, bool, Any]]:
    """By trail: (kind, whether the first axis is runs, value)."""
    by_path = {s.path: s for s in sites}
    found = {}
    for path, supplied in given.items():
        if path not in by_path:
            raise refuse("unknown-wire", f"there is no draw `{path}`", notes=(f"the draws are {', '.join(by_path)}",))
        site = by_path[path]
        array, per_run = _shaped(np.asarray(supplied.array), site, runs)
        if isinstance(supplied, draws.Uniforms):
            array = array.astype(np.float64)
            if not ((array >= 0) & (array < 1)).all():
                raise refuse("outside-type", f"the uniforms for `{path}` are not all in [0, 1)", span=site.at)
            found[site.trail] = ("uniforms", per_run, array)
        else:
            found[site.trail] = ("outcomes", per_run, _outcomes(array, site, per_run))
    return found


def _shaped(array: np.ndarray, site: draws.Site, runs: int) -> tuple[np.ndarray, bool]:
    extra = tuple(size(s) or 0 for s in site.space.index) if isinstance(site.space, Family) else ()
    want = site.sizes + extra
    if array.shape == want:
        return array, False
    if array.shape == (1, *want):
        return array[0], False
    if array.shape == (runs, *want):
        return array, True
    raise refuse(
        "outside-type",
        f"what is supplied for `{site.path}` has the shape {array.shape}",
        span=site.at,
        notes=(f"needed: {want}, or {(runs, *want)} with one entry for each run",),
    )


def _outcomes(array: np.ndarray, site: draws.Site, per_run: bool) -> Any:
    """Outcomes as a value whose arrays have the axes of runs (if there) and loops first."""
    space = site.space
    if isinstance(space, Record):
        raise refuse("not-yet", f"outcomes of the record `{site.path}` cannot be supplied; its uniforms can", span=site.at)
    lead = array.shape[: len(site.sizes) + per_run]
    flat = array.reshape((-1, *array.shape[len(lead) :]))
    values = [encode(v.item() if isinstance(v, np.generic) else v, space, site.path) for v in flat]
    return jax.tree.map(lambda *a: np.stack(a).reshape(lead + np.shape(a[0])), *values)


# ---------------------------------------------------------------------- chunks


def footprint(diagram: Diagram) -> tuple[int, int]:
    """Scalars alive in one run, roughly from above; and the largest population side by side."""
    total, widest = 0, 1
    for box in diagram.boxes:
        total += sum(leaves(p.space) for p in binds(box))
        match box:
            case Loop(iters=iters, body=body, carry=carry):
                inside, wide = footprint(body)
                n = prod(size(s) or 0 for _, s in iters)
                total += inside if carry else inside * n
                widest = max(widest, wide if carry or n <= SHORT else wide * n)
            case Call() | Branch():
                for _, inner in bodies(box):
                    inside, wide = footprint(inner)
                    total += inside
                    widest = max(widest, wide)
            case Compute() | Draw():
                pass
    return total, widest


def _chunk(model: _Model, runs: int, budget: int) -> int:
    total, widest = model.size, model.widest
    results = sum(leaves(family(tuple(s for _, s in w.loops), w.space)) for w in model.kept.values())
    if results * runs * 8 > budget:
        raise refuse(
            "over-budget",
            f"the wires to keep take {results * runs * 8 / 2**20:.0f} MiB over {runs} runs; the limit is {budget / 2**20:.0f}",
            help="keep fewer wires, make fewer runs, or give a larger budget",
        )
    if total * 8 > budget:
        raise refuse(
            "over-budget",
            f"one run needs about {total * 8 / 2**20:.0f} MiB; the limit is {budget / 2**20:.0f}",
            help="use a smaller size, or a larger budget",
        )
    most = max(1, min(LANES // widest, budget // (total * 8 + 1)))
    return min(_power_of_two(runs), 1 << (most.bit_length() - 1))


def _power_of_two(n: int) -> int:
    return 1 << (n - 1).bit_length()


def _run_chunks(
    model: _Model,
    batch: _Batch,
    seed: int,
    first: int,
    runs: int,
    chunk: int,
    progress: Callable[[int, int], None] | None,
) -> dict[str, Column]:
    parts: list[Any] = []
    for start in range(0, runs, chunk):
        n = min(chunk, runs - start)
        rows = np.minimum(np.arange(start, start + chunk), runs - 1)
        part = _Batch(batch.params, batch.inputs, _rows(batch.given, rows))
        values, bad = model.call(part, seed, first + rows)
        if np.asarray(bad)[:n].any():
            raise _diagnose(model, part, seed, first + rows, int(np.argmax(np.asarray(bad)[:n])))
        parts.append(jax.tree.map(lambda a, n=n: np.asarray(a)[:n], values))
        if progress is not None:
            progress(start + n, runs)
    whole = parts[0] if len(parts) == 1 else jax.tree.map(lambda *a: np.concatenate(a), *parts)
    columns: dict[str, Column] = {}
    for name, wire in model.kept.items():
        columns.update(_columns(name, wire, whole))
    return columns


def _rows(given: dict[tuple[int, ...], Any], rows: np.ndarray) -> dict[tuple[int, ...], Any]:
    return {
        t: (kind, per_run, jax.tree.map(lambda a: a[rows], v) if per_run else v)
        for t, (kind, per_run, v) in given.items()
    }


def _diagnose(model: _Model, batch: _Batch, seed: int, ids: np.ndarray, bad: int) -> Refusal:
    """The first fault of run `ids[bad]`, found by running it once more with every flag kept."""
    alone = _Batch(batch.params, batch.inputs, _rows(batch.given, np.array([bad])))
    _, ups = model.call(alone, seed, ids[bad : bad + 1], diagnose=True)

    def look(paths: list[str]) -> broken.Found:
        again = _model(model.program, model.original, tuple(paths))
        values, _ = again.call(alone, seed, ids[bad : bad + 1])
        columns = [c for name, wire in again.kept.items() for c in _columns(name, wire, values).items()]
        return {name: (column.data[0], column.space) for name, column in columns}

    known = wires_of(model.original)
    found = faults.first(
        model.flags(alone), [np.asarray(u)[0] for u in ups], int(ids[bad]),
        lambda flag, steps: broken.no_optimum(flag, steps, look) or broken.notes(model.original, flag, steps, known, look),
    )  # fmt: skip
    if found is None:
        return refuse("overflow", f"run {int(ids[bad])} has a fault that does not occur on its own")
    return found


def _columns(name: str, wire: Wire, whole: dict[str, Any]) -> dict[str, Column]:
    index = tuple(s for _, s in wire.loops)
    space = family(index, wire.space) if wire.loops else wire.space
    found = decode(whole[name], space, name, ())
    taken = whole.get(f"{name}.{TAKEN}")
    if taken is not None:
        mask = next(iter(decode(taken, family(index, BOOL) if index else BOOL, name, ()).values())).data
    result = {}
    for key, column in found.items():
        axes = wire.loops + column.index[len(wire.loops) :]
        full = None
        if taken is not None:
            full = np.broadcast_to(mask.reshape(mask.shape + (1,) * (column.data.ndim - mask.ndim)), column.data.shape)
        result[key] = Column(column.data, column.space, axes, full)
        _finite(key, result[key])
    return result


def _finite(name: str, column: Column) -> None:
    if column.data.dtype != np.float64:
        return
    bad = ~np.isfinite(column.data)
    if column.taken is not None:
        bad &= column.taken
    if bad.any():
        run_, *rest = (int(i) for i in np.argwhere(bad)[0])
        raise refuse("overflow", f"`{name}` is too large for a floating-point number", notes=(f"in run {run_}, at {rest}",))

