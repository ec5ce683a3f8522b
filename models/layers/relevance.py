"""TWIN's relevance of a behaviour to a target, with everything absorbed into the query."""

from __future__ import annotations

import tensorflow as tf

from models.layers.cross_feature_bias import CrossFeatureBias
from models.layers.length_modulation import LengthModulation
from models.layers.linear import products, times_of_heads


def relevance(queries: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Returns the inner products of queries with behaviours.

    Args:
      queries: [B, T, H, D].
      rows: [B, L, D], a user's behaviours, or [B, T, K, D], those chosen for each target.

    Returns:
      [B, T, H, L] or [B, T, H, K].
    """
    if rows.shape.rank == 4:
        return products(queries, rows, transpose_b=True)
    shape = tf.shape(queries)
    flat = tf.reshape(queries, [shape[0], shape[1] * shape[2], queries.shape[-1]])
    return tf.reshape(
        products(flat, rows, transpose_b=True), [shape[0], shape[1], shape[2], tf.shape(rows)[1]]
    )


# Of embeddings drawn from N(0, 0.05^2), as `BehaviorEmbedding`'s, a row's relevance to itself then
# starts near 2.5 and to an unrelated row near 0 +- 0.6, whatever the width of a head near 16.
_GAIN = 16.0


def _similarity(shape: tuple[int, int, int], dtype: tf.DType | None = None) -> tf.Tensor:
    """Kernels with which head h compares its own slice of two rows: [H, d, Dq] of an identity.

    Two kernels drawn at random would rank behaviours at random, and a search through thousands
    would hardly ever show the attention what it could learn from.
    """
    num_heads, head_dim, width = shape
    rows = tf.eye(num_heads * head_dim, width, dtype=dtype or tf.float32)
    return _GAIN * tf.reshape(rows, shape)


@tf.keras.utils.register_keras_serializable("everlong")
class TargetRelevance(tf.keras.layers.Layer):
    """Makes of each target the query vectors whose inner product with a behaviour is its relevance.

    `alpha = (K_h W_h)(q W_q)^T / sqrt(d) + (K_c W_c) beta` per head (TWIN, arXiv 2302.02352,
    equation 5). Relevance is linear in the behaviour `[K_h, K_c]`, so instead of projecting L
    behaviours, the projection is absorbed into the query, exactly:
    `alpha = [K_h, K_c] . [W_h (W_q^T q) / sqrt(d), W_c beta]`.

    Deviates from the paper, which does not say how `W_h` and `W_q` start, in starting both as one
    scaled identity: the search begins with similar items instead of random ones.

    Args:
      num_heads: int, H > 0.
      features: int, J, number of cross features in a behaviour's row.
      cross_dim: int, width of each.
      projection: bool; False keeps `W_h` and `W_q` as they start: relevance is the product of head
        h's slices of target and behaviour, at that one temperature.
      length_modulation: bool, whether queries depend on how much history there is
        (`LengthModulation`).
    Call arguments:
      target: [B, T, Dq] float; the first Dq columns of a behaviour's row align with it.
      size: int [B, T], behaviours that a target sees; read where `length_modulation` is.
    Returns:
      [B, T, H, Dq + J * cross_dim] float.
    Raises:
      ValueError: if `projection` is False and `num_heads` does not divide Dq.
    """

    def __init__(
        self,
        num_heads: int,
        features: int,
        cross_dim: int,
        projection: bool = True,
        length_modulation: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads, self.features, self.cross_dim = num_heads, features, cross_dim
        self.projection = projection
        self.length_modulation = length_modulation
        self.bias = CrossFeatureBias(num_heads, features) if features else None

    def build(self, input_shape):
        width = input_shape[-1]
        self.head_dim = -(-width // self.num_heads)
        if not self.projection and width % self.num_heads:
            raise ValueError(
                f"`num_heads` must divide the width of a target, {width}, where `projection` is "
                f"False. Received: {self.num_heads}"
            )
        if self.projection:
            self.query_kernel, self.key_kernel = (
                self.add_weight(
                    name=name,
                    shape=[self.num_heads, self.head_dim, width],
                    initializer=_similarity,
                )
                for name in ("query_kernel", "key_kernel")
            )
        self.modulation = LengthModulation(width) if self.length_modulation else None
        if self.bias is not None:
            self.bias.build([self.features * self.cross_dim])
        super().build(input_shape)

    def call(self, target: tf.Tensor, size: tf.Tensor | None = None) -> tf.Tensor:
        shape = tf.shape(target)
        width = target.shape[-1]
        temperature = None
        if self.modulation is not None:
            added, temperature = self.modulation(size)
            target += added
        rows = tf.reshape(target, [-1, width])
        if self.projection:
            query = self._projected(rows)
        else:
            head = tf.range(width) // self.head_dim
            own = tf.cast(head == tf.range(self.num_heads)[:, None], rows.dtype)  # [H, Dq]
            query = _GAIN**2 * rows[:, None, :] * own
        query = query * self.head_dim**-0.5
        if self.bias is not None:
            cross = tf.cast(self.bias.absorbed(), query.dtype)
            cross = tf.broadcast_to(cross, [tf.shape(query)[0], *cross.shape])
            query = tf.concat([query, cross], -1)
        query = tf.reshape(query, [shape[0], shape[1], self.num_heads, query.shape[-1]])
        return query if temperature is None else query / temperature[..., None]

    def _projected(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns `W_h (W_q^T q)` of targets [N, Dq], [N, H, Dq]."""
        if rows.shape[0] not in (None, 1):
            query = tf.matmul(rows, self.query_kernel, transpose_b=True)  # [H, N, d]
            return tf.transpose(tf.matmul(query, self.key_kernel), [1, 0, 2])
        kernel = tf.reshape(self.query_kernel, [-1, rows.shape[-1]])
        query = tf.reshape(
            tf.matmul(rows, kernel, transpose_b=True), [-1, *self.query_kernel.shape[:2]]
        )
        return times_of_heads(query, self.key_kernel)

    def get_config(self):
        return super().get_config() | {
            "num_heads": self.num_heads,
            "features": self.features,
            "cross_dim": self.cross_dim,
            "projection": self.projection,
            "length_modulation": self.length_modulation,
        }
