"""Say what is wrong with a text: its syntax, names, types, units, tables, strategies and questions.

Nothing is run. Each mistake has a code; `opengames explain CODE` shows the page behind it.

  opengames check battery.game
  opengames check *.game --format json
  cat battery.game | opengames check -
  opengames check battery.game --obligations

`--obligations` also lists what the text promises of its values (results in an interval, arguments in their types)
and how each promise is discharged: by interval arithmetic, by z3, or only while playing. It loads z3.
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
    from opengames.program import Program
    from opengames.proved.obligations import Duty


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="a .game text; - is the standard input")
    parser.add_argument("--format", choices=("text", "json", "html"), default="text", help="how to print the reports")
    parser.add_argument(
        "--obligations", action="store_true", help="list what is promised of values, and how each promise is discharged"
    )
    param_options(parser)
    shared_options(parser)


def run(args: argparse.Namespace) -> int:
    from opengames.diagnostics import Refusal, errors
    from opengames.dsl.check import check
    from opengames.dsl.render import render_html, summary

    form = "json" if args.json else args.format
    files, status = [], FINE
    for path in args.files:
        name, sources, program = path, {}, None
        try:
            name, text = read(path)
            sources = {name: text}
            given = {**settings(args.set), **files_of(args.data)}
            checked = _supplied(text, name, given) if given else check(text, name)
            found, program = checked.diagnostics, checked.program
        except Refusal as refused:
            found = refused.diagnostics
        wrong = bool(errors(found))
        status = WRONG if wrong else status
        duties = _duties(program) if args.obligations and program is not None and not wrong else None
        if form == "json":
            from opengames.dsl.render_json import to_data

            owed = {} if duties is None else {"obligations": [duty.to_dict() for duty in duties]}
            files.append({"file": name, "ok": not wrong, "diagnostics": to_data(found, sources), **owed})
        elif form == "html":
            print(render_html(found, sources), end="")
        else:
            report(found, sources, args, sys.stdout)
            word = say("wrong", "1;31", args) if wrong else say("ok", "32", args)
            print(f"{word}  {name}" + (f": {summary(found)}" if found else ""))
            if duties is not None:
                _print_duties(duties, args)
    if form == "json":
        print_json("check", ok=status == FINE, files=files)
    return status


def _duties(program: Program) -> tuple[Duty, ...]:
    from opengames.proved.obligations import obligations

    return obligations(program)


def _print_duties(duties: tuple[Duty, ...], args: argparse.Namespace) -> None:
    """One line for each promise, those that are only looked at while playing with a reason, and how many there are of each."""
    counts = {by: sum(d.by == by for d in duties) for by in dict.fromkeys(d.by for d in duties)}
    styles = {"interval arithmetic": "32", "z3": "32", "while playing": "33"}
    widest = max((len(d.where) for d in duties), default=0)
    for duty in duties:
        place = f"{duty.at.line}:{duty.at.column}" if duty.at is not None else ""
        print(f"   {duty.where:<{widest}}  {place:>7}  {duty.what}  {say(duty.by, styles[duty.by], args)}")
        if duty.why:
            print(f"   {'':<{widest}}  {'':>7}  {duty.why}")
    said = ", ".join(f"{n} {'by ' if by != 'while playing' else ''}{by}" for by, n in counts.items())
    print(f"   {len(duties)} obligation{'' if len(duties) == 1 else 's'}" + (f": {said}" if said else ""))


def _supplied(text: str, name: str, given: Mapping[str, Any]) -> Checked:
    from opengames.params import supply

    return supply(text, name, given)
