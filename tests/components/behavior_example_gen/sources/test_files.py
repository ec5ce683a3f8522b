"""Files as they come: what is read, and what the message says when it cannot be."""

import gzip

import pyarrow as pa
import pyarrow.parquet
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.behavior_example_gen.config.log_config import CsvConfig
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read import csv_text, tfrecord
from components.behavior_example_gen.read.block import NOT_UTF8, RAGGED
from components.behavior_example_gen.read.file import read_file, read_table
from components.behavior_example_gen.read.files import find_files
from tests.components.behavior_example_gen.texts import write_log


def _blocks(path, columns=("b", "a"), layout="auto", **csv):
    return list(read_file(str(path), 3, layout, CsvConfig(**csv), columns))


def _read(path, columns=("b", "a"), layout="auto", **csv):
    blocks = _blocks(path, columns, layout, **csv)
    table = pa.Table.from_batches([block.batch for block in blocks])
    assert {(block.origin, block.part) for block in blocks} == {(str(path), 3)}
    return [table[name].to_pylist() for name in columns]


@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz"])
@pytest.mark.parametrize(
    ("text", "csv", "rows"),
    [
        ("a,b,c\n1,x,5\n2,,6\n", {}, [["x", None], ["1", "2"]]),
        ("\ufeffa,b\n1,x\n", {}, [["x"], ["1"]]),
        ("a,b\r\n1,x\r\n", {}, [["x"], ["1"]]),
        ('a,b\n1,"x, ""y"""\n', {}, [['x, "y"'], ["1"]]),
        ('a|b\n1|"x"\n', {"delimiter": "|", "quote": None}, [['"x"'], ["1"]]),
        ("1\tx\n2\ty", {"delimiter": "\t", "header": ["a", "b"]}, [["x", "y"], ["1", "2"]]),
        ("1::x:y\n2::\n", {"delimiter": "::", "header": ["a", "b"]}, [["x:y", None], ["1", "2"]]),
        ("a::b\n1::x", {"delimiter": "::"}, [["x"], ["1"]]),
    ],
)
def test_text(tmp_path, name, text, csv, rows):
    assert _read(write_log(tmp_path / name, text), **csv) == rows


def test_other_encodings(tmp_path):
    path = write_log(tmp_path / "log.dat", "1::Misérables\n".encode("latin-1"))
    csv = {"delimiter": "::", "header": ["a", "b"]}
    assert _read(path, encoding="latin-1", **csv)[0] == ["Misérables"]
    (block,) = _blocks(path, **csv)
    assert block.rejected == ((1, NOT_UTF8, "Mis\ufffdrables, 1"),)
    with pytest.raises(LogError, match=r"row 1 is not utf-8 text. Set `log.items.csv.encoding`"):
        read_table(str(tmp_path), "log.dat", CsvConfig(**csv), ["a", "b"], "log.items")


def _literal(text):
    """Rows of two columns with the lines they begin on, faulty ones apart: a loop over lines."""
    good, bad = [], []
    for number, line in enumerate(text.split(b"\n"), start=1):
        if not line.rstrip(b"\r"):
            continue
        cells = line.rstrip(b"\r").split(b",")
        if len(cells) != 2:
            bad.append((number, RAGGED, line.decode().rstrip("\r")))
            continue
        try:
            good.append((number, *(cell.decode() or None for cell in cells)))
        except UnicodeDecodeError:
            shown = b", ".join(cells).decode(errors="replace")
            bad.append((number, NOT_UTF8, shown))
    return good, bad


@settings(deadline=None, max_examples=150)
@given(
    lines=st.lists(
        st.sampled_from(
            [
                b"1,x",
                b"22,",
                b",y\r",
                b"\r",
                b"",
                b"3",
                b"4,x,y",
                b"5,\xff",
                b"\xe9,x",
                "6,é".encode(),
            ]
        ),
        min_size=1,
        max_size=40,
    ),
    size=st.sampled_from([4, 16, 64, 1 << 20]),
    ends=st.booleans(),
)
def test_every_row_has_the_number_of_its_line(tmp_path_factory, lines, size, ends):
    path = tmp_path_factory.mktemp("lines") / "log.csv"
    text = b"0,head\n" + b"\n".join(lines) + b"\n" * ends
    path.write_bytes(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_text, "_BLOCK_BYTES", size)
        blocks = _blocks(path, ["a", "b"], header=["a", "b"])
    good, bad = _literal(text)
    read = [
        (number, *row.values())
        for block in blocks
        for number, row in zip(block.numbers().tolist(), block.batch.to_pylist(), strict=True)
    ]
    assert read == good
    assert [tuple(row) for block in blocks for row in block.rejected] == bad


@pytest.mark.parametrize("size", [5, 20, 1000])
def test_lines_of_quoted_newlines(tmp_path, monkeypatch, size):
    monkeypatch.setattr(csv_text, "_BLOCK_BYTES", size)
    path = tmp_path / "log.csv"
    path.write_text('a,b\n1,"x\ny"\n2,z\n3\n\n4,"say ""hi""\n\n"\n5,w\n')
    blocks = _blocks(path, ["a", "b"])
    numbers = [n for block in blocks for n in block.numbers().tolist()]
    rows = [tuple(row.values()) for block in blocks for row in block.batch.to_pylist()]
    assert list(zip(numbers, rows, strict=True)) == [
        (2, ("1", "x\ny")), (4, ("2", "z")), (7, ("4", 'say "hi"\n\n')), (10, ("5", "w"))
    ]  # fmt: skip
    assert [row for block in blocks for row in block.rejected] == [(5, RAGGED, "3")]


def test_a_stray_quotation_mark_is_a_character(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_text, "_BLOCK_BYTES", 16)
    monkeypatch.setattr(csv_text, "_LONGEST_ROW", 64)
    path = write_log(tmp_path / "log.csv", "a,b\n" + "".join(f'{i},5" disk\n' for i in range(99)))
    path.write_text(path.read_text() + "99,x\n")
    assert _read(path, ["a"]) == [[str(i) for i in range(100)]]


@settings(deadline=None, max_examples=150)
@given(
    lines=st.lists(
        st.sampled_from([b"1,x", b'2,"y"', b'3,"z', b'"4,w', b'5,v"', b'6,"', b'7,5" disk', b"8"]),
        min_size=1,
        max_size=30,
    ),
    size=st.sampled_from([8, 64, 1 << 20]),
    longest=st.sampled_from([32, 1 << 20]),
)
def test_stray_quotation_marks_hide_no_line(tmp_path_factory, lines, size, longest):
    path = tmp_path_factory.mktemp("stray") / "log.csv"
    path.write_bytes(b"\n".join([b"a,b", *lines]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_text, "_BLOCK_BYTES", size)
        patch.setattr(csv_text, "_LONGEST_ROW", longest)
        blocks = _blocks(path, ["a", "b"])
    cells = [row for block in blocks for row in block.batch.to_pylist()]
    inside = sum((cell or "").rstrip("\n").count("\n") for row in cells for cell in row.values())
    rejected = sum(len(block.rejected) for block in blocks)
    assert len(cells) + inside + rejected == len(lines)


def test_a_quotation_mark_that_is_never_closed_costs_its_own_line(tmp_path):
    rows = [f"{i},x" for i in range(5000)]
    path = write_log(tmp_path / "log.csv", "\n".join(["a,b", *rows, '"7,y', *rows]))
    blocks = _blocks(path, ["a"])
    assert sum(block.batch.num_rows for block in blocks) == 10_000
    assert [row.number for block in blocks for row in block.rejected] == [5002]
    assert blocks[-1].numbers()[-1] == 10_002


@pytest.mark.parametrize("block", [64, 1000])
def test_delimiters_of_several_characters(tmp_path, monkeypatch, block):
    monkeypatch.setattr(csv_text, "_BLOCK_BYTES", block)
    rows = [f"{i}::{'x' * (i % 7)}" + "::odd" * (i % 50 == 3) for i in range(300)]
    path = write_log(tmp_path / "log.csv.gz", "\n".join(rows))
    blocks = _blocks(path, ["a"], delimiter="::", header=["a", "b"])
    assert len(blocks) > 2
    assert [r for b in blocks for r in b.rejected] == [
        (i + 1, RAGGED, rows[i]) for i in range(300) if i % 50 == 3
    ]
    assert [int(a) for b in blocks for a in b.batch["a"].to_pylist()] == [
        i for i in range(300) if i % 50 != 3
    ]


def test_concatenated_gzip_is_read_to_its_end(tmp_path):
    path = write_log(tmp_path / "log.csv.gz", "")
    path.write_bytes(gzip.compress(b"a,b\n1,x\n") + gzip.compress(b"2,y\n"))
    assert _read(path) == [["x", "y"], ["1", "2"]]


def test_parquet(tmp_path):
    table = pa.table({"a": [1, None], "b": pa.array(["x", "y"]).dictionary_encode(), "c": [0, 0]})
    pa.parquet.write_table(table, tmp_path / "log.parquet", row_group_size=1)
    assert [block.numbers().tolist() for block in _blocks(tmp_path / "log.parquet")] == [[1], [2]]
    assert _read(tmp_path / "log.parquet") == [["x", "y"], [1, None]]


def test_finds_names_globs_and_folders(tmp_path):
    (tmp_path / "day").mkdir()
    for name in ("day/2.csv", "day/1.csv", "day/_SUCCESS", "day/.tmp", "log.csv"):
        (tmp_path / name).write_text("a\n1\n")

    def names(files):
        return [file.path.removeprefix(str(tmp_path)) for file in find_files(str(tmp_path), files)]

    assert names("log.csv") == ["/log.csv"]
    assert names("day") == names("day/") == names("day/*.csv") == ["/day/1.csv", "/day/2.csv"]
    assert names(["log.csv", "day/1.csv", "l*.csv"]) == ["/day/1.csv", "/log.csv"]
    assert names(str(tmp_path / "log.csv")) == ["/log.csv"]
    with pytest.raises(LogError, match=r"No file matches '.*/logs.csv'.*Did you mean 'log.csv'\?"):
        names("logs.csv")
    with pytest.raises(LogError, match="There is nothing there"):
        find_files(str(tmp_path / "void"), "log.csv")


def test_numbers_of_files_are_in_their_order(tmp_path):
    names = ["2020-9/b", "2020-10/a", "day-1", "day-01.csv", "day-2", "day-10", "day-10.1", "x"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a")
    found = find_files(str(tmp_path.parent), tmp_path.name)
    assert [file.path.removeprefix(f"{tmp_path}/") for file in found] == names


def _records(path, rows):
    """Writes events by TensorFlow, one `tf.train.Example` each."""
    kinds = {int: ("int64_list", tf.train.Int64List), bytes: ("bytes_list", tf.train.BytesList)}
    options = tf.io.TFRecordOptions("GZIP" if path.name.endswith(".gz") else "")
    with tf.io.TFRecordWriter(str(path), options) as writer:
        for row in rows:
            features = {}
            for name, value in row.items():
                values = value if isinstance(value, list) else [value]
                field, kind = kinds[type(values[0])] if values else kinds[int]
                features[name] = tf.train.Feature(**{field: kind(value=values)})
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())
    return path


@pytest.mark.parametrize("name", ["log.tfrecord", "log.tfrecord-00000-of-00001.gz"])
def test_tfrecord(tmp_path, monkeypatch, name):
    monkeypatch.setattr(tfrecord, "_BLOCK_ROWS", 2)
    rows = [{"a": 1, "b": b"x", "c": 5}, {"b": b"y"}, {"a": [], "b": b"z"}, {"a": 4}, {"a": 5}]
    path = _records(tmp_path / name, rows)
    blocks = _blocks(path)
    assert [block.numbers().tolist() for block in blocks] == [[1, 2], [3, 4], [5]]
    assert [row for block in blocks for row in block.batch.to_pylist()] == [
        {"b": row.get("b", b"").decode() or None, "a": row.get("a") or None} for row in rows
    ]
    with pytest.raises(LogError, match="the feature 'a' of an event holds 2 values"):
        _read(_records(tmp_path / "two.tfrecord", [{"a": [1, 2], "b": b""}]))


def _damaged(tmp_path):
    text = "a,b\n" + "".join(f"{i},{i * i}\n" for i in range(20_000))
    cut = gzip.compress(text.encode())
    pa.parquet.write_table(pa.table({"a": [1], "b": [2]}), tmp_path / "whole.parquet")
    broken = (tmp_path / "whole.parquet").read_bytes()[:-9]
    records = _records(tmp_path / "whole.tfrecord", [{"a": 1, "c": 2}])
    strange = tmp_path / "odd.tfrecord"
    with tf.io.TFRecordWriter(str(strange)) as writer:
        writer.write(b"\x0a\xff\xffnot an example")
    return {
        "cut.csv.gz": (cut[:-1000], "is a truncated gzip file"),
        "plain.csv.gz": (
            b"\0" + text.encode(),
            "is not packed as its name says, and no utf-8 text",
        ),
        "cut.parquet": (broken, "is a truncated or damaged Parquet file"),
        "void.parquet": (b"", "is no Parquet file, but empty. Remove it, or write it again"),
        "text.tfrecord": (text.encode(), "is no TFRecord file, or a truncated or damaged one"),
        "cut.tfrecord": (records.read_bytes()[:-2], "is no TFRecord file, or a truncated"),
        "strange.tfrecord": (strange.read_bytes(), "holds a record that is no tf.train.Example"),
        "some.tfrecord": (records.read_bytes(), "has no column 'b'. Present: a, c"),
        "other.csv": (b"aa,bb\n1,2\n", "has no column 'b'. Present: aa, bb. Did you mean 'bb'"),
        "twice.csv": (b"a,b,b\n1,2,3\n", "has more than one column 'b'. Write it again"),
        "packed.parquet": (gzip.compress(broken), "is a gzip file, and Parquet is never packed"),
        "wide.csv": (
            "a,b\n1,2\n".encode("utf-16"),
            "is a text in UTF-16. Set `log.csv.encoding: utf-16`",
        ),
        "apple.csv": (b"a,b\r1,2\r", "its lines end with a return alone, .* newlines"),
        "endless.csv": (b"a,b," + b"c" * 10_000, "a row is longer than 0 MiB"),
    }


@pytest.mark.parametrize(
    "name",
    [
        "cut.csv.gz",
        "plain.csv.gz",
        "cut.parquet",
        "void.parquet",
        "text.tfrecord",
        "cut.tfrecord",
        "strange.tfrecord",
        "some.tfrecord",
        "other.csv",
        "twice.csv",
        "packed.parquet",
        "wide.csv",
        "apple.csv",
        "endless.csv",
    ],
)
def test_damaged_files_are_named(tmp_path, monkeypatch, name):
    monkeypatch.setattr(csv_text, "_BLOCK_BYTES", 4096)
    monkeypatch.setattr(csv_text, "_LONGEST_ROW", 5000)
    data, says = _damaged(tmp_path)[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(LogError, match=f"{name}: .*{says}"):
        _read(tmp_path / name)


def test_header_that_does_not_fit(tmp_path):
    path = write_log(tmp_path / "log.csv", "1,2,3\n")
    with pytest.raises(LogError, match="names 2 columns, but the first row has 3: '1,2,3'"):
        _read(path, header=["a", "b"])


def test_unreadable_file(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(LogError, match=r"folder.csv: cannot be read: .*Check its permissions"):
        _read(tmp_path / "folder.csv")
