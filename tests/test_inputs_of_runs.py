"""Inputs of a run as expressions of the language: units and types are those of a call, mistakes are told about the value."""

import pytest
from merit_order import MARKET

import opengames as og
from opengames.cli import main

ROUTE = """
use std.energy: MW, MWh, h
type Way = North | South
param fee: real $/MWh = 2 $/MWh
game Trip(load: real MW, way: Way, ask: (low: real MW, high: real MW)) -> (cost: real $/MWh, all: real MW) {
    cost = if way == North then fee else 2 * fee
    all = load + ask.low + ask.high
}
"""


@pytest.fixture(scope="module")
def trip():
    return og.loads(ROUTE, "trip.game")


def test_values_come_with_their_units(trip):
    told = {"load": "0.9 * 1_000 MW", "way": "South", "ask": "(low: 1 MW, high: 5 MWh / (1 h))"}
    run = trip.run("Trip", runs=1, inputs=told)
    assert (run["cost"][0], run["all"][0]) == (4, 906)


def test_text_and_numbers_mix(trip):
    run = trip["Trip"].run(runs=1, inputs={"load": "900 MW", "way": "North", "ask": {"low": 1, "high": 2}})
    assert (run["cost"][0], run["all"][0]) == (2, 903)


@pytest.mark.parametrize(
    ("load", "said"),
    [("900", "must be in MW, and this is a bare number"), ("900 MWh", "MWh"), ("900 MW }", ""), ("lod", "lod")],
)
def test_a_wrong_value_is_told_by_its_input(trip, load, said):
    with pytest.raises(og.Refusal) as refused:
        trip.run("Trip", runs=1, inputs={"load": load, "way": "North", "ask": "(low: 1 MW, high: 2 MW)"})
    told = refused.value.diagnostics[0]
    assert told.code == "bad-param-value"
    assert told.headline == f"`{load}` is no value for `load`"
    assert said in " ".join(told.notes)


def test_a_wrong_value_is_told_so_with_params_from_outside():
    model = og.loads(ROUTE, "trip.game", fee="3 $/MWh")
    with pytest.raises(og.Refusal, match="`1` is no value for `load`"):
        model.run("Trip", runs=1, inputs={"load": "1", "way": "North", "ask": "(low: 1 MW, high: 2 MW)"})
    run = model.run("Trip", runs=1, inputs={"load": "1 MW", "way": "North", "ask": "(low: 1 MW, high: 2 MW)"})
    assert run["cost"][0] == 3


def test_what_is_missing_or_unknown_is_named(trip):
    with pytest.raises(og.Refusal, match="needs a value for its input `way`") as refused:
        trip.run("Trip", runs=1, inputs={"load": "1 MW"})
    assert refused.value.diagnostics[0].code == "needs-inputs"
    with pytest.raises(og.Refusal, match="no input `lode`"):
        trip.run("Trip", runs=1, inputs={"lode": "1 MW"})


def test_the_command_line_takes_inputs_and_prints_prices(tmp_path, capsys):
    file = tmp_path / "market.game"
    file.write_text(MARKET)
    assert main(["run", str(file), "Cleared", "--input", "load=75", "--runs", "1"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["price", "25"] in lines
    assert ["p[Fair]", "15"] in lines
    assert any("cleared:" in line for line in lines)
    assert main(["run", str(file), "Cleared", "--input", "load=500", "--runs", "1"]) == 2
    assert "these rules cannot hold together: balance, range" in capsys.readouterr().err
