"""Answer the questions of a text (its `query` declarations), all of them or those named.

Numbers are exact unless a question says `by simulate` or cannot be answered exactly; an estimate is printed with half
the width of its 95 % interval. Strategies are printed as text that can be pasted into a file.

  opengames query auction.game
  opengames query auction.game revenue --json

Exit status: 0 if every question was answered, 1 if one could not be, 2 if the text or the data is wrong.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from opengames.commands import asking
from opengames.commands.common import few, say

if TYPE_CHECKING:
    from opengames.results import Answer


def configure(parser: argparse.ArgumentParser) -> None:
    asking.configure(parser, "queries")


def run(args: argparse.Namespace) -> int:
    return asking.ask(
        asking.Asking(
            "query", "answering", "answers", _no_answer, {}, "asks nothing: a question reads `query NAME = ...`",
            lambda model, question: model.query(question.name), lambda answer: True, _print,
        ),
        args,
    )  # fmt: skip


def _no_answer(name: str, args: argparse.Namespace) -> str:
    return f"{name}: {say('no answer', '1;33', args)}"


def _print(answer: Answer, widest: int, args: argparse.Namespace) -> None:
    how = asking.how(answer.method, answer.seconds, args, "({})")
    name = say(answer.name, "1", args)
    is_table = isinstance(answer.value, tuple) and answer.space is None
    print(f"{name} = {answer.shown}  {how}" if answer.shown and not is_table else f"{name}  {how}")
    for line in few(answer.because, args.full):
        print(f"   {line}")
    if answer.game:
        print()
        print(answer.game.rstrip("\n"))
        print()
