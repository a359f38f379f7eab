"""Draw a game or channel as a string diagram, or a small game as a tree, in SVG.

  opengames draw auction.game Auction -o auction.svg
  opengames draw entry.game --tree -o entry.svg
  opengames draw auction.game Auction > auction.svg
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from opengames.commands.common import FINE, model, param_options, print_json, reason, shared_options


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a .game text; - is the standard input")
    parser.add_argument("game", nargs="?", metavar="GAME", help="a game or channel; may be left out if only one fits")
    parser.add_argument("-o", "--out", metavar="FILE", help="where to write the picture; by default the standard output")
    parser.add_argument("--tree", action="store_true", help="draw the game tree instead of the string diagram")
    parser.add_argument("--under", metavar="STRATEGY", help="draw it with this strategy plugged in")
    param_options(parser)
    shared_options(parser)


def run(args: argparse.Namespace) -> int:
    from opengames.diagnostics import refuse

    drawing = model(args).draw(args.game, tree=args.tree, under=args.under)
    if args.out is None and not args.json:
        sys.stdout.write(drawing.svg if drawing.svg.endswith("\n") else f"{drawing.svg}\n")
        return FINE
    written = None
    if args.out is not None:
        if Path(args.out).suffix != ".svg":
            raise refuse("bad-option", f"`--out {args.out}` does not end in `.svg`", help="pictures are written as SVG")
        try:
            written = drawing.save(args.out)
        except OSError as error:
            raise refuse("no-such-file", f"cannot write `{args.out}`: {reason(error)}") from error
    if args.json:
        print_json("draw", ok=True, name=drawing.name, out=None if written is None else str(written),
                   svg=drawing.svg if written is None else None)  # fmt: skip
    else:
        print(f"wrote {written}")
    return FINE
