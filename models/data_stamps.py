"""Rows of evidence placed by their stamps: a series on a regular grid of time, some of whose rows are not there.

The step is the shortest time between two rows. A series whose times are multiples of it has its rows in their places, and
nothing in those between, in whatever order they come. Stamps at any other distance, or twice, are no clock, and rows count in
their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from opengames.diagnostics import refuse
from opengames.models.data_keys import Rows
from opengames.program import ParamDecl
from opengames.show import show_space
from opengames.spaces import Family, index_size

#: Stamps named in one report.
_SHOWN = 5


def placed(decl: ParamDecl, rows: Rows, count: int, values: Sequence[str]) -> list[int] | None:
    """The row of each element, -1 for one that is not there; `None` where no column is a clock with gaps.

    Raises `Refusal` (`data-gap`), naming the stamps that are missing, where rows and gaps together are not what the family takes.
    """
    space = decl.space
    if not isinstance(space, Family) or len(space.index) != 1 or count < 3:
        return None
    clocks = {c: stamps for c, cells in rows.columns.items() if c not in values and (stamps := times(cells[:count])) is not None}
    if len(clocks) != 1:
        return None
    ((column, as_they_come),) = clocks.items()
    rows_in_time = sorted(range(count), key=as_they_come.__getitem__)
    stamps = [as_they_come[i] for i in rows_in_time]
    apart = [b - a for a, b in pairwise(stamps)]
    step, wanted = min(apart), index_size(space.index)
    if step <= timedelta(0) or any(d % step for d in apart):
        return None
    at = [(s - stamps[0]) // step for s in stamps]
    if at[-1] + 1 == wanted:
        found = [-1] * wanted
        for row, place in zip(rows_in_time, at, strict=True):
            found[place] = row
        return found
    if len(set(apart)) == 1:
        return None
    missing = [stamps[0] + i * step for i in range(at[-1] + 1) if i not in set(at)]
    named = ", ".join(s.isoformat(" ") for s in missing[:_SHOWN]) + (f" and {len(missing) - _SHOWN:,} more" if len(missing) > _SHOWN else "")
    raise refuse(
        "data-gap", f"column `{column}` of {rows.name} has gaps: {named}", span=decl.at, label=f"takes {show_space(space)}",
        notes=(f"from {stamps[0].isoformat(' ')} to {stamps[-1].isoformat(' ')} there are {at[-1] + 1:,} steps of {step}, and `{decl.name}` takes {wanted:,}",),
        help="say which element a row is about in a column called like the type of the index; or leave out rows that are not meant",
    )  # fmt: skip


def times(cells: Sequence[Any]) -> list[datetime] | None:
    """The times that cells say, all in one way (with their offset, or all without); `None` if they are no times."""
    found: list[datetime] = []
    for cell in cells:
        if isinstance(cell, datetime):
            found.append(cell)
            continue
        if not isinstance(cell, str) or len(cell) > 40 or not any(c in cell for c in "-:"):
            return None
        try:
            found.append(datetime.fromisoformat(cell.strip()))
        except ValueError:
            return None
    return found if len({s.tzinfo is None for s in found}) == 1 else None


__all__ = ["placed", "times"]
