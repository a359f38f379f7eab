"""Params from files and from Python: shape, order, unit, range and labels are checked at the door."""

import json
from fractions import Fraction as F

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengames.diagnostics import Refusal
from opengames.dsl.units import Unit, read_unit
from opengames.models.data_files import from_file
from opengames.models.data_values import Taking, fit, rational
from opengames.program import ParamDecl
from opengames.spaces import BOOL, Enum, Family, Grid, Reals, Record, Shown

HOUR = Grid(tuple(F(i) for i in range(1, 5)))
BUS = Enum("Bus", ("A", "B", "C"))
MW = Reals(shown=Shown("MW", F(1)))
GW = Reals(shown=Shown("GW", F(1000)))
SHARE = Reals(F(0), F(1))

PRICE = ParamDecl("price", Family((HOUR,), MW))
TABLE = ParamDecl("gen", Family((BUS,), Record((("cap", GW), ("home", BOOL), ("at", BUS)))))


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def refused(act, *args):
    with pytest.raises(Refusal) as caught:
        act(*args)
    return caught.value.diagnostics


# ------------------------------------------------------------------------------- Python


def test_decimals_are_exact_and_in_the_declared_unit():
    assert fit(ParamDecl("x", GW), 0.1) == F(100)
    assert fit(ParamDecl("x", GW), "0.1") == F(100)
    assert fit(ParamDecl("x", Reals()), F(1, 3)) == F(1, 3)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-10**9, max_value=10**9, places=6))
def test_every_decimal_is_read_exactly(number):
    assert rational(str(number)) == F(number) == rational(number)


@pytest.mark.parametrize("word", ["", "x", "1/2", "1e999999999", "0x10", "inf", "1,5", "--1", "9" * 100])
def test_what_is_no_number_is_not_read_as_one(word):
    assert rational(word) is None


def test_labels_and_truth_values_come_as_words():
    assert fit(ParamDecl("x", BUS), "B") == "B"
    assert [fit(ParamDecl("x", BOOL), w) for w in (True, "false", "1", 0)] == [True, False, True, False]


def test_a_family_comes_in_index_order_by_key_or_nested():
    assert fit(PRICE, [1, 2, 3, 4]) == (1, 2, 3, 4)
    assert fit(ParamDecl("x", Family((BUS,), MW)), {"C": 3, "A": 1, "B": 2}) == (1, 2, 3)
    assert fit(PRICE, {4: 40, 1: 10, 2: 20, 3: 30}) == (10, 20, 30, 40)
    grid = ParamDecl("x", Family((BUS, BOOL), MW))
    assert fit(grid, [[1, 2], [3, 4], [5, 6]]) == (1, 2, 3, 4, 5, 6) == fit(grid, [1, 2, 3, 4, 5, 6])


def test_records_come_as_rows_or_as_columns():
    rows = [{"cap": 1, "home": True, "at": "A"}] * 3
    columns = {"cap": [1, 1, 1], "home": [True] * 3, "at": ["A"] * 3}
    assert fit(TABLE, rows) == fit(TABLE, columns) == ((F(1000), True, "A"),) * 3


def test_arrays_and_columns_of_the_usual_libraries_are_taken():
    import numpy as np
    import pyarrow as pa

    assert fit(PRICE, np.array([0.1, 2, 3, 4])) == (F(1, 10), 2, 3, 4)
    assert fit(PRICE, pa.array([1, 2, 3, 4])) == (1, 2, 3, 4)
    grid = ParamDecl("x", Family((BUS, BOOL), MW))
    assert fit(grid, np.arange(6).reshape(3, 2)) == (0, 1, 2, 3, 4, 5)

    class Series:
        def to_list(self):
            return [1, 2, 3, 4]

    class Frame:
        columns = ("cap", "home", "at")

        def __getitem__(self, name):
            return {"cap": [1, 2, 3], "home": [True] * 3, "at": ["A"] * 3}[name]

    assert fit(PRICE, Series()) == (1, 2, 3, 4)
    assert fit(TABLE, Frame())[2] == (F(3000), True, "A")


@pytest.mark.parametrize(
    ("space", "given_", "code"),
    [
        (PRICE.space, [1, 2, 3], "data-too-short"),
        (PRICE.space, [1, 2, 3, 4, 5], "data-too-long"),
        (PRICE.space, 1, "data-shape"),
        (PRICE.space, "1 2 3 4", "data-shape"),
        (PRICE.space, [1, None, 3, float("nan")], "data-gap"),
        (PRICE.space, [1, "x", 3, 4], "data-bad-cell"),
        (PRICE.space, [1, True, 3, 4], "data-bad-cell"),
        (PRICE.space, [1, float("inf"), 3, 4], "data-bad-cell"),
        (SHARE, 1.5, "data-out-of-range"),
        (HOUR, 9, "data-out-of-range"),
        (BUS, "Q", "data-unknown-label"),
        (Family((BUS,), MW), {"A": 1, "B": 2}, "data-too-short"),
        (Family((BUS,), MW), {"A": 1, "B": 2, "C": 3, "Q": 4}, "data-unknown-label"),
        (TABLE.space, [{"cap": 1, "home": True}] * 3, "data-missing-column"),
        (Family((BUS, BOOL), MW), [[1, 2], [3], [4, 5]], "data-shape"),
        (Family((Grid(tuple(map(F, range(4000)))),) * 3, MW), [1], "over-budget"),
    ],
)
def test_what_does_not_fit_is_refused(space, given_, code):
    found = refused(fit, ParamDecl("p", space), given_)
    assert [d.code for d in found] == [code]


def test_all_rows_with_one_fault_share_a_report_and_different_faults_do_not():
    decl = ParamDecl("p", Family((Grid(tuple(map(F, range(20)))),), SHARE))
    gap, bad, out = refused(fit, decl, [None] * 8 + ["x"] * 2 + [2] + [0] * 9)
    assert (gap.code, bad.code, out.code) == ("data-gap", "data-bad-cell", "data-out-of-range")
    assert gap.notes == ("item 1: nothing", "item 2: nothing", "item 3: nothing", "item 4: nothing", "item 5: nothing",
                         "and 3 more")  # fmt: skip
    assert bad.headline == "the value given for `p` has 2 values that cannot be read"
    assert out.notes == ("item 11: 2",)


@given(st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
    lambda x: st.lists(x, max_size=4) | st.dictionaries(st.text(max_size=3), x, max_size=4),
))  # fmt: skip
def test_whatever_is_given_fits_or_is_refused(value):
    for decl in (PRICE, TABLE, ParamDecl("x", BUS), ParamDecl("y", SHARE), ParamDecl("z", Family((BUS,), SHARE))):
        try:
            fit(decl, value)
        except Refusal as refusal:
            assert all(d.code.startswith("data-") for d in refusal.diagnostics)


# -------------------------------------------------------------------------------- files


def test_a_column_of_a_csv_file_is_read_exactly(tmp_path):
    file = write(tmp_path / "p.csv", "hour,lmp\n1,0.1\n2,-3\n3,1e2\n4, 7.25 \n")
    assert from_file(PRICE, file, "lmp") == (F(1, 10), -3, 100, F(29, 4))


def test_separators_byte_order_marks_and_trailing_blank_lines_are_taken(tmp_path):
    file = write(tmp_path / "p.csv", "\ufeffhour;price\n1;1\n2;2\n3;3\n4;4\n\n;\n")
    assert from_file(PRICE, file) == (1, 2, 3, 4)


def test_a_fault_names_row_line_and_column(tmp_path):
    file = write(tmp_path / "p.csv", 'hour,lmp\n1,1\n"2\n",2\n3,n.a.\n4,\n')
    bad, gap = refused(from_file, PRICE, file, "lmp")
    assert bad.headline == "column `lmp` of `p.csv` has a value that cannot be read"
    assert bad.notes == ("row 3 (line 5): `n.a.`",)
    assert gap.notes == ("row 4 (line 6): nothing",)


def test_a_missing_column_names_the_nearest(tmp_path):
    file = write(tmp_path / "p.csv", "hour,LMP\n1,1\n")
    (d,) = refused(from_file, PRICE, file, "lmp")
    assert (d.code, d.help) == ("data-missing-column", "did you mean `LMP`?")
    (d,) = refused(from_file, PRICE, file)
    assert (d.code, d.help) == ("data-missing-column", "name one: `--data price=p.csv:hour`")


def test_too_few_and_too_many_rows_are_counted(tmp_path):
    short = write(tmp_path / "short.csv", "price\n1\n2\n")
    long = write(tmp_path / "long.csv", "price\n" + "1\n" * 9)
    assert refused(from_file, PRICE, short)[0].headline == "column `price` of `short.csv` has 2 values, and `price` takes 4"
    assert refused(from_file, PRICE, long)[0].code == "data-too-long"


def test_rows_are_matched_by_label_where_the_file_names_them(tmp_path):
    file = write(tmp_path / "g.csv", "Bus,cap,home,at\nC,3,yes,A\nA,1,no,B\nB,2,no,C\n")
    assert from_file(TABLE, file) == ((F(1000), False, "B"), (F(2000), False, "C"), (F(3000), True, "A"))
    twice = write(tmp_path / "t.csv", "Bus,cap\nA,1\nA,2\nB,3\n")
    by_bus = ParamDecl("cap", Family((BUS,), MW))
    assert refused(from_file, by_bus, twice, "cap")[0].code == "data-repeated-label"
    other = write(tmp_path / "o.csv", "Bus,cap\nA,1\nBB,2\nC,3\n")
    assert refused(from_file, by_bus, other, "cap")[0].help == "did you mean `B`?"


def test_a_fault_in_a_matched_row_names_the_row_of_the_file(tmp_path):
    file = write(tmp_path / "g.csv", "Bus,cap\nC,x\nA,1\nB,2\n")
    assert refused(from_file, ParamDecl("cap", Family((BUS,), MW)), file, "cap")[0].notes == ("row 1 (line 2): `x`",)


BY_HOUR = ParamDecl("p", Family((HOUR,), MW), index_names=("Hour",))
BY_BUS = ParamDecl("d", Family((BUS,), MW))
BOTH = ParamDecl("d", Family((BUS, HOUR), MW), index_names=("Bus", "Hour"))


@given(st.permutations(range(4)), st.sampled_from(["Hour", "hour", " HOUR ", "key"]))
def test_the_order_of_rows_that_name_their_hour_changes_nothing(tmp_path_factory, order, head):
    rows = "".join(f"{i + 1},{10 * i}\n" for i in order)
    file = write(tmp_path_factory.mktemp("keys") / "p.csv", f"{head},p\n{rows}")
    assert from_file(BY_HOUR, file, "p") == (0, 10, 20, 30)


def test_labels_are_matched_under_a_column_in_lower_case_or_of_another_name(tmp_path):
    for head in ("Bus", "bus", "where"):
        file = write(tmp_path / "d.csv", f"{head},d\nC,7\nB,20\nA,1\n")
        assert from_file(BY_BUS, file, "d") == (1, 20, 7), head


@given(st.permutations([(b, h) for b in "ABC" for h in range(1, 5)]))
def test_the_order_of_rows_with_two_keys_changes_nothing(tmp_path_factory, order):
    rows = "".join(f"{h},{10 * ord(b) + h},{b}\n" for b, h in order)
    file = write(tmp_path_factory.mktemp("keys") / "p.csv", "hour,d,bus\n" + rows)
    assert from_file(BOTH, file, "d") == tuple(10 * ord(b) + h for b in "ABC" for h in range(1, 5))


def test_one_key_of_two_is_enough_only_if_the_rows_are_in_order(tmp_path):
    rows = [f"{b},{i}\n" for i, b in enumerate("AAAABBBBCCCC")]
    assert from_file(BOTH, write(tmp_path / "p.csv", "bus,d\n" + "".join(rows)), "d") == tuple(range(12))
    (d,) = refused(from_file, BOTH, write(tmp_path / "q.csv", "bus,d\n" + "".join(reversed(rows))), "d")
    assert (d.code, d.notes) == ("data-missing-column", ("the rows are not in order: row 1 (line 2) has `C`",))


def test_keys_that_do_not_fit_are_named_by_row_and_value(tmp_path):
    def found(rows):
        (d,) = refused(from_file, BY_HOUR, write(tmp_path / "p.csv", f"hour,p\n{rows}"), "p")
        return d

    unknown = found("0,1\n1,2\n2,3\n3,4\n")
    assert (unknown.code, unknown.notes[0]) == ("data-unknown-label", "row 1 (line 2): `0`")
    twice = found("1,1\n2,2\n2,3\n3,4\n")
    assert (twice.code, twice.notes) == ("data-repeated-label", ("row 2 (line 3) and row 3 (line 4): `2`",))
    short = found("1,1\n4,4\n")
    assert (short.code, short.headline) == ("data-too-short", "`p.csv` says nothing about `2`, `3`")
    gap = found("1,1\n,2\n3,3\n4,4\n")
    assert (gap.code, gap.notes[0]) == ("data-unknown-label", "row 2 (line 3): nothing")


def test_a_column_that_names_no_element_leaves_the_rows_in_order(tmp_path):
    for other in ("0,1,2,3", "9,8,7,6", "1,1,2,3", "a,b,c,d"):
        rows = "".join(f"{k},{v}\n" for k, v in zip(other.split(","), (40, 30, 20, 10), strict=True))
        assert from_file(BY_HOUR, write(tmp_path / "p.csv", "key,p\n" + rows), "p") == (40, 30, 20, 10)


def test_two_columns_that_number_the_rows_differently_are_refused(tmp_path):
    file = write(tmp_path / "p.csv", "a,b,p\n4,1,40\n3,2,30\n2,3,20\n1,4,10\n")
    (d,) = refused(from_file, BY_HOUR, file, "p")
    assert d.code == "data-shape" and "`a` and `b`" in d.headline
    named = write(tmp_path / "q.csv", "a,hour,p\n4,1,40\n3,2,30\n2,3,20\n1,4,10\n")
    assert from_file(BY_HOUR, named, "p") == (40, 30, 20, 10)


def test_keys_are_in_the_unit_of_their_type(tmp_path):
    loads = Grid((F(1000), F(2000)), Shown("GW", F(1000)))
    decl = ParamDecl("p", Family((loads,), MW), index_names=("Load",))
    assert from_file(decl, write(tmp_path / "p.csv", "load,p\n2,20\n1,10\n"), "p") == (10, 20)


def test_parquet_and_frames_are_matched_by_key(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    for head in ("hour", "key"):
        table = pa.table({"x": [0.5] * 4, head: [4, 3, 2, 1], "p": [40, 30, 20, 10], "t": ["a", "b", "c", "d"]})
        parquet.write_table(table, tmp_path / "p.parquet")
        assert from_file(BY_HOUR, tmp_path / "p.parquet", "p") == (10, 20, 30, 40)
    columns = {"bus": ["C", "B", "A"], "cap": [3, 2, 1], "home": [True] * 3, "at": ["A"] * 3}
    assert [cap for cap, _, _ in fit(TABLE, columns)] == [1000, 2000, 3000]
    assert refused(fit, TABLE, columns | {"cap": [3, None, 1]})[0].notes == ("item 2, column `cap`: nothing",)


def test_a_text_s_own_names_of_index_types_are_the_keys(tmp_path):
    import opengames as og

    text = "type Hour = 1..4\nparam p: real $[Hour]\nquery first = p[1]\n"
    file = write(tmp_path / "prev.csv", "Hour,p\n4,40\n3,30\n2,20\n1,10\n")
    assert og.loads(text).with_data(p=(str(file), "p")).query("first").value == 10


def test_parquet_and_json_are_read(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({"lmp": [0.1, 2.0, 3.0, None], "x": [1, 2, 3, 4]}), tmp_path / "p.parquet")
    assert from_file(PRICE, tmp_path / "p.parquet", "x") == (1, 2, 3, 4)
    assert refused(from_file, PRICE, tmp_path / "p.parquet", "lmp")[0].notes == ("row 4: nothing",)
    assert refused(from_file, PRICE, tmp_path / "p.parquet", "lpm")[0].help == "did you mean `lmp`?"
    write(tmp_path / "list.json", "[0.1, 2, 3, 4]")
    write(tmp_path / "rows.json", json.dumps([{"lmp": i} for i in range(4)]))
    write(tmp_path / "columns.json", json.dumps({"lmp": [1, 2, 3, 4]}))
    assert from_file(PRICE, tmp_path / "list.json") == (F(1, 10), 2, 3, 4)
    assert from_file(PRICE, tmp_path / "rows.json", "lmp") == (0, 1, 2, 3)
    assert from_file(PRICE, tmp_path / "columns.json", "lmp") == (1, 2, 3, 4)


def test_one_number_comes_from_a_file_with_one_row(tmp_path):
    file = write(tmp_path / "c.csv", "capacity\n2.5\n")
    assert from_file(ParamDecl("capacity", GW), file) == 2500
    assert refused(from_file, ParamDecl("x", GW), write(tmp_path / "d.csv", "x\n1\n2\n"))[0].code == "data-too-long"


def test_files_that_cannot_be_read_are_refused(tmp_path):
    write(tmp_path / "prices.csv", "lmp\n1\n")
    (d,) = refused(from_file, PRICE, tmp_path / "price.csv", "lmp")
    assert d.code == "data-no-such-file" and "prices.csv" in d.help
    assert refused(from_file, PRICE, tmp_path, "lmp")[0].code in ("data-no-such-file", "data-unreadable")
    for name, raw in {"a.csv": b"lmp\n\xff\xfe\n", "b.json": b"{", "c.parquet": b"not", "d.xlsx": b""}.items():
        (tmp_path / name).write_bytes(raw)
        assert refused(from_file, PRICE, tmp_path / name, "lmp")[0].code == "data-unreadable", name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hour,lmp,lmp\n1,1,5\n2,2,5\n3,3,5\n4,4,5\n", "has two columns called `lmp`"),
        ("Hour,lmp\n1,1\n2,2,7\n3,3\n4,4\n", "has a row that is longer than its head"),
    ],
)
def test_a_cell_that_no_column_is_for_is_never_taken_or_dropped_in_silence(tmp_path, text, said):
    (d,) = refused(from_file, PRICE, write(tmp_path / "p.csv", text))
    assert d.code == "data-unreadable" and said in d.headline


def test_rows_of_one_record_are_rows():
    offer = ParamDecl("offer", Family((Enum("Unit", ("A", "B")), Grid((F(1),))), Record((("width", Reals()), ("price", Reals())))))
    rows = [[{"width": 1, "price": 2}], [{"width": 3, "price": 4}]]
    assert fit(offer, rows) == fit(offer, [row[0] for row in rows]) == ((1, 2), (3, 4))


def test_the_column_that_was_meant_is_proposed(tmp_path):
    (d,) = refused(from_file, PRICE, write(tmp_path / "p.csv", "Hour,prise\n1,1\n2,2\n3,3\n4,4\n"))
    assert d.code == "data-missing-column" and "p.csv:prise" in d.help


# ------------------------------------------------------------------------------- several indices

KIND = Enum("Kind", ("A", "B"))
COST = ParamDecl("cost", Family((KIND, HOUR), Reals()))
ROWS = [[1, 2, 3, 4], [5, 6, 7, 8]]
SPOKEN = {"A": dict(zip("1234", ROWS[0], strict=True)), "B": dict(zip("1234", ROWS[1], strict=True))}


@pytest.mark.parametrize(
    "shape",
    [
        ROWS,
        [n for row in ROWS for n in row],
        dict(zip("BA", reversed(ROWS), strict=True)),
        dict(reversed(SPOKEN.items())),
        list(SPOKEN.values()),
        {f"{kind}, {hour}": n for kind, row in SPOKEN.items() for hour, n in row.items()},
    ],
)
def test_a_family_of_two_indices_is_read_row_by_row_or_by_key(tmp_path, shape):
    wanted = tuple(F(n) for row in ROWS for n in row)
    assert fit(COST, shape) == wanted
    if not isinstance(shape, list) or not isinstance(shape[0], dict):  # a list of objects is a table in JSON
        assert from_file(COST, write(tmp_path / "cost.json", json.dumps(shape))) == wanted


def test_objects_keyed_by_the_second_index_are_rows_of_the_first(tmp_path):
    decl = ParamDecl("cost", Family((HOUR, KIND), Reals()))
    shape = [{"B": n + 10, "A": n} for n in range(4)]
    found = from_file(decl, write(tmp_path / "cost.json", json.dumps(shape)))
    assert found == fit(decl, shape) == tuple(F(x) for n in range(4) for x in (n, n + 10))


@pytest.mark.parametrize("shape", [[list(column) for column in zip(*ROWS, strict=True)], [[[1]]], [ROWS[0], [5]]])
def test_rows_the_wrong_way_round_are_no_table_of_the_right_size(tmp_path, shape):
    assert refused(fit, COST, shape)[0].code == "data-shape"
    assert refused(from_file, COST, write(tmp_path / "cost.json", json.dumps(shape)))[0].code == "data-shape"


def test_a_gap_among_nested_keys_is_named():
    (found,) = refused(fit, COST, {"A": ROWS[0]})
    assert (found.code, "`B`" in found.headline) == ("data-too-short", True)


def test_json_nested_without_end_cannot_be_read(tmp_path):
    (found,) = refused(from_file, COST, write(tmp_path / "deep.json", "[" * 100_000 + "]" * 100_000))
    assert (found.code, found.notes) == ("data-unreadable", ("it is nested too deeply",))


def test_a_cell_too_long_to_read_is_shown_cut(tmp_path):
    cells = "[" + "9" * 5_000 + ", 1, 2, 3]"
    (found,) = refused(from_file, PRICE, write(tmp_path / "long.json", cells))
    assert found.code == "data-bad-cell" and len(found.notes[0]) < 100


@pytest.mark.parametrize("given", [float("inf"), float("nan"), [1], {"a": 1}, 1j, object()])
def test_what_is_no_number_is_refused_as_a_value_of_a_param(given):
    import opengames as og

    with pytest.raises(Refusal, match="data-"):
        og.loads("param n: real = 1").with_params(n=given)


def test_numbers_of_numpy_are_numbers():
    import numpy as np

    import opengames as og

    m = og.loads("param n: real = 1   query q = n")
    assert [str(m.with_params(n=v).query("q")) for v in (np.float64(1.5), np.float32(1.5), np.int64(2))] == ["3/2", "3/2", "2"]


# --------------------------------------------------------------------------------- units

UNITS = {
    "MW": Unit("MW", (("MW", 1),)), "GW": Unit("GW", (("MW", 1),), F(1000)), "kW": Unit("kW", (("MW", 1),), F(1, 1000)), "h": Unit("h", (("h", 1),)),
    "MWh": Unit("MWh", (("MW", 1), ("h", 1))), "$": Unit("$", (("$", 1),)), "%": Unit("%", (), F(1, 100)),
}  # fmt: skip
SAYING = Taking(UNITS)


@given(st.fractions(-1000, 1000, max_denominator=1000), st.sampled_from(["MW", "kW", "MWh/h", "kW*h/h"]))
def test_a_number_means_the_same_in_whatever_unit_it_comes(value, unit):
    scale = read_unit(unit, UNITS).scale
    said = f"{float(value / scale)!r}{' ' * (value > 0)}{unit}"
    assert float(fit(ParamDecl("x", GW), said, taking=SAYING)) == pytest.approx(float(value), rel=1e-12, abs=1e-12)


def test_the_head_of_a_column_says_the_unit_of_its_numbers(tmp_path):
    file = write(tmp_path / "p.csv", "hour,load [kW],level (%),price (RT),price (kW)\n1,1000,5,2,1\n2,2 MW,6,3,1\n3,3e3,7,4,1\n4,4000,8,5,1\n")
    assert from_file(PRICE, file, "load", SAYING) == (1, 2, 3, 4)
    assert from_file(PRICE, file, "load [kW]", SAYING) == (1, 2, 3, 4)
    shares = ParamDecl("level", Family((HOUR,), SHARE))
    assert from_file(shares, file, None, SAYING) == (F(5, 100), F(6, 100), F(7, 100), F(8, 100))
    assert from_file(PRICE, file, "price (RT)", SAYING) == (2, 3, 4, 5)  # no unit, and no claim to be one


def test_fields_of_records_have_units_of_their_own(tmp_path):
    file = write(tmp_path / "g.csv", "Bus,cap [kW],home,at\nB,2000,true,A\nA,1,false,B\nC,4000,true,C\n")
    assert from_file(TABLE, file, None, SAYING) == ((F(1, 1000), False, "B"), (2, True, "A"), (4, True, "C"))


@pytest.mark.parametrize(
    ("head", "cell", "said"),
    [("load [MWh]", "1", "`MWh` is no unit of"), ("load [kvar]", "1", "no unit `kvar`"), ("load", "1 $", "`$` is no unit of"),
     ("load (kWh)", "1", "no unit `kWh`"), ("load", "1 kvar", "no unit `kvar`"), ("load [%]", "1", "`%` is no unit of")],
)  # fmt: skip
def test_a_unit_of_another_kind_or_of_no_text_is_refused(tmp_path, head, cell, said):
    file = write(tmp_path / "p.csv", f"hour,{head}\n" + "".join(f"{h},{cell}\n" for h in range(1, 5)))
    (found,) = refused(from_file, PRICE, file, "load", SAYING)
    assert found.code == "data-unit" and said in found.headline + " ".join(found.notes)


# ---------------------------------------------------------------------------------- gaps


def test_evidence_may_be_missing_by_cell_by_row_and_by_key(tmp_path):
    gaps = Taking(gaps=True)
    file = write(tmp_path / "p.csv", "hour,load\n4,8\n1,\n3,nan\n")
    decl = ParamDecl("load", PRICE.space, index_names=("Hour",))
    assert from_file(decl, file, "load", gaps) == (None, None, None, 8)
    assert fit(PRICE, {1: 5, 3: None}, taking=gaps) == (5, None, None, None)
    assert fit(PRICE, [1, None, float("nan"), 4], taking=gaps) == (1, None, None, 4)
    assert fit(TABLE, {"A": None, "C": {"cap": "", "home": True, "at": None}}, taking=gaps) == (
        (None, None, None), (None, None, None), (None, True, None))  # fmt: skip
    assert {d.code for d in refused(fit, PRICE, [1, None, 3, 4])} == {"data-gap"}
    assert {d.code for d in refused(from_file, decl, file, "load")} == {"data-too-short"}


STAMPED = "time,load\n2026-01-01 00:00,1\n2026-01-01 01:00,2\n2026-01-01 03:00,3\n"


def test_evidence_is_placed_by_its_stamps_and_a_gap_is_named(tmp_path):
    gaps = Taking(gaps=True)
    file = write(tmp_path / "p.csv", STAMPED)
    assert from_file(PRICE, file, "load", gaps) == (1, 2, None, 3)
    even = write(tmp_path / "e.csv", STAMPED.replace("03:00,3", "02:00,3") + "2026-01-01 03:00,\n")
    assert from_file(PRICE, even, "load", gaps) == (1, 2, 3, None)
    uneven = write(tmp_path / "u.csv", STAMPED.replace("03:00,3", "02:20,3") + "2026-01-01 09:00,4\n")
    assert from_file(PRICE, uneven, "load", gaps) == (1, 2, 3, 4)  # no clock
    (found,) = refused(from_file, PRICE, write(tmp_path / "l.csv", STAMPED + "2026-01-01 06:00,4\n"), "load", gaps)
    assert found.code == "data-gap" and "has gaps: 2026-01-01 02:00:00, 2026-01-01 04:00:00, 2026-01-01 05:00:00" in found.headline
    assert found.notes == ("from 2026-01-01 00:00:00 to 2026-01-01 06:00:00 there are 7 steps of 1:00:00, and `price` takes 4",)
    latest = write(tmp_path / "n.csv", "time,load\n2026-01-02,4\n2026-01-01,3\n2025-12-31,\n2025-12-30,1\n")
    assert from_file(PRICE, latest, "load", gaps) == (1, None, 3, 4)  # newest first
    (found,) = refused(from_file, PRICE, file, "load")  # a param has a value for every hour
    assert found.code == "data-too-short"
