"""Logs that look sound and would be read as something else: told, refused, or read as meant."""

import gzip
import json
import os
import uuid

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.behavior_example_gen.cells.columns import TimeColumn
from components.behavior_example_gen.cells.parse import in_marks, rounded
from components.behavior_example_gen.cells.times import COARSE, offsets, to_time
from components.behavior_example_gen.check import check_log
from components.behavior_example_gen.config.ingest_config import IngestConfig
from components.behavior_example_gen.config.log_config import CsvConfig
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read import csv_text
from components.behavior_example_gen.read.file import read_file, read_table
from components.behavior_example_gen.read.files import find_files
from pipeline.run_folder.check import METADATA

from .runs import examples, execute

TIMES = 1_600_000_000
HEADER = "user,item,ts,click"


def _lines(size=120, more=()):
    rows = [f"u{n % 6},i{n % 9},{TIMES + 60 * n},{n % 2}" for n in range(size)]
    return [",".join([row, *(str(make(n)) for make in more)]) for n, row in enumerate(rows)]


def _write(path, lines, names=HEADER):
    path.write_text("\n".join([names, *lines, ""]))


def _config(folder, **sections):
    log = {
        "folder": str(folder), "files": "*.csv",
        "columns": {"user": "user", "item": "item", "time": "ts"},
    } | sections.pop("log", {})  # fmt: skip
    split = {"by": "user_tail", "validation": 0.2, "eval": 0.2}
    return IngestConfig(**{"log": log, "label": {"column": "click"}, "split": split} | sections)


@pytest.mark.parametrize(
    ("cell", "separator", "says"),
    [
        (lambda n: f"\"['t{n % 3}', 't{n % 2}']\"", ",", "lists as programs print them"),
        (lambda n: f'"[""t{n % 3}"", ""t{n % 2}""]"', ",", "lists as programs print them"),
        (lambda n: f"t{n % 3}|t{n % 2}", ",", "no cell of 'tags' holds the separator ','"),
        (lambda n: f"t{n % 3}|t{n % 2}", "|", None),
        (lambda n: f"t{n % 3}", "|", None),
        (lambda n: f"t{n % 3}:0.{n}|t{n % 2}:.5", "|", "weights, such as 12:0.7"),
        (lambda n: f"t:{n % 3}|t:{n % 2}", "|", None),
        (lambda n: f"t{n % 3}|{'x' if n % 9 else 'y;z'}", "|", None),
    ],
)
@pytest.mark.parametrize("joined", [False, True])
def test_ids_that_are_not_cut_as_meant_are_told(tmp_path, cell, separator, says, joined):
    feature = {"of": "item", "column": "tags", "type": "ids", "separator": separator}
    if joined:
        (tmp_path / "table").mkdir()
        _write(tmp_path / "log.csv", _lines())
        lines = [f"i{n},{cell(n)}" for n in range(9)]
        _write(tmp_path / "table" / "items.csv", lines, "item,tags")
        log = {"tables": {"items": {"of": "item", "files": "table/items.csv", "key": "item"}}}
    else:
        _write(tmp_path / "log.csv", _lines(more=[lambda n: cell(n % 9)]), f"{HEADER},tags")
        log = {}
    config = _config(tmp_path, log=log, features={"tags": feature})
    counts = execute(config, tmp_path / "out")
    assert [says in one for one in counts["warnings"]] == [True] * (says is not None)


def test_times_of_floats_that_cannot_tell_them_apart_are_faulty():
    seconds = np.array([TIMES, 2**24, 100, np.nan])
    for kind, coarse in ((np.float32, [True, False, False, False]), (np.float64, [False] * 4)):
        read = to_time(pa.array(seconds.astype(kind)), TimeColumn(column="ts"))
        faults = read.faults.get(COARSE, np.zeros(4, bool))
        assert faults.tolist() == coarse
        assert np.asarray(read.values.is_null()).tolist() == [coarse[0], False, False, True]


def test_a_log_whose_times_are_such_floats_is_refused(tmp_path):
    table = pa.table(
        {
            "user": [n % 6 for n in range(120)],
            "item": [n % 9 for n in range(120)],
            "ts": pa.array([float(TIMES + 60 * n) for n in range(120)], pa.float32()),
            "click": [n % 2 for n in range(120)],
        }
    )
    pq.write_table(table, tmp_path / "log.parquet")
    with pytest.raises(LogError, match=f"120 of 120 rows .* are bad.*|.*{COARSE}"):
        check_log(_config(tmp_path, log={"files": "*.parquet"}))


def test_typed_times_of_two_units_are_one_order():
    nanoseconds = 1_600_000_000_123_000_000
    for unit, divisor in (("ms", 10**6), ("us", 10**3), ("ns", 1)):
        cells = pa.array([nanoseconds // divisor], pa.timestamp(unit))
        read = to_time(cells, TimeColumn(column="ts", unit="order"))
        assert read.values.to_pylist() == [nanoseconds]


@pytest.mark.parametrize(
    ("cells", "count"),
    [
        (["1e+05", "100001"], 1), (["1.23E+18", "2e+10"], 2), (["e+5", "1e5", "a1e+05"], 0),
        (["1", "2"], 0), ([None, "1e+05"], 1), (["1.600000000e+09", "1.000e+00"], 0),
        (["1.60000E+09", "1.600000123e+09", "1.6e+09"], 2),
    ],
)  # fmt: skip
def test_numbers_that_a_program_rounded(cells, count):
    assert rounded(pa.array(cells)) == count


@pytest.mark.parametrize(("rounded", "refused"), [(120, True), (2, True), (1, False)])
def test_times_that_a_spreadsheet_rounded(tmp_path, rounded, refused):
    lines = _lines()
    for n in range(rounded):
        lines[n] = lines[n].replace(str(TIMES + 60 * n), f"{TIMES + 60 * n:.5E}")
    _write(tmp_path / "log.csv", lines)
    if refused:
        with pytest.raises(LogError, match=rf"'ts' holds {rounded} numbers as a spreadsheet .*120"):
            check_log(_config(tmp_path))
    else:
        counts = execute(_config(tmp_path), tmp_path / "out")
        assert [w for w in counts["warnings"] if "`log.columns.time`: 1 cells" in w]


@pytest.mark.parametrize(
    ("of_1_600_000_000", "ticks", "says"),
    [
        (637_355_968_000_000_000, 10**7, "the ticks of .NET"),
        (132_444_736_000_000_000, 10**7, "the file times of Windows"),
        (13_244_473_600_000_000, 10**6, "microseconds since 1601"),
    ],
)
def test_clocks_that_do_not_count_from_1970_are_named(tmp_path, of_1_600_000_000, ticks, says):
    lines = [
        line.replace(str(TIMES + 60 * n), str(of_1_600_000_000 + 60 * n * ticks))
        for n, line in enumerate(_lines())
    ]
    _write(tmp_path / "log.csv", lines)
    with pytest.raises(LogError, match=f"all of its 120 numbers are times .* as {says}.*ISO 8601"):
        check_log(_config(tmp_path))


def test_a_file_is_read_once_whatever_it_is_called(tmp_path):
    _write(tmp_path / "2024.csv", _lines())
    os.symlink(tmp_path / "2024.csv", tmp_path / "latest.csv")
    (tmp_path / "more").mkdir()
    os.symlink(tmp_path, tmp_path / "more" / "again")
    for names in ("*.csv", ".", ["2024.csv", "latest.csv", "./2024.csv"], "**/*.csv"):
        found = find_files(str(tmp_path), names)
        assert len(found) == 1, names
        assert os.path.realpath(found[0].path) == str(tmp_path / "2024.csv")
    counts = execute(_config(tmp_path), tmp_path / "out")
    assert "duplicate" not in counts["dropped"]
    assert counts["rows"] == 120


@pytest.mark.parametrize("names", [".", "**/*.csv", "runs/**/*.csv", "runs/mine"])
def test_what_a_run_wrote_is_not_its_log(tmp_path, names):
    """Predictions have users, items, times and labels, too."""
    _write(tmp_path / "log.csv", _lines())
    inside = tmp_path / "runs" / "mine" / "artifacts" / "7"
    inside.mkdir(parents=True)
    _write(inside / "predictions.csv", _lines())
    (tmp_path / "runs" / "mine" / METADATA).touch()
    with pytest.raises(
        LogError, match=r"`log\.files` means files in .*/mine, the output folder of"
    ):
        check_log(_config(tmp_path, log={"files": names}))
    check_log(_config(tmp_path, log={"files": "*.csv"}))
    asked = "runs/mine/artifacts/7/predictions.csv"
    check_log(_config(tmp_path, log={"files": asked}))


@pytest.mark.parametrize("kinds", [("int", "string"), ("string", "list"), ("float", "int")])
def test_a_joined_table_of_files_with_other_types(tmp_path, kinds):
    cells = {
        "int": pa.array([1, 2]), "string": pa.array(["1", None]), "float": pa.array([1.0, 2.0]),
        "list": pa.array([["1", "2"], None]),
    }  # fmt: skip
    told = {"int": ["1", "2"], "string": ["1", None], "float": ["1", "2"]}
    for name, kind in zip("ab", kinds, strict=True):
        table = pa.table({"key": [f"{name}1", f"{name}2"], "value": cells[kind]})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    read = read_table(str(tmp_path), "*.parquet", CsvConfig(), ["key", "value"], "log.tables.x")
    assert read["key"].to_pylist() == ["a1", "a2", "b1", "b2"]
    if "list" in kinds:
        assert read["value"].to_pylist() == [["1"], [], ["1", "2"], []]
    else:
        assert read["value"].to_pylist() == told[kinds[0]] + told[kinds[1]]


def _told(path, column, form):
    """Warnings of a log of which every second cell of a column is written in another form."""
    rows = [line.split(",") for line in _lines()]
    place = HEADER.split(",").index(column)
    for n, row in enumerate(rows):
        plain = row[place] = row[place].lstrip("ui")
        if n // 18 % 2:
            row[place] = form(plain)
    _write(path / "log.csv", [",".join(row) for row in rows])
    return execute(_config(path), path / "out")["warnings"]


@pytest.mark.parametrize(("column", "form"), [("user", "00{}"), ("item", "{}.00")])
def test_a_number_that_is_several_ids_is_told(tmp_path, column, form):
    numbers = 6 if column == "user" else 9
    first = " and ".join(map(repr, sorted(["0", form.format(0)])))
    assert _told(tmp_path, column, form.format) == [
        f"`log.columns.{column}`: {first} are one number, but different ids; so it is of {numbers} "
        f"numbers or more. Set `log.columns.{column}.type: int` to read them as one, or write all "
        f"in one way."
    ]


def test_ids_of_one_width_are_no_matter(tmp_path):
    rows = [f"{n % 6:03},{n % 120:03},{TIMES + 60 * n},{n % 2}" for n in range(120)]
    _write(tmp_path / "log.csv", rows)
    assert execute(_config(tmp_path), tmp_path / "out")["warnings"] == []


def test_a_character_that_cannot_be_seen_is_named(tmp_path):
    assert _told(tmp_path, "item", lambda item: f"{item}\u00ad{item}") == [
        "`log.columns.item`: 54 cells hold a character that does not show as what it is, such as "
        "U+00AD (SOFT HYPHEN) in '0\\xad0': one id may be written as two, or two as one. Write all "
        "of them in one way."
    ]


NOTHING = {"bytes": b"", "gzip": gzip.compress(b"")}


def _as(layout, lines):
    if layout == "csv":
        return "\n".join([HEADER, *lines, ""]).encode()
    rows = [dict(zip(HEADER.split(","), line.split(","), strict=True)) for line in lines]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.mark.parametrize("layout", ["csv", "json"])
def test_empty_files_among_full_ones_have_no_rows(tmp_path, layout):
    """As Spark writes them for parts without a row; a log of nothing else is refused."""
    files = {"a": NOTHING["bytes"], "b": _as(layout, _lines()), "c": NOTHING["gzip"]}
    for name, data in files.items():
        (tmp_path / f"{name}.{layout}").write_bytes(data)
    counts = execute(_config(tmp_path, log={"files": f"*.{layout}"}), tmp_path / "out")
    assert counts["rows_kept"] == 120
    assert counts["warnings"] == [
        f"`log.files`: {tmp_path}/a.{layout} is empty, and read as a file without rows (so many: "
        f"2). If it should have some, write it again."
    ]
    execute(_config(tmp_path, log={"files": f"b.{layout}"}), tmp_path / "alone")
    for split in ("train", "validation", "eval"):
        assert examples(tmp_path / "out", split) == examples(tmp_path / "alone", split)
    with pytest.raises(LogError, match="the log is empty: it has no rows"):
        check_log(_config(tmp_path, log={"files": ["a." + layout, "c." + layout]}))


@pytest.mark.parametrize("layout", ["csv", "json", "tfrecord"])
@pytest.mark.parametrize("kind", NOTHING)
def test_a_file_that_holds_nothing(tmp_path, layout, kind):
    path = tmp_path / f"a.{layout}"
    forms = [NOTHING[kind]]
    if (layout, kind) == ("csv", "bytes"):
        forms += [b"\n\r\n", b"\xef\xbb\xbf", b"sep=;\n"]
    for form in forms:
        path.write_bytes(form)
        config = CsvConfig(skip_rows=2 * (form == b""), delimiter=";")
        (block,) = read_file(str(path), 0, "auto", config, ["x", "y"])
        assert block.void
        assert block.batch.num_rows == 0
        assert block.batch.schema.names == ["x", "y"]


def test_joined_tables_may_begin_with_an_empty_file(tmp_path):
    (tmp_path / "table").mkdir()
    (tmp_path / "a.csv").touch()
    _write(tmp_path / "log.csv", _lines())
    for names in (["a", "b"], ["a"]):
        for name in names:
            (tmp_path / "table" / f"{name}.csv").touch()
        if "b" in names:
            lines = [f"i{n},b{n % 3}" for n in range(9)]
            _write(tmp_path / "table" / "b.csv", lines, "item,brand")
        else:
            os.remove(tmp_path / "table" / "b.csv")
        tables = {"items": {"of": "item", "files": "table/*.csv", "key": "item"}}
        feature = {"brand": {"of": "item", "column": "brand"}}
        config = _config(tmp_path, log={"tables": tables}, features=feature)
        if "b" in names:
            assert execute(config, tmp_path / "out")["known"] == {"items": 120}
            continue
        with pytest.raises(LogError, match=r"table/\*.csv in .*: all files are empty"):
            check_log(config)


@pytest.mark.parametrize(
    ("before", "says"),
    [
        (
            "{n},",
            r"4 columns, but its rows have 5: '0,u0,i0,.*R, write it with `row.names = FALSE`",
        ),
        ("{n},x,", "4 columns, but its rows have 6: .*Mend the header or `log.csv.delimiter`"),
    ],
)
def test_rows_that_are_all_wider_than_their_header(tmp_path, before, says):
    lines = [before.format(n=n) + line for n, line in enumerate(_lines())]
    _write(tmp_path / "log.csv", lines)
    with pytest.raises(LogError, match=says):
        check_log(_config(tmp_path))
    if "x" not in before:
        header = {"skip_rows": 1, "header": ["row", *HEADER.split(",")]}
        check_log(_config(tmp_path, log={"csv": header}))


NUMBER = {"p": {"of": "item", "column": "p", "type": "number", "buckets": 3}}
COLUMNS = {"user": "user", "item": "item", "time": "ts"}
OF_NUMBERS = {
    "feature": {"features": NUMBER},
    "label": {"label": {"column": "p", "at_least": 2}},
    "item": {"log": {"columns": COLUMNS | {"item": {"column": "p", "type": "int"}}}},
    "time": {"log": {"columns": COLUMNS | {"time": "p"}}},
}


@pytest.mark.parametrize("cell", ["3,{}", "-3,{}", "1.003,{}", "1,00{}"])
@pytest.mark.parametrize("part", OF_NUMBERS)
def test_numbers_with_commas_are_named(tmp_path, part, cell):
    sections = dict(OF_NUMBERS[part])
    lines = [f"{line.replace(',', ';')};{cell.format(n % 9)}" for n, line in enumerate(_lines())]
    _write(tmp_path / "log.csv", lines, f"{HEADER.replace(',', ';')};p")
    log = {"csv": {"delimiter": ";"}} | sections.pop("log", {})
    says = rf"the column 'p' holds numbers with commas, such as '{cell.format(0)}', in 120 of 120"
    with pytest.raises(LogError, match=says):
        check_log(_config(tmp_path, log=log, **sections))


@pytest.mark.parametrize("kind", [pa.binary(16), pa.binary()])
def test_uuids_as_bytes_are_named(tmp_path, kind):
    ids = [uuid.uuid5(uuid.NAMESPACE_DNS, str(n % 9)) for n in range(120)]
    table = {
        "user": [f"u{n % 6}" for n in range(120)], "ts": [TIMES + 60 * n for n in range(120)],
        "click": [n % 2 for n in range(120)],
    }  # fmt: skip
    cells = pa.array([one.bytes for one in ids], kind)
    pq.write_table(pa.table(table | {"item": cells}), tmp_path / "log.parquet")
    config = _config(tmp_path, log={"files": "*.parquet"})
    says = (
        r"the column 'item' \(.*binary.*\) holds bytes that are no text in 120 of 120 rows, such "
        "as 6af613b6569c5c229c372ed93f31d3af .* Write UUIDs .* as text"
    )
    with pytest.raises(LogError, match=says):
        check_log(config)
    pq.write_table(pa.table(table | {"item": list(map(str, ids))}), tmp_path / "log.parquet")
    check_log(config)


@pytest.mark.parametrize(
    ("layout", "first"),
    [
        ("%y-%m-%d", "20-09-21"), ("%d.%m.%y", "21.09.20"), ("%d-%b-%y", "21-SEP-20"),
        ("%d.%m.%y %H:%M", "21.09.20 00:00"),
    ],
)  # fmt: skip
def test_years_of_two_digits_are_given_their_format(tmp_path, layout, first):
    lines = []
    for n, line in enumerate(_lines()):
        day = np.datetime64("2020-09-21") + n % 9
        lines.append(line.replace(str(TIMES + 60 * n), day.item().strftime(layout).upper()))
    _write(tmp_path / "log.csv", lines)
    with pytest.raises(
        LogError, match=f"times such as '{first}'.*`log.columns.time.format: \"{layout}\""
    ):
        check_log(_config(tmp_path))


def test_values_near_a_positive_one_are_told(tmp_path):
    names = ["skip", "click", "Click", "click"]
    lines = [f"{line[:-1]}{names[n % 4]}" for n, line in enumerate(_lines())]
    _write(tmp_path / "log.csv", lines)
    label = {"column": "click", "positives": ["click"]}
    assert execute(_config(tmp_path, label=label), tmp_path / "out")["warnings"] == [
        "`label.positives`: rows of 'Click' count as 0, though it differs from a value that counts "
        "as 1 by capitals or .0 only. If it means the same, list it, too."
    ]
    label = {"column": "click", "positives": ["click", "Click"]}
    assert execute(_config(tmp_path, label=label), tmp_path / "both")["warnings"] == []


def test_folders_that_name_a_column_twice(tmp_path):
    (tmp_path / "user=u1" / "user=u2").mkdir(parents=True)
    rows = [line.partition(",")[2] for line in _lines()]
    _write(tmp_path / "user=u1" / "user=u2" / "log.csv", rows, "item,ts,click")
    with pytest.raises(LogError, match="name the column 'user' twice, as 'u1' and as 'u2'"):
        check_log(_config(tmp_path, log={"files": "."}))


@pytest.mark.parametrize("form", ["0{}", "{}.0"])
def test_integers_of_a_file_and_other_texts_of_the_next(tmp_path, form):
    table = {
        "user": [f"u{n % 6}" for n in range(60)], "item": [n % 9 for n in range(60)],
        "ts": [TIMES + 60 * n for n in range(60)], "click": [n % 2 for n in range(60)],
    }  # fmt: skip
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    cells = [form.format(n) for n in table["item"]]
    later = {"item": cells, "ts": [time + 6000 for time in table["ts"]]}
    pq.write_table(pa.table(table | later), tmp_path / "b.parquet")
    config = _config(tmp_path, log={"files": "*.parquet"})
    if form == "{}.0":
        with pytest.raises(LogError, match=r"60 cells .* such as 7\.0, and others are without"):
            check_log(config)
    else:
        (told,) = execute(config, tmp_path / "out")["warnings"]
        assert "'0' and '00' are one number, but different ids; so it is of 9 numbers" in told


@pytest.mark.parametrize("cell", [' "{}"', '"""{}"""', "'{}'"])
def test_quotation_marks_that_are_part_of_an_id_are_told(tmp_path, cell):
    rows = [line.split(",") for line in _lines()]
    lines = [",".join([user, cell.format(item), *rest]) for user, item, *rest in rows]
    _write(tmp_path / "log.csv", lines)
    (told,) = execute(_config(tmp_path), tmp_path / "out")["warnings"]
    assert told.startswith(
        "`log.columns.item`: 120 cells have quotation marks around them, which are part of the id"
    )


def test_marks_around_cells_are_counted():
    cells = pa.array(['"a"', "'a'", '"a', "a'", '"', "''", None, "o'", "'n'x'", "a"])
    assert in_marks(cells) == 4
    assert in_marks(pa.array([7])) == 0


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "gbk", "shift_jis"])
@pytest.mark.parametrize("size", [64, 1 << 20])
def test_utf8_is_read_in_no_other_encoding(tmp_path, monkeypatch, encoding, size):
    monkeypatch.setattr(csv_text, "_BLOCK_BYTES", size)
    path = tmp_path / "log.csv"
    path.write_bytes(b"x\n" + "\u00e9\u4e2d\u6587\n".encode() * 40)
    config = CsvConfig(encoding=encoding)
    with pytest.raises(LogError, match=f"is UTF-8 text, but `log.csv.encoding` = {encoding} would"):
        list(read_file(str(path), 0, "auto", config, ["x"]))


@pytest.mark.parametrize(
    ("encoding", "letters"),
    [("latin-1", "\u00e9\u00c3"), ("gbk", "\u4e2d\u6587"), ("utf-16", "\u4e2d")],
)
def test_other_encodings_are_read(tmp_path, encoding, letters):
    path = tmp_path / "log.csv"
    path.write_bytes(("x\n" + f"{letters}\n" * 40).encode(encoding))
    blocks = read_file(str(path), 0, "auto", CsvConfig(encoding=encoding), ["x"])
    assert [cell for block in blocks for cell in block.batch["x"].to_pylist()] == [letters] * 40


@pytest.mark.parametrize(
    ("ends", "told"), [("Z ", True), ("ZZ", False), ("  ", False), (["+02:00", "Z"], False)]
)
def test_times_of_which_some_have_an_offset_are_told(tmp_path, ends, told):
    lines = [
        line.replace(str(TIMES + 60 * n), f"{np.datetime64(TIMES + 60 * n, 's')}{ends[n % 2]}")
        for n, line in enumerate(_lines())
    ]
    _write(tmp_path / "log.csv", lines)
    assert execute(_config(tmp_path), tmp_path / "out")["warnings"] == [
        "`log.columns.time`: some times have an offset, such as Z or +02:00, and others have none "
        "and are read as UTC. If those are of another zone, write their offsets."
    ] * told  # fmt: skip


def test_offsets_are_counted():
    cells = [
        "2020-09-13T12:26:40Z", "2020-09-13 12:26+0200", "2020-09-13T12:26:40.5-07", None,
        "2020-09-13T12:26:40", "2020-09-13 12:26", "2020-09-13", "1600000000", "20200913",
    ]  # fmt: skip
    assert offsets(pa.array(cells)) == (3, 2)
    assert offsets(pa.array([TIMES, None], pa.timestamp("s", "Asia/Tokyo"))) == (1, 0)
    assert offsets(pa.array([TIMES, None], pa.timestamp("s"))) == (0, 1)
    assert offsets(pa.array([TIMES])) == offsets(pa.array([TIMES], pa.date64())) == (0, 0)


def test_months_as_numbers_are_no_seconds(tmp_path):
    lines = [
        line.replace(str(TIMES + 60 * n), str(2019_01 + n % 12 + 100 * (n // 60)))
        for n, line in enumerate(_lines())
    ]
    _write(tmp_path / "log.csv", lines)
    with pytest.raises(LogError, match=r'as %Y%m\. Set `log.columns.time.format: "%Y%m"`'):
        check_log(_config(tmp_path))


def test_users_that_two_tables_write_in_two_ways(tmp_path):
    rows = [line.split(",") for line in _lines()]
    _write(tmp_path / "a.csv", [",".join([user[1:], *rest]) for user, *rest in rows])
    shown = [f"{'0' * (n // 6 % 2)}{user[1:]},{item},{int(time) + 30},{click}"
             for n, (user, item, time, click) in enumerate(rows)]  # fmt: skip
    _write(tmp_path / "b.csv", shown)
    impressions = {"files": "b.csv", "columns": {"user": "user", "item": "item", "time": "ts"}}
    config = _config(tmp_path, log={"files": "a.csv", "impressions": impressions})
    (told,) = execute(config, tmp_path / "out")["warnings"]
    assert told.startswith(
        "`log.columns.user`: '0' and '00' are one number, but different ids; so it is of 6 numbers"
    )
