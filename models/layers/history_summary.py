"""What a history says as a whole."""

from __future__ import annotations

import tensorflow as tf

from models.layers.visibility import Window

KNOTS = 24  # lengths to 2^23; longer ones have no knot to go by


@tf.keras.utils.register_keras_serializable("everlong")
class HistorySummary(tf.keras.layers.Layer):
    """How long the visible history is, and the mean of its behaviours, whatever the target.

    An attention's weights sum to 1: it cannot tell 5 behaviours from 5,000, and how often a user
    clicked or how well rated on the whole is only what is left of it once a target has chosen. The
    length has `units` numbers, each piecewise linear in its logarithm, so that neighbours
    share what they learn.

    Args:
      units: int, numbers that a length becomes.
    Call arguments:
      rows: [B, L, D] float, behaviours, newest first; D may be 0.
      window: of each target [B, T], that reaches to the oldest behaviour, as a visible history
        does.
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

    def call(self, rows: tf.Tensor, window: Window) -> tf.Tensor:
        size = tf.cast(window.size, tf.float32)[..., None]
        place = tf.math.log1p(size) / tf.math.log(2.0)
        near = tf.nn.relu(1 - tf.abs(place - tf.range(KNOTS, dtype=tf.float32)))
        length = tf.matmul(tf.cast(near, self.compute_dtype), self.kernel)
        # Sums that begin with the oldest: a target's is one of them, and no difference of two.
        sums = tf.cumsum(tf.cast(rows, tf.float32), 1, reverse=True)
        sums = tf.gather(tf.pad(sums, [[0, 0], [0, 1], [0, 0]]), window.first, batch_dims=1)
        mean = sums / tf.maximum(size, 1)
        return tf.concat([length, tf.cast(mean, length.dtype)], -1)

    def get_config(self):
        return super().get_config() | {"units": self.units}
