"""The positions of a request's subsequences, computed in the serving graph.

Examples for training carry these positions; a request carries only a history and targets. The
definitions are those of `components/behavior_example_gen`, and a test holds both equal.
Everything here reads raw features: two unknown categories share an id, but do not match.
"""

from __future__ import annotations

import tensorflow as tf


def hist_end(
    history_time: tf.Tensor,
    history_length: tf.Tensor | None,
    target_time: tf.Tensor,
    *,
    ties: bool,
) -> tf.Tensor:
    """Returns how many behaviours each target sees: those before it.

    Args:
      history_time: [B, L] int64, rising.
      history_length: [B, 1] int32, what follows is padding; None: there is none.
      target_time: [B, T] int64.
      ties: whether behaviours of the target's own second are seen.

    Returns:
      [B, T] int32, in `[0, history_length]`.
    """
    side = "right" if ties else "left"
    if history_length is None:
        return tf.searchsorted(history_time, target_time, side)
    length = tf.shape(history_time)[1]
    real = tf.sequence_mask(history_length[:, 0], length)
    rising = tf.where(real, history_time, history_time.dtype.max)
    return tf.minimum(tf.searchsorted(rising, target_time, side), history_length)


def local_begin(
    history_time: tf.Tensor,
    target_time: tf.Tensor,
    hist_end: tf.Tensor,
    *,
    session_gap: int | None,
    min_local: int,
) -> tf.Tensor:
    """Returns where each target's local subsequence begins.

    It is the session that runs when the target appears, which a gap of more than `session_gap`
    seconds breaks, extended backwards to `min_local` behaviours where they exist.

    Args:
      history_time: [B, L] int64, oldest first.
      target_time: [B, T] int64.
      hist_end: [B, T] int32, exclusive end of the visible history.
      session_gap: seconds; None: there are no sessions, `min_local` behaviours are local.
      min_local: behaviours.

    Returns:
      [B, T] int32, in `[0, hist_end]`.
    """
    begin = hist_end - min_local
    if session_gap is not None:
        last = tf.maximum(hist_end - 1, 0)
        time = tf.pad(history_time, [[0, 0], [0, 1]])  # something to gather where L = 0
        breaks = tf.cast(time[:, 1:] - time[:, :-1] > session_gap, tf.int32)
        session = tf.pad(tf.math.cumsum(breaks, axis=1), [[0, 0], [1, 0]])
        running = tf.gather(session, last, batch_dims=1)
        session_begin = tf.searchsorted(session, running, side="left")
        over = target_time - tf.gather(time, last, batch_dims=1) > session_gap
        begin = tf.minimum(begin, tf.where(over, hist_end, session_begin))
    return tf.clip_by_value(begin, 0, hist_end)


def target_match(
    history_category: tf.Tensor, target_category: tf.Tensor, hist_end: tf.Tensor, *, match: int
) -> tf.Tensor:
    """Returns the positions of the last `match` visible behaviours in each target's category.

    Args:
      history_category: [B, L] int64 or string, as in the log.
      target_category: [B, T], likewise.
      hist_end: [B, T] int32, exclusive end of the visible history.
      match: M.

    Returns:
      [B, T, M] int32, rising, -1 padded on the right.
    """
    history, target = _numbers(history_category), _numbers(target_category)
    length = tf.shape(history)[1]
    visible = tf.sequence_mask(hist_end, length)
    found = visible & (history[:, None, :] == target[:, :, None])
    # `tf.where` streams over the [B, T, L] mask; a top_k or a sort would cost many times as much.
    row, position = tf.unstack(tf.where(tf.reshape(found, [-1, length])), axis=1)
    matches = tf.RaggedTensor.from_value_rowids(
        position, row, nrows=tf.size(target, out_type=tf.int64), validate=False
    )
    last = tf.cast(matches[:, -match:].to_tensor(-1, shape=[None, match]), tf.int32)
    return tf.reshape(last, tf.concat([tf.shape(target), [match]], axis=0))


def _numbers(ids: tf.Tensor) -> tf.Tensor:
    """Returns int64s that are equal where the ids are: comparing strings is slow."""
    if ids.dtype == tf.string:
        return tf.strings.to_hash_bucket_fast(ids, 2**63 - 1)
    return ids
