"""Long histories are searched one user at a time, with the same result."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from models.layers import Selection, by_user


def running_best(x: tf.Tensor, y: tf.Tensor) -> Selection:
    return Selection(tf.argmax(x, -1, output_type=tf.int32), tf.reduce_sum(y, -1) > 0)


def test_long_histories_give_the_same_as_short_ones():
    rng = np.random.default_rng(0)
    x, y = (tf.constant(rng.normal(size=(3, 4, 5)), tf.float32) for _ in range(2))
    expected = running_best(x, y)
    for length in (5, None, by_user.LONG_HISTORY + 1):
        for jit in (False, True):
            function = tf.function(
                lambda x, y, n=length: by_user.by_user(running_best, n, x, y), jit_compile=jit
            )
            for actual, value in zip(function(x, y), expected, strict=True):
                np.testing.assert_array_equal(actual, value)
                assert actual.shape == value.shape


def test_function_sees_one_user_of_a_long_history():
    seen = []

    def record(x):
        seen.append(x.shape[0])
        return x

    by_user.by_user(record, by_user.LONG_HISTORY + 1, tf.zeros([3, 2]))
    assert set(seen) == {1}


def test_no_gradient_passes():
    x = tf.ones([2, 3])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = by_user.by_user(lambda x: x * 2, 3, x)
    assert tape.gradient(y, x) is None
