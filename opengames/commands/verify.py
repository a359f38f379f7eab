"""Decide the claims of a text (its `verify` declarations), all of them or those named.

  proved         shown exactly, by a computation that leaves nothing out
  refuted        a case where it fails is shown
  supported      an estimate from runs agrees; never a proof
  not supported  an estimate from runs disagrees
  unknown        it could not be decided; the reason is given

  opengames verify auction.game
  opengames verify reservation.game threshold_is_best --set K=2
  opengames verify auction.game --report auction.html

Exit status: 0 if every claim is proved or supported, 1 if one is not, 2 if the text or the data is wrong.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from opengames.commands import asking
from opengames.commands.common import few, say

if TYPE_CHECKING:
    from opengames.program import Question
    from opengames.results import Claim
    from opengames.session import Model

_STYLES = {"proved": "1;32", "supported": "1;34", "refuted": "1;31", "not supported": "1;31", "unknown": "1;33"}


def configure(parser: argparse.ArgumentParser) -> None:
    asking.configure(parser, "claims")
    parser.add_argument(
        "--report", metavar="FILE",
        help="write an assurance case: what was claimed of what, how it was shown; .html, .md or .json",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    if args.report is not None:
        from opengames.assurance_case import form_of

        form_of(args.report)
    return asking.ask(
        asking.Asking(
            "verify", "deciding", "claims", _no_verdict, {"holds": False},
            "makes no claims: a claim reads `verify NAME: ...`",
            lambda model, question: model.claim(question), lambda claim: claim.holds, _print,
            _report if args.report is not None else None,
        ),
        args,
    )  # fmt: skip


def _no_verdict(name: str, args: argparse.Namespace) -> str:
    return f"{say('no verdict', '1;31', args)} {name}"


def _report(model: Model, outcomes: list[tuple[Question, Any]], args: argparse.Namespace) -> None:
    from opengames.assurance_case import case

    made = case(model, outcomes)
    made.report(args.report)
    said = f"report: {args.report}, {made.verdict}, the weakest of {len(made.leaves)}"
    print(f"{said} claim{'' if len(made.leaves) == 1 else 's'}", file=sys.stderr)


def _print(claim: Claim, widest: int, args: argparse.Namespace) -> None:
    verdict = say(f"{claim.shown:<9}", _STYLES[claim.verdict], args)
    print(f"{verdict}  {claim.name:<{widest}}  {asking.how(claim.method, claim.seconds, args)}")
    for line in few(claim.because, args.full):
        print(f"   {line}")
