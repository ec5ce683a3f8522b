"""Which behaviours are chosen at all, against sets."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from models.layers.distinct import STEP, distinct


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 9),
    st.booleans(),
)
def test_each_once_and_all_found_again(seed, users, targets, length, same):
    rng = np.random.default_rng(seed)
    positions = rng.integers(0, length, (users, targets, 5)).astype(np.int32)
    if same:
        positions[:] = positions[:, :1, :1]
    behaviors, places = (x.numpy() for x in distinct(tf.constant(positions), length))
    for user in range(users):
        chosen = sorted(set(positions[user].ravel().tolist()))
        assert behaviors[user, : len(chosen)].tolist() == chosen
        assert (behaviors[user, len(chosen) :] == chosen[-1]).all()
        np.testing.assert_array_equal(behaviors[user][places[user]], positions[user])


@pytest.mark.parametrize(("most", "width"), [(1, STEP), (STEP, STEP), (STEP + 1, 2 * STEP)])
def test_numbers_are_rounded_up(most, width):
    positions = tf.reshape(tf.range(most), [1, 1, most])
    behaviors, _ = tf.function(lambda: distinct(positions, 3 * STEP))()
    assert behaviors.shape == [1, width]
