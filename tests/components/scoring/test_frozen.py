"""Freezing: every target of a user once, with the history of the user's first target."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.scoring import frozen
from models import features
from tests.pipeline.ablation.test_pack import example, seen

WANTED = {
    features.HISTORY_ITEM,
    features.HISTORY_TIME,
    features.TARGET_ITEM,
    features.TARGET_CATEGORY,
    features.TARGET_TIME,
    features.TARGET_HIST_END,
}


def decoded(serialized: list[bytes]) -> pa.RecordBatch:
    return ExamplesToRecordBatchDecoder().DecodeBatch(serialized)


@given(
    users=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    size=st.integers(1, 12),
    dtype=st.sampled_from(["int", "string"]),
    most=st.integers(1, 4),
)
def test_all_targets_see_the_first_ones_history(users, size, dtype, most):
    raw, truth = [], []
    for user, count in enumerate(users):
        first = [(7 * user + k, k) for k in range(user)]  # user 0 has none
        for place in range(count):
            history = first + [(90 + k, 10 + k) for k in range(place)]
            raw.append(example(user, history, place, 0.0, dtype))
        truth.append(seen(example(user, first, 0, 0.0, dtype))[0][3])
    freezer = frozen.Freezer(WANTED)
    for begin in range(0, len(raw), size):
        freezer.add(decoded(raw[begin : begin + size]))
    before = frozen._MOST_TARGETS
    frozen._MOST_TARGETS = most
    try:
        packed = freezer.packed()
    finally:
        frozen._MOST_TARGETS = before
    assert packed.counts.sum() == len(raw)
    assert packed.counts.max() <= most
    assert sorted(packed.order) == list(range(len(raw)))
    whose = np.repeat(np.arange(len(users)), users)
    wanted = [seen(one)[0] for one in raw]
    found = [target for one in packed.serialized for target in seen(one)]
    for target, place in zip(found, packed.order, strict=True):
        assert target[:3] == wanted[place][:3]
        assert target[3] == truth[whose[place]]


def test_the_first_is_that_of_the_least_time_the_first_of_equals():
    late = example(1, [(5, 5), (6, 6)], 3, 0.0, "int")
    early = example(1, [(5, 5)], 2, 0.0, "int")
    same = example(1, [(5, 5), (7, 7)], 2, 0.0, "int")
    freezer = frozen.Freezer(WANTED)
    freezer.add(decoded([late, early]))
    freezer.add(decoded([same]))
    (one,) = freezer.packed().serialized
    assert [target[3] for target in seen(one)] == [[(5, 5)]] * 3


def test_what_is_served_are_positions_of_the_frozen_history():
    freezer = frozen.Freezer(WANTED)
    freezer.add(decoded([example(1, [(i, i) for i in range(n)], n, 0.0, "int") for n in (2, 9)]))
    kept = tf.train.Example.FromString(freezer.packed().serialized[0]).features.feature
    assert kept[features.TARGET_HIST_END].int64_list.value == [2, 2]
    assert len(kept[features.HISTORY_TIME].int64_list.value) == 2
    assert features.TARGET_LOCAL_BEGIN not in kept  # the serving graph computes them


@pytest.mark.parametrize("count", [1, 256, 257])
def test_many_targets_are_several_examples(count):
    freezer = frozen.Freezer(WANTED)
    freezer.add(decoded([example(1, [(1, 1)], n, 0.0, "int") for n in range(count)]))
    packed = freezer.packed()
    assert packed.counts.tolist() == ([count] if count <= 256 else [256, 1])
