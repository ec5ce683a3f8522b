"""Moments of targets against loops."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from models import moments

NAMES = "target_hist_end", "target_local_begin", "target_time"


def batch_of(users):
    """A batch of users of lists of targets (end, begin, time), padded by zeros."""
    longest = max(map(len, users), default=0)
    padded = [[*targets, *[(0, 0, 0)] * (longest - len(targets))] for targets in users]
    columns = np.array(padded, np.int64).reshape(len(users), longest, 3).transpose(2, 0, 1)
    valid = np.arange(longest) < np.array([len(targets) for targets in users])[:, None]
    return {
        **{name: tf.constant(values) for name, values in zip(NAMES, columns, strict=True)},
        "target_valid": tf.constant(valid),
    }


def columns_of(users):
    flat = np.array([target for targets in users for target in targets], np.int64).reshape(-1, 3)
    lengths = [len(targets) for targets in users]
    return {
        name: tf.RaggedTensor.from_row_lengths(values, lengths)
        for name, values in zip(NAMES, flat.T, strict=True)
    }


def test_five_targets_of_two_moments():
    one, other = (3, 0, 50), (3, 0, 51)
    users = [[one, one, other, other, other], [one], [other, one, other]]
    found = moments.of_batch(batch_of(users), 4)
    assert found["moment_of_target"].numpy().tolist() == [
        [0, 0, 1, 1, 1],
        [0, 0, 0, 0, 0],
        [0, 1, 2, 2, 2],
    ]
    assert found["moment_target"].numpy().tolist() == [[0, 2, 2, 2], [0, 0, 0, 0], [0, 1, 2, 2]]
    assert moments.counts(columns_of(users)).tolist() == [2, 1, 3]


def test_more_moments_than_counted_are_an_error():
    with pytest.raises(tf.errors.InvalidArgumentError, match="more moments than counted"):
        moments.of_batch(batch_of([[(1, 0, 5), (2, 0, 6)]]), 1)


target = st.tuples(*[st.integers(0, 1)] * 3)


@given(st.lists(st.lists(target, max_size=7), min_size=1, max_size=4))
def test_targets_that_follow_each_other_share_a_moment_if_they_are_told_alike(users):
    expected = []
    for targets in users:
        number, mine = 0, []
        for place, told in enumerate(targets):
            number += place > 0 and told != targets[place - 1]
            mine.append(number)
        expected.append(mine)
    counts = [max(mine, default=0) + 1 for mine in expected]
    np.testing.assert_array_equal(moments.counts(columns_of(users)), counts)
    if not any(users):
        return
    found = moments.of_batch(batch_of(users), max(counts))
    for targets, mine, place, of_moment in zip(
        users,
        expected,
        *(found[n].numpy() for n in ("moment_of_target", "moment_target")),
        strict=True,
    ):
        assert place[: len(mine)].tolist() == mine
        assert (place[len(mine) :] == max(mine, default=0)).all()
        for number, told in zip(mine, targets, strict=True):
            assert targets[of_moment[number]] == told
