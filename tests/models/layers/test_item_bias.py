"""The item's own logit, by hand."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from models.layers import ItemBias


def test_bias_starts_at_zero_and_belongs_to_one_item():
    layer = ItemBias(4)
    items = tf.constant([[1, 2], [1, 0]])
    np.testing.assert_array_equal(layer(items), np.zeros([2, 2]))
    layer.table.assign([[0.0], [0.1], [-0.2], [9.0]])
    np.testing.assert_allclose(layer(items), [[2.0, -4.0], [2.0, 0.0]], rtol=1e-6)


def test_gradient_touches_only_the_items_seen():
    layer = ItemBias(5)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(tf.constant([[3, 1, 3]])))
    gradient = tape.gradient(total, layer.table)
    assert isinstance(gradient, tf.IndexedSlices)
    np.testing.assert_array_equal(
        tf.convert_to_tensor(gradient)[:, 0], np.array([0, 1, 0, 2, 0], np.float32) * 20
    )
