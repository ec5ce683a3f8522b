"""Rows times a kernel, for every rank."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models.layers.linear import times


@pytest.mark.parametrize("shape", [(4,), (2, 4), (1, 3, 4), (2, 1, 9, 4), (1, 1, 1, 4)])
def test_times_is_a_product_over_the_last_axis(shape):
    rng = np.random.default_rng(0)
    rows, kernel = rng.normal(size=shape), rng.normal(size=(4, 10))
    expected = rows @ kernel
    for _ in range(5):  # oneDNN's broken product differed from run to run
        actual = times(tf.constant(rows, tf.float32), tf.constant(kernel, tf.float32))
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
