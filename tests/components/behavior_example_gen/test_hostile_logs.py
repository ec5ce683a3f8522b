"""Logs that look sound and would be read as something else: told, refused, or read as meant."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.behavior_example_gen.cells.columns import TimeColumn
from components.behavior_example_gen.cells.parse import rounded
from components.behavior_example_gen.cells.times import COARSE, to_time
from components.behavior_example_gen.check import check_log
from components.behavior_example_gen.config.ingest_config import IngestConfig
from components.behavior_example_gen.config.log_config import CsvConfig
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.file import read_table
from components.behavior_example_gen.read.files import find_files
from pipeline.run_folder.check import METADATA

from .runs import execute

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
