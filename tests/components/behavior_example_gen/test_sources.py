"""Files as they come: what is read, and what the message says when it cannot be."""

import gzip

import pyarrow as pa
import pyarrow.parquet
import pytest

from components.behavior_example_gen import sources
from components.behavior_example_gen.config import CsvConfig
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.sources import find_files, read_blocks

from .runs import write_log


def _read(path, columns=("b", "a"), layout="auto", **csv):
    blocks = list(read_blocks(str(path), layout, CsvConfig(**csv), columns))
    table = pa.Table.from_batches([block.rows for block in blocks])
    return [table[name].to_pylist() for name in columns], sum(block.ragged for block in blocks)


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
    assert _read(write_log(tmp_path / name, text), **csv) == (rows, 0)


def test_other_encodings(tmp_path):
    path = write_log(tmp_path / "log.dat", "1::Misérables\n".encode("latin-1"))
    csv = {"delimiter": "::", "header": ["a", "b"]}
    assert _read(path, encoding="latin-1", **csv)[0][0] == ["Misérables"]
    with pytest.raises(LogError, match=r"log.dat: is not utf-8 text. Set `csv.encoding`"):
        _read(path, **csv)
    with pytest.raises(LogError, match=r"`csv.encoding` 'klingon' is unknown"):
        _read(path, encoding="klingon", **csv)


@pytest.mark.parametrize("block", [64, 1000])
def test_blocks_know_their_rows(tmp_path, monkeypatch, block):
    monkeypatch.setattr(sources, "_BLOCK_BYTES", block)
    rows = [f"{i}::{'x' * (i % 7)}" + "::odd" * (i % 50 == 3) for i in range(300)]
    path = write_log(tmp_path / "log.csv.gz", "\n".join(rows))
    csv = CsvConfig(delimiter="::", header=["a", "b"])
    blocks = list(read_blocks(str(path), "auto", csv, ["a"]))
    assert len(blocks) > 2
    assert sum(block.ragged for block in blocks) == 6
    assert [int(a) for b in blocks for a in b.rows["a"].to_pylist()] == [
        i for i in range(300) if i % 50 != 3
    ]
    assert blocks[-1].first + blocks[-1].rows.num_rows + blocks[-1].ragged == 300
    firsts = [block.first for block in blocks]
    assert firsts == sorted(firsts) and firsts[0] == 0


def test_concatenated_gzip_is_read_to_its_end(tmp_path):
    path = write_log(tmp_path / "log.csv.gz", "")
    path.write_bytes(gzip.compress(b"a,b\n1,x\n") + gzip.compress(b"2,y\n"))
    assert _read(path)[0] == [["x", "y"], ["1", "2"]]


def test_parquet(tmp_path):
    table = pa.table({"a": [1, None], "b": pa.array(["x", "y"]).dictionary_encode(), "c": [0, 0]})
    pa.parquet.write_table(table, tmp_path / "log.parquet")
    assert _read(tmp_path / "log.parquet") == ([["x", "y"], [1, None]], 0)


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


def _damaged(tmp_path):
    text = "a,b\n" + "".join(f"{i},{i * i}\n" for i in range(20_000))
    cut = gzip.compress(text.encode())
    pa.parquet.write_table(pa.table({"a": [1], "b": [2]}), tmp_path / "whole.parquet")
    broken = (tmp_path / "whole.parquet").read_bytes()[:-9]
    return {
        "cut.csv.gz": (cut[:-1000], "is a truncated gzip file"),
        "plain.csv.gz": (text.encode(), "is no gzip file"),
        "cut.parquet": (broken, "is no Parquet file, or a truncated one"),
        "void.csv": (b"", "the file is empty"),
        "void.parquet": (b"", "is no Parquet file"),
        "other.csv": (b"aa,bb\n1,2\n", "has no column 'b'. Present: aa, bb. Did you mean 'bb'"),
        "twice.csv": (b"a,b,b\n1,2,3\n", "has more than one column 'b'"),
    }


@pytest.mark.parametrize(
    "name",
    [
        "cut.csv.gz",
        "plain.csv.gz",
        "cut.parquet",
        "void.csv",
        "void.parquet",
        "other.csv",
        "twice.csv",
    ],
)
def test_damaged_files_are_named(tmp_path, name):
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
