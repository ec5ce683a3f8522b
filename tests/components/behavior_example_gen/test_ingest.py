"""The whole component through Beam: same examples whatever the way, and clear refusals."""

import dataclasses
import json
import random

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from components.behavior_example_gen.check import check_log, fingerprint
from components.behavior_example_gen.config.ingest_config import SPLITS, IngestConfig
from components.behavior_example_gen.errors import LogError

from . import logs, oracle, runs


def _rows(seed=1, users=13, size=600):
    draw = random.Random(seed)
    rows = [
        oracle.Row(
            user=draw.randrange(users),
            time=draw.randrange(2000),
            item=(item := draw.randrange(90)),
            category=item % 5,
            behavior=draw.randrange(2),
            label=draw.choice([0, 1, 1, None]),
        )
        for _ in range(size)
    ]
    return rows + rows[:20]


def _write(rows, folder, name="log.csv"):
    folder.mkdir(exist_ok=True)
    table = pa.Table.from_batches([logs.cells(rows)])
    if name.endswith(".parquet"):
        pa.parquet.write_table(table, folder / name, row_group_size=100)
    else:
        pa.csv.write_csv(table, folder / name)
    return {"folder": str(folder), "files": name}


def _sorted(folder):
    return {split: sorted(runs.examples(folder, split)) for split in SPLITS}


SECTIONS = {
    "labels": {"split": {"by": "user_tail", "validation": 0.1, "eval": 0.2}},
    "negatives": {
        "label": {
            "negatives": {"per_positive": 2, "by": "popularity", "repeats": "drop"},
            "positives": [1],
        },
        "split": {"by": "time", "eval_per_user": 5},
    },
    "users": {"split": {"by": "user_hash", "validation": 0.2, "eval": 0.3}},
}


@pytest.mark.parametrize("sections", SECTIONS.values(), ids=SECTIONS)
def test_same_examples_from_any_order_shards_format_and_worker(tmp_path, sections):
    rows = _rows()
    log = _write(rows, tmp_path / "a") | {"shards": 1}
    counts = runs.execute(logs.config(log=log, **sections), tmp_path / "out")
    expected = _sorted(tmp_path / "out")
    assert all(expected.values())
    assert counts["dropped"]["duplicate"] == 20
    assert counts["rows_kept"] == counts["rows"] - 20

    random.Random(2).shuffle(rows)
    _write(rows[:100], tmp_path / "b", "1.parquet")
    _write(rows[100:], tmp_path / "b", "2.parquet")
    log = {"folder": str(tmp_path / "b"), "files": "*.parquet", "shards": 5}
    arguments = "--direct_running_mode=multi_threading", "--direct_num_workers=2"
    other = runs.execute(logs.config(log=log, **sections), tmp_path / "other", *arguments)
    assert _sorted(tmp_path / "other") == expected
    assert other | {"seconds": 0} == counts | {"seconds": 0}
    names = [path.name for path in (tmp_path / "other" / "Split-train").iterdir()]
    assert set(names) <= {f"data_tfrecord-{i:05d}-of-00005.gz" for i in range(5)}


def test_examples_are_those_of_the_oracle(tmp_path):
    rows = _rows(seed=3)
    config = logs.config(log=_write(rows, tmp_path / "a") | {"shards": 3})
    runs.execute(config, tmp_path / "out")
    for split, targets in oracle.targets(rows, config).items():
        assert oracle.unpack(runs.examples(tmp_path / "out", split)) == targets


def test_order_of_the_log_goes_by_file_and_line(tmp_path):
    rows = [dataclasses.replace(row, time=row.time // 400) for row in _rows(seed=4)]  # mostly ties
    _write(rows[:250], tmp_path / "a", "1.csv")
    _write(rows[250:], tmp_path / "a", "2.csv")
    log = {"folder": str(tmp_path / "a"), "files": ["2.csv", "1.csv"], "shards": 3}
    config = logs.config(log=log, history={"ties": "order"})
    runs.execute(config, tmp_path / "out")
    for split, targets in oracle.targets(rows, config).items():
        assert oracle.unpack(runs.examples(tmp_path / "out", split)) == targets


def test_negatives_and_the_time_they_were_drawn_for(tmp_path):
    rows = sorted(set(_rows()), key=lambda row: row.time)
    config = logs.config(log=_write(rows, tmp_path / "a"), **SECTIONS["negatives"])
    counts = runs.execute(config, tmp_path / "out")
    cuts = []
    for split in SPLITS:
        targets = oracle.unpack(runs.examples(tmp_path / "out", split))
        cuts.append((min(t.time for t in targets), max(t.time for t in targets)))
        positives = [t for t in targets if t.label]
        assert len(targets) == 3 * len(positives) == counts["splits"][split]["targets"]
        for target in targets:
            had = {r.item for r in rows if r.user == target.user and r.time <= target.time}
            assert (target.item in had) == bool(target.label)
            assert target.category == target.item % 5
    assert cuts[0][1] < cuts[1][0] <= cuts[1][1] < cuts[2][0]


def test_simulated_log(tmp_path):
    simulator = {"users": 8, "median_history": 40, "max_history": 60, "targets_per_user": 20}
    config = IngestConfig(
        log={"simulator": simulator},
        label={"column": "label"},
        split={"by": "user_tail", "validation": 0.1, "eval": 0.2},
    )
    check_log(config)
    counts = runs.execute(config, tmp_path)
    assert counts["users"] == 8
    assert sum(split["targets"] for split in counts["splits"].values()) == 8 * 20
    for example in runs.features(tmp_path, "eval"):
        assert 0 < example["target_oracle"][0] < 1
        assert len(example["target_item"]) == 1
    assert all("target_oracle" not in example for example in runs.features(tmp_path, "train"))


def test_no_labels_at_all(tmp_path):
    rows = [oracle.Row(u, t, t, 0, 0, None) for u in range(3) for t in range(9)]
    config = logs.config(log=_write(rows, tmp_path), split={"by": "time"})
    with pytest.raises(LogError, match="no row that is kept has a label"):
        runs.execute(config, tmp_path / "out")


BAD = {
    "text in time": (
        [("1", "2", "noon", "1")],
        r"1 of 1 rows \(100.00%\) are bad(.|\n)* 1  time: neither a number nor ISO 8601",
    ),
    "empty": ([], "the log is empty"),
    "one user": ([("1", str(i % 9), str(i), str(i % 2)) for i in range(40)], "of one user only"),
    "one label": (
        [(str(u), str(i % 9), str(i), "1") for i in range(40) for u in range(3)],
        r"all \d+ targets of the train split have the label 1; both labels are needed",
    ),
    "short": (
        [(str(u), str(i), str(i), str(i % 2)) for i in range(5) for u in range(3)],
        r"the validation split has no targets \(train 12, validation 0, eval 0\)",
    ),
}


@pytest.mark.parametrize(("rows", "says"), BAD.values(), ids=BAD)
def test_logs_that_cannot_be_used(tmp_path, rows, says):
    text = "\n".join(["user,item,time,label", *map(",".join, rows), ""])
    runs.write_log(tmp_path / "log.csv", text)
    columns = {"user": "user", "item": "item", "time": "time"}
    config = IngestConfig(
        log={"folder": str(tmp_path), "files": "log.csv", "columns": columns},
        label={"column": "label"},
        split={"by": "user_tail"},
    )
    with pytest.raises(LogError, match=says):
        runs.execute(config, tmp_path / "out")
    assert not (tmp_path / "out" / "counts.json").exists()
    if len(rows) < 2:  # seen before the pipeline starts
        with pytest.raises(LogError, match=says):
            check_log(config)


def test_too_many_bad_rows_stop_with_the_table(tmp_path):
    rows = _rows()
    log = _write(rows, tmp_path)
    text = (tmp_path / "log.csv").read_text().splitlines()
    for line in range(300, 310):
        user, _, rest = text[line].split(",", 2)
        text[line] = f"{user},-7,{rest}"
    text[320] += ",ragged"
    runs.write_log(tmp_path / "log.csv", "\n".join(text))
    with pytest.raises(LogError) as caught:
        runs.execute(logs.config(log=log), tmp_path / "out")
    assert str(caught.value) == (
        f"log.csv in '{tmp_path}': 11 of 620 rows (1.77%) are bad, more than "
        "`log.max_bad_row_share` = 1.00% allows. Mend the log or `log.columns`, or raise "
        "`log.max_bad_row_share`.\n"
        "           620  rows in the log\n"
        f"            10  time: negative, first at {tmp_path}/log.csv:301, '-7'\n"
        f"             1  row: wrong number of columns, first at {tmp_path}/log.csv:321"
    )
    counts = runs.execute(logs.config(log=log | {"max_bad_row_share": 0.02}), tmp_path / "out")
    lost = sum(n for reason, n in counts["dropped"].items() if not reason.startswith("target: "))
    assert counts["rows_kept"] == 620 - lost


def test_file_faults_name_the_file_once(tmp_path):
    log = _write(_rows(size=5000), tmp_path)
    data = runs.write_log(tmp_path / "log.csv.gz", (tmp_path / "log.csv").read_text()).read_bytes()
    (tmp_path / "log.csv.gz").write_bytes(data[: len(data) // 2])
    with pytest.raises(LogError) as caught:
        runs.execute(logs.config(log=log | {"files": "log.csv.gz"}), tmp_path / "out")
    assert str(caught.value).startswith(f"{tmp_path}/log.csv.gz: is a truncated gzip file.")
    assert "while running" not in str(caught.value)


def test_missing_column(tmp_path):
    columns = logs.COLUMNS | {"item": "itm"}
    config = logs.config(log=_write(_rows(), tmp_path) | {"columns": columns})
    with pytest.raises(LogError, match=r"no column 'itm'. Present: .*Did you mean 'item'\?"):
        check_log(config)


def test_fingerprint_follows_the_files(tmp_path):
    config = logs.config(log=_write(_rows(), tmp_path) | {"files": "*.csv"})
    before = fingerprint(config)
    assert before == fingerprint(config)
    _write(_rows(), tmp_path, "more.csv")
    assert fingerprint(config) != before


def test_counts_file_is_the_last_word(tmp_path):
    counts = runs.execute(logs.config(log=_write(_rows(), tmp_path / "a")), tmp_path / "out")
    assert json.loads((tmp_path / "out" / "counts.json").read_text()) == counts
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "counts.json", "quarantine.jsonl", "Split-train", "Split-validation", "Split-eval",
    }  # fmt: skip
    for split in SPLITS:
        assert counts["splits"][split]["examples"] == len(runs.examples(tmp_path / "out", split))
