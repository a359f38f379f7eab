"""Show the page behind a diagnostic's code: what it means, a wrong program, and how to mend it.

Without a code, every code is listed with the first sentence of its page.

  opengames explain unit-mismatch
  opengames explain
"""

from __future__ import annotations

import argparse

from opengames.commands.common import FINE, print_json, say, shared_options, to_stdout


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", nargs="?", metavar="CODE", help="a code, such as unit-mismatch")
    shared_options(parser)


def run(args: argparse.Namespace) -> int:
    from opengames.dsl.explain import codes, explain, opening

    if args.code is None:
        if args.json:
            print_json("explain", ok=True, codes=[{"code": code, "opening": opening(code)} for code in codes()])
            return FINE
        width = max((len(code) for code in codes()), default=0)
        for code in codes():
            print(f"{say(f'{code:{width}}', '1', args)}  {opening(code)}")
        return FINE
    code = args.code.removeprefix("error[").removeprefix("warning[").removesuffix("]")
    page = explain(code)
    if args.json:
        print_json("explain", ok=True, code=code, page=page)
    else:
        to_stdout(page)
    return FINE
