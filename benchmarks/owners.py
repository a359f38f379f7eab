"""An owner around ERCOT's clearing: a day planned by dynamic programming, and a day played two thousand times.

The text is the example `06_ercot.game`: 24 hours, 231 quotes, 15 slices of the noise, so many points of the charge; every hour all of
their combinations are cleared, each with its prices. The peer of the clearing itself is HiGHS, warm, one member after the other, on
members of the same hour, each with its certificate; it decides no ties, so that only costs are compared.

Time is that of the whole question: reading the text is not in it, recognising the clearing, compiling and playing the plan are.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Figure, Outcome, in_turns, times_faster
from opengames.clearings import clearings
from opengames.session import Model, loads
from opengames.solvers.cleared import cleared
from opengames.solvers.clearing.highs import Highs
from opengames.solvers.clearing.ties import Ties

TITLE = "An owner around a clearing"
TEXT = Path(__file__).resolve().parents[1] / "specs" / "examples" / "06_ercot.game"
#: A day with a valley at night and a peak in the afternoon [MW].
DEMAND = tuple(round(700 + 200 * float(np.sin((t - 9) / 12 * np.pi))) for t in range(24))


def measure(points: tuple[int, ...] = (9, 25), members: int = 2_000, repeats: int = 3) -> Outcome:
    """points: of the charge, each a plan. members: of one hour, for the peer."""
    figures: list[Figure] = []
    details: dict[str, Any] = {}
    wanted = {9: 30.0, 25: 90.0}
    for k in points:
        model = _asked(f"best_response(Day, owner) by dynamic_programming[points = {k}]")
        found, seconds = _timed(model)
        plan = found.value
        figures.append(Figure(f"a day planned on {k} points of charge", seconds, "s of CPU", wanted.get(k), "at most"))
        played = plan.rehearsed
        details[f"{k} points"] = {
            "value": plan.value, "played": played.mean, "plus or minus": played.half, "said": [x for x in found.because if "cleared" in x],
        }  # fmt: skip
        figures.append(Figure(f"{k} points: what the plan earns, played, of what the grid promises", played.mean / plan.value, ""))
    found, seconds = _timed(_asked("cvar(profit, 5%) of Day under lazy by simulate[runs = 2_000]"))
    figures.append(Figure("2,000 days played", seconds, "s of CPU", 5.0, "at most"))
    figures += _against_highs(members, repeats, details)
    settings = {"hours": 24, "quotes": 231, "slices": 15, "members": members, "repeats": repeats}
    return Outcome("owners", TITLE, tuple(figures), settings, details)


def _asked(question: str) -> Model:
    return loads(f"{TEXT.read_text(encoding='utf-8')}\nquery asked = {question}\n", demand=list(DEMAND))


def _timed(model: Model) -> tuple[Any, float]:
    began = time.process_time()
    found = model.query("asked")
    return found, time.process_time() - began


def _against_highs(members: int, repeats: int, details: dict[str, Any]) -> list[Figure]:
    """Members of one hour: every quote, loads in slices and charges at points, so many of them taken at random."""
    program = _asked("E(profit) of Day under lazy").program
    (ready,) = clearings(cleared(program, "Day"))
    clearing: Any = ready.clearing
    data = _members(clearing, members)
    ties, one = Ties(clearing.moving, clearing.asked(clearing.read)), Highs(clearing.moving.at(data[0]))
    cold = min(in_turns({"first": lambda: Ties(clearing.moving, clearing.asked(clearing.read)).solve(data)}, repeats)["first"])
    ties.solve(data)
    times = in_turns({"ours": lambda: ties.solve(data), "HiGHS": lambda: _one_by_one(one, clearing.moving, data)}, repeats)
    mine = ties.solve(data)
    cost = clearing.moving.program.cost + (clearing.moving.cost_by @ data.T).T
    costs = np.array([_cost(one, clearing.moving, row) for row in data])
    details["regions"] = len(ties._regions.known) if ties._regions is not None else 0
    each = {who: 1e6 * min(times[who]) / members for who in times}
    error = float(abs((cost * mine.x).sum(axis=1) - costs).max())
    return [
        Figure("a member cleared in a batch, against warm HiGHS one by one", times_faster(times["ours"], times["HiGHS"]), "times faster",
               5.0, "at least", each["ours"], each["HiGHS"], "us of CPU"),
        Figure("the same where nothing has been learned yet", 1e6 * cold / members, "us of CPU each"),
        Figure("largest difference of the cost of a member", error, "$/h", 1e-6, "at most"),
        Figure("members certified", float((mine.residual <= 1e-9).mean()), "of all", 1.0),
    ]  # fmt: skip


def _members(clearing: Any, members: int) -> np.ndarray:
    """Data in the clearing's order, told apart by what they move: costs (bid, offer), else the load and the charge."""
    rng = np.random.default_rng(0)
    quotes = np.sort(rng.integers(0, 21, (members, 2)) * 5.0, axis=1)
    loads_, charge = 850.0 + 20.0 * rng.choice(np.linspace(-1.8, 1.8, 15), members), rng.choice(np.linspace(0, 400, 25), members)
    columns = []
    for term in clearing.data:
        said = str(term)
        if "load" in said:
            columns.append(loads_)
        elif "soc" in said:
            columns.append(charge)
        else:
            columns.append(quotes[:, 0 if "position=0" in said else 1])
    return np.column_stack(columns)


def _one_by_one(engine: Highs, moving: Any, data: np.ndarray) -> None:
    for row in data:
        _cost(engine, moving, row)


def _cost(engine: Highs, moving: Any, row: np.ndarray) -> float:
    here = moving.at(row)
    engine.change(cost=here.cost, row_lower=here.row_lower, row_upper=here.row_upper, lower=here.lower, upper=here.upper)
    found = engine.solve()
    assert found.solved
    return float(here.cost @ found.x)
