"""Whether a clearing has a legal move whatever came before: at the corners of a box around what its rules look at, hence in all of it.

Where the rules are jointly convex in the move and in the quantities that they look at, the quantities for which some move is legal
are a convex set: it holds a box if it holds its corners (Boyd and Vandenberghe, Convex Optimization, 2004, section 2.3.2). How far the quantities go
is read off what is known near them. Law: `True` only if every play that was not stuck before has a move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import z3

from opengames.proved.convex import is_convex
from opengames.proved.knowledge import Facts, near
from opengames.proved.solve import Clock, satisfy

#: Quantities that rules may look at: every one doubles the corners.
MOST = 5
_RADII = (0, 1, 2, 4)
_QUICK = 0.3  # seconds for one bound
_SUMS = (z3.Z3_OP_ADD, z3.Z3_OP_SUB, z3.Z3_OP_UMINUS)


@dataclass
class Corners:
    """What has been shown of one decision. moves: the constants of its move, as they were called then; looked: stand for what its rules
    look at; rules: over both; boxes: in which every corner has a move."""

    moves: list[Any]
    looked: list[Any]
    rules: Any
    boxes: list[list[tuple[Any, Any]]] = field(default_factory=list)


def always_met(
    rules: Any, moves: Sequence[Any], known: Facts, path: Any, shown: dict[tuple[int, int, int], Corners], place: int, clock: Clock
) -> bool:
    """Whether `rules`, over the constants `moves` and what came before, can be met whatever came before. `False`: not shown.

    known: what is known of what came before. path: that holds where the decision is reached. shown: what was shown before, by
    decision and how much it looks at; place: which decision this is.
    """
    own = {str(m) for m in moves}
    found = _looked_at(rules, own)
    if found is None or len(found) > MOST or not all(z3.is_real(m) for m in moves):
        return False
    kind = (place, len(moves), len(found))
    before = shown.get(kind)
    stand = before.looked if before is not None else [z3.Real(f"corner {place} {i}") for i in range(len(found))]
    names = before.moves if before is not None else list(moves)
    here = z3.substitute(rules, *zip(found, stand, strict=True), *zip(moves, names, strict=True)) if found else rules
    if before is None:
        if not is_convex(here):
            return False
        before = shown[kind] = Corners(names, stand, here)
    elif not here.eq(before.rules):
        return False
    box = []
    for each in found:
        ends = _ends(each, known, path, clock)
        if ends is None:
            return False
        box.append(ends)
    if any(all(_within(b, c) for b, c in zip(box, wide, strict=True)) for wide in before.boxes):
        return True
    for corner in product(*box):
        at = z3.substitute(here, *zip(stand, corner, strict=True)) if corner else here
        if satisfy([at], clock.part(0.5)).status != "sat":
            return False
    before.boxes.append(box)
    return True


def _within(inner: tuple[Any, Any], outer: tuple[Any, Any]) -> bool:
    return bool(outer[0].as_fraction() <= inner[0].as_fraction() and inner[1].as_fraction() <= outer[1].as_fraction())


def _looked_at(rules: Any, own: set[str]) -> list[Any] | None:
    """The quantities in the rules that are not decided, none of them a sum of others; `None` where a label or a truth is looked at."""
    found: dict[int, Any] = {}
    touched: dict[int, bool] = {}
    _touches(rules, own, touched)
    seen: set[int] = set()
    waiting = [rules]
    while waiting:
        here = waiting.pop()
        key = here.get_id()
        if key in seen:
            continue
        seen.add(key)
        if z3.is_rational_value(here) or z3.is_int_value(here) or z3.is_true(here) or z3.is_false(here):
            continue
        if touched[key]:
            waiting += here.children()  # nothing, for a number that is decided
        elif z3.is_bool(here) or (here.decl().kind() in _SUMS and here.num_args()) or _scales(here):
            waiting += here.children()
        elif z3.is_real(here):
            found[key] = here
        else:
            return None
    return list(found.values())


def _touches(term: Any, own: set[str], known: dict[int, bool]) -> bool:
    """Whether a decided number occurs in the term; kept for all of its parts."""
    key = term.get_id()
    if key not in known:
        found = [_touches(c, own, known) for c in term.children()]  # all of them: each is asked for later
        known[key] = any(found) if found else z3.is_const(term) and str(term) in own
    return known[key]


def _scales(term: Any) -> bool:
    """Whether a product has one factor that is no number."""
    return z3.is_mul(term) and sum(not z3.is_rational_value(c) for c in term.children()) == 1


def _ends(term: Any, known: Facts, path: Any, clock: Clock) -> tuple[Any, Any] | None:
    """The least and the greatest value of a quantity, as far as what is near it tells; `None` if it may go on for ever."""
    for radius in _RADII:
        close, _ = near(term, (known,), radius) if radius else ([], None)
        ends = []
        for least in (True, False):
            solver = z3.Optimize()
            milliseconds = int(1000 * min(_QUICK, clock.left))
            if milliseconds <= 0:
                return None
            solver.set("timeout", milliseconds)
            solver.add(*close)
            if radius and not isinstance(path, bool):
                solver.add(path)
            goal = solver.minimize(term) if least else solver.maximize(term)
            if solver.check() != z3.sat:
                break
            end = z3.simplify(solver.lower(goal) if least else solver.upper(goal))
            if z3.is_int_value(end):
                end = z3.RealVal(end.as_long())
            if not z3.is_rational_value(end):
                break
            ends.append(end)
        if len(ends) == 2:
            return ends[0], ends[1]
    return None


__all__ = ["MOST", "Corners", "always_met"]
