"""Params from files: `price = prices.csv:lmp`. CSV, Parquet, JSON, and stores of market data; decimals are read exactly.

A file with a header is a table. A param of numbers takes one column, a family of records one column per field.
Rows are placed by the columns that name the family's index, where the file has them (see `data_keys`), and else
count in their order.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from opengames.diagnostics import Refusal, refuse
from opengames.models import data_keys, data_stamps
from opengames.models.data_units import Units, column_called, in_head
from opengames.models.data_values import Origin, Taking, fit, missing_column
from opengames.program import ParamDecl
from opengames.show import show_space
from opengames.spaces import Enum, Family, Record, Space

LARGEST = 1 << 30
"""Bytes of a data file beyond which it is not read."""


_LONGEST_NUMBER = 60
"""Digits of a whole number that is still read."""


@dataclass(frozen=True)
class Table:
    """A file's columns. line: the line of a data row (from 0) in the file, where the file has lines."""

    name: str
    columns: dict[str, list[Any]]
    line: Callable[[int], int] | None = None

    def row(self, i: int) -> str:
        return f"row {i + 1} (line {self.line(i)})" if self.line else f"row {i + 1}"


def from_file(decl: ParamDecl, file: str | Path, column: str | None = None, taking: Taking | None = None) -> Any:
    """The value of a param from a file.

    column: may be left out if the file has one column, one that is called like the param, or one per field.
    Raises `Refusal`: `data-no-such-file`, `data-unreadable`, `data-missing-column`, and what `fit` refuses.
    """
    path, taking = Path(file), taking or Taking()
    if column is None and path.suffix.lower() == ".json" and isinstance(decl.space, Family):
        nested = _nested(decl.space, _reading(path, decl, lambda: _json_data(path)))
        if nested is not None:
            return fit(decl, nested, Origin(f"`{path.name}`"), taking)
    wanted = None if column is None else [column]
    if column is None and isinstance(decl.space, Family) and isinstance(decl.space.item, Record):
        wanted = [name for name, _ in decl.space.item.fields]
    if path.suffix.lower() == ".duckdb":
        from opengames.models.store.params import read_columns

        columns, column = read_columns(path, column, decl)
        table = Table(path.name, columns)
    else:
        table = read_table(path, decl, wanted, taking.units)
    space = decl.space
    if isinstance(space, Family) and isinstance(space.item, Record) and column is None:
        names = {name: column_called(name, table.columns, taking.units) for name, _ in space.item.fields}
        for name, found in names.items():
            if found is None:
                raise missing_column(decl, name, list(table.columns), f"`{path.name}`")
        fields = {name: table.columns[found] for name, found in names.items() if found is not None}
        count = max(map(len, fields.values()), default=0)
        order = _order(decl, table, count, [str(c) for c in names.values()], taking.gaps)
        records = [{name: column[i] if 0 <= i < len(column) else None for name, column in fields.items()} for i in order]
        units = {name: unit for name, found in names.items() if (unit := in_head(str(found), taking.units)[1]) is not None}
        return fit(decl, records, Origin(f"`{path.name}`", lambda i: table.row(order[i]), units), taking)
    chosen = column or _only(decl, table, taking.units)
    called = column_called(chosen, table.columns, taking.units)
    if called is None:
        raise missing_column(decl, chosen, list(table.columns), f"`{path.name}`")
    cells = table.columns[called]
    order = _order(decl, table, len(cells), [called], taking.gaps)
    values = [cells[i] if i >= 0 else None for i in order]
    unit = in_head(called, taking.units)[1]
    origin = Origin(f"column `{called}` of `{path.name}`", lambda i: table.row(order[i]), {} if unit is None else {"": unit})
    return fit(decl, values if isinstance(space, Family) else _single(decl, values, origin), origin, taking)


def _order(decl: ParamDecl, table: Table, count: int, values: list[str], gaps: bool) -> list[int]:
    """The rows in index order, -1 for one that is not there."""
    rows = data_keys.Rows(f"`{table.name}`", table.columns, table.row)
    found = data_keys.order(decl, rows, count, values, gaps)
    if gaps and found == list(range(count)):
        found = data_stamps.placed(decl, rows, count, values) or found
    return found


def _at(decl: ParamDecl) -> dict[str, Any]:
    """The place that a refusal of data points at: the param's declaration."""
    return {"span": decl.at, "label": f"takes {show_space(decl.space)}"}


def _single(decl: ParamDecl, values: list[Any], origin: Origin) -> Any:
    if len(values) != 1:
        code = "data-too-long" if values else "data-too-short"
        raise refuse(code, f"{origin.what} has {len(values):,} values, and `{decl.name}` takes one", **_at(decl))
    return values[0]


def _only(decl: ParamDecl, table: Table, units: Units) -> str:
    if column_called(decl.name, table.columns, units) is not None:
        return decl.name
    if len(table.columns) == 1:
        return next(iter(table.columns))
    known = ", ".join(f"`{name}`" for name in list(table.columns)[:12])
    raise refuse(
        "data-missing-column", f"`{table.name}` has {len(table.columns)} columns, and none was named", **_at(decl),
        notes=(f"its columns are {known}",) if known else ("it is empty",),
        help=f"name one: `--data {decl.name}={table.name}:{_likely(decl, list(table.columns))}`",
    )  # fmt: skip


def _likely(decl: ParamDecl, columns: list[str]) -> str:
    """The column that was meant most likely: one that is called nearly like the param, or the first that names no index."""
    near = get_close_matches(decl.name, columns, 1, 0.6)
    others = [name for name in columns if not data_keys.is_key_name(decl, name)]
    return next(iter([*near, *others, *columns]), "COLUMN")


# ----------------------------------------------------------------------------------- reading


def read_table(path: Path, decl: ParamDecl, wanted: list[str] | None = None, units: Units | None = None) -> Table:
    """The columns of a file, by its ending. wanted: columns to read where the format can choose, without the units of their heads."""
    return _reading(path, decl, lambda: _table(path, decl, wanted, units or {}))


def _reading(path: Path, decl: ParamDecl, read: Callable[[], Any]) -> Any:
    """What `read` gives; what is wrong with the file is refused."""
    try:
        if path.stat().st_size > LARGEST:
            raise refuse("over-budget", f"`{path.name}` is larger than {LARGEST >> 30} GiB", **_at(decl))
        return read()
    except OSError as error:
        raise _no_file(path, decl, error) from error
    except UnicodeDecodeError as error:
        raise _unreadable(path, decl, f"byte {error.start} is not UTF-8") from error
    except (csv.Error, json.JSONDecodeError) as error:
        raise _unreadable(path, decl, str(error)) from error
    except RecursionError as error:
        raise _unreadable(path, decl, "it is nested too deeply") from error


def _table(path: Path, decl: ParamDecl, wanted: list[str] | None, units: Units) -> Table:
    match path.suffix.lower():
        case ".parquet" | ".pq":
            return _parquet(path, decl, wanted, units)
        case ".json":
            return _json(path)
        case ".csv" | ".tsv" | ".txt" | "":
            return _csv(path, decl)
    raise _unreadable(path, decl, f"files ending in `{path.suffix}` are not among CSV, Parquet and JSON")


def _no_file(path: Path, decl: ParamDecl, error: OSError) -> Refusal:
    there = [p.name for p in path.parent.iterdir() if p.is_file()] if path.parent.is_dir() else []
    near = get_close_matches(path.name, there, 1, 0.6)
    return refuse(
        "data-no-such-file", f"cannot read `{path}`, the data for `{decl.name}`: {(error.strerror or 'no').lower()}",
        **_at(decl), help=f"did you mean `{path.parent / near[0]}`?" if near else "",
    )  # fmt: skip


def _unreadable(path: Path, decl: ParamDecl, why: str) -> Refusal:
    return refuse("data-unreadable", f"`{path.name}`, the data for `{decl.name}`, cannot be read", **_at(decl),
                  notes=(why,))  # fmt: skip


def _csv(path: Path, decl: ParamDecl) -> Table:
    with path.open(newline="", encoding="utf-8-sig") as file:
        head = file.readline()
        file.seek(0)
        delimiter = max(",;\t", key=head.count)
        rows: list[list[str]] = []
        lines: list[int] = []
        reader = csv.reader(file, delimiter=delimiter)
        for row in reader:
            rows.append(row)
            lines.append(reader.line_num)
    while len(rows) > 1 and not any(cell.strip() for cell in rows[-1]):
        rows.pop()
    header = [name.strip() for name in rows[0]] if rows else []
    twice = next((name for i, name in enumerate(header) if name and name in header[:i]), None)
    if twice is not None:
        raise refuse("data-unreadable", f"`{path.name}`, the data for `{decl.name}`, has two columns called `{twice}`", **_at(decl),
                     help="rename one of them, or leave it out")  # fmt: skip
    for i, row in enumerate(rows[1:], 1):
        if any(cell.strip() for cell in row[len(header) :]):
            raise refuse(
                "data-unreadable", f"`{path.name}`, the data for `{decl.name}`, has a row that is longer than its head", **_at(decl),
                notes=(f"row {i} (line {lines[i]}) has {len(row)} cells, and the head names {len(header)} columns",),
                help=f"put a cell that holds `{delimiter}` into double quotes" if delimiter != "\t" else "",
            )  # fmt: skip
    columns = {name: [row[i] if i < len(row) else "" for row in rows[1:]] for i, name in enumerate(header)}
    return Table(path.name, columns, lambda i: lines[i + 1])


def _json_data(path: Path) -> Any:
    """What a JSON file says. Decimals are text, and so are whole numbers that no param can have."""
    return json.loads(
        path.read_text(encoding="utf-8-sig"), parse_float=str,
        parse_int=lambda text: int(text) if len(text) <= _LONGEST_NUMBER else text,
    )  # fmt: skip


def _nested(space: Family, data: Any) -> Any:
    """JSON data that says by nesting or by keys, rather than by columns, which value is where; `None` for a table."""
    fields = {name for name, _ in space.item.fields} if isinstance(space.item, Record) else set()
    if isinstance(data, list):
        by_rows = len(space.index) > 1 and data and all(isinstance(row, list) for row in data)
        by_keys = len(space.index) > 1 and data and all(_names(row, space.index[1]) for row in data)
        return data if by_rows or by_keys else None
    if not isinstance(data, dict) or not data or fields & set(data):
        return None
    columns = all(isinstance(column, list) for column in data.values())
    return None if columns and not (len(space.index) > 1 and _names(data, space.index[0])) else data


def _names(row: Any, index: Space) -> bool:
    """Whether a mapping has the labels of an enumeration for its keys."""
    return isinstance(row, dict) and isinstance(index, Enum) and bool(row) and set(row) <= set(index.labels)


def _json(path: Path) -> Table:
    data = _json_data(path)
    if isinstance(data, list) and data and all(isinstance(row, dict) for row in data):
        names = dict.fromkeys(name for row in data for name in row)
        return Table(path.name, {name: [row.get(name) for row in data] for name in names})
    if isinstance(data, dict) and all(isinstance(column, list) for column in data.values()):
        return Table(path.name, data)
    return Table(path.name, {"value": data if isinstance(data, list) else [data]})


def _parquet(path: Path, decl: ParamDecl, wanted: list[str] | None, units: Units) -> Table:
    import pyarrow
    import pyarrow.parquet as parquet

    try:
        names = parquet.read_schema(path).names
        named = [n for n in names if wanted is None or n in wanted or in_head(n, units)[0] in wanted or data_keys.is_key_name(decl, n)]
        columns = _cells(parquet.read_table(path, columns=named))
        if not any(data_keys.is_key_name(decl, name) for name in named):
            columns |= _keys(parquet.read_table(path, columns=[n for n in names if n not in columns]), decl)
    except pyarrow.ArrowException as error:
        raise _unreadable(path, decl, str(error).split("\n", 1)[0]) from error
    return Table(path.name, {name: columns.get(name, []) for name in names})


def _cells(table: Any) -> dict[str, list[Any]]:
    return {name: table.column(name).to_pylist() for name in table.column_names}


def _keys(table: Any, decl: ParamDecl) -> dict[str, list[Any]]:
    """The columns that may say which element a row is about; the others need not become Python values."""
    count = table.num_rows
    ends = {name: table.column(name) for name in table.column_names if count}
    kept = [n for n, c in ends.items() if data_keys.may_be_key(decl, count, c[0].as_py(), c[-1].as_py())]
    return _cells(table.select(kept))
