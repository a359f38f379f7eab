"""The draws of a diagram: their paths, the loops around them, and what may be supplied for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opengames.diagram import Diagram, Draw, Loop, bodies
from opengames.spaces import Space, size
from opengames.spans import Span


@dataclass(frozen=True)
class Site:
    """A draw. trail: positions of the boxes (and arms) that lead to it. loops: (variable, space), outermost first.

    in_sequence: whether one of the loops carries a wire.
    """

    path: str
    trail: tuple[int, ...]
    loops: tuple[tuple[str, Space], ...]
    space: Space
    at: Span | None
    in_sequence: bool = False

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(size(s) or 0 for _, s in self.loops)


@dataclass(frozen=True)
class Uniforms:
    """Uniforms in [0, 1) for a draw: an array of shape `[runs or 1, *loops]`, or without the first axis."""

    array: Any


@dataclass(frozen=True)
class Outcomes:
    """Outcomes for a draw, `[runs or 1, *loops]` (or without the first axis): numbers in base units, labels or bools."""

    array: Any


def sites(diagram: Diagram) -> tuple[Site, ...]:
    """Every draw. A path that occurs again is told apart by `#2`, `#3`, in the order of the boxes."""
    found: list[Site] = []
    seen: dict[str, int] = {}
    _collect(diagram, (), (), (), False, found, seen)
    return tuple(found)


def _collect(
    diagram: Diagram,
    path: tuple[str, ...],
    trail: tuple[int, ...],
    loops: tuple[tuple[str, Space], ...],
    carried: bool,
    found: list[Site],
    seen: dict[str, int],
) -> None:
    for i, box in enumerate(diagram.boxes):
        if isinstance(box, Draw):
            name = ".".join((*path, box.out.name))
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > 1:
                name = f"{name}#{seen[name]}"
            found.append(Site(name, (*trail, i), loops, box.out.space, box.at, carried))
        around = loops + (box.iters if isinstance(box, Loop) else ())
        inside = carried or (isinstance(box, Loop) and bool(box.carry))
        for k, (segment, inner) in enumerate(bodies(box)):
            _collect(inner, path + ((segment,) if segment else ()), (*trail, i, k), around, inside, found, seen)
