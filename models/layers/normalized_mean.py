"""Layer normalisation and a masked mean in one."""

from __future__ import annotations

import tensorflow as tf

from models.layers.xla_jit import in_xla, xla_jit

LANES = 8  # float32 that a CPU adds at once


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
    sqrt(mean(x_k^2) + epsilon)`. XLA fuses it, and its gradient, to a pass or two over `x`.

    Args:
      x: [N, K, D] float.
      weights: [N, K] float; no gradient passes to them.
      epsilon: float.

    Returns:
      [N, D].
    """

    @tf.custom_gradient
    def forward(x):
        mean, scale, slope = _normalized_mean(x, weights, tf.constant(epsilon, x.dtype))
        return mean, lambda upstream: _spread(x, upstream, scale, slope)

    return forward(x)


@xla_jit
def _normalized_mean(x, weights, epsilon):
    inverse = tf.math.rsqrt(_sum(tf.square(x)) / x.shape[-1] + epsilon)
    scale = weights * inverse
    return tf.reduce_sum(scale[..., None] * x, 1), scale, scale * inverse**2 / x.shape[-1]


@xla_jit
def _spread(x, upstream, scale, slope):
    upstream = upstream[:, None, :]
    return scale[..., None] * upstream - (slope * _sum(x * upstream))[..., None] * x


def _sum(x: tf.Tensor) -> tf.Tensor:
    """Returns the sums over the last axis.

    Written out by lanes for XLA, which on CPU does not vectorize a sum along the last axis.
    """
    width = x.shape[-1]
    if not in_xla() or width % LANES:
        return tf.reduce_sum(x, -1)
    return tf.reduce_sum(tf.add_n([x[..., i : i + LANES] for i in range(0, width, LANES)]), -1)
