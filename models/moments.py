"""The moments at which a user's targets are shown: those of a request share one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from models import features

# Targets that follow each other share a moment where these are equal.
TOLD = features.TARGET_HIST_END, features.TARGET_LOCAL_BEGIN, features.TARGET_TIME


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


def of_batch(batch: Mapping[str, tf.Tensor], count: tf.Tensor | int) -> dict[str, tf.Tensor]:
    """Returns the moments of a batch, for models that compute once what depends on them alone.

    Args:
      batch: padded, see `inputs.pad`.
      count: M, at least the most of a user's, see `counts`.

    Returns:
      `moment_of_target` [B, T], and `moment_target` [B, M], one of the targets of each moment. What
      pads targets belongs to the last moment.
    """
    place = places(tf.stack([tf.cast(batch[name], tf.int64) for name in TOLD], -1))
    valid = batch[features.TARGET_VALID]
    last = tf.reduce_max(tf.where(valid, place, 0), 1, keepdims=True)
    place = tf.where(valid, place, last)
    enough = tf.debugging.assert_less(last, tf.cast(count, tf.int32), "more moments than counted")
    with tf.control_dependencies([enough]):
        place = tf.identity(place)
    return {features.MOMENT_OF_TARGET: place, features.MOMENT_TARGET: first_targets(place, count)}


def counts(columns: Mapping[str, tf.RaggedTensor]) -> np.ndarray:
    """Returns how many moments the targets of each example have, [N] int, at least 1.

    Args:
      columns: [N, T], by feature name.
    """
    told = np.stack([columns[name].flat_values.numpy() for name in TOLD], -1)
    ends = columns[TOLD[0]].row_splits.numpy()
    begins = np.concatenate([[0], np.cumsum((told[1:] != told[:-1]).any(-1))])
    first, last = begins[np.minimum(ends[:-1], len(begins) - 1)], begins[ends[1:] - 1]
    return np.where(ends[1:] > ends[:-1], last - first + 1, 1)
