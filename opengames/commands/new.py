"""Start a text from a shipped example. The new file is never written over one that is there.

  opengames new --list                     what there is to start from
  opengames new auction --from auction     writes auction.game
  opengames new first_try                  writes first_try.game, a small game to change
"""

from __future__ import annotations

import argparse
from pathlib import Path

from opengames.commands.common import FINE, print_json, say, shared_options

FIRST = "dilemma"
"""The example that a text starts from when none is named."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="the new text, with or without `.game`")
    parser.add_argument("--from", dest="spec", metavar="SPEC", help=f"the example to copy (by default {FIRST})")
    parser.add_argument("--list", action="store_true", help="list the examples")
    shared_options(parser)


def specs() -> dict[str, Path]:
    """The shipped texts by name: the textbook, the larger models, the examples.

    A number before a name, as in `01_dilemma`, is not part of it, unless another text has the name already.
    """
    import opengames.specs as shipped

    folder = Path(shipped.__file__ or "").parent
    order = {"textbook": 0, "specs": 1}
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.game"), key=lambda p: (order.get(p.parent.name, 2), p.name)):
        name = path.stem.lstrip("0123456789").lstrip("_")
        found[path.stem if name in found else name] = path
    return found


def opening(path: Path) -> str:
    """The first sentence of a text's opening comment."""
    words: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("##") or not line.strip("# "):
            break
        words.append(line.strip("# "))
        if line.rstrip().endswith((".", ":")):
            break
    first = " ".join(words).split(". ")[0]
    return first.rstrip(".:")


def run(args: argparse.Namespace) -> int:
    from opengames.diagnostics import refuse

    known = specs()
    if args.list or args.name is None:
        return _list(known, args)
    wanted = (args.spec or FIRST).removesuffix(".game").rpartition("/")[2]
    if wanted not in known:
        from difflib import get_close_matches

        near = get_close_matches(wanted, known, 1, 0.4)
        raise refuse(
            "unknown-spec", f"there is no example `{wanted}`",
            help=f"did you mean `{near[0]}`?" if near else "`opengames new --list` lists them",
        )  # fmt: skip
    target = Path(args.name if args.name.endswith(".game") else f"{args.name}.game")
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(known[wanted].read_text(encoding="utf-8"))
    except FileExistsError as error:
        raise refuse("file-exists", f"`{target}` is there already", help="choose another name") from error
    except OSError as error:
        from opengames.commands.common import reason

        raise refuse("no-such-file", f"cannot write `{target}`: {reason(error)}") from error
    if args.json:
        print_json("new", ok=True, file=str(target), spec=wanted)
    else:
        print(f"wrote {say(str(target), '1', args)}: {opening(target)}\nnext: opengames verify {target}")
    return FINE


def _list(known: dict[str, Path], args: argparse.Namespace) -> int:
    if args.json:
        print_json("new", ok=True, specs=[{"spec": name, "opening": opening(path)} for name, path in known.items()])
        return FINE
    width = max((len(name) for name in known), default=0)
    for name, path in known.items():
        print(f"{say(f'{name:{width}}', '1', args)}  {opening(path)}")
    return FINE
