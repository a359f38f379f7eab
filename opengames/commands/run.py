"""Simulate a game or channel, and say what happened: mean, standard deviation and range of every wire.

A game needs a strategy. The same seed gives the same numbers, however many runs there are.

  opengames run auction.game Auction --under shade --runs 10000
  opengames run battery_day.game --under clock --data price=prices.csv:hb_north --out days.parquet
  opengames run market.game Interval --input load='900 MW' --runs 1
"""

from __future__ import annotations

import argparse

from opengames.commands.common import FINE, model, param_options, print_json, say, shared_options, split
from opengames.commands.progress import progress


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a .game text; - is the standard input")
    parser.add_argument("game", nargs="?", metavar="GAME", help="a game or channel; may be left out if only one fits")
    parser.add_argument("--under", metavar="STRATEGY", help="the strategy that the players follow")
    parser.add_argument("--memory", type=float, metavar="GIB", help="how much a batch of runs may take (by default 4)")
    parser.add_argument("--runs", type=positive, default=1000, metavar="N", help="how many runs (by default 1000)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="where the random numbers begin (by default 0)")
    parser.add_argument("--keep", action="append", metavar="WIRE", help="a wire to keep, by name or path; may be repeated")
    parser.add_argument(
        "--input", action="append", default=[], metavar="NAME=VALUE",
        help="the value of an input, as an expression of the language: --input load='900 MW'",
    )  # fmt: skip
    parser.add_argument("--out", metavar="FILE", help="write the wires to a .npz or .parquet file")
    param_options(parser)
    shared_options(parser)


def positive(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    try:
        value = int(text.replace("_", ""))
    except ValueError:
        raise argparse.ArgumentTypeError(f"`{text}` is not a whole number") from None
    if value < 1:
        raise argparse.ArgumentTypeError(f"`{text}` is less than 1")
    return value


def run(args: argparse.Namespace) -> int:
    asked = model(args)
    if args.out is not None:
        _check_ending(args.out)
    with progress("simulating") as sign:
        result = asked.run(
            args.game, args.under, runs=args.runs, seed=args.seed, keep=args.keep, memory=args.memory, progress=sign.at,
            inputs=dict(split(pair, "--input", "load=900 MW") for pair in args.input),
        )
    written = result.save(args.out) if args.out is not None else None
    if args.json:
        print_json("run", ok=True, file=asked.name, **result.to_dict(), out=None if written is None else str(written))
        return FINE
    under = f" under {result.under}" if result.under else ""
    print(f"{say(result.game + under, '1', args)}: {result.runs:,} run{'s' * (result.runs != 1)}, seed {result.seed}")
    for line in (*result.lines(), *result.certificate):
        print(f"  {line}")
    if written is not None:
        print(f"wrote {written}")
    return FINE


def _check_ending(out: str) -> None:
    """Before the work rather than after it: can the results be written?"""
    from pathlib import Path

    from opengames.diagnostics import refuse

    path = Path(out)
    if path.suffix not in (".npz", ".parquet"):
        raise refuse("bad-option", f"`--out {out}` ends neither in `.npz` nor in `.parquet`",
                     help=f"write `--out {path.stem}.parquet`")  # fmt: skip
    if not path.parent.is_dir():
        raise refuse("no-such-file", f"cannot write `{out}`: there is no folder `{path.parent}`")
