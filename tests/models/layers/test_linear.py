"""Products, for every rank, of one matrix and of several."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models.layers.linear import products, softmax, times, times_of_heads


@pytest.mark.parametrize("shape", [(4,), (2, 4), (1, 3, 4), (2, 1, 9, 4), (1, 1, 1, 4)])
def test_times_is_a_product_over_the_last_axis(shape):
    rng = np.random.default_rng(0)
    rows, kernel = rng.normal(size=shape), rng.normal(size=(4, 10))
    expected = rows @ kernel
    for _ in range(5):  # oneDNN's broken product differed from run to run
        actual = times(tf.constant(rows, tf.float32), tf.constant(kernel, tf.float32))
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("known", [True, False])
def test_each_head_has_a_kernel_of_its_own(count, known):
    rng = np.random.default_rng(1)
    rows, kernels = rng.normal(size=(count, 3, 4)), rng.normal(size=(3, 4, 6))
    expected = [[rows[n, h] @ kernels[h] for h in range(3)] for n in range(count)]
    spec = [tf.TensorSpec([count if known else None, 3, 4]), tf.TensorSpec([3, 4, 6])]
    run = tf.function(times_of_heads, input_signature=spec)
    actual = run(tf.constant(rows, tf.float32), tf.constant(kernels, tf.float32))
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("lead", [(1,), (3,), (1, 1), (1, 2), (2, 1)])
@pytest.mark.parametrize("transpose_b", [False, True])
def test_products_are_those_of_each_pair_of_matrices(lead, transpose_b):
    rng = np.random.default_rng(2)
    left, right = rng.normal(size=(*lead, 3, 4)), rng.normal(size=(*lead, 4, 5))
    given = right.swapaxes(-1, -2) if transpose_b else right
    actual = products(tf.constant(left, tf.float32), tf.constant(given, tf.float32), transpose_b)
    np.testing.assert_allclose(actual, left @ right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("lead", [(1, 1), (2, 3)])
@pytest.mark.parametrize("known", [True, False])
def test_softmax_is_that_of_each_row_whatever_a_graph_knows(lead, known):
    scores = np.random.default_rng(3).normal(size=(*lead, 2, 7)) * 50
    scores[..., -2:] = tf.float32.min / 2  # hidden
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    expected = weights / weights.sum(-1, keepdims=True)
    shape = scores.shape if known else [None] * 4
    graph = tf.function(softmax, input_signature=[tf.TensorSpec(shape, tf.float32)])
    np.testing.assert_allclose(graph(tf.constant(scores, tf.float32)), expected, atol=1e-6)
