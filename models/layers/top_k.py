"""Exact top-k over long rows."""

from __future__ import annotations

import tensorflow as tf

BLOCK = 16
LONG = 4_096  # below it one `top_k` is as fast: see benchmarks


def top_k(scores: tf.Tensor, k: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the k largest scores and their indices; equal scores go to the lower index.

    Args:
      scores: [..., L] float32, L >= k. Integers belong in float32 too, where they are exact below
        2^24: XLA on CPU sorts int32 rows in full.
      k: int.

    Returns:
      values [..., k], descending, and int32 indices [..., k].
    """
    length = scores.shape[-1]
    if length is None or length < max(LONG, 4 * BLOCK * k):
        return tf.math.top_k(scores, k)
    return block_top_k(scores, k)


def block_top_k(scores: tf.Tensor, k: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns what `top_k` does, in two levels: the k best blocks hold the k best scores.

    A score of the top k lies in a block whose maximum is at least as large, and fewer than k blocks
    come before it. Blocks of equal maxima go to the lower index, and the winners are put back in
    order, so ties fall as in a single `top_k`.

    Args:
      scores: [..., L] float32, static L.
      k: int.
    """
    length = scores.shape[-1]
    blocks = -(-length // BLOCK)
    lead = tf.shape(scores)[:-1]
    scores = tf.reshape(scores, [-1, length])
    if blocks * BLOCK != length:
        scores = tf.pad(
            scores, [[0, 0], [0, blocks * BLOCK - length]], constant_values=scores.dtype.min
        )
    rows = tf.reshape(scores, [-1, blocks, BLOCK])
    _, best = tf.math.top_k(tf.reduce_max(rows, -1), min(k, blocks))
    order, _ = tf.math.top_k(-tf.cast(best, tf.float32), min(k, blocks))
    best = tf.cast(-order, tf.int32)  # ascending
    flat = best + blocks * tf.range(tf.shape(rows)[0])[:, None]
    candidates = tf.gather(tf.reshape(rows, [-1, BLOCK]), flat)
    candidates = tf.reshape(candidates, [-1, min(k, blocks) * BLOCK])
    values, place = tf.math.top_k(candidates, k)
    block = tf.gather(best, place // BLOCK, batch_dims=1)
    index = block * BLOCK + place % BLOCK
    shape = tf.concat([lead, [k]], 0)
    return tf.reshape(values, shape), tf.reshape(index, shape)
