"""Sparse gradients: rows of a table, in which a batch may name the same row many times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import tensorflow as tf

Gradient: TypeAlias = tf.Tensor | tf.IndexedSlices


def sum_duplicates(gradient: tf.IndexedSlices) -> tf.IndexedSlices:
    """Returns the same gradient with each row named once, its values summed.

    Any rule that is not linear in the gradient needs this: Adam's second moment is (sum g)^2.
    """
    rows, positions = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, positions, tf.shape(rows)[0])
    return tf.IndexedSlices(values, rows, gradient.dense_shape)


def touched(gradient: tf.IndexedSlices) -> tf.Tensor:
    """Returns which of the named rows have any gradient, [n, 1] bool.

    Attention under a mask names all of a user's behaviours, and gives exactly 0 to the unchosen.
    """
    return tf.reduce_any(gradient.values != 0, -1, keepdims=True)


def clip_by_global_norm(gradients: Sequence[Gradient | None], norm: float) -> list[Gradient | None]:
    """Scales all gradients by one factor so that their joint L2 norm is at most `norm`.

    Duplicate rows are summed first, for the norm is that of the whole gradient.

    Args:
      gradients: dense or sparse; None is passed on.
      norm: positive.
    """
    summed = [sum_duplicates(g) if isinstance(g, tf.IndexedSlices) else g for g in gradients]
    return tf.clip_by_global_norm(summed, norm)[0]
