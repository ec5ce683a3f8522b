"""TWIN's compression of cross features to one scalar each."""

from __future__ import annotations

import tensorflow as tf

from models.layers.linear import times


@tf.keras.utils.register_keras_serializable("everlong")
class CrossFeatureBias(tf.keras.layers.Layer):
    """Turns a behaviour's cross features into a bias of its relevance, the same for every target.

    `(K_c W_c) beta`: `W_c` compresses each of the J cross features to one scalar per head, `beta`
    weighs the J scalars (TWIN, arXiv 2302.02352, equation 5). Both are linear, so they are absorbed
    into one vector per head, which relevance appends to its query (see `TargetRelevance`).

    Args:
      num_heads: int, H > 0.
      features: int, J >= 0.
    """

    def __init__(self, num_heads: int, features: int, **kwargs):
        super().__init__(**kwargs)
        self.num_heads, self.features = num_heads, features

    def build(self, input_shape):
        width = input_shape[-1] // max(self.features, 1)
        self.compress = self.add_weight(
            name="compress",
            shape=[self.num_heads, self.features, width],
            initializer="glorot_uniform",
        )
        self.beta = self.add_weight(
            name="beta", shape=[self.num_heads, self.features, 1], initializer="ones"
        )
        super().build(input_shape)

    def absorbed(self) -> tf.Tensor:
        """Returns the vector c with `call(x) == x c^T`, [H, J * width]."""
        return tf.reshape(self.compress * self.beta, [self.num_heads, -1])

    def call(self, cross: tf.Tensor) -> tf.Tensor:
        """Returns the bias [..., H] of cross features [..., J * width]."""
        return times(cross, tf.transpose(self.absorbed()))

    def get_config(self):
        return super().get_config() | {"num_heads": self.num_heads, "features": self.features}
