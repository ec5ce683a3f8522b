"""Moments of targets against loops."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from models import moments

NAMES = "target_valid", "target_hist_end", "target_local_begin", "target_time"


def batch_of(rows):
    """Users of lists of targets (valid, end, begin, time)."""
    columns = np.array(rows).transpose(2, 0, 1)
    kinds = bool, np.int32, np.int32, np.int64
    return {n: tf.constant(c.astype(k)) for n, c, k in zip(NAMES, columns, kinds, strict=True)}


def test_of_eleven_targets_two_moments_are_a_fifth():
    one, other = (1, 3, 0, 50), (1, 3, 0, 51)
    found = moments.of_batch(batch_of([[one] * 4 + [other] * 7, [other] * 11]))
    assert found["target_moment"].numpy().tolist() == [[0] * 4 + [1] * 7, [0] * 11]
    assert found["moment_target"].numpy().tolist() == [[0, 4], [0, 0]]  # 11 / 8, rounded up


target = st.tuples(*[st.integers(0, 1)] * 4)


def users_of(count):
    return st.lists(st.lists(target, min_size=count, max_size=count), min_size=1, max_size=3)


@given(st.integers(1, 20).flatmap(users_of))
def test_targets_that_follow_each_other_share_a_moment_if_they_are_told_alike(rows):
    count = len(rows[0])
    found = moments.of_batch(batch_of(rows))
    place, of_moment = (found[n].numpy() for n in ("target_moment", "moment_target"))
    most = 0
    for b, user in enumerate(rows):
        number = 0
        for t in range(count):
            number += t > 0 and user[t] != user[t - 1]
            assert place[b, t] == number
            assert user[of_moment[b, number]] == user[t]
        most = max(most, number + 1)
    sizes = [-(-count // parts) for parts in (8, 4, 2, 1)]
    assert of_moment.shape == (len(rows), min(size for size in sizes if size >= most))
