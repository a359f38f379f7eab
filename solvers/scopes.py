"""The wires of one scope instance while a diagram is unrolled, and what gathered families are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opengames import spaces
from opengames.diagram import Branch, Diagram, binds


@dataclass(frozen=True, slots=True)
class Later:
    """A backward wire of the enclosing scope, looked up when everything is bound."""

    scope: Scope
    name: str


#: The loops around a box: variable, its space, its value.
Around = tuple[tuple[str, spaces.Space, Any], ...]


class Scope(dict[str, "int | Later"]):
    """The wires of one scope instance, by name: slots, or backward wires still to be looked up."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """What a gathered family is made of: a slot for each key of `iters`; families among them are joined (`flat`)."""

    iters: tuple[tuple[str, spaces.Space], ...]
    places: dict[tuple[Any, ...], int]
    items: tuple[int, ...]
    flat: bool


def merging(box: Branch, body: Diagram, scope: Scope) -> dict[str, Later]:
    """What an arm binds and every arm binds is the wire outside."""
    bound_here = {p.name for each in body.boxes for p in binds(each)}
    return {p.name: Later(scope, p.name) for p in box.outs if p.name in bound_here}


__all__ = ["Around", "Later", "Rows", "Scope", "merging"]
