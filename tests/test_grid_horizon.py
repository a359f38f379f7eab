"""Batteries over the hours of a network: a program written apart with angles, PyPSA, derivatives, and arithmetic."""

import json
from dataclasses import replace

import numpy as np
import pytest
from grid_networks import NONE, joined, networks, with_stores
from grid_refusals import network
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_grid_files import refused

from opengames.cli import main
from opengames.diagnostics import Refusal
from opengames.models.grid.barrier import barrier, exact
from opengames.models.grid.horizon import clear_together
from opengames.models.grid.hours import clear_hours
from opengames.models.grid.network import Curve
from opengames.solvers.clearing.certificate import residuals
from opengames.solvers.clearing.program import Program
from opengames.solvers.clearing.solution import BAR

few = settings(max_examples=6, deadline=None)
fewer = settings(max_examples=4, deadline=None)


@st.composite
def stored(draw, quadratic=False, direct=False):
    """A network with one or two batteries, and some hours of loads."""
    grid = draw(joined(quadratic=quadratic) if direct else networks(quadratic=quadratic))
    stores = [
        {
            "bus": draw(st.integers(0, len(grid.buses) - 1)), "power": draw(st.integers(5, 40)), "charging": draw(st.integers(5, 40)),
            "energy": draw(st.integers(20, 120)), "charge": draw(st.sampled_from([1.0, 0.9])), "discharge": draw(st.sampled_from([1.0, 0.8])),
            "leak": draw(st.sampled_from([0.0, 0.02])), "inflow": draw(st.sampled_from([0.0, 4.0])), "cost": draw(st.sampled_from([0.0, 1.5])),
        }
        for _ in range(draw(st.integers(1, 2)))
    ]  # fmt: skip
    hours = draw(st.integers(1, 5))
    shares = draw(st.lists(st.integers(20, 120), min_size=hours, max_size=hours))
    return with_stores(grid, *stores), np.outer(np.array(shares) / 100, grid.buses.load)


def cleared(grid, loads, **more):
    try:
        return clear_together(grid, loads, **more)
    except Refusal as refusal:
        assert refusal.diagnostics[0].code in ("infeasible", "data-out-of-range")
        return None


def written_apart(grid, loads):
    """The least cost by scipy, every hour with an angle at every bus; none if there is none."""
    from scipy.optimize import linprog

    n, m, g, s = len(grid.buses), len(grid.branches), len(grid.units), len(grid.storages)
    hours, width = len(loads), g + n + 4 * s
    stores, branches, direct = grid.storages, grid.branches, grid.direct
    cost, bounds = [], []
    equal, met, below, most = [], [], [], []
    for h in range(hours):
        cost += [c.linear for c in grid.units.curves] + [0.0] * n + [0.0] * s + stores.cost.tolist() + [0.0] * (2 * s)
        bounds += list(zip(grid.units.least, grid.units.most, strict=True)) + [(None, None)] * n
        bounds += [(0, p) for p in stores.charging] + [(0, p) for p in stores.power]
        bounds += [(0, None if f > 0 else 0) for f in stores.inflow]
        first = stores.energy / 2
        bounds += [(0 if h < hours - 1 else e0, e) for e0, e in zip(first, stores.energy, strict=True)]
        at = h * width
        flow = np.zeros((m, hours * width))
        for k in range(m):
            b = grid.base / (branches.reactance[k] * branches.tap[k])
            flow[k, at + g + branches.tail[k]] += b
            flow[k, at + g + branches.head[k]] -= b
        for k in range(m):
            if np.isfinite(branches.limit[k]):
                below += [flow[k], -flow[k]]
                most += [branches.limit[k]] * 2
        balance = np.zeros((n, hours * width))
        for u in range(g):
            balance[grid.units.bus[u], at + u] += 1
        for k in range(m):
            balance[branches.tail[k]] -= flow[k]
            balance[branches.head[k]] += flow[k]
        for i in range(s):
            balance[stores.bus[i], at + g + n + i] -= 1
            balance[stores.bus[i], at + g + n + s + i] += 1
            row = np.zeros(hours * width)
            row[at + g + n + 3 * s + i], row[at + g + n + 2 * s + i] = 1, 1
            row[at + g + n + i], row[at + g + n + s + i] = -stores.charge[i], 1 / stores.discharge[i]
            if h:
                row[at - width + g + n + 3 * s + i] = -(1 - stores.leak[i])
            equal.append(row)
            met.append(stores.inflow[i] + (0 if h else (1 - stores.leak[i]) * first[i]))
        equal += list(balance)
        met += loads[h].tolist()
    assert not len(direct)
    found = linprog(cost, A_ub=np.array(below) if below else None, b_ub=most or None, A_eq=np.array(equal), b_eq=met, bounds=bounds, method="highs")
    return found.fun if found.status == 0 else None


def test_a_battery_moves_energy_from_cheap_hours_to_dear_ones():
    """Two hours at 10 $ and two at 30 $ at the town: 20 MW at most, 90 % each way, half of 60 MWh at first and at the end.

    30 MWh of room take 33.3 MWh; what goes out is 27 MWh, at the full 20 MW in one dear hour and 7 MW in the other. A megawatt-hour
    in the battery is worth what it costs to fill, 10 / 0.9, and 30 * 0.9 once it is full.
    """
    grid = with_stores(network([0, 100], [(0, 1)], [0.1], [80], [(0, 0, 150, 10), (1, 0, 200, 30)]), {"bus": 1, "power": 20, "energy": 60})
    hours = clear_together(grid, np.outer([0.5, 0.6, 1.0, 1.2], grid.buses.load))
    assert hours.lmp[:, 1] == pytest.approx([10, 10, 30, 30])
    assert hours.charge.sum() == pytest.approx(30 / 0.9)
    assert hours.discharge.sum() == pytest.approx(27)
    assert hours.stored[[1, 3], 0] == pytest.approx([60, 30])
    assert hours.worth[:, 0] == pytest.approx([10 / 0.9] * 2 + [27] * 2)
    alone = clear_hours(grid, hours.load)
    assert alone.cost.sum() - hours.cost.sum() == pytest.approx(27 * 30 - 30 / 0.9 * 10)
    assert not hours.at_once.any()


@few
@given(stored())
def test_the_cost_is_that_of_a_program_written_apart_with_angles(given_):
    grid, loads = given_
    ours, theirs = cleared(grid, loads), written_apart(grid, loads)
    assert (ours is None) == (theirs is None)
    assume(ours is not None)
    assert ours.residual.max() <= BAR
    assert ours.cost.sum() == pytest.approx(theirs, rel=1e-8, abs=1e-6)


@few
@given(stored(quadratic=True, direct=True))
def test_energy_is_kept_and_every_price_is_one_of_its_battery(given_):
    grid, loads = given_
    hours = cleared(grid, loads)
    assume(hours is not None)
    assert hours.residual.max() <= BAR
    s = grid.storages
    before = np.vstack((s.energy / 2, hours.stored[:-1]))
    spilled = (1 - s.leak) * before + s.charge * hours.charge - hours.discharge / s.discharge + s.inflow - hours.stored
    assert (spilled >= -1e-6).all()
    assert (spilled[:, s.inflow == 0] <= 1e-6).all()
    assert (hours.stored <= s.energy + 1e-6).all()
    assert (hours.stored[-1] >= s.energy / 2 - 1e-6).all()
    # a battery that charges or discharges in between pays or is paid what its energy is worth
    lmp = hours.lmp[:, s.bus]
    inside = (hours.charge > 1e-5) & (hours.charge < s.charging - 1e-5)
    assert (lmp - hours.worth * s.charge)[inside] == pytest.approx(0, abs=1e-5)
    inside = (hours.discharge > 1e-5) & (hours.discharge < s.power - 1e-5)
    assert (lmp - s.cost - hours.worth / s.discharge)[inside] == pytest.approx(0, abs=1e-5)
    # flows are those of what every bus puts in, and within limits
    assert (np.abs(hours.flow) <= grid.branches.limit + 1e-6).all()
    assert hours.cost.sum() <= 1e-6 * (1 + abs(hours.cost).sum()) + without(grid, loads)


def without(grid, loads) -> float:
    try:
        return clear_hours(grid, loads).cost.sum() if not grid.storages.leak.any() else np.inf
    except Refusal:
        return np.inf


@fewer
@given(stored(quadratic=True))
def test_prices_and_worths_are_between_the_slopes_of_cost(given_):
    grid, loads = given_
    here = cleared(grid, loads)
    assume(here is not None)
    first = grid.storages.energy / 2
    step = 1e-3

    def slopes(act):
        ends = [act(sign * step) for sign in (-1, 1)]
        low = -np.inf if ends[0] is None else (here.cost.sum() - ends[0].cost.sum()) / step
        return low, np.inf if ends[1] is None else (ends[1].cost.sum() - here.cost.sum()) / step

    def more_load(by):
        other = loads.copy()
        other[-1, 0] += by
        return cleared(grid, other, final=first)

    def more_energy(by):
        return cleared(grid, loads, initial=first + by * np.eye(len(first))[0], final=first)

    low, high = slopes(more_load)
    assert low - 1e-4 <= here.lmp[-1, 0] <= high + 1e-4
    low, high = slopes(more_energy)
    assert low - 1e-4 <= -here.worth[0, 0] * (1 - grid.storages.leak[0]) <= high + 1e-4


def test_ramps_hold_a_unit_back_and_cost_what_they_cost():
    """A unit that moves 12 MW in an hour, beside a dear one: 100, 130 MW; alone it would make it all."""
    grid = network([100], [], [], [], [(0, 0, 200, 10), (0, 0, 100, 50)])
    slow = replace(grid, units=replace(grid.units, ramp=np.array([0.2, np.inf])))
    loads = np.array([[100.0], [130.0]])
    free = clear_together(slow, loads)
    assert free.output[:, 0] == pytest.approx([100, 130])
    held = clear_together(slow, loads, ramps=True)
    assert held.output[:, 0] == pytest.approx([100, 112])
    # the dear unit sets the second price, and a megawatt more in the first hour lets one more be made in the second
    assert held.lmp[:, 0] == pytest.approx([10 - 40, 50])
    # from window to window too
    one = clear_together(slow, loads, ramps=True, window=1)
    assert one.output[:, 0] == pytest.approx([100, 112])


def test_windows_hand_on_what_is_stored():
    grid = with_stores(network([0, 100], [(0, 1)], [0.1], [80], [(0, 0, 150, 10), (1, 0, 200, 30)]), {"bus": 1, "power": 20, "energy": 60})
    loads = np.outer([0.5, 0.6, 1.0, 1.2] * 2, grid.buses.load)
    seen = []
    two = clear_together(grid, loads, window=4, at=lambda k, of: seen.append((k, of)))
    assert len(two) == 8
    assert two.stored[[3, 7], 0] == pytest.approx([30, 30])
    assert two.cost[:4].sum() == pytest.approx(two.cost[4:].sum())
    assert seen[-1] == (8, 8)
    assert clear_together(grid, loads, window=8).cost.sum() <= two.cost.sum() + 1e-6


def test_charging_and_discharging_at_once_is_seen_where_prices_are_negative():
    """A unit that must run and is paid to: the battery burns what it can, 1 - 0.81 of it."""
    grid = with_stores(network([20], [], [], [], [(0, 30, 60, -15)]), {"bus": 0, "power": 50, "charging": 50, "energy": 10})
    hours = clear_together(grid, np.array([[20.0]] * 3))
    assert (hours.lmp < 0).all()
    assert hours.at_once.min() > 1
    # one that loses nothing has nothing to burn, and is not said to do both
    whole = with_stores(grid, {"bus": 0, "power": 50, "charging": 50, "energy": 60, "charge": 1.0, "discharge": 1.0, "initial": 0, "final": 0})
    assert not clear_together(whole, np.array([[35.0], [20.0], [35.0]])).at_once.any()


def test_batteries_rest_where_nobody_is_paid_for_a_turn():
    """One price all day: nothing to gain."""
    for curve in (Curve(NONE, NONE, 10.0), Curve(NONE, NONE, 0.0)):
        grid = with_stores(network([60], [], [], [], [(0, 0, 200, curve)]), {"bus": 0, "power": 20, "energy": 60, "charge": 1.0, "discharge": 1.0})
        hours = clear_together(grid, np.full((6, 1), 60.0))
        assert not hours.charge.any()
        assert not hours.discharge.any()


def test_shedding_and_overloading_are_priced_in_every_hour():
    grid = with_stores(network([0, 150], [(0, 1)], [0.1], [100], [(0, 0, 200, 10)]), {"bus": 1, "power": 30, "energy": 60, "charge": 1.0, "discharge": 1.0})
    loads = np.array([[0.0, 60], [0.0, 150], [0.0, 150]])
    shed = clear_together(grid, loads, shedding=5000.0)
    # 40 MW of room in the first hour, 30 MW of it taken; 60 MWh then serve 30 of 50 MW too much in each hour, and half has to stay
    assert shed.shed.sum() == pytest.approx(100 - 30)
    assert shed.lmp[1:, 1] == pytest.approx(5000)
    over = clear_together(grid, loads, overloading=4500.0)
    assert over.overload.sum() == pytest.approx(70)
    assert over.lmp[1, 1] == pytest.approx(4510)
    assert over.residual.max() <= BAR


@pytest.mark.parametrize(("act", "code", "parts"), [
    (lambda g, loads: clear_together(g, loads * 3), "infeasible", ("in 2 of 3 hours", "hour 2: ", "MW of load")),
    (lambda g, loads: clear_together(g, loads, initial=np.array([70.0])), "data-out-of-range", ("`s0`", "70 MWh before the first hour", "holds 0 to 60 MWh")),
    (lambda g, loads: clear_together(g, loads, initial=np.array([0.0]), final=np.array([59.0])), "data-out-of-range", ("after 3 hours", "reaches 54 MWh")),
    (lambda g, loads: clear_together(g, loads, initial=np.zeros(2)), "data-shape", ("1 numbers",)),
])  # fmt: skip
def test_what_cannot_be_is_refused(act, code, parts):
    grid = with_stores(network([0, 150], [(0, 1)], [0.1], [500], [(0, 0, 200, 10)]), {"bus": 1, "power": 20, "energy": 60})
    found, said = refused(lambda: act(grid, np.array([[0.0, 60], [0.0, 150], [0.0, 160]])))
    assert found == code
    for part in parts:
        assert part in said


@few
@given(st.integers(0, 10_000))
def test_the_interior_point_comes_near_an_optimum(seed):
    """Random programs with squares, rows of ranges and equations; feasible by how they are made."""
    rng = np.random.default_rng(seed)
    m, n = 4, 9
    from scipy import sparse

    matrix = sparse.csr_array(rng.normal(size=(m, n)) * (rng.random((m, n)) < 0.7))
    inside = rng.uniform(0.1, 0.9, n)
    values = matrix @ inside
    slack = np.where(np.arange(m) < 2, 0.0, rng.uniform(0.1, 1, m))
    square = np.where(rng.random(n) < 0.6, rng.uniform(0.5, 3, n), 0.0)
    program = Program(rng.normal(size=n), matrix, values - slack, values + np.where(np.arange(m) == 3, np.inf, slack), np.zeros(n), np.ones(n), sparse.csc_array(np.diag(square)))
    found = barrier(program)
    assert found is not None
    assert residuals(program, *found).largest < 1e-6
    assert residuals(program, *exact(program, *found)).largest <= BAR


def test_pieces_and_squares_agree_over_a_day():
    """The squares of a day cut ever finer come down to it."""
    from opengames.models.grid.costs import in_pieces

    curves = [Curve(NONE, NONE, 10.0, 0.05), Curve(NONE, NONE, 12.0, 0.02)]
    grid = with_stores(network([0, 150], [(0, 1)], [0.1], [90], [(0, 0, 200, curves[0]), (1, 0, 200, curves[1])]), {"bus": 1, "power": 20, "energy": 60})
    loads = np.outer([0.3, 0.6, 1.1, 1.2, 0.8], grid.buses.load)
    whole = clear_together(grid, loads).cost.sum()
    gaps = []
    for count in (4, 16, 64):
        cut = replace(grid, units=replace(grid.units, curves=tuple(in_pieces(c, 0, 200, count) for c in curves)))
        gaps.append(clear_together(cut, loads).cost.sum() - whole)
    assert gaps[0] >= gaps[1] >= gaps[2] >= -1e-6
    assert gaps[2] < 2


@pytest.mark.slow
def test_a_day_is_that_of_pypsa(tmp_path, capsys):
    pypsa = pytest.importorskip("pypsa", reason="pypsa is not installed")
    from opengames.models.grid.from_pypsa import from_pypsa, over_hours, pypsa_hours

    rng = np.random.default_rng(5)
    hours, n = 24, 8
    shape = 0.7 + 0.3 * np.sin((np.arange(hours) - 8) / 24 * 2 * np.pi)
    loads = rng.uniform(20, 60, n)[None] * shape[:, None] * rng.uniform(0.9, 1.1, (hours, n))
    net = pypsa.Network()
    net.set_snapshots(range(hours))
    names = [f"b{i}" for i in range(n)]
    net.add("Bus", names, v_nom=1.0)
    for i, name in enumerate(names):
        net.add("Load", name, bus=name, p_set=loads[:, i])
    for a, b in [(i, (i + 1) % n) for i in range(n)] + [(0, 4), (2, 6)]:
        net.add("Line", f"{a}-{b}", bus0=f"b{a}", bus1=f"b{b}", x=0.1 * (1 + a), r=1e-6, s_nom=45)
    net.add("Generator", [f"g{i}" for i in range(5)], bus=["b0", "b2", "b3", "b5", "b7"], p_nom=[200, 80, 90, 90, 200], marginal_cost=[11.3, 27.1, 35.7, 41.9, 77.7])
    net.add("Link", "dc", bus0="b0", bus1="b5", p_nom=25, efficiency=0.97, marginal_cost=0.2)
    net.add(
        "StorageUnit", ["s0", "s1"], bus=["b4", "b6"], p_nom=[30, 20], max_hours=[3, 5], efficiency_store=[0.9, 0.95], efficiency_dispatch=[0.92, 0.9],
        state_of_charge_initial=[30, 10], standing_loss=[0.01, 0], marginal_cost=[0.3, 0.1],
    )  # fmt: skip
    net.storage_units_t.inflow["s1"] = np.where(np.arange(hours) % 3, 2.0, 0.5)
    net.generators_t.p_max_pu["g1"] = rng.uniform(0.5, 1, hours)
    net.add("Store", "tank", bus="b1", e_nom=25, e_initial=5, e_min_pu=0.1)
    net.optimize(solver_name="highs", log_to_console=False, solver_options={"output_flag": False})
    grid = from_pypsa(net)
    hours = pypsa_hours(net)
    assert hours.load == pytest.approx(loads)
    grid = over_hours(grid, hours)
    assert grid.units.most == pytest.approx([200, 80 * net.generators_t.p_max_pu["g1"].max(), 90, 90, 200])
    assert any("24 snapshots" in note for note in grid.notes)
    ours = clear_together(grid, hours.load, hours.available, inflow=hours.inflow)
    assert ours.cost.sum() == pytest.approx(net.objective, rel=1e-8)
    assert len(ours.binding.nonzero()[0]) > 3
    # the same from its file, at the command line
    net.export_to_netcdf(tmp_path / "eight.nc")
    assert main(["grid", str(tmp_path / "eight.nc"), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["total_cost"] == pytest.approx(net.objective, rel=1e-8)
    assert len(answer["hours"]) == 24
    # PyPSA's prices are those of a vertex too; most are unique
    theirs = net.buses_t.marginal_price.to_numpy()
    assert (np.abs(ours.lmp - theirs) < 1e-5).mean() > 0.9


@pytest.mark.slow
def test_a_day_of_case118_with_batteries_is_that_of_its_pieces():
    pytest.importorskip("pypower.api", reason="pypower is not installed")
    from pypower import api

    from opengames.models.grid.costs import in_pieces
    from opengames.models.grid.matpower import from_matpower

    grid = from_matpower(api.case118(), "case118")
    rng = np.random.default_rng(2)
    grid = with_stores(grid, *({"bus": int(b), "power": 150, "energy": 500} for b in rng.choice(118, 4, replace=False)))
    loads = grid.buses.load * (0.75 + 0.2 * np.sin(np.arange(24) / 24 * 2 * np.pi))[:, None]
    limit = np.where(np.arange(len(grid.branches)) % 7 == 0, 180.0, np.inf)
    grid = replace(grid, branches=replace(grid.branches, limit=limit))
    whole = clear_together(grid, loads)
    assert whole.residual.max() <= BAR
    units = replace(grid.units, curves=tuple(in_pieces(c, lo, hi, 40) for c, lo, hi in zip(grid.units.curves, grid.units.least, grid.units.most, strict=True)))
    cut = clear_together(replace(grid, units=units), loads)
    assert 0 <= cut.cost.sum() - whole.cost.sum() < 2e-4 * whole.cost.sum()
    assert np.abs(cut.lmp - whole.lmp).max() < 1.5
