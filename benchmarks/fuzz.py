"""Does any text make the checker fail? `python -m benchmarks fuzz --seconds 600`; not among the default measurements.

Broken variants of the shipped specs are checked, by coverage-guided mutation where the package `atheris` is installed
and by plain mutation otherwise, within 5 s of processor time and 1.5 GB of address space for the process. Whatever is
found is kept below build/fuzz: the text (NAME.game) and what happened (NAME.json), one for each place in the code.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import PYTHON, Figure, Outcome

TITLE = "Broken texts"
ROOT = Path(__file__).resolve().parents[1]
STUCK = 60.0


def measure(seconds: float = 60.0, seed: int | None = None, engine: str = "", folder: Path | None = None) -> Outcome:
    """engine: `atheris`, `own`, or empty for the first that is there. seed: by default another one every time."""
    engine = engine or ("atheris" if importlib.util.find_spec("atheris") else "own")
    folder = folder or ROOT / "build" / "fuzz"
    folder.mkdir(parents=True, exist_ok=True)
    seed = time.time_ns() % 100_000 if seed is None else seed
    before = {p.stem for p in folder.glob("*.json")}
    end = time.monotonic() + seconds
    texts, slowest, rounds = 0, 0.0, 0
    while time.monotonic() < end - min(1.0, seconds / 2):
        killed = _worker(end - time.monotonic(), seed + rounds, folder, engine)
        counts = _counts(folder)
        texts, slowest = texts + counts["texts"], max(slowest, counts["slowest_seconds"])
        if killed:
            _keep(folder, killed)
        rounds += 1
    stories = {p.stem: json.loads(p.read_text()) for p in sorted(folder.glob("*.json")) if p.stem not in before}
    figures = (
        Figure("texts checked", texts, ""),
        Figure("kinds of failure found", len(stories), "", 0, "at most"),
        Figure("longest check, CPU", slowest, "s", 5.0, "at most"),
    )
    found = {name: {k: story[k] for k in ("kind", "message", "place")} for name, story in stories.items()}
    settings = {"seconds": seconds, "engine": engine, "seed": seed, "processes": rounds}
    return Outcome("fuzz", TITLE, figures, settings, {"found": found})


def _worker(seconds: float, seed: int, folder: Path, engine: str) -> str:
    """Run one process to its end; why it died before its time, or nothing."""
    (folder / "counts").unlink(missing_ok=True)
    command = [PYTHON, "-m", "benchmarks.fuzz_worker", str(seconds), str(seed), str(folder), engine]
    with (folder / "log").open("w") as log:
        child = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, env=dict(os.environ))
        try:
            status = _watched(child, folder / "text", seconds)
        finally:
            child.kill()
            child.wait()
    if status is None:
        return f"stuck for {STUCK:.0f} s"
    if _counts(folder).get("done"):
        return ""
    return f"the process ended with {status}: {(folder / 'log').read_text(errors='replace')[-500:]}"


def _watched(child: subprocess.Popen[bytes], current: Path, seconds: float) -> int | None:
    """The exit status; `None` if one and the same text has been checked for `STUCK` seconds of the wall clock."""
    began = time.time()
    while True:
        try:
            return child.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            latest = max(began, current.stat().st_mtime if current.exists() else 0.0)
            if time.time() - latest > STUCK:
                return None


def _counts(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / "counts").read_text()))
    except FileNotFoundError:
        return {"texts": 0, "slowest_seconds": 0.0}


def _keep(folder: Path, why: str) -> None:
    """The text that was being checked when its process died."""
    text = (folder / "text").read_bytes() if (folder / "text").exists() else b""
    name = f"killed{len(list(folder.glob('killed*.json'))) + 1}"
    (folder / f"{name}.game").write_bytes(text)
    story = {"kind": "Killed", "message": why[:300], "place": "", "trace": why}
    (folder / f"{name}.json").write_text(json.dumps(story, indent=2) + "\n")


__all__ = ["measure"]
