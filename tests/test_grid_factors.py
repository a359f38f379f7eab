"""Shift factors: laws over random networks, PYPOWER's matrices, and the published prices of a grid of 2,000 buses."""

from dataclasses import replace

import numpy as np
import pytest
from grid_networks import networks
from grid_refusals import network, triangle
from hypothesis import given, settings
from hypothesis import strategies as st

from opengames.diagnostics import Refusal
from opengames.models.grid.matpower import from_matpower
from opengames.models.grid.shift_factors import ShiftFactors, islands, lodf, ptdf

few = settings(max_examples=25, deadline=None)


def code(refused) -> str:
    return refused.value.diagnostics[0].code


def injections(n):
    return st.lists(st.integers(-100, 100), min_size=n, max_size=n).map(lambda v: np.array(v, float))


def test_two_thirds_of_a_ring_of_three_take_the_short_way():
    factors = ptdf(triangle(), reference=2)
    assert factors[:, 0] == pytest.approx([1 / 3, 1 / 3, 2 / 3])
    assert factors[:, 2] == pytest.approx([0, 0, 0])


@few
@given(networks(shifts=True), st.data())
def test_flows_balance_at_every_bus_and_follow_angles(grid, data):
    put_in = data.draw(injections(len(grid.buses)))
    put_in -= put_in.mean()
    factors = ShiftFactors(grid, 0)
    flow, angle = factors.flows(put_in), factors.angles(put_in)
    b = grid.branches
    leaves = np.zeros(len(grid.buses))
    np.add.at(leaves, b.tail, flow)
    np.subtract.at(leaves, b.head, flow)
    assert leaves == pytest.approx(put_in, abs=1e-7)
    ohm = (angle[b.tail] - angle[b.head] - np.deg2rad(b.shift)) * grid.base / (b.reactance * b.tap)
    assert flow == pytest.approx(ohm, abs=1e-7)


@few
@given(networks(shifts=True), st.data())
def test_factors_say_flows_and_a_reference_moves_them_by_a_constant(grid, data):
    put_in = data.draw(injections(len(grid.buses)))
    put_in -= put_in.mean()
    n, m = len(grid.buses), len(grid.branches)
    one, other = ShiftFactors(grid, 0), ShiftFactors(grid, np.full(n, 1 / n))
    still = one.flows(np.zeros(n))
    assert one.full() @ put_in + still == pytest.approx(one.flows(put_in), abs=1e-7)
    moved = one.full() - other.full()
    assert moved == pytest.approx(np.repeat(moved[:, :1], n, axis=1), abs=1e-9)
    assert other.full() @ other.weights == pytest.approx(np.zeros(m), abs=1e-9)
    assert one.rows(np.arange(m)) == pytest.approx(one.columns(np.arange(n)), abs=1e-9)


@few
@given(networks(), st.data())
def test_outage_factors_say_the_flows_of_the_network_without_the_branch(grid, data):
    put_in = data.draw(injections(len(grid.buses)))
    put_in -= put_in.mean()
    factors = ShiftFactors(grid, 0)
    flow, out = factors.flows(put_in), factors.outage(np.arange(len(grid.branches)))
    bridges = set(factors.bridges().tolist())
    for k in range(len(grid.branches)):
        left = _without(grid, k)
        if k in bridges:
            assert islands(left).any()
            assert np.isnan(out[:, k]).all()
            continue
        after = ShiftFactors(left, 0).flows(put_in)
        said = flow + out[:, k] * flow[k]
        assert said[k] == pytest.approx(0, abs=1e-7)
        assert np.delete(said, k) == pytest.approx(after, abs=1e-6)


def _without(grid, k):
    b = grid.branches
    kept = np.arange(len(b)) != k
    return replace(grid, branches=replace(
        b, names=tuple(n for n, each in zip(b.names, kept, strict=True) if each), tail=b.tail[kept], head=b.head[kept],
        reactance=b.reactance[kept], tap=b.tap[kept], shift=b.shift[kept], limit=b.limit[kept],
    ))  # fmt: skip


@pytest.mark.parametrize("name", ["case6ww", "case14", "case30", "case57", "case118", "case300"])
def test_factors_are_those_of_pypower(name):
    api = pytest.importorskip("pypower.api", reason="pypower is not installed")
    case = api.ext2int(getattr(api, name)())
    grid = from_matpower(case, name)
    numbered = [int(b) for b in case["bus"][:, 0]]
    assert list(map(int, grid.buses.names)) == numbered
    theirs = api.makePTDF(case["baseMVA"], case["bus"], case["branch"], 0)
    assert ptdf(grid, reference=0) == pytest.approx(theirs, abs=1e-8)


def test_outage_factors_are_those_of_pypower():
    api = pytest.importorskip("pypower.api", reason="pypower is not installed")
    from pypower.makeLODF import makeLODF

    case = api.ext2int(api.case30())
    grid = from_matpower(case, "case30")
    factors = ShiftFactors(grid, 0)
    with np.errstate(all="ignore"):
        theirs = makeLODF(case["branch"], api.makePTDF(case["baseMVA"], case["bus"], case["branch"], 0))
    kept = np.setdiff1d(np.arange(len(grid.branches)), factors.bridges())
    assert lodf(grid, kept) == pytest.approx(theirs[:, kept], abs=1e-8)


@pytest.mark.parametrize("name", ["case14", "case118", "case300"])
def test_bridges_are_those_of_graph_theory(name):
    import networkx

    api = pytest.importorskip("pypower.api", reason="pypower is not installed")
    grid = from_matpower(getattr(api, name)(), name)
    ends = [tuple(sorted((int(a), int(b)))) for a, b in zip(grid.branches.tail, grid.branches.head, strict=True)]
    lone = {e for e in ends if ends.count(e) == 1}
    expected = {tuple(sorted(e)) for e in networkx.bridges(networkx.Graph(ends))} & lone
    assert {ends[k] for k in ShiftFactors(grid, 0).bridges()} == expected


def test_parts_that_nothing_joins_are_refused_by_name():
    apart = network([10, 0, 20, 0, 5], [(0, 1), (2, 3)], [0.1, 0.1], [np.inf] * 2, [(0, 0, 50, 1)])
    with pytest.raises(Refusal) as refused:
        ShiftFactors(apart)
    assert code(refused) == "disconnected-bus"
    said = " ".join(refused.value.diagnostics[0].notes)
    assert "no branch in service ends at bus `b4`" in said
    assert "buses `b2`, `b3` hang together" in said


def test_a_branch_without_reactance_is_refused_by_name():
    with pytest.raises(Refusal) as refused:
        ShiftFactors(network([0, 1], [(0, 1)], [0.0], [np.inf], [(0, 0, 5, 1)]))
    assert code(refused) == "bad-case"
    assert "b0-b1 #0" in refused.value.diagnostics[0].headline


@pytest.mark.parametrize(("reference", "expected"), [("nowhere", "data-unknown-label"), (np.ones(3), "bad-option"), (np.ones(2) / 2, "bad-option")])
def test_a_reference_that_is_none_is_refused(reference, expected):
    with pytest.raises(Refusal) as refused:
        ShiftFactors(triangle(), reference)
    assert code(refused) == expected


def test_reactances_that_cancel_are_refused():
    cancels = network([0, 1], [(0, 1), (0, 1)], [0.1, -0.1], [np.inf] * 2, [(0, 0, 5, 1)])
    with pytest.raises(Refusal) as refused:
        ShiftFactors(cancels, 0).flows(np.array([1.0, -1.0]))
    assert code(refused) == "bad-case"
