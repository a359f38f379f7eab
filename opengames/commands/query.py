"""Answer the questions of a text (its `query` declarations), all of them or those named.

Numbers are exact unless a question says `by simulate` or cannot be answered exactly; an estimate is printed with half
the width of its 95 % interval. Strategies are printed as text that can be pasted into a file.

  opengames query auction.game
  opengames query auction.game revenue --json

Exit status: 0 if every question was answered, 1 if one could not be, 2 if the text or the data is wrong.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

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
from opengames.commands.progress import progress
from opengames.commands.verify import duration

if TYPE_CHECKING:
    from opengames.diagnostics import Diagnostic
    from opengames.results import Answer


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a .game text; - is the standard input")
    parser.add_argument("names", nargs="*", default=[], metavar="NAME", help="queries; all of them if none is named")
    param_options(parser)
    shared_options(parser)


def run(args: argparse.Namespace) -> int:
    from opengames.diagnostics import Refusal
    from opengames.dsl.render_json import to_data

    asked = model(args)
    status, answers = FINE, []
    told: tuple[Diagnostic, ...] = ()
    for question in asked.questions("query", args.names or None):
        try:
            with progress(f"answering {question.name}"):
                answer = asked.query(question.name)
        except Refusal as refused:
            status = max(status, FAILS if undecided(d.code for d in refused.diagnostics) else WRONG)
            sources = {asked.name: asked.text}
            found = to_data(refused.diagnostics, sources)
            answers.append({"kind": "refusal", "name": question.name, "diagnostics": found})
            if not args.json:
                print(f"{question.name}: {say('no answer', '1;33', args)}")
                sys.stdout.flush()
                if refused.diagnostics != told:
                    report(refused.diagnostics, sources, args)
                told = refused.diagnostics
            continue
        answers.append(answer.to_dict())
        if not args.json:
            _print(answer, args)
    if args.json:
        print_json("query", ok=status == FINE, file=asked.name, answers=answers)
    elif not answers:
        print(f"{asked.name} asks nothing: a question reads `query NAME = ...`", file=sys.stderr)
    return status


def _print(answer: Answer, args: argparse.Namespace) -> None:
    how = say(f"({answer.method}, {duration(answer.seconds)})", "2", args)
    name = say(answer.name, "1", args)
    is_table = isinstance(answer.value, tuple) and answer.space is None
    print(f"{name} = {answer.shown}  {how}" if answer.shown and not is_table else f"{name}  {how}")
    for line in answer.because:
        print(f"   {line}")
    if answer.game:
        print()
        print(answer.game.rstrip("\n"))
        print()
    sys.stdout.flush()
