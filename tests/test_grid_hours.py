"""Hours of networks from series, and the command that clears them."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from grid_refusals import network, triangle
from test_grid_files import CASE

from opengames.cli import main
from opengames.commands import grid_results
from opengames.diagnostics import Refusal
from opengames.models.grid.horizon import clear_together
from opengames.models.grid.hours import (
    Interrupted,
    area_loads,
    clear_hours,
    load_series,
    read_available,
    read_loads,
)
from opengames.models.grid.opf import clear
from opengames.models.grid.tables import read_series

pytest.importorskip("matpowercaseframes", reason="matpowercaseframes is not installed")


def areas():
    """Three buses in two areas."""
    from dataclasses import replace

    grid = network([10, 30, 60], [(0, 1), (1, 2)], [0.1, 0.1], [np.inf] * 2, [(0, 0, 500, 10)])
    return replace(grid, buses=replace(grid.buses, area=("1", "1", "2")))


def refused(act) -> tuple[str, str]:
    with pytest.raises(Refusal) as caught:
        act()
    first = caught.value.diagnostics[0]
    return first.code, "\n".join((first.headline, *first.notes, first.help))


def test_buses_keep_their_share_of_their_area():
    loads = area_loads(areas(), {"area_1": np.array([80.0, 4.0]), "2": np.array([1.0, 2.0])})
    assert loads.tolist() == [[20, 60, 1], [1, 3, 2]]


@pytest.mark.parametrize(("series", "expected"), [
    ({"load": [200.0]}, [[20, 60, 120]]),
    ({"bus_b0": [0.0], "bus_b1": [7.0], "b2": [8.0], "when": [1.0]}, [[0, 7, 8]]),
    ({"hour": [1.0], "area_1": [4.0], "area_2": [6.0]}, [[1, 3, 6]]),
])  # fmt: skip
def test_columns_say_whose_load_they_are(series, expected):
    assert load_series(areas(), {k: np.array(v) for k, v in series.items()}).tolist() == expected


@pytest.mark.parametrize(("series", "code", "parts"), [
    ({"area_1": [1.0], "area_3": [1.0]}, "data-unknown-label", ("no area `area_3`",)),
    ({"area_1": [1.0]}, "data-missing-column", ("area `2`", "no series")),
    ({"area_1": [1.0], "area_2": [1.0, 2.0]}, "data-shape", ("different lengths",)),
])  # fmt: skip
def test_series_that_do_not_fit_are_refused(series, code, parts):
    found, said = refused(lambda: area_loads(areas(), {k: np.array(v) for k, v in series.items()}))
    assert found == code
    for part in parts:
        assert part in said


def numbered():
    """The same, its buses called 1 to 3 like its areas."""
    from dataclasses import replace

    grid = areas()
    return replace(grid, buses=replace(grid.buses, names=("1", "2", "3")))


def test_columns_called_like_every_bus_are_buses_though_some_are_areas_too():
    assert load_series(numbered(), {str(k): np.array([float(k)]) for k in (1, 2, 3)}).tolist() == [[1, 2, 3]]
    assert load_series(numbered(), {"area_1": np.array([4.0]), "area_2": np.array([6.0])}).tolist() == [[1, 3, 6]]


@pytest.mark.parametrize(("grid", "columns", "code", "parts"), [
    (numbered, ("bus_1", "bus_2"), "data-missing-column", ("bus `3`", "no series")),
    (numbered, ("1", "2", "3", "9"), "data-unknown-label", ("no bus `9`", "`3`")),
    (areas, ("bus_b0", "bus_b1", "bus_b2", "bus_b7"), "data-unknown-label", ("no bus `b7`",)),
    (areas, ("b0", "b1", "b2", "bus_b1"), "data-repeated-label", ("`b1`, `bus_b1`",)),
])  # fmt: skip
def test_no_load_is_dropped_or_left_at_zero_without_a_word(grid, columns, code, parts):
    found, said = refused(lambda: load_series(grid(), {c: np.ones(2) for c in columns}))
    assert found == code
    for part in parts:
        assert part in said


def test_columns_that_may_be_areas_or_buses_are_refused():
    from dataclasses import replace

    grid = numbered()
    grid = replace(grid, buses=replace(grid.buses, load=np.array([10.0, 30, 0]), area=("1", "2", "1")))
    grid = replace(grid, buses=replace(grid.buses, load=np.array([10.0, 30, 0]), area=("2", "1", "1")))
    found, said = refused(lambda: load_series(grid, {"1": np.ones(1), "2": np.ones(1) * 5}))
    assert found == "data-unknown-label"
    assert "`area_1` or `bus_1`" in said


def test_a_file_without_a_load_is_refused_with_its_columns(tmp_path):
    (tmp_path / "x.csv").write_text("hour,lode\n1,5\n")
    found, said = refused(lambda: read_loads(areas(), tmp_path / "x.csv"))
    assert found == "data-unknown-label"
    assert "`lode`" in said


@pytest.mark.parametrize(
    ("stamps", "said"),
    [
        (["2026-07-01 04:00", "2026-07-01 06:00", "2026-07-01 07:00"], "2026-07-01 06:00:00 follows 2026-07-01 04:00:00"),
        (["2026-07-01 04:00", "2026-07-01 05:00", "2026-07-01 05:00"], "2026-07-01 05:00:00 comes twice"),
        (["2026-07-01 04:00", "2026-07-01 05:00", "2026-07-01 03:00"], "2026-07-01 03:00:00 follows a later one"),
        (["2026-07-01 04:00", "2026-07-01 04:15", "2026-07-01 04:30"], "2026-07-01 04:15:00 follows 2026-07-01 04:00:00"),
    ],
)  # fmt: skip
def test_stamps_that_are_not_hours_one_after_another_are_refused(stamps, said, tmp_path):
    path = tmp_path / "load.csv"
    path.write_text("time,load\n" + "".join(f"{s},100\n" for s in stamps))
    found, text = refused(lambda: read_series(path))
    assert found == "data-gap" and said in text and "expected 2026-07-01 0" in text


def test_stamps_of_hours_days_and_changing_clocks_pass(tmp_path):
    path = tmp_path / "load.csv"
    for stamps in (
        ["2026-07-01T22:00", "2026-07-01T23:00", "2026-07-02T00:00"], ["2026-03-08 01:00", "2026-03-08 03:00", "2026-03-08 04:00"],
        ["2026-11-01 00:00", "2026-11-01 01:00", "2026-11-01 01:00"], ["2026-07-01", "2026-07-01", "2026-07-01"],
    ):
        path.write_text("time,load\n" + "".join(f"{s},100\n" for s in stamps))
        assert read_series(path)["load"].tolist() == [100.0] * 3


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_gap_in_a_series_is_refused_by_row(form, tmp_path):
    path = tmp_path / f"x.{form}"
    if form == "csv":
        path.write_text("hour,load\n1,5\n2,\n3,4\n")
    else:
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.table({"hour": [1, 2, 3], "load": [5.0, None, 4.0]}), path)
    found, said = refused(lambda: read_series(path))
    assert found == "data-gap"
    assert "column `load`" in said
    assert "row 2" in said


def test_what_units_can_make_comes_by_their_names(tmp_path):
    (tmp_path / "wind.csv").write_text("hour,u1\n1,20\n2,0\n")
    assert read_available(triangle(), tmp_path / "wind.csv").tolist() == [[200, 20], [200, 0]]
    (tmp_path / "other.csv").write_text("hour,u7\n1,20\n")
    assert refused(lambda: read_available(triangle(), tmp_path / "other.csv"))[0] == "data-unknown-label"


def test_hours_are_what_each_is_by_itself():
    grid = triangle(85.0)
    loads = np.outer([1.0, 0.5, 1.0], grid.buses.load)
    done = []
    hours = clear_hours(grid, loads, at=lambda k, of: done.append((k, of)))
    assert done == [(1, 3), (2, 3), (3, 3)]
    for i, load in enumerate(loads):
        alone = clear(grid, load, reference=None)
        assert hours.cost[i] == pytest.approx(alone.cost)
        assert hours.lmp[i] == pytest.approx(alone.lmp)
    assert hours.binding.tolist() == [1, 0, 1]


@pytest.mark.parametrize("prices", [{"shedding": -5.0}, {"overloading": float("nan")}, {"shedding": float("inf")}])
def test_prices_of_failure_are_finite_and_not_below_zero(prices):
    grid = triangle()
    assert refused(lambda: clear_hours(grid, grid.buses.load[None], **prices))[0] == "bad-option"


def test_the_hour_that_cannot_be_cleared_is_named():
    grid = triangle()
    found, said = refused(lambda: clear_hours(grid, np.outer([1.0, 9.0], grid.buses.load), names=["7", "8"]))
    assert found == "infeasible"
    assert "in hour 8" in said


# ---------------------------------------------------------------------------------- the command


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("tiny.m").write_text(CASE)
    Path("load.csv").write_text("hour,load\n1,150\n2,120\n3,160\n")
    return tmp_path


def test_the_command_prints_hours_and_writes_tables(here, capsys):
    assert main(["grid", "tiny.m", "--load", "load.csv", "--out", "day"]) == 0
    said = capsys.readouterr().out
    assert "tiny: 2 buses, 2 branches, 3 units" in said
    assert "1 isolated bus left out: 7" in said
    assert [line.split()[:2] for line in said.splitlines() if line.split() and line.split()[0] in ("1", "2", "3") and "." in line][-3:] == [
        ["1", "150.0"], ["2", "120.0"], ["3", "160.0"],
    ]  # fmt: skip
    lmp = read_series("day/lmp.csv")
    assert set(lmp) == {"hour", "1", "2"}
    summary = read_series("day/hours.csv")
    assert summary["load"].tolist() == [150, 120, 160]
    assert (summary["most_lmp"] == np.maximum(lmp["1"], lmp["2"])).all()
    output = read_series("day/output.csv")
    assert output["G1"] + output["G2"] + output["D2"] == pytest.approx([150, 120, 160])
    assert Path("day/one_line.svg").read_text().startswith("<svg")
    assert main(["grid", "tiny.m", "--out", "day"]) == 2
    assert "[file-exists]" in capsys.readouterr().err


def test_the_command_answers_in_json(here, capsys):
    assert main(["grid", "tiny.m", "--load", "load.csv", "--first", "2", "--hours", "1", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [h["hour"] for h in answer["hours"]] == ["2"]
    assert answer["buses"] == 2
    assert answer["largest_residual"] < 1e-9


def test_limits_are_scaled_or_left_out(here, capsys):
    prices = {}
    for limits in ("none", "100%", "60%"):
        main(["grid", "tiny.m", "--limits", limits, "--json"])
        prices[limits] = json.loads(capsys.readouterr().out)["hours"][0]
    assert prices["none"]["binding"] == 0
    assert prices["60%"]["cost"] >= prices["100%"]["cost"] >= prices["none"]["cost"]
    assert prices["60%"]["binding"] == 1


@pytest.mark.parametrize(("words", "code"), [
    (["grid", "absent.m"], "no-such-file"),
    (["grid", "tiny.m", "--limits", "x"], "bad-option"),
    (["grid", "tiny.m", "--limits", "80"], "bad-option"),
    (["grid", "tiny.m", "--limits", "0.8"], "bad-option"),
    (["grid", "tiny.m", "--load", "load.csv", "--first", "9"], "bad-option"),
    (["grid", "tiny.m", "--load", "load.csv", "--hours", "9"], "bad-option"),
    (["grid", "tiny.m", "--load", "absent.csv"], "data-no-such-file"),
    (["grid", "tiny.m", "--reference", "9"], "data-unknown-label"),
    (["convert", "tiny.m", "tiny.bif"], "bad-option"),
])  # fmt: skip
def test_a_wrong_command_line_is_refused(words, code, here, capsys):
    assert main(words) == 2
    assert f"[{code}]" in capsys.readouterr().err


def test_a_network_becomes_a_text_that_checks(here, capsys):
    assert main(["convert", "tiny.m", "tiny.game"]) == 0
    assert "2 buses, 2 branches, 3 units" in capsys.readouterr().out
    assert main(["check", "tiny.game"]) == 0
    assert main(["convert", "tiny.m", "-", "--to", "game"]) == 0
    assert capsys.readouterr().out.endswith(Path("tiny.game").read_text())


def test_one_worth_is_no_range():
    assert grid_results._between(19.477, 19.484) == "19.48"
    assert grid_results._between(-1.0, 19.484) == "-1.00 to 19.48"


def test_all_that_is_written_into_a_text_is_counted(here, capsys):
    text = Path("tiny.m").read_text()
    buses = re.findall(r"mpc\.bus = \[\s*(\d+)\s[^;]*;\s*(\d+)\s", text)[0]
    text += f"mpc.dcline = [{' '.join(buses)} 1 0 0 0 0 1 1 0 5 0 0 0 0 0 0];\nmpc.storage = [{buses[0]} 0 0 4 8 2 2 1 1 9 0 0 0 0 0 0 1];\n"
    Path("more.m").write_text(text)
    assert main(["convert", "more.m", "more.game"]) == 0
    assert "wrote more.game: 2 buses, 2 branches, 3 units, 1 direct-current line, 1 battery" in capsys.readouterr().out


def test_progress_is_shown_to_whoever_looks(here, monkeypatch):
    class Terminal:
        def __init__(self):
            self.said = ""

        def write(self, text):
            self.said += text
            return len(text)

        def flush(self):
            return None

        def isatty(self):
            return True

        encoding = "utf-8"

    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    assert main(["grid", "tiny.m", "--load", "load.csv"]) == 0
    assert "clearing" in shown.said
    assert "3/3" in shown.said


# ---------------------------------------------------------------------------------- batteries and direct-current lines


@pytest.fixture
def stored(here):
    """The case with a battery, and a direct-current line beside its branches."""
    more = "mpc.storage = [2 0 0 20 40 30 30 0.9 0.9 0 0 0 0 0 0 0 1];\nmpc.dcline = [1 2 1 0 0 0 0 1 1 0 25 0 0 0 0 1 0.05];\n"
    Path("stored.m").write_text(CASE + more)
    Path("day.csv").write_text("hour,load\n1,90\n2,210\n3,100\n4,205\n")
    return here


def test_the_command_dispatches_batteries_and_writes_what_they_do(stored, capsys):
    assert main(["grid", "stored.m", "--load", "day.csv", "--out", "day"]) == 0
    said = capsys.readouterr().out
    assert "3 units, 1 direct-current line, 1 battery" in said
    assert "the battery is dispatched, 4 hours together" in said
    assert "`S2`: charged" in said
    charge, discharge, held, worth = (read_series(f"day/{n}.csv")["S2"] for n in ("charge", "discharge", "stored", "stored_value"))
    assert held == pytest.approx(20 + np.cumsum(0.9 * charge - discharge / 0.9))
    assert held[-1] >= 20 - 1e-9
    assert charge[[0, 2]].sum() > 1
    assert discharge[[1, 3]].sum() > 1
    summary, lmp, flow = read_series("day/hours.csv"), read_series("day/lmp.csv"), read_series("day/direct_flow.csv")["DC 1-2"]
    assert summary["stored"] == pytest.approx(held)
    assert 0 <= flow.min() <= flow.max() <= 25
    inside = (charge > 1e-6) & (charge < 30 - 1e-6)
    assert lmp["2"][inside] == pytest.approx(0.9 * worth[inside])
    assert "MW, up when discharging" in Path("day/day.svg").read_text()
    assert "direct current" in Path("day/one_line.svg").read_text()


def test_batteries_are_left_out_where_that_is_asked(stored, capsys):
    costs = {}
    for words in ((), ("--no-storage",), ("--horizon", "2"), ("--final", "0"), ("--ramps",)):
        assert main(["grid", "stored.m", "--load", "day.csv", "--json", *words]) == 0
        answer = json.loads(capsys.readouterr().out)
        costs[words] = answer["total_cost"]
        assert answer["storage_dispatched"] == (words != ("--no-storage",))
        assert answer["largest_residual"] < 1e-9
    assert costs["--final", "0"] < costs[()] < costs["--horizon", "2"] < costs[("--no-storage",)]
    assert costs[("--ramps",)] == pytest.approx(costs[()])  # none of these units has one
    assert main(["grid", "stored.m", "--no-storage"]) == 0
    assert "left out (`--no-storage`)" in capsys.readouterr().out
    assert main(["grid", "stored.m"]) == 0
    assert "in a single hour" in capsys.readouterr().out


@pytest.mark.parametrize(("words", "code"), [
    (["--initial", "half"], "bad-option"), (["--final", "120%"], "bad-option"), (["--final", "100", "--horizon", "1"], "data-out-of-range"),
    (["--initial", "0", "--final", "100%", "--horizon", "1"], "data-out-of-range"), (["--no-storage", "--final", "10"], "bad-option"),
])  # fmt: skip
def test_wrong_energies_are_refused(words, code, stored, capsys):
    charge = ["--initial", "10"] if "--initial" not in words else []
    Path("slow.m").write_text(Path("stored.m").read_text().replace("20 40 30 30", "20 40 3 30"))
    assert main(["grid", "slow.m", "--load", "day.csv", *charge, *words]) == 2
    assert f"[{code}]" in capsys.readouterr().err


def test_columns_that_name_no_unit_are_refused_and_times_are_not(tmp_path):
    grid = triangle()
    (tmp_path / "a.csv").write_text("Year,Month,hour_of_2020,u1\n2020,1,1,20\n")
    (tmp_path / "b.csv").write_text("Period,u0\n1,150\n")
    assert read_available(grid, tmp_path / "a.csv", tmp_path / "b.csv").tolist() == [[150, 20]]
    (tmp_path / "c.csv").write_text("hour,u1,u_0\n1,20,3\n")
    found, said = refused(lambda: read_available(grid, tmp_path / "c.csv"))
    assert found == "data-unknown-label"
    assert "column `u_0`" in said
    assert "did you mean `u0`?" in said
    assert refused(lambda: read_available(grid, tmp_path / "a.csv", tmp_path / "a.csv"))[0] == "data-repeated-label"


def test_a_stopped_clearing_keeps_the_hours_that_are_done(stored, monkeypatch, capsys):
    def stop(done, of):
        if done == 2:
            raise KeyboardInterrupt

    grid = triangle()
    with pytest.raises(Interrupted) as early:
        clear_hours(grid, np.outer([1.0, 0.5, 1.0], grid.buses.load), at=stop)
    assert len(early.value.hours) == 2
    with pytest.raises(Interrupted) as early:
        clear_together(grid, np.outer([1.0, 0.5, 1.0], grid.buses.load), window=1, at=stop)
    assert len(early.value.hours) == 1

    from contextlib import contextmanager

    @contextmanager
    def bar(what, total):
        yield stop

    monkeypatch.setattr("opengames.commands.grid._bar", bar)
    assert main(["grid", "tiny.m", "--load", "load.csv", "--out", "half"]) == 130
    said = capsys.readouterr()
    assert "interrupted: 2 of 3 hours are cleared" in said.err
    assert read_series("half/hours.csv")["load"].tolist() == [150, 120]
