"""Room for recursion: texts and diagrams nest deeper than Python's default allows, and are bounded elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: Python frames that one pass over a text or a diagram may use.
FRAMES = 12_000


@contextmanager
def deep(frames: int = FRAMES) -> Iterator[None]:
    """Allow `frames` nested calls within; what still does not fit raises `RecursionError`."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, frames))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
