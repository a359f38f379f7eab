"""What `opengames grid` hands back: lines on the terminal, data, tables and pictures of cleared hours."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opengames.commands.common import say

if TYPE_CHECKING:
    from opengames.models.grid.hours import Hours
    from opengames.models.grid.network import Network

#: Hours printed unless all are wanted, and batteries printed one by one.
_MOST, _BATTERIES = 48, 8

#: Buses up to which the least and the most price are drawn over the hours: of many, a few are far out.
_MANY = 100

#: Less than this many megawatts at once is rounding.
_TINY = 1e-6


def sizes_of(network: Network) -> str:
    """How many of each a network has."""
    sizes = f"{len(network.buses):,} buses, {len(network.branches):,} branches, {len(network.units):,} units"
    if len(network.direct):
        sizes += f", {_count(len(network.direct), 'direct-current line', 'direct-current lines')}"
    if len(network.storages):
        sizes += f", {_count(len(network.storages), 'battery', 'batteries')}"
    return sizes


def show(network: Network, hours: Hours, names: list[str], args: argparse.Namespace) -> None:
    """Print what the network is, a line for each hour, what binds, and what batteries did."""
    import numpy as np

    print(f"{say(network.name, '1', args)}: {sizes_of(network)}")
    for note in network.notes:
        print(f"  {note}")
    if len(network.storages):
        print(f"  {_about_batteries(network, hours, args)}")
    rows = list(_rows(hours, names))
    shed, over = bool(hours.shed.any()), bool(np.abs(hours.overload).max(initial=0) > _TINY)
    columns = [("hour", "hour", ""), ("load MW", "load", ",.1f"), ("cost $/h", "cost", ",.2f"), ("lambda", "lambda", ".4f"), ("least LMP", "least_lmp", ".4f"), ("most LMP", "most_lmp", ".4f"), ("binding", "binding", "")]
    columns += [("shed MW", "shed", ",.1f")] if shed else []
    columns += [("over MW", "overload", ",.1f")] if over else []
    if _dispatched(hours):
        columns += [("charge MW", "charge", ",.1f"), ("discharge MW", "discharge", ",.1f"), ("stored MWh", "stored", ",.1f")]
    lines = [[format(r[key], form) for _, key, form in columns] for r in rows]
    shown = lines if args.full else lines[:_MOST]
    head = [title for title, _, _ in columns]
    widths = [max(len(line[k]) for line in (head, *shown)) for k in range(len(head))]
    for line in (head, *shown):
        print("  " + "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
    if len(shown) < len(lines):
        print(f"  ... and {len(lines) - len(shown)} more hours: `--full` prints them")
    hardest = np.argsort(-np.abs(hours.shadow).sum(axis=0), kind="stable")
    named = [
        f"`{network.branches.names[b]}` in {int((np.abs(hours.shadow[:, b]) > 1e-6).sum())} (up to {np.abs(hours.shadow[:, b]).max():,.2f} $/MWh)"
        for b in hardest[:5] if np.abs(hours.shadow[:, b]).max() > 1e-6
    ]  # fmt: skip
    if named:
        print(f"  binding hours: {', '.join(named)}")
    for said in _batteries(hours):
        print(f"  {said}")
    print(f"  total cost {hours.cost.sum():,.2f} $; largest residual {hours.residual.max():.1e}")


def as_data(network: Network, hours: Hours, names: list[str], asked: int) -> dict[str, Any]:
    """The same as numbers. asked: hours that were to be cleared."""
    found: dict[str, Any] = {
        "network": network.name, "buses": len(network.buses), "branches": len(network.branches), "units": len(network.units),
        "direct_lines": len(network.direct), "storages": len(network.storages), "storage_dispatched": _dispatched(hours),
        "notes": list(network.notes), "hours": list(_rows(hours, names)), "hours_asked": asked, "total_cost": float(hours.cost.sum()),
        "largest_residual": float(hours.residual.max()),
    }  # fmt: skip
    if _dispatched(hours):
        found["batteries"] = list(_sums(hours))
    return found


def tables(hours: Hours, names: list[str], folder: Path, form: str) -> Iterator[Path]:
    """Write the tables, each with a row for every hour."""
    network = hours.network
    rows = list(_rows(hours, names))
    yield _table(folder / f"hours.{form}", {k: [r[k] for r in rows] for k in rows[0]})
    parts = [
        ("lmp", network.buses.names, hours.lmp), ("output", network.units.names, hours.output), ("flow", network.branches.names, hours.flow),
        ("shadow_price", network.branches.names, hours.shadow),
    ]  # fmt: skip
    if len(network.direct):
        parts.append(("direct_flow", network.direct.names, hours.direct))
    if _dispatched(hours):
        own = network.storages.names
        parts += [("charge", own, hours.charge), ("discharge", own, hours.discharge), ("stored", own, hours.stored), ("stored_value", own, hours.worth)]
    for name, called, numbers in parts:
        columns: dict[str, Any] = {"hour": names}
        columns.update((each, numbers[:, k]) for k, each in enumerate(called))
        yield _table(folder / f"{name}.{form}", columns)


def pictures(hours: Hours, names: list[str], reference: str | None, folder: Path) -> Iterator[Path]:
    """The hour whose prices differ the most: its one-line diagram, and what the price of its dearest bus is made of; and the dispatch of
    all hours, with batteries and prices."""
    import numpy as np

    from opengames.drawn.svg import save
    from opengames.models.ercot.pictures import day
    from opengames.models.grid.pictures import one_line, waterfall
    from opengames.models.grid.shift_factors import ShiftFactors

    network = hours.network
    widest = int(np.argmax(hours.lmp.max(axis=1) - hours.lmp.min(axis=1)))
    lmp, shadow = hours.lmp[widest], hours.shadow[widest]
    said = f"{network.name}, hour {names[widest]}"
    net = hours.discharge - hours.charge
    drawn = one_line(
        network, lmp, hours.flow[widest], shadow=shadow, output=hours.output[widest], load=hours.load[widest], direct=hours.direct[widest],
        storage=net[widest] if _dispatched(hours) else None, title=said,
    )  # fmt: skip
    yield save(drawn, folder / "one_line.svg")
    binding, dearest = np.flatnonzero(np.abs(shadow) > 1e-6), int(np.argmax(lmp))
    factor = ShiftFactors(network, reference).rows(binding)[:, dearest]
    parts = [(network.branches.names[b], float(f), float(shadow[b])) for b, f in zip(binding, factor, strict=True)]
    apart = float(lmp[dearest] + factor @ shadow[binding] - hours.energy[widest])
    if abs(apart) > 1e-6:
        parts.append(("direct-current lines", -1.0, apart))
    if parts:
        yield save(waterfall(network.buses.names[dearest], float(hours.energy[widest]), parts, title=said), folder / "dearest_bus.svg")
    if len(hours) > 1:
        first = names[0] if names[0] != "1" or len(names) != len(hours) else ""
        title = f"{network.name}, {len(hours)} hours" + (f" from row {first}" if first else "")
        storage, stored = _turns(hours)
        yield save(day(_groups(hours), hours.load.sum(axis=1), storage=storage, stored=stored, prices=_spread(hours), title=title), folder / "day.svg")


def _groups(hours: Hours) -> dict[str, Any]:
    """Output by fuel, the most first; all of it where fuels are not known; what batteries discharge on top."""
    units = hours.network.units
    by: dict[str, Any] = {}
    for g, fuel in enumerate(units.fuel):
        name = fuel or ("other units" if any(units.fuel) else "units")
        by[name] = by.get(name, 0.0) + hours.output[:, g]
    found = dict(sorted(by.items(), key=lambda item: -float(item[1].sum())))
    if _dispatched(hours):
        found["batteries"] = hours.discharge.sum(axis=1)
    return found


def _turns(hours: Hours) -> tuple[dict[str, Any], dict[str, Any]]:
    """MW of each battery, positive when discharging, and MWh held, from before the first hour where that follows; all of them together where
    they are many."""
    import numpy as np

    own, net = hours.network.storages, hours.discharge - hours.charge
    if not _dispatched(hours):
        return {}, {}
    before = (hours.stored[0] + hours.discharge[0] / own.discharge - own.charge * hours.charge[0]) / (1 - own.leak)
    held = hours.stored if own.inflow.any() else np.vstack((before, hours.stored))
    if len(own) > _BATTERIES:
        return {f"{len(own)} batteries": net.sum(axis=1)}, {f"{len(own)} batteries": held.sum(axis=1)}
    return {n: net[:, i] for i, n in enumerate(own.names)}, {n: held[:, i] for i, n in enumerate(own.names)}


def _spread(hours: Hours) -> dict[str, Any]:
    """Lambda, and LMPs around it: the least and the most, or of many buses those that one in twenty is below, or above."""
    import numpy as np

    if hours.lmp.shape[1] <= _MANY:
        return {"lambda": hours.energy, "least LMP": hours.lmp.min(axis=1), "most LMP": hours.lmp.max(axis=1)}
    low, high = np.quantile(hours.lmp, (0.05, 0.95), axis=1)
    return {"lambda": hours.energy, "LMP, 5 % below": low, "LMP, 5 % above": high}


def _rows(hours: Hours, names: list[str]) -> Iterator[dict[str, Any]]:
    for i, name in enumerate(names):
        row = {
            "hour": name, "load": float(hours.load[i].sum()), "cost": float(hours.cost[i]), "lambda": float(hours.energy[i]) + 0.0,
            "least_lmp": float(hours.lmp[i].min()) + 0.0, "most_lmp": float(hours.lmp[i].max()) + 0.0, "binding": int(hours.binding[i]),
            "shed": float(hours.shed[i].sum()), "overload": float(abs(hours.overload[i]).sum()),
        }  # fmt: skip
        if _dispatched(hours):
            row |= {"charge": float(hours.charge[i].sum()), "discharge": float(hours.discharge[i].sum()), "stored": float(hours.stored[i].sum())}
        yield row


def _dispatched(hours: Hours) -> bool:
    return bool(hours.stored.shape[1])


def _about_batteries(network: Network, hours: Hours, args: argparse.Namespace) -> str:
    one = len(network.storages) == 1
    are = "the battery is" if one else f"{len(network.storages)} batteries are"
    if not _dispatched(hours):
        return f"{are} left out (`--no-storage`)"
    together = min(args.horizon, len(hours))
    if len(hours) == 1:
        return f"{are} dispatched, in a single hour: what is stored has nowhere to go (`--hours`, `--load`)"
    return f"{are} dispatched, {together} hours together (`--no-storage` leaves {'it' if one else 'them'} out)"


def _batteries(hours: Hours) -> Iterator[str]:
    """What each battery did and earned; and where one charged and discharged at once."""
    if not _dispatched(hours):
        return
    sums = sorted(_sums(hours), key=lambda b: -b["earned"])
    for b in sums[:_BATTERIES]:
        yield f"`{b['name']}`: charged {b['charged']:,.1f} MWh, discharged {b['discharged']:,.1f} MWh, earned {b['earned']:,.2f} $ at its LMP; a MWh in it is worth {_between(b['least_value'], b['most_value'])} $"
    if len(sums) > _BATTERIES:
        rest = sums[_BATTERIES:]
        yield f"and {len(rest)} more: charged {sum(b['charged'] for b in rest):,.1f} MWh, discharged {sum(b['discharged'] for b in rest):,.1f} MWh, earned {sum(b['earned'] for b in rest):,.2f} $"
    both = hours.at_once > _TINY
    if both.any():
        which = [n for i, n in enumerate(hours.network.storages.names) if both[:, i].any()]
        yield (
            f"charging and discharging at once in {int(both.any(axis=1).sum())} of {len(hours)} hours, up to {hours.at_once.max():,.1f} MW: "
            f"{', '.join(f'`{n}`' for n in which[:5])}{' ...' if len(which) > 5 else ''}; where prices are negative, burning energy pays"
        )


def _sums(hours: Hours) -> Iterator[dict[str, Any]]:
    stores = hours.network.storages
    for i, name in enumerate(stores.names):
        into, out = hours.charge[:, i], hours.discharge[:, i]
        yield {
            "name": name, "charged": float(into.sum()), "discharged": float(out.sum()), "earned": float(hours.lmp[:, stores.bus[i]] @ (out - into)),
            "least_value": float(hours.worth[:, i].min()) + 0.0, "most_value": float(hours.worth[:, i].max()) + 0.0,
            "hours_at_once": int((hours.at_once[:, i] > _TINY).sum()),
        }  # fmt: skip


def _table(path: Path, columns: dict[str, Any]) -> Path:
    import pyarrow

    table = pyarrow.table(columns)
    if path.suffix == ".csv":
        from pyarrow import csv

        csv.write_csv(table, path)
    else:
        from pyarrow import parquet

        parquet.write_table(table, path)
    return path


def _between(least: float, most: float) -> str:
    ends = f"{least:,.2f}", f"{most:,.2f}"
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


__all__ = ["as_data", "pictures", "show", "tables"]
