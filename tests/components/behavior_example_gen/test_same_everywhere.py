"""What decides who is in which split and which negatives are drawn: the same on every CPU.

All of it is integer arithmetic, quotients and sums in a stated order. The digests were taken once:
another one means that whoever ingests a log again no longer finds the examples they trained on.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pytest

from components.behavior_example_gen.cut.negatives import FirstTimes, draw_negatives
from components.behavior_example_gen.cut.order import sort_rows
from components.behavior_example_gen.cut.split import (
    by_user_hash,
    by_user_tail,
    sample_per_user,
    time_cuts,
)
from components.behavior_example_gen.hashing import combine, id_hash
from components.behavior_example_gen.row import SEQUENCE

ROWS, USERS, ITEMS = 20_000, 300, 500


def digest(*arrays: np.ndarray) -> str:
    whole = hashlib.sha256()
    for array in arrays:
        whole.update(np.ascontiguousarray(array).astype("<i8").tobytes())
    return whole.hexdigest()[:16]


@pytest.fixture(scope="module")
def rows() -> dict[str, np.ndarray]:
    """Users, items and times from the hash of the row, many of them equal; sorted."""
    draws = [combine(5, np.arange(ROWS), column) for column in range(3)]
    user, item, time = (
        (draw % np.uint64(size)).astype(np.int64)
        for draw, size in zip(draws, (USERS, ITEMS, 100), strict=True)
    )
    order = np.lexsort((item, time, user))
    return {"user": user[order], "item": item[order], "time": time[order]}


def test_rows_are_in_one_order(rows):
    mixed = np.argsort(combine(6, np.arange(ROWS)), kind="stable")
    columns = {name: pa.array(values[mixed]) for name, values in rows.items()}
    batch = pa.RecordBatch.from_pydict(columns | {SEQUENCE: pa.array(np.arange(ROWS))})
    kept, dropped = sort_rows(batch, by_log=False, drop_duplicates=True)
    assert dropped.num_rows > 0
    assert digest(*kept.columns) == "e5f3f3f28b0ab1ab"
    assert digest(*dropped.columns) == "9e65ef03e260ea4b"


def test_splits_are_one(rows):
    user = rows["user"]
    hashes = id_hash(pa.array([f"user {u}".encode() for u in user]))
    times, counts = np.unique(rows["time"], return_counts=True)
    by_tail = by_user_tail(user, 0.1, 0.2)
    sampled = sample_per_user(user, by_tail > 0, (combine(7, np.arange(ROWS)),), 5)
    assert digest(by_user_hash(hashes, 7, 0.1, 0.2)) == "d5aaa0bd6fba9204"
    assert digest(by_tail, sampled) == "871bd1bac3838851"
    assert time_cuts(times, counts, 0.1, 0.2) == (70, 80)


@pytest.mark.parametrize(
    ("by", "expected"), [("popularity", "ae0f350ea04aab42"), ("uniform", "abf55b00aec16356")]
)
def test_negatives_are_one(rows, by, expected):
    had = FirstTimes(rows["user"], rows["item"], rows["time"], ITEMS)
    counts = np.bincount(rows["item"], minlength=ITEMS)
    drawn = draw_negatives(
        seed=7,
        user_hash=id_hash(pa.array(rows["user"])),
        target=np.arange(ROWS),
        weights=counts if by == "popularity" else np.ones(ITEMS),
        refuse=lambda place, item: had.until(rows["user"][place], item, rows["time"][place]),
        per_positive=3,
    )
    assert digest(drawn) == expected
