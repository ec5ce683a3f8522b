"""Layer normalisation and mean in one, against loops and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models.layers.normalized_mean import normalized_mean
from tests.models.numeric import numeric_gradient

EPSILON = 1e-3


def by_loops(x, weights):
    """As LayerNorm is written, of rows that need not be centred."""
    out = np.zeros((x.shape[0], x.shape[2]))
    for n, k in np.ndindex(*weights.shape):
        row = x[n, k]
        out[n] += weights[n, k] * (row - row.mean()) / np.sqrt(row.var() + EPSILON)
    return out


@pytest.mark.parametrize("width", [4, 16])  # 16: two vectors of a CPU's
@pytest.mark.parametrize("jit", [False, True])
def test_value_and_gradient(jit, width):
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(2, 3, width)) + 0.5).astype(np.float32)
    weights = rng.random((2, 3)).astype(np.float32)
    weights[0, 1] = 0
    scale = rng.normal(size=(2, width)).astype(np.float32)

    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            centred = x - tf.reduce_mean(x, -1, keepdims=True)
            value = normalized_mean(centred, tf.constant(weights), EPSILON)
            loss = tf.reduce_sum(value * scale)
        return value, tape.gradient(loss, x)

    value, gradient = tf.function(run, jit_compile=jit)(tf.constant(x))
    np.testing.assert_allclose(value, by_loops(x, weights), rtol=1e-4, atol=1e-5)
    expected = numeric_gradient(lambda x: (by_loops(x, weights) * scale).sum(), x)
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-4)


def test_rows_of_zeros_are_finite():
    assert not normalized_mean(tf.zeros([1, 2, 3]), tf.ones([1, 2]), EPSILON).numpy().any()
