"""How long `opengames check` takes, as a whole process, and how its time grows with the text.

What is judged is processor time: a check has one thread, so that is what it takes by the wall on an idle core. Growth is
measured inside this process, where starting up is no part of it.

Every process finds its modules compiled, as an installation leaves them, whatever `PYTHONDONTWRITEBYTECODE` says here; how
long a check takes where ours are not (a checkout that may not be written to) is measured beside it.

Peers: a Python that does nothing, and lark alone (its own cached tables, no tree made, nothing checked) on the same text.
The limits hold for an idle core of a current machine; a shared one is slower, which the Python that does nothing shows.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.generated import text_of
from benchmarks.measure import PYTHON, Figure, Outcome, growth, in_turns, process, times_faster

TITLE = "Checking a text"
ROOT = Path(__file__).resolve().parents[1]
GRAMMAR = ROOT / "dsl" / "game.lark"
LAYERS = ("opengames", "dsl", "models", "solvers", "specs")
SIZES = (1000, 2000, 5000, 10_000)
LINES = 150

_LARK = """
import sys
from pathlib import Path
from lark import Lark
grammar, cache, text = sys.argv[1:]
parser = Lark(Path(grammar).read_text(encoding="utf-8"), parser="lalr", lexer="contextual", cache=cache)
parser.parse(Path(text).read_text(encoding="utf-8"))
"""


def measure(repeats: int = 9, sizes: Sequence[int] = SIZES, turns: int = 3) -> Outcome:
    """repeats: processes on the short text; turns: processes on the longest one, and checks of each size."""
    with tempfile.TemporaryDirectory() as folder:
        short = _processes(Path(folder), LINES, repeats)
        biggest = max(sizes)
        long = _processes(Path(folder), biggest, turns)
    growing = in_turns({str(n): _checking(n) for n in sizes}, turns)
    seconds = [min(growing[str(n)]) for n in sizes]
    wall, cpu = ([each[i] for each in short["check"]] for i in (0, 1))
    nothing = [c for _, c in short["nothing"]]
    lark = times_faster([c for _, c in long["lark"]], [c for _, c in long["check"]])
    figures = (
        Figure(f"{LINES} lines, whole process, CPU, least", min(cpu), "s", 0.3, "at most"),
        Figure(f"{LINES} lines, whole process, CPU, median", statistics.median(cpu), "s"),
        Figure(f"{LINES} lines, whole process, wall, least", min(wall), "s"),
        Figure(f"{LINES} lines, whole process, wall, median", statistics.median(wall), "s"),
        Figure(f"{LINES} lines, our modules not compiled, CPU, least", min(c for _, c in short["not compiled"]), "s"),
        Figure("share of a Python that does nothing", min(nothing) / min(cpu), "", ours=min(cpu), theirs=min(nothing), each="s of CPU"),
        Figure("share of lark alone on the same text", min(c for _, c in short["lark"]) / min(cpu), ""),
        Figure(f"{biggest:,} lines, whole process, CPU, least", min(c for _, c in long["check"]), "s", 4.0, "at most"),
        Figure(f"{biggest:,} lines, lark alone takes less by", lark),
        Figure(f"growth from {min(sizes):,} to {biggest:,} lines, as a power", growth(sizes, seconds), "", 1.15, "at most"),
    )
    details = {
        "cpu_microseconds_per_line": {str(n): round(s / n * 1e6, 1) for n, s in zip(sizes, seconds, strict=True)},
        "cpu_seconds_short": {name: [round(c, 3) for _, c in times] for name, times in short.items()},
        "wall_seconds_short": {name: [round(w, 3) for w, _ in times] for name, times in short.items()},
        "cpu_seconds_long": {name: [round(c, 3) for _, c in times] for name, times in long.items()},
    }
    return Outcome("check_speed", TITLE, figures, {"repeats": repeats, "sizes": list(sizes), "turns": turns}, details)


def _checking(lines: int) -> Callable[[], object]:
    from opengames.dsl.check import check

    text = text_of(lines)

    def run() -> None:
        found = check(text, "long.game")
        if not found.ok:
            raise AssertionError(f"the text of {lines} lines is wrong: {found.diagnostics[0].headline}")

    return run


def _processes(scratch: Path, lines: int, repeats: int) -> dict[str, list[tuple[float, float]]]:
    """(wall, CPU) seconds of whole processes that take turns."""
    text = scratch / f"{lines}.game"
    text.write_text(text_of(lines), encoding="utf-8")
    compiled, others = scratch / "compiled", scratch / f"others-{lines}"
    commands = {
        "check": _check(text),
        "nothing": [PYTHON, "-c", "pass"],
        "lark": [PYTHON, "-c", _LARK, str(GRAMMAR), str(scratch / "tables"), str(text)],
    }
    for command in commands.values():
        process(command, PYTHONPYCACHEPREFIX=str(compiled), PYTHONDONTWRITEBYTECODE="")  # tables and modules are made
    shutil.copytree(compiled, others)
    for layer in LAYERS:
        shutil.rmtree(others / ROOT.relative_to(ROOT.anchor) / layer, ignore_errors=True)
    commands["not compiled"] = commands["check"]
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            modules = others if name == "not compiled" else compiled
            found[name].append(process(command, PYTHONPYCACHEPREFIX=str(modules), PYTHONDONTWRITEBYTECODE="1"))
    return found


def _check(text: Path) -> list[str]:
    command = Path(PYTHON).with_name("opengames")
    return [*([str(command)] if command.exists() else [PYTHON, "-m", "opengames.cli"]), "check", str(text)]


__all__ = ["measure"]
