"""The round robin of TWIN's search over the ranked lists of several heads."""

from __future__ import annotations

import tensorflow as tf

from models.layers.choose import LEAST, largest
from models.layers.visibility import Selection
from models.layers.xla_jit import xla_jit


def round_robin(positions: tf.Tensor, rank: tf.Tensor, scores: tf.Tensor) -> Selection:
    """Reads ranked lists round robin until K unique behaviours are collected.

    That is the first of each list, then the second of each ..., without repetitions (TWIN, arXiv
    2302.02352, section 4.3). So a behaviour is met at the least step of any list that holds it, and
    the K that are met earliest are collected.

    Args:
      positions: [B, T, H, K] int32, what each list holds, in any order.
      rank: [B, T, H, K] int32, its place from 0 in the list; K where there is nothing.
      scores: [B, T, H, L]; read for L alone.
    """
    met, valid = _met(positions, rank, scores)
    return Selection(met, valid).newest_first()


@xla_jit
def _met(positions, rank, scores):
    """Returns the K behaviours collected, [B, T, K] in any order, and which of them exist."""
    num_heads, count = positions.shape[2:]
    shape, length = tf.shape(positions), tf.shape(scores)[-1]
    step = tf.reshape(rank * num_heads + tf.range(num_heads)[:, None], [-1, num_heads * count])
    positions = tf.reshape(positions, [-1, num_heads * count])
    never = num_heads * count  # the first step after the lists' end
    slots = positions + tf.range(tf.shape(positions)[0])[:, None] * length
    earliest = tf.fill([tf.shape(positions)[0] * length], never)
    earliest = tf.tensor_scatter_nd_min(
        earliest, tf.reshape(slots, [-1, 1]), tf.reshape(step, [-1])
    )
    first = (tf.gather(earliest, slots) == step) & (step < never)
    place, valid = largest(tf.where(first, -step, LEAST), count)
    found = tf.where(valid, tf.gather(positions, place, batch_dims=1), 0)
    shape = [shape[0], shape[1], count]
    return tf.reshape(found, shape), tf.reshape(valid, shape)
