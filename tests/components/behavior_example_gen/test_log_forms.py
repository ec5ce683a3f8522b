"""Logs in the forms that people have them in: packed, nested, partitioned, in other dialects."""

import bz2
import gzip
import io
import json
import lzma
import os
import socket
import tarfile
import zipfile
from decimal import Decimal
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet
import pytest
import yaml
from apache_beam.io.filesystem import FileMetadata, FileSystem
from apache_beam.testing.util import assert_that

from components.behavior_example_gen.check import check_log
from components.behavior_example_gen.config.ingest_config import IngestConfig
from components.behavior_example_gen.config.log_config import CsvConfig
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read import json_lines
from components.behavior_example_gen.read.block import (
    NO_OBJECT,
    NOT_UTF8,
    UNEQUAL,
    UNMATCHED,
    Block,
)
from components.behavior_example_gen.read.file import read_file, read_table
from components.behavior_example_gen.read.files import find_files, nearest
from components.behavior_example_gen.run import write_examples
from components.behavior_example_gen.sources import open_sources

CASES = Path(__file__).resolve().parents[2] / "fixtures" / "cases"
COLUMNS = ("user", "item", "cat", "ts", "click")
ROWS = [line.split(",") for line in (CASES / "hidden_dirs/log/a.csv").read_text().splitlines()][1:]
TEXT = b"a,b\n1,x\n2,y\n"


def _config(case, **log):
    plain = yaml.safe_load((CASES / case / "c.yaml").read_text())
    sections = {key: plain[key] for key in ("log", "label", "history")}
    sections["log"] = {"folder": str(CASES / case)} | sections["log"] | log
    return IngestConfig(**sections)


def _blocks(config, columns=COLUMNS):
    log = config.log
    return [
        block
        for part, file in enumerate(find_files(log.folder, log.files))
        for block in read_file(file.path, part, log.format, log.csv, columns)
    ]


def _rows(blocks):
    rows = [list(row.values()) for block in blocks for row in block.batch.to_pylist()]
    return [[None if cell is None else str(cell).strip() for cell in row] for row in rows]


def _read(path, columns=("a", "b"), layout="auto", **csv):
    return _rows(read_file(str(path), 0, layout, CsvConfig(**csv), columns))


@pytest.mark.parametrize(
    "case",
    [
        "bz2", "zst", "zip", "jsonl", "hidden_dirs", "delim_ctrlA_plain", "delim_ctrlA_x01",
        "delim_tab_plain", "delim_tab_single", "header_spaces", "trailing_delim", "excel_sep_line",
    ],
)  # fmt: skip
def test_each_form_is_the_same_log(case):
    config = _config(case)
    check_log(config)
    assert len(ROWS) == 240
    blocks = _blocks(config)
    assert _rows(blocks) == ROWS
    assert not [row for block in blocks for row in block.rejected]
    first = 1 if case == "jsonl" else 3 if case == "excel_sep_line" else 2
    numbers = [number for block in blocks for number in block.numbers().tolist()]
    assert numbers == list(range(first, first + 240))


def test_spark_escapes_marks_at_the_end_of_a_cell():
    blocks = _blocks(_config("spark_escape_end"))
    assert sum(block.batch.num_rows + len(block.rejected) for block in blocks) == 240
    lost = [row for block in blocks for row in block.rejected]
    assert {row.reason for row in lost} == {UNMATCHED}
    kept = [number for block in blocks for number in block.numbers().tolist()]
    assert sorted(kept + [row.number for row in lost]) == list(range(2, 242))
    with pytest.raises(
        LogError,
        match=r"a.csv: quotation marks do not match .* first in the lines "
        r"2, 3, 4, .* Set `log.csv.escape: '\\'`",
    ):
        check_log(_config("spark_escape_end"))
    blocks = _blocks(_config("spark_escape_end", csv={"escape": "\\"}))
    assert [row[3:] for row in _rows(blocks)] == [row[3:] for row in ROWS]
    assert {row[2] for row in _rows(blocks)} >= {'TV 55"'}
    assert not {row[2][0] for row in _rows(blocks)} - {"T", "c"}


def test_spark_escapes_marks_before_a_comma():
    with pytest.raises(LogError, match=r"a.csv: quotation marks do not match .* lines 2, 5, "):
        check_log(_config("spark_escape"))
    config = _config("spark_escape", csv={"escape": "\\"})
    check_log(config)
    rows = _rows(_blocks(config))
    assert [row[:2] + row[3:] for row in rows] == [row[:2] + row[3:] for row in ROWS]
    assert rows[0][2] == 'c9 5" disk, black'


def test_folders_name_columns():
    config = _config("hive_partition")
    check_log(config)
    blocks = _blocks(config, ["dt", "user"])
    days = [f"2020-09-{day}" for day in range(14, 20)]
    assert [row[0] for row in _rows(blocks)] == [
        day for day, size in zip(days, [57, 60, 60, 60, 60, 60], strict=True) for _ in range(size)
    ]


def test_folders_name_columns_that_a_file_lacks(tmp_path):
    for name in ("dt=2024-01-01", "dt=__HIVE_DEFAULT_PARTITION__", "dt=a%3A%2Fb%20c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.csv").write_text("a\n1\n2\n")
        (tmp_path / name / "x.jsonl").write_text('{"a": 1}\n{"a": 2}\n')
        pa.parquet.write_table(pa.table({"a": [1, 2]}), tmp_path / name / "x.parquet")
    for kind in ("csv", "jsonl", "parquet"):
        files = find_files(str(tmp_path), f"*/x.{kind}")
        read = [row for file in files for row in _read(file.path, ("dt", "a"))]
        values = ["2024-01-01", None, "a:/b c"]
        assert read == [[value, a] for value in values for a in "12"]
    own = tmp_path / "dt=2024-01-01" / "own.csv"
    own.write_text("dt,a\n7,1\n")
    assert _read(own, ("a", "dt")) == [["1", "7"]]
    (tmp_path / "other.csv").write_text("a\n1\n")
    with pytest.raises(LogError, match=r"other.csv: has no column 'dt'. Present: a"):
        _read(tmp_path / "other.csv", ("a", "dt"))


def test_a_row_of_lists_is_an_event_per_element():
    config = _config("parquet_lists")
    check_log(config)
    read = [row for block in _blocks(config) for row in block.batch.to_pylist()]
    (file,) = find_files(config.log.folder, config.log.files)
    expected = [
        {"user": row["user"]} | dict(zip(COLUMNS[1:], event, strict=True))
        for row in pa.parquet.read_table(file.path).to_pylist()
        for event in zip(*(row[name] for name in COLUMNS[1:]), strict=True)
    ]
    assert len(expected) > 500
    assert read == expected


def test_lists_of_other_lengths_structs_and_maps(tmp_path):
    event = pa.struct({"item": pa.int64(), "at": pa.struct({"s": pa.int64()})})
    table = pa.table(
        {
            "user": pa.array([{"id": "u"}, {"id": "v"}, {"id": "w"}, None]),
            "events": pa.array(
                [
                    [{"item": 1, "at": {"s": 5}}, {"item": None, "at": None}],
                    [],
                    None,
                    [{"item": 3, "at": {"s": 7}}],
                ],
                pa.list_(event),
            ),
            "kinds": pa.array([["a", "b"], [], ["c"], ["d"]]),
            "deep": pa.array([[[1]], [], None, [[2]]]),
            "named": pa.array([[("k", 1)]] * 4, pa.map_(pa.string(), pa.int64())),
            "a.b": pa.array([1, 2, 3, 4]),
        }
    )
    path = tmp_path / "log.parquet"
    pa.parquet.write_table(table, path)
    columns = ("events.at.s", "user.id", "kinds", "events.item", "a.b")
    (block,) = read_file(str(path), 0, "auto", CsvConfig(), columns)
    assert [list(row.values()) for row in block.batch.to_pylist()] == [
        [5, "u", "a", 1, 1],
        [None, "u", "b", None, 1],
        [7, None, "d", 3, 4],
    ]
    assert block.numbers().tolist() == [1, 1, 4]
    assert block.order().tolist() == [1, 2, 3]
    (lost,) = block.rejected
    assert lost[:2] == (3, f"{UNEQUAL}: events.at.s, kinds, events.item")
    for columns, says in [
        (["user"], "'user' holds several fields. Name one: user.id"),
        (["events"], "'events' holds several fields. Name one: events.item, events.at"),
        (["deep"], "'deep' has the type list<"),
        (["named"], "'named' has the type map<"),
        (["events.itme"], "no column 'events.itme'.*Did you mean 'events.item'"),
    ]:
        with pytest.raises(LogError, match=rf"log.parquet: .*{says}"):
            _read(path, columns)


def test_lists_of_other_lengths_count_by_their_events(tmp_path):
    rows = [{"user": "u", "item": ["a", "b", "c"], "at": [1, 2]}, {"user": "v", "item": ["d"]}]
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"item": ["e"], "at": [3]}]))
    (block,) = read_file(str(path), 0, "auto", CsvConfig(), ("item", "at"))
    assert [list(row.values()) for row in block.batch.to_pylist()] == [["e", "3"]]
    reason = "row: lists of different lengths: item, at"
    assert [row[:2] for row in block.rejected] == [(1, reason)] * 3 + [(2, reason)]


def test_decimals_are_exact_and_dictionaries_text(tmp_path):
    numbers = [Decimal("12.00"), Decimal("1.50"), None, Decimal("9007199254740993.00")]
    table = pa.table(
        {
            "a": pa.array(numbers, pa.decimal128(20, 2)),
            "b": pa.array(["x", None, "y", "x"]).dictionary_encode(),
        }
    )
    pa.parquet.write_table(table, tmp_path / "log.parquet")
    assert _read(tmp_path / "log.parquet") == [
        ["12", "x"], ["1.5", None], [None, "y"], ["9007199254740993", "x"]
    ]  # fmt: skip


def test_small_decimals_have_no_exponents(tmp_path):
    """Arrow writes 0 of ten places as 0E-10, which was another id than the 0 of another file."""
    numbers = [Decimal("0"), Decimal("0.0000000120"), None, Decimal("7"), Decimal("-0.5")]
    table = pa.table({"a": pa.array(numbers, pa.decimal128(38, 10)), "b": ["x"] * 5})
    pa.parquet.write_table(table, tmp_path / "log.parquet")
    read = [a for a, _ in _read(tmp_path / "log.parquet")]
    assert read == ["0", "0.000000012", None, "7", "-0.5"]
    (block,) = [Block("", 0, 1, pa.record_batch([pa.array([Decimal("12E3"), Decimal(0)],
        pa.decimal128(5, -3))], ["a"]))]  # fmt: skip
    assert block.checked().batch["a"].to_pylist() == ["12000", "0"]


def test_json_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(json_lines, "_BLOCK_BYTES", 64)
    lines = [
        '{"a": 1, "b": {"c": "x"}}',
        '{"a": "1", "d": [1, 2]}',
        "",
        '{"a": 9007199254740993, "b": {"c": 1.50}}',
        '{"a": true, "b": null}',
        '{"b": {"c": false}}\r',
        "[1, 2]",
        '{"a": 1',
        '{"a": NaN}',
        '{"a": "\\ud800"}',
        '{"a": ' + "[" * 5000 + "]" * 5000 + "}",
    ]
    path = tmp_path / "log.jsonl"
    path.write_bytes("\ufeff".encode() + "\n".join(lines).encode() + b'\n{"a": "\xff"}')
    blocks = list(read_file(str(path), 0, "auto", CsvConfig(), ("a", "b.c")))
    assert _rows(blocks) == [
        ["1", "x"], ["1", None], ["9007199254740993", "1.50"], ["true", None], [None, "false"],
        ["NaN", None],
    ]  # fmt: skip
    numbers = [number for block in blocks for number in block.numbers().tolist()]
    assert numbers == [1, 2, 4, 5, 6, 9]
    assert [row[:2] for block in blocks for row in block.rejected] == [
        (7, NO_OBJECT), (8, NO_OBJECT), (10, NOT_UTF8), (11, NO_OBJECT), (12, json_lines.NOT_JSON),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "columns", "says"),
    [
        ('[{"a": 1}]', ["a"], "holds a JSON array"),
        ('{"a": {"b": 1}}', ["a"], "'a' holds objects. Name one of their keys: a.b"),
        ('{"aa": 1}\n{"bb": 1}', ["a"], "no column 'a'. Present: aa, bb"),
    ],
)
def test_json_that_cannot_be_read(tmp_path, text, columns, says):
    (tmp_path / "log.json").write_text(text)
    with pytest.raises(LogError, match=f"log.json: .*{says}"):
        _read(tmp_path / "log.json", columns)


def test_json_lists_are_events(tmp_path):
    text = '{"u": 1, "e": [{"i": 5}, {"i": "x"}]}\n{"u": 2, "e": []}\n{"u": 3, "e": [{}]}'
    (tmp_path / "log.ndjson").write_text(text)
    assert _read(tmp_path / "log.ndjson", ("u", "e.i")) == [["1", "5"], ["1", "x"], ["3", None]]


def test_numbers_and_their_text_are_one_kind(tmp_path):
    for part, kind in enumerate([int, str]):
        columns = {name: [str(row[i]) for row in ROWS] for i, name in enumerate(COLUMNS)}
        columns["item"] = [kind(int(item[1:])) for item in columns["item"]]
        pa.parquet.write_table(pa.table(columns), tmp_path / f"{part}.parquet")
    check_log(_config("hidden_dirs", folder=str(tmp_path), files="*.parquet"))


def _zip(**members):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return packed.getvalue()


def _zstd(data):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as file:
        file.write(data)
    return sink.getvalue().to_pybytes()


PACK = {"gz": gzip.compress, "bz2": bz2.compress, "zst": _zstd, "xz": lzma.compress}


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("name", ["log.csv.{}", "LOG.CSV.GZ", "log.csv", "part-0"])
def test_what_a_file_holds_decides_how_it_is_unpacked(tmp_path, kind, name):
    path = tmp_path / name.format(kind)
    pack = PACK[kind]
    path.write_bytes(pack(TEXT) + pack(b"3,z\n") + pack(b""))
    assert _read(path) == [["1", "x"], ["2", "y"], ["3", "z"]]
    path.write_bytes(TEXT)
    assert _read(path) == [["1", "x"], ["2", "y"]]
    long = "".join(f"{i},{i * i}\n" for i in range(3000)).encode()
    path.write_bytes(pack(b"a,b\n" + long)[:-20])
    with pytest.raises(LogError, match=r"is a truncated \w+ file. Copy it again, complete"):
        _read(path)


def test_zip_files(tmp_path):
    path = tmp_path / "log.zip"
    path.write_bytes(_zip(**{"day/a.csv": TEXT, "__MACOSX/._a.csv": b"x"}))
    assert _read(path) == [["1", "x"], ["2", "y"]]
    path.write_bytes(_zip(**{"a.jsonl": b'{"a": 1, "b": 2}'}))
    assert _read(path) == [["1", "2"]]
    locked = bytearray(_zip(**{"a.csv": TEXT}))
    locked[6] |= 1
    locked[locked.find(b"PK\x01\x02") + 8] |= 1
    for data, says in [
        (_zip(**{"a.csv": TEXT, "b.csv": TEXT}), "must hold one file, this one holds 2: a.csv, b"),
        (_zip(), "must hold one file, this one holds 0"),
        (_zip(**{"[Content_Types].xml": b"", "xl/a.xml": b""}), "is a document, .*Save it as CSV"),
        (bytes(locked), "a.csv in it is encrypted"),
        (_zip(**{"a.csv": TEXT})[:-30], "is a truncated or damaged zip file"),
        (b"7z\xbc\xaf\x27\x1c\x00\x04", "is packed as 7z, which cannot be read"),
    ]:
        path.write_bytes(data)
        with pytest.raises(LogError, match=rf"log.zip: .*{says}"):
            _read(path)


def test_archives_are_named(tmp_path):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("a.csv")
        member.size = len(TEXT)
        archive.addfile(member, io.BytesIO(TEXT))
    (tmp_path / "log.tar.gz").write_bytes(packed.getvalue())
    with pytest.raises(LogError, match=r"log.tar.gz: is a tar archive. Unpack it into a folder"):
        _read(tmp_path / "log.tar.gz")


def test_hidden_names_are_left_out_at_every_level(tmp_path):
    names = ["a.csv", "x/b.csv", "x/y/c.csv"]
    hidden = [
        "_SUCCESS", ".a.csv.crc", "x/_b.csv", "x/.ipynb_checkpoints/b.csv", "_temporary/0/d.csv",
        "x/_delta_log/0.csv", ".git/x/e.csv",
    ]  # fmt: skip
    for name in names + hidden:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("a\n1\n")

    def found(files):
        return [file.path.removeprefix(f"{tmp_path}/") for file in find_files(str(tmp_path), files)]

    assert found(".") == [f"./{name}" for name in names]
    assert found(str(tmp_path)) == found("**") == names
    assert found("x") == found("x/**/*.csv") == found("x/**") == names[1:]
    assert found("*") == names
    assert found("*.csv") == ["a.csv"]
    for name in hidden:
        assert found(name) == [name]
    assert found("_temporary") == ["_temporary/0/d.csv"]
    with pytest.raises(LogError, match=r"names that begin with . or _ are read only where a file"):
        found("x/_*.csv")


def test_a_partition_may_begin_with_an_underscore(tmp_path):
    """As Spark and Hive read them: `_dt=1` is a value of the column `_dt`."""
    for name in ("_dt=1/a.csv", "_dt=2/b.csv", "_dt=2/_SUCCESS", ".dt=3/c.csv", "_tmp/d=4/d.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("a\n1\n")
    for files in (str(tmp_path), "**", "*"):
        found = [file.path for file in find_files(str(tmp_path), files)]
        assert found == [f"{tmp_path}/_dt=1/a.csv", f"{tmp_path}/_dt=2/b.csv"]


@pytest.mark.parametrize("names", [("~/log", "a.csv"), (".", "~/log/a.csv")])
def test_the_home_folder_is_not_guessed(tmp_path, monkeypatch, names):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LogError, match=r"No file matches .*`~` is the home folder only in a shell"):
        find_files(*names)
    (tmp_path / "~" / "log").mkdir(parents=True)
    (tmp_path / "~" / "log" / "a.csv").write_text("a\n1\n")
    assert len(find_files(*names)) == 1


def test_a_name_that_is_no_text_is_refused(tmp_path):
    name = os.fsencode(tmp_path) + b"/a\xff.csv"
    with open(name, "wb") as file:
        file.write(b"a\n1\n")
    for files in (".", "*.csv", os.fsdecode(b"a\xff.csv")):
        with pytest.raises(LogError, match=r"a\\xff.csv': its name is no text in UTF-8.*Rename it"):
            find_files(str(tmp_path), files)


@pytest.mark.parametrize(
    ("name", "present", "says"),
    [
        ("user", ["USER", "item"], "Did you mean 'USER'?"),
        ("user", ["user", "user"], "Present: user, user."),
        ("us\u00e9r", ["use\u0301r"], "accents are written otherwise"),
    ],
)
def test_what_may_have_been_meant(name, present, says):
    assert nearest(name, present).endswith(says) or f"{says} (NFC" in nearest(name, present)


@pytest.mark.parametrize(
    "name", ["out [1]", "what?", "dt=2024-01-01", "a*b", "[", "with space", "été", "{x}"]
)
def test_paths_of_any_characters(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    for file in (name + ".csv", "z[ab].csv", "za.csv"):
        (folder / file).write_text("a,b\n1,2\n")

    def found(root, files):
        paths = [file.path for file in find_files(str(root), files)]
        for path in paths:
            assert _read(path) == [["1", "2"]]
        return [path.removeprefix(f"{folder}/") for path in paths]

    three = sorted([name + ".csv", "z[ab].csv", "za.csv"])
    assert found(folder, "*.csv") == found(tmp_path, name) == three
    assert found(tmp_path, f"{name}/{name}.csv") == [f"{name}.csv"]
    assert found(folder, "z[ab].csv") == ["z[ab].csv"]
    assert found(folder, "z[a].csv") == ["za.csv"]
    assert found(folder, "z?.csv") == ["za.csv"]


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(LogError, match=r"pipe.csv: is a named pipe, which cannot be read twice"):
        find_files(str(tmp_path), "*.csv")
    with pytest.raises(LogError, match="/dev/null: is a device"):
        find_files(str(tmp_path), "/dev/null")
    folder = tmp_path / "s"
    folder.mkdir()
    here = os.getcwd()
    os.chdir(folder)  # the path of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("a.sock")
            with pytest.raises(LogError, match="is a socket"):
                find_files(str(tmp_path), "s")
    finally:
        os.chdir(here)
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nothing")
    with pytest.raises(LogError, match=r"gone.csv: is a link to a file that is not there"):
        find_files(str(tmp_path), "gone.csv")


def test_links_are_followed_in_no_circle(tmp_path):
    (tmp_path / "log").mkdir()
    (tmp_path / "day").mkdir()
    (tmp_path / "day" / "a.csv").write_text("a\n1\n")
    (tmp_path / "log" / "day").symlink_to(tmp_path / "day")
    (tmp_path / "log" / "self").symlink_to(tmp_path / "log")
    assert [f.path for f in find_files(str(tmp_path), "log")] == [f"{tmp_path}/log/day/a.csv"]


def test_labels_of_several_items_in_a_cell_are_named(tmp_path):
    """As MIND has them."""
    rows = [f"U{n},N1,c,{1600000000 + n},N{n}-1 N{n + 1}-0 N{n + 2}-0" for n in range(60)]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,cat,ts,click", *rows, ""]))
    config = _config("hidden_dirs", folder=str(tmp_path), files="log.csv")
    with pytest.raises(
        LogError,
        match=r"log.csv: the column 'click', `label.column`, looks like a sequence in a cell: "
        r"'N0-1 N1-0 N2-0'. A row is one event: write one for each value",
    ):
        check_log(config)


def test_the_first_cell_of_each_fault_is_shown(tmp_path):
    rows = [f"U{n},N1,c,{'soon' if n < 9 else 1600000000 + n},{'N1-' if n > 50 else ''}{n % 2}"
            for n in range(60)]  # fmt: skip
    (tmp_path / "log.csv").write_text("\n".join(["user,item,cat,ts,click", *rows, ""]))
    with pytest.raises(LogError) as error:
        check_log(_config("hidden_dirs", folder=str(tmp_path), files="log.csv"))
    said = str(error.value)
    assert f"9  time: neither a number nor ISO 8601, first at {tmp_path}/log.csv:2, 'soon';" in said
    assert f"9  label: neither 0 nor 1, first at {tmp_path}/log.csv:53, 'N1-1'; " in said


def test_a_sequence_in_a_cell_is_named():
    with pytest.raises(LogError, match=r"'seq_items', .*looks like .*'i38;i101;i166"):
        check_log(_config("easyrec_sequences"))
    check_log(_config("multivalue_cat"))  # several categories are no items


@pytest.mark.parametrize(
    ("column", "cell", "says"),
    [
        ("cat", "i1 i2 i3 i4", "'cat', `log.columns.category`"),
        ("item", "i{0}|i{1}|i{2}", "'item', `log.columns.item`"),
        ("ts", "1600000000,1600000001,1600000002", "'ts', `log.columns.time`"),
        ("cat", "red|green|blue", None),
        ("item", "red small shoes for red small feet", None),
        ("item", "shop{0}|de|{1}", None),
        ("user", "a,b", None),
    ],
)
def test_what_looks_like_a_sequence(tmp_path, column, cell, says):
    rows = [
        {"user": f"u{i % 3}", "item": f"i{i % 5}", "cat": "c", "ts": 1600000000 + i, "click": i % 2}
        | {column: cell.format(i % 4, i % 5, i % 3)}
        for i in range(60)
    ]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    config = _config("jsonl", folder=str(tmp_path), files="log.jsonl")
    if says is None:
        check_log(config)
    else:
        with pytest.raises(LogError, match=f"log.jsonl: the column {says}, looks like a sequence"):
            check_log(config)


def test_rows_of_beam_schemas_are_read():
    config = _config("jsonl_beam", options={"path": str(CASES / "jsonl_beam" / "a.json")})
    with beam.Pipeline() as pipeline:
        blocks = open_sources(config)["log"].blocks(pipeline)
        rows = blocks | beam.FlatMap(lambda block: _rows([block])) | beam.combiners.ToList()
        assert_that(rows, _same_rows)


def _same_rows(found):
    names = ["user", "item", "cat", "ts", "click"]  # as `used_columns` orders them
    assert sorted(found[0]) == sorted([row[names.index(n)] for n in names] for row in ROWS)


@pytest.mark.parametrize(
    ("row", "says"),
    [("2,y,z", "wrong number of columns"), (r'2,"y\" disk"', "quotation marks that do not match")],
)
def test_no_row_of_a_table_to_join_vanishes(tmp_path, row, says):
    (tmp_path / "items.csv").write_text(f"a,b\n1,x\n{row}\n3,z\n")
    with pytest.raises(LogError, match=rf"items.csv: row 3 of a table to join: {says}"):
        read_table(str(tmp_path), "items.csv", CsvConfig(), ["a", "b"], "log.items")


class _Store(FileSystem):
    """An object store: names of objects, and no folders."""

    objects = ("log/a.csv", "log/_SUCCESS", "log/_temporary/b.csv", "log/dt=1 [x]/c.csv", "z.csv")

    @classmethod
    def scheme(cls):
        return "store"

    def has_dirs(self):
        return False

    def join(self, base, *paths):
        return "/".join([base.rstrip("/"), *paths])

    def split(self, path):
        return tuple(path.rsplit("/", 1))

    def exists(self, path):
        return path in [f"store://b/{name}" for name in self.objects]

    def metadata(self, path):
        return FileMetadata(path, 1, 1.0)

    def _list(self, prefix):
        paths = [f"store://b/{name}" for name in self.objects]
        return [self.metadata(path) for path in paths if path.startswith(prefix)]

    def _no(self, *args):
        raise NotImplementedError

    mkdirs = create = open = copy = rename = size = last_updated = checksum = delete = _no


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ("log", ["log/a.csv", "log/dt=1 [x]/c.csv"]),
        ("log/", ["log/a.csv", "log/dt=1 [x]/c.csv"]),
        ("log/*", ["log/a.csv", "log/dt=1 [x]/c.csv"]),
        ("log/*.csv", ["log/a.csv"]),
        ("log/dt=1 [x]", ["log/dt=1 [x]/c.csv"]),
        ("log/dt=1 [x]/c.csv", ["log/dt=1 [x]/c.csv"]),
        ("log/dt*/*.csv", ["log/dt=1 [x]/c.csv"]),
        ("log/_temporary", ["log/_temporary/b.csv"]),
        ("log/_SUCCESS", ["log/_SUCCESS"]),
        ("?.csv", ["z.csv"]),
    ],
)
def test_objects_of_a_store(files, found):
    paths = [file.path for file in find_files("store://b", files)]
    assert paths == [f"store://b/{name}" for name in found]


def test_examples_are_written_into_a_folder_of_any_name(tmp_path):
    folder = tmp_path / "out [1] dt=2024-01-01 *?"
    folder.mkdir()
    for _ in range(2):  # the second time over what is there
        counts = write_examples(_config("zst"), str(folder), beam.Pipeline)
        assert counts["rows"] == counts["rows_kept"] == len(ROWS)
        left = sorted(path.name for path in folder.iterdir())
        assert left == [
            "Split-eval", "Split-train", "Split-validation", "counts.json", "quarantine.jsonl"
        ]  # fmt: skip
        assert [*(folder / "Split-train").iterdir()]
