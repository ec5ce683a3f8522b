"""Exact target attention over the behaviours that were chosen."""

from __future__ import annotations

import tensorflow as tf

from models.layers.linear import products, softmax, times_of_heads
from models.layers.relevance import relevance
from models.layers.visibility import attention_mask_bias


def pool(weights: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Returns weighted sums of behaviours.

    Args:
      weights: [B, T, H, L] or [B, T, H, K].
      rows: [B, L, D] or [B, T, K, D].

    Returns:
      [B, T, H, D].
    """
    if rows.shape.rank == 4:
        return products(weights, rows)
    shape = tf.shape(weights)
    flat = tf.reshape(weights, [shape[0], shape[1] * shape[2], shape[3]])
    return tf.reshape(products(flat, rows), [shape[0], shape[1], shape[2], rows.shape[-1]])


@tf.keras.utils.register_keras_serializable("everlong")
class TargetAttention(tf.keras.layers.Layer):
    """Multi-head attention of a target over chosen behaviours (TWIN's exact search unit).

    `head_h = Softmax(alpha_h)^T K W_v`, concatenated, times `W_o` (TWIN, arXiv 2302.02352,
    equations 6 and 7), `alpha` as `TargetRelevance` gives it. Behaviours are pooled before they are
    projected, `(Softmax(alpha)^T K) W_v`, which is the same and touches each behaviour once.

    Args:
      num_heads: int, H.
      width: int, D of a behaviour's row.
      head_dim: int, width of one head's value.
      units: int, width of the result.
    Call arguments:
      queries: [B, T, H, D] float, from `TargetRelevance`.
      rows: [B, L, D] or [B, T, K, D] float.
      mask: [B, T, L] or [B, T, K] bool.
      keys: None, or like `rows`: what relevance is computed on where not on `rows` themselves.
      bias: None, or float [B, T, H, L] or [B, T, H, K], added to the relevance.
    Returns:
      [B, T, units] float; W_o's bias alone where nothing was chosen.
    """

    def __init__(self, num_heads: int, width: int, head_dim: int, units: int, **kwargs):
        super().__init__(**kwargs)
        self.num_heads, self.width, self.head_dim, self.units = num_heads, width, head_dim, units
        limit = (6 / (width + head_dim)) ** 0.5  # Glorot's, of each head
        self.value_kernel = self.add_weight(
            name="value_kernel",
            shape=[num_heads, width, head_dim],
            initializer=tf.keras.initializers.RandomUniform(-limit, limit),
        )
        self.output_layer = tf.keras.layers.Dense(units, name="output")

    def call(self, queries, rows, mask, keys=None, bias=None):
        scores = relevance(queries, rows if keys is None else keys)
        if bias is not None:
            scores += bias
        some = tf.cast(tf.reduce_any(mask, -1), scores.dtype)[:, :, None, None]
        weights = softmax(scores + attention_mask_bias(mask, scores.dtype)[:, :, None])
        pooled = pool(weights, rows) * some
        shape = tf.shape(pooled)
        pooled = tf.reshape(pooled, [-1, self.num_heads, self.width])
        values = times_of_heads(pooled, self.value_kernel)
        found = self.output_layer(tf.reshape(values, [-1, self.num_heads * self.head_dim]))
        return tf.reshape(found, [shape[0], shape[1], self.units])

    def get_config(self):
        return super().get_config() | {
            "num_heads": self.num_heads,
            "width": self.width,
            "head_dim": self.head_dim,
            "units": self.units,
        }
