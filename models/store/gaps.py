"""Where a series of a store has no rows, and series that have none missing.

A series with interval ends has a gap wherever the next row does not begin at the end of the one before; a series of SCED runs,
whose stamps are off any grid, wherever more than `TOLERANCE` passes between two runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from opengames.diagnostics import Refusal, refuse
from opengames.models.store.clock import delivery_day, from_utc
from opengames.models.store.database import Store, checked_view, no_column
from opengames.models.store.schema import BY_NAME, Table

TOLERANCE = timedelta(minutes=15)
"""Between two SCED runs, usually five minutes apart, beyond which it is a gap."""

_SHOWN = 5


@dataclass(frozen=True)
class Gap:
    """series: what the series is, by key. begin, end: UTC. missing: rows, as long as the one before; `None` for runs."""

    view: str
    series: tuple[tuple[str, Any], ...]
    begin: datetime
    end: datetime
    missing: int | None

    def said(self) -> str:
        """In words, Central time.

        >>> Gap("lmp", (("point", "HB_NORTH"),), datetime(2026, 1, 5, 6), datetime(2026, 1, 5, 8), 2).said()
        'point HB_NORTH: 2026-01-05 00:00 to 2026-01-05 02:00 Central (2 rows; 2026-01-05 06:00 to 2026-01-05 08:00 UTC)'
        """
        named = ", ".join(f"{k} {v}" for k, v in self.series if v != "")
        rows = "" if self.missing is None else f"{self.missing:,} {'row' if self.missing == 1 else 'rows'}; "
        return (f"{named + ': ' if named else ''}{_central(self.begin)} to {_central(self.end)} Central "
                f"({rows}{self.begin:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC)")  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        return {"view": self.view, "series": dict(self.series), "from_utc": self.begin.isoformat(), "to_utc": self.end.isoformat(),
                "missing": self.missing}  # fmt: skip


def _central(instant: datetime) -> str:
    at = from_utc(instant)
    hour = at.hour_ending - 1
    again = " (second)" if at.repeated else ""
    return f"{at.day} {hour:02}:{at.into.seconds // 60:02}{again}"


def days(first: date | None, last: date | None) -> tuple[datetime | None, datetime | None]:
    """The instants between which delivery days lie, the last one included. Raises `Refusal` (`bad-option`) for days in the wrong order."""
    if first is not None and last is not None and first > last:
        raise refuse("bad-option", f"the first day, {first}, lies after the last, {last}", help="exchange them")
    begin = None if first is None else delivery_day(first).midnight
    end = None if last is None else delivery_day(last + timedelta(days=1)).midnight
    return begin, end


def gaps(store: Store, view: str, first: date | None = None, last: date | None = None, **where: Any) -> tuple[Gap, ...]:
    """The gaps of every series of a view that `where` leaves, in order.

    first, last: delivery days that should be there, both included; without them a series is looked at from its first row to its
    last. Raises `Refusal`: `unknown-name`, `missing-column`, `unsuited-view` for rows that need not be there at all times.
    """
    table = _steady(view)
    for name in where:
        if name not in {c.name for c in table.keys}:
            raise no_column(name, view, [c.name for c in table.keys])
    begin, end = days(first, last)
    keys = ", ".join(table.series)
    said, values = _conditions(where, begin, end)
    over = f"({f'PARTITION BY {keys} ' if keys else ''}ORDER BY start_utc)"
    chosen = f"{keys}, " if keys else ""
    rows = store.connection.execute(
        f"""
        WITH rows AS (SELECT DISTINCT {chosen}start_utc, end_utc FROM {view}{said}),
        next AS (SELECT *, lead(start_utc) OVER {over} AS follows, row_number() OVER {over} AS nth FROM rows)
        SELECT * FROM next WHERE nth = 1 OR follows IS NULL
            OR follows > coalesce(end_utc, start_utc + to_seconds({TOLERANCE.total_seconds()})) ORDER BY {chosen}start_utc
        """,
        values,
    ).fetchall()
    found = []
    for *series, start, ends, follows, nth in rows:
        named = tuple(zip(table.series, series, strict=True))
        step = None if ends is None else ends - start
        if nth == 1 and begin is not None and start - begin > (TOLERANCE if step is None else timedelta()):
            found.append(_gap(view, named, begin, start, step))
        reach = start if ends is None else ends
        upto = follows or end
        if upto is not None and upto - reach > (TOLERANCE if step is None else timedelta()):
            found.append(_gap(view, named, reach, upto, step))
    if begin is not None and end is not None:
        found += [Gap(view, series, begin, end, None) for series in _absent(store, table, where, {tuple(row[: len(table.series)]) for row in rows})]
    return tuple(sorted(found, key=lambda g: ([str(v) for _, v in g.series], g.begin)))


def has_rows(store: Store, view: str, **where: Any) -> bool:
    """Whether `where` leaves any row of a view."""
    said, values = _conditions(where, None, None)
    return store.connection.execute(f"SELECT 1 FROM {checked_view(view)}{said} LIMIT 1", values).fetchone() is not None


def _absent(store: Store, table: Table, where: dict[str, Any], there: set[tuple[Any, ...]]) -> list[tuple[tuple[str, Any], ...]]:
    """The series that `where` leaves at some time, and that are not `there`; where it leaves none, what it says."""
    if not table.series:
        return [] if there else [()]
    said, values = _conditions(where, None, None)
    chosen = ", ".join(table.series)
    known = store.connection.execute(f"SELECT DISTINCT {chosen} FROM {table.name}{said} ORDER BY ALL", values).fetchall()
    if not known:
        return [tuple(where.items())]
    return [tuple(zip(table.series, each, strict=True)) for each in known if each not in there]


def _conditions(where: dict[str, Any], begin: datetime | None, end: datetime | None) -> tuple[str, list[Any]]:
    """A WHERE clause and its values. A value that is a tuple stands for any of its members."""
    several = {name: value if isinstance(value, tuple) else (value,) for name, value in where.items()}
    said = [f'"{name}" IN ({", ".join("?" * len(value))})' for name, value in several.items()]
    said += (["start_utc >= ?"] if begin else []) + (["start_utc < ?"] if end else [])
    return (" WHERE " + " AND ".join(said) if said else ""), [*(v for value in several.values() for v in value), *(x for x in (begin, end) if x)]


def _gap(view: str, series: tuple[tuple[str, Any], ...], begin: datetime, end: datetime, step: timedelta | None) -> Gap:
    return Gap(view, series, begin, end, None if step is None else round((end - begin) / step))


def _steady(view: str) -> Table:
    table = BY_NAME[checked_view(view, among=tuple(BY_NAME))]
    if not table.steady:
        raise refuse("unsuited-view", f"`{view}` has rows only where there is something to say, so that a gap means nothing",
                     help="look for missing runs in `system_lambda`")  # fmt: skip
    return table


def demand_complete(store: Store, view: str, first: date | None, last: date | None, **where: Any) -> None:
    """Raises `Refusal` (`series-with-gap`) if rows are missing."""
    if not BY_NAME[checked_view(view, among=tuple(BY_NAME))].steady:
        return
    found = gaps(store, view, first, last, **where)
    if found:
        raise with_gap(store, view, found)


def with_gap(store: Store, view: str, found: tuple[Gap, ...], **more: Any) -> Refusal:
    """The refusal of a series that is not complete. more: the place and label of what asked for it."""
    notes = [g.said() for g in found[:_SHOWN]] + ([f"and {len(found) - _SHOWN:,} more"] if len(found) > _SHOWN else [])
    headline = f"`{view}` of `{store.name}` has {'a gap' if len(found) == 1 else f'{len(found):,} gaps'} where a complete series is needed"
    help = f"load what is missing, or choose other days; `opengames store gaps {view} --db {store.path}` lists all gaps"
    return refuse("series-with-gap", headline, notes=tuple(notes), help=help, **more)


def series(
    store: Store, view: str, column: str | None = None, first: date | None = None, last: date | None = None, **where: Any
) -> tuple[tuple[datetime, Any], ...]:
    """One complete series: instants (UTC) and values, in order.

    Raises `Refusal`: `series-with-gap` if rows are missing, `data-shape` if `where` leaves none or several series.
    """
    table = BY_NAME[checked_view(view, among=tuple(BY_NAME))]
    chosen = column or table.value
    if chosen not in store.columns(view):
        raise no_column(chosen, view, store.columns(view))
    rows = selected(store, table, first, last, **where)
    columns = store.columns(view)
    one_series(store, table, rows, columns)
    demand_complete(store, view, first, last, **where)
    at, value = columns.index("start_utc"), columns.index(chosen)
    return tuple((row[at], row[value]) for row in rows)


def selected(store: Store, table: Table, first: date | None, last: date | None, **where: Any) -> list[tuple[Any, ...]]:
    """The rows of a view between delivery days, series by series, in time."""
    there = store.columns(table.name)
    for name in where:
        if name not in there:
            raise no_column(name, table.name, there)
    begin, end = days(first, last)
    said, values = _conditions(where, begin, end)
    order = ", ".join([*table.series, "start_utc", *(k for k in table.key if k not in table.series and k != "start_utc")])
    return list(store.connection.execute(f"SELECT * FROM {table.name}{said} ORDER BY {order}", values).fetchall())


def one_series(store: Store, table: Table, rows: list[tuple[Any, ...]], columns: tuple[str, ...], **more: Any) -> None:
    """Raises `Refusal` (`data-shape`) if rows are of none or of several series."""
    at = [columns.index(k) for k in table.key if k != "start_utc"]
    found = list(dict.fromkeys(tuple(row[i] for i in at) for row in rows))
    if len(found) == 1:
        return
    names = [columns[i] for i in at]
    if not found:
        raise refuse("data-shape", f"`{table.name}` of `{store.name}` has no such rows",
                     help=f"`opengames store show --db {store.path}` tells what there is", **more)  # fmt: skip
    apart = next(name for j, name in enumerate(names) if len({f[j] for f in found}) > 1)
    some = list(dict.fromkeys(f[names.index(apart)] for f in found))
    listed = ", ".join(f"`{v}`" for v in some[:_SHOWN]) + (", ..." if len(some) > _SHOWN else "")
    raise refuse("data-shape", f"`{table.name}` of `{store.name}` has {len(found):,} series here, and one is needed",
                 notes=(f"they differ in `{apart}`: {listed}",), help=f"say which: `{apart}={some[0]}`", **more)  # fmt: skip


__all__ = ["TOLERANCE", "Gap", "days", "demand_complete", "gaps", "has_rows", "one_series", "selected", "series", "with_gap"]
