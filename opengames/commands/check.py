"""Say what is wrong with a text: its syntax, names, types, units, tables, strategies and questions.

Nothing is run. Each mistake has a code; `opengames explain CODE` shows the page behind it.

  opengames check battery.game
  opengames check *.game --format json
  cat battery.game | opengames check -
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opengames.commands.common import (
    FINE,
    WRONG,
    files_of,
    param_options,
    print_json,
    read,
    report,
    say,
    settings,
    shared_options,
)

if TYPE_CHECKING:
    from opengames.dsl.check import Checked


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="a .game text; - is the standard input")
    parser.add_argument("--format", choices=("text", "json", "html"), default="text", help="how to print the reports")
    param_options(parser)
    shared_options(parser)


def run(args: argparse.Namespace) -> int:
    from opengames.diagnostics import Refusal, errors
    from opengames.dsl.check import check
    from opengames.dsl.render import render_html, summary

    form = "json" if args.json else args.format
    files, status = [], FINE
    for path in args.files:
        name, sources = path, {}
        try:
            name, text = read(path)
            sources = {name: text}
            given = {**settings(args.set), **files_of(args.data)}
            found = (_supplied(text, name, given) if given else check(text, name)).diagnostics
        except Refusal as refused:
            found = refused.diagnostics
        wrong = bool(errors(found))
        status = WRONG if wrong else status
        if form == "json":
            from opengames.dsl.render_json import to_data

            files.append({"file": name, "ok": not wrong, "diagnostics": to_data(found, sources)})
        elif form == "html":
            print(render_html(found, sources), end="")
        else:
            report(found, sources, args, sys.stdout)
            word = say("wrong", "1;31", args) if wrong else say("ok", "32", args)
            print(f"{word}  {name}" + (f": {summary(found)}" if found else ""))
    if form == "json":
        print_json("check", ok=status == FINE, files=files)
    return status


def _supplied(text: str, name: str, given: Mapping[str, Any]) -> Checked:
    from opengames.params import supply

    return supply(text, name, given)
