"""Estimates from runs: the sampled reading's answers to `E`, `P`, `cvar`, `variance` and `distribution`.

An interval covers the truth in about 95 of 100 cases: Wilson's for chances, the normal one for means. It
says nothing about rare events that no run met.

Source: Wilson, Probable inference (1927); Rockafellar and Uryasev, Conditional value-at-risk for general loss
distributions (2002), for the tail mean as an average.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any

from opengames.diagnostics import refuse
from opengames.diagram import Compute, Diagram, Port
from opengames.program import Program
from opengames.spaces import BOOL, REAL, Enum, Space
from opengames.terms import Ask, Prim, Term

if TYPE_CHECKING:
    import numpy as np

RUNS = 1000
SEED = 0
#: Runs that a tail must hold before its mean is estimated: with fewer, the interval says nothing.
FEWEST = 10
_Z = 1.959964
_ASKED = "asked"


@dataclass(frozen=True)
class Estimate:
    """value: the point. lower, upper: the interval. runs: those that count (that meet the evidence)."""

    value: float
    lower: float
    upper: float
    runs: int


def per_run(
    program: Program,
    diagram: Diagram,
    asked: Mapping[str, tuple[Term, Space]],
    runs: int,
    seed: int,
    params: Mapping[str, Any],
) -> dict[str, np.ndarray]:
    """The value of each term (over the wires of the diagram's top level) in each run, in base units."""
    from opengames.sampled import simulate

    boxes = tuple(Compute(Port(name, space), term) for name, (term, space) in asked.items())
    found = simulate(
        program, replace(diagram, boxes=diagram.boxes + boxes), runs=runs, seed=seed, keep=tuple(asked),
        params={n: v for n, v in params.items() if not program.params[n].static},
    )  # fmt: skip
    return {name: found.columns[name].data for name in asked}


def estimate(
    program: Program, diagram: Diagram, ask: Ask, params: Mapping[str, Any], runs: int = RUNS, seed: int = SEED
) -> Estimate:
    """`E`, `P`, `cvar` or `variance` from `runs` runs. Raises `Refusal`, `impossible-evidence` if no run meets it."""
    x, *rest = ask.args
    if ask.op not in ("E", "P", "cvar", "variance"):
        raise refuse("not-yet", f"`{ask.op}` is not estimated from runs", span=ask.at)
    asked: dict[str, tuple[Term, Space]] = {_ASKED: (Prim("ind", (x,)) if ask.op == "P" else x, REAL)}
    if ask.op != "cvar":
        asked |= {f"{_ASKED} given {i}": (e, BOOL) for i, e in enumerate(rest)}
    found = per_run(program, diagram, asked, runs, seed, params)
    values = meeting(found.pop(_ASKED), found.values(), ask).astype(float)
    if ask.op == "P":
        return proportion(int(values.sum()), len(values))
    if ask.op == "cvar":
        from opengames.evaluate import evaluate

        level = float(evaluate(rest[0], {}, program.funs, params))
        if not 0 < level <= 1:
            raise refuse("outside-domain", f"the tail of `cvar` is a share above 0 and up to 1, not {level:g}", span=ask.at)
        if level * len(values) < FEWEST:
            raise refuse(
                "tail-too-thin",
                f"the lowest {level:g} of {len(values):,} runs is {level * len(values):.2g} runs, too few to average",
                span=ask.at,
                help=f"make at least {ceil(FEWEST / level):,} runs, or ask the exact reading",
            )
        return tail(values, level)
    return mean((values - values.mean()) ** 2 if ask.op == "variance" else values)


def distribution(
    program: Program, diagram: Diagram, ask: Ask, space: Space, params: Mapping[str, Any], runs: int, seed: int
) -> tuple[tuple[tuple[Any, float], ...], int]:
    """Values of a scalar term with their shares among the runs that meet the evidence, and how many those are."""
    term, *evidence = ask.args
    given = {f"{_ASKED} given {i}": (e, BOOL) for i, e in enumerate(evidence)}
    found = per_run(program, diagram, {_ASKED: (term, space), **given}, runs, seed, params)
    listed = meeting(found.pop(_ASKED), found.values(), ask).tolist()
    labelled = [space.labels[i] for i in listed] if isinstance(space, Enum) else listed
    return frequencies(labelled), len(listed)


def meeting(values: np.ndarray, evidence: Iterable[np.ndarray], ask: Ask) -> np.ndarray:
    """The values of the runs in which all evidence is true. Raises `Refusal` (`impossible-evidence`) if none is left."""
    left = values
    held = list(evidence)
    if held:
        import numpy as np

        left = values[np.logical_and.reduce(held)]
    if not len(left):
        raise refuse("impossible-evidence", f"none of {len(values):,} runs meets the condition", span=ask.at,
                     help="ask for more runs, or ask the exact reading")  # fmt: skip
    return left


def mean(values: np.ndarray) -> Estimate:
    """The mean and its normal interval."""
    n, middle = len(values), float(values.mean())
    half = _Z * float(values.std(ddof=1)) / sqrt(n) if n > 1 else float("inf")
    return Estimate(middle, middle - half, middle + half, n)


def tail(values: np.ndarray, level: float) -> Estimate:
    """The mean of the lowest share `level`, as the average of $q - (q - x)^+ / level$ at the quantile $q$."""
    import numpy as np

    quantile = float(np.quantile(values, level, method="inverted_cdf"))
    return mean(quantile - np.maximum(quantile - values, 0) / level)


def proportion(hits: int, n: int) -> Estimate:
    """A chance and Wilson's interval."""
    p = hits / n
    centre = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z * sqrt(p * (1 - p) / n + _Z**2 / (4 * n * n)) / (1 + _Z**2 / n)
    return Estimate(p, max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half)), n)


def frequencies(values: Any) -> tuple[tuple[Any, float], ...]:
    """Values with their shares, in order of value."""
    counts = Counter(values)
    total = sum(counts.values())
    return tuple((v, counts[v] / total) for v in sorted(counts, key=lambda v: (str(type(v)), v)))
