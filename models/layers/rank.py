"""The k best of long rows, in graphs that do not know how long the rows are.

`tf.math.top_k` looks at one behaviour at a time. So rows are cut into blocks, whose largest scores
are found in vectors, and `tf.math.top_k` sees those, and what is in the best blocks.
"""

from __future__ import annotations

import tensorflow as tf

from models.layers.choose import NEVER

BLOCK = 16  # float32 in a cache line, which is what a gather of blocks reads
_EDGES = 2  # blocks in which a window begins and ends


def rank(
    scores: tf.Tensor, first: tf.Tensor, stop: tf.Tensor, count: int, in_order: bool = True
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns where the `count` largest scores of each row are, of those within its window.

    Equal scores go to the lower position; `NEVER` is not chosen.

    Args:
      scores: [R, L] float32, L >= count.
      first, stop: [R, 1] int32, what may be chosen: first <= position < stop.
      count: int, k.
      in_order: whether the best goes first; False: they are the same, in any order.

    Returns:
      positions [R, k] int32, 0 where there are no more; [R, k] bool, where there are any.
    """
    rows = _in_blocks(scores)
    number = tf.shape(rows)[1]
    index = tf.range(number)
    # The k best lie in the k blocks with the largest maxima, by the same rule for ties. Those at
    # the window's edges also count what is hidden, so they may rank before where they belong.
    reached = (index >= first // BLOCK) & (index * BLOCK < stop)
    maxima = tf.where(reached, tf.reduce_max(rows, -1), NEVER)
    values, best = tf.math.top_k(maxima, tf.minimum(count + _EDGES, number), sorted=False)
    # Of so many blocks at least k hold what they count, so at least k behaviours reach this: the
    # others need not go through a heap again.
    least = tf.where(number < count + _EDGES, NEVER, tf.reduce_min(values, 1, keepdims=True))
    best = -tf.math.top_k(-best, tf.shape(best)[1]).values  # ascending, for ties
    position = tf.reshape(best[..., None] * BLOCK + tf.range(BLOCK), [tf.shape(best)[0], -1])
    flat = best + tf.range(tf.shape(best)[0])[:, None] * number
    found = tf.reshape(tf.gather(tf.reshape(rows, [-1, BLOCK]), flat), tf.shape(position))
    found = tf.where((position >= first) & (position < stop) & (found >= least), found, NEVER)
    values, place = tf.math.top_k(found, count, sorted=in_order)
    valid = values > NEVER
    return tf.where(valid, tf.gather(position, place, batch_dims=1), 0), valid


def _in_blocks(scores: tf.Tensor) -> tf.Tensor:
    """Returns scores [R, L] as [R, ceil(L / BLOCK), BLOCK]; what is missing lies in no window."""
    missing = -tf.shape(scores)[1] % BLOCK
    whole = tf.cond(
        missing > 0,
        lambda: tf.pad(scores, [[0, 0], [0, missing]]),
        lambda: scores,  # padding by nothing would copy them
    )
    return tf.reshape(whole, [tf.shape(scores)[0], -1, BLOCK])
