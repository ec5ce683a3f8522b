"""Layer normalisation and a masked mean in one."""

from __future__ import annotations

import tensorflow as tf

from models.layers.fused import fused


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


@fused
def _spread(x, upstream, scale, slope):
    return scale[:, :, None] * upstream[:, None, :] - slope[:, :, None] * x
