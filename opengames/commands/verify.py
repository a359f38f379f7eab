"""Decide the claims of a text (its `verify` declarations), all of them or those named.

  proved         shown exactly, by a computation that leaves nothing out
  refuted        a case where it fails is shown
  supported      an estimate from runs agrees; never a proof
  not supported  an estimate from runs disagrees
  unknown        it could not be decided; the reason is given

  opengames verify auction.game
  opengames verify reservation.game threshold_is_best --set K=2

Exit status: 0 if every claim is proved or supported, 1 if one is not, 2 if the text or the data is wrong.
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

if TYPE_CHECKING:
    from opengames.diagnostics import Diagnostic
    from opengames.results import Claim

_STYLES = {"proved": "1;32", "supported": "1;34", "refuted": "1;31", "not supported": "1;31", "unknown": "1;33"}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a .game text; - is the standard input")
    parser.add_argument("names", nargs="*", default=[], metavar="NAME", help="claims; all of them if none is named")
    param_options(parser)
    shared_options(parser)


def run(args: argparse.Namespace) -> int:
    from opengames.diagnostics import Refusal
    from opengames.dsl.render_json import to_data

    asked = model(args)
    chosen = asked.questions("verify", args.names or None)
    claims = []
    widest = max((len(q.name) for q in chosen), default=0)
    status, sources = FINE, {asked.name: asked.text}
    told: tuple[Diagnostic, ...] = ()
    for question in chosen:
        try:
            with progress(f"deciding {question.name}"):
                claim = asked.claim(question)
        except Refusal as refused:
            status = max(status, FAILS if undecided(d.code for d in refused.diagnostics) else WRONG)
            found = to_data(refused.diagnostics, sources)
            claims.append({"kind": "refusal", "name": question.name, "holds": False, "diagnostics": found})
            if not args.json:
                print(f"{say('no verdict', '1;31', args)} {question.name}")
                sys.stdout.flush()
                if refused.diagnostics != told:
                    report(refused.diagnostics, sources, args)
                told = refused.diagnostics
            continue
        status = max(status, FINE if claim.holds else FAILS)
        claims.append(claim.to_dict())
        if not args.json:
            _print(claim, widest, args)
    if args.json:
        print_json("verify", ok=status == FINE, file=asked.name, claims=claims)
    elif not claims:
        print(f"{asked.name} makes no claims: a claim reads `verify NAME: ...`", file=sys.stderr)
    return status


def _print(claim: Claim, widest: int, args: argparse.Namespace) -> None:
    verdict = say(f"{claim.shown:<9}", _STYLES[claim.verdict], args)
    took = duration(claim.seconds)
    print(f"{verdict}  {claim.name:<{widest}}  {say(f'{claim.method}, {took}' if claim.method else took, '2', args)}")
    for line in claim.because:
        print(f"   {line}")
    sys.stdout.flush()


def duration(seconds: float) -> str:
    """A time a reader can grasp: `12 ms`, `3.4 s`."""
    if seconds < 0.0095:
        return "under 10 ms"
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
