"""Direct-current lines: MATPOWER's published case, two forms of one program, and the lines of PyPSA and pandapower."""

from dataclasses import replace

import numpy as np
import pytest
from grid_networks import joined, together
from grid_refusals import network, triangle
from hypothesis import assume, given, settings
from test_grid_files import CASE, RTS, case, refused

import opengames as og
from opengames.diagnostics import Refusal
from opengames.dsl.check import check
from opengames.models.grid.matpower import parse_matpower, read_matpower
from opengames.models.grid.network import Curve, DirectLines
from opengames.models.grid.opf import OptimalFlow, angle_program, clear
from opengames.models.grid.rts_gmlc import read_rts_gmlc
from opengames.models.grid.shift_factors import ShiftFactors, islands
from opengames.models.grid.to_game import to_game
from opengames.solvers.clearing.highs import solve
from opengames.solvers.clearing.solution import BAR

few = settings(max_examples=15, deadline=None)
NONE = np.zeros(0)


def line(tail, head, most, least=0.0, share=0.0, lost=0.0, price=0.0) -> DirectLines:
    """One line."""
    return DirectLines(
        ("link",), np.array([tail]), np.array([head]), np.array([float(least)]), np.array([float(most)]), np.array([share]), np.array([lost]), (Curve(NONE, NONE, price),)
    )


def test_flows_and_prices_of_the_published_case():
    """MATPOWER's t_case9_dcline, and what its own tests expect of its DC OPF: flows at both ends, and prices of their limits."""
    text = case("t_case9_dcline").read_text()
    # its tests lower the first unit, widen a branch and leave the costs of lines out; its angle limits bind on one side, and ours
    # have two
    for old, new in (("250	90	0", "250	10	0"), ("0.209	40", "0.209	100"), ("-360	2.48", "-2.48	2.48"), ("-2	360", "-2	2")):
        assert old in text
        text = text.replace(old, new)
    whole = parse_matpower(text, "case9")
    assert [c.linear for c in whole.direct.curves] == [0, 0, 7.3]
    grid = replace(whole, direct=replace(whole.direct, curves=(Curve(NONE, NONE),) * 3))
    found = clear(grid)
    direct = grid.direct
    assert found.direct == pytest.approx([10, 2, 10], abs=1e-9)
    assert direct.arriving(found.direct) == pytest.approx([8.9, 2, 9.5], abs=1e-9)
    worth = found.lmp[direct.head] * (1 - direct.share) - found.lmp[direct.tail]
    assert worth == pytest.approx([1.8602, -1.8507, 0.2681], abs=5e-5)


def test_a_line_earns_the_difference_of_prices_less_its_losses():
    """10 $ here, 30 $ there: 50 MW leave, of which 44 arrive; the far price is set there, and the near one here."""
    grid = replace(network([20, 100], [], [], [], [(0, 0, 200, 10), (1, 0, 200, 30)]), direct=line(0, 1, 50, share=0.1, lost=1.0))
    found = clear(grid, reference=0)
    assert found.direct == pytest.approx([50])
    assert found.output == pytest.approx([70, 56])
    assert found.lmp == pytest.approx([10, 30])
    assert found.energy == pytest.approx(10)
    # above its price of use, the line is worth its keep no more
    dear = clear(replace(grid, direct=line(0, 1, 50, share=0.1, lost=1.0, price=18.0)), reference=0)
    assert dear.direct == pytest.approx([0])


@few
@given(joined())
def test_factors_and_angles_are_one_program_with_direct_lines(grid):
    try:
        ours = OptimalFlow(grid).solve()
    except Refusal as refused_:
        assert refused_.diagnostics[0].code == "infeasible"
        assert not solve(angle_program(grid)).solved
        return
    theirs = solve(angle_program(grid))
    assert ours.residuals.largest <= BAR
    assert ours.cost == pytest.approx(theirs.objective, rel=1e-9, abs=1e-7)


@few
@given(joined(quadratic=True))
def test_prices_of_every_part_are_made_of_lambda_and_factors_and_balance_what_is_paid(grid):
    flow = OptimalFlow(grid)
    try:
        found = flow.solve()
    except Refusal:
        assume(False)
    rows = ShiftFactors(grid).full()
    part, direct = islands(grid), grid.direct
    assert found.lmp == pytest.approx(found.energies - found.shadow @ rows, abs=1e-8)
    assert len(set(np.round(found.energies, 7))) <= part.max() + 1
    for bus in range(len(grid.buses)):
        assert found.energy + sum(p.adds for p in flow.decomposition(found, bus)) == pytest.approx(found.lmp[bus], abs=1e-5)
    # every part makes what it takes
    injected = np.bincount(grid.units.bus, found.output, len(part)) - found.load
    injected += np.bincount(direct.head, direct.arriving(found.direct), len(part)) - np.bincount(direct.tail, found.direct, len(part))
    assert np.bincount(part, injected) == pytest.approx(np.zeros(part.max() + 1), abs=1e-7)
    # a line strictly between its limits earns exactly its cost
    inside = (found.direct > direct.least + 1e-6) & (found.direct < direct.most - 1e-6)
    worth = found.lmp[direct.head] * (1 - direct.share) - found.lmp[direct.tail] - [c.linear for c in direct.curves]
    assert worth[inside] == pytest.approx(0, abs=1e-6)
    assert (worth[found.direct > direct.most - 1e-6] >= -1e-6).all()


@few
@given(joined())
def test_intervals_hold_the_price_with_shedding_and_overloading_too(grid):
    for prices in ({"shedding": 900.0}, {"shedding": 900.0, "overloading": 300.0}):
        flow = OptimalFlow(grid, **prices)
        try:
            here = flow.solve()
        except Refusal:
            continue
        least, most = flow.intervals(here)
        assert (least <= here.lmp + 1e-6).all()
        assert (here.lmp <= most + 1e-6).all()
        for bus in range(min(2, len(grid.buses))):
            for sign, end in ((1, most[bus]), (-1, least[bus])):
                load = grid.buses.load.copy()
                load[bus] += sign * 1e-4
                if load[bus] < 0:
                    continue
                # this megawatt may go unserved itself
                end = min(end, 900.0)
                try:
                    slope = sign * (flow.solve(load).cost - here.cost) / 1e-4
                except Refusal:
                    assert not np.isfinite(end)
                    continue
                assert slope == pytest.approx(end, abs=1e-3, rel=1e-4)


def test_parts_that_only_a_direct_line_joins_are_one_network_and_others_are_refused():
    two = together(triangle(), network([40, 0], [(0, 1)], [0.1], [np.inf], [(1, 0, 30, 50)]))
    assert refused(lambda: clear(two))[0] == "disconnected-bus"
    grid = replace(two, direct=line(0, 3, 25))
    found = clear(grid, reference=0)
    assert found.lmp[3:] == pytest.approx(50)
    assert found.output[2] == pytest.approx(15)
    assert found.direct == pytest.approx([25])
    said = refused(lambda: clear(grid, load=np.array([0, 0, 150.0, 90, 0])))
    assert said[0] == "infeasible"
    assert "direct-current lines cannot carry" in said[1]
    assert "load 90.0 MW, units up to 30.0 MW" in said[1]
    shed = OptimalFlow(grid, 0, shedding=1000.0).solve(np.array([0, 0, 150.0, 90, 0]))
    assert shed.shed == pytest.approx([0, 0, 0, 35, 0])
    assert shed.lmp[3:] == pytest.approx(1000)


def test_a_text_clears_to_the_prices_of_a_network_with_direct_lines():
    """Two parts, a line between them with losses and a cost, and one beside a branch that may flow both ways."""
    two = together(triangle(85.0), network([40, 0], [(0, 1)], [0.1], [np.inf], [(1, 0, 300, 50)]))
    both = DirectLines(
        ("far", "near"), np.array([0, 2]), np.array([3, 1]), np.array([0.0, -20]), np.array([25.0, 20]), np.array([0.1, 0]), np.array([0.5, 0]),
        (Curve(NONE, NONE, 2.0, fixed=3.0), Curve(NONE, NONE, 0.5)),
    )  # fmt: skip
    grid = replace(two, direct=both)
    found = check(to_game(grid), "grid.game")
    assert [d.headline for d in found.diagnostics] == []
    prices = np.asarray(og.loads(to_game(grid), "grid.game").run("Usual", runs=1)["lmp"], float).ravel()
    assert prices == pytest.approx(clear(grid).lmp, abs=1e-8)
    stepped = replace(grid, direct=replace(both, curves=(Curve(np.array([0.0, 10, 25]), np.array([1.0, 2.0])), both.curves[1])))
    assert refused(lambda: to_game(stepped))[0] == "not-yet"


@pytest.mark.parametrize(("row", "code", "part"), [
    ("1 2 1 20 19 0 0 1 1 60 50 0 0 0 0 1 0", "bad-case", "a least flow of 60 MW, above its most, 50 MW"),
    ("1 2 1 20 19 0 0 1 1 0 50 0 0 0 0 1 1.5", "data-out-of-range", "`LOSS1` of HVDC line `DC 1-2` is 1.5"),
    ("1 9 1 20 19 0 0 1 1 0 50 0 0 0 0 1 0", "data-unknown-label", "T_BUS of `dcline` names bus 9"),
    ("1 2 1 20 19", "bad-case", "a row of `dcline` has 5 cells"),
])  # fmt: skip
def test_a_wrong_line_is_refused_with_its_place(row, code, part):
    pytest.importorskip("matpowercaseframes", reason="matpowercaseframes is not installed")
    found, said = refused(lambda: parse_matpower(f"{CASE}mpc.dcline = [{row}];\n", "tiny", "tiny.m"))
    assert found == code
    assert part in said
    assert "tiny.m, line 25" in said


def test_batteries_of_a_case_in_the_columns_of_powermodels():
    pytest.importorskip("matpowercaseframes", reason="matpowercaseframes is not installed")
    row = "mpc.storage = [2 0 0 20 100 50 70 0.8 0.9 100 -50 70 0.1 0 1 0 1; 2 0 0 0 9 1 1 1 1 0 0 0 0 0 0 0 0];\n"
    grid = parse_matpower(CASE + row, "tiny")
    stores = grid.storages
    assert (stores.names, stores.bus.tolist(), stores.power.tolist(), stores.charging.tolist()) == (("S2",), [1], [70], [50])
    assert (stores.energy.tolist(), stores.initial.tolist(), stores.charge.tolist(), stores.discharge.tolist()) == ([100], [20], [0.8], [0.9])
    assert grid.buses.load.tolist() == [0, 156]
    assert any("1 battery out of service" in note for note in grid.notes)
    found, said = refused(lambda: parse_matpower(CASE + row.replace("20 100", "200 100"), "tiny"))
    assert found == "data-out-of-range"
    assert "holds 200 MWh of 100" in said


@pytest.mark.skipif(not RTS.is_dir(), reason="the data of RTS-GMLC is not here")
def test_the_line_of_rts_gmlc_is_the_one_that_matpower_has():
    ours, theirs = read_rts_gmlc(RTS), read_matpower(case("case_RTS_GMLC"))
    for field in ("tail", "head", "least", "most", "share", "lost"):
        assert getattr(ours.direct, field).tolist() == getattr(theirs.direct, field).tolist()
    assert ours.storages.initial.tolist() == [75]
    found = clear(ours)
    assert abs(found.direct[0]) <= 100 + 1e-9
    assert found.cost < clear(replace(ours, direct=DirectLines())).cost


@pytest.mark.slow
def test_links_are_those_of_pypsa():
    pypsa = pytest.importorskip("pypsa", reason="pypsa is not installed")
    from opengames.models.grid.from_pypsa import from_pypsa

    rng = np.random.default_rng(3)
    net = pypsa.Network()
    names = [f"b{i}" for i in range(6)]
    net.add("Bus", names, v_nom=1.0)
    net.add("Load", names, bus=names, p_set=rng.uniform(20, 60, 6))
    for a, b in ((0, 1), (1, 2), (0, 2), (3, 4), (4, 5)):  # two parts, which links join
        net.add("Line", f"{a}{b}", bus0=f"b{a}", bus1=f"b{b}", x=0.1 * (1 + a), r=1e-6, s_nom=35)
    net.add("Generator", [f"g{i}" for i in range(4)], bus=["b0", "b2", "b3", "b5"], p_nom=[200, 60, 90, 90], marginal_cost=[11.3, 27.1, 52.7, 61.9])
    net.add("Link", ["east", "west"], bus0=["b0", "b1"], bus1=["b3", "b5"], p_nom=[40, 30], efficiency=[0.94, 1.0], p_min_pu=[0, -1], marginal_cost=[1.5, 0])
    net.optimize(solver_name="highs", log_to_console=False, solver_options={"output_flag": False})
    grid = from_pypsa(net)
    ours = clear(grid)
    assert ours.cost == pytest.approx(net.objective, rel=1e-8)
    assert ours.lmp == pytest.approx(net.buses_t.marginal_price.iloc[0].to_numpy(), abs=1e-6)
    assert ours.direct == pytest.approx(net.links_t.p0.iloc[0].to_numpy(), abs=1e-6)
    net.add("Bus", "heat")
    net.links["bus2"] = "heat"
    assert refused(lambda: from_pypsa(net))[0] == "bad-case"


@pytest.mark.slow
def test_direct_lines_and_batteries_of_pandapower():
    library = pytest.importorskip("pandapower", reason="pandapower is not installed")
    from opengames.models.grid.from_pandapower import from_pandapower

    net = library.networks.case5()
    library.create_dcline(net, 4, 2, p_mw=30, loss_percent=5, loss_mw=0.5, vm_from_pu=1, vm_to_pu=1, max_p_mw=40)
    library.create_dcline(net, 0, 3, p_mw=-10, loss_percent=0, loss_mw=0, vm_from_pu=1, vm_to_pu=1, max_p_mw=20)
    library.create_poly_cost(net, 0, "dcline", cp1_eur_per_mw=1.25)
    library.create_storage(net, 1, p_mw=0, max_e_mwh=80, min_e_mwh=8, soc_percent=25, max_p_mw=20, min_p_mw=-30, controllable=True)
    library.create_storage(net, 2, p_mw=7, max_e_mwh=10, controllable=False)
    before = len(net.dcline), len(net.storage), len(net.poly_cost)
    grid = from_pandapower(net, "five")
    assert (len(net.dcline), len(net.storage), len(net.poly_cost)) == before
    direct, stores = grid.direct, grid.storages
    assert (direct.tail.tolist(), direct.head.tolist()) == ([4, 3], [2, 0])
    assert (direct.least.tolist(), direct.most.tolist(), direct.share.tolist(), direct.lost.tolist()) == ([0, 0], [40, 20], [0.05, 0], [0.5, 0])
    assert [c.linear for c in direct.curves] == [1.25, 0]
    assert (stores.power.tolist(), stores.charging.tolist(), stores.energy.tolist(), stores.least.tolist(), stores.initial.tolist()) == ([30], [20], [80], [8], [20])
    found = clear(grid)
    assert grid.buses.load.sum() == pytest.approx(1007)
    # the cheap bus 4 exports all that the line takes
    assert found.direct[0] == pytest.approx(40)
    assert found.residuals.largest <= BAR
