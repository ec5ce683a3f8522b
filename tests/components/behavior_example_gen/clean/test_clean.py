"""Every dropped row by its reason, by hand."""

import numpy as np
import pyarrow as pa
import pytest

from components.behavior_example_gen.clean.clean import clean
from components.behavior_example_gen.config.ingest_config import IngestConfig

HEAD = ("user", "item", "category", "time", "behavior", "label", "dwell", "fold", "price")
GOOD = ("1", "2", "drama", "3", "pv", "1", "0.5", "train", "9")


def _config(**changes):
    columns = {
        "user": {"column": "user", "type": "int"},
        "item": "item",
        "category": "category",
        "time": "time",
        "behavior": "behavior",
    }
    log = {
        "files": "log.csv",
        "columns": columns,
        "where": ["price > 0"],
    }
    dwell = {"of": "event", "column": "dwell", "type": "number", "boundaries": [1]}
    sections = {"log": log, "label": {"column": "label"}, "features": {"dwell": dwell}}
    sections["split"] = {"by": "column", "column": "fold"}
    return IngestConfig(**sections | changes)


def _clean(rows, config):
    columns = {
        name: pa.array(c, pa.string())
        for name, c in zip(HEAD, zip(*rows, strict=True), strict=True)
    }
    return clean(pa.RecordBatch.from_pydict(columns), config, np.arange(len(rows)) + 40)[:2]


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("user", None, "user: missing"),
        ("user", "x", "user: not an integer"),
        ("user", "NaN", "user: missing"),
        ("item", None, "item: missing"),
        ("behavior", None, "behavior: missing"),
        ("time", None, "time: missing"),
        ("time", "noon", "time: neither a number nor ISO 8601"),
        ("time", "nan", "time: missing"),
        ("time", "inf", "time: NaN"),
        ("time", "-1", "time: negative"),
        ("time", "99999999999999", "time: after the year 2261"),
        ("label", "2", "label: neither 0 nor 1"),
        ("label", "maybe", "label: neither 0 nor 1"),
        ("label", "inf", "label: NaN"),
        ("dwell", "long", "feature dwell: not a number"),
        ("dwell", "inf", "feature dwell: NaN"),
        ("fold", "test", "split: none of train, validation, eval"),
        ("price", "0", "where: price > 0"),
        ("price", None, "where: price > 0"),
    ],
)
def test_dropped(column, cell, reason):
    faulty = tuple(cell if name == column else good for name, good in zip(HEAD, GOOD, strict=True))
    rows, dropped = _clean([GOOD, faulty, GOOD], _config())
    assert {key: rows.tolist() for key, rows in dropped.items()} == {reason: [1]}
    assert rows.num_rows == 2


def test_a_row_counts_once_and_faults_count_before_filters():
    _, dropped = _clean([(None, None, "drama", "-1", "pv", "1", "1", "train", "0")], _config())
    assert {key: rows.tolist() for key, rows in dropped.items()} == {"user: missing": [0]}


def test_kept():
    rows, dropped = _clean([GOOD, ("7.0", "é", None, "4", "buy", None, "1", None, "1")], _config())
    assert not dropped
    assert rows.to_pydict() == {
        "user": [1, 7],
        "item": [b"2", "é".encode()],
        "category": [b"drama", b""],
        "behavior": [b"pv", b"buy"],
        "time": [3_000_000_000, 4_000_000_000],
        "label": [1, -1],  # -1: a behaviour, but no target
        "feature.dwell": [0.5, 1.0],
        "split": [0, 0],
        "lacks": [b"\x00", b"\xc0"],  # category and label, of the bits of all parts
        "sequence": [40, 41],
    }


def test_a_row_without_a_split_is_no_target():
    rows, _ = _clean([(*GOOD[:7], None, "1")], _config())
    assert rows["label"].to_pylist() == [-1]


@pytest.mark.parametrize(
    ("label", "labels"),
    [
        ({"column": "price", "at_least": 4}, [1, 0, -1]),
        ({"negatives": {}}, [1, 1, 1]),
        ({"negatives": {}, "positives": ["buy", "fav"]}, [-1, 1, -1]),
    ],
)
def test_label_rules(label, labels):
    log = _config().log.model_copy(update={"where": []})
    rows = [(*GOOD[:4], b, *GOOD[5:8], p) for b, p in (("pv", "9"), ("buy", "3"), ("pv", None))]
    assert _clean(rows, _config(label=label, log=log))[0]["label"].to_pylist() == labels


def test_no_category_is_one_category():
    columns = {"user": "user", "item": "item", "time": "time"}
    config = _config(log={"files": "x", "columns": columns}, split={})
    assert _clean([GOOD], config)[0]["category"].to_pylist() == [0]


@pytest.mark.parametrize(
    ("label", "oracle", "kept"),
    [("1", "0.25", 1), (None, None, 1), ("1", None, 0), ("1", "x", 0)],
)
def test_a_target_of_a_simulated_log_has_its_probability(label, oracle, kept):
    columns = {"user": "user", "item": "item", "time": "time", "oracle": "price"}
    config = _config(log={"files": "x", "columns": columns}, split={})
    rows, dropped = _clean([(*GOOD[:5], label, *GOOD[6:8], oracle)], config)
    assert rows.num_rows == kept
    assert list(dropped) == ([] if kept else [f"oracle: {'not a number' if oracle else 'missing'}"])


def test_a_sample_of_users_is_all_rows_of_some_users():
    log = {"files": "x", "columns": {"user": "user", "item": "item", "time": "time"}}
    rows = [(str(user), *GOOD[1:]) for user in range(2000) for _ in range(2)]
    kept, dropped = _clean(rows, _config(log=log | {"user_share": 0.3}, split={}))
    users = kept["user"].to_pylist()
    assert len(users) == 2 * len(set(users))
    assert 0.25 < len(users) / len(rows) < 0.35
    assert len(dropped["where: log.user_share"]) == len(rows) - len(users)
    again, _ = _clean(rows[::-1], _config(log=log | {"user_share": 0.3}, split={}))
    assert set(again["user"].to_pylist()) == set(users)
    more, _ = _clean(rows, _config(log=log | {"user_share": 0.6}, split={}))
    assert set(users) < set(more["user"].to_pylist())
