"""The moments at which a user's targets are shown: those of a request share one."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from models import features

PARTS = 8, 4, 2, 1  # moments are padded to so many parts of the targets, for few shapes


def places(told: tf.Tensor) -> tf.Tensor:
    """Returns the number of each target's moment among its user's, [B, T] int32, from 0.

    Args:
      told: [B, T, N] int, of which targets that follow each other share a moment where it is equal.
    """
    begins = tf.reduce_any(told[:, 1:] != told[:, :-1], -1)
    return tf.pad(tf.cumsum(tf.cast(begins, tf.int32), 1), [[0, 0], [1, 0]])


def first_targets(place: tf.Tensor, count: tf.Tensor | int) -> tf.Tensor:
    """Returns the first target of each of `count` moments, the last moment's where there are fewer.

    Args:
      place: [B, T] int32, see `places`.
      count: int.

    Returns:
      [B, `count`] int32.
    """
    return tf.searchsorted(place, tf.minimum(tf.range(count), place[:, -1:]))


def of_batch(batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns the moments of a batch, for models that compute once what depends on them alone.

    Args:
      batch: padded, see `inputs.pad`; its number of targets is that of the graph or of the batch.

    Returns:
      `target_moment` [B, T], and `moment_target` [B, M], one of the targets of each moment; M is
      an eighth, a quarter or half of T, rounded up, or T.
    """
    names = features.TARGET_HIST_END, features.TARGET_LOCAL_BEGIN, features.TARGET_TIME
    valid = tf.cast(batch[features.TARGET_VALID], tf.int64)
    place = places(tf.stack([valid, *(tf.cast(batch[name], tf.int64) for name in names)], -1))
    targets = tf.shape(place)[1]
    sizes = -(-targets // tf.constant(PARTS))
    most = tf.reduce_max(place) + 1
    count = tf.reduce_min(tf.where(sizes >= most, sizes, targets))
    return {features.TARGET_MOMENT: place, features.MOMENT_TARGET: first_targets(place, count)}
