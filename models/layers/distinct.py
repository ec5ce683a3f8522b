"""The behaviours of a user that any target reads, each once."""

from __future__ import annotations

import tensorflow as tf

from models.layers.xla_jit import xla_jit

STEP = 512  # numbers of behaviours are rounded up to it: each new one costs a small compilation


def distinct(positions: tf.Tensor, length: int, step: int = STEP) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns which behaviours are chosen at all, and where each choice is found among them.

    Targets of a user choose much the same behaviours: of 9,600 choices about 2,300 differ.

    Args:
      positions: [B, T, K] int32, of static shape, into histories of `length`.
      length: int, L.
      step: int, of whose multiples M is one.

    Returns:
      behaviours [B, M] int32, ascending, the last repeated where a user has fewer, with M the
      largest number of a user's, rounded up; places [B, T, K] int32, with
      `behaviours[b, places[b, t, k]] == positions[b, t, k]`.
    """
    users = positions.shape[0]
    flat = positions + (tf.range(users) * length)[:, None, None]
    rank = tf.cumsum(
        tf.reshape(_ones_at(flat, tf.zeros([users * length], tf.int32)), [users, -1]), 1
    )
    count = rank[:, -1:]
    most = -(-tf.reduce_max(count) // step) * step
    behaviors = tf.searchsorted(rank, tf.minimum(tf.range(most) + 1, count))
    return tf.ensure_shape(behaviors, [users, None]), tf.gather(tf.reshape(rank, [-1]), flat) - 1


@xla_jit
def _ones_at(flat: tf.Tensor, zeros: tf.Tensor) -> tf.Tensor:
    flat = tf.reshape(flat, [-1, 1])
    return tf.tensor_scatter_nd_update(zeros, flat, tf.ones_like(flat[:, 0]))
