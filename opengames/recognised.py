"""A recognition run on evidence: what is believed of the wires it infers, in the units of the text.

    found = m.recognise("track", wish=wishes, reading="meter.csv:soc")
    found.mean("soc"), found.interval("soc", 0.9), found.missing, found.diverged

Evidence that is missing (`None`, not a number, an empty cell, a key without a row) was not observed, and is done without.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from opengames import arguments
from opengames.diagnostics import refuse
from opengames.dsl.units import BUILTIN, Unit
from opengames.params import fit_to, require
from opengames.params_used import params_in
from opengames.program import ParamDecl, Program, Recognition
from opengames.run_results import scaled, unit_of
from opengames.show import digits, show, show_space
from opengames.spaces import Bool, Enum, Family, Record, Space, index_points

if TYPE_CHECKING:
    import numpy as np

    from opengames.diagram import Port
    from opengames.game_handle import Drawing
    from opengames.session import Model
    from opengames.solvers.recognition.beliefs import Belief
    from opengames.solvers.recognition.recognise import Found

#: Entries of a family that are printed, and the level of the intervals unless one is given.
LISTED, LEVEL = 12, 0.9


@dataclass(frozen=True)
class Recognised:
    """What a recognition believes. Arrays have the axes of the wire's families; members stand on an axis before them.

    name: of the recognition. method: how it was run, such as "enkf, 64 members, filtered". missing: the entries that were not
    observed, by wire, as the text writes their keys (and behind a dot the field of a record). entries: how many there are of
    each such wire. seconds: taken.
    """

    name: str
    method: str
    found: Found
    index: Mapping[str, tuple[Space, ...]]
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    entries: Mapping[str, int] = field(default_factory=dict)
    seconds: float = field(default=0.0, compare=False)

    @property
    def wires(self) -> tuple[str, ...]:
        """The scalar wires that are inferred; fields of records behind a dot."""
        return tuple(self.found.beliefs)

    def belief(self, wire: str) -> Belief:
        """What is believed of a wire, in base units, with a first axis of length 1."""
        if wire not in self.found.beliefs:
            from opengames.session import unknown

            raise unknown("unknown-wire", "wire", arguments.name(wire, "wire"), self.found.beliefs, f" inferred by `{self.name}`")
        return self.found.beliefs[wire]

    def unit(self, wire: str) -> str:
        """The unit of a wire's numbers; empty for bare numbers, labels and truth values."""
        return unit_of(self.belief(wire).space)

    def mean(self, wire: str) -> np.ndarray:
        """The mean of every entry; for truth values the chance of `true`. Labels have none: ask for `chances`."""
        return self._number(wire, self._numeric(wire, "mean").mean()[0])

    def deviation(self, wire: str) -> np.ndarray:
        """The standard deviation of every entry."""
        return self._number(wire, self._numeric(wire, "deviation").deviation()[0])

    def interval(self, wire: str, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
        """The central interval of a level: its lower and upper ends."""
        if not 0 < level < 1:
            raise arguments.misused("level", level, "a number between 0 and 1, such as 0.9")
        lower, upper = self._numeric(wire, "interval").interval(level)
        return self._number(wire, lower[0]), self._number(wire, upper[0])

    def chances(self, wire: str) -> dict[Any, np.ndarray]:
        """The chance of every value, where members or a table say so: by label, truth value or number."""
        from opengames.solvers.recognition.beliefs import Normals

        belief = self.belief(wire)
        if isinstance(belief, Normals):
            raise refuse("bad-argument", f"`{wire}` is normally distributed: single values have no chance", help="ask for its `interval`")
        values, shares = belief.chances()
        named = [_label(belief.space, v) for v in values]
        return {v: shares[k][0] for k, v in enumerate(named)}

    def members(self, wire: str) -> np.ndarray:
        """The members or particles, `[members, *index]`; of filters by members only."""
        from opengames.solvers.recognition.beliefs import Members

        belief = self.belief(wire)
        if not isinstance(belief, Members):
            raise refuse("bad-argument", f"`{self.name}` keeps no members", help="ask for `mean`, `interval` or `chances`")
        return scaled(belief.members[0], belief.space)

    def weights(self, wire: str) -> np.ndarray | None:
        """The members' weights, of the shape of `members`; `None` where all count the same."""
        from opengames.solvers.recognition.beliefs import Members

        belief = self.belief(wire)
        return belief.weights[0] if isinstance(belief, Members) and belief.weights is not None else None

    @property
    def log_evidence(self) -> float | None:
        """The logarithm of the chance (or density, in base units) of the evidence; estimated by filters of members."""
        return None if self.found.log_evidence is None else float(self.found.log_evidence.sum())

    @property
    def effective(self) -> np.ndarray | None:
        """The effective sample size of a particle filter, by round."""
        return None if self.found.size is None else self.found.size[0]

    @property
    def surprise(self) -> np.ndarray | None:
        """How far the evidence of each round was from what was predicted; how many numbers it has, on average, for a filter that is right."""
        return None if self.found.surprise is None else self.found.surprise[0]

    @property
    def diverged(self) -> bool:
        """Whether the filter has lost the state, as far as its evidence tells."""
        from opengames.solvers.recognition.diagnosis import diverged

        return bool(diverged(self.found)[0])

    def _numeric(self, wire: str, what: str) -> Belief:
        belief = self.belief(wire)
        if isinstance(belief.space, Enum) or (isinstance(belief.space, Bool) and what == "interval"):
            raise refuse("bad-argument", f"`{wire}` is no number and has no {what}", help="ask for its `chances`")
        return belief

    def _number(self, wire: str, x: np.ndarray) -> np.ndarray:
        space = self.belief(wire).space
        return x if isinstance(space, Bool) else scaled(x, space)

    # --------------------------------------------------------------------------------- printing

    def lines(self, level: float = LEVEL) -> list[str]:
        """What is believed, entry by entry: mean and interval of numbers, chances of labels."""
        rows: list[tuple[str, str]] = []
        for wire in self.wires:
            spaces = self.index[wire]
            keys = list(index_points(spaces))
            said = self._entries(wire, level)
            for key, text in list(zip(keys, said, strict=True))[:LISTED]:
                here = ", ".join(show(k, s) for k, s in zip(key, spaces, strict=True))
                rows.append((f"{wire}[{here}]" if here else wire, text))
            if len(keys) > LISTED:
                rows.append((wire, f"and {len(keys) - LISTED:,} more"))
        width = max((len(name) for name, _ in rows), default=0)
        return [f"{name:<{width}}  {text}" for name, text in rows]

    def _entries(self, wire: str, level: float) -> list[str]:
        space = self.belief(wire).space
        if isinstance(space, Enum | Bool):
            chances = {v: x.reshape(-1) for v, x in self.chances(wire).items()}
            count = len(next(iter(chances.values())))
            return [", ".join(f"{_word(v)} {x[i]:.3g}" for v, x in chances.items() if x[i] > 0) for i in range(count)]
        mean = self.mean(wire).reshape(-1)
        lower, upper = (x.reshape(-1) for x in self.interval(wire, level))
        unit = f" {self.unit(wire)}" if self.unit(wire) else ""
        return [
            f"{digits(float(f'{m:.6g}'))}{unit}, between {digits(float(f'{a:.6g}'))} and {digits(float(f'{b:.6g}'))}"
            for m, a, b in zip(mean, lower, upper, strict=True)
        ]

    def notes(self) -> list[str]:
        """What was not observed, in the order of the index; keys that follow each other are drawn together."""
        return [
            f"not observed: `{name}`{_at_keys(keys)} ({len(keys):,} of {self.entries[name]:,})" if self.entries[name] > 1 else f"not observed: `{name}`"
            for name, keys in self.missing.items()
        ]

    def warnings(self) -> list[str]:
        """What speaks against believing it."""
        unseen = [f"nothing was observed of `{n}`" for n, keys in self.missing.items() if len(keys) == self.entries[n] > 1]
        return [*unseen, *self._alarms()]

    def _alarms(self) -> list[str]:
        if not self.diverged:
            return []
        return [
            "the evidence is far from what the filter predicts: it may have lost the state, or the channel is wrong"
            if self.surprise is not None
            else "very few particles explain the evidence: use more"
        ]

    def __repr__(self) -> str:
        told = [*self.lines(), *self.notes(), *(f"warning: {x}" for x in self.warnings())]
        return "\n".join([f"{self.name}: {self.method}", *(f"  {x}" for x in told)])

    def to_dict(self, level: float = LEVEL) -> dict[str, Any]:
        """Plain data, in the units of the text."""
        wires = []
        for wire in self.wires:
            space = self.belief(wire).space
            entry: dict[str, Any] = {"wire": wire, "unit": self.unit(wire)}
            if isinstance(space, Enum | Bool):
                entry["chances"] = {_word(v): x.tolist() for v, x in self.chances(wire).items()}
            else:
                lower, upper = self.interval(wire, level)
                entry |= {"mean": self.mean(wire).tolist(), "deviation": self.deviation(wire).tolist()}
                entry |= {"lower": lower.tolist(), "upper": upper.tolist()}
            wires.append(entry)
        return {
            "recognition": self.name, "method": self.method, "level": level, "wires": wires, "log_evidence": self.log_evidence,
            "missing": {n: list(keys) for n, keys in self.missing.items()},
            "effective": None if self.effective is None else self.effective.tolist(),
            "surprise": None if self.surprise is None else self.surprise.tolist(), "diverged": self.diverged,
        }  # fmt: skip

    def save(self, path: str | Path, level: float = LEVEL) -> Path:
        """Write the entries of the numbers to a `.csv` file: the keys, and the mean, deviation and ends of the interval of each wire.

        Wires of other indices than the first one are left out.
        """
        import csv

        target = Path(path)
        if target.suffix != ".csv":
            raise refuse("bad-option", f"`{target.name}` does not end in `.csv`", help=f"write `--out {target.stem}.csv`")
        numbers = [w for w in self.wires if not isinstance(self.belief(w).space, Enum | Bool)]
        numbers = [w for w in numbers if self.index[w] == self.index[numbers[0]]]
        spaces = self.index[numbers[0]] if numbers else ()
        columns: dict[str, list[Any]] = {}
        for i, space in enumerate(spaces):
            name = space.name if isinstance(space, Enum) and space.name else f"index{i + 1}" if len(spaces) > 1 else "index"
            columns[name] = [show(key[i], space) for key in index_points(spaces)]
        for wire in numbers:
            lower, upper = self.interval(wire, level)
            for what, x in (("", self.mean(wire)), (" deviation", self.deviation(wire)), (" lower", lower), (" upper", upper)):
                columns[wire + what] = x.reshape(-1).tolist()
        with target.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
        return target

    def draw(self, wire: str | None = None, level: float = LEVEL) -> Drawing:
        """A picture of a wire along its (single) index: the mean, and the band of its intervals."""
        from opengames.drawn.band import band
        from opengames.game_handle import Drawing

        name = self.wires[0] if wire is None else wire
        spaces = self.index.get(name, ())
        self._numeric(name, "mean")
        if len(spaces) != 1:
            raise refuse("bad-argument", f"`{name}` has {len(spaces) or 'no'} indices: a band is drawn along one", help="draw a family of one index")
        lower, upper = self.interval(name, level)
        labels = [show(k[0], spaces[0]) for k in index_points(spaces)]
        title = f"{name}, recognised by {self.name}"
        svg = band(labels, self.mean(name).tolist(), lower.tolist(), upper.tolist(), title, self.unit(name), f"mean and {level:.4g} intervals; {self.method}")
        return Drawing(svg, title)


def _label(space: Space, value: Any) -> Any:
    if isinstance(space, Enum):
        return space.labels[int(value)]
    if isinstance(space, Bool):
        return bool(value)
    return float(scaled_one(value, space))


def scaled_one(value: Any, space: Space) -> Any:
    import numpy as np

    return scaled(np.asarray(float(value)), space)


def _at_keys(keys: tuple[str, ...]) -> str:
    """` at 7, 9 to 12`: numbers that follow each other are drawn together; keys of several indices stand in brackets."""
    groups: list[list[str]] = []
    for key in keys:
        if groups and key.isdigit() and groups[-1][-1].isdigit() and int(key) == int(groups[-1][-1]) + 1:
            groups[-1].append(key)
        else:
            groups.append([key])
    groups = [[f"[{k}]" if ", " in k else k for k in g] for g in groups]
    said = [g[0] if len(g) == 1 else f"{g[0]} to {g[-1]}" if len(g) > 2 else ", ".join(g) for g in groups]
    more = f" and {len(said) - LISTED} more" if len(said) > LISTED else ""
    return f" at {', '.join(said[:LISTED])}{more}"


def _word(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


# ------------------------------------------------------------------------------------- running


def recognise(model: Model, name: str, values: Mapping[str, Any], seed: int) -> Recognised:
    """Run a recognition of the model on evidence. values: for each of its inputs, as for params. Raises `Refusal`."""
    import numpy as np

    from opengames.solvers.recognition.dense import observed_value, plain_value
    from opengames.solvers.recognition.recognise import prepared, round_name
    from opengames.solvers.recognition.shape import state_space

    start = perf_counter()
    program = model.program
    declared = declaration(program, name)
    require(program, params_in(program, (), [declared.generative] if declared.generative else [], []))
    ready = prepared(program, declared)
    values = {n: _from_place(declared, n, v) for n, v in values.items()}
    given = fitted(declared, values, model.units)
    ports = {p.name: p for p in declared.inputs}
    arrays = {n: [a[None] for a in plain_value(given[n], p.space)] for n, p in ports.items() if n not in evident(declared)}
    seen = {n: observed_value(given[n], ports[n].space) for n in evident(declared)}
    evidence, there = ({n: [a[None] for a in pair[k]] for n, pair in seen.items()} for k in (0, 1))
    missing, entries = _unseen(ports, there)
    found = ready.run(seed, np.arange(1), arrays, evidence, there if missing else None)
    if found.impossible is not None and found.impossible[0] >= 0:
        space = state_space(program, declared)
        where = f" at {round_name(space, int(found.impossible[0]))}" if space.loop.iters else ""
        raise refuse(
            "impossible-evidence", f"no particle of `{name}` explains the evidence{where}", span=declared.at,
            notes=("under the channel it cannot happen, or is too unlikely for this many particles",),
            help="look at the data there; use more particles; or, where evidence has no noise, recognise `by kalman` or `by enkf`",
        )  # fmt: skip
    return Recognised(name, ready.said, found, indices(declared), missing, entries, perf_counter() - start)


def evident(declared: Recognition) -> tuple[str, ...]:
    """The inputs that are evidence: what the channel puts out, and all of a recognition that is written out."""
    return declared.observed if declared.diagram is None else tuple(p.name for p in declared.inputs)


def _from_place(declared: Recognition, name: str, value: Any) -> Any:
    """`"day.csv:soc"` for a family is a place in a file."""
    port = next((p for p in declared.inputs if p.name == name), None)
    if port is None or not isinstance(value, str) or not isinstance(port.space, Family):
        return value
    from opengames.session import from_place

    place = from_place(value)
    return place if Path(place.file).suffix else value


def _unseen(ports: Mapping[str, Port], there: Mapping[str, list[np.ndarray]]) -> tuple[dict[str, tuple[str, ...]], dict[str, int]]:
    """The keys that lack a value, and how many there are, by scalar of an observed wire where any does."""
    from opengames.solvers.recognition.dense import leaves_of

    missing: dict[str, tuple[str, ...]] = {}
    entries: dict[str, int] = {}
    for name, arrays in there.items():
        for leaf, here in zip(leaves_of(ports[name].space), arrays, strict=True):
            if here.all():
                continue
            keys = zip(index_points(leaf.index), here.reshape(-1), strict=True)
            missing[name + leaf.path] = tuple(
                ", ".join(show(k, s) for k, s in zip(key, leaf.index, strict=True)) for key, is_there in keys if not is_there
            )
            entries[name + leaf.path] = here.size
    return missing, entries


def declaration(program: Program, name: str) -> Recognition:
    """The recognition called `name`. Raises `Refusal` (`unknown-recognition`)."""
    if arguments.name(name, "the recognition") not in program.recognitions:
        from opengames.session import unknown

        raise unknown("unknown-recognition", "recognition", name, program.recognitions)
    return program.recognitions[name]


def fitted(declared: Recognition, values: Mapping[str, Any], units: Mapping[str, Unit] = BUILTIN) -> dict[str, Any]:
    """A value of its space for every input; of evidence, what was not observed is `None`.

    Raises `Refusal` for an input that is missing, unknown or does not fit.
    """
    ports = {p.name: p for p in declared.inputs}
    for each in values:
        if each not in ports:
            from opengames.session import unknown

            raise unknown("unknown-wire", "wire", each, ports, f" that `{declared.name}` takes in")
    missing = [n for n in ports if n not in values]
    if missing:
        raise refuse(
            "needs-inputs", f"`{declared.name}` needs a value for `{missing[0]}`: {show_space(ports[missing[0]].space)}", span=declared.at,
            help=f"supply it: `--data {missing[0]}=FILE:COLUMN`; in Python, `recognise('{declared.name}', {missing[0]}=...)`",
        )  # fmt: skip
    return {
        n: fit_to(ParamDecl(n, p.space, at=p.at, index_names=declared.index_names.get(n, ())), values[n], units, n in evident(declared))
        for n, p in ports.items()
    }


def indices(declared: Recognition) -> dict[str, tuple[Space, ...]]:
    """The index of every scalar wire that is inferred."""
    found: dict[str, tuple[Space, ...]] = {}

    def add(name: str, space: Space, index: tuple[Space, ...]) -> None:
        match space:
            case Record(fields=fields):
                for field_name, inner in fields:
                    add(f"{name}.{field_name}", inner, index)
            case Family(index=more, item=item):
                add(name, item, index + more)
            case _:
                found[name] = index

    for port in declared.outputs:
        add(port.name, port.space, ())
    return found
