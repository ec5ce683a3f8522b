"""Rows times a kernel."""

from __future__ import annotations

import tensorflow as tf


def times(rows: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns `rows @ kernel`, [..., E], of rows [..., D] and a kernel [D, E].

    One flat product, and not `tf.matmul`, which broadcasts the kernel: with oneDNN (TensorFlow 2.21
    on CPU) a product of rank 4 by rank 2 writes beyond its result where an axis has length 1.
    """
    flat = tf.matmul(tf.reshape(rows, [-1, rows.shape[-1]]), kernel)
    return tf.reshape(flat, tf.concat([tf.shape(rows)[:-1], tf.shape(kernel)[1:]], 0))
