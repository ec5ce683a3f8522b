"""SDIM's pooling by hash collisions."""

from __future__ import annotations

import tensorflow as tf


@tf.keras.utils.register_keras_serializable("everlong")
class HashCollisionPooling(tf.keras.layers.Layer):
    """Averages over signatures the behaviours that share the target's signature.

    `SDIM(q) = 1/G sum_g l2( sum_j [sig_g(s_j) = sig_g(q)] s_j )`: the m SimHash signs form G = m /
    tau signatures of tau bits (SDIM, arXiv 2205.10249, equations 9 to 11).

    Args:
      signature_bits: int, tau; must divide m.
    Call arguments:
      queries: [B, T, m] float, +1 or -1.
      keys: [B, L, m] float, +1 or -1.
      rows: [B, L, D] float, what is pooled.
      visible: [B, T, L] bool.
    Returns:
      [B, T, D] float; zeros where nothing collides.
    """

    def __init__(self, signature_bits: int, **kwargs):
        super().__init__(**kwargs)
        self.signature_bits = signature_bits

    def call(self, queries, keys, rows, visible):
        groups = queries.shape[-1] // self.signature_bits
        pooled = 0
        for group in range(groups):
            columns = slice(group * self.signature_bits, (group + 1) * self.signature_bits)
            same = tf.matmul(queries[..., columns], keys[..., columns], transpose_b=True)
            collides = visible & (same > self.signature_bits - 1)
            total = tf.matmul(tf.cast(collides, rows.dtype), rows)
            pooled += tf.math.l2_normalize(total, -1)
        return pooled / groups

    def get_config(self):
        return super().get_config() | {"signature_bits": self.signature_bits}
