"""JSON lines whose objects lack keys, or have one twice."""

import json

import pytest

from components.behavior_example_gen.check import check_log
from components.behavior_example_gen.config.ingest_config import IngestConfig
from components.behavior_example_gen.config.log_config import CsvConfig
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read import json_lines
from components.behavior_example_gen.read.file import read_file

from ..runs import execute, features

TIMES = 1_600_000_000


def _rows(size=240, **more):
    return [
        {"user": f"u{n % 8}", "item": f"i{n % 30}", "ts": TIMES + 100 * n, "click": int(n % 3 == 0)}
        | {name: make(n) for name, make in more.items()}
        for n in range(size)
    ]


def _without(row, *names):
    return {name: value for name, value in row.items() if name not in names}


def _write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _config(folder, **sections):
    columns = {"user": "user", "item": "item", "category": "cat", "time": "ts"}
    log = {"folder": str(folder), "files": "*.jsonl", "columns": columns}
    split = {"by": "user_tail", "validation": 0.2, "eval": 0.2}
    return IngestConfig(
        **{"log": log | sections.pop("log", {}), "label": {"column": "click"}, "split": split}
        | sections
    )


def test_a_file_may_lack_what_rows_may_lack(tmp_path):
    """The log began to know categories and tabs with its second file, and some rows never do."""
    rows = _rows(cat=lambda n: f"c{n % 5}", tab=lambda n: f"t{n % 2}")
    _write(
        tmp_path / "1.jsonl",
        [{k: row[k] for k in ("user", "item", "ts", "click")} for row in rows[:80]],
    )
    _write(
        tmp_path / "2.jsonl",
        rows[80:90]
        + [{k: v for k, v in row.items() if k != "tab"} for row in rows[90:100]]
        + rows[100:],
    )
    config = _config(tmp_path, features={"tab": {"of": "context", "column": "tab"}})
    check_log(config)
    counts = execute(config, tmp_path / "out")
    assert counts["rows_kept"] == 240
    assert counts["missing"] == {"category": 80, "feature tab": 90}
    assert counts["dropped"] == {"target: no visible behaviour": 8}
    read = [
        one
        for split in ("train", "validation", "eval")
        for one in features(tmp_path / "out", split)
    ]
    assert {b"c0", b"", b"c4"} <= {c for one in read for c in one["history_category"]}


@pytest.mark.parametrize("where", ["a joined table", "the log alone"])
def test_a_key_that_no_row_has_is_refused(tmp_path, where):
    for name in ("1", "2"):
        _write(tmp_path / f"{name}.jsonl", _rows(cats=lambda n: "c"))
    log, features = {}, {}
    if where == "a joined table":
        (tmp_path / "items.csv").write_text("item,brand\ni1,b\n")
        log = {"tables": {"items": {"of": "item", "files": "items.csv", "key": "item"}}}
        features = {"brand": {"of": "item", "column": "brand"}}
    config = _config(tmp_path, log=log, features=features)
    with pytest.raises(LogError, match=r"no .*column 'cat'.* Did you mean 'cats'\?"):
        check_log(config)


def test_a_key_that_every_row_needs_is_refused_by_file(tmp_path):
    _write(tmp_path / "1.jsonl", _rows(cat=lambda n: "c"))
    _write(tmp_path / "2.jsonl", [{"uid": "u", "item": "i", "ts": TIMES, "click": 1, "cat": "c"}])
    with pytest.raises(LogError, match=r"2\.jsonl: has no column 'user'\. Present: cat, click"):
        check_log(_config(tmp_path))


def test_a_feature_that_only_a_later_file_has_is_found(tmp_path):
    _write(tmp_path / "1.jsonl", _rows(cat=lambda n: "c"))
    _write(tmp_path / "2.jsonl", _rows(cat=lambda n: "c", tab=lambda n: "t"))
    (tmp_path / "items.csv").write_text("item,brand\ni1,b\n")
    config = _config(
        tmp_path,
        log={"tables": {"items": {"of": "item", "files": "items.csv", "key": "item"}}},
        features={
            "brand": {"of": "item", "column": "brand"}, "tab": {"of": "context", "column": "tab"}
        },
    )  # fmt: skip
    check_log(config)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"a": 1, "b": 2, "a": 3}', "row: the key 'a' is twice in an object"),
        ('{"a": 1, "a": 1}', "row: the key 'a' is twice in an object"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "row: the key 'c' is twice in an object"),
        ('{"a": 1, "x": 2, "x": 3}', "row: a key is twice in an object"),
    ],
)
def test_an_object_that_has_a_key_twice_is_faulty(tmp_path, line, reason):
    (tmp_path / "log.jsonl").write_text('{"a": 7, "b": {"c": 8}}\n' + line + "\n")
    (block,) = read_file(str(tmp_path / "log.jsonl"), 0, "auto", CsvConfig(), ("a", "b.c"))
    assert block.batch.to_pylist() == [{"a": "7", "b.c": "8"}]
    assert [row[:2] for row in block.rejected] == [(2, reason)]


def test_names_are_looked_for_among_the_first_objects(tmp_path, monkeypatch):
    monkeypatch.setattr(json_lines, "_LOOKED_AT", 2)
    _write(tmp_path / "log.jsonl", [{"a": 1}, {"b": {"c": 1}}, {"d": 1}])
    assert json_lines.json_names(str(tmp_path / "log.jsonl"), "log") == ["a", "b", "b.c"]
