"""What a move that broke a rule was, and what it was seen with; why a clearing had no optimum: read from the faulty run, played once more.

The wires are asked for on their own: the move before its rules are checked, and what the rules are about. Nothing
that is not asked for is computed, so that the run does not stop there again.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any

import numpy as np

from opengames.diagnostics import Refusal
from opengames.diagram import Compute, Diagram, bodies
from opengames.evaluate import met
from opengames.sampled.faults import Flag
from opengames.spaces import Enum
from opengames.terms import Var, free

Found = Mapping[str, tuple[np.ndarray, Any]]
"""By wire: the values of one run and their space."""


def notes(
    diagram: Diagram, flag: Flag, steps: tuple[int, ...], known: Container[str], look: Callable[[list[str]], Found]
) -> tuple[str, ...]:
    """The note on a broken rule; none for another fault, nor about wires that are families or records.

    steps: the positions in the loops around. known: the paths of all wires. look: the values of wires, by path.
    """
    if flag.site.code != "broken-rule":
        return ()
    *above, wire = flag.site.place.split(".")
    box = next((b for path, b in _computed(diagram, ()) if path == (*above, wire)), None)
    if box is None:
        return ()
    paths = {name: _nearest(above, name, known) for name in sorted(free(box.term))}
    wanted = {name: path for name, path in paths.items() if path is not None}
    found = look(list(wanted.values()))
    said = []
    for name, path in wanted.items():
        data, space = found.get(path, (None, None))
        cell = None if data is None else data[steps[: data.ndim]]
        if cell is not None and not cell.shape:  # a record, or a whole family, would be too much to tell
            said.append((name, space.labels[cell] if isinstance(space, Enum) else cell.item(), space))
    return met(said)


def no_optimum(flag: Flag, steps: tuple[int, ...], look: Callable[[list[str]], Found]) -> Refusal | None:
    """Why a clearing had no optimum, from its data in the faulty run; `None` for another fault."""
    optimum = flag.site.optimum
    if optimum is None or not isinstance(optimum.data, Var):
        return None
    path = ".".join((*flag.site.place.split(".")[:-1], optimum.data.name))
    data, _ = look([path])[path]
    why = optimum.clearing.why(tuple(float(x) for x in data[steps].reshape(-1)))
    if not isinstance(why, Refusal):
        raise why
    return why


def _computed(diagram: Diagram, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Compute]]:
    for box in diagram.boxes:
        if isinstance(box, Compute):
            yield (*above, box.out.name), box
        for segment, inner in bodies(box):
            yield from _computed(inner, above + ((segment,) if segment else ()))


def _nearest(above: list[str], name: str, known: Container[str]) -> str | None:
    """The wire that a box at `above` means by a name: the one bound nearest around it."""
    for depth in reversed(range(len(above) + 1)):
        path = ".".join((*above[:depth], name))
        if path in known:
            return path
    return None
