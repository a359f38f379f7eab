"""Networks from folders laid out as RTS-GMLC: `bus.csv`, `branch.csv`, `gen.csv`, and `storage.csv`, `dc_branch.csv` if there.

Costs come from heat rates: a unit burns `HR_avg_0` BTU/kWh at its least output, and `HR_incr_k` more between its output points;
fuel at `Fuel Price $/MMBTU`, and `VOM` $/MWh on top. A unit that burns fuel and has rates `HR_incr_k` of 0 has none that are
known: its average rate stands for them, as in MATPOWER's version of this system.

Source: Barrows et al., The IEEE Reliability Test System: A Proposed 2019 Update, IEEE Trans. Power Systems 35 (2020).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from opengames.diagnostics import refuse
from opengames.models.grid.costs import hull, polynomial
from opengames.models.grid.network import Branches, Buses, Curve, DirectLines, Network, Storages, Units
from opengames.models.grid.tables import Sheet, read_sheet

_BASE = 100.0
_WATTS = 1000.0  # BTU/kWh times MW is thousandths of MMBTU/h
_POINTS = 5


def read_rts_gmlc(folder: str | Path) -> Network:
    """The network of a folder, or of its `SourceData`.

    Raises `Refusal`: `data-no-such-file`, `data-missing-column`, `data-bad-cell`, `data-gap`, `data-unknown-label`, each with
    file, row and column; `bad-case` for limits the wrong way round.
    """
    folder = Path(folder)
    inside = folder / "SourceData"
    where = inside if not (folder / "bus.csv").exists() and (inside / "bus.csv").exists() else folder
    notes: list[str] = [f"powers are per unit on {_BASE:g} MVA"]
    bus = read_sheet(where / "bus.csv")
    names = bus.unique("Bus ID")
    load = bus.numbers("MW Load", 0.0)
    conductance = bus.numbers("MW Shunt G", 0.0)
    if conductance.any():
        notes.append(f"shunt conductances count as load, {conductance.sum():g} MW in all")
    load = load + conductance
    direct = _direct_lines(read_sheet(where / "dc_branch.csv"), names, notes) if (where / "dc_branch.csv").exists() else DirectLines()
    buses = Buses(
        names, load, bus.numbers("BaseKV", np.nan), tuple(bus.texts("Area")), tuple(f"{z:g}" for z in bus.numbers("Zone", np.nan)),
        bus.numbers("lng", np.nan), bus.numbers("lat", np.nan), tuple(bus.texts("Bus Name")),
    )  # fmt: skip
    branch = read_sheet(where / "branch.csv")
    ratio, rating = branch.numbers("Tr Ratio", 0.0), branch.numbers("Cont Rating", 0.0)
    branches = Branches(
        branch.unique("UID"), branch.places("From Bus", names, "bus"), branch.places("To Bus", names, "bus"), branch.numbers("X"),
        np.where(ratio == 0, 1.0, ratio), np.zeros(len(branch)), np.where(rating == 0, np.inf, rating),
    )  # fmt: skip
    gen = read_sheet(where / "gen.csv")
    stores = read_sheet(where / "storage.csv") if (where / "storage.csv").exists() else None
    units, storages = _units(gen, stores, names, notes)
    return Network(folder.name, _BASE, buses, branches, units, storages, tuple(notes), direct)


def _units(gen: Sheet, stores: Sheet | None, buses: tuple[str, ...], notes: list[str]) -> tuple[Units, Storages]:
    names, at = gen.unique("GEN UID"), gen.places("Bus ID", buses, "bus")
    least, most = gen.numbers("PMin MW"), gen.numbers("PMax MW")
    kind = gen.texts("Unit Type")
    wrong = np.flatnonzero(least > most)
    if len(wrong):
        i = int(wrong[0])
        raise refuse(
            "bad-case", f"unit `{names[i]}` has a least output of {least[i]:g} MW, above its most, {most[i]:g} MW",
            notes=(gen.where(i, "PMin MW"),),
        )  # fmt: skip
    battery = np.array([k == "STORAGE" for k in kind])
    idle = np.array([k == "SYNC_COND" for k in kind]) | ((most == 0) & ~battery)
    if idle.any():
        notes.append(f"{idle.sum()} units without output (synchronous condensers) left out")
    kept = np.flatnonzero(~battery & ~idle)
    ramp = gen.numbers("Ramp Rate MW/Min", np.inf)
    fuel = gen.texts("Fuel")
    bent: list[str] = []
    curves = _curves(gen, names, least, most, bent)
    if bent:
        notes.append(f"prices of {len(bent)} units fall with output, and their convex hulls are used: {', '.join(bent[:6])}{' ...' if len(bent) > 6 else ''}")
    units = Units(
        tuple(names[i] for i in kept), at[kept], least[kept], most[kept], np.where(ramp > 0, ramp, np.inf)[kept],
        tuple(fuel[i] for i in kept), tuple(curves[i] for i in kept),
    )  # fmt: skip
    return units, _storages(gen, stores, names, at, most, np.flatnonzero(battery))


def _curves(gen: Sheet, names: tuple[str, ...], least: np.ndarray, most: np.ndarray, bent: list[str]) -> list[Curve]:
    price, extra = gen.numbers("Fuel Price $/MMBTU", 0.0), gen.numbers("VOM", 0.0)
    share = np.stack([gen.numbers(f"Output_pct_{k}", 0.0) for k in range(_POINTS)], axis=1)
    average = gen.numbers("HR_avg_0", 0.0)
    rates = np.stack([gen.numbers(f"HR_incr_{k}", 0.0) for k in range(1, _POINTS)], axis=1)
    rates = np.where((rates == 0) & (average[:, None] > 0), average[:, None], rates)
    curves = []
    for i, name in enumerate(names):
        mw = share[i] * most[i]
        count = 1 + int(np.argmin(np.append(np.diff(mw) > 0, False)))
        if count == 1:
            curves.append(polynomial((extra[i], 0.0), name))
            continue
        first = mw[0] * (average[i] * price[i] / _WATTS + extra[i])
        steps = rates[i, : count - 1] * price[i] / _WATTS + extra[i]
        cost = first + np.concatenate(([0.0], np.cumsum(steps * np.diff(mw[:count]))))
        curve, straightened = hull(mw[:count], cost, least[i], most[i])
        if straightened:
            bent.append(name)
        curves.append(curve)
    return curves


def _storages(
    gen: Sheet, stores: Sheet | None, names: tuple[str, ...], at: np.ndarray, most: np.ndarray, which: np.ndarray
) -> Storages:
    volume: dict[str, tuple[float, float]] = {}
    if stores is not None:
        own = stores.places("GEN UID", names, "unit")
        first = stores.numbers("Initial Volume GWh", np.nan) if "Initial Volume GWh" in stores.columns else np.full(len(stores), np.nan)
        for i, (gwh, side) in enumerate(zip(stores.numbers("Max Volume GWh"), stores.texts("position"), strict=True)):
            if side.strip() == "head":
                volume[names[own[i]]] = (1000 * gwh, 1000 * first[i])
    untold = [names[i] for i in which if names[i] not in volume]
    if untold:
        raise refuse("bad-case", f"`storage.csv` does not say how much `{untold[0]}` holds", notes=("expected a row with its GEN UID and the position `head`",))
    round_trip = gen.numbers("Storage Roundtrip Efficiency", 0.0)[which] / 100
    each = np.sqrt(np.where(round_trip > 0, round_trip, 1.0))
    pump = gen.numbers("Pump Load MW", 0.0)[which] if "Pump Load MW" in gen.columns else np.zeros(len(which))
    energy, held = np.array([volume[names[i]] for i in which]).reshape(-1, 2).T
    return Storages(tuple(names[i] for i in which), at[which], most[which], energy, each, each, np.where(pump > 0, pump, most[which]), initial=held)


def _direct_lines(sheet: Sheet, buses: tuple[str, ...], notes: list[str]) -> DirectLines:
    names = sheet.unique("UID")
    ends = [sheet.places(column, buses, "bus") for column in ("From Bus", "To Bus")]
    most, none = np.abs(sheet.numbers("MW Load")), np.zeros(len(names))
    if len(names):
        notes.append(f"HVDC lines carry up to their `MW Load` either way, without losses: {', '.join(names)}")
    return DirectLines(names, ends[0], ends[1], -most, most, none, none, tuple(polynomial((), n) for n in names))


__all__ = ["read_rts_gmlc"]
