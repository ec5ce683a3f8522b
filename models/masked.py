"""What a mask keeps."""

from __future__ import annotations

import tensorflow as tf


def kept(mask: tf.Tensor, *values: tf.Tensor) -> list[tf.Tensor]:
    """Returns the rows of several tensors that a mask keeps, in order.

    `tf.boolean_mask` finds them anew for each tensor, and is fifteen operations where the shape is
    not known: half of the time in which TensorFlow traced the preprocessing of a log with features.

    Args:
      mask: [n] bool.
      *values: [n, ...].

    Returns:
      For each of them [k, ...], k the number of True.
    """
    rows = tf.reshape(tf.where(mask), [-1])
    return [tf.gather(x, rows) for x in values]
