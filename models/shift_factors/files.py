"""Prices and shadow prices from CSV and Parquet files: one column for each bus and constraint, or ERCOT's published lists.

Wide files have a row for each interval. Their time is the one column that both have (or the one named), lambda the column called so,
every other column is a bus, or a constraint. Lists are the feeds NP6-788-CD (`SCEDTimestamp`, `RepeatedHourFlag`, `SettlementPoint`,
`LMP`), NP6-322-CD (lambda) and NP6-86-CD (`ConstraintName`, `ContingencyName`, `ShadowPrice`), in which a constraint that is not
listed does not bind. Their times are local (Central) and become UTC, so the hour that comes twice in autumn stays in order.
"""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from opengames.diagnostics import Refusal, refuse
from opengames.models.shift_factors.observations import Observed, observed

_SLASHES = re.compile(r"\b\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d{2}(:\d{2})?")
_LAMBDAS = ("UncappedSystemLambda", "SystemLambda", "CappedSystemLambda")


def read(
    prices: str | Path,
    shadow: str | Path,
    *,
    energy: str | None = None,
    time: str | None = None,
    reference: str | None = None,
    lambdas: str | Path | None = None,
) -> Observed:
    """Observations from files.

    energy: the column of lambda, in the prices or in the file `lambdas`. time: the column of times. reference: a bus instead of
    lambda. Raises `Refusal`: `data-no-such-file`, `data-unreadable`, `data-missing-column`, `data-bad-cell`, and what `observed` refuses.
    """
    p, s = _table(prices), _table(shadow)
    more = None if lambdas is None else _table(lambdas)
    if "SettlementPoint" in p.columns:
        return _lists(p, s, more, energy, reference)
    when = time or _shared(p, s)
    for table in (p, s):
        _need(table, when)
    lam = None
    if reference is None:
        source = more or p
        named = energy or _lambda(source)
        _need(source, named)
        lam = source
    skip = {when} | ({named} if lam is p else set())
    buses = [c for c in p.columns if c not in skip]
    limits = [c for c in s.columns if c != when]
    for table, names, what in ((p, buses, "bus"), (s, limits, "constraint")):
        if not names:
            raise refuse("data-missing-column", f"`{table.name}` has no column of a {what}", help=f"give a column for each {what}")
    times = _times(p, when)
    for other in (s, *([lam] if lam is not None and lam is not p else [])):
        _need(other, when)
        _refuse_other_times(p, times, other, _times(other, when), when)
    return observed(
        np.stack([_numbers(p, c) for c in buses], axis=1), np.stack([_numbers(s, c) for c in limits], axis=1),
        None if lam is None else _numbers(lam, named), buses=buses, constraints=limits, times=times, reference=reference,
    )  # fmt: skip


class _Read:
    """A file's columns as arrays."""

    def __init__(self, name: str, columns: dict[str, Any]) -> None:
        self.name = name
        self.columns = columns


def _table(path: str | Path) -> _Read:
    import duckdb

    path = Path(path)
    if not path.is_file():
        there = [p.name for p in path.parent.iterdir() if p.is_file()] if path.parent.is_dir() else []
        near = get_close_matches(path.name, there, 1, 0.6)
        raise refuse("data-no-such-file", f"cannot read `{path}`", help=f"did you mean `{path.parent / near[0]}`?" if near else "")
    reader = "read_parquet" if path.suffix.lower() in (".parquet", ".pq") else "read_csv"
    options = ""
    if reader == "read_csv":
        _refuse_one_name_twice(path)
        written = _american(path)
        options = f", timestampformat='{written}'" if written else ""
    try:
        with duckdb.connect(":memory:") as base:
            base.execute("SET threads = 1; SET TimeZone = 'UTC'")
            return _Read(path.name, dict(base.execute(f"SELECT * FROM {reader}(?{options})", [str(path)]).fetchnumpy()))
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        raise refuse("data-unreadable", f"cannot read `{path.name}`: {first}", help="CSV with a header, or Parquet") from error


def _american(path: Path) -> str:
    """The form of stamps such as `11/01/2026 01:55:13`, as the operator writes them: the month before the day; "" for others."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        file.readline()
        found = _SLASHES.search(file.readline())
    return "" if found is None else "%m/%d/%Y %H:%M" + (":%S" if found[1] else "")


def _refuse_one_name_twice(path: Path) -> None:
    """Refuse (`data-unreadable`) a CSV file with two columns of one name, which a reader would tell apart by names of its own."""
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        head = file.readline()
    names = [name.strip() for name in next(csv.reader([head], delimiter=max(",;\t|", key=head.count)), [])]
    twice = next((name for i, name in enumerate(names) if name and name in names[:i]), None)
    if twice is not None:
        raise refuse("data-unreadable", f"`{path.name}` has two columns called `{twice}`", help="rename one of them, or leave it out")


def _need(table: _Read, column: str) -> None:
    if column not in table.columns:
        near = get_close_matches(column, list(table.columns), 1, 0.6)
        raise refuse(
            "data-missing-column", f"`{table.name}` has no column `{column}`",
            notes=("its columns are " + ", ".join(f"`{c}`" for c in list(table.columns)[:12]),),
            help=f"did you mean `{near[0]}`?" if near else "",
        )  # fmt: skip


def _shared(p: _Read, s: _Read) -> str:
    both = [c for c in p.columns if c in s.columns]
    if len(both) != 1:
        found = "have no column in common" if not both else f"share the columns {', '.join(f'`{c}`' for c in both[:4])}"
        raise refuse("data-missing-column", f"`{p.name}` and `{s.name}` {found}, so their time is not clear", help="name the column of times")
    return both[0]


def _lambda(table: _Read) -> str:
    found = [c for c in table.columns if "lambda" in c.lower()]
    if len(found) != 1:
        said = "no column called lambda" if not found else f"several columns called lambda: {', '.join(f'`{c}`' for c in found[:4])}"
        raise refuse("data-missing-column", f"`{table.name}` has {said}", help="name the column of lambda, or a bus as the reference")
    return found[0]


def _numbers(table: _Read, column: str) -> np.ndarray:
    cells: Any = table.columns[column]
    if isinstance(cells, np.ma.MaskedArray):
        cells = np.ma.filled(cells.astype(float), np.nan) if cells.dtype.kind in "iuf" else np.ma.filled(cells, None)
    try:
        return np.asarray(cells, dtype=float)
    except (TypeError, ValueError):
        raise _bad_cell(table, column, cells) from None


def _bad_cell(table: _Read, column: str, cells: Any) -> Refusal:
    for i, cell in enumerate(cells):
        try:
            float(cell)
        except (TypeError, ValueError):
            return refuse("data-bad-cell", f"`{cell}` in column `{column}` of `{table.name}`, row {i + 1}, is no number")
    return refuse("data-bad-cell", f"column `{column}` of `{table.name}` does not hold numbers")


def _times(table: _Read, column: str) -> np.ndarray:
    cells = table.columns[column]
    if isinstance(cells, np.ma.MaskedArray) and cells.mask.any():
        row = int(np.flatnonzero(cells.mask)[0]) + 1
        raise refuse("data-gap", f"the time in row {row} of `{table.name}` is missing")
    out = np.asarray(cells)
    if not len(out):
        raise refuse("data-too-short", f"`{table.name}` has a head and no rows", help="give a row for each interval")
    if out.dtype.kind not in "iufM":
        raise refuse(
            "data-bad-cell", f"column `{column}` of `{table.name}` holds no times: {_no_time(out)}",
            help="write times as 2026-01-31 13:05:00, or number the intervals",
        )  # fmt: skip
    return out


def _no_time(cells: np.ndarray) -> str:
    """The first cell that is no time, with its row."""
    for row, cell in enumerate(cells.tolist(), 1):
        if not any(_is_time(str(cell), form) for form in ("%Y-%m-%d %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M")):
            return f"`{cell}` in row {row}"
    return f"`{cells[0]}`"


def _is_time(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)
    except ValueError:
        return False
    return True


def _refuse_other_times(p: _Read, times: np.ndarray, s: _Read, others: np.ndarray, column: str) -> None:
    """Refuse (`data-shape`) files whose rows are not about the same times, with the first row that differs."""
    if np.array_equal(times, others):
        return
    n = min(len(times), len(others))
    comparable = times.dtype.kind == others.dtype.kind or "M" not in (times.dtype.kind, others.dtype.kind)
    different = np.flatnonzero(times[:n] != others[:n]) if comparable else np.arange(n)
    i = int(different[0]) if len(different) else n
    ends = [f"{t[i]}" if i < len(t) else "no more rows" for t in (times, others)]
    raise refuse(
        "data-shape", f"`{p.name}` and `{s.name}` are not about the same intervals in `{column}`",
        notes=(f"{len(times):,} and {len(others):,} rows", f"the first that differs is row {i + 1}: {ends[0]} and {ends[1]}"),
        help="give both the same rows in the same order",
    )  # fmt: skip


# ------------------------------------------------------------------------------ lists as published


def _lists(p: _Read, s: _Read, lambdas: _Read | None, energy: str | None, reference: str | None) -> Observed:
    for table, columns in ((p, ("SCEDTimestamp", "LMP")), (s, ("ConstraintName", "ContingencyName", "ShadowPrice"))):
        for column in columns:
            _need(table, column)
    stamps = _utc(p, "SCEDTimestamp")
    times, at = np.unique(stamps, return_inverse=True)
    points = np.asarray(p.columns["SettlementPoint"], dtype=str)
    buses, which = np.unique(points, return_inverse=True)
    prices = _placed(p, "LMP", at, which, (len(times), len(buses)), np.nan)
    limits, what = np.unique(
        [f"{a} / {b}" for a, b in zip(s.columns["ConstraintName"], s.columns["ContingencyName"], strict=True)], return_inverse=True
    )
    bound = _utc(s, "SCEDTimeStamp")
    inside = (bound >= times[0]) & (bound <= times[-1])
    place = np.searchsorted(times, bound[inside])
    if inside.any() and not (times[place] == bound[inside]).all():
        stray = bound[inside][times[place] != bound[inside]][0]
        raise refuse("data-shape", f"`{s.name}` has an interval at {stray} (UTC) that `{p.name}` lacks", help="load the same runs of SCED")
    numbers = _Read(s.name, {"ShadowPrice": s.columns["ShadowPrice"][inside]})
    shadow = _placed(numbers, "ShadowPrice", place, what[inside], (len(times), len(limits)), 0.0)
    lam = None
    if reference is None:
        if lambdas is None:
            raise refuse(
                "data-missing-column", f"`{p.name}` lists prices without lambda",
                help="give the feed of lambda too (NP6-322-CD), or a settlement point as the reference",
            )  # fmt: skip
        named = energy or next((c for c in _LAMBDAS if c in lambdas.columns), _LAMBDAS[0])
        _need(lambdas, named)
        when = _utc(lambdas, "SCEDTimeStamp")
        _, first, counts = np.unique(when, return_index=True, return_counts=True)
        if (counts > 1).any():
            row = int(first[counts > 1][0]) + 1
            raise refuse("data-shape", f"`{lambdas.name}` has the interval of row {row} twice", help="keep one row of each")
        known = dict(zip(when.tolist(), _numbers(lambdas, named), strict=True))
        lam = np.asarray([known.get(t, np.nan) for t in times.tolist()])
    return observed(prices, shadow, lam, buses=buses.tolist(), constraints=limits.tolist(), times=times, reference=reference)


def _placed(table: _Read, column: str, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int], empty: float) -> np.ndarray:
    """A list as a matrix; two entries for one place are refused."""
    out = np.full(shape, empty)
    cells = np.ravel_multi_index((rows, columns), shape) if len(rows) else np.zeros(0, dtype=int)
    _, first, counts = np.unique(cells, return_index=True, return_counts=True)
    if (counts > 1).any():
        row = int(first[counts > 1][0]) + 1
        raise refuse("data-shape", f"`{table.name}` has the interval and name of row {row} twice", help="keep one row of each")
    out[rows, columns] = _numbers(table, column)
    return out


def _utc(table: _Read, column: str) -> np.ndarray:
    """Local stamps as UTC; feeds spell the column with a large or a small s."""
    from zoneinfo import ZoneInfo

    named = next((c for c in table.columns if c.lower() == column.lower()), column)
    _need(table, named)
    stamps = _times(table, named)
    flags = table.columns.get("RepeatedHourFlag")
    again = np.zeros(len(stamps), dtype=bool) if flags is None else np.isin(np.asarray(flags).astype(str), ("Y", "True", "true"))
    central = ZoneInfo("America/Chicago")
    known: dict[tuple[Any, bool], np.datetime64] = {}
    out = np.empty(len(stamps), dtype="datetime64[s]")
    for i, key in enumerate(zip(stamps.astype("datetime64[s]").tolist(), again.tolist(), strict=True)):
        if key not in known:
            stamp: datetime = key[0].replace(tzinfo=central, fold=int(key[1]))
            _refuse_no_hour(table, i, stamp)
            known[key] = np.datetime64(stamp.astimezone(UTC).replace(tzinfo=None), "s")
        out[i] = known[key]
    return out


def _refuse_no_hour(table: _Read, row: int, stamp: datetime) -> None:
    """Refuse (`data-bad-cell`) a local time that does not come, or comes once and is said to come again."""
    said = ""
    if stamp.astimezone(UTC).astimezone(stamp.tzinfo).replace(tzinfo=None) != stamp.replace(tzinfo=None):
        said = "lies in the hour that the clocks skip"
    elif stamp.fold and stamp.replace(fold=0).utcoffset() == stamp.utcoffset():
        said = "has the flag of a repeated hour, and comes once"
    if said:
        raise refuse("data-bad-cell", f"the time {stamp:%Y-%m-%d %H:%M:%S} (Central) in row {row + 1} of `{table.name}` {said}")


__all__ = ["read"]
