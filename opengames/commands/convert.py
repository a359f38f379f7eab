"""Turn Bayesian networks into texts, and channels of texts into networks: BIF, XMLBIF and DOT.

The formats are known by the ends of the names: .game, .bif, .xmlbif or .xml, .dot or .gv; networks may be compressed
(.gz) when read. The new file is never written over one that is there; `-` is the standard output, and needs --to.

  opengames convert alarm.bif alarm.game          a channel of all variables, with a table for each
  opengames convert events.game grid.xmlbif --channel grid
  opengames convert alarm.bif - --to dot | dot -Tsvg > alarm.svg
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from opengames.commands.common import FINE, model, param_options, print_json, reason, say, shared_options

if TYPE_CHECKING:
    from opengames.models.networks import BayesNet
    from opengames.program import Program

FORMATS = ("game", "bif", "xmlbif", "dot")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="SOURCE", help="a network (.bif, .xmlbif, .xml, perhaps .gz) or a text (.game)")
    parser.add_argument("target", metavar="TARGET", help="the file to write; - is the standard output")
    parser.add_argument("--to", choices=FORMATS, help="the format to write, where the name of the target does not say it")
    parser.add_argument("--channel", metavar="NAME", help="the channel of the text that is meant (or: what to call it)")
    param_options(parser)
    shared_options(parser)


def run(args: argparse.Namespace) -> int:
    from opengames.diagnostics import refuse
    from opengames.models.networks import format_of
    from opengames.models.networks.formats import WRITERS
    from opengames.models.networks.to_game import to_game

    form = args.to or ("game" if args.target.endswith(".game") else format_of(args.target))
    if form is None:
        raise refuse(
            "bad-option", f"the name `{args.target}` does not say a format", help=f"say one: `--to {' | '.join(FORMATS)}`"
        )
    net = _network(args)
    text = to_game(net, args.channel) if form == "game" else WRITERS[form](net)
    if args.target == "-":
        if args.json:
            print_json("convert", format=form, variables=len(net), chances=net.numbers, text=text)
        else:
            sys.stdout.write(text)
        return FINE
    try:
        with Path(args.target).open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise refuse("file-exists", f"`{args.target}` is there already", help="choose another name") from error
    except OSError as error:
        raise refuse("no-such-file", f"cannot write `{args.target}`: {reason(error)}") from error
    said = f"{len(net):,} variables, {net.numbers:,} chances"
    if args.json:
        print_json(
            "convert", file=args.target, format=form, variables=len(net), chances=net.numbers, largest_row_error=float(net.off)
        )
        return FINE
    print(f"wrote {say(args.target, '1', args)}: {said}")
    if net.off:
        print(f"rows of printed decimals missed one by up to {float(net.off):.1g}; they were divided by their sums")
    return FINE


def _network(args: argparse.Namespace) -> BayesNet:
    from opengames.models.networks import format_of, from_game, read

    if format_of(args.file) in ("bif", "xmlbif"):
        return read(args.file)
    whole = model(args)
    from opengames.session import explained

    with explained({whole.name: whole.text}):
        return from_game(whole.program, _channel(whole.program, args.channel, args.file))


def _channel(program: Program, wanted: str | None, file: str) -> str:
    """The channel that is meant: the one named, or the only one that has no inputs."""
    from difflib import get_close_matches

    from opengames.diagnostics import refuse

    closed = [name for name, diagram in program.diagrams.items() if not diagram.inputs]
    if wanted in closed:
        return wanted
    if wanted is None and len(closed) == 1:
        return closed[0]
    listed = ", ".join(f"`{n}`" for n in closed[:12]) or "none"
    near = get_close_matches(wanted or "", closed, 1)
    said = f"there is no channel without inputs `{wanted}` in {file}" if wanted else f"{file} declares {len(closed)} channels without inputs"
    raise refuse(
        "unknown-game", said, notes=(f"there are {listed}",) if closed else (),
        help=f"did you mean `{near[0]}`?" if near else "say which: `--channel NAME`",
    )  # fmt: skip
