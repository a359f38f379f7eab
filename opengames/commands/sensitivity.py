"""How answers change with a param: derivatives of queries, also through clearings, at the values that params have.

  opengames sensitivity dispatch.game cost --by load
  opengames sensitivity dispatch.game --by "load[North]" --json
  opengames sensitivity dispatch.game --by "unit[Coal].cost"

Without names, of every query that has a derivative by the param. Where an answer has a kink there is none, and that is said.

Exit status: 0 if every derivative was found, 1 if one is not there (a kink, an answer that is no number), 2 if the text, the data or
the command line is wrong.
"""

from __future__ import annotations

import argparse
from typing import Any

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
    undecided,
)

#: What says that there is no derivative, rather than that something is wrong.
_NONE = frozenset({"kink", "type-mismatch", "bad-option"})


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a .game text; - is the standard input")
    parser.add_argument("names", nargs="*", default=[], metavar="QUERY", help="queries; all if none")
    parser.add_argument("--by", required=True, metavar="PARAM", help="a param, or one of its numbers: load, load[North]")
    param_options(parser)
    shared_options(parser)


def run(args: argparse.Namespace) -> int:
    from opengames.commands.progress import progress
    from opengames.diagnostics import Refusal, refuse
    from opengames.dsl.render_json import to_data
    from opengames.sensitivities import wanted

    asked = model(args)
    wanted(asked.program, args.by)
    names = args.names or [q.name for q in asked.questions("query")]
    if not names:
        raise refuse("unknown-question", f"{asked.name} asks nothing", help="a question reads `query NAME = ...`")
    status, sources = FINE, {asked.name: asked.text}
    found: list[dict[str, Any]] = []
    for name in names:
        try:
            with progress(f"differentiating {name} by {args.by}"):
                each = asked.sensitivity(name, by=args.by)
        except Refusal as refused:
            codes = [d.code for d in refused.diagnostics]
            status = max(status, FAILS if undecided(codes) or set(codes) <= _NONE else WRONG)
            found.append({"kind": "refusal", "name": name, "diagnostics": to_data(refused.diagnostics, sources)})
            if not args.json:
                print(f"{name}: {say('no derivative', '1;33', args)}", flush=True)
                report(refused.diagnostics, sources, args)
            continue
        found.append(each.to_dict())
        status = max(status, FAILS if each.kinks else FINE)
        if not args.json:
            first, *rest = each.lines()
            print(first.replace(name, say(name, "1", args), 1), *rest, sep="\n")
    if args.json:
        print_json("sensitivity", ok=status == FINE, file=asked.name, by=args.by, sensitivities=found)
    return status
