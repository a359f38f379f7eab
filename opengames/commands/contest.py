"""A market of models: forecasters trade by their own lights, are paid as outcomes arrive, and get scored.

A forecaster is a channel of the text on its part of the events; `NAME=CHANNEL` gives it another name, and `:CASH` says with
how many dollars it starts. Worlds are drawn from --truth; --market is the channel that is traded.

  opengames new grid_day --from grid_day
  opengames contest grid_day.game --truth day --market opening sky demand desk line
  opengames contest grid_day.game --truth day --market opening sky desk:5000 --event 'scarce and late' --plot day.svg
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from opengames.commands.common import FINE, param_options, print_json, shared_options
from opengames.commands.common import model as model_of

if TYPE_CHECKING:
    from opengames.solvers.forecasts import Forecaster


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a .game text; - is the standard input")
    parser.add_argument("forecasters", nargs="+", metavar="[NAME=]CHANNEL[:CASH]", help="who takes part")
    parser.add_argument("--truth", required=True, metavar="CHANNEL", help="what the worlds are drawn from")
    parser.add_argument("--market", required=True, metavar="CHANNEL", help="what is traded, and its opening prices")
    parser.add_argument("--event", action="append", default=[], metavar="EVENT", help="an event to score (may be repeated)")
    parser.add_argument("--periods", type=int, default=100, metavar="N", help="markets, one after another (100)")
    parser.add_argument("--rounds", type=int, default=1, metavar="N", help="turns of everybody in a period (1)")
    parser.add_argument("--depth", type=float, default=50.0, metavar="B", help="depth of the market in $ (50)")
    parser.add_argument("--trust", type=float, default=0.5, metavar="W", help="how far a forecaster moves a price towards its belief (0.5)")
    parser.add_argument("--stake", type=float, default=0.1, metavar="S", help="the share of its cash that it brings in a period (0.1)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the worlds (0)")
    parser.add_argument("--plot", metavar="IMAGE", help="draw profit, influence and calibration (.svg, .png, .pdf)")
    param_options(parser)
    shared_options(parser)


def run(args: argparse.Namespace) -> int:
    from opengames.diagnostics import refuse
    from opengames.session import explained
    from opengames.solvers.forecasts import contest

    for name in ("periods", "rounds"):
        if getattr(args, name) < (2 if name == "periods" else 1):
            raise refuse("bad-option", f"`--{name} {getattr(args, name)}` is too few", help="two periods, one round or more")
    model = model_of(args)
    try:
        players = [_forecaster(told, args) for told in args.forecasters]
    except ValueError as wrong:
        raise refuse("bad-option", str(wrong)) from wrong
    with explained({model.name: model.text}):
        found = contest(
            model, args.truth, args.market, players, periods=args.periods, events=args.event, depth=args.depth,
            rounds=args.rounds, seed=args.seed,
        )  # fmt: skip
    if args.plot:
        from opengames.contest_picture import draw_contest

        draw_contest(found, args.plot)
    if args.json:
        print_json("contest", seed=args.seed, depth=args.depth, **found.to_dict())
    else:
        print("\n".join(found.lines()))
        if args.plot:
            print(f"drawn to {args.plot}")
    return FINE


def _forecaster(told: str, args: argparse.Namespace) -> Forecaster:
    from opengames.solvers.forecasts import Forecaster

    name, equals, rest = told.rpartition("=")
    channel, colon, cash = rest.partition(":")
    try:
        amount = float(cash) if colon else 1_000.0
    except ValueError:
        raise ValueError(f"`{told}` does not say an amount of cash: `{cash}`") from None
    return Forecaster(name if equals else channel, channel, amount, args.trust, args.stake)
