"""The exact inverse of a finite channel: disintegration.

Of a channel $c : G \\to L \\otimes Y$ and evidence $y$ that can occur, the inverse is the conditional distribution
$c^\\dagger(l \\mid g, y) = c(l, y \\mid g) / c(y \\mid g)$. Laws, on evidence that can occur:

* Bayes: drawing $y$ from the channel and then $l$ from the inverse is drawing both from the channel;
* the inverse of the inverse is the channel;
* chain rule: the inverse of $f \\mathbin{;} g$ at a prior is that of $g$ at the prior pushed through $f$, and then that of $f$.

Evidence of chance 0 has no inverse and is refused, naming the entry at which it becomes impossible.

Source: Cho and Jacobs, Disintegration and Bayesian inversion via string diagrams (2019), sections 3 and 5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from opengames.diagnostics import Refusal, refuse
from opengames.diagram import Call, Compute, Diagram, Draw, Port
from opengames.plain import replace
from opengames.program import Program, Recognition
from opengames.show import show
from opengames.solvers.recognition.beliefs import Belief, Chances
from opengames.solvers.recognition.shape import generative, state_space
from opengames.spaces import Enum, Family, Grid, Record, Space, index_points, points, size
from opengames.terms import TRUE, At, Const, Get, Pack, Prim, Select, Term, Var, Weighted

#: Rows of an inverse written out as a table, and values that an entry may take where chances are asked for one by one.
ROWS, VALUES = 20_000, 256


@dataclass(frozen=True)
class Inverse:
    """The inverse of `channel`. observed, given, inferred: its wires. budget: states that the exact reading may visit.

    >>> import opengames as og
    >>> m = og.loads("channel c() -> (x: bool, y: bool) { x ~ bernoulli(1/2)  y ~ bernoulli(if x then 3/4 else 1/4) }")
    >>> dict(inverse(m.program, m.program.diagrams["c"], observed=("y",), inferred=("x",)).at({"y": True}))[(True,)]
    Fraction(3, 4)
    """

    program: Program
    channel: Diagram
    observed: tuple[Port, ...]
    given: tuple[Port, ...]
    inferred: tuple[Port, ...]
    params: Mapping[str, Any]
    budget: int

    def at(self, evidence: Mapping[str, Any]) -> tuple[tuple[tuple[Any, ...], Any], ...]:
        """The posterior of the inferred wires together, as pairs (values in order, chance). evidence: observed and given wires."""
        from opengames.exact import distribution

        asked = Pack(tuple(Var(p.name) for p in self.inferred))
        seen = self._seen(evidence)
        try:
            return distribution(
                self.program, self.channel, asked, seen, self.params, self.budget, inputs=self._inputs(evidence)
            )
        except Refusal as refused:
            raise self._told(refused, evidence) from None

    def chances(self, evidence: Mapping[str, Any]) -> dict[str, Chances]:
        """What is believed of each scalar entry, by wire (and field), in one pass."""
        from opengames.exact import expectations

        terms: list[Term] = []
        plan: list[tuple[str, Space, tuple[Any, ...], tuple[int, ...], int]] = []
        for port in self.inferred:
            for path, space, entries, sizes in _entries(Var(port.name), port.space):
                values = tuple(points(space))
                plan.append((port.name + path, space, values, sizes, len(entries)))
                terms += [Prim("ind", (Prim("==", (entry, Const(v))),)) for v in values for entry in entries]
        try:
            found = expectations(
                self.program, self.channel, terms, self._seen(evidence), self.params, self.budget, inputs=self._inputs(evidence)
            )
        except Refusal as refused:
            raise self._told(refused, evidence) from None
        made: dict[str, Chances] = {}
        at = 0
        for name, space, values, sizes, count in plan:
            n = len(values) * count
            shares = np.array([float(x) for x in found[at : at + n]]).reshape(len(values), *sizes)
            made[name] = Chances(space, positions(space, values), shares, len(sizes))
            at += n
        return made

    def diagram(self, name: str = "inverse") -> Diagram:
        """The inverse as a channel, a table of its rows. In rows that cannot occur it draws from the prior.

        Raises `Refusal` (`over-budget`) for more than `ROWS` rows.
        """
        inputs = (*self.given, *self.observed)
        spaces = tuple(p.space for p in inputs)
        rows = 1
        for each in spaces:
            n = size(each)
            if n is None:
                raise refuse("needs-sampling", f"an input of `{name}` has infinitely many values: it is no table")
            rows = min(rows * n, ROWS + 1)
        if rows > ROWS:
            raise refuse("over-budget", f"`{name}` has more than {ROWS:,} rows, too many for a table")
        cells = tuple(self._row(dict(zip([p.name for p in inputs], row, strict=True))) for row in product(*(tuple(points(s)) for s in spaces)))
        whole = Port("all inferred", Record(tuple((p.name, p.space) for p in self.inferred)))
        kernel = Select(tuple(Var(p.name) for p in inputs), spaces, cells) if inputs else cells[0]
        parts = tuple(Compute(Port(p.name, p.space), Get(Var(whole.name), i)) for i, p in enumerate(self.inferred))
        return Diagram(name, inputs, self.inferred, (Draw(whole, kernel), *parts))

    def _row(self, evidence: dict[str, Any]) -> Weighted:
        try:
            pairs = self.at(evidence)
        except Refusal as refused:
            if any(d.code != "impossible-evidence" for d in refused.diagnostics):
                raise
            pairs = replace_observed(self).at(evidence)
        return Weighted(tuple((Const(v), Const(c)) for v, c in pairs))

    def _inputs(self, evidence: Mapping[str, Any]) -> dict[str, Any]:
        return {p.name: evidence[p.name] for p in self.given}

    def _seen(self, evidence: Mapping[str, Any]) -> list[Term]:
        return [term for _, term, _ in self._entries(evidence)]

    def _entries(self, evidence: Mapping[str, Any]) -> Iterator[tuple[str, Term, str]]:
        """What is seen, entry by entry: as a message calls it, the condition, and its value."""
        for port in self.observed:
            values = _flat(evidence[port.name], port.space)
            for _, space, entries, _ in _entries(Var(port.name), port.space):
                for entry in entries:
                    value = next(values)
                    if value is None:  # not observed
                        continue
                    yield _named(entry), Prim("==", (entry, Const(value))), show(value, space)

    def _told(self, refused: Refusal, evidence: Mapping[str, Any]) -> Refusal:
        """The refusal; of impossible evidence, with the entry at which it becomes so."""
        if not any(d.code == "impossible-evidence" for d in refused.diagnostics):
            return refused
        entries = list(self._entries(evidence))
        low, high = 0, len(entries)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._can_occur(entries[:middle], evidence) else (low, middle)
        name, _, value = entries[high - 1]
        before = f", given the {high - 1} before it" if high > 1 else ""
        return refuse(
            "impossible-evidence", f"`{name} = {value}` cannot happen in `{self.channel.name}`{before}",
            notes=("evidence of chance 0 says nothing about the rest",),
        )  # fmt: skip

    def _can_occur(self, entries: list[tuple[str, Term, str]], evidence: Mapping[str, Any]) -> bool:
        from opengames.exact import distribution

        try:
            distribution(
                self.program, self.channel, TRUE, [t for _, t, _ in entries], self.params, self.budget, inputs=self._inputs(evidence)
            )
        except Refusal as refused:
            if any(d.code == "impossible-evidence" for d in refused.diagnostics):
                return False
            raise
        return True


def replace_observed(each: Inverse) -> Inverse:
    """The inverse that observes nothing: the prior."""
    return Inverse(each.program, each.channel, (), each.given, each.inferred, each.params, each.budget)


def inverse(
    program: Program, channel: Diagram, observed: tuple[str, ...], inferred: tuple[str, ...],
    params: Mapping[str, Any] | None = None, budget: int | None = None,
) -> Inverse:  # fmt: skip
    """The exact inverse of a channel, whose inputs are given. observed, inferred: wires of its top level."""
    from opengames.diagram import wires
    from opengames.exact.asking import STATES

    spaces = wires(channel)
    ports = [tuple(Port(n, spaces[n]) for n in names) for names in (observed, inferred)]
    values = program.param_values() if params is None else params
    return Inverse(program, channel, ports[0], channel.inputs, ports[1], values, budget or STATES)


def at_prior(program: Program, prior: Diagram, channel: Diagram, params: Mapping[str, Any] | None = None) -> Inverse:
    """The inverse of `channel` at a prior on its inputs, a channel from nothing: from its outputs to its inputs."""
    ins = tuple(p.name for p in channel.inputs)
    outs = tuple(f"{p.name} out" for p in channel.outputs)
    both = Diagram(
        f"{prior.name} >> {channel.name}", (),
        (*channel.inputs, *(Port(n, p.space) for n, p in zip(outs, channel.outputs, strict=True))),
        (Call("prior", prior, (), ins), Call("channel", channel, ins, outs)),
    )  # fmt: skip
    found = inverse(program, both, outs, ins, params)
    return replace_names(found, {n: p.name for n, p in zip(outs, channel.outputs, strict=True)})


def replace_names(each: Inverse, names: Mapping[str, str]) -> Inverse:
    """The inverse with its observed wires called otherwise, where no other wire has the name."""
    from opengames.flatten import rename_wires

    taken = {p.name for p in (*each.inferred, *each.given)}
    free = {old: new for old, new in names.items() if new not in taken}
    channel = rename_wires(each.channel, free)
    observed = tuple(replace(p, name=free.get(p.name, p.name)) for p in each.observed)
    return Inverse(each.program, channel, observed, each.given, each.inferred, each.params, each.budget)


def of(program: Program, declared: Recognition) -> Inverse:
    """The inverse that a recognition `by exact` declares."""
    channel = generative(program, declared)
    assert declared.method is not None
    nodes = dict(declared.method.options).get("nodes")
    found = inverse(program, channel, declared.observed, tuple(p.name for p in declared.outputs), budget=None if nodes is None else int(nodes))
    for port in (*found.observed, *found.inferred):
        if any(size(s) is None for s in _scalars(port.space)):
            raise refuse(
                "needs-sampling", f"`{port.name}` has infinitely many values, and an exact inverse is a table of chances", span=declared.at,
                help="recognise `by kalman`, `by enkf` or `by particle`",
            )  # fmt: skip
    return found


def posterior_of(program: Program, declared: Recognition) -> Callable[..., Any]:
    """The recognition as the filters are called: by seed, run numbers, inputs and evidence.

    A state space is gone through forwards and backwards; any other channel is asked as a whole.
    """
    from opengames.solvers.recognition.hidden import Hidden
    from opengames.solvers.recognition.recognise import Found

    made = of(program, declared)
    try:
        hidden: Hidden | None = Hidden(program, state_space(program, declared), made.budget)
    except Refusal:
        hidden = None
    if hidden is not None and not hidden.space.loop.iters:
        hidden = None
    known: dict[Any, tuple[dict[str, Chances], np.ndarray | None]] = {}

    def one(at: dict[str, Any]) -> tuple[dict[str, Chances], np.ndarray | None]:
        if hidden is None:
            return made.chances(at), None
        return hidden.posterior({p.name: at[p.name] for p in made.given}, {p.name: at[p.name] for p in made.observed})

    def run(
        seed: int, runs: np.ndarray, inputs: dict[str, list[np.ndarray]], evidence: dict[str, list[np.ndarray]],
        there: dict[str, list[np.ndarray]] | None = None,
    ) -> Found:  # fmt: skip
        every: list[tuple[dict[str, Chances], np.ndarray | None]] = []
        for k in range(len(runs)):
            at = {p.name: theory_value([a[k] for a in inputs[p.name]], p.space) for p in made.given}
            for p in made.observed:
                here = None if there is None else [a[k] for a in there[p.name]]
                at[p.name] = theory_value([a[k] for a in evidence[p.name]], p.space, here)
            key = tuple(at.values())
            if key not in known:
                known[key] = one(at)
            every.append(known[key])
        beliefs: dict[str, Belief] = {
            n: Chances(b.space, b.values, np.stack([e[n].shares for e, _ in every], 1), b.sizes) for n, b in every[0][0].items()
        }
        logs = [log for _, log in every if log is not None]
        return Found(beliefs, log_evidence=np.stack(logs) if logs else None)

    return run


# ------------------------------------------------------------------- values


def positions(space: Space, values: tuple[Any, ...]) -> np.ndarray:
    """Values as numbers; labels by their positions."""
    if isinstance(space, Enum):
        return np.arange(len(values))
    return np.array([v if isinstance(v, bool) else float(v) for v in values])


def theory_value(arrays: list[Any], space: Space, there: list[Any] | None = None) -> Any:
    """The value of the theory that arrays hold, one for each scalar of the space; `None` for scalars that are not there."""
    values = [np.asarray(a) for a in arrays]
    here = [np.ones(a.shape, bool) for a in values] if there is None else there
    return _theory(list(zip(values, here, strict=True)), space)


def _theory(left: list[tuple[Any, Any]], space: Space) -> Any:
    match space:
        case Record(fields=fields):
            return tuple(_theory(left, s) for _, s in fields)
        case Family(index=index, item=item):
            count = len(_scalars(item))
            mine, left[:] = left[:count], left[count:]
            shape = mine[0][0].shape[: len(index)]
            return tuple(_theory([(a[i], h[i]) for a, h in mine], item) for i in np.ndindex(shape))
    x, here = left.pop(0)
    if not here:
        return None
    match space:
        case Enum(labels=labels):
            return labels[int(x)]
        case Grid(points=grid):
            return min(grid, key=lambda p: abs(float(p) - float(x)))
    return bool(x) if x.dtype == bool else Fraction(float(x))


def _scalars(space: Space) -> list[Space]:
    match space:
        case Record(fields=fields):
            return [s for _, each in fields for s in _scalars(each)]
        case Family(item=item):
            return _scalars(item)
    return [space]


def _entries(term: Term, space: Space) -> Iterator[tuple[str, Space, list[Term], tuple[int, ...]]]:
    """The scalars of a wire: the field's path, its space, the entries in storage order, and the sizes of the families."""
    match space:
        case Record(fields=fields):
            for i, (name, each) in enumerate(fields):
                for path, scalar, entries, sizes in _entries(Get(term, i), each):
                    yield f".{name}{path}", scalar, entries, sizes
        case Family(index=index, item=item):
            cells = [At(term, tuple(Const(k) for k in key), index) for key in index_points(index)]
            outer = tuple(size(s) or 0 for s in index)
            each_cell = [list(_entries(c, item)) for c in cells]
            for parts in zip(*each_cell, strict=True):
                yield parts[0][0], parts[0][1], [e for p in parts for e in p[2]], outer + parts[0][3]
        case _:
            yield "", space, [term], ()


def _flat(value: Any, space: Space) -> Iterator[Any]:
    """The scalars of a value in the order of `_entries`."""
    match space:
        case Record(fields=fields):
            for v, (_, s) in zip(value, fields, strict=True):
                yield from _flat(v, s)
        case Family(item=item):
            columns = [list(_flat(v, item)) for v in value]
            for column in zip(*columns, strict=True):
                yield from column
        case _:
            yield value


def _named(term: Term) -> str:
    match term:
        case At(family=family, keys=keys):
            inside = ", ".join(show(k.value) for k in keys if isinstance(k, Const))
            return f"{_named(family)}[{inside}]"
        case Get(record=record, position=i):
            return f"{_named(record)}.{i}"
        case Var(name=name):
            return name
    return "?"
