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
from opengames.models.grid.matpower import from_matpower
from opengames.models.grid.network import Network


def from_pandapower(net: Any, name: str | None = None) -> Network:
    """The network of a pandapower `net`, costs (`poly_cost`, `pwl_cost`) included.

    Units are called by their bus: `unit at 3`, `unit at 3 #2`. Raises `Refusal` as `read_matpower` does,
    and `bad-case` where pandapower cannot turn it into per-unit branches.
    """
    _pandapower()
    from pandapower.converter.pypower.to_ppc import to_ppc

    called = name or net.name or "network"
    try:
        case = to_ppc(net, calculate_voltage_angles=True, init="flat", mode="opf", check_connectivity=True)
    except Exception as fault:  # of many kinds, all of them about a net that is not whole
        said = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        raise refuse("bad-case", f"pandapower cannot make branches of `{called}`: {said}") from fault
    if not len(case.get("gencost", ())):
        case.pop("gencost", None)
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
    return replace(found, buses=buses, branches=branches, units=units, notes=notes)


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
