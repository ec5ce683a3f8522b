"""Files as programs leave them by mistake: what can be read is read, the rest is named."""

import bz2
import gzip
import io
import json
import zipfile

import pyarrow as pa
import pyarrow.parquet
import pytest

from components.behavior_example_gen.config.log_config import CsvConfig
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read import csv_text, json_lines
from components.behavior_example_gen.read.block import NO_OBJECT, NOT_UTF8, RAGGED, ZERO
from components.behavior_example_gen.read.file import read_file
from components.behavior_example_gen.read.files import find_files

BOM = b"\xef\xbb\xbf"


def _gzip(data: bytes) -> bytes:
    """Of no time, so that every worker collects the same tests."""
    return gzip.compress(data, mtime=0)


def _blocks(path, columns=("a", "b"), layout="auto", **csv):
    return list(read_file(str(path), 0, layout, CsvConfig(**csv), columns))


def _rows(blocks):
    return [list(row.values()) for block in blocks for row in block.batch.to_pylist()]


def _rejected(blocks):
    return [row[:2] for block in blocks for row in block.rejected]


def _says(path, words, columns=("a", "b"), layout="auto", **csv):
    with pytest.raises(LogError) as error:
        _blocks(path, columns, layout, **csv)
    assert str(error.value).startswith(f"{path}: ")
    assert words in str(error.value)


@pytest.mark.parametrize("size", [4, 13, 1 << 20])
@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (BOM + b"u1,x\n" + BOM + b"u1,y\n", [["u1", "x"], ["u1", "y"]]),
        (BOM + BOM + b'"u1",x\r\n' + BOM + b'"u1","y,z"\r\n', [["u1", "x"], ["u1", "y,z"]]),
        (b"u1,x\n" + BOM + BOM + b"u1," + BOM, [["u1", "x"], ["u1", "\ufeff"]]),
    ],
)
def test_marks_of_files_that_were_put_together(tmp_path, monkeypatch, size, text, rows):
    monkeypatch.setattr(csv_text, "_BLOCK_BYTES", size)
    (tmp_path / "log.csv").write_bytes(text)
    assert _rows(_blocks(tmp_path / "log.csv", header=["a", "b"])) == rows
    wide = text.decode().encode("utf-16-le")
    (tmp_path / "log.csv").write_bytes(wide)
    blocks = _blocks(tmp_path / "log.csv", header=["a", "b"], encoding="utf-16-le")
    assert _rows(blocks) == rows


@pytest.mark.parametrize("size", [8, 1 << 20])
def test_marks_within_json_lines(tmp_path, monkeypatch, size):
    monkeypatch.setattr(json_lines, "_BLOCK_BYTES", size)
    (tmp_path / "log.jsonl").write_bytes(BOM + b'{"a": 1}\n' + BOM + b'{"a": 2}\n')
    assert _rows(_blocks(tmp_path / "log.jsonl", ["a"])) == [["1"], ["2"]]


def test_rows_with_zero_bytes_are_faulty(tmp_path):
    head, good = b"a,b\n", b"".join(b"u%d,x\n" % n for n in range(1000))
    gap = b"\0" * 700 + b"u1,y\nu\x002,y\n"
    (tmp_path / "log.csv").write_bytes(head + good + gap + b"u3,y\n")
    blocks = _blocks(tmp_path / "log.csv")
    assert _rejected(blocks) == [(1002, ZERO), (1003, ZERO)]
    assert len(_rows(blocks)) == 1001
    (tmp_path / "log.csv").write_bytes(head + b"u1,x\n" + gap + b"u3,y\nu4,y\n")
    blocks = _blocks(tmp_path / "log.csv")
    assert _rejected(blocks) == [(3, ZERO), (4, ZERO)]
    assert _rows(blocks) == [["u1", "x"], ["u3", "y"], ["u4", "y"]]
    (tmp_path / "log.jsonl").write_text('{"a": "1\\u0000"}\n{"a": "2"}\n')
    blocks = _blocks(tmp_path / "log.jsonl", ["a"])
    assert (_rows(blocks), _rejected(blocks)) == ([["2"]], [(1, ZERO)])
    table = pa.table(
        {"a": ["1", "2\0", None], "b": pa.array([b"\0\0", b"xy", b"zz"], pa.binary(2))}
    )
    pa.parquet.write_table(table, tmp_path / "log.parquet")
    blocks = _blocks(tmp_path / "log.parquet")
    assert (_rows(blocks), _rejected(blocks)) == ([[None, "zz"]], [(1, ZERO), (2, ZERO)])


def test_bytes_of_a_fixed_size_are_texts_or_faulty(tmp_path):
    cells = pa.array([b"ab", b"\xff\xfe", None], pa.binary(2))
    pa.parquet.write_table(pa.table({"a": cells}), tmp_path / "log.parquet")
    blocks = _blocks(tmp_path / "log.parquet", ["a"])
    assert (_rows(blocks), _rejected(blocks)) == ([["ab"], [None]], [(2, NOT_UTF8)])


@pytest.mark.parametrize("quote", ['"', None])
@pytest.mark.parametrize("delimiter", [",", "\t", "::"])
def test_behind_an_escape_n_is_a_missing_cell(tmp_path, delimiter, quote):
    cells = [
        [r"\N", r"\N", "x"],
        ["N", r"\\N", r"\N"],  # the second is a backslash and an N
        [r"x\N", r"\Nx", "x" + "\\" + delimiter + r"\N"],
    ]
    text = "\n".join(delimiter.join(row) for row in [["a", "b", "c"], *cells]) + "\n"
    (tmp_path / "log.csv").write_text(text)
    read = _rows(
        _blocks(tmp_path / "log.csv", "abc", delimiter=delimiter, quote=quote, escape="\\")
    )
    assert read[:2] == [[None, None, "x"], ["N", "\\N", None]]
    assert read[2][:2] == ["xN", "Nx"]
    plain = _rows(_blocks(tmp_path / "log.csv", "abc", delimiter=delimiter, quote=quote))
    assert plain[0] == [r"\N", r"\N", "x"]  # a text of `missing`


def test_seekable_zstd_begins_with_what_is_skipped(tmp_path):
    frame = pa.Codec("zstd").compress(b"a,b\n1,x\n", asbytes=True)
    other = pa.Codec("zstd").compress(b"2,y\n", asbytes=True)
    for number in range(16):
        skipped = bytes([0x50 + number]) + b"\x2a\x4d\x18\x04\0\0\0size"
        (tmp_path / "log.csv.zst").write_bytes(skipped + frame + skipped + other)
        assert _rows(_blocks(tmp_path / "log.csv.zst")) == [["1", "x"], ["2", "y"]]


def _zipped(name, data):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(name, data)
    return held.getvalue()


def _parquet():
    held = io.BytesIO()
    pa.parquet.write_table(pa.table({"a": [1], "b": [2]}), held)
    return held.getvalue()


TEXT = b"a,b\n1,x\n"
OBJECTS = b'{"a": 1, "b": 2}\n'


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("log.csv.gz", _gzip(_gzip(TEXT)), "packed twice, within as gzip"),
        ("log.zip", _zipped("log.csv.bz2", bz2.compress(TEXT)), "packed twice, within as bz2"),
        ("log.jsonl.gz", _gzip(_gzip(OBJECTS)), "packed twice, within as gzip"),
        ("log.csv.lzma", b"\x5d\0\0\x80\0" + b"\xff" * 8, "is packed as lzma"),
        ("log.csv", TEXT.decode().encode("utf-16"), "Set `log.csv.encoding: utf-16`"),
        ("log.csv", TEXT.decode().encode("utf-32"), "Set `log.csv.encoding: utf-32`"),
        ("log.csv", TEXT.decode().encode("utf-16-le"), "csv.encoding`, for example to utf-16-le"),
        ("log.csv", TEXT.decode().encode("utf-16-be"), "csv.encoding`, for example to utf-16-be"),
        ("log.csv", b"u1,1600000000\nu2,1600000060\n", "seems to be no header, but values"),
        ("log.jsonl", OBJECTS.decode().encode("utf-16"), "`iconv -f utf-16 -t utf-8`"),
        ("part-0", _parquet(), "is a Parquet file. Set `log.format: parquet`"),
        ("log.json", _parquet(), "is a Parquet file. Set `log.format: parquet`"),
        ("log.csv", b"Obj\x01\x04\x14avro\0", "`log.source: beam:apache_beam.io.ReadFromAvro`"),
        ("log.csv", b"SQLite format 3\0", "is an SQLite database"),
        ("log.log", OBJECTS * 3, "It holds JSON lines: set `log.format: json`"),
        ("log.parquet", TEXT, "is no Parquet file. Set `log.format`"),
        ("log.parquet", _parquet()[:-9], "is a truncated or damaged Parquet file"),
        ("log.csv", TEXT.replace(b"\n", b"\r"), "lines end with a return alone"),
    ],
)  # fmt: skip
def test_what_a_file_is_instead_is_said(tmp_path, name, data, words):
    (tmp_path / name).write_bytes(data)
    _says(tmp_path / name, words)


def test_which_byte_is_first_is_told_where_no_mark_tells_it(tmp_path):
    (tmp_path / "log.csv").write_bytes(TEXT.decode().encode("utf-16-le"))
    _says(
        tmp_path / "log.csv", "Set `log.csv.encoding`, for example to utf-16-le", encoding="utf-16"
    )
    assert _rows(_blocks(tmp_path / "log.csv", encoding="utf-16-le")) == [["1", "x"]]


@pytest.mark.parametrize(
    ("name", "format", "data"),
    [("part-0", "parquet", _parquet()), ("log.log", "json", OBJECTS), ("l.parquet", "csv", TEXT)],
)
def test_the_remedy_holds(tmp_path, name, format, data):
    (tmp_path / name).write_bytes(data)
    assert len(_rows(_blocks(tmp_path / name, layout=format))) == 1


def test_headers_may_begin_as_other_files_do(tmp_path):
    (tmp_path / "log.csv").write_text("ORCID,b\n1,x\n")
    assert _rows(_blocks(tmp_path / "log.csv", ["ORCID"])) == [["1"]]


@pytest.mark.parametrize("names", [[], [""], ["log.csv", ""]])
def test_files_without_a_name_are_none(tmp_path, names):
    (tmp_path / "log.csv").write_bytes(TEXT)
    with pytest.raises(LogError, match=r"`files` must name files. Received: "):
        find_files(str(tmp_path), names)
    assert [file.path for file in find_files(str(tmp_path), ".")] == [f"{tmp_path}/./log.csv"]


def test_few_objects_among_values_are_faulty_rows(tmp_path):
    rows = [{"a": n, "b": n} for n in range(10)]
    rows[3]["a"], rows[7]["b"] = {"id": 3}, {"id": 7}
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    blocks = _blocks(tmp_path / "log.jsonl")
    assert _rejected(blocks) == [(4, json_lines.OBJECT), (8, json_lines.OBJECT)]
    assert [row[0] for row in _rows(blocks)] == list("01245689")
    assert blocks[0].numbers().tolist() == [1, 2, 3, 5, 6, 7, 9, 10]
    _says(tmp_path / "log.jsonl", "has no column 'a.uid'. Present: a, a.id, b, b.id", ["a.uid"])


def test_a_path_that_leads_to_nothing_is_no_column(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"a": {"id": 1}}\n{"a": null}\n{"a": [{"b": {"c": null}}]}\n')
    _says(path, "no column 'a.ids'. Present: a, a.b, a.b.c, a.id. Did you mean 'a.id'", ["a.ids"])
    assert _rows(_blocks(path, ["a.b.c"])) == [[None]]


def test_a_line_is_an_object_and_nothing_else(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"a": 1},\n{"a": 2}{"a": 3}\n{\n"a": 4\n}\n{"a": 5}\n')
    blocks = _blocks(path, ["a"])
    assert _rows(blocks) == [["5"]]
    assert _rejected(blocks) == [(n, NO_OBJECT) for n in (1, 2, 3, 4, 5)]


@pytest.mark.parametrize(
    "kind", [pa.time32("s"), pa.time64("us"), pa.duration("s"), pa.month_day_nano_interval()]
)
def test_types_that_are_no_event_name_their_column(tmp_path, kind):
    cells = pa.nulls(2, kind)
    try:
        pa.parquet.write_table(pa.table({"a": cells}), tmp_path / "log.parquet")
    except pa.ArrowNotImplementedError:
        pytest.skip("Parquet has no such type")
    _says(tmp_path / "log.parquet", "the column 'a' has the type ", ["a"])


def test_a_row_with_a_return_in_a_cell_is_faulty(tmp_path):
    (tmp_path / "log.csv").write_bytes(b"a,b\n1,x\n2\r3,y\n")
    blocks = _blocks(tmp_path / "log.csv")
    assert (_rows(blocks), _rejected(blocks)) == ([["1", "x"], ["3", "y"]], [(3, RAGGED)])
