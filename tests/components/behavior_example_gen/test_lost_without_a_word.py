"""Logs of which rows, ids or labels were lost, or were others than meant, without a word."""

import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.behavior_example_gen.cells.parse import tidy
from components.behavior_example_gen.check import check_log
from components.behavior_example_gen.clean.notes import Found, Span
from components.behavior_example_gen.clean.refuse import check_rows
from components.behavior_example_gen.clean.remarks import remarks
from components.behavior_example_gen.config.ingest_config import IngestConfig
from components.behavior_example_gen.config.log_config import CsvConfig
from components.behavior_example_gen.cut.targets import WholeLog
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.file import read_file, read_table
from components.behavior_example_gen.shard import Shard
from components.behavior_example_gen.sources.from_beam import to_arrow
from components.behavior_example_gen.tables import one_batch

from .runs import taken

TIMES = 1_600_000_000
COLUMNS = {"user": "user", "item": "item", "time": "ts"}
ROWS = [(f"u{n % 6}", f"i{n % 9}", TIMES + 600 * n, n % 2) for n in range(120)]


def _config(folder, files="log.csv", columns=COLUMNS, **sections):
    log = {"folder": str(folder), "files": files, "columns": columns} | sections.pop("log", {})
    split = {"by": "user_tail", "validation": 0.2, "eval": 0.2}
    return IngestConfig(**{"log": log, "label": {"column": "click"}, "split": split} | sections)


def _write(path, rows, names="user,item,ts,click", between=","):
    lines = [names.split(","), *rows]
    path.write_text("".join(between.join(map(str, line)) + "\n" for line in lines))


def _remarks(config):
    """What is told once a log is cut; and the counts of its rows."""
    table, counts = taken(config)
    counts += Shard(one_batch(table), config, WholeLog()).counts
    return remarks(counts, config), counts


TITLED = {  # one mark opens a cell, and one in a row behind it, or in the next but one, closes it
    "last": ("user,item,ts,click,title", lambda row, title: (*row, title)),
    "middle": ("user,title,item,ts,click", lambda row, title: (row[0], title, *row[1:])),
}


@pytest.mark.parametrize("place", TITLED)
@pytest.mark.parametrize("behind", [1, 2])
def test_rows_that_run_together_between_stray_marks(tmp_path, place, behind):
    names, row = TITLED[place]
    titles = {10: '"Heroes', 10 + behind: 'Heroes"'}
    rows = [row(cells, titles.get(n, f"t{n}")) for n, cells in enumerate(ROWS)]
    _write(tmp_path / "log.csv", rows, names, "\t")
    csv = {"delimiter": "\t"}
    (block,) = read_file(str(tmp_path / "log.csv"), 0, "csv", CsvConfig(**csv), ["user", "item"])
    assert (block.batch.num_rows, block.together) == (120 - behind, (12,))
    allowed = {"csv": csv, "max_bad_row_share": 0.01}
    (told,) = _remarks(_config(tmp_path, log=allowed))[0]
    assert told == (
        f"`log.csv`: 1 rows have several lines between quotation marks, each of which would be a "
        f"row by itself, as at {tmp_path}/log.csv:12. If marks mean nothing, and rows ran "
        f"together, set `log.csv.quote: null`."
    )
    says = rf"{tmp_path}/log.csv:12: this row and others, 1 of {120 - behind}, .*quote: null`"
    with pytest.raises(LogError, match=says):
        check_log(_config(tmp_path, log=allowed | {"max_bad_row_share": 0.001}))
    read = _config(tmp_path, log={"csv": csv | {"quote": None}})
    assert taken(read)[1].rows_kept == 120


def test_cells_of_several_lines_are_as_they_are(tmp_path):
    cells = ["a\nb", "a, b\nc\n\nd, e, f", "a, b, c, d\ne"]
    rows = [(*cells_, f'"{cells[n % 3]}"') for n, cells_ in enumerate(ROWS)]
    _write(tmp_path / "log.csv", rows, "user,item,ts,click,text")
    (block,) = read_file(str(tmp_path / "log.csv"), 0, "csv", CsvConfig(), ["user", "text"])
    assert block.batch["text"].to_pylist()[:3] == cells
    assert (block.batch.num_rows, block.together) == (120, ())


def test_places_add_up():
    one, other = Found(1, "b.csv:3"), Found(2, "a.csv:7")
    assert one + other == (3, "a.csv:7")


@pytest.mark.parametrize("scored", [None, "labelled", "unlabelled"])
def test_candidates_need_no_positive_value(tmp_path, scored):
    _write(tmp_path / "log.csv", [(*row[:3], "") for row in ROWS])
    label = {"column": "click", "positives": ["yes"]}
    config = _config(tmp_path, label=label, scored=scored)
    if scored is not None:
        check_log(config)
        return
    with pytest.raises(LogError, match=r"no row has the value 'yes' of `label\.positives`"):
        check_log(config)


def test_equal_rows_of_a_day_are_told(tmp_path):
    days = [(user, item, f"2020-09-{1 + n // 6:02}", 1) for n, (user, item, *_) in enumerate(ROWS)]
    _write(tmp_path / "log.csv", [*days, *days[:30]])
    says = (
        "`log.duplicates`: 30 of 150 rows are dropped, as another one is equal in every used "
        "column. Where times are whole hours or days, as here, they may be events of their own: "
        "if so, set `log.duplicates: keep`."
    )
    assert says in _remarks(_config(tmp_path))[0]
    assert says not in _remarks(_config(tmp_path, log={"duplicates": "keep"}))[0]
    _write(tmp_path / "log.csv", [*ROWS, *ROWS[:30]])
    assert _remarks(_config(tmp_path))[0] == []


def test_times_of_whole_hours():
    hour = 3_600 * 10**9
    first = TIMES // 3_600 * hour
    whole, other = (Span.of(pa.array([first, t]), True) for t in (first + 5 * hour, first + 1))
    assert (whole.hourly, other.hourly, (whole + other).hourly) == (True, False, False)
    assert not Span.of(pa.array([0, hour]), False).hourly  # an order has no hours


@pytest.mark.parametrize(("seconds", "told"), [(600, False), (86_400, True)])
def test_requests_that_are_none_are_told(tmp_path, seconds, told):
    rows = [(*row, f"r{row[2] // seconds}") for row in ROWS]
    _write(tmp_path / "log.csv", rows, "user,item,ts,click,shown")
    found, counts = _remarks(_config(tmp_path, columns=COLUMNS | {"request": "shown"}))
    # A user comes each hour; the log begins at 12:26 and ends next day at 08:16.
    expected = 0 if seconds == 600 else sum(_since_the_first(n) > 3_600 for n in range(120))
    assert counts.notes.late == {"log.columns.request": (expected, 120)}
    assert (
        (expected > 0)
        == told
        == any(
            f"{expected} of 120 rows with a label come more than an hour after" in one
            for one in found
        )
    )


def _since_the_first(row):
    """Seconds since the first row of the user on the day."""
    day = [n for n in range(row % 6, row + 1, 6) if ROWS[n][2] // 86_400 == ROWS[row][2] // 86_400]
    return ROWS[row][2] - ROWS[day[0]][2]


@pytest.mark.parametrize(("kind", "told"), [("int", True), ("string", False)])
def test_a_missing_category_that_is_also_a_number_is_told(tmp_path, kind, told):
    rows = [(*row, "" if n % 4 == 3 else n % 4) for n, row in enumerate(ROWS)]
    _write(tmp_path / "log.csv", rows, "user,item,ts,click,cat")
    columns = COLUMNS | {"category": {"column": "cat", "type": kind}}
    expected = (
        "`log.columns.category`: 30 rows without a category are read as of the category 0, which "
        "30 others have. Set `log.columns.category.type: string` to tell them apart."
    )
    assert (expected in _remarks(_config(tmp_path, columns=columns))[0]) == told


def _parquet(folder, **columns):
    names = ("user", "item", "ts", "click")
    table = {name: [row[n] for row in ROWS] for n, name in enumerate(names)}
    pq.write_table(pa.table(table | columns), folder / "log.parquet")


def test_a_number_that_is_none_is_a_missing_cell(tmp_path):
    nan = float("nan")
    labels, groups = ([nan if n % k == 0 else float(n % 2) for n in range(120)] for k in (5, 4))
    _parquet(tmp_path, cat=groups, click=labels)
    config = _config(tmp_path, "log.parquet", COLUMNS | {"category": "cat"})
    counts = taken(config)[1]
    assert (counts.rows_kept, counts.dropped) == (120, {})
    assert counts.notes.missing == {"category": 30, "label": 24}


@pytest.mark.parametrize(
    "cells",
    [
        pa.array([-1, 0, 7, None]),
        pa.array([-1, 0, 7, None], pa.int8()),
        pa.array([-1, 0, 7, None], pa.float32()),
        pa.array(["-1", "0", "7", ""]),
    ],
)
def test_a_number_may_stand_for_a_missing_cell(cells):
    others = ["NULL", "999", "1e3", "9" * 30]
    assert tidy(cells, ["-1", *others], True).is_null().to_pylist() == [True, False, False, True]
    assert tidy(cells, ["0", "-1"], True).is_null().to_pylist() == [True, True, False, True]
    assert tidy(cells, others, True).is_null().to_pylist() == [False, False, False, True]


def test_the_largest_number_is_not_the_least():
    cells = pa.array([2**64 - 1, 1], pa.uint64())
    assert tidy(cells, ["-1"], True).to_pylist() == [2**64 - 1, 1]


@pytest.mark.parametrize(
    ("column", "section", "says"),
    [
        ("behavior", {"columns": COLUMNS | {"behavior": "stars"}}, "fractions are values only if"),
        ("feature stars", {}, "fractions are values only if they are texts"),
        ("item", {"columns": COLUMNS | {"item": {"column": "stars", "type": "int"}}},
         "`log.columns.item.type: string` takes any text"),
    ],
)  # fmt: skip
def test_the_way_out_for_fractions_is_one(tmp_path, column, section, says):
    _parquet(tmp_path, stars=[n % 10 / 2 for n in range(120)])
    if not section:
        section = {"features": {"stars": {"of": "event", "column": "stars"}}}
    with pytest.raises(LogError, match=rf"60  {column}: not an integer, first at .*; .*{says}"):
        check_log(_config(tmp_path, "log.parquet", **section))


def test_dates_are_no_order(tmp_path):
    _write(tmp_path / "log.csv", [(*row[:2], "2020-09-13", row[3]) for row in ROWS])
    columns = COLUMNS | {"time": {"column": "ts", "unit": "order"}}
    config = _config(tmp_path, columns=columns, history={"session_gap": None})
    with pytest.raises(LogError, match="; an order is of whole numbers; a time needs no `unit"):
        check_rows(taken(config)[1], config)


def test_times_are_compared_with_days(tmp_path):
    stamps = [datetime.datetime(2020, 9, 13 + n // 60) for n in range(120)]
    _parquet(tmp_path, ts=pa.array(stamps, pa.timestamp("us")))
    with pytest.raises(LogError, match=r"`log\.where` 'ts >= 1600000000': the column 'ts' holds t"):
        check_log(_config(tmp_path, "log.parquet", log={"where": ["ts >= 1600000000"]}))
    config = _config(tmp_path, "log.parquet", log={"where": ["ts >= 2020-09-14"]})
    assert taken(config)[1].rows_kept == 60


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (lambda t: f'"{t:,}"', "holds numbers with commas, such as '1,600,000,000'"),
        (lambda t: f"{t // 86400 - 18500} 09 2020", r"first at .*'18 09 2020'; .*time\.format` s"),
        (lambda t: f'"{t},{t + 1},{t + 2}"', "looks like a sequence in a cell: '1600000000,16000"),
    ],
)
def test_one_time_is_no_sequence(tmp_path, written, says):
    _write(tmp_path / "log.csv", [(*row[:2], written(row[2]), row[3]) for row in ROWS])
    with pytest.raises(LogError, match=says):
        check_log(_config(tmp_path))


@pytest.mark.parametrize("u", ["", "u"])
def test_what_python_prints_is_no_json(tmp_path, u):
    names = ("user", "item", "ts", "click")
    rows = [dict(zip(names, row, strict=True)) for row in ROWS]
    (tmp_path / "log.json").write_text("\n".join(str(r).replace("{'", f"{{{u}'") for r in rows))
    says = r"log\.json: holds dictionaries as Python prints them, .*`json\.dumps\(ast\.literal"
    with pytest.raises(LogError, match=says):
        check_log(_config(tmp_path, "log.json"))
    with pytest.raises(LogError, match=says):
        read_table(str(tmp_path), "log.json", CsvConfig(), ["item"], "log.tables.a")


def test_a_table_of_json_is_not_cut_as_a_text(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"item": 1}\n[2]\n')
    with pytest.raises(LogError, match=r"row 2 of a table to join: not a JSON object\. Mend it\. "):
        read_table(str(tmp_path), "a.jsonl", CsvConfig(), ["item"], "log.tables.a")


def test_rows_of_python_keep_their_values():
    day, moment = datetime.date(2020, 9, 13), datetime.datetime(2020, 9, 13, 12, 26, 40)
    rows = [
        {"id": 2**64 - 1, "ts": day, "at": moment, "name": "a\ud800", "n": 1},
        {"id": 7, "ts": moment, "at": 1_600_000_000, "name": "b", "n": 2.5},
        {"id": None, "ts": None, "at": None, "name": None, "n": None},
    ]
    found = to_arrow(rows, ["id", "ts", "at", "name", "n"]).to_pydict()
    assert found == {
        "id": ["18446744073709551615", "7", None],
        "ts": ["2020-09-13", "2020-09-13 12:26:40", None],
        "at": ["2020-09-13 12:26:40", "1600000000", None],
        "name": [b"a\xed\xa0\x80", b"b", None],  # no text: its row is faulty
        "n": [1.0, 2.5, None],
    }
    assert to_arrow([{"ts": moment}, {}], ["ts"])["ts"].type == pa.timestamp("us")
