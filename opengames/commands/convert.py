"""Turn Bayesian networks into texts, and channels of texts into networks: BIF, XMLBIF and DOT. Turn power networks into texts.

The formats are known by the ends of the names: .game, .bif, .xmlbif or .xml, .dot or .gv; networks may be compressed
(.gz) when read. The new file is never written over one that is there; `-` is the standard output, and needs --to.
A power network is read as `opengames grid` reads it, and becomes a text with the operator's clearing of it.

  opengames convert alarm.bif alarm.game          a channel of all variables, with a table for each
  opengames convert events.game grid.xmlbif --channel grid
  opengames convert alarm.bif - --to dot | dot -Tsvg > alarm.svg
  opengames convert case118.m case118.game        tables of buses, lines and units, and the clearing
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
    parser.add_argument("file", metavar="SOURCE", help="a network (.bif, .xmlbif, .xml, perhaps .gz; .m and others of power networks) or a text (.game)")
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
    if _is_grid(args.file):
        return _grid(args, form)
    net = _network(args)
    text = to_game(net, args.channel) if form == "game" else WRITERS[form](net)
    if args.target == "-":
        if args.json:
            print_json("convert", format=form, variables=len(net), chances=net.numbers, text=text)
        else:
            sys.stdout.write(text)
        return FINE
    _write(args.target, text)
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


def _write(target: str, text: str) -> None:
    """Write a new file. Raises `Refusal`: `file-exists`, `no-such-file`."""
    from opengames.diagnostics import refuse

    try:
        with Path(target).open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise refuse("file-exists", f"`{target}` is there already", help="choose another name") from error
    except OSError as error:
        raise refuse("no-such-file", f"cannot write `{target}`: {reason(error)}") from error


def _is_grid(file: str) -> bool:
    """Whether a file or folder is a power network; told by its name, without loading what reads it."""
    path = Path(file)
    return path.suffix.lower() in (".m", ".mat", ".json", ".nc", ".h5") or path.is_dir()


def _grid(args: argparse.Namespace, form: str) -> int:
    from opengames.commands.grid_results import sizes_of
    from opengames.diagnostics import refuse
    from opengames.models.grid.read import read_network
    from opengames.models.grid.to_game import to_game

    if form != "game":
        raise refuse("bad-option", f"a power network is written as a text, not as {form}", help="name the target `NAME.game`")
    network = read_network(args.file)
    text = to_game(network)
    sizes = {
        "buses": len(network.buses), "branches": len(network.branches), "units": len(network.units), "direct_lines": len(network.direct),
        "storages": len(network.storages),
    }  # fmt: skip
    if args.target == "-":
        if args.json:
            print_json("convert", format=form, **sizes, notes=list(network.notes), text=text)
        else:
            sys.stdout.write(text)
        return FINE
    _write(args.target, text)
    if args.json:
        print_json("convert", file=args.target, format=form, **sizes, notes=list(network.notes))
        return FINE
    print(f"wrote {say(args.target, '1', args)}: {sizes_of(network)}")
    for note in network.notes:
        print(f"  {note}")
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
