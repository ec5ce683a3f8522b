"""Rows under a mask, beside numpy's."""

import numpy as np
import pytest
import tensorflow as tf

from models.masked import kept


@pytest.mark.parametrize("mask", [[True, False, True], [False] * 3, [True] * 3, []])
def test_rows_are_those_of_numpy(mask):
    mask = np.array(mask, bool)
    values, table = np.arange(len(mask)) + 5, np.arange(len(mask) * 2).reshape(-1, 2)
    function = tf.function(
        kept, [tf.TensorSpec([None], tf.bool)] + 2 * [tf.TensorSpec(None, tf.int64)]
    )
    for found in (kept(mask, values, table), function(mask, values, table)):
        np.testing.assert_array_equal(found[0], values[mask])
        np.testing.assert_array_equal(found[1], table[mask])


def test_a_row_that_is_kept_has_its_gradient():
    values = tf.constant([1.0, 2.0, 3.0])
    with tf.GradientTape() as tape:
        tape.watch(values)
        loss = tf.reduce_sum(kept(tf.constant([True, False, True]), values)[0] ** 2)
    np.testing.assert_array_equal(tf.convert_to_tensor(tape.gradient(loss, values)), [2, 0, 6])
