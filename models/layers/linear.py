"""Products of matrices, flat ones where there is one.

OneDNN's product of a batch, and its softmax, take 50 to 130 microseconds before they compute
anything, a flat product 4. A request of one target makes eight of them: most of its time.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def times(rows: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns `rows @ kernel`, [..., E], of rows [..., D] and a kernel [D, E].

    One flat product, and not `tf.matmul`, which broadcasts the kernel: with oneDNN (TensorFlow 2.21
    on CPU) a product of rank 4 by rank 2 writes beyond its result where an axis has length 1.
    """
    flat = tf.matmul(tf.reshape(rows, [-1, rows.shape[-1]]), kernel)
    return tf.reshape(flat, tf.concat([tf.shape(rows)[:-1], tf.shape(kernel)[1:]], 0))


def times_of_heads(rows: tf.Tensor, kernels: tf.Tensor) -> tf.Tensor:
    """Returns each head's rows times its own kernel, [N, H, E].

    Args:
      rows: [N, H, D].
      kernels: [H, D, E].
    """
    if rows.shape[0] not in (None, 1):
        return tf.transpose(tf.matmul(tf.transpose(rows, [1, 0, 2]), kernels), [1, 0, 2])
    # Each head's row beside zeros for the other heads, times all kernels below each other: more to
    # multiply, which for a request's few rows takes less than to turn them twice.
    heads, width, units = kernels.shape
    own = np.eye(heads, dtype=rows.dtype.as_numpy_dtype)[:, :, None]
    spread = tf.reshape(rows[:, None] * own, [-1, heads * width])
    flat = tf.matmul(spread, tf.reshape(kernels, [heads * width, units]))
    return tf.reshape(flat, [-1, heads, units])


def products(left: tf.Tensor, right: tf.Tensor, transpose_b: bool = False) -> tf.Tensor:
    """Returns `tf.matmul(left, right)` of [..., M, D] and [..., D, N], of the same first axes.

    Args:
      left: float.
      right: float, [..., N, D] where `transpose_b`.
    """
    if not _is_one(left.shape[:-2]):
        return tf.matmul(left, right, transpose_b=transpose_b)
    lead = list(range(left.shape.rank - 2))
    found = tf.matmul(tf.squeeze(left, lead), tf.squeeze(right, lead), transpose_b=transpose_b)
    for axis in lead:
        found = tf.expand_dims(found, axis)
    return found


def softmax(scores: tf.Tensor) -> tf.Tensor:
    """Returns `tf.nn.softmax(scores)`, over the last axis, of [B, T, ...].

    TensorFlow's own, whose gradient is the cheaper one, where the graph trains: it knows shapes.
    """
    if scores.shape.is_fully_defined() and not _is_one(scores.shape[:2]):
        return tf.nn.softmax(scores)
    weights = tf.exp(scores - tf.reduce_max(scores, -1, keepdims=True))
    return weights / tf.reduce_sum(weights, -1, keepdims=True)


def _is_one(shape: tf.TensorShape) -> bool:
    """Whether it is known that there is one matrix."""
    return shape.num_elements() == 1
