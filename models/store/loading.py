"""Rows of a document into the tables of a store: cells are read, times placed, what cannot be is set apart with its reason.

All of it is SQL over one temporary table of text, so that a day of prices at every node is a matter of a second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from opengames.models.store.documents import Document
from opengames.models.store.feeds import Feed, Field, Into, place
from opengames.models.store.schema import BY_NAME, Table

_AT_ONCE = 100_000
"""Rows that are handed to the database together."""

_BLANK = "('', 'nan', 'na', 'n/a', 'null', 'none', '-')"
_DATES = "['%m/%d/%Y', '%Y-%m-%d', '%Y-%m-%d %H:%M:%S', '%Y-%m-%dT%H:%M:%S', '%m/%d/%Y %H:%M:%S']"
_STAMPS = "['%m/%d/%Y %H:%M:%S', '%Y-%m-%d %H:%M:%S', '%Y-%m-%dT%H:%M:%S', '%m/%d/%Y %H:%M', '%Y-%m-%d %H:%M', '%Y-%m-%dT%H:%M']"
_MARKETS = "CASE upper(trim({0})) WHEN 'DAY_AHEAD_HOURLY' THEN 'DAM' WHEN 'REAL_TIME_15_MIN' THEN 'RT_15' END"

_READ = {
    "number": "TRY_CAST(CASE WHEN NOT contains({0}, '_') THEN {0} END AS DOUBLE)",
    "count": "TRY_CAST({0} AS INTEGER)",
    "text": "{0}",
    "note": "coalesce({0}, '')",
    "product": "upper({0})",
    "market": _MARKETS,
    "place": "CASE {0} WHEN 'Load Zone Energy Weighted' THEN 'LZEW' WHEN 'Load Zone' THEN 'LZ' WHEN 'Trading Hub' THEN 'HU' "
    "WHEN 'Resource Node' THEN 'RN' ELSE {0} END",
    "flag": "coalesce(upper({0}) IN ('Y', 'TRUE', 'T', '1'), FALSE)",
    "date": f"CAST(TRY_STRPTIME({{0}}, {_DATES}) AS DATE)",
    "hour": "TRY_CAST(regexp_extract({0}, '^([0-9]{{1,2}})(:00(:00)?)?$', 1) AS INTEGER)",
    "quarter": "TRY_CAST({0} AS INTEGER)",
    "stamp": f"TRY_STRPTIME({{0}}, {_STAMPS})",
    "instant": "make_timestamp(epoch_us(TRY_CAST({0} AS TIMESTAMPTZ)))",
}
"""A trimmed cell, NULL if blank, as a value; NULL if it is none. By the kind of its field."""

_WRONG = {
    "number": "{v} IS NULL OR NOT isfinite({v})",
    "count": "{v} IS NULL OR {v} < 1",
    "product": "{v} = 'NOT APPLICABLE'",
    "market": "{v} IS NULL",
    "flag": "upper({x}) NOT IN ('Y', 'N', 'TRUE', 'FALSE', 'T', 'F', '0', '1')",
    "date": "{v} IS NULL",
    "hour": "{v} IS NULL OR {v} NOT BETWEEN 1 AND 24",
    "quarter": "{v} IS NULL OR {v} NOT BETWEEN 1 AND 4",
    "stamp": "{v} IS NULL",
    "instant": "{v} IS NULL",
}

_SAYS = {
    "number": "is no number",
    "count": "is no whole number from 1",
    "product": "is no ancillary service",
    "market": "is no market that is known here",
    "flag": "is neither Y nor N",
    "date": "is no date (month/day/year)",
    "hour": "is no hour ending, 1 to 24",
    "quarter": "is no quarter of an hour, 1 to 4",
    "stamp": "is no time (month/day/year hour:minute:second)",
    "instant": "is no time with its date",
}

SKIPPED = "the clocks skip this hour on this day"
NOT_REPEATED = "this hour does not come twice on this day"
OFFSET = "does not say its offset from UTC"
OUTSIDE = "is outside the years 2000 to 2049"
NOTHING = "nothing is there"
TOO_WIDE = "the row has more cells than the header"


@dataclass(frozen=True)
class Counts:
    """What became of a document. rows: read. kept: rows of tables made of them. blank: that were not, for an empty cell. again:
    said a second time. rejected: rows of the document. conflicts: rows of which another document says otherwise, published
    no earlier and no later."""

    rows: int
    kept: int
    blank: int
    again: int
    rejected: int
    conflicts: int


def load(con: Any, documents: Sequence[tuple[int, Document]], feed: Feed) -> dict[int, Counts]:
    """Put the rows of documents into `kept`, and what cannot be read into `kept.rejected`; what became of each.

    documents: each with its number in the table `documents`, all of one feed and with one header. Many small ones cost little
    more than a large one.
    """
    header = documents[0][1].header
    _incoming(con, documents, len(header))
    at = {f: place(f, header) for f in feed.fields}
    _staged(con, feed, at)
    _reject(con, header, feed, at)
    rows = _by_document(con, "SELECT document, count(*) FROM incoming GROUP BY ALL")
    blank, again, kept, conflicts = Counter[int](), Counter[int](), Counter[int](), Counter[int]()
    for into in feed.into:
        table = BY_NAME[into.table]
        blank += _fresh(con, table, into, feed)
        again += _drop_doubles(con, table)
        kept += _by_document(con, "SELECT document, count(*) FROM fresh GROUP BY ALL")
        names = ", ".join(f'"{c}"' for c in _columns(con, f"kept.{table.name}"))
        con.execute(f"INSERT INTO kept.{table.name} ({names}) SELECT {names} FROM fresh")
        con.execute(f"CREATE OR REPLACE TEMP TABLE touched AS SELECT {_keys(table)} FROM fresh")
        conflicts += settle(con, table, fresh=True)
    numbers = [number for number, _ in documents]
    listed = ", ".join(map(str, numbers))
    rejected = _by_document(con, f"SELECT document, count(DISTINCT line) FROM kept.rejected WHERE document IN ({listed}) GROUP BY ALL")
    for name in ("incoming", "staged", "fresh", "touched"):
        con.execute(f"DROP TABLE IF EXISTS temp.{name}")
    return {n: Counts(rows[n], kept[n], blank[n], again[n], rejected[n], conflicts[n]) for n in numbers}


def _by_document(con: Any, sql: str) -> Counter[int]:
    return Counter(dict(con.execute(sql).fetchall()))


def settle(con: Any, table: Table, fresh: bool = False) -> Counter[int]:
    """Mark, among the rows whose keys are in the temporary table `touched`, those in force; of each document, its rows in conflict.

    fresh: the touched rows are all marked already, so that only keys that several documents have need a look.
    """
    none = Counter[int]()
    first, last = con.execute("SELECT min(start_utc), max(start_utc) FROM touched").fetchone()
    if first is None:
        return none
    keys, within = _keys(table), "k.start_utc BETWEEN ? AND ?"
    touched = f"FROM kept.{table.name} k SEMI JOIN touched t USING ({keys}) WHERE {within}"
    several = f"SELECT count(*) FROM (SELECT 1 {touched} GROUP BY {_keys(table, 'k.')} HAVING count(*) > 1)"
    if fresh and not con.execute(several, [first, last]).fetchone()[0]:
        return none
    over = f"PARTITION BY {_keys(table, 'k.')} ORDER BY d.published_utc DESC NULLS LAST, d.digest DESC"
    con.execute(
        f"""
        UPDATE kept.{table.name} AS old SET current = ranked.current FROM (
            SELECT k.rowid AS at, row_number() OVER ({over}) = 1 AS current
            FROM kept.{table.name} k JOIN documents d ON d.id = k.document SEMI JOIN touched t USING ({keys})
            WHERE {within}
        ) ranked WHERE old.rowid = ranked.at AND old.current IS DISTINCT FROM ranked.current
        """,
        [first, last],
    )
    values = ", ".join(f"k.{c.name}" for c in table.values)
    apart = f"count(DISTINCT ({values},)) OVER (PARTITION BY {_keys(table, 'k.')}, k.published_utc)"
    clashes = f"SELECT document, count(*) FROM (SELECT k.document, {apart} AS apart {touched}) WHERE apart > 1 GROUP BY ALL"
    return Counter(dict(con.execute(clashes, [first, last]).fetchall()))


def _keys(table: Table, of: str = "") -> str:
    return ", ".join(of + c for c in table.key)


def _columns(con: Any, table: str) -> list[str]:
    return [row[0] for row in con.execute(f"DESCRIBE {table}").fetchall()]


def _incoming(con: Any, documents: Sequence[tuple[int, Document]], wide: int) -> None:
    import pyarrow as pa

    columns = ", ".join(f"c{i} VARCHAR" for i in range(wide))
    con.execute(f"CREATE OR REPLACE TEMP TABLE incoming (document INTEGER, line INTEGER, extra VARCHAR, {columns})")
    cells = ", ".join(f"CAST(c{i} AS VARCHAR)" for i in range(wide))

    def put(batches: list[Any]) -> None:
        con.register("batch", pa.concat_tables(batches))
        con.execute(f"INSERT INTO incoming SELECT document, line, extra, {cells} FROM batch")
        con.unregister("batch")

    waiting: list[Any] = []
    rows = 0
    for number, document in documents:
        for batch in document.batches():
            here = batch.add_column(0, "document", pa.array([number] * batch.num_rows, pa.int32()))
            if waiting and (rows > _AT_ONCE or here.schema != waiting[0].schema):
                put(waiting)
                waiting, rows = [], 0
            waiting.append(here)
            rows += here.num_rows
    if waiting:
        put(waiting)


# ----------------------------------------------------------------------------------- reading cells


def _staged(con: Any, feed: Feed, at: dict[Field, int | None]) -> None:
    """The temporary table `staged`: values `v0`, ... and faults `f0`, ... by field, and when each row is."""
    trimmed, values = [], []
    for j, field in enumerate(feed.fields):
        i = at[field]
        cell = f"trim(c{i})" if i is not None else "CAST(NULL AS VARCHAR)"
        trimmed.append(f"CASE WHEN lower({cell}) NOT IN {_BLANK} THEN {cell} END AS x{j}")
        values.append(f"{_READ[field.kind].format(f'x{j}')} AS v{j}")
    faults = [f"{_fault(j, field)} AS f{j}" for j, field in enumerate(feed.fields)]
    numbers = {f: j for j, f in enumerate(feed.fields)}
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE staged AS
        WITH trimmed AS (SELECT document, line, extra, {", ".join(trimmed)} FROM incoming),
        read AS (SELECT *, {", ".join(values)} FROM trimmed),
        judged AS (SELECT *, {", ".join(faults)} FROM read),
        {_timed(feed, numbers, at)},
        placed AS (
            SELECT t.*, d.day AS delivery_date, d.midnight_utc, d.hours AS day_hours, d.skipped, d.repeated AS twice,
                   CAST(date_diff('second', d.midnight_utc, t.start_utc) // 3600 AS INTEGER) + 1 AS nth
            FROM timed t ASOF LEFT JOIN delivery_days d ON t.start_utc >= d.midnight_utc
        )
        SELECT * EXCLUDE (skipped, twice, nth),
            CASE WHEN skipped > 0 AND nth >= skipped THEN nth + 1 WHEN twice > 0 AND nth > twice THEN nth - 1 ELSE nth END AS hour_ending,
            twice > 0 AND nth = twice + 1 AS repeated,
            CASE WHEN end_utc IS NULL OR end_utc - start_utc < INTERVAL 1 HOUR THEN minute(start_utc) // 15 + 1 END AS "interval"
        FROM placed
        """
    )


def _fault(j: int, field: Field) -> str:
    wrong = _WRONG.get(field.kind)
    cases = []
    if field.needed and not field.blank and field.kind not in ("note", "flag"):
        cases.append(f"WHEN x{j} IS NULL THEN '{NOTHING}'")
    if wrong:
        cases.append(f"WHEN x{j} IS NOT NULL AND ({wrong.format(v=f'v{j}', x=f'x{j}')}) THEN '{_SAYS[field.kind]}'")
    return f"CASE {' '.join(cases)} END" if cases else "CAST(NULL AS VARCHAR)"


def _timed(feed: Feed, numbers: dict[Field, int], at: dict[Field, int | None]) -> str:
    """The common table `timed`: `judged` with `start_utc`, `end_utc`, and the faults that a clock can have."""
    when = feed.when
    first = numbers[when.first]
    if when.form in ("zoned", "utc"):
        start = f"v{first}"
        fault = f"CASE WHEN {start} NOT BETWEEN '2000-01-01' AND '2049-12-31' THEN '{OUTSIDE}' END"
        if when.form == "zoned":
            zoned = f"regexp_matches(x{first}, '([+-][0-9]{{2}}(:?[0-9]{{2}})?|Z)$')"
            fault = f"CASE WHEN NOT {zoned} THEN '{OFFSET}' ELSE {fault} END"
        end = f"v{numbers[when.end]}" if when.end else f"{start} + to_minutes({when.minutes})" if when.minutes else "CAST(NULL AS TIMESTAMP)"
        return f"""timed AS (
            SELECT * REPLACE (coalesce(f{first}, {fault}) AS f{first}), {start} AS start_utc, {end} AS end_utc FROM judged
        )"""
    day, hour, into = f"v{first}", "", "INTERVAL 0 SECOND"
    if when.form == "run":
        day, hour = f"CAST(v{first} AS DATE)", f"hour(v{first}) + 1"
        into = f"v{first} - date_trunc('hour', v{first})"
        named = first
    else:
        assert when.hour is not None
        named = numbers[when.hour]
        hour = f"v{named}"
        if when.interval is not None:
            into = f"to_minutes(15 * (v{numbers[when.interval]} - 1))"
    flag = when.flag if when.flag is not None and at[when.flag] is not None else None
    if flag is not None:
        second = f"v{numbers[flag]}"
        odd = f", coalesce(f{numbers[flag]}, CASE WHEN v{numbers[flag]} AND NOT (nth = twice) THEN '{NOT_REPEATED}' END) AS f{numbers[flag]}"
    else:  # the second row that says the same hour is of its second pass
        same = ", ".join([f"x{j}" for f, j in numbers.items() if f.kind in ("date", "hour", "quarter", "stamp", "text", "note", "product")])
        second, odd = f"(nth = twice AND row_number() OVER (PARTITION BY document, {same} ORDER BY line) = 2)", ""
    end = f"begun + to_minutes({when.minutes})" if when.minutes else "CAST(NULL AS TIMESTAMP)"
    return f"""
        dated AS (
            SELECT j.*, d.midnight_utc AS zero, d.skipped, d.repeated AS twice, {hour} AS nth, {into} AS past
            FROM judged j LEFT JOIN delivery_days d ON d.day = {day}
        ),
        passed AS (SELECT *, {second} AS second FROM dated),
        begun AS (
            SELECT *, zero + past + to_hours(CAST(nth - 1 - CAST(skipped > 0 AND nth > skipped AS INTEGER)
                + CAST(twice > 0 AND (nth > twice OR (nth = twice AND second)) AS INTEGER) AS INTEGER)) AS begun FROM passed
        ),
        timed AS (
            SELECT * EXCLUDE (zero, skipped, twice, nth, past, second, begun) REPLACE (
                coalesce(f{first}, CASE WHEN zero IS NULL THEN '{OUTSIDE}' END{
        f", CASE WHEN skipped > 0 AND nth = skipped THEN '{SKIPPED}' END" if named == first else ""}) AS f{first}{
        "" if named == first else f", coalesce(f{named}, CASE WHEN skipped > 0 AND nth = skipped THEN '{SKIPPED}' END) AS f{named}"}{odd}
            ), begun AS start_utc, {end} AS end_utc FROM begun
        )"""


def _reject(con: Any, header: tuple[str, ...], feed: Feed, at: dict[Field, int | None]) -> None:
    """Rows with a fault leave `staged`, one entry for each faulty cell."""
    faults = ["extra"] + [f"f{j}" for j in range(len(feed.fields))]
    bad = " OR ".join(f"{f} IS NOT NULL" for f in faults)
    if not con.execute(f"SELECT count(*) FROM staged WHERE {bad}").fetchone()[0]:
        return
    text = "concat_ws(',', " + ", ".join(f"coalesce(i.c{k}, '')" for k in range(len(header))) + ")"
    record = (
        "INSERT INTO kept.rejected SELECT s.document, s.line, ?, {said}, {reason}, {text} "
        "FROM staged s JOIN incoming i USING (document, line) WHERE {bad}"
    )
    con.execute(record.format(said="s.extra", reason=f"'{TOO_WIDE}'", text=text, bad="s.extra IS NOT NULL"), [None])
    for j, field in enumerate(feed.fields):
        i = at[field]
        name = header[i] if i is not None else field.names[0]
        said = f"i.c{i}" if i is not None else "NULL"
        con.execute(record.format(said=said, reason=f"s.f{j}", text=text, bad=f"s.f{j} IS NOT NULL"), [name])
    con.execute(f"DELETE FROM staged WHERE {bad}")


# -------------------------------------------------------------------------------------- rows of tables


def _fresh(con: Any, table: Table, into: Into, feed: Feed) -> Counter[int]:
    """The temporary table `fresh`: what the documents say for one table. Of each, the number of rows that say nothing."""
    numbers = {f: j for j, f in enumerate(feed.fields)}
    cells = []
    for column in (*table.keys, *table.values):
        if column.name in into.fixed:
            said = f"'{into.fixed[column.name]}'"
        elif column.name in into.cells:
            said = f"v{numbers[into.cells[column.name]]}"
        else:
            said = "''" if column in table.keys else "NULL"
        cells.append(f"CAST({said} AS {column.type}) AS {column.name}")
    known = f"published_utc, {into.known}" if isinstance(into.known, str) else f"v{numbers[into.known]}, published_utc"
    main = into.cells[table.value]
    told = f"x{numbers[main]} IS NOT NULL"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE fresh AS
        SELECT *, coalesce({known}) AS known_utc, TRUE AS current
        FROM (SELECT s.*, p.published_utc, {", ".join(cells)} FROM staged s JOIN documents p ON p.id = s.document WHERE {told})
        """
    )
    return _by_document(con, f"SELECT document, count(*) FROM staged WHERE NOT ({told}) GROUP BY ALL")


def _drop_doubles(con: Any, table: Table) -> Counter[int]:
    """A key said twice by a document: what says the same is dropped, what says otherwise is rejected. Of each, the number dropped."""
    keys = _keys(table)
    if not con.execute(f"SELECT count(*) FROM (SELECT 1 FROM fresh GROUP BY document, {keys} HAVING count(*) > 1)").fetchone()[0]:
        return Counter()
    values = ", ".join(c.name for c in table.values)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE doubles AS SELECT document, line, before, said IS NOT DISTINCT FROM first AS same FROM (
            SELECT document, line, ({values},) AS said, first_value(line) OVER w AS before, first_value(({values},)) OVER w AS first
            FROM fresh WINDOW w AS (PARTITION BY document, {keys} ORDER BY line)
        ) WHERE line > before
        """
    )
    con.execute(
        f"""
        INSERT INTO kept.rejected
        SELECT u.document, u.line, '{table.value}', CAST(f.{table.value} AS VARCHAR), d.unit || ' ' || u.before || ' says otherwise', NULL
        FROM doubles u JOIN fresh f USING (document, line) JOIN documents d ON d.id = u.document WHERE NOT u.same
        """
    )
    con.execute("DELETE FROM fresh WHERE (document, line) IN (SELECT (document, line) FROM doubles)")
    again = _by_document(con, "SELECT document, count(*) FROM doubles WHERE same GROUP BY ALL")
    con.execute("DROP TABLE doubles")
    return again


__all__ = ["Counts", "load", "settle"]
