"""Params from a store: `--data price=grid.duckdb:lmp,market=DAM,point=HB_NORTH,day=2026-01-05`.

What stands behind the file is a view, perhaps `.` and a column of it, and conditions: a column and its value, or `day`, `from`
and `to` with delivery days (Central, both included). Values parted by `|` stand for any of them. A series that is asked for by days has them whole or is refused.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from opengames.diagnostics import Refusal, refuse
from opengames.models.store.clock import delivery_day
from opengames.models.store.database import checked_view, open_store
from opengames.models.store.gaps import gaps, one_series, selected, with_gap
from opengames.models.store.schema import BY_NAME
from opengames.program import ParamDecl
from opengames.show import show_space
from opengames.spaces import Family, Record, index_size

#: Days in a row that are looked at for changes of the clocks.
_DAYS = 4_000
_HIDDEN = ("known_utc", "feed", "file")


def read_columns(path: Path, said: str | None, decl: ParamDecl) -> tuple[dict[str, list[Any]], str | None]:
    """The columns of what is chosen of a store, and the one that is meant; `None` where every field of a record has its own.

    Raises `Refusal`: `bad-option`, `unknown-name`, `missing-column`, `data-shape`, `series-with-gap`, `bad-store`.
    """
    at: dict[str, Any] = {"span": decl.at, "label": f"takes {show_space(decl.space)}"}
    view, column, first, last, where = _parted(said, path, decl)
    with open_store(path, new=False, read_only=True) as store:
        table = BY_NAME[checked_view(view, among=tuple(BY_NAME))]
        columns = store.columns(view)
        rows = selected(store, table, first, last, **where)
        for name, several in where.items():
            there = {row[columns.index(name)] for row in rows} if isinstance(several, tuple) else ()
            absent = [value for value in several if value not in {str(v) for v in there}] if there else []
            if absent:
                raise refuse("data-shape", f"`{table.name}` of `{store.name}` has no such rows with `{name}={absent[0]}`",
                             help=f"`opengames store show --db {store.path}` tells what there is", **at)  # fmt: skip
        space = decl.space
        of_records = isinstance(space, Family) and isinstance(space.item, Record)
        if not of_records and not (isinstance(space, Family) and len(space.index) > 1):
            one_series(store, table, rows, columns, **at)
        if isinstance(space, Family) and len(space.index) == 1 and first is not None and last is not None:
            _fits_the_clock(table.name, store.name, len(rows), decl, first, last, at)
        if table.steady:
            keys = {k: v for k, v in where.items() if k in table.key}
            found = gaps(store, view, first, last, **keys)
            if found:
                raise with_gap(store, view, found, **at)
    shown = {name: [row[i] for row in rows] for i, name in enumerate(columns) if name not in _HIDDEN}
    return shown, column or (None if of_records else table.value)


def _fits_the_clock(
    view: str, name: str, count: int, decl: ParamDecl, first: date, last: date, at: dict[str, Any]
) -> None:  # fmt: skip
    """Refuse (`data-too-short`, `data-too-long`) days whose rows are fewer or more than wanted because the clocks change in them."""
    assert isinstance(decl.space, Family)
    wanted, most = index_size(decl.space.index), (last - first).days
    days = [delivery_day(first + timedelta(days=k)) for k in range(most + 1)] if most < _DAYS else []
    changed = [d for d in days if d.hours != 24]
    hours = sum(d.hours for d in days)
    # as many as there would be with 24 hours in every day
    if not changed or count * 24 * len(days) != wanted * hours or count == wanted:
        return
    said = [f"{d.day} has {d.hours} hours: the clocks {'skip one' if d.hours < 24 else 'go through one twice'}" for d in changed]
    raise refuse(
        "data-too-short" if count < wanted else "data-too-long",
        f"`{view}` of `{name}` has {count:,} values on {'this day' if len(days) == 1 else 'these days'}, and `{decl.name}` takes {wanted:,}",
        notes=tuple(said), help=f"choose other days, or give `{decl.name}` an index of {count:,}", **at,
    )  # fmt: skip


def _parted(said: str | None, path: Path, decl: ParamDecl) -> tuple[str, str | None, date | None, date | None, dict[str, Any]]:
    """View, column, first and last day, and conditions."""
    view, *conditions = (part.strip() for part in (said or "").split(","))
    if not view:
        raise _wrong(path, decl, f"`{path.name}` is a store, and no view of it is named")
    view, _, column = view.partition(".")
    where: dict[str, Any] = {}
    first = last = None
    for condition in conditions:
        name, equals, value = (part.strip() for part in condition.partition("="))
        if not equals or not name or not value:
            raise _wrong(path, decl, f"`{condition}` is no condition")
        if name in ("day", "from", "to"):
            try:
                day = date.fromisoformat(value)
            except ValueError as error:
                raise _wrong(path, decl, f"`{value}` is no day, such as 2026-01-05") from error
            first = day if name in ("day", "from") else first
            last = day if name in ("day", "to") else last
        else:
            several = tuple(part.strip() for part in value.split("|"))
            where[name] = several if len(several) > 1 else value
    return view, column or None, first, last, where


def _wrong(path: Path, decl: ParamDecl, what: str) -> Refusal:
    return refuse("bad-option", what, help=f"for example `--data {decl.name}={path.name}:lmp,market=DAM,point=HB_NORTH,day=2026-01-05`")


__all__ = ["read_columns"]
