"""Clear the hours of a power network: what runs, what it costs, the price at every bus, and which branches make them differ.

The network is a MATPOWER case (.m, .mat), a folder laid out as RTS-GMLC, or a file of pandapower (.json) or PyPSA (.nc). Without
`--load` its own load is cleared once; a file of loads has a row for each hour, and columns for areas, zones, buses, or `load` for
all of it.

  opengames grid case118.m
  opengames grid case_ACTIVSg2000.m --load area_load.parquet --first 5376 --hours 24 --overloading 4500 --out day
  opengames grid rts_gmlc --load load.csv --available wind.csv --limits 80%

Limits of branches hold unless `--overloading` prices them, `--limits none` leaves them out, or `--limits 80%` scales them; load is
served unless `--shedding` prices it. Batteries are not dispatched.

Exit status: 0 if every hour is cleared, 2 if one cannot be, or the network, the data or the command line is wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opengames.commands.common import FINE, print_json, say, shared_options

if TYPE_CHECKING:
    from opengames.models.grid.hours import Hours
    from opengames.models.grid.network import Network

#: Hours printed unless all are wanted.
_MOST = 48


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="NETWORK", help="a file or folder")
    parser.add_argument("--load", metavar="FILE", help="loads by hour: .csv or .parquet")
    parser.add_argument("--available", metavar="FILE", help="what units can make by hour, in MW: columns are called like units")
    parser.add_argument("--first", type=_positive, default=1, metavar="ROW", help="the row of the files to begin with (1 unless told)")
    parser.add_argument("--hours", type=_positive, metavar="N", help="how many rows (24 unless told, or as many as there are)")
    parser.add_argument("--reference", metavar="BUS", help="the bus whose price lambda is; all of them by their load unless told")
    parser.add_argument("--limits", metavar="none|PERCENT", help="leave the limits of branches out, or scale them")
    parser.add_argument("--overloading", type=float, metavar="$/MWh", help="the price of passing limits")
    parser.add_argument("--shedding", type=float, metavar="$/MWh", help="the price of load that is not served")
    parser.add_argument("--out", metavar="FOLDER", help="write tables, and pictures, into a new or empty folder")
    parser.add_argument("--format", choices=("csv", "parquet"), default="csv", help="how the tables are written")
    parser.add_argument("--full", action="store_true", help="print every hour")
    shared_options(parser)


def _positive(text: str) -> int:
    from opengames.commands.run import positive

    return positive(text)


def run(args: argparse.Namespace) -> int:
    from opengames.models.grid.hours import clear_hours
    from opengames.models.grid.read import read_network

    folder = _folder(args.out)
    network = _limited(read_network(args.file), args.limits)
    loads, available, names = _hours(network, args)
    with _bar("clearing", len(loads)) as at:
        hours = clear_hours(
            network, loads, available, args.reference, shedding=args.shedding, overloading=args.overloading, at=at, names=names
        )
    written = [] if folder is None else [*_tables(hours, names, folder, args.format), *_pictures(hours, names, args.reference, folder)]
    if args.json:
        print_json(
            "grid", network=network.name, buses=len(network.buses), branches=len(network.branches), units=len(network.units),
            notes=list(network.notes), hours=list(_rows(hours, names)), total_cost=float(hours.cost.sum()),
            largest_residual=float(hours.residual.max()), written=[str(p) for p in written],
        )  # fmt: skip
        return FINE
    _print(network, hours, names, args)
    for path in written:
        print(f"wrote {path}")
    return FINE


def _limited(network: Network, limits: str | None) -> Network:
    """The network with its limits as asked."""
    from dataclasses import replace

    import numpy as np

    from opengames.diagnostics import refuse

    if limits is None:
        return network
    if limits == "none":
        factor = np.inf
    else:
        try:
            factor = float(limits.removesuffix("%")) / (100 if limits.endswith("%") else 1)
        except ValueError:
            factor = -1.0
        if not factor > 0:
            raise refuse("bad-option", f"`--limits {limits}` is neither `none` nor a share above 0", help="for example `--limits 80%`")
    return replace(network, branches=replace(network.branches, limit=network.branches.limit * factor))


def _hours(network: Network, args: argparse.Namespace) -> tuple[Any, Any, list[str]]:
    """Loads, what is available, and what the hours are called: rows of the files."""
    from opengames.diagnostics import refuse
    from opengames.models.grid.hours import read_available, read_loads

    loads = network.buses.load[None] if args.load is None else read_loads(network, args.load)
    available = None if args.available is None else read_available(network, args.available)
    if args.load is None and available is not None:
        loads = loads.repeat(len(available), axis=0)
    rows = len(loads)
    if available is not None and len(available) != rows:
        raise refuse("data-shape", f"`{args.load}` has {rows:,} rows, and `{args.available}` has {len(available):,}")
    if args.first > rows:
        raise refuse("bad-option", f"`--first {args.first}` is beyond the last row, {rows:,}")
    wanted = args.hours or min(24, rows - args.first + 1)
    if args.load is None and available is None:
        loads, rows = loads.repeat(wanted, axis=0), max(rows, wanted)
    if args.first - 1 + wanted > rows:
        raise refuse("bad-option", f"`--hours {wanted}` from row {args.first} goes beyond the last row, {rows:,}")
    part = slice(args.first - 1, args.first - 1 + wanted)
    names = [str(i + 1) for i in range(part.start, part.stop)]
    return loads[part], None if available is None else available[part], names


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on the error stream, where somebody is there to see it."""
    if not sys.stderr.isatty() or total < 2:
        yield lambda done, of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("hours"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done, of: bar.update(task, completed=done)


def _rows(hours: Hours, names: list[str]) -> Iterator[dict[str, Any]]:
    for i, name in enumerate(names):
        yield {
            "hour": name, "load": float(hours.load[i].sum()), "cost": float(hours.cost[i]), "lambda": float(hours.energy[i]) + 0.0,
            "least_lmp": float(hours.lmp[i].min()) + 0.0, "most_lmp": float(hours.lmp[i].max()) + 0.0, "binding": int(hours.binding[i]),
            "shed": float(hours.shed[i].sum()), "overload": float(abs(hours.overload[i]).sum()),
        }  # fmt: skip


def _print(network: Network, hours: Hours, names: list[str], args: argparse.Namespace) -> None:
    import numpy as np

    print(f"{say(network.name, '1', args)}: {len(network.buses):,} buses, {len(network.branches):,} branches, {len(network.units):,} units")
    for note in network.notes:
        print(f"  {note}")
    if len(network.storages):
        print(f"  {len(network.storages)} {'battery is' if len(network.storages) == 1 else 'batteries are'} not dispatched")
    shed, over = bool(hours.shed.any()), bool(np.abs(hours.overload).max(initial=0) > 1e-6)
    head = ["hour", "load MW", "cost $/h", "lambda", "least LMP", "most LMP", "binding", *(["shed MW"] if shed else []), *(["over MW"] if over else [])]
    lines = [
        [r["hour"], f"{r['load']:,.1f}", f"{r['cost']:,.2f}", f"{r['lambda']:.4f}", f"{r['least_lmp']:.4f}", f"{r['most_lmp']:.4f}", str(r["binding"]),
         *([f"{r['shed']:,.1f}"] if shed else []), *([f"{r['overload']:,.1f}"] if over else [])]
        for r in _rows(hours, names)
    ]  # fmt: skip
    shown = lines if args.full else lines[:_MOST]
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
    print(f"  total cost {hours.cost.sum():,.2f} $; largest residual {hours.residual.max():.1e}")


def _folder(out: str | None) -> Path | None:
    """Before the work rather than after it: can the results be written?"""
    from opengames.diagnostics import refuse

    if out is None:
        return None
    path = Path(out)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise refuse("file-exists", f"`{out}` is there already, and is no empty folder", help="choose another name")
    path.mkdir(parents=True, exist_ok=True)
    return path


def _tables(hours: Hours, names: list[str], folder: Path, form: str) -> Iterator[Path]:
    network = hours.network
    rows = list(_rows(hours, names))
    yield _table(folder / f"hours.{form}", {k: [r[k] for r in rows] for k in rows[0]})
    parts = (
        ("lmp", network.buses.names, hours.lmp), ("output", network.units.names, hours.output), ("flow", network.branches.names, hours.flow),
        ("shadow_price", network.branches.names, hours.shadow),
    )  # fmt: skip
    for name, called, numbers in parts:
        columns: dict[str, Any] = {"hour": names}
        columns.update((each, numbers[:, k]) for k, each in enumerate(called))
        yield _table(folder / f"{name}.{form}", columns)


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


def _pictures(hours: Hours, names: list[str], reference: str | None, folder: Path) -> Iterator[Path]:
    """The hour whose prices differ the most: its one-line diagram, and what the price of its dearest bus is made of."""
    import numpy as np

    from opengames.drawn.svg import save
    from opengames.models.grid.pictures import one_line, waterfall
    from opengames.models.grid.shift_factors import ShiftFactors

    network = hours.network
    widest = int(np.argmax(hours.lmp.max(axis=1) - hours.lmp.min(axis=1)))
    lmp, shadow = hours.lmp[widest], hours.shadow[widest]
    said = f"{network.name}, hour {names[widest]}"
    drawn = one_line(network, lmp, hours.flow[widest], shadow=shadow, output=hours.output[widest], load=hours.load[widest], title=said)
    yield save(drawn, folder / "one_line.svg")
    binding = np.flatnonzero(np.abs(shadow) > 1e-6)
    if len(binding):
        dearest = int(np.argmax(lmp))
        factor = ShiftFactors(network, reference).rows(binding)[:, dearest]
        parts = [(network.branches.names[b], float(f), float(shadow[b])) for b, f in zip(binding, factor, strict=True)]
        yield save(waterfall(network.buses.names[dearest], float(hours.energy[widest]), parts, title=said), folder / "dearest_bus.svg")


__all__ = ["configure", "run"]
