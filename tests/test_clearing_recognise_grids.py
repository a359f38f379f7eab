"""Grids written as texts: angles and flows of a random network against a program built bus by bus, and how long reading takes."""

from __future__ import annotations

import random
import time
from fractions import Fraction

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


def test_members_of_a_grid_are_alone_as_they_are_together():
    """Few members of a large program go to a warm engine, many are solved side by side; equal units and full ones are ties."""
    buses = 30
    line, unit = grid(buses, 50, 16, 7)
    line = [(a, b, x, 9999) for a, b, x, _ in line]
    unit = [(b, 100 * (cap // 60 + 1), 5.0 * round(cost / 5)) for b, cap, cost in unit]
    _, _, cleared = clearing_of(written(buses, line, unit))
    rng = np.random.default_rng(6)
    data = rng.integers(0, 3, (12, buses)) * 100.0
    together, status = cleared.solve(data)
    assert (status == SOLVED).all()
    kinks = 0
    for row, found in zip(data, together, strict=True):
        alone, _ = cleared.solve(row[None])
        assert alone[0] == pytest.approx(found, abs=1e-6)
        here = cleared.moving.at(row)
        kinks += not are_unique(here, solve(here))
    assert cleared.tally.engines["HiGHS"] >= 12
    exact = cleared.exactly([Fraction(int(v)) for v in data[0]])
    assert together[0] == pytest.approx([float(v) for v in exact], abs=1e-6)
    assert kinks, "choose rounder numbers"


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


# --------------------------------------------------------------------------- several hours at once

HOURS = """
type Hour = 1..5
type Gen  = Coal | Gas
type Bat  = X | Y
player op
param cost: real[Gen] = [Coal: 10, Gas: 31]
param cap:  real[Gen] = [Coal: 53, Gas: 100]
param ramp: real[Gen] = [Coal: 7, Gas: 40]
param eff:  real[Bat] = [X: 0.9, Y: 0.8]
game Market(load: real[Hour], start: real[Bat]) {
    for t in Hour {
        total = sum(p[t, g] for g in Gen)
        for b in Bat { net = dis[t, b] - ch[t, b] }
        stored = sum(net[b] for b in Bat)
        spent  = sum(cost[g] * p[t, g] for g in Gen)
    }
    for b in Bat {
        for t in Hour carrying e = start[b] {
            level = e + ch[t, b] * eff[b] - dis[t, b]
            next e = level
        }
        final = level[5]
    }
    decide p: real[Hour, Gen], ch: [0, 10][Hour, Bat], dis: [0, 10][Hour, Bat], short: real[Hour]
        by op seeing load, start
        earning -sum(spent[t] + 500 * short[t] for t in Hour) + 5 * sum(final[b] for b in Bat)
        subject to {
            balance[t in Hour]:           load[t] == total[t] + stored[t] + short[t]
            range[t in Hour, g in Gen]:   0 <= p[t, g] <= cap[g]
            up[t in Hour, g in Gen]:      t > 1 implies p[t, g] - p[t - 1, g] <= ramp[g]
            store[b in Bat, t in Hour]:   0 <= level[b, t] <= 20
            some[t in Hour]:              0 <= short[t]
        }
    price = [dual(balance[t]) for t in Hour]
    climb = [dual(up[t, g]) for t in Hour, g in Gen]
}
"""


def over_hours(load, start, looser=None):
    """The least cost of the same hours, written out; looser: (hour, unit, amount) on a ramp."""
    hours, cost, cap, ramp, eff = 5, (10, 31), (53, 100), (7, 40), (0.9, 0.8)
    names = [("p", t, g) for t in range(hours) for g in range(2)]
    names += [(k, t, b) for k in ("ch", "dis") for t in range(hours) for b in range(2)]
    names += [("short", t, 0) for t in range(hours)]
    at = {name: i for i, name in enumerate(names)}
    c, bounds = np.zeros(len(names)), []
    for kind, t, k in names:
        c[at[kind, t, k]] = {"p": cost[k], "ch": -5 * eff[k], "dis": 5, "short": 500}[kind]
        bounds.append({"p": (0, cap[k]), "short": (0, None)}.get(kind, (0, 10)))
    equal, upper, right = [], [], []
    for t in range(hours):
        row = np.zeros(len(names))
        for g in range(2):
            row[at["p", t, g]] = 1
            row[at["dis", t, g]], row[at["ch", t, g]] = 1, -1
        row[at["short", t, 0]] = 1
        equal.append(row)
    for t in range(1, hours):
        for g in range(2):
            row = np.zeros(len(names))
            row[at["p", t, g]], row[at["p", t - 1, g]] = 1, -1
            upper.append(row)
            right.append(ramp[g] + (looser[2] if looser is not None and looser[:2] == (t, g) else 0))
    for b in range(2):
        for t in range(hours):
            row = np.zeros(len(names))
            for s in range(t + 1):
                row[at["ch", s, b]], row[at["dis", s, b]] = eff[b], -1
            upper += [row, -row]
            right += [20 - start[b], start[b]]
    found = linprog(c, np.array(upper), np.array(right, float), np.array(equal), np.array(load, float), bounds, method="highs")
    return found.fun - 5 * sum(start), found.eqlin.marginals


@pytest.mark.parametrize(("load", "start"), [((31, 60, 91, 44, 120), (5, 0)), ((20, 35, 48, 99, 62), (3, 11))])
def test_hours_with_ramps_and_batteries_clear_as_when_written_out(load, start):
    program, _, cleared = clearing_of(HOURS)
    values = data_of(program, cleared, {"load": load, "start": start})
    answers, status = cleared.solve(np.array([[float(v) for v in values]]))
    assert status[0] == SOLVED
    here = cleared.moving.at(np.array([float(v) for v in values]))
    least, _ = over_hours(load, start)
    assert solve(here).objective == pytest.approx(least)
    found = named(cleared, answers[0])
    h = 1e-3
    for t in range(5):
        prices = [(least - over_hours([v - h * s * (k == t) for k, v in enumerate(load)], start)[0]) / (h * s) for s in (1, -1)]
        assert min(prices) - 1e-5 <= found["dual balance"][t] <= max(prices) + 1e-5
        for g in range(2):
            climb = found["dual up"][2 * t + g]
            if t == 0:
                assert climb == 0
                continue
            worth = [(least - over_hours(load, start, (t, g, s * h))[0]) / (s * h) for s in (1, -1)]
            assert min(worth) - 1e-5 <= climb <= max(worth) + 1e-5
    assert any(v > 1 for v in found["dual up"])
