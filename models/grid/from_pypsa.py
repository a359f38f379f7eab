"""Networks from PyPSA: one snapshot of a `pypsa.Network`, or of a file or folder that PyPSA wrote.

Sizes are taken as they stand (`p_nom`, `s_nom`): nothing is built. Needs PyPSA (extra `pypsa`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from opengames.diagnostics import refuse
from opengames.models.grid.costs import polynomial
from opengames.models.grid.network import Branches, Buses, DirectLines, Network, Storages, Units


@dataclass(frozen=True)
class Series:
    """Hours of a network. load: (hours, buses) MW. available: (hours, units) MW that units can make. inflow: (hours, stores) MW. names: of
    the hours. notes: what was left out, a sentence each."""

    load: np.ndarray
    available: np.ndarray
    inflow: np.ndarray
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


#: Per-unit base of what PyPSA works out: 1 MVA.
_BASE = 1.0


def from_pypsa(network: Any, snapshot: Any = None, name: str | None = None) -> Network:
    """The network at a snapshot, the first if left out.

    Raises `Refusal`: `bad-option` for a snapshot that is not there, `data-gap` for sizes or loads that are not numbers,
    `data-unknown-label` for a bus that is not there.
    """
    called = name or network.name or "network"
    at = network.snapshots[0] if snapshot is None else snapshot
    if at not in network.snapshots:
        raise refuse("bad-option", f"`{called}` has no snapshot `{snapshot}`", notes=(f"its first is {network.snapshots[0]}, its last {network.snapshots[-1]}",))
    network.calculate_dependent_values()
    notes: list[str] = []
    names = tuple(map(str, network.buses.index))
    place = {n: i for i, n in enumerate(names)}
    loads = _table(network, "loads", notes, "loads")
    load = np.zeros(len(names))
    sign = loads.sign if "sign" in loads else -1.0
    np.add.at(load, _at(loads, "bus", place), -(_moving(network, "loads", "p_set", at).loc[loads.index] * sign).to_numpy(float))
    lines, trafos = _table(network, "lines", notes, "lines"), _table(network, "transformers", notes, "transformers")
    both = [lines, trafos]
    tap = np.concatenate((np.ones(len(lines)), trafos.tap_ratio.to_numpy(float)))
    limit = np.concatenate([(t.s_nom * _moving(network, kind, "s_max_pu", at).loc[t.index]).to_numpy(float) for t, kind in zip(both, ("lines", "transformers"), strict=True)])
    if len(limit) and not limit.any():
        limit = np.full(len(limit), np.inf)
        notes.append("no line or transformer has a size (`s_nom`): flows are not limited")
    branches = Branches(
        tuple(map(str, [*lines.index, *trafos.index])), np.concatenate([_at(t, "bus0", place) for t in both]),
        np.concatenate([_at(t, "bus1", place) for t in both]), np.concatenate([t.x_pu.to_numpy(float) for t in both]), tap,
        np.concatenate((np.zeros(len(lines)), trafos.phase_shift.to_numpy(float))), limit,
    )  # fmt: skip
    growing = sum(int(t.s_nom_extendable.sum()) for t in both)
    if growing:
        notes.append(f"{growing} extendable lines and transformers stay at the size they have")
    units = _units(network, at, place, notes)
    storages, direct = _storages(network, at, place, notes), _links(network, at, place, notes)
    if len(network.global_constraints):
        notes.append(f"{len(network.global_constraints)} global constraints are left out")
    buses = Buses(
        names, load, network.buses.v_nom.to_numpy(float), ("",) * len(names), tuple(map(str, network.buses.carrier)),
        _position(network.buses.x), _position(network.buses.y),
    )  # fmt: skip
    _whole(called, "loads", load)
    _whole(called, "limits", np.nan_to_num(limit, posinf=0.0))
    _whole(called, "sizes of generators", np.concatenate((units.least, np.nan_to_num(units.most, posinf=0.0))))
    return Network(called, _BASE, buses, branches, units, storages, tuple(notes), direct)


def pypsa_hours(network: Any) -> Series:
    """What moves over the snapshots of a network: loads, what generators can make, what flows into storage units.

    Each snapshot counts as an hour. Other columns that move are taken as in the first snapshot, and named in `Series.notes`.
    """
    places = {str(n): i for i, n in enumerate(network.buses.index)}

    def moving(component: str, kind: str, column: str) -> tuple[Any, np.ndarray]:
        table = getattr(network, kind)
        table = table[table.active] if "active" in table else table
        return table, network.get_switchable_as_dense(component, column)[table.index].to_numpy(float)

    count = len(network.snapshots)
    loads, taken = moving("Load", "loads", "p_set")
    load = np.zeros((count, len(places)))
    np.add.at(load.T, _at(loads, "bus", places), -(taken * (loads.sign.to_numpy(float) if "sign" in loads else -1.0)).T)
    units, most = moving("Generator", "generators", "p_max_pu")
    least = network.get_switchable_as_dense("Generator", "p_min_pu")[units.index].to_numpy(float)
    size, sign = units.p_nom.to_numpy(float), units["sign"].to_numpy(float) if "sign" in units else np.ones(len(units))
    _, inflow = moving("StorageUnit", "storage_units", "inflow")
    held = network.stores[network.stores.active] if "active" in network.stores else network.stores
    notes = [f"{count:,} snapshots are read as hours, from {network.snapshots[0]} to {network.snapshots[-1]}"] if count > 1 else []
    wide = network.snapshot_weightings.to_numpy(float)
    if (wide != 1).any():
        notes.append("weightings of snapshots are left out: each counts as one hour")
    still = _still(network)
    if still:
        notes.append(f"what else moves is taken as in the first snapshot: {', '.join(still)}")
    found = Series(
        load, np.where(sign > 0, most, -least) * size * np.abs(sign), np.concatenate((inflow, np.zeros((count, len(held)))), axis=1),
        tuple(map(str, network.snapshots)), tuple(notes),
    )  # fmt: skip
    for what, numbers in (("loads", found.load), ("sizes of generators", found.available), ("inflows", found.inflow)):
        _whole(network.name or "network", what, numbers)
    return found


def over_hours(network: Network, series: Series) -> Network:
    """The network of a snapshot for all of them: units up to the most that they can make in any hour, and the notes of both."""
    units = replace(network.units, most=np.maximum(series.available.max(axis=0), network.units.least))
    return replace(network, units=units, notes=(*network.notes, *series.notes))


def _still(network: Any) -> list[str]:
    """Columns that move in the source and are taken as in the first snapshot."""
    found = []
    for kind, columns in (
        ("generators", ("marginal_cost", "marginal_cost_quadratic", "p_min_pu")), ("lines", ("s_max_pu",)), ("transformers", ("s_max_pu",)),
        ("links", ("p_min_pu", "p_max_pu", "efficiency", "marginal_cost")), ("storage_units", ("p_min_pu", "p_max_pu", "marginal_cost", "standing_loss", "state_of_charge_set")),
        ("stores", ("e_min_pu", "e_max_pu", "marginal_cost")),
    ):  # fmt: skip
        for column in columns:
            series = getattr(network, f"{kind}_t").get(column)
            if series is not None and len(series.columns) and (series != series.iloc[0]).any(axis=None):
                found.append(f"`{column}` of {kind}")
    return found


def read_pypsa(path: str | Path) -> Network:
    """The first snapshot of a netCDF file or a folder of CSV files that PyPSA wrote. Raises `Refusal` (`no-such-file`, `bad-case`)."""
    return from_pypsa(_opened(path), name=Path(path).stem)


def read_pypsa_hours(path: str | Path) -> Series:
    """All snapshots of such a file or folder. See `pypsa_hours`."""
    return pypsa_hours(_opened(path))


def _opened(path: str | Path) -> Any:
    path = Path(path)
    if not path.exists():
        raise refuse("no-such-file", f"cannot read `{path}`: no such file")
    try:
        import pypsa
    except ImportError as fault:
        raise refuse(
            "not-installed", "networks of PyPSA are read by PyPSA, which is not installed",
            help="install it: `pip install 'opengames[pypsa]'`",
        ) from fault  # fmt: skip
    try:
        # it tells what it imports, which nobody asked
        teller = logging.getLogger("pypsa")
        level = teller.level
        teller.setLevel(logging.WARNING)
        try:
            return pypsa.Network(str(path))
        finally:
            teller.setLevel(level)
    except Exception as fault:  # of many kinds: not netCDF, or not a network
        said = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        raise refuse("bad-case", f"`{path}` is no network that PyPSA reads: {said}") from fault


def _table(network: Any, kind: str, notes: list[str], what: str) -> Any:
    """Rows of a table that are in service."""
    table = getattr(network, kind)
    if "active" in table and not table.active.all():
        notes.append(f"{int((~table.active).sum())} {what} that are not active left out")
        return table[table.active]
    return table


def _moving(network: Any, kind: str, column: str, at: Any) -> Any:
    """A column at a snapshot: the series where there is one, else the static number."""
    still = getattr(network, kind)[column].astype(float).copy()
    series = getattr(network, f"{kind}_t")[column]
    if len(series.columns):
        still[series.columns] = series.loc[at]
    return still


def _at(table: Any, column: str, place: dict[str, int]) -> np.ndarray:
    unknown = [(i, b) for i, b in table[column].items() if str(b) not in place]
    if unknown:
        raise refuse(
            "data-unknown-label", f"`{unknown[0][0]}` is at bus `{unknown[0][1]}`, and there is no such bus", notes=(f"column `{column}`",)
        )
    return np.array([place[str(b)] for b in table[column]], int)


def _units(network: Any, at: Any, place: dict[str, int], notes: list[str]) -> Units:
    table = _table(network, "generators", notes, "generators")
    size = table.p_nom.to_numpy(float)
    least, most, price, square = (
        _moving(network, "generators", c, at).loc[table.index].to_numpy(float)
        for c in ("p_min_pu", "p_max_pu", "marginal_cost", "marginal_cost_quadratic")
    )
    if table.committable.any():
        notes.append(f"{int(table.committable.sum())} committable generators are on")
    if table.p_nom_extendable.any():
        notes.append(f"{int(table.p_nom_extendable.sum())} extendable generators stay at the size they have")
    ramp = table.ramp_limit_up.to_numpy(float) * size / 60
    names = tuple(map(str, table.index))
    # a generator of sign -1 takes out what it "makes", and its costs count by that
    sign = table["sign"].to_numpy(float) if "sign" in table else np.ones(len(size))
    if not (np.abs(sign) > 0).all():
        lost = names[int(np.flatnonzero(~(np.abs(sign) > 0))[0])]
        raise refuse("data-out-of-range", f"`sign` of the generator `{lost}` is {sign[names.index(lost)]:g}", notes=("expected 1, or -1 for one that takes power",))
    ends = np.sort(np.stack((least, most)) * size * sign, axis=0) if (least <= most).all() else np.stack((least, most)) * size
    curves = tuple(polynomial((q, c, 0.0), n) for q, c, n in zip(square / sign**2, price / sign, names, strict=True))
    return Units(
        names, _at(table, "bus", place), ends[0], ends[1], np.where(np.isfinite(ramp), ramp, np.inf),
        tuple(map(str, table.carrier)), curves,
    )  # fmt: skip


def _storages(network: Any, at: Any, place: dict[str, int], notes: list[str]) -> Storages:
    """Storage units, then stores; a store goes from full to empty in an hour if it must. What begins where it ends begins half full."""
    units, stores = _table(network, "storage_units", notes, "storage units"), _table(network, "stores", notes, "stores")

    def moving(kind: str, table: Any, *columns: str) -> list[np.ndarray]:
        return [_moving(network, kind, c, at).loc[table.index].to_numpy(float) for c in columns]

    low, high, inflow, leak, cost = moving("storage_units", units, "p_min_pu", "p_max_pu", "inflow", "standing_loss", "marginal_cost")
    power, size = units.p_nom.to_numpy(float), (units.p_nom * units.max_hours).to_numpy(float)
    first = np.where(units.cyclic_state_of_charge, np.nan, units.state_of_charge_initial.to_numpy(float))
    held_low, held_high, held_leak, held_cost = moving("stores", stores, "e_min_pu", "e_max_pu", "standing_loss", "marginal_cost")
    room = stores.e_nom.to_numpy(float)
    held = np.where(stores.e_cyclic, np.nan, stores.e_initial.to_numpy(float))
    ones, none = np.ones(len(stores)), np.zeros(len(stores))
    cyclic = int(np.isnan(first).sum() + np.isnan(held).sum())
    if cyclic:
        notes.append(f"{cyclic} cyclic storage units and stores begin and end half full")
    if (held_cost != 0).any():
        notes.append("costs of stores are left out")
    growing = int(units.p_nom_extendable.sum() + stores.e_nom_extendable.sum())
    if growing:
        notes.append(f"{growing} extendable storage units and stores stay at the size they have")
    # in PyPSA nothing leaks of what is held at first in the first hour
    all_leak = np.concatenate((leak, held_leak))
    initial = np.minimum(np.concatenate((first, held)) / np.where(all_leak < 1, 1 - all_leak, 1.0), np.concatenate((size, room * held_high)))
    # what does not come back to where it began may end anywhere
    final = np.where(np.isnan(initial), np.nan, 0.0)
    found = Storages(
        tuple(map(str, [*units.index, *stores.index])), np.concatenate((_at(units, "bus", place), _at(stores, "bus", place))).astype(int),
        np.concatenate((power * high, room * held_high)), np.concatenate((size, room * held_high)),
        np.concatenate((units.efficiency_store.to_numpy(float), ones)), np.concatenate((units.efficiency_dispatch.to_numpy(float), ones)),
        np.concatenate((-power * low, room * held_high)), np.concatenate((np.zeros(len(units)), room * held_low)), initial, final,
        all_leak, np.concatenate((inflow, none)), np.concatenate((cost, none)),
    )  # fmt: skip
    _whole(network.name or "network", "sizes of storage units and stores", np.concatenate((found.power, found.charging, found.energy, found.least)))
    return found


def _links(network: Any, at: Any, place: dict[str, int], notes: list[str]) -> DirectLines:
    table = _table(network, "links", notes, "links")
    if not len(table):
        return DirectLines()
    low, high, efficiency, price, square = (
        _moving(network, "links", c, at).loc[table.index].to_numpy(float)
        for c in ("p_min_pu", "p_max_pu", "efficiency", "marginal_cost", "marginal_cost_quadratic")
    )
    more = [c for c in table.columns if c.startswith("bus") and c[3:].isdigit() and int(c[3:]) > 1 and (table[c].fillna("") != "").any()]
    if more:
        raise refuse(
            "bad-case", f"links of `{network.name or 'network'}` have more than two buses (`{more[0]}`), and a direct-current line has two",
            help="leave these links out before it is read",
        )  # fmt: skip
    if table.p_nom_extendable.any():
        notes.append(f"{int(table.p_nom_extendable.sum())} extendable links stay at the size they have")
    if "committable" in table and table.committable.any():
        notes.append(f"{int(table.committable.sum())} committable links are on")
    size, names = table.p_nom.to_numpy(float), tuple(map(str, table.index))
    gains = (efficiency < 1) & (low * size < 0)
    if gains.any():
        notes.append(f"{int(gains.sum())} links may flow back with a loss in proportion, which then is a gain, as in PyPSA: {', '.join(n for n, g in zip(names, gains, strict=True) if g)}")
    _whole(network.name or "network", "sizes of links", np.concatenate((size * low, size * high, efficiency)))
    return DirectLines(
        names, _at(table, "bus0", place), _at(table, "bus1", place), size * low, size * high, 1 - efficiency, np.zeros(len(names)),
        tuple(polynomial((q, c, 0.0), n) for q, c, n in zip(square, price, names, strict=True)),
    )  # fmt: skip


def _position(column: Any) -> np.ndarray:
    found = column.to_numpy(float)
    return np.full(len(found), np.nan) if not found.any() else found


def _whole(name: str, what: str, numbers: np.ndarray) -> None:
    if not np.isfinite(numbers).all():
        raise refuse("data-gap", f"{what} of `{name}` have gaps", help="give every one a number before it is read")


__all__ = ["Series", "from_pypsa", "over_hours", "pypsa_hours", "read_pypsa", "read_pypsa_hours"]
