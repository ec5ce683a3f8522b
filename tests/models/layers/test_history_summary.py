"""The summary of a history, by hand and by loops."""

from __future__ import annotations

import hypothesis
import numpy as np
import tensorflow as tf
from hypothesis import strategies as st

from models.layers import HistorySummary


def summary(units: int = 1) -> HistorySummary:
    """A layer whose knots are 0, 1, 2 ... in its first unit, 0, 10, 20 ... in its second."""
    layer = HistorySummary(units)
    layer.kernel.assign(np.arange(24)[:, None] * [1.0, 10.0][:units])
    return layer


def test_length_is_told_by_its_logarithm_between_knots():
    lengths = [[0, 1, 2, 3, 7, 100]]
    found = summary(2)(tf.constant(lengths), None, tf.zeros([1, 6, 0], tf.bool))
    # Between 63 and 127, log2 of 64 and 128, it is log2(101) = 6.658.
    expected = [0, 1, 1.58496, 2, 3, 6.65821]
    np.testing.assert_allclose(found[0], np.array(expected)[:, None] * [1, 10], rtol=1e-5)


def test_mean_is_of_what_each_target_read():
    rows = tf.constant([[[9.0, 9.0], [3.0, 0.0], [6.0, 6.0]]])
    mask = tf.constant([[[1, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 0]]]) > 0
    found = summary()(tf.constant([[3, 2, 1, 0]]), rows, mask)
    np.testing.assert_allclose(
        found[0, :, 1:], [[6.0, 5.0], [4.5, 3.0], [6.0, 6.0], [0.0, 0.0]], rtol=1e-6
    )


@hypothesis.settings(deadline=None, max_examples=30)
@hypothesis.given(st.data())
def test_both_layouts_equal_a_loop_and_read_what_is_in_the_mask(data):
    users, targets, length, width = (data.draw(st.integers(1, 5)) for _ in range(4))
    random = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    rows = random.normal(size=(users, length, width)).astype(np.float32)
    mask = random.random((users, targets, length)) < 0.5
    size = tf.zeros([users, targets], tf.int32)
    own = np.where(mask[..., None], rows[:, None], 1e9).astype(np.float32)
    for given in (rows, own):
        found = summary()(size, tf.constant(given), tf.constant(mask))[..., 1:]
        for b, t in np.ndindex(users, targets):
            seen = rows[b][mask[b, t]]
            expected = seen.mean(0, dtype=np.float64) if len(seen) else np.zeros(width)
            np.testing.assert_allclose(found[b, t], expected, atol=1e-6)
