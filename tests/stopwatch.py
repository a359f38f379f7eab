"""How long something takes on a machine where others work too: the least of a few tries."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def seconds(function: Callable[[], Any], enough: float, tries: int = 4) -> tuple[float, Any]:
    """The least processor time of up to so many tries, and what the last one gave; the first that is below `enough` is the last."""
    least, found = float("inf"), None
    for _ in range(tries):
        begin = time.process_time()
        found = function()
        least = min(least, time.process_time() - begin)
        if least < enough:
            break
    return least, found
