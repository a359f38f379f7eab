"""Clearing case118 again and again: one warm solve, and a thousand load scenarios with prices, against bare HiGHS.

The network is the 118-bus case of MATPOWER as PYPOWER has it. The case has no line limits, so the most loaded lines get one
a little above their flow at the case's own load, and several bind. Costs are its quadratic ones, or these in four steps. Loads move by up
to 10 % at every bus, independently, or all together with 1 % of their own.

The peer is highspy without anything around it: bounds of rows changed, the warm simplex run, points and duals taken. Both
contestants solve the same members; prices at buses are compared where they are unique.
"""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.measure import Figure, Outcome, in_turns
from opengames.solvers.clearing.batch import Batch
from opengames.solvers.clearing.highs import Highs, solve
from opengames.solvers.clearing.program import Moving, Program

TITLE = "Clearing 118 buses"


def measure(repeats: int = 5, members: int = 1_000, quadratic_members: int = 60) -> Outcome:
    """members: load scenarios. quadratic_members: those of the program with quadratic costs, which HiGHS solves far slower."""
    figures: list[Figure] = []
    details: dict[str, Any] = {}
    moving, factors, load = case118(steps=4)
    rng = np.random.default_rng(0)
    few = _independent(rng, load, 100)
    bare, warm = _Bare(moving), Highs(moving.at(load))
    # our own engine is to add little to what it calls
    times = in_turns({"bare": lambda: bare.all(few), "ours": lambda: _one_by_one(warm, moving, few)}, repeats)
    figures.append(_ratio("a warm solve with its certificate, against bare HiGHS", times, "ours", "bare", len(few), 1.5))
    for word, draw in (("independent", _independent), ("correlated", _correlated)):
        figures += _thousand(word, moving, factors, lambda draw=draw: draw(rng, load, members), repeats, details)
    for word, margin in (("wider limits", 1.1), ("tight limits", 1.03)):
        curved, _, _ = case118(steps=0, margin=margin)
        data = _independent(rng, load, quadratic_members)
        batch, one = Batch(curved), Highs(curved.at(load))
        batch.solve(_independent(rng, load, quadratic_members))
        batch.solve(data, compiled=True)
        contest = {
            "bare": lambda one=one, curved=curved, data=data: _one_by_one(one, curved, data), "ours": lambda batch=batch, data=data: batch.solve(data),
            "compiled": lambda batch=batch, data=data: batch.solve(data, compiled=True),
        }  # fmt: skip
        times = in_turns(contest, min(3, repeats))
        what = f"quadratic costs, {word}"
        figures.append(_faster(f"{what}, against HiGHS one by one", times, len(data), None))
        figures.append(_faster(f"{what}, compiled by JAX, the same", {"ours": times["compiled"], "bare": times["bare"]}, len(data), None))
        many, compiled = batch.solve(data), batch.solve(data, compiled=True)
        details[what] = {"engines": many.engines(), "compiled": compiled.engines()}
        certified = float(min(many.solved.mean(), compiled.solved.mean()))
        figures.append(Figure(f"{what}: members certified", certified, "of all", 1.0))
    settings = {"members": members, "quadratic members": quadratic_members, "repeats": repeats, "columns": len(moving.program.cost)}
    return Outcome("clearing", TITLE, tuple(figures), settings, details)


def _thousand(word: str, moving: Moving, factors: np.ndarray, draw: Any, repeats: int, details: dict[str, Any]) -> list[Figure]:
    bare, batch = _Bare(moving), Batch(moving)
    first, data = draw(), draw()
    cold = min(in_turns({"first": lambda: Batch(moving).solve(first)}, 3)["first"])
    batch.solve(first)
    times = in_turns({"bare": lambda: bare.all(data), "ours": lambda: batch.solve(data)}, repeats)
    many = batch.solve(data)
    _, rows = bare.all(data)
    mine, theirs = (y[:, :1] + y[:, 1:] @ factors for y in (many.y, rows))
    found = many.solved & many.unique
    error = float(abs(mine - theirs)[found].max(initial=0.0))
    details[word] = {
        "engines": many.engines(), "unique": float(many.unique.mean()), "binding lines": float((abs(many.y[:, 1:]) > 1e-6).sum(1).mean()),
        "largest residual": float(many.residual.max()), "largest difference where prices may not be unique": float(abs(mine - theirs).max()),
    }  # fmt: skip
    return [
        _faster(f"{word} loads, against bare HiGHS one by one", times, len(data), 5.0),
        Figure(f"{word} loads: the first call, which has learned nothing yet", 1e6 * cold / len(data), "us of CPU each"),
        Figure(f"{word} loads: largest error of a price at a bus", error, "$/MWh", 1e-3, "at most"),
        Figure(f"{word} loads: members certified", float(many.solved.mean()), "of all", 1.0),
    ]


def _faster(what: str, times: dict[str, list[float]], members: int, wanted: float | None) -> Figure:
    ratio = statistics.median(b / a for a, b in zip(times["ours"], times["bare"], strict=True))
    mine, theirs = (1e6 * statistics.median(times[who]) / members for who in ("ours", "bare"))
    return Figure(what, ratio, "times faster", wanted, "at least", mine, theirs, "us of CPU")


def _ratio(what: str, times: dict[str, list[float]], ours: str, theirs: str, members: int, wanted: float) -> Figure:
    ratio = statistics.median(a / b for a, b in zip(times[ours], times[theirs], strict=True))
    mine, other = (1e6 * statistics.median(times[who]) / members for who in (ours, theirs))
    return Figure(what, ratio, "times its time", wanted, "at most", mine, other, "us of CPU")


def _independent(rng: np.random.Generator, load: np.ndarray, members: int) -> np.ndarray:
    return load * (1.0 + 0.1 * rng.uniform(-1, 1, (members, len(load))))


def _correlated(rng: np.random.Generator, load: np.ndarray, members: int) -> np.ndarray:
    return load * (1.0 + 0.1 * rng.uniform(-1, 1, (members, 1))) * (1.0 + 0.01 * rng.uniform(-1, 1, (members, len(load))))


class _Bare:
    """highspy alone. Programs are worked out before the clock starts."""

    def __init__(self, moving: Moving) -> None:
        self.moving, self._known = moving, {}
        start = Highs(moving.program)
        self.engine = start.engine
        self.engine.run()

    def all(self, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        key = data.tobytes()[:256]
        if key not in self._known:
            moved = (self.moving.row_by @ data.T).T
            here = self.moving.program
            self._known[key] = (here.row_lower + moved, here.row_upper + moved)
        lower, upper = self._known[key]
        index = np.arange(lower.shape[1], dtype=np.int32)
        points, prices = [], []
        for low, high in zip(lower, upper, strict=True):
            self.engine.changeRowsBounds(len(index), index, low, high)
            self.engine.run()
            found = self.engine.getSolution()
            points.append(np.array(found.col_value))
            prices.append(np.array(found.row_dual))
        return np.array(points), np.array(prices)


def _one_by_one(engine: Highs, moving: Moving, data: np.ndarray) -> None:
    moved = (moving.row_by @ data.T).T
    here = moving.program
    for rows in moved:
        engine.change(row_lower=here.row_lower + rows, row_upper=here.row_upper + rows)
        assert engine.solve().solved


def case118(steps: int, margin: float = 1.03, limited: int = 40) -> tuple[Moving, np.ndarray, np.ndarray]:
    """The case as a program whose data are loads [MW] by bus; shift factors (lines, buses); the loads of the case. steps: of the cost of
    each unit, 0 for the quadratic itself. limited: so many lines have a limit, `margin` times their flow in the case."""
    from pypower.api import case118 as case

    made = case()
    buses, lines, units, costs = made["bus"], made["branch"], made["gen"], made["gencost"]
    place = {int(b): i for i, b in enumerate(buses[:, 0])}
    tail, head = (np.array([place[int(b)] for b in lines[:, k]]) for k in (0, 1))
    across = np.zeros((len(lines), len(buses)))
    across[np.arange(len(lines)), tail], across[np.arange(len(lines)), head] = 1.0, -1.0
    flows = across / lines[:, [3]]
    factors = np.zeros_like(across)
    factors[:, 1:] = flows[:, 1:] @ np.linalg.inv((across.T @ flows)[1:, 1:])
    factors[abs(factors) < 1e-12] = 0.0
    pieces = max(1, steps)
    unit, piece = np.repeat(np.arange(len(units)), pieces), np.tile(np.arange(pieces), len(units))
    width = units[unit, 8] / pieces
    square, slope = costs[unit, 4], costs[unit, 5]
    curved = sparse.csc_array(sparse.diags_array(2.0 * square)) if not steps else None
    cost = slope if not steps else slope + 2.0 * square * (piece + 0.5) * width
    at = np.array([place[int(b)] for b in units[unit, 0]])
    matrix = sparse.csr_array(np.vstack([np.ones(len(unit)), factors[:, at]]))
    load = buses[:, 2]
    by = sparse.csr_array(np.vstack([np.ones(len(load)), factors]))
    endless = np.full(len(lines), np.inf)

    def moving(limit: np.ndarray) -> Moving:
        bounds = np.concatenate([[0.0], limit])
        program = Program(cost, matrix, -bounds, bounds, np.zeros(len(unit)), width, curved)
        none = sparse.csr_array((len(unit), len(load)))
        return Moving(program, none, by, none, none, np.zeros(len(load)))

    flow = abs(matrix[1:] @ solve(moving(endless).at(load)).x - factors @ load)
    return moving(np.where(flow >= np.sort(flow)[-limited], margin * flow, np.inf)), factors, load


__all__ = ["case118", "measure"]
