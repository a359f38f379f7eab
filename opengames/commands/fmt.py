"""Lay texts out in the usual way: indentation, spaces, tables aligned. Meaning and comments stay as they are.

Files are rewritten in place; the standard input is written to the standard output.

  opengames fmt battery.game
  opengames fmt --check *.game      say which files are not in the usual layout, change none
  opengames fmt --diff battery.game show what would change, change nothing
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from opengames.commands.common import FAILS, FINE, STDIN, WRONG, print_json, read, report, say, shared_options


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="a .game text; - is the standard input")
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if a file would change")
    parser.add_argument("--diff", action="store_true", help="change nothing; print what would change")
    shared_options(parser)


def run(args: argparse.Namespace) -> int:
    from opengames.diagnostics import Refusal, errors
    from opengames.dsl.formatter import format_text
    from opengames.dsl.render_json import to_data

    status, results = FINE, []
    for path in args.files:
        name, text = path, ""
        try:
            name, text = read(path)
            formatted = format_text(text, name)
            new, wrong = formatted.text, errors(formatted.diagnostics)
        except Refusal as refused:
            new, wrong = text, refused.diagnostics
        if wrong:
            status = WRONG
            results.append({"file": name, "ok": False, "diagnostics": to_data(wrong, {name: text})})
            if not args.json:
                report(wrong, {name: text}, args)
            continue
        changed = new != text
        results.append({"file": name, "ok": True, "changed": changed})
        if changed and args.check:
            status = max(status, FAILS)
        if not args.json:
            _show(path, name, text, new, args)
        if path == STDIN or args.check or args.diff:
            continue
        if changed:
            Path(path).write_text(new, encoding="utf-8")
    if args.json:
        print_json("fmt", ok=status == FINE, files=results)
    return status


def _show(path: str, name: str, text: str, new: str, args: argparse.Namespace) -> None:
    if args.diff:
        _print_diff(name, text, new, args)
    elif args.check:
        if new != text:
            print(f"{say('would change', '33', args)}  {name}")
    elif path == STDIN:
        sys.stdout.write(new)
    elif new != text:
        print(f"{say('changed', '32', args)}  {name}")


def _print_diff(name: str, text: str, new: str, args: argparse.Namespace) -> None:
    from difflib import unified_diff

    styles = {"+": "32", "-": "31", "@": "36"}
    lines = unified_diff(text.splitlines(), new.splitlines(), name, f"{name} (formatted)", lineterm="")
    for line in lines:
        style = styles.get(line[:1])
        print(say(line, style, args) if style else line)
