"""Requests by hand: what is shown together sees one history, and no split tears it."""

import collections

import numpy as np
import pyarrow as pa
import pytest

from components.behavior_example_gen.clean.clean import clean
from components.behavior_example_gen.config.ingest_config import SPLITS
from components.behavior_example_gen.cut import requests
from components.behavior_example_gen.cut.targets import WholeLog
from components.behavior_example_gen.shard import Shard
from tests.components.behavior_example_gen import logs, oracle

NAMED = logs.COLUMNS | logs.REQUEST


def _targets(rows, config, **columns):
    cells = logs.cells(rows)
    for name, values in columns.items():
        cells = cells.append_column(name, pa.array(values))
    shard = Shard(clean(cells, config, np.arange(len(rows)))[0], config, WholeLog())
    return shard, {name: oracle.unpack(shard.encode(name)) for name in SPLITS}


def test_first_rows_and_numbers():
    user, time, end = np.array([[0, 1, 1], [0, 1, 1], [0, 1, 2], [0, 5, 2], [1, 5, 3]]).T
    assert requests.first_rows(user, time, end, None).tolist() == [0, 0, 2, 3, 4]
    ids = pa.array([None, b"a", None, b"a", b"a"])
    first = requests.first_rows(user, time, end, ids)
    assert first.tolist() == [0, 1, 2, 1, 4]
    order = np.argsort(first, kind="stable")
    assert requests.number(user[order], first[order]).tolist() == [0, 1, 1, 2, 0]


@pytest.mark.parametrize("ties", ["exclude", "order"])
def test_a_request_sees_what_stood_at_its_earliest_row(ties):
    rows = [
        oracle.Row(1, 0, 9, 0, 0, None),
        oracle.Row(1, 10, 1, 0, 0, 1, request=7),
        oracle.Row(1, 12, 2, 0, 0, 0, request=3),
        oracle.Row(1, 20, 3, 0, 0, 0, request=7),  # written late: shown with item 1 at 10
        oracle.Row(1, 21, 4, 0, 0, 1, request=3),
    ]
    config = logs.config(log={"columns": NAMED}, history={"ties": ties})
    shown = [
        (t.request, t.item, t.time, [row[0] for row in t.history])
        for t in _targets(rows, config)[1]["train"]
    ]
    assert sorted(shown) == [
        (0, 1, 10, [9]),
        (0, 3, 10, [9]),
        (1, 2, 12, [9, 1]),
        (1, 4, 12, [9, 1]),
    ]


def test_equal_history_at_other_times_is_no_request():
    """Where only clicks enter the history, the last of what sees the same is always the click."""
    rows = [oracle.Row(1, t, t, 0, 0, int(t % 3 == 0)) for t in range(12)]
    config = logs.config(history={"include": "positive"})
    targets = [t for found in _targets(rows, config)[1].values() for t in found]
    assert sorted(t.request for t in targets) == list(range(11))
    assert len({t.history for t in targets}) == 4


@pytest.mark.parametrize("size", [1, 4])
def test_splits_are_cut_between_requests(size):
    rows = [
        oracle.Row(1, t, i, 0, 0, (t + i) % 2, request=t) for t in range(11) for i in range(size)
    ]
    config = logs.config(log={"columns": NAMED})
    _, found = _targets(rows, config)
    numbers = {name: [t.request for t in targets] for name, targets in found.items()}
    assert {name: sorted(set(n)) for name, n in numbers.items()} == {
        "train": [0, 1, 2, 3, 4, 5], "validation": [6, 7], "eval": [8, 9],
    }  # fmt: skip
    counts = collections.Counter(number for found in numbers.values() for number in found)
    assert set(counts.values()) == {size}


def test_eval_rows_are_drawn_by_whole_requests():
    rows = [
        oracle.Row(u, t, i, 0, 0, (t + i) % 2) for u in (1, 2) for t in range(31) for i in range(4)
    ]
    split = {"by": "user_tail", "validation": 0.2, "eval": 0.5, "eval_per_user": 10}
    found = _targets(rows, logs.config(split=split))[1]["eval"]
    for user in (1, 2):
        drawn = collections.Counter(t.request for t in found if t.user == user)
        assert sorted(drawn.values()) == [2, 4, 4]


def test_a_column_of_splits_that_tears_a_request_is_told_of():
    rows = [oracle.Row(1, t, i, 0, 0, i) for t in range(9) for i in range(2)]
    splits = ["train"] * 10 + ["validation"] * 4 + ["eval"] * 3 + ["train"]
    config = logs.config(split={"by": "column", "column": "split"})
    shard, found = _targets(rows, config, split=splits)
    assert {name: len(targets) for name, targets in found.items()} == {
        "train": 8, "validation": 4, "eval": 3,
    }  # fmt: skip
    assert shard.counts.dropped["target: its request began in another split"] == 1
