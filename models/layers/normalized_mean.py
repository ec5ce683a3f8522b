"""Layer normalisation and a masked mean in one."""

from __future__ import annotations

import tensorflow as tf

from models.layers.fused import fused


def normalized_mean(x: tf.Tensor, weights: tf.Tensor, epsilon: float) -> tf.Tensor:
    """Returns `sum_k weights_k (x_k - mean(x_k)) / sqrt(variance(x_k) + epsilon)`.

    The normalised [N, K, D] tensor is never formed: the sum is `r^T x - r^T mean`, with `r_k =
    weights_k / sqrt(variance + epsilon)`; and the gradient is one pass over `x`, fused by XLA.

    Args:
      x: [N, K, D] float.
      weights: [N, K] float; no gradient passes to them.
      epsilon: float.

    Returns:
      [N, D].
    """

    @tf.custom_gradient
    def forward(x):
        mean = tf.reduce_mean(x, -1)
        variance = tf.reduce_mean(tf.square(x), -1) - mean**2
        inverse = tf.math.rsqrt(tf.maximum(variance, 0) + epsilon)
        scale = weights * inverse
        total = tf.matmul(scale[:, None, :], x)[:, 0]

        def gradient(upstream):
            return _gradient(x, upstream, scale, scale * inverse**2, mean)

        return total - tf.reduce_sum(scale * mean, -1, keepdims=True), gradient

    return forward(x)


@fused
def _spread(x, upstream, scale, slope, shift):
    return scale[:, :, None] * upstream[:, None, :] - slope[:, :, None] * x + shift[:, :, None]


def _gradient(x, upstream, scale, cubed, mean):
    # d/dx_k of scale_k (x_k - mean_k) . u: centre u, then take out its part along x_k - mean_k.
    width = x.shape[-1]
    along = tf.matmul(x, upstream[:, :, None])[:, :, 0]
    total = tf.reduce_sum(upstream, -1, keepdims=True)
    slope = cubed * (along - mean * total) / width
    return _spread(x, upstream, scale, slope, slope * mean - scale * total / width)
