"""Estimate shift factors from prices: what one more MW at a bus puts on a constraint, and how surely that is known.

PRICES has one row for each interval and one column for each bus, with lambda and a time; SHADOWS one column for each constraint,
with the same time; or they are ERCOT's lists of LMPs and of binding constraints, with `--lambdas` its feed of lambda.

  opengames shift-factors lmp.parquet shadow.parquet
  opengames shift-factors lmp.parquet shadow.parquet --bus 1001 --score 5
  opengames shift-factors lmp.csv shadow.csv --lambda system_lambda --time hour --out factors.csv
  opengames shift-factors lmp.csv shadow.csv --predict 'lambda=24.5,LINE_7=12' --bus 1001
  opengames shift-factors lmp.csv shadow.csv --events 5 --game congestion.game

`--predict` gives the prices that go with shadow prices, and refuses constraints and combinations that never bound. `--events`
writes the constraints that bind most as a text of Boolean events that `check` reads and `market` trades.

Exit status: 0 if it was done, 2 if the data or the command line is wrong, or a prediction was refused.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opengames.commands.common import FINE, print_json, shared_options

if TYPE_CHECKING:
    from opengames.models.shift_factors import Fit, Observed


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prices", metavar="PRICES", help="LMPs, $/MWh: CSV or Parquet")
    parser.add_argument("shadows", metavar="SHADOWS", help="shadow prices, $/MW: CSV or Parquet")
    parser.add_argument("--lambda", dest="energy", metavar="COLUMN", help="the column of lambda, if it is not the only one called so")
    parser.add_argument("--lambdas", metavar="FILE", help="a file of its own for lambda")
    parser.add_argument("--reference", metavar="BUS", help="a bus whose price stands for lambda")
    parser.add_argument("--time", metavar="COLUMN", help="the column of times, if the files share several")
    parser.add_argument("--at", metavar="TIME", help="factors in force at that time instead of the last ones")
    parser.add_argument("--bus", action="append", default=[], metavar="BUS", help="print this bus's factors; may be repeated")
    parser.add_argument("--level", type=float, default=0.95, metavar="P", help="of intervals (0.95)")
    parser.add_argument("--intervals", choices=("classical", "sandwich"), default="classical", help="which kind (classical)")
    parser.add_argument("--ridge", type=float, default=0.0, metavar="SD", help="shrink factors towards 0: how far they may be from it")
    parser.add_argument("--no-changes", action="store_true", help="look for no changes of topology or reference")
    parser.add_argument("--score", type=int, metavar="FOLDS", help="also predict each of so many blocks of time from the others")
    parser.add_argument("--predict", metavar="NAME=PRICE,..", help="prices at these shadow prices and lambda")
    parser.add_argument("--out", metavar="FILE.csv", help="write every factor with its interval")
    parser.add_argument("--events", type=int, metavar="K", help="make events of the K constraints that bind most")
    parser.add_argument("--game", metavar="FILE.game", help="where the text of the events goes")
    shared_options(parser)


def run(args: argparse.Namespace) -> int:
    """Fit, then whatever is asked; the exit status."""
    from opengames.diagnostics import refuse
    from opengames.models.shift_factors import Options, fit, read, score
    from opengames.models.shift_factors.identified import combinations, known, lines
    from opengames.models.shift_factors.predicting import row_of

    if bool(args.events) != bool(args.game):
        raise refuse("bad-option", "`--events K` and `--game FILE` go together", help="--events 5 --game congestion.game")
    if args.out and not args.out.endswith(".csv"):
        raise refuse("bad-option", f"`--out {args.out}` must end in .csv")
    if args.predict is not None and not args.predict.strip():
        raise refuse("bad-option", "`--predict` names no price", help="--predict 'lambda=24.5,LINE_7=12'")
    for option in ("out", "game"):
        written = getattr(args, option)
        for read_from in (args.prices, args.shadows, args.lambdas):
            if written and read_from and Path(written).resolve() == Path(read_from).resolve():
                raise refuse("file-exists", f"`--{option} {written}` is a file that is read", help="choose another name")
    seen = read(
        args.prices, args.shadows, energy=args.energy, time=args.time, reference=args.reference, lambdas=args.lambdas
    )
    for name in args.bus:
        if name not in seen.buses:
            raise refuse("unknown-name", f"`{name}` is no bus of `{args.prices}`", help=f"the first is `{seen.buses[0]}`")
    options = Options(changes=not args.no_changes, level=args.level, intervals=args.intervals, ridge=args.ridge)
    found = fit(seen, options)
    row = len(seen) - 1 if args.at is None else row_of(found, _time(seen, args.at))
    told = None if args.score is None else score(seen, options, folds=args.score)
    predicted = _predicted(found, args) if args.predict else None
    if args.out:
        _write(found, row, args.out)
    if args.game:
        _events(seen, args)
    if args.json:
        print_json(
            "shift-factors", intervals=len(seen), buses=len(seen.buses),
            constraints=[vars(k) for k in known(found, row)],
            combinations=[str(c) for c in combinations(found, row)],
            changes=[{"time": str(c.time), "kind": c.kind, "constraints": list(c.constraints)} for c in found.changes],
            left_out=[str(t) for t in seen.times[found.left_out]], wrong_prices=int(found.wrong.sum()),
            factors={b: _at_bus(found, row, b) for b in args.bus},
            score=None if told is None else {**vars(told), "refused": dict(told.refused)}, prediction=predicted,
        )  # fmt: skip
        return FINE
    print(f"{len(seen):,} intervals, {len(seen.buses):,} buses, {len(seen.constraints)} constraints; condition {found.shape.span.condition:.3g}")
    for change in found.changes:
        print(f"{change.kind} changed at {change.time}: {', '.join(change.constraints)}")
    if found.left_out.any() or found.wrong.any():
        print(f"left out as wrong: {int(found.wrong.sum()):,} prices and {int(found.left_out.sum()):,} whole intervals")
    print("\n".join(lines(found, row)))
    for bus in args.bus:
        print(f"\nat {bus}")
        for name, value in _at_bus(found, row, bus).items():
            shown = "not identified" if value is None else f"{value[0]:+.5f}  [{value[1]:+.5f}, {value[2]:+.5f}]"
            print(f"  {name:<20} {shown}")
    if told is not None:
        print("\n" + "\n".join(told.lines()))
    if predicted is not None:
        print("\n" + "\n".join(f"{b}: {p[0]:.2f} $/MWh  [{p[1]:.2f}, {p[2]:.2f}]" for b, p in predicted.items()))
    for path in (args.out, args.game):
        if path:
            print(f"wrote {path}")
    return FINE


def _time(seen: Observed, told: str) -> Any:
    import numpy as np

    from opengames.diagnostics import refuse

    try:
        return np.asarray(told).astype(seen.times.dtype)
    except ValueError:
        raise refuse("bad-option", f"`--at {told}` is no time like {seen.times[0]}") from None


def _at_bus(found: Fit, row: int, bus: str) -> dict[str, tuple[float, float, float] | None]:
    b = found.seen.buses.index(bus)
    low, high = found.intervals(row)
    factors, sure = found.factors(row), found.identified(row)
    return {
        name: (float(factors[c, b]), float(low[c, b]), float(high[c, b])) if sure[c] else None
        for c, name in enumerate(found.seen.constraints)
    }


def _predicted(found: Fit, args: argparse.Namespace) -> dict[str, tuple[float, float, float]]:
    from opengames.diagnostics import refuse
    from opengames.models.shift_factors import predict

    told: dict[str, float] = {}
    for pair in args.predict.split(","):
        name, equals, value = pair.rpartition("=")
        try:
            told[name.strip()] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise refuse("bad-option", f"`{pair}` of `--predict` is no name and price", help="--predict 'lambda=24.5,LINE_7=12'")
    if "lambda" not in told:
        raise refuse("bad-option", "`--predict` needs lambda", help=f"--predict 'lambda=24.5,{args.predict}'")
    energy = told.pop("lambda")
    at = None if args.at is None else _time(found.seen, args.at)
    got = predict(found, told, energy, at=at)
    buses = args.bus or found.seen.buses[:10]
    where = [found.seen.buses.index(b) for b in buses]
    return {
        bus: (float(got.prices[0, b]), float(got.lower[0, b]), float(got.upper[0, b]))
        for bus, b in zip(buses, where, strict=True)
    }


def _write(found: Fit, row: int, path: str) -> None:
    factors, (low, high) = found.factors(row), found.intervals(row)
    sure = found.identified(row)
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["constraint", "bus", "factor", "low", "high"])
        for c, name in enumerate(found.seen.constraints):
            for b, bus in enumerate(found.seen.buses):
                cells = [f"{v:.7g}" for v in (factors[c, b], low[c, b], high[c, b])] if sure[c] else ["", "", ""]
                writer.writerow([name, bus, *cells])


def _events(seen: Observed, args: argparse.Namespace) -> None:
    import numpy as np

    from opengames.models.networks import to_game
    from opengames.models.shift_factors import congestion, learn

    # Numbered intervals are taken for hours counted from a midnight.
    hour = None if np.issubdtype(seen.times.dtype, np.datetime64) else np.mod(seen.times.astype(float), 24)
    net = learn(congestion(seen, min(args.events, len(seen.constraints)), hour=hour))
    Path(args.game).write_text(to_game(net), encoding="utf-8")
