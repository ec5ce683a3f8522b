"""What a history says as a whole."""

from __future__ import annotations

import tensorflow as tf

from models.layers.linear import times

KNOTS = 24  # lengths to 2^23


@tf.keras.utils.register_keras_serializable("everlong")
class HistorySummary(tf.keras.layers.Layer):
    """How long the visible history is, and the mean of what a user did last, whatever the target.

    An attention's weights sum to 1: it cannot tell 5 behaviours from 5,000, and how often a user
    clicked or how well rated on the whole is only what is left of it once a target has chosen. A
    length becomes `units` numbers, each piecewise linear in its logarithm, so that neighbours share
    what they learn.

    Args:
      units: int, numbers that a length becomes.
    Call arguments:
      size: int [B, T], behaviours that a target sees.
      rows: [B, L, D] float, behaviours, or [B, T, N, D], those of each target; None: a length is
        all.
      mask: bool [B, T, L] or [B, T, N], which of them the mean is of.
    Returns:
      [B, T, units + D] float; a mean of nothing is 0.
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.kernel = self.add_weight(
            name="kernel",
            shape=[KNOTS, units],
            initializer=tf.keras.initializers.RandomNormal(stddev=0.05),
        )

    def call(self, size: tf.Tensor, rows: tf.Tensor | None, mask: tf.Tensor) -> tf.Tensor:
        place = tf.math.log1p(tf.cast(size, tf.float32)) / tf.math.log(2.0)
        near = tf.nn.relu(1 - tf.abs(place[..., None] - tf.range(KNOTS, dtype=tf.float32)))
        length = times(tf.cast(near, self.compute_dtype), self.kernel)
        if rows is None:
            return length
        weights = tf.cast(mask, rows.dtype)
        weights /= tf.maximum(tf.reduce_sum(weights, -1, keepdims=True), 1)
        if rows.shape.rank == 3:
            mean = tf.matmul(weights, rows)
        else:  # a product of a batch of so small matrices takes many times as long
            mean = tf.reduce_sum(weights[..., None] * rows, 2)
        return tf.concat([length, mean], -1)

    def get_config(self):
        return super().get_config() | {"units": self.units}
