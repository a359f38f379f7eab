"""What compiling the shipped specs costs: once in a process with an empty cache, once in another that finds it filled.

For every game that can be simulated as it stands, and every strategy for it: the processor seconds of a first run of
eight less those of the second, in a fresh process for all specs together. `python -m benchmarks.compile NAME...` is
that process; it prints the seconds as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import PYTHON, Figure, Outcome

TITLE = "Compiling the shipped specs"
ROOT = Path(__file__).resolve().parents[1]
RUNS = 8


def measure(names: Sequence[str] = ()) -> Outcome:
    """names: of specs, without folder and ending; all of them by default."""
    chosen = [p for p in sorted((ROOT / "specs").rglob("*.game")) if not names or p.stem in names]
    with tempfile.TemporaryDirectory() as cache:
        first, again = _process(chosen, cache), _process(chosen, cache)
    compiled = [k for k, v in first.items() if isinstance(v, float) and isinstance(again.get(k), float)]
    total, second = sum(first[k] for k in compiled), sum(again[k] for k in compiled)
    longest = max(compiled, key=lambda k: first[k])
    figures = (
        Figure("all that can be simulated, first process", total, "s of CPU"),
        Figure("the same, second process", second, "s of CPU"),
        Figure("second process against the first", total / second, wanted=1.5, ours=second, theirs=total, each="s of CPU"),
        Figure(f"longest, first process ({longest})", first[longest], "s of CPU"),
        Figure(f"the same, second process ({longest})", again[longest], "s of CPU"),
    )  # fmt: skip
    table = {k: [round(first[k], 3), round(again[k], 3)] for k in compiled}
    skipped = {k: v for k, v in first.items() if k not in compiled}
    details = {"cpu_seconds_first_and_second_process": table, "not_simulated": skipped}
    return Outcome("compile", TITLE, figures, {"runs": RUNS, "simulations": len(compiled)}, details)


def _process(specs: Sequence[Path], cache: str) -> dict[str, Any]:
    import os

    done = subprocess.run(
        [PYTHON, "-m", "benchmarks.compile", *map(str, specs)], capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "OPENGAMES_CACHE": cache},
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"compiling the specs fails: {done.stderr[-2000:]}")
    return dict(json.loads(done.stdout))


def compile_all(specs: Sequence[Path]) -> dict[str, Any]:
    """Seconds by "spec: game under strategy"; for what cannot be simulated, the code of the refusal."""
    import opengames as og

    found: dict[str, Any] = {}
    _warm_up(og)
    for spec in specs:
        model = og.load(spec)
        closed = [n for n, d in model.program.diagrams.items() if not d.inputs and not d.expects]
        for game in closed:
            plans: list[str | None] = [n for n, s in model.program.strategies.items() if s.game == game]
            for under in plans or [None]:
                what = f"{spec.stem}: {game}" + (f" under {under}" if under else "")
                try:
                    found[what] = _seconds(model, game, under) - _seconds(model, game, under)
                except og.Refusal as refused:
                    found[what] = refused.diagnostics[0].code
    return found


def _warm_up(og: Any) -> None:
    """JAX's own first steps are not a spec's."""
    og.loads("channel coin() -> (heads: bool) { heads ~ bernoulli(1/2) }").run(runs=RUNS)


def _seconds(model: Any, game: str, under: str | None) -> float:
    began = time.process_time()
    model[game].run(under, runs=RUNS)
    return time.process_time() - began


if __name__ == "__main__":
    print(json.dumps(compile_all([Path(p) for p in sys.argv[1:]])))

__all__ = ["compile_all", "measure"]
