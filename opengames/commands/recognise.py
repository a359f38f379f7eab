"""Infer what went on inside a channel from what came out, by a recognition that the text declares.

  opengames recognise battery.game track --data wish=day.csv --data reading=meter.csv:soc
  opengames recognise battery.game track --data wish=day.csv --data reading=meter.csv --out soc.csv --picture soc.svg

Evidence may have gaps: an empty cell, or a row that is not there, was not observed. A column may say its unit: `soc [kWh]`.
"""

from __future__ import annotations

import argparse

from opengames.commands.common import (
    FAILS,
    FINE,
    files_of,
    param_options,
    print_json,
    read,
    reason,
    say,
    settings,
    shared_options,
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a .game text; - is the standard input")
    parser.add_argument("recognition", nargs="?", metavar="RECOGNITION", help="may be left out if the text declares one")
    parser.add_argument("--level", default="90%", metavar="SHARE", help="of the intervals (by default 90%%)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="where the random numbers begin (by default 0)")
    parser.add_argument("--out", metavar="FILE", help="write means and intervals to a .csv file")
    parser.add_argument("--picture", metavar="FILE", help="draw the mean and its band to a .svg file")
    parser.add_argument("--wire", metavar="WIRE", help="the wire to draw, by default the first")
    param_options(parser)
    shared_options(parser)


def run(args: argparse.Namespace) -> int:
    from opengames.diagnostics import refuse
    from opengames.session import Model

    level = _level(args.level)
    for option, ending in (("out", ".csv"), ("picture", ".svg")):
        path = getattr(args, option)
        if path is not None and not path.endswith(ending):
            raise refuse("bad-option", f"`--{option} {path}` does not end in `{ending}`")
    name, text = read(args.file)
    given = {**settings(args.set), **files_of(args.data)}
    model = Model(text, name)
    wanted = _recognition(model, args.recognition)
    wires = {p.name for p in model.program.recognitions[wanted].inputs} if wanted in model.program.recognitions else set()
    params = {n: v for n, v in given.items() if n not in wires}
    model = model.with_params(**params)
    found = model.recognise(wanted, seed=args.seed, **{n: v for n, v in given.items() if n in wires})
    try:
        written = [str(found.save(args.out, level))] if args.out is not None else []
        if args.picture is not None:
            written.append(str(found.draw(args.wire, level).save(args.picture)))
    except OSError as error:
        raise refuse("no-such-file", f"cannot write `{error.filename}`: {reason(error)}") from error
    status = FAILS if found.diverged else FINE
    if args.json:
        print_json("recognise", ok=not found.diverged, file=model.name, **found.to_dict(level), out=written or None)
        return status
    print(f"{say(found.name, '1', args)}: {found.method}, intervals of {level:.4g}")
    for line in found.lines(level):
        print(f"  {line}")
    if found.log_evidence is not None:
        print(f"  log evidence {found.log_evidence:.6g}")
    if found.effective is not None:
        print(f"  effective particles: at least {found.effective.min():.4g}")
    for line in found.notes():
        print(f"  {line}")
    for line in found.warnings():
        print(f"  warning: {line}")
    for path in written:
        print(f"wrote {path}")
    return status


def _level(text: str) -> float:
    from opengames.diagnostics import refuse

    try:
        level = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        level = 0.0
    if not 0 < level < 1:
        raise refuse("bad-option", f"`--level {text}` is no share between 0 and 1", help="for example `--level 90%`")
    return level


def _recognition(model: object, name: str | None) -> str:
    from opengames.diagnostics import refuse

    known = list(model.program.recognitions)  # type: ignore[attr-defined]
    if name is not None:
        return name
    if len(known) == 1:
        return known[0]
    listed = ", ".join(f"`{n}`" for n in known)
    raise refuse(
        "which-game", "say which recognition is meant" if known else "this text declares no recognition",
        notes=(f"there are {listed}",) if known else (), help=f"name one, such as `{known[0]}`" if known else "",
    )  # fmt: skip
