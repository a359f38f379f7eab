"""The command line: `opengames check | run | verify | query | sensitivity | draw | formulas | market | coherence | store | fmt | explain | new | convert | grid | shift-factors`.

Help, `check`, `fmt` and `explain` load only the standard library. Mistakes in a text, in data or in
a request are reported; a mistake of ours ends in a short apology, with the traceback if `OPENGAMES_DEBUG` is set.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from opengames.commands.common import BEYOND, FAILS, WRONG, print_json, reason

COMMANDS = {
    "check": "say what is wrong with a text",
    "run": "simulate a game or channel and summarise what happened",
    "verify": "decide the claims of a text",
    "query": "answer the questions of a text",
    "sensitivity": "differentiate answers by a param, also through clearings",
    "recognise": "infer what went on inside a channel from what came out",
    "draw": "draw a game as a string diagram or a tree",
    "formulas": "print closed forms, derivatives and conditions, or the model as LaTeX",
    "market": "keep a market on events: open it, trade, resolve, look at the books",
    "coherence": "say whether quotes can be bet against, and what they imply",
    "fmt": "lay a text out in the usual way",
    "explain": "show the page behind a diagnostic's code",
    "new": "start a text from a shipped example",
    "contest": "let forecasters trade on a market, and score them",
    "store": "keep market data in one file: load reports, find gaps, export",
    "shift-factors": "estimate what a MW at a bus puts on a constraint, from prices",
    "convert": "turn Bayesian networks into texts and back, and power networks into texts",
    "grid": "clear the hours of a power network: dispatch, prices, what binds",
}

INTERRUPTED, CLOSED_PIPE, OUR_MISTAKE = 130, 141, 70

_TOP = """A small language in which a market is written once, as an open game, and then checked, drawn,
simulated and solved from that one text.

  opengames new auction --from auction    start from an example
  opengames check auction.game            is anything wrong with it?
  opengames verify auction.game           do its claims hold?

Exit status: 0 if all is well, 1 if a claim fails or could not be decided or a question not be answered,
2 if the text, the data or the command line is wrong."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    if sys.stderr is None:  # closed by whoever called us: nobody wants to hear complaints
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # as long as the process lives
    if sys.stdout is None:
        print("error: the standard output is closed", file=sys.stderr)
        return WRONG
    try:
        status = _run(sys.argv[1:] if argv is None else list(argv))
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has enough
        _discard_output()
        return CLOSED_PIPE
    except OSError as error:
        _discard_output()
        about = f"cannot read or write `{error.filename}`" if error.filename else "cannot write the output"
        print(f"error: {about}: {reason(error)}", file=sys.stderr)
        return WRONG


def _discard_output() -> None:
    """Keep Python from complaining when it flushes the standard output at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def parser() -> _Parser:
    """The whole command line."""
    top = _Parser(prog="opengames", description=_TOP, formatter_class=_Layout)
    top.add_argument("--version", action=_Version, nargs=0, help="show the version number and exit")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, summary in COMMANDS.items():
        _configured(name, commands.add_parser(name, help=summary))
    return top


def _part(name: str) -> _Parser:
    """The command line of one command, behind its name. Only that command is loaded."""
    return _configured(name, _Parser(prog=f"opengames {name}"))


def _configured(name: str, part: _Parser) -> _Parser:
    module = import_module(f"opengames.commands.{name.replace('-', '_')}")
    part.description = module.__doc__
    part.formatter_class = _Layout
    module.configure(part)
    part.set_defaults(act=module.run, command=name)
    return part


def _run(argv: list[str]) -> int:
    command = argv[0] if argv and argv[0] in COMMANDS else None
    line = _part(command) if command else parser()
    line.json = "--json" in argv
    try:
        # names and options of a command may come in any order, which a parser with commands below it cannot take
        args = line.parse_intermixed_args(argv[1:]) if command else line.parse_args(argv)
    except SystemExit as asked:  # argparse has printed its help or its complaint
        return asked.code if isinstance(asked.code, int) else WRONG
    except _Usage as wrong:
        return _usage(str(wrong), command)
    if args.command is None:
        line.print_help()
        return WRONG
    return _guarded(args)


def _guarded(args: argparse.Namespace) -> int:
    from opengames.diagnostics import Refusal

    try:
        if not args.longest_text:
            return int(args.act(args))
        from opengames.dsl.source import up_to

        with up_to(args.longest_text):
            return int(args.act(args))
    except Refusal as refused:
        return _report(refused, args)
    except (KeyboardInterrupt, OSError):
        raise
    except Exception as error:
        if os.environ.get("OPENGAMES_DEBUG"):
            raise
        print(
            f"opengames made a mistake of its own and had to stop ({type(error).__name__}). We are sorry.\n"
            "Please report it together with the text and the command; `OPENGAMES_DEBUG=1` shows the traceback.",
            file=sys.stderr,
        )
        return OUR_MISTAKE


def _usage(what: str, command: str | None) -> int:
    """A complaint about the command line, as JSON."""
    from opengames.diagnostics import Diagnostic
    from opengames.dsl.render_json import to_data

    print_json(command, ok=False, diagnostics=to_data([Diagnostic("bad-option", what)], {}))
    return WRONG


def _report(refused: Exception, args: argparse.Namespace) -> int:
    from opengames.commands.common import report
    from opengames.dsl.render_json import to_data

    diagnostics = refused.diagnostics  # type: ignore[attr-defined]
    sources = getattr(refused, "sources", {})
    if args.json:
        print_json(args.command, ok=False, diagnostics=to_data(diagnostics, sources))
    else:
        report(diagnostics, sources, args)
    return FAILS if all(d.code in BEYOND for d in diagnostics) else WRONG


class _Usage(Exception):
    """A command line that is wrong, where JSON is wanted: its text says what is wrong."""


class _Parser(argparse.ArgumentParser):
    """Complains on the error stream as usual or, where the command line asks for JSON, as a `_Usage`."""

    json = False

    def error(self, message: str) -> NoReturn:
        if self.json:
            raise _Usage(message)
        super().error(message)


class _Layout(argparse.RawDescriptionHelpFormatter):
    """As wide as the terminal. argparse asks `shutil`, which is slow to load, and does so even where no help is shown."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    given = os.environ.get("COLUMNS", "")
    if given.isdigit() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):  # there is no standard output, or it is no terminal
        return 80


class _Version(argparse.Action):
    """Looks the version up only when it is asked for: that takes longer than parsing the command line."""

    def __call__(self, parser: argparse.ArgumentParser, *rest: object) -> None:
        print(f"opengames {_version()}")
        parser.exit()


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("opengames")
    except PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    sys.exit(main())
