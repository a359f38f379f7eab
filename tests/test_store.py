"""The operator's feeds: known by their columns, placed in time, what cannot be read set apart."""

import csv
import io
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest
from builders_store import PRODUCTS, blank, dam_mcpc, dam_spp, hours_of, loaded, rt_spp, write, zipped
from hypothesis import example, given, settings
from hypothesis import strategies as st

from opengames.diagnostics import Refusal
from opengames.models.store.clock import FIRST, LAST, delivery_day, from_utc, local_stamp, to_utc
from opengames.models.store.feeds import FEEDS, REPORTS, place, recognise

SPRING, AUTUMN, PLAIN = date(2026, 3, 8), date(2026, 11, 1), date(2026, 9, 29)
CENTRAL = ZoneInfo("America/Chicago")
DATA = Path(__file__).parents[1] / ".." / "shared" / "data" / "ercot"
days = st.dates(FIRST, LAST)


def refused(function, *args, **more):
    with pytest.raises(Refusal) as raised:
        function(*args, **more)
    return raised.value.diagnostics[0]


# ------------------------------------------------------------------------------------- local time and UTC


@given(days, st.integers(1, 24), st.booleans(), st.integers(0, 3599))
@example(SPRING, 3, False, 0)
@example(AUTUMN, 2, True, 1799)
@example(AUTUMN, 2, False, 1799)
@example(SPRING, 4, False, 0)
def test_local_time_and_utc_undo_each_other(day, hour, again, second):
    about = delivery_day(day)
    if hour == about.skipped or (again and hour != about.repeated):
        with pytest.raises(ValueError, match="no"):
            to_utc(day, hour, again)
        return
    into = timedelta(seconds=second)
    at = to_utc(day, hour, again, into)
    back = from_utc(at)
    assert (back.day, back.hour_ending, back.repeated, back.into) == (day, hour, again, into)
    # the clock of the standard library, where `fold` is the pass
    local = datetime(day.year, day.month, day.day, hour - 1, fold=int(again), tzinfo=CENTRAL)
    assert local.astimezone(UTC).replace(tzinfo=None) + into == at


@given(days)
def test_a_day_has_as_many_hours_as_there_are_between_midnights(day):
    about = delivery_day(day)
    assert (delivery_day(day + timedelta(days=1)).midnight - about.midnight) == timedelta(hours=about.hours)
    assert about.hours == len(hours_of(day)) == 24 - (about.skipped > 0) + (about.repeated > 0)


@given(st.datetimes(datetime(2001, 1, 1), datetime(2048, 1, 1)))
def test_every_instant_falls_on_one_hour(instant):
    at = from_utc(instant)
    assert to_utc(at.day, at.hour_ending, at.repeated, at.into) == instant


def test_what_was_published_in_the_repeated_hour_counts_as_of_its_second_pass():
    assert local_stamp("20261101", "013000") == datetime(2026, 11, 1, 7, 30)
    assert local_stamp("20260929", "120017") == datetime(2026, 9, 29, 17, 0, 17)
    assert local_stamp("20269929", "120017") is None


# ------------------------------------------------------------------------------------------ recognition


def published(feed):
    """A header with the columns of a feed as published."""
    return tuple(c.names[0] for c in feed.fields)


@pytest.mark.parametrize("feed", FEEDS, ids=lambda f: f.name)
def test_every_feed_is_known_by_its_columns_in_any_order(feed):
    header = feed.spelled or ()
    plain = {name.replace(" ", "") for name in header}
    names = tuple(n for n in published(feed) if n.replace(" ", "") not in plain) + header
    assert recognise(names, "f").name == feed.name
    assert recognise(names[::-1], "f").name == feed.name
    assert recognise(("\tnotes ", *names), "f").name == feed.name


COLUMNS = {
    "NP6-788-CD": "SCEDTimestamp,RepeatedHourFlag,SettlementPoint,LMP",
    "NP6-322-CD": "SCEDTimeStamp,RepeatedHourFlag,CappedSystemLambda,UncappedSystemLambda",
    "NP6-86-CD": "SCEDTimeStamp,RepeatedHourFlag,ConstraintID,ConstraintName,ContingencyName,ShadowPrice,MaxShadowPrice,Limit,Value,"
    "ViolatedMW,FromStation,ToStation,FromStationkV,ToStationkV,CCTStatus",
    "NP6-332-CD": "SCEDTimestamp,RepeatedHourFlag,ASType,MCPC",
    "NP6-331-CD": "DeliveryDate,DeliveryHour,DeliveryInterval,RepeatedHourFlag,ASType,MCPC",
    "NP6-796-ER": "Delivery Date,Delivery Hour,Delivery Interval,AS Type,MCPC,Repeated Hour Flag",
    "NP6-905-CD": "DeliveryDate,DeliveryHour,DeliveryInterval,SettlementPointName,SettlementPointType,SettlementPointPrice,DSTFlag",
    "NP4-188-CD": "DeliveryDate,HourEnding,AncillaryType,MCPC,DSTFlag",
    "NP4-190-CD": "DeliveryDate,HourEnding,SettlementPoint,SettlementPointPrice,DSTFlag",
    "NP4-212-CD": "DeliveryDate,HourEnding,RepeatedHourFlag,ASType,DemandCurvePoint,Quantity,Price",
    "NP4-33-CD": "DeliveryDate,HourEnding,AncillaryType,Quantity,DSTFlag",
    "NP6-345-CD": "OperDay,HourEnding,COAST,EAST,FAR_WEST,NORTH,NORTH_C,SOUTHERN,SOUTH_C,WEST,TOTAL,DSTFlag",
    "NP3-565-CD": "DeliveryDate,HourEnding,Coast,East,FarWest,North,NorthCentral,SouthCentral,Southern,West,SystemTotal,Model,InUseFlag,DSTFlag",
}
"""The header of each report, as published."""


@pytest.mark.parametrize("name", COLUMNS)
def test_the_published_headers_are_known(name):
    header = tuple(COLUMNS[name].split(","))
    feed = recognise(header, "f")
    assert feed.name == name
    assert all(place(c, header) is not None for c in feed.needed)


def test_every_report_has_its_header_here():
    assert set(COLUMNS) == {f.name for f in REPORTS}


def test_capped_prices_of_the_later_form_are_read(tmp_path):
    text = "SCEDTimestamp,RepeatedHourFlag,ASType,CappedMCPC,UncappedMCPC\n09/29/2026 11:25:17,N,RRS,5000,7000.01\n"
    with loaded(tmp_path, text) as store:
        assert store.rows("mcpc", ("price", "uncapped")) == [(5000.0, 7000.01)]


@pytest.mark.parametrize(
    ("header", "code", "said"),
    [
        ("DeliveryDate,HourEnding,AncillaryType,DSTFlag", "missing-column", ("MCPC", "NP4-188-CD")),
        ("SCEDTimestamp,RepeatedHourFlag,ASType,Price", "missing-column", ("MCPC", "NP6-332-CD")),
        ("DeliveryDate,DeliveryHour,SettlementPointName,SettlementPointType,SettlementPointPrice", "missing-column", ("DeliveryInterval",)),
        ("first,second", "unknown-feed", ("first", "NP6-905-CD")),
        ("Bus,Name", "unknown-feed", ("Bus",)),
    ],
)
def test_columns_that_fit_nothing_are_refused_by_name(tmp_path, header, code, said):
    with blank() as store:
        found = refused(store.load, write(tmp_path / "odd.csv", header + "\n1,2,3,4\n"))
        assert found.code == code
        whole = " ".join([found.headline, *found.notes, found.help])
        assert all(word in whole for word in said), whole
        assert store.rows("documents") == []


def test_a_renamed_column_is_guessed(tmp_path):
    with blank() as store:
        header = "DeliveryDate,HourEnding,AncillaryType,MCPCs,DSTFlag"
        assert "`MCPCs`" in refused(store.load, write(tmp_path / "odd.csv", header + "\n")).help


# --------------------------------------------------------------------------------------- times and cells


@pytest.mark.parametrize("day", [SPRING, AUTUMN, PLAIN])
def test_the_hours_of_a_day_follow_each_other_whatever_the_clocks_do(tmp_path, day):
    with loaded(tmp_path, dam_mcpc(day, price=lambda product, n: n)) as store:
        rows = store.rows("mcpc", ("start_utc", "end_utc", "delivery_date", "hour_ending", "repeated", "price"), product="RRS")
    midnight = datetime(day.year, day.month, day.day, tzinfo=CENTRAL).astimezone(UTC).replace(tzinfo=None)
    hour = timedelta(hours=1)
    assert [(r[0], r[1], r[5]) for r in rows] == [(midnight + n * hour, midnight + (n + 1) * hour, n) for n in range(len(hours_of(day)))]
    assert [(r[3], "Y" if r[4] else "N") for r in rows] == hours_of(day)
    assert {r[2] for r in rows} == {day}


def test_quarters_and_runs_agree_with_another_librarys_clock(tmp_path):
    import pandas as pd

    for day in (SPRING, AUTUMN):
        with loaded(tmp_path, rt_spp(day)) as store:
            found = [r[0] for r in store.rows("lmp", ("start_utc",))]
        grid = pd.date_range(str(day), str(day + timedelta(days=1)), freq="15min", tz="America/Chicago", inclusive="left")
        assert found == list(grid.tz_convert(None).to_pydatetime())
    # SCED stamps, off the grid, through the hours that come twice
    grid = pd.date_range("2026-11-01 00:00:17", "2026-11-01 04:00", freq="4min57s", tz="America/Chicago")
    fold = [t.utcoffset() == timedelta(hours=-6) and t.hour == 1 for t in grid]
    rows = [f"{t:%m/%d/%Y %H:%M:%S},{'Y' if f else 'N'},REGDN,-0.01" for t, f in zip(grid, fold, strict=True)]
    with loaded(tmp_path, "SCEDTimestamp,RepeatedHourFlag,ASType,MCPC\n" + "\n".join(rows)) as store:
        found = store.rows("mcpc", ("start_utc", "end_utc", "price", "repeated"))
        assert store.rows("rejected") == []
    assert [r[0] for r in found] == list(grid.tz_convert(None).to_pydatetime())
    assert {r[1:3] for r in found} == {(None, -0.01)}
    assert sum(r[3] for r in found) == sum(fold)


@given(st.lists(st.tuples(days, st.integers(1, 24), st.integers(1, 4), st.booleans()), min_size=1, max_size=300, unique=True))
@settings(max_examples=3)
@example([(day, hour, 1, again) for day in (SPRING, AUTUMN, PLAIN) for hour in range(1, 25) for again in (False, True)])
def test_rows_are_placed_where_the_clock_says_or_rejected(rows):
    text = "DeliveryDate,DeliveryHour,DeliveryInterval,RepeatedHourFlag,ASType,MCPC\n"
    text += "".join(f"{day:%m/%d/%Y},{hour},{quarter},{'Y' if again else 'N'},RRS,{n}\n" for n, (day, hour, quarter, again) in enumerate(rows))
    wanted, odd = {}, set()
    for n, (day, hour, quarter, again) in enumerate(rows):
        try:
            wanted[n] = to_utc(day, hour, again, timedelta(minutes=15 * (quarter - 1)))
        except ValueError:
            odd.add(n + 2)
    with TemporaryDirectory() as folder, loaded(folder, text) as store:
        found = store.rows("mcpc", ("price", "start_utc", "delivery_date", "hour_ending", "interval", "repeated"))
        assert {int(r[0]): r[1] for r in found} == wanted
        assert {r[4] for r in store.rows("rejected")} == odd
        assert all(r[2:] == rows[int(r[0])][:3] + rows[int(r[0])][3:] for r in found)


def test_without_a_flag_the_second_row_of_an_hour_is_its_second_pass(tmp_path):
    text = "delivery_date,hour_ending,settlement_point,dam_lmp,rtm_lmp\n" + "".join(
        f"{AUTUMN},{hour},{point},{10 * n + k},{n}\n" for n, (hour, _) in enumerate(hours_of(AUTUMN)) for k, point in enumerate("AB")
    )
    with loaded(tmp_path, text) as store:
        assert [r[0] for r in store.rows("lmp", ("price",), market="DAM", point="B")] != []
        rows = store.rows("lmp", ("start_utc", "price"), market="DAM", point="B")
        assert [price for _, price in rows] == [10 * n + 1 for n in range(25)]


WRONG = [
    ("09/29/2026,25:00,RRS,1,N", "HourEnding", "no hour ending"),
    ("09/29/2026,0,RRS,1,N", "HourEnding", "no hour ending"),
    ("03/08/2026,03:00,RRS,1,N", "HourEnding", "skip"),
    ("09/29/2026,02:00,RRS,1,Y", "DSTFlag", "twice"),
    ("11/01/2026,03:00,RRS,1,Y", "DSTFlag", "twice"),
    ("09/29/2026,02:00,RRS,1,maybe", "DSTFlag", "neither"),
    ("29/09/2026,02:00,RRS,1,N", "DeliveryDate", "no date"),
    (",02:00,RRS,1,N", "DeliveryDate", "nothing"),
    ("09/29/1926,02:00,RRS,1,N", "DeliveryDate", "outside"),
    ("09/29/2026,02:00,,1,N", "AncillaryType", "nothing"),
    ("09/29/2026,02:00,Not Applicable,1,N", "AncillaryType", "no ancillary"),
    ("09/29/2026,02:00,RRS,,N", "MCPC", "nothing"),
    ("09/29/2026,02:00,RRS,nan,N", "MCPC", "nothing"),
    ("09/29/2026,02:00,RRS,1 $,N", "MCPC", "no number"),
    ("09/29/2026,02:00,RRS,1e999,N", "MCPC", "no number"),
    ("09/29/2026,02:00,RRS", "MCPC", "nothing"),
    ("09/29/2026,02:00,RRS,1,N,9", None, "more cells"),
]


@pytest.fixture(scope="module")
def wrong_rows(tmp_path_factory):
    head = "DeliveryDate,HourEnding,AncillaryType,MCPC,DSTFlag\n"
    text = head + "09/29/2026,01:00,RRS,1,N\n" + "\n".join(row for row, _, _ in WRONG) + "\n09/29/2026,24:00,RRS,2,N\n"
    with loaded(tmp_path_factory.mktemp("wrong"), text) as store:
        yield store.rows("rejected"), store.rows("mcpc", ("hour_ending", "price"))


@pytest.mark.parametrize("i", range(len(WRONG)), ids=lambda i: WRONG[i][0])
def test_a_row_that_cannot_be_read_is_kept_with_line_column_and_reason(wrong_rows, i):
    text, column, reason = WRONG[i]
    (found,) = [r for r in wrong_rows[0] if r[4] == i + 3]
    assert (found[0], found[3], found[5]) == ("part0.csv", "line", column)
    assert reason in found[7] and found[8].startswith(text[:20])
    assert column is None or found[6] is None or found[6] in text.split(",")


def test_the_rows_beside_wrong_ones_are_kept(wrong_rows):
    assert wrong_rows[1] == [(1, 1.0), (24, 2.0)]


def test_quotes_signs_and_line_ends_of_all_sorts_are_read(tmp_path):
    text = '\ufeff"Delivery Date" , Hour Ending,Settlement Point,Settlement Point Price,DST Flag \r\n' \
           '9/29/2026,1:00,"A, north ""1""", -1.5,N\r\n\r\n2026-09-29,2,"B\nC","20",\r\n'  # fmt: skip
    with loaded(tmp_path, text) as store:
        assert store.rows("rejected") == []
        assert store.rows("lmp", ("point", "hour_ending", "price")) == [('A, north "1"', 1, -1.5), ("B\nC", 2, 20.0)]


def test_a_line_is_counted_as_an_editor_does(tmp_path):
    text = 'DeliveryDate;HourEnding;SettlementPoint;SettlementPointPrice\n09/29/2026;1;"A\nB";1\n\n09/29/2026;2;A;x\n'
    with loaded(tmp_path, text) as store:
        assert [r[4] for r in store.rows("rejected")] == [5]


def test_a_point_may_have_two_prices_of_two_kinds(tmp_path):
    head, row = rt_spp(PLAIN).splitlines()[:2]
    text = "\n".join([head, row.replace("HU", "LZ"), row.replace("HU", "LZEW").replace("20.0", "21")])
    with loaded(tmp_path, text) as store:
        assert store.rows("lmp", ("kind", "price")) == [("LZ", 20.0), ("LZEW", 21.0)]
        assert store.rows("conflicts") == store.rows("rejected") == []


def test_a_document_that_contradicts_itself_keeps_what_it_says_first(tmp_path):
    head, row = dam_spp(PLAIN).splitlines()[:2]
    with loaded(tmp_path, "\n".join([head, row, row, row.replace("20.0", "21")])) as store:
        assert [r[0] for r in store.rows("lmp", ("price",))] == [20.0]
        assert [(r[4], r[7]) for r in store.rows("rejected")] == [(4, "line 2 says otherwise")]


LOAD = """OperDay,HourEnding,COAST,EAST,FAR_WEST,NORTH,NORTH_C,SOUTHERN,SOUTH_C,WEST,TOTAL,DSTFlag
09/28/2026,01:00,15634.67,1931.13,7675.68,1686.86,16704.14,5028.49,9970.70,1840.18,60471.86,N
"""
FORECAST = COLUMNS["NP3-565-CD"] + """
09/29/2026,1:00,15258.5,1962,7651.5,1719.7,17169.9,10240.6,5044.4,2058.7,61105.6,A3,N,N
09/29/2026,1:00,15299.7,1951,7762.6,1649.4,17126.6,10582.7,5151.1,2136.4,61659.8,E1,Y,N
"""
CONSTRAINTS = COLUMNS["NP6-86-CD"] + """
09/21/2026 16:55:23,N,24,CONCHO_HARI1_A,XBAL89,0,2800,29.4,29.3,-0.2,CONCHO,HARI,69,69,NONCOMP
09/21/2026 16:55:23,N,27,NELRIO,BASE CASE,49.92439,5251,867,867,0,,,0,0,NONCOMP
"""
CURVES = COLUMNS["NP4-212-CD"] + "\n09/29/2026,24:00,N,ECRS,1,900,5050\n09/29/2026,24:00,N,ECRS,2,901,4100.5\n"


def test_load_forecasts_constraints_and_curves_keep_their_columns(tmp_path):
    with loaded(tmp_path, LOAD, FORECAST, CONSTRAINTS, CURVES) as store:
        assert store.rows("rejected") == []
        actual = store.rows("load", ("zone", "mw"), kind="actual")
        assert len(actual) == 9 and dict(actual)["TOTAL"] == pytest.approx(sum(v for z, v in actual if z != "TOTAL"), abs=0.02)
        assert store.rows("load", ("model", "in_use", "mw"), zone="SOUTH_C", kind="forecast") == [("A3", False, 10240.6), ("E1", True, 10582.7)]
        assert store.rows("shadow_price", ("constraint_name", "contingency", "price", "most", "violated_mw", "to_station", "cct")) == [
            ("CONCHO_HARI1_A", "XBAL89", 0.0, 2800.0, -0.2, "HARI", "NONCOMP"), ("NELRIO", "BASE CASE", 49.92439, 5251.0, 0.0, "", "NONCOMP"),
        ]  # fmt: skip
        assert store.rows("asdc", ("product", "point", "mw", "price", "start_utc")) == [
            ("ECRS", 1, 900.0, 5050.0, datetime(2026, 9, 30, 4)), ("ECRS", 2, 901.0, 4100.5, datetime(2026, 9, 30, 4)),
        ]  # fmt: skip


# ------------------------------------------------------------------------------------------------ archives


def test_zips_within_zips_parquet_and_workbooks_are_opened(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as parquet

    table = io.BytesIO()
    rows = list(csv.DictReader(io.StringIO(dam_spp(SPRING))))
    parquet.write_table(pa.table({k: [r[k] for r in rows] for k in rows[0]}), table)
    inner = zipped(a__csv=dam_mcpc(SPRING), readme__md="nothing")
    packed = zipped(inner__zip=inner, b__parquet=table.getvalue(), c__csv="first,second\n1,2\n")
    with blank() as store:
        found = store.load(write(tmp_path / "all.zip", packed))
        assert [(x.name, x.feed) for x in found] == [
            ("all.zip:b.parquet", "NP4-190-CD"), ("all.zip:inner.zip/a.csv", "NP4-188-CD"), ("all.zip:c.csv", ""),
        ]  # fmt: skip
        assert len(store.rows("lmp")) == 23 and len(store.rows("mcpc")) == 23 * 5


def test_a_history_workbook_is_read_sheet_by_sheet(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["Report Info"])
    sheet = book.create_sheet("Dec")
    sheet.append(COLUMNS["NP6-796-ER"].split(","))
    for quarter in range(1, 5):
        sheet.append([datetime(2025, 12, 5), 1, quarter, "RRS", 0.5 * quarter, "N"])
    book.save(tmp_path / "HIST.xlsx")
    with blank() as store:
        assert {x.feed for x in store.load(tmp_path / "HIST.xlsx")} == {"NP6-796-ER", ""}
        assert store.rows("mcpc", ("market", "start_utc", "price"))[0] == ("RT_15", datetime(2025, 12, 5, 6), 0.5)


@pytest.mark.parametrize(
    ("name", "contents", "code"),
    [
        ("empty.csv", b"", "data-unreadable"),
        ("latin.csv", "Preis,Größe\n".encode("latin-1"), "data-unreadable"),
        ("twice.csv", b"LMP,LMP\n1,2\n", "data-unreadable"),
        ("half.zip", zipped(a__csv="x")[:40], "data-unreadable"),
        ("half.parquet", b"PAR1xxxx", "data-unreadable"),
        ("odd.xlsx", zipped(**{"xl/workbook__xml": "<x"}), "data-unreadable"),
        ("none.zip", zipped(readme__md="x"), "data-unreadable"),
        ("open.csv", b'LMP,"x\n1,2\n', "data-unreadable"),
    ],
    ids=lambda x: x if isinstance(x, str) else "contents",  # an archive has the time in it
)
def test_files_that_cannot_be_read_are_refused(tmp_path, name, contents, code):
    with blank() as store:
        assert refused(store.load, write(tmp_path / name, contents)).code == code


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with blank() as store:
        assert refused(store.load, tmp_path / "none.csv").code == "data-no-such-file"


# ------------------------------------------------------------------------------------------------ a peer


@pytest.mark.slow  # the package takes seconds to import
def test_gridstatus_places_the_same_rows_at_the_same_instants(tmp_path):
    gridstatus = pytest.importorskip("gridstatus")
    import pandas as pd

    stamps = [("10/31/2026 23:55:13", "N"), ("11/01/2026 01:30:14", "N"), ("11/01/2026 01:30:15", "Y"), ("11/01/2026 02:00:10", "N")]
    text = "SCEDTimestamp,RepeatedHourFlag,ASType,MCPC\n" + "".join(f"{at},{flag},{p},1.5\n" for at, flag in stamps for p in PRODUCTS)
    frame = gridstatus.Ercot()._handle_mcpc_sced(pd.read_csv(io.StringIO(text)))
    theirs = [t.to_pydatetime() for t in frame["SCED Timestamp"].dt.tz_convert(None)]
    with loaded(tmp_path, text) as ours, loaded(tmp_path, frame.to_csv(index=False)) as through:
        rows = ours.rows("mcpc", ("start_utc", "product", "price"))
        assert sorted(r[0] for r in rows) == sorted(theirs)
        assert through.rows("documents", ("feed",)) == [("gridstatus-mcpc-sced",)]
        assert through.rows("mcpc", ("start_utc", "product", "price")) == rows


# ----------------------------------------------------------------------------------- data of the project


def real(name):
    """A store with one file of the project's data."""
    if not DATA.exists():
        pytest.skip(f"the project's data is not at {DATA}")
    store = blank()
    store.load(DATA / name)
    return store


@pytest.mark.slow
def test_real_ancillary_prices_have_their_published_means():
    """The means that the note beside the data gives, of local days, cents."""
    mean = "SELECT round(avg(price), 2) FROM mcpc WHERE product = ? AND delivery_date BETWEEN ? AND ?"
    told = {"REGUP": (3.53, 2.02), "REGDN": (2.01, 1.51), "RRS": (3.18, 1.57), "ECRS": (2.59, 1.52), "NSPIN": (3.60, 3.58)}
    with real("dam_as_and_genmix_hourly_2024_2026.parquet") as store:
        for product, (before, after) in told.items():
            assert store.connection.execute(mean, [product, date(2025, 11, 5), date(2025, 12, 4)]).fetchone()[0] == before
            assert store.connection.execute(mean, [product, date(2025, 12, 5), date(2026, 1, 20)]).fetchone()[0] == after


def test_the_real_battery_fleet_adds_up():
    with real("esr_fleet_5min_20251108_09.csv") as store:
        rows = store.rows("storage", ("charging_mw", "discharging_mw", "net_mw"))
        assert len(rows) == 475
        assert max(abs(c + d - n) for c, d, n in rows) < 2e-3
        assert store.rows("storage", ("start_utc", "hour_ending"))[0] == (datetime(2025, 11, 8, 6), 1)


@pytest.mark.slow
def test_two_real_sources_agree_on_the_hub_average():
    """As the note beside the data says: 98.9 % of 16,454 shared hours agree to the cent, and 77 % of those in January 2024."""
    if not DATA.exists():
        pytest.skip(f"the project's data is not at {DATA}")
    with blank() as store:
        store.load(DATA / "spp_hourly_2024_2026.parquet", DATA / "hubavg_da_load_temp_hourly_2024_2025.parquet")
        both = """SELECT max(price) - min(price) < 0.0101 AS same, min(delivery_date) < '2024-02-01' AS early FROM kept.lmp
            WHERE market = 'DAM' AND point = 'HB_HUBAVG' GROUP BY start_utc HAVING count(*) = 2"""
        found = store.connection.execute(f"SELECT count(*), avg(same::INT), avg(same::INT) FILTER (early) FROM ({both})").fetchone()
        assert (found[0], round(found[1], 3), round(found[2], 2)) == (16_454, 0.989, 0.77)


# ------------------------------------------------------------------------------------- files that are odd


def test_a_quotation_mark_that_is_never_closed_swallows_no_row(tmp_path):
    text = COLUMNS["NP4-190-CD"] + '\n01/05/2026,01:00,HB,20,N\n01/05/2026,02:00,"HB,21,N\n01/05/2026,03:00,HB,22,N\n'
    with blank() as store:
        found = refused(store.load, write(tmp_path / "odd.csv", text))
        assert (found.code, found.notes) == ("data-unreadable", ("line 3: a quotation mark is never closed",))
        assert store.rows("documents") == []


@pytest.mark.parametrize(("encoding", "line"), [("latin-1", 3), ("utf-16", 1)])
def test_text_in_another_encoding_is_refused_with_the_line(tmp_path, encoding, line):
    path = tmp_path / "odd.csv"
    path.write_bytes((COLUMNS["NP4-190-CD"] + "\n01/05/2026,01:00,HB,20,N\n01/05/2026,02:00,H\u00d6,21,N\n").encode(encoding))
    with blank() as store:
        found = refused(store.load, path)
        assert found.notes[0].startswith(f"line {line}: byte ")
        assert found.help == "save it as CSV in UTF-8"


def test_a_number_is_written_without_marks(tmp_path):
    rows = "".join(f"01/05/2026,{h:02}:00,HB,{said},N\n" for h, said in enumerate(("1_000", "0x10", "1e400", "$20", "1e3"), 1))
    with loaded(tmp_path, COLUMNS["NP4-190-CD"] + "\n" + rows) as store:
        assert store.rows("lmp", ("hour_ending", "price")) == [(5, 1000.0)]
        assert [said for _, said in store.rows("rejected", ("line", "said"))] == ["1_000", "0x10", "1e400", "$20"]


def test_a_time_of_publication_is_a_time(tmp_path):
    file = write(tmp_path / "a.csv", COLUMNS["NP4-190-CD"] + "\n01/05/2026,01:00,HB,20,N\n")
    with blank() as store:
        for wrong in ("yesterday", 5):
            assert refused(store.load, file, published=wrong).code == "bad-option"
    for said in ("2026-01-04T12:00-06:00", datetime(2026, 1, 4, 12, tzinfo=timezone(timedelta(hours=-6))), datetime(2026, 1, 4, 18)):
        with blank() as store:
            store.load(file, published=said)
            assert store.rows("lmp", ("known_utc",)) == [(datetime(2026, 1, 4, 18),)]


def test_columns_of_an_answer_are_named_or_refused(tmp_path, recwarn):
    with loaded(tmp_path, COLUMNS["NP4-190-CD"] + "\n01/05/2026,01:00,HB,20,N\n") as store:
        assert refused(store.rows, "lmp", ("prices",)).help == "did you mean `price`?"
        assert store.table("lmp", point="HB").num_rows == 1
    assert not recwarn.list
