"""Layer normalisation and a masked mean in one."""

from __future__ import annotations

import tensorflow as tf

from models.layers.xla_jit import xla_jit


def mean_of_layer_norm(
    x: tf.Tensor, valid: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, epsilon: float
) -> tf.Tensor:
    """Returns the mean over valid K of `LayerNorm(x)`, 0 where nothing is valid.

    Args:
      x: [B, T, K, D] float, rows with the mean taken out.
      valid: [B, T, K] bool.
      scale, offset: [D] float.
      epsilon: float.

    Returns:
      [B, T, D].
    """
    shape = tf.shape(x)
    weights = tf.cast(valid, x.dtype)
    weights /= tf.maximum(tf.reduce_sum(weights, -1, keepdims=True), 1)
    mean = normalized_mean(
        tf.reshape(x, [-1, *x.shape[2:]]), tf.reshape(weights, [-1, valid.shape[-1]]), epsilon
    )
    mean = tf.reshape(mean, [shape[0], shape[1], shape[3]])
    return mean * scale + offset * tf.reduce_sum(weights, -1, keepdims=True)


def normalized_mean(x: tf.Tensor, weights: tf.Tensor, epsilon: float) -> tf.Tensor:
    """Returns `sum_k weights_k x_k / sqrt(mean(x_k^2) + epsilon)`: of centred rows, LayerNorm's.

    The normalised [N, K, D] tensor is never formed: the sum is `r^T x`, with `r_k = weights_k /
    sqrt(mean(x_k^2) + epsilon)`; and the gradient is one pass over `x`, fused by XLA.

    Args:
      x: [N, K, D] float.
      weights: [N, K] float; no gradient passes to them.
      epsilon: float.

    Returns:
      [N, D].
    """

    @tf.custom_gradient
    def forward(x):
        inverse = tf.math.rsqrt(tf.reduce_mean(tf.square(x), -1) + epsilon)
        scale = weights * inverse

        def gradient(upstream):
            along = tf.matmul(x, upstream[:, :, None])[:, :, 0]
            return _spread(x, upstream, scale, scale * inverse**2 * along / x.shape[-1])

        return tf.matmul(scale[:, None, :], x)[:, 0], gradient

    return forward(x)


@xla_jit
def _spread(x, upstream, scale, slope):
    return scale[:, :, None] * upstream[:, None, :] - slope[:, :, None] * x
