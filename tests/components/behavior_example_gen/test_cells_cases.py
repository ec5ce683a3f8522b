"""Logs as people have them: small inputs with the values that must be read from them."""

import collections
import csv
import datetime
import decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.behavior_example_gen.check import check_log
from components.behavior_example_gen.clean.remarks import remarks
from components.behavior_example_gen.errors import LogError
from pipeline.config import load

from .runs import FIXTURES, taken

CASES = FIXTURES / "cases"
COLUMNS = ("user", "item", "cat", "ts", "click")
UTC = datetime.UTC


def _config(case, *overrides):
    folder = f"log.folder={CASES / case}"
    return load(str(CASES / case / "c.yaml"), [folder, *overrides]).ingest


def _text(case, name="a.csv", header=None):
    with open(CASES / case / name, newline="") as file:
        return list(csv.DictReader(file, header))


def _times(rows):
    return rows["time"].to_pylist()


def test_fractions_of_seconds_in_a_text_are_kept():
    rows, _ = taken(_config("float_seconds"))
    cells = [row["ts"] for row in _text("float_seconds")]
    assert _times(rows) == [int(decimal.Decimal(cell) * 10**9) for cell in cells]
    assert cells[0] == "1600000000.120"
    assert _times(rows)[0] == 1_600_000_000_120_000_000


def test_fractions_of_a_typed_time_are_kept_whatever_unit_is_told():
    case = "parquet_subsecond_us"
    cells = pq.read_table(CASES / case / "a.parquet")["ts"].cast(pa.int64()).to_pylist()
    assert any(cell % 1_000_000 for cell in cells)
    for unit in ("us", "s", "ms", "null"):
        rows, _ = taken(_config(case, f"log.columns.time.unit={unit}"))
        assert _times(rows) == [cell * 1_000 for cell in cells]


def test_a_format_with_fractions():
    case, names = "yoochoose_iso_ms", ["user", "ts", "item", "cat", "click"]
    rows, counts = taken(_config(case))
    expected = [
        datetime.datetime.strptime(row["ts"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        for row in _text(case, "clicks.dat", names)
    ]
    assert _times(rows) == [round(time.timestamp() * 1000) * 10**6 for time in expected]
    span = counts.to_dict()["times"]["log"]
    assert span["first"] == "2020-09-14T01:40:36.277000Z"


def test_iso_needs_no_format():
    rows, counts = taken(_config("iso_no_format"))
    expected = [
        datetime.datetime.fromisoformat(row["ts"]).replace(tzinfo=UTC)
        for row in _text("iso_no_format")
    ]
    assert _times(rows) == [int(time.timestamp()) * 10**9 for time in expected]
    days = max(1.0, (max(expected) - min(expected)).total_seconds() / 86400)
    assert counts.to_dict()["times"]["log"] == {
        "first": min(expected).replace(tzinfo=None).isoformat() + "Z",
        "last": max(expected).replace(tzinfo=None).isoformat() + "Z",
        "events_per_day": round(len(expected) / days, 1),
    }


@pytest.mark.parametrize(
    ("case", "remedy"),
    [
        ("s_as_ms", "Set `log.columns.time.unit: s`"),
        ("ns_epoch", "Set `log.columns.time.unit: ns`"),
        ("ms_no_unit", "Set `log.columns.time.unit: ms`"),
        ("yyyymmdd_int", 'Set `log.columns.time.format: "%Y%m%d"`'),
    ],
)
def test_another_unit_or_form_than_told_is_refused_and_the_remedy_holds(case, remedy):
    with pytest.raises(LogError, match="the column 'ts' is read as") as error:
        check_log(_config(case))
    assert remedy in str(error.value)
    key, _, value = remedy.split("`")[1].partition(": ")
    mended = _config(case, "log.columns.time={column: ts}", f"{key}={value}")
    check_log(mended)
    rows, _ = taken(mended)
    first = datetime.datetime.fromtimestamp(min(_times(rows)) / 1e9, UTC)
    assert (first.year, first.month, first.day) == (2020, 9, 14)


@pytest.mark.parametrize("case", ["s_as_ms", "ns_epoch", "ms_no_unit", "yyyymmdd_int"])
def test_an_order_is_any_whole_number(case):
    order = "log.columns.time={column: ts, unit: order}"
    config = _config(case, order, "history.session_gap=null")
    check_log(config)
    rows, counts = taken(config)
    cells = [int(row["ts"]) for row in _text(case)]
    assert _times(rows) == cells
    assert counts.to_dict()["times"]["log"] == {"first": min(cells), "last": max(cells)}


def test_the_30th_of_february_is_no_day():
    rows, counts = taken(_config("impossible_dates"))
    cells = [row["ts"] for row in _text("impossible_dates")]
    impossible = [cell for cell in cells if cell.startswith("2021-02-30")]
    assert impossible
    assert counts.dropped == {"time: not %Y-%m-%d %H:%M:%S": len(impossible)}
    assert rows.num_rows == len(cells) - len(impossible)


def test_true_and_false_are_labels():
    rows, _ = taken(_config("label_truefalse"))
    cells = [row["click"] for row in _text("label_truefalse")]
    assert set(cells) == {"true", "false"}
    assert rows["label"].to_pylist() == [int(cell == "true") for cell in cells]


def test_positives_that_yaml_takes_for_truth_values():
    rows, _ = taken(_config("positives_bool"))
    acts = [row["act"] for row in _text("positives_bool")]
    assert rows["label"].to_pylist() == [1 if act == "true" else -1 for act in acts]
    rows, _ = taken(_config("positives_partly_bool"))
    acts = [row["act"] for row in _text("positives_partly_bool")]
    assert set(acts) == {"buy", "on", "off"}
    assert rows["label"].to_pylist() == [1 if act in ("buy", "on") else -1 for act in acts]


def test_a_positive_value_that_no_row_has_is_refused_with_those_that_there_are():
    config = _config("positives_partly_bool", "label.positives=[buy, purchase]")
    with pytest.raises(LogError, match="no row has the value 'purchase'") as error:
        check_log(config)
    assert "in the column 'act', which has 'buy', 'off', 'on'" in str(error.value)
    check_log(_config("positives_bool", "label.positives=[true, false]"))
    with pytest.raises(LogError, match="no row has the value 'true'"):
        check_log(_config("positives_partly_bool", "label.positives=[buy, true]"))


def test_null_markers_are_missing_and_counted():
    config = _config("null_markers")
    rows, counts = taken(config)
    cells = _text("null_markers")
    without = sum(row["user"] == r"\N" for row in cells)
    assert without > 5
    assert counts.dropped == {"user: missing": without}
    bare = sum(row["cat"] == "NULL" and row["user"] != r"\N" for row in cells)
    assert counts.notes.missing["category"] == bare > 5
    assert bare < sum(row["cat"] == "NULL" for row in cells)  # a dropped row lacks nothing
    kept = [row for row in cells if row["user"] != r"\N"]
    assert rows["user"].to_pylist() == [row["user"].encode() for row in kept]
    none = [b"" if row["cat"] == "NULL" else row["cat"].encode() for row in kept]
    assert rows["category"].to_pylist() == none
    with pytest.raises(LogError, match="user: missing, first at"):
        check_log(config)


def test_null_markers_can_be_others():
    rows, counts = taken(_config("null_markers", "log.missing=[c2, -1]"))
    assert not counts.dropped
    cells = _text("null_markers")
    assert rows["user"].to_pylist() == [row["user"].encode() for row in cells]
    assert counts.notes.missing["category"] == sum(row["cat"] == "c2" for row in cells) > 0


def test_spaces_around_a_cell_are_none_of_it():
    cells = _text("padded_cells")
    assert any(row["user"].endswith(" ") for row in cells)
    rows, _ = taken(_config("padded_cells"))
    assert rows["user"].to_pylist() == [row["user"].strip().encode() for row in cells]
    assert rows["label"].to_pylist() == [1 if row["act"].strip() == "buy" else -1 for row in cells]
    rows, _ = taken(_config("padded_cells", "log.trim=false"))
    assert rows["user"].to_pylist() == [row["user"].encode() for row in cells]


def test_leading_zeros_are_taken_off_and_told():
    cells = [row["item"] for row in _text("leading_zeros_int")]
    config = _config("leading_zeros_int")
    rows, counts = taken(config)
    assert rows["item"].to_pylist() == [int(cell) for cell in cells]
    zeros = sum(cell != str(int(cell)) for cell in cells)
    (told,) = remarks(counts, config)
    assert told.startswith(f"`log.columns.item`: {zeros:,} cells begin with zeros")
    config = _config("leading_zeros_int", "log.columns.item={column: item, type: string}")
    rows, counts = taken(config)
    assert rows["item"].to_pylist() == [cell.encode() for cell in cells]
    ways = {number: {cell for cell in cells if int(cell) == number} for number in map(int, cells)}
    twice = sum(len(found) > 1 for found in ways.values())
    assert remarks(counts, config) == [
        f"`log.columns.item`: '0' and '000' are one number, but different ids; so it is of {twice} "
        f"numbers or more. Set `log.columns.item.type: int` to read them as one, or write all in "
        f"one way."
    ]


def test_ids_of_19_digits():
    rows, _ = taken(_config("hashed_int64"))
    cells = _text("hashed_int64")
    assert max(len(row["user"].lstrip("-")) for row in cells) == 19
    for name in ("user", "item"):
        assert rows[name].to_pylist() == [int(row[name]) for row in cells]


def test_ids_that_a_file_holds_as_floats():
    cells = pq.read_table(CASES / "parquet_float_ids" / "a.parquet")["item"].to_pylist()
    rows, counts = taken(_config("parquet_float_ids"))
    whole = [str(int(cell)).encode() for cell in cells if cell is not None]
    assert rows["item"].to_pylist() == whole
    assert whole[0] == b"1000000000028"
    assert counts.dropped == collections.Counter({"item: missing": len(cells) - len(whole)})


@pytest.mark.parametrize(
    ("cells", "column", "says"),
    [
        (["2020091401", "2020101523"], "ts", '`log.columns.time.format: "%Y%m%d%H"`'),
        (["14102100", "14103023"], "ts", '`log.columns.time.format: "%y%m%d%H"`'),
        (["18519", "18520"], "ts", "`log.columns.time.unit: day`"),
        (["14/09/2020 10:00", "15/09/2020 11:30"], "ts",
         'Set `log.columns.time.format: "%d/%m/%Y %H:%M"`.'),
        (["03/04/2020", "05/04/2020"], "ts",
         '"%d/%m/%Y"` or `log.columns.time.format: "%m/%d/%Y"`, whichever is meant'),
        (["1600047636", "1600047637"], "{column: ts, format: '%Y-%m-%d'}",
         "Set `log.columns.time.unit: s`, and remove `format`"),
        (["2020-09-14", "2020-09-15"], "{column: ts, format: '%d/%m/%Y'}",
         "They are ISO 8601: remove `log.columns.time.format`"),
        (["2020-9-4 7:03:00", "2020-9-5 17:03:00"], "ts",
         'Set `log.columns.time.format: "%Y-%m-%d %H:%M:%S"`.'),
        (["14/09/20 10:00", "15/09/20 11:30"], "ts",
         'Set `log.columns.time.format: "%d/%m/%y %H:%M"`.'),
        (["44088.4185", "44089"], "ts", "as the days of a spreadsheet. Write them as ISO 8601"),
        (["44088.4185", "44089"], "{column: ts, unit: day}", "the days of a spreadsheet"),
        (["2020-09-14 10:00:00 EST", "2020-09-15 10:00:00 CEST"], "ts", "write offsets"),
        (["2020-09-14T10:00:00+02:00[Europe/Berlin]"] * 2, "ts", "write offsets"),
        (["1600047636", "1600047637000"], "ts",
         "two units: of 20, 10 are times between 1990 and now as s, and 10 as ms."),
        (["1600047636", "1600047637000"], "{column: ts, unit: ms}",
         "two units: of 20, 10 are times between 1990 and now as ms, and 10 as s."),
    ],
)  # fmt: skip
def test_the_likely_unit_or_format_is_named(tmp_path, cells, column, says):
    rows = [f"u{n % 3},i{n},c,{cells[n % 2]},1" for n in range(20)]
    (tmp_path / "a.csv").write_text("\n".join(["user,item,cat,ts,click", *rows, ""]))
    told = [f"log.folder={tmp_path}", f"log.columns.time={column}"]
    with pytest.raises(LogError) as error:
        check_log(_config("iso_no_format", *told))
    assert says in str(error.value)


@pytest.mark.parametrize("first", [0, 1, 10**6, 10**9])
def test_made_up_times_are_read(tmp_path, first):
    rows = [f"u{n % 3},i{n},c,{first + 17 * n},{n % 2}" for n in range(600)]
    (tmp_path / "a.csv").write_text("\n".join(["user,item,cat,ts,click", *rows, ""]))
    config = _config("iso_no_format", f"log.folder={tmp_path}")
    check_log(config)
    assert len(remarks(taken(config)[1], config)) == (first < 10**9)


def test_units_that_differ_by_file_are_refused(tmp_path):
    for name, ends in (("a.csv", ""), ("b.csv", "000")):
        rows = [f"u{n % 3},i{n},c,{1_600_000_000 + n}{ends},{n % 2}" for n in range(50)]
        (tmp_path / name).write_text("\n".join(["user,item,cat,ts,click", *rows, ""]))
    for unit in ("s", "ms"):
        told = (
            f"log.folder={tmp_path}",
            "log.files='*.csv'",
            f"log.columns.time={{column: ts, unit: {unit}}}",
        )
        with pytest.raises(LogError, match=r"'ts' holds numbers of two units: of 100, 50 .* 50 "):
            check_log(_config("iso_no_format", *told))


@pytest.mark.parametrize(("odd", "rows"), [("0", 3), ("7258118400", 3), ("1500000000", 0)])
def test_times_that_stand_for_none_are_counted_in_a_warning(tmp_path, odd, rows):
    times = [odd if n % 200 == 0 else str(1_600_000_000 + n) for n in range(600)]
    lines = [f"u{n % 3},i{n},c,{time},{n % 2}" for n, time in enumerate(times)]
    (tmp_path / "a.csv").write_text("\n".join(["user,item,cat,ts,click", *lines, ""]))
    config = _config("iso_no_format", f"log.folder={tmp_path}")
    found = remarks(taken(config)[1], config)
    assert [f"{rows} of 600 times" in remark for remark in found] == [True] * bool(rows)


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("7.0", "`log.columns.item`: 20 cells are whole numbers with a decimal point"),
        ("1.23E+18", "`log.columns.item`: 20 cells are numbers as a spreadsheet rounds them"),
    ],
)
def test_ids_that_may_be_others_than_meant_are_told(tmp_path, cell, says):
    rows = [f"u{n % 3},{cell if n < 20 else n},c,{1_600_000_000 + n},{n % 2}" for n in range(60)]
    (tmp_path / "a.csv").write_text("\n".join(["user,item,cat,ts,click", *rows, ""]))
    config = _config("iso_no_format", f"log.folder={tmp_path}")
    assert [says in remark for remark in remarks(taken(config)[1], config)] == [True]


def test_a_value_of_positives_may_stand_there_twice(tmp_path):
    rows = [f"u{n % 3},i{n},c,{1_600_000_000 + n},{n % 2}" for n in range(60)]
    (tmp_path / "a.csv").write_text("\n".join(["user,item,cat,ts,click", *rows, ""]))
    told = [f"log.folder={tmp_path}", "label.positives=[1, '1', 1]"]
    config = _config("iso_no_format", *told)
    check_log(config)
    assert taken(config)[0]["label"].to_pylist() == [n % 2 for n in range(60)]
