"""Keep market data in one file: load the operator's reports, look at what is there, find gaps, export.

  opengames store load FILES... [--strict] [--published TIME]   CSV, Parquet, Excel, or a zip of these
  opengames store show                            what is there: documents, views, from when to when
  opengames store rejected                        rows that could not be read, and why
  opengames store conflicts                       rows that say different things of the same
  opengames store gaps VIEW                       where series have no rows
  opengames store export VIEW OUT                 to .csv or .parquet
  opengames store forget FILE...                  take out what was loaded from a file
  opengames store feeds                           the forms that are known, by their columns
  opengames store download FEED DAY               through the package gridstatus, and load it

A file is known by its columns, not by its name. The store is `--db FILE`, market.duckdb unless told. `--where COLUMN=VALUE`, `--from`
and `--to` (delivery days, Central) choose rows; `--published` says when a file was published (UTC), `rule` that its rows
were known by the rules of its feed. In a model: `--data price=market.duckdb:lmp,market=DAM,point=HB_NORTH,day=2026-01-05`.

Exit status: 0 if it was done, 1 if rows were rejected or there are gaps or conflicts, 2 if it was refused; what is refused
changes nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opengames.commands.common import FAILS, FINE, few, full_option, print_json, say, shared_options

if TYPE_CHECKING:
    from datetime import date, datetime

    from opengames.diagnostics import Refusal
    from opengames.models.store import Loaded, Store


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("word", metavar="WORD", help=", ".join(WORDS))
    parser.add_argument("words", nargs="*", default=[], metavar="ARGUMENT", help="as shown above")
    parser.add_argument("--db", default="market.duckdb", metavar="FILE", help="the store (market.duckdb unless told)")
    parser.add_argument("--where", action="append", default=[], metavar="COLUMN=VALUE", help="rows with this value; may be repeated")
    parser.add_argument("--from", dest="first", metavar="DAY", help="the first delivery day")
    parser.add_argument("--to", dest="last", metavar="DAY", help="the last delivery day")
    parser.add_argument("--published", metavar="TIME", help="when the files were published (UTC, ISO), or `rule`")
    parser.add_argument("--strict", action="store_true", help="load nothing if a row cannot be read")
    full_option(parser)
    shared_options(parser)


def run(args: argparse.Namespace) -> int:
    """Do one thing with a store; the exit status."""
    from opengames.diagnostics import refuse

    word = WORDS.get(args.word)
    if word is None:
        raise _unknown_word(args.word)
    usage = f"opengames store {args.word} {word.usage}".rstrip()
    if not word.least <= len(args.words) <= word.most:
        given = f"{len(args.words) or 'none'} given"
        raise refuse("bad-option", f"`store {args.word}` takes other arguments", notes=(given,), help=f"write `{usage}`")
    for name, given in (("where", args.where), ("from", args.first), ("to", args.last), ("published", args.published), ("strict", args.strict)):
        if given and name not in word.options:
            raise refuse("bad-option", f"`--{name}` means nothing to `store {args.word}`", help=f"write `{usage}`")
    return word.act(args)


def _unknown_word(word: str) -> Refusal:
    from difflib import get_close_matches

    from opengames.diagnostics import refuse

    near = get_close_matches(word, WORDS, 1)
    return refuse("bad-option", f"`{word}` is nothing that a store does", notes=("there are " + ", ".join(WORDS),),
                  help=f"did you mean `{near[0]}`?" if near else "")  # fmt: skip


# ---------------------------------------------------------------------------------------- filling


def _load(args: argparse.Namespace) -> int:
    from pathlib import Path

    from opengames.commands.progress import progress
    from opengames.models.store import open_store

    published = _published(args.published)
    fresh = not Path(args.db).exists()
    try:
        with progress(f"loading {_many(len(args.words), 'file')}"), open_store(args.db) as store:
            return _told(args, store, store.load(*args.words, strict=args.strict, published=published))
    except BaseException:
        if fresh:  # nothing was loaded: no empty store is left behind
            for left in (args.db, f"{args.db}.wal"):
                Path(left).unlink(missing_ok=True)
        raise


def _told(args: argparse.Namespace, store: Store, loaded: tuple[Loaded, ...], **more: Any) -> int:
    """Say what became of documents."""
    rejected = sum(x.counts.rejected for x in loaded)
    clashes = sum(x.counts.conflicts for x in loaded)
    if args.json:
        documents = [
            {"name": x.name, "feed": x.feed or None, "there_already": x.there, "rows": x.counts.rows, "kept": x.counts.kept,
             "blank": x.counts.blank, "repeated": x.counts.again, "rejected": x.counts.rejected}
            for x in loaded
        ]  # fmt: skip
        print_json("store", ok=not rejected, word=args.word, db=args.db, documents=documents, conflicts=clashes, **more)
    else:
        print("\n".join(few([_line(x) for x in loaded], args.full)))
        if rejected:
            print(f"{say('rejected', '1;31', args)}: {_many(rejected, 'row')}; `opengames store rejected --db {args.db}` says why")
        if clashes:
            print(f"{_many(clashes, 'row')} in conflict; `opengames store conflicts --db {args.db}` lists them")
    return FAILS if rejected else FINE


def _line(loaded: Loaded) -> str:
    if not loaded.feed:
        return f"{loaded.name}: left out, in no form that is known"
    if loaded.there:
        return f"{loaded.name}: {loaded.feed}, there already"
    counts = loaded.counts
    parts = [f"{_many(counts.rows, 'row')} read, {counts.kept:,} kept"]
    parts += [f"{counts.blank:,} empty"] if counts.blank else []
    parts += [f"{counts.again:,} said twice"] if counts.again else []
    parts += [f"{counts.rejected:,} rejected"] if counts.rejected else []
    return f"{loaded.name}: {loaded.feed}, {', '.join(parts)}"


def _many(n: int, word: str) -> str:
    return f"{n:,} {word}" if n == 1 else f"{n:,} {word}s"


def _published(said: str | None) -> datetime | str | None:
    from opengames.models.store.database import publication

    return publication(said)


def _forget(args: argparse.Namespace) -> int:
    from opengames.models.store import open_store

    with open_store(args.db, new=False) as store:
        gone = {file: store.forget(file) for file in args.words}
    if args.json:
        print_json("store", ok=True, word="forget", db=args.db, documents=gone)
    else:
        for file, n in gone.items():
            print(f"forgot {_many(n, 'document')} of {file}")
    return FINE


def _download(args: argparse.Namespace) -> int:
    from pathlib import Path

    from opengames.commands.progress import progress
    from opengames.models.store import open_store
    from opengames.models.store.live import download

    feed, day = args.words[0], _day(args.words[1], "the day")
    assert day is not None
    with progress(f"downloading {feed} of {day}"):
        file = download(feed, day, Path(args.db).parent)
    with open_store(args.db) as store:
        return _told(args, store, store.load(file), file=str(file))


# ----------------------------------------------------------------------------------------- asking


def _show(args: argparse.Namespace) -> int:
    from opengames.models.store import open_store
    from opengames.models.store.schema import TABLES

    with open_store(args.db, new=False, read_only=True) as store:
        documents = store.rows("documents", ("file", "member", "feed", "published_utc", "rows", "kept", "rejected"))
        views = []
        for table in TABLES:
            count, begin, end = store.connection.execute(f"SELECT count(*), min(start_utc), max(start_utc) FROM {table.name}").fetchone()
            if count:
                series = store.connection.execute(f"SELECT count(*) FROM (SELECT DISTINCT {', '.join(table.series) or '1'} FROM {table.name})")
                views.append((table.name, table.title, count, series.fetchone()[0], begin, end))
    if args.json:
        print_json(
            "store", ok=True, word="show", db=args.db,
            documents=[dict(zip(("file", "member", "feed", "published_utc", "rows", "kept", "rejected"), map(_plain, d), strict=True)) for d in documents],
            views=[dict(zip(("view", "title", "rows", "series", "from_utc", "to_utc"), map(_plain, v), strict=True)) for v in views],
        )  # fmt: skip
        return FINE
    print(f"{say(args.db, '1', args)}: {_many(len(documents), 'document')}")
    lines = [f"  {(member and file + ':' + member) or file}: {feed}, {kept:,} kept{f', {rejected:,} rejected' if rejected else ''}"
             for file, member, feed, _, _, kept, rejected in documents]  # fmt: skip
    print("\n".join(few(lines, args.full)))
    wide = max((len(v[0]) for v in views), default=0)
    for name, _, count, series, begin, end in views:
        print(f"{name:{wide}}  {count:,} rows, {series:,} series, {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC")
    return FINE


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _rejected(args: argparse.Namespace) -> int:
    from opengames.models.store import open_store
    from opengames.models.store.database import rejection

    with open_store(args.db, new=False, read_only=True) as store:
        rows = store.rows("rejected", **_where(args))
        columns = store.columns("rejected")
    if args.json:
        print_json("store", ok=not rows, word="rejected", db=args.db, rejected=[dict(zip(columns, r, strict=True)) for r in rows])
    elif not rows:
        print("no row was rejected")
    else:
        lines = [f"{(member and file + ':' + member) or file} ({feed}): {rejection(unit, line, column, said, reason)}"
                 for file, member, feed, unit, line, column, said, reason, _ in rows]  # fmt: skip
        print("\n".join(few(lines, args.full)))
    return FAILS if rows else FINE


def _conflicts(args: argparse.Namespace) -> int:
    from opengames.models.store import open_store

    with open_store(args.db, new=False, read_only=True) as store:
        rows = store.rows("conflicts", **_where(args))
    if args.json:
        found = [{"view": v, "key": k, "start_utc": _plain(s), "said": sorted(said), "files": sorted(files)} for v, k, s, said, files in rows]
        print_json("store", ok=not rows, word="conflicts", db=args.db, conflicts=found)
    elif not rows:
        print("nothing is in conflict")
    else:
        lines = [f"{view} {key} at {start:%Y-%m-%d %H:%M} UTC: {' or '.join(sorted(said))}, of {', '.join(sorted(files))}"
                 for view, key, start, said, files in rows]  # fmt: skip
        print("\n".join(few(lines, args.full)))
    return FAILS if rows else FINE


def _gaps(args: argparse.Namespace) -> int:
    from opengames.diagnostics import refuse
    from opengames.models.store import open_store
    from opengames.models.store.gaps import gaps, has_rows

    with open_store(args.db, new=False, read_only=True) as store:
        view, where = args.words[0], _where(args)
        found = gaps(store, view, _day(args.first, "--from"), _day(args.last, "--to"), **where)
        if not found and not has_rows(store, view, **where):
            raise refuse("data-shape", f"`{view}` of `{store.name}` has no {'such ' if where else ''}rows",
                         help=f"`opengames store show --db {store.path}` tells what there is")  # fmt: skip
    if args.json:
        print_json("store", ok=not found, word="gaps", db=args.db, gaps=[g.to_dict() for g in found])
    else:
        print("\n".join(few([g.said() for g in found], args.full)) if found else f"`{args.words[0]}` has no gaps")
    return FAILS if found else FINE


def _export(args: argparse.Namespace) -> int:
    from opengames.models.store import open_store

    view, out = args.words
    with open_store(args.db, new=False, read_only=True) as store:
        rows = store.export(view, out, **_where(args))
    if args.json:
        print_json("store", ok=True, word="export", db=args.db, view=view, file=out, rows=rows)
    else:
        print(f"wrote {say(out, '1', args)}: {_many(rows, 'row')} of {view}")
    return FINE


def _feeds(args: argparse.Namespace) -> int:
    from opengames.models.store.feeds import FEEDS

    if args.json:
        known = [{"feed": f.name, "title": f.title, "columns": [c.names[0] for c in f.fields], "needed": [c.names[0] for c in f.needed]} for f in FEEDS]
        print_json("store", ok=True, word="feeds", feeds=known)
        return FINE
    for feed in FEEDS:
        columns = [c.names[0] if c.needed else f"[{c.names[0]}]" for c in feed.fields]
        print(f"{say(feed.name, '1', args)}: {feed.title}\n  {', '.join(columns)}")
    return FINE


def _where(args: argparse.Namespace) -> dict[str, str]:
    from opengames.commands.common import split

    return dict(split(pair, "--where", "market=DAM") for pair in args.where)


def _day(said: str | None, what: str) -> date | None:
    from datetime import date

    from opengames.diagnostics import refuse

    if said is None:
        return None
    try:
        return date.fromisoformat(said)
    except ValueError as error:
        raise refuse("bad-option", f"`{said}` is no day for {what}", help="write it like 2026-01-05") from error


@dataclass(frozen=True)
class _Word:
    """One thing that is done with a store. least, most: how many arguments it takes. options: those that mean something to it."""

    act: Callable[[argparse.Namespace], int]
    usage: str
    least: int
    most: int
    options: tuple[str, ...] = ()


_MANY = 1_000_000

WORDS = {
    "load": _Word(_load, "FILES... [--strict] [--published TIME]", 1, _MANY, ("strict", "published")),
    "show": _Word(_show, "", 0, 0),
    "rejected": _Word(_rejected, "[--where COLUMN=VALUE]", 0, 0, ("where",)),
    "conflicts": _Word(_conflicts, "[--where COLUMN=VALUE]", 0, 0, ("where",)),
    "gaps": _Word(_gaps, "VIEW [--where COLUMN=VALUE] [--from DAY] [--to DAY]", 1, 1, ("where", "from", "to")),
    "export": _Word(_export, "VIEW OUT [--where COLUMN=VALUE]", 2, 2, ("where",)),
    "forget": _Word(_forget, "FILE...", 1, _MANY),
    "feeds": _Word(_feeds, "", 0, 0),
    "download": _Word(_download, "FEED DAY", 2, 2),
}

__all__ = ["WORDS", "configure", "run"]
