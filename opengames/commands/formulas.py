"""Print closed forms: of funs, of queries with params left free, and when a strategy is an equilibrium.

Without names, those of all funs. Params without a value are free; `--free` frees others. `--document` prints the whole
model as a LaTeX document instead, `--latex` without names a fragment of one.

  opengames formulas reservation.game switches --at k=2
  opengames formulas battery.game guard --wrt soc
  opengames formulas entry.game threaten --latex

Exit status: 0 if everything was found, 1 if something has no closed form, 2 if the text or the command line is wrong.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from opengames.commands.common import (
    FAILS,
    FINE,
    WRONG,
    model,
    param_options,
    print_json,
    report,
    say,
    shared_options,
    split,
    to_stdout,
    undecided,
)

if TYPE_CHECKING:
    from opengames.session import Model


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a .game text; - is the standard input")
    parser.add_argument("names", nargs="*", default=[], metavar="NAME", help="funs, queries or strategies; all funs if none")
    parser.add_argument("--free", default="", metavar="NAME[,NAME...]", help="params to leave free although they have a value")
    parser.add_argument("--wrt", metavar="INPUT", help="differentiate by this input, element of one, or free param")
    parser.add_argument("--order", type=int, default=1, metavar="N", help="how often to differentiate; once by default")
    parser.add_argument("--at", action="append", default=[], metavar="INPUT=VALUE", help="give an input of a fun a value")
    parser.add_argument("--latex", action="store_true", help="print LaTeX (amsmath)")
    parser.add_argument("--document", action="store_true", help="print the whole model as a LaTeX document")
    param_options(parser)
    shared_options(parser)


def run(args: argparse.Namespace) -> int:
    from opengames.diagnostics import refuse

    asked = model(args)
    if args.document and (args.names or args.wrt):
        raise refuse("bad-option", "`--document` prints the whole model", help="leave the names out, or `--document`")
    if args.document or (args.latex and not args.names and not args.wrt):
        text = asked.to_latex(document=args.document)
        print_json("formulas", ok=True, file=asked.name, latex=text) if args.json else to_stdout(text)
        return FINE
    return _formulas(asked, args)


def _formulas(asked: Model, args: argparse.Namespace) -> int:
    from opengames.diagnostics import Refusal
    from opengames.dsl.render_json import to_data

    names = args.names or list(asked.program.funs)
    free = [n.strip() for n in args.free.split(",") if n.strip()]
    given = dict(split(pair, "--at", "k=2") for pair in args.at)
    status, sources = FINE, {asked.name: asked.text}
    found: list[dict[str, Any]] = []
    for name in names:
        try:
            each = asked.formula(name, free=free, wrt=args.wrt, order=args.order, given=given)
        except Refusal as refused:
            status = max(status, FAILS if undecided(d.code for d in refused.diagnostics) else WRONG)
            found.append({"kind": "refusal", "name": name, "diagnostics": to_data(refused.diagnostics, sources)})
            if not args.json:
                print(f"{name}: {say('no closed form', '1;33', args)}")
                sys.stdout.flush()
                report(refused.diagnostics, sources, args)
            continue
        found.append(each.to_dict())
        if not args.json:
            print(each.latex() if args.latex else each)
    if args.json:
        print_json("formulas", ok=status == FINE, file=asked.name, formulas=found)
    elif not names:
        print(f"{asked.name} has no funs: name a query or a strategy", file=sys.stderr)
    return status
