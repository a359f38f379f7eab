"""One thread for small dense algebra: many threads wait for each other longer than they work.

A solve with 150 rows takes 40 times the processor time when OpenBLAS shares it among two cores. Programs here are small and many;
what runs side by side are the members.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")


@cache
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def on_one_thread(work: Callable[_P, _R]) -> Callable[_P, _R]:
    """`work`, with dense linear algebra on one thread while it runs."""

    @wraps(work)
    def alone(*args: _P.args, **more: _P.kwargs) -> _R:
        with _controller().limit(limits=1, user_api="blas"):
            return work(*args, **more)

    return alone


__all__ = ["on_one_thread"]
