"""The frame of `verify` and `query`: go through the questions of a text, print each answer as it comes, and collect.

A question that is refused is reported and the next one is asked. A report that several questions share, a missing
param, say, is printed once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opengames.commands.common import (
    FAILS,
    FINE,
    WRONG,
    full_option,
    model,
    param_options,
    print_json,
    report,
    say,
    shared_options,
    undecided,
)
from opengames.commands.progress import progress

if TYPE_CHECKING:
    from opengames.diagnostics import Diagnostic
    from opengames.program import Question
    from opengames.session import Model


@dataclass(frozen=True, slots=True)
class Asking:
    """What one command does with its questions.

    kind: `verify` or `query`. verb: for the line of progress. field: of the answers in the JSON object.
    refused: what a line about a question without an answer begins with; refusal: what its entry has besides.
    none: what is said of a text without such questions. finish: is given the model and what came of each question, an
    answer or a `Refusal`, at the end.
    """

    kind: str
    verb: str
    field: str
    refused: Callable[[str, argparse.Namespace], str]
    refusal: dict[str, Any]
    none: str
    answer: Callable[[Model, Question], Any]
    holds: Callable[[Any], bool]
    show: Callable[[Any, int, argparse.Namespace], None]
    finish: Callable[[Model, list[tuple[Question, Any]], argparse.Namespace], None] | None = None


def configure(parser: argparse.ArgumentParser, questions: str) -> None:
    """The arguments of a command that asks. questions: what they are called, `claims` or `queries`."""
    parser.add_argument("file", metavar="FILE", help="a .game text; - is the standard input")
    parser.add_argument(
        "names", nargs="*", default=[], metavar="NAME", help=f"{questions}; all of them if none is named"
    )
    full_option(parser)
    param_options(parser)
    shared_options(parser)


def ask(asking: Asking, args: argparse.Namespace) -> int:
    """Ask what the command line names, and return the exit code."""
    from opengames.diagnostics import Refusal
    from opengames.dsl.render_json import to_data

    asked = model(args)
    chosen = asked.questions(asking.kind, args.names or None)
    widest = max((len(q.name) for q in chosen), default=0)
    status, sources = FINE, {asked.name: asked.text}
    answers: list[dict[str, Any]] = []
    outcomes: list[tuple[Question, Any]] = []
    told: tuple[Diagnostic, ...] = ()
    for question in chosen:
        try:
            with progress(f"{asking.verb} {question.name}"):
                answer = asking.answer(asked, question)
        except Refusal as refused:
            outcomes.append((question, refused))
            status = max(status, FAILS if undecided(d.code for d in refused.diagnostics) else WRONG)
            found = to_data(refused.diagnostics, sources)
            answers.append({"kind": "refusal", "name": question.name, **asking.refusal, "diagnostics": found})
            if not args.json:
                print(asking.refused(question.name, args))
                sys.stdout.flush()
                if refused.diagnostics == told:
                    print("   for the reason above")
                    sys.stdout.flush()
                else:
                    report(refused.diagnostics, sources, args)
                told = refused.diagnostics
            continue
        status = max(status, FINE if asking.holds(answer) else FAILS)
        outcomes.append((question, answer))
        answers.append(answer.to_dict())
        if not args.json:
            asking.show(answer, widest, args)
            sys.stdout.flush()
    if asking.finish is not None and outcomes:
        asking.finish(asked, outcomes, args)
    if args.json:
        print_json(asking.kind, ok=status == FINE, file=asked.name, **{asking.field: answers})
    elif not answers:
        print(f"{asked.name} {asking.none}", file=sys.stderr)
    return status


def how(method: str, seconds: float, args: argparse.Namespace, form: str = "{}") -> str:
    """How an answer was found and how long that took, dimmed: `exact, 12 ms`."""
    took = duration(seconds)
    return say(form.format(f"{method}, {took}" if method else took), "2", args)


def duration(seconds: float) -> str:
    """A time a reader can grasp: `12 ms`, `3.4 s`."""
    if seconds < 0.0095:
        return "under 10 ms"
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
