"""Networks from pandapower: a `net`, or the JSON file of one.

pandapower itself turns its lines, transformers and switches into per-unit branches (`to_ppc`), and the result is read as any
MATPOWER case; buses that switches join become one. Needs pandapower (extra `pandapower`).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from opengames.diagnostics import refuse
from opengames.models.grid.costs import polynomial
from opengames.models.grid.matpower import from_matpower
from opengames.models.grid.network import DirectLines, Network, Storages


def from_pandapower(net: Any, name: str | None = None) -> Network:
    """The network of a pandapower `net`, costs (`poly_cost`, `pwl_cost`) included.

    Units are called by their bus: `unit at 3`, `unit at 3 #2`. Raises `Refusal` as `read_matpower` does,
    and `bad-case` where pandapower cannot turn it into per-unit branches.
    """
    _pandapower()
    from pandapower.converter.pypower.to_ppc import to_ppc

    called = name or net.name or "network"
    whole, net = net, _without_direct_and_storage(net)
    try:
        case = to_ppc(net, calculate_voltage_angles=True, init="flat", mode="opf", check_connectivity=True)
    except Exception as fault:  # of many kinds, all of them about a net that is not whole
        said = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        raise refuse("bad-case", f"pandapower cannot make branches of `{called}`: {said}") from fault
    if not len(case.get("gencost", ())):
        case.pop("gencost", None)
    case.pop("dcline", None)
    found = from_matpower(case, called)
    place = {int(n): i for i, n in enumerate(found.buses.names)}
    # a bus of the case stands for one or more of the net; the first gives its name and place
    lookup = net._pd2ppc_lookups["bus"]
    names, x, y = [""] * len(place), np.full(len(place), np.nan), np.full(len(place), np.nan)
    for index in net.bus.index:
        at = place.get(int(lookup[index])) if index < len(lookup) else None
        if at is not None and not names[at]:
            names[at] = str(index)
            x[at], y[at] = _place(net, index)
    titles = _titles(net, names)
    names = [n or f"inside {found.buses.names[i]}" for i, n in enumerate(names)]
    joined = int(net.bus.in_service.sum()) - sum(n.isdigit() for n in names)
    notes = found.notes + ((f"{joined} buses are joined to others by closed switches, or left out with them",) if joined > 0 else ())
    buses = replace(found.buses, names=tuple(names), x=x, y=y, titles=titles)
    ends = [f"{names[t]}-{names[h]}" for t, h in zip(found.branches.tail, found.branches.head, strict=True)]
    branches = replace(found.branches, names=_apart(ends))
    units = replace(found.units, names=_apart([f"unit at {names[b]}" for b in found.units.bus]))
    told = list(notes)
    positions = {int(k): place[int(lookup[k])] for k in net.bus.index if k < len(lookup) and int(lookup[k]) in place}
    direct, storages = _direct_lines(whole, positions, told), _storages(whole, positions, told)
    return replace(found, buses=buses, branches=branches, units=units, notes=tuple(told), direct=direct, storages=storages)


def read_pandapower(path: str | Path) -> Network:
    """The network of a JSON file that pandapower wrote. Raises `Refusal` (`no-such-file`, `bad-case`, `not-installed`)."""
    path = Path(path)
    if not path.is_file():
        raise refuse("no-such-file", f"cannot read `{path}`: no such file")
    library = _pandapower()
    try:
        net = library.from_json(str(path))
    except Exception as fault:  # of many kinds: not JSON, or not a net
        said = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        raise refuse("bad-case", f"`{path}` is no network that pandapower reads: {said}") from fault
    if not hasattr(net, "bus"):
        raise refuse("bad-case", f"`{path}` is no pandapower network: it has no table `bus`")
    return from_pandapower(net, path.stem)


def _pandapower() -> Any:
    try:
        import pandapower
    except ImportError as fault:
        raise refuse(
            "not-installed", "networks of pandapower are read by pandapower, which is not installed",
            help="install it: `pip install 'opengames[pandapower]'`",
        ) from fault  # fmt: skip
    return pandapower


def _without_direct_and_storage(net: Any) -> Any:
    """A copy of the net without what is read here: its direct-current lines, and the batteries that it may decide about."""
    from copy import deepcopy

    net = deepcopy(net)
    kept = net.storage.index.difference(_dispatched(net).index)
    net.storage = net.storage.loc[kept]
    net.dcline = net.dcline.iloc[:0]
    for table in ("poly_cost", "pwl_cost"):
        costs = net[table]
        net[table] = costs[~((costs.et == "dcline") | ((costs.et == "storage") & ~costs.element.isin(kept)))]
    return net


def _dispatched(net: Any) -> Any:
    """Rows of batteries that are controllable and say how much they hold."""
    table = net.storage[net.storage.in_service.astype(bool)]
    if "controllable" not in table or not len(table):
        return table.iloc[:0]
    return table[table.controllable.fillna(False).astype(bool) & table.max_e_mwh.notna()]


def _direct_lines(net: Any, at: dict[int, int], notes: list[str]) -> DirectLines:
    """A line carries power the way its `p_mw` points, up to `max_p_mw`; what is lost is missing where it arrives."""
    table = net.dcline[net.dcline.in_service.astype(bool)]
    table = table[[int(f) in at and int(t) in at for f, t in zip(table.from_bus, table.to_bus, strict=True)]]
    if not len(table):
        return DirectLines()
    back = table.p_mw.to_numpy(float) < 0
    ends = np.array([[at[int(f)], at[int(t)]] for f, t in zip(table.from_bus, table.to_bus, strict=True)])
    ends[back] = ends[back, ::-1]
    most = table.max_p_mw.to_numpy(float)
    names = _apart([f"DC {f}-{t}" for f, t in zip(table.from_bus, table.to_bus, strict=True)])
    if np.isnan(most).any():
        notes.append(f"direct-current lines without `max_p_mw`, whose flow is not limited: {int(np.isnan(most).sum())}")
    costs, curves = net.poly_cost[net.poly_cost.et == "dcline"].set_index("element"), []
    for k, index in enumerate(table.index):
        row = costs.loc[index] if index in costs.index else None
        curves.append(polynomial((), names[k]) if row is None else polynomial((row.cp2_eur_per_mw2, row.cp1_eur_per_mw, row.cp0_eur), names[k]))
    if (net.pwl_cost.et == "dcline").any():
        notes.append("costs of direct-current lines in pieces (`pwl_cost`) are left out")
    return DirectLines(
        names, ends[:, 0], ends[:, 1], np.zeros(len(names)), np.where(np.isnan(most), np.inf, most), table.loss_percent.to_numpy(float) / 100,
        table.loss_mw.to_numpy(float), tuple(curves),
    )  # fmt: skip


def _storages(net: Any, at: dict[int, int], notes: list[str]) -> Storages:
    """Batteries that are controllable; pandapower counts charging as positive, and knows no losses of theirs."""
    table = _dispatched(net)
    table = table[[int(b) in at for b in table.bus]]
    still = int(net.storage.in_service.sum()) - len(table)
    if still:
        notes.append(f"batteries that are not controllable, or do not say what they hold, count as load at their `p_mw`: {still}")
    if not len(table):
        none = np.zeros(0)
        return Storages((), np.zeros(0, int), none, none, none, none)
    energy, least = table.max_e_mwh.to_numpy(float), np.nan_to_num(table.min_e_mwh.to_numpy(float))
    into, out = table.max_p_mw.to_numpy(float), -table.min_p_mw.to_numpy(float)
    names = _apart([str(n) if isinstance(n, str) and n else f"storage at {b}" for n, b in zip(table.name, table.bus, strict=True)])
    if not (np.isfinite(into) & np.isfinite(out)).all():
        lost = names[int(np.argmin(np.isfinite(into) & np.isfinite(out)))]
        raise refuse("data-gap", f"battery `{lost}` has no `max_p_mw` or no `min_p_mw`", help="say how fast it charges (positive) and discharges (negative)")
    notes.append(f"{len(table)} controllable {'battery loses' if len(table) == 1 else 'batteries lose'} nothing: pandapower's have no efficiencies")
    if ((net.poly_cost.et == "storage") | (net.pwl_cost.et == "storage")).any():
        notes.append("costs of controllable batteries are left out")
    held = np.clip(table.soc_percent.to_numpy(float) / 100 * energy, least, energy)
    ones = np.ones(len(table))
    return Storages(names, np.array([at[int(b)] for b in table.bus]), np.maximum(out, 0), energy, ones, ones, np.maximum(into, 0), least, held)


def _place(net: Any, index: Any) -> tuple[float, float]:
    """Where a bus lies, if the net says so: pandapower keeps GeoJSON points."""
    import json

    point = net.bus.geo.get(index) if "geo" in net.bus else None
    if not isinstance(point, str) or not point:
        return np.nan, np.nan
    found = json.loads(point).get("coordinates", ())
    return (float(found[0]), float(found[1])) if len(found) >= 2 else (np.nan, np.nan)


def _titles(net: Any, names: list[str]) -> tuple[str, ...]:
    known = net.bus.name.to_dict()
    said = tuple(str(known.get(int(n)) or "") if n.isdigit() else "" for n in names)
    return said if any(said) else ()


def _apart(names: list[str]) -> tuple[str, ...]:
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    return tuple(out)


__all__ = ["from_pandapower", "read_pandapower"]
