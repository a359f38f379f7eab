"""How often a recognition's intervals hold the truth, on plays of its own channel.

A play is drawn from the channel, the recognition sees its evidence, and every scalar that it infers is looked for in the
central interval of the level (of labels and truth values: in the smallest set that has the level's chance). Inputs
of the channel, which nobody draws, are drawn evenly over their types. A recognition that is the channel's inverse covers the level's
share; with finitely many values, more, since a set cannot be cut.

The entries of one play depend on each other, so runs are what is counted: the interval is that of the mean of shares
by run. A recognition that is written out claims to be the inverse of whatever channel it is tried on.

Source: Cook, Gelman, Rubin, Validation of software for Bayesian models using posterior quantiles (2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from typing import Any

import numpy as np

from opengames.diagnostics import refuse
from opengames.diagram import Box, Call, Compute, Diagram, Draw, Loop, Port, wires
from opengames.program import Program, Recognition
from opengames.show import show_space
from opengames.solvers.recognition import dense
from opengames.solvers.recognition.diagnosis import diverged
from opengames.solvers.recognition.recognise import prepared
from opengames.solvers.recognition.shape import generative
from opengames.spaces import Family, Grid, Reals, Record, Space
from opengames.terms import Pack, Uniform, Var

_Z = 1.959964


@dataclass(frozen=True)
class Coverage:
    """share: of the entries that their interval holds. lower, upper: its own 95 % interval, runs being what is independent.

    by_wire: the share of each wire. lost: runs whose evidence the recognition held to be impossible; they cover
    nothing. diverged: runs in which the alarm went off (see `diagnosis`). said: how the recognition was made.
    """

    level: float
    share: float
    lower: float
    upper: float
    runs: int
    entries: int
    by_wire: dict[str, float]
    lost: int
    diverged: int
    said: str

    def sentences(self) -> list[str]:
        entries = f"{self.entries:,} entries each" if self.entries > 1 else "one entry each"
        found = [f"{self.said}: the {self.level:.4g} intervals hold {self.share:.4g} of what is inferred in {self.runs:,} runs of {entries}"]
        if len(self.by_wire) > 1:
            found.append(", ".join(f"`{n}` {x:.4g}" for n, x in self.by_wire.items()))
        if self.lost:
            found.append(f"in {self.lost:,} runs no particle explains the evidence; they count as missed")
        if self.diverged:
            found.append(f"the alarm for a diverged filter went off in {self.diverged:,} of {self.runs:,} runs")
        return found


def coverage(
    program: Program, declared: Recognition, level: float, runs: int, seed: int = 0, played: Diagram | None = None
) -> Coverage:  # fmt: skip
    """Try a recognition on `runs` plays. played: the channel that one that is written out is tried on.

    Raises `Refusal` where it cannot be run, or does not fit the channel, and `needs-inputs` for an input without bounds.
    """
    from opengames.sampled import simulate

    given, observed = declared.given, declared.observed
    if declared.diagram is None:
        channel = closed(generative(program, declared))
    else:
        whole = tried_on(program, declared) if played is None else played
        if (wrong := mismatch(declared, whole)) is not None:
            raise refuse("unsuited-filter", f"`{declared.name}` is no inverse of `{whole.name}`: {wrong}", span=declared.at, notes=("wires are matched by name",))
        channel = closed(whole)
        given = tuple(p.name for p in declared.inputs)
        observed = ()
    ready = prepared(program, declared)
    spaces = wires(channel)
    inferred = {p.name: spaces[p.name] for p in declared.outputs}
    keep = tuple(dict.fromkeys((*given, *observed, *inferred)))
    plays = simulate(program, channel, runs=runs, seed=seed, keep=keep)

    def columns(name: str) -> list[np.ndarray]:
        return [plays.columns[name + leaf.path].data for leaf in dense.leaves_of(spaces[name])]

    found = ready.run(
        seed, np.arange(runs), {n: columns(n) for n in given}, {n: columns(n) for n in observed}
    )
    lost = np.zeros(runs, bool) if found.impossible is None else found.impossible >= 0
    hits: dict[str, np.ndarray] = {}
    for name, belief in found.beliefs.items():
        held = belief.covers(level, plays.columns[name].data) & ~lost.reshape(-1, *([1] * belief.sizes))
        hits[name] = held.reshape(runs, -1)
    every = np.concatenate(list(hits.values()), 1)
    share, lower, upper = clustered(every)
    alarms = diverged(found)
    return Coverage(
        level, share, lower, upper, runs, every.shape[1], {n: float(h.mean()) for n, h in hits.items()},
        int(lost.sum()), int(alarms.sum()), ready.said,
    )  # fmt: skip


def tried_on(program: Program, declared: Recognition) -> Diagram:
    """The only channel of the program that has the wires of a recognition. Raises `Refusal` (`unsuited-filter`) if it is not the only one."""
    fitting = [
        d for n, d in program.diagrams.items() if program.kinds.get(n) == "channel" and mismatch(declared, d) is None and d is not declared.diagram
    ]
    if len(fitting) == 1:
        return fitting[0]
    names = [f"`{d.name}`" for d in fitting]
    raise refuse(
        "unsuited-filter",
        f"`{declared.name}` is written out, and " + (f"may be the inverse of {', '.join(names[:-1])} or {names[-1]}" if names else "no channel has all of its wires"),
        span=declared.at, help="say of which channel in the question: `... of CHANNEL by simulate`",
    )  # fmt: skip


def mismatch(declared: Recognition, channel: Diagram) -> str | None:
    """Why a recognition cannot be an inverse of a channel, by their wires; `None` if it can."""
    spaces = wires(channel)
    inputs = {p.name for p in channel.inputs}
    for port in (*declared.inputs, *declared.outputs):
        if port.name not in spaces:
            return f"that has no wire `{port.name}`"
        if not _alike(port.space, spaces[port.name]):
            return f"`{port.name}` is {show_space(spaces[port.name])} there, and {show_space(port.space)} here"
    for port in declared.outputs:
        if port.name in inputs:
            return f"that takes in `{port.name}`"
    return None if any(p.name not in inputs for p in declared.inputs) else "nothing that it takes in is put out there"


def _alike(a: Space, b: Space) -> bool:
    """Whether what is of one space can stand for what is of the other, as far as arrays tell."""
    ours, theirs = dense.leaves_of(a), dense.leaves_of(b)
    return len(ours) == len(theirs) and all(
        x.path == y.path and x.index == y.index and (x.space == y.space or (_is_number(x.space) and _is_number(y.space)))
        for x, y in zip(ours, theirs, strict=True)
    )


def _is_number(space: Space) -> bool:
    return isinstance(space, Grid | Reals)


def clustered(hits: np.ndarray) -> tuple[float, float, float]:
    """The share of hits and its interval, rows being independent and what stands in one not: Wilson's where all rows agree."""
    runs = len(hits)
    by_run = hits.mean(1)
    share = float(by_run.mean())
    spread = float(by_run.std(ddof=1)) if runs > 1 else 0.0
    if spread == 0.0 or hits.shape[1] == 1:
        centre = (share + _Z**2 / (2 * runs)) / (1 + _Z**2 / runs)
        half = _Z * np.sqrt(share * (1 - share) / runs + _Z**2 / (4 * runs**2)) / (1 + _Z**2 / runs)
        return share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))
    half = _Z * spread / np.sqrt(runs)
    return share, max(0.0, share - half), min(1.0, share + half)


def closed(channel: Diagram) -> Diagram:
    """The channel with its inputs drawn evenly over their types, and put out. Raises `Refusal` (`needs-inputs`) for one without bounds."""
    boxes: list[Box] = []
    for port in channel.inputs:
        boxes += _drawn(port.name, port.space, port, channel, count())
    inner = wires(channel)
    names = [n for n in inner if n not in {p.name for p in channel.inputs}]
    opened = Diagram(
        channel.name, channel.inputs, tuple(Port(n, inner[n]) for n in names), channel.boxes, at=channel.at
    )  # every wire of its own level, inferred or not
    call = Call(channel.name, opened, tuple(p.name for p in channel.inputs), tuple(names))
    outs = (*channel.inputs, *(Port(n, inner[n]) for n in names))
    return Diagram(f"{channel.name} with inputs drawn", (), outs, (*boxes, call))


def _drawn(name: str, space: Space, port: Port, channel: Diagram, fresh: Any) -> list[Box]:
    match space:
        case Record(fields=fields):
            parts = [box for n, s in fields for box in _drawn(f"{name}.{n}", s, port, channel, fresh)]
            return [*parts, Compute(Port(name, space), Pack(tuple(Var(f"{name}.{n}") for n, _ in fields)))]
        case Family(index=index, item=item):
            iters = tuple((f"{name} index {next(fresh)}", s) for s in index)
            entry = f"{name} entry"
            body = Diagram(
                entry, tuple(Port(n, s) for n, s in iters), (Port(entry, item),), tuple(_drawn(entry, item, port, channel, fresh))
            )
            return [Loop(f"for {name}", iters, body, (), outs=((name, entry),))]
        case Reals(lower=lower, upper=upper, whole=whole):
            if lower is None or upper is None:
                raise refuse(
                    "needs-inputs", f"`{port.name}` of `{channel.name}` has no bounds, so `coverage` cannot draw it evenly",
                    span=port.at, label=show_space(port.space), help="give its type bounds, or draw it inside the channel",
                )  # fmt: skip
            if whole:
                first = -(-lower.numerator // lower.denominator)
                last = upper.numerator // upper.denominator
                return [Draw(Port(name, space), Uniform(Grid(tuple(Fraction(i) for i in range(first, last + 1)))))]
    return [Draw(Port(name, space), Uniform(space))]
