"""What a simulation gave: named arrays in the author's units, a summary, and files."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opengames.diagnostics import refuse
from opengames.show import digits, show
from opengames.spaces import Bool, Enum, Grid, Reals, Space, index_points, points

if TYPE_CHECKING:
    import numpy as np

    from opengames.sampled.encode import Column
    from opengames.sampled.runs import Runs


#: Keys of a family that are listed one by one.
LISTED = 60


@dataclass(frozen=True)
class Row:
    """One wire's summary. unit: of the numbers. text: for labels and bools, their shares."""

    wire: str
    shape: tuple[int, ...]
    unit: str
    mean: float | None = None
    deviation: float | None = None
    lowest: float | None = None
    highest: float | None = None
    text: str = ""


@dataclass(frozen=True)
class RunResult:
    """Runs of a game. `result["wire"]` is an array with one row per run, in the unit the wire was declared with.

    certificate: what its clearings did, in sentences.
    """

    game: str
    under: str | None
    found: Runs
    certificate: tuple[str, ...] = ()

    @property
    def runs(self) -> int:
        return self.found.runs

    @property
    def seed(self) -> int:
        return self.found.seed

    def __iter__(self) -> Iterator[str]:
        return iter(self.found.columns)

    def __contains__(self, wire: object) -> bool:
        return wire in self.found.columns

    def __getitem__(self, wire: str) -> np.ndarray:
        column = self._column(wire)
        return scaled(column.data, column.space)

    def _column(self, wire: str) -> Column:
        if wire not in self.found.columns:
            from opengames.arguments import name
            from opengames.session import unknown

            raise unknown("unknown-wire", "wire", name(wire, "wire"), self.found.columns, " in these runs")
        return self.found.columns[wire]

    def unit(self, wire: str) -> str:
        """The unit of a wire's numbers; empty for bare numbers, labels and bools."""
        return unit_of(self._column(wire).space)

    def summary(self) -> tuple[Row, ...]:
        """Mean, standard deviation and range of every wire; for labels and bools, how often each."""
        return tuple(self._row(wire) for wire in self)

    def _row(self, wire: str) -> Row:
        import numpy as np

        values = self[wire]
        column = self.found.columns[wire]
        taken = column.taken
        flat = values.reshape(-1) if taken is None else values[np.broadcast_to(taken, values.shape)]
        shape = values.shape[1:]
        if not len(flat):
            return Row(wire, shape, "", text="never reached")
        item = column.space
        if isinstance(item, Enum | Bool) or flat.dtype.kind in "bUSO":
            counts = Counter(_word(v) for v in flat.tolist())
            said = ", ".join(f"{word} {share(n, len(flat))}" for word, n in counts.most_common(6))
            return Row(wire, shape, "", text=said)
        deviation = float(flat.std(ddof=1)) if len(flat) > 1 else 0.0
        return Row(
            wire, shape, unit_of(item), float(flat.mean()), deviation, float(flat.min()), float(flat.max())
        )

    def _keys(self, wire: str) -> str:
        """The keys of a family, all of which the summary puts together: `[1..3]`, `[North..South, true..false]`."""
        spaces = [space for _, space in self.found.columns[wire].index]
        return f"[{', '.join(map(keys, spaces))}]" if spaces else ""

    def lines(self) -> list[str]:
        """The summary as aligned text: numbers in a table, then labels and truth values with their shares; of a single run, its values."""
        if self.runs == 1:
            return self._values()
        rows = [("", "mean", "deviation", "lowest", "highest", "")]
        words: list[tuple[str, str]] = []
        for r in self.summary():
            name = r.wire + self._keys(r.wire)
            if r.mean is None:
                words.append((name, r.text))
            else:
                numbers = (r.mean, r.deviation, r.lowest, r.highest)
                mean, deviation, lowest, highest = (digits(float(f"{x or 0.0:.6g}")) for x in numbers)
                rows.append((name, mean, deviation, lowest, highest, r.unit))
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        widths[0] = max([widths[0], *(len(name) for name, _ in words)])
        table = [
            (f"{row[0]:<{widths[0]}}  " + "  ".join(f"{row[i]:>{widths[i]}}" for i in range(1, 5)) + f"  {row[5]}").rstrip()
            for row in rows
        ]
        return (table if len(rows) > 1 else []) + [f"{name:<{widths[0]}}  {text}" for name, text in words]

    def _values(self) -> list[str]:
        """What happened in the only run, families key by key: `lmp[A]   16.98 $/MWh`."""
        rows: list[tuple[str, str, str]] = []
        for wire, column in self.found.columns.items():
            spaces = tuple(space for _, space in column.index)
            values, unit = self[wire][0], self.unit(wire)
            points_of = list(islice(index_points(spaces), LISTED + 1))
            for key, place in zip(points_of[:LISTED], _places(values.shape), strict=False):
                here = ", ".join(show(k, s) for k, s in zip(key, spaces, strict=True))
                happened = column.taken is None or bool(column.taken[0][place])
                said = _number(values[place]) if happened else "not reached"
                rows.append((f"{wire}[{here}]" if here else wire, said, unit if happened else ""))
            if len(points_of) > LISTED:
                rows.append((f"{wire}{self._keys(wire)}", f"and {values.size - LISTED:,} more", ""))
        widths = [max((len(row[i]) for row in rows), default=0) for i in range(2)]
        return [f"{name:<{widths[0]}}  {said:>{widths[1]}}  {unit}".rstrip() for name, said, unit in rows]

    def __repr__(self) -> str:
        under = f" under {self.under}" if self.under else ""
        return "\n".join([f"{self.game}{under}: {self.runs:,} run{'s' * (self.runs != 1)}, seed {self.seed}", *(f"  {x}" for x in (*self.lines(), *self.certificate))])

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"

    def to_dict(self) -> dict[str, Any]:
        return {
            "game": self.game, "under": self.under, "runs": self.runs, "seed": self.seed,
            "wires": [
                {"wire": r.wire, "shape": list(r.shape), "unit": r.unit, "mean": r.mean, "deviation": r.deviation,
                 "lowest": r.lowest, "highest": r.highest, "shares": r.text}
                for r in self.summary()
            ],
            "certificate": list(self.certificate),
        }  # fmt: skip

    def arrays(self) -> dict[str, np.ndarray]:
        """Every wire's array by name."""
        return {wire: self[wire] for wire in self}

    def save(self, path: str | Path) -> Path:
        """Write the arrays to a `.npz` or `.parquet` file. In Parquet, a row is a run and a family is a list."""
        target = Path(path)
        if target.suffix == ".npz":
            import numpy as np

            np.savez_compressed(target, **self.arrays())  # type: ignore[arg-type]  # its stub knows no names
            return target
        if target.suffix == ".parquet":
            return self._parquet(target)
        raise refuse(
            "bad-option", f"`{target.name}` is neither `.npz` nor `.parquet`", help=f"write `--out {target.stem}.parquet`"
        )

    def _parquet(self, target: Path) -> Path:
        import pyarrow
        from pyarrow import parquet

        columns = {
            wire: pyarrow.array(values.reshape(len(values), -1).tolist() if values.ndim > 1 else values.tolist())
            for wire, values in self.arrays().items()
        }
        units = {wire: self.unit(wire) for wire in self}
        table = pyarrow.table({"run": pyarrow.array(range(self.found.first, self.found.first + self.runs)), **columns})
        notes = {"game": self.game, "under": self.under or "", "seed": str(self.seed), "units": repr(units)}
        parquet.write_table(table.replace_schema_metadata(notes), target)
        return target


def scaled(data: np.ndarray, space: Any) -> np.ndarray:
    """Numbers in base units as numbers in the declared unit; positions in an enumeration as its labels."""
    if isinstance(space, Enum):
        import numpy as np

        return np.array(space.labels)[data]
    how = space.shown if isinstance(space, Grid | Reals) else None
    return data if how is None or how.scale == 1 else data / float(how.scale)


def unit_of(space: Any) -> str:
    how = space.shown if isinstance(space, Grid | Reals) else None
    return how.unit if how else ""


def keys(space: Space) -> str:
    """The values of an index, abbreviated so that they are not taken for one of them: `1..3`, `North..South`."""
    known = [show(p, space) for p in points(space)]
    return known[0] if len(known) == 1 else f"{known[0]}..{known[-1]}"


def share(n: int, total: int) -> str:
    return f"{100 * n / total:.3g} %"


def _places(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The places of an array, row by row."""
    return product(*(range(n) for n in shape))


def _number(value: Any) -> str:
    return _word(value.item()) if value.dtype.kind in "bUSO" else digits(float(f"{float(value) + 0.0:.8g}"))


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
