"""Sparse gradients: rows of a table, in which a batch may name the same row many times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import tensorflow as tf

from models.layers.xla_jit import in_plain_graph
from models.masked import kept

Gradient: TypeAlias = tf.Tensor | tf.IndexedSlices


def sum_duplicates(gradient: tf.IndexedSlices) -> tf.IndexedSlices:
    """Returns the same gradient with each row named once, its values summed.

    Any rule that is not linear in the gradient needs this: Adam's second moment is (sum g)^2.
    """
    rows, positions = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, positions, tf.shape(rows)[0])
    return tf.IndexedSlices(values, rows, gradient.dense_shape)


def touched(gradient: tf.IndexedSlices) -> tf.IndexedSlices:
    """Returns the same gradient, to be written to a table, without the rows that are exactly 0.

    Attention under a mask names all of a user's behaviours, and gives exactly 0 to the unchosen.
    """
    values, indices = gradient.values, gradient.indices
    hit = tf.reduce_max(tf.abs(values), -1) > 0
    if in_plain_graph() or tf.executing_eagerly():
        values, indices = tf.cond(
            tf.reduce_all(hit),
            lambda: (values, indices),  # the usual case, which costs nothing
            lambda: tuple(kept(hit, values, indices)),
        )
    else:  # XLA, whose shapes are static, leaves out what is written beyond the table's end
        indices = tf.where(hit, indices, tf.cast(gradient.dense_shape[0], indices.dtype))
    return tf.IndexedSlices(values, indices, gradient.dense_shape)


def clip_by_global_norm(gradients: Sequence[Gradient | None], norm: float) -> list[Gradient | None]:
    """Scales all gradients by one factor so that their joint L2 norm is at most `norm`.

    Duplicate rows are summed first, for the norm is that of the whole gradient.

    Args:
      gradients: dense or sparse; None is passed on.
      norm: positive.
    """
    summed = [sum_duplicates(g) if isinstance(g, tf.IndexedSlices) else g for g in gradients]
    return tf.clip_by_global_norm(summed, norm)[0]
