"""What a store keeps: once, in any order of loading, whole or not at all; gaps, series, exports, features without peeking."""

import random
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from builders_store import blank, dam_mcpc, dam_spp, days_from, loaded, rt_spp, write, zipped

from opengames.diagnostics import Refusal
from opengames.models.store import open_store
from opengames.models.store.gaps import gaps, series
from opengames.models.store.schema import TABLES

DAY = date(2026, 1, 5)
SPRING, AUTUMN = date(2026, 3, 8), date(2026, 11, 1)
HOUR = timedelta(hours=1)


def refused(function, *args, **more):
    with pytest.raises(Refusal) as raised:
        function(*args, **more)
    return raised.value.diagnostics[0]


def content(store):
    """All that a store says of the market."""
    said = {t: store.rows(t, [c for c in store.columns(t) if c != "file"]) for t in ("lmp", "mcpc")}
    rejected = store.rows("rejected", ("line", "column", "said", "reason"))
    return said, rejected, store.rows("conflicts", ("view", "key", "start_utc"))


def posted(name, at):
    """A file's name as the operator makes it, with the time of posting."""
    return f"cdr.00012331.0000000000000000.{at}.{name}.csv"


FIRST = dam_spp(DAY, price=lambda n: 20.0)
LATER = dam_spp(DAY, price=lambda n: 20.0 if n < 12 else 21.5)


# ---------------------------------------------------------------------------------- once, in any order


def test_loading_twice_changes_nothing(tmp_path):
    files = [write(tmp_path / "a.csv", FIRST), write(tmp_path / "b.csv", dam_mcpc(DAY) + "01/05/2026,xx,RRS,1,N\n")]
    with blank() as store:
        once = [x.there for x in store.load(*files)]
        before = content(store), store.rows("documents")
        again = [x.there for x in store.load(*files)]
        renamed = store.load(write(tmp_path / "c.csv", FIRST))
        assert (content(store), store.rows("documents")) == before
        assert (once, again, renamed[0].there) == ([False, False], [True, True], True)


def test_overlapping_files_mean_the_same_in_any_order(tmp_path):
    files = [
        write(tmp_path / posted("A", "20260104.123100"), FIRST), write(tmp_path / posted("B", "20260104.140000"), LATER),
        write(tmp_path / "unposted.csv", dam_spp(DAY, price=lambda n: n)),
    ]  # fmt: skip
    found = []
    for order in (files, files[::-1], files[1:] + files[:1]):
        with blank() as store:
            store.load(*order)
            found.append(content(store))
    assert all(each == found[0] for each in found)
    assert [r[9] for r in found[0][0]["lmp"]] == [20.0] * 12 + [21.5] * 12, "what was published last is in force"
    assert found[0][2] == [], "a revision is no conflict"


def test_of_two_files_without_a_time_of_publication_the_same_one_is_in_force_in_any_order(tmp_path):
    files = [write(tmp_path / "one.csv", dam_spp(DAY, price=lambda n: n)), write(tmp_path / "two.csv", dam_spp(DAY, price=lambda n: -n))]
    found = []
    for order in (files, files[::-1]):
        with blank() as store, blank() as at_once:
            assert [x.counts.conflicts for x in at_once.load(*order)] == [23, 23]
            told = [store.load(file)[0].counts.conflicts for file in order]
            assert told == [0, 23], "they agree at zero alone"
            assert content(at_once) == content(store)
            found.append((content(store), store.rows("features")))
    assert found[0] == found[1] and len(found[0][0][2]) == 23


def test_the_same_contents_count_as_published_when_they_first_were(tmp_path):
    names = [posted("A", "20260104.123100"), "plain.csv", posted("B", "20260104.123059")]
    for order in (names, names[::-1]):
        files = [write(tmp_path / name, FIRST) for name in order]
        with blank() as store, blank() as at_once:
            assert [x.there for x in at_once.load(*files)] == [False, True, True]
            for file in files:
                store.load(file)
            assert content(at_once) == content(store)
            assert {r[0] for r in store.rows("lmp", ("known_utc",))} == {datetime(2026, 1, 4, 18, 30, 59)}, order
            assert len(store.rows("documents")) == 1


def test_what_is_forgotten_leaves_what_others_say(tmp_path):
    files = [write(tmp_path / posted("A", "20260104.123100"), FIRST), write(tmp_path / posted("B", "20260104.140000"), LATER)]
    with blank() as store, blank() as only:
        store.load(*files)
        only.load(files[0])
        assert store.forget(files[1].name) == 1
        assert content(store) == content(only)
        assert refused(store.forget, "cdr").code == "data-no-such-file"


def test_known_times_follow_the_rules_or_what_is_told(tmp_path):
    file = write(tmp_path / posted("A", "20260601.000000"), FIRST)
    day_ahead = {datetime(2026, 1, 4, 19, 30)}  # 13:30 Central of the day before
    for published, known in ((None, {datetime(2026, 6, 1, 5)}), ("rule", day_ahead), (datetime(2026, 1, 4, 20), {datetime(2026, 1, 4, 20)})):
        with blank() as store:
            store.load(file, published=published)
            assert {r[0] for r in store.rows("lmp", ("known_utc",))} == known


# -------------------------------------------------------------------------------- whole or not at all


def test_a_load_that_is_refused_changes_nothing(tmp_path):
    good, bad = write(tmp_path / "a.csv", FIRST), write(tmp_path / "b.csv", "what,is,this\n1,2,3\n")
    half = write(tmp_path / "c.zip", zipped(a__csv=LATER, b__csv="DeliveryDate,HourEnding,AncillaryType\n1,2,3\n"))
    with open_store(tmp_path / "s.duckdb") as store:
        assert refused(store.load, good, bad).code == "unknown-feed"
        assert refused(store.load, half).code == "missing-column"
        assert store.rows("documents") == store.rows("lmp") == []
    with open_store(tmp_path / "s.duckdb") as store:
        assert store.rows("documents") == []


def test_a_strict_load_names_the_cell(tmp_path):
    file = write(tmp_path / "a.csv", FIRST.replace(",08:00,HB_NORTH, 20.0", ",08:00,HB_NORTH, dear"))
    with blank() as store:
        found = refused(store.load, file, strict=True)
        assert (found.code, found.notes) == ("data-bad-cell", ("line 9, column `SettlementPointPrice`: ` dear` is no number",))
        assert store.rows("lmp") == store.rows("rejected") == []


KILLED = """
import os, sys
from opengames.models.store import open_store, loading
settle = loading.settle
def dies(*a, **k):
    if sys.argv[2] in ("before",):
        os._exit(9)
    return settle(*a, **k)
loading.settle = dies
store = open_store(sys.argv[1] + "/s.duckdb")
store.load(sys.argv[1] + "/b.csv")
os._exit(9)
"""


@pytest.mark.parametrize(("when", "rows"), [("before", 24), ("after", 48)])
def test_a_process_that_is_killed_leaves_a_load_undone_or_done(tmp_path, when, rows):
    write(tmp_path / "b.csv", dam_spp(DAY + timedelta(days=1)))
    with open_store(tmp_path / "s.duckdb") as store:
        store.load(write(tmp_path / "a.csv", FIRST))
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), when], capture_output=True, text=True, timeout=60)
    assert done.returncode == 9, done.stderr
    with open_store(tmp_path / "s.duckdb") as store:
        assert len(store.rows("lmp")) == rows
        assert len(store.rows("documents")) == rows // 24


HOLDS = """
import sys
from opengames.models.store import open_store
store = open_store(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


def test_a_store_that_another_process_has_open_is_refused(tmp_path):
    db = tmp_path / "s.duckdb"
    other = subprocess.Popen([sys.executable, "-c", HOLDS, str(db)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with other:
        assert other.stdout.readline() == "open\n"
        found = refused(open_store, db)
        assert (found.code, found.notes) == ("bad-store", ("another process has it open",))
    open_store(db).close()


def test_what_is_no_store_is_refused(tmp_path):
    import duckdb

    duckdb.connect(str(tmp_path / "other.duckdb")).close()
    write(tmp_path / "text.duckdb", "hello")
    with open_store(tmp_path / "new.duckdb") as store:
        store.connection.execute("UPDATE about SET version = 99")
    for name, code in (("other.duckdb", "bad-store"), ("text.duckdb", "bad-store"), ("new.duckdb", "bad-store"), ("new.db", "bad-option")):
        assert refused(open_store, tmp_path / name).code == code
    assert refused(open_store, tmp_path / "none.duckdb", new=False).code == "data-no-such-file"
    assert refused(open_store, tmp_path / "none" / "s.duckdb").code == "no-such-file"


# -------------------------------------------------------------------------------------- gaps and series


def without(text, *marks):
    return "".join(line for line in text.splitlines(True) if not any(m in line for m in marks))


def test_gaps_are_told_from_to(tmp_path):
    text = without(dam_spp(DAY), ",05:00,", ",06:00,", ",24:00,")
    with loaded(tmp_path, text, dam_spp(DAY, point="HB_WEST")) as store:
        (found,) = gaps(store, "lmp")
        midnight = datetime(2026, 1, 5, 6)
        assert (found.begin, found.end, found.missing) == (midnight + 4 * HOUR, midnight + 6 * HOUR, 2)
        assert dict(found.series) == {"market": "DAM", "point": "HB_NORTH", "kind": ""}
        asked = gaps(store, "lmp", DAY, DAY, point="HB_NORTH")
        assert [(g.begin, g.end) for g in asked] == [(midnight + 4 * HOUR, midnight + 6 * HOUR), (midnight + 23 * HOUR, midnight + 24 * HOUR)]
        assert gaps(store, "lmp", DAY, DAY, point="HB_WEST") == ()
        (whole,) = gaps(store, "lmp", DAY + timedelta(days=9), DAY + timedelta(days=9), point="HB_WEST")
        assert whole.end - whole.begin == 24 * HOUR


@pytest.mark.parametrize("day", [SPRING, AUTUMN])
def test_days_of_23_and_25_hours_have_no_gap(tmp_path, day):
    with loaded(tmp_path, dam_spp(day), rt_spp(day)) as store:
        assert gaps(store, "lmp", day, day) == ()
        found = series(store, "lmp", first=day, last=day, market="DAM")
        assert len(found) == (23 if day == SPRING else 25)
    with loaded(tmp_path, without(dam_spp(day), ",02:00,HB_NORTH, 20.0,N")) as store:
        assert [g.missing for g in gaps(store, "lmp", day, day)] == [1]


def test_runs_a_little_late_are_no_gap_and_missing_ones_are(tmp_path):
    minutes = [0, 5, 10, 17, 22, 50, 55]
    rows = "".join(f"01/05/2026 10:{m:02}:1{m % 7},N,RRS,1\n" for m in minutes)
    with loaded(tmp_path, "SCEDTimestamp,RepeatedHourFlag,ASType,MCPC\n" + rows) as store:
        (found,) = gaps(store, "mcpc")
        assert (found.begin.minute, found.end.minute, found.missing) == (22, 50, None)


def test_an_incomplete_series_is_refused_where_a_complete_one_is_needed(tmp_path):
    with loaded(tmp_path, without(dam_spp(DAY), ",05:00,"), dam_spp(DAY, point="HB_WEST")) as store:
        found = refused(series, store, "lmp", market="DAM", point="HB_NORTH")
        assert found.code == "series-with-gap" and "2026-01-05 04:00 to 2026-01-05 05:00 Central" in found.notes[0]
        assert refused(series, store, "lmp", market="DAM").code == "data-shape"
        assert refused(series, store, "lmp", market="DAM", point="HB_NOWHERE").code == "data-shape"
        assert refused(series, store, "lmp", node="x").code == "missing-column"
        assert refused(gaps, store, "shadow_price").code == "unsuited-view"
        assert refused(gaps, store, "lmps").code == "unknown-name"
        assert len(series(store, "lmp", market="DAM", point="HB_WEST")) == 24


# --------------------------------------------------------------------------------------------- exports


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_what_is_exported_loads_again(tmp_path, ending):
    curve = "DeliveryDate,HourEnding,RepeatedHourFlag,ASType,DemandCurvePoint,Quantity,Price\n01/05/2026,24:00,N,ECRS,1,900,5050.25\n"
    runs = "SCEDTimeStamp,RepeatedHourFlag,CappedSystemLambda,UncappedSystemLambda\n11/01/2026 01:25:17,Y,23.88898,\n"
    with loaded(tmp_path, dam_mcpc(AUTUMN, price=lambda p, n: n / 7), rt_spp(SPRING), curve, runs) as store, blank() as other:
        for view in ("mcpc", "lmp", "asdc", "system_lambda"):
            out = tmp_path / f"{view}.{ending}"
            assert store.export(view, out) == len(store.rows(view))
            other.load(out)
            names = [c for c in store.columns(view) if c not in ("feed", "file")]
            assert other.rows(view, names) == store.rows(view, names)
        assert other.rows("rejected") == []
        assert refused(store.export, "lmp", tmp_path / f"lmp.{ending}").code == "file-exists"
        assert refused(store.export, "lmp", tmp_path / "lmp.xls").code == "bad-option"
        assert store.export("features", tmp_path / f"features.{ending}", point="HB_NORTH") == 23
        assert not list(tmp_path.glob(".*part"))


# --------------------------------------------------------------------------------------------- features


def week(seed, count=9):
    """Files of days of one point, some days revised later: (name, text), the name saying when it was published, or not."""
    rng = random.Random(seed)
    days = days_from(SPRING - timedelta(days=3), count)

    def drawn(least, most):
        return lambda *place: round(rng.uniform(least, most), 2)

    def all_days(made, price):
        head, *_ = made(days[0]).splitlines(True)
        return head + "".join("".join(made(day, price=price).splitlines(True)[1:]) for day in days)

    files = [("DA.csv", all_days(dam_spp, drawn(-5, 90))), ("AS.csv", all_days(dam_mcpc, drawn(0, 9))), ("RT.csv", all_days(rt_spp, drawn(-20, 200)))]
    for day in rng.sample(days, 4):
        late = day + timedelta(days=rng.randrange(1, 4))
        files.append((posted("RV", f"{late:%Y%m%d}.09{rng.randrange(10, 59)}00"), rt_spp(day, price=drawn(-20, 200))))
    return files


def featured(folder, files):
    store = blank()
    paths = []
    for i, (name, text) in enumerate(files):
        (folder / str(i)).mkdir(parents=True, exist_ok=True)
        paths.append(write(folder / str(i) / name, text))
    store.load(*paths)
    return store


@pytest.mark.parametrize("seed", range(2))
def test_features_do_not_change_when_what_came_later_is_taken_away(tmp_path, seed):
    files = week(seed)
    with featured(tmp_path / "all", files) as store:
        columns = store.columns("features")
        whole = {r[:2]: r for r in store.rows("features")}
        at = [i for i, c in enumerate(columns) if c.endswith("known_utc")]
        assert all(r[i] is None or r[i] <= r[1] for r in whole.values() for i in at)
        now = datetime(2026, 3, 10, 5) + random.Random(seed).randrange(48) * HOUR
        store.connection.execute("BEGIN")
        for table in ("lmp", "mcpc", "load"):
            store.connection.execute(f"DELETE FROM kept.{table} WHERE known_utc > ?", [now])
        early = {r[:2]: r for r in store.rows("features") if r[1] <= now}
        store.connection.execute("ROLLBACK")
    assert len(early) > 100
    assert all(whole[key] == row for key, row in early.items())


def test_features_are_what_a_slow_look_at_all_rows_gives(tmp_path):
    with featured(tmp_path, week(7)) as store:
        lmp = store.rows("lmp", ("market", "start_utc", "price", "known_utc"))
        everything = store.connection.execute("SELECT market, start_utc, price, known_utc FROM kept.lmp").fetchall()
        names = ("at_utc", "da_price", "rt_last", "rt_last_start_utc", "rt_lag_24h", "rt_lag_168h", "spread_lag_24h", "rt_mean_24h", "da_rrs")
        rows = store.rows("features", names)
        services = dict(store.rows("mcpc", ("start_utc", "price"), product="RRS"))
    da = {start: price for market, start, price, _ in lmp if market == "DAM"}
    first = {}
    for market, start, price, known in sorted(everything, key=lambda r: r[3]):
        if market == "RT_15":
            first.setdefault(start, (price, known))

    def hour(start):
        parts = [first.get(start + i * HOUR / 4) for i in range(4)]
        return None if None in parts else sum(p for p, _ in parts) / 4

    def near(found, wanted):
        return found is wanted is None or (None not in (found, wanted) and abs(found - wanted) < 1e-9)

    looked = 0
    for at, da_price, last, last_start, lag, week_ago, spread, mean, rrs in rows:
        known = [(start, k, price) for market, start, price, k in everything if market == "RT_15" and k <= at]
        assert (last_start, last) == ((max(known)[0], max(known)[2]) if known else (None, None))
        assert da_price == da[at] and rrs == services[at]
        assert near(lag, hour(at - 24 * HOUR)) and near(week_ago, hour(at - 168 * HOUR))
        wanted = hour(at - 24 * HOUR)
        assert near(spread, None if wanted is None else wanted - da[at - 24 * HOUR])
        past = [hour(at - i * HOUR) for i in range(2, 26)]
        assert near(mean, None if None in past else sum(past) / 24)
        looked += mean is not None and week_ago is not None
    assert looked > 20


def test_the_forecast_of_load_is_the_last_one_known_of_the_model_in_use(tmp_path):
    head = "DeliveryDate,HourEnding,Coast,East,FarWest,North,NorthCentral,SouthCentral,Southern,West,SystemTotal,Model,InUseFlag,DSTFlag\n"

    def forecast(total):
        rows = [(hour, model, total + hour + 1000 * (model == "A3")) for hour in (1, 12, 24) for model in ("A3", "E1")]
        return head + "".join(f"01/05/2026,{h}:00,1,1,1,1,1,1,1,1,{mw},{m},{'Y' if m == 'E1' else 'N'},N\n" for h, m, mw in rows)

    with featured(tmp_path, [
        ("prices.csv", FIRST), (posted("A", "20260104.060000"), forecast(50_000)), (posted("B", "20260105.113001"), forecast(60_000)),
    ]) as store:  # fmt: skip
        found = {r[0]: r[1:] for r in store.rows("features", ("hour_ending", "load_forecast", "load_forecast_known_utc"))}
        first, second = datetime(2026, 1, 4, 12), datetime(2026, 1, 5, 17, 30, 1)
        assert (found[1], found[12], found[24]) == ((50_001.0, first), (50_012.0, first), (60_024.0, second))
        assert found[2] == (None, None)


def test_what_was_known_at_a_time_can_be_asked_for(tmp_path):
    files = [write(tmp_path / posted("A", "20260104.123100"), FIRST), write(tmp_path / posted("B", "20260104.140000"), LATER)]
    with blank() as store:
        store.load(*files)
        for when, prices in ((18, []), (19, [20.0] * 24), (21, [20.0] * 12 + [21.5] * 12)):
            assert [r[9] for r in store.as_of("lmp", datetime(2026, 1, 4, when))] == prices


def test_every_column_of_every_view_is_in_the_documents(tmp_path):
    page = (Path(__file__).parents[1] / "docs" / "store.md").read_text(encoding="utf-8")
    with blank() as store:
        for view in (*(t.name for t in TABLES), "features", "documents", "rejected", "conflicts", "delivery_days"):
            assert f"`{view}`" in page
            for column in store.columns(view):
                name = column.removesuffix("_known_utc") if view == "features" else column
                assert f"`{name}`" in page, f"{view}.{column}"
