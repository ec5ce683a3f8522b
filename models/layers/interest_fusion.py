"""Fuses several interest vectors into one."""

from __future__ import annotations

import tensorflow as tf


@tf.keras.utils.register_keras_serializable("everlong")
class InterestFusion(tf.keras.layers.Layer):
    """Multi-head target attention over G interest vectors (MIRRN, arXiv 2411.15005).

    `head_h = Softmax((q W_q)(I W_k)^T / sqrt(d)) I W_v`, concatenated, times `W_o`.

    Args:
      heads: int, H > 0.
      units: int, width of the result; H must divide it.
    Call arguments:
      target: [B, T, Dq] float.
      interests: [B, T, G, D] float.
    Returns:
      [B, T, units] float.
    Raises:
      ValueError: if `heads` does not divide `units`.
    """

    def __init__(self, heads: int, units: int, **kwargs):
        super().__init__(**kwargs)
        if units % heads:
            raise ValueError(f"`heads` must divide `units`, {units}. Received: {heads}")
        self.heads, self.units = heads, units
        self.query, self.key, self.value, self.output_layer = (
            tf.keras.layers.Dense(units, use_bias=False, name=name)
            for name in ("query", "key", "value", "output")
        )

    def call(self, target: tf.Tensor, interests: tf.Tensor) -> tf.Tensor:
        head_dim = self.units // self.heads
        shape = tf.shape(interests)
        lead = [shape[0], shape[1], shape[2], self.heads, head_dim]
        query = tf.reshape(self.query(target), [shape[0], shape[1], 1, self.heads, head_dim])
        key = tf.reshape(self.key(interests), lead)
        value = tf.reshape(self.value(interests), lead)
        scores = tf.reduce_sum(query * key, -1, keepdims=True) * head_dim**-0.5
        fused = tf.reduce_sum(tf.nn.softmax(scores, axis=2) * value, 2)
        return self.output_layer(tf.reshape(fused, [shape[0], shape[1], self.units]))

    def get_config(self):
        return super().get_config() | {"heads": self.heads, "units": self.units}
