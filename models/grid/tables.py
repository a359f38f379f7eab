"""Tables of networks in CSV and Parquet files: named columns, cells checked one by one, mistakes told by file, row and column."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from opengames.diagnostics import Refusal, refuse
from opengames.models.data_stamps import times

#: What stands in cells that have nothing to say.
GAPS = frozenset(("", "na", "nan", "null", "none", "n/a"))

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Sheet:
    """A table of texts. columns: name to cells; rows count from 1, and the first is line 2 of a CSV file."""

    file: str
    columns: dict[str, list[str]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def texts(self, column: str) -> list[str]:
        """Cells of a column. Raises `Refusal` (`data-missing-column`)."""
        if column not in self.columns:
            raise self.missing(column)
        return self.columns[column]

    def numbers(self, column: str, gap: float | None = None) -> np.ndarray:
        """Cells of a column as numbers, `gap` for empty ones. Raises `Refusal` (`data-missing-column`, `data-bad-cell`, `data-gap`)."""
        out = np.zeros(len(self))
        for i, cell in enumerate(self.texts(column)):
            if cell.strip().lower() in GAPS:
                if gap is None:
                    raise refuse("data-gap", f"column `{column}` has an empty cell", notes=(self.where(i, column), "expected a number"))
                out[i] = gap
                continue
            try:
                out[i] = float(cell)
            except ValueError:
                raise refuse(
                    "data-bad-cell", f"`{cell}` in column `{column}` is not a number", notes=(self.where(i, column), "expected a number, bare")
                ) from None
        return out

    def places(self, column: str, names: Sequence[str], what: str) -> np.ndarray:
        """Positions among `names` of what the cells say. Raises `Refusal` (`data-missing-column`, `data-unknown-label`)."""
        known = {n: k for k, n in enumerate(names)}
        out = np.zeros(len(self), int)
        for i, cell in enumerate(self.texts(column)):
            if cell.strip() not in known:
                raise self.unknown(i, column, cell.strip(), names, what)
            out[i] = known[cell.strip()]
        return out

    def unique(self, column: str) -> tuple[str, ...]:
        """Cells of a column that names its rows. Raises `Refusal` (`data-missing-column`, `data-repeated-label`)."""
        seen: dict[str, int] = {}
        for i, cell in enumerate(self.texts(column)):
            if cell.strip() in seen:
                raise refuse(
                    "data-repeated-label", f"`{cell.strip()}` is there twice in column `{column}`",
                    notes=(self.where(i, column), f"first in row {seen[cell.strip()] + 1}"),
                )  # fmt: skip
            seen[cell.strip()] = i
        return tuple(seen)

    def where(self, i: int, column: str) -> str:
        return f"in {self.file}, row {i + 1} (line {i + 2}), column `{column}`"

    def unknown(self, i: int, column: str, found: str, names: Sequence[str], what: str) -> Refusal:
        near = get_close_matches(found, names, 1)
        return refuse(
            "data-unknown-label", f"column `{column}` names the {what} `{found}`, and there is no such {what}",
            notes=(self.where(i, column),), help=f"did you mean `{near[0]}`?" if near else "",
        )  # fmt: skip

    def missing(self, column: str) -> Refusal:
        near = get_close_matches(column, self.columns, 1)
        return refuse(
            "data-missing-column", f"`{self.file}` has no column `{column}`",
            notes=(f"its columns are {', '.join(f'`{c}`' for c in list(self.columns)[:12])}",),
            help=f"did you mean `{near[0]}`?" if near else "",
        )  # fmt: skip


def read_sheet(path: str | Path) -> Sheet:
    """A CSV or Parquet file as texts. Raises `Refusal` (`data-no-such-file`, `data-unreadable`, `repeated-column`)."""
    path = Path(path)
    if path.suffix.lower() in (".parquet", ".pq"):
        return Sheet(str(path), {name: ["" if c is None else str(c) for c in cells] for name, cells in _parquet(path).items()})
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except OSError as fault:
        raise _unread(path, fault) from fault
    except (UnicodeDecodeError, csv.Error) as fault:
        raise refuse("data-unreadable", f"`{path}` cannot be read as CSV: {fault}") from fault
    if not rows:
        raise refuse("data-unreadable", f"`{path}` is empty", notes=("expected a line of column names, then rows",))
    head = [name.strip() for name in rows[0]]
    twice = next((name for k, name in enumerate(head) if name in head[:k]), None)
    if twice is not None:
        raise refuse("data-unreadable", f"`{path}` has two columns `{twice}`")
    for i, row in enumerate(rows[1:]):
        if len(row) != len(head):
            raise refuse(
                "data-unreadable", f"a row of `{path}` has {len(row)} cells, and there are {len(head)} columns",
                notes=(f"in row {i + 1} (line {i + 2})",),
            )  # fmt: skip
    return Sheet(str(path), {name: [row[k] for row in rows[1:]] for k, name in enumerate(head)})


def read_series(path: str | Path) -> dict[str, np.ndarray]:
    """Columns of numbers of a CSV or Parquet file, one row for each hour; columns of other kinds are left out, but where one of them says
    when a row is, the rows must be the hours one after another.

    Raises `Refusal` (`data-no-such-file`, `data-unreadable`, `data-gap`, `data-bad-cell`).
    """
    path = Path(path)
    if path.suffix.lower() in (".parquet", ".pq"):
        found = {}
        for name, cells in _parquet(path).items():
            _hourly(path, name, cells)
            if any(isinstance(c, (int, float)) for c in cells):
                column = np.array([np.nan if c is None else c for c in cells], float)
                found[name] = column
    else:
        sheet = read_sheet(path)
        found = {}
        for name, texts in sheet.columns.items():
            _hourly(path, name, texts)
            if any(_is_number(c) for c in texts):
                found[name] = sheet.numbers(name, np.nan)
    for name, column in found.items():
        gaps = np.flatnonzero(~np.isfinite(column))
        if len(gaps):
            raise refuse(
                "data-gap", f"column `{name}` of `{path}` has {'a gap' if len(gaps) == 1 else f'{len(gaps)} gaps'}",
                notes=(f"the first is in row {gaps[0] + 1}", "nothing is guessed for a missing value"),
            )  # fmt: skip
    return found


def _hourly(path: Path, name: str, cells: Sequence[Any]) -> None:
    """Refuse (`data-gap`) a column of times that are not one hour apart; of local times the days on which clocks change are let pass."""
    stamps = times(cells) or []
    if all(s.hour == s.minute == 0 for s in stamps):
        return  # days, whose hours stand elsewhere
    for i, (before, after) in enumerate(pairwise(stamps)):
        step = after - before
        changes = after.tzinfo is None and after.isoweekday() == 7 and after.month in (3, 4, 10, 11)
        if step == _HOUR or (changes and step in (timedelta(0), 2 * _HOUR)):
            continue
        what = "comes twice" if not step else "follows a later one" if step < timedelta(0) else f"follows {before.isoformat(' ')}"
        raise refuse(
            "data-gap", f"the hours of `{path}` are not one after another: in column `{name}` {after.isoformat(' ')} {what}",
            notes=(f"in row {i + 2}; expected {(before + _HOUR).isoformat(' ')}", "rows are hours, and nothing is guessed for a missing one"),
            help="give one row for each hour, in order",
        )  # fmt: skip


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return cell.strip().lower() not in GAPS


def _parquet(path: Path) -> dict[str, list]:
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.read_table(path).to_pydict()
    except OSError as fault:
        raise _unread(path, fault) from fault
    except pyarrow.ArrowException as fault:
        raise refuse("data-unreadable", f"`{path}` cannot be read as Parquet: {fault}") from fault


def _unread(path: Path, fault: OSError) -> Refusal:
    return refuse("data-no-such-file", f"cannot read `{path}`: {(fault.strerror or type(fault).__name__).lower()}")


__all__ = ["Sheet", "read_series", "read_sheet"]
