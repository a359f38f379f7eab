"""What the commands share: reading texts, printing reports and data, and the exit codes.

Exit codes: 0, all is well and every claim holds; 1, a claim fails or could not be decided, or a question could not
be answered; 2, the text, the data or the command line is wrong; 130, interrupted.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opengames.diagnostics import Diagnostic
    from opengames.params import FromFile
    from opengames.session import Model

FINE, FAILS, WRONG = 0, 1, 2

STDIN = "-"

#: Lines of one explanation, characters of a line, and about how many of all, that are printed unless all are wanted.
_MOST, _WIDEST, _TEXT = 41, 240, 1600

#: Codes that say that something is beyond this version or its budgets, and nothing is wrong.
BEYOND = frozenset({"not-yet", "over-budget"})

#: Codes that say that a question was sound but could not be answered.
UNANSWERED = BEYOND | {"needs-sampling", "needs-strategy", "needs-inputs", "impossible-evidence"}


def shared_options(parser: argparse.ArgumentParser) -> None:
    """The options of every command."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="colour the output; by default only on a terminal where NO_COLOR is not set",
    )
    parser.add_argument(
        "--longest-text", type=int, metavar="N",
        help="read texts of up to N characters, for those you trust (a million unless told)",
    )  # fmt: skip


def param_options(parser: argparse.ArgumentParser) -> None:
    """The options that supply params."""
    parser.add_argument(
        "--set", "--param", dest="set", action="append", default=[], metavar="NAME=VALUE",
        help="supply a param, as an expression of the language with its unit: --set 'loss=24 $'",
    )  # fmt: skip
    parser.add_argument(
        "--data", action="append", default=[], metavar="NAME=FILE[:COLUMN]",
        help="supply a param from a CSV, Parquet or JSON file: --data price=prices.csv:lmp",
    )  # fmt: skip


def read(path: str) -> tuple[str, str]:
    """The name and the text of a file, `-` being the standard input. Raises `Refusal` if it cannot be read."""
    from opengames.diagnostics import refuse
    from opengames.dsl.source import read_text

    if path == STDIN:
        if sys.stdin is None or sys.stdin.closed:
            raise refuse("no-such-file", "cannot read the standard input: it is closed")
        data = sys.stdin.buffer.read() if hasattr(sys.stdin, "buffer") else sys.stdin.read().encode()
        try:
            return "<stdin>", data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError as error:
            raise refuse("not-utf8", "the standard input is not UTF-8 text", help="send it as UTF-8") from error
    try:
        return path, read_text(path)
    except OSError as error:
        raise refuse(
            "no-such-file", f"cannot read `{path}`: {reason(error)}", help=nearby(Path(path)) or ""
        ) from error


def reason(error: OSError) -> str:
    """What the system says went wrong, as the end of a message."""
    return (error.strerror or type(error).__name__).lower()


def nearby(path: Path) -> str | None:
    """A help line naming a file of the same folder that may be meant."""
    from difflib import get_close_matches

    try:
        names = [p.name for p in path.parent.iterdir() if p.is_file()]
    except OSError:
        return None
    if f"{path.name}.game" in names:
        return f"did you mean `{path.parent / (path.name + '.game')}`?"
    near = get_close_matches(path.name, names, 1, 0.6)
    return f"did you mean `{path.parent / near[0]}`?" if near else None


def model(args: argparse.Namespace) -> Model:
    """The model that a command is about, with its params supplied. Raises `Refusal`."""
    from opengames.session import Model

    name, text = read(args.file)
    return Model(text, name, {**settings(args.set), **files_of(args.data)})


def settings(pairs: Sequence[str]) -> dict[str, Any]:
    """`NAME=VALUE` options. A value is an expression of the language."""
    return dict(split(pair, "--set", "loss=24 $") for pair in pairs)


def files_of(pairs: Sequence[str]) -> dict[str, FromFile]:
    """`NAME=FILE[:COLUMN]` options."""
    if not pairs:
        return {}
    from opengames.params import FromFile

    named = (split(pair, "--data", "price=prices.csv:lmp") for pair in pairs)
    return {name: FromFile(*place_of(place)) for name, place in named}


def place_of(place: str) -> tuple[str, str | None]:
    """`FILE:COLUMN` as (file, column); a drive letter is no column, nor is anything if the whole is a file."""
    file, colon, column = place.rpartition(":")
    if not colon or len(file) <= 1 or Path(place).exists():
        return place, None
    return file, column


def split(pair: str, option: str, example: str) -> tuple[str, str]:
    from opengames.diagnostics import refuse

    name, equals, value = pair.partition("=")
    if not equals or not name.strip().isidentifier() or not value.strip():
        example = f"{pair}={example.partition('=')[2]}" if pair.isidentifier() else example
        raise refuse(
            "bad-option", f"`{option} {pair}` is not a name and a value", help=f"for example `{option} '{example}'`"
        )
    return name.strip(), value.strip()


def report(
    diagnostics: Sequence[Diagnostic], sources: Mapping[str, str], args: argparse.Namespace, stream: Any = None
) -> None:
    """Print reports for a reader, by default to the error stream."""
    from opengames.dsl.render import render, wants_colour

    out = sys.stderr if stream is None else stream
    out.write(render(diagnostics, sources, colour=wants_colour(out, args.color)))


def say(text: str, style: str, args: argparse.Namespace) -> str:
    """`text` in a style (an ANSI code) where the output takes colour."""
    from opengames.dsl.render import wants_colour

    return f"\x1b[{style}m{text}\x1b[0m" if wants_colour(sys.stdout, args.color) else text


def print_json(command: str | None, **fields: Any) -> None:
    """One JSON object on the standard output. `schema` changes only if a field is removed or changes its meaning."""
    print(json.dumps({"command": command, "schema": 1, **fields}, indent=2, ensure_ascii=False))


def full_option(parser: argparse.ArgumentParser) -> None:
    """The option that prints long explanations whole."""
    parser.add_argument("--full", action="store_true", help="print explanations of many or long lines in full")


def few(lines: Sequence[str], full: bool) -> list[str]:
    """Lines of explanation, cut to what a reader looks at unless all are wanted; the last one says what is missing."""
    if full:
        return list(lines)
    cut: list[str] = []
    for line in lines[:_MOST]:
        if sum(map(len, cut)) > _TEXT:
            break
        cut.append(line if len(line) <= _WIDEST else f"{line[: _WIDEST - 1].rstrip()}…")
    if len(cut) < len(lines):
        return [*cut, f"... and {len(lines) - len(cut):,} more lines: `--full` prints them, `--json` holds them"]
    return cut if cut == list(lines) else [*cut, "lines ending in … are cut: `--full` prints them, `--json` holds them"]


def undecided(codes: Iterable[str]) -> bool:
    """Whether refusals with these codes leave a question open, rather than find a mistake."""
    return all(code in UNANSWERED for code in codes)


def to_stdout(text: str) -> None:
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
