"""Ensembles on the model of Lorenz: how far off, how often lost, with and without localisation. `python -m benchmarks lorenz`.

Forty cells on a ring, chaotic; each cell is observed with deviation 1 every 0.05 units of time. Twins: a play of the channel is
the truth, its readings are the evidence, and the filter has the channel itself. The error is the root mean square
over cells and the second half of the rounds; a twin is lost where it is above 1, that of the readings themselves.

Source: Lorenz, Predictability: a problem partly solved (1996), for the model; published errors of ensembles of this kind, localised
or large, lie between 0.18 and 0.3.
"""

from __future__ import annotations

from benchmarks.measure import Figure, Outcome

TITLE = "Ensembles on the model of Lorenz"

TEXT = """
type Cell = 1..40
type T = 1..{rounds}

fun slope(x: real[Cell]) -> real[Cell] =
    [(x[if c == 40 then 1 else c + 1] - x[if c <= 2 then c + 38 else c - 2]) * x[if c == 1 then 40 else c - 1] - x[c] + 8 for c in Cell]
fun moved(x: real[Cell], k: real[Cell], h: real) -> real[Cell] = [x[c] + h * k[c] for c in Cell]

channel weather() -> (x: real[T, Cell], y: real[T, Cell]) {{
    for c in Cell {{ begin ~ normal(8, 2) }}
    for t in T carrying s = begin {{
        k1 = slope(s)
        k2 = slope(moved(s, k1, 0.025))
        k3 = slope(moved(s, k2, 0.025))
        k4 = slope(moved(s, k3, 0.05))
        x = [s[c] + 0.05 / 6 * (k1[c] + 2 * k2[c] + 2 * k3[c] + k4[c]) for c in Cell]
        for c in Cell {{ y ~ normal(x[c], 1) }}
        next s = x
    }}
}}
"""
OPTIONS = (
    "members = 20",
    "members = 20, inflation = 1.04",
    "members = 20, radius = 12, ring = true",
    "members = 20, inflation = 1.04, radius = 12, ring = true",
    "members = 10, inflation = 1.06, radius = 8, ring = true",
    "members = 60, inflation = 1.04",
)
#: Bars for what is localised and inflated: the median error, and the share that is lost.
ERROR, LOST = 0.3, 0.02


def measure(rounds: int = 200, twins: int = 50, options: tuple[str, ...] = OPTIONS) -> Outcome:
    """The median error, the share of twins lost, and in how many the alarm went off, for each set of options."""
    figures: list[Figure] = []
    details = {}
    for each in options:
        error, lost, alarm = tried(each, rounds, twins)
        details[each] = {"median error": error, "lost": lost, "alarm": alarm}
        good = "radius" in each and "inflation" in each
        figures.append(Figure(f"median error, {each}", error, "of a reading's", ERROR if good else None, "at most"))
        figures.append(Figure(f"lost, {each}", lost, "of the twins", LOST if good else None, "at most"))
    return Outcome("lorenz", TITLE, tuple(figures), {"rounds": rounds, "twins": twins}, details)


def tried(options: str, rounds: int, twins: int) -> tuple[float, float, float]:
    """The median error, the share lost, and the share in which the alarm went off."""
    import numpy as np

    from opengames.sampled import simulate
    from opengames.session import loads
    from opengames.solvers.recognition.diagnosis import diverged
    from opengames.solvers.recognition.recognise import prepared

    text = f"{TEXT.format(rounds=rounds)}\nrecognition r(y: real[T, Cell]) -> (x: real[T, Cell]) of weather by enkf[{options}]"
    program = loads(text, "lorenz.game").program
    plays = simulate(program, program.diagrams["weather"], runs=twins, seed=3, keep=("x", "y"))
    truth, readings = plays.columns["x"].data, plays.columns["y"].data
    found = prepared(program, program.recognitions["r"]).run(1, np.arange(twins), {}, {"y": [readings]})
    late = (found.beliefs["x"].mean() - truth)[:, rounds // 2 :]
    error = np.sqrt((late**2).mean((1, 2)))
    return float(np.median(error)), float((error > 1).mean()), float(diverged(found).mean())
