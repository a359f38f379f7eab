"""Diagrams, terms, spaces and programs as JSON, and back: `decode(encode(x)) == x`.

A value becomes `{"is": CLASS, field: ...}`; a rational becomes `{"is": "Q", "of": "1/3"}`; tuples become lists.
Places in a text are left out, as they take no part in equality.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from typing import Any

from opengames import diagram, program, spaces, terms

_CLASSES: dict[str, type] = {}
for _module in (terms, diagram, program, spaces):
    for _name, _found in vars(_module).items():
        if isinstance(_found, type) and is_dataclass(_found) and _found.__module__ == _module.__name__:
            _prefix = "space." if _module is spaces else ""
            _CLASSES[_prefix + _name] = _found
_NAMES = {found: name for name, found in _CLASSES.items()}


def to_data(value: Any) -> Any:
    """`value` as what JSON can hold. Raises `TypeError` for what is not part of a program."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float)):
        return {"is": "int" if isinstance(value, int) else "float", "of": repr(value)}
    if isinstance(value, Fraction):
        return {"is": "Q", "of": str(value)}
    if isinstance(value, tuple):
        return [to_data(v) for v in value]
    if isinstance(value, Mapping):
        return {"is": "map", "of": [[k, to_data(v)] for k, v in value.items()]}
    if type(value) in _NAMES:
        kept = {f.name: to_data(getattr(value, f.name)) for f in fields(value) if f.name != "at"}
        return {"is": _NAMES[type(value)], **kept}
    raise TypeError(f"{type(value).__name__} is not part of a program")


def from_data(data: Any) -> Any:
    """The inverse of `to_data`. Raises `ValueError` for data that `to_data` does not write."""
    if data is None or isinstance(data, (bool, str)):
        return data
    if isinstance(data, list):
        return tuple(from_data(d) for d in data)
    if not isinstance(data, dict) or "is" not in data:
        raise ValueError(f"not a part of a program: {data!r}")
    kind = data["is"]
    match kind:
        case "Q":
            return Fraction(data["of"])
        case "int":
            return int(data["of"])
        case "float":
            return float(data["of"])
        case "map":
            return {k: from_data(v) for k, v in data["of"]}
    if kind not in _CLASSES:
        raise ValueError(f"no part of a program is called {kind!r}")
    return _CLASSES[kind](**{k: from_data(v) for k, v in data.items() if k != "is"})


def encode(value: Any) -> str:
    """A diagram (or term, space, program) as JSON text."""
    return json.dumps(to_data(value), ensure_ascii=False, separators=(",", ":"))


def decode(text: str) -> Any:
    """The diagram (or ...) that `encode` wrote. Raises `ValueError`."""
    return from_data(json.loads(text))
