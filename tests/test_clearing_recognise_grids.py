"""Grids written as texts: angles and flows of a random network against a program built bus by bus, and how long reading takes."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from clearing_texts import clearing_of, data_of, named, solved
from scipy.optimize import linprog

from opengames.clearings import SOLVED
from opengames.diagram import Decide
from opengames.session import loads
from opengames.solvers.clearing.clearing import Cleared
from opengames.solvers.clearing.highs import solve
from opengames.solvers.clearing.kinks import are_unique


def grid(buses, lines, units, seed):
    """Numbers of a connected network: (tail, head, reactance, limit) of lines, (bus, cap, cost) of units."""
    r = random.Random(seed)
    ends = [(i, r.randrange(i)) for i in range(1, buses)]
    while len(ends) < lines:
        ends.append(tuple(r.sample(range(buses), 2)))
    line = [(a, b, r.randint(5, 60) / 1000, r.randint(40, 120)) for a, b in ends]
    unit = [(r.randrange(buses), r.randint(60, 200), r.randint(100, 6000) / 100) for _ in range(units)]
    return line, unit


def written(buses, line, unit):
    rows = "\n".join(f"    | L{k} || B{a} | B{b} | {x} | {f} |" for k, (a, b, x, f) in enumerate(line))
    units = "\n".join(f"    | G{k} || B{b} | {cap} | {cost} |" for k, (b, cap, cost) in enumerate(unit))
    return f"""
type Bus  = {" | ".join(f"B{i}" for i in range(buses))}
type Line = {" | ".join(f"L{i}" for i in range(len(line)))}
type Gen  = {" | ".join(f"G{i}" for i in range(len(unit)))}
player op
param line: (tail: Bus, head: Bus, reactance: real, limit: real)[Line] = table {{
    | Line || tail | head | reactance | limit |
{rows}
}}
param gen: (bus: Bus, cap: real, cost: real)[Gen] = table {{
    | Gen || bus | cap | cost |
{units}
}}
game Market(load: real[Bus]) {{
    for l in Line {{ flow = (angle[line[l].tail] - angle[line[l].head]) / line[l].reactance }}
    for b in Bus {{
        supply  = sum(p[g] for g in Gen if gen[g].bus == b)
        leaving = sum(flow[l] for l in Line if line[l].tail == b) - sum(flow[l] for l in Line if line[l].head == b)
    }}
    decide p: real[Gen], angle: real[Bus], cut: real[Bus] by op seeing load
        earning -sum(gen[g].cost * p[g] for g in Gen) - sum(1000 * cut[b] for b in Bus)
        subject to {{
            balance[b in Bus]:  load[b] + leaving[b] == supply[b] + cut[b]
            thermal[l in Line]: abs(flow[l]) <= line[l].limit
            slack:              angle[B0] == 0
            range[g in Gen]:    0 <= p[g] <= gen[g].cap
            shed[b in Bus]:     0 <= cut[b]
        }}
    lmp = [dual(balance[b]) for b in Bus]
    sp  = [dual(thermal[l]) for l in Line]
}}
"""


def by_loops(buses, line, unit, load):
    """The same program entry by entry; (cost, prices of load)."""
    n = len(unit) + 2 * buses
    angle, cut = len(unit), len(unit) + buses
    equal, upper = np.zeros((buses + 1, n)), np.zeros((2 * len(line), n))
    for g, (b, _, _) in enumerate(unit):
        equal[b, g] = 1
    for b in range(buses):
        equal[b, cut + b] = 1
    for k, (a, b, x, _) in enumerate(line):
        for bus, sign in ((a, -1), (b, 1)):
            equal[bus, angle + a] += sign / x
            equal[bus, angle + b] -= sign / x
        for side, sign in ((2 * k, 1), (2 * k + 1, -1)):
            upper[side, angle + a], upper[side, angle + b] = sign / x, -sign / x
    equal[buses, angle] = 1
    cost = np.array([c for _, _, c in unit] + [0.0] * buses + [1000.0] * buses)
    bounds = [(0, cap) for _, cap, _ in unit] + [(None, None)] * buses + [(0, None)] * buses
    limits = np.repeat([f for *_, f in line], 2)
    found = linprog(cost, upper, limits, equal, np.append(load, 0.0), bounds, method="highs")
    return found.fun, found.eqlin.marginals[:buses]


@pytest.mark.parametrize("seed", range(4))
def test_a_random_grid_has_the_cost_and_prices_of_a_program_built_bus_by_bus(seed):
    buses = 25
    line, unit = grid(buses, 40, 12, seed)
    program, _, cleared = clearing_of(written(buses, line, unit))
    loads = [int(v) for v in np.random.default_rng(seed).integers(5, 60, buses)]
    values = data_of(program, cleared, {"load": tuple(loads)})
    answers, status = solved(cleared, values)
    assert status == SOLVED
    here = cleared.moving.at(np.array([float(v) for v in values]))
    least, prices = by_loops(buses, line, unit, np.array(loads, float))
    found = solve(here)
    assert found.objective == pytest.approx(least)
    assert are_unique(here, found), "choose other numbers: prices at a kink cannot be compared"
    assert named(cleared, answers)["dual balance"] == pytest.approx(prices.tolist(), abs=1e-6)
    exact = named(cleared, cleared.exactly(values))
    assert [float(v) for v in exact["dual balance"]] == pytest.approx(prices.tolist(), abs=1e-6)
    # congestion rent: what loads pay beyond what units get is what lines earn
    lmp, sp = exact["dual balance"], exact["dual thermal"]
    bought = sum(p * (Load - c) for p, Load, c in zip(lmp, loads, exact["cut"], strict=True))
    sold = sum(p * lmp[b] for p, (b, _, _) in zip(exact["p"], unit, strict=True))
    assert bought - sold == sum(s * f for s, (*_, f) in zip(sp, line, strict=True))
    assert any(sp)


@pytest.mark.slow
def test_reading_a_large_grid_costs_less_than_a_fifth_of_checking_its_text():
    """2,000 buses: CPU seconds in one run, so that a slow machine is slow for both."""
    line, unit = grid(2000, 3200, 500, 1)
    begin = time.process_time()
    model = loads(written(2000, line, unit), "grid.game")
    checked = time.process_time() - begin
    diagram = model.program.diagrams["Market"]
    box = next(b for b in diagram.boxes if isinstance(b, Decide))
    params = {name: decl.value for name, decl in model.program.params.items()}
    times = []
    for _ in range(3):
        begin = time.process_time()
        cleared = Cleared(model.program, diagram, box, params)
        times.append(time.process_time() - begin)
    assert cleared.moving.program.matrix.shape == (2000 + 3200, 500 + 2000 + 2000)
    assert min(times) < checked / 5
