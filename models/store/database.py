"""A store: one DuckDB file that is opened, loaded into, asked and exported.

A load is one transaction: what fails, is interrupted or killed leaves the store as it was. A document whose contents are there
already changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import cache
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

from opengames.diagnostics import Refusal, refuse
from opengames.models.store import loading
from opengames.models.store.clock import all_days
from opengames.models.store.documents import Document, documents
from opengames.models.store.features import features_view
from opengames.models.store.feeds import Feed, recognise
from opengames.models.store.loading import Counts
from opengames.models.store.schema import AFTER, BEFORE, BY_NAME, TABLES, VERSION, creation

VIEWS = (*(t.name for t in TABLES), "features", "documents", "rejected", "conflicts", "delivery_days")
"""What a store can be asked for by name."""

BY_RULE = "rule"
"""Given as the time of publication: what is loaded counts as known by the rules of its feed."""

_SHOWN = 5


@dataclass(frozen=True)
class Loaded:
    """What became of one document. feed: "" for one that was left out, beside others of its archive. there: whether its contents
    were in the store before."""

    name: str
    feed: str
    there: bool
    counts: Counts


_NOTHING = Counts(0, 0, 0, 0, 0, 0)

_TOGETHER = 32 << 20
"""Bytes of documents of one form that are loaded together."""


@dataclass
class _Waiting:
    """Documents of one form, to be loaded together. at: their places among all that a load reports."""

    feed: Feed
    at: list[int]
    documents: dict[int, Document]
    size: int = 0

    def add(self, at: int, number: int, document: Document) -> None:
        self.at.append(at)
        self.documents[number] = document
        self.size += document.size


class Store:
    """An open store. Use as a context, or `close` it."""

    def __init__(self, connection: Any, path: str) -> None:
        self.connection, self.path = connection, path

    @property
    def name(self) -> str:
        return Path(self.path).name

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self.connection.close()

    # ------------------------------------------------------------------------------------- loading

    def load(
        self, *files: str | Path, strict: bool = False, published: datetime | str | None = None
    ) -> tuple[Loaded, ...]:
        """Load files, all or none.

        strict: refuse the first document that has rows which cannot be read. published: when the files were published (UTC), or
        `rule` if what they say was known by the rules of its feed, whatever their names say. Raises `Refusal`: `unknown-feed`,
        `missing-column`, `data-unreadable`, `data-no-such-file`, `bad-option` for a time that is none, and if `strict` `data-bad-cell`.
        """
        published = publication(published)
        found: list[Loaded] = []
        waiting: dict[tuple[str, tuple[str, ...]], _Waiting] = {}
        with self._transaction():
            rows = self.connection.execute("SELECT digest, id, published_utc FROM documents").fetchall()
            known: dict[str, tuple[int, datetime | None]] = {digest: (number, at) for digest, number, at in rows}
            numbers = count(1 + max((number for _, number, _ in rows), default=0))
            for file in files:
                for document, feed in read(file):
                    if published is not None:
                        document = replace(document, published=None if isinstance(published, str) else published)
                    there = feed is not None and document.digest in known
                    found.append(Loaded(document.name, feed.name if feed else "", there, _NOTHING))
                    if feed is None:
                        continue
                    key = (feed.name, document.header)
                    if there:
                        self._again(document, feed, known, waiting.get(key))
                        continue
                    number = next(numbers)
                    known[document.digest] = (number, document.published)
                    together = waiting.setdefault(key, _Waiting(feed, [], {}))
                    together.add(len(found) - 1, number, document)
                    if together.size > _TOGETHER:
                        self._put(waiting.pop(key), found, strict)
            for together in waiting.values():
                self._put(together, found, strict)
        return tuple(found)
    def _again(self, document: Document, feed: Feed, known: dict[str, tuple[int, datetime | None]], waiting: _Waiting | None) -> None:
        """Contents that are there, or wait to be loaded, turn up again: the earliest time of publication counts."""
        number, before = known[document.digest]
        if document.published is None or (before is not None and before <= document.published):
            return
        known[document.digest] = (number, document.published)
        if waiting is not None and number in waiting.documents:
            waiting.documents[number] = replace(waiting.documents[number], published=document.published)
        else:
            self._publish(number, feed, document.published)

    def _put(self, together: _Waiting, found: list[Loaded], strict: bool) -> None:
        """Load documents that waited for each other, and note what became of them."""
        import pyarrow as pa

        con, now = self.connection, datetime.now(UTC).replace(tzinfo=None)
        listed = [
            {"id": number, "file": d.file, "member": d.member, "digest": d.digest, "published_utc": d.published,
             "unit": "line" if d.lined else "row"}
            for number, d in together.documents.items()
        ]  # fmt: skip
        kinds = [("id", pa.int32()), ("file", pa.string()), ("member", pa.string()), ("digest", pa.string()),
                 ("published_utc", pa.timestamp("us")), ("unit", pa.string())]  # fmt: skip
        with self._lent(pa.Table.from_pylist(listed, schema=pa.schema(kinds))):
            con.execute(
                "INSERT INTO documents SELECT id, file, member, digest, ?, published_utc, ?, unit, 0, 0, 0, 0, 0 FROM batch",
                [together.feed.name, now],
            )
        counts = loading.load(con, list(together.documents.items()), together.feed)
        for at, number in zip(together.at, together.documents, strict=True):
            found[at] = replace(found[at], counts=counts[number])
        became = [{"number": n, "r": c.rows, "k": c.kept, "b": c.blank, "a": c.again, "x": c.rejected} for n, c in counts.items()]
        with self._lent(pa.Table.from_pylist(became)):
            con.execute("UPDATE documents SET rows = r, kept = k, blank = b, again = a, rejected = x FROM batch WHERE id = number")
        for number, document in together.documents.items():
            if strict and counts[number].rejected:
                raise self._bad_cells(document)

    @contextmanager
    def _lent(self, table: Any) -> Iterator[None]:
        """A `pyarrow.Table` under the name `batch`."""
        self.connection.register("batch", table)
        try:
            yield
        finally:
            self.connection.unregister("batch")

    def _publish(self, number: int, feed: Feed, published: datetime) -> None:
        """The same contents turn up with an earlier time of publication: it is that time that counts."""
        con = self.connection
        con.execute("UPDATE documents SET published_utc = ? WHERE id = ?", [published, number])
        for name in {i.table: None for i in feed.into}:
            said = isinstance(next(i.known for i in feed.into if i.table == name), str)
            known = ", known_utc = ?" if said else ""
            con.execute(f"UPDATE kept.{name} SET published_utc = ?{known} WHERE document = ?", [published, *([published] if said else []), number])
            self._touch(name, number)
            loading.settle(con, BY_NAME[name])

    def forget(self, file: str) -> int:
        """Take out every document of a file, by the name it was loaded under; what others say comes back into force. The number
        of documents. Raises `Refusal` (`data-no-such-file`)."""
        con = self.connection
        with self._transaction():
            found = [row[0] for row in con.execute("SELECT id FROM documents WHERE file = ? OR file || ':' || member = ?", [file, file]).fetchall()]
            if not found:
                names = [row[0] for row in con.execute("SELECT DISTINCT file FROM documents").fetchall()]
                near = get_close_matches(file, names, 1, 0.6)
                raise refuse("data-no-such-file", f"nothing in `{self.name}` was loaded from `{file}`",
                             help=f"did you mean `{near[0]}`?" if near else "`opengames store show` lists the files")  # fmt: skip
            for number in found:
                for table in TABLES:
                    self._touch(table.name, number)
                    if con.execute(f"DELETE FROM kept.{table.name} WHERE document = ? RETURNING 1", [number]).fetchone():
                        loading.settle(con, table)
                con.execute("DELETE FROM kept.rejected WHERE document = ?", [number])
                con.execute("DELETE FROM documents WHERE id = ?", [number])
        return len(found)

    def _touch(self, table: str, number: int) -> None:
        keys = ", ".join(BY_NAME[table].key)
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE touched AS SELECT DISTINCT {keys} FROM kept.{table} WHERE document = ?", [number])

    def _bad_cells(self, document: Document) -> Refusal:
        rows = self.connection.execute(
            'SELECT r.line, r."column", r.said, r.reason FROM kept.rejected r JOIN documents d ON d.id = r.document '
            "WHERE d.digest = ? ORDER BY ALL", [document.digest]
        ).fetchall()  # fmt: skip
        unit = "line" if document.lined else "row"
        notes = [rejection(unit, *row) for row in rows[:_SHOWN]]
        if len(rows) > _SHOWN:
            notes.append(f"and {len(rows) - _SHOWN:,} more")
        return refuse("data-bad-cell", f"`{document.name}` has {'a cell' if len(rows) == 1 else f'{len(rows):,} cells'} that cannot be read",
                      notes=tuple(notes), help="without `--strict` all other rows are loaded")  # fmt: skip

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        import duckdb

        self.connection.execute("BEGIN TRANSACTION")
        try:
            yield
            self.connection.execute("COMMIT")
        except duckdb.IOException as error:
            with suppress(duckdb.Error):  # the transaction may be gone with the file
                self.connection.execute("ROLLBACK")
            raise refuse("bad-store", f"`{self.path}` cannot be written", notes=(str(error).split("\n", 1)[0],),
                         help="is there room on the disk?") from error  # fmt: skip
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise

    # -------------------------------------------------------------------------------------- asking

    def rows(self, view: str, columns: Sequence[str] = (), **where: Any) -> list[tuple[Any, ...]]:
        """The rows of a view in the order of all their columns. columns: all unless told. where: by column, a value."""
        said, values = self._where(view, where)
        there = self.columns(view) if columns else ()
        for name in columns:
            if name not in there:
                raise no_column(name, view, there)
        chosen = ", ".join(f'"{c}"' for c in columns) or "*"
        return list(self._asked(f"SELECT {chosen} FROM {checked_view(view)}{said} ORDER BY ALL", values).fetchall())

    def table(self, view: str, **where: Any) -> Any:
        """The rows of a view as a `pyarrow.Table`, in the order of all their columns."""
        said, values = self._where(view, where)
        return self._asked(f"SELECT * FROM {checked_view(view)}{said} ORDER BY ALL", values, relation=True).to_arrow_table()

    def as_of(self, view: str, when: datetime) -> list[tuple[Any, ...]]:
        """The rows of a table's view as they were known at an instant (UTC): of each key the row last known by then."""
        table = BY_NAME[checked_view(view, among=tuple(BY_NAME))]
        columns = ", ".join(f'k."{c.name}"' for c in (*table.keys, *BEFORE, *table.values))
        keys = ", ".join(f"k.{c}" for c in table.key)
        sql = (
            f"SELECT {columns}, k.known_utc, d.feed, d.file FROM kept.{view} k JOIN documents d ON d.id = k.document WHERE k.known_utc <= ? "
            f"QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY k.known_utc DESC, d.published_utc DESC NULLS LAST, d.digest DESC) = 1 "
            "ORDER BY ALL"
        )
        return list(self._asked(sql, [when]).fetchall())

    def columns(self, view: str) -> tuple[str, ...]:
        return tuple(row[0] for row in self.connection.execute(f"DESCRIBE {checked_view(view)}").fetchall())

    def _where(self, view: str, where: dict[str, Any]) -> tuple[str, list[Any]]:
        there = self.columns(view) if where else ()
        for name in where:
            if name not in there:
                raise no_column(name, view, there)
        said = " AND ".join(f'"{name}" = ?' for name in where)
        return (f" WHERE {said}" if said else ""), list(where.values())

    def _asked(self, sql: str, values: list[Any], relation: bool = False) -> Any:
        import duckdb

        try:
            return self.connection.sql(sql, params=values) if relation else self.connection.execute(sql, values)
        except duckdb.ConversionException as error:
            raise refuse("bad-argument", "a value does not fit its column", notes=(str(error).split("\n", 1)[0],)) from error

    def export(self, view: str, out: str | Path, **where: Any) -> int:
        """Write a view to a CSV or Parquet file, by its ending; the number of rows. What is written of a table can be loaded again.

        Raises `Refusal`: `file-exists`, `data-unreadable` for another ending, `no-such-file` if it cannot be written.
        """
        import duckdb

        path = Path(out)
        said, values = self._where(view, where)
        form = {".csv": "(FORMAT CSV, HEADER)", ".parquet": "(FORMAT PARQUET, COMPRESSION ZSTD)"}.get(path.suffix.lower())
        if form is None:
            raise refuse("bad-option", f"`{path.name}` ends in neither `.csv` nor `.parquet`", help="the ending says the format")
        if not path.absolute().parent.is_dir():
            raise refuse("no-such-file", f"there is no folder `{path.parent}` for `{path.name}`")
        if path.exists():
            raise refuse("file-exists", f"`{out}` is there already", help="choose another name")
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        quoted = str(part).replace("'", "''")
        try:
            written = self._asked(f"COPY (SELECT * FROM {checked_view(view)}{said} ORDER BY ALL) TO '{quoted}' {form}", values).fetchone()[0]
            part.rename(path)
        except (duckdb.IOException, OSError) as error:
            raise refuse("no-such-file", f"cannot write `{out}`: {str(error).splitlines()[0]}") from error
        finally:
            part.unlink(missing_ok=True)
        return int(written)


def open_store(path: str | Path, new: bool = True, read_only: bool = False) -> Store:
    """The store in a file; `:memory:` for one that is not kept. new: whether to make one where there is none.

    Raises `Refusal`: `data-no-such-file`, `bad-store` if the file is none, is open elsewhere, or is of another version.
    """
    import duckdb

    text = str(path)
    fresh = text == ":memory:" or not Path(text).exists()
    if fresh and not new:
        raise refuse("data-no-such-file", f"there is no store `{text}`", help=f"make one: `opengames store load FILES --db {text}`")
    if fresh and text != ":memory:" and not Path(text).absolute().parent.is_dir():
        raise refuse("no-such-file", f"there is no folder `{Path(text).parent}` for the store")
    if fresh and text != ":memory:" and not text.endswith(".duckdb"):
        raise refuse("bad-option", f"`{text}` is no name for a store", help=f"let it end in `.duckdb`: `{Path(text).with_suffix('.duckdb')}`")
    if not fresh and not _is_database(Path(text)):
        raise refuse("bad-store", f"`{text}` is no store", notes=("it is no DuckDB file",), help="name a store, or a file that is not there yet")
    try:
        connection = duckdb.connect(text, read_only=read_only and not fresh)
    except duckdb.Error as error:
        busy = "lock" in str(error).lower()
        why = "another process has it open" if busy else str(error).split("\n", 1)[0]
        help = "try again when that is done" if busy else "name a store, or a file that is not there yet"
        raise refuse("bad-store", f"`{text}` cannot be opened as a store", notes=(why,), help=help) from error
    connection.execute("SET TimeZone = 'UTC'")
    store = Store(connection, text)
    if fresh:
        _create(store)
    else:
        _check(store)
    return store


def _is_database(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(12)[8:] == b"DUCK"
    except OSError:
        return False


@cache
def _days() -> Any:
    """`delivery_days` as a `pyarrow.Table`."""
    import pyarrow as pa

    days = all_days()
    return pa.table({
        "day": [d.day for d in days], "midnight_utc": [d.midnight for d in days], "hours": [d.hours for d in days],
        "skipped": [d.skipped for d in days], "repeated": [d.repeated for d in days],
    })  # fmt: skip


def _create(store: Store) -> None:
    with store._transaction():
        for statement in creation():
            store.connection.execute(statement)
        with store._lent(_days()):
            store.connection.execute("INSERT INTO delivery_days SELECT * FROM batch")
        store.connection.execute(features_view())


def _check(store: Store) -> None:
    import duckdb

    try:
        version = store.connection.execute("SELECT version FROM about").fetchone()
    except duckdb.Error as error:
        store.close()
        raise refuse("bad-store", f"`{store.path}` is a DuckDB file and no store", notes=("it has no table `about`",),
                     help="name a store, or a file that is not there yet") from error  # fmt: skip
    if version is None or version[0] != VERSION:
        store.close()
        raise refuse("bad-store", f"`{store.path}` is a store of version {version and version[0]}, and this is for version {VERSION}",
                     help="load the files into a new store")  # fmt: skip


def read(file: str | Path) -> Iterator[tuple[Document, Feed | None]]:
    """The documents of a file, each with its feed; `None` for one that is of no feed beside others of its archive that are."""
    refused: Refusal | None = None
    found: list[Document] = []
    any_fits = False
    for document in documents(Path(file)):
        try:
            feed = recognise(document.header, document.name)
        except Refusal as refusal:
            if any(d.code == "missing-column" for d in refusal.diagnostics):
                raise
            refused = refused or refusal
            found.append(document)
            continue
        any_fits = True
        yield document, feed
    if not any_fits:
        raise refused or refuse("data-unreadable", f"`{Path(file).name}` has no table in it")
    yield from ((document, None) for document in found)


def publication(said: datetime | str | None) -> datetime | str | None:
    """A time of publication in UTC without a zone, from a time with or without one, or its ISO text; `rule` and none stay.

    Raises `Refusal` (`bad-option`).
    """
    if said is None or said == "rule":
        return said
    try:
        when = said if isinstance(said, datetime) else datetime.fromisoformat(said)
    except (TypeError, ValueError) as error:
        raise refuse("bad-option", f"`{said}` is no time of publication", help="for example `2026-09-29T17:00`, UTC, or `rule`") from error
    return when if when.tzinfo is None else when.astimezone(UTC).replace(tzinfo=None)


def rejection(unit: str, line: int | None, column: str | None, said: str | None, reason: str) -> str:
    """A rejected cell in words. unit: what `line` counts.

    >>> rejection("line", 3, "MCPC", "n.a.", "is no number")
    'line 3, column `MCPC`: `n.a.` is no number'
    """
    where = f"{unit} {line}" + (f", column `{column}`" if column else "")
    return f"{where}: " + (f"`{said}` {reason}" if said and said.strip() else reason)


def checked_view(view: str, among: Sequence[str] = VIEWS) -> str:
    """`view`, if there is one of that name. Raises `Refusal` (`unknown-name`)."""
    if view in among:
        return view
    near = get_close_matches(view, among, 1, 0.5)
    raise refuse("unknown-name", f"a store has no view `{view}`", notes=("there are " + ", ".join(f"`{v}`" for v in among),),
                 help=f"did you mean `{near[0]}`?" if near else "")  # fmt: skip


def no_column(name: str, view: str, there: Sequence[str]) -> Refusal:
    near = get_close_matches(name, there, 1, 0.5)
    listed = ", ".join(f"`{c}`" for c in there)
    return refuse("missing-column", f"the view `{view}` has no column `{name}`", notes=(f"its columns are {listed}",),
                  help=f"did you mean `{near[0]}`?" if near else "")  # fmt: skip


__all__ = ["AFTER", "BY_RULE", "VIEWS", "Loaded", "Store", "checked_view", "no_column", "open_store", "publication", "read", "rejection"]
