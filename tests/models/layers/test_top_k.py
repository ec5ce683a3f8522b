"""Exact top-k against a full sort, ties included."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.layers.top_k import BLOCK, block_top_k, top_k


def full_sort(scores, k):
    order = np.argsort(-scores, axis=-1, kind="stable")[..., :k]
    return np.take_along_axis(scores, order, -1), order


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 7 * BLOCK), st.integers(1, 4))
def test_block_top_k_is_a_stable_sort(seed, k, length, values):
    scores = np.random.default_rng(seed).integers(0, values, (2, length)).astype(np.float32)
    k = min(k, length)
    top, index = block_top_k(tf.constant(scores), k)
    expected, order = full_sort(scores, k)
    np.testing.assert_array_equal(top, expected)
    np.testing.assert_array_equal(index, order)


@pytest.mark.parametrize("jit", [False, True])
def test_long_rows_of_ties_give_the_lowest_indices(jit):
    scores = np.random.default_rng(0).integers(0, 5, (2, 2, 40_000)).astype(np.float32)
    top, index = tf.function(top_k, jit_compile=jit)(tf.constant(scores), 50)
    expected, order = full_sort(scores, 50)
    np.testing.assert_array_equal(top, expected)
    np.testing.assert_array_equal(index, order)
