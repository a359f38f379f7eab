"""Hours of a network: loads of buses from series of areas, what units have at hand, and the clearing of one hour after another.

A series says the load of an area, of a bus, or of the whole network; where it is of many buses, each keeps the share of it that it
has in the network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from opengames.diagnostics import Refusal, refuse
from opengames.models.grid.network import Network
from opengames.models.grid.opf import Dispatch, OptimalFlow
from opengames.models.grid.shift_factors import Reference
from opengames.models.grid.tables import read_series

#: Names of a column that is the load of the whole network.
_WHOLE = ("load", "total", "demand")

#: Words of columns that say when a row is.
_WHEN = frozenset((
    "time", "date", "datetime", "timestamp", "year", "month", "week", "day", "weekday", "hour", "hours", "minute", "period", "interval", "season",
    "index", "row",
))  # fmt: skip


@dataclass(frozen=True)
class Hours:
    """Cleared hours. load: (hours, buses) MW. Each of the others is one number, or one for each part, for each hour, as in `Dispatch`.

    Where batteries are dispatched: charge, discharge: (hours, stores) MW; stored: (hours, stores) MWh at the end of each hour; worth:
    (hours, stores) $/MWh, what a megawatt-hour more in the battery then is worth. Where they are not, these have no columns.
    """

    network: Network
    load: np.ndarray
    output: np.ndarray
    flow: np.ndarray
    lmp: np.ndarray
    energy: np.ndarray
    shadow: np.ndarray
    cost: np.ndarray
    shed: np.ndarray
    overload: np.ndarray
    residual: np.ndarray
    rounds: np.ndarray
    direct: np.ndarray
    charge: np.ndarray
    discharge: np.ndarray
    stored: np.ndarray
    worth: np.ndarray

    def __len__(self) -> int:
        return len(self.energy)

    @property
    def binding(self) -> np.ndarray:
        """How many branches have a shadow price in each hour."""
        return np.asarray((np.abs(self.shadow) > 1e-6).sum(axis=1))

    @property
    def at_once(self) -> np.ndarray:
        """MW that are charged and discharged at once (hours, stores): losses that somebody is paid for, where prices are negative."""
        return np.minimum(self.charge, self.discharge)


class Interrupted(KeyboardInterrupt):
    """Somebody stopped the clearing; hours: what was cleared until then."""

    def __init__(self, hours: Hours) -> None:
        super().__init__()
        self.hours = hours


def area_loads(network: Network, series: Mapping[str, np.ndarray]) -> np.ndarray:
    """Loads (hours, buses) in MW from series by area: each bus keeps its share of its area's load.

    Areas are called as in the network, or `area_1` for the area `1`. Raises `Refusal`: `data-unknown-label` for an area that is
    not there, `data-missing-column` for one without a series, `data-shape` for series of different lengths.
    """
    return _spread(network, series, network.buses.area, "area")


def load_series(network: Network, series: Mapping[str, np.ndarray], where: str = "") -> np.ndarray:
    """Loads (hours, buses) in MW from series of whatever kind their names say: areas, zones, buses, or the whole network.

    The kind is the one that names the most columns, of areas before zones before buses. Columns that name nothing (a date, an hour)
    are left out. Raises `Refusal`: `data-unknown-label` where no column names a part of the network, or one that is called like
    the others names none, `data-missing-column` where some parts have a column and others with load have none,
    `data-unknown-label` too where names alone may as well be areas, zones or buses and that makes a difference.
    """
    kinds = {"area": network.buses.area, "zone": network.buses.zone, "bus": network.buses.names}
    named = {kind: _named(series, kind, names) for kind, names in kinds.items()}
    kind = max(named, key=lambda k: len(named[k]))
    found = named[kind]
    if found:
        _refuse_strangers(network, series, found, kind, where)
        loads = _loads(network, found, kinds[kind], kind)
        for other in kinds:
            bare = other != kind and named[other].keys() == found.keys() and all(_called(k, kind) == k for k in found)
            if bare and not _same_spread(network, found, kinds[other], other, loads):
                raise refuse(
                    "data-unknown-label", f"{'columns' if len(found) > 1 else 'column'} {_some(list(found))} may be of {kind} or {other}: `{network.name}` has both",
                    notes=(f"in `{where}`",) if where else (), help=f"call {'them' if len(found) > 1 else 'it'} `{kind}_{next(iter(found))}` or `{other}_{next(iter(found))}`",
                )  # fmt: skip
        return loads
    whole = next((k for k in series if k.lower() in _WHOLE), None)
    if whole is not None:
        total = network.buses.load.sum()
        if not total > 0:
            raise _no_share(f"the network `{network.name}`")
        return np.multiply.outer(np.asarray(series[whole], float) / total, network.buses.load)
    raise refuse(
        "data-unknown-label", f"no column{f' of `{where}`' if where else ''} is the load of an area, a zone, a bus or the whole of `{network.name}`",
        notes=(
            f"its columns are {', '.join(f'`{c}`' for c in list(series)[:10])}",
            f"areas: {_some(network.buses.area)}; buses: {_some(network.buses.names)}; the whole: `load`",
        ),
    )  # fmt: skip


def read_loads(network: Network, path: str | Path) -> np.ndarray:
    """Loads (hours, buses) in MW from a CSV or Parquet file with one row for each hour. See `load_series`, `tables.read_series`."""
    return load_series(network, read_series(path), str(path))


def read_available(network: Network, *paths: str | Path) -> np.ndarray:
    """The most that units can make (hours, units) in MW: files with columns called like units; the others keep their own.

    Columns that say when a row is (`hour`, `Month`, `time_utc`) are left out. Raises `Refusal`: `data-unknown-label` where no column is
    a unit, or one is neither a unit nor a time; `data-repeated-label` for a unit in two files, `data-shape` for files of different lengths,
    `data-out-of-range` for a negative number.
    """
    found: dict[str, np.ndarray] = {}
    for path in paths:
        named = _of_units(network, path)
        twice = next((k for k in named if k in found), None)
        if twice is not None:
            raise refuse("data-repeated-label", f"what unit `{twice}` can make is in two files", notes=(f"the second is `{path}`",))
        found |= named
    most = np.tile(network.units.most, (_hours(found), 1))
    for name, column in found.items():
        most[:, network.units.names.index(name)] = column
    return most


def _of_units(network: Network, path: str | Path) -> dict[str, np.ndarray]:
    """The columns of a file that are units'."""
    series = read_series(path)
    units = {n: i for i, n in enumerate(network.units.names)}
    named = {k: v for k, v in series.items() if k in units}
    if not named:
        raise refuse(
            "data-unknown-label", f"no column of `{path}` is called like a unit of `{network.name}`",
            notes=(f"its columns are {', '.join(f'`{c}`' for c in list(series)[:10])}", f"units: {_some(network.units.names)}"),
        )  # fmt: skip
    stranger = next((k for k in series if k not in units and not _WHEN & set(re.split(r"[^a-z]+", k.lower()))), None)
    if stranger is not None:
        from difflib import get_close_matches

        near = get_close_matches(stranger, units, 1)
        raise refuse(
            "data-unknown-label", f"column `{stranger}` of `{path}` is called like no unit of `{network.name}`",
            notes=(f"units: {_some(network.units.names)}",), help=f"did you mean `{near[0]}`?" if near else "call it like a unit, or leave it out",
        )  # fmt: skip
    for name, column in named.items():
        if (column < 0).any():
            raise refuse("data-out-of-range", f"column `{name}` of `{path}` is negative in row {int(np.argmax(column < 0)) + 1}", notes=("expected megawatts",))
    return named


def clear_hours(
    network: Network, loads: np.ndarray, available: np.ndarray | None = None, reference: Reference = None, *,
    shedding: float | None = None, overloading: float | None = None, at: Callable[[int, int], None] | None = None,
    names: Sequence[str] = (),
) -> Hours:  # fmt: skip
    """Clear one hour after another, each from where the last one stood.

    loads: (hours, buses) MW. available: (hours, units) MW, as `read_available` gives. at: told how many hours of how many are done.
    names: of the hours, for messages. Batteries are not dispatched: `horizon` clears hours with them. Stopped from the keyboard after
    the first hour it raises `Interrupted` with those that are done. Raises `Refusal` (`infeasible`, saying which hour).
    """
    flow = OptimalFlow(network, reference, shedding=shedding, overloading=overloading)
    done: list[Dispatch] = []
    try:
        for hour, load in enumerate(loads):
            try:
                done.append(flow.solve(load, None if available is None else available[hour]))
            except Refusal as refusal:
                from dataclasses import replace

                first = refusal.diagnostics[0]
                called = names[hour] if hour < len(names) else str(hour + 1)
                raise Refusal(replace(first, notes=(f"in hour {called}", *first.notes))) from None
            if at is not None:
                at(hour + 1, len(loads))
    except KeyboardInterrupt:
        if not done:
            raise
        raise Interrupted(_together(network, done)) from None
    return _together(network, done)


def _together(network: Network, done: Sequence[Dispatch]) -> Hours:
    def column(name: str) -> np.ndarray:
        return np.array([getattr(d, name) for d in done])

    none = np.zeros((len(done), 0))
    return Hours(
        network, column("load"), column("output"), column("flow"), column("lmp"), column("energy"), column("shadow"), column("cost"),
        column("shed"), column("overload"), np.array([d.residuals.largest for d in done]), column("rounds"),
        column("direct"), none, none, none, none,
    )  # fmt: skip


def _named(series: Mapping[str, np.ndarray], kind: str, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The columns that are called like parts of a kind."""
    known = {n for n in names if n}
    return {k: v for k, v in series.items() if _called(k, kind) in known}


def _refuse_strangers(network: Network, series: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray], kind: str, where: str) -> None:
    """Refuse (`data-unknown-label`) a column called like the parts of a kind that is none of them, and a part with two columns."""
    numbered = all(_called(k, kind).isdigit() for k in found)
    for name in series:
        said = _called(name, kind)
        if name not in found and (said != name or (numbered and name.isdigit())):
            parts = {"area": network.buses.area, "zone": network.buses.zone, "bus": network.buses.names}[kind]
            raise refuse(
                "data-unknown-label", f"`{network.name}` has no {kind} `{said}`",
                notes=(f"column `{name}`{f' of `{where}`' if where else ''}", f"its {kind}{'es' if kind == 'bus' else 's'} are {_some(parts)}"),
            )  # fmt: skip
    twice = [k for k in found if sum(_called(k, kind) == _called(other, kind) for other in found) > 1]
    if twice:
        raise refuse(
            "data-repeated-label", f"columns {_some(twice)} are of the same {kind}", notes=(f"in `{where}`",) if where else ()
        )


def _same_spread(network: Network, series: Mapping[str, np.ndarray], parts: Sequence[str], kind: str, loads: np.ndarray) -> bool:
    """Whether it makes no difference that columns are of this kind rather than of one that gives `loads`."""
    try:
        return np.allclose(_loads(network, series, parts, kind), loads)
    except Refusal:
        return True


def _loads(network: Network, series: Mapping[str, np.ndarray], parts: Sequence[str], kind: str) -> np.ndarray:
    """Loads (hours, buses) from series of parts of one kind."""
    if kind != "bus":
        return _spread(network, series, parts, kind)
    place = {n: i for i, n in enumerate(parts)}
    told = {place[_called(name, kind)]: column for name, column in series.items()}
    _refuse_untold(network, [parts[i] for i in np.flatnonzero(network.buses.load).tolist() if i not in told], kind)
    loads = np.zeros((_hours(series), len(parts)))
    for i, column in told.items():
        loads[:, i] = column
    return loads


def _refuse_untold(network: Network, left: Sequence[str], kind: str) -> None:
    """Refuse (`data-missing-column`) parts with load that have no series."""
    if left:
        many = len(left) > 1
        raise refuse(
            "data-missing-column", f"{kind}{('es' if kind == 'bus' else 's') if many else ''} {_some(left)} of `{network.name}` "
            f"{'have' if many else 'has'} load and no series",
        )  # fmt: skip


def _spread(network: Network, series: Mapping[str, np.ndarray], parts: Sequence[str], kind: str) -> np.ndarray:
    own = {p: np.array([q == p for q in parts]) for p in dict.fromkeys(parts)}
    loads = np.zeros((_hours(series), len(network.buses)))
    told = set()
    for name, column in series.items():
        part = _called(name, kind)
        if part not in own:
            from difflib import get_close_matches

            near = get_close_matches(part, own, 1)
            raise refuse(
                "data-unknown-label", f"`{network.name}` has no {kind} `{name}`",
                notes=(f"its {kind}s are {_some(list(own))}",), help=f"did you mean `{near[0]}`?" if near else "",
            )  # fmt: skip
        share = np.where(own[part], network.buses.load, 0.0)
        if not share.sum() > 0:
            if np.any(column):
                raise _no_share(f"{kind} `{part}`")
            continue
        loads += np.multiply.outer(np.asarray(column, float), share / share.sum())
        told.add(part)
    left = [p for p, mask in own.items() if p not in told and network.buses.load[mask].any()]
    _refuse_untold(network, left, kind)
    return loads


def _called(column: str, kind: str) -> str:
    """What a column is about: `area_1` is about `1`."""
    low = column.lower()
    return column[len(kind) + 1 :] if low.startswith((f"{kind}_", f"{kind} ")) else column


def _hours(series: Mapping[str, np.ndarray]) -> int:
    lengths = {len(v) for v in series.values()}
    if len(lengths) != 1:
        raise refuse("data-shape", "series of hours have different lengths", notes=(f"found {', '.join(f'`{k}`: {len(v)}' for k, v in list(series.items())[:6])}",))
    return lengths.pop()


def _no_share(what: str) -> Refusal:
    return refuse("data-out-of-range", f"{what} has no load of its own, so nothing says which of its buses gets how much")


def _some(names: Sequence[str]) -> str:
    kept = [n for n in dict.fromkeys(names) if n]
    return ", ".join(f"`{n}`" for n in kept[:8]) + (" ..." if len(kept) > 8 else "") if kept else "none"


__all__ = ["Hours", "Interrupted", "area_loads", "clear_hours", "load_series", "read_available", "read_loads"]
