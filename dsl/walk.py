"""Every node of a syntax tree, without recursion."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from opengames.plain import fields, is_dataclass
from opengames.spans import Span


def walk(root: Any) -> Iterator[Any]:
    """The nodes of the tree under `root` (and `root`), parents before children."""
    todo = [root]
    while todo:
        node = todo.pop()
        if type(node) is tuple:
            todo.extend(node)
        elif is_dataclass(node) and type(node) is not Span:
            yield node
            kind: Any = type(node)
            todo.extend(getattr(node, name) for name in _names(kind))


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind) if f.name not in ("at", "op_at", "unit_at", "doc", "text"))
