"""Fuses several interest vectors into one."""

from __future__ import annotations

import tensorflow as tf

from models.layers.linear import times


@tf.keras.utils.register_keras_serializable("everlong")
class InterestFusion(tf.keras.layers.Layer):
    """Multi-head target attention over G interest vectors (MIRRN, arXiv 2411.15005).

    `head_h = Softmax((q W_q)(I W_k)^T / sqrt(d)) I W_v`, concatenated, times `W_o`.

    Deviates from the paper in that each of the G interests has a W_k and a W_v of its own: with
    shared ones, nothing tells the target which query an interest is from.

    Args:
      num_heads: int, H > 0.
      count: int, G.
      width: int, D of an interest.
      units: int, width of the result; H must divide it.
    Call arguments:
      target: [B, T, Dq] float.
      interests: [B, T, G, D] float.
    Returns:
      [B, T, units] float.
    Raises:
      ValueError: if `num_heads` does not divide `units`.
    """

    def __init__(self, num_heads: int, count: int, width: int, units: int, **kwargs):
        super().__init__(**kwargs)
        if units % num_heads:
            raise ValueError(f"`num_heads` must divide `units`, {units}. Received: {num_heads}")
        self.num_heads, self.count, self.width, self.units = num_heads, count, width, units
        self.query, self.output_layer = (
            tf.keras.layers.Dense(units, use_bias=False, name=name) for name in ("query", "output")
        )
        limit = (6 / (width + units)) ** 0.5  # Glorot's, of each interest
        self.key_kernel, self.value_kernel = (
            self.add_weight(
                name=name,
                shape=[count, width, units],
                initializer=tf.keras.initializers.RandomUniform(-limit, limit),
            )
            for name in ("key_kernel", "value_kernel")
        )

    def call(self, target: tf.Tensor, interests: tf.Tensor) -> tf.Tensor:
        head_dim = self.units // self.num_heads
        shape = tf.shape(interests)
        lead = [shape[0], shape[1], self.count, self.num_heads, head_dim]
        query = tf.reshape(self.query(target), [shape[0], shape[1], 1, self.num_heads, head_dim])
        # One product for each interest: batched, they would be transposed there and back.
        kernels = tf.unstack(tf.concat([self.key_kernel, self.value_kernel], -1))
        pairs = zip(tf.unstack(interests, axis=2), kernels, strict=True)
        projected = tf.stack([times(interest, kernel) for interest, kernel in pairs], 2)
        key, value = (tf.reshape(x, lead) for x in tf.split(projected, 2, -1))
        scores = tf.reduce_sum(query * key, -1, keepdims=True) * head_dim**-0.5
        fused = tf.reduce_sum(tf.nn.softmax(scores, axis=2) * value, 2)
        return self.output_layer(tf.reshape(fused, [shape[0], shape[1], self.units]))

    def get_config(self):
        return super().get_config() | {
            "num_heads": self.num_heads,
            "count": self.count,
            "width": self.width,
            "units": self.units,
        }
