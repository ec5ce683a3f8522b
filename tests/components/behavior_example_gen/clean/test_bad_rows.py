"""Faulty rows and files: counted, put into quarantine with their lines, or refused by name."""

import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet
import pytest

from components.behavior_example_gen.check import check_log
from components.behavior_example_gen.clean.account import SAMPLES
from components.behavior_example_gen.config.ingest_config import SPLITS
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read import csv_text
from components.behavior_example_gen.read.block import NOT_UTF8, RAGGED
from tests.components.behavior_example_gen import logs, oracle, runs

HEAD = "user,item,category,time,behavior,label"
TIME = {"column": "time", "format": "%Y-%m-%d"}
GOOD = [f"{u},{i % 7},{i % 3},{10 * i},{i % 2},{(u + i) % 2}" for i in range(30) for u in range(4)]


def _ingest(tmp_path, lines, name="log.csv", **log):
    data = b"\n".join(line if isinstance(line, bytes) else line.encode() for line in [HEAD, *lines])
    runs.write_log(tmp_path / name, data)
    log = {"folder": str(tmp_path), "files": name, "max_bad_row_share": 0.5} | log
    return runs.execute(logs.config(log=log), tmp_path / "out")


def _quarantine(folder):
    return [json.loads(line) for line in (folder / "quarantine.jsonl").read_text().splitlines()]


FAULTS = {
    "x,1,1,5,0,1": "user: not an integer",
    ",1,1,5,0,1": "user: missing",
    "1,,1,5,0,1": "item: missing",
    "1,1,1,nan,0,1": "time: missing",
    "1,1,1,noon,0,1": "time: neither a number nor ISO 8601",
    "1,1,1,-5,0,1": "time: negative",
    "1,1,1,99999999999999,0,1": "time: after the year 2261",
    "1,1,1,5,0,3": "label: neither 0 nor 1",
    "1,1,1,5,0,1,9": RAGGED,
    "1,1,1": RAGGED,
    b"1,\xff,1,5,0,1": NOT_UTF8,
    GOOD[7]: "duplicate",
}


@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz"])
def test_each_fault_is_counted_and_named_with_its_line(tmp_path, name):
    lines, expected = list(GOOD), []
    for number, (fault, reason) in enumerate(FAULTS.items()):
        place = 10 + 5 * number
        lines.insert(place, fault)
        expected.append((place + 2, reason))  # the header is line 1
    counts = _ingest(tmp_path, lines, name)
    found = _quarantine(tmp_path / "out")
    assert [(row["line"], row["reason"]) for row in found] == expected
    assert {row["file"] for row in found} == {str(tmp_path / name)}
    reasons = [reason for _, reason in expected]
    lost = {r: n for r, n in counts["dropped"].items() if not r.startswith("target: ")}
    assert lost == {reason: reasons.count(reason) for reason in reasons}
    assert counts["rows"] == len(lines)
    assert counts["rows_kept"] == len(GOOD)
    cells = zip(HEAD.split(","), ["x", "1", "1", "5", "0", "1"], strict=True)
    assert found[0]["row"] == dict(cells)
    assert found[8]["row"] == "1,1,1,5,0,1,9"


def test_quarantine_is_a_sample_of_each_reason_from_the_beginning_of_the_log(tmp_path):
    bad = ["1,1,1,noon,0,1"] * 50 + [",1,1,5,0,1"] * 3
    counts = _ingest(tmp_path, [*bad, *GOOD])
    no_time = "time: neither a number nor ISO 8601"
    assert (counts["dropped"][no_time], counts["dropped"]["user: missing"]) == (50, 3)
    lines = {no_time: [], "user: missing": []}
    for row in _quarantine(tmp_path / "out"):
        lines[row["reason"]].append(row["line"])
    assert lines[no_time] == list(range(2, 2 + SAMPLES))
    assert lines["user: missing"] == [52, 53, 54]


def test_quoted_newlines_and_blank_lines_are_no_faults_and_lines_stay_right(tmp_path):
    columns = logs.COLUMNS | {"category": {"column": "category", "before": "\n"}}
    lines = ['1,1,"a\nb",5,0,1', "", *GOOD, '2,2,"c\n\nd",7,0,0', "3,3,x,noon,0,1"]
    counts = _ingest(tmp_path, lines, columns=columns)
    assert counts["rows"] == len(GOOD) + 3
    (bad,) = _quarantine(tmp_path / "out")
    assert bad["reason"] == "time: neither a number nor ISO 8601"
    assert bad["line"] == len("\n".join([HEAD, *lines]).split("\n"))


def test_rows_of_parquet_are_numbered(tmp_path):
    columns = {name: [1] * 300 for name in HEAD.split(",")} | {"time": list(range(300))}
    columns["user"] = [i % 4 for i in range(300)]
    columns["label"] = [i // 4 % 2 for i in range(300)]
    columns["item"][250] = None
    (tmp_path / "in").mkdir()
    pa.parquet.write_table(pa.table(columns), tmp_path / "in" / "log.parquet", row_group_size=100)
    log = {"folder": str(tmp_path / "in"), "files": "log.parquet"}
    runs.execute(logs.config(log=log), tmp_path / "out")
    (bad,) = _quarantine(tmp_path / "out")
    assert (bad["line"], bad["reason"], bad["row"]["time"]) == (251, "item: missing", "250")


def _parquet(folder, **columns):
    table = pa.Table.from_batches(
        [logs.cells([oracle.Row(*map(int, line.split(","))) for line in GOOD])]
    )
    for name, values in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, values)
    folder.mkdir()
    pa.parquet.write_table(table, folder / "log.parquet")
    return {"folder": str(folder), "files": "log.parquet"}


def _items(first, kind):
    return pa.array([first, *(type(first)(int(line.split(",")[1])) for line in GOOD[1:])], kind)


def _texts(first):
    return pa.array([first, *(line.split(",")[1] for line in GOOD[1:])], pa.binary())


def _as_string(texts):
    """Texts that nobody has looked at, as Arrow reads them from Parquet."""
    return pa.Array.from_buffers(pa.string(), len(texts), texts.buffers())


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        (_items(2**64 - 1, pa.uint64()), "item: beyond 64 bits"),
        (_items(Decimal("1.50"), pa.decimal128(9, 2)), "item: not an integer"),
        (_items(float("inf"), pa.float64()), "item: NaN"),
        (_texts(b"\xff\xfe"), NOT_UTF8),
        (_as_string(_texts(b"\xff\xfe")), NOT_UTF8),
        (_texts("x").dictionary_encode(), "item: not an integer"),
    ],
)
def test_one_faulty_cell_of_a_typed_column(tmp_path, items, reason):
    log = _parquet(tmp_path / "in", item=items)
    counts = runs.execute(logs.config(log=log), tmp_path / "out")
    assert counts["dropped"][reason] == 1
    assert counts["rows_kept"] == len(GOOD) - 1
    (bad,) = _quarantine(tmp_path / "out")
    assert (bad["line"], bad["reason"]) == (1, reason)


def test_too_many_bad_rows_stop_and_leave_the_quarantine_but_no_counts(tmp_path):
    with pytest.raises(LogError, match=r"3 of 123 rows \(2.44%\) are bad(.|\n)*3  user: missing"):
        _ingest(tmp_path, [*GOOD, *[",1,1,5,0,1"] * 3], max_bad_row_share=0.02)
    assert [row["line"] for row in _quarantine(tmp_path / "out")] == [122, 123, 124]
    assert not (tmp_path / "out" / "counts.json").exists()
    assert not [*(tmp_path / "out").glob("Split-*/*")]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (pa.array([True, False] * 60), "holds truth values, but integers"),
        (pa.array([1.0, 2.0] * 60), "holds fractions, but integers"),
    ],
)
def test_a_column_that_changes_its_type_between_files_is_named(tmp_path, changed, says):
    rows = [oracle.Row(*map(int, line.split(","))) for line in GOOD]
    table = pa.Table.from_batches([logs.cells(rows)])
    pa.parquet.write_table(table, tmp_path / "1.parquet")
    table = table.set_column(table.schema.get_field_index("item"), "item", changed)
    pa.parquet.write_table(table, tmp_path / "2.parquet")
    config = logs.config(log={"folder": str(tmp_path), "files": "*.parquet"})
    message = rf"{tmp_path}/2.parquet: the column 'item' {says} in {tmp_path}/1.parquet"
    with pytest.raises(LogError, match=message):
        check_log(config)
    with pytest.raises(LogError, match=message):
        runs.execute(config, tmp_path / "out")


def test_a_log_that_begins_with_rows_that_are_not_wanted_can_be_used(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_text, "_BLOCK_BYTES", 300)
    runs.write_log(tmp_path / "log.csv", "\n".join([HEAD, *GOOD]))
    log = {"folder": str(tmp_path), "files": "log.csv", "where": ["time >= 100"]}
    check_log(logs.config(log=log))
    with pytest.raises(LogError, match=r"(?s)none of the first \d+ rows can.*time: not %Y-"):
        check_log(logs.config(log=log | {"columns": logs.COLUMNS | {"time": TIME}}))


def test_a_column_without_values_has_any_type(tmp_path):
    rows = [oracle.Row(*map(int, line.split(","))) for line in GOOD]
    table = pa.Table.from_batches([logs.cells(rows)])
    pa.parquet.write_table(table, tmp_path / "1.parquet")
    nothing = pa.nulls(len(GOOD))
    table = table.set_column(table.schema.get_field_index("label"), "label", nothing)
    pa.parquet.write_table(table, tmp_path / "2.parquet")
    config = logs.config(log={"folder": str(tmp_path), "files": "*.parquet"})
    assert runs.execute(config, tmp_path / "out")["rows"] == 2 * len(GOOD)


def _with_items(tmp_path, keys):
    runs.write_log(tmp_path / "items.csv", "\n".join(["id,kind", *(f"{k},k{k}" for k in keys)]))
    columns = logs.COLUMNS | {"category": "kind"}
    return {
        "columns": columns,
        "tables": {"shop": {"of": "item", "files": "items.csv", "key": "id"}},
    }


def test_items_that_are_unknown_are_counted(tmp_path):
    counts = _ingest(tmp_path, GOOD, **_with_items(tmp_path, range(3)))
    assert counts["known"]["shop"] == sum(int(line.split(",")[1]) < 3 for line in GOOD)
    assert counts["rows_kept"] == len(GOOD)


def test_items_with_several_values_are_told_and_the_first_counts(tmp_path):
    log = _with_items(tmp_path, range(7))
    with (tmp_path / "items.csv").open("a") as items:
        items.write("\n3,k3\n4,other\n4,third\n,a\n,b")  # as before, with other values, no item
    told, _ = _ingest(tmp_path, GOOD, **log)["warnings"]  # the other is about made-up times
    assert told == "`log.tables.shop`: 3 rows have a key that an earlier row has, which counts."
    found = [example for s in SPLITS for example in runs.features(tmp_path / "out", s)]
    kinds = {kind for example in found for kind in example["history_category"]}
    assert kinds == {f"k{k}".encode() for k in range(7)}


def test_a_log_whose_labels_are_all_empty_names_their_column(tmp_path):
    lines = [f"{line.rpartition(',')[0]},{('', 'NA')[n % 2]}" for n, line in enumerate(GOOD)]
    with pytest.raises(LogError, match=r"no row that is kept has a label: the column 'label' of "):
        _ingest(tmp_path, lines)


def test_a_log_that_leaves_its_zeros_empty_says_what_to_write(tmp_path):
    lines = [line if line.endswith("1") else line[:-1] for line in GOOD]
    says = (
        r"targets of the train split have the label 1; .* Change `label\.column` \('label'\), .*"
        r" The label of 60 rows is an empty cell, .* write 0 if it means that"
    )
    with pytest.raises(LogError, match=says):
        _ingest(tmp_path, lines)


def test_where_a_split_is_empty_the_times_are_told(tmp_path):
    lines = [",".join([*line.split(",")[:3], "7", *line.split(",")[4:]]) for line in GOOD]
    said = r"the train split has no targets .* Its times go from 1970-01-01T00:00:07Z to .*:07Z"
    with pytest.raises(LogError, match=said):
        _ingest(tmp_path, lines, duplicates="keep")


def test_a_table_of_items_that_never_matches_is_refused(tmp_path):
    with pytest.raises(
        LogError, match=r"none of its 120 rows has an item .*`log.tables.shop.key` \('id'"
    ):
        _ingest(tmp_path, GOOD, **_with_items(tmp_path, range(100, 103)))


def test_one_user_with_half_of_all_events(tmp_path):
    rows = [oracle.Row(0, i, i % 9, i % 3, 0, i % 2) for i in range(300)]
    rows += [oracle.Row(1 + i % 30, i, i % 9, i % 3, 0, i % 2) for i in range(300)]
    lines = [f"{r.user},{r.item},{r.category},{r.time},{r.behavior},{r.label}" for r in rows]
    _ingest(tmp_path, lines, shards=4)
    expected = oracle.targets(rows, logs.config())
    for split in SPLITS:
        assert oracle.unpack(runs.examples(tmp_path / "out", split)) == expected[split]
