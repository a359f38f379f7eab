"""Values from outside made into values of a param: shape, order, unit, range and labels are checked here.

Numbers are magnitudes in the unit that the param was declared with, unless they say another (see `data_units`). Decimals are
taken exactly: the float 0.1 and the text `0.1` both mean one tenth. What does not fit is refused by row and column, all
rows with one kind of fault in one diagnostic. Of evidence an empty cell was not observed: it is `None`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fractions import Fraction
from typing import Any

from opengames.diagnostics import Diagnostic, Refusal, refuse
from opengames.dsl.units import BUILTIN
from opengames.models import data_units
from opengames.models.data_cells import blank, rational, truth
from opengames.models.data_keys import Rows, order
from opengames.program import ParamDecl
from opengames.show import number, show, show_space
from opengames.spaces import (
    Bool,
    Enum,
    Family,
    Grid,
    Reals,
    Record,
    Shown,
    Space,
    contains,
    index_points,
    index_size,
)

_SHOWN = 5
"""Rows named in one report."""

_LONGEST_CELL = 60
"""Characters of a cell that a report shows."""

_LOOKED_AT = 10_000_000
"""Values of one param beyond which nothing is read."""


@dataclass(frozen=True)
class Origin:
    """Where values come from. what: as a message calls it. row: how it calls the item at a position (from 0).

    units: those that heads of columns say, by field; by `""` that of the only column.
    """

    what: str
    row: Callable[[int], str] = field(default=lambda i: f"item {i + 1}")
    units: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Taking:
    """How values are taken. units: of the text. gaps: whether values may be missing, as of evidence."""

    units: data_units.Units = field(default_factory=lambda: BUILTIN)
    gaps: bool = False


def fit(decl: ParamDecl, given: Any, origin: Origin | None = None, taking: Taking | None = None) -> Any:
    """`given` as a value of the param's space.

    given: a number, a label, a bool; for a family a sequence in index order, nested sequences, or a mapping from
    keys; for a family of records a sequence of mappings, or a mapping of columns. Arrays, series and frames of the
    usual libraries are taken as what they hold. Raises `Refusal`: `data-too-short`, `data-too-long`, `data-gap`,
    `data-bad-cell`, `data-unit`, `data-unknown-label`, `data-out-of-range`, `data-missing-column`, `data-shape`.
    """
    return _Fitter(decl, origin or Origin(f"the value given for `{decl.name}`"), taking or Taking()).fit(plain(given))


def plain(given: Any) -> Any:
    """The Python lists, mappings and scalars in an array, a series or a frame."""
    if isinstance(given, str | bytes | Mapping | Fraction | int | float) or given is None:
        return given
    if hasattr(given, "to_pylist"):
        return given.to_pylist()
    if hasattr(given, "columns") and hasattr(given, "__getitem__"):
        return {str(name): plain(given[name]) for name in given.columns}
    for method in ("tolist", "to_list"):
        if hasattr(given, method):
            return getattr(given, method)()
    if isinstance(given, Iterable):
        return list(given)
    return given


@dataclass
class _Fitter:
    decl: ParamDecl
    origin: Origin
    taking: Taking
    faults: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    placed: list[int] | None = None  # the row of each item, where keys have placed them

    def fit(self, given: Any) -> Any:
        space = self.decl.space
        value = self._family(space, given) if isinstance(space, Family) else self._one(space, given, "", None)
        if self.faults:
            raise self._refusal()
        return value

    # ------------------------------------------------------------------------------- families

    def _family(self, space: Family, given: Any) -> tuple[Any, ...]:
        wanted = index_size(space.index)
        if wanted > _LOOKED_AT:
            raise refuse(
                "over-budget", f"`{self.decl.name}` takes {wanted:,} values, and {_LOOKED_AT:,} is the most that is read",
                span=self.decl.at,
            )  # fmt: skip
        if isinstance(given, Mapping) and self._has_columns(space, given):
            given = self._columns(space, given)
        if isinstance(given, str | bytes) or not isinstance(given, Sequence | Mapping):
            raise self._shape(f"a single value was given where {wanted:,} are needed")
        items = self._flat(space, given)
        if len(items) != wanted:
            raise self._count(len(items), wanted)
        placed = self.placed if self.placed is not None else range(wanted)
        return tuple(
            self._one(space.item, each, self.origin.row(i), None) for i, each in zip(placed, items, strict=True)
        )

    def _flat(self, space: Family, given: Sequence[Any] | Mapping[Any, Any]) -> list[Any]:
        """The items in index order: nested rows are put one after another, keys are put in their places.

        Rows are the lists or mappings by which a family of several indices may be given; there must be one for
        each point of the first index, so that a table the wrong way round is not taken for the right one.
        """
        first, deeper = space.index[:1], space.index[1:]
        if isinstance(given, Mapping):
            by_first = deeper and all(_is_rows(plain(row)) for row in given.values())
            given = self._keyed(Family(first, space.item) if by_first else space, given)
            if not by_first:
                return given
        rows = [plain(row) for row in given] if deeper else list(given)
        records = isinstance(space.item, Record) and len(rows) == index_size(space.index) and not all(map(_is_row_of_records, rows))
        if not deeper or not rows or records or not all(map(_is_rows, rows)):
            return rows
        if len(rows) != index_size(first):
            raise self._shape(
                f"it has {_many(len(rows), 'row')}, and {show_space(first[0])}, its first index, "
                f"has {_many(index_size(first), 'point')}"
            )
        lists = {len(row) for row in rows if not isinstance(row, Mapping)}
        if len(lists) > 1:
            raise self._shape(f"its rows have different lengths: {', '.join(map(str, sorted(lists)))}")
        inner = Family(deeper, space.item)
        return [item for row in rows for item in self._flat(inner, row)]

    def _has_columns(self, space: Family, given: Mapping[Any, Any]) -> bool:
        return isinstance(space.item, Record) and any(name in given for name, _ in space.item.fields)

    def _columns(self, space: Family, given: Mapping[Any, Any]) -> list[dict[str, Any]]:
        """A mapping of columns as one mapping per row."""
        assert isinstance(space.item, Record)
        columns = {}
        for name, _ in space.item.fields:
            if name not in given:
                raise missing_column(self.decl, name, [str(k) for k in given], self.origin.what)
            columns[name] = plain(given[name])
        count = max((len(c) for c in columns.values()), default=0)
        for name, column in columns.items():
            if len(column) < count:
                raise self._shape(f"its column `{name}` has {len(column)} rows where another has {count}")
        others = {str(name): plain(column) for name, column in given.items() if not isinstance(column, str)}
        listed = {name: column for name, column in others.items() if isinstance(column, list | tuple)}
        rows = Rows(self.origin.what, listed, self.origin.row)
        self.placed = order(self.decl, rows, count, list(columns), self.taking.gaps)
        return [{name: column[i] if i >= 0 else None for name, column in columns.items()} for i in self.placed]

    def _keyed(self, space: Family, given: Mapping[Any, Any]) -> list[Any]:
        """A mapping from keys, as the values in index order."""
        known = {self._spelled(key, space.index): i for i, key in enumerate(index_points(space.index))}
        found: dict[int, Any] = {}
        for key, value in given.items():
            parts = key if isinstance(key, tuple) else (key,)
            if len(space.index) > 1 and isinstance(key, str):
                parts = tuple(part.strip() for part in key.split(","))  # as `to_dict` spells it
            place = known.get(self._spelled(parts, space.index))
            if place is None:
                word = ", ".join(str(p) for p in parts)
                self._note("data-unknown-label", f"key `{word}`", _did_you_mean(word, [", ".join(k) for k in known]))
            else:
                found[place] = value
        if self.faults:
            raise self._refusal()
        lacking = [", ".join(key) for key, i in known.items() if i not in found]
        if lacking and not self.taking.gaps:
            more = f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
            raise refuse(
                "data-too-short",
                f"{self.origin.what} says nothing about {', '.join(f'`{x}`' for x in lacking[:_SHOWN])}{more}",
                span=self.decl.at, label=self._takes(),
            )  # fmt: skip
        return [found.get(i) for i in range(len(known))]

    def _spelled(self, key: tuple[Any, ...], index: tuple[Space, ...]) -> tuple[str, ...]:
        """A key as text: numbers in the index's own unit, labels as they are."""
        return tuple(
            show(part, Grid(s.points, s.shown)) if isinstance(s, Grid) and isinstance(part, Fraction) else _bare(part, s)
            for part, s in zip(key, index, strict=False)
        )

    # -------------------------------------------------------------------------------- one value

    def _one(self, space: Space, given: Any, row: str, column: str | None) -> Any:
        """One value; a fault is noted, and any value stands in for it."""
        where = row + (f", column `{column}`" if column else "")
        if isinstance(space, Record):
            return self._record(space, given, row)
        if isinstance(space, Family):
            inner = _Fitter(self.decl, Origin(where or self.origin.what, units=self.origin.units), self.taking)
            value = inner._family(space, plain(given))
            self.faults.update(inner.faults)
            return value
        if blank(given) and not (isinstance(space, Enum) and str(given).strip() in space.labels):
            if self.taking.gaps:
                return None
            return self._note("data-gap", where, "nothing" if given is None or given == "" else str(given))
        match space:
            case Enum(labels=labels):
                if _is_rows(given):
                    return self._note("data-unknown-label", where, _said(given))
                word = str(given).strip()
                if word not in labels:
                    return self._note("data-unknown-label", where, _did_you_mean(word, labels))
                return word
            case Bool():
                known = truth(given)
                return self._note("data-bad-cell", where, _said(given)) if known is None else known
            case Grid(shown=shown) | Reals(shown=shown):
                exact, scale = rational(given), self._scale(space, shown, column)
                said = data_units.in_cell(given) if exact is None else None
                if said is not None:
                    exact, found = said[0], data_units.scale(space, said[1], self.taking.units)
                    if isinstance(found, str):
                        return self._note("data-unit", where, f"{_said(given)}: {found}")
                    scale = found
                if exact is None:
                    return self._note("data-bad-cell", where, _said(given))
                magnitude = exact * scale
                if not _inside(space, magnitude):
                    return self._note("data-out-of-range", where, number(magnitude, shown))
                return magnitude
        raise TypeError(f"not a space: {space!r}")

    def _scale(self, space: Space, shown: Shown | None, column: str | None) -> Fraction:
        """What a number without a unit of its own is multiplied by."""
        written = self.origin.units.get(column or "")
        if written is None:
            return shown.scale if shown else Fraction(1)
        found = data_units.scale(space, written, self.taking.units)
        if isinstance(found, str):
            what = f"column `{column}` of {self.origin.what}" if column else self.origin.what
            raise data_units.refused(self.decl, what, written, found)
        return found

    def _record(self, space: Record, given: Any, row: str) -> Any:
        if blank(given) and self.taking.gaps:
            given = dict.fromkeys(name for name, _ in space.fields)
        if isinstance(given, Sequence) and not isinstance(given, str) and len(given) == len(space.fields):
            given = {name: item for (name, _), item in zip(space.fields, given, strict=True)}
        if not isinstance(given, Mapping):
            return self._note("data-bad-cell", row, f"{_said(given)}, where fields are needed")
        for name, _ in space.fields:
            if name not in given:
                raise missing_column(self.decl, name, [str(k) for k in given], self.origin.what)
        return tuple(self._one(s, given[name], row, name) for name, s in space.fields)

    # ---------------------------------------------------------------------------------- reports

    def _note(self, code: str, where: str, what: str) -> None:
        self.faults.setdefault(code, []).append((where, what))

    def _refusal(self) -> Refusal:
        return Refusal(*(self._fault(code, found) for code, found in self.faults.items()))

    def _fault(self, code: str, found: list[tuple[str, str]]) -> Diagnostic:
        said = {
            "data-gap": ("has a gap", "gaps"),
            "data-bad-cell": ("has a value that cannot be read", "values that cannot be read"),
            "data-unknown-label": ("has an unknown label", "unknown labels"),
            "data-out-of-range": ("has a value outside its type", "values outside its type"),
            "data-unit": ("has a value in a unit that does not fit", "values in units that do not fit"),
        }[code]
        many = f"has {len(found):,} {said[1]}" if len(found) > 1 else said[0]
        notes = [f"{where}: {what}" if where else what for where, what in found[:_SHOWN]]
        if len(found) > _SHOWN:
            notes.append(f"and {len(found) - _SHOWN:,} more")
        return Diagnostic(code, f"{self.origin.what} {many}", self.decl.at, self._takes(), notes=tuple(notes))

    def _shape(self, what: str) -> Refusal:
        return refuse("data-shape", f"{self.origin.what} has the wrong shape", span=self.decl.at, label=self._takes(),
                      notes=(what,))  # fmt: skip

    def _count(self, got: int, wanted: int) -> Refusal:
        short = got < wanted
        return refuse(
            "data-too-short" if short else "data-too-long",
            f"{self.origin.what} has {got:,} {'value' if got == 1 else 'values'}, and `{self.decl.name}` takes {wanted:,}",
            span=self.decl.at,
            label=self._takes(),
        )

    def _takes(self) -> str:
        return f"takes {show_space(self.decl.space)}"


def missing_column(decl: ParamDecl, column: str, known: Sequence[str], what: str) -> Refusal:
    """The refusal of a column that is not there."""
    near = get_close_matches(column, known, 1, 0.5)
    folded = {name.lower().strip(): name for name in known}
    meant = folded.get(column.lower()) or (near[0] if near else None)
    there = ", ".join(f"`{name}`" for name in known[:12]) + (", ..." if len(known) > 12 else "")
    return refuse(
        "data-missing-column", f"{what} has no column `{column}`", span=decl.at,
        label=f"takes {show_space(decl.space)}", notes=(f"its columns are {there}",) if known else (),
        help=f"did you mean `{meant}`?" if meant else "",
    )  # fmt: skip


def _inside(space: Space, value: Fraction) -> bool:
    match space:
        case Grid(points=values):
            return value in values
        case Reals():
            return contains(space, value)
    return True


def _bare(part: Any, space: Space) -> str:
    if isinstance(space, Grid):
        exact = rational(part)
        if exact is not None:
            return number(exact * (space.shown.scale if space.shown else 1), space.shown)
    if isinstance(space, Bool):
        return "true" if truth(part) else "false"
    return str(part)


def _many(n: int, word: str) -> str:
    return f"{n:,} {word}" if n == 1 else f"{n:,} {word}s"


def _is_row_of_records(given: Any) -> bool:
    """Whether this is a list of mappings, and so a row of a table, not a record."""
    return isinstance(given, list | tuple) and bool(given) and all(isinstance(plain(each), Mapping) for each in given)


def _is_rows(given: Any) -> bool:
    return isinstance(given, list | tuple | Mapping)


def _said(given: Any) -> str:
    """A cell that is no value, as a message calls it; it may be long, or nested without end."""
    if isinstance(given, Mapping):
        return f"a mapping of {len(given):,}"
    if isinstance(given, list | tuple):
        return f"a list of {len(given):,}"
    word = str(given).lower() if isinstance(given, bool) else str(given)
    return f"`{word}`" if len(word) <= _LONGEST_CELL else f"`{word[:_LONGEST_CELL]}...`"


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word, list(known), 1, 0.5) if len(word) <= _LONGEST_CELL else []
    return _said(word) + (f", did you mean `{near[0]}`?" if near else "")
