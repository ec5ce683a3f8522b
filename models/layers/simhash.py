"""SimHash: sign bits of a fixed random projection."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from models.layers.linear import times


@tf.keras.utils.register_keras_serializable("everlong")
class SimHash(tf.keras.layers.Layer):
    """Hashes vectors to m signs, alike where their angle is small.

    `h_i(x) = sign(r_i . x)`, `r_i` drawn once from a normal distribution and never trained, so
    `P(h_i(x) = h_i(y)) = 1 - angle(x, y) / pi` (Charikar 2002; ETA, arXiv 2108.04468; MIRRN, arXiv
    2411.15005). A projection of exactly 0 counts as +1.

    Args:
      width: int, D.
      bits: int, m.
      seed: int, of the projection.
    Call arguments:
      x: [..., D] float.
    Returns:
      [..., m] float, +1 or -1.
    """

    def __init__(self, width: int, bits: int, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.width, self.bits, self.seed = width, bits, seed
        directions = np.random.default_rng(seed).standard_normal([width, bits])
        self.projection = self.add_weight(
            name="projection",
            shape=directions.shape,
            initializer=tf.keras.initializers.Constant(directions.astype(np.float32)),
            trainable=False,
        )

    def project(self, x: tf.Tensor) -> tf.Tensor:
        """Returns `r_i . x`, [..., m]; linear, so a pooled vector is hashed by pooling these.

        Columns of `x` beyond D (a behaviour's cross features) do not count.
        """
        further = x.shape[-1] - self.width
        return times(x, tf.pad(self.projection, [[0, further], [0, 0]]))

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return signs(self.project(x))

    def get_config(self):
        return super().get_config() | {
            "width": self.width,
            "bits": self.bits,
            "seed": self.seed,
        }


def signs(projected: tf.Tensor) -> tf.Tensor:
    """Returns +1 where `projected` >= 0, else -1, of its type."""
    return tf.where(projected >= 0, tf.ones_like(projected), -tf.ones_like(projected))
