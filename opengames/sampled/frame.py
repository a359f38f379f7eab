"""Where a diagram is run: its wires, the keys of its draws, what is supplied for them, and what to keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from opengames.diagram import Diagram
from opengames.sampled import draws, keys
from opengames.sampled.expressions import Scope
from opengames.sampled.live import Taps
from opengames.sampled.values import Value

#: Results of running a body: wires by name, and tapped wires by path. A tap that ends in `TAKEN` says whether
#: the branch around the wire was taken.
Results = dict[tuple[str, ...], Value]
TAKEN = "?"


@dataclass
class Frame:
    """Where a diagram is run.

    keys: of each draw inside, by trail. given: what is supplied for a draw, by trail: ("uniforms" or "outcomes", value).
    loops: the positions of the loops around, outermost first. sites: every draw of the whole diagram, by trail.
    run: how a diagram is run, for the bodies of loops. lanes: how many copies of this frame run side by side.
    """

    scope: Scope
    keys: dict[tuple[int, ...], keys.Key]
    given: dict[tuple[int, ...], tuple[str, Any]]
    sites: Mapping[tuple[int, ...], draws.Site]
    run: Callable[[Diagram, Frame, Iterable[str]], Results]
    path: tuple[str, ...] = ()
    trail: tuple[int, ...] = ()
    loops: tuple[Any, ...] = ()
    lanes: int = 1
    taps: Taps = field(default_factory=frozenset)
