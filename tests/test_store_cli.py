"""Stores from the shell, as params of a model, and downloads through a package."""

import json
from datetime import date
from pathlib import Path

import pytest
from builders_store import blank, dam_mcpc, dam_spp, rt_spp, write

import opengames as og
from opengames.cli import main
from opengames.diagnostics import Refusal
from opengames.models.store import open_store
from opengames.models.store.live import CALLS, download
from opengames.params import FromFile

DAY, SPRING = date(2026, 1, 5), date(2026, 3, 8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a store of two days and two points."""
    path = tmp_path_factory.mktemp("store")
    files = [
        write(path / "a.csv", dam_spp(DAY, price=lambda n: n + 0.25)), write(path / "b.csv", dam_spp(DAY, price=lambda n: -n, point="HB_WEST")),
        write(path / "c.csv", dam_mcpc(SPRING)), write(path / "d.csv", rt_spp(DAY)),
        write(path / "e.csv", "DeliveryDate,HourEnding,RepeatedHourFlag,ASType,DemandCurvePoint,Quantity,Price\n"
              + "".join(f"01/05/2026,1,N,ECRS,{k},{900 + k},{50.5 * (4 - k)}\n" for k in (1, 2, 3))),
    ]  # fmt: skip
    with open_store(path / "s.duckdb") as store:
        store.load(*files)
    return path


def run(capsys, *argv):
    """Exit status and what was printed to both streams."""
    status = main(list(argv))
    out, err = capsys.readouterr()
    return status, out + err


def data(capsys, *argv):
    status = main([*argv, "--json"])
    return status, json.loads(capsys.readouterr().out)


# ------------------------------------------------------------------------------------------- commands


def test_load_show_and_forget(tmp_path, capsys):
    db, file = str(tmp_path / "s.duckdb"), str(write(tmp_path / "a.csv", dam_spp(DAY) + "01/05/2026,01:00,,1,N\n"))
    status, told = data(capsys, "store", "load", file, "--db", db)
    assert (status, told["ok"]) == (1, False)
    assert told["documents"] == [{
        "name": "a.csv", "feed": "NP4-190-CD", "there_already": False, "rows": 25, "kept": 24, "blank": 0, "repeated": 0, "rejected": 1,
    }]  # fmt: skip
    assert data(capsys, "store", "load", file, "--db", db)[1]["documents"][0]["there_already"]
    status, told = data(capsys, "store", "show", "--db", db)
    assert (status, told["views"][0]["rows"], told["views"][0]["from_utc"]) == (0, 24, "2026-01-05T06:00:00")
    status, told = data(capsys, "store", "rejected", "--db", db)
    assert (status, told["rejected"][0]["line"], told["rejected"][0]["column"]) == (1, 26, "SettlementPoint")
    assert run(capsys, "store", "forget", "a.csv", "--db", db) == (0, "forgot 1 document of a.csv\n")
    assert run(capsys, "store", "rejected", "--db", db) == (0, "no row was rejected\n")
    assert run(capsys, "store", "conflicts", "--db", db) == (0, "nothing is in conflict\n")


def test_a_refused_load_leaves_no_store_behind(tmp_path, capsys):
    db = tmp_path / "s.duckdb"
    status, said = run(capsys, "store", "load", str(write(tmp_path / "a.csv", "x,y\n1,2\n")), "--db", str(db))
    assert status == 2 and "error[unknown-feed]" in said and not db.exists()


def test_gaps_and_exports_from_the_shell(folder, tmp_path, capsys):
    db = str(folder / "s.duckdb")
    assert run(capsys, "store", "gaps", "lmp", "--db", db) == (0, "`lmp` has no gaps\n")
    status, told = data(capsys, "store", "gaps", "lmp", "--where", "point=HB_WEST", "--to", "2026-01-06", "--db", db)
    assert status == 1 and [(g["from_utc"], g["missing"]) for g in told["gaps"]] == [("2026-01-06T06:00:00", 24)]
    out = tmp_path / "out.parquet"
    assert run(capsys, "store", "export", "lmp", str(out), "--where", "point=HB_WEST", "--db", db) == (0, f"wrote {out}: 24 rows of lmp\n")
    assert "NP6-905-CD" in run(capsys, "store", "feeds")[1]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["lod"], "bad-option"),
        (["load"], "bad-option"),
        (["show", "--strict"], "bad-option"),
        (["show", "--db", "none.duckdb"], "data-no-such-file"),
        (["gaps", "lmpp"], "unknown-name"),
        (["gaps", "lmp", "--where", "place=x"], "missing-column"),
        (["gaps", "lmp", "--from", "January"], "bad-option"),
        (["gaps", "shadow_price"], "unsuited-view"),
        (["export", "lmp", "out.xls"], "bad-option"),
        (["export", "lmp", "nowhere/out.csv"], "no-such-file"),
        (["export", "lmp", "out.csv", "--where", "hour_ending=one"], "bad-argument"),
        (["load", "a.csv", "--published", "now"], "bad-option"),
        (["download", "NP9", "2026-01-05"], "unknown-feed"),
        (["download", "NP6-332-CD", "today"], "bad-option"),
        (["forget", "z.csv"], "data-no-such-file"),
    ],
)
def test_what_cannot_be_done_is_refused(folder, capsys, monkeypatch, words, code):
    monkeypatch.chdir(folder)
    status, told = data(capsys, "store", *words, *([] if "--db" in words else ["--db", "s.duckdb"]))
    assert (status, told["diagnostics"][0]["code"]) == (2, code)


# --------------------------------------------------------------------------------------------- params


PRICES = """
type Hour = 1..24
param price: real $[Hour]
query last = price[24]
query all = sum(price[t] for t in Hour)
"""


def test_a_param_is_filled_from_a_day_of_a_store(folder):
    model = og.loads(PRICES).with_params(price=FromFile(str(folder / "s.duckdb"), "lmp,market=DAM,point=HB_NORTH,day=2026-01-05"))
    assert str(model.query("last").value) == "93/4"
    assert str(model.query("all").value) == str(sum(range(24)) + 6)


def test_a_param_of_two_indices_takes_several_series(folder):
    text = """
    type Point = HB_NORTH | HB_WEST
    type Hour_ending = 1..24
    param price: real $[Point, Hour_ending]
    query west = price[HB_WEST, 24]
    query north = price[HB_NORTH, 1]
    """
    model = og.loads(text).with_params(price=FromFile(str(folder / "s.duckdb"), "lmp,market=DAM,day=2026-01-05"))
    assert (str(model.query("west").value), str(model.query("north").value)) == ("-23", "1/4")


def test_a_curve_fills_a_param_of_records(folder):
    text = """
    type Point = 1..3
    param curve: (mw: real, price: real)[Point]
    query middle = curve[2].mw + curve[2].price
    """
    model = og.loads(text).with_params(curve=FromFile(str(folder / "s.duckdb"), "asdc,product=ECRS,delivery_date=2026-01-05"))
    assert str(model.query("middle").value) == "1003"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (None, "bad-option"),
        ("lmp,market", "bad-option"),
        ("lmp,day=5", "bad-option"),
        ("lmp,node=1", "missing-column"),
        ("lmps", "unknown-name"),
        ("lmp,market=DAM,day=2026-01-05", "data-shape"),
        ("lmp,market=DAM,point=HB_EAST,day=2026-01-05", "data-shape"),
        ("lmp,market=DAM,point=HB_WEST,from=2026-01-05,to=2026-01-06", "series-with-gap"),
        ("lmp.cost,market=DAM,point=HB_WEST,day=2026-01-05", "data-missing-column"),
        ("mcpc,product=RRS,day=2026-03-08", "data-too-short"),
        ("lmp,market=RT_15,day=2026-01-05", "data-too-long"),
    ],
)
def test_what_a_store_cannot_fill_is_refused(folder, said, code):
    with pytest.raises(Refusal) as raised:
        og.loads(PRICES).with_params(price=FromFile(str(folder / "s.duckdb"), said))
    assert raised.value.diagnostics[0].code == code


@pytest.mark.parametrize(
    ("day", "hours", "code", "said"),
    [
        ("03/08/2026", [h for h in range(1, 25) if h != 3], "data-too-short", "2026-03-08 has 23 hours: the clocks skip one"),
        ("11/01/2026", [1, 2, *range(2, 25)], "data-too-long", "2026-11-01 has 25 hours: the clocks go through one twice"),
    ],
)
def test_a_day_on_which_the_clocks_change_says_so(tmp_path, capsys, day, hours, code, said):
    rows = [f"{day},{h:02d}:00,HB,{h},{'Y' if i and hours[i - 1] == h else 'N'}" for i, h in enumerate(hours)]
    (tmp_path / "d.csv").write_text("\n".join(["DeliveryDate,HourEnding,SettlementPoint,SettlementPointPrice,DSTFlag", *rows]) + "\n")
    data(capsys, "store", "load", str(tmp_path / "d.csv"), "--db", str(tmp_path / "c.duckdb"))
    month, date, year = day.split("/")
    asked = FromFile(str(tmp_path / "c.duckdb"), f"lmp,point=HB,day={year}-{month}-{date}")
    with pytest.raises(Refusal) as raised:
        og.loads(PRICES).with_params(price=asked)
    (found,) = raised.value.diagnostics
    assert (found.code, found.notes) == (code, (said,))
    as_many = PRICES.replace("1..24", f"1..{len(hours)}").replace("price[24]", f"price[{len(hours)}]")
    assert str(og.loads(as_many).with_params(price=asked).query("last").value) == "24"


# ------------------------------------------------------------------------------------------- downloads


class Frame:
    """What the package returns, as far as a download looks at it."""

    def __init__(self, text):
        self.text = text

    def __len__(self):
        return len(self.text.splitlines()) - 1

    def to_csv(self, path, index):
        assert index is False
        Path(path).write_text(self.text, encoding="utf-8")


class Package:
    """Stands in for `gridstatus`: notes how it is called."""

    class Markets:
        REAL_TIME_15_MIN = "REAL_TIME_15_MIN"
        DAY_AHEAD_HOURLY = "DAY_AHEAD_HOURLY"

    def __init__(self, text):
        self.calls = []
        package = self

        class Ercot:
            def __getattr__(self, name):
                return lambda **given: package.calls.append((name, given)) or Frame(text)

        self.Ercot = Ercot


SPP = """Time,Interval Start,Interval End,Location,Location Type,Market,SPP
x,2026-11-01 01:00:00-05:00,2026-11-01 01:15:00-05:00,HB_NORTH,Trading Hub,REAL_TIME_15_MIN,20.5
x,2026-11-01 01:00:00-06:00,2026-11-01 01:15:00-06:00,HB_NORTH,Trading Hub,REAL_TIME_15_MIN,21.5
"""


def test_a_download_asks_once_and_loads(tmp_path):
    package = Package(SPP)
    file = download("np6-905-cd", date(2026, 11, 1), tmp_path, package=package)
    assert package.calls == [("get_spp", {"date": "2026-11-01", "end": "2026-11-02", "market": "REAL_TIME_15_MIN"})]
    with blank() as store:
        assert store.load(file)[0].feed == "gridstatus-spp"
        assert [(str(r[0]), r[1]) for r in store.rows("lmp", ("start_utc", "price"), market="RT_15")] == [
            ("2026-11-01 06:00:00", 20.5), ("2026-11-01 07:00:00", 21.5),
        ]  # fmt: skip
    with pytest.raises(Refusal, match="file-exists"):
        download("NP6-905-CD", date(2026, 11, 1), tmp_path, package=package)


@pytest.mark.parametrize("feed", CALLS)
def test_every_download_is_a_call_that_the_package_has(tmp_path, feed):
    package = Package("head\n")
    with pytest.raises(Refusal, match="no-download"):
        download(feed, DAY, tmp_path, package=package)
    ((_, given),) = package.calls
    assert given["date"] == "2026-01-05" and set(given) <= {"date", "end", "market"}
    assert not list(tmp_path.iterdir())


@pytest.mark.slow  # the package takes seconds to import
def test_the_package_has_the_methods_that_are_called(tmp_path):
    import inspect

    gridstatus = pytest.importorskip("gridstatus")
    for feed in CALLS:
        package = Package("head\n")
        with pytest.raises(Refusal, match="no-download"):
            download(feed, DAY, tmp_path, package=package)
        ((name, given),) = package.calls
        assert set(given) <= set(inspect.signature(getattr(gridstatus.Ercot, name)).parameters), name
    assert {"REAL_TIME_15_MIN", "DAY_AHEAD_HOURLY"} <= set(dir(gridstatus.Markets))


def test_without_the_package_a_download_says_what_to_install(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "gridstatus", None)
    with pytest.raises(Refusal) as raised:
        download("NP6-332-CD", DAY, tmp_path)
    assert (raised.value.diagnostics[0].code, "opengames[live]" in raised.value.diagnostics[0].help) == ("no-download", True)


def test_gaps_of_what_is_not_there_are_not_called_none(folder, capsys):
    db = str(folder / "s.duckdb")
    for words in (["lmp", "--where", "point=HB_EAST"], ["load"]):
        status, said = run(capsys, "store", "gaps", *words, "--db", db)
        assert (status, "has no gaps" in said) == (2, False)
        assert "rows" in said
    status, said = run(capsys, "store", "gaps", "lmp", "--from", "2026-01-06", "--to", "2026-01-05", "--db", db)
    assert status == 2
    assert "2026-01-06, lies after the last, 2026-01-05" in said


def test_a_series_with_no_row_between_the_days_is_a_gap_beside_others_that_have_some(tmp_path, capsys):
    db = str(tmp_path / "s.duckdb")
    files = [write(tmp_path / f"{i}.csv", dam_spp(day, point=point))
             for i, (day, point) in enumerate([(DAY, "HB_WEST"), (DAY, "HB_NORTH"), (date(2026, 1, 6), "HB_NORTH")])]  # fmt: skip
    with open_store(db) as store:
        store.load(*files)
    status, told = data(capsys, "store", "gaps", "lmp", "--from", "2026-01-06", "--to", "2026-01-06", "--db", db)
    assert status == 1
    assert [(g["series"]["point"], g["from_utc"], g["to_utc"]) for g in told["gaps"]] == [("HB_WEST", "2026-01-06T06:00:00", "2026-01-07T06:00:00")]


def test_some_of_many_points_fill_a_param_of_two_indices(folder, tmp_path):
    text = "type Hour = 1..24\ntype Point = HB_WEST | HB_NORTH\nparam price: real[Point, Hour]\nquery west = sum(price[HB_WEST, t] for t in Hour)"
    one = og.loads(text.replace("HB_WEST | HB_NORTH", "HB_NORTH | HB_WEST"), "m.game")
    said = f"{folder / 's.duckdb'}:lmp,market=DAM,point=HB_NORTH|HB_WEST,day=2026-01-05"
    assert float(one.with_data(price=said).query("west")) == -sum(range(24))
    with pytest.raises(Refusal, match="`point=HB_EAST`"):
        one.with_data(price=said.replace("|HB_WEST", "|HB_EAST")).query("west")
    with pytest.raises(Refusal):  # the other way round would give each the other's prices
        og.loads(text, "m.game").with_data(price=said).query("west")
