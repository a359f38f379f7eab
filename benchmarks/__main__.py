"""`python -m benchmarks [NAME...]`: measure, keep the results, renew the table in the documents.

    reservation   the reservation exchange against NumPy, a hand-written JAX scan, and agentpy
    check_speed   `opengames check` against Python's own start and lark alone
    compile       compiling the shipped specs, and finding them compiled
    exact         the alarm network against pyAgrum
    trees         junction trees against mbi and pyAgrum
    repeated      a repeated game, longer and longer
    coherence     coherence of quotes, certificates included, against HiGHS on the same linear program
    market        trades a second, live and from the ledger
    clearing      118 buses: a warm solve, and a thousand load scenarios with prices, against bare HiGHS
    ercot         a real-time dispatch on 2,000 buses beside bare HiGHS, a battery's day beside PyPSA
    grids         a grid of 2,000 buses cleared, and cleared again, beside PyPSA and bare HiGHS
    owners        a day of offers planned around a clearing, and days played, beside warm HiGHS
    claims        every claim of every shipped text: the slowest
    lorenz        ensembles on the model of Lorenz, localised or not (only when named)
    fuzz          broken texts (only when named): --seconds N
    readings      random channels in every reading (only when named): --seconds N

Without names, all but the last three. The exit status is 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("NPROC", "1")  # one thread for everybody, and before anybody loads JAX or NumPy
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from benchmarks.measure import Outcome
from benchmarks.report import line, renew

TIMED = ("fuzz", "readings")
BY_NAME = ("lorenz", *TIMED)
NAMES = ("reservation", "check_speed", "compile", "exact", "trees", "repeated", "market", "coherence", "clearing", "ercot", "grids", "owners", "claims")
HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "benchmarks.md"


def main(argv: list[str] | None = None) -> int:
    parser = _options()
    options = parser.parse_args(argv)
    for name in options.names:
        if name not in (*NAMES, *BY_NAME):
            parser.error(f"there is no measurement {name}; there are {', '.join((*NAMES, *BY_NAME))}")
    results = Path(options.results)
    results.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for name in options.names or NAMES:
        print(f"{name} ...", flush=True)
        more = {"seconds": options.seconds} if name in TIMED else {}
        outcome: Outcome = importlib.import_module(f"benchmarks.{name}").measure(**more)
        for figure in outcome.figures:
            print(f"  {line(figure)}", flush=True)
        text = json.dumps(outcome.to_dict(), indent=2)
        (results / f"{name}.json").write_text(text + "\n")
        outcomes.append(outcome)
    renew(results, Path(options.page))
    missed = [(o.name, f.what) for o in outcomes for f in o.missed]
    for name, what in missed:
        print(f"missed: {name}: {what}")
    print("a target is missed" if missed else "all targets are met")
    return 1 if missed else 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="one of the above")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long `fuzz` and `readings` go on")
    parser.add_argument("--results", default=str(HERE / "results"), help="the folder for the results")
    parser.add_argument("--page", default=str(PAGE), help="the document with the table")
    return parser


if __name__ == "__main__":
    sys.exit(main())
