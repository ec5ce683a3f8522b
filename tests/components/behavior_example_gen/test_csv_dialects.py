"""Texts in the dialects that programs write: every row comes back, or is counted with its line."""

import csv
import io

import pyarrow as pa
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.behavior_example_gen.config.log_config import CsvConfig
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read import csv_text
from components.behavior_example_gen.read.block import RAGGED, UNMATCHED
from components.behavior_example_gen.read.csv_rows import Dialect, find_rows
from components.behavior_example_gen.read.file import read_file
from models.characters import meant

TEXTS = st.text(
    st.sampled_from(["a", "é", '"', "'", "\\", ",", ";", "\t", "\n", "\r", " "]), max_size=6
)


def _blocks(path, columns=("a", "b"), **config):
    return list(read_file(str(path), 0, "csv", CsvConfig(**config), columns))


def _cells(blocks):
    return [[cell or "" for cell in row.values()] for b in blocks for row in b.batch.to_pylist()]


@st.composite
def dialects(draw):
    """How Python's csv module can write cells so that they can be told apart."""
    quoting = draw(
        st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC, csv.QUOTE_NONE])
    )
    doubled = draw(st.booleans()) and quoting != csv.QUOTE_NONE
    return {
        "delimiter": draw(st.sampled_from([",", ";", "\t", "|"])),
        "quotechar": draw(st.sampled_from(['"', "'"])),
        "escapechar": None if doubled else "\\",
        "doublequote": doubled,
        "quoting": quoting,
        "lineterminator": draw(st.sampled_from(["\n", "\r\n"])),
    }


@given(
    rows=st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=12),
    dialect=dialects(),
    size=st.sampled_from([16, 64, 1 << 20]),
)
def test_what_python_writes_comes_back(tmp_path_factory, rows, dialect, size):
    if dialect["quoting"] == csv.QUOTE_NONE:  # it cannot write line ends that come back
        rows = [[cell.replace("\r", "").replace("\n", "") for cell in row] for row in rows]
    if dialect["lineterminator"] == "\n":  # then it leaves a return without marks
        rows = [[cell.replace("\r", "") for cell in row] for row in rows]
    text = io.StringIO(newline="")
    writer = csv.writer(text, **dialect)
    starts = []
    for row in [("a", "b", "c"), *rows]:
        starts.append(text.getvalue().count("\n") + 1)
        writer.writerow(row)
    path = tmp_path_factory.mktemp("dialect") / "log.csv"
    path.write_bytes(text.getvalue().encode())
    quote = None if dialect["quoting"] == csv.QUOTE_NONE else dialect["quotechar"]
    config = {"delimiter": dialect["delimiter"], "quote": quote, "escape": dialect["escapechar"]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_text, "_BLOCK_BYTES", size)
        blocks = _blocks(path, ("a", "b", "c"), **config)
    assert _cells(blocks) == [list(row) for row in rows]
    assert [n for b in blocks for n in b.numbers().tolist()] == starts[1:]


def _walk(text, delimiter, quote, escape):
    """Counts rows by looking at one character after the other: where each begins."""
    begins, place, begun, fresh, inside = [], 0, False, True, False
    while place < len(text):
        c = text[place]
        if not begun and c not in "\r\n":
            begins.append(place)
            begun, fresh = True, True
        if c == escape and place + 1 < len(text):
            place, fresh = place + 1, False
        elif inside:
            if c == quote and text[place + 1 : place + 2] == quote:
                place += 1
            elif c == quote:
                inside = False
        elif c == quote and fresh:
            inside, fresh = True, False
        elif c in "\r\n":
            begun = False
        else:
            fresh = c == delimiter
        place += 1
    return begins


@given(
    text=st.text(st.sampled_from('a",\n\r\\'), max_size=40),
    quote=st.sampled_from(['"', None]),
    escape=st.sampled_from(["\\", None]),
)
def test_rows_are_counted_as_by_a_walk_over_characters(text, quote, escape):
    dialect = Dialect(b",", quote and quote.encode(), escape and escape.encode())
    rows = find_rows(text.encode(), dialect)
    begins = _walk(text, ",", quote, escape)
    assert rows.begins.tolist() == begins
    assert rows.lines.tolist() == [text.count("\n", 0, begin) for begin in begins]


@given(
    lines=st.lists(st.text(st.sampled_from('a",,\\\r'), max_size=12), max_size=12),
    escape=st.sampled_from(["\\", None]),
    size=st.sampled_from([8, 32, 1 << 20]),
)
def test_no_line_of_any_text_vanishes(tmp_path_factory, lines, escape, size):
    path = tmp_path_factory.mktemp("any") / "log.csv"
    path.write_bytes("\n".join(["a,b", *lines]).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_text, "_BLOCK_BYTES", size)
        blocks = _blocks(path, escape=escape)
    kept = {n for b in blocks for n in b.numbers().tolist()}
    rejected = {row.number for b in blocks for row in b.rejected}
    within = {  # later lines of a cell that plainly has several
        n + k
        for b in blocks
        for n, row in zip(b.numbers().tolist(), b.batch.to_pylist(), strict=True)
        for k in range(1, 1 + sum((cell or "").count("\n") for cell in row.values()))
    }
    filled = {n for n, line in enumerate(lines, 2) if line.strip("\r")}
    assert filled <= kept | rejected | within


def test_marks_that_do_not_match_are_counted_line_by_line(tmp_path):
    path = tmp_path / "log.csv"
    rows = ["1,x", r'2,"5\""', "3,y", r'4,"6\"" disk', '5,"fine\n,"', r'6,"7\" disk"', "7,z"]
    path.write_text("\n".join(["a,b", *rows]) + "\n")
    blocks = _blocks(path)
    assert _cells(blocks) == [["1", "x"], ["5", "fine\n,"], ["7", "z"]]
    assert [row[:2] for block in blocks for row in block.rejected] == [
        (3, UNMATCHED), (4, UNMATCHED), (5, UNMATCHED), (8, UNMATCHED)
    ]  # fmt: skip


def test_a_count_that_differs_is_an_error(tmp_path, monkeypatch):
    path = tmp_path / "log.csv"
    path.write_text('a,b\n1,"x\ny"\n2,z\n')
    read = pa.csv.read_csv
    monkeypatch.setattr(pa.csv, "read_csv", lambda *args: read(*args).slice(1))
    with pytest.raises(LogError, match=r"log.csv: lines 2 to 4 hold 2 rows, but 1 are read"):
        _blocks(path)


def test_delimiters_of_several_characters_in_quoted_cells(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text('a::b\n1::"x::y"\n"2"::z\n')
    assert _cells(_blocks(path, delimiter="::")) == [["1", "x::y"], ["2", "z"]]
    path.write_text("aéb\n1éx\n")
    assert _cells(_blocks(path, delimiter="é")) == [["1", "x"]]
    path.write_text("a::b\n1::x\x1fy\n")
    with pytest.raises(LogError, match=r"holds the control character '\\x1f'"):
        _blocks(path, delimiter="::")


@pytest.mark.parametrize(
    ("text", "config", "rows", "first"),
    [
        ("# made\n# by\na,b\n1,x\n", {"skip_rows": 2}, [["1", "x"]], 4),
        ("sep=;\na;b\n1;x\n", {"delimiter": ";"}, [["1", "x"]], 3),
        ('"sep=;"\r\na;b\r\n1;x\r\n', {"delimiter": ";"}, [["1", "x"]], 3),
        ("\ufeffsep=,\na,b\n1,x\n", {}, [["1", "x"]], 3),
        ("\n\r\na,b\n1,x\n", {}, [["1", "x"]], 4),
        (" a , b \n1,x\n", {}, [["1", "x"]], 2),
        ('"a",\t"b"\n1,x\n', {"skip_rows": 1, "header": ["a", "b"]}, [["1", "x"]], 2),
        ('a,"b\nc"\n1,x\n', {}, None, 3),
        ("a,b\n1,x,\n2,y,\n", {}, [["1", "x"], ["2", "y"]], 2),
        ("a,b,\n1,x,\n", {}, [["1", "x"]], 2),
        ("1,x,\n", {"header": ["a", "b"]}, [["1", "x"]], 1),
    ],
)
@pytest.mark.parametrize("size", [4, 1 << 20])
def test_what_is_before_and_behind_rows(tmp_path, monkeypatch, text, config, rows, first, size):
    monkeypatch.setattr(csv_text, "_BLOCK_BYTES", max(size, 40))
    path = tmp_path / "log.csv"
    path.write_bytes(text.encode())
    if rows is None:
        assert _cells(_blocks(path, ("a", "b\nc"), **config)) == [["1", "x"]]
        return
    blocks = _blocks(path, **config)
    assert _cells(blocks) == rows
    assert blocks[0].numbers()[0] == first


def test_cells_behind_the_last_delimiter_do_not_vanish(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("a,b\n1,x,\n2,y,z\n3,w\n4,v,\n")
    (block,) = _blocks(path)
    assert _cells([block]) == [["1", "x"], ["4", "v"]]
    assert [tuple(row) for row in block.rejected] == [(3, RAGGED, "2,y,z"), (4, RAGGED, "3,w")]


@pytest.mark.parametrize(
    ("text", "config", "says"),
    [
        ("sep=;\na;b\n1;x\n", {}, "between columns. Set `log.csv.delimiter: ';'`. Received: ','"),
        ("a;b\n1;x\n", {}, "Line 1 names them: set `log.csv.delimiter: ';'`"),
        ("a\x01b\n1\x01x\n", {}, r"Present: a\\x01b.*set `log.csv.delimiter: '\\x01'`"),
        ("made by\n\na,b\n1,x\n", {}, "Line 3 names them: set `log.csv.skip_rows: 2`"),
        ("made by\na|b\n1|x\n", {}, "set `log.csv.delimiter: '|'` and `log.csv.skip_rows: 1`"),
        ('"a", "b"\n"1", "x"\n', {}, "Marks behind a space quote nothing"),
        ("a,b\n1,x\n", {"skip_rows": 9}, "leaves out 9 lines, but the file has no more than"),
    ],
)
def test_the_way_out_is_named(tmp_path, text, config, says):
    path = tmp_path / "log.csv"
    path.write_text(text)
    with pytest.raises(LogError, match=f"log.csv: .*{says}".replace("|", r"\|")):
        _blocks(path, **config)


@pytest.mark.parametrize(
    ("written", "character"),
    [
        ("\\t", "\t"), ("\\\\t", "\t"), ("tab", "\t"), ("TAB", "\t"), ("\\x09", "\t"),
        ("\\001", "\x01"), ("\\1", "\x01"), ("\x01", "\x01"), ("\\x01", "\x01"), ("^A", "\x01"),
        ("\\u0001", "\x01"), ("0x1e", "\x1e"), ("\\\\", "\\"), ("\\", "\\"), ("\\|", "|"),
        ("::", "::"), (";", ";"), (" ", " "), ("^", "^"), ("0", "0"),
    ],
)  # fmt: skip
def test_characters_as_people_write_them(written, character):
    assert meant(written) == character
    assert CsvConfig(delimiter=written).delimiter == character


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"delimiter": "\\q"}, r"means no character. Write it as it is, or as \\t"),
        ({"delimiter": "\\n"}, "means no character|must be no line end"),
        ({"delimiter": "\n"}, "must be no line end"),
        ({"escape": '"'}, "`quote` and `escape` must differ"),
        ({"delimiter": '"'}, "`delimiter` and `quote` must differ"),
        ({"quote": "”"}, "must be an ASCII character"),
    ],
)
def test_characters_that_cannot_be_meant(config, says):
    with pytest.raises(pydantic.ValidationError, match=says):
        CsvConfig(**config)
