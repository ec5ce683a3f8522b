"""Multi-head self-attention over a retrieved subsequence."""

from __future__ import annotations

import tensorflow as tf

from models.layers.linear import times
from models.layers.normalized_mean import mean_of_layer_norm
from models.layers.subsequence import Subsequence
from models.layers.visibility import attention_mask_bias


@tf.keras.utils.register_keras_serializable("everlong")
class SelfAttention(tf.keras.layers.Layer):
    """The mean over K of what self-attention makes of a retrieved subsequence.

    `y = LayerNorm(x + sum_h dropout(Softmax((x W_q)(x W_k)^T / sqrt(d))) x W_v W_o)`, `W_h` of each
    head h (Vaswani et al., arXiv 1706.03762): what MIRRN (arXiv 2411.15005) compares its Fourier
    transformer with. Invalid positions are neither attended to nor averaged.

    Deviates from the Transformer's block in that kernels have no bias, as in `InterestFusion`, and
    in that there is no feed-forward network after it.

    A user's behaviours are projected once and gathered for every target then, so that products of
    all B * T * K rows are left for the attention itself and for W_o alone. One head at a time: no
    tensor is transposed, and those of a head fit in a cache.

    Args:
      num_heads: int, H > 0.
      width: int, D.
      dropout: float, 0 <= dropout < 1, of attention weights.
    Call arguments:
      behaviors: of [B, T, K].
    Returns:
      [B, T, D] float; 0 where nothing is valid.
    """

    def __init__(
        self, num_heads: int, width: int, dropout: float = 0.0, epsilon: float = 1e-6, **kwargs
    ):
        super().__init__(**kwargs)
        self.num_heads, self.width, self.dropout, self.epsilon = num_heads, width, dropout, epsilon
        self.head_dim = -(-width // num_heads)
        limit = (6 / (width + num_heads * self.head_dim)) ** 0.5  # Glorot's, of all heads together
        shapes = {name: [num_heads, width, self.head_dim] for name in ("query", "key", "value")}
        shapes["output"] = [num_heads, self.head_dim, width]
        self.query_kernel, self.key_kernel, self.value_kernel, self.output_kernel = (
            self.add_weight(
                name=f"{name}_kernel",
                shape=shape,
                initializer=tf.keras.initializers.RandomUniform(-limit, limit),
            )
            for name, shape in shapes.items()
        )
        self.scale = self.add_weight(name="scale", shape=[width], initializer="ones")
        self.offset = self.add_weight(name="offset", shape=[width], initializer="zeros")
        self.dropout_layer = tf.keras.layers.Dropout(dropout, dtype=self.dtype_policy)

    def call(self, behaviors: Subsequence, training: bool = False) -> tf.Tensor:
        # Takes the mean out of a row: what LayerNorm does first, at no cost before the gather.
        center = tf.eye(self.width, dtype=self.compute_dtype) - 1 / self.width
        output = tf.matmul(tf.reshape(self.output_kernel, [-1, self.width]), center)
        means = []
        for part in behaviors.parts():
            mixed = times(self._attended(part, training), output)
            shape = tf.concat([tf.shape(part.valid), [self.width]], 0)
            x = part.times(center, tf.reshape(mixed, shape))
            means.append(mean_of_layer_norm(x, part.valid, self.scale, self.offset, self.epsilon))
        return tf.concat(means, 0)

    def _attended(self, behaviors: Subsequence, training: bool) -> tf.Tensor:
        """Returns what each head attends to, [B * T, K, H * d]."""
        steps = behaviors.valid.shape[-1]
        valid = tf.reshape(behaviors.valid, [-1, 1, steps])
        bias = attention_mask_bias(valid, tf.as_dtype(self.compute_dtype))
        kernels = self.query_kernel * self.head_dim**-0.5, self.key_kernel, self.value_kernel
        heads = []
        for of_head in zip(*map(tf.unstack, kernels), strict=True):
            query, key, value = (
                tf.reshape(behaviors.times(kernel), [-1, steps, self.head_dim])
                for kernel in of_head
            )
            weights = tf.nn.softmax(tf.matmul(query, key, transpose_b=True) + bias)
            heads.append(tf.matmul(self.dropout_layer(weights, training=training), value))
        return tf.concat(heads, -1)

    def get_config(self):
        return super().get_config() | {
            "num_heads": self.num_heads,
            "width": self.width,
            "dropout": self.dropout,
            "epsilon": self.epsilon,
        }
