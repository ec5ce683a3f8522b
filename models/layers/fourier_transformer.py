"""MIRRN's multi-head Fourier transformer."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from models.layers.linear import times
from models.layers.normalized_mean import mean_of_layer_norm
from models.layers.subsequence import Subsequence, even_first

MIXES = ("block", "diagonal")


@tf.keras.utils.register_keras_serializable("everlong")
class FourierTransformer(tf.keras.layers.Layer):
    """Mixes a retrieved subsequence over time in the frequency domain.

    `y = LayerNorm(x + dropout(irfft(rfft(x) . W)))`, one complex [D/H, D/H] matrix `W_h` per head
    (MIRRN, arXiv 2411.15005, multi-head Fourier transformer). Transforms are orthonormal, over the
    K axis; `W` is the same at every frequency.

    Deviates from the released code, which reads only the diagonals of `W_h` (`mix="diagonal"`) and
    lets padding into the mean; here invalid positions enter as zeros and leave as zeros. `W` starts
    as N(0, .25 H / D), which mixes in about as much as it finds, where the released code has
    N(0, .02^2), next to nothing; LayerNorm's epsilon is 1e-6, where it has 1e-12.

    With `W = A + iB`, `irfft(rfft(x) W) = x A + C(x B)`, where `C = irfft(i rfft(.))`, the discrete
    Hilbert transform, is the only step along K: that is what is computed, by FFT or as a product
    with C's real [K, K] matrix. `mean` gives the mean of `y` over K without forming `y`.

    Args:
      num_heads: int, H > 0; must divide D.
      mix: "block" (as described) or "diagonal" (as released).
      transform: of C: "fft" (`tf.signal.rfft` and `irfft`) or "matmul" (the same numbers, faster
        for K <= 100).
      dropout: float, 0 <= dropout < 1.
    Call arguments:
      behaviors: [B, T, K, D] float, oldest first.
      valid: [B, T, K] bool; False where fewer than K behaviours were found.
    Returns:
      [B, T, K, D] float.
    Raises:
      ValueError: if `num_heads` does not divide D.
    """

    def __init__(
        self,
        num_heads: int,
        mix: str = "block",
        transform: str = "fft",
        dropout: float = 0.0,
        epsilon: float = 1e-6,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if mix not in MIXES:
            raise ValueError(f"`mix` must be one of {MIXES}. Received: {mix!r}")
        if transform not in TRANSFORMS:
            raise ValueError(
                f"`transform` must be one of {tuple(TRANSFORMS)}. Received: {transform!r}"
            )
        self.num_heads, self.mix, self.transform = num_heads, mix, transform
        self.dropout, self.epsilon = dropout, epsilon
        self.dropout_layer = tf.keras.layers.Dropout(dropout)

    def build(self, input_shape):
        width = input_shape[-1]
        if width % self.num_heads:
            raise ValueError(
                f"`num_heads` must divide the width of a behaviour, {width}. "
                f"Received: {self.num_heads}"
            )
        head_dim = width // self.num_heads
        shape = [self.num_heads, head_dim] + ([head_dim] if self.mix == "block" else [])
        self.real, self.imaginary = (
            self.add_weight(
                name=name,
                shape=shape,
                initializer=tf.keras.initializers.RandomNormal(stddev=0.5 * head_dim**-0.5),
            )
            for name in ("real", "imaginary")
        )
        self.scale = self.add_weight(name="scale", shape=[width], initializer="ones")
        self.offset = self.add_weight(name="offset", shape=[width], initializer="zeros")
        super().build(input_shape)

    def call(self, behaviors, valid, training=False):
        present = tf.cast(valid, behaviors.dtype)[..., None]
        behaviors *= present
        x = behaviors + self.dropout_layer(self._mixed(behaviors), training=training)
        mean, variance = tf.nn.moments(x, -1, keepdims=True)
        x = (x - mean) * tf.math.rsqrt(variance + self.epsilon)
        return (x * self.scale + self.offset) * present

    def mean(self, behaviors: Subsequence, training: bool = False) -> tf.Tensor:
        """Returns the mean over valid K of what `call` returns, [B, T, D].

        Args:
          behaviors: oldest first.
          training: bool.
        """
        real, imaginary = self._kernel(self.real), self._kernel(self.imaginary)
        identity = tf.eye(real.shape[0], dtype=real.dtype)
        # Takes the mean out of a row: what LayerNorm does first, at no cost before the gather.
        center = identity - 1 / real.shape[0]
        if training and self.dropout:
            kernels = real, imaginary, center
        else:
            kernels = tf.matmul(identity + real, center), tf.matmul(imaginary, center), None
        if self._in_halves(behaviors.valid.shape[-1]):
            behaviors = behaviors.even_first()  # the mean is that of any order
        parts = behaviors.parts()
        # Traced once for parts of a size, not for each.
        mean = tf.function(self._mean, autograph=False) if len(parts) > 1 else self._mean
        return tf.concat([mean(part, *kernels) for part in parts], 0)

    def _in_halves(self, steps: int) -> bool:
        """Whether half of C's product is left out: for even K, C links even with odd positions."""
        return self.transform == "matmul" and steps % 2 == 0

    def _mean(
        self,
        behaviors: Subsequence,
        kernel: tf.Tensor,
        around: tf.Tensor,
        residual: tf.Tensor | None,
    ) -> tf.Tensor:
        """Returns `mean` of `x = b @ kernel + C(b @ around)`, or `b @ residual + dropout(x)`."""
        if self._in_halves(behaviors.valid.shape[-1]):
            turned = turn_halves(behaviors.swapped().times(around))
        else:
            turned = self.hilbert(behaviors.times(around))
        x = behaviors.times(kernel, turned)
        if residual is not None:
            x = self.dropout_layer(x, training=True)
            x = behaviors.times(residual, x - tf.reduce_mean(x, -1, keepdims=True))
        return mean_of_layer_norm(x, behaviors.valid, self.scale, self.offset, self.epsilon)

    def _kernel(self, weights: tf.Tensor) -> tf.Tensor:
        """Returns the [D, D] matrix that applies each head's weights to that head's columns."""
        if self.mix == "diagonal":
            return tf.linalg.diag(tf.reshape(weights, [-1]))
        num_heads, head_dim, _ = weights.shape
        own = tf.eye(num_heads, dtype=weights.dtype)
        blocks = weights[:, :, None, :] * own[:, None, :, None]
        return tf.reshape(blocks, [num_heads * head_dim, num_heads * head_dim])

    def _mixed(self, behaviors: tf.Tensor) -> tf.Tensor:
        """Returns `irfft(rfft(x) . W)` over the K axis, [B, T, K, D]."""
        real, imaginary = self._kernel(self.real), self._kernel(self.imaginary)
        return times(behaviors, real) + self.hilbert(times(behaviors, imaginary))

    def hilbert(self, x: tf.Tensor) -> tf.Tensor:
        """Returns `irfft(i rfft(x))` over the K axis of [B, T, K, D]."""
        turn = TRANSFORMS[self.transform]
        # Antisymmetric, so its transpose is its negative.
        return tf.custom_gradient(lambda x: (turn(x), lambda upstream: turn(upstream, -1)))(x)

    def get_config(self):
        return super().get_config() | {
            "num_heads": self.num_heads,
            "mix": self.mix,
            "transform": self.transform,
            "dropout": self.dropout,
            "epsilon": self.epsilon,
        }


def turn_by_fft(x: tf.Tensor, sign: int = 1) -> tf.Tensor:
    """Returns `sign irfft(i rfft(x))` over the K axis of [B, T, K, D]."""
    steps = x.shape[-2]
    spectrum = tf.signal.rfft(tf.linalg.matrix_transpose(tf.cast(x, tf.float32)))
    # A real signal's spectrum is real at its ends; cuFFT, unlike others, reads what is not.
    spectrum *= tf.constant(sign * 1j * inner_frequencies(steps), tf.complex64)
    turned = tf.linalg.matrix_transpose(tf.signal.irfft(spectrum, [steps]))
    return tf.cast(turned, x.dtype)


def turn_by_matmul(x: tf.Tensor, sign: int = 1) -> tf.Tensor:
    """Returns what `turn_by_fft` does."""
    return tf.matmul(tf.constant(sign * hilbert_matrix(x.shape[-2]), x.dtype), x)


def turn_halves(x: tf.Tensor) -> tf.Tensor:
    """Returns what `turn_by_matmul` does, in the order `even_first`, by half the products.

    C's other entries are 0. In `x`, the odd positions come before the even ones.
    """
    half = x.shape[-2] // 2
    order = even_first(2 * half)
    matrix = hilbert_matrix(2 * half)[order][:, np.roll(order, half)]
    blocks = np.stack([matrix[:half, :half], matrix[half:, half:]])

    def product(blocks, x):
        blocks = tf.constant(blocks, x.dtype)
        if x.shape[:2].num_elements() == 1:  # see `linear`
            halves = zip(tf.unstack(blocks), tf.split(x[0, 0], 2), strict=True)
            return tf.concat([tf.matmul(block, part) for block, part in halves], 0)[None, None]
        pairs = tf.reshape(x, [-1, 2, half, x.shape[-1]])
        return tf.reshape(tf.matmul(blocks, pairs), tf.shape(x))

    transposed = blocks.transpose(0, 2, 1)
    return tf.custom_gradient(
        lambda x: (product(blocks, x), lambda upstream: product(transposed, upstream))
    )(x)


def inner_frequencies(steps: int) -> np.ndarray:
    """Returns 1 for frequencies with an imaginary part, 0 for the first (and the last if even)."""
    inner = np.ones(steps // 2 + 1)
    inner[0] = 0
    if steps % 2 == 0:
        inner[-1] = 0
    return inner


def hilbert_matrix(steps: int) -> np.ndarray:
    """Returns the [steps, steps] matrix of `x -> irfft(i rfft(x))`."""
    spectrum = 1j * np.fft.rfft(np.eye(steps), axis=0) * inner_frequencies(steps)[:, None]
    return np.fft.irfft(spectrum, steps, axis=0)


TRANSFORMS = {"fft": turn_by_fft, "matmul": turn_by_matmul}
