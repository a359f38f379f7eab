"""Rows of a table placed by key: which columns say what element of a family a row is about, and where it goes.

A key column is one that is called like the type of an index (`Hour`, or in lower case `hour`) or, in a family of
one index, any other column that holds each point of the index once. Without key columns rows count in their order.

Law: shuffling the rows of a table with key columns changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from itertools import islice
from typing import Any

from opengames.diagnostics import refuse
from opengames.models.data_cells import blank, rational, truth
from opengames.program import ParamDecl
from opengames.show import number, show_space
from opengames.spaces import Bool, Enum, Family, Grid, Space, index_size, points

_SHOWN = 5
"""Rows or keys named in one report."""


@dataclass(frozen=True)
class Rows:
    """The rows of a table. name: as a message calls the table. row: how it calls a row (from 0)."""

    name: str
    columns: Mapping[str, Sequence[Any]]
    row: Callable[[int], str]


def order(decl: ParamDecl, rows: Rows, count: int, values: Sequence[str], gaps: bool = False) -> list[int]:
    """The row of each element of the param's family, in the family's order; the rows as they come without keys.

    count: how many rows there are. values: the columns that the param's value is made of. gaps: keys may lack a row, and have
    -1 for it. Raises `Refusal`:
    `data-unknown-label` for keys that are none, `data-repeated-label`, `data-too-short` for keys without a row,
    `data-missing-column` if only some of several indices have a column and the rows are not in order.
    """
    plain = list(range(count))
    space = decl.space
    if not isinstance(space, Family):
        return plain
    names = index_names(decl)
    found = [_called(name, rows, values, names) for name in names]
    if len(names) == 1 and (found[0] is None or found[0] in values):
        # a field may repeat the key; it counts as one only if it names everything once
        among = [found[0]] if found[0] is not None else [c for c in rows.columns if c not in values]
        return _numbered(decl, rows, count, among, space.index[0])
    if all(found):
        return _by_key(decl, rows, count, [str(c) for c in found], gaps)
    _check_order(decl, rows, count, found)
    return plain


def index_names(decl: ParamDecl) -> tuple[str, ...]:
    """What the types of the family's indices are called, `""` for one without a name."""
    if not isinstance(decl.space, Family):
        return ()
    given = decl.index_names or ("",) * len(decl.space.index)
    return tuple(
        space.name if isinstance(space, Enum) else name for name, space in zip(given, decl.space.index, strict=True)
    )


def is_key_name(decl: ParamDecl, column: str) -> bool:
    """Whether a column is called like one of the indices."""
    return column.strip().lower() in {name.lower() for name in index_names(decl) if name}


def may_be_key(decl: ParamDecl, count: int, first: Any, last: Any) -> bool:
    """Whether a column of `count` cells from `first` to `last` can hold the points of the param's only index."""
    space = decl.space
    if not isinstance(space, Family) or len(space.index) != 1 or index_size(space.index) != count:
        return False
    places = _places(space.index[0])
    return _place(space.index[0], places, first) is not None and _place(space.index[0], places, last) is not None


def _called(name: str, rows: Rows, values: Sequence[str], names: Sequence[str]) -> str | None:
    """The column called like an index. One that is the value itself is none, save as a field of a record."""
    if not name or names.count(name) > 1:
        return None
    alike = [c for c in rows.columns if c.strip().lower() == name.lower()]
    apart = [c for c in alike if c not in values]
    alike = apart or (alike if len(values) > 1 else [])
    return name if name in alike else next(iter(alike), None)


def _numbered(decl: ParamDecl, rows: Rows, count: int, among: Sequence[str], index: Space) -> list[int]:
    """The rows by the column that holds each point of the index once; as they come if there is none."""
    if index_size((index,)) != count:
        return list(range(count))
    places = _places(index)
    found: dict[str, list[int]] = {}
    for column in among:
        cells = rows.columns[column]
        at = [_place(index, places, cell) for cell in cells] if len(cells) == count else []
        if len({p for p in at if p is not None}) == count:
            found[column] = sorted(range(count), key=lambda i, at=at: at[i])  # type: ignore[misc]
    if len({tuple(each) for each in found.values()}) > 1:
        listed = " and ".join(f"`{c}`" for c in list(found)[:2])
        raise refuse(
            "data-shape", f"columns {listed} of {rows.name} both number the rows, in different orders", **_at(decl),
            help="call the one that says which element a row is about like the type of the index",
        )  # fmt: skip
    return next(iter(found.values()), list(range(count)))


def _by_key(decl: ParamDecl, rows: Rows, count: int, columns: Sequence[str], gaps: bool) -> list[int]:
    assert isinstance(decl.space, Family)
    index = decl.space.index
    places = [_places(s) for s in index]
    unknown: dict[str, list[tuple[int, Any]]] = {}
    taken: dict[int, int] = {}
    twice: list[tuple[int, int]] = []
    for i in range(count):
        at = 0
        for column, space, known in zip(columns, index, places, strict=True):
            cell = rows.columns[column][i] if i < len(rows.columns[column]) else None
            place = _place(space, known, cell)
            if place is None:
                unknown.setdefault(column, []).append((i, cell))
                at = -1
            elif at >= 0:
                at = at * len(known) + place
        if at >= 0 and at in taken:
            twice.append((taken[at], i))
        elif at >= 0:
            taken[at] = i
    for column, found in unknown.items():
        raise _unknown(decl, rows, column, index[columns.index(column)], found)

    def key(i: int) -> str:
        return ", ".join(str(rows.columns[column][i]).strip() for column in columns)

    said = " and ".join(f"`{c}`" for c in columns)
    word = "columns" if len(columns) > 1 else "column"
    if twice:
        notes = [f"{rows.row(first)} and {rows.row(second)}: `{key(second)}`" for first, second in twice[:_SHOWN]]
        names = f"names `{key(twice[0][1])}` twice" if len(twice) == 1 else f"repeats {len(twice):,} keys"
        raise refuse("data-repeated-label", f"{word} {said} of {rows.name} {names}", **_at(decl), notes=_more(notes, twice))
    wanted = index_size(index)
    if len(taken) < wanted and not gaps:
        lacking = islice((at for at in range(wanted) if at not in taken), _SHOWN)
        names = ", ".join(f"`{_spelled(index, at)}`" for at in lacking)
        more = f" and {wanted - len(taken) - _SHOWN:,} more" if wanted - len(taken) > _SHOWN else ""
        raise refuse(
            "data-too-short", f"{rows.name} says nothing about {names}{more}", **_at(decl),
            notes=(f"rows are matched by {word} {said}",),
        )  # fmt: skip
    return [taken.get(at, -1) for at in range(wanted)]


def _check_order(decl: ParamDecl, rows: Rows, count: int, found: Sequence[str | None]) -> None:
    """Some indices have a column, others have not: right as long as the rows are in order all the same."""
    assert isinstance(decl.space, Family)
    index, names = decl.space.index, index_names(decl)
    inner = 1
    for k in reversed(range(len(index))):
        known, column = _places(index[k]), found[k]
        if column is not None:
            for i, cell in enumerate(rows.columns[column][:count]):
                if _place(index[k], known, cell) != i // inner % len(known):
                    others = [names[j] or f"index {j + 1}" for j in range(len(index)) if found[j] is None]
                    raise refuse(
                        "data-missing-column",
                        f"{rows.name} has a column `{column}` and none for {', '.join(f'`{o}`' for o in others)}",
                        **_at(decl), notes=(f"the rows are not in order: {rows.row(i)} has `{cell}`",),
                        help="add a column for every index, or sort the rows, the last index running fastest",
                    )  # fmt: skip
        inner *= len(known)


def _unknown(decl: ParamDecl, rows: Rows, column: str, space: Space, found: list[tuple[int, Any]]) -> Exception:
    labels = [_written(space, point) for point in points(space)]
    word = str(found[0][1]).strip()
    near = get_close_matches(word, labels, 1, 0.5) if isinstance(space, Enum) else []
    what = "has an unknown label" if len(found) == 1 else f"has {len(found):,} unknown labels"
    notes = [f"{rows.row(i)}: {'nothing' if blank(cell) else f'`{str(cell).strip()}`'}" for i, cell in found[:_SHOWN]]
    listed = ", ".join(labels if len(labels) <= 8 else [*labels[:3], "...", labels[-1]])
    return refuse(
        "data-unknown-label", f"column `{column}` of {rows.name} {what}", **_at(decl),
        notes=(*_more(notes, found), f"it is called like the index, whose points are {listed}"),
        help=f"did you mean `{near[0]}`?" if near else "",
    )  # fmt: skip


def _more(notes: list[str], found: Sequence[Any]) -> tuple[str, ...]:
    return (*notes, f"and {len(found) - _SHOWN:,} more") if len(found) > _SHOWN else tuple(notes)


def _at(decl: ParamDecl) -> dict[str, Any]:
    return {"span": decl.at, "label": f"takes {show_space(decl.space)}"}


def _places(space: Space) -> dict[Any, int]:
    return {point: i for i, point in enumerate(points(space))}


def _place(space: Space, places: Mapping[Any, int], cell: Any) -> int | None:
    """The place of the point that a cell names, a number being in the unit of its type."""
    if blank(cell):
        return None
    match space:
        case Enum():
            return places.get(str(cell).strip())
        case Bool():
            return places.get(truth(cell))
        case Grid(shown=shown):
            exact = rational(cell)
            return None if exact is None else places.get(exact * (shown.scale if shown else 1))
    return None


def _written(space: Space, point: Any) -> str:
    if isinstance(space, Grid) and isinstance(point, Fraction):
        return number(point, space.shown)
    return str(point).lower() if isinstance(point, bool) else str(point)


def _spelled(index: tuple[Space, ...], at: int) -> str:
    words = []
    for space in reversed(index):
        known = list(points(space))
        at, i = divmod(at, len(known))
        words.append(_written(space, known[i]))
    return ", ".join(reversed(words))
