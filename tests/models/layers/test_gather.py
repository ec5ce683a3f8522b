"""Gathering rows: the values and the gradient of `tf.gather`."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models.layers.gather import gather_rows


@pytest.mark.parametrize("jit", [False, True])
def test_values_and_gradient_are_those_of_tf_gather(jit):
    rng = np.random.default_rng(0)
    rows = tf.constant(rng.normal(size=(6, 3)), tf.float32)
    indices = tf.constant(rng.integers(0, 5, (2, 4)), tf.int32)  # row 5 is never read
    scale = tf.constant(rng.normal(size=(2, 4, 3)), tf.float32)

    def run(gather):
        with tf.GradientTape() as tape:
            tape.watch(rows)
            values = gather(rows, indices)
            loss = tf.reduce_sum(values * scale)
        return values, tf.convert_to_tensor(tape.gradient(loss, rows))

    values, gradient = tf.function(lambda: run(gather_rows), jit_compile=jit)()
    expected = run(tf.gather)
    np.testing.assert_array_equal(values, expected[0])
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-6)
