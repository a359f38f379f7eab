"""DC optimal power flow: two forms of one program, derivatives, and the figures of PYPOWER, pandapower and PyPSA."""

from dataclasses import replace

import numpy as np
import pytest
from grid_networks import networks, tightened
from grid_refusals import network, triangle
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from opengames.diagnostics import Refusal
from opengames.models.grid.costs import cost_at, in_pieces
from opengames.models.grid.matpower import from_matpower
from opengames.models.grid.network import Curve
from opengames.models.grid.opf import OptimalFlow, angle_program, clear
from opengames.models.grid.shift_factors import ShiftFactors
from opengames.solvers.clearing.highs import solve
from opengames.solvers.clearing.solution import BAR

few = settings(max_examples=15, deadline=None)
NONE = np.zeros(0)
#: Cases of PYPOWER, and the limit of every branch as a share of the largest flow, so that some bind.
CASES = [("case6ww", 0.85), ("case9", 0.8), ("case14", 0.5), ("case30", 0.9), ("case39", 0.9), ("case118", 0.5)]


def dispatch(grid, **more):
    """The dispatch, or none where there is none."""
    try:
        return OptimalFlow(grid, **more).solve()
    except Refusal as refused:
        assert refused.diagnostics[0].code == "infeasible"
        return None


def bound(case, name, share):
    """The case, as PYPOWER's dictionary and as a network, with limits that bind."""
    grid = from_matpower(case, name)
    limited = tightened(grid, clear(replace(grid, branches=replace(grid.branches, limit=np.full(len(grid.branches), np.inf)))).flow, share)
    case["branch"][case["branch"][:, 10] > 0, 5] = limited.branches.limit
    return case, limited


def test_a_ring_of_three_has_the_prices_of_its_arithmetic():
    """150 MW at bus 2, the cheap unit at bus 0: 2 p0 + p1 = 300 on the short way, and p0 + p1 = 150, so p0 = p1 = ... by hand.

    Flow on 0-2 is 2/3 p0 + 1/3 p1 <= 85 with p0 + p1 = 150 gives p0 = 105, p1 = 45. LMPs are 10 and 30 where the units are, and at
    bus 2 what one more MW there costs with the flow held: p0 falls by 1, p1 rises by 2, so 2 * 30 - 10 = 50. The limit is worth
    3 * (30 - 10) = 60 $/MWh.
    """
    found = clear(triangle(85.0), reference=2)
    assert found.output == pytest.approx([105, 45])
    assert found.lmp == pytest.approx([10, 30, 50])
    assert found.shadow == pytest.approx([0, 0, 60])
    assert found.energy == pytest.approx(50)
    assert found.cost == pytest.approx(105 * 10 + 45 * 30)


@few
@given(networks(shifts=True))
def test_factors_and_angles_are_one_program(grid):
    ours, theirs = dispatch(grid), solve(angle_program(grid))
    assert (ours is None) == (not theirs.solved)
    assume(ours is not None)
    assert ours.residuals.largest <= BAR
    assert ours.cost == pytest.approx(theirs.objective, rel=1e-9, abs=1e-7)


@few
@given(networks(quadratic=True, shifts=True))
def test_quadratic_costs_have_one_set_of_outputs_in_both_forms(grid):
    ours, theirs = dispatch(grid), solve(angle_program(grid))
    assert (ours is None) == (not theirs.solved)
    assume(ours is not None)
    assert ours.residuals.largest <= BAR
    assert ours.cost == pytest.approx(theirs.objective, rel=1e-8, abs=1e-6)
    curved = [c.square > 0 for c in grid.units.curves]
    outputs = np.bincount(np.arange(len(grid.units)), theirs.x[: len(grid.units)])
    assert ours.output[curved] == pytest.approx(outputs[curved], abs=1e-5)


@few
@given(networks())
def test_a_price_is_lambda_less_factors_times_shadow_prices(grid):
    flow = OptimalFlow(grid)
    try:
        found = flow.solve()
    except Refusal:
        assume(False)
    rows = ShiftFactors(grid).full()
    assert found.lmp == pytest.approx(found.energy - found.shadow @ rows, abs=1e-9)
    for bus in range(len(grid.buses)):
        parts = flow.decomposition(found, bus)
        assert found.energy + sum(p.adds for p in parts) == pytest.approx(found.lmp[bus], abs=1e-5 * len(grid.branches))
    # what is priced is at its limit, in the direction that the sign says, and loads pay for it
    at = np.abs(found.shadow) > 1e-7
    assert (found.flow * np.sign(found.shadow))[at] == pytest.approx(grid.branches.limit[at], abs=1e-6)
    assert found.rent == pytest.approx(np.abs(found.shadow[at]) @ grid.branches.limit[at], abs=1e-5)


@few
@given(networks(quadratic=True))
def test_a_price_is_between_what_one_watt_less_saves_and_one_more_costs(grid):
    flow = OptimalFlow(grid)
    step = 1e-3
    try:
        here = flow.solve()
        for bus in range(len(grid.buses)):
            more, less = grid.buses.load.copy(), grid.buses.load.copy()
            more[bus] += step
            less[bus] -= step
            up = (flow.solve(more).cost - here.cost) / step
            down = (here.cost - flow.solve(less).cost) / step
            assert down - 1e-5 <= here.lmp[bus] <= up + 1e-5
    except Refusal:
        assume(False)


def test_a_price_at_a_kink_is_an_interval_of_both_its_sides():
    """The cheap unit makes exactly the load: one megawatt less saves 10 $, one more costs 30 $."""
    grid = network([0, 100], [(0, 1)], [0.1], [np.inf], [(0, 0, 100, 10), (1, 0, 100, 30)])
    flow = OptimalFlow(grid)
    found = flow.solve()
    least, most = flow.intervals(found)
    assert least == pytest.approx([10, 10])
    assert most == pytest.approx([30, 30])
    assert (least - 1e-9 <= found.lmp).all()
    assert (found.lmp <= most + 1e-9).all()
    least, most = flow.intervals(flow.solve(np.array([0.0, 90.0])), ["b1"])
    assert (least.tolist(), most.tolist()) == (pytest.approx([10]), pytest.approx([10]))


@few
@given(networks(shifts=True), st.booleans())
def test_lambda_is_what_one_more_megawatt_at_the_reference_costs(grid, quadratic):
    """The upper end, at kinks too; where one more cannot be cleared there is no such end."""
    if quadratic:
        grid = replace(grid, units=replace(grid.units, curves=tuple(replace(c, square=0.05) for c in grid.units.curves)))
    flow = OptimalFlow(grid)
    try:
        here = flow.solve()
        more = flow.solve(grid.buses.load + 1e-4 * flow.factors.weights)
    except Refusal:
        assume(False)
    assert here.residuals.largest <= BAR
    assert (more.cost - here.cost) / 1e-4 == pytest.approx(here.energy, abs=1e-3, rel=1e-5)


def test_the_upper_end_is_printed_at_a_kink_and_the_lower_where_no_more_can_be_made():
    """100 MW of cheap units, 100 MW of load; then all that there is."""
    grid = network([0, 100], [(0, 1)], [0.1], [np.inf], [(0, 0, 100, 10), (1, 0, 50, 30)])
    assert clear(grid).lmp == pytest.approx([30, 30])
    assert clear(grid, np.array([0.0, 99])).lmp == pytest.approx([10, 10])
    assert clear(grid, np.array([0.0, 150])).lmp == pytest.approx([30, 30])
    # a branch that is just full counts, though nothing passes its limit
    full = network([0, 80], [(0, 1)], [0.1], [80], [(0, 0, 100, 10), (1, 0, 50, 30)])
    found = clear(full, reference=1)
    assert found.lmp == pytest.approx([10, 30])
    assert found.shadow == pytest.approx([20])


@few
@given(networks(shifts=True))
def test_intervals_of_prices_are_the_slopes_of_cost(grid):
    flow = OptimalFlow(grid)
    try:
        here = flow.solve()
    except Refusal:
        assume(False)
    least, most = flow.intervals(here)
    assert (least <= here.lmp + 1e-6).all()
    assert (here.lmp <= most + 1e-6).all()
    step = 1e-4
    for bus in range(len(grid.buses)):
        for sign, end in ((1, most[bus]), (-1, least[bus])):
            load = grid.buses.load.copy()
            load[bus] += sign * step
            try:
                slope = sign * (flow.solve(load).cost - here.cost) / step
            except Refusal:
                assert not np.isfinite(end)
                continue
            assert slope == pytest.approx(end, abs=1e-4, rel=1e-4)


@few
@given(networks(quadratic=True))
def test_another_load_gives_what_a_fresh_program_gives(grid):
    flow = OptimalFlow(grid)
    for share in (1.0, 0.4, 0.9):
        load = grid.buses.load * share
        fresh = dispatch(replace(grid, buses=replace(grid.buses, load=load)), reference=0)
        try:
            kept = flow.solve(load)
        except Refusal:
            assert fresh is None
            continue
        assert fresh is not None
        assert kept.cost == pytest.approx(fresh.cost, rel=1e-9, abs=1e-7)


@pytest.mark.parametrize(("name", "share"), CASES)
def test_costs_and_prices_are_those_of_pypower(name, share):
    api = pytest.importorskip("pypower.api", reason="pypower is not installed")
    case, grid = bound(getattr(api, name)(), name, share)
    theirs = api.rundcopf(case, api.ppoption(VERBOSE=0, OUT_ALL=0))
    assert theirs["success"]
    ours = clear(grid)
    assert len(ours.binding) >= 1
    assert ours.cost == pytest.approx(theirs["f"], rel=1e-6)
    assert ours.lmp == pytest.approx(theirs["bus"][:, 13], abs=1e-5)
    assert ours.lmp == pytest.approx(solve(angle_program(grid)).y[: len(grid.buses)], abs=1e-6)


def test_prices_where_more_binds_than_there_is_to_decide_are_certified():
    """Every limit of case14 at 9/10 of its own flow: six rows hold five units."""
    api = pytest.importorskip("pypower.api", reason="pypower is not installed")
    case = api.case14()
    grid = from_matpower(case, "case14")
    flow = np.abs(clear(grid).flow)
    limit = np.maximum(flow * 0.9, flow.max() / 4)
    case["branch"][:, 5] = limit
    ours = clear(replace(grid, branches=replace(grid.branches, limit=limit)))
    assert len(ours.binding) + 1 >= 5
    assert ours.residuals.largest <= BAR
    assert ours.cost == pytest.approx(api.rundcopf(case, api.ppoption(VERBOSE=0, OUT_ALL=0))["f"], rel=1e-7)


def test_case5_has_the_flow_and_prices_that_are_known():
    """The five-bus system of PJM's training, as Li and Bo (2010) print it: branch 4-5 at its 240 MW; LMPs 16.98, 26.38, 30, 39.94, 10."""
    lines = [(0, 1), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4)]
    limits = [400, np.inf, np.inf, np.inf, np.inf, 240]
    units = [(0, 0, 40, 14), (0, 0, 170, 15), (2, 0, 520, 30), (3, 0, 200, 40), (4, 0, 600, 10)]
    found = clear(network([0, 300, 300, 400, 0], lines, [0.0281, 0.0304, 0.0064, 0.0108, 0.0297, 0.0297], limits, units))
    assert found.lmp == pytest.approx([16.9774, 26.3845, 30.0, 39.9427, 10.0], abs=5e-5)
    assert found.flow[5] == pytest.approx(-240)
    assert found.cost == pytest.approx(17479.9, abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["case5", "case9", "case14", "case30", "case39", "case118"])
def test_costs_and_prices_are_those_of_pandapower(name):
    library = pytest.importorskip("pandapower", reason="pandapower is not installed")
    import pandapower.networks

    from opengames.models.grid.from_pandapower import from_pandapower

    net = getattr(pandapower.networks, name)()
    library.rundcopp(net, delta=1e-12)
    ours = clear(from_pandapower(net, name))
    assert ours.cost == pytest.approx(net.res_cost, rel=1e-6)
    assert ours.lmp == pytest.approx(net.res_bus.lam_p.to_numpy(), abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "share"), CASES[1:])
def test_costs_and_prices_are_those_of_pypsa(name, share):
    api = pytest.importorskip("pypower.api", reason="pypower is not installed")
    pypsa = pytest.importorskip("pypsa", reason="pypsa is not installed")
    from opengames.models.grid.from_pypsa import from_pypsa

    case, grid = bound(getattr(api, name)(), name, share)
    net = pypsa.Network()
    net.import_from_pypower_ppc(case)
    net.generators["p_set"] = np.nan
    net.generators["p_nom"] = grid.units.most
    net.generators["p_min_pu"] = grid.units.least / grid.units.most
    # one price for each unit, no two alike: then there is one set of prices, and HiGHS is not asked for a quadratic program
    net.generators["marginal_cost"] = [c.linear + 0.37 * i for i, c in enumerate(grid.units.curves)]
    net.optimize(solver_name="highs", log_to_console=False, solver_options={"output_flag": False})
    ours = clear(from_pypsa(net))
    assert ours.cost == pytest.approx(net.objective, rel=1e-6)
    assert ours.lmp == pytest.approx(net.buses_t.marginal_price.iloc[0].to_numpy(), abs=1e-6)


def test_pieces_of_a_square_close_in_on_it():
    grid = network([0, 150], [(0, 1)], [0.1], [np.inf], [(0, 0, 200, Curve(NONE, NONE, 10.0, 0.05, 7.0)), (1, 0, 200, Curve(NONE, NONE, 12.0, 0.02, 3.0))])
    whole = clear(grid).cost
    gaps = []
    for count in (2, 8, 32):
        curves = tuple(in_pieces(c, 0, 200, count) for c in grid.units.curves)
        cut = clear(replace(grid, units=replace(grid.units, curves=curves)))
        assert cut.cost == pytest.approx(sum(cost_at(c, p) for c, p in zip(curves, cut.output, strict=True)))
        gaps.append(cut.cost - whole)
    assert gaps[0] >= gaps[1] >= gaps[2] >= -1e-9
    assert gaps[2] < 1


def test_units_make_no_more_than_they_can_and_those_that_cannot_make_their_least_just_that():
    pieces = Curve(np.array([20.0, 60, 100]), np.array([5.0, 9.0]), fixed=50.0)
    grid = network([150], [], [], [], [(0, 20, 100, pieces), (0, 0, 200, 20)])
    flow = OptimalFlow(grid)
    for most, made in (((100, 200), (100, 50)), ((70, 200), (70, 80)), ((15, 200), (15, 135)), ((100, 200), (100, 50))):
        found = flow.solve(most=np.array(most, float))
        assert found.output == pytest.approx(made)
        assert found.cost == pytest.approx(cost_at(pieces, made[0]) + 20 * made[1])


def test_more_load_than_units_can_make_is_refused_with_both_numbers():
    with pytest.raises(Refusal) as refused:
        clear(network([100, 50], [(0, 1)], [0.1], [np.inf], [(0, 0, 120, 10)]))
    assert refused.value.diagnostics[0].code == "infeasible"
    assert "at most 120.0 MW, and its load is 150.0 MW" in refused.value.diagnostics[0].headline


def test_limits_that_cannot_hold_are_named_with_the_least_that_passes_them():
    with pytest.raises(Refusal) as refused:
        clear(network([0, 150], [(0, 1)], [0.1], [100], [(0, 0, 200, 10)]))
    said = refused.value.diagnostics[0]
    assert said.code == "infeasible"
    assert "`b0-b1 #0`: 150.0 MW, limit 100.0 MW" in said.notes
    assert "by 50.0 MW in all" in said.notes[0]


def test_priced_shedding_and_overloading_set_the_price_where_they_are_used():
    grid = network([0, 150], [(0, 1)], [0.1], [100], [(0, 0, 200, 10)])
    shed = OptimalFlow(grid, reference=0, shedding=5000.0).solve()
    assert shed.shed == pytest.approx([0, 50])
    assert shed.lmp == pytest.approx([10, 5000])
    assert shed.shadow == pytest.approx([4990])
    over = OptimalFlow(grid, reference=0, overloading=4500.0).solve()
    assert over.overload == pytest.approx([50])
    assert over.lmp == pytest.approx([10, 4510])
    less = OptimalFlow(grid, shedding=5000.0)
    less.solve()
    assert less.solve(np.array([0.0, 80.0])).shed == pytest.approx([0, 0])


@pytest.mark.parametrize("load", [np.ones(2), np.array([1, np.nan, 1])])
def test_a_load_of_the_wrong_shape_is_refused(load):
    with pytest.raises(Refusal) as refused:
        clear(triangle(), load)
    assert refused.value.diagnostics[0].code == "data-shape"
