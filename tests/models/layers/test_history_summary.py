"""The summary of a history, by hand and by loops."""

from __future__ import annotations

import hypothesis
import numpy as np
import tensorflow as tf
from hypothesis import strategies as st

from models.layers import HistorySummary, Window


def summary(units: int = 1) -> HistorySummary:
    """A layer whose knots are 0, 1, 2 ... in its first unit, 0, 10, 20 ... in its second."""
    layer = HistorySummary(units)
    layer.kernel.assign(np.arange(24)[:, None] * [1.0, 10.0][:units])
    return layer


def test_length_is_told_by_its_logarithm_between_knots():
    lengths = [0, 1, 2, 3, 7, 100]
    window = Window(tf.constant([[100 - n for n in lengths]]), tf.fill([1, 6], 100))
    found = summary(2)(tf.zeros([1, 100, 0]), window)
    np.testing.assert_allclose(
        found[0], np.log2(np.array(lengths) + 1)[:, None] * [1, 10], rtol=1e-5
    )


def test_mean_is_of_what_each_target_sees():
    rows = tf.constant([[[9.0, 9.0], [3.0, 0.0], [6.0, 6.0]]])  # newest first
    window = Window(tf.constant([[0, 1, 2, 3]]), tf.fill([1, 4], 3))
    found = summary()(rows, window)
    np.testing.assert_allclose(
        found[0, :, 1:], [[6.0, 5.0], [4.5, 3.0], [6.0, 6.0], [0.0, 0.0]], rtol=1e-6
    )


@hypothesis.settings(deadline=None, max_examples=30)
@hypothesis.given(st.data())
def test_mean_equals_a_loop_and_reads_nothing_newer(data):
    users, targets, length, width = (data.draw(st.integers(1, 5)) for _ in range(4))
    seed = data.draw(st.integers(0, 2**31))
    random = np.random.default_rng(seed)
    rows = random.normal(size=(users, length, width)).astype(np.float32)
    first = random.integers(0, length + 1, (users, targets))
    window = Window(tf.constant(first, tf.int32), tf.fill([users, targets], length))
    found = summary()(tf.constant(rows), window)[..., 1:]
    for b in range(users):
        for t in range(targets):
            seen = rows[b, first[b, t] :]
            expected = seen.mean(0, dtype=np.float64) if len(seen) else np.zeros(width)
            np.testing.assert_allclose(found[b, t], expected, atol=1e-6)
    newest = int(first.min())
    rows[:, :newest] = np.nan
    np.testing.assert_array_equal(summary()(tf.constant(rows), window)[..., 1:], found)


def test_mean_of_a_long_history_keeps_its_precision():
    rows = np.random.default_rng(0).normal(1, 0.1, (1, 20_000, 1)).astype(np.float32)
    window = Window(tf.constant([[0, 10_000]]), tf.fill([1, 2], 20_000))
    found = summary()(tf.constant(rows), window)[0, :, 1]
    expected = [rows.mean(dtype=np.float64), rows[0, 10_000:].mean(dtype=np.float64)]
    np.testing.assert_allclose(found, expected, rtol=2e-6)
