"""The exact reading: what a finite diagram means, by merged histories or by variable elimination.

`answer` puts a question; `marginals`, `distribution`, `expectations` and `support` are the pieces it is made of;
`compile_query` prepares one question about a network for many sets of evidence. The names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opengames.exact.asking import answer, distribution, expectations, marginals, reach, support
    from opengames.exact.prepared import compile_query

_HOMES = {
    "answer": "asking", "distribution": "asking", "expectations": "asking", "marginals": "asking",
    "reach": "asking", "support": "asking", "compile_query": "prepared",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = ["answer", "compile_query", "distribution", "expectations", "marginals", "reach", "support"]
