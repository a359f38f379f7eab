"""What every measurement shares: contestants that take turns, figures with their targets, and the facts of the machine.

Only ratios between contestants of one run mean anything: the machine may be shared, slow, or fast. So contestants take
turns, time is processor time where the work is in this process, and a ratio is the median over the turns.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

LIBRARIES = ("opengames", "lark", "numpy", "jax", "highspy", "pypsa", "agentpy", "pyagrum", "mbi", "pgmpy")


@dataclass(frozen=True)
class Figure:
    """One number that is reported. ours, theirs: what it was made from, in `each`; wanted: the target, if there is one."""

    what: str
    value: float
    unit: str = "times"
    wanted: float | None = None
    sense: Literal["at least", "at most"] = "at least"
    ours: float | None = None
    theirs: float | None = None
    each: str = ""

    @property
    def met(self) -> bool | None:
        if self.wanted is None:
            return None
        return self.value >= self.wanted if self.sense == "at least" else self.value <= self.wanted


@dataclass(frozen=True)
class Outcome:
    """A measurement. settings: sizes and repeats; details: whatever else is worth keeping, as plain data."""

    name: str
    title: str
    figures: tuple[Figure, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def missed(self) -> tuple[Figure, ...]:
        return tuple(f for f in self.figures if f.met is False)

    def to_dict(self) -> dict[str, Any]:
        figures = [{k: v for k, v in asdict(f).items() if v is not None and v != ""} | _verdict(f) for f in self.figures]
        return {
            "name": self.name, "title": self.title, "settings": dict(self.settings), "figures": figures,
            "details": dict(self.details), "machine": machine(),
        }  # fmt: skip


def _verdict(figure: Figure) -> dict[str, Any]:
    return {} if figure.met is None else {"met": figure.met}


def in_turns(
    contestants: Mapping[str, Callable[[], object]], repeats: int, inner: Mapping[str, int] | int = 1
) -> dict[str, list[float]]:
    """Processor seconds for each call, one entry for each turn. inner: calls for one turn, for all or by name."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(repeats):
        for name, call in contestants.items():
            many = inner if isinstance(inner, int) else inner[name]
            began = time.process_time()
            for _ in range(many):
                call()
            times[name].append((time.process_time() - began) / many)
    return times


def times_faster(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median over turns of their time by ours."""
    return statistics.median(b / a for a, b in zip(ours, theirs, strict=True))


def growth(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """The exponent $e$ of seconds $\\sim$ size$^e$, least squares on logarithms; 1 is linear.

    >>> round(growth([1, 2, 4], [3, 6, 12]), 6)
    1.0
    """
    from math import log

    fitted = statistics.linear_regression([log(s) for s in sizes], [log(s) for s in seconds])
    return fitted.slope


def machine() -> dict[str, Any]:
    """What the numbers were made on, without names of hosts or folders."""
    found = {}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "absent"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "python": platform.python_version(), "system": platform.system(), "architecture": platform.machine(),
        "cores": cores, "libraries": found,
    }  # fmt: skip


def process(command: Sequence[str], **environment: str) -> tuple[float, float]:
    """Wall seconds and processor seconds of a whole process. Raises `RuntimeError` with what it printed if it fails."""
    import resource
    import subprocess

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} exits with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


PYTHON = sys.executable

__all__ = ["PYTHON", "Figure", "Outcome", "growth", "in_turns", "machine", "process", "times_faster"]
