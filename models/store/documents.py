"""Files as documents: tables of text, each with a header, whatever they lie in.

A CSV file is one document; a zip holds one for each CSV, Parquet or Excel member, and for each zip inside; an Excel workbook one
for each sheet. What a document is called when it was published, `...20260929.120017...`, says when that was.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any

from opengames.diagnostics import Refusal, refuse
from opengames.models.store.clock import local_stamp

LARGEST = 1 << 30
"""Bytes, unpacked, of one document beyond which it is not read."""

_DEEPEST = 3
_BATCH = 50_000
#: A line after the last one of a text: where it is not read as a line of its own, it stands within quotation marks.
_END = "\x1a\x1aend"
_STAMP = re.compile(r"\.(20\d{6})\.(\d{6})\d*\.")
_TABLES = (".csv", ".tsv", ".txt", ".parquet", ".xlsx", ".zip")


@dataclass(frozen=True)
class Document:
    """A table of text. file: on disk. member: inside it, "" for the file itself. digest: of the contents. published: UTC, by the
    name, `None` if it does not say. lined: whether `line` counts lines of a text, else rows. size: bytes. batches: tables with the columns
    `line`, `extra` (what stands beyond the header) and `c0`, `c1`, ... in the order of the header."""

    file: str
    member: str
    digest: str
    published: datetime | None
    header: tuple[str, ...]
    lined: bool
    size: int
    batches: Callable[[], Iterator[Any]]

    @property
    def name(self) -> str:
        return f"{self.file}:{self.member}" if self.member else self.file


def documents(path: Path) -> Iterator[Document]:
    """The documents in a file. Raises `Refusal`: `data-no-such-file`, `data-unreadable`, `over-budget`."""
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise _large(path.name)
        packed = path.read_bytes()
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise refuse("data-no-such-file", f"cannot read `{path}`: {why}", help="check its name and whether you may read it") from error
    yield from _unpacked(path.name, "", packed, 0)


def _unpacked(file: str, member: str, packed: bytes, depth: int) -> Iterator[Document]:
    name = f"{file}:{member}" if member else file
    if packed[:4] == b"PAR1":
        yield _parquet(file, member, packed)
    elif packed[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        try:
            with zipfile.ZipFile(io.BytesIO(packed)) as archive:
                if "xl/workbook.xml" in archive.namelist():
                    yield from _workbook(file, member, packed)
                    return
                if depth >= _DEEPEST:
                    raise refuse("data-unreadable", f"`{name}` has zips within zips, more than {_DEEPEST} deep")
                for each in sorted(archive.infolist(), key=lambda i: i.filename):
                    if each.is_dir() or not each.filename.lower().endswith(_TABLES):
                        continue
                    if each.file_size > LARGEST:
                        raise _large(f"{name}:{each.filename}")
                    inner = f"{member}/{each.filename}" if member else each.filename
                    yield from _unpacked(file, inner, archive.read(each), depth + 1)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
            raise refuse("data-unreadable", f"`{name}` is a zip that cannot be unpacked", notes=(str(error),)) from error
    else:
        yield _csv(file, member, packed)


def _large(name: str) -> Refusal:
    return refuse("over-budget", f"`{name}` is larger than {LARGEST >> 30} GiB", help="load it in parts")


def _published(file: str, member: str) -> datetime | None:
    found = _STAMP.search(member.rpartition("/")[2]) or _STAMP.search(file)
    return local_stamp(found[1], found[2]) if found else None


def _made(file: str, member: str, contents: bytes, header: list[str], lined: bool, batches: Callable[[], Iterator[Any]]) -> Document:
    names = tuple(c.strip() for c in header)
    while names and not names[-1]:
        names = names[:-1]
    twice = sorted({c for c in names if c and names.count(c) > 1})
    if twice:
        raise refuse("data-unreadable", f"`{f'{file}:{member}' if member else file}` has the column `{twice[0]}` more than once")
    return Document(file, member, hashlib.sha256(contents).hexdigest(), _published(file, member), names, lined, len(contents), batches)


# --------------------------------------------------------------------------------------------- text


def _csv(file: str, member: str, contents: bytes) -> Document:
    name = f"{file}:{member}" if member else file
    try:
        text = contents.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = contents.count(b"\n", 0, error.start) + 1
        raise refuse("data-unreadable", f"`{name}` cannot be read", notes=(f"line {line}: byte {error.start} is not UTF-8",),
                     help="save it as CSV in UTF-8") from error  # fmt: skip
    first = text[: text.find("\n") + 1] or text
    delimiter = max(",;\t", key=first.count)
    header = next(_rows(text, delimiter, name), (1, []))[1]
    if not header:
        raise refuse("data-unreadable", f"`{name}` is empty")
    wide = len(_made(file, member, b"", header, True, lambda: iter(())).header)

    def batches() -> Iterator[Any]:
        rows = islice(_rows(text, delimiter, name), 1, None)
        while batch := list(islice(rows, _BATCH)):
            yield _table([row for _, row in batch], [line for line, _ in batch], wide)

    return _made(file, member, contents, header, True, batches)


def _rows(text: str, delimiter: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not empty, each with the line where it begins."""
    reader = csv.reader(chain(io.StringIO(text, newline=""), [_END]), delimiter=delimiter)
    before = 0
    try:
        for row in reader:
            if row == [_END]:
                return
            if row and row[-1].endswith(_END):
                raise refuse("data-unreadable", f"`{name}` cannot be read", notes=(f"line {before + 1}: a quotation mark is never closed",),
                             help="close it, or double a mark that belongs to the text")  # fmt: skip
            if row:
                yield before + 1, row
            before = reader.line_num
    except csv.Error as error:
        raise refuse("data-unreadable", f"`{name}` cannot be read", notes=(f"line {reader.line_num}: {error}",)) from error


def _table(rows: list[list[str]], lines: list[int], wide: int) -> Any:
    import pyarrow as pa

    extra: list[str | None]
    if all(len(row) == wide for row in rows):
        columns: list[Any] = list(zip(*rows, strict=True))
        extra = [None] * len(rows)
    else:
        extra = [",".join(row[wide:]) if any(c.strip() for c in row[wide:]) else None for row in rows]
        columns = [[row[i] if i < len(row) else None for row in rows] for i in range(wide)]
    arrays = [pa.array(lines, pa.int32()), pa.array(extra, pa.string()), *(pa.array(c, pa.string()) for c in columns)]
    return pa.Table.from_arrays(arrays, names=["line", "extra", *(f"c{i}" for i in range(wide))])


# ------------------------------------------------------------------------------- Parquet and Excel


def _parquet(file: str, member: str, contents: bytes) -> Document:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    name = f"{file}:{member}" if member else file
    try:
        opened = parquet.ParquetFile(io.BytesIO(contents))
    except pa.ArrowException as error:
        raise refuse("data-unreadable", f"`{name}` cannot be read", notes=(str(error).split("\n", 1)[0],)) from error
    header = opened.schema_arrow.names

    def batches() -> Iterator[Any]:
        begun = 0
        for batch in opened.iter_batches(_BATCH * 4):
            count = batch.num_rows
            lines = pa.array(range(begun + 1, begun + count + 1), pa.int32())
            arrays = [lines, pa.nulls(count, pa.string()), *batch.columns]
            yield pa.Table.from_arrays(arrays, names=["line", "extra", *(f"c{i}" for i in range(len(header)))])
            begun += count

    return _made(file, member, contents, header, False, batches)


def _workbook(file: str, member: str, contents: bytes) -> Iterator[Document]:
    name = f"{file}:{member}" if member else file
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise refuse("data-unreadable", f"`{name}` is an Excel workbook, and `openpyxl` is not installed to read it",
                     help="install it with `pip install openpyxl`, or save the sheets as CSV") from error  # fmt: skip
    try:
        book = load_workbook(io.BytesIO(contents), read_only=True, data_only=True)
    except (KeyError, ValueError, OSError, SyntaxError) as error:
        raise refuse("data-unreadable", f"`{name}` is a workbook that cannot be read", notes=(str(error),)) from error
    for sheet in book.worksheets:
        rows = [[_cell(c) for c in row] for row in sheet.iter_rows(values_only=True)]
        if not rows or not any(rows[0]):
            continue
        inner = f"{member}/{sheet.title}" if member else sheet.title
        wide = len(_made(file, inner, b"", rows[0], False, lambda: iter(())).header)
        body = [(i, row) for i, row in enumerate(rows[1:], 2) if any(row)]

        def batches(body: list[tuple[int, list[str]]] = body, wide: int = wide) -> Iterator[Any]:
            for i in range(0, len(body), _BATCH):
                part = body[i : i + _BATCH]
                yield _table([row for _, row in part], [line for line, _ in part], wide)

        yield _made(file, inner, repr(rows).encode(), rows[0], False, batches)


def _cell(given: Any) -> str:
    if given is None:
        return ""
    return given.isoformat(sep=" ") if isinstance(given, datetime) else str(given)


__all__ = ["LARGEST", "Document", "documents"]
