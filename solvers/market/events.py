"""Events: Boolean formulas over the variables of a market, as plain data.

Atoms say that a variable has one of some values, compares a number, or that a few variables have one of some
combinations. `any_of`, `all_of` and `at_least` are one node, `AtLeast`: what is wide is counted by a chain of small
tables (see `fitting`), never by one table over everything.

>>> outage, load = Is("outage", (True,)), Is("load", ("High",))
>>> (outage & ~load).shown
'outage and not (load == High)'
>>> at_least(2, outage, load, Is("wind", ("Calm",))).shown
'ind(outage) + ind(load == High) + ind(wind == Calm) >= 2'
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opengames.serial import from_data, to_data

Mask = NDArray[np.bool_]


class Formula:
    """What `&`, `|` and `~` mean for events."""

    __slots__ = ()

    def __and__(self, other: Event) -> Event:
        return all_of(self, other)  # type: ignore[arg-type]

    def __or__(self, other: Event) -> Event:
        return any_of(self, other)  # type: ignore[arg-type]

    def __invert__(self) -> Event:
        return self.part if isinstance(self, Not) else Not(self)  # type: ignore[arg-type]

    @property
    def shown(self) -> str:
        """The formula as the language writes it."""
        return _shown(self, False)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Is(Formula):
    """`variable` has one of `values`."""

    variable: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Compares(Formula):
    """A number compared: op is `<`, `<=`, `>` or `>=`. bound: in base units."""

    variable: str
    op: str
    bound: Fraction


@dataclass(frozen=True, slots=True)
class Truth(Formula):
    """`variables` together have one of the combinations in `rows`. text: how it was written, for reports."""

    variables: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Not(Formula):
    part: Event


@dataclass(frozen=True, slots=True)
class AtLeast(Formula):
    """At least `count` of the parts hold. A count of 0 always holds, one above the number of parts never."""

    count: int
    parts: tuple[Event, ...]


Event = Is | Compares | Truth | Not | AtLeast

ALWAYS = AtLeast(0, ())
NEVER = AtLeast(1, ())


def any_of(*parts: Event) -> Event:
    """At least one of the parts holds."""
    flat = [q for p in parts for q in (p.parts if isinstance(p, AtLeast) and p.count == 1 and p.parts else (p,))]
    return flat[0] if len(flat) == 1 else AtLeast(1, tuple(dict.fromkeys(flat)))


def all_of(*parts: Event) -> Event:
    """All parts hold."""
    flat = [q for p in parts for q in (p.parts if _is_all(p) and isinstance(p, AtLeast) else (p,))]
    kept = tuple(dict.fromkeys(flat))
    return kept[0] if len(kept) == 1 else AtLeast(len(kept), kept)


def at_least(count: int, *parts: Event) -> Event:
    """At least `count` of the parts hold; a part named twice counts twice."""
    return AtLeast(count, parts)


def none_of(*parts: Event) -> Event:
    return Not(any_of(*parts))


def variables_of(event: Event) -> tuple[str, ...]:
    """The variables that a formula mentions, each once, in the order of mention."""
    found: dict[str, None] = {}
    stack = [event]
    while stack:
        match stack.pop():
            case Is(variable=v) | Compares(variable=v):
                found[v] = None
            case Truth(variables=vs):
                found.update(dict.fromkeys(vs))
            case Not(part=part):
                stack.append(part)
            case AtLeast(parts=parts):
                stack.extend(reversed(parts))
    return tuple(found)


def holds(event: Event, world: Mapping[str, Any]) -> bool:
    """Whether the event happens where the variables have these values."""
    match event:
        case Is(variable=v, values=values):
            return world[v] in values
        case Compares(variable=v, op=op, bound=bound):
            return bool(OPERATORS[op](world[v], bound))
        case Truth(variables=vs, rows=rows):
            return tuple(world[v] for v in vs) in rows
        case Not(part=part):
            return not holds(part, world)
        case AtLeast(count=count, parts=parts):
            return count <= 0 or sum(holds(p, world) for p in parts) >= count


def mask(event: Event, names: tuple[str, ...], values: Mapping[str, tuple[Any, ...]]) -> Mask:
    """The truth of an event as a table, one axis for each of `names`, which must hold all its variables."""
    shape = tuple(len(values[n]) for n in names)
    return np.broadcast_to(_mask(event, names, values), shape)


def _mask(event: Event, names: tuple[str, ...], values: Mapping[str, tuple[Any, ...]]) -> Mask:
    match event:
        case Is(variable=v, values=wanted):
            return _along(v, [x in wanted for x in values[v]], names)
        case Compares(variable=v, op=op, bound=bound):
            return _along(v, [bool(OPERATORS[op](x, bound)) for x in values[v]], names)
        case Truth(variables=vs, rows=rows):
            found = np.zeros([len(values[v]) for v in vs], dtype=bool)
            for row in rows:
                if all(x in values[v] for x, v in zip(row, vs, strict=True)):
                    found[tuple(values[v].index(x) for x, v in zip(row, vs, strict=True))] = True
            order = sorted(range(len(vs)), key=lambda i: names.index(vs[i]))
            shape = [len(values[n]) if n in vs else 1 for n in names]
            return found.transpose(order).reshape(shape)
        case Not(part=part):
            return ~_mask(part, names, values)
        case AtLeast(count=count, parts=parts):
            if count <= 0 or not parts:
                return np.full([1] * len(names), count <= 0)
            tables = [_mask(p, names, values) for p in parts]
            if count == 1:
                return reduce(np.logical_or, tables)
            if count == len(parts):
                return reduce(np.logical_and, tables)
            total = reduce(np.add, [t.astype(np.int64) for t in tables])
            return np.asarray(total >= count)


def _along(name: str, truth: list[bool], names: tuple[str, ...]) -> Mask:
    return np.array(truth, dtype=bool).reshape([len(truth) if n == name else 1 for n in names])


#: What comparisons mean.
OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": lambda x, y: x < y, "<=": lambda x, y: x <= y, ">": lambda x, y: x > y, ">=": lambda x, y: x >= y,
}  # fmt: skip


def with_values(event: Event, known: Mapping[str, Any], values: Mapping[str, tuple[Any, ...]]) -> Event:
    """The event where some variables are settled: `known` values put in, and what that decides left out."""
    match event:
        case Is(variable=v) | Compares(variable=v) if v in known:
            return ALWAYS if holds(event, known) else NEVER
        case Truth(variables=vs, rows=rows, text=text) if any(v in known for v in vs):
            open_ = tuple(v for v in vs if v not in known)
            left = [r for r in rows if all(known.get(v, x) == x for v, x in zip(vs, r, strict=True))]
            if not open_:
                return ALWAYS if left else NEVER
            kept = dict.fromkeys(tuple(x for v, x in zip(vs, r, strict=True) if v not in known) for r in left)
            return Truth(open_, tuple(kept), text)
        case Not(part=part):
            inner = with_values(part, known, values)
            return NEVER if inner == ALWAYS else ALWAYS if inner == NEVER else Not(inner)
        case AtLeast(count=count, parts=parts):
            inside = [with_values(p, known, values) for p in parts]
            count -= sum(p == ALWAYS for p in inside)
            left_parts = tuple(p for p in inside if p not in (ALWAYS, NEVER))
            if count <= 0:
                return ALWAYS
            if count > len(left_parts):
                return NEVER
            return left_parts[0] if count == 1 == len(left_parts) else AtLeast(count, left_parts)
    return event


def as_data(event: Event) -> list[Any]:
    """The event as what JSON can hold; `from_event_data` is the inverse."""
    match event:
        case Is(variable=v, values=values):
            return ["is", v, to_data(values)]
        case Compares(variable=v, op=op, bound=bound):
            return [op, v, str(bound)]
        case Truth(variables=vs, rows=rows, text=text):
            return ["truth", list(vs), to_data(rows), text]
        case Not(part=part):
            return ["not", as_data(part)]
        case AtLeast(count=count, parts=parts):
            return ["at_least", count, [as_data(p) for p in parts]]


def from_event_data(data: list[Any]) -> Event:
    """The event that `as_data` wrote. Raises `ValueError`."""
    match data:
        case ["is", str(v), values]:
            return Is(v, from_data(values))
        case [("<" | "<=" | ">" | ">=") as op, str(v), bound]:
            return Compares(v, op, Fraction(bound))
        case ["truth", variables, rows, text]:
            return Truth(tuple(variables), from_data(rows), text)
        case ["not", part]:
            return Not(from_event_data(part))
        case ["at_least", int(count), parts]:
            return AtLeast(count, tuple(from_event_data(p) for p in parts))
    raise ValueError(f"not an event: {data!r}")


def _is_all(event: Event) -> bool:
    return isinstance(event, AtLeast) and len(event.parts) == event.count > 1


def _shown(event: Event, inside: bool) -> str:
    match event:
        case Is(variable=v, values=(True,)):
            return v
        case Is(variable=v, values=(False,)):
            return f"not {v}"
        case Is(variable=v, values=(one,)):
            return _bracket(f"{v} == {value_words(one)}", inside)
        case Is(variable=v, values=values):
            listed = " or ".join(f"{v} == {value_words(x)}" for x in values)
            return _bracket(listed, inside) if values else "false"
        case Compares(variable=v, op=op, bound=bound):
            return _bracket(f"{v} {op} {value_words(bound)}", inside)
        case Truth(variables=vs, text=text):
            return _bracket(text or f"an event of {', '.join(vs)}", inside)
        case Not(part=Is(variable=v, values=(bool(value),))):
            return f"not {v}" if value else v
        case Not(part=part):
            return f"not {_shown(part, True)}" if not isinstance(part, Not) else _shown(part.part, inside)
        case AtLeast(count=count, parts=parts):
            if count <= 0 or count > len(parts):
                return "true" if count <= 0 else "false"
            if count == 1:
                return _bracket(_joined(" or ", parts), inside)
            if count == len(parts):
                return _bracket(_joined(" and ", parts), inside)
            listed = " + ".join(f"ind({_shown(p, False)})" for p in parts)
            return _bracket(f"{listed} >= {count}", inside)


def _joined(word: str, parts: Iterable[Event]) -> str:
    return word.join(_shown(p, True) for p in parts)


def _bracket(words: str, inside: bool) -> str:
    return f"({words})" if inside else words


def value_words(value: Any) -> str:
    """A value as the language writes it: `High`, `true`, `5/2`."""
    return str(value).lower() if isinstance(value, bool) else str(value)


__all__ = [
    "ALWAYS", "NEVER", "AtLeast", "Compares", "Event", "Formula", "Is", "Mask", "Not", "Truth", "all_of", "any_of",
    "as_data", "at_least", "from_event_data", "holds", "mask", "none_of", "value_words", "variables_of", "with_values",
]  # fmt: skip
