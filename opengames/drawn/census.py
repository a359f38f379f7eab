"""How much a diagram holds, and which of its boxes a picture of a given size opens.

Counting is linear in the number of distinct diagrams, however often one of them is called.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from opengames.diagram import Branch, Decide, Diagram, Draw, bodies
from opengames.drawn.plugs import MOST, level

_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Census:
    """Boxes at every depth, the decisions and draws among them."""

    boxes: int = 0
    decisions: int = 0
    draws: int = 0

    def __add__(self, other: Census) -> Census:
        return Census(self.boxes + other.boxes, self.decisions + other.decisions, self.draws + other.draws)


def count(diagram: Diagram, memo: dict[int, Census] | None = None) -> Census:
    """What `diagram` holds. memo: results by the identity of diagrams, to be passed again while those live."""
    memo = {} if memo is None else memo
    stack = [diagram]
    while stack:
        here = stack[-1]
        if id(here) in memo:
            stack.pop()
            continue
        inner = [d for box in here.boxes for _, d in bodies(box)]
        missing = [d for d in inner if id(d) not in memo]
        if missing:
            stack += missing
            continue
        own = Census(
            len(here.boxes),
            sum(isinstance(b, Decide) for b in here.boxes),
            sum(isinstance(b, Draw) for b in here.boxes),
        )
        for d in inner:
            own = own + memo[id(d)]
        memo[id(here)] = own
        stack.pop()
    return memo[id(diagram)]


def summary(census: Census) -> str:
    """`12 boxes inside, 3 decisions`, as a folded box says it."""
    parts = [_several(census.boxes, "box", "boxes") + " inside"]
    if census.decisions:
        parts.append(_several(census.decisions, "decision", "decisions"))
    if census.draws:
        parts.append(_several(census.draws, "draw", "draws"))
    return ", ".join(parts)


def opened(diagram: Diagram, most: int) -> frozenset[tuple[str, ...]]:
    """The paths of the boxes whose contents are drawn: outer ones first, while at most `most` boxes are shown."""
    found: set[tuple[str, ...]] = set()
    room = most - min(MOST, len(diagram.boxes))
    queue: deque[tuple[tuple[str, ...], Diagram]] = deque([(("root",), diagram)])
    while queue:
        path, here = queue.popleft()
        for i, box in level(here, frozenset(), MOST).boxes:
            inside = bodies(box)
            size = sum(len(level(d, frozenset(), MOST + 1).boxes) for _, d in inside)
            if not inside or size > room or len(path) > _DEEPEST:
                continue
            room -= size
            own = (*path, f"box{i}")
            found.add(own)
            branch = isinstance(box, Branch)
            queue.extend(((*own, f"arm{a}") if branch else own, d) for a, (_, d) in enumerate(inside))
    return frozenset(found)


def _several(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"
