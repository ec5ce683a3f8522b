"""Where a behaviour lies as seen from a target."""

from __future__ import annotations

import tensorflow as tf

from models.layers.linear import times
from models.layers.xla_jit import xla_jit

BASIS = 4  # functions of distance and gap that an encoding combines


@xla_jit
def position_basis(distance: tf.Tensor, gap: tf.Tensor) -> tf.Tensor:
    """Returns `[u, u^2, v, v^2]`, `u` and `v` the logarithms of distance and gap, about 0 to 1.

    Args:
      distance: int [...], behaviours between behaviour and target.
      gap: int [...], time between them.

    Returns:
      float32 [..., 4]; 0 where both are 0.
    """
    u = tf.math.log1p(tf.cast(tf.maximum(distance, 0), tf.float32)) / 10
    v = tf.math.log1p(tf.cast(tf.maximum(gap, 0), tf.float32)) / 20
    return tf.stack([u, u * u, v, v * v], -1)


@tf.keras.utils.register_keras_serializable("everlong")
class TargetPositionEncoding(tf.keras.layers.Layer):
    """Encodes how far before the target a behaviour happened, in behaviours and in time.

    `p = phi(distance, gap) W`, where `phi` holds the logarithms of both and their squares (MIRRN,
    arXiv 2411.15005, target-aware position encoding). Deviates from the paper's table of one row
    per distance: distances reach 10^5 here, logarithms let all of them share what they learn, and
    being linear in 4 numbers the encoding passes through further linear layers at no cost.

    Args:
      units: int, width of the encoding: D to add to behaviours, H to bias attention heads.
    Call arguments:
      distance: int [...], behaviours between behaviour and target; 0 is the newest visible one.
      gap: int [...], target's time less behaviour's time.
    Returns:
      [..., units] float.
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.kernel = self.add_weight(name="kernel", shape=[BASIS, units], initializer="zeros")

    def call(self, distance: tf.Tensor, gap: tf.Tensor) -> tf.Tensor:
        return times(*self.factors(distance, gap))

    def factors(self, distance: tf.Tensor, gap: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns `phi` [..., 4] and `W` [4, units], whose product the encoding is."""
        return tf.cast(position_basis(distance, gap), self.compute_dtype), self.kernel

    def get_config(self):
        return super().get_config() | {"units": self.units}
