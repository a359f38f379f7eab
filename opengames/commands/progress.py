"""A sign of life on the error stream, for work of more than two seconds at a terminal."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PATIENCE = 2.0
"""Seconds of silence that nobody minds."""


class Sign:
    """What is shown while work goes on. `at` says how far it is; both do nothing until it is shown."""

    def __init__(self, what: str) -> None:
        self.what = self._now = what
        self._status: Any = None
        self._lock = threading.Lock()
        self._over = False

    def at(self, done: int, total: int) -> None:
        """`done` of `total` steps are behind us."""
        self.say(f"{self.what}: {done:,} of {total:,}")

    def say(self, text: str) -> None:
        """Replace the text shown."""
        with self._lock:
            self._now = text
            if self._status is not None:
                self._status.update(text)

    def _show(self) -> None:
        from rich.console import Console

        with self._lock:
            if not self._over:
                self._status = Console(stderr=True).status(self._now)
                self._status.start()

    def _end(self) -> None:
        with self._lock:
            self._over = True
            if self._status is not None:
                self._status.stop()
                self._status = None


#: The signs of the work going on, the innermost last.
_signs: list[Sign] = []


def tell(done: int, total: int) -> None:
    """Say on the innermost sign how far its work is; nothing where none is shown."""
    if _signs:
        _signs[-1].at(done, total)


@contextmanager
def progress(what: str, wanted: bool = True) -> Iterator[Sign]:
    """Shows `what` on the error stream if the work inside takes long and somebody is there to see it."""
    sign = Sign(what)
    if not wanted or not sys.stderr.isatty():
        yield sign
        return
    timer = threading.Timer(PATIENCE, sign._show)
    timer.daemon = True
    timer.start()
    _signs.append(sign)
    try:
        yield sign
    finally:
        _signs.remove(sign)
        timer.cancel()
        sign._end()
