"""Networks from PyPSA: one snapshot of a `pypsa.Network`, or of a file or folder that PyPSA wrote.

Sizes are taken as they stand (`p_nom`, `s_nom`): nothing is built. Needs PyPSA (extra `pypsa`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from opengames.diagnostics import refuse
from opengames.models.grid.costs import polynomial
from opengames.models.grid.network import Branches, Buses, Network, Storages, Units

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
    storages = _storages(network, place, notes)
    if len(network.links):
        notes.append(f"{len(network.links)} links are left out: their flows are decided, not driven by angles")
    if len(network.stores):
        notes.append(f"{len(network.stores)} stores are left out")
    if len(network.global_constraints):
        notes.append(f"{len(network.global_constraints)} global constraints are left out")
    buses = Buses(
        names, load, network.buses.v_nom.to_numpy(float), ("",) * len(names), tuple(map(str, network.buses.carrier)),
        _position(network.buses.x), _position(network.buses.y),
    )  # fmt: skip
    _whole(called, "loads", load)
    _whole(called, "limits", np.nan_to_num(limit, posinf=0.0))
    _whole(called, "sizes of generators", np.concatenate((units.least, np.nan_to_num(units.most, posinf=0.0))))
    return Network(called, _BASE, buses, branches, units, storages, tuple(notes))


def read_pypsa(path: str | Path) -> Network:
    """The first snapshot of a netCDF file or a folder of CSV files that PyPSA wrote. Raises `Refusal` (`no-such-file`, `bad-case`)."""
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
        network = pypsa.Network(str(path))
    except Exception as fault:  # of many kinds: not netCDF, or not a network
        said = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        raise refuse("bad-case", f"`{path}` is no network that PyPSA reads: {said}") from fault
    return from_pypsa(network, name=path.stem)


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


def _storages(network: Any, place: dict[str, int], notes: list[str]) -> Storages:
    table = _table(network, "storage_units", notes, "storage units")
    power = table.p_nom.to_numpy(float)
    return Storages(
        tuple(map(str, table.index)), _at(table, "bus", place), power, power * table.max_hours.to_numpy(float),
        table.efficiency_store.to_numpy(float), table.efficiency_dispatch.to_numpy(float),
    )  # fmt: skip


def _position(column: Any) -> np.ndarray:
    found = column.to_numpy(float)
    return np.full(len(found), np.nan) if not found.any() else found


def _whole(name: str, what: str, numbers: np.ndarray) -> None:
    if not np.isfinite(numbers).all():
        raise refuse("data-gap", f"{what} of `{name}` have gaps", help="give every one a number before it is read")


__all__ = ["from_pypsa", "read_pypsa"]
