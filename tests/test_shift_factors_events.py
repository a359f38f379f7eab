"""Congestion as events: networks learned from counts, texts that check and trade, and files of prices."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opengames import loads
from opengames.cli import main
from opengames.diagnostics import Refusal
from opengames.models.networks import to_game
from opengames.models.shift_factors import Table, congestion, fit, learn, log_loss, observed, read
from opengames.models.shift_factors.events import BOOL, best_parents, bic
from opengames.solvers.market import open_market


def sample(rows: int, seed: int) -> Table:
    """Load makes `a` bind, `a` makes `b` bind; `c` minds nobody."""
    rng = np.random.default_rng(seed)
    load = rng.integers(0, 3, rows)
    a = rng.random(rows) < np.array([0.05, 0.3, 0.8])[load]
    b = rng.random(rows) < np.where(a, 0.9, 0.1)
    c = rng.random(rows) < 0.25
    states = {"load": ("low", "middle", "high"), "a": BOOL, "b": BOOL, "c": BOOL}
    return Table(states, np.stack([load, 1 - a.astype(int), 1 - b.astype(int), 1 - c.astype(int)], axis=1))


def test_the_network_that_made_the_data_is_found():
    net = learn(sample(3000, 0))
    assert {v.name: v.parents for v in net} == {"load": (), "a": ("load",), "b": ("a",), "c": ()}
    assert float(net["b"].rows[0][0]) == pytest.approx(0.9, abs=0.03)
    # It predicts rows that it was not learned from better than events on their own do.
    apart = learn(sample(3000, 0), parents=0)
    fresh = sample(3000, 1)
    assert log_loss(net, fresh) < log_loss(apart, fresh) - 0.2


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 60), st.integers(0, 2**32 - 1))
def test_chances_are_smoothed_counts_and_nothing_is_impossible(rows, seed):
    table = sample(rows, seed)
    for v in learn(table):
        for key, row in zip(np.ndindex(*(len(table.states[p]) for p in v.parents)), v.rows, strict=True):
            match = np.ones(rows, dtype=bool)
            for p, s in zip(v.parents, key, strict=True):
                match &= table.column(p) == s
            counts = [int((table.column(v.name)[match] == s).sum()) for s in range(len(v.states))]
            assert row == tuple((n + Fraction(1, 2)) / (sum(counts) + Fraction(len(counts), 2)) for n in counts)
            assert sum(row) == 1 and min(row) > 0


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_criterion_prefers_the_best_of_all_sets(seed):
    table = sample(200, seed)
    best = best_parents(table, "c", ["load", "a", "b"])
    every = [(), ("load",), ("a",), ("b",), ("load", "a"), ("load", "b"), ("a", "b"), ("load", "a", "b")]
    assert bic(table, "c", best) == max(bic(table, "c", s) for s in every)


@pytest.mark.slow
def test_the_criterion_is_pgmpys():
    import pandas as pd
    from pgmpy.estimators import BIC

    table = sample(300, 2)
    frame = pd.DataFrame({n: [s[i] for i in table.column(n)] for n, s in table.states.items()})
    theirs = BIC(frame, state_names={n: list(s) for n, s in table.states.items()})
    for name, parents in (("a", ()), ("a", ("load",)), ("b", ("load", "a")), ("c", ("a", "b"))):
        assert bic(table, name, parents) == pytest.approx(theirs.local_score(name, list(parents)), abs=1e-9)


def seen_hours() -> tuple:
    rng = np.random.default_rng(3)
    hours = np.datetime64("2026-07-01T00:30") + np.arange(480) * np.timedelta64(1, "h")
    of_day = np.arange(480) % 24
    load = 40_000 + 20_000 * np.sin((of_day - 9) / 24 * 2 * np.pi) + rng.normal(0, 2000, 480)
    shadow = np.where(rng.random((480, 3)) < np.stack([load / 80_000, 1 - load / 70_000, np.full(480, 0.05)], axis=1), 12.0, 0.0)
    names = ["WEST 345", "6056__A/BASE", "Rio"]
    return observed(30 - shadow @ rng.normal(size=(3, 4)), shadow, np.full(480, 30.0), constraints=names, times=hours), load


def test_congestion_becomes_a_text_that_checks_and_a_market_that_trades():
    seen, load = seen_hours()
    table = congestion(seen, 2, load=load)
    assert list(table.states) == ["hour", "load", "binds_WEST_345", "binds_6056_A_BASE"]
    assert (table.column("binds_WEST_345") == 0).sum() == (seen.shadow[:, 0] != 0).sum()
    net = learn(table)
    model = loads(to_game(net))
    market = open_market(model, depth=100)
    price = float(market.price("binds_WEST_345"))
    rate = float((seen.shadow[:, 0] != 0).mean())
    assert price == pytest.approx(rate, abs=0.02)
    high, low = (float(market.price(f"binds_WEST_345 | load == {k}")) for k in ("high", "low"))
    assert high > low


def test_mistakes_about_events_are_named():
    seen, load = seen_hours()
    for wrong in (lambda: congestion(seen, 0), lambda: congestion(seen, 9), lambda: congestion(seen, 1, load=load, buckets=7)):
        with pytest.raises(Refusal, match="bad-argument"):
            wrong()
    with pytest.raises(Refusal, match="one load for each"):
        congestion(seen, 1, load=load[:5])
    with pytest.raises(Refusal, match="hours of the day"):
        congestion(seen, 1, hour=np.full(480, 24))


# --------------------------------------------------------------------------------------- files


def wide(folder: Path) -> tuple[Path, Path]:
    prices, shadow = folder / "lmp.csv", folder / "shadow.csv"
    prices.write_text("hour,A,B,lambda\n1,20,22,21\n2,18.5,24,21\n3,21,21,21\n4,19,23.3,21\n", encoding="utf-8")
    shadow.write_text("hour,X\n1,4\n2,11\n3,0\n4,8\n", encoding="utf-8")
    return prices, shadow


def test_wide_files_are_read(tmp_path):
    seen = read(*wide(tmp_path))
    assert seen.buses == ("A", "B") and seen.constraints == ("X",)
    assert seen.energy.tolist() == [21] * 4 and seen.times.tolist() == [1, 2, 3, 4]
    assert read(*wide(tmp_path), reference="A").energy.tolist() == [20, 18.5, 21, 19]


def test_lists_as_ercot_publishes_them_are_read_through_the_hour_that_comes_twice(tmp_path):
    """The autumn change of 2026: 01:00 comes twice on 1 November. A constraint that is not listed does not bind."""
    runs = [("2026-11-01 00:55:16", "N"), ("2026-11-01 01:55:12", "N"), ("2026-11-01 01:00:14", "Y"), ("2026-11-01 02:00:13", "N")]
    with (tmp_path / "lmp.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["SCEDTimestamp", "RepeatedHourFlag", "SettlementPoint", "LMP"])
        out.writerows([t, f, p, 20 + i + len(p)] for i, (t, f) in enumerate(runs) for p in ("HB_WEST", "LZ_S"))
    with (tmp_path / "lambda.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["SCEDTimeStamp", "RepeatedHourFlag", "CappedSystemLambda", "UncappedSystemLambda"])
        out.writerows([t, f, 30 + i, 31 + i] for i, (t, f) in enumerate(runs))
    with (tmp_path / "binding.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["SCEDTimeStamp", "RepeatedHourFlag", "ConstraintID", "ConstraintName", "ContingencyName", "ShadowPrice"])
        out.writerow([*runs[2], 1, "LINE", "BASE CASE", 12.5])
        out.writerow([*runs[3], 1, "LINE", "LOSS", 3])
    seen = read(tmp_path / "lmp.csv", tmp_path / "binding.csv", lambdas=tmp_path / "lambda.csv")
    first = datetime(2026, 11, 1, 5, 55, 16)
    gaps = [timedelta(0), timedelta(minutes=59, seconds=56), timedelta(hours=1, minutes=4, seconds=58), timedelta(hours=2, minutes=4, seconds=57)]
    assert seen.times.tolist() == [first + gap for gap in gaps]
    assert seen.constraints == ("LINE / BASE CASE", "LINE / LOSS")
    assert seen.shadow.tolist() == [[0, 0], [0, 0], [12.5, 0], [0, 3]]
    assert seen.energy.tolist() == [31, 32, 33, 34]
    assert seen.prices.tolist() == [[27, 24], [28, 25], [29, 26], [30, 27]]


@pytest.mark.parametrize(
    ("prices", "shadow", "code", "says"),
    [
        ("hour,A\n1,20\n", "hour,X\n1,4\n", "data-missing-column", "no column called lambda"),
        ("hour,A,lambda\n1,20,21\n2,20,21\n", "hour,X\n1,4\n3,4\n", "data-shape", "same intervals"),
        ("hour,A,lambda\n1,20,21\n2,,21\n", "hour,X\n1,4\n2,4\n", "data-gap", "row 2"),
        ("hour,A,lambda\n1,20,21\n2,oops,21\n", "hour,X\n1,4\n2,4\n", "data-bad-cell", "oops"),
        ("hour,A,lambda\n2,20,21\n1,20,21\n", "hour,X\n2,4\n1,4\n", "data-shape", "must increase"),
        ("time,A,lambda\n1,20,21\n", "hour,X\n1,4\n", "data-missing-column", "no column in common"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(prices, shadow, code, says, tmp_path):
    (tmp_path / "lmp.csv").write_text(prices, encoding="utf-8")
    (tmp_path / "shadow.csv").write_text(shadow, encoding="utf-8")
    with pytest.raises(Refusal, match=says) as raised:
        read(tmp_path / "lmp.csv", tmp_path / "shadow.csv")
    assert raised.value.diagnostics[0].code == code


def test_a_missing_file_suggests_its_neighbour(tmp_path):
    prices, shadow = wide(tmp_path)
    with pytest.raises(Refusal) as raised:
        read(prices.with_name("lmq.csv"), shadow)
    assert "lmp.csv" in raised.value.diagnostics[0].help


def test_the_command_fits_predicts_and_writes(tmp_path, capsys, monkeypatch):
    wide(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["shift-factors", "lmp.csv", "shadow.csv", "--bus", "B", "--predict", "lambda=21,X=4", "--out", "sf.csv"]) == 0
    out = capsys.readouterr().out
    found = fit(read("lmp.csv", "shadow.csv"))
    assert f"{found.factors()[0, 1]:+.5f}" in out and "wrote sf.csv" in out
    rows = list(csv.DictReader(Path("sf.csv").read_text().splitlines()))
    assert [(r["constraint"], r["bus"]) for r in rows] == [("X", "A"), ("X", "B")]
    assert float(rows[1]["factor"]) == pytest.approx(found.factors()[0, 1], rel=1e-6)
    assert main(["shift-factors", "lmp.csv", "shadow.csv", "--predict", "lambda=21,Y=4"]) == 2
    assert "outside-seen" in "".join(capsys.readouterr())
    before = Path("lmp.csv").read_text()
    for wrong in (["--out", "lmp.csv"], ["--score", "0"], ["--predict", ""]):
        assert main(["shift-factors", "lmp.csv", "shadow.csv", *wrong]) == 2
        assert "error[" in "".join(capsys.readouterr())
    assert Path("lmp.csv").read_text() == before
    assert main(["shift-factors", "lmp.csv", "shadow.csv", "--events", "1", "--game", "c.game"]) == 0
    assert main(["check", "c.game"]) == 0
