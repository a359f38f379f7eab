"""What a store holds: its tables, their columns with units, and the views on them.

A table in the schema `kept` has every row of every document that was loaded; its column `current` marks, for each key, the
row of the document that was published last (of unpublished ones, that whose contents hash highest, so that the order of
loading does not matter). A view in `main` has the current rows. Instants are UTC, without a zone, and end in `_utc`.
"""

from __future__ import annotations

from dataclasses import dataclass

VERSION = 1
"""Of the schema. A store of another version is refused."""


@dataclass(frozen=True)
class Column:
    """type: DuckDB's. unit: "" where there is none."""

    name: str
    type: str
    unit: str
    meaning: str


@dataclass(frozen=True)
class Table:
    """keys: what, with `start_utc`, names a row; text is never NULL, `''` is for none. series: the keys that name a series in time.
    value: the column that is meant where none is named. steady: whether a series has a row at all times."""

    name: str
    title: str
    keys: tuple[Column, ...]
    values: tuple[Column, ...]
    series: tuple[str, ...]
    value: str
    steady: bool = True

    @property
    def key(self) -> tuple[str, ...]:
        """All columns that name a row."""
        return (*(c.name for c in self.keys), "start_utc")


def _text(name: str, meaning: str) -> Column:
    return Column(name, "VARCHAR", "", meaning)


def _number(name: str, unit: str, meaning: str) -> Column:
    return Column(name, "DOUBLE", unit, meaning)


MARKET = _text("market", "`DAM`, `RT_SCED` (by run), `RT_15` (15 minutes, settlement), `RT_HOURLY`")

BEFORE = (
    Column("start_utc", "TIMESTAMP", "UTC", "where the interval begins; of a SCED run, its time stamp"),
    Column("end_utc", "TIMESTAMP", "UTC", "where it ends; NULL for a SCED run, which holds until the next"),
    Column("delivery_date", "DATE", "", "the day of delivery, Central time"),
    Column("hour_ending", "UTINYINT", "", "1 to 24, Central time"),
    Column("interval", "UTINYINT", "", "1 to 4, the quarter of the hour"),
    Column("repeated", "BOOLEAN", "", "whether in the second pass of the hour that comes twice in autumn"),
)
"""Columns of every table that say when."""

AFTER = (
    Column("known_utc", "TIMESTAMP", "UTC", "when the row could be known at the earliest"),
    Column("published_utc", "TIMESTAMP", "UTC", "when its document was published, by its name or as told; NULL if unknown"),
    Column("document", "INTEGER", "", "the `id` of the document in `documents`"),
    Column("line", "INTEGER", "", "the line in the document; the row, where it has no lines"),
    Column("current", "BOOLEAN", "", "whether this row is the one in force for its key"),
)
"""Columns of every table that say where from."""

TABLES = (
    Table(
        "lmp", "prices at settlement points",
        (MARKET, _text("point", "the settlement point, as published"), _text("kind", "its type, such as `HU`, `LZ`, `LZEW`; `''` if not told")),
        (_number("price", "$/MWh", "the price"),), ("market", "point", "kind"), "price",
    ),
    Table(
        "system_lambda", "the price of energy of each SCED run, before losses of the network", (MARKET,),
        (_number("price", "$/MWh", "capped"), _number("uncapped", "$/MWh", "as the program gave it; NULL if not told")),
        ("market",), "price",
    ),
    Table(
        "shadow_price", "binding and violated network constraints of each SCED run",
        (
            _text("constraint_id", "number within the run"), _text("constraint_name", "as published"),
            _text("contingency", "`BASE CASE` or the outage"), _text("from_station", ""), _text("to_station", ""),
        ),
        (
            _number("price", "$/MW", "the shadow price"), _number("most", "$/MW", "its cap"),
            _number("limit_mw", "MW", ""), _number("value_mw", "MW", "the flow"), _number("violated_mw", "MW", ""),
            _number("from_kv", "kV", ""), _number("to_kv", "kV", ""), _text("cct", "competitive constraint test: `COMP` or `NONCOMP`"),
        ),
        ("constraint_name", "contingency"), "price", steady=False,
    ),
    Table(
        "mcpc", "clearing prices of ancillary services", (MARKET, _text("product", "`REGUP`, `REGDN`, `RRS`, `ECRS`, `NSPIN`")),
        (_number("price", "$/MW-h", "capped; small negative ones are right"), _number("uncapped", "$/MW-h", "NULL if not told")),
        ("market", "product"), "price",
    ),
    Table(
        "load", "load, as it was and as it was forecast",
        (
            _text("kind", "`actual` or `forecast`"), _text("zone", "the weather zone; `TOTAL` for the system"),
            _text("model", "of a forecast; `''` if not told"),
        ),
        (_number("mw", "MW", "mean power"), Column("in_use", "BOOLEAN", "", "whether the operator used this forecast; NULL if not told")),
        ("kind", "zone", "model"), "mw",
    ),
    Table(
        "asdc", "demand curves of ancillary services, point by point",
        (_text("product", "as in `mcpc`"), Column("point", "INTEGER", "", "its place in the curve, from 1")),
        (_number("mw", "MW", "quantity"), _number("price", "$/MW-h", "what the last megawatt is worth")), ("product",), "price",
    ),
    Table(
        "as_plan", "what the operator plans to buy of each ancillary service", (_text("product", "as in `mcpc`"),),
        (_number("mw", "MW", "quantity"),), ("product",), "mw",
    ),
    Table(
        "storage", "what all batteries together do", (),
        (
            _number("charging_mw", "MW", "not positive"), _number("discharging_mw", "MW", "not negative"),
            _number("net_mw", "MW", "output; their sum"),
        ),
        (), "net_mw",
    ),
    Table("generation", "output by fuel", (_text("fuel", "such as `wind`"),), (_number("mw", "MW", "mean power"),), ("fuel",), "mw"),
    Table("temperature", "temperature", (_text("zone", "`TOTAL` for the mean of the system"),), (_number("celsius", "°C", ""),), ("zone",), "celsius"),
)  # fmt: skip

BY_NAME = {t.name: t for t in TABLES}

_DOCUMENTS = """
CREATE TABLE documents (
    id INTEGER PRIMARY KEY, file VARCHAR NOT NULL, member VARCHAR NOT NULL, digest VARCHAR NOT NULL UNIQUE,
    feed VARCHAR NOT NULL, published_utc TIMESTAMP, loaded_utc TIMESTAMP NOT NULL, unit VARCHAR NOT NULL,
    rows BIGINT NOT NULL, kept BIGINT NOT NULL, blank BIGINT NOT NULL, again BIGINT NOT NULL, rejected BIGINT NOT NULL
)"""

_REJECTED = """
CREATE TABLE kept.rejected (document INTEGER NOT NULL, line INTEGER, "column" VARCHAR, said VARCHAR, reason VARCHAR NOT NULL, text VARCHAR)
"""

_DAYS = """
CREATE TABLE delivery_days (
    day DATE PRIMARY KEY, midnight_utc TIMESTAMP NOT NULL, hours UTINYINT NOT NULL, skipped UTINYINT NOT NULL,
    repeated UTINYINT NOT NULL
)"""


def creation() -> list[str]:
    """The statements that make an empty store, save for the rows of `delivery_days`."""
    made = ["CREATE SCHEMA kept", _DOCUMENTS, _REJECTED, _DAYS, "CREATE TABLE about (version INTEGER NOT NULL)",
            f"INSERT INTO about VALUES ({VERSION})"]  # fmt: skip
    for table in TABLES:
        made += [_kept(table), _view(table)]
    return [*made, _REJECTED_VIEW, _conflicts()]


def _kept(table: Table) -> str:
    columns = [f"{c.name} {c.type} NOT NULL" for c in table.keys]
    columns += [f'"{c.name}" {c.type}' for c in (*BEFORE, *table.values, *AFTER)]
    return f"CREATE TABLE kept.{table.name} ({', '.join(columns)})"


def _view(table: Table) -> str:
    columns = [f'k."{c.name}"' for c in (*table.keys, *BEFORE, *table.values)]
    said = ", ".join([*columns, "k.known_utc", "d.feed", "d.file"])
    return f"CREATE VIEW {table.name} AS SELECT {said} FROM kept.{table.name} k JOIN documents d ON d.id = k.document WHERE k.current"


_REJECTED_VIEW = """
CREATE VIEW rejected AS
SELECT d.file, d.member, d.feed, d.unit, r.line, r."column", r.said, r.reason, r.text
FROM kept.rejected r JOIN documents d ON d.id = r.document
"""


def _conflicts() -> str:
    """Rows of one key that differ though none was published later: which is in force is a matter of convention."""
    parts = []
    for table in TABLES:
        keys = ", ".join(table.key)
        named = " || ' ' || ".join(f"CAST({c.name} AS VARCHAR)" for c in table.keys) or "''"
        values = ", ".join(c.name for c in table.values)
        parts.append(
            f"SELECT '{table.name}' AS view, {named} AS key, start_utc, "
            f"list(DISTINCT CAST(({values},) AS VARCHAR)) AS said, list(DISTINCT d.file) AS files "
            f"FROM kept.{table.name} k JOIN documents d ON d.id = k.document "
            f"GROUP BY {keys}, k.published_utc HAVING count(*) > 1 AND count(DISTINCT ({values},)) > 1"
        )
    return "CREATE VIEW conflicts AS " + " UNION ALL ".join(parts)


__all__ = ["AFTER", "BEFORE", "BY_NAME", "TABLES", "VERSION", "Column", "Table", "creation"]
