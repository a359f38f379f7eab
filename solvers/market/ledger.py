"""The ledger: every act of a market in an append-only file, from which the market can be made again to the last bit.

An entry holds the act, its receipt, the digest of the state after it, and a hash of all that with the hash of the entry
before: whoever changes, removes or inserts an entry breaks the chain at that place, and `verify` names it. (Cutting off
the end leaves a shorter sound chain: keep the last hash elsewhere to notice that.) An act counts once its transaction is
on disk; a process killed at any moment loses no acknowledged act. Undoing is an entry as well.

One writer at a time: an append is refused if the file has grown behind the writer's back. Readers never wait.

Storage: SQLite, write-ahead log, synchronous=FULL.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from opengames.diagnostics import Refusal, refuse
from opengames.solvers.market.acts import Act, Open, act_from, perform
from opengames.solvers.market.state import State

_START = "0" * 64
_TABLE = """
create table if not exists entries (
    number integer primary key, act text not null, receipt text not null, digest text not null, hash text not null
) strict
"""
_APPEND_ONLY = [
    f"create trigger if not exists no_{verb} before {verb} on entries begin select raise(abort, 'append only'); end"
    for verb in ("update", "delete")
]


@dataclass(frozen=True)
class Entry:
    """One act as it was recorded. act, receipt: JSON; digest: of the state after it; hash: of this and all before."""

    number: int
    act: str
    receipt: str
    digest: str
    hash: str


@dataclass(frozen=True)
class Replayed:
    """What a ledger comes to. acts: those that were not undone. entries: how many there are."""

    opening: Open
    state: State
    acts: tuple[Act, ...]
    entries: int


class Ledger:
    """A ledger in a file. new: make the file if it is not there.

    Raises `Refusal` (`no-such-file`, `ledger-broken`, `ledger-busy`) where it cannot be read or written.
    """

    def __init__(self, path: str | PathLike[str], new: bool = True) -> None:
        self.path = Path(path)
        if not new and not self.path.exists():
            raise refuse("no-such-file", f"there is no ledger `{self.path.name}`", help="open a market with it first")
        with self._careful():
            self._db = sqlite3.connect(self.path, timeout=1.0, isolation_level=None)
            self._db.execute("pragma journal_mode=wal")
            self._db.execute("pragma synchronous=full")
            self._db.execute(_TABLE)
            for trigger in _APPEND_ONLY:
                self._db.execute(trigger)
        self._last = self.last()

    def last(self) -> tuple[int, str]:
        """The number and the hash of the last entry; 0 and zeros if there is none."""
        with self._careful():
            row = self._db.execute("select number, hash from entries order by number desc limit 1").fetchone()
        return (int(row[0]), str(row[1])) if row else (0, _START)

    def __len__(self) -> int:
        return self.last()[0]

    def entries(self) -> Iterator[Entry]:
        """All entries in order."""
        with self._careful():
            for row in self._db.execute("select number, act, receipt, digest, hash from entries order by number"):
                yield Entry(*row)

    def append(self, act: Mapping[str, Any], receipt: Any, digest: int) -> Entry:
        """Record an act. On return it is on disk. Raises `Refusal` (`ledger-busy`) if somebody else has written."""
        return self.append_all([(act, receipt, digest)])[-1]

    def append_all(self, acts: Iterable[tuple[Mapping[str, Any], Any, int]]) -> list[Entry]:
        """Record several acts in one transaction: all of them or none."""
        with self._careful():
            self._db.execute("begin immediate")
            try:
                if self.last() != self._last:
                    raise self._busy()
                number, before = self._last
                made = []
                for act, receipt, digest in acts:
                    number += 1
                    entry = sealed(number, canonical(act), canonical(receipt), f"{digest:064x}", before)
                    before = entry.hash
                    made.append(entry)
                self._db.executemany(
                    "insert into entries values (?, ?, ?, ?, ?)",
                    [(e.number, e.act, e.receipt, e.digest, e.hash) for e in made],
                )
                self._db.execute("commit")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("rollback")
                raise
        self._last = number, before
        return made

    def close(self) -> None:
        self._db.close()

    def _busy(self) -> Refusal:
        return refuse(
            "ledger-busy", f"somebody else is writing to the ledger `{self.path.name}`",
            notes=("nothing has been recorded",), help="let one process write, or open the ledger again to go on from its end",
        )  # fmt: skip

    @contextmanager
    def _careful(self) -> Iterator[None]:
        """What SQLite says, as refusals."""
        try:
            yield
        except sqlite3.OperationalError as fault:
            if "locked" in str(fault) or "busy" in str(fault):
                raise self._busy() from None
            raise broken(self.path, None, str(fault)) from None
        except sqlite3.DatabaseError as fault:
            raise broken(self.path, None, str(fault)) from None


def canonical(data: Any) -> str:
    """JSON with one way to write everything."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sealed(number: int, act: str, receipt: str, digest: str, before: str) -> Entry:
    """An entry with its hash."""
    content = "\n".join((before, str(number), act, receipt, digest))
    return Entry(number, act, receipt, digest, hashlib.sha256(content.encode()).hexdigest())


def verify(ledger: Ledger | str | PathLike[str], head: str | None = None) -> int:
    """How many entries there are, if the chain is sound. head: the hash that the last one must have.

    Raises `Refusal` (`ledger-broken`) naming the first entry that is not as it was written.
    """
    book = ledger if isinstance(ledger, Ledger) else Ledger(ledger, new=False)
    before, number = _START, 0
    for number, entry in enumerate(book.entries(), 1):
        before = _checked(book.path, entry, number, before)
    if head is not None and head != before:
        raise broken(book.path, number, f"it ends with entry {number}, whose hash is not the one expected")
    return number


def _checked(path: Path, entry: Entry, number: int, before: str) -> str:
    """The hash of an entry that follows another one as it should."""
    if entry.number != number:
        raise broken(path, number, f"entry {number} is missing: the next one is number {entry.number}")
    if entry != sealed(number, entry.act, entry.receipt, entry.digest, before):
        raise broken(path, number, f"entry {number} is not as it was written: its hash does not fit")
    return entry.hash


def replay(ledger: Ledger, until: int | None = None) -> Replayed:
    """The market made again from its ledger, up to an entry; every digest and receipt is compared.

    Raises `Refusal` (`ledger-broken`).
    """
    opening: Open | None = None
    state: State | None = None
    done: list[Act] = []
    before, number = _START, 0
    for entry in ledger.entries():
        if until is not None and number >= until:
            break
        number += 1
        before = _checked(ledger.path, entry, number, before)
        with as_written(ledger.path, number):
            data = json.loads(entry.act)
            receipt: Any = None
            if opening is None or state is None:
                opening = _opening_from(data)
                state = opening.state()
            elif data["act"] == "undo":
                done.pop()
                state = replayed(opening, done)
            else:
                act = _act_from(data)
                state, given = perform(state, act)
                done.append(act)
                receipt = None if given is None else given.to_data()
        if f"{state.digest:064x}" != entry.digest or canonical(receipt) != entry.receipt:
            raise broken(
                ledger.path, number, f"entry {number} does not come out as it was recorded",
                "other libraries, or another machine, can round a chance differently in its last bit",
            )  # fmt: skip
    if opening is None or state is None:
        raise broken(ledger.path, None, "the ledger has no entry")
    return Replayed(opening, state, tuple(done), number)


@contextmanager
def as_written(path: Path, number: int) -> Iterator[None]:
    """What goes wrong while entry `number` is read and performed, as `ledger-broken`.

    A hash can be made for any text. One that is no act, or an act of the wrong shape, can fail at any step of reading or
    performing it; and an act that is refused now cannot have been recorded.
    """
    try:
        yield
    except Refusal as refused:
        raise broken(path, number, f"entry {number} cannot be performed: {refused.diagnostics[0].headline}") from refused
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as fault:
        raise broken(path, number, f"entry {number} is not an act of a market") from fault


def _opening_from(data: Any) -> Open:
    found = act_from(data)
    if not isinstance(found, Open):
        raise ValueError("the first entry does not open a market")
    if found.source is not None and not (
        isinstance(found.source["text"], str) and isinstance(found.source["name"], str) and found.source["channel"]
    ):
        raise ValueError("the market's text is no text")
    return found


def _act_from(data: Any) -> Act:
    found = act_from(data)
    if isinstance(found, Open):
        raise ValueError("the market is opened twice")
    return found


def replayed(opening: Open, acts: Iterable[Act]) -> State:
    """The state after some acts."""
    state = opening.state()
    for act in acts:
        state, _ = perform(state, act)
    return state


def broken(path: Path, number: int | None, what: str, *more: str) -> Refusal:
    """The refusal of a ledger from some entry on."""
    return refuse(
        "ledger-broken", f"the ledger `{path.name}` cannot be trusted: {what}",
        notes=(*((f"everything before entry {number} is sound",) if number is not None else ()), *more),
        help="go back to a copy of it",
    )  # fmt: skip


__all__ = ["Entry", "Ledger", "Replayed", "as_written", "broken", "canonical", "replay", "replayed", "sealed", "verify"]
