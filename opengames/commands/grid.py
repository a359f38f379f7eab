"""Clear the hours of a power network: what runs, what it costs, the price at every bus, and which branches make them differ.

The network is a MATPOWER case (.m, .mat), a folder laid out as RTS-GMLC, or a file of pandapower (.json) or PyPSA (.nc). Without
`--load` its own load is cleared once, of a PyPSA network every snapshot; a file of loads has a row for each hour, and columns for areas,
zones, buses, or `load` for all of it.

  opengames grid case118.m
  opengames grid case_ACTIVSg2000.m --load area_load.parquet --first 5376 --hours 24 --overloading 4500 --out day
  opengames grid rts_gmlc --load load.csv --available wind.csv --limits 80%

Limits of branches hold unless `--overloading` prices them, `--limits none` leaves them out, or `--limits 80%` scales them; load is
served unless `--shedding` prices it.

Batteries of the network are dispatched: 24 hours are cleared together (`--horizon`), and at their end batteries hold as much as at
first, or what `--final` says. `--no-storage` leaves them out and clears each hour by itself, which is what happens where there are none.

Stopped by Ctrl-C, it prints and writes the hours that are done.

Exit status: 0 if every hour is cleared, 130 if it was stopped, 2 if one cannot be, or the network, the data or the command line is wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opengames.commands import grid_results as results
from opengames.commands.common import FINE, print_json, shared_options

#: The exit status of a command that was stopped from the keyboard.
_INTERRUPTED = 130

if TYPE_CHECKING:
    from opengames.models.grid.hours import Hours
    from opengames.models.grid.network import Network

def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="NETWORK", help="a file or folder")
    parser.add_argument("--load", metavar="FILE", help="loads by hour: .csv or .parquet")
    parser.add_argument(
        "--available", action="append", default=[], metavar="FILE", help="what units can make by hour, in MW: columns are called like units; again for more files"
    )
    parser.add_argument("--first", type=_positive, default=1, metavar="ROW", help="the row of the files to begin with (1 unless told)")
    parser.add_argument("--hours", type=_positive, metavar="N", help="how many rows (24 unless told, or as many as there are)")
    parser.add_argument("--reference", metavar="BUS", help="the bus whose price lambda is; all of them by their load unless told")
    parser.add_argument("--limits", metavar="none|PERCENT", help="leave the limits of branches out, or scale them")
    parser.add_argument("--overloading", type=float, metavar="$/MWh", help="the price of passing limits")
    parser.add_argument("--shedding", type=float, metavar="$/MWh", help="the price of load that is not served")
    parser.add_argument("--no-storage", action="store_true", help="leave batteries out, and clear each hour by itself")
    parser.add_argument("--horizon", type=_positive, default=24, metavar="N", help="hours that are cleared together (24 unless told)")
    parser.add_argument("--initial", metavar="PERCENT", help="how full batteries are before the first hour; half unless told or in the network")
    parser.add_argument("--final", metavar="PERCENT", help="how full they are at the end, at least; as at first unless told or in the network")
    parser.add_argument("--ramps", action="store_true", help="units change their output by no more than their ramps from hour to hour")
    parser.add_argument("--out", metavar="FOLDER", help="write tables, and pictures, into a new or empty folder")
    parser.add_argument("--format", choices=("csv", "parquet"), default="csv", help="how the tables are written")
    parser.add_argument("--full", action="store_true", help="print every hour")
    shared_options(parser)


def _positive(text: str) -> int:
    from opengames.commands.run import positive

    return positive(text)


def run(args: argparse.Namespace) -> int:
    from opengames.models.grid.hours import Interrupted
    from opengames.models.grid.read import read_network

    folder = _folder(args.out)
    network = _limited(read_network(args.file), args.limits)
    network, loads, available, inflow, names = _hours(network, args)
    stopped = False
    try:
        hours = _cleared(network, loads, available, inflow, names, args)
    except Interrupted as early:
        hours, stopped = early.hours, True
        names = names[: len(hours)]
        print(f"\ninterrupted: {len(hours):,} of {len(loads):,} hours are cleared", file=sys.stderr)
    written = [] if folder is None else [*results.tables(hours, names, folder, args.format), *results.pictures(hours, names, args.reference, folder)]
    if args.json:
        print_json("grid", **results.as_data(network, hours, names, len(loads)), written=[str(p) for p in written])
    else:
        results.show(network, hours, names, args)
        for path in written:
            print(f"wrote {path}")
    return _INTERRUPTED if stopped else FINE


def _cleared(network: Network, loads: Any, available: Any, inflow: Any, names: list[str], args: argparse.Namespace) -> Hours:
    """Each hour by itself, or hours together where batteries or ramps join them."""
    from dataclasses import replace

    import numpy as np

    from opengames.models.grid.horizon import clear_together
    from opengames.models.grid.hours import clear_hours
    from opengames.models.grid.network import Storages

    prices = {"shedding": args.shedding, "overloading": args.overloading}
    if args.no_storage:
        none = np.zeros(0)
        network, inflow = replace(network, storages=Storages((), none.astype(int), none, none, none, none)), None
    together = args.ramps or len(network.storages) > 0
    energies = {k: _share(f"--{k}", getattr(args, k), network) for k in ("initial", "final")}
    with _bar("clearing", len(loads)) as at:
        if not together:
            return clear_hours(network, loads, available, args.reference, at=at, names=names, **prices)
        return clear_together(
            network, loads, available, args.reference, inflow=inflow, ramps=args.ramps, window=args.horizon, at=at, names=names, **prices, **energies
        )


def _share(option: str, text: str | None, network: Network) -> Any:
    """Energies of batteries from a share of what they can hold."""
    from opengames.diagnostics import refuse

    if text is None:
        return None
    try:
        share = float(text.removesuffix("%")) / 100
    except ValueError:
        share = -1.0
    if not len(network.storages):
        raise refuse("bad-option", f"`{option}` is about batteries, and none is dispatched", help=f"leave `{option}` out")
    if not 0 <= share <= 1:
        raise refuse("bad-option", f"`{option} {text}` is no percentage between 0 and 100", help=f"for example `{option} 50%`")
    return share * network.storages.energy


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
            factor = float(limits.removesuffix("%")) / 100
        except ValueError:
            factor = -1.0
        if not factor > 0:
            raise refuse("bad-option", f"`--limits {limits}` is neither `none` nor a percentage above 0", help="for example `--limits 80%`")
        if not limits.endswith("%"):  # 80 and 0.8 would both be read as what the other means
            raise refuse("bad-option", f"`--limits {limits}` is a bare number, and has to be a percentage", help=f"write `--limits {limits if factor > 0.02 else f'{100 * float(limits):g}'}%`")
    return replace(network, branches=replace(network.branches, limit=network.branches.limit * factor))


def _hours(network: Network, args: argparse.Namespace) -> tuple[Network, Any, Any, Any, list[str]]:
    """Loads, what is available, what flows in, and what the hours are called: rows of the files, or snapshots of the network's own file, whose
    notes the network then has."""
    from dataclasses import replace

    from opengames.diagnostics import refuse
    from opengames.models.grid.hours import read_available, read_loads
    from opengames.models.grid.read import format_of

    available = read_available(network, *args.available) if args.available else None
    inflow, rows_of = None, args.load
    if args.load is None and format_of(args.file) == "pypsa":
        from opengames.models.grid.from_pypsa import over_hours, read_pypsa_hours

        own = read_pypsa_hours(args.file)
        if available is None:
            network, available = over_hours(network, own), own.available
        else:
            network = replace(network, notes=(*network.notes, *own.notes))
        loads, inflow, rows_of = own.load, own.inflow, args.file
    elif args.load is None:
        loads = network.buses.load[None]
        if available is not None:
            loads = loads.repeat(len(available), axis=0)
    else:
        loads = read_loads(network, args.load)
    rows = len(loads)
    if available is not None and len(available) != rows:
        raise refuse("data-shape", f"`{rows_of}` has {rows:,} rows, and `{args.available[0]}` has {len(available):,}")
    if args.first > rows:
        raise refuse("bad-option", f"`--first {args.first}` is beyond the last row, {rows:,}")
    wanted = args.hours or min(24, rows - args.first + 1)
    if rows_of is None and available is None:
        loads, rows = loads.repeat(wanted, axis=0), max(rows, wanted)
    if args.first - 1 + wanted > rows:
        raise refuse("bad-option", f"`--hours {wanted}` from row {args.first} goes beyond the last row, {rows:,}")
    part = slice(args.first - 1, args.first - 1 + wanted)
    names = [str(i + 1) for i in range(part.start, part.stop)]
    return network, loads[part], None if available is None else available[part], None if inflow is None else inflow[part], names


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


__all__ = ["configure", "run"]
