"""Where a behaviour lies as seen from a target."""

from __future__ import annotations

import tensorflow as tf


def log_buckets(values: tf.Tensor, buckets: int) -> tf.Tensor:
    """Returns `min(floor(log2(1 + value)), buckets - 1)`, int32; negative values count as 0."""
    values = tf.cast(tf.maximum(values, 0), tf.float32)
    # A relative nudge keeps exact powers of two from falling below their bucket by rounding.
    exponent = tf.math.log1p(values) * (1.0000001 / 0.6931471805599453)
    return tf.minimum(tf.cast(exponent, tf.int32), buckets - 1)


@tf.keras.utils.register_keras_serializable("everlong")
class TargetPositionEncoding(tf.keras.layers.Layer):
    """Encodes how far before the target a behaviour happened, in behaviours and in time.

    `p = P[bucket(distance)] + G[bucket(gap)]`: position index = distance to the target (MIRRN, arXiv
    2411.15005, target-aware position encoding). Deviates from the paper, whose index is the distance
    itself, in that distances fall into logarithmic buckets, since they reach 10^5 here, and in that
    the time gap is encoded beside them.

    Args:
      units: int, width of the encoding: D to add to behaviours, H to bias attention heads.
      buckets: int, rows of each table; one per doubling.
    Call arguments:
      distance: [...] int, behaviours between behaviour and target; 0 is the newest visible one.
      gap: [...] int, target's time less behaviour's time.
    Returns:
      [..., units] float.
    """

    def __init__(self, units: int, buckets: int = 32, **kwargs):
        super().__init__(**kwargs)
        self.units, self.buckets = units, buckets
        self.distance_table = self.add_weight(
            name="distance", shape=[buckets, units], initializer="zeros"
        )
        self.gap_table = self.add_weight(name="gap", shape=[buckets, units], initializer="zeros")

    def call(self, distance: tf.Tensor, gap: tf.Tensor) -> tf.Tensor:
        return tf.gather(self.distance_table, log_buckets(distance, self.buckets)) + tf.gather(
            self.gap_table, log_buckets(gap, self.buckets)
        )

    def get_config(self):
        return super().get_config() | {"units": self.units, "buckets": self.buckets}
